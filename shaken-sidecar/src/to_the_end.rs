//! Work that is done to its end, whoever still waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// Does `work` in the task that awaits it, which costs no task of its own. If whoever awaits goes away,
/// the rest is done in one: a decision that has begun is made and recorded. A panic ends the work alone,
/// and not the connection that it belongs to.
pub(crate) fn to_the_end<F>(work: F) -> ToTheEnd<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    ToTheEnd { work: Some(Box::pin(work)) }
}

/// The future of [`to_the_end`].
pub(crate) struct ToTheEnd<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    /// Until it is done.
    work: Option<Pin<Box<F>>>,
}

/// The work panicked; what it was about is in the panic's own message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

impl<F> Future for ToTheEnd<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.work else { return Poll::Ready(Err(Panicked)) };
        // Nobody sees what a panic left half done: the work is dropped with it.
        let outcome = match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(outcome)) => Ok(outcome),
            Err(_) => Err(Panicked),
        };
        self.work = None;
        Poll::Ready(outcome)
    }
}

impl<F> Drop for ToTheEnd<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    fn drop(&mut self) {
        // Without a runtime the daemon is at its end, and nothing can be done any more.
        if let (Some(work), Ok(runtime)) = (self.work.take(), Handle::try_current()) {
            drop(runtime.spawn(work));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_nobody_waits_for_is_done_all_the_same() {
        let (go, gone) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let mut work = Box::pin(to_the_end(async move {
            let _ = gone.await;
            let _ = done.send(7);
        }));
        assert!(tokio::time::timeout(Duration::from_millis(1), &mut work).await.is_err());
        drop(work);
        go.send(()).unwrap();
        assert_eq!(is_done.await, Ok(7));
    }

    /// Also if it was never begun.
    #[tokio::test]
    async fn what_nobody_began_to_wait_for_is_done() {
        let (done, is_done) = oneshot::channel();
        drop(to_the_end(async move { done.send(7) }));
        assert_eq!(is_done.await, Ok(7));
    }

    #[tokio::test]
    async fn a_panic_ends_the_work_alone() {
        let work = to_the_end(async {
            tokio::task::yield_now().await;
            panic!("on purpose");
        });
        assert_eq!(work.await, Err::<(), _>(Panicked));
        assert_eq!(to_the_end(async { 7 }).await, Ok(7));
    }
}
