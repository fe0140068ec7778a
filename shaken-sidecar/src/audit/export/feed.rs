//! From the thread that writes the log to the one that exports it: how many records are durable, and
//! the newest of them, so that an export that keeps up reads nothing from the disk.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hyper::body::Bytes;
use tokio::sync::watch;

use super::super::{AuditError, Commit, Observer};

/// An observer that tells of commits also on a [`Feed`].
#[derive(Debug)]
pub(in crate::audit) struct Tapped<O> {
    observer: O,
    feed: Feed,
}

impl<O: Observer> Tapped<O> {
    pub(in crate::audit) fn new(observer: O, feed: Feed) -> Self {
        Self { observer, feed }
    }
}

impl<O: Observer> Observer for Tapped<O> {
    fn needs_from(&self) -> u64 {
        self.observer.needs_from()
    }

    fn found(&mut self, index: u64, line: &[u8]) -> Result<(), AuditError> {
        self.observer.found(index, line)
    }

    fn complete(&mut self, records: u64) -> Result<(), AuditError> {
        self.observer.complete(records)
    }

    fn opened(&mut self, records: u64) -> Result<(), AuditError> {
        self.feed.shared.durable.send_replace(records);
        self.observer.opened(records)
    }

    fn durable(&mut self, commit: &Commit<'_>) {
        self.observer.durable(commit);
        self.feed.push(commit);
    }

    fn due_at(&self, now: Instant) -> Option<Instant> {
        self.observer.due_at(now)
    }

    fn wake(&mut self, now: Instant) {
        self.observer.wake(now);
    }

    fn closed(&mut self, now: Instant) {
        self.observer.closed(now);
    }
}

/// What is durable, and the newest of it.
#[derive(Clone, Debug)]
pub(in crate::audit) struct Feed {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    durable: watch::Sender<u64>,
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    commits: VecDeque<Run>,
    len_bytes: usize,
}

/// Lines that follow each other, each with its newline.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) first_index: u64,
    /// Index of the record behind the last.
    pub(super) end: u64,
    pub(super) bytes: Bytes,
}

impl Feed {
    pub(in crate::audit) fn new() -> Self {
        let (durable, _) = watch::channel(0);
        Self { shared: Arc::new(Shared { durable, recent: Mutex::default() }) }
    }

    /// Records that are durable, from index 0 on.
    pub(super) fn durable(&self) -> u64 {
        *self.shared.durable.borrow()
    }

    /// Tells when that changes.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.shared.durable.subscribe()
    }

    /// The lines that were committed together with the record `index`, if they are still in memory.
    /// Those of earlier commits are forgotten.
    pub(super) fn run_with(&self, index: u64) -> Option<Run> {
        let mut recent = self.recent();
        while recent.commits.front().is_some_and(|run| run.end <= index) {
            recent.forget_oldest();
        }
        recent.commits.front().filter(|run| run.first_index <= index).cloned()
    }

    fn push(&self, commit: &Commit<'_>) {
        let bytes = Bytes::copy_from_slice(commit.bytes);
        let end = commit.first_index + commit.lines().count() as u64;
        let mut recent = self.recent();
        recent.len_bytes += bytes.len();
        recent.commits.push_back(Run { first_index: commit.first_index, end, bytes });
        while recent.len_bytes > MAX_RECENT_BYTES {
            recent.forget_oldest();
        }
        drop(recent);
        // Whoever is woken finds the lines.
        self.shared.durable.send_replace(end);
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.shared.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    fn forget_oldest(&mut self) {
        if let Some(run) = self.commits.pop_front() {
            self.len_bytes -= run.bytes.len();
        }
    }
}

/// Half a second of the fastest log: longer than finding the place in a segment on disk takes.
const MAX_RECENT_BYTES: usize = 8 * 1024 * 1024;
