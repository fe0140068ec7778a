//! `shaken verify`: one header against one call, or against one key; or all of a SIP message.

use std::io::{Read, stdin};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use shaken_core::fetch::{FetchPolicy, Fetcher};
use shaken_core::passport::{Claims, check_signature as check_token};
use shaken_core::verify::{CallScratch, HeaderVerdict, Verdict};
use shaken_core::{
    Call, Error, Party, Scratch, TnAuthListPolicy, Trust, TrustedCert, Verifier, Verstat, X5u, key,
};

use super::input::{Output, clock, header_value, note, parse_time, party, read, read_trust};
use super::{Exit, Failure, sip};
use crate::stamp::rfc3339;

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("against").required(true).args(["from", "key", "sip"]))]
pub(super) struct Args {
    /// Calling number of the call, or URI
    #[arg(long, requires_all = ["to", "anchors"])]
    from: Option<String>,
    /// Called number of the call, or URI; may be given several times (To, Request-URI)
    #[arg(long)]
    to: Vec<String>,
    /// SIP request, a file or - for standard input: its Identity headers are verified against its
    /// own numbers and Date
    #[arg(long, requires = "anchors", conflicts_with_all = ["to", "value"])]
    sip: Option<PathBuf>,
    /// When: Unix seconds or RFC 3339 [default: now]
    #[arg(long, value_parser = parse_time)]
    at: Option<i64>,
    /// Date of the request, which a compact form needs: Unix seconds or RFC 3339
    #[arg(long, value_parser = parse_time, conflicts_with = "sip")]
    date: Option<i64>,
    /// PEM bundle of trust anchors
    #[arg(long)]
    anchors: Option<PathBuf>,
    /// PEM bundle of intermediates
    #[arg(long)]
    intermediates: Option<PathBuf>,
    /// Certificate chain, PEM, instead of fetching the x5u
    #[arg(long)]
    cert: Option<PathBuf>,
    /// Accept certificates without TNAuthList
    #[arg(long)]
    allow_missing_tnauthlist: bool,
    /// Check the signature alone, against this certificate or public key (PEM); nothing is
    /// trusted then
    #[arg(long, conflicts_with_all = ["to", "at", "anchors", "intermediates", "cert", "allow_missing_tnauthlist"])]
    key: Option<PathBuf>,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
    /// Header value, with or without "Identity:"; - or nothing reads standard input
    value: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    if let (Some(path), Some(anchors)) = (&args.sip, &args.anchors) {
        return sip::verify(path, &Rules::of(anchors, args)?, args.json);
    }
    let text = match args.value.as_deref() {
        Some(value) if value != "-" => value.to_owned(),
        _ => read_stdin()?,
    };
    let value = header_value(&text);
    match (&args.key, &args.from, &args.anchors) {
        (Some(key), _, _) => check_signature(value, key, args.json),
        (None, Some(from), Some(anchors)) => verify(value, from, anchors, args),
        _ => Err(Failure::new(Exit::Usage, "give --from, --to and --anchors, or --key")),
    }
}

fn read_stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|e| Failure::new(Exit::Io, format_args!("standard input: {e}")))?;
    // What is not UTF-8 cannot verify; it fails under its own name further on.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn check_signature(value: &str, key: &Path, json: bool) -> Result<Exit, Failure> {
    let key = key::verifying_key_from_pem(&read(key)?)
        .map_err(|e| Failure::new(Exit::BadData, format_args!("{}: {e} ({})", key.display(), e.name())))?;
    let token = value.split_once(';').map_or(value, |(token, _)| token).trim_end();
    let outcome = check_token(token, &key, &mut Scratch::new());
    let word = if outcome.is_ok() { "valid" } else { "invalid" };

    let mut out = Output::new();
    if json {
        let error = outcome.err().map(|error| error.name());
        out.line(format_args!("{}", json!({ "signature": word, "error": error, "trusted": false })))?;
    } else {
        let reason = outcome.err().map(|error| format!(" ({}: {error})", error.name())).unwrap_or_default();
        out.line(format_args!("signature {word}{reason}"))?;
        note(format_args!(
            "only the signature was checked; nothing is known about who made it, when, or for which call"
        ));
    }
    out.finish()?;
    Ok(if outcome.is_ok() { Exit::Yes } else { Exit::No })
}

/// What a header is judged by.
pub(super) struct Rules {
    trust: Trust,
    /// The certificate chain, if it is not to be fetched.
    body: Option<Vec<u8>>,
    verifier: Verifier,
    now: i64,
}

fn verify(value: &str, from: &str, anchors: &Path, args: &Args) -> Result<Exit, Failure> {
    let rules = Rules::of(anchors, args)?;
    let party =
        |text| party(text).map_err(|error: Error| Failure::new(Exit::Usage, format_args!("{text}: {error}")));
    let to = args.to.iter().map(|text| party(text)).collect::<Result<Vec<Party<'_>>, Failure>>()?;
    let mut call = Call::new(party(from)?, &to);
    if let Some(date) = args.date {
        let date = u64::try_from(date);
        call = call.with_date(date.map_err(|_| Failure::new(Exit::Usage, "the Date lies before 1970"))?);
    }
    let mut scratch = CallScratch::new();
    let judged = rules.judge(&[value.as_bytes()], &call, &mut scratch);
    let report = match &judged {
        Err(error) => Report { outcome: Err(*error), certificate: None },
        Ok(judged) => judged.sole_report(),
    };

    let mut out = Output::new();
    if args.json {
        out.line(format_args!("{}", report.to_json()))?;
    } else {
        report.show(&mut out)?;
    }
    out.finish()?;
    Ok(exit_of(&report.outcome))
}

/// The exit code that goes with the verdict on a header or a call.
pub(super) fn exit_of<T>(outcome: &Result<T, Error>) -> Exit {
    match outcome {
        Ok(_) => Exit::Yes,
        // No verdict on the header: its certificate could not be had.
        Err(error) if (420..500).contains(&error.code()) => Exit::Unavailable,
        Err(_) => Exit::No,
    }
}

impl Rules {
    fn of(anchors: &Path, args: &Args) -> Result<Self, Failure> {
        let policy = if args.allow_missing_tnauthlist {
            TnAuthListPolicy::AllowMissing
        } else {
            TnAuthListPolicy::Require
        };
        Ok(Self {
            trust: read_trust(anchors, args.intermediates.as_deref())?,
            body: args.cert.as_deref().map(read).transpose()?,
            verifier: Verifier::default().with_tn_auth_list(policy),
            now: args.at.unwrap_or_else(clock),
        })
    }

    /// Verifies all Identity headers of a call. Each certificate is obtained once.
    pub(super) fn judge<'a>(
        &self,
        values: &[&'a [u8]],
        call: &Call<'_>,
        scratch: &'a mut CallScratch,
    ) -> Result<Judged<'a>, Error> {
        let screened = self.verifier.screen_call(values.iter().copied(), call, scratch, self.now)?;
        let mut certificates = Certificates(Vec::new());
        for x5u in screened.x5us() {
            if certificates.at(x5u).is_none() {
                certificates.0.push((x5u.as_str().to_owned(), self.obtain(x5u)));
            }
        }
        let certificate = |x5u: &X5u<'_>| match certificates.at(x5u) {
            Some(Ok(certificate)) => Ok(certificate),
            Some(Err(error)) => Err(*error),
            None => Err(Error::CertUnavailable),
        };
        let verdict = self.verifier.verify_call(screened, certificate, self.now);
        Ok(Judged { verdict, certificates })
    }

    fn obtain(&self, x5u: &X5u<'_>) -> Result<TrustedCert, Error> {
        match &self.body {
            Some(body) => TrustedCert::from_pem(body, &self.trust, self.now),
            None => TrustedCert::from_pem(&fetch(x5u)?, &self.trust, self.now),
        }
    }
}

fn fetch(x5u: &X5u<'_>) -> Result<Vec<u8>, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|_| Error::CertUnavailable)?;
    let fetcher = Fetcher::new(FetchPolicy::default())?;
    runtime.block_on(fetcher.fetch(x5u)).map(|fetched| fetched.body)
}

/// What was found under each URL.
struct Certificates(Vec<(String, Result<TrustedCert, Error>)>);

impl Certificates {
    fn at(&self, x5u: &X5u<'_>) -> Option<&Result<TrustedCert, Error>> {
        self.0.iter().find(|(url, _)| url == x5u.as_str()).map(|(_, found)| found)
    }
}

/// The verdict on a call, and the certificates that it took.
pub(super) struct Judged<'a> {
    pub(super) verdict: Verdict<'a>,
    certificates: Certificates,
}

impl<'a> Judged<'a> {
    /// What is known about one PASSporT.
    pub(super) fn report(&self, header: &HeaderVerdict<'_, 'a>) -> Report<'a, '_> {
        let certificate = header.x5u().and_then(|x5u| self.certificates.at(x5u)?.as_ref().ok());
        Report { outcome: header.outcome().cloned(), certificate }
    }

    /// What is known about a call with one header: whether the call passes, and if it does not,
    /// what is wrong with the header, if anything is.
    fn sole_report(&self) -> Report<'a, '_> {
        let Some(header) = self.verdict.headers().next() else {
            return Report { outcome: Err(Error::IdentityMissing), certificate: None };
        };
        let report = self.report(&header);
        match self.verdict.result() {
            Ok(verified) => Report { outcome: Ok(verified.claims().clone()), ..report },
            Err(error) => Report { outcome: report.outcome.and(Err(error)), ..report },
        }
    }
}

/// What is known about a header: how far verification came, and the certificate if there was
/// one.
pub(super) struct Report<'a, 'c> {
    pub(super) outcome: Result<Claims<'a>, Error>,
    certificate: Option<&'c TrustedCert>,
}

impl Report<'_, '_> {
    /// The signature is checked before the TNAuthList, so an error about the list says that the
    /// signature is good.
    fn signature(&self) -> &'static str {
        match (&self.outcome, &self.certificate) {
            (Ok(_), _) => "valid",
            (Err(error), Some(_)) if (520..530).contains(&error.code()) => "valid",
            (Err(Error::SignatureInvalid), _) => "invalid",
            _ => "not-checked",
        }
    }

    fn chain(&self) -> &'static str {
        match (&self.certificate, &self.outcome) {
            (Some(_), _) => "ok",
            (None, Err(error)) if is_about_path(*error) => error.name(),
            (None, _) => "not-checked",
        }
    }

    fn verstat(&self) -> Verstat {
        self.outcome.as_ref().map_or_else(Error::verstat, |_| Verstat::Passed)
    }

    pub(super) fn to_json(&self) -> Value {
        let error = self.outcome.as_ref().err();
        let claims = self.outcome.as_ref().ok();
        let shaken = claims.and_then(Claims::shaken);
        json!({
            "verdict": if error.is_none() { "accept" } else { "reject" },
            "error": error.map(Error::name),
            "text": error.map(ToString::to_string),
            "sip": error.map(|error| json!({ "code": error.sip().code, "reason": error.sip().reason })),
            "verstat": self.verstat().as_str(),
            "signature": self.signature(),
            "chain": self.chain(),
            "type": claims.map(|claims| claims.ppt().name()),
            "attest": shaken.map(|shaken| shaken.attest().as_str()),
            "iat": claims.map(Claims::iat),
            "origid": shaken.map(|shaken| shaken.origid().to_string()),
            "certificate": self.certificate.map(|trusted| json!({
                "sha256": trusted.certificate().fingerprint().to_string(),
                "subject": trusted.certificate().subject(),
                "spc": spc(trusted),
            })),
        })
    }

    pub(super) fn show(&self, out: &mut Output) -> Result<(), Failure> {
        match &self.outcome {
            Ok(claims) => {
                let iat = i64::try_from(claims.iat()).map_or_else(|_| claims.iat().to_string(), rfc3339);
                match claims.shaken() {
                    Some(shaken) => out.line(format_args!(
                        "accept: attest {}, signed {iat}, origid {}",
                        shaken.attest(),
                        shaken.origid()
                    ))?,
                    None => out.line(format_args!("accept: {}, signed {iat}", claims.ppt().name()))?,
                }
            }
            Err(error) => {
                let sip = error.sip();
                out.line(format_args!("reject: {} ({error})", error.name()))?;
                out.line(format_args!("SIP       {} {}", sip.code, sip.reason))?;
            }
        }
        out.line(format_args!("verstat   {}", self.verstat()))?;
        out.line(format_args!("chain     {}", self.chain()))?;
        out.line(format_args!("signature {}", self.signature()))?;
        if let Some(trusted) = self.certificate {
            out.line(format_args!("signer    {}", super::input::printable(trusted.certificate().subject())))?;
            out.line(format_args!("SPC       {}", spc(trusted).unwrap_or("none")))?;
        }
        Ok(())
    }
}

/// Of the certificates, but not of the list of numbers in them.
fn is_about_path(error: Error) -> bool {
    (500..600).contains(&error.code()) && !(520..530).contains(&error.code())
}

fn spc(trusted: &TrustedCert) -> Option<&str> {
    let list = trusted.certificate().tn_auth_list()?.as_ref().ok()?;
    list.spc().map(|spc| spc.as_str())
}
