//! Which line of a policy took A from a number: what is different of all that its decision looks at
//! between two generations.

use std::collections::HashMap;

use super::counts::Level;
use super::expected::Expected;
use crate::policy::data::{Basis, Customer, Evidence, Policy, Right, time_text};
use crate::policy::numbers::E164;

/// Policies of the past, by the name that records have for them.
#[derive(Debug, Default)]
pub struct Generations(HashMap<String, Policy>);

impl Generations {
    /// Those that are kept.
    #[must_use]
    pub fn new(kept: Vec<Policy>) -> Self {
        Self(kept.into_iter().map(|policy| (policy.generation().id().to_owned(), policy)).collect())
    }

    /// What took A from `number` on the trunk of this name when `after` came in the place of `before`: lines
    /// of the difference, `-` gone, `+` new, `~` changed. Nothing if one of them is not there.
    pub(super) fn cause(
        &self,
        before: &str,
        after: &str,
        number: E164,
        trunk: &str,
        at: i64,
    ) -> Option<String> {
        let (before, after) = (self.0.get(before)?, self.0.get(after)?);
        let place = |policy: &Policy| {
            let place = policy.trunks().iter().position(|other| other.name == trunk);
            place.map(|place| place as u32)
        };
        let had = Expected::new(before).on(number, place(before), at);
        let has = Expected::new(after).on(number, place(after), at);
        if had.level != Level::A {
            return Some(format!("no line: by {} of its dates alone", had.reason));
        }
        if has.level == Level::A {
            return Some("no line: the policy gives A still".to_owned());
        }
        let mut lines = Vec::new();
        of_rights(before, after, number, &mut lines);
        of_trunk(before, after, trunk, &mut lines);
        for rule in after.rules() {
            if !before.rules().iter().any(|other| other.id == rule.id) {
                lines.push(format!("+ policy.toml rule.{}", rule.id));
            }
        }
        if lines.is_empty() {
            lines.push(format!("{}: {}", has.reason, has.reason.meaning()));
        }
        Some(lines.join("; "))
    }
}

fn of_rights(before: &Policy, after: &Policy, number: E164, lines: &mut Vec<String>) {
    let rows = |policy: &Policy| -> Vec<(String, String)> {
        let customer =
            |right: &Right| policy.customers().get(right.customer as usize).map(|one| one.id.clone());
        let rights = policy.rights_to(number);
        rights.map(|right| (policy.right_row(right), customer(right).unwrap_or_default())).collect()
    };
    let (old, new) = (rows(before), rows(after));
    let gone: Vec<_> = old.iter().filter(|row| !new.contains(row)).collect();
    lines.extend(gone.iter().map(|(row, _)| format!("- rights.csv {row}")));
    // Rights add up, so what is new took nothing away, unless it says that the number has left, whose it is now, or
    // what became of a row that is gone.
    let takes = |(right, (_, customer)): &(&Right, &(String, String))| {
        right.basis == Basis::PortedOut
            || right.basis.is_assignment()
            || gone.iter().any(|(_, other)| other == customer)
    };
    let fresh = after.rights_to(number).zip(&new).filter(|(_, row)| !old.contains(row)).filter(takes);
    lines.extend(fresh.map(|(_, (row, _))| format!("+ rights.csv {row}")));
    for right in after.rights_to(number) {
        for place in &right.evidence {
            if let Some(new) = after.evidence().get(*place as usize)
                && let Some(old) = before.evidence().iter().find(|old| old.id == new.id)
                && evidence_text(old) != evidence_text(new)
            {
                let (from, to) = (evidence_text(old), evidence_text(new));
                lines.push(format!("~ evidence.csv {}: {from} -> {to}", new.id));
            }
        }
        of_customer(before, after, right.customer, lines);
    }
}

fn of_customer(before: &Policy, after: &Policy, place: u32, lines: &mut Vec<String>) {
    let Some(new) = after.customers().get(place as usize) else { return };
    let Some(old) = before.customers().iter().find(|old| old.id == new.id) else { return };
    let (from, to) = (customer_text(old), customer_text(new));
    let line = format!("~ customers.csv {}: {from} -> {to}", new.id);
    if from != to && !lines.contains(&line) {
        lines.push(line);
    }
}

fn of_trunk(before: &Policy, after: &Policy, name: &str, lines: &mut Vec<String>) {
    let (Some(old), Some(new)) = (before.trunk(name), after.trunk(name)) else {
        lines.push(format!("~ policy.toml trunk.{name}"));
        return;
    };
    let words = |trunk: &crate::policy::data::Trunk| {
        [
            ("cap", trunk.cap.to_string()),
            ("auth", format!("{:?}", trunk.auth).to_lowercase()),
            ("role", format!("{:?}", trunk.role).to_lowercase()),
            ("requested", format!("{:?}", trunk.requested).to_lowercase()),
        ]
    };
    for ((key, from), (_, to)) in words(old).into_iter().zip(words(new)) {
        if from != to {
            lines.push(format!("~ policy.toml trunk.{name}.{key}: {from} -> {to}"));
        }
    }
    if let Some(place) = new.customer {
        of_customer(before, after, place, lines);
    }
}

fn evidence_text(evidence: &Evidence) -> String {
    format!("{}..{}", time_text(evidence.issued_at), time_text(evidence.expires_at))
}

fn customer_text(customer: &Customer) -> String {
    let state = customer.vetting.state.name();
    format!("{state} {}..{}", time_text(customer.vetting.verified_at), time_text(customer.vetting.expires_at))
}
