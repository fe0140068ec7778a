//! Certificates: from the body that a repository served to a [`TrustedCert`], the one thing that
//! says who may have signed (RFC 8226, ATIS-1000080).
//!
//! Everything that can be decided once is decided here, when a certificate enters the cache: the
//! path to a trust anchor, the TNAuthList, the key. A call then only compares the clock with the
//! window and the calling number with the list.

mod authority;
mod certificate;
mod conformance;
pub mod constraints;
pub mod crl;
pub mod encompass;
mod extension;
mod name;
mod path;
mod policy;
pub mod profile;
mod shape;
mod signature;
pub mod tn_auth_list;
mod window;

pub(crate) use certificate::public_key_of;
pub use certificate::{Certificate, Fingerprint, MAX_DER_LEN};
pub use constraints::ClaimConstraints;
pub use tn_auth_list::TnAuthList;

#[cfg(feature = "tables")]
use std::sync::Arc;

use crate::es256::VerifyingKey;
#[cfg(feature = "tables")]
use crate::tables::HotKey;
use crate::trust::{Epoch, RevocationStatus, Standing, Trust};
use crate::{Error, TelephoneNumber, pem};
use authority::Authority;
use encompass::{Encompassing, EncompassingPolicy};
use window::Window;

/// How many certificates one body may hold. Chains have two or three.
pub const MAX_CHAIN_LEN: usize = 8;

/// A signing certificate with a path to a trust anchor. Can only be made by
/// [`from_pem`](Self::from_pem), so holding one is the proof.
#[derive(Clone, Debug)]
pub struct TrustedCert {
    certificate: Certificate,
    key: VerifyingKey,
    window: Window,
    authority: Authority,
    encompassing_policy: EncompassingPolicy,
    /// All certificates of the body, in its order, for judging them again.
    chain: Box<[Box<[u8]>]>,
    standing: Standing,
    epoch: Epoch,
    /// How much the key is in use, which outlives a change of trust.
    #[cfg(feature = "tables")]
    hot: Arc<HotKey>,
}

impl TrustedCert {
    /// Judges the body of an answer from a certificate repository at `now`, in seconds since
    /// 1970.
    ///
    /// Repositories serve chains in either order, with or without the root (RFC 7515 §4.1.5 wants
    /// the signing certificate first); see [`signing_certificate`]. All certificates must be
    /// readable; those that have no part in the path are passed over.
    ///
    /// Keep the result under the URL that the body came from: a key may stand in certificates of
    /// several URLs, and only the caller knows which one a PASSporT names.
    ///
    /// # Errors
    /// Any of the 5xx group but those about the certificate's own TNAuthList, which
    /// [`Verifier::verify`](crate::Verifier::verify) decides by its policy;
    /// [`Error::TnAuthListInvalid`] if an issuer's list cannot be read;
    /// [`Error::TnAuthListNotEncompassed`] if a certificate of the path claims what its issuer's
    /// list does not hold (RFC 9060 §4), [`Error::TnAuthListUnproven`] if nobody can tell and
    /// `trust` wants to know.
    pub fn from_pem(body: &[u8], trust: &Trust, now: i64) -> Result<Self, Error> {
        Self::judge(&read_chain(body)?, None, trust, now)
    }

    /// Judges the same certificates again, by another or changed `trust` or at a later time. They
    /// are not fetched again, and what was prepared for the key is kept.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem).
    pub fn recheck(&self, trust: &Trust, now: i64) -> Result<Self, Error> {
        let chain = self.chain.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>, _>>()?;
        let mut judged = Self::judge(&chain, Some(self.key), trust, now)?;
        judged.authority.supply_from(&self.authority);
        #[cfg(feature = "tables")]
        judged.hot.clone_from(&self.hot);
        judged.encompassing().check(judged.encompassing_policy)?;
        Ok(judged)
    }

    /// Supplies the list that certificates of the path give by reference to `url`: `list` is what
    /// was found there. Nobody signed it; who fetches it relies on TLS, and should fetch it again
    /// after an hour, since it may change. Nothing changes if no certificate names `url`.
    ///
    /// # Errors
    /// [`Error::TnAuthListNotEncompassed`], [`Error::TnAuthListUnproven`]: as if the list stood
    /// in the certificate (RFC 9060 §4.1).
    pub fn with_tn_auth_list(mut self, url: &str, list: &TnAuthList) -> Result<Self, Error> {
        self.authority.supply(url, list);
        self.encompassing().check(self.encompassing_policy)?;
        Ok(self)
    }

    /// Where the lists are that certificates of the path give by reference and that were not
    /// [supplied](Self::with_tn_auth_list). As long as one is missing, no number is covered.
    pub fn missing_tn_auth_lists(&self) -> impl Iterator<Item = &str> {
        self.authority.missing_urls()
    }

    /// Whether the judgement holds for `trust` at `now`, in seconds since 1970; if not, it is time
    /// to [`recheck`](Self::recheck). The validity of the path is not meant: that is compared with
    /// every call.
    #[must_use]
    pub fn is_judged_by(&self, trust: &Trust, now: i64) -> bool {
        self.epoch == trust.epoch() && now <= self.standing.until
    }

    fn judge(
        chain: &[Certificate],
        key: Option<VerifyingKey>,
        trust: &Trust,
        now: i64,
    ) -> Result<Self, Error> {
        let certificate = signing_certificate(chain)?;
        let key = key.map_or_else(|| certificate.verifying_key(), Ok)?;
        let path = path::find(certificate, chain, trust, now)?;
        let standing = path.judge(certificate, trust, now)?;
        if let Some(Err(error)) = certificate.claim_constraints() {
            return Err(*error);
        }
        let authority = Authority::of(certificate, &path.issuers)?;
        let encompassing_policy = trust.encompassing_policy();
        authority.encompassing().check(encompassing_policy)?;
        Ok(Self {
            certificate: certificate.clone(),
            key,
            window: path.window,
            authority,
            encompassing_policy,
            chain: chain.iter().map(|certificate| certificate.der().into()).collect(),
            standing,
            epoch: trust.epoch(),
            #[cfg(feature = "tables")]
            hot: Arc::default(),
        })
    }

    /// The signing certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The last second, since 1970, at which the whole path is valid.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.window.not_after
    }

    /// What the revocation lists said of the path: [`RevocationStatus::Good`] if all of it is,
    /// else why the first certificate that is not good was let pass.
    #[must_use]
    pub fn revocation(&self) -> RevocationStatus {
        self.standing.revocation
    }

    /// Whether each list of the path holds the next one below it: the worst outcome of all.
    /// Worth a record: [`Encompassing::Unknown`] relies on the CA.
    #[must_use]
    pub fn encompassing(&self) -> Encompassing {
        self.authority.encompassing()
    }

    /// Whether the certificate may sign for calls from `tn`, or diverted by `tn`: its own
    /// TNAuthList and those of its issuers, each of which limits all that is issued under it
    /// (RFC 8226 §9), list the number or name a provider, who may sign for any number of its own
    /// (§3).
    ///
    /// # Errors
    /// [`Error::TnAuthListInvalid`]; [`Error::TnAuthListByReference`];
    /// [`Error::TnNotAuthorized`]; last, so that it says that nothing else stands against the
    /// certificate, [`Error::TnAuthListMissing`] if it has no list itself.
    pub fn authority_over(&self, tn: &TelephoneNumber) -> Result<(), Error> {
        self.authority.over(tn)
    }

    /// The same for an identity that is a URI: a provider may speak for its users, whatever they
    /// are called; who was given numbers only, may not.
    ///
    /// # Errors
    /// As [`authority_over`](Self::authority_over).
    pub fn authority_over_uris(&self) -> Result<(), Error> {
        self.authority.over_uris()
    }

    /// About how much memory this takes.
    pub(crate) fn memory_len(&self) -> usize {
        let own_list = self.certificate.tn_auth_list().and_then(|list| list.as_ref().ok());
        let constraints = self.certificate.claim_constraints().and_then(|found| found.as_ref().ok());
        // The bytes are kept whole and in parts.
        let chain: usize = self.chain.iter().map(|der| der.len()).sum();
        size_of::<Self>()
            + self.certificate.der().len() * 3
            + chain
            + constraints.map_or(0, ClaimConstraints::memory_len)
            + own_list.map_or(0, TnAuthList::heap_bytes)
            + self.authority.heap_bytes()
    }

    pub(crate) fn key(&self) -> &VerifyingKey {
        &self.key
    }

    #[cfg(feature = "tables")]
    pub(crate) fn hot(&self) -> &Arc<HotKey> {
        &self.hot
    }

    /// Whether the certificate lets its holder sign the claims of `payload`, a decoded payload. The
    /// constraints of its issuers do not count.
    ///
    /// # Errors
    /// As [`ClaimConstraints::check`]; none if the certificate has no claim constraints.
    pub fn check_claims(&self, payload: &[u8]) -> Result<(), Error> {
        match self.certificate.claim_constraints() {
            None => Ok(()),
            Some(found) => found.as_ref().map_err(|error| *error)?.check(payload),
        }
    }

    pub(crate) fn check_window(&self, now: i64) -> Result<(), Error> {
        self.window.check(now)
    }
}

/// The certificate of `chain` that signs PASSporTs: the first that is no CA.
///
/// # Errors
/// [`Error::CertIsCa`] if there is none (RFC 9060 §4: only end entities sign);
/// [`Error::CertKeyUsage`] if its key usage does not allow signatures;
/// [`Error::CertCriticalExtension`].
pub fn signing_certificate(chain: &[Certificate]) -> Result<&Certificate, Error> {
    let certificate = chain.iter().find(|certificate| !certificate.is_ca()).ok_or(Error::CertIsCa)?;
    // RFC 5280 §4.2.1.3: what signs anything but certificates needs digitalSignature.
    if certificate.extensions.key_usage.is_some_and(|usage| !usage.digital_signature) {
        return Err(Error::CertKeyUsage);
    }
    if certificate.extensions.unknown_critical {
        return Err(Error::CertCriticalExtension);
    }
    Ok(certificate)
}

/// Whether a path leads from `certificate` to a trust anchor at `now`, over `chain` and the
/// intermediates of `trust`, and the lists of `trust` let it pass. About the path alone: what the
/// certificate may be used for is not asked.
///
/// # Errors
/// [`Error::CertUntrusted`], [`Error::CertExpired`], [`Error::CertNotYetValid`],
/// [`Error::CertSignature`], [`Error::CertSignatureAlgorithm`], [`Error::CertKeyUsage`],
/// [`Error::CertIssuerNotCa`], [`Error::CertPathLength`], [`Error::CertCriticalExtension`],
/// [`Error::CertNonconforming`], [`Error::CertPolicy`], [`Error::CertPathBudget`], [`Error::CertRevoked`], [`Error::CrlMissing`], [`Error::CrlStale`],
/// [`Error::CaListExpired`].
pub fn check_path(
    certificate: &Certificate,
    chain: &[Certificate],
    trust: &Trust,
    now: i64,
) -> Result<(), Error> {
    path::find(certificate, chain, trust, now)?.judge(certificate, trust, now).map(drop)
}

/// Whether the lists of the issuers on the path of `certificate`, which [`check_path`] finds, hold
/// each the next one below it: the worst outcome of all pairs; `None` if `certificate` has no list,
/// or no issuer has one. Unlike [`encompass::in_chain`], this is about a path that is proven.
///
/// # Errors
/// Those of [`check_path`] but for revocation; [`Error::TnAuthListInvalid`] if an issuer's list
/// cannot be read; [`Error::TnAuthListNotEncompassed`], [`Error::TnAuthListUnproven`] as `trust`
/// wants it.
pub fn check_delegation(
    certificate: &Certificate,
    chain: &[Certificate],
    trust: &Trust,
    now: i64,
) -> Result<Option<Encompassing>, Error> {
    let path = path::find(certificate, chain, trust, now)?;
    let authority = Authority::of(certificate, &path.issuers)?;
    let encompassing = authority.encompassing();
    encompassing.check(trust.encompassing_policy())?;
    Ok(authority.is_delegated().then_some(encompassing))
}

/// The certificates of a PEM body, in its order.
///
/// # Errors
/// [`Error::CertPem`] if there is none, a block is damaged, or a block is something else than a
/// certificate: who publishes a private key next to its certificate is not to be trusted.
/// [`Error::CertTooMany`], [`Error::CertTooLarge`], [`Error::CertDer`].
pub fn read_chain(body: &[u8]) -> Result<Vec<Certificate>, Error> {
    let blocks = pem::blocks(body).collect::<Result<Vec<_>, _>>()?;
    if blocks.is_empty() || blocks.iter().any(|block| block.label() != "CERTIFICATE") {
        return Err(Error::CertPem);
    }
    if blocks.len() > MAX_CHAIN_LEN {
        return Err(Error::CertTooMany { count: blocks.len() });
    }
    blocks.iter().map(|block| Certificate::from_der(block.der())).collect()
}
