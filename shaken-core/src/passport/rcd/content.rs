//! Whether content is what the signer of rich call data meant (RFC 9795 §6.1, §8.2).

use arrayvec::ArrayVec;

use super::{Claims, Jcard, JcardForm, MAX_URL_LEN, Rcd, read_digest};
use crate::Error;
use crate::digest::{Digest, Hasher};
use crate::json::{MAX_MEMBERS, Raw, Text, canonical};

/// What became of the digests of `rcdi`, each by its JSON Pointer.
///
/// Only content at a pointer that is [`ContentStatus::Verified`] is what the signer meant. What the
/// claims say themselves stands, whatever is found here: the signature covers it (RFC 9795 §8.2).
#[derive(Clone, Debug)]
pub struct Content<'a> {
    statuses: ArrayVec<(Text<'a>, ContentStatus), MAX_MEMBERS>,
}

/// What became of one digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContentStatus {
    /// The content is what the signer meant.
    Verified,
    /// It is not.
    Mismatch,
    /// The content was not at hand.
    NotFetched,
    /// The digest is that of the bare characters of a string, without its quotation marks, as some
    /// signers make it. It vouches for a string of the token, for no content.
    LegacyDigest,
    /// The digest is that of the URL as a JSON string, as printed in RFC 9795, and not that of the
    /// content: nothing is known of the content.
    UrlDigest,
    /// The pointer leads to nothing, or into a jCard that cannot be read.
    Unresolved,
    /// The digest cannot be read, for this reason.
    DigestInvalid(Error),
}

impl ContentStatus {
    /// The stable kebab-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Mismatch => "mismatch",
            Self::NotFetched => "not-fetched",
            Self::LegacyDigest => "legacy-digest",
            Self::UrlDigest => "url-digest",
            Self::Unresolved => "unresolved",
            Self::DigestInvalid(_) => "digest-invalid",
        }
    }
}

impl<'a> Content<'a> {
    /// Pointers and what became of their digests, in the order of the claim.
    pub fn iter(&self) -> impl Iterator<Item = (Text<'a>, ContentStatus)> {
        self.statuses.iter().copied()
    }

    /// What became of the digest at `pointer`, such as `/icn`; `None` if there is none.
    #[must_use]
    pub fn status(&self, pointer: &str) -> Option<ContentStatus> {
        self.statuses.iter().find(|(name, _)| *name == *pointer).map(|(_, status)| *status)
    }
}

impl<'a> Claims<'a> {
    /// Compares every digest of `rcdi` with what it is about.
    ///
    /// `fetched` answers the content of a URL that the claims or a fetched jCard refer to: the body
    /// of the HTTP response, or `None` if it is not at hand. It is asked for `data:` and `cid:` URLs
    /// too. RFC 9795 §8.2 does not recommend to fetch what is not going to be shown.
    pub fn check_content<'r>(&self, fetched: impl Fn(&str) -> Option<&'r [u8]>) -> Content<'a> {
        let Some((rcd, rcdi)) = self.rcd.zip(self.rcdi) else {
            return Content { statuses: ArrayVec::new() };
        };
        let fetched = |url: Text<'_>| url.resolve(&mut [0; MAX_URL_LEN]).and_then(&fetched);
        let linked = match rcd.jcard {
            Some(JcardForm::Link(url)) => fetched(url).map(|body| Raw::parse(body).and_then(Jcard::read)),
            _ => None,
        };
        let status = |pointer: Text<'a>, digest: Text<'a>| {
            let digest = read_digest(digest).map_err(ContentStatus::DigestInvalid)?;
            let mut room = [0; MAX_URL_LEN];
            let pointer = pointer.resolve(&mut room).ok_or(ContentStatus::Unresolved)?;
            match Target::find(pointer, &rcd, linked)? {
                Target::Value(value) => check_value(digest, value),
                Target::Resource(url) => check_resource(digest, url, fetched(url)),
                Target::LinkedJcard(url) => {
                    let body = fetched(url);
                    let canonical = body.and_then(|body| Raw::parse(body).ok());
                    if canonical.is_some_and(|value| is_digest_of_value(digest, value)) {
                        return Ok(());
                    }
                    check_resource(digest, url, body)
                }
            }
        };
        let statuses = rcdi.members().filter_map(|(pointer, digest)| {
            let outcome = status(pointer, digest.string()?);
            Some((pointer, outcome.err().unwrap_or(ContentStatus::Verified)))
        });
        // `rcdi` is one object, which has no more members.
        Content { statuses: statuses.take(MAX_MEMBERS).collect() }
    }
}

/// What a pointer of `rcdi` leads to (RFC 9795 §6.1).
enum Target<'a> {
    /// A value whose deterministic JSON is hashed.
    Value(Raw<'a>),
    /// A URL whose content is hashed.
    Resource(Text<'a>),
    /// The URL of the jCard. Its content is hashed as it came or, as RFC 9795 does it, in
    /// deterministic JSON.
    LinkedJcard(Text<'a>),
}

impl<'a> Target<'a> {
    fn find(
        pointer: &str,
        rcd: &Rcd<'a>,
        linked: Option<Result<Jcard<'a>, Error>>,
    ) -> Result<Self, ContentStatus> {
        let within = |jcard: Jcard<'a>, rest: &str| match jcard.uri_at(rest) {
            Some(url) => Some(Self::Resource(url)),
            None => jcard.value().at(rest).map(Self::Value),
        };
        let found = match (pointer, rcd.jcard) {
            ("/icn", _) => rcd.icn.map(Self::Resource),
            ("/jcl", Some(JcardForm::Link(url))) => Some(Self::LinkedJcard(url)),
            // Below the URL the jCard takes its place.
            (_, Some(JcardForm::Link(_))) if pointer.starts_with("/jcl/") => {
                let jcard = linked.ok_or(ContentStatus::NotFetched)?;
                jcard.ok().and_then(|jcard| within(jcard, pointer.get("/jcl".len()..)?))
            }
            (_, Some(JcardForm::Value(jcard))) if pointer.starts_with("/jcd/") => {
                within(jcard, pointer.get("/jcd".len()..).unwrap_or_default())
            }
            _ => rcd.value.at(pointer).map(Self::Value),
        };
        found.ok_or(ContentStatus::Unresolved)
    }
}

fn check_value(digest: Digest, value: Raw<'_>) -> Result<(), ContentStatus> {
    if is_digest_of_value(digest, value) {
        Ok(())
    } else if value.string().is_some_and(|text| is_digest_of_characters(digest, text)) {
        Err(ContentStatus::LegacyDigest)
    } else {
        Err(ContentStatus::Mismatch)
    }
}

fn check_resource(digest: Digest, url: Text<'_>, body: Option<&[u8]>) -> Result<(), ContentStatus> {
    if body.is_some_and(|body| digest.matches(body)) {
        return Ok(());
    }
    // What the digest is of can be told without the content, and stays so when it comes.
    let mut hasher = Hasher::new(digest.algorithm());
    url.write(&mut hasher);
    if hasher.finish() == digest {
        Err(ContentStatus::UrlDigest)
    } else if is_digest_of_characters(digest, url) {
        Err(ContentStatus::LegacyDigest)
    } else if body.is_none() {
        Err(ContentStatus::NotFetched)
    } else {
        Err(ContentStatus::Mismatch)
    }
}

fn is_digest_of_value(digest: Digest, value: Raw<'_>) -> bool {
    let mut hasher = Hasher::new(digest.algorithm());
    canonical::write(value, &mut hasher).is_ok() && hasher.finish() == digest
}

fn is_digest_of_characters(digest: Digest, text: Text<'_>) -> bool {
    let mut hasher = Hasher::new(digest.algorithm());
    text.write_plain(&mut hasher);
    hasher.finish() == digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Algorithm;

    const URL: &str = "https://example.com/a.png";
    const LINK: &str = "https://example.com/card.json";
    const CARD: &str = r#"["vcard",[["logo",{},"uri","https://example.com/a.png"],["fn",{},"text","Ada"]]]"#;

    fn sha256(content: &str) -> String {
        Digest::of(Algorithm::Sha256, content.as_bytes()).to_string()
    }

    /// The status of `digest` at `pointer`, with `card` at the link and `x` at the URL. What else
    /// demands a digest has a bad one.
    fn status(members: &str, pointer: &str, digest: &str, card: Option<&'static str>) -> ContentStatus {
        let rcd = format!(r#"{{"nam":"Ada \u0022"{members}}}"#);
        let demanded = ["/icn", "/jcl", "/jcd/1/0/3"].into_iter().filter(|other| *other != pointer);
        let others: String = demanded.map(|other| format!(r#","{other}":"""#)).collect();
        let rcdi = format!(r#"{{"{pointer}":"{digest}"{others}}}"#);
        let raw = |text: &'static str| Some(Raw::parse(text.as_bytes()).unwrap());
        let claims = Claims::read(raw(rcd.leak()), raw(rcdi.leak()), None, None).unwrap();
        let content = claims.check_content(|url| match url {
            URL => Some(b"x"),
            LINK => card.map(str::as_bytes),
            other => panic!("asked for {other}"),
        });
        content.status(&pointer.replace('\\', "")).unwrap()
    }

    #[test]
    fn strings_are_hashed_with_their_quotation_marks() {
        for (hashed, expected) in [
            (r#""Ada \"""#, ContentStatus::Verified),
            (r#"Ada ""#, ContentStatus::LegacyDigest),
            (r#""Ada \u0022""#, ContentStatus::Mismatch),
        ] {
            assert_eq!(status("", "/nam", &sha256(hashed), None), expected, "{hashed}");
        }
        assert_eq!(status("", r"\/nam", &sha256(r#""Ada \"""#), None), ContentStatus::Verified);
    }

    #[test]
    fn resources_are_hashed_as_they_came() {
        let icn = format!(r#","icn":"{}""#, URL.replace('/', r"\/"));
        let jcd = format!(r#","jcd":{CARD}"#);
        let jcl = format!(r#","jcl":"{LINK}""#);
        for (hashed, expected) in [
            ("x", ContentStatus::Verified),
            ("y", ContentStatus::Mismatch),
            (r#""x""#, ContentStatus::Mismatch),
            (&format!(r#""{URL}""#), ContentStatus::UrlDigest),
            (URL, ContentStatus::LegacyDigest),
        ] {
            let digest = sha256(hashed);
            assert_eq!(status(&icn, "/icn", &digest, None), expected, "{hashed}");
            assert_eq!(status(&jcd, "/jcd/1/0/3", &digest, None), expected, "{hashed}");
            assert_eq!(status(&jcl, "/jcl/1/0/3", &digest, Some(CARD)), expected, "{hashed}");
        }
    }

    #[test]
    fn a_linked_jcard_is_hashed_as_it_came_or_in_deterministic_form() {
        let jcl = format!(r#","jcl":"{LINK}""#);
        let spaced: &str = CARD.replace(',', ", ").leak();
        let digest = sha256(CARD);
        assert_eq!(status(&jcl, "/jcl", &digest, Some(CARD)), ContentStatus::Verified);
        assert_eq!(status(&jcl, "/jcl", &digest, Some(spaced)), ContentStatus::Verified);
        assert_eq!(status(&jcl, "/jcl", &sha256(spaced), Some(spaced)), ContentStatus::Verified);
        assert_eq!(status(&jcl, "/jcl", &sha256(spaced), Some(CARD)), ContentStatus::Mismatch);
        assert_eq!(status(&jcl, "/jcl", &digest, None), ContentStatus::NotFetched);
        let url_digest = sha256(&format!(r#""{LINK}""#));
        assert_eq!(status(&jcl, "/jcl", &url_digest, None), ContentStatus::UrlDigest);
        // Below it.
        let text = sha256(r#""Ada""#);
        assert_eq!(status(&jcl, "/jcl/1/1/3", &text, Some(spaced)), ContentStatus::Verified);
        assert_eq!(status(&jcl, "/jcl/1/1/3", &text, None), ContentStatus::NotFetched);
        assert_eq!(status(&jcl, "/jcl/1/1/3", &text, Some("[]")), ContentStatus::Unresolved);
        assert_eq!(status(&jcl, "/jcl/1/2/3", &text, Some(CARD)), ContentStatus::Unresolved);
    }

    #[test]
    fn a_jcard_by_value_is_hashed_in_deterministic_form() {
        let jcd = format!(r#","jcd":{}"#, CARD.replace(',', " , "));
        assert_eq!(status(&jcd, "/jcd", &sha256(CARD), None), ContentStatus::Verified);
        assert_eq!(status(&jcd, "/jcd", &sha256("[]"), None), ContentStatus::Mismatch);
        let property = sha256(r#"["fn",{},"text","Ada"]"#);
        assert_eq!(status(&jcd, "/jcd/1/1", &property, None), ContentStatus::Verified);
    }

    #[test]
    fn what_cannot_be_compared_is_not_verified() {
        let digest = sha256(r#""Ada""#);
        for pointer in ["nam", "/Nam", "/jcl", "/icn", "/nam/0", "/jcd/1/0/3", "/~0"] {
            assert_eq!(status("", pointer, &digest, None), ContentStatus::Unresolved, "{pointer}");
        }
        let long = r"\/".repeat(MAX_URL_LEN + 1);
        assert_eq!(status("", &long, &digest, None), ContentStatus::Unresolved);
        for (digest, error) in [
            ("", Error::DigestAlgorithm),
            ("sha1-x", Error::DigestAlgorithm),
            ("sha256-A", Error::DigestBase64),
            ("sha256-AAAA", Error::DigestLength { len_bytes: 3 }),
            (&format!("sha256-{}", r"\u0041".repeat(1000)), Error::DigestBase64),
        ] {
            assert_eq!(status("", "/nam", digest, None), ContentStatus::DigestInvalid(error), "{digest}");
        }
    }
}
