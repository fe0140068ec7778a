//! Rich call data (RFC 9795): who calls, with which picture and why, in the claims `rcd`, `rcdi`
//! and `crn` of a PASSporT of type `rcd` or of any other.
//!
//! In: the claims as [`Raw`] values of a payload. Out: typed values that keep every rule by which
//! they are made. When one is broken no claim of the PASSporT may be used (RFC 9795 §8.1); whether
//! the content behind a URL is what the signer meant is asked later, once it was fetched:
//! [`Claims::check_content`].

mod content;
mod jcard;
mod signed;
mod write;

pub use content::{Content, ContentStatus};
pub use jcard::Jcard;
pub use signed::{NewClaims, Prepared};
pub use write::{NewJcard, NewRcd, ValueDigests};

use core::fmt;

use crate::digest::{self, Digest};
use crate::json::{Members, Raw, Text};
use crate::{Error, TelephoneNumber};

/// Longest URL in rich call data that is followed, and longest pointer that is resolved.
pub const MAX_URL_LEN: usize = 2048;

/// The claims of RFC 9795 as received: complete and of the right form.
#[derive(Clone, Copy, Debug)]
pub struct Claims<'a> {
    rcd: Option<Rcd<'a>>,
    rcdi: Option<Rcdi<'a>>,
    crn: Option<Text<'a>>,
    iss: Option<Text<'a>>,
}

impl<'a> Claims<'a> {
    /// Reads the claims of these names, those that the payload has.
    ///
    /// # Errors
    /// [`Error::ClaimType`] if `rcd` is no object, `rcdi` no object of strings, `crn` or `iss` no
    /// string; [`Error::RcdNamMissing`], [`Error::RcdMemberType`], [`Error::TnNotCanonical`],
    /// [`Error::RcdJcardTwice`]; [`Error::RcdiWithoutRcd`]; [`Error::RcdiDigestMissing`] if content
    /// that `rcd` refers to has no digest: an `icn` that is not a `data:` URL, a `jcl`, an https URL
    /// in `jcd` that names a resource (RFC 9795 §6.1).
    pub fn read(
        rcd: Option<Raw<'a>>,
        rcdi: Option<Raw<'a>>,
        crn: Option<Raw<'a>>,
        iss: Option<Raw<'a>>,
    ) -> Result<Self, Error> {
        let string = |value: Option<Raw<'a>>, claim| {
            value.map(|value| value.string().ok_or(Error::ClaimType { claim })).transpose()
        };
        let rcd = rcd.map(Rcd::read).transpose()?;
        let rcdi = rcdi.map(Rcdi::read).transpose()?;
        match (&rcd, rcdi) {
            (Some(rcd), rcdi) => rcd.check_digests(rcdi)?,
            (None, Some(_)) => return Err(Error::RcdiWithoutRcd),
            (None, None) => {}
        }
        Ok(Self { rcd, rcdi, crn: string(crn, "crn")?, iss: string(iss, "iss")? })
    }

    /// Checks what a PASSporT of type `rcd` must have beyond that: `rcd` or `crn` (RFC 9795 §8).
    ///
    /// # Errors
    /// [`Error::ClaimMissing`] if it has neither.
    pub fn check_ppt(&self) -> Result<(), Error> {
        if self.rcd.is_none() && self.crn.is_none() {
            return Err(Error::ClaimMissing { claim: "rcd" });
        }
        Ok(())
    }

    /// What is said about the caller.
    #[must_use]
    pub fn rcd(&self) -> Option<&Rcd<'a>> {
        self.rcd.as_ref()
    }

    /// The digests.
    #[must_use]
    pub fn rcdi(&self) -> Option<Rcdi<'a>> {
        self.rcdi
    }

    /// Why the call is made. Text that looks like a link must not be shown as one.
    #[must_use]
    pub fn crn(&self) -> Option<Text<'a>> {
        self.crn
    }

    /// The third party that signed. What it says may only be used next to a good PASSporT of the
    /// caller's own provider (RFC 9795 §10).
    #[must_use]
    pub fn iss(&self) -> Option<Text<'a>> {
        self.iss
    }
}

/// The claim `rcd` (RFC 9795 §5.1). Members of other names are passed over.
#[derive(Clone, Copy)]
pub struct Rcd<'a> {
    value: Raw<'a>,
    nam: Text<'a>,
    apn: Option<TelephoneNumber>,
    icn: Option<Text<'a>>,
    jcard: Option<JcardForm<'a>>,
}

/// How `rcd` gives the jCard.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9795 has a value and a link")]
pub enum JcardForm<'a> {
    /// `jcd`: here it is.
    Value(Jcard<'a>),
    /// `jcl`: the https or cid URL where it is.
    Link(Text<'a>),
}

impl<'a> Rcd<'a> {
    fn read(value: Raw<'a>) -> Result<Self, Error> {
        let (mut nam, mut apn, mut icn, mut jcd, mut jcl) = (None, None, None, None, None);
        for (name, value) in value.members().ok_or(Error::ClaimType { claim: "rcd" })? {
            let text = |member| value.string().ok_or(Error::RcdMemberType { member });
            match name.one_of(&["nam", "apn", "icn", "jcd", "jcl"]) {
                Some("nam") => nam = Some(text("nam")?),
                Some("apn") => apn = Some(TelephoneNumber::from_canonical(text("apn")?.chars())?),
                Some("icn") => icn = Some(url(text("icn")?, &["https:", "data:"], "icn")?),
                Some("jcd") => jcd = Some(Jcard::read(value)?),
                // RFC 9795 wants https; cid, a part of the SIP message, is in use.
                Some("jcl") => jcl = Some(url(text("jcl")?, &["https:", "cid:"], "jcl")?),
                _ => {}
            }
        }
        let jcard = match (jcd, jcl) {
            (None, None) => None,
            (Some(jcard), None) => Some(JcardForm::Value(jcard)),
            (None, Some(url)) => Some(JcardForm::Link(url)),
            (Some(_), Some(_)) => return Err(Error::RcdJcardTwice),
        };
        Ok(Self { value, nam: nam.ok_or(Error::RcdNamMissing)?, apn, icn, jcard })
    }

    /// The caller's name; empty if there is none.
    #[must_use]
    pub fn nam(&self) -> Text<'a> {
        self.nam
    }

    /// The number to show in place of the calling one.
    #[must_use]
    pub fn apn(&self) -> Option<TelephoneNumber> {
        self.apn
    }

    /// The https or data URL of a picture.
    #[must_use]
    pub fn icn(&self) -> Option<Text<'a>> {
        self.icn
    }

    /// The jCard (RFC 7095), or where it is.
    #[must_use]
    pub fn jcard(&self) -> Option<JcardForm<'a>> {
        self.jcard
    }

    /// Whether `rcdi` has all digests that this claim demands.
    fn check_digests(&self, rcdi: Option<Rcdi<'a>>) -> Result<(), Error> {
        let has = |pointer: &str| rcdi.is_some_and(|rcdi| rcdi.names(pointer));
        if self.icn.is_some_and(|icn| !has_scheme(icn, "data:")) && !has("/icn") {
            return Err(Error::RcdiDigestMissing { member: "icn" });
        }
        match self.jcard {
            None => Ok(()),
            Some(JcardForm::Link(_)) if has("/jcl") => Ok(()),
            Some(JcardForm::Link(_)) => Err(Error::RcdiDigestMissing { member: "jcl" }),
            Some(JcardForm::Value(jcard)) => {
                let mut places = jcard.resources().map(|(place, _)| place.pointer("/jcd"));
                if places.all(|pointer| has(&pointer)) {
                    Ok(())
                } else {
                    Err(Error::RcdiDigestMissing { member: "jcd" })
                }
            }
        }
    }
}

impl fmt::Debug for Rcd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rcd")
            .field("nam", &self.nam)
            .field("apn", &self.apn)
            .field("icn", &self.icn)
            .field("jcard", &self.jcard)
            .finish_non_exhaustive()
    }
}

/// The claim `rcdi` (RFC 9795 §6): digests by JSON Pointers into `rcd`.
#[derive(Clone, Copy, Debug)]
pub struct Rcdi<'a> {
    value: Raw<'a>,
}

impl<'a> Rcdi<'a> {
    fn read(value: Raw<'a>) -> Result<Self, Error> {
        let mut members = value.members().ok_or(Error::ClaimType { claim: "rcdi" })?;
        if members.any(|(_, digest)| digest.string().is_none()) {
            return Err(Error::ClaimType { claim: "rcdi" });
        }
        Ok(Self { value })
    }

    /// Pointers and digests in the order of the claim. A digest that cannot be read stands for
    /// content that is not verified; it does not touch the rest.
    pub fn iter(&self) -> impl Iterator<Item = (Text<'a>, Result<Digest, Error>)> + 'a {
        self.members().filter_map(|(pointer, digest)| Some((pointer, read_digest(digest.string()?))))
    }

    fn members(&self) -> Members<'a> {
        // `read` has found it to be an object.
        self.value.members().unwrap_or_default()
    }

    fn names(&self, pointer: &str) -> bool {
        self.members().any(|(name, _)| name == *pointer)
    }
}

fn read_digest(text: Text<'_>) -> Result<Digest, Error> {
    // A longer one is no digest of any length.
    text.resolve(&mut [0; digest::MAX_LEN]).map_or(Err(Error::DigestBase64), Digest::parse)
}

/// `text`, if it is a URL of one of `schemes`, that have their colon.
fn url<'a>(text: Text<'a>, schemes: &[&str], member: &'static str) -> Result<Text<'a>, Error> {
    if schemes.iter().any(|scheme| has_scheme(text, scheme)) {
        Ok(text)
    } else {
        Err(Error::RcdMemberType { member })
    }
}

/// Whether `url` begins with `scheme`, in small or capital letters (RFC 3986 §3.1).
fn has_scheme(url: Text<'_>, scheme: &str) -> bool {
    let mut chars = url.chars();
    scheme.chars().all(|expected| chars.next().is_some_and(|c| c.eq_ignore_ascii_case(&expected)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(rcd: &'a str, rcdi: Option<&'a str>) -> Result<Claims<'a>, Error> {
        let raw = |text: &'a str| Raw::parse(text.as_bytes()).unwrap();
        Claims::read(Some(raw(rcd)), rcdi.map(raw), None, None)
    }

    fn with_members(members: &str) -> String {
        format!(r#"{{"nam":"Ada",{members}}}"#)
    }

    #[test]
    fn a_name_is_enough_and_must_be_there() {
        let claims = read(r#"{"nam":"","x":[1]}"#, None).unwrap();
        assert!(claims.rcd().unwrap().nam() == *"");
        assert_eq!(claims.check_ppt(), Ok(()));
        assert_eq!(read("{}", None).err(), Some(Error::RcdNamMissing));
        assert_eq!(read(r#"{"Nam":"x"}"#, None).err(), Some(Error::RcdNamMissing));
        for text in ["[]", "\"x\"", "null"] {
            assert_eq!(read(text, None).err(), Some(Error::ClaimType { claim: "rcd" }), "{text}");
        }
    }

    #[test]
    fn each_member_has_its_form() {
        for (members, member) in [
            (r#""apn":12155550121"#, "apn"),
            (r#""icn":"http://example.com/a.png""#, "icn"),
            (r#""icn":["https://example.com/a.png"]"#, "icn"),
            (r#""icn":"""#, "icn"),
            (r#""jcl":"data:,x""#, "jcl"),
            (r#""jcl":{}"#, "jcl"),
            (r#""jcd":"https://example.com/a.json""#, "jcd"),
        ] {
            let outcome = read(&with_members(members), Some(r#"{"/icn":"","/jcl":"","/jcd":""}"#)).err();
            assert_eq!(outcome, Some(Error::RcdMemberType { member }), "{members}");
        }
        assert_eq!(read(r#"{"nam":null}"#, None).err(), Some(Error::RcdMemberType { member: "nam" }));
        assert_eq!(read(&with_members(r#""apn":"+12155550121""#), None).err(), Some(Error::TnNotCanonical));
        let both = with_members(r#""jcd":["vcard",[]],"jcl":"https://example.com/a.json""#);
        assert_eq!(read(&both, None).err(), Some(Error::RcdJcardTwice));
    }

    #[test]
    fn what_is_referred_to_needs_a_digest() {
        for (members, pointer, member) in [
            (r#""icn":"HTTPS://example.com/a.png""#, "/icn", "icn"),
            (r#""jcl":"https:\/\/example.com\/a.json""#, "/jcl", "jcl"),
            (r#""jcl":"cid:1@example.com""#, "/jcl", "jcl"),
            (
                r#""jcd":["vcard",[["fn",{},"text","x"],["logo",{},"uri","https://e.example"]]]"#,
                "/jcd/1/1/3",
                "jcd",
            ),
        ] {
            let rcd = with_members(members);
            let missing = Some(Error::RcdiDigestMissing { member });
            assert_eq!(read(&rcd, None).err(), missing, "{members}");
            assert_eq!(read(&rcd, Some(r#"{"/nam":"sha256-x"}"#)).err(), missing, "{members}");
            // One that cannot be read is a matter of that content alone.
            assert!(read(&rcd, Some(&format!(r#"{{"{pointer}":"x"}}"#))).is_ok(), "{members}");
        }
        assert!(read(&with_members(r#""icn":"data:,x""#), None).is_ok());
    }

    #[test]
    fn digests_need_something_that_they_are_about() {
        let raw = |text: &'static str| Some(Raw::parse(text.as_bytes()).unwrap());
        let (rcd, crn) = (raw(r#"{"nam":""}"#), raw("\"why\""));
        assert_eq!(Claims::read(None, raw("{}"), crn, None).err(), Some(Error::RcdiWithoutRcd));
        for text in ["[]", "\"x\"", r#"{"/nam":1}"#] {
            let outcome = Claims::read(rcd, raw(text), None, None).err();
            assert_eq!(outcome, Some(Error::ClaimType { claim: "rcdi" }), "{text}");
        }
        assert_eq!(Claims::read(None, None, raw("1"), None).err(), Some(Error::ClaimType { claim: "crn" }));
        assert_eq!(Claims::read(None, None, None, raw("{}")).err(), Some(Error::ClaimType { claim: "iss" }));
        assert_eq!(Claims::read(None, None, crn, None).unwrap().check_ppt(), Ok(()));
        let neither = Claims::read(None, None, None, raw("\"x\"")).unwrap();
        assert_eq!(neither.check_ppt(), Err(Error::ClaimMissing { claim: "rcd" }));
    }
}
