//! Verification as 3GPP TS 24.229 Annex V has it (reference point Ms): several Identity headers by their
//! types, and a verdict on each.

use hyper::body::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};
use shaken_core::json::Raw;
use shaken_core::passport::Ppt;
use shaken_core::{Error, base64url};

use super::atis::{Ours, member, one, parties, request_id, seconds, texts, written};
use super::error::RequestError;
use crate::call::{Calls, Judged, JudgedHeader, Origin, VerifyRequest};

/// Whether a request is spelled so.
pub(super) fn is_of_3gpp(request: Raw<'_>) -> bool {
    request.pick([HEADER, HEADERS]).iter().any(Option::is_some)
}

pub(super) async fn verify(request: Raw<'_>, calls: &Calls, origin: &Origin) -> Result<Bytes, RequestError> {
    let (request_of_call, identity) = read(request)?;
    let judged = calls.verify(request_of_call, origin).await?;
    let mut answer = Map::new();
    let of_type = |ppt| judged.headers.iter().filter(move |header| header.ppt == Some(ppt));
    // A call that comes with nothing but its priority has no `verstat`.
    let is_of_priority = |header: &JudgedHeader| header.ppt == Some(Ppt::Rph);
    if judged.headers.is_empty() || !judged.headers.iter().all(is_of_priority) {
        answer.insert("verstatValue".into(), judged.verstat().as_str().into());
    }
    if let Some(header) = of_type(Ppt::Rph).next() {
        let passed = if header.error.is_none() { "RPH-Validation-Passed" } else { "RPH-Validation-Failed" };
        answer.insert("verstatPriority".into(), passed.into());
    }
    let claims = |place: usize| claims_of(identity.get(place)?);
    let diversions = judged.headers.iter().enumerate().filter(|(_, header)| header.ppt == Some(Ppt::Div));
    let diversions: Vec<Value> = diversions
        .filter_map(|(place, header)| {
            let div = claims(place)?.get("div")?.clone();
            let verstat = header.error.map_or("TN-Validation-Passed", |error| error.verstat().as_str());
            Some(json!({ "div": div, "verstatValue": verstat }))
        })
        .collect();
    if !diversions.is_empty() {
        answer.insert("divResult".into(), diversions.into());
    }
    answer.insert("verifyResults".into(), results(&judged, &identity).into());
    if let Some(id) = request_id(request) {
        answer.insert("requestId".into(), id.into());
    }
    Ok(written(&json!({ "verificationResponse": Answer { answer, shaken: Ours::of(&judged) } })))
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    answer: Map<String, Value>,
    shaken: Ours<'a>,
}

/// The call, and its Identity headers once more, in the order in which they are judged.
fn read(request: Raw<'_>) -> Result<(VerifyRequest, Vec<String>), RequestError> {
    let [from, to, time, goes_to] = request.pick(["from", "to", "time", "dest"]);
    let orig = one(from, "from", "from.tn")?;
    let mut dest = parties(to, "to", "to.tn")?;
    let date = seconds(time, "time")?;
    let target = goes_to.map(|target| one(Some(target), "dest", "dest.tn")).transpose()?;
    // RFC 8224 compares To; a call may also have been signed for where it goes now.
    if let Some(target) = &target
        && dest.len() < shaken_core::claims::MAX_DEST
        && dest.iter().all(|party| party.tn != target.tn)
    {
        dest.push(target.clone());
    }
    let mut identity = Vec::new();
    let names = [HEADER, HEADERS];
    for (values, name) in request.pick(names).into_iter().zip(names) {
        if let Some(values) = values {
            identity.extend(texts(values, name)?);
        }
    }
    if identity.is_empty() {
        return Err(RequestError::ParameterMissing { name: HEADER });
    }
    let call = VerifyRequest {
        orig,
        dest,
        target,
        resource_priority: protected(request, "Resource-Priority")?,
        priority: protected(request, "Priority")?,
        date,
        identity: identity.clone(),
    };
    Ok((call, identity))
}

/// The value of a SIP header that came along.
fn protected(request: Raw<'_>, wanted: &str) -> Result<Option<String>, RequestError> {
    let Some(headers) = member(request, "protectedHeaders") else { return Ok(None) };
    let headers = texts(headers, "protectedHeaders")?;
    Ok(headers.iter().find_map(|header| {
        let (name, value) = header.split_once(':')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
    }))
}

/// What came of each header, or of the call if none was looked at.
fn results(judged: &Judged, identity: &[String]) -> Vec<Value> {
    let result = |ppt: Option<Ppt>, error: Option<Error>, header: Option<&String>| {
        let mut result = Map::new();
        result.insert("ppt".into(), ppt.map(Ppt::name).into());
        result.insert("status".into(), if error.is_none() { "pass" } else { "fail" }.into());
        match (error, header) {
            (None, header) => {
                result.insert("validClaims".into(), header.and_then(|header| claims_of(header)).into());
            }
            (Some(error), header) => {
                result.insert("reasonCode".into(), error.sip().code.into());
                result.insert("reasonText".into(), error.sip().reason.into());
                result.insert("reasonDescription".into(), error.to_string().into());
                result.insert("passport".into(), header.map(|header| token_of(header)).into());
            }
        }
        json!({ "verifyResult": result })
    };
    if judged.headers.is_empty() {
        return vec![result(None, judged.outcome.as_ref().err().copied(), identity.first())];
    }
    let headers = judged.headers.iter().zip(identity);
    headers.map(|(judged, header)| result(judged.ppt, judged.error, Some(header))).collect()
}

/// The claims in a header, as they stand there.
fn claims_of(header: &str) -> Option<Value> {
    let payload = token_of(header).split('.').nth(1)?.as_bytes();
    let mut bytes = vec![0; payload.len()];
    let claims = base64url::decode(payload, &mut bytes).ok()?;
    serde_json::from_slice(claims).ok()
}

fn token_of(header: &str) -> &str {
    header.split(';').next().unwrap_or_default().trim()
}

const HEADER: &str = "identityHeader";
const HEADERS: &str = "identityHeaders";

#[cfg(test)]
mod tests {
    use super::*;

    /// A text within a document stays one, whatever its member is called: with `serde_json`'s `raw_value`,
    /// which any dependency can switch on, this one would be read as JSON itself, and what is nested in it so
    /// over again, beyond the limit of depth.
    #[test]
    fn claims_are_what_stands_there() {
        // {"$serde_json::private::RawValue":"[1]"}
        let payload = "eyIkc2VyZGVfanNvbjo6cHJpdmF0ZTo6UmF3VmFsdWUiOiJbMV0ifQ";
        let claims = claims_of(&format!("e30.{payload}.c2ln;info=<https://cr.example/a.pem>")).unwrap();
        assert_eq!(claims.get("$serde_json::private::RawValue"), Some(&Value::from("[1]")));
    }
}
