//! A bounded cache of certificates by URL. No clock, no I/O.

use std::sync::Arc;

use moka::sync::Cache;

use crate::cert::TrustedCert;

/// Least time that an entry counts as fresh (ATIS-1000074: 24 hours where the repository says
/// nothing, or less).
const MIN_FRESH_S: i64 = 24 * 3600;

/// Longest time that an entry counts as fresh, whatever the repository says.
const MAX_FRESH_S: i64 = 7 * 24 * 3600;

/// What an entry costs besides its URL and certificate.
const ENTRY_OVERHEAD: usize = 512;

/// Trusted certificates by the exact bytes of their URL. Entries that are asked for often stay
/// when the cache is full, so a flood of URLs that nobody asks for twice does not push them out.
#[derive(Debug)]
pub struct CertCache {
    entries: Cache<Arc<str>, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    certificate: Arc<TrustedCert>,
    fresh_until: i64,
}

/// What the cache has for a URL.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "an entry is there and fresh, there and old, or not there")]
pub enum Lookup {
    /// Use it.
    Fresh(Arc<TrustedCert>),
    /// Fetch it again; use this one if that fails and the certificate is still valid.
    Stale(Arc<TrustedCert>),
    /// Fetch it.
    Missing,
}

impl CertCache {
    /// A cache that holds about `max_bytes` in all.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        let entries = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|url: &Arc<str>, entry: &Entry| {
                let len = ENTRY_OVERHEAD + url.len() + entry.certificate.memory_len();
                u32::try_from(len).unwrap_or(u32::MAX)
            })
            .build();
        Self { entries }
    }

    /// Looks `url` up at `now`, in seconds since 1970.
    #[must_use]
    pub fn lookup(&self, url: &str, now: i64) -> Lookup {
        match self.entries.get(url) {
            Some(entry) if now <= entry.fresh_until => Lookup::Fresh(entry.certificate),
            Some(entry) => Lookup::Stale(entry.certificate),
            None => Lookup::Missing,
        }
    }

    /// Keeps `certificate` for `url`. It is fresh for `max_age_s` seconds, which are raised to
    /// 24 hours and cut at 7 days and at the end of the certificate's path.
    pub fn insert(&self, url: &str, certificate: Arc<TrustedCert>, max_age_s: Option<u64>, now: i64) {
        let max_age_s = max_age_s.map_or(MIN_FRESH_S, |s| i64::try_from(s).unwrap_or(i64::MAX));
        let fresh_until =
            now.saturating_add(max_age_s.clamp(MIN_FRESH_S, MAX_FRESH_S)).min(certificate.not_after());
        self.entries.insert(url.into(), Entry { certificate, fresh_until });
    }

    /// About how many certificates are in the cache.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.entries.entry_count()
    }

    /// Whether the cache is empty, about as exactly as [`len`](Self::len).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
