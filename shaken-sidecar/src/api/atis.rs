//! The bodies of ATIS-1000082, and what those of 3GPP TS 24.229 Annex V share with them: JSON to [`crate::call`] requests and answers to JSON.
//!
//! Members that we do not know are passed over, as clients of this interface send some. What we
//! add to an answer stands in one object named `shaken`.

use serde_json::{Map, Value, json};
use shaken_core::passport::Ppt;
use shaken_core::passport::rph::Callback;
use shaken_core::sip::Uri;
use shaken_core::{Attest, TelephoneNumber, json as strict};

use super::error::RequestError;
use super::ms;
use crate::audit::Op;
use crate::call::{
    Calls, Judged, JudgedHeader, Origin, Party, SignRequest, VerifyRequest, Wanted, is_heartbeat,
};

/// What a resource is asked to do, and for which types.
pub(super) fn resource(path: &str) -> Option<(Op, Resource)> {
    let (op, ppt) = match path.strip_prefix("/stir/v1/")? {
        "signing" => return Some((Op::Sign, Resource::Any)),
        "verification" => return Some((Op::Verify, Resource::Any)),
        "divSigning" => (Op::Sign, Ppt::Div),
        "rphSigning" => (Op::Sign, Ppt::Rph),
        "divVerification" => (Op::Verify, Ppt::Div),
        "rphVerification" => (Op::Verify, Ppt::Rph),
        _ => return None,
    };
    Some((op, Resource::Of(ppt)))
}

/// What a resource is for: the older ones are for one type of PASSporT each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource {
    /// Any type.
    Any,
    /// Those of 3GPP for one type.
    Of(Ppt),
}

pub(super) async fn sign(
    body: &[u8],
    resource: Resource,
    calls: &Calls,
    origin: &Origin,
) -> Result<Value, RequestError> {
    let members = members(body, "signingRequest")?;
    let signed = calls.sign(read_sign(&members, resource)?, origin).await?;
    let mut answer = Map::new();
    // ATIS-1000082 has one name for it, 3GPP the other, and a request does not tell whose it is.
    answer.insert("identity".into(), signed.identity.as_str().into());
    answer.insert("identityHeader".into(), signed.identity.into());
    echo(&members, &mut answer);
    let ours = json!({
        "attest": signed.attest.map(Attest::as_str),
        "reason": signed.reason.name(),
        "rule": signed.rule,
        "origid": signed.origid,
        "record": signed.record,
    });
    answer.insert("shaken".into(), ours);
    Ok(json!({ "signingResponse": answer }))
}

pub(super) async fn verify(
    body: &[u8],
    resource: Resource,
    calls: &Calls,
    origin: &Origin,
) -> Result<Value, RequestError> {
    let members = members(body, "verificationRequest")?;
    if resource != Resource::Any || ms::is_of_3gpp(&members) {
        return ms::verify(&members, calls, origin).await;
    }
    let judged = calls.verify(read_verify(&members)?, origin).await?;
    let mut answer = Map::new();
    answer.insert("verstat".into(), judged.verstat().as_str().into());
    if let Err(error) = &judged.outcome {
        // Clients differ in the case of these names.
        for (lower, mixed, value) in [
            ("reasoncode", "reasonCode", Value::from(error.sip().code)),
            ("reasontext", "reasonText", error.sip().reason.into()),
            ("reasondesc", "reasonDesc", error.to_string().into()),
        ] {
            answer.insert(lower.into(), value.clone());
            answer.insert(mixed.into(), value);
        }
    }
    answer.insert("shaken".into(), ours(&judged));
    Ok(json!({ "verificationResponse": answer }))
}

/// What we add to a verdict.
pub(super) fn ours(judged: &Judged) -> Value {
    let mut ours = Map::new();
    match &judged.outcome {
        Ok(attested) => {
            ours.insert("attest".into(), attested.attest.as_str().into());
            ours.insert("origid".into(), attested.origid.as_str().into());
        }
        Err(error) => drop(ours.insert("error".into(), error.name().into())),
    }
    if judged.headers.len() > 1 {
        let header = |header: &JudgedHeader| json!({ "type": header.ppt.map(Ppt::name), "error": header.error.map(|error| error.name()) });
        ours.insert("headers".into(), judged.headers.iter().map(header).collect());
    }
    if judged.replay {
        ours.insert("replay".into(), true.into());
    }
    ours.insert("record".into(), judged.record.into());
    ours.into()
}

/// The client's name for the request, as 3GPP has it in the body.
pub(super) fn echo(request: &Map<String, Value>, answer: &mut Map<String, Value>) {
    if let Some(id @ Value::String(_)) = request.get("requestId") {
        answer.insert("requestId".into(), id.clone());
    }
}

fn members(body: &[u8], wrapper: &'static str) -> Result<Map<String, Value>, RequestError> {
    let unparsable = |why: String| RequestError::Unparsable { why };
    // Two parsers must not read two things: names that stand twice are refused here too. The error
    // tells the place and never the text, which holds numbers.
    strict::check(body).map_err(|error| unparsable(error.to_string()))?;
    let body: Value = serde_json::from_slice(body).map_err(|_| unparsable("not JSON".to_owned()))?;
    let Value::Object(mut body) = body else {
        return Err(unparsable("not a JSON object".to_owned()));
    };
    match body.remove(wrapper) {
        None => Err(RequestError::ParameterMissing { name: wrapper }),
        Some(Value::Object(members)) => Ok(members),
        Some(_) => Err(RequestError::ParameterInvalid { name: wrapper, why: "not an object".to_owned() }),
    }
}

fn read_sign(request: &Map<String, Value>, resource: Resource) -> Result<SignRequest, RequestError> {
    let orig = one(request, "orig", "orig.tn")?;
    Ok(SignRequest {
        wanted: read_wanted(request, resource)?,
        attest: match request.get("attest") {
            None => None,
            Some(level) => Some(read_attest(level)?),
        },
        orig,
        dest: parties(request, "dest", "dest.tn")?,
        iat: request
            .get("iat")
            .ok_or(RequestError::ParameterMissing { name: "iat" })?
            .as_u64()
            .ok_or_else(|| invalid("iat", "not a whole number of seconds"))?,
        origid: match request.get("origid") {
            None => None,
            Some(origid) => {
                Some(origid.as_str().ok_or_else(|| invalid("origid", "not a string"))?.to_owned())
            }
        },
    })
}

/// The type is that of the resource, or in `ppt`; `shaken` if nothing says.
fn read_wanted(request: &Map<String, Value>, resource: Resource) -> Result<Wanted, RequestError> {
    let named = match request.get("ppt") {
        None => "",
        Some(name) => name.as_str().ok_or_else(|| invalid("ppt", "not a string"))?,
    };
    let ppt = match (resource, named) {
        (Resource::Of(ppt), name) if name.is_empty() || name == ppt.name() => ppt,
        (Resource::Any, "" | "shaken") => Ppt::Shaken,
        (Resource::Any, "div") => Ppt::Div,
        (Resource::Any, "rph") => Ppt::Rph,
        (Resource::Of(_), _) => return Err(invalid("ppt", "this resource is for another type")),
        (Resource::Any, _) => return Err(invalid("ppt", "shaken, div or rph is wanted")),
    };
    match ppt {
        Ppt::Div => Ok(Wanted::Div {
            div: one(request, "div", "div.tn")?,
            hi: match request.get("div").and_then(|div| div.get("hi")) {
                None => None,
                Some(hi) => Some(hi.as_str().ok_or_else(|| invalid("div.hi", "not a string"))?.to_owned()),
            },
        }),
        Ppt::Rph => {
            let auth = request.get("rph").ok_or(RequestError::ParameterMissing { name: "rph" })?.get("auth");
            let auth = auth.ok_or(RequestError::ParameterMissing { name: "rph.auth" })?;
            let auth = auth.as_array().ok_or_else(|| invalid("rph.auth", "not an array"))?;
            let auth = auth.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<_>>();
            let auth = auth.ok_or_else(|| invalid("rph.auth", "not an array of strings"))?;
            let callback = match request.get("sph").map(Value::as_str) {
                None => Callback::No,
                Some(Some("psap-callback")) => Callback::Psap,
                Some(_) => return Err(invalid("sph", "\"psap-callback\" is the one value")),
            };
            Ok(Wanted::Rph { auth, callback })
        }
        _ => Ok(Wanted::Shaken),
    }
}

fn read_attest(level: &Value) -> Result<Attest, RequestError> {
    level
        .as_str()
        .and_then(|level| level.parse().ok())
        .ok_or_else(|| invalid("attest", "\"A\", \"B\" or \"C\" is wanted"))
}

fn read_verify(request: &Map<String, Value>) -> Result<VerifyRequest, RequestError> {
    // In the order of the document: from, to, time, identity.
    let orig = one(request, "from", "from.tn")?;
    let dest = parties(request, "to", "to.tn")?;
    let date = read_time(request)?;
    let identity = request.get("identity").ok_or_else(|| {
        if is_heartbeat(&orig, &dest) {
            RequestError::Heartbeat
        } else {
            RequestError::ParameterMissing { name: "identity" }
        }
    })?;
    Ok(VerifyRequest {
        orig,
        dest,
        target: None,
        resource_priority: None,
        priority: None,
        date,
        identity: texts(identity, "identity")?,
    })
}

pub(super) fn read_time(request: &Map<String, Value>) -> Result<u64, RequestError> {
    let time = request.get("time").ok_or(RequestError::ParameterMissing { name: "time" })?;
    time.as_u64().ok_or_else(|| invalid("time", "not a whole number of seconds"))
}

/// A string, or an array of them.
pub(super) fn texts(value: &Value, name: &'static str) -> Result<Vec<String>, RequestError> {
    let values = match value {
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    let values = values.iter().map(|value| value.as_str().map(str::to_owned));
    values.collect::<Option<_>>().ok_or_else(|| invalid(name, "neither a string nor an array of strings"))
}

/// The one number of `object`.
pub(super) fn one(
    request: &Map<String, Value>,
    object: &'static str,
    name: &'static str,
) -> Result<Party, RequestError> {
    let [party] = <[Party; 1]>::try_from(parties(request, object, name)?)
        .map_err(|_| invalid(name, "one number is wanted"))?;
    Ok(party)
}

/// The numbers of `{"tn": "…"}`, `{"tn": ["…", …]}`, or the same with `uri`: clients differ in which
/// they send.
pub(super) fn parties(
    request: &Map<String, Value>,
    object: &'static str,
    name: &'static str,
) -> Result<Vec<Party>, RequestError> {
    let object = request.get(object).ok_or(RequestError::ParameterMissing { name: object })?;
    let (values, read): (_, fn(&str) -> Option<TelephoneNumber>) = match (object.get("tn"), object.get("uri"))
    {
        (Some(numbers), _) => (numbers, |text| TelephoneNumber::parse(text).ok()),
        (None, Some(uris)) => (uris, |text| Uri::parse(text.as_bytes()).ok()?.telephone_number().ok()),
        (None, None) => return Err(RequestError::ParameterMissing { name }),
    };
    let values = texts(values, name)?;
    if !(1..=shaken_core::claims::MAX_DEST).contains(&values.len()) {
        return Err(invalid(name, "1 to 32 numbers are wanted"));
    }
    values
        .into_iter()
        .map(|received| {
            let tn = read(&received).ok_or_else(|| {
                invalid(
                    name,
                    "not a telephone number; digits, # and * with + - . ( ) are read, or a URI with one",
                )
            })?;
            Ok(Party { received, tn })
        })
        .collect()
}

pub(super) fn invalid(name: &'static str, why: &str) -> RequestError {
    RequestError::ParameterInvalid { name, why: why.to_owned() }
}
