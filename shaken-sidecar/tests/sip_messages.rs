//! `shaken sign --sip` and `shaken verify --sip`: whole SIP messages, as scripts and people use
//! them.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;

use std::process::Output;

use running::{json_lines, run, unix_now};
use serde_json::Value;
use shaken_core::{sip, write::Out};
use shaken_test_vectors::suites::suite_text;
use tempfile::TempDir;

/// A lab in a folder of its own, without anything running.
struct Lab {
    folder: TempDir,
}

impl Lab {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let lab = Self { folder };
        assert!(run(&["lab", "init", &lab.path("")], b"").status.success());
        lab
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join("lab").join(name).to_str().unwrap().to_owned()
    }

    fn sign(&self, message: &str, more: &[&str]) -> Output {
        let (key, cert) = (self.path("provider.key"), self.path("provider.pem"));
        let x5u = "https://cr.lab.example/provider.pem";
        let args = ["sign", "--sip", "-", "--attest", "B", "--key", &key, "--cert", &cert, "--x5u", x5u];
        run(&[&args[..], more].concat(), message.as_bytes())
    }

    fn signed(&self, message: &str) -> String {
        let output = self.sign(message, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn verify(&self, message: &str, more: &[&str]) -> (i32, Value) {
        let (anchors, cert) = (self.path("sti-root.pem"), self.path("provider.pem"));
        let args = ["verify", "--sip", "-", "--anchors", &anchors, "--cert", &cert, "--json"];
        let output = run(&[&args[..], more].concat(), message.as_bytes());
        let mut lines = json_lines(&output);
        assert_eq!(lines.len(), 1, "{}", errors(&output));
        (output.status.code().unwrap(), lines.remove(0))
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn sip_date(unix_s: u64) -> String {
    let mut buffer = [0; 32];
    let mut out = Out::new(&mut buffer);
    sip::date::write(unix_s, &mut out).unwrap();
    out.finish().unwrap().to_owned()
}

fn invite(more: &str) -> String {
    format!(
        "INVITE sip:+12155550131@carrier.example;user=phone SIP/2.0\r\n\
         Via: SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bK1\r\n\
         From: \"Ada\" <sip:+1-215-555-0121@pbx.example;user=phone>;tag=1\r\n\
         To: <sip:+12155550131@carrier.example;user=phone>\r\n\
         Call-ID: a84b4c76e66710@pbx.example\r\n\
         CSeq: 314159 INVITE\r\n\
         {more}Content-Type: application/sdp\r\n\
         Content-Length: 5\r\n\
         \r\n\
         v=0\r\n"
    )
}

#[test]
fn a_message_is_signed_and_verifies() {
    let lab = Lab::new();
    let message = invite("");
    let signed = lab.signed(&message);
    // Two lines more, behind the other headers; everything else as it was.
    let added: Vec<&str> = signed.lines().filter(|line| !message.contains(line)).collect();
    assert!(added[0].starts_with("Date: ") && added[0].ends_with(" GMT"), "{added:?}");
    assert!(added[1].starts_with("Identity: eyJ") && added.len() == 2, "{added:?}");
    assert_eq!(signed.replace(&format!("{}\r\n{}\r\n", added[0], added[1]), ""), message);

    let (code, answer) = lab.verify(&signed, &[]);
    assert_eq!((code, &answer["verdict"]), (0, &"accept".into()), "{answer}");
    assert_eq!((&answer["verstat"], &answer["attest"]), (&"TN-Validation-Passed".into(), &"B".into()));
    assert_eq!((&answer["orig"], &answer["orig_header"]), (&"12155550121".into(), &"From".into()));
    assert_eq!(answer["dest"], serde_json::json!(["12155550131"]));
    assert_eq!(answer["date"], answer["identity"][0]["iat"]);
    assert_eq!(answer["reasons"], serde_json::json!([]));
}

#[test]
fn the_date_of_the_message_is_signed() {
    let lab = Lab::new();
    // The certificates of the lab have just become valid.
    let date = unix_now() + 3600;
    let message = invite(&format!("Date: {}\r\n", sip_date(date)));
    let output = lab.sign(&message, &["--iat", &(date + 60).to_string()]);
    let signed = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_eq!(signed.matches("Date: ").count(), 1);
    let (_, answer) = lab.verify(&signed, &["--at", &(date + 60).to_string()]);
    assert_eq!((&answer["identity"][0]["iat"], &answer["date"]), (&date.into(), &date.into()));

    for (iat, name) in [(date + 61, "date-stale"), (date - 61, "date-future")] {
        let output = lab.sign(&message, &["--iat", &iat.to_string()]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(65), 0));
        assert!(errors(&output).contains(name), "{}", errors(&output));
    }
}

#[test]
fn a_script_can_add_the_headers_itself() {
    let lab = Lab::new();
    let iat = unix_now() + 3600;
    let output = lab.sign(&invite(""), &["--iat", &iat.to_string(), "--origid", "node-7", "--json"]);
    let answer = &json_lines(&output)[0];
    assert_eq!((&answer["iat"], &answer["origid"]), (&iat.into(), &"node-7".into()));
    assert_eq!(answer["date"], sip_date(iat));
    let headers = format!(
        "Date: {}\r\nIdentity: {}\r\n",
        answer["date"].as_str().unwrap(),
        answer["identity"].as_str().unwrap()
    );
    let (code, answer) = lab.verify(&invite(&headers), &["--at", &iat.to_string()]);
    assert_eq!(code, 0, "{answer}");
}

#[test]
fn the_caller_is_the_asserted_one() {
    let lab = Lab::new();
    let message = invite("P-Asserted-Identity: <sip:ada@pbx.example>, <tel:+12155550122>\r\nPrivacy: id\r\n")
        .replace("\"Ada\" <sip:+1-215-555-0121@pbx.example;user=phone>", "<sip:anonymous@anonymous.invalid>");
    let signed = lab.signed(&message);
    let (code, answer) = lab.verify(&signed, &[]);
    assert_eq!((code, &answer["orig"]), (0, &"12155550122".into()), "{answer}");
    assert_eq!(answer["orig_header"], "P-Asserted-Identity");
    // Another asserted number is another caller.
    let (code, answer) = lab.verify(&signed.replace("tel:+12155550122", "tel:+12155550123"), &[]);
    assert_eq!((code, &answer["error"]), (1, &"orig-mismatch".into()));
}

#[test]
fn every_failed_header_has_a_reason_and_the_call_one_verdict() {
    let lab = Lab::new();
    let signed = lab.signed(&invite(""));
    let identity = signed.lines().find_map(|line| line.strip_prefix("Identity: ")).unwrap();
    let (token, params) = identity.split_once(';').unwrap();
    let signature = token.rsplit('.').next().unwrap();

    let other = format!("y: {token};{}\r\nFrom:", params.replace("ppt=shaken", "ppt=div"));
    let (code, answer) = lab.verify(&signed.replacen("From:", &other, 1), &[]);
    assert_eq!((code, &answer["verdict"]), (0, &"accept".into()), "{answer}");
    assert_eq!(answer["identity"][0]["error"], "ppt-mismatch");
    let reason = format!("STIR;cause=438;text=\"Invalid Identity Header\";ppi=\"..{signature}\"");
    assert_eq!(answer["reasons"], serde_json::json!([reason]));

    let changed = signed.replace(".eyJ", ".eyK");
    let (code, answer) = lab.verify(&changed, &[]);
    assert_eq!((code, &answer["verdict"]), (1, &"reject".into()), "{answer}");
    let (code, answer) = lab.verify(&signed, &["--at", "2020-01-01T00:00:00Z"]);
    assert_eq!((code, &answer["error"]), (1, &"date-future".into()));
    assert_eq!(answer["sip"]["code"], 403);
    let (code, answer) = lab.verify(&invite(""), &[]);
    assert_eq!(
        (code, &answer["error"], &answer["sip"]["code"]),
        (1, &"identity-missing".into(), &428.into())
    );
}

/// The SDP matters to a PASSporT that has signed its keys, and to no other.
#[test]
fn a_fingerprint_that_cannot_be_read_fails_only_what_relies_on_it() {
    let lab = Lab::new();
    let signed = lab.signed(&invite(""));
    let spoilt = signed
        .replace("Content-Length: 5", "Content-Length: 21")
        .replace("v=0\r\n", "v=0\na=fingerprint:?\r\n");
    let (code, answer) = lab.verify(&spoilt, &[]);
    assert_eq!((code, &answer["verdict"]), (0, &"accept".into()), "{answer}");

    // The same call with keys signed, and the body taken away.
    let read = |name: &str| std::fs::read(lab.path(name)).unwrap();
    let key = shaken_core::key::signing_key_from_pem(&read("provider.key")).unwrap();
    let signer =
        shaken_core::Signer::new(key, &read("provider.pem"), "https://cr.lab.example/provider.pem").unwrap();
    let number = |text: &str| shaken_core::TelephoneNumber::parse(text).unwrap().into();
    let dest = [number("12155550131")];
    let keys = shaken_core::mky::Fingerprints::from_sdp(b"a=fingerprint:sha-256 AB:CD").unwrap();
    let claims =
        shaken_core::passport::base::NewClaims::new(number("12155550121"), &dest, unix_now()).unwrap();
    let claims = claims.with_fingerprints(&keys);
    let claims = shaken_core::passport::shaken::NewClaims::new(claims, shaken_core::Attest::B, "x").unwrap();
    let mut buffer = [0; shaken_core::sign::MAX_HEADER_LEN];
    let header = format!("Identity: {}\r\n", signer.sign(&claims, &mut buffer).unwrap());
    let bare = |sdp: &str| {
        let length = format!("Content-Length: {}", sdp.len());
        invite(&header)
            .replace("Content-Length: 5", &length)
            .replace("\r\n\r\nv=0\r\n", &format!("\r\n\r\n{sdp}"))
    };
    for (sdp, error) in [
        ("a=fingerprint:sha-256 AB:CD\r\n", Value::Null),
        ("a=fingerprint:sha-256 AB:CE\r\n", "mky-mismatch".into()),
        ("a=fingerprint:?\r\n", "mky-mismatch".into()),
        ("", "mky-mismatch".into()),
    ] {
        let (_, answer) = lab.verify(&bare(sdp), &[]);
        assert_eq!(answer["error"], error, "{sdp:?}: {answer}");
    }
}

#[test]
fn callers_without_a_number_are_refused_by_name() {
    let lab = Lab::new();
    for (from, name, code) in [
        ("<sip:anonymous@anonymous.invalid>", "caller-anonymous", 433),
        ("<sip:unavailable@unknown.invalid>", "caller-unavailable", 433),
    ] {
        let message = invite("").replace("\"Ada\" <sip:+1-215-555-0121@pbx.example;user=phone>", from);
        let output = lab.sign(&message, &[]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(65), 0));
        assert!(errors(&output).contains(name), "{}", errors(&output));
        let (exit, answer) = lab.verify(&message, &[]);
        assert_eq!((exit, &answer["error"], &answer["sip"]["code"]), (1, &name.into(), &code.into()));
    }
    // Others may sign for a user without a number; a shaken PASSporT of ours is for numbers.
    let message =
        invite("").replace("\"Ada\" <sip:+1-215-555-0121@pbx.example;user=phone>", "<sip:ada@pbx.example>");
    let output = lab.sign(&message, &[]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(65), 0));
    assert!(errors(&output).contains("uri-not-a-number"), "{}", errors(&output));
    let (exit, answer) = lab.verify(&message, &[]);
    assert_eq!((exit, &answer["error"]), (1, &"identity-missing".into()));
}

#[test]
fn only_the_start_of_a_call_is_signed() {
    let lab = Lab::new();
    for message in [
        invite("").replace("INVITE", "BYE"),
        invite("")
            .replace("To: <sip:+12155550131@carrier.example;user=phone>", "To: <tel:+12155550131>;tag=2"),
    ] {
        let output = lab.sign(&message, &[]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(65), 0));
        assert!(errors(&output).contains("only an INVITE without To tag"), "{}", errors(&output));
    }
}

/// A call that was diverted twice, and what becomes of it when a part is missing or moved.
#[test]
fn a_diverted_call_passes_by_its_chain() {
    let lab = Lab::new();
    let signed = lab.signed(&invite("Resource-Priority: ets.0\r\n"));
    let iat = unix_now().to_string();
    let header = |more: &[&str]| {
        let (key, cert) = (lab.path("provider.key"), lab.path("provider.pem"));
        let x5u = "https://cr.lab.example/provider.pem";
        let args =
            ["sign", "--key", &key, "--cert", &cert, "--x5u", x5u, "--iat", &iat, "--from", "12155550121"];
        let output = run(&[&args[..], more].concat(), b"");
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        format!("Identity: {}", String::from_utf8(output.stdout).unwrap().trim_end())
    };
    let first = header(&["--ppt", "div", "--to", "12155550132", "--div", "12155550131"]);
    let second = header(&["--ppt", "div", "--to", "12155550133", "--div", "12155550132"]);
    let priority = header(&["--ppt", "rph", "--to", "12155550131", "--auth", "ets.0"]);
    let name = header(&["--ppt", "rcd", "--to", "12155550131", "--nam", "Ada"]);
    let base = header(&["--ppt", "base", "--to", "12155550131"]);
    // The Request-URI is where the call goes now; To stays.
    let diverted = |target: &str, headers: &[&str]| {
        let signed = signed.replace("INVITE sip:+12155550131@", &format!("INVITE sip:+{target}@"));
        signed.replacen("From:", &format!("{}\r\nFrom:", headers.join("\r\n")), 1)
    };

    let (code, answer) =
        lab.verify(&diverted("12155550133", &[&second, &priority, &first, &name, &base]), &[]);
    assert_eq!((code, &answer["verdict"]), (0, &"accept".into()), "{answer}");
    let types: Vec<&Value> =
        answer["identity"].as_array().unwrap().iter().map(|header| &header["type"]).collect();
    assert_eq!(types, ["div", "rph", "div", "rcd", "base", "shaken"], "{answer}");
    let chain = serde_json::json!([{ "diversions": [1, 3], "innermost": [2, 4, 5, 6], "error": null }]);
    assert_eq!(answer["chains"], chain);

    // Without To to go by, only the chain can lead to the called party.
    let elsewhere = |message: String| message.replace("To: <sip:+12155550131@", "To: <sip:+12155550133@");
    let (code, answer) = lab.verify(&elsewhere(diverted("12155550133", &[&second, &first])), &[]);
    assert_eq!((code, &answer["verdict"]), (0, &"accept".into()), "{answer}");
    for (target, headers, error) in [
        ("12155550133", vec![&second], "div-chain-incomplete"),
        ("12155550133", vec![&first], "div-target-mismatch"),
        ("12155550134", vec![&second, &first], "div-target-mismatch"),
    ] {
        let headers: Vec<&str> = headers.into_iter().map(String::as_str).collect();
        let message = elsewhere(diverted(target, &headers));
        let (code, answer) = lab.verify(&message, &[]);
        assert_eq!(code, 1, "{answer}");
        assert_eq!(answer["chains"][0]["error"], error, "{answer}");
    }
    // None of the others is a right to the number.
    let message = diverted("12155550131", &[&priority, &name, &base]);
    let shaken = message.lines().rfind(|line| line.starts_with("Identity: ")).unwrap();
    let (code, answer) = lab.verify(&message.replace(&format!("{shaken}\r\n"), ""), &[]);
    assert_eq!((code, &answer["error"], &answer["sip"]["code"]), (1, &"shaken-missing".into(), &428.into()));
    assert!(answer["identity"].as_array().unwrap().iter().all(|header| header["verdict"] == "accept"));
}

/// The compact form has the Date of the request, and no shaken has it.
#[test]
fn a_compact_form_is_rebuilt_from_the_message() {
    let lab = Lab::new();
    let date = unix_now();
    let (key, cert) = (lab.path("provider.key"), lab.path("provider.pem"));
    let iat = date.to_string();
    let args = ["sign", "--key", &key, "--cert", &cert, "--x5u", "https://cr.lab.example/provider.pem"];
    let call = ["--from", "12155550121", "--to", "12155550131", "--iat", &iat, "--compact"];
    let output = run(&[&args[..], &call, &["--ppt", "base"]].concat(), b"");
    let compact = String::from_utf8(output.stdout).unwrap();
    assert!(compact.starts_with(".."), "{compact}");
    let message = |date: u64| {
        invite(&format!("Date: {}\r\nIdentity: {compact}\r\n", sip_date(date)).replace("\n\r\n", "\r\n"))
    };
    let (code, answer) = lab.verify(&message(date), &[]);
    assert_eq!((code, &answer["error"]), (1, &"shaken-missing".into()), "{answer}");
    assert_eq!(
        (&answer["identity"][0]["verdict"], &answer["identity"][0]["type"]),
        (&"accept".into(), &"base".into())
    );
    let (_, answer) = lab.verify(&message(date + 1), &[]);
    assert_eq!(answer["identity"][0]["error"], "signature-invalid", "{answer}");
    let output = run(&[&args[..], &call].concat(), b"");
    assert_eq!(output.status.code(), Some(65));
    assert!(errors(&output).contains("compact-form"), "{}", errors(&output));
}

#[test]
fn a_saved_message_may_have_bare_line_feeds() {
    let lab = Lab::new();
    let message = invite("P-Asserted-Identity:\r\n <tel:+12155550122>\r\n");
    let (head, body) = message.split_once("\r\n\r\n").unwrap();
    let path = lab.path("call.sip");
    std::fs::write(&path, format!("{}\n\n{body}", head.replace("\r\n", "\n"))).unwrap();
    let (key, cert) = (lab.path("provider.key"), lab.path("provider.pem"));
    let x5u = "https://cr.lab.example/provider.pem";
    let output = run(&["sign", "--sip", &path, "--key", &key, "--cert", &cert, "--x5u", x5u], b"");
    let signed = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert!(signed.starts_with(head) && signed.ends_with("\r\n\r\nv=0\r\n"), "{signed}");
    let (code, answer) = lab.verify(&signed, &[]);
    assert_eq!((code, &answer["attest"]), (0, &"C".into()), "{answer}");
}

#[test]
fn people_read_the_same() {
    let lab = Lab::new();
    let (anchors, cert) = (lab.path("sti-root.pem"), lab.path("provider.pem"));
    let args = ["verify", "--sip", "-", "--anchors", &anchors, "--cert", &cert];
    let signed = lab.signed(&invite(""));
    let output = run(&args, signed.as_bytes());
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for part in
        ["call: accept: attest B", "caller    12155550121 (From)", "called    12155550131", "Identity 1 of 1"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    let output = run(&args, signed.replace("0131", "0132").as_bytes());
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    for part in ["call: reject: dest-mismatch", "SIP       438", "Reason    STIR;cause=438;"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn unreadable_messages_and_contradicting_arguments() {
    let lab = Lab::new();
    let anchors = lab.path("sti-root.pem");
    let verify = ["verify", "--anchors", &anchors, "--sip", "-"];
    for (args, input, code) in [
        (&verify[..], "", 65),
        (&verify[..], "SIP/2.0 200 OK\r\n\r\n", 65),
        (&verify[..], "INVITE sip:a@b.example SIP/2.0\r\nFoobar\r\n\r\n", 65),
        (&["verify", "--anchors", &anchors, "--sip", "/nonexistent"], "", 74),
        (&["verify", "--sip", "-"], "", 2),
        (&["verify", "--sip", "-", "--anchors", &anchors, "--from", "12155550121", "--to", "1"], "", 2),
        (&["verify", "--sip", "-", "--anchors", &anchors, "--key", &anchors], "", 2),
        (&["verify", "--sip", "-", "--anchors", &anchors, "a.b.c;info=<x>"], "", 2),
        (
            &["sign", "--sip", "-", "--from", "1", "--to", "1", "--key", "x", "--cert", "x", "--x5u", "x"],
            "",
            2,
        ),
        (&["sign", "--from", "1", "--key", "x", "--cert", "x", "--x5u", "x"], "", 2),
        (&["sign", "--key", "x", "--cert", "x", "--x5u", "x"], "", 2),
    ] {
        let output = run(args, input.as_bytes());
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(code), 0),
            "{args:?}: {}",
            errors(&output)
        );
    }
}

/// The fixtures of Microsoft Teams are signed and verify; those that have a Date without it, which
/// is of a time before the certificates of the lab.
#[test]
fn teams_fixtures() {
    let Some(text) = suite_text("standards/13-teams-fixtures.md") else { return };
    let lab = Lab::new();
    let (mut count, mut dated) = (0, 0);
    for message in text.split("```\n").filter(|block| block.starts_with("INVITE ")) {
        let lines = message.lines().filter(|line| !line.starts_with("Date: "));
        let undated: String = lines.map(|line| format!("{line}\n")).collect();
        if undated != message {
            let output = lab.sign(message, &["--iat", "2024-01-02T03:04:05Z"]);
            assert!(errors(&output).contains("cert-not-yet-valid"), "{}", errors(&output));
            dated += 1;
        }
        let (code, answer) = lab.verify(&lab.signed(&undated), &[]);
        assert_eq!((code, &answer["verdict"]), (0, &"accept".into()), "{answer}");
        count += 1;
    }
    println!("Teams: {count} fixtures signed and verified, {dated} of them without their Date");
    assert_eq!(count, 7);
}
