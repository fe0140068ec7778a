//! What the log is made of: raw segments at its end, sealed ones before them, and where it begins once
//! its oldest parts are deleted.

use std::io::{self, Read as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::disk::{Disk, DiskFile as _, Reader, uninterrupted, write_all_at};
use super::sealed::{self, Sealed};
use super::{AuditError, io_error, segment};

/// The directories of the log.
#[derive(Clone, Debug)]
pub(super) struct Folders<D> {
    pub(super) segments: D,
    pub(super) segments_dir: PathBuf,
    /// Nothing in a log that was never sealed.
    pub(super) sealed: Option<D>,
    pub(super) sealed_dir: PathBuf,
}

/// A stretch of the log. It ends where the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A raw segment, from this index on.
    Raw(u64),
    /// A sealed one.
    Sealed(u64),
}

impl Part {
    pub(super) fn first(self) -> u64 {
        match self {
            Self::Raw(first) | Self::Sealed(first) => first,
        }
    }
}

impl<D: Disk> Folders<D> {
    /// The parts of the log in order. Where a segment is both raw and sealed, the raw one counts: the
    /// other may not be recorded, or not even whole.
    pub(super) fn parts(&self) -> Result<Vec<Part>, AuditError> {
        // In this order: a segment that is sealed meanwhile is in one of them.
        let raw = segment::list(&self.segments).map_err(io_error("read", &self.segments_dir))?;
        let is_raw = |first: &u64| raw.binary_search(first).is_ok();
        let sealed = self.sealed_firsts()?.into_iter().filter(|first| !is_raw(first));
        let mut parts: Vec<Part> = sealed.map(Part::Sealed).collect();
        parts.extend(raw.into_iter().map(Part::Raw));
        parts.sort_unstable_by_key(|part| part.first());
        Ok(parts)
    }

    pub(super) fn sealed_firsts(&self) -> Result<Vec<u64>, AuditError> {
        match &self.sealed {
            Some(disk) => sealed::list(disk).map_err(io_error("read", &self.sealed_dir)),
            None => Ok(Vec::new()),
        }
    }

    /// Opens a sealed segment; nothing if there is none.
    pub(super) fn open_sealed(&self, first: u64) -> Result<Option<Sealed>, AuditError> {
        let name = sealed::name_of(first);
        let path = self.sealed_dir.join(&name);
        let Some(disk) = &self.sealed else { return Ok(None) };
        match uninterrupted(|| disk.open(&name)) {
            Ok(file) => Sealed::over(file, &path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error("open", &path)(error)),
        }
    }

    pub(super) fn must_open_sealed(&self, first: u64) -> Result<Sealed, AuditError> {
        let path = || self.sealed_dir.join(sealed::name_of(first));
        self.open_sealed(first)?.ok_or_else(|| io_error("open", &path())(io::ErrorKind::NotFound.into()))
    }
}

/// Where a log begins that has deleted its oldest parts: the file `begin`. Written after the record of
/// the deletion is durable, and before the file is removed. So it is never behind what is missing, and
/// a log whose first record is further on than it says has lost records that nobody meant to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begin {
    /// Records before this one are deleted, or about to be.
    pub(super) index: u64,
    /// Index of the record that says so.
    pub(super) recorded_at: u64,
}

impl Begin {
    /// What the directory says; nothing when nothing was ever deleted.
    pub(super) fn read<D: Disk>(folders: &Folders<D>) -> Result<Option<Self>, AuditError> {
        let Some(disk) = &folders.sealed else { return Ok(None) };
        let path = folders.sealed_dir.join(BEGIN);
        let file = match uninterrupted(|| disk.open(BEGIN)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(io_error("open", &path))?,
        };
        let mut bytes = Vec::new();
        let read = Reader { file: &file, offset_bytes: 0 }.take(MAX_BEGIN_LEN).read_to_end(&mut bytes);
        read.map_err(io_error("read", &path))?;
        let corrupt = |_| AuditError::Corrupt { path, offset_bytes: 0 };
        serde_json::from_slice(&bytes).map(Some).map_err(corrupt)
    }

    /// Makes it durable.
    pub(super) fn write<D: Disk>(self, disk: &D) -> io::Result<()> {
        let bytes = serde_json::to_vec(&self)?;
        let mut file = segment::create_anew(disk, BEGIN_NEXT)?;
        write_all_at(&mut file, &bytes, 0)?;
        uninterrupted(|| file.sync())?;
        uninterrupted(|| disk.rename(BEGIN_NEXT, BEGIN))?;
        uninterrupted(|| disk.sync())
    }
}

const BEGIN: &str = "begin";

pub(super) const BEGIN_NEXT: &str = "begin.tmp";

/// Two numbers.
const MAX_BEGIN_LEN: u64 = 256;
