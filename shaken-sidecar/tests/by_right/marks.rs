//! Several customers behind one SBC: what it marks their calls with decides whose number rights count.

use serde_json::{Value, json};

use crate::enterprise::{Enterprise, RIGHTS, reload, told};
use crate::running::{Answer, post, unix_now};
use crate::sip_peer::{Peer, header};

/// Of the first customer alone.
const NUMBER: &str = "14255550110";
const TO: &str = "14125550199";
const CONTEXT: &str = "carrier.example.com";

/// Trunks of another customer behind the same clients, before those without a mark.
fn with_marks(toml: String) -> String {
    let trunk = |name: &str, of: &str| {
        format!(
            "[[trunk]]\nname = \"{name}\"\nprovider = \"example-telecom\"\ncustomer = \"other\"\n\
             match = {{ {of} }}\nrole = \"originate\"\nauth = \"ip\"\ncap = \"A\"\n\n"
        )
    };
    let uid = rustix::process::geteuid().as_raw();
    let header = "mark = { header = \"X-Trunk\", value = \"other\" }";
    let marked = trunk("by-header", &format!("peer = \"plain\", {header}"))
        + &trunk("by-otg", "peer = \"plain\", mark = { otg = \"tg7\" }")
        + &trunk(
            "by-tgrp",
            &format!("peer = \"plain\", mark = {{ tgrp = \"TG-1\", context = \"{CONTEXT}\" }}"),
        )
        + &trunk("by-http-header", &format!("uid = {uid}, {header}"));
    toml.replacen("[[trunk]]", &(marked + "[[trunk]]"), 1)
}

fn invite(peer: &Peer, name: &str, contact: &str, more: &str) -> String {
    let via = peer.socket.local_addr().unwrap();
    format!(
        "INVITE sip:+{TO}@127.0.0.1;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK{name}\r\n\
         From: <sip:+{NUMBER}@127.0.0.1>;tag=1\r\nTo: <sip:+{TO}@127.0.0.1>\r\nCall-ID: {name}\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:{contact}>\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

#[test]
fn an_invite_is_on_the_trunk_whose_mark_it_carries() {
    let enterprise = Enterprise::start(with_marks);
    let peer = Peer::new("127.0.0.2", enterprise.sip_port);
    let group = |context: &str| format!("+{NUMBER};tgrp=TG-1;trunk-context={context}@192.0.2.1;user=phone");
    for (name, contact, more, trunk, level) in [
        ("none", "192.0.2.1", "", "plain", "A"),
        ("header", "192.0.2.1", "x-trunk: other\r\n", "by-header", "B"),
        ("unknown", "192.0.2.1", "X-Trunk: nobody\r\n", "plain", "A"),
        ("otg", "192.0.2.1;otg=tg7", "", "by-otg", "B"),
        ("tgrp", &group(CONTEXT), "", "by-tgrp", "B"),
        ("elsewhere", &group("carrier.example.net"), "", "plain", "A"),
    ] {
        let answer = peer.ask(&invite(&peer, name, contact, more));
        assert_eq!(header(&answer, "Attestation-Info"), Some(level), "{name}: {answer}");
        let record = enterprise.last();
        assert_eq!(record["trunk"], trunk, "{name}");
        let (customer, reason) =
            if level == "A" { ("acme", "RIGHT_OK") } else { ("other", "RIGHT_OTHER_CUSTOMER") };
        assert_eq!((&record["customer"], &record["reason"]), (&json!(customer), &json!(reason)), "{name}");
    }
    // Another peer's mark means nothing.
    let teams = Peer::new("127.0.0.1", enterprise.sip_port);
    let answer = teams.ask(&invite(&teams, "teams", "192.0.2.1", "X-Trunk: other\r\n"));
    assert_eq!(header(&answer, "Attestation-Info"), Some("A"), "{answer}");
    assert_eq!(enterprise.last()["trunk"], "teams");
    // Two marks, a broken one, half of one: no trunk, and not the one for calls without.
    let before = enterprise.running.records().len();
    for (name, contact, more) in [
        ("twice", "192.0.2.1", "X-Trunk: nobody\r\nX-Trunk: other\r\n"),
        ("both", &group(CONTEXT), "X-Trunk: other\r\n"),
        ("list", "192.0.2.1", "X-Trunk: other, nobody\r\n"),
        ("empty", "192.0.2.1", "X-Trunk: other\r\nX-Trunk:\r\n"),
        ("otgs", "192.0.2.1;otg=tg8;otg=tg7", ""),
        ("half", "+1;tgrp=TG-1@192.0.2.1", ""),
        ("broken", "192.0.2.1>, <sip:", ""),
    ] {
        let answer = peer.ask(&invite(&peer, name, contact, more));
        assert!(answer.starts_with("SIP/2.0 404 "), "{name}: {answer}");
        assert!(answer.contains("text=\"TRUNK_UNKNOWN\""), "{name}: {answer}");
    }
    assert_eq!(enterprise.running.records().len(), before, "strangers have no records of their own");
}

#[test]
fn a_request_over_http_is_on_the_trunk_whose_mark_it_carries() {
    let enterprise = Enterprise::start(with_marks);
    let body = || {
        let request =
            json!({ "orig": { "tn": NUMBER }, "dest": { "tn": [TO] }, "iat": unix_now(), "ppt": "shaken" });
        json!({ "signingRequest": request }).to_string()
    };
    let ask = |headers: &str| -> Answer {
        let request = post("/stir/v1/signing", &body());
        enterprise.running.request(&request.replacen("\r\n", &format!("\r\n{headers}"), 1))
    };
    assert_eq!(told(&ask("")).0, "A");
    let marked = ask("X-Trunk: other\r\n");
    assert_eq!(told(&marked), ("B", "RIGHT_OTHER_CUSTOMER", "trunk \"by-http-header\""), "{marked:?}");
    assert_eq!(enterprise.last()["trunk"], "by-http-header");
    let twice = ask("X-Trunk: other\r\nX-Trunk: local\r\n");
    assert_eq!((twice.status, twice.message_id()), (403, "POL4030"), "{twice:?}");
    let quick =
        "GET /quick/v1/sign?from=14255550110&to=14125550199 HTTP/1.1\r\nHost: x\r\nX-Trunk: other\r\n\r\n";
    let quick = enterprise.running.request(quick);
    assert!(quick.head.contains("x-attest: b"), "{}", quick.head);
}

#[test]
fn a_reload_moves_marks_and_refuses_what_they_cannot_be() {
    let enterprise = Enterprise::start(with_marks);
    let peer = Peer::new("127.0.0.2", enterprise.sip_port);
    let path = enterprise.running.lab().join("policy/policy.toml");
    let toml = std::fs::read_to_string(&path).unwrap();
    for (old, new, part) in [
        ("{ otg = \"tg7\" }", "{ otg = \"tg7\", tgrp = \"a\" }", "mark is one of"),
        ("peer = \"plain\", mark = { otg", "uid = 1, mark = { otg", "need peer"),
        ("peer = \"plain\", mark = { otg", "listener = \"sip-udp\", mark = { otg", "say who"),
        ("header = \"X-Trunk\"", "header = \"Subject\"", "no short form"),
    ] {
        assert!(toml.contains(old), "{old}");
        enterprise.write("policy.toml", &toml.replace(old, new));
        let refused = reload(&enterprise, 78);
        assert!(refused.contains(part), "{part}: {refused}");
    }
    enterprise.write("policy.toml", &toml.replace("\"tg7\"", "\"tg8\""));
    enterprise.write("rights.csv", RIGHTS);
    let told = reload(&enterprise, 0);
    let trunk = |name: &str, otg: &str| -> Value {
        peer.ask(&invite(&peer, name, &format!("192.0.2.1;otg={otg}"), ""));
        enterprise.last()["trunk"].clone()
    };
    assert_eq!((trunk("seven", "tg7"), trunk("eight", "tg8")), (json!("plain"), json!("by-otg")));
    // What is told of a reload is found in the records again.
    let generation = enterprise.last()["generation"].as_str().unwrap().to_owned();
    assert!(told.contains(&format!(", policy {generation}")), "{told}");
}
