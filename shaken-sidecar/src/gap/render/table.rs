//! The report for a terminal: totals, and a line for each row that somebody has to look at.

use std::io::{self, Write};

use super::Shown;
use crate::cli::printable;
use crate::gap::{Level, Report, State};
use crate::stamp::stamp;

/// Writes totals, and the rows that are neither `OK` nor `UNUSED`.
///
/// # Errors
/// Those of `out`.
pub fn table(report: &Report<'_>, shown: Shown, out: &mut impl Write) -> io::Result<()> {
    let (since, now, _) = report.times();
    writeln!(out, "calls {} to {}, policy {}", stamp(since), stamp(now), report.generation())?;
    for state in State::ALL {
        writeln!(out, "{:<8} {:>12}", state.name(), report.numbers(state))?;
    }
    if report.observed().holes() > 0 {
        writeln!(
            out,
            "holes    {:>12}  gap records: calls are missing in the log",
            report.observed().holes()
        )?;
    }
    let is_quiet = |state| matches!(state, State::Ok | State::Unused);
    let mut has_head = false;
    for row in report.rows().filter(|row| !is_quiet(row.state)) {
        if !has_head {
            has_head = true;
            writeln!(
                out,
                "\n{:<9}{:<24}{:>8}  {:<24}{:<22}{:>9}{:>9}  {:<5}{:<6}{:<5}{:<16} {:<16} WHO: WHAT",
                "STATE",
                "NUMBERS",
                "COUNT",
                "REASON",
                "SINCE",
                "BELOW A",
                "CALLS",
                "BEST",
                "TEAMS",
                "LAST",
                "TRUNK",
                "CUSTOMER"
            )?;
        }
        let (owner, action) = row.remedy();
        let level = |level: Option<Level>| match level {
            Some(Level::Unsigned) => "-",
            Some(level) => level.name(),
            None => "",
        };
        let line = format!(
            "{:<9}{:<24}{:>8}  {:<24}{:<22}{:>9}{:>9}  {:<5}{:<6}{:<5}{:<16} {:<16} {}: {action}",
            row.state.name(),
            shown.subject(&row, report.by()),
            row.count,
            row.reason,
            row.since.map(stamp).unwrap_or_default(),
            row.counts.below_a(),
            row.counts.calls(),
            level(Some(row.best)),
            level(row.teams),
            level(row.observed),
            row.trunk,
            row.customer,
            owner.name(),
        );
        // Names of clients and files must not command a terminal.
        writeln!(out, "{}", printable(&line))?;
        if let Some(generation) = &row.generation {
            let cause = row.cause.as_deref().unwrap_or("its policy is not in --generations");
            writeln!(out, "         generation {generation}: {}", printable(cause))?;
        }
    }
    Ok(())
}
