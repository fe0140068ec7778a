//! `shaken policy generations`.

use std::path::PathBuf;

use serde_json::json;

use super::{Exit, Failure, read_kept};
use crate::cli::input::{Output, clock, printable};
use crate::policy::data::{Between, between};
use crate::stamp::rfc3339;

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The folder of compiled policies: `[policy] keep`
    dir: PathBuf,
    /// One JSON object for each
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let kept = read_kept(&args.dir, clock())?;
    let mut output = Output::new();
    let mut before = None;
    for policy in &kept.policies {
        let generation = policy.generation();
        let changed = before.replace(policy).map(|before| between(before, policy));
        let time = rfc3339(generation.loaded_at);
        if args.json {
            let changed = changed.as_ref().map(|changed| {
                json!({
                    "keys": changed.keys.len(),
                    "customers": changed.customers.len(),
                    "evidence": changed.evidence.len(),
                    "numbers": numbers(changed),
                })
            });
            let line = json!({
                "time": time,
                "generation": generation.id(),
                "sha256": generation.sha256,
                "author": generation.author,
                "changed": changed,
            });
            output.line(format_args!("{line}"))?;
        } else {
            let author = generation.author.as_deref().unwrap_or("-");
            let changed = changed.as_ref().map_or_else(|| "the first".to_owned(), summary);
            output.line(format_args!("{time} {} {}: {changed}", generation.id(), printable(author)))?;
        }
    }
    output.finish()?;
    Ok(Exit::Yes)
}

/// How many numbers have other rights, and how many came onto a list or left it.
fn numbers(changed: &Between) -> u64 {
    let lists = changed.do_not_originate.iter().chain(&changed.unallocated);
    changed.rights.iter().map(|change| change.count).chain(lists.copied()).sum()
}

fn summary(changed: &Between) -> String {
    let counts = [
        (numbers(changed), "numbers"),
        (changed.customers.len() as u64, "customers"),
        (changed.evidence.len() as u64, "evidence"),
        (changed.keys.len() as u64, "keys of policy.toml"),
    ];
    let told: Vec<_> = counts.iter().filter(|(count, _)| *count > 0).collect();
    if told.is_empty() {
        return "no number, customer, evidence or key: the order of rows, or notes".to_owned();
    }
    told.iter().map(|(count, what)| format!("{what} {count}")).collect::<Vec<_>>().join(", ")
}
