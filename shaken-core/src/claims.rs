//! The claims that PASSporT types share (RFC 8225 §5, RFC 8588 §4-5).

use core::fmt;

use arrayvec::ArrayVec;

use crate::json::{Reader, Text};
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

/// Where the call goes to (RFC 8225 §5.2.1): at least one identity.
#[derive(Clone, Debug, Default)]
pub struct Dest<'a> {
    tns: ArrayVec<TelephoneNumber, MAX_DEST>,
    uris: ArrayVec<Text<'a>, MAX_DEST>,
}

impl<'a> Dest<'a> {
    /// The telephone numbers, in the order of the claim.
    #[must_use]
    pub fn tns(&self) -> &[TelephoneNumber] {
        &self.tns
    }

    /// The URIs, in the order of the claim.
    #[must_use]
    pub fn uris(&self) -> &[Text<'a>] {
        &self.uris
    }
}

/// The claim that was found, or the error that it was not.
pub(crate) fn required<T>(found: Option<T>, claim: &'static str) -> Result<T, Error> {
    found.ok_or(Error::ClaimMissing { claim })
}

/// Reads `{"tn":"…"}` or `{"uri":"…"}`; both or none is an error.
pub(crate) fn read_orig<'a>(reader: &mut Reader<'a>) -> Result<Orig<'a>, Error> {
    let wrong = Error::ClaimType { claim: "orig" };
    let mut orig = None;
    reader
        .object(|reader, name| {
            let found = match name.one_of(&["tn", "uri"]) {
                Some("tn") => {
                    Orig::Tn(TelephoneNumber::from_canonical(reader.string()?.ok_or(wrong)?.chars())?)
                }
                Some("uri") => Orig::Uri(reader.string()?.ok_or(wrong)?),
                _ => return reader.skip(),
            };
            if orig.replace(found).is_some() { Err(wrong) } else { Ok(()) }
        })?
        .ok_or(wrong)?;
    orig.ok_or(wrong)
}

/// Reads `{"tn":["…",…],"uri":["…",…]}` with at least one entry in all.
pub(crate) fn read_dest<'a>(reader: &mut Reader<'a>) -> Result<Dest<'a>, Error> {
    let wrong = Error::ClaimType { claim: "dest" };
    let mut dest = Dest::default();
    reader
        .object(|reader, name| match name.one_of(&["tn", "uri"]) {
            Some("tn") => reader
                .array(|reader| {
                    let tn = TelephoneNumber::from_canonical(reader.string()?.ok_or(wrong)?.chars())?;
                    dest.tns.try_push(tn).map_err(|_| Error::DestTooMany)
                })?
                .ok_or(wrong),
            Some("uri") => reader
                .array(|reader| {
                    let uri = reader.string()?.ok_or(wrong)?;
                    dest.uris.try_push(uri).map_err(|_| Error::DestTooMany)
                })?
                .ok_or(wrong),
            _ => reader.skip(),
        })?
        .ok_or(wrong)?;
    if dest.tns.is_empty() && dest.uris.is_empty() { Err(wrong) } else { Ok(dest) }
}

/// Whether `origid` can be a claim of that name: 1 to [`MAX_ORIGID_LEN`] characters of ASCII, none
/// of them a control character.
pub(crate) fn is_origid(mut chars: impl Iterator<Item = char>) -> bool {
    let mut len = 0_usize;
    let printable = chars.all(|c| {
        len += 1;
        matches!(c, ' '..='~')
    });
    printable && (1..=MAX_ORIGID_LEN).contains(&len)
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
        assert_eq!((both.tns().len(), both.uris().len()), (2, 1));
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
