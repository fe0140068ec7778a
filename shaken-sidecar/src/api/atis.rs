//! The bodies of ATIS-1000082, and what those of 3GPP TS 24.229 Annex V share with them: JSON to
//! [`crate::call`] requests and answers to JSON.
//!
//! Members that we do not know are passed over, as clients of this interface send some. What we
//! add to an answer stands in one object named `shaken`.

use hyper::body::Bytes;
use serde::Serialize;
use shaken_core::json::Raw;
use shaken_core::passport::Ppt;
use shaken_core::passport::rph::Callback;
use shaken_core::sip::Uri;
use shaken_core::{Attest, Error, TelephoneNumber};

use super::error::RequestError;
use super::ms;
use crate::audit::Op;
use crate::call::{
    Calls, Decided, Judged, JudgedHeader, Origin, Party, SignRequest, VerifyRequest, Wanted, is_heartbeat,
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
) -> Result<Bytes, RequestError> {
    let members = members(body, "signingRequest")?;
    let signed = calls.sign(read_sign(members, resource)?, origin).await?;
    Ok(written(&Answer::SigningResponse {
        identity: &signed.identity,
        identity_header: &signed.identity,
        request_id: request_id(members),
        shaken: OursOfSigned {
            attest: signed.attest.map(Attest::as_str),
            decided: OursOfDecided::from(&signed.decided),
            origid: signed.origid.as_deref(),
            record: signed.record,
        },
    }))
}

pub(super) async fn verify(
    body: &[u8],
    resource: Resource,
    calls: &Calls,
    origin: &Origin,
) -> Result<Bytes, RequestError> {
    let members = members(body, "verificationRequest")?;
    if resource != Resource::Any || ms::is_of_3gpp(members) {
        return ms::verify(members, calls, origin).await;
    }
    let judged = calls.verify(read_verify(members)?, origin).await?;
    let error = judged.outcome.as_ref().err();
    let (code, text) = (error.map(|error| error.sip().code), error.map(|error| error.sip().reason));
    let desc = error.map(ToString::to_string);
    Ok(written(&Answer::VerificationResponse {
        verstat: judged.verstat().as_str(),
        reasoncode: code,
        reason_code: code,
        reasontext: text,
        reason_text: text,
        reasondesc: desc.as_deref(),
        reason_desc: desc.as_deref(),
        shaken: Ours::of(&judged),
    }))
}

/// The answers of ATIS-1000082.
#[derive(Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Answer<'a> {
    SigningResponse {
        /// ATIS-1000082 has one name for it, 3GPP the other, and a request does not tell whose it is.
        identity: &'a str,
        identity_header: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
        shaken: OursOfSigned<'a>,
    },
    VerificationResponse {
        verstat: &'static str,
        /// Clients differ in the case of these names.
        #[serde(skip_serializing_if = "Option::is_none")]
        reasoncode: Option<u16>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason_code: Option<u16>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reasontext: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason_text: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reasondesc: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason_desc: Option<&'a str>,
        shaken: Ours<'a>,
    },
}

/// What we add to a signed call.
#[derive(Serialize)]
struct OursOfSigned<'a> {
    attest: Option<&'static str>,
    #[serde(flatten)]
    decided: OursOfDecided<'a>,
    origid: Option<&'a str>,
    record: Option<u64>,
}

/// What we add of a decision.
#[derive(Serialize)]
pub(super) struct OursOfDecided<'a> {
    reason: &'static str,
    rule: &'a str,
    generation: Option<&'a str>,
    decided_by: Option<&'a str>,
}

impl<'a> From<&'a Decided> for OursOfDecided<'a> {
    fn from(decided: &'a Decided) -> Self {
        Self {
            reason: decided.reason,
            rule: &decided.rule,
            generation: decided.generation.as_deref(),
            decided_by: decided.decided_by.as_deref(),
        }
    }
}

/// What we add to a verdict.
#[derive(Serialize)]
pub(super) struct Ours<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    attest: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<OursOfHeader>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    replay: bool,
    record: Option<u64>,
}

#[derive(Serialize)]
struct OursOfHeader {
    r#type: Option<&'static str>,
    error: Option<&'static str>,
}

impl<'a> Ours<'a> {
    pub(super) fn of(judged: &'a Judged) -> Self {
        let attested = judged.outcome.as_ref().ok();
        let header = |header: &JudgedHeader| OursOfHeader {
            r#type: header.ppt.map(Ppt::name),
            error: header.error.map(|error| error.name()),
        };
        // One header is what the verdict is about.
        let headers = if judged.headers.len() > 1 { judged.headers.as_slice() } else { &[] };
        Self {
            attest: attested.map(|attested| attested.attest.as_str()),
            origid: attested.map(|attested| attested.origid.as_str()),
            error: judged.outcome.as_ref().err().map(Error::name),
            headers: headers.iter().map(header).collect(),
            replay: judged.replay,
            record: judged.record,
        }
    }
}

/// The client's name for the request, as 3GPP has it in the body.
pub(super) fn request_id(request: Raw<'_>) -> Option<String> {
    member(request, "requestId").and_then(string)
}

pub(super) fn written(answer: &impl Serialize) -> Bytes {
    let mut json = Vec::with_capacity(WRITTEN_LEN);
    // unwrap: texts and integers have a JSON form, and a Vec takes all of it.
    serde_json::to_writer(&mut json, answer).expect("an answer serializes");
    json.into()
}

fn members<'a>(body: &'a [u8], wrapper: &'static str) -> Result<Raw<'a>, RequestError> {
    let unparsable = |why: String| RequestError::Unparsable { why };
    // The error tells the place and never the text, which holds numbers.
    let body = Raw::parse(body).map_err(|error| unparsable(error.to_string()))?;
    if body.members().is_none() {
        return Err(unparsable("not a JSON object".to_owned()));
    }
    let members = member(body, wrapper).ok_or(RequestError::ParameterMissing { name: wrapper })?;
    members.members().ok_or_else(|| invalid(wrapper, "not an object"))?;
    Ok(members)
}

/// A member of `object`; nothing if it has none of that name, or is no object.
pub(super) fn member<'a>(object: Raw<'a>, name: &str) -> Option<Raw<'a>> {
    object.members()?.find(|(found, _)| found == name).map(|(_, value)| value)
}

/// `value`, if it is a string.
fn string(value: Raw<'_>) -> Option<String> {
    let text = value.string()?;
    Some(text.unescaped().map_or_else(|| text.chars().collect(), str::to_owned))
}

/// The string of the member `name`.
fn text(value: Raw<'_>, name: &'static str) -> Result<String, RequestError> {
    string(value).ok_or_else(|| invalid(name, "not a string"))
}

/// `value`, if it is a whole number that is not negative.
fn unsigned(value: Raw<'_>) -> Option<u64> {
    value.reader().unsigned().ok()?
}

fn read_sign(request: Raw<'_>, resource: Resource) -> Result<SignRequest, RequestError> {
    let [orig, ppt, attest, dest, iat, origid, identity] =
        request.pick(["orig", "ppt", "attest", "dest", "iat", "origid", "identity"]);
    let orig = one(orig, "orig", "orig.tn")?;
    let wanted = read_wanted(request, ppt, resource)?;
    Ok(SignRequest {
        wanted,
        attest: attest.map(read_attest).transpose()?,
        orig,
        dest: parties(dest, "dest", "dest.tn")?,
        iat: seconds(iat, "iat")?,
        origid: origid.map(|origid| text(origid, "origid")).transpose()?,
        target: None,
        diverting: None,
        identity: identity.map_or(Ok(Vec::new()), |identity| texts(identity, "identity"))?,
    })
}

/// The type is that of the resource, or in `ppt`; `shaken` if nothing says.
fn read_wanted(request: Raw<'_>, ppt: Option<Raw<'_>>, resource: Resource) -> Result<Wanted, RequestError> {
    let named = ppt.map_or(Ok(String::new()), |ppt| text(ppt, "ppt"))?;
    let ppt = match (resource, named.as_str()) {
        (Resource::Of(ppt), name) if name.is_empty() || name == ppt.name() => ppt,
        (Resource::Any, "" | "shaken") => Ppt::Shaken,
        (Resource::Any, "div") => Ppt::Div,
        (Resource::Any, "rph") => Ppt::Rph,
        (Resource::Of(_), _) => return Err(invalid("ppt", "this resource is for another type")),
        (Resource::Any, _) => return Err(invalid("ppt", "shaken, div or rph is wanted")),
    };
    match ppt {
        Ppt::Div => Ok(Wanted::Div {
            div: one(member(request, "div"), "div", "div.tn")?,
            hi: request.at("/div/hi").map(|hi| text(hi, "div.hi")).transpose()?,
        }),
        Ppt::Rph => {
            let rph = member(request, "rph").ok_or(RequestError::ParameterMissing { name: "rph" })?;
            let auth = member(rph, "auth").ok_or(RequestError::ParameterMissing { name: "rph.auth" })?;
            let auth = auth.elements().ok_or_else(|| invalid("rph.auth", "not an array"))?;
            let auth = auth.map(string).collect::<Option<_>>();
            let auth = auth.ok_or_else(|| invalid("rph.auth", "not an array of strings"))?;
            let callback = match member(request, "sph").map(|sph| sph.string()) {
                None => Callback::No,
                Some(Some(sph)) if &sph == "psap-callback" => Callback::Psap,
                Some(_) => return Err(invalid("sph", "\"psap-callback\" is the one value")),
            };
            Ok(Wanted::Rph { auth, callback })
        }
        _ => Ok(Wanted::Shaken),
    }
}

fn read_attest(level: Raw<'_>) -> Result<Attest, RequestError> {
    let level = level.string().and_then(|level| level.unescaped()?.parse().ok());
    level.ok_or_else(|| invalid("attest", "\"A\", \"B\" or \"C\" is wanted"))
}

fn read_verify(request: Raw<'_>) -> Result<VerifyRequest, RequestError> {
    // In the order of the document: from, to, time, identity.
    let [from, to, time, identity] = request.pick(["from", "to", "time", "identity"]);
    let orig = one(from, "from", "from.tn")?;
    let dest = parties(to, "to", "to.tn")?;
    let date = seconds(time, "time")?;
    let identity = identity.ok_or_else(|| {
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

/// A time in seconds since 1970.
pub(super) fn seconds(time: Option<Raw<'_>>, name: &'static str) -> Result<u64, RequestError> {
    let time = time.ok_or(RequestError::ParameterMissing { name })?;
    unsigned(time).ok_or_else(|| invalid(name, "not a whole number of seconds"))
}

/// A string, or an array of them.
pub(super) fn texts(value: Raw<'_>, name: &'static str) -> Result<Vec<String>, RequestError> {
    let texts = match value.elements() {
        Some(values) => values.map(string).collect::<Option<_>>(),
        None => string(value).map(|text| vec![text]),
    };
    texts.ok_or_else(|| invalid(name, "neither a string nor an array of strings"))
}

/// The one number of the member `object`.
pub(super) fn one(
    found: Option<Raw<'_>>,
    object: &'static str,
    name: &'static str,
) -> Result<Party, RequestError> {
    let [party] = <[Party; 1]>::try_from(parties(found, object, name)?)
        .map_err(|_| invalid(name, "one number is wanted"))?;
    Ok(party)
}

/// The numbers of the member `object`: `{"tn": "…"}`, `{"tn": ["…", …]}`, or the same with `uri`: clients
/// differ in which they send.
pub(super) fn parties(
    found: Option<Raw<'_>>,
    object: &'static str,
    name: &'static str,
) -> Result<Vec<Party>, RequestError> {
    let found = found.ok_or(RequestError::ParameterMissing { name: object })?;
    let (values, read): (_, fn(String) -> Option<Party>) = match found.pick(["tn", "uri"]) {
        // With country code by definition.
        [Some(numbers), _] => (numbers, |text| {
            let tn = TelephoneNumber::parse(&text).ok()?;
            Some(Party::global(text, tn))
        }),
        [None, Some(uris)] => (uris, |text| Party::of(&Uri::parse(text.as_bytes()).ok()?).ok()),
        [None, None] => return Err(RequestError::ParameterMissing { name }),
    };
    let values = texts(values, name)?;
    if !(1..=shaken_core::claims::MAX_DEST).contains(&values.len()) {
        return Err(invalid(name, "1 to 32 numbers are wanted"));
    }
    values
        .into_iter()
        .map(|received| {
            read(received).ok_or_else(|| {
                invalid(
                    name,
                    "not a telephone number; digits, # and * with + - . ( ) are read, or a URI with one",
                )
            })
        })
        .collect()
}

pub(super) fn invalid(name: &'static str, why: &str) -> RequestError {
    RequestError::ParameterInvalid { name, why: why.to_owned() }
}

/// Most answers have room in it.
const WRITTEN_LEN: usize = 2048;
