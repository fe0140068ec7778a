//! Days and times in files.

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use super::fault::quoted;

/// Which second of a day counts.
#[derive(Clone, Copy)]
pub(super) enum Edge {
    /// The first.
    Start,
    /// The first that is no longer of it.
    End,
}

/// Seconds since 1970 of `2026-01-31` (in UTC) or `2026-01-31T12:00:00Z`; nothing for no text.
pub(super) fn read(text: &str, edge: Edge) -> Result<Option<i64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(Some(time.unix_timestamp()));
    }
    let day = Date::parse(text, format_description!("[year]-[month]-[day]"));
    let day = day.map_err(|_| {
        format!("{} is no day like 2026-01-31 and no time like 2026-01-31T12:00:00Z", quoted(text))
    })?;
    let start = day.midnight().assume_utc().unix_timestamp();
    Ok(Some(match edge {
        Edge::Start => start,
        Edge::End => start + 86_400,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_and_end_in_utc() {
        assert_eq!(read("", Edge::End), Ok(None));
        assert_eq!(read("1970-01-02", Edge::Start), Ok(Some(86_400)));
        assert_eq!(read("1970-01-02", Edge::End), Ok(Some(2 * 86_400)));
        assert_eq!(read("1970-01-01T01:00:07+01:00", Edge::End), Ok(Some(7)));
        for text in ["1970-02-30", "1970/01/02", "yesterday", "1970-01-02 "] {
            assert!(read(text, Edge::Start).is_err(), "{text}");
        }
    }
}
