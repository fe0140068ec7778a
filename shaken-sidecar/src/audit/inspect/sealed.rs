//! What an inspection asks of sealed segments and deletions: each file is the one of its seal and says
//! what its lines say, and nothing is missing that no deletion is on record for.

use std::collections::BTreeMap;

use super::{Finding, Inspection};
use crate::audit::disk::Folder;
use crate::audit::note::{Deletion, Seal};
use crate::audit::parts::{Folders, Part};
use crate::audit::sealed::{Sealed, SealedError, name_of};
use crate::audit::{AuditError, Entry, Event, Line, recover};
use crate::hex::hex;

/// Records about sealed segments, as they come by.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The newest seal of each segment: one that a crash left unfinished is made again.
    seals: BTreeMap<u64, Seal>,
    /// In the order of the log.
    deletions: Vec<Deletion>,
}

impl Told {
    pub(super) fn take(&mut self, line: &Line) {
        // Where every version puts the kind; the rest of a line may quote anything.
        let head = line.bytes.get(..KIND_WITHIN).unwrap_or(&line.bytes);
        let is_about_these =
            KINDS.iter().any(|kind| head.windows(kind.len()).any(|window| window == kind.as_bytes()));
        if !is_about_these {
            return;
        }
        match Entry::parse(&line.bytes).map(|entry| entry.event) {
            Ok(Event::Seal(seal)) => {
                self.seals.insert(seal.segment, seal);
            }
            Ok(Event::Deletion(deletion)) => self.deletions.push(deletion),
            _ => {}
        }
    }

    /// Index of the record behind the last that is deleted.
    fn deleted_end(&self) -> u64 {
        let ends = self.deletions.iter().map(|it| it.segment.saturating_add(it.records));
        ends.max().unwrap_or(0)
    }
}

impl Inspection<'_> {
    /// Checks all sealed segments by themselves, and against what the records say.
    pub(super) fn check_sealed(
        &mut self,
        folders: &Folders<Folder>,
        parts: &[Part],
    ) -> Result<(), AuditError> {
        for part in parts {
            let Part::Sealed(first) = *part else { continue };
            // One that was deleted since is not there; one that somebody removed has a seal.
            if let Some(Some(sealed)) = self.note_sealed(folders.open_sealed(first))? {
                self.report.sealed += 1;
                self.check_file(&sealed)?;
            }
        }
        let now = folders.parts()?;
        if self.is_read_to_the_end {
            let is_there = |segment| parts.iter().chain(&now).any(|part| part.first() == segment);
            self.check_present(folders, is_there);
        }
        self.check_deletions(folders, &now)
    }

    fn check_file(&mut self, sealed: &Sealed) -> Result<(), AuditError> {
        let first = sealed.first_index();
        let path = sealed.path().to_owned();
        let digest = hex(&sealed.digest()?.0);
        match self.told.seals.get(&first) {
            Some(seal) if seal.sha256 == digest && seal.records == sealed.end_index() - first => {}
            Some(_) => self.report.findings.push(Finding::SealedChanged { path }),
            // Its seal may stand behind what could be read.
            None if !self.is_read_to_the_end => {}
            None => self.report.findings.push(Finding::SealedUnrecorded { path }),
        }
        self.note_sealed(sealed.check(|_| Ok(()))).map(drop)
    }

    /// Keeps what an error says of a sealed segment.
    fn note_sealed<T>(&mut self, outcome: Result<T, AuditError>) -> Result<Option<T>, AuditError> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(AuditError::Sealed(error)) => {
                self.push_sealed(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn push_sealed(&mut self, error: SealedError) {
        let is_known = |found: &Finding| matches!(found, Finding::Sealed(known) if *known == error);
        if !self.report.findings.iter().any(is_known) {
            self.report.findings.push(Finding::Sealed(error));
        }
    }

    /// That no segment is gone whose seal is on record.
    fn check_present(&mut self, folders: &Folders<Folder>, is_there: impl Fn(u64) -> bool) {
        let deleted_end = self.told.deleted_end();
        for &segment in self.told.seals.keys() {
            if !is_there(segment) && segment >= deleted_end {
                let path = folders.sealed_dir.join(name_of(segment));
                self.report.findings.push(Finding::SealedMissing { path });
            }
        }
    }

    /// That what is missing at the beginning is what the deletions on record say, one after the other,
    /// each of a segment as it was sealed.
    fn check_deletions(&mut self, folders: &Folders<Folder>, parts: &[Part]) -> Result<(), AuditError> {
        let mut wrong = Vec::new();
        let mut end = None;
        for deletion in &self.told.deletions {
            let Deletion { segment, records, sha256, .. } = deletion;
            // A crash can leave two records of one deletion. What came before the first of them is
            // deleted together with its record.
            let follows = end.is_none_or(|(start, end)| *segment == end || *segment == start);
            let seal = self.told.seals.get(segment);
            let fits = seal.is_none_or(|seal| seal.records == *records && seal.sha256 == *sha256);
            if !follows || !fits {
                wrong.push(*segment);
            }
            end = Some((*segment, segment.saturating_add(*records)));
        }
        for segment in wrong {
            self.report.findings.push(Finding::DeletionWrong { segment });
        }
        let first = self.report.begin;
        if self.is_read_to_the_end {
            let is_edge =
                |it: &Deletion| first == it.segment || Some(first) == it.segment.checked_add(it.records);
            if first > 0 && !self.told.deletions.iter().any(is_edge) {
                self.report.findings.push(Finding::NotRecorded { first });
            }
        }
        match recover::check_begin(folders, parts) {
            Err(AuditError::NotRecorded { first, .. }) => {
                let is_known = |found: &Finding| matches!(found, Finding::NotRecorded { .. });
                if !self.report.findings.iter().any(is_known) {
                    self.report.findings.push(Finding::NotRecorded { first });
                }
                Ok(())
            }
            Err(error @ AuditError::Io { .. }) => Err(error),
            Err(AuditError::Sealed(error)) => {
                self.push_sealed(error);
                Ok(())
            }
            Err(source) => self.note_record(first, Err(source)),
            Ok(()) => Ok(()),
        }
    }
}

/// How the kinds stand in a line.
const KINDS: [&str; 2] = [r#","kind":"seal","#, r#","kind":"deletion","#];

/// Schema, index, commit, salt and kind end before this.
const KIND_WITHIN: usize = 192;
