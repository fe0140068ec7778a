//! Integers modulo p, the prime over which P-256 is defined.

use std::ops::{Add, Mul, Neg, Sub};

use crrl::field::GFp256;

/// An integer modulo p.
#[derive(Clone, Copy)]
pub(super) struct FieldElement(GFp256);

impl FieldElement {
    pub(super) const ONE: Self = Self(GFp256::ONE);

    /// n, the number of points.
    pub(super) const N: Self = Self(GFp256::w64be(
        0xffff_ffff_0000_0000,
        0xffff_ffff_ffff_ffff,
        0xbce6_faad_a717_9e84,
        0xf3b9_cac2_fc63_2551,
    ));

    /// The coordinates of the generator.
    pub(super) const GENERATOR_X: Self = Self(GFp256::w64be(
        0x6b17_d1f2_e12c_4247,
        0xf8bc_e6e5_63a4_40f2,
        0x7703_7d81_2deb_33a0,
        0xf4a1_3945_d898_c296,
    ));

    pub(super) const GENERATOR_Y: Self = Self(GFp256::w64be(
        0x4fe3_42e2_fe1a_7f9b,
        0x8ee7_eb4a_7c0f_9e16,
        0x2bce_3357_6b31_5ece,
        0xcbb6_4068_37bf_51f5,
    ));

    /// From 32 bytes, big-endian, modulo p.
    pub(super) fn from_be_bytes_reduced(bytes: &[u8]) -> Self {
        Self(GFp256::decode_reduce(&little_endian(bytes)))
    }

    pub(super) fn is_zero(self) -> bool {
        self.0.iszero() != 0
    }

    pub(super) fn square(self) -> Self {
        Self(self.0.square())
    }

    pub(super) fn double(self) -> Self {
        Self(self.0.mul2())
    }

    pub(super) fn triple(self) -> Self {
        Self(self.0.mul3())
    }

    /// `self`, or its opposite if `negative`; without a jump, as a sign is as good as random.
    #[inline]
    pub(super) fn with_sign(self, negative: bool) -> Self {
        Self(GFp256::select(&self.0, &-self.0, u32::from(negative).wrapping_neg()))
    }

    /// The inverse of each element, at the price of one inversion. None may be zero.
    pub(super) fn invert_all(elements: &mut [Self]) {
        let mut before = Vec::with_capacity(elements.len());
        let mut product = GFp256::ONE;
        for element in elements.iter() {
            before.push(product);
            product *= element.0;
        }
        let mut inverse = GFp256::ONE / product;
        for (element, before) in elements.iter_mut().zip(before).rev() {
            let own = inverse * before;
            inverse *= element.0;
            element.0 = own;
        }
    }
}

impl Add for FieldElement {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for FieldElement {
    type Output = Self;

    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Mul for FieldElement {
    type Output = Self;

    #[inline]
    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }
}

impl Neg for FieldElement {
    type Output = Self;

    #[inline]
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl PartialEq for FieldElement {
    fn eq(&self, other: &Self) -> bool {
        self.0.equals(other.0) != 0
    }
}

/// 32 bytes in the opposite order.
pub(super) fn little_endian(big_endian: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(big_endian);
    bytes.reverse();
    bytes
}
