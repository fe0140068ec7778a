//! `shaken policy simulate`: what a policy would change, on the calls of an audit log or of a CDR file.

mod cdr;
mod log;
mod print;

use std::path::PathBuf;
use std::time::Instant;

use super::{Exit, Failure, caller, load};
use crate::audit::{Conditions, Shown};
use crate::cli::audit::reveal;
use crate::cli::audit::select::{Log, Opened};
use crate::cli::input::parse_time;
use crate::policy::data::Policy;
use crate::policy::simulation::{Before, Call, Effect, Tally};

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("calls").required(true).args(["audit", "config", "cdr"])))]
pub(in crate::cli) struct Args {
    /// The policy to try: its folder, policy.toml, or a compiled policy
    #[arg(long, value_name = "POLICY")]
    candidate: PathBuf,
    /// Compare with what this policy decides, and not with what the calls got
    #[arg(long, value_name = "POLICY")]
    current: Option<PathBuf>,
    /// Calls of the audit log in this folder
    #[arg(long, value_name = "DIR")]
    audit: Option<PathBuf>,
    /// Calls of the audit log of the daemon with this configuration
    #[arg(long, value_name = "F")]
    config: Option<PathBuf>,
    /// Calls of a CSV file with the columns time, orig, dest, trunk, and, where they are known, diverted_by,
    /// attest, received, given, reason; - is standard input
    #[arg(long, value_name = "FILE")]
    cdr: Option<PathBuf>,
    /// Not before this time: 2026-06-01T12:00:00Z, 2026-06-01 (UTC) or seconds since 1970
    #[arg(long, value_name = "TIME", conflicts_with = "cdr")]
    from: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME", conflicts_with = "cdr")]
    to: Option<String>,
    /// Decide all calls as if they were at this time, and not each at its own: Unix seconds or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<i64>,
    /// How the changes are written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Exit 1 if a call gets less than before, or anything else
    #[arg(long, value_enum)]
    fail_on: Option<FailOn>,
    /// Show example numbers in clear; those of a log are put on record first, which takes --config
    #[arg(long)]
    reveal: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Csv,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    /// A lower level, no signature where there was one, or a block where the call went on
    Lost,
    /// Any other level or outcome
    Changed,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let candidate = load(&args.candidate)?;
    let current = args.current.as_deref().map(load).transpose()?;
    let mut simulation = Simulation {
        candidate: &candidate,
        current: current.as_ref(),
        at: args.at,
        tally: Tally::default(),
        left_out: LeftOut::default(),
    };
    let began = Instant::now();
    let mut exit = Exit::Yes;
    if let Some(file) = &args.cdr {
        cdr::replay(file, &mut simulation)?;
    } else {
        let log = Log { config: args.config.clone(), reveal: args.reveal, dir: args.audit.clone() };
        let opened = log.open()?;
        let mut conditions = Conditions::default();
        conditions.from.clone_from(&args.from);
        conditions.to.clone_from(&args.to);
        exit = log::replay(&opened.dir, &conditions, &mut simulation)?;
        if args.reveal {
            put_on_record(opened, conditions, &simulation.tally)?;
        }
    }
    let took = began.elapsed();
    print::all(args, &simulation, took)?;
    let tally = &simulation.tally;
    let changed = tally.calls() - tally.of(Effect::Same);
    Ok(match args.fail_on {
        Some(FailOn::Lost) if tally.of(Effect::Lost) > 0 => Exit::No,
        Some(FailOn::Changed) if changed > 0 => Exit::No,
        // Also of a gate that was passed: what could not be read may be what is lost.
        _ => exit,
    })
}

/// The policies, and what came of the calls so far.
struct Simulation<'p> {
    candidate: &'p Policy,
    current: Option<&'p Policy>,
    at: Option<i64>,
    tally: Tally,
    left_out: LeftOut,
}

/// What was not decided again, and is in none of the counts.
#[derive(Default)]
struct LeftOut {
    /// Calls that were decided by what the log does not hold.
    unknown_facts: u64,
    /// Calls that came to nothing for another reason than a policy: the request, a key, a certificate.
    failed: u64,
    /// Lines of the log that are damaged or of another version.
    unreadable: u64,
}

impl Simulation<'_> {
    /// Counts a call that got `given`, unless the current policy is to say what it got.
    fn take(&mut self, call: &Call<'_>, given: &Before<'_>) {
        let now = self.at.unwrap_or(call.at);
        let after = call.decide(self.candidate, now);
        match self.current.map(|current| call.decide(current, now)) {
            Some(before) => self.tally.add(call, &(&before).into(), &after),
            None => self.tally.add(call, given, &after),
        }
    }
}

/// Whose numbers are shown is put on record before.
fn put_on_record(opened: Opened, conditions: Conditions, tally: &Tally) -> Result<(), Failure> {
    let shown: usize = tally.changes().iter().map(|(_, change)| change.examples.len()).sum();
    if shown == 0 {
        return Ok(());
    }
    let mut on_record = Shown::new("simulate", conditions, &[]);
    on_record.records = shown as u64;
    reveal::record(opened, on_record)
}
