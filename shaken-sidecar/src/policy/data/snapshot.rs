//! A policy in one file that is used where it lies.
//!
//! ```text
//! "SHKNPOL\n"  version u32  sections u32  length of the file u64  CRC32C of the head u32  0 u32
//! for each section: tag u32  CRC32C u32  place u64  length u64
//! the sections, each begun at a multiple of 8, zeros between
//! ```
//!
//! All integers are little-endian. The small files are in it as they were and are read again; the
//! tables of numbers are plain arrays. Nothing is believed: checksums are for damage, and every place
//! that an array leads to is looked at before it is used.

use std::fmt;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::{Generation, LoadError, Policy};
use crate::files;
use crate::os::Mapped;
use crate::policy::numbers::{PARTS, Part, Table};

/// What the compiled file holds beside the tables.
pub(super) struct Texts {
    pub(super) toml: Vec<u8>,
    pub(super) customers: Vec<u8>,
    pub(super) evidence: Vec<u8>,
    /// The different rights, as rows without numbers.
    pub(super) terms: Vec<u8>,
}

/// A compiled file, checked as far as it can be without reading its texts.
pub(super) struct Contents {
    pub(super) generation: Generation,
    pub(super) texts: Texts,
    pub(super) numbers: Table,
    pub(super) sets: [Part; 2],
    pub(super) do_not_originate: Table,
    pub(super) unallocated: Table,
}

/// What is wrong with a compiled file.
#[derive(Debug)]
#[non_exhaustive]
pub enum SnapshotError {
    /// It cannot be opened, or others may write to it.
    Io(io::Error),
    /// It is of another version of the program.
    Version {
        /// The version in the file.
        found: u32,
    },
    /// It was cut or changed.
    Damaged,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                write!(f, "a policy must be a file that only its owner, who is root or the daemon, can write")
            }
            Self::Io(error) => error.fmt(f),
            Self::Version { found } => {
                write!(f, "the compiled policy has version {found}, and not {VERSION}")
            }
            Self::Damaged => write!(f, "the compiled policy is damaged"),
        }
    }
}

impl std::error::Error for SnapshotError {}

/// Writes a policy to `to`, which is there as a whole or as it was before.
pub(super) fn write(to: &Path, policy: &Policy, texts: &Texts) -> io::Result<()> {
    let name = to.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidInput)?;
    let generation = serde_json::to_vec(&policy.generation)?;
    let tables = [&policy.numbers, &policy.do_not_originate, &policy.unallocated];
    let facts = tables.map(|table| table.facts().map(u64::to_le_bytes).concat());
    let mut sections: Vec<&[u8]> =
        vec![&generation, &texts.toml, &texts.customers, &texts.evidence, &texts.terms];
    sections.extend(policy.sets.parts().map(|part| &**part));
    for (table, facts) in tables.iter().zip(&facts) {
        sections.push(facts);
        sections.extend(table.parts().map(|part| &**part));
    }
    let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    files::replace_with(dir, name, |file| {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        file.write_all(&head(&sections))?;
        for section in sections {
            file.write_all(section)?;
            file.write_all(padding(section.len()))?;
        }
        file.flush()
    })
}

/// Whether the file at `path` begins as a compiled policy does.
///
/// # Errors
/// [`LoadError::Io`].
pub fn is_compiled(path: &Path) -> Result<bool, LoadError> {
    has_magic(path).map_err(LoadError::io(path))
}

fn has_magic(path: &Path) -> io::Result<bool> {
    let mut magic = [0; MAGIC.len()];
    let read = std::fs::File::open(path).and_then(|mut file| io::Read::read_exact(&mut file, &mut magic));
    match read {
        Ok(()) => Ok(&magic == MAGIC),
        // A text that is too short.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// What is at `path`, or nothing if that is no compiled policy.
pub(super) fn open(path: &Path) -> Result<Option<Contents>, SnapshotError> {
    if !has_magic(path).map_err(SnapshotError::Io)? {
        return Ok(None);
    }
    let file = Arc::new(Mapped::open(path).map_err(SnapshotError::Io)?);
    let mut parts = sections(&file)?.into_iter();
    let damaged = || SnapshotError::Damaged;
    let mut next = || parts.next().ok_or_else(damaged);
    let generation = serde_json::from_slice(&next()?).map_err(|_| damaged())?;
    let mut text = || next().map(|part| part.to_vec());
    let texts = Texts { toml: text()?, customers: text()?, evidence: text()?, terms: text()? };
    let sets = [next()?, next()?];
    let mut table = || {
        let facts = next()?;
        let (words, _) = facts.as_chunks::<8>();
        let facts: [u64; 2] = match words {
            [start, count] => [start, count].map(|bytes| u64::from_le_bytes(*bytes)),
            _ => return Err(damaged()),
        };
        let parts: Vec<Part> = (0..PARTS).map(|_| next()).collect::<Result<_, _>>()?;
        let parts: [Part; PARTS] = parts.try_into().map_err(|_| damaged())?;
        Table::of_parts(facts, parts).map_err(|_| damaged())
    };
    let (numbers, do_not_originate, unallocated) = (table()?, table()?, table()?);
    Ok(Some(Contents { generation, texts, numbers, sets, do_not_originate, unallocated }))
}

/// The sections of a file, in order.
fn sections(file: &Arc<Mapped>) -> Result<Vec<Part>, SnapshotError> {
    let damaged = || SnapshotError::Damaged;
    let u32_at = |at: usize| file.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let u64_at = |at: usize| file.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    let version = u32_at(8).ok_or_else(damaged)?;
    if version != VERSION {
        return Err(SnapshotError::Version { found: version });
    }
    let head = file.get(..HEAD_LEN + SECTIONS * ENTRY_LEN).ok_or_else(damaged)?;
    let is_whole = u32_at(12) == Some(SECTIONS as u32)
        && u64_at(16) == Some(file.len() as u64)
        && u32_at(24) == Some(head_crc(head))
        && u32_at(28) == Some(0);
    if !is_whole {
        return Err(damaged());
    }
    let mut place = head.len();
    let mut parts = Vec::new();
    for i in 0..SECTIONS {
        let at = HEAD_LEN + i * ENTRY_LEN;
        let len = u64_at(at + 16).and_then(|len| usize::try_from(len).ok()).ok_or_else(damaged)?;
        let end = place.checked_add(len).ok_or_else(damaged)?;
        let padded = end.checked_next_multiple_of(ALIGN).ok_or_else(damaged)?;
        let bytes = file.get(place..padded).ok_or_else(damaged)?;
        let is_it = u32_at(at) == Some(i as u32)
            && u32_at(at + 4) == Some(crc32c::crc32c(bytes))
            && u64_at(at + 8) == Some(place as u64);
        if !is_it {
            return Err(damaged());
        }
        parts.push(Part::File(Arc::clone(file), place..end));
        place = padded;
    }
    if place == file.len() { Ok(parts) } else { Err(damaged()) }
}

fn head(sections: &[&[u8]]) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut place = HEAD_LEN + sections.len() * ENTRY_LEN;
    for (i, section) in sections.iter().enumerate() {
        let crc = crc32c::crc32c_append(crc32c::crc32c(section), padding(section.len()));
        entries.extend_from_slice(&(i as u32).to_le_bytes());
        entries.extend_from_slice(&crc.to_le_bytes());
        entries.extend_from_slice(&(place as u64).to_le_bytes());
        entries.extend_from_slice(&(section.len() as u64).to_le_bytes());
        place += section.len() + padding(section.len()).len();
    }
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(&(sections.len() as u32).to_le_bytes());
    head.extend_from_slice(&(place as u64).to_le_bytes());
    head.extend_from_slice(&[0; 8]);
    head.extend_from_slice(&entries);
    let crc = head_crc(&head);
    head[24..28].copy_from_slice(&crc.to_le_bytes());
    head
}

/// Of all but the checksum itself and the zeros beside it.
fn head_crc(head: &[u8]) -> u32 {
    let (before, after) = (head.get(..24).unwrap_or_default(), head.get(HEAD_LEN..).unwrap_or_default());
    crc32c::crc32c_append(crc32c::crc32c(before), after)
}

fn padding(len: usize) -> &'static [u8] {
    &[0; ALIGN][..len.next_multiple_of(ALIGN) - len]
}

const MAGIC: &[u8; 8] = b"SHKNPOL\n";
/// To be raised with every change of the layout here, of tables or of the texts, and of what they mean.
const VERSION: u32 = 2;
const HEAD_LEN: usize = 32;
const ENTRY_LEN: usize = 24;
const ALIGN: usize = 8;
/// Generation, four texts, two arrays of sets, three tables with their facts.
const SECTIONS: usize = 1 + 4 + 2 + 3 * (1 + PARTS);
