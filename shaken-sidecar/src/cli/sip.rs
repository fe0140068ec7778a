//! `shaken sign --sip` and `shaken verify --sip`: whole SIP messages.

use std::path::Path;

use serde_json::{Value, json};
use shaken_core::passport::shaken;
use shaken_core::sip::{self, Content, Parties, Reason, Request};
use shaken_core::verify::{CallScratch, Chain, HeaderVerdict};
use shaken_core::write::Out;
use shaken_core::{Attest, Error, Identity, Party, Signer, Verified, Verstat, sign::MAX_HEADER_LEN};

use super::input::{Output, read_message};
use super::verify::{Judged, Report, Rules, exit_of};
use super::{Exit, Failure};

/// Signs the call that the message starts. `now` is in seconds since 1970.
pub(super) fn sign(
    path: &Path,
    signer: &Signer,
    attest: Attest,
    origid: &str,
    now: i64,
    json: bool,
) -> Result<Exit, Failure> {
    let bytes = read_message(path)?;
    let refused = |error: Error| unusable(path, error);
    let request = Request::parse(&bytes).map_err(refused)?;
    if !request.is_initial_invite() {
        let message = format_args!(
            "{}: this is {}; only an INVITE without To tag starts a call and is signed",
            path.display(),
            request.method()
        );
        return Err(Failure::new(Exit::BadData, message));
    }
    let parties = request.parties().map_err(refused)?;
    // ATIS-1000074: SHAKEN speaks for telephone numbers.
    parties.orig().number().map_err(refused)?;
    let claims = parties.claims(now).map_err(refused)?;
    let claims = shaken::NewClaims::new(claims, attest, origid).map_err(refused)?;
    let mut buffer = vec![0; MAX_HEADER_LEN];
    let identity = signer.sign(&claims, &mut buffer).map_err(refused)?;
    let iat = parties.iat(now).map_err(refused)?;
    // RFC 8224 §6.1 step 3: what was signed without a Date gets one.
    let date = match parties.date() {
        Some(_) => None,
        None => Some(text(|out| sip::date::write(iat, out)).map_err(refused)?),
    };

    let mut out = Output::new();
    if json {
        let answer = json!({ "identity": identity, "origid": origid, "iat": iat, "date": date });
        out.line(format_args!("{answer}"))?;
    } else {
        let date = date.as_deref().map(|date| ("Date", date));
        let headers: Vec<(&str, &str)> = date.into_iter().chain([("Identity", identity)]).collect();
        let mut message = Vec::new();
        request.write_with_headers(&headers, &mut message);
        out.bytes(&message)?;
    }
    out.finish()?;
    Ok(Exit::Yes)
}

/// Verifies all Identity headers of the message against the call that it starts.
pub(super) fn verify(path: &Path, rules: &Rules, json: bool) -> Result<Exit, Failure> {
    let bytes = read_message(path)?;
    let request = Request::parse(&bytes).map_err(|error| unusable(path, error))?;
    let parties = request.parties();
    let content = Content::of(&request);
    let mut scratch = CallScratch::new();
    // Without a call there is nothing to verify them against.
    let judged = parties
        .as_ref()
        .map_err(|error| *error)
        .and_then(|parties| rules.judge(request.headers().identity(), &content.call(parties), &mut scratch));
    let verdict = match &judged {
        Err(error) => Err(*error),
        Ok(judged) => judged.verdict.result().map(Verified::attest),
    };
    let headers: Vec<Header<'_, '_>> = match &judged {
        Err(_) => Vec::new(),
        Ok(judged) => judged
            .verdict
            .headers()
            .map(|header| Header::new(&header, judged, request.headers().identity()))
            .collect(),
    };
    let chains = judged.as_ref().map_or(&[][..], |judged| judged.verdict.chains());

    let mut out = Output::new();
    if json {
        out.line(format_args!("{}", to_json(verdict, parties.as_ref().ok(), &headers, chains)))?;
    } else {
        show(verdict, parties.as_ref().ok(), &headers, chains, &mut out)?;
    }
    out.finish()?;
    Ok(exit_of(&verdict))
}

fn unusable(path: &Path, error: Error) -> Failure {
    Failure::new(Exit::BadData, format_args!("{}: {error} ({})", path.display(), error.name()))
}

/// One PASSporT: what became of it, and the Reason that tells its signer.
struct Header<'a, 'c> {
    number: usize,
    report: Report<'a, 'c>,
    reason: Option<String>,
}

impl<'a, 'c> Header<'a, 'c> {
    fn new(header: &HeaderVerdict<'_, 'a>, judged: &'c Judged<'a>, values: &[&[u8]]) -> Self {
        let report = judged.report(header);
        let reason = report.outcome.as_ref().err().and_then(|error| {
            let reason = Reason::new(error.sip());
            let identity = values.get(header.header()).and_then(|value| Identity::parse(value).ok());
            let reason = identity.map_or(reason, |identity| reason.with_passport(&identity));
            text(|out| {
                reason.write(out);
                Ok(())
            })
            .ok()
        });
        Self { number: header.header() + 1, report, reason }
    }
}

fn verstat_of(verdict: Result<Attest, Error>) -> Verstat {
    verdict.map_or_else(|error| error.verstat(), |_| Verstat::Passed)
}

fn to_json(
    verdict: Result<Attest, Error>,
    parties: Option<&Parties<'_>>,
    headers: &[Header<'_, '_>],
    chains: &[Chain],
) -> Value {
    let error = verdict.err();
    let dest = |parties: &Parties<'_>| {
        parties.dest().iter().map(|party: &Party<'_>| party.as_str().to_owned()).collect::<Vec<_>>()
    };
    let chain = |chain: &Chain| {
        let number = |place: usize| headers.get(place).map(|header| header.number);
        json!({
            "diversions": chain.diversions().map(number).collect::<Vec<_>>(),
            "innermost": chain.innermost().map(number).collect::<Vec<_>>(),
            "error": chain.result().err().map(|error| error.name()),
        })
    };
    json!({
        "verdict": if error.is_none() { "accept" } else { "reject" },
        "error": error.map(|error| error.name()),
        "text": error.map(|error| error.to_string()),
        "sip": error.map(|error| json!({ "code": error.sip().code, "reason": error.sip().reason })),
        "verstat": verstat_of(verdict).as_str(),
        "attest": verdict.ok().map(Attest::as_str),
        "orig": parties.map(|parties| parties.orig().as_str().to_owned()),
        "orig_header": parties.map(|parties| parties.source().header()),
        "dest": parties.map(dest),
        "date": parties.and_then(|parties| parties.date()),
        "reasons": headers.iter().filter_map(|header| header.reason.as_deref()).collect::<Vec<_>>(),
        "identity": headers.iter().map(|header| header.report.to_json()).collect::<Vec<_>>(),
        "chains": chains.iter().map(chain).collect::<Vec<_>>(),
    })
}

fn show(
    verdict: Result<Attest, Error>,
    parties: Option<&Parties<'_>>,
    headers: &[Header<'_, '_>],
    chains: &[Chain],
    out: &mut Output,
) -> Result<(), Failure> {
    match verdict {
        Ok(attest) => out.line(format_args!("call: accept: attest {attest}"))?,
        Err(error) => {
            out.line(format_args!("call: reject: {} ({error})", error.name()))?;
            out.line(format_args!("SIP       {} {}", error.sip().code, error.sip().reason))?;
        }
    }
    out.line(format_args!("verstat   {}", verstat_of(verdict)))?;
    if let Some(parties) = parties {
        out.line(format_args!("caller    {} ({})", parties.orig().as_str(), parties.source().header()))?;
        for number in parties.dest() {
            out.line(format_args!("called    {}", number.as_str()))?;
        }
    }
    for chain in chains {
        let number = |place: usize| headers.get(place).map_or(0, |header| header.number).to_string();
        let places = chain.diversions().chain(chain.innermost()).map(number).collect::<Vec<_>>();
        let outcome = chain.result().map_or_else(|error| error.to_string(), |()| "holds".to_owned());
        out.line(format_args!("diverted  by way of Identity {}: {outcome}", places.join(", ")))?;
    }
    let total = headers.iter().map(|header| header.number).max().unwrap_or(0);
    for header in headers {
        out.line(format_args!("\nIdentity {} of {total}", header.number))?;
        header.report.show(out)?;
        if let Some(reason) = &header.reason {
            out.line(format_args!("Reason    {reason}"))?;
        }
    }
    Ok(())
}

/// What is written, as text.
fn text(write: impl FnOnce(&mut Out<'_>) -> Result<(), Error>) -> Result<String, Error> {
    let mut buffer = [0; MAX_HEADER_LEN];
    let mut out = Out::new(&mut buffer);
    write(&mut out)?;
    out.finish().map(str::to_owned)
}
