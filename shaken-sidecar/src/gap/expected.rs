//! What the policy gives a number: the decision on a call of it, trunk by trunk. No rule is here that is
//! not the decision's.

use std::collections::HashMap;
use std::num::NonZeroU32;

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
    /// When a level changes is the same for all numbers of a set.
    edges: HashMap<(NonZeroU32, Option<u32>, Side), i64>,
}

/// Which edge of a stretch of time is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Past,
    Future,
}

impl<'p> Expected<'p> {
    pub(super) fn new(policy: &'p Policy) -> Self {
        let originating = policy.trunks().iter().position(|trunk| trunk.role == Role::Originate);
        let any =
            originating.or_else(|| (!policy.trunks().is_empty()).then_some(0)).map(|place| place as u32);
        Self { policy, trunks: HashMap::new(), any: any.into_iter().collect(), edges: HashMap::new() }
    }

    pub(super) fn policy(&self) -> &'p Policy {
        self.policy
    }

    pub(super) fn has_right(&self, number: E164) -> bool {
        self.policy.numbers().lookup(number).is_some()
    }

    /// The customer of the first right to a number.
    pub(super) fn customer(&self, number: E164) -> Option<u32> {
        self.policy.rights_to(number).map(|right| right.customer).next()
    }

    /// Who holds a right to a number that nobody on `trunk` holds one to; the first, if there are several.
    /// Nobody holds a number that has gone to another provider. Only customers of one provider are strangers to
    /// each other: those of two are one enterprise at its carriers, whose numbers lose A over the wrong one.
    pub(super) fn other_holder(&self, number: E164, trunk: u32, at: i64) -> Option<u32> {
        let policy = self.policy;
        let trunk = policy.trunks().get(trunk as usize)?;
        let customer = trunk.customer;
        let is_of_its_provider = |right: &Right| {
            let holder = policy.customers().get(right.customer as usize);
            holder.is_some_and(|holder| holder.provider == trunk.provider)
        };
        let is_own = |right: &Right| customer.is_some_and(|own| policy.is_under(right.customer, own));
        let is_other =
            |right: &Right| is_of_its_provider(right) && !is_own(right) && !right.is_ported_out(at);
        let holder = policy.rights_to(number).next()?.customer;
        policy.rights_to(number).all(is_other).then_some(holder)
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
        let delegate = self.delegate(number);
        let facts = Facts {
            trunk: trunk.and_then(|place| policy.trunks().get(place as usize)),
            requested: Some(Attest::A),
            delegates: delegate.as_slice(),
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

    /// The first second between two times that a number has another level at than at `from`: A on one side
    /// and less on the other. All numbers of one set of rights have the same, as nothing else knows dates.
    pub(super) fn edge(
        &mut self,
        number: E164,
        trunk: Option<u32>,
        (from, to): (i64, i64),
        side: Side,
    ) -> i64 {
        let set = self.policy.numbers().lookup(number);
        if let Some(known) = set.and_then(|set| self.edges.get(&(set, trunk, side))) {
            return *known;
        }
        let trunks: Box<[u32]> = match (trunk, set) {
            (Some(trunk), _) => Box::new([trunk]),
            (None, Some(set)) => self.trunks_of(set),
            (None, None) => self.any.clone(),
        };
        let (mut low, mut high) = (from, to);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.best_on(number, &trunks, middle).level == Level::A {
                low = middle;
            } else {
                high = middle;
            }
        }
        if let Some(set) = set {
            self.edges.insert((set, trunk, side), high);
        }
        high
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

    fn delegate(&self, number: E164) -> Option<[u8; 32]> {
        let delegated = |basis| basis == Basis::DelegateCert;
        let rights = self.policy.rights_to(number).filter(|right| delegated(right.basis));
        let mut evidence = rights.flat_map(|right| right.evidence.iter());
        evidence.find_map(|place| {
            let evidence = self.policy.evidence().get(*place as usize)?;
            evidence.sha256.filter(|_| evidence.kind == EvidenceKind::Cert)
        })
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
