//! `policy.toml`: its keys, and what they mean.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Deserialize;
use shaken_core::Attest;
use shaken_core::passport::Ppt;

use super::fault::quoted;
use super::{
    Auth, Candidate, CertificateUse, Fate, Handling, OrigIdMode, Profile, Provider, Requested, Role, Rule,
    Then, Treatment, Trunk, When,
};
use crate::policy::decision::{Mode, Share};
use crate::policy::numbers::Numbers;
use crate::policy::{self, Plan, Replay};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    mode: ModeName,
    author: Option<String>,
    #[serde(default = "default_customers")]
    pub(super) customers: PathBuf,
    #[serde(default = "default_evidence")]
    pub(super) evidence: PathBuf,
    #[serde(default = "default_rights")]
    pub(super) rights: PathBuf,
    #[serde(default)]
    pub(super) do_not_originate: Vec<PathBuf>,
    #[serde(default)]
    pub(super) unallocated: Vec<PathBuf>,
    emergency: Option<Vec<String>>,
    #[serde(default)]
    on: OnSection,
    candidate: Option<CandidateSection>,
    provider: Vec<ProviderSection>,
    trunk: Vec<TrunkSection>,
    #[serde(default)]
    rule: Vec<RuleSection>,
}

fn default_customers() -> PathBuf {
    "customers.csv".into()
}

fn default_evidence() -> PathBuf {
    "evidence.csv".into()
}

fn default_rights() -> PathBuf {
    "rights.csv".into()
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ModeName {
    Observe,
    Enforce,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnSection {
    invalid: Option<Fate>,
    unallocated: Option<Fate>,
    do_not_originate: Option<Fate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CandidateSection {
    policy: PathBuf,
    mode: CandidateMode,
    percent: Option<f64>,
    #[serde(default)]
    trunks: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CandidateMode {
    Shadow,
    Canary,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderSection {
    id: String,
    spc: String,
    profile: Profile,
    #[serde(default)]
    certificate: Vec<CertificateSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CertificateSection {
    id: String,
    key: String,
    certificate: String,
    x5u: String,
    #[serde(default)]
    from: Vec<String>,
    #[serde(default)]
    to: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrunkSection {
    name: String,
    provider: String,
    customer: Option<String>,
    r#match: policy::Match,
    role: Role,
    #[serde(default)]
    treatment: Treatment,
    cap: Option<String>,
    #[serde(default)]
    auth: Auth,
    #[serde(default)]
    requested: Requested,
    origid: Option<String>,
    sign: Option<Vec<String>>,
    #[serde(default)]
    replay: Replay,
    plan: Option<Plan>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSection {
    id: String,
    #[serde(default)]
    when: WhenSection,
    cap: Option<String>,
    act: Option<Fate>,
    certificate: Option<String>,
    note: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WhenSection {
    trunks: Option<Vec<String>>,
    customers: Option<Vec<String>>,
    from: Option<Vec<String>>,
    to: Option<Vec<String>>,
}

/// What the file says that needs no other file.
pub(super) struct Read {
    pub(super) mode: Mode,
    pub(super) author: Option<String>,
    pub(super) candidate: Option<Candidate>,
    pub(super) handling: Handling,
    pub(super) emergency: Vec<Numbers>,
    pub(super) providers: Vec<Provider>,
}

impl File {
    /// The paths of its files.
    pub(super) fn each_path(&mut self, mut change: impl FnMut(&mut PathBuf)) {
        let Self { customers, evidence, rights, do_not_originate, unallocated, .. } = self;
        let named = [customers, evidence, rights].into_iter();
        named.chain(do_not_originate).chain(unallocated).for_each(&mut change);
    }

    /// Calls `fault` for each thing that is wrong.
    pub(super) fn read(&self, mut fault: impl FnMut(String)) -> Read {
        let emergency = self.emergency.clone();
        let emergency = emergency.unwrap_or_else(|| {
            let numbers = self.provider.iter().flat_map(|provider| provider.profile.emergency());
            let numbers: BTreeSet<_> = numbers.copied().collect();
            numbers.into_iter().map(str::to_owned).collect()
        });
        let mut providers: Vec<Provider> = Vec::new();
        if self.provider.is_empty() {
            fault("there is no [[provider]]: nobody signs".into());
        }
        for section in &self.provider {
            let id = &section.id;
            check_name("provider", id, providers.iter().any(|other| other.id == *id), &mut fault);
            if section.spc.is_empty() || !section.spc.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                fault(format!("provider {id:?}: spc is a service provider code: letters and digits"));
            }
            let mut certificates: Vec<CertificateUse> = Vec::new();
            for section in &section.certificate {
                let is_taken = certificates.iter().any(|other| other.id == section.id);
                check_name("certificate", &section.id, is_taken, &mut fault);
                certificates.push(CertificateUse {
                    id: section.id.clone(),
                    key: section.key.clone(),
                    certificate: section.certificate.clone(),
                    x5u: section.x5u.clone(),
                    from: patterns(&section.from, &mut fault),
                    to: patterns(&section.to, &mut fault),
                    credential: None,
                });
            }
            let provider =
                Provider { id: id.clone(), spc: section.spc.clone(), profile: section.profile, certificates };
            providers.push(provider);
        }
        let mode = match self.mode {
            ModeName::Observe => Mode::Observe,
            ModeName::Enforce => Mode::Enforce,
        };
        Read {
            mode,
            author: self.author.clone(),
            candidate: self.candidate.as_ref().map(|section| candidate(section, &mut fault)),
            handling: Handling {
                invalid: self.on.invalid.unwrap_or(Fate::Unsigned),
                unallocated: self.on.unallocated.unwrap_or(Fate::Block),
                do_not_originate: self.on.do_not_originate.unwrap_or(Fate::Block),
            },
            emergency: patterns(&emergency, &mut fault),
            providers,
        }
    }

    /// The trunks, and what their calls are recognized by. `customer` finds one by name, with its provider.
    pub(super) fn trunks(
        &self,
        providers: &[Provider],
        customer: impl Fn(&str) -> Option<(u32, u32)>,
        mut fault: impl FnMut(String),
    ) -> (Vec<Trunk>, Vec<policy::Trunk>) {
        let (mut trunks, mut recognized): (Vec<Trunk>, Vec<policy::Trunk>) = (Vec::new(), Vec::new());
        if self.trunk.is_empty() {
            fault("there is no [[trunk]]: no call would be known".into());
        }
        for section in &self.trunk {
            let name = &section.name;
            check_name("trunk", name, trunks.iter().any(|other| other.name == *name), &mut fault);
            let mut wrong = |what: &str| fault(format!("trunk {name:?}: {what}"));
            let provider = providers.iter().position(|provider| provider.id == section.provider);
            let provider = provider.unwrap_or_else(|| {
                wrong("there is no such provider");
                0
            }) as u32;
            let found = section.customer.as_deref().map(|id| (id, customer(id)));
            match found {
                Some((id, None)) => wrong(&format!("there is no customer {}", quoted(id))),
                Some((_, Some((_, of)))) if of != provider => wrong("its customer is another provider's"),
                None if section.role == Role::Originate => {
                    wrong("calls originate here, so say whose they are: customer = \"...\"");
                }
                _ => {}
            }
            let cap = section.cap.as_deref().map_or(Ok(Attest::C), str::parse).unwrap_or_else(|_| {
                wrong("cap must be \"A\", \"B\" or \"C\"");
                Attest::C
            });
            let origid = match section.origid.as_deref() {
                None | Some("per_call") => OrigIdMode::PerCall,
                Some("per_trunk") => OrigIdMode::PerTrunk,
                Some("per_customer") => OrigIdMode::PerCustomer,
                Some(uuid) if is_uuid(uuid) => OrigIdMode::Fixed(uuid.to_owned()),
                Some(_) => {
                    wrong("origid is \"per_call\", \"per_trunk\", \"per_customer\" or a UUID");
                    OrigIdMode::PerCall
                }
            };
            let plan =
                section.plan.unwrap_or_else(|| match (section.role, providers.get(provider as usize)) {
                    (Role::Originate, Some(provider)) => provider.profile.plan(),
                    // What comes from another network has its country code.
                    _ => Plan::E164,
                });
            recognized.push(recognizable(section, cap, &mut wrong).with_plan(plan));
            trunks.push(Trunk {
                name: name.clone(),
                index: trunks.len() as u32,
                provider,
                customer: found.and_then(|(_, found)| found).map(|(customer, _)| customer),
                role: section.role,
                treatment: section.treatment,
                cap,
                auth: section.auth,
                requested: section.requested,
                origid,
                plan,
            });
        }
        (trunks, recognized)
    }

    /// The rules, in their order.
    pub(super) fn rules(
        &self,
        providers: &[Provider],
        trunks: &[Trunk],
        customer: impl Fn(&str) -> Option<u32>,
        mut fault: impl FnMut(String),
    ) -> Vec<Rule> {
        let trunk = |name: &str| trunks.iter().find(|trunk| trunk.name == name).map(|trunk| trunk.index);
        let mut rules: Vec<Rule> = Vec::new();
        for section in &self.rule {
            let id = &section.id;
            check_name("rule", id, rules.iter().any(|other| other.id == *id), &mut fault);
            let WhenSection { trunks: on, customers, from, to } = &section.when;
            for (key, list) in [("trunks", on), ("customers", customers), ("from", from), ("to", to)] {
                if list.as_ref().is_some_and(Vec::is_empty) {
                    fault(format!("rule {id:?}: when.{key} is empty; leave it out if it is not to count"));
                }
            }
            let of = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
            let mut all = |names: &[String], find: &dyn Fn(&str) -> Option<u32>, what: &str| -> Box<[u32]> {
                let found = names.iter().filter_map(|name| {
                    find(name).or_else(|| {
                        fault(format!("rule {id:?}: there is no {what} {}", quoted(name)));
                        None
                    })
                });
                found.collect()
            };
            let on = all(&of(on), &trunk, "trunk");
            let customers = all(&of(customers), &customer, "customer");
            let from = patterns(&of(from), &mut fault);
            let to = patterns(&of(to), &mut fault);
            let owner = |id: &String| {
                let is_theirs = |provider: &Provider| provider.certificates.iter().any(|own| own.id == *id);
                providers.iter().position(is_theirs)
            };
            let is_on = |trunk: &&Trunk| on.is_empty() || on.contains(&trunk.index);
            let then = match (section.cap.as_deref(), section.act, &section.certificate) {
                (Some("B"), None, None) => Then::Cap(Attest::B),
                (Some("C"), None, None) => Then::Cap(Attest::C),
                (None, Some(Fate::Block), None) => Then::Block,
                (None, Some(Fate::Unsigned), None) => Then::Unsigned,
                (None, None, Some(certificate)) => {
                    let Some(owner) = owner(certificate) else {
                        fault(format!("rule {id:?}: there is no certificate {certificate:?}"));
                        continue;
                    };
                    let is_others = |trunk: &&Trunk| trunk.provider as usize != owner;
                    if let Some(other) = trunks.iter().filter(is_on).find(is_others) {
                        fault(format!(
                            "rule {id:?}: certificate {certificate:?} is not of the provider of trunk {:?}; say in \
                             when.trunks which it is for",
                            other.name
                        ));
                    }
                    Then::Certificate(certificate.clone())
                }
                _ => {
                    fault(format!(
                        "rule {id:?}: say one of cap = \"B\", cap = \"C\", act = \"block\", act = \"unsigned\", \
                         certificate = \"...\""
                    ));
                    continue;
                }
            };
            let when = When { trunks: on, customers, from, to };
            rules.push(Rule { id: id.clone(), when, then, note: section.note.clone() });
        }
        rules
    }
}

fn candidate(section: &CandidateSection, fault: &mut impl FnMut(String)) -> Candidate {
    let percent = section.percent.unwrap_or(0.0);
    let mode = match section.mode {
        CandidateMode::Shadow => {
            if section.percent.is_some() || !section.trunks.is_empty() {
                fault("candidate: percent and trunks are for mode = \"canary\"".into());
            }
            Mode::Shadow
        }
        CandidateMode::Canary => {
            if !(0.0..=100.0).contains(&percent) {
                fault("candidate: percent is from 0 to 100".into());
            }
            if section.percent.is_none() && section.trunks.is_empty() {
                fault("candidate: a canary needs percent, trunks or both".into());
            }
            Mode::Canary(Share::new((percent * 100.0).round() as u16, section.trunks.clone()))
        }
    };
    Candidate { policy: section.policy.clone(), mode }
}

fn recognizable(section: &TrunkSection, cap: Attest, wrong: &mut impl FnMut(&str)) -> policy::Trunk {
    if let Err(message) = section.r#match.check() {
        wrong(&format!("match: {message}"));
    }
    let mut trunk = policy::Trunk::new(section.name.clone(), section.r#match.clone())
        .with_max_attest(cap)
        .with_provider(section.provider.clone())
        .with_replay(section.replay);
    if let Some(names) = &section.sign {
        let known =
            |name: &String| [Ppt::Shaken, Ppt::Div, Ppt::Rph].into_iter().find(|ppt| ppt.name() == name);
        if names.iter().any(|name| known(name).is_none()) {
            wrong("sign is a list of \"shaken\", \"div\" and \"rph\"");
        }
        trunk = trunk.with_signs(names.iter().filter_map(known).collect());
    }
    if let Some(customer) = &section.customer {
        trunk = trunk.with_customer(customer.clone());
    }
    trunk
}

fn patterns(texts: &[String], fault: &mut impl FnMut(String)) -> Vec<Numbers> {
    let read = texts
        .iter()
        .map(|text| Numbers::parse(text).map_err(|message| format!("{}: {message}", quoted(text))));
    read.filter_map(|numbers| numbers.map_err(&mut *fault).ok()).collect()
}

pub(super) fn check_name(what: &str, name: &str, is_taken: bool, fault: &mut impl FnMut(String)) {
    if let Err(message) = check_id(name) {
        fault(format!("{what} {name:?}: {message}"));
    }
    if is_taken {
        fault(format!("{what} {name:?}: the name is taken; each needs its own"));
    }
}

/// Names go into records and into lists that `;` separates.
pub(super) fn check_id(name: &str) -> Result<(), String> {
    let is_good = (1..=MAX_ID_LEN).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_graphic() && !b"\";,".contains(&byte));
    if is_good {
        Ok(())
    } else {
        Err("a name has 1 to 128 printable characters, no space, quote, comma or semicolon".into())
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, byte)| match i {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

const MAX_ID_LEN: usize = 128;
