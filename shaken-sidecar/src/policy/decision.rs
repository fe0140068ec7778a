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
mod rule_text;
mod stages;
#[cfg(test)]
mod tests;

use arrayvec::ArrayVec;
use shaken_core::passport::Ppt;
use shaken_core::{Attest, TelephoneNumber};

use super::data::{CertificateUse, Customer, Policy, Provider, Right, Rule, Trunk};
pub use level::Level;
pub use mode::{Acting, Mode, Share, acting};
pub use reason::Reason;
pub use rule_text::RuleText;

/// What a decision looks at of a call.
#[derive(Clone, Debug)]
pub struct Facts<'c> {
    /// The trunk that it came in on, by [`Policy::recognize`].
    pub trunk: Option<&'c Trunk>,
    /// Who calls.
    pub orig: Caller,
    /// The called numbers.
    pub dest: &'c [TelephoneNumber],
    /// Where the call goes, if that is known apart from whom the caller called.
    pub target: Option<TelephoneNumber>,
    /// The number that diverted the call last.
    pub diverting: Option<TelephoneNumber>,
    /// The Identity headers that came with it.
    pub received: Received,
    /// The type of PASSporT that is asked for.
    pub ppt: Ppt,
    /// The level that is asked for.
    pub requested: Option<Attest>,
    /// SHA-256 of the delegate certificates by which PASSporTs of the customer's own were verified for the
    /// calling number.
    pub delegates: &'c [[u8; 32]],
}

impl Facts<'_> {
    /// A call from `orig` that asks for a `shaken` PASSporT and for no level.
    #[must_use]
    pub fn new(orig: Caller) -> Self {
        Self {
            trunk: None,
            orig,
            dest: &[],
            target: None,
            diverting: None,
            received: Received::None,
            ppt: Ppt::Shaken,
            requested: None,
            delegates: &[],
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
#[expect(clippy::exhaustive_enums, reason = "there are some, ours or others', for this call or not, or none")]
pub enum Received {
    /// There are none.
    None,
    /// Others have signed, and one of them what is to be diverted, if anything is.
    Others,
    /// Others have signed, but no call from this caller to who diverted this one.
    OtherCalls,
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

    /// The line of the policy that the reason is about, for records: [`Display`](std::fmt::Display) writes it.
    #[must_use]
    pub fn rule(&self) -> RuleText<'_, 'p> {
        RuleText::of(self)
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
        emergency: policy.is_emergency_call(facts.target.as_ref(), facts.dest),
    };
    let (outcome, reason) = decision.work(facts, now);
    decision.outcome = outcome;
    decision.reason = reason;
    decision
}

/// An emergency, a number on two lists, a replaced header, role, connection, vetting, right, two caps that
/// lower, a chosen certificate, and how it ended.
const MAX_STEPS: usize = 12;
