//! `[policy]`: the policy that decides on calls to sign, with all that it signs with.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use shaken_core::Trust;

use super::{ConfigError, Folder, PlaceFor, SignerKeys, read_place, read_signer};
use crate::call::Signing;
use crate::policy::Trunk;
use crate::policy::data::{Kept, Loader, Policy};
use crate::policy::decision::Mode;
use crate::ruling::{ByRight, Held, Ruling, Side};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicySection {
    file: PathBuf,
    keep: Option<PathBuf>,
}

/// What `[policy]` says.
pub(super) struct Read {
    pub(super) ruling: Ruling,
    pub(super) trunks: Vec<Trunk>,
    pub(super) kept: Option<Kept>,
}

/// What the rest of the configuration says that matters here.
pub(super) struct Known<'a> {
    /// Whom the daemon knows on its doors.
    pub(super) users: &'a [&'a str],
    pub(super) peers: &'a [&'a str],
    /// A folder that the daemon may write to at a reload: many rows are sorted there.
    pub(super) scratch: &'a Path,
}

/// The policy of `[policy]`.
pub(super) fn read_policy(
    section: &PolicySection,
    known: &Known<'_>,
    trust: Option<&Trust>,
    folder: &Folder,
    now: i64,
    warnings: &mut Vec<String>,
) -> Result<Read, ConfigError> {
    let path = folder.join(&section.file);
    let keep = match &section.keep {
        None => None,
        Some(dir) => Some(read_place("policy.keep", dir, folder, PlaceFor::Folder)?),
    };
    let loader = |path: &Path| match known.scratch.is_dir() {
        true => Loader::new(path).with_scratch(known.scratch.to_owned()),
        // At the first start, when nothing is confined yet.
        false => Loader::new(path),
    };
    let current = read_side("policy.file", &path, &loader, trust, folder, now, warnings)?;
    let candidate = match current.policy().candidate() {
        None => None,
        Some(candidate) => {
            let path = path.parent().unwrap_or(&path).join(&candidate.policy);
            let side = read_side("candidate.policy", &path, &loader, trust, folder, now, warnings)?;
            if side.policy().candidate().is_some() {
                return Err(ConfigError::new(format_args!(
                    "candidate.policy: {} has a candidate of its own; only one is tried",
                    path.display()
                )));
            }
            check_canary(&candidate.mode, current.policy(), side.policy())?;
            Some(side)
        }
    };
    let trunks = current.policy().recognized().to_vec();
    for trunk in &trunks {
        let wrong = |what: &str| {
            ConfigError::new(format_args!("{}: trunk {:?}: {what}", path.display(), trunk.name()))
        };
        if trunk.of().user.as_deref().is_some_and(|user| !known.users.contains(&user)) {
            return Err(wrong("there is no such user in [[http.user]] or [[resp.user]]"));
        }
        if trunk.of().peer.as_deref().is_some_and(|peer| !known.peers.contains(&peer)) {
            return Err(wrong("there is no such peer in [[sip.peer]]"));
        }
    }
    let kept = keep.map(|dir| Kept::new(current.policy(), &path, dir));
    Ok(Read { ruling: Ruling::ByRight(Box::new(ByRight::new(current, candidate))), trunks, kept })
}

/// What acts on a share of the calls of another policy must mean the same trunks.
fn check_canary(mode: &Mode, current: &Policy, candidate: &Policy) -> Result<(), ConfigError> {
    let Mode::Canary(share) = mode else { return Ok(()) };
    let wrong = |what: String| Err(ConfigError::new(format_args!("candidate: {what}")));
    if *candidate.mode() == Mode::Observe {
        return wrong("its own mode is \"observe\"; a canary acts".into());
    }
    if let Some(name) = share.trunks().iter().find(|name| current.trunk(name).is_none()) {
        return wrong(format!("trunks: there is no trunk {name:?}"));
    }
    for trunk in candidate.recognized() {
        let same_name = current.recognized().iter().find(|other| other.name() == trunk.name());
        if same_name.is_some_and(|other| !other.is_of_the_same(trunk)) {
            return wrong(format!(
                "trunk {:?} has another match, customer or provider than in the policy in force: its calls \
                 would be another's",
                trunk.name()
            ));
        }
    }
    Ok(())
}

fn read_side(
    key: &str,
    path: &Path,
    loader: &dyn Fn(&Path) -> Loader,
    trust: Option<&Trust>,
    folder: &Folder,
    now: i64,
    warnings: &mut Vec<String>,
) -> Result<Side, ConfigError> {
    let policy = loader(path).load(now).map_err(|error| ConfigError::new(format_args!("{key}: {error}")))?;
    for source in policy.sources() {
        folder.note("policy", source, policy.generation().sha256.as_bytes());
    }
    // Its keys and certificates are named from where it is.
    let beside = Folder::new(path.parent().unwrap_or(path));
    let held = read_held(&policy, trust, &beside, now, warnings)?;
    folder.take_in(beside);
    Ok(Side::new(policy, held))
}

fn read_held(
    policy: &Policy,
    trust: Option<&Trust>,
    folder: &Folder,
    now: i64,
    warnings: &mut Vec<String>,
) -> Result<Vec<Held>, ConfigError> {
    let mut all = Vec::new();
    for provider in policy.providers() {
        if provider.certificates.is_empty() {
            warnings.push(format!(
                "provider {:?} has no [[provider.certificate]]: its calls go unsigned",
                provider.id
            ));
        }
        for used in &provider.certificates {
            let name = format!("policy.provider.{}.certificate.{}", provider.id, used.id);
            let keys = SignerKeys {
                key: (&format!("{name}.key"), Path::new(&used.key)),
                certificate: (&format!("{name}.certificate"), Path::new(&used.certificate)),
                x5u: (&format!("{name}.x5u"), &used.x5u),
            };
            let signer = read_signer(&keys, trust, folder, now, warnings)?;
            let list = signer.certificate().tn_auth_list().and_then(|list| list.as_ref().ok());
            if let Some(spc) = list.and_then(|list| list.spc())
                && spc.as_str() != provider.spc
            {
                return Err(ConfigError::new(format_args!(
                    "{name}.certificate: it is that of service provider code {:?}, and the provider's is {:?}",
                    spc.as_str(),
                    provider.spc
                )));
            }
            // It decides nothing then, and others may be in order; the calls that it was for say why.
            if let Err(error) = signer.certificate().check_valid(now) {
                warnings.push(format!("{name}: {error} ({}): it signs nothing", error.name()));
            }
            all.push(Held {
                provider: provider.id.clone(),
                certificate: used.id.clone(),
                signing: Signing::new(signer),
            });
        }
    }
    Ok(all)
}
