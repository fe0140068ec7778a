//! What the host of a virtual machine takes of its processors meanwhile: times measured then are not its own.

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
