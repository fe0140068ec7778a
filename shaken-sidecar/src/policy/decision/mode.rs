//! Which of two decisions acts and which is only told of. Pure.

use super::{Decision, Outcome};

/// What a policy's decisions are for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// They are told of; no call is signed or blocked.
    Observe,
    /// They act.
    Enforce,
    /// Of a candidate: they are told of where they differ.
    Shadow,
    /// Of a candidate: they act on a share of the calls.
    Canary(Share),
}

impl Mode {
    /// In one word: `observe`, `enforce`, `shadow`, `canary`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Enforce => "enforce",
            Self::Shadow => "shadow",
            Self::Canary(_) => "canary",
        }
    }
}

/// A share of calls: those of some trunks, and a part of all others by their calling number, so that a
/// number stays on one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    per_10_000: u16,
    trunks: Vec<String>,
}

impl Share {
    /// The calls of `trunks` and `per_10_000` of 10,000 numbers.
    #[must_use]
    pub fn new(per_10_000: u16, trunks: Vec<String>) -> Self {
        Self { per_10_000: per_10_000.min(10_000), trunks }
    }

    /// The trunks that it names.
    #[must_use]
    pub fn trunks(&self) -> &[String] {
        &self.trunks
    }

    /// Whether a call from `orig`, in canonical form or as received, is one of them.
    #[must_use]
    pub fn has(&self, trunk: Option<&str>, orig: &str) -> bool {
        trunk.is_some_and(|trunk| self.trunks.iter().any(|other| other == trunk))
            || crc32c::crc32c(orig.as_bytes()) % 10_000 < u32::from(self.per_10_000)
    }
}

/// What becomes of a call on which one or two policies have decided.
#[derive(Debug)]
pub struct Acting<'a, 'p> {
    /// The decision that acts; if none does, the call goes on unsigned.
    pub acts: Option<&'a Decision<'p>>,
    /// The decision that is only told of: of a policy that observes, or of the other policy where it
    /// differs.
    pub told: Option<&'a Decision<'p>>,
}

/// Which of the decisions acts: `current` of a policy with mode `mode`, and `candidate` of one that is
/// tried as its own mode says. `trunk` and `orig` are of the call.
#[must_use]
pub fn acting<'a, 'p>(
    (current, mode): (&'a Decision<'p>, &Mode),
    candidate: Option<(&'a Decision<'p>, &Mode)>,
    trunk: Option<&str>,
    orig: &str,
) -> Acting<'a, 'p> {
    let differs = |other: &&'a Decision<'p>| other.differs(current);
    match (mode, candidate) {
        (Mode::Observe, candidate) => {
            let candidate = candidate.map(|(other, _)| other).filter(differs);
            Acting { acts: None, told: candidate.or(Some(current)) }
        }
        (_, Some((other, Mode::Canary(share)))) if share.has(trunk, orig) => {
            Acting { acts: Some(other), told: other.differs(current).then_some(current) }
        }
        (_, Some((other, _))) => Acting { acts: Some(current), told: Some(other).filter(differs) },
        (_, None) => Acting { acts: Some(current), told: None },
    }
}

impl Decision<'_> {
    /// Whether a call would be answered otherwise, or for another reason.
    #[must_use]
    pub fn differs(&self, other: &Decision<'_>) -> bool {
        let level = |decision: &Decision<'_>| match decision.outcome() {
            Outcome::Sign(level) => Some(level.attest()),
            _ => None,
        };
        self.outcome().name() != other.outcome().name()
            || level(self) != level(other)
            || self.reason() != other.reason()
            || self.decided_by() != other.decided_by()
            || self.certificate().map(|used| &used.id) != other.certificate().map(|used| &used.id)
    }
}
