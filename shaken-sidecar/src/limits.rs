//! How much work of each kind is taken on. What is too much is refused at once, which costs next to
//! nothing: a call that is answered late is worth no more than one that is not answered, and holds up
//! the others.
//!
//! Signing, verifying and waiting for certificates do not take each other's places: whoever waits for a
//! download gives its place back meanwhile (see [`crate::certs`] for how many may wait).

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::audit::Op;

/// The limits in force and what they have turned away.
#[derive(Debug)]
pub struct Limits {
    options: LimitOptions,
    sign: Gate,
    verify: Gate,
}

/// How much may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitOptions {
    /// Calls to sign in a second; any number if none is given.
    pub sign_per_s: Option<NonZeroU32>,
    /// Calls to verify in a second.
    pub verify_per_s: Option<NonZeroU32>,
    /// Calls that are being signed at a time, their records being written included.
    pub sign_under_way: NonZeroU32,
    /// Calls that are being verified at a time, without those that wait for a certificate.
    pub verify_under_way: NonZeroU32,
}

impl Default for LimitOptions {
    /// No limit a second, 4,096 of each kind under way.
    fn default() -> Self {
        let (sign_under_way, verify_under_way) = (DEFAULT_UNDER_WAY, DEFAULT_UNDER_WAY);
        Self { sign_per_s: None, verify_per_s: None, sign_under_way, verify_under_way }
    }
}

/// What was turned away since the start, and what is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitStats {
    /// Calls that were not signed.
    pub sign_shed: u64,
    /// Calls that were not verified.
    pub verify_shed: u64,
    /// Calls that are being signed.
    pub sign_under_way: u64,
    /// Calls that are being verified, without those that wait for a certificate.
    pub verify_under_way: u64,
}

impl Limits {
    /// Nothing is under way.
    #[must_use]
    pub fn new(options: LimitOptions) -> Self {
        let now = Instant::now();
        let gate = |per_s: Option<NonZeroU32>, under_way: NonZeroU32| {
            let most = usize::try_from(under_way.get()).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
            Gate {
                rate: per_s.map(|per_s| Rate::new(per_s, now)),
                places: Arc::new(Semaphore::new(most)),
                most,
                shed: AtomicU64::new(0),
            }
        };
        Self {
            options,
            sign: gate(options.sign_per_s, options.sign_under_way),
            verify: gate(options.verify_per_s, options.verify_under_way),
        }
    }

    /// How it was set up.
    #[must_use]
    pub fn options(&self) -> LimitOptions {
        self.options
    }

    /// The figures at this moment.
    #[must_use]
    pub fn stats(&self) -> LimitStats {
        let shed = |gate: &Gate| gate.shed.load(Ordering::Relaxed);
        let under_way = |gate: &Gate| (gate.most - gate.places.available_permits()) as u64;
        LimitStats {
            sign_shed: shed(&self.sign),
            verify_shed: shed(&self.verify),
            sign_under_way: under_way(&self.sign),
            verify_under_way: under_way(&self.verify),
        }
    }

    /// Permission to work on a call, if there is any at `now`; otherwise it is counted as turned away.
    pub(crate) fn admit(&self, op: Op, now: Instant) -> Option<Permit<'_>> {
        let gate = match op {
            Op::Sign => &self.sign,
            Op::Verify => &self.verify,
        };
        let held = Arc::clone(&gate.places).try_acquire_owned().ok();
        // A call that finds no place leaves the rate to another.
        if held.is_none() || gate.rate.as_ref().is_some_and(|rate| !rate.admits(now)) {
            gate.shed.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Permit { gate, held, waited: Duration::ZERO })
    }
}

#[derive(Debug)]
struct Gate {
    rate: Option<Rate>,
    places: Arc<Semaphore>,
    most: usize,
    shed: AtomicU64,
}

/// Permission to work on one call, until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit<'l> {
    gate: &'l Gate,
    held: Option<OwnedSemaphorePermit>,
    waited: Duration,
}

impl Permit<'_> {
    /// How long the call has not been worked on, because it waited.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }

    /// Gives the place back while `waiting`, and takes one again before anything is done with what comes
    /// of it.
    pub(crate) async fn wait_for<T>(&mut self, waiting: impl Future<Output = T>) -> T {
        self.held = None;
        let began = Instant::now();
        let outcome = waiting.await;
        // Nobody closes it.
        self.held = Arc::clone(&self.gate.places).acquire_owned().await.ok();
        self.waited += began.elapsed();
        outcome
    }
}

/// So many a second, evenly: the time at which the next call would be in turn, ahead of which calls may
/// be by the burst (the generic cell rate algorithm).
#[derive(Debug)]
struct Rate {
    began: Instant,
    interval_ns: u64,
    burst_ns: u64,
    next_ns: AtomicU64,
}

impl Rate {
    fn new(per_s: NonZeroU32, now: Instant) -> Self {
        let interval_ns = NANOS_PER_S / u64::from(per_s.get());
        let burst_ns = BURST_NS.max(interval_ns);
        Self { began: now, interval_ns, burst_ns, next_ns: AtomicU64::new(0) }
    }

    fn admits(&self, now: Instant) -> bool {
        let now_ns = now.saturating_duration_since(self.began).as_nanos();
        let now_ns = u64::try_from(now_ns).unwrap_or(u64::MAX);
        let later = |next_ns: u64| {
            let next_ns = next_ns.max(now_ns).saturating_add(self.interval_ns);
            (next_ns <= now_ns.saturating_add(self.burst_ns)).then_some(next_ns)
        };
        self.next_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later).is_ok()
    }
}

const NANOS_PER_S: u64 = 1_000_000_000;

/// How much of a second's calls may come at once: what waits is served within 20 ms, at full speed.
const BURST_NS: u64 = Duration::from_millis(20).as_nanos() as u64;

const DEFAULT_UNDER_WAY: NonZeroU32 = NonZeroU32::new(4096).unwrap();

#[cfg(test)]
mod tests {
    use super::*;

    fn some(n: u32) -> Option<NonZeroU32> {
        NonZeroU32::new(n)
    }

    #[test]
    fn a_rate_is_kept_under_five_times_its_load() {
        for per_s in [1, 10, 3_000, 100_000] {
            let start = Instant::now();
            let rate = Rate::new(some(per_s).unwrap(), start);
            let step = Duration::from_secs(1) / (5 * per_s);
            let admitted = (0..5 * per_s * 4).filter(|i| rate.admits(start + step * *i)).count();
            let (least, most) = (4 * per_s as usize, 4 * per_s as usize + per_s as usize / 50 + 1);
            assert!((least..=most).contains(&admitted), "{admitted} of {per_s}/s in 4 s");
        }
    }

    #[test]
    fn what_was_not_used_is_not_saved() {
        let start = Instant::now();
        let rate = Rate::new(some(1_000).unwrap(), start);
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..1_000).filter(|_| rate.admits(later)).count(), 20);
    }

    #[tokio::test]
    async fn the_kinds_have_places_of_their_own() {
        let one = some(1).unwrap();
        let options = LimitOptions { sign_under_way: one, verify_under_way: one, ..LimitOptions::default() };
        let limits = Limits::new(options);
        let now = Instant::now();
        let mut verifying = limits.admit(Op::Verify, now).unwrap();
        assert!(limits.admit(Op::Verify, now).is_none());
        let signing = limits.admit(Op::Sign, now);
        assert!(signing.is_some() && limits.admit(Op::Sign, now).is_none());
        // Who waits leaves its place, and works on in one.
        let other = verifying.wait_for(async { limits.admit(Op::Verify, now).is_some() }).await;
        assert!(other);
        assert!(limits.admit(Op::Verify, now).is_none());
        let LimitStats { sign_shed, verify_shed, sign_under_way, verify_under_way } = limits.stats();
        assert_eq!((sign_shed, verify_shed, sign_under_way, verify_under_way), (1, 2, 1, 1));
        drop((verifying, signing));
        assert!(limits.admit(Op::Verify, now).is_some() && limits.admit(Op::Sign, now).is_some());
    }

    #[test]
    fn rates_turn_away_and_are_counted() {
        let limits = Limits::new(LimitOptions { verify_per_s: some(1), ..LimitOptions::default() });
        let now = Instant::now();
        assert!(limits.admit(Op::Verify, now).is_some() && limits.admit(Op::Verify, now).is_none());
        assert!((0..100).all(|_| limits.admit(Op::Sign, now).is_some()));
        assert_eq!(limits.stats().verify_shed, 1);
    }
}
