//! The log as its callers see it.

mod faults;
mod faulty;
mod opening;
mod sealing;
mod simulated;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::disk::DiskFile;
use super::options::RESERVE_BYTES;
use super::*;
use crate::listen::Peer;
use faulty::faulty;

pub(super) fn record(request_id: &str) -> Record {
    let peer = Peer { uid: 1000, gid: 1000, pid: Some(7) };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    Record::new(Op::Sign, Interface::HttpUnix, peer, request_id.into(), "signed", now)
}

fn open(dir: &Path) -> Result<AuditLog, AuditError> {
    AuditLog::open(dir, AuditOptions::new())
}

/// The first segment.
fn file_of(dir: &Path) -> PathBuf {
    dir.join(SEGMENTS).join(segment::name_of(0))
}

fn all_entries(dir: &Path) -> Vec<Entry> {
    let entries: Vec<Entry> =
        read(dir).unwrap().map(|line| Entry::parse(&line.unwrap().bytes).unwrap()).collect();
    let first = entries.first().map_or(0, |entry| entry.index);
    assert!(entries.iter().map(|entry| entry.index).eq(first..first + entries.len() as u64));
    entries
}

/// Index and request of each call.
fn calls(dir: &Path) -> Vec<(u64, String)> {
    let entries = all_entries(dir);
    let calls = entries.iter().filter_map(|entry| Some((entry.index, entry.call()?.request_id.clone())));
    calls.collect()
}

fn events(dir: &Path) -> Vec<Event> {
    all_entries(dir).into_iter().map(|entry| entry.event).collect()
}

fn spawn_append(log: &Arc<AuditLog>, request_id: &str) -> tokio::task::JoinHandle<Result<Kept, AuditError>> {
    let log = Arc::clone(log);
    let record = record(request_id);
    tokio::spawn(async move { log.append(record).await })
}

async fn append(log: &AuditLog, request_id: &str) -> u64 {
    log.append(record(request_id)).await.unwrap().index().unwrap()
}

async fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < patience, "not within 10 s: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_log_goes_on_where_it_ended_and_only_its_owner_reads_it() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("audit");
    for round in 0..3 {
        let log = open(&dir).unwrap();
        // Two records, and one about the end.
        assert_eq!(log.recovery().records, round * 3);
        assert_eq!(append(&log, "a").await, round * 3);
        assert_eq!(append(&log, "b").await, round * 3 + 1);
        log.close().await.unwrap();
    }
    for dir in [&dir, &dir.join(SEGMENTS), &dir.join(SEALED)] {
        assert_eq!(std::fs::metadata(dir).unwrap().mode() & 0o7777, 0o700);
    }
    assert_eq!(std::fs::metadata(file_of(&dir)).unwrap().mode() & 0o7777, 0o600);
    let entries = all_entries(&dir);
    assert_eq!(entries.len(), 9);
    let salts: BTreeSet<_> = entries.iter().map(|entry| entry.salt).collect();
    assert_eq!(salts.len(), 9, "each record has its own salt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_records_are_contiguous_and_share_syncs() {
    let (dir, log, disk) = faulty(AuditOptions::new());
    let waiting: Vec<_> = (0..1000).map(|n| spawn_append(&log, &n.to_string())).collect();
    let mut acked = Vec::new();
    for (n, append) in waiting.into_iter().enumerate() {
        acked.push((append.await.unwrap().unwrap().index().unwrap(), n.to_string()));
    }
    let syncs = disk.syncs();
    assert!(syncs < 500, "{syncs} syncs for 1,000 records");
    println!("1,000 records in {syncs} syncs");
    // Read without closing: each was durable when it was acknowledged.
    acked.sort();
    assert_eq!(calls(dir.path()), acked);
}

#[tokio::test]
async fn one_commit_takes_all_that_waits() {
    let (dir, log, disk) = faulty(AuditOptions::new());
    disk.set(|state| state.stalled = true);
    let first = spawn_append(&log, "first");
    tokio::task::yield_now().await;
    disk.wait_until(|state| state.syncs == 1);
    let rest: Vec<_> = (0..100).map(|_| spawn_append(&log, "rest")).collect();
    while log.queue.capacity() > log.queue.max_capacity() - 100 {
        tokio::task::yield_now().await;
    }
    assert!(!first.is_finished(), "not acknowledged before the sync returns");
    assert_eq!(log.state().queued, 100);
    disk.set(|state| state.stalled = false);
    first.await.unwrap().unwrap();
    for append in rest {
        append.await.unwrap().unwrap();
    }
    let state = disk.state.lock().unwrap();
    assert_eq!((state.writes, state.syncs), (2, 2));
    let commits: Vec<u64> = all_entries(dir.path()).iter().map(|entry| entry.commit).collect();
    assert!(commits[0] == 0 && commits[1..].iter().all(|&commit| commit == 1));
}

/// What the seam for other parts sees is what is on disk, once and in order.
#[tokio::test]
async fn an_observer_is_told_each_line_once() {
    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<Line>>>);
    impl Observer for Seen {
        fn durable(&mut self, commit: &Commit<'_>) {
            let lines = (commit.first_index()..).zip(commit.lines());
            let lines = lines.map(|(index, line)| Line { index, bytes: line.to_vec() });
            self.0.lock().unwrap().extend(lines);
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let seen = Seen::default();
    let options = AuditOptions::new().with_segment_bytes(1000).with_sealing(Sealing::Off);
    let log = Arc::new(AuditLog::open_observed(dir.path(), options, seen.clone()).unwrap());
    let waiting: Vec<_> = (0..50).map(|n| spawn_append(&log, &n.to_string())).collect();
    for append in waiting {
        append.await.unwrap().unwrap();
    }
    log.close().await.unwrap();
    let stored: Vec<Line> = read(dir.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(*seen.0.lock().unwrap(), stored);
    assert_eq!(seen.0.lock().unwrap().len(), 51);
}

#[tokio::test]
async fn close_finishes_what_is_queued_and_says_so() {
    let (dir, log, disk) = faulty(AuditOptions::new());
    disk.set(|state| state.stalled = true);
    let waiting: Vec<_> = (0..20).map(|_| spawn_append(&log, "queued")).collect();
    // All of them are asked for once; the writer may have them already.
    tokio::task::yield_now().await;
    log.count_undecided(Undecided::Unparsable, SystemTime::now());
    let closing = tokio::spawn({
        let log = Arc::clone(&log);
        async move { log.close().await }
    });
    tokio::task::yield_now().await;
    disk.set(|state| state.stalled = false);
    closing.await.unwrap().unwrap();
    for append in waiting {
        append.await.unwrap().unwrap();
    }
    let events = events(dir.path());
    assert_eq!(events.len(), 22);
    assert!(matches!(&events[20], Event::Summary(summary) if summary.unparsable == 1));
    assert!(matches!(&events[21], Event::Stop(_)));
    assert!(matches!(log.append(record("late")).await, Err(AuditError::Closed)));
    log.close().await.unwrap();
}

#[tokio::test]
async fn who_gives_up_does_not_unmake_the_record() {
    let (dir, log, disk) = faulty(AuditOptions::new());
    disk.set(|state| state.stalled = true);
    let given_up = spawn_append(&log, "given up");
    tokio::task::yield_now().await;
    disk.wait_until(|state| state.syncs == 1);
    given_up.abort();
    disk.set(|state| state.stalled = false);
    assert_eq!(append(&log, "next").await, 1);
    assert_eq!(calls(dir.path())[0].1, "given up");
}

#[tokio::test]
async fn degrade_serves_and_counts() {
    let options = AuditOptions::new().with_full(Full::Degrade);
    let (dir, log, disk) = faulty(options);
    disk.set(|state| state.fails = Some((Step::Sync, Errno::IO)));
    for _ in 0..5 {
        assert_eq!(log.append(record("served")).await.unwrap(), Kept::Missing);
    }
    assert!(matches!(log.state().health, Health::Degraded { .. }));
    disk.set(|state| state.fails = None);
    wait_for("a gap record", || log.state().gaps == 1).await;
    assert_eq!(append(&log, "kept").await, 2);
    log.close().await.unwrap();
    let events = events(dir.path());
    assert!(matches!(&events[0], Event::Cut(cut) if (cut.segment, cut.len_bytes) == (0, 0)), "{events:?}");
    assert!(matches!(&events[1], Event::Gap(gap) if (gap.served, gap.refused) == (5, 0)), "{events:?}");
    assert_eq!(calls(dir.path()), [(2, "kept".to_owned())]);
}

#[tokio::test]
async fn queued_answers_at_once_and_says_so() {
    let (dir, log, disk) = faulty(AuditOptions::new().with_durability(Durability::Queued));
    disk.set(|state| state.stalled = true);
    for _ in 0..3 {
        assert_eq!(log.append(record("r")).await.unwrap(), Kept::Queued);
    }
    disk.set(|state| state.stalled = false);
    log.close().await.unwrap();
    let entries = all_entries(dir.path());
    let says = |entry: &Entry| entry.call().map(|record| record.durability.as_deref() == Some("queued"));
    assert_eq!(entries.iter().filter_map(says).collect::<Vec<_>>(), [true; 3]);

    // What is lost of the queue is counted as served.
    let (dir, log, disk) = faulty(AuditOptions::new().with_durability(Durability::Queued));
    disk.set(|state| state.fails = Some((Step::Sync, Errno::IO)));
    assert_eq!(log.append(record("lost")).await.unwrap(), Kept::Queued);
    wait_for("the fault", || log.state().unrecorded == 1).await;
    disk.set(|state| state.fails = None);
    log.close().await.unwrap();
    assert!(events(dir.path()).iter().any(|event| matches!(event, Event::Gap(gap) if gap.served == 1)));
}
