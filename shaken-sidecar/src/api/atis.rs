//! The bodies of ATIS-1000082: JSON to [`crate::call`] requests and answers to JSON.
//!
//! Members that we do not know are passed over, as clients of this interface send some. What we
//! add to an answer stands in one object named `shaken`.

use serde_json::{Map, Value, json};
use shaken_core::passport::Ppt;
use shaken_core::{Attest, TelephoneNumber, json as strict};

use super::error::RequestError;
use crate::call::{Calls, JudgedHeader, Origin, Party, SignRequest, VerifyRequest};

pub(super) async fn sign(body: &[u8], calls: &Calls, origin: &Origin) -> Result<Value, RequestError> {
    let request = read_sign(&members(body, "signingRequest")?)?;
    let signed = calls.sign(request, origin).await?;
    Ok(json!({
        "signingResponse": {
            "identity": signed.identity,
            "shaken": {
                "attest": signed.decision.attest.as_str(),
                "reason": signed.decision.reason.name(),
                "rule": signed.decision.rule,
                "origid": signed.origid,
                "record": signed.record,
            },
        }
    }))
}

pub(super) async fn verify(body: &[u8], calls: &Calls, origin: &Origin) -> Result<Value, RequestError> {
    let request = read_verify(&members(body, "verificationRequest")?)?;
    let judged = calls.verify(request, origin).await?;
    let mut answer = Map::new();
    answer.insert("verstat".into(), judged.verstat().as_str().into());
    let mut ours = Map::new();
    match &judged.outcome {
        Ok(attested) => {
            ours.insert("attest".into(), attested.attest.as_str().into());
            ours.insert("origid".into(), attested.origid.as_str().into());
        }
        Err(error) => {
            answer.insert("reasoncode".into(), error.sip().code.into());
            answer.insert("reasontext".into(), error.sip().reason.into());
            answer.insert("reasondesc".into(), error.to_string().into());
            ours.insert("error".into(), error.name().into());
        }
    }
    if judged.headers.len() > 1 {
        let header = |header: &JudgedHeader| json!({ "type": header.ppt.map(Ppt::name), "error": header.error.map(|error| error.name()) });
        ours.insert("headers".into(), judged.headers.iter().map(header).collect());
    }
    if judged.replay {
        ours.insert("replay".into(), true.into());
    }
    ours.insert("record".into(), judged.record.into());
    answer.insert("shaken".into(), ours.into());
    Ok(json!({ "verificationResponse": answer }))
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

fn read_sign(request: &Map<String, Value>) -> Result<SignRequest, RequestError> {
    let orig = parties(request, "orig", "orig.tn")?;
    let [orig] = <[Party; 1]>::try_from(orig).map_err(|_| invalid("orig.tn", "one number is wanted"))?;
    Ok(SignRequest {
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

fn read_attest(level: &Value) -> Result<Attest, RequestError> {
    level
        .as_str()
        .and_then(|level| level.parse().ok())
        .ok_or_else(|| invalid("attest", "\"A\", \"B\" or \"C\" is wanted"))
}

fn read_verify(request: &Map<String, Value>) -> Result<VerifyRequest, RequestError> {
    // In the order of the document: from, to, time, identity.
    let orig = parties(request, "from", "from.tn")?;
    let [orig] = <[Party; 1]>::try_from(orig).map_err(|_| invalid("from.tn", "one number is wanted"))?;
    let dest = parties(request, "to", "to.tn")?;
    let date = request.get("time").ok_or(RequestError::ParameterMissing { name: "time" })?;
    let identity = request.get("identity").ok_or(RequestError::ParameterMissing { name: "identity" })?;
    let identity = match identity {
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    let identity = identity.iter().map(|value| value.as_str().map(str::to_owned));
    Ok(VerifyRequest {
        orig,
        dest,
        date: date.as_u64().ok_or_else(|| invalid("time", "not a whole number of seconds"))?,
        identity: identity
            .collect::<Option<_>>()
            .ok_or_else(|| invalid("identity", "neither a string nor an array of strings"))?,
    })
}

/// The numbers of `{"tn": "…"}` or `{"tn": ["…", …]}`: clients differ in which they send.
fn parties(
    request: &Map<String, Value>,
    object: &'static str,
    name: &'static str,
) -> Result<Vec<Party>, RequestError> {
    let object = request.get(object).ok_or(RequestError::ParameterMissing { name: object })?;
    let numbers = match object.get("tn") {
        None => return Err(RequestError::ParameterMissing { name }),
        Some(Value::Array(numbers)) => numbers.as_slice(),
        Some(number) => std::slice::from_ref(number),
    };
    if numbers.is_empty() || numbers.len() > shaken_core::claims::MAX_DEST {
        return Err(invalid(name, "1 to 32 numbers are wanted"));
    }
    numbers.iter().map(|number| party(number, name)).collect()
}

fn party(number: &Value, name: &'static str) -> Result<Party, RequestError> {
    let received = number.as_str().ok_or_else(|| invalid(name, "not a string"))?;
    let tn = TelephoneNumber::parse(received)
        .map_err(|_| invalid(name, "not a telephone number; digits, # and * with + - . ( ) are read"))?;
    Ok(Party { received: received.to_owned(), tn })
}

fn invalid(name: &'static str, why: &str) -> RequestError {
    RequestError::ParameterInvalid { name, why: why.to_owned() }
}
