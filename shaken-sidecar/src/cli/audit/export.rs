//! `shaken audit export`: records for other programs.

use super::select::{self, Log, Search, Selection};
use super::{Exit, Failure, reveal, show};
use crate::audit::{Conditions, Event, Line, Shown};
use crate::cli::input::Output;

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Lines of JSON, or CSV of the records about calls
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    #[command(flatten)]
    log: Log,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Json,
    Csv,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let opened = args.log.open()?;
    let dir = opened.dir.clone();
    let conditions = args.selection.conditions();
    let wanted = select::wanted(&conditions)?;
    if args.log.reveal {
        // That they are shown has to be on record before; how many there are is found out for that.
        let shown = count(Search::new(&dir, &wanted)?, conditions);
        reveal::record(opened, shown)?;
    }
    let mut output = Output::new();
    if args.format == Format::Csv {
        output.line(format_args!("{}", show::CSV_HEADER))?;
    }
    let mut search = Search::new(&dir, &wanted)?;
    while let Some(line) = search.next() {
        if args.log.reveal && args.format == Format::Json {
            output.bytes(&line.bytes)?;
            output.bytes(b"\n")?;
            continue;
        }
        let Some(entry) = search.entry(&line) else { continue };
        match (show::event(&entry, args.log.reveal), args.format) {
            (event, Format::Json) => output.line(format_args!("{}", show::json(line.index, &event)))?,
            (Event::Call(call), Format::Csv) => {
                output.line(format_args!("{}", show::csv(line.index, &call)))?;
            }
            (_, Format::Csv) => {}
        }
    }
    output.finish()?;
    Ok(search.exit(Exit::Yes))
}

fn count(lines: impl Iterator<Item = Line>, conditions: Conditions) -> Shown {
    let mut shown = Shown::new("export", conditions, &[]);
    for Line { index, .. } in lines {
        shown.records += 1;
        shown.first = shown.first.or(Some(index));
        shown.last = Some(index);
    }
    shown
}
