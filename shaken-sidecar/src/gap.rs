//! Which numbers lost level A, since when, why, and who must act.
//!
//! ```text
//! policy  -> expected  what a call would get, by the decision itself
//! log     -> observed  what calls got, and when that changed
//! exports -> teams, inventory   which numbers are shown, over which trunks, and whose they are
//!         -> judge     one state for each number, or for neighbours without calls
//!         -> others    numbers that somebody shows who holds no right to them
//!         -> roll_up   rows by number, range, trunk, customer or site
//!         -> render    table, CSV, JSON, HTML, gauges
//! ```
//!
//! States and reasons are defined in `GAP.md`.

mod cause;
mod counts;
mod expected;
mod export_file;
mod inventory;
mod judge;
mod names;
mod observed;
mod others;
pub mod render;
mod roll_up;
mod state;
mod teams;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::policy::data::Policy;
use crate::policy::numbers::E164;
pub use cause::Generations;
pub use counts::{Counts, Day, Level, WINDOWS};
use expected::Expected;
pub use inventory::Inventory;
use judge::{Item, Judge, Times};
use names::Names;
pub use observed::Observed;
use roll_up::Groups;
pub use roll_up::{By, Changed, Row};
pub use state::{Owner, State};
pub use teams::{Assigned, Teams, Ways};

/// What a report is made of.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "everything that there is to give")]
pub struct Sources<'a> {
    /// The rights.
    pub policy: &'a Policy,
    /// The calls, from `since` on.
    pub observed: Observed,
    /// What Teams says.
    pub teams: &'a Teams,
    /// What carriers say.
    pub inventory: Option<&'a Inventory>,
    /// Policies of the past.
    pub generations: &'a Generations,
}

/// The state of all numbers at one time.
#[derive(Debug)]
pub struct Report<'a> {
    policy: &'a Policy,
    observed: Observed,
    teams: &'a Teams,
    generations: &'a Generations,
    trunks: Names,
    reasons: Names,
    pairs: Vec<observed::Pair>,
    items: Vec<Item>,
    groups: Groups,
    by: By,
    times: Times,
    totals: BTreeMap<(State, u16), u64>,
    counts: Counts,
}

impl<'a> Report<'a> {
    /// Judges all numbers of `sources` by the calls from `since` on; rows are made `by` what they say. A
    /// number is at risk if it loses A within `at_risk_days`. Times are in seconds since 1970.
    #[must_use]
    pub fn new(sources: Sources<'a>, by: By, since: i64, at_risk_days: u32, now: i64) -> Self {
        let Sources { policy, mut observed, teams, inventory, generations } = sources;
        observed.sort();
        let (trunks, reasons) = (std::mem::take(&mut observed.trunks), std::mem::take(&mut observed.reasons));
        let times = Times { since, now, until: Expected::ahead(now, at_risk_days) };
        let pairs = observed.by_number();
        let expected = Expected::new(policy);
        let others = Vec::new();
        let mut judge =
            Judge { expected, observed: &observed, teams, inventory, trunks, reasons, pairs, times, others };
        let items = judge.all();
        let Judge { trunks, reasons, pairs, .. } = judge;
        let mut totals = BTreeMap::new();
        for item in &items {
            *totals.entry((item.finding.state, item.finding.reason)).or_default() +=
                item.last - item.first + 1;
        }
        let mut counts = *observed.unnumbered();
        for pair in &pairs {
            observed.seen(pair.place).into_iter().for_each(|seen| counts.add(&seen.counts()));
        }
        let groups = Groups::of(&items, by);
        Self {
            policy,
            observed,
            teams,
            generations,
            trunks,
            reasons,
            pairs,
            items,
            groups,
            by,
            times,
            totals,
            counts,
        }
    }

    /// How many numbers are in a state.
    #[must_use]
    pub fn numbers(&self, state: State) -> u64 {
        self.totals.iter().filter(|((of, _), _)| *of == state).map(|(_, count)| count).sum()
    }

    /// How many numbers are in each state for each reason.
    pub fn totals(&self) -> impl Iterator<Item = (State, &str, u64)> {
        self.totals.iter().map(|((state, reason), count)| (*state, self.reasons.word(*reason), *count))
    }

    /// All calls, also those whose caller is no number.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What the log shows.
    #[must_use]
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// What the rows are about.
    #[must_use]
    pub fn by(&self) -> By {
        self.by
    }

    /// The generation of the policy, 16 hex digits.
    #[must_use]
    pub fn generation(&self) -> &str {
        self.policy.generation().id()
    }

    /// Since when calls count, now, and until when risks do, in seconds since 1970.
    #[must_use]
    pub fn times(&self) -> (i64, i64, i64) {
        (self.times.since, self.times.now, self.times.until)
    }

    /// Rows of the Teams export that were passed over.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.teams.passed_over()
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows, the most urgent first. Each is made when it is asked for, as there may be millions.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        (0..self.len()).filter_map(|row| self.row(row))
    }

    fn row(&self, row: usize) -> Option<Row> {
        let items = self.groups.row(row).iter().filter_map(|place| self.items.get(*place as usize));
        let first = items.clone().next()?;
        let named = |place: Option<u32>| {
            let customer = place.and_then(|place| self.policy.customers().get(place as usize));
            customer.map_or("", |customer| &customer.id).to_owned()
        };
        let trunk = self.trunks.word(first.finding.trunk);
        let (customer, holder) = match first.finding.is_others {
            false => (named(first.customer), String::new()),
            true => (named(self.policy.trunk(trunk).and_then(|trunk| trunk.customer)), named(first.customer)),
        };
        let mut made = Row {
            numbers: (first.first, first.last),
            count: 0,
            state: first.finding.state,
            reason: self.reasons.word(first.finding.reason).to_owned(),
            since: None,
            generation: None,
            cause: None,
            best: first.best,
            teams: first.teams,
            observed: first.observed,
            trunk: trunk.to_owned(),
            customer,
            holder,
            site: first.site.map_or("", |site| self.teams.site(site)).to_owned(),
            counts: Counts::default(),
            seen: None,
            changes: Vec::new(),
        };
        let (mut earliest, mut earliest_told): (Option<&Item>, Option<&Item>) = (None, None);
        for item in items {
            made.count += item.last - item.first + 1;
            made.numbers = (made.numbers.0.min(item.first), made.numbers.1.max(item.last));
            made.best = made.best.max(item.best);
            made.teams = made.teams.max(item.teams);
            made.observed = made.observed.max(item.observed);
            if item.finding.trunk != first.finding.trunk {
                made.trunk.clear();
            }
            if item.customer != first.customer {
                made.customer.clear();
            }
            if item.site != first.site {
                made.site.clear();
            }
            let since = |item: &Item| Some(item.finding.since).filter(|since| *since > 0);
            let is_before = |other: Option<&Item>| {
                since(item).is_some_and(|at| other.and_then(since).is_none_or(|before| at < before))
            };
            if is_before(earliest) {
                earliest = Some(item);
            }
            // Of numbers that nobody called, no record says which generation they have had.
            if item.finding.generation != 0 && is_before(earliest_told) {
                earliest_told = Some(item);
            }
            for pair in self.pairs_of(item) {
                let Some(seen) = self.observed.seen(pair.place) else { continue };
                made.counts.add(&seen.counts());
                let (start, end) = made.seen.unwrap_or_else(|| (seen.first(), seen.last()));
                made.seen = Some((start.min(seen.first()), end.max(seen.last())));
            }
        }
        made.since = earliest.map(|item| item.finding.since.into());
        if let Some(item) = earliest_told {
            (made.generation, made.cause) = self.origin(item);
        }
        if made.count == 1 {
            made.changes = self.pairs_of(first).iter().flat_map(|pair| self.changes(pair)).collect();
            made.changes.sort_by_key(|change| change.at);
        }
        Some(made)
    }

    fn pairs_of(&self, item: &Item) -> &[observed::Pair] {
        let (start, count) = (item.pairs.0 as usize, usize::from(item.pairs.1));
        self.pairs.get(start..start + count).unwrap_or_default()
    }

    fn changes(&self, pair: &observed::Pair) -> impl Iterator<Item = Changed> {
        let trunk = self.trunks.word(pair.trunk);
        self.observed.changes(pair.place).iter().map(move |change| Changed {
            at: change.at.into(),
            trunk: trunk.to_owned(),
            from: change.from,
            to: change.to,
            reason: self.reasons.word(change.reason).to_owned(),
            generation: self.observed.generations.word(change.generation).to_owned(),
        })
    }

    /// The generation that an item came to its state with, and what of it did that.
    fn origin(&self, item: &Item) -> (Option<String>, Option<String>) {
        let generation = item.finding.generation;
        if generation == 0 {
            return (None, None);
        }
        let after = self.observed.generations.word(generation);
        // Calls that had A before were decided by the same one, if the log shows none before it.
        let before = self.observed.before(generation).unwrap_or(generation);
        let before = self.observed.generations.word(before);
        let trunk = self.trunks.word(item.finding.trunk);
        let cause = E164::of_value(item.first).and_then(|number| {
            self.generations.cause(before, after, number, trunk, item.finding.since.into())
        });
        (Some(after.to_owned()), cause)
    }
}
