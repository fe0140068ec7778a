//! The one thread that writes: takes every record that waits, writes them at once, makes them
//! durable, then answers all who wait.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use tokio::sync::{mpsc, oneshot};

use super::line::Body;
use super::{AuditError, Failure, Recovery, Step};

/// Where lines go. [`File`] is the only one outside tests.
pub(super) trait Storage: Write + Send + 'static {
    /// Returns after all that was written is durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Drops all bytes from `len_bytes` on.
    fn cut(&mut self, len_bytes: u64) -> io::Result<()>;
}

impl Storage for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, len_bytes: u64) -> io::Result<()> {
        self.set_len(len_bytes)
    }
}

/// What stands in the queue.
pub(super) enum Message {
    /// A record, and who waits for its index.
    Append { body: Body, done: oneshot::Sender<Result<u64, AuditError>> },
    /// Take nothing more; finish what is queued.
    Close,
}

pub(super) struct Writer<S> {
    storage: S,
    queue: mpsc::Receiver<Message>,
    failure: Arc<OnceLock<Failure>>,
    path: Arc<Path>,
    /// Keeps other processes out until the last line is durable.
    _lock: Arc<File>,
    next_index: u64,
    durable_len_bytes: u64,
    batch: Vec<Message>,
    lines: Vec<u8>,
}

impl<S: Storage> Writer<S> {
    pub(super) fn new(
        storage: S,
        queue: mpsc::Receiver<Message>,
        failure: Arc<OnceLock<Failure>>,
        path: Arc<Path>,
        lock: Arc<File>,
        recovery: Recovery,
    ) -> Self {
        Self {
            storage,
            queue,
            failure,
            path,
            _lock: lock,
            next_index: recovery.records,
            durable_len_bytes: recovery.len_bytes,
            batch: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Runs until the queue is closed and empty, or the storage fails.
    pub(super) fn run(mut self) {
        while self.queue.blocking_recv_many(&mut self.batch, self.queue.max_capacity()) > 0 {
            match self.commit() {
                Ok(first) => self.release(first),
                Err(failure) => return self.fail(failure),
            }
        }
    }

    /// Makes the batch durable and returns the index of its first record. The order is the promise:
    ///
    /// 1. All lines in one write. A crash here leaves a torn tail at most; nobody was answered.
    /// 2. fdatasync. A crash here leaves whole records that nobody was told of; recovery keeps them.
    /// 3. Only now are the waiters answered, by [`release`](Self::release).
    fn commit(&mut self) -> Result<u64, Failure> {
        let first = self.next_index;
        self.lines.clear();
        for message in &self.batch {
            match message {
                Message::Append { body, .. } => {
                    body.push_line(self.next_index, &mut self.lines);
                    self.next_index += 1;
                }
                Message::Close => self.queue.close(),
            }
        }
        if self.lines.is_empty() {
            return Ok(first);
        }
        self.storage.write_all(&self.lines).map_err(|error| self.failure(Step::Write, error))?;
        self.storage.sync().map_err(|error| self.failure(Step::Sync, error))?;
        self.durable_len_bytes += self.lines.len() as u64;
        Ok(first)
    }

    fn release(&mut self, first: u64) {
        let waiters = self.batch.drain(..).filter_map(|message| match message {
            Message::Append { done, .. } => Some(done),
            Message::Close => None,
        });
        for (index, done) in (first..).zip(waiters) {
            // Whoever asked may have given up; the record stands all the same.
            let _ = done.send(Ok(index));
        }
    }

    /// Ends the log. After a failed fsync the kernel calls the lost pages clean, so a second one
    /// would report success for bytes that never reached the disk: there is no retry.
    fn fail(mut self, failure: Failure) {
        self.failure.get_or_init(|| failure.clone());
        // Lines of this batch would be found at the next start as decisions that were acted on, but
        // their callers are refused below. If cutting them fails too, recovery has to judge the tail.
        let _ = self.storage.cut(self.durable_len_bytes);
        self.queue.close();
        let mut refused = std::mem::take(&mut self.batch);
        while let Some(message) = self.queue.blocking_recv() {
            refused.push(message);
        }
        for message in refused {
            if let Message::Append { done, .. } = message {
                let _ = done.send(Err(AuditError::Failed(failure.clone())));
            }
        }
    }

    fn failure(&self, step: Step, error: io::Error) -> Failure {
        Failure { path: Arc::clone(&self.path), step, source: Arc::new(error) }
    }
}

impl<S> Drop for Writer<S> {
    /// After a panic: runs before the queue and the batch are dropped, so that whoever finds their
    /// waiter gone also finds the reason.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.failure.get_or_init(|| Failure {
                path: Arc::clone(&self.path),
                step: Step::Panic,
                source: Arc::new(io::Error::other("it panicked")),
            });
        }
    }
}
