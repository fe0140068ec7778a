//! What the system does for us that has no safe spelling: the one place of the daemon with unsafe code.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use memmap2::Mmap;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The bytes of a file, without reading it.
#[derive(Debug)]
pub(crate) struct Mapped(Mmap);

impl Mapped {
    /// The file at `path`, which is replaced by renaming and never changed where it is.
    ///
    /// # Errors
    /// That of the file system; [`io::ErrorKind::PermissionDenied`] if the file is none, or if others
    /// than its owner may write to it, or if that owner is neither this user nor root.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let facts = file.metadata()?;
        let owners = [0, rustix::process::geteuid().as_raw()];
        if !facts.is_file() || facts.mode() & 0o022 != 0 || !owners.contains(&facts.uid()) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        // SAFETY: the bytes must not change while they are borrowed. Only this user and root can write
        // to the file, and `snapshot::write` never writes to a file that has its name already. Readers
        // take integers out of the bytes and check each place they go to, so that another's value
        // cannot lead them elsewhere.
        #[expect(unsafe_code, reason = "the compiled policy is used where it lies in its file")]
        let map = unsafe { Mmap::map(&file) }?;
        Ok(Self(map))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Returns after the device has taken `len_bytes` of `file` from `offset_bytes` on. They are in its cache,
/// and how long the file is may be known to nobody: durable they are after an fdatasync only. Unlike one,
/// it neither empties that cache nor has the file system commit its journal, for which the syncs of other
/// files would wait.
///
/// # Errors
/// That of the device. A later fdatasync need not tell it again, so the file must not be used.
pub(crate) fn write_out(file: &File, offset_bytes: u64, len_bytes: u64) -> io::Result<()> {
    let offset = offset_bytes.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
    let len = len_bytes.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
    let all =
        libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    // SAFETY: it takes no memory of ours, and the descriptor is open as long as `file` is borrowed.
    #[expect(unsafe_code, reason = "no safe wrapper of sync_file_range is kept up")]
    let outcome = unsafe { libc::sync_file_range(file.as_raw_fd(), offset, len, all) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Has the runtime wait for what `interest` says of `stream`, which does not block, and for nothing else.
/// Called within a tokio runtime.
///
/// # Errors
/// Those of epoll_ctl(2).
pub(crate) fn watch(stream: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    // SAFETY: the stream owns its descriptor, of which it tells the same number until it is dropped, and
    // nobody can close it before: `AsyncFd` owns the stream and gives it back only when it is through with it.
    // Nobody exchanges the stream within by `get_mut`.
    #[expect(unsafe_code, reason = "tokio's own type for such streams waits for both directions")]
    let watched = unsafe { AsyncFd::register_with_interest(stream, interest) };
    watched.map_err(|error| error.into_parts().1)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_cannot_be_written_out_is_told() {
        let file = tempfile::tempfile().unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"bytes", 0).unwrap();
        write_out(&file, 0, 5).unwrap();
        assert_eq!(write_out(&file, u64::MAX, 1).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let (pipe, _writer) = io::pipe().unwrap();
        let pipe = File::from(std::os::fd::OwnedFd::from(pipe));
        assert_eq!(write_out(&pipe, 0, 1).unwrap_err().raw_os_error(), Some(libc::ESPIPE));
    }

    #[test]
    fn only_files_that_nobody_else_can_change_are_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "bytes").unwrap();
        for (mode, is_taken) in [(0o600, true), (0o644, true), (0o620, false), (0o602, false)] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(Mapped::open(&path).is_ok_and(|bytes| &*bytes == b"bytes"), is_taken, "{mode:o}");
        }
        assert!(Mapped::open(dir.path()).is_err());
        assert_eq!(Mapped::open(&dir.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
