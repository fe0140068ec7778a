//! Faster verification for keys that are in use: tables made beforehand, under the guard of `ring`.
//!
//! A certificate whose key has verified many calls is *hot*. A [`Builder`] on a thread of its own
//! makes a [`Table`] for its key; from then on [`Tables`] answers by the table.
//!
//! The arithmetic behind the tables is younger and less reviewed than `ring`, so it is not trusted:
//! - a fresh table must agree with `ring` on a valid signature and on forgeries of it;
//! - each key's first 16 acceptances, and then a random one in 1,000, are confirmed by `ring`
//!   before the answer;
//! - each refusal is confirmed by `ring` before the answer.
//!
//! On any difference the answer is that of `ring`, all tables are out of use until the process
//! ends, and the alarm given to [`Tables::new`] is raised. What remains is that a wrong acceptance
//! passes as long as none of those that are drawn is wrong; [`Guard::Always`] leaves nothing.
//!
//! Only public keys, messages and signatures pass through here.

mod admission;
mod hot;

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use crate::Error;
use crate::es256::table::Table;
use crate::es256::{Signature, VerifyingKey, sha256};

pub use admission::Builder;
use admission::Message;
use hot::Candidate;
pub(crate) use hot::HotKey;
pub use hot::KnownKey;

/// Tables for hot keys, shared by all threads that verify.
pub struct Tables {
    options: TableOptions,
    builder: SyncSender<Message>,
    distrusted: AtomicBool,
    alarm: Box<dyn Fn(Difference) + Send + Sync>,
    /// Keyed at random, so that nobody can tell which acceptances will be confirmed.
    draw: RandomState,
    counters: Counters,
}

/// How tables are made and watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableOptions {
    max_bytes: usize,
    hot_after_calls: NonZeroU32,
    confirm_one_in: NonZeroU32,
    guard: Guard,
}

/// Which acceptances by a table `ring` confirms before the answer. Refusals are all confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "some are confirmed or all")]
pub enum Guard {
    /// The first of each key, then some at random.
    #[default]
    Sampled,
    /// All, which makes tables slower than none: to gain trust in them, not speed.
    Always,
}

/// A table and `ring` did not agree. One of them is wrong; the answer was that of `ring`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "one accepts what the other refuses")]
pub enum Difference {
    /// The table accepted what `ring` refuses: a forged call could have passed.
    WronglyAccepted,
    /// The table refused what `ring` accepts.
    WronglyRefused,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WronglyAccepted => "a verification table accepted a signature that ring refuses",
            Self::WronglyRefused => "a verification table refused a signature that ring accepts",
        })
    }
}

/// What has happened since the start.
#[derive(Debug, Default)]
struct Counters {
    by_table: AtomicU64,
    confirmed: AtomicU64,
    differences: AtomicU64,
    tables: AtomicU64,
}

/// What has happened since the start, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableStats {
    /// Whether tables are in use; a difference ends that.
    pub trusted: bool,
    /// Verifications that a table decided or helped to decide.
    pub by_table: u64,
    /// Those of them that `ring` confirmed or refuted.
    pub confirmed: u64,
    /// How often a table and `ring` did not agree.
    pub differences: u64,
    /// How many tables there are.
    pub tables: u64,
    /// Their memory.
    pub memory_bytes: u64,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            max_bytes: 192 << 20,
            hot_after_calls: HOT_AFTER_CALLS,
            confirm_one_in: CONFIRM_ONE_IN,
            guard: Guard::default(),
        }
    }
}

impl TableOptions {
    /// How much memory the tables may take, in bytes; 192 MB hold more than 2,000.
    #[must_use]
    pub fn with_max_bytes(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }

    /// How many calls a key must have verified, old ones counting for less, before it gets a
    /// table; 64 is the default. To make a table and to try it out takes as long as some hundred
    /// verifications.
    #[must_use]
    pub fn with_hot_after_calls(self, hot_after_calls: NonZeroU32) -> Self {
        Self { hot_after_calls, ..self }
    }

    /// Of how many acceptances one is confirmed by `ring`, at random; 1,000 is the default.
    #[must_use]
    pub fn with_confirm_one_in(self, confirm_one_in: NonZeroU32) -> Self {
        Self { confirm_one_in, ..self }
    }

    /// Which acceptances are confirmed.
    #[must_use]
    pub fn with_guard(self, guard: Guard) -> Self {
        Self { guard, ..self }
    }
}

impl Tables {
    /// No tables yet, and who will make them: run the [`Builder`] on a thread of its own.
    ///
    /// `alarm` is called on the verifying thread when a table and `ring` do not agree. It should
    /// return at once.
    #[must_use]
    pub fn new(
        options: TableOptions,
        alarm: impl Fn(Difference) + Send + Sync + 'static,
    ) -> (Arc<Self>, Builder) {
        let (builder, messages) = sync_channel(MAX_CANDIDATES);
        let tables = Arc::new(Self {
            options,
            builder,
            distrusted: AtomicBool::new(false),
            alarm: Box::new(alarm),
            draw: RandomState::new(),
            counters: Counters::default(),
        });
        let builder = Builder::new(Arc::downgrade(&tables), messages);
        (tables, builder)
    }

    /// What has happened so far.
    #[must_use]
    pub fn stats(&self) -> TableStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let tables = count(&self.counters.tables);
        TableStats {
            trusted: !self.distrusted.load(Ordering::Relaxed),
            by_table: count(&self.counters.by_table),
            confirmed: count(&self.counters.confirmed),
            differences: count(&self.counters.differences),
            tables,
            memory_bytes: tables.saturating_mul(u64::try_from(Table::LEN_BYTES).unwrap_or(u64::MAX)),
        }
    }

    /// As [`VerifyingKey::verify`], by the table of `key` if it has one. `hot` is what is known of
    /// the key's use, `now` the time in seconds since 1970.
    pub(crate) fn verify(
        &self,
        key: &VerifyingKey,
        hot: &Arc<HotKey>,
        message: &[u8],
        signature: &Signature,
        now: i64,
    ) -> Result<(), Error> {
        if self.distrusted.load(Ordering::Relaxed) {
            return key.verify(message, signature);
        }
        let calls = match hot.table() {
            Some(table) => self.verify_by_table(&table, key, hot, message, signature, now)?,
            None => {
                key.verify(message, signature)?;
                hot.count_call(now)
            }
        };
        // Only what was accepted makes a key hot: nobody can claim a table with forged calls.
        if calls >= self.options.hot_after_calls.get()
            && hot.may_ask(now)
            && let Some(candidate) = Candidate::new(key, hot, message, signature, now)
        {
            // If many ask at once, this key asks again with its next call.
            if self.builder.try_send(Message::Candidate(candidate)).is_ok() {
                hot.has_asked(now);
            }
        }
        Ok(())
    }

    /// Answers how often the key was used lately.
    fn verify_by_table(
        &self,
        table: &Table,
        key: &VerifyingKey,
        hot: &HotKey,
        message: &[u8],
        signature: &Signature,
        now: i64,
    ) -> Result<u32, Error> {
        self.counters.by_table.fetch_add(1, Ordering::Relaxed);
        let accepted = table.verify(&sha256(message), signature);
        let calls = if accepted { hot.count_call(now) } else { 0 };
        if accepted
            && self.options.guard == Guard::Sampled
            && !hot.is_fresh()
            && !self.is_drawn(signature, calls)
        {
            return Ok(calls);
        }
        self.counters.confirmed.fetch_add(1, Ordering::Relaxed);
        let answer = key.verify(message, signature);
        match (accepted, &answer) {
            (true, Err(_)) => self.distrust(Difference::WronglyAccepted),
            (false, Ok(())) => self.distrust(Difference::WronglyRefused),
            (true, Ok(())) | (false, Err(_)) => {}
        }
        answer.map(|()| calls)
    }

    fn is_drawn(&self, signature: &Signature, calls: u32) -> bool {
        let random = self.draw.hash_one((signature.as_ref(), calls));
        random.is_multiple_of(u64::from(self.options.confirm_one_in.get()))
    }

    fn distrust(&self, difference: Difference) {
        self.distrusted.store(true, Ordering::Relaxed);
        self.counters.differences.fetch_add(1, Ordering::Relaxed);
        // If it does not fit, the next that waits there wakes the builder as well.
        let _ = self.builder.try_send(Message::Distrusted);
        (self.alarm)(difference);
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A key that was used so often will be again, and a table saves two thirds of each use: the time that
/// it takes is won back within some 200 calls.
const HOT_AFTER_CALLS: NonZeroU32 = NonZeroU32::new(64).unwrap();

/// At 100 calls a second one in ten seconds.
const CONFIRM_ONE_IN: NonZeroU32 = NonZeroU32::new(1000).unwrap();

/// How many keys may wait for their table; each has its message with it.
const MAX_CANDIDATES: usize = 64;

#[cfg(test)]
mod tests;
