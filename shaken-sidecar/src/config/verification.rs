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
use shaken_core::trust::{ExpiredCaList, RevocationPolicy, StiPa};
use shaken_core::{Error, TnAuthListPolicy, Trust, Verifier, X5u, pem};

use super::{ConfigError, Folder, PlaceFor, core_error, read_deadline, read_file, read_place};
use crate::call::{FETCH_BUDGET, HeaderParams, Verification};
use crate::certs::{self, CertOptions, Certs, Supply};
use crate::lists::{self, Lists, Source};

/// What verifying needs.
#[derive(Debug)]
pub struct Trusting {
    /// The rules.
    pub verifier: Verifier,
    /// Whom we trust.
    pub trust: Trust,
    /// The lists of the STI-PA, if any are configured.
    pub lists: Option<Arc<Lists>>,
    /// How certificates are downloaded.
    pub fetcher: Fetcher,
    /// How certificates are kept, and how many downloads there may be.
    pub certs: CertOptions,
    /// How long a call waits for certificates.
    pub budget: Duration,
    /// Which parameters an Identity header must have.
    pub params: HeaderParams,
    /// How keys that are in use get verification tables, if they do.
    pub tables: Option<TableOptions>,
}

impl Trusting {
    /// The verifier and its certificates, ready for calls. What `before` has learned is kept:
    /// certificates, which the new trust judges again, and tables, if their options are the same. What is
    /// on disk is judged at `now`, seconds since 1970.
    #[must_use]
    pub fn start(self, before: Option<&Verification>, now: i64) -> Verification {
        let kept = before.filter(|before| before.table_options() == self.tables);
        let tables = match kept {
            Some(before) => before.verifier().tables().cloned(),
            None => self.tables.and_then(start_tables),
        };
        let verifier = match tables {
            Some(tables) => self.verifier.with_tables(tables),
            None => self.verifier,
        };
        let supply = Supply { fetcher: Arc::new(self.fetcher), trust: self.trust };
        let certs = match before.filter(|before| *before.certs().options() == self.certs) {
            Some(before) => Arc::clone(before.certs()),
            None => Certs::new(self.certs, &supply, now),
        };
        Verification::new(verifier, certs, supply)
            .with_budget(self.budget)
            .with_table_options(self.tables)
            .with_params(self.params)
            .with_lists(self.lists)
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
    #[serde(default)]
    anchors: Vec<PathBuf>,
    #[serde(default)]
    intermediates: Vec<PathBuf>,
    #[serde(default)]
    revocation: RevocationSetting,
    sti_pa: Option<StiPaSection>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RevocationSetting {
    FailOpen,
    #[default]
    OpenUntilLoaded,
    FailClosed,
}

/// Whose lists they are, and where.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StiPaSection {
    anchors: Vec<PathBuf>,
    #[serde(default)]
    signers: Vec<PathBuf>,
    #[serde(default)]
    crls: Vec<String>,
    ca_list: Option<String>,
    #[serde(default)]
    expired_ca_list: ExpiredSetting,
    dir: Option<PathBuf>,
    refresh_s: Option<u64>,
    max_age_s: Option<u64>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ExpiredSetting {
    #[default]
    Refuse,
    KeepUsing,
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
    budget_ms: Option<u64>,
    cache_mib: Option<u64>,
    cache_dir: Option<PathBuf>,
    max_stale_s: Option<u64>,
    downloads: Option<usize>,
    downloads_per_host: Option<usize>,
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

/// The anchors, with what the STI-PA's lists say, as far as they are known.
pub(super) fn read_trust(
    section: &TrustSection,
    fetch: &FetchPolicy,
    folder: &Folder,
    now: i64,
    warnings: &mut Vec<String>,
) -> Result<(Trust, Option<Arc<Lists>>), ConfigError> {
    let has_ca_list = section.sti_pa.as_ref().is_some_and(|sti_pa| sti_pa.ca_list.is_some());
    if section.anchors.is_empty() && !has_ca_list {
        return Err(ConfigError::new("trust.anchors is empty: name the PEM file of STI-CA roots"));
    }
    let mut trust = Trust::empty();
    for path in pem_files("trust.anchors", &section.anchors, folder)? {
        trust = trust
            .with_more_anchors_pem(&read_file(folder, &path, "trust.anchors")?)
            .map_err(|error| core_error("trust.anchors", &path, error))?;
    }
    for path in pem_files("trust.intermediates", &section.intermediates, folder)? {
        trust = trust
            .with_intermediates_pem(&read_file(folder, &path, "trust.intermediates")?)
            .map_err(|error| core_error("trust.intermediates", &path, error))?;
    }
    trust = trust.with_revocation_policy(match section.revocation {
        RevocationSetting::FailOpen => RevocationPolicy::FailOpen,
        RevocationSetting::OpenUntilLoaded => RevocationPolicy::OpenUntilLoaded,
        RevocationSetting::FailClosed => RevocationPolicy::FailClosed,
    });
    let Some(sti_pa) = &section.sti_pa else { return Ok((trust, None)) };
    let expired = match sti_pa.expired_ca_list {
        ExpiredSetting::Refuse => ExpiredCaList::Refuse,
        ExpiredSetting::KeepUsing => ExpiredCaList::KeepUsing,
    };
    let mut trust = trust.with_expired_ca_list(expired);
    let lists = read_lists(sti_pa, fetch, folder)?.with_expired(expired);
    let known = lists.load(&mut trust, now).map_err(ConfigError::new)?;
    for file in known.files {
        folder.note("trust.sti_pa.crls", &file.path, &file.bytes);
    }
    warnings.extend(known.warnings);
    Ok((trust, Some(Arc::new(lists))))
}

/// The files that are meant: of a folder, those whose names end in `.pem`, in their order.
fn pem_files(key: &str, paths: &[PathBuf], folder: &Folder) -> Result<Vec<PathBuf>, ConfigError> {
    let mut files = Vec::new();
    for path in paths {
        let place = folder.join(path);
        if !place.is_dir() {
            files.push(path.clone());
            continue;
        }
        let cannot =
            |error| ConfigError::new(format_args!("{key}: cannot read {}: {error}", place.display()));
        let entries = std::fs::read_dir(&place).map_err(cannot)?;
        let entries =
            entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(cannot)?;
        let mut found: Vec<_> =
            entries.into_iter().filter(|path| path.extension().is_some_and(|end| end == "pem")).collect();
        if found.is_empty() {
            return Err(ConfigError::new(format_args!(
                "{key}: there is no .pem file in {}",
                place.display()
            )));
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

fn read_lists(section: &StiPaSection, fetch: &FetchPolicy, folder: &Folder) -> Result<Lists, ConfigError> {
    let wrong = |why: &str| ConfigError::new(format_args!("trust.sti_pa.{why}"));
    let read_all = |key: &str, paths: &[PathBuf]| {
        let mut text = Vec::new();
        for path in pem_files(key, paths, folder)? {
            text.extend(read_file(folder, &path, key)?);
            text.push(b'\n');
        }
        Ok::<_, ConfigError>(text)
    };
    let key = "trust.sti_pa.anchors";
    let sti_pa = StiPa::from_pem(&read_all(key, &section.anchors)?)
        .map_err(|error| ConfigError::new(format_args!("{key}: {error} ({})", error.name())))?;
    let key = "trust.sti_pa.signers";
    let signers = match read_all(key, &section.signers)? {
        text if text.is_empty() => Vec::new(),
        text => shaken_core::cert::read_chain(&text)
            .map_err(|error| ConfigError::new(format_args!("{key}: {error} ({})", error.name())))?,
    };
    let check_url = |key: &str, url: &str| {
        X5u::parse(url)
            .map(|_| url.to_owned())
            .map_err(|error| wrong(&format!("{key}: {url:?}: {error} ({})", error.name())))
    };
    let mut sources = Vec::new();
    for crl in &section.crls {
        sources.push(match crl.contains("://") {
            true => Source::CrlUrl(check_url("crls", crl)?),
            false => Source::CrlFile(folder.join(Path::new(crl))),
        });
    }
    if let Some(url) = &section.ca_list {
        sources.push(Source::CaListUrl(check_url("ca_list", url)?));
    }
    if sources.is_empty() {
        return Err(wrong("crls and ca_list are missing: name at least one of the lists"));
    }
    let dir = match &section.dir {
        Some(dir) => Some(read_place("trust.sti_pa.dir", dir, folder, PlaceFor::Folder)?),
        None if sources.iter().any(Source::is_remote) => {
            return Err(wrong("dir is missing: name a folder in which the last good lists are kept"));
        }
        None => None,
    };
    // A second in a laboratory; nobody's server should be asked that often.
    let least = if fetch.is_lab() { 1 } else { MIN_REFRESH_S };
    let refresh_s = section.refresh_s.unwrap_or(DEFAULT_REFRESH_S);
    if !(least..=MAX_REFRESH_S).contains(&refresh_s) {
        return Err(wrong(&format!("refresh_s must be {least} to {MAX_REFRESH_S}")));
    }
    let max_age_s = section.max_age_s.unwrap_or(DEFAULT_MAX_LIST_AGE_S);
    if max_age_s <= refresh_s {
        return Err(wrong("max_age_s must be more than refresh_s: a list is never younger for long"));
    }
    let fetcher = Fetcher::new(
        fetch.clone().with_deadline(lists::FETCH_DEADLINE).with_max_body_bytes(lists::MAX_BODY_BYTES),
    )
    .map_err(|error| wrong(&format!("crls: {error} ({})", error.name())))?;
    let (refresh, max_age) = (Duration::from_secs(refresh_s), Duration::from_secs(max_age_s));
    Ok(Lists::new(sti_pa, signers, sources, fetcher).with_dir(dir).with_times(refresh, max_age))
}

pub(super) fn read_verification(
    section: &VerificationSection,
    fetch: &FetchSection,
    policy: &FetchPolicy,
    (trust, lists): (Trust, Option<Arc<Lists>>),
    folder: &Folder,
) -> Result<Trusting, ConfigError> {
    let tn_auth_list = match section.tn_auth_list {
        TnAuthListSetting::Require => TnAuthListPolicy::Require,
        TnAuthListSetting::AllowMissing => TnAuthListPolicy::AllowMissing,
    };
    let mut verifier = Verifier::default().with_tn_auth_list(tn_auth_list);
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
    let fetcher = Fetcher::new(policy.clone())
        .map_err(|error| ConfigError::new(format_args!("fetch: {error} ({})", error.name())))?;
    let params = section.header_params;
    let (certs, budget) = (read_certs(fetch, folder)?, fetch_budget(fetch)?);
    Ok(Trusting { verifier, trust, lists, fetcher, certs, budget, params, tables })
}

fn read_certs(section: &FetchSection, folder: &Folder) -> Result<CertOptions, ConfigError> {
    let cache_mib = section.cache_mib.unwrap_or(DEFAULT_CACHE_MIB);
    if !(1..=MAX_CACHE_MIB).contains(&cache_mib) {
        return Err(ConfigError::new(format_args!("fetch.cache_mib must be 1 to {MAX_CACHE_MIB}")));
    }
    let in_range = |key: &str, value: Option<usize>, default: usize| match value {
        None => Ok(default),
        Some(value @ 1..=certs::MAX_DOWNLOADS) => Ok(value),
        Some(_) => Err(ConfigError::new(format_args!("fetch.{key} must be 1 to {}", certs::MAX_DOWNLOADS))),
    };
    let downloads = in_range("downloads", section.downloads, certs::MAX_DOWNLOADS)?;
    let per_host = in_range("downloads_per_host", section.downloads_per_host, certs::DEFAULT_PER_HOST)?;
    let mut options = CertOptions::new(cache_mib * 1024 * 1024).with_downloads(downloads, per_host);
    if let Some(max_stale_s) = section.max_stale_s {
        options = options.with_max_stale_s(max_stale_s);
    }
    if let Some(dir) = &section.cache_dir {
        options = options.with_dir(read_place("fetch.cache_dir", dir, folder, PlaceFor::Folder)?);
    }
    Ok(options)
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

/// How long a call waits for certificates; no download outlasts its deadline.
pub(super) fn fetch_budget(section: &FetchSection) -> Result<Duration, ConfigError> {
    let budget = read_deadline("fetch.budget_ms", section.budget_ms, FETCH_BUDGET)?;
    Ok(budget.min(fetch_deadline(section)?))
}

pub(super) fn read_fetch(
    section: &FetchSection,
    folder: &Folder,
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

const DEFAULT_REFRESH_S: u64 = 3600;
const MIN_REFRESH_S: u64 = 60;
const MAX_REFRESH_S: u64 = 7 * 24 * 3600;

/// Two days: a weekend's outage of a server is told before lists end.
const DEFAULT_MAX_LIST_AGE_S: u64 = 2 * 24 * 3600;

/// A PASSporT is worth replaying for as long as this.
const MAX_MAX_AGE_S: u64 = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn downloads_have_limits() {
        let dir = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let section: FetchSection = toml::from_str(text).unwrap();
            let certs = read_certs(&section, &Folder::new(dir.path()))?;
            Ok::<_, ConfigError>((certs, fetch_budget(&section)?))
        };
        let default = CertOptions::new(64 << 20);
        assert_eq!(read(""), Ok((default.clone(), Duration::from_millis(400))));
        let all = "budget_ms = 50\ncache_mib = 1\ncache_dir = \"certs\"\nmax_stale_s = 0\ndownloads = 8\n\
                   downloads_per_host = 2";
        let options = CertOptions::new(1 << 20).with_downloads(8, 2).with_max_stale_s(0);
        assert_eq!(read(all), Ok((options.with_dir(dir.path().join("certs")), Duration::from_millis(50))));
        let capped = read("budget_ms = 5000\ndeadline_ms = 300").unwrap();
        assert_eq!(capped, (default, Duration::from_millis(300)), "nothing is left to wait for");
        for (bad, key) in [
            ("budget_ms = 5", "budget_ms"),
            ("cache_mib = 0", "cache_mib"),
            ("cache_dir = \"missing/certs\"", "cache_dir"),
            ("downloads = 0", "downloads"),
            ("downloads = 65", "downloads"),
            ("downloads_per_host = 0", "downloads_per_host"),
        ] {
            let refused = read(bad).unwrap_err().to_string();
            assert!(
                refused.contains(&format!("fetch.{key} ")) || refused.contains(&format!("fetch.{key}:")),
                "{refused}"
            );
        }
    }

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
