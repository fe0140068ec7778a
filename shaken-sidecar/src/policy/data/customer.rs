//! Who calls come from, and how well they are known.

use super::written::word_of;

/// Who calls come from.
#[derive(Clone, Debug)]
pub struct Customer {
    /// Its name in the files and in records.
    pub id: String,
    /// Index of its provider.
    pub provider: u32,
    /// What it is.
    pub kind: CustomerKind,
    /// Index of the customer that it is a customer of.
    pub parent: Option<u32>,
    /// How well it is known.
    pub vetting: Vetting,
    /// Indices of the evidence for that.
    pub evidence: Box<[u32]>,
}

/// What a customer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
#[expect(clippy::exhaustive_enums, reason = "the kinds of the file format")]
pub enum CustomerKind {
    EndUser,
    Reseller,
    Vasp,
    Carrier,
}

impl CustomerKind {
    pub(super) const ALL: [(&'static str, Self); 4] = [
        ("end_user", Self::EndUser),
        ("reseller", Self::Reseller),
        ("vasp", Self::Vasp),
        ("carrier", Self::Carrier),
    ];

    /// As in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        word_of(self, &Self::ALL)
    }
}

/// What is known of a customer, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vetting {
    /// As the file has it.
    pub state: VettingState,
    /// The first second it is verified for, since 1970.
    pub verified_at: Option<i64>,
    /// The first second it no longer is, since 1970.
    pub expires_at: Option<i64>,
}

/// The state of vetting (know your customer).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
#[expect(clippy::exhaustive_enums, reason = "the states of the file format")]
pub enum VettingState {
    None,
    Pending,
    Verified,
    Expired,
    Revoked,
}

impl VettingState {
    pub(super) const ALL: [(&'static str, Self); 5] = [
        ("none", Self::None),
        ("pending", Self::Pending),
        ("verified", Self::Verified),
        ("expired", Self::Expired),
        ("revoked", Self::Revoked),
    ];

    /// As in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        word_of(self, &Self::ALL)
    }
}

impl Vetting {
    /// The state at `now` in seconds since 1970.
    #[must_use]
    pub fn at(&self, now: i64) -> VettingState {
        match self.state {
            VettingState::Verified if self.verified_at.is_some_and(|at| now < at) => VettingState::Pending,
            VettingState::Verified if self.expires_at.is_some_and(|at| now >= at) => VettingState::Expired,
            state => state,
        }
    }
}

/// Whether `customer` is `other`, or a customer of its customers.
pub(super) fn is_under(customers: &[Customer], customer: u32, other: u32) -> bool {
    let parent = |of: &u32| customers.get(*of as usize)?.parent;
    std::iter::successors(Some(customer), parent).take(MAX_DEPTH).any(|index| index == other)
}

/// How deep customers of customers go.
pub(super) const MAX_DEPTH: usize = 8;
