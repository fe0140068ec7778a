//! Numbers, names and secrets stay where they belong: in the records of the audit log and in the files
//! that the operator gave. Not in what the daemon says, nor in its metrics, nor in any other file.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod nats_server;
#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nats_server::{Login, Server};
use running::{Running, post, unix_now};
use serde_json::{Value, json};

/// A calling and a called number, in seven digits after the area code's three.
const CALLER: &str = "5550157";
const CALLED: &str = "5550183";
/// The user of a SIP URI.
const USER: &str = "quentin.knownuser";
const PASSWORD: &str = "nats-password-not-to-be-seen";

#[test]
fn numbers_and_secrets_reach_nothing_but_the_records() {
    for told in [Some("trace"), Some("async_nats=trace,hyper=trace,debug"), None] {
        check(told);
    }
}

fn check(told: Option<&'static str>) {
    let mut server = Server::find(Some(Login { user: "shaken", password: PASSWORD }));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(server) = &mut server {
        server.start();
        runtime.block_on(server.make_stream());
    }
    // A port at which nobody answers, where there is no server.
    let url = server.as_ref().map_or_else(|| "nats://127.0.0.1:1".to_owned(), Server::url);
    let mut running = Running::start_telling(told, |config| with_everything(&config, &url));
    for request in requests() {
        let mut stream = running.connect();
        // Whoever sends rubbish may be hung up on.
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
    }
    // One that is gone before its answer.
    running.connect().write_all(requests()[0].as_bytes()).unwrap();
    running.wait_for_record("undelivered", |_| true);
    if server.is_some() {
        let until = Instant::now() + Duration::from_secs(30);
        while !metrics(&running).contains("sti_audit_export_lag_records 0\n") {
            assert!(Instant::now() < until, "nothing is exported: {}", running.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let mut texts = vec![("metrics".to_owned(), metrics(&running).into_bytes())];
    modes(&running.lab().join("audit"));
    running.kill_and_restart();
    assert!(running.terminate());
    modes(&running.lab().join("audit"));

    // All of them were calls or tries at one.
    let records = running.records();
    assert!(records.len() >= 20, "{}", records.len());
    let secrets = secrets(&running.lab());
    let mut files = Vec::new();
    list(&running.lab(), &mut files);
    let mut is_seen = BTreeSet::new();
    for file in files {
        let name = file.strip_prefix(running.lab()).unwrap().to_str().unwrap().to_owned();
        let is_record = name.starts_with("audit/segments/") || name.starts_with("audit/sealed/");
        let is_given = GIVEN.iter().any(|given| name == *given);
        let bytes = fs::read(&file).unwrap();
        if is_record {
            for number in [CALLER, CALLED] {
                if contains(&bytes, number) {
                    is_seen.insert(number);
                }
            }
        }
        if !is_record && !is_given {
            texts.push((name, bytes));
        }
    }
    // They would have been found.
    assert_eq!(is_seen.len(), 2, "the records do not hold the numbers");
    let log = texts.iter().find(|(name, _)| name == "daemon.log").unwrap();
    assert!(contains(&log.1, "ready") && log.1.len() > 500);
    for name in ["metrics", "outside", "audit/checkpoint"] {
        assert!(texts.iter().any(|(found, _)| found == name), "{name} was not looked at");
    }
    assert!(server.is_none() || texts.iter().any(|(found, _)| found == "audit/export/nats.cursor"));
    for (name, bytes) in &texts {
        for secret in &secrets {
            assert!(!contains(bytes, secret), "{told:?}: {name} holds {secret:?}: {}", around(bytes, secret));
        }
    }
    println!(
        "SHAKEN_LOG={told:?}: {} requests, {} texts, {} words",
        requests().len(),
        texts.len(),
        secrets.len()
    );
}

/// A key, copies outside, an export with a password, and hashes of identities beside the numbers.
fn with_everything(config: &str, url: &str) -> String {
    let socket = config.lines().find_map(|line| line.strip_prefix("socket = \"")).unwrap();
    let lab = Path::new(socket.trim_end_matches('"')).parent().unwrap();
    let dir = lab.to_str().unwrap();
    let made = running::run(&["audit", "init", "--dir", dir, "--origin", "voice.example.com/audit"], b"");
    assert!(made.status.success(), "{made:?}");
    let mut file = fs::File::options();
    let mut file = file.write(true).create_new(true).mode(0o600).open(lab.join("nats.password")).unwrap();
    file.write_all(PASSWORD.as_bytes()).unwrap();
    let config = config.replace("[audit]", "[audit]\nkey = \"audit.key\"\ncheckpoint_ms = 100");
    format!(
        "{config}\n[[audit.outside]]\nfile = \"outside\"\n[audit.nats]\nurl = \"{url}\"\nuser = \"shaken\"\n\
         password_file = \"nats.password\"\n"
    )
}

/// Files that hold secrets because they are there for it.
const GIVEN: [&str; 2] = ["audit.key", "nats.password"];

/// What must not be found: numbers as people and programs write them, names, and keys.
fn secrets(lab: &Path) -> Vec<String> {
    let mut words = vec![USER.to_owned(), "knownuser".to_owned(), PASSWORD.to_owned()];
    for number in [CALLER, CALLED] {
        let (exchange, line) = number.split_at(3);
        words.push(number.to_owned());
        words.extend(["-", ".", " ", "%20", "%2D"].map(|between| format!("{exchange}{between}{line}")));
        // In base64url, as in the claims of a token, at each of three places in a group.
        words.extend(in_base64(&format!("1215{number}")));
    }
    let key = fs::read_to_string(lab.join("audit.key")).unwrap();
    // Base64 has a plus among its digits as well as in front of it.
    words.push(key.trim_end().splitn(5, '+').nth(4).unwrap().to_owned());
    words
}

/// The digits of base64 that a text certainly has, wherever it begins in what is encoded.
fn in_base64(text: &str) -> Vec<String> {
    use base64::Engine as _;
    (0..3)
        .map(|skipped| {
            let padded = format!("{}{text}", " ".repeat(skipped));
            let digits = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(padded);
            // The first may hold bits of what stands before, the last of what comes behind.
            let from = (skipped * 8).div_ceil(6);
            digits[from..digits.len() - 1].to_owned()
        })
        .collect()
}

/// Good calls, and requests that carry numbers where none belong.
fn requests() -> Vec<String> {
    let (caller, called) = (format!("1215{CALLER}"), format!("1215{CALLED}"));
    let signing = |orig: Value, dest: Value| {
        json!({ "signingRequest": {
            "attest": "A", "orig": orig, "dest": dest, "iat": unix_now(), "ppt": "shaken",
        } })
        .to_string()
    };
    let good = signing(json!({ "tn": caller }), json!({ "tn": [called] }));
    let sign = |body: &str| post("/stir/v1/signing", body);
    let verify = |identity: &str| {
        let request = json!({ "verificationRequest": {
            "from": { "tn": caller }, "to": { "tn": [called] }, "time": unix_now(), "identity": identity,
        } });
        post("/stir/v1/verification", &request.to_string())
    };
    let with = |header: &str| sign(&good).replace("Host", &format!("{header}\r\nHost"));
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut requests = vec![sign(&good)];
    // As people write them.
    for orig in ["+1215", "1-215-", "(215) ", "+1.215.", "001215"] {
        requests.push(sign(&signing(json!({ "tn": format!("{orig}{CALLER}") }), json!({ "tn": called }))));
    }
    requests.extend((0..10).map(|_| sign(&good)));
    requests
        .push(sign(&signing(json!({ "tn": format!("sip:{USER}@example.com") }), json!({ "tn": [called] }))));
    requests
        .push(sign(&signing(json!({ "uri": format!("sip:{USER}@example.com") }), json!({ "tn": [called] }))));
    requests.push(sign(&signing(
        json!({ "tn": caller }),
        json!({ "uri": [format!("sip:{USER}@{called}.example")] }),
    )));
    requests.push(sign(&signing(json!({ "tn": format!("{caller}x{USER}") }), json!({ "tn": [] }))));
    for identity in [
        "rubbish".to_owned(),
        format!("{caller}.{called}.{USER};info=<https://{USER}.example/{caller}.pem>;alg=ES256;ppt=shaken"),
        forged(&format!("https://cr.example.com/{caller}/{USER}.pem"), &caller, &called),
        forged(&format!("https://{USER}.invalid/{called}.pem"), &caller, &called),
        forged(&format!("https://127.0.0.1:8443/{called}.pem"), &caller, &called),
    ] {
        requests.push(verify(&identity));
    }
    // JSON that is none, or another.
    for body in [
        format!("{{\"signingRequest\": {{\"orig\": {{\"tn\": \"{caller}"),
        caller.clone(),
        format!("\"{USER}\""),
        format!("[\"{caller}\", \"{USER}\"]"),
        format!("{{\"{caller}\": \"{USER}\", \"{caller}\": 1}}"),
        good.replace("\"attest\":\"A\"", &format!("\"attest\":\"{caller}\"")),
        good.replace("\"ppt\":\"shaken\"", &format!("\"ppt\":\"{USER}\"")),
        good.replace("\"iat\":", &format!("\"iat\":{caller},\"was\":")),
        good.replace("\"iat\":", &format!("\"origid\":\"{USER}-{called}\",\"iat\":")),
        good.replace("\"signingRequest\"", &format!("\"{caller}\"")),
        format!("{good}{caller}"),
        format!("{}{caller}", " ".repeat(70_000)),
    ] {
        requests.push(sign(&body));
    }
    // HTTP that is none, or another.
    requests.extend([
        get(&format!("/stir/v1/signing?tn={caller}&user={USER}")),
        get(&format!("/stir/v1/{caller}/{USER}")),
        get(&format!("/metrics?{caller}")),
        get(&format!("/healthz#{USER}{caller}")),
        get(&format!("sip:{USER}@{caller}.example")),
        post(&format!("/stir/v1/signing?tn=%2B{caller}"), &good),
        post(&format!("/stir/v9/signing/{caller}"), &good),
        with(&format!("X-RequestID: {caller}")),
        with(&format!("X-RequestID: {USER}+{called}")),
        with(&format!("X-InstanceID: {called}")),
        with(&format!("X-Caller: <sip:{USER}@example.com>;tag={caller}")),
        with(&format!("Accept: text/{caller}")),
        with(&format!("Cookie: user={USER}; tn={caller}")),
        with(&format!("{caller}: {USER}")),
        with(&format!("Expect: {caller}")),
        with(&format!("Transfer-Encoding: {USER}")),
        with(&format!("Bad Header {caller}")),
        sign(&good).replace("application/json", &format!("text/{caller}")),
        sign(&good).replace("Content-Length: ", &format!("Content-Length: {caller}")),
        sign(&good).replace("localhost", &format!("{USER}:{caller}")),
        sign(&good).replace("HTTP/1.1", &format!("HTTP/{caller}")),
        sign(&good).replace("POST", &caller),
        format!("INVITE sip:{called}@example.com SIP/2.0\r\nFrom: <sip:{USER}@example.com>\r\n\r\n"),
        format!("{caller}\r\n\r\n"),
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", caller.repeat(2_000)),
    ]);
    requests
}

/// A token that says what a good one does, with a signature of nobody.
fn forged(x5u: &str, caller: &str, called: &str) -> String {
    use base64::Engine as _;
    let encode = |part: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(part.to_string());
    let header = encode(json!({ "alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": x5u }));
    let claims = encode(json!({
        "attest": "A", "dest": { "tn": [called] }, "iat": unix_now(), "orig": { "tn": caller },
        "origid": "123e4567-e89b-12d3-a456-426655440000",
    }));
    format!("{header}.{claims}.{};info=<{x5u}>;alg=ES256;ppt=shaken", "A".repeat(86))
}

fn metrics(running: &Running) -> String {
    running.request("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").text
}

/// Nobody else on the machine can look into the log. Files may come and go meanwhile.
fn modes(dir: &Path) {
    let mode = |path: &Path| {
        let facts = fs::symlink_metadata(path).ok()?;
        Some((facts.permissions().mode() & 0o7777, if facts.is_dir() { 0o700 } else { 0o600 }))
    };
    let entries = fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path());
    for path in entries.chain([dir.to_owned()]) {
        if let Some((mode, allowed)) = mode(&path) {
            assert_eq!(mode, allowed, "{} has mode {mode:o}", path.display());
        }
        if path.is_dir() && path != dir {
            modes(&path);
        }
    }
}

/// All files below `dir`. Sockets are none.
fn list(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(&path, files);
        } else if path.is_file() {
            files.push(path);
        }
    }
}

fn contains(bytes: &[u8], word: &str) -> bool {
    place(bytes, word).is_some()
}

fn place(bytes: &[u8], word: &str) -> Option<usize> {
    bytes.windows(word.len()).position(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

/// The surroundings of a word, for whoever has to find out how it came there.
fn around(bytes: &[u8], word: &str) -> String {
    let at = place(bytes, word).unwrap_or(0);
    let (from, to) = (at.saturating_sub(300), (at + 100).min(bytes.len()));
    String::from_utf8_lossy(&bytes[from..to]).into_owned()
}
