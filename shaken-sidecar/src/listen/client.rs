//! Who is at the other end of a connection.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;

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
    pub(super) fn of(stream: &UnixStream) -> io::Result<Self> {
        let cred = stream.peer_cred()?;
        let pid = cred.pid().and_then(|pid| u32::try_from(pid).ok()).filter(|&pid| pid != 0);
        Ok(Self { uid: cred.uid(), gid: cred.gid(), pid })
    }
}

/// Somebody behind a TCP connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// Where the connection comes from.
    pub address: SocketAddr,
    /// The user of the configuration whose secret was given, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Client {
    /// A process of this machine, behind a Unix socket.
    Process(Peer),
    /// Somebody behind a TCP connection.
    Remote(Remote),
}

impl Client {
    /// The user id that the kernel tells, if it tells one.
    #[must_use]
    pub fn uid(&self) -> Option<u32> {
        match self {
            Self::Process(peer) => Some(peer.uid),
            Self::Remote(_) => None,
        }
    }

    /// The user whose secret was given, if one was.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Process(_) => None,
            Self::Remote(remote) => remote.user.as_deref(),
        }
    }

    /// The same client, known as `user` if it came by TCP. A process stays who the kernel says it is.
    #[must_use]
    pub fn known_as(self, user: Option<String>) -> Self {
        match self {
            Self::Process(_) => self,
            Self::Remote(remote) => Self::Remote(Remote { user, ..remote }),
        }
    }
}

impl From<Peer> for Client {
    fn from(peer: Peer) -> Self {
        Self::Process(peer)
    }
}

impl From<SocketAddr> for Client {
    fn from(address: SocketAddr) -> Self {
        Self::Remote(Remote { address, user: None })
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(peer) => write!(f, "uid {}", peer.uid),
            Self::Remote(Remote { address, user: None }) => write!(f, "{address}"),
            Self::Remote(Remote { address, user: Some(user) }) => write!(f, "{user} at {address}"),
        }
    }
}

/// Whether `ip` is of this machine alone. An IPv4 address in IPv6 clothes is that address.
#[must_use]
pub fn is_loopback(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => Ipv4Addr::is_loopback(&ip),
        IpAddr::V6(ip) => ip.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_survive_json_and_are_told_apart() {
        let process = Client::from(Peer { uid: 7, gid: 8, pid: None });
        let remote = Client::from("[::1]:4000".parse::<SocketAddr>().unwrap()).known_as(Some("pbx".into()));
        for (client, json, text) in [
            (process, r#"{"uid":7,"gid":8}"#, "uid 7"),
            (remote, r#"{"address":"[::1]:4000","user":"pbx"}"#, "pbx at [::1]:4000"),
        ] {
            assert_eq!(serde_json::to_string(&client).unwrap(), json);
            assert_eq!(serde_json::from_str::<Client>(json).unwrap(), client);
            assert_eq!(client.to_string(), text);
        }
    }

    #[test]
    fn a_process_cannot_become_a_user() {
        let process = Client::from(Peer { uid: 7, gid: 8, pid: None }).known_as(Some("pbx".into()));
        assert_eq!((process.uid(), process.user()), (Some(7), None));
    }

    #[test]
    fn loopback_in_all_its_spellings() {
        for yes in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(is_loopback(yes.parse().unwrap()), "{yes}");
        }
        for no in ["0.0.0.0", "::", "10.0.0.1", "::ffff:10.0.0.1", "fe80::1"] {
            assert!(!is_loopback(no.parse().unwrap()), "{no}");
        }
    }
}
