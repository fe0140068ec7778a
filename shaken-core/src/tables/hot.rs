//! How much a key is in use, and its table once it has one.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use arrayvec::ArrayVec;

use super::Tables;
use crate::Error;
use crate::es256::table::Table;
use crate::es256::{Signature, VerifyingKey};

/// A public key and how much it is in use, for those who verify signatures without a
/// [`TrustedCert`](crate::TrustedCert): nothing says whose key it is.
#[derive(Debug)]
pub struct KnownKey {
    key: VerifyingKey,
    hot: Arc<HotKey>,
}

impl KnownKey {
    /// A key that was not used yet.
    #[must_use]
    pub fn new(key: VerifyingKey) -> Self {
        Self { key, hot: Arc::default() }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// As [`VerifyingKey::verify`], by the table of the key if it has one in `tables`, at `now` in
    /// seconds since 1970.
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`].
    pub fn verify(
        &self,
        tables: &Tables,
        message: &[u8],
        signature: &Signature,
        now: i64,
    ) -> Result<(), Error> {
        tables.verify(&self.key, &self.hot, message, signature, now)
    }
}

/// The use of one certificate's key. Made with the certificate, so that no call allocates it.
#[derive(Debug, Default)]
pub(crate) struct HotKey {
    /// The period in the upper half, the calls that count in it in the lower.
    calls: AtomicU64,
    /// The period in which a table was asked for, 0 if never.
    asked: AtomicU32,
    /// How many acceptances by the table were confirmed, up to [`FRESH_ACCEPTANCES`].
    confirmed: AtomicU8,
    table: RwLock<Option<Arc<Table>>>,
}

impl HotKey {
    pub(super) fn table(&self) -> Option<Arc<Table>> {
        // Whoever writes is about to change it: do without, rather than wait.
        self.table.try_read().ok()?.clone()
    }

    /// Gives or takes away the table.
    pub(super) fn set_table(&self, table: Option<Arc<Table>>) {
        self.confirmed.store(0, Ordering::Relaxed);
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
    }

    /// Counts an accepted call at `now` and answers how many count: those of earlier periods count
    /// half, a quarter, and so on. Of calls at the same instant one may go uncounted.
    pub(super) fn count_call(&self, now: i64) -> u32 {
        let calls = self.calls_at(now).saturating_add(1);
        self.calls.store(u64::from(period(now)) << 32 | u64::from(calls), Ordering::Relaxed);
        calls
    }

    /// How many calls count at `now`.
    pub(super) fn calls_at(&self, now: i64) -> u32 {
        let [then, calls] = halves(self.calls.load(Ordering::Relaxed));
        calls.checked_shr(period(now).saturating_sub(then)).unwrap_or(0)
    }

    /// Whether there is neither a table, nor was one refused lately.
    pub(super) fn may_ask(&self, now: i64) -> bool {
        self.asked.load(Ordering::Relaxed) != period(now) && self.table().is_none()
    }

    pub(super) fn has_asked(&self, now: i64) {
        self.asked.store(period(now), Ordering::Relaxed);
    }

    /// Whether this acceptance is one of the first by this table.
    pub(super) fn is_fresh(&self) -> bool {
        let confirmed = self.confirmed.load(Ordering::Relaxed);
        if confirmed < FRESH_ACCEPTANCES {
            self.confirmed.store(confirmed + 1, Ordering::Relaxed);
        }
        confirmed < FRESH_ACCEPTANCES
    }
}

/// A hot key that has no table, with a signature to try the table on.
pub(super) struct Candidate {
    pub(super) key: VerifyingKey,
    pub(super) hot: Arc<HotKey>,
    pub(super) message: ArrayVec<u8, MAX_MESSAGE_LEN>,
    /// Valid, as `ring` said.
    pub(super) signature: Signature,
    pub(super) now: i64,
}

impl Candidate {
    /// `None` if the message is longer than is kept; then another call will do.
    pub(super) fn new(
        key: &VerifyingKey,
        hot: &Arc<HotKey>,
        message: &[u8],
        signature: &Signature,
        now: i64,
    ) -> Option<Self> {
        let message = ArrayVec::try_from(message).ok()?;
        Some(Self { key: *key, hot: Arc::clone(hot), message, signature: *signature, now })
    }
}

/// 1,024 seconds each: the use of the last quarter of an hour or so decides. Never 0.
fn period(now: i64) -> u32 {
    u32::try_from(now >> 10).unwrap_or(0).max(1)
}

fn halves(packed: u64) -> [u32; 2] {
    [packed >> 32, packed & u64::from(u32::MAX)].map(|half| u32::try_from(half).unwrap_or(0))
}

/// How many acceptances by a table `ring` confirms before any goes unconfirmed.
const FRESH_ACCEPTANCES: u8 = 16;

/// Header and payload of an ordinary `shaken` have some 400 bytes.
const MAX_MESSAGE_LEN: usize = 1024;
