//! Which URLs failed lately and are left alone for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::Error;
use crate::trust::Epoch;

/// URLs that gave no certificate that is trusted, beside the [`CertCache`](super::CertCache): for 10 to
/// 13 seconds after a time-out, a fault of the repository or a name that did not resolve, a minute after
/// anything else. Bounded.
#[derive(Debug, Default)]
pub struct Failures(Mutex<HashMap<Box<str>, Failed>>);

#[derive(Clone, Copy, Debug)]
struct Failed {
    error: Error,
    until: i64,
    /// Another trust may find otherwise.
    epoch: Epoch,
}

impl Failures {
    /// Why `url` is not to be tried at `now`, in seconds since 1970, by the trust of `epoch`.
    #[must_use]
    pub fn recent(&self, url: &str, epoch: Epoch, now: i64) -> Option<Error> {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = failures.get(url)?;
        (now < failed.until && failed.epoch == epoch).then_some(failed.error)
    }

    /// Notes that `url` gave nothing at `now` but `error`, by the trust of `epoch`.
    pub fn note(&self, url: &str, error: Error, epoch: Epoch, now: i64) {
        let keep_s = match error {
            // Nobody knows about the URL itself: it was never asked.
            Error::FetchOverload => return,
            // A resolver that fails looks like a name that is not there.
            Error::FetchDns
            | Error::FetchDeadline
            | Error::FetchConnect
            | Error::FetchStatus { status: 500.. } => RETRY_SOON_S + jitter_s(url),
            _ => RETRY_LATER_S,
        };
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MAX_FAILURES {
            failures.retain(|_, failed| now < failed.until);
        }
        if failures.len() < MAX_FAILURES {
            failures.insert(url.into(), Failed { error, until: now.saturating_add(keep_s), epoch });
        }
    }
}

/// 0 to 3: the URLs of a host that comes back are not all asked in the same second.
fn jitter_s(url: &str) -> i64 {
    i64::from(url.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) % 4)
}

/// After what may be better in a moment.
const RETRY_SOON_S: i64 = 10;

/// After an answer that will not.
const RETRY_LATER_S: i64 = 60;

/// How many failures are kept. When all are recent, further ones are forgotten at once, which
/// costs a download each and no memory.
const MAX_FAILURES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Trust;

    #[test]
    fn failures_end_and_are_bounded() {
        let (failures, epoch) = (Failures::default(), Trust::empty().epoch());
        let url = "https://cr.example.com/a.pem";
        for (error, least, most) in [
            (Error::FetchDns, 10, 13),
            (Error::FetchTls, 60, 60),
            (Error::FetchStatus { status: 404 }, 60, 60),
            (Error::CertUntrusted, 60, 60),
            (Error::FetchDeadline, 10, 13),
            (Error::FetchStatus { status: 503 }, 10, 13),
            (Error::FetchOverload, 0, 0),
        ] {
            let failures = Failures::default();
            failures.note(url, error, epoch, 100);
            let end = (100..).find(|now| failures.recent(url, epoch, *now).is_none()).unwrap();
            assert!((100 + least..=100 + most).contains(&end), "{error:?} until {end}");
        }
        for i in 0..2 * MAX_FAILURES {
            failures.note(&format!("{url}{i}"), Error::FetchDns, epoch, 0);
        }
        assert_eq!(failures.0.lock().unwrap().len(), MAX_FAILURES);
        failures.note(url, Error::FetchDns, epoch, 60);
        assert_eq!(failures.recent(url, epoch, 60), Some(Error::FetchDns), "the old ones made room");
    }
}
