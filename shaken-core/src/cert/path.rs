//! Path building: from a certificate to a trust anchor (RFC 5280 §6.1).
//!
//! In: the certificate, candidate issuers in any order, trust anchors, the time. Out: a [`Path`].
//! Issuers are tried by name *and* key: live STI-CAs share one name over several keys. All work is bounded by a signature budget and a depth, so that no
//! bundle of cross-signed certificates can hold us up.
//!
//! Why not `rustls-webpki`: it refuses critical certificatePolicies and NULL parameters in
//! signature algorithms, both live in this world, and offers no P-521.
//!
//! Not processed: name constraints. A path with one is refused; no STI-CA has them.

use super::certificate::Certificate;
use super::window::Window;
use super::{conformance, policy, signature};
use crate::Error;
use crate::trust::{Standing, Trust};

/// How many issuers a path may have, the trust anchor included. Live paths have two.
const MAX_ISSUERS: usize = 6;

/// What the signatures of one search may cost, in checks on P-256. In the live world at most 38
/// candidates share a name, and a path has at most [`MAX_ISSUERS`] signatures.
const SIGNATURE_BUDGET: usize = 100;

/// A way to a trust anchor.
#[derive(Debug)]
pub(super) struct Path<'a> {
    /// When all of it is valid.
    pub(super) window: Window,
    /// From the end entity's issuer to the anchor; empty if the end entity is the anchor.
    pub(super) issuers: Vec<&'a Certificate>,
}

impl Path<'_> {
    /// Judges the path of `subject` by the lists of `trust`.
    ///
    /// Of several paths only the one that was found is judged: a revoked issuer refuses what it
    /// issued, whoever else vouches for it.
    pub(super) fn judge(&self, subject: &Certificate, trust: &Trust, now: i64) -> Result<Standing, Error> {
        match self.issuers.split_last() {
            Some((anchor, below)) => {
                trust.judge([subject].into_iter().chain(below.iter().copied()), anchor, now)
            }
            None => trust.judge([].into_iter(), subject, now),
        }
    }
}

/// Finds a path from `subject` over `chain` and the known intermediates to a trust anchor that is
/// valid at `now`, in seconds since 1970.
///
/// # Errors
/// The most telling of what stood in the way of the candidate paths; see [`rank`].
pub(super) fn find<'a>(
    subject: &'a Certificate,
    chain: &'a [Certificate],
    trust: &'a Trust,
    now: i64,
) -> Result<Path<'a>, Error> {
    let mut search = Search { chain, trust, now, budget: SIGNATURE_BUDGET, worst: Error::CertUntrusted };
    let window = check_subject(subject, now)?;
    search.extend(&[subject], window).ok_or(search.worst)
}

/// What must hold for any certificate of a path (RFC 5280 §6.1.3).
fn check_subject(certificate: &Certificate, now: i64) -> Result<Window, Error> {
    if certificate.extensions.unknown_critical {
        return Err(Error::CertCriticalExtension);
    }
    conformance::check(certificate)?;
    let window = Window::of(certificate);
    window.check(now)?;
    Ok(window)
}

/// What must hold for an issuer with `below` certificates between it and the end entity that
/// are not self-issued (RFC 5280 §6.1.4).
fn check_issuer(certificate: &Certificate, below: usize, now: i64) -> Result<Window, Error> {
    certificate.check_may_issue()?;
    let limit = certificate.extensions.basic_constraints.as_ref().and_then(|c| c.path_len_constraint);
    if limit.is_some_and(|limit| usize::try_from(limit).is_ok_and(|limit| below > limit)) {
        return Err(Error::CertPathLength);
    }
    check_subject(certificate, now)
}

struct Search<'a> {
    chain: &'a [Certificate],
    trust: &'a Trust,
    now: i64,
    budget: usize,
    worst: Error,
}

impl<'a> Search<'a> {
    /// Continues `path`, which begins with the end entity and is valid within `window`.
    fn extend(&mut self, path: &[&'a Certificate], window: Window) -> Option<Path<'a>> {
        let subject = *path.last()?;
        let below = path.iter().skip(1).filter(|certificate| !certificate.is_self_issued()).count();
        if below > self.trust.max_intermediates() {
            self.note(Error::CertPathLength);
            return None;
        }

        for anchor in candidates(self.trust.anchors(), subject) {
            // A certificate that is an anchor itself needs no signature to be trusted.
            if anchor.der == subject.der && path.len() == 1 {
                return Some(Path { window, issuers: Vec::new() });
            }
            if let Err(error) = conformance::check_anchor(anchor) {
                self.note(error);
                continue;
            }
            if let Some(window) = self.step(subject, anchor, below, window) {
                match policy::check(path) {
                    Ok(()) => {
                        let issuers = path.iter().skip(1).copied().chain([anchor]).collect();
                        return Some(Path { window, issuers });
                    }
                    Err(error) => self.note(error),
                }
            }
        }
        if path.len() >= MAX_ISSUERS {
            self.note(Error::CertPathLength);
            return None;
        }
        let (chain, known) = (self.chain, self.trust.intermediates());
        for issuer in candidates(chain, subject).chain(candidates(known, subject)) {
            // A certificate whose name and key are in the path already leads in a circle.
            let circular = path.iter().any(|other| {
                other.subject_name == issuer.subject_name && other.public_key == issuer.public_key
            });
            if circular {
                continue;
            }
            let Some(window) = self.step(subject, issuer, below, window) else {
                continue;
            };
            let longer = [path, &[issuer]].concat();
            if let Some(path) = self.extend(&longer, window) {
                return Some(path);
            }
        }
        None
    }

    /// Whether `issuer` may and did sign `subject`; the window of both then. Everything cheap
    /// comes before the signature.
    fn step(
        &mut self,
        subject: &Certificate,
        issuer: &Certificate,
        below: usize,
        window: Window,
    ) -> Option<Window> {
        let outcome = check_issuer(issuer, below, self.now).and_then(|issuer_window| {
            self.budget = self.budget.checked_sub(issuer.public_key.cost()).ok_or(Error::CertPathBudget)?;
            let algorithm = subject.signature_algorithm.ok_or(Error::CertSignatureAlgorithm)?;
            signature::verify(&issuer.public_key, algorithm, &subject.tbs, &subject.signature)?;
            Ok(window.intersection(issuer_window))
        });
        outcome.map_err(|error| self.note(error)).ok()
    }

    fn note(&mut self, error: Error) {
        if rank(error) > rank(self.worst) {
            self.worst = error;
        }
    }
}

/// The certificates of `pool` that can have issued `subject`.
fn candidates<'a>(
    pool: &'a [Certificate],
    subject: &'a Certificate,
) -> impl Iterator<Item = &'a Certificate> {
    pool.iter().filter(|candidate| candidate.may_have_issued(subject))
}

/// Which error to report when several candidates failed, each in its own way: the one that an
/// operator can act on comes first. A wrong signature ranks low, since candidates of the same
/// name and another key are normal.
fn rank(error: Error) -> u8 {
    match error {
        Error::CertPathBudget => 11,
        Error::CertExpired { .. } | Error::CertNotYetValid { .. } => 10,
        Error::CertPathLength => 9,
        Error::CertPolicy => 8,
        Error::CertNonconforming { .. } => 7,
        Error::CertIssuerNotCa => 6,
        Error::CertKeyUsage => 5,
        Error::CertCriticalExtension => 4,
        Error::CertSignatureAlgorithm => 3,
        Error::CertSignature => 2,
        _ => 1,
    }
}
