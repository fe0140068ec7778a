//! Deviations of a certificate from the ATIS-1000080 profile and the United States SHAKEN
//! certificate policy.
//!
//! About half of the live certificates deviate somewhere, so these are findings for people; they
//! refuse nothing. What makes a certificate unusable is an [`Error`](crate::Error) instead.
//! Delegate certificates (RFC 9060) deviate by their nature: they list numbers, and so may the
//! CAs above them.

mod rules;

use core::fmt;

use super::certificate::Certificate;

/// What a certificate is for: each role has rules of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "ATIS-1000080 has exactly these three")]
pub enum Role {
    /// Signs PASSporTs, or lists: no CA.
    Leaf,
    /// A CA under another one.
    Intermediate,
    /// A CA whose subject is its issuer.
    Root,
}

impl Role {
    /// The role of `certificate`, by what it says of itself.
    #[must_use]
    pub fn of(certificate: &Certificate) -> Self {
        match (certificate.is_ca(), certificate.is_self_issued()) {
            (false, _) => Self::Leaf,
            (true, false) => Self::Intermediate,
            (true, true) => Self::Root,
        }
    }

    /// `leaf`, `intermediate` or `root`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Leaf => "leaf",
            Self::Intermediate => "intermediate",
            Self::Root => "root",
        }
    }
}

/// Makes the enum and all its views from one row per rule, so that none can drift:
/// `"name" Variant, "source": "what the certificate does wrong"`, in order of the names.
macro_rules! deviations {
    ($( $(#[$doc:meta])* $name:literal $variant:ident, $source:literal: $text:literal; )+) => {
        /// One rule that a certificate breaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Deviation {
            $( $(#[$doc])* $variant ),+
        }

        impl Deviation {
            /// All of them, in order of their names: lets a test or a report walk the table.
            pub const ALL: &'static [Self] = &[ $( Self::$variant ),+ ];

            /// The stable kebab-case name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name ),+ }
            }

            /// The text that has the rule.
            #[must_use]
            pub const fn source(self) -> &'static str {
                match self { $( Self::$variant => $source ),+ }
            }
        }

        impl fmt::Display for Deviation {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $( Self::$variant => $text ),+ })
            }
        }
    };
}

deviations! {
    /// A root's authorityKeyIdentifier is not its own subjectKeyIdentifier.
    "authority-key-id-mismatch" AuthorityKeyIdMismatch, "ATIS-1000080 §6.4.1":
        "the authorityKeyIdentifier of the root is not its subjectKeyIdentifier";
    /// No keyIdentifier of the issuer, in any but a root.
    "authority-key-id-missing" AuthorityKeyIdMissing, "ATIS-1000080 §6.4.1":
        "no authorityKeyIdentifier with a keyIdentifier";
    /// No basicConstraints.
    "basic-constraints-missing" BasicConstraintsMissing, "ATIS-1000080 §6.4.1":
        "no basicConstraints";
    /// The basicConstraints are not critical.
    "basic-constraints-not-critical" BasicConstraintsNotCritical, "ATIS-1000080 §6.4.1":
        "basicConstraints is not critical";
    /// The certificatePolicies are critical.
    "certificate-policies-critical" CertificatePoliciesCritical, "ATIS-1000080 §6.4.1":
        "certificatePolicies is critical";
    /// A root has certificatePolicies.
    "certificate-policies-in-root" CertificatePoliciesInRoot, "ATIS-1000080.v005 §6.4.1":
        "a root has certificatePolicies";
    /// No certificatePolicies in any but a root.
    "certificate-policies-missing" CertificatePoliciesMissing, "ATIS-1000080 §6.4.1":
        "no certificatePolicies";
    /// More policies than one.
    "certificate-policies-not-single" CertificatePoliciesNotSingle, "ATIS-1000080 §6.4.1":
        "more than one certificate policy";
    /// Subject in the United States, and none of their policies.
    "certificate-policy-not-us-shaken" CertificatePolicyNotUsShaken, "US SHAKEN CP 1.4 §1.2":
        "the subject is in the US and the policy is not that of the US SHAKEN certificate policy";
    /// The claim constraints are critical.
    "claim-constraints-critical" ClaimConstraintsCritical, "RFC 8226 §8":
        "the claim constraints are critical, so that verifiers which do not know them refuse the certificate";
    /// Claim constraints in a CA certificate, where they count for nothing.
    "claim-constraints-in-ca" ClaimConstraintsInCa, "RFC 9118 §3":
        "a CA certificate has claim constraints, which count for nothing there";
    /// The claim constraints cannot be read, or both kinds of them are there.
    "claim-constraints-invalid" ClaimConstraintsInvalid, "RFC 9118 §3":
        "the claim constraints cannot be read, or both kinds of them are there";
    /// The claim constraints exclude a claim that every PASSporT has, and so count for nothing.
    "claim-constraints-void" ClaimConstraintsVoid, "RFC 9118 §3":
        "the claim constraints exclude a claim that every PASSporT has, and so count for nothing";
    /// A distribution point does not name the CRL's issuer.
    "crl-distribution-point-without-issuer" CrlDistributionPointWithoutIssuer, "ATIS-1000080.v004 §6.4.1":
        "the CRL distribution point has no cRLIssuer, so the list of the STI-PA does not cover the certificate";
    /// A distribution point has no http or https URL.
    "crl-distribution-point-without-url" CrlDistributionPointWithoutUrl, "ATIS-1000080 §6.4.1":
        "the CRL distribution point has no http or https URL";
    /// A root has CRL distribution points.
    "crl-distribution-points-in-root" CrlDistributionPointsInRoot, "ATIS-1000080.v005 §6.4.1":
        "a root has cRLDistributionPoints";
    /// No CRL distribution point in any but a root.
    "crl-distribution-points-missing" CrlDistributionPointsMissing, "ATIS-1000080 §6.4.1":
        "no cRLDistributionPoints";
    /// More distribution points than one.
    "crl-distribution-points-not-single" CrlDistributionPointsNotSingle, "ATIS-1000080.v004 §6.4.1":
        "more than one CRL distribution point";
    /// An extension is critical for which the table has no row of its own.
    "extension-critical" ExtensionCritical, "ATIS-1000080.v005 §6.4.1":
        "an extension other than basicConstraints and keyUsage is critical";
    /// An extension that the profile does not have.
    "extension-not-in-profile" ExtensionNotInProfile, "ATIS-1000080.v005 §6.4.1.1":
        "an extension that the profile does not have, such as authorityInfoAccess or extendedKeyUsage";
    /// The key of a leaf is not on P-256.
    "key-not-p256" KeyNotP256, "ATIS-1000080 §6.4.1":
        "the key is not on P-256";
    /// The key of a CA is neither on P-256 nor on P-384.
    "key-not-p256-or-p384" KeyNotP256OrP384, "US SHAKEN CP 1.4 §6.1.5":
        "the key is neither on P-256 nor on P-384";
    /// The key usage lacks what the certificate is for.
    "key-usage-incomplete" KeyUsageIncomplete, "ATIS-1000080 §6.4.1":
        "keyUsage lacks digitalSignature in a leaf, or keyCertSign in a CA";
    /// No keyUsage.
    "key-usage-missing" KeyUsageMissing, "ATIS-1000080 §6.4.1":
        "no keyUsage";
    /// The keyUsage is not critical.
    "key-usage-not-critical" KeyUsageNotCritical, "ATIS-1000080 §6.4.1":
        "keyUsage is not critical";
    /// The key usage allows more than the certificate is for.
    "key-usage-too-wide" KeyUsageTooWide, "ATIS-1000080 §6.4.1":
        "keyUsage allows more than digitalSignature in a leaf, or than keyCertSign in a CA";
    /// The serial number is zero or negative.
    "serial-number-not-positive" SerialNumberNotPositive, "ATIS-1000080.v005 §6.4.1.1":
        "the serial number is not positive";
    /// The serial number has less than 64 bits.
    "serial-number-short" SerialNumberShort, "ATIS-1000080.v005 §6.4.1.1":
        "the serial number has less than 64 bits";
    /// A CA certificate is signed with neither algorithm.
    "signature-not-ecdsa-sha2" SignatureNotEcdsaSha2, "US SHAKEN CP 1.4 §6.1.5":
        "signed with neither ECDSA with SHA-256 nor with SHA-384";
    /// A leaf is signed with another algorithm than ECDSA with SHA-256.
    "signature-not-ecdsa-sha256" SignatureNotEcdsaSha256, "ATIS-1000080 §6.4.1":
        "not signed with ECDSA with SHA-256";
    /// The SPC has other characters than digits and capital letters.
    "spc-form" SpcForm, "ATIS-1000080.v005 §6.4.1":
        "the SPC has other characters than digits and capital letters";
    /// No common name.
    "subject-common-name-missing" SubjectCommonNameMissing, "ATIS-1000080 §6.4.1":
        "the subject has no common name (CN)";
    /// More common names than one.
    "subject-common-name-repeated" SubjectCommonNameRepeated, "ATIS-1000080 §6.4.1":
        "the subject has more than one common name (CN)";
    /// The country is not two capital letters.
    "subject-country-form" SubjectCountryForm, "ATIS-1000080.v005 §6.4.1":
        "the country (C) of the subject is not an ISO 3166-1 code of two capital letters";
    /// No country.
    "subject-country-missing" SubjectCountryMissing, "ATIS-1000080 §6.4.1":
        "the subject has no country (C)";
    /// More countries than one.
    "subject-country-repeated" SubjectCountryRepeated, "ATIS-1000080 §6.4.1":
        "the subject has more than one country (C)";
    /// The subjectKeyIdentifier has another length than the profile's hashes.
    "subject-key-id-length" SubjectKeyIdLength, "ATIS-1000080.v004 §6.4.1":
        "the subjectKeyIdentifier does not have 20 bytes";
    /// No subjectKeyIdentifier.
    "subject-key-id-missing" SubjectKeyIdMissing, "ATIS-1000080 §6.4.1":
        "no subjectKeyIdentifier";
    /// The common name of a root does not say that it is one.
    "subject-not-root" SubjectNotRoot, "ATIS-1000080.v005 §6.4.1":
        "the common name of a root does not contain ROOT";
    /// The common name does not contain the word SHAKEN.
    "subject-not-shaken" SubjectNotShaken, "ATIS-1000080 §6.4.1":
        "the common name does not contain SHAKEN";
    /// No organization.
    "subject-organization-missing" SubjectOrganizationMissing, "ATIS-1000080.v004 §6.4.1":
        "the subject has no organization (O)";
    /// More organizations than one.
    "subject-organization-repeated" SubjectOrganizationRepeated, "ATIS-1000080.v004 §6.4.1":
        "the subject has more than one organization (O)";
    /// The common name of a leaf does not say SHAKEN and the SPC.
    "subject-without-spc" SubjectWithoutSpc, "ATIS-1000080.v004 §6.4.1":
        "the common name does not contain SHAKEN, a space and the SPC of the TNAuthList";
    /// The list of a leaf stands somewhere else.
    "tn-auth-list-by-reference" TnAuthListByReference, "ATIS-1000080 §6.4.1":
        "the TNAuthList is given by reference and is not in the certificate";
    /// The TNAuthList is critical.
    "tn-auth-list-critical" TnAuthListCritical, "ATIS-1000080 §6.4.1":
        "the TNAuthList is critical";
    /// A CA has a TNAuthList.
    "tn-auth-list-in-ca" TnAuthListInCa, "ATIS-1000080.v005 §6.4.1":
        "a CA has a TNAuthList, as only CAs of delegates do";
    /// The TNAuthList cannot be read.
    "tn-auth-list-invalid" TnAuthListInvalid, "RFC 8226 §9":
        "the TNAuthList cannot be read";
    /// No TNAuthList in a leaf.
    "tn-auth-list-missing" TnAuthListMissing, "ATIS-1000080 §6.4.1":
        "no TNAuthList";
    /// The list of a leaf has no SPC, or several.
    "tn-auth-list-not-single-spc" TnAuthListNotSingleSpc, "ATIS-1000080 §6.4.1":
        "the TNAuthList does not have exactly one SPC";
    /// The list of a leaf has numbers, as that of a delegate.
    "tn-auth-list-with-numbers" TnAuthListWithNumbers, "ATIS-1000080.v005 §6.4.1":
        "the TNAuthList has telephone numbers, as only that of a delegate does";
    /// Another version than X.509 version 3.
    "version-not-3" VersionNot3, "ATIS-1000080 §6.4.1":
        "not an X.509 certificate of version 3";
}

/// The deviations of `certificate` from the rules for its [`Role`], in order of their names. What
/// only shows beside other certificates, such as the name and key of the issuer, is a matter of
/// the path.
#[must_use]
pub fn deviations(certificate: &Certificate) -> Vec<Deviation> {
    let mut found = rules::broken_by(certificate, Role::of(certificate));
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_ordered_and_kebab_case() {
        let names: Vec<&str> = Deviation::ALL.iter().map(|deviation| deviation.name()).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        assert!(Deviation::ALL.is_sorted_by(|a, b| a < b));
        for name in names {
            let is_kebab = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            assert!(name.bytes().all(is_kebab), "{name}");
        }
    }

    #[test]
    fn every_text_says_something_of_its_own() {
        let texts: std::collections::HashSet<String> =
            Deviation::ALL.iter().map(Deviation::to_string).collect();
        assert_eq!(texts.len(), Deviation::ALL.len());
    }
}
