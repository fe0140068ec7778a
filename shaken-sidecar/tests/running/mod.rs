//! The real command as a process, a lab around it, and a bare HTTP client for its socket.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "../free_port/mod.rs"]
mod free_port;

pub(crate) use free_port::free_port;

pub(crate) const CALLER: &str = "12155550121";
pub(crate) const CALLED: &str = "12155550131";

/// The command that this test was built with.
pub(crate) fn shaken() -> Command {
    Command::new(env!("CARGO_BIN_EXE_shaken"))
}

/// Runs it with `input` on standard input.
pub(crate) fn run(args: &[&str], input: &[u8]) -> Output {
    let mut child = shaken()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // The command may end without reading all of it.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// Standard output as JSON, one object a line.
pub(crate) fn json_lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// A lab with its repository and its daemon, all processes of their own. They end with it.
pub(crate) struct Running {
    folder: TempDir,
    repository: Child,
    daemon: Child,
    told: Option<&'static str>,
}

impl Running {
    /// `edit` may change the configuration of the lab.
    pub(crate) fn start(edit: impl FnOnce(String) -> String) -> Self {
        Self::start_telling(Some("debug"), edit)
    }

    /// The same with another `SHAKEN_LOG`, or none.
    pub(crate) fn start_telling(told: Option<&'static str>, edit: impl FnOnce(String) -> String) -> Self {
        let folder = TempDir::new().unwrap();
        let lab = folder.path().join("lab");
        let made = shaken().args(["lab", "init"]).arg(&lab).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

        let port = free_port();
        let config = lab.join("shaken.toml");
        let text = fs::read_to_string(&config).unwrap().replace(":8443\"", &format!(":{port}\""));
        fs::write(&config, edit(text)).unwrap();

        let mut repository =
            shaken().args(["lab", "serve"]).arg(&lab).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(repository.stderr.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("serving"), "{line}");
        let daemon = Self::start_daemon(&lab, told);
        Self { folder, repository, daemon, told }
    }

    fn start_daemon(lab: &Path, told: Option<&str>) -> Child {
        let log = fs::File::options().create(true).append(true).open(lab.join("daemon.log")).unwrap();
        let mut daemon = shaken()
            .args(["serve", "--config"])
            .arg(lab.join("shaken.toml"))
            .env_remove("SHAKEN_LOG")
            .envs(told.map(|told| ("SHAKEN_LOG", told)))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let patience = Instant::now() + Duration::from_secs(20);
        while UnixStream::connect(lab.join("shaken.sock")).is_err() {
            let log = || fs::read_to_string(lab.join("daemon.log")).unwrap();
            assert!(daemon.try_wait().unwrap().is_none(), "the daemon ended: {}", log());
            assert!(Instant::now() < patience, "the daemon does not listen: {}", log());
            std::thread::sleep(Duration::from_millis(10));
        }
        daemon
    }

    pub(crate) fn lab(&self) -> PathBuf {
        self.folder.path().join("lab")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.lab().join("shaken.sock")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.lab().join("daemon.log")).unwrap()
    }

    /// All lines of the audit log on disk.
    pub(crate) fn audit_lines(&self) -> Vec<Value> {
        let lines = shaken_sidecar::audit::read(&self.lab().join("audit")).unwrap();
        lines.map(|line| serde_json::from_slice(&line.unwrap().bytes).unwrap()).collect()
    }

    /// The records of calls on disk.
    pub(crate) fn records(&self) -> Vec<Value> {
        self.records_of("call")
    }

    pub(crate) fn records_of(&self, kind: &str) -> Vec<Value> {
        let mut lines = self.audit_lines();
        lines.retain(|line| line["kind"] == kind);
        lines
    }

    /// Waits until there is a record of this kind that `holds`.
    pub(crate) fn wait_for_record(&self, kind: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let patience = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(record) = self.records_of(kind).into_iter().find(&holds) {
                return record;
            }
            assert!(Instant::now() < patience, "no such {kind} record: {:?}", self.records_of(kind));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills the daemon without a warning and starts it again.
    pub(crate) fn kill_and_restart(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
        self.daemon = Self::start_daemon(&self.lab(), self.told);
    }

    /// Asks the daemon to end, and answers whether it ended well.
    pub(crate) fn terminate(&mut self) -> bool {
        self.signal(rustix::process::Signal::TERM);
        self.daemon.wait().unwrap().success()
    }

    /// Sends a signal to the daemon.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.daemon.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub(crate) fn connect(&self) -> UnixStream {
        connect(&self.socket())
    }

    /// One request on a connection of its own.
    pub(crate) fn request(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        Answer::read(&mut stream)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.request(&post(path, &body.to_string()))
    }

    pub(crate) fn sign(&self, attest: &str) -> Answer {
        self.post("/stir/v1/signing", &signing(attest))
    }

    pub(crate) fn verify(&self, identity: &str) -> Answer {
        self.post("/stir/v1/verification", &verification(identity))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for child in [&mut self.daemon, &mut self.repository] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub(crate) fn connect(socket: &Path) -> UnixStream {
    let stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

pub(crate) fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) fn signing(attest: &str) -> Value {
    json!({ "signingRequest": {
        "attest": attest, "orig": { "tn": CALLER }, "dest": { "tn": [CALLED] }, "iat": unix_now(),
        "ppt": "shaken",
    } })
}

pub(crate) fn verification(identity: &str) -> Value {
    json!({ "verificationRequest": {
        "from": { "tn": CALLER }, "to": { "tn": [CALLED] }, "time": unix_now(), "identity": identity,
    } })
}

/// An HTTP answer with a body of known length.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn read(stream: &mut UnixStream) -> Self {
        Self::try_read(stream).expect("the connection ended before a whole answer")
    }

    /// `None` if the connection ends before a whole answer has come.
    pub(crate) fn try_read(stream: &mut UnixStream) -> Option<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let len = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |len| len.trim().parse().unwrap());
        let mut body = vec![0; len];
        stream.read_exact(&mut body).ok()?;
        let text = String::from_utf8(body).unwrap();
        Some(Self { status, head, body: serde_json::from_str(&text).unwrap_or(Value::Null), text })
    }

    pub(crate) fn identity(&self) -> &str {
        self.body["signingResponse"]["identity"].as_str().unwrap_or_else(|| panic!("not signed: {self:?}"))
    }

    pub(crate) fn message_id(&self) -> &str {
        let error = &self.body["requestError"];
        ["serviceException", "policyException"]
            .iter()
            .find_map(|kind| error[kind]["messageId"].as_str())
            .unwrap_or_else(|| panic!("no error object: {self:?}"))
    }
}
