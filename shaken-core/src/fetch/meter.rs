//! A reader that stops at an allowance. TLS and HTTP libraries have limits of their own for
//! single messages; this one bounds what a peer can make us read in all, whatever it sends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes a [`Metered`] stream may still read. Clones share the count.
#[derive(Clone)]
pub(super) struct Meter(Arc<State>);

struct State {
    remaining_bytes: AtomicUsize,
    exceeded: AtomicBool,
}

impl Meter {
    pub(super) fn new(allowance_bytes: usize) -> Self {
        Self(Arc::new(State {
            remaining_bytes: AtomicUsize::new(allowance_bytes),
            exceeded: AtomicBool::new(false),
        }))
    }

    /// Replaces what is left: the next stage of the exchange has its own allowance.
    pub(super) fn allow(&self, allowance_bytes: usize) {
        self.0.remaining_bytes.store(allowance_bytes, Ordering::Relaxed);
    }

    /// True once a read was refused.
    pub(super) fn is_exceeded(&self) -> bool {
        self.0.exceeded.load(Ordering::Relaxed)
    }
}

/// A stream whose reads end in an error as soon as its [`Meter`] is used up. Writes pass.
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
            state.exceeded.store(true, Ordering::Relaxed);
            return Poll::Ready(Err(io::Error::other("read allowance used up")));
        }
        // Never read beyond the allowance: a message that fits is not refused for what follows it.
        let window_bytes = remaining_bytes.min(buf.remaining());
        let mut window = ReadBuf::new(buf.initialize_unfilled_to(window_bytes));
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut window);
        let read_bytes = window.filled().len();
        buf.advance(read_bytes);
        state
            .remaining_bytes
            .store(remaining_bytes.saturating_sub(read_bytes), Ordering::Relaxed);
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
