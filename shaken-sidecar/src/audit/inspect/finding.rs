//! What can be wrong with a log, by name.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::audit::AuditError;
use crate::audit::proof::ProofError;
use crate::audit::sealed::SealedError;

/// What is wrong with a log.
#[derive(Debug)]
#[non_exhaustive]
pub enum Finding {
    /// There is no key to check checkpoints with.
    NoKey,
    /// There is no checkpoint in the directory.
    NoCheckpoint,
    /// A file of outside checkpoints has none of this log.
    NoOutside {
        /// The file.
        path: PathBuf,
    },
    /// The checkpoint in the directory covers less than one outside: it is older.
    CheckpointOlder {
        /// Records that it covers.
        size: u64,
        /// Records that the newest outside covers.
        outside: u64,
        /// Where that is.
        path: PathBuf,
    },
    /// Two outside checkpoints of one size have different roots: the key signed two histories.
    TwoHistories {
        /// Records that both cover.
        size: u64,
    },
    /// A record is damaged, missing, repeated or out of order; nothing behind it was looked at.
    Record {
        /// Its index.
        index: u64,
        /// What is wrong with it.
        source: AuditError,
    },
    /// What follows the last whole record is none: a killed daemon leaves that, and so does damage.
    Torn {
        /// Index of the record that would stand there.
        index: u64,
        /// Length of what stands there instead.
        len_bytes: u64,
    },
    /// Records, tiles and checkpoints do not fit each other.
    Proof(ProofError),
    /// A sealed segment is damaged, or a column, filter or index of it does not fit its lines.
    Sealed(SealedError),
    /// A sealed segment is not the file that its seal was written for.
    SealedChanged {
        /// The file.
        path: PathBuf,
    },
    /// A sealed segment has no seal on record.
    SealedUnrecorded {
        /// The file.
        path: PathBuf,
    },
    /// A segment is gone whose seal is on record, and no deletion of it is.
    SealedMissing {
        /// The file.
        path: PathBuf,
    },
    /// The log does not begin where the deletions on record say.
    NotRecorded {
        /// Index of the first record that is there.
        first: u64,
    },
    /// A deletion on record is of another file than the seal, or out of order.
    DeletionWrong {
        /// First index of the segment.
        segment: u64,
    },
}

impl Finding {
    /// The stable name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoKey => "no-key",
            Self::NoCheckpoint => "no-checkpoint",
            Self::NoOutside { .. } => "no-outside-checkpoint",
            Self::CheckpointOlder { .. } => "checkpoint-older",
            Self::TwoHistories { .. } => "two-histories",
            Self::Record { .. } => "record",
            Self::Torn { .. } => "torn",
            Self::Sealed(error) => error.name(),
            Self::SealedChanged { .. } => "sealed-changed",
            Self::SealedUnrecorded { .. } => "sealed-unrecorded",
            Self::SealedMissing { .. } => "sealed-missing",
            Self::NotRecorded { .. } => "begin-not-recorded",
            Self::DeletionWrong { .. } => "deletion-wrong",
            Self::Proof(error) => match error {
                ProofError::Rollback { .. } => "rollback",
                ProofError::Tampered { .. } => "tampered",
                ProofError::RecordChanged { .. } => "record-changed",
                ProofError::Checkpoint { .. } => "checkpoint",
                ProofError::Tile { .. } => "tile",
                ProofError::RecordsMissing { .. } | ProofError::BeyondTree { .. } => "records-missing",
                ProofError::Io { .. } => "io",
            },
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey => f.write_str(
                "no key was given: whoever can write to the directory can have made every record of it",
            ),
            Self::NoCheckpoint => {
                f.write_str("there is no checkpoint in the directory: no record is proven by it")
            }
            Self::NoOutside { path } => {
                write!(f, "{} has no checkpoint that this key signed", path.display())
            }
            Self::CheckpointOlder { size, outside, path } => write!(
                f,
                "the checkpoint in the directory covers {size} records, but one in {} covers {outside}: an \
                 older one was put back",
                path.display()
            ),
            Self::TwoHistories { size } => write!(
                f,
                "two outside checkpoints of {size} records contradict each other: the key was used for another \
                 log, or for two versions of this one"
            ),
            Self::Record { index, source } => write!(f, "record {index}: {source}"),
            Self::Torn { index, len_bytes } => write!(
                f,
                "in place of record {index} there are {len_bytes} bytes that are no whole record: a killed daemon \
                 leaves that until it is started again, and so does damage to the last records"
            ),
            Self::Proof(error) => error.fmt(f),
            Self::Sealed(error) => error.fmt(f),
            Self::SealedChanged { path } => write!(
                f,
                "{} is not the file that was sealed: its SHA-256 is another than on record",
                path.display()
            ),
            Self::SealedUnrecorded { path } => {
                write!(
                    f,
                    "{} has no seal on record: it was put there, or its seal taken away",
                    path.display()
                )
            }
            Self::SealedMissing { path } => {
                write!(f, "{} is missing, and no deletion of it is on record", path.display())
            }
            Self::NotRecorded { first } => write!(
                f,
                "the log begins with record {first}, and the deletions on record do not say so: what stood before \
                 it was removed by somebody else"
            ),
            Self::DeletionWrong { segment } => write!(
                f,
                "the deletion of the segment from record {segment} on is out of order, or of another file than \
                 was sealed"
            ),
        }
    }
}

impl Serialize for Finding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Named {
            name: &'static str,
            text: String,
        }
        Named { name: self.name(), text: self.to_string() }.serialize(serializer)
    }
}
