//! Which PASSporTs have come before with another call. What is remembered of each is a hash of who
//! calls whom, when, and under which tracing value: not its signature, of which there are two for each.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};

use ring::hmac;
use ring::rand::SystemRandom;
use shaken_core::claims::Orig;
use shaken_core::passport::Claims;

/// Remembers PASSporTs for as long as they are fresh; outlives reloads. Bounded: what has no room is
/// not remembered, and counted.
pub struct Replays {
    /// Drawn at the start, so that nobody can make hashes meet. Nothing if there was no randomness;
    /// then nothing is found.
    key: Option<hmac::Key>,
    seen: Mutex<Seen>,
    max: usize,
}

#[derive(Default)]
struct Seen {
    /// By the time in the PASSporT, in slots: each goes as a whole when it is no longer fresh.
    slots: HashMap<u64, Slot>,
    count: usize,
    stats: ReplayStats,
}

/// For each PASSporT the call that it came with first; none that is named has 0.
type Slot = HashMap<u128, u64, BuildHasherDefault<Taken>>;

/// The figures since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayStats {
    /// PASSporTs that came again with another call.
    pub found: u64,
    /// PASSporTs that were not remembered: there was no room.
    pub forgotten: u64,
    /// PASSporTs that are remembered now.
    pub remembered: u64,
}

impl fmt::Debug for Replays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replays").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Default for Replays {
    fn default() -> Self {
        Self::new(MAX_REMEMBERED)
    }
}

impl Replays {
    fn new(max: usize) -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok();
        if key.is_none() {
            tracing::error!("the system has no randomness: replays are not found");
        }
        Self { key, seen: Mutex::default(), max }
    }

    /// Whether a PASSporT with `claims`, which has just been verified, came before with another call
    /// than `call_id`. A call without a name is another one each time. `fresh_s` is how far its time may
    /// be from `now`, both in seconds, `now` since 1970.
    pub fn is_one(&self, claims: &Claims<'_>, call_id: Option<&str>, fresh_s: u64, now: i64) -> bool {
        let Some(key) = &self.key else { return false };
        let mut hash = hmac::Context::with_key(key);
        let mut add = |part: &str| {
            hash.update(&part.len().to_le_bytes());
            hash.update(part.as_bytes());
        };
        match claims.orig() {
            Orig::Tn(tn) => add(tn.as_str()),
            Orig::Uri(uri) => add(&uri.to_string()),
        }
        claims.dest().tns().for_each(|tn| add(tn.as_str()));
        add("uri");
        claims.dest().uris().for_each(|uri| add(&uri.to_string()));
        add("origid");
        if let Some(shaken) = claims.shaken() {
            add(&shaken.origid().to_string());
        }
        hash.update(&claims.iat().to_le_bytes());
        let call = call_id.map_or(0, |call_id| first_u64(hmac::sign(key, call_id.as_bytes()).as_ref()));
        let name = first_u128(hash.sign().as_ref());
        self.note(name, call, claims.iat(), u64::try_from(now).unwrap_or(0).saturating_sub(fresh_s))
    }

    fn note(&self, name: u128, call: u64, iat: u64, oldest: u64) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Seen { slots, count, stats } = &mut *seen;
        let slot = iat / SLOT_S;
        if !slots.contains_key(&slot) {
            // Only now and then: a slot begins.
            slots.retain(|slot, _| *slot >= oldest / SLOT_S);
            *count = slots.values().map(HashMap::len).sum();
        }
        match slots.entry(slot).or_default().entry(name) {
            Entry::Occupied(first) => {
                let is_replay = call == 0 || *first.get() != call;
                stats.found += u64::from(is_replay);
                is_replay
            }
            Entry::Vacant(place) if *count < self.max => {
                place.insert(call);
                *count += 1;
                false
            }
            Entry::Vacant(_) => {
                stats.forgotten += 1;
                false
            }
        }
    }

    /// The figures at this moment.
    #[must_use]
    pub fn stats(&self) -> ReplayStats {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        ReplayStats { remembered: seen.count as u64, ..seen.stats }
    }
}

/// Names are hashes already.
#[derive(Default)]
struct Taken(u64);

impl Hasher for Taken {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u128(&mut self, name: u128) {
        self.0 = first_u64(&name.to_le_bytes());
    }
}

fn first_u64(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}

fn first_u128(bytes: &[u8]) -> u128 {
    bytes.first_chunk().map_or(0, |first| u128::from_le_bytes(*first))
}

/// A slot goes this long after its first PASSporT could.
const SLOT_S: u64 = 10;

/// Those of 70 seconds at 10,000 calls a second, in some 50 MB.
const MAX_REMEMBERED: usize = 720_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_call_is_a_replay_and_the_same_is_none() {
        let replays = Replays::new(10);
        for (name, call, is_replay) in [
            (1, 7, false),
            (1, 7, false),
            (1, 8, true),
            (1, 7, false),
            (2, 7, false),
            (3, 0, false),
            (3, 0, true),
            (3, 9, true),
        ] {
            assert_eq!(replays.note(name, call, 1000, 940), is_replay, "{name} in {call}");
        }
        assert_eq!(replays.stats(), ReplayStats { found: 3, forgotten: 0, remembered: 3 });
    }

    #[test]
    fn what_is_no_longer_fresh_is_forgotten_and_nothing_before() {
        let replays = Replays::new(1000);
        for second in 0..600_u64 {
            // Signed as long ago, or ahead, as is allowed.
            for (name, iat) in [(second, second + 940), (second + 10_000, second + 1060)] {
                assert!(!replays.note(u128::from(name), 1, iat, second + 940));
                assert!(replays.note(u128::from(name), 2, iat, second + 940));
            }
        }
        // Each slot still has whatever could be fresh.
        for second in 541..600_u64 {
            assert!(replays.note(u128::from(second + 10_000), 2, second + 1060, 599 + 940), "{second}");
        }
        assert!(replays.stats().remembered < 300, "{:?}", replays.stats());
    }

    /// G12: a minute of 10,000 calls a second, none of them twice.
    #[test]
    fn millions_of_calls_are_told_apart_in_bounded_memory() {
        const PER_S: u64 = 10_000;
        let replays = Replays::default();
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"distinct");
        let (mut found, mut most) = (0, 0);
        for second in 0..150_u64 {
            for call in 0..PER_S {
                let name = first_u128(hmac::sign(&key, &(second * PER_S + call).to_le_bytes()).as_ref());
                found += usize::from(replays.note(name, 1, second, second.saturating_sub(60)));
            }
            let seen = replays.seen.lock().unwrap();
            let entry_len_bytes = size_of::<(u128, u64)>() + 1;
            let slots = seen.slots.values().map(|slot| slot.capacity() * 8 / 7 * entry_len_bytes);
            most = most.max(slots.sum::<usize>());
        }
        println!("{} MB for {:?}", most >> 20, replays.stats());
        assert_eq!((found, replays.stats().forgotten), (0, 0));
        assert!(most <= 64 << 20, "{most} bytes");
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let replays = Replays::new(2);
        assert!((0..5).all(|name| !replays.note(name, 1, 7, 0)));
        assert_eq!(replays.stats(), ReplayStats { found: 0, forgotten: 3, remembered: 2 });
        assert!(replays.note(1, 2, 7, 0));
    }
}
