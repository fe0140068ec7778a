//! A list that the STI-PA is known to have published, kept for lookups.

use std::collections::BTreeMap;

use super::entries::Serial;
use super::scope::{Reasons, Scope};
use super::{Crl, RevocationReason};
use crate::Error;
use crate::cert::certificate::{Certificate, Fingerprint};
use crate::cert::name::Name;
use crate::cert::window::Window;
use crate::cert::{path, signature};
use crate::trust::StiPa;

/// How far a list may be dated ahead of the clock: what two honest clocks may differ.
const MAX_AHEAD_S: i64 = 5 * 60;

/// A revocation list of the STI-PA. Can only be made by [`Crl::verify`], so holding one is the
/// proof.
#[derive(Clone, Debug)]
pub struct TrustedCrl {
    issuer: Name,
    fingerprint: Fingerprint,
    number: Box<[u8]>,
    this_update: i64,
    next_update: i64,
    /// The end of nextUpdate and of the signer's path, whichever comes first.
    good_until: i64,
    scope: Scope,
    /// By issuer, in order of serial numbers.
    revoked: BTreeMap<Name, Box<[Revoked]>>,
}

#[derive(Clone, Copy, Debug)]
struct Revoked {
    serial: Serial,
    reason: RevocationReason,
    revoked_at: i64,
}

impl TrustedCrl {
    pub(super) fn verify(
        crl: &Crl<'_>,
        signers: &[Certificate],
        sti_pa: &StiPa,
        now: i64,
    ) -> Result<Self, Error> {
        if crl.this_update > now.saturating_add(MAX_AHEAD_S) {
            return Err(Error::CrlNotYetValid { this_update: crl.this_update });
        }
        let issuer = Name::of(crl.issuer);
        let window = check_signature(crl, &issuer, signers, sti_pa, now)?;
        Ok(Self {
            revoked: index(crl)?,
            issuer,
            fingerprint: Fingerprint::of(crl.der),
            number: crl.extensions.number.unwrap_or_default().into(),
            this_update: crl.this_update,
            next_update: crl.next_update,
            good_until: crl.next_update.min(window.not_after),
            scope: crl.extensions.scope.clone().unwrap_or_default(),
        })
    }

    /// SHA-256 of the list.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The CRL number in lower-case hex.
    #[must_use]
    pub fn number_hex(&self) -> String {
        self.number.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// When the list was made, seconds since 1970.
    #[must_use]
    pub fn this_update(&self) -> i64 {
        self.this_update
    }

    /// When the next list is due at the latest, seconds since 1970.
    #[must_use]
    pub fn next_update(&self) -> i64 {
        self.next_update
    }

    /// How many certificates it lists.
    #[must_use]
    pub fn len(&self) -> usize {
        self.revoked.values().map(|list| list.len()).sum()
    }

    /// Whether it lists none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how much memory it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let lists = self.revoked.iter().map(|(issuer, list)| {
            size_of_val(issuer) + issuer.heap_bytes() + size_of_val(list) + size_of_val::<[Revoked]>(list)
        });
        size_of::<Self>() + self.issuer.heap_bytes() + self.number.len() + lists.sum::<usize>()
    }

    /// Whether the two are lists of one series: a newer one takes the place of the older.
    pub(crate) fn is_of_series(&self, other: &Self) -> bool {
        self.issuer == other.issuer && self.scope == other.scope
    }

    /// Whether `self` was published before `other`: lower number, or earlier date.
    pub(crate) fn is_older_than(&self, other: &Self) -> bool {
        // CRL numbers are not negative and in shortest form.
        let number = (self.number.len(), &self.number);
        number < (other.number.len(), &other.number) || self.this_update < other.this_update
    }

    /// What this list says of `certificate` at `now`, in seconds since 1970.
    pub(crate) fn find(&self, certificate: &Certificate, now: i64) -> Finding {
        let reasons = self.scope.reasons_for(&self.issuer, certificate);
        // A serial number that is too long for a list can never be on one.
        let serial = Serial::new(&certificate.serial).filter(|_| reasons != Reasons::NONE);
        let Some(serial) = serial else {
            return Finding::OutOfScope;
        };
        let listed = self.revoked.get(&certificate.issuer_name).and_then(|list| {
            let position = list.binary_search_by_key(&serial, |revoked| revoked.serial).ok()?;
            list.get(position)
        });
        match listed {
            // It counts in an old list too: certificates do not come back.
            Some(revoked) => Finding::Revoked { reason: revoked.reason, revoked_at: revoked.revoked_at },
            None if now > self.good_until => Finding::Stale { good_until: self.good_until },
            None => Finding::NotListed { reasons, good_until: self.good_until },
        }
    }
}

/// What one list says of one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    OutOfScope,
    Revoked { reason: RevocationReason, revoked_at: i64 },
    Stale { good_until: i64 },
    NotListed { reasons: Reasons, good_until: i64 },
}

/// Finds the certificate that signed the list, and answers when its path is valid. Of several
/// that could have, the most telling failure is reported.
fn check_signature(
    crl: &Crl<'_>,
    issuer: &Name,
    signers: &[Certificate],
    sti_pa: &StiPa,
    now: i64,
) -> Result<Window, Error> {
    let mut worst = Error::CrlSignerMissing;
    for signer in signers.iter().chain(sti_pa.anchors()).filter(|signer| may_have_signed(signer, crl, issuer))
    {
        let outcome = path::find(signer, signers, sti_pa.as_trust(), now).and_then(|path| {
            let algorithm = crl.algorithm.ok_or(Error::CrlSignature)?;
            signature::verify(&signer.public_key, algorithm, crl.tbs, crl.signature)
                .map_err(|_| Error::CrlSignature)?;
            Ok(path.window)
        });
        match outcome {
            Ok(window) => return Ok(window),
            // A wrong signature says more than a path that was not found.
            Err(error) if worst != Error::CrlSignature => worst = error,
            Err(_) => {}
        }
    }
    Err(worst)
}

/// By name, key identifier and key usage (RFC 5280 §6.3.3 (f)).
fn may_have_signed(signer: &Certificate, crl: &Crl<'_>, issuer: &Name) -> bool {
    let offered = signer.extensions.subject_key_id.as_deref();
    let other_key =
        crl.extensions.authority_key_id.zip(offered).is_some_and(|(wanted, offered)| wanted != offered);
    !other_key
        && signer.extensions.key_usage.is_none_or(|usage| usage.crl_sign)
        && signer.subject_name == *issuer
}

/// Walks the entries once. Nothing of the list's bytes is kept.
fn index(crl: &Crl<'_>) -> Result<BTreeMap<Name, Box<[Revoked]>>, Error> {
    let mut lists: BTreeMap<Name, Vec<Revoked>> = BTreeMap::new();
    let (mut issuer_der, mut issuer) = (crl.issuer, Name::of(crl.issuer));
    for entry in crl.entries() {
        let entry = entry?;
        if entry.issuer_der() != issuer_der {
            issuer_der = entry.issuer_der();
            issuer = Name::of(issuer_der);
        }
        let revoked =
            Revoked { serial: entry.serial, reason: entry.reason(), revoked_at: entry.revoked_at() };
        match lists.get_mut(&issuer) {
            Some(list) => list.push(revoked),
            None => drop(lists.insert(issuer.clone(), vec![revoked])),
        }
    }
    let sorted = lists.into_iter().map(|(issuer, mut list)| {
        // Of a serial number that is listed twice, the earlier date counts.
        list.sort_unstable_by_key(|revoked| (revoked.serial, revoked.revoked_at));
        list.dedup_by_key(|revoked| revoked.serial);
        (issuer, list.into())
    });
    Ok(sorted.collect())
}
