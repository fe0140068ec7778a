//! `shaken cert inspect` and `shaken cert verify`.

use std::path::PathBuf;

use serde_json::{Value, json};
use shaken_core::cert::{Fingerprint, TnAuthList, check_path, profile};
use shaken_core::{Certificate, Error, Trust, pem};

use super::input::{Output, parse_time, printable, read, read_trust, show_time};
use super::{Exit, Failure};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Show what certificates say, and where they deviate from the profile
    Inspect {
        /// PEM file, or - for standard input
        file: PathBuf,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Check for each certificate whether a path leads to a trust anchor
    Verify {
        /// PEM bundle of trust anchors
        #[arg(long)]
        anchors: PathBuf,
        /// PEM bundle of intermediates
        #[arg(long)]
        intermediates: Option<PathBuf>,
        /// When: Unix seconds, RFC 3339, or not-before: one hour after each certificate's own
        /// notBefore [default: now]
        #[arg(long, value_parser = parse_moment)]
        at: Option<Moment>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        /// PEM file of certificates, each judged for itself, or - for standard input
        file: PathBuf,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// One hour after notBefore: for judging archives of expired certificates.
    NotBefore,
    At(i64),
}

fn parse_moment(text: &str) -> Result<Moment, String> {
    if text == "not-before" { Ok(Moment::NotBefore) } else { parse_time(text).map(Moment::At) }
}

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Inspect { file, json } => inspect(&read(file)?, *json),
        Command::Verify { anchors, intermediates, at, json, file } => {
            let trust = read_trust(anchors, intermediates.as_deref())?;
            let at = at.unwrap_or_else(|| Moment::At(super::input::clock()));
            verify(&read(file)?, &trust, at, *json)
        }
    }
}

/// The certificates of a bundle, one outcome per PEM block, with the SHA-256 of its bytes if it
/// has any.
fn certificates(text: &[u8]) -> impl Iterator<Item = (Option<Fingerprint>, Result<Certificate, Error>)> {
    pem::blocks(text).map(|block| match block {
        Err(error) => (None, Err(error)),
        Ok(block) if block.label() != "CERTIFICATE" => (None, Err(Error::CertPem)),
        Ok(block) => (Some(Fingerprint::of(block.der())), Certificate::from_der(block.der())),
    })
}

fn verify(text: &[u8], trust: &Trust, at: Moment, json: bool) -> Result<Exit, Failure> {
    let mut out = Output::new();
    let (mut count, mut all_chain) = (0_usize, true);
    for (sha256, certificate) in certificates(text) {
        count += 1;
        let at = |certificate: &Certificate| match at {
            Moment::At(at) => at,
            Moment::NotBefore => certificate.not_before().saturating_add(3600),
        };
        let chain = match &certificate {
            Err(error) => Err(*error),
            Ok(certificate) => check_path(certificate, &[], trust, at(certificate)),
        };
        all_chain &= chain.is_ok();
        let chain = chain.map_or_else(|error| error.name(), |()| "ok");
        if json {
            let mut answer = describe(sha256, certificate.as_ref().ok());
            answer["chain"] = chain.into();
            out.line(format_args!("{answer}"))?;
        } else {
            let subject = certificate.as_ref().map_or("(unreadable)", |certificate| certificate.subject());
            out.line(format_args!("{chain}\t{}", printable(subject)))?;
        }
    }
    out.finish()?;
    if count == 0 {
        return Err(Failure::new(Exit::BadData, "no PEM block in the input; give certificates as PEM"));
    }
    Ok(if all_chain { Exit::Yes } else { Exit::No })
}

fn describe(sha256: Option<Fingerprint>, certificate: Option<&Certificate>) -> Value {
    json!({
        "sha256": sha256.map(|sha256| sha256.to_string()),
        "subject": certificate.map(Certificate::subject),
        "tn_auth_list": certificate.map_or_else(Vec::new, entries),
        "deviations": certificate.map_or_else(Vec::new, deviations),
    })
}

fn inspect(text: &[u8], json: bool) -> Result<Exit, Failure> {
    let mut out = Output::new();
    let mut exit = None;
    for (sha256, certificate) in certificates(text) {
        let readable = certificate.is_ok();
        exit = Some(match exit {
            Some(Exit::BadData) => Exit::BadData,
            _ if !readable => Exit::BadData,
            _ => Exit::Yes,
        });
        match certificate {
            Err(error) if json => out.line(format_args!("{}", json!({ "error": error.name() })))?,
            Err(error) => out.line(format_args!("unreadable certificate: {error}"))?,
            Ok(certificate) if json => {
                let mut facts = describe(sha256, Some(&certificate));
                facts["issuer"] = certificate.issuer().into();
                facts["serial"] = certificate.serial_hex().into();
                facts["not_before"] = show_time(certificate.not_before()).into();
                facts["not_after"] = show_time(certificate.not_after()).into();
                facts["key"] = certificate.key_name().into();
                facts["ca"] = certificate.is_ca().into();
                out.line(format_args!("{facts}"))?;
            }
            Ok(certificate) => show(&mut out, &certificate)?,
        }
    }
    out.finish()?;
    exit.ok_or_else(|| Failure::new(Exit::BadData, "no PEM block in the input; give certificates as PEM"))
}

fn show(out: &mut Output, certificate: &Certificate) -> Result<(), Failure> {
    let list = |items: Vec<String>| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
    for (name, value) in [
        ("subject", printable(certificate.subject())),
        ("issuer", printable(certificate.issuer())),
        ("serial", certificate.serial_hex().to_owned()),
        (
            "valid",
            format!("{} to {}", show_time(certificate.not_before()), show_time(certificate.not_after())),
        ),
        ("key", certificate.key_name().to_owned()),
        ("CA", if certificate.is_ca() { "yes" } else { "no" }.to_owned()),
        ("TNAuthList", list(entries(certificate))),
        ("deviations", list(deviations(certificate))),
        ("SHA-256", certificate.fingerprint().to_string()),
    ] {
        out.line(format_args!("{name:<11} {value}"))?;
    }
    out.line(format_args!(""))
}

fn entries(certificate: &Certificate) -> Vec<String> {
    let list = certificate.tn_auth_list().and_then(|list| list.as_ref().ok());
    list.map_or(&[][..], TnAuthList::entries).iter().map(ToString::to_string).collect()
}

fn deviations(certificate: &Certificate) -> Vec<String> {
    profile::deviations(certificate).into_iter().map(|deviation| deviation.name().to_owned()).collect()
}
