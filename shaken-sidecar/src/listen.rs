//! The Unix-socket listener: who may connect, how many at once, and how it ends.
//!
//! In: a path, a file mode and a group. Out: each connection with the [`Peer`] behind it, handed to a
//! handler. Knows nothing of what is spoken on the socket.
//!
//! The file's mode and group are the access control, so nothing here reads a byte. Abstract sockets,
//! which have neither, are refused.

mod error;
mod socket_file;

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{JoinError, JoinSet};

pub use error::ListenError;

pub use socket_file::MAX_PATH_LEN;
use socket_file::SocketFile;

/// The process at the other end of a connection, as the kernel knew it when it connected
/// (`SO_PEERCRED`): not forgeable by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Process id; `None` when the process is in a PID namespace that is not visible from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
}

impl Peer {
    fn of(stream: &UnixStream) -> io::Result<Self> {
        let cred = stream.peer_cred()?;
        let pid = cred.pid().and_then(|pid| u32::try_from(pid).ok()).filter(|&pid| pid != 0);
        Ok(Self { uid: cred.uid(), gid: cred.gid(), pid })
    }
}

/// The group that a socket file is given to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Group {
    /// By name, looked up in the system's group database.
    Name(String),
    /// By number.
    Id(u32),
}

/// A bound Unix socket that accepts connections. The file goes away when this is dropped or
/// [`serve`](Self::serve) ends, if it is still the one that was made here.
#[derive(Debug)]
pub struct UnixListen {
    // Before the listener: while that is open, no other file can get the inode number.
    file: SocketFile,
    listener: UnixListener,
    max_connections: NonZeroUsize,
}

impl UnixListen {
    /// Binds to `path` and listens. The file appears there with `mode` (permission bits, such as
    /// `0o660`) and `group` already set and connections already accepted: there is no moment in which
    /// it is wider, or is there and refuses.
    ///
    /// A socket file that nobody listens on, as a killed process leaves it, is replaced. Anything
    /// else at `path` stays as it is. `path` is absolute and at most [`MAX_PATH_LEN`] bytes long, in a directory that
    /// exists and may be written; a symbolic link at `path` is not followed.
    ///
    /// Called within a tokio runtime.
    ///
    /// # Errors
    /// [`ListenError::NotAbsolute`] (also for `@name`, an abstract socket), [`ListenError::PathTooLong`]
    /// and [`ListenError::BadMode`] for the arguments; [`ListenError::UnknownGroup`];
    /// [`ListenError::InUse`] when someone listens there; [`ListenError::NotASocket`] when another kind
    /// of file is there; [`ListenError::Io`] when a step fails.
    pub fn bind(path: &Path, mode: u32, group: Option<&Group>) -> Result<Self, ListenError> {
        let (listener, file) = SocketFile::create(path, mode, group)?;
        let io_error = |source| ListenError::Io { action: "listen on", path: path.to_owned(), source };
        listener.set_nonblocking(true).map_err(io_error)?;
        let listener = UnixListener::from_std(listener).map_err(io_error)?;
        Ok(Self { file, listener, max_connections: MAX_CONNECTIONS })
    }

    /// How many connections may be open at once; 256 unless set. Further clients wait in the kernel's
    /// backlog until one ends, so a connection must not be let idle without a limit by its handler.
    #[must_use]
    pub fn with_max_connections(mut self, max_connections: NonZeroUsize) -> Self {
        self.max_connections = max_connections;
        self
    }

    /// Where the socket is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Accepts connections and runs `handler` for each in a task of its own, until `shutdown`
    /// resolves. Then removes the socket file, closes the socket, and waits up to `drain` for the
    /// running handlers; those that are not done by then are aborted.
    ///
    /// A handler should watch the same shutdown and end idle connections, or it is waited for until
    /// the deadline. A panic in its future ends that connection only. No error of `accept` ends the
    /// loop: when the process is out of file descriptors or memory it pauses, up to 250 ms at a time.
    pub async fn serve<H, F>(self, handler: H, shutdown: impl Future<Output = ()>, drain: Duration) -> Served
    where
        H: Fn(UnixStream, Peer) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { listener, file, max_connections } = self;
        let mut shutdown = pin!(shutdown);
        let mut running = JoinSet::new();
        let mut served = Served::default();
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(ended) = running.join_next() => served.count(&ended),
                accepted = accept(&listener), if running.len() < max_connections.get() => match accepted {
                    Ok((stream, peer)) => {
                        pause = Duration::ZERO;
                        served.accepted += 1;
                        running.spawn(handler(stream, peer));
                    }
                    Err(error) => {
                        served.accept_errors += 1;
                        if pause.is_zero() {
                            tracing::warn!(path = %file.path().display(), %error, "cannot accept a connection");
                        }
                        pause = pause_after(&error, pause);
                        tokio::select! {
                            () = &mut shutdown => break,
                            () = tokio::time::sleep(pause) => {}
                        }
                    }
                }
            }
        }
        // The file first: a client that comes now finds no socket, rather than one that refuses.
        drop(file);
        drop(listener);
        // Past the deadline, dropping the set aborts what is left.
        let _ = tokio::time::timeout(drain, async {
            while let Some(ended) = running.join_next().await {
                served.count(&ended);
            }
        })
        .await;
        served.aborted = running.len();
        served
    }
}

/// What a listener did in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// Connections handed to the handler.
    pub accepted: u64,
    /// Times that accepting failed.
    pub accept_errors: u64,
    /// Connections whose handler panicked.
    pub panicked: u64,
    /// Connections that were still open at the deadline of the drain.
    pub aborted: usize,
}

impl Served {
    fn count(&mut self, ended: &Result<(), JoinError>) {
        if ended.as_ref().is_err_and(JoinError::is_panic) {
            self.panicked += 1;
            tracing::error!("the handler of a connection panicked; the connection is closed");
        }
    }
}

async fn accept(listener: &UnixListener) -> io::Result<(UnixStream, Peer)> {
    let (stream, _) = listener.accept().await?;
    let peer = Peer::of(&stream)?;
    Ok((stream, peer))
}

/// How long to leave `accept` alone. An aborted connection says nothing about the next one; anything
/// else (EMFILE, ENFILE, ENOMEM) stays so for a while, and trying at once would only burn the CPU that
/// running connections need to end.
fn pause_after(error: &io::Error, last: Duration) -> Duration {
    match error.kind() {
        io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => Duration::ZERO,
        _ => (last * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE),
    }
}

/// An SBC opens a few connections and keeps them.
const MAX_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(256).unwrap();

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
