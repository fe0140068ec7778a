//! Copies of checkpoints outside the log's directory: whoever changes or cuts the log cannot change
//! these with it. What the newest of them covers is what is protected against anyone who has the
//! directory and the key.

mod file;
mod http;
mod syslog;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

pub use file::OutsideFile;

use super::checkpoint::Checkpoint;
use crate::endpoint::Endpoint;

/// Where copies of checkpoints go.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outside {
    /// A file to append to, on another disk or host, or one that the system lets nobody shorten. One
    /// line of JSON for each, `{"checkpoint":"<the note>"}`; several logs may share it. The only one
    /// that is compared when the log is opened.
    File {
        /// The file. It is made if it does not exist; the directory is not.
        path: PathBuf,
    },
    /// The system's log daemon, which may send it on: the same line, as facility authpriv and
    /// severity notice. That it was handed over is all that is known.
    Syslog {
        /// The daemon's datagram socket, usually `/dev/log`.
        socket: PathBuf,
    },
    /// A server that keeps what it is sent: the note, as the body of a POST. Any status from 200 to 299
    /// says that it has it.
    Http(Endpoint),
}

impl Outside {
    /// Sends one copy; blocks until it is there, or not.
    fn push(&self, checkpoint: &Checkpoint) -> Result<(), String> {
        match self {
            Self::File { path } => file::append(path, &line(checkpoint)).map_err(|error| error.to_string()),
            Self::Syslog { socket } => {
                syslog::send(socket, &line(checkpoint)).map_err(|error| error.to_string())
            }
            Self::Http(endpoint) => http::post(endpoint, checkpoint.note()),
        }
    }
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path } => path.display().fmt(f),
            Self::Syslog { socket } => socket.display().fmt(f),
            Self::Http(endpoint) => endpoint.fmt(f),
        }
    }
}

/// How copying to one place goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutsideState {
    /// The place.
    pub target: String,
    /// Records that the newest copy there covers, of those sent by this process.
    pub size: Option<u64>,
    /// How long a checkpoint has been waiting to be copied. Nothing when none waits.
    pub waiting: Option<Duration>,
    /// Copies sent by this process.
    pub pushed: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// Why the last attempt failed. Nothing once one succeeds.
    pub last_error: Option<String>,
}

/// One place and the thread that sends to it. A checkpoint that comes while another waits takes its
/// place: it covers all that the older one did.
#[derive(Debug)]
pub(super) struct Pusher {
    shared: Arc<Shared>,
}

impl Pusher {
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(outside: Outside, retry: Duration) -> std::io::Result<Self> {
        let state = OutsideState { target: outside.to_string(), ..OutsideState::default() };
        let pending = Pending { next: None, waiting_since: None, sending: false, closed: false, state };
        let shared = Arc::new(Shared { pending: Mutex::new(pending), changed: Condvar::new() });
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("audit-outside".into())
            .spawn(move || theirs.run(&outside, retry))?;
        Ok(Self { shared })
    }

    /// Leaves `checkpoint` to the thread; never waits for it.
    pub(super) fn push(&self, checkpoint: Checkpoint) {
        let mut pending = self.shared.pending();
        pending.next = Some(checkpoint);
        pending.waiting_since.get_or_insert_with(Instant::now);
        drop(pending);
        self.shared.changed.notify_all();
    }

    pub(super) fn state(&self) -> OutsideState {
        let pending = self.shared.pending();
        let waiting = pending.waiting_since.map(|since| since.elapsed());
        OutsideState { waiting, ..pending.state.clone() }
    }

    /// Waits until what was left to the thread is sent, until `deadline` at most.
    pub(super) fn drain(&self, deadline: Instant) {
        let mut pending = self.shared.pending();
        while pending.next.is_some() || pending.sending {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.shared.changed.wait_timeout(pending, left);
            pending = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The thread may be in the middle of something that nobody can interrupt; it ends after it.
impl Drop for Pusher {
    fn drop(&mut self) {
        self.shared.pending().closed = true;
        self.shared.changed.notify_all();
    }
}

#[derive(Debug)]
struct Shared {
    pending: Mutex<Pending>,
    changed: Condvar,
}

#[derive(Debug)]
struct Pending {
    next: Option<Checkpoint>,
    waiting_since: Option<Instant>,
    sending: bool,
    closed: bool,
    state: OutsideState,
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, outside: &Outside, retry: Duration) {
        let mut pending = self.pending();
        while !pending.closed {
            let Some(checkpoint) = pending.next.take() else {
                pending = self.changed.wait(pending).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            pending.sending = true;
            drop(pending);
            let sent = outside.push(&checkpoint);
            pending = self.pending();
            pending.sending = false;
            match sent {
                Ok(()) => {
                    pending.state.size = Some(checkpoint.size());
                    pending.state.pushed += 1;
                    if pending.state.last_error.take().is_some() {
                        tracing::info!(to = %pending.state.target, "checkpoints are copied there again");
                    }
                    pending.waiting_since = pending.next.is_some().then(Instant::now);
                    self.changed.notify_all();
                }
                Err(why) => {
                    pending.state.failures += 1;
                    if pending.state.last_error.is_none() {
                        tracing::error!(to = %pending.state.target, error = %why, "no audit checkpoint can be copied there");
                    }
                    pending.state.last_error = Some(why);
                    pending.next.get_or_insert(checkpoint);
                    self.changed.notify_all();
                    pending = self.pause(pending, retry);
                }
            }
        }
    }

    /// A place that fails is left alone for a while, however many checkpoints come.
    fn pause<'a>(&self, mut pending: MutexGuard<'a, Pending>, retry: Duration) -> MutexGuard<'a, Pending> {
        let until = Instant::now() + retry;
        while !pending.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            pending = self.changed.wait_timeout(pending, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        pending
    }
}

/// The note as one line, for places that keep lines: nothing is lost, and a torn one is no JSON. ASCII,
/// as log daemons differ in what they do to other characters.
fn line(checkpoint: &Checkpoint) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        checkpoint: &'a str,
    }
    // unwrap: a string has a JSON form.
    let json = serde_json::to_string(&Line { checkpoint: checkpoint.note() }).expect("a string serializes");
    let mut line = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if c.is_ascii() {
            line.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| line.push_str(&format!("\\u{unit:04x}")));
        }
    }
    line
}

/// How long a place that failed is left alone.
pub(super) const RETRY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
