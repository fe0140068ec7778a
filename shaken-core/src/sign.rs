//! The authentication service: claims in, Identity header out (RFC 8224 §6.1, RFC 8588).

use crate::cert::encompass::{self, Encompassing};
use crate::cert::{Certificate, TnAuthList, read_chain, signing_certificate, tn_auth_list::Coverage};
use crate::es256::{SIGNATURE_LEN, Signature, SigningKey};
use crate::fetch::X5u;
use crate::party::Party;
use crate::passport::{Ppt, base};
use crate::write::Out;
use crate::{Error, identity, passport};

/// A buffer of this length holds every header that [`Signer::sign`] can write: the longest payload
/// and, twice, the longest certificate URL.
pub const MAX_HEADER_LEN: usize = 12 * 1024;

/// Room for the JSON of one payload: 32 numbers and a long `origid` need less than a quarter of
/// it, a nested PASSporT or rich call data more.
const MAX_PAYLOAD_LEN: usize = 5 * 1024;

/// Room for what nearly all calls need; to clear the rest of it would be time spent on each.
const USUAL_PAYLOAD_LEN: usize = 512;

/// Claims that can be signed, of one PASSporT type. Implemented by the `NewClaims` of each file
/// of [`crate::passport`], which make sure that they are complete.
pub trait Unsigned {
    /// The PASSporT type.
    fn ppt(&self) -> Ppt;

    /// The claims that every PASSporT has.
    fn base(&self) -> &base::NewClaims<'_>;

    /// The party that the certificate must have authority over: the caller, but for a diversion.
    fn authority_over(&self) -> &Party<'_> {
        self.base().orig()
    }

    /// Whether a verifier can rebuild all claims from the request, so that they may be left out
    /// (RFC 8225 §7): never for a type that forbids it.
    fn can_be_rebuilt(&self) -> bool {
        false
    }

    /// Writes the payload in the form of RFC 8225 §9.
    fn write(&self, out: &mut Out<'_>);
}

/// Signs calls with one key under one certificate.
#[derive(Debug)]
pub struct Signer {
    key: SigningKey,
    x5u: Box<str>,
    /// The protected header of each type, in the order of [`Ppt::ALL`], in base64url with the dot
    /// behind it: the same for every call.
    headers: [Box<str>; Ppt::ALL.len()],
    certificate: Certificate,
    tn_auth_list: TnAuthList,
}

impl Signer {
    /// `chain_pem` is what stands at `x5u`: the signing certificate, then its issuers.
    ///
    /// # Errors
    /// [`Error::KeyMismatch`] if key and certificate do not belong together;
    /// [`Error::TnAuthListMissing`], [`Error::TnAuthListInvalid`],
    /// [`Error::TnAuthListByReference`], [`Error::TnAuthListNotEncompassed`] (RFC 9060 §5) and
    /// the errors of [`signing_certificate`] for certificates that verifiers refuse; the errors of
    /// [`read_chain`] and [`X5u::parse`].
    pub fn new(key: SigningKey, chain_pem: &[u8], x5u: &str) -> Result<Self, Error> {
        X5u::parse(x5u)?;
        let chain = read_chain(chain_pem)?;
        let certificate = signing_certificate(&chain)?.clone();
        if certificate.verifying_key()? != key.verifying_key()? {
            return Err(Error::KeyMismatch);
        }
        if encompass::in_chain(&certificate, &chain) == Some(Encompassing::NotEncompassed) {
            return Err(Error::TnAuthListNotEncompassed);
        }
        let mut headers: [Box<str>; Ppt::ALL.len()] = Default::default();
        for (header, ppt) in headers.iter_mut().zip(Ppt::ALL) {
            *header = protected_header(ppt, x5u)?;
        }
        Ok(Self {
            key,
            x5u: x5u.into(),
            headers,
            tn_auth_list: certificate.tn_auth_list().cloned().ok_or(Error::TnAuthListMissing)??,
            certificate,
        })
    }

    /// Writes the value of the Identity header for `claims`, in full form, into the front of
    /// `out` and answers it. Allocates nothing.
    ///
    /// # Errors
    /// [`Error::CertNotYetValid`], [`Error::CertExpired`] if `iat` is outside of the
    /// certificate's validity (RFC 8224 §6.1 step 3); [`Error::TnNotAuthorized`] if the
    /// certificate lists numbers and not this one; [`Error::TokenTooLarge`] for a nested PASSporT
    /// or rich call data that make a payload of more than 5 KiB; [`Error::BufferTooSmall`];
    /// [`Error::SigningFailed`].
    pub fn sign<'b>(&self, claims: &impl Unsigned, out: &'b mut [u8]) -> Result<&'b str, Error> {
        let mut out = Out::new(out);
        let signature = self.write_signed(claims, &mut out)?;
        out.push(b".");
        out.push_base64url(signature.as_ref());
        identity::write_params(&mut out, &self.x5u, claims.ppt());
        out.finish()
    }

    /// As [`sign`](Self::sign), in compact form: header and payload are left out, for the
    /// verifier to rebuild from the call (RFC 8225 §7). The `iat` of the claims must be the Date
    /// of the request, and their parties those of From and To.
    ///
    /// # Errors
    /// [`Error::CompactForm`] if the type forbids it, or the claims are more than the request
    /// says; those of [`sign`](Self::sign).
    pub fn sign_compact<'b>(&self, claims: &impl Unsigned, out: &'b mut [u8]) -> Result<&'b str, Error> {
        if !claims.can_be_rebuilt() {
            return Err(Error::CompactForm);
        }
        let mut buffer = [0; MAX_HEADER_LEN];
        let signature = self.write_signed(claims, &mut Out::new(&mut buffer))?;
        let mut out = Out::new(out);
        out.push(b"..");
        out.push_base64url(signature.as_ref());
        identity::write_params(&mut out, &self.x5u, claims.ppt());
        out.finish()
    }

    /// Writes what is signed, `header.payload`, and signs it.
    fn write_signed(&self, claims: &impl Unsigned, out: &mut Out<'_>) -> Result<Signature, Error> {
        self.check_authority(claims)?;
        let header = self.headers.iter().zip(Ppt::ALL).find(|(_, ppt)| *ppt == claims.ppt());
        write_signed(&self.key, header.map_or("", |(header, _)| header), claims, out)
    }

    /// Whether the certificate may sign for the caller, at the time of the call.
    fn check_authority(&self, claims: &impl Unsigned) -> Result<(), Error> {
        self.certificate.check_valid(i64::try_from(claims.base().iat()).unwrap_or(i64::MAX))?;
        match claims.authority_over() {
            Party::Number(number) if self.tn_auth_list.coverage(number) == Coverage::Uncovered => {
                Err(Error::TnNotAuthorized)
            }
            // RFC 8226 §9: a provider speaks for its users, whatever they are called.
            Party::Uri(_) if self.tn_auth_list.spc().is_none() => Err(Error::TnNotAuthorized),
            Party::Number(_) | Party::Uri(_) => Ok(()),
        }
    }

    /// The URL that goes into the header.
    #[must_use]
    pub fn x5u(&self) -> &str {
        &self.x5u
    }

    /// The signing certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

/// Writes the value of the Identity header for `claims` with nothing but a key, for callers that have no
/// certificate at hand. Nobody has checked that what stands at `x5u` belongs to the key, is valid, or
/// may sign for the caller: whoever has the certificate uses [`Signer`].
///
/// # Errors
/// [`Error::TokenTooLarge`], [`Error::BufferTooSmall`], [`Error::SigningFailed`], as
/// [`Signer::sign`].
pub fn sign_with_bare_key<'b>(
    key: &SigningKey,
    x5u: &X5u<'_>,
    claims: &impl Unsigned,
    out: &'b mut [u8],
) -> Result<&'b str, Error> {
    let header = protected_header(claims.ppt(), x5u.as_str())?;
    let mut out = Out::new(out);
    let signature = write_signed(key, &header, claims, &mut out)?;
    out.push(b".");
    out.push_base64url(signature.as_ref());
    identity::write_params(&mut out, x5u.as_str(), claims.ppt());
    out.finish()
}

/// Writes what is signed, `header.payload`, and signs it. `header` is encoded, with its dot.
fn write_signed(
    key: &SigningKey,
    header: &str,
    claims: &impl Unsigned,
    out: &mut Out<'_>,
) -> Result<Signature, Error> {
    let mut usual_room = [0; USUAL_PAYLOAD_LEN];
    let mut large_room;
    let mut json = Out::new(&mut usual_room);
    claims.write(&mut json);
    if json.overflowed() {
        large_room = [0; MAX_PAYLOAD_LEN];
        json = Out::new(&mut large_room);
        claims.write(&mut json);
    }
    if json.overflowed() {
        return Err(Error::TokenTooLarge { len_bytes: json.len() });
    }
    let payload = json.written();

    out.push(header.as_bytes());
    out.push_base64url(payload);
    // When the buffer has overflowed the rest is only counted.
    if out.overflowed() { Ok(Signature::from_bytes([0; SIGNATURE_LEN])) } else { key.sign(out.written()) }
}

fn protected_header(ppt: Ppt, x5u: &str) -> Result<Box<str>, Error> {
    let mut buffer = [0; MAX_HEADER_LEN];
    let mut json = Out::new(&mut buffer);
    passport::write_header(&mut json, ppt, x5u);
    let json = json.finish()?;

    let mut buffer = [0; MAX_HEADER_LEN];
    let mut segment = Out::new(&mut buffer);
    segment.push_base64url(json.as_bytes());
    segment.push(b".");
    segment.finish().map(Into::into)
}
