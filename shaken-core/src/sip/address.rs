//! Addresses in header fields: a URI with an optional display name and parameters around it
//! (RFC 3261 §20.10, §25).
//!
//! ```text
//! value        = ( name-addr / addr-spec ) *( SEMI generic-param )
//! name-addr    = [ display-name ] LAQUOT addr-spec RAQUOT
//! display-name = *(token LWS) / quoted-string
//! ```
//!
//! Beyond the grammar a display name without quotes may hold what real names hold: letters beyond
//! ASCII, parentheses, slashes; but nothing that could be taken for a URI, a parameter or the
//! next value. An address without angle brackets ends at its first `;`, `?` or `,`
//! (RFC 3261 §20): what follows belongs to the header field.

use core::fmt;

use super::lex::{self, Cursor, is_white_space, trim};
use super::uri::Uri;
use crate::write::Out;
use crate::{Error, Verstat};

/// One address. [`fmt::Debug`] shows neither name nor number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    display: &'a [u8],
    uri: Uri<'a>,
    /// Behind the `?` of a URI in [`Quoting::Unescaped`].
    unescaped_headers: &'a [u8],
    params: &'a [u8],
}

/// How the headers in a URI (`?name=value`) are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    /// As RFC 3261 §19.1.1 has it.
    Escaped,
    /// With quotes, spaces and semicolons as they are, as Microsoft Teams writes History-Info.
    Unescaped,
}

impl<'a> Address<'a> {
    /// Reads a value that must be one address; `header` is for the error.
    pub(super) fn parse(value: &'a [u8], header: &'static str) -> Result<Self, Error> {
        let wrong = Error::SipHeaderValue { header };
        let mut cursor = Cursor::new(trim(value));
        let address = Self::read(&mut cursor, Quoting::Escaped).ok_or(wrong)?;
        if cursor.rest().is_empty() { Ok(address) } else { Err(wrong) }
    }

    /// Reads an address up to a comma or the end.
    fn read(cursor: &mut Cursor<'a>, quoting: Quoting) -> Option<Self> {
        cursor.white_space();
        let mut display = match cursor.peek()? {
            b'"' => cursor.quoted()?,
            _ => &[],
        };
        cursor.white_space();
        if display.is_empty() {
            let mut ahead = cursor.clone();
            let name = ahead.take_while(|b| b != b'<' && is_display_byte(b));
            if ahead.peek() == Some(b'<') {
                display = trim(name);
                *cursor = ahead;
            }
        }
        let (text, unescaped_headers) = if cursor.accept(b'<') {
            match quoting {
                Quoting::Escaped => (cursor.take_while(|b| b != b'>'), &[][..]),
                Quoting::Unescaped => unescaped_uri(cursor)?,
            }
        } else if display.is_empty() {
            return Some(Self {
                display,
                uri: Uri::parse(cursor.take_while(|b| !is_white_space(b) && !b";?,".contains(&b))).ok()?,
                unescaped_headers: &[],
                params: cursor.params()?,
            });
        } else {
            return None;
        };
        let uri = Uri::parse(text).ok()?;
        if !cursor.accept(b'>') {
            return None;
        }
        Some(Self { display, uri, unescaped_headers, params: cursor.params()? })
    }

    /// The display name as written, with its quotes if it has any; empty if there is none.
    #[must_use]
    pub fn display(&self) -> &'a [u8] {
        self.display
    }

    /// The display name without quotes, as a `rcd` in compact form stands for it; empty if there is
    /// none, `None` if it has escapes or is not UTF-8.
    pub(super) fn name(&self) -> Option<&'a str> {
        let quoted = self.display.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
        let text = core::str::from_utf8(quoted.unwrap_or(self.display)).ok()?;
        Some(text).filter(|text| quoted.is_none() || !text.contains('\\'))
    }

    /// The URI.
    #[must_use]
    pub fn uri(&self) -> &Uri<'a> {
        &self.uri
    }

    /// A parameter behind the address, such as `tag`, without quotes; empty if it has no value.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'a [u8]> {
        self.params(name).next()
    }

    /// Every parameter of that name behind the address.
    pub(super) fn params(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        lex::params_named(self.params, name)
    }

    /// The headers in the URI, escaped or not, without the `?`.
    pub(super) fn headers(&self) -> &'a [u8] {
        self.uri.headers().map_or(self.unescaped_headers, str::as_bytes)
    }

    /// The `verstat` of the address, wherever its sender put it: in the number, where it belongs
    /// (3GPP TS 24.229 §7.2A.20), behind the host, or behind the brackets. Some senders append
    /// the attestation level to the value.
    #[must_use]
    pub fn verstat(&self) -> Option<&'a [u8]> {
        let in_uri = self.uri.number_param("verstat").or_else(|| self.uri.param("verstat"));
        in_uri.map(str::as_bytes).or_else(|| self.param("verstat"))
    }

    /// Writes the address with this `verstat` in its number, in place of any that it held; with
    /// `None`, as for a message that leaves or enters the trust domain, none is left.
    ///
    /// # Errors
    /// The errors of [`Uri::telephone_number`] if a `verstat` is to be written and there is no
    /// number that it could be about.
    pub fn write_with_verstat(&self, verstat: Option<Verstat>, out: &mut Out<'_>) -> Result<(), Error> {
        if verstat.is_some() {
            self.uri.telephone_number()?;
        }
        if !self.display.is_empty() {
            out.push(self.display);
            out.push(b" ");
        }
        out.push(b"<");
        self.uri.write_with_verstat(verstat, out);
        if !self.unescaped_headers.is_empty() {
            out.push(b"?");
            out.push(self.unescaped_headers);
        }
        out.push(b">");
        for (name, value) in lex::params(self.params) {
            if !name.is_empty() && !name.eq_ignore_ascii_case(b"verstat") {
                out.push(b";");
                out.push(name);
                if !value.is_empty() {
                    out.push(b"=");
                    out.push(value);
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.uri).finish()
    }
}

/// The addresses of a comma list, in their order. After an error nothing follows.
#[derive(Clone, Debug)]
pub(super) struct Addresses<'a> {
    cursor: Option<Cursor<'a>>,
    header: &'static str,
    quoting: Quoting,
}

impl<'a> Addresses<'a> {
    pub(super) fn new(value: &'a [u8], header: &'static str, quoting: Quoting) -> Self {
        Self { cursor: Some(Cursor::new(value)), header, quoting }
    }
}

impl<'a> Iterator for Addresses<'a> {
    type Item = Result<Address<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut cursor = self.cursor.take()?;
        let Some(address) = Address::read(&mut cursor, self.quoting) else {
            return Some(Err(Error::SipHeaderValue { header: self.header }));
        };
        if cursor.accept(b',') {
            self.cursor = Some(cursor);
        }
        Some(Ok(address))
    }
}

fn is_display_byte(byte: u8) -> bool {
    is_white_space(byte) || matches!(byte, 0x21..=0x7e | 0x80..) && !b"\"<>@:;=,?\\".contains(&byte)
}

/// The URI up to its headers, and the headers, which end at the first `>` outside of quotes.
fn unescaped_uri<'a>(cursor: &mut Cursor<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let text = cursor.rest();
    let end = text.iter().position(|b| *b == b'>')?;
    let at = text.iter().position(|b| *b == b'@').filter(|at| *at < end).unwrap_or(0);
    let mark = text.get(at..end)?.iter().position(|b| *b == b'?');
    let uri = cursor.take(mark.map_or(end, |mark| at + mark));
    let start = cursor.rest();
    // One quote that does not end ends the search for quotes: each search may read all the rest.
    let mut quotes_end = true;
    while let Some(byte) = cursor.peek().filter(|b| *b != b'>') {
        quotes_end = quotes_end && (byte != b'"' || cursor.quoted().is_some());
        if byte != b'"' || !quotes_end {
            cursor.take(1);
        }
    }
    let headers = start.get(..start.len() - cursor.rest().len())?;
    Some((uri, headers.strip_prefix(b"?").unwrap_or(headers)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address<'_>, Error> {
        Address::parse(text.as_bytes(), "From")
    }

    fn list(text: &str, quoting: Quoting) -> Vec<Result<&str, Error>> {
        let addresses = Addresses::new(text.as_bytes(), "P-Asserted-Identity", quoting);
        addresses.map(|address| address.map(|address| address.uri().as_str())).collect()
    }

    #[test]
    fn names_and_parameters_around_a_uri() {
        for (text, display, uri, tag) in [
            ("sip:a@b.example;tag=1", "", "sip:a@b.example", Some("1")),
            ("<sip:a@b.example;lr>;tag=1", "", "sip:a@b.example;lr", Some("1")),
            ("<tel:+12155550121>", "", "tel:+12155550121", None),
            ("caller<sip:a@b.example>;x;tag=\"1\"", "caller", "sip:a@b.example", Some("1")),
            (
                "Ada (Sales) / Ren\u{e9}  <sip:a@b.example>",
                "Ada (Sales) / Ren\u{e9}",
                "sip:a@b.example",
                None,
            ),
            (
                r#""a\\\" <sip:x@y.example>, ;\"" <sip:a@b.example>"#,
                r#""a\\\" <sip:x@y.example>, ;\"""#,
                "sip:a@b.example",
                None,
            ),
            ("\"\"<sip:a@b.example>\r\n  ;\r\n tag = 1 ;", "\"\"", "sip:a@b.example", Some("1")),
        ] {
            let address = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(address.display(), display.as_bytes(), "{text}");
            assert_eq!(address.uri().as_str(), uri);
            assert_eq!(address.param("TAG"), tag.map(str::as_bytes), "{text}");
        }
    }

    #[test]
    fn what_two_readers_would_read_differently_is_refused() {
        for text in [
            "",
            "alice",
            "<sip:a@b.example",
            "sip:a@b.example>",
            "< sip:a@b.example >",
            "<sip:a@b.example>x",
            "<sip:a@b.example>;x=<sip:c@d.example>",
            "<sip:a@b.example>, <sip:c@d.example>",
            "sip:a@b.example, sip:c@d.example",
            "sip:x@y.example;p=<sip:a@b.example>",
            "sip:x@y.example <sip:a@b.example>",
            "\"a <sip:a@b.example>",
            "\"a\" b <sip:a@b.example>",
            "\"a\" sip:a@b.example",
            "Bell, Alexander <sip:a@b.example>",
            "<sip:a@b.example?Subject=\"x\">",
            "sip:a@b.example?Subject=x",
        ] {
            assert_eq!(parse(text), Err(Error::SipHeaderValue { header: "From" }), "{text}");
        }
    }

    #[test]
    fn lists_end_at_the_first_broken_value() {
        let broken = Err(Error::SipHeaderValue { header: "P-Asserted-Identity" });
        for (text, values) in [
            ("<tel:+1>,<sip:a@b.example>", vec![Ok("tel:+1"), Ok("sip:a@b.example")]),
            ("tel:+1 , \"x, y\" <sip:a,c@b.example>;p=\",\"", vec![Ok("tel:+1"), Ok("sip:a,c@b.example")]),
            ("<tel:+1>,", vec![Ok("tel:+1"), broken]),
            ("<tel:+1>,,<tel:+2>", vec![Ok("tel:+1"), broken]),
            ("<tel:+1> <tel:+2>", vec![broken]),
            ("", vec![broken]),
        ] {
            assert_eq!(list(text, Quoting::Escaped), values, "{text}");
        }
    }

    #[test]
    fn headers_of_a_uri_may_be_unescaped_where_teams_writes_them_so() {
        let text =
            r#"<sip:+1@h.example;user=phone?Reason=SIP;cause=302;text="a > b@c">;index=1,<tel:+2>;index=1.1"#;
        assert_eq!(list(text, Quoting::Unescaped), [Ok("sip:+1@h.example;user=phone"), Ok("tel:+2")]);
        let first =
            Addresses::new(text.as_bytes(), "History-Info", Quoting::Unescaped).next().unwrap().unwrap();
        assert_eq!(first.headers(), br#"Reason=SIP;cause=302;text="a > b@c""#);
        assert_eq!(first.param("index"), Some(&b"1"[..]));
        // A quote that does not end is a character like any other.
        let text = r#"<sip:+1@h.example?Reason=SIP;text="a>;index=1,<sip:b?c@h.example>"#;
        assert_eq!(list(text, Quoting::Unescaped), [Ok("sip:+1@h.example"), Ok("sip:b?c@h.example")]);
        assert_eq!(list(text, Quoting::Escaped).len(), 1);
    }

    #[test]
    fn verstat_is_read_from_three_places_and_written_to_one() {
        for (text, verstat, passed) in [
            ("<tel:+12155550121>", None, "<tel:+12155550121;verstat=TN-Validation-Passed>"),
            (
                "\"A\"<sip:+12155550121;verstat=No-TN-Validation@h.example;user=phone>;x=\"1\"",
                Some("No-TN-Validation"),
                "\"A\" <sip:+12155550121;verstat=TN-Validation-Passed@h.example;user=phone>;x=\"1\"",
            ),
            (
                "<sip:+12155550121@h.example;verstat=TN-Validation-Passed-B>",
                Some("TN-Validation-Passed-B"),
                "<sip:+12155550121;verstat=TN-Validation-Passed@h.example>",
            ),
            (
                "sip:+12155550121@h.example;verstat=TN-Validation-Failed;x",
                Some("TN-Validation-Failed"),
                "<sip:+12155550121;verstat=TN-Validation-Passed@h.example>;x",
            ),
        ] {
            let address = parse(text).unwrap();
            assert_eq!(address.verstat(), verstat.map(str::as_bytes), "{text}");
            let mut buffer = [0; 256];
            let mut out = Out::new(&mut buffer);
            address.write_with_verstat(Some(Verstat::Passed), &mut out).unwrap();
            let written = out.finish().unwrap();
            assert_eq!(written, passed);
            assert_eq!(parse(written).unwrap().verstat(), Some(&b"TN-Validation-Passed"[..]));
            let mut out = Out::new(&mut buffer);
            address.write_with_verstat(None, &mut out).unwrap();
            assert!(!out.finish().unwrap().to_ascii_lowercase().contains("verstat"));
        }
        let mut buffer = [0; 64];
        let mut out = Out::new(&mut buffer);
        let outcome =
            parse("<sip:alice@example.com>").unwrap().write_with_verstat(Some(Verstat::Failed), &mut out);
        assert_eq!(outcome, Err(Error::UriNotANumber));
        assert!(out.written().is_empty());
    }
}
