//! One INVITE: what it asks of [`crate::call`], and what is answered to what comes of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use shaken_core::error::SipResponse;
use shaken_core::sip::{self, Caller, Parties, Reason, ReasonProtocol, Request};
use shaken_core::{Error, Identity, Verstat};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout_at;

use super::answer::{Asked, contact, is_sip, written};
use super::peer::{Peer, PeerOp, Treatment, Undecided, VerstatIn};
use super::transactions::Transaction;
use super::{Door, Outgoing, overloaded, topmost_via};
use crate::audit::{self, Loss};
use crate::call::{
    Calls, Carries, Decided, Judged, Offers, Origin, Party, Refusal, SignRequest, Signed, VerifyRequest,
    Wanted,
};
use crate::delivery::{Delivery, Pending};
use crate::fields::MAX_CALL_ID_LEN;
use crate::life::clock::unix_s;
use crate::listen::Client;
use crate::policy::Listener;
use crate::request_id;
use crate::to_the_end::{Panicked, to_the_end};

/// A call that waits for its answer.
pub(crate) struct Invite {
    pub(super) bytes: Arc<[u8]>,
    /// As it was when the call came.
    pub(super) peer: Arc<Peer>,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) listener: Listener,
    pub(super) transaction: Transaction,
    pub(super) to_tag: u64,
    pub(super) received: Instant,
    pub(super) permit: OwnedSemaphorePermit,
}

/// What a call asks for.
enum Question {
    Sign(SignRequest),
    Verify(VerifyRequest),
}

/// What came of it.
enum Outcome {
    Signed(Signed),
    Judged(Judged),
    Refused(Refusal),
}

/// Why a call is asked nothing about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unasked {
    /// It can't be read.
    Malformed(Error),
    /// It cannot have been signed: it has no number that could be.
    Unverifiable(Error),
    /// It can't be signed, or need not be.
    Unsignable(&'static str),
}

impl Invite {
    /// The answer, and whether it reaches the client. Nothing only if the message cannot be read, which it was.
    pub(crate) async fn answer(self, door: &Arc<Door>) -> Option<(Outgoing, Option<Pending>)> {
        let request = Request::parse(&self.bytes).ok()?;
        let via = topmost_via(&request)?;
        let peer = &*self.peer;
        let asked = Asked { request: &request, via, from: self.from, to_tag: self.to_tag };
        let (mut bytes, pending) = match question(&request, peer, SystemTime::now()) {
            Err(unasked) => {
                door.calls.audit().count_undecided(audit::Undecided::Unparsable, SystemTime::now());
                (unasked.answer(&asked, peer), None)
            }
            Ok(question) => {
                let (answer, pending) = self.ask(question, &asked, peer, door).await;
                (answer, Some(pending))
            }
        };
        if self.listener == Listener::SipUdp && bytes.len() > MAX_DATAGRAM_LEN {
            bytes = asked.answer(TOO_LARGE, &[], &[]);
        }
        let bytes: Arc<[u8]> = bytes.into();
        door.transactions().answer(self.transaction, Arc::clone(&bytes));
        drop(self.permit);
        Some((Outgoing { bytes, to: self.to }, pending))
    }

    async fn ask(
        &self,
        question: Question,
        asked: &Asked<'_>,
        peer: &Peer,
        door: &Arc<Door>,
    ) -> (Vec<u8>, Pending) {
        let due = self.received + door.deadline();
        let request_id = request_id::next();
        let delivery = Delivery::new(request_id.clone());
        let pending = Pending::new(delivery.clone(), Arc::clone(&door.calls));
        let call_id = asked.request.headers().call_id();
        let origin = Origin {
            listener: self.listener,
            client: Client::from(self.from).known_as(Some(peer.name.clone())),
            offers: Offers::All,
            trunk: None,
            carries: Carries::Invite(Arc::clone(&self.bytes)),
            call_id: Some(String::from_utf8_lossy(call_id).into_owned())
                .filter(|call_id| call_id.len() <= MAX_CALL_ID_LEN),
            request_id,
            now: SystemTime::now(),
            received: self.received,
            parent: None,
            delivery: delivery.clone(),
        };
        let calls = Arc::clone(&door.calls);
        let work = to_the_end(async move { question.put_to(&calls, &origin).await });
        let answer = match timeout_at(due.into(), work).await {
            Ok(Ok(Outcome::Signed(signed))) => signed_answer(asked, peer, &signed),
            Ok(Ok(Outcome::Judged(judged))) => judged_answer(asked, peer, &judged),
            Ok(Ok(Outcome::Refused(Refusal::Overload))) => overloaded(asked, peer),
            Ok(Ok(Outcome::Refused(Refusal::Blocked(reason, decided)))) => {
                asked.answer(peer.block, &[], &[sip_reason(peer.block, reason.name()), decision(&decided)])
            }
            Ok(Ok(Outcome::Refused(refusal))) => undecided(asked, peer, refusal.name(), refusal.decided()),
            Ok(Err(Panicked)) => undecided(asked, peer, "internal", None),
            Err(_) => {
                delivery.lost(Loss::Deadline, door.calls.audit());
                undecided(asked, peer, "deadline", None)
            }
        };
        (answer, pending)
    }
}

impl Question {
    async fn put_to(self, calls: &Calls, origin: &Origin) -> Outcome {
        match self {
            Self::Sign(request) => {
                calls.sign(request, origin).await.map_or_else(Outcome::Refused, Outcome::Signed)
            }
            Self::Verify(request) => {
                calls.verify(request, origin).await.map_or_else(Outcome::Refused, Outcome::Judged)
            }
        }
    }
}

impl Unasked {
    fn answer(self, asked: &Asked<'_>, peer: &Peer) -> Vec<u8> {
        match self {
            Self::Malformed(error) => {
                asked.answer(error.sip(), &[], &[sip_reason(error.sip(), error.name())])
            }
            Self::Unverifiable(error) => unvalidated(asked, peer, error, &[]),
            Self::Unsignable(why) => undecided(asked, peer, why, None),
        }
    }
}

/// What the peer wants to know about this call.
fn question(request: &Request<'_>, peer: &Peer, now: SystemTime) -> Result<Question, Unasked> {
    let headers = request.headers();
    let has_identity = !headers.identity().is_empty();
    let is_to_sign = match peer.op {
        PeerOp::Sign => true,
        PeerOp::Verify => false,
        PeerOp::Auto => !has_identity,
    };
    let no_number = |error: Error| match error {
        Error::CallerAnonymous
        | Error::CallerUnavailable
        | Error::UriNotANumber
        | Error::TnInvalid
        | Error::TnNotGlobal => {
            if is_to_sign {
                Unasked::Unsignable(error.name())
            } else {
                Unasked::Unverifiable(error)
            }
        }
        _ => Unasked::Malformed(error),
    };
    let parties = request.parties().map_err(no_number)?;
    let caller = Caller::of(headers).map_err(no_number)?;
    let orig = Party::of(caller.address().uri()).map_err(no_number)?;
    let dest = called(request, &parties).map_err(no_number)?;
    let date = parties.date().unwrap_or_else(|| unix_s(now).unsigned_abs());
    let text = |value: &&[u8]| String::from_utf8_lossy(value).into_owned();
    let identity = headers.identity().iter().map(text).collect();
    if is_to_sign {
        let hints = headers.hints();
        let origid = hints.origid.map(str::to_owned);
        let dest = dest.into_iter().take(1).collect();
        let (wanted, attest) = (Wanted::Shaken, hints.attest);
        // Who wrote something else there has said nothing about the call.
        let diverting = headers.diverting().ok().flatten();
        let diverting = diverting.and_then(|address| Party::of(address.uri()).ok());
        let (iat, target) = (date, Party::of(request.uri()).ok());
        let request = SignRequest { wanted, attest, orig, dest, iat, origid, target, diverting, identity };
        return Ok(Question::Sign(request));
    }
    let field = |wanted: &str| {
        let mut fields = request.fields();
        let found = fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()));
        found.map(|(_, value)| text(&value))
    };
    let (resource_priority, priority) = (field("Resource-Priority"), field("Priority"));
    let target = Party::of(request.uri()).ok();
    Ok(Question::Verify(VerifyRequest { orig, dest, target, resource_priority, priority, date, identity }))
}

/// The numbers of `parties` with what stands in the request for them.
fn called(request: &Request<'_>, parties: &Parties<'_>) -> Result<Vec<Party>, Error> {
    let uris = [request.headers().to().uri(), request.uri()];
    let named = |number| uris.iter().find(|uri| uri.telephone_number() == Ok(number));
    let numbers = parties.dest().iter().map(shaken_core::Party::number);
    numbers.map(|number| Party::of(named(number?).ok_or(Error::UriNotANumber)?)).collect()
}

fn signed_answer(asked: &Asked<'_>, peer: &Peer, signed: &Signed) -> Vec<u8> {
    let mut headers = vec![("Identity", signed.identity.clone().into_bytes())];
    // RFC 8224 §6.1 step 3: what is signed without a Date gets one, of the time that was signed.
    if asked.request.headers().date().is_ok_and(|date| date.is_none())
        && let Ok(date) = written(|out| sip::date::write(signed.iat, out))
    {
        headers.push(("Date", date));
    }
    let attest = signed.attest.map(|attest| ("Attestation-Info", attest.as_str().into()));
    let origid = signed.origid.clone().map(|origid| ("Origination-ID", origid.into_bytes()));
    let reason = Some(sip_reason(peer.redirect, "signed"));
    let decision = Some(decision(&signed.decided));
    let told: Vec<_> = [attest, origid, reason, decision].into_iter().flatten().collect();
    redirect(asked, peer, &headers, &[], &[], &told)
}

fn judged_answer(asked: &Asked<'_>, peer: &Peer, judged: &Judged) -> Vec<u8> {
    let attested = match &judged.outcome {
        Ok(attested) => attested,
        Err(error) => {
            let values = asked.request.headers().identity();
            let failed = judged.headers.iter().zip(values);
            let failed = failed.filter_map(|(header, value)| Some((header.error?, *value)));
            return unvalidated(asked, peer, *error, &failed.collect::<Vec<_>>());
        }
    };
    let told = [
        ("Attestation-Info", attested.attest.as_str().into()),
        ("Origination-ID", attested.origid.clone().into_bytes()),
        sip_reason(peer.redirect, "passed"),
    ];
    let (headers, from) = verstat_headers(asked.request, peer, Verstat::Passed);
    redirect(asked, peer, &headers, &from, &[], &told)
}

/// The answer to a call that does not pass because of `error`, with what is wrong with each Identity header.
fn unvalidated(asked: &Asked<'_>, peer: &Peer, error: Error, failed: &[(Error, &[u8])]) -> Vec<u8> {
    let verstat = error.verstat();
    let treatment = if verstat == Verstat::Failed { peer.failed } else { peer.no_validation };
    let reason = |error: Error| Reason::new(error.sip()).with_protocol(peer.reason);
    let mut reasons: Vec<Reason<'_>> = failed
        .iter()
        .map(|(error, value)| match Identity::parse(value) {
            Ok(identity) => reason(*error).with_passport(&identity),
            Err(_) => reason(*error),
        })
        .collect();
    if reasons.is_empty() {
        reasons.push(reason(error));
    }
    let told = |response: SipResponse| match peer.reason {
        ReasonProtocol::Stir => vec![sip_reason(response, error.name())],
        // One value for each protocol (RFC 3326 §2).
        ReasonProtocol::Sip => Vec::new(),
    };
    match treatment {
        Treatment::PassOn => {
            let (headers, from) = verstat_headers(asked.request, peer, verstat);
            redirect(asked, peer, &headers, &from, &reasons, &told(peer.redirect))
        }
        Treatment::Refuse => {
            // A caller that says it is a number and is none: no header is at fault, the request is.
            let response = if error == Error::TnInvalid { BAD_REQUEST } else { error.sip() };
            asked.answer(response, &reasons, &told(response))
        }
        Treatment::Block => asked.answer(peer.block, &reasons, &told(peer.block)),
    }
}

/// The answer when nothing is to be said to others about the call, and what decided so, if it was a policy.
fn undecided(asked: &Asked<'_>, peer: &Peer, why: &str, decided: Option<&Decided>) -> Vec<u8> {
    let response = match peer.undecided {
        Undecided::NoAction => peer.no_action,
        Undecided::PassOn => peer.redirect,
    };
    let told: Vec<_> = [sip_reason(response, why)].into_iter().chain(decided.map(decision)).collect();
    match peer.undecided {
        Undecided::NoAction => asked.answer(response, &[], &told),
        Undecided::PassOn => redirect(asked, peer, &[], &[], &[], &told),
    }
}

/// The call goes on with nothing added.
pub(super) fn passed_on(asked: &Asked<'_>, peer: &Peer, why: &str) -> Vec<u8> {
    redirect(asked, peer, &[], &[], &[], &[sip_reason(peer.redirect, why)])
}

/// The call goes on with these headers, and with `from` where only a URI has room for it. What is `told`
/// stands in the answer alone.
fn redirect(
    asked: &Asked<'_>,
    peer: &Peer,
    headers: &[(&'static str, Vec<u8>)],
    from: &[(&'static str, Vec<u8>)],
    reasons: &[Reason<'_>],
    told: &[(&'static str, Vec<u8>)],
) -> Vec<u8> {
    let uri = asked.request.uri();
    let in_contact = peer.identity_in.is_contact() && is_sip(uri, &peer.contact);
    let within = if in_contact { [headers, from].concat() } else { Vec::new() };
    let mut fields = vec![("Contact", contact(uri, &peer.contact, &within))];
    if peer.identity_in.is_header() || !in_contact {
        fields.extend_from_slice(headers);
    }
    fields.extend_from_slice(told);
    asked.answer(peer.redirect, reasons, &fields)
}

type Named = Vec<(&'static str, Vec<u8>)>;

/// P-Asserted-Identity with this `verstat`, and From; nothing where there is no number that it could be about.
fn verstat_headers(request: &Request<'_>, peer: &Peer, verstat: Verstat) -> (Named, Named) {
    let Some(value) = Caller::of(request.headers()).ok().and_then(|caller| with_verstat(&caller, verstat))
    else {
        return (Vec::new(), Vec::new());
    };
    let asserted = vec![("P-Asserted-Identity", value.clone())];
    match peer.verstat_in {
        VerstatIn::Asserted => (asserted, Vec::new()),
        VerstatIn::From => (Vec::new(), vec![("From", value)]),
        VerstatIn::Both => (asserted, vec![("From", value)]),
    }
}

/// The address of the caller without its parameters, such as the tag of From.
fn with_verstat(caller: &Caller<'_>, verstat: Verstat) -> Option<Vec<u8>> {
    let address = caller.address();
    let mut value = written(|out| address.write_with_verstat(Some(verstat), out)).ok()?;
    let name_len = address.display().len();
    // A URI holds no bracket.
    let end = name_len + value.get(name_len..)?.iter().position(|b| *b == b'>')?;
    value.truncate(end + 1);
    Some(value)
}

/// What decided on a call to sign, for logs and scripts: it is in the record too.
fn decision(decided: &Decided) -> (&'static str, Vec<u8>) {
    let mut value = decided.reason.to_owned();
    let facts = [
        ("rule", Some(&decided.rule)),
        ("generation", decided.generation.as_ref()),
        ("decided-by", decided.decided_by.as_ref()),
    ];
    for (name, text) in facts {
        let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
        // quoted-string of RFC 3261 §25.1.
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        value.push_str(&format!(";{name}=\"{text}\""));
    }
    ("X-Attestation-Reason", value.into_bytes())
}

/// Why, for scripts: the name of an error or of a reason.
pub(super) fn sip_reason(response: SipResponse, why: &str) -> (&'static str, Vec<u8>) {
    ("Reason", format!("SIP;cause={};text=\"{why}\"", response.code).into_bytes())
}

/// What fits into a datagram of UDP.
const MAX_DATAGRAM_LEN: usize = 65_507;

const BAD_REQUEST: SipResponse = SipResponse::new(400, "Bad Request");
const TOO_LARGE: SipResponse = SipResponse::new(513, "Message Too Large");
