//! Certificates for the call path: the cache, and behind it one download per URL at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use shaken_core::fetch::Fetcher;
use shaken_core::trust::Epoch;
use shaken_core::{CertCache, Error, Lookup, Trust, TrustedCert, X5u};
use tokio::sync::watch;

/// Obtains trusted certificates. Outlives reloads: whom to trust comes with each request.
#[derive(Debug)]
pub struct Certs {
    cache: CertCache,
    max_bytes: u64,
    /// Downloads under way, by URL.
    flights: Mutex<HashMap<Box<str>, watch::Receiver<Option<Outcome>>>>,
    /// Recent failures by URL, with the second until which they are not tried again.
    failures: Mutex<HashMap<Box<str>, Failed>>,
}

/// How certificates are had, and whom they must chain to.
#[derive(Clone, Debug)]
pub struct Supply {
    /// Downloads them.
    pub fetcher: Arc<Fetcher>,
    /// Judges them.
    pub trust: Trust,
}

#[derive(Clone, Copy, Debug)]
struct Failed {
    error: Error,
    until: i64,
    /// Another trust may find otherwise.
    epoch: Epoch,
}

/// What one download gave to all who waited for it.
#[derive(Clone, Debug)]
struct Outcome {
    result: Result<Arc<TrustedCert>, Error>,
    epoch: Epoch,
}

impl Certs {
    /// An empty cache of `max_bytes`.
    #[must_use]
    pub fn new(max_bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            cache: CertCache::new(max_bytes),
            max_bytes,
            flights: Mutex::default(),
            failures: Mutex::default(),
        })
    }

    /// How much memory the cache may take.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// The certificate at `x5u`, from the cache or by download, trusted by `supply`. However many calls wait for one
    /// URL, there is one download, and it goes on if they give up. When a certificate that was
    /// fresh enough before cannot be fetched again, it serves until its path ends.
    ///
    /// # Errors
    /// Those of [`Fetcher::fetch`] and [`TrustedCert::from_pem`]. A failure is kept for a short
    /// time, in which the URL is not asked again.
    pub async fn obtain(
        self: &Arc<Self>,
        x5u: &X5u<'_>,
        supply: &Arc<Supply>,
        now: i64,
    ) -> Result<Arc<TrustedCert>, Error> {
        let stale = match self.cache.lookup(x5u.as_str(), &supply.trust, now) {
            Lookup::Fresh(certificate) => return Ok(certificate),
            Lookup::Stale(certificate) => Some(certificate),
            Lookup::Refused(error) => return Err(error),
            Lookup::Missing => None,
        };
        let outcome = match self.recent_failure(x5u.as_str(), supply, now) {
            Some(error) => Err(error),
            None => self.join_flight(x5u, supply, now).await,
        };
        // The window of a stale certificate is checked with every call, as that of a fresh one.
        outcome.or_else(|error| stale.ok_or(error))
    }

    async fn join_flight(
        self: &Arc<Self>,
        x5u: &X5u<'_>,
        supply: &Arc<Supply>,
        now: i64,
    ) -> Result<Arc<TrustedCert>, Error> {
        let mut landing = {
            let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
            match flights.get(x5u.as_str()) {
                Some(landing) => landing.clone(),
                None => {
                    let (sender, receiver) = watch::channel(None);
                    flights.insert(x5u.as_str().into(), receiver.clone());
                    let supply = Arc::clone(supply);
                    tokio::spawn(Arc::clone(self).fly(x5u.as_str().into(), supply, now, sender));
                    receiver
                }
            }
        };
        // The sender is dropped without a word only if the download panicked.
        let landed = landing.wait_for(Option::is_some).await.map_err(|_| Error::CertUnavailable)?;
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

    async fn fly(
        self: Arc<Self>,
        url: Box<str>,
        supply: Arc<Supply>,
        now: i64,
        sender: watch::Sender<Option<Outcome>>,
    ) {
        let landing = Landing { certs: &self, url: &url };
        let epoch = supply.trust.epoch();
        let result = self.download(&url, &supply, now).await;
        match &result {
            Ok(_) => tracing::info!("certificate fetched"),
            Err(error) => {
                tracing::info!(error = error.name(), "certificate not available");
                self.note_failure(&url, *error, epoch, now);
            }
        }
        // Who comes after this finds the cache filled, or the failure noted.
        drop(landing);
        let _ = sender.send(Some(Outcome { result, epoch }));
    }

    async fn download(&self, url: &str, supply: &Supply, now: i64) -> Result<Arc<TrustedCert>, Error> {
        let fetched = supply.fetcher.fetch(&X5u::parse(url)?).await?;
        let certificate = Arc::new(TrustedCert::from_pem(&fetched.body, &supply.trust, now)?);
        let max_age_s = fetched.max_age.map(|age| age.as_secs());
        self.cache.insert(url, Arc::clone(&certificate), max_age_s, now);
        Ok(certificate)
    }

    fn recent_failure(&self, url: &str, supply: &Supply, now: i64) -> Option<Error> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = failures.get(url)?;
        (now < failed.until && failed.epoch == supply.trust.epoch()).then_some(failed.error)
    }

    fn note_failure(&self, url: &str, error: Error, epoch: Epoch, now: i64) {
        let keep_s = match error {
            // Nobody knows about the URL itself: it was never asked.
            Error::FetchOverload => return,
            Error::FetchDeadline | Error::FetchConnect => RETRY_SOON_S,
            Error::FetchStatus { status: 500.. } => RETRY_SOON_S,
            _ => RETRY_LATER_S,
        };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MAX_FAILURES {
            failures.retain(|_, failed| now < failed.until);
        }
        if failures.len() < MAX_FAILURES {
            failures.insert(url.into(), Failed { error, until: now + keep_s, epoch });
        }
    }
}

/// Ends a flight in the table even if the download panics.
struct Landing<'a> {
    certs: &'a Certs,
    url: &'a str,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.certs.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(self.url);
    }
}

/// After a time-out or a fault of the repository.
const RETRY_SOON_S: i64 = 10;

/// After an answer that will not be better in a moment.
const RETRY_LATER_S: i64 = 60;

/// How many failures are kept. When all are recent, further ones are forgotten at once, which
/// costs a download each and no memory.
const MAX_FAILURES: usize = 10_000;
