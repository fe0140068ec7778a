//! Which log, and which of its records: the arguments that several commands share.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::progress::Progress;
use super::{Exit, Failure, failure};
use crate::audit::{AuditError, Conditions, Entry, Finds, Line, Wanted, find};
use crate::cli::input::{clock, note, printable};
use crate::config::Config;

#[derive(clap::Args)]
pub(in crate::cli) struct Log {
    /// Configuration of the daemon whose log it is
    #[arg(long, value_name = "F")]
    pub(in crate::cli) config: Option<PathBuf>,
    /// Show numbers and Identity headers in clear; that is put on record first, which takes --config
    #[arg(long)]
    pub(in crate::cli) reveal: bool,
    /// Folder of the log, if not that of --config
    #[arg(required_unless_present = "config", conflicts_with = "config")]
    pub(in crate::cli) dir: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(super) struct Selection {
    /// Calls from or to this number or URI
    #[arg(long, value_name = "NUMBER")]
    tn: Option<String>,
    /// Not before this time: 2026-06-01T12:00:00Z, 2026-06-01 (UTC) or seconds since 1970
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// SIP Call-ID
    #[arg(long, value_name = "ID")]
    call_id: Option<String>,
    /// The origid claim of the PASSporT
    #[arg(long, value_name = "ID")]
    origid: Option<String>,
    /// Level decided or found
    #[arg(long, value_name = "A|B|C")]
    attest: Option<String>,
    /// Reason of the decision, such as CAPPED_BY_TRUNK
    #[arg(long)]
    reason: Option<String>,
}

/// A log that was named.
pub(in crate::cli) struct Opened {
    pub(in crate::cli) dir: PathBuf,
    pub(in crate::cli) config: Option<Config>,
}

impl Log {
    pub(in crate::cli) fn open(&self) -> Result<Opened, Failure> {
        match (&self.config, &self.dir) {
            (Some(path), _) => {
                let config =
                    Config::load(path, clock()).map_err(|error| Failure::new(Exit::BadConfig, error))?;
                Ok(Opened { dir: config.audit_dir.clone(), config: Some(config) })
            }
            (None, Some(_)) if self.reveal => Err(Failure::new(
                Exit::Usage,
                "--reveal is put on record in the log: give --config FILE of the daemon instead of the folder",
            )),
            (None, dir) => Ok(Opened { dir: dir.clone().unwrap_or_default(), config: None }),
        }
    }
}

impl Selection {
    pub(super) fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.tn.clone_from(&self.tn);
        conditions.from.clone_from(&self.from);
        conditions.to.clone_from(&self.to);
        conditions.call_id.clone_from(&self.call_id);
        conditions.origid.clone_from(&self.origid);
        conditions.attest.clone_from(&self.attest);
        conditions.reason.clone_from(&self.reason);
        conditions
    }
}

pub(in crate::cli) fn wanted(conditions: &Conditions) -> Result<Wanted, Failure> {
    conditions.wanted().map_err(|error| Failure::new(Exit::Usage, format_args!("--{error}")))
}

/// A search that shows how far it is. What cannot be read is told, and the search goes on: one damaged
/// segment must not hide the calls in all others.
pub(super) struct Search<'a> {
    found: Finds<'a>,
    failed: Option<Exit>,
}

impl<'a> Search<'a> {
    pub(super) fn new(dir: &Path, wanted: &'a Wanted) -> Result<Self, Failure> {
        let mut progress = Progress::new();
        let shown = move |done: usize, of: usize| {
            progress.show(format_args!("{done} of {of} segments"));
            if done == of {
                progress.clear();
            }
            ControlFlow::Continue(())
        };
        Ok(Self { found: find(dir, wanted, shown).map_err(failure)?, failed: None })
    }

    /// What a line says, unless this version cannot read it.
    pub(super) fn entry(&mut self, line: &Line) -> Option<Entry> {
        let read = Entry::parse(&line.bytes);
        read.map_err(|source| self.tell(AuditError::Line { index: line.index, source })).ok()
    }

    /// `exit`, if all could be read.
    pub(super) fn exit(&self, exit: Exit) -> Exit {
        self.failed.unwrap_or(exit)
    }

    fn tell(&mut self, error: AuditError) {
        let Failure { exit, message } = failure(error);
        note(format_args!("{}", printable(&message)));
        self.failed = Some(exit);
    }
}

impl Iterator for Search<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        loop {
            match self.found.next()? {
                Ok(line) => return Some(line),
                Err(error) => self.tell(error),
            }
        }
    }
}
