//! Keys as operators keep them: PEM files.

use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::cert::{Certificate, public_key_of};
use crate::der::{Elements, Malformed, tag};
use crate::es256::{SigningKey, VerifyingKey};
use crate::{Error, pem};

/// Reads a private key from PEM: `PRIVATE KEY` (PKCS#8, RFC 5208) or `EC PRIVATE KEY`
/// (SEC 1, RFC 5915). Other blocks, such as `EC PARAMETERS`, are passed over. Copies of the key
/// are wiped.
///
/// # Errors
/// [`Error::KeyInvalid`] if there is none, it is not on P-256, or it lacks its public half.
pub fn signing_key_from_pem(text: &[u8]) -> Result<SigningKey, Error> {
    for block in pem::blocks(text) {
        let block = block.map_err(|_| Error::KeyInvalid)?;
        match block.label() {
            "PRIVATE KEY" => return SigningKey::from_pkcs8(block.der()),
            "EC PRIVATE KEY" => return read_sec1(block.der()).map_err(|Malformed(_)| Error::KeyInvalid)?,
            _ => {}
        }
    }
    Err(Error::KeyInvalid)
}

/// Reads a public key from PEM: the key of a `CERTIFICATE`, or a `PUBLIC KEY` (RFC 5480). The
/// certificate is not judged.
///
/// # Errors
/// [`Error::CertPem`] if there is neither, [`Error::CertDer`], [`Error::CertKeyType`].
pub fn verifying_key_from_pem(text: &[u8]) -> Result<VerifyingKey, Error> {
    let block = pem::blocks(text).next().ok_or(Error::CertPem)??;
    match block.label() {
        "CERTIFICATE" => Certificate::from_der(block.der())?.verifying_key(),
        "PUBLIC KEY" => match SubjectPublicKeyInfo::from_der(block.der()) {
            Ok(([], info)) => public_key_of(&info),
            _ => Err(Error::CertDer),
        },
        _ => Err(Error::CertPem),
    }
}

/// ```text
/// ECPrivateKey ::= SEQUENCE { version INTEGER (1), privateKey OCTET STRING,
///                             parameters [0] ECParameters OPTIONAL,
///                             publicKey  [1] BIT STRING OPTIONAL }
/// ```
fn read_sec1(der: &[u8]) -> Result<Result<SigningKey, Error>, Malformed> {
    /// prime256v1
    const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

    let mut outer = Elements::new(der);
    let mut fields = outer.expect(tag::SEQUENCE)?;
    outer.finish()?;
    let version = fields.expect(tag::INTEGER)?;
    let scalar = fields.expect(tag::OCTET_STRING)?;
    let curve = fields.expect(tag::explicit(0))?.expect(tag::OBJECT_IDENTIFIER)?;
    let point = fields.expect(tag::explicit(1))?.expect(tag::BIT_STRING)?;
    fields.finish()?;
    // The first byte of a BIT STRING counts its unused bits.
    Ok(match (version.bytes(), curve.bytes(), point.bytes()) {
        ([1], P256, [0, point @ ..]) => SigningKey::from_halves(scalar.bytes(), point),
        _ => Err(Error::KeyInvalid),
    })
}
