//! Files that are complete before they are in place.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use crate::files;

/// A file that may take the place of another, which is there or not. It is beside it until then.
#[derive(Debug)]
pub(crate) struct Staged {
    dir: PathBuf,
    name: String,
    file: File,
    was_there: bool,
}

impl Staged {
    /// An empty file for what `policy.toml` calls `target`. Who may read it are those who may read what is there,
    /// or, where nothing is, `neighbour`. A link stays one: what it leads to is replaced.
    ///
    /// # Errors
    /// Those of the system: we may not write there, or may not give a file to whom the other belongs.
    pub(crate) fn begin(target: &Path, neighbour: &Path) -> io::Result<Self> {
        let facts = match fs::metadata(target) {
            Ok(facts) => Some(facts),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let was_there = facts.is_some();
        let target = match fs::symlink_metadata(target) {
            Ok(facts) if facts.is_symlink() => fs::canonicalize(target)?,
            _ => target.to_owned(),
        };
        let facts = facts.map_or_else(|| fs::metadata(neighbour), Ok)?;
        let name = target.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidFilename)?;
        let dir = match target.parent() {
            Some(dir) if dir != Path::new("") => dir.to_owned(),
            _ => ".".into(),
        };
        remove(&files::unfinished(&dir, name))?;
        let file = files::begin(&dir, name)?;
        let ours = file.metadata()?;
        if (ours.uid(), ours.gid()) != (facts.uid(), facts.gid()) {
            fchown(&file, Some(facts.uid()), Some(facts.gid()))?;
        }
        file.set_permissions(Permissions::from_mode(facts.mode() & 0o777))?;
        Ok(Self { dir, name: name.to_owned(), file, was_there })
    }

    /// To write to.
    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Where it is until it is in place.
    pub(crate) fn path(&self) -> PathBuf {
        files::unfinished(&self.dir, &self.name)
    }

    /// The file whose place it is for, if there is one.
    pub(crate) fn before(&self) -> Option<PathBuf> {
        self.was_there.then(|| self.dir.join(&self.name))
    }

    /// Removes it. What it was for stays as it is.
    pub(crate) fn discard(&self) {
        // The next import begins it anew.
        let _ = fs::remove_file(self.path());
    }

    /// Another name for what is there, until all are in place.
    fn kept(&self) -> PathBuf {
        self.dir.join(format!("{}{KEPT}", self.name))
    }
}

/// Puts all in place, each at once, or none.
///
/// # Errors
/// Those of the system. What was there before is there again.
pub(crate) fn put_in_place(all: &[Staged]) -> io::Result<()> {
    let outcome = keep(all).and_then(|()| {
        for (i, staged) in all.iter().enumerate() {
            if let Err(error) = files::finish(&staged.dir, &staged.name) {
                all.iter().take(i + 1).try_for_each(restore)?;
                return Err(error);
            }
        }
        Ok(())
    });
    for staged in all {
        let _ = fs::remove_file(staged.kept());
    }
    outcome
}

fn keep(all: &[Staged]) -> io::Result<()> {
    for staged in all {
        remove(&staged.kept())?;
        if let Some(before) = staged.before() {
            fs::hard_link(before, staged.kept())?;
        }
    }
    Ok(())
}

fn restore(staged: &Staged) -> io::Result<()> {
    match staged.before() {
        Some(before) => fs::rename(staged.kept(), before),
        None => remove(&staged.dir.join(&staged.name)),
    }
}

/// What is there, if anything is.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What a file is called beside the one that takes its place.
const KEPT: &str = ".before";

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::symlink;

    use super::*;

    fn staged(dir: &Path, name: &str, text: &str) -> Staged {
        let mut staged = Staged::begin(&dir.join(name), &dir.join("neighbour")).unwrap();
        staged.file().write_all(text.as_bytes()).unwrap();
        staged
    }

    fn texts(dir: &Path) -> Vec<(String, String)> {
        let mut all: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                (path.file_name().unwrap().to_str().unwrap().into(), fs::read_to_string(path).unwrap())
            })
            .collect();
        all.sort();
        all
    }

    #[test]
    fn all_are_put_in_place_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        for name in ["a", "c", "neighbour"] {
            fs::write(dir.join(name), format!("old {name}")).unwrap();
        }
        let before = texts(dir);
        let all = ["a", "b", "c"].map(|name| staged(dir, name, "new"));
        all[2].discard();
        assert_eq!(put_in_place(&all).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(texts(dir), before);

        let all = ["a", "b"].map(|name| staged(dir, name, "new"));
        assert_eq!(texts(dir).len(), 5);
        put_in_place(&all).unwrap();
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let expected =
            [pair("a", "new"), pair("b", "new"), pair("c", "old c"), pair("neighbour", "old neighbour")];
        assert_eq!(texts(dir), expected);
    }

    #[test]
    fn who_may_read_it_and_where_it_is_stay() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        fs::create_dir(dir.join("far")).unwrap();
        for (name, mode) in [("a", 0o640), ("neighbour", 0o400), ("far/c", 0o600)] {
            fs::write(dir.join(name), "old").unwrap();
            fs::set_permissions(dir.join(name), Permissions::from_mode(mode)).unwrap();
        }
        symlink("far/c", dir.join("c")).unwrap();
        // Of another import, that came to no end.
        fs::write(dir.join("a.new"), "rest of before").unwrap();
        put_in_place(&["a", "b", "c"].map(|name| staged(dir, name, "new"))).unwrap();
        for (name, mode) in [("a", 0o640), ("b", 0o400), ("far/c", 0o600)] {
            assert_eq!(fs::read_to_string(dir.join(name)).unwrap(), "new");
            assert_eq!(fs::metadata(dir.join(name)).unwrap().mode() & 0o777, mode, "{name}");
        }
        assert!(fs::symlink_metadata(dir.join("c")).unwrap().is_symlink());
    }
}
