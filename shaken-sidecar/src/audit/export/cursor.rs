//! How far the export has come, kept in the directory of the log.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::AuditError;
use super::super::proof::TreeHash;
use super::super::proof::disk::{Disk as _, FileSystem};
use super::super::read_from;

/// The place in the log up to which the export is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    /// The name of the log in the identities of messages.
    pub(super) log: String,
    /// Everything below it has been acknowledged.
    pub(super) next_index: u64,
    /// The leaf of the record before it (RFC 6962), in base64: another log, or this one after it was rolled
    /// back and went on, has another record there.
    pub(super) last_leaf: Option<String>,
}

/// Why the export must not go on from a cursor.
#[derive(Debug)]
pub(super) enum Unfit {
    /// It cannot be read.
    Unreadable,
    /// It is that of a log with this name.
    OtherName(String),
    /// The log has only so many records.
    Beyond { records: u64 },
    /// Another record stands before it.
    OtherRecord { index: u64 },
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("the cursor is not one of this version")?,
            Self::OtherName(name) => write!(f, "the cursor is that of a log named {name:?}")?,
            Self::Beyond { records } => {
                write!(f, "the cursor is beyond the end of the log, which has {records} records")?;
            }
            Self::OtherRecord { index } => {
                write!(f, "the record {index} in the log is not the one that was exported as {index}")?;
            }
        }
        f.write_str(
            ": the log was rolled back or is another one; find out which, then move the cursor away and give \
             audit.nats.log another name, under which all of the log is exported anew",
        )
    }
}

impl Cursor {
    /// The one of a log of which nothing was exported yet.
    pub(super) fn new(log: &str) -> Self {
        Self { log: log.to_owned(), next_index: 0, last_leaf: None }
    }

    /// Everything up to `line`, the record with this `index`, is acknowledged.
    pub(super) fn advance(&mut self, index: u64, line: &[u8]) {
        self.next_index = index + 1;
        self.last_leaf = Some(leaf_of(line));
    }

    /// Everything below `index` is acknowledged or cannot be had any more; nothing is known of the record
    /// before it.
    pub(super) fn skip_to(&mut self, index: u64) {
        self.next_index = index;
        self.last_leaf = None;
    }

    /// Compares it with the log in `dir`, called `log`, that has `records` records.
    ///
    /// # Errors
    /// When that log cannot be read.
    pub(super) fn check(&self, dir: &Path, log: &str, records: u64) -> Result<Option<Unfit>, AuditError> {
        if self.log != log {
            return Ok(Some(Unfit::OtherName(self.log.clone())));
        }
        if self.next_index > records {
            return Ok(Some(Unfit::Beyond { records }));
        }
        let Some(index) = self.next_index.checked_sub(1) else { return Ok(None) };
        let found = read_from(dir, index)?.next().transpose()?.filter(|line| line.index == index);
        // What is not there any more cannot be compared.
        let leaf = found.map(|line| leaf_of(&line.bytes));
        let is_other = self.last_leaf.is_some() && leaf.is_some() && self.last_leaf != leaf;
        Ok(is_other.then_some(Unfit::OtherRecord { index }))
    }
}

/// The file of a cursor.
#[derive(Debug)]
pub(super) struct CursorFile {
    folder: PathBuf,
    path: PathBuf,
}

impl CursorFile {
    /// That of the log in `dir`.
    pub(super) fn of(dir: &Path) -> Self {
        let folder = dir.join(EXPORT);
        Self { path: folder.join(CURSOR), folder }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Nothing if it does not exist.
    ///
    /// # Errors
    /// What the system answered; [`Unfit::Unreadable`] inside if there is something else in it.
    pub(super) fn load(&self) -> io::Result<Option<Result<Cursor, Unfit>>> {
        match std::fs::read(&self.path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).map_err(|_| Unfit::Unreadable))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns when it is durable: a crash leaves this one or the one before, never a part.
    ///
    /// # Errors
    /// What the system answered.
    pub(super) fn save(&self, cursor: &Cursor) -> io::Result<()> {
        let mut disk = FileSystem;
        let temporary = self.path.with_extension("tmp");
        let mut text = serde_json::to_vec(cursor).map_err(io::Error::other)?;
        text.push(b'\n');
        if !self.folder.is_dir() {
            disk.make_dir(&self.folder)?;
            if let Some(dir) = self.folder.parent() {
                disk.sync_dir(dir)?;
            }
        }
        disk.write(&[(temporary.clone(), text)])?;
        disk.rename(&temporary, &self.path)?;
        disk.sync_dir(&self.folder)
    }
}

fn leaf_of(line: &[u8]) -> String {
    TreeHash::of_line(line).to_base64()
}

/// The folder of the export within the directory of the log.
const EXPORT: &str = "export";

const CURSOR: &str = "nats.cursor";
