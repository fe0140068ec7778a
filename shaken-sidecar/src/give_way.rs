//! Turns of those who share a worker.

use std::future::poll_fn;
use std::task::Poll;

/// Lets the worker's other tasks run first, those that wait already.
///
/// Tokio's own `yield_now` has the worker look for something new instead: what it finds wakes another worker,
/// and runs behind the task that gave way.
pub(crate) async fn give_way() {
    let mut has_given = false;
    poll_fn(|cx| match std::mem::replace(&mut has_given, true) {
        true => Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn who_gives_way_goes_on_behind_the_others() {
        let order = RefCell::new(Vec::new());
        let tasks = tokio::task::LocalSet::new();
        tasks
            .run_until(async {
                let one = async {
                    order.borrow_mut().push("one begins");
                    give_way().await;
                    order.borrow_mut().push("one goes on");
                };
                let other = async { order.borrow_mut().push("the other") };
                tokio::join!(one, other)
            })
            .await;
        assert_eq!(*order.borrow(), ["one begins", "the other", "one goes on"]);
    }
}
