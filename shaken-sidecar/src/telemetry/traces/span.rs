//! What a span tells of a call: what we decided, in our own words, and names from the configuration. No
//! number, no Identity header, no URL, nothing that a client or a far end wrote but the hash of the Call-ID.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span as Message, SpanFlags, Status};
use ring::digest::{SHA256, digest};
use ring::error::Unspecified;
use ring::rand::{SecureRandom, SystemRandom};

use super::Parent;
use crate::audit::{Interface, Kept, Op, Record};
use crate::call::Origin;
use crate::hex::hex;

/// The stable name of what went wrong with a call, if it is no ordinary answer: it was not signed by our
/// own fault or that of the request, or verified and did not pass. A call that comes without Identity
/// header is an ordinary one, and so is one that the policy leaves unsigned or blocks.
pub(super) fn fault(record: &Record) -> Option<Cow<'static, str>> {
    match &record.error {
        Some(error) if *error == shaken_core::Error::IdentityMissing.name() => None,
        Some(error) => Some(error.clone()),
        None if record.verdict == "refused" => record.reason.clone(),
        // The policy would have it signed, and a certificate or key was not fit for it.
        None if record.http_status >= Some(500) => record.reason.clone(),
        None => None,
    }
}

/// A call, as it is to be told. Made while the call waits, so it copies little and calculates nothing.
#[derive(Debug)]
pub(super) struct Span {
    op: Op,
    interface: Interface,
    parent: Option<Parent>,
    began: SystemTime,
    took: Duration,
    decided_after: Option<Duration>,
    call_id: CallId,
    trunk: Option<Arc<str>>,
    generation: Option<Arc<str>>,
    verdict: Cow<'static, str>,
    attest: Option<Cow<'static, str>>,
    reason: Option<Cow<'static, str>>,
    verstat: Option<Cow<'static, str>>,
    error: Option<Cow<'static, str>>,
    fault: Option<Cow<'static, str>>,
    ppt: Vec<String>,
    replay: bool,
    http_status: Option<u16>,
    record: Option<u64>,
}

/// May hold a number.
struct CallId(Option<String>);

impl std::fmt::Debug for CallId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallId")
    }
}

impl Span {
    /// A request of which nothing else is known.
    pub(super) fn new(op: Op, interface: Interface, origin: &Origin) -> Self {
        Self {
            op,
            interface,
            parent: origin.parent,
            began: origin.now,
            took: Duration::ZERO,
            decided_after: None,
            call_id: CallId(origin.call_id.clone()),
            trunk: None,
            generation: None,
            verdict: "refused".into(),
            attest: None,
            reason: None,
            verstat: None,
            error: None,
            fault: None,
            ppt: Vec::new(),
            replay: false,
            http_status: None,
            record: None,
        }
    }

    /// The call of `record`, which has this `fault` if any.
    pub(super) fn of(record: &Record, fault: Option<Cow<'static, str>>, origin: &Origin) -> Self {
        Self {
            decided_after: Some(origin.received.elapsed()),
            trunk: record.trunk.clone(),
            generation: record.generation.clone(),
            verdict: record.verdict.clone(),
            attest: record.attest.clone(),
            reason: record.reason.clone(),
            verstat: record.verstat.clone(),
            error: record.error.clone(),
            fault,
            ppt: record.ppt.clone(),
            replay: record.replay,
            http_status: record.http_status,
            ..Self::new(record.op, record.interface, origin)
        }
    }

    pub(super) fn recorded(mut self: Box<Self>, kept: Kept) -> Box<Self> {
        self.record = kept.index();
        self
    }

    /// The answer is an error of ours, whatever was decided.
    pub(super) fn unrecorded(mut self: Box<Self>) -> Box<Self> {
        self.verdict = "refused".into();
        self.fault = Some(UNRECORDED.into());
        self.http_status = Some(503);
        self
    }

    pub(super) fn ended(mut self: Box<Self>, took: Duration) -> Box<Self> {
        self.took = took;
        self
    }

    /// The message. A span without parent begins a trace of its own.
    pub(super) fn message(&self, random: &SystemRandom) -> Result<Message, Unspecified> {
        let trace_id = match self.parent {
            Some(parent) => parent.trace_id(),
            None => fresh(random)?,
        };
        let parent_span_id = self.parent.map(|parent| parent.span_id().to_vec()).unwrap_or_default();
        let origin = if self.parent.is_some() { SpanFlags::ContextIsRemoteMask as u32 } else { 0 };
        let status = match &self.fault {
            Some(fault) => Status { code: StatusCode::Error.into(), message: fault.to_string() },
            None => Status::default(),
        };
        Ok(Message {
            trace_id: trace_id.to_vec(),
            span_id: fresh::<8>(random)?.to_vec(),
            parent_span_id,
            flags: SAMPLED | SpanFlags::ContextHasIsRemoteMask as u32 | origin,
            name: match self.op {
                Op::Sign => "sti.sign".into(),
                Op::Verify => "sti.verify".into(),
            },
            kind: SpanKind::Server.into(),
            start_time_unix_nano: unix_ns(self.began),
            end_time_unix_nano: unix_ns(self.began + self.took),
            attributes: self.attributes(),
            status: Some(status),
            ..Message::default()
        })
    }

    fn attributes(&self) -> Vec<KeyValue> {
        let is_http = matches!(self.interface, Interface::HttpUnix | Interface::HttpTcp);
        let number = |value: u64| Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX));
        let error = self.error.as_ref().or(self.fault.as_ref());
        let attributes = [
            ("sti.interface", Some(text(self.interface.name()))),
            ("sti.verdict", Some(text(&self.verdict))),
            ("sti.trunk", self.trunk.as_deref().map(text)),
            ("sti.generation", self.generation.as_deref().map(text)),
            ("sti.attest", self.attest.as_deref().map(text)),
            ("sti.reason", self.reason.as_deref().map(text)),
            ("sti.verstat", self.verstat.as_deref().map(text)),
            ("sti.error", error.map(|error| text(error))),
            ("sti.ppt", (!self.ppt.is_empty()).then(|| texts(&self.ppt))),
            ("sti.replay", self.replay.then_some(Value::BoolValue(true))),
            ("sti.record", self.record.map(number)),
            ("sti.decided_us", self.decided_after.map(|after| number(us(after)))),
            (
                "sip.call_id.sha256",
                self.call_id.0.as_deref().map(|call_id| Value::StringValue(hash(call_id))),
            ),
            (
                "http.response.status_code",
                self.http_status.filter(|_| is_http).map(|code| number(code.into())),
            ),
        ];
        attributes.into_iter().filter_map(|(key, value)| Some(attribute(key, value?))).collect()
    }
}

/// An attribute of a span or of the resource.
pub(super) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

pub(super) fn text(text: &str) -> Value {
    Value::StringValue(text.into())
}

fn texts(all: &[String]) -> Value {
    Value::ArrayValue(ArrayValue {
        values: all.iter().map(|it| AnyValue { value: Some(text(it)) }).collect(),
    })
}

/// The first half of the SHA-256. Without a salt, so that whoever has the Call-ID, such as the SBC or the
/// audit log, finds the span; half of it finds one call among all there ever were.
fn hash(call_id: &str) -> String {
    hex(&digest(&SHA256, call_id.as_bytes()).as_ref()[..16])
}

/// A name for a trace or span, which is not all zeros.
fn fresh<const N: usize>(random: &SystemRandom) -> Result<[u8; N], Unspecified> {
    let mut id = [0; N];
    while id == [0; N] {
        random.fill(&mut id)?;
    }
    Ok(id)
}

fn us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn unix_ns(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// As the answer says it.
const UNRECORDED: &str = "audit";

/// The flag of W3C Trace Context.
const SAMPLED: u32 = 1;
