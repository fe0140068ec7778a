//! Daemons that a test starts by itself, with sockets handed over if it likes.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};

use crate::running::{Answer, Running, run};

pub(crate) fn as_it_is(config: String) -> String {
    config
}

/// A lab whose repository runs and whose daemon has ended.
pub(crate) fn lab(edit: impl FnOnce(String) -> String) -> Running {
    let mut running = Running::start_telling(None, edit);
    assert!(running.terminate(), "{}", running.log());
    running
}

/// A daemon over a lab. It is killed with this.
pub(crate) struct Daemon {
    pub(crate) child: Child,
    lab: PathBuf,
}

impl Daemon {
    /// With `env`, and the sockets of `handed` by their names.
    pub(crate) fn spawn(lab: &Path, env: &[(&str, &str)], handed: &[(&str, OwnedFd)]) -> Self {
        let log = File::options().create(true).append(true).open(lab.join("daemon.log")).unwrap();
        // The shell moves them to where the protocol has them, and tells whom they are for.
        let mut script = String::from("export LISTEN_PID=$$; ");
        for (index, (_, fd)) in handed.iter().enumerate() {
            fcntl_setfd(fd, FdFlags::empty()).unwrap();
            script += &format!("exec {}<&{}; ", 100 + index, fd.as_raw_fd());
        }
        for index in 0..handed.len() {
            script += &format!("exec {}<&{}; ", 3 + index, 100 + index);
        }
        script += "exec \"$0\" serve --config \"$1\"";
        let names: Vec<_> = handed.iter().map(|(name, _)| *name).collect();
        let mut command = Command::new("bash");
        command
            .args(["-c", &script, env!("CARGO_BIN_EXE_shaken")])
            .arg(lab.join("shaken.toml"))
            .env_remove("SHAKEN_LOG")
            .envs(env.iter().copied())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        if !handed.is_empty() {
            command.env("LISTEN_FDS", handed.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
        }
        let child = command.spawn().unwrap();
        for (_, fd) in handed {
            fcntl_setfd(fd, FdFlags::CLOEXEC).unwrap();
        }
        Self { child, lab: lab.to_owned() }
    }

    /// The same, and it answers.
    pub(crate) fn start(lab: &Path, env: &[(&str, &str)], handed: &[(&str, OwnedFd)]) -> Self {
        let mut daemon = Self::spawn(lab, env, handed);
        daemon.wait_until("it answers", |daemon| {
            UnixStream::connect(daemon.socket()).is_ok() && daemon.get("/live").is_some()
        });
        daemon
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.lab.join("shaken.sock")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.lab.join("daemon.log")).unwrap()
    }

    pub(crate) fn wait_until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let patience = Instant::now() + Duration::from_secs(30);
        while !holds(self) {
            assert!(self.child.try_wait().unwrap().is_none(), "it ended before {what}: {}", self.log());
            assert!(Instant::now() < patience, "not within 30 s: {what}: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Nothing if there is no answer.
    pub(crate) fn get(&self, path: &str) -> Option<Answer> {
        let mut stream = UnixStream::connect(self.socket()).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).ok()?;
        Answer::try_read(&mut stream)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap(), signal).unwrap();
    }

    /// The exit code of one that ends by itself.
    pub(crate) fn code(&mut self) -> Option<i32> {
        let patience = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < patience, "it did not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How it ended.
    pub(crate) fn end_of(mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// Its exit code and how long it took to end.
    pub(crate) fn end(mut self) -> (Option<i32>, Duration) {
        let start = Instant::now();
        self.signal(Signal::TERM);
        let status = self.child.wait().unwrap();
        (status.code(), start.elapsed())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `shaken reload` for the daemon of a lab: its exit code, and what it says.
pub(crate) fn reload(lab: &Path) -> (Option<i32>, String) {
    let config = lab.join("shaken.toml");
    said(&run(&["reload", "--config", config.to_str().unwrap()], b""))
}

pub(crate) fn said(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The socket of a lab, held by the test.
pub(crate) fn held(lab: &Path) -> UnixListener {
    UnixListener::bind(lab.join("shaken.sock")).unwrap()
}

/// The value of a metric.
pub(crate) fn metric(answer: Option<Answer>, name: &str) -> Option<u64> {
    let text = answer.unwrap().text;
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("sti_{name} ")));
    line.map(|value| value.parse().unwrap_or_else(|_| panic!("{name} {value}")))
}
