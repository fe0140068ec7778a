//! What another policy would change: calls of the past, decided again by [`decide`] and counted by what
//! becomes of them.
//!
//! In: one [`Call`] after the other, with what it got. Out: a [`Tally`], whose size goes by the number of
//! different changes and not by the number of calls.

use std::collections::HashMap;
use std::fmt;

use shaken_core::passport::Ppt;
use shaken_core::{Attest, TelephoneNumber};

use super::data::Policy;
use super::decision::{Caller, Decision, Facts, Outcome, Reason, Received, decide};

/// A call of the past, as far as it is known.
#[derive(Clone, Debug)]
pub struct Call<'c> {
    /// When it was, in seconds since 1970.
    pub at: i64,
    /// The name of the trunk that it came in on.
    pub trunk: Option<&'c str>,
    /// The calling number as it is written, for examples.
    pub orig_text: &'c str,
    /// Who called.
    pub orig: Caller,
    /// The called numbers.
    pub dest: &'c [TelephoneNumber],
    /// Where it went, if that is none of them.
    pub target: Option<TelephoneNumber>,
    /// The number that diverted it last.
    pub diverting: Option<TelephoneNumber>,
    /// The Identity headers that it came with.
    pub received: Received,
    /// The type of PASSporT that was asked for.
    pub ppt: Ppt,
    /// The level that was asked for.
    pub requested: Option<Attest>,
}

impl Call<'_> {
    /// What it gets by `policy` at `now`, in seconds since 1970, once there is a certificate: keys and
    /// certificates are not looked at.
    #[must_use]
    pub fn decide<'p>(&self, policy: &'p Policy, now: i64) -> Decision<'p> {
        let facts = Facts {
            trunk: self.trunk.and_then(|name| policy.trunk(name)),
            orig: self.orig,
            dest: self.dest,
            target: self.target,
            diverting: self.diverting,
            received: self.received,
            ppt: self.ppt,
            requested: self.requested,
            delegates: &[],
        };
        let decision = decide(policy, &facts, now);
        match decision.reason() {
            Reason::KeyUnavailable => decision.before_certificate().unwrap_or(decision),
            _ => decision,
        }
    }
}

/// What a call gets or got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "who compares must know all")]
pub enum Given {
    /// A `shaken` PASSporT of level A.
    A,
    /// One of level B.
    B,
    /// One of level C.
    C,
    /// A `div` PASSporT.
    Divert,
    /// A PASSporT of another type without a level.
    Priority,
    /// Nothing; it goes on as it came.
    Unsigned,
    /// It is refused.
    Blocked,
}

impl Given {
    /// All of them, in order.
    pub const ALL: [Self; 7] =
        [Self::A, Self::B, Self::C, Self::Divert, Self::Priority, Self::Unsigned, Self::Blocked];

    /// In one word: `A`, `B`, `C`, `divert`, `priority`, `unsigned`, `blocked`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::Divert => "divert",
            Self::Priority => "priority",
            Self::Unsigned => "unsigned",
            Self::Blocked => "blocked",
        }
    }

    /// What `after` is, compared with this.
    #[must_use]
    pub fn compare(self, after: Self) -> Effect {
        if self == after {
            return Effect::Same;
        }
        match (self.worth(), after.worth()) {
            (before, now) if before > now => Effect::Lost,
            (before, now) if before < now => Effect::Gained,
            _ => Effect::Other,
        }
    }

    /// Signatures without a level are worth as much as any: that to one with a level is another kind of
    /// answer, and no loss.
    const fn worth(self) -> Worth {
        match self {
            Self::A => Worth::Signed(3),
            Self::B => Worth::Signed(2),
            Self::C => Worth::Signed(1),
            Self::Divert | Self::Priority => Worth::WithoutLevel,
            Self::Unsigned => Worth::Unsigned,
            Self::Blocked => Worth::Blocked,
        }
    }
}

impl From<Attest> for Given {
    fn from(attest: Attest) -> Self {
        match attest {
            Attest::A => Self::A,
            Attest::B => Self::B,
            Attest::C => Self::C,
        }
    }
}

impl From<&Outcome<'_>> for Given {
    fn from(outcome: &Outcome<'_>) -> Self {
        match outcome {
            Outcome::Sign(level) => level.attest().into(),
            Outcome::Divert => Self::Divert,
            Outcome::Priority => Self::Priority,
            Outcome::Unsigned => Self::Unsigned,
            Outcome::Block => Self::Blocked,
        }
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Worth {
    Blocked,
    Unsigned,
    WithoutLevel,
    Signed(u8),
}

impl PartialOrd for Worth {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        let rank = |worth: &Self| match worth {
            Self::Blocked => 0,
            Self::Unsigned => 1,
            Self::WithoutLevel | Self::Signed(_) => 2,
        };
        match (self, other) {
            (Self::Signed(one), Self::Signed(two)) => Some(one.cmp(two)),
            _ => match rank(self).cmp(&rank(other)) {
                std::cmp::Ordering::Equal if self != other => None,
                ordering => Some(ordering),
            },
        }
    }
}

/// What a change is for who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "a change is for the worse, for the better, neither, or none")]
pub enum Effect {
    /// A lower level; no signature where there was one; refused where it went on.
    Lost,
    /// A signature of a type that has no level in place of one that has, or the other way.
    Other,
    /// The opposite of lost.
    Gained,
    /// No change, whatever the reasons are.
    Same,
}

impl Effect {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Lost, Self::Other, Self::Gained, Self::Same];

    /// In one word: `lost`, `other`, `gained`, `same`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Other => "other",
            Self::Gained => "gained",
            Self::Same => "same",
        }
    }
}

/// What a call got before, and why.
#[derive(Clone, Debug)]
pub struct Before<'b> {
    /// What.
    pub given: Given,
    /// Why, as the one says who gave it.
    pub reason: &'b str,
    /// Whose call it was, if that is known.
    pub customer: Option<&'b str>,
}

impl<'b> From<&'b Decision<'_>> for Before<'b> {
    fn from(decision: &'b Decision<'_>) -> Self {
        Self {
            given: decision.outcome().into(),
            reason: decision.reason().name(),
            customer: decision.customer().map(|customer| customer.id.as_str()),
        }
    }
}

/// Calls by what became of them.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    calls: u64,
    before: [u64; Given::ALL.len()],
    after: [u64; Given::ALL.len()],
    effects: [u64; Effect::ALL.len()],
    span: Option<(i64, i64)>,
    changes: HashMap<Kind, Change>,
}

/// Calls that are counted as one change.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind {
    /// What it got, and what it would get.
    pub given: (Given, Given),
    /// Why, in the same order.
    pub reasons: (String, &'static str),
    /// The trunk, if there is one.
    pub trunk: Option<String>,
    /// The customer, if there is one.
    pub customer: Option<String>,
}

impl Kind {
    /// What it is for who calls.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.given.0.compare(self.given.1)
    }
}

/// How many calls a change is about.
#[derive(Clone, Debug)]
pub struct Change {
    /// How many.
    pub calls: u64,
    /// When the first of them was, and the last; in seconds since 1970.
    pub span: (i64, i64),
    /// Some of the calling numbers, each once, as they are written.
    pub examples: Vec<String>,
}

impl Tally {
    /// Counts a call that got `before`, and would get `after`.
    pub fn add(&mut self, call: &Call<'_>, before: &Before<'_>, after: &Decision<'_>) {
        let given = (before.given, Given::from(after.outcome()));
        let effect = given.0.compare(given.1);
        self.calls += 1;
        self.before[given.0 as usize] += 1;
        self.after[given.1 as usize] += 1;
        self.effects[effect as usize] += 1;
        self.span = Some(widened(self.span, call.at));
        if effect == Effect::Same {
            return;
        }
        let customer = before.customer.or_else(|| after.customer().map(|customer| customer.id.as_str()));
        let kind = Kind {
            given,
            reasons: (before.reason.to_owned(), after.reason().name()),
            trunk: call.trunk.map(str::to_owned),
            customer: customer.map(str::to_owned),
        };
        let nothing = || Change { calls: 0, span: (call.at, call.at), examples: Vec::new() };
        let change = self.changes.entry(kind).or_insert_with(nothing);
        change.calls += 1;
        change.span = widened(Some(change.span), call.at);
        if change.examples.len() < MAX_EXAMPLES
            && !change.examples.iter().any(|known| known == call.orig_text)
        {
            change.examples.push(call.orig_text.to_owned());
        }
    }

    /// How many calls were counted.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// When the first of them was, and the last; in seconds since 1970.
    #[must_use]
    pub fn span(&self) -> Option<(i64, i64)> {
        self.span
    }

    /// How many got this before, and would get it after.
    #[must_use]
    pub fn given(&self, given: Given) -> (u64, u64) {
        (self.before[given as usize], self.after[given as usize])
    }

    /// How many there are of this effect.
    #[must_use]
    pub fn of(&self, effect: Effect) -> u64 {
        self.effects[effect as usize]
    }

    /// The changes: what is lost first, and of each effect the one of most calls.
    #[must_use]
    pub fn changes(&self) -> Vec<(&Kind, &Change)> {
        let mut changes: Vec<_> = self.changes.iter().collect();
        changes.sort_by(|(one, of_one), (two, of_two)| {
            let by_calls = || of_two.calls.cmp(&of_one.calls);
            one.effect().cmp(&two.effect()).then_with(by_calls).then_with(|| one.cmp(two))
        });
        changes
    }
}

fn widened(span: Option<(i64, i64)>, at: i64) -> (i64, i64) {
    span.map_or((at, at), |(first, last)| (first.min(at), last.max(at)))
}

/// Enough to look into one of them.
const MAX_EXAMPLES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    /// What counts as lost is what people are promised in words.
    #[test]
    fn lost_is_a_lower_level_no_signature_or_no_call() {
        use Given::{A, B, Blocked, C, Divert, Priority, Unsigned};
        for (before, after) in [
            (A, B),
            (A, C),
            (B, C),
            (A, Unsigned),
            (C, Unsigned),
            (C, Blocked),
            (Divert, Unsigned),
            (Priority, Blocked),
            (Unsigned, Blocked),
        ] {
            assert_eq!(before.compare(after), Effect::Lost, "{before} {after}");
            assert_eq!(after.compare(before), Effect::Gained, "{after} {before}");
        }
        for (before, after) in [(A, Divert), (Divert, C), (Divert, Priority), (Priority, B)] {
            assert_eq!(before.compare(after), Effect::Other, "{before} {after}");
        }
        for given in Given::ALL {
            assert_eq!(given.compare(given), Effect::Same);
            assert_eq!(Given::ALL[given as usize], given);
        }
        for effect in Effect::ALL {
            assert_eq!(Effect::ALL[effect as usize], effect);
        }
    }
}
