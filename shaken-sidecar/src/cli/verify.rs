//! `shaken verify`: one header against one call, or against one key; or all of a SIP message.

use std::io::{Read, stdin};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use shaken_core::fetch::{FetchPolicy, Fetcher};
use shaken_core::{
    Call, Error, Identity, Scratch, Screened, TelephoneNumber, TnAuthListPolicy, Trust, TrustedCert,
    Verified, Verifier, Verstat, key, passport,
};

use super::input::{Output, clock, header_value, note, parse_time, read, read_trust, show_time};
use super::{Exit, Failure, sip};

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("against").required(true).args(["from", "key", "sip"]))]
pub(super) struct Args {
    /// Calling number of the call
    #[arg(long, requires_all = ["to", "anchors"])]
    from: Option<TelephoneNumber>,
    /// Called number of the call; may be given several times (To, Request-URI)
    #[arg(long)]
    to: Vec<TelephoneNumber>,
    /// SIP request, a file or - for standard input: its Identity headers are verified against its
    /// own numbers and Date
    #[arg(long, requires = "anchors", conflicts_with_all = ["to", "value"])]
    sip: Option<PathBuf>,
    /// When: Unix seconds or RFC 3339 [default: now]
    #[arg(long, value_parser = parse_time)]
    at: Option<i64>,
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
    match (&args.key, args.from, &args.anchors) {
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
    let outcome = passport::check_signature(token, &key, &mut Scratch::new());
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

/// What is known about a header: how far verification came, and the certificate if there was
/// one.
pub(super) struct Report<'a> {
    pub(super) outcome: Result<Verified<'a>, Error>,
    certificate: Option<TrustedCert>,
}

fn verify(value: &str, from: TelephoneNumber, anchors: &Path, args: &Args) -> Result<Exit, Failure> {
    let rules = Rules::of(anchors, args)?;
    let mut scratch = Scratch::new();
    let report = rules.judge(value.as_bytes(), &Call::new(from, &args.to), &mut scratch);

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

    pub(super) fn judge<'a>(&self, value: &'a [u8], call: &Call<'_>, scratch: &'a mut Scratch) -> Report<'a> {
        let screened = Identity::parse(value)
            .and_then(|identity| self.verifier.screen(&identity, call, scratch, self.now));
        match screened {
            Err(error) => Report { outcome: Err(error), certificate: None },
            Ok(screened) => self.judge_screened(screened),
        }
    }

    fn judge_screened<'a>(&self, screened: Screened<'a>) -> Report<'a> {
        let certificate = match &self.body {
            Some(body) => TrustedCert::from_pem(body, &self.trust, self.now),
            None => fetch(&screened).and_then(|body| TrustedCert::from_pem(&body, &self.trust, self.now)),
        };
        match certificate {
            Err(error) => Report { outcome: Err(error), certificate: None },
            Ok(certificate) => Report {
                outcome: self.verifier.verify(screened, &certificate, self.now),
                certificate: Some(certificate),
            },
        }
    }
}

fn fetch(screened: &Screened<'_>) -> Result<Vec<u8>, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|_| Error::CertUnavailable)?;
    let fetcher = Fetcher::new(FetchPolicy::default())?;
    runtime.block_on(fetcher.fetch(screened.x5u())).map(|fetched| fetched.body)
}

impl Report<'_> {
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
        let claims = self.outcome.as_ref().ok().map(Verified::claims);
        json!({
            "verdict": if error.is_none() { "accept" } else { "reject" },
            "error": error.map(Error::name),
            "text": error.map(ToString::to_string),
            "sip": error.map(|error| json!({ "code": error.sip().code, "reason": error.sip().reason })),
            "verstat": self.verstat().as_str(),
            "signature": self.signature(),
            "chain": self.chain(),
            "attest": claims.map(|claims| claims.attest().as_str()),
            "iat": claims.map(|claims| claims.iat()),
            "origid": claims.map(|claims| claims.origid().to_string()),
            "certificate": self.certificate.as_ref().map(|trusted| json!({
                "sha256": trusted.certificate().fingerprint().to_string(),
                "subject": trusted.certificate().subject(),
                "spc": spc(trusted),
            })),
        })
    }

    pub(super) fn show(&self, out: &mut Output) -> Result<(), Failure> {
        match &self.outcome {
            Ok(verified) => {
                let claims = verified.claims();
                let iat = i64::try_from(claims.iat()).map_or_else(|_| claims.iat().to_string(), show_time);
                out.line(format_args!(
                    "accept: attest {}, signed {iat}, origid {}",
                    claims.attest(),
                    claims.origid()
                ))?;
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
        if let Some(trusted) = &self.certificate {
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
