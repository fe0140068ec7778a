//! What is looked for in a log.

use super::columns::{self, Column, Row};

/// Conditions that a record has to meet, all of those that are given.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    pub(super) number: Option<String>,
    pub(super) call_id: Option<String>,
    pub(super) origid: Option<String>,
    pub(super) from_unix_ms: Option<i64>,
    pub(super) to_unix_ms: Option<i64>,
    pub(super) attest: Option<String>,
    pub(super) reason: Option<String>,
}

impl Wanted {
    /// Every record.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls from or to this number: its canonical form, or the text of the request where it has none.
    #[must_use]
    pub fn with_number(mut self, number: impl Into<String>) -> Self {
        self.number = Some(number.into());
        self
    }

    /// The SIP Call-ID.
    #[must_use]
    pub fn with_call_id(mut self, call_id: impl Into<String>) -> Self {
        self.call_id = Some(call_id.into());
        self
    }

    /// The `origid` claim.
    #[must_use]
    pub fn with_origid(mut self, origid: impl Into<String>) -> Self {
        self.origid = Some(origid.into());
        self
    }

    /// Not before this time, in milliseconds since 1970 UTC.
    #[must_use]
    pub const fn with_from(mut self, unix_ms: i64) -> Self {
        self.from_unix_ms = Some(unix_ms);
        self
    }

    /// Before this time, in milliseconds since 1970 UTC.
    #[must_use]
    pub const fn with_to(mut self, unix_ms: i64) -> Self {
        self.to_unix_ms = Some(unix_ms);
        self
    }

    /// The attestation level: `A`, `B` or `C`.
    #[must_use]
    pub fn with_attest(mut self, attest: impl Into<String>) -> Self {
        self.attest = Some(attest.into());
        self
    }

    /// The reason for the level: `CAPPED_BY_TRUNK`.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// A text that stands in every line that meets all of it, if there is one: what a search for bytes
    /// finds the few lines by that may be wanted.
    #[must_use]
    pub fn needle(&self) -> Option<Vec<u8>> {
        let value = |text: &String| serde_json::to_vec(text).ok();
        let member = |name: &str, text: &String| Some([name.as_bytes(), &value(text)?].concat());
        let by_value = [&self.call_id, &self.number, &self.origid].into_iter().flatten().next();
        by_value
            .and_then(value)
            .or_else(|| member(r#""reason":"#, self.reason.as_ref()?))
            .or_else(|| member(r#""attest":"#, self.attest.as_ref()?))
    }

    /// Whether a line of the log, without its newline, meets all of it. One that is not whole does not.
    #[must_use]
    pub fn matches(&self, line: &[u8]) -> bool {
        columns::of(line).is_some_and(|row| self.matches_row(&row))
    }

    pub(super) fn matches_row(&self, row: &Row<'_>) -> bool {
        let is_number = |wanted: &String| {
            row.text(Column::Orig) == Some(wanted) || row.dest.iter().any(|dest| dest == wanted)
        };
        self.number.as_ref().is_none_or(is_number)
            && self.texts().all(|(column, wanted)| row.text(column) == Some(wanted))
            && (!self.has_time() || row.unix_ms.is_some_and(|at| self.holds_time(at)))
    }

    /// The conditions on a column of text.
    pub(super) fn texts(&self) -> impl Iterator<Item = (Column, &str)> {
        let texts = [
            (Column::CallId, &self.call_id),
            (Column::Origid, &self.origid),
            (Column::Attest, &self.attest),
            (Column::Reason, &self.reason),
        ];
        texts.into_iter().filter_map(|(column, wanted)| Some((column, wanted.as_deref()?)))
    }

    pub(super) const fn has_time(&self) -> bool {
        self.from_unix_ms.is_some() || self.to_unix_ms.is_some()
    }

    pub(super) fn holds_time(&self, unix_ms: i64) -> bool {
        self.from_unix_ms.is_none_or(|from| unix_ms >= from) && self.to_unix_ms.is_none_or(|to| unix_ms < to)
    }
}

impl std::fmt::Debug for Wanted {
    /// Without numbers and names of calls.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wanted")
            .field("from_unix_ms", &self.from_unix_ms)
            .field("to_unix_ms", &self.to_unix_ms)
            .field("attest", &self.attest)
            .finish_non_exhaustive()
    }
}
