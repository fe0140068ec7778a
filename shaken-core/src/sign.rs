//! The authentication service: claims in, Identity header out (RFC 8224 §6.1, RFC 8588).

use crate::cert::{Certificate, TnAuthList, read_chain, signing_certificate, tn_auth_list::Coverage};
use crate::es256::{SIGNATURE_LEN, Signature, SigningKey};
use crate::fetch::X5u;
use crate::passport::shaken::{self, NewClaims};
use crate::write::Out;
use crate::{Error, identity, json};

/// A buffer of this length holds every header that [`Signer::sign`] can write.
pub const MAX_HEADER_LEN: usize = 8 * 1024;

/// Room for the JSON of one payload: 32 numbers and a long `origid` need less.
const MAX_PAYLOAD_LEN: usize = 2 * 1024;

/// Signs calls with one key under one certificate.
#[derive(Debug)]
pub struct Signer {
    key: SigningKey,
    x5u: Box<str>,
    /// The protected header in base64url with the dot behind it: the same for every call.
    header: Box<str>,
    certificate: Certificate,
    tn_auth_list: TnAuthList,
}

impl Signer {
    /// `chain_pem` is what stands at `x5u`: the signing certificate, then its issuers.
    ///
    /// # Errors
    /// [`Error::KeyMismatch`] if key and certificate do not belong together;
    /// [`Error::TnAuthListMissing`], [`Error::TnAuthListInvalid`] and the errors of
    /// [`signing_certificate`] for certificates that every verifier refuses; the errors of
    /// [`read_chain`] and [`X5u::parse`].
    pub fn new(key: SigningKey, chain_pem: &[u8], x5u: &str) -> Result<Self, Error> {
        X5u::parse(x5u)?;
        let chain = read_chain(chain_pem)?;
        let certificate = signing_certificate(&chain)?.clone();
        if certificate.verifying_key()? != key.verifying_key()? {
            return Err(Error::KeyMismatch);
        }
        Ok(Self {
            key,
            x5u: x5u.into(),
            header: protected_header(x5u)?,
            tn_auth_list: certificate.tn_auth_list().cloned().ok_or(Error::TnAuthListMissing)??,
            certificate,
        })
    }

    /// Writes the value of the Identity header for `claims` into the front of `out` and answers
    /// it. Allocates nothing.
    ///
    /// # Errors
    /// [`Error::CertNotYetValid`], [`Error::CertExpired`] if `iat` is outside of the
    /// certificate's validity (RFC 8224 §6.1 step 3); [`Error::TnNotAuthorized`] if the
    /// certificate lists numbers and not this one; [`Error::BufferTooSmall`];
    /// [`Error::SigningFailed`].
    pub fn sign<'b>(&self, claims: &NewClaims<'_>, out: &'b mut [u8]) -> Result<&'b str, Error> {
        self.certificate.check_valid(i64::try_from(claims.iat()).unwrap_or(i64::MAX))?;
        if self.tn_auth_list.coverage(&claims.orig()) == Coverage::Uncovered {
            return Err(Error::TnNotAuthorized);
        }

        let mut payload = [0; MAX_PAYLOAD_LEN];
        let mut json = Out::new(&mut payload);
        claims.write(&mut json);
        let payload = json.finish()?;

        let mut out = Out::new(out);
        out.push(self.header.as_bytes());
        out.push_base64url(payload.as_bytes());
        // When the buffer has overflowed the rest is only counted.
        let signature = if out.overflowed() {
            Signature::from_bytes([0; SIGNATURE_LEN])
        } else {
            self.key.sign(out.written())?
        };
        out.push(b".");
        out.push_base64url(signature.as_ref());
        identity::write_params(&mut out, &self.x5u, shaken::PPT);
        out.finish()
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

/// `{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"…"}`: names in lexicographic order, no
/// white space (RFC 8225 §9).
fn protected_header(x5u: &str) -> Result<Box<str>, Error> {
    let mut buffer = [0; MAX_HEADER_LEN];
    let mut json = Out::new(&mut buffer);
    json.push(b"{\"alg\":\"ES256\",\"ppt\":\"");
    json.push(shaken::PPT.as_bytes());
    json.push(b"\",\"typ\":\"passport\",\"x5u\":");
    json::write_string(&mut json, x5u);
    json.push(b"}");
    let json = json.finish()?;

    let mut buffer = [0; MAX_HEADER_LEN];
    let mut segment = Out::new(&mut buffer);
    segment.push_base64url(json.as_bytes());
    segment.push(b".");
    segment.finish().map(Into::into)
}
