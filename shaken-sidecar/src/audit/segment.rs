//! The files of the log: `<first index, 20 digits>.jsonl`, each going on where the one before ends.
//!
//! A segment appears under its name whole: it is made as [`NEXT`], filled, synced, and then renamed.
//! A crash at any moment leaves either no segment or a good one. Ahead of need, a thread fills
//! [`PREPARED`] with zeros to write over: appending to a file makes the file system commit its own
//! journal with every fdatasync, writing over what is there does not (5,400 against 800 syncs of
//! 16 KB per second on the disk this was measured on, and a p99 of 0.3 ms against 12 ms).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::disk::{Disk, DiskFile, uninterrupted, write_all_at};

/// The segment that is written to.
pub(super) struct Segment<F> {
    pub(super) file: F,
    pub(super) first_index: u64,
    /// Length of the records in it, all durable.
    pub(super) len_bytes: u64,
    /// Length of the file; what lies behind the records is zeros.
    pub(super) size_bytes: u64,
}

impl<F: DiskFile> Segment<F> {
    /// Makes the segment of the records from `first_index` on, in place of a segment of that name.
    /// It begins with `lines`, and goes on in `prepared` if that is given.
    pub(super) fn begin<D: Disk<File = F>>(
        disk: &D,
        first_index: u64,
        lines: &[u8],
        prepared: Option<Prepared<F>>,
    ) -> Result<Self, NotBegun> {
        let (name, mut file, size_bytes) = match prepared {
            Some(Prepared { file, size_bytes }) => (PREPARED, file, size_bytes),
            None => (NEXT, create_anew(disk, NEXT).map_err(NotBegun::Harmless)?, 0),
        };
        let filled = write_all_at(&mut file, lines, 0).and_then(|()| uninterrupted(|| file.sync()));
        filled.map_err(NotBegun::Harmless)?;
        // From here on the name may be durable, or become so at any time.
        let named = name_of(first_index);
        uninterrupted(|| disk.rename(name, &named)).map_err(NotBegun::InDoubt)?;
        // Should somebody have put another file in its place, the records would go nowhere.
        if !uninterrupted(|| disk.holds(&named, &file)).map_err(NotBegun::InDoubt)? {
            return Err(NotBegun::InDoubt(io::Error::other("another file has its name")));
        }
        uninterrupted(|| disk.sync()).map_err(NotBegun::InDoubt)?;
        let len_bytes = lines.len() as u64;
        Ok(Self { file, first_index, len_bytes, size_bytes: size_bytes.max(len_bytes) })
    }

    /// Makes `lines` durable at the end of the records. After an error the segment must not be used
    /// again: the kernel calls pages clean whose write failed, so that a second sync would report
    /// success for bytes that never reached the disk.
    pub(super) fn append(&mut self, lines: &[u8], haste: &mut Haste) -> Result<(), NotAppended> {
        let (mut left, mut offset_bytes) = (lines, self.len_bytes);
        while !left.is_empty() {
            let (step, behind) = left.split_at(haste.step_len(left));
            write_all_at(&mut self.file, step, offset_bytes).map_err(NotAppended::Write)?;
            (left, offset_bytes) = (behind, offset_bytes + step.len() as u64);
            haste.give_way();
        }
        uninterrupted(|| self.file.sync()).map_err(NotAppended::Sync)?;
        self.len_bytes += lines.len() as u64;
        self.size_bytes = self.size_bytes.max(self.len_bytes);
        Ok(())
    }

    /// Whether it was filled with zeros to be written over, and has room for `len_bytes` of them.
    pub(super) fn is_prepared(&self) -> bool {
        self.size_bytes > self.len_bytes
    }

    /// How many zeros of the next segment there should be for so many bytes of records in this one: it is
    /// ready when three quarters of this one are full, and much sooner if this one has no zeros.
    fn zeros_for(&self, appended_bytes: u64) -> u64 {
        if self.is_prepared() {
            appended_bytes.saturating_mul(4) / 3
        } else {
            appended_bytes.saturating_mul(4)
        }
    }

    /// Cuts all behind the records: zeros, or lines that nobody was told of. Whoever reads the log
    /// knows where it ends without that, so a failure does not matter.
    pub(super) fn trim(&mut self) {
        if uninterrupted(|| self.file.set_len(self.len_bytes)).is_ok() {
            self.size_bytes = self.len_bytes;
        }
    }
}

/// Whether somebody waits for what is being written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Haste {
    /// Callers do.
    Awaited,
    /// Nobody does, and callers wait for others who want the processor.
    Unhurried {
        /// When those others could have it last.
        since: Instant,
    },
}

impl Haste {
    /// Gives the processor to whoever wants it, if nobody waits and it was kept for long enough. All of a
    /// commit at once would be a third of a millisecond of every twenty in which calls wait behind it.
    pub(super) fn give_way(&mut self) {
        if let Self::Unhurried { since } = self
            && since.elapsed() >= TURN
        {
            std::thread::yield_now();
            *since = Instant::now();
        }
    }

    /// How much of `lines` is written at a time: whole lines, so that who reads the log meanwhile does not
    /// find one torn for as long as others have the processor.
    fn step_len(self, lines: &[u8]) -> usize {
        let end = match self {
            Self::Awaited => None,
            Self::Unhurried { .. } => {
                lines.get(..UNHURRIED_STEP_LEN).and_then(|step| memchr::memrchr(b'\n', step))
            }
        };
        end.map_or(lines.len(), |end| end + 1)
    }
}

/// About as long as a call takes.
const TURN: Duration = Duration::from_micros(60);

/// Four pages, which the kernel may have to bring first: some ten microseconds.
const UNHURRIED_STEP_LEN: usize = 16 * 1024;

/// Why a segment could not be made.
#[derive(Debug)]
pub(super) enum NotBegun {
    /// And no name has changed: the segment before can go on.
    Harmless(io::Error),
    /// And its name may be there or not, now or after a crash. Nothing may be appended to the segment
    /// before, lest an index stand in both.
    InDoubt(io::Error),
}

impl NotBegun {
    pub(super) fn into_error(self) -> io::Error {
        match self {
            Self::Harmless(error) | Self::InDoubt(error) => error,
        }
    }
}

/// Why lines are not durable.
#[derive(Debug)]
pub(super) enum NotAppended {
    Write(io::Error),
    Sync(io::Error),
}

/// A file of zeros that waits to become a segment.
pub(super) struct Prepared<F> {
    file: F,
    size_bytes: u64,
}

/// The thread that prepares a file.
pub(super) struct Preparation<F> {
    thread: JoinHandle<io::Result<Prepared<F>>>,
    wanted: Arc<Wanted>,
}

/// What the writer tells the thread.
#[derive(Default)]
struct Wanted {
    /// How many zeros there should be by now.
    zeros_bytes: AtomicU64,
    stop: AtomicBool,
}

impl Wanted {
    /// Until more zeros are wanted than there are, or for [`STEP_PAUSE`].
    fn wait_behind(&self, zeros_bytes: u64) {
        let until = Instant::now() + STEP_PAUSE;
        while zeros_bytes >= self.zeros_bytes.load(Ordering::Relaxed) && !self.stop.load(Ordering::Relaxed) {
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                break;
            }
            std::thread::park_timeout(rest);
        }
    }
}

impl<F: DiskFile> Preparation<F> {
    pub(super) fn start<D: Disk<File = F>>(disk: &D, size_bytes: u64) -> io::Result<Self> {
        let (disk, wanted) = (disk.clone(), Arc::<Wanted>::default());
        let of_thread = Arc::clone(&wanted);
        let thread = std::thread::Builder::new()
            .name("audit-prepare".into())
            .spawn(move || prepare(&disk, size_bytes, &of_thread))?;
        Ok(Self { thread, wanted })
    }

    /// So many bytes of records went into `segment` meanwhile.
    pub(super) fn keep_pace(&self, segment: &Segment<F>, appended_bytes: u64) {
        let zeros_bytes = segment.zeros_for(appended_bytes);
        let before = self.wanted.zeros_bytes.fetch_add(zeros_bytes, Ordering::Relaxed);
        // Its next step is behind this commit and not beside the next one.
        if before / STEP_LEN as u64 != (before + zeros_bytes) / STEP_LEN as u64 {
            self.thread.thread().unpark();
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for it, at most for the write under way when `stop` was called before.
    pub(super) fn finish(self) -> io::Result<Prepared<F>> {
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("it panicked")))
    }

    pub(super) fn stop(self) {
        self.wanted.stop.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        let _ = self.finish();
    }
}

/// No quicker than the records come, in small steps that are written out and not synced: each sync has the
/// file system commit its journal, and the writer's own sync waits for that.
fn prepare<D: Disk>(disk: &D, size_bytes: u64, wanted: &Wanted) -> io::Result<Prepared<D::File>> {
    let mut file = create_anew(disk, PREPARED)?;
    let zeros = vec![0; STEP_LEN];
    let mut offset = 0;
    while offset < size_bytes {
        if wanted.stop.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = zeros.len().min(usize::try_from(size_bytes - offset).unwrap_or(usize::MAX));
        write_all_at(&mut file, &zeros[..len], offset)?;
        uninterrupted(|| file.write_out(offset, len as u64))?;
        offset += len as u64;
        wanted.wait_behind(offset);
    }
    // Now, and not when the writer goes on in it.
    uninterrupted(|| file.sync())?;
    Ok(Prepared { file, size_bytes })
}

/// The first indexes of all segments, in order.
pub(super) fn list(disk: &impl Disk) -> io::Result<Vec<u64>> {
    let names = uninterrupted(|| disk.names())?;
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| first_of(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// The file that holds the records from `first_index` on.
pub(super) fn name_of(first_index: u64) -> String {
    format!("{first_index:020}{SUFFIX}")
}

fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let is_ours = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_ours)
}

/// Removes what a killed process left half made.
pub(super) fn remove_leftovers(disk: &impl Disk) -> io::Result<()> {
    for name in uninterrupted(|| disk.names())? {
        if name == NEXT || name == PREPARED {
            uninterrupted(|| disk.remove(&name))?;
        }
    }
    Ok(())
}

pub(super) fn create_anew<D: Disk>(disk: &D, name: &str) -> io::Result<D::File> {
    match uninterrupted(|| disk.create(name)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            uninterrupted(|| disk.remove(name))?;
            uninterrupted(|| disk.create(name))
        }
        outcome => outcome,
    }
}

const SUFFIX: &str = ".jsonl";

/// A segment that is not there yet.
pub(super) const NEXT: &str = "next.tmp";

/// Zeros for a segment to come.
pub(super) const PREPARED: &str = "prepared.tmp";

/// What is written out at once. The writer's own write waits behind it.
pub(super) const STEP_LEN: usize = 64 * 1024;

/// How long it waits for the next commit: 13 MB/s if there is none.
const STEP_PAUSE: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::disk::Folder;

    /// Later, and the writer would go on in a file without zeros; sooner, and the disk has more to do at
    /// once than it must.
    #[test]
    fn zeros_are_ready_before_the_segment_is_full() {
        let segment = |size_bytes| Segment {
            file: tempfile::tempfile().unwrap(),
            first_index: 0,
            len_bytes: 0,
            size_bytes,
        };
        assert_eq!(segment(1200).zeros_for(900), 1200);
        assert_eq!(segment(0).zeros_for(300), 1200);
    }

    /// In however many steps.
    #[test]
    fn all_lines_are_written_in_their_order() {
        let file = tempfile::tempfile().unwrap();
        let mut segment = Segment { file, first_index: 0, len_bytes: 0, size_bytes: 0 };
        let line = [&[b'a'; 999], b"\n".as_slice()].concat();
        let lines = line.repeat(50);
        let mut written = Vec::new();
        let unhurried = Haste::Unhurried { since: Instant::now() };
        for mut haste in [unhurried, Haste::Awaited, unhurried] {
            segment.append(&lines, &mut haste).unwrap();
            written.extend_from_slice(&lines);
            let mut bytes = vec![0; written.len() + 1];
            let len = segment.file.read_at(&mut bytes, 0).unwrap();
            assert!(bytes[..len] == written, "{haste:?}");
            assert_eq!(segment.len_bytes, len as u64);
        }
        assert_eq!(Haste::Awaited.step_len(&lines), lines.len());
        assert_eq!(unhurried.step_len(&lines), 16_000);
        // The last step, and a line that is longer than one.
        assert_eq!(unhurried.step_len(&lines[..7000]), 7000);
        assert_eq!(unhurried.step_len(&[b'a'; 2 * UNHURRIED_STEP_LEN]), 2 * UNHURRIED_STEP_LEN);
    }

    /// However many are wanted, there are as many as the segment takes, and all of them are zeros.
    #[test]
    fn a_preparation_ends_without_records_and_with_many() {
        for wanted in [0, u64::MAX] {
            let dir = tempfile::tempdir().unwrap();
            let disk = Folder::open(dir.path()).unwrap();
            let size_bytes = 3 * STEP_LEN as u64 + 7;
            let preparation = Preparation::start(&disk, size_bytes).unwrap();
            preparation.wanted.zeros_bytes.store(wanted, Ordering::Relaxed);
            let prepared = preparation.finish().unwrap();
            assert_eq!(prepared.size_bytes, size_bytes);
            let bytes = std::fs::read(dir.path().join(PREPARED)).unwrap();
            assert!(bytes.len() as u64 == size_bytes && bytes.iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn names_sort_like_indexes_and_others_are_left_alone() {
        assert_eq!(name_of(0), "00000000000000000000.jsonl");
        assert_eq!(first_of(&name_of(u64::MAX)), Some(u64::MAX));
        for other in
            ["", ".jsonl", "0.jsonl", "next.tmp", "000000000000000000+1.jsonl", "99999999999999999999.jsonl"]
        {
            assert_eq!(first_of(other), None, "{other}");
        }
        assert!(name_of(9) < name_of(10) && name_of(99) < name_of(1_000_000));
    }
}
