//! `shaken sign`: one call, one header, no daemon; the call as numbers or as a SIP request.

use std::path::PathBuf;

use serde_json::json;
use shaken_core::passport::rcd::{self, NewRcd};
use shaken_core::passport::{base, div, rph, shaken};
use shaken_core::sign::Unsigned;
use shaken_core::{Attest, Error, OrigId, Signer, key, sign};

use super::input::{Output, clock, parse_time, party, read};
use super::{Exit, Failure, sip};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Calling number, or URI
    #[arg(long, required_unless_present = "sip")]
    from: Option<String>,
    /// Called number, or URI; may be given several times
    #[arg(long, required_unless_present = "sip")]
    to: Vec<String>,
    /// SIP INVITE to sign, a file or - for standard input: numbers and Date are taken from it, and
    /// it is printed with its Identity header, and with a Date if it had none
    #[arg(long, conflicts_with_all = ["from", "to", "ppt"])]
    sip: Option<PathBuf>,
    /// PASSporT type
    #[arg(long, value_enum, default_value_t = Type::Shaken)]
    ppt: Type,
    /// Attestation level of a shaken: A, B or C
    #[arg(long, default_value = "C")]
    attest: Attest,
    /// Who diverted the call, for a div: number or URI; --to is the new target
    #[arg(long, required_if_eq("ppt", "div"))]
    div: Option<String>,
    /// A value of Resource-Priority, for an rph, such as esnet.1; may be given several times
    #[arg(long, required_if_eq("ppt", "rph"))]
    auth: Vec<String>,
    /// The rph is for a call back from an emergency centre
    #[arg(long)]
    psap_callback: bool,
    /// Name of the caller, for an rcd
    #[arg(long, required_if_eq("ppt", "rcd"))]
    nam: Option<String>,
    /// Reason for the call, for an rcd
    #[arg(long)]
    crn: Option<String>,
    /// Private key, PEM
    #[arg(long)]
    key: PathBuf,
    /// Certificate chain, PEM: what stands at the x5u
    #[arg(long)]
    cert: PathBuf,
    /// Where verifiers fetch the certificate chain
    #[arg(long)]
    x5u: String,
    /// Tracing value of a shaken [default: a random UUID]
    #[arg(long)]
    origid: Option<String>,
    /// Time of the call: Unix seconds or RFC 3339 [default: now]
    #[arg(long, value_parser = parse_time)]
    iat: Option<i64>,
    /// Leave out what the verifier can rebuild from the request, whose Date must be --iat
    /// (RFC 8225 §7; not for shaken, div and rph)
    #[arg(long, conflicts_with = "sip")]
    compact: bool,
    /// Print a JSON object instead of the bare value
    #[arg(long)]
    json: bool,
}

/// The types that a command line can say all of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Type {
    /// No type: who calls whom, and when
    Base,
    /// The right to the number
    Shaken,
    /// A diversion
    Div,
    /// The right to priority
    Rph,
    /// Who calls, for the called person to see
    Rcd,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let key = key::signing_key_from_pem(&read(&args.key)?)
        .map_err(|e| Failure::new(Exit::BadData, format_args!("{}: {e}", args.key.display())))?;
    let signer = Signer::new(key, &read(&args.cert)?, &args.x5u).map_err(|e| {
        Failure::new(Exit::BadData, format_args!("{}: {e} ({})", args.cert.display(), e.name()))
    })?;

    let origid = match &args.origid {
        Some(origid) => origid.clone(),
        None => OrigId::random().map_err(refused)?.to_string(),
    };
    let now = args.iat.unwrap_or_else(clock);
    let iat =
        u64::try_from(now).map_err(|_| Failure::new(Exit::Usage, "the time of the call lies before 1970"))?;
    let from = match (&args.sip, &args.from) {
        (Some(path), _) => return sip::sign(path, &signer, args.attest, &origid, now, args.json),
        (None, Some(from)) => from,
        (None, None) => return Err(Failure::new(Exit::Usage, "give --from and --to, or --sip")),
    };
    let mut buffer = vec![0; sign::MAX_HEADER_LEN];
    let identity = sign_call(args, &signer, from, &origid, iat, &mut buffer).map_err(refused)?;

    let mut out = Output::new();
    if args.json {
        let origid = (args.ppt == Type::Shaken).then_some(origid);
        out.line(format_args!("{}", json!({ "identity": identity, "origid": origid, "iat": iat })))?;
    } else {
        out.line(format_args!("{identity}"))?;
    }
    out.finish()?;
    Ok(Exit::Yes)
}

fn refused(error: Error) -> Failure {
    Failure::new(Exit::BadData, format_args!("{error} ({})", error.name()))
}

fn sign_call<'b>(
    args: &Args,
    signer: &Signer,
    from: &str,
    origid: &str,
    iat: u64,
    buffer: &'b mut [u8],
) -> Result<&'b str, Error> {
    let to = args.to.iter().map(|text| party(text)).collect::<Result<Vec<_>, _>>()?;
    let base = base::NewClaims::new(party(from)?, &to, iat)?;
    match args.ppt {
        Type::Base => write(args, signer, &base, buffer),
        Type::Shaken => write(args, signer, &shaken::NewClaims::new(base, args.attest, origid)?, buffer),
        Type::Div => {
            let div = party(args.div.as_deref().unwrap_or_default())?;
            write(args, signer, &div::NewClaims::new(base, div)?, buffer)
        }
        Type::Rph => {
            let auth: Vec<&str> = args.auth.iter().map(String::as_str).collect();
            let callback = if args.psap_callback { rph::Callback::Psap } else { rph::Callback::No };
            write(args, signer, &rph::NewClaims::new(base, &auth, callback)?, buffer)
        }
        Type::Rcd => {
            let mut rich = NewRcd::new(args.nam.as_deref().unwrap_or_default());
            if let Some(crn) = &args.crn {
                rich = rich.with_crn(crn);
            }
            let mut room = vec![0; sign::MAX_HEADER_LEN];
            let rich = rich.prepare(|_| None, &mut room)?;
            write(args, signer, &rcd::NewClaims::new(base, rich), buffer)
        }
    }
}

fn write<'b>(
    args: &Args,
    signer: &Signer,
    claims: &impl Unsigned,
    buffer: &'b mut [u8],
) -> Result<&'b str, Error> {
    if args.compact { signer.sign_compact(claims, buffer) } else { signer.sign(claims, buffer) }
}
