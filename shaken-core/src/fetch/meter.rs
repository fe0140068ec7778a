//! A reader that stops at an allowance. TLS and HTTP libraries have limits of their own for
//! single messages; this one bounds what a peer can make us read in all, whatever it sends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

/// How many bytes a [`Metered`] stream may still read. Clones share the count.
#[derive(Clone)]
pub(super) struct Meter(Arc<State>);

struct State {
    remaining_bytes: AtomicUsize,
    exceeded: watch::Sender<bool>,
}

impl Meter {
    pub(super) fn new(allowance_bytes: usize) -> Self {
        Self(Arc::new(State {
            remaining_bytes: AtomicUsize::new(allowance_bytes),
            exceeded: watch::Sender::new(false),
        }))
    }

    /// Replaces what is left: the next stage of the exchange has its own allowance. Whoever calls
    /// this must poll the stream again.
    pub(super) fn allow(&self, allowance_bytes: usize) {
        self.0.remaining_bytes.store(allowance_bytes, Ordering::Relaxed);
        self.0.exceeded.send_replace(false);
    }

    /// Ends when the stream is asked for more than is allowed.
    pub(super) async fn exceeded(&self) {
        // An error would mean that the sender is gone, which `self` holds.
        let _ = self.0.exceeded.subscribe().wait_for(|exceeded| *exceeded).await;
    }
}

/// A stream that has nothing to read while its [`Meter`] is used up. Writes pass.
///
/// It does not fail: the reader may have all it needs and only look ahead, which just whoever
/// waits for its result can tell. That is who watches [`Meter::exceeded`].
pub(super) struct Metered<S> {
    stream: S,
    meter: Meter,
}

impl<S> Metered<S> {
    pub(super) const fn new(stream: S, meter: Meter) -> Self {
        Self { stream, meter }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let state = Arc::clone(&self.meter.0);
        let remaining_bytes = state.remaining_bytes.load(Ordering::Relaxed);
        if remaining_bytes == 0 {
            state.exceeded.send_replace(true);
            return Poll::Pending;
        }
        // Never beyond the allowance: a message that fits is not refused for what follows it.
        let window_bytes = remaining_bytes.min(buf.remaining());
        let mut window = ReadBuf::new(buf.initialize_unfilled_to(window_bytes));
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut window);
        let read_bytes = window.filled().len();
        buf.advance(read_bytes);
        state.remaining_bytes.store(remaining_bytes.saturating_sub(read_bytes), Ordering::Relaxed);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt;
    use tokio::time::timeout;

    use super::*;

    async fn is_exceeded(meter: &Meter) -> bool {
        timeout(Duration::ZERO, meter.exceeded()).await.is_ok()
    }

    #[tokio::test]
    async fn reads_end_at_the_allowance_and_go_on_with_the_next() {
        let meter = Meter::new(3);
        let mut stream = Metered::new(&b"abcdef"[..], meter.clone());
        let mut buf = [0; 16];
        assert_eq!(stream.read(&mut buf).await.unwrap(), 3);
        assert!(!is_exceeded(&meter).await);
        assert!(timeout(Duration::ZERO, stream.read(&mut buf)).await.is_err());
        assert!(is_exceeded(&meter).await);
        meter.allow(10);
        assert!(!is_exceeded(&meter).await);
        assert_eq!(stream.read(&mut buf).await.unwrap(), 3);
        assert_eq!(&buf[..3], b"def");
        assert_eq!(stream.read(&mut buf).await.unwrap(), 0);
    }
}
