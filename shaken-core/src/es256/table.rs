//! Verification with a table that is made once for a known key.
//!
//! R = u1·G + u2·Q is a sum of multiples of G and of Q. With all that may occur at hand, 65 additions
//! are left of it: no doubling, no division modulo p.
//!
//! All of it is public: keys, signatures, digests. The time it takes depends on them, so a private
//! key or a nonce must never come here.
//!
//! Unguarded: the arithmetic modulo p and n is that of the crate `crrl`, which its author calls
//! research code, and nothing in here has a second opinion on an answer.

mod field;
mod multiples;
mod point;
mod scalar;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use arrayvec::ArrayVec;

use self::field::FieldElement;
use self::multiples::{Addend, Multiples};
use self::point::{Affine, Point};
use self::scalar::Scalar;
use super::{Signature, VerifyingKey};

/// What verification needs of one key: multiples of its point.
pub struct Table {
    key: Multiples<KEY_WINDOW>,
}

impl Table {
    /// Memory that a table takes on the heap, in bytes.
    pub const LEN_BYTES: usize = Multiples::<KEY_WINDOW>::LEN_BYTES;

    /// Makes the table of `key`. The first call also makes that of the generator, once per process, if
    /// [`make_generator`] has not.
    #[must_use]
    pub fn new(key: &VerifyingKey) -> Self {
        make_generator();
        Self { key: Multiples::new(Affine::from(key)) }
    }

    /// Whether `signature` is valid for the key and a message whose SHA-256 is `digest` (SEC 1
    /// §4.1.4). High and low s are both valid.
    #[must_use]
    pub fn verify(&self, digest: &[u8; 32], signature: &Signature) -> bool {
        let ([r_bytes, s], []) = signature.0.as_chunks() else { return false };
        let (Some(r), Some(s)) = (Scalar::from_be_bytes(r_bytes), Scalar::from_be_bytes(s)) else {
            return false;
        };
        if r.is_zero() || s.is_zero() {
            return false;
        }
        let w = s.invert();
        let u1 = Scalar::from_be_bytes_reduced(digest) * w;
        let u2 = r * w;

        let mut addends = ArrayVec::<Addend<'_>, MAX_ADDENDS>::new();
        addends.extend(GENERATOR.addends(u1));
        addends.extend(self.key.addends(u2));
        // Fetched at once, so that the processor waits for many at a time: with hundreds of keys in use
        // they are not in its cache, and one by one they would take a quarter longer.
        let multiples: ArrayVec<Affine, MAX_ADDENDS> =
            addends.iter().map(|addend| *addend.multiple).collect();
        let signed =
            multiples.iter().zip(&addends).map(|(multiple, addend)| multiple.with_sign(addend.negative));
        let Some(sum) = Point::sum(signed) else { return false };

        // r is the x coordinate modulo n, and n < p: either of two coordinates may be meant.
        let r = FieldElement::from_be_bytes_reduced(r_bytes);
        sum.has_x(r) || *r_bytes < P_MINUS_N && sum.has_x(r + FieldElement::N)
    }
}

impl core::fmt::Debug for Table {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Table")
    }
}

/// Makes the table of the generator, of 2.9 MB, once per process. A process that forks while a thread of it
/// does so has children that wait for that thread, which they do not have: whoever starts a thread that
/// makes tables calls this before.
pub fn make_generator() {
    LazyLock::force(&GENERATOR);
}

static GENERATOR: LazyLock<Multiples<GENERATOR_WINDOW>> = LazyLock::new(|| Multiples::new(Affine::GENERATOR));

/// Bits of a scalar per addition of a multiple of the key. One more would save 6 additions, and
/// take 150 KB a key instead of 86.
const KEY_WINDOW: usize = 6;

/// Bits of a scalar per addition of a multiple of the generator. One table of 2.9 MB serves all keys.
const GENERATOR_WINDOW: usize = 12;

const MAX_ADDENDS: usize = Multiples::<KEY_WINDOW>::WINDOWS + Multiples::<GENERATOR_WINDOW>::WINDOWS;

/// r + n is a coordinate, that is below p, if r is below this.
const P_MINUS_N: [u8; 32] = [
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, //
    0x43, 0x19, 0x05, 0x53, 0x58, 0xe8, 0x61, 0x7b, 0x0c, 0x46, 0x35, 0x3d, 0x03, 0x9c, 0xda, 0xae,
];
