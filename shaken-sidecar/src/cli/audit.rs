//! `shaken audit init` and `shaken audit verify`.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::input::{Output, note, printable, read};
use super::{Exit, Failure};
use crate::audit::proof::{Key, KeyError, Origin, VerifyKey};
use crate::audit::{AuditError, Report, SEGMENTS, inspect};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Make the key that signs the checkpoints of a log, and print the line that checks them
    Init {
        /// Folder that the key is put into; best not that of the log
        #[arg(long)]
        dir: PathBuf,
        /// Name of the log, such as voice.example.com/audit
        #[arg(long)]
        origin: String,
    },
    /// Check all of a log: records, tiles, checkpoint, and checkpoints kept elsewhere
    Verify(Verify),
}

#[derive(clap::Args)]
pub(super) struct Verify {
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

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Init { dir, origin } => init(dir, origin),
        Command::Verify(args) => verify(args),
    }
}

fn init(dir: &Path, origin: &str) -> Result<Exit, Failure> {
    let failure = |error: KeyError| {
        let exit = match error {
            KeyError::Origin => Exit::Usage,
            KeyError::NoRandomness => Exit::Unavailable,
            _ => Exit::Io,
        };
        Failure::new(exit, error)
    };
    let key = Key::generate(Origin::parse(origin).map_err(failure)?).map_err(failure)?;
    let path = dir.join(KEY_FILE);
    key.write_new(&path).map_err(failure)?;
    // The line first: it goes into a file when standard output does.
    let mut output = Output::new();
    output.line(format_args!("{}", key.verifier()))?;
    output.finish()?;
    let path = std::path::absolute(&path).unwrap_or(path);
    note(format_args!(
        "the key is in {}; whoever has it can sign another history of this log.

The line on standard output checks what it signs. Keep it on another machine, with those who are to
check the log: `shaken audit verify --pubkey LINE --checkpoints FILE DIR`.

In the configuration of the daemon:

  [audit]
  key = {:?}

  [[audit.outside]]              # where who can change the log cannot change it
  file = \"PATH\"                  # or: syslog = true, or: http = \"URL\"",
        path.display(),
        path.display().to_string()
    ));
    if dir.join(SEGMENTS).is_dir() {
        note(format_args!(
            "this is the folder of a log: move the key elsewhere, so that no copy of the log has it"
        ));
    }
    Ok(Exit::Yes)
}

fn verify(args: &Verify) -> Result<Exit, Failure> {
    let key = args.pubkey.as_deref().map(read_key).transpose()?;
    if key.is_none() && !args.checkpoints.is_empty() {
        return Err(Failure::new(Exit::Usage, "checkpoints cannot be checked without --pubkey"));
    }
    let mut progress = Progress::new();
    let report = inspect(&args.dir, key.as_ref(), &args.checkpoints, |records| progress.show(records));
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

fn read_key(text: &str) -> Result<VerifyKey, Failure> {
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

fn print(
    output: &mut Output,
    args: &Verify,
    key: Option<&VerifyKey>,
    report: &Report,
) -> Result<(), Failure> {
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

fn json(args: &Verify, report: &Report) -> serde_json::Value {
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

fn failure(error: AuditError) -> Failure {
    Failure::new(Exit::Io, error)
}

/// How far it is, on a terminal, once it takes long.
struct Progress {
    is_shown: bool,
    next: Instant,
}

impl Progress {
    fn new() -> Self {
        Self { is_shown: false, next: Instant::now() + PAUSE }
    }

    fn show(&mut self, records: u64) {
        let now = Instant::now();
        if now < self.next || !std::io::stderr().is_terminal() {
            return;
        }
        self.next = now + PAUSE;
        self.is_shown = true;
        let _ = write!(std::io::stderr().lock(), "\rshaken: {records} records ");
    }

    fn clear(&self) {
        if self.is_shown {
            let _ = write!(std::io::stderr().lock(), "\r\u{1b}[K");
        }
    }
}

const KEY_FILE: &str = "audit.key";

const PAUSE: Duration = Duration::from_secs(1);
