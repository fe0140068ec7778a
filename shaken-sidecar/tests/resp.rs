//! The daemon over the Redis protocol: raw bytes, and the real `redis-cli`.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;
mod tool;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use running::{CALLED, CALLER, Running, free_port, unix_now};
use serde_json::Value;

const SECRET: &str = "correct-horse-battery-staple";

/// The configuration with a Unix socket for the Redis protocol.
fn with_resp(config: String) -> String {
    config + "\n[resp]\nsocket = \"resp.sock\"\n"
}

/// The configuration with a TCP port too, whose user has a trunk of level B.
fn with_tcp(config: String, port: u16) -> String {
    let socket = config.lines().find_map(|line| line.strip_prefix("socket = \"")).unwrap();
    let folder = socket.trim_end_matches('"').rsplit_once('/').unwrap().0;
    let secret = format!("{folder}/pbx.secret");
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    with_resp(config)
        + &format!("listen = \"127.0.0.1:{port}\"\n")
        + "[[resp.user]]\nname = \"pbx\"\nsecret_file = \"pbx.secret\"\n"
        + "[[trunk]]\nname = \"remote\"\nuser = \"pbx\"\nmax_attest = \"B\"\n"
}

/// What a client reads.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reply {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(String),
    Null,
    Array(Vec<Self>),
}

impl Reply {
    fn bulk(&self) -> &str {
        let Self::Bulk(text) = self else { panic!("no bulk string: {self:?}") };
        text
    }

    fn error(&self) -> &str {
        let Self::Error(text) = self else { panic!("no error: {self:?}") };
        text
    }

    fn texts(&self) -> Vec<&str> {
        let Self::Array(replies) = self else { panic!("no array: {self:?}") };
        replies.iter().map(Self::bulk).collect()
    }
}

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

struct Client(Box<dyn Stream>);

impl Client {
    fn unix(running: &Running) -> Self {
        Self(Box::new(running::connect(&running.lab().join("resp.sock"))))
    }

    fn tcp(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(Box::new(stream))
    }

    fn ask(&mut self, words: &[&str]) -> Reply {
        self.0.write_all(&encoded(words)).unwrap();
        self.read()
    }

    fn sign(&mut self) -> Reply {
        self.ask(&["STIR.SIGN", CALLER, CALLED])
    }

    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).ok()?;
            line.push(byte[0]);
        }
        line.truncate(line.len() - 2);
        Some(String::from_utf8(line).unwrap())
    }

    fn read(&mut self) -> Reply {
        self.try_read().expect("the connection ended before a whole answer")
    }

    fn try_read(&mut self) -> Option<Reply> {
        let line = self.line()?;
        let (kind, text) = line.split_at(1);
        Some(match kind {
            "+" => Reply::Simple(text.to_owned()),
            "-" => Reply::Error(text.to_owned()),
            ":" => Reply::Integer(text.parse().unwrap()),
            "$" if text == "-1" => Reply::Null,
            "$" => {
                let mut bytes = vec![0; text.parse::<usize>().unwrap() + 2];
                self.0.read_exact(&mut bytes).ok()?;
                assert!(bytes.ends_with(b"\r\n"), "{line}");
                bytes.truncate(bytes.len() - 2);
                Reply::Bulk(String::from_utf8(bytes).unwrap())
            }
            "*" => Reply::Array((0..text.parse().unwrap()).map(|_| self.read()).collect()),
            _ => panic!("no reply: {line:?}"),
        })
    }

    /// All bytes up to the end, which must come.
    fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        if let Err(error) = self.0.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "it is still open: {error}");
        }
        rest
    }
}

fn encoded(words: &[&str]) -> Vec<u8> {
    let words: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{words}", words.matches('$').count()).into_bytes()
}

/// The claims of a header.
fn claims(identity: &str) -> Value {
    let payload = identity.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[test]
fn a_call_there_and_back_with_its_records() {
    let running = Running::start(with_resp);
    let mut client = Client::unix(&running);
    let signed = client.ask(&["STIR.SIGN", &format!("+{CALLER}"), CALLED, "call-id", "a84b4c76e66710"]);
    let identity = signed.bulk().to_owned();
    assert_eq!(claims(&identity)["attest"], "A");
    assert!(claims(&identity)["iat"].as_u64().unwrap().abs_diff(unix_now()) <= 2);

    let verified = client.ask(&["STIR.VERIFY", &identity, CALLER, CALLED, "Call-ID", "b84b4c76e66710"]);
    let origid = claims(&identity)["origid"].as_str().unwrap().to_owned();
    assert_eq!(verified.texts(), ["VALID-A", "TN-Validation-Passed", "A", "", "", &origid]);
    let word = client.ask(&["stir.verify", &identity, CALLER, CALLED, "form", "word"]);
    assert_eq!(word.bulk(), "VALID-A");
    // What fails is an answer too.
    let other = client.ask(&["STIR.VERIFY", &identity, "12155550199", CALLED]);
    assert_eq!(other.texts(), ["NO-VALIDATION", "No-TN-Validation", "", "438", "orig-mismatch", ""]);
    let (signed, signature) = identity.split_once(';').unwrap().0.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let forged =
        identity.replace(&format!("{signed}.{signature}"), &format!("{signed}.{first}{}", &signature[1..]));
    let forged = client.ask(&["STIR.VERIFY", &forged, CALLER, CALLED]);
    assert_eq!(forged.texts()[..2], ["INVALID", "TN-Validation-Failed"]);
    assert_eq!(client.ask(&["STIR.VERIFY", "", CALLER, CALLED]).texts()[4], "identity-missing");
    // The same with the level asked for, and as a line for a message.
    let line = client.ask(&["STIR.SIGN", CALLER, CALLED, "attest", "C", "form", "header", "origid", &origid]);
    let value = line.bulk().strip_prefix("Identity: ").and_then(|line| line.strip_suffix("\r\n")).unwrap();
    assert_eq!((&claims(value)["attest"], &claims(value)["origid"]), (&"C".into(), &origid.as_str().into()));

    let told = client.ask(&["STIR.SIGN", CALLER, CALLED, "attest", "B", "form", "array", "origid", &origid]);
    let record = running.records().pop().unwrap();
    let fact = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
    let [reason, rule, generation, decided_by] = ["reason", "rule", "generation", "decided_by"].map(fact);
    assert_eq!(told.texts()[1..], ["B", &reason, &rule, &generation, &decided_by, &origid]);
    assert_eq!((&*reason, rule.is_empty(), generation.is_empty()), ("AS_REQUESTED", false, false));
    assert_eq!(claims(told.texts()[0])["attest"], "B");

    let records = running.records();
    assert_eq!(records.len(), 8);
    let uid = rustix::process::geteuid().as_raw();
    for record in &records {
        assert_eq!((&record["interface"], &record["peer"]["uid"]), (&"resp-unix".into(), &uid.into()));
        assert_eq!((&record["trunk"], &record["http_status"]), (&"lab".into(), &Value::Null));
    }
    assert_eq!(
        (&records[0]["verdict"], &records[0]["call_id"]),
        (&"signed".into(), &"a84b4c76e66710".into())
    );
    assert_eq!(records[0]["orig"]["received"], format!("+{CALLER}"));
    assert_eq!(
        (&records[1]["verdict"], &records[1]["call_id"]),
        (&"passed".into(), &"b84b4c76e66710".into())
    );
    assert_eq!(running.records_of("undelivered").len(), 0);
}

/// What is sent at once is answered in its order, though it is worked on side by side.
#[test]
fn a_thousand_calls_in_one_connection_keep_their_order() {
    let running = Running::start(with_resp);
    let mut client = Client::unix(&running);
    let origid = |n: usize| format!("00000000-0000-4000-8000-{n:012}");
    let request = |n| encoded(&["STIR.SIGN", CALLER, CALLED, "origid", &origid(n)]);
    let begin = Instant::now();
    for batch in (0..1000).collect::<Vec<_>>().chunks(16) {
        let batch_bytes: Vec<u8> = batch.iter().flat_map(|&n| request(n)).collect();
        client.0.write_all(&batch_bytes).unwrap();
        for &n in batch {
            assert_eq!(claims(client.read().bulk())["origid"], origid(n));
        }
    }
    println!("1,000 signed in batches of 16: {:?}", begin.elapsed());

    // All at once, with others between them that need no work, and no one who reads meanwhile.
    let begin = Instant::now();
    let all: Vec<u8> =
        (0..500).flat_map(|n| [request(n), encoded(&["ECHO", &n.to_string()])].concat()).collect();
    let mut writer = running::connect(&running.lab().join("resp.sock"));
    let reader = writer.try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(&all).unwrap());
    let mut client = Client(Box::new(reader));
    for n in 0..500 {
        assert_eq!(claims(client.read().bulk())["origid"], origid(n));
        assert_eq!(client.read().bulk(), n.to_string());
    }
    writing.join().unwrap();
    println!("500 signed and 500 echoed at once: {:?}", begin.elapsed());
    assert_eq!(running.records().len(), 1500);
}

#[test]
fn torn_writes_and_typed_lines() {
    let running = Running::start(with_resp);
    let mut client = Client::unix(&running);
    for bytes in
        [encoded(&["STIR.SIGN", CALLER, CALLED]), format!("stir.sign {CALLER} {CALLED}\r\n").into_bytes()]
    {
        for byte in bytes {
            client.0.write_all(&[byte]).unwrap();
        }
        assert_eq!(claims(client.read().bulk())["orig"]["tn"], CALLER);
    }
    // Two and a half at once.
    let half = encoded(&["PING", "second half"]);
    client.0.write_all(&[&b"PING\n\r\n*0\r\n"[..], b"ping one\r\n", &half[..20]].concat()).unwrap();
    assert_eq!((client.read(), client.read()), (Reply::Simple("PONG".into()), Reply::Bulk("one".into())));
    client.0.write_all(&half[20..]).unwrap();
    assert_eq!(client.read().bulk(), "second half");
    // The last words of who writes no more are answered.
    let stream = running::connect(&running.lab().join("resp.sock"));
    (&stream).write_all(b"PING\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(Client(Box::new(stream)).rest(), b"+PONG\r\n");
}

#[test]
fn requests_that_are_none_have_stable_names() {
    let running = Running::start(with_resp);
    let mut client = Client::unix(&running);
    let stale = (unix_now() - 100).to_string();
    for (words, name) in [
        (&["STIR.SIGN"][..], "ERR parameter-missing to"),
        (&["STIR.SIGN", "", CALLED], "ERR parameter-missing from"),
        (&["STIR.SIGN", "alice", CALLED], "ERR parameter-invalid from: "),
        (&["STIR.SIGN", CALLER, CALLED, "attest", "D"], "ERR parameter-invalid attest: "),
        (&["STIR.SIGN", CALLER, CALLED, "x", "y"], "ERR parameter-invalid name: "),
        (&["STIR.SIGN", CALLER, CALLED, "iat", &stale], "ERR iat-stale: "),
        (&["STIR.SIGN", CALLER, CALLED, "other-trunk"], "REFUSED TRUNK_UNKNOWN"),
        (&["STIR.VERIFY", "x", CALLER, CALLED, "trunk", "other"], "REFUSED TRUNK_UNKNOWN"),
        (&["SET", "key", "value"], "ERR unknown command"),
        (&["HELLO", "3"], "NOPROTO "),
        (&["AUTH", "x"], "ERR AUTH "),
    ] {
        let reply = client.ask(words);
        assert!(reply.error().starts_with(name), "{words:?}: {reply:?}");
    }
    // None of them stopped it, and only what was a call is on record.
    client.sign().bulk();
    assert_eq!(
        running.records().iter().map(|record| record["verdict"].clone()).collect::<Vec<_>>(),
        ["refused", "signed"]
    );
    assert_eq!(running.records()[0]["error"], "iat-stale");
}

/// A client may name a trunk that the configuration gives it, and no other.
#[test]
fn trunks_by_name() {
    let uid = rustix::process::geteuid().as_raw();
    let running = Running::start(|config| {
        with_resp(config.replace("max_attest = \"A\"", "max_attest = \"C\""))
            + &format!("[[trunk]]\nname = \"trunk-7\"\nuid = {uid}\nby_name = true\nmax_attest = \"A\"\n")
            + "[[trunk]]\nname = \"trunk-8\"\nuid = 4294967294\nby_name = true\nmax_attest = \"A\"\n"
            + &format!("[[trunk]]\nname = \"later\"\nuid = {uid}\nmax_attest = \"A\"\n")
    });
    let mut client = Client::unix(&running);
    assert_eq!(claims(client.sign().bulk())["attest"], "C");
    for (trunk, attest) in [("trunk-7", "A"), ("lab", "C")] {
        let signed = client.ask(&["STIR.SIGN", CALLER, CALLED, trunk]);
        assert_eq!(claims(signed.bulk())["attest"], attest, "{trunk}");
    }
    for trunk in ["trunk-8", "later", "none"] {
        let refused = client.ask(&["STIR.SIGN", CALLER, CALLED, trunk]);
        assert_eq!(refused.error(), "REFUSED TRUNK_UNKNOWN", "{trunk}");
    }
    let trunks: Vec<_> = running.records().iter().map(|record| record["trunk"].clone()).collect();
    assert_eq!(trunks, ["lab", "trunk-7", "lab"]);
}

#[test]
fn tcp_wants_a_secret_and_gives_its_trunk() {
    let port = free_port();
    let running = Running::start(|config| with_tcp(config, port));
    let mut client = Client::tcp(port);
    for closed in [&["PING"][..], &["STIR.SIGN", CALLER, CALLED], &["HELLO"], &["INFO"]] {
        assert!(client.ask(closed).error().starts_with("NOAUTH "), "{closed:?}");
    }
    assert!(client.ask(&["AUTH", "pbx", &SECRET[1..]]).error().starts_with("WRONGPASS "));
    assert!(client.ask(&["AUTH", "other", SECRET]).error().starts_with("WRONGPASS "));
    assert!(client.sign().error().starts_with("NOAUTH "));
    // The third guess was the last.
    assert!(client.ask(&["AUTH", SECRET, "x"]).error().starts_with("WRONGPASS "));
    assert_eq!(client.rest(), b"");

    for hello in [&["AUTH", SECRET][..], &["AUTH", "pbx", SECRET], &["HELLO", "2", "AUTH", "pbx", SECRET]] {
        let mut client = Client::tcp(port);
        assert!(!matches!(client.ask(hello), Reply::Error(_)), "{hello:?}");
        assert_eq!(claims(client.sign().bulk())["attest"], "B");
    }
    // In one go, as libraries do it.
    let mut client = Client::tcp(port);
    client
        .0
        .write_all(&[encoded(&["AUTH", SECRET]), encoded(&["STIR.SIGN", CALLER, CALLED])].concat())
        .unwrap();
    assert_eq!(
        (client.read(), claims(client.read().bulk())["attest"].clone()),
        (Reply::Simple("OK".into()), "B".into())
    );
    let records = running.records();
    assert_eq!(records.len(), 4);
    assert_eq!((&records[0]["interface"], &records[0]["peer"]["user"]), (&"resp-tcp".into(), &"pbx".into()));
    assert!(records[0]["peer"]["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(records[0]["trunk"], "remote");
    // Who was not let in is counted, and no secret is told.
    let counted = || -> u64 {
        running.records_of("summary").iter().map(|record| record["unauthenticated"].as_u64().unwrap()).sum()
    };
    running.wait_for_record("summary", |_| counted() == 8);
    assert!(!running.log().contains(&SECRET[1..]));
}

/// A web page can have a browser send HTTP to any port of this machine.
#[test]
fn other_protocols_are_dropped_at_once() {
    let port = free_port();
    let running = Running::start(|config| with_tcp(config, port));
    for foreign in [
        &b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"[..],
        b"GET ",
        b"POST / HTTP/1.1\r\nContent-Length: 60\r\n\r\nAUTH correct-horse-battery-staple\r\nPING\r\n",
        b"Host: x\r\n",
        b"\x16\x03\x01\x02\x00",
        b"\xff\xfe",
    ] {
        for mut client in [Client::tcp(port), Client::unix(&running)] {
            let begin = Instant::now();
            client.0.write_all(foreign).unwrap();
            assert_eq!(client.rest(), b"", "{}", String::from_utf8_lossy(foreign));
            assert!(begin.elapsed() < Duration::from_secs(2));
        }
    }
    let broken = [
        &b"*1\r\n:1\r\n"[..],
        b"*9999\r\n",
        b"*1\r\n$99999\r\n",
        b"*1\r\n$4\r\nPINGPONG\r\n",
        &[b'a'; 70_000],
    ];
    for bytes in broken {
        let mut client = Client::unix(&running);
        let _ = client.0.write_all(bytes);
        let told = String::from_utf8(client.rest()).unwrap();
        assert!(
            told.is_empty() || (told.starts_with("-ERR Protocol error") && told.ends_with("\r\n")),
            "{told}"
        );
    }
    // What came before is answered.
    let mut client = Client::unix(&running);
    client.0.write_all(b"PING\r\n*1\r\n:1\r\nPING\r\n").unwrap();
    assert_eq!(client.rest(), b"+PONG\r\n-ERR Protocol error: expected '$'\r\n");
    Client::unix(&running).sign().bulk();
    assert_eq!(running.records().len(), 1);
}

/// Noise of a seeded generator, some of it nearly commands: the daemon answers others all the time.
#[test]
fn noise_ends_connections_and_nothing_else() {
    let running = Running::start(with_resp);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end as u64) as usize
    };
    let good = encoded(&["STIR.SIGN", CALLER, CALLED, "attest", "B"]);
    for _ in 0..500 {
        let mut bytes = good.clone();
        for _ in 0..1 + below(6) {
            let at = below(bytes.len() + 1);
            match below(4) {
                0 => bytes.insert(at, b"*$\r\n0123456789-: \0\xff"[below(19)]),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.truncate(at.max(1)),
                _ if at < bytes.len() => bytes[at] ^= 1 << below(8),
                _ => {}
            }
        }
        let stream = running::connect(&running.lab().join("resp.sock"));
        let _ = (&stream).write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let rest = Client(Box::new(stream)).rest();
        assert!(rest.is_empty() || b"+-:$*".contains(&rest[0]), "{}", String::from_utf8_lossy(&rest));
    }
    Client::unix(&running).sign().bulk();
    assert!(!running.log().contains("panicked"), "{}", running.log());
}

/// Who begins a command must end it: connections that do nothing must not keep others out.
#[test]
fn half_a_command_does_not_hold_a_connection() {
    let running = Running::start(|config| {
        with_resp(config)
            .replace("[http]", "[http]\ndeadline_ms = 300")
            .replace("[fetch.lab]", "[fetch]\ndeadline_ms = 200\n[fetch.lab]")
    });
    let mut client = Client::unix(&running);
    client.sign().bulk();
    let begin = Instant::now();
    let half = encoded(&["STIR.SIGN", CALLER, CALLED]);
    // A byte now and then does not buy more time.
    for byte in &half[..12] {
        if client.0.write_all(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    assert_eq!(client.rest(), b"");
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    Client::unix(&running).sign().bulk();
}

/// As over HTTP: the record stands, and a note beside it.
#[test]
fn an_answer_that_nobody_read_is_noted() {
    let running = Running::start(with_resp);
    let mut stream = running::connect(&running.lab().join("resp.sock"));
    stream.write_all(&encoded(&["STIR.SIGN", CALLER, CALLED])).unwrap();
    running.wait_for_record("call", |_| true);
    drop(stream);
    let note = running.wait_for_record("undelivered", |_| true);
    assert_eq!(note["why"], "client-gone");
    assert_eq!(note["request_id"], running.records()[0]["request_id"]);
    // Who reads and goes is none of these.
    let mut client = Client::unix(&running);
    client.sign().bulk();
    drop(client);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!((running.records().len(), running.records_of("undelivered").len()), (2, 1));
}

#[test]
fn the_end_of_the_daemon_waits_for_no_idle_client() {
    let port = free_port();
    let mut running = Running::start(|config| with_tcp(config, port));
    let mut client = Client::unix(&running);
    client.sign().bulk();
    let _idle = (Client::tcp(port), Client::unix(&running));
    let begin = Instant::now();
    assert!(running.terminate());
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert!(UnixStream::connect(running.lab().join("resp.sock")).is_err());
    let log = running.log();
    assert!(!log.contains(CALLER) && !log.contains(CALLED), "{log}");
}

/// A door may be for verifying alone.
#[test]
fn verify_only() {
    let running = Running::start(|config| with_resp(config) + "verify_only = true\n");
    let identity = running.sign("A").identity().to_owned();
    let mut client = Client::unix(&running);
    assert_eq!(client.sign().error(), "NOTOFFERED NOT_OFFERED");
    assert_eq!(client.ask(&["STIR.VERIFY", &identity, CALLER, CALLED]).texts()[0], "VALID-A");
}

/// The client of Redis itself, over both kinds of sockets.
#[test]
fn redis_cli_signs_and_verifies() {
    let Some(redis_cli) = tool::find("redis-cli", "SHAKEN_REDIS_REQUIRED", "redis-tools") else { return };
    let port = free_port();
    let running = Running::start(|config| with_tcp(config, port));
    let socket = running.lab().join("resp.sock");
    let run = |args: &[&str], input: &str| {
        let mut child = Command::new(&redis_cli)
            .args(args)
            .env_remove("REDISCLI_AUTH")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    };
    let unix = |words: &[&str]| run(&[&["-s", socket.to_str().unwrap()], words].concat(), "");
    let port = port.to_string();
    let tcp = |login: &[&str], words: &[&str]| {
        run(&[&["-h", "127.0.0.1", "-p", &port, "--no-auth-warning"], login, words].concat(), "")
    };
    assert_eq!(unix(&["PING"]), "PONG");
    let identity = unix(&["STIR.SIGN", CALLER, CALLED]);
    assert_eq!(claims(&identity)["attest"], "A");
    let lines = unix(&["STIR.VERIFY", &identity, CALLER, CALLED]);
    assert_eq!(lines.lines().take(3).collect::<Vec<_>>(), ["VALID-A", "TN-Validation-Passed", "A"]);
    assert_eq!(unix(&["-n", "3", "STIR.VERIFY", &identity, CALLER, CALLED, "form", "word"]), "VALID-A");
    assert!(unix(&["-3", "PING"]).ends_with("PONG"), "it goes on in version 2");
    assert_eq!(unix(&["STIR.SIGN", CALLER, CALLED, "other"]), "REFUSED TRUNK_UNKNOWN");

    assert!(tcp(&[], &["STIR.SIGN", CALLER, CALLED]).starts_with("NOAUTH "));
    assert!(tcp(&["-a", "not-the-right-secret"], &["PING"]).contains("NOAUTH "));
    for login in [&["-a", SECRET][..], &["--user", "pbx", "-a", SECRET]] {
        assert_eq!(claims(&tcp(login, &["STIR.SIGN", CALLER, CALLED]))["attest"], "B", "{login:?}");
    }
    // Commands as people type them, and in bulk.
    let typed = format!("STIR.SIGN {CALLER} {CALLED}\nPING\nINFO\nCLIENT SETNAME x\n");
    let said = run(&["-s", socket.to_str().unwrap()], &typed);
    assert!(
        said.starts_with("eyJ") && said.contains("\nPONG\n") && said.contains("shaken_version:"),
        "{said}"
    );
    let bulk: String = (0..1000).map(|_| format!("STIR.SIGN {CALLER} {CALLED}\r\n")).collect();
    let begin = Instant::now();
    let said = run(&["-s", socket.to_str().unwrap(), "--pipe"], &bulk);
    println!("redis-cli --pipe, 1,000 signed: {:?}", begin.elapsed());
    assert!(said.contains("errors: 0, replies: 1000"), "{said}");
}
