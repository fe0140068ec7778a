//! Of many times: the middle one, and the slow ones.

use std::fmt;
use std::time::Duration;

/// Of many times: the middle one, and the slow ones.
#[derive(Clone, Copy, Debug)]
pub struct Percentiles {
    /// Half take longer.
    pub p50: Duration,
    /// One in a hundred takes longer.
    pub p99: Duration,
    /// One in a thousand takes longer.
    pub p999: Duration,
    /// The longest.
    pub max: Duration,
}

impl Percentiles {
    /// Sorts `took`. All are zero if it is empty.
    pub fn of(took: &mut [Duration]) -> Self {
        took.sort_unstable();
        let at = |share: f64| {
            let place = ((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1));
            took.get(place).copied().unwrap_or_default()
        };
        Self { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1.0) }
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p99, p999, max } = self;
        write!(f, "p50 {p50:.2?}, p99 {p99:.2?}, p99.9 {p999:.2?}, max {max:.2?}")
    }
}
