//! How long an answer takes.

use std::time::{Duration, Instant};

/// What one answer may take, from PEM to the verdict.
pub(crate) const LIMIT: Duration = Duration::from_millis(50);

/// A build for tests, which is hardly optimized, is that much slower than one for use.
const LIMIT_FACTOR: u32 = if cfg!(debug_assertions) { 4 } else { 1 };

/// Answers what `judge` does, and the shortest of up to ten times that it took: on a busy machine
/// another process may have taken the rest.
///
/// # Panics
/// If each of them is over the limit, that of a build for use.
pub(crate) fn timed<T>(what: &str, limit: Duration, mut judge: impl FnMut() -> T) -> (T, Duration) {
    let mut shortest = Duration::MAX;
    for attempt in 1.. {
        let start = Instant::now();
        let answer = judge();
        shortest = shortest.min(start.elapsed());
        if shortest < limit || attempt == 10 {
            assert!(shortest < limit * LIMIT_FACTOR, "{what} took {shortest:?}");
            return (answer, shortest);
        }
    }
    unreachable!("the last attempt answers or panics");
}
