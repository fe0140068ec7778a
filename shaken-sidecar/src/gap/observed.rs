//! What the audit log shows of each number: how many calls at which level, and when that changed.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::counts::{Counts, DAY, Day, Level, window};
use super::names::Names;
use crate::audit::{AuditError, Call, CallVisitor, Interest};
use crate::policy::numbers::E164;

/// One number on one trunk. There are as many as numbers that called, so it is small.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Calls of the last day, of the rest of seven days, of the rest of thirty, and before.
    counts: [[u32; 4]; 4],
    other: u32,
    first: u32,
    last: u32,
    /// When the calls began to be below A; 0 while they are A, or never were.
    lost_at: u32,
    lost_generation: u16,
    reason: u16,
    /// Of the last call that had one and was not passed over.
    level: Option<Level>,
    had_a: bool,
    changes: u8,
    /// Calls in a row that asked for less; more than 255 are 255.
    asked_less: u8,
}

impl Seen {
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts { other: u64::from(self.other), ..Counts::default() };
        for (at, of) in self.counts.iter().enumerate() {
            for window in counts.levels.iter_mut().skip(at) {
                window.iter_mut().zip(of).for_each(|(count, more)| *count += u64::from(*more));
            }
        }
        counts
    }

    pub(super) fn level(&self) -> Option<Level> {
        self.level
    }

    pub(super) fn reason(&self) -> u16 {
        self.reason
    }

    pub(super) fn had_a(&self) -> bool {
        self.had_a
    }

    /// Whether its last call may be below A for whom it called or what it asked for.
    pub(super) fn is_of_call(&self) -> bool {
        is_of_call(self.reason)
    }

    /// Whether so many calls in a row asked for less that this is no exception any more.
    pub(super) fn asks_for_less(&self) -> bool {
        self.asked_less >= MANY
    }

    /// When calls fell below A, and the generation then, if they did and have not come back.
    pub(super) fn lost(&self) -> Option<(i64, u16)> {
        (self.lost_at > 0).then_some((i64::from(self.lost_at), self.lost_generation))
    }

    /// Whether a call with this reason leaves what is known of the number as it is. What may be of the call
    /// alone hides no other loss, unless many in a row ask for less; and what a rule did hides not that they do.
    fn passes_over(&self, reason: u16) -> bool {
        let is_low = self.level.is_some_and(|level| level != Level::A);
        let hides = if is_of_call(self.reason) {
            self.reason == ASKED_LESS && reason != ASKED_LESS
        } else {
            reason != ASKED_LESS || !self.asks_for_less()
        };
        is_low && is_of_call(reason) && hides
    }

    pub(super) fn first(&self) -> i64 {
        self.first.into()
    }

    pub(super) fn last(&self) -> i64 {
        self.last.into()
    }
}

/// A change of the level of a number on a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    seen: u32,
    pub(super) at: u32,
    pub(super) generation: u16,
    pub(super) reason: u16,
    pub(super) from: Level,
    pub(super) to: Level,
}

/// All that a log shows of its numbers, up to some time.
#[derive(Debug)]
pub struct Observed {
    now: i64,
    pub(super) trunks: Names,
    pub(super) reasons: Names,
    pub(super) generations: Names,
    /// Of each generation, the one before it in the log.
    before: HashMap<u16, u16>,
    newest: u16,
    index: HashMap<u64, u32>,
    seen: Vec<Seen>,
    changes: Vec<Change>,
    /// Changes whose generation comes later.
    waiting: VecDeque<(u32, u32)>,
    days: BTreeMap<i64, Day>,
    unnumbered: Counts,
    holes: u64,
    failures: Vec<AuditError>,
}

impl Observed {
    /// Nothing yet. Days are counted back from `now`, in seconds since 1970.
    #[must_use]
    pub fn new(now: i64) -> Self {
        let mut reasons = Names::new(u16::MAX);
        for reason in OF_CALL {
            reasons.name(reason);
        }
        Self {
            now,
            trunks: Names::new(MAX_TRUNKS),
            reasons,
            generations: Names::new(u16::MAX),
            before: HashMap::new(),
            newest: 0,
            index: HashMap::new(),
            seen: Vec::new(),
            changes: Vec::new(),
            waiting: VecDeque::new(),
            days: BTreeMap::new(),
            unnumbered: Counts::default(),
            holes: 0,
            failures: Vec::new(),
        }
    }

    /// Calls whose caller is no number in international form.
    #[must_use]
    pub fn unnumbered(&self) -> &Counts {
        &self.unnumbered
    }

    /// Records that say that others could not be written.
    #[must_use]
    pub fn holes(&self) -> u64 {
        self.holes
    }

    /// Segments that could not be read.
    #[must_use]
    pub fn failures(&self) -> &[AuditError] {
        &self.failures
    }

    /// Calls by day, counted since 1970 in UTC.
    #[must_use]
    pub fn days(&self) -> &BTreeMap<i64, Day> {
        &self.days
    }

    /// How many different pairs of number and trunk there are.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.seen.len()
    }

    /// The generation that was in force before this one, as far as the log shows it.
    pub(super) fn before(&self, generation: u16) -> Option<u16> {
        self.before.get(&generation).copied()
    }

    /// All pairs by number: number, trunk, place of the rest.
    pub(super) fn by_number(&self) -> Vec<Pair> {
        let pair = |(key, place): (&u64, &u32)| Pair {
            number: key >> TRUNK_BITS,
            trunk: (key & u64::from(MAX_TRUNKS)) as u16,
            place: *place,
        };
        let mut pairs: Vec<Pair> = self.index.iter().map(pair).collect();
        pairs.sort_unstable();
        pairs
    }

    pub(super) fn seen(&self, place: u32) -> Option<&Seen> {
        self.seen.get(place as usize)
    }

    /// Makes [`changes`](Self::changes) findable; to be called once all is read.
    pub(super) fn sort(&mut self) {
        self.changes.sort_by_key(|change| change.seen);
        self.changes.shrink_to_fit();
    }

    /// The first [`MAX_CHANGES`] changes of a pair, in order.
    pub(super) fn changes(&self, place: u32) -> &[Change] {
        let start = self.changes.partition_point(|change| change.seen < place);
        let end = self.changes.partition_point(|change| change.seen <= place);
        self.changes.get(start..end).unwrap_or_default()
    }

    fn count(&mut self, key: u64, at: i64, level: Option<Level>, reason: u16) -> Interest {
        let time = u32::try_from(at).unwrap_or(u32::MAX);
        let place = *self.index.entry(key).or_insert_with(|| {
            self.seen.push(Seen {
                counts: [[0; 4]; 4],
                other: 0,
                first: time,
                last: time,
                lost_at: 0,
                lost_generation: 0,
                reason,
                level: None,
                had_a: false,
                changes: 0,
                asked_less: 0,
            });
            (self.seen.len() - 1) as u32
        });
        let Some(seen) = self.seen.get_mut(place as usize) else { return Interest::Enough };
        seen.first = seen.first.min(time);
        seen.last = seen.last.max(time);
        let Some(level) = level else {
            seen.other += 1;
            if seen.level.is_none() {
                seen.reason = reason;
            }
            return Interest::Enough;
        };
        seen.counts[window(self.now - at)][level as usize] += 1;
        if level == Level::A || !is_of_call(reason) {
            seen.asked_less = 0;
        } else {
            seen.asked_less = seen.asked_less.saturating_add(u8::from(reason == ASKED_LESS));
            if seen.passes_over(reason) {
                return Interest::Enough;
            }
        }
        seen.reason = reason;
        let before = seen.level.replace(level);
        seen.had_a |= level == Level::A;
        let from = match before {
            Some(from) if from != level => from,
            _ => return Interest::Enough,
        };
        if level == Level::A {
            (seen.lost_at, seen.lost_generation) = (0, 0);
        }
        let is_loss = from == Level::A;
        if is_loss {
            seen.lost_at = time;
        }
        let mut change = u32::MAX;
        if seen.changes < MAX_CHANGES {
            seen.changes += 1;
            change = self.changes.len() as u32;
            self.changes.push(Change { seen: place, at: time, generation: 0, reason, from, to: level });
        }
        if change == u32::MAX && !is_loss {
            return Interest::Enough;
        }
        self.waiting.push_back((change, if is_loss { place } else { u32::MAX }));
        Interest::Generation
    }
}

impl CallVisitor for Observed {
    fn call(&mut self, call: &Call<'_>) -> Interest {
        if call.unix_seconds > self.now {
            return Interest::Enough;
        }
        let level = match (call.verdict, call.attest) {
            (Some("signed"), Some("A")) => Some(Level::A),
            (Some("signed"), Some("B")) => Some(Level::B),
            (Some("signed"), Some("C")) => Some(Level::C),
            (Some("signed"), _) => None,
            _ => Some(Level::Unsigned),
        };
        if let Some(level) = level {
            let day = self.days.entry(call.unix_seconds.div_euclid(DAY)).or_default();
            day.levels[level as usize] += 1;
        }
        let reason = match (call.reason, call.error) {
            (Some(reason), _) => self.reasons.name(reason),
            (None, Some(error)) => self.reasons.name(&error.replace('-', "_").to_uppercase()),
            (None, None) if level == Some(Level::Unsigned) => self.reasons.name("UNSIGNED"),
            (None, None) => 0,
        };
        let Some(number) = call.orig.and_then(E164::of_digits) else {
            let at = window(self.now - call.unix_seconds);
            match level {
                Some(level) => {
                    self.unnumbered.levels.iter_mut().skip(at).for_each(|of| of[level as usize] += 1);
                }
                None => self.unnumbered.other += 1,
            }
            return Interest::Enough;
        };
        let trunk = self.trunks.name(call.trunk.unwrap_or("-"));
        self.count(number.value() << TRUNK_BITS | u64::from(trunk), call.unix_seconds, level, reason)
    }

    fn generation(&mut self, generation: Option<&str>) {
        let Some((change, lost)) = self.waiting.pop_front() else { return };
        let Some(generation) = generation else { return };
        self.passed(generation);
        let name = self.generations.name(generation);
        if let Some(change) = self.changes.get_mut(change as usize) {
            change.generation = name;
        }
        if let Some(seen) = self.seen.get_mut(lost as usize) {
            seen.lost_generation = name;
        }
    }

    fn passed(&mut self, generation: &str) {
        let is_known = self.generations.find(generation).is_some();
        let name = self.generations.name(generation);
        if !is_known && self.newest > 0 {
            self.before.insert(name, self.newest);
        }
        self.newest = name;
    }

    fn hole(&mut self) {
        self.holes += 1;
    }

    fn failed(&mut self, error: AuditError) {
        self.waiting.clear();
        self.failures.push(error);
    }
}

/// A number and a trunk that calls of it were seen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    pub(super) number: u64,
    pub(super) trunk: u16,
    pub(super) place: u32,
}

fn is_of_call(reason: u16) -> bool {
    (1..=ASKED_LESS).contains(&reason)
}

/// Reasons that a call can have for whom it calls or what it asks for. They have the first names.
const OF_CALL: [&str; 4] = ["RULE_BLOCK", "RULE_UNSIGNED", "RULE_CAP", "CAPPED_BY_REQUEST"];
/// The name of the last of them.
const ASKED_LESS: u16 = OF_CALL.len() as u16;

/// So many calls in a row that ask for less are no exception any more.
const MANY: u8 = 5;

/// A number has 50 bits.
const TRUNK_BITS: u32 = 14;
const MAX_TRUNKS: u16 = (1 << TRUNK_BITS) - 1;

/// Changes that are kept of one number on one trunk: one that flaps does not take more.
const MAX_CHANGES: u8 = 16;
