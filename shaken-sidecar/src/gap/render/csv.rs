//! The report as CSV (RFC 4180): one row for each, all states.

use std::io::{self, Write};

use super::Shown;
use crate::csv_cell::csv_cell;
use crate::gap::{Level, Report};
use crate::stamp::rfc3339;

/// Writes a first line of names and all rows.
///
/// # Errors
/// Those of `out`.
pub fn csv(report: &Report<'_>, shown: Shown, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{HEADER}")?;
    for row in report.rows() {
        let (owner, action) = row.remedy();
        let time = |time: Option<i64>| time.map(rfc3339).unwrap_or_default();
        let level = |level: Option<Level>| level.map_or("", Level::name);
        let counts = row.counts.levels.iter().flatten().map(u64::to_string);
        let texts = [
            shown.number(row.numbers.0),
            shown.number(row.numbers.1),
            row.count.to_string(),
            row.state.name().to_owned(),
            row.reason,
            owner.name().to_owned(),
            action.into_owned(),
            time(row.since),
            row.generation.unwrap_or_default(),
            row.cause.unwrap_or_default(),
            row.best.name().to_owned(),
            level(row.teams).to_owned(),
            level(row.observed).to_owned(),
            row.trunk,
            row.customer,
            row.holder,
            shown.text(&row.site),
            time(row.seen.map(|(first, _)| first)),
            time(row.seen.map(|(_, last)| last)),
            row.counts.calls().to_string(),
            row.counts.below_a().to_string(),
            row.counts.other.to_string(),
        ];
        let cells: Vec<String> = texts.into_iter().chain(counts).map(|text| csv_cell(&text)).collect();
        writeln!(out, "{}", cells.join(","))?;
    }
    Ok(())
}

const HEADER: &str = "first,last,numbers,state,reason,owner,action,since,generation,cause,best,teams,observed,\
     trunk,customer,holder,site,first_seen,last_seen,calls,below_a,other,a_1d,b_1d,c_1d,unsigned_1d,a_7d,b_7d,c_7d,\
     unsigned_7d,a_30d,b_30d,c_30d,unsigned_30d,a_all,b_all,c_all,unsigned_all";
