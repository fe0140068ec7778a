//! Times for people.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Unix seconds in RFC 3339 form, UTC; the number itself where that form has no room.
pub(crate) fn rfc3339(unix_s: i64) -> String {
    let text = OffsetDateTime::from_unix_timestamp(unix_s).ok().and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| unix_s.to_string())
}

/// The same; of midnight the day alone.
pub(crate) fn stamp(unix_s: i64) -> String {
    let text = rfc3339(unix_s);
    text.strip_suffix("T00:00:00Z").map(str::to_owned).unwrap_or(text)
}
