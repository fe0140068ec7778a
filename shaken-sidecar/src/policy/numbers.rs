//! Numbers in bulk: what stands behind each of a million or a hundred million of them.
//!
//! ```text
//! rows (numbers, value) -> Sorter   any order in, ascending out; spills to a folder beyond its memory
//!                       -> Sweep    overlaps resolved: the set of all rows that hold a number
//!                       -> Table    thousand-blocks and wide spans; one lookup takes tens of nanoseconds
//! ```
//!
//! A number has 1 to 15 digits and does not begin with 0, so it is an integer, and numbers of equal
//! length are in the order of their digits.

mod build;
mod part;
mod sets;
mod sort;
mod sweep;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;

use shaken_core::TelephoneNumber;

pub use build::TooLarge;
pub(super) use part::Part;
pub use sets::Sets;
pub use sort::{Row, Sorted, Sorter};
pub use sweep::{Sweep, SweepError};
pub(super) use table::PARTS;
pub use table::{Damaged, Table};

/// A number in international form: 1 to 15 digits (E.164 §6), the first of them not 0.
///
/// [`fmt::Debug`] masks all but the last two digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164(u64);

impl E164 {
    /// The number, if `tn` is one in international form: `*67`, `0123` and what is longer than 15
    /// digits are none.
    #[must_use]
    pub fn of(tn: &TelephoneNumber) -> Option<Self> {
        Self::of_digits(tn.as_str())
    }

    /// The number of these digits alone, without `+`.
    #[must_use]
    pub fn of_digits(digits: &str) -> Option<Self> {
        let bytes = digits.as_bytes();
        if bytes.len() > MAX_DIGITS || bytes.first().is_none_or(|first| !(b'1'..=b'9').contains(first)) {
            return None;
        }
        let mut value = 0;
        for byte in bytes {
            if !byte.is_ascii_digit() {
                return None;
            }
            value = value * 10 + u64::from(byte - b'0');
        }
        Some(Self(value))
    }

    /// The number of these digits as an integer.
    pub(crate) fn of_value(value: u64) -> Option<Self> {
        (value > 0 && digits_of(value) <= MAX_DIGITS).then_some(Self(value))
    }

    /// Its digits as an integer.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Whether the number can be one of the North American plan, if it is of country code 1: ten more
    /// digits, of which area code and exchange begin with 2 to 9.
    #[must_use]
    pub fn is_dialable(self) -> bool {
        if NORTH_AMERICA.contains(&self.0) {
            let area = self.0 / 1_000_000_000 % 10;
            let exchange = self.0 / 1_000_000 % 10;
            return area >= 2 && exchange >= 2;
        }
        // No other country's numbers begin with 1.
        self.0 / 10_u64.pow(self.0.ilog10()) != 1
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E164(..{:02})", self.0 % 100)
    }
}

/// Numbers from one to another of the same length, both included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    start: u64,
    end: u64,
}

impl Span {
    /// From `first` to `last`, if both have the same count of digits and `first` is not after `last`.
    #[must_use]
    pub fn new(first: E164, last: E164) -> Option<Self> {
        (first <= last && digits_of(first.0) == digits_of(last.0))
            .then_some(Self { start: first.0, end: last.0 })
    }

    /// The first and the last number as integers.
    #[must_use]
    pub const fn bounds(self) -> (u64, u64) {
        (self.start, self.end)
    }

    /// How many numbers there are, at least 1.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.end - self.start + 1
    }

    const fn of_bounds(start: u64, end: u64) -> Self {
        Self { start, end }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Span(..{:02} x{})", self.start % 100, self.count())
    }
}

/// What a row of a file names: one number, a range or a prefix.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the three ways to name numbers")]
pub enum Numbers {
    /// One number.
    One(E164),
    /// All numbers from the first to the last.
    Range(Span),
    /// All numbers of up to 15 digits that begin with these, themselves included.
    Prefix(E164),
}

impl Numbers {
    /// Reads `12155550100`, `12155550100-12155550199` or `1215555*`. A `+` may stand before a number.
    ///
    /// # Errors
    /// What is wrong with it, in words for who wrote it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let number = |text: &str| {
            let text = text.trim();
            let digits = text.strip_prefix('+').unwrap_or(text);
            E164::of_digits(digits).ok_or("a number has 1 to 15 digits and does not begin with 0")
        };
        if let Some(digits) = text.trim().strip_suffix('*') {
            return number(digits).map(Self::Prefix);
        }
        match text.split_once('-') {
            None => number(text).map(Self::One),
            Some((first, last)) => Span::new(number(first)?, number(last)?)
                .map(Self::Range)
                .ok_or("a range goes from a number to one of the same length that is not before it"),
        }
    }

    /// Whether `number` is one of them.
    #[must_use]
    pub fn contains(self, number: E164) -> bool {
        match self {
            Self::One(one) => one == number,
            Self::Range(span) => (span.start..=span.end).contains(&number.0),
            Self::Prefix(digits) => {
                let longer = number.0.ilog10().checked_sub(digits.0.ilog10());
                longer.is_some_and(|longer| number.0 / 10_u64.pow(longer) == digits.0)
            }
        }
    }

    /// The numbers, one span for each length, in ascending order.
    pub fn spans(self) -> impl Iterator<Item = Span> {
        let (first, lengths) = match self {
            Self::One(one) => (Span::of_bounds(one.0, one.0), 1),
            Self::Range(span) => (span, 1),
            Self::Prefix(digits) => {
                (Span::of_bounds(digits.0, digits.0), 1 + MAX_DIGITS - digits_of(digits.0))
            }
        };
        let longer = |span: &Span| Some(Span::of_bounds(span.start * 10, span.end * 10 + 9));
        std::iter::successors(Some(first), longer).take(lengths)
    }
}

impl fmt::Display for Numbers {
    /// As [`parse`](Self::parse) reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(one) => write!(f, "{}", one.0),
            Self::Range(span) => write!(f, "{}-{}", span.start, span.end),
            Self::Prefix(digits) => write!(f, "{}*", digits.0),
        }
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(one) => one.fmt(f),
            Self::Range(span) => span.fmt(f),
            Self::Prefix(digits) => write!(f, "Prefix({} digits)", digits_of(digits.0)),
        }
    }
}

fn digits_of(value: u64) -> usize {
    value.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Longest number (E.164 §6.1).
const MAX_DIGITS: usize = 15;

/// The eleven-digit numbers of country code 1.
const NORTH_AMERICA: std::ops::Range<u64> = 10_000_000_000..20_000_000_000;
