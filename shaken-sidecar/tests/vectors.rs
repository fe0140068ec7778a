//! Vector files through the command: ours, and those of the external suite.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;

use std::collections::BTreeMap;
use std::path::Path;

use running::{json_lines, run};
use serde_json::{Value, json};
use shaken_core::Error;
use shaken_test_vectors::suites::{suite, suite_text};
use shaken_test_vectors::{Expect, VectorFile, files_under};

fn verdicts(path: &Path) -> Vec<Value> {
    json_lines(&run(&["vectors", "run", "--json", path.to_str().unwrap()], b""))
}

#[test]
fn our_vectors_pass() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-vectors/data");
    let output = run(&["vectors", "run", data.to_str().unwrap()], b"");
    let text = String::from_utf8(output.stdout).unwrap();
    println!("{text}");
    assert!(output.status.success(), "{text}");
    assert!(text.ends_with(" passed, 0 failed\n"));
}

/// A vector that names an error which does not exist could never pass for the right reason.
#[test]
fn our_vectors_name_errors_that_exist() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-vectors/data");
    for path in files_under(&data).unwrap() {
        for case in VectorFile::read(&path).unwrap().cases {
            if let Expect::Reject { error: Some(name) } = &case.expect {
                assert!(Error::ALL.iter().any(|error| error.name() == name), "{}: {name}", case.id);
            }
        }
    }
}

#[test]
fn a_difference_is_named_and_ends_with_1() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-vectors/data/signature.json");
    let text = std::fs::read_to_string(data).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let changed = folder.path().join("changed.json");
    assert!(text.contains("\"signature-invalid\""));
    std::fs::write(&changed, text.replacen("\"signature-invalid\"", "\"iat-stale\"", 1)).unwrap();
    let output = run(&["vectors", "run", changed.to_str().unwrap()], b"");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(": expected reject (iat-stale), got reject (signature-invalid)\n"), "{text}");
    assert!(text.ends_with(" passed, 1 failed\n"));
}

/// Signed calls of good, revoked and namesake certificates under one indirect list.
#[test]
fn revocation_lists_are_used() {
    let Some(text) = suite_text("standards/vectors.json") else { return };
    let all: Value = serde_json::from_str(&text).unwrap();
    let vector = |id: &str| all["vectors"].as_array().unwrap().iter().find(|v| v["id"] == id).unwrap();
    let pem = |name: &str| vector(&format!("CERT-{name}"))["cert_pem"].as_str().unwrap();
    let mut bodies = serde_json::Map::new();
    let mut cases = Vec::new();
    for (id, error) in
        [("T1", None), ("TR1", Some("cert-revoked")), ("TR2", Some("cert-revoked")), ("TR3", None)]
    {
        let call = vector(id);
        let header: Value = serde_json::from_str(call["header_json"].as_str().unwrap()).unwrap();
        bodies.insert(header["x5u"].as_str().unwrap().to_owned(), call["chain_pem"].clone());
        let mut case = json!({
            "id": id, "now": call["now"], "identity": call["identity_header"], "orig_tn": "12155550121",
            "dest_tn": ["12155550131"], "why": "revocation",
            "expect": if error.is_some() { "reject" } else { "accept" },
        });
        if let Some(error) = error {
            case["error"] = error.into();
        }
        cases.push(case);
    }
    let list = format!("{}{}", vector("CRL1")["crl_pem"].as_str().unwrap(), pem("crliss"));
    let file = json!({
        "note": "revocation", "now": 1_735_689_600, "trust_anchor_pem": pem("root"), "crls": [list],
        "crl_anchor_pem": pem("paroot"), "x5u_bodies": bodies, "cases": cases,
    });
    let folder = tempfile::tempdir().unwrap();
    let run_with = |file: &Value| {
        let path = folder.path().join("revocation.json");
        std::fs::write(&path, file.to_string()).unwrap();
        let output = run(&["vectors", "run", path.to_str().unwrap()], b"");
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run_with(&file).0, "4 passed, 0 failed\n");

    // A list whose signer is not known is not held, so nothing is revoked.
    let mut other = file.clone();
    other["crl_anchor_pem"] = pem("root").into();
    let (stdout, _) = run_with(&other);
    assert!(stdout.contains("TR1: expected reject (cert-revoked), got accept\n"), "{stdout}");
    assert!(stdout.ends_with("2 passed, 2 failed\n"), "{stdout}");

    let mut alone = file;
    alone.as_object_mut().unwrap().remove("crl_anchor_pem");
    let (_, stderr) = run_with(&alone);
    assert!(stderr.contains("crls and crl_anchor_pem go together"), "{stderr}");
}

#[test]
fn passport_neg() {
    let Some(folder) = suite("suites/passport-neg") else { return };
    let golden: BTreeMap<&str, &str> = include_str!("golden/passport-neg-policy.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (id, rest) = line.split_once('\t').unwrap();
            (id, rest.split_once('\t').unwrap().0)
        })
        .collect();
    let file = VectorFile::read(&folder.join("cases.json")).unwrap();
    let verdicts = verdicts(&folder);
    assert_eq!(verdicts.len(), file.cases.len());

    let (mut accepted, mut rejected, mut chosen, mut undecided) = (0, 0, 0, Vec::new());
    for (case, verdict) in file.cases.iter().zip(&verdicts) {
        assert_eq!(verdict["id"], case.id.as_str());
        let word = verdict["verdict"].as_str().unwrap();
        match &case.expect {
            Expect::Accept => {
                assert_eq!(word, "accept", "{verdict}");
                accepted += 1;
            }
            Expect::Reject { .. } => {
                assert_eq!(word, "reject", "{verdict}");
                rejected += 1;
            }
            Expect::Policy => match golden.get(case.id.as_str()) {
                Some(expected) => {
                    assert_eq!(word, *expected, "{verdict}");
                    chosen += 1;
                }
                None => undecided.push(case.id.as_str()),
            },
        }
        if case.id.starts_with("x5u/") {
            assert_eq!(verdict["fetches"], 0, "{verdict}");
        }
    }
    println!(
        "passport-neg: {accepted} accepted, {rejected} rejected, {chosen} policy cases as in the golden file, {} not in it: {undecided:?}",
        undecided.len()
    );
}
