//! Checks a whole log, also one that a daemon has open, or a copy on a machine that knows nothing of
//! it: every record, every tile, the checkpoint, and each outside checkpoint.

mod finding;
mod sealed;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::disk::Folder;
use super::parts::{Folders, Part};
use super::proof::{Checkpoint, Edge, OutsideFile, ProofError, Tiles, TreeHash, VerifyKey, read_checkpoint};
use super::read::folders;
use super::{AuditError, SEGMENTS, io_error, read, recover, segment};
use sealed::Told;

pub use finding::Finding;

/// What an inspection found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Index of the first record that is there; those before it were deleted.
    pub begin: u64,
    /// Index behind the last whole record; all from `begin` on are in their place.
    pub records: u64,
    /// Sealed segments.
    pub sealed: u64,
    /// Records that the checkpoint in the log's directory covers. Nothing when there is none that can be
    /// believed.
    pub checkpoint: Option<u64>,
    /// Outside checkpoints of this log, of different sizes.
    pub outside_checkpoints: u64,
    /// Records that the newest outside checkpoint covers. Nothing when there is none.
    pub outside: Option<u64>,
    /// Records that are proven: as they were when a checkpoint outside was signed, or, if no outside
    /// checkpoint was given, when the one in the directory was.
    pub proven: u64,
    /// What is wrong, in the order in which it was found. Empty if all holds.
    pub findings: Vec<Finding>,
}

/// Inspects the log in `dir` and changes nothing. `key` is its verifier key, `outside` are files of
/// checkpoints from elsewhere: what an outside file of the daemon holds, lines of a system log, or a
/// single checkpoint. `progress` is told the number of records now and then.
///
/// Without a key nothing but checksums and order is checked, which a forger gets right.
///
/// # Errors
/// [`AuditError::Io`] and [`ProofError::Io`] when something cannot be read, so that there is no answer.
pub fn inspect(
    dir: &Path,
    key: Option<&VerifyKey>,
    outside: &[PathBuf],
    mut progress: impl FnMut(u64),
) -> Result<Report, AuditError> {
    let mut inspection = Inspection::default();
    // In this order: of a log that grows meanwhile, each covers no more than what is read after it.
    match key {
        Some(key) => {
            inspection.read_outside(key, outside)?;
            inspection.read_checkpoint(dir, key)?;
        }
        None => inspection.report.findings.push(Finding::NoKey),
    }
    // Before the records: what is sealed by now has its seal among them.
    let folders = folders(dir)?;
    let parts = folders.parts()?;
    inspection.read_records(dir, &mut progress)?;
    inspection.check_ends(&folders, &parts)?;
    inspection.check_sealed(&folders, &parts)?;
    inspection.check_sizes(dir);
    if let Some(tiles) = &inspection.tiles {
        match tiles.check() {
            Ok(()) => {}
            Err(error) => note(&mut inspection.report.findings, error)?,
        }
    }
    inspection.report.proven = inspection.proven();
    Ok(inspection.report)
}

#[derive(Default)]
struct Inspection<'a> {
    report: Report,
    /// Root and file by size: there may be millions, one for each second of a year.
    outside: BTreeMap<u64, (TreeHash, &'a Path)>,
    tiles: Option<Tiles>,
    /// The largest size at which the records have the root of a checkpoint, outside and inside.
    agreed: Option<u64>,
    agreed_inside: Option<u64>,
    told: Told,
    /// No damage ended the reading of the records.
    is_read_to_the_end: bool,
}

impl<'a> Inspection<'a> {
    fn read_outside(&mut self, key: &VerifyKey, files: &'a [PathBuf]) -> Result<(), AuditError> {
        for path in files {
            let mut found = false;
            let single = read_single(path, key)?;
            let lines = OutsideFile::open(path, key)?.into_iter().flatten();
            for checkpoint in single.into_iter().map(|single| Ok(Some(single))).chain(lines) {
                let Some(checkpoint): Option<Checkpoint> = checkpoint? else { continue };
                found = true;
                let (root, size) = (checkpoint.root(), checkpoint.size());
                let known = self.outside.entry(size).or_insert((root, path));
                if known.0 != root {
                    self.report.findings.push(Finding::TwoHistories { size });
                }
            }
            if !found {
                self.report.findings.push(Finding::NoOutside { path: path.clone() });
            }
        }
        self.report.outside_checkpoints = self.outside.len() as u64;
        self.report.outside = self.outside.keys().next_back().copied();
        Ok(())
    }

    fn read_checkpoint(&mut self, dir: &Path, key: &VerifyKey) -> Result<(), AuditError> {
        match read_checkpoint(dir, key) {
            Ok(Some(checkpoint)) => {
                self.report.checkpoint = Some(checkpoint.size());
                self.tiles = Some(Tiles::new(dir, checkpoint, &dir.join("checkpoint")));
            }
            Ok(None) => self.report.findings.push(Finding::NoCheckpoint),
            Err(error) => note(&mut self.report.findings, error)?,
        }
        Ok(())
    }

    /// Makes the tree anew from the records, and compares it with leaves and checkpoints on the way.
    fn read_records(&mut self, dir: &Path, progress: &mut impl FnMut(u64)) -> Result<(), AuditError> {
        let mut lines = read(dir)?.peekable();
        if let Some(Ok(first)) = lines.peek() {
            self.report.begin = first.index;
        }
        let mut expected = self.report.begin;
        let mut edge = self.deleted_edge(dir, progress)?;
        let mut compares_leaves = true;
        self.is_read_to_the_end = true;
        for line in lines {
            let line = match line {
                Ok(line) if line.index == expected => line,
                Ok(line) => {
                    let source = AuditError::NotContiguous {
                        path: dir.join(SEGMENTS),
                        offset_bytes: 0,
                        expected,
                        found: line.index,
                    };
                    self.is_read_to_the_end = false;
                    self.report.findings.push(Finding::Record { index: expected, source });
                    break;
                }
                Err(error @ AuditError::Io { .. }) => return Err(error),
                Err(AuditError::Sealed(error)) => {
                    self.is_read_to_the_end = false;
                    self.push_sealed(error);
                    break;
                }
                Err(source) => {
                    self.is_read_to_the_end = false;
                    self.report.findings.push(Finding::Record { index: expected, source });
                    break;
                }
            };
            let leaf = TreeHash::of_line(&line.bytes);
            if let Some(tiles) = &mut self.tiles
                && compares_leaves
                && line.index < tiles.checkpoint().size()
            {
                let compared = match tiles.leaf(line.index) {
                    Ok(expected) if expected == leaf => Ok(()),
                    Ok(_) => Err(ProofError::RecordChanged { index: line.index }),
                    Err(error) => Err(error),
                };
                if let Err(error) = compared {
                    // The first one tells where to look; the tiles are checked as a whole besides.
                    compares_leaves = false;
                    note(&mut self.report.findings, error)?;
                }
            }
            self.told.take(&line);
            expected += 1;
            if let Some(edge) = &mut edge {
                edge.append(leaf);
                self.compare(edge, dir);
            }
            if expected.is_multiple_of(PROGRESS_RECORDS) {
                progress(expected);
            }
        }
        self.report.records = expected;
        progress(expected);
        Ok(())
    }

    /// The tree of the records that were deleted, by its leaves, which stay. Nothing when they cannot be
    /// had: then no root can be made.
    fn deleted_edge(
        &mut self,
        dir: &Path,
        progress: &mut impl FnMut(u64),
    ) -> Result<Option<Edge>, AuditError> {
        let mut edge = Edge::new();
        self.compare(&edge, dir);
        while edge.size() < self.report.begin {
            let leaf = match &mut self.tiles {
                Some(tiles) => tiles.leaf(edge.size()),
                None => return Ok(None),
            };
            match leaf {
                Ok(leaf) => edge.append(leaf),
                Err(error) => {
                    note(&mut self.report.findings, error)?;
                    return Ok(None);
                }
            }
            self.compare(&edge, dir);
            if edge.size().is_multiple_of(PROGRESS_RECORDS) {
                progress(edge.size());
            }
        }
        Ok(Some(edge))
    }

    /// Compares the tree of the records so far with the checkpoints that cover just as many.
    fn compare(&mut self, edge: &Edge, dir: &Path) {
        let size = edge.size();
        let mut findings = Vec::new();
        if let Some((root, path)) = self.outside.get(&size) {
            if *root == edge.root() {
                self.agreed = Some(size);
            } else {
                findings.push((size, (*path).to_owned()));
            }
        }
        if let Some(checkpoint) = self.tiles.as_ref().map(Tiles::checkpoint)
            && checkpoint.size() == size
        {
            if checkpoint.root() == edge.root() {
                self.agreed_inside = Some(size);
            } else {
                findings.push((size, dir.join("checkpoint")));
            }
        }
        for (size, checkpoint) in findings {
            // After a changed record no later checkpoint fits either.
            let is_first = |found: &Finding| !matches!(found, Finding::Proof(ProofError::Tampered { checkpoint: c, .. }) if *c == checkpoint);
            if self.report.findings.iter().all(is_first) {
                let error = ProofError::Tampered { size, checkpoint };
                self.report.findings.push(Finding::Proof(error));
            }
        }
    }

    /// That each segment ends with its last record, and the last one with nothing else.
    fn check_ends(&mut self, folders: &Folders<Folder>, parts: &[Part]) -> Result<(), AuditError> {
        for (&part, next) in parts.iter().zip(parts.iter().skip(1)) {
            match recover::check_end(folders, part, next.first()) {
                // Sealed or deleted since, and looked at as what it is now.
                Err(AuditError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                outcome => self.note_record(next.first(), outcome)?,
            }
        }
        let (folder, dir) = (&folders.segments, folders.segments_dir.as_path());
        let last = match folders.parts()?.last() {
            Some(&Part::Raw(last)) => last,
            Some(Part::Sealed(_)) => {
                let path = dir.join(segment::name_of(self.report.records));
                return self.note_record(self.report.records, Err(AuditError::SegmentMissing { path }));
            }
            None => return Ok(()),
        };
        for _ in 0..LOOKS {
            match recover::look(folder, dir, last) {
                Ok(found) if found.torn_bytes == 0 => return Ok(()),
                Ok(_) => {}
                Err(error) => return self.note_record(self.report.records, Err(error)),
            }
            // Perhaps a daemon is just writing there.
            std::thread::sleep(LOOK_AGAIN);
        }
        let found = recover::look(folder, dir, last);
        if let Ok(found) = &found
            && found.torn_bytes > 0
        {
            let torn = Finding::Torn { index: found.records, len_bytes: found.torn_bytes };
            self.report.findings.push(torn);
        }
        self.note_record(self.report.records, found.map(drop))
    }

    fn note_record(&mut self, index: u64, outcome: Result<(), AuditError>) -> Result<(), AuditError> {
        match outcome {
            Ok(()) => {}
            Err(error @ AuditError::Io { .. }) => return Err(error),
            Err(AuditError::Sealed(error)) => self.push_sealed(error),
            // Once is enough.
            Err(_) if self.report.findings.iter().any(|found| matches!(found, Finding::Record { .. })) => {}
            Err(source) => self.report.findings.push(Finding::Record { index, source }),
        }
        Ok(())
    }

    /// That no checkpoint covers more than there is.
    fn check_sizes(&mut self, dir: &Path) {
        let records = self.report.records;
        let outside = self.outside.last_key_value().map(|(size, (_, path))| (*size, (*path).to_owned()));
        let inside = self.report.checkpoint.map(|size| (size, dir.join("checkpoint")));
        for (size, checkpoint) in [&outside, &inside].into_iter().flatten().cloned() {
            if size > records {
                let error = ProofError::Rollback { records, size, checkpoint };
                self.report.findings.push(Finding::Proof(error));
            }
        }
        if let (Some((outside, path)), Some((size, _))) = (outside, inside)
            && outside > size
        {
            self.report.findings.push(Finding::CheckpointOlder { size, outside, path });
        }
    }

    fn proven(&self) -> u64 {
        let agreed = if self.outside.is_empty() { self.agreed_inside } else { self.agreed };
        agreed.unwrap_or(0)
    }
}

/// The checkpoint that a file consists of, if it is one.
fn read_single(path: &Path, key: &VerifyKey) -> Result<Option<Checkpoint>, AuditError> {
    let is_short = fs::metadata(path).map_err(io_error("read", path))?.len() <= MAX_SINGLE_LEN;
    if !is_short {
        return Ok(None);
    }
    let bytes = fs::read(path).map_err(io_error("read", path))?;
    Ok(Checkpoint::parse(&bytes, key).ok())
}

/// Keeps what an error says of the log; one that says nothing of it ends the inspection.
fn note(findings: &mut Vec<Finding>, error: ProofError) -> Result<(), AuditError> {
    if matches!(error, ProofError::Io { .. }) {
        return Err(error.into());
    }
    findings.push(Finding::Proof(error));
    Ok(())
}

const PROGRESS_RECORDS: u64 = 1 << 16;

/// The longest note.
const MAX_SINGLE_LEN: u64 = 128 * 1024;

/// A commit is on the disk within some milliseconds, or the daemon has worse trouble.
const LOOKS: u32 = 5;
const LOOK_AGAIN: Duration = Duration::from_millis(100);
