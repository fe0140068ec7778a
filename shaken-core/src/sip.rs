//! SIP requests: who calls whom, when, and with which Identity (RFC 3261, RFC 8224 §8,
//! ATIS-1000074).
//!
//! ```text
//! bytes   ── Request::parse ─> Request    borrowed: start line, headers of interest, body
//! Request ── parties() ──────> Parties    the numbers, by the rules of SHAKEN
//! Parties ── call() ─────────> Call       to verify with
//! Parties ── claims() ───────> NewClaims  to sign
//! Error   ── Reason, write_response ────> what to answer
//! ```
//!
//! The reader allocates nothing and copies nothing. What is more or longer than it reads is an
//! error with a name, never growth. It is tolerant where deployed senders stray and no two readers
//! could take the same bytes for two things: names in any case and in compact form, folded lines,
//! white space, display names without quotes, empty parameters, unescaped headers in History-Info.
//! It is strict where they could: line ends are CR LF, a header that may stand once stands once, a
//! URI has one `@` at most, the request line has single spaces.
//!
//! Whoever has read the message with another library hands in names and values, in the order of
//! the message, and the Request-URI; nothing of it is copied. The feature `rsip` does so for the
//! types of that crate.
//!
//! ```
//! use shaken_core::sip::{Headers, Parties, Uri};
//!
//! let fields = [
//!     ("From", "<sip:+12155550121@pbx.example;user=phone>;tag=1"),
//!     ("To", "<sip:+12155550131@carrier.example;user=phone>"),
//!     ("Call-ID", "a84b4c76e66710@pbx.example"),
//!     ("CSeq", "1 INVITE"),
//! ];
//! let headers = Headers::collect(fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())))?;
//! let parties = Parties::new(&headers, &Uri::parse(b"sip:+12155550131@192.0.2.7;user=phone")?)?;
//! assert_eq!(parties.orig().as_str(), "12155550121");
//! # Ok::<(), shaken_core::Error>(())
//! ```
//!
//! Headers that say nothing about who calls whom are not judged: not Via, Contact or
//! Max-Forwards, nor whether they are there. Contact is read where its trunk group is asked for. The body is lent out and not read.

mod address;
mod content;
pub mod date;
mod diversion;
mod headers;
mod lex;
mod name;
mod parties;
mod reply;
#[cfg(feature = "rsip")]
pub mod rsip;
mod trunk_group;
pub(crate) mod uri;

use core::fmt;

pub use address::Address;
pub use content::Content;
pub use diversion::{Diversion, HistoryEntry};
pub use headers::{Headers, Hints, MAX_IDENTITY_LEN};
pub use parties::{Caller, MAX_DATE_DISTANCE_S, Parties, Source};
pub use reply::{Reason, ReasonProtocol, write_response, write_uri_header_value};
pub use trunk_group::Said;
pub use uri::{Scheme, Uri};

use crate::Error;
use crate::write::Sink;
use lex::{is_token, is_token_byte, trim};

/// Longest start line and headers that are read: 64 KB of Identity and as much of all else.
pub const MAX_HEAD_LEN: usize = 2 * MAX_IDENTITY_LEN;

/// A SIP request. [`fmt::Debug`] shows nothing of who calls whom.
#[derive(Clone)]
pub struct Request<'a> {
    method: &'a str,
    uri: Uri<'a>,
    headers: Headers<'a>,
    fields: Fields<'a>,
    body: &'a [u8],
    len_bytes: usize,
}

impl<'a> Request<'a> {
    /// Reads one request from the front of `bytes`: a datagram, or what has come of a stream.
    /// Empty lines before it are passed over (RFC 3261 §7.5).
    ///
    /// # Errors
    /// [`Error::SipIncomplete`] if more bytes must come; [`Error::SipTooLarge`];
    /// [`Error::SipStartLine`], [`Error::SipVersion`], [`Error::SipNotARequest`];
    /// [`Error::UriSyntax`] for the Request-URI, which may not have headers either
    /// (RFC 3261 §19.1.1); [`Error::SipHeaderSyntax`]; the errors of [`Headers::collect`];
    /// [`Error::SipMethodMismatch`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut fields = Fields::new(bytes);
        while bytes.get(fields.at..).is_some_and(|rest| rest.starts_with(b"\r\n")) {
            fields.at += 2;
        }
        let (method, uri) = read_request_line(fields.line()?)?;
        let first_field = fields.clone();
        let headers = Headers::try_collect(&mut fields)?;
        if headers.cseq().method != method.as_bytes() {
            return Err(Error::SipMethodMismatch);
        }
        let behind = bytes.get(fields.at..).unwrap_or_default();
        let body = match headers.content_length() {
            Some(len) => behind.get(..len).ok_or(Error::SipIncomplete)?,
            // RFC 3261 §18.3: then the body takes the rest of the datagram.
            None => behind,
        };
        let len_bytes = fields.at + body.len();
        Ok(Self { method, uri, headers, fields: first_field, body, len_bytes })
    }

    /// The method, such as `INVITE`.
    #[must_use]
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// The Request-URI: where the call goes now.
    #[must_use]
    pub fn uri(&self) -> &Uri<'a> {
        &self.uri
    }

    /// The header fields of interest.
    #[must_use]
    pub fn headers(&self) -> &Headers<'a> {
        &self.headers
    }

    /// All header fields in their order: name as written, and value, folds included.
    pub fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        // They were read once without error.
        self.fields.clone().flatten()
    }

    /// The body, as long as Content-Length says, or all that follows.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The body if it is SDP and nothing else, for the `a=fingerprint` lines of `mky`.
    #[must_use]
    pub fn sdp(&self) -> Option<&'a [u8]> {
        self.headers.is_sdp().then_some(self.body)
    }

    /// How many of the bytes belong to this request; on a stream the next one follows.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// Whether this starts a call: an INVITE outside of a dialog, the only request that SHAKEN
    /// signs (ATIS-1000074).
    #[must_use]
    pub fn is_initial_invite(&self) -> bool {
        self.method == "INVITE" && self.headers.to().param("tag").is_none()
    }

    /// Writes the request with more header fields, names and values, behind its own.
    pub fn write_with_headers(&self, headers: &[(&str, &str)], out: &mut impl Sink) {
        // Before the empty line.
        let head_len = self.len_bytes.saturating_sub(self.body.len() + 2);
        out.push(self.fields.head.get(..head_len).unwrap_or_default());
        for (name, value) in headers {
            for part in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                out.push(part);
            }
        }
        out.push(b"\r\n");
        out.push(self.body);
    }

    /// Who calls whom.
    ///
    /// # Errors
    /// Those of [`Parties::new`].
    pub fn parties(&self) -> Result<Parties<'a>, Error> {
        Parties::new(&self.headers, &self.uri)
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("uri", &self.uri)
            .field("headers", &self.headers)
            .field("len_bytes", &self.len_bytes)
            .finish_non_exhaustive()
    }
}

/// `Request-Line = Method SP Request-URI SP SIP-Version CRLF`
fn read_request_line(line: &[u8]) -> Result<(&str, Uri<'_>), Error> {
    const VERSION: &[u8] = b"SIP/2.0";
    let mut parts = line.split(|b| *b == b' ');
    let (Some(method), Some(uri), Some(version)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Error::SipStartLine);
    };
    // `Status-Line = SIP-Version SP Status-Code SP Reason-Phrase CRLF`
    if method == VERSION && uri.len() == 3 && uri.iter().all(u8::is_ascii_digit) {
        return Err(Error::SipNotARequest);
    }
    let is_version = version.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"SIP/"));
    if !is_token(method) || uri.is_empty() || !is_version || parts.next().is_some() {
        return Err(Error::SipStartLine);
    }
    if !version.eq_ignore_ascii_case(VERSION) {
        return Err(Error::SipVersion);
    }
    let method = core::str::from_utf8(method).map_err(|_| Error::SipStartLine)?;
    let uri = Uri::parse(uri)?;
    if uri.headers().is_some() { Err(Error::UriSyntax) } else { Ok((method, uri)) }
}

/// Splits a message into lines, and those into names and values, up to the empty line.
#[derive(Clone)]
struct Fields<'a> {
    /// No more than [`MAX_HEAD_LEN`] bytes.
    head: &'a [u8],
    at: usize,
    at_empty_line: bool,
    /// What it means when `head` ends before the empty line.
    cut: Error,
}

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let (head, cut) = match bytes.get(..MAX_HEAD_LEN) {
            Some(head) if bytes.len() > MAX_HEAD_LEN => (head, Error::SipTooLarge),
            _ => (bytes, Error::SipIncomplete),
        };
        Self { head, at: 0, at_empty_line: false, cut }
    }

    /// The next line without its CR LF, with the lines that are folded into it.
    fn line(&mut self) -> Result<&'a [u8], Error> {
        let start = self.at;
        loop {
            let rest = self.head.get(self.at..).unwrap_or_default();
            let len = rest.iter().position(|b| matches!(b, b'\r' | b'\n')).ok_or(self.cut)?;
            let end = self.at + len;
            match rest.get(len..) {
                Some([b'\r']) => return Err(self.cut),
                Some([b'\r', b'\n', behind @ ..]) => {
                    self.at = end + 2;
                    // What follows the empty line is the body, whatever it starts with.
                    let folded = end > start && matches!(behind.first(), Some(b' ' | b'\t'));
                    if !folded {
                        return Ok(self.head.get(start..end).unwrap_or_default());
                    }
                }
                _ => return Err(Error::SipHeaderSyntax { offset: end }),
            }
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at_empty_line {
            return None;
        }
        let offset = self.at;
        let line = match self.line() {
            Ok([]) => {
                self.at_empty_line = true;
                return None;
            }
            Ok(line) => line,
            Err(error) => return Some(Err(error)),
        };
        let name_len = line.iter().position(|b| !is_token_byte(*b)).unwrap_or(line.len());
        let (name, behind) = line.split_at_checked(name_len).unwrap_or_default();
        // `HCOLON = *( SP / HTAB ) ":" SWS`
        let space_len = behind.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(behind.len());
        let value = behind.get(space_len..).and_then(|behind| behind.strip_prefix(b":"));
        match value {
            Some(value) if !name.is_empty() => Some(Ok((name, trim(value)))),
            _ => Some(Err(Error::SipHeaderSyntax { offset })),
        }
    }
}

#[cfg(test)]
mod tests;
