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
        param(self.params, name)
    }

    /// A parameter of the telephone number itself, in `tel:` or in the user of `sip:`, such as
    /// `ext`, `rn`, `npdi`, `tgrp` or `verstat`; empty if it has no value.
    #[must_use]
    pub fn number_param(&self, name: &str) -> Option<&'a str> {
        param(self.user.split_once(';')?.1, name)
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

/// The value of the first parameter of that name in `name=value;name;...`.
fn param<'a>(params: &'a str, name: &str) -> Option<&'a str> {
    params
        .split(';')
        .map(|param| param.split_once('=').unwrap_or((param, "")))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
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
mod tests {
    use super::*;

    fn uri(text: &str) -> Result<Uri<'_>, Error> {
        Uri::parse(text.as_bytes())
    }

    fn number(text: &str) -> Result<String, Error> {
        uri(text)?.telephone_number().map(|tn| tn.as_str().to_owned())
    }

    fn written(write: impl FnOnce(&mut Out<'_>)) -> String {
        let mut buffer = [0; 256];
        let mut out = Out::new(&mut buffer);
        write(&mut out);
        out.finish().unwrap().to_owned()
    }

    #[test]
    fn parts_of_a_sip_uri() {
        let parsed = uri(
            "SIPS:+12155550121;npdi;rn=+12155550199:secret@[2001:db8::1]:5061;user=phone;lr?Priority=urgent",
        );
        let parsed = parsed.unwrap();
        assert_eq!((parsed.scheme(), parsed.host()), (Scheme::Sips, "[2001:db8::1]"));
        assert_eq!(
            (parsed.number_param("RN"), parsed.number_param("npdi")),
            (Some("+12155550199"), Some(""))
        );
        assert_eq!(
            (parsed.param("User"), parsed.param("lr"), parsed.param("rn")),
            (Some("phone"), Some(""), None)
        );
        assert_eq!(parsed.headers(), Some("Priority=urgent"));
        // RFC 4475 §3.1.1.2 and §3.1.1.9: what may stand in a user.
        assert_eq!(uri("sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com").unwrap().host(), "example.com");
        assert_eq!(
            uri("sip:user;par=u%40example.net@example.com").unwrap().number_param("par"),
            Some("u%40example.net")
        );
        assert_eq!(uri("nobodyKnowsThisScheme:totallyopaquecontent").unwrap().scheme(), Scheme::Other);
    }

    #[test]
    fn malformed_uris_are_refused() {
        for text in [
            "",
            ":",
            "sip",
            "sip:",
            "sip:@example.com",
            "sip:alice@",
            "sip:alice@:5060",
            "sip:a@b@example.com",
            "sip:alice@example.com;x=@",
            "sip:alice@example.com?x=@",
            "sip:al ice@example.com",
            "sip:alice@example.com:",
            "sip:alice@example.com:65536",
            "sip:alice@example.com:+1",
            "sip:alice@[2001:db8::1",
            "sip:alice@[192.0.2.1]",
            "sip:alice@[::1]5060",
            "sip:alice@2001:db8::1",
            "sip:alice@exa%6dple.com",
            "sip:al%6@example.com",
            "sip:al%zz@example.com",
            "sip:al%+1@example.com",
            "<sip:alice@example.com>",
            "sip:alice@example.com\u{e9}",
            "sip:al\0ice@example.com",
            "1sip:alice@example.com",
            "s ip:alice@example.com",
            "tel:",
            "tel:;ext=1",
        ] {
            assert_eq!(uri(text).err(), Some(Error::UriSyntax), "{text:?}");
        }
    }

    #[test]
    fn numbers_are_found_and_made_canonical() {
        for (text, canonical) in [
            ("sip:+1-215-555-0121;ext=9@h.example:5060;user=phone", "12155550121"),
            ("tel:+1(215)555.0121", "12155550121"),
            ("TEL:%2b12155550121;npdi;rn=+12155550199", "12155550121"),
            ("sips:%2B1%20215%205550121@h.example;user=PHONE;transport=tls", "12155550121"),
            ("sip:+12155550121;tgrp=TG-1;trunk-context=example.com@[2001:db8::1];user=phone", "12155550121"),
            ("sip:+12155550121;verstat=TN-Validation-Passed:pw@h.example;user=phone", "12155550121"),
            ("sip:+12155550121@h.example", "12155550121"),
            ("sip:12155550121@192.0.2.1", "12155550121"),
            ("sip:911@h.example;user=phone", "911"),
            ("tel:911;phone-context=+1", "911"),
            ("tel:116117;phone-context=+49", "116117"),
            ("tel:*67#;phone-context=example.com", "*67#"),
            ("tel:+12155550121;phone-context=+44", "12155550121"),
        ] {
            assert_eq!(number(text).as_deref(), Ok(canonical), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_has_a_name() {
        for (text, error) in [
            ("sip:alice@example.com", Error::UriNotANumber),
            ("sip:example.com", Error::UriNotANumber),
            ("sip:+alice@example.com", Error::UriNotANumber),
            ("sip:1.2.3@example.com", Error::UriNotANumber),
            ("sip:+12155550121@h.example;user=ip", Error::UriNotANumber),
            ("urn:service:sos", Error::UriNotANumber),
            ("https://example.com/12155550121", Error::UriScheme),
            ("tel:1-800-EXAMPLE", Error::TnInvalid),
            ("sip:alice@example.com;user=phone", Error::TnInvalid),
            ("tel:%zz", Error::TnInvalid),
            ("tel:%D9%A1", Error::TnInvalid),
            ("tel:+12155550121@h.example", Error::TnInvalid),
            ("tel:+1215555012112155550121121555501211215555012112155550121121555501211", Error::TnInvalid),
            ("tel:863-1234;phone-context=+1-914-555", Error::TnNotGlobal),
            ("sip:8631234;phone-context=example.com@h.example;user=phone", Error::TnNotGlobal),
        ] {
            assert_eq!(number(text), Err(error), "{text}");
        }
    }

    #[test]
    fn normal_form() {
        for (text, normal) in [
            ("sip:Alice:pw@Example.COM:5060;transport=tcp?x=y", "sip:alice@example.com"),
            ("sip:%61lice%2d%5F@example.com", "sip:alice-_@example.com"),
            ("sip:%41lice@example.com", "sip:alice@example.com"),
            ("SIPS:Bob@EXAMPLE.net;lr", "sips:bob@example.net"),
            ("sip:a%2fb%C3%a9@example.com", "sip:a%2Fb%C3%A9@example.com"),
            ("sip:Example.com:5060", "sip:example.com"),
            ("sip:alice@[2001:DB8::1]:5060", "sip:alice@[2001:db8::1]"),
            ("URN:Service:SOS.Police", "urn:service:sos.police"),
            ("HTTPS://Example.com/A", "https://Example.com/A"),
        ] {
            assert_eq!(written(|out| uri(text).unwrap().write_normal(out)), normal, "{text}");
        }
    }

    #[test]
    fn emergency_services() {
        for (text, emergency) in [
            ("urn:service:sos", true),
            ("URN:service:sos.fire", true),
            ("urn:service:sosfire", false),
            ("urn:service:counseling", false),
            ("sip:911@h.example", false),
        ] {
            assert_eq!(uri(text).unwrap().is_emergency(), emergency, "{text}");
        }
    }

    #[test]
    fn verstat_goes_to_the_number_and_nowhere_else() {
        for (text, passed, none) in [
            ("tel:+12155550121", "tel:+12155550121;verstat=TN-Validation-Passed", "tel:+12155550121"),
            (
                "sip:+12155550121;npdi;verstat=TN-Validation-Failed:pw@h.example:5060;user=phone;Verstat=x;lr?a=b",
                "sip:+12155550121;npdi;verstat=TN-Validation-Passed:pw@h.example:5060;user=phone;lr?a=b",
                "sip:+12155550121;npdi:pw@h.example:5060;user=phone;lr?a=b",
            ),
        ] {
            let parsed = uri(text).unwrap();
            assert_eq!(written(|out| parsed.write_with_verstat(Some(Verstat::Passed), out)), passed);
            assert_eq!(written(|out| parsed.write_with_verstat(None, out)), none);
        }
    }

    #[test]
    fn debug_output_shows_no_number() {
        assert_eq!(format!("{:?}", uri("tel:+12155550121").unwrap()), "Uri(Tel)");
    }
}
