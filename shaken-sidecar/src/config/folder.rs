//! The folder that a configuration is in, and what was read from it and elsewhere: for the
//! generation, for what must stay at a reload, and for the sandbox.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256, digest};

use super::ConfigError;
use crate::hex::hex;

/// Where relative paths begin, with a note of each file that was read.
pub(crate) struct Folder {
    path: PathBuf,
    credentials: Option<PathBuf>,
    read: RefCell<Vec<ReadFile>>,
}

/// A file that was read for a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReadFile {
    /// The key that names it.
    pub(super) key: String,
    pub(super) path: PathBuf,
    /// SHA-256 of what was in it.
    pub(super) sha256: Box<[u8]>,
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Self { path: path.to_owned(), credentials, read: RefCell::default() }
    }

    /// The file or folder that a configuration means by `path`: `credential:NAME` is what the service
    /// manager has put into its folder of credentials, anything else begins here.
    pub(super) fn join(&self, path: &Path) -> PathBuf {
        let name = path.to_str().and_then(|path| path.strip_prefix(CREDENTIAL));
        match (name.filter(|name| !name.is_empty() && !name.contains('/')), &self.credentials) {
            (Some(name), Some(credentials)) => credentials.join(name),
            // Which no file is called.
            (Some(_), None) => path.to_owned(),
            (None, _) => self.path.join(path),
        }
    }

    /// The contents of a file, for `key`.
    pub(super) fn read(&self, path: &Path, key: &str) -> Result<Vec<u8>, ConfigError> {
        let place = self.join(path);
        let bytes = std::fs::read(&place).map_err(|error| {
            let hint = if path.to_str().is_some_and(|path| path.starts_with(CREDENTIAL)) {
                "; credentials are there in a service of systemd that has LoadCredential= for them"
            } else {
                ""
            };
            ConfigError::new(format_args!("{key}: cannot read {}: {error}{hint}", place.display()))
        })?;
        self.note(key, &place, &bytes);
        Ok(bytes)
    }

    /// That `bytes` are what is in the file at `place`.
    pub(super) fn note(&self, key: &str, place: &Path, bytes: &[u8]) {
        let sha256 = digest(&SHA256, bytes).as_ref().into();
        self.read.borrow_mut().push(ReadFile { key: key.to_owned(), path: place.to_owned(), sha256 });
    }

    /// What was read from another folder for the same configuration.
    pub(super) fn take_in(&self, other: Self) {
        self.read.borrow_mut().extend(other.read.into_inner());
    }

    /// Names a configuration and all that was read for it: the first 16 hex digits of a SHA-256.
    pub(super) fn generation(&self, text: &str) -> String {
        let mut context = Context::new(&SHA256);
        context.update(text.as_bytes());
        for file in self.read.borrow().iter() {
            context.update(&file.sha256);
        }
        hex(&context.finish().as_ref()[..8])
    }

    /// The files that were read.
    pub(super) fn files(&self) -> Vec<ReadFile> {
        self.read.borrow().clone()
    }
}

const CREDENTIAL: &str = "credential:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_here_and_credentials_where_they_are_kept() {
        let folder =
            Folder { credentials: Some("/run/credentials/x".into()), ..Folder::new(Path::new("/etc/s")) };
        for (path, place) in [
            ("a.key", "/etc/s/a.key"),
            ("/b/a.key", "/b/a.key"),
            ("credential:a.key", "/run/credentials/x/a.key"),
            ("credential:", "/etc/s/credential:"),
            ("credential:../a", "/etc/s/credential:../a"),
        ] {
            assert_eq!(folder.join(Path::new(path)), Path::new(place), "{path}");
        }
        let none = Folder { credentials: None, ..folder };
        let refused = none.read(Path::new("credential:a"), "signing.key").unwrap_err().to_string();
        assert!(refused.contains("signing.key") && refused.contains("LoadCredential"), "{refused}");
    }

    #[test]
    fn a_generation_names_text_and_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("f"), "1").unwrap();
        let folder = Folder::new(dir.path());
        assert_eq!(folder.generation("abc"), "ba7816bf8f01cfea");
        folder.read(Path::new("f"), "k").unwrap();
        let with_file = folder.generation("abc");
        assert_ne!(with_file, "ba7816bf8f01cfea");
        std::fs::write(dir.path().join("f"), "2").unwrap();
        let other = Folder::new(dir.path());
        other.read(Path::new("f"), "k").unwrap();
        assert_ne!(other.generation("abc"), with_file);
    }
}
