//! Levels, refusals, modes, reloads.

use serde_json::{Value, json};

use crate::enterprise::{Enterprise, RIGHTS, of_another, payload, reload, told};
use crate::running::{CALLED, CALLER, shaken};
use crate::sip_peer::{Peer, header};

const TO: &str = "14125550199";

#[test]
fn a_right_gives_the_level_and_the_record_says_why() {
    let enterprise = Enterprise::start(|toml| toml);
    for (from, level, reason, rule) in [
        ("14255550110", "A", "RIGHT_OK", "right customer=\"acme\" basis=\"assigned\""),
        ("18005550155", "A", "RIGHT_OK", "right customer=\"acme\" basis=\"resporg\" evidence=resporg-1"),
        ("14255550120", "B", "EVIDENCE_EXPIRED", "trunk \"local\""),
        ("14255550130", "B", "RIGHT_OTHER_CUSTOMER", "trunk \"local\""),
        ("14255550140", "B", "RIGHT_NONE", "trunk \"local\""),
    ] {
        // What is asked for raises nothing.
        let answer = enterprise.sign_with(from, TO, &json!({ "attest": "A" }));
        assert_eq!(told(&answer), (level, reason, rule), "{from} {answer:?}");
        let record = enterprise.last();
        let fact = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            (fact("attest"), fact("reason"), fact("rule")),
            (level.into(), reason.into(), rule.into())
        );
        assert_eq!((fact("customer"), fact("provider")), ("acme".into(), "example-telecom".into()));
        assert_eq!((fact("trunk"), fact("verdict")), ("local".into(), "signed".into()));
        assert_eq!(fact("decided_by"), "example-telecom");
        assert_eq!(fact("generation").len(), 16);
    }
    // Less can be asked for.
    let answer = enterprise.sign_with("14255550110", TO, &json!({ "attest": "C" }));
    assert_eq!(told(&answer), ("C", "CAPPED_BY_REQUEST", "trunk \"local\""));
}

#[test]
fn every_answer_says_what_decided_as_the_record_does() {
    let enterprise = Enterprise::start(|toml| toml);
    let facts = |value: &Value| {
        ["reason", "rule", "generation", "decided_by"]
            .map(|name| value[name].as_str().unwrap_or_default().to_owned())
    };
    let peer = Peer::new("127.0.0.1", enterprise.sip_port);
    let blocked = "19005550100";
    for (from, to, reason) in [
        ("14255550110", TO, "RIGHT_OK"),
        ("14255550120", TO, "EVIDENCE_EXPIRED"),
        ("1425555011", TO, "TN_INVALID"),
        ("14255550110", blocked, "RULE_BLOCK"),
    ] {
        let answer = enterprise.sign(from, to);
        let record = facts(&enterprise.last());
        assert!(record[0] == reason && record[2].len() == 16 && record[3] == "example-telecom", "{record:?}");
        let shaken = if answer.status == 200 { &answer.body["signingResponse"] } else { &answer.body };
        assert_eq!(facts(&shaken["shaken"]), record, "{answer:?}");

        let target = format!("/quick/v1/sign?from={from}&to={to}");
        let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let quick = enterprise.running.request(&request);
        let record = facts(&enterprise.last());
        for (name, text) in ["x-reason", "x-rule", "x-generation", "x-decided-by"].into_iter().zip(record) {
            let line = format!("{name}: {}", text.to_ascii_lowercase());
            assert_eq!(
                quick.head.lines().any(|found| found == line),
                !text.is_empty(),
                "{line} {}",
                quick.head
            );
        }

        let invite = peer.invite(&format!("{from}-{to}"), "");
        let invite = invite.replace(&format!("sip:+{CALLER}@"), &format!("sip:+{from}@"));
        let answer = peer.ask(&invite.replace(&format!("sip:+{CALLED}@"), &format!("sip:+{to}@")));
        let record = enterprise.last();
        assert_eq!(record["interface"], "sip-udp");
        let [reason, rule, generation, decided_by] = facts(&record).map(|text| text.replace('"', "\\\""));
        let rule = if rule.is_empty() { rule } else { format!(";rule=\"{rule}\"") };
        let told = format!("{reason}{rule};generation=\"{generation}\";decided-by=\"{decided_by}\"");
        assert_eq!(header(&answer, "X-Attestation-Reason"), Some(told.as_str()), "{answer}");
    }
}

#[test]
fn what_is_explained_is_what_calls_get() {
    let enterprise = Enterprise::start(|toml| toml);
    let policy = enterprise.running.lab().join("policy");
    let froms = [
        "14255550110",
        "+14255550110",
        "4255550110",
        "14255550120",
        "14255550130",
        "12025550199",
        "911",
        "0",
    ];
    let tos = [TO, "911", "19005550100", "9005550100", "+442079460000"];
    let asked = [None, Some("A"), Some("B"), Some("C")];
    let mut reasons = std::collections::BTreeSet::new();
    for (n, (from, to)) in froms.iter().flat_map(|from| tos.map(|to| (from, to))).enumerate() {
        for (trunk, attest) in [("local", asked[n % 4]), ("dialer", asked[(n + 1) % 4])] {
            let named = if trunk == "dialer" { "&trunk=dialer" } else { "" };
            let wish = attest.map(|attest| format!("&attest={attest}")).unwrap_or_default();
            let target = format!("/quick/v1/sign?from={from}&to={to}{named}{wish}").replace('+', "%2B");
            enterprise.running.request(&format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
            let record = enterprise.last();
            assert_eq!(record["trunk"], trunk, "{target}");
            let mut explain = shaken();
            explain.args(["policy", "explain", "--json", "--from", from, "--to", to, "--trunk", trunk]);
            explain.args(attest.iter().flat_map(|attest| ["--attest", attest]));
            let output = explain.arg("--policy").arg(&policy).output().unwrap();
            let explained: Value = serde_json::from_slice(&output.stdout).unwrap();
            for fact in ["reason", "attest", "rule", "generation"] {
                assert_eq!(explained[fact], record[fact], "{fact} of {target}: {explained} {record}");
            }
            reasons.insert(record["reason"].to_string());
        }
    }
    assert!(reasons.len() > 6, "{reasons:?}");
}

/// Rules and emergencies go by the Request-URI, so it is on record where it is not whom To names.
#[test]
fn calls_on_record_replay_as_they_were_decided() {
    let enterprise = Enterprise::start(|toml| toml);
    let peer = Peer::new("127.0.0.1", enterprise.sip_port);
    for (name, from, uri, reason) in [
        ("same", "14255550110", TO, "RIGHT_OK"),
        ("premium", "14255550110", "19005550100", "RULE_BLOCK"),
        ("listed", "12025550199", TO, "DNO_LISTED"),
        ("emergency", "12025550199", "933", "DNO_LISTED"),
    ] {
        let invite = peer.invite(name, "").replace(&format!("sip:+{CALLER}@"), &format!("sip:+{from}@"));
        let invite = invite.replace(&format!("To: <sip:+{CALLED}@"), &format!("To: <sip:+{TO}@"));
        let plus = if uri.len() > 3 { "+" } else { "" };
        peer.ask(&invite.replace(&format!("INVITE sip:+{CALLED}@"), &format!("INVITE sip:{plus}{uri}@")));
        let record = enterprise.last();
        assert_eq!(record["reason"], reason, "{name} {record}");
        let target = if uri == TO { Value::Null } else { json!(uri) };
        assert_eq!(record["target"]["canonical"], target, "{name}");
    }
    let lab = enterprise.running.lab();
    let simulate = |edit: &dyn Fn(String) -> String| {
        let toml = std::fs::read_to_string(lab.join("policy/policy.toml")).unwrap();
        enterprise.write("candidate.toml", &edit(toml));
        let output = shaken()
            .args(["policy", "simulate", "--fail-on", "changed", "--candidate"])
            .arg(lab.join("policy/candidate.toml"))
            .arg("--audit")
            .arg(lab.join("audit"))
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, told) = simulate(&|toml| toml);
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = simulate(&|toml| toml.replace("1900*", "1901*"));
    assert!(code == Some(1) && told.contains("RULE_BLOCK"), "{told}");
}

/// What a provider of North America gets from its own customers without `+` is dialled as there.
#[test]
fn a_number_in_national_form_is_the_same_number() {
    let enterprise = Enterprise::start(|toml| toml);
    let peer = Peer::new("127.0.0.1", enterprise.sip_port);
    let ask = |name: &str, from: &str, to: &str| -> (String, Value) {
        let invite = peer.invite(name, "").replace(&format!("sip:+{CALLER}@"), &format!("sip:{from}@"));
        let invite = invite.replace(&format!("INVITE sip:+{CALLED}@"), &format!("INVITE sip:{to}@"));
        // A rule goes by the Request-URI, a PASSporT by To.
        let own = if name == "own" { to } else { "+12155550131" };
        let answer = peer.ask(&invite.replace(&format!("To: <sip:+{CALLED}@"), &format!("To: <sip:{own}@")));
        (answer, enterprise.last())
    };
    let (signed, record) = ask("own", "4255550110", "4125550199");
    let claims = payload(header(&signed, "Identity").unwrap());
    assert_eq!((&claims["attest"], &claims["orig"]["tn"]), (&json!("A"), &json!("14255550110")));
    assert_eq!(claims["dest"]["tn"], json!([TO]));
    assert_eq!(record["orig"]["canonical"], "14255550110");
    for (name, from, to, reason) in [
        ("listed", "2025550199", TO, "DNO_LISTED"),
        ("premium", "4255550110", "9005550100", "RULE_BLOCK"),
        ("abroad", "4255550110", "01119005550100", "RULE_BLOCK"),
    ] {
        let (blocked, record) = ask(name, from, to);
        assert!(blocked.starts_with("SIP/2.0 603 "), "{name}: {blocked}");
        assert_eq!(record["reason"], reason, "{name}");
    }
    let target = "/quick/v1/sign?from=4255550110&to=4125550199";
    let quick = enterprise.running.request(&format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert!(quick.head.contains("x-attest: a"), "{}", quick.head);
    // With country code by definition (ATIS-1000082), or because it is written so.
    assert_eq!(told(&enterprise.sign("4255550110", TO)).1, "RIGHT_NONE");
    let (signed, _) = ask("global", "+4255550110", TO);
    assert_eq!(payload(header(&signed, "Identity").unwrap())["orig"]["tn"], "4255550110");
    // As explained.
    let folder = enterprise.running.lab().join("policy");
    let explain = shaken()
        .args([
            "policy",
            "explain",
            "--from",
            "4255550110",
            "--to",
            "4125550199",
            "--trunk",
            "teams",
            "--json",
        ])
        .arg("--policy")
        .arg(folder)
        .output()
        .unwrap();
    let explained: Value = serde_json::from_slice(&explain.stdout).unwrap();
    assert_eq!(explained["reason"], "RIGHT_OK", "{explained}");

    let other = Enterprise::start(|toml| {
        toml.replace("role = \"originate\"", "role = \"originate\"\nplan = \"e164\"")
    });
    let target = "/quick/v1/sign?from=4255550110&to=4125550199";
    let quick = other.running.request(&format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert!(quick.head.contains("x-reason: right_none"), "{}", quick.head);
}

#[test]
fn what_is_not_signed_is_told_apart_from_what_is_blocked() {
    let enterprise = Enterprise::start(|toml| toml);
    for (from, to, reason) in
        [("12025550199", TO, "DNO_LISTED"), ("14255550110", "19005550100", "RULE_BLOCK")]
    {
        let answer = enterprise.sign(from, to);
        assert_eq!((answer.status, answer.message_id()), (403, "POL4031"), "{answer:?}");
        let record = enterprise.last();
        assert_eq!((&record["verdict"], &record["reason"]), (&json!("blocked"), &json!(reason)));
        assert!(record["attest"].is_null() && record["x5u"].is_null(), "{record}");
    }
    let answer = enterprise.sign("1425555011", TO);
    assert_eq!((answer.status, answer.message_id()), (403, "POL4030"), "{answer:?}");
    let record = enterprise.last();
    assert_eq!((&record["verdict"], &record["reason"]), (&json!("unsigned"), &json!("TN_INVALID")));
    // What is also called is no way around a rule.
    let both = json!({ "dest": { "tn": ["911", "19005550100"] } });
    let answer = enterprise.sign_with("14255550110", TO, &both);
    assert_eq!((answer.status, answer.message_id()), (403, "POL4031"), "{answer:?}");
    let div = json!({ "ppt": "div", "div": { "tn": "14255550110" } });
    let answer = enterprise.sign_with("12125550142", "19005550100", &div);
    assert_eq!((answer.status, answer.message_id()), (403, "POL4031"), "{answer:?}");
    // An emergency call is never blocked.
    let answer = enterprise.sign("12025550199", "911");
    assert_eq!(told(&answer), ("C", "DNO_LISTED", "trunk \"local\""));
    let dialer = enterprise.running.request(
        "GET /quick/v1/sign?from=12025550199&to=14125550199&trunk=dialer HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    assert_eq!((dialer.status, dialer.text.as_str()), (403, ""));
    assert!(dialer.head.contains("x-reason: dno_listed"), "{}", dialer.head);
    assert!(dialer.head.contains("x-action: block"), "{}", dialer.head);
    let unsigned = enterprise
        .running
        .request("GET /quick/v1/sign?from=1425555011&to=14125550199 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(unsigned.status == 403 && !unsigned.head.contains("x-action"), "{}", unsigned.head);
}

#[test]
fn calls_of_a_trunk_have_its_tracing_value() {
    let enterprise = Enterprise::start(|toml| toml);
    let quick = |from: &str| {
        enterprise.running.request(&format!(
            "GET /quick/v1/sign?from={from}&to={TO}&trunk=dialer&form=value HTTP/1.1\r\nHost: localhost\r\n\r\n"
        ))
    };
    let origid = |head: &str| {
        head.lines().find_map(|line| line.strip_prefix("x-origid: ")).expect("a tracing value").to_owned()
    };
    let (one, two) = (quick("14255550110"), quick("14255550140"));
    assert_eq!(origid(&one.head), origid(&two.head));
    assert_eq!(enterprise.last()["origid"], json!(origid(&one.head)));
    assert_eq!(&origid(&one.head)[14..15], "8", "RFC 9562 version 8");
    let local = || enterprise.sign("14255550110", TO).body["signingResponse"]["shaken"]["origid"].clone();
    assert_ne!(local(), local());
}

#[test]
fn a_diversion_is_signed_for_the_number_that_diverted() {
    let enterprise = Enterprise::start(|toml| toml);
    let div = |by: &str| json!({ "ppt": "div", "div": { "tn": by } });
    let answer = enterprise.sign_with("12125550142", TO, &div("14255550110"));
    assert_eq!(told(&answer).1, "DIV_ADDED");
    let told_claims = payload(answer.identity());
    assert_eq!(told_claims["div"]["tn"], "14255550110");
    assert_eq!(
        (&told_claims["orig"]["tn"], &told_claims["dest"]["tn"]),
        (&json!("12125550142"), &json!([TO]))
    );
    assert_eq!(enterprise.last()["ppt"], json!(["div"]));
    let answer = enterprise.sign_with("12125550142", TO, &div("14255550140"));
    assert_eq!((answer.status, enterprise.last()["reason"].as_str()), (403, Some("DIV_NO_RIGHT")));
    // Where the client tells what the call came with, that counts.
    for (dest, status) in [("14255550110", 200), ("14255550141", 403)] {
        let came_with = of_another("12125550142", dest, "https://cr.other.example/a.pem");
        let both = json!({ "identity": came_with, "ppt": "div", "div": { "tn": "14255550110" } });
        assert_eq!(enterprise.sign_with("12125550142", TO, &both).status, status, "{dest}");
    }
    // What is no list of texts is refused by name.
    for identity in [json!(7), json!({}), json!(null), json!(["a", 7])] {
        let answer = enterprise.sign_with("14255550110", TO, &json!({ "identity": identity }));
        assert_eq!(answer.status, 400, "{identity}");
    }
    // However much there is of it, nothing that cannot be read makes a call ours or evidence.
    let many = json!({ "identity": vec!["eyJ.eyJ.x;info=<x>"; 500] });
    assert_eq!(enterprise.sign_with("14255550110", TO, &many).status, 403);
    assert_eq!(enterprise.last()["reason"], "PASSED_THROUGH");
}

#[test]
fn a_policy_that_observes_signs_nothing_and_says_what_it_would() {
    let enterprise = Enterprise::start(|toml| toml.replace("\"enforce\"", "\"observe\""));
    let answer = enterprise.sign("14255550110", TO);
    assert_eq!((answer.status, answer.message_id()), (403, "POL4030"));
    let record = enterprise.last();
    assert_eq!(record["verdict"], "observed");
    assert_eq!((&record["attest"], &record["reason"]), (&json!("A"), &json!("RIGHT_OK")));
    assert!(record["identity"].is_null() && record["other"].is_null(), "{record}");
    enterprise.sign("12025550199", TO);
    assert_eq!(enterprise.last()["verdict"], "observed", "it blocks nothing either");
}

/// The candidate has lost the right to one number.
fn with_candidate(how: &str) -> Enterprise {
    let enterprise = Enterprise::start(|toml| toml);
    let folder = enterprise.running.lab().join("policy");
    let next = folder.join("next");
    std::fs::create_dir(&next).unwrap();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, next.join(path.file_name().unwrap())).unwrap();
        }
    }
    let toml = std::fs::read_to_string(folder.join("policy.toml")).unwrap();
    std::fs::write(next.join("policy.toml"), toml.replace("../provider", "../../provider")).unwrap();
    let rights = RIGHTS.replace("acme,14255550110,,assigned,,A", "other,14255550110,,assigned,,A");
    std::fs::write(next.join("rights.csv"), rights).unwrap();
    enterprise.write("policy.toml", &format!("{toml}[candidate]\npolicy = \"next/policy.toml\"\n{how}\n"));
    reload(&enterprise, 0);
    enterprise
}

#[test]
fn a_shadow_is_only_told_of() {
    let enterprise = with_candidate("mode = \"shadow\"");
    assert_eq!(told(&enterprise.sign("14255550110", TO)).0, "A");
    let record = enterprise.last();
    let other = &record["other"];
    assert_eq!((&other["attest"], &other["reason"]), (&json!("B"), &json!("RIGHT_OTHER_CUSTOMER")));
    assert_eq!(other["outcome"], "sign");
    assert_ne!(other["generation"], record["generation"]);
    enterprise.sign("14255550140", TO);
    assert!(enterprise.last()["other"].is_null(), "they agree");
}

#[test]
fn a_canary_acts_on_its_share() {
    let enterprise = with_candidate("mode = \"canary\"\ntrunks = [\"dialer\"]");
    assert_eq!(told(&enterprise.sign("14255550110", TO)).0, "A");
    assert_eq!(enterprise.last()["other"]["attest"], "B");
    let quick = format!(
        "GET /quick/v1/sign?from=14255550110&to={TO}&trunk=dialer HTTP/1.1\r\nHost: localhost\r\n\r\n"
    );
    let answer = enterprise.running.request(&quick);
    assert!(answer.status == 200 && answer.head.contains("x-attest: b\r\n"), "{answer:?}");
    let record = enterprise.last();
    assert_eq!((&record["attest"], &record["other"]["attest"]), (&json!("B"), &json!("A")));
}

#[test]
fn a_reload_swaps_the_policy_whole_or_not_at_all() {
    let enterprise = Enterprise::start(|toml| toml);
    enterprise.sign("14255550140", TO);
    let before = enterprise.last()["generation"].clone();
    let metrics = || {
        let text = enterprise.running.request("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").text;
        let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        (line("sti_in_force_info"), line("sti_policy_numbers "))
    };
    assert!(metrics().0.contains(&format!("policy={before}")), "{:?}", metrics());
    assert_eq!(metrics().1, "4");
    let rights = format!("{RIGHTS}acme,14255550140,,assigned,,A\n");
    enterprise.write("rights.csv", &format!("{rights}acme,1425555014x,,assigned,,A\n"));
    let refused = reload(&enterprise, 78);
    assert!(refused.contains("rights.csv:7"), "{refused}");
    assert!(!refused.contains("1425555014x"), "numbers are masked: {refused}");
    assert_eq!(told(&enterprise.sign("14255550140", TO)).0, "B");
    assert_eq!(enterprise.last()["generation"], before);
    enterprise.write("rights.csv", &rights);
    reload(&enterprise, 0);
    assert_eq!(told(&enterprise.sign("14255550140", TO)).0, "A");
    let after = enterprise.last()["generation"].clone();
    assert_ne!(after, before);
    assert!(metrics().0.contains(&format!("policy={after}")), "{:?}", metrics());
    assert_eq!(metrics().1, "5");
    // Both are kept, and can be told from each other later.
    let kept = |generation: &Value| {
        let name = format!("generations/{}.shaken", generation.as_str().unwrap());
        enterprise.running.lab().join(name)
    };
    for (generation, level) in [(&before, "B"), (&after, "A")] {
        let output = shaken()
            .args(["policy", "explain", "--trunk", "local", "--from", "14255550140", "--to", TO, "--json"])
            .arg("--policy")
            .arg(kept(generation))
            .output()
            .unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["attest"], level, "{told}");
    }
    let lab = enterprise.running.lab();
    let folder = std::fs::read_dir(lab.join("generations")).unwrap();
    assert_eq!(folder.count(), 2, "nothing unfinished is left");
    let listed = shaken().args(["policy", "generations"]).arg(lab.join("generations")).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.lines().nth(1).is_some_and(|line| line.ends_with(": numbers 1")), "{listed}");
    // And the first can be put back in force.
    std::fs::copy(kept(&before), lab.join("policy/back.shaken")).unwrap();
    let config = lab.join("shaken.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("policy/policy.toml", "policy/back.shaken")).unwrap();
    reload(&enterprise, 0);
    assert_eq!(told(&enterprise.sign("14255550140", TO)).0, "B");
    assert_eq!(enterprise.last()["generation"], before);
}

#[test]
fn a_compiled_policy_decides_alike() {
    let enterprise = Enterprise::start(|toml| toml);
    let lab = enterprise.running.lab();
    let (from, to) = (lab.join("policy/policy.toml"), lab.join("policy/policy.shaken"));
    enterprise.write("rights.csv", &format!("{RIGHTS}acme,14255550140,,assigned,,A\n"));
    assert!(shaken().args(["policy", "compile"]).arg(from).arg(to).status().unwrap().success());
    assert_eq!(told(&enterprise.sign("14255550140", TO)).0, "B");
    let config = lab.join("shaken.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("policy/policy.toml", "policy/policy.shaken")).unwrap();
    reload(&enterprise, 0);
    assert_eq!(told(&enterprise.sign("14255550140", TO)).0, "A", "as its files were when it was compiled");
    assert_eq!(told(&enterprise.sign("14255550130", TO)).1, "RIGHT_OTHER_CUSTOMER");
}

#[test]
fn what_is_wrong_with_a_policy_is_found_before_the_start() {
    let enterprise = Enterprise::start(|toml| toml);
    let lab = enterprise.running.lab();
    let config = lab.join("shaken.toml");
    let (text, toml) = (
        std::fs::read_to_string(&config).unwrap(),
        std::fs::read_to_string(lab.join("policy/policy.toml")).unwrap(),
    );
    let check = || {
        let output = shaken().args(["check-config", "--config"]).arg(&config).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(check().0, Some(0));
    let trunk = "[[trunk]]\nname = \"t\"\nuid = 1\nmax_attest = \"A\"\n";
    std::fs::write(&config, format!("{text}{trunk}")).unwrap();
    let (code, told) = check();
    assert!(code == Some(78) && told.contains("take [signing] and [[trunk]] out"), "{told}");
    std::fs::write(&config, &text).unwrap();
    for (from, to, part) in [
        ("peer = \"teams\"", "peer = \"other\"", "no such peer"),
        ("listener = \"http\", by_name = true", "user = \"nobody\"", "no such user"),
        ("../provider.key", "../nothing.key", "policy.provider.example-telecom.certificate.main.key"),
        (
            "../provider.pem",
            "../sti-root.pem",
            "policy.provider.example-telecom.certificate.main.certificate",
        ),
        ("mode = \"enforce\"", "mode = \"trust\"", "policy.toml"),
        ("spc = \"LAB0\"", "spc = \"709J\"", "service provider code \"LAB0\""),
    ] {
        assert!(toml.contains(from), "{from}");
        enterprise.write("policy.toml", &toml.replace(from, to));
        let (code, told) = check();
        assert!(code == Some(78) && told.contains(part), "{to}: {told}");
    }
    let key = lab.join("provider.key");
    enterprise.write("policy.toml", &toml);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&key, open).unwrap();
    let (code, told) = check();
    assert!(code == Some(78) && told.contains("chmod 0400"), "{told}");
}
