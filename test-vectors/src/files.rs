//! From a path to files of vectors.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{LoadError, Problem};

/// The files that a path given by a person stands for: the file itself, or every `*.json` under
/// the folder, at any depth, sorted.
///
/// # Errors
/// [`Problem::Unreadable`]; [`Problem::NoFiles`] for a folder without any.
pub fn files_under(path: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let mut found = Vec::new();
    collect(path, &mut found)?;
    if found.is_empty() {
        return Err(LoadError::of_file(path, Problem::NoFiles));
    }
    found.sort();
    Ok(found)
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) -> Result<(), LoadError> {
    let unreadable = |error| LoadError::of_file(path, Problem::Unreadable(error));
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        // Links are not followed: one that leads upwards would never end.
        let kind = entry.file_type().map_err(unreadable)?;
        let inner = entry.path();
        if kind.is_dir() || kind.is_file() && inner.extension().is_some_and(|e| e == "json") {
            collect(&inner, found)?;
        }
    }
    Ok(())
}
