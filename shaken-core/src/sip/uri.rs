//! URIs in SIP messages: `sip:` and `sips:` (RFC 3261 §19.1), `tel:` (RFC 3966),
//! `urn:service:sos` (RFC 5031), and the rest as opaque text.
//!
//! ```text
//! SIP-URI       = "sip:" [ userinfo ] hostport uri-parameters [ headers ]
//! userinfo      = ( user / telephone-subscriber ) [ ":" password ] "@"
//! telephone-uri = "tel:" telephone-subscriber
//! telephone-subscriber = ( "+" 1*phonedigit / 1*phonedigit-hex phone-context ) *( ";" par )
//! ```
//!
//! In: the text of one URI, without angle brackets. Out: its parts, borrowed; the telephone
//! number that it means (RFC 8224 §8.1, §8.3), or its normal form (RFC 8224 §8.5).

use core::fmt;

use arrayvec::ArrayString;

use crate::write::Out;
use crate::{Error, TelephoneNumber, Verstat};

/// What kind of name a URI is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// `urn:`
    Urn,
    /// Anything else: legal in SIP, and nothing that a PASSporT is made of.
    Other,
}

/// A URI, split into its parts; nothing of it is decoded. [`fmt::Debug`] shows only the scheme,
/// so that a number cannot slip into a log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    text: &'a str,
    scheme: Scheme,
    /// Of `sip:` the user without password, of `tel:` the number, with their parameters; else
    /// empty.
    user: &'a str,
    /// Of `sip:`, without port; else empty.
    host: &'a str,
    /// Of `sip:`, behind the host, without the first semicolon.
    params: &'a str,
    headers: Option<&'a str>,
}

impl<'a> Uri<'a> {
    /// Splits a URI. Its scheme may be any; `sip:`, `sips:` and `tel:` must be well-formed.
    ///
    /// # Errors
    /// [`Error::UriSyntax`], also for any byte that is not printable ASCII or is one of `<>"`,
    /// and for a second `@`, which two readers would take apart in two ways.
    pub fn parse(text: &'a [u8]) -> Result<Self, Error> {
        if !text.iter().all(|b| matches!(b, 0x21..=0x7e) && !b"<>\"".contains(b)) {
            return Err(Error::UriSyntax);
        }
        let text = core::str::from_utf8(text).map_err(|_| Error::UriSyntax)?;
        let (scheme, rest) = text.split_once(':').ok_or(Error::UriSyntax)?;
        let scheme = Scheme::parse(scheme).ok_or(Error::UriSyntax)?;
        let opaque = Self { text, scheme, user: "", host: "", params: "", headers: None };
        match scheme {
            Scheme::Sip | Scheme::Sips => opaque.with_sip_parts(rest),
            Scheme::Tel if rest.is_empty() || rest.starts_with(';') => Err(Error::UriSyntax),
            Scheme::Tel => Ok(Self { user: rest, ..opaque }),
            Scheme::Urn | Scheme::Other => Ok(opaque),
        }
    }

    fn with_sip_parts(self, rest: &'a str) -> Result<Self, Error> {
        // `@` stands nowhere else in a SIP URI, while `;`, `?` and `/` may stand in the user.
        let (userinfo, rest) = rest.split_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
        let (rest, headers) = rest.split_once('?').map_or((rest, None), |(rest, h)| (rest, Some(h)));
        let (hostport, params) = rest.split_once(';').unwrap_or((rest, ""));
        let user = userinfo.map(|userinfo| userinfo.split_once(':').map_or(userinfo, |(user, _)| user));
        let host = host_of(hostport).ok_or(Error::UriSyntax)?;
        let is_good_user = |user: &str| !user.is_empty() && decoded(user).all(|byte| byte.is_some());
        if !user.is_none_or(is_good_user) || params.contains('@') || headers.is_some_and(|h| h.contains('@'))
        {
            return Err(Error::UriSyntax);
        }
        Ok(Self { user: user.unwrap_or(""), host, params, headers, ..self })
    }

    /// The whole URI as received.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// Its kind.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host of a `sip:` or `sips:` URI, an IPv6 address in brackets; else empty.
    #[must_use]
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// The `?name=value&...` part of a `sip:` or `sips:` URI, if there is one.
    #[must_use]
    pub fn headers(&self) -> Option<&'a str> {
        self.headers
    }

    /// A parameter behind the host, such as `user` or `transport`; empty if it has no value.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params(name).next()
    }

    /// A parameter of the telephone number itself, in `tel:` or in the user of `sip:`, such as
    /// `ext`, `rn`, `npdi`, `tgrp` or `verstat`; empty if it has no value.
    #[must_use]
    pub fn number_param(&self, name: &str) -> Option<&'a str> {
        self.number_params(name).next()
    }

    /// Every parameter of that name behind the host.
    pub(super) fn params(&self, name: &str) -> impl Iterator<Item = &'a str> {
        params(self.params, name)
    }

    /// Every parameter of that name of the telephone number itself.
    pub(super) fn number_params(&self, name: &str) -> impl Iterator<Item = &'a str> {
        params(self.user.split_once(';').map_or("", |(_, params)| params), name)
    }

    /// Whether this is the emergency service or one of its kinds (RFC 5031 §4.2).
    #[must_use]
    pub fn is_emergency(&self) -> bool {
        let sos = "urn:service:sos";
        let (head, tail) = self.text.split_at_checked(sos.len()).unwrap_or_default();
        head.eq_ignore_ascii_case(sos) && (tail.is_empty() || tail.starts_with('.'))
    }

    /// Whether the user wants not to be known (RFC 3323 §4.1.1.3).
    pub(super) fn is_anonymous(&self) -> bool {
        self.user.eq_ignore_ascii_case("anonymous") || self.host.eq_ignore_ascii_case("anonymous.invalid")
    }

    /// Whether the network did not know the user (3GPP TS 29.163 §7.2.3).
    pub(super) fn is_unavailable(&self) -> bool {
        self.user.eq_ignore_ascii_case("unavailable") || self.host.eq_ignore_ascii_case("unknown.invalid")
    }

    /// The telephone number that the URI means, in canonical form (RFC 8224 §8.1, §8.3).
    ///
    /// It means one if it is a `tel:` URI, or a `sip:` or `sips:` URI with `user=phone`, or one
    /// without `user` parameter whose user starts with `+` or has only digits, as most trunks
    /// write it. The number's own parameters are no part of it. A local number is not made global
    /// by putting its `phone-context` in front (RFC 3966 §5.1.5); only service codes stand for
    /// themselves: those with `*` or `#`, of up to three digits, and 116 with three more.
    ///
    /// # Errors
    /// [`Error::UriNotANumber`] if it means none, [`Error::UriScheme`] if its scheme can't,
    /// [`Error::TnInvalid`] if it says that it does and has none, [`Error::TnNotGlobal`] for a
    /// local number.
    pub fn telephone_number(&self) -> Result<TelephoneNumber, Error> {
        let marked = match self.scheme {
            Scheme::Tel => true,
            Scheme::Sip | Scheme::Sips => match self.param("user") {
                Some(kind) if kind.eq_ignore_ascii_case("phone") => true,
                None => false,
                Some(_) => return Err(Error::UriNotANumber),
            },
            Scheme::Urn => return Err(Error::UriNotANumber),
            Scheme::Other => return Err(Error::UriScheme),
        };
        let wrong = if marked { Error::TnInvalid } else { Error::UriNotANumber };
        let subscriber = self.user.split(';').next().unwrap_or_default();
        let mut text = ArrayString::<MAX_NUMBER_TEXT>::new();
        for byte in decoded(subscriber) {
            text.try_push(char::from(byte.ok_or(wrong)?)).map_err(|_| wrong)?;
        }
        let global = text.starts_with('+');
        if !marked && !global && !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Error::UriNotANumber);
        }
        let number = TelephoneNumber::parse(&text).map_err(|_| wrong)?;
        if !global && self.number_param("phone-context").is_some() && !is_service_code(number.as_str()) {
            return Err(Error::TnNotGlobal);
        }
        Ok(number)
    }

    /// Whether the number is written with `+`, so that it says of which country it is (RFC 3966 §5.1.4).
    #[must_use]
    pub fn is_global_number(&self) -> bool {
        decoded(self.user).next() == Some(Some(b'+'))
    }

    /// Writes the normal form that `uri` claims carry (RFC 8224 §8.5): scheme, user and host in
    /// lower case, escapes of unreserved characters decoded, others with upper-case digits,
    /// everything else left out. `urn:service:sos` becomes lower case; of other schemes only the
    /// scheme does.
    pub fn write_normal(&self, out: &mut Out<'_>) {
        let (scheme, rest) = self.text.split_once(':').unwrap_or_default();
        push_lower_case(out, scheme);
        out.push(b":");
        match self.scheme {
            Scheme::Sip | Scheme::Sips => {
                if !self.user.is_empty() {
                    push_normal(out, self.user);
                    out.push(b"@");
                }
                push_lower_case(out, self.host);
            }
            Scheme::Urn if self.is_emergency() => push_lower_case(out, rest),
            Scheme::Tel | Scheme::Urn | Scheme::Other => out.push(rest.as_bytes()),
        }
    }

    /// Writes the URI with this `verstat` as the last parameter of its user or number, or with
    /// none; every `verstat` that it held before is left out.
    pub(super) fn write_with_verstat(&self, verstat: Option<Verstat>, out: &mut Out<'_>) {
        let (scheme, rest) = self.text.split_once(':').unwrap_or_default();
        out.push(scheme.as_bytes());
        out.push(b":");
        let mut user = self.user.split(';');
        out.push(user.next().unwrap_or_default().as_bytes());
        push_params_but_verstat(out, user);
        if let Some(verstat) = verstat {
            out.push(b";verstat=");
            out.push(verstat.as_str().as_bytes());
        }
        let behind_user = rest.get(self.user.len()..).unwrap_or_default();
        let (password, hostport) = behind_user.split_at(behind_user.find('@').map_or(0, |at| at + 1));
        out.push(password.as_bytes());
        out.push(hostport.split([';', '?']).next().unwrap_or_default().as_bytes());
        push_params_but_verstat(out, self.params.split(';').filter(|param| !param.is_empty()));
        if let Some(headers) = self.headers {
            out.push(b"?");
            out.push(headers.as_bytes());
        }
    }
}

impl fmt::Debug for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({:?})", self.scheme)
    }
}

impl Scheme {
    /// `scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )`
    fn parse(text: &str) -> Option<Self> {
        let is_scheme = text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        let known = [("sip", Self::Sip), ("sips", Self::Sips), ("tel", Self::Tel), ("urn", Self::Urn)];
        let found = known.into_iter().find(|(name, _)| text.eq_ignore_ascii_case(name));
        is_scheme.then_some(found.map_or(Self::Other, |(_, scheme)| scheme))
    }
}

/// The host of `hostport = host [ ":" port ]`, if it is well-formed.
fn host_of(hostport: &str) -> Option<&str> {
    let host_len = if hostport.starts_with('[') {
        hostport.find(']')? + 1
    } else {
        hostport.find(':').unwrap_or(hostport.len())
    };
    let (host, port) = hostport.split_at(host_len);
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
        // Underscores are no part of a host name, and stand in the names of real trunks.
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)),
    };
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    (is_host && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))).then_some(host)
}

/// The values of the parameters of that name in `name=value;name;...`.
fn params<'a>(params: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let params = params.split(';').map(|param| param.split_once('=').unwrap_or((param, "")));
    params.filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The bytes of `text` with escapes decoded; `None` for a `%` without two hex digits.
fn decoded(text: &str) -> impl Iterator<Item = Option<u8>> {
    let mut bytes = text.bytes();
    core::iter::from_fn(move || {
        let byte = bytes.next()?;
        if byte != b'%' {
            return Some(Some(byte));
        }
        let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
        let escaped = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        Some(escaped)
    })
}

fn is_service_code(number: &str) -> bool {
    let is_harmonised = number.len() == 6 && number.starts_with("116");
    number.len() <= 3 || is_harmonised || number.contains(['*', '#'])
}

fn push_lower_case(out: &mut Out<'_>, text: &str) {
    for byte in text.bytes() {
        out.push(&[byte.to_ascii_lowercase()]);
    }
}

/// RFC 3986 §6.2.2.1-2 for a user, which RFC 8224 §8.5 wants in lower case.
fn push_normal(out: &mut Out<'_>, user: &str) {
    let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let mut rest = user;
    while let Some(byte) = rest.bytes().next() {
        let len = if byte == b'%' { 3 } else { 1 };
        let (piece, behind) = rest.split_at_checked(len).unwrap_or((rest, ""));
        match decoded(piece).next().flatten() {
            Some(byte) if len == 1 || is_unreserved(byte) => out.push(&[byte.to_ascii_lowercase()]),
            _ => piece.bytes().for_each(|b| out.push(&[b.to_ascii_uppercase()])),
        }
        rest = behind;
    }
}

fn push_params_but_verstat<'p>(out: &mut Out<'_>, params: impl Iterator<Item = &'p str>) {
    for param in params {
        let (name, _) = param.split_once('=').unwrap_or((param, ""));
        if !name.eq_ignore_ascii_case("verstat") {
            out.push(b";");
            out.push(param.as_bytes());
        }
    }
}

/// Room for a number as a person writes it, with separators.
const MAX_NUMBER_TEXT: usize = 64;

#[cfg(test)]
mod tests;
