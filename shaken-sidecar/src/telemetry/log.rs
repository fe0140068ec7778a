//! The log of the program: lines for people or JSON for programs, and not more of them than anybody reads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Context, Filter, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// What a line of the log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Text.
    #[default]
    Text,
    /// An object of JSON.
    Json,
}

/// Begins the log on stderr. `SHAKEN_LOG` says what is told; `info` unless it does. When the guard is
/// dropped, the last lines are written.
pub(crate) fn begin(format: LogFormat) -> WorkerGuard {
    // Whoever reads the log may be slow or gone: lines are dropped then, calls go on.
    let (log, flushed_at_end) = NonBlockingBuilder::default().lossy(true).finish(std::io::stderr());
    let filter = EnvFilter::try_from_env("SHAKEN_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer().with_writer(log).log_internal_errors(false);
    let lines = match format {
        LogFormat::Text => lines.with_filter(Few::new(&LEFT_OUT)).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(Few::new(&LEFT_OUT)).boxed(),
    };
    tracing_subscriber::registry().with(lines).with(filter).with(filter_fn(is_ours_to_tell)).init();
    flushed_at_end
}

/// How many lines were left out since the start because there were too many like them.
pub(super) fn left_out() -> u64 {
    LEFT_OUT.load(Ordering::Relaxed)
}

/// The client of NATS tells each attempt anew, and on its lower levels what passes the wire. What
/// matters of it the export tells, once.
fn is_ours_to_tell(facts: &Metadata<'_>) -> bool {
    !facts.target().starts_with("async_nats")
}

/// Lets through so many lines a second from each place in the program. Not of `debug` and `trace`, which
/// somebody has asked for.
struct Few<'c> {
    began: Instant,
    /// The second in which a place was last heard of, and how often.
    places: Mutex<HashMap<Identifier, (u64, u32)>>,
    left_out: &'c AtomicU64,
}

impl<'c> Few<'c> {
    fn new(left_out: &'c AtomicU64) -> Self {
        Self { began: Instant::now(), places: Mutex::default(), left_out }
    }

    fn lets_through(&self, place: Identifier, since_start: Duration) -> bool {
        let second = since_start.as_secs();
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, count) = places.entry(place).or_default();
        if *last != second {
            (*last, *count) = (second, 0);
        }
        *count = count.saturating_add(1);
        let is_one_of_few = *count <= LINES_A_SECOND;
        if !is_one_of_few {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
        is_one_of_few
    }
}

impl<S: Subscriber> Filter<S> for Few<'static> {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let facts = event.metadata();
        *facts.level() > Level::INFO || self.lets_through(facts.callsite(), self.began.elapsed())
    }
}

static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

/// More in a second say nothing new: what is counted is in the metrics.
const LINES_A_SECOND: u32 = 20;

#[cfg(test)]
mod tests {
    use tracing::Callsite as _;

    use super::*;

    #[test]
    fn a_place_is_heard_so_often_in_a_second() {
        fn callsite() -> Identifier {
            tracing::callsite!(name: "a", kind: tracing::metadata::Kind::EVENT, fields: message)
                .metadata()
                .callsite()
        }
        fn another() -> Identifier {
            tracing::callsite!(name: "b", kind: tracing::metadata::Kind::EVENT, fields: message)
                .metadata()
                .callsite()
        }
        let left_out = AtomicU64::new(0);
        let few = Few::new(&left_out);
        let heard = |place: fn() -> Identifier, at_ms| {
            (0..25).filter(|_| few.lets_through(place(), Duration::from_millis(at_ms))).count()
        };
        assert_eq!((heard(callsite, 10), heard(callsite, 900), heard(another, 950)), (20, 0, 20));
        assert_eq!(left_out.load(Ordering::Relaxed), 35);
        assert_eq!(heard(callsite, 1_000), 20);
    }
}
