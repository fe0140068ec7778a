//! Looks at the daemon each second: the clock, and whether listeners and writer still turn around. As
//! long as they do, the service manager's watchdog is told so.

use std::time::{Duration, Instant, SystemTime};

use super::clock::{StepWatch, since_boot};
use super::{Life, supervisor};
use crate::audit::Health as AuditHealth;

/// Never ends. `watchdog` is how long the service manager waits for a sign, if it does.
pub(crate) async fn watch(life: &Life, watchdog: Option<Duration>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut steps = StepWatch::default();
    let mut writer = WriterWatch::default();
    let (mut told_status, mut told_at) = (String::new(), None::<Instant>);
    loop {
        ticks.tick().await;
        let now = SystemTime::now();
        if let Some(step_ms) = steps.look(now, since_boot()) {
            tracing::error!(step_ms, "the clock has jumped; calls are dated and judged by it");
            let mut facts = life.facts();
            facts.clock_steps += 1;
            facts.last_step = Some(Instant::now());
        }
        let audit = life.calls.audit().state();
        let is_ok = matches!(audit.health, AuditHealth::Ok);
        let is_stuck = is_ok && writer.is_stuck(audit.records, audit.queued, Instant::now());
        life.facts().is_writer_stuck = is_stuck;
        let status = life.status(now);
        if status != told_status {
            supervisor::tell_status(&status);
            told_status = status;
        }
        // Twice as often as it must be.
        let is_due = |watchdog: Duration| told_at.is_none_or(|at| at.elapsed() + TICK >= watchdog / 2);
        if watchdog.is_some_and(is_due) {
            if life.health(now).is_live() {
                supervisor::tell_watchdog();
                told_at = Some(Instant::now());
            } else {
                tracing::error!(status = told_status, "the watchdog is not told that all is well");
            }
        }
    }
}

/// Whether the writer of the audit log takes what waits for it.
#[derive(Debug, Default)]
struct WriterWatch {
    /// Records at the last progress, and when.
    last: Option<(u64, Instant)>,
}

impl WriterWatch {
    fn is_stuck(&mut self, records: u64, queued: usize, now: Instant) -> bool {
        match self.last {
            Some((before, since)) if before == records && queued > 0 => {
                now.saturating_duration_since(since) > WRITER_PATIENCE
            }
            _ => {
                self.last = Some((records, now));
                false
            }
        }
    }
}

const TICK: Duration = Duration::from_secs(1);

/// How long a listener may be silent.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A disk that takes longer than this for one commit does not come back by itself.
const WRITER_PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_is_stuck_when_nothing_moves_and_something_waits() {
        let start = Instant::now();
        let mut watch = WriterWatch::default();
        for (records, queued, after_s, is_stuck) in [
            (5, 1, 0, false),
            (5, 1, 29, false),
            (5, 1, 31, true),
            (6, 1, 32, false),
            (6, 0, 100, false),
            (6, 3, 120, false),
            (6, 3, 131, true),
        ] {
            let now = start + Duration::from_secs(after_s);
            assert_eq!(watch.is_stuck(records, queued, now), is_stuck, "{after_s}");
        }
    }
}
