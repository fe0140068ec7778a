//! The export of the audit log to a real `nats-server` with JetStream: servers and daemons are killed
//! while calls are made, and at the end the stream has every record of the log.

mod nats_server;
#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::num::NonZeroU16;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use async_nats::jetstream;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use futures_util::StreamExt as _;
use nats_server::{Login, PATIENCE, STREAM, Server};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use running::{Answer, Running, post, signing};
use rustls::{ClientConfig, RootCertStore};
use shaken_sidecar::audit::export::{Export, ExportState, Nats};
use shaken_sidecar::audit::proof::Origin;
use shaken_sidecar::audit::{self, AuditLog, AuditOptions, Durability, Interface, Op, Record, Sealing};
use shaken_sidecar::listen::Peer;

/// How often server and daemon are killed in turn, if other than [`KILLS`].
const KILLS_SETTING: &str = "SHAKEN_NATS_KILLS";
const KILLS: usize = 12;

const LOG: &str = "voice.example.com/audit";
const LOGIN: Login = Login { user: "shaken", password: "right-password" };

/// What a consumer sees.
struct Message {
    subject: String,
    id: String,
    index: String,
    schema: String,
    payload: Vec<u8>,
}

impl Message {
    fn of(message: &jetstream::Message) -> Self {
        let header = |name: &str| {
            let headers = message.headers.as_ref().unwrap();
            headers.get(name).unwrap().as_str().to_owned()
        };
        Self {
            subject: message.subject.to_string(),
            id: header("Nats-Msg-Id"),
            index: header("Shaken-Index"),
            schema: header("Shaken-Schema"),
            payload: message.payload.to_vec(),
        }
    }
}

/// All messages of the stream, in its order.
async fn messages(server: &Server) -> Vec<Message> {
    let stream = server.jetstream().await.get_stream(STREAM).await.unwrap();
    let count = stream.cached_info().state.messages;
    let config = pull::Config { ack_policy: AckPolicy::None, ..pull::Config::default() };
    let consumer = stream.create_consumer(config).await.unwrap();
    let mut messages = Vec::new();
    while (messages.len() as u64) < count {
        let mut batch = consumer.fetch().max_messages(500).messages().await.unwrap();
        while let Some(message) = batch.next().await {
            messages.push(Message::of(&message.unwrap()));
        }
    }
    messages
}

/// What a comparison of a stream with its log found.
#[derive(Debug)]
struct Compared {
    records: usize,
    stored_twice: usize,
    out_of_order: usize,
}

/// Every record of the log in `dir` is in the stream, byte for byte, and nothing else is.
fn compare(dir: &Path, log: &str, messages: &[Message]) -> Compared {
    let mut by_id: BTreeMap<&str, &Message> = BTreeMap::new();
    let (mut stored_twice, mut out_of_order, mut highest) = (0, 0, None);
    for message in messages {
        if let Some(first) = by_id.insert(&message.id, message) {
            stored_twice += 1;
            assert!(first.payload == message.payload, "{} is two records", message.id);
        }
        let index: u64 = message.index.parse().unwrap();
        out_of_order += usize::from(highest.is_some_and(|highest| index < highest));
        highest = highest.max(Some(index));
    }
    let mut records = 0;
    for line in audit::read(dir).unwrap() {
        let line = line.unwrap();
        let id = format!("{log}:{}", line.index);
        let message = by_id.remove(id.as_str()).unwrap_or_else(|| panic!("{id} is missing in the stream"));
        assert!(message.payload == line.bytes, "{id} is not as it is on disk");
        let value: serde_json::Value = serde_json::from_slice(&line.bytes).unwrap();
        assert_eq!(message.subject, format!("shaken.audit.{}", value["kind"].as_str().unwrap()));
        assert_eq!((&message.index, message.schema.as_str()), (&line.index.to_string(), "1"));
        records += 1;
    }
    assert!(by_id.is_empty(), "the stream has records that the log has not: {:?}", by_id.keys());
    Compared { records, stored_twice, out_of_order }
}

fn with_nats(config: String, server: &Server, more: &str) -> String {
    format!("{config}\n[audit.nats]\nurl = \"{}\"\nlog = \"{LOG}\"\n{more}\n", server.url())
}

fn metric(running: &Running, name: &str) -> u64 {
    let text = running.request("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").text;
    let value = text.lines().find_map(|line| line.strip_prefix(&format!("sti_audit_{name} ")));
    value.unwrap_or_else(|| panic!("no {name}:\n{text}")).parse().unwrap()
}

fn wait_until(what: &str, running: &Running, holds: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "{what}: {}", running.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Signs until told to stop, over as many connections as it takes. Counts the answers.
fn sign_until(socket: &Path, stop: &AtomicBool, answered: &AtomicU64) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = std::os::unix::net::UnixStream::connect(socket) else {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        while !stop.load(Ordering::Relaxed) {
            let request = post("/stir/v1/signing", &signing("C").to_string());
            if stream.write_all(request.as_bytes()).is_err() {
                break;
            }
            let Some(answer) = Answer::try_read(&mut stream) else { break };
            assert_eq!(answer.status, 200, "{answer:?}");
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn every_record_reaches_the_stream_whoever_is_killed() {
    let Some(mut server) = Server::started() else { return };
    let runtime = runtime();
    runtime.block_on(server.make_stream());
    let mut running = Running::start(|config| with_nats(config, &server, "stream = \"AUDIT\"\nwindow = 64"));
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let (socket, stop, answered) = (running.socket(), Arc::clone(&stop), Arc::clone(&answered));
            std::thread::spawn(move || sign_until(&socket, &stop, &answered))
        })
        .collect();
    let kills = std::env::var(KILLS_SETTING).map_or(KILLS, |kills| kills.parse().unwrap());
    let mut duplicates = 0;
    for round in 0..kills {
        let before = metric(&running, "export_cursor");
        wait_until("nothing is exported", &running, || metric(&running, "export_cursor") > before + 20);
        // At another moment of sending, storing and saving each time.
        std::thread::sleep(Duration::from_millis(37 * (round as u64 % 11)));
        duplicates += metric(&running, "export_duplicates_total");
        // Now the server first, now the daemon, now both at once.
        if round % 2 == 0 || round % 3 == 0 {
            server.kill();
            std::thread::sleep(Duration::from_millis(50 * (round as u64 % 4)));
        }
        running.kill_and_restart();
        if server.child.is_none() {
            server.start();
        }
        if round % 2 == 1 {
            server.kill();
            server.start();
        }
    }
    stop.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().unwrap());
    wait_until("the export does not catch up", &running, || metric(&running, "export_lag_records") == 0);
    assert_eq!((metric(&running, "export_connected"), metric(&running, "export_missing_total")), (1, 0));
    duplicates += metric(&running, "export_duplicates_total");
    assert!(running.terminate());

    let dir = running.lab().join("audit");
    let compared = compare(&dir, LOG, &runtime.block_on(messages(&server)));
    println!(
        "{kills} kills of the daemon, as many of the server: {} calls answered, {compared:?}, {duplicates} sent twice \
         and dropped by the server",
        answered.load(Ordering::Relaxed)
    );
    assert!(answered.load(Ordering::Relaxed) > 0);
    // The server remembers names for longer than this test takes, and a killed one loses nothing of what
    // it wrote.
    assert_eq!((compared.stored_twice, compared.out_of_order), (0, 0));
}

/// Neither server nor stream at first; calls are served, and everything arrives in the end.
#[test]
fn what_stops_the_export_is_told_once_and_calls_go_on() {
    let Some(mut server) = Server::find(None) else { return };
    let mut running = Running::start(|config| with_nats(config, &server, ""));
    assert_eq!(running.sign("A").status, 200);
    wait_until("no failure", &running, || metric(&running, "export_failures_total") >= 2);
    let health = || running.request("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((health().status, &health().body["cause"]), (200, &"audit-export".into()));
    assert_eq!((metric(&running, "export_connected"), metric(&running, "export_cursor")), (0, 0));
    assert!(metric(&running, "export_lag_records") >= 2);
    std::thread::sleep(Duration::from_millis(2100));
    assert!(metric(&running, "export_lag_seconds") >= 2);
    assert_eq!(running.log().matches("is not exported").count(), 1, "{}", running.log());

    // A server that has no such stream acknowledges nothing.
    server.start();
    let before = metric(&running, "export_failures_total");
    wait_until("no other failure", &running, || metric(&running, "export_failures_total") > before + 1);
    assert_eq!(metric(&running, "export_cursor"), 0);
    assert_eq!(running.sign("A").status, 200);

    let runtime = runtime();
    runtime.block_on(server.make_stream());
    wait_until("it does not go on", &running, || metric(&running, "export_lag_records") == 0);
    assert_eq!(health().body["status"], "ok");
    assert_eq!(metric(&running, "export_lag_seconds"), 0);
    assert_eq!(running.log().matches("is exported again").count(), 1, "{}", running.log());
    assert!(running.terminate());
    let messages = runtime.block_on(messages(&server));
    // With the stop of the log, which comes after everything else.
    let compared = compare(&running.lab().join("audit"), LOG, &messages);
    assert_eq!(compared.records, 4, "{compared:?}");
    assert_eq!((compared.stored_twice, compared.out_of_order), (0, 0));
}

#[test]
fn a_wrong_password_is_told_and_not_shown() {
    let Some(mut server) = Server::find(Some(LOGIN)) else {
        return;
    };
    server.start();
    let secret = |config: &str, text: &str| {
        let socket = config.lines().find_map(|line| line.strip_prefix("socket = \"")).unwrap();
        let path = Path::new(socket.trim_end_matches('"')).with_file_name("nats.password");
        let mut file =
            std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&path);
        file.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
        path
    };
    let mut password = PathBuf::new();
    let mut running = Running::start(|config| {
        password = secret(&config, "wrong-password\n");
        with_nats(config, &server, "user = \"shaken\"\npassword_file = \"nats.password\"")
    });
    wait_until("no failure", &running, || metric(&running, "export_failures_total") >= 1);
    let log = running.log();
    assert!(log.contains("does not let us in"), "{log}");
    std::fs::write(&password, "right-password\n").unwrap();
    running.kill_and_restart();
    runtime().block_on(server.make_stream());
    wait_until("nothing is exported", &running, || metric(&running, "export_lag_records") == 0);
    let log = running.log();
    assert!(!log.contains("async_nats"), "the library tells for itself: {log}");
    assert!(!log.contains("right-password") && !log.contains("wrong-password"), "{log}");
}

/// A server is known by its certificate, and we by a token.
#[test]
fn a_server_with_tls_has_to_be_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    std::fs::write(path("ca.pem"), ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &Issuer::new(ca, ca_key)).unwrap();
    std::fs::write(path("leaf.pem"), leaf.pem()).unwrap();
    std::fs::write(path("leaf.key"), leaf_key.serialize_pem()).unwrap();
    let file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path("token"));
    file.unwrap().write_all(b"token-not-to-be-seen\n").unwrap();
    let (cert, key) = (path("leaf.pem"), path("leaf.key"));
    let more = format!(
        "tls {{ cert_file: {cert:?}, key_file: {key:?} }}\nauthorization {{ token: \"token-not-to-be-seen\" }}"
    );
    let Some(mut server) = Server::find_with(&more) else { return };
    server.start();
    let told = |more: &str, expected: &str| {
        let running = Running::start(|config| {
            with_nats(config, &server, more).replace("nats://127.0.0.1", "tls://localhost")
        });
        wait_until("nothing is told", &running, || running.log().contains("is not exported"));
        let log = running.log();
        assert!(log.contains(expected), "{log}");
        assert!(!log.contains("token-not-to-be-seen"), "{log}");
    };
    let (ca, token) = (format!("ca = {:?}", path("ca.pem")), format!("token_file = {:?}", path("token")));
    told(&token, "UnknownIssuer");
    told(&ca, "does not let us in");
    // It got as far as asking for a stream.
    told(&format!("{ca}\n{token}"), "no stream takes");
}

fn export_to(server: &Server) -> Export {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let nats = Nats::parse(&server.url(), tls).unwrap().with_window(NonZeroU16::new(256).unwrap());
    Export::new(nats, Origin::parse(LOG).unwrap())
}

async fn exported(log: &AuditLog, holds: impl Fn(&ExportState) -> bool) -> ExportState {
    let until = Instant::now() + PATIENCE;
    loop {
        let state = log.state().export.unwrap();
        if holds(&state) {
            return state;
        }
        assert!(Instant::now() < until, "{state:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How fast a stream gets what it lacks. Measured, not judged.
#[test]
fn a_log_that_is_behind_catches_up() {
    const RECORDS: usize = 30_000;
    let Some(server) = Server::started() else { return };
    let runtime = runtime();
    runtime.block_on(async {
        server.make_stream().await;
        let dir = tempfile::tempdir().unwrap();
        let options = AuditOptions::new().with_durability(Durability::Queued).with_segment_bytes(8_000_000);
        let log = AuditLog::open(dir.path(), options).unwrap();
        for call in 0..RECORDS {
            log.append(record(call)).await.unwrap();
        }
        log.close().await.unwrap();
        drop(log);
        let started = Instant::now();
        let log = AuditLog::open_exported(dir.path(), options, None, export_to(&server)).unwrap();
        let state = exported(&log, |state| state.cursor > RECORDS as u64).await;
        let took = started.elapsed();
        println!(
            "caught up with {} records in {took:?}: {:.0} records/s with a window of 256",
            state.cursor,
            state.cursor as f64 / took.as_secs_f64()
        );
        // What comes now is there at once, from memory.
        for call in 0..100 {
            log.append(record(call)).await.unwrap();
        }
        log.close().await.unwrap();
        let compared = compare(dir.path(), LOG, &messages(&server).await);
        assert_eq!((compared.stored_twice, compared.out_of_order), (0, 0));
        // With a start and an end of each run, and what sealing has to say.
        assert_eq!(compared.records, audit::read(dir.path()).unwrap().count());
        assert!(compared.records >= RECORDS + 102, "{}", compared.records);
    });
}

fn record(call: usize) -> Record {
    let peer = Peer { uid: 1000, gid: 1000, pid: Some(1) };
    let id = format!("call-{call}");
    let mut record = Record::new(Op::Sign, Interface::HttpUnix, peer, id, "signed", SystemTime::now());
    // The length of a record with its Identity.
    record.identity = vec!["e".repeat(700)];
    record
}

/// Records that were removed before any stream had them: that is counted, and the rest is exported.
#[test]
fn records_that_are_gone_are_counted_and_not_waited_for() {
    let Some(mut server) = Server::find(None) else { return };
    runtime().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let options = AuditOptions::new().with_segment_bytes(4_000).with_sealing(Sealing::Off);
        let log = AuditLog::open_exported(dir.path(), options, None, export_to(&server)).unwrap();
        // More than fits in memory, so that the export has to read the segments.
        for call in 0..12_000 {
            log.append(record(call)).await.unwrap();
            if call == 0 {
                exported(&log, |state| state.failures > 0).await;
            }
        }
        std::fs::remove_file(dir.path().join("segments/00000000000000000000.jsonl")).unwrap();
        let first = audit::read(dir.path()).unwrap().next().unwrap().unwrap().index;
        server.start();
        server.make_stream().await;
        let state = exported(&log, |state| state.lag_records == 0).await;
        assert_eq!((state.missing, state.cursor), (first, 12_000));
        log.close().await.unwrap();
        compare(dir.path(), LOG, &messages(&server).await);
    });
}

/// The export goes on from its cursor. One that is not of this log stops the export, and nothing else.
#[test]
fn the_cursor_is_kept_and_that_of_another_log_stops_the_export_alone() {
    let Some(server) = Server::started() else { return };
    runtime().block_on(async {
        server.make_stream().await;
        let dir = tempfile::tempdir().unwrap();
        let open =
            || AuditLog::open_exported(dir.path(), AuditOptions::new(), None, export_to(&server)).unwrap();
        let log = open();
        log.append(record(0)).await.unwrap();
        log.close().await.unwrap();
        drop(log);
        // An orderly end leaves nothing to send twice.
        let log = open();
        log.append(record(1)).await.unwrap();
        let state = exported(&log, |state| state.cursor == 3).await;
        assert_eq!((state.duplicates, state.missing), (0, 0));
        log.close().await.unwrap();
        drop(log);
        let cursor = dir.path().join("export/nats.cursor");
        let text = std::fs::read_to_string(&cursor).unwrap();
        assert!(text.contains("\"next_index\":4,"), "{text}");
        std::fs::write(&cursor, text.replace(":4,", ":40,")).unwrap();
        let log = open();
        let state = exported(&log, |state| state.stopped).await;
        assert!(state.last_error.as_ref().unwrap().contains("beyond the end"), "{state:?}");
        log.append(record(2)).await.unwrap();
        log.close().await.unwrap();
        assert_eq!(messages(&server).await.len(), 4);
    });
}
