//! Names as RFC 5280 §7.1 compares them: whatever the string type, letter case and white space.
//!
//! A CA may spell its name in one way in its own certificate and in another in those it issues,
//! and a revocation list is made by another party altogether; were the bytes compared, such a
//! list would revoke nothing, and nobody would notice.

use x509_parser::prelude::FromDer;
use x509_parser::x509::{RelativeDistinguishedName, X509Name};

use super::certificate::MAX_DER_LEN;
use crate::der::{Elements, Malformed, tag};

/// How many names one GeneralNames may have: a list may be served under several URLs, not under
/// a million.
const MAX_GENERAL_NAMES: usize = 64;

/// A distinguished name in normal form: equal names are equal bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(Box<[u8]>);

impl Name {
    /// The normal form of a Name, header included. One that cannot be read, or is longer than any
    /// certificate, equals only itself.
    pub(super) fn of(der: &[u8]) -> Self {
        let mut normal = Vec::new();
        if der.len() <= MAX_DER_LEN && append_rdns(&mut normal, der).is_ok() {
            return Self(normal.into());
        }
        // No normal form starts with this byte: it would be a length beyond 4 GB.
        Self([&[0xff], der].concat().into())
    }

    /// The name below this one by the contents of one RelativeDistinguishedName, as
    /// nameRelativeToCRLIssuer has it (RFC 5280 §4.2.1.13).
    fn with_rdn(&self, rdn: Elements<'_>) -> Result<Self, Malformed> {
        let mut normal = self.0.to_vec();
        append_rdn(&mut normal, rdn)?;
        Ok(Self(normal.into()))
    }

    /// Whether it has no part at all.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes of heap it takes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.0.len()
    }
}

impl core::fmt::Debug for Name {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Name({} bytes)", self.0.len())
    }
}

/// Reads the attributes of a Name, to be shown. The library alone would stop at the first part that
/// has none, and pass over the rest.
pub(super) fn read(der: &[u8]) -> Result<X509Name<'_>, Malformed> {
    let mut parts = Vec::new();
    for_each_rdn(der, |at, rdn| {
        let (_, part) = RelativeDistinguishedName::from_der(rdn).map_err(|_| at)?;
        parts.push(part);
        Ok(())
    })?;
    Ok(X509Name::new(parts, der))
}

/// `SEQUENCE OF RelativeDistinguishedName`
fn append_rdns(normal: &mut Vec<u8>, der: &[u8]) -> Result<(), Malformed> {
    for_each_rdn(der, |_, rdn| append_rdn(normal, Elements::new(rdn).expect(tag::SET)?))
}

/// Calls `take` with each part of a Name that has attributes, and where it stands. One without any,
/// which some encoders write, says nothing.
fn for_each_rdn<'a>(
    der: &'a [u8],
    mut take: impl FnMut(Malformed, &'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut whole = Elements::new(der);
    let mut rdns = whole.expect(tag::SEQUENCE)?;
    whole.finish()?;
    while !rdns.is_empty() {
        let at = rdns.malformed();
        match rdns.expect_whole(tag::SET)? {
            [_, 0] => {}
            rdn => take(at, rdn)?,
        }
    }
    Ok(())
}

/// `SET OF SEQUENCE { type OBJECT IDENTIFIER, value ANY }`. Each part is preceded by its length,
/// so that no two names run together into one.
fn append_rdn(normal: &mut Vec<u8>, mut attributes: Elements<'_>) -> Result<(), Malformed> {
    let mut sorted = Vec::new();
    while !attributes.is_empty() {
        let mut attribute = attributes.expect(tag::SEQUENCE)?;
        let kind = attribute.expect(tag::OBJECT_IDENTIFIER)?.bytes();
        let (value_tag, value) = attribute.next()?;
        attribute.finish()?;
        let mut bytes = Vec::new();
        append_part(&mut bytes, kind);
        append_part(&mut bytes, &normal_value(value_tag, value.bytes()));
        sorted.push(bytes);
    }
    // Normal forms may sort otherwise than the DER that they were made from.
    sorted.sort_unstable();
    append_part(normal, &sorted.concat());
    Ok(())
}

fn append_part(out: &mut Vec<u8>, part: &[u8]) {
    out.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(part);
}

/// Text without its string type, other values with their tag.
fn normal_value(value_tag: u8, value: &[u8]) -> Vec<u8> {
    let text = match value_tag {
        tag::UTF8_STRING | tag::PRINTABLE_STRING | tag::IA5_STRING => {
            core::str::from_utf8(value).ok().map(str::to_owned)
        }
        tag::BMP_STRING => {
            let units =
                value.chunks(2).map(|unit| unit.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte)));
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        _ => None,
    };
    match text {
        Some(text) => {
            let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
            [&[0], words.join(" ").as_bytes()].concat()
        }
        None => [&[value_tag], value].concat(),
    }
}

/// One name of GeneralNames (RFC 5280 §4.2.1.6), as far as it tells where a list is or whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GeneralName {
    /// Compared byte by byte (RFC 5280 §5.2.5).
    Uri(Box<[u8]>),
    Directory(Name),
    Other(u8, Box<[u8]>),
}

impl GeneralName {
    /// Reads the contents of GeneralNames, one to [`MAX_GENERAL_NAMES`].
    pub(super) fn read_all(mut names: Elements<'_>) -> Result<Vec<Self>, Malformed> {
        const URI: u8 = tag::implicit(6);
        const DIRECTORY_NAME: u8 = tag::explicit(4);
        let mut all = Vec::new();
        if names.is_empty() {
            return Err(names.malformed());
        }
        while !names.is_empty() {
            if all.len() == MAX_GENERAL_NAMES {
                return Err(names.malformed());
            }
            let (kind, mut contents) = names.next()?;
            all.push(match kind {
                URI => Self::Uri(contents.bytes().into()),
                DIRECTORY_NAME => {
                    let name = Name::of(contents.expect_whole(tag::SEQUENCE)?);
                    contents.finish()?;
                    Self::Directory(name)
                }
                _ => Self::Other(kind, contents.bytes().into()),
            });
        }
        Ok(all)
    }

    /// Reads a DistributionPointName (RFC 5280 §4.2.1.13): full names, or one relative to `base`.
    pub(super) fn read_point(mut point: Elements<'_>, base: &Name) -> Result<Vec<Self>, Malformed> {
        const FULL_NAME: u8 = tag::explicit(0);
        const NAME_RELATIVE_TO_CRL_ISSUER: u8 = tag::explicit(1);
        let at = point.malformed();
        let (kind, contents) = point.next()?;
        point.finish()?;
        match kind {
            FULL_NAME => Self::read_all(contents),
            NAME_RELATIVE_TO_CRL_ISSUER => Ok(vec![Self::Directory(base.with_rdn(contents)?)]),
            _ => Err(at),
        }
    }

    /// The distinguished name, if it is one.
    pub(super) fn directory(&self) -> Option<&Name> {
        match self {
            Self::Directory(name) => Some(name),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `CN=text` under a string type.
    fn common_name(string_tag: u8, text: &[u8]) -> Vec<u8> {
        let value = [&[string_tag, u8::try_from(text.len()).unwrap()], text].concat();
        let wrap = |tag: u8, inner: &[u8]| [&[tag, u8::try_from(inner.len()).unwrap()], inner].concat();
        let attribute = wrap(tag::SEQUENCE, &[&[6, 3, 0x55, 4, 3], value.as_slice()].concat());
        wrap(tag::SEQUENCE, &wrap(tag::SET, &attribute))
    }

    #[test]
    fn string_type_case_and_white_space_do_not_count() {
        let name = Name::of(&common_name(tag::UTF8_STRING, b"Example STI-PA CRL"));
        for (string_tag, text) in [
            (tag::PRINTABLE_STRING, &b"Example STI-PA CRL"[..]),
            (tag::UTF8_STRING, b" EXAMPLE  sti-pa crl "),
            (tag::BMP_STRING, b"\0E\0x\0a\0m\0p\0l\0e\0 \0S\0T\0I\0-\0P\0A\0 \0C\0R\0L"),
        ] {
            assert_eq!(name, Name::of(&common_name(string_tag, text)), "{text:?}");
        }
        for (string_tag, text) in [
            (tag::UTF8_STRING, &b"ExampleSTI-PA CRL"[..]),
            (tag::UTF8_STRING, b"Example STI-PA CR"),
            (tag::UTF8_STRING, b"Example STI-PA CR\xff"),
            (0x14, b"Example STI-PA CRL"),
            (tag::BMP_STRING, b"\0E\xd8\0"),
            (tag::BMP_STRING, b"\0E\0"),
        ] {
            assert_ne!(name, Name::of(&common_name(string_tag, text)), "{text:?}");
        }
    }

    #[test]
    fn a_part_without_attributes_says_nothing() {
        let one = common_name(tag::UTF8_STRING, b"a");
        let padded = [&[0x30, 16, tag::SET, 0], &one[2..], &[tag::SET, 0]].concat();
        assert_eq!(Name::of(&padded), Name::of(&one));
        assert!(Name::of(&[0x30, 2, tag::SET, 0]).is_empty());
        assert_eq!(read(&padded).unwrap().to_string(), "CN=a");
        // The attribute's type is longer than the name.
        let mut damaged = padded;
        damaged[9] = 0x0b;
        assert!(read(&damaged).is_err());
    }

    #[test]
    fn parts_do_not_run_together_and_the_unreadable_equals_itself() {
        let one = common_name(tag::UTF8_STRING, b"a");
        let two = [&[0x30, 24], &one[2..], &one[2..]].concat();
        assert_ne!(Name::of(&one), Name::of(&two));
        assert_ne!(Name::of(&one), Name::of(&[0x30, 0]));
        assert_eq!(Name::of(&one[..5]), Name::of(&one[..5]));
        assert_ne!(Name::of(&one[..5]), Name::of(&one[..6]));
    }
}
