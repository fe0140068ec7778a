//! Signatures, good and bad, that reach every corner of verification.

use ring::digest::{SHA256, digest};

use crate::curve::{
    N, Numbers, P, ProjectivePoint, Scalar, U256, integer_bytes, inverse, point_at, power_of_two, scalar,
    to_bytes, uncompressed, x_of,
};

pub(crate) struct Case {
    pub(crate) class: &'static str,
    pub(crate) key: [u8; 65],
    /// None if only the digest is known.
    pub(crate) message: Option<[u8; 32]>,
    pub(crate) digest: [u8; 32],
    pub(crate) signature: [u8; 64],
    /// What the maker of the case knows already.
    pub(crate) expected: Option<bool>,
}

/// A key of which the private half is known.
pub(crate) struct Key {
    private: Scalar,
    pub(crate) public: [u8; 65],
}

impl Key {
    /// Every other one is a small multiple of the generator, of what stands in its table, or of the
    /// opposite of such.
    pub(crate) fn new(numbers: &mut Numbers) -> Self {
        let private = match numbers.below(4) {
            0 => special_multiple(numbers),
            1 => scalar(integer_bytes(numbers.edge())),
            _ => numbers.scalar(),
        };
        let private = if private == Scalar::ZERO { Scalar::ONE } else { private };
        Self { private, public: uncompressed(ProjectivePoint::GENERATOR * private) }
    }

    pub(crate) fn case(&self, numbers: &mut Numbers) -> Case {
        match numbers.below(9) {
            0 => self.valid(numbers),
            1 => self.flipped(numbers),
            2 => self.opposite_s(numbers),
            3 => self.edges(numbers),
            4 => self.special_factors(numbers),
            5 => self.collision(numbers),
            6 => self.infinity(numbers),
            7 => self.digest_edges(numbers),
            _ => self.random(numbers),
        }
    }

    fn valid(&self, numbers: &mut Numbers) -> Case {
        let message = numbers.bytes();
        let digest = digest(&SHA256, &message).as_ref().try_into().unwrap();
        let signature = self.sign(digest, numbers.scalar());
        Case {
            class: "valid",
            key: self.public,
            message: Some(message),
            digest,
            signature,
            expected: Some(true),
        }
    }

    /// One bit of signature, message or key's use.
    fn flipped(&self, numbers: &mut Numbers) -> Case {
        let mut case = self.valid(numbers);
        let bit = numbers.below(64 * 8 + 64);
        let (byte, mask) = (usize::try_from(bit / 8).unwrap(), 1u8 << (bit % 8));
        match case.signature.get_mut(byte) {
            Some(byte) => *byte ^= mask,
            None => {
                let mut message = case.message.unwrap();
                message[byte - 64] ^= mask;
                case.digest = digest(&SHA256, &message).as_ref().try_into().unwrap();
                case.message = Some(message);
            }
        }
        Case { class: "bit flip", expected: Some(false), ..case }
    }

    fn opposite_s(&self, numbers: &mut Numbers) -> Case {
        let mut case = self.valid(numbers);
        let (_, s) = case.signature.split_at_mut(32);
        let opposite = -scalar(s.try_into().unwrap());
        s.copy_from_slice(&to_bytes(opposite));
        Case { class: "n - s", ..case }
    }

    /// r or s or both near the ends of a range; the rest as in a valid signature.
    fn edges(&self, numbers: &mut Numbers) -> Case {
        let mut case = self.valid(numbers);
        let which = 1 + numbers.below(3);
        for (i, half) in case.signature.chunks_mut(32).enumerate() {
            if which & 1 << i != 0 {
                half.copy_from_slice(&integer_bytes(numbers.edge()));
            } else if numbers.below(2) == 0 {
                // The same modulo n, if there is such.
                let half_plus_n = U256::from_be_slice(half).wrapping_add(&N);
                half.copy_from_slice(&integer_bytes(half_plus_n));
            }
        }
        Case { class: "edges of r and s", expected: None, ..case }
    }

    /// u1 and u2 with few digits, none, or those that carry.
    fn special_factors(&self, numbers: &mut Numbers) -> Case {
        let u1 = if numbers.below(4) == 0 { Scalar::ZERO } else { special_multiple(numbers) };
        let u2 = special_multiple(numbers);
        self.with_factors("special u1 and u2", u1, u2, numbers)
    }

    /// What is added last is what the sum is by then, or its opposite; digits of u2 may follow.
    fn collision(&self, numbers: &mut Numbers) -> Case {
        let window = numbers.below(42);
        let digit = Scalar::from(1 + numbers.below(32)) * power_of_two(6 * window);
        let lower = match numbers.below(3) {
            0 if window > 0 => Scalar::from(1 + numbers.below(31)) * power_of_two(6 * (window - 1)),
            _ => Scalar::ZERO,
        };
        let before = if numbers.below(2) == 0 { digit } else { -digit };
        let after = match numbers.below(2) {
            0 if window < 40 => Scalar::from(numbers.below(31)) * power_of_two(6 * (window + 2)),
            _ => Scalar::ZERO,
        };
        let u1 = (before - lower) * self.private;
        self.with_factors("collision while adding", u1, lower + digit + after, numbers)
    }

    /// u1·G + u2·Q = infinity.
    fn infinity(&self, numbers: &mut Numbers) -> Case {
        let u2 = if numbers.below(2) == 0 { special_multiple(numbers) } else { numbers.scalar() };
        self.with_factors("infinity", -u2 * self.private, u2, numbers)
    }

    /// A good signature of a digest near the ends of a range.
    fn digest_edges(&self, numbers: &mut Numbers) -> Case {
        let digest = integer_bytes(numbers.edge());
        let signature = self.sign(digest, numbers.scalar());
        Case {
            class: "edges of the digest",
            key: self.public,
            message: None,
            digest,
            signature,
            expected: Some(true),
        }
    }

    fn random(&self, numbers: &mut Numbers) -> Case {
        let message = numbers.bytes();
        let halves = [numbers.bytes(), numbers.bytes()];
        Case {
            class: "random",
            key: self.public,
            message: Some(message),
            digest: digest(&SHA256, &message).as_ref().try_into().unwrap(),
            signature: halves.as_flattened().try_into().unwrap(),
            expected: Some(false),
        }
    }

    /// The signature and digest that lead to these factors. Some have another r, which leads there
    /// as well but is not that of R; infinity has no r that would match.
    fn with_factors(&self, class: &'static str, u1: Scalar, u2: Scalar, numbers: &mut Numbers) -> Case {
        let x = x_of(ProjectivePoint::GENERATOR * (u1 + u2 * self.private));
        let x = x.filter(|_| numbers.below(4) != 0);
        let r = scalar(x.unwrap_or_else(|| numbers.bytes()));
        let s = r * inverse(u2);
        let e = U256::from_be_slice(&to_bytes(u1 * s));
        // A digest from n on, where it has one, stands for the same.
        let e = if numbers.below(2) == 0 && e.wrapping_add(&N) > N { e.wrapping_add(&N) } else { e };
        Case {
            class,
            key: self.public,
            message: None,
            digest: integer_bytes(e),
            signature: [to_bytes(r), to_bytes(s)].as_flattened().try_into().unwrap(),
            expected: Some(x.is_some()),
        }
    }

    fn sign(&self, digest: [u8; 32], nonce: Scalar) -> [u8; 64] {
        let r = scalar(x_of(ProjectivePoint::GENERATOR * nonce).unwrap());
        let s = inverse(nonce) * (scalar(digest) + r * self.private);
        [to_bytes(r), to_bytes(s)].as_flattened().try_into().unwrap()
    }
}

/// Keys for which R has a chosen x coordinate, of which r is only one of two readings.
pub(crate) struct Wrapping {
    from_n: Vec<(U256, ProjectivePoint)>,
    below: Vec<(U256, ProjectivePoint)>,
}

impl Wrapping {
    pub(crate) fn new() -> Self {
        let points = |first: U256, step: U256, count| {
            std::iter::successors(Some(first), move |x| Some(x.wrapping_add(&step)))
                .filter_map(|x| Some((x, point_at(x)?)))
                .take(count)
        };
        let minus_one = U256::ZERO.wrapping_sub(&U256::ONE);
        let middle = N.wrapping_add(&P.wrapping_sub(&N).shr(1));
        let from_n = points(N.wrapping_add(&U256::ONE), U256::ONE, 20)
            .chain(points(middle, U256::ONE, 20))
            .chain(points(P.wrapping_sub(&U256::ONE), minus_one, 20))
            .collect();
        let below = points(U256::ZERO, U256::ONE, 20).chain(points(N, minus_one, 20)).collect();
        Self { from_n, below }
    }

    pub(crate) fn case(&self, numbers: &mut Numbers) -> Case {
        match numbers.below(3) {
            0 => {
                let (x, point) = self.from_n[usize::try_from(numbers.below(60)).unwrap()];
                Self::at("x of R from n on", point, x.wrapping_sub(&N), true, numbers)
            }
            1 => {
                // r + n is not below p: what it would wrap to is no reading of r.
                let (x, point) = self.below[usize::try_from(numbers.below(20)).unwrap()];
                Self::at("r + n from p on", point, x.wrapping_add(&P.wrapping_sub(&N)), false, numbers)
            }
            _ => {
                let (x, point) = numbers.one_of(&self.below);
                Self::at("x of R at the ends below n", point, x, x != U256::ZERO && x < N, numbers)
            }
        }
    }

    /// A key, a digest and s for which `point` is R.
    fn at(
        class: &'static str,
        point: ProjectivePoint,
        r: U256,
        expected: bool,
        numbers: &mut Numbers,
    ) -> Case {
        let (s, digest) = (numbers.scalar(), numbers.bytes());
        let u1 = scalar(digest) * inverse(s);
        let r = integer_bytes(r);
        // If r is 0, any key will do: no signature has it.
        let u2 = scalar(r) * inverse(s);
        let u2 = if u2 == Scalar::ZERO { Scalar::ONE } else { u2 };
        let key = (point - ProjectivePoint::GENERATOR * u1) * inverse(u2);
        Case {
            class,
            key: uncompressed(key),
            message: None,
            digest,
            signature: [r, to_bytes(s)].as_flattened().try_into().unwrap(),
            expected: Some(expected),
        }
    }
}

/// One digit somewhere, or a scalar whose digits carry, or a scalar near the end of a range, or the
/// opposite of one of these; not zero.
fn special_multiple(numbers: &mut Numbers) -> Scalar {
    let multiple = match numbers.below(4) {
        0 => Scalar::from(1 + numbers.below(64)) * power_of_two(6 * numbers.below(43)),
        1 => Scalar::from(1 + numbers.below(4096)) * power_of_two(12 * numbers.below(22)),
        2 => power_of_two(numbers.below(256)) - Scalar::from(numbers.below(3)),
        _ => scalar(integer_bytes(numbers.edge())),
    };
    let multiple = if numbers.below(2) == 0 { multiple } else { -multiple };
    if multiple == Scalar::ZERO { Scalar::ONE } else { multiple }
}
