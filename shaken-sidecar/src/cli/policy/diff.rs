//! `shaken policy diff`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Exit, Failure, failure, load};
use crate::audit::mask::mask_runs;
use crate::cli::input::{Output, printable};
use crate::policy::data::{Between, Change, Changes, RightsChange, RowChange, between, diff, is_compiled};

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// policy.toml of the old one, or a compiled policy
    old: PathBuf,
    /// policy.toml of the new one, or a compiled policy
    new: PathBuf,
    /// One JSON object for each difference; of compiled policies one for all
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    if is_compiled(&args.old).map_err(failure)? || is_compiled(&args.new).map_err(failure)? {
        let [old, new] = [load(&args.old)?, load(&args.new)?];
        return by_number(&between(&old, &new), args.json);
    }
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

/// A compiled policy has no rows of rights: numbers with the same difference are told together.
fn by_number(between: &Between, json: bool) -> Result<Exit, Failure> {
    let mut output = Output::new();
    if json {
        output.line(format_args!("{}", json_of(between)))?;
    } else {
        for key in &between.keys {
            output.line(format_args!("~ policy.toml {}", shown(key)))?;
        }
        for (file, rows) in [("customers.csv", &between.customers), ("evidence.csv", &between.evidence)] {
            for (name, change) in rows {
                output.line(format_args!("{} {file} {}", sign(*change), shown(name)))?;
            }
        }
        for change in &between.rights {
            let rows = change.gone.iter().map(|row| format!("- {}", masked(row)));
            let rows: Vec<_> =
                rows.chain(change.new.iter().map(|row| format!("+ {}", masked(row)))).collect();
            let (numbers, rows) = (span(change), rows.join("; "));
            output.line(format_args!("~ rights.csv {numbers}: {}", printable(&rows)))?;
        }
        for (list, [came, went]) in lists(between) {
            if came + went > 0 {
                output.line(format_args!("~ {list} +{came} -{went} numbers"))?;
            }
        }
    }
    output.finish()?;
    Ok(if between.is_empty() { Exit::Yes } else { Exit::No })
}

fn lists(between: &Between) -> [(&'static str, [u64; 2]); 2] {
    [("do_not_originate", between.do_not_originate), ("unallocated", between.unallocated)]
}

/// Names can have numbers in them.
fn shown(name: &str) -> String {
    printable(&mask_runs(name)).to_string()
}

/// A row of rights; behind four others stand two days.
fn masked(row: &str) -> String {
    let fields = row.split(',').enumerate();
    let fields = fields.map(|(i, field)| if i == 4 || i == 5 { field.to_owned() } else { mask_runs(field) });
    fields.collect::<Vec<_>>().join(",")
}

fn sign(change: RowChange) -> char {
    match change {
        RowChange::Added => '+',
        RowChange::Removed => '-',
        RowChange::Changed => '~',
    }
}

fn span(change: &RightsChange) -> String {
    let [first, last] = [change.span.0, change.span.1].map(|number| mask_runs(&number.to_string()));
    match change.count {
        1 => first,
        count => format!("{count} numbers in {first} to {last}"),
    }
}

fn json_of(between: &Between) -> Value {
    let rows = |rows: &[(String, RowChange)]| -> Vec<Value> {
        let row = |(name, change): &(String, RowChange)| json!({ "name": mask_runs(name), "change": sign(*change).to_string() });
        rows.iter().map(row).collect()
    };
    let all = |rows: &[String]| -> Vec<String> { rows.iter().map(|row| masked(row)).collect() };
    let right = |change: &RightsChange| {
        let [first, last] = [change.span.0, change.span.1].map(|number| mask_runs(&number.to_string()));
        json!({ "numbers": change.count, "first": first, "last": last, "gone": all(&change.gone), "new": all(&change.new) })
    };
    let [old, new] = &between.generations;
    let list = |[added, removed]: [u64; 2]| json!({ "added": added, "removed": removed });
    json!({
        "from": old.id(),
        "to": new.id(),
        "keys": between.keys.iter().map(|key| mask_runs(key)).collect::<Vec<_>>(),
        "customers": rows(&between.customers),
        "evidence": rows(&between.evidence),
        "rights": between.rights.iter().map(right).collect::<Vec<_>>(),
        "do_not_originate": list(between.do_not_originate),
        "unallocated": list(between.unallocated),
    })
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
