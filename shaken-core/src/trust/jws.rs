//! What the STI-PA signs: compact JWS under ES256 whose certificate is at `x5u`.

use super::StiPa;
use crate::Error;
use crate::base64url;
use crate::cert::TrustedCert;
use crate::es256::{SIGNATURE_LEN, Signature};
use crate::fetch::X5u;
use crate::passport::{Header, segments};

/// A JWS as it was received, taken apart. Nothing is verified yet.
#[derive(Clone, Debug)]
pub(super) struct StiPaJws {
    /// Header and payload segment, as received.
    signed: Box<str>,
    payload: Box<[u8]>,
    signature: Signature,
    x5u: Box<str>,
    typ: Option<Box<str>>,
}

impl StiPaJws {
    /// # Errors
    /// [`Error::TokenSegments`], [`Error::Base64Invalid`], [`Error::SignatureLength`]; for the
    /// protected header the JSON errors of [`crate::json`], [`Error::AlgUnsupported`],
    /// [`Error::CritUnsupported`], [`Error::TypInvalid`] if `typ` is no string,
    /// [`Error::HeaderMemberMissing`], [`Error::X5uType`] and the errors of [`X5u::parse`].
    pub(super) fn parse(jws: &str) -> Result<Self, Error> {
        let [header, payload, signature] = segments(jws)?;
        let signed = jws.get(..header.len() + 1 + payload.len()).unwrap_or_default();
        let header = decode(header)?;
        let signature = decode(signature)?;
        let len_bytes = signature.len();
        let signature: [u8; SIGNATURE_LEN] =
            signature.try_into().map_err(|_| Error::SignatureLength { len_bytes })?;

        let header = Header::read(&header)?;
        let x5u = header.x5u.ok_or(Error::HeaderMemberMissing { member: "x5u" })?;
        let x5u = x5u.ok_or(Error::X5uType)?.to_string();
        X5u::parse(&x5u)?;
        let typ = header.typ.map(|typ| typ.ok_or(Error::TypInvalid)).transpose()?;
        Ok(Self {
            signed: signed.into(),
            payload: decode(payload)?.into(),
            signature: Signature::from_bytes(signature),
            x5u: x5u.into(),
            typ: typ.map(|typ| typ.to_string().into()),
        })
    }

    pub(super) fn x5u(&self) -> &str {
        &self.x5u
    }

    pub(super) fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// Makes sure that the STI-PA signed it, by the certificate that `signer_body` is; answers
    /// the payload.
    ///
    /// # Errors
    /// Those of [`TrustedCert::from_pem`]; [`Error::SignatureInvalid`].
    pub(super) fn verify(&self, signer_body: &[u8], sti_pa: &StiPa, now: i64) -> Result<&[u8], Error> {
        let signer = TrustedCert::from_pem(signer_body, sti_pa.as_trust(), now)?;
        signer.key().verify(self.signed.as_bytes(), &self.signature)?;
        Ok(&self.payload)
    }
}

/// Decodes base64url.
pub(super) fn decode(segment: &str) -> Result<Vec<u8>, Error> {
    let mut out = vec![0; segment.len()];
    let len = base64url::decode(segment.as_bytes(), &mut out)?.len();
    out.truncate(len);
    Ok(out)
}
