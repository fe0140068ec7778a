//! The report as one JSON object on one line. `GAP.md` says what its members mean.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::Shown;
use crate::gap::{Changed, Counts, Level, Report, Row, State};
use crate::stamp::rfc3339;

/// Writes the object. Its rows are written as they are made.
///
/// # Errors
/// Those of `out`.
pub fn json(report: &Report<'_>, shown: Shown, out: &mut impl Write) -> io::Result<()> {
    let (since, now, until) = report.times();
    let states: Value = State::ALL
        .iter()
        .map(|state| (state.name().to_owned(), report.numbers(*state).into()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let reasons: Vec<Value> = report
        .totals()
        .map(
            |(state, reason, numbers)| json!({ "state": state.name(), "reason": reason, "numbers": numbers }),
        )
        .collect();
    let days: Vec<Value> = report
        .observed()
        .days()
        .iter()
        .map(|(day, of)| json!({ "day": crate::stamp::stamp(day * 86_400), "calls": Levels::of(of.levels) }))
        .collect();
    let mut head = json!({
        "schema_version": SCHEMA_VERSION,
        "time": rfc3339(now),
        "since": rfc3339(since),
        "at_risk_until": rfc3339(until),
        "generation": report.generation(),
        "by": report.by().name(),
        "numbers": states,
        "reasons": reasons,
        "calls": Calls::of(report.counts()),
        "calls_without_number": Calls::of(report.observed().unnumbered()),
        "days": days,
        "holes": report.observed().holes(),
        "unreadable": report.observed().failures().len(),
        "passed_over": report.passed_over(),
    })
    .to_string();
    // The object goes on.
    head.pop();
    write!(out, "{head},\"rows\":[")?;
    for (i, row) in report.rows().enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        serde_json::to_writer(&mut *out, &Member::of(&row, shown))?;
    }
    writeln!(out, "]}}")
}

/// A row, member by member: there may be a million, so none is put together in memory first.
#[derive(Serialize)]
struct Member<'r> {
    first: String,
    last: String,
    numbers: u64,
    state: &'static str,
    reason: &'r str,
    owner: &'static str,
    action: Cow<'static, str>,
    since: Option<String>,
    generation: Option<&'r str>,
    cause: Option<&'r str>,
    best: &'static str,
    teams: Option<&'static str>,
    observed: Option<&'static str>,
    trunk: Option<&'r str>,
    customer: Option<&'r str>,
    holder: Option<&'r str>,
    site: Option<String>,
    first_seen: Option<String>,
    last_seen: Option<String>,
    calls: Calls,
    changes: Vec<Change<'r>>,
}

impl<'r> Member<'r> {
    fn of(row: &'r Row, shown: Shown) -> Self {
        let (owner, action) = row.remedy();
        Self {
            first: shown.number(row.numbers.0),
            last: shown.number(row.numbers.1),
            numbers: row.count,
            state: row.state.name(),
            reason: &row.reason,
            owner: owner.name(),
            action,
            since: row.since.map(rfc3339),
            generation: row.generation.as_deref(),
            cause: row.cause.as_deref(),
            best: row.best.name(),
            teams: row.teams.map(Level::name),
            observed: row.observed.map(Level::name),
            trunk: word(&row.trunk),
            customer: word(&row.customer),
            holder: word(&row.holder),
            site: word(&row.site).map(|site| shown.text(site)),
            first_seen: row.seen.map(|(first, _)| rfc3339(first)),
            last_seen: row.seen.map(|(_, last)| rfc3339(last)),
            calls: Calls::of(&row.counts),
            changes: row.changes.iter().map(Change::of).collect(),
        }
    }
}

#[derive(Serialize)]
struct Change<'r> {
    time: String,
    trunk: &'r str,
    from: &'static str,
    to: &'static str,
    reason: Option<&'r str>,
    generation: Option<&'r str>,
}

impl<'r> Change<'r> {
    fn of(change: &'r Changed) -> Self {
        Self {
            time: rfc3339(change.at),
            trunk: &change.trunk,
            from: change.from.name(),
            to: change.to.name(),
            reason: word(&change.reason),
            generation: word(&change.generation),
        }
    }
}

#[derive(Serialize)]
struct Calls {
    #[serde(rename = "1d")]
    day: Levels,
    #[serde(rename = "7d")]
    week: Levels,
    #[serde(rename = "30d")]
    month: Levels,
    all: Levels,
    other: u64,
    total: u64,
    below_a: u64,
}

impl Calls {
    fn of(counts: &Counts) -> Self {
        let [day, week, month, all] = counts.levels.map(Levels::of);
        Self { day, week, month, all, other: counts.other, total: counts.calls(), below_a: counts.below_a() }
    }
}

#[derive(Serialize)]
struct Levels {
    #[serde(rename = "A")]
    a: u64,
    #[serde(rename = "B")]
    b: u64,
    #[serde(rename = "C")]
    c: u64,
    unsigned: u64,
}

impl Levels {
    fn of([a, b, c, unsigned]: [u64; 4]) -> Self {
        Self { a, b, c, unsigned }
    }
}

fn word(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// The version of the object: raised when a member changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;
