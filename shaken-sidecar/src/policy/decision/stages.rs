//! The way of a call through the stages of a decision, in their order.

use std::num::NonZeroU32;

use shaken_core::Attest;
use shaken_core::cert::tn_auth_list::Coverage;
use shaken_core::passport::Ppt;

use super::{Caller, Decision, Facts, Level, Outcome, Reason, Received, Step};
use crate::policy::data::{
    Auth, Basis, Fate, KeyState, Profile, Provider, Requested, Role, Rule, Shortfall, Then, Treatment, Trunk,
    VettingState,
};
use crate::policy::numbers::E164;

impl<'p> Decision<'p> {
    pub(super) fn work(&mut self, facts: &Facts<'_>, now: i64) -> (Outcome<'p>, Reason) {
        if self.emergency {
            self.note(Reason::Emergency);
        }
        let policy = self.policy;
        let Some((index, trunk)) = facts.trunk.and_then(|known| {
            let is_it = |trunk: &&Trunk| trunk.name == known.name;
            let trunk = policy.trunks().get(known.index as usize).filter(is_it);
            let trunk = trunk.or_else(|| policy.trunk(&known.name))?;
            Some((trunk.index, trunk))
        }) else {
            return self.unsigned(Reason::TrunkUnknown);
        };
        self.trunk = Some(trunk);
        let Some(provider) = self.provider() else { return self.unsigned(Reason::TrunkUnknown) };
        if !policy.recognized().get(index as usize).is_some_and(|trunk| trunk.signs(facts.ppt)) {
            return self.unsigned(Reason::PptNotAllowed);
        }
        let mut level = Descent { caps: Attest::A, reason: None };
        let Orig { number, held } = match self.check_number(facts, &mut level) {
            Ok(orig) => orig,
            Err(end) => return end,
        };
        if let Some(end) = self.end_by_rule(facts, trunk, number) {
            return end;
        }
        let signs_div = policy.recognized().get(index as usize).is_some_and(|trunk| trunk.signs(Ppt::Div));
        if facts.ppt == Ppt::Rph {
            if let Some(reason) = self.untrusted(trunk, now) {
                return self.unsigned(reason);
            }
            let end = (Outcome::Priority, Reason::PriorityAllowed);
            self.note(end.1);
            return self.certify(provider, facts, number, None, end, now);
        }
        if let Some(end) = self.treat(facts, trunk, signs_div, held, now) {
            return match end.0 {
                Outcome::Divert => self.certify(provider, facts, number, None, end, now),
                _ => end,
            };
        }
        if trunk.role != Role::Originate {
            self.lower(&mut level, Reason::NotOriginating, Attest::C);
        }
        if trunk.auth == Auth::None {
            self.lower(&mut level, Reason::TrunkUnauthenticated, Attest::C);
        }
        self.vet(provider.profile, now, &mut level);
        let best = match self.find_right(trunk, held, facts.delegates, now) {
            Ok(best) => {
                self.right = best.right();
                self.lower(&mut level, Self::granted(best), best.attest());
                best
            }
            Err(reason) => {
                // Where a call was diverted says more of its caller than that the number is not ours.
                let diverted = self.without_right(facts, trunk, provider.profile, now);
                let (reason, cap) = diverted.unwrap_or((reason, Attest::B));
                self.lower(&mut level, reason, cap);
                Level::partial()
            }
        };
        self.cap(&mut level, Reason::CappedByTrunk, trunk.cap);
        let mut chosen = None;
        self.apply_rules(facts, trunk, number, &mut level, &mut chosen);
        match (trunk.requested, facts.requested) {
            (Requested::Ignore, _) | (Requested::Cap, None) => {}
            (Requested::Require, None) => self.cap(&mut level, Reason::CappedByRequest, Attest::C),
            (_, Some(requested)) => self.cap(&mut level, Reason::CappedByRequest, requested),
        }
        let reason = level.reason.unwrap_or_else(|| Self::granted(best));
        let end = (Outcome::Sign(best.capped(level.caps)), reason);
        self.certify(provider, facts, number, chosen, end, now)
    }

    /// The calling number, if there is one that calls can come from.
    fn check_number(
        &mut self,
        facts: &Facts<'_>,
        level: &mut Descent,
    ) -> Result<Orig, (Outcome<'p>, Reason)> {
        let handling = self.policy.handling;
        let number = match facts.orig {
            Caller::Anonymous => return Err(self.unsigned(Reason::TnAnonymous)),
            Caller::Invalid => None,
            Caller::Number(tn) => E164::of(&tn).filter(|number| number.is_dialable()),
        };
        let Some(number) = number else { return Err(self.meet(Reason::TnInvalid, handling.invalid)) };
        // Asked for first, though it is needed late: what stands between need not wait for memory.
        let held = self.policy.numbers().lookup(number);
        for (list, reason, fate) in [
            (&self.policy.do_not_originate, Reason::DnoListed, handling.do_not_originate),
            (&self.policy.unallocated, Reason::TnUnallocated, handling.unallocated),
        ] {
            if list.lookup(number).is_some() {
                if self.emergency {
                    self.lower(level, reason, Attest::C);
                } else {
                    return Err(self.meet(reason, fate));
                }
            }
        }
        Ok(Orig { number, held })
    }

    /// What comes of the Identity headers that there are, or are not.
    fn treat(
        &mut self,
        facts: &Facts<'_>,
        trunk: &Trunk,
        signs_div: bool,
        held: Option<NonZeroU32>,
        now: i64,
    ) -> Option<(Outcome<'p>, Reason)> {
        let is_signed = facts.received != Received::None;
        if facts.ppt == Ppt::Div
            || is_signed && facts.diverting.is_some() && trunk.treatment != Treatment::Pass
        {
            // RFC 8946 §4.1: `div` stands beside the PASSporT that the call came with.
            let may_divert =
                facts.received == Received::Others && signs_div && self.may_use_diverting(facts, trunk, now);
            let is_meant = facts.ppt == Ppt::Div || self.find_right(trunk, held, &[], now).is_err();
            if may_divert && is_meant {
                if let Some(reason) = self.untrusted(trunk, now) {
                    return Some(self.unsigned(reason));
                }
                self.note(Reason::DivAdded);
                return Some((Outcome::Divert, Reason::DivAdded));
            }
            if facts.ppt == Ppt::Div {
                return Some(self.unsigned(Reason::DivNoRight));
            }
        }
        match (trunk.treatment, facts.received) {
            (_, Received::Ours) => Some(self.unsigned(Reason::DupAvoided)),
            (Treatment::Pass, _)
            | (Treatment::SignUnsigned, Received::Others | Received::OtherCalls)
            | (Treatment::BlockUnsigned, Received::Others) => Some(self.unsigned(Reason::PassedThrough)),
            // What cannot be read, or is of another caller, signs nothing of this call.
            (Treatment::BlockUnsigned, Received::OtherCalls | Received::None) => {
                Some(self.meet(Reason::UnsignedBlocked, Fate::Block))
            }
            (Treatment::Sign, Received::Others | Received::OtherCalls) => {
                self.note(Reason::Replaced);
                None
            }
            (Treatment::Sign | Treatment::SignUnsigned, Received::None) => None,
        }
    }

    /// What the customer's vetting leaves.
    fn vet(&mut self, profile: Profile, now: i64, level: &mut Descent) {
        // Calls that do not originate here have no customer that could vouch for the caller.
        let Some(customer) = self.customer() else { return };
        let (reason, cap) = match (self.policy.vetting_of(customer, now), profile) {
            (VettingState::Verified, _) => return,
            (VettingState::None | VettingState::Pending, _) => (Reason::CustUnvetted, Attest::C),
            (VettingState::Expired, Profile::Us | Profile::Ca) => (Reason::CustExpired, Attest::B),
            (VettingState::Expired, Profile::Fr) => (Reason::CustExpired, Attest::C),
            (VettingState::Revoked, _) => (Reason::CustRevoked, Attest::C),
        };
        self.lower(level, reason, cap);
    }

    /// What a call has a level by, whose right holds.
    fn granted(level: Level<'_>) -> Reason {
        match (level.right().map(|right| right.basis), level.attest()) {
            (Some(Basis::DelegateCert), _) => Reason::DelegateOk,
            (_, Attest::A) => Reason::RightOk,
            _ => Reason::RightPartial,
        }
    }

    /// The best right of the trunk's customer that holds now, of the set that a number has.
    fn find_right(
        &self,
        trunk: &Trunk,
        held: Option<NonZeroU32>,
        delegates: &[[u8; 32]],
        now: i64,
    ) -> Result<Level<'p>, Reason> {
        let policy = self.policy;
        let mut best: Result<Level<'p>, Option<Shortfall>> = Err(None);
        let (mut is_held, mut is_unvetted, mut is_of_unvetted) = (false, false, false);
        for right in held.into_iter().flat_map(|set| policy.rights_of_set(set)) {
            is_held = true;
            if right.is_ported_out(now) && policy.provider_of(right.customer) == Some(trunk.provider) {
                return Err(Reason::PortedOut);
            }
            let Some(customer) = trunk.customer else { continue };
            if !policy.is_under(right.customer, customer) {
                continue;
            }
            if !policy.are_verified_up_to(right.customer, customer, now) {
                is_unvetted = true;
                // The number is that customer's, whatever the one above has been assigned.
                is_of_unvetted |= right.is_assigned(now);
                continue;
            }
            match (right.grant(trunk.index, delegates, policy.evidence(), now), &best) {
                (Ok(granted), Ok(level)) if granted.level().lower(level.attest()) == granted.level() => {}
                (Ok(granted), _) => best = Ok(Level::of(granted)),
                (Err(shortfall), Err(nearest)) => best = Err((*nearest).max(Some(shortfall))),
                (Err(_), Ok(_)) => {}
            }
        }
        if is_of_unvetted {
            return Err(Reason::HolderUnvetted);
        }
        best.map_err(|nearest| match nearest {
            Some(Shortfall::DelegateAbsent) => Reason::DelegateAbsent,
            Some(Shortfall::EvidenceExpired) => Reason::EvidenceExpired,
            Some(Shortfall::EvidenceMissing) => Reason::EvidenceMissing,
            Some(Shortfall::NotOnTrunk) => Reason::RightNotOnTrunk,
            Some(Shortfall::Expired) => Reason::RightExpired,
            Some(Shortfall::NotYet) => Reason::RightNotYet,
            None if is_unvetted => Reason::HolderUnvetted,
            None if is_held => Reason::RightOtherCustomer,
            None => Reason::RightNone,
        })
    }

    /// What a diverted call gets whose caller is not the customer.
    fn without_right(
        &self,
        facts: &Facts<'_>,
        trunk: &Trunk,
        profile: Profile,
        now: i64,
    ) -> Option<(Reason, Attest)> {
        facts.diverting.as_ref()?;
        Some(if !self.may_use_diverting(facts, trunk, now) {
            (Reason::DivNoRight, Attest::C)
        } else if profile == Profile::Fr {
            (Reason::DivCaller, Attest::C)
        } else {
            (Reason::DivCaller, Attest::B)
        })
    }

    fn may_use_diverting(&self, facts: &Facts<'_>, trunk: &Trunk, now: i64) -> bool {
        let number = facts.diverting.as_ref().and_then(E164::of);
        // A delegate certificate speaks for the calling number alone.
        number.is_some_and(|number| {
            self.find_right(trunk, self.policy.numbers().lookup(number), &[], now).is_ok()
        })
    }

    /// Why the customer's word counts for nothing where a PASSporT has no level that could say so.
    fn untrusted(&self, trunk: &Trunk, now: i64) -> Option<Reason> {
        if trunk.auth == Auth::None {
            return Some(Reason::TrunkUnauthenticated);
        }
        match self.policy.vetting_of(self.customer()?, now) {
            VettingState::Verified => None,
            VettingState::None | VettingState::Pending => Some(Reason::CustUnvetted),
            VettingState::Expired => Some(Reason::CustExpired),
            VettingState::Revoked => Some(Reason::CustRevoked),
        }
    }

    /// How a rule ends the call, whatever is in it.
    fn end_by_rule(
        &mut self,
        facts: &Facts<'_>,
        trunk: &Trunk,
        number: E164,
    ) -> Option<(Outcome<'p>, Reason)> {
        for rule in &self.policy.rules {
            let (reason, fate) = match rule.then {
                Then::Unsigned => (Reason::RuleUnsigned, Fate::Unsigned),
                Then::Block if !self.emergency => (Reason::RuleBlock, Fate::Block),
                _ => continue,
            };
            if is_meant(rule, facts, trunk, number) {
                self.rule = Some(rule);
                return Some(self.meet(reason, fate));
            }
        }
        None
    }

    fn apply_rules(
        &mut self,
        facts: &Facts<'_>,
        trunk: &Trunk,
        number: E164,
        level: &mut Descent,
        chosen: &mut Option<&'p str>,
    ) {
        for rule in &self.policy.rules {
            match &rule.then {
                Then::Cap(cap) if is_meant(rule, facts, trunk, number) => {
                    if level.caps.lower(*cap) != level.caps {
                        self.rule = Some(rule);
                    }
                    self.cap(level, Reason::RuleCap, *cap);
                }
                Then::Certificate(certificate)
                    if chosen.is_none() && is_meant(rule, facts, trunk, number) =>
                {
                    self.note(Reason::RuleCertificate);
                    *chosen = Some(certificate);
                }
                _ => {}
            }
        }
    }

    /// `end`, if there is a certificate for it.
    fn certify(
        &mut self,
        provider: &'p Provider,
        facts: &Facts<'_>,
        number: E164,
        chosen: Option<&str>,
        end: (Outcome<'p>, Reason),
        now: i64,
    ) -> (Outcome<'p>, Reason) {
        self.before = Some(end);
        // RFC 8946 §4.1: a `div` PASSporT is signed for the number that diverted.
        let (signed_for, number) = match (&end.0, facts.diverting, facts.orig) {
            (Outcome::Divert, Some(diverting), _) => {
                (Some(diverting), E164::of(&diverting).unwrap_or(number))
            }
            (_, _, Caller::Number(tn)) => (Some(tn), number),
            _ => (None, number),
        };
        let to = || facts.target.as_ref().or_else(|| facts.dest.first()).and_then(E164::of);
        let mut nearest = None;
        for used in &provider.certificates {
            let is_meant = match chosen {
                Some(id) => used.id == id,
                None => {
                    (used.from.is_empty() || used.from.iter().any(|numbers| numbers.contains(number)))
                        && (used.to.is_empty()
                            || to().is_some_and(|to| used.to.iter().any(|numbers| numbers.contains(to))))
                }
            };
            if !is_meant {
                continue;
            }
            let shortfall = match &used.credential {
                None => Reason::KeyUnavailable,
                Some(credential) => {
                    let list = credential.certificate.tn_auth_list().and_then(|list| list.as_ref().ok());
                    let covers = list.zip(signed_for.as_ref());
                    if credential.key == KeyState::Unavailable {
                        Reason::KeyUnavailable
                    } else if credential.certificate.check_valid(now).is_err() {
                        Reason::CertExpired
                    } else if covers.is_none_or(|(list, tn)| list.coverage(tn) == Coverage::Uncovered) {
                        Reason::CertNotCovering
                    } else {
                        self.note(Reason::CertOk);
                        self.certificate = Some(used);
                        return end;
                    }
                }
            };
            nearest = nearest.or(Some(shortfall));
        }
        self.unsigned(nearest.unwrap_or(Reason::CertNotCovering))
    }

    /// Notes what a stage found. The first that lowers the level to where it ends is the reason.
    fn lower(&mut self, level: &mut Descent, reason: Reason, cap: Attest) {
        let caps = level.caps.lower(cap);
        if caps != level.caps {
            *level = Descent { caps, reason: Some(reason) };
        }
        self.push(reason, Some(caps));
    }

    /// The same, where it is only worth a note if it lowers the level.
    fn cap(&mut self, level: &mut Descent, reason: Reason, cap: Attest) {
        if level.caps.lower(cap) != level.caps {
            self.lower(level, reason, cap);
        }
    }

    fn meet(&mut self, reason: Reason, fate: Fate) -> (Outcome<'p>, Reason) {
        match fate {
            Fate::Block if !self.emergency => {
                self.note(reason);
                (Outcome::Block, reason)
            }
            Fate::Block | Fate::Unsigned => self.unsigned(reason),
        }
    }

    fn unsigned(&mut self, reason: Reason) -> (Outcome<'p>, Reason) {
        self.note(reason);
        (Outcome::Unsigned, reason)
    }

    fn note(&mut self, reason: Reason) {
        self.push(reason, None);
    }

    fn push(&mut self, reason: Reason, leaves: Option<Attest>) {
        let pushed = self.trail.try_push(Step { reason, leaves });
        debug_assert!(pushed.is_ok(), "each stage notes once and caps fall twice at most");
    }
}

/// Whether a rule is for this call.
fn is_meant(rule: &Rule, facts: &Facts<'_>, trunk: &Trunk, number: E164) -> bool {
    let when = &rule.when;
    let mut called = facts.dest.iter().chain(&facts.target).filter_map(E164::of);
    (when.trunks.is_empty() || when.trunks.contains(&trunk.index))
        && (when.customers.is_empty() || trunk.customer.is_some_and(|of| when.customers.contains(&of)))
        && (when.from.is_empty() || when.from.iter().any(|numbers| numbers.contains(number)))
        && (when.to.is_empty() || called.any(|to| when.to.iter().any(|numbers| numbers.contains(to))))
}

/// The calling number, and the set of rights to it.
struct Orig {
    number: E164,
    held: Option<NonZeroU32>,
}

/// The lowest cap so far, and what set it.
struct Descent {
    caps: Attest,
    reason: Option<Reason>,
}
