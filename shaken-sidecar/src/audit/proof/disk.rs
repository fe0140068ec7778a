//! What publishing asks of a disk, each step by itself, so that tests can stop behind any of them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The steps that make a file durable under its name: write it whole under another name, rename it,
/// sync the directory. Nobody ever sees a part of it.
pub(in crate::audit) trait Disk: Send + 'static {
    /// Makes a directory unless it is there.
    fn make_dir(&mut self, dir: &Path) -> io::Result<()>;

    /// Writes a new file, in place of what has the name, and returns when its bytes are durable. Its
    /// name may not be.
    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Gives a file another name, over what has it.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;

    /// Returns when the names in a directory are durable.
    fn sync_dir(&mut self, dir: &Path) -> io::Result<()>;

    /// Removes a directory and the files in it.
    fn remove_dir(&mut self, dir: &Path) -> io::Result<()>;
}

/// The file system.
#[derive(Debug)]
pub(in crate::audit) struct FileSystem;

impl Disk for FileSystem {
    fn make_dir(&mut self, dir: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        // After a failed fsync the same file would report success for bytes that never reached the disk,
        // so what an interrupted attempt left is not written to again.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn remove_dir(&mut self, dir: &Path) -> io::Result<()> {
        match fs::remove_dir_all(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}
