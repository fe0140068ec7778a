//! Points of P-256: additions and doublings for every pair of points.

use super::field::FieldElement;
use crate::es256::VerifyingKey;

/// A point that is not infinity, by its coordinates. One cache line, so that a lookup fetches one.
#[derive(Clone, Copy, PartialEq)]
#[repr(align(64))]
pub(super) struct Affine {
    pub(super) x: FieldElement,
    pub(super) y: FieldElement,
}

impl Affine {
    pub(super) const GENERATOR: Self = Self { x: FieldElement::GENERATOR_X, y: FieldElement::GENERATOR_Y };

    /// The sum of both, given the slope of the line through them or, if they are the same, of the
    /// tangent.
    pub(super) fn add_on_line(&self, other: &Self, slope: FieldElement) -> Self {
        let x = slope.square() - self.x - other.x;
        Self { x, y: slope * (self.x - x) - self.y }
    }

    /// This point, or its opposite if `negative`.
    #[inline]
    pub(super) fn with_sign(self, negative: bool) -> Self {
        Self { x: self.x, y: self.y.with_sign(negative) }
    }
}

/// A point that is not infinity, as the quotients X/Z² and Y/Z³. Kept are X, Y, Z² and Z³: of the
/// known forms, the one that needs the fewest multiplications (8, and 2 squarings) to add an
/// affine point.
#[derive(Clone, Copy)]
pub(super) struct Point {
    x: FieldElement,
    y: FieldElement,
    zz: FieldElement,
    zzz: FieldElement,
}

impl Point {
    /// The sum of `points`; `None` is infinity.
    pub(super) fn sum(points: impl IntoIterator<Item = Affine>) -> Option<Self> {
        points.into_iter().fold(None, |sum, point| match sum {
            Some(sum) => sum.add(&point),
            None => Some(Self::from(&point)),
        })
    }

    /// The sum of both; `None` is infinity. What does not depend on each other stands side by side,
    /// so that the processor can calculate it at the same time.
    #[inline]
    fn add(self, other: &Affine) -> Option<Self> {
        let Self { x, y, zz, zzz } = self;
        let p = other.x * zz - x;
        let r = other.y * zzz - y;
        if p.is_zero() {
            // Same x, so the line through both is not known: the same point, or the opposite one.
            return r.is_zero().then(|| Self::from(other).double());
        }
        let pp = p.square();
        let rr = r.square();
        let ppp = p * pp;
        let q = x * pp;
        let zz = zz * pp;
        let zzz = zzz * ppp;
        let y_ppp = y * ppp;
        let x = rr - ppp - q.double();
        let y = r * (q - x) - y_ppp;
        Some(Self { x, y, zz, zzz })
    }

    /// Twice this point, which is never infinity: the order of the curve is odd.
    pub(super) fn double(&self) -> Self {
        let Self { x, y, zz, zzz } = *self;
        let u = y.double();
        let v = u.square();
        let w = u * v;
        let s = x * v;
        let m = ((x - zz) * (x + zz)).triple();
        let x = m.square() - s.double();
        Self { x, y: m * (s - x) - w * y, zz: v * zz, zzz: w * zzz }
    }

    /// Whether the x coordinate is `x`: a comparison that needs no division.
    pub(super) fn has_x(&self, x: FieldElement) -> bool {
        self.x == x * self.zz
    }

    /// The same points by their coordinates.
    pub(super) fn to_affine(points: &[Self]) -> Vec<Affine> {
        let mut inverses: Vec<FieldElement> = points.iter().map(|point| point.zzz).collect();
        FieldElement::invert_all(&mut inverses);
        points
            .iter()
            .zip(inverses)
            .map(|(point, inverse)| {
                // 1/Z is Z²/Z³.
                let z_inverse = point.zz * inverse;
                Affine { x: point.x * z_inverse.square(), y: point.y * inverse }
            })
            .collect()
    }
}

impl From<&VerifyingKey> for Affine {
    fn from(key: &VerifyingKey) -> Self {
        let [_, coordinates @ ..] = &key.0;
        let (x, y) = coordinates.split_at(COORDINATE_LEN);
        Self { x: FieldElement::from_be_bytes_reduced(x), y: FieldElement::from_be_bytes_reduced(y) }
    }
}

impl From<&Affine> for Point {
    fn from(point: &Affine) -> Self {
        Self { x: point.x, y: point.y, zz: FieldElement::ONE, zzz: FieldElement::ONE }
    }
}

const COORDINATE_LEN: usize = 32;
