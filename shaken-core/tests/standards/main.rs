//! The vectors of the standards digest, through the whole verification: tokens of every type, in
//! full and compact form, diversions, Identity headers; and what signing writes.

mod chains;
mod headers;
mod rig;
mod tokens;
mod written;

use std::collections::BTreeMap;

/// Where each kind of vector is answered, so that a new kind is noticed.
const ANSWERED_BY: &[(&str, &str)] = &[
    ("authority-token", "delegation"),
    ("canonical-json", "claim_rules"),
    ("certificate", "delegation"),
    ("claim-constraints", "claim_rules"),
    ("compact", "standards"),
    ("crl", "revocation"),
    ("digest", "claim_rules"),
    ("div-chain", "standards"),
    ("encompass", "delegation"),
    ("fingerprint", "delegation"),
    ("identity-header", "standards"),
    ("key", "standards"),
    ("mky", "sip_suites"),
    ("passport", "standards"),
    ("sip-date", "sip_suites"),
    ("tn-canonical", "sip_suites"),
    ("tnauthlist", "delegation"),
    ("trust-list", "revocation"),
    ("uri-normal", "sip_suites"),
];

/// Every kind has a test binary that speaks of it.
#[test]
fn every_kind_is_answered_somewhere() {
    let Some(vectors) = rig::Vectors::read() else { return };
    let mut counts = BTreeMap::<&str, usize>::new();
    for vector in vectors.all() {
        *counts.entry(vector["kind"].as_str().unwrap()).or_default() += 1;
    }
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for (kind, count) in &counts {
        let (_, binary) = ANSWERED_BY.iter().find(|(known, _)| known == kind).expect("a kind without a test");
        let text = source_of(&tests.join(binary)) + &source_of(&tests.join(format!("{binary}.rs")));
        assert!(text.contains(&format!("\"{kind}\"")), "{binary} does not speak of {kind}");
        println!("vectors.json: {count} of kind {kind}, in {binary}");
    }
    println!("vectors.json: {} in all", counts.values().sum::<usize>());
}

fn source_of(path: &std::path::Path) -> String {
    if let Ok(text) = std::fs::read_to_string(path) {
        return text;
    }
    let entries = std::fs::read_dir(path).into_iter().flatten();
    entries.map(|entry| source_of(&entry.unwrap().path())).collect()
}
