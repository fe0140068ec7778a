//! The states of numbers, the reasons beside those of decisions, and who must act on which.

use std::fmt;

/// What is the matter with a number. Each number of policy, exports and log has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the states that GAP.md defines")]
pub enum State {
    /// It had A and has it no more.
    Lost,
    /// It called, or can call, and never had A.
    NeverA,
    /// It has A, and will not have it soon or everywhere; or somebody shows it who holds no right to it.
    AtRisk,
    /// Somebody holds a right to it and no export knows it.
    Surplus,
    /// It did not call, and nothing is wrong.
    Unused,
    /// Its calls get A.
    Ok,
}

impl State {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 6] =
        [Self::Lost, Self::NeverA, Self::AtRisk, Self::Surplus, Self::Unused, Self::Ok];

    /// The stable UPPER_SNAKE name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lost => "LOST",
            Self::NeverA => "NEVER_A",
            Self::AtRisk => "AT_RISK",
            Self::Surplus => "SURPLUS",
            Self::Unused => "UNUSED",
            Self::Ok => "OK",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the offices that GAP.md names")]
pub enum Owner {
    /// Who keeps the list of numbers.
    NumberManager,
    /// Who decides which calls go which way.
    Routing,
    /// Who vets customers and keeps evidence.
    Compliance,
    /// Who sets up Teams.
    TeamsAdministrator,
    /// Who sets up the SBC.
    SbcAdministrator,
    /// Who runs the signer.
    Operator,
    /// Nobody.
    Nobody,
}

impl Owner {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NumberManager => "number manager",
            Self::Routing => "routing",
            Self::Compliance => "compliance",
            Self::TeamsAdministrator => "Teams administrator",
            Self::SbcAdministrator => "SBC administrator",
            Self::Operator => "operator",
            Self::Nobody => "-",
        }
    }
}

/// Reasons that no decision has.
pub(super) mod own {
    pub(in crate::gap) const IN_TEAMS_NO_RIGHT: &str = "IN_TEAMS_NO_RIGHT";
    pub(in crate::gap) const CALLER_ID_NOT_IN_TEAMS: &str = "CALLER_ID_NOT_IN_TEAMS";
    pub(in crate::gap) const NO_TEAMS_ROUTE: &str = "NO_TEAMS_ROUTE";
    pub(in crate::gap) const FAILOVER_BELOW_A: &str = "FAILOVER_BELOW_A";
    pub(in crate::gap) const FORWARDED_WITHOUT_DIV: &str = "FORWARDED_WITHOUT_DIV";
    pub(in crate::gap) const LOWER_ON_OTHER_TRUNK: &str = "LOWER_ON_OTHER_TRUNK";
    pub(in crate::gap) const SHOWN_BY_OTHER_CUSTOMER: &str = "SHOWN_BY_OTHER_CUSTOMER";
    pub(in crate::gap) const NOT_IN_INVENTORY: &str = "NOT_IN_INVENTORY";
    pub(in crate::gap) const IN_INVENTORY_NO_RIGHT: &str = "IN_INVENTORY_NO_RIGHT";
    pub(in crate::gap) const IN_NO_EXPORT: &str = "IN_NO_EXPORT";
    pub(in crate::gap) const NO_CALLS: &str = "NO_CALLS";
    pub(in crate::gap) const A_SEEN: &str = "A_SEEN";
    pub(in crate::gap) const DIVERTED: &str = "DIV_ADDED";
}

/// Who must act on a number with this reason, and what to do.
#[must_use]
pub(super) fn remedy(state: State, reason: &str) -> (Owner, &'static str) {
    use Owner::{Compliance, Nobody, NumberManager, Operator, Routing, SbcAdministrator, TeamsAdministrator};
    if matches!(state, State::Ok | State::Unused) && !LOOSE.contains(&reason) {
        return (Nobody, "nothing to do");
    }
    match reason {
        own::IN_TEAMS_NO_RIGHT => {
            (NumberManager, "enter a right with its evidence, or take the number out of Teams")
        }
        own::CALLER_ID_NOT_IN_TEAMS => (
            TeamsAdministrator,
            "correct the caller ID policy, which shows a number that is not the tenant's",
        ),
        own::NO_TEAMS_ROUTE => {
            (TeamsAdministrator, "give the voice routing policy a usage with a route to a gateway")
        }
        own::FAILOVER_BELOW_A => {
            (Routing, "get a right on the trunk that Teams fails over to, or take its gateway off the route")
        }
        own::FORWARDED_WITHOUT_DIV => {
            (SbcAdministrator, "send the Identity header and the number that diverted, so that div is signed")
        }
        own::LOWER_ON_OTHER_TRUNK => {
            (Routing, "get a right on the trunk with the lower level, or send its calls over the other one")
        }
        own::NOT_IN_INVENTORY => {
            (NumberManager, "ask the carriers whose number it is; end its right if it has gone")
        }
        own::IN_INVENTORY_NO_RIGHT => {
            (NumberManager, "enter a right, or give the number back to the carrier")
        }
        own::IN_NO_EXPORT => (NumberManager, "end the right, or find out who uses the number"),
        "RIGHT_NONE" => {
            (NumberManager, "enter a right of this customer with its evidence, or stop showing the number")
        }
        "RIGHT_OTHER_CUSTOMER" | own::SHOWN_BY_OTHER_CUSTOMER => (
            NumberManager,
            "ask who holds the number whether calls on this trunk may show it; enter a right only with the \
             holder's evidence, else stop them, or send them over a trunk of the holder's",
        ),
        "PORTED_OUT" => (NumberManager, "stop showing the number: it has gone to another provider"),
        "RIGHT_PARTIAL" => (NumberManager, "raise max_level of the right to A, if its evidence allows it"),
        "RIGHT_NOT_YET" => (NumberManager, "do not show the number before its right begins"),
        "RIGHT_NOT_ON_TRUNK" => {
            (Routing, "send its calls over a trunk that the right is for, or get a letter for this one")
        }
        "RIGHT_EXPIRED" => (Compliance, "renew the right, with evidence of today"),
        "EVIDENCE_EXPIRED" | "EVIDENCE_MISSING" => {
            (Compliance, "get evidence that holds and enter it in evidence.csv")
        }
        "CUST_UNVETTED" | "CUST_EXPIRED" | "CUST_REVOKED" | "HOLDER_UNVETTED" => {
            (Compliance, "vet the customer and enter it in customers.csv")
        }
        "DNO_LISTED" | "TN_UNALLOCATED" => {
            (Compliance, "nobody may call from the number: stop it, or take it off the list")
        }
        "RULE_CAP" | "RULE_UNSIGNED" | "RULE_BLOCK" => {
            (Compliance, "lift the rule, if its reason is no more")
        }
        "TRUNK_UNAUTHENTICATED" => {
            (SbcAdministrator, "let the trunk show whose calls they are: mTLS, a password or an address")
        }
        "TRUNK_UNKNOWN" => (SbcAdministrator, "enter the trunk in the policy, or use one that is there"),
        "CAPPED_BY_REQUEST" => (SbcAdministrator, "let the SBC ask for level A"),
        "DELEGATE_ABSENT" => {
            (SbcAdministrator, "send the PASSporT that is signed with the delegate certificate")
        }
        "TN_INVALID" | "TN_ANONYMOUS" => (SbcAdministrator, "send the calling number in international form"),
        "DIV_CALLER" | "DIV_NO_RIGHT" | "PASSED_THROUGH" | "DUP_AVOIDED" | "PPT_NOT_ALLOWED"
        | "UNSIGNED_BLOCKED" => (SbcAdministrator, "look at what the SBC sends with these calls"),
        "NOT_ORIGINATING" => (Routing, "send calls that originate here over a trunk for them"),
        "CAPPED_BY_TRUNK" => (Operator, "raise cap of the trunk, if its calls are vouched for"),
        _ => (Operator, "look at the signer: certificate, key, configuration, log"),
    }
}

/// Ends that are left loose although no call shows it.
const LOOSE: [&str; 2] = [own::IN_INVENTORY_NO_RIGHT, "PORTED_OUT"];
