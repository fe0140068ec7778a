//! A real PostgreSQL server, for one test.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::running::free_port;

/// The folder with `postgres` and `initdb`, if not that of Debian's package.
const BIN_SETTING: &str = "POSTGRES_BIN";
/// With 1, a missing server is a failure.
const REQUIRED_SETTING: &str = "SHAKEN_POSTGRES_REQUIRED";

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const USER: &str = "importer";
pub(crate) const PASSWORD: &str = "correct-horse-battery-staple";

/// The name that the server's certificate is for.
pub(crate) const HOST: &str = "localhost";

/// A server of its own: on a Unix socket for everybody, on a port for [`USER`] with [`PASSWORD`], with TLS
/// for who wants it. It ends with it.
pub(crate) struct Server {
    bin: PathBuf,
    folder: TempDir,
    /// Who it runs as: not root.
    run_as: Option<(u32, u32)>,
    pub(crate) port: u16,
    child: Option<Child>,
}

impl Server {
    /// Nothing, and a line about it, where PostgreSQL is not installed.
    pub(crate) fn started() -> Option<Self> {
        let Some(bin) = bin() else {
            let told = "there is no PostgreSQL server: apt-get install postgresql, or name the folder of initdb \
                        in POSTGRES_BIN";
            assert!(std::env::var_os(REQUIRED_SETTING).is_none_or(|value| value != "1"), "{told}");
            println!("skipped: {told}");
            return None;
        };
        let folder = TempDir::new().unwrap();
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        let run_as = is_root.then(|| user_id("postgres").or_else(|| user_id("nobody")).unwrap());
        if let Some((uid, gid)) = run_as {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let port = free_port();
        let mut server = Self { bin, folder, run_as, port, child: None };
        let made = server
            .command("initdb")
            .args(["--no-sync", "--encoding=UTF8", "--locale=C", "--username=admin", "--auth=trust", "-D"])
            .arg(server.data())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.configure();
        server.start();
        server.sql(&format!(
            "CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'; GRANT pg_read_all_data TO {USER};
             CREATE DATABASE provisioning;"
        ));
        Some(server)
    }

    fn configure(&self) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![HOST.to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
        fs::write(self.ca(), ca.pem()).unwrap();
        let put = |name: &str, text: &str| {
            let path = self.data().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            if let Some((uid, gid)) = self.run_as {
                chown(&path, Some(uid), Some(gid)).unwrap();
            }
        };
        put("server.crt", &certificate.pem());
        put("server.key", &key.serialize_pem());
        put("pg_hba.conf", "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
        put(
            "postgresql.conf",
            &format!(
                "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\nfsync = off\n\
                 password_encryption = 'scram-sha-256'\nssl = on\ntimezone = 'America/New_York'\n\
                 datestyle = 'SQL, DMY'\nlog_destination = 'stderr'\n",
                self.port,
                self.socket_folder().display()
            ),
        );
    }

    fn start(&mut self) {
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let child =
            self.command("postgres").arg("-D").arg(self.data()).stdout(Stdio::null()).stderr(log).spawn();
        self.child = Some(child.unwrap());
        let until = Instant::now() + PATIENCE;
        while !self.psql("postgres").args(["-c", "SELECT 1"]).output().unwrap().status.success() {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(Instant::now() < until, "the server does not answer: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir(self.folder.path()).env("LC_ALL", "C");
        if let Some((uid, gid)) = self.run_as {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// As the administrator.
    fn psql(&self, database: &str) -> Command {
        let mut command = self.command("psql");
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "admin", "-d", database, "-h"]);
        command.arg(self.socket_folder()).arg("-p").arg(self.port.to_string());
        command
    }

    /// A session that stays open as long as its standard input.
    pub(crate) fn session(&self) -> Child {
        let mut command = self.psql("provisioning");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    }

    /// Runs statements outside of any database of ours, each by itself.
    fn sql(&self, statements: &str) {
        for statement in statements.split_terminator(';').filter(|statement| !statement.trim().is_empty()) {
            told(&self.psql("postgres").args(["-c", statement]).output().unwrap());
        }
    }

    /// Runs SQL in the database `provisioning`; what it gives, a row a line.
    pub(crate) fn ask(&self, sql: &str) -> String {
        told(&self.psql("provisioning").args(["-c", sql]).output().unwrap())
    }

    /// Has it offer no TLS.
    pub(crate) fn without_tls(&self) {
        self.sql("ALTER SYSTEM SET ssl = off; SELECT pg_reload_conf()");
        let until = Instant::now() + PATIENCE;
        while self.ask("SHOW ssl").trim() != "off" {
            assert!(Instant::now() < until, "it still has TLS");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    /// The certificate of who signed the server's.
    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // A fast shutdown, which ends sessions as well.
            let _ = kill_process(Pid::from_child(&child), Signal::INT);
            let _ = child.wait();
        }
    }
}

fn told(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn bin() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(BIN_SETTING) {
        return Some(named.into());
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut bins: Vec<PathBuf> = versions.flatten().map(|version| version.path().join("bin")).collect();
    bins.retain(|bin| bin.join("postgres").is_file() && bin.join("initdb").is_file());
    bins.sort();
    bins.pop()
}

fn user_id(name: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let fields = fields.into_iter().find(|fields| fields.first() == Some(&name))?;
    Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
}
