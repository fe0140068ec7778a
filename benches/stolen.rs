//! What the host of a virtual machine takes of its processors meanwhile: times measured then are not its own.

use std::time::{Duration, Instant};

/// Processor time of this machine up to now, from `/proc/stat`; zeros where there is none.
#[derive(Clone, Copy, Debug)]
pub struct Stolen {
    stolen: u64,
    all: u64,
}

impl Stolen {
    /// As it is now.
    #[must_use]
    pub fn now() -> Self {
        let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        // user, nice, system, idle, iowait, irq, softirq, steal; guests are in the first two.
        let ticks: Vec<u64> =
            line.split_whitespace().skip(1).take(8).filter_map(|n| n.parse().ok()).collect();
        Self { stolen: ticks.get(7).copied().unwrap_or(0), all: ticks.iter().sum() }
    }

    /// The share of processor time since `before` that the host gave to others, in percent.
    #[must_use]
    pub fn percent_since(self, before: Self) -> f64 {
        100.0 * (self.stolen - before.stolen) as f64 / (self.all - before.all).max(1) as f64
    }
}

/// Which tenths of a second of a run the host left alone.
#[derive(Debug)]
pub struct Tenths {
    started: Instant,
    last: Stolen,
    /// Of each that is over: whether nothing was taken in it.
    left_alone: Vec<bool>,
}

impl Tenths {
    /// They count from now.
    #[must_use]
    pub fn start() -> Self {
        Self { started: Instant::now(), last: Stolen::now(), left_alone: Vec::new() }
    }

    /// To be called some times in each of them. Those in which it was not belong to those that were not left
    /// alone.
    pub fn look(&mut self) {
        let over = self.of(Instant::now());
        if over > self.left_alone.len() {
            let now = Stolen::now();
            let is_left_alone = now.stolen == self.last.stolen && over == self.left_alone.len() + 1;
            self.left_alone.resize(over, is_left_alone);
            self.last = now;
        }
    }

    /// The one of a moment.
    #[must_use]
    pub fn of(&self, at: Instant) -> usize {
        usize::try_from((at - self.started).as_millis() / TENTH.as_millis()).unwrap_or(usize::MAX)
    }

    /// Whether nothing was taken in it, nor in those before and behind: what is taken is told late, and what
    /// began in one may end in the next.
    #[must_use]
    pub fn is_quiet(&self, tenth: usize) -> bool {
        let around = self.left_alone.get(tenth.saturating_sub(1)..tenth.saturating_add(2));
        around.is_some_and(|around| around.iter().all(|left_alone| *left_alone))
    }

    /// How many are quiet, and how many there are.
    #[must_use]
    pub fn quiet(&self) -> (usize, usize) {
        let all = self.left_alone.len();
        ((0..all).filter(|tenth| self.is_quiet(*tenth)).count(), all)
    }
}

const TENTH: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quiet_has_quiet_neighbours() {
        let started = Instant::now();
        let left_alone = vec![true, true, false, true, true, true, true];
        let tenths = Tenths { started, last: Stolen::now(), left_alone };
        let quiet: Vec<_> = (0..9).filter(|tenth| tenths.is_quiet(*tenth)).collect();
        assert_eq!((quiet, tenths.quiet()), (vec![0, 4, 5], (3, 7)));
        let at = |ms| tenths.of(started + Duration::from_millis(ms));
        assert_eq!((at(0), at(99), at(100), at(1234)), (0, 0, 1, 12));
    }
}
