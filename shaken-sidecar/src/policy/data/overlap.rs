//! What rows that hold the same numbers may not say of them.
//!
//! Rights add up: of all rows that hold a number, the best that holds for a call gives its level, so that none
//! gives more by covering less. A row that somebody may have meant as an exception would come to nothing that
//! way, or to more than was meant; it is refused in place of being understood:
//!
//! - One provider assigns a number to two customers at a time, neither of which is the other's customer. One of
//!   them does not have it.
//! - A row lies within another one of the same customer and gives nothing that the other one does not give.
//! - A row gives B to a customer's customer, within a row that gives the customer A on the same trunk.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use super::fault::{Faults, LoadError, quoted};
use super::right::{Basis, MaxLevel, Right};
use super::rows;
use super::terms::{RIGHTS, Terms};
use super::{Customer, is_under};
use crate::policy::numbers::{Numbers, Row};

/// Gathers what rows say against each other.
#[derive(Debug, Default)]
pub(super) struct Overlaps(Vec<Clash>);

#[derive(Debug)]
struct Clash {
    why: Why,
    /// The other row, and the one that came to nothing if it is that.
    rows: [Row; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    AssignedTwice,
    GivesNothing,
}

impl Overlaps {
    /// Compares a row with those that hold its first number: of two rows that meet, one is new when the other
    /// is open.
    pub(super) fn see(&mut self, row: Row, open: &[Row], terms: &Terms<'_>) {
        let right = |row: Row| terms.rights().get(row.value as usize);
        for other in open.iter().copied().filter(|other| other.value != row.value) {
            let Some((one, two)) = right(other).zip(right(row)) else { continue };
            let clash = if are_assigned_twice(one, two, terms.customers()) {
                Clash { why: Why::AssignedTwice, rows: [other, row] }
            } else if is_within(row, other) && gives_nothing(two, one, terms.customers()) {
                Clash { why: Why::GivesNothing, rows: [other, row] }
            } else if is_within(other, row) && gives_nothing(one, two, terms.customers()) {
                Clash { why: Why::GivesNothing, rows: [row, other] }
            } else {
                continue;
            };
            if self.0.len() < MAX_TOLD {
                self.0.push(clash);
            }
        }
    }

    /// Refuses what has been gathered; the rows are those of the file at `path`.
    ///
    /// # Errors
    /// [`LoadError::Faults`] with the lines of both rows, of the first hundred clashes.
    pub(super) fn check(self, path: &Path, terms: &mut Terms<'_>) -> Result<(), LoadError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let lines = find_lines(path, &self.0, terms)?;
        let line = |row: Row| lines.get(&row).copied().unwrap_or(0);
        let customer = |row: Row| {
            let right = terms.rights().get(row.value as usize);
            let customer = right.and_then(|right| terms.customers().get(right.customer as usize));
            quoted(customer.map_or("", |customer| &customer.id))
        };
        let mut told = BTreeSet::new();
        for Clash { why, rows: [one, two] } in &self.0 {
            let message;
            let (at, line_of_other) = match why {
                Why::AssignedTwice => {
                    let [earlier, later] = if line(*one) < line(*two) { [*one, *two] } else { [*two, *one] };
                    let (to, at, of) = (customer(later), line(earlier), customer(earlier));
                    message = format!(
                        "assigns numbers to {to} that line {at} assigns to {of} at the same time: take them out of \
                         one of the rows, end it by valid_until, or name another basis if both may use them"
                    );
                    (line(later), at)
                }
                Why::GivesNothing => {
                    let at = line(*one);
                    message = format!(
                        "gives nothing, and takes nothing away: line {at} gives {} the same numbers on no harder \
                         terms. Take them out of that row if this one is to hold in its place",
                        customer(*one)
                    );
                    (line(*two), at)
                }
            };
            told.insert((at, line_of_other, message));
        }
        let mut faults = Faults::default();
        told.into_iter().for_each(|(line, _, message)| faults.add(path, line, message));
        faults.check()
    }
}

fn is_within(narrow: Row, wide: Row) -> bool {
    let ((start, end), (first, last)) = (narrow.span.bounds(), wide.span.bounds());
    first <= start && end <= last
}

fn are_assigned_twice(one: &Right, other: &Right, customers: &[Customer]) -> bool {
    let provider = |right: &Right| customers.get(right.customer as usize).map(|customer| customer.provider);
    one.basis.is_assignment()
        && other.basis.is_assignment()
        && share_a_time(one, other)
        && provider(one) == provider(other)
        && !is_under(customers, one.customer, other.customer)
        && !is_under(customers, other.customer, one.customer)
}

fn share_a_time(one: &Right, other: &Right) -> bool {
    let from = one.valid_from.max(other.valid_from);
    let until = one.valid_until.into_iter().chain(other.valid_until).min();
    from.zip(until).is_none_or(|(from, until)| from < until)
}

/// Whether `right` gives nothing where `wide` holds. That it does not say since when is no claim to a time
/// before.
fn gives_nothing(right: &Right, wide: &Right, customers: &[Customer]) -> bool {
    let share = |trunks: &[u32]| wide.trunks.iter().any(|trunk| trunks.contains(trunk));
    let is_on_its_trunks = wide.trunks.is_empty()
        || !right.trunks.is_empty() && right.trunks.iter().all(|trunk| wide.trunks.contains(trunk));
    let meets_its_trunks = is_on_its_trunks || right.trunks.is_empty() || share(&right.trunks);
    let order = level(right).cmp(&level(wide));
    let is_its = if right.customer == wide.customer {
        is_on_its_trunks && order != Ordering::Greater
    } else {
        is_under(customers, right.customer, wide.customer) && meets_its_trunks && order == Ordering::Less
    };
    let is_in_its_time = share_a_time(right, wide)
        && right.valid_from.is_none_or(|from| wide.valid_from.is_none_or(|at| at <= from))
        && wide.valid_until.is_none_or(|at| right.valid_until.is_some_and(|until| until <= at));
    let ask_no_less = wide.evidence.iter().all(|evidence| right.evidence.contains(evidence))
        && (wide.basis != Basis::DelegateCert || right.basis == Basis::DelegateCert);
    is_its && is_in_its_time && ask_no_less && wide.can_hold() && right.basis != Basis::PortedOut
}

fn level(right: &Right) -> u8 {
    match right.max_level {
        MaxLevel::A => 1,
        MaxLevel::B => 0,
    }
}

/// Rows have no lines, so that a hundred million take less memory: the file is read once more for those.
fn find_lines(
    path: &Path,
    clashes: &[Clash],
    terms: &mut Terms<'_>,
) -> Result<BTreeMap<Row, u64>, LoadError> {
    let wanted: BTreeSet<Row> = clashes.iter().flat_map(|clash| clash.rows).collect();
    let (mut lines, mut faults) = (BTreeMap::new(), Faults::default());
    let file = File::open(path).map_err(LoadError::io(path))?;
    rows::scan(
        path,
        file,
        &RIGHTS,
        |_| Ok(()),
        |_| (),
        &mut faults,
        |fields, line| {
            let value = terms.right_of_row(fields)?;
            for span in Numbers::parse(fields[1])?.spans() {
                let row = Row { span, value };
                if wanted.contains(&row) {
                    lines.entry(row).or_insert(line);
                }
            }
            Ok(())
        },
    );
    faults.check().map(|()| lines)
}

const MAX_TOLD: usize = 100;
