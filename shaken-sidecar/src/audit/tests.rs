mod simulated;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Condvar;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::disk::DiskFile;
use super::options::RESERVE_BYTES;
use super::*;
use crate::listen::Peer;

pub(super) fn record(request_id: &str) -> Record {
    let peer = Peer { uid: 1000, gid: 1000, pid: Some(7) };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    Record::new(Op::Sign, Interface::HttpUnix, peer, request_id.into(), "signed", now)
}

/// The real files of the log, with faults: what the disk does is set by the test, what it was asked
/// is counted.
#[derive(Clone)]
struct Faulty {
    folder: Folder,
    shared: Arc<Control>,
}

struct FaultyFile {
    file: File,
    shared: Arc<Control>,
}

#[derive(Default)]
struct Control {
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
    sync_takes: Duration,
}

impl Control {
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

    fn check(&self, step: Step) -> io::Result<()> {
        match self.state.lock().unwrap().fails {
            Some((failing, errno)) if failing == step => Err(errno.into()),
            _ => Ok(()),
        }
    }
}

impl Disk for Faulty {
    type File = FaultyFile;

    fn names(&self) -> io::Result<Vec<String>> {
        self.folder.names()
    }

    fn create(&self, name: &str) -> io::Result<FaultyFile> {
        self.shared.check(Step::Begin)?;
        Ok(FaultyFile { file: self.folder.create(name)?, shared: Arc::clone(&self.shared) })
    }

    fn open(&self, name: &str) -> io::Result<FaultyFile> {
        Ok(FaultyFile { file: self.folder.open(name)?, shared: Arc::clone(&self.shared) })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.folder.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.folder.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        Disk::sync(&self.folder)
    }

    fn holds(&self, name: &str, file: &FaultyFile) -> io::Result<bool> {
        self.folder.holds(name, &file.file)
    }
}

impl DiskFile for FaultyFile {
    fn read_at(&self, bytes: &mut [u8], offset_bytes: u64) -> io::Result<usize> {
        self.file.read_at(bytes, offset_bytes)
    }

    fn write_at(&mut self, bytes: &[u8], offset_bytes: u64) -> io::Result<usize> {
        let mut state = self.shared.state.lock().unwrap();
        state.writes += 1;
        if std::mem::take(&mut state.interrupt_next_write) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = state.short_write_len.unwrap_or(usize::MAX).min(bytes.len());
        if let Some((Step::Write, errno)) = state.fails {
            // A full disk takes a part before it says no.
            self.file.write_at(&bytes[..len / 2], offset_bytes)?;
            return Err(errno.into());
        }
        self.file.write_at(&bytes[..len], offset_bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.shared.state.lock().unwrap();
        state.syncs += 1;
        self.shared.changed.notify_all();
        let state = self.shared.changed.wait_while(state, |state| state.stalled).unwrap();
        assert!(!state.panic_on_sync, "asked to panic");
        let (fails, takes) = (state.fails, state.sync_takes);
        drop(state);
        std::thread::sleep(takes);
        match fails {
            Some((Step::Sync, errno)) => Err(errno.into()),
            _ => DiskFile::sync(&mut self.file),
        }
    }

    fn len_bytes(&self) -> io::Result<u64> {
        self.file.len_bytes()
    }

    fn set_len(&mut self, len_bytes: u64) -> io::Result<()> {
        DiskFile::set_len(&mut self.file, len_bytes)
    }

    fn allocate(&mut self, len_bytes: u64) -> io::Result<()> {
        self.shared.check(Step::Reserve)?;
        self.file.allocate(len_bytes)
    }
}

/// A log over [`Faulty`] in a directory of its own. Its first segment is already begun.
fn faulty(options: AuditOptions) -> (tempfile::TempDir, Arc<AuditLog>, Arc<Control>) {
    let dir = tempfile::tempdir().unwrap();
    let (log, shared) = faulty_in(dir.path(), options);
    (dir, log, shared)
}

fn faulty_in(dir: &Path, options: AuditOptions) -> (Arc<AuditLog>, Arc<Control>) {
    let shared = Arc::new(Control::default());
    let lock = Arc::new(lock_dir(dir).unwrap());
    let segments = dir.join(SEGMENTS);
    create_dir(&segments).unwrap();
    let folder = Folder::open(&segments).unwrap();
    let disk = Faulty { folder, shared: Arc::clone(&shared) };
    let log = AuditLog::open_over(disk, &segments, lock, options, ()).unwrap();
    shared.set(|state| (state.writes, state.syncs) = (0, 0));
    (Arc::new(log), shared)
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
    assert!(entries.iter().map(|entry| entry.index).eq(0..entries.len() as u64));
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
    for dir in [&dir, &dir.join(SEGMENTS)] {
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
    let options = AuditOptions::new().with_segment_bytes(1000);
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
async fn a_torn_tail_is_cut_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path()).unwrap();
    append(&log, "a").await;
    log.close().await.unwrap();
    drop(log);
    let whole = std::fs::read(file_of(dir.path())).unwrap();
    let mut torn = whole.clone();
    torn.extend_from_slice(&whole[..whole.len() / 3]);
    std::fs::write(file_of(dir.path()), &torn).unwrap();

    let log = open(dir.path()).unwrap();
    let found = log.recovery();
    assert_eq!(
        (found.records, found.segments, found.len_bytes, found.torn_bytes),
        (2, 1, whole.len() as u64, (whole.len() / 3) as u64)
    );
    assert_eq!(std::fs::read(file_of(dir.path())).unwrap(), whole);
    assert_eq!(append(&log, "b").await, 2);
    assert_eq!(calls(dir.path()).len(), 2);
}

#[tokio::test]
async fn corruption_refuses_to_open_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path()).unwrap();
    for id in ["a", "b", "c"] {
        append(&log, id).await;
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
    std::os::unix::fs::symlink(parent.path().join("file"), file_of(&dir)).unwrap();
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
    assert_eq!(append(&log, "a").await, 0);
    assert_eq!(append(&log, "b").await, 1);
    assert_eq!(calls(dir.path()).len(), 2);
    assert_eq!(log.state().faults, 0);
}

/// A fault that stays is fatal for those in the batch, those in the queue and those who come while it
/// lasts, leaves on disk exactly what was acknowledged, and is over when it is over.
async fn fault_and_recovery(step: Step, errno: Errno) {
    let (dir, log, disk) = faulty(AuditOptions::new());
    assert_eq!(append(&log, "good").await, 0);

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

    let (mut acked, mut refused) = (1, 0);
    for append in std::iter::once(held).chain(queued) {
        match append.await.unwrap() {
            // A write fault comes with the next batch; what the stall held was written before.
            Ok(kept) => {
                assert_eq!((kept.index(), step), (Some(1), Step::Write));
                acked += 1;
            }
            Err(AuditError::Failed(failure)) => {
                assert_eq!(failure.source.raw_os_error(), Some(errno.raw_os_error()));
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    let later = log.append(record("later")).await.unwrap_err();
    assert!(matches!(later, AuditError::Failed(_)), "{later}");
    assert!(matches!(log.state().health, Health::Degraded { .. }));
    assert_eq!(calls(dir.path()).len(), acked, "lines that nobody was told of are cut");
    let owned = open(dir.path()).unwrap_err();
    assert!(matches!(owned, AuditError::Locked { .. }), "a degraded log still has its owner: {owned}");

    // Without a restart.
    disk.set(|state| state.fails = None);
    wait_for("health", || matches!(log.state().health, Health::Ok)).await;
    append(&log, "next").await;
    wait_for("a gap record", || log.state().gaps == 1).await;
    assert_eq!(log.state().unrecorded, refused + 1);
    let events = events(dir.path());
    let cut = events.iter().find_map(|event| if let Event::Cut(cut) = event { Some(cut) } else { None });
    let cut = cut.unwrap();
    assert_eq!((cut.segment, cut.errno), (0, Some(errno.raw_os_error())));
    let gap = events.iter().find_map(|event| if let Event::Gap(gap) = event { Some(gap) } else { None });
    let gap = gap.unwrap();
    assert_eq!((gap.served, gap.refused, gap.notes), (0, refused + 1, 0));
    assert_eq!(calls(dir.path()).last().unwrap().1, "next");
    log.close().await.unwrap();
    drop(log);
    let log = open(dir.path()).unwrap();
    assert_eq!(log.recovery().torn_bytes, 0);
    assert_eq!(log.recovery().records, all_entries(dir.path()).len() as u64);
}

#[tokio::test]
async fn a_write_error_ends_with_the_fault() {
    for errno in [Errno::NOSPC, Errno::IO, Errno::ROFS] {
        fault_and_recovery(Step::Write, errno).await;
    }
}

#[tokio::test]
async fn a_sync_error_ends_with_the_fault() {
    for errno in [Errno::IO, Errno::NOSPC, Errno::DQUOT] {
        fault_and_recovery(Step::Sync, errno).await;
    }
}

#[tokio::test]
async fn a_panic_of_the_writer_ends_the_log() {
    let (_dir, log, disk) = faulty(AuditOptions::new());
    disk.set(|state| state.panic_on_sync = true);
    for id in ["now", "later"] {
        let refused = log.append(record(id)).await.unwrap_err();
        assert!(
            matches!(&refused, AuditError::Failed(failure) if failure.step == Step::Panic),
            "{id}: {refused}"
        );
    }
    assert!(matches!(log.state().health, Health::Failed { .. }));
    assert_eq!(log.state().unrecorded, 2);
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
    let refused = log.append(record("too many")).await.unwrap_err();
    assert!(
        matches!(refused, AuditError::Overloaded { queue_records: 4, waited } if waited == wait),
        "{refused}"
    );
    assert!(started.elapsed() >= wait);

    disk.set(|state| state.stalled = false);
    for append in taken {
        append.await.unwrap().unwrap();
    }
    append(&log, "after").await;
    assert!(calls(dir.path()).iter().all(|(_, request_id)| request_id != "too many"));
    log.close().await.unwrap();
    let events = events(dir.path());
    let shed = events.iter().map(|event| if let Event::Summary(summary) = event { summary.shed } else { 0 });
    assert_eq!(shed.sum::<u64>(), 1);
}

#[tokio::test]
async fn close_finishes_what_is_queued_and_says_so() {
    let (dir, log, disk) = faulty(AuditOptions::new());
    disk.set(|state| state.stalled = true);
    let waiting: Vec<_> = (0..20).map(|_| spawn_append(&log, "queued")).collect();
    while log.queue.capacity() == log.queue.max_capacity() {
        tokio::task::yield_now().await;
    }
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

/// While the disk is full there are only notes of ours, out of the reserve.
#[tokio::test]
async fn a_full_disk_is_over_when_the_reserve_fits_again() {
    let (dir, log, disk) = faulty(AuditOptions::new());
    let reserve = dir.path().join(SEGMENTS).join(writer::outage::RESERVE);
    append(&log, "good").await;
    assert_eq!(std::fs::metadata(&reserve).unwrap().blocks() * 512, RESERVE_BYTES);
    disk.set(|state| state.fails = Some((Step::Write, Errno::NOSPC)));
    log.append(record("full")).await.unwrap_err();
    assert!(!reserve.exists(), "the reserve is given free");
    disk.set(|state| state.fails = Some((Step::Reserve, Errno::NOSPC)));
    wait_for("the reserve to be asked for", || {
        log.state().health.cause().is_some_and(|cause| cause.step == Step::Reserve)
    })
    .await;
    log.append(record("still full")).await.unwrap_err();
    wait_for("a gap record while it is full", || log.state().gaps >= 1).await;
    assert!(matches!(log.state().health, Health::Degraded { .. }));
    disk.set(|state| state.fails = None);
    wait_for("health", || matches!(log.state().health, Health::Ok)).await;
    append(&log, "room").await;
    assert!(reserve.exists());
    log.close().await.unwrap();
    let requests: Vec<_> = calls(dir.path()).into_iter().map(|(_, request)| request).collect();
    assert_eq!(requests, ["good", "room"]);
    let refused = events(dir.path()).into_iter().map(|event| match event {
        Event::Gap(gap) => gap.refused,
        _ => 0,
    });
    assert_eq!(refused.sum::<u64>(), 2);
}

#[tokio::test]
async fn a_full_segment_goes_on_when_there_can_be_no_other() {
    let (dir, log, disk) = faulty(AuditOptions::new().with_segment_bytes(500));
    disk.set(|state| state.fails = Some((Step::Begin, Errno::MFILE)));
    for n in 0..5 {
        assert_eq!(append(&log, "r").await, n);
    }
    assert!(matches!(log.state().health, Health::Degraded { .. }));
    let segments = |dir: &Path| segment::list(&Folder::open(&dir.join(SEGMENTS)).unwrap()).unwrap();
    assert_eq!(segments(dir.path()), [0]);
    disk.set(|state| state.fails = None);
    wait_for("health", || matches!(log.state().health, Health::Ok)).await;
    assert_eq!(append(&log, "r").await, 5);
    assert_eq!(segments(dir.path()), [0, 5]);
    assert_eq!(calls(dir.path()).len(), 6);
}

#[tokio::test]
async fn a_log_that_is_taken_away_has_failed() {
    type Take = fn(&Path);
    let ways: [Take; 4] = [
        |dir| std::fs::remove_file(file_of(dir)).unwrap(),
        |dir| std::fs::rename(file_of(dir), dir.join("elsewhere")).unwrap(),
        |dir| std::fs::remove_dir_all(dir.join(SEGMENTS)).unwrap(),
        |dir| {
            std::fs::rename(file_of(dir), dir.join("elsewhere")).unwrap();
            std::fs::copy(dir.join("elsewhere"), file_of(dir)).unwrap();
        },
    ];
    for take_away in ways {
        let dir = tempfile::tempdir().unwrap();
        let log = open(dir.path()).unwrap();
        append(&log, "r").await;
        take_away(dir.path());
        wait_for("the failure", || matches!(log.state().health, Health::Failed { .. })).await;
        let refused = log.append(record("r")).await.unwrap_err();
        assert!(matches!(&refused, AuditError::Failed(cause) if cause.step == Step::Removed), "{refused}");
        assert!(matches!(log.close().await, Err(AuditError::Failed(_))));
    }
}

/// A disk that needs half a second for each sync: who comes in time is served late, all else is shed,
/// and nothing piles up.
#[tokio::test]
async fn a_slow_disk_sheds() {
    let wait = Duration::from_millis(200);
    let options = AuditOptions::new().with_queue_records(NonZeroU32::new(8).unwrap()).with_queue_wait(wait);
    let (dir, log, disk) = faulty(options);
    disk.set(|state| state.sync_takes = Duration::from_millis(500));
    let started = Instant::now();
    let mut waiting = Vec::new();
    for n in 0..100 {
        let appender = Arc::clone(&log);
        waiting.push(tokio::spawn(async move {
            let arrived = Instant::now();
            (appender.append(record(&n.to_string())).await, arrived.elapsed())
        }));
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(log.state().queued <= 8);
    }
    let (mut kept, mut shed) = (0, 0);
    for append in waiting {
        match append.await.unwrap() {
            (Ok(_), took) => {
                kept += 1;
                // The wait for room, the commit under way, and the own one.
                assert!(took < Duration::from_millis(200 + 3 * 500), "{took:?}");
            }
            (Err(AuditError::Overloaded { .. }), took) => {
                shed += 1;
                assert!(took < wait + Duration::from_millis(300), "{took:?}");
            }
            (Err(other), _) => panic!("{other}"),
        }
    }
    println!("in {:?}: {kept} kept, {shed} shed", started.elapsed());
    assert!(kept >= 16 && shed >= 30);
    disk.set(|state| state.sync_takes = Duration::ZERO);
    log.close().await.unwrap();
    assert_eq!(calls(dir.path()).len(), kept);
}

/// The zeros that are laid out ahead are no records, whenever the process ends.
#[tokio::test]
async fn prepared_segments_are_used_and_read_over() {
    let dir = tempfile::tempdir().unwrap();
    let options = AuditOptions::new().with_segment_bytes(100_000).with_prepare_after_bytes(5_000);
    let log = Arc::new(AuditLog::open(dir.path(), options).unwrap());
    let mut count = 0;
    let segments = dir.path().join(SEGMENTS);
    let last = |segments: &Path| {
        let first = *segment::list(&Folder::open(segments).unwrap()).unwrap().last().unwrap();
        (first, std::fs::read(segments.join(segment::name_of(first))).unwrap())
    };
    let patience = Instant::now() + Duration::from_secs(10);
    let killed = loop {
        let waiting: Vec<_> = (0..10).map(|_| spawn_append(&log, "r")).collect();
        for append in waiting {
            append.await.unwrap().unwrap();
            count += 1;
        }
        let (first, bytes) = last(&segments);
        // In the second prepared one, with records and zeros in it.
        if first > 300 && bytes.len() == 100_000 && bytes[0] != 0 {
            assert_eq!(bytes.last(), Some(&0));
            break bytes;
        }
        assert!(Instant::now() < patience);
    };
    assert_eq!(calls(dir.path()).len(), count);
    let killed_name = segments.join(segment::name_of(last(&segments).0));
    log.close().await.unwrap();
    drop(log);
    let (_, closed) = last(&segments);
    assert_ne!(closed.last(), Some(&0), "an orderly end leaves no zeros");
    let names = std::fs::read_dir(&segments).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| !name.ends_with(".jsonl"));
    assert_eq!(names, [writer::outage::RESERVE]);

    // As a kill would have left it.
    std::fs::write(killed_name, killed).unwrap();
    std::fs::write(segments.join(segment::PREPARED), [0; 100]).unwrap();
    std::fs::write(segments.join(segment::NEXT), "half a li").unwrap();
    let log = open(dir.path()).unwrap();
    assert_eq!((log.recovery().records, log.recovery().torn_bytes), (count as u64, 0));
    assert_eq!(append(&log, "goes on").await, count as u64);
    assert_eq!(calls(dir.path()).len(), count + 1);
    assert!(!segments.join(segment::PREPARED).exists() && !segments.join(segment::NEXT).exists());
}

/// Segments that do not fit together are refused, whatever single one it is.
#[tokio::test]
async fn missing_and_damaged_segments_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path(), AuditOptions::new().with_segment_bytes(1000)).unwrap();
    for _ in 0..10 {
        append(&log, "r").await;
    }
    log.close().await.unwrap();
    drop(log);
    let firsts = segment::list(&Folder::open(&dir.path().join(SEGMENTS)).unwrap()).unwrap();
    assert!(firsts.len() > 3);
    let path = |first: u64| dir.path().join(SEGMENTS).join(segment::name_of(first));
    for pair in firsts.windows(2) {
        let whole = std::fs::read(path(pair[0])).unwrap();
        std::fs::remove_file(path(pair[0])).unwrap();
        let refused = open(dir.path()).unwrap_err();
        assert!(matches!(refused, AuditError::NotContiguous { .. }), "{refused}");
        // Its last record is gone, or damaged.
        for len in [whole.len() - 200, 0] {
            std::fs::write(path(pair[0]), &whole[..len]).unwrap();
            let refused = open(dir.path()).unwrap_err();
            assert!(matches!(refused, AuditError::Corrupt { .. }), "{refused}");
        }
        // A record of the next one stands in it too, and nothing says why.
        let next = std::fs::read(path(pair[1])).unwrap();
        std::fs::write(path(pair[0]), [&whole[..], &next[..]].concat()).unwrap();
        let refused = open(dir.path()).unwrap_err();
        assert!(matches!(refused, AuditError::NotContiguous { .. }), "{refused}");
        std::fs::write(path(pair[0]), &whole).unwrap();
    }
    open(dir.path()).unwrap();
}
