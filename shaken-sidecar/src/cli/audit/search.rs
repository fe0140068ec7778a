//! `shaken audit search`.

use super::select::{self, Log, Search, Selection};
use super::{Exit, Failure, reveal, show};
use crate::audit::{Line, Shown};
use crate::cli::input::{Output, note};

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Show at most this many, from the oldest on
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
    /// Print one JSON object a line; with --reveal the lines as they are in the log
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    log: Log,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let opened = args.log.open()?;
    let conditions = args.selection.conditions();
    let wanted = select::wanted(&conditions)?;
    let mut search = Search::new(&opened.dir, &wanted)?;
    let lines: Vec<Line> = search.by_ref().take(args.limit).collect();
    let is_cut = lines.len() == args.limit && search.next().is_some();
    if args.log.reveal && !lines.is_empty() {
        reveal::record(opened, Shown::new("search", conditions, &lines))?;
    }
    let mut output = Output::new();
    for line in &lines {
        if args.json && args.log.reveal {
            output.bytes(&line.bytes)?;
            output.bytes(b"\n")?;
            continue;
        }
        let Some(entry) = search.entry(line) else { continue };
        let event = show::event(&entry, args.log.reveal);
        if args.json {
            output.line(format_args!("{}", show::json(line.index, &event)))?;
        } else {
            output.line(format_args!("{}", show::line(line.index, &event)))?;
        }
    }
    output.finish()?;
    if is_cut {
        note(format_args!("there are more than {}; narrow the search, or give --limit", args.limit));
    }
    Ok(search.exit(if lines.is_empty() { Exit::No } else { Exit::Yes }))
}
