//! Why the audit log cannot be opened, or did not take a record.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::line::LineError;
use super::proof::ProofError;
use super::sealed::SealedError;

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
    /// A line is whole and still no record that this version can read.
    Line {
        /// Its index.
        index: u64,
        /// Why not.
        source: LineError,
    },
    /// Records at the beginning are gone, and none says that they were deleted.
    NotRecorded {
        /// The folder of the sealed segments.
        path: PathBuf,
        /// Index of the first record that is there.
        first: u64,
    },
    /// The segment that records are written to is gone.
    SegmentMissing {
        /// The file.
        path: PathBuf,
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
    /// The log is not the one that its checkpoints were signed for, or they cannot be read.
    Proof(ProofError),
    /// A sealed segment cannot be made or read.
    Sealed(SealedError),
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
    /// The log cannot take records now. This one does not count: if a line of it is on the disk, it
    /// is cut off.
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
            Self::Line { index, source } => write!(f, "record {index}: {source}"),
            Self::NotRecorded { path, first } => write!(
                f,
                "the audit log begins with record {first}, and no record says that those before it were deleted \
                 ({}); put back what is missing, or keep the rest as evidence and start a new log",
                path.display()
            ),
            Self::SegmentMissing { path } => write!(
                f,
                "the last segment of the audit log, {}, is missing; put it back, or keep the rest as evidence \
                 and start a new log",
                path.display()
            ),
            Self::Io { action, path, source } => {
                write!(f, "cannot {action} {}: {source}", path.display())
            }
            Self::Proof(error) => error.fmt(f),
            Self::Sealed(error) => error.fmt(f),
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
            Self::Proof(error) => error.source(),
            Self::Sealed(error) => error.source(),
            _ => None,
        }
    }
}

impl AuditError {
    /// Whether the log on disk is not as it was left: neither another configuration nor another time
    /// is what it takes, but somebody who looks at it.
    #[must_use]
    pub fn is_of_the_data(&self) -> bool {
        match self {
            Self::Corrupt { .. }
            | Self::NotContiguous { .. }
            | Self::Line { .. }
            | Self::NotRecorded { .. }
            | Self::SegmentMissing { .. }
            | Self::Sealed(_) => true,
            Self::Proof(error) => !matches!(error, ProofError::Io { .. }),
            _ => false,
        }
    }
}

impl From<ProofError> for AuditError {
    fn from(error: ProofError) -> Self {
        Self::Proof(error)
    }
}

impl From<SealedError> for AuditError {
    fn from(error: SealedError) -> Self {
        Self::Sealed(error)
    }
}

/// What stands in the way of the log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The file or directory.
    pub path: Arc<Path>,
    /// What failed.
    pub step: Step,
    /// What the system answered.
    pub source: Arc<io::Error>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, step, source } = self;
        let outlook = match step {
            Step::Write | Step::Sync | Step::Begin | Step::Reserve => {
                "it tries again each second; look after the disk"
            }
            Step::Removed => {
                "records written since are lost; move back what was moved away, or keep what is left as \
                 evidence and give the log an empty directory, then restart"
            }
            Step::Panic => "restart, and report this defect",
        };
        write!(f, "the audit log {} takes no records: {}: {source}; {outlook}", path.display(), step.name())
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

/// What the writer was doing when something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Writing lines to a segment.
    Write,
    /// Making them durable.
    Sync,
    /// Beginning a segment.
    Begin,
    /// Taking room on the disk that is given free when the disk is full: it still is.
    Reserve,
    /// The segment or the directory was deleted, moved or replaced under the log.
    Removed,
    /// The writer thread panicked: a defect of ours.
    Panic,
}

impl Step {
    /// The stable name, as in gap and cut records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Sync => "fdatasync",
            Self::Begin => "begin-segment",
            Self::Reserve => "disk-full",
            Self::Removed => "removed",
            Self::Panic => "writer-panic",
        }
    }
}
