//! Spans of calls, sent to a collector of OpenTelemetry by OTLP over HTTP. Off unless configured.
//!
//! ```text
//! call::keep -> begin    is this call to be told? most are not, which costs one number
//!            -> end      into a bounded queue, or counted as dropped
//! export     one task: batches, one request each, pauses after failures
//! span       a call, as a message of OTLP: our own words and names, no number, no header of the call
//! parent     `traceparent` of W3C Trace Context
//! ```
//!
//! A call never waits for any of it.

mod export;
mod parent;
mod span;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::audit::{AuditError, Interface, Kept, Op, Record};
use crate::call::Origin;
pub(crate) use export::Collector;
use export::Exporter;
pub use parent::Parent;
use span::{Span, fault};

/// What is traced, and where it goes.
#[derive(Debug)]
pub struct TraceOptions {
    pub(crate) collector: Collector,
    pub(crate) share: Share,
    pub(crate) service_name: String,
}

/// The part of all calls that is traced: 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Share(f64);

impl Share {
    pub(crate) fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self(share))
    }
}

/// Takes the spans of calls, and leaves them to a task.
#[derive(Debug)]
pub struct Traces {
    sampler: Sampler,
    queue: mpsc::Sender<Span>,
    counts: Arc<Counts>,
    close: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// A call of which a span may come.
#[derive(Debug)]
pub(crate) struct Traced {
    op: Op,
    interface: Interface,
    span: Option<Box<Span>>,
}

/// What became of spans since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TraceStats {
    pub(super) sent: u64,
    pub(super) dropped: u64,
    pub(super) lost: u64,
    pub(super) failures: u64,
}

impl Traces {
    /// Begins to send, on the runtime that this is called in.
    #[must_use]
    pub fn start(options: TraceOptions) -> Self {
        let TraceOptions { collector, share, service_name } = options;
        let (queue, queued) = mpsc::channel(QUEUE);
        let (close, closing) = watch::channel(false);
        let counts = Arc::new(Counts::default());
        let exporter = Exporter::new(queued, collector, service_name, Arc::clone(&counts), closing);
        let task = Mutex::new(Some(tokio::spawn(exporter.run())));
        Self { sampler: Sampler::new(share), queue, counts, close, task }
    }

    /// Decides on a call, before its record is given away.
    pub(crate) fn begin(&self, record: &Record, origin: &Origin) -> Traced {
        Traced { op: record.op, interface: record.interface, span: self.choose(record, origin) }
    }

    fn choose(&self, record: &Record, origin: &Origin) -> Option<Box<Span>> {
        if record.synthetic == Some(true) {
            return None;
        }
        let fault = fault(record);
        if !self.sampler.takes(origin.parent, fault.is_some()) {
            return None;
        }
        // What has no room costs no more than that.
        if self.queue.capacity() == 0 {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Box::new(Span::of(record, fault, origin)))
    }

    /// The call is on record as `kept` says, or got no answer for want of a record, which is told of
    /// every call.
    pub(crate) fn end(&self, traced: Traced, kept: &Result<Kept, AuditError>, origin: &Origin) {
        let Traced { op, interface, span } = traced;
        let span = match (span, kept) {
            (None, Ok(_)) => return,
            (Some(span), Ok(kept)) => span.recorded(*kept),
            (Some(span), Err(_)) => span.unrecorded(),
            (None, Err(_)) => Box::new(Span::new(op, interface, origin)).unrecorded(),
        };
        if self.queue.try_send(*span.ended(origin.received.elapsed())).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sends what is left, for a second at most. What comes later is dropped.
    pub async fn close(&self) {
        self.close.send_replace(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut task) = task else { return };
        if tokio::time::timeout(FLUSH, &mut task).await.is_err() {
            task.abort();
            tracing::warn!("the last traces of calls did not reach the collector in time");
        }
    }

    pub(super) fn stats(&self) -> TraceStats {
        let Counts { sent, dropped, lost, failures } = &*self.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        TraceStats { sent: read(sent), dropped: read(dropped), lost: read(lost), failures: read(failures) }
    }
}

#[derive(Debug, Default)]
struct Counts {
    /// Spans that the collector took.
    sent: AtomicU64,
    /// Spans that found the queue full.
    dropped: AtomicU64,
    /// Spans that the collector did not take.
    lost: AtomicU64,
    /// Requests to the collector that failed.
    failures: AtomicU64,
}

/// Which calls are told. Those with a fault always; otherwise whoever began the trace decides; a trace that
/// begins here is drawn by lot.
#[derive(Debug)]
struct Sampler {
    /// Of 2^53.
    lots: u64,
    drawn: AtomicU64,
}

impl Sampler {
    fn new(Share(share): Share) -> Self {
        let mut seed = [0; 8];
        // Without randomness the order of the lots is the same after each start, which harms nobody.
        let _ = SystemRandom::new().fill(&mut seed);
        let lots = (share * (1_u64 << LOT_BITS) as f64) as u64;
        Self { lots, drawn: AtomicU64::new(u64::from_ne_bytes(seed)) }
    }

    fn takes(&self, parent: Option<Parent>, has_fault: bool) -> bool {
        has_fault || parent.map_or_else(|| self.draw() < self.lots, |parent| parent.is_sampled())
    }

    /// SplitMix64: a count, and a mixture of its bits that looks random. Nothing secret hangs on it.
    fn draw(&self) -> u64 {
        let mut lot = self.drawn.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        lot = (lot ^ (lot >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        lot = (lot ^ (lot >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (lot ^ (lot >> 31)) >> (u64::BITS - LOT_BITS)
    }
}

/// As many as an `f64` has without a gap.
const LOT_BITS: u32 = 53;

/// Spans that wait for the collector, some 400 bytes each.
const QUEUE: usize = 4096;

/// How long the end of the daemon waits for the collector.
const FLUSH: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
