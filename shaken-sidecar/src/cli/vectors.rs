//! `shaken vectors run`: test vectors against this verifier, with the web in memory and the clock
//! of the vector.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use shaken_core::cert::crl::{self, Crl};
use shaken_core::trust::StiPa;
use shaken_core::verify::decide;
use shaken_core::{
    Call, Certificate, Error, Identity, Scratch, TelephoneNumber, Trust, TrustedCert, Verifier, cert,
};
use shaken_test_vectors::{Case, Expect, LoadError, Problem, VectorFile, files_under};

use super::input::{Output, printable};
use super::{Exit, Failure};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Run vector files and name the cases that differ
    Run {
        /// One JSON object per case
        #[arg(long)]
        json: bool,
        /// Vector files, or folders of them
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
}

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    let Command::Run { json, paths } = command;
    let mut out = Output::new();
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for path in paths {
        let files = files_under(path).map_err(unloadable)?;
        for path in files {
            let file = VectorFile::read(&path).map_err(unloadable)?;
            let unreadable = |error| Failure::new(Exit::BadData, format_args!("{}: {error}", path.display()));
            let trust = read_trust(&file).map_err(unreadable)?;
            let revocation = Revocation::read(&file).map_err(unreadable)?;
            for case in &file.cases {
                let trust = revocation.known_at(clock_of(case), trust.clone());
                let result = judge(case, &file, &trust);
                let as_expected = result.is_as_expected(case);
                *if as_expected { &mut passed } else { &mut failed } += 1;
                if *json {
                    let (verdict, error) = (result.verdict(), result.error_name());
                    let line = json!({ "id": case.id, "verdict": verdict, "error": error, "fetches": result.fetches });
                    out.line(format_args!("{line}"))?;
                } else if !as_expected {
                    out.line(format_args!(
                        "{}: expected {}, got {result}",
                        printable(&case.id),
                        wanted(case)
                    ))?;
                }
            }
        }
    }
    if !json {
        out.line(format_args!("{passed} passed, {failed} failed"))?;
    }
    out.finish()?;
    Ok(if failed == 0 { Exit::Yes } else { Exit::No })
}

fn unloadable(error: LoadError) -> Failure {
    let exit = if matches!(error.problem(), Problem::Unreadable(_)) { Exit::Io } else { Exit::BadData };
    Failure::new(exit, error)
}

fn read_trust(file: &VectorFile) -> Result<Trust, Error> {
    let trust = Trust::from_pem(file.trust_anchor_pem.as_bytes())?;
    if file.intermediates_pem.is_empty() {
        Ok(trust)
    } else {
        trust.with_intermediates_pem(file.intermediates_pem.as_bytes())
    }
}

/// The revocation lists of a file, and who may have signed them.
struct Revocation<'a> {
    sti_pa: Option<StiPa>,
    lists: Vec<(&'a str, Vec<Certificate>)>,
}

impl<'a> Revocation<'a> {
    fn read(file: &'a VectorFile) -> Result<Self, Error> {
        if file.crls.is_empty() {
            return Ok(Self { sti_pa: None, lists: Vec::new() });
        }
        let lists = file.crls.iter().map(|text| {
            // The signer's certificate and those above it stand behind the list.
            let certificates = text.find(CERTIFICATE).map(|at| cert::read_chain(&text.as_bytes()[at..]));
            Ok((text.as_str(), certificates.transpose()?.unwrap_or_default()))
        });
        Ok(Self {
            sti_pa: Some(StiPa::from_pem(file.crl_anchor_pem.as_bytes())?),
            lists: lists.collect::<Result<_, Error>>()?,
        })
    }

    /// `trust` with the lists that can be accepted at `now`. One that cannot is none, as in
    /// service.
    fn known_at(&self, now: i64, mut trust: Trust) -> Trust {
        let Some(sti_pa) = &self.sti_pa else { return trust };
        for (text, signers) in &self.lists {
            let accepted = crl::decode(text.as_bytes()).and_then(|der| {
                let list = Crl::from_der(&der)?.verify(signers, sti_pa, now)?;
                trust.update_crl(Arc::new(list))
            });
            if let Err(error) = accepted {
                tracing::info!(error = error.name(), "revocation list not accepted");
            }
        }
        trust
    }
}

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

fn clock_of(case: &Case) -> i64 {
    i64::try_from(case.now).unwrap_or(i64::MAX)
}

/// What the verifier made of one call.
struct Outcome {
    verdict: Result<(), Error>,
    fetches: usize,
}

fn judge(case: &Case, file: &VectorFile, trust: &Trust) -> Outcome {
    let mut fetched = BTreeSet::new();
    let verdict = verify(case, file, trust, &mut fetched);
    Outcome { verdict, fetches: fetched.len() }
}

fn verify<'a>(
    case: &'a Case,
    file: &VectorFile,
    trust: &Trust,
    fetched: &mut BTreeSet<String>,
) -> Result<(), Error> {
    let orig = TelephoneNumber::parse(&case.orig_tn)?;
    let dest = case.dest_tn.iter().map(|tn| TelephoneNumber::parse(tn)).collect::<Result<Vec<_>, _>>()?;
    let mut call = Call::new(orig, &dest);
    if let Some(date) = case.date {
        call = call.with_date(date);
    }
    let now = clock_of(case);
    let verifier = Verifier::default();
    decide(case.identity.iter().map(|header: &'a String| {
        let mut scratch = Scratch::new();
        let screened = verifier.screen(&Identity::parse(header.as_bytes())?, &call, &mut scratch, now)?;
        let url = screened.x5u().as_str();
        fetched.insert(url.to_owned());
        let body = file.x5u_bodies.get(url).ok_or(Error::FetchStatus { status: 404 })?;
        let certificate = TrustedCert::from_pem(body.as_bytes(), trust, now)?;
        verifier.verify(screened, &certificate, now).map(drop)
    }))
}

impl Outcome {
    fn verdict(&self) -> &'static str {
        if self.verdict.is_ok() { "accept" } else { "reject" }
    }

    fn error_name(&self) -> Option<&'static str> {
        self.verdict.as_ref().err().map(Error::name)
    }

    fn is_as_expected(&self, case: &Case) -> bool {
        match &case.expect {
            Expect::Accept => self.verdict.is_ok(),
            Expect::Reject { error } => {
                self.verdict.is_err() && error.as_deref().is_none_or(|name| Some(name) == self.error_name())
            }
            Expect::Policy => true,
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.verdict {
            Ok(()) => f.write_str("accept"),
            Err(error) => write!(f, "reject ({})", error.name()),
        }
    }
}

fn wanted(case: &Case) -> String {
    match &case.expect {
        Expect::Accept => "accept".to_owned(),
        Expect::Reject { error: None } => "reject".to_owned(),
        Expect::Reject { error: Some(name) } => format!("reject ({name})"),
        Expect::Policy => "either".to_owned(),
    }
}
