//! The audit log: one durable, numbered record for each decision, before the call is answered.
//!
//! In: [`Record`]s from any number of tasks. Out: the index of each, after it is on the disk. On
//! disk: `audit.jsonl` in a directory of its own, one line of JSON per record ([`Entry`]), indexes
//! from 0 without holes. Only ever appended to, by one process at a time.
//!
//! What is promised:
//! - An acknowledged record survives the death of the process and a power cut.
//! - Opening never repairs silently: at most one torn last line is cut, and [`Recovery`] says so;
//!   any other damage refuses to open and names the byte.
//! - After a failed write or fsync the log takes nothing more; see [`AuditError::Failed`].
//!
//! What is not: the checksums find accidents, not forgers, who can compute them anew.

mod error;
mod line;
pub mod proof;
mod record;
mod recover;
mod writer;

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, BufReader};
use std::num::NonZeroU32;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};
use rustix::fs::{Mode, OFlags};
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, oneshot};

pub use error::{AuditError, Failure, Step};
pub use line::{Entry, LineError, SALT_LEN, SCHEMA};
pub use record::{Cert, Interface, Number, Op, Record};
pub use recover::Recovery;

use line::Body;
use writer::{Message, Storage, Writer};

/// An open log. Shared by reference (or `Arc`) between all tasks.
///
/// Dropping it without [`close`](Self::close) still writes what is queued, but nobody waits for it, and
/// the log stays locked until that is done.
#[derive(Debug)]
pub struct AuditLog {
    queue: mpsc::Sender<Message>,
    queue_wait: Duration,
    failure: Arc<OnceLock<Failure>>,
    rng: SystemRandom,
    thread: Mutex<Option<JoinHandle<()>>>,
    recovery: Recovery,
    /// A log that failed is still ours: another process must not go on with it unseen.
    _lock: Arc<File>,
}

impl AuditLog {
    /// Opens the log in `dir`, or starts one there, and its writer thread.
    ///
    /// The directory is created with mode 0700 if the one above it exists, the file with mode 0600.
    /// Blocks while it reads the whole file once, to find where it ends.
    ///
    /// # Errors
    /// [`AuditError::Locked`] when another process has it open; [`AuditError::Corrupt`] and
    /// [`AuditError::NotContiguous`] when the file is damaged elsewhere than in its last line;
    /// [`AuditError::ParentMissing`], [`AuditError::NotAFile`] and [`AuditError::Io`] when directory
    /// or file cannot be had.
    pub fn open(dir: &Path, options: AuditOptions) -> Result<Self, AuditError> {
        Self::open_over(dir, options, |file| file)
    }

    fn open_over<S: Storage>(
        dir: &Path,
        options: AuditOptions,
        storage: impl FnOnce(File) -> S,
    ) -> Result<Self, AuditError> {
        create_dir(dir)?;
        let lock = Arc::new(lock_dir(dir)?);
        let path: Arc<Path> = dir.join(FILE_NAME).into();
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&lock, FILE_NAME, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| io_error("open", &path)(errno.into()))?;
        let file = File::from(file);
        if !file.metadata().map_err(io_error("read", &path))?.is_file() {
            return Err(AuditError::NotAFile { path: path.to_path_buf() });
        }
        let recovery = recover::scan(BufReader::with_capacity(READ_BUFFER_LEN, &file), &path)?;
        if recovery.torn_bytes > 0 {
            file.set_len(recovery.len_bytes).map_err(io_error("cut the torn tail of", &path))?;
        }
        // A killed predecessor may have left whole records that only the page cache has; numbering
        // goes on behind them, so they must be durable first. Then the file's name in the directory,
        // lest a power cut take the whole file.
        file.sync_all().map_err(io_error("sync", &path))?;
        lock.sync_all().map_err(io_error("sync the directory of", &path))?;

        let (queue, received) = mpsc::channel(options.queue_records.get() as usize);
        let failure = Arc::new(OnceLock::new());
        let writer = Writer::new(
            storage(file),
            received,
            Arc::clone(&failure),
            Arc::clone(&path),
            Arc::clone(&lock),
            recovery,
        );
        let thread = std::thread::Builder::new()
            .name("audit-writer".into())
            .spawn(move || writer.run())
            .map_err(io_error("start a thread to write", &path))?;
        Ok(Self {
            queue,
            queue_wait: options.queue_wait,
            failure,
            rng: SystemRandom::new(),
            thread: Mutex::new(Some(thread)),
            recovery,
            _lock: lock,
        })
    }

    /// Appends `record` and returns its index once it is durable (fdatasync).
    ///
    /// Needs a tokio runtime with time enabled. Whoever stops waiting leaves the record in an unknown
    /// state: it is written if it had reached the queue.
    ///
    /// # Errors
    /// [`AuditError::Overloaded`] when the queue stays full for the time in [`AuditOptions`];
    /// [`AuditError::RecordTooLarge`]; [`AuditError::NoRandomness`]; [`AuditError::Failed`] from the
    /// first failed write or fsync on; [`AuditError::Closed`] after [`close`](Self::close).
    pub async fn append(&self, record: &Record) -> Result<u64, AuditError> {
        if let Some(failure) = self.failure.get() {
            return Err(AuditError::Failed(failure.clone()));
        }
        let mut salt = [0; SALT_LEN];
        self.rng.fill(&mut salt).map_err(|_| AuditError::NoRandomness)?;
        let body = Body::new(record, &salt)?;
        let (done, durable) = oneshot::channel();
        match self.queue.send_timeout(Message::Append { body, done }, self.queue_wait).await {
            Ok(()) => durable.await.unwrap_or_else(|_| Err(self.end())),
            Err(SendTimeoutError::Closed(_)) => Err(self.end()),
            Err(SendTimeoutError::Timeout(_)) => Err(AuditError::Overloaded {
                queue_records: u32::try_from(self.queue.max_capacity()).unwrap_or(u32::MAX),
                waited: self.queue_wait,
            }),
        }
    }

    /// Takes no more records, makes those in the queue durable, and ends the writer thread. A second
    /// call returns at once.
    ///
    /// # Errors
    /// [`AuditError::Failed`] when the log failed, now or at any time before.
    pub async fn close(&self) -> Result<(), AuditError> {
        // Closed already, or failed: then there is nobody to tell.
        let _ = self.queue.send(Message::Close).await;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the writer is in `failure`.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        match self.failure.get() {
            Some(failure) => Err(AuditError::Failed(failure.clone())),
            None => Ok(()),
        }
    }

    /// What opening the log found.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        self.recovery
    }

    /// The failure that ended the log, if one did: what readiness has to know.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.get()
    }

    /// Why the writer is gone.
    fn end(&self) -> AuditError {
        self.failure.get().map_or(AuditError::Closed, |failure| AuditError::Failed(failure.clone()))
    }
}

/// How a log is run.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AuditOptions {
    queue_records: NonZeroU32,
    queue_wait: Duration,
}

impl AuditOptions {
    /// A queue of 8,192 records, and 500 ms to wait for room in it.
    #[must_use]
    pub const fn new() -> Self {
        Self { queue_records: QUEUE_RECORDS, queue_wait: QUEUE_WAIT }
    }

    /// How many records may wait for the disk. As many again may be in the write under way.
    #[must_use]
    pub const fn with_queue_records(mut self, queue_records: NonZeroU32) -> Self {
        self.queue_records = queue_records;
        self
    }

    /// How long an append waits for room in a full queue before it is [`AuditError::Overloaded`].
    #[must_use]
    pub const fn with_queue_wait(mut self, queue_wait: Duration) -> Self {
        self.queue_wait = queue_wait;
        self
    }
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self::new()
    }
}

fn create_dir(dir: &Path) -> Result<(), AuditError> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {
            let parent = match dir.parent() {
                Some(parent) if parent != Path::new("") => parent,
                _ => Path::new("."),
            };
            File::open(parent).and_then(|parent| parent.sync_all()).map_err(io_error("sync", parent))
        }
        Err(error) => match error.kind() {
            io::ErrorKind::AlreadyExists => Ok(()),
            io::ErrorKind::NotFound => Err(AuditError::ParentMissing { dir: dir.to_owned() }),
            _ => Err(io_error("create", dir)(error)),
        },
    }
}

/// Opens the directory and holds an exclusive lock on it for as long as the file is open. The lock is
/// on the directory and not on a file in it, for a file can be deleted and made anew under the holder.
fn lock_dir(dir: &Path) -> Result<File, AuditError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let lock =
        rustix::fs::open(dir, flags, Mode::empty()).map_err(|errno| io_error("open", dir)(errno.into()))?;
    let lock = File::from(lock);
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(AuditError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io_error("lock", dir)(source)),
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AuditError {
    move |source| AuditError::Io { action, path: path.to_owned(), source }
}

/// Name of the log within its directory.
pub const FILE_NAME: &str = "audit.jsonl";

/// A disk that keeps up never fills it, as each commit empties it; 12 MB of usual records.
const QUEUE_RECORDS: NonZeroU32 = NonZeroU32::new(8192).unwrap();

/// The default deadline of a signing request: waiting longer helps no caller.
const QUEUE_WAIT: Duration = Duration::from_millis(500);

const READ_BUFFER_LEN: usize = 256 * 1024;

#[cfg(test)]
mod tests;
