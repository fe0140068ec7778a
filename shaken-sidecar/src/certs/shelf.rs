//! Certificates on disk, for the next start. What is there is bytes of whoever could write to the
//! folder: it gives work to judge and no trust.

use std::collections::{HashSet, VecDeque};
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use shaken_core::Error;

use crate::files;

/// A folder of them, bounded in number and size. One process at a time uses it.
#[derive(Debug)]
pub(super) struct Shelf {
    dir: PathBuf,
    files: Mutex<Files>,
}

/// The names of the files, oldest first.
#[derive(Debug, Default)]
struct Files {
    order: VecDeque<String>,
    known: HashSet<String>,
}

/// What was fetched, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shelved {
    pub(super) url: String,
    /// Seconds since 1970.
    pub(super) fetched_at: i64,
    pub(super) max_age_s: Option<u64>,
    pub(super) body: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnDisk {
    url: String,
    fetched_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age_s: Option<u64>,
    pem: String,
}

impl Shelf {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, files: Mutex::default() }
    }

    /// Hands all that is there to `take_in`, newest first, and answers how much of it was taken. What
    /// cannot be read, has ended or is too much is deleted; what is refused for another reason may be good
    /// again when there are newer lists.
    pub(super) fn read(&self, now: i64, mut take_in: impl FnMut(&Shelved) -> Result<(), Error>) -> usize {
        let names = match self.names() {
            Ok(names) => names,
            Err(error) => {
                tracing::warn!(%error, dir = %self.dir.display(), "cannot read fetch.cache_dir");
                return 0;
            }
        };
        let (mut kept, mut taken) = (Vec::new(), 0);
        for name in names.into_iter().rev() {
            let path = self.dir.join(&name);
            let outcome = match kept.len() {
                0..MAX_FILES => read_file(&path, &name).map(|shelved| take_in(&shelved)),
                _ => Ok(Err(Error::CertExpired { not_after: now })),
            };
            let is_kept = match outcome {
                Ok(Ok(())) => {
                    taken += 1;
                    true
                }
                Ok(Err(error)) => {
                    tracing::info!(error = error.name(), file = name, "a certificate on disk is not used");
                    !matches!(error, Error::CertExpired { .. })
                }
                Err(error) => {
                    tracing::warn!(%error, file = name, "a certificate on disk cannot be read");
                    false
                }
            };
            if is_kept {
                kept.push(name);
            } else {
                let _ = fs::remove_file(path);
            }
        }
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        for name in kept {
            if files.known.insert(name.clone()) {
                files.order.push_front(name);
            }
        }
        taken
    }

    /// After this, what was there for the URL is there or the new one, whole. If it cannot be written
    /// it is told and nothing else: the next start fetches it.
    pub(super) fn put(&self, shelved: &Shelved) {
        if let Err(error) = self.try_put(shelved) {
            tracing::warn!(%error, dir = %self.dir.display(), "a certificate cannot be kept on disk");
        }
    }

    fn try_put(&self, shelved: &Shelved) -> io::Result<()> {
        let Shelved { url, fetched_at, max_age_s, body } = shelved;
        let pem = String::from_utf8(body.clone()).map_err(|_| io::ErrorKind::InvalidData)?;
        let on_disk = OnDisk { url: url.clone(), fetched_at: *fetched_at, max_age_s: *max_age_s, pem };
        let text = serde_json::to_vec(&on_disk)?;
        if text.len() > MAX_FILE_LEN {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let name = files::name_of(url);
        // One at a time: a URL may be fetched again before the first time is on disk.
        let mut known = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files::replace(&self.dir, &name, &text)?;
        if !known.known.insert(name.clone()) {
            known.order.retain(|other| *other != name);
        }
        known.order.push_back(name);
        while known.order.len() > MAX_FILES {
            if let Some(oldest) = known.order.pop_front() {
                known.known.remove(&oldest);
                fs::remove_file(self.dir.join(oldest))?;
            }
        }
        Ok(())
    }

    /// Of our files, the oldest first. What a crash left half-written is deleted.
    fn names(&self) -> io::Result<Vec<String>> {
        match fs::DirBuilder::new().mode(0o700).create(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let mut found: Vec<(SystemTime, String)> = Vec::new();
        for entry in fs::read_dir(&self.dir)?.take(MAX_ENTRIES) {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.ends_with(files::UNFINISHED) {
                fs::remove_file(entry.path())?;
            } else if name.ends_with(".json") {
                found.push((entry.metadata()?.modified()?, name));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, name)| name).collect())
    }
}

fn read_file(path: &Path, name: &str) -> io::Result<Shelved> {
    let damaged = || io::Error::from(io::ErrorKind::InvalidData);
    let text = files::read(path, MAX_FILE_LEN)?;
    let OnDisk { url, fetched_at, max_age_s, pem } = serde_json::from_slice(&text).map_err(|_| damaged())?;
    if files::name_of(&url) != name {
        return Err(damaged());
    }
    Ok(Shelved { url, fetched_at, max_age_s, body: pem.into_bytes() })
}

/// Some 16 MB at the usual 2 to 4 KB.
const MAX_FILES: usize = 4096;

/// The longest body as JSON, with its URL.
const MAX_FILE_LEN: usize = 80 * 1024;

/// How far a folder that somebody filled is read.
const MAX_ENTRIES: usize = 4 * MAX_FILES;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn shelved(number: usize) -> Shelved {
        let url = format!("https://cr.example.com/{number}.pem");
        Shelved { url, fetched_at: 7, max_age_s: Some(9), body: b"PEM\n".to_vec() }
    }

    fn read(dir: &Path) -> Vec<Shelved> {
        let mut all = Vec::new();
        Shelf::new(dir.to_owned()).read(7, |shelved| {
            all.push(shelved.clone());
            Ok(())
        });
        all
    }

    #[test]
    fn what_is_put_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("new");
        assert_eq!(read(&dir), []);
        let shelf = Shelf::new(dir.clone());
        shelf.put(&shelved(1));
        shelf.put(&Shelved { max_age_s: None, ..shelved(1) });
        assert_eq!(read(&dir), [Shelved { max_age_s: None, ..shelved(1) }]);
        let file = fs::read_dir(&dir).unwrap().next().unwrap().unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn what_is_no_good_is_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(dir.path().to_owned());
        (0..5).for_each(|number| shelf.put(&shelved(number)));
        let path = |number| dir.path().join(files::name_of(&shelved(number).url));
        fs::write(path(0), "{").unwrap();
        fs::rename(path(1), dir.path().join("0.json")).unwrap();
        fs::write(dir.path().join("1.json.new"), "torn").unwrap();
        fs::write(path(2), vec![b' '; MAX_FILE_LEN + 1]).unwrap();
        fs::remove_file(path(3)).unwrap();
        std::os::unix::fs::symlink(path(4), path(3)).unwrap();
        assert_eq!(read(dir.path()), [shelved(4)]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let refusing = Shelf::new(dir.path().to_owned());
        assert_eq!(refusing.read(7, |_| Err(Error::CertUntrusted)), 0);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "another trust may take it");
        assert_eq!(refusing.read(7, |_| Err(Error::CertExpired { not_after: 6 })), 0);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn there_are_only_so_many() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(dir.path().to_owned());
        {
            let mut files = shelf.files.lock().unwrap();
            for number in 0..MAX_FILES {
                let name = files::name_of(&shelved(number).url);
                fs::write(dir.path().join(&name), "").unwrap();
                files.known.insert(name.clone());
                files.order.push_back(name);
            }
        }
        let is_there = |number| dir.path().join(files::name_of(&shelved(number).url)).exists();
        shelf.put(&shelved(0));
        assert!(is_there(0) && is_there(1), "it was there already, and is the newest now");
        shelf.put(&shelved(MAX_FILES));
        assert!(is_there(0) && !is_there(1) && is_there(MAX_FILES));
    }
}
