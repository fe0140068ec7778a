//! The system's log daemon.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

/// Hands a line over in the form that the C library's `syslog` uses: rsyslog, syslog-ng and journald
/// all read it from their socket, and add time and host.
pub(super) fn send(socket: &Path, line: &str) -> io::Result<()> {
    let datagram = UnixDatagram::unbound()?;
    // A daemon that does not read lets its queue run full.
    datagram.set_write_timeout(Some(TIMEOUT))?;
    datagram.connect(socket)?;
    let message = format!("<{PRIORITY}>shaken[{}]: {line}", std::process::id());
    let sent = datagram.send(message.as_bytes())?;
    if sent == message.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Facility authpriv (10), severity notice (5); RFC 5424 §6.2.1.
const PRIORITY: u8 = 10 * 8 + 5;

const TIMEOUT: Duration = Duration::from_secs(2);
