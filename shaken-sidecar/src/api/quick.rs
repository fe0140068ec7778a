//! `/quick/v1/sign` and `/quick/v1/verify`: for dialplans that cannot read JSON. The fields stand in
//! the query or in the body of a form; the answer is one line of text.
//!
//! An answer of another status than 200 has no body: many scripts put whatever they get into a header
//! of the call. Why stands in `X-Reason`; `X-Action: block` says that the call is to end.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use shaken_core::Attest;

use super::error::RequestError;
use crate::call::{Calls, Decided, Origin, Refusal};
use crate::fields::{FieldError, Fields};

/// How a signed call is answered.
#[derive(Clone, Copy)]
enum SignForm {
    /// A line that can be put into a message.
    Header,
    /// What stands behind `Identity: ` in it.
    Value,
}

/// The fields of a query or a form.
pub(super) fn read(fields: &mut Fields, text: &[u8]) -> Result<(), RequestError> {
    for (name, value) in form_urlencoded::parse(text) {
        fields.put(&name, value.into_owned())?;
    }
    Ok(())
}

pub(super) async fn sign(
    fields: Fields,
    calls: &Calls,
    origin: &Origin,
) -> Result<Response<Full<Bytes>>, RequestError> {
    let form = fields.form(&[("header", SignForm::Header), ("value", SignForm::Value)])?;
    let signed = match calls.sign(fields.into_sign(origin.unix_s())?, origin).await {
        Ok(signed) => signed,
        Err(refusal) => return Ok(refused(&refusal)),
    };
    let mut response = text(match form {
        SignForm::Header => format!("Identity: {}\r\n", signed.identity),
        SignForm::Value => signed.identity,
    });
    say(&mut response, ATTEST, signed.attest.map_or("", Attest::as_str));
    say(&mut response, REASON, signed.decided.reason);
    say_what_decided(&mut response, &signed.decided);
    say(&mut response, ORIGID, signed.origid.as_deref().unwrap_or_default());
    Ok(response)
}

pub(super) async fn verify(
    fields: Fields,
    calls: &Calls,
    origin: &Origin,
) -> Result<Response<Full<Bytes>>, RequestError> {
    let judged = match calls.verify(fields.into_verify(origin.unix_s())?, origin).await {
        Ok(judged) => judged,
        Err(refusal) => return Ok(refused(&refusal)),
    };
    let mut response = text(judged.word().to_owned());
    say(&mut response, VERSTAT, judged.verstat().as_str());
    match &judged.outcome {
        Ok(attested) => {
            say(&mut response, ATTEST, attested.attest.as_str());
            say(&mut response, ORIGID, &attested.origid);
        }
        Err(error) => say(&mut response, REASON, error.name()),
    }
    Ok(response)
}

/// What is said instead of an answer.
pub(super) fn error(error: &RequestError) -> Response<Full<Bytes>> {
    let mut response = bare(error.status(), error.reason());
    error.write_headers(&mut response);
    response
}

fn refused(refusal: &Refusal) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(refusal.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = bare(status, refusal.name());
    if let Refusal::Blocked(..) = refusal {
        say(&mut response, ACTION, "block");
    }
    if let Some(decided) = refusal.decided() {
        say_what_decided(&mut response, decided);
    }
    response
}

fn say_what_decided(response: &mut Response<Full<Bytes>>, decided: &Decided) {
    let facts = [
        (RULE, Some(&*decided.rule)),
        (GENERATION, decided.generation.as_deref()),
        (DECIDED_BY, decided.decided_by.as_deref()),
    ];
    for (name, text) in facts {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            say(response, name, text);
        }
    }
}

fn bare(status: StatusCode, reason: &str) -> Response<Full<Bytes>> {
    let mut response = text(String::new());
    *response.status_mut() = status;
    super::say_when_to_retry(&mut response);
    say(&mut response, REASON, reason);
    response
}

fn text(body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    // A kept answer would be another call's.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What a header cannot hold is left out: a tracing value is the far end's.
fn say(response: &mut Response<Full<Bytes>>, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        response.headers_mut().insert(name, value);
    }
}

impl From<FieldError> for RequestError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Missing { name } => Self::ParameterMissing { name },
            FieldError::Invalid { name, why } => Self::ParameterInvalid { name, why: why.to_owned() },
        }
    }
}

const VERSTAT: HeaderName = HeaderName::from_static("x-verstat");
const ATTEST: HeaderName = HeaderName::from_static("x-attest");
/// Of calls that are to end; all others go on, signed or not.
const ACTION: HeaderName = HeaderName::from_static("x-action");
const REASON: HeaderName = HeaderName::from_static("x-reason");
const RULE: HeaderName = HeaderName::from_static("x-rule");
const GENERATION: HeaderName = HeaderName::from_static("x-generation");
const DECIDED_BY: HeaderName = HeaderName::from_static("x-decided-by");
const ORIGID: HeaderName = HeaderName::from_static("x-origid");
