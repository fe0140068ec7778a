//! `shaken cert inspect` and `shaken cert verify`.

use std::path::PathBuf;

use serde_json::{Value, json};
use shaken_core::cert::{Fingerprint, TnAuthList, check_delegation, check_path, encompass, profile};
use shaken_core::{Certificate, Error, Trust, pem};

use super::input::{Output, parse_time, printable, read, read_trust};
use super::{Exit, Failure};
use crate::stamp::rfc3339;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Show what certificates say, where they deviate from the profile, and whether the lists of
    /// their issuers in the same file hold what they claim
    Inspect {
        /// PEM file, or - for standard input
        file: PathBuf,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Check for each certificate whether a path leads to a trust anchor, and whether the lists of
    /// the issuers on it hold what the certificate claims
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
            Ok(certificate) => check_path(certificate, &[], trust, at(certificate))
                .and_then(|()| check_delegation(certificate, &[], trust, at(certificate))),
        };
        all_chain &= chain.is_ok();
        let encompassed = chain.ok().flatten().map(encompass::Encompassing::name);
        let chain = chain.map_or_else(|error| error.name(), |_| "ok");
        if json {
            let mut answer = describe(sha256, certificate.as_ref().ok());
            answer["chain"] = chain.into();
            answer["encompassed"] = encompassed.into();
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
    let chain: Vec<Certificate> =
        certificates(text).filter_map(|(_, certificate)| certificate.ok()).collect();
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
                facts["not_before"] = rfc3339(certificate.not_before()).into();
                facts["not_after"] = rfc3339(certificate.not_after()).into();
                facts["key"] = certificate.key_name().into();
                facts["ca"] = certificate.is_ca().into();
                facts["role"] = profile::Role::of(&certificate).name().into();
                facts["tn_auth_list_error"] = list_error(&certificate).map(|error| error.name()).into();
                facts["tn_auth_list_url"] = certificate.tn_auth_list_url().into();
                facts["encompassed"] = encompassed(&certificate, &chain).into();
                out.line(format_args!("{facts}"))?;
            }
            Ok(certificate) => show(&mut out, &certificate, &chain)?,
        }
    }
    out.finish()?;
    exit.ok_or_else(|| Failure::new(Exit::BadData, "no PEM block in the input; give certificates as PEM"))
}

fn show(out: &mut Output, certificate: &Certificate, chain: &[Certificate]) -> Result<(), Failure> {
    let tn_auth_list = match (list_error(certificate), certificate.tn_auth_list_url()) {
        (Some(Error::TnAuthListByReference), Some(url)) => format!("at {}", printable(url)),
        (Some(error), _) => error.name().to_owned(),
        (None, _) if certificate.tn_auth_list().is_none() => "none".to_owned(),
        (None, _) => entries(certificate).join(", "),
    };
    let deviations = profile::deviations(certificate);
    for (name, value) in [
        ("subject", printable(certificate.subject())),
        ("issuer", printable(certificate.issuer())),
        ("serial", certificate.serial_hex().to_owned()),
        ("valid", format!("{} to {}", rfc3339(certificate.not_before()), rfc3339(certificate.not_after()))),
        ("key", certificate.key_name().to_owned()),
        ("role", profile::Role::of(certificate).name().to_owned()),
        ("TNAuthList", tn_auth_list),
        ("encompassed", encompassed(certificate, chain).unwrap_or("no issuer with a TNAuthList").to_owned()),
        ("SHA-256", certificate.fingerprint().to_string()),
        ("deviations", if deviations.is_empty() { "none" } else { "" }.to_owned()),
    ] {
        out.line(format_args!("{}", format!("{name:<11} {value}").trim_end()))?;
    }
    for deviation in deviations {
        out.line(format_args!("  {}: {deviation} ({})", deviation.name(), deviation.source()))?;
    }
    out.line(format_args!(""))
}

/// Why the TNAuthList that is there cannot be shown.
fn list_error(certificate: &Certificate) -> Option<Error> {
    certificate.tn_auth_list().and_then(|list| list.as_ref().err().copied())
}

/// Whether the lists of the issuers that the same file has hold what the certificate claims.
fn encompassed(certificate: &Certificate, chain: &[Certificate]) -> Option<&'static str> {
    encompass::in_chain(certificate, chain).map(encompass::Encompassing::name)
}

fn entries(certificate: &Certificate) -> Vec<String> {
    let list = certificate.tn_auth_list().and_then(|list| list.as_ref().ok());
    list.map_or(&[][..], TnAuthList::entries).iter().map(ToString::to_string).collect()
}

fn deviations(certificate: &Certificate) -> Vec<String> {
    profile::deviations(certificate).into_iter().map(|deviation| deviation.name().to_owned()).collect()
}
