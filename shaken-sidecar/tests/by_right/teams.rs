//! Calls as Microsoft Teams sends them over Direct Routing, through the SIP door and as a script would tell
//! them over HTTP. The messages are our own, with the habits of that sender: header names in upper case, no
//! space before `<`, no Date, History-Info with an unescaped Reason.

use serde_json::json;

use crate::enterprise::{Enterprise, of_another, payload, told};
use crate::sip_peer::{Peer, header};

const USER: &str = "14255550110";
const OUTSIDE: &str = "12125550142";
const CALLED: &str = "14125550199";

/// An INVITE of Teams to that number.
fn invite(peer: &Peer, name: &str, called: &str, from: &str, more: &str) -> String {
    let via = peer.socket.local_addr().unwrap();
    format!(
        "INVITE sip:+{called}@sbc1.voice.example:5061;user=phone;transport=tls SIP/2.0\r\n\
         FROM: {from};tag=5b6c7d8e\r\nTO: <sip:+{called}@sbc1.voice.example:5061;user=phone>\r\n{more}\
         CSEQ: 1 INVITE\r\nCALL-ID: {name}\r\nMAX-FORWARDS: 70\r\n\
         VIA: SIP/2.0/UDP {via};branch=z9hG4bK{name}\r\n\
         RECORD-ROUTE: <sip:sip-du-a-us.pstnhub.example:5061;transport=tls;lr>\r\n\
         CONTACT: <sip:api-du-a-uswe2.pstnhub.example:443;x-i=2f0b5d6e-1c33;x-c=7c1d0a9e/d/8/3a2b1c>\r\n\
         MIN-SE: 300\r\nSUPPORTED: timer\r\nALLOW: INVITE,ACK,OPTIONS,CANCEL,BYE,NOTIFY\r\n\
         CONTENT-LENGTH: 0\r\n\r\n"
    )
}

fn of(number: &str) -> String {
    format!("Ada Example<sip:+{number}@sip.pstnhub.example:5061;user=phone>")
}

/// What the daemon answers and records of one INVITE: status line, level in it, reason and calling number
/// on record.
fn asked(enterprise: &Enterprise, message: &str, peer: &Peer) -> (String, Option<String>, String, String) {
    let answer = peer.ask(message);
    let status = answer.lines().next().unwrap()["SIP/2.0 ".len()..].to_owned();
    let level = header(&answer, "Attestation-Info").map(str::to_owned);
    let record = enterprise.last();
    let fact = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    assert_eq!((fact(&record["trunk"]), fact(&record["interface"])), ("teams".into(), "sip-udp".into()));
    (status, level, fact(&record["reason"]), fact(&record["orig"]["canonical"]))
}

#[test]
fn a_user_and_a_resource_account_have_their_numbers() {
    let enterprise = Enterprise::start(|toml| toml);
    let peer = Peer::new("127.0.0.1", enterprise.sip_port);
    let user = invite(&peer, "user", CALLED, &of(USER), "");
    let (status, level, reason, orig) = asked(&enterprise, &user, &peer);
    assert_eq!((status.as_str(), level.as_deref()), ("302 Moved Temporarily", Some("A")));
    assert_eq!((reason.as_str(), orig.as_str()), ("RIGHT_OK", USER));
    // The service number of a resource account; agents of a contact centre call on its behalf.
    let asserted = "P-ASSERTED-IDENTITY: <tel:+18005550155>,<sip:support@acme.example>\r\n";
    for (name, from) in
        [("account", of("18005550155")), ("agent", "Contoso Agent<sip:agent@acme.example>".into())]
    {
        let message = invite(&peer, name, "13125550188", &from, asserted);
        let (_, level, reason, orig) = asked(&enterprise, &message, &peer);
        assert_eq!((level.as_deref(), reason.as_str()), (Some("A"), "RIGHT_OK"), "{name}");
        assert_eq!(orig, "18005550155");
    }
    // A number that somebody gave a user without asking the carrier.
    let (_, level, reason, _) =
        asked(&enterprise, &invite(&peer, "foreign", CALLED, &of("14255550140"), ""), &peer);
    assert_eq!((level.as_deref(), reason.as_str()), (Some("B"), "RIGHT_NONE"));
}

#[test]
fn a_caller_that_hides_is_known_by_the_number_that_is_asserted() {
    let enterprise = Enterprise::start(|toml| toml);
    let peer = Peer::new("127.0.0.1", enterprise.sip_port);
    let more = format!("P-ASSERTED-IDENTITY: <tel:+{USER}>,<sip:ada@acme.example>\r\nPRIVACY: id\r\n");
    let message = invite(&peer, "hidden", CALLED, "\"Anonymous\" <sip:anonymous@anonymous.invalid>", &more);
    let (_, level, reason, orig) = asked(&enterprise, &message, &peer);
    assert_eq!((level.as_deref(), reason.as_str(), orig.as_str()), (Some("A"), "RIGHT_OK", USER));
}

#[test]
fn what_was_forwarded_is_not_the_customers_number() {
    let enterprise = Enterprise::start(|toml| toml);
    let peer = Peer::new("127.0.0.1", enterprise.sip_port);
    let history = |by: &str, causes: &[(u16, &str)]| {
        let entries = causes.iter().enumerate().map(|(i, (cause, text))| {
            format!(
                "<sip:+{by}@sip.pstnhub.example;user=phone?Reason=SIP;cause={cause};text=\"{text}\">;index=1{}",
                if i == 0 { "" } else { ".1" }
            )
        });
        format!("HISTORY-INFO: {}\r\n", entries.collect::<Vec<_>>().join(","))
    };
    let moved = (302, "Move Temporarily");
    for (name, more, level, reason) in [
        ("forward", history(USER, &[moved]), "B", "DIV_CALLER"),
        ("ring", history(USER, &[moved, (496, "User Busy")]), "B", "DIV_CALLER"),
        ("queue", history("18005550155", &[moved]), "B", "DIV_CALLER"),
        ("not-ours", history("14255550140", &[moved]), "C", "DIV_NO_RIGHT"),
        (
            "diversion",
            format!("DIVERSION: <sip:+{USER}@acme.example>;reason=unconditional\r\n"),
            "B",
            "DIV_CALLER",
        ),
        ("national", format!("DIVERSION: <sip:{}@acme.example>\r\n", &USER[1..]), "B", "DIV_CALLER"),
    ] {
        let message = invite(&peer, name, CALLED, &of(OUTSIDE), &more);
        let (_, got, why, orig) = asked(&enterprise, &message, &peer);
        assert_eq!((got.as_deref(), why.as_str(), orig.as_str()), (Some(level), reason, OUTSIDE), "{name}");
    }
}

/// All kinds of calls, as a script on the SBC tells of the same INVITEs over HTTP.
#[test]
fn a_script_gets_the_same_levels_over_http() {
    let enterprise = Enterprise::start(|toml| toml);
    let service = "18005550155";
    // The From of the agent is no number; the script tells of the one that is asserted.
    let asserted = json!({ "orig": { "uri": format!("tel:+{service}") } });
    for (kind, from, to, more, level, reason) in [
        ("user", USER, CALLED, json!({}), "A", "RIGHT_OK"),
        ("resource account", service, CALLED, json!({}), "A", "RIGHT_OK"),
        ("contact centre", service, CALLED, asserted, "A", "RIGHT_OK"),
        ("emergency", USER, "911", json!({}), "A", "RIGHT_OK"),
        ("emergency of a barred number", "12025550199", "911", json!({}), "C", "DNO_LISTED"),
        ("foreign number", "14255550140", CALLED, json!({}), "B", "RIGHT_NONE"),
    ] {
        let answer = enterprise.sign_with(from, to, &more);
        let (got, why, _) = told(&answer);
        assert_eq!((got, why), (level, reason), "{kind}: {answer:?}");
        let claims = payload(answer.identity());
        assert_eq!((&claims["attest"], &claims["orig"]["tn"]), (&json!(level), &json!(from)), "{kind}");
        on_record(&enterprise, kind, (from, to), (level, reason));
    }
    // Who diverted is told by the quick API. What rings beside goes on to another number than what is
    // forwarded, what a queue sends on was diverted by its service number.
    for (kind, to, by, level, reason) in [
        ("forwarded", CALLED, USER, "B", "DIV_CALLER"),
        ("simultaneous ring", "14125550177", USER, "B", "DIV_CALLER"),
        ("call queue", "13125550188", service, "B", "DIV_CALLER"),
        ("not ours", CALLED, "14255550140", "C", "DIV_NO_RIGHT"),
    ] {
        let answer = enterprise.running.request(&format!(
            "GET /quick/v1/sign?from={OUTSIDE}&to={to}&diverting={by}&form=value HTTP/1.1\r\nHost: localhost\r\n\r\n"
        ));
        let (x_attest, x_reason) = (level.to_lowercase(), reason.to_lowercase());
        assert!(answer.head.contains(&format!("x-attest: {x_attest}\r\n")), "{kind}: {answer:?}");
        assert!(answer.head.contains(&format!("x-reason: {x_reason}\r\n")), "{kind}: {answer:?}");
        let claims = payload(&answer.text);
        assert_eq!((&claims["attest"], &claims["orig"]["tn"]), (&json!(level), &json!(OUTSIDE)), "{kind}");
        on_record(&enterprise, kind, (OUTSIDE, to), (level, reason));
    }
}

/// That the last record is of a call over HTTP between these numbers, with this level and reason.
fn on_record(enterprise: &Enterprise, kind: &str, (from, to): (&str, &str), (level, reason): (&str, &str)) {
    let record = enterprise.last();
    let fact = |name: &str| record[name].as_str().unwrap_or_default();
    assert_eq!(
        (fact("attest"), fact("reason"), fact("verdict")),
        (level, reason, "signed"),
        "{kind}: {record}"
    );
    assert_eq!((fact("trunk"), fact("interface")), ("local", "http-unix"), "{kind}");
    let numbers = (&record["orig"]["canonical"], &record["dest"][0]["canonical"], &record["ppt"]);
    assert_eq!(numbers, (&json!(from), &json!(to), &json!(["shaken"])), "{kind}: {record}");
}

/// It came signed: what others said of the caller stays, and ours says who diverted it.
#[test]
fn what_came_signed_and_was_forwarded_gets_a_div() {
    let enterprise = Enterprise::start(|toml| toml);
    let peer = Peer::new("127.0.0.1", enterprise.sip_port);
    let theirs = |orig: &str, dest: &str| {
        format!("IDENTITY: {}\r\n", of_another(orig, dest, "https://cr.other.example/a.pem"))
    };
    let history = |by: &str| {
        format!("HISTORY-INFO: <sip:+{by}@sip.pstnhub.example;user=phone?Reason=SIP;cause=302>;index=1\r\n")
    };
    // As it is usual: To still says whom the caller called.
    let forwarded_by = |peer: &Peer, name: &str, by: &str, identity: &str| {
        let message = invite(peer, name, CALLED, &of(OUTSIDE), &(history(by) + identity));
        message.replace(&format!("TO: <sip:+{CALLED}"), &format!("TO: <sip:+{by}"))
    };
    let forwarded = |name: &str, by: &str, identity: &str| forwarded_by(&peer, name, by, identity);
    let answer = peer.ask(&forwarded("signed", USER, &theirs(OUTSIDE, USER)));
    assert!(answer.starts_with("SIP/2.0 302 "), "{answer}");
    let claims = payload(header(&answer, "Identity").unwrap());
    assert_eq!((&claims["orig"]["tn"], &claims["div"]["tn"]), (&json!(OUTSIDE), &json!(USER)));
    assert_eq!(claims["dest"]["tn"], json!([CALLED]));
    let record = enterprise.last();
    assert_eq!((&record["reason"], &record["ppt"]), (&json!("DIV_ADDED"), &json!(["div"])));
    // Not ours to divert, not this caller, not to who diverted it, nothing that can be read.
    for (name, by, identity) in [
        ("not-ours", "14255550140", theirs(OUTSIDE, "14255550140")),
        ("caller", USER, theirs("12125550143", USER)),
        ("called", USER, theirs(OUTSIDE, "14255550141")),
        ("junk", USER, "IDENTITY: e30.e30.c2ln;info=<https://cr.other.example/a.pem>\r\n".into()),
    ] {
        let (status, _, reason, _) = asked(&enterprise, &forwarded(name, by, &identity), &peer);
        assert!(!status.starts_with("302"), "{name}: {status}");
        assert_eq!(reason, "PASSED_THROUGH", "{name}");
    }
    // One that names our certificate is not signed once more.
    let ours = format!("IDENTITY: {}\r\n", of_another(USER, CALLED, &enterprise_x5u(&enterprise)));
    asked(&enterprise, &invite(&peer, "ours", CALLED, &of(USER), &ours), &peer);
    assert_eq!(enterprise.last()["reason"], "DUP_AVOIDED");
    // A trunk that may not divert.
    let plain = Peer::new("127.0.0.2", enterprise.sip_port);
    plain.ask(&forwarded_by(&plain, "plain", USER, &theirs(OUTSIDE, USER)));
    assert_eq!(enterprise.last()["reason"], "PASSED_THROUGH");
}

/// The caller writes To; where the call goes is in the Request-URI.
#[test]
fn what_to_says_is_no_way_around_a_rule() {
    let enterprise = Enterprise::start(|toml| toml);
    let peer = Peer::new("127.0.0.1", enterprise.sip_port);
    for (name, to, from) in [("friend", CALLED, USER), ("emergency", "911", "12025550199")] {
        let message = invite(&peer, name, "19005550100", &of(from), "")
            .replace("TO: <sip:+19005550100", &format!("TO: <sip:{to}"));
        let answer = peer.ask(&message);
        assert!(answer.starts_with("SIP/2.0 603 "), "{name}: {answer}");
    }
}

fn enterprise_x5u(enterprise: &Enterprise) -> String {
    assert_eq!(told(&enterprise.sign(USER, CALLED)).0, "A");
    enterprise.last()["x5u"].as_str().unwrap().to_owned()
}

#[test]
fn an_emergency_is_sent_on_at_once() {
    let enterprise = Enterprise::start(|toml| toml);
    let peer = Peer::new("127.0.0.1", enterprise.sip_port);
    let message = invite(&peer, "emergency", "911", &of("12025550199"), "").replace("sip:+911", "sip:911");
    let answer = peer.ask(&message);
    assert!(answer.starts_with("SIP/2.0 302 ") && header(&answer, "Identity").is_none(), "{answer}");
    assert!(answer.contains("text=\"emergency\""), "{answer}");
    // A blocked call is not sent on.
    let blocked = peer.ask(&invite(&peer, "blocked", CALLED, &of("12025550199"), ""));
    assert!(blocked.starts_with("SIP/2.0 603 "), "{blocked}");
    assert!(blocked.contains("text=\"DNO_LISTED\""), "{blocked}");
}
