//! `shaken gap`: the attestation gap report.

use std::fs::Permissions;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use time::Date;
use time::macros::format_description;

use super::audit::{Progress, failure as audit_failure, reveal};
use super::input::{clock, note, parse_time, printable};
use super::policy::failure as policy_failure;
use super::policy::read_kept;
use super::{Exit, Failure};
use crate::audit::{Conditions, Shown as Revealed, visit_calls};
use crate::config::Config;
use crate::files;
use crate::gap::render::{self, Shown};
use crate::gap::{By, Generations, Inventory, Observed, Report, Sources, State, Teams};
use crate::policy::data::{LoadError, Loader, Policy};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Folder of the policy, its policy.toml, or a compiled policy
    #[arg(long, value_name = "DIR")]
    policy: PathBuf,
    /// Folder of the audit log, if not that of --config
    #[arg(long, value_name = "DIR", required_unless_present = "config", conflicts_with = "config")]
    audit: Option<PathBuf>,
    /// Configuration of the daemon whose log it is
    #[arg(long, value_name = "F")]
    config: Option<PathBuf>,
    /// Get-CsPhoneNumberAssignment, as CSV or JSON
    #[arg(long, value_name = "F")]
    teams_numbers: Option<PathBuf>,
    /// Get-CsOnlineVoiceRoute, as CSV or JSON
    #[arg(long, value_name = "F")]
    teams_routes: Option<PathBuf>,
    /// Get-CsOnlinePstnUsage or Get-CsOnlineVoiceRoutingPolicy, as CSV or JSON
    #[arg(long, value_name = "F", requires = "teams_routes")]
    teams_usages: Option<PathBuf>,
    /// The trunk of a PSTN gateway, if it has another name: sbc1.example.com=teams
    #[arg(long, value_name = "FQDN=TRUNK", value_parser = pair)]
    teams_trunk: Vec<(String, String)>,
    /// Numbers of a carrier, as CSV or JSON: example-telecom=numbers.csv
    #[arg(long, value_name = "NAME=F", value_parser = pair)]
    inventory: Vec<(String, String)>,
    /// Folder of compiled policies of the past (*.shaken), to name the line that took A away
    #[arg(long, value_name = "DIR")]
    generations: Option<PathBuf>,
    /// Calls that count: days back (30d), a day, or a time
    #[arg(long, default_value = "30d")]
    since: String,
    /// A number that loses A within so many days is at risk
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    at_risk_days: u32,
    /// The time that the report is of [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<i64>,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// What a row is about
    #[arg(long, value_enum, default_value_t = By::Range)]
    by: By,
    /// End with 1 if a number is in one of these states: lost,at-risk
    #[arg(long, value_name = "STATES", value_delimiter = ',', value_parser = state)]
    fail_on: Vec<State>,
    /// Show numbers in clear; that is put on record first, which takes --config
    #[arg(long)]
    reveal: bool,
    /// Write the report to this file
    #[arg(long, value_name = "F")]
    out: Option<PathBuf>,
    /// Write gauges to this file, for the textfile collector of node_exporter
    #[arg(long, value_name = "F")]
    prometheus: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
    Html,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let now = args.at.unwrap_or_else(clock);
    let since = since(&args.since, now).map_err(|error| Failure::new(Exit::Usage, error))?;
    let config = args.config.as_deref().map(|path| Config::load(path, clock()));
    let config = config.transpose().map_err(|error| Failure::new(Exit::BadConfig, error))?;
    if args.reveal && config.is_none() {
        return Err(Failure::new(
            Exit::Usage,
            "--reveal is put on record in the log: give --config FILE of the daemon instead of --audit",
        ));
    }
    let named = config.as_ref().map(|config| config.audit_dir.clone());
    let dir = args.audit.clone().or(named).unwrap_or_default();
    let is_folder = args.policy.is_dir();
    let path = if is_folder { args.policy.join("policy.toml") } else { args.policy.clone() };
    let policy = Loader::new(&path).load(now).map_err(policy_failure)?;
    let teams = teams(args, &policy).map_err(policy_failure)?;
    let files: Vec<_> = args.inventory.iter().map(|(name, path)| (name.clone(), path.into())).collect();
    let inventory =
        if files.is_empty() { None } else { Some(Inventory::read(&files).map_err(policy_failure)?) };
    let generations = match &args.generations {
        Some(folder) => Generations::new(read_kept(folder, now)?.policies),
        None => Generations::default(),
    };
    let observed = observe(&dir, since, now)?;
    let is_whole = observed.failures().is_empty();
    let sources = Sources {
        policy: &policy,
        observed,
        teams: &teams,
        inventory: inventory.as_ref(),
        generations: &generations,
    };
    let report = Report::new(sources, args.by, since, args.at_risk_days, now);
    if let Some(config) = config.filter(|_| args.reveal) {
        let mut shown = Revealed::new("gap", Conditions::default(), &[]);
        shown.conditions.from = Some(since.to_string());
        shown.records = report.counts().calls();
        reveal(dir, config, shown)?;
    }
    let shown = if args.reveal { Shown::Clear } else { Shown::Masked };
    match &args.out {
        Some(path) => write_file(path, 0o600, |file| write(args.format, &report, shown, file))?,
        None => {
            let mut out = io::BufWriter::new(io::stdout().lock());
            let written = write(args.format, &report, shown, &mut out).and_then(|()| out.flush());
            written.map_err(|error| {
                Failure::new(Exit::Io, format_args!("cannot write to standard output: {error}"))
            })?;
        }
    }
    if let Some(path) = &args.prometheus {
        // The collector is another user, and there is no number in it.
        write_file(path, 0o644, |file| render::prometheus(&report, file))?;
    }
    let fails = args.fail_on.iter().any(|state| report.numbers(*state) > 0);
    Ok(match (is_whole, fails) {
        (false, _) => Exit::BadData,
        (true, true) => Exit::No,
        (true, false) => Exit::Yes,
    })
}

fn teams(args: &Args, policy: &Policy) -> Result<Teams, LoadError> {
    let mut teams = Teams::default();
    if let Some(path) = &args.teams_numbers {
        teams.read_numbers(path)?;
    }
    if let Some(path) = &args.teams_usages {
        teams.read_usages(path)?;
    }
    if let Some(path) = &args.teams_routes {
        teams.read_routes(path, &args.teams_trunk, policy)?;
    }
    Ok(teams)
}

/// Reads the log. What cannot be read is told, and hides nothing else.
fn observe(dir: &Path, since: i64, now: i64) -> Result<Observed, Failure> {
    let mut observed = Observed::new(now);
    let mut progress = Progress::new();
    let shown = |done: usize, of: usize| {
        progress.show(format_args!("{done} of {of} segments"));
        if done == of {
            progress.clear();
        }
        ControlFlow::Continue(())
    };
    visit_calls(dir, since, &mut observed, shown).map_err(audit_failure)?;
    for error in observed.failures() {
        note(format_args!("{}", printable(&error.to_string())));
    }
    Ok(observed)
}

fn write(format: Format, report: &Report<'_>, shown: Shown, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Table => render::table(report, shown, out),
        Format::Csv => render::csv(report, shown, out),
        Format::Json => render::json(report, shown, out),
        Format::Html => render::html(report, shown, out),
    }
}

/// Writes a file that is there as a whole or as it was before.
fn write_file(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut io::BufWriter<&mut std::fs::File>) -> io::Result<()>,
) -> Result<(), Failure> {
    let failed =
        |error: io::Error| Failure::new(Exit::Io, format_args!("cannot write {}: {error}", path.display()));
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let written = files::replace_with(dir, name, |file| {
        file.set_permissions(Permissions::from_mode(mode))?;
        let mut out = io::BufWriter::new(file);
        write(&mut out)?;
        out.flush()
    });
    written.map_err(failed)
}

fn since(text: &str, now: i64) -> Result<i64, String> {
    if let Some(days) = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok()) {
        return Ok(now.saturating_sub(i64::from(days) * 86_400).max(0));
    }
    if let Ok(day) = Date::parse(text, format_description!("[year]-[month]-[day]")) {
        return Ok(day.midnight().assume_utc().unix_timestamp());
    }
    parse_time(text).map_err(|_| "--since: give days like 30d, a day like 2026-06-01 or a time".to_owned())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("give NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn state(text: &str) -> Result<State, String> {
    let is = |state: &State| state.name().eq_ignore_ascii_case(&text.replace('-', "_"));
    State::ALL
        .into_iter()
        .find(is)
        .ok_or_else(|| "give lost, never-a, at-risk, surplus, unused or ok".to_owned())
}
