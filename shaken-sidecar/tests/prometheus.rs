//! A real Prometheus reads what the daemon tells, and the alerts are about what it tells.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;
mod tool;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use running::{Running, free_port};
use serde_json::Value;

/// A server of its own. It ends with it.
struct Prometheus {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// It asks `target` every second, and knows the alerts.
    fn start(program: &Path, target: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{:?}]\n\
             scrape_configs: [{{job_name: shaken, static_configs: [{{targets: [\"127.0.0.1:{target}\"]}}]}}]\n",
            alerts()
        );
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config).unwrap();
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { child, port, _folder: folder }
    }

    /// The answer to a query: labels and value of each series. Nothing before it answers.
    fn query(&self, query: &str) -> Option<Vec<(Value, f64)>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let form = format!("query={}", escaped(query));
        let request = format!(
            "POST /api/v1/query HTTP/1.0\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            form.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n")?;
        let body: Value = serde_json::from_str(body).ok()?;
        let result = body["data"]["result"].as_array()?;
        let series = |one: &Value| {
            (one["metric"].clone(), one["value"][1].as_str().and_then(|text| text.parse().ok()).unwrap())
        };
        Some(result.iter().map(series).collect())
    }

    fn wait_for(&self, query: &str, holds: impl Fn(&[(Value, f64)]) -> bool) -> Vec<(Value, f64)> {
        let patience = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.query(query);
            if let Some(answer) = answer.filter(|answer| holds(answer)) {
                return answer;
            }
            assert!(Instant::now() < patience, "not within 60 s: {query}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

fn alerts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus/alerts.yml")
}

fn find(name: &str) -> Option<PathBuf> {
    tool::find(name, "SHAKEN_PROMETHEUS_REQUIRED", "prometheus")
}

#[test]
fn each_alert_is_raised_by_what_it_is_for_and_by_nothing_else() {
    let Some(promtool) = find("promtool") else { return };
    for (what, file) in [("check", "alerts.yml"), ("test", "cases.yml")] {
        let file = alerts().with_file_name(file);
        let output = Command::new(&promtool).args([what, "rules"]).arg(file).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

/// The names of our metrics in a text.
fn names_in(text: &str) -> BTreeSet<&str> {
    let is_of_name = |c: char| c.is_ascii_lowercase() || c == '_';
    text.split(|c| !is_of_name(c)).filter(|word| word.starts_with("sti_")).collect()
}

#[test]
fn what_is_told_is_read_and_alerts_are_about_it() {
    let Some(program) = find("prometheus") else { return };
    let port = free_port();
    let mut running = Running::start(|config| format!("{config}[admin]\nlisten = \"127.0.0.1:{port}\"\n"));
    let signed = running.sign("A");
    assert_eq!(signed.status, 200);
    assert_eq!(running.verify(signed.identity()).status, 200);
    let prometheus = Prometheus::start(&program, port);
    prometheus.wait_for("up", |answer| answer.iter().any(|(_, value)| *value == 1.0));

    // As many calls as there were, under the names and labels that are documented.
    for (query, value) in [
        ("sti_sign_requests_total{interface=\"http-unix\",result=\"signed\",attest=\"A\"}", 1.0),
        ("sti_verify_requests_total{result=\"passed\",verstat=\"TN-Validation-Passed\"}", 1.0),
        ("sum(sti_signer_spc_calls_total{result=\"passed\",attest=\"A\",spc!=\"\"})", 1.0),
        ("sti_request_duration_seconds_count{op=\"sign\"}", 1.0),
        ("sti_stage_duration_seconds_count{stage=\"parse\"}", 2.0),
        ("sti_stage_duration_seconds_count{stage=\"policy\"}", 1.0),
        ("sti_stage_duration_seconds_count{stage=\"crypto\"}", 2.0),
        ("sti_stage_duration_seconds_count{stage=\"fetch\"}", 1.0),
        ("sti_stage_duration_seconds_count{stage=\"audit\"}", 2.0),
        ("sti_cert_download_duration_seconds_count{result=\"trusted\"}", 1.0),
        ("sti_cert_cache_misses_total", 1.0),
        ("sti_cert_cache_hits_total", 0.0),
        ("count(sti_in_force_info{configuration!=\"\"})", 1.0),
        (concat!("sti_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
        ("time() - sti_audit_last_fsync_timestamp_seconds < bool 60", 1.0),
        // No part is more than the whole.
        ("sum(sti_stage_duration_seconds_sum) < bool 60", 1.0),
    ] {
        let answer = prometheus.wait_for(query, |answer| !answer.is_empty());
        assert!(answer.len() == 1 && answer[0].1 == value, "{query}: {answer:?}");
    }

    // Each metric that an alert is about is told now, or documented as told where there is cause.
    let told =
        prometheus.wait_for("count by (__name__) ({__name__=~\"sti_.*\"})", |answer| answer.len() > 50);
    let told: BTreeSet<&str> = told.iter().filter_map(|(metric, _)| metric["__name__"].as_str()).collect();
    let documents = include_str!("../AUDIT.md").to_owned() + include_str!("../OPERATIONS.md");
    let (text, documented) = (fs::read_to_string(alerts()).unwrap(), names_in(&documents));
    let unknown: Vec<_> = names_in(&text)
        .into_iter()
        .filter(|name| !told.contains(name) && !documented.contains(name))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");

    assert_eq!(prometheus.query("ALERTS").unwrap(), [], "all is well");
    assert!(running.terminate());
    let raised = prometheus.wait_for("ALERTS", |answer| !answer.is_empty());
    assert_eq!(raised[0].0["alertname"], "ShakenDown");
}
