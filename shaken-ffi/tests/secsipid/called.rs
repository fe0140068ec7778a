//! The library under test and the original, called by one program in C; and keys for them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;
use std::{env, fs};

use shaken_sidecar::lab::{Lab, LabOptions};
use tempfile::TempDir;

use crate::rig::{self, Link, checked, compile, flags, make};

pub(crate) const CALLER: &str = "12155550121";
pub(crate) const CALLED: &str = "12155550131";

/// Which libsecsipid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    Ours,
    Original,
}

impl Library {
    /// Where its folder is, if that is not one of the system's.
    pub(crate) fn folder(self) -> Option<PathBuf> {
        (self == Self::Ours).then(|| make().join("lib"))
    }

    /// Makes these calls in one process and answers the code and the output of each.
    pub(crate) fn call<T: AsRef<str>>(self, calls: &[T]) -> Vec<(i32, String)> {
        self.call_with(calls, &[]).0
    }

    /// The same with an environment; answers what was told on standard error, too.
    pub(crate) fn call_with<T: AsRef<str>>(
        self,
        calls: &[T],
        environment: &[(&str, &str)],
    ) -> (Vec<(i32, String)>, String) {
        let mut command = Command::new(program());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_remove("LD_LIBRARY_PATH").envs(self.folder().map(|folder| ("LD_LIBRARY_PATH", folder)));
        // Whatever this machine has in /etc is none of the test's.
        command.env("SHAKEN_SECSIPID_CONF", "/nowhere").envs(environment.iter().copied());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let lines: String = calls.iter().map(|call| format!("{}\n", call.as_ref())).collect();
        let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{self:?}: {}\n{told}", output.status);
        writer.join().unwrap().unwrap();
        let answers = String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| {
                let (code, out) = line.split_once('\t').unwrap();
                (code.parse().unwrap(), out.to_owned())
            })
            .collect();
        (answers, told)
    }

    /// The code of one call.
    pub(crate) fn code(self, call: &str) -> i32 {
        self.call(&[call])[0].0
    }
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        compile("cc", &rig::test("secsipid_calls"), &flags(&[]), &Link::Secsipid, "secsipid-calls")
    })
}

/// Whether the original is installed; if not, a line that says so, or a failure if it must be.
pub(crate) fn has_original() -> bool {
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"];
    let found = folders.iter().any(|folder| Path::new(folder).join("libsecsipid.so.1").exists());
    if !found {
        let told = "there is no libsecsipid.so.1: apt-get install libsecsipid1 secsipidx";
        assert!(env::var_os(REQUIRED).is_none_or(|value| value != "1"), "{told}");
        println!("skipped: {told}");
    }
    found
}

/// Set to 1 where the original must be there.
pub(crate) const REQUIRED: &str = "SHAKEN_SECSIPID_REQUIRED";

/// Files of keys and certificates: those of a lab, and bad ones.
pub(crate) struct Keys {
    folder: TempDir,
    lab: Lab,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let lab = Lab::create(&folder.path().join("lab"), &LabOptions::default(), SystemTime::now()).unwrap();
        let keys = Self { folder, lab };
        for (name, arguments) in [
            ("rsa", &["genrsa", "-out", "rsa.key", "2048"][..]),
            ("p384", &["ecparam", "-genkey", "-noout", "-name", "secp384r1", "-out", "p384.key"]),
            ("other", &["ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out", "other.key"]),
        ] {
            keys.openssl(arguments);
            keys.openssl(&["pkey", "-in", &format!("{name}.key"), "-pubout", "-out", &format!("{name}.pub")]);
        }
        keys.openssl(&["x509", "-in", "provider.pem", "-noout", "-pubkey", "-out", "provider.pub"]);
        fs::write(keys.folder().join("text"), "no key").unwrap();
        fs::write(keys.folder().join("empty"), "").unwrap();
        keys
    }

    fn openssl(&self, arguments: &[&str]) {
        checked(Command::new("openssl").args(arguments).current_dir(self.folder()).stderr(Stdio::piped()));
    }

    pub(crate) fn folder(&self) -> &Path {
        self.lab.dir()
    }

    /// A folder that is empty at first.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder().join(name).display().to_string()
    }

    pub(crate) fn x5u(&self) -> String {
        self.lab.x5u()
    }

    /// The call `identity` of an ordinary call.
    pub(crate) fn identity(&self) -> String {
        format!("identity\t{CALLER}\t{CALLED}\tA\t\t{}\t{}", self.x5u(), self.path("provider.key"))
    }
}

pub(crate) fn unix_now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// The header with another first character of its signature.
pub(crate) fn flip(header: &str) -> String {
    let at = header.match_indices('.').nth(1).unwrap().0 + 1;
    let other = if header[at..].starts_with('A') { "B" } else { "A" };
    format!("{}{other}{}", &header[..at], &header[at + 1..])
}
