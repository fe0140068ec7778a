//! `shaken audit stat`: decisions counted, over time. Heartbeats of SBCs are none.

use std::collections::BTreeMap;

use serde_json::json;

use super::select::{self, Log, Search, Selection};
use super::{Exit, Failure};
use crate::audit::{Event, Record};
use crate::cli::input::Output;
use crate::csv_cell::csv_cell;

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Length of one span of time
    #[arg(long, value_enum, default_value_t = Span::Day)]
    by: Span,
    /// How the counts are written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    log: Log,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Span {
    Hour,
    Day,
    Month,
}

impl Span {
    /// How much of a time in RFC 3339 names it.
    const fn len(self) -> usize {
        match self {
            Self::Hour => "2026-06-01T12".len(),
            Self::Day => "2026-06-01".len(),
            Self::Month => "2026-06".len(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Csv,
}

/// What calls are counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    span: String,
    op: String,
    verdict: String,
    attest: String,
    why: String,
}

impl Kind {
    fn of(call: &Record, span: Span) -> Self {
        let why = call.error.as_deref().or(call.reason.as_deref());
        Self {
            span: call.time().get(..span.len()).unwrap_or_default().to_owned(),
            op: call.op.name().to_owned(),
            verdict: call.verdict.to_string(),
            attest: call.attest.as_deref().unwrap_or("-").to_owned(),
            why: why.unwrap_or("-").to_owned(),
        }
    }
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let opened = args.log.open()?;
    let conditions = args.selection.conditions();
    let wanted = select::wanted(&conditions)?;
    let mut counts: BTreeMap<Kind, u64> = BTreeMap::new();
    let mut search = Search::new(&opened.dir, &wanted)?;
    while let Some(line) = search.next() {
        if let Some(Event::Call(call)) = search.entry(&line).map(|entry| entry.event)
            && call.synthetic != Some(true)
        {
            *counts.entry(Kind::of(&call, args.by)).or_default() += 1;
        }
    }
    print(args.format, &counts)?;
    Ok(search.exit(Exit::Yes))
}

fn print(format: Format, counts: &BTreeMap<Kind, u64>) -> Result<(), Failure> {
    let mut output = Output::new();
    match format {
        Format::Text => output.line(format_args!(
            "{:<14}{:<8}{:<10}{:<8}{:>12}  REASON OR ERROR",
            "TIME", "OP", "VERDICT", "ATTEST", "CALLS"
        ))?,
        Format::Csv => output.line(format_args!("time,op,verdict,attest,reason_or_error,calls"))?,
        Format::Json => {}
    }
    for (Kind { span, op, verdict, attest, why }, calls) in counts {
        match format {
            Format::Text => {
                output.line(format_args!("{span:<14}{op:<8}{verdict:<10}{attest:<8}{calls:>12}  {why}"))?;
            }
            Format::Csv => {
                let cells = [span, op, verdict, attest, why].map(|cell| csv_cell(cell));
                output.line(format_args!("{},{calls}", cells.join(",")))?;
            }
            Format::Json => {
                let why = (why != "-").then_some(why);
                let attest = (attest != "-").then_some(attest);
                output.line(format_args!(
                    "{}",
                    json!({ "time": span, "op": op, "verdict": verdict, "attest": attest,
                            "reason_or_error": why, "calls": calls })
                ))?;
            }
        }
    }
    output.finish()
}
