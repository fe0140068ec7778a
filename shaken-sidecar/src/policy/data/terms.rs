//! Rows of `rights.csv` without their numbers: the different rights, each once.

use std::collections::HashMap;

use super::Customer;
use super::fault::quoted;
use super::load::Head;
use super::right::{Basis, MaxLevel, Right};
use super::rows::{Column, Presence};
use super::time::{Edge, read as read_time};

pub(super) const RIGHTS: [Column; 10] = [
    ("customer", Presence::Required),
    ("numbers", Presence::Required),
    ("trunks", Presence::Optional),
    ("basis", Presence::Required),
    ("evidence", Presence::Optional),
    ("valid_from", Presence::Optional),
    ("valid_until", Presence::Optional),
    ("max_level", Presence::Required),
    ("source", Presence::Note),
    ("updated_at", Presence::Note),
];

/// The rows of a compiled policy, whose numbers are in its table.
pub(super) const TERMS: [Column; 7] = without_numbers(&RIGHTS);

/// Reads rows, and gives each different right a place.
pub(super) struct Terms<'h> {
    head: &'h Head,
    trunk_index: HashMap<&'h str, u32>,
    rights: Vec<Right>,
    /// By the fields as they are written.
    known: HashMap<Box<[u8]>, u32>,
    key: Vec<u8>,
    text: csv::Writer<Vec<u8>>,
}

impl<'h> Terms<'h> {
    pub(super) fn new(head: &'h Head) -> Self {
        let trunk_index = head.trunks.iter().map(|trunk| (trunk.name.as_str(), trunk.index)).collect();
        let mut text = csv::Writer::from_writer(Vec::new());
        // Into memory it takes all.
        let _ = text.write_record(TERMS.map(|(name, _)| name));
        Self { head, trunk_index, rights: Vec::new(), known: HashMap::new(), key: Vec::new(), text }
    }

    /// The rights that rows have told of.
    pub(super) fn rights(&self) -> &[Right] {
        &self.rights
    }

    /// Whom they may be of.
    pub(super) fn customers(&self) -> &[Customer] {
        &self.head.customers
    }

    /// Index of the right that a row of [`RIGHTS`] tells of.
    pub(super) fn right_of_row(&mut self, fields: &[&str; 10]) -> Result<u32, String> {
        // Where a row is from and since when decides nothing, and would make every row a right of its own.
        read_time(fields[9], Edge::Start).map_err(|error| format!("updated_at: {error}"))?;
        self.right(&without_numbers(fields))
    }

    /// Index of the right that a row of [`TERMS`] tells of.
    pub(super) fn right(&mut self, fields: &[&str; 7]) -> Result<u32, String> {
        self.key.clear();
        for field in fields {
            self.key.extend_from_slice(field.as_bytes());
            self.key.push(0xff);
        }
        if let Some(right) = self.known.get(&*self.key) {
            return Ok(*right);
        }
        let right = self.read(fields)?;
        let index = u32::try_from(self.rights.len()).map_err(|_| "there are too many different rights")?;
        self.rights.push(right);
        self.known.insert(self.key.as_slice().into(), index);
        let _ = self.text.write_record(fields);
        Ok(index)
    }

    fn read(
        &self,
        [customer, trunks, basis, evidence, from, until, max_level]: &[&str; 7],
    ) -> Result<Right, String> {
        let head = self.head;
        let find_basis = || Basis::ALL.into_iter().find(|known| known.name() == *basis);
        let right = Right {
            customer: *head
                .customer_index
                .get(*customer)
                .ok_or_else(|| format!("there is no customer {}", quoted(customer)))?,
            trunks: find_all(trunks, "trunk", |name| self.trunk_index.get(name).copied())?,
            basis: find_basis().ok_or_else(|| {
                format!("basis {} is none of {}", quoted(basis), Basis::ALL.map(Basis::name).join(", "))
            })?,
            evidence: find_all(evidence, "evidence", |id| head.evidence_index.get(id).copied())?,
            valid_from: read_time(from, Edge::Start)?,
            valid_until: read_time(until, Edge::End)?,
            max_level: match *max_level {
                "A" => MaxLevel::A,
                "B" | "" => MaxLevel::B,
                _ => return Err(format!("max_level {} is neither A nor B", quoted(max_level))),
            },
        };
        match (right.valid_from, right.valid_until) {
            (Some(from), Some(until)) if from >= until => Err("valid_until is before valid_from".into()),
            _ => Ok(right),
        }
    }

    /// The rights, and the text of [`TERMS`] that they are read from again.
    pub(super) fn finish(self) -> (Vec<Right>, Vec<u8>) {
        (self.rights, self.text.into_inner().unwrap_or_default())
    }
}

const fn without_numbers<T: Copy>(row: &[T; 10]) -> [T; 7] {
    let [customer, _, trunks, basis, evidence, from, until, max_level, ..] = *row;
    [customer, trunks, basis, evidence, from, until, max_level]
}

/// The places of what a list names; `what` says what that is.
pub(super) fn find_all(
    list: &str,
    what: &str,
    find: impl Fn(&str) -> Option<u32>,
) -> Result<Box<[u32]>, String> {
    let mut names = list.split(';').map(str::trim).filter(|name| !name.is_empty()).peekable();
    if !list.is_empty() && names.peek().is_none() {
        return Err(format!("a list of no {what}; leave the cell empty if it is not to count"));
    }
    names.map(|name| find(name).ok_or_else(|| format!("there is no {what} {}", quoted(name)))).collect()
}
