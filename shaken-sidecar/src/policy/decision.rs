//! What a call gets, and why. Pure: the same call, policy and time give the same decision, whether the
//! call is live, explained or simulated.
//!
//! ```text
//! trunk -> number -> Identity that came -> role -> diversion -> vetting -> right -> caps -> certificate
//! ```
//!
//! Each stage can end the call's way (unsigned, blocked) or lower its level. The reason of the decision
//! is the first that brought it to where it ended; all others are in the trail.

mod level;
mod mode;
mod reason;
#[cfg(test)]
mod tests;

use std::fmt;

use arrayvec::ArrayVec;
use shaken_core::cert::tn_auth_list::Coverage;
use shaken_core::passport::Ppt;
use shaken_core::{Attest, TelephoneNumber};

use super::data::{
    Auth, Basis, CertificateUse, Customer, Fate, KeyState, Policy, Profile, Provider, Requested, Right, Role,
    Rule, Shortfall, Then, Treatment, Trunk, VettingState,
};
use super::numbers::E164;
pub use level::Level;
pub use mode::{Acting, Mode, Share, acting};
pub use reason::Reason;

/// What a decision looks at of a call.
#[derive(Clone, Debug)]
pub struct Facts<'c> {
    /// The trunk that it came in on, by [`Policy::recognize`].
    pub trunk: Option<&'c Trunk>,
    /// Who calls.
    pub orig: Caller,
    /// The called numbers.
    pub dest: &'c [TelephoneNumber],
    /// The number that diverted the call last.
    pub diverting: Option<TelephoneNumber>,
    /// The Identity headers that came with it.
    pub received: Received,
    /// The type of PASSporT that is asked for.
    pub ppt: Ppt,
    /// The level that is asked for.
    pub requested: Option<Attest>,
    /// SHA-256 of the delegate certificate by which a PASSporT of the customer's own was verified for the
    /// calling number.
    pub delegate: Option<[u8; 32]>,
}

impl Facts<'_> {
    /// A call from `orig` that asks for a `shaken` PASSporT and for no level.
    #[must_use]
    pub fn new(orig: Caller) -> Self {
        Self {
            trunk: None,
            orig,
            dest: &[],
            diverting: None,
            received: Received::None,
            ppt: Ppt::Shaken,
            requested: None,
            delegate: None,
        }
    }
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a number, none, or something else")]
pub enum Caller {
    /// A number.
    Number(TelephoneNumber),
    /// Nobody says.
    Anonymous,
    /// Something that is no number.
    Invalid,
}

/// The Identity headers that came with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are some, ours or others', or none")]
pub enum Received {
    /// There are none.
    None,
    /// Others have signed.
    Others,
    /// We have.
    Ours,
}

/// What a call gets.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "who acts on a decision must know all")]
pub enum Outcome<'p> {
    /// A `shaken` PASSporT of this level.
    Sign(Level<'p>),
    /// A `div` PASSporT beside what it came with.
    Divert,
    /// A PASSporT of another type, which has no level.
    Priority,
    /// Nothing; it goes on as it came.
    Unsigned,
    /// It is refused.
    Block,
}

impl Outcome<'_> {
    /// In one word: `sign`, `divert`, `priority`, `unsigned`, `block`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sign(_) => "sign",
            Self::Divert => "divert",
            Self::Priority => "priority",
            Self::Unsigned => "unsigned",
            Self::Block => "block",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub reason: Reason,
    /// The highest level that it leaves, if it is about the level.
    pub leaves: Option<Attest>,
}

/// What a call gets, why, and by whose policy.
#[derive(Clone, Debug)]
pub struct Decision<'p> {
    outcome: Outcome<'p>,
    reason: Reason,
    trail: ArrayVec<Step, MAX_STEPS>,
    policy: &'p Policy,
    trunk: Option<&'p Trunk>,
    rule: Option<&'p Rule>,
    right: Option<&'p Right>,
    certificate: Option<&'p CertificateUse>,
    before: Option<(Outcome<'p>, Reason)>,
    emergency: bool,
}

impl<'p> Decision<'p> {
    /// What the call gets.
    #[must_use]
    pub fn outcome(&self) -> &Outcome<'p> {
        &self.outcome
    }

    /// The level, if it is signed with one.
    #[must_use]
    pub fn attest(&self) -> Option<Attest> {
        match self.outcome {
            Outcome::Sign(level) => Some(level.attest()),
            _ => None,
        }
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// All that was found, in order.
    #[must_use]
    pub fn trail(&self) -> &[Step] {
        &self.trail
    }

    /// The line of the policy that the reason is about, for records: [`fmt::Display`] writes it.
    #[must_use]
    pub fn rule(&self) -> RuleText<'_, 'p> {
        RuleText(self)
    }

    /// The generation of the policy, 16 hex digits.
    #[must_use]
    pub fn generation(&self) -> &'p str {
        self.policy.generation().id()
    }

    /// The provider whose decision it is; nobody's if the trunk is unknown.
    #[must_use]
    pub fn decided_by(&self) -> Option<&'p str> {
        self.provider().map(|provider| provider.id.as_str())
    }

    /// The customer whose trunk it is.
    #[must_use]
    pub fn customer(&self) -> Option<&'p Customer> {
        self.policy.customer(self.trunk?.customer?)
    }

    /// The trunk.
    #[must_use]
    pub fn trunk(&self) -> Option<&'p Trunk> {
        self.trunk
    }

    /// The certificate to sign with, if the call is signed.
    #[must_use]
    pub fn certificate(&self) -> Option<&'p CertificateUse> {
        self.certificate
    }

    /// The same decision before the last stage, which looks for a certificate; nothing if it ended earlier.
    /// Who has no certificates at hand tells by it what the call gets once there is one.
    #[must_use]
    pub fn before_certificate(&self) -> Option<Self> {
        let (outcome, reason) = self.before?;
        let mut before = Self { outcome, reason, certificate: None, before: None, ..self.clone() };
        // The last stage notes one thing.
        before.trail.pop();
        Some(before)
    }

    /// Whether it is an emergency call, which must not wait for anything.
    #[must_use]
    pub fn is_emergency(&self) -> bool {
        self.emergency
    }

    fn provider(&self) -> Option<&'p Provider> {
        self.policy.providers().get(self.trunk?.provider as usize)
    }
}

/// What `policy` says of a call, at `now` in seconds since 1970. A trunk of another policy counts as the
/// one of the same name.
#[must_use]
pub fn decide<'p>(policy: &'p Policy, facts: &Facts<'_>, now: i64) -> Decision<'p> {
    let mut decision = Decision {
        outcome: Outcome::Unsigned,
        reason: Reason::TrunkUnknown,
        trail: ArrayVec::new(),
        policy,
        trunk: None,
        rule: None,
        right: None,
        certificate: None,
        before: None,
        emergency: facts.dest.iter().any(|dest| policy.is_emergency(dest)),
    };
    let (outcome, reason) = decision.work(facts, now);
    decision.outcome = outcome;
    decision.reason = reason;
    decision
}

impl<'p> Decision<'p> {
    fn work(&mut self, facts: &Facts<'_>, now: i64) -> (Outcome<'p>, Reason) {
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
        let number = match self.check_number(facts, &mut level) {
            Ok(number) => number,
            Err(end) => return end,
        };
        if facts.ppt == Ppt::Rph {
            let end = (Outcome::Priority, Reason::PriorityAllowed);
            self.note(end.1);
            return self.certify(provider, facts, number, None, end, now);
        }
        if let Some(end) = self.treat(facts, trunk, number, now) {
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
        let best = match self.find_right(trunk, number, facts.delegate.as_ref(), now) {
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
        if let Some(end) = self.apply_rules(facts, trunk, number, &mut level, &mut chosen) {
            return end;
        }
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
    ) -> Result<E164, (Outcome<'p>, Reason)> {
        let handling = self.policy.handling;
        let number = match facts.orig {
            Caller::Anonymous => return Err(self.unsigned(Reason::TnAnonymous)),
            Caller::Invalid => None,
            Caller::Number(tn) => E164::of(&tn).filter(|number| number.is_dialable()),
        };
        let Some(number) = number else { return Err(self.meet(Reason::TnInvalid, handling.invalid)) };
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
        Ok(number)
    }

    /// What comes of the Identity headers that there are, or are not.
    fn treat(
        &mut self,
        facts: &Facts<'_>,
        trunk: &Trunk,
        number: E164,
        now: i64,
    ) -> Option<(Outcome<'p>, Reason)> {
        let is_signed = facts.received != Received::None;
        if facts.ppt == Ppt::Div
            || is_signed && facts.diverting.is_some() && trunk.treatment != Treatment::Pass
        {
            // RFC 8946 §4.1: `div` stands beside the PASSporT that the call came with.
            let may_divert = is_signed && self.may_use_diverting(facts, trunk, now);
            if may_divert && (facts.ppt == Ppt::Div || !self.is_callers(trunk, number)) {
                self.note(Reason::DivAdded);
                return Some((Outcome::Divert, Reason::DivAdded));
            }
            if facts.ppt == Ppt::Div {
                return Some(self.unsigned(Reason::DivNoRight));
            }
        }
        match (trunk.treatment, facts.received) {
            (_, Received::Ours) => Some(self.unsigned(Reason::DupAvoided)),
            (Treatment::Pass, _) | (Treatment::SignUnsigned | Treatment::BlockUnsigned, Received::Others) => {
                Some(self.unsigned(Reason::PassedThrough))
            }
            (Treatment::BlockUnsigned, Received::None) => {
                Some(self.meet(Reason::UnsignedBlocked, Fate::Block))
            }
            (Treatment::Sign, Received::Others) => {
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
        let (reason, cap) = match (customer.vetting.at(now), profile) {
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

    /// The best right of the trunk's customer to a number that holds now.
    fn find_right(
        &self,
        trunk: &Trunk,
        number: E164,
        delegate: Option<&[u8; 32]>,
        now: i64,
    ) -> Result<Level<'p>, Reason> {
        let policy = self.policy;
        let mut best: Result<Level<'p>, Option<Shortfall>> = Err(None);
        let (mut is_held, mut is_unvetted) = (false, false);
        for right in policy.rights_to(number) {
            is_held = true;
            if right.is_ported_out(now) {
                return Err(Reason::PortedOut);
            }
            let Some(customer) = trunk.customer else { continue };
            if !policy.is_under(right.customer, customer) {
                continue;
            }
            let holder = policy.customer(right.customer).map(|holder| holder.vetting.at(now));
            if right.customer != customer && holder != Some(VettingState::Verified) {
                is_unvetted = true;
                continue;
            }
            match (right.grant(trunk.index, delegate, policy.evidence(), now), &best) {
                (Ok(granted), Ok(level)) if granted.level().lower(level.attest()) == granted.level() => {}
                (Ok(granted), _) => best = Ok(Level::of(granted)),
                (Err(shortfall), Err(nearest)) => best = Err((*nearest).max(Some(shortfall))),
                (Err(_), Ok(_)) => {}
            }
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
        number.is_some_and(|number| self.find_right(trunk, number, None, now).is_ok())
    }

    fn is_callers(&self, trunk: &Trunk, number: E164) -> bool {
        let of_customer =
            |right: &Right| trunk.customer.is_some_and(|of| self.policy.is_under(right.customer, of));
        self.policy.rights_to(number).any(of_customer)
    }

    fn apply_rules(
        &mut self,
        facts: &Facts<'_>,
        trunk: &Trunk,
        number: E164,
        level: &mut Descent,
        chosen: &mut Option<&'p str>,
    ) -> Option<(Outcome<'p>, Reason)> {
        let policy = self.policy;
        for rule in &policy.rules {
            let when = &rule.when;
            let is_meant = (when.trunks.is_empty() || when.trunks.contains(&trunk.index))
                && (when.customers.is_empty()
                    || trunk.customer.is_some_and(|of| when.customers.contains(&of)))
                && (when.from.is_empty() || when.from.iter().any(|numbers| numbers.contains(number)))
                && (when.to.is_empty()
                    || facts
                        .dest
                        .iter()
                        .filter_map(E164::of)
                        .any(|to| when.to.iter().any(|numbers| numbers.contains(to))));
            if !is_meant {
                continue;
            }
            match &rule.then {
                Then::Cap(cap) => {
                    if level.caps.lower(*cap) != level.caps {
                        self.rule = Some(rule);
                    }
                    self.cap(level, Reason::RuleCap, *cap);
                }
                Then::Certificate(certificate) => {
                    if chosen.is_none() {
                        self.note(Reason::RuleCertificate);
                        *chosen = Some(certificate);
                    }
                }
                Then::Unsigned => {
                    self.rule = Some(rule);
                    return Some(self.unsigned(Reason::RuleUnsigned));
                }
                Then::Block if self.emergency => {}
                Then::Block => {
                    self.rule = Some(rule);
                    return Some(self.meet(Reason::RuleBlock, Fate::Block));
                }
            }
        }
        None
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
        let signed_for = match (&end.0, facts.diverting, facts.orig) {
            (Outcome::Divert, Some(diverting), _) => Some(diverting),
            (_, _, Caller::Number(tn)) => Some(tn),
            _ => None,
        };
        let to = facts.dest.first().and_then(E164::of);
        let mut nearest = None;
        for used in &provider.certificates {
            let is_meant = match chosen {
                Some(id) => used.id == id,
                None => {
                    (used.from.is_empty() || used.from.iter().any(|numbers| numbers.contains(number)))
                        && (used.to.is_empty()
                            || to.is_some_and(|to| used.to.iter().any(|numbers| numbers.contains(to))))
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

/// The lowest cap so far, and what set it.
struct Descent {
    caps: Attest,
    reason: Option<Reason>,
}

/// The line of the policy that a decision is about.
#[derive(Debug)]
pub struct RuleText<'d, 'p>(&'d Decision<'p>);

impl fmt::Display for RuleText<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = self.0;
        let customer = |index| decision.policy.customer(index).map_or("", |customer| customer.id.as_str());
        match (decision.reason, decision.trunk) {
            (_, None) => f.write_str("no trunk"),
            (Reason::RuleCap | Reason::RuleUnsigned | Reason::RuleBlock, _) => {
                write!(f, "rule \"{}\"", decision.rule.map_or("", |rule| rule.id.as_str()))
            }
            (Reason::RightOk | Reason::RightPartial | Reason::DelegateOk, _) => {
                let Some(right) = decision.right else { return f.write_str("right") };
                write!(
                    f,
                    "right customer=\"{}\" basis=\"{}\"",
                    customer(right.customer),
                    right.basis.name()
                )?;
                let named =
                    right.evidence.iter().filter_map(|index| decision.policy.evidence.get(*index as usize));
                named.enumerate().try_for_each(|(i, evidence)| {
                    write!(f, "{}{}", if i == 0 { " evidence=" } else { ";" }, evidence.id)
                })
            }
            (Reason::CustUnvetted | Reason::CustExpired | Reason::CustRevoked, Some(trunk)) => {
                write!(f, "customer \"{}\" kyc", trunk.customer.map_or("", customer))
            }
            (Reason::CappedByTrunk, Some(trunk)) => {
                write!(f, "trunk \"{}\" cap = \"{}\"", trunk.name, trunk.cap)
            }
            (_, Some(trunk)) => write!(f, "trunk \"{}\"", trunk.name),
        }
    }
}

/// An emergency, a number on two lists, a replaced header, role, connection, vetting, right, two caps that
/// lower, a chosen certificate, and how it ended.
const MAX_STEPS: usize = 12;
