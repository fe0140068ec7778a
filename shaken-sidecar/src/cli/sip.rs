//! `shaken sign --sip` and `shaken verify --sip`: whole SIP messages.

use std::path::Path;

use serde_json::{Value, json};
use shaken_core::sip::{self, Parties, Reason, Request};
use shaken_core::verify::decide;
use shaken_core::write::Out;
use shaken_core::{Attest, Error, Identity, Scratch, Signer, Verstat, sign::MAX_HEADER_LEN};

use super::input::{Output, read_message};
use super::verify::{Report, Rules, exit_of};
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
    let claims = parties.claims(attest, origid, now).map_err(refused)?;
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
        // Behind the other headers, before the empty line.
        let head_len = request.len_bytes() - request.body().len() - 2;
        let (head, rest) = bytes[..request.len_bytes()].split_at(head_len);
        out.bytes(head)?;
        if let Some(date) = date {
            out.bytes(format!("Date: {date}\r\n").as_bytes())?;
        }
        out.bytes(format!("Identity: {identity}\r\n").as_bytes())?;
        out.bytes(rest)?;
    }
    out.finish()?;
    Ok(Exit::Yes)
}

/// Verifies all Identity headers of the message against the call that it starts.
pub(super) fn verify(path: &Path, rules: &Rules, json: bool) -> Result<Exit, Failure> {
    let bytes = read_message(path)?;
    let request = Request::parse(&bytes).map_err(|error| unusable(path, error))?;
    let parties = request.parties();
    let values = request.headers().identity();
    let mut scratches: Vec<Scratch> = values.iter().map(|_| Scratch::new()).collect();
    let headers: Vec<Header<'_>> = match &parties {
        // Without a call there is nothing to verify them against.
        Err(_) => Vec::new(),
        Ok(parties) => values
            .iter()
            .zip(&mut scratches)
            .map(|(value, scratch)| Header::judge(value, rules, parties, scratch))
            .collect(),
    };
    let verdict = match &parties {
        Err(error) => Err(*error),
        Ok(_) => decide(headers.iter().map(Header::outcome)),
    };

    let mut out = Output::new();
    if json {
        out.line(format_args!("{}", to_json(verdict, parties.as_ref().ok(), &headers)))?;
    } else {
        show(verdict, parties.as_ref().ok(), &headers, &mut out)?;
    }
    out.finish()?;
    Ok(exit_of(&verdict))
}

fn unusable(path: &Path, error: Error) -> Failure {
    Failure::new(Exit::BadData, format_args!("{}: {error} ({})", path.display(), error.name()))
}

/// One Identity header: what became of it, and the Reason that tells its signer.
struct Header<'a> {
    report: Report<'a>,
    reason: Option<String>,
}

impl<'a> Header<'a> {
    fn judge(value: &'a [u8], rules: &Rules, parties: &Parties, scratch: &'a mut Scratch) -> Self {
        let report = rules.judge(value, &parties.call(), scratch);
        let reason = report.outcome.as_ref().err().and_then(|error| {
            let reason = Reason::new(error.sip());
            let reason = Identity::parse(value).map_or(reason, |identity| reason.with_passport(&identity));
            text(|out| {
                reason.write(out);
                Ok(())
            })
            .ok()
        });
        Self { report, reason }
    }

    fn outcome(&self) -> Result<Attest, Error> {
        self.report.outcome.as_ref().map(|verified| verified.claims().attest()).map_err(|error| *error)
    }
}

fn verstat_of(verdict: Result<Attest, Error>) -> Verstat {
    verdict.map_or_else(|error| error.verstat(), |_| Verstat::Passed)
}

fn to_json(verdict: Result<Attest, Error>, parties: Option<&Parties>, headers: &[Header<'_>]) -> Value {
    let error = verdict.err();
    let dest = |parties: &Parties| parties.dest().iter().map(|tn| tn.as_str().to_owned()).collect::<Vec<_>>();
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
        "date": parties.and_then(Parties::date),
        "reasons": headers.iter().filter_map(|header| header.reason.as_deref()).collect::<Vec<_>>(),
        "identity": headers.iter().map(|header| header.report.to_json()).collect::<Vec<_>>(),
    })
}

fn show(
    verdict: Result<Attest, Error>,
    parties: Option<&Parties>,
    headers: &[Header<'_>],
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
    for (i, header) in headers.iter().enumerate() {
        out.line(format_args!("\nIdentity {} of {}", i + 1, headers.len()))?;
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
