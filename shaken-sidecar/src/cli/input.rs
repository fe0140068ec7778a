//! What several commands read: files, standard input, times, and output that may be cut off.

use std::fmt::Arguments;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::SystemTime;

use shaken_core::sip::Uri;
use shaken_core::{Error, Party, TelephoneNumber, Trust};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Exit, Failure};
use crate::life::clock::unix_s;

/// The contents of a file; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let outcome = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    outcome.map_err(|error| Failure::new(Exit::Io, format_args!("cannot read {}: {error}", path.display())))
}

/// A SIP message from a file or standard input. One that was saved with bare line feeds gets the
/// line ends of the wire in its headers; its body stays as it is.
pub(super) fn read_message(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = read(path)?;
    let head_len = bytes.windows(2).position(|pair| pair == b"\n\n").map_or(bytes.len(), |at| at + 2);
    let (head, body) = bytes.split_at(head_len);
    if head.contains(&b'\r') {
        return Ok(bytes);
    }
    let mut message = Vec::with_capacity(bytes.len() + head.len() / 16);
    for byte in head {
        if *byte == b'\n' {
            message.push(b'\r');
        }
        message.push(*byte);
    }
    message.extend_from_slice(body);
    Ok(message)
}

/// Trust anchors and intermediates from PEM files.
pub(super) fn read_trust(anchors: &Path, intermediates: Option<&Path>) -> Result<Trust, Failure> {
    let unreadable = |path: &Path, error: Error| {
        Failure::new(Exit::BadData, format_args!("{}: {error}; give a PEM bundle", path.display()))
    };
    let trust = Trust::from_pem(&read(anchors)?).map_err(|error| unreadable(anchors, error))?;
    match intermediates {
        None => Ok(trust),
        Some(path) => trust.with_intermediates_pem(&read(path)?).map_err(|error| unreadable(path, error)),
    }
}

/// The value of an Identity header, bare or with the header's name in front of it.
pub(super) fn header_value(text: &str) -> &str {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    for name in ["Identity", "y"] {
        if let Some((head, value)) = text.split_once(':')
            && head.trim_end().eq_ignore_ascii_case(name)
        {
            return value.trim_start();
        }
    }
    text
}

/// A time as Unix seconds or in RFC 3339 form.
pub(super) fn parse_time(text: &str) -> Result<i64, String> {
    text.parse::<i64>()
        .or_else(|_| OffsetDateTime::parse(text, &Rfc3339).map(OffsetDateTime::unix_timestamp))
        .map_err(|_| "give Unix seconds or a time like 2026-06-01T12:00:00Z".to_owned())
}

/// The system clock, in seconds since 1970.
pub(super) fn clock() -> i64 {
    unix_s(SystemTime::now())
}

/// A message for people on standard error. If nobody can read it, nobody can be told that either.
pub(super) fn note(text: Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "shaken: {text}");
}

/// Standard output, locked and buffered. A reader that has gone away is an I/O failure, not a
/// panic.
pub(super) struct Output(io::BufWriter<io::StdoutLock<'static>>);

impl Output {
    pub(super) fn new() -> Self {
        Self(io::BufWriter::new(io::stdout().lock()))
    }

    /// Writes a line.
    pub(super) fn line(&mut self, text: Arguments<'_>) -> Result<(), Failure> {
        writeln!(self.0, "{text}").map_err(|error| Self::failure(&error))
    }

    /// Writes bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.0.write_all(bytes).map_err(|error| Self::failure(&error))
    }

    /// Hands on what was written so far, for readers that wait for each answer.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.0.flush().map_err(|error| Self::failure(&error))
    }

    /// Hands everything on.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.flush()
    }

    fn failure(error: &io::Error) -> Failure {
        Failure::new(Exit::Io, format_args!("cannot write to standard output: {error}"))
    }
}

/// `text` with control characters escaped, so that a name in a certificate cannot command a
/// terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// A number as a person writes it, or a URI.
///
/// # Errors
/// [`Error::TnInvalid`] if it is neither.
pub(super) fn party(text: &str) -> Result<Party<'_>, Error> {
    match TelephoneNumber::parse(text) {
        Ok(number) => Ok(Party::Number(number)),
        Err(error) => Uri::parse(text.as_bytes()).map(|uri| Party::of(&uri)).map_err(|_| error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_names_are_optional() {
        for text in [
            "a.b.c;info=<x:y>",
            "Identity: a.b.c;info=<x:y>\r\n",
            "IDENTITY :a.b.c;info=<x:y>",
            " y:a.b.c;info=<x:y>",
        ] {
            assert_eq!(header_value(text), "a.b.c;info=<x:y>");
        }
    }

    #[test]
    fn times_in_both_forms() {
        assert_eq!(parse_time("1780272000"), Ok(1_780_272_000));
        assert_eq!(parse_time("2026-06-01T00:00:00Z"), Ok(1_780_272_000));
        assert!(parse_time("yesterday").is_err());
        assert_eq!(crate::stamp::rfc3339(1_780_272_000), "2026-06-01T00:00:00Z");
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
    }
}
