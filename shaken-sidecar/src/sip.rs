//! SIP on UDP and TCP: an SBC sends an INVITE here and gets it back with 302 and what its call needs, an
//! Identity header or a `verstat`. Bytes to [`crate::call`] requests and back; nothing is decided here.
//!
//! ```text
//! datagram ─┐                ┌─> nothing      strangers, ACK, what is no request
//! stream   ─┴─> Door::receive ├─> an answer    OPTIONS, repeated requests, emergency calls
//!                            └─> Invite ──answer()──> an answer
//! ```
//!
//! It answers as a user agent server without state (RFC 3261 §8.2.7): nothing provisional, and an
//! answer that got lost is sent again when the request comes again. Answers go to the address
//! that the request came from and nowhere else.

mod answer;
mod datagram;
mod invite;
mod peer;
mod stream;
#[cfg(test)]
mod tests;
mod transactions;
mod via;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use ring::hmac;
use ring::rand::SystemRandom;
use shaken_core::Error;
use shaken_core::error::SipResponse;
use shaken_core::sip::{Request, Uri};
use tokio::sync::Semaphore;

use crate::audit::Undecided;
use crate::call::Calls;
use crate::policy::Listener;
use answer::Asked;
pub(crate) use datagram::serve as serve_datagrams;
use invite::{Invite, sip_reason};
pub use peer::{Contact, Peer, PeerOp, Place, Rules, Treatment, Undecided as WhenUndecided, VerstatIn};
pub(crate) use stream::serve as serve_stream;
use transactions::{Seen, Transaction, Transactions};
use via::Via;

/// What all sockets share. Whom it answers is in force with the rest of the configuration.
pub struct Door {
    secret: Secret,
    calls: Arc<Calls>,
    transactions: Mutex<Transactions>,
    underway: Arc<Semaphore>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("secret", &self.secret).finish_non_exhaustive()
    }
}

/// Names transactions and makes tags, so that nobody can guess either. For as long as the door is open: a
/// request that comes again has the name that it had.
#[derive(Debug)]
pub struct Secret(hmac::Key);

impl Secret {
    /// Another one each time. Nothing if the system gives no random bytes.
    #[must_use]
    pub fn generate() -> Option<Self> {
        hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok().map(Self)
    }
}

/// What comes of a message.
pub(crate) enum Received {
    /// Nothing is said.
    Nothing,
    /// This is said.
    Answer(Outgoing),
    /// A call to work on.
    Invite(Box<Invite>),
}

/// An answer on its way.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) bytes: Arc<[u8]>,
    /// Where it goes over UDP; over TCP it is the connection.
    pub(crate) to: SocketAddr,
}

impl Door {
    /// A door to `calls`, each of which gets the deadline in force from the arrival of the request.
    #[must_use]
    pub fn new(secret: Secret, calls: Arc<Calls>) -> Self {
        Self {
            secret,
            calls,
            transactions: Mutex::new(Transactions::new(MAX_TRANSACTIONS, MAX_KEPT_BYTES)),
            underway: Arc::new(Semaphore::new(MAX_UNDERWAY)),
        }
    }

    fn deadline(&self) -> Duration {
        self.calls.in_force().deadline()
    }

    /// Whether there is a peer at this address. If not it is counted.
    pub(crate) fn knows(&self, from: SocketAddr) -> bool {
        let is_known = self.calls.in_force().sip.peer_at(from.ip()).is_some();
        if !is_known {
            self.calls.audit().count_undecided(Undecided::Unauthenticated, SystemTime::now());
        }
        is_known
    }

    /// Says what to do with one whole message that came `from` there at `now`.
    pub(crate) fn receive(
        &self,
        message: &[u8],
        from: SocketAddr,
        listener: Listener,
        now: Instant,
    ) -> Received {
        let force = self.calls.in_force();
        let Some(peer) = force.sip.peer_at(from.ip()) else {
            self.calls.audit().count_undecided(Undecided::Unauthenticated, SystemTime::now());
            return Received::Nothing;
        };
        // What keeps the way through a NAT open (RFC 5626 §3.5).
        if message.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
            return Received::Nothing;
        }
        let request = match Request::parse(message) {
            Ok(request) => request,
            Err(error) => return self.unreadable(error),
        };
        let Some(via) = topmost_via(&request) else {
            return self.unreadable(Error::SipHeaderValue { header: "Via" });
        };
        let (transaction, to_tag) = self.name(&request, &via, from);
        let asked = Asked { request: &request, via, from, to_tag };
        let to = via.destination(from);
        let say = |bytes: Vec<u8>| Received::Answer(Outgoing { bytes: bytes.into(), to });
        match request.method() {
            "ACK" => {
                self.transactions().acknowledge(transaction, now);
                Received::Nothing
            }
            "INVITE" if request.is_initial_invite() => {
                match self.transactions().begin(transaction, now) {
                    Seen::New => {}
                    Seen::Open => return Received::Nothing,
                    Seen::Answered(bytes) => return Received::Answer(Outgoing { bytes, to }),
                    Seen::Full => return say(self.shed(peer, &asked)),
                }
                let done = |bytes: Vec<u8>| {
                    let bytes: Arc<[u8]> = bytes.into();
                    self.transactions().answer(transaction, Arc::clone(&bytes));
                    Received::Answer(Outgoing { bytes, to })
                };
                if is_emergency(request.uri(), &force.sip) {
                    return done(invite::passed_on(&asked, peer, "emergency"));
                }
                let Ok(permit) = Arc::clone(&self.underway).try_acquire_owned() else {
                    return done(self.shed(peer, &asked));
                };
                let bytes = message.get(..request.len_bytes()).unwrap_or(message).into();
                Received::Invite(Box::new(Invite {
                    bytes,
                    peer: Arc::clone(peer),
                    from,
                    to,
                    listener,
                    transaction,
                    to_tag,
                    received: now,
                    permit,
                }))
            }
            "OPTIONS" => say(asked.answer(OK, &[], &[allow()])),
            "CANCEL" if self.transactions().knows(transaction, now) => say(asked.answer(OK, &[], &[])),
            "INVITE" | "CANCEL" => say(asked.answer(NO_DIALOG, &[], &[])),
            _ => say(asked.answer(NOT_ALLOWED, &[], &[allow()])),
        }
    }

    /// What cannot be read gets no answer: what it would have to repeat of the request is what could not
    /// be read.
    fn unreadable(&self, error: Error) -> Received {
        tracing::debug!(error = error.name(), "a message that is no request; it is not answered");
        self.calls.audit().count_undecided(Undecided::Unparsable, SystemTime::now());
        Received::Nothing
    }

    /// The answer when there is too much to do.
    fn shed(&self, peer: &Peer, asked: &Asked<'_>) -> Vec<u8> {
        self.calls.audit().count_undecided(Undecided::Shed, SystemTime::now());
        overloaded(asked, peer)
    }

    /// The transaction of a request (RFC 3261 §17.2.3) and the tag of its answers. ACK and CANCEL have
    /// that of their INVITE.
    fn name(&self, request: &Request<'_>, via: &Via<'_>, from: SocketAddr) -> (Transaction, u64) {
        let is_cseq = |name: &[u8]| name.eq_ignore_ascii_case(b"CSeq");
        let cseq = request.fields().find(|(name, _)| is_cseq(name)).map_or(&b""[..], |(_, value)| value);
        let number = cseq.split(|b| !b.is_ascii_digit()).next().unwrap_or_default();
        let method = match request.method() {
            "ACK" | "CANCEL" => "INVITE",
            method => method,
        };
        let mut hash = hmac::Context::with_key(&self.secret.0);
        let from = from.to_string();
        for part in [from.as_bytes(), via.text, number, method.as_bytes(), request.headers().call_id()] {
            hash.update(&part.len().to_le_bytes());
            hash.update(part);
        }
        let tag = hash.sign();
        let (mut name, mut to_tag) = ([0; 16], [0; 8]);
        for (to, byte) in name.iter_mut().chain(&mut to_tag).zip(tag.as_ref()) {
            *to = *byte;
        }
        (Transaction(name), u64::from_le_bytes(to_tag))
    }

    fn transactions(&self) -> MutexGuard<'_, Transactions> {
        self.transactions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// RFC 5031, and numbers as they are dialled. The Request-URI alone counts, for it is where the call
/// goes; a To that says so must not be a way around everything.
fn is_emergency(uri: &Uri<'_>, rules: &Rules) -> bool {
    uri.is_emergency() || uri.telephone_number().is_ok_and(|number| rules.is_emergency(number.as_str()))
}

/// The answer to a call that is too much.
fn overloaded(asked: &Asked<'_>, peer: &Peer) -> Vec<u8> {
    match peer.undecided {
        WhenUndecided::PassOn => invite::passed_on(asked, peer, "overload"),
        WhenUndecided::NoAction => unavailable(asked),
    }
}

fn unavailable(asked: &Asked<'_>) -> Vec<u8> {
    let retry = ("Retry-After", RETRY_AFTER_S.to_vec());
    asked.answer(UNAVAILABLE, &[], &[retry, sip_reason(UNAVAILABLE, "overload")])
}

fn topmost_via<'a>(request: &Request<'a>) -> Option<Via<'a>> {
    let is_via = |name: &[u8]| name.eq_ignore_ascii_case(b"Via") || name.eq_ignore_ascii_case(b"v");
    request.fields().find(|(name, _)| is_via(name)).and_then(|(_, value)| Via::parse(value))
}

fn allow() -> (&'static str, Vec<u8>) {
    ("Allow", b"INVITE, ACK, CANCEL, OPTIONS".to_vec())
}

const OK: SipResponse = SipResponse::new(200, "OK");
const NOT_ALLOWED: SipResponse = SipResponse::new(405, "Method Not Allowed");
const NO_DIALOG: SipResponse = SipResponse::new(481, "Call/Transaction Does Not Exist");
const UNAVAILABLE: SipResponse = SipResponse::new(503, "Service Unavailable");

/// The shortest that can be said: what is too much now may have passed.
const RETRY_AFTER_S: &[u8] = b"1";

/// How many calls are worked on at once.
const MAX_UNDERWAY: usize = 2048;

/// Those of 32 seconds at 8,000 calls a second.
const MAX_TRANSACTIONS: usize = 1 << 18;

/// What their answers may take, all together.
const MAX_KEPT_BYTES: usize = 128 << 20;
