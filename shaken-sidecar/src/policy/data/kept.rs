//! The policies that have been in force, each as a compiled file that its generation names: what changed from
//! one to the next can be told later.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::{LoadError, Loader, Policy, SnapshotError, snapshot};
use crate::files::replace_with;

/// A policy that is to be kept.
#[derive(Clone, Debug)]
pub struct Kept {
    from: PathBuf,
    dir: PathBuf,
    generation: String,
}

impl Kept {
    /// `policy`, which was loaded `from` there, in `dir`.
    #[must_use]
    pub fn new(policy: &Policy, from: &Path, dir: PathBuf) -> Self {
        Self { from: from.to_owned(), dir, generation: policy.generation().id().to_owned() }
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Puts it there, unless it is there. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// [`LoadError`]: it could not be written, or the files have changed since they were loaded. What was kept
    /// before is still there.
    pub fn keep(&self, now: i64) -> Result<(), LoadError> {
        let name = format!("{}.{EXTENSION}", self.generation);
        let place = self.dir.join(&name);
        if place.try_exists().map_err(LoadError::io(&place))? {
            return Ok(());
        }
        match snapshot::open(&self.from) {
            Ok(None) => {
                let fresh = self.dir.join(format!("{name}.compiled"));
                let compiled = Loader::new(&self.from).with_scratch(self.dir.clone()).compile(&fresh, now)?;
                if compiled.generation.id() != self.generation {
                    fs::remove_file(&fresh).map_err(LoadError::io(&fresh))?;
                    return Err(self.changed());
                }
                fs::rename(&fresh, &place).map_err(LoadError::io(&place))
            }
            Ok(Some(contents)) => {
                if contents.generation.id() != self.generation {
                    return Err(self.changed());
                }
                let copy = |to: &mut File| io::copy(&mut File::open(&self.from)?, to).map(drop);
                replace_with(&self.dir, &name, copy).map_err(LoadError::io(&place))
            }
            Err(error) => Err(LoadError::Snapshot { path: self.from.clone(), error }),
        }
    }

    fn changed(&self) -> LoadError {
        LoadError::io(&self.from)(io::Error::other("it has changed since it was loaded; it is not kept"))
    }
}

/// What is kept in a folder.
#[derive(Debug)]
#[non_exhaustive]
pub struct KeptIn {
    /// The compiled policies, in the order in which they were compiled.
    pub policies: Vec<Policy>,
    /// Those that another version of the program has written: it reads them.
    pub of_others: Vec<PathBuf>,
}

/// The compiled policies in a folder, loaded at `now` in seconds since 1970. Other files are passed over.
///
/// # Errors
/// [`LoadError`], also of one that is damaged.
pub fn kept_in(dir: &Path, now: i64) -> Result<KeptIn, LoadError> {
    let mut all = KeptIn { policies: Vec::new(), of_others: Vec::new() };
    for entry in fs::read_dir(dir).map_err(LoadError::io(dir))? {
        let path = entry.map_err(LoadError::io(dir))?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            if !snapshot::is_compiled(&path)? {
                return Err(LoadError::Snapshot { path, error: SnapshotError::Damaged });
            }
            match Loader::new(&path).load(now) {
                Ok(policy) => all.policies.push(policy),
                Err(LoadError::Snapshot { error: SnapshotError::Version { .. }, .. }) => {
                    all.of_others.push(path)
                }
                Err(error) => return Err(error),
            }
        }
    }
    all.policies.sort_by_key(|policy| (policy.generation.loaded_at, policy.sources.clone()));
    Ok(all)
}

const EXTENSION: &str = "shaken";
