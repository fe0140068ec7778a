//! Against `ring` and `p256`.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

use super::Table;
use crate::es256::{SigningKey, sha256};

#[test]
fn signatures_of_ring() {
    let random = SystemRandom::new();
    for _ in 0..4 {
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = SigningKey::from_pkcs8(key.as_ref()).unwrap();
        let table = Table::new(&key.verifying_key().unwrap());
        for message in 0u32..50 {
            let message = message.to_be_bytes();
            let signature = key.sign(&message).unwrap();
            assert!(table.verify(&sha256(&message), &signature));
            assert!(!table.verify(&sha256(b"another"), &signature));
        }
    }
}
