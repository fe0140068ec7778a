//! What was made of a file, kept until the file changes. It is looked at once a second at most.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use quick_cache::sync::Cache;
use zeroize::Zeroizing;

use super::codes::Refusal;
use crate::signing::read_file;

/// What tells one content of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// That of the file at `path`.
    ///
    /// # Errors
    /// [`Refusal::FileUnreadable`], also for what is no file: to open a pipe would block.
    pub(super) fn of(path: &str) -> Result<Self, Refusal> {
        let metadata = fs::metadata(path).map_err(|_| Refusal::FileUnreadable)?;
        if metadata.is_file() { Ok(Self::from(&metadata)) } else { Err(Refusal::FileUnreadable) }
    }

    /// When the file was written, in seconds since 1970.
    pub(super) fn modified_at(&self) -> i64 {
        self.modified.0
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// The bytes of a file of at most `max_bytes`, and its stamp from before they were read, so that a
/// change meanwhile is found by the next look.
///
/// # Errors
/// [`Refusal::FileUnreadable`].
pub(super) fn read(path: &str, max_bytes: usize) -> Result<(Zeroizing<Vec<u8>>, Stamp), Refusal> {
    let stamp = Stamp::of(path)?;
    let bytes = read_file(path, max_bytes).map_err(|_| Refusal::FileUnreadable)?;
    Ok((Zeroizing::new(bytes), stamp))
}

/// Things made of files, by path. Refusals are not kept.
#[derive(Debug)]
pub(super) struct Files<T>(Cache<Box<str>, Kept<T>>);

#[derive(Debug)]
struct Kept<T> {
    made: Arc<T>,
    stamp: Stamp,
    looked_at: i64,
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self { made: Arc::clone(&self.made), ..*self }
    }
}

impl<T> Files<T> {
    pub(super) fn new() -> Self {
        Self(Cache::new(MAX_FILES))
    }

    /// What `make` makes of the file at `path`, or has made of it, at `now` in seconds since 1970.
    ///
    /// # Errors
    /// [`Refusal::FileUnreadable`]; those of `make`.
    pub(super) fn find(
        &self,
        path: &str,
        make: impl FnOnce(&[u8]) -> Result<T, Refusal>,
        now: i64,
    ) -> Result<Arc<T>, Refusal> {
        if let Some(kept) = self.0.get(path) {
            if kept.looked_at == now {
                return Ok(kept.made);
            }
            if Stamp::of(path) == Ok(kept.stamp) {
                let made = Arc::clone(&kept.made);
                self.0.insert(path.into(), Kept { looked_at: now, ..kept });
                return Ok(made);
            }
        }
        let (bytes, stamp) = read(path, MAX_FILE_BYTES)?;
        let made = Arc::new(make(&bytes)?);
        self.0.insert(path.into(), Kept { made: Arc::clone(&made), stamp, looked_at: now });
        Ok(made)
    }
}

/// Keys and chains of an operator; other than URLs, nobody from outside names them.
const MAX_FILES: usize = 256;

/// Longer files are neither keys nor chains.
pub(super) const MAX_FILE_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_once_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let name = path.to_str().unwrap();
        let files = Files::new();
        let find = |now| files.find(name, |bytes| Ok(bytes.to_vec()), now);
        assert_eq!(find(1), Err(Refusal::FileUnreadable));
        fs::write(&path, "one").unwrap();
        let first = find(1).unwrap();
        assert!(Arc::ptr_eq(&first, &find(1).unwrap()) && Arc::ptr_eq(&first, &find(2).unwrap()));
        fs::write(&path, "two").unwrap();
        assert_eq!(*find(2).unwrap(), b"one", "looked at in this second already");
        assert_eq!(*find(3).unwrap(), b"two");
        fs::remove_file(&path).unwrap();
        assert_eq!(find(4), Err(Refusal::FileUnreadable));
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        for path in ["/", "/dev/zero", "/nowhere", ""] {
            assert_eq!(read(path, MAX_FILE_BYTES).map(drop), Err(Refusal::FileUnreadable), "{path}");
        }
    }
}
