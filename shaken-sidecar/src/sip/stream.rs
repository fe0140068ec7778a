//! SIP over TCP: messages one behind the other, each as long as its Content-Length says
//! (RFC 3261 §18.3).

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Buf as _, BytesMut};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use memchr::memmem;
use shaken_core::Error;
use shaken_core::sip::Request;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::timeout_at;

use super::{Door, Outgoing, Received};
use crate::audit::{Loss, Undecided};
use crate::delivery::Pending;
use crate::give_way::give_way;
use crate::listen::{Guarded, REQUEST_GRACE, Unread};
use crate::policy::Listener;

/// Serves one connection until the client closes it, says something that is no request, rests for ten
/// minutes, or `stopping` turns true; then what has come is still answered. That of a stranger is closed
/// at once.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    from: SocketAddr,
    door: Arc<Door>,
    stopping: watch::Receiver<bool>,
) {
    if !door.knows(from) {
        return;
    }
    let unread = Unread::default();
    let mut connection = Connection {
        stream: Guarded::new(stream, door.deadline() + REQUEST_GRACE, unread.clone()),
        from,
        input: BytesMut::new(),
        arrived: Instant::now(),
        searched_bytes: 0,
        underway: FuturesUnordered::new(),
        output: Vec::new(),
        unread: &unread,
        state: State::Open,
        door: &door,
    };
    if let Err(error) = connection.run(stopping).await {
        tracing::debug!(%error, "connection ended");
    }
    // What is under way is given up with it, and noted as such.
    drop(connection);
    for delivery in unread.take() {
        delivery.lost(Loss::ClientGone, door.calls.audit());
    }
}

struct Connection<'a, S> {
    stream: Guarded<S>,
    from: SocketAddr,
    input: BytesMut,
    /// When the newest bytes of `input` came.
    arrived: Instant,
    /// How much of the input has no end of a head in it.
    searched_bytes: usize,
    underway: FuturesUnordered<Underway>,
    output: Vec<u8>,
    unread: &'a Unread,
    state: State,
    door: &'a Arc<Door>,
}

type Underway = Pin<Box<dyn Future<Output = Option<(Outgoing, Option<Pending>)>> + Send>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Nothing more is read; what is under way is answered.
    Ending,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    async fn run(&mut self, mut stopping: watch::Receiver<bool>) -> io::Result<()> {
        let mut began = None;
        loop {
            if self.take_messages().await? || self.input.is_empty() {
                began = None;
            }
            if self.underway.is_empty() && self.state == State::Ending {
                return self.stream.shutdown().await;
            }
            let is_full = self.underway.len() >= MAX_UNDERWAY;
            let limit = if self.input.is_empty() {
                Instant::now() + IDLE_TIMEOUT
            } else {
                // Further bytes of a message do not buy more time.
                *began.get_or_insert_with(Instant::now) + self.door.deadline() + REQUEST_GRACE
            };
            tokio::select! {
                biased;
                Some(answer) = self.underway.next(), if !self.underway.is_empty() => {
                    self.put(answer);
                    self.put_ready();
                    self.stream.send(&mut self.output).await?;
                }
                read = timeout_at(limit.into(), self.stream.read_some(&mut self.input)),
                    if self.state == State::Open && !is_full =>
                {
                    let read = read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
                    self.arrived = Instant::now();
                    if read == 0 {
                        if !self.input.is_empty() {
                            self.count_unparsable();
                        }
                        self.state = State::Ending;
                    }
                }
                () = async { drop(stopping.wait_for(|stopping| *stopping).await) }, if self.state == State::Open => {
                    self.state = State::Ending;
                }
            }
        }
    }

    fn put(&mut self, answer: Option<(Outgoing, Option<Pending>)>) {
        let Some((answer, pending)) = answer else { return };
        self.output.extend_from_slice(&answer.bytes);
        if let Some(delivery) = pending.and_then(Pending::into_delivery) {
            self.unread.push(delivery);
        }
    }

    /// Works on what is under way, and takes the answers that are ready, as many as are sent at once.
    fn put_ready(&mut self) {
        while self.output.len() < MAX_OUTPUT_LEN {
            let Some(Some(answer)) = self.underway.next().now_or_never() else { break };
            self.put(answer);
        }
    }

    /// Works on what has come, as far as there is room. Answers whether there was anything. Between two
    /// messages it is the turn of other connections.
    async fn take_messages(&mut self) -> io::Result<bool> {
        let mut taken = 0;
        while self.take_message() {
            taken += 1;
            self.put_ready();
            // The first do not wait for the last, however many there are.
            if self.output.len() >= MAX_OUTPUT_LEN || taken % MAX_UNSENT == 0 {
                self.stream.send(&mut self.output).await?;
            }
            if !self.input.is_empty() {
                give_way().await;
            }
        }
        self.stream.send(&mut self.output).await?;
        Ok(taken > 0)
    }

    /// Begins with the first message, if it is there as a whole and there is room.
    fn take_message(&mut self) -> bool {
        if self.state != State::Open || self.underway.len() >= MAX_UNDERWAY {
            return false;
        }
        self.take_line_ends();
        match self.whole_message() {
            Ok(None) => false,
            Ok(Some(len_bytes)) => {
                self.message(len_bytes);
                true
            }
            // Where the next message begins nobody knows.
            Err(error) => {
                tracing::debug!(error = error.name(), "no request on a connection, which is closed");
                self.count_unparsable();
                self.state = State::Ending;
                false
            }
        }
    }

    /// Empty lines between messages (RFC 3261 §7.5); two of them ask whether somebody is there, and
    /// one says so (RFC 5626 §4.4.1).
    fn take_line_ends(&mut self) {
        while self.input.starts_with(b"\r\n") {
            if self.input.starts_with(b"\r\n\r\n") {
                self.output.extend_from_slice(b"\r\n");
                self.input.advance(2);
            } else if self.input.len() == 3 && self.input.ends_with(b"\r") {
                return;
            }
            self.input.advance(2);
            self.searched_bytes = 0;
        }
    }

    /// The length of the first message, if all of it is there.
    fn whole_message(&mut self) -> Result<Option<usize>, Error> {
        const HEAD_END: &[u8] = b"\r\n\r\n";
        let unsearched = self.input.get(self.searched_bytes..).unwrap_or_default();
        if memmem::find(unsearched, HEAD_END).is_none() {
            self.searched_bytes = self.input.len().saturating_sub(HEAD_END.len() - 1);
            return if self.input.len() > MAX_MESSAGE_LEN { Err(Error::SipTooLarge) } else { Ok(None) };
        }
        match Request::parse(&self.input) {
            Ok(request) => {
                let has_length = |name: &[u8]| {
                    name.eq_ignore_ascii_case(b"Content-Length") || name.eq_ignore_ascii_case(b"l")
                };
                if request.fields().any(|(name, _)| has_length(name)) {
                    Ok(Some(request.len_bytes()))
                } else {
                    Err(Error::SipHeaderMissing { header: "Content-Length" })
                }
            }
            Err(Error::SipIncomplete) if self.input.len() <= MAX_MESSAGE_LEN => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn message(&mut self, len_bytes: usize) {
        self.searched_bytes = 0;
        let message = self.input.split_to(len_bytes);
        match self.door.receive(&message, self.from, Listener::SipTcp, self.arrived) {
            Received::Nothing => {}
            Received::Answer(answer) => self.output.extend_from_slice(&answer.bytes),
            Received::Invite(invite) => {
                let door = Arc::clone(self.door);
                self.underway.push(Box::pin(async move { invite.answer(&door).await }));
            }
        }
    }

    fn count_unparsable(&self) {
        self.door.calls.audit().count_undecided(Undecided::Unparsable, SystemTime::now());
    }
}

/// Longest message that is read: all that the reader of SIP takes, and a body beside it.
const MAX_MESSAGE_LEN: usize = shaken_core::sip::MAX_HEAD_LEN + 64 * 1024;

/// How many calls of one connection are worked on at once.
const MAX_UNDERWAY: usize = 256;

/// When answers that are ready are sent before more are collected.
const MAX_OUTPUT_LEN: usize = MAX_MESSAGE_LEN;

/// And after so many messages.
const MAX_UNSENT: usize = 64;

/// How long a connection may rest. Whoever comes back after this connects anew.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);
