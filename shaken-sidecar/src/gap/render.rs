//! A report for people and for programs.

mod chart;
mod csv;
mod html;
mod json;
mod prometheus;
mod table;

pub use csv::csv;
pub use html::html;
pub use json::{SCHEMA_VERSION, json};
pub use prometheus::prometheus;
pub use table::table;

use super::{By, Row};
use crate::audit::Number;
use crate::audit::mask::mask_runs;

/// Whether numbers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "they are, or they are not")]
pub enum Shown {
    /// But for their last two digits they are not.
    Masked,
    /// They are.
    Clear,
}

impl Shown {
    fn number(self, number: u64) -> String {
        let received = number.to_string();
        match self {
            Self::Clear => received,
            Self::Masked => Number { received, canonical: None }.masked().received,
        }
    }

    /// A text of somebody else's file.
    fn text(self, text: &str) -> String {
        match self {
            Self::Clear => text.to_owned(),
            Self::Masked => mask_runs(text),
        }
    }

    /// What a row is about, in words.
    fn subject(self, row: &Row, by: By) -> String {
        let named = match by {
            By::Trunk => &row.trunk,
            By::Customer => &row.customer,
            By::Site => &self.text(&row.site),
            By::Number | By::Range => {
                let (first, last) = row.numbers;
                let first_shown = self.number(first);
                return if first == last {
                    first_shown
                } else {
                    format!("{first_shown}-{}", self.number(last))
                };
            }
        };
        if named.is_empty() { "-".to_owned() } else { named.clone() }
    }
}
