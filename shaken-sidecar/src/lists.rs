//! What the STI-PA publishes and the daemon keeps fresh: revocation lists, and the list of approved
//! STI-CAs. Where they come from, how they are checked, and how old they are. The schedule is
//! [`refresh`]'s, the copies on disk are those of `kept`.

mod kept;
pub mod refresh;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use shaken_core::cert::crl::{self, Crl, TrustedCrl};
use shaken_core::cert::{Certificate, read_chain};
use shaken_core::fetch::Fetcher;
use shaken_core::trust::{CaList, CaListToken, ExpiredCaList, StiPa};
use shaken_core::{Error, Trust, X5u};

use kept::Kept;

/// The lists that a configuration names.
#[derive(Debug)]
pub struct Lists {
    sti_pa: StiPa,
    signers: Vec<Certificate>,
    sources: Vec<Source>,
    fetcher: Fetcher,
    dir: Option<PathBuf>,
    refresh: Duration,
    max_age: Duration,
    expired: ExpiredCaList,
    /// Of each source, in their order.
    status: Mutex<Vec<Status>>,
}

/// Where a list is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A revocation list behind a URL.
    CrlUrl(String),
    /// A revocation list in a file.
    CrlFile(PathBuf),
    /// The list of approved STI-CAs behind a URL.
    CaListUrl(String),
}

impl Source {
    /// Whether it has to be fetched.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        !matches!(self, Self::CrlFile(_))
    }

    fn is_crl(&self) -> bool {
        !matches!(self, Self::CaListUrl(_))
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CrlUrl(url) => write!(f, "the revocation list at {url}"),
            Self::CrlFile(path) => write!(f, "the revocation list {}", path.display()),
            Self::CaListUrl(url) => write!(f, "the list of STI-CAs at {url}"),
        }
    }
}

/// How a source does.
#[derive(Clone, Debug)]
struct Status {
    /// When it was last had whole and good, seconds since 1970.
    good_at: Option<i64>,
    /// Failures since then.
    failures: u32,
    /// When it is looked at next.
    due: Instant,
}

/// How the lists do, for readiness and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListsState {
    /// Age of the oldest revocation list: since it was last had from its source. Nothing if there is none.
    pub crl_age_s: Option<u64>,
    /// Age of the list of approved STI-CAs.
    pub ca_list_age_s: Option<u64>,
    /// Lists that were never had.
    pub missing: u64,
    /// Lists that are older than they may be.
    pub too_old: u64,
    /// Lists whose last attempt failed.
    pub failing: u64,
}

/// A list that was checked, and what it was made of.
#[derive(Debug)]
struct Checked {
    content: Content,
    body: Vec<u8>,
    signer: Vec<u8>,
}

#[derive(Debug)]
enum Content {
    Crl(Arc<TrustedCrl>),
    CaList(Arc<CaList>),
}

/// A file that was read.
pub(crate) struct ListFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// What is known at the start.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) files: Vec<ListFile>,
    pub(crate) warnings: Vec<String>,
}

impl Lists {
    /// The lists at `sources`, which `sti_pa` vouches for. `signers` are certificates that may have signed
    /// revocation lists; without any, they are fetched from where a list says, on the list's own host.
    #[must_use]
    pub fn new(sti_pa: StiPa, signers: Vec<Certificate>, sources: Vec<Source>, fetcher: Fetcher) -> Self {
        let status = Status { good_at: None, failures: 0, due: Instant::now() };
        let status = Mutex::new(vec![status; sources.len()]);
        let (refresh, max_age) = (Duration::from_secs(3600), Duration::from_secs(2 * 24 * 3600));
        let expired = ExpiredCaList::Refuse;
        Self { sti_pa, signers, sources, fetcher, dir: None, refresh, max_age, expired, status }
    }

    /// Keeps the last good ones in `dir`.
    #[must_use]
    pub fn with_dir(self, dir: Option<PathBuf>) -> Self {
        Self { dir, ..self }
    }

    /// Fetches every `refresh`, a tenth more or less; what is older than `max_age` is too old.
    #[must_use]
    pub fn with_times(self, refresh: Duration, max_age: Duration) -> Self {
        Self { refresh, max_age, ..self }
    }

    /// What becomes of a list of approved STI-CAs that has ended.
    #[must_use]
    pub fn with_expired(self, expired: ExpiredCaList) -> Self {
        Self { expired, ..self }
    }

    /// Where the last good ones are kept.
    #[must_use]
    pub fn dir(&self) -> Option<&Path> {
        self.dir.as_deref()
    }

    /// How they do at `now`, in seconds since 1970.
    #[must_use]
    pub fn state(&self, now: i64) -> ListsState {
        let mut state = ListsState::default();
        for (source, status) in self.sources.iter().zip(self.status().iter()) {
            state.failing += u64::from(status.failures > 0);
            let Some(good_at) = status.good_at else {
                state.missing += 1;
                continue;
            };
            let age_s = now.saturating_sub(good_at).max(0).unsigned_abs();
            state.too_old += u64::from(age_s > self.max_age.as_secs());
            let oldest = if source.is_crl() { &mut state.crl_age_s } else { &mut state.ca_list_age_s };
            *oldest = (*oldest).max(Some(age_s));
        }
        state
    }

    /// Puts into `trust` what is in files and what was kept of the rest.
    ///
    /// # Errors
    /// A text about the file that is no good list. What was kept and is no good any more is a warning.
    pub(crate) fn load(&self, trust: &mut Trust, now: i64) -> Result<Known, String> {
        let mut known = Known::default();
        for (index, source) in self.sources.iter().enumerate() {
            match source {
                Source::CrlFile(path) => {
                    let bytes = std::fs::read(path).map_err(|error| format!("{source}: {error}"))?;
                    let apply = |trust: &mut Trust| {
                        apply(trust, &Content::Crl(self.check_crl(&bytes, &[], now)?)).map(drop)
                    };
                    apply(trust).map_err(|error| format!("{source}: {error} ({})", error.name()))?;
                    self.note_good(index, now, now);
                    known.files.push(ListFile { path: path.clone(), bytes });
                }
                Source::CrlUrl(url) | Source::CaListUrl(url) => match self.load_kept(source, url, trust, now)
                {
                    Ok(Some(fetched_at)) => self.note_good(index, fetched_at, now),
                    Ok(None) => {}
                    Err(why) => known.warnings.push(format!("the kept copy of {source} is of no use: {why}")),
                },
            }
        }
        Ok(known)
    }

    /// Answers when it was fetched.
    fn load_kept(
        &self,
        source: &Source,
        url: &str,
        trust: &mut Trust,
        now: i64,
    ) -> Result<Option<i64>, String> {
        let Some(dir) = &self.dir else { return Ok(None) };
        let Some(kept) = Kept::read(dir, url)? else { return Ok(None) };
        if let Some(sequence) = kept.sequence {
            *trust = trust.clone().with_ca_list_floor(sequence);
        }
        // An ended list that is to be used on was good when it came.
        let at = match (source, self.expired) {
            (Source::CaListUrl(_), ExpiredCaList::KeepUsing) => now.min(kept.fetched_at),
            _ => now,
        };
        let content = self.check(source, &kept.body, &kept.signer, at);
        content
            .and_then(|content| apply(trust, &content))
            .map_err(|error| format!("{error} ({})", error.name()))?;
        Ok(Some(kept.fetched_at))
    }

    /// Gets a list and what it takes to check it.
    async fn fetch(&self, source: &Source) -> Result<(Vec<u8>, Vec<u8>), Trouble> {
        let url = match source {
            Source::CrlFile(path) => {
                let path = path.clone();
                // A disk may be slow, and calls are worked on here.
                let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
                let bytes = read.map_err(std::io::Error::other).flatten().map_err(Trouble::File)?;
                return Ok((bytes, Vec::new()));
            }
            Source::CrlUrl(url) | Source::CaListUrl(url) => X5u::parse(url)?,
        };
        let body = self.fetcher.fetch(&url).await?.body;
        let signer_url = match source {
            Source::CaListUrl(_) => Some(CaListToken::from_body(&body, &url)?.x5u().to_owned()),
            _ if !self.signers.is_empty() => None,
            _ => Crl::from_der(&crl::decode(&body)?)?.signer_url().map(str::to_owned),
        };
        let Some(signer_url) = signer_url else { return Ok((body, Vec::new())) };
        let signer_url = X5u::parse(&signer_url)?;
        // Nothing of the list is proven yet: it must not choose whom we connect to.
        if !signer_url.host().eq_ignore_ascii_case(url.host()) {
            return Err(Error::CaListHost.into());
        }
        let signer = self.fetcher.fetch(&signer_url).await?.body;
        Ok((body, signer))
    }

    fn check(&self, source: &Source, body: &[u8], signer: &[u8], now: i64) -> Result<Content, Error> {
        match source {
            Source::CrlUrl(_) | Source::CrlFile(_) => self.check_crl(body, signer, now).map(Content::Crl),
            Source::CaListUrl(url) => {
                let list =
                    CaListToken::from_body(body, &X5u::parse(url)?)?.verify(signer, &self.sti_pa, now)?;
                Ok(Content::CaList(Arc::new(list)))
            }
        }
    }

    fn check_crl(&self, body: &[u8], signer: &[u8], now: i64) -> Result<Arc<TrustedCrl>, Error> {
        let der = crl::decode(body)?;
        let list = Crl::from_der(&der)?;
        let fetched = if signer.is_empty() { Vec::new() } else { read_chain(signer)? };
        let signers: Vec<Certificate> = self.signers.iter().cloned().chain(fetched).collect();
        Ok(Arc::new(list.verify(&signers, &self.sti_pa, now)?))
    }

    /// Keeps a list that is in force.
    fn keep(&self, source: &Source, list: &Checked, now: i64) -> Result<(), String> {
        let (Some(dir), Source::CrlUrl(url) | Source::CaListUrl(url)) = (&self.dir, source) else {
            return Ok(());
        };
        let sequence = match &list.content {
            Content::CaList(list) => Some(list.sequence()),
            Content::Crl(_) => None,
        };
        let kept = Kept { fetched_at: now, sequence, body: list.body.clone(), signer: list.signer.clone() };
        kept.write(dir, url)
    }

    fn note_good(&self, index: usize, good_at: i64, now: i64) {
        let age = Duration::from_secs(now.saturating_sub(good_at).max(0).unsigned_abs());
        let due = Instant::now() + refresh::jittered(self.refresh).saturating_sub(age);
        if let Some(status) = self.status().get_mut(index) {
            *status = Status { good_at: Some(good_at), failures: 0, due };
        }
    }

    fn status(&self) -> MutexGuard<'_, Vec<Status>> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a list could not be had.
#[derive(Debug)]
enum Trouble {
    File(std::io::Error),
    List(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::List(error)
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::List(error) => write!(f, "{error} ({})", error.name()),
        }
    }
}

/// Puts a list in the place of the one before it.
fn apply(trust: &mut Trust, content: &Content) -> Result<(), Error> {
    match content {
        Content::Crl(list) => trust.update_crl(Arc::clone(list)),
        Content::CaList(list) => trust.update_ca_list(Arc::clone(list)).map(drop),
    }
}

/// Time for one list: some ten megabytes.
pub(crate) const FETCH_DEADLINE: Duration = Duration::from_secs(30);

/// Longest list that is read: the largest that a revocation list may be, as PEM.
pub(crate) const MAX_BODY_BYTES: usize = crl::MAX_DER_LEN / 3 * 4 + crl::MAX_DER_LEN / 16;
