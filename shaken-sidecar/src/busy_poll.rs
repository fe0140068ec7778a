//! Looking for the next call before going to sleep.
//!
//! A worker without work sleeps, and so does its processor if nothing else is to be done. A virtual one is
//! then brought back by its host, which takes longer than a signature. So for some microseconds behind each
//! call one worker stays awake, and others that it wakes by that: whatever comes meets a processor that runs.
//! While nothing comes, whoever else wants it is given way to. One caller who waits for each answer had it in
//! a third of the time by that.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How long to look, and how many calls there were.
#[derive(Debug, Default)]
pub(crate) struct BusyPoll {
    length: Duration,
    decided: AtomicU64,
    called: Notify,
}

impl BusyPoll {
    /// For so long behind each call; not at all if that is zero.
    pub(crate) fn new(length: Duration) -> Self {
        Self { length, ..Self::default() }
    }

    /// A call is decided, and its answer on the way: the caller may have another one.
    pub(crate) fn call_decided(&self) {
        if !self.length.is_zero() {
            self.decided.fetch_add(1, Ordering::Relaxed);
            self.called.notify_one();
        }
    }

    /// To be run by one of the workers, as long as there are any.
    pub(crate) async fn run(&self) -> Infallible {
        let mut seen = 0;
        loop {
            self.called.notified().await;
            let mut until = Instant::now();
            // One that is seen already is told of once more.
            loop {
                if !self.has_another(&mut seen, &mut until) {
                    if Instant::now() >= until {
                        break;
                    }
                    // Nothing came since the last look: whoever wants the processor has more use for it.
                    std::thread::yield_now();
                }
                // The worker takes what has come meanwhile.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Whether there was a call that is not among those `seen`; then it is looked `until` later.
    fn has_another(&self, seen: &mut u64, until: &mut Instant) -> bool {
        let before = std::mem::replace(seen, self.decided.load(Ordering::Relaxed));
        if *seen != before {
            *until = Instant::now() + self.length;
        }
        *seen != before
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::wakes::Wakes;

    /// How often it is polled until it sleeps, which it does at last, and how long that takes.
    fn polls(run: &mut (impl Future<Output = Infallible> + Unpin)) -> (usize, Duration) {
        let (began, mut polls) = (Instant::now(), 0);
        let (wakes, waker) = Wakes::counted();
        loop {
            let before = wakes.count();
            assert!(std::pin::Pin::new(&mut *run).poll(&mut Context::from_waker(&waker)).is_pending());
            polls += 1;
            if wakes.count() == before {
                return (polls, began.elapsed());
            }
        }
    }

    #[test]
    fn it_looks_behind_a_call_and_sleeps_without() {
        let length = Duration::from_millis(5);
        let busy = BusyPoll::new(length);
        let mut run = pin!(busy.run());
        assert_eq!(polls(&mut run).0, 1);
        for _ in 0..2 {
            busy.call_decided();
            let (polls, took) = polls(&mut run);
            assert!(polls >= 2 && took >= length, "{polls} in {took:?}");
        }
        assert_eq!(polls(&mut run).0, 1);
    }

    /// The length counts from the last call.
    #[test]
    fn a_call_that_comes_meanwhile_makes_it_longer() {
        let length = Duration::from_millis(20);
        let busy = BusyPoll::new(length);
        let mut run = pin!(busy.run());
        busy.call_decided();
        let began = Instant::now();
        let waker = Waker::noop();
        while began.elapsed() < length / 2 {
            assert!(run.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
        }
        busy.call_decided();
        polls(&mut run);
        assert!(began.elapsed() >= length * 3 / 2);
        // It was seen, and is not looked behind again: it is told of once more, and that is all.
        assert_eq!(polls(&mut run).0, 1);
    }

    #[test]
    fn without_a_length_it_never_looks() {
        let busy = BusyPoll::default();
        let mut run = pin!(busy.run());
        busy.call_decided();
        assert_eq!(polls(&mut run).0, 1);
    }
}
