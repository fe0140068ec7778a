//! The Redis protocol (RESP2) on a Unix socket and on TCP: `STIR.SIGN` and `STIR.VERIFY` for SIP
//! servers that have a Redis client and keep its connections open, and what such clients send before.
//! Bytes to [`crate::call`] requests and back; nothing is decided here.
//!
//! Commands of one connection are worked on side by side, up to 64, and answered in their order.

mod parse;
mod reply;
mod session;
mod stir;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::{Buf as _, BytesMut};
use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::timeout_at;

use crate::audit::{Loss, Undecided};
use crate::call::{Calls, Carries, Origin};
use crate::delivery::{Delivery, Pending};
use crate::force::InForce;
use crate::give_way::give_way;
use crate::life::clock::unix_s;
use crate::listen::{Client, Guarded, REQUEST_GRACE, Unread, Users};
use crate::policy::Listener;
use crate::request_id;
use crate::to_the_end::{Panicked, to_the_end};
use parse::{Command, MAX_COMMAND_LEN, ProtocolError, parse};
use reply::Reply;
use session::{Session, Then};

/// What all connections of one listener share.
#[derive(Debug)]
pub struct Door {
    listener: Listener,
    calls: Arc<Calls>,
    connections: AtomicU64,
}

impl Door {
    /// A door to `calls`, each of which gets the deadline in force from the arrival of the request. On
    /// TCP nobody gets in without a secret of one of the users in force.
    #[must_use]
    pub fn new(listener: Listener, calls: Arc<Calls>) -> Self {
        Self { listener, calls, connections: AtomicU64::new(0) }
    }

    /// Who must say who they are: those whom the kernel does not know.
    fn users<'f>(&self, force: &'f InForce) -> Option<&'f Users> {
        match self.listener {
            Listener::RespTcp => force.resp.whom.as_deref(),
            _ => None,
        }
    }

    fn deadline(&self) -> Duration {
        self.calls.in_force().deadline()
    }
}

/// Serves one connection until the client closes it, says something that is no command, rests for ten
/// minutes, or `stopping` turns true; then what has come is still answered.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    client: Client,
    door: Arc<Door>,
    stopping: watch::Receiver<bool>,
) {
    let unread = Unread::default();
    let id = door.connections.fetch_add(1, Ordering::Relaxed) + 1;
    let mut connection = Connection {
        stream: Guarded::new(stream, door.deadline() + REQUEST_GRACE, unread.clone()),
        session: Session::new(client, id),
        input: BytesMut::new(),
        arrived: Instant::now(),
        output: Vec::new(),
        underway: FuturesOrdered::new(),
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
    session: Session,
    input: BytesMut,
    /// When the newest bytes of `input` came.
    arrived: Instant,
    output: Vec<u8>,
    underway: FuturesOrdered<Underway>,
    unread: &'a Unread,
    state: State,
    door: &'a Arc<Door>,
}

type Underway = Pin<Box<dyn Future<Output = Answer> + Send>>;

struct Answer {
    reply: Reply,
    /// If it is one about a call.
    pending: Option<Pending>,
}

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
            if self.take_commands().await? || self.input.is_empty() {
                began = None;
            }
            if self.underway.is_empty() && self.state == State::Ending {
                return self.stream.shutdown().await;
            }
            let is_full = self.underway.len() >= MAX_UNDERWAY;
            let limit = if self.input.is_empty() {
                Instant::now() + IDLE_TIMEOUT
            } else {
                // Further bytes of a command do not buy more time.
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
                        self.state = State::Ending;
                        if !self.input.is_empty() {
                            self.count_unparsable();
                        }
                    }
                }
                () = async { drop(stopping.wait_for(|stopping| *stopping).await) }, if self.state == State::Open => {
                    self.state = State::Ending;
                }
            }
        }
    }

    fn put(&mut self, answer: Answer) {
        answer.reply.write(&mut self.output);
        if let Some(delivery) = answer.pending.and_then(Pending::into_delivery) {
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

    /// Works on what has come, as far as there is room. Answers whether there was anything.
    ///
    /// Between two commands it is the turn of other connections: what one client sends at once would hold
    /// up theirs for a millisecond.
    async fn take_commands(&mut self) -> io::Result<bool> {
        let mut taken = 0;
        while self.take_command() {
            taken += 1;
            self.put_ready();
            // The first do not wait for the last, however many there are.
            if self.output.len() >= MAX_OUTPUT_LEN || taken % MAX_UNDERWAY == 0 {
                self.stream.send(&mut self.output).await?;
            }
            if !self.input.is_empty() {
                give_way().await;
            }
        }
        self.stream.send(&mut self.output).await?;
        Ok(taken > 0)
    }

    /// Begins with the first command, if it is there as a whole and there is room.
    fn take_command(&mut self) -> bool {
        if self.state != State::Open || self.underway.len() >= MAX_UNDERWAY {
            return false;
        }
        let input = std::mem::take(&mut self.input);
        let outcome = parse(&input).map(|command| {
            let Command { words, len_bytes } = command?;
            if !words.is_empty() {
                self.command(&words);
            }
            Some(len_bytes)
        });
        self.input = input;
        match outcome {
            Ok(Some(len_bytes)) => {
                self.input.advance(len_bytes);
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.refuse_protocol(error);
                false
            }
        }
    }

    fn refuse_protocol(&mut self, error: ProtocolError) {
        self.state = State::Ending;
        self.count_unparsable();
        match error.text() {
            Some(text) => self.say(Reply::error(text)),
            // A web page must not learn even that there is somebody.
            None => tracing::debug!(
                client = %self.session.client,
                "another protocol on the port of the Redis protocol; the connection is closed"
            ),
        }
    }

    fn command(&mut self, words: &[&[u8]]) {
        let force = self.door.calls.in_force();
        let users = self.door.users(&force);
        self.session.check(users);
        if let Some((reply, then)) = self.session.answer(words, users) {
            if let Reply::Error(text) = &reply
                && (text.starts_with("NOAUTH") || text.starts_with("WRONGPASS"))
            {
                self.door.calls.audit().count_undecided(Undecided::Unauthenticated, SystemTime::now());
            }
            if then == Then::Close {
                self.state = State::Ending;
            }
            return self.say(reply);
        }
        let now = SystemTime::now();
        match stir::read(words, unix_s(now)) {
            None => self.say(Reply::error("ERR unknown command")),
            Some(Err(error)) => {
                self.count_unparsable();
                self.say(Reply::error(format!("ERR {error}")));
            }
            Some(Ok((request, names))) => self.call(request, names, now, &force),
        }
    }

    fn call(&mut self, request: stir::Request, names: stir::Names, now: SystemTime, force: &InForce) {
        let door = Arc::clone(self.door);
        let due = self.arrived + force.deadline();
        let request_id = request_id::next();
        let delivery = Delivery::new(request_id.clone());
        let origin = Origin {
            listener: door.listener,
            client: self.session.client.clone(),
            offers: force.resp.offers,
            trunk: names.trunk,
            carries: Carries::Nothing,
            call_id: names.call_id,
            request_id,
            now,
            received: self.arrived,
            parent: None,
            delivery: delivery.clone(),
        };
        let pending = Pending::new(delivery.clone(), Arc::clone(&door.calls));
        let calls = Arc::clone(&door.calls);
        let work = to_the_end(async move { stir::answer(request, &calls, &origin).await });
        self.underway.push_back(Box::pin(async move {
            let reply = match timeout_at(due.into(), work).await {
                Ok(Ok(reply)) => reply,
                Ok(Err(Panicked)) => Reply::error("INTERNAL internal"),
                Err(_) => {
                    delivery.lost(Loss::Deadline, door.calls.audit());
                    Reply::error(DEADLINE)
                }
            };
            Answer { reply, pending: Some(pending) }
        }));
    }

    fn say(&mut self, reply: Reply) {
        self.underway.push_back(Box::pin(std::future::ready(Answer { reply, pending: None })));
    }

    fn count_unparsable(&self) {
        self.door.calls.audit().count_undecided(Undecided::Unparsable, SystemTime::now());
    }
}

const DEADLINE: &str = "UNAVAILABLE deadline";

/// How many commands of one connection are worked on at once, and after how many answers are sent.
const MAX_UNDERWAY: usize = 64;

/// When answers that are ready are sent before more are collected.
const MAX_OUTPUT_LEN: usize = MAX_COMMAND_LEN;

/// How long a connection may rest. Redis closes none; whoever comes back after this connects anew.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::audit::{AuditLog, AuditOptions, Entry, Event, read};
    use crate::listen::Peer;
    use crate::policy::{Match, Trunk};

    const PEER: Peer = Peer { uid: 1, gid: 1, pid: None };

    fn door(dir: &tempfile::TempDir, deadline: Duration) -> Arc<Door> {
        let audit = AuditLog::open(dir.path(), AuditOptions::new()).unwrap();
        let trunk = Trunk::new("t".into(), Match::default());
        let force = InForce::new(None, None, vec![trunk]).with_deadline(deadline);
        Arc::new(Door::new(Listener::Resp, Arc::new(Calls::new(force, audit))))
    }

    /// What a client of a door with this deadline is told, and the log after it.
    async fn talk(input: &[u8], deadline: Duration) -> (String, Vec<Event>) {
        talk_through(MAX_COMMAND_LEN, input, deadline).await
    }

    /// The same, with so much room on the way.
    async fn talk_through(room: usize, input: &[u8], deadline: Duration) -> (String, Vec<Event>) {
        let dir = tempfile::tempdir().unwrap();
        let door = door(&dir, deadline);
        let calls = Arc::clone(&door.calls);
        let (near, far) = tokio::io::duplex(room);
        let (_stop, stopping) = watch::channel(false);
        let serving = tokio::spawn(serve(far, PEER.into(), door, stopping));
        let (mut reader, mut writer) = tokio::io::split(near);
        let writing = async {
            // It may hang up before it has read all.
            let _ = writer.write_all(input).await;
            let _ = writer.shutdown().await;
        };
        let mut told = String::new();
        let (_, read_all) = tokio::join!(writing, reader.read_to_string(&mut told));
        read_all.unwrap();
        serving.await.unwrap();
        calls.audit().close().await.unwrap();
        let lines = read(dir.path()).unwrap();
        (told, lines.map(|line| Entry::parse(&line.unwrap().bytes).unwrap().event).collect())
    }

    /// What came too long ago is not worked on: nobody waits for it.
    #[tokio::test]
    async fn requests_past_their_deadline_are_shed() {
        let call = b"STIR.SIGN 12155550121 12155550131\nPING\n";
        let (told, log) = talk(call, Duration::ZERO).await;
        assert_eq!(told, "-UNAVAILABLE deadline\r\n+PONG\r\n");
        let shed = |event: &Event| matches!(event, Event::Summary(summary) if summary.shed == 1);
        assert!(log.iter().any(shed), "{log:?}");
        let (told, log) = talk(call, Duration::from_secs(9)).await;
        assert_eq!(told, "-NOTOFFERED NOT_OFFERED\r\n+PONG\r\n");
        assert!(!log.iter().any(|event| matches!(event, Event::Summary(_))), "{log:?}");
    }

    /// However the bytes come and go.
    #[tokio::test]
    async fn commands_in_pieces_are_whole() {
        let all =
            b"*2\r\n$4\r\nECHO\r\n$5\r\na\r\nbc\r\n\r\nping\r\n*1\r\n$4\r\nPING\r\n*0\r\nQUIT\r\nPING\r\n";
        for room in [1, 2, 3, 7, 64] {
            let (told, _) = talk_through(room, all, Duration::from_secs(9)).await;
            assert_eq!(told, "$5\r\na\r\nbc\r\n+PONG\r\n+PONG\r\n+OK\r\n", "{room}");
        }
    }

    /// Commands of others come in between.
    #[tokio::test]
    async fn who_sends_many_at_once_holds_up_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let door = door(&dir, Duration::from_secs(9));
        let (_stop, stopping) = watch::channel(false);
        let connect = || {
            let (near, far) = tokio::io::duplex(MAX_COMMAND_LEN);
            tokio::spawn(serve(far, PEER.into(), Arc::clone(&door), stopping.clone()));
            near
        };
        let (mut many, mut one) = (connect(), connect());
        many.write_all(&b"PING\n".repeat(2 * MAX_UNDERWAY)).await.unwrap();
        one.write_all(b"PING\n").await.unwrap();
        // Beside them: a runtime that is blocked on something looks at that more seldom.
        let answers = tokio::spawn(async move {
            let mut answers = [0; 7 * 2 * MAX_UNDERWAY];
            one.read_exact(&mut answers[..7]).await.unwrap();
            assert_eq!(many.read(&mut answers).now_or_never().map(Result::unwrap), None);
            // The first do not wait for the last.
            assert_eq!(many.read(&mut answers).await.unwrap(), answers.len() / 2);
            many.read_exact(&mut answers[7 * MAX_UNDERWAY..]).await.unwrap();
            answers
        });
        assert_eq!(answers.await.unwrap().as_slice(), b"+PONG\r\n".repeat(2 * MAX_UNDERWAY));
    }

    /// Junk is counted.
    #[tokio::test]
    async fn what_is_no_request_is_counted() {
        for (input, told) in [
            (&b"STIR.SIGN 1\n"[..], "-ERR parameter-missing to\r\n"),
            (b"*1\r\n:1\r\n", "-ERR Protocol error: expected '$'\r\n"),
            (b"GET / HTTP/1.1\r\n", ""),
            (b"*1\r\n$4\r\nPI", ""),
        ] {
            let (answer, log) = talk(input, Duration::from_secs(9)).await;
            assert_eq!(answer, told);
            let counted = |event: &Event| matches!(event, Event::Summary(summary) if summary.unparsable == 1);
            assert!(log.iter().any(counted), "{answer}: {log:?}");
        }
    }
}
