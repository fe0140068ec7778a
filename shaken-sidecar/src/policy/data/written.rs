//! What is in a policy, as rows of its files have it.

use super::{Customer, Evidence, MaxLevel, Policy, Right};
use crate::hex::hex;
use crate::stamp::stamp;

impl Policy {
    /// A row of `rights.csv` without its numbers. Times are the first second and the first that is no longer of it.
    pub(crate) fn right_row(&self, right: &Right) -> String {
        let customer = self.customers.get(right.customer as usize).map_or("", |customer| &customer.id);
        let trunk = |place: &u32| self.trunks.get(*place as usize).map(|trunk| trunk.name.as_str());
        let trunks: Vec<_> = right.trunks.iter().filter_map(trunk).collect();
        let level = if right.max_level == MaxLevel::A { "A" } else { "B" };
        let (from, until) = (time_text(right.valid_from), time_text(right.valid_until));
        let (basis, evidence) = (right.basis.name(), self.names_of(&right.evidence));
        format!("{customer},{},{basis},{evidence},{from},{until},{level}", trunks.join(";"))
    }

    /// A row of `customers.csv` without the name.
    pub(super) fn customer_row(&self, customer: &Customer) -> String {
        let provider = self.providers.get(customer.provider as usize).map_or("", |provider| &provider.id);
        let kind = customer.kind.name();
        let parent = customer.parent.and_then(|place| self.customers.get(place as usize));
        let parent = parent.map_or("", |parent| &parent.id);
        let vetting = customer.vetting;
        let (from, until) = (time_text(vetting.verified_at), time_text(vetting.expires_at));
        let (state, evidence) = (vetting.state.name(), self.names_of(&customer.evidence));
        format!("{provider},{kind},{parent},{state},{from},{until},{evidence}")
    }

    /// A row of `evidence.csv` without the name.
    pub(super) fn evidence_row(evidence: &Evidence) -> String {
        let kind = evidence.kind.name();
        let sha256 = evidence.sha256.map(|sha256| hex(&sha256)).unwrap_or_default();
        let (from, until) = (time_text(evidence.issued_at), time_text(evidence.expires_at));
        format!("{kind},{sha256},{},{from},{until},{}", evidence.uri, evidence.reviewed_by)
    }

    fn names_of(&self, evidence: &[u32]) -> String {
        let name = |place: &u32| self.evidence.get(*place as usize).map(|evidence| evidence.id.as_str());
        evidence.iter().filter_map(name).collect::<Vec<_>>().join(";")
    }
}

/// A time as rows have it: of midnight the day alone.
pub(crate) fn time_text(time: Option<i64>) -> String {
    time.map(stamp).unwrap_or_default()
}

/// The word that a file has for `value`, of all words and what they mean.
pub(super) fn word_of<T: Copy + PartialEq>(value: T, all: &[(&'static str, T)]) -> &'static str {
    all.iter().find(|(_, of)| *of == value).map_or("", |(word, _)| word)
}
