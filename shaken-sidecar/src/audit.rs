//! The audit log: one durable, numbered record for each decision, before the call is answered.
//!
//! In: [`Record`]s from any number of tasks. Out: the index of each, after it is on the disk. On
//! disk: a directory of its own with lines of JSON, one per record ([`Entry`]), indexes from 0
//! without holes, in segments of bounded length ([`SEGMENTS`]). What each member of a line means is
//! in `AUDIT.md`. Only ever appended to, by one process at a time. Full segments become Parquet files
//! with the same lines ([`SEALED`], [`Sealed`]), off the way of calls.
//!
//! What is promised:
//! - An acknowledged record survives the death of the process and a power cut.
//! - No record is missing in silence: what could not be written is counted in a gap record.
//! - Opening never repairs silently: at most the torn end of the last commit is cut, and
//!   [`Recovery`] says so; any other damage refuses to open and names the byte.
//! - A file whose write or fsync failed is not written to again. The log goes on in another one as
//!   soon as the disk lets it, without a restart; until then [`Health`] says what is wrong.
//!
//! What is not: the checksums find accidents, not forgers, who can compute them anew. That is what a
//! log with a key is for ([`AuditLog::open_proven`], [`proof`], [`inspect`]).
//!
//! Everything durable passes an [`Observer`] once, in order: the seam for what is built over the
//! lines.

mod calls;
mod conditions;
mod disk;
mod error;
pub mod export;
mod find;
mod inspect;
mod line;
mod lock;
pub(crate) mod mask;
mod note;
mod observer;
mod options;
mod parts;
pub mod proof;
mod prover;
mod read;
mod record;
mod recover;
mod seal;
mod sealed;
mod segment;
mod state;
mod trace;
mod writer;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc::error::{SendTimeoutError, TrySendError};
use tokio::sync::{mpsc, oneshot};

pub use calls::{Call, CallVisitor, Interest, visit_calls};
pub use conditions::{ConditionError, Conditions};
pub use error::{AuditError, Failure, Step};
pub use find::{Finds, find};
pub use inspect::{Finding, Report, inspect};
pub use line::{Entry, LineError, SALT_LEN, SCHEMA};
pub use note::{
    Cut, Deletion, Event, Expiry, Gap, Loss, Reveal, Seal, Shown, Start, Stop, Summary, Undecided,
    Undelivered,
};
pub use observer::{Commit, Observer};
pub use options::{AuditOptions, Durability, Full, Sealing};
pub use prover::Proving;
pub use read::{Line, Lines, read, read_from};
pub use record::{Cert, Header, Interface, Number, Op, Other, Record};
pub use recover::Recovery;
pub use sealed::{Column, Found, SEALED, Sealed, SealedError, SealedLines, Wanted};
pub use state::{AuditState, Health, SealState};
pub use trace::{Inclusion, Proof, Trace, trace};

use disk::{Disk, Folder};
use export::{Export, Exporter, Feed, Tapped};
use line::Content;
use lock::{create_dir, lock_dir};
use parts::Folders;
use proof::ProofWatch;
use seal::{NeededBy, Sealer};
use state::{Shared, Unrecorded};
use writer::{MAX_COMMIT_LEN, Message, Writer};

/// An open log. Shared by reference (or `Arc`) between all tasks.
///
/// Dropping it without [`close`](Self::close) still writes what is queued, but nobody waits for it, and
/// the log stays locked until that is done.
#[derive(Debug)]
pub struct AuditLog {
    queue: mpsc::Sender<Message>,
    options: AuditOptions,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    sealer: Mutex<Option<JoinHandle<()>>>,
    recovery: Recovery,
    proof: Option<ProofWatch>,
    export: Option<Arc<Exporter>>,
    /// A log that failed is still ours: another process must not go on with it unseen.
    _lock: Arc<File>,
}

/// How a record was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kept {
    /// It is durable, at this index.
    Durable(u64),
    /// It waits to be written, and says so ([`Durability::Queued`]).
    Queued,
    /// It is not. That is counted, and will stand in a gap record ([`Full::Degrade`]).
    Missing,
}

impl Kept {
    /// The index, if it is known.
    #[must_use]
    pub fn index(self) -> Option<u64> {
        match self {
            Self::Durable(index) => Some(index),
            Self::Queued | Self::Missing => None,
        }
    }
}

impl AuditLog {
    /// Opens the log in `dir`, or starts one there, and its writer thread.
    ///
    /// The directory is created with mode 0700 if the one above it exists, its files with mode 0600.
    /// Blocks while it reads the last segment once, to find where it ends.
    ///
    /// # Errors
    /// [`AuditError::Locked`] when another process has it open; [`AuditError::Corrupt`] and
    /// [`AuditError::NotContiguous`] when it is damaged elsewhere than in its last commit, and
    /// [`AuditError::NotRecorded`], [`AuditError::SegmentMissing`] and [`AuditError::Sealed`] when parts
    /// of it are gone or damaged;
    /// [`AuditError::ParentMissing`] and [`AuditError::Io`] when directory or files cannot be had,
    /// also because the disk has no room for the reserve.
    pub fn open(dir: &Path, options: AuditOptions) -> Result<Self, AuditError> {
        Self::open_observed(dir, options, ())
    }

    /// The same, with somebody to tell of each commit from here on. What was durable before is for
    /// [`read`] to give; while the log is open, nothing is added but what the observer is told of.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn open_observed(
        dir: &Path,
        options: AuditOptions,
        observer: impl Observer,
    ) -> Result<Self, AuditError> {
        Self::open_with(dir, options, NeededBy::default(), || Ok(observer))
    }

    /// The same, with a tree over all lines and signed checkpoints of it. What the newest checkpoints
    /// in the directory and in each outside file cover has to be there as it was. Records that are newer
    /// than the tree, also those of a log that had no key before, are taken into it, for which all of
    /// them are read.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and [`AuditError::Proof`].
    pub fn open_proven(dir: &Path, options: AuditOptions, proving: Proving) -> Result<Self, AuditError> {
        let started = Arc::new(OnceLock::new());
        let needed_by = NeededBy { proof: Some(Arc::clone(&started)), export: None };
        let mut log = Self::open_with(dir, options, needed_by, || proving.resume(dir, Arc::clone(&started)))?;
        log.proof = started.get().cloned();
        Ok(log)
    }

    /// The same, with or without a key, and copies of all records to NATS JetStream, beginning behind those
    /// that were acknowledged before.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), with a key those of [`open_proven`](Self::open_proven).
    pub fn open_exported(
        dir: &Path,
        options: AuditOptions,
        proving: Option<Proving>,
        export: Export,
    ) -> Result<Self, AuditError> {
        let (feed, started, exporting) = (Feed::new(), Arc::default(), Arc::new(OnceLock::new()));
        let mut needed_by = NeededBy { proof: None, export: Some(Arc::clone(&exporting)) };
        let mut log = match proving {
            None => Self::open_with(dir, options, needed_by, || Ok(Tapped::new((), feed.clone()))),
            Some(proving) => {
                needed_by.proof = Some(Arc::clone(&started));
                let resume = || proving.resume(dir, Arc::clone(&started));
                Self::open_with(dir, options, needed_by, || Ok(Tapped::new(resume()?, feed.clone())))
            }
        }?;
        log.proof = started.get().cloned();
        let lock = Arc::clone(&log._lock);
        let exporter = Exporter::start(export, dir, feed, lock);
        let exporter = Arc::new(exporter.map_err(io_error("start a thread to export", dir))?);
        log.export = Some(Arc::clone(exporting.get_or_init(|| exporter)));
        Ok(log)
    }

    /// `observer` is made when the directory is locked.
    fn open_with<O: Observer>(
        dir: &Path,
        options: AuditOptions,
        needed_by: NeededBy,
        observer: impl FnOnce() -> Result<O, AuditError>,
    ) -> Result<Self, AuditError> {
        create_dir(dir)?;
        let lock = Arc::new(lock_dir(dir)?);
        let (segments_dir, sealed_dir) = (dir.join(SEGMENTS), dir.join(SEALED));
        create_dir(&segments_dir)?;
        create_dir(&sealed_dir)?;
        let segments = Folder::open(&segments_dir).map_err(io_error("open", &segments_dir))?;
        let sealed = Some(Folder::open(&sealed_dir).map_err(io_error("open", &sealed_dir))?);
        let folders = Folders { segments, segments_dir, sealed, sealed_dir };
        Self::open_over(folders, lock, options, needed_by, observer()?)
    }

    fn open_over<D: Disk>(
        folders: Folders<D>,
        lock: Arc<File>,
        options: AuditOptions,
        needed_by: NeededBy,
        mut observer: impl Observer,
    ) -> Result<Self, AuditError> {
        let (segment, recovery) = recover::open(&folders, &mut observer)?;
        let (disk, dir) = (folders.segments.clone(), folders.segments_dir.as_path());
        writer::make_reserve(&disk, options.reserve_bytes).map_err(io_error("reserve room in", dir))?;
        observer.opened(recovery.records)?;
        let (queue, received) = mpsc::channel(options.queue_records.get() as usize);
        let shared = Arc::new(Shared::new(recovery.records));
        shared.seal.set_active(segment.first_index);
        let start = |error| io_error("start a thread to write", dir)(error);
        let clock = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(start)?;
        let writer = Writer::new(
            disk,
            dir.into(),
            options,
            observer,
            received,
            Arc::clone(&shared),
            Arc::clone(&lock),
            segment,
            recovery.records,
        );
        let thread = std::thread::Builder::new()
            .name("audit-writer".into())
            .spawn(move || writer.run(&clock))
            .map_err(start)?;
        let sealer = match folders.sealed.clone().filter(|_| options.sealing == Sealing::On) {
            Some(sealed) => {
                let (queue, shared, _lock) = (queue.downgrade(), Arc::clone(&shared), Arc::clone(&lock));
                let sealer = Sealer { folders, sealed, options, queue, shared, needed_by, _lock };
                Some(sealer.start().map_err(io_error("start a thread to seal", Path::new(SEALED)))?)
            }
            None => None,
        };
        Ok(Self {
            queue,
            options,
            shared,
            thread: Mutex::new(Some(thread)),
            sealer: Mutex::new(sealer),
            recovery,
            proof: None,
            export: None,
            _lock: lock,
        })
    }

    /// Appends `record`, and returns when it is durable (fdatasync) unless the options say otherwise.
    ///
    /// Needs a tokio runtime with time enabled. Whoever stops waiting leaves the record in an unknown
    /// state: it is written if it had reached the queue.
    ///
    /// # Errors
    /// Only with [`Full::Refuse`]: [`AuditError::Overloaded`] when the queue stays full for the time
    /// in [`AuditOptions`]; [`AuditError::RecordTooLarge`]; [`AuditError::NoRandomness`];
    /// [`AuditError::Failed`] while the disk does not take records; [`AuditError::Closed`] after
    /// [`close`](Self::close). Each is counted, and will stand in a gap or a summary record.
    pub async fn append(&self, record: impl Into<Box<Record>>) -> Result<Kept, AuditError> {
        let mut record = record.into();
        let outcome = match self.options.durability {
            Durability::Durable => {
                let (done, durable) = oneshot::channel();
                let content = Content::Call(record);
                match self.enqueue(Message::Append { content, done: Some(done) }).await {
                    Ok(()) => durable
                        .await
                        .unwrap_or_else(|_| Err(self.count_missing(self.end(), SystemTime::now())))
                        .map(Kept::Durable),
                    Err(error) => Err(self.count_missing(error, SystemTime::now())),
                }
            }
            Durability::Queued => {
                record.durability = Some("queued".into());
                let content = Content::Call(record);
                match self.enqueue(Message::Append { content, done: None }).await {
                    Ok(()) => Ok(Kept::Queued),
                    Err(error) => Err(self.count_missing(error, SystemTime::now())),
                }
            }
        };
        match self.options.full {
            Full::Refuse => outcome,
            Full::Degrade => Ok(outcome.unwrap_or(Kept::Missing)),
        }
    }

    /// Appends a record that is about no call, and returns its index when it is durable.
    ///
    /// # Errors
    /// Those of [`append`](Self::append), whatever the options say. [`Event::Stop`] is for
    /// [`close`](Self::close) to write; given here it is [`AuditError::Closed`].
    pub async fn append_note(&self, event: Event) -> Result<u64, AuditError> {
        let (done, durable) = oneshot::channel();
        self.enqueue(Message::Append { content: Content::Note(event), done: Some(done) })
            .await
            .inspect_err(|_| self.shared.miss(Unrecorded::Note, "queue-full", SystemTime::now()))?;
        durable.await.unwrap_or_else(|_| Err(self.end()))
    }

    /// Notes that the answer to the request named `request_id`, on record at `record`, did not reach
    /// the client. Does not wait: the note is written within about a second, or with the records
    /// after an outage.
    pub fn note_undelivered(&self, record: Option<u64>, request_id: String, why: Loss) {
        self.shared.note(Undelivered::new(record, request_id, why, SystemTime::now()));
    }

    /// Counts a request that came to no decision, for the summary of this second.
    pub fn count_undecided(&self, why: Undecided, now: SystemTime) {
        self.shared.count(why, now);
    }

    /// Takes no more records, writes down that this end was meant, makes all in the queue durable, and
    /// ends the writer thread. With a key, a checkpoint covers all of it then, and copies outside have
    /// had five seconds to arrive; an export has had two more. A second call returns at once.
    ///
    /// # Errors
    /// [`AuditError::Failed`] when not all could be written.
    pub async fn close(&self) -> Result<(), AuditError> {
        // First, as it may have a record to write still.
        self.shared.seal.stop();
        let sealer = self.sealer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sealer) = sealer {
            let _ = tokio::task::spawn_blocking(move || sealer.join()).await;
        }
        // Closed already, or failed: then there is nobody to tell.
        let stop = Content::Note(Event::Stop(Stop::new(SystemTime::now())));
        let _ = self.queue.send(Message::Append { content: stop, done: None }).await;
        let _ = self.queue.send(Message::Close).await;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the writer is in `shared`.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        if let Some(export) = self.export.clone() {
            let _ = tokio::task::spawn_blocking(move || export.close(EXPORT_WAIT)).await;
        }
        self.shared.health().cause().map_or(Ok(()), |cause| Err(AuditError::Failed(cause.clone())))
    }

    /// What opening the log found.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        self.recovery
    }

    /// How it is now.
    #[must_use]
    pub fn state(&self) -> AuditState {
        let state = self.shared.state(self.queue.max_capacity() - self.queue.capacity());
        AuditState {
            proof: self.proof.as_ref().map(ProofWatch::state),
            export: self.export.as_ref().map(|export| export.state(state.records)),
            sealing: (self.options.sealing == Sealing::On).then(|| self.shared.seal.state().clone()),
            ..state
        }
    }

    /// How it is run.
    #[must_use]
    pub fn options(&self) -> AuditOptions {
        self.options
    }

    /// Waits for room in the queue as long as it may.
    async fn enqueue(&self, message: Message) -> Result<(), AuditError> {
        // Without a timer, as long as there is room.
        let message = match self.queue.try_send(message) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(_)) => return Err(self.end()),
            Err(TrySendError::Full(message)) => message,
        };
        match self.queue.send_timeout(message, self.options.queue_wait).await {
            Ok(()) => Ok(()),
            Err(SendTimeoutError::Closed(_)) => Err(self.end()),
            Err(SendTimeoutError::Timeout(_)) => Err(AuditError::Overloaded {
                queue_records: self.options.queue_records.get(),
                waited: self.options.queue_wait,
            }),
        }
    }

    /// Counts a call whose record did not even reach the queue.
    fn count_missing(&self, error: AuditError, now: SystemTime) -> AuditError {
        match (&error, self.options.full) {
            (AuditError::Overloaded { .. }, Full::Refuse) => self.shared.count(Undecided::Shed, now),
            (AuditError::Overloaded { .. }, Full::Degrade) => {
                self.shared.miss(Unrecorded::Served, "queue-full", now);
            }
            (_, Full::Refuse) => self.shared.miss(Unrecorded::Refused, "closed", now),
            (_, Full::Degrade) => self.shared.miss(Unrecorded::Served, "closed", now),
        }
        error
    }

    /// Why the writer is gone.
    fn end(&self) -> AuditError {
        match self.shared.health() {
            Health::Failed { cause } => AuditError::Failed(cause),
            _ => AuditError::Closed,
        }
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.shared.seal.stop();
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AuditError {
    move |source| AuditError::Io { action, path: path.to_owned(), source }
}

/// The folder of the raw segments within the directory of the log: `<first index, 20 digits>.jsonl`.
pub const SEGMENTS: &str = "segments";

/// How long the end of the log waits for acknowledgements of exported records.
const EXPORT_WAIT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
