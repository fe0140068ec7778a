//! Calls with a number on the trunk of somebody who holds no right to it, while somebody else does. Nobody
//! can spoil the state of a number by showing it, so they are told of beside it.

use super::judge::{Case, Finding, Item, Judge};
use super::observed::Pair;
use super::state::{State, own};
use crate::policy::data::Role;
use crate::policy::numbers::E164;

impl Judge<'_> {
    /// Puts the pairs whose calls are those of who holds the number before the others. Answers how many.
    pub(super) fn own_first(&mut self, case: &Case) -> usize {
        let pairs = self.pairs.get(case.start..case.start + case.count).unwrap_or_default();
        let is_own = |pair: &&Pair| self.other_holder(case.number, pair).is_none();
        if pairs.iter().all(|pair| is_own(&pair)) {
            return pairs.len();
        }
        let (mut sorted, others): (Vec<Pair>, Vec<Pair>) = pairs.iter().partition(is_own);
        let own = sorted.len();
        sorted.extend(others);
        if let Some(pairs) = self.pairs.get_mut(case.start..case.start + case.count) {
            pairs.copy_from_slice(&sorted);
        }
        own
    }

    /// Who holds the number of calls that never had A, on the trunk of somebody who holds no right to it.
    fn other_holder(&self, number: E164, pair: &Pair) -> Option<u32> {
        let seen = self.observed.seen(pair.place)?;
        if seen.had_a() || seen.level().is_none() {
            return None;
        }
        self.expected.other_holder(number, self.place_of(pair.trunk)?, self.times.now)
    }

    /// What is found of the calls of one pair that are not of who holds the number.
    pub(super) fn of_others(&mut self, case: &Case, beside: &Item, place: usize) -> Option<Item> {
        let pair = *self.pairs.get(place)?;
        let seen = self.observed.seen(pair.place)?;
        let customer = self.other_holder(case.number, &pair);
        let trunk = self.place_of(pair.trunk).and_then(|at| self.expected.policy().trunks().get(at as usize));
        let reason = match self.reason_of(case, pair.trunk, seen.reason()) {
            more if [own::FORWARDED_WITHOUT_DIV, own::CALLER_ID_NOT_IN_TEAMS].contains(&&*more) => more,
            // What came from elsewhere needs no right here.
            reason if trunk.is_some_and(|trunk| trunk.role != Role::Originate) => reason,
            _ => own::SHOWN_BY_OTHER_CUSTOMER.to_owned(),
        };
        let found = self.found(State::AtRisk, &reason, seen.first(), 0, pair.trunk);
        let finding = Finding { is_others: true, ..found };
        Some(Item { pairs: (place as u32, 1), customer, finding, observed: seen.level(), ..*beside })
    }
}
