//! Delegation: whether an issuer's TNAuthList holds what the certificates below it claim
//! (RFC 9060 §4, §8).
//!
//! A CA whose list names a provider may own numbers that no certificate lists; then nobody can
//! tell from the certificates alone, and the CA had to check it when it issued the delegate.

use super::certificate::Certificate;
use super::tn_auth_list::{Spc, TnAuthList, TnEntry};
use crate::Error;

/// Whether one TNAuthList holds another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "yes, no, or nobody knows")]
pub enum Encompassing {
    /// All of it. Also what a path answers in which no issuer has a list: nothing limits it.
    Encompassed,
    /// The certificates do not tell.
    Unknown(Unknown),
    /// A number or provider of the lower list is not in the upper one.
    NotEncompassed,
}

/// Why the certificates do not tell whether a list is encompassed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9060 §4 has these two ways of not knowing")]
pub enum Unknown {
    /// The upper list does not have a number of the lower one, but names a provider, who may own
    /// it.
    ByProvider,
    /// One of the two lists is behind a URL and was not supplied (RFC 8226 §10.1), or cannot be
    /// read. Calls under such a certificate are refused for that reason.
    NotAtHand,
}

impl Encompassing {
    /// `encompassed`, `unknown-by-provider`, `unknown-not-at-hand` or `not-encompassed`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Encompassed => "encompassed",
            Self::Unknown(Unknown::ByProvider) => "unknown-by-provider",
            Self::Unknown(Unknown::NotAtHand) => "unknown-not-at-hand",
            Self::NotEncompassed => "not-encompassed",
        }
    }

    /// Judges this outcome by `policy`.
    ///
    /// # Errors
    /// [`Error::TnAuthListNotEncompassed`]; [`Error::TnAuthListUnproven`].
    pub(super) fn check(self, policy: EncompassingPolicy) -> Result<(), Error> {
        match (self, policy) {
            (Self::NotEncompassed, _) => Err(Error::TnAuthListNotEncompassed),
            (Self::Unknown(Unknown::ByProvider), EncompassingPolicy::RefuseUnknown) => {
                Err(Error::TnAuthListUnproven)
            }
            _ => Ok(()),
        }
    }
}

/// What to do with a delegate whose CA lists no such number but names a provider, who may own it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "what is not known is accepted or not")]
pub enum EncompassingPolicy {
    /// Accept it: the CA had to check it at issuance (RFC 9060 §8), and most delegates are of
    /// this kind.
    #[default]
    AcceptUnknown,
    /// Refuse it, with [`Error::TnAuthListUnproven`].
    RefuseUnknown,
}

impl TnAuthList {
    /// Whether this list, an issuer's, holds all that `lower` claims. Ranges and numbers count
    /// together, so one range of `lower` may lie over several of this one. Takes n·log n steps
    /// for n entries.
    #[must_use]
    pub fn encompasses(&self, lower: &Self) -> Encompassing {
        let mut providers: Vec<&str> = spcs(self).collect();
        providers.sort_unstable();
        if spcs(lower).any(|spc| providers.binary_search(&spc).is_err()) {
            return Encompassing::NotEncompassed;
        }
        match (self.holds_numbers_of(lower), providers.is_empty()) {
            (true, _) => Encompassing::Encompassed,
            (false, true) => Encompassing::NotEncompassed,
            (false, false) => Encompassing::Unknown(Unknown::ByProvider),
        }
    }
}

/// Whether the lists of the issuers that `chain` has for `certificate` hold each the next one
/// below it: the worst outcome of all pairs; `None` if `certificate` has no list, or no issuer
/// has one. Issuers are found by name and key identifier; no signature is checked, so this tells
/// what a chain claims, not whether it is true.
#[must_use]
pub fn in_chain(certificate: &Certificate, chain: &[Certificate]) -> Option<Encompassing> {
    let mut lower = certificate.tn_auth_list()?;
    let (mut subject, mut worst) = (certificate, None);
    // No issuer can come up more often than the chain is long.
    for _ in chain {
        let mut others = chain.iter().filter(|other| other.der != subject.der);
        let Some(issuer) = others.find(|other| other.may_have_issued(subject)) else {
            break;
        };
        if let Some(upper) = issuer.tn_auth_list() {
            worst = worst.max(Some(of_pair(upper.as_ref(), lower.as_ref())));
            lower = upper;
        }
        subject = issuer;
    }
    worst
}

/// What is known of two lists of one path.
pub(super) fn of_pair(
    upper: Result<&TnAuthList, &Error>,
    lower: Result<&TnAuthList, &Error>,
) -> Encompassing {
    match (upper, lower) {
        (Ok(upper), Ok(lower)) => upper.encompasses(lower),
        _ => Encompassing::Unknown(Unknown::NotAtHand),
    }
}

fn spcs(list: &TnAuthList) -> impl Iterator<Item = &str> {
    list.entries().iter().filter_map(|entry| match entry {
        TnEntry::Spc(spc) => Some(Spc::as_str(spc)),
        TnEntry::Range(_) | TnEntry::One(_) => None,
    })
}
