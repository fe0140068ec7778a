//! `shaken check-config --online`: what a verifier finds at our own x5u.

use std::time::Duration;

use shaken_core::cert::{read_chain, signing_certificate};
use shaken_core::fetch::Fetcher;
use shaken_core::{Signer, TrustedCert, X5u};

use super::input::{clock, note};
use super::{Exit, Failure};
use crate::config::Config;
use crate::ruling::Ruling;

/// Looks at each x5u of ours.
pub(super) fn check(config: &Config) -> Result<Exit, Failure> {
    let mut exit = Exit::Yes;
    let mut is_any = false;
    for signing in config.ruling.iter().flat_map(Ruling::signings) {
        is_any = true;
        if check_one(signing.signer(), config)? == Exit::No {
            exit = Exit::No;
        }
    }
    if !is_any {
        note(format_args!("there is no certificate to sign with: there is no x5u to look at"));
    }
    Ok(exit)
}

/// Fetches our certificate as a stranger would, by the rules for URLs, addresses, size and time, and
/// compares it with the one that goes with the key.
fn check_one(signer: &Signer, config: &Config) -> Result<Exit, Failure> {
    let bad = |error: shaken_core::Error| {
        Failure::new(Exit::BadConfig, format_args!("{}: {error} ({})", signer.x5u(), error.name()))
    };
    let x5u = X5u::parse(signer.x5u()).map_err(bad)?;
    let fetcher = Fetcher::new(config.fetch.clone().with_deadline(DEADLINE)).map_err(bad)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Unavailable, error))?;
    let fetched = runtime.block_on(fetcher.fetch(&x5u)).map_err(|error| {
        let told = format_args!(
            "{}: {error} ({}); verifiers cannot get our certificate either",
            signer.x5u(),
            error.name()
        );
        Failure::new(Exit::Unavailable, told)
    })?;
    let no = |why: &dyn std::fmt::Display| {
        note(format_args!("{}: {why}; verifiers refuse our calls", signer.x5u()));
        Ok(Exit::No)
    };
    let chain = match read_chain(&fetched.body) {
        Ok(chain) => chain,
        Err(error) => return no(&format_args!("{error} ({})", error.name())),
    };
    match signing_certificate(&chain) {
        Ok(served) if served.fingerprint() == signer.certificate().fingerprint() => {}
        Ok(served) => {
            let (served, ours) = (served.fingerprint(), signer.certificate().fingerprint());
            return no(&format_args!(
                "the certificate there ({served}) is not the one we sign with ({ours})"
            ));
        }
        Err(error) => return no(&format_args!("{error} ({})", error.name())),
    }
    if let Some(trusting) = &config.verification
        && let Err(error) = TrustedCert::from_pem(&fetched.body, &trusting.trust, clock())
    {
        let why =
            format_args!("with our own trust anchors the certificate is refused: {error} ({})", error.name());
        return no(&why);
    }
    note(format_args!("{} serves our certificate", signer.x5u()));
    Ok(Exit::Yes)
}

/// What most verifiers give it.
const DEADLINE: Duration = Duration::from_secs(2);
