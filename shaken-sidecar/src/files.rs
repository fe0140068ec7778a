//! Small files in a folder of the daemon's own: each is replaced as a whole, and read as bytes that
//! somebody else may have put there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

use crate::hex::hex;

/// What a file is called while it is written.
pub(crate) const UNFINISHED: &str = ".new";

/// The file for `url`: URLs do not become paths, or two of them could be one, or lead elsewhere.
pub(crate) fn name_of(url: &str) -> String {
    format!("{}.json", hex(digest(&SHA256, url.as_bytes()).as_ref()))
}

/// After this, what was at `name` in `dir` is there or `bytes`, whole, also after a power cut. Nobody
/// but our user may read it. One caller at a time for each name.
pub(crate) fn replace(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    replace_with(dir, name, |file| file.write_all(bytes))
}

/// As [`replace`], with what `write` writes.
pub(crate) fn replace_with(
    dir: &Path,
    name: &str,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = begin(dir, name)?;
    write(&mut file)?;
    file.sync_all()?;
    finish(dir, name)
}

/// The first half of [`replace`]: an empty file, under the name it has while it is written.
pub(crate) fn begin(dir: &Path, name: &str) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(unfinished(dir, name))
}

/// The second half: what was begun, written and synced takes the place of what is at `name`.
pub(crate) fn finish(dir: &Path, name: &str) -> io::Result<()> {
    fs::rename(unfinished(dir, name), dir.join(name))?;
    File::open(dir)?.sync_all()
}

/// Where the file for `name` is until it is finished.
pub(crate) fn unfinished(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}{UNFINISHED}"))
}

/// The bytes of a file of at most `max_len`. A link, which may lead anywhere, and a pipe, which gives
/// nothing, are [`io::ErrorKind::InvalidData`], as is what is longer.
pub(crate) fn read(path: &Path, max_len: usize) -> io::Result<Vec<u8>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(max_len).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() > max_len { Err(io::ErrorKind::InvalidData.into()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn what_is_put_is_read_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        for bytes in [&b"first and long"[..], b"second", b""] {
            replace(dir.path(), "a", bytes).unwrap();
            assert_eq!(read(&path, 14).unwrap(), bytes);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing unfinished is left");

        replace(dir.path(), "a", b"12345").unwrap();
        assert!(read(&path, 5).is_ok());
        symlink(&path, dir.path().join("link")).unwrap();
        for (name, max_len) in [("a", 4), ("link", 5)] {
            let error = read(&dir.path().join(name), max_len).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{name}");
        }
        assert_eq!(read(&dir.path().join("none"), 5).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
