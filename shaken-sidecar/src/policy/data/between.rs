//! What is different between two policies that may be compiled: number by number, as rows are no more.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;

use super::{Generation, Policy};
use crate::policy::numbers::Table;

/// The differences of two policies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Between {
    /// Which policies they are.
    pub generations: [Generation; 2],
    /// Keys of `policy.toml` that differ, such as `trunk.sbc-1.cap`.
    pub keys: Vec<String>,
    /// Names of customers, each with what became of its row.
    pub customers: Vec<(String, RowChange)>,
    /// Names of evidence, each with what became of its row.
    pub evidence: Vec<(String, RowChange)>,
    /// Numbers with other rights, those with the same difference together, the most numbers first.
    pub rights: Vec<RightsChange>,
    /// How many numbers came onto the do-not-originate lists and left them.
    pub do_not_originate: [u64; 2],
    /// How many numbers became unallocated and ceased to be.
    pub unallocated: [u64; 2],
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "all that can become of a row")]
pub enum RowChange {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It says something else.
    Changed,
}

/// Numbers whose rights differ alike.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RightsChange {
    /// The lowest and the highest of them; those between need not be of them.
    pub span: (u64, u64),
    /// How many they are.
    pub count: u64,
    /// Rights that they have no more: rows of `rights.csv` without numbers.
    pub gone: Vec<String>,
    /// Rights that they have now.
    pub new: Vec<String>,
}

impl Between {
    /// Whether nothing is different.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
            && self.customers.is_empty()
            && self.evidence.is_empty()
            && self.rights.is_empty()
            && self.do_not_originate == [0; 2]
            && self.unallocated == [0; 2]
    }
}

/// What is different between two policies. Each run of numbers with the same rights takes some 24 bytes of memory
/// meanwhile.
#[must_use]
pub fn between(before: &Policy, after: &Policy) -> Between {
    let all_keys = before.keys.keys().chain(after.keys.keys().filter(|key| !before.keys.contains_key(*key)));
    let keys = all_keys.filter(|key| before.keys.get(*key) != after.keys.get(*key)).cloned().collect();
    let customers = |policy: &Policy| -> BTreeMap<String, String> {
        let all = policy.customers.iter();
        all.map(|customer| (customer.id.clone(), policy.customer_row(customer))).collect()
    };
    let evidence = |policy: &Policy| -> BTreeMap<String, String> {
        let all = policy.evidence.iter();
        all.map(|evidence| (evidence.id.clone(), Policy::evidence_row(evidence))).collect()
    };
    Between {
        keys,
        customers: rows(&customers(before), &customers(after)),
        evidence: rows(&evidence(before), &evidence(after)),
        rights: rights(before, after),
        do_not_originate: listed(&before.do_not_originate, &after.do_not_originate),
        unallocated: listed(&before.unallocated, &after.unallocated),
        generations: [before.generation.clone(), after.generation.clone()],
    }
}

fn rows(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<(String, RowChange)> {
    let of_old = old.iter().filter_map(|(name, row)| match new.get(name) {
        None => Some((name.clone(), RowChange::Removed)),
        Some(other) => (other != row).then(|| (name.clone(), RowChange::Changed)),
    });
    let added = new.keys().filter(|name| !old.contains_key(*name));
    of_old.chain(added.map(|name| (name.clone(), RowChange::Added))).collect()
}

fn rights(before: &Policy, after: &Policy) -> Vec<RightsChange> {
    let texts = |policy: &Policy, set: Option<NonZeroU32>| -> Vec<String> {
        let rights = set.into_iter().flat_map(|set| policy.rights_of_set(set));
        rights.map(|right| policy.right_row(right)).collect()
    };
    let mut known: HashMap<[Option<NonZeroU32>; 2], Option<usize>> = HashMap::new();
    let mut changes: Vec<RightsChange> = Vec::new();
    let mut by_text: HashMap<[Vec<String>; 2], usize> = HashMap::new();
    both(&before.numbers, &after.numbers, |start, end, sets| {
        let place = *known.entry(sets).or_insert_with(|| {
            let (old, new) = (texts(before, sets[0]), texts(after, sets[1]));
            let gone: Vec<_> = old.iter().filter(|text| !new.contains(text)).cloned().collect();
            let fresh: Vec<_> = new.iter().filter(|text| !old.contains(text)).cloned().collect();
            if gone.is_empty() && fresh.is_empty() {
                return None;
            }
            Some(*by_text.entry([gone.clone(), fresh.clone()]).or_insert_with(|| {
                changes.push(RightsChange { span: (start, end), count: 0, gone, new: fresh });
                changes.len() - 1
            }))
        });
        if let Some(change) = place.and_then(|place| changes.get_mut(place)) {
            change.span = (change.span.0.min(start), change.span.1.max(end));
            change.count += end - start + 1;
        }
    });
    changes.sort_by(|one, other| other.count.cmp(&one.count).then(one.span.cmp(&other.span)));
    changes
}

fn listed(before: &Table, after: &Table) -> [u64; 2] {
    let mut counts = [0; 2];
    both(before, after, |start, end, sets| match sets {
        [None, Some(_)] => counts[0] += end - start + 1,
        [Some(_), None] => counts[1] += end - start + 1,
        _ => {}
    });
    counts
}

/// Visits the runs of numbers that one of two tables has, each with what both have there.
fn both(before: &Table, after: &Table, mut visit: impl FnMut(u64, u64, [Option<NonZeroU32>; 2])) {
    let runs = |table: &Table| {
        let mut runs = Vec::new();
        table.visit_runs(|start, end, set| runs.push((start, end, set)));
        runs.sort_unstable();
        runs
    };
    let all = [runs(before), runs(after)];
    let mut places = [0_usize; 2];
    let mut at = 0;
    loop {
        let open = [0, 1].map(|of| all[of].get(places[of]).copied());
        let Some(start) = open.into_iter().flatten().map(|(start, ..)| start.max(at)).min() else { return };
        let sets = open.map(|run| run.filter(|(first, ..)| *first <= start).map(|(.., set)| set));
        let ends = open.into_iter().flatten();
        let end =
            ends.map(|(first, last, _)| if first > start { first - 1 } else { last }).min().unwrap_or(start);
        // Runs of a file that lies may touch each other.
        if start <= end {
            visit(start, end, sets);
        }
        at = end.saturating_add(1);
        for of in [0, 1] {
            if open[of].is_some_and(|(_, last, _)| last <= end) {
                places[of] += 1;
            }
        }
    }
}
