//! A connection on a Unix socket that is woken by what the client sends, and by nothing else.
//!
//! A runtime waits for both directions of a socket, and on a Unix socket the kernel says anew that there is
//! room to write whenever the client has read something. So each answer would wake the daemon once more, for
//! nothing. Here it waits for room only when there is none, by a second descriptor of the same connection; a
//! client that does not read while there is none left loses its connection.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, SendFlags};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::task::coop;

use crate::os;

/// What [`UnixListen`](super::UnixListen) accepts.
pub struct LocalStream {
    stream: AsyncFd<UnixStream>,
    /// The same connection, as long as it has no room.
    full: Option<AsyncFd<UnixStream>>,
    /// What was received and is not read yet, from `read_to` on. A connection that rests has no room of its
    /// own: the next one that receives something takes what this one had, which the processor still knows.
    received: Vec<u8>,
    read_to: usize,
}

impl fmt::Debug for LocalStream {
    /// Without what was received, in which there are numbers and secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalStream").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl LocalStream {
    /// Goes on with `stream`, within a tokio runtime.
    pub(super) fn of(stream: tokio::net::UnixStream) -> io::Result<Self> {
        let stream = os::watch(stream.into_std()?, Interest::READABLE)?;
        Ok(Self { stream, full: None, received: Vec::new(), read_to: 0 })
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut readable = ready!(self.stream.poll_read_ready(cx))?;
            let mut received = Vec::with_capacity(RECEIVE_LEN);
            let room = spare_capacity(&mut received);
            match rustix::net::recv(readable.get_inner(), room, RecvFlags::DONTWAIT) {
                Ok((_, len)) => {
                    // The kernel had no more, and tells when it does. At the end it has said so for good.
                    if len < RECEIVE_LEN {
                        readable.clear_ready();
                    }
                    (self.received, self.read_to) = (received, 0);
                    return Poll::Ready(Ok(()));
                }
                Err(rustix::io::Errno::AGAIN) => readable.clear_ready(),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}

impl AsyncRead for LocalStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // A client that sends and sends leaves the worker to others from time to time.
        let turn = ready!(coop::poll_proceed(cx));
        if self.received.is_empty() {
            ready!(self.poll_fill(cx))?;
        }
        turn.made_progress();
        let received = self.received.get(self.read_to..).unwrap_or_default();
        let taken = received.get(..buffer.remaining()).unwrap_or(received);
        buffer.put_slice(taken);
        self.read_to += taken.len();
        if self.read_to == self.received.len() {
            self.received = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LocalStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let turn = ready!(coop::poll_proceed(cx));
        loop {
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            match rustix::net::send(self.stream.get_ref(), bytes, flags) {
                Ok(len) => {
                    turn.made_progress();
                    self.full = None;
                    return Poll::Ready(Ok(len));
                }
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::AGAIN) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
            let full = match self.full.take() {
                Some(full) => full,
                None => os::watch(self.stream.get_ref().try_clone()?, Interest::WRITABLE)?,
            };
            let full = self.full.insert(full);
            // What it said before is not known to hold: it is tried again.
            ready!(full.poll_write_ready(cx))?.clear_ready();
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The kernel has all that was written.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.get_ref().shutdown(Shutdown::Write))
    }
}

/// Sixteen calls to verify.
const RECEIVE_LEN: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn pair() -> (LocalStream, UnixStream) {
        let (near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        (LocalStream::of(tokio::net::UnixStream::from_std(near).unwrap()).unwrap(), far)
    }

    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    #[tokio::test]
    async fn a_connection_that_rests_has_no_room() {
        let (mut near, mut far) = pair();
        far.write_all(&bytes(1000)).unwrap();
        let mut part = [0; 600];
        assert_eq!(near.read(&mut part).await.unwrap(), 600);
        assert_eq!(near.received.capacity(), RECEIVE_LEN);
        assert_eq!(near.read(&mut part).await.unwrap(), 400);
        assert_eq!(near.received.capacity(), 0);
        assert!(near.read(&mut part).now_or_never().is_none());
        assert_eq!(near.received.capacity(), 0);
    }

    /// More than either side of a connection holds, in parts of every length, and then the end.
    #[tokio::test]
    async fn all_that_is_sent_arrives_in_both_directions() {
        let (near, far) = pair();
        let sent = bytes(3_000_000);
        let far = std::thread::spawn({
            let (mut far, sent) = (far, sent.clone());
            move || {
                for part in sent.chunks(RECEIVE_LEN + 1).flat_map(|part| part.chunks(10_007)) {
                    far.write_all(part).unwrap();
                }
                far.shutdown(Shutdown::Write).unwrap();
                let mut back = Vec::new();
                far.read_to_end(&mut back).unwrap();
                back
            }
        });
        let (mut reader, mut writer) = tokio::io::split(near);
        let mut came = Vec::new();
        let mut part = [0; 1009];
        loop {
            match reader.read(&mut part).await.unwrap() {
                0 => break,
                len => came.extend_from_slice(&part[..len]),
            }
        }
        assert!(came == sent);
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
        assert!(far.join().unwrap() == sent);
        assert!(writer.write_all(&sent).await.is_err(), "nobody is there");
    }

    /// Who does not read is waited for, and does not keep the other direction.
    #[tokio::test]
    async fn a_client_that_does_not_read_is_waited_for() {
        let (near, mut far) = pair();
        let (mut reader, mut writer) = tokio::io::split(near);
        let sent = bytes(3_000_000);
        let mut writing = std::pin::pin!(writer.write_all(&sent));
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut writing).await.is_err());
        far.write_all(b"ping").unwrap();
        let mut ping = [0; 4];
        reader.read_exact(&mut ping).await.unwrap();
        let reading = tokio::task::spawn_blocking({
            let len = sent.len();
            move || {
                let mut back = vec![0; len];
                far.read_exact(&mut back).unwrap();
                back
            }
        });
        writing.await.unwrap();
        assert!(reading.await.unwrap() == sent);
    }

    /// However much there is to read and however much room to write, others have their turn.
    #[tokio::test]
    async fn who_never_waits_for_the_client_gives_way() {
        let (mut near, mut far) = pair();
        far.write_all(&bytes(10_000)).unwrap();
        let reading = turns_of_others(async {
            for _ in 0..10_000 {
                near.read_u8().await.unwrap();
            }
        });
        // A turn is 128 operations at most.
        assert!(reading.await >= 78);
        let writing = turns_of_others(async {
            for n in 0..200 {
                near.write_u8(n).await.unwrap();
            }
        });
        assert!(writing.await >= 1);
    }

    /// How often somebody else was asked while `busy` ran.
    async fn turns_of_others(busy: impl Future<Output = ()>) -> usize {
        let mut turns = 0;
        let others = async {
            loop {
                turns += 1;
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = busy => {}
            () = others => {}
        }
        turns
    }

    /// That there is room again, as the client has read, is not even heard of.
    #[tokio::test]
    async fn an_answer_that_is_read_wakes_nobody() {
        let (mut near, mut far) = pair();
        near.write_all(b"an answer").await.unwrap();
        let mut answer = [0; 9];
        far.read_exact(&mut answer).unwrap();
        assert!(near.full.is_none());
        let room = near.stream.ready(Interest::WRITABLE);
        assert!(tokio::time::timeout(Duration::from_millis(50), room).await.is_err());
    }
}
