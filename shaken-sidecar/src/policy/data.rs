//! What a policy is made of: who signs, for whom, on which trunks, and who may use which numbers on
//! what evidence.
//!
//! Read by [`Loader`] from `policy.toml` and its CSV files, or from the one file that
//! [`Loader::compile`] makes of them. A policy is whole or it is not there: all references lead
//! somewhere, and one wrong row is enough to refuse it.

mod between;
mod customer;
mod diff;
mod fault;
mod generation;
mod kept;
mod load;
mod overlap;
mod right;
pub(crate) mod rows;
mod sections;
mod snapshot;
mod terms;
#[cfg(test)]
mod tests;
mod time;
mod written;

use std::num::NonZeroU32;
use std::sync::Arc;

use shaken_core::{Attest, Certificate, TelephoneNumber};

use super::decision::Mode;
use super::numbers::{E164, Numbers, Sets, Span, Table};
use super::{Carried, Listener, Plan, recognize};
use crate::listen::Client;

pub use between::{Between, RightsChange, RowChange, between};
pub use customer::{Customer, CustomerKind, Vetting, VettingState};
use customer::{MAX_DEPTH, is_under};
pub use diff::{Change, Changes, diff};
pub(crate) use diff::{Compared, Kind, RowsFile, compare, rows_files};
pub(crate) use fault::quoted;
pub use fault::{Fault, Faults, LoadError};
pub use generation::Generation;
pub use kept::{Kept, KeptIn, kept_in};
pub use load::{Compiled, Loader};
pub use right::{Basis, Evidence, EvidenceKind, Granted, MaxLevel, Right, Shortfall};
pub use snapshot::{SnapshotError, is_compiled};
pub(crate) use written::time_text;

/// A checked policy: everything that a decision looks at, but for the call.
#[derive(Debug)]
pub struct Policy {
    pub(super) generation: Generation,
    /// The keys of `policy.toml` with their values.
    pub(super) keys: std::collections::BTreeMap<String, String>,
    pub(super) sources: Vec<std::path::PathBuf>,
    pub(super) mode: Mode,
    pub(super) candidate: Option<Candidate>,
    pub(super) handling: Handling,
    pub(super) emergency: Vec<Numbers>,
    pub(super) providers: Vec<Provider>,
    pub(super) trunks: Vec<Trunk>,
    pub(super) recognized: Vec<super::Trunk>,
    pub(super) customers: Vec<Customer>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) rules: Vec<Rule>,
    pub(super) rights: Vec<Right>,
    pub(super) numbers: Table,
    pub(super) sets: Sets,
    pub(super) do_not_originate: Table,
    pub(super) unallocated: Table,
}

impl Policy {
    /// Which policy it is.
    #[must_use]
    pub fn generation(&self) -> &Generation {
        &self.generation
    }

    /// The files that it was read from.
    #[must_use]
    pub fn sources(&self) -> &[std::path::PathBuf] {
        &self.sources
    }

    /// Whether its decisions act.
    #[must_use]
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// The policy that is tried beside it, if one is.
    #[must_use]
    pub fn candidate(&self) -> Option<&Candidate> {
        self.candidate.as_ref()
    }

    /// The providers, in the order of the file.
    #[must_use]
    pub fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// The customers, in the order of the file.
    #[must_use]
    pub fn customers(&self) -> &[Customer] {
        &self.customers
    }

    /// The trunks, in the order of the file.
    #[must_use]
    pub fn trunks(&self) -> &[Trunk] {
        &self.trunks
    }

    /// The evidence, in the order of the file.
    #[must_use]
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// Each different right once, without its numbers.
    #[must_use]
    pub fn rights(&self) -> &[Right] {
        &self.rights
    }

    /// The table of numbers; its values name sets of rights, for [`rights_of_set`](Self::rights_of_set).
    #[must_use]
    pub fn numbers(&self) -> &Table {
        &self.numbers
    }

    /// The rights of one set.
    pub fn rights_of_set(&self, name: NonZeroU32) -> impl Iterator<Item = &Right> {
        self.sets.members(name).filter_map(|right| self.rights.get(right as usize))
    }

    /// All rights to `number`: those of each row that holds it.
    pub fn rights_to(&self, number: E164) -> impl Iterator<Item = &Right> {
        self.numbers.lookup(number).into_iter().flat_map(|name| self.rights_of_set(name))
    }

    /// Whether a right to the number rests on a delegate certificate.
    #[must_use]
    pub fn asks_for_delegate(&self, number: E164) -> bool {
        self.rights_to(number).any(|right| right.basis == Basis::DelegateCert)
    }

    /// The trunk of this name.
    #[must_use]
    pub fn trunk(&self, name: &str) -> Option<&Trunk> {
        self.trunks.iter().find(|trunk| trunk.name == name)
    }

    /// The trunk that a request belongs to; see [`recognize`].
    #[must_use]
    pub fn recognize(
        &self,
        listener: Listener,
        client: &Client,
        named: Option<&str>,
        carried: Carried<'_>,
    ) -> Option<&Trunk> {
        let recognized = recognize(&self.recognized, listener, client, named, carried)?;
        self.trunk(recognized.name())
    }

    /// The same trunks as those that requests are recognized by, in the same order.
    #[must_use]
    pub fn recognized(&self) -> &[super::Trunk] {
        &self.recognized
    }

    /// Whether a call may not be held up that goes to `target`, or, where that is not known, to `dest`: the caller
    /// writes whom it called, and that must not be a way around everything.
    #[must_use]
    pub fn is_emergency_call(&self, target: Option<&TelephoneNumber>, dest: &[TelephoneNumber]) -> bool {
        match target {
            Some(target) => self.is_emergency(target),
            None => !dest.is_empty() && dest.iter().all(|dest| self.is_emergency(dest)),
        }
    }

    /// Whether a call to `number` may not be held up.
    #[must_use]
    pub fn is_emergency(&self, number: &TelephoneNumber) -> bool {
        E164::of(number).is_some_and(|number| self.emergency.iter().any(|numbers| numbers.contains(number)))
    }

    /// Tells what is known of a provider's certificate. Until then its key counts as unavailable.
    /// Nothing happens if there is no such certificate.
    #[must_use]
    pub fn with_credential(mut self, provider: &str, certificate: &str, credential: Credential) -> Self {
        let providers = self.providers.iter_mut().filter(|other| other.id == provider);
        let certificates = providers.flat_map(|provider| &mut provider.certificates);
        for other in certificates.filter(|other| other.id == certificate) {
            other.credential = Some(credential.clone());
        }
        self
    }

    /// Shows `visit` the first and the last number of each run by which anything here tells numbers apart:
    /// what holds for one number between two such ends holds for all of them.
    pub(crate) fn visit_bounds(&self, mut visit: impl FnMut(u64, u64)) {
        for table in [&self.numbers, &self.do_not_originate, &self.unallocated] {
            table.visit_runs(|first, last, _| visit(first, last));
        }
        let rules = self.rules.iter().flat_map(|rule| &rule.when.from);
        let certificates = self.providers.iter().flat_map(|provider| &provider.certificates);
        for numbers in rules.chain(certificates.flat_map(|certificate| &certificate.from)) {
            numbers.spans().map(Span::bounds).for_each(|(first, last)| visit(first, last));
        }
    }

    /// The rules, in the order of the file.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The customer of a right.
    pub(super) fn customer(&self, index: u32) -> Option<&Customer> {
        self.customers.get(index as usize)
    }

    /// Index of the provider that a customer has.
    pub(super) fn provider_of(&self, customer: u32) -> Option<u32> {
        self.customer(customer).map(|customer| customer.provider)
    }

    /// How well a customer is known at `now`: no better than what it rests on holds.
    pub(super) fn vetting_of(&self, customer: &Customer, now: i64) -> VettingState {
        let holds =
            |index: &u32| self.evidence.get(*index as usize).is_some_and(|evidence| evidence.holds(now));
        match customer.vetting.at(now) {
            VettingState::Verified if !customer.evidence.iter().all(holds) => VettingState::Expired,
            state => state,
        }
    }

    /// Whether `customer` and those that it is under are all verified, up to `other`, which is not asked.
    pub(super) fn are_verified_up_to(&self, customer: u32, other: u32, now: i64) -> bool {
        let parent = |of: &u32| self.customer(*of)?.parent;
        let between = std::iter::successors(Some(customer), parent).take(MAX_DEPTH);
        between.take_while(|index| *index != other).all(|index| {
            let customer = self.customer(index);
            customer.is_some_and(|customer| self.vetting_of(customer, now) == VettingState::Verified)
        })
    }

    /// Whether `customer` is `other`, or a customer of its customers.
    pub(crate) fn is_under(&self, customer: u32, other: u32) -> bool {
        is_under(&self.customers, customer, other)
    }
}

/// Whose certificate signs.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name in the files and in records: the decisions are its own (FCC 24-120).
    pub id: String,
    /// Its service provider code.
    pub spc: String,
    /// The national rules it works under.
    pub profile: Profile,
    /// Its certificates, in the order in which they are tried.
    pub certificates: Vec<CertificateUse>,
}

/// National rules, as far as they change a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "the profiles that there are")]
pub enum Profile {
    /// United States.
    Us,
    /// Canada.
    Ca,
    /// France (MAN): calls that were forwarded are C.
    Fr,
}

impl Profile {
    /// Called numbers that nothing blocks there. In the United States with those of the telephone service for
    /// government emergencies (GETS), in France the services that have a number of their own.
    pub(super) fn emergency(self) -> &'static [&'static str] {
        match self {
            Self::Us => &["112", "911", "933", "1710*"],
            Self::Ca => &["112", "911", "933"],
            Self::Fr => &["112", "15", "17", "18", "114", "115", "116000", "119", "191", "196", "197"],
        }
    }

    /// How numbers are dialled there.
    pub(super) fn plan(self) -> Plan {
        match self {
            Self::Us | Self::Ca => Plan::Nanp,
            Self::Fr => Plan::Fr,
        }
    }
}

/// A certificate of a provider and when it signs.
#[derive(Clone, Debug)]
pub struct CertificateUse {
    /// Its name in the files.
    pub id: String,
    /// Where the private key is: a path, or what else the daemon takes for one.
    pub key: String,
    /// Path of the chain in PEM.
    pub certificate: String,
    /// The URL that PASSporTs name.
    pub x5u: String,
    /// Calling numbers it is for; all if none are given.
    pub from: Vec<Numbers>,
    /// Called numbers it is for; all if none are given.
    pub to: Vec<Numbers>,
    pub(super) credential: Option<Credential>,
}

/// What is known of a certificate and its key.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The certificate.
    pub certificate: Arc<Certificate>,
    /// Whether there is a key to sign with.
    pub key: KeyState,
}

/// Whether a key can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is a key, or there is none")]
pub enum KeyState {
    /// It signs.
    Ready,
    /// It is not there, or its token does not answer.
    Unavailable,
}

/// What is done with calls of a trunk. How its calls are known is in [`Policy::recognized`].
#[derive(Clone, Debug)]
pub struct Trunk {
    /// Its name in the files and in records.
    pub name: String,
    /// Its place among the trunks.
    pub(super) index: u32,
    /// Index of the provider that signs.
    pub provider: u32,
    /// Index of the customer whose calls come in; there is one where calls originate.
    pub customer: Option<u32>,
    /// Whether calls originate there.
    pub role: Role,
    /// What is done with calls that are signed already, or are not.
    pub treatment: Treatment,
    /// The highest level on it.
    pub cap: Attest,
    /// How surely the customer is known by the connection.
    pub auth: Auth,
    /// What the level counts for that a request asks for.
    pub requested: Requested,
    /// Where the tracing value comes from.
    pub origid: OrigIdMode,
    /// How numbers are dialled on it.
    pub plan: Plan,
}

/// Where a provider stands in the calls of a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "the roles of the file format")]
pub enum Role {
    /// At their origin.
    Originate,
    /// Between other providers.
    Transit,
    /// Where they enter the country.
    Gateway,
}

/// What is done with calls by whether they are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the treatments of the file format")]
pub enum Treatment {
    /// All are signed by us, unless we have done so already.
    Sign,
    /// Those that come without an Identity header are signed.
    #[default]
    SignUnsigned,
    /// None is signed.
    Pass,
    /// Those that come without are refused, and none is signed.
    BlockUnsigned,
}

/// How surely the customer of a trunk is known by its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "the ways of the file format")]
pub enum Auth {
    /// Not at all: such calls are C.
    #[default]
    None,
    /// By its address.
    Ip,
    /// By a password.
    Digest,
    /// By its certificate.
    Mtls,
    /// It is a process of this machine, as the kernel says.
    Local,
}

/// What the level counts for that a request asks for. It never raises one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "the modes of the file format")]
pub enum Requested {
    /// The call gets no more than it asks for; without a wish, what it may have.
    #[default]
    Cap,
    /// The same, and C without a wish: whoever asks has judged the call already.
    Require,
    /// Nothing.
    Ignore,
}

/// Where the tracing value (`origid`) comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the modes of the file format")]
pub enum OrigIdMode {
    /// One for all calls of a trunk.
    PerTrunk,
    /// One for all calls of a customer.
    PerCustomer,
    /// A new one for each call.
    #[default]
    PerCall,
    /// This one.
    Fixed(String),
}

/// A rule of the provider's own, which can lower a level and never raise one.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name in the files and in records.
    pub id: String,
    /// The calls it is for.
    pub when: When,
    /// What it does.
    pub then: Then,
    /// Why, for people.
    pub note: String,
}

/// All that is given must be so.
#[derive(Clone, Debug, Default)]
pub struct When {
    /// Indices of trunks, one of which it is; any if none are given.
    pub trunks: Box<[u32]>,
    /// Indices of customers, one of which the trunk has.
    pub customers: Box<[u32]>,
    /// Calling numbers.
    pub from: Vec<Numbers>,
    /// Called numbers.
    pub to: Vec<Numbers>,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the actions of the file format")]
pub enum Then {
    /// The level is at most this.
    Cap(Attest),
    /// The call goes on unsigned.
    Unsigned,
    /// The call is refused.
    Block,
    /// The certificate of this name signs.
    Certificate(String),
}

/// What is done with calling numbers that cannot be right.
#[derive(Clone, Copy, Debug)]
pub struct Handling {
    /// With what is no number in international form.
    pub invalid: Fate,
    /// With numbers that nobody has.
    pub unallocated: Fate,
    /// With numbers that nobody calls from.
    pub do_not_originate: Fate,
}

/// What becomes of such a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "the fates of the file format")]
pub enum Fate {
    /// It goes on unsigned.
    Unsigned,
    /// It is refused.
    Block,
}

/// A policy that is tried beside the one in force.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Path of its `policy.toml` or of its compiled file.
    pub policy: std::path::PathBuf,
    /// How it is tried.
    pub mode: Mode,
}
