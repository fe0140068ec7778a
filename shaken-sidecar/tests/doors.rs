//! The other doors of HTTP: text for dialplans, and TCP.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use base64::Engine as _;
use running::{CALLED, CALLER, Running, free_port, signing, verification};
use serde_json::Value;

const TOKEN: &str = "correct-horse-battery-staple";

fn as_it_is(config: String) -> String {
    config
}

/// The configuration with a TCP port, whose trunk has level B, and `more` about it.
fn with_tcp(config: String, port: u16, more: &str) -> String {
    config.replace("[http]", &format!("[http]\nlisten = \"127.0.0.1:{port}\"\n{more}"))
        + "[[trunk]]\nname = \"7\"\nlistener = \"http-tcp\"\nmax_attest = \"B\"\n"
}

/// The same, and who comes needs a token.
fn with_token(config: String, port: u16) -> String {
    let socket = config.lines().find_map(|line| line.strip_prefix("socket = \"")).unwrap();
    let folder = socket.trim_end_matches('"').rsplit_once('/').unwrap().0;
    let secret = format!("{folder}/pbx.token");
    fs::write(&secret, TOKEN).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    with_tcp(config, port, "").replace("listener = \"http-tcp\"", "user = \"pbx\"")
        + "[[http.user]]\nname = \"pbx\"\nsecret_file = \"pbx.token\"\n"
}

/// What a client of HTTP reads.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    /// To a request after which the connection ends.
    fn read(stream: &mut impl Read) -> Self {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)))
            .map(|(_, value)| value)
    }

    fn outcome(&self) -> (u16, &str, Option<&str>) {
        (self.status, &self.body, self.header("x-reason"))
    }
}

/// One request, without its last line.
fn unix(running: &Running, head: &str) -> Answer {
    let mut stream = running.connect();
    stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).unwrap();
    Answer::read(&mut stream)
}

fn get(running: &Running, target: &str) -> Answer {
    unix(running, &format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n"))
}

fn tcp(port: u16, request: &str) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    Answer::read(&mut stream)
}

/// A request as the JSON API wants it, with more headers.
fn json(path: &str, headers: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\n{headers}Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn claims(identity: &str) -> Value {
    let payload = identity.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[test]
fn a_line_of_text_there_and_back() {
    let running = Running::start(as_it_is);
    let origid = "123e4567-e89b-42d3-a456-426655440000";
    let query = format!("from=%2B{CALLER}&to=+{CALLED}&trunk=lab&attest=B&origid={origid}&call_id=a84b4c76");
    let answer = get(&running, &format!("/quick/v1/sign?{query}"));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    assert_eq!((answer.header("x-attest"), answer.header("x-origid")), (Some("B"), Some(origid)));
    assert_eq!(
        (answer.header("x-reason"), answer.header("cache-control")),
        (Some("AS_REQUESTED"), Some("no-store"))
    );
    let identity = answer.body.strip_prefix("Identity: ").and_then(|line| line.strip_suffix("\r\n")).unwrap();
    assert_eq!((&claims(identity)["attest"], &claims(identity)["origid"]), (&"B".into(), &origid.into()));
    assert_eq!(claims(identity)["orig"]["tn"], CALLER);
    let value = get(&running, &format!("/quick/v1/sign?from={CALLER}&to={CALLED}&form=value"));
    assert_eq!(claims(&value.body)["attest"], "A");

    let query = format!("identity={}&from={CALLER}&to={CALLED}", encoded(identity));
    let answer = get(&running, &format!("/quick/v1/verify?{query}"));
    assert_eq!(answer.outcome(), (200, "VALID-B", None));
    assert_eq!(
        (answer.header("x-verstat"), answer.header("x-attest")),
        (Some("TN-Validation-Passed"), Some("B"))
    );
    let posted = format!(
        "POST /quick/v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{query}",
        query.len()
    );
    let mut stream = running.connect();
    stream.write_all(posted.as_bytes()).unwrap();
    assert_eq!(Answer::read(&mut stream).outcome(), (200, "VALID-B", None));

    for (query, word, reason) in [
        (
            format!("identity={}&from=12155550199&to={CALLED}", encoded(identity)),
            "NO-VALIDATION",
            "orig-mismatch",
        ),
        (format!("from={CALLER}&to={CALLED}"), "NO-VALIDATION", "identity-missing"),
        (format!("identity=&from={CALLER}&to={CALLED}"), "NO-VALIDATION", "identity-missing"),
        (format!("identity=x&from={CALLER}&to={CALLED}"), "NO-VALIDATION", "info-missing"),
        (format!("identity={}&from={CALLER}&to={CALLED}", forged(identity)), "INVALID", "signature-invalid"),
    ] {
        let answer = get(&running, &format!("/quick/v1/verify?{query}"));
        assert_eq!(answer.outcome(), (200, word, Some(reason)), "{query}");
        assert!(answer.header("x-verstat").is_some() && answer.header("x-attest").is_none());
    }
    let records = running.records();
    assert_eq!((&records[0]["interface"], &records[0]["call_id"]), (&"http-unix".into(), &"a84b4c76".into()));
    assert_eq!((&records[0]["requested_attest"], &records[0]["http_status"]), (&"B".into(), &200.into()));
    assert_eq!(records.len(), 9);
}

/// With another first letter of the signature, for a query.
fn forged(identity: &str) -> String {
    let (token, params) = identity.split_once(';').unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    encoded(&format!("{signed}.{first}{};{params}", &signature[1..]))
}

/// Scripts put what they get into a header of the call: so nothing comes with an error.
#[test]
fn errors_have_no_body() {
    let running =
        Running::start(|config| config + "[[trunk]]\nname = \"8\"\nuid = 4294967294\nby_name = true\n");
    let call = format!("from={CALLER}&to={CALLED}");
    for (target, status, reason) in [
        ("/quick/v1/sign".to_owned(), 400, "parameter-missing"),
        (format!("/quick/v1/sign?from={CALLER}"), 400, "parameter-missing"),
        (format!("/quick/v1/sign?{call}&from={CALLER}"), 400, "parameter-invalid"),
        (format!("/quick/v1/sign?{call}&attest=D"), 400, "parameter-invalid"),
        (format!("/quick/v1/sign?{call}&form=x"), 400, "parameter-invalid"),
        (format!("/quick/v1/sign?{call}&x=y"), 400, "parameter-invalid"),
        (format!("/quick/v1/sign?{call}&iat=1"), 400, "iat-stale"),
        (format!("/quick/v1/sign?{call}&trunk=8"), 403, "TRUNK_UNKNOWN"),
        (format!("/quick/v1/verify?{call}&trunk=none"), 403, "TRUNK_UNKNOWN"),
        (format!("/quick/v1/verify?to={CALLED}"), 400, "parameter-missing"),
        ("/quick/v2/sign".into(), 404, "not-found"),
    ] {
        assert_eq!(get(&running, &target).outcome(), (status, "", Some(reason)), "{target}");
    }
    let head = "PUT /quick/v1/sign HTTP/1.1\r\nHost: x\r\n";
    assert_eq!(unix(&running, head).outcome(), (405, "", Some("method-not-allowed")));
    let head = "POST /quick/v1/sign HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Type: text/plain\r\n";
    assert_eq!(unix(&running, head).outcome(), (415, "", Some("media-type-unsupported")));
    assert_eq!(get(&running, &format!("/quick/v1/sign?{call}&trunk=lab")).status, 200);
}

/// Byte for byte what libcurl sends for FreeSWITCH's mod_curl and for Asterisk's CURL().
#[test]
fn requests_of_freeswitch_and_asterisk() {
    let port = free_port();
    let running = Running::start(|config| with_tcp(config, port, ""));
    let freeswitch = |target: &str| {
        format!(
            "GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: freeswitch-curl/1.0\r\nAccept: */*\r\n\r\n"
        )
    };
    // They keep the connection, and so does this.
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let target = format!("/quick/v1/sign?from={CALLER}&to={CALLED}&trunk=7&form=value");
    stream.write_all(freeswitch(&target).repeat(2).as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    let identity =
        text.lines().find(|line| line.starts_with("eyJ")).unwrap().split("HTTP/1.1").next().unwrap();
    assert_eq!(claims(identity)["attest"], "B");

    let body = format!("identity={}&from={CALLER}&to={CALLED}", encoded(identity));
    let asterisk = format!(
        "POST /quick/v1/verify HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: asterisk-libcurl-agent/1.0\r\n\
         Accept: */*\r\nContent-Length: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(asterisk.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let answer = Answer::read(&mut stream);
    assert_eq!(answer.outcome(), (200, "VALID-B", None), "{answer:?}");
    // Older libcurl asks before it sends a long body.
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let asking = asterisk.replace("Accept: */*", "Accept: */*\r\nExpect: 100-continue");
    let (head, body) = asking.split_at(asking.find("\r\n\r\n").unwrap() + 4);
    stream.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(Answer::read(&mut stream).outcome(), (200, "VALID-B", None));

    for record in running.records() {
        assert_eq!((&record["interface"], &record["trunk"]), (&"http-tcp".into(), &"7".into()));
        assert!(record["peer"]["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{record}");
    }
}

/// What a page in a browser on this machine could send.
#[test]
fn what_comes_from_a_page_is_refused() {
    let port = free_port();
    let running = Running::start(|config| with_tcp(config, port, "hosts = [\"stir.example.com\"]\n"));
    let sign = |headers: &str| tcp(port, &json("/stir/v1/signing", headers, &signing("A")));
    let quick = |headers: &str| {
        let target = format!("/quick/v1/sign?from={CALLER}&to={CALLED}");
        tcp(port, &format!("GET {target} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"))
    };
    for host in ["127.0.0.1", "localhost", "localhost:8080", "[::1]:8080", "stir.example.com"] {
        let host = format!("Host: {host}\r\n");
        assert_eq!((sign(&host).status, quick(&host).status), (200, 200), "{host}");
    }
    let signed = running.records().len();
    for headers in [
        "Host: evil.example\r\n",
        "Host: 127.0.0.1.evil.example\r\n",
        "Host: localhost\r\nOrigin: http://localhost\r\n",
        "Host: localhost\r\nOrigin: null\r\n",
        "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n",
    ] {
        let answer = sign(headers);
        assert!(answer.status == 403 && answer.body.contains("POL4030"), "{headers}: {answer:?}");
        let answer = quick(headers);
        assert_eq!((answer.status, answer.body.as_str()), (403, ""), "{headers}");
    }
    // A form of a page can have this type and no other.
    let plain = json("/stir/v1/signing", "Host: localhost\r\n", &signing("A"))
        .replace("application/json", "text/plain");
    assert_eq!(tcp(port, &plain).status, 415);
    // The log is not for the network.
    let search =
        format!("GET /audit/v1/search?tn={CALLER} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = tcp(port, &search);
    assert!(answer.status == 403 && answer.body.contains("NOT_ADMIN"), "{answer:?}");
    assert_eq!(tcp(port, &search.replace("/audit/v1/search", "/healthz")).status, 200);
    assert_eq!(running.records().len(), signed);
}

#[test]
fn a_token_is_asked_for() {
    let port = free_port();
    let running = Running::start(|config| with_token(config, port));
    let with = |authorization: &str| {
        let headers = format!("Host: localhost\r\n{authorization}");
        tcp(port, &json("/stir/v1/signing", &headers, &signing("A")))
    };
    let good = with(&format!("Authorization: Bearer {TOKEN}\r\n"));
    assert_eq!(good.status, 200, "{good:?}");
    for bad in [
        String::new(),
        format!("Authorization: Bearer {}\r\n", &TOKEN[1..]),
        format!("Authorization: Basic {TOKEN}\r\n"),
        "Authorization: Bearer\r\n".to_owned(),
    ] {
        let answer = with(&bad);
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{bad}");
        assert!(answer.body.contains("POL4010"));
    }
    let quick = format!(
        "GET /quick/v1/sign?from={CALLER}&to={CALLED} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(tcp(port, &quick).outcome(), (401, "", Some("unauthorized")));
    assert_eq!(tcp(port, &quick.replace("/quick/v1/sign", "/metrics")).status, 401);
    let records = running.records();
    assert_eq!(records.len(), 1);
    assert_eq!((&records[0]["peer"]["user"], &records[0]["attest"]), (&"pbx".into(), &"B".into()));
    let counted = || -> u64 {
        running.records_of("summary").iter().map(|record| record["unauthenticated"].as_u64().unwrap()).sum()
    };
    running.wait_for_record("summary", |_| counted() == 6);
    // The socket asks nobody, and no token is told.
    assert_eq!(running.sign("A").status, 200);
    assert!(!running.log().contains(TOKEN));
}

#[test]
fn verify_only() {
    let port = free_port();
    let running = Running::start(|config| with_tcp(config, port, "verify_only = true\n"));
    let identity = running.sign("A").identity().to_owned();
    let host = "Host: localhost\r\n";
    assert_eq!(tcp(port, &json("/stir/v1/signing", host, &signing("A"))).status, 404);
    let quick =
        format!("GET /quick/v1/sign?from={CALLER}&to={CALLED} HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
    assert_eq!(tcp(port, &quick).outcome(), (404, "", Some("NOT_OFFERED")));
    let answer = tcp(port, &json("/stir/v1/verification", host, &verification(&identity)));
    assert!(answer.status == 200 && answer.body.contains("TN-Validation-Passed"), "{answer:?}");
    assert_eq!(running.records().len(), 2);
}

/// Two daemons cannot have one port; the second one says so and leaves the first alone.
#[test]
fn a_taken_port_is_told() {
    let port = free_port();
    let running = Running::start(|config| with_tcp(config, port, ""));
    let second = running.lab().join("second.toml");
    let config = fs::read_to_string(running.lab().join("shaken.toml")).unwrap();
    let config = config.replace("shaken.sock", "second.sock").replace("/audit\"", "/second\"");
    fs::write(&second, config).unwrap();
    let refused = running::run(&["serve", "--config", second.to_str().unwrap()], b"");
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(69), "{told}");
    assert!(told.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{told}");
    assert_eq!(running.sign("A").status, 200);
}
