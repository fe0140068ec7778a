//! The durable records from an index on, one by one and for as long as the log is open: from memory
//! where they still are, else from the disk.

use std::iter::Peekable;
use std::path::Path;

use hyper::body::Bytes;

use super::super::{AuditError, Line, read_from};
use super::feed::{Feed, Run};

/// Where the export reads.
pub(super) struct Source<'a> {
    dir: &'a Path,
    feed: &'a Feed,
    next: u64,
    place: Place,
}

enum Place {
    Nowhere,
    /// Lines of the disk up to `until`, which were durable before the segments were listed. What is
    /// behind may not be, or may be of a file that was given up since.
    Disk {
        lines: Peekable<Box<dyn Iterator<Item = Result<Line, AuditError>> + Send>>,
        until: u64,
    },
    Memory(Run),
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    /// A record, without its newline.
    Line { index: u64, bytes: Bytes },
    /// The records before `first` are not in the log any more. The same again until
    /// [`Source::skip_to`] says that it was seen.
    Missing { first: u64 },
    /// Nothing that is durable.
    Nothing,
}

impl<'a> Source<'a> {
    pub(super) fn new(dir: &'a Path, feed: &'a Feed, next: u64) -> Self {
        Self { dir, feed, next, place: Place::Nowhere }
    }

    /// # Errors
    /// [`AuditError`] when the disk does not give what is durable. The next call tries anew.
    pub(super) fn next(&mut self) -> Result<Next, AuditError> {
        loop {
            match &mut self.place {
                Place::Disk { lines, until } if self.next < *until => match lines.peek() {
                    Some(Ok(line)) if line.index > self.next => {
                        return Ok(Next::Missing { first: line.index });
                    }
                    Some(_) => {
                        let line = lines.next().transpose();
                        let line = line.inspect_err(|_| self.place = Place::Nowhere)?;
                        if let Some(Line { index, bytes }) = line {
                            self.next = index + 1;
                            return Ok(Next::Line { index, bytes: bytes.into() });
                        }
                    }
                    // All of it was removed meanwhile, or is being replaced: listed anew it is there.
                    None => {
                        self.place = Place::Nowhere;
                        let source = std::io::ErrorKind::UnexpectedEof.into();
                        return Err(AuditError::Io { action: "read on in", path: self.dir.into(), source });
                    }
                },
                Place::Memory(run) if run.first_index <= self.next && self.next < run.end => {
                    while let Some(bytes) = take_line(&mut run.bytes) {
                        let index = run.first_index;
                        run.first_index += 1;
                        if index == self.next {
                            self.next += 1;
                            return Ok(Next::Line { index, bytes });
                        }
                    }
                    self.place = Place::Nowhere;
                }
                _ if self.next >= self.feed.durable() => return Ok(Next::Nothing),
                _ => self.place = self.find()?,
            }
        }
    }

    /// Goes on at `index`, which is not before where it stands.
    pub(super) fn skip_to(&mut self, index: u64) {
        self.next = self.next.max(index);
    }

    fn find(&self) -> Result<Place, AuditError> {
        if let Some(run) = self.feed.run_with(self.next) {
            return Ok(Place::Memory(run));
        }
        // First the number, then the list of segments: see `Place::Disk`.
        let until = self.feed.durable();
        let lines: Box<dyn Iterator<Item = _> + Send> = Box::new(read_from(self.dir, self.next)?);
        Ok(Place::Disk { lines: lines.peekable(), until })
    }
}

/// The first line of `bytes`, without its newline, which are shortened by it.
fn take_line(bytes: &mut Bytes) -> Option<Bytes> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let mut line = bytes.split_to(end + 1);
    line.truncate(end);
    Some(line)
}
