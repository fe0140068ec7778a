//! A bounded cache of certificates by URL. No clock, no I/O.

mod failures;

use std::sync::Arc;
use std::time::Duration;

use quick_cache::Weighter;
use quick_cache::sync::{Cache, EntryAction};

use crate::Error;
use crate::cert::TrustedCert;
use crate::trust::{Epoch, Trust};
pub use failures::Failures;

/// Least time that an entry counts as fresh (ATIS-1000074: 24 hours where the repository says
/// nothing, or less).
const MIN_FRESH_S: i64 = 24 * 3600;

/// Longest time that an entry counts as fresh, whatever the repository says.
const MAX_FRESH_S: i64 = 7 * 24 * 3600;

/// Which part of the time that an entry is fresh passes before it is [`Lookup::Due`].
const DUE_AFTER: (i64, i64) = (4, 5);

/// How long a refusal counts before the certificate is judged again by the same trust: a clock
/// that was wrong for a moment must not refuse it for a day.
const REFUSED_S: i64 = 60;

/// What an entry costs besides its URL and certificate.
const ENTRY_OVERHEAD: usize = 512;

/// What a certificate of two or three in its chain takes here, for the size of what is remembered
/// about entries that were dropped.
const USUAL_ENTRY_BYTES: u64 = 8 * 1024;

/// Trusted certificates by the exact bytes of their URL. Entries that are asked for often stay
/// when the cache is full, so a flood of URLs that nobody asks for twice does not push them out.
///
/// When anchors, lists or their dates change, an entry is judged again at its next lookup, from
/// the certificates it kept. That takes no download, and at most as long as a path search may.
///
/// A lookup takes no part in the housekeeping: it allocates nothing, and frees nothing that another
/// thread has put out.
#[derive(Debug)]
pub struct CertCache {
    entries: Cache<Arc<str>, Entry, Weight>,
    max_stale_s: i64,
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<Arc<str>, Entry> for Weight {
    fn weight(&self, url: &Arc<str>, entry: &Entry) -> u64 {
        let len = ENTRY_OVERHEAD + url.len() + entry.certificate.memory_len();
        u64::try_from(len).unwrap_or(u64::MAX)
    }
}

#[derive(Clone, Debug)]
struct Entry {
    /// As last accepted.
    certificate: Arc<TrustedCert>,
    due_at: i64,
    fresh_until: i64,
    refusal: Option<Refusal>,
}

/// Why a certificate that was accepted before is not any more.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    error: Error,
    epoch: Epoch,
    judged_at: i64,
}

impl Entry {
    fn is_judged_by(&self, trust: &Trust, now: i64) -> bool {
        match self.refusal {
            None => self.certificate.is_judged_by(trust, now),
            Some(Refusal { epoch, judged_at, .. }) => {
                epoch == trust.epoch() && now.abs_diff(judged_at) <= REFUSED_S.unsigned_abs()
            }
        }
    }

    fn stale_until(&self, max_stale_s: i64) -> i64 {
        self.fresh_until.saturating_add(max_stale_s).min(self.certificate.not_after())
    }

    fn judge(self, trust: &Trust, now: i64) -> Self {
        match self.certificate.recheck(trust, now) {
            Ok(certificate) => {
                let fresh_until = self.fresh_until.min(certificate.not_after());
                Self { certificate: Arc::new(certificate), fresh_until, refusal: None, ..self }
            }
            Err(error) => {
                let refusal = Some(Refusal { error, epoch: trust.epoch(), judged_at: now });
                Self { refusal, ..self }
            }
        }
    }
}

/// What the cache has for a URL.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "an entry is fresh, old, refused or not there")]
pub enum Lookup {
    /// Use it.
    Fresh(Arc<TrustedCert>),
    /// Use it, and fetch it again meanwhile: it will not be fresh for long.
    Due(Arc<TrustedCert>),
    /// Fetch it again; use this one if that fails and the certificate is still valid.
    Stale(Arc<TrustedCert>),
    /// The certificate was trusted and is not any more, for this reason. Do not fetch it again:
    /// what is at a URL does not change.
    Refused(Error),
    /// Fetch it.
    Missing,
}

impl CertCache {
    /// A cache that holds about `max_bytes` in all.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        let usual_entries = usize::try_from(max_bytes / USUAL_ENTRY_BYTES).unwrap_or(usize::MAX);
        let entries = Cache::with_weighter(usual_entries.max(1), max_bytes, Weight);
        Self { entries, max_stale_s: i64::MAX }
    }

    /// For how many seconds an entry is [`Lookup::Stale`] after it was fresh, before it is
    /// [`Lookup::Missing`]. Without this, until its path ends.
    #[must_use]
    pub fn with_max_stale_s(self, max_stale_s: u64) -> Self {
        Self { max_stale_s: i64::try_from(max_stale_s).unwrap_or(i64::MAX), ..self }
    }

    /// Looks `url` up at `now`, in seconds since 1970. What is found is trusted by `trust` as it is
    /// now.
    #[must_use]
    pub fn lookup(&self, url: &str, trust: &Trust, now: i64) -> Lookup {
        let Some(mut entry) = self.entries.get(url) else {
            return Lookup::Missing;
        };
        if !entry.is_judged_by(trust, now) {
            entry = self.judge_again(url, entry, trust, now);
        }
        let is_fresh = now <= entry.fresh_until;
        match entry.refusal {
            None if now < entry.due_at => Lookup::Fresh(entry.certificate),
            None if is_fresh => Lookup::Due(entry.certificate),
            None if now <= entry.stale_until(self.max_stale_s) => Lookup::Stale(entry.certificate),
            None => Lookup::Missing,
            Some(refusal) if is_fresh => Lookup::Refused(refusal.error),
            Some(_) => Lookup::Missing,
        }
    }

    fn judge_again(&self, url: &str, entry: Entry, trust: &Trust, now: i64) -> Entry {
        let before = Arc::clone(&entry.certificate);
        let judged = entry.judge(trust, now);
        // Only in the place of what was judged: meanwhile another may have been fetched.
        self.entries.entry::<Arc<str>, ()>(&url.into(), Some(Duration::ZERO), |_, current| {
            if Arc::ptr_eq(&current.certificate, &before) {
                current.clone_from(&judged);
            }
            EntryAction::Retain(())
        });
        judged
    }

    /// Keeps `certificate` for `url`. It is fresh for `max_age_s` seconds, which are raised to
    /// 24 hours and cut at 7 days and at the end of the certificate's path.
    pub fn insert(&self, url: &str, certificate: Arc<TrustedCert>, max_age_s: Option<u64>, now: i64) {
        let max_age_s = max_age_s.map_or(MIN_FRESH_S, |s| i64::try_from(s).unwrap_or(i64::MAX));
        let fresh_until =
            now.saturating_add(max_age_s.clamp(MIN_FRESH_S, MAX_FRESH_S)).min(certificate.not_after());
        let (part, whole) = DUE_AFTER;
        let due_at = now.saturating_add(fresh_until.saturating_sub(now) / whole * part);
        self.entries.insert(url.into(), Entry { certificate, due_at, fresh_until, refusal: None });
    }

    /// Whether a certificate from `url` was trusted and is remembered, in whatever state it is now.
    #[must_use]
    pub fn has_seen(&self, url: &str) -> bool {
        self.entries.contains_key(url)
    }

    /// How many certificates are in the cache.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the cache is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
