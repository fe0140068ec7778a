//! What decides on calls to sign, and what signs them: the trunks of the configuration, whose levels are fixed,
//! or a policy, which looks for a right to the number.

use std::sync::Arc;

use ring::digest::{SHA256, digest};
use shaken_core::passport::Ppt;
use shaken_core::{Attest, TelephoneNumber};

use crate::audit::Other;
use crate::call::{SignRequest, Signing, Wanted, received};
use crate::hex::hex;
use crate::policy::Trunk;
use crate::policy::data::{Candidate, Credential, KeyState, OrigIdMode, Policy};
use crate::policy::decision::{Caller, Decision, Facts, Mode, Outcome, Reason, Received, acting, decide};
use crate::policy::numbers::E164;

/// What decides on calls to sign.
#[derive(Debug)]
pub enum Ruling {
    /// The trunk has a level, and there is one certificate.
    ByTrunk(Box<Signing>),
    /// A policy looks at each call.
    ByRight(Box<ByRight>),
}

/// A policy with all that it signs with, and one that is tried beside it.
#[derive(Debug)]
pub struct ByRight {
    current: Side,
    candidate: Option<Side>,
}

/// A policy and its certificates.
#[derive(Debug)]
pub struct Side {
    policy: Policy,
    held: Vec<Held>,
}

/// A certificate of a provider with its key.
#[derive(Debug)]
pub struct Held {
    /// The provider's name.
    pub provider: String,
    /// The certificate's name.
    pub certificate: String,
    /// Both at work.
    pub signing: Signing,
}

/// What is done with a call, and what its record says of that.
#[derive(Debug)]
pub(crate) struct Ruled<'r> {
    pub(crate) act: Act<'r>,
    pub(crate) attest: Option<Attest>,
    pub(crate) reason: &'static str,
    pub(crate) rule: Arc<str>,
    /// The policy's, if one has decided.
    pub(crate) generation: Option<Arc<str>>,
    pub(crate) decided_by: Option<Arc<str>>,
    /// What the policy that does not act would have done.
    pub(crate) other: Option<Other>,
}

/// What is done.
#[derive(Debug)]
pub(crate) enum Act<'r> {
    /// It is signed.
    Sign(&'r Signing),
    /// It goes on as it came.
    Unsigned(Reason),
    /// It is refused.
    Block(Reason),
    /// It goes on as it came, for decisions are only told of.
    Observe,
    /// PASSporTs of the type are not signed on the trunk.
    PptNotAllowed,
}

impl Ruling {
    /// Decides on a call of `trunk` at `now` in seconds since 1970. The request is made what is to be
    /// signed: another type, another tracing value. `delegates` are the SHA-256 of the certificates by which the
    /// customer itself speaks for the calling number.
    pub(crate) fn rule(
        &self,
        trunk: &Trunk,
        request: &mut SignRequest,
        delegates: &[[u8; 32]],
        now: i64,
    ) -> Ruled<'_> {
        let received = received(request, |x5u| self.is_ours(x5u));
        match self {
            Self::ByTrunk(signing) => by_trunk(signing, trunk, request, received),
            Self::ByRight(policies) => policies.rule(trunk, request, received, delegates, now),
        }
    }

    /// Whether it matters by which certificates the Identity headers of a call hold: a right to its number rests
    /// on one. An emergency call does not wait for that.
    pub(crate) fn asks_for_delegate(&self, request: &SignRequest) -> bool {
        let Self::ByRight(policies) = self else { return false };
        !request.identity.is_empty() && policies.ask_for_delegate(request)
    }

    /// Whether a PASSporT that names `x5u` is one of ours.
    fn is_ours(&self, x5u: &str) -> bool {
        self.signings().any(|signing| signing.signer().x5u() == x5u)
    }

    /// Names the policy in force, as records of calls to sign do, if there is one.
    #[must_use]
    pub fn policy_generation(&self) -> Option<&str> {
        match self {
            Self::ByTrunk(_) => None,
            Self::ByRight(policies) => Some(policies.current.policy.generation().id()),
        }
    }

    /// How many numbers somebody has a right to by the policy in force, if there is one.
    #[must_use]
    pub fn policy_numbers(&self) -> Option<u64> {
        match self {
            Self::ByTrunk(_) => None,
            Self::ByRight(policies) => Some(policies.current.policy.numbers().count()),
        }
    }

    /// All that signs; not what a policy would sign with that is only told of.
    pub fn signings(&self) -> impl Iterator<Item = &Signing> {
        let (one, policies) = match self {
            Self::ByTrunk(signing) => (Some(&**signing), None),
            Self::ByRight(policies) => (None, Some(&**policies)),
        };
        let sides = policies.into_iter().flat_map(ByRight::sides);
        one.into_iter().chain(sides.flat_map(|side| side.held.iter().map(|held| &held.signing)))
    }
}

fn by_trunk<'r>(signing: &'r Signing, trunk: &Trunk, request: &SignRequest, received: Received) -> Ruled<'r> {
    let ruled = Ruled {
        act: Act::PptNotAllowed,
        attest: None,
        reason: Reason::PptNotAllowed.name(),
        rule: Arc::from(""),
        generation: None,
        decided_by: Some(trunk.decides()),
        other: None,
    };
    match trunk.decide(request.wanted.ppt(), request.attest) {
        None => ruled,
        // What is signed already is left alone.
        Some(_) if request.wanted.ppt() == Ppt::Shaken && received != Received::None => {
            let reason = Reason::PassedThrough;
            Ruled { act: Act::Unsigned(reason), reason: reason.name(), ..ruled }
        }
        Some(decision) => Ruled {
            act: Act::Sign(signing),
            attest: decision.attest,
            reason: decision.reason.name(),
            rule: decision.rule,
            ..ruled
        },
    }
}

impl Side {
    /// `policy`, whose certificates are `held`. Those that are not have no key, as far as it knows.
    #[must_use]
    pub fn new(policy: Policy, held: Vec<Held>) -> Self {
        let policy = held.iter().fold(policy, |policy, held| {
            let certificate = Arc::new(held.signing.signer().certificate().clone());
            let credential = Credential { certificate, key: KeyState::Ready };
            policy.with_credential(&held.provider, &held.certificate, credential)
        });
        Self { policy, held }
    }

    /// What was decided by.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    fn signing(&self, decision: &Decision<'_>) -> Option<&Signing> {
        let (provider, certificate) = (decision.decided_by()?, &decision.certificate()?.id);
        let is_it = |held: &&Held| held.provider == provider && held.certificate == *certificate;
        self.held.iter().find(is_it).map(|held| &held.signing)
    }
}

impl ByRight {
    /// `current` decides; `candidate` is tried as the current one says.
    #[must_use]
    pub fn new(current: Side, candidate: Option<Side>) -> Self {
        Self { current, candidate }
    }

    /// Those that act.
    fn sides(&self) -> impl Iterator<Item = &Side> {
        let is_canary = |_: &&Side| {
            matches!(self.current.policy.candidate(), Some(Candidate { mode: Mode::Canary(_), .. }))
        };
        [&self.current].into_iter().chain(self.candidate.as_ref().filter(is_canary))
    }

    fn ask_for_delegate(&self, request: &SignRequest) -> bool {
        let Some(number) = E164::of(&request.orig.tn) else { return false };
        let policies = || [&self.current].into_iter().chain(&self.candidate).map(Side::policy);
        let dest: Vec<TelephoneNumber> = request.dest.iter().map(|party| party.tn).collect();
        let target = request.target.as_ref().map(|party| party.tn);
        request.wanted.ppt() == Ppt::Shaken
            && policies().any(|policy| policy.asks_for_delegate(number))
            && !policies().any(|policy| policy.is_emergency_call(target.as_ref(), &dest))
    }

    fn rule(
        &self,
        trunk: &Trunk,
        request: &mut SignRequest,
        received: Received,
        delegates: &[[u8; 32]],
        now: i64,
    ) -> Ruled<'_> {
        let dest: Vec<TelephoneNumber> = request.dest.iter().map(|party| party.tn).collect();
        let diverting = match &request.wanted {
            Wanted::Div { div, .. } => Some(div.tn),
            _ => request.diverting.as_ref().map(|party| party.tn),
        };
        let facts = Facts {
            trunk: self.current.policy.trunk(trunk.name()),
            dest: &dest,
            target: request.target.as_ref().map(|party| party.tn),
            diverting,
            received,
            ppt: request.wanted.ppt(),
            requested: request.attest,
            delegates,
            ..Facts::new(Caller::Number(request.orig.tn))
        };
        let decision = decide(&self.current.policy, &facts, now);
        let mode = self.current.policy.mode();
        let tried = self.candidate.as_ref().zip(self.current.policy.candidate());
        let tried = tried.map(|(side, how)| (side, decide(&side.policy, &facts, now), &how.mode));
        let other = tried.as_ref().map(|(_, decision, mode)| (decision, *mode));
        let outcome = acting((&decision, mode), other, Some(trunk.name()), request.orig.tn.as_str());
        let Some(acts) = outcome.acts else {
            // What would have been given stands in the record, as if it had been.
            let other = outcome.told.filter(|told| !std::ptr::eq(*told, &decision));
            return ruled(&decision, other, Act::Observe);
        };
        let side = match &tried {
            Some((side, tried, _)) if std::ptr::eq(acts, tried) => side,
            _ => &self.current,
        };
        let act = match (acts.outcome(), side.signing(acts)) {
            (_, None) if acts.reason() == Reason::PptNotAllowed => Act::PptNotAllowed,
            (Outcome::Block, _) => Act::Block(acts.reason()),
            (Outcome::Sign(_) | Outcome::Divert | Outcome::Priority, Some(signing)) => {
                prepare(request, acts, &side.policy);
                Act::Sign(signing)
            }
            _ => Act::Unsigned(acts.reason()),
        };
        ruled(acts, outcome.told, act)
    }
}

fn ruled<'r>(decision: &Decision<'_>, other: Option<&Decision<'_>>, act: Act<'r>) -> Ruled<'r> {
    Ruled {
        act,
        attest: decision.attest(),
        reason: decision.reason().name(),
        rule: decision.rule().to_string().into(),
        generation: Some(decision.generation().into()),
        decided_by: decision.decided_by().map(Into::into),
        other: other.map(|other| Other {
            generation: other.generation().into(),
            outcome: other.outcome().name().into(),
            attest: other.attest().map(|attest| attest.as_str().into()),
            reason: other.reason().name().into(),
        }),
    }
}

/// Makes the request what the decision says is signed.
fn prepare(request: &mut SignRequest, decision: &Decision<'_>, policy: &Policy) {
    if let (Outcome::Divert, Wanted::Shaken, Some(div)) =
        (decision.outcome(), &request.wanted, &request.diverting)
    {
        request.wanted = Wanted::Div { div: div.clone(), hi: None };
        // RFC 8946 §4.1: to where the call was diverted.
        if let Some(target) = request.target.take() {
            request.dest = vec![target];
        }
    }
    let Some(trunk) = decision.trunk() else { return };
    let of = |kind: &str, name: &str| {
        let provider = policy.providers().get(trunk.provider as usize).map_or("", |of| of.id.as_str());
        uuid_of(&[provider, kind, name])
    };
    let fixed = match &trunk.origid {
        OrigIdMode::PerCall => return,
        OrigIdMode::PerTrunk => of("trunk", &trunk.name),
        OrigIdMode::PerCustomer => match decision.customer() {
            Some(customer) => of("customer", &customer.id),
            None => return,
        },
        OrigIdMode::Fixed(uuid) => uuid.clone(),
    };
    request.origid = Some(fixed);
}

/// A UUID (RFC 9562 §5.8, version 8) that is always the same for these words: who reads it learns that
/// calls belong together, as RFC 8588 §5 has it, and not what to.
fn uuid_of(words: &[&str]) -> String {
    let digest = digest(&SHA256, words.join("\0").as_bytes());
    let mut bytes: [u8; 16] = digest.as_ref().first_chunk().copied().unwrap_or_default();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex(&bytes);
    let (a, b, c, d, e) = (&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]);
    format!("{a}-{b}-{c}-{d}-{e}")
}
