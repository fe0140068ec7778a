//! The one thread that writes: takes every record that waits, writes them at once, makes them
//! durable, then answers all who wait. Once a second it looks after the log itself.

pub(super) mod outage;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

use super::disk::Disk;
use super::line::{Content, Place, SALT_LEN, push_line};
use super::segment::{Haste, NEXT, NotBegun, PREPARED, Preparation, Prepared, Segment, name_of};
use super::state::{Health, Shared, Unrecorded};
use super::{AuditError, AuditOptions, Commit, Durability, Event, Failure, Full, Observer, Step};

pub(super) use outage::make_reserve;
use outage::{Outage, Reserve};

/// What stands in the queue.
pub(super) enum Message {
    /// A record, and who waits for its index.
    Append { content: Content, done: Option<oneshot::Sender<Result<u64, AuditError>>> },
    /// Take nothing more; finish what is queued.
    Close,
}

/// One record on its way to the disk.
struct Waiting {
    content: Content,
    done: Option<oneshot::Sender<Result<u64, AuditError>>>,
}

pub(super) struct Writer<D: Disk, O> {
    disk: D,
    dir: Arc<Path>,
    options: AuditOptions,
    observer: O,
    queue: mpsc::Receiver<Message>,
    shared: Arc<Shared>,
    rng: SystemRandom,
    /// Keeps other processes out until the last line is durable.
    _lock: Arc<File>,

    /// Where lines go; nothing while there is no place for them.
    segment: Option<Segment<D::File>>,
    outage: Option<Outage>,
    /// The segment is full and no other could be begun; it goes on.
    roll_blocked: bool,
    preparation: Option<Preparation<D::File>>,
    prepared: Option<Prepared<D::File>>,
    /// One try for each segment: a disk that is nearly full has no room for it.
    has_prepared: bool,
    reserve: Reserve,
    next_index: u64,
    last_begun: Option<Instant>,
    last_write: Option<LastWrite>,
    next_tick: Instant,
    last_gap: Option<Instant>,

    received: Vec<Message>,
    waiting: VecDeque<Waiting>,
    /// What the daemon says last, kept until the end.
    stop: Option<Content>,
    lines: Vec<u8>,
    salts: Vec<u8>,
}

impl<D: Disk, O: Observer> Writer<D, O> {
    #[expect(clippy::too_many_arguments, reason = "the parts of a log, each used once")]
    pub(super) fn new(
        disk: D,
        dir: Arc<Path>,
        options: AuditOptions,
        observer: O,
        queue: mpsc::Receiver<Message>,
        shared: Arc<Shared>,
        lock: Arc<File>,
        segment: Segment<D::File>,
        next_index: u64,
    ) -> Self {
        Self {
            disk,
            dir,
            options,
            observer,
            queue,
            shared,
            rng: SystemRandom::new(),
            _lock: lock,
            segment: Some(segment),
            outage: None,
            roll_blocked: false,
            preparation: None,
            prepared: None,
            has_prepared: false,
            reserve: Reserve::Held,
            next_index,
            last_begun: None,
            last_write: None,
            next_tick: Instant::now() + TICK,
            last_gap: None,
            received: Vec::new(),
            waiting: VecDeque::new(),
            stop: None,
            lines: Vec::new(),
            salts: Vec::new(),
        }
    }

    /// Runs until the queue is closed and empty. `clock` only tells when a second is over.
    pub(super) fn run(mut self, clock: &Runtime) {
        loop {
            if let Some(pause) = self.pause() {
                std::thread::sleep(pause);
            }
            let room = self.queue.max_capacity().saturating_sub(self.waiting.len());
            if self.waiting.is_empty() {
                let received = clock.block_on(async {
                    let due = self.observer.due_at(Instant::now());
                    let until = due.map_or(self.next_tick, |due| due.min(self.next_tick));
                    let until = tokio::time::Instant::from_std(until);
                    tokio::time::timeout_at(until, self.queue.recv_many(&mut self.received, room)).await
                });
                if received == Ok(0) {
                    return self.finish();
                }
            } else {
                while self.received.len() < room
                    && let Ok(message) = self.queue.try_recv()
                {
                    self.received.push(message);
                }
            }
            self.take_in();
            let now = Instant::now();
            if now >= self.next_tick {
                self.next_tick = now + TICK;
                self.tick();
            }
            if self.observer.due_at(now).is_some_and(|due| due <= now) {
                self.observer.wake(now);
            }
            if !self.waiting.is_empty() {
                self.write_some();
            }
        }
    }

    /// How long records are gathered for the next commit, whose cost hardly depends on how many it has.
    fn pause(&self) -> Option<Duration> {
        // What was left over of a full commit does not wait.
        let last = self.last_write.as_ref().filter(|_| self.waiting.is_empty())?;
        let between = pause_behind(last.records, self.options.durability);
        Some(between.saturating_sub(last.began.elapsed())).filter(|pause| !pause.is_zero())
    }

    fn take_in(&mut self) {
        let mut received = std::mem::take(&mut self.received);
        for message in received.drain(..) {
            match message {
                Message::Append { content: content @ Content::Note(Event::Stop(_)), .. } => {
                    self.stop = Some(content);
                }
                Message::Append { content, done } => self.waiting.push_back(Waiting { content, done }),
                Message::Close => self.queue.close(),
            }
        }
        self.received = received;
    }

    /// Writes as many of those who wait as one commit takes, or answers all of them that it cannot be
    /// done.
    fn write_some(&mut self) {
        if let Some(outage) = &self.outage {
            let failure = outage.failure.clone();
            let all = self.waiting.len();
            return self.refuse(all, &failure);
        }
        // What is prepared is worth more than the rest of a segment that is not.
        if self.prepared.is_some() && self.segment.as_ref().is_some_and(|segment| !segment.is_prepared()) {
            self.roll();
        }
        let began = Instant::now();
        let (taken, is_cut_short) = self.gather();
        if taken > 0 {
            self.commit(taken);
            self.last_write = Some(LastWrite { began, records: taken });
        } else if is_cut_short {
            self.roll();
        }
    }

    /// Callers wait for durable records, and for room in the queue if they fill it.
    fn haste(&self) -> Haste {
        match self.options.durability {
            Durability::Queued if self.waiting.len() < BACKLOG => Haste::Unhurried { since: Instant::now() },
            _ => Haste::Awaited,
        }
    }

    /// Puts lines of those who wait into `lines`, from the front, as far as commit and segment have
    /// room. Tells how many, and whether there was no room for the next.
    fn gather(&mut self) -> (usize, bool) {
        let mut haste = self.haste();
        self.lines.clear();
        let Some(segment) = &self.segment else { return (0, false) };
        let room = match self.roll_blocked {
            true => MAX_COMMIT_LEN,
            false => {
                let room = self.options.segment_bytes.saturating_sub(segment.len_bytes);
                usize::try_from(room).unwrap_or(usize::MAX).min(MAX_COMMIT_LEN)
            }
        };
        let wanted = self.waiting.len().min(MAX_COMMIT_RECORDS);
        self.salts.resize(wanted * SALT_LEN, 0);
        if self.rng.fill(&mut self.salts).is_err() {
            for _ in 0..self.waiting.len() {
                self.refuse_first(AuditError::NoRandomness, "no-randomness");
            }
            return (0, false);
        }
        let first = self.next_index;
        let mut taken = 0;
        while taken < wanted {
            let index = first + taken as u64;
            let Some(waiting) = self.waiting.get(taken) else { break };
            let Some(salt) = self.salts.get(taken * SALT_LEN..).and_then(<[u8]>::first_chunk) else { break };
            let before = self.lines.len();
            match push_line(&mut self.lines, Place { index, commit: first }, salt, &waiting.content) {
                // However small segments are, each holds a line.
                Ok(()) if self.lines.len() <= room || before == 0 && segment.len_bytes == 0 => {
                    taken += 1;
                    if taken % STEP_RECORDS == 0 {
                        haste.give_way();
                    }
                }
                Ok(()) => {
                    self.lines.truncate(before);
                    return (taken, true);
                }
                Err(error) => {
                    let Some(waiting) = self.waiting.remove(taken) else { break };
                    self.answer_no(waiting, error, "record-too-large");
                    return (taken, false);
                }
            }
        }
        (taken, false)
    }

    /// Makes the gathered lines durable and answers the first `taken` of those who wait. The order is
    /// the promise:
    ///
    /// 1. All lines, in one write if somebody waits. A crash here leaves a torn tail at most; nobody was answered.
    /// 2. fdatasync. A crash here leaves whole records that nobody was told of; recovery keeps them.
    /// 3. Only now are the waiters answered.
    fn commit(&mut self, taken: usize) {
        let mut haste = self.haste();
        let Some(segment) = &mut self.segment else { return };
        let started = Instant::now();
        if let Err(error) = segment.append(&self.lines, &mut haste) {
            return self.give_up_segment(taken, error);
        }
        let first_index = self.next_index;
        self.next_index += taken as u64;
        self.shared.note_commit(self.next_index, started.elapsed(), SystemTime::now());
        for (index, waiting) in (first_index..).zip(self.waiting.drain(..taken)) {
            match &waiting.content {
                Content::Note(Event::Gap(gap)) => {
                    tracing::warn!(?gap, "audit records are missing");
                    self.shared.gap_written(gap);
                }
                Content::Note(Event::Summary(summary)) => {
                    self.shared.summary_written(summary, SystemTime::now());
                }
                _ => {}
            }
            // Whoever asked may have given up; the record stands all the same.
            let _ = waiting.done.map(|done| done.send(Ok(index)));
        }
        self.observer.durable(&Commit { first_index, bytes: &self.lines });
        if let (Some(preparation), Some(segment)) = (&self.preparation, &self.segment) {
            preparation.keep_pace(segment, self.lines.len() as u64);
        }
        self.prepare_ahead();
    }

    /// Goes on in a new segment. If there can be none, the old one goes on, as it is whole.
    fn roll(&mut self) {
        let prepared = self.prepared.take();
        match Segment::begin(&self.disk, self.next_index, b"", prepared) {
            Ok(begun) => {
                if let Some(mut old) = self.segment.replace(begun) {
                    old.trim();
                }
                self.shared.seal.set_active(self.next_index);
                self.roll_blocked = false;
                self.has_prepared = false;
                self.shared.set_health(Health::Ok);
            }
            Err(NotBegun::Harmless(error)) => {
                let failure = self.failure(NEXT, Step::Begin, error);
                tracing::error!(%failure, "the audit log goes on in a segment that is full");
                self.shared.faults.fetch_add(1, Ordering::Relaxed);
                self.shared.set_health(Health::Degraded { cause: failure });
                self.roll_blocked = true;
            }
            Err(NotBegun::InDoubt(error)) => {
                let failure = self.failure(&name_of(self.next_index), Step::Begin, error);
                let cut = self.segment.take().map(|old| (old.first_index, old.len_bytes));
                self.begin_outage(failure, cut);
                if self.last_begun.is_none_or(|begun| begun.elapsed() >= TICK) {
                    self.end_outage();
                }
            }
        }
    }

    /// Has zeros laid out for the next segment, as soon as this one has shown that it will be wanted.
    fn prepare_ahead(&mut self) {
        if let Some(preparation) = self.preparation.take_if(|preparation| preparation.is_finished()) {
            self.prepared = preparation
                .finish()
                .inspect_err(|error| tracing::warn!(%error, "no audit segment could be prepared ahead"))
                .ok();
        }
        let len_bytes = self.segment.as_ref().map_or(0, |segment| segment.len_bytes);
        // Two threads must not prepare files of one name.
        let is_prepared = self.preparation.is_some() || self.prepared.is_some();
        // It makes syncs quicker, for which nobody waits there.
        let is_of_use = self.options.durability == Durability::Durable;
        if !is_of_use || is_prepared || self.has_prepared || len_bytes < self.options.prepare_after_bytes {
            return;
        }
        self.has_prepared = true;
        self.preparation = Preparation::start(&self.disk, self.options.segment_bytes)
            .inspect_err(|error| tracing::warn!(%error, "no thread to prepare audit segments"))
            .ok();
    }

    /// Once a second: what is wrong may be better now, and what was counted is written down.
    fn tick(&mut self) {
        self.check_place();
        self.end_outage();
        if self.roll_blocked {
            self.roll();
        }
        if self.reserve == Reserve::Released && self.outage.is_none() && self.hold_reserve().is_ok() {
            tracing::info!("the reserve of the audit log is held again");
        }
        self.push_notes(Pace::EachSecond);
    }

    /// Puts what was counted in front of those who wait; during an outage, writes it if that can be
    /// done.
    fn push_notes(&mut self, pace: Pace) {
        let gap_every = if self.outage.is_some() { GAP_IN_OUTAGE } else { TICK };
        let is_gap_due =
            pace == Pace::Now || self.last_gap.is_none_or(|last| last.elapsed() + TICK_SLACK >= gap_every);
        let gap = self.shared.gap_due().filter(|_| is_gap_due).map(Event::Gap);
        if gap.is_some() {
            self.last_gap = Some(Instant::now());
        }
        let summary = self.shared.summary_due(SystemTime::now()).map(Event::Summary);
        let is_only_notes = self.outage.is_some();
        let undelivered = if is_only_notes { Vec::new() } else { self.shared.take_undelivered() };
        let notes = gap.into_iter().chain(summary.filter(|_| !is_only_notes));
        let notes = notes.chain(undelivered.into_iter().map(Event::Undelivered)).map(Content::Note);
        let notes: Vec<Waiting> = notes.map(|content| Waiting { content, done: None }).collect();
        if is_only_notes && self.segment.is_none() {
            return;
        }
        let count = notes.len();
        for note in notes.into_iter().rev() {
            self.waiting.push_front(note);
        }
        if is_only_notes && count > 0 {
            let rest = self.waiting.split_off(count);
            self.commit_notes();
            self.waiting.extend(rest);
        }
    }

    /// Answers the first `count` of those who wait that there is no record.
    fn refuse(&mut self, count: usize, failure: &Failure) {
        for _ in 0..count {
            self.refuse_first(AuditError::Failed(failure.clone()), failure.step.name());
        }
    }

    fn refuse_first(&mut self, error: AuditError, cause: &'static str) {
        if let Some(waiting) = self.waiting.pop_front() {
            self.answer_no(waiting, error, cause);
        }
    }

    fn answer_no(&self, waiting: Waiting, error: AuditError, cause: &'static str) {
        let what = match waiting.content {
            // Counted still, for the next ones.
            Content::Note(Event::Gap(_) | Event::Summary(_)) => return,
            Content::Note(_) => Unrecorded::Note,
            Content::Call(_) => match (self.options.durability, self.options.full) {
                (Durability::Durable, Full::Refuse) => Unrecorded::Refused,
                (Durability::Queued, _) | (_, Full::Degrade) => Unrecorded::Served,
            },
        };
        self.shared.miss(what, cause, SystemTime::now());
        let _ = waiting.done.map(|done| done.send(Err(error)));
    }

    /// Writes what is left to say, and leaves the directory as it should be found.
    fn finish(mut self) {
        self.end_outage();
        self.push_notes(Pace::Now);
        let stop = self.stop.take().map(|content| Waiting { content, done: None });
        self.waiting.extend(stop);
        if self.outage.is_none() {
            while !self.waiting.is_empty() {
                self.write_some();
            }
        } else if self.segment.is_some() {
            self.commit_notes();
        }
        if let Some(segment) = self.segment.as_mut().filter(|segment| segment.is_prepared()) {
            segment.trim();
        }
        if let Some(preparation) = self.preparation.take() {
            preparation.stop();
        }
        if self.has_prepared {
            // It is there unless it was used.
            let _ = self.disk.remove(PREPARED);
        }
        self.observer.closed(Instant::now());
    }

    fn failure(&self, name: &str, step: Step, error: io::Error) -> Failure {
        Failure { path: self.dir.join(name).into(), step, source: Arc::new(error) }
    }
}

impl<D: Disk, O> Drop for Writer<D, O> {
    /// After a panic: runs before the queue and those who wait are dropped, so that whoever finds
    /// their waiter gone also finds the reason.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let source = Arc::new(io::Error::other("it panicked"));
            let cause = Failure { path: Arc::clone(&self.dir), step: Step::Panic, source };
            self.shared.set_health(Health::Failed { cause });
        }
    }
}

/// From the begin of a commit of so many records to that of the next.
fn pause_behind(records: usize, durability: Durability) -> Duration {
    match durability {
        Durability::Queued => QUEUED_PAUSE,
        Durability::Durable if records >= CROWD => CROWD_PAUSE,
        Durability::Durable => Duration::ZERO,
    }
}

/// The commit before.
struct LastWrite {
    began: Instant,
    records: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    EachSecond,
    Now,
}

/// Longest commit. A crash damages one at most, so this is how much recovery may have to judge.
pub(super) const MAX_COMMIT_LEN: usize = 1024 * 1024;

/// Most records of one commit.
const MAX_COMMIT_RECORDS: usize = 4096;

/// After so many lines it is seen whether it is others' turn.
const STEP_RECORDS: usize = 4;

/// So many wait only if the writer is behind: they are what 50,000 calls a second leave in a pause.
const BACKLOG: usize = 1024;

/// Between two commits while nobody waits for them: each costs the same, whether it holds one record or
/// a thousand. About so much a crash may take.
const QUEUED_PAUSE: Duration = Duration::from_millis(20);

/// From so many records a commit on, more are gathered: fewer commits leave processor and disk to others.
const CROWD: usize = 3;

/// Between the begins of two commits then.
const CROWD_PAUSE: Duration = Duration::from_micros(500);

/// How often the log is looked after, and how often it tries again.
const TICK: Duration = Duration::from_secs(1);

/// A tick is never early, but two of them may be a moment less than a second apart.
const TICK_SLACK: Duration = Duration::from_millis(100);

/// How often a gap is written while it lasts: what the reserve holds is enough for years.
const GAP_IN_OUTAGE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_calls_alone_does_not_wait_for_others() {
        for (records, durability, pause_us) in [
            (1, Durability::Durable, 0),
            (2, Durability::Durable, 0),
            (3, Durability::Durable, 500),
            (4096, Durability::Durable, 500),
            (1, Durability::Queued, 20_000),
        ] {
            assert_eq!(pause_behind(records, durability).as_micros(), pause_us, "{records} {durability:?}");
        }
    }
}
