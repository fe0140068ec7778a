//! `shaken audit verify`: all of a log against its key and the checkpoints kept elsewhere.

use std::path::{Path, PathBuf};

use super::progress::Progress;
use super::{Exit, Failure, failure};
use crate::audit::proof::VerifyKey;
use crate::audit::{Report, inspect};
use crate::cli::input::{Output, printable, read};

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Verifier key of the log, or the file with it
    #[arg(long, value_name = "F|LINE")]
    pubkey: Option<String>,
    /// File of checkpoints that was kept out of reach of the log; can be given more than once
    #[arg(long, value_name = "F")]
    checkpoints: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Folder of the log
    dir: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let key = args.pubkey.as_deref().map(read_key).transpose()?;
    if key.is_none() && !args.checkpoints.is_empty() {
        return Err(Failure::new(Exit::Usage, "checkpoints cannot be checked without --pubkey"));
    }
    let mut progress = Progress::new();
    let report = inspect(&args.dir, key.as_ref(), &args.checkpoints, |records| {
        progress.show(format_args!("{records} records"))
    });
    progress.clear();
    let report = report.map_err(failure)?;
    let mut output = Output::new();
    if args.json {
        output.line(format_args!("{}", json(args, &report)))?;
    } else {
        print(&mut output, args, key.as_ref(), &report)?;
    }
    output.finish()?;
    Ok(if report.findings.is_empty() { Exit::Yes } else { Exit::No })
}

pub(super) fn read_key(text: &str) -> Result<VerifyKey, Failure> {
    if let Ok(key) = VerifyKey::parse(text.trim()) {
        return Ok(key);
    }
    let path = Path::new(text);
    let bytes = read(path)?;
    let line = str::from_utf8(&bytes).unwrap_or_default().trim();
    VerifyKey::parse(line).map_err(|_| {
        let why = "is not a verifier key; give the line that `shaken audit init` printed";
        Failure::new(Exit::BadData, format_args!("{} {why}", printable(text)))
    })
}

fn print(output: &mut Output, args: &Args, key: Option<&VerifyKey>, report: &Report) -> Result<(), Failure> {
    let Report { begin, records, sealed, checkpoint, outside_checkpoints, outside, proven, findings, .. } =
        report;
    output.line(format_args!("records     {records}, whole and in order"))?;
    if *begin > 0 {
        output.line(format_args!("deleted     those before {begin}; their leaves are in the tree"))?;
    }
    if *sealed > 0 {
        output.line(format_args!("sealed      {sealed} segments"))?;
    }
    if let (Some(size), Some(key)) = (checkpoint, key) {
        output.line(format_args!(
            "checkpoint  covers {size}, signed by {}+{:08x}",
            key.origin(),
            key.id()
        ))?;
    }
    if let Some(outside) = outside {
        output.line(format_args!(
            "outside     {outside_checkpoints} checkpoints, the newest covers {outside}"
        ))?;
    }
    if outside.is_some() {
        output.line(format_args!("proven      records before {proven} are those that were written"))?;
    } else if key.is_some() {
        output.line(format_args!(
            "proven      records before {proven}, against those who do not have the key"
        ))?;
        output.line(format_args!(
            "not proven  that the log is not an older copy, and against those who have its key, anything: \
             give --checkpoints"
        ))?;
    } else {
        output.line(format_args!("proven      nothing: checksums find accidents; give --pubkey"))?;
    }
    let beyond = records.saturating_sub(*proven);
    if key.is_some() && beyond > 0 {
        output
            .line(format_args!("beyond      {beyond} records, which may have been changed, cut or added"))?;
    }
    for finding in findings {
        output.line(format_args!("FOUND       {}", printable(&finding.to_string())))?;
    }
    let verdict = if findings.is_empty() { "all of it holds" } else { "it does NOT hold" };
    output.line(format_args!("{}: {verdict}", args.dir.display()))
}

fn json(args: &Args, report: &Report) -> serde_json::Value {
    serde_json::json!({
        "dir": args.dir,
        "holds": report.findings.is_empty(),
        "begin": report.begin,
        "records": report.records,
        "sealed": report.sealed,
        "checkpoint": report.checkpoint,
        "outside_checkpoints": report.outside_checkpoints,
        "outside": report.outside,
        "proven": report.proven,
        "findings": report.findings,
    })
}
