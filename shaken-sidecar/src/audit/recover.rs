//! What the segments hold when the log is opened: whole records from index 0 without a hole, then
//! perhaps the torn end of one commit that nobody was told about.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::disk::{Disk, DiskFile, Reader, uninterrupted, write_all_at};
use super::line::{LINE_OPEN, MAX_LINE_LEN, Place, place_of};
use super::segment::{self, Segment, name_of};
use super::{AuditError, Entry, Event, MAX_COMMIT_LEN, io_error};

/// What opening a log found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Whole records in the log; the next one gets this index.
    pub records: u64,
    /// Number of segments.
    pub segments: u64,
    /// Length of the records in the last segment.
    pub len_bytes: u64,
    /// Length of the torn tail that was cut, 0 when there was none. It was never acknowledged
    /// unless the disk itself damaged the last commit.
    pub torn_bytes: u64,
}

/// Finds the end of the log in `disk`, the directory at `dir`, and opens its last segment there; begins
/// the first one if there is none.
///
/// Reads the last segment, and of each other one the end: that it holds all its records is shown by
/// the index of the last, that each of them is whole is for an inspection of the log to find.
pub(super) fn open<D: Disk>(disk: &D, dir: &Path) -> Result<(Segment<D::File>, Recovery), AuditError> {
    segment::remove_leftovers(disk).map_err(io_error("clean up", dir))?;
    let firsts = segment::list(disk).map_err(io_error("read", dir))?;
    let Some((&last, _)) = firsts.split_last() else {
        let segment = Segment::begin(disk, 0, b"", None)
            .map_err(|error| io_error("begin a segment in", dir)(error.into_error()))?;
        return Ok((segment, Recovery { records: 0, segments: 1, len_bytes: 0, torn_bytes: 0 }));
    };
    if let Some(&found) = firsts.first().filter(|&&first| first != 0) {
        let path = dir.join(name_of(found));
        return Err(AuditError::NotContiguous { path, offset_bytes: 0, expected: 0, found });
    }
    for (&first, &next) in firsts.iter().zip(firsts.iter().skip(1)) {
        check_end(disk, dir, first, next)?;
    }

    let path = dir.join(name_of(last));
    let mut file = open_file(disk, dir, last)?;
    let size_bytes = file.len_bytes().map_err(io_error("read", &path))?;
    let reader = BufReader::with_capacity(READ_BUFFER_LEN, Reader { file: &file, offset_bytes: 0 });
    let Scan { records, len_bytes, torn_bytes } = scan(reader, last, &path)?;
    let settle = |file: &mut D::File| {
        if torn_bytes > 0 {
            uninterrupted(|| file.set_len(len_bytes))?;
        }
        make_durable(file, len_bytes)?;
        uninterrupted(|| disk.sync())
    };
    settle(&mut file).map_err(io_error("make durable", &path))?;
    let size_bytes = if torn_bytes > 0 { len_bytes } else { size_bytes };
    let segments = firsts.len() as u64;
    Ok((
        Segment { file, first_index: last, len_bytes, size_bytes },
        Recovery { records, segments, len_bytes, torn_bytes },
    ))
}

/// A killed predecessor may have left whole records that only the page cache has; numbering goes on
/// behind them, so they must be durable first. If its last fdatasync failed, the kernel calls their
/// pages clean, and a sync alone would do nothing: they are written again. It had one commit under
/// way at most.
fn make_durable(file: &mut impl DiskFile, len_bytes: u64) -> io::Result<()> {
    let from = len_bytes.saturating_sub(MAX_COMMIT_LEN as u64);
    let mut tail = Vec::new();
    Reader { file, offset_bytes: from }.take(len_bytes - from).read_to_end(&mut tail)?;
    write_all_at(file, &tail, from)?;
    uninterrupted(|| file.sync())
}

fn open_file<D: Disk>(disk: &D, dir: &Path, first: u64) -> Result<D::File, AuditError> {
    let name = name_of(first);
    uninterrupted(|| disk.open(&name)).map_err(io_error("open", &dir.join(name)))
}

/// Checks that the segment from `first` on ends with the record before `next`.
fn check_end<D: Disk>(disk: &D, dir: &Path, first: u64, next: u64) -> Result<(), AuditError> {
    let path = dir.join(name_of(first));
    let file = open_file(disk, dir, first)?;
    let end = match cut_before(disk, dir, next)? {
        Some(cut) if cut.segment == first => cut.len_bytes,
        _ => end_of_text(&file).map_err(io_error("read", &path))?,
    };
    let from = end.saturating_sub(MAX_LINE_LEN as u64 + 1);
    let mut tail = Vec::new();
    Reader { file: &file, offset_bytes: from }
        .take(end - from)
        .read_to_end(&mut tail)
        .map_err(io_error("read", &path))?;
    let line = tail.strip_suffix(b"\n").unwrap_or_default();
    let start = line.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let offset_bytes = from + start as u64;
    match place_of(&line[start..]) {
        Some(place) if place.index.checked_add(1) == Some(next) => Ok(()),
        Some(place) => Err(AuditError::NotContiguous {
            path: dir.join(name_of(next)),
            offset_bytes: 0,
            expected: place.index.saturating_add(1),
            found: next,
        }),
        None => Err(AuditError::Corrupt { path, offset_bytes }),
    }
}

/// What the segment from `first` on says about the one before it.
pub(super) fn cut_before<D: Disk>(
    disk: &D,
    dir: &Path,
    first: u64,
) -> Result<Option<super::Cut>, AuditError> {
    let file = open_file(disk, dir, first)?;
    let mut line = Vec::new();
    BufReader::new(Reader { file: &file, offset_bytes: 0 }.take(MAX_LINE_LEN as u64))
        .read_until(b'\n', &mut line)
        .map_err(io_error("read", &dir.join(name_of(first))))?;
    Ok(match Entry::parse(&line) {
        Ok(Entry { event: Event::Cut(cut), .. }) => Some(cut),
        _ => None,
    })
}

/// Length of a file without the zeros at its end.
fn end_of_text(file: &impl DiskFile) -> io::Result<u64> {
    let mut end = file.len_bytes()?;
    let mut block = vec![0; READ_BUFFER_LEN];
    while end > 0 {
        let from = end.saturating_sub(READ_BUFFER_LEN as u64);
        let mut len = 0;
        let wanted = usize::try_from(end - from).unwrap_or(READ_BUFFER_LEN);
        while len < wanted {
            match uninterrupted(|| file.read_at(&mut block[len..wanted], from + len as u64))? {
                0 => break,
                some => len += some,
            }
        }
        if let Some(last) = block[..len].iter().rposition(|&byte| byte != 0) {
            return Ok(from + last as u64 + 1);
        }
        end = from;
    }
    Ok(0)
}

/// What one segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// Index of the record that comes next.
    records: u64,
    len_bytes: u64,
    torn_bytes: u64,
}

/// Reads a whole segment that begins with the record `first`. `path` is only for errors.
///
/// Only the last commit may be damaged, for that is what an interrupted one leaves, in any way: what
/// it wrote reaches the disk in any order. A damaged record in front of a later commit means that
/// bytes once known to be durable have changed, which is not ours to repair: cutting there could drop
/// records that calls were answered on. Zeros are where nothing was written yet.
///
/// # Errors
/// [`AuditError::Corrupt`] when more than the last commit is damaged, [`AuditError::NotContiguous`]
/// when an index is not one more than that before it, [`AuditError::Io`] when reading fails.
fn scan(mut file: impl BufRead, first: u64, path: &Path) -> Result<Scan, AuditError> {
    let mut found = Scan { records: first, len_bytes: 0, torn_bytes: 0 };
    let mut line = Vec::new();
    loop {
        line.clear();
        let len = file.by_ref().take(MAX_LINE_LEN as u64).read_until(b'\n', &mut line);
        let len = len.map_err(io_error("read", path))?;
        if len == 0 {
            return Ok(found);
        }
        match line.strip_suffix(b"\n").and_then(place_of) {
            Some(Place { index, .. }) if index == found.records => {
                found.records += 1;
                found.len_bytes += len as u64;
            }
            Some(Place { index, .. }) => {
                return Err(AuditError::NotContiguous {
                    path: path.to_owned(),
                    offset_bytes: found.len_bytes,
                    expected: found.records,
                    found: index,
                });
            }
            None => {
                let corrupt = || AuditError::Corrupt { path: path.to_owned(), offset_bytes: found.len_bytes };
                let tail = read_tail(file, line).map_err(io_error("read", path))?.ok_or_else(corrupt)?;
                if !is_one_commit(&tail, found.records) {
                    return Err(corrupt());
                }
                found.torn_bytes = tail.len() as u64;
                return Ok(found);
            }
        }
    }
}

/// The rest of the file without the zeros at its end, or nothing if it is longer than a commit.
fn read_tail(mut file: impl BufRead, mut tail: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let trim = |tail: &mut Vec<u8>| {
        let len = tail.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        tail.truncate(len);
    };
    // Zeros that were trimmed count again as soon as something follows them.
    let mut zeros = tail.len();
    trim(&mut tail);
    zeros -= tail.len();
    loop {
        let block = uninterrupted(|| file.fill_buf().map(<[u8]>::to_vec))?;
        if block.is_empty() {
            return Ok(Some(tail));
        }
        file.consume(block.len());
        if block.iter().all(|&byte| byte == 0) {
            zeros += block.len();
            continue;
        }
        if tail.len() + zeros + block.len() > MAX_COMMIT_LEN + READ_BUFFER_LEN {
            return Ok(None);
        }
        tail.resize(tail.len() + zeros, 0);
        tail.extend_from_slice(&block);
        zeros = tail.len();
        trim(&mut tail);
        zeros -= tail.len();
    }
}

/// Whether a tail in which the record `expected` is damaged can be what is left of one commit: then
/// no whole record in it belongs to a commit that was begun after that record was durable.
fn is_one_commit(tail: &[u8], expected: u64) -> bool {
    let starts = tail.windows(LINE_OPEN.len()).enumerate();
    let mut starts = starts.filter(|(_, window)| *window == LINE_OPEN.as_bytes()).map(|(at, _)| at);
    tail.len() <= MAX_COMMIT_LEN
        && starts.all(|start| {
            let line = &tail[start..];
            let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
            place_of(line).is_none_or(|place| place.commit <= expected && place.index >= expected)
        })
}

const READ_BUFFER_LEN: usize = 256 * 1024;
