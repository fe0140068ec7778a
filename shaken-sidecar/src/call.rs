//! The life of one call: who asks, may they, sign or verify, record, answer. The only file that
//! knows the order of these steps.

mod answer;
mod origids;
mod presented;
mod request;
mod signing;
mod verification;

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use shaken_core::sip::Request;
use shaken_core::{Error, Verstat};

use crate::audit::{AuditError, AuditLog, Cert, Header, Interface, Kept, Number, Op, Record, Undecided};
use crate::busy_poll::BusyPoll;
use crate::force::InForce;
use crate::hex::hex;
use crate::limits::Permit;
use crate::policy::{self, Carried, Listener, Replay, Trunk};
use crate::replay::Replays;
use crate::ruling::{Act, Ruled};
use crate::telemetry::{Stage, Tally, Traces};
pub use answer::{Attested, Decided, Judged, JudgedHeader, Refusal, Signed};
use presented::Presented;
pub(crate) use presented::received;
pub use request::{Carries, Offers, Origin, Party, SignRequest, VerifyRequest, Wanted, is_heartbeat};
pub(crate) use request::{HEARTBEAT_FROM, HEARTBEAT_TO};
pub use signing::Signing;
use verification::Work;
pub use verification::{FETCH_BUDGET, HeaderParams, Verification};

/// Signs and verifies calls, and keeps a record of each.
#[derive(Debug)]
pub struct Calls {
    force: ArcSwap<InForce>,
    audit: AuditLog,
    replays: Replays,
    tally: Tally,
    traces: Option<Traces>,
    busy_poll: BusyPoll,
}

/// What a record keeps of Identity headers. There is no way to keep nothing: a dispute is about what
/// was sent or received, and a hash is the least that settles it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityKept {
    /// The values as they are.
    #[default]
    Full,
    /// SHA-256 of each value.
    Sha256,
}

impl Calls {
    /// Calls are decided by `force` and recorded in `audit`.
    #[must_use]
    pub fn new(force: InForce, audit: AuditLog) -> Self {
        Self {
            force: ArcSwap::from_pointee(force),
            audit,
            replays: Replays::default(),
            tally: Tally::default(),
            traces: None,
            busy_poll: BusyPoll::default(),
        }
    }

    /// The same, with spans of calls for `traces`.
    #[must_use]
    pub fn with_traces(self, traces: Option<Traces>) -> Self {
        Self { traces, ..self }
    }

    /// The same, and each call is told to `busy_poll`.
    #[must_use]
    pub(crate) fn with_busy_poll(self, busy_poll: BusyPoll) -> Self {
        Self { busy_poll, ..self }
    }

    /// What is told of each call.
    pub(crate) fn busy_poll(&self) -> &BusyPoll {
        &self.busy_poll
    }

    /// What decides at this moment.
    #[must_use]
    pub fn in_force(&self) -> Arc<InForce> {
        self.force.load_full()
    }

    /// Lets `force` decide on every call from here on. Calls under way end as they began.
    pub fn put_in_force(&self, force: InForce) {
        self.force.store(Arc::new(force));
    }

    /// The PASSporTs that came lately, on trunks where replays are looked for.
    #[must_use]
    pub fn replays(&self) -> &Replays {
        &self.replays
    }

    /// What came of calls, for metrics.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What tells of single calls, if anything does.
    #[must_use]
    pub fn traces(&self) -> Option<&Traces> {
        self.traces.as_ref()
    }

    /// The record of all that was decided.
    #[must_use]
    pub fn audit(&self) -> &AuditLog {
        &self.audit
    }

    /// Signs a call. Resolves when the record is durable.
    ///
    /// # Errors
    /// [`Refusal`], of which [`Refusal::Unsignable`] is on record too; strangers, and calls that are too
    /// many, are only counted.
    pub async fn sign(&self, mut request: SignRequest, origin: &Origin) -> Result<Signed, Refusal> {
        let (began, force) = (Instant::now(), self.in_force());
        self.check_in_time(&force, origin, began)?;
        self.tally.took(Stage::Parse, began.saturating_duration_since(origin.received));
        let (Some(ruling), Offers::All) = (force.ruling(), origin.offers) else {
            return Err(Refusal::NotOffered);
        };
        let trunk = self.recognize(&force, origin)?;
        request.dialled_by(trunk.plan());
        let mut permit = self.admit(&force, Op::Sign, origin, began)?;
        let mut record = new_record(Op::Sign, &force, trunk, origin, &request.orig, &request.dest);
        record.requested_attest = request.attest.map(|attest| attest.as_str().into());
        let elsewhere = |target: &&Party| request.dest.iter().all(|dest| dest.tn != target.tn);
        record.target = request.target.as_ref().filter(elsewhere).map(number);
        let presented = match force.verification().filter(|_| ruling.asks_for_delegate(&request)) {
            Some(verification) => {
                let began = Instant::now();
                let presented =
                    Box::pin(verification.presented(&request, &mut permit, origin.unix_s())).await;
                self.tally.judged(began.elapsed(), permit.waited());
                presented
            }
            None => Presented::default(),
        };
        record.headers = presented.headers.iter().map(header_of).collect();
        let began = Instant::now();
        let Ruled { act, attest, reason, rule, generation, decided_by, other } =
            ruling.rule(trunk, &mut request, &presented.delegates, origin.unix_s());
        let ruled = Instant::now();
        self.tally.took(Stage::Policy, ruled - began);
        record.attest = attest.map(|attest| attest.as_str().into());
        record.reason = Some(reason.into());
        record.rule = Some(Arc::clone(&rule)).filter(|rule| !rule.is_empty());
        record.generation = generation.or(record.generation);
        record.decided_by.clone_from(&decided_by);
        record.other = other;
        let decided = Decided { reason, rule, generation: record.generation.clone(), decided_by };
        let signing = match act {
            Act::Sign(signing) => signing,
            Act::Unsigned(reason) => {
                return self.refuse(record, Refusal::Unsigned(reason, decided.into()), origin).await;
            }
            Act::Block(reason) => {
                return self.refuse(record, Refusal::Blocked(reason, decided.into()), origin).await;
            }
            Act::Observe => return self.refuse(record, Refusal::Observed(decided.into()), origin).await,
            Act::PptNotAllowed => return self.refuse(record, Refusal::PptNotAllowed, origin).await,
        };
        record.x5u = Some(Arc::clone(&signing.x5u));
        let made = signing.sign(&request, attest, origin.unix_s());
        self.tally.took(Stage::Crypto, ruled.elapsed());
        match made {
            Err(error) => self.refuse(record, Refusal::Unsignable(error), origin).await,
            Ok((identity, origid)) => {
                record.verdict = "signed".into();
                record.ppt = vec![request.wanted.ppt().name().to_owned()];
                record.origid.clone_from(&origid);
                record.cert = Some(Arc::clone(&signing.cert));
                record.http_status = Some(200);
                keep_identity(force.identity, &mut record, std::slice::from_ref(&identity));
                let record = self.keep(record, origin).await?.index();
                Ok(Signed { identity, origid, attest, decided, iat: request.iat, record })
            }
        }
    }

    /// Verifies a call. Resolves when the record is durable.
    ///
    /// # Errors
    /// [`Refusal::NotOffered`], [`Refusal::TrunkUnknown`], [`Refusal::Overload`], [`Refusal::Late`],
    /// [`Refusal::Audit`]; a call that fails verification is no error but an answer.
    pub async fn verify(&self, mut request: VerifyRequest, origin: &Origin) -> Result<Judged, Refusal> {
        let (began, force) = (Instant::now(), self.in_force());
        self.check_in_time(&force, origin, began)?;
        self.tally.took(Stage::Parse, began.saturating_duration_since(origin.received));
        let Some(verification) = force.verification() else { return Err(Refusal::NotOffered) };
        let trunk = self.recognize(&force, origin)?;
        request.dialled_by(trunk.plan());
        let permit = self.admit(&force, Op::Verify, origin, began)?;
        let mut record = new_record(Op::Verify, &force, trunk, origin, &request.orig, &request.dest);
        keep_identity(force.identity, &mut record, &request.identity);
        let past = (trunk.replay() != Replay::Allow).then_some((&self.replays, origin.call_id.as_deref()));

        let mut work = Work { past, permit, record, headers: Vec::new() };
        let began = Instant::now();
        // In a place of its own: whatever else may become of a request would be moved with its twenty
        // kilobytes.
        let outcome = Box::pin(verification.judge(&request, &mut work, origin.unix_s())).await;
        let Work { permit, mut record, mut headers, .. } = work;
        self.tally.judged(began.elapsed(), permit.waited());
        let outcome = match outcome {
            Ok(_) if record.replay && trunk.replay() == Replay::Refuse => Err(Error::PassportReplayed),
            outcome => outcome,
        };
        record.verdict = if outcome.is_ok() { "passed" } else { "failed" }.into();
        record.http_status = Some(200);
        record.headers = headers.iter().map(header_of).collect();
        match &outcome {
            Ok(attested) => {
                record.verstat = Some(Verstat::Passed.as_str().into());
                record.attest = Some(attested.attest.as_str().into());
                record.origid = Some(attested.origid.clone());
            }
            Err(error) => {
                record.verstat = Some(error.verstat().as_str().into());
                record.error = Some(error.name().into());
                record.sip_status = Some(error.sip().code);
            }
        }
        let replay = record.replay;
        let record = self.keep(record, origin).await?.index();
        // The record has what happened; the answer may reach whoever chose the URL.
        for header in &mut headers {
            header.error = header.error.map(Error::public);
        }
        Ok(Judged { outcome: outcome.map_err(Error::public), headers, replay, record })
    }

    /// The trunk that a request belongs to. Requests of strangers are counted and not recorded one by
    /// one, or they could fill the disk.
    fn recognize<'f>(&self, force: &'f InForce, origin: &Origin) -> Result<&'f Trunk, Refusal> {
        let invite;
        let carried = match &origin.carries {
            Carries::Http(headers) => Carried::Http(headers),
            Carries::Invite(bytes) if force.trunks.iter().any(|trunk| trunk.of().mark.is_some()) => {
                invite = Request::parse(bytes);
                invite.as_ref().map_or(Carried::Nothing, Carried::Invite)
            }
            Carries::Nothing | Carries::Invite(_) => Carried::Nothing,
        };
        let named = origin.trunk.as_deref();
        let trunk = policy::recognize(&force.trunks, origin.listener, &origin.client, named, carried);
        trunk.ok_or_else(|| {
            self.audit.count_undecided(Undecided::Unauthenticated, origin.now);
            Refusal::TrunkUnknown
        })
    }

    /// Nobody waits any more for a request that waited behind others for too long. It is counted, as
    /// [`admit`](Self::admit) does.
    fn check_in_time(&self, force: &InForce, origin: &Origin, now: Instant) -> Result<(), Refusal> {
        if now.saturating_duration_since(origin.received) < force.deadline() {
            return Ok(());
        }
        self.audit.count_undecided(Undecided::Shed, origin.now);
        Err(Refusal::Late)
    }

    /// Permission to work on a request. Those that get none are counted and not recorded one by one: that
    /// would be the work that there is too much of.
    fn admit<'f>(
        &self,
        force: &'f InForce,
        op: Op,
        origin: &Origin,
        now: Instant,
    ) -> Result<Permit<'f>, Refusal> {
        force.limits().admit(op, now).ok_or_else(|| {
            self.audit.count_undecided(Undecided::Shed, origin.now);
            Refusal::Overload
        })
    }

    async fn refuse<T>(
        &self,
        mut record: Box<Record>,
        refusal: Refusal,
        origin: &Origin,
    ) -> Result<T, Refusal> {
        record.verdict = match refusal {
            Refusal::Unsigned(..) => "unsigned",
            Refusal::Blocked(..) => "blocked",
            Refusal::Observed(_) => "observed",
            _ => "refused",
        }
        .into();
        // What a policy would have given is what observing is for.
        if !matches!(refusal, Refusal::Observed(_)) {
            record.attest = None;
        }
        record.http_status = Some(refusal.http_status());
        if let Refusal::Unsignable(error) = &refusal {
            record.error = Some(error.name().into());
        }
        self.keep(record, origin).await?;
        Err(refusal)
    }

    /// Has the record written, as the log is set up to.
    async fn keep(&self, mut record: Box<Record>, origin: &Origin) -> Result<Kept, AuditError> {
        let traced = self.traces.as_ref().map(|traces| (traces, traces.begin(&record, origin)));
        if !matches!(record.interface, Interface::HttpUnix | Interface::HttpTcp) {
            record.http_status = None;
        }
        record.latency_us = u64::try_from(origin.received.elapsed().as_micros()).ok();
        self.tally.count(&record);
        tracing::debug!(?record, "call decided");
        let began = Instant::now();
        let kept = self.audit.append(record).await.inspect_err(|error| {
            tracing::debug!(%error, "no record could be made; the call is refused");
        });
        self.tally.took(Stage::Audit, began.elapsed());
        self.busy_poll.call_decided();
        if let Some((traces, traced)) = traced {
            traces.end(traced, &kept, origin);
        }
        let kept = kept?;
        origin.delivery.recorded(kept, &self.audit);
        Ok(kept)
    }
}

fn keep_identity(kept: IdentityKept, record: &mut Record, values: &[String]) {
    match kept {
        IdentityKept::Full => record.identity = values.to_vec(),
        IdentityKept::Sha256 => {
            let hash = |value: &String| ring::digest::digest(&ring::digest::SHA256, value.as_bytes());
            record.identity_sha256 = values.iter().map(|value| hex(hash(value).as_ref())).collect();
        }
    }
}

/// In its place on the heap from the start: it is a thousand bytes, and goes through many hands.
fn new_record(
    op: Op,
    force: &InForce,
    trunk: &Trunk,
    origin: &Origin,
    orig: &Party,
    dest: &[Party],
) -> Box<Record> {
    let interface = match origin.listener {
        Listener::Http => Interface::HttpUnix,
        Listener::HttpTcp => Interface::HttpTcp,
        Listener::Resp => Interface::RespUnix,
        Listener::RespTcp => Interface::RespTcp,
        Listener::SipUdp => Interface::SipUdp,
        Listener::SipTcp => Interface::SipTcp,
    };
    let (client, request_id) = (origin.client.clone(), origin.request_id.clone());
    let mut record = Box::new(Record::new(op, interface, client, request_id, "refused", origin.now));
    record.call_id.clone_from(&origin.call_id);
    trunk.put_on(&mut record);
    record.generation.clone_from(&force.generation);
    record.orig = Some(number(orig));
    record.dest = dest.iter().map(number).collect();
    record.synthetic = is_heartbeat(orig, dest).then_some(true);
    record
}

fn header_of(header: &JudgedHeader) -> Header {
    Header {
        ppt: header.ppt.map(|ppt| ppt.name().into()),
        verdict: if header.error.is_none() { "valid" } else { "failed" }.into(),
        error: header.error.map(|error| error.name().into()),
    }
}

fn number(party: &Party) -> Number {
    Number { received: party.received.clone(), canonical: Some(party.tn.as_str().to_owned()) }
}

fn cert_of(certificate: &shaken_core::Certificate) -> Cert {
    let list = certificate.tn_auth_list().and_then(|list| list.as_ref().ok());
    Cert {
        spc: list.and_then(|list| list.spc()).map(|spc| spc.as_str().to_owned()),
        sha256: certificate.fingerprint().to_string(),
    }
}
