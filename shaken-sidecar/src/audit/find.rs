//! Finds records in all of a log, in sealed segments and in those that are lines still.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use memchr::memmem::Finder;

use super::disk::{Disk as _, DiskFile as _, Folder, uninterrupted};
use super::line::{MAX_LINE_LEN, place_of};
use super::parts::{Folders, Part};
use super::segment::name_of;
use super::{AuditError, Line, Wanted, io_error, read, sealed};

/// The records of the log in `dir` that meet all of `wanted`, from the oldest on; also while a daemon
/// writes it. Sealed segments are searched by their filters and columns. The others are scanned for a
/// text that stands in every line that is wanted, so that few of them are read as JSON.
///
/// A segment that is damaged is an error among what is found, and the search goes on behind it.
///
/// A search believes filters and columns: what somebody hid by changing them is for
/// [`inspect`](super::inspect) to find.
///
/// `progress` is told before each segment how many were searched and how many there are; when it
/// breaks, nothing more is found.
///
/// # Errors
/// [`AuditError::Io`] when the directory cannot be read.
pub fn find<'a>(
    dir: &Path,
    wanted: &'a Wanted,
    progress: impl FnMut(usize, usize) -> ControlFlow<()> + Send + 'a,
) -> Result<Finds<'a>, AuditError> {
    let folders = read::folders(dir)?;
    let parts: VecDeque<Part> = folders.parts()?.into();
    let needle = wanted.needle();
    let finder = needle.as_deref().map(|needle| Finder::new(needle).into_owned());
    let (count, progress) = (parts.len(), Box::new(progress));
    Ok(Finds { folders, wanted, finder, count, parts, found: None, damaged_lines: 0, progress })
}

/// What [`find`] gives.
pub struct Finds<'a> {
    folders: Folders<Folder>,
    wanted: &'a Wanted,
    finder: Option<Finder<'static>>,
    count: usize,
    /// What is still to be searched.
    parts: VecDeque<Part>,
    found: Option<Found<'a>>,
    damaged_lines: u64,
    progress: Box<dyn FnMut(usize, usize) -> ControlFlow<()> + Send + 'a>,
}

impl std::fmt::Debug for Finds<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finds").field("parts", &self.parts).finish_non_exhaustive()
    }
}

#[derive(Debug)]
enum Found<'a> {
    Sealed(sealed::Found<'a>),
    Lines(Scan),
}

impl Finds<'_> {
    fn next_line(&mut self) -> Result<Option<Line>, AuditError> {
        loop {
            let line = match &mut self.found {
                Some(Found::Sealed(found)) => found.next().transpose()?,
                Some(Found::Lines(scan)) => scan.next_line(self.finder.as_ref(), self.wanted)?,
                None => {
                    if (self.progress)(self.count - self.parts.len(), self.count).is_break() {
                        return Ok(None);
                    }
                    let Some(part) = self.parts.pop_front() else { return Ok(None) };
                    self.found = self.open(part)?;
                    continue;
                }
            };
            match line {
                Some(line) => return Ok(Some(line)),
                None => self.leave(),
            }
        }
    }
}

impl<'a> Finds<'a> {
    /// How many lines were passed over because they are not whole, in segments that were searched to their
    /// end and are not sealed. A search by number, name, level or reason looks at few lines and
    /// knows nothing of the others; one by time, or by nothing, looks at all.
    #[must_use]
    pub fn damaged_lines(&self) -> u64 {
        self.damaged_lines
    }

    /// The part that was searched is done with.
    fn leave(&mut self) {
        if let Some(Found::Lines(scan)) = self.found.take() {
            self.damaged_lines += scan.damaged_lines;
        }
    }

    /// Nothing when the part was deleted just now.
    fn open(&self, part: Part) -> Result<Option<Found<'a>>, AuditError> {
        let first = part.first();
        if let Part::Raw(_) = part {
            let name = name_of(first);
            let path = self.folders.segments_dir.join(&name);
            match self.folders.segments.open(&name) {
                Ok(file) => {
                    // What follows there in this segment, if anything, was given up.
                    let end = self.parts.front().map_or(u64::MAX, |next| next.first());
                    return Ok(Some(Found::Lines(Scan::new(file, path, end))));
                }
                // Sealed since.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(io_error("open", &path)(error)),
            }
        }
        let sealed = self.folders.open_sealed(first)?;
        Ok(sealed.map(|file| Found::Sealed(file.find(self.wanted))))
    }
}

impl Iterator for Finds<'_> {
    type Item = Result<Line, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        let outcome = self.next_line();
        if outcome.is_err() {
            self.leave();
        }
        outcome.transpose()
    }
}

/// A segment of lines, of which a part is in memory.
struct Scan {
    file: File,
    path: PathBuf,
    /// Index that is not in this segment any more.
    end: u64,
    /// Bytes of the file from `offset_bytes` on; whole lines, and the beginning of one.
    text: Vec<u8>,
    offset_bytes: u64,
    /// How much of `text` has been looked at: up to the beginning of a line.
    at: usize,
    is_read: bool,
    damaged_lines: u64,
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Scan {
    fn new(file: File, path: PathBuf, end: u64) -> Self {
        Self { file, path, end, text: Vec::new(), offset_bytes: 0, at: 0, is_read: false, damaged_lines: 0 }
    }

    fn next_line(
        &mut self,
        finder: Option<&Finder<'_>>,
        wanted: &Wanted,
    ) -> Result<Option<Line>, AuditError> {
        loop {
            let whole_len = self.text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            while self.at < whole_len {
                let rest = &self.text[self.at..whole_len];
                let hit = match finder {
                    Some(finder) => finder.find(rest),
                    None => Some(0),
                };
                let Some(hit) = hit else {
                    self.at = whole_len;
                    break;
                };
                let start =
                    self.at + rest[..hit].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
                let len = self.text[start..whole_len].iter().position(|&byte| byte == b'\n').unwrap_or(0);
                let bytes = &self.text[start..start + len];
                self.at = start + len + 1;
                match place_of(bytes) {
                    Some(place) if place.index >= self.end => return Ok(None),
                    Some(place) if wanted.matches(bytes) => {
                        return Ok(Some(Line { index: place.index, bytes: bytes.to_vec() }));
                    }
                    Some(_) => {}
                    None => self.damaged_lines += 1,
                }
            }
            if self.is_read {
                return Ok(None);
            }
            self.read_on()?;
        }
    }

    /// Drops what was looked at, and reads more behind the rest.
    fn read_on(&mut self) -> Result<(), AuditError> {
        self.text.drain(..self.at);
        self.at = 0;
        let kept = self.text.len();
        if kept > MAX_LINE_LEN {
            // No line is so long. Zeros stand behind the last one of a segment that was made ready.
            self.is_read = true;
            let offset_bytes = self.offset_bytes - kept as u64;
            return match self.text.iter().all(|&byte| byte == 0) {
                true => Ok(()),
                false => Err(AuditError::Corrupt { path: self.path.clone(), offset_bytes }),
            };
        }
        self.text.resize(kept + CHUNK_LEN, 0);
        let room = &mut self.text[kept..];
        let len = uninterrupted(|| self.file.read_at(room, self.offset_bytes));
        let len = len.map_err(io_error("read", &self.path))?;
        self.offset_bytes += len as u64;
        self.text.truncate(kept + len);
        self.is_read = len == 0;
        Ok(())
    }
}

/// Reading in larger steps is not quicker.
const CHUNK_LEN: usize = 1 << 20;
