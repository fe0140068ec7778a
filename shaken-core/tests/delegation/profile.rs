//! The certificate profile: each rule broken alone, and the certificates of the live world.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shaken_core::cert::profile::{Deviation, Role, deviations};
use shaken_core::{Certificate, pem};
use shaken_test_vectors::suites::suite_text;

use crate::der::{bytes, implicit, oid, sequence};
use crate::made::*;
use crate::rig::{list, one, range, spc};
use crate::vectors::Vectors;

#[test]
fn what_keeps_to_the_profile_has_no_deviation() {
    for (made, role) in
        [(Made::leaf(), Role::Leaf), (Made::intermediate(), Role::Intermediate), (Made::root(), Role::Root)]
    {
        let certificate = made.certificate();
        assert_eq!((Role::of(&certificate), deviations(&certificate)), (role, vec![]));
    }
    // What the profile allows beside what is usual.
    for (start, change) in [
        (Made::leaf as fn() -> Made, (|made| made.subject[2].1 = "Acme SHAKEN 1234".into()) as fn(&mut Made)),
        (Made::leaf, |made| made.subject[2].1 = "SHAKEN 1234 (2)".into()),
        (Made::leaf, |made| made.subject.push((&[2, 5, 4, 7], "Springfield".into()))),
        (Made::leaf, |made| {
            made.replace(CRL_POINTS, sequence(&point(Some("http://pa.example.com/crl"), true)))
        }),
        (Made::leaf, |made| made.serial = vec![0x00, 0x81, 2, 3, 4, 5, 6, 7, 8]),
        // The United States' policy binds the United States.
        (Made::leaf, |made| {
            made.subject[0].1 = "CA".into();
            made.replace(POLICIES, policies(&[&[1, 3, 6, 1, 4, 1, 56_223, 1]]));
        }),
        (Made::leaf, |made| made.replace(POLICIES, policies(&[CP_1_3]))),
        (Made::intermediate, |made| made.replace(POLICIES, policies(&[&[2, 5, 29, 32, 0]]))),
        (Made::intermediate, |made| made.algorithm = ECDSA_SHA384),
        (Made::intermediate, |made| made.curve = P384),
        // Policy 1.4 took the other key usages away from CAs.
        (Made::intermediate, |made| {
            made.replace(POLICIES, policies(&[CP_1_3]));
            made.replace(KEY_USAGE, usage(KEY_CERT_SIGN | CRL_SIGN | DIGITAL_SIGNATURE));
        }),
        (Made::root, |made| made.replace(KEY_USAGE, usage(KEY_CERT_SIGN | CRL_SIGN))),
        (Made::root, |made| {
            made.extensions.push((AUTHORITY_KEY_ID, false, sequence(&implicit(0, &[7; 20]))));
        }),
    ] {
        let mut made = start();
        change(&mut made);
        assert_eq!(deviations(&made.certificate()), [], "{:?}", made.certificate());
    }
}

const CP_1_3: &[u64] = &[2, 16, 840, 1, 114_569, 1, 1, 3];

/// The names of what is found, what to start from, and what is done to it.
struct Case(&'static str, fn() -> Made, fn(&mut Made));

/// Each rule broken alone: the names of what is found are exactly those of what was done.
#[test]
fn each_defect_is_named() {
    let (leaf, intermediate, root) = (Made::leaf, Made::intermediate, Made::root);
    let cases = [
        Case("authority-key-id-mismatch", root, |made| {
            made.extensions.push((AUTHORITY_KEY_ID, false, sequence(&implicit(0, &[9; 20]))));
        }),
        Case("authority-key-id-missing", leaf, |made| made.remove(AUTHORITY_KEY_ID)),
        // One that names the issuer by name and serial number only.
        Case("authority-key-id-missing", intermediate, |made| made.replace(AUTHORITY_KEY_ID, sequence(&[]))),
        Case("basic-constraints-missing", leaf, |made| made.remove(BASIC_CONSTRAINTS)),
        Case("basic-constraints-not-critical", leaf, |made| made.turn_critical(BASIC_CONSTRAINTS)),
        Case("basic-constraints-not-critical", root, |made| made.turn_critical(BASIC_CONSTRAINTS)),
        Case("certificate-policies-critical", intermediate, |made| made.turn_critical(POLICIES)),
        Case("certificate-policies-in-root", root, |made| {
            made.extensions.push((POLICIES, false, policies(&[CP_1_4])))
        }),
        Case("certificate-policies-missing", leaf, |made| made.remove(POLICIES)),
        Case("certificate-policies-not-single", leaf, |made| {
            made.replace(POLICIES, policies(&[CP_1_4, &[2, 16, 840, 1, 114_569, 1, 1, 2]]));
        }),
        Case("certificate-policy-not-us-shaken", leaf, |made| {
            made.replace(POLICIES, policies(&[&[1, 2, 3]]))
        }),
        // Any policy is for CAs.
        Case("certificate-policy-not-us-shaken", leaf, |made| {
            made.replace(POLICIES, policies(&[&[2, 5, 29, 32, 0]]))
        }),
        // The profile has no claim constraints: they are for delegates.
        Case("claim-constraints-critical extension-not-in-profile", leaf, |made| {
            made.extensions.push((CLAIM_CONSTRAINTS, true, must_include("attest")));
        }),
        Case("claim-constraints-critical extension-not-in-profile", leaf, |made| {
            made.extensions.push((ENHANCED_CLAIM_CONSTRAINTS, true, must_exclude("rcd")));
        }),
        Case("claim-constraints-in-ca extension-not-in-profile", intermediate, |made| {
            made.extensions.push((CLAIM_CONSTRAINTS, false, must_include("attest")));
        }),
        Case("claim-constraints-invalid extension-not-in-profile", leaf, |made| {
            made.extensions.push((CLAIM_CONSTRAINTS, false, sequence(&[])));
        }),
        Case("claim-constraints-invalid extension-not-in-profile", leaf, |made| {
            made.extensions.push((CLAIM_CONSTRAINTS, false, must_include("attest")));
            made.extensions.push((ENHANCED_CLAIM_CONSTRAINTS, false, must_exclude("rcd")));
        }),
        Case("claim-constraints-void extension-not-in-profile", leaf, |made| {
            made.extensions.push((ENHANCED_CLAIM_CONSTRAINTS, false, must_exclude("iat")));
        }),
        Case("crl-distribution-point-without-issuer", leaf, |made| {
            made.replace(CRL_POINTS, sequence(&point(Some("https://pa.example.com/crl"), false)));
        }),
        Case("crl-distribution-point-without-url", leaf, |made| {
            made.replace(CRL_POINTS, sequence(&point(None, true)))
        }),
        Case("crl-distribution-point-without-url", leaf, |made| {
            made.replace(CRL_POINTS, sequence(&point(Some("ldap://pa.example.com/crl"), true)));
        }),
        Case("crl-distribution-points-in-root", root, |made| {
            made.extensions.push((
                CRL_POINTS,
                false,
                sequence(&point(Some("https://pa.example.com/crl"), true)),
            ));
        }),
        Case("crl-distribution-points-missing", intermediate, |made| made.remove(CRL_POINTS)),
        Case("crl-distribution-points-not-single", leaf, |made| {
            let point = point(Some("https://pa.example.com/crl"), true);
            made.replace(CRL_POINTS, sequence(&[point.clone(), point].concat()));
        }),
        Case("extension-critical", leaf, |made| made.turn_critical(CRL_POINTS)),
        Case("extension-critical", root, |made| made.turn_critical(SUBJECT_KEY_ID)),
        Case("extension-not-in-profile", leaf, |made| {
            let server_auth = sequence(&oid(&[1, 3, 6, 1, 5, 5, 7, 3, 1]));
            made.extensions.push((EXTENDED_KEY_USAGE, false, server_auth));
        }),
        Case("extension-not-in-profile", root, |made| made.extensions.push((&[1, 2, 3], false, vec![5, 0]))),
        Case("key-not-p256", leaf, |made| made.curve = P384),
        Case("key-not-p256-or-p384", intermediate, |made| made.curve = P521),
        Case("key-usage-incomplete key-usage-too-wide", leaf, |made| {
            made.replace(KEY_USAGE, usage(KEY_ENCIPHERMENT))
        }),
        Case("key-usage-incomplete", root, |made| made.replace(KEY_USAGE, usage(CRL_SIGN))),
        Case("key-usage-missing", leaf, |made| made.remove(KEY_USAGE)),
        Case("key-usage-not-critical", intermediate, |made| made.turn_critical(KEY_USAGE)),
        Case("key-usage-too-wide", leaf, |made| made.replace(KEY_USAGE, usage(DIGITAL_SIGNATURE | CRL_SIGN))),
        Case("key-usage-too-wide", leaf, |made| {
            made.replace(KEY_USAGE, usage(DIGITAL_SIGNATURE | KEY_ENCIPHERMENT))
        }),
        Case("key-usage-too-wide", intermediate, |made| {
            made.replace(KEY_USAGE, usage(KEY_CERT_SIGN | CRL_SIGN))
        }),
        Case("key-usage-too-wide", root, |made| {
            made.replace(KEY_USAGE, usage(KEY_CERT_SIGN | KEY_ENCIPHERMENT))
        }),
        Case("serial-number-not-positive", leaf, |made| made.serial = vec![0x81, 2, 3, 4, 5, 6, 7, 8]),
        Case("serial-number-not-positive serial-number-short", leaf, |made| made.serial = vec![0]),
        Case("serial-number-short", root, |made| made.serial = vec![0x00, 0x81, 2, 3, 4, 5, 6, 7]),
        Case("signature-not-ecdsa-sha2", root, |made| made.algorithm = RSA_SHA256),
        Case("signature-not-ecdsa-sha256", leaf, |made| made.algorithm = ECDSA_SHA384),
        Case("spc-form", leaf, |made| {
            made.replace(TN_AUTH_LIST, list(&[spc("583j")]));
            made.subject[2].1 = "SHAKEN 583j".into();
        }),
        Case("subject-common-name-missing subject-not-shaken subject-without-spc", leaf, |made| {
            made.subject.remove(2);
        }),
        Case("subject-common-name-repeated", leaf, |made| made.subject.push((COMMON_NAME, "other".into()))),
        Case("subject-country-form", leaf, |made| made.subject[0].1 = "us".into()),
        Case("subject-country-form", intermediate, |made| made.subject[0].1 = "USA".into()),
        Case("subject-country-missing", leaf, |made| drop(made.subject.remove(0))),
        Case("subject-country-repeated", leaf, |made| made.subject.push((COUNTRY, "US".into()))),
        Case("subject-not-root", root, |made| {
            made.subject[2].1 = "Test SHAKEN anchor".into();
            made.self_issued();
        }),
        Case("subject-not-shaken", intermediate, |made| made.subject[2].1 = "Test Shaken CA".into()),
        Case("subject-organization-missing", leaf, |made| drop(made.subject.remove(1))),
        Case("subject-organization-repeated", root, |made| {
            made.subject.push((ORGANIZATION, "Test".into()));
            made.self_issued();
        }),
        Case("subject-without-spc", leaf, |made| made.subject[2].1 = "SHAKEN Test 1234".into()),
        Case("subject-without-spc", leaf, |made| made.subject[2].1 = "SHAKEN 12345".into()),
        Case("subject-without-spc", leaf, |made| made.subject[2].1 = "XSHAKEN 1234".into()),
        Case("subject-key-id-length", leaf, |made| made.replace(SUBJECT_KEY_ID, bytes(0x04, &[7; 32]))),
        Case("subject-key-id-missing", root, |made| made.remove(SUBJECT_KEY_ID)),
        Case("extension-not-in-profile tn-auth-list-by-reference", leaf, |made| {
            made.remove(TN_AUTH_LIST);
            let method = oid(&[1, 3, 6, 1, 5, 5, 7, 48, 14]);
            let description = [method, implicit(6, b"https://cr.example.com/list")].concat();
            made.extensions.push((INFO_ACCESS, false, sequence(&sequence(&description))));
        }),
        Case("tn-auth-list-critical", leaf, |made| made.turn_critical(TN_AUTH_LIST)),
        Case("tn-auth-list-in-ca", intermediate, |made| {
            made.extensions.push((TN_AUTH_LIST, false, list(&[range("12155550100", 100)])));
        }),
        Case("tn-auth-list-invalid", leaf, |made| made.replace(TN_AUTH_LIST, sequence(&[]))),
        Case("tn-auth-list-missing", leaf, |made| made.remove(TN_AUTH_LIST)),
        Case("tn-auth-list-not-single-spc", leaf, |made| {
            made.replace(TN_AUTH_LIST, list(&[spc("1234"), spc("5678")]));
        }),
        Case("tn-auth-list-not-single-spc tn-auth-list-with-numbers", leaf, |made| {
            made.replace(TN_AUTH_LIST, list(&[one("12155550121")]));
        }),
        Case("tn-auth-list-with-numbers", leaf, |made| {
            made.replace(TN_AUTH_LIST, list(&[spc("1234"), range("12155550100", 100)]));
        }),
        Case(
            "authority-key-id-missing basic-constraints-missing certificate-policies-missing \
             crl-distribution-points-missing key-usage-missing subject-key-id-missing \
             tn-auth-list-missing version-not-3",
            leaf,
            |made| {
                made.version = 1;
                made.extensions.clear();
            },
        ),
    ];
    let mut seen = BTreeSet::new();
    for Case(expected, start, change) in &cases {
        let mut made = start();
        change(&mut made);
        let found: Vec<&str> = deviations(&made.certificate()).iter().map(|found| found.name()).collect();
        assert_eq!(found.join(" "), *expected, "{:?}", made.certificate());
        seen.extend(found);
    }
    let all: BTreeSet<&str> = Deviation::ALL.iter().map(|deviation| deviation.name()).collect();
    assert_eq!(seen, all, "a rule without a case");
    println!("profile: {} defects, {} rules", cases.len(), all.len());
}

const CP_1_4: &[u64] = &[2, 16, 840, 1, 114_569, 1, 1, 4];

/// The certificates of the test PKI were made to the profile, but for what they are there to show.
#[test]
fn the_external_pki() {
    let Some(vectors) = Vectors::read() else { return };
    for (name, expected) in [
        ("root", ""),
        ("ica", ""),
        ("ica2", ""),
        ("leaf", ""),
        ("rev1", ""),
        ("same2", ""),
        ("subca", "tn-auth-list-in-ca"),
        ("dele", "subject-not-shaken tn-auth-list-not-single-spc tn-auth-list-with-numbers"),
        ("byref", "extension-not-in-profile subject-not-shaken tn-auth-list-by-reference"),
    ] {
        let block = pem::blocks(vectors.pem(name).as_bytes()).next().unwrap().unwrap();
        let found = deviations(&Certificate::from_der(block.der()).unwrap());
        let found: Vec<&str> = found.iter().map(|found| found.name()).collect();
        assert_eq!(found.join(" "), expected, "{name}");
    }
}

/// How much of the live world keeps to the profile. About half deviates, which is why nothing of
/// this refuses a certificate.
#[test]
fn the_live_world() {
    let Some(rows) = suite_text("real/sti-certificates.tsv") else { return };
    let leaves = rows.lines().filter(|row| !row.starts_with('#')).filter_map(|row| {
        let der = STANDARD.decode(row.rsplit('\t').next().unwrap()).unwrap();
        Certificate::from_der(&der).ok()
    });
    let mut all: Vec<Certificate> = leaves.collect();
    for bundle in ["real/sti-roots.pem", "real/sti-intermediates.pem"] {
        let text = suite_text(bundle).unwrap();
        all.extend(
            pem::blocks(text.as_bytes()).map(|block| Certificate::from_der(block.unwrap().der()).unwrap()),
        );
    }
    for role in [Role::Leaf, Role::Intermediate, Role::Root] {
        let mut counts = BTreeMap::<&str, usize>::new();
        let (mut certificates, mut deviating, mut in_all) = (0, 0, 0);
        for certificate in all.iter().filter(|certificate| Role::of(certificate) == role) {
            let found = deviations(certificate);
            certificates += 1;
            deviating += usize::from(!found.is_empty());
            in_all += found.len();
            for deviation in found {
                *counts.entry(deviation.name()).or_default() += 1;
            }
        }
        println!("live {}: {certificates} certificates, {deviating} deviate", role.name());
        for (name, count) in &counts {
            println!("  {count:>4} {name}");
        }
        assert_eq!(counts.values().sum::<usize>(), in_all);
        assert!(certificates > 0 && deviating > 0 && deviating < certificates);
    }
}
