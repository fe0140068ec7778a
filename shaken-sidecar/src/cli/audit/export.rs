//! `shaken audit export`: records for other programs.

use super::select::{self, Log, Selection};
use super::{Exit, Failure, failure, reveal, show};
use crate::audit::{Conditions, Entry, Event, Line, Shown};
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
        // How many there are is known at the end; that they are shown has to be on record before.
        let shown = count(select::search(&dir, &wanted)?, conditions)?;
        reveal::record(opened, shown)?;
    }
    let mut output = Output::new();
    if args.format == Format::Csv {
        output.line(format_args!("{}", show::CSV_HEADER))?;
    }
    for line in select::search(&dir, &wanted)? {
        let line = line.map_err(failure)?;
        if args.log.reveal && args.format == Format::Json {
            output.bytes(&line.bytes)?;
            output.bytes(b"\n")?;
            continue;
        }
        let entry = Entry::parse(&line.bytes)
            .map_err(|error| Failure::new(Exit::BadData, format_args!("record {}: {error}", line.index)))?;
        match (show::event(&entry, args.log.reveal), args.format) {
            (event, Format::Json) => output.line(format_args!("{}", show::json(line.index, &event)))?,
            (Event::Call(call), Format::Csv) => {
                output.line(format_args!("{}", show::csv(line.index, &call)))?
            }
            (_, Format::Csv) => {}
        }
    }
    output.finish()?;
    Ok(Exit::Yes)
}

fn count(
    found: impl Iterator<Item = Result<Line, crate::audit::AuditError>>,
    conditions: Conditions,
) -> Result<Shown, Failure> {
    let mut shown = Shown::new("export", conditions, &[]);
    for line in found {
        let index = line.map_err(failure)?.index;
        shown.records += 1;
        shown.first = shown.first.or(Some(index));
        shown.last = Some(index);
    }
    Ok(shown)
}
