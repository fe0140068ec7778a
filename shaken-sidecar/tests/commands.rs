//! The command line, as scripts and people use it.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use running::{CALLED, CALLER, json_lines, run};
use shaken_test_vectors::VectorFile;
use shaken_test_vectors::suites::{suite, suite_text};
use tempfile::TempDir;

/// A lab in a folder of its own, without anything running.
struct Files {
    _folder: TempDir,
    lab: PathBuf,
}

impl Files {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let lab = folder.path().join("lab");
        assert!(run(&["lab", "init", lab.to_str().unwrap()], b"").status.success());
        Self { _folder: folder, lab }
    }

    fn path(&self, name: &str) -> String {
        self.lab.join(name).to_str().unwrap().to_owned()
    }

    fn sign(&self, more: &[&str]) -> String {
        let (key, cert) = (self.path("provider.key"), self.path("provider.pem"));
        let mut args = vec!["sign", "--from", CALLER, "--to", CALLED, "--key", &key, "--cert", &cert];
        args.extend(["--x5u", "https://cr.lab.example/provider.pem"]);
        args.extend(more);
        let output = run(&args, b"");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn verify(&self, from: &str, more: &[&str], input: &str) -> (i32, serde_json::Value) {
        let (anchors, cert) = (self.path("sti-root.pem"), self.path("provider.pem"));
        let mut args =
            vec!["verify", "--from", from, "--to", CALLED, "--anchors", &anchors, "--cert", &cert, "--json"];
        args.extend(more);
        let output = run(&args, input.as_bytes());
        let mut lines = json_lines(&output);
        assert_eq!(lines.len(), 1, "{}", String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap(), lines.remove(0))
    }
}

#[test]
fn a_call_is_signed_and_verified_without_a_daemon() {
    let files = Files::new();
    let value = files.sign(&["--attest", "B"]);
    for input in [value.clone(), format!("Identity: {value}"), format!("y:{value}\r\n")] {
        let (code, answer) = files.verify("+1 (215) 555-0121", &["-"], &input);
        assert_eq!((code, &answer["verdict"]), (0, &"accept".into()), "{answer}");
        assert_eq!(
            (&answer["attest"], &answer["chain"], &answer["signature"]),
            (&"B".into(), &"ok".into(), &"valid".into())
        );
        assert_eq!(answer["certificate"]["spc"], "LAB0");
    }
    let (code, answer) = files.verify("12155550199", &["-"], &value);
    assert_eq!((code, &answer["error"]), (1, &"orig-mismatch".into()));
    let (code, answer) = files.verify(CALLER, &["--at", "2020-01-01T00:00:00Z"], &value);
    assert_eq!((code, &answer["error"]), (1, &"iat-future".into()));
}

/// Without a level, a call is signed with the lowest.
#[test]
fn the_default_level_is_c() {
    let files = Files::new();
    let (_, answer) = files.verify(CALLER, &[], &files.sign(&[]));
    assert_eq!(answer["attest"], "C");
}

#[test]
fn a_signature_alone_can_be_checked() {
    let files = Files::new();
    let value = files.sign(&[]);
    let cert = files.path("provider.pem");
    let output = run(&["verify", "--key", &cert, "--json", "-"], value.as_bytes());
    assert_eq!((output.status.code(), &json_lines(&output)[0]["signature"]), (Some(0), &"valid".into()));
    // The certificate of someone else.
    let other = files.path("sti-root.pem");
    let output = run(&["verify", "--key", &other, "--json", "-"], value.as_bytes());
    assert_eq!((output.status.code(), &json_lines(&output)[0]["signature"]), (Some(1), &"invalid".into()));
}

#[test]
fn decode_gives_one_answer_per_line() {
    let files = Files::new();
    let value = files.sign(&[]);
    let input = format!("{}\n\nrubbish\nIdentity: {}..AAAA;info=<x>\n\u{0}\n", value.trim(), value);
    let lines = input.matches('\n').count();
    let output = run(&["decode", "--json"], input.as_bytes());
    let answers = json_lines(&output);
    assert_eq!(answers.len(), lines);
    assert_eq!(output.status.code(), Some(65));
    assert_eq!(answers[0]["payload"]["orig"]["tn"], CALLER);
    assert_eq!(answers[0]["findings"], serde_json::json!([]));
    assert_eq!(answers[1]["error"], "token-segments");
    assert_eq!(answers[2]["error"], "token-segments");
}

#[test]
fn decode_names_what_is_odd() {
    let files = Files::new();
    let value = files.sign(&["--origid", "node-7"]);
    let odd = value.trim().replace(";alg=ES256;ppt=shaken", ";ppt=\"shaken\"").replace("cr.lab", "cr.other");
    let output = run(&["decode", "--json", &odd], b"");
    assert_eq!(output.status.code(), Some(0));
    let names: Vec<String> = json_lines(&output)[0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["name"].as_str().unwrap().to_owned())
        .collect();
    for name in ["x5u-info-mismatch", "alg-absent", "param-quoted", "origid-not-uuid"] {
        assert!(names.iter().any(|found| found == name), "{name} in {names:?}");
    }
}

#[test]
fn cert_verify_gives_one_answer_per_block() {
    let files = Files::new();
    let chain = std::fs::read_to_string(files.path("provider.pem")).unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let cut = "-----BEGIN CERTIFICATE-----\nMIIB\n";
    let input = format!("{broken}{cut}{chain}");
    let (anchors, intermediates) = (files.path("sti-root.pem"), files.path("sti-intermediate.pem"));
    let output = run(
        &["cert", "verify", "--anchors", &anchors, "--intermediates", &intermediates, "--json", "-"],
        input.as_bytes(),
    );
    let answers = json_lines(&output);
    let chains: Vec<&str> = answers.iter().map(|answer| answer["chain"].as_str().unwrap()).collect();
    assert_eq!(chains, ["cert-der", "cert-pem", "ok", "ok"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(answers[2]["tn_auth_list"], serde_json::json!(["spc LAB0"]));
    assert_eq!(answers[2]["deviations"], serde_json::json!([]));
}

/// Delegates of the vectors, each with its issuers as the known intermediates.
#[test]
fn cert_verify_compares_the_lists_of_a_path() {
    let folder = TempDir::new().unwrap();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../test-vectors/data/delegation.json");
    let vectors = VectorFile::read(std::path::Path::new(data)).unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let anchors = file("anchors.pem", &vectors.trust_anchor_pem);
    let at = vectors.now.to_string();
    for (name, chain, encompassed, code) in [
        ("leaf", "ok", None, 0),
        ("range-one", "ok", Some("encompassed"), 0),
        ("spc-one", "ok", Some("unknown-by-provider"), 0),
        ("range-wider", "tn-auth-list-not-encompassed", None, 1),
    ] {
        let file_name = format!("/{name}.pem");
        let (_, body) = vectors.x5u_bodies.iter().find(|(url, _)| url.ends_with(&file_name)).unwrap();
        let body = String::from_utf8(body.as_bytes().to_vec()).unwrap();
        let (delegate, issuers) = body.split_once("-----END CERTIFICATE-----\n").unwrap();
        let intermediates = file("issuers.pem", issuers);
        let args = ["cert", "verify", "--anchors", &anchors, "--intermediates", &intermediates, "--at", &at];
        let delegate = format!("{delegate}-----END CERTIFICATE-----\n");
        let output = run(&[&args[..], &["--json", "-"]].concat(), delegate.as_bytes());
        let answer = &json_lines(&output)[0];
        assert_eq!(
            (&answer["chain"], answer["encompassed"].as_str()),
            (&chain.into(), encompassed),
            "{name}"
        );
        assert_eq!(output.status.code(), Some(code), "{name}");
    }
}

#[test]
fn cert_inspect_shows_role_list_and_deviations() {
    let files = Files::new();
    let bundle = ["provider.pem", "sti-intermediate.pem", "sti-root.pem"]
        .map(|name| std::fs::read_to_string(files.path(name)).unwrap())
        .concat();
    let output = run(&["cert", "inspect", "--json", "-"], bundle.as_bytes());
    assert_eq!(output.status.code(), Some(0));
    let answers = json_lines(&output);
    let provider = &answers[0];
    assert_eq!(provider["role"], "leaf");
    assert_eq!(provider["tn_auth_list"], serde_json::json!(["spc LAB0"]));
    for absent in ["tn_auth_list_error", "tn_auth_list_url", "encompassed"] {
        assert_eq!(provider.get(absent), Some(&serde_json::Value::Null), "{absent}");
    }
    assert!(answers.iter().any(|answer| answer["role"] == "root"));

    // A certificate of the web, which is no STI certificate.
    let odd = rcgen::generate_simple_self_signed(["sip.example.com".to_owned()]).unwrap().cert.pem();
    let output = run(&["cert", "inspect", "-"], odd.as_bytes());
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        "role        leaf",
        "TNAuthList  none",
        "  tn-auth-list-missing: no TNAuthList (ATIS-1000080 §6.4.1)",
        "  subject-country-missing: the subject has no country (C) (ATIS-1000080 §6.4.1)",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
}

#[test]
fn exit_codes() {
    let files = Files::new();
    let anchors = files.path("sti-root.pem");
    let config = files.path("shaken.toml");
    for (args, code) in [
        (vec!["cert", "verify", "--anchors", &anchors, "--at", "not-before", &anchors], 0),
        (vec!["frobnicate"], 2),
        (vec!["verify", "x"], 2),
        (vec!["cert", "inspect", "/dev/null"], 65),
        (vec!["vectors", "run", &config], 65),
        (vec!["cert", "inspect", "/nonexistent"], 74),
        (vec!["check-config", "--config", &config], 0),
        (vec!["check-config", "--config", &anchors], 78),
        (vec!["serve", "--config", "/nonexistent"], 78),
    ] {
        let output = run(&args, b"");
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_demo_works() {
    let output = run(&["demo"], b"");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    for part in
        ["Identity: eyJ", "TN-Validation-Passed, attest A", "signature-invalid", "iat-stale", "orig-mismatch"]
    {
        assert!(text.contains(part), "{part}");
    }
    assert!(text.contains("downloads waited for     1\n"));
}

/// Headers seen in public: every one gets a verdict or a named error, and those whose key is known
/// verify with it.
#[test]
fn real_headers() {
    let Some(text) = suite_text("real/identity-headers.tsv") else { return };
    let rows: Vec<(&str, &str)> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t')).collect();
    let roots = suite("real/sti-roots.pem").unwrap();
    let mut with_key = 0;
    for (source, value) in &rows {
        let output = run(
            &[
                "verify",
                "--from",
                CALLER,
                "--to",
                CALLED,
                "--anchors",
                roots.to_str().unwrap(),
                "--cert",
                roots.to_str().unwrap(),
                "--json",
                value,
            ],
            b"",
        );
        assert_eq!(output.status.code(), Some(1), "{source}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(json_lines(&output)[0]["error"].is_string());
        let Some((_, key)) = source.split_once("SIG-OK:") else { continue };
        let key = key.split([',', ']']).next().unwrap();
        let key = suite(&format!("real/keys/{key}")).unwrap();
        let output = run(&["verify", "--key", key.to_str().unwrap(), "--json", value], b"");
        assert_eq!(output.status.code(), Some(0), "{source}");
        with_key += 1;
    }
    let values: String = rows.iter().map(|(_, value)| format!("{value}\n")).collect();
    assert_eq!(json_lines(&run(&["decode", "--json"], values.as_bytes())).len(), rows.len());
    println!("real headers: {} judged and decoded, {with_key} signatures valid", rows.len());
    assert!(with_key > 0);
}

/// A call of 2022 from end to end, at its own time: signature, path and TNAuthList hold.
#[test]
fn a_real_call_of_2022() {
    let Some(text) = suite_text("real/identity-headers.tsv") else { return };
    let (_, value) =
        text.lines().find(|line| line.contains("chain OK at unix time")).unwrap().split_once('\t').unwrap();
    let path = |name: &str| suite(&format!("real/{name}")).unwrap().to_str().unwrap().to_owned();
    let (roots, intermediates) = (path("sti-roots.pem"), path("sti-intermediates.pem"));
    let leaf = path("keys/bandwidth_2023_leaf.pem");
    let args =
        ["verify", "--from", "19194442683", "--to", "19842820280", "--at", "1656534336", "--anchors", &roots];
    let args = [&args[..], &["--intermediates", &intermediates, "--cert", &leaf, "--json", value]].concat();
    let output = run(&args, b"");
    let answer = &json_lines(&output)[0];
    assert_eq!(output.status.code(), Some(0), "{answer}");
    assert_eq!((&answer["chain"], &answer["signature"]), (&"ok".into(), &"valid".into()));
    assert_eq!(answer["certificate"]["spc"], "997E");
    println!("real call of 2022: {}", answer["verdict"]);
}

/// Every live certificate gets one answer, in order, and as many chain as with OpenSSL.
#[test]
fn live_certificates_in_one_bundle() {
    let Some(rows) = suite_text("real/sti-certificates.tsv") else { return };
    let mut bundle = String::new();
    let mut count = 0;
    for row in rows.lines().filter(|row| !row.starts_with('#')) {
        let der = STANDARD.decode(row.rsplit('\t').next().unwrap()).unwrap();
        bundle +=
            &format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der));
        count += 1;
    }
    let path = |name: &str| suite(&format!("real/{name}")).unwrap().to_str().unwrap().to_owned();
    let (roots, intermediates) = (path("sti-roots.pem"), path("sti-intermediates.pem"));
    let args = [
        "cert",
        "verify",
        "--anchors",
        &roots,
        "--intermediates",
        &intermediates,
        "--at",
        "not-before",
        "--json",
        "-",
    ];
    let answers = json_lines(&run(&args, bundle.as_bytes()));
    assert_eq!(answers.len(), count);
    let chained = answers.iter().filter(|answer| answer["chain"] == "ok").count();
    println!("live certificates: {count} answered, {chained} chain");
    assert!(chained > 0);
}
