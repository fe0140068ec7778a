//! What would change, for people and for programs.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Args, Failure, Format, Simulation};
use crate::audit::mask::mask_party;
use crate::cli::input::{Output, note, printable};
use crate::csv_cell::csv_cell;
use crate::policy::data::Policy;
use crate::policy::simulation::{Change, Effect, Given, Kind, Tally};
use crate::stamp::rfc3339;

pub(super) fn all(args: &Args, simulation: &Simulation<'_>, took: Duration) -> Result<(), Failure> {
    let example = |number: &String| match args.reveal {
        true => number.clone(),
        false => mask_party(number),
    };
    let of_change = |change: &Change| change.examples.iter().map(example).collect::<Vec<_>>();
    let mut output = Output::new();
    match args.format {
        Format::Text => text(&mut output, simulation, of_change)?,
        Format::Csv => csv(&mut output, &simulation.tally, of_change)?,
        Format::Json => {
            output.line(format_args!("{}", summary(simulation)))?;
            for (kind, change) in simulation.tally.changes() {
                output.line(format_args!("{}", json_of(kind, change, &of_change(change))))?;
            }
        }
    }
    output.finish()?;
    tell(args, simulation, took);
    Ok(())
}

/// What the figures do not say.
fn tell(args: &Args, simulation: &Simulation<'_>, took: Duration) {
    let (tally, left_out) = (&simulation.tally, &simulation.left_out);
    let rate = tally.calls() as f64 / took.as_secs_f64().max(f64::EPSILON);
    note(format_args!("{} calls decided again in {:.1} s, {rate:.0}/s", tally.calls(), took.as_secs_f64()));
    if args.cdr.is_none() {
        note(format_args!(
            "a log does not hold who diverted a call, what Identity it came with, and delegate certificates: \
             calls are decided as if there were none"
        ));
    }
    for (count, what) in [
        (left_out.unknown_facts, "calls that were decided by one of these"),
        (left_out.failed, "calls that failed by their request, a key or a certificate"),
        (left_out.unreadable, "lines of the log that are damaged or of another version"),
    ] {
        if count > 0 {
            note(format_args!("left out: {count} {what}"));
        }
    }
}

fn text(
    output: &mut Output,
    simulation: &Simulation<'_>,
    examples: impl Fn(&Change) -> Vec<String>,
) -> Result<(), Failure> {
    let tally = &simulation.tally;
    let generation = |policy: &Policy| format!("{}, mode {}", policy.generation().id(), policy.mode().name());
    let before = simulation.current.map_or_else(|| "what they got".to_owned(), generation);
    let span = tally
        .span()
        .map_or_else(|| "-".to_owned(), |(first, last)| format!("{} to {}", rfc3339(first), rfc3339(last)));
    for (name, value) in
        [("candidate", generation(simulation.candidate)), ("before", before), ("calls", span)]
    {
        output.line(format_args!("{name:<11} {value}"))?;
    }
    output.line(format_args!("\n{:<11} {:>12} {:>12}", "", "BEFORE", "AFTER"))?;
    for given in Given::ALL {
        let (before, after) = tally.given(given);
        if before + after > 0 {
            output.line(format_args!("{given:<11} {before:>12} {after:>12}", given = given.name()))?;
        }
    }
    output.line(format_args!("{:<11} {:>12}\n", "all", tally.calls()))?;
    for effect in Effect::ALL {
        let calls = tally.of(effect);
        if calls > 0 || effect != Effect::Other {
            output.line(format_args!("{:<11} {calls:>12} {}", effect.name(), share(calls, tally)))?;
        }
    }
    let changes = tally.changes();
    let rows: Vec<[String; 8]> =
        changes.iter().map(|(kind, change)| row(kind, change, tally, &examples)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let head = ["CALLS", "SHARE", "TRUNK", "CUSTOMER", "BEFORE", "AFTER", "DAYS", "FROM"].map(str::to_owned);
    let widths: [usize; 8] = std::array::from_fn(|column| {
        let len = |row: &[String; 8]| row[column].chars().count();
        rows.iter().map(len).max().unwrap_or_default().max(len(&head))
    });
    let mut effect = None;
    for ((kind, _), row) in changes.iter().zip(&rows) {
        if effect.replace(kind.effect()) != Some(kind.effect()) {
            output.line(format_args!("\n{}", kind.effect().name().to_uppercase()))?;
            line(output, &head, &widths)?;
        }
        line(output, row, &widths)?;
    }
    Ok(())
}

fn line(output: &mut Output, row: &[String; 8], widths: &[usize; 8]) -> Result<(), Failure> {
    let mut text = String::new();
    for (i, (cell, width)) in row.iter().zip(widths).enumerate() {
        // The first two are figures.
        let cell = if i < 2 { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
        text.push_str(if i == 0 { "" } else { "  " });
        text.push_str(&cell);
    }
    output.line(format_args!("{}", printable(text.trim_end())))
}

fn row(
    kind: &Kind,
    change: &Change,
    tally: &Tally,
    examples: impl Fn(&Change) -> Vec<String>,
) -> [String; 8] {
    let day = |at: i64| rfc3339(at).split('T').next().unwrap_or_default().to_owned();
    let (first, last) = change.span;
    [
        change.calls.to_string(),
        share(change.calls, tally),
        name(kind.trunk.as_deref()),
        name(kind.customer.as_deref()),
        format!("{} {}", kind.given.0, kind.reasons.0),
        format!("{} {}", kind.given.1, kind.reasons.1),
        format!("{} to {}", day(first), day(last)),
        examples(change).join(" "),
    ]
}

fn csv(output: &mut Output, tally: &Tally, examples: impl Fn(&Change) -> Vec<String>) -> Result<(), Failure> {
    output.line(format_args!(
        "effect,trunk,customer,before,before_reason,after,after_reason,calls,share_percent,first,last,examples"
    ))?;
    for (kind, change) in tally.changes() {
        let cells = [
            kind.effect().name().to_owned(),
            kind.trunk.clone().unwrap_or_default(),
            kind.customer.clone().unwrap_or_default(),
            kind.given.0.name().to_owned(),
            kind.reasons.0.clone(),
            kind.given.1.name().to_owned(),
            kind.reasons.1.to_owned(),
            change.calls.to_string(),
            format!("{:.4}", percent(change.calls, tally)),
            rfc3339(change.span.0),
            rfc3339(change.span.1),
            examples(change).join(" "),
        ];
        output.line(format_args!("{}", cells.map(|cell| csv_cell(&cell)).join(",")))?;
    }
    Ok(())
}

fn summary(simulation: &Simulation<'_>) -> Value {
    let tally = &simulation.tally;
    let counts = |side: fn((u64, u64)) -> u64| {
        let count = |given: Given| (given.name().to_owned(), side(tally.given(given)).into());
        Value::Object(Given::ALL.into_iter().map(count).collect())
    };
    let effects: Map<String, Value> =
        Effect::ALL.into_iter().map(|effect| (effect.name().to_owned(), tally.of(effect).into())).collect();
    let left_out = &simulation.left_out;
    json!({
        "kind": "summary",
        "candidate": simulation.candidate.generation().id(),
        "mode": simulation.candidate.mode().name(),
        "current": simulation.current.map(|current| current.generation().id()),
        "calls": tally.calls(),
        "first": tally.span().map(|(first, _)| rfc3339(first)),
        "last": tally.span().map(|(_, last)| rfc3339(last)),
        "before": counts(|(before, _)| before),
        "after": counts(|(_, after)| after),
        "effects": effects,
        "left_out": {
            "unknown_facts": left_out.unknown_facts,
            "failed": left_out.failed,
            "unreadable": left_out.unreadable,
        },
    })
}

fn json_of(kind: &Kind, change: &Change, examples: &[String]) -> Value {
    json!({
        "kind": "change",
        "effect": kind.effect().name(),
        "trunk": kind.trunk,
        "customer": kind.customer,
        "before": kind.given.0.name(),
        "before_reason": kind.reasons.0,
        "after": kind.given.1.name(),
        "after_reason": kind.reasons.1,
        "calls": change.calls,
        "first": rfc3339(change.span.0),
        "last": rfc3339(change.span.1),
        "examples": examples,
    })
}

fn name(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

fn share(calls: u64, tally: &Tally) -> String {
    format!("{:.2} %", percent(calls, tally))
}

fn percent(calls: u64, tally: &Tally) -> f64 {
    100.0 * calls as f64 / tally.calls().max(1) as f64
}
