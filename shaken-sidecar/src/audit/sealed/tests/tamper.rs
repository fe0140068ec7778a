//! A file whose lines are as they were and whose columns, filters or indexes are not: each is found by
//! its name.

use std::borrow::Cow;

use bytes::Bytes;
use parquet::file::reader::{ChunkReader as _, Length as _};
use parquet::file::statistics::Statistics;

use super::super::columns::Row;
use super::super::write::write_with;
use super::*;

fn lines() -> Vec<Line> {
    (0..100).map(line).collect()
}

/// What is wrong with a file.
fn found(path: &Path) -> Option<SealedError> {
    let checked = Sealed::open(path).and_then(|sealed| sealed.check(|_| Ok(())));
    match checked {
        Ok(()) => None,
        Err(AuditError::Sealed(error)) => Some(error),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_whole_file_holds() {
    let (_dir, path) = seal(&lines());
    assert_eq!(found(&path), None);
    let lines: Vec<Line> = (FIRST..FIRST + RECORDS).map(line).collect();
    let (_dir, path) = seal(&lines);
    assert_eq!(found(&path), None);
}

/// The file of the lines, with a column of record 42 changed.
fn forged(column: Column) -> (tempfile::TempDir, PathBuf) {
    const FORGED: Cow<'_, str> = Cow::Borrowed("12155550199");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name_of(0));
    let derive = |line: &[u8]| -> Option<Row<'static>> {
        let row = columns::of(line)?;
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let mut row = Row {
            index: row.index,
            unix_ms: row.unix_ms,
            texts: row.texts.map(|text| text.map(own)),
            dest: row.dest.into_iter().map(own).collect(),
        };
        if row.index == 42 {
            match column {
                Column::Index => row.index = 7,
                Column::UnixMs => row.unix_ms = row.unix_ms.map(|at| at + 1),
                Column::Dest => row.dest[0] = FORGED,
                text => row.texts[Column::TEXTS.iter().position(|of| *of == text).unwrap()] = Some(FORGED),
            }
        }
        Some(row)
    };
    // `Fn(&[u8]) -> Option<Row<'_>>` by a row that borrows nothing.
    let file = fs::File::create(&path).unwrap();
    write_with(file, lines().into_iter().map(Ok), &path, GROUP_RECORDS, |line| derive(line)).unwrap();
    (dir, path)
}

#[test]
fn a_forged_column_is_found() {
    for column in Column::ALL.into_iter().filter(|column| *column != Column::Line) {
        let (_dir, path) = forged(column);
        let expected = SealedError::Column { path: path.clone(), index: 42, column };
        assert_eq!(found(&path), Some(expected), "{}", column.name());
        // The lines themselves are whole.
        assert!(all(Sealed::open(&path).unwrap().lines()) == lines());
    }
}

/// Changes bytes of the file, and tells what is wrong with it then.
fn edited(path: &Path, edit: impl FnOnce(&mut [u8])) -> Option<SealedError> {
    let before = fs::read(path).unwrap();
    let mut bytes = before.clone();
    edit(&mut bytes);
    assert_ne!(bytes, before);
    fs::write(path, &bytes).unwrap();
    let found = found(path);
    fs::write(path, before).unwrap();
    found
}

#[test]
fn a_cleared_filter_is_found() {
    let (_dir, path) = seal(&lines());
    let sealed = Sealed::open(&path).unwrap();
    for column in Column::FILTERED {
        let chunk = sealed.chunk(0, column);
        let start = chunk.bloom_filter_offset().unwrap() as usize;
        let end = start + chunk.bloom_filter_length().unwrap() as usize;
        let set: Vec<usize> = (start + 24..end).filter(|at| fs::read(&path).unwrap()[*at] != 0).collect();
        // One bit of the filter is that of a value.
        let error = edited(&path, |bytes| {
            let at = set[set.len() / 2];
            bytes[at] &= bytes[at] - 1;
        });
        let is_named =
            |error: &SealedError| matches!(error, SealedError::Filter { column: of, .. } if *of == column);
        assert!(error.as_ref().is_some_and(is_named), "{}: {error:?}", column.name());
    }
}

#[test]
fn statistics_that_leave_out_a_value_are_found() {
    let (_dir, path) = seal(&lines());
    let sealed = Sealed::open(&path).unwrap();
    let mut edits = 0;
    for column in Column::ALL {
        let Some(statistics) = sealed.chunk(0, column).statistics() else { continue };
        let Some(max) = statistics.max_bytes_opt().filter(|max| max.len() > 1) else { continue };
        if matches!(statistics, Statistics::Int64(_)) && column != Column::UnixMs {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        // In the footer, behind everything else.
        let footer =
            bytes.len() - 8 - u32::from_le_bytes(*bytes[bytes.len() - 8..].first_chunk().unwrap()) as usize;
        let places: Vec<usize> =
            (footer..bytes.len() - max.len()).filter(|at| &bytes[*at..at + max.len()] == max).collect();
        let mut is_found = false;
        for at in places {
            edits += 1;
            // Smaller, whether it is text or a number that begins with its lowest byte.
            let error = edited(&path, |bytes| bytes[at] -= 1);
            let is_named =
                |it: &SealedError| matches!(it, SealedError::Statistics { column: of, .. } if *of == column);
            is_found |= error.as_ref().is_some_and(is_named);
        }
        assert!(is_found, "{}", column.name());
    }
    assert!(edits > 10, "{edits}");
}

/// Every byte of the indexes of pages: what it says of places and values is found when it is wrong.
#[test]
fn an_edited_page_index_is_found() {
    let (_dir, path) = seal(&lines());
    let sealed = Sealed::open(&path).unwrap();
    std::panic::set_hook(Box::new(|_| ()));
    let (mut by_name, mut others, mut harmless) = (0, 0, 0);
    for column in [Column::Index, Column::UnixMs, Column::CallId, Column::Orig, Column::Dest, Column::Line] {
        let chunk = sealed.chunk(0, column);
        let mut ranges = vec![chunk.offset_index_range().unwrap()];
        ranges.extend(chunk.column_index_range());
        assert_eq!(ranges.len(), if column == Column::Line { 1 } else { 2 });
        for at in ranges.into_iter().flatten() {
            match edited(&path, |bytes| bytes[at as usize] ^= 4) {
                Some(SealedError::PageIndex { column: of, .. }) if of == column => by_name += 1,
                Some(_) => others += 1,
                // Bounds that are wider, counts of nulls and the like: nothing is hidden.
                None => harmless += 1,
            }
        }
    }
    let _ = std::panic::take_hook();
    println!("{by_name} edits found as such, {others} as damage, {harmless} hide nothing");
    assert!(by_name > 30, "{by_name}");
}

/// No length that a file says of itself reaches beyond it.
#[test]
fn nothing_is_read_behind_the_end() {
    let (_dir, path) = seal(&lines());
    let sealed = Sealed::open(&path).unwrap();
    let source = sealed.source();
    let len = source.len();
    assert_eq!(source.get_bytes(len, 0).unwrap(), Bytes::new());
    for (start, wanted) in [(len, 1), (0, usize::MAX), (u64::MAX, 2), (len - 1, 2)] {
        assert!(source.get_bytes(start, wanted).is_err(), "{wanted} from {start}");
    }
}

/// Groups that are larger than any of ours could take any amount of memory.
#[test]
fn a_group_of_too_many_records_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name_of(0));
    let many = GROUP_RECORDS as u64 + 1;
    for (group_records, is_refused) in [(GROUP_RECORDS, false), (GROUP_RECORDS + 1, true)] {
        let file = fs::File::create(&path).unwrap();
        let lines = (0..many).map(|index| Ok(line(index)));
        write_with(file, lines, &path, group_records, columns::of).unwrap();
        match Sealed::open(&path) {
            Ok(sealed) => assert!(!is_refused && sealed.end_index() == many),
            Err(error) => {
                assert!(is_refused && matches!(error, AuditError::Sealed(SealedError::Columns { .. })))
            }
        }
    }
}
