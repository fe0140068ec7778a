//! What rows that hold the same numbers may not say of them.
//!
//! Rights add up: of all rows that hold a number, the best that holds for a call gives its level, so that none
//! can take a level away by being there, and none can give one by being narrower. Two statements would come to
//! nothing that way, or to more than was meant, and are refused in place of being understood:
//!
//! - One provider assigns a number to two customers at a time, neither of which is the other's customer. One of
//!   them does not have it.
//! - Of the rows of one customer for the same trunk and time, one gives A and one gives B. The second is meant
//!   to take something away.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::num::NonZeroU32;
use std::path::Path;

use ring::digest::{Context, SHA256};

use super::fault::{Faults, LoadError};
use super::right::{Basis, MaxLevel, Right};
use super::rows;
use super::terms::{RIGHTS, Terms};
use super::{Customer, is_under};
use crate::policy::numbers::{E164, Numbers, Sets, Table};

/// Refuses what rows of `path`, whose numbers are in `table`, say against each other.
///
/// # Errors
/// [`LoadError::Faults`] with the lines of both, for one number of each set of rights in which two clash; of more
/// than a hundred such sets, of the first hundred.
pub(super) fn check(path: &Path, terms: &mut Terms<'_>, table: &Table, sets: &Sets) -> Result<(), LoadError> {
    let mut clashes = Vec::new();
    for name in (1..=sets.count()).filter_map(|name| NonZeroU32::new(u32::try_from(name).ok()?)) {
        let places: Vec<u32> = sets.members(name).collect();
        if places.len() > 1
            && let Some(pair) = clash_of(&places, terms)
        {
            clashes.push(Clash { set: name, pair, number: None, lines: [Vec::new(), Vec::new()] });
        }
        if clashes.len() == MAX_SETS {
            break;
        }
    }
    if clashes.is_empty() {
        return Ok(());
    }
    let by_set: HashMap<NonZeroU32, usize> =
        clashes.iter().enumerate().map(|(place, clash)| (clash.set, place)).collect();
    table.visit_runs(|start, _, set| {
        if let Some(clash) = by_set.get(&set).and_then(|place| clashes.get_mut(*place)) {
            clash.number = clash.number.or_else(|| E164::of_value(start));
        }
    });
    find_lines(path, terms, &mut clashes)?;
    let told: BTreeSet<_> = clashes.iter().map(|clash| clash.message(terms)).collect();
    let mut faults = Faults::default();
    told.into_iter().for_each(|(later, _, message)| faults.add(path, later, message));
    faults.check()
}

/// A set of rights of which two do not go together.
struct Clash {
    set: NonZeroU32,
    /// Places of the two rights.
    pair: [u32; 2],
    /// One of the numbers that have the set.
    number: Option<E164>,
    /// The lines that give them to it.
    lines: [Vec<u64>; 2],
}

impl Clash {
    /// The later line, the earlier one, and what is wrong, in words for who wrote it.
    fn message(&self, terms: &Terms<'_>) -> (u64, u64, String) {
        let first = |lines: &[u64]| lines.first().copied().unwrap_or(0);
        let mut rows = [(first(&self.lines[0]), self.pair[0]), (first(&self.lines[1]), self.pair[1])];
        rows.sort_unstable();
        let [(earlier, one), (later, other)] = rows;
        let customer = |place: u32| {
            let right = terms.rights().get(place as usize);
            let customer = right.and_then(|right| terms.customers().get(right.customer as usize));
            customer.map_or("", |customer| customer.id.as_str())
        };
        let (one, other) = (customer(one), customer(other));
        let message = if one == other {
            format!(
                "line {earlier} gives {one} another level for some of these numbers on the same trunk at the same \
                 time: rights add up, so B takes nothing away. Take those numbers out of the row with A, or cap \
                 their calls by a rule"
            )
        } else {
            format!(
                "assigns numbers to {other} that line {earlier} assigns to {one} at the same time: take them out of \
                 one of the rows, end it by valid_until, or name another basis if both may use them"
            )
        };
        (later, earlier, message)
    }
}

/// The first two of these rights that do not go together.
fn clash_of(places: &[u32], terms: &Terms<'_>) -> Option<[u32; 2]> {
    let right = |place: &u32| terms.rights().get(*place as usize);
    places.iter().enumerate().find_map(|(i, one)| {
        let mut others = places.iter().skip(i + 1);
        let other = others.find(|other| {
            let pair = right(one).zip(right(other));
            pair.is_some_and(|(one, other)| do_clash(one, other, terms.customers()))
        })?;
        Some([*one, *other])
    })
}

fn do_clash(one: &Right, other: &Right, customers: &[Customer]) -> bool {
    let from = one.valid_from.max(other.valid_from);
    let until = one.valid_until.into_iter().chain(other.valid_until).min();
    if from.zip(until).is_some_and(|(from, until)| from >= until) {
        return false;
    }
    if one.customer == other.customer {
        let share_a_trunk = one.trunks.is_empty()
            || other.trunks.is_empty()
            || one.trunks.iter().any(|trunk| other.trunks.contains(trunk));
        let gives_level = |right: &Right| right.basis != Basis::PortedOut;
        return share_a_trunk
            && gives_level(one)
            && gives_level(other)
            && (one.max_level == MaxLevel::A) != (other.max_level == MaxLevel::A);
    }
    let is_assigned = |right: &Right| matches!(right.basis, Basis::Assigned | Basis::PortedIn);
    let provider = |right: &Right| customers.get(right.customer as usize).map(|customer| customer.provider);
    is_assigned(one)
        && is_assigned(other)
        && provider(one) == provider(other)
        && !is_under(customers, one.customer, other.customer)
        && !is_under(customers, other.customer, one.customer)
}

/// Rights have no lines, as a million rows may tell of the same: the file is read once more for those.
fn find_lines(path: &Path, terms: &mut Terms<'_>, clashes: &mut [Clash]) -> Result<(), LoadError> {
    let file = File::open(path).map_err(LoadError::io(path))?;
    let (mut hash, mut faults) = (Context::new(&SHA256), Faults::default());
    rows::read(path, file, &RIGHTS, &mut hash, &mut faults, |fields, line| {
        let numbers = Numbers::parse(fields[1])?;
        let right = terms.right_of_row(fields)?;
        for clash in clashes.iter_mut().filter(|clash| clash.pair.contains(&right)) {
            if clash.number.is_some_and(|number| numbers.contains(number)) {
                clash.lines[usize::from(clash.pair[0] != right)].push(line);
            }
        }
        Ok(())
    });
    faults.check()
}

const MAX_SETS: usize = 100;
