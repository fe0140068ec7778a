//! Integers modulo n, the number of points of P-256.

use std::ops::Mul;

use crrl::p256::Scalar as Inner;

use super::field::little_endian;

/// An integer modulo n.
#[derive(Clone, Copy)]
pub(super) struct Scalar(Inner);

impl Scalar {
    /// From 32 bytes, big-endian; `None` for n and above.
    pub(super) fn from_be_bytes(bytes: &[u8]) -> Option<Self> {
        Inner::decode(&little_endian(bytes)).map(Self)
    }

    /// From 32 bytes, big-endian, modulo n.
    pub(super) fn from_be_bytes_reduced(bytes: &[u8]) -> Self {
        Self(Inner::decode_reduce(&little_endian(bytes)))
    }

    pub(super) fn is_zero(self) -> bool {
        self.0.iszero() != 0
    }

    /// 1/self; 0 for 0.
    pub(super) fn invert(self) -> Self {
        Self(Inner::ONE / self.0)
    }

    /// The scalar in base 2^`W`, lowest digit first, with digits from 1 - 2^(W-1) to 2^(W-1). All
    /// after the first 256/W + 1 are zero.
    pub(super) fn signed_digits<const W: usize>(self) -> SignedDigits<W> {
        let bytes = self.0.encode32();
        let (halves, _) = bytes.as_chunks();
        let mut halves = halves.iter().copied().map(u128::from_le_bytes);
        let (low, high) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        SignedDigits { low, high, carry: 0 }
    }
}

impl Mul for Scalar {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }
}

/// The digits that are left.
pub(super) struct SignedDigits<const W: usize> {
    low: u128,
    high: u128,
    carry: i16,
}

impl<const W: usize> Iterator for SignedDigits<W> {
    type Item = i16;

    fn next(&mut self) -> Option<i16> {
        let [a, b, ..] = self.low.to_le_bytes();
        let digit = (i16::from_le_bytes([a, b]) & (Self::BASE - 1)) + self.carry;
        self.low = self.low >> W | self.high << (128 - W);
        self.high >>= W;
        self.carry = i16::from(digit > Self::BASE / 2);
        Some(digit - self.carry * Self::BASE)
    }
}

impl<const W: usize> SignedDigits<W> {
    const BASE: i16 = 1 << W;
}
