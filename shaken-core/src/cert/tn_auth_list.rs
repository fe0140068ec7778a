//! The TNAuthList extension: which provider, which numbers (RFC 8226 §9).
//!
//! ```text
//! TNAuthorizationList  ::= SEQUENCE SIZE (1..MAX) OF TNEntry
//! TNEntry              ::= CHOICE { spc   [0] ServiceProviderCode,      -- EXPLICIT TAGS
//!                                   range [1] TelephoneNumberRange,
//!                                   one   [2] TelephoneNumber }
//! ServiceProviderCode  ::= IA5String
//! TelephoneNumberRange ::= SEQUENCE { start TelephoneNumber, count INTEGER (2..MAX), ... }
//! TelephoneNumber      ::= IA5String (SIZE (1..15)) (FROM ("0123456789#*"))
//! ```

mod numbers;
mod reference;

use core::fmt;

use crate::der::{Elements, Malformed, tag};
use crate::{Error, TelephoneNumber};
use numbers::Numbers;
pub(super) use reference::Reference;

/// Longest telephone number in a certificate.
const MAX_TN_LEN: usize = 15;

/// The numbers a certificate may sign for: the union of its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TnAuthList {
    entries: Vec<TnEntry>,
    numbers: Numbers,
}

/// One entry of a TNAuthList.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 8226 defines exactly these three entries")]
pub enum TnEntry {
    /// A provider, and with it every number it signs for.
    Spc(Spc),
    /// A range of numbers of one length.
    Range(TnRange),
    /// A single number.
    One(TelephoneNumber),
}

/// A service provider code: printable ASCII, at least one character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spc(Box<str>);

impl Spc {
    /// The code, such as `1234`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `count` numbers from `start` on. The last one has as many digits as the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TnRange {
    start: TelephoneNumber,
    count: u64,
}

impl TnRange {
    /// The first number; digits only.
    #[must_use]
    pub fn start(&self) -> TelephoneNumber {
        self.start
    }

    /// How many numbers there are, at least 2.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// How a TNAuthList answers for a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a list holds a number, names a provider, or neither")]
pub enum Coverage {
    /// An entry holds the number itself.
    Listed,
    /// No entry holds it, but the list names a provider, who may sign for any number of its
    /// own (RFC 8226 §3); which ones these are, no certificate says.
    ByProvider,
    /// The list holds numbers only, and not this one.
    Uncovered,
}

impl TnAuthList {
    /// Reads the extension value, or what a list by reference has at its URL
    /// (`application/tnauthlist`, RFC 8226 §10.1), which is the same DER.
    ///
    /// # Errors
    /// [`Error::TnAuthListInvalid`] with the offset of the first fault.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        read(der).map_err(|Malformed(offset)| Error::TnAuthListInvalid { offset })
    }

    /// The entries in the order of the certificate.
    #[must_use]
    pub fn entries(&self) -> &[TnEntry] {
        &self.entries
    }

    /// The first provider code; SHAKEN certificates have exactly one.
    #[must_use]
    pub fn spc(&self) -> Option<&Spc> {
        self.entries.iter().find_map(|entry| match entry {
            TnEntry::Spc(spc) => Some(spc),
            TnEntry::Range(_) | TnEntry::One(_) => None,
        })
    }

    /// Whether the list covers `tn`.
    #[must_use]
    pub fn coverage(&self, tn: &TelephoneNumber) -> Coverage {
        if self.numbers.contains(tn) {
            Coverage::Listed
        } else if self.spc().is_some() {
            Coverage::ByProvider
        } else {
            Coverage::Uncovered
        }
    }

    /// Whether each number of `lower` is a number of this list.
    pub(super) fn holds_numbers_of(&self, lower: &Self) -> bool {
        self.numbers.contains_all(&lower.numbers)
    }

    /// How many bytes of heap it takes.
    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.entries) + self.numbers.heap_bytes()
    }
}

impl fmt::Display for TnEntry {
    /// `spc 1234`, `range 12155550100 x100`, `one 12155550121`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spc(spc) => write!(f, "spc {}", spc.as_str()),
            Self::Range(range) => write!(f, "range {} x{}", range.start.as_str(), range.count),
            Self::One(tn) => write!(f, "one {}", tn.as_str()),
        }
    }
}

fn read(der: &[u8]) -> Result<TnAuthList, Malformed> {
    let mut outer = Elements::new(der);
    let mut list = outer.expect(tag::SEQUENCE)?;
    outer.finish()?;
    if list.is_empty() {
        return Err(list.malformed());
    }
    let mut entries = Vec::new();
    while !list.is_empty() {
        let malformed = list.malformed();
        let (entry_tag, mut entry) = list.next()?;
        entries.push(if entry_tag == tag::explicit(0) {
            TnEntry::Spc(read_spc(&mut entry)?)
        } else if entry_tag == tag::explicit(1) {
            TnEntry::Range(read_range(&mut entry)?)
        } else if entry_tag == tag::explicit(2) {
            TnEntry::One(read_tn(&mut entry)?)
        } else {
            return Err(malformed);
        });
        entry.finish()?;
    }
    Ok(TnAuthList { numbers: Numbers::of(&entries), entries })
}

fn read_spc(entry: &mut Elements<'_>) -> Result<Spc, Malformed> {
    let malformed = entry.malformed();
    let code = entry.expect(tag::IA5_STRING)?.bytes();
    if code.is_empty() || !code.iter().all(u8::is_ascii_graphic) {
        return Err(malformed);
    }
    core::str::from_utf8(code).map(|code| Spc(code.into())).map_err(|_| malformed)
}

fn read_tn(entry: &mut Elements<'_>) -> Result<TelephoneNumber, Malformed> {
    let malformed = entry.malformed();
    let text = entry.expect(tag::IA5_STRING)?.bytes();
    if text.len() > MAX_TN_LEN {
        return Err(malformed);
    }
    TelephoneNumber::from_canonical(text.iter().copied().map(char::from)).map_err(|_| malformed)
}

fn read_range(entry: &mut Elements<'_>) -> Result<TnRange, Malformed> {
    let mut range = entry.expect(tag::SEQUENCE)?;
    let malformed = range.malformed();
    let start = read_tn(&mut range)?;
    let count = read_count(&mut range)?;
    // The extension marker: whatever follows is of a later version and does not concern us, as
    // long as it is DER.
    while !range.is_empty() {
        range.next()?;
    }
    // RFC 8226 §9: start + count < 10^digits, so that the number does not grow, and a start
    // with * or # has no successor.
    let first = digits(&start).ok_or(malformed)?;
    let digit_count = u32::try_from(start.as_str().len()).map_err(|_| malformed)?;
    let limit = 10_u64.checked_pow(digit_count).ok_or(malformed)?;
    if first.checked_add(count).is_none_or(|sum| sum >= limit) {
        return Err(malformed);
    }
    Ok(TnRange { start, count })
}

/// `INTEGER (2..MAX)`, in its shortest form, as far as it can ever be valid.
fn read_count(range: &mut Elements<'_>) -> Result<u64, Malformed> {
    let malformed = range.malformed();
    let bytes = range.expect(tag::INTEGER)?.bytes();
    let negative = bytes.first().is_none_or(|b| b & 0x80 != 0);
    let padded = matches!(bytes, [0, next, ..] if next & 0x80 == 0);
    if negative || padded || bytes.len() > 8 {
        return Err(malformed);
    }
    let count = bytes.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    if count < 2 { Err(malformed) } else { Ok(count) }
}

/// The value of a number that has digits only.
fn digits(tn: &TelephoneNumber) -> Option<u64> {
    tn.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    }

    fn entries(text: &str) -> Result<Vec<String>, Error> {
        TnAuthList::from_der(&hex(text)).map(|list| list.entries().iter().map(TnEntry::to_string).collect())
    }

    fn tn(text: &str) -> TelephoneNumber {
        TelephoneNumber::parse(text).unwrap()
    }

    #[test]
    fn the_three_kinds_of_entries() {
        for (der, expected) in [
            ("3008A006160431323334", vec!["spc 1234"]),
            ("3015A1133011160B3132313535353531303030020203E8", vec!["range 12155551000 x1000"]),
            ("300FA20D160B3132313535353530313231", vec!["one 12155550121"]),
            ("3010A006160431323334A00616043538374C", vec!["spc 1234", "spc 587L"]),
            ("3008A20616042A363723", vec!["one *67#"]),
            // An element of a later version behind the count.
            ("3017A1153013160B313231353535353130303002010A020105", vec!["range 12155551000 x10"]),
        ] {
            assert_eq!(entries(der).unwrap(), expected, "{der}");
        }
    }

    #[test]
    fn all_else_is_malformed() {
        for (der, why) in [
            ("3006800431323334", "implicit tag"),
            ("3008A0060C0431323334", "UTF8String"),
            ("3000", "no entry"),
            ("3014A1123010160B3132313535353531303030020101", "count 1"),
            ("3014A1123010160B31323135353535313030300201FF", "count -1"),
            ("3015A1133011160B313231353535353130303002020005", "count with a padding byte"),
            ("300BA10930071602313002015B", "10 + 91"),
            ("300BA10930071602313002015A", "10 + 90"),
            ("300CA10A300816032A3130020105", "range from *10"),
            ("300FA20D160B3132313535353541313231", "letter"),
            ("3014A212161031323334353637383930313233343536", "16 digits"),
            ("3004A2021600", "empty number"),
            ("3004A0021600", "empty SPC"),
            ("3005A303160131", "unknown choice"),
            ("3008A00616043132333400", "trailing byte"),
            ("3080A0061604313233340000", "indefinite length"),
            ("308108A006160431323334", "length not minimal"),
            ("300EA00C160431323334160435363738", "two values in one choice"),
            ("301CA11A3018160B31323135353535313030300209010000000000000000", "count of 9 bytes"),
            ("1604313233", "not a SEQUENCE"),
            ("", "empty"),
        ] {
            assert!(matches!(entries(der), Err(Error::TnAuthListInvalid { .. })), "{why}");
        }
    }

    #[test]
    fn a_range_holds_its_ends_and_no_more() {
        let list = TnAuthList::from_der(&hex("3014A1123010160B313231353535353031303002010D")).unwrap();
        assert_eq!(
            entries("3014A1123010160B313231353535353031303002010D").unwrap(),
            ["range 12155550100 x13"]
        );
        assert_eq!(list.coverage(&tn("12155550100")), Coverage::Listed);
        assert_eq!(list.coverage(&tn("12155550112")), Coverage::Listed);
        for outside in ["12155550099", "12155550113", "012155550100", "1215555010", "#2155550100"] {
            assert_eq!(list.coverage(&tn(outside)), Coverage::Uncovered, "{outside}");
        }
    }

    #[test]
    fn a_provider_answers_for_what_is_not_listed() {
        let list = TnAuthList::from_der(&hex("3008A006160431323334")).unwrap();
        assert_eq!(list.spc().map(Spc::as_str), Some("1234"));
        assert_eq!(list.coverage(&tn("12155550121")), Coverage::ByProvider);
    }
}
