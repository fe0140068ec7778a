//! A disk in memory that fails at any call or loses power at any moment, under the whole log.
//!
//! What was not synced is lost, kept or torn by the sector, in any order; names that were not synced
//! are there or not. A failed sync calls its pages clean, as Linux does: a later sync of the same file
//! does nothing for them.

use std::collections::BTreeMap;

use super::*;

/// One of the folders of the disk, whose names begin with this; that of the segments with nothing.
#[derive(Clone)]
pub(super) struct SimDisk(Arc<Mutex<Sim>>, &'static str);

pub(super) struct SimFile {
    sim: Arc<Mutex<Sim>>,
    inode: usize,
}

#[derive(Default)]
pub(super) struct Sim {
    inodes: Vec<Inode>,
    pub(super) names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    name_changes: Vec<NameChange>,
    pub(super) calls: u64,
    /// What goes wrong at which call, counted from 0.
    pub(super) fault: Option<(u64, Fault)>,
    /// The same, at which call of one kind.
    pub(super) fault_of: Option<(&'static str, u64, Fault)>,
    /// How many calls of each kind there were.
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// What the disk held when power was lost. Nothing works any more.
    pub(super) after_cut: Option<Files>,
    /// The call that went wrong.
    pub(super) failed_at: Option<&'static str>,
    random: Random,
}

pub(super) type Files = BTreeMap<String, Vec<u8>>;

#[derive(Default)]
struct Inode {
    bytes: Vec<u8>,
    /// What is on the disk for certain, then each state since.
    states: Vec<Vec<u8>>,
}

#[derive(Clone)]
enum NameChange {
    Set(String, usize),
    Moved(String, String, usize),
    Gone(String),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Errno(Errno),
    ShortWrite,
    PowerCut,
}

/// xorshift64: the same again for the same seed.
#[derive(Clone, Copy)]
pub(super) struct Random(pub(super) u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }
}

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }
}

impl Sim {
    /// Every call to the disk passes here first. A short write is for the caller to do.
    fn call(&mut self, what: &'static str) -> io::Result<Option<Fault>> {
        if self.after_cut.is_some() {
            return Err(Errno::IO.into());
        }
        let call = self.calls;
        self.calls += 1;
        let count = self.counts.entry(what).or_default();
        let fault_of = self.fault_of.filter(|(kind, at, _)| *kind == what && at == count);
        *count += 1;
        match self
            .fault
            .filter(|(at, _)| *at == call)
            .map(|(_, fault)| fault)
            .or_else(|| fault_of.map(|it| it.2))
        {
            Some(fault) => {
                self.failed_at = Some(what);
                match fault {
                    Fault::Errno(errno) if what != "sync" => Err(errno.into()),
                    Fault::PowerCut => {
                        self.after_cut = Some(self.cut_power());
                        Err(Errno::IO.into())
                    }
                    other => Ok(Some(other)),
                }
            }
            None => Ok(None),
        }
    }

    /// What is found at the next start if power is lost now.
    pub(super) fn cut_power(&self) -> Files {
        let mut random = self.random;
        let mut names = self.durable_names.clone();
        for change in &self.name_changes {
            if random.below(2) == 0 {
                apply(&mut names, change.clone());
            }
        }
        let sector_len = [512, 4096][random.below(2)];
        let files = names.into_iter().map(|(name, inode)| {
            let states = &self.inodes[inode].states;
            let len = states[random.below(states.len())].len();
            let mut bytes = vec![0; len];
            for (at, sector) in bytes.chunks_mut(sector_len).enumerate() {
                let state = &states[random.below(states.len())];
                let old = state.get(at * sector_len..).unwrap_or_default();
                let len = old.len().min(sector.len());
                sector[..len].copy_from_slice(&old[..len]);
            }
            (name, bytes)
        });
        files.collect()
    }

    /// What is found if only the process ends.
    pub(super) fn files(&self) -> Files {
        let bytes = |inode: usize| self.inodes[inode].bytes.clone();
        self.names.iter().map(|(name, inode)| (name.clone(), bytes(*inode))).collect()
    }

    fn change_name(&mut self, change: NameChange) {
        apply(&mut self.names, change.clone());
        self.name_changes.push(change);
    }
}

fn apply(names: &mut BTreeMap<String, usize>, change: NameChange) {
    match change {
        NameChange::Set(name, inode) => {
            names.insert(name, inode);
        }
        NameChange::Moved(from, to, inode) => {
            names.remove(&from);
            names.insert(to, inode);
        }
        NameChange::Gone(name) => {
            names.remove(&name);
        }
    }
}

impl SimDisk {
    pub(super) fn new(fault: Option<(u64, Fault)>, random: Random) -> Self {
        Self(Arc::new(Mutex::new(Sim { fault, random, ..Sim::default() })), "")
    }

    /// The folder of the sealed segments on the same disk.
    pub(super) fn sealed(&self) -> Self {
        Self(Arc::clone(&self.0), "sealed/")
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.1)
    }

    /// The name within this folder, if it is in it.
    fn own<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(self.1).filter(|name| !name.contains('/'))
    }

    pub(super) fn sim(&self) -> std::sync::MutexGuard<'_, Sim> {
        self.0.lock().unwrap()
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    fn names(&self) -> io::Result<Vec<String>> {
        let mut sim = self.sim();
        sim.call("list")?;
        Ok(sim.names.keys().filter_map(|name| self.own(name)).map(str::to_owned).collect())
    }

    fn create(&self, name: &str) -> io::Result<SimFile> {
        let mut sim = self.sim();
        sim.call("create")?;
        let name = self.name(name);
        if sim.names.contains_key(&name) {
            return Err(Errno::EXIST.into());
        }
        let inode = sim.inodes.len();
        sim.inodes.push(Inode { bytes: Vec::new(), states: vec![Vec::new()] });
        sim.change_name(NameChange::Set(name, inode));
        Ok(SimFile { sim: Arc::clone(&self.0), inode })
    }

    fn open(&self, name: &str) -> io::Result<SimFile> {
        let mut sim = self.sim();
        sim.call("open")?;
        let inode = *sim.names.get(&self.name(name)).ok_or(Errno::NOENT)?;
        Ok(SimFile { sim: Arc::clone(&self.0), inode })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut sim = self.sim();
        sim.call("rename")?;
        let inode = *sim.names.get(&self.name(from)).ok_or(Errno::NOENT)?;
        sim.change_name(NameChange::Moved(self.name(from), self.name(to), inode));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut sim = self.sim();
        sim.call("remove")?;
        sim.names.get(&self.name(name)).ok_or(Errno::NOENT)?;
        sim.change_name(NameChange::Gone(self.name(name)));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut sim = self.sim();
        sim.call("sync names")?;
        let is_own = |change: &NameChange| match change {
            NameChange::Set(name, _) | NameChange::Moved(name, ..) | NameChange::Gone(name) => {
                self.own(name).is_some()
            }
        };
        // Nothing becomes durable of the other folder.
        let (own, others) = std::mem::take(&mut sim.name_changes).into_iter().partition(is_own);
        sim.name_changes = others;
        let own: Vec<NameChange> = own;
        own.into_iter().for_each(|change| apply(&mut sim.durable_names, change));
        Ok(())
    }

    fn holds(&self, name: &str, file: &SimFile) -> io::Result<bool> {
        let mut sim = self.sim();
        sim.call("look up")?;
        Ok(sim.names.get(&self.name(name)) == Some(&file.inode))
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, bytes: &mut [u8], offset_bytes: u64) -> io::Result<usize> {
        let mut sim = self.sim.lock().unwrap();
        sim.call("read")?;
        let rest = sim.inodes[self.inode].bytes.get(offset_bytes as usize..).unwrap_or_default();
        let len = rest.len().min(bytes.len());
        bytes[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_at(&mut self, bytes: &[u8], offset_bytes: u64) -> io::Result<usize> {
        let mut sim = self.sim.lock().unwrap();
        let len = match sim.call("write")? {
            Some(_) => bytes.len().div_ceil(2),
            None => bytes.len(),
        };
        let inode = &mut sim.inodes[self.inode];
        let (start, end) = (offset_bytes as usize, offset_bytes as usize + len);
        if inode.bytes.len() < end {
            inode.bytes.resize(end, 0);
        }
        inode.bytes[start..end].copy_from_slice(&bytes[..len]);
        inode.states.push(inode.bytes.clone());
        Ok(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut sim = self.sim.lock().unwrap();
        match sim.call("sync")? {
            Some(Fault::Errno(Errno::INTR)) => return Err(Errno::INTR.into()),
            Some(Fault::Errno(errno)) => {
                // Some of it may have got there; none of it will be tried again.
                let mut random = sim.random;
                let states = &mut sim.inodes[self.inode].states;
                let kept = states.swap_remove(random.below(states.len()));
                *states = vec![kept];
                return Err(errno.into());
            }
            _ => {}
        }
        let inode = &mut sim.inodes[self.inode];
        // What a failed sync gave up stays given up, unless it was written again since.
        inode.states = vec![inode.states.last().unwrap().clone()];
        Ok(())
    }

    fn write_out(&mut self, _: u64, _: u64) -> io::Result<()> {
        self.sim.lock().unwrap().call("write out").map(drop)
    }

    fn len_bytes(&self) -> io::Result<u64> {
        let mut sim = self.sim.lock().unwrap();
        sim.call("look at length")?;
        Ok(sim.inodes[self.inode].bytes.len() as u64)
    }

    fn set_len(&mut self, len_bytes: u64) -> io::Result<()> {
        let mut sim = self.sim.lock().unwrap();
        sim.call("cut")?;
        let inode = &mut sim.inodes[self.inode];
        inode.bytes.resize(len_bytes as usize, 0);
        inode.states.push(inode.bytes.clone());
        Ok(())
    }

    fn allocate(&mut self, _: u64) -> io::Result<()> {
        self.sim.lock().unwrap().call("allocate").map(drop)
    }
}

/// Nothing is sealed unless a test asks for it.
pub(super) fn options() -> AuditOptions {
    AuditOptions::new()
        .with_sealing(Sealing::Off)
        .with_segment_bytes(1000)
        .with_reserve_bytes(64 * 1024)
        .with_prepare_after_bytes(u64::MAX)
}

pub(super) fn open_sim(disk: &SimDisk, options: AuditOptions) -> Result<AuditLog, AuditError> {
    let dir = tempfile::tempdir().unwrap();
    let lock = Arc::new(lock_dir(dir.path()).unwrap());
    let folders = Folders {
        segments: disk.clone(),
        segments_dir: "simulated".into(),
        sealed: Some(disk.sealed()),
        sealed_dir: "simulated/sealed".into(),
    };
    AuditLog::open_over(folders, lock, options, NeededBy::default(), ())
}

/// Requests that were answered with an index, and those that were refused.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) acked: Vec<(u64, String)>,
    pub(super) refused: Vec<String>,
}

/// Puts the files on a real disk and opens the log there, as the next start would: it must hold all
/// that was acknowledged, where it was said to be, nothing twice, and go on.
pub(super) async fn check(files: &Files, outcome: &Outcome, context: &str) -> Vec<(u64, String)> {
    let dir = tempfile::tempdir_in(memory()).unwrap();
    std::fs::create_dir(dir.path().join(SEGMENTS)).unwrap();
    std::fs::create_dir(dir.path().join(SEALED)).unwrap();
    for (name, bytes) in files {
        let folder = if name.contains('/') { dir.path().to_owned() } else { dir.path().join(SEGMENTS) };
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    let log = AuditLog::open(dir.path(), options()).unwrap_or_else(|error| panic!("{context}: {error}"));
    let stored = calls(dir.path());
    let begin = all_entries(dir.path()).first().map_or(0, |entry| entry.index);
    for acked in &outcome.acked {
        let is_deleted = acked.0 < begin;
        assert!(is_deleted || stored.contains(acked), "{context}: {acked:?} not in {stored:?}");
    }
    let requests: BTreeSet<_> = stored.iter().map(|(_, request)| request).collect();
    assert_eq!(requests.len(), stored.len(), "{context}: a request stands twice: {stored:?}");
    let records = log.recovery().records;
    assert_eq!(append(&log, "goes on").await, records, "{context}");
    log.close().await.unwrap();
    assert_eq!(all_entries(dir.path()).len() as u64, records + 2 - begin, "{context}");
    let report = inspect(dir.path(), None, &[], |_| ()).unwrap();
    let findings: Vec<_> = report.findings.iter().map(Finding::name).collect();
    assert_eq!(findings, ["no-key"], "{context}: {report:?}");
    stored
}

pub(super) fn memory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

/// Appends one record after the other, over several segments, then until one succeeds.
pub(super) async fn append_through(log: &AuditLog, outcome: &mut Outcome) {
    for n in 0..8 {
        let request = format!("request {n}");
        match log.append(record(&request)).await {
            Ok(kept) => outcome.acked.push((kept.index().unwrap(), request)),
            Err(AuditError::Failed(_)) => {
                outcome.refused.push(request);
                // What the failure cost is known by now.
                assert!(log.state().faults > 0 && log.state().unrecorded > 0);
            }
            Err(other) => panic!("{other}"),
        }
    }
    let patience = Instant::now() + Duration::from_secs(10);
    for n in 0.. {
        let request = format!("last request {n}");
        if let Ok(kept) = log.append(record(&request)).await {
            return outcome.acked.push((kept.index().unwrap(), request));
        }
        assert!(Instant::now() < patience, "it does not heal: {:?}", log.state());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What the log finds on the disk before anything fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    /// What a killed process left: records, a torn one, a segment that was not ready.
    ALog,
}

/// A disk that is as told, and from here on counts its calls from 0.
async fn disk_with(before: Before, random: Random, outcome: &mut Outcome) -> SimDisk {
    let disk = SimDisk::new(None, random);
    if before == Before::ALog {
        let log = open_sim(&disk, options()).unwrap();
        for n in 0..5 {
            let request = format!("earlier request {n}");
            outcome.acked.push((append(&log, &request).await, request));
        }
        log.close().await.unwrap();
        let last = *segment::list(&disk).unwrap().last().unwrap();
        let mut file = disk.open(&segment::name_of(last)).unwrap();
        let len_bytes = file.len_bytes().unwrap();
        file.write_at(br#"{"schema":1,"index":6,"comm"#, len_bytes).unwrap();
        disk.create(segment::NEXT).unwrap();
        disk.create(segment::PREPARED).unwrap();
    }
    disk.sim().calls = 0;
    disk
}

/// Every call to the disk fails once, in every way: nothing that was acknowledged is lost, after a
/// restart or after a power cut; what was refused does not count; and the log goes on by itself.
#[tokio::test]
async fn every_call_may_fail_in_every_way() {
    let (mut runs, mut seen) = (0, BTreeSet::new());
    for before in [Before::Nothing, Before::ALog] {
        let disk = disk_with(before, Random::default(), &mut Outcome::default()).await;
        let log = open_sim(&disk, options()).unwrap();
        append_through(&log, &mut Outcome::default()).await;
        log.close().await.unwrap();
        let calls = disk.sim().calls;
        assert!(disk.sim().names.len() > 3, "several segments");

        let errnos = [Errno::IO, Errno::NOSPC, Errno::INTR, Errno::ROFS, Errno::MFILE];
        let faults = errnos.map(Fault::Errno).into_iter().chain([Fault::ShortWrite]);
        for (fault, at) in faults.flat_map(|fault| (0..calls).map(move |at| (fault, at))) {
            runs += 1;
            let what = one_fault(before, fault, at).await;
            seen.insert(what.unwrap_or("nothing"));
        }
    }
    println!("{runs} faults, at each of: {seen:?}");
    let all =
        ["allocate", "create", "cut", "list", "read", "remove", "rename", "sync", "sync names", "write"];
    for what in all {
        assert!(seen.contains(what), "no fault hit {what}");
    }
}

/// Tells which call it hit.
async fn one_fault(before: Before, fault: Fault, at: u64) -> Option<&'static str> {
    let mut outcome = Outcome::default();
    let disk = disk_with(before, Random(at + 1), &mut outcome).await;
    disk.sim().fault = Some((at, fault));
    match open_sim(&disk, options()) {
        Ok(log) => {
            append_through(&log, &mut outcome).await;
            // Notes may be lost to the fault itself, and say so.
            let _ = log.close().await;
        }
        Err(error) => {
            assert!(matches!(error, AuditError::Io { .. }), "{error}");
            let log = open_sim(&disk, options()).unwrap();
            append_through(&log, &mut outcome).await;
            log.close().await.unwrap();
        }
    }
    let what = disk.sim().failed_at;
    let context = format!("{before:?}, {fault:?} at call {at}, {what:?}");
    if matches!(fault, Fault::Errno(Errno::INTR) | Fault::ShortWrite) {
        assert_eq!(outcome.refused.len(), 0, "{context}");
    }
    assert!(outcome.refused.len() <= 1, "{context}: a fault costs one commit");
    let files = disk.sim().files();
    let stored = check(&files, &outcome, &context).await;
    for refused in &outcome.refused {
        assert!(stored.iter().all(|(_, request)| request != refused), "{context}: {refused}");
    }
    let files = disk.sim().cut_power();
    check(&files, &outcome, &format!("{context}, then a power cut")).await;
    what
}

/// Power is lost at any moment under load, while segments are rolled and prepared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_records_survive_power_cuts() {
    const CUTS: u64 = 1000;
    let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    println!("seed {seed}");
    let (mut acked, mut more, mut in_time) = (0, 0, 0);
    for cut in 0..CUTS {
        let mut random = Random(seed.wrapping_add(cut.wrapping_mul(0x9E37_79B9_7F4A_7C15)) | 1);
        for _ in 0..10 {
            random.below(1);
        }
        let at = random.below(70) as u64;
        let disk = SimDisk::new(Some((at, Fault::PowerCut)), random);
        let options = options().with_segment_bytes(20_000).with_prepare_after_bytes(8_000);
        let mut outcome = Outcome::default();
        if let Ok(log) = open_sim(&disk, options) {
            let log = Arc::new(log);
            let appenders: Vec<_> = (0..4)
                .map(|n| {
                    tokio::spawn(append_some(Arc::clone(&log), n, Random(random.below(1 << 30) as u64 + 1)))
                })
                .collect();
            for appender in appenders {
                outcome.acked.extend(appender.await.unwrap());
            }
            let _ = log.close().await;
        }
        let files = {
            let mut sim = disk.sim();
            let files = sim.after_cut.take();
            in_time += usize::from(files.is_some());
            files.unwrap_or_else(|| sim.cut_power())
        };
        acked += outcome.acked.len();
        let stored = check(&files, &outcome, &format!("seed {seed}, cut {cut} at call {at}")).await;
        more += usize::from(stored.len() > outcome.acked.len());
    }
    println!(
        "{CUTS} power cuts, {in_time} of them under load: {acked} records acknowledged, none lost; \
         {more} left more than that"
    );
    assert!(acked > 1000 && in_time > 500 && more > 0);
}

/// What was acknowledged of ten records, one after the other.
async fn append_some(log: Arc<AuditLog>, appender: u32, mut random: Random) -> Vec<(u64, String)> {
    let mut acked = Vec::new();
    for n in 0..10 {
        let request = format!("request {n} of {appender}");
        let mut record = record(&request);
        // Of many lengths, so that they lie across sectors in many ways.
        record.identity = vec!["x".repeat(random.below(6000))];
        if let Ok(kept) = log.append(record).await {
            acked.push((kept.index().unwrap(), request));
        }
    }
    acked
}
