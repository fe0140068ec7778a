//! The library as it is installed, a lab with its repository and its daemon, and the compilers.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use shaken_sidecar::Surroundings;
use shaken_sidecar::config::Config;
use shaken_sidecar::lab::{DownloadCount, Lab, LabOptions, Repository};
use shaken_sidecar::life::activation::Inherited;
use shaken_sidecar::life::sandbox::Sandbox;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

#[path = "../../../shaken-sidecar/tests/free_port/mod.rs"]
mod free_port;

pub(crate) use free_port::free_port;

pub(crate) const HOST: &str = "cr.lab.example";

pub(crate) const INVITE: &str = "INVITE sip:+12155550131@sbc.example.net;user=phone SIP/2.0\r\n\
    Via: SIP/2.0/TLS sbc.example.com;branch=z9hG4bKrig\r\n\
    Max-Forwards: 70\r\n\
    From: <sip:+12155550121@sbc.example.com;user=phone>;tag=rig\r\n\
    To: <sip:+12155550131@sbc.example.net;user=phone>\r\n\
    Call-ID: rig@sbc.example.com\r\n\
    CSeq: 1 INVITE\r\n\
    Content-Length: 0\r\n\r\n";

pub(crate) fn crate_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A program of the tests.
pub(crate) fn test(name: &str) -> PathBuf {
    crate_dir().join(format!("tests/c/{name}.c"))
}

/// Where programs and libraries of this test go.
fn made_dir() -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("shaken-ffi");
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// The library as make.sh makes it, once.
pub(crate) fn make() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let out = made_dir().join("installed");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        let script = crate_dir().join("make.sh");
        checked(Command::new(script).arg(&out).arg(profile).env("CARGO_TARGET_DIR", target));
        out
    })
}

/// What a program is linked with.
pub(crate) enum Link {
    Shared,
    Static,
    /// The drop-in; another one of its name may take its place when the program runs.
    Secsipid,
    /// The drop-in's static library.
    SecsipidStatic,
}

/// Compiles one file to a program.
pub(crate) fn compile(compiler: &str, source: &Path, flags: &[&str], link: &Link, name: &str) -> PathBuf {
    let library = make();
    let program = made_dir().join(name);
    let mut command = Command::new(compiler);
    command.args(flags).arg("-I").arg(library.join("include")).arg("-o").arg(&program).arg(source);
    // What was told of the language holds for the source alone.
    command.args(["-x", "none"]);
    match link {
        Link::Shared => command.arg("-L").arg(library.join("lib")).arg("-lshaken"),
        Link::Secsipid => {
            command.arg("-L").arg(library.join("lib")).args(["-lsecsipid", "-Wl,-z,lazy", "-pthread"])
        }
        Link::Static | Link::SecsipidStatic => {
            let name = if matches!(link, Link::Static) { "libshaken.a" } else { "libsecsipid.a" };
            command.arg(library.join("lib").join(name)).args(["-lgcc_s", "-lpthread", "-lm", "-ldl", "-lc"])
        }
    };
    checked(&mut command);
    program
}

/// Standard output of a command that must succeed.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{told}\n{errors}", output.status);
    told.into_owned()
}

pub(crate) fn checked(command: &mut Command) {
    output(command);
}

/// A lab, its repository and its daemon, on threads of this test.
pub(crate) struct Rig {
    folder: TempDir,
    lab: Lab,
    /// Takes connections and never answers.
    slow: TcpListener,
    repository: SocketAddr,
    downloads: DownloadCount,
    stop: Option<oneshot::Sender<()>>,
    servers: Option<JoinHandle<()>>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let port = free_port();
        let options = LabOptions::default().with_repository_port(NonZeroU16::new(port).unwrap());
        let lab = Lab::create(&folder.path().join("lab"), &options, SystemTime::now()).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = mpsc::channel();
        let of_thread = lab.clone();
        let servers = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(serve(&of_thread, stopped, |downloads| ready.send(downloads).unwrap()));
        });
        let downloads = is_ready.recv().unwrap();
        let repository = lab.repository_address();
        let slow = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { folder, lab, slow, repository, downloads, stop: Some(stop), servers: Some(servers) }
    }

    /// A file of the lab.
    pub(crate) fn lab(&self, name: &str) -> PathBuf {
        self.lab.dir().join(name)
    }

    pub(crate) fn x5u(&self) -> String {
        self.lab.x5u()
    }

    pub(crate) fn repository(&self) -> String {
        self.repository.to_string()
    }

    /// Who takes connections and never answers.
    pub(crate) fn silent(&self) -> String {
        self.slow.local_addr().unwrap().to_string()
    }

    /// How often the repository was asked.
    pub(crate) fn downloads(&self) -> u64 {
        self.downloads.total()
    }

    /// Writes a file and answers its path.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// What an example has to tell.
    pub(crate) fn example(&self, name: &str, arguments: &[&str]) -> String {
        let source = crate_dir().join(format!("examples/{name}.c"));
        let program = compile("cc", &source, &flags(&["-g"]), &Link::Shared, &format!("example-{name}"));
        output(Command::new(program).args(arguments).env("LD_LIBRARY_PATH", make().join("lib")))
    }

    /// Runs a program of the tests on the shared library.
    pub(crate) fn run(&self, name: &str, more: &[&str]) {
        let program = compile("cc", &test(name), &flags(&["-g"]), &Link::Shared, name);
        checked(&mut self.command(&program, more));
    }

    /// The same on the static one, with the sanitizers for addresses, leaks and what is undefined.
    pub(crate) fn run_sanitized(&self, name: &str, more: &[&str]) {
        let sanitize = flags(&["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
        let program = compile("cc", &test(name), &sanitize, &Link::Static, &format!("{name}-sanitized"));
        checked(self.command(&program, more).env("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0"));
    }

    /// The same on the shared one in Valgrind: no error, no leak.
    pub(crate) fn run_in_valgrind(&self, name: &str, more: &[&str]) {
        let program = compile("cc", &test(name), &flags(&["-g"]), &Link::Shared, &format!("{name}-valgrind"));
        let mut command = Command::new("valgrind");
        command.args(["--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=all"]);
        command.args(["--show-leak-kinds=all"]);
        command
            .arg(format!("--suppressions={}", crate_dir().join("tests/c/valgrind.supp").display()))
            .arg(program);
        checked(self.given(&mut command, more));
    }

    fn command(&self, program: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(program);
        self.given(&mut command, more);
        command
    }

    fn given<'c>(&self, command: &'c mut Command, more: &[&str]) -> &'c mut Command {
        command.arg(self.lab.dir()).args([&self.x5u(), HOST, &self.repository()]).args(more);
        command.env("LD_LIBRARY_PATH", make().join("lib")).env("SLOW", self.silent())
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.servers.take().map(JoinHandle::join);
    }
}

async fn serve(lab: &Lab, stopped: oneshot::Receiver<()>, ready: impl FnOnce(DownloadCount)) {
    let repository = Repository::bind(lab, lab.repository_address()).await.unwrap();
    let downloads = repository.downloads();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let config = Config::load(&lab.config_path(), i64::try_from(now).unwrap()).unwrap();
    let socket = lab.dir().join("shaken.sock");
    let hangup = signal(SignalKind::hangup()).unwrap();
    let surroundings = Surroundings { inherited: Inherited::default(), sandbox: Sandbox::Off, hangup };
    let daemon = shaken_sidecar::run(config, surroundings, std::future::pending());
    let listening = async {
        while !socket.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        ready(downloads);
        // An error says that the test is over.
        let _ = stopped.await;
    };
    tokio::select! {
        () = repository.serve(std::future::pending()) => {}
        ended = daemon => ended.unwrap(),
        () = listening => {}
    }
}

pub(crate) fn flags<'f>(more: &[&'f str]) -> Vec<&'f str> {
    // With what POSIX adds to C99.
    let strict = ["-std=c99", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-pthread"];
    [&strict, more].concat()
}
