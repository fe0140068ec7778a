//! What verifying takes: whom we trust, by which rules, and how certificates are downloaded.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use shaken_core::fetch::{FetchPolicy, Fetcher};
use shaken_core::tables::{Guard, TableOptions, Tables};
use shaken_core::{Error, TnAuthListPolicy, Trust, Verifier, pem};

use super::{ConfigError, core_error, read_deadline, read_file};
use crate::call::HeaderParams;
use crate::certs::Certs;

/// What verifying needs.
#[derive(Debug)]
pub struct Trusting {
    /// The rules.
    pub verifier: Verifier,
    /// Whom we trust.
    pub trust: Trust,
    /// How certificates are downloaded.
    pub fetcher: Fetcher,
    /// How much memory the cache of certificates may take.
    pub cache_bytes: u64,
    /// Which parameters an Identity header must have.
    pub params: HeaderParams,
    /// How keys that are in use get verification tables, if they do.
    pub tables: Option<TableOptions>,
}

impl Trusting {
    /// The verifier and its certificates, ready for calls.
    #[must_use]
    pub fn start(self) -> crate::call::Verification {
        let verifier = match self.tables.and_then(start_tables) {
            Some(tables) => self.verifier.with_tables(tables),
            None => self.verifier,
        };
        let certs = Certs::new(self.fetcher, self.trust, self.cache_bytes);
        crate::call::Verification::new(verifier, certs).with_params(self.params)
    }
}

/// The thread that makes the tables ends with the daemon.
fn start_tables(options: TableOptions) -> Option<Arc<Tables>> {
    let (tables, builder) = Tables::new(options, |difference| {
        tracing::error!(%difference, "tables are out of use; ring alone verifies. Please report this");
    });
    let thread = std::thread::Builder::new().name("table-builder".into()).spawn(move || builder.run());
    match thread {
        Ok(_) => Some(tables),
        Err(error) => {
            tracing::error!(%error, "no thread for verification tables; ring alone verifies");
            None
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrustSection {
    anchors: Vec<PathBuf>,
    #[serde(default)]
    intermediates: Vec<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerificationSection {
    max_age_s: Option<u64>,
    #[serde(default)]
    tn_auth_list: TnAuthListSetting,
    #[serde(default)]
    header_params: HeaderParams,
    #[serde(default)]
    verify_tables: TablesSetting,
    tables_mib: Option<usize>,
    tables_hot_after_calls: Option<NonZeroU32>,
    tables_confirm_one_in: Option<NonZeroU32>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TablesSetting {
    On,
    Checked,
    #[default]
    Off,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TnAuthListSetting {
    #[default]
    Require,
    AllowMissing,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FetchSection {
    deadline_ms: Option<u64>,
    cache_mib: Option<u64>,
    #[serde(default)]
    deny: Vec<String>,
    lab: Option<LabSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LabSection {
    tls_roots: Option<PathBuf>,
    #[serde(default)]
    connect_to: BTreeMap<String, SocketAddr>,
}

pub(super) fn read_trust(section: &TrustSection, folder: &Path) -> Result<Trust, ConfigError> {
    let mut trust: Option<Trust> = None;
    for path in &section.anchors {
        let pem = read_file(folder, path, "trust.anchors")?;
        let more = match trust {
            None => Trust::from_pem(&pem),
            Some(trust) => trust.with_more_anchors_pem(&pem),
        };
        trust = Some(more.map_err(|error| core_error("trust.anchors", path, error))?);
    }
    let mut trust =
        trust.ok_or_else(|| ConfigError::new("trust.anchors is empty: name the PEM file of STI-CA roots"))?;
    for path in &section.intermediates {
        trust = trust
            .with_intermediates_pem(&read_file(folder, path, "trust.intermediates")?)
            .map_err(|error| core_error("trust.intermediates", path, error))?;
    }
    Ok(trust)
}

pub(super) fn read_verification(
    section: &VerificationSection,
    fetch: &FetchSection,
    trust: Trust,
    folder: &Path,
    warnings: &mut Vec<String>,
) -> Result<Trusting, ConfigError> {
    let policy = match section.tn_auth_list {
        TnAuthListSetting::Require => TnAuthListPolicy::Require,
        TnAuthListSetting::AllowMissing => TnAuthListPolicy::AllowMissing,
    };
    let mut verifier = Verifier::default().with_tn_auth_list(policy);
    match section.max_age_s {
        None => {}
        Some(max_age_s @ 1..=MAX_MAX_AGE_S) => verifier = verifier.with_max_age_s(max_age_s),
        Some(_) => {
            return Err(ConfigError::new(format_args!(
                "verification.max_age_s must be 1 to {MAX_MAX_AGE_S}"
            )));
        }
    }
    let tables = read_tables(section)?;
    let fetcher = Fetcher::new(read_fetch(fetch, folder, warnings)?)
        .map_err(|error| ConfigError::new(format_args!("fetch: {error} ({})", error.name())))?;
    let cache_mib = fetch.cache_mib.unwrap_or(DEFAULT_CACHE_MIB);
    if !(1..=MAX_CACHE_MIB).contains(&cache_mib) {
        return Err(ConfigError::new(format_args!("fetch.cache_mib must be 1 to {MAX_CACHE_MIB}")));
    }
    Ok(Trusting {
        verifier,
        trust,
        fetcher,
        cache_bytes: cache_mib * 1024 * 1024,
        params: section.header_params,
        tables,
    })
}

fn read_tables(section: &VerificationSection) -> Result<Option<TableOptions>, ConfigError> {
    let guard = match section.verify_tables {
        TablesSetting::On => Guard::Sampled,
        TablesSetting::Checked => Guard::Always,
        TablesSetting::Off => return Ok(None),
    };
    let mut options = TableOptions::default().with_guard(guard);
    match section.tables_mib {
        None => {}
        Some(mib @ 1..=MAX_TABLES_MIB) => options = options.with_max_bytes(mib << 20),
        Some(_) => {
            return Err(ConfigError::new(format_args!(
                "verification.tables_mib must be 1 to {MAX_TABLES_MIB}"
            )));
        }
    }
    if let Some(calls) = section.tables_hot_after_calls {
        options = options.with_hot_after_calls(calls);
    }
    if let Some(one_in) = section.tables_confirm_one_in {
        options = options.with_confirm_one_in(one_in);
    }
    Ok(Some(options))
}

pub(super) fn fetch_deadline(section: &FetchSection) -> Result<Duration, ConfigError> {
    read_deadline("fetch.deadline_ms", section.deadline_ms, DEFAULT_FETCH_DEADLINE)
}

fn read_fetch(
    section: &FetchSection,
    folder: &Path,
    warnings: &mut Vec<String>,
) -> Result<FetchPolicy, ConfigError> {
    let mut policy = FetchPolicy::default().with_deadline(fetch_deadline(section)?);
    for network in &section.deny {
        let network = network.parse().map_err(|_| {
            ConfigError::new(format_args!(
                "fetch.deny: {network:?} is not a network; write it like 203.0.113.0/24"
            ))
        })?;
        policy = policy.with_denied([network]);
    }
    let Some(lab) = &section.lab else { return Ok(policy) };
    warnings.push(
        "[fetch.lab] loosens the protection of downloads; it is for laboratories, never for production"
            .to_owned(),
    );
    if let Some(path) = &lab.tls_roots {
        let text = read_file(folder, path, "fetch.lab.tls_roots")?;
        let roots = pem::blocks(&text)
            .map(|block| block.map(|block| block.der().to_vec()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| core_error("fetch.lab.tls_roots", path, error))?;
        if roots.is_empty() {
            return Err(core_error("fetch.lab.tls_roots", path, Error::CertPem));
        }
        policy = policy.with_tls_roots(roots);
    }
    for (host, address) in &lab.connect_to {
        policy = policy.with_connect_to(host, *address);
    }
    Ok(policy)
}

const DEFAULT_FETCH_DEADLINE: Duration = Duration::from_secs(2);

/// Holds some ten thousand certificates, all that live STI-CAs issue in weeks.
const DEFAULT_CACHE_MIB: u64 = 64;

const MAX_CACHE_MIB: u64 = 64 * 1024;

const MAX_TABLES_MIB: usize = 64 * 1024;

/// A PASSporT is worth replaying for as long as this.
const MAX_MAX_AGE_S: u64 = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_made_only_if_they_are_asked_for() {
        let tables = |text: &str| read_tables(&toml::from_str(text).unwrap());
        assert!(matches!(tables(""), Ok(None)));
        assert!(matches!(tables("verify_tables = \"off\"\ntables_mib = 1"), Ok(None)));
        let shown = |text: &str| format!("{:?}", tables(text).unwrap().unwrap());
        assert!(shown("verify_tables = \"on\"").contains("guard: Sampled"));
        let all = "verify_tables = \"checked\"\ntables_mib = 3\ntables_hot_after_calls = 7\n\
                   tables_confirm_one_in = 9";
        let shown = shown(all);
        for part in ["guard: Always", "max_bytes: 3145728", "hot_after_calls: 7", "confirm_one_in: 9"] {
            assert!(shown.contains(part), "{shown}");
        }
        for mib in ["0", "65537"] {
            let refused = tables(&format!("verify_tables = \"on\"\ntables_mib = {mib}")).unwrap_err();
            assert!(refused.to_string().contains("verification.tables_mib"), "{refused}");
        }
        for text in ["verify_tables = true", "verify_tables = \"yes\"", "tables_hot_after_calls = 0"] {
            assert!(toml::from_str::<VerificationSection>(text).is_err(), "{text}");
        }
    }
}
