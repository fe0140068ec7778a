//! What a connection wakes itself for.
//!
//! Within one connection hyper hands the parts of a request from one half to the other, and wakes the task that
//! is just running. A runtime puts such a task behind all others, and wakes another worker to look after
//! them, for each request.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// A future that goes on at once if it was woken while it ran.
pub(super) struct AtOnce<F> {
    future: Pin<Box<F>>,
    state: Arc<State>,
    /// That of `state`.
    waker: Waker,
}

struct State {
    now: AtomicU8,
    outside: AtomicWaker,
}

impl<F> AtOnce<F> {
    pub(super) fn new(future: F) -> Self {
        let state = Arc::new(State { now: AtomicU8::new(RESTING), outside: AtomicWaker::new() });
        let waker = Waker::from(Arc::clone(&state));
        Self { future: Box::pin(future), state, waker }
    }
}

impl<F: Future> Future for AtOnce<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, state, waker } = &mut *self;
        state.outside.register(cx.waker());
        for _ in 0..MOST {
            state.now.swap(RUNNING, Ordering::AcqRel);
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(waker)) {
                return Poll::Ready(output);
            }
            // From here on it is the runtime that is woken.
            let rests = state.now.compare_exchange(RUNNING, RESTING, Ordering::AcqRel, Ordering::Acquire);
            if rests.is_ok() {
                return Poll::Pending;
            }
        }
        // Others have their turn. It stays woken: the runtime is told of that here.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Wake for State {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Written by each that wakes, so that what each did before is seen by the next poll.
        if self.now.swap(WOKEN, Ordering::AcqRel) == RESTING {
            self.outside.wake();
        }
    }
}

const RESTING: u8 = 0;
const RUNNING: u8 = 1;
/// While it ran, or since.
const WOKEN: u8 = 2;

/// How often it goes on at once. A request with a body takes two times; more would be a client's chance to
/// keep a worker to itself.
const MOST: usize = 2;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::wakes::Wakes;

    /// Polls once, and tells how often the runtime was woken by that.
    fn poll<F: Future + Unpin>(future: &mut F) -> (Poll<F::Output>, usize) {
        let (wakes, waker) = Wakes::counted();
        let outcome = Pin::new(future).poll(&mut Context::from_waker(&waker));
        (outcome, wakes.count())
    }

    #[test]
    fn who_wakes_itself_goes_on_without_the_runtime() {
        let mut left = MOST;
        let mut future = AtOnce::new(poll_fn(|cx| {
            left -= 1;
            cx.waker().wake_by_ref();
            if left == 0 { Poll::Ready("done") } else { Poll::Pending }
        }));
        assert_eq!(poll(&mut future), (Poll::Ready("done"), 0));
    }

    #[test]
    fn who_does_so_again_and_again_lets_others_run() {
        let polls = AtomicUsize::new(0);
        let mut future = AtOnce::new(poll_fn(|cx| {
            polls.fetch_add(1, Ordering::Relaxed);
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        assert_eq!(poll(&mut future), (Poll::Pending, 1));
        assert_eq!(polls.load(Ordering::Relaxed), MOST);
    }

    #[test]
    fn who_rests_is_woken_through_the_runtime() {
        let inner = std::cell::OnceCell::new();
        let mut future = AtOnce::new(poll_fn(|cx| {
            let _ = inner.set(cx.waker().clone());
            Poll::<()>::Pending
        }));
        let (wakes, waker) = Wakes::counted();
        assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(wakes.count(), 0);
        inner.get().unwrap().wake_by_ref();
        assert_eq!(wakes.count(), 1);
    }

    /// No wake is lost, whichever moment of a poll it comes in.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn wakes_of_another_thread_are_never_lost() {
        let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
        let sending = std::thread::spawn(move || {
            for n in 0..200_000_u32 {
                send.send(n).unwrap();
                if n % 64 == 0 {
                    std::thread::yield_now();
                }
            }
        });
        let sum = AtOnce::new(async move {
            let mut sum = 0_u64;
            while let Some(n) = receive.recv().await {
                sum += u64::from(n);
            }
            sum
        });
        let sum = tokio::time::timeout(std::time::Duration::from_secs(60), tokio::spawn(sum)).await;
        assert_eq!(sum.unwrap().unwrap(), (0..200_000).sum::<u64>());
        sending.join().unwrap();
    }
}
