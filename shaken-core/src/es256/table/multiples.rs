//! The multiples of a point that a product with any scalar is a sum of.

use super::field::FieldElement;
use super::point::{Affine, Point};
use super::scalar::Scalar;

/// For each of the windows i, the multiples of 2^(W·i)·P by 1, 2, … 2^(W-1): with their opposites,
/// what a digit of a scalar in base 2^W stands for.
pub(super) struct Multiples<const W: usize>(pub(super) Box<[Affine]>);

impl<const W: usize> Multiples<W> {
    /// Digits of a scalar of 256 bits, and of a carry where they end with a digit.
    pub(super) const WINDOWS: usize = 256 / W + 1;

    pub(super) const LEN_BYTES: usize = Self::WINDOWS * Self::PER_WINDOW * size_of::<Affine>();

    const PER_WINDOW: usize = 1 << (W - 1);

    pub(super) fn new(point: Affine) -> Self {
        let mut multiples = Vec::with_capacity(Self::WINDOWS * Self::PER_WINDOW);
        for base in Self::bases(point) {
            multiples.resize(multiples.len() + Self::PER_WINDOW, base);
        }
        let mut known = 1;
        while known < Self::PER_WINDOW {
            Self::double_known(&mut multiples, known);
            known *= 2;
        }
        Self(multiples.into_boxed_slice())
    }

    /// What to add up for the product with `scalar`. Reads nothing of the table yet.
    pub(super) fn addends(&self, scalar: Scalar) -> impl Iterator<Item = Addend<'_>> {
        self.0.chunks_exact(Self::PER_WINDOW).zip(scalar.signed_digits::<W>()).filter_map(
            |(window, digit)| {
                let multiple = window.get(usize::from(digit.unsigned_abs()).checked_sub(1)?)?;
                Some(Addend { multiple, negative: digit < 0 })
            },
        )
    }

    /// `point` times 2^(W·i) for each window i.
    fn bases(point: Affine) -> Vec<Affine> {
        let bases: Vec<Point> = std::iter::successors(Some(Point::from(&point)), |base| {
            Some((0..W).fold(*base, |base, _| base.double()))
        })
        .take(Self::WINDOWS)
        .collect();
        Point::to_affine(&bases)
    }

    /// From 1 to `known` times the base to twice as many, in all windows at the price of one
    /// inversion: the last known is added to each.
    ///
    /// Nothing here is divided by zero: the multiples of a base by 1 to n/2 differ in x, and no y is
    /// zero, as the order of the curve is odd.
    fn double_known(multiples: &mut [Affine], known: usize) {
        let mut inverses: Vec<FieldElement> = multiples
            .chunks_exact(Self::PER_WINDOW)
            .flat_map(|window| window.get(..known)?.split_last())
            .flat_map(|(last, others)| others.iter().map(|other| last.x - other.x).chain([last.y.double()]))
            .collect();
        FieldElement::invert_all(&mut inverses);
        let mut inverses = inverses.into_iter();
        for window in multiples.chunks_exact_mut(Self::PER_WINDOW) {
            let (window, new) = window.split_at_mut(known);
            let Some((&last, others)) = window.split_last() else { return };
            let slopes = others.iter().map(|other| (other, last.y - other.y));
            let tangent = (&last, (last.x.square() - FieldElement::ONE).triple());
            for ((new, (other, rise)), inverse) in
                new.iter_mut().zip(slopes.chain([tangent])).zip(inverses.by_ref())
            {
                *new = last.add_on_line(other, rise * inverse);
            }
        }
    }
}

/// A multiple of the point, or the opposite of one.
pub(super) struct Addend<'a> {
    pub(super) multiple: &'a Affine,
    pub(super) negative: bool,
}
