//! Why vectors could not be loaded: where, what, and what to do about it.

use std::path::{Path, PathBuf};
use std::{fmt, io};

/// Vectors that cannot be loaded.
#[derive(Debug)]
pub struct LoadError {
    file: Option<PathBuf>,
    line: Option<usize>,
    problem: Problem,
}

/// What is wrong with a file of vectors.
#[derive(Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The file or folder cannot be read.
    Unreadable(io::Error),
    /// The folder holds no `*.json` file, at no depth.
    NoFiles,
    /// Not JSON, or not of the format: a member is missing, unknown, repeated or of a wrong form.
    Format(serde_json::Error),
    /// `format_version` is one that this crate does not know.
    Version {
        /// The version that the file states.
        stated: u64,
    },
    /// `numberOfCases` is not the number of cases.
    Count {
        /// The number that the file states.
        stated: usize,
        /// The number of cases in the file.
        counted: usize,
    },
    /// The file holds no case, so that running it would show nothing.
    NoCases,
    /// Two cases have one id.
    DuplicateId {
        /// The id.
        id: String,
    },
    /// A case has a flag that `notes` does not explain.
    UnknownFlag {
        /// Id of the case.
        id: String,
        /// The flag.
        flag: String,
    },
    /// `crls` stands without `crl_anchor_pem`, or the other way round: lists that nobody may have
    /// signed would decide nothing.
    CrlsOrAnchorAlone,
}

impl LoadError {
    pub(crate) fn of_file(path: &Path, problem: Problem) -> Self {
        Self { file: Some(path.to_owned()), line: None, problem }
    }

    pub(crate) fn at_line(line: Option<usize>, problem: Problem) -> Self {
        Self { file: None, line, problem }
    }

    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self { file: Some(path.to_owned()), ..self }
    }

    /// The file or folder, unless the vectors came as text.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The line, counted from 1, where one can be named.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}", file.display())?,
            None => f.write_str("vectors")?,
        }
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => {
                write!(f, "cannot be read ({error}); check the path and its permissions")
            }
            Self::NoFiles => {
                f.write_str("there is no *.json file in this folder; name a file or another folder")
            }
            Self::Format(error) => {
                write!(f, "{error}; the README of the vectors lists the members of format version 1")
            }
            Self::Version { stated } => write!(
                f,
                "format_version {stated} is not known, only 1 is; update this program or take vectors of version 1"
            ),
            Self::Count { stated, counted } => write!(
                f,
                "numberOfCases is {stated} and the file holds {counted} cases; the file is incomplete or was \
                 edited by hand, so generate or fetch it again"
            ),
            Self::NoCases => f.write_str("the file holds no case; generate or fetch it again"),
            Self::DuplicateId { id } => write!(f, "the id {id:?} stands twice; give each case its own"),
            Self::UnknownFlag { id, flag } => write!(
                f,
                "case {id:?} has the flag {flag:?}, which notes does not explain; add it to notes or correct it"
            ),
            Self::CrlsOrAnchorAlone => f.write_str("crls and crl_anchor_pem go together; add the other one"),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Unreadable(error) => Some(error),
            Problem::Format(error) => Some(error),
            _ => None,
        }
    }
}
