//! How a log is run.

use std::num::NonZeroU32;
use std::time::Duration;

/// When a request is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// After its record is durable.
    #[default]
    Durable,
    /// At once. The record says so; what a crash or a fault of the disk takes of the queue is lost.
    Queued,
}

/// What becomes of requests that there can be no record of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Full {
    /// They are refused.
    #[default]
    Refuse,
    /// They are served and counted; the count is written as soon as it can be.
    Degrade,
}

/// Whether segments that are full become sealed ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sealing {
    /// They do.
    #[default]
    On,
    /// They stay as they are, and nothing is deleted.
    Off,
}

/// How a log is run.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AuditOptions {
    pub(super) durability: Durability,
    pub(super) full: Full,
    pub(super) queue_records: NonZeroU32,
    pub(super) queue_wait: Duration,
    pub(super) segment_bytes: u64,
    pub(super) reserve_bytes: u64,
    /// Length of a segment at which the next one is prepared.
    pub(super) prepare_after_bytes: u64,
    pub(super) sealing: Sealing,
    pub(super) keep_for: Option<Duration>,
    pub(super) keep_bytes: Option<u64>,
    /// How long after a failure sealing is tried again.
    pub(super) seal_retry: Duration,
}

impl AuditOptions {
    /// Durable, refusing; a queue of 8,192 records, and 500 ms to wait for room in it; segments of
    /// 128 MiB that are sealed and kept for ever, and 16 MiB in reserve.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            durability: Durability::Durable,
            full: Full::Refuse,
            queue_records: QUEUE_RECORDS,
            queue_wait: QUEUE_WAIT,
            segment_bytes: SEGMENT_BYTES,
            reserve_bytes: RESERVE_BYTES,
            prepare_after_bytes: PREPARE_AFTER_BYTES,
            sealing: Sealing::On,
            keep_for: None,
            keep_bytes: None,
            seal_retry: SEAL_RETRY,
        }
    }

    /// When requests are answered.
    #[must_use]
    pub const fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// What becomes of requests that there can be no record of.
    #[must_use]
    pub const fn with_full(mut self, full: Full) -> Self {
        self.full = full;
        self
    }

    /// How many records may wait for the disk. As many again may be in the write under way.
    #[must_use]
    pub const fn with_queue_records(mut self, queue_records: NonZeroU32) -> Self {
        self.queue_records = queue_records;
        self
    }

    /// How long an append waits for room in a full queue before it is
    /// [`AuditError::Overloaded`](super::AuditError::Overloaded).
    #[must_use]
    pub const fn with_queue_wait(mut self, queue_wait: Duration) -> Self {
        self.queue_wait = queue_wait;
        self
    }

    /// How long a segment may become; one that holds a single record may be longer.
    #[must_use]
    pub const fn with_segment_bytes(mut self, segment_bytes: u64) -> Self {
        self.segment_bytes = segment_bytes;
        if self.prepare_after_bytes > segment_bytes / 2 {
            self.prepare_after_bytes = segment_bytes / 2;
        }
        self
    }

    /// How much of the disk is held to be given free when it is full, so that the log can say so.
    #[must_use]
    pub const fn with_reserve_bytes(mut self, reserve_bytes: u64) -> Self {
        self.reserve_bytes = reserve_bytes;
        self
    }

    /// Whether segments that are full become sealed ones.
    #[must_use]
    pub const fn with_sealing(mut self, sealing: Sealing) -> Self {
        self.sealing = sealing;
        self
    }

    /// A sealed segment is deleted when its newest record is older than this.
    #[must_use]
    pub const fn with_keep_for(mut self, keep_for: Duration) -> Self {
        self.keep_for = Some(keep_for);
        self
    }

    /// The oldest sealed segments are deleted while all of them take more room than this.
    #[must_use]
    pub const fn with_keep_bytes(mut self, keep_bytes: u64) -> Self {
        self.keep_bytes = Some(keep_bytes);
        self
    }

    #[cfg(test)]
    pub(super) const fn with_seal_retry(mut self, seal_retry: Duration) -> Self {
        self.seal_retry = seal_retry;
        self
    }

    #[cfg(test)]
    pub(super) const fn with_prepare_after_bytes(mut self, prepare_after_bytes: u64) -> Self {
        self.prepare_after_bytes = prepare_after_bytes;
        self
    }

    /// What becomes of requests that there can be no record of.
    #[must_use]
    pub const fn full(&self) -> Full {
        self.full
    }
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A disk that keeps up never fills it, as each commit empties it; 12 MB of usual records.
const QUEUE_RECORDS: NonZeroU32 = NonZeroU32::new(8192).unwrap();

/// The default deadline of a signing request: waiting longer helps no caller.
const QUEUE_WAIT: Duration = Duration::from_millis(500);

/// Read at start in a fraction of a second.
const SEGMENT_BYTES: u64 = 128 * 1024 * 1024;

/// Holds gap records for years.
pub(super) const RESERVE_BYTES: u64 = 16 * 1024 * 1024;

/// Some thousand calls: a log that small costs no disk ahead of need.
const PREPARE_AFTER_BYTES: u64 = 4 * 1024 * 1024;

/// A disk that failed rarely works a moment later, and nobody waits.
const SEAL_RETRY: Duration = Duration::from_secs(60);
