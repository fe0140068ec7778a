//! Jumps of the clock: `iat` of calls comes from it, and so does what is fresh.

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

/// Seconds since 1970.
#[must_use]
pub fn unix_s(now: SystemTime) -> i64 {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Compares the clock of the wall with the one that nobody sets.
#[derive(Clone, Copy, Debug, Default)]
pub struct StepWatch {
    /// What the two differed by, in milliseconds.
    last_ms: Option<i128>,
}

impl StepWatch {
    /// By how many milliseconds the wall clock has jumped since the last look, if that is more than a
    /// second. Slow corrections are no jumps.
    pub fn look(&mut self, wall: SystemTime, since_boot: Duration) -> Option<i128> {
        let wall_ms = match wall.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i128::try_from(since.as_millis()).unwrap_or(i128::MAX),
            Err(before) => -i128::try_from(before.duration().as_millis()).unwrap_or(i128::MAX),
        };
        let difference_ms =
            wall_ms.saturating_sub(i128::try_from(since_boot.as_millis()).unwrap_or(i128::MAX));
        let last_ms = self.last_ms.replace(difference_ms)?;
        Some(difference_ms - last_ms).filter(|step_ms| step_ms.unsigned_abs() > STEP_MS)
    }
}

/// Time since the machine was started, sleep included.
pub(super) fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

const STEP_MS: u128 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_are_told_once_and_drift_is_not() {
        let wall = |ms: u64| SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_000 + ms);
        let mut watch = StepWatch::default();
        for (wall_ms, boot_ms, step_ms) in [
            (0, 0, None),
            (1000, 1000, None),
            // As NTP slews at its fastest.
            (2000, 2001, None),
            (63_000, 3001, Some(60_000)),
            (64_000, 4001, None),
            (5_000, 5_001, Some(-60_000)),
            // A second is none; a machine that slept has lost none.
            (7_000, 6_001, None),
            (3_607_000, 3_606_001, None),
        ] {
            assert_eq!(watch.look(wall(wall_ms), Duration::from_millis(boot_ms)), step_ms, "{wall_ms}");
        }
    }
}
