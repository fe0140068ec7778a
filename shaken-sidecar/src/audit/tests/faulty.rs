//! The real files of the log, on a disk that does what the test wants.

use std::sync::Condvar;

use super::*;

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
pub(super) struct Control {
    pub(super) state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) writes: u64,
    pub(super) syncs: u64,
    /// Most bytes that one write takes.
    pub(super) short_write_len: Option<usize>,
    pub(super) interrupt_next_write: bool,
    pub(super) fails: Option<(Step, Errno)>,
    pub(super) panic_on_sync: bool,
    /// Syncs block while this is set.
    pub(super) stalled: bool,
    /// Syncs take so long if this is set, and no longer: the disk below is left alone.
    pub(super) sync_takes: Option<Duration>,
}

impl Control {
    pub(super) fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    pub(super) fn wait_until(&self, holds: impl Fn(&State) -> bool) {
        let state = self.state.lock().unwrap();
        let (_state, result) =
            self.changed.wait_timeout_while(state, Duration::from_secs(10), |state| !holds(state)).unwrap();
        assert!(!result.timed_out());
    }

    pub(super) fn syncs(&self) -> u64 {
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
        match (fails, takes) {
            (Some((Step::Sync, errno)), _) => Err(errno.into()),
            (_, Some(takes)) => {
                std::thread::sleep(takes);
                Ok(())
            }
            (_, None) => DiskFile::sync(&mut self.file),
        }
    }

    fn write_out(&mut self, offset_bytes: u64, len_bytes: u64) -> io::Result<()> {
        self.file.write_out(offset_bytes, len_bytes)
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
pub(super) fn faulty(options: AuditOptions) -> (tempfile::TempDir, Arc<AuditLog>, Arc<Control>) {
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
    let folders =
        Folders { segments: disk, segments_dir: segments, sealed: None, sealed_dir: dir.join(SEALED) };
    let log = AuditLog::open_over(folders, lock, options, NeededBy::default(), ()).unwrap();
    shared.set(|state| (state.writes, state.syncs) = (0, 0));
    (Arc::new(log), shared)
}
