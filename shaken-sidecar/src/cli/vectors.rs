//! `shaken vectors`: test vectors against this verifier, or against another one.

mod against;
mod exec;
mod judge;
mod judgement;
mod ours;
mod serve;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use shaken_test_vectors::{Case, LoadError, Problem, VectorFile, files_under};

use super::input::{Output, printable};
use super::{Exit, Failure};
use against::Service;
use exec::{Program, Said};
use judgement::{Judgement, wanted};
use ours::World;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Run vector files and name the cases that differ
    Run(RunArgs),
    /// Serve the certificates of vector files over https on loopback, until stopped, and write a
    /// configuration with which the daemon takes them from there
    Serve(serve::Args),
    /// Judge cases from standard input: the other end of run --exec
    Judge,
}

#[derive(clap::Args)]
pub(super) struct RunArgs {
    /// One JSON object per case
    #[arg(long)]
    json: bool,
    /// Judge a verification service of ATIS-1000082 instead: http://host:port, or the path of a
    /// Unix socket. The cases must have been signed for now (make.py --now)
    #[arg(long, conflicts_with = "exec")]
    against: Option<String>,
    /// Judge a program instead, started once for each file; the README of the vectors has the
    /// lines that it reads and writes
    #[arg(long)]
    exec: Option<String>,
    /// Vector files, or folders of them
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => run_all(args),
        Command::Serve(args) => serve::run(args),
        Command::Judge => judge::run(),
    }
}

fn run_all(args: &RunArgs) -> Result<Exit, Failure> {
    let service = args.against.as_deref().map(Service::at).transpose()?;
    let mut tally =
        Tally { json: args.json, out: Output::new(), passed: 0, failed: 0, skipped: BTreeMap::new() };
    for (path, file) in load(&args.paths)? {
        match (&service, &args.exec) {
            (Some(service), _) => {
                for case in &file.cases {
                    match against::inexpressible(case, &file) {
                        Some(reason) => tally.skip(case, reason)?,
                        None => tally.count(case, &service.judge(case)?)?,
                    }
                }
            }
            (None, Some(command)) => {
                let (file_value, cases) = raw(&path)?;
                let mut program = Program::start(command, file_value)?;
                for (case, value) in file.cases.iter().zip(&cases) {
                    match program.judge(value)? {
                        Said::Verdict(judgement) => tally.count(case, &judgement)?,
                        Said::Skipped(reason) => tally.skip(case, &reason)?,
                    }
                }
            }
            (None, None) => {
                let bad = |error| Failure::new(Exit::BadData, format_args!("{}: {error}", path.display()));
                let world = World::of(&file).map_err(bad)?;
                for case in &file.cases {
                    tally.count(case, &world.judge(case))?;
                }
            }
        }
    }
    tally.finish()
}

/// How many cases came out how, and the report on them.
struct Tally {
    json: bool,
    out: Output,
    passed: usize,
    failed: usize,
    /// By reason.
    skipped: BTreeMap<String, usize>,
}

impl Tally {
    fn count(&mut self, case: &Case, result: &Judgement) -> Result<(), Failure> {
        let as_expected = result.is_as_expected(case);
        *if as_expected { &mut self.passed } else { &mut self.failed } += 1;
        if self.json {
            self.out.line(format_args!("{}", result.to_json(&case.id)))?;
        } else if !as_expected {
            let wanted = wanted(case);
            self.out.line(format_args!("{}: expected {wanted}, got {result}", printable(&case.id)))?;
        }
        Ok(())
    }

    fn skip(&mut self, case: &Case, reason: &str) -> Result<(), Failure> {
        *self.skipped.entry(reason.to_owned()).or_default() += 1;
        if self.json {
            self.out.line(format_args!("{}", json!({ "id": case.id, "skipped": reason })))?;
        }
        Ok(())
    }

    /// Nothing run is no success.
    fn finish(mut self) -> Result<Exit, Failure> {
        let (passed, failed) = (self.passed, self.failed);
        if !self.json {
            for (reason, count) in &self.skipped {
                self.out.line(format_args!("{count} skipped: {}", printable(reason)))?;
            }
            self.out.line(format_args!("{passed} passed, {failed} failed"))?;
        }
        self.out.finish()?;
        Ok(if failed == 0 && passed > 0 { Exit::Yes } else { Exit::No })
    }
}

/// A file as it stands, without and with its cases: what another program gets.
fn raw(path: &Path) -> Result<(Map<String, Value>, Vec<Value>), Failure> {
    let unreadable =
        |error: &dyn std::fmt::Display| Failure::new(Exit::Io, format_args!("{}: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    let mut file: Map<String, Value> = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
    match file.remove("cases") {
        Some(Value::Array(cases)) => Ok((file, cases)),
        _ => Err(unreadable(&"it has no cases")),
    }
}

/// The files that the paths stand for.
fn load(paths: &[PathBuf]) -> Result<Vec<(PathBuf, VectorFile)>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        for path in files_under(path).map_err(unloadable)? {
            let file = VectorFile::read(&path).map_err(unloadable)?;
            files.push((path, file));
        }
    }
    Ok(files)
}

fn unloadable(error: LoadError) -> Failure {
    let exit = if matches!(error.problem(), Problem::Unreadable(_)) { Exit::Io } else { Exit::BadData };
    Failure::new(exit, error)
}
