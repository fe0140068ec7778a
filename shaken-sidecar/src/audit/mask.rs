//! Records for people who need not know who called whom: numbers but for their last two digits, and
//! whatever may hold one.

use super::{Conditions, Event, Number, Record};

impl Event {
    /// The same with numbers masked.
    #[must_use]
    pub fn masked(&self) -> Self {
        match self {
            Self::Call(record) => Self::Call(Box::new(record.masked())),
            Self::Undelivered(note) => {
                let mut note = note.clone();
                note.request_id = mask_runs(&note.request_id);
                Self::Undelivered(note)
            }
            Self::Reveal(note) => {
                let mut note = note.clone();
                note.conditions = note.conditions.masked();
                Self::Reveal(note)
            }
            other => other.clone(),
        }
    }
}

impl Record {
    /// The same with numbers masked, and without the Identity headers, which hold them in base64url.
    #[must_use]
    pub fn masked(&self) -> Self {
        let mut record = self.clone();
        record.request_id = mask_runs(&record.request_id);
        record.call_id = record.call_id.as_deref().map(mask_runs);
        record.origid = record.origid.as_deref().map(mask_origid);
        for party in record.orig.iter_mut().chain(&mut record.dest).chain(&mut record.target) {
            *party = party.masked();
        }
        record.identity.clear();
        record
    }
}

impl Conditions {
    /// The same with numbers masked.
    #[must_use]
    pub fn masked(&self) -> Self {
        let mut conditions = self.clone();
        conditions.tn = conditions.tn.as_deref().map(mask_party);
        conditions.call_id = conditions.call_id.as_deref().map(mask_runs);
        conditions.origid = conditions.origid.as_deref().map(mask_origid);
        conditions
    }
}

impl Number {
    /// The same with all but the last two digits as `x`; of a URI the part before the host.
    #[must_use]
    pub fn masked(&self) -> Self {
        Self { received: mask_party(&self.received), canonical: self.canonical.as_deref().map(mask_party) }
    }
}

/// A number, or a URI of which scheme and host stay.
pub(crate) fn mask_party(text: &str) -> String {
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) if scheme.bytes().all(|b| b.is_ascii_alphabetic()) => (scheme.len() + 1, rest),
        _ => (0, text),
    };
    let user = rest.find('@').unwrap_or(rest.len());
    let mut masked = text[..scheme].to_owned();
    mask_into(&mut masked, &rest[..user]);
    masked.push_str(&rest[user..]);
    masked
}

fn mask_origid(text: &str) -> String {
    if is_uuid(text) { text.to_owned() } else { mask_runs(text) }
}

/// Every run of digits that may be a telephone number, with what separates digits in one.
pub(crate) fn mask_runs(text: &str) -> String {
    let in_number = |c: char| c.is_ascii_digit() || "+-.() ".contains(c);
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let len = from.find(|c| !in_number(c)).unwrap_or(from.len());
        let (run, behind) = from.split_at(len);
        masked.push_str(before);
        if run.bytes().filter(u8::is_ascii_digit).count() >= MIN_NUMBER_DIGITS {
            mask_into(&mut masked, run);
        } else {
            masked.push_str(run);
        }
        rest = behind;
    }
    masked.push_str(rest);
    masked
}

/// `text` with letters and digits as `x`, but for the last two if they are digits.
fn mask_into(masked: &mut String, text: &str) {
    let hidden = text.chars().filter(|c| c.is_alphanumeric()).count().saturating_sub(2);
    let last_are_digits =
        text.chars().rev().filter(|c| c.is_alphanumeric()).take(2).all(|c| c.is_ascii_digit());
    let mut seen = 0;
    for c in text.chars() {
        let is_hidden = c.is_alphanumeric() && (seen < hidden || !last_are_digits || hidden == 0);
        seen += usize::from(c.is_alphanumeric());
        masked.push(if is_hidden { 'x' } else { c });
    }
}

/// What our own `origid` is (RFC 8588 §5): random, however many digits it has.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// Fewer digits are an extension or a count.
const MIN_NUMBER_DIGITS: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parties_keep_two_digits_and_the_host() {
        for (text, masked) in [
            ("12155550121", "xxxxxxxxx21"),
            ("+1 (215) 555-0121", "+x (xxx) xxx-xx21"),
            ("sip:+12155550121@example.com;user=phone", "sip:+xxxxxxxxx21@example.com;user=phone"),
            ("sip:alice@example.com", "sip:xxxxx@example.com"),
            ("tel:+12155550121", "tel:+xxxxxxxxx21"),
            ("alice", "xxxxx"),
            ("11", "xx"),
            ("", ""),
        ] {
            assert_eq!(mask_party(text), masked, "{text}");
        }
    }

    #[test]
    fn numbers_are_masked_wherever_they_stand() {
        for (text, masked) in [
            ("a84b4c76e66710@pc33.example.com", "a84b4c76e66710@pc33.example.com"),
            ("call-12155550121-x", "call-xxxxxxxxx21-x"),
            ("215-555-0121", "xxx-xxx-xx21"),
            ("r-17", "r-17"),
            ("é12155550121é", "éxxxxxxxxx21é"),
        ] {
            assert_eq!(mask_runs(text), masked, "{text}");
        }
    }

    #[test]
    fn a_uuid_is_no_number() {
        assert!(is_uuid("123e4567-e89b-12d3-a456-426655440000"));
        for other in
            ["12155550121", "123e4567-e89b-12d3-a456-42665544000g", "123e4567ae89b-12d3-a456-426655440000"]
        {
            assert!(!is_uuid(other), "{other}");
        }
    }
}
