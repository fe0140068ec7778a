//! The spellings of a request, and of its answer.

use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::net::RecvFlags;
use serde_json::Value;

use crate::call::{Asked, Op, Planned, Said, Verdict};

/// Which door of the daemon.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Door {
    /// HTTP on the Unix socket, bodies of ATIS-1000082.
    Http,
    /// The same, `/quick/v1`.
    Quick,
    /// The Redis protocol on the Unix socket.
    Resp,
}

impl Door {
    /// Appends the request for `planned`.
    pub(crate) fn write(self, op: Op, planned: &Planned, out: &mut Vec<u8>) {
        let Planned { asked: Asked { unix_s, .. }, orig, dest, identity } = planned;
        match self {
            Self::Http => {
                let (path, body) = match op {
                    Op::Sign => (
                        "signing",
                        format!(
                            r#"{{"signingRequest":{{"attest":"A","orig":{{"tn":"{orig}"}},"dest":{{"tn":["{dest}"]}},"iat":{unix_s}}}}}"#
                        ),
                    ),
                    Op::Verify => (
                        "verification",
                        format!(
                            r#"{{"verificationRequest":{{"from":{{"tn":"{orig}"}},"to":{{"tn":["{dest}"]}},"time":{unix_s},"identity":{}}}}}"#,
                            Value::from(identity.as_str())
                        ),
                    ),
                };
                let head = format!(
                    "POST /stir/v1/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                out.extend_from_slice(head.as_bytes());
                out.extend_from_slice(body.as_bytes());
            }
            Self::Quick => {
                let form = match op {
                    Op::Sign => format!("from={orig}&to={dest}&attest=A&form=value"),
                    Op::Verify => format!("from={orig}&to={dest}&identity={}", escaped(identity)),
                };
                let head = format!(
                    "POST /quick/v1/{} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
                    op.name(),
                    form.len()
                );
                out.extend_from_slice(head.as_bytes());
            }
            Self::Resp => {
                let parts: Vec<&str> = match op {
                    Op::Sign => vec!["STIR.SIGN", orig, dest, "", "attest", "A"],
                    Op::Verify => vec!["STIR.VERIFY", identity, orig, dest, "form", "word"],
                };
                out.extend_from_slice(format!("*{}\r\n", parts.len()).as_bytes());
                for part in parts {
                    out.extend_from_slice(format!("${}\r\n{part}\r\n", part.len()).as_bytes());
                }
            }
        }
    }

    /// The first answer in `bytes`, and its length, if all of it is there.
    fn read(self, bytes: &[u8]) -> Option<(usize, Raw<'_>)> {
        match self {
            Self::Http | Self::Quick => {
                let head_len = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
                let head = std::str::from_utf8(&bytes[..head_len]).ok()?;
                let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
                let length = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
                })?;
                let len = head_len + length;
                let whole = bytes.get(..len)?;
                let raw = match status {
                    503 | 504 => Raw::Shed,
                    200 => Raw::Good(whole.get(head_len..)?),
                    _ => Raw::Other(whole),
                };
                Some((len, raw))
            }
            Self::Resp => {
                let end = bytes.windows(2).position(|window| window == b"\r\n")?;
                let (kind, line) = std::str::from_utf8(&bytes[..end]).ok()?.split_at_checked(1)?;
                match kind {
                    "$" => {
                        let len: usize = line.parse().ok()?;
                        let body = bytes.get(end + 2..end + 2 + len)?;
                        bytes.get(end + 2 + len..end + 4 + len)?;
                        Some((end + 4 + len, Raw::Good(body)))
                    }
                    "-" if line.starts_with("UNAVAILABLE") => Some((end + 2, Raw::Shed)),
                    _ => Some((end + 2, Raw::Other(&bytes[..end]))),
                }
            }
        }
    }

    /// What an answer to `op` says.
    pub(crate) fn said(self, op: Op, raw: Raw<'_>) -> Said {
        match (self, raw) {
            (_, Raw::Shed) => Said::Shed,
            (_, Raw::Other(all)) => Said::Other(String::from_utf8_lossy(all).into_owned()),
            (Self::Http, Raw::Good(body)) => of_json(op, body),
            (Self::Quick | Self::Resp, Raw::Good(body)) => {
                text(op, String::from_utf8_lossy(body).into_owned())
            }
        }
    }

    const fn socket(self) -> &'static str {
        match self {
            Self::Http | Self::Quick => "shaken.sock",
            Self::Resp => "resp.sock",
        }
    }
}

/// An answer as it came.
#[derive(Clone, Copy)]
pub(crate) enum Raw<'b> {
    /// What it has to say.
    Good(&'b [u8]),
    /// It had no time.
    Shed,
    /// All of something else.
    Other(&'b [u8]),
}

/// A client of the daemon.
pub(crate) struct Connection {
    door: Door,
    stream: UnixStream,
    bytes: Vec<u8>,
    read_to: usize,
}

impl Connection {
    pub(crate) fn open(door: Door, lab: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(lab.join(door.socket()))?;
        Ok(Self { door, stream, bytes: Vec::new(), read_to: 0 })
    }

    /// What to wait for.
    pub(crate) const fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// All of it: the kernel has room for what is sent before an answer is waited for.
    pub(crate) fn send(&mut self, requests: &[u8]) -> io::Result<()> {
        self.stream.write_all(requests)
    }

    /// Reads what is there, and how much; nothing when the other side has closed.
    pub(crate) fn fill(&mut self) -> io::Result<usize> {
        self.bytes.drain(..self.read_to);
        self.read_to = 0;
        self.bytes.reserve(READ_LEN);
        let room = rustix::buffer::spare_capacity(&mut self.bytes);
        Ok(rustix::net::recv(&self.stream, room, RecvFlags::DONTWAIT)?.1)
    }

    /// The next answer that is there as a whole.
    pub(crate) fn take(&mut self) -> Option<Raw<'_>> {
        let (len, raw) = self.door.read(self.bytes.get(self.read_to..)?)?;
        self.read_to += len;
        Some(raw)
    }
}

/// An answer is a kilobyte and a half.
const READ_LEN: usize = 32 * 1024;

fn of_json(op: Op, body: &[u8]) -> Said {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return Said::Other(String::from_utf8_lossy(body).into_owned());
    };
    match op {
        Op::Sign => match &body["signingResponse"]["identity"] {
            Value::String(identity) => Said::Signed(identity.clone()),
            _ => Said::Other(body.to_string()),
        },
        Op::Verify => match body["verificationResponse"]["verstat"].as_str() {
            Some("TN-Validation-Passed") => Said::Verified(Verdict::Passed),
            Some("TN-Validation-Failed") => Said::Verified(Verdict::Failed),
            Some("No-TN-Validation") => Said::Verified(Verdict::NotValidated),
            _ => Said::Other(body.to_string()),
        },
    }
}

fn text(op: Op, text: String) -> Said {
    match (op, text.trim_end()) {
        (Op::Sign, _) => Said::Signed(text),
        (Op::Verify, "VALID-A") => Said::Verified(Verdict::Passed),
        (Op::Verify, "INVALID") => Said::Verified(Verdict::Failed),
        (Op::Verify, "NO-VALIDATION") => Said::Verified(Verdict::NotValidated),
        (Op::Verify, _) => Said::Other(text),
    }
}

fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}
