//! What the log holds when it is opened: whole records without a hole, sealed or not, from index 0 or
//! from behind those that were deleted, then perhaps the torn end of one commit that nobody was told about.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::disk::{Disk, DiskFile, Reader, uninterrupted, write_all_at};
use super::line::{LINE_OPEN, MAX_LINE_LEN, Place, place_of};
use super::parts::{Begin, Folders, Part};
use super::read::RawLines;
use super::segment::{self, Segment, name_of};
use super::{AuditError, Deletion, Entry, Event, Line, MAX_COMMIT_LEN, Observer, io_error, sealed};

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

/// Finds the end of the log in `folders`, and opens its last segment there; begins the first one if
/// there is none.
///
/// Reads the last segment, and of each other part the end: that it holds all its records is shown by
/// the index of the last, that each of them is whole is for an inspection of the log to find. The
/// observer is shown what it needs on the way, and asked before anything is cut or written.
pub(super) fn open<D: Disk>(
    folders: &Folders<D>,
    observer: &mut impl Observer,
) -> Result<(Segment<D::File>, Recovery), AuditError> {
    let (disk, dir) = (&folders.segments, folders.segments_dir.as_path());
    segment::remove_leftovers(disk).map_err(io_error("clean up", dir))?;
    let parts = folders.parts()?;
    check_begin(folders, &parts)?;
    let Some(&last) = parts.last() else {
        observer.complete(0)?;
        let segment = Segment::begin(disk, 0, b"", None)
            .map_err(|error| io_error("begin a segment in", dir)(error.into_error()))?;
        return Ok((segment, Recovery { records: 0, segments: 1, len_bytes: 0, torn_bytes: 0 }));
    };
    for (&part, next) in parts.iter().zip(parts.iter().skip(1)) {
        check_end(folders, part, next.first())?;
    }
    let Part::Raw(last) = last else {
        // It is written to, so it is never sealed.
        let end = folders.must_open_sealed(last.first())?.end_index();
        return Err(AuditError::SegmentMissing { path: dir.join(name_of(end)) });
    };
    let needed = observer.needs_from();
    for (&part, next) in parts.iter().zip(parts.iter().skip(1)).filter(|(_, next)| next.first() > needed) {
        show(folders, part, next.first(), observer)?;
    }

    let path = dir.join(name_of(last));
    let mut file = open_file(disk, dir, last)?;
    let size_bytes = file.len_bytes().map_err(io_error("read", &path))?;
    let reader = BufReader::with_capacity(READ_BUFFER_LEN, Reader { file: &file, offset_bytes: 0 });
    let Scan { records, len_bytes, torn_bytes } =
        scan(reader, last, &path, |index, line| observer.found(index, line))?;
    observer.complete(records)?;
    let settle = |file: &mut D::File| {
        if torn_bytes > 0 {
            uninterrupted(|| file.set_len(len_bytes))?;
        }
        make_durable(file, len_bytes)?;
        uninterrupted(|| disk.sync())
    };
    settle(&mut file).map_err(io_error("make durable", &path))?;
    let size_bytes = if torn_bytes > 0 { len_bytes } else { size_bytes };
    let segments = parts.len() as u64;
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

/// What the last segment, from `first` on, holds; changes nothing.
pub(super) fn look<D: Disk>(disk: &D, dir: &Path, first: u64) -> Result<Scan, AuditError> {
    let file = open_file(disk, dir, first)?;
    let reader = BufReader::with_capacity(READ_BUFFER_LEN, Reader { file: &file, offset_bytes: 0 });
    scan(reader, first, &dir.join(name_of(first)), |_, _| Ok(()))
}

/// Checks that a log that does not begin with record 0 was meant to: the newest deletion is on record.
pub(super) fn check_begin<D: Disk>(folders: &Folders<D>, parts: &[Part]) -> Result<(), AuditError> {
    let begin = Begin::read(folders)?;
    let first = parts.first().map(|part| part.first());
    match (begin, first) {
        (None, None | Some(0)) => Ok(()),
        (Some(begin), Some(first)) if first <= begin.index => {
            // What it says is believed only if the log says the same.
            let line = line_at(folders, parts, begin.recorded_at)?;
            let says_so = line.and_then(|line| Entry::parse(&line.bytes).ok()).is_some_and(|entry| {
                matches!(&entry.event, Event::Deletion(Deletion { segment, records, .. })
                    if segment.checked_add(*records) == Some(begin.index))
            });
            if says_so {
                Ok(())
            } else {
                Err(AuditError::NotRecorded { path: folders.sealed_dir.clone(), first })
            }
        }
        (Some(begin), first) => {
            let first = first.unwrap_or(begin.index);
            Err(AuditError::NotRecorded { path: folders.sealed_dir.clone(), first })
        }
        (None, Some(first)) => Err(AuditError::NotRecorded { path: folders.sealed_dir.clone(), first }),
    }
}

/// The line with this index, if the log has it.
fn line_at<D: Disk>(folders: &Folders<D>, parts: &[Part], index: u64) -> Result<Option<Line>, AuditError> {
    let at = parts.partition_point(|part| part.first() <= index);
    let Some(part) = at.checked_sub(1).and_then(|at| parts.get(at)) else { return Ok(None) };
    match *part {
        Part::Sealed(first) => folders.must_open_sealed(first)?.lines_from(index).next().transpose(),
        Part::Raw(first) => {
            let mut lines = RawLines::open(&folders.segments, &folders.segments_dir, first)?;
            let end = parts.get(at).map(|part| part.first());
            while let Some(line) = lines.next_before(end)? {
                if line.index == index {
                    return Ok(Some(line));
                }
            }
            Ok(None)
        }
    }
}

/// Checks that a part ends with the record before `next`.
pub(super) fn check_end<D: Disk>(folders: &Folders<D>, part: Part, next: u64) -> Result<(), AuditError> {
    let first = match part {
        Part::Raw(first) => first,
        Part::Sealed(first) => {
            let expected = folders.must_open_sealed(first)?.end_index();
            if expected == next {
                return Ok(());
            }
            let path = folders.sealed_dir.join(sealed::name_of(first));
            return Err(AuditError::NotContiguous { path, offset_bytes: 0, expected, found: next });
        }
    };
    let (disk, dir) = (&folders.segments, folders.segments_dir.as_path());
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

/// Shows the records of a part, to before `next`.
fn show<D: Disk>(
    folders: &Folders<D>,
    part: Part,
    next: u64,
    observer: &mut impl Observer,
) -> Result<(), AuditError> {
    match part {
        Part::Raw(first) => {
            let mut lines = RawLines::open(&folders.segments, &folders.segments_dir, first)?;
            while let Some(line) = lines.next_before(Some(next))? {
                observer.found(line.index, &line.bytes)?;
            }
        }
        Part::Sealed(first) => {
            for line in folders.must_open_sealed(first)?.lines() {
                let line = line?;
                observer.found(line.index, &line.bytes)?;
            }
        }
    }
    Ok(())
}

/// What the segment from `first` on says about the one before it.
pub(super) fn cut_before<D: Disk>(
    disk: &D,
    dir: &Path,
    first: u64,
) -> Result<Option<super::Cut>, AuditError> {
    let file = match open_file(disk, dir, first) {
        // Sealed: what was cut before it is cut off.
        Err(AuditError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
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
    pub(super) records: u64,
    pub(super) len_bytes: u64,
    pub(super) torn_bytes: u64,
}

/// Reads a whole segment that begins with the record `first`, and shows each whole line without its
/// newline. `path` is only for errors.
///
/// Only the last commit may be damaged, for that is what an interrupted one leaves, in any way: what
/// it wrote reaches the disk in any order. A damaged record in front of a later commit means that
/// bytes once known to be durable have changed, which is not ours to repair: cutting there could drop
/// records that calls were answered on. Zeros are where nothing was written yet.
///
/// # Errors
/// [`AuditError::Corrupt`] when more than the last commit is damaged, [`AuditError::NotContiguous`]
/// when an index is not one more than that before it, [`AuditError::Io`] when reading fails; those of `show`.
fn scan(
    mut file: impl BufRead,
    first: u64,
    path: &Path,
    mut show: impl FnMut(u64, &[u8]) -> Result<(), AuditError>,
) -> Result<Scan, AuditError> {
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
                show(index, &line[..len - 1])?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::line::{Content, SALT_LEN, push_line};
    use crate::audit::tests::record;

    /// Lines with these indexes, each in a commit of its own.
    fn lines(indexes: impl IntoIterator<Item = u64>) -> Vec<u8> {
        committed(indexes.into_iter().map(|index| (index, index)))
    }

    /// Lines with these indexes and commits.
    fn committed(places: impl IntoIterator<Item = (u64, u64)>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, commit) in places {
            let content = Content::Call(Box::new(record("r")));
            push_line(&mut bytes, Place { index, commit }, &[index as u8; SALT_LEN], &content).unwrap();
        }
        bytes
    }

    fn scan_bytes(bytes: &[u8]) -> Result<Scan, AuditError> {
        scan(bytes, 0, Path::new("segment"), |_, _| Ok(()))
    }

    fn scanned(records: u64, len_bytes: usize, torn_bytes: usize) -> Scan {
        Scan { records, len_bytes: len_bytes as u64, torn_bytes: torn_bytes as u64 }
    }

    fn corrupt_at(bytes: &[u8]) -> u64 {
        match scan_bytes(bytes) {
            Err(AuditError::Corrupt { offset_bytes, .. }) => offset_bytes,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn whole_records_are_counted() {
        assert_eq!(scan_bytes(b"").unwrap(), scanned(0, 0, 0));
        let bytes = lines(0..5);
        assert_eq!(scan_bytes(&bytes).unwrap(), scanned(5, bytes.len(), 0));
        let bytes = lines(7..9);
        assert_eq!(scan(&bytes[..], 7, Path::new("s"), |_, _| Ok(())).unwrap(), scanned(9, bytes.len(), 0));
    }

    /// A crash can stop a write after any byte.
    #[test]
    fn a_cut_at_any_byte_leaves_the_records_before_it() {
        let bytes = lines(0..3);
        let ends: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at] == b'\n').map(|at| at + 1).collect();
        for cut in 0..=bytes.len() {
            let whole = ends.iter().filter(|&&end| end <= cut).count();
            let len = if whole == 0 { 0 } else { ends[whole - 1] };
            let expected = scanned(whole as u64, len, cut - len);
            assert_eq!(scan_bytes(&bytes[..cut]).unwrap(), expected, "cut at byte {cut}");
            // The same over zeros that were laid out ahead.
            let mut zeros = bytes[..cut].to_vec();
            zeros.resize(bytes.len() + 3 * MAX_LINE_LEN, 0);
            assert_eq!(scan_bytes(&zeros).unwrap(), expected, "cut at byte {cut}, then zeros");
        }
    }

    /// A power cut can leave any part of the last commit.
    #[test]
    fn whatever_is_left_of_one_commit_is_a_torn_tail() {
        let durable = lines(0..2);
        let bytes = committed([(0, 0), (1, 1), (2, 2), (3, 2), (4, 2), (5, 2)]);
        let line_len = durable.len() / 2;
        for lost in durable.len()..bytes.len() {
            let mut torn = bytes.clone();
            let end = bytes.len().min(lost + 512);
            torn[lost..end].fill(0);
            let found = scan_bytes(&torn).unwrap();
            let whole = lost / line_len;
            let text_end = torn.iter().rposition(|&byte| byte != 0).unwrap() + 1;
            let len = whole * line_len;
            assert_eq!(
                found,
                scanned(whole as u64, len, text_end.saturating_sub(len)),
                "lost from byte {lost}"
            );
        }
    }

    #[test]
    fn damage_before_a_later_commit_is_corruption_at_its_offset() {
        let first = lines(0..1).len();
        // Also the newline, which joins two lines.
        for at in [first, first + 40, 2 * first - 2, 2 * first - 1] {
            let mut bytes = lines(0..3);
            bytes[at] ^= 1;
            assert_eq!(corrupt_at(&bytes), first as u64, "byte {at}");
            bytes[at] = 0;
            assert_eq!(corrupt_at(&bytes), first as u64, "byte {at}");
        }
        // The line that ends the file, without its newline, counts as evidence too.
        let mut bytes = lines(0..3);
        bytes[first + 40] ^= 1;
        bytes.pop();
        assert_eq!(corrupt_at(&bytes), first as u64);
        // More than one commit can be.
        let mut bytes = lines(0..1);
        bytes.extend_from_slice(&vec![b'x'; 2 * MAX_COMMIT_LEN]);
        assert_eq!(corrupt_at(&bytes), first as u64);
        let mut bytes = lines(0..1);
        bytes.resize(2 * MAX_COMMIT_LEN, 0);
        bytes.extend(lines(1..2));
        assert_eq!(corrupt_at(&bytes), first as u64);
    }

    #[test]
    fn a_missing_or_repeated_or_moved_record_is_refused() {
        let first = lines(0..1).len() as u64;
        for (indexes, offset, expected, found) in [
            (vec![1], 0, 0, 1),
            (vec![0, 2], first, 1, 2),
            (vec![0, 0], first, 1, 0),
            (vec![0, 1, 3, 2], 2 * first, 2, 3),
        ] {
            let refused = scan_bytes(&lines(indexes.clone())).unwrap_err();
            let AuditError::NotContiguous { offset_bytes, expected: e, found: f, .. } = refused else {
                panic!("{indexes:?}: {refused}");
            };
            assert_eq!((offset_bytes, e, f), (offset, expected, found), "{indexes:?}");
        }
    }
}
