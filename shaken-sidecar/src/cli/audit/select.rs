//! Which log, and which of its records: the arguments that several commands share.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::progress::Progress;
use super::{Exit, Failure, failure};
use crate::audit::{Conditions, Finds, Wanted, find};
use crate::cli::input::clock;
use crate::config::Config;

#[derive(clap::Args)]
pub(super) struct Log {
    /// Configuration of the daemon whose log it is
    #[arg(long, value_name = "F")]
    config: Option<PathBuf>,
    /// Show numbers and Identity headers in clear; that is put on record first, which takes --config
    #[arg(long)]
    pub(super) reveal: bool,
    /// Folder of the log, if not that of --config
    #[arg(required_unless_present = "config", conflicts_with = "config")]
    dir: Option<PathBuf>,
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
pub(super) struct Opened {
    pub(super) dir: PathBuf,
    pub(super) config: Option<Config>,
}

impl Log {
    pub(super) fn open(&self) -> Result<Opened, Failure> {
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

pub(super) fn wanted(conditions: &Conditions) -> Result<Wanted, Failure> {
    conditions.wanted().map_err(|error| Failure::new(Exit::Usage, format_args!("--{error}")))
}

/// A search that shows how far it is.
pub(super) fn search<'a>(dir: &Path, wanted: &'a Wanted) -> Result<Finds<'a>, Failure> {
    let mut progress = Progress::new();
    let shown = move |done: usize, of: usize| {
        progress.show(format_args!("{done} of {of} segments"));
        if done == of {
            progress.clear();
        }
        ControlFlow::Continue(())
    };
    find(dir, wanted, shown).map_err(failure)
}
