//! Arithmetic of `p256`, with integers as 32 bytes, big-endian.

use p256::elliptic_curve::ff::PrimeField;
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::point::{AffineCoordinates, DecompressPoint};
use p256::elliptic_curve::sec1::ToSec1Point;
pub(crate) use p256::{AffinePoint, ProjectivePoint, Scalar, U256};

pub(crate) const N: U256 =
    U256::from_be_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
pub(crate) const P: U256 =
    U256::from_be_hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");

/// A small generator of numbers, the same in every run (SplitMix64).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[usize::try_from(self.below(values.len() as u64)).unwrap()]
    }

    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes());
        }
        bytes
    }

    pub(crate) fn scalar(&mut self) -> Scalar {
        scalar(self.bytes())
    }

    /// Near 0, n, p, 2^128 or 2^256, or a power of two.
    pub(crate) fn edge(&mut self) -> U256 {
        let offset = U256::from_u64(self.below(5));
        let edge = match self.below(6) {
            0 => U256::ZERO,
            1 => N,
            2 => P,
            3 => P.wrapping_sub(&N),
            4 => N.wrapping_add(&U256::ONE).shr(1),
            _ => U256::ONE.shl(u32::try_from(self.below(256)).unwrap()),
        };
        if self.below(2) == 0 { edge.wrapping_add(&offset) } else { edge.wrapping_sub(&offset) }
    }
}

/// Modulo n.
pub(crate) fn scalar(bytes: [u8; 32]) -> Scalar {
    Scalar::reduce(&U256::from_be_slice(&bytes))
}

/// 2^`exponent` modulo n.
pub(crate) fn power_of_two(exponent: u64) -> Scalar {
    scalar(integer_bytes(U256::ONE.shl(u32::try_from(exponent).unwrap())))
}

pub(crate) fn inverse(scalar: Scalar) -> Scalar {
    scalar.invert().unwrap()
}

pub(crate) fn to_bytes(scalar: Scalar) -> [u8; 32] {
    scalar.to_repr().into()
}

pub(crate) fn integer_bytes(integer: U256) -> [u8; 32] {
    integer.to_be_bytes().into()
}

/// `None` is infinity.
pub(crate) fn x_of(point: ProjectivePoint) -> Option<[u8; 32]> {
    (point != ProjectivePoint::IDENTITY).then(|| point.to_affine().x().into())
}

/// One of both points with this x coordinate, if there are any.
pub(crate) fn point_at(x: U256) -> Option<ProjectivePoint> {
    Option::<AffinePoint>::from(AffinePoint::decompress(&integer_bytes(x).into(), 0.into())).map(Into::into)
}

/// Not for infinity.
pub(crate) fn uncompressed(point: ProjectivePoint) -> [u8; 65] {
    point.to_affine().to_sec1_point(false).as_bytes().try_into().unwrap()
}
