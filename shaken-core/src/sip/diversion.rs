//! Where a call has been before: Diversion (RFC 5806) and History-Info (RFC 7044).
//!
//! Both are comma lists of addresses. Diversion has the most recent diversion first;
//! History-Info is in the order of time, and rides the cause of a retargeting as a header inside
//! of the URI that was left: `<sip:bob@example.com?Reason=SIP%3Bcause%3D302>;index=1`. Microsoft
//! Teams writes that header without escapes, which is read as well.

use super::address::{Address, Addresses, Quoting};
use crate::Error;

/// One value of Diversion: who diverted the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diversion<'a> {
    address: Address<'a>,
}

impl<'a> Diversion<'a> {
    /// Who diverted.
    #[must_use]
    pub fn address(&self) -> &Address<'a> {
        &self.address
    }

    /// Why, such as `unconditional` or `user-busy`, as received.
    #[must_use]
    pub fn reason(&self) -> Option<&'a [u8]> {
        self.address.param("reason")
    }

    /// How many diversions this value stands for: one, unless it says otherwise.
    #[must_use]
    pub fn counter(&self) -> u8 {
        self.address.param("counter").and_then(number).and_then(|n| u8::try_from(n).ok()).unwrap_or(1)
    }
}

/// One value of History-Info: an address that the call was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryEntry<'a> {
    address: Address<'a>,
}

impl<'a> HistoryEntry<'a> {
    /// Where the call was sent.
    #[must_use]
    pub fn address(&self) -> &Address<'a> {
        &self.address
    }

    /// The place of the entry in the history, such as `1.1`: numbers joined by dots.
    #[must_use]
    pub fn index(&self) -> Option<&'a str> {
        let index = core::str::from_utf8(self.address.param("index")?).ok()?;
        index.split('.').all(|part| number(part.as_bytes()).is_some()).then_some(index)
    }

    /// Why the call went on from here: the cause of the Reason header in the URI, such as 302.
    #[must_use]
    pub fn cause(&self) -> Option<u16> {
        let mut headers = self.address.headers().split(|b| *b == b'&');
        let reason = headers.find_map(|header| strip_prefix(header, b"Reason="))?;
        let cause = (0..reason.len()).find_map(|start| {
            let param = reason.get(start..)?;
            strip_prefix(param, b";cause=").or_else(|| strip_prefix(param, b"%3Bcause%3D"))
        })?;
        let digits = cause.iter().position(|b| !b.is_ascii_digit()).unwrap_or(cause.len());
        number(cause.get(..digits)?).and_then(|cause| u16::try_from(cause).ok())
    }
}

pub(super) fn diversions(value: &[u8]) -> impl Iterator<Item = Result<Diversion<'_>, Error>> {
    Addresses::new(value, "Diversion", Quoting::Unescaped).map(|address| Ok(Diversion { address: address? }))
}

pub(super) fn history(value: &[u8]) -> impl Iterator<Item = Result<HistoryEntry<'_>, Error>> {
    let addresses = Addresses::new(value, "History-Info", Quoting::Unescaped);
    addresses.map(|address| Ok(HistoryEntry { address: address? }))
}

/// In any case, as RFC 3261 §7.3.1 has names and escapes.
fn strip_prefix<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

fn number(digits: &[u8]) -> Option<u32> {
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    core::str::from_utf8(digits).ok().filter(|_| all_digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diversions_in_their_order() {
        let value = br#""Bob" <sip:+12155550131@h.example>;reason=user-busy;counter=2;privacy=off, <tel:+12155550132>;counter=x"#;
        let values: Vec<_> = diversions(value).map(Result::unwrap).collect();
        assert_eq!(values[0].address().uri().telephone_number().unwrap().as_str(), "12155550131");
        assert_eq!((values[0].reason(), values[0].counter()), (Some(&b"user-busy"[..]), 2));
        assert_eq!((values[1].reason(), values[1].counter()), (None, 1));
        assert_eq!(values.len(), 2);
        assert_eq!(diversions(b"bob").next(), Some(Err(Error::SipHeaderValue { header: "Diversion" })));
    }

    #[test]
    fn history_with_and_without_escapes() {
        let value = br#"<sip:+12155550131@h.example?Reason=SIP;cause=302;text="Move, Temporarily">;index=1,
            <sip:bob@h.example?Privacy=history&reason=Q.850%3bCause%3d17%3Btext%3D%22Busy%22>;index=1.1;mp=1,
            <sip:carol@h.example?Subject=;cause=1&x=Reason>;index=1..1, <tel:+12155550132>"#;
        let entries: Vec<_> = history(value).map(Result::unwrap).collect();
        let facts: Vec<_> = entries.iter().map(|entry| (entry.index(), entry.cause())).collect();
        assert_eq!(facts, [(Some("1"), Some(302)), (Some("1.1"), Some(17)), (None, None), (None, None)]);
        assert_eq!(entries[1].address().param("mp"), Some(&b"1"[..]));
        assert_eq!(history(b",").next(), Some(Err(Error::SipHeaderValue { header: "History-Info" })));
    }
}
