//! The claims that PASSporT types share (RFC 8225 §5, RFC 8588 §4-5).

use core::fmt;

use crate::json::{Raw, Reader, Text, strings};
use crate::party::NormalUri;
use crate::scan::prefix_len;
use crate::{Error, TelephoneNumber};

/// How many numbers, and how many URIs, one `dest` claim may list.
pub const MAX_DEST: usize = 32;

/// Longest `origid` that is read or written. RFC 8588 §5 wants a UUID of 36 characters; deployed
/// signers also send other node names, which pass.
pub const MAX_ORIGID_LEN: usize = 128;

/// Attestation level (RFC 8588 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 8588 defines exactly these three levels")]
pub enum Attest {
    /// Full: the signer knows the customer and that the customer may use the number.
    A,
    /// Partial: the signer knows the customer, not the right to the number.
    B,
    /// Gateway: the signer only knows where the call came in.
    C,
}

impl Attest {
    /// The claim value: `A`, `B` or `C`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }

    /// The one of the two that says less about the caller.
    #[must_use]
    pub const fn lower(self, other: Self) -> Self {
        match (self, other) {
            (Self::C, _) | (_, Self::C) => Self::C,
            (Self::B, _) | (_, Self::B) => Self::B,
            (Self::A, Self::A) => Self::A,
        }
    }
}

impl fmt::Display for Attest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::str::FromStr for Attest {
    type Err = Error;

    /// # Errors
    /// [`Error::AttestInvalid`] for anything but the one capital letter.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "A" => Ok(Self::A),
            "B" => Ok(Self::B),
            "C" => Ok(Self::C),
            _ => Err(Error::AttestInvalid),
        }
    }
}

/// Where the call comes from (RFC 8225 §5.2.1): exactly one identity.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 8225 defines exactly these two kinds of identity")]
pub enum Orig<'a> {
    /// A telephone number.
    Tn(TelephoneNumber),
    /// A URI.
    Uri(Text<'a>),
}

impl Orig<'_> {
    /// The number that `text` is, if that is canonical.
    pub(crate) fn of_canonical_tn(text: &str) -> Option<Self> {
        canonical_tn(Text::without_escapes(text)).ok().map(Self::Tn)
    }

    /// Whether both are the same number or URI. URIs are the same if their normal forms are
    /// (RFC 8224 §8.5).
    pub(crate) fn is(&self, other: &Orig<'_>) -> bool {
        match (self, other) {
            (Self::Tn(tn), Orig::Tn(other)) => tn == other,
            (Self::Uri(uri), Orig::Uri(other)) => {
                uri == other || NormalUri::of(uri).is_some_and(|uri| uri.is(other))
            }
            (Self::Tn(_), Orig::Uri(_)) | (Self::Uri(_), Orig::Tn(_)) => false,
        }
    }
}

/// Where the call goes to (RFC 8225 §5.2.1): at least one identity, and at most [`MAX_DEST`] of
/// each kind. Checked once and read again when it is asked for: nearly all tokens have a single
/// one, and room for all would be most of what a call takes.
#[derive(Clone, Copy, Debug)]
pub struct Dest<'a> {
    tns: Option<Raw<'a>>,
    uris: Option<Raw<'a>>,
}

impl<'a> Dest<'a> {
    /// The one number that `list` has, if that is canonical and there is no white space.
    pub(crate) fn of_canonical_tn(list: &'a str) -> Option<Self> {
        Orig::of_canonical_tn(list.strip_prefix("[\"")?.strip_suffix("\"]")?)?;
        Some(Self { tns: Some(Raw::new(list)), uris: None })
    }

    /// The telephone numbers, in the order of the claim.
    pub fn tns(&self) -> impl Iterator<Item = TelephoneNumber> + 'a {
        // `read_dest` has found them to be canonical.
        self.tns.into_iter().flat_map(strings).filter_map(|text| canonical_tn(text).ok())
    }

    /// Whether `number` is one of them. Each number has one canonical spelling.
    pub(crate) fn has_tn(&self, number: &TelephoneNumber) -> bool {
        self.tns.into_iter().flat_map(strings).any(|tn| tn == *number.as_str())
    }

    /// The URIs, in the order of the claim.
    pub fn uris(&self) -> impl Iterator<Item = Text<'a>> + 'a {
        self.uris.into_iter().flat_map(strings)
    }

    /// Whether this number or URI is one of them. URIs are the same if their normal forms are
    /// (RFC 8224 §8.5).
    #[must_use]
    pub fn contains(&self, party: &Orig<'_>) -> bool {
        match party {
            Orig::Tn(tn) => self.has_tn(tn),
            Orig::Uri(uri) => {
                let normal = NormalUri::of(uri);
                self.uris().any(|own| own == *uri || normal.as_ref().is_some_and(|normal| normal.is(&own)))
            }
        }
    }
}

/// The claim that was found, or the error that it was not.
pub(crate) fn required<T>(found: Option<T>, claim: &'static str) -> Result<T, Error> {
    found.ok_or(Error::ClaimMissing { claim })
}

/// Reads the `orig` claim: `{"tn":"…"}` or `{"uri":"…"}`; both or none is an error.
pub(crate) fn read_orig<'a>(reader: &mut Reader<'a>) -> Result<Orig<'a>, Error> {
    read_identity(reader, "orig", |reader, _| reader.skip())
}

/// Reads an object with exactly one of `tn` and `uri`, whose other members go to `other`.
pub(crate) fn read_identity<'a>(
    reader: &mut Reader<'a>,
    claim: &'static str,
    mut other: impl FnMut(&mut Reader<'a>, Text<'a>) -> Result<(), Error>,
) -> Result<Orig<'a>, Error> {
    let wrong = Error::ClaimType { claim };
    let mut orig = None;
    reader
        .object(|reader, name| {
            let found = match name.one_of(&["tn", "uri"]) {
                Some("tn") => Orig::Tn(canonical_tn(reader.string()?.ok_or(wrong)?)?),
                Some("uri") => Orig::Uri(reader.string()?.ok_or(wrong)?),
                _ => return other(reader, name),
            };
            if orig.replace(found).is_some() { Err(wrong) } else { Ok(()) }
        })?
        .ok_or(wrong)?;
    orig.ok_or(wrong)
}

/// Reads `{"tn":["…",…],"uri":["…",…]}` with at least one entry in all.
pub(crate) fn read_dest<'a>(reader: &mut Reader<'a>) -> Result<Dest<'a>, Error> {
    let wrong = Error::ClaimType { claim: "dest" };
    let mut dest = Dest { tns: None, uris: None };
    let mut is_empty = true;
    let mut read = |value: Raw<'a>, check: fn(Text<'_>) -> Result<(), Error>| {
        let elements = value.elements().ok_or(wrong)?;
        for (i, element) in elements.enumerate() {
            check(element.string().ok_or(wrong)?)?;
            if i >= MAX_DEST {
                return Err(Error::DestTooMany);
            }
            is_empty = false;
        }
        Ok(Some(value))
    };
    reader
        .object(|reader, name| {
            match name.one_of(&["tn", "uri"]) {
                Some("tn") => dest.tns = read(reader.raw()?, |tn| canonical_tn(tn).map(drop))?,
                Some("uri") => dest.uris = read(reader.raw()?, |_| Ok(()))?,
                _ => reader.skip()?,
            }
            Ok(())
        })?
        .ok_or(wrong)?;
    if is_empty { Err(wrong) } else { Ok(dest) }
}

fn canonical_tn(text: Text<'_>) -> Result<TelephoneNumber, Error> {
    match text.unescaped() {
        // A byte beyond ASCII is no character of a number either way.
        Some(plain) => TelephoneNumber::from_canonical(plain.bytes().map(char::from)),
        None => TelephoneNumber::from_canonical(text.chars()),
    }
}

/// Whether `origid` can be a claim of that name: 1 to [`MAX_ORIGID_LEN`] characters of ASCII, none
/// of them a control character.
pub(crate) fn is_origid(text: &str) -> bool {
    (1..=MAX_ORIGID_LEN).contains(&text.len())
        && prefix_len(text.as_bytes(), |b| (b' '..=b'~').contains(&b)) == text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orig(text: &str) -> Result<Orig<'_>, Error> {
        read_orig(&mut Reader::new(text.as_bytes())?)
    }

    fn dest(text: &str) -> Result<Dest<'_>, Error> {
        read_dest(&mut Reader::new(text.as_bytes())?)
    }

    #[test]
    fn orig_holds_exactly_one_identity() {
        assert!(matches!(orig(r#"{"tn":"12155550121"}"#), Ok(Orig::Tn(_))));
        assert!(matches!(orig(r#"{"uri":"sip:alice@example.com"}"#), Ok(Orig::Uri(_))));
        let wrong = Err(Error::ClaimType { claim: "orig" });
        for text in [
            "{}",
            r#"{"tn":"1","uri":"sip:a@b.example"}"#,
            r#"{"tn":12155550121}"#,
            r#"{"tn":["12155550121"]}"#,
            r#"{"TN":"12155550121"}"#,
            r#""12155550121""#,
            r#"["12155550121"]"#,
            "null",
        ] {
            assert_eq!(orig(text), wrong, "{text}");
        }
        assert_eq!(orig(r#"{"tn":"+12155550121"}"#), Err(Error::TnNotCanonical));
    }

    #[test]
    fn dest_holds_arrays_with_at_least_one_entry() {
        let both = dest(r#"{"tn":["12155550131","12155550132"],"uri":["sip:alice@example.com"]}"#).unwrap();
        assert_eq!((both.tns().count(), both.uris().count()), (2, 1));
        for text in [
            "{}",
            r#"{"tn":[]}"#,
            r#"{"tn":"12155550131"}"#,
            r#"{"tn":[["12155550131"]]}"#,
            r#"{"tn":[12155550131]}"#,
            "[]",
        ] {
            assert_eq!(dest(text).err(), Some(Error::ClaimType { claim: "dest" }), "{text}");
        }
        let many = format!(r#"{{"tn":[{}]}}"#, vec![r#""1""#; MAX_DEST + 1].join(","));
        assert_eq!(dest(&many).err(), Some(Error::DestTooMany));
    }

    #[test]
    fn the_lower_level_wins() {
        assert_eq!(Attest::A.lower(Attest::B), Attest::B);
        assert_eq!(Attest::C.lower(Attest::A), Attest::C);
        assert_eq!(Attest::A.lower(Attest::A), Attest::A);
        for text in ["a", "AB", "", "D", "A\0"] {
            assert_eq!(text.parse::<Attest>(), Err(Error::AttestInvalid));
        }
    }
}
