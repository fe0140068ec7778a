//! The STI-PA's list of approved STI-CAs (ATIS-1000084): a compact JWS under ES256.
//!
//! Read [`CaListToken`] first: it says where the certificate of the signer is. Then
//! [`verify`](CaListToken::verify) it with what is there. [`Trust`](super::Trust) takes the
//! result, keeps the last good one, and never goes back.

use super::StiPa;
use super::jws::StiPaJws;
use crate::cert::{Certificate, Fingerprint};
use crate::fetch::X5u;
use crate::json::{Reader, Text};
use crate::{Error, pem};

/// Largest list that is read: some hundred CA certificates.
const MAX_LEN: usize = 1024 * 1024;

/// The one version of the list's format.
const VERSION: &str = "1.0";

/// A list as it was received, taken apart. Nothing is verified yet.
#[derive(Clone, Debug)]
pub struct CaListToken(StiPaJws);

impl CaListToken {
    /// Takes a compact JWS apart that came from `list_url`.
    ///
    /// # Errors
    /// [`Error::CaListTooLarge`] beyond 1 MiB; [`Error::TokenSegments`], [`Error::Base64Invalid`],
    /// [`Error::SignatureLength`]; for the protected header the JSON errors of [`crate::json`],
    /// [`Error::AlgUnsupported`], [`Error::CritUnsupported`], [`Error::TypInvalid`] if `typ` is no
    /// string, [`Error::HeaderMemberMissing`], [`Error::X5uType`] and the errors of
    /// [`X5u::parse`]; [`Error::CaListHost`] if its `x5u` is on another host than the list: whoever can put one list in our way must not choose
    /// where we connect to.
    pub fn parse(jws: &str, list_url: &X5u<'_>) -> Result<Self, Error> {
        if jws.len() > MAX_LEN {
            return Err(Error::CaListTooLarge { len_bytes: jws.len() });
        }
        let jws = StiPaJws::parse(jws)?;
        if !X5u::parse(jws.x5u())?.host().eq_ignore_ascii_case(list_url.host()) {
            return Err(Error::CaListHost);
        }
        Ok(Self(jws))
    }

    /// Takes the answer of the STI-PA's API apart, a JSON object with the JWS as its member
    /// `caList`.
    ///
    /// # Errors
    /// [`Error::CaListTooLarge`]; the JSON errors of [`crate::json`]; [`Error::CaListMember`] if
    /// there is no such member; those of [`parse`](Self::parse).
    pub fn from_response(body: &[u8], list_url: &X5u<'_>) -> Result<Self, Error> {
        if body.len() > MAX_LEN {
            return Err(Error::CaListTooLarge { len_bytes: body.len() });
        }
        let mut jws = None;
        let mut reader = Reader::new(body)?;
        reader.object(|reader, name| {
            if name != *"caList" {
                return reader.skip();
            }
            jws = reader.string()?;
            Ok(())
        })?;
        reader.finish()?;
        let jws = jws.ok_or(Error::CaListMember { member: "caList" })?;
        Self::parse(&jws.to_string(), list_url)
    }

    /// Takes apart what was had from `list_url`, be it the JWS alone or the answer of the STI-PA's API.
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse) and [`from_response`](Self::from_response).
    pub fn from_body(body: &[u8], list_url: &X5u<'_>) -> Result<Self, Error> {
        match body.trim_ascii() {
            [b'{', ..] => Self::from_response(body, list_url),
            body => Self::parse(str::from_utf8(body).map_err(|_| Error::Base64Invalid)?, list_url),
        }
    }

    /// Where the certificate of the signer is: on the list's own host.
    #[must_use]
    pub fn x5u(&self) -> &str {
        self.0.x5u()
    }

    /// Makes sure that the STI-PA signed this list and that it has not ended at `now`, in seconds
    /// since 1970. `signer_body` is what [`x5u`](Self::x5u) answered, PEM.
    ///
    /// # Errors
    /// Those of [`TrustedCert::from_pem`](crate::TrustedCert::from_pem) for the signer; [`Error::SignatureInvalid`]; for the
    /// payload the JSON errors of [`crate::json`] and [`Error::CaListMember`];
    /// [`Error::CaListExpired`]; [`Error::CaListEmpty`] if none of its entries is usable.
    pub fn verify(&self, signer_body: &[u8], sti_pa: &StiPa, now: i64) -> Result<CaList, Error> {
        let list = CaList::read(self.0.verify(signer_body, sti_pa, now)?)?;
        list.check_end(now)?;
        if list.cas.is_empty() {
            return Err(Error::CaListEmpty);
        }
        Ok(list)
    }
}

/// A list of approved STI-CAs that the STI-PA signed. Can only be made by
/// [`CaListToken::verify`], so holding one is the proof.
#[derive(Clone, Debug)]
pub struct CaList {
    sequence: u64,
    exp: i64,
    cas: Vec<Certificate>,
    unusable: Vec<(usize, Error)>,
    content: Fingerprint,
}

impl CaList {
    /// `{"version":"1.0","sequence":…,"exp":…,"trustList":["-----BEGIN CERTIFICATE-----…",…]}`;
    /// other members are passed over.
    fn read(payload: &[u8]) -> Result<Self, Error> {
        let (mut version, mut sequence, mut exp) = (None, None, None);
        let mut trust_list = None;
        let (mut cas, mut unusable) = (Vec::<Certificate>::new(), Vec::new());
        let mut reader = Reader::new(payload)?;
        reader.object(|reader, name| {
            match name.one_of(&["version", "sequence", "exp", "trustList"]) {
                Some("version") => version = reader.string()?.filter(|version| *version == *VERSION),
                Some("sequence") => sequence = reader.unsigned()?,
                Some("exp") => exp = reader.unsigned()?.and_then(|exp| i64::try_from(exp).ok()),
                Some("trustList") => {
                    let mut index = 0;
                    trust_list = reader.array(|reader| {
                        let entry = reader.string()?.ok_or(Error::CaListMember { member: "trustList" })?;
                        match read_ca(&entry) {
                            Ok(ca) if cas.iter().any(|other| other.der() == ca.der()) => {}
                            Ok(ca) => cas.push(ca),
                            Err(error) => unusable.push((index, error)),
                        }
                        index += 1;
                        Ok(())
                    })?;
                }
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        reader.finish()?;
        version.ok_or(Error::CaListMember { member: "version" })?;
        trust_list.ok_or(Error::CaListMember { member: "trustList" })?;
        Ok(Self {
            sequence: sequence.ok_or(Error::CaListMember { member: "sequence" })?,
            exp: exp.ok_or(Error::CaListMember { member: "exp" })?,
            cas,
            unusable,
            content: Fingerprint::of(payload),
        })
    }

    /// Its number; a newer list has a higher one.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When it ends, seconds since 1970: from that second on it is no longer good.
    #[must_use]
    pub fn exp(&self) -> i64 {
        self.exp
    }

    /// The approved CAs, at least one.
    #[must_use]
    pub fn cas(&self) -> &[Certificate] {
        &self.cas
    }

    /// Entries that cannot be used: their index in the list, from 0, and why. Worth an alarm,
    /// and no reason to refuse the others.
    #[must_use]
    pub fn unusable(&self) -> &[(usize, Error)] {
        &self.unusable
    }

    /// SHA-256 of what was signed, the header aside.
    #[must_use]
    pub fn content(&self) -> Fingerprint {
        self.content
    }

    pub(super) fn check_end(&self, now: i64) -> Result<(), Error> {
        if now < self.exp { Ok(()) } else { Err(Error::CaListExpired { exp: self.exp }) }
    }
}

/// One entry: exactly one certificate, of a CA.
fn read_ca(entry: &Text<'_>) -> Result<Certificate, Error> {
    let text = entry.to_string();
    let mut blocks = pem::blocks(text.as_bytes());
    let (Some(block), None) = (blocks.next(), blocks.next()) else {
        return Err(Error::CertPem);
    };
    let block = block?;
    if block.label() != "CERTIFICATE" {
        return Err(Error::CertPem);
    }
    let ca = Certificate::from_der(block.der())?;
    ca.check_may_issue()?;
    Ok(ca)
}
