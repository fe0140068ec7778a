//! A customer that speaks for its numbers itself, with a delegate certificate: a second lab, whose certificate is
//! for ten numbers.

use std::fs;
use std::io::{BufRead, BufReader};
use std::num::NonZeroU16;
use std::process::{Child, Stdio};
use std::time::SystemTime;

use serde_json::{Value, json};
use shaken_core::passport::{base, shaken as shaken_claims};
use shaken_core::{Attest, Certificate, Party, Signer, TelephoneNumber, key, sign};
use shaken_sidecar::lab::{Lab, LabOptions, TnAuthListDer, TnEntryDer};
use tempfile::TempDir;

use crate::enterprise::{Enterprise, RIGHTS, of_another, payload, reload, told};
use crate::running::{Answer, free_port, shaken, unix_now};
use crate::sip_peer::{Peer, header};

const DELEGATED: &str = "14255550150";
const NOT_IN_IT: &str = "14255550160";
const TO: &str = "14125550199";
const X5U: &str = "https://cr.acme.example/provider.pem";

/// The customer with its certificate, and the provider's daemon.
struct Delegated {
    enterprise: Enterprise,
    signer: Signer,
    repository: Child,
    _folder: TempDir,
}

impl Delegated {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let numbers = TnAuthListDer::new(&TnEntryDer::range(DELEGATED, 10).unwrap());
        let port = free_port();
        let options = LabOptions::default().with_tn_auth_list(numbers).with_host("cr.acme.example").unwrap();
        let options = options.with_repository_port(NonZeroU16::new(port).unwrap());
        let lab = Lab::create(&folder.path().join("acme"), &options, SystemTime::now()).unwrap();
        assert_eq!(lab.x5u(), X5U);
        let mut repository =
            shaken().args(["lab", "serve"]).arg(lab.dir()).stderr(Stdio::piped()).spawn().unwrap();
        BufReader::new(repository.stderr.take().unwrap()).read_line(&mut String::new()).unwrap();

        let read = |name: &str| fs::read_to_string(lab.dir().join(name)).unwrap();
        let chain = read("provider.pem");
        let private = key::signing_key_from_pem(read("provider.key").as_bytes()).unwrap();
        let signer = Signer::new(private, chain.as_bytes(), X5U).unwrap();
        let replaces = |toml: String| toml.replace("per_trunk\"", "per_trunk\"\ntreatment = \"sign\"");
        let mut enterprise = Enterprise::start(replaces);
        let path = enterprise.running.lab().join("shaken.toml");
        let config = fs::read_to_string(&path).unwrap();
        let line = |name: &str| config.lines().find(|line| line.starts_with(name)).unwrap();
        let roots = folder.path().join("tls-roots.pem");
        let first = fs::read_to_string(line("tls_roots").split('"').nth(1).unwrap()).unwrap();
        fs::write(&roots, first + &read("tls-root.pem")).unwrap();
        let anchor = lab.dir().join("sti-root.pem");
        let connect_to = format!("connect_to = {{ \"cr.acme.example\" = \"127.0.0.1:{port}\", ");
        let config = config
            .replace(line("tls_roots"), &format!("tls_roots = {roots:?}"))
            .replace("anchors = [", &format!("anchors = [{anchor:?}, "))
            .replace("connect_to = { ", &connect_to);
        fs::write(path, config).unwrap();
        enterprise.running.kill_and_restart();
        let delegated = Self { enterprise, signer, repository, _folder: folder };
        delegated.put_in_force(&delegated.certificate().fingerprint().to_string());
        delegated
    }

    fn certificate(&self) -> &Certificate {
        self.signer.certificate()
    }

    /// Rights of two numbers by the certificate of that SHA-256.
    fn put_in_force(&self, sha256: &str) {
        let rights: String = [DELEGATED, NOT_IN_IT]
            .map(|number| format!("acme,{number},,delegate_cert,own-cert,,,A\n"))
            .concat();
        let rights = RIGHTS
            .replace("basis,evidence,max_level", "basis,evidence,valid_from,valid_until,max_level")
            .replace(",,A\n", ",,,,A\n")
            .replace("-1,A\n", "-1,,,A\n")
            + &rights;
        self.enterprise.write("rights.csv", &rights);
        let evidence = format!(
            "evidence,type,sha256,expires_at\nloa-1,loa_pdf,,2001-01-01\nresporg-1,resporg_record,,\n\
             own-cert,cert,{sha256},\n"
        );
        self.enterprise.write("evidence.csv", &evidence);
        reload(&self.enterprise, 0);
    }

    /// The Identity that the customer sends: a base PASSporT.
    fn base(&self, from: &str, to: &str, iat: u64) -> String {
        let party = |number| Party::Number(TelephoneNumber::parse(number).unwrap());
        let dest = [party(to)];
        let claims = base::NewClaims::new(party(from), &dest, iat).unwrap();
        let mut out = [0; sign::MAX_HEADER_LEN];
        self.signer.sign(&claims, &mut out).unwrap().to_owned()
    }

    /// A `shaken` of the customer's own.
    fn shaken(&self, attest: Attest) -> String {
        let party = |number| Party::Number(TelephoneNumber::parse(number).unwrap());
        let dest = [party(TO)];
        let claims = base::NewClaims::new(party(DELEGATED), &dest, unix_now()).unwrap();
        let origid = "0b0e6a3c-3f50-4f43-9d8b-000000000001";
        let claims = shaken_claims::NewClaims::new(claims, attest, origid).unwrap();
        let mut out = [0; sign::MAX_HEADER_LEN];
        self.signer.sign(&claims, &mut out).unwrap().to_owned()
    }

    /// As a dialplan tells it.
    fn quick(&self, identity: &str, trunk: &str) -> Answer {
        let identity: String = identity.bytes().map(|byte| format!("%{byte:02x}")).collect();
        self.enterprise.running.request(&format!(
            "GET /quick/v1/sign?from={DELEGATED}&to={TO}&trunk={trunk}&identity={identity} HTTP/1.1\r\n\
             Host: localhost\r\n\r\n"
        ))
    }

    /// Level and reason of a call that comes with `identity`, and its record.
    fn asked(&self, from: &str, identity: &Value) -> (String, String, Value) {
        let answer = self.enterprise.sign_with(from, TO, &json!({ "identity": identity }));
        let (level, reason, _) = told(&answer);
        (level.to_owned(), reason.to_owned(), self.enterprise.last())
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        let _ = self.repository.kill();
        let _ = self.repository.wait();
    }
}

#[test]
fn a_call_that_the_customer_signed_itself_has_its_right() {
    let delegated = Delegated::start();
    let identity = delegated.base(DELEGATED, TO, unix_now());
    // Neither asked for nor claimed: shown.
    assert_eq!(told(&delegated.enterprise.sign(DELEGATED, TO)).1, "DELEGATE_ABSENT");
    let (level, reason, record) = delegated.asked(DELEGATED, &json!([identity]));
    assert_eq!((level.as_str(), reason.as_str()), ("A", "DELEGATE_OK"));
    assert!(record["rule"].as_str().unwrap().contains("own-cert"), "{record}");
    assert_eq!(record["headers"], json!([{ "ppt": "base", "verdict": "valid" }]));
    assert_eq!(payload(record["identity"][0].as_str().unwrap())["attest"], "A", "what was sent is ours");
    // A `shaken` goes on as it came, unless the trunk replaces it: then level A says it too, and less says less.
    let (.., record) = delegated.asked(DELEGATED, &json!(delegated.shaken(Attest::A)));
    assert_eq!(record["reason"], "PASSED_THROUGH");
    for (identity, reason) in [
        (delegated.shaken(Attest::A), "delegate_ok"),
        (delegated.shaken(Attest::B), "delegate_absent"),
        (of_another(DELEGATED, TO, X5U), "delegate_absent"),
        ("junk".into(), "delegate_absent"),
    ] {
        let answer = delegated.quick(&identity, "dialer");
        assert!(answer.head.contains(&format!("x-reason: {reason}\r\n")), "{answer:?}");
    }

    // The other doors.
    let peer = Peer::new("127.0.0.1", delegated.enterprise.sip_port);
    let via = peer.socket.local_addr().unwrap();
    let answer = peer.ask(&format!(
        "INVITE sip:+{TO}@sbc.example SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bKd\r\n\
         From: <sip:+{DELEGATED}@acme.example>;tag=1\r\nTo: <sip:+{TO}@sbc.example>\r\nCall-ID: d\r\n\
         CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nIdentity: {identity}\r\nContent-Length: 0\r\n\r\n"
    ));
    assert_eq!(header(&answer, "Attestation-Info"), Some("A"), "{answer}");
    assert_eq!(delegated.enterprise.last()["reason"], "DELEGATE_OK");
    let answer = delegated.quick(&identity, "");
    assert!(answer.head.contains("x-reason: delegate_ok\r\n"), "{answer:?}");
}

#[test]
fn what_does_not_hold_is_no_evidence() {
    let delegated = Delegated::start();
    let held = delegated.base(DELEGATED, TO, unix_now());
    let (head, signature) = held.split_at(held.find(";info").unwrap() - 20);
    let forged = format!("{head}{}{}", "AAAA", &signature[4..]);
    for (why, identity) in [
        ("a wrong signature", forged),
        ("another caller", delegated.base("14255550151", TO, unix_now())),
        ("another call", delegated.base(DELEGATED, "14125550100", unix_now())),
        ("an old one", delegated.base(DELEGATED, TO, unix_now() - 600)),
    ] {
        let (level, reason, record) = delegated.asked(DELEGATED, &json!([identity]));
        assert_eq!((level.as_str(), reason.as_str()), ("B", "DELEGATE_ABSENT"), "{why}");
        assert_eq!(record["headers"][0]["verdict"], "failed", "{why}: {record}");
    }
    // One among others that do not hold is enough.
    let (level, ..) =
        delegated.asked(DELEGATED, &json!([delegated.base("14255550151", TO, unix_now()), held]));
    assert_eq!(level, "A");
    // A right to a number that the certificate is not for: the customer could not even sign.
    let (level, reason, _) = delegated.asked(NOT_IN_IT, &json!([held]));
    assert_eq!((level.as_str(), reason.as_str()), ("B", "DELEGATE_ABSENT"));
    // Who has another right needs none of it, and nothing is looked at.
    let (_, reason, record) = delegated.asked("14255550110", &json!([held]));
    assert_eq!((reason.as_str(), &record["headers"]), ("RIGHT_OK", &Value::Null));
    // An emergency call does not wait for certificates.
    let emergency = json!({ "identity": [held], "dest": { "tn": ["911"] } });
    assert_eq!(told(&delegated.enterprise.sign_with(DELEGATED, "911", &emergency)).1, "DELEGATE_ABSENT");
    assert!(delegated.enterprise.last()["headers"].is_null());
    // The evidence names one certificate, and this is another.
    delegated.put_in_force(&"ab".repeat(32));
    let (level, reason, record) = delegated.asked(DELEGATED, &json!([held]));
    assert_eq!((level.as_str(), reason.as_str()), ("B", "DELEGATE_ABSENT"));
    assert_eq!(record["headers"][0]["verdict"], "valid");
}
