//! What stands in a table, and each way to add two points. Signatures: `tests/tables`.

use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{ProjectivePoint, Scalar as Peer, U256};

use super::field::FieldElement;
use super::multiples::Multiples;
use super::point::{Affine, Point};
use super::scalar::Scalar;
use super::{GENERATOR, GENERATOR_WINDOW, KEY_WINDOW, Table};
use crate::es256::VerifyingKey;

/// The point of `p256`, not infinity, as one of ours.
fn affine(point: ProjectivePoint) -> Affine {
    let point = point.to_affine().to_sec1_point(false);
    Affine::from(&VerifyingKey::from_uncompressed(point.as_bytes()).unwrap())
}

/// k·G
fn multiple(k: u64) -> Affine {
    affine(ProjectivePoint::GENERATOR * Peer::from(k))
}

fn opposite(point: Affine) -> Affine {
    point.with_sign(true)
}

/// The sum by our formulas; all of its forms are compared, `None` is infinity.
fn sum(points: &[Affine]) -> Option<Affine> {
    let sum = Point::sum(points.iter().copied())?;
    let [sum_affine] = Point::to_affine(&[sum]).try_into().unwrap_or_else(|_| panic!("one for one"));
    assert!(sum.has_x(sum_affine.x) && !sum.has_x(sum_affine.x + FieldElement::ONE));
    Some(sum_affine)
}

#[test]
fn sums() {
    let k = multiple;
    let same = |points: &[Affine], expected: u64| assert!(sum(points) == Some(k(expected)), "{expected}");
    let infinity = |points: &[Affine]| assert!(sum(points).is_none());

    infinity(&[]);
    same(&[k(1)], 1);
    same(&[k(2), k(3)], 5);
    same(&[k(2), k(3), k(4)], 9);
    same(&[k(7), opposite(k(3))], 4);
    // Equal points, with Z = 1 and with another Z.
    same(&[k(1), k(1)], 2);
    same(&[k(2), k(3), k(5)], 10);
    same(&[k(2), k(3), k(5), k(10)], 20);
    same(&[k(1), k(1), k(2), k(4), k(3)], 11);
    // Opposite points, and what follows infinity.
    infinity(&[k(1), opposite(k(1))]);
    infinity(&[k(2), k(3), opposite(k(5))]);
    same(&[k(2), opposite(k(2)), k(3)], 3);
    same(&[k(2), k(3), opposite(k(5)), k(6), k(6)], 12);
    infinity(&[k(2), opposite(k(2)), k(3), opposite(k(3))]);
    // Around the order: (n-1)·G is -G.
    let last = affine(ProjectivePoint::GENERATOR * -Peer::ONE);
    assert!(last == opposite(k(1)));
    infinity(&[last, k(1)]);
    same(&[last, k(2)], 1);
}

#[test]
fn doublings() {
    let mut point = Point::from(&multiple(3));
    for exponent in 1..=20 {
        point = point.double();
        assert!(Point::to_affine(&[point])[0] == multiple(3 << exponent));
    }
}

/// Every multiple of every window.
fn check<const W: usize>(multiples: &Multiples<W>, point: ProjectivePoint) {
    let mut base = point;
    let per_window = 1 << (W - 1);
    assert_eq!(multiples.0.len(), (256 / W + 1) * per_window);
    assert_eq!(size_of_val(&*multiples.0), Multiples::<W>::LEN_BYTES);
    for window in multiples.0.chunks(per_window) {
        let mut expected = base;
        for found in window {
            assert!(*found == affine(expected));
            expected += base;
        }
        base = (0..W).fold(base, |base, _| base + base);
    }
}

#[test]
fn multiples_of_keys() {
    let edges = [Peer::ONE, -Peer::ONE, Peer::from(2u64), Peer::from(32u64)];
    let others = [0x42u8, 0x87].map(|byte| Peer::reduce(&U256::from_be_slice(&[byte; 32])));
    for private in edges.into_iter().chain(others) {
        let point = ProjectivePoint::GENERATOR * private;
        let key = VerifyingKey::from_uncompressed(point.to_affine().to_sec1_point(false).as_bytes()).unwrap();
        check(&Table::new(&key).key, point);
    }
}

#[test]
fn multiples_of_the_generator() {
    check(&GENERATOR, ProjectivePoint::GENERATOR);
}

/// Digits are in range, and are those of the scalar.
fn check_digits<const W: usize>(bytes: [u8; 32]) {
    let scalar = Scalar::from_be_bytes_reduced(&bytes);
    let digits: Vec<i16> = scalar.signed_digits::<W>().take(256 / W + 1).collect();
    assert!(digits.iter().all(|digit| (1 - (1 << (W - 1))..=1 << (W - 1)).contains(digit)));
    // p256 reduces once, which is enough: 2^256 < 2n.
    let expected = Peer::reduce(&U256::from_be_slice(&bytes));
    let sum = digits.iter().rev().fold(Peer::ZERO, |sum, digit| {
        let magnitude = Peer::from(u64::from(digit.unsigned_abs()));
        sum * Peer::from(1u64 << W) + if *digit < 0 { -magnitude } else { magnitude }
    });
    assert_eq!(sum, expected, "{bytes:02x?}");
    // Not only modulo n: nothing is carried out of the last window.
    assert!(scalar.signed_digits::<W>().skip(256 / W + 1).take(3).all(|digit| digit == 0));
}

#[test]
fn digits() {
    let n_minus_1: [u8; 32] = (-Peer::ONE).to_bytes().into();
    let mut scalars = vec![[0; 32], [0xff; 32], n_minus_1, [0x80; 32], [0x7f; 32], [0x55; 32], [0xaa; 32]];
    for bit in 0..256 {
        let power = U256::ONE.shl_vartime(bit);
        for near in
            [power, power.wrapping_sub(&U256::ONE), power.wrapping_add(&U256::ONE), power.wrapping_neg()]
        {
            scalars.push(near.to_be_bytes().into());
        }
    }
    for scalar in scalars {
        check_digits::<KEY_WINDOW>(scalar);
        check_digits::<GENERATOR_WINDOW>(scalar);
        // Of the same length as 256 bits: the carry has a window of its own.
        check_digits::<8>(scalar);
    }
}

#[test]
fn inverses() {
    let mut value = Scalar::from_be_bytes_reduced(&[0x42; 32]);
    for _ in 0..100 {
        let product = value.invert() * value;
        assert_eq!(product.signed_digits::<6>().next(), Some(1));
        assert!(product.signed_digits::<6>().skip(1).take(42).all(|digit| digit == 0));
        value = value * value;
    }
}
