//! Why the audit log cannot be opened, or did not take a record.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Why the log cannot be opened, or a record is not in it. Carries nothing of the record.
#[derive(Debug)]
#[non_exhaustive]
pub enum AuditError {
    /// The directory above the log's does not exist; it is not made, as a mistyped path would then
    /// start an empty log.
    ParentMissing {
        /// Directory of the log.
        dir: PathBuf,
    },
    /// Another process has this log open.
    Locked {
        /// Directory of the log.
        dir: PathBuf,
    },
    /// The log's file name belongs to something that is not a regular file.
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// A record inside the log is damaged: not a torn tail, so bytes that were durable have changed.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where the damaged record begins.
        offset_bytes: u64,
    },
    /// Records are missing, repeated or in another order.
    NotContiguous {
        /// The file.
        path: PathBuf,
        /// Where the record with the wrong index begins.
        offset_bytes: u64,
        /// The index that should be there.
        expected: u64,
        /// The index that is there.
        found: u64,
    },
    /// A step of opening the log failed.
    Io {
        /// What was tried: `create`, `open`, `read`, ...
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The queue stayed full: the disk is slower than the calls come in. The record is not in the
    /// log.
    Overloaded {
        /// Length of the queue.
        queue_records: u32,
        /// How long there was no room in it.
        waited: Duration,
    },
    /// The record is longer than a line may be. It is not in the log.
    RecordTooLarge {
        /// Length of the record as JSON.
        len_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// The system gave no random bytes for the salt. The record is not in the log.
    NoRandomness,
    /// The log failed earlier or just now, and takes no more records. Whether this record is on the
    /// disk is not known.
    Failed(Failure),
    /// The log was closed. The record is not in it.
    Closed,
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ParentMissing { dir } => write!(
                f,
                "cannot create the audit log {}: the directory above it does not exist; create that first",
                dir.display()
            ),
            Self::Locked { dir } => write!(
                f,
                "the audit log {0} is in use by another process; stop that one (`fuser {0}` shows it) or \
                 give this one its own directory",
                dir.display()
            ),
            Self::NotAFile { path } => {
                write!(f, "{} is not a regular file; move it away and start again", path.display())
            }
            Self::Corrupt { path, offset_bytes } => write!(
                f,
                "{} is damaged: the record at byte {offset_bytes} is not whole and is not the end of the file; \
                 keep the file as evidence, restore it from a copy or move it away, then start again",
                path.display()
            ),
            Self::NotContiguous { path, offset_bytes, expected, found } => write!(
                f,
                "{} is damaged: the record at byte {offset_bytes} has index {found} where {expected} should be; \
                 keep the file as evidence, restore it from a copy or move it away, then start again",
                path.display()
            ),
            Self::Io { action, path, source } => {
                write!(f, "cannot {action} {}: {source}", path.display())
            }
            Self::Overloaded { queue_records, waited } => write!(
                f,
                "the audit log is behind: its queue of {queue_records} records was full for {} ms",
                waited.as_millis()
            ),
            Self::RecordTooLarge { len_bytes, max_bytes } => {
                write!(f, "the audit record has {len_bytes} bytes, more than the limit of {max_bytes}")
            }
            Self::NoRandomness => f.write_str("the system gives no random bytes for the audit record"),
            Self::Failed(failure) => failure.fmt(f),
            Self::Closed => f.write_str("the audit log is closed"),
        }
    }
}

impl std::error::Error for AuditError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Failed(failure) => failure.source(),
            _ => None,
        }
    }
}

/// The error that ended a log. Everyone who appends after it gets the same one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The file.
    pub path: Arc<Path>,
    /// What failed.
    pub step: Step,
    /// What the system answered.
    pub source: Arc<io::Error>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the audit log {} failed and takes no more records: {}: {}; look after the disk, then restart",
            self.path.display(),
            match self.step {
                Step::Write => "write",
                Step::Sync => "fdatasync",
                Step::Panic => "writer thread",
            },
            self.source
        )
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

/// What the writer was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Writing lines to the file.
    Write,
    /// Making them durable.
    Sync,
    /// The writer thread panicked: a defect of ours.
    Panic,
}
