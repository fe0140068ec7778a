//! What publishing asks of a disk, each step by itself, so that tests can stop behind any of them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::os::write_out;

/// The steps that make a file durable under its name: write it whole under another name, rename it,
/// sync the directory. Nobody ever sees a part of it.
pub(in crate::audit) trait Disk: Send + 'static {
    /// Makes a directory unless it is there.
    fn make_dir(&mut self, dir: &Path) -> io::Result<()>;

    /// Writes new files, in place of what has their names, and returns when their bytes are durable. Their
    /// names may not be.
    fn write(&mut self, files: &[(PathBuf, Vec<u8>)]) -> io::Result<()>;

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

    fn write(&mut self, files: &[(PathBuf, Vec<u8>)]) -> io::Result<()> {
        files.chunks(MAX_OPEN).try_for_each(|files| {
            let written = files.iter().map(|(path, bytes)| write_new(path, bytes));
            let written = written.collect::<io::Result<Vec<_>>>()?;
            if written.len() < MANY {
                return written.iter().try_for_each(File::sync_all);
            }
            // Each fsync of a new file is a commit of the file system's journal, for which those of the records
            // wait: at 30,000 a second there are 120 such files. So they go to the device one by one, never
            // many in front of the records, which also tells of bytes that do not get there: syncfs does not
            // before Linux 5.8. Then there is one commit.
            written.iter().try_for_each(|file| write_out(file, 0, 0))?;
            Ok(rustix::fs::syncfs(&written[0])?)
        })
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

/// A file that is open, with its bytes not yet durable.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<File> {
    // After a failed fsync the same file would report success for bytes that never reached the disk,
    // so what an interrupted attempt left is not written to again.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    Ok(file)
}

/// From how many files on the whole file system is synced, and what others have written to it too: four
/// thousand records of a checkpoint.
const MANY: usize = 16;

/// How many files are open at a time, which the system limits.
const MAX_OPEN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_files_and_many_are_written_anew() {
        let dir = tempfile::tempdir().unwrap();
        for count in [1, MANY - 1, MANY, MAX_OPEN + MANY + 1] {
            let files = (0..count).map(|i| (dir.path().join(i.to_string()), vec![i as u8; count]));
            let files: Vec<_> = files.collect();
            FileSystem.write(&files).unwrap();
            for (path, bytes) in &files {
                assert_eq!(&fs::read(path).unwrap(), bytes);
            }
            let mut refused = files;
            refused.push((dir.path().join("none/0"), vec![0]));
            assert_eq!(FileSystem.write(&refused).unwrap_err().kind(), io::ErrorKind::NotFound);
        }
    }
}
