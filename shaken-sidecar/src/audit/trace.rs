//! Everything about one record that a traceback asks for: what was decided and why, what became of the
//! answer, and the proof that the record is as it was written.

use std::path::Path;

use serde::Serialize;

use super::proof::{ProofError, Tiles, TreeHash, VerifyKey, read_checkpoint};
use super::{AuditError, Entry, Event, Line, Undelivered, read_from};

/// One record and its proof.
#[derive(Debug)]
#[non_exhaustive]
pub struct Trace {
    /// The line as it is in the log.
    pub line: Line,
    /// What it says.
    pub entry: Entry,
    /// The note that the answer did not reach the client, if there is one.
    pub undelivered: Option<Undelivered>,
    /// Whether it is as it was written.
    pub proof: Proof,
}

/// What is known of a record being as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Proof {
    /// It is in the tree under a checkpoint.
    Included(Inclusion),
    /// No checkpoint covers it yet; this is how many records the newest one does.
    NotCovered {
        /// Records.
        size: u64,
    },
    /// The log has no checkpoint.
    NoCheckpoint,
    /// Without a key no checkpoint can be believed.
    NoKey,
}

/// The proof that a record is in the tree under a checkpoint (RFC 6962 §2.1.1): checked, and for others
/// to check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Inclusion {
    /// Hash of the line: SHA-256 of a zero byte and the line, in base64.
    pub leaf: String,
    /// Hashes from the leaf's sibling up to the child of the root, in base64.
    pub path: Vec<String>,
    /// The signed note of the checkpoint.
    pub checkpoint: String,
}

/// Traces record `index` of the log in `dir`. With a `key`, its proof is made under the newest
/// checkpoint of the directory. Nothing when the log has no such record.
///
/// # Errors
/// [`AuditError::Io`] and those of a damaged log; [`AuditError::Proof`] when the record is not what the
/// checkpoint covers, or the checkpoint is damaged or of another key.
pub fn trace(dir: &Path, index: u64, key: Option<&VerifyKey>) -> Result<Option<Trace>, AuditError> {
    let mut lines = read_from(dir, index)?;
    let line = match lines.next().transpose()? {
        Some(line) if line.index == index => line,
        _ => return Ok(None),
    };
    let entry = parse(&line)?;
    let undelivered = match entry.event {
        Event::Call(_) => undelivered(index, lines)?,
        _ => None,
    };
    let proof = key.map_or(Ok(Proof::NoKey), |key| include(dir, &line, key))?;
    Ok(Some(Trace { line, entry, undelivered, proof }))
}

fn parse(line: &Line) -> Result<Entry, AuditError> {
    Entry::parse(&line.bytes).map_err(|source| AuditError::Line { index: line.index, source })
}

/// The note about `record` in `lines` behind it: it is written within about a second, or with the
/// records after an outage.
fn undelivered(
    record: u64,
    lines: impl Iterator<Item = Result<Line, AuditError>>,
) -> Result<Option<Undelivered>, AuditError> {
    for line in lines.take(NOTE_WITHIN_RECORDS) {
        let line = line?;
        if memchr::memmem::find(&line.bytes, br#""kind":"undelivered""#).is_none() {
            continue;
        }
        if let Event::Undelivered(note) = parse(&line)?.event
            && note.record == Some(record)
        {
            return Ok(Some(note));
        }
    }
    Ok(None)
}

fn include(dir: &Path, line: &Line, key: &VerifyKey) -> Result<Proof, AuditError> {
    let Some(checkpoint) = read_checkpoint(dir, key)? else { return Ok(Proof::NoCheckpoint) };
    if line.index >= checkpoint.size() {
        return Ok(Proof::NotCovered { size: checkpoint.size() });
    }
    let note = checkpoint.note().to_owned();
    let mut tiles = Tiles::new(dir, checkpoint, &dir.join("checkpoint"));
    let leaf = TreeHash::of_line(&line.bytes);
    if tiles.leaf(line.index)? != leaf {
        return Err(ProofError::RecordChanged { index: line.index }.into());
    }
    let proof = tiles.inclusion(line.index)?;
    let path = proof.path.iter().map(|hash| hash.to_base64()).collect();
    Ok(Proof::Included(Inclusion { leaf: leaf.to_base64(), path, checkpoint: note }))
}

/// At 30,000 a second, three seconds.
const NOTE_WITHIN_RECORDS: usize = 100_000;
