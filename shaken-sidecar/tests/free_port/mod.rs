//! Ports for servers that a test starts, kills and starts again.

use std::net::{TcpListener, UdpSocket};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that Linux gives to who asks for any (32768 and up): a port that nobody listens at for a
/// moment would be given to another test, or to a client that then reaches itself.
const PORTS: Range<u16> = 16_384..32_768;

/// A port of 127.0.0.1 where nobody is, for TCP and for UDP. No two callers of a process get the same.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    // Processes beside this one begin elsewhere.
    let begin = std::process::id().wrapping_mul(257);
    loop {
        let next = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + u16::try_from(begin.wrapping_add(next) % count).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
