//! JSON strings: borrowed with their escapes, and written in the shortest form.

use core::cmp::Ordering;
use core::fmt;

use crate::write::{Out, Sink};

/// A JSON string, borrowed from the input with its escapes unresolved. Two are equal when they
/// spell the same characters. [`fmt::Display`] writes the characters.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    raw: &'a str,
    has_escapes: bool,
}

impl<'a> Text<'a> {
    /// `raw` is what stands between the quotation marks, checked by
    /// [`Reader::string`](super::Reader::string).
    pub(super) fn new(raw: &'a str, has_escapes: bool) -> Self {
        Self { raw, has_escapes }
    }

    /// `plain`, which has no character that JSON escapes.
    pub(crate) const fn without_escapes(plain: &'a str) -> Self {
        Self { raw: plain, has_escapes: false }
    }

    /// The one of `words` that the string spells, escapes resolved.
    #[inline]
    #[must_use]
    pub fn one_of(&self, words: &[&'static str]) -> Option<&'static str> {
        words.iter().copied().find(|word| self == *word)
    }

    /// The characters as they stand in the text, unless some of them are escaped.
    #[must_use]
    pub fn unescaped(&self) -> Option<&'a str> {
        (!self.has_escapes).then_some(self.raw)
    }

    /// The characters, escapes resolved.
    pub fn chars(&self) -> impl Iterator<Item = char> + 'a {
        Chars { rest: self.raw.chars() }
    }

    /// The characters as one string: borrowed if no escape stands in it, else written to `room`.
    /// `None` if they do not fit there.
    #[must_use]
    pub fn resolve<'r>(&self, room: &'r mut [u8]) -> Option<&'r str>
    where
        'a: 'r,
    {
        if !self.has_escapes {
            return Some(self.raw);
        }
        let mut out = Out::new(room);
        self.write_plain(&mut out);
        out.finish().ok()
    }

    /// Writes the string with its quotation marks, as [`write_string`].
    pub fn write(&self, sink: &mut (impl Sink + ?Sized)) {
        if self.has_escapes {
            write_characters(sink, self.chars());
        } else {
            // What stands there without an escape needs none.
            sink.push(b"\"");
            sink.push(self.raw.as_bytes());
            sink.push(b"\"");
        }
    }

    /// Gives the characters to `sink` in UTF-8, without quotation marks.
    pub fn write_plain(&self, sink: &mut (impl Sink + ?Sized)) {
        if self.has_escapes {
            self.chars().for_each(|c| sink.push(c.encode_utf8(&mut [0; 4]).as_bytes()));
        } else {
            sink.push(self.raw.as_bytes());
        }
    }
}

impl Eq for Text<'_> {}

impl Ord for Text<'_> {
    /// By code points, which is the order of the bytes in UTF-8.
    fn cmp(&self, other: &Self) -> Ordering {
        if self.has_escapes || other.has_escapes {
            self.chars().cmp(other.chars())
        } else {
            self.raw.cmp(other.raw)
        }
    }
}

impl PartialOrd for Text<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Text<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        if self.has_escapes || other.has_escapes {
            self.chars().eq(other.chars())
        } else {
            self.raw == other.raw
        }
    }
}

impl PartialEq<str> for Text<'_> {
    #[inline]
    fn eq(&self, other: &str) -> bool {
        if self.has_escapes { self.chars().eq(other.chars()) } else { self.raw == other }
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        self.chars().try_for_each(|c| f.write_char(c))
    }
}

impl fmt::Debug for Text<'_> {
    /// Shows the length alone: a string of a token may be a telephone number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.raw.len())
    }
}

/// Resolves escapes that [`Reader::string`] has already checked.
struct Chars<'a> {
    rest: core::str::Chars<'a>,
}

impl Chars<'_> {
    fn code_unit(&mut self) -> u32 {
        (0..4).fold(0, |value, _| value << 4 | self.rest.next().and_then(|c| c.to_digit(16)).unwrap_or(0))
    }
}

impl Iterator for Chars<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self.rest.next()? {
            '\\' => match self.rest.next()? {
                'b' => Some('\u{8}'),
                'f' => Some('\u{c}'),
                'n' => Some('\n'),
                'r' => Some('\r'),
                't' => Some('\t'),
                'u' => {
                    let unit = self.code_unit();
                    let scalar = if matches!(unit, 0xD800..=0xDBFF) {
                        self.rest.nth(1);
                        0x10000 + ((unit & 0x3FF) << 10) + (self.code_unit() & 0x3FF)
                    } else {
                        unit
                    };
                    char::from_u32(scalar)
                }
                plain => Some(plain),
            },
            plain => Some(plain),
        }
    }
}

/// Writes `text` as a JSON string in the shortest form: only `"`, `\` and control characters are
/// escaped (RFC 8225 §9 leaves the choice open; every verifier reads this one).
pub fn write_string(out: &mut (impl Sink + ?Sized), text: &str) {
    out.push(b"\"");
    write_escaped(out, text.as_bytes());
    out.push(b"\"");
}

fn write_characters(out: &mut (impl Sink + ?Sized), characters: impl Iterator<Item = char>) {
    out.push(b"\"");
    for character in characters {
        write_escaped(out, character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    out.push(b"\"");
}

/// Whole runs of what needs no escape at once: a string has one such run as a rule.
fn write_escaped(out: &mut (impl Sink + ?Sized), mut utf8: &[u8]) {
    while let Some(at) = first_to_escape(utf8) {
        let (plain, rest) = utf8.split_at_checked(at).unwrap_or_default();
        out.push(plain);
        if let Some((byte, rest)) = rest.split_first() {
            write_escape(out, *byte);
            utf8 = rest;
        }
    }
    out.push(utf8);
}

/// Where the first byte is that needs an escape. Of most texts none does: many bytes at once are looked at
/// for that.
fn first_to_escape(utf8: &[u8]) -> Option<usize> {
    let needs_one = |byte: &u8| matches!(byte, b'"' | b'\\' | ..0x20);
    let (chunks, _) = utf8.as_chunks::<32>();
    // Without an end before all are seen, which is what the compiler makes vectors of.
    let is_plain = |chunk: &&[u8; 32]| !chunk.iter().fold(false, |found, byte| found | needs_one(byte));
    let plain_len = 32 * chunks.iter().take_while(is_plain).count();
    let found = utf8.get(plain_len..).unwrap_or_default().iter().position(needs_one);
    found.map(|at| plain_len + at)
}

fn write_escape(out: &mut (impl Sink + ?Sized), byte: u8) {
    match byte {
        b'"' => out.push(b"\\\""),
        b'\\' => out.push(b"\\\\"),
        b'\x08' => out.push(b"\\b"),
        b'\t' => out.push(b"\\t"),
        b'\n' => out.push(b"\\n"),
        b'\x0c' => out.push(b"\\f"),
        b'\r' => out.push(b"\\r"),
        _ => {
            out.push(b"\\u00");
            for digit in [byte >> 4, byte & 15] {
                let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                out.push(digit.encode_utf8(&mut [0]).as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Reader;

    /// However far behind plain text they stand.
    #[test]
    fn every_byte_that_needs_an_escape_gets_one() {
        for len in 0..70 {
            let plain = "a".repeat(len);
            for (character, escape) in
                [("\"", "\\\""), ("\\", "\\\\"), ("\0", "\\u0000"), ("\u{1f}", "\\u001f")]
            {
                for at in 0..=len {
                    let text = [&plain[..at], character, &plain[at..]].concat();
                    let mut json = Vec::new();
                    write_string(&mut json, &text);
                    assert_eq!(json, format!("\"{}\"", text.replace(character, escape)).as_bytes());
                }
            }
            let (mut json, plain) = (Vec::new(), " é~\u{7f}".repeat(len));
            write_string(&mut json, &plain);
            assert_eq!(json, format!("\"{plain}\"").as_bytes());
        }
    }

    #[test]
    fn escapes_resolve_to_their_characters() {
        let mut reader = Reader::new(r#""\u0031\ud83d\ude00\/\n\"\\é""#.as_bytes()).unwrap();
        let text = reader.string().unwrap().unwrap();
        assert_eq!(text.to_string(), "1😀/\n\"\\é");
        assert!(text == *"1😀/\n\"\\é");
        assert_eq!(text.one_of(&["1", "1😀/\n\"\\é"]), Some("1😀/\n\"\\é"));
    }

    #[test]
    fn what_is_written_reads_back() {
        let text = "a\"b\\c/\u{1}\u{1f}\n\t\r\u{8}\u{c}é😀";
        let mut buffer = [0; 128];
        let mut out = Out::new(&mut buffer);
        write_string(&mut out, text);
        let written = out.finish().unwrap();
        assert!(Reader::new(written.as_bytes()).unwrap().string().unwrap().unwrap() == *text);
        assert!(written.contains("\\u0001\\u001f"));
    }

    #[test]
    fn strings_are_ordered_by_code_points() {
        let text = |json: &'static str| Reader::new(json.as_bytes()).unwrap().string().unwrap().unwrap();
        // By UTF-16 units the second would come first.
        assert!(text(r#""\ufb33""#) < text(r#""\ud83d\ude00""#));
        assert!(text("\"\u{fb33}\"") < text("\"\u{1f600}\""));
        assert!(text(r#""a""#) < text(r#""a\u0000""#));
        assert_eq!(text(r#""\u0061b""#).cmp(&text(r#""ab""#)), Ordering::Equal);
    }

    #[test]
    fn resolving_needs_room_only_for_escapes() {
        let text = |json: &'static str| Reader::new(json.as_bytes()).unwrap().string().unwrap().unwrap();
        assert_eq!(text(r#""abc""#).resolve(&mut []), Some("abc"));
        assert_eq!(text(r#""https:\/\/a""#).resolve(&mut [0; 9]), Some("https://a"));
        assert_eq!(text(r#""https:\/\/a""#).resolve(&mut [0; 8]), None);
    }
}
