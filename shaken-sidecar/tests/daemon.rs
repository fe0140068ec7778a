//! The daemon over its socket: ATIS-1000082, records, and how it lives and dies.

mod running;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use running::{Answer, CALLED, CALLER, Running, connect, post, signing, unix_now, verification};
use serde_json::json;

fn as_it_is(config: String) -> String {
    config
}

#[test]
fn a_call_there_and_back_with_its_records() {
    let running = Running::start(as_it_is);
    let signed = running.sign("A");
    assert_eq!(signed.status, 200, "{signed:?}");
    assert_eq!(signed.body["signingResponse"]["shaken"]["reason"], "AS_REQUESTED");

    let verified = running.verify(signed.identity());
    assert_eq!(verified.body["verificationResponse"]["verstat"], "TN-Validation-Passed");
    assert_eq!(verified.body["verificationResponse"]["shaken"]["attest"], "A");

    let records = running.records();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0]["verdict"], "signed");
    assert_eq!(records[0]["rule"], "trunk \"lab\" max_attest = \"A\"");
    assert_eq!(records[0]["peer"]["uid"], rustix::process::geteuid().as_raw());
    assert_eq!(records[0]["orig"]["canonical"], CALLER);
    assert_eq!(records[1]["verstat"], "TN-Validation-Passed");
    assert_eq!(records[1]["cert"]["spc"], "LAB0");
    assert_eq!(records[1]["identity"][0], signed.identity());
}

#[test]
fn the_level_is_the_lower_of_request_and_trunk() {
    let running = Running::start(|config| config.replace("max_attest = \"A\"", "max_attest = \"B\""));
    for (asked, given, reason) in
        [("A", "B", "CAPPED_BY_TRUNK"), ("B", "B", "AS_REQUESTED"), ("C", "C", "AS_REQUESTED")]
    {
        let answer = running.sign(asked);
        assert_eq!(answer.body["signingResponse"]["shaken"]["attest"], given);
        assert_eq!(answer.body["signingResponse"]["shaken"]["reason"], reason);
    }
    let mut request = signing("A");
    request["signingRequest"].as_object_mut().unwrap().remove("attest");
    let answer = running.post("/stir/v1/signing", &request);
    assert_eq!(answer.body["signingResponse"]["shaken"]["attest"], "B");
}

#[test]
fn whoever_matches_no_trunk_is_refused_and_counted() {
    let uid = rustix::process::geteuid().as_raw();
    let running = Running::start(|config| config.replace(&format!("uid = {uid}"), "uid = 4294967294"));
    let answer = running.sign("C");
    assert_eq!((answer.status, answer.message_id()), (403, "POL4030"));
    assert_eq!(running.verify("x").status, 403);
    running.wait_for_record("summary", |_| true);
    let counted = |record: serde_json::Value| record["unauthenticated"].as_u64().unwrap();
    assert_eq!(running.records_of("summary").into_iter().map(counted).sum::<u64>(), 2);
    assert_eq!(running.records().len(), 0);
}

/// ATIS-1000082 §10.4: each fault of a request has its status and its messageId.
#[test]
fn request_errors() {
    let running = Running::start(as_it_is);
    let good = signing("A").to_string();
    let without = |member: &str| {
        let mut request = signing("A");
        request["signingRequest"].as_object_mut().unwrap().remove(member);
        post("/stir/v1/signing", &request.to_string())
    };
    let with = |member: &str, value: serde_json::Value| {
        let mut request = signing("A");
        request["signingRequest"][member] = value;
        post("/stir/v1/signing", &request.to_string())
    };
    for (request, status, id) in [
        (post("/stir/v1/signing", ""), 400, "SVC4000"),
        (without("orig"), 400, "SVC4001"),
        (without("dest"), 400, "SVC4001"),
        (without("iat"), 400, "SVC4001"),
        (post("/stir/v1/signing", "{}"), 400, "SVC4001"),
        (post("/stir/v1/verification", &good), 400, "SVC4001"),
        (post("/stir/v1/signing", &good).replace("Host", "Accept: text/html\r\nHost"), 406, "SVC4002"),
        (post("/stir/v2/signing", &good), 404, "SVC4003"),
        (post("/stir/v1/signing", &good).replace("application/json", "text/plain"), 415, "SVC4004"),
        (with("attest", json!("D")), 400, "SVC4005"),
        (with("orig", json!({ "tn": "alice" })), 400, "SVC4005"),
        (with("dest", json!({ "tn": [] })), 400, "SVC4005"),
        (with("iat", json!("1")), 400, "SVC4005"),
        (with("iat", json!(unix_now() - 100)), 400, "SVC4005"),
        (with("iat", json!(unix_now() + 100)), 400, "SVC4005"),
        (with("origid", json!("")), 400, "SVC4005"),
        (post("/stir/v1/signing", "{"), 400, "SVC4006"),
        (post("/stir/v1/signing", "[]"), 400, "SVC4006"),
        (
            "POST /stir/v1/signing HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\r\n".into(),
            411,
            "SVC4007",
        ),
        ("GET /stir/v1/signing HTTP/1.1\r\nHost: x\r\n\r\n".into(), 405, "POL4050"),
        (post("/stir/v1/signing", &" ".repeat(65 * 1024)), 413, "SVC4006"),
    ] {
        let answer = running.request(&request);
        assert_eq!((answer.status, answer.message_id()), (status, id), "{request}\n{answer:?}");
    }
    // None of them stopped it.
    assert_eq!(running.sign("A").status, 200);
}

#[test]
fn request_names_are_echoed() {
    let running = Running::start(as_it_is);
    let request = post("/stir/v1/signing", &signing("A").to_string())
        .replace("Host", "X-RequestID: call-17\r\nX-InstanceID: sbc-1\r\nHost");
    let answer = running.request(&request);
    assert!(answer.head.contains("x-requestid: call-17\r\n"), "{}", answer.head);
    assert!(answer.head.contains("x-instanceid: sbc-1\r\n"));
    assert_eq!(running.records()[0]["request_id"], "call-17");
    // Ours where the client has none.
    assert!(running.sign("A").head.contains("x-requestid: "));
}

/// The first letter of the signature is another one.
fn with_changed_signature(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{first}{}", &signature[1..])
}

/// E3 to E19: every outcome of a verification is an answer, with the code of the table.
#[test]
fn verification_outcomes() {
    let running = Running::start(as_it_is);
    let good = running.sign("A").identity().to_owned();
    let (token, params) = good.split_once(';').unwrap();
    for (identity, code, error) in [
        (format!("..{};{params}", token.rsplit('.').next().unwrap()), 438, "compact-form"),
        (good.replace("ppt=shaken", "ppt=div"), 438, "ppt-mismatch"),
        (good.replace("ppt=shaken", "ppt=foo"), 438, "ppt-unsupported"),
        (token.to_owned(), 436, "info-missing"),
        (good.replace("info=<", "info=<x"), 436, "x5u-info-mismatch"),
        (good.replace("alg=ES256", "alg=HS256"), 437, "param-alg-unsupported"),
        (format!("{};{params}", with_changed_signature(token)), 438, "signature-invalid"),
        (String::new(), 438, "token-segments"),
    ] {
        let answer = running.verify(&identity);
        let body = &answer.body["verificationResponse"];
        assert_eq!(answer.status, 200);
        assert_eq!(
            (&body["reasoncode"], &body["shaken"]["error"]),
            (&code.into(), &error.into()),
            "{answer:?}"
        );
        assert!(body["reasontext"].is_string() && body["reasondesc"].is_string());
    }
    for (member, value, error) in [
        ("time", json!(unix_now() - 100), "date-stale"),
        ("time", json!(unix_now() + 100), "date-future"),
        ("from", json!({ "tn": "12155550199" }), "orig-mismatch"),
        ("to", json!({ "tn": "12155550199" }), "dest-mismatch"),
    ] {
        let mut request = verification(&good);
        request["verificationRequest"][member] = value;
        let answer = running.post("/stir/v1/verification", &request);
        assert_eq!(answer.body["verificationResponse"]["shaken"]["error"], error, "{answer:?}");
    }
    // All Identity headers of a call together: one verdict for each, and one for the call.
    let mut request = verification(&good);
    let forged = format!("{};{params}", with_changed_signature(token));
    let other = good.replace("ppt=shaken", "ppt=foo");
    request["verificationRequest"]["identity"] = json!([other, good]);
    let answer = running.post("/stir/v1/verification", &request);
    let body = &answer.body["verificationResponse"];
    assert_eq!(body["verstat"], "TN-Validation-Passed", "{answer:?}");
    let headers = json!([
        { "type": null, "error": "ppt-unsupported" },
        { "type": "shaken", "error": null },
    ]);
    assert_eq!(body["shaken"]["headers"], headers);
    request["verificationRequest"]["identity"] = json!([good, forged]);
    let answer = running.post("/stir/v1/verification", &request);
    assert_eq!(answer.body["verificationResponse"]["verstat"], "TN-Validation-Failed", "{answer:?}");
    request["verificationRequest"]["identity"] = json!([]);
    let answer = running.post("/stir/v1/verification", &request);
    assert_eq!(answer.body["verificationResponse"]["shaken"]["error"], "identity-missing", "{answer:?}");
    // 3GPP clients send the called number as a string.
    let mut request = verification(&good);
    request["verificationRequest"]["to"] = json!({ "tn": format!("+{CALLED}") });
    let answer = running.post("/stir/v1/verification", &request);
    assert_eq!(answer.body["verificationResponse"]["verstat"], "TN-Validation-Passed");
}

/// A client that is gone before it has read the answer: the record stands, and a note beside it.
#[test]
fn an_answer_that_nobody_read_is_noted() {
    let running = Running::start(as_it_is);
    let request = post("/stir/v1/signing", &signing("A").to_string());
    let mut stream = running.connect();
    stream.write_all(request.as_bytes()).unwrap();
    drop(stream);
    let note = running.wait_for_record("undelivered", |_| true);
    assert_eq!(note["why"], "client-gone");
    let records = running.records();
    assert_eq!((&note["record"], &note["request_id"]), (&records[0]["index"], &records[0]["request_id"]));

    // Gone later: the answer waits in its socket.
    let mut stream = running.connect();
    stream.write_all(request.as_bytes()).unwrap();
    // A part of it was read.
    stream.read_exact(&mut [0]).unwrap();
    drop(stream);
    running.wait_for_record("undelivered", |note| note["record"] == running.records()[1]["index"]);

    // Who reads and goes is none of these, however it goes.
    let mut stream = running.connect();
    stream.write_all(request.as_bytes()).unwrap();
    assert_eq!(Answer::read(&mut stream).status, 200);
    stream.write_all(request.as_bytes()).unwrap();
    assert_eq!(Answer::read(&mut stream).status, 200);
    drop(stream);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!((running.records().len(), running.records_of("undelivered").len()), (4, 2));
}

/// Junk costs a record a second, whatever it is.
#[test]
fn junk_is_counted_and_not_recorded() {
    let running = Running::start(as_it_is);
    for _ in 0..50 {
        assert_eq!(running.request(&post("/stir/v1/signing", "{")).status, 400);
    }
    let counted = || -> u64 {
        let count = |record: serde_json::Value| record["unparsable"].as_u64().unwrap();
        running.records_of("summary").into_iter().map(count).sum()
    };
    running.wait_for_record("summary", |_| counted() == 50);
    assert!(running.records_of("summary").len() <= 3, "{:?}", running.records_of("summary"));
    assert_eq!(running.records().len(), 0);
}

/// What a record says beyond the call: who is who by the configuration, and each header's verdict.
#[test]
fn records_name_customer_and_provider_and_keep_what_is_asked() {
    let running = Running::start(|config| {
        config
            .replace(
                "name = \"lab\"",
                "name = \"lab\"\ncustomer = \"Example PBX\"\nprovider = \"Example Carrier\"",
            )
            .replace("[audit]", "[audit]\nidentity = \"sha256\"\ndurability = \"queued\"")
    });
    let signed = running.sign("A");
    assert_eq!(signed.body["signingResponse"]["shaken"]["record"], serde_json::Value::Null);
    running.verify(signed.identity());
    let verified = running.wait_for_record("call", |record| record["op"] == "verify");
    let record = &running.records()[0];
    assert_eq!(
        (&record["customer"], &record["provider"]),
        (&"Example PBX".into(), &"Example Carrier".into())
    );
    assert_eq!((&record["decided_by"], &record["durability"]), (&"Example Carrier".into(), &"queued".into()));
    assert_eq!(record["identity"], serde_json::Value::Null);
    assert_eq!(record["identity_sha256"][0].as_str().unwrap().len(), 64);
    assert_eq!(record["identity_sha256"], verified["identity_sha256"]);
    assert_eq!(verified["headers"], json!([{ "ppt": "shaken", "verdict": "valid" }]));
}

#[test]
fn one_connection_serves_many_requests_and_pipelines() {
    let running = Running::start(as_it_is);
    let request = post("/stir/v1/signing", &signing("B").to_string());
    let mut stream = running.connect();
    stream.write_all(request.repeat(20).as_bytes()).unwrap();
    // The first record is that of the start.
    for index in 1..=20 {
        let answer = Answer::read(&mut stream);
        assert_eq!(answer.body["signingResponse"]["shaken"]["record"], index);
    }
}

#[test]
fn garbage_ends_a_connection_and_nothing_else() {
    let running = Running::start(as_it_is);
    for garbage in
        [&b"\0\0\0\0\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[b'A'; 40_000], b"\x16\x03\x01"]
    {
        let mut stream = running.connect();
        // It may hang up before it has read everything.
        let _ = stream.write_all(garbage);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    let health = running.request("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((health.status, &health.body["status"]), (200, &"ok".into()));
}

/// A client that begins a request and does not end it is answered at the deadline and let go.
#[test]
fn half_a_request_does_not_hold_a_connection() {
    let running = Running::start(|config| {
        config
            .replace("[http]", "[http]\ndeadline_ms = 300")
            .replace("[fetch.lab]", "[fetch]\ndeadline_ms = 200\n[fetch.lab]")
    });
    let request = post("/stir/v1/signing", &signing("A").to_string());
    let mut stream = running.connect();
    stream.write_all(&request.as_bytes()[..request.len() - 10]).unwrap();
    let answer = Answer::read(&mut stream);
    assert_eq!((answer.status, answer.message_id()), (503, "POL5030"));
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the connection is still open");
    // Half a head gets no answer, and is let go too.
    let mut stream = running.connect();
    stream.write_all(&request.as_bytes()[..20]).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(running.sign("A").status, 200);
}

/// Names that stand twice are refused: nobody can know which one the client meant.
#[test]
fn duplicate_members_are_refused() {
    let running = Running::start(as_it_is);
    let body = signing("C").to_string().replacen("\"attest\"", "\"attest\":\"A\",\"attest\"", 1);
    let answer = running.request(&post("/stir/v1/signing", &body));
    assert_eq!((answer.status, answer.message_id()), (400, "SVC4006"));
}

/// Killed at any moment, the log holds every call that was answered, once.
#[test]
fn no_answered_call_is_lost_when_the_daemon_is_killed() {
    let mut running = Running::start(as_it_is);
    let mut answered = BTreeSet::new();
    for _ in 0..5 {
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let (socket, stop) = (running.socket(), Arc::clone(&stop));
                std::thread::spawn(move || sign_until(&socket, &stop))
            })
            .collect();
        std::thread::sleep(std::time::Duration::from_millis(300));
        running.kill_and_restart();
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            answered.extend(client.join().unwrap());
        }
    }
    for (index, record) in running.audit_lines().iter().enumerate() {
        assert_eq!(record["index"], index, "the numbering has a hole");
    }
    let records = running.records();
    let kept: BTreeSet<String> =
        records.iter().map(|record| record["origid"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kept.len(), records.len(), "a call stands twice");
    assert!(answered.is_subset(&kept));
    println!("killed 5 times: {} calls answered, {} on record", answered.len(), records.len());
    assert!(!answered.is_empty());
}

/// Signs on one connection until it breaks, and answers the origid of each answered call.
fn sign_until(socket: &std::path::Path, stop: &AtomicBool) -> Vec<String> {
    let mut stream = connect(socket);
    let mut answered = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let request = post("/stir/v1/signing", &signing("C").to_string());
        if stream.write_all(request.as_bytes()).is_err() {
            break;
        }
        let Some(answer) = Answer::try_read(&mut stream) else { break };
        let origid = &answer.body["signingResponse"]["shaken"]["origid"];
        answered.push(origid.as_str().unwrap().to_owned());
    }
    answered
}

#[test]
fn sigterm_drains_and_ends_well() {
    let mut running = Running::start(as_it_is);
    assert_eq!(running.sign("A").status, 200);
    // An idle connection does not hold it up.
    let _idle = running.connect();
    assert!(running.terminate());
    assert!(!running.socket().exists());
    assert_eq!(running.records().len(), 1);
    let kinds: Vec<_> = running.audit_lines().iter().map(|line| line["kind"].clone()).collect();
    assert_eq!(kinds, ["start", "call", "stop"]);
    // Every member of the start is there to tell one run from another.
    let start = &running.records_of("start")[0];
    assert_eq!((&start["version"], &start["torn_bytes"]), (&env!("CARGO_PKG_VERSION").into(), &0.into()));
    assert_eq!(start["generation"], running.records()[0]["generation"]);
}

/// The configuration with a key that `audit init` makes beside it, and copies into a file.
fn with_audit_key(config: String) -> String {
    let folder = lab_of(&config);
    let made = running::run(&["audit", "init", "--dir", &folder, "--origin", "voice.example.com/audit"], b"");
    assert!(made.status.success(), "{made:?}");
    std::fs::write(format!("{folder}/audit.pub"), made.stdout).unwrap();
    let key = "key = \"audit.key\"\norigin = \"voice.example.com/audit\"\ncheckpoint_ms = 100";
    config.replace("[audit]", &format!("[audit]\n{key}")) + "\n[[audit.outside]]\nfile = \"outside\"\n"
}

/// The folder of the lab, from a path in its configuration.
fn lab_of(config: &str) -> String {
    let socket = config.lines().find_map(|line| line.strip_prefix("socket = \"")).unwrap();
    socket.trim_end_matches('"').rsplit_once('/').unwrap().0.to_owned()
}

/// The daemon's log with a key: checkpoints inside and outside while it runs, and all of it proven.
#[test]
fn a_log_with_a_key_can_be_proven_from_outside() {
    let mut running = Running::start(with_audit_key);
    let metric = |running: &Running, name: &str| {
        let mut stream = running.connect();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(&format!("sti_{name} ")));
        value.unwrap_or_else(|| panic!("no {name}: {text}")).parse::<u64>().unwrap()
    };
    for _ in 0..20 {
        assert_eq!(running.sign("A").status, 200);
    }
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while metric(&running, "audit_outside_records") < 21 {
        assert!(std::time::Instant::now() < patience, "no checkpoint comes: {}", running.log());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(metric(&running, "audit_records_total"), 21);
    assert_eq!(metric(&running, "audit_checkpoint_records"), 21);
    assert_eq!(metric(&running, "audit_outside_failures_total"), 0);
    assert!(metric(&running, "audit_checkpoint_age_seconds") < 10);
    let health = running.request("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((health.status, &health.body["status"]), (200, &"ok".into()));

    let (lab, start) = (running.lab(), &running.records_of("start")[0]);
    let public = std::fs::read_to_string(lab.join("audit.pub")).unwrap();
    let (name_and_id, _) = public.rsplit_once('+').unwrap();
    assert!(public.starts_with(start["proof"].as_str().unwrap()), "{start} {name_and_id}");
    let verify = || {
        let path = |name: &str| lab.join(name).to_str().unwrap().to_owned();
        let (public, outside, log) = (path("audit.pub"), path("outside"), path("audit"));
        let args = ["audit", "verify", "--json", "--pubkey", &public, "--checkpoints", &outside, &log];
        let output = running::run(&args, b"");
        (output.status.code(), running::json_lines(&output).remove(0))
    };
    // While it runs, killed and started again, and after its end.
    let (code, report) = verify();
    assert_eq!((code, &report["proven"]), (Some(0), &21.into()), "{report}");
    running.kill_and_restart();
    running.sign("A");
    assert!(running.terminate());
    let (code, report) = verify();
    assert_eq!((code, &report["proven"], &report["records"]), (Some(0), &24.into(), &24.into()), "{report}");

    // What a start can see, it refuses, with the code for data and not that for a crash.
    let segment = lab.join("audit/segments/00000000000000000000.jsonl");
    let whole = std::fs::read(&segment).unwrap();
    let end = whole[..whole.len() - 1].iter().rposition(|&byte| byte == b'\n').unwrap() + 1;
    std::fs::write(&segment, &whole[..end]).unwrap();
    let config = lab.join("shaken.toml").to_str().unwrap().to_owned();
    let refused = running::run(&["serve", "--config", &config], b"");
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(65), "{told}");
    assert!(told.contains("has 23 records") && told.contains("covers 24"), "{told}");
    assert_eq!(verify().0, Some(1));
    std::fs::write(&segment, &whole).unwrap();

    // Nor does it go on with no key, or with another one.
    std::fs::rename(lab.join("audit.key"), lab.join("old.key")).unwrap();
    let refused = running::run(&["serve", "--config", &config], b"");
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(78) && told.contains("shaken audit init"), "{told}");
    let dir = lab.to_str().unwrap();
    let init = ["audit", "init", "--dir", dir, "--origin", "voice.example.com/audit"];
    assert!(running::run(&init, b"").status.success());
    let refused = running::run(&["serve", "--config", &config], b"");
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(65) && told.contains("not signed by this log's key"), "{told}");
    // A key is never overwritten.
    assert_eq!(running::run(&init, b"").status.code(), Some(74));
}

/// Copies that fail are told, and calls go on.
#[test]
fn copies_that_fail_show_in_health() {
    let running = Running::start(|config| {
        with_audit_key(config).replace("file = \"outside\"", "http = \"http://127.0.0.1:1/\"")
    });
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let health = running.request("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(health.status, 200);
        if health.body["status"] == "degraded" {
            assert_eq!(health.body["cause"], "audit-outside-copy");
            break;
        }
        assert!(std::time::Instant::now() < patience, "health says nothing: {}", running.log());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(running.sign("A").status, 200);
}

/// Without a key nobody is led to believe that there is one.
#[test]
fn a_log_without_a_key_says_so() {
    let running = Running::start(as_it_is);
    assert_eq!(running.records_of("start")[0]["proof"], "unproven");
    assert!(running.log().contains("the audit log is unproven"), "{}", running.log());
    assert!(!running.lab().join("audit/checkpoint").exists());
}

#[test]
fn numbers_and_tokens_do_not_reach_the_log() {
    let mut running = Running::start(|config| config);
    let identity = running.sign("A").identity().to_owned();
    running.verify(&identity);
    running.verify("rubbish");
    assert!(running.terminate());
    let log = running.log();
    assert!(log.contains("call decided"), "{log}");
    for secret in [CALLER, CALLED, &identity[..40]] {
        assert!(!log.contains(secret), "{log}");
    }
}

/// Calls that need one certificate at once cause one download.
/// With tables, calls are answered as without, and the metrics tell who decided.
#[test]
fn a_key_in_use_is_verified_by_its_table() {
    let tables = "[verification]\nverify_tables = \"on\"\ntables_hot_after_calls = 3\n\n[audit]";
    let running = Running::start(|config| {
        assert!(!config.contains("[verification]"));
        config.replace("[audit]", tables)
    });
    let metrics = || {
        let answer = running.request("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.head.contains("content-type: application/openmetrics-text"), "{}", answer.head);
        answer.text
    };
    let value = |name: &str| {
        let text = metrics();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in:\n{text}")).parse::<u64>().unwrap()
    };
    let signed = running.sign("A");
    let verstat = |identity: &str| {
        running.verify(identity).body["verificationResponse"]["verstat"].as_str().unwrap().to_owned()
    };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while value("sti_verify_by_table_total") < 30 {
        assert_eq!(verstat(signed.identity()), "TN-Validation-Passed");
        assert!(std::time::Instant::now() < until, "no table is used:\n{}", metrics());
    }
    let (token, params) = signed.identity().split_once(';').unwrap();
    let forged = format!("{};{params}", with_changed_signature(token));
    assert_eq!(verstat(&forged), "TN-Validation-Failed");
    assert_eq!((value("sti_verify_tables"), value("sti_verify_tables_trusted")), (1, 1));
    assert!(value("sti_verify_tables_bytes") > 80_000);
    let confirmed = value("sti_verify_table_confirmed_total");
    assert!((17..30).contains(&confirmed), "{confirmed}");
    assert_eq!(value("sti_verify_table_differences_total"), 0);
}

#[test]
fn many_cold_calls_cause_one_download() {
    let running = Running::start(as_it_is);
    let identity = running.sign("A").identity().to_owned();
    let request = post("/stir/v1/verification", &verification(&identity).to_string());
    let clients: Vec<_> = (0..100)
        .map(|_| {
            let (socket, request) = (running.socket(), request.clone());
            std::thread::spawn(move || {
                let mut stream = connect(&socket);
                stream.write_all(request.as_bytes()).unwrap();
                Answer::read(&mut stream).body["verificationResponse"]["verstat"].clone()
            })
        })
        .collect();
    for client in clients {
        assert_eq!(client.join().unwrap(), "TN-Validation-Passed");
    }
    assert_eq!(running.log().matches("certificate fetched").count(), 1, "{}", running.log());
}
