//! Signatures of known keys.

use std::sync::LazyLock;

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::elliptic_curve::ff::PrimeField;
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::point::AffineCoordinates;
use p256::{ProjectivePoint, Scalar, U256};
use ring::digest::{SHA256, digest};
use shaken_core::es256::table::Table;
use shaken_core::es256::{Signature, VerifyingKey};
use shaken_test_vectors::VectorFile;

/// One byte chooses the key, one what the next 64 are: a signature, what changes a good one, or the
/// factors of G and of the key. All that follows is the message.
///
/// Tables say what `ring` says. Of factors, `ring` would have to know a message; `p256` answers.
pub fn run(bytes: &[u8]) {
    let Some(([key, mode], rest)) = bytes.split_first_chunk() else { return };
    let Some((chosen, message)) = rest.split_first_chunk::<64>() else { return };
    let key = &KEYS[usize::from(*key) % KEYS.len()];
    match mode % 3 {
        0 => {
            key.compare(message, *chosen);
        }
        1 => {
            let signature: p256::ecdsa::Signature = key.private.sign(message);
            let mut bytes: [u8; 64] = signature.to_bytes().into();
            bytes.iter_mut().zip(chosen).for_each(|(byte, change)| *byte ^= change);
            let valid = key.compare(message, bytes);
            assert!(valid || *chosen != [0; 64], "a good signature is refused");
        }
        _ => key.compare_factors(chosen),
    }
}

pub(crate) fn seeds(_: &[VectorFile]) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for key in 0..u8::try_from(KEYS.len()).unwrap_or(u8::MAX) {
        for (mode, chosen) in [
            (0, [[0xff; 32], [0; 32]]),
            (0, [small(1), small(1)]),
            (1, [[0; 32]; 2]),
            (1, [[0; 32], small(1)]),
            (2, [[0; 32], small(1)]),
            (2, [small(1), small(1)]),
            (2, [small(32), small(64)]),
            (2, [[0xff; 32], [0x80; 32]]),
        ] {
            seeds.push([&[key, mode], chosen.as_flattened(), b"message"].concat());
        }
    }
    seeds
}

struct Key {
    private: p256::ecdsa::SigningKey,
    ring: VerifyingKey,
    table: Table,
}

impl Key {
    fn new(private: Scalar) -> Self {
        let private = p256::ecdsa::SigningKey::from_bytes(&private.to_repr())
            .unwrap_or_else(|error| panic!("a private key: {error}"));
        let point = private.verifying_key().to_sec1_point(false);
        let ring = VerifyingKey::from_uncompressed(point.as_bytes())
            .unwrap_or_else(|error| panic!("a public key: {error}"));
        Self { private, ring, table: Table::new(&ring) }
    }

    /// Whether the signature is valid, as all agree.
    fn compare(&self, message: &[u8], signature: [u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, message).as_ref());
        let valid = self.table.verify(&hash, &signature);
        assert_eq!(valid, self.ring.verify(message, &signature).is_ok());
        valid
    }

    /// The signature that leads to u1·G + u2·Q for these.
    fn compare_factors(&self, factors: &[u8; 64]) {
        let (u1, u2) = factors.split_at(32);
        let (u1, u2) = (scalar(u1), scalar(u2));
        let Some(u2_inverse) = Option::<Scalar>::from(u2.invert()) else { return };
        let sum = ProjectivePoint::GENERATOR * (u1 + u2 * **self.private.as_nonzero_scalar());
        // Infinity has no x coordinate, so that no r is valid.
        let finite = sum != ProjectivePoint::IDENTITY;
        let r = if finite { scalar(&sum.to_affine().x()) } else { u1 };
        let s = r * u2_inverse;
        let hash: [u8; 32] = (u1 * s).to_repr().into();
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&r.to_repr());
        bytes[32..].copy_from_slice(&s.to_repr());
        let valid = self.table.verify(&hash, &Signature::from_bytes(bytes));
        let p256 = p256::ecdsa::Signature::from_slice(&bytes)
            .is_ok_and(|signature| self.private.verifying_key().verify_prehash(&hash, &signature).is_ok());
        assert_eq!(valid, p256);
        assert_eq!(valid, finite, "R is not the point that was chosen");
    }
}

/// G and what stands in its table, their opposites, and some others.
static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let multiples = [1u64, 2, 3, 31, 32, 33, 64, 2048, 4096].map(Scalar::from);
    let others = [0x42, 0x87, 0xcc].map(|byte| scalar(&[byte; 32]));
    multiples.into_iter().flat_map(|multiple| [multiple, -multiple]).chain(others).map(Key::new).collect()
});

/// Modulo n.
fn scalar(bytes: &[u8]) -> Scalar {
    Scalar::reduce(&U256::from_be_slice(bytes))
}

fn small(value: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[31] = value;
    bytes
}
