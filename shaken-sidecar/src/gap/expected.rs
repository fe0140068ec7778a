//! What the policy gives a number: the decision on a call of it, trunk by trunk. No rule is here that is
//! not the decision's.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::rc::Rc;

use shaken_core::{Attest, TelephoneNumber};

use super::counts::{DAY, Level};
use crate::policy::data::{Basis, EvidenceKind, Policy, Right, Role};
use crate::policy::decision::{Caller, Decision, Facts, Outcome, Reason, decide};
use crate::policy::numbers::E164;

/// What a call would get, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expect {
    /// The level.
    pub(super) level: Level,
    /// Why.
    pub(super) reason: Reason,
    /// Place of the trunk.
    pub(super) trunk: Option<u32>,
}

/// Asks a policy about numbers.
#[derive(Debug)]
pub(super) struct Expected<'p> {
    policy: &'p Policy,
    /// The trunks whose customers have something to do with a set of rights, by the set.
    trunks: HashMap<NonZeroU32, Box<[u32]>>,
    /// The trunk that a number is asked about which nobody has a right to.
    any: Box<[u32]>,
    /// When something changes, by the set of rights and the trunk.
    dates: HashMap<Changing, Rc<[i64]>>,
}

/// The set of rights that a number has, and the trunk that it is asked about.
type Changing = (Option<NonZeroU32>, Option<u32>);

impl<'p> Expected<'p> {
    pub(super) fn new(policy: &'p Policy) -> Self {
        let originating = policy.trunks().iter().position(|trunk| trunk.role == Role::Originate);
        let any =
            originating.or_else(|| (!policy.trunks().is_empty()).then_some(0)).map(|place| place as u32);
        Self { policy, trunks: HashMap::new(), any: any.into_iter().collect(), dates: HashMap::new() }
    }

    pub(super) fn policy(&self) -> &'p Policy {
        self.policy
    }

    pub(super) fn has_right(&self, number: E164) -> bool {
        self.policy.numbers().lookup(number).is_some()
    }

    /// Whose a number is: whom it is assigned to, of several the one that is a customer of the others; else who has
    /// a right to it, the first in the file.
    pub(super) fn customer(&self, number: E164, at: i64) -> Option<u32> {
        let policy = self.policy;
        let assigned =
            policy.rights_to(number).filter(|right| right.is_assigned(at)).map(|right| right.customer);
        let lowest = assigned.reduce(|one, other| if policy.is_under(other, one) { other } else { one });
        lowest.or_else(|| policy.rights_to(number).map(|right| right.customer).next())
    }

    /// Who holds a right to a number that nobody on `trunk` holds one to; the first, if there are several.
    /// Nobody holds a number that has gone to another provider. Only customers of one provider are strangers to
    /// each other: those of two are one enterprise at its carriers, whose numbers lose A over the wrong one.
    pub(super) fn other_holder(&self, number: E164, trunk: u32, at: i64) -> Option<u32> {
        let policy = self.policy;
        let trunk = policy.trunks().get(trunk as usize)?;
        let customer = trunk.customer;
        let is_of_its_provider = |right: &&Right| {
            let holder = policy.customers().get(right.customer as usize);
            holder.is_some_and(|holder| holder.provider == trunk.provider)
        };
        let is_own = |right: &Right| customer.is_some_and(|own| policy.is_under(right.customer, own));
        let rights = || policy.rights_to(number).filter(is_of_its_provider);
        let are_others = rights().all(|right| !is_own(right) && !right.is_ported_out(at));
        rights().next().filter(|_| are_others).map(|right| right.customer)
    }

    /// The best level on any trunk.
    pub(super) fn best(&mut self, number: E164, at: i64) -> Expect {
        let trunks = match self.policy.numbers().lookup(number) {
            None => self.any.clone(),
            Some(set) => self.trunks_of(set),
        };
        self.best_on(number, &trunks, at)
    }

    /// The best level on some trunks.
    pub(super) fn best_on(&self, number: E164, trunks: &[u32], at: i64) -> Expect {
        let all = trunks.iter().map(|trunk| self.on(number, Some(*trunk), at));
        all.min_by_key(|expect| expect.level).unwrap_or_else(|| self.on(number, None, at))
    }

    /// The worst level on some trunks.
    pub(super) fn worst_on(&self, number: E164, trunks: &[u32], at: i64) -> Expect {
        let all = trunks.iter().map(|trunk| self.on(number, Some(*trunk), at));
        all.max_by_key(|expect| expect.level).unwrap_or_else(|| self.on(number, None, at))
    }

    /// What a call gets on one trunk that asks for A and brings what it can: the PASSporT of a delegate
    /// certificate that the right rests on.
    pub(super) fn on(&self, number: E164, trunk: Option<u32>, at: i64) -> Expect {
        let policy = self.policy;
        let Ok(tn) = TelephoneNumber::parse(&number.value().to_string()) else {
            return Expect { level: Level::Unsigned, reason: Reason::TnInvalid, trunk };
        };
        let delegates = self.delegates(number);
        let facts = Facts {
            trunk: trunk.and_then(|place| policy.trunks().get(place as usize)),
            requested: Some(Attest::A),
            delegates: &delegates,
            ..Facts::new(Caller::Number(tn))
        };
        let decision = before_certificate(decide(policy, &facts, at));
        let level = match decision.outcome() {
            Outcome::Sign(level) => match level.attest() {
                Attest::A => Level::A,
                Attest::B => Level::B,
                _ => Level::C,
            },
            _ => Level::Unsigned,
        };
        Expect { level, reason: decision.reason(), trunk }
    }

    /// When the stretch without A began that lasts until `to`: after `from`, if it is known.
    pub(super) fn lost_at(&mut self, number: E164, trunk: Option<u32>, (from, to): (i64, i64)) -> i64 {
        let (dates, trunks) = self.dates_of(number, trunk);
        let mut between = dates.iter().filter(|at| from < **at && **at <= to);
        between.rfind(|at| self.best_on(number, &trunks, **at - 1).level == Level::A).copied().unwrap_or(to)
    }

    /// When a number that has A at `from` will have none, up to `to`, and what it will have.
    pub(super) fn loses_at(
        &mut self,
        number: E164,
        trunk: Option<u32>,
        (from, to): (i64, i64),
    ) -> Option<(i64, Expect)> {
        let (dates, trunks) = self.dates_of(number, trunk);
        let mut between = dates.iter().filter(|at| from < **at && **at <= to);
        between.find_map(|at| {
            let then = self.best_on(number, &trunks, *at);
            (then.level != Level::A).then_some((*at, then))
        })
    }

    /// When levels of a number can change on a trunk or on all of them, and which these are. All numbers of one set
    /// of rights have the same, as nothing else knows dates.
    fn dates_of(&mut self, number: E164, trunk: Option<u32>) -> (Rc<[i64]>, Box<[u32]>) {
        let set = self.policy.numbers().lookup(number);
        let trunks: Box<[u32]> = match (trunk, set) {
            (Some(trunk), _) => Box::new([trunk]),
            (None, Some(set)) => self.trunks_of(set),
            (None, None) => self.any.clone(),
        };
        let known = self.dates.get(&(set, trunk)).cloned();
        let dates = known.unwrap_or_else(|| {
            let dates: Rc<[i64]> = self.dates(number, &trunks).into();
            self.dates.insert((set, trunk), Rc::clone(&dates));
            dates
        });
        (dates, trunks)
    }

    /// When something begins or ends that a level of a number hangs on, ascending.
    fn dates(&self, number: E164, trunks: &[u32]) -> Vec<i64> {
        let policy = self.policy;
        let mut dates = Vec::new();
        let mut customers: Vec<u32> = Vec::new();
        let mut evidence: Vec<u32> = Vec::new();
        for right in policy.rights_to(number) {
            dates.extend(right.valid_from.into_iter().chain(right.valid_until));
            evidence.extend(&right.evidence);
            customers.push(right.customer);
        }
        let trunks = trunks.iter().filter_map(|place| policy.trunks().get(*place as usize));
        customers.extend(trunks.filter_map(|trunk| trunk.customer));
        for customer in customers {
            let parent = |place: &u32| policy.customers().get(*place as usize)?.parent;
            for place in std::iter::successors(Some(customer), parent) {
                let Some(customer) = policy.customers().get(place as usize) else { break };
                dates.extend(customer.vetting.verified_at.into_iter().chain(customer.vetting.expires_at));
                evidence.extend(&customer.evidence);
            }
        }
        for evidence in evidence.iter().filter_map(|place| policy.evidence().get(*place as usize)) {
            dates.extend(evidence.issued_at.into_iter().chain(evidence.expires_at));
        }
        dates.sort_unstable();
        dates.dedup();
        dates
    }

    /// The times beyond which nothing is asked: a stretch before `now` in days.
    pub(super) fn ahead(now: i64, days: u32) -> i64 {
        now.saturating_add(i64::from(days) * DAY)
    }

    fn trunks_of(&mut self, set: NonZeroU32) -> Box<[u32]> {
        let policy = self.policy;
        let any = &self.any;
        let found = self.trunks.entry(set).or_insert_with(|| {
            let holds = |customer: u32| {
                policy.rights_of_set(set).any(|right| policy.is_under(right.customer, customer))
            };
            let trunks = policy.trunks().iter().enumerate();
            let of_holder = trunks.filter(|(_, trunk)| trunk.customer.is_some_and(holds));
            let found: Box<[u32]> = of_holder.map(|(place, _)| place as u32).collect();
            if found.is_empty() { any.clone() } else { found }
        });
        found.clone()
    }

    /// Of all delegate certificates that rights to a number rest on: which one calls would come with is not known.
    fn delegates(&self, number: E164) -> Vec<[u8; 32]> {
        let rights = self.policy.rights_to(number).filter(|right| right.basis == Basis::DelegateCert);
        let evidence = rights.flat_map(|right| right.evidence.iter());
        let evidence = evidence.filter_map(|place| self.policy.evidence().get(*place as usize));
        evidence
            .filter(|evidence| evidence.kind == EvidenceKind::Cert)
            .filter_map(|cert| cert.sha256)
            .collect()
    }
}

/// A report looks at no certificate, as `policy explain` does not: where one could sign, the decision
/// before it counts.
fn before_certificate(decision: Decision<'_>) -> Decision<'_> {
    match (decision.before_certificate(), decision.reason()) {
        (Some(before), Reason::KeyUnavailable) => before,
        _ => decision,
    }
}
