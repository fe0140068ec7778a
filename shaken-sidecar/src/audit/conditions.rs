//! What somebody asks of the log, in their words: of the command line, of HTTP, and for the record of
//! what was shown in clear.

use std::fmt;

use serde::{Deserialize, Serialize};
use shaken_core::{Party, TelephoneNumber, sip};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use super::Wanted;

/// Conditions that a record has to meet, all of those that are given.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Conditions {
    /// The record with this index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// Calls from or to this number or URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tn: Option<String>,
    /// Not before this time: RFC 3339, a date (midnight UTC), or seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// SIP Call-ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// `origid` claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origid: Option<String>,
    /// Level decided or found: `A`, `B`, `C`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attest: Option<String>,
    /// Reason of the decision, such as `CAPPED_BY_TRUNK`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A condition that says nothing. Carries none of its value, which may be a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConditionError {
    /// Its name.
    pub name: &'static str,
    /// What it should be.
    pub expected: &'static str,
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: give {}", self.name, self.expected)
    }
}

impl std::error::Error for ConditionError {}

impl Conditions {
    /// The same for a search. `index` is not in it: that takes no search.
    ///
    /// # Errors
    /// [`ConditionError`] for the first that says nothing.
    pub fn wanted(&self) -> Result<Wanted, ConditionError> {
        let mut wanted = Wanted::new();
        if let Some(text) = &self.tn {
            let wrong = ConditionError { name: "tn", expected: "a telephone number or a URI" };
            wanted = wanted.with_number(number(text).ok_or(wrong)?);
        }
        if let Some(text) = &self.from {
            wanted = wanted.with_from(unix_ms("from", text)?);
        }
        if let Some(text) = &self.to {
            wanted = wanted.with_to(unix_ms("to", text)?);
        }
        if let Some(id) = &self.call_id {
            wanted = wanted.with_call_id(id);
        }
        if let Some(id) = &self.origid {
            wanted = wanted.with_origid(id);
        }
        if let Some(level) = &self.attest {
            if !["A", "B", "C"].contains(&level.as_str()) {
                return Err(ConditionError { name: "attest", expected: "A, B or C" });
            }
            wanted = wanted.with_attest(level);
        }
        if let Some(reason) = &self.reason {
            wanted = wanted.with_reason(reason);
        }
        Ok(wanted)
    }
}

impl fmt::Debug for Conditions {
    /// Without what they say.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conditions").finish_non_exhaustive()
    }
}

/// As records have it in canonical form.
fn number(text: &str) -> Option<String> {
    if let Ok(number) = TelephoneNumber::parse(text) {
        return Some(number.as_str().to_owned());
    }
    match Party::of(&sip::Uri::parse(text.as_bytes()).ok()?) {
        Party::Number(number) => Some(number.as_str().to_owned()),
        Party::Uri(_) => Some(text.to_owned()),
    }
}

fn unix_ms(name: &'static str, text: &str) -> Result<i64, ConditionError> {
    let date = format_description!("[year]-[month]-[day]");
    let of_date = || Some(Date::parse(text, date).ok()?.midnight().assume_utc());
    let unix_ms = match text.parse::<i64>() {
        Ok(unix_s) => unix_s.checked_mul(1000),
        Err(_) => OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            .or_else(of_date)
            .and_then(|time| i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()),
    };
    unix_ms.ok_or(ConditionError {
        name,
        expected: "a time like 2026-06-01T12:00:00Z, a date, or seconds since 1970",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_or_named() {
        for (text, canonical) in [
            ("+1 215 555 0121", "12155550121"),
            ("sip:+12155550121@example.com;user=phone", "12155550121"),
            ("tel:+12155550121", "12155550121"),
            ("sip:alice@example.com", "sip:alice@example.com"),
        ] {
            assert_eq!(number(text).as_deref(), Some(canonical), "{text}");
        }
        for (text, expected) in [
            ("1780272000", 1_780_272_000_000),
            ("2026-06-01", 1_780_272_000_000),
            ("2026-06-01T00:00:00.25Z", 1_780_272_000_250),
            ("2026-06-01T02:00:00+02:00", 1_780_272_000_000),
        ] {
            assert_eq!(unix_ms("from", text), Ok(expected), "{text}");
        }
        let of = |conditions: Conditions| conditions.wanted().map(drop).map_err(|error| error.name);
        let text = || Some("?".to_owned());
        assert_eq!(of(Conditions { tn: text(), ..Conditions::default() }), Err("tn"));
        assert_eq!(of(Conditions { from: text(), ..Conditions::default() }), Err("from"));
        assert_eq!(of(Conditions { to: text(), ..Conditions::default() }), Err("to"));
        assert_eq!(of(Conditions { attest: text(), ..Conditions::default() }), Err("attest"));
        assert_eq!(of(Conditions::default()), Ok(()));
    }
}
