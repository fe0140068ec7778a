//! A real `nats-server` with JetStream, for one test.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::ConnectOptions;
use async_nats::jetstream::{self, stream};

use crate::running::free_port;

/// Where `nats-server` is, if not in `PATH` or `/usr/sbin`.
const SERVER_SETTING: &str = "NATS_SERVER";
/// With 1, a missing `nats-server` is a failure.
const REQUIRED_SETTING: &str = "SHAKEN_NATS_REQUIRED";

pub(crate) const STREAM: &str = "AUDIT";
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The only user that a server lets in.
pub(crate) struct Login {
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
}

/// A server of its own, with its store. It ends with it.
pub(crate) struct Server {
    program: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    pub(crate) child: Option<Child>,
    login: Option<Login>,
}

impl Server {
    /// Nothing, and a line about it, where there is no `nats-server`.
    pub(crate) fn find(login: Option<Login>) -> Option<Self> {
        let authorization = login.as_ref().map_or_else(String::new, |Login { user, password }| {
            format!("authorization {{ user: {user}, password: {password:?} }}")
        });
        let mut server = Self::find_with(&authorization)?;
        server.login = login;
        Some(server)
    }

    /// The same with more lines of configuration.
    pub(crate) fn find_with(more: &str) -> Option<Self> {
        let Some(program) = program() else {
            let told = "there is no nats-server: apt-get install nats-server, or name it in NATS_SERVER";
            assert!(std::env::var_os(REQUIRED_SETTING).is_none_or(|value| value != "1"), "{told}");
            println!("skipped: {told}");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let store = folder.path().join("store");
        let config = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: {:?}, max_file_store: 4GB }}\n{more}\n",
            store.to_str().unwrap()
        );
        std::fs::write(folder.path().join("nats.conf"), config).unwrap();
        Some(Self { program, folder, port, child: None, login: None })
    }

    pub(crate) fn started() -> Option<Self> {
        let mut server = Self::find(None)?;
        server.start();
        Some(server)
    }

    pub(crate) fn start(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("nats.log"))
            .unwrap();
        let child = Command::new(&self.program)
            .arg("--config")
            .arg(self.folder.path().join("nats.conf"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let child = self.child.insert(child);
        let told = || std::fs::read_to_string(self.folder.path().join("nats.log")).unwrap();
        let until = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "nats-server ended: {}", told());
            assert!(Instant::now() < until, "nats-server does not listen: {}", told());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Without a warning.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) async fn jetstream(&self) -> jetstream::Context {
        let options = match &self.login {
            None => ConnectOptions::new(),
            Some(Login { user, password }) => {
                ConnectOptions::with_user_and_password((*user).into(), (*password).into())
            }
        };
        jetstream::new(options.connect(self.url()).await.unwrap())
    }

    pub(crate) async fn make_stream(&self) {
        let config = stream::Config {
            name: STREAM.into(),
            subjects: vec!["shaken.audit.>".into()],
            duplicate_window: Duration::from_secs(120),
            ..stream::Config::default()
        };
        let jetstream = self.jetstream().await;
        // It takes connections a little earlier than streams.
        let until = Instant::now() + PATIENCE;
        while let Err(error) = jetstream.create_stream(config.clone()).await {
            assert!(Instant::now() < until, "no stream can be made: {error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn program() -> Option<PathBuf> {
    let named = std::env::var_os(SERVER_SETTING).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push("/usr/sbin".into());
    let found = folders.into_iter().map(|folder| folder.join("nats-server")).find(|file| file.is_file());
    named.or(found)
}
