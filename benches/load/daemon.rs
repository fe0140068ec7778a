//! The daemon as a process of its own, in a lab of its own, and what it uses of the machine.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};
use tempfile::TempDir;

use crate::call::HOLE;

/// Set for a child that is to be the `shaken` command: so the daemon is built as this program is.
pub(crate) const AS_COMMAND: &str = "SHAKEN_LOAD_AS_COMMAND";

pub(crate) struct Daemon {
    folder: TempDir,
    _repository: Running,
    daemon: Running,
    /// Takes connections as far as the kernel does, and says nothing.
    _hole: TcpListener,
}

impl Daemon {
    /// That of `program`, a build of this program, with its folder in `dir`, and its records `durable` or `queued`.
    pub(crate) fn start(program: &Path, dir: &Path, durability: &str, config: &str) -> Self {
        let folder = TempDir::with_prefix_in("shaken-load-", dir).expect("a folder");
        let lab = folder.path().join("lab");
        let made = shaken(program).args(["lab", "init"]).arg(&lab).output().expect("a lab");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

        // The kernel picks the repository's port; the configuration gets it.
        let any = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let hole = TcpListener::bind("127.0.0.1:0").expect("a port");
        let hole_address = hole.local_addr().expect("its address");
        let port = any.expect("a port").port();
        let path = lab.join("shaken.toml");
        let text = std::fs::read_to_string(&path).expect("a configuration");
        let text = text
            .replace(":8443\"", &format!(":{port}\""))
            .replace("connect_to = { ", &format!("connect_to = {{ {HOLE:?} = \"{hole_address}\", "))
            .replace("[audit]\n", &format!("[audit]\ndurability = \"{durability}\"\n"));
        let text = format!("{text}\n[resp]\nsocket = \"resp.sock\"\n{config}\n");
        std::fs::write(&path, text).expect("a configuration");

        let mut serving = shaken(program);
        serving.args(["lab", "serve"]).arg(&lab).stderr(Stdio::piped());
        let mut repository = Running(serving.spawn().expect("the repository"));
        let mut line = String::new();
        BufReader::new(repository.0.stderr.take().expect("its words")).read_line(&mut line).expect("a line");
        assert!(line.contains("serving"), "{line}");
        let mut serve = shaken(program);
        serve.args(["serve", "--config"]).arg(&path).env("SHAKEN_LOG", "warn");
        let mut daemon = Running(serve.spawn().expect("the daemon"));
        let patience = Instant::now() + Duration::from_secs(20);
        while ["shaken.sock", "resp.sock"].iter().any(|name| UnixStream::connect(lab.join(name)).is_err()) {
            assert!(daemon.0.try_wait().expect("a state").is_none(), "the daemon ended");
            assert!(Instant::now() < patience, "the daemon does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { folder, _repository: repository, daemon, _hole: hole }
    }

    pub(crate) fn lab(&self) -> PathBuf {
        self.folder.path().join("lab")
    }

    /// Processor time that it has used, in user and kernel mode, to the nearest 10 ms.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(self.proc("stat")).expect("a process");
        // Behind the name, which may hold anything: proc(5) numbers the fields from 1, these from 3.
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let ticks: u64 = fields.split_ascii_whitespace().skip(11).take(2).flat_map(str::parse::<u64>).sum();
        Duration::from_millis(ticks * 1000 / TICKS_PER_S)
    }

    /// Its memory, now and at most.
    pub(crate) fn memory(&self) -> String {
        let status = std::fs::read_to_string(self.proc("status")).expect("a process");
        let lines = status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
        lines
            .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Keeps the daemon and this thread on one processor. Where each has one of its own, it sleeps while it
    /// waits for the other, and a virtual one is woken by its host: what that takes is not the daemon's.
    pub(crate) fn on_one_processor(&self) -> OneProcessor {
        let all = sched_getaffinity(None).expect("the processors of this thread");
        let mut one = CpuSet::new();
        one.set((0..CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu)).expect("a processor"));
        let threads = std::fs::read_dir(self.proc("task")).expect("threads");
        let ids =
            threads.filter_map(|thread| Pid::from_raw(thread.ok()?.file_name().to_str()?.parse().ok()?));
        let kept = OneProcessor { threads: ids.map(Some).chain([None]).collect(), all };
        kept.threads.iter().for_each(|thread| sched_setaffinity(*thread, &one).expect("one processor"));
        kept
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.daemon.0.id())
    }

    /// As the service manager would.
    pub(crate) fn stop(mut self) {
        let asked = Command::new("kill").arg(self.daemon.0.id().to_string()).status().expect("kill");
        assert!(asked.success());
        let status = self.daemon.0.wait().expect("an end");
        assert!(status.success(), "the daemon ended badly: {status}");
    }
}

/// As long as it lives; then all processors may be used again.
pub(crate) struct OneProcessor {
    threads: Vec<Option<Pid>>,
    all: CpuSet,
}

impl Drop for OneProcessor {
    fn drop(&mut self) {
        for thread in &self.threads {
            // One that has ended since needs none.
            let _ = sched_setaffinity(*thread, &self.all);
        }
    }
}

/// A process that ends with this one, whatever happens.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn shaken(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env(AS_COMMAND, "1");
    command
}

/// `sysconf(_SC_CLK_TCK)` on every Linux of today.
const TICKS_PER_S: u64 = 100;
