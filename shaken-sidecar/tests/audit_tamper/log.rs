//! A log to tamper with, and what it is made of.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::Value;
use shaken_sidecar::audit::proof::{Key, Origin, Outside, ProofOptions};
use shaken_sidecar::audit::{
    self, AuditError, AuditLog, AuditOptions, Interface, Op, Proving, Record, SEGMENTS, Sealing,
};
use shaken_sidecar::listen::Peer;

use crate::running;

/// How many random edits, if other than [`EDITS`].
pub(crate) const EDITS_SETTING: &str = "SHAKEN_AUDIT_EDITS";
pub(crate) const EDITS: usize = 500;

/// A log with key and outside file, closed; and as it was before its last records.
pub(crate) struct Log {
    home: tempfile::TempDir,
    pub(crate) key: Key,
}

impl Log {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let key = Key::generate(Origin::parse("voice.example.com/audit").unwrap()).unwrap();
        key.write_new(&home.path().join("audit.key")).unwrap();
        let log = Self { home, key };
        log.grow(300);
        copy(&log.dir(), &log.path("older"));
        log.grow(300);
        log
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.path("log")
    }

    pub(crate) fn open(&self, dir: &Path, outside: &str) -> Result<AuditLog, AuditError> {
        let key = Key::read(&self.path("audit.key")).unwrap();
        let outside = vec![Outside::File { path: self.path(outside) }];
        let options = ProofOptions::new().with_interval(Duration::from_millis(5)).with_records(64);
        AuditLog::open_proven(dir, small(), Proving::new(key).with_outside(outside).with_options(options))
    }

    /// Opens the log, adds records, and closes it.
    pub(crate) fn grow(&self, records: usize) {
        add(self.open(&self.dir(), "outside").unwrap(), records);
    }

    /// Puts a copy of the log into the folder of that name.
    pub(crate) fn copied(&self, name: &str) -> PathBuf {
        let dir = self.path(name);
        let _ = fs::remove_dir_all(&dir);
        copy(&self.dir(), &dir);
        dir
    }

    pub(crate) fn findings(&self, dir: &Path) -> Vec<&'static str> {
        let report = audit::inspect(dir, Some(self.key.verifier()), &[self.path("outside")], |_| ()).unwrap();
        report.findings.iter().map(audit::Finding::name).collect()
    }

    /// Exit code and output of the command, with the outside file or without.
    pub(crate) fn verify(&self, dir: &Path, outside: Option<&str>) -> (Option<i32>, Value) {
        let (key, outside) = (self.key.verifier().to_string(), outside.map(|name| self.path(name)));
        let mut args = vec!["audit", "verify", "--json", "--pubkey", &key];
        if let Some(outside) = &outside {
            args.extend(["--checkpoints", outside.to_str().unwrap()]);
        }
        args.push(dir.to_str().unwrap());
        let output = running::run(&args, b"");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        (output.status.code(), running::json_lines(&output).remove(0))
    }
}

/// Adds records, one commit each, and closes the log.
pub(crate) fn add(log: AuditLog, records: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for n in 0..records {
            log.append(record(n)).await.unwrap();
        }
        log.close().await.unwrap();
    });
}

/// Three segments and more.
pub(crate) fn small() -> AuditOptions {
    AuditOptions::new().with_segment_bytes(100_000).with_reserve_bytes(1 << 16).with_sealing(Sealing::Off)
}

pub(crate) fn record(n: usize) -> Record {
    let peer = Peer { uid: 0, gid: 0, pid: None };
    let mut record =
        Record::new(Op::Sign, Interface::HttpUnix, peer, format!("request-{n}"), "signed", SystemTime::now());
    record.identity = vec!["x".repeat(n % 700)];
    record
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, to) = (entry.as_ref().unwrap(), to.join(entry.as_ref().unwrap().file_name()));
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// The lines of the log, each with its newline, and the segments that they are in.
pub(crate) fn lines_of(dir: &Path) -> Vec<(PathBuf, Vec<Vec<u8>>)> {
    segments(dir)
        .into_iter()
        .map(|path| {
            let bytes = fs::read(&path).unwrap();
            let lines = bytes.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            (path, lines)
        })
        .collect()
}

pub(crate) fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join(SEGMENTS)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    paths
}

pub(crate) fn write_lines(segments: &[(PathBuf, Vec<Vec<u8>>)]) {
    segments.iter().for_each(|(path, lines)| fs::write(path, lines.concat()).unwrap());
}

/// The line again with the checksum that it should have, as a forger makes it.
pub(crate) fn with_checksum(line: &[u8]) -> Vec<u8> {
    let covered = &line[..line.len() - br#","crc32c":"00000000"}"#.len() - 1];
    let mut again = covered.to_vec();
    again.extend(format!(",\"crc32c\":\"{:08x}\"}}\n", crc32c::crc32c(covered)).into_bytes());
    again
}

/// The line with another index.
pub(crate) fn with_index(line: &[u8], index: u64) -> Vec<u8> {
    let text = str::from_utf8(line).unwrap();
    let (head, rest) = text.split_once(r#""index":"#).unwrap();
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    with_checksum(format!(r#"{head}"index":{index}{rest}"#).as_bytes())
}

/// The tiles that the checkpoint needs. Narrower ones, from before, are nobody's any more.
pub(crate) fn tiles(dir: &Path) -> Vec<PathBuf> {
    ["tile/0/000", "tile/0/001", "tile/0/002.p/90", "tile/1/000.p/2"].map(|name| dir.join(name)).to_vec()
}

pub(crate) fn flip(path: &Path, at: usize, bit: u32) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1 << bit;
    fs::write(path, bytes).unwrap();
}

/// A number from 0 to before `end`.
pub(crate) fn random(end: usize) -> usize {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).unwrap();
    usize::try_from(u64::from_ne_bytes(bytes) % end as u64).unwrap()
}

pub(crate) fn flip_some(paths: &[PathBuf]) -> String {
    let path = &paths[random(paths.len())];
    let (at, bit) = (random(fs::read(path).unwrap().len()), random(8));
    flip(path, at, u32::try_from(bit).unwrap());
    format!("byte {at} bit {bit} of {}", path.display())
}
