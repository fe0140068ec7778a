//! `x509-limbo`: path validation, with paths made to hold a verifier up.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use shaken_core::cert::{check_path, crl, crl::Crl, signing_certificate};
use shaken_core::trust::{RevocationPolicy, StiPa};
use shaken_core::{Certificate, Error, Trust, pem};
use shaken_test_vectors::suites::suite_text;

use crate::clock::{LIMIT, timed};

/// Id of the case, and why we answer otherwise than it expects.
const DEVIATIONS: [(&str, &str); 5] = [
    ("rfc5280::aki::leaf-missing-aki", KEY_ID_OF_ISSUER),
    ("rfc5280::aki::intermediate-missing-aki", KEY_ID_OF_ISSUER),
    (
        "rfc5280::aki::cross-signed-root-missing-aki",
        "cve::cve-2024-0567 has the same anchor and expects it to be accepted",
    ),
    (
        "rfc5280::ski::intermediate-missing-ski",
        "without subjectKeyIdentifier, the issuers of one name are tried one after the other, within the budget",
    ),
    (
        "rfc5280::pc::ica-noncritical-pc",
        "policyConstraints is kept whether it is critical or not; 13 PKITS rows, 4.8.10 among them, expect such \
         CAs to be accepted",
    ),
];

const KEY_ID_OF_ISSUER: &str = "authorityKeyIdentifier only helps to find the issuer, whose signature decides; an \
                                intermediate of a live STI-CA has none";

#[test]
fn cases() {
    let Some(text) = suite_text("suites/x509-limbo/limbo-noBetterTLS.json") else { return };
    let applies = suite_text("suites/x509-limbo/applies.tsv").unwrap();
    let applies = |id: &str| {
        let row = applies.lines().find(|row| row.split('\t').next() == Some(id)).unwrap();
        row.split('\t').nth(2).unwrap().to_owned()
    };
    let suite: Value = serde_json::from_str(&text).unwrap();
    let (mut applicable, mut differing, mut slowest) = (0, Vec::new(), (Duration::ZERO, ""));
    let cases = suite["testcases"].as_array().unwrap();
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let note = applies(id);
        let (outcome, taken) = timed(id, LIMIT, || judge(case, &note));
        slowest = slowest.max((taken, id));
        if !note.starts_with("yes") {
            continue;
        }
        applicable += 1;
        if outcome.is_ok() != (case["expected_result"] == "SUCCESS") {
            differing.push((id, outcome));
        }
    }
    println!(
        "x509-limbo: {} cases without a panic, {applicable} apply, {} of them deviate as listed; slowest {:?} ({})",
        cases.len(),
        differing.len(),
        slowest.0,
        slowest.1
    );
    let mut ids: Vec<_> = differing.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    let mut listed = DEVIATIONS.map(|(id, _)| id);
    listed.sort_unstable();
    assert_eq!(ids, listed, "{differing:?}");
    assert_eq!((cases.len(), applicable), (208, 78));
}

/// Everything from the texts of the case to the verdict. Host names are not looked at; where the
/// suite's `note` says that a CA in the place of the signer is the reason to refuse, that rule is
/// asked too, which [`check_path`] alone leaves out.
fn judge(case: &Value, note: &str) -> Result<(), Error> {
    let now = seconds(case["validation_time"].as_str());
    let anchors = joined(&case["trusted_certs"]);
    let mut trust = Trust::from_pem(anchors.as_bytes())?;
    if let Some(max) = case["max_chain_depth"].as_u64() {
        trust = trust.with_max_intermediates(usize::try_from(max).unwrap());
    }
    let chain = certificates(&joined(&case["untrusted_intermediates"]))?;
    let lists = case["crls"].as_array().unwrap();
    if !lists.is_empty() {
        trust = trust.with_revocation_policy(RevocationPolicy::FailClosed);
        let sti_pa = StiPa::from_pem(anchors.as_bytes())?;
        for list in lists {
            let der = crl::decode(list.as_str().unwrap().as_bytes())?;
            if let Ok(list) = Crl::from_der(&der).and_then(|list| list.verify(&chain, &sti_pa, now)) {
                trust.update_crl(Arc::new(list))?;
            }
        }
    }
    let signer = certificates(case["peer_certificate"].as_str().unwrap())?;
    if note.contains("CA as leaf") {
        signing_certificate(&signer)?;
    }
    check_path(&signer[0], &chain, &trust, now)
}

fn joined(texts: &Value) -> String {
    texts.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// Not `read_chain`, whose limit of certificates would answer for the paths of hundred.
fn certificates(text: &str) -> Result<Vec<Certificate>, Error> {
    pem::blocks(text.as_bytes()).map(|block| Certificate::from_der(block?.der())).collect()
}

/// Whole seconds of an RFC 3339 time in UTC; the suite means the time of the run where it gives
/// none, for which any time within its certificates' validity will do.
fn seconds(time: Option<&str>) -> i64 {
    const ANY: i64 = 1_780_272_000;
    let Some(time) = time else { return ANY };
    let format = time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::parse(time, &format).unwrap().unix_timestamp()
}
