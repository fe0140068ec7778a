//! A connection that does not wait for ever: who connects must send, who has begun a request must
//! end it, who gets an answer must read it. Otherwise a few hundred connections that do nothing
//! would keep everyone else out.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::delivery::Delivery;

/// The answers of a connection that nobody is known to have read.
#[derive(Clone, Default)]
pub(crate) struct Unread(Arc<Mutex<Answers>>);

#[derive(Default)]
struct Answers {
    /// Not yet with the kernel, not all of it.
    unsent: Vec<Delivery>,
    /// With the kernel, which tells by a reset if the client closes without reading them.
    sent: Vec<Delivery>,
    /// The client is gone: what is flushed from now on reaches nobody.
    is_reset: bool,
}

impl Unread {
    /// An answer is on its way.
    pub(crate) fn push(&self, delivery: Delivery) {
        self.lock().unsent.push(delivery);
    }

    /// The answers that did not reach the client, once the connection has ended.
    pub(crate) fn take(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.lock().unsent)
    }

    fn flushed(&self) {
        let Answers { unsent, sent, is_reset } = &mut *self.lock();
        if !*is_reset {
            sent.append(unsent);
        }
    }

    /// The client sends again, or says that it is done: so it has read.
    fn heard(&self) {
        self.lock().sent.clear();
    }

    fn reset(&self) {
        let Answers { unsent, sent, is_reset } = &mut *self.lock();
        unsent.append(sent);
        *is_reset = true;
    }

    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream with limits of time around it. How long it may rest between two requests is not its
/// business.
pub(crate) struct Guarded<S> {
    stream: S,
    /// Runs while something is owed.
    timer: Pin<Box<Sleep>>,
    owed: Owed,
    request_limit: Duration,
    unread: Unread,
}

/// What the connection waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owed {
    /// The client's first byte.
    FirstByte,
    /// The rest of a request, our answer to it, or that the client reads the answer.
    Answer,
    /// Nothing: the connection rests.
    Nothing,
}

impl<S> Guarded<S> {
    /// From its first byte to its answer a request may take `request_limit`. What is known of the
    /// answers goes to `unread`.
    pub(crate) fn new(stream: S, request_limit: Duration, unread: Unread) -> Self {
        let timer = Box::pin(sleep_until(Instant::now() + FIRST_BYTE));
        Self { stream, timer, owed: Owed::FirstByte, request_limit, unread }
    }

    fn owe(&mut self, owed: Owed, limit: Duration) {
        self.owed = owed;
        self.timer.as_mut().reset(Instant::now() + limit);
    }

    /// Fails once the time is up.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.owed != Owed::Nothing && self.timer.as_mut().poll(cx).is_ready() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> Guarded<S> {
    /// Adds to `input` what has come, and tells how much that was; 0 at the end.
    ///
    /// There is room for many requests: with as little as a buffer happens to have, what a client sent at
    /// once would be read in parts, and each part be answered by itself and wake the client. While there is
    /// nothing to read there is none.
    ///
    /// # Errors
    /// That of the stream; [`io::ErrorKind::TimedOut`] once the client owes something for too long.
    pub(crate) async fn read_some(&mut self, input: &mut BytesMut) -> io::Result<usize> {
        poll_fn(|cx| {
            input.reserve(READ_LEN);
            let read = pin!(self.read_buf(input)).poll(cx);
            if read.is_pending() && input.is_empty() {
                *input = BytesMut::new();
            }
            read
        })
        .await
    }
}

impl<S: AsyncWrite + Unpin> Guarded<S> {
    /// Sends all of `output`, if there is any, and empties it.
    ///
    /// # Errors
    /// That of the stream; [`io::ErrorKind::TimedOut`] once the client has not read for too long.
    pub(crate) async fn send(&mut self, output: &mut Vec<u8>) -> io::Result<()> {
        if !output.is_empty() {
            self.write_all(output).await?;
            self.flush().await?;
            output.clear();
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        if let Poll::Ready(outcome) = Pin::new(&mut self.stream).poll_read(cx, buffer) {
            // Further bytes of a request do not buy more time.
            if buffer.filled().len() > filled && self.owed != Owed::Answer {
                let limit = self.request_limit;
                self.owe(Owed::Answer, limit);
            }
            match &outcome {
                Ok(()) => self.unread.heard(),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => self.unread.reset(),
                Err(_) => {}
            }
            return Poll::Ready(outcome);
        }
        self.check(cx)?;
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Poll::Ready(outcome) = Pin::new(&mut self.stream).poll_write(cx, bytes) {
            self.owed = Owed::Nothing;
            return Poll::Ready(outcome);
        }
        // The client does not read: it owes room for the rest of the answer.
        if self.owed == Owed::Nothing {
            let limit = self.request_limit;
            self.owe(Owed::Answer, limit);
        }
        self.check(cx)?;
        Poll::Pending
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        if let Poll::Ready(Ok(())) = outcome {
            self.unread.flushed();
        }
        outcome
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// How long a client that has connected may be silent.
const FIRST_BYTE: Duration = Duration::from_secs(10);

/// What a request may take beyond its deadline, for reading it and writing its answer.
pub(crate) const REQUEST_GRACE: Duration = Duration::from_secs(2);

/// Sixteen calls to verify.
const READ_LEN: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use bytes::Buf as _;
    use futures_util::FutureExt as _;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn what_came_at_once_is_read_at_once() {
        let (mut near, far) = tokio::io::duplex(2 * READ_LEN);
        let mut guarded = Guarded::new(far, REQUEST_GRACE, Unread::default());
        let mut input = BytesMut::new();
        // The second time there is something left of the first.
        for _ in 0..2 {
            near.write_all(&[b'a'; READ_LEN]).await.unwrap();
            assert_eq!(guarded.read_some(&mut input).await.unwrap(), READ_LEN);
            input.advance(input.len() - 100);
        }
        drop(near);
        assert_eq!(guarded.read_some(&mut input).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn who_waits_for_a_client_keeps_no_room_for_what_it_may_say() {
        let (mut near, far) = tokio::io::duplex(READ_LEN);
        let mut guarded = Guarded::new(far, REQUEST_GRACE, Unread::default());
        let mut input = BytesMut::new();
        assert_eq!(guarded.read_some(&mut input).now_or_never().map(Result::unwrap), None);
        assert_eq!(input.capacity(), 0);
        near.write_all(b"half").await.unwrap();
        assert_eq!(guarded.read_some(&mut input).await.unwrap(), 4);
        assert_eq!(guarded.read_some(&mut input).now_or_never().map(Result::unwrap), None);
        assert_eq!(input, "half");
    }
}
