//! The thread that seals: makes a Parquet file of each segment that the writer has left, and deletes
//! the oldest of these when their time is over. It shares a directory and the queue with the writer and
//! nothing else; whatever fails here is told and tried again, and no call waits for it.
//!
//! The order is the promise, for each segment:
//!
//! 1. The file is written under another name, synced, renamed, and the directory synced. A crash leaves
//!    the raw segment, which counts, and perhaps a file; that is removed or judged by step 2.
//! 2. It is read back: every line is the one of the raw segment, every column, filter and index says
//!    what its line says. A file that does not hold is made again.
//! 3. The seal is a record of the log, with the SHA-256 of the file, and durable. A crash leaves both
//!    files, of which the raw one counts; the next start does steps 2 and 3 again.
//! 4. Only now the raw segment is removed.
//!
//! And for each deletion: the record of it is durable, then the file that says where the log begins,
//! and only then the sealed segment is removed.

use std::fs::File;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{mpsc, oneshot};

use super::disk::{Disk, DiskFile, uninterrupted, write_all_at};
use super::export::Exporter;
use super::line::Content;
use super::note::{Deletion, Expiry, Seal};
use super::parts::{BEGIN_NEXT, Begin, Folders, Part};
use super::proof::ProofWatch;
use super::read::{Line, RawLines};
use super::record::rfc3339_ms;
use super::sealed::{self, SEALED, Sealed, SealedError, name_of};
use super::segment::{self, STEP_LEN};
use super::state::{Health, Shared, Woken};
use super::writer::Message;
use super::{AuditError, AuditOptions, Event, io_error};
use crate::hex::hex;

pub(super) struct Sealer<D> {
    pub(super) folders: Folders<D>,
    /// The folder of the sealed segments.
    pub(super) sealed: D,
    pub(super) options: AuditOptions,
    /// Weak, so that a log that is dropped ends.
    pub(super) queue: mpsc::WeakSender<Message>,
    pub(super) shared: Arc<Shared>,
    /// Who needs records that are to be deleted.
    pub(super) needed_by: NeededBy,
    /// Keeps other processes out while files are removed.
    pub(super) _lock: Arc<File>,
}

/// What has to be done with records before they may be deleted.
#[derive(Clone, Debug, Default)]
pub(super) struct NeededBy {
    /// To take them into the tree, if there is one.
    pub(super) proof: Option<Arc<OnceLock<ProofWatch>>>,
    /// To export them, if they are exported.
    pub(super) export: Option<Arc<OnceLock<Arc<Exporter>>>>,
}

impl NeededBy {
    /// The first record with which it is not done.
    fn from(&self) -> u64 {
        let proven = self.proof.as_ref().map(|proof| proof.get().map_or(0, |watch| watch.state().size));
        let exported = self.export.as_ref().map(|export| export.get().map_or(0, |export| export.cursor()));
        [proven, exported].into_iter().flatten().min().unwrap_or(u64::MAX)
    }
}

/// How many records come. Sealing takes half the machine for some seconds, and can wait.
struct Rate {
    at: Instant,
    records: u64,
    per_s: u64,
}

impl Rate {
    fn new(records: u64, now: Instant) -> Self {
        Self { at: now, records, per_s: 0 }
    }

    /// Whether many do, at `now`, when the log has so many `records`.
    fn is_high(&mut self, records: u64, now: Instant) -> bool {
        let seconds = now.duration_since(self.at).as_secs();
        if let Some(per_s) = records.saturating_sub(self.records).checked_div(seconds) {
            (self.at, self.records, self.per_s) = (now, records, per_s);
        }
        self.per_s > HIGH_RATE_PER_S
    }
}

impl<D: Disk> Sealer<D> {
    /// # Errors
    /// Those of the system when it gives no thread.
    pub(super) fn start(self) -> io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name("audit-seal".into()).spawn(move || self.run())
    }

    fn run(self) {
        // The lowest, of this thread only. Where that is refused, sealing is paced all the same.
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), LOWEST_PRIORITY);
        let mut rate = Rate::new(self.shared.records.load(Ordering::Relaxed), Instant::now());
        loop {
            // Whatever a file or a bug makes of it, the next round may go well, and nobody is left waiting.
            let round = catch_unwind(AssertUnwindSafe(|| self.round(&mut rate)));
            let panicked = |_| Err(self.failed("seal")(io::Error::other("it panicked")));
            let wait = match round.unwrap_or_else(panicked) {
                Ok(()) => {
                    self.shared.seal.state().last_error = None;
                    LOOK_AGAIN
                }
                Err(AuditError::Closed) => self.options.seal_retry,
                Err(error) => {
                    self.tell(&error);
                    self.options.seal_retry
                }
            };
            if self.shared.seal.wait(wait) == Woken::ToStop {
                return;
            }
        }
    }

    fn tell(&self, error: &AuditError) {
        let mut state = self.shared.seal.state();
        state.failures += 1;
        if state.last_error.replace(error.to_string()).is_none() {
            tracing::error!(%error, "a segment of the audit log cannot be sealed or deleted; it is tried again");
        }
    }

    /// Seals all that can be, oldest first, then deletes what is over.
    fn round(&self, rate: &mut Rate) -> Result<(), AuditError> {
        self.clean_up()?;
        loop {
            let parts = self.folders.parts()?;
            let active = self.shared.seal.active();
            let is_left = |part: &Part| matches!(part, Part::Raw(first) if *first < active);
            let ends = parts.iter().zip(parts.iter().skip(1));
            let next = ends.into_iter().find(|(part, _)| is_left(part));
            let sealed = self.folders.sealed_firsts()?.len();
            let waiting = parts.iter().filter(|part| is_left(part)).count();
            {
                let mut state = self.shared.seal.state();
                (state.sealed, state.waiting) = (sealed as u64, waiting as u64);
            }
            let Some((first, end)) = next.map(|(part, next)| (part.first(), next.first())) else { break };
            self.may_go_on()?;
            let records = self.shared.records.load(Ordering::Relaxed);
            if waiting < MAX_WAITING && rate.is_high(records, Instant::now()) {
                self.shared.seal.wait(CALM_AFTER);
                continue;
            }
            self.seal(first, end)?;
            // Not only when all is sealed: under load there may always be more.
            self.delete_expired(SystemTime::now())?;
        }
        self.delete_expired(SystemTime::now())
    }

    /// Not while the log ends, nor while it takes no records: then it needs what room there is.
    fn may_go_on(&self) -> Result<(), AuditError> {
        match self.shared.health() {
            Health::Ok if !self.shared.seal.is_to_stop() => Ok(()),
            _ => Err(AuditError::Closed),
        }
    }

    fn clean_up(&self) -> Result<(), AuditError> {
        for name in [NEXT, BEGIN_NEXT] {
            match uninterrupted(|| self.sealed.remove(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(self.failed("clean up")(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Seals the segment with the records from `first` to before `end`.
    fn seal(&self, first: u64, end: u64) -> Result<(), AuditError> {
        let name = name_of(first);
        if self.folders.sealed_firsts()?.contains(&first) {
            // Left by whoever was stopped in between.
            match self.compare(first, end) {
                Ok((sealed, raw_bytes)) => return self.record_and_remove(&sealed, raw_bytes),
                Err(error @ (AuditError::Closed | AuditError::Io { .. })) => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "a sealed segment of the audit log that was not recorded is made again");
                    uninterrupted(|| self.sealed.remove(&name)).map_err(self.failed("remove a file from"))?;
                }
            }
        }
        self.write(first, end)?;
        uninterrupted(|| self.sealed.rename(NEXT, &name)).map_err(self.failed("rename a file in"))?;
        uninterrupted(|| self.sealed.sync()).map_err(self.failed("sync"))?;
        let (sealed, raw_bytes) = self.compare(first, end).inspect_err(|error| {
            if !matches!(error, AuditError::Closed) {
                let _ = self.sealed.remove(&name);
            }
        })?;
        self.record_and_remove(&sealed, raw_bytes)
    }

    fn write(&self, first: u64, end: u64) -> Result<(), AuditError> {
        let file = segment::create_anew(&self.sealed, NEXT).map_err(self.failed("create a file in"))?;
        let mut sink = Sink { file, shared: &self.shared, offset_bytes: 0, written_out_bytes: 0 };
        let mut raw = self.raw(first)?;
        let lines = std::iter::from_fn(|| raw.next_before(Some(end)).transpose());
        let path = self.folders.sealed_dir.join(name_of(first));
        let written = sealed::write(&mut sink, lines, &path);
        let synced =
            written.and_then(|_| uninterrupted(|| sink.file.sync()).map_err(io_error("sync", &path)));
        synced.map_err(|error| {
            let _ = self.sealed.remove(NEXT);
            if self.shared.seal.is_to_stop() { AuditError::Closed } else { error }
        })
    }

    /// That the sealed segment holds the lines of the raw one, no more and no fewer. Tells how long they
    /// are.
    fn compare(&self, first: u64, end: u64) -> Result<(Sealed, u64), AuditError> {
        let sealed = self.folders.must_open_sealed(first)?;
        let mut raw_bytes = 0;
        let mut raw = self.raw(first)?;
        let path = sealed.path().to_owned();
        sealed.check(|line: &Line| {
            if line.index.is_multiple_of(STOP_EACH) && self.shared.seal.is_to_stop() {
                return Err(AuditError::Closed);
            }
            raw_bytes += line.bytes.len() as u64 + 1;
            // Equal bytes have equal leaves.
            match raw.next_before(Some(end))? {
                Some(expected) if expected == *line => Ok(()),
                _ => Err(SealedError::Line { path: path.clone(), index: line.index }.into()),
            }
        })?;
        if sealed.end_index() == end {
            Ok((sealed, raw_bytes))
        } else {
            Err(SealedError::Line { path, index: sealed.end_index().min(end) }.into())
        }
    }

    fn raw(&self, first: u64) -> Result<RawLines<D::File>, AuditError> {
        RawLines::open(&self.folders.segments, &self.folders.segments_dir, first)
    }

    fn record_and_remove(&self, sealed: &Sealed, raw_bytes: u64) -> Result<(), AuditError> {
        self.may_go_on()?;
        let first = sealed.first_index();
        let (sha256, len_bytes) = sealed.digest()?;
        let raw_name = segment::name_of(first);
        let raw_path = self.folders.segments_dir.join(&raw_name);
        let seal = Seal {
            time: rfc3339_ms(SystemTime::now()),
            file: format!("{SEALED}/{}", name_of(first)),
            segment: first,
            records: sealed.end_index() - first,
            sha256: hex(&sha256),
            len_bytes,
            raw_bytes,
        };
        tracing::info!(file = %seal.file, records = seal.records, len_bytes, "a segment of the audit log is sealed");
        self.append(Event::Seal(seal))?;
        let segments = &self.folders.segments;
        uninterrupted(|| segments.remove(&raw_name)).map_err(io_error("remove", &raw_path))?;
        uninterrupted(|| segments.sync()).map_err(io_error("sync", &self.folders.segments_dir))
    }

    /// Deletes the oldest sealed segments as long as they are too old, or all of them too large.
    fn delete_expired(&self, now: SystemTime) -> Result<(), AuditError> {
        let (keep_for, keep_bytes) = (self.options.keep_for, self.options.keep_bytes);
        let begin = Begin::read(&self.folders)?.map_or(0, |begin| begin.index);
        let parts = self.folders.parts()?;
        // One that is raw too is not recorded yet, and none of these.
        let sealed = parts.iter().filter_map(|part| match part {
            Part::Sealed(first) => Some(*first),
            Part::Raw(_) => None,
        });
        let (over, sealed): (Vec<u64>, Vec<u64>) = sealed.partition(|first| *first < begin);
        // Deletions that were stopped in between.
        over.into_iter().try_for_each(|first| self.remove_sealed(first))?;
        if keep_for.is_none() && keep_bytes.is_none() {
            return Ok(());
        }
        let mut total_bytes = match keep_bytes {
            Some(_) => sealed.iter().map(|first| self.len_of(*first)).sum::<Result<u64, _>>()?,
            None => 0,
        };
        for first in sealed {
            let sealed = self.folders.must_open_sealed(first)?;
            let last = sealed.last_unix_ms()?;
            let is_old = |keep: Duration| last.is_some_and(|last| is_over(last, keep, now));
            let reason = if keep_for.is_some_and(is_old) {
                Expiry::Age
            } else if keep_bytes.is_some_and(|most| total_bytes > most) {
                Expiry::Size
            } else {
                return Ok(());
            };
            if sealed.end_index() > self.needed_by.from() {
                return Ok(());
            }
            self.may_go_on()?;
            total_bytes = total_bytes.saturating_sub(sealed.len_bytes());
            self.delete(&sealed, reason, last)?;
        }
        Ok(())
    }

    /// Length of the file of a sealed segment.
    fn len_of(&self, first: u64) -> Result<u64, AuditError> {
        let file = uninterrupted(|| self.sealed.open(&name_of(first)));
        file.and_then(|file| file.len_bytes()).map_err(self.failed("look at a file in"))
    }

    fn delete(&self, sealed: &Sealed, reason: Expiry, last: Option<i64>) -> Result<(), AuditError> {
        let first = sealed.first_index();
        let deletion = Deletion {
            time: rfc3339_ms(SystemTime::now()),
            file: format!("{SEALED}/{}", name_of(first)),
            segment: first,
            records: sealed.end_index() - first,
            sha256: hex(&sealed.digest()?.0),
            reason,
            last: last.and_then(time_of).map(rfc3339_ms),
        };
        tracing::info!(file = %deletion.file, ?reason, "a sealed segment of the audit log is deleted");
        let recorded_at = self.append(Event::Deletion(deletion))?;
        let begin = Begin { index: sealed.end_index(), recorded_at };
        begin.write(&self.sealed).map_err(self.failed("write the beginning of the log to"))?;
        self.remove_sealed(first)?;
        self.shared.seal.state().deleted += 1;
        Ok(())
    }

    fn remove_sealed(&self, first: u64) -> Result<(), AuditError> {
        uninterrupted(|| self.sealed.remove(&name_of(first))).map_err(self.failed("remove a file from"))?;
        uninterrupted(|| self.sealed.sync()).map_err(self.failed("sync"))
    }

    /// Puts a record into the log, and waits until it is durable.
    fn append(&self, event: Event) -> Result<u64, AuditError> {
        let queue = self.queue.upgrade().ok_or(AuditError::Closed)?;
        let (done, durable) = oneshot::channel();
        let message = Message::Append { content: Content::Note(event), done: Some(done) };
        queue.blocking_send(message).map_err(|_| AuditError::Closed)?;
        drop(queue);
        durable.blocking_recv().unwrap_or(Err(AuditError::Closed))
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> AuditError {
        io_error(action, &self.folders.sealed_dir)
    }
}

/// The file that is written. Written out in steps with a pause behind each, as much unwritten at once
/// would stand in the way of the writer's syncs.
struct Sink<'a, F> {
    file: F,
    shared: &'a Shared,
    offset_bytes: u64,
    written_out_bytes: u64,
}

impl<F: DiskFile> Write for Sink<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.shared.seal.is_to_stop() {
            return Err(io::Error::other("the log is being closed"));
        }
        let len = bytes.len().min(STEP_LEN);
        let step = bytes.get(..len).unwrap_or_default();
        write_all_at(&mut self.file, step, self.offset_bytes)?;
        self.offset_bytes += len as u64;
        let step_bytes = self.offset_bytes - self.written_out_bytes;
        if step_bytes >= STEP_LEN as u64 {
            uninterrupted(|| self.file.write_out(self.written_out_bytes, step_bytes))?;
            self.written_out_bytes = self.offset_bytes;
            std::thread::sleep(STEP_PAUSE);
        }
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_over(last_unix_ms: i64, keep: Duration, now: SystemTime) -> bool {
    time_of(last_unix_ms).and_then(|last| last.checked_add(keep)).is_some_and(|until| until < now)
}

fn time_of(unix_ms: i64) -> Option<SystemTime> {
    u64::try_from(unix_ms).ok().and_then(|ms| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms)))
}

/// A sealed segment that is being written.
const NEXT: &str = "next.tmp";

/// How often it is looked whether something is to be deleted; a segment that is left wakes the thread.
const LOOK_AGAIN: Duration = Duration::from_secs(600);

/// After so many records it is looked whether to stop.
const STOP_EACH: u64 = 1024;

const LOWEST_PRIORITY: i32 = 19;

/// 25 MB/s at most.
const STEP_PAUSE: Duration = Duration::from_micros(2500);

/// On two cores, sealing beside 30,000 records a second made one in a hundred wait 60 ms and not 10.
const HIGH_RATE_PER_S: u64 = 5_000;

/// How long it waits before it looks again.
const CALM_AFTER: Duration = Duration::from_secs(1);

/// Then it is sealed whatever the rate: lines take six times the room, and are searched slower.
const MAX_WAITING: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_exported_or_proven_yet_is_needed() {
        assert_eq!(NeededBy::default().from(), u64::MAX);
        // Not started yet: all of it.
        let proof = NeededBy { proof: Some(Arc::default()), export: None };
        let export = NeededBy { proof: None, export: Some(Arc::default()) };
        assert_eq!((proof.from(), export.from()), (0, 0));
    }

    #[test]
    fn a_rate_is_that_of_the_last_whole_seconds() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut rate = Rate::new(1_000_000, start);
        assert!(!rate.is_high(1_020_000, at(999)), "not known yet");
        assert!(rate.is_high(1_020_000, at(1000)));
        assert!(rate.is_high(1_020_000, at(1900)), "still that of before");
        assert!(!rate.is_high(1_025_000, at(2000)), "as high as it may be");
        assert!(!rate.is_high(1_025_000, at(9000)));
        assert!(rate.is_high(1_060_007, at(16_000)));
    }
}
