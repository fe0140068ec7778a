//! The same questions to a daemon over its Unix socket, so that keys and records are not in the process
//! of the SIP stack. One connection for each question, which blocks its thread until a deadline; nothing
//! is kept, so a fork changes nothing.

mod http;

use core::ffi::c_char;

use serde_json::{Map, Value, json};
use shaken_core::identity::Identity;
use shaken_core::json::Raw;
use shaken_core::passport::{Passport, Ppt};
use shaken_core::sip::{Content, Request};
use shaken_core::write::Out;
use shaken_core::{Attest, Error, Party, Scratch};

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
    /// What is wrong with the message; [`Failure::ContentNotCompared`]; those of [`verify`](Self::verify).
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
        // Also of a header that is missing, which is another thing than one that nobody speaks of; and of
        // several the daemon would take the first.
        let content = Content::of(&message);
        let protected = [
            format!("Resource-Priority: {}", content.resource_priority()),
            format!("Priority: {}", content.priority()),
        ];
        request.insert("protectedHeaders".into(), json!(protected));
        let identities = message.headers().identity();
        if identities.iter().any(|value| speaks_of_body(value)) {
            return Err(Failure::ContentNotCompared);
        }
        self.judge(request, identities, room, deadline_ms)
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

/// Whether a PASSporT holds something of the body, which the daemon's interface has no place for. One that
/// cannot be read does not pass there either.
fn speaks_of_body(value: &[u8]) -> bool {
    let mut scratch = Scratch::new();
    let claims = Identity::parse(value)
        .and_then(|identity| Passport::decode(identity.token(), &mut scratch))
        .and_then(|passport| Raw::parse(passport.payload()));
    claims.is_ok_and(|claims| ["/mky", "/msgi"].iter().any(|claim| claims.at(claim).is_some()))
}

/// Nothing if the answer is not what the interface says.
fn read_verdict(answer: &Value, room: Room<'_>) -> Option<Result<Attest, Failure>> {
    let answer = answer.get("verificationResponse")?;
    let ours = answer.get("shaken")?;
    let name = |value: &Value| value.get("error").map(|name| name.as_str().and_then(named));
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
    if let (Ok(_), Some(origid)) = (outcome, ours.get("origid").and_then(Value::as_str)) {
        room.told.set_origid(origid.chars());
    }
    Some(outcome.map_err(Failure::Core))
}

/// The error of this name. A newer daemon may have names that this library has not: those are no pass
/// either.
fn named(name: &str) -> Option<Error> {
    Error::ALL.iter().find(|error| error.name() == name).copied()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixListener;
    use std::thread;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::verdict::Verdict;

    /// Verifies a message with these headers by a daemon that answers this; answers what came of it, and
    /// what the daemon was asked.
    fn verify_sip(headers: &str, status: &str, answer: &str) -> (Result<(), Failure>, Verdict, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daemon.sock");
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let client = Client::new(path.to_str().unwrap()).unwrap();
        let message = format!(
            "INVITE sip:+12155550131@example.net SIP/2.0\r\nFrom: <sip:+12155550121@example.com>;tag=1\r\n\
             To: <sip:+12155550131@example.net>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n{headers}\r\n"
        );
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
            answer.len()
        );
        let mut verdict = Verdict::default();
        let (outcome, asked) = thread::scope(|scope| {
            let judged =
                scope.spawn(|| verdict.tell(|room| client.verify_sip(message.as_bytes(), room, 5_000, 1)));
            let mut asked = String::new();
            while !judged.is_finished() {
                if let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nonblocking(false).unwrap();
                    let mut room = [0; 16 * 1024];
                    // Of a daemon that is busy, not all of it.
                    let len = if status.starts_with("503") { 1 } else { room.len() };
                    let len = stream.read(&mut room[..len]).unwrap();
                    asked.push_str(core::str::from_utf8(&room[..len]).unwrap());
                    stream.write_all(answer.as_bytes()).unwrap();
                }
                thread::yield_now();
            }
            (judged.join().unwrap(), asked)
        });
        (outcome, verdict, asked)
    }

    fn identity(claims: &Value) -> String {
        let url = "https://cr.example.com/a.pem";
        let header = json!({ "alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": url });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signature = URL_SAFE_NO_PAD.encode([7; 64]);
        format!("Identity: {}.{}.{signature};info=<{url}>\r\n", part(&header), part(claims))
    }

    const PASS: &str =
        r#"{"verificationResponse":{"shaken":{"attest":"A","origid":"o"},"verifyResults":[]}}"#;

    #[test]
    fn the_daemon_is_told_of_priorities_that_are_missing_and_of_all_that_are_there() {
        let plain = identity(&json!({}));
        let (outcome, verdict, asked) = verify_sip(&plain, "200 OK", PASS);
        assert_eq!((outcome, verdict.call().origid.len), (Ok(()), 1));
        assert!(asked.contains(r#""protectedHeaders":["Resource-Priority: ","Priority: "]"#), "{asked}");
        let two =
            format!("{plain}Resource-Priority: ets.0\r\nPriority: urgent\r\nresource-priority: wps.1\r\n");
        let (_, _, asked) = verify_sip(&two, "200 OK", PASS);
        let told = r#""protectedHeaders":["Resource-Priority: ets.0,wps.1","Priority: urgent"]"#;
        assert!(asked.contains(told), "{asked}");
    }

    #[test]
    fn what_the_daemon_cannot_compare_does_not_pass() {
        for claims in [json!({ "mky": [] }), json!({ "msgi": "sha256-AAAA" })] {
            let headers = [identity(&json!({})), identity(&claims)].concat();
            let (outcome, _, asked) = verify_sip(&headers, "200 OK", PASS);
            assert_eq!((outcome, asked.as_str()), (Err(Failure::ContentNotCompared), ""), "{claims}");
        }
    }

    #[test]
    fn an_answer_that_is_no_pass_does_not_become_one() {
        let plain = identity(&json!({}));
        for error in ["7", "null", "{}", r#""of-tomorrow""#] {
            let answer = PASS.replace(r#""attest""#, &format!(r#""error":{error},"attest""#));
            assert_eq!(verify_sip(&plain, "200 OK", &answer).0, Err(Failure::DaemonAnswer), "{error}");
        }
        let answer = PASS.replace(r#""attest""#, r#""error":"orig-mismatch","attest""#);
        let (outcome, verdict, _) = verify_sip(&plain, "200 OK", &answer);
        assert_eq!((outcome, verdict.call().origid.len), (Err(Error::OrigMismatch.into()), 0));
    }

    #[test]
    fn an_answer_before_the_request_was_read_counts() {
        let (outcome, _, asked) = verify_sip(&identity(&json!({})), "503 Service Unavailable", "");
        assert_eq!((outcome, asked.as_str()), (Err(Failure::DaemonBusy), "P"));
    }
}
