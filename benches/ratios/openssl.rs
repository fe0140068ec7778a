//! Beside OpenSSL, loaded at run time.

use std::hint::black_box;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use shaken_benches::Fixture;
use shaken_core::Verifier;

use crate::foreign::Openssl;
use crate::own;
use crate::round::Rounds;

/// `SubjectPublicKeyInfo` of a point on P-256, up to the point (RFC 5480).
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// # Errors
/// Why the library cannot be measured.
pub(crate) fn print(
    rounds: &Rounds,
    fixture: &Fixture,
    verifiers: &[(&str, Verifier)],
) -> Result<(), String> {
    let (signed, _) = fixture.signed();
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &fixture.key_der, &random).unwrap();
    let signature = key.sign(&random, signed).unwrap();
    let signature = signature.as_ref();
    let openssl = Openssl::load(&[&SPKI_PREFIX, key.public_key().as_ref()].concat())?;
    eprintln!("{}", openssl.version());
    if !openssl.verifies(signed, signature) || openssl.verifies(&signed[1..], signature) {
        return Err("it does not tell a good signature from a bad one".to_owned());
    }

    own::print_warm_beside(rounds, fixture, verifiers, "openssl_verify", || {
        assert!(openssl.verifies(black_box(signed), black_box(signature)));
    });
    Ok(())
}
