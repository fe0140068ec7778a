//! Calls of an audit log.

use std::ops::ControlFlow;
use std::path::Path;

use shaken_core::passport::Ppt;
use shaken_core::{Attest, TelephoneNumber};

use super::{Simulation, caller};
use crate::audit::{Conditions, Entry, Event, Number, Op, Record, find};
use crate::cli::audit::failure;
use crate::cli::audit::progress::Progress;
use crate::cli::audit::select::wanted;
use crate::cli::input::{note, printable};
use crate::cli::{Exit, Failure};
use crate::policy::Plan;
use crate::policy::decision::{Caller, Reason, Received};
use crate::policy::simulation::{Before, Call, Given};

/// Decides the calls again that were to be signed. A damaged line is counted. A damaged segment is told,
/// and what is behind it replayed; the answer is the exit code that it takes then.
pub(super) fn replay(
    dir: &Path,
    conditions: &Conditions,
    simulation: &mut Simulation<'_>,
) -> Result<Exit, Failure> {
    let wanted = wanted(conditions)?;
    let mut progress = Progress::new();
    let shown = move |done: usize, of: usize| {
        progress.show(format_args!("{done} of {of} segments"));
        if done == of {
            progress.clear();
        }
        ControlFlow::Continue(())
    };
    let mut exit = Exit::Yes;
    let mut found = find(dir, &wanted, shown).map_err(failure)?;
    let mut dest = Vec::new();
    for line in &mut found {
        match line.map(|line| Entry::parse(&line.bytes)) {
            Ok(Ok(entry)) => {
                if let Event::Call(record) = &entry.event {
                    take(record, &mut dest, simulation);
                }
            }
            Ok(Err(_)) => simulation.left_out.unreadable += 1,
            Err(error) => {
                let told = failure(error);
                note(format_args!("{}", printable(&told.message)));
                exit = told.exit;
            }
        }
    }
    simulation.left_out.unreadable += found.damaged_lines();
    Ok(exit)
}

fn take(record: &Record, dest: &mut Vec<TelephoneNumber>, simulation: &mut Simulation<'_>) {
    if record.op != Op::Sign || record.synthetic == Some(true) {
        return;
    }
    let ppt = match record.ppt.first().map(String::as_str) {
        Some("div") => Ppt::Div,
        Some("rph") => Ppt::Rph,
        _ => Ppt::Shaken,
    };
    let reason = record.reason.as_deref().unwrap_or("-");
    let is_of = |reasons: &[Reason]| reasons.iter().any(|known| known.name() == reason);
    if record.error.is_some() || is_of(&OF_CERTIFICATES) {
        simulation.left_out.failed += 1;
        return;
    }
    if ppt == Ppt::Div || is_of(&OF_UNKNOWN_FACTS) {
        simulation.left_out.unknown_facts += 1;
        return;
    }
    let text = |number: &Number| number.canonical.as_ref().unwrap_or(&number.received).clone();
    let orig_text = record.orig.as_ref().map(text).unwrap_or_default();
    dest.clear();
    dest.extend(record.dest.iter().filter_map(|number| TelephoneNumber::parse(&text(number)).ok()));
    let call = Call {
        at: record.unix_seconds(),
        trunk: record.trunk.as_deref(),
        orig: record.orig.as_ref().map_or(Caller::Anonymous, |_| caller(&orig_text, Plan::E164)),
        orig_text: &orig_text,
        dest,
        target: record.target.as_ref().and_then(|number| TelephoneNumber::parse(&text(number)).ok()),
        diverting: None,
        received: if is_of(&[Reason::DupAvoided]) {
            Received::Ours
        } else if is_of(&[Reason::PassedThrough]) {
            Received::Others
        } else {
            Received::None
        },
        ppt,
        requested: record.requested_attest.as_deref().and_then(level),
    };
    let given = match (&*record.verdict, record.attest.as_deref().and_then(level)) {
        ("signed" | "observed", Some(attest)) => attest.into(),
        ("signed", None) => Given::Priority,
        ("blocked", _) => Given::Blocked,
        _ => Given::Unsigned,
    };
    simulation.take(&call, &Before { given, reason, customer: record.customer.as_deref() });
}

fn level(text: &str) -> Option<Attest> {
    text.parse().ok()
}

/// What was decided by who diverted the call, by a delegate certificate, or by what it came with.
const OF_UNKNOWN_FACTS: [Reason; 6] = [
    Reason::DivAdded,
    Reason::DivNoRight,
    Reason::DivCaller,
    Reason::DelegateOk,
    Reason::DelegateAbsent,
    Reason::Replaced,
];

/// What was decided by keys and certificates, which nothing of a policy decides again.
const OF_CERTIFICATES: [Reason; 2] = [Reason::CertExpired, Reason::KeyUnavailable];
