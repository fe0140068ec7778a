//! `shaken policy`: check, explain, compile, compare and import policies, and what they would change, without
//! a daemon.

mod diff;
mod explain;
mod generations;
mod import;
mod simulate;

use std::path::{Path, PathBuf};

use shaken_core::sip::Uri;

use super::input::{Output, clock, note};
use super::{Exit, Failure};
use crate::call::Party;
use crate::policy::data::{KeptIn, LoadError, Loader, Policy, SnapshotError, kept_in};
use crate::policy::decision::Caller;
use crate::policy::{Plan, shadowed};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Read a policy and name what is wrong with it, by file and line
    Check {
        /// policy.toml, its folder, or a compiled policy
        file: PathBuf,
    },
    /// Say what a call gets and why: every stage of the decision. Certificates are not looked at
    Explain(explain::Args),
    /// Put all of a policy into one file, which loads at once
    Compile {
        /// policy.toml
        file: PathBuf,
        /// The file to write; one that is there is replaced as a whole
        out: PathBuf,
    },
    /// Name the rows and keys that differ between two policies; exit 1 if there are any
    Diff(diff::Args),
    /// List the policies that are kept: when each was compiled, which it is, by whom, and what changed
    Generations(generations::Args),
    /// Say what a policy would change: decide the calls of an audit log or of a CDR file again
    Simulate(simulate::Args),
    /// Read the rows of a policy from a PostgreSQL database; they are checked before they replace any
    Import(import::Args),
}

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Check { file } => check(file),
        Command::Explain(args) => explain::run(args),
        Command::Compile { file, out } => compile(file, out),
        Command::Diff(args) => diff::run(args),
        Command::Generations(args) => generations::run(args),
        Command::Simulate(args) => simulate::run(args),
        Command::Import(args) => import::run(args),
    }
}

fn check(file: &Path) -> Result<Exit, Failure> {
    let policy = load(file)?;
    for (later, earlier) in shadowed(policy.recognized()) {
        let taken = format_args!("{earlier:?} before it matches all that it would");
        note(format_args!("trunk {later:?} is never reached: {taken}"));
    }
    note(format_args!("{} is good: generation {}", file.display(), policy.generation().id()));
    Ok(Exit::Yes)
}

/// The policies that are kept in a folder. Tells of those that another version of the program wrote.
pub(super) fn read_kept(dir: &Path, now: i64) -> Result<KeptIn, Failure> {
    let kept = kept_in(dir, now).map_err(failure)?;
    if let [first, ..] = kept.of_others.as_slice() {
        let (count, first) = (kept.of_others.len(), first.display());
        note(format_args!(
            "{count} policies are of another version of shaken and passed over, such as {first}"
        ));
    }
    Ok(kept)
}

fn compile(file: &Path, out: &Path) -> Result<Exit, Failure> {
    let compiled = Loader::new(file).compile(out, clock()).map_err(failure)?;
    let facts = std::fs::metadata(out)
        .map_err(|error| Failure::new(Exit::Io, format_args!("{}: {error}", out.display())))?;
    let mut output = Output::new();
    for (name, value) in [
        ("generation", compiled.generation.id()),
        ("rows", &compiled.rows.to_string()),
        ("bytes", &facts.len().to_string()),
    ] {
        output.line(format_args!("{name:<11} {value}"))?;
    }
    output.finish()?;
    Ok(Exit::Yes)
}

fn load(file: &Path) -> Result<Policy, Failure> {
    Loader::new(&file_of(file)).load(clock()).map_err(failure)
}

/// A folder stands for the policy.toml in it.
fn file_of(path: &Path) -> PathBuf {
    if path.is_dir() { path.join("policy.toml") } else { path.to_owned() }
}

/// Who calls, by the text of a request or a file.
/// It is dialled as on a trunk with this plan.
fn caller(text: &str, plan: Plan) -> Caller {
    let of_uri = |_| Uri::parse(text.as_bytes()).and_then(|uri| Party::of(&uri));
    match Party::parse(text.to_owned()).or_else(of_uri) {
        Ok(party) => Caller::Number(plan.meant(party.tn, party.written)),
        _ if is_anonymous(text) => Caller::Anonymous,
        _ => Caller::Invalid,
    }
}

/// The word, or the URI of RFC 3323 §4.1.
fn is_anonymous(text: &str) -> bool {
    let uri = "sip:anonymous@anonymous.invalid";
    text.eq_ignore_ascii_case("anonymous") || text.eq_ignore_ascii_case(uri)
}

/// What the files say is configuration; a compiled file is data that can be made again.
pub(super) fn failure(error: LoadError) -> Failure {
    let exit = match &error {
        LoadError::Io { .. } | LoadError::Snapshot { error: SnapshotError::Io(_), .. } => Exit::Io,
        LoadError::Faults(_) => Exit::BadConfig,
        LoadError::Snapshot { .. } => Exit::BadData,
    };
    Failure::new(exit, error)
}
