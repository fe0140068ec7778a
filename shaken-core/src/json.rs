//! A strict reader and a canonical writer for the small JSON that PASSporTs speak.
//!
//! In: the decoded bytes of one segment of a token. Out: values borrowed from them, read in one
//! pass, without allocation. Beyond RFC 8259 the reader refuses what two parsers could read
//! differently: duplicate member names at every level (RFC 7515 §4, RFC 8225 §9), lone
//! surrogates, anything behind the value; and it bounds its work by [`MAX_DEPTH`] and
//! [`MAX_MEMBERS`]. It never converts a value to another type.

pub mod canonical;
mod raw;
mod text;

pub(crate) use raw::strings;
pub use raw::{Elements, Members, Raw};
pub use text::{Text, write_string};

use arrayvec::ArrayVec;

use crate::Error;

/// How deep objects and arrays may be nested. A jCard in an `rcd` claim, the deepest thing that
/// a PASSporT carries, needs seven levels.
pub const MAX_DEPTH: usize = 8;

/// How many members one object may have; no PASSporT type has more than ten claims. Keeps the
/// search for duplicate names linear in the input.
pub const MAX_MEMBERS: usize = 64;

/// Reads one JSON text front to back.
///
/// Each method reads one value at the current position. The typed ones answer `None` when a
/// value of another type stands there; they have checked and passed it all the same, so that a
/// syntax error is reported wherever it is.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first value of `bytes`.
    ///
    /// # Errors
    /// [`Error::JsonEncoding`] if `bytes` are not UTF-8. A byte order mark is refused as a
    /// syntax error by the first read (RFC 8259 §8.1).
    pub fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        let text =
            core::str::from_utf8(bytes).map_err(|e| Error::JsonEncoding { offset: e.valid_up_to() })?;
        let mut reader = Self { text, at: 0, depth: 0 };
        reader.white_space();
        Ok(reader)
    }

    /// Checks that nothing but white space is left.
    ///
    /// # Errors
    /// [`Error::JsonSyntax`] if something is.
    pub fn finish(self) -> Result<(), Error> {
        if self.at == self.text.len() { Ok(()) } else { Err(self.syntax()) }
    }

    /// Reads an object, giving each member's name to `member`, which must read its value.
    /// Answers whether an object stood there.
    ///
    /// # Errors
    /// Those of `member`, [`Error::JsonSyntax`], [`Error::JsonDuplicateMember`],
    /// [`Error::JsonTooDeep`], [`Error::JsonTooManyMembers`], [`Error::JsonEncoding`].
    pub fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Text<'a>) -> Result<(), Error>,
    ) -> Result<Option<()>, Error> {
        if self.peek() != Some(b'{') {
            return self.pass();
        }
        let mut seen = ArrayVec::<Text<'a>, MAX_MEMBERS>::new();
        self.enclosed(b'}', |reader| {
            let offset = reader.at;
            let name = reader.string()?.ok_or(Error::JsonSyntax { offset })?;
            if seen.iter().any(|other| other == &name) {
                return Err(Error::JsonDuplicateMember { offset });
            }
            seen.try_push(name).map_err(|_| Error::JsonTooManyMembers { offset })?;
            reader.expect(b':')?;
            member(reader, name)
        })
    }

    /// Reads an array, calling `element` at each element, which must read it. Answers whether an
    /// array stood there.
    ///
    /// # Errors
    /// Those of `element`, [`Error::JsonSyntax`], [`Error::JsonTooDeep`].
    pub fn array(
        &mut self,
        element: impl FnMut(&mut Self) -> Result<(), Error>,
    ) -> Result<Option<()>, Error> {
        if self.peek() != Some(b'[') {
            return self.pass();
        }
        self.enclosed(b']', element)
    }

    /// Reads a string.
    ///
    /// # Errors
    /// [`Error::JsonSyntax`], [`Error::JsonEncoding`] for a lone surrogate.
    pub fn string(&mut self) -> Result<Option<Text<'a>>, Error> {
        if self.peek() != Some(b'"') {
            return self.pass();
        }
        self.at += 1;
        let start = self.at;
        let mut has_escapes = false;
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            self.at += rest.iter().take_while(|b| !matches!(b, b'"' | b'\\' | ..0x20)).count();
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escapes = true;
                    self.escape()?;
                }
                // RFC 8259 §7: control characters must be escaped.
                Some(_) | None => return Err(self.syntax()),
            }
        }
        let raw = self.text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        self.white_space();
        Ok(Some(Text::new(raw, has_escapes)))
    }

    /// Reads a number that is a whole one from 0 to `u64::MAX` and written as such, without
    /// fraction and exponent (RFC 8225 §9 rule 4).
    ///
    /// # Errors
    /// [`Error::JsonSyntax`].
    pub fn unsigned(&mut self) -> Result<Option<u64>, Error> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => {
                let start = self.at;
                self.number()?;
                let digits = self.text.get(start..self.at).unwrap_or_default();
                let value = digits.parse().ok();
                self.white_space();
                Ok(value)
            }
            _ => self.pass(),
        }
    }

    /// Checks and passes one value of any type.
    ///
    /// # Errors
    /// As [`object`](Self::object).
    pub fn skip(&mut self) -> Result<(), Error> {
        match self.peek() {
            Some(b'{') => self.object(|reader, _| reader.skip()).map(drop),
            Some(b'[') => self.array(Self::skip).map(drop),
            Some(b'"') => self.string().map(drop),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                self.white_space();
                Ok(())
            }
            _ => Err(self.syntax()),
        }
    }

    /// Checks and passes one value of any type, and keeps its text.
    ///
    /// # Errors
    /// As [`object`](Self::object).
    pub fn raw(&mut self) -> Result<Raw<'a>, Error> {
        let start = self.at;
        self.skip()?;
        let text = self.text.get(start..self.at).unwrap_or_default();
        Ok(Raw::new(text.trim_ascii_end()))
    }

    fn pass<T>(&mut self) -> Result<Option<T>, Error> {
        self.skip()?;
        Ok(None)
    }

    /// `open item *( "," item ) close`, where `open` is already known to stand here.
    fn enclosed(
        &mut self,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Result<(), Error>,
    ) -> Result<Option<()>, Error> {
        if self.depth == MAX_DEPTH {
            return Err(Error::JsonTooDeep { offset: self.at });
        }
        self.depth += 1;
        self.at += 1;
        self.white_space();
        if self.peek() == Some(close) {
            self.expect(close)?;
        } else {
            loop {
                item(self)?;
                if self.peek() == Some(close) {
                    self.expect(close)?;
                    break;
                }
                self.expect(b',')?;
            }
        }
        self.depth -= 1;
        Ok(Some(()))
    }

    /// RFC 8259 §6: `[ minus ] int [ frac ] [ exp ]`, without leading zeros.
    fn number(&mut self) -> Result<(), Error> {
        self.accept(b"-");
        if !self.accept(b"0") {
            self.digits()?;
        }
        if self.accept(b".") {
            self.digits()?;
        }
        if self.accept(b"eE") {
            self.accept(b"+-");
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Error> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.syntax()) } else { Ok(()) }
    }

    fn literal(&mut self, word: &str) -> Result<(), Error> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.syntax());
        }
        self.at += word.len();
        self.white_space();
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Error> {
        let start = self.at;
        self.at += 1;
        if self.accept(br#""\/bfnrt"#) {
            return Ok(());
        }
        match self.code_unit()? {
            // A high surrogate must be followed by a low one, a low one may not come first.
            0xD800..=0xDBFF => {
                let paired = self.accept(b"\\") && matches!(self.code_unit(), Ok(0xDC00..=0xDFFF));
                if paired { Ok(()) } else { Err(Error::JsonEncoding { offset: start }) }
            }
            0xDC00..=0xDFFF => Err(Error::JsonEncoding { offset: start }),
            _ => Ok(()),
        }
    }

    fn code_unit(&mut self) -> Result<u32, Error> {
        let hex = self
            .text
            .get(self.at..)
            .and_then(|rest| rest.strip_prefix('u'))
            .and_then(|rest| rest.get(..4))
            .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .ok_or_else(|| self.syntax())?;
        self.at += 5;
        u32::from_str_radix(hex, 16).map_err(|_| self.syntax())
    }

    fn expect(&mut self, byte: u8) -> Result<(), Error> {
        if self.peek() != Some(byte) {
            return Err(self.syntax());
        }
        self.at += 1;
        self.white_space();
        Ok(())
    }

    fn accept(&mut self, any_of: &[u8]) -> bool {
        let found = self.peek().is_some_and(|b| any_of.contains(&b));
        self.at += usize::from(found);
        found
    }

    fn white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn syntax(&self) -> Error {
        Error::JsonSyntax { offset: self.at }
    }
}

/// Checks that `bytes` are one JSON text by the rules of this module.
///
/// # Errors
/// As [`Raw::parse`].
pub fn check(bytes: &[u8]) -> Result<(), Error> {
    Raw::parse(bytes).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_names_are_found_at_every_level_and_through_escapes() {
        for text in [r#"{"a":1,"a":2}"#, r#"{"x":{"a":1,"a":1}}"#, r#"[{"a":1,"\u0061":1}]"#] {
            assert!(matches!(check(text.as_bytes()), Err(Error::JsonDuplicateMember { .. })), "{text}");
        }
        assert_eq!(check(br#"{"a":{"a":1},"b":{"a":1}}"#), Ok(()));
    }

    #[test]
    fn depth_and_member_count_are_bounded() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert_eq!(check(nested(MAX_DEPTH).as_bytes()), Ok(()));
        assert!(matches!(check(nested(MAX_DEPTH + 1).as_bytes()), Err(Error::JsonTooDeep { .. })));
        assert!(matches!(check("[".repeat(100_000).as_bytes()), Err(Error::JsonTooDeep { .. })));

        let members = |n: usize| {
            let list: Vec<String> = (0..n).map(|i| format!("\"k{i}\":0")).collect();
            format!("{{{}}}", list.join(","))
        };
        assert_eq!(check(members(MAX_MEMBERS).as_bytes()), Ok(()));
        assert!(matches!(check(members(MAX_MEMBERS + 1).as_bytes()), Err(Error::JsonTooManyMembers { .. })));
    }

    #[test]
    fn lone_surrogates_and_bad_utf8_are_encoding_errors() {
        for text in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\u0041""#, r#""\ud800\n""#] {
            assert!(matches!(check(text.as_bytes()), Err(Error::JsonEncoding { .. })), "{text}");
        }
        assert_eq!(check(b"\"\xff\""), Err(Error::JsonEncoding { offset: 1 }));
    }

    #[test]
    fn numbers_are_whole_or_nothing() {
        let number = |text: &str| Reader::new(text.as_bytes()).unwrap().unsigned();
        assert_eq!(number("0"), Ok(Some(0)));
        assert_eq!(number("18446744073709551615"), Ok(Some(u64::MAX)));
        for text in ["18446744073709551616", "-1", "1.0", "1e3", "\"1\"", "null", "[1]"] {
            assert_eq!(number(text), Ok(None), "{text}");
        }
        for text in ["01", "1.", "-", "1e"] {
            let mut reader = Reader::new(text.as_bytes()).unwrap();
            assert!(reader.unsigned().and_then(|_| reader.finish()).is_err(), "{text}");
        }
    }
}
