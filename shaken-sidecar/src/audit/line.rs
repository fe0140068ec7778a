//! One record as one line of the log: the record's JSON object with the members that make it
//! findable and checkable around it.
//!
//! ```text
//! {"schema":1,"index":7,"salt":"<32 hex>", ...the record's members...,"crc32c":"<8 hex>"}\n
//! ```
//!
//! The checksum covers every byte of the line before its own comma. It finds torn writes and
//! rotten bits; it does not stop anyone who edits a line and computes it anew.

use std::io::Write as _;

use serde::Deserialize;

use super::{AuditError, Record};

/// A record as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Version of the line's format: [`SCHEMA`].
    pub schema: u32,
    /// Place in the log, from 0 without holes.
    pub index: u64,
    /// 16 random bytes, so that a published hash of the line does not let anyone guess the numbers
    /// in it.
    pub salt: [u8; SALT_LEN],
    /// The record.
    pub record: Record,
}

impl Entry {
    /// Reads one line of the log, with or without its newline.
    ///
    /// # Errors
    /// [`LineError`] when the checksum does not fit the line, or the line is not a record that this
    /// version knows.
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if !checksum_fits(line) {
            return Err(LineError::Checksum);
        }
        let Head { schema, index, salt } = serde_json::from_slice(line).map_err(LineError::from_json)?;
        if schema != SCHEMA {
            return Err(LineError::Schema { found: schema });
        }
        let salt = salt_from_hex(&salt).ok_or(LineError::Json { column: 0 })?;
        let record = serde_json::from_slice(line).map_err(LineError::from_json)?;
        Ok(Self { schema, index, salt, record })
    }
}

/// Why a line is not an [`Entry`]. Carries nothing of the line itself, which holds phone numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineError {
    /// No checksum at the end of the line, or not the one of these bytes: damaged or cut.
    Checksum,
    /// Written by another version of the format.
    Schema {
        /// Its version.
        found: u32,
    },
    /// The checksum fits, but the members are not those of a record.
    Json {
        /// Where reading stopped, from 1; 0 when a member as a whole is wrong.
        column: usize,
    },
}

impl LineError {
    fn from_json(error: serde_json::Error) -> Self {
        Self::Json { column: error.column() }
    }
}

impl std::fmt::Display for LineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Checksum => f.write_str("the line is damaged: its crc32c does not fit"),
            Self::Schema { found } => {
                write!(f, "the line has schema {found}; this version reads schema {SCHEMA}")
            }
            Self::Json { column } => write!(f, "the line is not an audit record (column {column})"),
        }
    }
}

impl std::error::Error for LineError {}

/// The members of a line that do not depend on its place: what a caller can prepare before the
/// writer gives the index.
pub(super) struct Body(Vec<u8>);

impl Body {
    /// # Errors
    /// [`AuditError::RecordTooLarge`].
    pub(super) fn new(record: &Record, salt: &[u8; SALT_LEN]) -> Result<Self, AuditError> {
        let mut bytes = Vec::with_capacity(TYPICAL_LEN);
        bytes.extend_from_slice(br#""salt":""#);
        for byte in salt {
            push(&mut bytes, format_args!("{byte:02x}"));
        }
        bytes.extend_from_slice(br#"","#);
        let open = bytes.len();
        // unwrap: a struct of strings and integers has a JSON form, and a Vec takes all of it.
        serde_json::to_writer(&mut bytes, record).expect("a record serializes");
        bytes.remove(open);
        bytes.pop();
        if bytes.len() > MAX_LINE_LEN - FRAME_LEN {
            return Err(AuditError::RecordTooLarge {
                len_bytes: bytes.len(),
                max_bytes: MAX_LINE_LEN - FRAME_LEN,
            });
        }
        Ok(Self(bytes))
    }

    /// Appends the whole line to `lines`.
    pub(super) fn push_line(&self, index: u64, lines: &mut Vec<u8>) {
        let start = lines.len();
        push(lines, format_args!(r#"{{"schema":{SCHEMA},"index":{index},"#));
        lines.extend_from_slice(&self.0);
        let crc = crc32c::crc32c(&lines[start..]);
        push(lines, format_args!("{CRC_OPEN}{crc:08x}{CRC_CLOSE}\n"));
    }
}

/// The index in a whole, undamaged line (without its newline), or nothing when it is not one.
/// Looks at no other member, so it also holds for kinds of records that come later.
pub(super) fn index_of(line: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Place {
        index: u64,
    }
    if !checksum_fits(line) {
        return None;
    }
    serde_json::from_slice::<Place>(line).ok().map(|place| place.index)
}

fn checksum_fits(line: &[u8]) -> bool {
    let Some((covered, tail)) = line.len().checked_sub(CRC_LEN).map(|at| line.split_at(at)) else {
        return false;
    };
    let expected = format!("{CRC_OPEN}{:08x}{CRC_CLOSE}", crc32c::crc32c(covered));
    tail == expected.as_bytes()
}

fn salt_from_hex(text: &str) -> Option<[u8; SALT_LEN]> {
    if text.len() != 2 * SALT_LEN || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}

fn push(bytes: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // unwrap: writing to a Vec does not fail.
    bytes.write_fmt(text).expect("a Vec takes all of it");
}

#[derive(Deserialize)]
struct Head {
    schema: u32,
    index: u64,
    salt: String,
}

/// Version of the line format that this code writes.
pub const SCHEMA: u32 = 1;

/// Length of the salt.
pub const SALT_LEN: usize = 16;

/// Longest line, with its newline. A request is capped at 64 KB before it gets here; the bound lets
/// recovery read a damaged file in fixed memory.
pub(super) const MAX_LINE_LEN: usize = 256 * 1024;

/// Room for everything around the body, with an index of 20 digits.
const FRAME_LEN: usize = 64;

const TYPICAL_LEN: usize = 1536;
const CRC_OPEN: &str = r#","crc32c":""#;
const CRC_CLOSE: &str = r#""}"#;
const CRC_LEN: usize = CRC_OPEN.len() + 8 + CRC_CLOSE.len();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::record;

    fn line(index: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        Body::new(&record("r"), &[0xA5; SALT_LEN]).unwrap().push_line(index, &mut bytes);
        bytes
    }

    #[test]
    fn a_line_reads_back_as_it_was_written() {
        let bytes = line(u64::MAX);
        let text = str::from_utf8(&bytes).unwrap();
        assert!(text.starts_with(
            r#"{"schema":1,"index":18446744073709551615,"salt":"a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5","time":"#
        ));
        assert!(text.ends_with("\"}\n"));
        let entry = Entry::parse(&bytes).unwrap();
        assert_eq!((entry.schema, entry.index, entry.salt), (1, u64::MAX, [0xA5; SALT_LEN]));
        assert_eq!(entry.record, record("r"));
    }

    /// Every single-bit error anywhere in the line, and every cut of it, is noticed.
    #[test]
    fn any_flipped_bit_and_any_cut_is_noticed() {
        let bytes = line(7);
        let whole = &bytes[..bytes.len() - 1];
        assert_eq!(index_of(whole), Some(7));
        for at in 0..whole.len() {
            assert_eq!(Entry::parse(&whole[..at]), Err(LineError::Checksum), "cut at {at}");
            for bit in 0..8 {
                let mut damaged = whole.to_vec();
                damaged[at] ^= 1 << bit;
                assert_eq!(index_of(&damaged), None, "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn another_schema_is_named() {
        let mut bytes = br#"{"schema":2,"index":0,"salt":"","new":1"#.to_vec();
        let crc = crc32c::crc32c(&bytes);
        push(&mut bytes, format_args!("{CRC_OPEN}{crc:08x}{CRC_CLOSE}"));
        assert_eq!(Entry::parse(&bytes), Err(LineError::Schema { found: 2 }));
        assert_eq!(index_of(&bytes), Some(0));
    }

    #[test]
    fn the_frame_fits_its_allowance() {
        let body = Body::new(&record("r"), &[0; SALT_LEN]).unwrap();
        assert!(line(u64::MAX).len() - body.0.len() <= FRAME_LEN);
    }

    #[test]
    fn a_record_that_recovery_could_not_read_is_refused() {
        let mut record = record("r");
        record.identity = vec!["x".repeat(MAX_LINE_LEN)];
        let refused = Body::new(&record, &[0; SALT_LEN]).err().unwrap();
        assert!(matches!(refused, AuditError::RecordTooLarge { .. }), "{refused}");
    }
}
