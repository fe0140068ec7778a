//! Segments that are full, as Parquet: `<first index, 20 digits>.parquet`, one for each.
//!
//! The exact line is one column; every other is derived from it ([`columns`]), so that engines for
//! columns read the log as it is and a number is found without reading all of it. Only the line is
//! proven: who relies on a column or a filter has them [checked](check) against the lines.
//!
//! A file has groups of [`GROUP_RECORDS`] records. Looking for a number costs the footer and, for each
//! group, two bloom filters; where one says yes, the column of numbers of that group; where it holds
//! the number, the pages of `line` with the records. Pages are small and found by the offset index.
//!
//! A file can be anybody's: whatever it holds, reading it ends with lines that are whole and in their
//! place, or with a [`SealedError`].

mod calls;
mod check;
mod columns;
mod find;
mod read;
mod source;
mod wanted;
mod write;

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use parquet::errors::ParquetError;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::TypePtr;

pub use columns::Column;
pub use find::Found;
pub use read::{Sealed, SealedLines};
pub use wanted::Wanted;

pub(super) use columns::unix_ms_of;
pub(super) use write::write;

use super::disk::{Disk, uninterrupted};

/// Why a sealed segment cannot be made or read. Carries nothing of any record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealedError {
    /// It is no Parquet file, or a damaged one.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        what: String,
    },
    /// It has other columns than a sealed segment of this version.
    Columns {
        /// The file.
        path: PathBuf,
    },
    /// A line in it is damaged, or not in its place.
    Line {
        /// The file.
        path: PathBuf,
        /// The index that should be there.
        index: u64,
    },
    /// A column says something else than the line.
    Column {
        /// The file.
        path: PathBuf,
        /// Index of the record.
        index: u64,
        /// The column.
        column: Column,
    },
    /// A bloom filter says that a value is not there which is.
    Filter {
        /// The file.
        path: PathBuf,
        /// Index of the record that has the value.
        index: u64,
        /// The column.
        column: Column,
    },
    /// The statistics of a row group leave out a value that is there.
    Statistics {
        /// The file.
        path: PathBuf,
        /// Number of the row group, from 0.
        group: u64,
        /// The column.
        column: Column,
    },
    /// The index of the pages of a column says other places or values than they have.
    PageIndex {
        /// The file.
        path: PathBuf,
        /// Number of the row group, from 0.
        group: u64,
        /// The column.
        column: Column,
    },
    /// A line of a raw segment is no text, so that the other readers of the format would refuse it.
    NotText {
        /// Index of the record.
        index: u64,
    },
}

impl SealedError {
    /// The stable name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => "sealed-damaged",
            Self::Columns { .. } => "sealed-columns",
            Self::Line { .. } => "sealed-line",
            Self::Column { .. } => "sealed-column",
            Self::Filter { .. } => "sealed-filter",
            Self::Statistics { .. } => "sealed-statistics",
            Self::PageIndex { .. } => "sealed-page-index",
            Self::NotText { .. } => "not-text",
        }
    }
}

impl fmt::Display for SealedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { path, what } => write!(
                f,
                "{} is damaged or no Parquet file ({what}); keep it as evidence and put back a good copy",
                path.display()
            ),
            Self::Columns { path } => {
                write!(f, "{} has other columns than a sealed segment of this version", path.display())
            }
            Self::Line { path, index } => write!(
                f,
                "{} is damaged: record {index} is not whole or not in its place; keep it as evidence and put \
                 back a good copy",
                path.display()
            ),
            Self::Column { path, index, column } => write!(
                f,
                "{} contradicts itself: its column {} of record {index} is not what the line says",
                path.display(),
                column.name()
            ),
            Self::Filter { path, index, column } => write!(
                f,
                "{} hides record {index}: the filter of its column {} says that the value is not there",
                path.display(),
                column.name()
            ),
            Self::Statistics { path, group, column } => write!(
                f,
                "{} hides records: the statistics of its column {} in row group {group} leave out values",
                path.display(),
                column.name()
            ),
            Self::PageIndex { path, group, column } => write!(
                f,
                "{} hides records: the page index of its column {} in row group {group} is wrong",
                path.display(),
                column.name()
            ),
            Self::NotText { index } => write!(f, "the line of record {index} is not UTF-8"),
        }
    }
}

impl std::error::Error for SealedError {}

/// Every call to the Parquet reader on bytes that can be anybody's goes through here.
///
/// It reports what it finds wrong, but its decoders also index and assert on what a file says of
/// itself (a filter of no blocks, levels beyond the schema); a search or an inspection must name the
/// file then and go on. Nothing that was under way inside is used again after a panic.
fn guarded<T>(path: &Path, call: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, SealedError> {
    let damaged = |what: &str| {
        // Its texts speak of offsets and lengths; one that quotes the file is cut short.
        let what = what.chars().filter(|c| !c.is_control()).take(MAX_WHAT_CHARS).collect();
        SealedError::Damaged { path: path.to_owned(), what }
    };
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(damaged(&error.to_string())),
        Err(_) => Err(damaged("its parts contradict each other")),
    }
}

/// The file of the segment that begins with `first_index`.
pub(super) fn name_of(first_index: u64) -> String {
    format!("{first_index:020}{SUFFIX}")
}

/// The first index of a file by its name; nothing when it is none of ours.
pub(super) fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let is_ours = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_ours)
}

/// The first indexes of all sealed segments, in order.
pub(super) fn list(disk: &impl Disk) -> io::Result<Vec<u64>> {
    let names = uninterrupted(|| disk.names())?;
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| first_of(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

static SCHEMA: LazyLock<TypePtr> = LazyLock::new(|| {
    // unwrap: a constant, which the tests parse.
    parse_message_type(SCHEMA_TEXT).map(TypePtr::new).expect("the schema parses")
});

/// A list has three levels, as the format wants it; one without elements is null.
const SCHEMA_TEXT: &str = "message record {
    required int64 index (INTEGER(64,false));
    optional int64 unix_ms (TIMESTAMP(MILLIS,true));
    optional binary kind (STRING);
    optional binary op (STRING);
    optional binary call_id (STRING);
    optional binary request_id (STRING);
    optional binary trunk (STRING);
    optional binary customer (STRING);
    optional binary provider (STRING);
    optional binary attest (STRING);
    optional binary requested_attest (STRING);
    optional binary reason (STRING);
    optional binary rule (STRING);
    optional binary verdict (STRING);
    optional binary error (STRING);
    optional binary verstat (STRING);
    optional binary orig (STRING);
    optional group dest (LIST) { repeated group list { required binary element (STRING); } }
    optional binary origid (STRING);
    optional binary cert_spc (STRING);
    required binary line (STRING);
}";

/// The folder of sealed segments within the directory of the log.
pub const SEALED: &str = "sealed";

const SUFFIX: &str = ".parquet";

/// Most records of a row group. A filter that says yes for nothing costs decoding one column of them.
pub(super) const GROUP_RECORDS: usize = 16 * 1024;

const MAX_WHAT_CHARS: usize = 160;

#[cfg(test)]
mod tests;
