//! A file of checkpoints, one line each.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::super::checkpoint::Checkpoint;
use super::super::error::ProofError;
use super::super::key::VerifyKey;

/// The checkpoints of one log in a file, in its order. A line that is no checkpoint of the log, be it
/// torn, damaged or of another log, gives nothing in its place.
#[derive(Debug)]
pub struct OutsideFile {
    path: PathBuf,
    key: VerifyKey,
    lines: BufReader<File>,
    line: Vec<u8>,
}

impl OutsideFile {
    /// From the beginning. Nothing when there is no such file.
    ///
    /// # Errors
    /// [`ProofError::Io`].
    pub fn open(path: &Path, key: &VerifyKey) -> Result<Option<Self>, ProofError> {
        Self::open_tail(path, key, u64::MAX)
    }

    /// The checkpoint that covers most records.
    ///
    /// Checkpoints are appended as the log grows, so those at the end are looked at first, and more of
    /// the file only when none of them is of this log.
    ///
    /// # Errors
    /// [`ProofError::Io`].
    pub fn newest(path: &Path, key: &VerifyKey) -> Result<Option<Checkpoint>, ProofError> {
        let mut tail_bytes = TAIL_BYTES;
        loop {
            let Some(mut file) = Self::open_tail(path, key, tail_bytes)? else { return Ok(None) };
            let len_bytes = file.len_bytes()?;
            let found = file.try_fold(None::<Checkpoint>, |newest, line| {
                line.map(|checkpoint| newest.into_iter().chain(checkpoint).max_by_key(Checkpoint::size))
            })?;
            if found.is_some() || tail_bytes >= len_bytes {
                return Ok(found);
            }
            tail_bytes = tail_bytes.saturating_mul(16);
        }
    }

    /// The lines that begin in the last `tail_bytes`.
    pub(super) fn open_tail(
        path: &Path,
        key: &VerifyKey,
        tail_bytes: u64,
    ) -> Result<Option<Self>, ProofError> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(ProofError::io("read", path))?,
        };
        let mut file =
            Self { path: path.to_owned(), key: key.clone(), lines: BufReader::new(file), line: Vec::new() };
        let skipped = file.len_bytes()?.saturating_sub(tail_bytes);
        if skipped > 0 {
            // The byte before may be the newline that this line begins behind.
            let sought = file.lines.seek(SeekFrom::Start(skipped - 1));
            sought.and_then(|_| file.lines.skip_until(b'\n')).map_err(ProofError::io("read", path))?;
        }
        Ok(Some(file))
    }

    fn len_bytes(&self) -> Result<u64, ProofError> {
        Ok(self.lines.get_ref().metadata().map_err(ProofError::io("read", &self.path))?.len())
    }

    fn parse(&self) -> Option<Checkpoint> {
        #[derive(Deserialize)]
        struct Line {
            checkpoint: String,
        }
        // A log daemon puts time, host and name in front of what it was given.
        let start = self.line.windows(OPEN.len()).position(|window| window == OPEN)?;
        let line: Line = serde_json::from_slice(&self.line[start..]).ok()?;
        Checkpoint::parse(line.checkpoint.as_bytes(), &self.key).ok()
    }
}

impl Iterator for OutsideFile {
    type Item = Result<Option<Checkpoint>, ProofError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.line.clear();
        let lines = self.lines.by_ref().take(MAX_LINE_LEN);
        // A line that is longer than any of ours is read in pieces, none of which is a checkpoint.
        match { lines }.read_until(b'\n', &mut self.line) {
            Ok(0) => None,
            Ok(_) => Some(Ok(self.parse())),
            Err(error) => Some(Err(ProofError::io("read", &self.path)(error))),
        }
    }
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

/// How each of our lines begins.
const OPEN: &[u8] = br#"{"checkpoint":"#;

/// Some thousand checkpoints.
const TAIL_BYTES: u64 = 1024 * 1024;

/// The longest note, each character of which may take six.
const MAX_LINE_LEN: u64 = 6 * 128 * 1024 + 64;
