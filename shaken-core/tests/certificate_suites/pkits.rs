//! NIST PKITS: path validation with revocation lists and certificate policies.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use shaken_core::cert::{check_path, crl::Crl};
use shaken_core::trust::{RevocationPolicy, StiPa};
use shaken_core::{Certificate, Error, Trust};
use shaken_test_vectors::suites::{suite, suite_text};

/// Name of the row, what we answer, and why it is another thing than the suite expects.
const DEVIATIONS: [(&str, &str, &str); 5] = [
    ("40104_valid_dsa_signatures_test4", "PathValidationError", DSA),
    ("40105_valid_dsa_parameter_inheritance_test5", "PathValidationError", DSA),
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

const DSA: &str = "RFC 8226 §4 knows ECDSA and RSA; DSA is not offered";

/// 2020-01-01, within the dates of the suite.
const NOW: i64 = 1_577_836_800;

#[test]
fn rows() {
    let Some(text) = suite_text("suites/nist-pkits/expected-subset.json") else { return };
    let folder = suite("suites/nist-pkits").unwrap();
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut differing = Vec::new();
    for row in &rows {
        let outcome = judge(&folder, row);
        let word = match &outcome {
            Ok(()) => "OK",
            Err(Error::CertRevoked { .. }) => "RevokedError",
            Err(_) => "PathValidationError",
        };
        if word != row["expect"].as_str().unwrap() {
            differing.push((row["name"].as_str().unwrap(), word));
        }
    }
    println!("PKITS: {} rows, {} deviate as listed", rows.len(), differing.len());
    assert_eq!(differing, DEVIATIONS.map(|(name, word, _)| (name, word)));
    assert_eq!(rows.len(), 172);
}

/// With every certificate of the path covered by a list or refused.
fn judge(folder: &Path, row: &Value) -> Result<(), Error> {
    let certificate = |file: &str| Certificate::from_der(&fs::read(folder.join("certs").join(file)).unwrap());
    let names = |member: &str| {
        row[member].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect::<Vec<_>>()
    };
    let anchor = STANDARD.encode(fs::read(folder.join("certs/TrustAnchorRootCertificate.crt")).unwrap());
    let anchor = format!("-----BEGIN CERTIFICATE-----\n{anchor}\n-----END CERTIFICATE-----\n");
    let sti_pa = StiPa::from_pem(anchor.as_bytes())?;
    let mut trust = Trust::from_pem(anchor.as_bytes())?.with_revocation_policy(RevocationPolicy::FailClosed);
    let others = names("others").into_iter().map(certificate).collect::<Result<Vec<_>, _>>()?;
    for file in names("crls") {
        let list = fs::read(folder.join("crls").join(file)).unwrap();
        if let Ok(list) = Crl::from_der(&list).and_then(|list| list.verify(&others, &sti_pa, NOW)) {
            // One list of a series may be older than another, as where a CA has two.
            let _ = trust.update_crl(Arc::new(list));
        }
    }
    check_path(&certificate(row["ee"].as_str().unwrap())?, &others, &trust, NOW)
}
