//! Reading a log from front to back: also one that a daemon has open.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::disk::{Disk as _, Folder, Reader};
use super::line::{MAX_LINE_LEN, place_of};
use super::segment::{self, name_of};
use super::{AuditError, SEGMENTS, io_error};

/// The lines of the log in `dir`, from the oldest on. Ends before the first line that is not whole:
/// there a daemon is writing, or was killed.
///
/// # Errors
/// [`AuditError::Io`] when the directory cannot be read.
pub fn read(dir: &Path) -> Result<Lines, AuditError> {
    let dir = dir.join(SEGMENTS);
    let folder = Folder::open_to_read(&dir).map_err(io_error("open", &dir))?;
    let firsts: VecDeque<u64> = segment::list(&folder).map_err(io_error("read", &dir))?.into();
    Ok(Lines { folder, dir, firsts, current: None })
}

/// The same, from the record `index` on, or from the first after it that is still there. Segments that
/// end before it are not opened.
///
/// # Errors
/// Those of [`read`].
pub fn read_from(
    dir: &Path,
    index: u64,
) -> Result<impl Iterator<Item = Result<Line, AuditError>> + Send + use<>, AuditError> {
    let mut lines = read(dir)?;
    let holding = lines.firsts.partition_point(|first| *first <= index).saturating_sub(1);
    lines.firsts.drain(..holding);
    Ok(lines.skip_while(move |line| line.as_ref().is_ok_and(|line| line.index < index)))
}

/// A line of the log, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// Its index.
    pub index: u64,
    /// Its bytes as they are on disk, without the newline. They hold phone numbers.
    pub bytes: Vec<u8>,
}

/// The lines of a log: what [`read`] gives. Each is checked to be whole, and to come right after the
/// one before it.
#[derive(Debug)]
pub struct Lines {
    folder: Folder,
    dir: PathBuf,
    /// The segments that are still to come.
    firsts: VecDeque<u64>,
    current: Option<Current>,
}

struct Current {
    path: PathBuf,
    text: BufReader<OwnedReader>,
    offset_bytes: u64,
    next_index: u64,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Current").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A file with the place that it is read at.
struct OwnedReader {
    file: File,
    offset_bytes: u64,
}

impl std::io::Read for OwnedReader {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let mut reader = Reader { file: &self.file, offset_bytes: self.offset_bytes };
        let len = reader.read(bytes)?;
        self.offset_bytes = reader.offset_bytes;
        Ok(len)
    }
}

impl Lines {
    fn next_line(&mut self) -> Result<Option<Line>, AuditError> {
        loop {
            let Some(current) = &mut self.current else {
                let Some(first) = self.firsts.pop_front() else { return Ok(None) };
                let path = self.dir.join(name_of(first));
                let file = self.folder.open(&name_of(first)).map_err(io_error("open", &path))?;
                let text = BufReader::with_capacity(1 << 18, OwnedReader { file, offset_bytes: 0 });
                self.current = Some(Current { path, text, offset_bytes: 0, next_index: first });
                continue;
            };
            let next_first = self.firsts.front().copied();
            if next_first == Some(current.next_index) {
                // What follows in this segment, if anything, was given up.
                self.current = None;
                continue;
            }
            let mut bytes = Vec::new();
            let text = current.text.by_ref().take(MAX_LINE_LEN as u64);
            let len = { text }.read_until(b'\n', &mut bytes).map_err(io_error("read", &current.path))?;
            let place = bytes.strip_suffix(b"\n").and_then(place_of);
            match (place, next_first) {
                (Some(place), _) if place.index == current.next_index => {
                    bytes.pop();
                    current.next_index += 1;
                    current.offset_bytes += len as u64;
                    return Ok(Some(Line { index: place.index, bytes }));
                }
                (Some(place), _) => {
                    return Err(AuditError::NotContiguous {
                        path: current.path.clone(),
                        offset_bytes: current.offset_bytes,
                        expected: current.next_index,
                        found: place.index,
                    });
                }
                (None, Some(_)) => {
                    return Err(AuditError::Corrupt {
                        path: current.path.clone(),
                        offset_bytes: current.offset_bytes,
                    });
                }
                (None, None) => {
                    self.current = None;
                    return Ok(None);
                }
            }
        }
    }
}

impl Iterator for Lines {
    type Item = Result<Line, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        let outcome = self.next_line();
        if outcome.is_err() {
            // Nothing behind the damage is known to be in its place.
            self.firsts.clear();
            self.current = None;
        }
        outcome.transpose()
    }
}
