//! What the revocation lists of a [`Trust`] say of certificates and paths, and what to do when
//! they say nothing.

use super::Trust;
use crate::Error;
use crate::cert::Certificate;
use crate::cert::crl::{Finding, Reasons, RevocationReason};

/// How long after its nextUpdate a list still counts under
/// [`RevocationPolicy::OpenUntilLoaded`].
const GRACE_S: i64 = 12 * 3600;

/// What to do with a certificate that no usable revocation list covers. A certificate that is
/// listed as revoked is refused under each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "open, closed, and the way between")]
pub enum RevocationPolicy {
    /// Accept it, always. A list that is cut off by an attacker protects nobody.
    FailOpen,
    /// Accept it while there is no list at all, so that a new daemon serves calls before its
    /// first download, and while no list is meant to cover it: three in ten live certificates
    /// name no CRL issuer, which puts them out of the reach of an indirect list. Refuse it
    /// when the list that does cover it ended more than 12 hours ago.
    #[default]
    OpenUntilLoaded,
    /// Refuse it, always: before the first list is loaded, nothing verifies.
    FailClosed,
}

/// What revocation lists say of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "revoked, not revoked, not known")]
pub enum RevocationStatus {
    /// A list that is in date covers it and does not list it.
    Good,
    /// It is listed.
    Revoked {
        /// Why.
        reason: RevocationReason,
        /// Since when, seconds since 1970. Revoked is revoked: calls signed before are refused
        /// too.
        revoked_at: i64,
    },
    /// Nothing is known, and why.
    Undetermined(Undetermined),
}

/// Why nothing is known of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "each has its own answer of the policies")]
pub enum Undetermined {
    /// There is no list.
    NoList,
    /// No list speaks for it: cRLDistributionPoints of the certificate and
    /// issuingDistributionPoint of the lists do not meet (RFC 5280 §6.3.3 (b)), or only for some
    /// reasons.
    NotCovered,
    /// The list that covers it has ended.
    Stale {
        /// When, seconds since 1970.
        next_update: i64,
    },
}

impl RevocationPolicy {
    /// Whether a certificate of which nothing is known is accepted at `now`; answers until when.
    fn check(self, why: Undetermined, depth: usize, now: i64) -> Result<i64, Error> {
        match (self, why) {
            (Self::FailOpen, _) => Ok(i64::MAX),
            (Self::OpenUntilLoaded, Undetermined::NoList | Undetermined::NotCovered) => Ok(i64::MAX),
            (Self::OpenUntilLoaded, Undetermined::Stale { next_update }) => {
                let end = next_update.saturating_add(GRACE_S);
                if now <= end { Ok(end) } else { Err(Error::CrlStale { next_update }) }
            }
            (Self::FailClosed, Undetermined::Stale { next_update }) => Err(Error::CrlStale { next_update }),
            (Self::FailClosed, Undetermined::NoList | Undetermined::NotCovered) => {
                Err(Error::CrlMissing { depth })
            }
        }
    }
}

/// How a path stands with the revocation lists and the list of approved CAs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// [`RevocationStatus::Good`] if all of it is, else of the first certificate that is not.
    pub(crate) revocation: RevocationStatus,
    /// The last second, since 1970, for which this holds without looking again.
    pub(crate) until: i64,
}

impl Trust {
    /// What the revocation lists say of `certificate` at `now`, in seconds since 1970, whatever
    /// the policy makes of it.
    #[must_use]
    pub fn revocation_status(&self, certificate: &Certificate, now: i64) -> RevocationStatus {
        self.look_up(certificate, now).0
    }

    /// Judges a path by the revocation lists and by the list that made `anchor` one, at `now`.
    /// `path` is all below the anchor, the end entity first.
    pub(crate) fn judge<'a>(
        &self,
        path: impl Iterator<Item = &'a Certificate>,
        anchor: &Certificate,
        now: i64,
    ) -> Result<Standing, Error> {
        let found: Vec<_> = path.map(|certificate| self.look_up(certificate, now)).collect();
        // A revoked issuer says more than that nothing is known of the signer.
        for (depth, (status, _)) in found.iter().enumerate() {
            if let RevocationStatus::Revoked { reason, revoked_at } = *status {
                return Err(Error::CertRevoked { depth, reason, revoked_at });
            }
        }
        let mut standing =
            Standing { revocation: RevocationStatus::Good, until: self.check_anchor(anchor, now)? };
        for (depth, (status, good_until)) in found.into_iter().enumerate() {
            let until = match status {
                RevocationStatus::Undetermined(why) => self.revocation.check(why, depth, now)?,
                _ => good_until,
            };
            standing.until = standing.until.min(until);
            if standing.revocation == RevocationStatus::Good {
                standing.revocation = status;
            }
        }
        Ok(standing)
    }

    /// The status, and until when it stays good.
    fn look_up(&self, certificate: &Certificate, now: i64) -> (RevocationStatus, i64) {
        let (mut reasons, mut until) = (Reasons::NONE, i64::MAX);
        let mut why = if self.crls.is_empty() { Undetermined::NoList } else { Undetermined::NotCovered };
        for crl in &self.crls {
            match crl.find(certificate, now) {
                Finding::Revoked { reason, revoked_at } => {
                    return (RevocationStatus::Revoked { reason, revoked_at }, until);
                }
                Finding::NotListed { reasons: covered, good_until } => {
                    reasons = reasons.or(covered);
                    until = until.min(good_until);
                }
                Finding::Stale { good_until } => why = Undetermined::Stale { next_update: good_until },
                Finding::OutOfScope => {}
            }
        }
        if reasons == Reasons::ALL {
            (RevocationStatus::Good, until)
        } else {
            (RevocationStatus::Undetermined(why), until)
        }
    }
}
