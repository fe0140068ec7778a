//! Numbers put together to rows: by range, trunk, customer or site.

use std::borrow::Cow;

use super::counts::{Counts, Level};
use super::judge::Item;
use super::state::{Owner, State, own, remedy};

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[expect(clippy::exhaustive_enums, reason = "the roll-ups that GAP.md names")]
pub enum By {
    /// One number, or neighbours without calls that one row of a file names.
    Number,
    /// Neighbours of the same state, reason, trunk and customer.
    Range,
    /// All numbers of a trunk with the same state and reason.
    Trunk,
    /// All numbers of a customer with the same state and reason.
    Customer,
    /// All numbers of a site with the same state and reason.
    Site,
}

impl By {
    /// The word of the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Range => "range",
            Self::Trunk => "trunk",
            Self::Customer => "customer",
            Self::Site => "site",
        }
    }
}

/// Which items make a row: places of items, row after row.
#[derive(Debug)]
pub(super) struct Groups {
    order: Vec<u32>,
    ends: Vec<u32>,
}

impl Groups {
    /// Rows of `items`, which are ascending, and by trunk those of others behind them; the most urgent rows
    /// first.
    pub(super) fn of(items: &[Item], by: By) -> Self {
        let mut order: Vec<u32> = (0..items.len() as u32).collect();
        let at = |place: &u32| items.get(*place as usize);
        match by {
            By::Number => {
                order.sort_by_key(|place| at(place).map(|item| (item.finding.state, item.first)));
                let ends = (1..=order.len() as u32).collect();
                Self { order, ends }
            }
            By::Range => {
                let mut runs: Vec<(u32, u32)> = Vec::new();
                for place in 0..items.len() as u32 {
                    let before = place.checked_sub(1).and_then(|before| at(&before));
                    match (runs.last_mut(), before.zip(at(&place))) {
                        (Some((_, end)), Some((before, item))) if is_one(before, item) => *end = place + 1,
                        _ => runs.push((place, place + 1)),
                    }
                }
                runs.sort_by_key(|(start, _)| at(start).map(|item| (item.finding.state, item.first)));
                let mut end = 0;
                let ends = runs.iter().map(|(start, stop)| {
                    end += stop - start;
                    end
                });
                let ends = ends.collect();
                Self { order: runs.iter().flat_map(|(start, stop)| *start..*stop).collect(), ends }
            }
            By::Trunk | By::Customer | By::Site => {
                let key = |item: &Item| {
                    let of = match by {
                        By::Trunk => Some(u32::from(item.finding.trunk)),
                        By::Customer => item.customer,
                        _ => item.site,
                    };
                    // A row that is about calls of others names both them and who holds the numbers.
                    let others = item.finding.is_others.then_some((item.finding.trunk, item.customer));
                    (item.finding.state, item.finding.reason, of, others)
                };
                order.sort_by_key(|place| at(place).map(key));
                let mut ends: Vec<u32> = Vec::new();
                let mut last = None;
                for (i, place) in order.iter().enumerate() {
                    let of = at(place).map(key);
                    match ends.last_mut() {
                        Some(end) if last == Some(of) => *end = i as u32 + 1,
                        _ => ends.push(i as u32 + 1),
                    }
                    last = Some(of);
                }
                Self { order, ends }
            }
        }
    }

    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }

    /// The places of the items of a row.
    pub(super) fn row(&self, row: usize) -> &[u32] {
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(row).copied().unwrap_or(start);
        self.order.get(start as usize..end as usize).unwrap_or_default()
    }
}

fn is_one(before: &Item, item: &Item) -> bool {
    let key = |item: &Item| {
        let finding = item.finding;
        (finding.state, finding.reason, finding.trunk, item.customer)
    };
    before.last + 1 == item.first && key(before) == key(item)
}

/// A row of the report.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Row {
    /// The first and the last number; of a trunk, customer or site the lowest and the highest.
    pub numbers: (u64, u64),
    /// How many there are.
    pub count: u64,
    /// Their state.
    pub state: State,
    /// Why.
    pub reason: String,
    /// When the first of them came to this, or will.
    pub since: Option<i64>,
    /// The generation that the first of them with calls came to this with, 16 hex digits.
    pub generation: Option<String>,
    /// What of that generation did it.
    pub cause: Option<String>,
    /// The lowest of the best levels on any trunk.
    pub best: Level,
    /// The lowest level on the trunks that Teams would choose.
    pub teams: Option<Level>,
    /// The lowest of the levels of their last calls.
    pub observed: Option<Level>,
    /// The trunk, if it is one.
    pub trunk: String,
    /// The customer, if it is one; of calls with numbers of others the one that calls.
    pub customer: String,
    /// Who holds the numbers, if these are calls of others.
    pub holder: String,
    /// The site, if it is one.
    pub site: String,
    /// Their calls.
    pub counts: Counts,
    /// The first and the last call.
    pub seen: Option<(i64, i64)>,
    /// Changes of level, of a single number.
    pub changes: Vec<Changed>,
}

impl Row {
    /// Who must act, and what to do.
    #[must_use]
    pub fn remedy(&self) -> (Owner, Cow<'static, str>) {
        let (owner, action) = remedy(self.state, &self.reason);
        if self.reason != own::SHOWN_BY_OTHER_CUSTOMER {
            return (owner, action.into());
        }
        let Self { holder, customer, .. } = self;
        let action = format!(
            "ask {holder} whether {customer} may use the number; enter a right only with evidence of {holder}, \
             else stop the calls at the SBC of {customer}"
        );
        (owner, action.into())
    }
}

/// A change of the level of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changed {
    /// When, in seconds since 1970.
    pub at: i64,
    /// The trunk.
    pub trunk: String,
    /// The level before.
    pub from: Level,
    /// The level after.
    pub to: Level,
    /// Why.
    pub reason: String,
    /// The generation after.
    pub generation: String,
}
