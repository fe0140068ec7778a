//! Traces of calls: the real daemon sends them to a collector, and what arrives there is read with the
//! protocol's own definitions. Needs the Python package of `requirements.txt` beside this file, in the
//! Python that `SHAKEN_OTLP_PYTHON` names.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use running::{Answer, CALLED, CALLER, Running, free_port, post, signing, verification};
use serde_json::{Value, json};

const PYTHON_SETTING: &str = "SHAKEN_OTLP_PYTHON";

/// Prints the spans of all requests, one a line, with the resource of each. Bytes that the definitions do
/// not know are an error.
const SCRIPT: &str = r"
import json, sys
from google.protobuf.json_format import MessageToDict
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

def known(message):
    assert len(UnknownFieldSet(message)) == 0, message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for one in (value if field.is_repeated else [value]):
                known(one)

def attributes(of):
    names = [it.key for it in of.attributes]
    assert len(names) == len(set(names)), names
    def plain(value):
        if value.WhichOneof('value') == 'array_value':
            return [plain(one) for one in value.array_value.values]
        return getattr(value, value.WhichOneof('value'))
    return {it.key: plain(it.value) for it in of.attributes}

for line in sys.stdin:
    request = ExportTraceServiceRequest.FromString(bytes.fromhex(line.strip()))
    known(request)
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                print(json.dumps({
                    'resource': attributes(resource.resource), 'scope': scope.scope.name,
                    'trace': span.trace_id.hex(), 'span': span.span_id.hex(),
                    'parent': span.parent_span_id.hex(), 'flags': span.flags, 'name': span.name,
                    'kind': span.kind, 'start': span.start_time_unix_nano, 'end': span.end_time_unix_nano,
                    'attributes': attributes(span), 'status': MessageToDict(span.status),
                }))
";

/// A request as the collector got it.
#[derive(Clone)]
struct Export {
    head: String,
    body: Vec<u8>,
}

/// What a collector does with a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answering {
    Well,
    With(&'static str),
    Never,
}

/// A collector that keeps what it gets.
struct Collector {
    port: u16,
    got: Arc<Mutex<Vec<Export>>>,
    answering: Arc<Mutex<Answering>>,
}

impl Collector {
    fn start(answering: Answering) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (got, answering) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(answering)));
        let (theirs, how) = (Arc::clone(&got), Arc::clone(&answering));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (theirs, how) = (Arc::clone(&theirs), Arc::clone(&how));
                std::thread::spawn(move || serve(stream.unwrap(), &theirs, &how));
            }
        });
        Self { port, got, answering }
    }

    fn answer(&self, answering: Answering) {
        *self.answering.lock().unwrap() = answering;
    }

    fn got(&self) -> Vec<Export> {
        self.got.lock().unwrap().clone()
    }

    /// The spans that it took, as the definitions of the protocol say. Nothing without those.
    fn spans(&self) -> Option<Vec<Value>> {
        let python = python()?;
        let bodies: String = self.got().iter().map(|export| hex(&export.body) + "\n").collect();
        let mut child = Command::new(python)
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || stdin.write_all(bodies.as_bytes()));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(output.status.success());
        let lines = String::from_utf8(output.stdout).unwrap();
        Some(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }
}

fn serve(stream: TcpStream, got: &Mutex<Vec<Export>>, how: &Mutex<Answering>) {
    let mut reader = BufReader::new(&stream);
    let (mut head, mut len) = (String::new(), 0);
    loop {
        let mut line = String::new();
        // A daemon that ends may hang up.
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            len = value.trim().parse().unwrap();
        }
        head.push_str(&line);
    }
    let mut body = vec![0; len];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let answering = *how.lock().unwrap();
    let status = match answering {
        Answering::Well => "200 OK",
        Answering::With(status) => status,
        Answering::Never => {
            // Until the daemon has had enough.
            let _ = reader.read(&mut [0]);
            return;
        }
    };
    if answering == Answering::Well {
        got.lock().unwrap().push(Export { head, body });
    }
    let _ = write!(
        &stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"
    );
}

/// The Python with the definitions, if there is one.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os(PYTHON_SETTING);
    if python.is_none() {
        println!("spans are not read: {PYTHON_SETTING} names no Python with the package opentelemetry-proto");
    }
    python.map(PathBuf::from)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A daemon that sends its traces to `port`.
fn start(port: u16, more: &'static str) -> Running {
    Running::start(move |config| {
        format!("{config}\n[traces]\nendpoint = \"http://127.0.0.1:{port}/v1/traces\"\n{more}\n")
    })
}

fn ask(running: &Running, path: &str, body: &Value, headers: &str) -> Answer {
    running.request(&post(path, &body.to_string()).replace("\r\nHost", &format!("\r\n{headers}Host")))
}

fn sign(running: &Running, headers: &str) -> Answer {
    ask(running, "/stir/v1/signing", &signing("A"), headers)
}

fn metric(running: &Running, name: &str) -> u64 {
    let text = running.request("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").text;
    let value = text.lines().find_map(|line| line.strip_prefix(&format!("sti_{name}_total ")));
    value.unwrap_or_else(|| panic!("no {name}: {text}")).parse().unwrap()
}

fn wait_for_metric(running: &Running, name: &str, holds: impl Fn(u64) -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !holds(metric(running, name)) {
        assert!(Instant::now() < patience, "{name}: {}: {}", metric(running, name), running.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// No number, no URL of a certificate and no host of a Call-ID is in what was sent.
fn tell_nothing(exports: &[Export]) {
    for Export { body, .. } in exports {
        for secret in ["5550121", "5550122", "5550131", "5550141", "https://", "sbc.example"] {
            assert!(!contains(body, secret), "{secret} is in {:?}", String::from_utf8_lossy(body));
        }
    }
}

fn contains(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn parent(flags: &str) -> String {
    format!("traceparent: 00-{TRACE}-{PARENT}-{flags}\r\n")
}

#[test]
fn calls_are_told_and_numbers_are_not() {
    let collector = Collector::start(Answering::Well);
    let port = collector.port;
    let mut running = Running::start(move |config| {
        let lab = config.lines().find_map(|line| line.strip_prefix("socket = \"")).unwrap();
        let headers = PathBuf::from(lab.trim_end_matches('"')).with_file_name("otlp.headers");
        let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(headers).unwrap();
        file.write_all(b"Authorization: Bearer not-to-be-seen\n").unwrap();
        format!(
            "{config}\n[traces]\nendpoint = \"http://127.0.0.1:{port}/v1/traces?tenant=a\"\nsample = 1\n\
             service_name = \"shaken-east\"\nheaders_file = \"otlp.headers\"\n"
        )
    });
    let before = running::unix_now() * 1_000_000_000;
    let signed = sign(&running, &parent("01"));
    let identity = signed.identity().to_owned();
    let verified = running.verify(&identity);
    assert_eq!(verified.body["verificationResponse"]["verstat"], "TN-Validation-Passed");
    // Another call than the one that was signed.
    let mut other = verification(&identity);
    other["verificationRequest"]["from"]["tn"] = json!("12155550122");
    ask(&running, "/stir/v1/verification", &other, "traceparent: rubbish\r\n");
    // With a Call-ID that holds a number.
    let call_id = format!("{CALLER}-1@sbc.example.com");
    let body = format!("from={CALLER}&to={CALLED}&call-id={CALLER}-1%40sbc.example.com");
    let quick = format!("GET /quick/v1/sign?{body} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(running.request(&quick).status, 200, "{quick}");
    assert!(running.terminate());

    let exports = collector.got();
    for Export { head, body } in &exports {
        let head = head.to_ascii_lowercase();
        assert!(head.starts_with("post /v1/traces?tenant=a http/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/x-protobuf\r\n"), "{head}");
        assert!(head.contains("authorization: bearer not-to-be-seen\r\n"), "{head}");
        assert!(!contains(body, &identity[..40]) && !contains(body, "not-to-be-seen"));
    }
    tell_nothing(&exports);
    assert!(!running.log().contains("not-to-be-seen"));
    let Some(spans) = collector.spans() else { return };
    let records = running.records();
    assert_eq!((spans.len(), records.len()), (4, 4));
    let after = (running::unix_now() + 1) * 1_000_000_000;
    for span in &spans {
        let record = span["attributes"]["sti.record"].as_u64().unwrap();
        let record = records.iter().find(|it| it["index"] == record).unwrap();
        assert_eq!(span["resource"]["service.name"], "shaken-east");
        assert_eq!((&span["scope"], &span["kind"]), (&json!("shaken-sidecar"), &json!(2)));
        assert_eq!(span["name"], format!("sti.{}", record["op"].as_str().unwrap()));
        for (attribute, member) in [
            ("sti.interface", "interface"),
            ("sti.verdict", "verdict"),
            ("sti.trunk", "trunk"),
            ("sti.generation", "generation"),
            ("sti.attest", "attest"),
            ("sti.reason", "reason"),
            ("sti.verstat", "verstat"),
            ("sti.error", "error"),
            ("http.response.status_code", "http_status"),
        ] {
            assert_eq!(span["attributes"][attribute], record[member], "{attribute}: {span}");
        }
        assert_eq!(span["attributes"]["sti.ppt"], json!(["shaken"]));
        let (start, end) = (span["start"].as_u64().unwrap(), span["end"].as_u64().unwrap());
        assert!(before <= start && start < end && end < after, "{span}");
        let latency = record["latency_us"].as_u64().unwrap();
        assert!(span["attributes"]["sti.decided_us"].as_u64().unwrap() <= latency, "{span}");
        assert!(latency <= (end - start).div_ceil(1000), "{span}");
        assert_eq!((span["trace"].as_str().unwrap().len(), span["span"].as_str().unwrap().len()), (32, 16));
    }
    let [first, second, third, fourth] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!(
        (&first["trace"], &first["parent"], &first["flags"]),
        (&json!(TRACE), &json!(PARENT), &json!(0x301))
    );
    for span in [second, third, fourth] {
        assert!(span["trace"] != TRACE && span["parent"] == "" && span["flags"] == 0x101, "{span}");
    }
    assert!(second["trace"] != third["trace"] && second["span"] != third["span"]);
    assert_eq!((&first["attributes"]["sti.attest"], &first["status"]), (&json!("A"), &json!({})));
    assert_eq!((&second["attributes"]["sti.verdict"], &second["status"]), (&json!("passed"), &json!({})));
    let error = &third["attributes"]["sti.error"];
    assert!(error.is_string());
    assert_eq!(third["status"], json!({ "code": "STATUS_CODE_ERROR", "message": error }));
    let sha256 = ring::digest::digest(&ring::digest::SHA256, call_id.as_bytes());
    assert_eq!(fourth["attributes"]["sip.call_id.sha256"], hex(&sha256.as_ref()[..16]));
}

/// Nothing is drawn by lot: what has a fault is told, and what a parent wants.
#[test]
fn faults_are_told_and_what_a_parent_wants() {
    let collector = Collector::start(Answering::Well);
    let mut running = start(collector.port, "sample = 0");
    let identity = sign(&running, "").identity().to_owned();
    assert_eq!(running.verify(&identity).status, 200);
    for _ in 0..50 {
        assert_eq!(sign(&running, "").status, 200);
    }
    assert_eq!(sign(&running, &parent("00")).status, 200);
    // No Identity header is nothing out of the ordinary.
    let without =
        format!("GET /quick/v1/verify?from={CALLER}&to={CALLED} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(running.request(&without).status, 200);
    let rubbish =
        verification(&format!("{CALLER}.{CALLED}.x;info=<https://sbc.example.com/{CALLER}>;ppt={CALLER}"));
    ask(&running, "/stir/v1/verification", &rubbish, "");
    ask(&running, "/stir/v1/verification", &rubbish, &parent("00"));
    let mut div = signing("A");
    div["signingRequest"]["ppt"] = json!("div");
    div["signingRequest"]["div"] = json!({ "tn": "12155550141" });
    assert_eq!(ask(&running, "/stir/v1/signing", &div, "").status, 403);
    assert_eq!(sign(&running, &parent("01")).status, 200);
    assert!(running.terminate());

    let told = |span: &Value| {
        let attributes = &span["attributes"];
        let word = |key: &str| attributes[key].as_str().unwrap_or_default().to_owned();
        let is_error = span["status"]["code"] == "STATUS_CODE_ERROR";
        (word("sti.verdict"), word("sti.error"), is_error, span["parent"] == PARENT)
    };
    assert_eq!(running.records().len(), 58);
    tell_nothing(&collector.got());
    let Some(spans) = collector.spans() else { return };
    let spans: Vec<_> = spans.iter().map(told).collect();
    let expected = [
        ("failed", "ppt-unsupported", true, false),
        ("failed", "ppt-unsupported", true, true),
        ("refused", "PPT_NOT_ALLOWED", true, false),
        ("signed", "", false, true),
    ];
    assert_eq!(spans, expected.map(|(verdict, error, is, has)| (verdict.into(), error.into(), is, has)));
}

/// Whatever the collector does, calls are answered, and what it did not get is counted.
#[test]
fn a_collector_that_does_not_answer_is_not_waited_for() {
    let collector = Collector::start(Answering::Never);
    let mut running = start(collector.port, "sample = 1");
    let mut stream = running.connect();
    let calls = 5_000;
    for _ in 0..calls {
        stream.write_all(post("/stir/v1/signing", &signing("A").to_string()).as_bytes()).unwrap();
        assert_eq!(Answer::read(&mut stream).status, 200);
    }
    // One request is under way, and the queue is full.
    let dropped = metric(&running, "trace_spans_dropped");
    assert!((1..=calls - 4096).contains(&dropped), "{dropped}");
    assert_eq!(metric(&running, "trace_spans_sent"), 0);
    assert!(running.terminate());
    assert!(running.log().contains("did not reach the collector"), "{}", running.log());
    assert_eq!(running.records().len() as u64, calls);
}

#[test]
fn what_could_not_be_sent_is_sent_again_unless_it_is_refused() {
    let collector = Collector::start(Answering::With("503 Service Unavailable"));
    let mut running = start(collector.port, "sample = 1");
    assert_eq!(sign(&running, "").status, 200);
    wait_for_metric(&running, "trace_export_failures", |failures| failures >= 2);
    assert_eq!(metric(&running, "trace_spans_lost"), 0);
    collector.answer(Answering::Well);
    wait_for_metric(&running, "trace_spans_sent", |sent| sent == 1);
    assert_eq!(collector.got().len(), 1);

    collector.answer(Answering::With("400 Bad Request"));
    assert_eq!(sign(&running, "").status, 200);
    wait_for_metric(&running, "trace_spans_lost", |lost| lost == 1);
    collector.answer(Answering::Well);
    assert_eq!(sign(&running, "").status, 200);
    wait_for_metric(&running, "trace_spans_sent", |sent| sent == 2);
    // However often it fails, it is told once, and once that it is over.
    let log = running.log();
    assert_eq!(log.matches("traces of calls cannot be sent").count(), 2, "{log}");
    assert_eq!(log.matches("traces of calls are sent again").count(), 2, "{log}");
    assert!(running.terminate());
}

#[test]
fn without_a_collector_calls_are_answered() {
    let port = free_port();
    let mut running = start(port, "sample = 1");
    for _ in 0..100 {
        assert_eq!(sign(&running, "").status, 200);
    }
    wait_for_metric(&running, "trace_export_failures", |failures| failures >= 1);
    assert!(running.terminate());
    assert!(running.log().contains("traces of calls cannot be sent"), "{}", running.log());
}

#[test]
fn nothing_is_told_unless_it_is_asked_for() {
    let running = Running::start(|config| config);
    assert_eq!(sign(&running, &parent("01")).status, 200);
    let text = running.request("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").text;
    assert!(!text.contains("trace_"), "{text}");
}
