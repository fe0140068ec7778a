//! The schedule of the lists: each is had anew after a while, a little earlier or later than the
//! others', and sooner after a failure. What is good takes the place of the one before it and is kept on
//! disk; what is not changes nothing.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ring::rand::SystemRandom;

use super::{Checked, Lists, Source, Trouble, apply};
use crate::life::Life;
use crate::life::clock::unix_s;

/// Never ends.
pub(crate) async fn refresh(life: &Life) {
    loop {
        let lists = life.lists();
        let next = lists.as_ref().and_then(|lists| lists.next_due());
        let due = async {
            match next {
                Some((due, _)) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = life.swapped() => continue,
            () = due => {}
        }
        if let Some((lists, (_, index))) = lists.zip(next) {
            renew(life, &lists, index).await;
        }
    }
}

async fn renew(life: &Life, lists: &Arc<Lists>, index: usize) {
    let Some(source) = lists.sources.get(index) else { return };
    let outcome = attempt(life, lists, source).await;
    let now = SystemTime::now();
    match outcome {
        Ok(()) => {
            tracing::debug!("{source} is fresh");
            lists.note_good(index, unix_s(now), unix_s(now));
        }
        Err(why) => {
            tracing::warn!("{source} cannot be renewed, the one before it stays: {why}");
            life.count_refresh_failure();
            lists.note_failure(index);
        }
    }
}

async fn attempt(life: &Life, lists: &Arc<Lists>, source: &Source) -> Result<(), String> {
    let (body, signer) = lists.fetch(source).await.map_err(|trouble| trouble.to_string())?;
    let now = unix_s(SystemTime::now());
    let (checking, of) = (Arc::clone(lists), source.clone());
    // A list may have half a million entries.
    let checked = tokio::task::spawn_blocking(move || {
        let content = checking.check(&of, &body, &signer, now)?;
        Ok::<_, Trouble>(Checked { content, body, signer })
    });
    let checked = checked.await.map_err(|_| "checking it failed".to_owned())?;
    let checked = checked.map_err(|trouble| trouble.to_string())?;
    let put = |trust: &mut shaken_core::Trust| apply(trust, &checked.content);
    life.put_trust(lists, put).await.map_err(|error| Trouble::List(error).to_string())?;
    // In force it is, even if the disk is full: only a restart would miss it.
    let (keeping, of) = (Arc::clone(lists), source.clone());
    let kept = tokio::task::spawn_blocking(move || keeping.keep(&of, &checked, now)).await;
    kept.map_err(|_| "keeping it failed".to_owned())?
}

impl Lists {
    /// The source that is due first, and when.
    fn next_due(&self) -> Option<(Instant, usize)> {
        self.status().iter().enumerate().map(|(index, status)| (status.due, index)).min()
    }

    fn note_failure(&self, index: usize) {
        if let Some(status) = self.status().get_mut(index) {
            let pause = FIRST_PAUSE.saturating_mul(1 << status.failures.min(10)).min(self.refresh);
            status.failures = status.failures.saturating_add(1);
            status.due = Instant::now() + jittered(pause);
        }
    }
}

/// A tenth more or less: not all daemons of the country ask in the same second.
pub(super) fn jittered(time: Duration) -> Duration {
    let random: [u8; 2] =
        ring::rand::generate(&SystemRandom::new()).map_or([0x80, 0], |random| random.expose());
    let part = f64::from(u16::from_be_bytes(random)) / f64::from(u16::MAX);
    time.mul_f64(0.9 + 0.2 * part)
}

/// After a first failure.
const FIRST_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_a_tenth_and_differs() {
        let times: Vec<_> = (0..64).map(|_| jittered(Duration::from_secs(1000))).collect();
        assert!(times.iter().all(|time| (900..=1100).contains(&time.as_secs())), "{times:?}");
        assert!(times.iter().any(|time| time != &times[0]));
    }
}
