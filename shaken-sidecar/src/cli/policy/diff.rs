//! `shaken policy diff`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Exit, Failure, failure};
use crate::cli::input::Output;
use crate::policy::data::{Change, Changes, diff};

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// policy.toml of the old one
    old: PathBuf,
    /// policy.toml of the new one
    new: PathBuf,
    /// One JSON object for each difference
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let all = diff(&args.old, &args.new).map_err(failure)?;
    let mut output = Output::new();
    for changes in &all {
        let mut rows = changes.rows.clone();
        rows.sort_by_key(line_of);
        if args.json {
            let lines = changes.keys.iter().map(|key| json_of_key(changes, key));
            for line in lines.chain(rows.iter().map(|row| json_of_row(changes, row))) {
                output.line(format_args!("{line}"))?;
            }
            continue;
        }
        let (from, to) = (changes.from.display(), changes.to.display());
        for key in &changes.keys {
            output.line(format_args!("~ {to} {key}"))?;
        }
        for row in rows {
            match row {
                Change::Added { line } => output.line(format_args!("+ {to}:{line}"))?,
                Change::Removed { line } => output.line(format_args!("- {from}:{line}"))?,
                Change::Changed { from: old, to: new } => {
                    output.line(format_args!("~ {from}:{old} {to}:{new}"))?;
                }
            }
        }
    }
    output.finish()?;
    Ok(if all.is_empty() { Exit::Yes } else { Exit::No })
}

/// The line that a reader looks at: that of the new file, where there is one.
fn line_of(change: &Change) -> u64 {
    match change {
        Change::Added { line } | Change::Removed { line } | Change::Changed { to: line, .. } => *line,
    }
}

fn json_of_key(changes: &Changes, key: &str) -> Value {
    json!({ "change": "key", "key": key, "from": file(&changes.from), "to": file(&changes.to) })
}

fn json_of_row(changes: &Changes, row: &Change) -> Value {
    let (from, to) = (file(&changes.from), file(&changes.to));
    match row {
        Change::Added { line } => json!({ "change": "added", "to": to, "to_line": line }),
        Change::Removed { line } => json!({ "change": "removed", "from": from, "from_line": line }),
        Change::Changed { from: old, to: new } => {
            json!({ "change": "changed", "from": from, "from_line": old, "to": to, "to_line": new })
        }
    }
}

fn file(path: &std::path::Path) -> String {
    path.display().to_string()
}
