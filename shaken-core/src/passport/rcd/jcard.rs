//! jCards (RFC 7095), as far as rich call data needs them: where URLs stand in one.

use arrayvec::ArrayString;

use super::has_scheme;
use crate::Error;
use crate::json::{Elements, Raw, Text};

/// Properties whose URI names no resource (`tel`, `uid`, `geo`), or one that must only be shown
/// and never followed (`url`, RFC 9796 §10.1).
const NOT_FOLLOWED: [&str; 4] = ["geo", "tel", "uid", "url"];

/// How many elements of a property come before its values: name, parameters, type.
const FIRST_VALUE: usize = 3;

/// A jCard: `["vcard", [property…]]`, each property `[name, {parameters}, type, value…]`.
#[derive(Clone, Copy, Debug)]
pub struct Jcard<'a> {
    value: Raw<'a>,
    properties: Raw<'a>,
}

impl<'a> Jcard<'a> {
    /// Takes a value that must be a jCard (RFC 7095 §3).
    ///
    /// # Errors
    /// [`Error::RcdMemberType`] if it is none.
    pub fn read(value: Raw<'a>) -> Result<Self, Error> {
        Self::of(value).ok_or(Error::RcdMemberType { member: "jcd" })
    }

    fn of(value: Raw<'a>) -> Option<Self> {
        let mut elements = value.elements()?;
        let kind = elements.next()?.string()?;
        let properties = elements.next()?;
        if kind != *"vcard" || elements.next().is_some() {
            return None;
        }
        let jcard = Self { value, properties };
        properties.elements()?.all(|property| Property::of(property).is_some()).then_some(jcard)
    }

    /// The value as a whole.
    #[must_use]
    pub fn value(&self) -> Raw<'a> {
        self.value
    }

    /// The https URLs that name a resource, each with its place, in their order.
    pub(super) fn resources(self) -> impl Iterator<Item = (Place, Text<'a>)> {
        self.properties().enumerate().flat_map(|(property, found)| {
            let followed = found.is_uri && !NOT_FOLLOWED.iter().any(|name| found.is_named(name));
            let values = found.values.enumerate().filter(move |_| followed);
            values.filter_map(move |(i, value)| {
                let url = value.string().filter(|url| has_scheme(*url, "https:"))?;
                Some((Place { property, value: FIRST_VALUE + i }, url))
            })
        })
    }

    /// The URL at `pointer`, which starts in the jCard, if a value of type `uri` stands there.
    pub(super) fn uri_at(self, pointer: &str) -> Option<Text<'a>> {
        let within = pointer.strip_prefix("/1").filter(|within| within.starts_with('/'))?;
        let (property, value) = within.rsplit_once('/')?;
        if property.is_empty() || property.get(1..)?.contains('/') || ["0", "1", "2"].contains(&value) {
            return None;
        }
        let found = Property::of(self.properties.at(property)?)?;
        self.properties.at(within).filter(|_| found.is_uri)?.string()
    }

    fn properties(self) -> impl Iterator<Item = Property<'a>> {
        // `of` has found it to be an array of properties.
        self.properties.elements().unwrap_or_default().filter_map(Property::of)
    }
}

/// Where in a jCard a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    property: usize,
    value: usize,
}

/// Room for a pointer into a jCard.
pub(super) const MAX_POINTER_LEN: usize = 64;

impl Place {
    /// As a JSON Pointer into `rcd`, where the jCard stands at `base`, such as `/jcd`.
    pub(super) fn pointer(self, base: &str) -> ArrayString<MAX_POINTER_LEN> {
        let mut pointer = ArrayString::new();
        // Two numbers of 20 digits fit.
        let written = core::fmt::Write::write_fmt(
            &mut pointer,
            format_args!("{base}/1/{}/{}", self.property, self.value),
        );
        debug_assert_eq!(written, Ok(()));
        pointer
    }
}

struct Property<'a> {
    name: Text<'a>,
    is_uri: bool,
    values: Elements<'a>,
}

impl<'a> Property<'a> {
    fn of(value: Raw<'a>) -> Option<Self> {
        let mut elements = value.elements()?;
        let name = elements.next()?.string()?;
        elements.next()?.members()?;
        let kind = elements.next()?.string()?;
        // RFC 7095 §3.3: at least one value.
        elements.clone().next()?;
        Some(Self { name, is_uri: kind == *"uri", values: elements })
    }

    fn is_named(&self, name: &str) -> bool {
        let lower_case = |c: char| c.to_ascii_lowercase();
        self.name.chars().map(lower_case).eq(name.chars())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Jcard<'_>, Error> {
        Jcard::read(Raw::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn anything_else_is_no_jcard() {
        assert!(read(r#"["vcard",[]]"#).is_ok());
        assert!(read(r#"["vcard",[["n",{"a":["b"]},"text",["A","B"]],["x",{},"integer",1,2]]]"#).is_ok());
        for text in [
            "{}",
            "[]",
            r#"["vcard"]"#,
            r#"["VCARD",[]]"#,
            r#"["vcard",{}]"#,
            r#"["vcard",[],[]]"#,
            r#"["vcard",["fn"]]"#,
            r#"["vcard",[["fn",{},"text"]]]"#,
            r#"["vcard",[["fn",[],"text","x"]]]"#,
            r#"["vcard",[[1,{},"text","x"]]]"#,
            r#"["vcard",[["fn",{},1,"x"]]]"#,
        ] {
            assert_eq!(read(text).err(), Some(Error::RcdMemberType { member: "jcd" }), "{text}");
        }
    }

    #[test]
    fn resources_are_https_urls_that_would_be_followed() {
        let text = r#"["vcard",[
            ["url",{},"uri","https://a.example/"], ["TEL",{},"uri","https://a.example/"],
            ["logo",{},"text","https://a.example/"], ["logo",{},"uri","data:,x"],
            ["photo",{},"uri","https://b.example/1","x","HTTPS:\/\/b.example/2"], ["x-a",{},"uri","https://c.example/"]
        ]]"#;
        let found: Vec<_> = read(text)
            .unwrap()
            .resources()
            .map(|(place, url)| (place.pointer("/jcd").to_string(), url.to_string()))
            .collect();
        let expected = [
            ("/jcd/1/4/3", "https://b.example/1"),
            ("/jcd/1/4/5", "HTTPS://b.example/2"),
            ("/jcd/1/5/3", "https://c.example/"),
        ];
        assert_eq!(found, expected.map(|(place, url)| (place.to_owned(), url.to_owned())));
    }

    #[test]
    fn a_uri_is_found_by_its_pointer() {
        let jcard =
            read(r#"["vcard",[["fn",{},"text","x"],["url",{},"uri","https://a.example/",{"x":"y"}]]]"#)
                .unwrap();
        assert!(jcard.uri_at("/1/1/3").unwrap() == *"https://a.example/");
        for pointer in
            ["", "/", "/1", "/1/1", "/1/1/2", "/1/0/3", "/1/1/4", "/1/2/3", "/0/1/3", "/1/1/3/", "/1/01/3"]
        {
            assert!(jcard.uri_at(pointer).is_none(), "{pointer}");
        }
        assert_eq!(Place { property: usize::MAX, value: usize::MAX }.pointer("/jcd").len(), 48);
    }
}
