//! The directory of a log, and that it has one owner.

use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::{AuditError, io_error};

/// Makes a directory of mode 0700 in one that exists, if it is not there yet.
pub(super) fn create_dir(dir: &Path) -> Result<(), AuditError> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {
            let parent = match dir.parent() {
                Some(parent) if parent != Path::new("") => parent,
                _ => Path::new("."),
            };
            File::open(parent).and_then(|parent| parent.sync_all()).map_err(io_error("sync", parent))
        }
        Err(error) => match error.kind() {
            io::ErrorKind::AlreadyExists => Ok(()),
            io::ErrorKind::NotFound => Err(AuditError::ParentMissing { dir: dir.to_owned() }),
            _ => Err(io_error("create", dir)(error)),
        },
    }
}

/// Opens the directory and holds an exclusive lock on it for as long as the file is open. The lock is
/// on the directory and not on a file in it, for a file can be deleted and made anew under the holder.
pub(super) fn lock_dir(dir: &Path) -> Result<File, AuditError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let lock =
        rustix::fs::open(dir, flags, Mode::empty()).map_err(|errno| io_error("open", dir)(errno.into()))?;
    let lock = File::from(lock);
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(AuditError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io_error("lock", dir)(source)),
    }
}
