//! `shaken policy explain`: the decision on one call, as the daemon would make it, stage by stage.

use std::path::PathBuf;

use serde_json::{Value, json};
use shaken_core::Attest;

use super::{Exit, Failure, caller, load};
use crate::call::Party;
use crate::cli::input::{Output, clock, note, parse_time, printable};
use crate::policy::Plan;
use crate::policy::data::Policy;
use crate::policy::decision::{Decision, Facts, Reason, Step, decide};
use crate::stamp::rfc3339;

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// policy.toml, its folder, or a compiled policy
    #[arg(long)]
    policy: PathBuf,
    /// Calling number, or anonymous
    #[arg(long)]
    from: String,
    /// Called number; may be given several times
    #[arg(long, required = true, value_parser = number)]
    to: Vec<Party>,
    /// Trunk that the call comes in on
    #[arg(long)]
    trunk: String,
    /// Number that diverted the call last
    #[arg(long, value_parser = number)]
    diverting: Option<Party>,
    /// Level that is asked for: A, B or C
    #[arg(long)]
    attest: Option<Attest>,
    /// When: Unix seconds or RFC 3339 [default: now]
    #[arg(long, value_parser = parse_time)]
    at: Option<i64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn number(text: &str) -> Result<Party, String> {
    Party::parse(text.to_owned()).map_err(|error| error.to_string())
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let policy = load(&args.policy)?;
    let trunk = policy.trunk(&args.trunk);
    if trunk.is_none() {
        let names: Vec<_> = policy.trunks().iter().map(|trunk| trunk.name.as_str()).collect();
        note(format_args!("the policy has no trunk {:?}; there are {}", args.trunk, names.join(", ")));
    }
    let plan = trunk.map_or(Plan::E164, |trunk| trunk.plan);
    let meant = |party: &Party| plan.meant(party.tn, party.written);
    let dest: Vec<_> = args.to.iter().map(meant).collect();
    let facts = Facts {
        trunk,
        dest: &dest,
        diverting: args.diverting.as_ref().map(meant),
        requested: args.attest,
        ..Facts::new(caller(&args.from, plan))
    };
    let at = args.at.unwrap_or_else(clock);
    let explained = Explained::new(decide(&policy, &facts, at));
    let mut output = Output::new();
    if args.json {
        output.line(format_args!("{}", explained.json(args, &policy, at)))?;
    } else {
        explained.show(&mut output, args, &policy, at)?;
    }
    output.finish()?;
    Ok(Exit::Yes)
}

/// A decision without its last stage, and what is known of that.
struct Explained<'p> {
    decision: Decision<'p>,
    certificate: Stage,
}

/// What is known of the certificate.
enum Stage {
    /// The call needs none.
    NotNeeded,
    /// The provider has one for these numbers. What is in it, and whether its key answers, is another
    /// matter.
    NotLookedAt,
    /// The provider has none for these numbers, whatever is in its files.
    Missing(Reason),
}

impl<'p> Explained<'p> {
    fn new(decision: Decision<'p>) -> Self {
        match (decision.before_certificate(), decision.reason()) {
            (None, _) => Self { decision, certificate: Stage::NotNeeded },
            // Nothing was loaded, so this is what any certificate for these numbers gets.
            (Some(before), Reason::KeyUnavailable) => {
                Self { decision: before, certificate: Stage::NotLookedAt }
            }
            (Some(before), reason) => Self { decision: before, certificate: Stage::Missing(reason) },
        }
    }

    fn show(&self, output: &mut Output, args: &Args, policy: &Policy, at: i64) -> Result<(), Failure> {
        let decision = &self.decision;
        let level = decision.attest().map_or_else(String::new, |attest| format!(" {attest}"));
        let reason = decision.reason();
        let certificate = match self.certificate {
            Stage::NotNeeded => "not needed".to_owned(),
            Stage::NotLookedAt => {
                "not looked at: without one that is valid, covers the number and has a key, unsigned"
                    .to_owned()
            }
            Stage::Missing(reason) => format!("{reason}: {}, so unsigned", reason.meaning()),
        };
        for (name, value) in [
            ("call", self.call(args)),
            ("at", rfc3339(at)),
            ("decision", format!("{}{level}", decision.outcome().name())),
            ("reason", format!("{reason}: {}", reason.meaning())),
            ("rule", decision.rule().to_string()),
            ("decided by", decision.decided_by().unwrap_or("-").to_owned()),
            ("customer", decision.customer().map_or("-", |customer| customer.id.as_str()).to_owned()),
            ("generation", format!("{}, mode {}", decision.generation(), policy.mode().name())),
            ("certificate", certificate),
        ] {
            output.line(format_args!("{name:<11} {value}"))?;
        }
        output.line(format_args!("trail"))?;
        for Step { reason, leaves } in decision.trail() {
            let leaves = leaves.map_or_else(|| "-".to_owned(), |attest| attest.to_string());
            output.line(format_args!("  {leaves} {:<22} {}", reason.name(), reason.meaning()))?;
        }
        Ok(())
    }

    fn call(&self, args: &Args) -> String {
        let to: Vec<_> = args.to.iter().map(|party| party.received.as_str()).collect();
        let diverting = args.diverting.as_ref().map(|party| format!(", diverted by {}", party.received));
        let diverting = diverting.unwrap_or_default();
        let asked = args.attest.map_or_else(String::new, |attest| format!(", {attest} asked for"));
        let call = format!("{} -> {}{diverting}, trunk {}{asked}", args.from, to.join(", "), args.trunk);
        printable(&call)
    }

    fn json(&self, args: &Args, policy: &Policy, at: i64) -> Value {
        let decision = &self.decision;
        let step = |step: &Step| {
            json!({
                "reason": step.reason.name(),
                "meaning": step.reason.meaning(),
                "leaves": step.leaves.map(|attest| attest.to_string()),
            })
        };
        let (state, missing) = match self.certificate {
            Stage::NotNeeded => ("not-needed", None),
            Stage::NotLookedAt => ("not-looked-at", None),
            Stage::Missing(reason) => ("missing", Some(reason.name())),
        };
        json!({
            "time": rfc3339(at),
            "orig": args.from,
            "dest": args.to.iter().map(|party| party.tn.as_str()).collect::<Vec<_>>(),
            "diverting": args.diverting.as_ref().map(|party| party.tn.as_str()),
            "requested_attest": args.attest.map(|attest| attest.to_string()),
            "trunk": args.trunk,
            "customer": decision.customer().map(|customer| &customer.id),
            "decided_by": decision.decided_by(),
            "generation": decision.generation(),
            "mode": policy.mode().name(),
            "outcome": decision.outcome().name(),
            "attest": decision.attest().map(|attest| attest.to_string()),
            "reason": decision.reason().name(),
            "meaning": decision.reason().meaning(),
            "rule": decision.rule().to_string(),
            "trail": decision.trail().iter().map(step).collect::<Vec<_>>(),
            "certificate": { "state": state, "reason": missing },
        })
    }
}
