//! The file of a Unix socket: how it comes to be at its path, and how it goes.

use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use ring::rand::SystemRandom;
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::{Group, ListenError};

/// A socket file that was made here. Dropping it removes the file, unless another one has taken its
/// path.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    inode: Inode,
}

impl SocketFile {
    /// Binds and listens in a directory of mode 0700 beside `path`, sets mode and group there, and
    /// moves the finished socket to `path`. So it is never there with other rights than asked for, and
    /// never there without accepting: two processes that start at once cannot take each other's fresh
    /// socket for a stale one.
    pub(super) fn create(
        path: &Path,
        mode: u32,
        group: Option<&Group>,
    ) -> Result<(UnixListener, Self), ListenError> {
        let (Some(parent), Some(name), true) = (path.parent(), path.file_name(), path.is_absolute()) else {
            return Err(ListenError::NotAbsolute { path: path.to_owned() });
        };
        let len_bytes = path.as_os_str().len();
        if len_bytes > MAX_PATH_LEN {
            return Err(ListenError::PathTooLong { path: path.to_owned(), len_bytes });
        }
        if mode & !0o777 != 0 {
            return Err(ListenError::BadMode { mode });
        }
        let gid = group.map(gid_of).transpose()?;

        let mut staging = Staging::new(parent, Path::new(name))?;
        let file = staging.file.clone();
        let listener = UnixListener::bind(&file).map_err(io_error("bind to", path))?;
        let metadata = fs::symlink_metadata(&file).map_err(io_error("look at", path))?;
        let inode = Inode::of(&metadata);
        staging.removable = Some(inode);
        if gid.is_some() {
            chown(&file, None, gid).map_err(io_error("set the group of", path))?;
        }
        fs::set_permissions(&file, Permissions::from_mode(mode))
            .map_err(io_error("set the mode of", path))?;
        staging.publish(path)?;
        Ok((listener, Self { path: path.to_owned(), inode }))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.inode.remove_at(&self.path);
    }
}

/// A look at the place where clients look for a socket.
#[derive(Clone, Debug)]
pub struct SocketWatch {
    path: PathBuf,
    inode: Option<Inode>,
}

impl SocketWatch {
    pub(super) fn of(path: &Path) -> Self {
        let inode = fs::symlink_metadata(path).ok().map(|metadata| Inode::of(&metadata));
        Self { path: path.to_owned(), inode }
    }

    /// Whether what was there is there still, so that clients can connect.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.inode.is_some() && Self::of(&self.path).inode == self.inode
    }
}

/// The private directory in which a socket is made ready.
struct Staging {
    dir: PathBuf,
    file: PathBuf,
    /// The only thing that may be deleted in it.
    removable: Option<Inode>,
}

impl Staging {
    fn new(parent: &Path, name: &Path) -> Result<Self, ListenError> {
        // The name is random, for a killed process may have left its own behind.
        let random: [u8; 4] = ring::rand::generate(&SystemRandom::new())
            .map_err(|_| io::Error::other("the system gives no random bytes"))
            .map_err(io_error("name a directory in", parent))?
            .expose();
        let dir = parent.join(format!(".{:08x}", u32::from_ne_bytes(random)));
        DirBuilder::new().mode(0o700).create(&dir).map_err(io_error("create a directory in", parent))?;
        Ok(Self { file: dir.join(name), dir, removable: None })
    }

    /// Moves the socket to `path`, in the place of a stale one if there is one.
    fn publish(&mut self, path: &Path) -> Result<(), ListenError> {
        match renameat_with(CWD, &self.file, CWD, path, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(io_error("create", path)(errno.into())),
        }
        self.take_the_place_of(&StaleSocket::at(path)?, path)
    }

    /// The stale file is swapped out, not deleted: only here, where nobody else comes, is it certain
    /// that what will be deleted is what was looked at.
    fn take_the_place_of(&mut self, stale: &StaleSocket, path: &Path) -> Result<(), ListenError> {
        let swap = || {
            renameat_with(CWD, &self.file, CWD, path, RenameFlags::EXCHANGE)
                .map_err(|errno| io_error("replace", path)(errno.into()))
        };
        swap()?;
        let swapped_out = fs::symlink_metadata(&self.file).map_err(io_error("look at", path))?;
        if Inode::of(&swapped_out) != stale.inode {
            swap()?;
            return Err(ListenError::InUse { path: path.to_owned() });
        }
        self.removable = Some(stale.inode);
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Some(inode) = self.removable {
            inode.remove_at(&self.file);
        }
        // Stays if something is in it that is not ours to delete.
        let _ = fs::remove_dir(&self.dir);
    }
}

/// A file, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Inode {
    device: u64,
    number: u64,
}

impl Inode {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), number: metadata.ino() }
    }

    /// Removes the file at `path` if it is this one. Best effort: what stays is replaced as stale by
    /// the next start.
    fn remove_at(self, path: &Path) {
        if fs::symlink_metadata(path).is_ok_and(|metadata| Self::of(&metadata) == self) {
            let _ = fs::remove_file(path);
        }
    }
}

/// A socket file on which nobody accepts.
struct StaleSocket {
    inode: Inode,
    /// While this is open, no new file can get the inode number.
    _pin: File,
}

impl StaleSocket {
    fn at(path: &Path) -> Result<Self, ListenError> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let pin = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|errno| io_error("look at", path)(errno.into()))?;
        let pin = File::from(pin);
        let metadata = pin.metadata().map_err(io_error("look at", path))?;
        if !metadata.file_type().is_socket() {
            return Err(ListenError::NotASocket { path: path.to_owned() });
        }
        // Without waiting: a listener that hangs with a full backlog is alive too.
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let answer = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
            .and_then(|probe| connect(&probe, &SocketAddrUnix::new(path)?));
        match answer {
            Err(Errno::CONNREFUSED) => Ok(Self { inode: Inode::of(&metadata), _pin: pin }),
            Ok(()) | Err(Errno::AGAIN) => Err(ListenError::InUse { path: path.to_owned() }),
            Err(errno) => Err(io_error("tell whether anyone listens on", path)(errno.into())),
        }
    }
}

fn gid_of(group: &Group) -> Result<u32, ListenError> {
    let name = match group {
        Group::Id(gid) => return Ok(*gid),
        Group::Name(name) => name,
    };
    match nix::unistd::Group::from_name(name) {
        Ok(Some(found)) => Ok(found.gid.as_raw()),
        Ok(None) => Err(ListenError::UnknownGroup { name: name.clone() }),
        Err(errno) => Err(io_error("look up the group", Path::new(name))(errno.into())),
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ListenError {
    move |source| ListenError::Io { action, path: path.to_owned(), source }
}

/// Longest path of a socket: the 107 bytes of `sockaddr_un` less what the private directory adds.
pub const MAX_PATH_LEN: usize = 107 - "/.01234567".len();

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn staging(dir: &Path) -> (UnixListener, Staging) {
        let mut staging = Staging::new(dir, Path::new("shaken.sock")).unwrap();
        let listener = UnixListener::bind(&staging.file).unwrap();
        staging.removable = Some(Inode::of(&fs::symlink_metadata(&staging.file).unwrap()));
        (listener, staging)
    }

    /// Between the look at a stale socket and the swap someone else may take its path.
    #[test]
    fn who_came_in_between_keeps_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shaken.sock");
        let (_listener, mut late) = staging(dir.path());
        drop(UnixListener::bind(&path).unwrap());
        let stale = StaleSocket::at(&path).unwrap();

        let (live, mut quick) = staging(dir.path());
        quick.publish(&path).unwrap();
        drop(quick);
        let refused = late.take_the_place_of(&stale, &path).unwrap_err();
        assert!(matches!(refused, ListenError::InUse { .. }), "{refused}");
        UnixStream::connect(&path).unwrap();
        live.set_nonblocking(true).unwrap();
        live.accept().unwrap();

        fs::remove_file(&path).unwrap();
        fs::write(&path, "keep me").unwrap();
        late.take_the_place_of(&stale, &path).unwrap_err();
        drop(late);
        assert_eq!(fs::read_to_string(&path).unwrap(), "keep me");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "the private directories are gone");
    }
}
