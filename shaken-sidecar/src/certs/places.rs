//! Who may download now. Places are few, and whoever chooses URLs may choose many that never answer:
//! so URLs and hosts that once gave a good certificate have places that others cannot take.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct Places {
    max: usize,
    max_per_host: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Under way, of each rank.
    taken: [usize; 3],
    per_host: HashMap<Box<str>, usize>,
    proven_hosts: HashSet<Box<str>>,
    /// When the bucket of downloads from strange hosts was empty last, as if nothing was taken since.
    strangers_from: Option<Instant>,
}

/// What is known of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It gave a good certificate.
    Proven,
    Unproven,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Neither URL nor host has ever given a good certificate.
    Stranger,
    /// The host has.
    KnownHost,
    /// The URL has.
    Proven,
}

/// Permission for one download, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    host: Box<str>,
    rank: Rank,
}

impl Places {
    pub(super) fn new(max: usize, max_per_host: usize) -> Self {
        Self { max, max_per_host, state: Mutex::default() }
    }

    /// A place for a download from `host`, if there is one now.
    pub(super) fn take(self: &Arc<Self>, host: &str, standing: Standing, now: Instant) -> Option<Place> {
        let host: Box<str> = host.to_ascii_lowercase().into();
        let mut state = self.state();
        let rank = match standing {
            Standing::Proven => Rank::Proven,
            Standing::Unproven if state.proven_hosts.contains(&host) => Rank::KnownHost,
            Standing::Unproven => Rank::Stranger,
        };
        // Those of lower rank count for the limit of each, those of higher do not: a full house of
        // refreshes does not shut others out, nor they it.
        let below: usize = state.taken.iter().take(rank as usize + 1).sum();
        let all: usize = state.taken.iter().sum();
        if all >= self.max || below >= self.most(rank) {
            return None;
        }
        let of_host = state.per_host.get(&host).copied().unwrap_or(0);
        let most_of_host = match rank {
            Rank::Proven => self.max_per_host * PROVEN_PER_HOST,
            Rank::Stranger | Rank::KnownHost => self.max_per_host,
        };
        if of_host >= most_of_host || (rank == Rank::Stranger && !state.admit_stranger(now)) {
            return None;
        }
        *state.per_host.entry(host.clone()).or_default() += 1;
        if let Some(taken) = state.taken.get_mut(rank as usize) {
            *taken += 1;
        }
        Some(Place { places: Arc::clone(self), host, rank })
    }

    /// `host` has given a good certificate.
    pub(super) fn prove(&self, host: &str) {
        let mut state = self.state();
        if state.proven_hosts.len() < MAX_PROVEN_HOSTS {
            state.proven_hosts.insert(host.to_ascii_lowercase().into());
        }
    }

    /// How many downloads are under way.
    pub(super) fn taken(&self) -> usize {
        self.state().taken.iter().sum()
    }

    /// How many places this rank and those below it may have together.
    fn most(&self, rank: Rank) -> usize {
        match rank {
            Rank::Stranger => self.max.div_ceil(2),
            Rank::KnownHost => (self.max * 3).div_ceil(4),
            Rank::Proven => self.max,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn admit_stranger(&mut self, now: Instant) -> bool {
        let full = now.checked_sub(STRANGER_EVERY * STRANGER_BURST).unwrap_or(now);
        let from = self.strangers_from.map_or(full, |from| from.max(full));
        let is_admitted = from + STRANGER_EVERY <= now;
        if is_admitted {
            self.strangers_from = Some(from + STRANGER_EVERY);
        }
        is_admitted
    }
}

impl Place {
    pub(super) fn has_proven_its_host(&self) {
        self.places.prove(&self.host);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.places.state();
        if let Some(taken) = state.taken.get_mut(self.rank as usize) {
            *taken -= 1;
        }
        if let Some(of_host) = state.per_host.get_mut(&self.host) {
            *of_host -= 1;
            if *of_host == 0 {
                state.per_host.remove(&self.host);
            }
        }
    }
}

/// Of a proven host's own URLs there may be this many times as many downloads as of others of it, which
/// a stranger could choose: so those cannot keep a refresh out.
const PROVEN_PER_HOST: usize = 2;

/// 50 a second from hosts that never gave a certificate: whatever fails at once must not become a flood
/// of names for our resolver.
const STRANGER_EVERY: Duration = Duration::from_millis(20);

/// A start without anything known is a burst of them.
const STRANGER_BURST: u32 = 100;

/// All repositories there are, and more.
const MAX_PROVEN_HOSTS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn take(places: &Arc<Places>, host: &str, standing: Standing) -> Option<Place> {
        places.take(host, standing, Instant::now())
    }

    fn fill(places: &Arc<Places>, hosts: &str, standing: Standing) -> Vec<Place> {
        (0..1000).filter_map(|i| take(places, &format!("h{i}.{hosts}"), standing)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_leave_room_for_the_proven() {
        let places = Arc::new(Places::new(64, 4));
        (0..1000).for_each(|i| places.prove(&format!("h{i}.known.example")));
        let strangers = fill(&places, "strange.example", Standing::Unproven);
        let known = fill(&places, "known.example", Standing::Unproven);
        let proven = fill(&places, "known.example", Standing::Proven);
        assert_eq!((strangers.len(), known.len(), proven.len()), (32, 16, 16));
        drop((strangers, known));
        assert_eq!(places.taken(), 16);
        // Refreshes take nobody else's places.
        assert_eq!(fill(&places, "strange.example", Standing::Unproven).len(), 32);
        drop(proven);
        assert_eq!(places.taken(), 0);
        assert!(places.state().per_host.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn one_host_has_few() {
        let places = Arc::new(Places::new(64, 4));
        let all = |standing| -> Vec<_> {
            (0..100).filter_map(|_| take(&places, "Cr.example.com", standing)).collect()
        };
        let unproven = all(Standing::Unproven);
        let proven = all(Standing::Proven);
        assert_eq!((unproven.len(), proven.len()), (4, 4), "chosen URLs do not keep refreshes out");
        assert!(take(&places, "cr.EXAMPLE.com", Standing::Unproven).is_none(), "it is the same host");
        assert!(take(&places, "cr2.example.com", Standing::Unproven).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn strange_hosts_come_at_a_rate() {
        let places = Arc::new(Places::new(64, 4));
        let admitted = |tries: usize| {
            (0..tries)
                .filter(|i| take(&places, &format!("h{i}.example"), Standing::Unproven).is_some())
                .count()
        };
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(admitted(1000), 100);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(admitted(1000), 50);
        places.prove("h7.example");
        assert!(take(&places, "h7.example", Standing::Unproven).is_some(), "it is none");
    }

    #[test]
    fn the_smallest_limit_still_serves() {
        let places = Arc::new(Places::new(1, 1));
        assert_eq!(fill(&places, "strange.example", Standing::Unproven).len(), 1);
    }
}
