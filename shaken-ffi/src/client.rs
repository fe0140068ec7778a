//! The same questions to a daemon over its Unix socket, so that keys and records are not in the process
//! of the SIP stack. One connection for each question, which blocks its thread until a deadline; nothing
//! is kept, so a fork changes nothing.

mod http;

use core::ffi::c_char;

use serde_json::{Map, Value, json};
use shaken_core::passport::Ppt;
use shaken_core::sip::Request;
use shaken_core::write::Out;
use shaken_core::{Attest, Error, Party};

use crate::guard::Failure;
use crate::handle::Str;
use crate::signing::{self, party};
use crate::verdict::Room;
use crate::verifier::Facts;

/// Where a daemon listens.
#[derive(Debug)]
pub struct Client(http::Socket);

/// A call to be signed by the daemon, which decides about the level; `attest` is a wish.
pub(crate) struct Wish<'a> {
    attest: Option<Attest>,
    origid: Option<&'a str>,
}

impl<'a> Wish<'a> {
    /// No level is 0, no tracing value an empty one.
    ///
    /// # Errors
    /// [`Failure::ArgumentInvalid`].
    pub(crate) fn new(level: c_char, origid: &'a Str) -> Result<Self, Failure> {
        let attest = if level == 0 { None } else { Some(signing::attest(level)?) };
        Ok(Self { attest, origid: origid.optional()? })
    }
}

impl Client {
    /// # Errors
    /// [`Failure::ArgumentInvalid`] for a path that no socket can have.
    pub(crate) fn new(path: &str) -> Result<Self, Failure> {
        http::Socket::new(path).map(Self)
    }

    /// Writes the value of the Identity header and answers its length.
    ///
    /// # Errors
    /// What is wrong with the parties; the daemon's refusal; that it did not answer in time.
    pub(crate) fn sign(
        &self,
        facts: &Facts<'_>,
        wish: &Wish<'_>,
        deadline_ms: u32,
        out: &mut [u8],
    ) -> Result<usize, Failure> {
        let iat = u64::try_from(facts.date).map_err(|_| Failure::ArgumentInvalid)?;
        let request = signing_request(&party(facts.orig)?, &party(facts.dest)?, iat, wish)?;
        let identity = self.identity(&request, deadline_ms)?;
        let mut out = Out::new(out);
        out.push(identity.as_bytes());
        Ok(out.finish()?.len())
    }

    /// Writes the message with its Identity header, and its Date if it had none, and answers its length.
    ///
    /// # Errors
    /// What is wrong with the message; those of [`sign`](Self::sign).
    pub(crate) fn sign_sip(
        &self,
        message: &[u8],
        wish: &Wish<'_>,
        now: i64,
        deadline_ms: u32,
        out: &mut [u8],
    ) -> Result<usize, Failure> {
        let request = signing::initial_invite(message)?;
        let parties = request.parties()?;
        let iat = parties.iat(now)?;
        let dest = parties.dest().first().ok_or(Failure::ArgumentInvalid)?;
        let asked = signing_request(&parties.orig(), dest, iat, wish)?;
        let identity = self.identity(&asked, deadline_ms)?;
        signing::write_with(&request, &parties, iat, &identity, out)
    }

    /// Verifies a call by the values of its Identity headers.
    ///
    /// # Errors
    /// Why the call does not pass; that the daemon did not answer in time.
    pub(crate) fn verify(
        &self,
        facts: &Facts<'_>,
        identities: &[&[u8]],
        room: Room<'_>,
        deadline_ms: u32,
        now: i64,
    ) -> Result<Attest, Failure> {
        let date = if facts.date == 0 { now } else { facts.date };
        let mut request = Map::new();
        request.insert("from".into(), number(&party(facts.orig)?)?);
        request.insert("to".into(), number(&party(facts.dest)?)?);
        request.insert("time".into(), u64::try_from(date).map_err(|_| Failure::ArgumentInvalid)?.into());
        self.judge(request, identities, room, deadline_ms)
    }

    /// Verifies the call that a SIP message starts, by all of its Identity headers.
    ///
    /// # Errors
    /// What is wrong with the message; those of [`verify`](Self::verify).
    pub(crate) fn verify_sip(
        &self,
        message: &[u8],
        room: Room<'_>,
        deadline_ms: u32,
        now: i64,
    ) -> Result<Attest, Failure> {
        let message = Request::parse(message)?;
        let parties = message.parties()?;
        let now = u64::try_from(now).map_err(|_| Failure::ArgumentInvalid)?;
        let mut request = Map::new();
        request.insert("from".into(), number(&parties.orig())?);
        let to = parties.dest().first().ok_or(Failure::ArgumentInvalid)?;
        request.insert("to".into(), number(to)?);
        if let Ok(target) = number(&Party::of(message.uri())) {
            request.insert("dest".into(), target);
        }
        request.insert("time".into(), parties.date().unwrap_or(now).into());
        let protected = message.fields().filter(|(name, _)| {
            ["Resource-Priority", "Priority"]
                .iter()
                .any(|wanted| name.eq_ignore_ascii_case(wanted.as_bytes()))
        });
        let protected: Vec<Value> = protected
            .map(|(name, value)| {
                format!("{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value)).into()
            })
            .collect();
        request.insert("protectedHeaders".into(), protected.into());
        self.judge(request, message.headers().identity(), room, deadline_ms)
    }

    fn identity(&self, request: &Value, deadline_ms: u32) -> Result<String, Failure> {
        let answer = self.0.post("/stir/v1/signing", request, deadline_ms)?;
        let identity = answer.pointer("/signingResponse/identity").and_then(Value::as_str);
        // It goes into a SIP message: a line end in it would be another header.
        let is_value = |value: &&str| !value.is_empty() && value.bytes().all(|b| (b' '..=b'~').contains(&b));
        identity.filter(is_value).map(str::to_owned).ok_or(Failure::DaemonAnswer)
    }

    fn judge(
        &self,
        mut request: Map<String, Value>,
        identities: &[&[u8]],
        room: Room<'_>,
        deadline_ms: u32,
    ) -> Result<Attest, Failure> {
        if identities.is_empty() {
            return Err(Error::IdentityMissing.into());
        }
        let values: Vec<Value> =
            identities.iter().map(|value| String::from_utf8_lossy(value).into_owned().into()).collect();
        request.insert("identityHeaders".into(), values.into());
        let request = json!({ "verificationRequest": request });
        let answer = self.0.post("/stir/v1/verification", &request, deadline_ms)?;
        read_verdict(&answer, room).ok_or(Failure::DaemonAnswer)?
    }
}

fn signing_request(orig: &Party<'_>, dest: &Party<'_>, iat: u64, wish: &Wish<'_>) -> Result<Value, Failure> {
    let mut request = Map::new();
    request.insert("orig".into(), number(orig)?);
    request.insert("dest".into(), number(dest)?);
    request.insert("iat".into(), iat.into());
    if let Some(attest) = wish.attest {
        request.insert("attest".into(), attest.as_str().into());
    }
    if let Some(origid) = wish.origid {
        request.insert("origid".into(), origid.into());
    }
    Ok(json!({ "signingRequest": request }))
}

/// # Errors
/// Those of [`Party::number`]: the daemon signs and verifies numbers.
fn number(party: &Party<'_>) -> Result<Value, Failure> {
    Ok(json!({ "tn": [party.number()?.as_str()] }))
}

/// Nothing if the answer is not what the interface says.
fn read_verdict(answer: &Value, room: Room<'_>) -> Option<Result<Attest, Failure>> {
    let answer = answer.get("verificationResponse")?;
    let ours = answer.get("shaken")?;
    let name = |value: &Value| value.get("error").and_then(Value::as_str).map(named);
    let outcome = match name(ours) {
        Some(error) => Err(error?),
        None => Ok(ours.get("attest")?.as_str()?.parse::<Attest>().ok()?),
    };
    let results = answer.get("verifyResults")?.as_array()?;
    let ours_of = |place: usize| ours.get("headers").and_then(|headers| headers.get(place));
    for (place, result) in results.iter().enumerate() {
        let result = result.get("verifyResult")?;
        let ppt = result.get("ppt").and_then(Value::as_str);
        let ppt = ppt.and_then(|name| Ppt::ALL.into_iter().find(|ppt| ppt.name() == name));
        let error = match result.get("status").and_then(Value::as_str)? {
            "pass" => None,
            _ => Some(ours_of(place).map_or_else(|| outcome.err(), |header| name(header).flatten())?),
        };
        room.told.add_header(place, ppt, error, "");
        let text = result.get("reasonDescription").and_then(Value::as_str);
        if let (true, Some(text)) = (outcome.err() == error, text) {
            room.told.set_text(text);
        }
    }
    if let Some(origid) = ours.get("origid").and_then(Value::as_str) {
        room.told.set_origid(origid.chars());
    }
    Some(outcome.map_err(Failure::Core))
}

/// The error of this name. A newer daemon may have names that this library has not: those are no pass
/// either.
fn named(name: &str) -> Option<Error> {
    Error::ALL.iter().find(|error| error.name() == name).copied()
}
