//! Deviations of a certificate from the ATIS-1000080 profile.
//!
//! About half of the live certificates deviate somewhere, so these are findings for people; they
//! refuse nothing. What makes a certificate unusable is an [`Error`](crate::Error) instead.

use super::certificate::Certificate;
use super::signature::{PublicKey, SignatureAlgorithm};

/// One rule of the profile that a certificate breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deviation {
    /// No authorityKeyIdentifier.
    AuthorityKeyIdMissing,
    /// No basicConstraints.
    BasicConstraintsMissing,
    /// No certificatePolicies.
    CertificatePoliciesMissing,
    /// No CRL distribution point.
    CrlDistributionPointsMissing,
    /// No keyUsage.
    KeyUsageMissing,
    /// Signed with another algorithm than ECDSA with SHA-256.
    SignatureNotEcdsaSha256,
    /// No subjectKeyIdentifier.
    SubjectKeyIdMissing,
    /// The common name does not contain the word SHAKEN.
    SubjectNotShaken,
    /// The TNAuthList is critical.
    TnAuthListCritical,
    /// The TNAuthList cannot be read.
    TnAuthListInvalid,
    /// No TNAuthList in an end-entity certificate.
    TnAuthListMissing,
    /// The key is not on P-256.
    KeyNotP256,
}

impl Deviation {
    /// The stable kebab-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuthorityKeyIdMissing => "authority-key-id-missing",
            Self::BasicConstraintsMissing => "basic-constraints-missing",
            Self::CertificatePoliciesMissing => "certificate-policies-missing",
            Self::CrlDistributionPointsMissing => "crl-distribution-points-missing",
            Self::KeyUsageMissing => "key-usage-missing",
            Self::SignatureNotEcdsaSha256 => "signature-not-ecdsa-sha256",
            Self::SubjectKeyIdMissing => "subject-key-id-missing",
            Self::SubjectNotShaken => "subject-not-shaken",
            Self::TnAuthListCritical => "tn-auth-list-critical",
            Self::TnAuthListInvalid => "tn-auth-list-invalid",
            Self::TnAuthListMissing => "tn-auth-list-missing",
            Self::KeyNotP256 => "key-not-p256",
        }
    }
}

/// The deviations of `certificate`, in order of their names.
#[must_use]
pub fn deviations(certificate: &Certificate) -> Vec<Deviation> {
    let extensions = &certificate.extensions;
    let list = extensions.tn_auth_list.as_ref();
    let mut found: Vec<Deviation> = [
        (Deviation::AuthorityKeyIdMissing, extensions.authority_key_id.is_none()),
        (Deviation::BasicConstraintsMissing, extensions.basic_constraints.is_none()),
        (Deviation::CertificatePoliciesMissing, !extensions.certificate_policies),
        (Deviation::CrlDistributionPointsMissing, extensions.crl_distribution_points.is_none()),
        (Deviation::KeyUsageMissing, extensions.key_usage.is_none()),
        (
            Deviation::SignatureNotEcdsaSha256,
            certificate.signature_algorithm != Some(SignatureAlgorithm::EcdsaSha256),
        ),
        (Deviation::SubjectKeyIdMissing, extensions.subject_key_id.is_none()),
        (Deviation::SubjectNotShaken, !certificate.subject.contains("SHAKEN")),
        (Deviation::TnAuthListCritical, extensions.tn_auth_list_critical),
        (Deviation::TnAuthListInvalid, list.is_some_and(Result::is_err)),
        (Deviation::TnAuthListMissing, list.is_none() && !certificate.is_ca()),
        (Deviation::KeyNotP256, !matches!(certificate.public_key, PublicKey::P256(_))),
    ]
    .into_iter()
    .filter_map(|(deviation, present)| present.then_some(deviation))
    .collect();
    found.sort_by_key(|deviation| deviation.name());
    found
}
