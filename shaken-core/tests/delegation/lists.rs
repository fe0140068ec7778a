//! Lists against a model that knows nothing of intervals, and lists of many entries.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::Duration;

use proptest::prelude::*;
use shaken_core::cert::TnAuthList;
use shaken_core::cert::encompass::{Encompassing, Unknown};
use shaken_core::cert::tn_auth_list::Coverage;

use crate::rig::{self, tn};

/// An entry of a small world, in which every number can be written down.
#[derive(Clone, Debug)]
enum Entry {
    Spc(String),
    Range(String, u64),
    One(String),
}

impl Entry {
    fn der(&self) -> Vec<u8> {
        match self {
            Self::Spc(code) => rig::spc(code),
            Self::Range(start, count) => rig::range(start, *count),
            Self::One(number) => rig::one(number),
        }
    }

    /// All of its numbers, as text.
    fn numbers(&self) -> Vec<String> {
        match self {
            Self::Spc(_) => vec![],
            Self::Range(start, count) => {
                let first: u64 = start.parse().unwrap();
                (first..first + count)
                    .map(|number| format!("{number:0width$}", width = start.len()))
                    .collect()
            }
            Self::One(number) => vec![number.clone()],
        }
    }
}

fn entry() -> impl Strategy<Value = Entry> {
    // A handful of numbers of two and three digits: entries that touch or overlap, leading zeros,
    // and equal values of other lengths are common.
    let start = (0_u64..16, 2..=3_usize).prop_map(|(start, width)| format!("{start:0width$}"));
    prop_oneof![
        1 => "[12]".prop_map(Entry::Spc),
        4 => (start.clone(), 2_u64..9).prop_map(|(start, count)| Entry::Range(start, count)),
        3 => start.prop_map(Entry::One),
        1 => "[*#][12]".prop_map(Entry::One),
    ]
}

fn list_of(entries: &[Entry]) -> TnAuthList {
    let entries: Vec<Vec<u8>> = entries.iter().map(Entry::der).collect();
    TnAuthList::from_der(&rig::list(&entries)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// What the standards' digest of RFC 9060 §4 says, over sets of numbers.
    #[test]
    fn encompassing_is_that_of_the_sets(
        upper in prop::collection::vec(entry(), 1..12),
        lower in prop::collection::vec(entry(), 1..4),
    ) {
        let numbers = |entries: &[Entry]| -> BTreeSet<String> {
            entries.iter().flat_map(Entry::numbers).collect()
        };
        let spcs = |entries: &[Entry]| -> BTreeSet<String> {
            entries.iter().filter_map(|entry| match entry {
                Entry::Spc(code) => Some(code.clone()),
                _ => None,
            }).collect()
        };
        let inside = numbers(&lower).is_subset(&numbers(&upper));
        let expected = if !spcs(&lower).is_subset(&spcs(&upper)) || !inside && spcs(&upper).is_empty() {
            Encompassing::NotEncompassed
        } else if inside {
            Encompassing::Encompassed
        } else {
            Encompassing::Unknown(Unknown::ByProvider)
        };
        prop_assert_eq!(list_of(&upper).encompasses(&list_of(&lower)), expected);
        prop_assert_eq!(list_of(&upper).encompasses(&list_of(&upper)), Encompassing::Encompassed);
    }

    #[test]
    fn coverage_is_that_of_the_set(
        entries in prop::collection::vec(entry(), 1..12),
        number in "0?0?[0-2][0-9]|[*#][12]",
    ) {
        let listed = entries.iter().flat_map(Entry::numbers).any(|listed| listed == number);
        let named = entries.iter().any(|entry| matches!(entry, Entry::Spc(_)));
        let expected = match (listed, named) {
            (true, _) => Coverage::Listed,
            (false, true) => Coverage::ByProvider,
            (false, false) => Coverage::Uncovered,
        };
        prop_assert_eq!(list_of(&entries).coverage(&tn(&number)), expected);
    }
}

/// A list by reference may be long. Reading it, comparing it with another and asking for numbers
/// must not grow with the square of its length: that would be over 10^11 steps here, which take
/// minutes on any machine, where all that is done takes seconds on a busy one.
#[test]
fn long_lists_are_not_compared_entry_by_entry() {
    const COUNT: usize = 400_000;
    const PATIENCE: Duration = Duration::from_secs(60);
    // Scattered, so that nothing merges, and in no order.
    let list_with_range_every = |step: usize| {
        let number = |i: usize| (i * 7919 % COUNT) * 10;
        let entries = (0..COUNT).map(number).flat_map(|number| {
            let start = format!("1215{number:08}");
            let numbers = if number % (step * 10) == 0 { rig::range(&start, 5) } else { rig::one(&start) };
            [numbers, rig::spc(&format!("{:07}", number / 10))]
        });
        rig::list(&entries.collect::<Vec<_>>())
    };
    let lists = [1, 3].map(list_with_range_every);
    let last_of_range = |i: usize| tn(&format!("1215{:08}", i * 10 + 4));
    let asked: Vec<_> = (0..COUNT).map(last_of_range).collect();
    let (done, outcome) = mpsc::channel();
    std::thread::spawn(move || {
        let [upper, lower] = lists.map(|der| TnAuthList::from_der(&der).unwrap());
        let encompassed = (upper.encompasses(&lower), lower.encompasses(&upper));
        let listed = asked.iter().filter(|tn| upper.coverage(tn) == Coverage::Listed).count();
        done.send((encompassed, listed))
    });
    let outcome = outcome.recv_timeout(PATIENCE).expect("400,000 entries of each kind in a minute");
    let encompassed = (Encompassing::Encompassed, Encompassing::Unknown(Unknown::ByProvider));
    assert_eq!(outcome, (encompassed, COUNT));
}
