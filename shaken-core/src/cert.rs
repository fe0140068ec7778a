//! Certificates: from the body that a repository served to a [`TrustedCert`], the one thing that
//! says who may have signed (RFC 8226, ATIS-1000080).
//!
//! Everything that can be decided once is decided here, when a certificate enters the cache: the
//! path to a trust anchor, the TNAuthList, the key. A call then only compares the clock with the
//! window and the calling number with the list.

mod certificate;
pub mod crl;
mod name;
mod path;
pub mod profile;
mod shape;
mod signature;
pub mod tn_auth_list;
mod window;

pub(crate) use certificate::public_key_of;
pub use certificate::{Certificate, Fingerprint, MAX_DER_LEN};
pub use tn_auth_list::TnAuthList;

use crate::es256::VerifyingKey;
use crate::trust::{Epoch, RevocationStatus, Standing, Trust};
use crate::{Error, TelephoneNumber, pem};
use tn_auth_list::Coverage;
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
    /// The lists of the issuers that have one: each limits what the certificate may sign for.
    issuer_lists: Vec<TnAuthList>,
    /// All certificates of the body, in its order, for judging them again.
    chain: Box<[Box<[u8]>]>,
    standing: Standing,
    epoch: Epoch,
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
    /// [`Error::TnAuthListInvalid`] if an issuer's list cannot be read.
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
        Self::judge(&chain, Some(self.key), trust, now)
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
        let issuer_lists = path.issuers.iter().filter_map(|issuer| issuer.tn_auth_list().cloned());
        let issuer_lists = issuer_lists.collect::<Result<_, _>>()?;
        Ok(Self {
            certificate: certificate.clone(),
            key,
            window: path.window,
            issuer_lists,
            chain: chain.iter().map(|certificate| certificate.der().into()).collect(),
            standing,
            epoch: trust.epoch(),
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

    /// About how much memory this takes.
    pub(crate) fn memory_len(&self) -> usize {
        let lists = self.certificate.tn_auth_list().and_then(|list| list.as_ref().ok()).into_iter();
        let entries: usize = lists.chain(&self.issuer_lists).map(|list| list.entries().len()).sum();
        // The bytes are kept whole and in parts.
        let chain: usize = self.chain.iter().map(|der| der.len()).sum();
        size_of::<Self>()
            + self.certificate.der().len() * 3
            + chain
            + entries * size_of::<tn_auth_list::TnEntry>()
    }

    pub(crate) fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Whether every issuer of the path that has a TNAuthList covers `tn`: in a CA certificate the
    /// list limits all that is issued under it (RFC 8226 §9).
    pub(crate) fn issuers_cover(&self, tn: &TelephoneNumber) -> bool {
        self.issuer_lists.iter().all(|list| list.coverage(tn) != Coverage::Uncovered)
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
/// [`Error::CertPathBudget`], [`Error::CertRevoked`], [`Error::CrlMissing`], [`Error::CrlStale`],
/// [`Error::CaListExpired`].
pub fn check_path(
    certificate: &Certificate,
    chain: &[Certificate],
    trust: &Trust,
    now: i64,
) -> Result<(), Error> {
    path::find(certificate, chain, trust, now)?.judge(certificate, trust, now).map(drop)
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
