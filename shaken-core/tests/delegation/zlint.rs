//! The certificates of zlint's tests, each with one defect. They are of the web, so almost none
//! keeps to our profile; but many of their defects are defects here too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use shaken_core::cert::profile::{Deviation, deviations};
use shaken_core::{Certificate, Error, pem};
use shaken_test_vectors::suites::suite;

/// A file of the suite: its name below the folder, its bytes, and what becomes of it.
struct File {
    name: String,
    text: String,
    read: Result<Certificate, Error>,
}

/// Every file, in order of the names.
fn files() -> Option<BTreeMap<String, File>> {
    let root = suite("suites/zlint/v3/testdata")?;
    let mut found = BTreeMap::new();
    collect(&root, &root, &mut found);
    Some(found)
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, File>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
            continue;
        }
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&path).unwrap();
        let read = match pem::blocks(&bytes).next() {
            Some(Ok(block)) if block.label() == "CERTIFICATE" => Certificate::from_der(block.der()),
            _ => Err(Error::CertPem),
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        found.insert(name.clone(), File { name, text, read });
    }
}

/// Which of them we read, and why not the others. A file that the golden list does not have is
/// only read.
#[test]
fn what_is_read_stands_in_the_golden_list() {
    let Some(files) = files() else { return };
    let golden: BTreeMap<&str, &str> =
        include_str!("../golden/zlint-read.tsv").lines().filter_map(|line| line.split_once('\t')).collect();
    let mut counts = BTreeMap::<&str, usize>::new();
    let (mut new, mut wrong) = (0, Vec::new());
    for (name, file) in &files {
        let outcome = file.read.as_ref().map_or_else(Error::name, |_| "ok");
        *counts.entry(outcome).or_default() += 1;
        match golden.get(name.as_str()) {
            None => new += 1,
            Some(expected) if *expected == outcome => {}
            Some(_) => wrong.push(format!("{name}\t{outcome}")),
        }
    }
    println!("zlint: {} files, {new} of them not in the golden list: {counts:?}", files.len());
    assert!(wrong.is_empty(), "the golden list has something else for:\n{}", wrong.join("\n"));
    assert!(golden.len() > 1000 && new < files.len());
}

/// The rule of zlint that a file was made for, and what we call it. `-` before the name: the file
/// keeps to the rule.
const LINTS: &[(&str, &str, &str)] = &[
    ("caBasicConstMissing.pem", "e_ca_is_ca", "basic-constraints-missing"),
    ("caBasicConstNotCrit.pem", "e_basic_constraints_not_critical", "basic-constraints-not-critical"),
    ("caBasicConstCrit.pem", "e_basic_constraints_not_critical", "-basic-constraints-not-critical"),
    ("caKeyUsageMissing.pem", "e_ca_key_usage_missing", "key-usage-missing"),
    ("caKeyUsageNotCrit.pem", "e_ca_key_usage_not_critical", "key-usage-not-critical"),
    ("caKeyUsageCrit.pem", "e_ca_key_usage_not_critical", "-key-usage-not-critical"),
    ("caKeyUsageNoCertSign.pem", "e_ca_key_cert_sign_not_set", "key-usage-incomplete"),
    ("caKeyUsageWDigSign.pem", "n_ca_digital_signature_not_set", "-key-usage-incomplete"),
    ("ecdsaP256KUIsKeyEnciphermentInvalidKU.pem", "e_ecdsa_allowed_ku", "key-usage-too-wide"),
    ("ecdsaP256KUIsDigitalSignatureValidKU.pem", "e_ecdsa_allowed_ku", "-key-usage-too-wide"),
    ("ecc_key_dv_with_key_agreement.pem", "w_ecdsa_ee_invalid_ku", "key-usage-too-wide"),
    ("rootCAKeyUsageMissing.pem", "e_root_ca_key_usage_present", "key-usage-missing"),
    ("rootCAKeyUsageNotCritical.pem", "e_root_ca_key_usage_must_be_critical", "key-usage-not-critical"),
    ("rootCAWithCertPolicy.pem", "w_root_ca_contains_cert_policy", "certificate-policies-in-root"),
    ("subCAWNoCertPolicy.pem", "e_sub_ca_certificate_policies_missing", "certificate-policies-missing"),
    (
        "subCAWCertPolicyCrit.pem",
        "w_sub_ca_certificate_policies_marked_critical",
        "certificate-policies-critical",
    ),
    (
        "subCAWCertPolicyNoCrit.pem",
        "w_sub_ca_certificate_policies_marked_critical",
        "-certificate-policies-critical",
    ),
    (
        "subCertPolicyCrit.pem",
        "w_sub_cert_certificate_policies_marked_critical",
        "certificate-policies-critical",
    ),
    ("subCertPolicyMissing.pem", "e_sub_cert_cert_policy_empty", "certificate-policies-missing"),
    ("subCAWNocrlDist.pem", "e_sub_ca_crl_distribution_points_missing", "crl-distribution-points-missing"),
    ("subCAWcrlDistCrit.pem", "e_sub_ca_crl_distribution_points_marked_critical", "extension-critical"),
    // Its distribution points are an empty SEQUENCE, which is no certificate to us.
    ("subCAcrlDistNoURL.pem", "e_sub_ca_crl_distribution_points_does_not_contain_url", "cert-der"),
    (
        "subCrlDistNoURL.pem",
        "e_sub_cert_crl_distribution_points_does_not_contain_url",
        "crl-distribution-point-without-url",
    ),
    (
        "crlDistribNoHTTP.pem",
        "w_distribution_point_missing_ldap_or_uri",
        "crl-distribution-point-without-url",
    ),
    (
        "crlDistribWithHTTP.pem",
        "w_distribution_point_missing_ldap_or_uri",
        "-crl-distribution-point-without-url",
    ),
    ("subCANoSKI.pem", "e_ext_subject_key_identifier_missing_ca", "subject-key-id-missing"),
    ("subCertNoSKI.pem", "w_ext_subject_key_identifier_missing_sub_cert", "subject-key-id-missing"),
    ("skiCriticalCA.pem", "e_ext_subject_key_identifier_critical", "extension-critical"),
    ("akiCritical.pem", "e_ext_authority_key_identifier_critical", "extension-critical"),
    ("akiMissing.pem", "e_ext_authority_key_identifier_missing", "authority-key-id-missing"),
    (
        "akidNoKeyIdentifier.pem",
        "e_ext_authority_key_identifier_no_key_identifier",
        "authority-key-id-missing",
    ),
    ("akidWithKeyID.pem", "e_ext_authority_key_identifier_no_key_identifier", "-authority-key-id-missing"),
    ("serialNumberNegative.pem", "e_serial_number_not_positive", "serial-number-not-positive"),
    ("serialNumberZero.pem", "e_serial_number_not_positive", "serial-number-not-positive"),
    ("serialNumberValid.pem", "e_serial_number_not_positive", "-serial-number-not-positive"),
    ("caMissingCountry.pem", "e_ca_country_name_missing", "subject-country-missing"),
    // Two capital letters that are no country: zlint has the list of them, we look at the form.
    ("caInvalCountryCode.pem", "e_ca_country_name_invalid", "-subject-country-form"),
    ("countryISOLowerCase.pem", "e_subject_dn_country_not_upcase", "subject-country-form"),
    ("caValCountry.pem", "e_ca_country_name_invalid", "-subject-country-form"),
    ("caManyCountriesWithInvalid.pem", "e_ca_country_name_invalid", "subject-country-repeated"),
    ("caOrgNameMissing.pem", "e_ca_organization_name_missing", "subject-organization-missing"),
    ("caValOrgName.pem", "e_ca_organization_name_missing", "-subject-organization-missing"),
    ("caCommonNameMissing.pem", "e_ca_common_name_missing", "subject-common-name-missing"),
    ("extraCommonNames.pem", "w_extra_subject_common_names", "subject-common-name-repeated"),
    ("eccP256.pem", "e_ec_improper_curves", "-key-not-p256"),
    ("eccP384.pem", "e_ec_improper_curves", "key-not-p256"),
    ("ecdsaP224.pem", "e_ec_improper_curves", "key-not-p256"),
    ("certVersion3NoExtensions.pem", "e_invalid_certificate_version", "-version-not-3"),
    ("certVersion1NoExtensions.pem", "e_invalid_certificate_version", "version-not-3"),
    ("certVersion2NoExtensions.pem", "e_invalid_certificate_version", "version-not-3"),
];

#[test]
fn lints_and_deviations() {
    let Some(files) = files() else { return };
    let (mut rules, mut wrong) = (BTreeSet::new(), Vec::new());
    for (name, lint, deviation) in LINTS {
        let (wanted, deviation) = match deviation.strip_prefix('-') {
            Some(kept) => (false, kept),
            None => (true, *deviation),
        };
        let found: Vec<&str> = match &files[*name].read {
            Ok(certificate) => deviations(certificate).iter().map(|found| found.name()).collect(),
            Err(error) => vec![error.name()],
        };
        if found.contains(&deviation) != wanted {
            wrong.push(format!("{name}, {lint}, {deviation}: {found:?}"));
        }
        rules.insert(deviation);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("zlint: {} files for {} rules that both have", LINTS.len(), rules.len());
}

/// Most files have OpenSSL's description of the certificate in front of it. What it says of these
/// rules we must say too.
const DESCRIBED: &[Deviation] = &[
    Deviation::AuthorityKeyIdMissing,
    Deviation::BasicConstraintsMissing,
    Deviation::BasicConstraintsNotCritical,
    Deviation::CertificatePoliciesCritical,
    Deviation::CertificatePoliciesInRoot,
    Deviation::CertificatePoliciesMissing,
    Deviation::CrlDistributionPointsInRoot,
    Deviation::CrlDistributionPointsMissing,
    Deviation::KeyNotP256,
    Deviation::KeyUsageMissing,
    Deviation::KeyUsageNotCritical,
    Deviation::SubjectCountryMissing,
    Deviation::SubjectCountryRepeated,
    Deviation::SubjectOrganizationMissing,
    Deviation::SubjectOrganizationRepeated,
    Deviation::SubjectKeyIdMissing,
    Deviation::VersionNot3,
];

#[test]
fn descriptions_and_deviations() {
    let Some(files) = files() else { return };
    let (mut compared, mut differing) = (0, Vec::new());
    let mut agreed = BTreeMap::<&str, usize>::new();
    for file in files.values() {
        let (Ok(certificate), Some(described)) = (&file.read, Description::of(&file.text)) else {
            continue;
        };
        let ours: BTreeSet<Deviation> =
            deviations(certificate).into_iter().filter(|found| DESCRIBED.contains(found)).collect();
        let theirs = described.deviations();
        compared += 1;
        for deviation in ours.intersection(&theirs) {
            *agreed.entry(deviation.name()).or_default() += 1;
        }
        for deviation in ours.symmetric_difference(&theirs) {
            let by = if ours.contains(deviation) { "ours" } else { "theirs" };
            differing.push(format!("{} {by} {}", file.name, deviation.name()));
        }
    }
    println!("zlint: {compared} certificates against their descriptions");
    for (name, count) in agreed {
        println!("  {count:>4} {name}");
    }
    println!("{}", differing.join("\n"));
    assert!(compared > 700);
    assert!(differing.is_empty());
}

/// What OpenSSL wrote about one certificate.
struct Description<'a> {
    text: &'a str,
    is_ca: bool,
    is_root: bool,
    subject: Vec<&'a str>,
}

impl<'a> Description<'a> {
    /// `None` if there is no description of the form `Subject: C = US, O = ...`.
    fn of(text: &'a str) -> Option<Self> {
        let text = &text[text.find("Certificate:\n")?..text.find("-----BEGIN")?];
        let name = |label| {
            let line = text.lines().find_map(|line| line.trim_start().strip_prefix(label))?;
            Some(line.trim())
        };
        let (issuer, subject) = (name("Issuer:")?, name("Subject:")?);
        let is_ca = text.contains("CA:TRUE");
        let subject_parts: Vec<&str> = subject.split(", ").flat_map(|part| part.split(" + ")).collect();
        subject_parts.iter().all(|part| part.contains(" = ")).then(|| Self {
            text,
            is_ca,
            is_root: is_ca && issuer == subject,
            subject: subject_parts,
        })
    }

    fn deviations(&self) -> BTreeSet<Deviation> {
        let count = |kind: &str| self.subject.iter().filter(|part| part.starts_with(kind)).count();
        let (has, is_critical) = (
            |name: &str| self.line(name).is_some(),
            |name: &str| self.line(name).is_some_and(|line| line.contains("critical")),
        );
        let (constraints, usage) = ("X509v3 Basic Constraints:", "X509v3 Key Usage:");
        let (policies, points) = ("X509v3 Certificate Policies:", "X509v3 CRL Distribution Points:");
        [
            (Deviation::AuthorityKeyIdMissing, !self.is_root && !self.has_authority_key_id()),
            (Deviation::BasicConstraintsMissing, !has(constraints)),
            (Deviation::BasicConstraintsNotCritical, has(constraints) && !is_critical(constraints)),
            (Deviation::CertificatePoliciesCritical, is_critical(policies)),
            (Deviation::CertificatePoliciesInRoot, self.is_root && has(policies)),
            (Deviation::CertificatePoliciesMissing, !self.is_root && !has(policies)),
            (Deviation::CrlDistributionPointsInRoot, self.is_root && has(points)),
            (Deviation::CrlDistributionPointsMissing, !self.is_root && !has(points)),
            (Deviation::KeyNotP256, !self.is_ca && !self.text.contains("ASN1 OID: prime256v1")),
            (Deviation::KeyUsageMissing, !has(usage)),
            (Deviation::KeyUsageNotCritical, has(usage) && !is_critical(usage)),
            (Deviation::SubjectCountryMissing, count("C = ") == 0),
            (Deviation::SubjectCountryRepeated, count("C = ") > 1),
            (Deviation::SubjectOrganizationMissing, count("O = ") == 0),
            (Deviation::SubjectOrganizationRepeated, count("O = ") > 1),
            (Deviation::SubjectKeyIdMissing, !has("X509v3 Subject Key Identifier:")),
            (Deviation::VersionNot3, !self.text.contains("Version: 3 (0x2)")),
        ]
        .into_iter()
        .filter_map(|(deviation, broken)| broken.then_some(deviation))
        .collect()
    }

    fn line(&self, name: &str) -> Option<&'a str> {
        self.text.lines().find(|line| line.trim_start().starts_with(name))
    }

    /// Newer versions write the identifier without `keyid:`.
    fn has_authority_key_id(&self) -> bool {
        let mut lines =
            self.text.lines().skip_while(|line| !line.contains("X509v3 Authority Key Identifier:"));
        let value = lines.nth(1).map(str::trim).unwrap_or_default();
        value.starts_with("keyid:") || value.len() > 2 && value.as_bytes()[2] == b':'
    }
}
