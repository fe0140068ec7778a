//! Copies of all records to NATS JetStream: at least once, in the order of the log.
//!
//! ```text
//! writer thread -> feed    how many records are durable, and the newest of them
//!               -> source  the durable records one by one, from memory or disk
//!               -> run     the export's own thread: sends, waits for acknowledgements, tries again
//!                  -> nats    one connection
//!                  -> cursor  everything below it is acknowledged; a file in the log's directory
//! ```
//!
//! In: records that are durable. Out: messages that carry the exact line and are named `<log>:<index>`.
//! Calls never wait for it, and it neither deletes anything of the log nor holds anything up. What is
//! acknowledged is sent again only if the cursor could not be saved in time; who reads the stream drops
//! what it has seen under that name.

mod cursor;
mod feed;
mod message;
mod nats;
mod run;
mod source;

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

pub use nats::{Login, Nats, NatsError};

use super::proof::Origin;
pub(super) use feed::{Feed, Tapped};
use run::Run;

/// Where the records of a log go, and what the log is called there.
#[derive(Clone, Debug)]
pub struct Export {
    nats: Nats,
    log: Origin,
}

impl Export {
    /// To these servers. `log` has to differ from that of any other log whose records go to the same
    /// stream.
    #[must_use]
    pub const fn new(nats: Nats, log: Origin) -> Self {
        Self { nats, log }
    }
}

/// How an export goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportState {
    /// Everything below this index has been acknowledged or [is missing](Self::missing).
    pub cursor: u64,
    /// Records that the log has from there on.
    pub lag_records: u64,
    /// Age of the oldest of those that were sent or tried. Nothing when none waits.
    pub lag: Option<Duration>,
    /// Whether there is a connection.
    pub connected: bool,
    /// Times that it stopped, since the log was opened. Each is tried again.
    pub failures: u64,
    /// Why it stopped. Nothing once a record is acknowledged again.
    pub last_error: Option<String>,
    /// Acknowledgements that said that the stream had the record already, since the log was opened.
    pub duplicates: u64,
    /// Records that were not in the log any more when they were due, since the log was opened.
    pub missing: u64,
    /// Nothing is exported any more before a restart.
    pub stopped: bool,
}

impl ExportState {
    /// What is wrong with the export, if anything is.
    #[must_use]
    pub fn trouble(&self) -> Option<ExportTrouble> {
        if self.stopped {
            Some(ExportTrouble::Stopped)
        } else {
            self.last_error.is_some().then_some(ExportTrouble::Failing)
        }
    }
}

/// What can be wrong with an export while records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportTrouble {
    /// There is none until a restart.
    Stopped,
    /// No record is acknowledged; it is tried again.
    Failing,
}

impl ExportTrouble {
    /// The stable name, as readiness shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "audit-export-stopped",
            Self::Failing => "audit-export",
        }
    }
}

/// The export of a log that is open.
#[derive(Debug)]
pub(super) struct Exporter {
    shared: Arc<Shared>,
    /// When the end has to be reached, once it is to come.
    stop: watch::Sender<Option<Instant>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Exporter {
    /// Exports what `feed` tells of and the log in `dir` has. Holds `lock` as long as the thread runs.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(export: Export, dir: &Path, feed: Feed, lock: Arc<File>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (stop, stopping) = watch::channel(None);
        let run = Run::new(export, dir, feed, Arc::clone(&shared), stopping, lock);
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("audit-export".into()).spawn(move || {
            let _stopped = StoppedByPanic { shared: &theirs };
            run.run();
        })?;
        Ok(Self { shared, stop, thread: Mutex::new(Some(thread)) })
    }

    /// How it goes, for a log with so many records.
    pub(super) fn state(&self, records: u64) -> ExportState {
        let state = self.shared.state();
        let lag_records = records.saturating_sub(state.known.cursor);
        let age = |made: i64| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            now.saturating_sub(Duration::from_secs(made.try_into().unwrap_or(0)))
        };
        let lag = state.oldest_unix_seconds.filter(|_| lag_records > 0).map(age);
        ExportState { lag_records, lag, ..state.known.clone() }
    }

    /// Everything below this index has been acknowledged.
    pub(super) fn cursor(&self) -> u64 {
        self.shared.state().known.cursor
    }

    /// Sends what is left and waits for the acknowledgements, for `wait` at most; blocks as long.
    pub(super) fn close(&self, wait: Duration) {
        self.stop.send_replace(Some(Instant::now() + wait));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the thread is in its state.
            let _ = thread.join();
        }
    }
}

/// Nobody waits for what is under way; the cursor is saved.
impl Drop for Exporter {
    fn drop(&mut self) {
        self.stop.send_replace(Some(Instant::now()));
    }
}

/// What the thread tells.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: ExportState,
    oldest_unix_seconds: Option<i64>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells of a thread that died.
struct StoppedByPanic<'a> {
    shared: &'a Shared,
}

impl Drop for StoppedByPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let known = &mut self.shared.state().known;
            known.stopped = true;
            known.connected = false;
        }
    }
}

#[cfg(test)]
mod tests;
