//! One request and its answer over a Unix socket, until a deadline.

use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, send, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
use serde_json::Value;

use crate::guard::Failure;

/// A path that is one of a socket.
#[derive(Debug)]
pub(super) struct Socket(UnixAddr);

impl Socket {
    /// # Errors
    /// [`Failure::ArgumentInvalid`] for a path that is empty or too long.
    pub(super) fn new(path: &str) -> Result<Self, Failure> {
        if path.is_empty() || path.contains('\0') {
            return Err(Failure::ArgumentInvalid);
        }
        UnixAddr::new(path).map(Self).map_err(|_| Failure::ArgumentInvalid)
    }

    /// Posts `body` and answers what is answered with 200.
    ///
    /// # Errors
    /// [`Failure::DaemonUnreachable`], [`Failure::DaemonDeadline`], [`Failure::DaemonAnswer`];
    /// [`Failure::DaemonRefused`] and [`Failure::DaemonBusy`] by the status.
    pub(super) fn post(&self, path: &str, body: &Value, deadline_ms: u32) -> Result<Value, Failure> {
        let deadline = Deadline(Instant::now() + Duration::from_millis(deadline_ms.into()));
        let mut stream = self.connect(&deadline)?;
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        send_all(&stream, [head, body].concat().as_bytes(), &deadline)?;
        let answer = read_all(&mut stream, &deadline)?;
        let (status, body) = split(&answer).ok_or(Failure::DaemonAnswer)?;
        match status {
            200 => serde_json::from_slice(body).map_err(|_| Failure::DaemonAnswer),
            503 => Err(Failure::DaemonBusy),
            // What it says of a request is for its operator's logs: the host has no other one to send.
            400..500 => Err(Failure::DaemonRefused),
            _ => Err(Failure::DaemonAnswer),
        }
    }

    fn connect(&self, deadline: &Deadline) -> Result<UnixStream, Failure> {
        let unreachable = |_| Failure::DaemonUnreachable;
        let flags = SockFlag::SOCK_CLOEXEC;
        let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(|_| Failure::System)?;
        loop {
            // It waits here while as many connections wait as may.
            let left = deadline.left()?;
            let timeout = TimeVal::new(seconds(left), left.subsec_micros().into());
            setsockopt(&fd, sockopt::SendTimeout, &timeout).map_err(|_| Failure::System)?;
            match connect(fd.as_raw_fd(), &self.0) {
                // A Unix socket is connected at once or not at all, so nothing is under way.
                Err(nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN) => return Err(Failure::DaemonDeadline),
                connected => return connected.map_err(unreachable).map(|()| UnixStream::from(fd)),
            }
        }
    }
}

/// When the answer must be there.
struct Deadline(Instant);

impl Deadline {
    /// # Errors
    /// [`Failure::DaemonDeadline`] if it has passed.
    fn left(&self) -> Result<Duration, Failure> {
        let left = self.0.saturating_duration_since(Instant::now());
        // Below a microsecond it would be no limit at all.
        if left < Duration::from_micros(1) { Err(Failure::DaemonDeadline) } else { Ok(left) }
    }
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

fn send_all(stream: &UnixStream, mut bytes: &[u8], deadline: &Deadline) -> Result<(), Failure> {
    while !bytes.is_empty() {
        stream.set_write_timeout(Some(deadline.left()?)).map_err(|_| Failure::System)?;
        // The standard library's would raise SIGPIPE, which ends a program of C.
        match send(stream.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL) {
            Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => {}
            // It may have answered before it had read all.
            Err(nix::Error::EPIPE | nix::Error::ECONNRESET) => return Ok(()),
            Err(_) => return Err(Failure::DaemonUnreachable),
        }
    }
    Ok(())
}

fn read_all(stream: &mut UnixStream, deadline: &Deadline) -> Result<Vec<u8>, Failure> {
    let mut answer = Vec::new();
    let mut room = [0; 8 * 1024];
    loop {
        stream.set_read_timeout(Some(deadline.left()?)).map_err(|_| Failure::System)?;
        match stream.read(&mut room) {
            Ok(0) => return Ok(answer),
            Ok(len) => answer.extend_from_slice(room.get(..len).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // It has answered, and did not read all of the request.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset && !answer.is_empty() => {
                return Ok(answer);
            }
            Err(_) => return Err(Failure::DaemonUnreachable),
        }
        if answer.len() > MAX_ANSWER_LEN {
            return Err(Failure::DaemonAnswer);
        }
    }
}

/// Status and body of a whole answer, whose length must be told.
fn split(answer: &[u8]) -> Option<(u16, &[u8])> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head_len) = head.parse(answer).ok()? else { return None };
    let len = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"))?;
    let len: usize = core::str::from_utf8(len.value).ok()?.parse().ok()?;
    Some((head.code?, answer.get(head_len..head_len.checked_add(len)?)?))
}

const MAX_ANSWER_LEN: usize = 1024 * 1024;

const MAX_HEADERS: usize = 64;
