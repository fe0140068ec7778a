//! `shaken vectors run`: test vectors against this verifier, with the web in memory and the clock
//! of the vector.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::json;
use shaken_core::verify::decide;
use shaken_core::{Call, Error, Identity, Scratch, TelephoneNumber, Trust, TrustedCert, Verifier};
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
            if !file.crls.is_empty() {
                let message = format_args!("{}: revocation lists are not supported yet", path.display());
                return Err(Failure::new(Exit::BadData, message));
            }
            let trust = read_trust(&file)
                .map_err(|error| Failure::new(Exit::BadData, format_args!("{}: {error}", path.display())))?;
            for case in &file.cases {
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
    let now = i64::try_from(case.now).unwrap_or(i64::MAX);
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
