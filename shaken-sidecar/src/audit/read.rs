//! Reading a log from front to back: also one that a daemon has open.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::disk::{Disk, DiskFile, Folder, Reader, uninterrupted};
use super::line::{MAX_LINE_LEN, place_of};
use super::parts::{Folders, Part};
use super::sealed::{SEALED, SealedLines, name_of as sealed_name_of};
use super::segment::name_of;
use super::{AuditError, SEGMENTS, io_error};

/// The lines of the log in `dir`, from the oldest on, sealed or not. Ends before the first line that is
/// not whole: there a daemon is writing, or was killed. The first index is more than 0 when older
/// records were deleted.
///
/// # Errors
/// [`AuditError::Io`] when the directory cannot be read.
pub fn read(dir: &Path) -> Result<Lines, AuditError> {
    read_from(dir, 0)
}

/// The same, from the record `index` on, or from the first after it that is still there. What ends
/// before it is not opened.
///
/// # Errors
/// Those of [`read`].
pub fn read_from(dir: &Path, index: u64) -> Result<Lines, AuditError> {
    let folders = folders(dir)?;
    let mut parts: VecDeque<Part> = folders.parts()?.into();
    let holding = parts.partition_point(|part| part.first() <= index).saturating_sub(1);
    parts.drain(..holding);
    Ok(Lines { folders, parts, from: index, current: None, has_given: false })
}

/// The directories of the log in `dir`, to be read only.
pub(super) fn folders(dir: &Path) -> Result<Folders<Folder>, AuditError> {
    let (segments_dir, sealed_dir) = (dir.join(SEGMENTS), dir.join(SEALED));
    let segments = Folder::open_to_read(&segments_dir).map_err(io_error("open", &segments_dir))?;
    let sealed = match Folder::open_to_read(&sealed_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        opened => Some(opened.map_err(io_error("open", &sealed_dir))?),
    };
    Ok(Folders { segments, segments_dir, sealed, sealed_dir })
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
    folders: Folders<Folder>,
    /// What is still to come.
    parts: VecDeque<Part>,
    /// Records before this one are not wanted.
    from: u64,
    current: Option<Current>,
    has_given: bool,
}

#[derive(Debug)]
enum Current {
    Raw(RawLines<std::fs::File>),
    Sealed { lines: Box<SealedLines>, path: PathBuf, next_index: u64 },
}

impl Lines {
    fn next_line(&mut self) -> Result<Option<Line>, AuditError> {
        loop {
            let next_first = self.parts.front().map(|part| part.first());
            let Some(current) = &mut self.current else {
                let Some(part) = self.parts.pop_front() else { return Ok(None) };
                self.current = self.open(part)?;
                continue;
            };
            match current {
                Current::Raw(lines) => match lines.next_before(next_first)? {
                    Some(line) if line.index < self.from => {}
                    Some(line) => return Ok(Some(line)),
                    None => self.current = None,
                },
                Current::Sealed { lines, path, next_index } => match lines.next().transpose()? {
                    Some(line) => {
                        *next_index = line.index + 1;
                        return Ok(Some(line));
                    }
                    None => {
                        if let Some(found) = next_first.filter(|next| next != next_index) {
                            let (path, expected) = (path.clone(), *next_index);
                            return Err(AuditError::NotContiguous { path, offset_bytes: 0, expected, found });
                        }
                        self.current = None;
                    }
                },
            }
        }
    }

    /// Nothing when the part was deleted just now, as the oldest of the log.
    fn open(&self, part: Part) -> Result<Option<Current>, AuditError> {
        let first = part.first();
        if let Part::Raw(_) = part {
            match RawLines::open(&self.folders.segments, &self.folders.segments_dir, first) {
                // Sealed since.
                Err(AuditError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                opened => return opened.map(|lines| Some(Current::Raw(lines))),
            }
        }
        let path = self.folders.sealed_dir.join(sealed_name_of(first));
        match self.folders.open_sealed(first)? {
            Some(file) => Ok(Some(Current::Sealed {
                lines: Box::new(file.lines_from(self.from)),
                path,
                // Of a segment that ends before `from`, nothing comes.
                next_index: self.from.clamp(first, file.end_index()),
            })),
            None if self.has_given => Err(io_error("open", &path)(io::ErrorKind::NotFound.into())),
            None => Ok(None),
        }
    }
}

impl Iterator for Lines {
    type Item = Result<Line, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        let outcome = self.next_line();
        self.has_given = true;
        if outcome.is_err() {
            // Nothing behind the damage is known to be in its place.
            self.parts.clear();
            self.current = None;
        }
        outcome.transpose()
    }
}

/// The lines of one raw segment.
pub(super) struct RawLines<F> {
    path: PathBuf,
    text: BufReader<OwnedReader<F>>,
    offset_bytes: u64,
    next_index: u64,
}

impl<F: DiskFile> RawLines<F> {
    /// Of the segment from `first` on in the directory `disk` at `dir`.
    pub(super) fn open(disk: &impl Disk<File = F>, dir: &Path, first: u64) -> Result<Self, AuditError> {
        let name = name_of(first);
        let path = dir.join(&name);
        let file = uninterrupted(|| disk.open(&name)).map_err(io_error("open", &path))?;
        let text = BufReader::with_capacity(READ_BUFFER_LEN, OwnedReader { file, offset_bytes: 0 });
        Ok(Self { path, text, offset_bytes: 0, next_index: first })
    }

    /// The next line. None behind `end`, where the next segment begins: what follows there, if
    /// anything, was given up. Without an end, none behind the last whole line.
    ///
    /// # Errors
    /// [`AuditError::NotContiguous`]; [`AuditError::Corrupt`] when a line before `end` is not whole;
    /// [`AuditError::Io`].
    pub(super) fn next_before(&mut self, end: Option<u64>) -> Result<Option<Line>, AuditError> {
        if end == Some(self.next_index) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let text = self.text.by_ref().take(MAX_LINE_LEN as u64);
        let len = { text }.read_until(b'\n', &mut bytes).map_err(io_error("read", &self.path))?;
        let (path, offset_bytes) = (&self.path, self.offset_bytes);
        match bytes.strip_suffix(b"\n").and_then(place_of) {
            Some(place) if place.index == self.next_index => {
                bytes.pop();
                self.next_index += 1;
                self.offset_bytes += len as u64;
                Ok(Some(Line { index: place.index, bytes }))
            }
            Some(place) => Err(AuditError::NotContiguous {
                path: path.clone(),
                offset_bytes,
                expected: self.next_index,
                found: place.index,
            }),
            None if end.is_some() => Err(AuditError::Corrupt { path: path.clone(), offset_bytes }),
            None => Ok(None),
        }
    }
}

impl<F> std::fmt::Debug for RawLines<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawLines").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A file with the place that it is read at.
struct OwnedReader<F> {
    file: F,
    offset_bytes: u64,
}

impl<F: DiskFile> io::Read for OwnedReader<F> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut reader = Reader { file: &self.file, offset_bytes: self.offset_bytes };
        let len = reader.read(bytes)?;
        self.offset_bytes = reader.offset_bytes;
        Ok(len)
    }
}

const READ_BUFFER_LEN: usize = 256 * 1024;
