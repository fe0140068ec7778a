//! `[daemon]`: what the process takes of the machine.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DaemonSection {
    workers: Option<NonZeroUsize>,
    busy_poll_us: Option<u64>,
}

impl DaemonSection {
    /// How many threads work on requests.
    pub(super) fn workers(&self) -> NonZeroUsize {
        self.workers
            .unwrap_or_else(|| workers_for(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)))
    }

    /// How long a worker looks for the next call before it sleeps.
    ///
    /// # Errors
    /// More than [`MAX_BUSY_POLL_US`].
    pub(super) fn busy_poll(&self) -> Result<Duration, ConfigError> {
        match self.busy_poll_us {
            Some(us) if us > MAX_BUSY_POLL_US => Err(ConfigError(format!(
                "[daemon] busy_poll_us is {us}; at most {MAX_BUSY_POLL_US} are of use, and 0 turns it off"
            ))),
            us => Ok(us.map_or(BUSY_POLL, Duration::from_micros)),
        }
    }
}

/// Half of the processors: the rest is for the SBC beside it and for the audit log's own threads. Where there
/// are two, two workers: calls of one that is held up would wait, and at 10,500 calls a second one in a hundred
/// waited 3.6 to 7 ms with one worker, and 2.3 to 4.2 with two.
fn workers_for(processors: NonZeroUsize) -> NonZeroUsize {
    let half = NonZeroUsize::new(processors.get() / 2).unwrap_or(NonZeroUsize::MIN);
    half.max(TWO.min(processors))
}

const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// A caller on the same machine has its next call ready by then, even if it slept.
const BUSY_POLL: Duration = Duration::from_micros(100);

/// A processor is back from any sleep by then.
const MAX_BUSY_POLL_US: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str) -> DaemonSection {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn half_of_the_processors_work_and_two_if_there_are_two() {
        for (processors, workers) in [(1, 1), (2, 2), (3, 2), (4, 2), (6, 3), (64, 32)] {
            assert_eq!(workers_for(NonZeroUsize::new(processors).unwrap()).get(), workers, "{processors}");
        }
        assert_eq!(section("workers = 7").workers().get(), 7);
    }

    #[test]
    fn what_is_told_to_look_for_longer_than_is_of_use_is_an_error() {
        let busy_poll = |text| section(text).busy_poll().map(|length| length.as_micros());
        assert_eq!(busy_poll(""), Ok(100));
        assert_eq!(busy_poll("busy_poll_us = 0"), Ok(0));
        assert_eq!(busy_poll("busy_poll_us = 1000"), Ok(1000));
        let error = busy_poll("busy_poll_us = 1001").unwrap_err().to_string();
        assert!(error.contains("busy_poll_us is 1001") && error.contains("0 turns it off"), "{error}");
    }
}
