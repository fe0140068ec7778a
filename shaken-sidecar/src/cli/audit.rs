//! `shaken audit`: the key of a log, checks of all of it, and what is found in it.

mod export;
pub(super) mod progress;
pub(super) mod reveal;
mod search;
pub(super) mod select;
pub(super) mod show;
mod stat;
mod trace;
mod verify;

use std::path::{Path, PathBuf};

pub(super) use progress::Progress;

use super::input::{Output, note};
use super::{Exit, Failure};
use crate::audit::proof::{Key, KeyError, Origin};
use crate::audit::{AuditError, SEGMENTS, Shown};
use crate::config::Config;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Make the key that signs the checkpoints of a log, and print the line that checks them
    Init {
        /// Folder that the key is put into; best not that of the log
        #[arg(long)]
        dir: PathBuf,
        /// Name of the log, such as voice.example.com/audit
        #[arg(long)]
        origin: String,
    },
    /// Check all of a log: records, columns, tiles, checkpoint, and checkpoints kept elsewhere
    Verify(verify::Args),
    /// Find calls by number, time, Call-ID, level or reason
    Search(search::Args),
    /// One page about one call: the decision, why, who says so, and the proof
    Trace(trace::Args),
    /// Write records out, as lines of JSON or CSV
    Export(export::Args),
    /// Count decisions by level, verdict and reason, over time
    Stat(stat::Args),
}

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Init { dir, origin } => init(dir, origin),
        Command::Verify(args) => verify::run(args),
        Command::Search(args) => search::run(args),
        Command::Trace(args) => trace::run(args),
        Command::Export(args) => export::run(args),
        Command::Stat(args) => stat::run(args),
    }
}

fn init(dir: &Path, origin: &str) -> Result<Exit, Failure> {
    let failure = |error: KeyError| {
        let exit = match error {
            KeyError::Origin => Exit::Usage,
            KeyError::NoRandomness => Exit::Unavailable,
            _ => Exit::Io,
        };
        Failure::new(exit, error)
    };
    let key = Key::generate(Origin::parse(origin).map_err(failure)?).map_err(failure)?;
    let path = dir.join(KEY_FILE);
    key.write_new(&path).map_err(failure)?;
    // The line first: it goes into a file when standard output does.
    let mut output = Output::new();
    output.line(format_args!("{}", key.verifier()))?;
    output.finish()?;
    let path = std::path::absolute(&path).unwrap_or(path);
    note(format_args!(
        "the key is in {}; whoever has it can sign another history of this log.

The line on standard output checks what it signs. Keep it on another machine, with those who are to
check the log: `shaken audit verify --pubkey LINE --checkpoints FILE DIR`.

In the configuration of the daemon:

  [audit]
  key = {:?}

  [[audit.outside]]              # where who can change the log cannot change it
  file = \"PATH\"                  # or: syslog = true, or: http = \"URL\"",
        path.display(),
        path.display().to_string()
    ));
    if dir.join(SEGMENTS).is_dir() {
        note(format_args!(
            "this is the folder of a log: move the key elsewhere, so that no copy of the log has it"
        ));
    }
    Ok(Exit::Yes)
}

/// Puts on record in the log in `dir`, which is that of `config`, what is about to be `shown` in clear.
pub(super) fn reveal(dir: PathBuf, config: Config, shown: Shown) -> Result<(), Failure> {
    reveal::record(select::Opened { dir, config: Some(config) }, shown)
}

/// A log that cannot be read is one thing, a log that is not what it should be another.
pub(super) fn failure(error: AuditError) -> Failure {
    let exit = if error.is_of_the_data() { Exit::BadData } else { Exit::Io };
    Failure::new(exit, error)
}

const KEY_FILE: &str = "audit.key";
