//! What makes the log tamper-evident: a Merkle tree over its lines and signed checkpoints of it, in
//! the open formats of transparency logs, so that others' tools can check them.
//!
//! ```text
//! DIR/tile/...     the tree (c2sp.org/tlog-tiles)                        no secret; nothing to learn
//! DIR/checkpoint   the newest checkpoint (c2sp.org/tlog-checkpoint)      from it about any record
//! the key's file   signs checkpoints (Ed25519)                           secret; best not in DIR
//! outside          copies of checkpoints                                 beyond the reach of who has DIR
//! ```
//!
//! The leaf of a record is the RFC 6962 hash of its line without the newline
//! ([`TreeHash::of_line`]), so the segments are the entries and there are no entry bundles. Every line
//! has a random salt, so hashes tell nobody what is in it, also after the line was deleted.
//!
//! In: lines that are durable, in order. Out: checkpoints, at most one a second or 10,000 records
//! behind. Another thread does everything but hash the line, so neither disk nor network holds up
//! whoever appends. Checkpoints of the past are not kept in the directory: the tree at any size can be
//! made again from the tiles, and one that lies beside the log proves nothing against who can
//! write there. The outside copy is the history.
//!
//! What is promised:
//! - Each checkpoint file is whole, durable, and needs only tiles that are.
//! - No two checkpoints of one key contradict each other: a log that would need that does not open.
//! - A change of any record that a checkpoint outside covers, a cut before its end, and an older copy of
//!   the directory are found.
//!
//! What is not: who has directory and key can rewrite what no outside copy covers, and who has an old
//! copy of both and no outside copy to compare it with can go on from there.

mod checkpoint;
pub(super) mod disk;
mod edge;
mod error;
mod hash;
mod key;
mod outside;
mod path;
mod publish;
mod resume;
mod tiles;

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use checkpoint::{Checkpoint, NoteError};
pub use edge::Edge;
pub use error::ProofError;
pub use hash::{HASH_LEN, TreeHash};
pub use key::{Key, KeyError, Origin, VerifyKey};
pub use outside::{Outside, OutsideFile, OutsideState};
pub use path::{ConsistencyProof, InclusionProof, Unproven};
pub use resume::{Resume, read_checkpoint};
pub use tiles::Tiles;

use disk::Disk;
use outside::{Pusher, RETRY};
use publish::Publisher;

/// The tree of an open log, for the one thread that writes the log. Made by [`Resume::finish`].
///
/// Dropping it publishes what was appended and waits for the disk, but not for copies outside.
#[derive(Debug)]
pub struct Proof {
    leaves: Vec<TreeHash>,
    options: ProofOptions,
    last_publish: Option<Instant>,
    shared: Arc<Shared>,
    queue: Option<mpsc::Sender<Vec<TreeHash>>>,
    thread: Option<JoinHandle<()>>,
}

impl Proof {
    /// Adds a line to the tree. It must be durable: a checkpoint that covers a record which a power cut
    /// takes back makes the log look cut.
    ///
    /// Costs one SHA-256 of the line.
    pub fn append(&mut self, line: &[u8]) {
        self.leaves.push(TreeHash::of_line(line));
    }

    /// Whether [`publish`](Self::publish) should be called: records wait, and there are enough of
    /// them or the last call was long enough ago.
    #[must_use]
    pub fn checkpoint_due(&self, now: Instant) -> bool {
        self.due_at(now).is_some_and(|due| due <= now)
    }

    /// When [`checkpoint_due`](Self::checkpoint_due) will be true if nothing more is appended. Nothing
    /// when no record waits. A writer that sleeps longer leaves the last records unsealed.
    #[must_use]
    pub fn due_at(&self, now: Instant) -> Option<Instant> {
        if self.leaves.is_empty() {
            return None;
        }
        // Lossless on every platform that has 32 bits at least.
        let many = self.leaves.len() >= self.options.records as usize;
        let due = self.last_publish.map_or(now, |last| last + self.options.interval);
        Some(if many { now } else { due })
    }

    /// Hands what was appended to the thread that writes tiles and signs. Never waits for it.
    pub fn publish(&mut self, now: Instant) {
        self.last_publish = Some(now);
        if self.leaves.is_empty() {
            return;
        }
        let room = Vec::with_capacity(self.leaves.len());
        let leaves = std::mem::replace(&mut self.leaves, room);
        let mut state = self.shared.state();
        state.waiting_records += leaves.len() as u64;
        state.waiting_since.get_or_insert(now);
        if state.waiting_records > MAX_WAITING_RECORDS {
            state.stopped = true;
        }
        // Once leaves are lost to the tree, no later one can be added: only a restart reads them again.
        if state.stopped {
            self.queue = None;
        } else if let Some(queue) = &self.queue {
            // The thread is gone only after a panic, which its state tells.
            let _ = queue.send(leaves);
        }
    }

    /// How publishing goes. Does not wait for anything slow; for readiness and metrics.
    #[must_use]
    pub fn watch(&self) -> ProofWatch {
        ProofWatch { shared: Arc::clone(&self.shared) }
    }

    /// Publishes what was appended, and waits for copies outside until `wait` is over at most.
    pub fn close(mut self, wait: Duration, now: Instant) {
        self.finish(now);
        let deadline = now + wait;
        self.shared.pushers.iter().for_each(|pusher| pusher.drain(deadline));
    }

    fn start<D: Disk>(
        publisher: Publisher<D>,
        newest: Option<Checkpoint>,
        outside: Vec<Outside>,
        options: ProofOptions,
    ) -> Result<Self, ProofError> {
        let no_thread =
            |source| ProofError::Io { action: "start a thread for", path: "checkpoints".into(), source };
        let pushers = outside.into_iter().map(|outside| Pusher::start(outside, RETRY));
        let pushers = pushers.collect::<Result<Vec<_>, _>>().map_err(no_thread)?;
        // One that was published and then not copied, as the process was killed between.
        if let Some(newest) = &newest {
            pushers.iter().for_each(|pusher| pusher.push(newest.clone()));
        }
        let size = newest.as_ref().map_or(0, Checkpoint::size);
        let waiting_records = publisher.size() - size;
        let waiting_since = (waiting_records > 0).then(Instant::now);
        let state = State { size, waiting_records, waiting_since, ..State::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state), pushers });
        let (queue, received) = mpsc::channel();
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("audit-proof".into())
            .spawn(move || theirs.run(publisher, &received, waiting_records > 0))
            .map_err(no_thread)?;
        Ok(Self {
            leaves: Vec::new(),
            options,
            last_publish: None,
            shared,
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    fn finish(&mut self, now: Instant) {
        self.publish(now);
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread is in its state.
            let _ = thread.join();
        }
    }
}

impl Drop for Proof {
    fn drop(&mut self) {
        self.finish(Instant::now());
    }
}

/// How the checkpoints of a log are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProofOptions {
    interval: Duration,
    records: u32,
}

impl ProofOptions {
    /// A checkpoint each second, or 10,000 records if those come first.
    #[must_use]
    pub const fn new() -> Self {
        Self { interval: Duration::from_secs(1), records: 10_000 }
    }

    /// The time from one checkpoint to the next while records come in.
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How many records bring a checkpoint before its time.
    #[must_use]
    pub const fn with_records(mut self, records: u32) -> Self {
        self.records = records;
        self
    }
}

impl Default for ProofOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Tells any thread how publishing goes.
#[derive(Clone, Debug)]
pub struct ProofWatch {
    shared: Arc<Shared>,
}

impl ProofWatch {
    /// The state now.
    #[must_use]
    pub fn state(&self) -> ProofState {
        let state = self.shared.state().clone();
        ProofState {
            size: state.size,
            waiting_records: state.waiting_records,
            waiting: state.waiting_since.map(|since| since.elapsed()),
            age: state.published_at.map(|at| at.elapsed()),
            failures: state.failures,
            last_error: state.last_error,
            stopped: state.stopped,
            outside: self.shared.pushers.iter().map(Pusher::state).collect(),
        }
    }
}

/// How publishing goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProofState {
    /// Records that the newest checkpoint covers.
    pub size: u64,
    /// Records handed over that no checkpoint covers yet.
    pub waiting_records: u64,
    /// How long the first of them has been waiting. Nothing when none waits.
    pub waiting: Option<Duration>,
    /// Time since the newest checkpoint, if this process made it. A log to which nothing is added needs
    /// no other.
    pub age: Option<Duration>,
    /// Attempts to write tiles or checkpoint that failed. Each is made again.
    pub failures: u64,
    /// Why the last attempt failed. Nothing once one succeeds.
    pub last_error: Option<String>,
    /// There will be no more checkpoints until a restart, which makes up for it: publishing failed for
    /// so long that too many records waited, or its thread is gone.
    pub stopped: bool,
    /// The copies outside.
    pub outside: Vec<OutsideState>,
}

impl ProofState {
    /// What is wrong with checkpoints or their copies, if anything is: the worst of it.
    #[must_use]
    pub fn trouble(&self) -> Option<ProofTrouble> {
        let is_late = |waiting: Option<Duration>| waiting.is_some_and(|waiting| waiting >= LATE);
        if self.stopped {
            Some(ProofTrouble::Stopped)
        } else if self.last_error.is_some() || is_late(self.waiting) {
            Some(ProofTrouble::Checkpoint)
        } else if self.outside.iter().any(|copy| copy.last_error.is_some() || is_late(copy.waiting)) {
            Some(ProofTrouble::Outside)
        } else {
            None
        }
    }
}

/// What can be wrong with checkpoints while records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofTrouble {
    /// There will be none until a restart.
    Stopped,
    /// None can be written, or not in time.
    Checkpoint,
    /// At least one place outside does not get its copies, or not in time.
    Outside,
}

impl ProofTrouble {
    /// The stable name, as readiness shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "audit-checkpoints-stopped",
            Self::Checkpoint => "audit-checkpoint",
            Self::Outside => "audit-outside-copy",
        }
    }
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    pushers: Vec<Pusher>,
}

#[derive(Clone, Debug, Default)]
struct State {
    size: u64,
    waiting_records: u64,
    waiting_since: Option<Instant>,
    published_at: Option<Instant>,
    failures: u64,
    last_error: Option<String>,
    stopped: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes what comes until nothing more can. All that waits goes under one checkpoint.
    fn run<D: Disk>(
        &self,
        mut publisher: Publisher<D>,
        queue: &mpsc::Receiver<Vec<TreeHash>>,
        mut behind: bool,
    ) {
        let _stopped = StoppedByPanic { shared: self };
        let mut open = true;
        while open {
            if !behind || self.state().last_error.is_some() {
                let retry = if behind { RETRY } else { Duration::MAX };
                match queue.recv_timeout(retry) {
                    Ok(leaves) => leaves.into_iter().for_each(|leaf| publisher.append(leaf)),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => open = false,
                }
            }
            queue.try_iter().flatten().for_each(|leaf| publisher.append(leaf));
            let before = self.state().size;
            if publisher.size() > before {
                behind = self.publish(&mut publisher).is_err();
            }
        }
    }

    fn publish<D: Disk>(&self, publisher: &mut Publisher<D>) -> Result<(), ProofError> {
        match publisher.publish() {
            Ok(checkpoint) => {
                let mut state = self.state();
                state.waiting_records =
                    state.waiting_records.saturating_sub(checkpoint.size().saturating_sub(state.size));
                state.size = checkpoint.size();
                let now = Instant::now();
                state.published_at = Some(now);
                // Those that wait came while this one was being written.
                state.waiting_since = (state.waiting_records > 0).then_some(now);
                let recovered = state.last_error.take();
                drop(state);
                if recovered.is_some() {
                    tracing::info!(
                        size = checkpoint.size(),
                        "checkpoints of the audit log are written again"
                    );
                }
                self.pushers.iter().for_each(|pusher| pusher.push(checkpoint.clone()));
                Ok(())
            }
            Err(error) => {
                let mut state = self.state();
                state.failures += 1;
                let is_first = state.last_error.replace(error.to_string()).is_none();
                drop(state);
                if is_first {
                    tracing::error!(%error, "no checkpoint of the audit log can be written; it is tried again");
                }
                Err(error)
            }
        }
    }
}

/// Tells of a thread that died.
struct StoppedByPanic<'a> {
    shared: &'a Shared,
}

impl Drop for StoppedByPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.state().stopped = true;
        }
    }
}

/// 128 MB of hashes: two minutes of the fastest log, and far longer than any disk that comes back.
const MAX_WAITING_RECORDS: u64 = 4 * 1024 * 1024;

/// From when on what waits is late: several times what a slow disk or a distant server takes.
const LATE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests;
