//! Whom we trust: the STI-CAs, given by the operator or by the STI-PA's list of approved ones,
//! intermediates known beforehand, and what the STI-PA says is revoked.
//!
//! A [`Trust`] is a value: change a copy, then put it in the place of the old one, so that a bad
//! list never touches what is in force. Each content has its own [`Epoch`], by which a
//! [`TrustedCert`](crate::TrustedCert) knows that it was judged by another.

mod authority_token;
mod ca_list;
mod jws;
mod revocation;
mod sti_pa;

use std::sync::Arc;

use crate::cert::{Certificate, Fingerprint, crl::TrustedCrl, encompass::EncompassingPolicy};
use crate::{Error, pem};
pub use authority_token::{AccountFingerprint, AuthorityToken, Issuance, TnAuthority};
pub use ca_list::{CaList, CaListToken};
pub(crate) use revocation::Standing;
pub use revocation::{RevocationPolicy, RevocationStatus, Undetermined};
pub use sti_pa::StiPa;

/// Trust anchors, intermediates that repositories may leave out of their chains, and revocation
/// lists.
///
/// Without anchors nothing verifies; there is no default set.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Those of the operator.
    given: Vec<Certificate>,
    /// Those of the operator, then those of the list.
    anchors: Vec<Certificate>,
    intermediates: Vec<Certificate>,
    ca_list: Option<Arc<CaList>>,
    /// The highest sequence number that a list ever had.
    ca_list_floor: u64,
    expired_ca_list: ExpiredCaList,
    crls: Vec<Arc<TrustedCrl>>,
    revocation: RevocationPolicy,
    encompassing: EncompassingPolicy,
    max_intermediates: usize,
    epoch: Epoch,
}

/// What a [`Trust`] holds, as one value: two that are equal judge alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(Fingerprint);

/// What to do when the STI-PA's list of approved STI-CAs has ended and no newer one came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an ended list counts or not")]
pub enum ExpiredCaList {
    /// Trust none of its CAs. Those given by the operator stay.
    #[default]
    Refuse,
    /// Go on with it. A CA that lost its approval meanwhile stays trusted.
    KeepUsing,
}

/// What a newer list of approved STI-CAs changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaListChange {
    /// CA certificates that the list before did not have.
    pub added: Vec<Fingerprint>,
    /// CA certificates that only the list before had.
    pub removed: Vec<Fingerprint>,
}

impl Trust {
    /// Reads trust anchors from a PEM bundle.
    ///
    /// # Errors
    /// [`Error::CertPem`] if there is none or a block is damaged; [`Error::CertDer`],
    /// [`Error::CertTooLarge`] if one of them is not a certificate; [`Error::CertIssuerNotCa`] if
    /// one is no CA.
    pub fn from_pem(anchors: &[u8]) -> Result<Self, Error> {
        Ok(Self::of(read_bundle(anchors)?, None))
    }

    /// Trusts nobody: for those whose anchors are still to come.
    #[must_use]
    pub fn empty() -> Self {
        Self::of(Vec::new(), None)
    }

    /// Takes the STI-PA's list of approved STI-CAs as the only source of anchors.
    #[must_use]
    pub fn from_ca_list(list: Arc<CaList>) -> Self {
        Self::of(Vec::new(), Some(list))
    }

    fn of(given: Vec<Certificate>, ca_list: Option<Arc<CaList>>) -> Self {
        Self {
            given,
            anchors: Vec::new(),
            intermediates: Vec::new(),
            ca_list_floor: ca_list.as_ref().map_or(0, |list| list.sequence()),
            ca_list,
            expired_ca_list: ExpiredCaList::default(),
            crls: Vec::new(),
            revocation: RevocationPolicy::default(),
            encompassing: EncompassingPolicy::default(),
            max_intermediates: usize::MAX,
            epoch: Epoch(Fingerprint::of(&[])),
        }
        .renewed()
    }

    /// Adds anchors from another PEM bundle.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem).
    pub fn with_more_anchors_pem(mut self, anchors: &[u8]) -> Result<Self, Error> {
        self.given.extend(read_bundle(anchors)?);
        Ok(self.renewed())
    }

    /// Adds intermediates from a PEM bundle. They are no anchors: a path over one of them must
    /// still end at an anchor.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem).
    pub fn with_intermediates_pem(mut self, intermediates: &[u8]) -> Result<Self, Error> {
        self.intermediates.extend(read_bundle(intermediates)?);
        Ok(self.renewed())
    }

    /// What to do with certificates that no usable revocation list covers.
    #[must_use]
    pub fn with_revocation_policy(mut self, policy: RevocationPolicy) -> Self {
        self.revocation = policy;
        self.renewed()
    }

    /// What to do with delegates of which the certificates do not tell whether their CA owns the
    /// numbers.
    #[must_use]
    pub fn with_encompassing_policy(mut self, policy: EncompassingPolicy) -> Self {
        self.encompassing = policy;
        self.renewed()
    }

    /// Refuses paths with more than `max` intermediates between signing certificate and anchor,
    /// those not counted that a CA issued to itself (RFC 5280 §4.2.1.9). An STI-CA has one,
    /// delegation (RFC 9060) adds one or two. By default, paths may be as long as their CAs allow,
    /// and have six issuers at most.
    #[must_use]
    pub fn with_max_intermediates(mut self, max: usize) -> Self {
        self.max_intermediates = max;
        self.renewed()
    }

    /// What to do when the list of approved STI-CAs has ended.
    #[must_use]
    pub fn with_expired_ca_list(mut self, policy: ExpiredCaList) -> Self {
        self.expired_ca_list = policy;
        self.renewed()
    }

    /// Refuses lists of approved STI-CAs with a lower `sequence` than this: the highest that was
    /// accepted before a restart.
    #[must_use]
    pub fn with_ca_list_floor(mut self, sequence: u64) -> Self {
        self.ca_list_floor = self.ca_list_floor.max(sequence);
        self
    }

    /// Puts a newer list of approved STI-CAs in the place of the one in force. Its CAs become
    /// anchors; those of the older list that are not on it are anchors no more.
    ///
    /// # Errors
    /// [`Error::CaListRollback`] if its sequence number is lower than one that was accepted
    /// before, or equal and the content another. Nothing changes then.
    pub fn update_ca_list(&mut self, list: Arc<CaList>) -> Result<CaListChange, Error> {
        let (sequence, highest) = (list.sequence(), self.ca_list_floor);
        let held = self.ca_list.as_ref().filter(|held| held.sequence() == sequence);
        let same_content = held.is_none_or(|held| held.content() == list.content());
        if sequence < highest || !same_content {
            return Err(Error::CaListRollback { sequence, highest });
        }
        let before = fingerprints(self.ca_list.as_ref().map_or(&[], |list| list.cas()));
        let after = fingerprints(list.cas());
        let only_in = |here: &[Fingerprint], there: &[Fingerprint]| {
            here.iter().copied().filter(|one| !there.contains(one)).collect()
        };
        let change = CaListChange { added: only_in(&after, &before), removed: only_in(&before, &after) };
        self.ca_list_floor = sequence;
        self.ca_list = Some(list);
        self.renew();
        Ok(change)
    }

    /// Adds a revocation list, in the place of the one of the same issuer and scope if there is
    /// one.
    ///
    /// # Errors
    /// [`Error::CrlRollback`] if that one is newer. Nothing changes then.
    pub fn update_crl(&mut self, crl: Arc<TrustedCrl>) -> Result<(), Error> {
        match self.crls.iter_mut().find(|held| held.is_of_series(&crl)) {
            Some(held) if crl.is_older_than(held) => {
                return Err(Error::CrlRollback { this_update: crl.this_update() });
            }
            Some(held) => *held = crl,
            None => self.crls.push(crl),
        }
        self.renew();
        Ok(())
    }

    /// The trust anchors, those of the list of approved STI-CAs among them.
    #[must_use]
    pub fn anchors(&self) -> &[Certificate] {
        &self.anchors
    }

    /// The known intermediates.
    #[must_use]
    pub fn intermediates(&self) -> &[Certificate] {
        &self.intermediates
    }

    /// The list of approved STI-CAs in force.
    #[must_use]
    pub fn ca_list(&self) -> Option<&Arc<CaList>> {
        self.ca_list.as_ref()
    }

    /// The revocation lists in force.
    #[must_use]
    pub fn crls(&self) -> &[Arc<TrustedCrl>] {
        &self.crls
    }

    pub(crate) fn encompassing_policy(&self) -> EncompassingPolicy {
        self.encompassing
    }

    /// Which content this is.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) fn max_intermediates(&self) -> usize {
        self.max_intermediates
    }

    /// Whether `anchor` counts at `now`; answers the last second, since 1970, at which it does.
    pub(crate) fn check_anchor(&self, anchor: &Certificate, now: i64) -> Result<i64, Error> {
        let is_given = self.given.iter().any(|given| given.fingerprint() == anchor.fingerprint());
        match &self.ca_list {
            Some(list) if !is_given && self.expired_ca_list == ExpiredCaList::Refuse => {
                list.check_end(now)?;
                Ok(list.exp().saturating_sub(1))
            }
            _ => Ok(i64::MAX),
        }
    }

    fn renewed(mut self) -> Self {
        self.renew();
        self
    }

    /// Derives what depends on the content.
    fn renew(&mut self) {
        let listed = self.ca_list.as_ref().map_or(&[][..], |list| list.cas());
        self.anchors = self.given.iter().chain(listed).cloned().collect();
        let exp = self.ca_list.as_ref().map(|list| list.exp());
        let crls: Vec<Fingerprint> = self.crls.iter().map(|crl| crl.fingerprint()).collect();
        let content = format!(
            "{:?} {:?} {exp:?} {:?} {crls:?} {:?} {:?} {:?} {:?}",
            fingerprints(&self.given),
            fingerprints(listed),
            self.expired_ca_list,
            fingerprints(&self.intermediates),
            self.revocation,
            self.encompassing,
            self.max_intermediates,
        );
        self.epoch = Epoch(Fingerprint::of(content.as_bytes()));
    }
}

fn fingerprints(certificates: &[Certificate]) -> Vec<Fingerprint> {
    certificates.iter().map(Certificate::fingerprint).collect()
}

/// A bundle from the operator's own disk: unlike a chain from a repository it may be long.
fn read_bundle(text: &[u8]) -> Result<Vec<Certificate>, Error> {
    let certificates = pem::blocks(text)
        .map(|block| {
            let block = block?;
            if block.label() != "CERTIFICATE" {
                return Err(Error::CertPem);
            }
            Certificate::from_der(block.der())
        })
        .collect::<Result<Vec<_>, Error>>()?;
    if certificates.is_empty() {
        return Err(Error::CertPem);
    }
    if certificates.iter().any(|certificate| !certificate.is_ca()) {
        return Err(Error::CertIssuerNotCa);
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_or_damaged_bundle_is_an_error() {
        for text in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n"] {
            assert_eq!(Trust::from_pem(text.as_bytes()).err(), Some(Error::CertPem));
        }
        let not_a_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(Trust::from_pem(not_a_certificate.as_bytes()).err(), Some(Error::CertDer));
    }
}
