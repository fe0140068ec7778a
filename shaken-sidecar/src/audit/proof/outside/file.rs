//! A file of checkpoints, one line each.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use serde::Deserialize;

use super::super::checkpoint::Checkpoint;
use super::super::error::ProofError;
use super::super::key::VerifyKey;

/// What a file of checkpoints says of one log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutsideFile {
    /// The checkpoints of the log, in the order of the file.
    pub checkpoints: Vec<Checkpoint>,
    /// Lines that are no checkpoint of this log: torn or damaged, or of other logs.
    pub other_lines: u64,
}

impl OutsideFile {
    /// The checkpoint that covers most records.
    #[must_use]
    pub fn newest(&self) -> Option<&Checkpoint> {
        self.checkpoints.iter().max_by_key(|checkpoint| checkpoint.size())
    }
}

/// Reads the last `max_bytes` of a file of checkpoints. A file that does not exist has none.
///
/// # Errors
/// [`ProofError::Io`].
pub fn read_file(path: &Path, key: &VerifyKey, max_bytes: u64) -> Result<OutsideFile, ProofError> {
    let io = |source| ProofError::Io { action: "read", path: path.to_owned(), source };
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(OutsideFile::default()),
        file => file.map_err(io)?,
    };
    let len_bytes = file.metadata().map_err(io)?.len();
    let start = len_bytes.saturating_sub(max_bytes);
    file.seek(SeekFrom::Start(start)).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(max_bytes).read_to_end(&mut bytes).map_err(io)?;
    // Where the middle of a line may stand.
    let cut = if start > 0 {
        bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| at + 1)
    } else {
        0
    };
    let mut found = OutsideFile::default();
    for line in bytes[cut..].split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        match parse(line, key) {
            Some(checkpoint) => found.checkpoints.push(checkpoint),
            None => found.other_lines += 1,
        }
    }
    Ok(found)
}

/// Appends a line, and returns when it is durable. Behind a torn line, left by a crash, it begins a new
/// one.
pub(super) fn append(path: &Path, line: &str) -> io::Result<()> {
    // Read access is for the last byte.
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let len_bytes = file.metadata()?.len();
    let mut last = [b'\n'];
    if len_bytes > 0 {
        file.read_exact_at(&mut last, len_bytes - 1)?;
    } else if let Some(parent) = path.parent().filter(|parent| *parent != Path::new("")) {
        File::open(parent)?.sync_all()?;
    }
    let torn = if last == *b"\n" { "" } else { "\n" };
    file.write_all(format!("{torn}{line}\n").as_bytes())?;
    file.sync_all()
}

fn parse(line: &[u8], key: &VerifyKey) -> Option<Checkpoint> {
    #[derive(Deserialize)]
    struct Line {
        checkpoint: String,
    }
    let line: Line = serde_json::from_slice(line).ok()?;
    Checkpoint::parse(line.checkpoint.as_bytes(), key).ok()
}
