//! The Identity header field of a SIP request (RFC 8224 §4): parse and write.
//!
//! ```text
//! Identity          = "Identity" HCOLON digest SEMI ident-info *( SEMI ident-info-params )
//! digest            = 1*( base64url-char / "." )
//! ident-info        = "info" EQUAL LAQUOT absoluteURI RAQUOT
//! ident-info-params = "alg" EQUAL token / "ppt" EQUAL token / generic-param
//! ```
//!
//! In: the value of one header field. Out: its parts, borrowed; nothing of the token is decoded.
//!
//! Beyond the grammar this reader accepts what deployed carriers send, and nothing else:
//! - parameters in any order (the grammar puts `info` first; real senders do not);
//! - parameter names, and unquoted values of `alg` and `ppt`, in any case (RFC 3261 §7.3.1);
//! - `alg` and `ppt` quoted or not (RFC 8224 §4 and its own examples disagree);
//! - `alg` absent, which means ES256 (RFC 8224 §4.1), and `ppt` absent (the token has it);
//! - white space, folded lines too, around `;` and `=`;
//! - the letters `-` and `_` in the digest, which the grammar forgot.

use arrayvec::ArrayVec;

use crate::passport::Ppt;
use crate::scan::prefix_len;
use crate::write::Out;
use crate::{Error, base64url};

/// Longest header value that is read: the longest token that [`crate::passport`] reads, a
/// certificate URL of 2,048 bytes and room for other parameters.
pub const MAX_LEN: usize = 24 * 1024;

/// How many parameters one header may have; the grammar defines three.
const MAX_PARAMS: usize = 16;

/// One Identity header value, split into its parts.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    token: &'a str,
    info: &'a str,
    ppt: Option<Value<'a>>,
    states_alg: bool,
    /// Where the first parameter stands that the grammar does not define.
    other_at: Option<usize>,
}

/// A parameter value and how it was written: tokens are compared without regard to case, quoted
/// strings exactly (RFC 3261 §7.3.1).
#[derive(Clone, Copy)]
enum Value<'a> {
    Token(&'a [u8]),
    Quoted(&'a [u8]),
}

impl Value<'_> {
    fn is(self, expected: &str) -> bool {
        match self {
            Self::Token(value) => value.eq_ignore_ascii_case(expected.as_bytes()),
            Self::Quoted(value) => value == expected.as_bytes(),
        }
    }
}

impl<'a> Identity<'a> {
    /// Splits a header value, without the header's name.
    ///
    /// # Errors
    /// [`Error::IdentityTooLarge`]; [`Error::TokenSegments`] for an empty digest;
    /// [`Error::Base64Invalid`] for a byte in the digest that is neither base64url nor a dot;
    /// [`Error::ParamSyntax`], [`Error::ParamDuplicate`]; [`Error::InfoMissing`],
    /// [`Error::InfoSyntax`]; [`Error::ParamAlgUnsupported`].
    pub fn parse(value: &'a [u8]) -> Result<Self, Error> {
        if value.len() > MAX_LEN {
            return Err(Error::IdentityTooLarge { len_bytes: value.len() });
        }
        let mut cursor = Cursor { bytes: value, at: 0 };
        cursor.white_space();
        let token = cursor.digest()?;
        cursor.white_space();

        let mut names = ArrayVec::<&[u8], MAX_PARAMS>::new();
        let mut info = None;
        let mut ppt = None;
        let (mut states_alg, mut other_at) = (false, None);
        while !cursor.at_end() {
            cursor.expect(b';')?;
            let offset = cursor.at;
            let name = cursor.token()?;
            if names.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                return Err(Error::ParamDuplicate { offset });
            }
            names.try_push(name).map_err(|_| Error::ParamSyntax { offset })?;
            cursor.white_space();
            if name.eq_ignore_ascii_case(b"info") {
                cursor.expect(b'=')?;
                info = Some(cursor.bracketed_uri()?);
            } else if name.eq_ignore_ascii_case(b"alg") {
                cursor.expect(b'=')?;
                if !cursor.value()?.is("ES256") {
                    return Err(Error::ParamAlgUnsupported);
                }
                states_alg = true;
            } else if name.eq_ignore_ascii_case(b"ppt") {
                cursor.expect(b'=')?;
                ppt = Some(cursor.value()?);
            } else {
                other_at = other_at.or(Some(offset));
                if cursor.accept(b'=') {
                    cursor.white_space();
                    cursor.value()?;
                }
            }
            cursor.white_space();
        }
        Ok(Self { token, info: info.ok_or(Error::InfoMissing)?, ppt, states_alg, other_at })
    }

    /// The PASSporT, full or compact form, not decoded.
    #[must_use]
    pub fn token(&self) -> &'a str {
        self.token
    }

    /// The URI of the `info` parameter, byte for byte, without the angle brackets.
    #[must_use]
    pub fn info(&self) -> &'a str {
        self.info
    }

    /// The PASSporT type that the header states, if it states one.
    ///
    /// # Errors
    /// [`Error::PptUnsupported`] if it is none of [`Ppt::ALL`].
    pub fn stated_ppt(&self) -> Result<Option<Ppt>, Error> {
        let Some(value) = self.ppt else {
            return Ok(None);
        };
        let is_stated = |ppt: &Ppt| ppt.as_str().is_some_and(|name| value.is(name));
        Ppt::ALL.into_iter().find(is_stated).map(Some).ok_or(Error::PptUnsupported)
    }

    /// The PASSporT type that the header states, as written and without quotes.
    #[must_use]
    pub fn ppt(&self) -> Option<&'a str> {
        let (Value::Token(value) | Value::Quoted(value)) = self.ppt?;
        core::str::from_utf8(value).ok()
    }

    /// Whether the header has `info`, `alg` and `ppt` and nothing else, as some national profiles want
    /// it, such as that of French operators. RFC 8224 §4 lets `alg` and `ppt` be absent, and further
    /// parameters be there.
    ///
    /// # Errors
    /// [`Error::ParamAlgUnsupported`] without `alg`, [`Error::PptMismatch`] without `ppt`,
    /// [`Error::ParamSyntax`] for another parameter.
    pub fn check_exact_params(&self) -> Result<(), Error> {
        match (self.states_alg, self.ppt, self.other_at) {
            (_, _, Some(offset)) => Err(Error::ParamSyntax { offset }),
            (false, _, _) => Err(Error::ParamAlgUnsupported),
            (_, None, _) => Err(Error::PptMismatch),
            (true, Some(_), None) => Ok(()),
        }
    }

    /// Whether the token is in compact form: header and payload left out (RFC 8225 §7).
    #[must_use]
    pub fn is_compact(&self) -> bool {
        self.token.starts_with("..")
    }
}

impl core::fmt::Debug for Identity<'_> {
    /// Shows no part of the token: it is good for a minute, and holds telephone numbers.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Identity(token of {} bytes, info {:?})", self.token.len(), self.info)
    }
}

/// Writes the parameters behind a token, in the order that deployed verifiers expect.
pub(crate) fn write_params(out: &mut Out<'_>, info: &str, ppt: Ppt) {
    out.push(b";info=<");
    out.push(info.as_bytes());
    out.push(b">;alg=ES256");
    if let Some(ppt) = ppt.as_str() {
        out.push(b";ppt=");
        out.push(ppt.as_bytes());
    }
}

/// Reads the pieces of RFC 3261 §25 that the grammar above is made of.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn digest(&mut self) -> Result<&'a str, Error> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        // By far the longest part of a header.
        let digest = self.take(prefix_len(rest, |b| base64url::is_alphabet(b) | (b == b'.')));
        match self.peek() {
            None | Some(b';' | b' ' | b'\t' | b'\r') if digest.is_empty() => {
                Err(Error::TokenSegments { count: 0 })
            }
            None | Some(b';' | b' ' | b'\t' | b'\r') => {
                core::str::from_utf8(digest).map_err(|_| Error::Base64Invalid)
            }
            Some(_) => Err(Error::Base64Invalid),
        }
    }

    /// `token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~")`
    fn token(&mut self) -> Result<&'a [u8], Error> {
        let token = self.take_while(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b));
        if token.is_empty() { Err(self.syntax()) } else { Ok(token) }
    }

    /// `gen-value = token / host / quoted-string`; of a host only the brackets and colons of an
    /// IPv6 address are not token characters.
    fn value(&mut self) -> Result<Value<'a>, Error> {
        if self.accept(b'"') {
            return self.quoted();
        }
        let value = self.take_while(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~[]:".contains(&b));
        if value.is_empty() { Err(self.syntax()) } else { Ok(Value::Token(value)) }
    }

    /// `quoted-string` behind its first quote. Control characters are refused, escaped or not:
    /// RFC 3261 allows them after a backslash and nobody has a use for them.
    fn quoted(&mut self) -> Result<Value<'a>, Error> {
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.at += 1;
                    if !matches!(self.peek(), Some(0x20..=0x7e)) {
                        return Err(self.syntax());
                    }
                    self.at += 1;
                }
                Some(b'\t' | 0x20..=0x7e | 0x80..) => self.at += 1,
                Some(_) | None => return Err(self.syntax()),
            }
        }
        let value = self.bytes.get(start..self.at).unwrap_or_default();
        self.at += 1;
        Ok(Value::Quoted(value))
    }

    /// `LAQUOT absoluteURI RAQUOT`. What the URI must be is decided by
    /// [`X5u`](crate::fetch::X5u); here it must be printable ASCII.
    fn bracketed_uri(&mut self) -> Result<&'a str, Error> {
        if !self.accept(b'<') {
            return Err(Error::InfoSyntax);
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let uri = self
            .take(prefix_len(rest, |b| (b > b' ') & (b < 0x7f) & (b != b'<') & (b != b'>') & (b != b'"')));
        if uri.is_empty() || !self.accept(b'>') {
            return Err(Error::InfoSyntax);
        }
        core::str::from_utf8(uri).map_err(|_| Error::InfoSyntax)
    }

    /// `SWS = [ [*WSP CRLF] 1*WSP ]`
    fn white_space(&mut self) {
        loop {
            self.take_while(|b| b == b' ' || b == b'\t');
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            if !matches!(rest, [b'\r', b'\n', b' ' | b'\t', ..]) {
                return;
            }
            self.at += 2;
        }
    }

    /// `byte` and the white space behind it.
    fn expect(&mut self, byte: u8) -> Result<(), Error> {
        if !self.accept(byte) {
            return Err(self.syntax());
        }
        self.white_space();
        Ok(())
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.take(rest.iter().take_while(|b| keep(**b)).count())
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let start = self.at;
        self.at += len;
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn syntax(&self) -> Error {
        Error::ParamSyntax { offset: self.at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "https://cert.example.org/passport.cer";

    fn parse(params: &str) -> Result<Identity<'static>, Error> {
        let value = format!("eyJh.eyJi.c2ln{params}");
        Identity::parse(Box::leak(value.into_boxed_str()).as_bytes())
    }

    #[test]
    fn exact_parameters_are_three() {
        let info = "a.b.c;info=<https://a.example/>";
        for (more, outcome) in [
            (";alg=ES256;ppt=shaken", Ok(())),
            (";ppt=\"shaken\";alg=ES256", Ok(())),
            (";ppt=shaken", Err(Error::ParamAlgUnsupported)),
            (";alg=ES256", Err(Error::PptMismatch)),
            (";alg=ES256;ppt=shaken;x=y", Err(Error::ParamSyntax { offset: info.len() + 22 })),
            (";alg=ES256;ppt=shaken;x", Err(Error::ParamSyntax { offset: info.len() + 22 })),
        ] {
            let value = format!("{info}{more}");
            assert_eq!(Identity::parse(value.as_bytes()).unwrap().check_exact_params(), outcome, "{more}");
        }
    }

    #[test]
    fn what_carriers_send_is_read() {
        for (params, why) in [
            (format!(";info=<{INFO}>;alg=ES256;ppt=shaken"), "usual form"),
            (format!(";info=<{INFO}>;alg=\"ES256\";ppt=\"shaken\""), "quoted values"),
            (format!(";info=<{INFO}>;ppt=shaken"), "alg absent"),
            (format!(";info=<{INFO}>"), "alg and ppt absent"),
            (format!(";ppt=shaken;alg=ES256;info=<{INFO}>"), "another order"),
            (format!(" ; info = <{INFO}> ; alg = ES256\t; ppt = shaken "), "white space"),
            (format!(";info=<{INFO}>;\r\n alg=ES256;ppt=shaken"), "folded line"),
            (format!(";INFO=<{INFO}>;Alg=es256;PPT=Shaken"), "another case"),
            (format!(";info=<{INFO}>;foo;bar=\"x;y\";host=[2001:db8::1]"), "unknown parameters"),
        ] {
            let identity = parse(&params).unwrap_or_else(|e| panic!("{why}: {e}"));
            assert_eq!(identity.token(), "eyJh.eyJi.c2ln");
            assert_eq!(identity.info(), INFO);
            assert!(matches!(identity.stated_ppt(), Ok(None | Some(Ppt::Shaken))), "{why}");
        }
    }

    #[test]
    fn everything_else_has_its_own_error() {
        for (params, error) in [
            (String::new(), Error::InfoMissing),
            (";".into(), Error::ParamSyntax { offset: 15 }),
            (";alg=ES256;ppt=shaken".into(), Error::InfoMissing),
            (format!(";info={INFO};alg=ES256"), Error::InfoSyntax),
            (format!(";info=\"{INFO}\""), Error::InfoSyntax),
            (format!(";info=<{INFO};alg=ES256"), Error::InfoSyntax),
            (";info=<>".into(), Error::InfoSyntax),
            (";info=<https://cert.example.org/a b>".into(), Error::InfoSyntax),
            (format!(";info=<{INFO}>alg=ES256"), Error::ParamSyntax { offset: 59 }),
            (format!(";info=<{INFO}>;"), Error::ParamSyntax { offset: 60 }),
            (format!(";info=<{INFO}>;alg"), Error::ParamSyntax { offset: 63 }),
            (format!(";info=<{INFO}>;alg=HS256"), Error::ParamAlgUnsupported),
            (format!(";info=<{INFO}>;alg=\"es256\""), Error::ParamAlgUnsupported),
            (format!(";info=<{INFO}>;ppt=\"shaken"), Error::ParamSyntax { offset: 71 }),
            (format!(";info=<{INFO}>;info=<{INFO}>"), Error::ParamDuplicate { offset: 60 }),
            (format!(";info=<{INFO}>;x;X=1"), Error::ParamDuplicate { offset: 62 }),
            (format!(";info=<{INFO}>, eyJh.eyJi.c2ln;info=<{INFO}>"), Error::ParamSyntax { offset: 59 }),
            (format!(";info=<{INFO}>;a=\"\u{0}\""), Error::ParamSyntax { offset: 63 }),
        ] {
            assert_eq!(parse(&params).err(), Some(error), "{params:?}");
        }
    }

    #[test]
    fn digest_is_base64url_and_dots() {
        for (value, error) in [
            (";info=<https://a.example/b>", Error::TokenSegments { count: 0 }),
            ("", Error::TokenSegments { count: 0 }),
            ("a.b.c=;info=<https://a.example/b>", Error::Base64Invalid),
            ("a.b.c+/;info=<https://a.example/b>", Error::Base64Invalid),
            ("a.b\n.c;info=<https://a.example/b>", Error::Base64Invalid),
            ("a.b .c;info=<https://a.example/b>", Error::ParamSyntax { offset: 4 }),
            ("a.\u{0}b.c;info=<https://a.example/b>", Error::Base64Invalid),
        ] {
            assert_eq!(Identity::parse(value.as_bytes()).err(), Some(error), "{value:?}");
        }
    }

    #[test]
    fn size_and_parameter_count_are_bounded() {
        let long = format!("a.b.c;info=<{INFO}>;x={}", "A".repeat(MAX_LEN));
        assert!(matches!(Identity::parse(long.as_bytes()), Err(Error::IdentityTooLarge { .. })));
        let many: String = (0..MAX_PARAMS).map(|i| format!(";p{i}")).collect();
        assert!(matches!(parse(&format!(";info=<{INFO}>{many}")), Err(Error::ParamSyntax { .. })));
    }

    #[test]
    fn compact_form_is_recognized() {
        let value = format!("..c2ln;info=<{INFO}>");
        assert!(Identity::parse(value.as_bytes()).unwrap().is_compact());
    }
}
