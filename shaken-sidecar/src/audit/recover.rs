//! What a log file holds when it is opened: whole records from index 0 without a hole, then
//! perhaps one torn line that nobody was told about.

use std::io::{self, BufRead, Read as _};
use std::path::Path;

use super::line::{MAX_LINE_LEN, index_of};
use super::{AuditError, io_error};

/// What opening a log found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Whole records in the log; the next one gets this index.
    pub records: u64,
    /// Length of those records.
    pub len_bytes: u64,
    /// Length of the torn tail that was cut, 0 when there was none. It was never acknowledged
    /// unless the disk itself damaged the last record.
    pub torn_bytes: u64,
}

/// Reads the whole file. `path` is only for errors.
///
/// Only the last line may be damaged, for that is what an interrupted append leaves. Anything after
/// a damaged line means that bytes once known to be durable have changed, which is not ours to
/// repair: cutting there could drop records that calls were answered on.
///
/// # Errors
/// [`AuditError::Corrupt`] when something follows a damaged record, [`AuditError::NotContiguous`]
/// when an index is not one more than that before it, [`AuditError::Io`] when reading fails.
pub(super) fn scan(mut file: impl BufRead, path: &Path) -> Result<Recovery, AuditError> {
    let mut found = Recovery { records: 0, len_bytes: 0, torn_bytes: 0 };
    let mut line = Vec::new();
    loop {
        line.clear();
        let len_bytes = next_line(&mut file, &mut line).map_err(io_error("read", path))?;
        if len_bytes == 0 {
            return Ok(found);
        }
        if found.torn_bytes > 0 {
            return Err(AuditError::Corrupt { path: path.to_owned(), offset_bytes: found.len_bytes });
        }
        match line.strip_suffix(b"\n").and_then(index_of) {
            Some(index) if index == found.records => {
                found.records += 1;
                found.len_bytes += len_bytes;
            }
            Some(index) => {
                return Err(AuditError::NotContiguous {
                    path: path.to_owned(),
                    offset_bytes: found.len_bytes,
                    expected: found.records,
                    found: index,
                });
            }
            None => found.torn_bytes = len_bytes,
        }
    }
}

/// Reads one line with its newline and gives its length; of a line that is too long to be ours only
/// the beginning is kept, so that a damaged file costs no more memory than a whole one.
fn next_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    let mut len_bytes = file.by_ref().take(MAX_LINE_LEN as u64).read_until(b'\n', line)?;
    if len_bytes == MAX_LINE_LEN && !line.ends_with(b"\n") {
        len_bytes += file.skip_until(b'\n')?;
    }
    Ok(len_bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::line::{Body, SALT_LEN};
    use crate::audit::tests::record;

    fn lines(indexes: impl IntoIterator<Item = u64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for index in indexes {
            let salt = [index as u8; SALT_LEN];
            Body::new(&record("r"), &salt).unwrap().push_line(index, &mut bytes);
        }
        bytes
    }

    fn scan_bytes(bytes: &[u8]) -> Result<Recovery, AuditError> {
        scan(bytes, Path::new("audit.jsonl"))
    }

    #[test]
    fn whole_records_are_counted() {
        assert_eq!(scan_bytes(b"").unwrap(), Recovery { records: 0, len_bytes: 0, torn_bytes: 0 });
        let bytes = lines(0..5);
        let found = scan_bytes(&bytes).unwrap();
        assert_eq!(found, Recovery { records: 5, len_bytes: bytes.len() as u64, torn_bytes: 0 });
    }

    /// A crash can stop a write after any byte.
    #[test]
    fn a_cut_at_any_byte_leaves_the_records_before_it() {
        let bytes = lines(0..3);
        let ends: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at] == b'\n').map(|at| at + 1).collect();
        for cut in 0..=bytes.len() {
            let whole = ends.iter().filter(|&&end| end <= cut).count();
            let len = if whole == 0 { 0 } else { ends[whole - 1] };
            let expected =
                Recovery { records: whole as u64, len_bytes: len as u64, torn_bytes: (cut - len) as u64 };
            assert_eq!(scan_bytes(&bytes[..cut]).unwrap(), expected, "cut at byte {cut}");
        }
    }

    #[test]
    fn a_zero_filled_or_damaged_last_line_is_a_torn_tail() {
        let whole = lines(0..2);
        let mut zeros = whole.clone();
        zeros.extend_from_slice(&[0; 3 * MAX_LINE_LEN]);
        let found = scan_bytes(&zeros).unwrap();
        assert_eq!((found.records, found.torn_bytes), (2, 3 * MAX_LINE_LEN as u64));

        let mut damaged = lines(0..3);
        let at = damaged.len() - 100;
        damaged[at] ^= 1;
        let found = scan_bytes(&damaged).unwrap();
        assert_eq!((found.records, found.len_bytes), (2, whole.len() as u64));
    }

    #[test]
    fn damage_before_the_last_line_is_corruption_at_its_offset() {
        let first = lines(0..1).len();
        for at in [first, first + 40, 2 * first - 2] {
            let mut bytes = lines(0..3);
            bytes[at] ^= 1;
            let refused = scan_bytes(&bytes).unwrap_err();
            assert!(
                matches!(refused, AuditError::Corrupt { offset_bytes, .. } if offset_bytes == first as u64),
                "byte {at}: {refused}"
            );
        }
        // Longer than any line of ours, then a good record.
        let mut bytes = lines(0..1);
        bytes.extend_from_slice(&vec![b'x'; 2 * MAX_LINE_LEN]);
        bytes.push(b'\n');
        bytes.extend(lines(1..2));
        let refused = scan_bytes(&bytes).unwrap_err();
        assert!(matches!(refused, AuditError::Corrupt { offset_bytes, .. } if offset_bytes == first as u64));
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
