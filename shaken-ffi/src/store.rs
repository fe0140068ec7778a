//! The certificates that calls are judged by, shared with the thread that fetches them.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use shaken_core::cache::Failures;
use shaken_core::tables::{self, TableOptions, Tables};
use shaken_core::{CertCache, Error, Lookup, TrustedCert, X5u};

use crate::guard::Failure;

/// Certificates by URL, URLs that failed lately, and whom to trust.
#[derive(Debug)]
pub(crate) struct Store {
    cache: CertCache,
    failures: Failures,
    trust: RwLock<Arc<shaken_core::Trust>>,
    tables: Mutex<tables::Builder>,
}

/// What the store has for a URL.
pub(crate) enum Found {
    /// Use it.
    Fresh(Arc<TrustedCert>),
    /// Use it, and fetch it again meanwhile if that can be done.
    Old(Arc<TrustedCert>),
    /// There is none, for this reason.
    Refused(Error),
    /// Obtain it.
    Missing,
}

impl Store {
    /// Empty, and the tables that it will fill.
    pub(crate) fn new(trust: Arc<shaken_core::Trust>, cache_bytes: u64) -> (Self, Arc<Tables>) {
        // A difference ends the use of all tables, and nobody is there to be told.
        let (tables, builder) = Tables::new(TableOptions::default(), |_| {});
        let store = Self {
            cache: CertCache::new(cache_bytes),
            failures: Failures::default(),
            trust: RwLock::new(trust),
            tables: Mutex::new(builder),
        };
        (store, tables)
    }

    pub(crate) fn trust(&self) -> Arc<shaken_core::Trust> {
        Arc::clone(&self.trust.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_trust(&self, trust: Arc<shaken_core::Trust>) {
        *self.trust.write().unwrap_or_else(PoisonError::into_inner) = trust;
    }

    /// Looks `url` up at `now`, in seconds since 1970.
    pub(crate) fn find(&self, url: &str, trust: &shaken_core::Trust, now: i64) -> Found {
        match self.cache.lookup(url, trust, now) {
            Lookup::Fresh(certificate) => Found::Fresh(certificate),
            Lookup::Due(certificate) | Lookup::Stale(certificate) => Found::Old(certificate),
            Lookup::Refused(error) => Found::Refused(error),
            Lookup::Missing => match self.failures.recent(url, trust.epoch(), now) {
                Some(error) => Found::Refused(error),
                None => Found::Missing,
            },
        }
    }

    /// Whether a good certificate came from `url` and is remembered.
    pub(crate) fn has_seen(&self, url: &str) -> bool {
        self.cache.has_seen(url)
    }

    /// Whether `url` failed lately.
    pub(crate) fn has_failed(&self, url: &str, now: i64) -> bool {
        self.failures.recent(url, self.trust().epoch(), now).is_some()
    }

    /// Judges what was found at `url` and keeps it, or that it is refused.
    ///
    /// # Errors
    /// Those of [`X5u::parse`] and [`TrustedCert::from_pem`].
    pub(crate) fn insert(
        &self,
        url: &str,
        chain: &[u8],
        max_age_s: Option<u64>,
        now: i64,
    ) -> Result<(), Failure> {
        X5u::parse(url)?;
        let trust = self.trust();
        match TrustedCert::from_pem(chain, &trust, now) {
            Ok(certificate) => self.cache.insert(url, Arc::new(certificate), max_age_s, now),
            Err(error) => {
                self.failures.note(url, error, trust.epoch(), now);
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Notes that nothing could be had from `url`.
    ///
    /// # Errors
    /// Those of [`X5u::parse`].
    pub(crate) fn note_failure(&self, url: &str, error: Error, now: i64) -> Result<(), Failure> {
        X5u::parse(url)?;
        self.failures.note(url, error, self.trust().epoch(), now);
        Ok(())
    }

    /// Makes the tables that are asked for, of which each takes some milliseconds.
    pub(crate) fn build_tables(&self) {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).run_once();
    }
}
