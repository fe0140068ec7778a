//! Turns of those who share a worker.

use std::future::poll_fn;
use std::task::Poll;

/// Lets the worker's other tasks run first, those that wait already. If another worker sleeps it is woken, and
/// may go on with this one.
///
/// Tokio's own `yield_now` has the worker look for new events first, and goes on in front of the tasks that it
/// finds.
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
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn who_gives_way_goes_on_behind_the_others() {
        static ORDER: Mutex<Vec<&str>> = Mutex::new(Vec::new());
        let note = |what| ORDER.lock().unwrap().push(what);
        let one = tokio::spawn(async move {
            note("one begins");
            give_way().await;
            note("one goes on");
        });
        let other = tokio::spawn(async move { note("the other") });
        one.await.unwrap();
        other.await.unwrap();
        assert_eq!(*ORDER.lock().unwrap(), ["one begins", "the other", "one goes on"]);
    }
}
