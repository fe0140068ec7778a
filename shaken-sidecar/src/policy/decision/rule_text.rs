//! A decision's line of the policy in words.

use std::fmt;

use super::{Decision, Reason};

/// The line of the policy that a decision is about.
#[derive(Debug)]
pub struct RuleText<'d, 'p>(&'d Decision<'p>);

impl<'d, 'p> RuleText<'d, 'p> {
    pub(super) fn of(decision: &'d Decision<'p>) -> Self {
        Self(decision)
    }
}

impl fmt::Display for RuleText<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = self.0;
        let customer = |index| decision.policy.customer(index).map_or("", |customer| customer.id.as_str());
        match (decision.reason, decision.trunk) {
            (_, None) => f.write_str("no trunk"),
            (Reason::RuleCap | Reason::RuleUnsigned | Reason::RuleBlock, _) => {
                write!(f, "rule \"{}\"", decision.rule.map_or("", |rule| rule.id.as_str()))
            }
            (Reason::RightOk | Reason::RightPartial | Reason::DelegateOk, _) => {
                let Some(right) = decision.right else { return f.write_str("right") };
                write!(
                    f,
                    "right customer=\"{}\" basis=\"{}\"",
                    customer(right.customer),
                    right.basis.name()
                )?;
                let named =
                    right.evidence.iter().filter_map(|index| decision.policy.evidence.get(*index as usize));
                named.enumerate().try_for_each(|(i, evidence)| {
                    write!(f, "{}{}", if i == 0 { " evidence=" } else { ";" }, evidence.id)
                })
            }
            (Reason::CustUnvetted | Reason::CustExpired | Reason::CustRevoked, Some(trunk)) => {
                write!(f, "customer \"{}\" kyc", trunk.customer.map_or("", customer))
            }
            (Reason::CappedByTrunk, Some(trunk)) => {
                write!(f, "trunk \"{}\" cap = \"{}\"", trunk.name, trunk.cap)
            }
            (_, Some(trunk)) => write!(f, "trunk \"{}\"", trunk.name),
        }
    }
}
