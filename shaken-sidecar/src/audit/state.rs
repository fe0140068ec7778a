//! What the log tells about itself while it runs: its health, its counters, and what it could not
//! write down yet.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::export::ExportState;
use super::proof::ProofState;
use super::record::rfc3339_ms;
use super::{Failure, Gap, Summary, Undecided, Undelivered};

/// The state of a log, for readiness and metrics.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditState {
    /// Whether records can be written.
    pub health: Health,
    /// Records in the log, from index 0 on.
    pub records: u64,
    /// Calls and notes without a record, since the log was opened. Those of a gap that is not written
    /// yet are among them.
    pub unrecorded: u64,
    /// Gaps written since the log was opened.
    pub gaps: u64,
    /// Faults of the disk since the log was opened.
    pub faults: u64,
    /// Records that wait for the disk.
    pub queued: usize,
    /// How long the last commit took, from its first byte written to its last one durable.
    pub last_commit: Option<Duration>,
    /// When it ended, in whole seconds.
    pub last_commit_at: Option<SystemTime>,
    /// How its checkpoints go. Nothing when it makes none.
    pub proof: Option<ProofState>,
    /// How its export goes. Nothing when it has none.
    pub export: Option<ExportState>,
    /// How sealing goes. Nothing when it is off.
    pub sealing: Option<SealState>,
}

/// How sealing and deleting of segments go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SealState {
    /// Sealed segments in the log.
    pub sealed: u64,
    /// Segments that were left by the writer and are not sealed yet.
    pub waiting: u64,
    /// Sealed segments deleted, since the log was opened.
    pub deleted: u64,
    /// Attempts that failed, since the log was opened. Each is made again.
    pub failures: u64,
    /// Why the last attempt failed. Nothing once one succeeds.
    pub last_error: Option<String>,
}

/// Whether a log takes records.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Health {
    /// It does.
    Ok,
    /// It does not, or is about to run out of room; it tries again each second.
    Degraded {
        /// The last thing that failed.
        cause: Failure,
    },
    /// It does not, and will not before a restart.
    Failed {
        /// What ended it.
        cause: Failure,
    },
}

impl Health {
    /// What stands in the way, if anything does.
    #[must_use]
    pub fn cause(&self) -> Option<&Failure> {
        match self {
            Self::Ok => None,
            Self::Degraded { cause } | Self::Failed { cause } => Some(cause),
        }
    }
}

/// What the writer and those who append share.
#[derive(Debug)]
pub(super) struct Shared {
    health: Mutex<Health>,
    missing: Mutex<Missing>,
    undecided: Mutex<Counted>,
    /// No more than there are records, as each is about one.
    undelivered: Mutex<Vec<Undelivered>>,
    pub(super) records: AtomicU64,
    pub(super) gaps: AtomicU64,
    pub(super) faults: AtomicU64,
    unrecorded: AtomicU64,
    last_commit_us: AtomicU64,
    last_commit_s: AtomicU64,
    pub(super) seal: SealSignal,
}

/// Between the writer and the thread that seals.
#[derive(Debug, Default)]
pub(super) struct SealSignal {
    told: Mutex<Told>,
    changed: Condvar,
    state: Mutex<SealState>,
}

#[derive(Debug, Default)]
struct Told {
    /// First index of the segment that is written to.
    active: u64,
    is_new: bool,
    is_to_stop: bool,
}

/// Why the thread that seals goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    ToLook,
    ToStop,
}

impl SealSignal {
    /// Records go to the segment from `first_index` on; it is durable under its name.
    pub(super) fn set_active(&self, first_index: u64) {
        let mut told = lock(&self.told);
        told.active = first_index;
        told.is_new = true;
        self.changed.notify_all();
    }

    pub(super) fn active(&self) -> u64 {
        lock(&self.told).active
    }

    pub(super) fn stop(&self) {
        lock(&self.told).is_to_stop = true;
        self.changed.notify_all();
    }

    pub(super) fn is_to_stop(&self) -> bool {
        lock(&self.told).is_to_stop
    }

    /// Until there is something to do, or `most` is over.
    pub(super) fn wait(&self, most: Duration) -> Woken {
        let told = lock(&self.told);
        let is_idle = |told: &mut Told| !told.is_new && !told.is_to_stop;
        let waited = self.changed.wait_timeout_while(told, most, is_idle);
        let (mut told, _) = waited.unwrap_or_else(PoisonError::into_inner);
        told.is_new = false;
        if told.is_to_stop { Woken::ToStop } else { Woken::ToLook }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, SealState> {
        lock(&self.state)
    }
}

/// A gap that is not written yet.
#[derive(Clone, Copy, Debug, Default)]
struct Missing {
    span: Option<(SystemTime, SystemTime)>,
    served: u64,
    refused: u64,
    notes: u64,
    cause: &'static str,
}

/// Requests that are not in a summary yet.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    from: Option<SystemTime>,
    unparsable: u64,
    unauthenticated: u64,
    shed: u64,
}

/// What became of a request or a note without a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unrecorded {
    Served,
    Refused,
    Note,
}

impl Shared {
    pub(super) fn new(records: u64) -> Self {
        Self {
            health: Mutex::new(Health::Ok),
            missing: Mutex::default(),
            undecided: Mutex::default(),
            undelivered: Mutex::default(),
            records: AtomicU64::new(records),
            gaps: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            unrecorded: AtomicU64::new(0),
            last_commit_us: AtomicU64::new(NO_COMMIT),
            last_commit_s: AtomicU64::new(NO_COMMIT),
            seal: SealSignal::default(),
        }
    }

    pub(super) fn state(&self, queued: usize) -> AuditState {
        let last_commit_us = self.last_commit_us.load(Ordering::Relaxed);
        AuditState {
            health: self.health(),
            records: self.records.load(Ordering::Relaxed),
            unrecorded: self.unrecorded.load(Ordering::Relaxed),
            gaps: self.gaps.load(Ordering::Relaxed),
            faults: self.faults.load(Ordering::Relaxed),
            queued,
            last_commit: Some(last_commit_us).filter(|us| *us != NO_COMMIT).map(Duration::from_micros),
            last_commit_at: Some(self.last_commit_s.load(Ordering::Relaxed))
                .filter(|s| *s != NO_COMMIT)
                .map(|s| SystemTime::UNIX_EPOCH + Duration::from_secs(s)),
            proof: None,
            export: None,
            sealing: None,
        }
    }

    pub(super) fn health(&self) -> Health {
        lock(&self.health).clone()
    }

    /// A log that has failed stays so.
    pub(super) fn set_health(&self, health: Health) {
        let mut now = lock(&self.health);
        if !matches!(*now, Health::Failed { .. }) {
            *now = health;
        }
    }

    pub(super) fn note_commit(&self, records: u64, took: Duration, now: SystemTime) {
        self.records.store(records, Ordering::Relaxed);
        let took_us = u64::try_from(took.as_micros()).unwrap_or(NO_COMMIT - 1);
        self.last_commit_us.store(took_us, Ordering::Relaxed);
        let now_s = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.last_commit_s.store(now_s, Ordering::Relaxed);
    }

    /// Counts a record that could not be written.
    pub(super) fn miss(&self, what: Unrecorded, cause: &'static str, now: SystemTime) {
        self.unrecorded.fetch_add(1, Ordering::Relaxed);
        let mut missing = lock(&self.missing);
        let count = match what {
            Unrecorded::Served => &mut missing.served,
            Unrecorded::Refused => &mut missing.refused,
            Unrecorded::Note => &mut missing.notes,
        };
        *count += 1;
        missing.cause = cause;
        missing.span = Some((missing.span.map_or(now, |(from, _)| from), now));
    }

    /// The gap that is due, if there is one. It stays so until it is [written](Self::gap_written).
    pub(super) fn gap_due(&self) -> Option<Gap> {
        let Missing { span, served, refused, notes, cause } = *lock(&self.missing);
        let (from, to) = span?;
        let (from, to) = (rfc3339_ms(from), rfc3339_ms(to));
        Some(Gap { from, to, served, refused, notes, cause: cause.into() })
    }

    /// `gap` is durable; what was missed since is another.
    pub(super) fn gap_written(&self, gap: &Gap) {
        self.gaps.fetch_add(1, Ordering::Relaxed);
        let mut missing = lock(&self.missing);
        missing.served = missing.served.saturating_sub(gap.served);
        missing.refused = missing.refused.saturating_sub(gap.refused);
        missing.notes = missing.notes.saturating_sub(gap.notes);
        let is_more = missing.served + missing.refused + missing.notes > 0;
        missing.span = missing.span.map(|(_, to)| (to, to)).filter(|_| is_more);
    }

    /// Keeps a note for the next commit.
    pub(super) fn note(&self, undelivered: Undelivered) {
        lock(&self.undelivered).push(undelivered);
    }

    pub(super) fn take_undelivered(&self) -> Vec<Undelivered> {
        std::mem::take(&mut *lock(&self.undelivered))
    }

    /// Counts a request that came to no decision.
    pub(super) fn count(&self, why: Undecided, now: SystemTime) {
        let mut counted = lock(&self.undecided);
        let count = match why {
            Undecided::Unparsable => &mut counted.unparsable,
            Undecided::Unauthenticated => &mut counted.unauthenticated,
            Undecided::Shed => &mut counted.shed,
        };
        *count += 1;
        counted.from.get_or_insert(now);
    }

    /// What was counted up to `now`, if anything was. It stays so until it is
    /// [written](Self::summary_written).
    pub(super) fn summary_due(&self, now: SystemTime) -> Option<Summary> {
        let Counted { from, unparsable, unauthenticated, shed } = *lock(&self.undecided);
        let from = rfc3339_ms(from?);
        Some(Summary { from, to: rfc3339_ms(now), unparsable, unauthenticated, shed })
    }

    /// `summary` is durable; what was counted since, up to `now`, is for another.
    pub(super) fn summary_written(&self, summary: &Summary, now: SystemTime) {
        let mut counted = lock(&self.undecided);
        counted.unparsable = counted.unparsable.saturating_sub(summary.unparsable);
        counted.unauthenticated = counted.unauthenticated.saturating_sub(summary.unauthenticated);
        counted.shed = counted.shed.saturating_sub(summary.shed);
        let is_more = counted.unparsable + counted.unauthenticated + counted.shed > 0;
        counted.from = Some(now).filter(|_| is_more);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const NO_COMMIT: u64 = u64::MAX;
