//! Kills a process that appends to the audit log, at random moments, and looks at what is left: every
//! record that was acknowledged, once, and no hole; with a key, also that tiles, checkpoint and the copies
//! outside fit them.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant, SystemTime};

use ring::rand::{SecureRandom as _, SystemRandom};
use shaken_sidecar::audit::proof::{Key, Origin, Outside, ProofOptions};
use shaken_sidecar::audit::{self, AuditLog, AuditOptions, Entry, Interface, Kept, Op, Proving, Record};
use shaken_sidecar::listen::Peer;

/// Set in the child only: the directory of its log.
const CHILD_DIR: &str = "SHAKEN_AUDIT_CRASH_DIR";
/// Set in the child only, if its log has a key: the directory of key and outside file.
const CHILD_HOME: &str = "SHAKEN_AUDIT_CRASH_HOME";
/// How many kills, if other than [`KILLS`]: 1,000 take some 20 minutes.
const KILLS_SETTING: &str = "SHAKEN_AUDIT_KILLS";
const KILLS: usize = 50;
const KEY: &str = "audit.key";
const OUTSIDE: &str = "outside";
const KILLS_OF_A_LOG: usize = 25;
const SEGMENT_BYTES: u64 = 400_000;
const LONGEST_LIFE_MS: u16 = 150;
const APPENDERS: usize = 16;

/// Until a new process has become what it is to run, it holds the lock of every log that is open in this
/// one, which a test beside this one would find locked then.
static OPEN_HERE: RwLock<()> = RwLock::new(());

#[test]
fn kill_9_loses_no_acknowledged_record() {
    if let Some(dir) = std::env::var_os(CHILD_DIR) {
        let home = std::env::var_os(CHILD_HOME).map(PathBuf::from);
        append_until_killed(Path::new(&dir), home.as_deref());
    }
    kill(None);
}

#[test]
fn kill_9_leaves_a_log_that_can_be_proven() {
    let home = tempfile::tempdir().unwrap();
    let key = Key::generate(Origin::parse("voice.example.com/audit").unwrap()).unwrap();
    key.write_new(&home.path().join(KEY)).unwrap();
    kill(Some(home.path()));
}

/// With a key in `home`, if that is given.
fn kill(home: Option<&Path>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut dir = tempfile::tempdir().unwrap();
    let kills = std::env::var(KILLS_SETTING).map_or(KILLS, |kills| kills.parse().unwrap());
    let (mut acked, mut stored, mut stored_before, mut torn, mut checkpoints) = (0, 0, 0, 0, 0);
    let mut sealed = 0;
    let mut longest_start = Duration::ZERO;
    for round in 0..kills {
        if round % KILLS_OF_A_LOG == 0 {
            // Each round reads all of it.
            dir = tempfile::tempdir().unwrap();
            if let Some(home) = home {
                // Another log's copies would make this one look cut.
                let _ = std::fs::remove_file(home.join(OUTSIDE));
            }
            stored_before += std::mem::take(&mut stored);
        }
        let indexes = run_and_kill(dir.path(), home);
        acked += indexes.len();
        let _no_child = OPEN_HERE.read().unwrap();

        let started = Instant::now();
        let log = open(dir.path(), home);
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
        // Meanwhile a seal may have been put on record.
        assert!(found >= log.recovery().records, "round {round}");
        assert!(found >= stored, "round {round}: records of an earlier life are gone");
        for index in indexes {
            assert!((stored..found).contains(&index), "round {round}: {index} not in {stored}..{found}");
        }
        runtime.block_on(log.close()).unwrap();
        // With the record about the end.
        stored = log.state().records;
        sealed += log.state().sealing.map_or(0, |sealing| sealing.sealed);
        if let Some(home) = home {
            let key = Key::read(&home.join(KEY)).unwrap();
            let report =
                audit::inspect(dir.path(), Some(key.verifier()), &[home.join(OUTSIDE)], |_| ()).unwrap();
            assert!(report.findings.is_empty(), "round {round}: {report:?}");
            assert_eq!((report.records, report.proven), (stored, stored), "round {round}");
            checkpoints += report.outside_checkpoints;
        }
    }
    println!(
        "{kills} kills: {acked} acknowledged, {} stored, {torn} torn tails, longest start {longest_start:?}, \
         {checkpoints} checkpoints compared, {sealed} sealed segments read again",
        stored_before + stored
    );
    assert!(acked > 0, "no child lived long enough to append");
    assert!(sealed > 0, "nothing was sealed");
}

/// The indexes that one child got acknowledged and could still print.
fn run_and_kill(dir: &Path, home: Option<&Path>) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "kill_9_loses_no_acknowledged_record", "--nocapture"])
        .env(CHILD_DIR, dir)
        .envs(home.map(|home| (CHILD_HOME, home)))
        .stdout(Stdio::piped());
    let mut child = {
        let _nothing_open = OPEN_HERE.write().unwrap();
        child.spawn().unwrap()
    };
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

fn append_until_killed(dir: &Path, home: Option<&Path>) -> ! {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let log = Arc::new(open(dir, home));
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

fn open(dir: &Path, home: Option<&Path>) -> AuditLog {
    let Some(home) = home else { return AuditLog::open(dir, options()).unwrap() };
    let key = Key::read(&home.join(KEY)).unwrap();
    let outside = vec![Outside::File { path: home.join(OUTSIDE) }];
    // Many checkpoints, so that kills fall on them.
    let often = ProofOptions::new().with_interval(Duration::from_millis(3)).with_records(50);
    let proving = Proving::new(key).with_outside(outside).with_options(often);
    AuditLog::open_proven(dir, options(), proving).unwrap()
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
