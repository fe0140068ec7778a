//! Why a log's tree and checkpoints cannot be used, or go on.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::checkpoint::NoteError;

/// Why the tree of a log cannot be resumed, read or published. Carries nothing of any record.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProofError {
    /// The log has fewer records than a checkpoint of it covers: records were cut off, or an older
    /// copy was put in its place.
    Rollback {
        /// Records in the log.
        records: u64,
        /// Records that the checkpoint covers.
        size: u64,
        /// Where that checkpoint is.
        checkpoint: PathBuf,
    },
    /// The tree has another root than a checkpoint says it had at that size: a record or a tile before
    /// it is not what it was.
    Tampered {
        /// Records that the checkpoint covers.
        size: u64,
        /// Where that checkpoint is.
        checkpoint: PathBuf,
    },
    /// A record is not the one whose leaf is in the tree.
    RecordChanged {
        /// Its index.
        index: u64,
    },
    /// The records given do not follow on the tree: this one was to come next.
    RecordsMissing {
        /// Index of the record that is needed.
        expected: u64,
        /// Index of the record that was given instead.
        found: u64,
    },
    /// A checkpoint is damaged, or not of this log.
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: NoteError,
    },
    /// A tile that the tree needs is missing, has the wrong length, or does not fit those below it.
    Tile {
        /// The file.
        path: PathBuf,
    },
    /// What was asked for lies behind the end of the tree.
    BeyondTree {
        /// The size or index asked for.
        asked: u64,
        /// Records in the tree.
        size: u64,
    },
    /// A step failed.
    Io {
        /// What was tried: `read`, `write`, `sync`, ...
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

impl ProofError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rollback { records, size, checkpoint } => write!(
                f,
                "the audit log has {records} records, but the checkpoint in {} covers {size}: records were cut \
                 off or an older copy took the log's place; keep it as it is for examination, and go on with the \
                 newer copy, or with a new log that has a new key",
                checkpoint.display()
            ),
            Self::Tampered { size, checkpoint } => write!(
                f,
                "the first {size} records of the audit log are not those that the checkpoint in {} was signed \
                 for: a record or a tile was changed; keep the log as it is for examination",
                checkpoint.display()
            ),
            Self::RecordChanged { index } => write!(
                f,
                "record {index} of the audit log is not the one that its tree was made from; keep the log as it \
                 is for examination"
            ),
            Self::RecordsMissing { expected, found } => write!(
                f,
                "the tree of the audit log goes on with record {expected}, but record {found} came; the records \
                 between are missing"
            ),
            Self::Checkpoint { path, source } => write!(
                f,
                "the checkpoint {} cannot be believed: {source}; keep it for examination, and put back a good copy",
                path.display()
            ),
            Self::Tile { path } => write!(
                f,
                "the tile {} of the audit log is missing or damaged; put back a good copy, or move `checkpoint` \
                 and `tile` elsewhere to have them made again from all records (the outside copy is still compared)",
                path.display()
            ),
            Self::BeyondTree { asked, size } => {
                write!(f, "the checkpoint covers {size} records; {asked} is beyond it")
            }
            Self::Io { action, path, source } => write!(f, "cannot {action} {}: {source}", path.display()),
        }
    }
}

impl std::error::Error for ProofError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Checkpoint { source, .. } => Some(source),
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
