//! `shaken sign`: one call, one header, no daemon; the call as numbers or as a SIP request.

use std::path::PathBuf;

use serde_json::json;
use shaken_core::passport::shaken::NewClaims;
use shaken_core::{Attest, Error, Signer, TelephoneNumber, key, sign};

use super::input::{Output, clock, parse_time, read};
use super::{Exit, Failure, sip};
use crate::origid;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Calling number
    #[arg(long, required_unless_present = "sip")]
    from: Option<TelephoneNumber>,
    /// Called number; may be given several times
    #[arg(long, required_unless_present = "sip")]
    to: Vec<TelephoneNumber>,
    /// SIP INVITE to sign, a file or - for standard input: numbers and Date are taken from it, and
    /// it is printed with its Identity header, and with a Date if it had none
    #[arg(long, conflicts_with_all = ["from", "to"])]
    sip: Option<PathBuf>,
    /// Attestation level: A, B or C
    #[arg(long, default_value = "C")]
    attest: Attest,
    /// Private key, PEM
    #[arg(long)]
    key: PathBuf,
    /// Certificate chain, PEM: what stands at the x5u
    #[arg(long)]
    cert: PathBuf,
    /// Where verifiers fetch the certificate chain
    #[arg(long)]
    x5u: String,
    /// Tracing value [default: a random UUID]
    #[arg(long)]
    origid: Option<String>,
    /// Time of the call: Unix seconds or RFC 3339 [default: now]
    #[arg(long, value_parser = parse_time)]
    iat: Option<i64>,
    /// Print a JSON object instead of the bare value
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let key = key::signing_key_from_pem(&read(&args.key)?)
        .map_err(|e| Failure::new(Exit::BadData, format_args!("{}: {e}", args.key.display())))?;
    let signer = Signer::new(key, &read(&args.cert)?, &args.x5u).map_err(|e| {
        Failure::new(Exit::BadData, format_args!("{}: {e} ({})", args.cert.display(), e.name()))
    })?;
    let refused = |error: Error| Failure::new(Exit::BadData, format_args!("{error} ({})", error.name()));

    let origid = match &args.origid {
        Some(origid) => origid.clone(),
        None => origid::random().map_err(refused)?,
    };
    let now = args.iat.unwrap_or_else(clock);
    let iat =
        u64::try_from(now).map_err(|_| Failure::new(Exit::Usage, "the time of the call lies before 1970"))?;
    let from = match (&args.sip, args.from) {
        (Some(path), _) => return sip::sign(path, &signer, args.attest, &origid, now, args.json),
        (None, Some(from)) => from,
        (None, None) => return Err(Failure::new(Exit::Usage, "give --from and --to, or --sip")),
    };
    let claims = NewClaims::new(args.attest, from, &args.to, &origid, iat).map_err(refused)?;
    let mut buffer = vec![0; sign::MAX_HEADER_LEN];
    let identity = signer.sign(&claims, &mut buffer).map_err(refused)?;

    let mut out = Output::new();
    if args.json {
        out.line(format_args!("{}", json!({ "identity": identity, "origid": origid, "iat": iat })))?;
    } else {
        out.line(format_args!("{identity}"))?;
    }
    out.finish()?;
    Ok(Exit::Yes)
}
