use std::collections::BTreeSet;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::PathBuf;
use std::sync::Condvar;
use std::time::{Duration, Instant, SystemTime};

use rustix::io::Errno;

use super::*;
use crate::listen::Peer;

pub(super) fn record(request_id: &str) -> Record {
    let peer = Peer { uid: 1000, gid: 1000, pid: Some(7) };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    Record::new(Op::Sign, Interface::HttpUnix, peer, request_id.into(), "signed", now)
}

/// The file of the log, with faults: what the disk does is set by the test, what it was asked is
/// counted.
struct Disk {
    file: File,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    writes: u64,
    syncs: u64,
    /// Most bytes that one write takes.
    short_write_len: Option<usize>,
    interrupt_next_write: bool,
    fails: Option<(Step, Errno)>,
    panic_on_sync: bool,
    /// Syncs block while this is set.
    stalled: bool,
}

impl Shared {
    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    fn wait_until(&self, holds: impl Fn(&State) -> bool) {
        let state = self.state.lock().unwrap();
        let (_state, result) =
            self.changed.wait_timeout_while(state, Duration::from_secs(10), |state| !holds(state)).unwrap();
        assert!(!result.timed_out());
    }

    fn syncs(&self) -> u64 {
        self.state.lock().unwrap().syncs
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.shared.state.lock().unwrap();
        state.writes += 1;
        if std::mem::take(&mut state.interrupt_next_write) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = state.short_write_len.unwrap_or(usize::MAX).min(bytes.len());
        if let Some((Step::Write, errno)) = state.fails {
            // A full disk takes a part before it says no.
            self.file.write_all(&bytes[..len / 2])?;
            return Err(errno.into());
        }
        self.file.write(&bytes[..len])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Storage for Disk {
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.shared.state.lock().unwrap();
        state.syncs += 1;
        self.shared.changed.notify_all();
        let state = self.shared.changed.wait_while(state, |state| state.stalled).unwrap();
        assert!(!state.panic_on_sync, "asked to panic");
        match state.fails {
            Some((Step::Sync, errno)) => Err(errno.into()),
            _ => self.file.sync_data(),
        }
    }

    fn cut(&mut self, len_bytes: u64) -> io::Result<()> {
        self.file.set_len(len_bytes)
    }
}

/// A log over [`Disk`] in a directory of its own.
fn faulty(options: AuditOptions) -> (tempfile::TempDir, Arc<AuditLog>, Arc<Shared>) {
    let dir = tempfile::tempdir().unwrap();
    let shared = Arc::new(Shared::default());
    let disk = Arc::clone(&shared);
    let log = AuditLog::open_over(dir.path(), options, |file| Disk { file, shared: disk }).unwrap();
    (dir, Arc::new(log), shared)
}

fn open(dir: &Path) -> Result<AuditLog, AuditError> {
    AuditLog::open(dir, AuditOptions::new())
}

fn file_of(dir: &Path) -> PathBuf {
    dir.join(FILE_NAME)
}

fn entries(dir: &Path) -> Vec<Entry> {
    let bytes = std::fs::read(file_of(dir)).unwrap();
    bytes.split_inclusive(|&byte| byte == b'\n').map(|line| Entry::parse(line).unwrap()).collect()
}

fn spawn_append(log: &Arc<AuditLog>, request_id: &str) -> tokio::task::JoinHandle<Result<u64, AuditError>> {
    let log = Arc::clone(log);
    let record = record(request_id);
    tokio::spawn(async move { log.append(&record).await })
}

#[tokio::test]
async fn a_log_goes_on_where_it_ended_and_only_its_owner_reads_it() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("audit");
    for round in 0..3 {
        let log = open(&dir).unwrap();
        assert_eq!(log.recovery().records, round * 2);
        assert_eq!(log.append(&record("a")).await.unwrap(), round * 2);
        assert_eq!(log.append(&record("b")).await.unwrap(), round * 2 + 1);
        log.close().await.unwrap();
    }
    assert_eq!(std::fs::metadata(&dir).unwrap().mode() & 0o7777, 0o700);
    assert_eq!(std::fs::metadata(file_of(&dir)).unwrap().mode() & 0o7777, 0o600);
    let entries = entries(&dir);
    assert!(entries.iter().map(|entry| entry.index).eq(0..6));
    let salts: BTreeSet<_> = entries.iter().map(|entry| entry.salt).collect();
    assert_eq!(salts.len(), 6, "each record has its own salt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_records_are_contiguous_and_share_syncs() {
    let (dir, log, disk) = faulty(AuditOptions::new());
    let waiting: Vec<_> = (0..1000).map(|n| spawn_append(&log, &n.to_string())).collect();
    let mut acked = Vec::new();
    for (n, append) in waiting.into_iter().enumerate() {
        acked.push((append.await.unwrap().unwrap(), n.to_string()));
    }
    let syncs = disk.syncs();
    assert!(syncs < 500, "{syncs} syncs for 1,000 records");
    println!("1,000 records in {syncs} syncs");
    // Read without closing: each was durable when it was acknowledged.
    acked.sort();
    let stored: Vec<_> =
        entries(dir.path()).into_iter().map(|entry| (entry.index, entry.record.request_id)).collect();
    assert_eq!(stored, acked);
    assert!(stored.iter().map(|(index, _)| *index).eq(0..1000));
}

#[tokio::test]
async fn one_commit_takes_all_that_waits() {
    let (_dir, log, disk) = faulty(AuditOptions::new());
    disk.set(|state| state.stalled = true);
    let first = spawn_append(&log, "first");
    tokio::task::yield_now().await;
    disk.wait_until(|state| state.syncs == 1);
    let rest: Vec<_> = (0..100).map(|_| spawn_append(&log, "rest")).collect();
    while log.queue.capacity() > log.queue.max_capacity() - 100 {
        tokio::task::yield_now().await;
    }
    assert!(!first.is_finished(), "not acknowledged before the sync returns");
    disk.set(|state| state.stalled = false);
    first.await.unwrap().unwrap();
    for append in rest {
        append.await.unwrap().unwrap();
    }
    let state = disk.state.lock().unwrap();
    assert_eq!((state.writes, state.syncs), (2, 2));
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path()).unwrap();
    log.append(&record("a")).await.unwrap();
    log.close().await.unwrap();
    drop(log);
    let whole = std::fs::read(file_of(dir.path())).unwrap();
    let mut torn = whole.clone();
    torn.extend_from_slice(&whole[..whole.len() / 2]);
    std::fs::write(file_of(dir.path()), &torn).unwrap();

    let log = open(dir.path()).unwrap();
    let expected =
        Recovery { records: 1, len_bytes: whole.len() as u64, torn_bytes: (whole.len() / 2) as u64 };
    assert_eq!(log.recovery(), expected);
    assert_eq!(std::fs::read(file_of(dir.path())).unwrap(), whole);
    assert_eq!(log.append(&record("b")).await.unwrap(), 1);
    assert_eq!(entries(dir.path()).len(), 2);
}

#[tokio::test]
async fn corruption_refuses_to_open_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path()).unwrap();
    for id in ["a", "b", "c"] {
        log.append(&record(id)).await.unwrap();
    }
    log.close().await.unwrap();
    drop(log);
    let whole = std::fs::read(file_of(dir.path())).unwrap();
    let lines: Vec<_> = whole.split_inclusive(|&byte| byte == b'\n').collect();

    let mut damaged = whole.clone();
    damaged[lines[0].len() + 30] ^= 1;
    std::fs::write(file_of(dir.path()), &damaged).unwrap();
    let refused = open(dir.path()).unwrap_err();
    assert!(
        matches!(refused, AuditError::Corrupt { offset_bytes, .. } if offset_bytes == lines[0].len() as u64),
        "{refused}"
    );
    assert_eq!(std::fs::read(file_of(dir.path())).unwrap(), damaged);

    let missing = [lines[0], lines[2]].concat();
    std::fs::write(file_of(dir.path()), &missing).unwrap();
    let refused = open(dir.path()).unwrap_err();
    assert!(matches!(refused, AuditError::NotContiguous { expected: 1, found: 2, .. }), "{refused}");
    assert_eq!(std::fs::read(file_of(dir.path())).unwrap(), missing);
}

#[tokio::test]
async fn a_log_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path()).unwrap();
    let refused = open(dir.path()).unwrap_err();
    assert!(matches!(refused, AuditError::Locked { .. }), "{refused}");
    log.close().await.unwrap();
    drop(log);
    open(dir.path()).unwrap();
}

#[tokio::test]
async fn what_stands_in_the_way_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let refused = open(&parent.path().join("no/audit")).unwrap_err();
    assert!(matches!(refused, AuditError::ParentMissing { .. }), "{refused}");

    std::fs::write(parent.path().join("file"), "").unwrap();
    let refused = open(&parent.path().join("file")).unwrap_err();
    assert!(matches!(refused, AuditError::Io { action: "open", .. }), "{refused}");

    let dir = parent.path().join("audit");
    std::fs::create_dir_all(file_of(&dir)).unwrap();
    let refused = open(&dir).unwrap_err();
    assert!(matches!(refused, AuditError::Io { action: "open", .. }), "{refused}");

    std::fs::remove_dir(file_of(&dir)).unwrap();
    symlink(parent.path().join("file"), file_of(&dir)).unwrap();
    let refused = open(&dir).unwrap_err();
    assert!(matches!(refused, AuditError::Io { action: "open", .. }), "{refused}");
}

#[tokio::test]
async fn short_and_interrupted_writes_go_on() {
    let (dir, log, disk) = faulty(AuditOptions::new());
    disk.set(|state| {
        state.short_write_len = Some(7);
        state.interrupt_next_write = true;
    });
    assert_eq!(log.append(&record("a")).await.unwrap(), 0);
    assert_eq!(log.append(&record("b")).await.unwrap(), 1);
    assert_eq!(entries(dir.path()).len(), 2);
}

/// One failure ends the log for those in the batch, those in the queue and those who come later,
/// and leaves on disk exactly what was acknowledged.
async fn failure_poisons(step: Step, errno: Errno) {
    let (dir, log, disk) = faulty(AuditOptions::new());
    assert_eq!(log.append(&record("good")).await.unwrap(), 0);

    disk.set(|state| state.stalled = true);
    let held = spawn_append(&log, "held by the stall");
    tokio::task::yield_now().await;
    disk.wait_until(|state| state.syncs == 2);
    let queued: Vec<_> = (0..10).map(|_| spawn_append(&log, "queued")).collect();
    tokio::task::yield_now().await;
    disk.set(|state| {
        state.fails = Some((step, errno));
        state.stalled = false;
    });

    let mut acked = 1;
    for append in std::iter::once(held).chain(queued) {
        match append.await.unwrap() {
            // A write fault comes with the next batch; what the stall held was written before.
            Ok(index) => {
                assert_eq!((index, step), (1, Step::Write));
                acked += 1;
            }
            Err(AuditError::Failed(failure)) => {
                assert_eq!((failure.step, failure.source.raw_os_error()), (step, Some(errno.raw_os_error())));
            }
            Err(other) => panic!("{other}"),
        }
    }
    let syncs = disk.syncs();
    disk.set(|state| state.fails = None);
    let refused = log.append(&record("later")).await.unwrap_err();
    assert!(matches!(&refused, AuditError::Failed(failure) if failure.step == step), "{refused}");
    assert!(log.failure().is_some());
    assert!(matches!(log.close().await, Err(AuditError::Failed(_))));
    assert_eq!(disk.syncs(), syncs, "a file is not synced again after a failure");

    let refused = open(dir.path()).unwrap_err();
    assert!(matches!(refused, AuditError::Locked { .. }), "a failed log still has its owner: {refused}");
    drop(log);
    let log = open(dir.path()).unwrap();
    assert_eq!((log.recovery().records, log.recovery().torn_bytes), (acked, 0));
    assert_eq!(log.append(&record("next")).await.unwrap(), acked);
}

#[tokio::test]
async fn a_write_error_poisons_the_log() {
    for errno in [Errno::NOSPC, Errno::IO, Errno::ROFS] {
        failure_poisons(Step::Write, errno).await;
    }
}

#[tokio::test]
async fn a_sync_error_poisons_the_log() {
    for errno in [Errno::IO, Errno::NOSPC, Errno::DQUOT] {
        failure_poisons(Step::Sync, errno).await;
    }
}

#[tokio::test]
async fn a_panic_of_the_writer_poisons_the_log() {
    let (_dir, log, disk) = faulty(AuditOptions::new());
    disk.set(|state| state.panic_on_sync = true);
    for id in ["now", "later"] {
        let refused = log.append(&record(id)).await.unwrap_err();
        assert!(
            matches!(&refused, AuditError::Failed(failure) if failure.step == Step::Panic),
            "{id}: {refused}"
        );
    }
    assert!(matches!(log.close().await, Err(AuditError::Failed(_))));
}

#[tokio::test]
async fn a_full_queue_waits_and_then_refuses() {
    let wait = Duration::from_millis(50);
    let options = AuditOptions::new().with_queue_records(NonZeroU32::new(4).unwrap()).with_queue_wait(wait);
    let (dir, log, disk) = faulty(options);
    disk.set(|state| state.stalled = true);
    let mut taken = vec![spawn_append(&log, "in the write")];
    tokio::task::yield_now().await;
    disk.wait_until(|state| state.syncs == 1);
    taken.extend((0..4).map(|_| spawn_append(&log, "in the queue")));
    while log.queue.capacity() > 0 {
        tokio::task::yield_now().await;
    }

    let started = Instant::now();
    let refused = log.append(&record("too many")).await.unwrap_err();
    assert!(
        matches!(refused, AuditError::Overloaded { queue_records: 4, waited } if waited == wait),
        "{refused}"
    );
    assert!(started.elapsed() >= wait);

    disk.set(|state| state.stalled = false);
    for append in taken {
        append.await.unwrap().unwrap();
    }
    assert_eq!(log.append(&record("after")).await.unwrap(), 5);
    assert!(entries(dir.path()).iter().all(|entry| entry.record.request_id != "too many"));
}

#[tokio::test]
async fn close_finishes_what_is_queued() {
    let (dir, log, disk) = faulty(AuditOptions::new());
    disk.set(|state| state.stalled = true);
    let waiting: Vec<_> = (0..20).map(|_| spawn_append(&log, "queued")).collect();
    while log.queue.capacity() == log.queue.max_capacity() {
        tokio::task::yield_now().await;
    }
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
    assert_eq!(entries(dir.path()).len(), 20);
    assert!(matches!(log.append(&record("late")).await, Err(AuditError::Closed)));
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
    assert_eq!(log.append(&record("next")).await.unwrap(), 1);
    assert_eq!(entries(dir.path())[0].record.request_id, "given up");
}
