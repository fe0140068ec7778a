//! What is kept about one decision on one call.

mod json;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::listen::Client;

/// One decision about one call: the evidence for a traceback, a dispute or an audit.
///
/// Phone numbers are in clear here, for this is the record of law. The [`Debug`](fmt::Debug) form
/// is made for program logs and leaves out every member that can carry a number or a token.
///
/// Words from our own tables (`reason`, `error`, `verdict`, ...) are [`Cow`]s, and what the configuration
/// says is shared, so that filling a record costs no allocation for them:
/// `record.reason = Some("RIGHT_NONE".into())`.
///
/// In the log a record is a line of JSON of the kind `call` that also carries the schema version,
/// the index, a salt and a checksum: see [`Entry`](super::Entry). Members that are `None` or empty
/// are left out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    time: String,
    unix_seconds: i64,
    /// What was asked for.
    pub op: Op,
    /// Where the request came in.
    pub interface: Interface,
    /// Who asked.
    pub peer: Client,
    /// Names the request within the daemon.
    pub request_id: String,
    /// SIP Call-ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// Name of the trunk that the call came in on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<Arc<str>>,
    /// The customer whose trunk it is, if the configuration names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Arc<str>>,
    /// The voice service provider on whose behalf the call is signed or verified, if the
    /// configuration names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Arc<str>>,
    /// Attestation level that the client asked for: `A`, `B` or `C`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_attest: Option<Cow<'static, str>>,
    /// Attestation level that was decided (sign) or found (verify): `A`, `B` or `C`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attest: Option<Cow<'static, str>>,
    /// Why this level, in upper snake case: `RIGHT_NONE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'static, str>>,
    /// The rule that decided: `trunk "lab" max_attest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// The configuration that was in force; see
    /// [`Config::generation`](crate::config::Config::generation).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Arc<str>>,
    /// What another policy would have done that is tried beside the one in force, if that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<Other>,
    /// Whose decision it was: the provider that owns the rule, not whoever runs the signer
    /// (FCC 24-120 wants the two told apart).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Arc<str>>,
    /// The calling number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orig: Option<Number>,
    /// The called numbers, in the order of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dest: Vec<Number>,
    /// Where the call went, if that was known and none of `dest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Number>,
    /// `origid` claim (RFC 8588 §5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origid: Option<String>,
    /// PASSporT type of each token, in the order of the Identity headers: `shaken`, `div`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ppt: Vec<String>,
    /// URL of the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x5u: Option<Arc<str>>,
    /// The certificate that signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert: Option<Arc<Cert>>,
    /// How the request ended: `signed`, `unsigned`, `passed`, `failed`, ...
    pub verdict: Cow<'static, str>,
    /// `verstat` value (3GPP TS 24.229 §7.2A.20), when verifying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verstat: Option<Cow<'static, str>>,
    /// Stable kebab-case name of the failure: `cert-expired`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'static, str>>,
    /// What came of each Identity header, in their order, when verifying and any was looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    /// True if the PASSporT came with another call before, and that was looked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replay: bool,
    /// SIP status code that was answered or recommended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip_status: Option<u16>,
    /// HTTP status code that was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// Time from the whole request being read to the record being made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_us: Option<u64>,
    /// `queued` if the request was answered before the record was durable; absent otherwise. Set by
    /// the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durability: Option<Cow<'static, str>>,
    /// Whether an SBC asked only to see that the daemon answers; absent otherwise. Figures leave such
    /// calls out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synthetic: Option<bool>,
    /// The Identity header values as sent (sign) or as received (verify).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identity: Vec<String>,
    /// In place of [`identity`](Self::identity), SHA-256 of each value, 64 lower-case hex digits: who
    /// has the header can show that it is the one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identity_sha256: Vec<String>,
}

impl Record {
    /// A record with what every decision has; all else is set member by member. `request_id` names
    /// the request, `verdict` says how it ended, and `now` is when it was decided (kept to the
    /// millisecond, in UTC).
    #[must_use]
    pub fn new(
        op: Op,
        interface: Interface,
        peer: impl Into<Client>,
        request_id: String,
        verdict: impl Into<Cow<'static, str>>,
        now: SystemTime,
    ) -> Self {
        Self {
            time: rfc3339_ms(now),
            unix_seconds: OffsetDateTime::from(now).unix_timestamp(),
            op,
            interface,
            peer: peer.into(),
            request_id,
            call_id: None,
            trunk: None,
            customer: None,
            provider: None,
            requested_attest: None,
            attest: None,
            reason: None,
            rule: None,
            generation: None,
            other: None,
            decided_by: None,
            orig: None,
            dest: Vec::new(),
            target: None,
            origid: None,
            ppt: Vec::new(),
            x5u: None,
            cert: None,
            verdict: verdict.into(),
            verstat: None,
            error: None,
            headers: Vec::new(),
            replay: false,
            sip_status: None,
            http_status: None,
            latency_us: None,
            durability: None,
            synthetic: None,
            identity: Vec::new(),
            identity_sha256: Vec::new(),
        }
    }

    /// When it was decided: RFC 3339 in UTC, to the millisecond.
    #[must_use]
    pub fn time(&self) -> &str {
        &self.time
    }

    /// When it was decided, in whole seconds since 1970 UTC: the clock of `iat` claims.
    #[must_use]
    pub fn unix_seconds(&self) -> i64 {
        self.unix_seconds
    }
}

impl fmt::Debug for Record {
    /// Only members whose words are ours: `rule`, `requested_attest` and everything a client or a
    /// far end wrote may hold a phone number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("time", &self.time)
            .field("op", &self.op)
            .field("interface", &self.interface)
            .field("peer", &self.peer)
            .field("trunk", &self.trunk)
            .field("attest", &self.attest)
            .field("reason", &self.reason)
            .field("verdict", &self.verdict)
            .field("verstat", &self.verstat)
            .field("error", &self.error)
            .field("sip_status", &self.sip_status)
            .field("http_status", &self.http_status)
            .field("latency_us", &self.latency_us)
            .finish_non_exhaustive()
    }
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Op {
    /// Sign an outgoing call.
    Sign,
    /// Verify an incoming call.
    Verify,
}

impl Op {
    /// As in the log: `sign`, `verify`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Verify => "verify",
        }
    }
}

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Interface {
    /// HTTP over the Unix socket.
    HttpUnix,
    /// HTTP over TCP.
    HttpTcp,
    /// The Redis protocol over a Unix socket.
    RespUnix,
    /// The Redis protocol over TCP.
    RespTcp,
    /// SIP over UDP.
    SipUdp,
    /// SIP over TCP.
    SipTcp,
}

impl Interface {
    /// As in the log: `http-unix`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HttpUnix => "http-unix",
            Self::HttpTcp => "http-tcp",
            Self::RespUnix => "resp-unix",
            Self::RespTcp => "resp-tcp",
            Self::SipUdp => "sip-udp",
            Self::SipTcp => "sip-tcp",
        }
    }
}

/// A party of the call, as it stood in the request and as it was understood.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    /// The text of the request.
    pub received: String,
    /// Canonical form (RFC 8224 §8.3), or nothing when the text has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical: Option<String>,
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Number").finish_non_exhaustive()
    }
}

/// What the policy would have done that did not act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Other {
    /// Which policy.
    pub generation: Arc<str>,
    /// `sign`, `divert`, `priority`, `unsigned` or `block`.
    pub outcome: Cow<'static, str>,
    /// The level, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attest: Option<Cow<'static, str>>,
    /// Why, in upper snake case.
    pub reason: Cow<'static, str>,
}

/// What came of one Identity header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// PASSporT type, if it is a known one: `shaken`, `div`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ppt: Option<Cow<'static, str>>,
    /// Whether it holds in itself: `valid` or `failed`. Whether the call passes is another question.
    pub verdict: Cow<'static, str>,
    /// Stable kebab-case name of the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'static, str>>,
}

/// The certificate behind a signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cert {
    /// Service provider code of its TNAuthList (RFC 8226 §9), when it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spc: Option<String>,
    /// SHA-256 of the DER form, 64 lower-case hex digits.
    pub sha256: String,
}

/// Always three decimals, so that lines compare and align; the formats of the `time` crate drop
/// trailing zeros.
pub(super) fn rfc3339_ms(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    // The clocks of SystemTime reach from year 0 to 9999 wherever `time` has a value for them.
    let parts = [
        (0..4, at.year().unsigned_abs()),
        (5..7, u32::from(u8::from(at.month()))),
        (8..10, u32::from(at.day())),
        (11..13, u32::from(at.hour())),
        (14..16, u32::from(at.minute())),
        (17..19, u32::from(at.second())),
        (20..23, u32::from(at.millisecond())),
    ];
    for (place, mut number) in parts {
        for digit in text[place].iter_mut().rev() {
            *digit += (number % 10) as u8;
            number /= 10;
        }
    }
    text.iter().map(|&digit| char::from(digit)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::audit::Loss;
    use crate::listen::Peer;

    pub(super) fn full() -> Record {
        let now = SystemTime::UNIX_EPOCH + Duration::from_micros(1_767_225_600_040_999);
        let mut record = Record::new(
            Op::Sign,
            Interface::HttpUnix,
            Peer { uid: 33, gid: 44, pid: Some(55) },
            "req 12155550112".into(),
            "signed",
            now,
        );
        record.call_id = Some("12155550112@sbc.example.com".into());
        record.trunk = Some("lab".into());
        record.customer = Some("12155550112".into());
        record.provider = Some("Example Carrier".into());
        record.generation = Some("0123456789abcdef".into());
        record.requested_attest = Some("12155550112".into());
        record.attest = Some("B".into());
        record.reason = Some("RIGHT_NONE".into());
        record.rule = Some("range 12155550112".into());
        record.decided_by = Some("Example Carrier".into());
        record.other = Some(Other {
            generation: "fedcba9876543210".into(),
            outcome: "sign".into(),
            attest: Some("A".into()),
            reason: "RIGHT_OK".into(),
        });
        record.orig =
            Some(Number { received: "+1 (215) 555-0112".into(), canonical: Some("12155550112".into()) });
        record.target = Some(Number { received: "sip:+12155550114@sbc.example.com".into(), canonical: None });
        record.dest = vec![
            Number { received: "12155550112".into(), canonical: Some("12155550112".into()) },
            Number { received: "no-number".into(), canonical: None },
        ];
        record.origid = Some("12155550112".into());
        record.ppt = vec!["shaken".into(), "div".into()];
        record.x5u = Some("https://certs.example.com/12155550112.pem".into());
        record.cert = Some(Cert { spc: Some("709J".into()), sha256: "ab".repeat(32) }.into());
        record.error = Some("cert-expired".into());
        record.verstat = Some("TN-Validation-Passed".into());
        record.sip_status = Some(200);
        record.http_status = Some(201);
        record.latency_us = Some(412);
        record.headers = vec![
            Header { ppt: Some("shaken".into()), verdict: "valid".into(), error: None },
            Header { ppt: None, verdict: "failed".into(), error: Some("ppt-unsupported".into()) },
        ];
        record.durability = Some("queued".into());
        record.identity = vec!["12155550112".into()];
        record.identity_sha256 = vec!["cd".repeat(32)];
        record
    }

    #[test]
    fn every_member_survives_json() {
        let record = full();
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
        for member in [
            r#""time":"2026-01-01T00:00:00.040Z","unix_seconds":1767225600,"op":"sign","interface":"http-unix""#,
            r#""peer":{"uid":33,"gid":44,"pid":55}"#,
            r#""orig":{"received":"+1 (215) 555-0112","canonical":"12155550112"}"#,
            r#"{"received":"no-number"}],"target":{"received":"sip:+12155550114@sbc.example.com"},"origid""#,
            r#""headers":[{"ppt":"shaken","verdict":"valid"},{"verdict":"failed","error":"ppt-unsupported"}]"#,
        ] {
            assert!(json.contains(member), "{member} not in {json}");
        }
    }

    #[test]
    fn names_are_those_of_the_log() {
        for op in [Op::Sign, Op::Verify] {
            assert_eq!(serde_json::to_value(op).unwrap(), op.name());
        }
        for interface in [
            Interface::HttpUnix,
            Interface::HttpTcp,
            Interface::RespUnix,
            Interface::RespTcp,
            Interface::SipUdp,
            Interface::SipTcp,
        ] {
            assert_eq!(serde_json::to_value(interface).unwrap(), interface.name());
        }
        for why in [Loss::Deadline, Loss::ClientGone] {
            assert_eq!(serde_json::to_value(why).unwrap(), why.name());
        }
    }

    #[test]
    fn absent_members_are_left_out() {
        let peer = Peer { uid: 0, gid: 0, pid: None };
        let record =
            Record::new(Op::Verify, Interface::HttpUnix, peer, "r1".into(), "none", SystemTime::UNIX_EPOCH);
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"time":"1970-01-01T00:00:00.000Z","unix_seconds":0,"op":"verify","interface":"http-unix","#,
                r#""peer":{"uid":0,"gid":0},"request_id":"r1","verdict":"none"}"#
            )
        );
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
    }

    #[test]
    fn debug_shows_the_decision_and_no_number() {
        let record = full();
        let text = format!("{record:?} {record:#?} {:?}", record.orig);
        for secret in ["2155550112", "555-0112", "no-number"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(text.contains("RIGHT_NONE") && text.contains("cert-expired"), "{text}");
    }
}
