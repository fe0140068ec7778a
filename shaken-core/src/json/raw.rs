//! JSON values that were checked once and are read later, in any order.

use core::fmt;

use super::{Reader, Text};
use crate::Error;

/// The text of one JSON value that was found to be well-formed, to be read later or not at all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// Checks that `bytes` are one JSON text by the rules of [this module](super).
    ///
    /// # Errors
    /// As [`Reader::object`] and [`Reader::finish`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes)?;
        let value = reader.raw()?;
        reader.finish()?;
        Ok(value)
    }

    /// `text` is known to be a value, and has no white space around it.
    pub(crate) fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The text, without white space around it.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.0
    }

    /// Reads the value.
    #[must_use]
    pub fn reader(&self) -> Reader<'a> {
        Reader { text: self.0, at: 0, depth: 0 }
    }

    /// The value, if it is a string.
    #[must_use]
    pub fn string(&self) -> Option<Text<'a>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        Some(Text::new(inner, inner.bytes().any(|b| b == b'\\')))
    }

    /// The members in their order, if the value is an object.
    #[must_use]
    pub fn members(&self) -> Option<Members<'a>> {
        self.0.strip_prefix('{').map(|rest| Members(Cursor { rest }))
    }

    /// The members of these names, found in one pass. `None` for what the object has not, and for all if the
    /// value is no object.
    #[must_use]
    pub fn pick<const N: usize>(&self, names: [&str; N]) -> [Option<Self>; N] {
        let mut picked = [None; N];
        for (found, value) in self.members().unwrap_or_default() {
            let place = names.iter().zip(&mut picked).find(|(name, _)| found == ***name);
            if let Some((_, place)) = place {
                *place = Some(value);
            }
        }
        picked
    }

    /// The elements in their order, if the value is an array.
    #[must_use]
    pub fn elements(&self) -> Option<Elements<'a>> {
        self.0.strip_prefix('[').map(|rest| Elements(Cursor { rest }))
    }

    /// The value at a JSON Pointer (RFC 6901), such as `/jcd/1/0/3`. `None` if there is none, or
    /// `pointer` is none.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<Self> {
        if pointer.is_empty() {
            return Some(*self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(*self, |value, token| {
            if let Some(mut members) = value.members() {
                return members.find(|(name, _)| spells(token, *name)).map(|(_, member)| member);
            }
            // RFC 6901 §4: without leading zeros; `-` is behind the last element.
            let is_index = token == "0" || !token.starts_with(['0', '+']);
            value.elements()?.nth(token.parse().ok().filter(|_| is_index)?)
        })
    }
}

impl fmt::Debug for Raw<'_> {
    /// Shows no part of the value: it may hold names and telephone numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({} bytes)", self.0.len())
    }
}

/// The strings of an array; nothing if it is none, and no other elements.
pub(crate) fn strings<'a>(array: Raw<'a>) -> impl Iterator<Item = Text<'a>> + 'a {
    array.elements().unwrap_or_default().filter_map(|element| element.string())
}

/// The members of an object, in their order: name and value.
#[derive(Clone, Debug, Default)]
pub struct Members<'a>(Cursor<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (Text<'a>, Raw<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let name = self.0.value()?.string()?;
        self.0.pass(':');
        let value = self.0.value()?;
        self.0.pass(',');
        Some((name, value))
    }
}

/// The elements of an array, in their order.
#[derive(Clone, Debug, Default)]
pub struct Elements<'a>(Cursor<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        let value = self.0.value()?;
        self.0.pass(',');
        Some(value)
    }
}

/// Walks text that a [`Reader`] has checked, so that finding the end of a value takes no grammar.
#[derive(Clone, Default)]
struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn value(&mut self) -> Option<Raw<'a>> {
        let rest = self.rest.trim_ascii_start();
        let (value, rest) =
            rest.split_at_checked(value_len(rest.as_bytes())).filter(|(v, _)| !v.is_empty())?;
        self.rest = rest.trim_ascii_start();
        Some(Raw(value))
    }

    fn pass(&mut self, separator: char) {
        self.rest = self.rest.strip_prefix(separator).unwrap_or(self.rest);
    }
}

impl fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes left", self.rest.len())
    }
}

/// Length of the value at the front of `text`; 0 at the end of an array or object.
fn value_len(text: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = text.get(at) {
        at += match byte {
            b'"' => string_len(text.get(at..).unwrap_or_default()),
            _ => 1,
        };
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at - 1,
            b'}' | b']' => depth -= 1,
            b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return at - 1,
            b'"' => {}
            _ => continue,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Length of the string at the front of `text`, with both quotation marks.
fn string_len(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(plain) =
        text.get(at..).and_then(|rest| rest.iter().position(|byte| matches!(byte, b'"' | b'\\')))
    {
        at += plain + 1;
        if text.get(at - 1) == Some(&b'"') {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// Whether `token`, one reference token of a JSON Pointer, spells `name` (RFC 6901 §4). A `~` that
/// is neither `~0` nor `~1` spells nothing.
fn spells(token: &str, name: Text<'_>) -> bool {
    let mut rest = token.chars();
    let mut valid = true;
    let spelled = core::iter::from_fn(|| match rest.next()? {
        '~' => match rest.next() {
            Some('0') => Some('~'),
            Some('1') => Some('/'),
            _ => {
                valid = false;
                None
            }
        },
        plain => Some(plain),
    });
    spelled.eq(name.chars()) && valid
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn raw(text: &str) -> Raw<'_> {
        Raw::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn members_and_elements_are_those_of_the_text() {
        let object =
            raw(" { \"a\" : [1 , {\"]\":\"}\"}] ,\n\"b\\\"\":\"x\\\\\", \"c\" : -1.5e3 ,\"d\":{} } ");
        let members: Vec<_> =
            object.members().unwrap().map(|(name, value)| (name.to_string(), value.as_str())).collect();
        let expected = [("a", "[1 , {\"]\":\"}\"}]"), ("b\"", "\"x\\\\\""), ("c", "-1.5e3"), ("d", "{}")];
        assert_eq!(members, expected.map(|(name, value)| (name.to_owned(), value)));
        let elements: Vec<_> =
            object.members().unwrap().next().unwrap().1.elements().unwrap().map(|e| e.as_str()).collect();
        assert_eq!(elements, ["1", "{\"]\":\"}\"}"]);
        assert_eq!(raw("[ ]").elements().unwrap().count(), 0);
        assert_eq!(raw("{}").members().unwrap().count(), 0);
        assert!(
            raw("[]").members().is_none() && raw("{}").elements().is_none() && raw("1").string().is_none()
        );
    }

    /// JSON values, with white space between what they consist of.
    fn json() -> impl Strategy<Value = String> {
        let string = r#""([a ,:{}\[\]é]|\\["\\/n]|\\u00e9){0,6}""#;
        let leaf = prop_oneof!["-?[1-9][0-9]{0,3}", "true|false|null", string];
        let space = || "[ \n]{0,2}";
        leaf.prop_recursive(3, 24, 4, move |inner| {
            let spaced =
                (space(), inner, space()).prop_map(|(before, value, behind)| before + &value + &behind);
            let member = (string, space(), spaced.clone());
            let elements = vec(spaced, 0..4).prop_map(|elements| format!("[{}]", elements.join(",")));
            let members = vec(member, 0..4).prop_map(|members| {
                let member = |(at, (name, space, value)): (usize, &(String, String, String))| {
                    // No name stands there twice.
                    format!("{space}\"{at}{}{space}:{value}", &name[1..])
                };
                let members: Vec<String> = members.iter().enumerate().map(member).collect();
                format!("{{{}}}", members.join(","))
            });
            prop_oneof![elements, members]
        })
    }

    proptest::proptest! {
        #[test]
        fn values_are_divided_as_the_reader_divides_them(text in json()) {
            let value = raw(&text);
            let (mut members, mut elements) = (Vec::new(), Vec::new());
            let read = value.reader().object(|reader, name| {
                members.push((name.to_string(), reader.raw()?.as_str()));
                Ok(())
            });
            prop_assert!(read.is_ok());
            let read = value.reader().array(|reader| {
                elements.push(reader.raw()?.as_str());
                Ok(())
            });
            prop_assert!(read.is_ok());
            let found = value.members().unwrap_or_default();
            let found: Vec<_> = found.map(|(name, value)| (name.to_string(), value.as_str())).collect();
            prop_assert_eq!(found, members);
            let found: Vec<_> = value.elements().unwrap_or_default().map(|value| value.as_str()).collect();
            prop_assert_eq!(found, elements);
        }
    }

    #[test]
    fn members_are_picked_by_their_names() {
        let object = raw(r#"{"a":"\\\"}","b":[{"c":1}], "\u0063" :-2 ,"d":{"a":3}}"#);
        let picked = |names: [&str; 3]| object.pick(names).map(|value| value.map(|value| value.as_str()));
        assert_eq!(picked(["c", "x", "a"]), [Some("-2"), None, Some(r#""\\\"}""#)]);
        assert_eq!(picked(["b", "", "d"]), [Some(r#"[{"c":1}]"#), None, Some(r#"{"a":3}"#)]);
        assert_eq!(raw(r#"["a"]"#).pick(["a"]), [None]);
        assert_eq!(raw(r#""a""#).pick(["a"]), [None]);
    }

    /// The examples of RFC 6901 §5, but for those that need an empty name.
    #[test]
    fn pointers() {
        let document = raw(
            r#"{"foo":["bar","baz"],"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8,"m":10,"":9}"#,
        );
        for (pointer, value) in [
            ("", Some(document.as_str())),
            ("/foo", Some(r#"["bar","baz"]"#)),
            ("/foo/0", Some(r#""bar""#)),
            ("/", Some("9")),
            ("/a~1b", Some("1")),
            ("/c%d", Some("2")),
            ("/i\\j", Some("5")),
            ("/k\"l", Some("6")),
            ("/ ", Some("7")),
            ("/m~0n", Some("8")),
            ("/m~n", None),
            ("/m", Some("10")),
            ("/m~", None),
            ("/m~2", None),
            ("/foo/2", None),
            ("/foo/-", None),
            ("/foo/00", None),
            ("/foo/+1", None),
            ("/foo/01", None),
            ("/foo/0/0", None),
            ("/foo/99999999999999999999", None),
            ("foo", None),
            ("#/foo", None),
            ("/fo", None),
        ] {
            assert_eq!(document.at(pointer).map(|value| value.as_str()), value, "{pointer}");
        }
    }
}
