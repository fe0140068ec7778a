//! Vector files through the command: ours, and those of the external suite.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use running::{json_lines, run, shaken, unix_now};
use serde_json::{Value, json};
use shaken_core::Error;
use shaken_test_vectors::suites::{suite, suite_text};
use shaken_test_vectors::{Expect, ExpectHeader, VectorFile, files_under};

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
            let call = if let Expect::Reject { error } = &case.expect { error.as_ref() } else { None };
            let headers = case.expect_headers.iter().flatten().filter_map(|header| match header {
                ExpectHeader::Reject(name) => Some(name),
                ExpectHeader::Accept => None,
            });
            for name in call.into_iter().chain(headers) {
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
    assert!(
        text.contains(": expected reject (iat-stale), got reject (signature-invalid) [signature-invalid]\n"),
        "{text}"
    );
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
    assert!(stdout.contains("TR1: expected reject (cert-revoked), got accept [accept]\n"), "{stdout}");
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

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-vectors/data")
}

/// Exit code and standard output.
fn run_with(args: &[&str], paths: &Path) -> (Option<i32>, String) {
    let output = run(&[&["vectors", "run"], args, &[paths.to_str().unwrap()]].concat(), b"");
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

#[test]
fn another_program_is_judged_line_by_line() {
    let judge = format!("{} vectors judge", env!("CARGO_BIN_EXE_shaken"));
    let (code, text) = run_with(&["--exec", &judge], &data());
    println!("another process: {text}");
    assert!(code == Some(0) && text.ends_with(" passed, 0 failed\n"), "{text}");
    let passed: usize = text.split(' ').next().unwrap().parse().unwrap();
    assert!(passed > 1400, "{passed}");

    let file = data().join("messages.json");
    let always = |answer: &str| format!("read file; while read case; do echo '{answer}'; done");
    let (code, text) = run_with(&["--exec", &always(r#"{"verdict":"accept"}"#)], &file);
    assert!(code == Some(1) && text.ends_with("27 passed, 27 failed\n"), "{text}");
    let skip = always(r#"{"verdict":"skip","reason":"no messages here"}"#);
    let (code, text) = run_with(&["--exec", &skip], &file);
    assert_eq!((code, text.as_str()), (Some(1), "54 skipped: no messages here\n0 passed, 0 failed\n"));
    for (command, says) in [
        ("read file", "it ended without an answer"),
        (&always("yes"), "its answer"),
        (&always(r#"{"verdict":"accept","error":"iat-stale"}"#), "its answer"),
    ] {
        let (code, text) = run_with(&["--exec", command], &file);
        assert!(code == Some(69) && text.contains(says), "{command}: {text}");
    }
}

#[test]
fn a_service_is_asked_only_what_it_can_be_asked() {
    let (code, text) = run_with(&["--against", "/nowhere/shaken.sock"], &data().join("call.json"));
    // The clock of these cases is not the one of now, so nothing is asked.
    assert!(code == Some(1) && text.contains("make.py --now"), "{text}");
    assert!(text.ends_with("0 passed, 0 failed\n"), "{text}");
    let (code, text) = run_with(&["--against", "https://a.example"], &data().join("call.json"));
    assert!(code == Some(2) && text.contains("not http://host:port"), "{text}");
}

/// A Python that has what the generator needs.
fn python() -> Option<String> {
    let named = std::env::var("SHAKEN_VECTORS_PYTHON");
    let python = named.clone().unwrap_or_else(|_| "python3".to_owned());
    let outcome = Command::new(&python).args(["-c", "import cryptography, jsonschema"]).output();
    let usable = outcome.is_ok_and(|output| output.status.success());
    assert!(usable || named.is_err(), "SHAKEN_VECTORS_PYTHON lacks the packages of requirements.txt");
    if !usable {
        println!("not run: no Python with the packages of test-vectors/make/requirements.txt");
    }
    usable.then_some(python)
}

/// Processes that end with the test.
struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Cases signed for this very minute, against our daemon and against a service that passes every
/// call.
#[test]
fn a_running_service_is_judged() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (cases, lab) = (folder.path().join("cases"), folder.path().join("lab"));
    let made = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-vectors/make/make.py"))
        .args(["--now", &(unix_now() + 20).to_string(), "--out"])
        .arg(&cases)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let mut repository = shaken()
        .args(["vectors", "serve", "--address", "127.0.0.1:0", "--dir"])
        .args([&lab, &cases])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(repository.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let mut children = Children(vec![repository]);
    assert!(line.contains("serving on 127.0.0.1:"), "{line}");
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let daemon =
        shaken().args(["serve", "--config"]).arg(lab.join("shaken.toml")).stderr(log).spawn().unwrap();
    children.0.push(daemon);
    let (socket, patience) = (lab.join("shaken.sock"), Instant::now() + Duration::from_secs(20));
    while UnixStream::connect(&socket).is_err() {
        assert!(Instant::now() < patience, "{}", std::fs::read_to_string(folder.path().join("log")).unwrap());
        std::thread::sleep(Duration::from_millis(10));
    }

    let (code, text) = run_with(&["--against", socket.to_str().unwrap()], &cases);
    println!("our daemon: {text}");
    assert!(code == Some(0) && text.ends_with(" passed, 0 failed\n"), "{text}");
    let count = text.lines().last().unwrap().split(' ').next().unwrap();
    let passed: usize = count.parse().unwrap();
    assert!(passed > 900, "{passed}");

    let (code, text) = run_with(&["--against", &credulous_service()], &cases.join("call.json"));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("call/orig-other: expected reject (orig-mismatch), got accept\n"), "{text}");
}

/// An HTTP service that passes every call. It ends with the process.
fn credulous_service() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.ends_with(b"}}") {
                let len = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..len]);
            }
            assert!(request.starts_with(b"POST /base/stir/v1/verification HTTP/1.1\r\n"));
            let body = r#"{"verificationResponse":{"verstat":"TN-Validation-Passed"}}"#;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all((head + body).as_bytes()).unwrap();
        }
    });
    format!("http://{address}/base/")
}
