//! What is wrong with the files of a policy.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::snapshot::SnapshotError;
use crate::audit::mask::mask_runs;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1; 0 if it is of the whole file.
    pub line: u64,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, message } = self;
        match line {
            0 => write!(f, "{}: {message}", file.display()),
            line => write!(f, "{}:{line}: {message}", file.display()),
        }
    }
}

/// All that is wrong: the first hundred by name, the others counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    named: Vec<Fault>,
    more: u64,
}

impl Faults {
    /// Those that are named, in the order in which they were found.
    #[must_use]
    pub fn named(&self) -> &[Fault] {
        &self.named
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.named.len() as u64 + self.more
    }

    pub(crate) fn add(&mut self, file: &Path, line: u64, message: impl fmt::Display) {
        if self.named.len() < MAX_NAMED {
            self.named.push(Fault { file: file.to_owned(), line, message: message.to_string() });
        } else {
            self.more += 1;
        }
    }

    /// An error if there is a fault.
    pub(crate) fn check(&mut self) -> Result<(), LoadError> {
        if self.named.is_empty() { Ok(()) } else { Err(LoadError::Faults(std::mem::take(self))) }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.named.iter().enumerate() {
            write!(f, "{}{fault}", if i == 0 { "" } else { "\n" })?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

/// Why there is no policy.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// A file cannot be read, or rows cannot be sorted in the folder for that.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The files are wrong.
    Faults(Faults),
    /// The compiled file is none, or damaged.
    Snapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: SnapshotError,
    },
}

impl LoadError {
    /// A TOML file that is none, or says what it may not.
    pub(super) fn toml(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(0, |before| 1 + before.matches('\n').count() as u64);
        let mut faults = Faults::default();
        faults.add(path, line, mask_runs(error.message()));
        Self::Faults(faults)
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |error| Self::Io { path, error }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Faults(faults) => faults.fmt(f),
            Self::Snapshot { path, error: error @ SnapshotError::Io(_) } => {
                write!(f, "{}: {error}", path.display())
            }
            Self::Snapshot { path, error } => {
                write!(f, "{}: {error}; make it again with `shaken policy compile`", path.display())
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// What a file says, for a message, cut to what a person reads. Messages reach logs, so numbers are masked,
/// wherever they stand: a field that lacks its comma is in the column of another.
pub(crate) fn quoted(field: &str) -> String {
    match field.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{:?}...", mask_runs(field.get(..end).unwrap_or_default())),
        None => format!("{:?}", mask_runs(field)),
    }
}

const MAX_QUOTED: usize = 64;

/// A file of a million wrong rows is wrong in one way.
const MAX_NAMED: usize = 100;
