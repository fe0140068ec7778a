//! Which state a number is in, and why.

use super::counts::Level;
use super::expected::{Expect, Expected};
use super::inventory::Inventory;
use super::names::Names;
use super::observed::{Observed, Pair, Seen};
use super::state::{State, own};
use super::teams::{Assigned, Teams, Ways};
use crate::policy::decision::Reason;
use crate::policy::numbers::E164;

/// What is found of one number, or of neighbours that did not call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) first: u64,
    pub(super) last: u64,
    /// The first of its pairs among those of the log, and how many there are.
    pub(super) pairs: (u32, u16),
    /// Who holds the number.
    pub(super) customer: Option<u32>,
    pub(super) site: Option<u32>,
    pub(super) finding: Finding,
    pub(super) best: Level,
    pub(super) teams: Option<Level>,
    pub(super) observed: Option<Level>,
}

/// A state and what is known of it. Names are those of [`Judge`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Finding {
    pub(super) state: State,
    pub(super) reason: u16,
    /// When it came to this, or will; in seconds since 1970, 0 if that is not known.
    pub(super) since: u32,
    /// The generation that it came with.
    pub(super) generation: u16,
    pub(super) trunk: u16,
    /// Whether it is about calls of somebody else with the number of who holds it.
    pub(super) is_others: bool,
}

/// All that numbers are judged by.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    pub(super) expected: Expected<'a>,
    pub(super) observed: &'a Observed,
    pub(super) teams: &'a Teams,
    pub(super) inventory: Option<&'a Inventory>,
    pub(super) trunks: Names,
    pub(super) reasons: Names,
    pub(super) pairs: Vec<Pair>,
    /// The first second of the log that counts, now, and the second up to which risks are looked for.
    pub(super) times: Times,
    /// What is found of calls with numbers of others, which stand beside their own.
    pub(super) others: Vec<Item>,
}

/// The three times of a report, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) since: i64,
    pub(super) now: i64,
    pub(super) until: i64,
}

impl Judge<'_> {
    /// All numbers of policy, exports and log, ascending; neighbours of which all is the same are one. Behind
    /// them by trunk what others show of them.
    pub(super) fn all(&mut self) -> Vec<Item> {
        let mut singles: Vec<u64> = self.pairs.iter().map(|pair| pair.number).collect();
        singles.extend(self.teams.numbers());
        singles.sort_unstable();
        singles.dedup();
        let mut bounds = Vec::new();
        let mut add = |first: u64, last: u64| bounds.extend([first, last + 1]);
        self.expected.policy().visit_bounds(&mut add);
        if let Some(inventory) = self.inventory {
            inventory.numbers().visit_runs(|first, last, _| add(first, last));
        }
        bounds.sort_unstable();
        bounds.dedup();
        let mut items = Vec::with_capacity(singles.len());
        let mut singles = singles.into_iter().peekable();
        for stretch in bounds.windows(2) {
            let &[start, end] = stretch else { continue };
            while let Some(single) = singles.next_if(|single| *single < start) {
                items.extend(self.item(single, single));
            }
            if !self.is_held(start) {
                continue;
            }
            let mut at = start;
            while let Some(single) = singles.next_if(|single| *single < end) {
                if at < single {
                    items.extend(self.item(at, single - 1));
                }
                items.extend(self.item(single, single));
                at = single + 1;
            }
            if at < end {
                items.extend(self.item(at, end - 1));
            }
        }
        for single in singles {
            items.extend(self.item(single, single));
        }
        self.others.sort_unstable_by_key(|item| (item.finding.trunk, item.first));
        items.append(&mut self.others);
        items
    }

    fn is_held(&self, number: u64) -> bool {
        let Some(number) = E164::of_value(number) else { return false };
        self.expected.has_right(number)
            || self.inventory.is_some_and(|inventory| inventory.numbers().lookup(number).is_some())
    }

    /// Nothing of numbers that nobody can have.
    fn item(&mut self, first: u64, last: u64) -> Option<Item> {
        // A row can name numbers that cannot be dialled among others; one of the others speaks for it.
        let middle = first + (last - first) / 2;
        let mut some = [first, middle, last].into_iter().filter_map(E164::of_value);
        let number = some.find(|number| number.is_dialable()).or_else(|| E164::of_value(first))?;
        if first < last && !number.is_dialable() {
            return None;
        }
        let start = self.pairs.partition_point(|pair| pair.number < first);
        let count = self.pairs.get(start..)?.iter().take_while(|pair| pair.number == first).count();
        let count = if first == last { count } else { 0 };
        let assigned = if first == last { self.teams.number(first) } else { None };
        let best = self.expected.best(number, self.times.now);
        let ways = assigned.and_then(|assigned| self.teams.ways(assigned));
        let on_teams = ways.as_ref().map(|ways| self.expected.worst_on(number, &ways.first, self.times.now));
        let mut case = Case { number, assigned, best, ways, on_teams, start, count };
        case.count = self.own_first(&case);
        let (finding, observed) = self.finding(&case);
        let item = Item {
            first,
            last,
            pairs: (start as u32, u16::try_from(case.count).unwrap_or(u16::MAX)),
            customer: self.expected.customer(number, self.times.now),
            site: assigned.and_then(|assigned| assigned.site),
            finding,
            best: best.level,
            teams: on_teams.map(|expect| expect.level),
            observed,
        };
        for place in start + case.count..start + count {
            let other = self.of_others(&case, &item, place);
            self.others.extend(other);
        }
        Some(item)
    }

    fn finding(&mut self, case: &Case) -> (Finding, Option<Level>) {
        let observed = self.observed;
        let pairs = self.pairs.get(case.start..case.start + case.count).unwrap_or_default();
        let mut seen: Vec<(u16, &Seen)> =
            pairs.iter().filter_map(|pair| Some((pair.trunk, observed.seen(pair.place)?))).collect();
        seen.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.last()));
        let with_level = || seen.iter().filter_map(|(trunk, seen)| Some((*trunk, *seen, seen.level()?)));
        let Some((newest, _, level)) = with_level().next() else {
            return match seen.first() {
                Some((trunk, _)) => (self.found(State::Ok, own::DIVERTED, 0, 0, *trunk), None),
                None => (self.without_calls(case), None),
            };
        };
        // A trunk that it left for one with A is not how it calls any more.
        let has_left =
            |low: &Seen| with_level().any(|(_, seen, level)| level == Level::A && seen.first() > low.last());
        let had_a: Option<i64> =
            seen.iter().filter(|(_, seen)| seen.had_a()).map(|(_, seen)| seen.last()).max();
        let is_low = |(trunk, seen, level): &(u16, &Seen, Level)| {
            *level != Level::A
                && !has_left(seen)
                && !(had_a.is_some() && self.is_exception(case.number, *trunk, seen))
        };
        let lost = with_level().filter(is_low).find(|(_, seen, _)| seen.lost().is_some());
        let Some((trunk, low, _)) = lost.or_else(|| with_level().find(is_low)) else {
            return (self.with_a(case, newest, &seen), Some(level));
        };
        // What the policy takes from the number itself it took from these calls too.
        let of_policy = had_a.and_then(|_| self.of_policy(case.number, trunk, low));
        let reason = match of_policy.filter(|expect| expect.level != Level::A) {
            Some(expect) => expect.reason.name().to_owned(),
            None => self.reason_of(case, trunk, low.reason()),
        };
        let finding = match (low.lost(), had_a) {
            (Some((at, generation)), _) => self.found(State::Lost, &reason, at, generation, trunk),
            // Its calls moved to a trunk where they get less.
            (None, Some(last_a)) if last_a < low.first() => {
                self.found(State::Lost, &reason, low.first(), 0, trunk)
            }
            (None, Some(_)) => self.found(State::AtRisk, own::LOWER_ON_OTHER_TRUNK, low.first(), 0, trunk),
            (None, None) => self.found(State::NeverA, &reason, 0, 0, trunk),
        };
        (finding, Some(level))
    }

    /// Whether the last call was below A for whom it called or what it asked for: another one would have A.
    fn is_exception(&self, number: E164, trunk: u16, seen: &Seen) -> bool {
        let of_policy = self.of_policy(number, trunk, seen);
        !seen.asks_for_less() && of_policy.is_some_and(|expect| expect.level == Level::A)
    }

    /// What the policy gave a number whose last call may say nothing of it.
    fn of_policy(&self, number: E164, trunk: u16, seen: &Seen) -> Option<Expect> {
        let place = self.place_of(trunk).filter(|_| seen.is_of_call())?;
        Some(self.expected.on(number, Some(place), seen.last()))
    }

    /// The reason of calls below A, said more exactly where an export shows more.
    pub(super) fn reason_of(&self, case: &Case, trunk: u16, reason: u16) -> String {
        let reason = self.reasons.word(reason);
        let place = self.place_of(trunk);
        let is_foreign = matches!(reason, "RIGHT_NONE" | "RIGHT_OTHER_CUSTOMER");
        let more = match reason {
            "DIV_CALLER" | "DIV_NO_RIGHT" => own::FORWARDED_WITHOUT_DIV,
            "RIGHT_NONE" if case.assigned.is_some() => own::IN_TEAMS_NO_RIGHT,
            _ if is_foreign
                && self.teams.has_numbers()
                && case.assigned.is_none()
                && place.is_some_and(|place| self.teams.uses(place)) =>
            {
                own::CALLER_ID_NOT_IN_TEAMS
            }
            other => other,
        };
        more.to_owned()
    }

    /// The last call on every trunk had A.
    fn with_a(&mut self, case: &Case, newest: u16, seen: &[(u16, &Seen)]) -> Finding {
        let Times { now, .. } = self.times;
        let place = self.place_of(newest);
        let last = seen.first().map_or(now, |(_, seen)| seen.last());
        if place.is_some() {
            let expect = self.expected.on(case.number, place, now);
            if expect.level != Level::A {
                let had_a = self.expected.on(case.number, place, last).level == Level::A;
                let since = if had_a { self.expected.lost_at(case.number, place, (last, now)) } else { last };
                return self.found(State::Lost, expect.reason.name(), since, 0, newest);
            }
        }
        let expect = Expect { level: Level::A, reason: Reason::RightOk, trunk: place };
        let risk = self.risk(case, expect, place.is_some());
        risk.unwrap_or_else(|| self.found(State::Ok, own::A_SEEN, 0, 0, newest))
    }

    /// What can take A from a number that has it. `is_of_policy` says whether the policy gives it A.
    fn risk(&mut self, case: &Case, expect: Expect, is_of_policy: bool) -> Option<Finding> {
        let Times { now, until, .. } = self.times;
        let name = self.name_of(expect.trunk);
        if is_of_policy
            && let Some((at, then)) = self.expected.loses_at(case.number, expect.trunk, (now, until))
        {
            return Some(self.found(State::AtRisk, then.reason.name(), at, 0, name));
        }
        if let (Some(ways), Some(on_teams)) = (&case.ways, case.on_teams) {
            if ways.first.is_empty() {
                return Some(self.found(State::AtRisk, own::NO_TEAMS_ROUTE, 0, 0, 0));
            }
            let name = self.name_of(on_teams.trunk);
            if on_teams.level != Level::A {
                return Some(self.found(State::AtRisk, on_teams.reason.name(), 0, 0, name));
            }
            let failover = self.expected.worst_on(case.number, &ways.then, now);
            if !ways.then.is_empty() && failover.level != Level::A {
                let name = self.name_of(failover.trunk);
                return Some(self.found(State::AtRisk, own::FAILOVER_BELOW_A, 0, 0, name));
            }
        }
        let is_missing =
            self.inventory.is_some_and(|inventory| inventory.numbers().lookup(case.number).is_none());
        is_missing.then(|| self.found(State::AtRisk, own::NOT_IN_INVENTORY, 0, 0, name))
    }

    fn without_calls(&mut self, case: &Case) -> Finding {
        let Times { since, now, .. } = self.times;
        let has_right = self.expected.has_right(case.number);
        let is_in_inventory =
            self.inventory.is_some_and(|inventory| inventory.numbers().lookup(case.number).is_some());
        let has_exports = self.teams.has_numbers() || self.inventory.is_some();
        let best_name = self.name_of(case.best.trunk);
        if has_right && has_exports && case.assigned.is_none() && !is_in_inventory {
            return self.found(State::Surplus, own::IN_NO_EXPORT, 0, 0, best_name);
        }
        let is_assigned = case.assigned.is_some_and(|assigned| assigned.is_assigned);
        if !has_right {
            return if is_assigned {
                self.found(State::NeverA, own::IN_TEAMS_NO_RIGHT, 0, 0, 0)
            } else if is_in_inventory {
                self.found(State::Unused, own::IN_INVENTORY_NO_RIGHT, 0, 0, 0)
            } else {
                self.found(State::Unused, own::NO_CALLS, 0, 0, 0)
            };
        }
        let expect = match (case.on_teams, &case.ways) {
            (Some(_), Some(ways)) if ways.first.is_empty() && is_assigned => {
                return self.found(State::NeverA, own::NO_TEAMS_ROUTE, 0, 0, 0);
            }
            (Some(on_teams), Some(_)) if is_assigned => on_teams,
            _ => case.best,
        };
        let name = self.name_of(expect.trunk);
        if expect.level == Level::A {
            let risk = self.risk(case, expect, true);
            return risk.unwrap_or_else(|| self.found(State::Unused, own::NO_CALLS, 0, 0, name));
        }
        if self.expected.on(case.number, expect.trunk, since).level == Level::A {
            let at = self.expected.lost_at(case.number, expect.trunk, (since, now));
            return self.found(State::Lost, expect.reason.name(), at, 0, name);
        }
        let state = if is_assigned { State::NeverA } else { State::Unused };
        self.found(state, expect.reason.name(), 0, 0, name)
    }

    pub(super) fn found(
        &mut self,
        state: State,
        reason: &str,
        since: i64,
        generation: u16,
        trunk: u16,
    ) -> Finding {
        let since = u32::try_from(since).unwrap_or(0);
        Finding { state, reason: self.reasons.name(reason), since, generation, trunk, is_others: false }
    }

    /// The trunk of the policy that a name of the log means.
    pub(super) fn place_of(&self, trunk: u16) -> Option<u32> {
        let name = self.trunks.word(trunk);
        let place = self.expected.policy().trunks().iter().position(|trunk| trunk.name == name);
        place.map(|place| place as u32)
    }

    fn name_of(&mut self, place: Option<u32>) -> u16 {
        let trunks = self.expected.policy().trunks();
        match place.and_then(|place| trunks.get(place as usize)) {
            Some(trunk) => self.trunks.name(&trunk.name),
            None => 0,
        }
    }
}

/// What is known of a number before its calls are looked at.
pub(super) struct Case {
    pub(super) number: E164,
    assigned: Option<Assigned>,
    best: Expect,
    ways: Option<Ways>,
    on_teams: Option<Expect>,
    /// Its pairs.
    pub(super) start: usize,
    pub(super) count: usize,
}
