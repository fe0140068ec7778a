//! Calls of a CSV file, as a switch or a billing system writes them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use shaken_core::passport::Ppt;
use shaken_core::{Attest, TelephoneNumber};

use super::{Simulation, caller};
use crate::audit::mask::mask_runs;
use crate::call::Party;
use crate::cli::input::{note, parse_time, printable};
use crate::cli::{Exit, Failure};
use crate::policy::Plan;
use crate::policy::data::Faults;
use crate::policy::data::rows::{self, Column, Presence};
use crate::policy::decision::Received;
use crate::policy::simulation::{Before, Call, Given};

/// Decides the calls again. Columns that are not known are named and not used: such files have many.
///
/// # Errors
/// Every wrong row by its line; what came of the others is worth nothing then.
pub(super) fn replay(path: &Path, simulation: &mut Simulation<'_>) -> Result<(), Failure> {
    let bytes: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let opened = File::open(path);
        Box::new(opened.map_err(|error| {
            Failure::new(Exit::Io, format_args!("cannot read {}: {error}", path.display()))
        })?)
    };
    let (mut faults, mut unused) = (Faults::default(), Vec::new());
    let stranger = |name: &str| {
        unused.push(mask_runs(name));
        Ok(())
    };
    let mut dest = Vec::new();
    let take = |fields: &[&str; 9], _| take(fields, &mut dest, simulation);
    rows::scan(path, bytes, &CDR, stranger, |_| {}, &mut faults, take);
    if faults.count() > 0 {
        return Err(Failure::new(Exit::BadData, faults));
    }
    if !unused.is_empty() {
        note(format_args!("not used: the columns {}", printable(&unused.join(", "))));
    }
    Ok(())
}

fn take(
    [time, orig, to, trunk, diverted_by, attest, received, given, reason]: &[&str; 9],
    dest: &mut Vec<TelephoneNumber>,
    simulation: &mut Simulation<'_>,
) -> Result<(), String> {
    let plan = simulation.candidate.trunk(trunk).map_or(Plan::E164, |trunk| trunk.plan);
    let number = |name: &str, text: &str| {
        let party = Party::parse(text.to_owned());
        let party = party.map_err(|error| format!("{name} {:?}: {error}", mask_runs(text)))?;
        Ok::<_, String>(plan.meant(party.tn, party.written))
    };
    let one_of = |name: &str, text: &str, of: &str| format!("{name} {:?} is none of {of}", mask_runs(text));
    let at = parse_time(time).map_err(|error| format!("time {:?}: {error}", mask_runs(time)))?;
    dest.clear();
    for to in to.split(';').map(str::trim) {
        dest.push(number("dest", to)?);
    }
    let call = Call {
        at,
        trunk: is_given(trunk),
        orig_text: orig,
        orig: caller(is_given(orig).unwrap_or("anonymous"), plan),
        dest,
        target: None,
        diverting: is_given(diverted_by).map(|text| number("diverted_by", text)).transpose()?,
        received: match *received {
            "" | "none" => Received::None,
            "others" => Received::Others,
            "ours" => Received::Ours,
            _ => return Err(one_of("received", received, "none, others, ours")),
        },
        ppt: Ppt::Shaken,
        requested: match is_given(attest).map(str::parse::<Attest>) {
            None => None,
            Some(Ok(attest)) => Some(attest),
            Some(Err(_)) => return Err(one_of("attest", attest, "A, B, C")),
        },
    };
    let known = Given::ALL.into_iter().find(|known| known.name() == *given);
    let given = match (known, simulation.current) {
        (Some(given), _) => given,
        // What it got is asked of the current policy.
        (None, Some(_)) if given.is_empty() => Given::Unsigned,
        (None, _) if given.is_empty() => {
            return Err("given is empty: say what the call got, or give --current POLICY".into());
        }
        (None, _) => return Err(one_of("given", given, &Given::ALL.map(Given::name).join(", "))),
    };
    simulation.take(&call, &Before { given, reason: is_given(reason).unwrap_or("-"), customer: None });
    Ok(())
}

fn is_given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

const CDR: [Column; 9] = [
    ("time", Presence::Required),
    ("orig", Presence::Required),
    ("dest", Presence::Required),
    ("trunk", Presence::Required),
    ("diverted_by", Presence::Optional),
    ("attest", Presence::Optional),
    ("received", Presence::Optional),
    ("given", Presence::Optional),
    ("reason", Presence::Optional),
];
