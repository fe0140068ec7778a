//! What a message says of its record beside the line itself.

use std::borrow::Cow;

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The facts about one record that go into subject and headers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) index: u64,
    /// `<log>:<index>`.
    pub(super) id: String,
    pub(super) schema: u32,
    pub(super) kind: String,
    /// When it was made, in seconds since 1970, if it says so.
    pub(super) unix_seconds: Option<i64>,
}

impl Message {
    /// About `line`, the record `index` of the log named `log`. A line that the reader let through is
    /// exported whatever is in it.
    pub(super) fn new(log: &str, index: u64, line: &[u8]) -> Self {
        let head = serde_json::from_slice(line).unwrap_or_else(|_| Head {
            schema: 0,
            kind: "".into(),
            time: None,
            to: None,
        });
        let Head { schema, kind, time, to } = head;
        // A kind is a word of a subject.
        let is_word =
            !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let kind = if is_word { kind.into_owned() } else { "unknown".to_owned() };
        let made = time.or(to).and_then(|text| OffsetDateTime::parse(&text, &Rfc3339).ok());
        let unix_seconds = made.map(OffsetDateTime::unix_timestamp);
        Self { index, id: format!("{log}:{index}"), schema, kind, unix_seconds }
    }
}

#[derive(Deserialize)]
struct Head<'a> {
    schema: u32,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    /// Gaps and summaries are about a span.
    #[serde(borrow)]
    to: Option<Cow<'a, str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_log_index_kind_and_time() {
        let line = br#"{"schema":1,"index":7,"commit":5,"salt":"00","kind":"call","time":"2026-01-02T03:04:05.678Z","crc32c":"0"}"#;
        let message = Message::new("voice.example.com/audit", 7, line);
        assert_eq!((message.id.as_str(), message.schema), ("voice.example.com/audit:7", 1));
        assert_eq!((message.kind.as_str(), message.unix_seconds), ("call", Some(1_767_323_045)));
        let gap = br#"{"schema":1,"index":0,"kind":"gap","from":"2026-01-02T03:04:01Z","to":"2026-01-02T03:04:05Z"}"#;
        assert_eq!(Message::new("a", 0, gap).unix_seconds, Some(1_767_323_045));
        for odd in [&br#"{"schema":2,"kind":"a.>"}"#[..], b"{}", b"", br#"{"schema":2,"kind":""}"#] {
            assert_eq!(Message::new("a", 0, odd).kind, "unknown");
        }
    }
}
