//! Certificates for the call path: the cache, and behind it one download per URL at a time, within
//! limits, each a task of its own. A call waits for one as long as its budget lasts; the download goes
//! on without it.
//!
//! ```text
//! lookup ── fresh ──────────────> use it
//!        ├─ due, stale ─────────> use it, and start a download if none is under way
//!        ├─ refused, failed ────> say so
//!        └─ missing ──> wait ──> join the download of this URL, or start it if there is a place
//! ```

mod places;
mod shelf;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use shaken_core::cache::Failures;
use shaken_core::fetch::Fetcher;
use shaken_core::{CertCache, Error, Lookup, Trust, TrustedCert, X5u};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout_at};

use places::{Place, Places, Standing};
use shelf::{Shelf, Shelved};

/// Obtains trusted certificates. Outlives reloads: whom to trust comes with each request.
#[derive(Debug)]
pub struct Certs {
    options: CertOptions,
    cache: CertCache,
    flights: Mutex<HashMap<Box<str>, Flight>>,
    failures: Failures,
    places: Arc<Places>,
    /// Of all calls that wait, whatever for.
    seats: Arc<Semaphore>,
    /// URLs whose certificate a signature did not match, with the second until which none of them is
    /// fetched again for that.
    doubted: Mutex<HashMap<Box<str>, i64>>,
    shelf: Option<Arc<Shelf>>,
    counts: Counts,
    times: DownloadTimes,
}

/// How certificates are kept and how many downloads there may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertOptions {
    cache_bytes: u64,
    max_stale_s: Option<u64>,
    max_downloads: usize,
    max_per_host: usize,
    dir: Option<PathBuf>,
}

impl CertOptions {
    /// A cache of about `cache_bytes`, 64 downloads at a time of which 4 from a host, nothing on disk.
    #[must_use]
    pub fn new(cache_bytes: u64) -> Self {
        Self {
            cache_bytes,
            max_stale_s: None,
            max_downloads: MAX_DOWNLOADS,
            max_per_host: DEFAULT_PER_HOST,
            dir: None,
        }
    }

    /// For how long a certificate serves after it was fresh, while it cannot be fetched again. Without
    /// this, until its path ends.
    #[must_use]
    pub fn with_max_stale_s(self, max_stale_s: u64) -> Self {
        Self { max_stale_s: Some(max_stale_s), ..self }
    }

    /// Downloads at a time in all, 1 to [`MAX_DOWNLOADS`], and from one host.
    #[must_use]
    pub fn with_downloads(self, max: usize, max_per_host: usize) -> Self {
        Self { max_downloads: max.clamp(1, MAX_DOWNLOADS), max_per_host: max_per_host.max(1), ..self }
    }

    /// Keeps what was fetched in this folder, and begins with what is there: as bytes that are judged
    /// anew.
    #[must_use]
    pub fn with_dir(self, dir: PathBuf) -> Self {
        Self { dir: Some(dir), ..self }
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> Option<&PathBuf> {
        self.dir.as_ref()
    }
}

/// How certificates are had, and whom they must chain to.
#[derive(Clone, Debug)]
pub struct Supply {
    /// Downloads them.
    pub fetcher: Arc<Fetcher>,
    /// Judges them.
    pub trust: Trust,
}

/// What certificates were had since the start, and what is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertStats {
    /// Downloads started.
    pub downloads: u64,
    /// Those of them that gave no certificate that is trusted.
    pub failures: u64,
    /// Calls whose budget ended first.
    pub pending: u64,
    /// Downloads that were not started: too many were under way.
    pub no_place: u64,
    /// Calls that did not wait: too many did.
    pub no_seat: u64,
    /// Calls served with a certificate that should have been fetched again by then.
    pub stale: u64,
    /// Certificates that came from the disk at the start.
    pub from_disk: u64,
    /// Downloads under way.
    pub under_way: u64,
    /// Calls that wait.
    pub waiting: u64,
    /// Certificates in memory.
    pub cached: u64,
    /// Times that a certificate was there when a call wanted it.
    pub hits: u64,
    /// Times that it was not, and had to be waited for.
    pub misses: u64,
    /// Times that it was known that there is none.
    pub negative_hits: u64,
}

#[derive(Debug, Default)]
struct Counts {
    downloads: AtomicU64,
    failures: AtomicU64,
    pending: AtomicU64,
    no_place: AtomicU64,
    no_seat: AtomicU64,
    stale: AtomicU64,
    from_disk: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    negative_hits: AtomicU64,
}

/// How a download ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct DownloadLabels {
    result: &'static str,
}

/// How long downloads took, by how they ended.
pub(crate) type DownloadTimes = Family<DownloadLabels, Histogram, fn() -> Histogram>;

/// A download under way.
#[derive(Debug)]
struct Flight {
    landing: Landing,
    /// Of the calls that wait for it.
    seats: Arc<Semaphore>,
}

type Landing = watch::Receiver<Option<Outcome>>;

/// What one download gave to all who waited for it.
#[derive(Clone, Debug)]
struct Outcome {
    result: Result<Arc<TrustedCert>, Error>,
    epoch: shaken_core::trust::Epoch,
}

/// What a call that needs a download finds.
enum Joined {
    /// It has ended meanwhile.
    Landed(Result<Arc<TrustedCert>, Error>),
    Flying(Landing, Arc<Semaphore>),
}

impl Certs {
    /// Starts with what is on disk, if anything is: it is judged on a thread of its own by `supply` at
    /// `now`, while calls are served.
    #[must_use]
    pub fn new(options: CertOptions, supply: &Supply, now: i64) -> Arc<Self> {
        let cache = CertCache::new(options.cache_bytes);
        let certs = Arc::new(Self {
            cache: match options.max_stale_s {
                Some(max_stale_s) => cache.with_max_stale_s(max_stale_s),
                None => cache,
            },
            flights: Mutex::default(),
            failures: Failures::default(),
            places: Arc::new(Places::new(options.max_downloads, options.max_per_host)),
            seats: Arc::new(Semaphore::new(MAX_WAITING)),
            doubted: Mutex::default(),
            shelf: options.dir.clone().map(|dir| Arc::new(Shelf::new(dir))),
            counts: Counts::default(),
            times: Family::new_with_constructor(|| Histogram::new(exponential_buckets(1e-3, 2.0, 14))),
            options,
        });
        if let Some(shelf) = certs.shelf.clone() {
            let (certs, trust) = (Arc::clone(&certs), supply.trust.clone());
            let load = move || {
                let loaded = shelf.read(now, |shelved| certs.take_in(shelved, &trust, now));
                tracing::info!(loaded, "certificates taken from the disk");
            };
            if let Err(error) = std::thread::Builder::new().name("certs-on-disk".into()).spawn(load) {
                tracing::warn!(%error, "no thread to read certificates from the disk; they are fetched");
            }
        }
        certs
    }

    /// How it was set up.
    #[must_use]
    pub fn options(&self) -> &CertOptions {
        &self.options
    }

    /// The figures at this moment.
    #[must_use]
    pub fn stats(&self) -> CertStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let waiting = MAX_WAITING - self.seats.available_permits();
        CertStats {
            downloads: count(&self.counts.downloads),
            failures: count(&self.counts.failures),
            pending: count(&self.counts.pending),
            no_place: count(&self.counts.no_place),
            no_seat: count(&self.counts.no_seat),
            stale: count(&self.counts.stale),
            from_disk: count(&self.counts.from_disk),
            under_way: self.places.taken() as u64,
            waiting: waiting as u64,
            cached: self.cache.len() as u64,
            hits: count(&self.counts.hits),
            misses: count(&self.counts.misses),
            negative_hits: count(&self.counts.negative_hits),
        }
    }

    /// How long downloads took.
    pub(crate) fn download_times(&self) -> &DownloadTimes {
        &self.times
    }

    /// What is known about `x5u` without waiting, by the trust of `supply`: a certificate, why there is
    /// none, or nothing. One that should be fetched again is used while that is done.
    ///
    /// Needs a Tokio runtime.
    pub fn lookup(
        self: &Arc<Self>,
        x5u: &X5u<'_>,
        supply: &Arc<Supply>,
        now: i64,
    ) -> Option<Result<Arc<TrustedCert>, Error>> {
        let known = self.look_up(x5u, supply, now);
        add_one(match known {
            Some(Ok(_)) => &self.counts.hits,
            Some(Err(_)) => &self.counts.negative_hits,
            None => &self.counts.misses,
        });
        known
    }

    fn look_up(
        self: &Arc<Self>,
        x5u: &X5u<'_>,
        supply: &Arc<Supply>,
        now: i64,
    ) -> Option<Result<Arc<TrustedCert>, Error>> {
        let certificate = match self.cache.lookup(x5u.as_str(), &supply.trust, now) {
            Lookup::Fresh(certificate) => return Some(Ok(certificate)),
            Lookup::Refused(error) => return Some(Err(error)),
            Lookup::Missing => {
                return self.failures.recent(x5u.as_str(), supply.trust.epoch(), now).map(Err);
            }
            Lookup::Due(certificate) => certificate,
            Lookup::Stale(certificate) => {
                add_one(&self.counts.stale);
                certificate
            }
        };
        if self.failures.recent(x5u.as_str(), supply.trust.epoch(), now).is_none() {
            // Who cannot start it now uses what there is, and the next call tries again.
            let _ = self.join(x5u, supply, now);
        }
        Some(Ok(certificate))
    }

    /// The certificate at `x5u`, by download, trusted by `supply`. However many calls wait for one URL,
    /// there is one download, and it goes on if they give up. What is waited for until `due` is the
    /// certificate, not the end of the download.
    ///
    /// # Errors
    /// - Those of [`Fetcher::fetch`] and [`TrustedCert::from_pem`]. A failure is kept for a short time,
    ///   in which the URL is not asked again.
    /// - [`Error::FetchOverload`], at once: as many downloads as may be are under way.
    /// - [`Error::CertPending`]: it is `due`; at once, if as many calls as may wait do.
    pub async fn wait(
        self: &Arc<Self>,
        x5u: &X5u<'_>,
        supply: &Arc<Supply>,
        due: Instant,
        now: i64,
    ) -> Result<Arc<TrustedCert>, Error> {
        let (mut landing, seats) = match self.join(x5u, supply, now)? {
            Joined::Landed(result) => return result,
            Joined::Flying(landing, seats) => (landing, seats),
        };
        let (Ok(_seat), Ok(_seat_of_flight)) = (self.seats.try_acquire(), seats.try_acquire()) else {
            add_one(&self.counts.no_seat);
            return Err(Error::CertPending);
        };
        let Ok(landed) = timeout_at(due, landing.wait_for(Option::is_some)).await else {
            add_one(&self.counts.pending);
            return Err(Error::CertPending);
        };
        // The sender is dropped without a word only if the download panicked.
        let landed = landed.map_err(|_| Error::CertUnavailable)?;
        let outcome = landed.clone().ok_or(Error::CertUnavailable)?;
        drop(landed);
        if outcome.epoch == supply.trust.epoch() {
            return outcome.result;
        }
        // It was judged by the trust before this one.
        match outcome.result {
            Ok(certificate) => certificate.recheck(&supply.trust, now).map(Arc::new),
            Err(error) => Err(error),
        }
    }

    /// A signature does not match the certificate that is kept for `x5u`: perhaps there is another one
    /// by now. It is fetched again, once a minute at most, so that forged calls cause no more.
    pub fn doubt(self: &Arc<Self>, x5u: &X5u<'_>, supply: &Arc<Supply>, now: i64) {
        {
            let mut doubted = self.doubted.lock().unwrap_or_else(PoisonError::into_inner);
            if doubted.get(x5u.as_str()).is_some_and(|until| now < *until) {
                return;
            }
            if doubted.len() >= MAX_DOUBTED {
                doubted.retain(|_, until| now < *until);
            }
            if doubted.len() >= MAX_DOUBTED {
                return;
            }
            doubted.insert(x5u.as_str().into(), now.saturating_add(DOUBT_S));
        }
        let _ = self.join_or_start(x5u, supply, Again::EvenIfFresh, now);
    }

    fn join(self: &Arc<Self>, x5u: &X5u<'_>, supply: &Arc<Supply>, now: i64) -> Result<Joined, Error> {
        self.join_or_start(x5u, supply, Again::IfNotFresh, now)
    }

    fn join_or_start(
        self: &Arc<Self>,
        x5u: &X5u<'_>,
        supply: &Arc<Supply>,
        again: Again,
        now: i64,
    ) -> Result<Joined, Error> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(x5u.as_str()) {
            return Ok(Joined::Flying(flight.landing.clone(), Arc::clone(&flight.seats)));
        }
        // One may have landed since the cache was asked.
        if again == Again::IfNotFresh {
            match self.cache.lookup(x5u.as_str(), &supply.trust, now) {
                Lookup::Fresh(certificate) => return Ok(Joined::Landed(Ok(certificate))),
                Lookup::Refused(error) => return Ok(Joined::Landed(Err(error))),
                Lookup::Due(_) | Lookup::Stale(_) | Lookup::Missing => {}
            }
            if let Some(error) = self.failures.recent(x5u.as_str(), supply.trust.epoch(), now) {
                return Ok(Joined::Landed(Err(error)));
            }
        }
        let standing = if self.cache.has_seen(x5u.as_str()) { Standing::Proven } else { Standing::Unproven };
        let Some(place) = self.places.take(x5u.host(), standing, Instant::now()) else {
            add_one(&self.counts.no_place);
            return Err(Error::FetchOverload);
        };
        let (sender, landing) = watch::channel(None);
        let seats = Arc::new(Semaphore::new(MAX_WAITING_FOR_ONE));
        flights.insert(x5u.as_str().into(), Flight { landing: landing.clone(), seats: Arc::clone(&seats) });
        add_one(&self.counts.downloads);
        tokio::spawn(Arc::clone(self).fly(x5u.as_str().into(), Arc::clone(supply), now, place, sender));
        Ok(Joined::Flying(landing, seats))
    }

    async fn fly(
        self: Arc<Self>,
        url: Box<str>,
        supply: Arc<Supply>,
        now: i64,
        place: Place,
        sender: watch::Sender<Option<Outcome>>,
    ) {
        let landing = EndOfFlight { certs: &self, url: &url };
        let epoch = supply.trust.epoch();
        let began = Instant::now();
        let downloaded = self.download(&url, &supply, now).await;
        let result = if downloaded.is_ok() { "trusted" } else { "failed" };
        self.times.get_or_create(&DownloadLabels { result }).observe(began.elapsed().as_secs_f64());
        let (result, shelved) = match downloaded {
            Ok((certificate, shelved)) => {
                tracing::info!("certificate fetched");
                place.has_proven_its_host();
                (Ok(certificate), Some(shelved))
            }
            Err(error) => {
                tracing::info!(error = error.name(), "certificate not available");
                add_one(&self.counts.failures);
                self.failures.note(&url, error, epoch, now);
                (Err(error), None)
            }
        };
        // Who comes after this finds the cache filled, or the failure noted.
        drop(landing);
        drop(place);
        let _ = sender.send(Some(Outcome { result, epoch }));
        if let (Some(shelf), Some(shelved)) = (self.shelf.clone(), shelved) {
            // A slow disk must not keep a place.
            tokio::task::spawn_blocking(move || shelf.put(&shelved));
        }
    }

    async fn download(
        &self,
        url: &str,
        supply: &Supply,
        now: i64,
    ) -> Result<(Arc<TrustedCert>, Shelved), Error> {
        let fetched = supply.fetcher.fetch(&X5u::parse(url)?).await?;
        let certificate = Arc::new(TrustedCert::from_pem(&fetched.body, &supply.trust, now)?);
        let max_age_s = fetched.max_age.map(|age| age.as_secs());
        self.cache.insert(url, Arc::clone(&certificate), max_age_s, now);
        let shelved = Shelved { url: url.to_owned(), fetched_at: now, max_age_s, body: fetched.body };
        Ok((certificate, shelved))
    }

    /// Judges what was on disk as if it had come just now, and trusts nothing else that stood there:
    /// what it says of its age can make it old and not young.
    fn take_in(&self, shelved: &Shelved, trust: &Trust, now: i64) -> Result<(), Error> {
        let x5u = X5u::parse(&shelved.url)?;
        let certificate = Arc::new(TrustedCert::from_pem(&shelved.body, trust, now)?);
        if !self.cache.has_seen(x5u.as_str()) {
            self.cache.insert(x5u.as_str(), certificate, shelved.max_age_s, shelved.fetched_at.min(now));
            self.places.prove(x5u.host());
            add_one(&self.counts.from_disk);
        }
        Ok(())
    }
}

/// Whether a URL is fetched although its certificate is fresh.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    IfNotFresh,
    EvenIfFresh,
}

/// Ends a flight in the table even if the download panics.
struct EndOfFlight<'a> {
    certs: &'a Certs,
    url: &'a str,
}

impl Drop for EndOfFlight<'_> {
    fn drop(&mut self) {
        self.certs.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(self.url);
    }
}

fn add_one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The most downloads at a time, and the default.
pub const MAX_DOWNLOADS: usize = 64;

/// Many, for certificates are small, and few enough that a host which hangs holds up only itself.
pub const DEFAULT_PER_HOST: usize = 4;

/// How many calls may wait for one download.
const MAX_WAITING_FOR_ONE: usize = 1024;

/// How many may wait in all; each takes some ten kilobytes.
const MAX_WAITING: usize = 4096;

/// How long a certificate that a signature did not match is left alone after it was fetched for that.
const DOUBT_S: i64 = 60;

const MAX_DOUBTED: usize = 10_000;
