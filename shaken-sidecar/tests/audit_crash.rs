//! Kills a process that appends to the audit log, at random moments, and looks at what is left: every
//! record that was acknowledged, once, and no hole.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ring::rand::{SecureRandom as _, SystemRandom};
use shaken_sidecar::audit::{self, AuditLog, AuditOptions, Entry, Interface, Kept, Op, Record};
use shaken_sidecar::listen::Peer;

/// Set in the child only: the directory of its log.
const CHILD_DIR: &str = "SHAKEN_AUDIT_CRASH_DIR";
/// How many kills, if other than [`KILLS`]: 1,000 take some 20 minutes.
const KILLS_SETTING: &str = "SHAKEN_AUDIT_KILLS";
const KILLS: usize = 50;
const KILLS_OF_A_LOG: usize = 25;
const SEGMENT_BYTES: u64 = 400_000;
const LONGEST_LIFE_MS: u16 = 150;
const APPENDERS: usize = 16;

#[test]
fn kill_9_loses_no_acknowledged_record() {
    if let Some(dir) = std::env::var_os(CHILD_DIR) {
        append_until_killed(Path::new(&dir));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut dir = tempfile::tempdir().unwrap();
    let kills = std::env::var(KILLS_SETTING).map_or(KILLS, |kills| kills.parse().unwrap());
    let (mut acked, mut stored, mut stored_before, mut torn) = (0, 0, 0, 0);
    let mut longest_start = Duration::ZERO;
    for round in 0..kills {
        if round % KILLS_OF_A_LOG == 0 {
            // Each round reads all of it.
            dir = tempfile::tempdir().unwrap();
            stored_before += std::mem::take(&mut stored);
        }
        let indexes = run_and_kill(dir.path());
        acked += indexes.len();

        let started = Instant::now();
        let log = AuditLog::open(dir.path(), options()).unwrap();
        longest_start = longest_start.max(started.elapsed());
        torn += usize::from(log.recovery().torn_bytes > 0);
        let mut found = 0;
        for line in audit::read(dir.path()).unwrap() {
            let line = line.unwrap();
            assert_eq!(line.index, found, "round {round}: a hole or a duplicate");
            // Those of earlier rounds were read whole then.
            assert!(line.index < stored || Entry::parse(&line.bytes).is_ok(), "round {round}: {found}");
            found += 1;
        }
        assert_eq!(log.recovery().records, found);
        assert!(found >= stored, "round {round}: records of an earlier life are gone");
        for index in indexes {
            assert!((stored..found).contains(&index), "round {round}: {index} not in {stored}..{found}");
        }
        runtime.block_on(log.close()).unwrap();
        // The record about the end.
        stored = found + 1;
    }
    println!(
        "{kills} kills: {acked} acknowledged, {} stored, {torn} torn tails, longest start {longest_start:?}",
        stored_before + stored
    );
    assert!(acked > 0, "no child lived long enough to append");
}

/// The indexes that one child got acknowledged and could still print.
fn run_and_kill(dir: &Path) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill_9_loses_no_acknowledged_record", "--nocapture"])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    // Reads while the child lives, so that a full pipe does not hold it up.
    let reader = std::thread::spawn(move || {
        let mut indexes = Vec::new();
        let mut line = String::new();
        while output.by_ref().read_line(&mut line).unwrap() > 0 {
            if let Some(index) = line.strip_prefix("acked ").and_then(|rest| rest.strip_suffix('\n')) {
                indexes.push(index.parse().unwrap());
            }
            line.clear();
        }
        indexes
    });
    std::thread::sleep(Duration::from_millis(u64::from(random_u16() % LONGEST_LIFE_MS)));
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9), "the child ended by itself");
    reader.join().unwrap()
}

fn append_until_killed(dir: &Path) -> ! {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let log = Arc::new(AuditLog::open(dir, options()).unwrap());
        for appender in 0..APPENDERS {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                let peer = Peer { uid: 0, gid: 0, pid: None };
                loop {
                    let mut record = Record::new(
                        Op::Sign,
                        Interface::HttpUnix,
                        peer,
                        appender.to_string(),
                        "signed",
                        SystemTime::now(),
                    );
                    // Of many lengths, so that kills fall on many offsets within a page.
                    record.identity = vec!["x".repeat(usize::from(random_u16() % 6000))];
                    let Kept::Durable(index) = log.append(record).await.unwrap() else { unreachable!() };
                    println!("acked {index}");
                }
            });
        }
        std::future::pending().await
    })
}

/// Small segments, so that kills fall on their beginning too.
fn options() -> AuditOptions {
    AuditOptions::new().with_segment_bytes(SEGMENT_BYTES).with_reserve_bytes(1 << 20)
}

fn random_u16() -> u16 {
    let mut bytes = [0; 2];
    SystemRandom::new().fill(&mut bytes).unwrap();
    u16::from_ne_bytes(bytes)
}
