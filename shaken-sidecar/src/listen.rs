//! The listeners: who may connect, how many at once, how long they may do nothing, and how it ends.
//!
//! In: a path, a file mode and a group, or an address. Out: each connection with the [`Client`] behind
//! it, handed to a handler. Knows nothing of what is spoken on the socket.
//!
//! The mode and group of a Unix socket's file are the access control. Abstract sockets, which have
//! neither, are refused. A TCP port has neither too: what is spoken there must ask for a secret, or
//! the port be on loopback.

mod client;
mod error;
mod guard;
mod local_stream;
mod pulse;
mod socket_file;
mod tls;
mod users;

use std::fmt::Display;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::task::{JoinError, JoinSet};

pub use client::{Client, Peer, Remote, is_loopback};
pub use error::ListenError;
pub(crate) use guard::{Guarded, REQUEST_GRACE, Unread};
pub use local_stream::LocalStream;
pub use pulse::Pulse;
pub use socket_file::MAX_PATH_LEN;
use socket_file::SocketFile;
pub use socket_file::SocketWatch;
pub use tls::{ClientCertificates, Tls, TlsError, WithoutCertificate};
pub use users::{Known, Users};

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
    file: Option<SocketFile>,
    listener: UnixListener,
    place: PathBuf,
    max_connections: NonZeroUsize,
    pulse: Pulse,
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
        Self::of(listener, Some(file), path).map_err(io_error)
    }

    /// Goes on with a socket at `path` that somebody else bound and keeps, such as the service manager.
    /// Its file, mode and group are theirs, and stay.
    ///
    /// Called within a tokio runtime.
    ///
    /// # Errors
    /// [`ListenError::Elsewhere`] if it is bound to another path; [`ListenError::Io`].
    pub fn adopt(listener: std::os::unix::net::UnixListener, path: &Path) -> Result<Self, ListenError> {
        let io_error = |source| ListenError::Io { action: "listen on", path: path.to_owned(), source };
        let address = listener.local_addr().map_err(io_error)?;
        if address.as_pathname() != Some(path) {
            let found =
                address.as_pathname().map_or_else(|| "no path".to_owned(), |path| path.display().to_string());
            return Err(ListenError::Elsewhere { expected: path.display().to_string(), found });
        }
        listener.set_nonblocking(true).map_err(io_error)?;
        Self::of(listener, None, path).map_err(io_error)
    }

    fn of(
        listener: std::os::unix::net::UnixListener,
        file: Option<SocketFile>,
        path: &Path,
    ) -> io::Result<Self> {
        let listener = UnixListener::from_std(listener)?;
        let (place, pulse) = (path.to_owned(), Pulse::default());
        Ok(Self { file, listener, place, max_connections: MAX_CONNECTIONS, pulse })
    }

    /// Tells whether the socket can still be found.
    #[must_use]
    pub fn watch(&self) -> SocketWatch {
        SocketWatch::of(&self.place)
    }

    /// Beats while connections are accepted.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
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
        &self.place
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
        H: Fn(LocalStream, Peer) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { file, listener, place, max_connections, pulse } = self;
        let door = Door { listener, place: place.display().to_string(), max_connections, pulse };
        // The file first: a client that comes now finds no socket, rather than one that refuses.
        door.serve(handler, shutdown, || drop(file), drain).await
    }
}

/// A bound TCP port that accepts connections.
#[derive(Debug)]
pub struct TcpListen {
    listener: TcpListener,
    address: SocketAddr,
    pulse: Pulse,
}

impl TcpListen {
    /// Binds to `address` and listens; with port 0 the system picks one. Called within a tokio runtime.
    ///
    /// # Errors
    /// [`ListenError::Address`] when the address is taken or not of this machine.
    pub fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let io_error = |source| ListenError::Address { address, source };
        std::net::TcpListener::bind(address).and_then(Self::of).map_err(io_error)
    }

    /// Goes on with a port at `address` that somebody else bound and keeps, such as the service manager.
    /// Called within a tokio runtime.
    ///
    /// # Errors
    /// [`ListenError::Elsewhere`] if it is bound to another address; [`ListenError::Address`].
    pub fn adopt(listener: std::net::TcpListener, address: SocketAddr) -> Result<Self, ListenError> {
        let adopted = Self::of(listener).map_err(|source| ListenError::Address { address, source })?;
        if adopted.address != address {
            let (expected, found) = (address.to_string(), adopted.address.to_string());
            return Err(ListenError::Elsewhere { expected, found });
        }
        Ok(adopted)
    }

    fn of(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener: TcpListener::from_std(listener)?, address, pulse: Pulse::default() })
    }

    /// Beats while connections are accepted.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As [`UnixListen::serve`], for up to 256 connections at once.
    pub async fn serve<H, F>(self, handler: H, shutdown: impl Future<Output = ()>, drain: Duration) -> Served
    where
        H: Fn(TcpStream, SocketAddr) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { listener, address, pulse } = self;
        let door = Door { listener, place: address, max_connections: MAX_CONNECTIONS, pulse };
        door.serve(handler, shutdown, || {}, drain).await
    }
}

/// What connections come out of, with what is known of who made them.
trait Accept {
    type Stream;
    type From;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Self::From)>>;
}

impl Accept for UnixListener {
    type Stream = LocalStream;
    type From = Peer;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(LocalStream, Peer)>> {
        let (stream, _) = ready!(Self::poll_accept(self, cx))?;
        let peer = Peer::of(&stream)?;
        Poll::Ready(Ok((LocalStream::of(stream)?, peer)))
    }
}

impl Accept for TcpListener {
    type Stream = TcpStream;
    type From = SocketAddr;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let (stream, address) = ready!(Self::poll_accept(self, cx))?;
        // An answer is one small write, and somebody waits for it. Without this it is slower, no more.
        let _ = stream.set_nodelay(true);
        Poll::Ready(Ok((stream, address)))
    }
}

/// What both kinds of listeners do with connections.
struct Door<L, P> {
    listener: L,
    /// For the log.
    place: P,
    max_connections: NonZeroUsize,
    pulse: Pulse,
}

impl<L: Accept, P: Display> Door<L, P> {
    /// `close` is called when nothing more is to be accepted, before the listener goes.
    async fn serve<H, F>(
        self,
        handler: H,
        shutdown: impl Future<Output = ()>,
        close: impl FnOnce(),
        drain: Duration,
    ) -> Served
    where
        H: Fn(L::Stream, L::From) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { listener, place, max_connections, pulse } = self;
        let mut beats = tokio::time::interval(pulse::BEAT);
        let mut shutdown = pin!(shutdown);
        let mut running = JoinSet::new();
        let mut served = Served::default();
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                _ = beats.tick() => pulse.beat(),
                Some(ended) = running.join_next() => served.count(&ended),
                accepted = poll_fn(|cx| listener.poll_accept(cx)), if running.len() < max_connections.get() => match accepted {
                    Ok((stream, from)) => {
                        pause = Duration::ZERO;
                        served.accepted += 1;
                        running.spawn(handler(stream, from));
                    }
                    Err(error) => {
                        served.accept_errors += 1;
                        if pause.is_zero() {
                            tracing::warn!(%place, %error, "cannot accept a connection");
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
        close();
        drop(listener);
        pulse.stop();
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
