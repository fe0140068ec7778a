//! The port of monitoring, and the log for programs.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use running::{Running, free_port, signing};
use serde_json::Value;

/// A daemon that tells on `port` how it is, and logs for programs.
fn start() -> (Running, u16) {
    let port = free_port();
    let running = Running::start(|config| {
        format!("{config}[admin]\nlisten = \"127.0.0.1:{port}\"\n[log]\nformat = \"json\"\n")
    });
    (running, port)
}

/// The status and the rest of the answer.
fn ask(port: u16, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(format!("{request}Connection: close\r\n\r\n").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no answer: {text:?}")), text)
}

fn get(port: u16, target: &str, headers: &str) -> (u16, String) {
    ask(port, &format!("GET {target} HTTP/1.1\r\nHost: sbc.example.com:9464\r\n{headers}"))
}

#[test]
fn a_port_for_metrics_and_health_alone() {
    let (running, port) = start();
    assert_eq!(running.sign("A").status, 200);
    let (status, text) = get(port, "/metrics", "");
    assert_eq!(status, 200);
    assert!(text.contains("sti_sign_requests_total{") && text.contains("# EOF"), "{text}");
    for path in ["/ready", "/live", "/healthz"] {
        assert_eq!(get(port, path, "").0, 200, "{path}");
    }
    for path in
        ["/", "/metrics/", "/openapi.json", "/audit/v1/search?tn=12155550112", "/quick/v1/sign?from=1"]
    {
        assert_eq!(get(port, path, "").0, 404, "{path}");
    }
    let body = signing("A").to_string();
    for path in ["/stir/v1/signing", "/admin/v1/reload"] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        assert_eq!(ask(port, &request).0, 404, "{path}");
    }
    assert_eq!(ask(port, "DELETE /metrics HTTP/1.1\r\nHost: localhost\r\n").0, 405);
    assert_eq!(get(port, "/metrics", "Origin: http://localhost\r\n").0, 403);
    assert_eq!(running.records().len(), 1);
    // What stands open does not hold up the end.
    let _idle = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut half = TcpStream::connect(("127.0.0.1", port)).unwrap();
    half.write_all(b"GET /metrics HTT").unwrap();
    let mut running = running;
    let began = Instant::now();
    assert!(running.terminate());
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[test]
fn lines_for_programs() {
    let (mut running, _port) = start();
    assert!(running.terminate());
    let log = running.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ready = lines.iter().find(|line| line["message"] == "ready").unwrap_or_else(|| panic!("{log}"));
    assert_eq!((&ready["level"], &ready["target"]), (&"INFO".into(), &"shaken_sidecar".into()));
    assert!(ready["timestamp"].is_string() && ready["admin"].as_str().unwrap().starts_with("127.0.0.1:"));
}
