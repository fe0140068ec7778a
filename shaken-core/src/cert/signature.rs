//! Signatures on certificates, by the algorithms that live STI-CAs use (RFC 8226 §4, RFC 5758).
//!
//! ATIS-1000080 wants ECDSA on P-256 throughout. Among the live roots are also RSA, P-384 and
//! P-521; ring has no P-521, which is why `p521` stands beside it here. All of this runs when a
//! certificate enters the cache, never per call.

use p521::ecdsa::signature::hazmat::PrehashVerifier;
use ring::digest;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use crate::Error;

/// A key in a certificate.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    P256(Box<[u8]>),
    P384(Box<[u8]>),
    P521(Box<[u8]>),
    /// An RSAPublicKey structure (RFC 8017 §A.1.1).
    Rsa(Box<[u8]>),
    Other,
}

impl PublicKey {
    /// About what a check with this key costs, in checks on P-256: 41 of them took 3 ms there,
    /// 40 ms on P-384 and 55 ms on P-521.
    pub(super) const fn cost(&self) -> usize {
        match self {
            Self::P256(_) | Self::Other => 1,
            Self::Rsa(_) => 2,
            Self::P384(_) => 13,
            Self::P521(_) => 18,
        }
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::P256(_) => "P-256",
            Self::P384(_) => "P-384",
            Self::P521(_) => "P-521",
            Self::Rsa(_) => "RSA",
            Self::Other => "other",
        }
    }
}

/// How a certificate is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignatureAlgorithm {
    EcdsaSha256,
    EcdsaSha384,
    EcdsaSha512,
    RsaSha256,
    RsaSha384,
    RsaSha512,
}

/// Verifies that `key` signed `message`.
///
/// # Errors
/// [`Error::CertSignatureAlgorithm`] if key and algorithm do not go together or are not offered,
/// [`Error::CertSignature`] if the signature is wrong.
pub(super) fn verify(
    key: &PublicKey,
    algorithm: SignatureAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    use SignatureAlgorithm as Alg;
    let (ring_algorithm, key): (&dyn VerificationAlgorithm, _) = match (key, algorithm) {
        (PublicKey::P256(key), Alg::EcdsaSha256) => (&signature::ECDSA_P256_SHA256_ASN1, key),
        (PublicKey::P256(key), Alg::EcdsaSha384) => (&signature::ECDSA_P256_SHA384_ASN1, key),
        (PublicKey::P384(key), Alg::EcdsaSha256) => (&signature::ECDSA_P384_SHA256_ASN1, key),
        (PublicKey::P384(key), Alg::EcdsaSha384) => (&signature::ECDSA_P384_SHA384_ASN1, key),
        (PublicKey::Rsa(key), Alg::RsaSha256) => (&signature::RSA_PKCS1_2048_8192_SHA256, key),
        (PublicKey::Rsa(key), Alg::RsaSha384) => (&signature::RSA_PKCS1_2048_8192_SHA384, key),
        (PublicKey::Rsa(key), Alg::RsaSha512) => (&signature::RSA_PKCS1_2048_8192_SHA512, key),
        (PublicKey::P521(key), Alg::EcdsaSha384) => return p521(key, &digest::SHA384, message, signature),
        (PublicKey::P521(key), Alg::EcdsaSha512) => return p521(key, &digest::SHA512, message, signature),
        _ => return Err(Error::CertSignatureAlgorithm),
    };
    UnparsedPublicKey::new(ring_algorithm, key).verify(message, signature).map_err(|_| Error::CertSignature)
}

fn p521(key: &[u8], hash: &'static digest::Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Error> {
    let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(key).map_err(|_| Error::CertSignature)?;
    let signature = p521::ecdsa::DerSignature::from_bytes(signature)
        .and_then(p521::ecdsa::Signature::try_from)
        .map_err(|_| Error::CertSignature)?;
    key.verify_prehash(digest::digest(hash, message).as_ref(), &signature).map_err(|_| Error::CertSignature)
}
