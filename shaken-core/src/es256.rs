//! ES256: ECDSA on P-256 with SHA-256, signature as r‖s (RFC 7518 §3.4). The algorithm is fixed
//! here and never chosen by a token.
//!
//! The only file that signs or verifies PASSporTs with the cryptographic library.

#[cfg(feature = "tables")]
pub mod table;

use ring::digest;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};

use crate::Error;

/// Length of a signature: r and s, 32 bytes each.
pub const SIGNATURE_LEN: usize = 64;

/// Length of an uncompressed point: `04`, x, y.
const POINT_LEN: usize = 65;

/// The first byte of such a point.
const UNCOMPRESSED: u8 = 4;

/// A signature as it was received; its range is checked by verification.
#[derive(Clone, Copy)]
pub struct Signature([u8; SIGNATURE_LEN]);

impl Signature {
    /// r‖s, big-endian.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SIGNATURE_LEN]) -> Self {
        Self(bytes)
    }
}

impl core::fmt::Debug for Signature {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Signature")
    }
}

/// A public key: a point on P-256, not infinity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey([u8; POINT_LEN]);

impl VerifyingKey {
    /// Takes an uncompressed point (SEC 1 §2.3.3). Compressed ones are refused: no STI
    /// certificate has one, and RFC 5480 lets a verifier do so.
    ///
    /// # Errors
    /// [`Error::CertKeyType`] if it has another form or is not on the curve.
    pub fn from_uncompressed(point: &[u8]) -> Result<Self, Error> {
        let bytes: [u8; POINT_LEN] = point.try_into().map_err(|_| Error::CertKeyType)?;
        // ring checks a point only while it uses it, which costs as much as a signature.
        if bytes.first() != Some(&UNCOMPRESSED) || p256::PublicKey::from_sec1_bytes(&bytes).is_err() {
            return Err(Error::CertKeyType);
        }
        Ok(Self(bytes))
    }

    /// The point, uncompressed: `04`, x, y.
    pub(crate) fn as_uncompressed(&self) -> &[u8] {
        &self.0
    }

    /// Verifies `signature` over `message`. High and low s are both valid in JOSE, so a
    /// signature is no identity of a token.
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`], also for r or s out of 1..n-1.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), Error> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.0)
            .verify(message, &signature.0)
            .map_err(|_| Error::SignatureInvalid)
    }
}

impl core::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("VerifyingKey")
    }
}

/// A private key that signs PASSporTs. Nonces are hedged: derived from key, message and fresh
/// randomness.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl SigningKey {
    /// Takes a PKCS#8 document (RFC 5208) that holds a P-256 key.
    ///
    /// # Errors
    /// [`Error::KeyInvalid`] if it is none, or its two halves do not belong together.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, Error> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random)
            .map_err(|_| Error::KeyInvalid)?;
        Ok(Self { pair, random })
    }

    /// Takes the two halves of a key: the scalar of 32 bytes and the uncompressed point.
    ///
    /// # Errors
    /// [`Error::KeyInvalid`] if they do not belong together.
    pub fn from_halves(scalar: &[u8], point: &[u8]) -> Result<Self, Error> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            scalar,
            point,
            &random,
        )
        .map_err(|_| Error::KeyInvalid)?;
        Ok(Self { pair, random })
    }

    /// The public half.
    ///
    /// # Errors
    /// [`Error::KeyInvalid`], never for a key that was made by the constructors above.
    pub fn verifying_key(&self) -> Result<VerifyingKey, Error> {
        self.pair.public_key().as_ref().try_into().map(VerifyingKey).map_err(|_| Error::KeyInvalid)
    }

    /// Signs `message`.
    ///
    /// # Errors
    /// [`Error::SigningFailed`] if the system has no randomness.
    pub fn sign(&self, message: &[u8]) -> Result<Signature, Error> {
        let signature = self.pair.sign(&self.random, message).map_err(|_| Error::SigningFailed)?;
        signature.as_ref().try_into().map(Signature).map_err(|_| Error::SigningFailed)
    }
}

impl core::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SigningKey")
    }
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// What cannot be guessed.
///
/// # Errors
/// [`Error::SigningFailed`] if the system has no randomness.
pub(crate) fn random_bytes<const LEN: usize>() -> Result<[u8; LEN], Error> {
    let mut bytes = [0; LEN];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::SigningFailed)?;
    Ok(bytes)
}

/// SHA-256 of `bytes`, for fingerprints.
#[must_use]
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use p256::elliptic_curve::point::DecompressPoint;
    use p256::elliptic_curve::sec1::ToSec1Point;
    use p256::{ProjectivePoint, U256};

    use super::*;

    #[test]
    fn a_key_is_a_point_on_the_curve_with_coordinates_below_p() {
        let is_key = |point: &[u8]| VerifyingKey::from_uncompressed(point).is_ok();
        let generator = ProjectivePoint::GENERATOR.to_affine();
        let point: [u8; 65] = generator.to_sec1_point(false).as_bytes().try_into().unwrap();
        assert!(is_key(&point));
        assert!(!is_key(generator.to_sec1_point(true).as_bytes()), "compressed");
        assert!(!is_key(&[]) && !is_key(&point[..64]) && !is_key(&[0]) && !is_key(&[4; 65]));
        for byte in 0..65 {
            for bit in 0..8 {
                let mut point = point;
                point[byte] ^= 1 << bit;
                assert!(!is_key(&point), "bit {bit} of byte {byte}");
            }
        }
        // (0, 0), as libraries write infinity.
        let mut zero = [0; 65];
        zero[0] = 4;
        assert!(!is_key(&zero));
        // The point with x = 5, and the same with p + 5, which is no coordinate.
        let small = p256::AffinePoint::decompress(&U256::from_u64(5).to_be_bytes().into(), 0.into()).unwrap();
        let mut point: [u8; 65] = small.to_sec1_point(false).as_bytes().try_into().unwrap();
        assert!(is_key(&point));
        let p = U256::from_be_hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
        point[1..33].copy_from_slice(&p.wrapping_add(&U256::from_u64(5)).to_be_bytes());
        assert!(!is_key(&point));
    }
}
