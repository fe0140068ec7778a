//! Revocation lists of other projects: damaged ones by the thousand, real ones, and those that
//! state what must become of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use shaken_core::cert::check_path;
use shaken_core::cert::crl::Crl;
use shaken_core::trust::{RevocationPolicy, StiPa};
use shaken_core::{Certificate, Error, Trust};
use shaken_test_vectors::suites::{suite, suite_text};

use crate::rig::{NOW, World, certificates, sign, to_pem, verify_body};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

/// Every file is read as a list, walked, and its entries are put under a good signature, since
/// nothing gets at them otherwise. What is accepted takes at most 16 times the file.
#[test]
fn damaged_lists_neither_panic_nor_grow() {
    let Some(folder) = suite("suites/openssl-fuzz-corpora/crl") else { return };
    let world = World::new();
    let (mut count, mut read, mut walked, mut signed, mut accepted, mut most) = (0, 0, 0, 0, 0, 0.0_f64);
    for path in files(&folder) {
        let bytes = fs::read(&path).unwrap();
        count += 1;
        if let Ok(crl) = Crl::from_der(&bytes) {
            read += 1;
            walked += usize::from(crl.entries().all(|entry| entry.is_ok()));
            assert!(crl.verify(&[world.crl_signer.certificate()], &world.sti_pa(), i64::MAX).is_err());
        }
        for revoked_certificates in revoked_certificates(&bytes) {
            let der = sign(&world.list().tbs_over(revoked_certificates), &world.crl_signer.key);
            signed += 1;
            if let Ok(crl) = world.verify(&der, NOW) {
                accepted += 1;
                most = most.max(crl.memory_bytes() as f64 / der.len() as f64);
                assert!(crl.memory_bytes() <= 16 * der.len(), "{}", path.display());
            }
        }
    }
    println!(
        "openssl crl corpus: {count} files, no panic; {read} read as lists, {walked} of them to the last entry; {signed} sets of entries put under a good signature, {accepted} accepted, at most {most:.1} times their length kept"
    );
    assert!(count > 0 && read > 0 && accepted > 0);
}

/// What could be revokedCertificates: every SEQUENCE of SEQUENCEs that begin with an INTEGER.
fn revoked_certificates(bytes: &[u8]) -> Vec<&[u8]> {
    let starts = bytes.windows(3).enumerate().filter(|(_, w)| w[0] == 0x30);
    starts
        .filter_map(|(at, _)| element(&bytes[at..]))
        .filter(|e| {
            let header_len = if e[1] < 0x80 { 2 } else { 2 + usize::from(e[1] & 0x7f) };
            matches!(e.get(header_len..), Some([0x30, 0..=0x7f, 0x02, ..]))
        })
        .collect()
}

fn element(bytes: &[u8]) -> Option<&[u8]> {
    let (header_len, len) = match *bytes.get(1)? {
        short @ 0..=0x7f => (2, usize::from(short)),
        0x81 => (3, usize::from(*bytes.get(2)?)),
        0x82 => (4, usize::from(*bytes.get(2)?) << 8 | usize::from(*bytes.get(3)?)),
        _ => return None,
    };
    bytes.get(..header_len + len)
}

/// The lists of `rustls-webpki`: what each file name says is wrong is what is reported, or nothing
/// where it names a thing that we read.
#[test]
fn lists_of_rustls_webpki() {
    let Some(folder) = suite("suites/rustls-webpki/tests/crls") else { return };
    let mut count = 0;
    for path in files(&folder) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.ends_with(".der") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let outcome =
            Crl::from_der(&bytes).and_then(|crl| crl.entries().try_for_each(|entry| entry.map(drop)));
        let expected = match name {
            "crl.delta.der" | "crl.unknown.crit.ext.der" | "crl.entry.unknown.crit.ext.der" => {
                "crl-critical-extension"
            }
            "crl.missing.exts.der" => "crl-number",
            "crl.idp.invalid.name.der"
            | "crl.idp.unknown.tag.der"
            | "crl.idp.invalid.bool.der"
            | "crl.too.long.crl.number.der"
            | "crl.negative.crl.number.der"
            | "crl.wrong.version.der"
            | "crl.mismatched.sigalg.der"
            | "crl.missing.next.update.der"
            | "crl.invalid.this.update.time.der"
            | "crl.entry.invalid.reason.der"
            | "crl.entry.issuer.ext.der" => "crl-der",
            _ => "ok",
        };
        assert_eq!(outcome.map_or_else(|error| error.name(), |()| "ok"), expected, "{name}");
        count += 1;
    }
    let Some(folder) = suite("suites/rustls-webpki/tests/amazon") else { return };
    let mut real = 0;
    for path in files(&folder).iter().filter(|path| path.extension().is_some_and(|e| e == "crl")) {
        let bytes = fs::read(path).unwrap();
        let crl = Crl::from_der(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(crl.entries().all(|entry| entry.is_ok()), "{}", path.display());
        real += 1;
    }
    println!("rustls-webpki: {count} made lists as their names say, {real} real ones read");
    assert!(count > 20 && real > 10);
}

/// The cases of `x509-limbo` with revocation lists, judged with every certificate covered or
/// refused.
#[test]
fn lists_of_limbo() {
    let Some(text) = suite_text("suites/x509-limbo/limbo-noBetterTLS.json") else { return };
    let suite: Value = serde_json::from_str(&text).unwrap();
    let mut count = 0;
    for case in suite["testcases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        if !id.starts_with("crl::") {
            continue;
        }
        let joined = |member: &str| -> String {
            case[member].as_array().unwrap().iter().map(|pem| pem.as_str().unwrap()).collect()
        };
        let (anchors, chain) = (joined("trusted_certs"), joined("untrusted_intermediates"));
        assert!(chain.is_empty(), "{id}");
        let now = match case["validation_time"].as_str().unwrap() {
            "1970-01-01T00:00:03+00:00" => 3,
            "2024-01-01T00:00:00+00:00" => 1_704_067_200,
            other => panic!("{id}: {other}"),
        };
        let sti_pa = StiPa::from_pem(anchors.as_bytes()).unwrap();
        let mut trust =
            Trust::from_pem(anchors.as_bytes()).unwrap().with_revocation_policy(RevocationPolicy::FailClosed);
        for list in case["crls"].as_array().unwrap() {
            let body = list.as_str().unwrap().as_bytes();
            if let Ok(crl) = verify_body(body, &[], &sti_pa, now) {
                trust.update_crl(Arc::new(crl)).unwrap();
            }
        }
        let leaf = certificates(case["peer_certificate"].as_str().unwrap()).remove(0);
        let outcome = check_path(&leaf, &[], &trust, now);
        assert_eq!(outcome.is_ok(), case["expected_result"] == "SUCCESS", "{id}: {outcome:?}");
        if id == "crl::revoked-certificate-with-crl" {
            assert!(matches!(outcome, Err(Error::CertRevoked { depth: 0, .. })), "{outcome:?}");
        }
        count += 1;
    }
    println!("x509-limbo: {count} cases with revocation lists as expected");
    assert_eq!(count, 8);
}

/// The rows of NIST PKITS about revocation lists (sections 4.4, 4.5, 4.14, 4.15), each certificate
/// covered or refused. What differs stands here with its reason.
#[test]
fn lists_of_pkits() {
    let Some(text) = suite_text("suites/nist-pkits/expected-subset.json") else { return };
    let folder = suite("suites/nist-pkits").unwrap();
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    let certificate = |file: &Value| {
        Certificate::from_der(&fs::read(folder.join("certs").join(file.as_str().unwrap())).unwrap())
    };
    let anchor = fs::read(folder.join("certs/TrustAnchorRootCertificate.crt")).unwrap();
    let anchor = to_pem("CERTIFICATE", &anchor);
    let (mut count, mut revoked, mut differ) = (0, 0, Vec::new());
    for row in &rows {
        let name = row["name"].as_str().unwrap();
        if !["404", "405", "414", "415"].iter().any(|section| name.starts_with(section)) {
            continue;
        }
        let others = row["others"].as_array().unwrap().iter().map(certificate).collect::<Result<Vec<_>, _>>();
        let outcome = others.and_then(|others| {
            let sti_pa = StiPa::from_pem(anchor.as_bytes())?;
            let mut trust =
                Trust::from_pem(anchor.as_bytes())?.with_revocation_policy(RevocationPolicy::FailClosed);
            for list in row["crls"].as_array().unwrap() {
                let body = fs::read(folder.join("crls").join(list.as_str().unwrap())).unwrap();
                if let Ok(crl) = verify_body(&body, &others, &sti_pa, PKITS_NOW) {
                    let _ = trust.update_crl(Arc::new(crl));
                }
            }
            check_path(&certificate(&row["ee"])?, &others, &trust, PKITS_NOW)
        });
        let expected = row["expect"].as_str().unwrap();
        let word = match &outcome {
            Ok(()) => "OK",
            Err(Error::CertRevoked { .. }) => "RevokedError",
            Err(_) => "PathValidationError",
        };
        if word != expected {
            differ.push((name, word));
        }
        revoked += usize::from(word == "RevokedError");
        count += 1;
    }
    println!(
        "PKITS on revocation lists: {count} rows, {revoked} revoked, {} differ as explained",
        differ.len()
    );
    assert_eq!(differ, PKITS_DIFFERENCES.map(|(name, outcome, _)| (name, outcome)));
    assert_eq!(count, 74);
}

/// Name of the row, what we answer, and why.
const PKITS_DIFFERENCES: [(&str, &str, &str); 3] = [
    (
        "40421_invalid_separate_certificate_and_crl_keys_test21",
        "OK",
        "the certificate of the list's signer is itself revoked, by another list: the STI-PA publishes one list, \
         which cannot revoke its own signer",
    ),
    ("41504_invalid_deltacrl_test4", "OK", "listed in a delta list alone, and delta lists are refused"),
    (
        "41505_valid_deltacrl_test5",
        "RevokedError",
        "on hold in the full list and taken from it by a delta list, and delta lists are refused",
    ),
];

/// 2020-01-01, within the dates of the suite.
const PKITS_NOW: i64 = 1_577_836_800;
