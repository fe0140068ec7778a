//! The URL of a certificate, read once and strictly: no other code takes the text apart again,
//! so there is no second parser to disagree with about which host is meant.

use core::fmt;
use core::net::Ipv6Addr;

use crate::Error;
use crate::scan::prefix_len;

/// An `https` URL that an `x5u` may hold (ATIS-1000074 §5.3.1), borrowed from the token.
///
/// It has a DNS name of two labels or more as host, port 443 or 8443, and neither user
/// information nor query, fragment, path parameter or dot segment. Equality is that of the text:
/// two spellings of one URL are two URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct X5u<'a> {
    text: &'a str,
    host: &'a str,
    port: u16,
    path: &'a str,
}

impl<'a> X5u<'a> {
    /// Longest URL that is read, in bytes. The longest seen in the field has 106.
    pub const MAX_LEN: usize = 2048;

    /// Reads a URL. Does no I/O and allocates nothing.
    ///
    /// # Errors
    /// - [`Error::X5uTooLong`]: more than [`MAX_LEN`](Self::MAX_LEN) bytes.
    /// - [`Error::X5uSyntax`]: no scheme, no `//`, a character that RFC 3986 does not allow (so
    ///   any control, space, backslash or character beyond ASCII), an incomplete or control
    ///   %-escape, or a dot segment.
    /// - [`Error::X5uScheme`]: another scheme than `https`.
    /// - [`Error::X5uComponent`]: user information, query, fragment or path parameter, even empty.
    /// - [`Error::X5uPort`]: a port that is not written `443` or `8443`.
    /// - [`Error::X5uHostSyntax`]: the host is no DNS host name (RFC 1123 §2.1), or ends in a dot.
    /// - [`Error::X5uHostAddress`]: the host is an IP address in any spelling.
    /// - [`Error::X5uHostLocal`]: the host has one label or lies under a name that is not public.
    pub fn parse(url: &'a str) -> Result<Self, Error> {
        if url.len() > Self::MAX_LEN {
            return Err(Error::X5uTooLong { len_bytes: url.len() });
        }
        let bytes = url.as_bytes();
        if prefix_len(bytes, is_uri_byte) != bytes.len() {
            return Err(Error::X5uSyntax);
        }
        let (scheme, rest) = split_before(url, b':').ok_or(Error::X5uSyntax)?;
        let rest = rest.get(1..).unwrap_or_default();
        if !is_scheme(scheme) {
            return Err(Error::X5uSyntax);
        }
        if !scheme.eq_ignore_ascii_case("https") {
            return Err(Error::X5uScheme);
        }
        let rest = rest.strip_prefix("//").ok_or(Error::X5uSyntax)?;
        if prefix_len(rest.as_bytes(), |b| (b != b'?') & (b != b'#')) != rest.len() {
            return Err(Error::X5uComponent);
        }
        let (authority, path) = split_before(rest, b'/').unwrap_or((rest, "/"));
        if authority.bytes().any(|b| b == b'@') {
            return Err(Error::X5uComponent);
        }
        let (host, port) = split_port(authority)?;
        check_host(host)?;
        check_path(path)?;
        Ok(Self { text: url, host, port, path })
    }

    /// The URL as it was given; the key of a cache.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// The host as it was given: 4 to 253 bytes of letters, digits, hyphens and dots. Compare it
    /// without regard to case.
    #[must_use]
    pub const fn host(&self) -> &'a str {
        self.host
    }

    /// 443 or 8443.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The path as it was given, `/` if there was none.
    #[must_use]
    pub const fn path(&self) -> &'a str {
        self.path
    }
}

impl fmt::Display for X5u<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// `text` in two before the first `byte`; `None` if there is none.
fn split_before(text: &str, byte: u8) -> Option<(&str, &str)> {
    text.split_at_checked(text.bytes().position(|b| b == byte)?)
}

/// `reserved / unreserved / "%"` of RFC 3986 §2: all that can be printed but for nine.
const fn is_uri_byte(byte: u8) -> bool {
    (byte.wrapping_sub(b'!') <= b'~' - b'!')
        & (byte != b'"')
        & (byte != b'<')
        & (byte != b'>')
        & (byte != b'\\')
        & (byte != b'^')
        & (byte != b'`')
        & (byte != b'{')
        & (byte != b'|')
        & (byte != b'}')
}

/// `scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )` (RFC 3986 §3.1).
fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// Ports are compared as text, so that `00443` or `443x` never reach a number parser.
fn split_port(authority: &str) -> Result<(&str, u16), Error> {
    // Only address literals stand in brackets (RFC 3986 §3.2.2).
    if authority.starts_with('[') {
        return Err(Error::X5uHostAddress);
    }
    match split_before(authority, b':') {
        None => Ok((authority, 443)),
        Some(_) if authority.parse::<Ipv6Addr>().is_ok() => Err(Error::X5uHostAddress),
        Some((host, ":443")) => Ok((host, 443)),
        Some((host, ":8443")) => Ok((host, 8443)),
        Some(_) => Err(Error::X5uPort),
    }
}

fn check_host(host: &str) -> Result<(), Error> {
    // The root dot is refused, yet only after `127.0.0.1.` and `localhost.` had their own name.
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.len() > MAX_NAME_LEN || !name.as_bytes().split(|b| *b == b'.').all(is_host_label) {
        return Err(Error::X5uHostSyntax);
    }
    let (parent, last_label) = name.rsplit_once('.').unwrap_or(("", name));
    if is_number(last_label) {
        return Err(Error::X5uHostAddress);
    }
    if parent.is_empty() || LOCAL_SUFFIXES.iter().any(|s| last_label.eq_ignore_ascii_case(s)) {
        return Err(Error::X5uHostLocal);
    }
    if host.ends_with('.') {
        return Err(Error::X5uHostSyntax);
    }
    Ok(())
}

/// Letters, digits and inner hyphens (RFC 1123 §2.1). An underscore can stand in the DNS but in
/// no host name, and no public CA certifies one.
fn is_host_label(label: &[u8]) -> bool {
    (1..=MAX_LABEL_LEN).contains(&label.len())
        && label.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        && label.first() != Some(&b'-')
        && label.last() != Some(&b'-')
}

/// The last label makes the host an IPv4 address for URL parsers and `inet_aton`, in whatever
/// base and with however few parts (WHATWG URL §3.5, "ends in a number").
fn is_number(label: &str) -> bool {
    match label.strip_prefix("0x").or_else(|| label.strip_prefix("0X")) {
        Some(hex) => hex.bytes().all(|b| b.is_ascii_hexdigit()),
        None => label.bytes().all(|b| b.is_ascii_digit()),
    }
}

fn check_path(path: &str) -> Result<(), Error> {
    if path.bytes().any(|b| b == b';') {
        return Err(Error::X5uComponent);
    }
    // Clients that remove dot segments ask for another URL than the one that was signed.
    if path.as_bytes().split(|b| *b == b'/').any(is_dot_segment) {
        return Err(Error::X5uSyntax);
    }
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b']' => return Err(Error::X5uSyntax),
            b'%' => {
                let high = bytes.next().and_then(hex_value).ok_or(Error::X5uSyntax)?;
                let low = bytes.next().and_then(hex_value).ok_or(Error::X5uSyntax)?;
                // %00 cuts the path short in C servers, %0d%0a splits a request in proxies.
                if high < 2 || (high, low) == (7, 15) {
                    return Err(Error::X5uSyntax);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_dot_segment(segment: &[u8]) -> bool {
    segment.len() <= 6
        && [".", "..", "%2e", ".%2e", "%2e.", "%2e%2e"]
            .iter()
            .any(|dots| segment.eq_ignore_ascii_case(dots.as_bytes()))
}

fn hex_value(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(16)
}

/// RFC 1035 §2.3.4 allows 255 bytes on the wire, which is 253 as text.
const MAX_NAME_LEN: usize = 253;

/// RFC 1035 §2.3.4.
const MAX_LABEL_LEN: usize = 63;

/// Top labels under which no public host is: RFC 9476 (`alt`), RFC 3172 (`arpa`), ICANN's
/// private-use name (`internal`), RFC 6762 (`local`), RFC 6761 (`localhost`), RFC 7686 (`onion`).
const LOCAL_SUFFIXES: [&str; 6] = ["alt", "arpa", "internal", "local", "localhost", "onion"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_of_the_text() {
        let url = X5u::parse("HTTPS://CR.Example.com:8443/a/b%20c.pem").unwrap();
        assert_eq!(url.as_str(), "HTTPS://CR.Example.com:8443/a/b%20c.pem");
        assert_eq!((url.host(), url.port(), url.path()), ("CR.Example.com", 8443, "/a/b%20c.pem"));
        let url = X5u::parse("https://cr.example.com").unwrap();
        assert_eq!((url.host(), url.port(), url.path()), ("cr.example.com", 443, "/"));
    }

    #[test]
    fn each_refusal_has_its_own_reason() {
        for (url, error) in [
            ("", Error::X5uSyntax),
            ("cr.example.com/a", Error::X5uSyntax),
            ("//cr.example.com:443/a", Error::X5uSyntax),
            ("https:/cr.example.com/a", Error::X5uSyntax),
            ("https://cr.example.com/a\r\nb", Error::X5uSyntax),
            ("https://cr.example.com/\u{e9}", Error::X5uSyntax),
            ("https://cr.example.com\\@x.example/", Error::X5uSyntax),
            ("https://cr.example.com/a%0", Error::X5uSyntax),
            ("https://cr.example.com/a%0g", Error::X5uSyntax),
            ("https://cr.example.com/a%00", Error::X5uSyntax),
            ("https://cr.example.com/a%0D%0A", Error::X5uSyntax),
            ("https://cr.example.com/a%1F", Error::X5uSyntax),
            ("https://cr.example.com/a%7f", Error::X5uSyntax),
            ("https://cr.example.com/a/.%2E/b", Error::X5uSyntax),
            ("https://cr.example.com/a[0]", Error::X5uSyntax),
            ("http://cr.example.com/a", Error::X5uScheme),
            ("file:///etc/passwd", Error::X5uScheme),
            ("https://u@cr.example.com/a", Error::X5uComponent),
            ("https://@cr.example.com/a", Error::X5uComponent),
            ("https://cr.example.com/a?", Error::X5uComponent),
            ("https://cr.example.com#", Error::X5uComponent),
            ("https://cr.example.com/a;b/c", Error::X5uComponent),
            ("https://cr.example.com:/a", Error::X5uPort),
            ("https://cr.example.com:80/a", Error::X5uPort),
            ("https://cr.example.com:0443/a", Error::X5uPort),
            ("https://cr.example.com:443:443/a", Error::X5uPort),
            ("https://[::1]/", Error::X5uHostAddress),
            ("https://::1/", Error::X5uHostAddress),
            ("https://198.51.100.1./", Error::X5uHostAddress),
            ("https://2130706433/", Error::X5uHostAddress),
            ("https://a.0X7f/", Error::X5uHostAddress),
            ("https://a.0x/", Error::X5uHostAddress),
            ("https://localhost./", Error::X5uHostLocal),
            ("https://a.LOCALHOST/", Error::X5uHostLocal),
            ("https://single/", Error::X5uHostLocal),
            ("https://1.0.0.127.in-addr.arpa/", Error::X5uHostLocal),
            ("https:///a", Error::X5uHostSyntax),
            ("https://./a", Error::X5uHostSyntax),
            ("https://a..example.com/", Error::X5uHostSyntax),
            ("https://cr.example.com./", Error::X5uHostSyntax),
            ("https://a-.example.com/", Error::X5uHostSyntax),
            ("https://cr%2eexample.com/", Error::X5uHostSyntax),
            ("https://a_b.example.com/", Error::X5uHostSyntax),
        ] {
            assert_eq!(X5u::parse(url), Err(error), "{url:?}");
        }
    }

    #[test]
    fn limits_are_exact() {
        let longest = format!("https://cr.example.com/{}", "a".repeat(X5u::MAX_LEN - 23));
        assert!(X5u::parse(&longest).is_ok());
        assert_eq!(X5u::parse(&format!("{longest}a")), Err(Error::X5uTooLong { len_bytes: 2049 }));
        let label = "a".repeat(63);
        let name = |first: usize| format!("https://{}.{label}.{label}.{label}/", "b".repeat(first));
        assert!(X5u::parse(&name(61)).is_ok());
        assert_eq!(X5u::parse(&name(62)), Err(Error::X5uHostSyntax));
        assert_eq!(X5u::parse(&format!("https://{label}a.example/")), Err(Error::X5uHostSyntax));
    }
}
