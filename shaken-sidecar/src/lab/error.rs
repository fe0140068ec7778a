//! What can go wrong with a lab, and what to do next.

use core::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a lab could not be made, opened or served.
#[derive(Debug)]
#[non_exhaustive]
pub enum LabError {
    /// The service provider code is not 1 to 57 digits and upper-case letters.
    SpcInvalid {
        /// The code as given.
        spc: String,
    },
    /// A number for a TNAuthList is not 1 to 15 of `0-9`, `#` and `*`, or starts a range and is
    /// not all digits.
    NumberInvalid,
    /// A number range counts less than 2, or leaves the numbers of its length.
    RangeInvalid {
        /// The count as given.
        count: u64,
    },
    /// The host name is not one that a certificate URL may have, in lower case.
    HostInvalid {
        /// The name as given.
        host: String,
    },
    /// The directory holds a lab already.
    Exists {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory holds files that are not a lab.
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory holds no `shaken.toml`.
    NotALab {
        /// The directory.
        dir: PathBuf,
    },
    /// The path of the directory is not UTF-8, and a TOML file can hold no other.
    PathNotUtf8 {
        /// The directory.
        dir: PathBuf,
    },
    /// The path of the socket would be longer than a Unix socket's can be.
    PathTooLong {
        /// The path that the socket would have.
        socket: PathBuf,
    },
    /// `shaken.toml` does not say what a lab needs to know.
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        reason: String,
    },
    /// A file or directory could not be read or written.
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that must hold PEM certificates and nothing else holds none, or something else.
    NotCertificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: shaken_core::Error,
    },
    /// A file that must hold a PEM private key holds none.
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// The given time leaves no room for certificates: before 1970, or near the year 9999.
    TimeOutOfRange,
    /// The system gave no random bytes.
    RandomUnavailable,
    /// A certificate could not be made.
    Issue {
        /// What the certificate library said.
        source: rcgen::Error,
    },
    /// The TLS certificate and key of the repository do not work.
    Tls {
        /// What the TLS library said.
        source: rustls::Error,
    },
    /// The repository was asked to listen beyond this machine.
    NotLoopback {
        /// The address as given.
        address: SocketAddr,
    },
    /// The repository could not listen.
    Bind {
        /// The address as given.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SpcInvalid { spc } => write!(
                f,
                "{spc:?} is no service provider code: give 1 to 57 digits and upper-case letters, such as LAB0"
            ),
            // The number itself stays out: error texts reach logs.
            Self::NumberInvalid => write!(
                f,
                "a number in a TNAuthList is not 1 to 15 of 0-9, # and * (the start of a range: digits only): \
                 write it with country code and without +"
            ),
            Self::RangeInvalid { count } => write!(
                f,
                "a number range of {count} is impossible: count at least 2, and so few that start + count has \
                 as many digits as start (RFC 8226 section 9)"
            ),
            Self::HostInvalid { host } => write!(
                f,
                "{host:?} cannot be the repository's host: give a DNS name of two or more lower-case labels, \
                 such as cr.lab.example"
            ),
            Self::Exists { dir } => write!(
                f,
                "{} holds a lab already, and its keys are not overwritten: serve that lab, or delete the \
                 directory, or give another one",
                dir.display()
            ),
            Self::NotEmpty { dir } => write!(
                f,
                "{} is not empty: give a directory that is empty or does not exist yet",
                dir.display()
            ),
            Self::NotALab { dir } => write!(
                f,
                "{} holds no lab (no shaken.toml in it): make one with `shaken lab init`, in a directory that \
                 is empty or does not exist yet",
                dir.display()
            ),
            Self::PathNotUtf8 { dir } => write!(
                f,
                "the path {} is not UTF-8, so shaken.toml could not name the files in it: give another \
                 directory",
                dir.display()
            ),
            Self::PathTooLong { socket } => write!(
                f,
                "the socket {} would have a longer path than the {MAX_SOCKET_PATH_BYTES} bytes of a Unix \
                 socket: give a directory with a shorter path",
                socket.display()
            ),
            Self::Config { path, reason } => write!(
                f,
                "{} does not describe a lab: {reason}; correct it, or make a new lab in another directory",
                path.display()
            ),
            Self::Io { path, source } => {
                let advice = match source.kind() {
                    io::ErrorKind::NotFound => {
                        ": make the directory that should hold it, or a new lab if it was one of its files"
                    }
                    io::ErrorKind::PermissionDenied => ": run as the user who owns the lab",
                    io::ErrorKind::NotADirectory => ": give the path of a directory",
                    _ => "",
                };
                write!(f, "{}: {source}{advice}", path.display())
            }
            Self::NotCertificates { path, source } => write!(
                f,
                "{} must hold PEM certificates and nothing else, least of all a private key ({}): make a new \
                 lab in another directory",
                path.display(),
                source.name()
            ),
            Self::NotAKey { path } => {
                write!(f, "{} holds no PEM private key: make a new lab in another directory", path.display())
            }
            Self::TimeOutOfRange => {
                write!(f, "certificates cannot be made for the time of this machine's clock: set the clock")
            }
            Self::RandomUnavailable => write!(
                f,
                "the system gave no random bytes for keys and serial numbers: check that getrandom(2) works here"
            ),
            Self::Issue { source } => write!(
                f,
                "a certificate could not be made ({source}): report this with the options that were given"
            ),
            Self::Tls { source } => write!(
                f,
                "tls-server.pem and tls-server.key do not work together ({source}): make a new lab in another \
                 directory"
            ),
            Self::NotLoopback { address } => write!(
                f,
                "the lab's repository does not listen on {address}: its keys prove nothing, so it stays on this \
                 machine; give a loopback address such as 127.0.0.1:{}",
                address.port()
            ),
            Self::Bind { address, source } => {
                let advice = match source.kind() {
                    io::ErrorKind::AddrInUse => {
                        ": stop what listens there, or change the port under [fetch.lab] in shaken.toml"
                    }
                    io::ErrorKind::PermissionDenied => {
                        ": choose a port from 1024 up, under [fetch.lab] in shaken.toml"
                    }
                    _ => "",
                };
                write!(f, "cannot listen on {address}: {source}{advice}")
            }
        }
    }
}

// No `source`: each text already says what lies beneath it.
impl std::error::Error for LabError {}

impl From<rcgen::Error> for LabError {
    fn from(source: rcgen::Error) -> Self {
        Self::Issue { source }
    }
}

/// What `sun_path` holds beside its closing zero byte (unix(7)).
pub(super) const MAX_SOCKET_PATH_BYTES: usize = 107;
