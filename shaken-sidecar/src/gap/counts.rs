//! Levels, and counts of calls by level.

/// What a call got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the words say it")]
#[expect(clippy::exhaustive_enums, reason = "the levels of RFC 8588, or none")]
pub enum Level {
    A,
    B,
    C,
    Unsigned,
}

impl Level {
    /// All of them, from the best on.
    pub const ALL: [Self; 4] = [Self::A, Self::B, Self::C, Self::Unsigned];

    /// `A`, `B`, `C` or `unsigned`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::Unsigned => "unsigned",
        }
    }
}

/// Counts of calls: for each of [`WINDOWS`] one for each of [`Level::ALL`], and in all those that were
/// signed without a level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain counts")]
pub struct Counts {
    /// Of the last day, seven days, thirty days, and in all.
    pub levels: [[u64; 4]; 4],
    /// Signed as diverted or as priority calls, which have no level.
    pub other: u64,
}

impl Counts {
    /// Adds those of another.
    pub fn add(&mut self, other: &Self) {
        for (window, more) in self.levels.iter_mut().zip(&other.levels) {
            window.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        }
        self.other += other.other;
    }

    /// All calls.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.levels[3].iter().sum::<u64>() + self.other
    }

    /// All calls with a lower level than A, or none.
    #[must_use]
    pub fn below_a(&self) -> u64 {
        self.levels[3].iter().skip(1).sum()
    }
}

/// A day of calls, by level and without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain counts")]
pub struct Day {
    /// As in [`Level::ALL`].
    pub levels: [u64; 4],
}

/// The place of the narrowest of [`WINDOWS`] that a call of this age is in, or the one behind all.
pub(super) fn window(age_s: i64) -> usize {
    WINDOWS.iter().position(|days| age_s <= days * DAY).unwrap_or(WINDOWS.len())
}

/// What calls are counted for, in days back from now; and all of them.
pub const WINDOWS: [i64; 3] = [1, 7, 30];

pub(super) const DAY: i64 = 86_400;
