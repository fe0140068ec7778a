//! The numbers of a list, sorted and merged, so that a list of many entries answers as quickly as
//! one of a few.

use core::fmt;

use super::{TnEntry, digits};
use crate::TelephoneNumber;

/// All numbers of a TNAuthList, whichever entries they came from.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Numbers {
    /// In ascending order; no two of them overlap or touch.
    intervals: Box<[Interval]>,
    /// Those with `*` or `#`, which have no successor, in ascending order.
    symbolic: Box<[TelephoneNumber]>,
}

/// The numbers of one length from `first` to `last`. Leading zeros count: numbers of different
/// length are different numbers, whatever their value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Interval {
    digit_count: usize,
    first: u64,
    last: u64,
}

impl Numbers {
    pub(super) fn of(entries: &[TnEntry]) -> Self {
        let (mut intervals, mut symbolic) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry {
                TnEntry::Spc(_) => {}
                TnEntry::Range(range) => intervals.extend(Interval::of(&range.start, range.count)),
                TnEntry::One(tn) => match Interval::of(tn, 1) {
                    Some(one) => intervals.push(one),
                    None => symbolic.push(*tn),
                },
            }
        }
        symbolic.sort_unstable();
        symbolic.dedup();
        Self { intervals: merged(intervals).into(), symbolic: symbolic.into() }
    }

    pub(super) fn contains(&self, tn: &TelephoneNumber) -> bool {
        // A provider's list, most often, has its code alone.
        if self.intervals.is_empty() && self.symbolic.is_empty() {
            return false;
        }
        match Interval::of(tn, 1) {
            Some(one) => self.contains_interval(one),
            None => self.symbolic.binary_search(tn).is_ok(),
        }
    }

    pub(super) fn contains_all(&self, other: &Self) -> bool {
        // What is merged on both sides is inside of the union exactly if it is inside of one part.
        other.intervals.iter().all(|interval| self.contains_interval(*interval))
            && other.symbolic.iter().all(|tn| self.symbolic.binary_search(tn).is_ok())
    }

    fn contains_interval(&self, inner: Interval) -> bool {
        let behind = self
            .intervals
            .partition_point(|outer| (outer.digit_count, outer.first) <= (inner.digit_count, inner.first));
        let before = behind.checked_sub(1).and_then(|i| self.intervals.get(i));
        before.is_some_and(|outer| outer.digit_count == inner.digit_count && inner.last <= outer.last)
    }

    /// How many bytes of heap it takes.
    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.intervals) + size_of_val(&*self.symbolic)
    }
}

impl Interval {
    /// `None` if the number has other characters than digits, or more of them than any
    /// certificate can list.
    fn of(start: &TelephoneNumber, count: u64) -> Option<Self> {
        let first = digits(start)?;
        let last = first.checked_add(count.checked_sub(1)?)?;
        Some(Self { digit_count: start.as_str().len(), first, last })
    }
}

impl fmt::Debug for Numbers {
    /// No numbers: lists may end up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Numbers({} intervals, {} symbolic)", self.intervals.len(), self.symbolic.len())
    }
}

/// Sorts `intervals` and joins those that overlap or touch.
fn merged(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.sort_unstable();
    intervals.dedup_by(|next, kept| {
        let joins = next.digit_count == kept.digit_count && next.first <= kept.last.saturating_add(1);
        if joins {
            kept.last = kept.last.max(next.last);
        }
        joins
    });
    intervals
}
