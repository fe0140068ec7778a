//! Why a socket cannot be listened on.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::MAX_PATH_LEN;

/// Why a socket cannot be listened on. Nothing at its place has changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListenError {
    /// The path is relative, names an abstract socket, or ends in no file name.
    NotAbsolute {
        /// The path.
        path: PathBuf,
    },
    /// The path does not fit into a socket address.
    PathTooLong {
        /// The path.
        path: PathBuf,
        /// Its length.
        len_bytes: usize,
    },
    /// The mode has other bits than permissions.
    BadMode {
        /// The mode.
        mode: u32,
    },
    /// The system knows no such group.
    UnknownGroup {
        /// Its name.
        name: String,
    },
    /// Something that is not a socket is at the path.
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// Someone listens on the socket at the path.
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// The address is taken, or not of this machine.
    Address {
        /// The address.
        address: SocketAddr,
        /// What the system answered.
        source: io::Error,
    },
    /// A socket that was handed over is not the one of the configuration.
    Elsewhere {
        /// Where the configuration has it.
        expected: String,
        /// Where it is.
        found: String,
    },
    /// What was handed over is no set of sockets for this daemon.
    HandedOver {
        /// What is wrong with it.
        why: String,
    },
    /// The system gives no random bytes, and a door keeps secrets.
    NoRandomness,
    /// A step failed.
    Io {
        /// What was tried: `bind to`, `create`, ...
        action: &'static str,
        /// On which file, or group.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAbsolute { path } => write!(
                f,
                "{:?} is not the absolute path of a socket file; abstract sockets are refused, as they have \
                 no mode or owner",
                path.display()
            ),
            Self::PathTooLong { path, len_bytes } => write!(
                f,
                "the socket path {} has {len_bytes} bytes, more than the limit of {MAX_PATH_LEN}; choose a \
                 shorter one",
                path.display()
            ),
            Self::BadMode { mode } => {
                write!(f, "the socket mode {mode:#o} has bits other than permissions; 0o660 is usual")
            }
            Self::UnknownGroup { name } => {
                write!(f, "there is no group {name:?}; create it, or give its number")
            }
            Self::NotASocket { path } => write!(
                f,
                "{} exists and is not a socket; move it away or choose another path",
                path.display()
            ),
            Self::InUse { path } => write!(
                f,
                "another process listens on {}; stop that one or choose another path",
                path.display()
            ),
            Self::Address { address, source } => write!(
                f,
                "cannot listen on {address}: {source}; choose an address of this machine and a port that nobody \
                 uses"
            ),
            Self::Elsewhere { expected, found } => write!(
                f,
                "the socket that was handed over is at {found}, but the configuration has {expected}; make them \
                 the same"
            ),
            Self::NoRandomness => f.write_str("the system gives no random bytes; see to its getrandom(2)"),
            Self::HandedOver { why } => write!(f, "of the sockets that were handed over, {why}"),
            Self::Io { action, path, source } => {
                write!(f, "cannot {action} {}: {source}", path.display())
            }
        }
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::Address { source, .. } => Some(source),
            _ => None,
        }
    }
}
