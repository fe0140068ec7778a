//! Whether a listener still turns around.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Beats as long as a listener accepts connections, or waits for some. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Pulse {
    start: Instant,
    /// Milliseconds from the start to the last beat; [`STOPPED`] at the end.
    last_ms: Arc<AtomicU64>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { start: Instant::now(), last_ms: Arc::default() }
    }
}

impl Pulse {
    pub(super) fn beat(&self) {
        let ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(STOPPED - 1);
        self.last_ms.store(ms, Ordering::Relaxed);
    }

    pub(super) fn stop(&self) {
        self.last_ms.store(STOPPED, Ordering::Release);
    }

    /// Whether the listener has ended and accepts nothing more.
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        self.last_ms.load(Ordering::Acquire) == STOPPED
    }

    /// Whether it has beaten within `patience`, or ended.
    #[must_use]
    pub fn is_alive(&self, patience: Duration) -> bool {
        let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
        self.has_stopped() || self.start.elapsed().saturating_sub(last) <= patience
    }
}

const STOPPED: u64 = u64::MAX;

/// How often.
pub(super) const BEAT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_that_stays_away_is_noticed() {
        let pulse = Pulse::default();
        pulse.beat();
        assert!(pulse.is_alive(Duration::from_secs(60)));
        std::thread::sleep(Duration::from_millis(30));
        assert!(!pulse.is_alive(Duration::from_millis(10)));
        pulse.beat();
        assert!(pulse.is_alive(Duration::from_secs(60)) && !pulse.has_stopped());
        pulse.stop();
        assert!(pulse.has_stopped() && pulse.is_alive(Duration::ZERO));
    }
}
