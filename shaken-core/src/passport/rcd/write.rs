//! Rich call data of our own, to be signed.

use arrayvec::{ArrayString, ArrayVec};

use super::jcard::MAX_POINTER_LEN;
use super::{Jcard, MAX_URL_LEN, Prepared};
use crate::digest::{Algorithm, Digest, Hasher};
use crate::json::{self, MAX_MEMBERS, Raw, Text, canonical};
use crate::write::{Out, Sink};
use crate::{Error, TelephoneNumber};

/// The claims `rcd`, `rcdi` and `crn` of a PASSporT to be signed. Each is written on its own: where
/// it stands in the payload is a matter of the payload's other claims.
#[derive(Clone, Copy, Debug)]
pub struct NewRcd<'a> {
    nam: &'a str,
    apn: Option<TelephoneNumber>,
    icn: Option<&'a str>,
    jcard: Option<NewJcard<'a>>,
    crn: Option<&'a str>,
    algorithm: Algorithm,
    value_digests: ValueDigests,
}

/// A jCard of our own.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9795 has a value and a link")]
pub enum NewJcard<'a> {
    /// In the claim itself, as `jcd`.
    Value(Jcard<'a>),
    /// At this https URL, as `jcl`.
    Link(&'a str),
}

/// Whether values that stand in the claim itself get digests, which only a certificate's claim
/// constraints have a use for (RFC 9795 §6.1.1, §6.1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "values have digests or not")]
pub enum ValueDigests {
    /// Only what is referred to by URL has digests.
    #[default]
    Omit,
    /// `nam`, `apn` and `jcd` have digests too.
    Include,
}

impl<'a> NewRcd<'a> {
    /// `nam` is the caller's name, the same as the display name of From; empty if there is none.
    #[must_use]
    pub const fn new(nam: &'a str) -> Self {
        Self {
            nam,
            apn: None,
            icn: None,
            jcard: None,
            crn: None,
            algorithm: Algorithm::Sha256,
            value_digests: ValueDigests::Omit,
        }
    }

    /// The number to show in place of the calling one.
    #[must_use]
    pub fn with_apn(self, apn: TelephoneNumber) -> Self {
        Self { apn: Some(apn), ..self }
    }

    /// The https or data URL of a picture.
    ///
    /// # Errors
    /// [`Error::RcdMemberType`] for another URL.
    pub fn with_icn(self, url: &'a str) -> Result<Self, Error> {
        let wrong = Error::RcdMemberType { member: "icn" };
        if is_url(url, "https:") || is_url(url, "data:") {
            Ok(Self { icn: Some(url), ..self })
        } else {
            Err(wrong)
        }
    }

    /// The jCard.
    ///
    /// # Errors
    /// [`Error::RcdMemberType`] for a link that is no https URL.
    pub fn with_jcard(self, jcard: NewJcard<'a>) -> Result<Self, Error> {
        match jcard {
            NewJcard::Link(url) if !is_url(url, "https:") => Err(Error::RcdMemberType { member: "jcl" }),
            _ => Ok(Self { jcard: Some(jcard), ..self }),
        }
    }

    /// Why the call is made. RFC 9796 §6 wants 64 characters at most.
    #[must_use]
    pub fn with_crn(self, crn: &'a str) -> Self {
        Self { crn: Some(crn), ..self }
    }

    /// The hash function of the digests; SHA-256 if not set.
    #[must_use]
    pub fn with_algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// Whether values that stand in the claim itself get digests.
    #[must_use]
    pub fn with_value_digests(self, value_digests: ValueDigests) -> Self {
        Self { value_digests, ..self }
    }

    /// Writes all of it into `buffer`, to be signed with any number of calls: what `content` has
    /// to answer is fetched long before a call. `content` is as for
    /// [`write_rcdi`](Self::write_rcdi).
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`]; those of [`write_rcd`](Self::write_rcd) and
    /// [`write_rcdi`](Self::write_rcdi).
    pub fn prepare<'r>(
        &self,
        content: impl Fn(&str) -> Option<&'r [u8]>,
        buffer: &'a mut [u8],
    ) -> Result<Prepared<'a>, Error> {
        let mut out = Out::new(buffer);
        self.write_rcd(&mut out)?;
        let rcd_len = out.written().len();
        let has_rcdi = self.write_rcdi(content, &mut out)?.is_some();
        let (rcd, rcdi) = out.finish()?.split_at_checked(rcd_len).unwrap_or_default();
        let is_name_alone = self.apn.is_none() && self.icn.is_none() && self.jcard.is_none() && !has_rcdi;
        Ok(Prepared { rcd, rcdi: has_rcdi.then_some(rcdi), crn: self.crn, is_name_alone })
    }

    /// Writes the value of `rcd`.
    ///
    /// # Errors
    /// [`Error::NumberNotCanonical`] in a jCard.
    pub fn write_rcd(&self, out: &mut Out<'_>) -> Result<(), Error> {
        out.push(b"{");
        if let Some(apn) = self.apn {
            out.push(b"\"apn\":");
            write_apn(out, apn);
            out.push(b",");
        }
        if let Some(icn) = self.icn {
            out.push(b"\"icn\":");
            json::write_string(out, icn);
            out.push(b",");
        }
        match self.jcard {
            None => {}
            Some(NewJcard::Value(jcard)) => {
                out.push(b"\"jcd\":");
                canonical::write(jcard.value(), out)?;
                out.push(b",");
            }
            Some(NewJcard::Link(url)) => {
                out.push(b"\"jcl\":");
                json::write_string(out, url);
                out.push(b",");
            }
        }
        out.push(b"\"nam\":");
        json::write_string(out, self.nam);
        out.push(b"}");
        Ok(())
    }

    /// Writes the value of `rcdi`, or nothing and answers `None` if nothing demands a digest.
    ///
    /// `content` answers what is served at a URL: the picture, the jCard, and what the jCard refers
    /// to. It is not asked for `data:` URLs.
    ///
    /// # Errors
    /// [`Error::RcdContentMissing`] if it has no answer; [`Error::RcdMemberType`] if there is no
    /// jCard at the link; [`Error::JclNotCanonical`] if there is one in another than the
    /// deterministic form; [`Error::JsonTooManyMembers`] for more than [`MAX_MEMBERS`] digests;
    /// [`Error::NumberNotCanonical`] in a jCard.
    pub fn write_rcdi<'r>(
        &self,
        content: impl Fn(&str) -> Option<&'r [u8]>,
        out: &mut Out<'_>,
    ) -> Result<Option<()>, Error> {
        let mut digests = self.digests(content)?.0;
        if digests.is_empty() {
            return Ok(None);
        }
        digests.sort_unstable_by_key(|(pointer, _)| *pointer);
        for (i, (pointer, digest)) in digests.iter().enumerate() {
            out.push(if i == 0 { b"{" } else { b"," });
            json::write_string(out, pointer);
            out.push(b":\"");
            digest.write(out);
            out.push(b"\"");
        }
        out.push(b"}");
        Ok(Some(()))
    }

    fn digests<'r>(&self, content: impl Fn(&str) -> Option<&'r [u8]>) -> Result<Digests, Error> {
        let content = |url: &str, member| content(url).ok_or(Error::RcdContentMissing { member });
        let resource = |url: Text<'_>, member| {
            let mut room = [0; MAX_URL_LEN];
            let url = url.resolve(&mut room).ok_or(Error::RcdMemberType { member })?;
            content(url, member).map(|content| Digest::of(self.algorithm, content))
        };
        let mut digests = Digests(ArrayVec::new());
        if self.value_digests == ValueDigests::Include {
            digests.add("/nam", self.hash(|hasher| json::write_string(hasher, self.nam)))?;
            if let Some(apn) = self.apn {
                digests.add("/apn", self.hash(|hasher| write_apn(hasher, apn)))?;
            }
        }
        if let Some(icn) = self.icn.filter(|icn| !is_url(icn, "data:")) {
            digests.add("/icn", Digest::of(self.algorithm, content(icn, "icn")?))?;
        }
        match self.jcard {
            None => {}
            Some(NewJcard::Value(jcard)) => {
                if self.value_digests == ValueDigests::Include {
                    let mut hasher = Hasher::new(self.algorithm);
                    canonical::write(jcard.value(), &mut hasher)?;
                    digests.add("/jcd", hasher.finish())?;
                }
                for (place, url) in jcard.resources() {
                    digests.add(&place.pointer("/jcd"), resource(url, "jcd")?)?;
                }
            }
            Some(NewJcard::Link(url)) => {
                let body = content(url, "jcl")?;
                let jcard = Raw::parse(body).and_then(Jcard::read);
                let jcard = jcard.map_err(|_| Error::RcdMemberType { member: "jcl" })?;
                // Some verifiers hash the body, others the deterministic form.
                if !canonical::is_canonical(body)? {
                    return Err(Error::JclNotCanonical);
                }
                digests.add("/jcl", Digest::of(self.algorithm, body))?;
                for (place, url) in jcard.resources() {
                    digests.add(&place.pointer("/jcl"), resource(url, "jcl")?)?;
                }
            }
        }
        Ok(digests)
    }

    fn hash(&self, write: impl FnOnce(&mut Hasher)) -> Digest {
        let mut hasher = Hasher::new(self.algorithm);
        write(&mut hasher);
        hasher.finish()
    }
}

/// The members of `rcdi`.
struct Digests(ArrayVec<(ArrayString<MAX_POINTER_LEN>, Digest), MAX_MEMBERS>);

impl Digests {
    fn add(&mut self, pointer: &str, digest: Digest) -> Result<(), Error> {
        let too_many = Error::JsonTooManyMembers { offset: 0 };
        let pointer = ArrayString::from(pointer).map_err(|_| too_many)?;
        self.0.try_push((pointer, digest)).map_err(|_| too_many)
    }
}

fn write_apn(sink: &mut impl Sink, apn: TelephoneNumber) {
    sink.push(b"\"");
    sink.push(apn.as_str().as_bytes());
    sink.push(b"\"");
}

/// Whether `url` begins with `scheme`, that has its colon, and can be fetched.
fn is_url(url: &str, scheme: &str) -> bool {
    url.len() <= MAX_URL_LEN && url.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passport::rcd::{Claims, ContentStatus};

    const PICTURE: &str = "https://example.com/a.png";
    const LINK: &str = "https://example.com/card.json";
    const CARD: &str = r#"["vcard",[["fn",{},"text","Ada"],["logo",{},"uri","https://example.com/a.png"],["tel",{},"uri","tel:+1"]]]"#;

    fn content(url: &str) -> Option<&'static [u8]> {
        [(PICTURE, &b"png"[..]), (LINK, CARD.as_bytes())].into_iter().find(|(u, _)| *u == url).map(|(_, c)| c)
    }

    fn written(write: impl FnOnce(&mut Out<'_>) -> Result<(), Error>) -> Result<String, Error> {
        let mut buffer = [0; 8192];
        let mut out = Out::new(&mut buffer);
        write(&mut out)?;
        out.finish().map(str::to_owned)
    }

    fn rcdi(claims: &NewRcd<'_>) -> Result<Option<String>, Error> {
        let mut some = None;
        let text = written(|out| claims.write_rcdi(content, out).map(|wrote| some = wrote))?;
        Ok(some.map(|()| text))
    }

    fn jcard(text: &str) -> Jcard<'_> {
        Jcard::read(Raw::parse(text.as_bytes()).unwrap()).unwrap()
    }

    /// Everything that can be written is read back, every digest holds, and both are canonical.
    #[test]
    fn what_is_written_reads_back_and_holds() {
        let spaced = CARD.replace(',', " ,");
        let apn = TelephoneNumber::parse("12155550199").unwrap();
        let data = format!("data:{}", "x".repeat(500));
        for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
            for value_digests in [ValueDigests::Omit, ValueDigests::Include] {
                for form in [None, Some(NewJcard::Value(jcard(&spaced))), Some(NewJcard::Link(LINK))] {
                    for icn in [None, Some(PICTURE), Some(data.as_str())] {
                        let mut claims = NewRcd::new("Ada \"A\"")
                            .with_apn(apn)
                            .with_algorithm(algorithm)
                            .with_value_digests(value_digests);
                        if let Some(form) = form {
                            claims = claims.with_jcard(form).unwrap();
                        }
                        if let Some(icn) = icn {
                            claims = claims.with_icn(icn).unwrap();
                        }
                        let rcd = written(|out| claims.write_rcd(out)).unwrap();
                        let rcdi = rcdi(&claims).unwrap();
                        for text in rcdi.iter().chain([&rcd]) {
                            assert_eq!(canonical::is_canonical(text.as_bytes()), Ok(true), "{text}");
                        }
                        let rcd = Raw::parse(rcd.as_bytes()).unwrap();
                        let rcdi = rcdi.as_ref().map(|text| Raw::parse(text.as_bytes()).unwrap());
                        let read = Claims::read(Some(rcd), rcdi, None, None).unwrap();
                        assert_eq!(read.rcd().unwrap().apn(), Some(apn));
                        let checked = read.check_content(content);
                        let digests = 2 * usize::from(form.is_some())
                            - usize::from(
                                matches!(form, Some(NewJcard::Value(_)))
                                    && value_digests == ValueDigests::Omit,
                            )
                            + usize::from(icn == Some(PICTURE))
                            + 2 * usize::from(value_digests == ValueDigests::Include);
                        assert_eq!(checked.iter().count(), digests, "{claims:?}");
                        for (pointer, status) in checked.iter() {
                            assert_eq!(status, ContentStatus::Verified, "{pointer}");
                        }
                    }
                }
            }
        }
        assert_eq!(rcdi(&NewRcd::new("Ada")), Ok(None));
    }

    #[test]
    fn members_are_sorted_by_their_bytes() {
        let text =
            format!(r#"["vcard",[{}]]"#, vec![format!(r#"["logo",{{}},"uri","{PICTURE}"]"#); 11].join(","));
        let claims = NewRcd::new("").with_jcard(NewJcard::Value(jcard(&text))).unwrap();
        let rcdi = rcdi(&claims).unwrap().unwrap();
        let pointers: Vec<_> = rcdi.match_indices("/jcd").map(|(at, _)| &rcdi[at..at + 9]).collect();
        assert_eq!(pointers[..4], ["/jcd/1/0/", "/jcd/1/1/", "/jcd/1/10", "/jcd/1/2/"]);
    }

    #[test]
    fn what_cannot_be_signed_has_its_error() {
        for url in ["http://example.com/a.png", "", "cid:1", &format!("https://{}", "x".repeat(MAX_URL_LEN))]
        {
            let wrong = |member| Some(Error::RcdMemberType { member });
            assert_eq!(NewRcd::new("").with_icn(url).err(), wrong("icn"));
            assert_eq!(NewRcd::new("").with_jcard(NewJcard::Link(url)).err(), wrong("jcl"));
        }
        let other = "https://example.com/b.png";
        let missing = |member| Err(Error::RcdContentMissing { member });
        assert_eq!(rcdi(&NewRcd::new("").with_icn(other).unwrap()), missing("icn"));
        let linked = NewRcd::new("").with_jcard(NewJcard::Link(LINK)).unwrap();
        let with_body = |body: &'static str| {
            let content = |url: &str| if url == LINK { Some(body.as_bytes()) } else { None };
            linked.write_rcdi(content, &mut Out::new(&mut [0; 1000]))
        };
        assert_eq!(with_body(CARD), Err(Error::RcdContentMissing { member: "jcl" }));
        assert_eq!(with_body("<html>"), Err(Error::RcdMemberType { member: "jcl" }));
        assert_eq!(with_body("[\"vcard\", []]"), Err(Error::JclNotCanonical));
        assert_eq!(with_body("[\"vcard\",[]]\n"), Err(Error::JclNotCanonical));
        assert_eq!(with_body("[\"vcard\",[]]"), Ok(Some(())));
        let text = CARD.replace("a.png", "b.png");
        let claims = NewRcd::new("").with_jcard(NewJcard::Value(jcard(&text))).unwrap();
        assert_eq!(rcdi(&claims), missing("jcd"));
        let text =
            format!(r#"["vcard",[{}]]"#, vec![format!(r#"["logo",{{}},"uri","{PICTURE}"]"#); 65].join(","));
        let claims = NewRcd::new("").with_jcard(NewJcard::Value(jcard(&text))).unwrap();
        assert_eq!(rcdi(&claims), Err(Error::JsonTooManyMembers { offset: 0 }));
    }
}
