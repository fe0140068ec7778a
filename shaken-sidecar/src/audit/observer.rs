//! The seam for what is built over the log: whoever is told of each line once it is durable.

use std::time::Instant;

use super::AuditError;

/// What is told of all that becomes durable, in the order of the log.
///
/// Once the log is open it runs in the writer thread: what it takes long for, the next commit waits for.
pub trait Observer: Send + 'static {
    /// Index of the first line that it does not know yet, of those that the log has when it is opened.
    fn needs_from(&self) -> u64 {
        u64::MAX
    }

    /// A line of the log that is being opened, without its newline: all of the last segment, and of
    /// those before it the ones that hold anything from [`needs_from`](Self::needs_from) on.
    ///
    /// # Errors
    /// Why the log must not be opened.
    fn found(&mut self, _index: u64, _line: &[u8]) -> Result<(), AuditError> {
        Ok(())
    }

    /// The log has this many records. Nothing of it has been cut or written yet.
    ///
    /// # Errors
    /// Why the log must not be opened.
    fn complete(&mut self, _records: u64) -> Result<(), AuditError> {
        Ok(())
    }

    /// So it is, and all of them are durable.
    ///
    /// # Errors
    /// Why the log must not be opened.
    fn opened(&mut self, _records: u64) -> Result<(), AuditError> {
        Ok(())
    }

    /// `commit` is durable, and those who waited for it have been answered.
    fn durable(&mut self, commit: &Commit<'_>);

    /// When [`wake`](Self::wake) is to be called, should nothing happen before.
    fn due_at(&self, _now: Instant) -> Option<Instant> {
        None
    }

    /// It is time.
    fn wake(&mut self, _now: Instant) {}

    /// The log is closed; nothing becomes durable any more.
    fn closed(&mut self, _now: Instant) {}
}

/// Nobody wants to know.
impl Observer for () {
    fn durable(&mut self, _: &Commit<'_>) {}
}

/// Lines that became durable together.
#[derive(Clone, Copy)]
pub struct Commit<'a> {
    pub(super) first_index: u64,
    pub(super) bytes: &'a [u8],
}

impl<'a> Commit<'a> {
    /// Index of the first line.
    #[must_use]
    pub fn first_index(&self) -> u64 {
        self.first_index
    }

    /// The lines as they are on disk, without their newlines. They hold phone numbers.
    pub fn lines(&self) -> impl Iterator<Item = &'a [u8]> {
        self.bytes.split_inclusive(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line))
    }
}

impl std::fmt::Debug for Commit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commit").field("first_index", &self.first_index).finish_non_exhaustive()
    }
}
