//! A SIP client of one datagram at a time.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::running::{CALLED, CALLER};

/// A peer with an address of its own.
pub(crate) struct Peer {
    pub(crate) socket: UdpSocket,
}

impl Peer {
    /// At an address of this machine, and talking to that port of it.
    pub(crate) fn new(address: &str, port: u16) -> Self {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { socket }
    }

    pub(crate) fn invite(&self, branch: &str, more: &str) -> String {
        invite(self.socket.local_addr().unwrap(), "UDP", branch, more)
    }

    pub(crate) fn ask(&self, message: &str) -> String {
        self.socket.send(message.as_bytes()).unwrap();
        self.hear().expect("no answer")
    }

    pub(crate) fn hear(&self) -> Option<String> {
        let mut buffer = [0; 65_536];
        let len = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..len].to_vec()).unwrap())
    }

    /// Nothing is said within this time.
    pub(crate) fn hears_nothing(&self, within: Duration) -> bool {
        self.socket.set_read_timeout(Some(within)).unwrap();
        let heard = self.hear();
        self.socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        heard.is_none()
    }
}

pub(crate) fn invite(from: SocketAddr, transport: &str, branch: &str, more: &str) -> String {
    format!(
        "INVITE sip:+{CALLED}@127.0.0.1;user=phone SIP/2.0\r\n\
         Via: SIP/2.0/{transport} {from};branch=z9hG4bK{branch}\r\n\
         Max-Forwards: 70\r\nFrom: \"Ada\" <sip:+{CALLER}@127.0.0.1>;tag=1\r\nTo: <sip:+{CALLED}@127.0.0.1>\r\n\
         Call-ID: {branch}@{from}\r\nCSeq: 1 INVITE\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

/// The value of a header of an answer.
pub(crate) fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}
