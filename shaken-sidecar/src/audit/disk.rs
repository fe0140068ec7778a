//! The few things that the log asks of a file system, so that tests can put one beneath it that
//! fails at any call or loses power at any moment. [`Folder`] is the only one outside tests.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FallocateFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::os;

/// One directory of files that are written at offsets. No call is repeated in here: what to do about
/// an interrupted or failed one is the caller's business.
pub(super) trait Disk: Clone + Send + 'static {
    /// An open file.
    type File: DiskFile;

    /// The names in the directory.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Makes a file of mode 0600 that was not there before.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Opens a regular file for reading and writing, never through a symbolic link.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Gives a file another name, in place of whatever had that name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Returns after all changes of names are durable.
    fn sync(&self) -> io::Result<()>;

    /// Whether `name` leads to `file`, and the directory to itself: not moved away, not deleted.
    fn holds(&self, name: &str, file: &Self::File) -> io::Result<bool>;
}

/// A file of a [`Disk`].
pub(super) trait DiskFile: Send + Sync + 'static {
    /// Reads some bytes from `offset_bytes` on; none at the end of the file.
    fn read_at(&self, bytes: &mut [u8], offset_bytes: u64) -> io::Result<usize>;

    /// Writes some of `bytes`, at least one.
    fn write_at(&mut self, bytes: &[u8], offset_bytes: u64) -> io::Result<usize>;

    /// Returns after all that was written is durable, and can be found by the file's length.
    fn sync(&mut self) -> io::Result<()>;

    /// Returns after the device has taken `len_bytes` from `offset_bytes` on, which were written. They are
    /// not durable by that. After an error the file must not be used.
    fn write_out(&mut self, offset_bytes: u64, len_bytes: u64) -> io::Result<()>;

    /// Length of the file.
    fn len_bytes(&self) -> io::Result<u64>;

    /// Cuts the file, or lengthens it with zeros.
    fn set_len(&mut self, len_bytes: u64) -> io::Result<()>;

    /// Takes room on the disk for `len_bytes`.
    fn allocate(&mut self, len_bytes: u64) -> io::Result<()>;
}

/// A directory of the operating system.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Shared by duplicates of the descriptor, as the preparing thread needs one too.
    dir: std::sync::Arc<OwnedFd>,
    access: OFlags,
}

impl Folder {
    /// The directory at `path`, which exists.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::open_for(path, OFlags::RDWR)
    }

    /// The directory at `path`, whose files may be such that they cannot be written.
    pub(super) fn open_to_read(path: &Path) -> io::Result<Self> {
        Self::open_for(path, OFlags::RDONLY)
    }

    fn open_for(path: &Path, access: OFlags) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self { path: path.to_owned(), dir: dir.into(), access })
    }

    fn open_file(&self, name: &str, flags: OFlags) -> io::Result<File> {
        let flags = self.access | OFlags::NOFOLLOW | OFlags::CLOEXEC | flags;
        let file = File::from(rustix::fs::openat(&self.dir, name, flags, Mode::RUSR | Mode::WUSR)?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(Errno::ISDIR.into()) }
    }
}

impl Disk for Folder {
    type File = File;

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            // A name that is not text is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<File> {
        self.open_file(name, OFlags::CREATE | OFlags::EXCL)
    }

    fn open(&self, name: &str) -> io::Result<File> {
        self.open_file(name, OFlags::empty())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.dir, from, &self.dir, to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.dir, name, AtFlags::empty())?)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.dir)?)
    }

    fn holds(&self, name: &str, file: &File) -> io::Result<bool> {
        let ours = file.metadata()?;
        if ours.nlink() == 0 {
            return Ok(false);
        }
        let named = match rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(false),
            outcome => outcome?,
        };
        let dir = rustix::fs::fstat(&self.dir)?;
        let at_path = match std::fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            outcome => outcome?,
        };
        Ok((named.st_dev, named.st_ino) == (ours.dev(), ours.ino())
            && (dir.st_dev, dir.st_ino) == (at_path.dev(), at_path.ino()))
    }
}

impl DiskFile for File {
    fn read_at(&self, bytes: &mut [u8], offset_bytes: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, bytes, offset_bytes)
    }

    fn write_at(&mut self, bytes: &[u8], offset_bytes: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(self, bytes, offset_bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        // Not File::sync_data, which repeats an interrupted call unseen.
        Ok(rustix::fs::fdatasync(&*self)?)
    }

    fn write_out(&mut self, offset_bytes: u64, len_bytes: u64) -> io::Result<()> {
        os::write_out(self, offset_bytes, len_bytes)
    }

    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_len(&mut self, len_bytes: u64) -> io::Result<()> {
        Self::set_len(self, len_bytes)
    }

    fn allocate(&mut self, len_bytes: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&*self, FallocateFlags::empty(), 0, len_bytes) {
            // Not every file system can; there the room is taken by filling it.
            Err(Errno::OPNOTSUPP) => {
                let zeros = vec![0; 1 << 16];
                let mut offset = 0;
                while offset < len_bytes {
                    let len = zeros.len().min(usize::try_from(len_bytes - offset).unwrap_or(usize::MAX));
                    self.write_all_at(&zeros[..len], offset)?;
                    offset += len as u64;
                }
                Ok(())
            }
            outcome => Ok(outcome?),
        }
    }
}

/// Repeats a call that a signal interrupted: nothing was done then, and nothing is known to be lost.
pub(super) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// Writes all of `bytes`, however many calls it takes.
pub(super) fn write_all_at(
    file: &mut impl DiskFile,
    mut bytes: &[u8],
    mut offset_bytes: u64,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let len = uninterrupted(|| file.write_at(bytes, offset_bytes))?;
        if len == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[len..];
        offset_bytes += len as u64;
    }
    Ok(())
}

/// A file read from front to back.
pub(super) struct Reader<'a, F> {
    pub(super) file: &'a F,
    pub(super) offset_bytes: u64,
}

impl<F: DiskFile> io::Read for Reader<'_, F> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let len = self.file.read_at(bytes, self.offset_bytes)?;
        self.offset_bytes += len as u64;
        Ok(len)
    }
}
