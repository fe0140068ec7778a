//! One record as one line of the log: the record's JSON object with the members that make it
//! findable and checkable around it.
//!
//! ```text
//! {"schema":1,"index":7,"commit":5,"salt":"<32 hex>","kind":"call", ...members of the kind..., "crc32c":"<8 hex>"}\n
//! ```
//!
//! The checksum covers every byte of the line before its own comma. It finds torn writes and
//! rotten bits; it does not stop anyone who edits a line and computes it anew.
//!
//! `commit` is the index of the first record of those that were made durable together. A commit
//! begins only after the one before is durable, so a power cut can damage the last commit only, in
//! any way; damage in front of a later commit is damage to records that were acknowledged.

use std::io::Write as _;

use serde::Deserialize;

use super::{AuditError, Event, Record};

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Version of the line's format: [`SCHEMA`].
    pub schema: u32,
    /// Place in the log, from 0 without holes.
    pub index: u64,
    /// Index of the first record that became durable together with this one.
    pub commit: u64,
    /// 16 random bytes, so that a published hash of the line does not let anyone guess the numbers
    /// in it.
    pub salt: [u8; SALT_LEN],
    /// What the line says.
    pub event: Event,
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
        let Head { schema, index, commit, salt } =
            serde_json::from_slice(line).map_err(LineError::from_json)?;
        if schema != SCHEMA {
            return Err(LineError::Schema { found: schema });
        }
        let salt = salt_from_hex(&salt).ok_or(LineError::Json { column: 0 })?;
        let event = serde_json::from_slice(line).map_err(LineError::from_json)?;
        Ok(Self { schema, index, commit, salt, event })
    }

    /// The decision on a call, if the line is about one.
    #[must_use]
    pub fn call(&self) -> Option<&Record> {
        match &self.event {
            Event::Call(record) => Some(record),
            _ => None,
        }
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

/// What a line is to say.
#[derive(Debug)]
pub(super) enum Content {
    /// A decision on a call.
    Call(Box<Record>),
    /// Anything else.
    Note(Event),
}

/// Appends a whole line to `lines`.
///
/// # Errors
/// [`AuditError::RecordTooLarge`]; `lines` is as it was.
pub(super) fn push_line(
    lines: &mut Vec<u8>,
    place: Place,
    salt: &[u8; SALT_LEN],
    content: &Content,
) -> Result<(), AuditError> {
    let start = lines.len();
    let Place { index, commit } = place;
    push(lines, format_args!(r#"{LINE_OPEN}{SCHEMA},"index":{index},"commit":{commit},"salt":""#));
    let mut hex = [0; 2 * SALT_LEN];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(salt) {
        pair.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
    lines.extend_from_slice(&hex);
    lines.push(b'"');
    if let Content::Call(_) = content {
        lines.extend_from_slice(br#","kind":"call""#);
    }
    let open = lines.len();
    match content {
        Content::Call(record) => record.write(lines),
        // unwrap: structs of strings and integers have a JSON form, and a Vec takes all of it.
        Content::Note(event) => serde_json::to_writer(&mut *lines, event).expect("a note serializes"),
    }
    // The object goes on that began with `schema`.
    lines[open] = b',';
    lines.pop();
    let crc = crc32c::crc32c(&lines[start..]);
    push(lines, format_args!("{CRC_OPEN}{crc:08x}{CRC_CLOSE}\n"));
    let len_bytes = lines.len() - start;
    if len_bytes > MAX_LINE_LEN {
        lines.truncate(start);
        return Err(AuditError::RecordTooLarge { len_bytes, max_bytes: MAX_LINE_LEN });
    }
    Ok(())
}

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) index: u64,
    pub(super) commit: u64,
}

/// The place of a whole, undamaged line (without its newline), or nothing when it is not one.
/// Looks at no other member, so it also holds for kinds of records that come later. The members are
/// where every version puts them: a general JSON reader would make a start four times as long.
pub(super) fn place_of(line: &[u8]) -> Option<Place> {
    if !checksum_fits(line) {
        return None;
    }
    let rest = line.strip_prefix(LINE_OPEN.as_bytes())?;
    let (_schema, rest) = digits(rest)?;
    let (index, rest) = digits(rest.strip_prefix(br#","index":"#)?)?;
    let (commit, rest) = digits(rest.strip_prefix(br#","commit":"#)?)?;
    rest.starts_with(b",").then_some(Place { index, commit })
}

/// The number at the beginning of `text`, and what follows it.
fn digits(text: &[u8]) -> Option<(u64, &[u8])> {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(len);
    Some((str::from_utf8(number).ok()?.parse().ok()?, rest))
}

fn checksum_fits(line: &[u8]) -> bool {
    let Some((covered, tail)) = line.len().checked_sub(CRC_LEN).map(|at| line.split_at(at)) else {
        return false;
    };
    // The form first: it is cheap, and tells most damage.
    let crc = tail.strip_prefix(CRC_OPEN.as_bytes()).and_then(|tail| tail.strip_suffix(CRC_CLOSE.as_bytes()));
    crc.is_some_and(|crc| crc == format!("{:08x}", crc32c::crc32c(covered)).as_bytes())
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
    commit: u64,
    salt: String,
}

/// Version of the line format that this code writes.
pub const SCHEMA: u32 = 1;

/// Length of the salt.
pub const SALT_LEN: usize = 16;

/// Longest line, with its newline. A request is capped at 64 KB before it gets here; the bound lets
/// recovery read a damaged file in fixed memory.
pub(super) const MAX_LINE_LEN: usize = 256 * 1024;

/// How every line begins.
pub(super) const LINE_OPEN: &str = r#"{"schema":"#;

const HEX: &[u8; 16] = b"0123456789abcdef";
const CRC_OPEN: &str = r#","crc32c":""#;
const CRC_CLOSE: &str = r#""}"#;
const CRC_LEN: usize = CRC_OPEN.len() + 8 + CRC_CLOSE.len();

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::audit::tests::record;
    use crate::audit::{Loss, Undelivered};

    fn line_of(index: u64, content: Content) -> Vec<u8> {
        let mut bytes = Vec::new();
        let place = Place { index, commit: index / 2 };
        push_line(&mut bytes, place, &[0xA5; SALT_LEN], &content).unwrap();
        bytes
    }

    fn line(index: u64) -> Vec<u8> {
        line_of(index, Content::Call(Box::new(record("r"))))
    }

    fn index_of(line: &[u8]) -> Option<u64> {
        place_of(line).map(|place| place.index)
    }

    #[test]
    fn a_line_reads_back_as_it_was_written() {
        let bytes = line(u64::MAX);
        let text = str::from_utf8(&bytes).unwrap();
        assert!(
            text.starts_with(concat!(
                r#"{"schema":1,"index":18446744073709551615,"commit":9223372036854775807,"#,
                r#""salt":"a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5","kind":"call","time":"#
            )),
            "{text}"
        );
        assert!(text.ends_with("\"}\n"));
        let entry = Entry::parse(&bytes).unwrap();
        assert_eq!((entry.schema, entry.index, entry.salt), (1, u64::MAX, [0xA5; SALT_LEN]));
        assert_eq!(place_of(&bytes[..bytes.len() - 1]).unwrap().commit, entry.commit);
        assert_eq!(entry.call(), Some(&record("r")));
    }

    #[test]
    fn a_note_reads_back_as_it_was_written() {
        let note = Undelivered::new(Some(7), "12155550112".into(), Loss::ClientGone, SystemTime::UNIX_EPOCH);
        assert!(!format!("{note:?}").contains("5550112"));
        let event = Event::Undelivered(note);
        let bytes = line_of(9, Content::Note(event.clone()));
        let text = str::from_utf8(&bytes).unwrap();
        let members = concat!(
            r#","kind":"undelivered","time":"1970-01-01T00:00:00.000Z","record":7,"#,
            r#""request_id":"12155550112","why":"client-gone","crc32c":""#
        );
        assert!(text.contains(members), "{text}");
        let entry = Entry::parse(&bytes).unwrap();
        assert_eq!((entry.index, &entry.event, entry.call()), (9, &event, None));
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

    fn sealed(line: &str) -> Vec<u8> {
        let mut bytes = line.as_bytes().to_vec();
        let crc = crc32c::crc32c(&bytes);
        push(&mut bytes, format_args!("{CRC_OPEN}{crc:08x}{CRC_CLOSE}"));
        bytes
    }

    #[test]
    fn another_schema_and_another_kind_are_named() {
        let newer = sealed(r#"{"schema":2,"index":0,"commit":0,"salt":"","new":1"#);
        assert_eq!(Entry::parse(&newer), Err(LineError::Schema { found: 2 }));
        assert_eq!(index_of(&newer), Some(0));
        let salt = "00".repeat(SALT_LEN);
        let line = format!(r#"{{"schema":1,"index":0,"commit":0,"salt":"{salt}","kind":"later""#);
        assert!(matches!(Entry::parse(&sealed(&line)), Err(LineError::Json { .. })));
        // A whole line of another program is none of ours.
        assert_eq!(index_of(&sealed(r#"{"index":0"#)), None);
    }

    #[test]
    fn a_record_that_recovery_could_not_read_is_refused() {
        let mut record = record("r");
        record.identity = vec!["x".repeat(MAX_LINE_LEN)];
        let mut lines = line(0);
        let before = lines.clone();
        let place = Place { index: 1, commit: 0 };
        let content = Content::Call(Box::new(record));
        let refused = push_line(&mut lines, place, &[0; SALT_LEN], &content).unwrap_err();
        assert!(matches!(refused, AuditError::RecordTooLarge { .. }), "{refused}");
        assert_eq!(lines, before);
    }
}
