//! `shaken audit trace`: one page about one call.

use serde_json::{Value, json};

use super::select::{self, Log, Search, Selection};
use super::verify::read_key;
use super::{Exit, Failure, failure, reveal, show};
use crate::audit::proof::VerifyKey;
use crate::audit::{Event, Line, Proof, Record, Shown, Trace, trace};
use crate::cli::input::{Output, printable};

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The record with this index
    #[arg(long)]
    index: Option<u64>,
    #[command(flatten)]
    selection: Selection,
    /// Verifier key of the log, or the file with it; for the proof. That of --config, if not given
    #[arg(long, value_name = "F|LINE")]
    pubkey: Option<String>,
    /// How the page is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    log: Log,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Csv,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let opened = args.log.open()?;
    let key: Option<VerifyKey> = match (&args.pubkey, &opened.config) {
        (Some(key), _) => Some(read_key(key)?),
        (None, Some(config)) => config.proving.as_ref().map(|proving| proving.verifier().clone()),
        (None, None) => None,
    };
    let mut conditions = args.selection.conditions();
    let index = match args.index {
        Some(index) => index,
        None => {
            let wanted = select::wanted(&conditions)?;
            let lines: Vec<Line> = Search::new(&opened.dir, &wanted)?.take(MAX_CHOICE).collect();
            match lines.as_slice() {
                [] => return Err(Failure::new(Exit::No, "the log has no such call")),
                [one] => one.index,
                several => {
                    let indexes: Vec<_> = several.iter().map(|line| line.index.to_string()).collect();
                    return Err(Failure::new(
                        Exit::Usage,
                        format_args!(
                            "there are several: give --index and one of {}; `shaken audit search` shows them",
                            indexes.join(", ")
                        ),
                    ));
                }
            }
        }
    };
    let Some(traced) = trace(&opened.dir, index, key.as_ref()).map_err(failure)? else {
        return Err(Failure::new(Exit::No, format_args!("the log has no record {index}")));
    };
    if args.log.reveal {
        conditions.index = Some(index);
        reveal::record(opened, Shown::new("trace", conditions, std::slice::from_ref(&traced.line)))?;
    }
    let event = show::event(&traced.entry, args.log.reveal);
    let mut output = Output::new();
    match (args.format, &event) {
        (Format::Json, _) => {
            output.line(format_args!("{}", page(&traced, &event, args.log.reveal)))?;
        }
        (Format::Csv, Event::Call(call)) => {
            output.line(format_args!("{}", show::CSV_HEADER))?;
            output.line(format_args!("{}", show::csv(index, call)))?;
        }
        (Format::Text, Event::Call(call)) => print(&mut output, &traced, call, args.log.reveal)?,
        (_, other) => output.line(format_args!("{}", show::line(index, other)))?,
    }
    output.finish()?;
    Ok(Exit::Yes)
}

fn page(traced: &Trace, event: &Event, is_revealed: bool) -> Value {
    let line = is_revealed.then(|| String::from_utf8_lossy(&traced.line.bytes).into_owned());
    json!({
        "record": show::json(traced.line.index, event),
        "undelivered": traced.undelivered.as_ref().map(|note| json!({ "time": note.time, "why": note.why })),
        "proof": traced.proof,
        // What the leaf is the hash of.
        "line": line,
    })
}

fn print(output: &mut Output, traced: &Trace, call: &Record, is_revealed: bool) -> Result<(), Failure> {
    let mut row = |name: &str, text: Option<&str>| match text {
        Some(text) => output.line(format_args!("{name:<12}{}", printable(text))),
        None => Ok(()),
    };
    let party = |party: &crate::audit::Number| match &party.canonical {
        Some(canonical) if *canonical != party.received => {
            format!("{canonical} (received as {})", party.received)
        }
        _ => party.received.clone(),
    };
    row("record", Some(&format!("{} of the log, at {}", traced.line.index, call.time())))?;
    row("asked", Some(&format!("{} by {}, {}", call.op.name(), call.peer, call.interface.name())))?;
    row("request", Some(&call.request_id))?;
    row("call-id", call.call_id.as_deref())?;
    row("from", call.orig.as_ref().map(party).as_deref())?;
    for dest in &call.dest {
        row("to", Some(&party(dest)))?;
    }
    row("went to", call.target.as_ref().map(party).as_deref())?;
    row("trunk", call.trunk.as_deref())?;
    row("customer", call.customer.as_deref())?;
    row("provider", call.provider.as_deref())?;
    let level = |attest: &Option<_>| attest.as_deref().unwrap_or("none").to_owned();
    let asked = call.requested_attest.as_deref().map(|attest| format!(", asked for {attest}"));
    let decided = format!("{}, level {}{}", call.verdict, level(&call.attest), asked.unwrap_or_default());
    row("decision", Some(&decided))?;
    row("reason", call.reason.as_deref())?;
    row("rule", call.rule.as_deref())?;
    row("decided by", call.decided_by.as_deref())?;
    row("generation", call.generation.as_deref())?;
    row("error", call.error.as_deref())?;
    row("verstat", call.verstat.as_deref())?;
    for header in &call.headers {
        let words = [Some(&header.verdict), header.ppt.as_ref(), header.error.as_ref()];
        row(
            "header",
            Some(&words.into_iter().flatten().map(AsRef::as_ref).collect::<Vec<&str>>().join(" ")),
        )?;
    }
    row("origid", call.origid.as_deref())?;
    row("x5u", call.x5u.as_deref())?;
    if let Some(cert) = &call.cert {
        let spc = cert.spc.as_deref().map(|spc| format!("SPC {spc}, ")).unwrap_or_default();
        row("certificate", Some(&format!("{spc}SHA-256 {}", cert.sha256)))?;
    }
    for identity in &call.identity {
        row("identity", Some(identity))?;
    }
    for hash in &call.identity_sha256 {
        row("identity", Some(&format!("SHA-256 {hash}")))?;
    }
    let lost = traced
        .undelivered
        .as_ref()
        .map(|note| format!("NOT delivered, {}, noted at {}", note.why.name(), note.time));
    row("answer", lost.as_deref())?;
    match &traced.proof {
        Proof::Included(inclusion) => {
            let hashes = inclusion.path.len();
            row(
                "proof",
                Some(&format!("it is in the signed tree below, by {hashes} hashes (--format json has them)")),
            )?;
            row("leaf", Some(&inclusion.leaf))?;
            for line in inclusion.checkpoint.lines().filter(|line| !line.is_empty()) {
                row("checkpoint", Some(line))?;
            }
        }
        Proof::NotCovered { size } => {
            row("proof", Some(&format!("none yet: the newest checkpoint covers the records before {size}")))?;
        }
        Proof::NoCheckpoint => row("proof", Some("none: the log has no checkpoint"))?,
        Proof::NoKey => row("proof", Some("none: give --pubkey or --config"))?,
    }
    if !is_revealed {
        row("", Some("Numbers and Identity headers are hidden; --reveal shows them, on record."))?;
    }
    Ok(())
}

const MAX_CHOICE: usize = 10;
