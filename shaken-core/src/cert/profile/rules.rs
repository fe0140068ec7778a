//! The rules themselves. They read the certificate's bytes again, so that nothing of what only
//! people want to know is kept for certificates in the cache.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{
    CRLDistributionPoint, DistributionPointName, GeneralName, KeyUsage, ParsedExtension, X509Extension,
};
use x509_parser::oid_registry::{Oid, asn1_rs::oid};
use x509_parser::prelude::{FromDer, X509Version};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::{Deviation, Role};
use crate::Error;
use crate::cert::signature::{PublicKey, SignatureAlgorithm};
use crate::cert::tn_auth_list::{Spc, TnAuthList, TnEntry};
use crate::cert::{Certificate, ClaimConstraints, name, shape};

/// A rule, and whether it is broken.
type Finding = (Deviation, bool);

/// The rules that `certificate` breaks, in no order.
pub(super) fn broken_by(certificate: &Certificate, role: Role) -> Vec<Deviation> {
    // What stands in a `Certificate` was read by the same library before.
    let Ok((_, parsed)) = X509Certificate::from_der(certificate.der()) else {
        return Vec::new();
    };
    let Ok(subject_name) = shape::check(certificate.der()).and_then(|names| name::read(names.subject)) else {
        return Vec::new();
    };
    let extensions = parsed.extensions();
    let mut found = Vec::new();
    for findings in [
        &fields(certificate, &parsed, role)[..],
        &subject(certificate, &subject_name, role),
        &basics(extensions, role),
        &key_ids(certificate, role),
        &policies(extensions, &subject_name, role),
        &distribution_points(extensions, role),
        &tn_auth_list(certificate, role),
        &claim_constraints(certificate),
        &other_extensions(extensions),
    ] {
        found.extend(findings.iter().filter_map(|(deviation, broken)| broken.then_some(*deviation)));
    }
    found
}

/// Version, serial number, signature algorithm, key.
fn fields(certificate: &Certificate, parsed: &X509Certificate<'_>, role: Role) -> [Finding; 7] {
    let serial = parsed.raw_serial();
    let is_negative = serial.first().is_none_or(|byte| byte & 0x80 != 0);
    let magnitude_len = serial.iter().skip_while(|byte| **byte == 0).count();
    let is_leaf = role == Role::Leaf;
    let is_sha256 = certificate.signature_algorithm == Some(SignatureAlgorithm::EcdsaSha256);
    let is_sha384 = certificate.signature_algorithm == Some(SignatureAlgorithm::EcdsaSha384);
    let is_p256 = matches!(certificate.public_key, PublicKey::P256(_));
    let is_p384 = matches!(certificate.public_key, PublicKey::P384(_));
    [
        (Deviation::VersionNot3, parsed.version() != X509Version::V3),
        (Deviation::SerialNumberNotPositive, is_negative || magnitude_len == 0),
        (Deviation::SerialNumberShort, magnitude_len < 8),
        (Deviation::SignatureNotEcdsaSha256, is_leaf && !is_sha256),
        (Deviation::SignatureNotEcdsaSha2, !is_leaf && !is_sha256 && !is_sha384),
        (Deviation::KeyNotP256, is_leaf && !is_p256),
        (Deviation::KeyNotP256OrP384, !is_leaf && !is_p256 && !is_p384),
    ]
}

fn subject(certificate: &Certificate, name: &X509Name<'_>, role: Role) -> [Finding; 10] {
    let countries: Vec<_> = name.iter_country().collect();
    let organization_count = name.iter_organization().count();
    let common_names: Vec<_> = name.iter_common_name().collect();
    let any_common_name =
        |holds: &dyn Fn(&str) -> bool| common_names.iter().any(|cn| text(cn).is_some_and(holds));
    let is_code = |country: &str| country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase());
    let spc = list(certificate).and_then(TnAuthList::spc);
    let names_spc =
        |spc: &Spc| any_common_name(&|cn| contains_words(cn, &format!("SHAKEN {}", spc.as_str())));
    [
        (Deviation::SubjectCountryMissing, countries.is_empty()),
        (Deviation::SubjectCountryRepeated, countries.len() > 1),
        (Deviation::SubjectCountryForm, countries.iter().any(|c| !text(c).is_some_and(is_code))),
        (Deviation::SubjectOrganizationMissing, organization_count == 0),
        (Deviation::SubjectOrganizationRepeated, organization_count > 1),
        (Deviation::SubjectCommonNameMissing, common_names.is_empty()),
        (Deviation::SubjectCommonNameRepeated, common_names.len() > 1),
        (Deviation::SubjectNotShaken, !any_common_name(&|cn| cn.contains("SHAKEN"))),
        (
            Deviation::SubjectNotRoot,
            role == Role::Root && !any_common_name(&|cn| cn.to_ascii_uppercase().contains("ROOT")),
        ),
        (Deviation::SubjectWithoutSpc, role == Role::Leaf && spc.is_some_and(|spc| !names_spc(spc))),
    ]
}

/// basicConstraints and keyUsage.
fn basics(extensions: &[X509Extension<'_>], role: Role) -> [Finding; 6] {
    let constraints = find(extensions, &oid!(2.5.29.19));
    let usage = find(extensions, &oid!(2.5.29.15));
    let bits = usage.and_then(|usage| match usage.parsed_extension() {
        ParsedExtension::KeyUsage(usage) => Some(usage),
        _ => None,
    });
    let serves = |usage: &KeyUsage| match role {
        Role::Leaf => usage.digital_signature(),
        Role::Intermediate | Role::Root => usage.key_cert_sign(),
    };
    // Before version 1.4 of the policy a CA could sign other things too. A root names no policy.
    let only_certificates = policy_ids(extensions).contains(&US_SHAKEN_CP_1_4);
    let goes_beyond = |usage: &KeyUsage| {
        let extra = usage.non_repudiation()
            || usage.key_encipherment()
            || usage.data_encipherment()
            || usage.key_agreement()
            || usage.encipher_only()
            || usage.decipher_only();
        extra
            || match role {
                Role::Leaf => usage.key_cert_sign() || usage.crl_sign(),
                Role::Intermediate | Role::Root => {
                    only_certificates && (usage.digital_signature() || usage.crl_sign())
                }
            }
    };
    [
        (Deviation::BasicConstraintsMissing, constraints.is_none()),
        (Deviation::BasicConstraintsNotCritical, constraints.is_some_and(|found| !found.critical)),
        (Deviation::KeyUsageMissing, usage.is_none()),
        (Deviation::KeyUsageNotCritical, usage.is_some_and(|found| !found.critical)),
        (Deviation::KeyUsageIncomplete, bits.is_some_and(|usage| !serves(usage))),
        (Deviation::KeyUsageTooWide, bits.is_some_and(goes_beyond)),
    ]
}

fn key_ids(certificate: &Certificate, role: Role) -> [Finding; 4] {
    let own = certificate.extensions.subject_key_id.as_deref();
    let of_issuer = certificate.extensions.authority_key_id.as_deref();
    let is_root = role == Role::Root;
    [
        (Deviation::SubjectKeyIdMissing, own.is_none()),
        // SHA-1 of the key, or as much of SHA-256.
        (Deviation::SubjectKeyIdLength, own.is_some_and(|id| id.len() != 20)),
        (Deviation::AuthorityKeyIdMissing, !is_root && of_issuer.is_none()),
        (Deviation::AuthorityKeyIdMismatch, is_root && of_issuer.is_some() && of_issuer != own),
    ]
}

fn policies(extensions: &[X509Extension<'_>], subject: &X509Name<'_>, role: Role) -> [Finding; 5] {
    let extension = find(extensions, &oid!(2.5.29.32));
    let ids = policy_ids(extensions);
    let is_root = role == Role::Root;
    let is_us = subject.iter_country().any(|country| text(country) == Some("US"));
    let is_accepted =
        |id: &Oid<'_>| US_SHAKEN_CP.contains(id) || role == Role::Intermediate && *id == ANY_POLICY;
    [
        (Deviation::CertificatePoliciesMissing, !is_root && extension.is_none()),
        (Deviation::CertificatePoliciesInRoot, is_root && extension.is_some()),
        (Deviation::CertificatePoliciesCritical, extension.is_some_and(|found| found.critical)),
        (Deviation::CertificatePoliciesNotSingle, !is_root && extension.is_some() && ids.len() != 1),
        (
            Deviation::CertificatePolicyNotUsShaken,
            !is_root && is_us && !ids.is_empty() && !ids.iter().any(is_accepted),
        ),
    ]
}

fn distribution_points(extensions: &[X509Extension<'_>], role: Role) -> [Finding; 5] {
    let points = find(extensions, &oid!(2.5.29.31)).and_then(|found| match found.parsed_extension() {
        ParsedExtension::CRLDistributionPoints(points) => Some(&points.points),
        _ => None,
    });
    let any = |lacks: fn(&CRLDistributionPoint<'_>) -> bool| {
        role != Role::Root && points.is_some_and(|points| points.iter().any(lacks))
    };
    [
        (Deviation::CrlDistributionPointsMissing, role != Role::Root && points.is_none()),
        (Deviation::CrlDistributionPointsInRoot, role == Role::Root && points.is_some()),
        (
            Deviation::CrlDistributionPointsNotSingle,
            role != Role::Root && points.is_some_and(|points| points.len() != 1),
        ),
        (Deviation::CrlDistributionPointWithoutUrl, any(|point| !has_url(point))),
        (Deviation::CrlDistributionPointWithoutIssuer, any(|point| !has_issuer(point))),
    ]
}

fn has_url(point: &CRLDistributionPoint<'_>) -> bool {
    let is_url = |name: &GeneralName<'_>| match name {
        GeneralName::URI(uri) => uri.starts_with("https://") || uri.starts_with("http://"),
        _ => false,
    };
    match &point.distribution_point {
        Some(DistributionPointName::FullName(names)) => names.iter().any(is_url),
        _ => false,
    }
}

fn has_issuer(point: &CRLDistributionPoint<'_>) -> bool {
    let mut names = point.crl_issuer.iter().flatten();
    names.any(|name| matches!(name, GeneralName::DirectoryName(_)))
}

fn tn_auth_list(certificate: &Certificate, role: Role) -> [Finding; 8] {
    let found = certificate.tn_auth_list();
    let error = found.and_then(|found| found.as_ref().err());
    let is_leaf = role == Role::Leaf;
    let entries = list(certificate).map_or(&[][..], TnAuthList::entries);
    let spc_count = entries.iter().filter(|entry| matches!(entry, TnEntry::Spc(_))).count();
    let is_odd = |entry: &TnEntry| match entry {
        TnEntry::Spc(spc) => !spc.as_str().bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()),
        TnEntry::Range(_) | TnEntry::One(_) => false,
    };
    [
        (Deviation::TnAuthListMissing, is_leaf && found.is_none()),
        (Deviation::TnAuthListByReference, error == Some(&Error::TnAuthListByReference)),
        (Deviation::TnAuthListInvalid, matches!(error, Some(Error::TnAuthListInvalid { .. }))),
        (Deviation::TnAuthListCritical, certificate.extensions.tn_auth_list_critical),
        (Deviation::TnAuthListInCa, !is_leaf && found.is_some()),
        (Deviation::TnAuthListNotSingleSpc, is_leaf && !entries.is_empty() && spc_count != 1),
        (Deviation::TnAuthListWithNumbers, is_leaf && entries.len() > spc_count),
        (Deviation::SpcForm, entries.iter().any(is_odd)),
    ]
}

/// What may not stand in claim constraints, or makes nothing of them.
fn claim_constraints(certificate: &Certificate) -> [Finding; 4] {
    let constraints = certificate.claim_constraints();
    let is_void =
        |found: &Result<ClaimConstraints, Error>| found.as_ref().is_ok_and(ClaimConstraints::are_void);
    [
        (Deviation::ClaimConstraintsCritical, certificate.extensions.claim_constraints_critical),
        (Deviation::ClaimConstraintsInCa, constraints.is_some() && certificate.is_ca()),
        (Deviation::ClaimConstraintsInvalid, constraints.is_some_and(Result::is_err)),
        (Deviation::ClaimConstraintsVoid, constraints.is_some_and(is_void)),
    ]
}

fn other_extensions(extensions: &[X509Extension<'_>]) -> [Finding; 2] {
    const IN_PROFILE: [Oid<'_>; 7] = [
        oid!(2.5.29.14),
        oid!(2.5.29.15),
        oid!(2.5.29.19),
        oid!(2.5.29.31),
        oid!(2.5.29.32),
        oid!(2.5.29.35),
        oid!(1.3.6.1.5.5.7.1.26),
    ];
    /// Those for whose criticality there is a row of its own, or that must be critical.
    const JUDGED: [Oid<'_>; 6] = [
        oid!(2.5.29.15),
        oid!(2.5.29.19),
        oid!(2.5.29.32),
        oid!(1.3.6.1.5.5.7.1.26),
        oid!(1.3.6.1.5.5.7.1.27),
        oid!(1.3.6.1.5.5.7.1.33),
    ];
    let is_critical = |found: &X509Extension<'_>| found.critical && !JUDGED.contains(&found.oid);
    [
        (Deviation::ExtensionNotInProfile, extensions.iter().any(|found| !IN_PROFILE.contains(&found.oid))),
        (Deviation::ExtensionCritical, extensions.iter().any(is_critical)),
    ]
}

fn find<'a>(extensions: &'a [X509Extension<'a>], oid: &Oid<'_>) -> Option<&'a X509Extension<'a>> {
    extensions.iter().find(|extension| extension.oid == *oid)
}

fn policy_ids(extensions: &[X509Extension<'_>]) -> Vec<Oid<'static>> {
    match find(extensions, &oid!(2.5.29.32)).map(X509Extension::parsed_extension) {
        Some(ParsedExtension::CertificatePolicies(policies)) => {
            policies.iter().map(|policy| policy.policy_id.to_owned()).collect()
        }
        _ => Vec::new(),
    }
}

fn list(certificate: &Certificate) -> Option<&TnAuthList> {
    certificate.tn_auth_list().and_then(|list| list.as_ref().ok())
}

/// `None` for a value that is neither ASCII nor UTF-8. Which string type it has is no rule here.
fn text<'a>(attribute: &AttributeTypeAndValue<'a>) -> Option<&'a str> {
    core::str::from_utf8(attribute.attr_value().data).ok()
}

/// Whether `words` stand in `text` with no letter, digit or underscore right before or behind.
fn contains_words(text: &str, words: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(words).any(|(start, found)| {
        let before = text.get(..start).and_then(|before| before.chars().next_back());
        let behind = text.get(start + found.len()..).and_then(|behind| behind.chars().next());
        !before.is_some_and(is_word) && !behind.is_some_and(is_word)
    })
}

const ANY_POLICY: Oid<'_> = oid!(2.5.29.32.0);
const US_SHAKEN_CP_1_4: Oid<'_> = oid!(2.16.840.1.114569.1.1.4);
const US_SHAKEN_CP: [Oid<'_>; 4] = [
    oid!(2.16.840.1.114569.1.1.1),
    oid!(2.16.840.1.114569.1.1.2),
    oid!(2.16.840.1.114569.1.1.3),
    US_SHAKEN_CP_1_4,
];
