//! Authority tokens: with one of them the STI-PA tells an STI-CA that a provider may have a
//! certificate for a TNAuthList (RFC 9447, RFC 9448). ATIS-1000080 calls it the SPC token.
//!
//! Read an [`AuthorityToken`] first: it says where the certificate of the signer is. Then
//! [`verify`](AuthorityToken::verify) it with what is there, and
//! [`check`](TnAuthority::check) whether it fits what was ordered, and by whom.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::StiPa;
use super::jws::{StiPaJws, decode};
use crate::cert::TnAuthList;
use crate::es256::{VerifyingKey, sha256};
use crate::json::{Reader, Text};
use crate::{Error, base64url};

/// Largest token that is read: one with some thousand numbers.
const MAX_LEN: usize = 64 * 1024;

/// A token as it was received, taken apart. Nothing is verified yet.
#[derive(Clone, Debug)]
pub struct AuthorityToken(StiPaJws);

impl AuthorityToken {
    /// Takes a compact JWS apart.
    ///
    /// # Errors
    /// [`Error::AuthorityTokenTooLarge`] beyond 64 KiB; [`Error::TokenSegments`],
    /// [`Error::Base64Invalid`], [`Error::SignatureLength`]; for the protected header the JSON
    /// errors of [`crate::json`], [`Error::AlgUnsupported`], [`Error::CritUnsupported`],
    /// [`Error::TypInvalid`] for another type than JWT, [`Error::HeaderMemberMissing`],
    /// [`Error::X5uType`] and the errors of [`X5u::parse`](crate::fetch::X5u::parse).
    pub fn parse(jws: &str) -> Result<Self, Error> {
        if jws.len() > MAX_LEN {
            return Err(Error::AuthorityTokenTooLarge { len_bytes: jws.len() });
        }
        let jws = StiPaJws::parse(jws)?;
        // RFC 7519 §5.1. The type of obsolete tokens was spc-token.
        match jws.typ() {
            Some(typ) if !typ.eq_ignore_ascii_case("JWT") => Err(Error::TypInvalid),
            _ => Ok(Self(jws)),
        }
    }

    /// Where the certificate of the signer is. Whoever sent the token chose it: connect to none
    /// but the STI-PA's host.
    #[must_use]
    pub fn x5u(&self) -> &str {
        self.0.x5u()
    }

    /// Makes sure that the STI-PA signed this token and that it has not ended at `now`, in
    /// seconds since 1970. `signer_body` is what [`x5u`](Self::x5u) answered, PEM.
    ///
    /// # Errors
    /// Those of [`TrustedCert::from_pem`](crate::TrustedCert::from_pem) for the signer;
    /// [`Error::SignatureInvalid`]; for the payload the JSON errors of [`crate::json`],
    /// [`Error::AuthorityTokenMember`] and [`Error::TnAuthListInvalid`];
    /// [`Error::AuthorityTokenExpired`].
    pub fn verify(&self, signer_body: &[u8], sti_pa: &StiPa, now: i64) -> Result<TnAuthority, Error> {
        let authority = TnAuthority::read(self.0.verify(signer_body, sti_pa, now)?)?;
        if now >= authority.exp {
            return Err(Error::AuthorityTokenExpired { exp: authority.exp });
        }
        Ok(authority)
    }
}

/// What the STI-PA allows. Can only be made by [`AuthorityToken::verify`], so holding one is the
/// proof.
#[derive(Clone, Debug)]
pub struct TnAuthority {
    jti: Box<str>,
    exp: i64,
    tn_auth_list: TnAuthList,
    issuance: Issuance,
    fingerprint: Box<str>,
}

/// Which kind of certificate may be issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "cA of basicConstraints is true or false")]
pub enum Issuance {
    /// One that signs PASSporTs.
    EndEntity,
    /// A CA for delegate certificates (RFC 9060).
    Ca,
}

/// How the fingerprint of an ACME account key is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the RFC has one way, the deployed STI-PA another")]
pub enum AccountFingerprint {
    /// SHA-256 of the key as a JWK (RFC 9448 §5.4, RFC 7638).
    JwkThumbprint,
    /// SHA-256 of its subjectPublicKeyInfo, as the STI-PA of the United States has it.
    SubjectPublicKeyInfo,
}

impl AccountFingerprint {
    /// `SHA256 ` and 32 pairs of capital hex digits joined by colons.
    #[must_use]
    pub fn of(self, key: &VerifyingKey) -> String {
        let point = key.as_uncompressed();
        let digest = match self {
            Self::JwkThumbprint => {
                let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
                let [x, y] = [x, y].map(encode);
                // RFC 7638 §3: the required members only, in this order, without white space.
                sha256(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#).as_bytes())
            }
            Self::SubjectPublicKeyInfo => sha256(&[P256_SPKI_PREFIX, point].concat()),
        };
        let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        format!("SHA256 {}", pairs.join(":"))
    }
}

impl TnAuthority {
    /// `{"atc":{"tktype":"TNAuthList","tkvalue":"…","ca":false,"fingerprint":"…"},"exp":…,"jti":"…"}`;
    /// other members are passed over.
    fn read(payload: &[u8]) -> Result<Self, Error> {
        let (mut jti, mut exp, mut atc) = (None, None, None);
        let mut reader = Reader::new(payload)?;
        reader.object(|reader, name| {
            match name.one_of(&["jti", "exp", "atc"]) {
                Some("jti") => jti = reader.string()?,
                Some("exp") => exp = reader.unsigned()?.and_then(|exp| i64::try_from(exp).ok()),
                Some("atc") => atc = Atc::read(reader)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        reader.finish()?;
        let atc = atc.ok_or(missing("atc"))?;
        // The examples of RFC 9447 spell it otherwise than RFC 9448.
        let tktype = atc.tktype.ok_or(missing("tktype"))?.to_string();
        if !tktype.eq_ignore_ascii_case("TNAuthList") {
            return Err(missing("tktype"));
        }
        Ok(Self {
            jti: jti.ok_or(missing("jti"))?.to_string().into(),
            exp: exp.ok_or(missing("exp"))?,
            tn_auth_list: read_tkvalue(&atc.tkvalue.ok_or(missing("tkvalue"))?.to_string())?,
            issuance: atc.ca.unwrap_or(Issuance::EndEntity),
            fingerprint: atc.fingerprint.ok_or(missing("fingerprint"))?.to_string().into(),
        })
    }

    /// Its unique name, by which a CA can see that a token comes again.
    #[must_use]
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// When it ends, seconds since 1970: from that second on it is no longer good.
    #[must_use]
    pub fn exp(&self) -> i64 {
        self.exp
    }

    /// What the certificate may be for.
    #[must_use]
    pub fn tn_auth_list(&self) -> &TnAuthList {
        &self.tn_auth_list
    }

    /// Which kind of certificate may be issued.
    #[must_use]
    pub fn issuance(&self) -> Issuance {
        self.issuance
    }

    /// Whether the token fits an order (RFC 9448 §6, steps 6, 8 and 9): `ordered` is its
    /// identifier, `account` the key of who ordered, with its fingerprint made as `form` says,
    /// and `issuance` what the certificate request asks for.
    ///
    /// # Errors
    /// [`Error::AuthorityTokenMismatch`] with the member that differs.
    pub fn check(
        &self,
        ordered: &TnAuthList,
        account: &VerifyingKey,
        form: AccountFingerprint,
        issuance: Issuance,
    ) -> Result<(), Error> {
        for (member, fits) in [
            ("tkvalue", self.tn_auth_list == *ordered),
            ("fingerprint", *self.fingerprint == form.of(account)),
            ("ca", self.issuance == issuance),
        ] {
            if !fits {
                return Err(Error::AuthorityTokenMismatch { member });
            }
        }
        Ok(())
    }
}

/// The claim `atc` as it was found.
#[derive(Default)]
struct Atc<'a> {
    tktype: Option<Text<'a>>,
    tkvalue: Option<Text<'a>>,
    fingerprint: Option<Text<'a>>,
    ca: Option<Issuance>,
}

impl<'a> Atc<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Option<Self>, Error> {
        let mut atc = Self::default();
        let found = reader.object(|reader, name| {
            match name.one_of(&["tktype", "tkvalue", "fingerprint", "ca"]) {
                Some("tktype") => atc.tktype = reader.string()?,
                Some("tkvalue") => atc.tkvalue = reader.string()?,
                Some("fingerprint") => atc.fingerprint = reader.string()?,
                Some("ca") => {
                    atc.ca = Some(match reader.raw()?.as_str() {
                        "false" => Issuance::EndEntity,
                        "true" => Issuance::Ca,
                        _ => return Err(missing("ca")),
                    });
                }
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(found.map(|()| atc))
    }
}

/// RFC 9448 §5.4 wants base64url without padding; the deployed STI-PA pads standard base64.
fn read_tkvalue(text: &str) -> Result<TnAuthList, Error> {
    let der = decode(text).or_else(|_| STANDARD.decode(text)).map_err(|_| missing("tkvalue"))?;
    TnAuthList::from_der(&der)
}

fn encode(bytes: &[u8]) -> String {
    let mut out = vec![0; (bytes.len() * 4).div_ceil(3)];
    base64url::encode(bytes, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

const fn missing(member: &'static str) -> Error {
    Error::AuthorityTokenMember { member }
}

/// What stands before the point of a P-256 key in its subjectPublicKeyInfo (RFC 5480).
const P256_SPKI_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
