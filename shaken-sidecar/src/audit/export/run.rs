//! The thread of an export: connects, sends, keeps the cursor, and begins anew after whatever went
//! wrong, a little later each time.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::publish::PublishAck;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use hyper::body::Bytes;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::super::AuditError;
use super::cursor::{Cursor, CursorFile};
use super::feed::Feed;
use super::message::Message;
use super::nats::{Connection, Nats};
use super::source::{Next, Source};
use super::{Export, Shared};

/// What the thread has.
pub(super) struct Run {
    nats: Nats,
    log: String,
    dir: PathBuf,
    feed: Feed,
    shared: Arc<Shared>,
    stop: watch::Receiver<Option<Instant>>,
    file: CursorFile,
    cursor: Cursor,
    /// The last record that was acknowledged since the cursor was saved.
    acknowledged: Option<(u64, Bytes)>,
    saved_at: Instant,
    /// Acknowledgements since then.
    unsaved: u32,
    /// The last attempt to save it failed.
    is_unsavable: bool,
    /// Keeps other processes out until the cursor is saved.
    _lock: Arc<File>,
}

/// A message on its way.
struct Sent {
    index: u64,
    bytes: Bytes,
    unix_seconds: Option<i64>,
}

impl Run {
    pub(super) fn new(
        export: Export,
        dir: &Path,
        feed: Feed,
        shared: Arc<Shared>,
        stop: watch::Receiver<Option<Instant>>,
        lock: Arc<File>,
    ) -> Self {
        let log = export.log.as_str().to_owned();
        Self {
            nats: export.nats,
            cursor: Cursor::new(&log),
            log,
            dir: dir.to_owned(),
            feed,
            shared,
            stop,
            file: CursorFile::of(dir),
            acknowledged: None,
            saved_at: Instant::now(),
            unsaved: 0,
            is_unsavable: false,
            _lock: lock,
        }
    }

    pub(super) fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        let mut has_begun = false;
        while self.stop.borrow().is_none() {
            // A runtime for each connection: with it, all that belonged to the connection is gone.
            let session = runtime().map_err(|error| error.to_string()).and_then(|runtime| {
                if !has_begun {
                    if self.begin().map_err(|error| error.to_string())? == Begun::Refused {
                        return Ok(());
                    }
                    has_begun = true;
                }
                let before = self.cursor.next_index;
                let ended = runtime.block_on(self.session());
                runtime.shutdown_background();
                self.save();
                if self.cursor.next_index > before {
                    pause = FIRST_PAUSE;
                }
                ended
            });
            match session {
                Ok(()) => return,
                Err(why) => {
                    self.failed(why);
                    self.rest(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Reads the cursor and compares it with the log.
    fn begin(&mut self) -> Result<Begun, AuditError> {
        let read = |source| AuditError::Io { action: "read", path: self.file.path().to_owned(), source };
        let records = self.feed.durable();
        let unfit = match self.file.load().map_err(read)? {
            None => None,
            Some(Err(unfit)) => Some(unfit),
            Some(Ok(cursor)) => {
                let unfit = cursor.check(&self.dir, &self.log, records)?;
                self.cursor = cursor;
                unfit
            }
        };
        let mut state = self.shared.state();
        state.known.cursor = self.cursor.next_index;
        let Some(unfit) = unfit else { return Ok(Begun::Fit) };
        let why = unfit.to_string();
        tracing::error!(cursor = %self.file.path().display(), %why, "the audit log is not exported");
        state.known.failures += 1;
        state.known.last_error = Some(why);
        state.known.stopped = true;
        Ok(Begun::Refused)
    }

    /// Exports over one connection until all is done and nothing more is to come, or something fails.
    async fn session(&mut self) -> Result<(), String> {
        let mut stop = self.stop.clone();
        let over = async move {
            // The other end is gone only with whoever could wait for us.
            let deadline = stop.wait_for(Option::is_some).await.ok().and_then(|deadline| *deadline);
            tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now).into()).await;
        };
        let exported = async {
            self.look_ahead();
            let connection = self.nats.connect().await?;
            self.connected();
            self.export(&connection).await
        };
        tokio::select! {
            exported = exported => exported,
            () = over => Ok(()),
        }
    }

    async fn export(&mut self, connection: &Connection) -> Result<(), String> {
        let dir = self.dir.clone();
        let feed = self.feed.clone();
        let mut durable = feed.watch();
        let mut stop = self.stop.clone();
        let mut source = Source::new(&dir, &feed, self.cursor.next_index);
        let mut sent: VecDeque<Sent> = VecDeque::new();
        let mut sent_bytes = 0;
        let mut acks = FuturesOrdered::new();
        let broken = connection.broken();
        tokio::pin!(broken);
        loop {
            let is_stopping = stop.borrow_and_update().is_some();
            durable.mark_unchanged();
            let mut has_all = false;
            while sent.len() < self.nats.window() && sent_bytes < MAX_SENT_BYTES && !has_all {
                match source.next().map_err(|error| error.to_string())? {
                    Next::Nothing => has_all = true,
                    Next::Missing { first } if sent.is_empty() => {
                        self.missing(first);
                        source.skip_to(first);
                    }
                    Next::Missing { .. } => break,
                    Next::Line { index, bytes } => {
                        let message = Message::new(&self.log, index, &bytes);
                        let unix_seconds = message.unix_seconds;
                        let ack = connection.publish(&message, bytes.clone()).await?;
                        acks.push_back(connection.acknowledged(ack));
                        sent_bytes += bytes.len();
                        sent.push_back(Sent { index, bytes, unix_seconds });
                        if sent.len() == 1 {
                            self.shared.state().oldest_unix_seconds = unix_seconds;
                        }
                    }
                }
            }
            if is_stopping && has_all && sent.is_empty() {
                return Ok(());
            }
            tokio::select! {
                Some(ack) = acks.next() => {
                    let ack = ack?;
                    if let Some(Sent { index, bytes, .. }) = sent.pop_front() {
                        sent_bytes -= bytes.len();
                        self.took(index, bytes, &ack, sent.front());
                    }
                }
                why = &mut broken => return Err(why),
                Ok(()) = durable.changed(), if has_all => {}
                Ok(()) = stop.changed(), if !is_stopping => {}
                () = tokio::time::sleep_until((self.saved_at + SAVE_EVERY).into()), if self.unsaved > 0 => {
                    self.save();
                }
            }
        }
    }

    /// The stream has a record.
    fn took(&mut self, index: u64, bytes: Bytes, ack: &PublishAck, next: Option<&Sent>) {
        self.cursor.next_index = index + 1;
        self.acknowledged = Some((index, bytes));
        self.unsaved += 1;
        let mut state = self.shared.state();
        state.known.cursor = index + 1;
        state.known.duplicates += u64::from(ack.duplicate);
        state.oldest_unix_seconds = next.and_then(|next| next.unix_seconds);
        let recovered = state.known.last_error.take();
        drop(state);
        if recovered.is_some() {
            tracing::info!(to = %self.nats, cursor = index + 1, "the audit log is exported again");
        }
        let is_much = self.unsaved >= SAVE_AFTER && !self.is_unsavable;
        if is_much || self.saved_at.elapsed() >= SAVE_EVERY {
            self.save();
        }
    }

    /// Records were removed before they could be exported.
    fn missing(&mut self, first: u64) {
        let from = self.cursor.next_index;
        let count = first.saturating_sub(from);
        tracing::error!(
            from,
            to = first,
            count,
            "audit records were removed from the log before they were exported; the export goes on behind them"
        );
        self.cursor.skip_to(first);
        self.acknowledged = None;
        self.unsaved += 1;
        let mut state = self.shared.state();
        state.known.missing += count;
        state.known.cursor = first;
    }

    /// The age of what waits is known also while there is no connection.
    fn look_ahead(&self) {
        let next = Source::new(&self.dir, &self.feed, self.cursor.next_index).next();
        if let Ok(Next::Line { index, bytes }) = next {
            self.shared.state().oldest_unix_seconds = Message::new(&self.log, index, &bytes).unix_seconds;
        }
    }

    fn connected(&self) {
        let mut state = self.shared.state();
        state.known.connected = true;
        let is_first = state.known.last_error.is_none();
        drop(state);
        if is_first {
            tracing::info!(to = %self.nats, cursor = self.cursor.next_index, "the audit log is exported");
        }
    }

    fn failed(&self, why: String) {
        let mut state = self.shared.state();
        state.known.connected = false;
        state.known.failures += 1;
        let is_first = state.known.last_error.is_none();
        if is_first {
            tracing::error!(to = %self.nats, error = %why, "the audit log is not exported; it is tried again");
        }
        state.known.last_error = Some(why);
    }

    /// Keeps the cursor, if it has moved. If that fails, some records are sent twice one day.
    fn save(&mut self) {
        if self.unsaved == 0 {
            return;
        }
        if let Some((index, bytes)) = &self.acknowledged {
            self.cursor.advance(*index, bytes);
        }
        self.saved_at = Instant::now();
        match self.file.save(&self.cursor) {
            Ok(()) => {
                self.unsaved = 0;
                self.acknowledged = None;
                if std::mem::take(&mut self.is_unsavable) {
                    tracing::info!("the cursor of the audit log's export is saved again");
                }
            }
            Err(error) => {
                self.shared.state().known.failures += 1;
                if !std::mem::replace(&mut self.is_unsavable, true) {
                    let path = self.file.path().display();
                    tracing::error!(%path, %error, "the cursor of the audit log's export cannot be saved");
                }
            }
        }
    }

    /// Waits for `pause`, give or take a half, or until it is to end.
    fn rest(&mut self, pause: Duration) {
        let mut random = [0];
        // Without randomness all of them come at once.
        let _ = SystemRandom::new().fill(&mut random);
        let pause = pause / 2 + pause * u32::from(random[0]) / 255 / 2;
        match runtime() {
            Ok(runtime) => {
                let stopped = self.stop.wait_for(Option::is_some);
                runtime.block_on(async { drop(tokio::time::timeout(pause, stopped).await) });
            }
            Err(_) => std::thread::sleep(pause),
        }
    }
}

#[derive(PartialEq, Eq)]
enum Begun {
    Fit,
    Refused,
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// A cursor costs the disk two syncs.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// As many are sent twice after a crash, at most, and those under way.
const SAVE_AFTER: u32 = 10_000;

/// What may be under way, however long the records are.
const MAX_SENT_BYTES: usize = 8 * 1024 * 1024;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
