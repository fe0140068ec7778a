//! `shaken sign`: one call, one header, no daemon.

use std::path::PathBuf;

use serde_json::json;
use shaken_core::passport::shaken::NewClaims;
use shaken_core::{Attest, Error, Signer, TelephoneNumber, key, sign};

use super::input::{Output, clock, parse_time, read};
use super::{Exit, Failure};
use crate::origid;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Calling number
    #[arg(long)]
    from: TelephoneNumber,
    /// Called number; may be given several times
    #[arg(long, required = true)]
    to: Vec<TelephoneNumber>,
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
    let iat = u64::try_from(args.iat.unwrap_or_else(clock))
        .map_err(|_| Failure::new(Exit::Usage, "the time of the call lies before 1970"))?;
    let claims = NewClaims::new(args.attest, args.from, &args.to, &origid, iat).map_err(refused)?;
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
