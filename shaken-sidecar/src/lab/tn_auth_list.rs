//! Writes the TNAuthList certificate extension: for which numbers a key may sign (RFC 8226 §9).
//!
//! ```text
//! TNAuthorizationList  ::= SEQUENCE SIZE (1..MAX) OF TNEntry
//! TNEntry              ::= CHOICE { spc [0] IA5String, range [1] TelephoneNumberRange, one [2] TelephoneNumber }
//! TelephoneNumberRange ::= SEQUENCE { start TelephoneNumber, count INTEGER (2..MAX), ... }
//! TelephoneNumber      ::= IA5String (SIZE (1..15)) (FROM ("0123456789#*"))
//! ```
//!
//! The module has explicit tags: each `[n]` wraps a whole inner element.

use super::LabError;
use super::der::{self, IA5_STRING, SEQUENCE};

/// The entries of one TNAuthList; never empty. What they grant adds up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TnAuthListDer {
    entries_der: Vec<u8>,
}

impl TnAuthListDer {
    /// A list of one entry, as each SHAKEN certificate has it.
    #[must_use]
    pub fn new(only: &TnEntryDer) -> Self {
        Self { entries_der: only.der.clone() }
    }

    /// The list with one more entry at its end.
    #[must_use]
    pub fn with_entry(mut self, entry: &TnEntryDer) -> Self {
        self.entries_der.extend(&entry.der);
        self
    }

    /// The DER of the TNAuthorizationList: the content of the certificate extension, and the
    /// bytes behind the `tkvalue` of an SPC token.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        der::element(SEQUENCE, &self.entries_der)
    }
}

/// One entry of a [`TnAuthListDer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TnEntryDer {
    der: Vec<u8>,
}

impl TnEntryDer {
    /// All numbers of the provider with this service provider code.
    ///
    /// # Errors
    /// [`LabError::SpcInvalid`] unless `spc` is 1 to 57 digits and upper-case letters: the alphabet
    /// of the ATIS-1000080 profile, and what still fits behind `SHAKEN ` in a common name
    /// (64 characters, RFC 5280 appendix A.1).
    pub fn spc(spc: &str) -> Result<Self, LabError> {
        let allowed = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        if !(1..=MAX_SPC_LEN).contains(&spc.len()) || !spc.bytes().all(allowed) {
            return Err(LabError::SpcInvalid { spc: spc.to_owned() });
        }
        Ok(Self::tagged(0, &der::element(IA5_STRING, spc.as_bytes())))
    }

    /// The `count` numbers from `start` on, all of the same length as `start`.
    ///
    /// # Errors
    /// [`LabError::NumberInvalid`] unless `start` is 1 to 15 digits.
    /// [`LabError::RangeInvalid`] if `count` is below 2, or if `start` + `count` has more digits
    /// than `start`.
    pub fn range(start: &str, count: u64) -> Result<Self, LabError> {
        let first: u64 = telephone_number(start)?.parse().map_err(|_| LabError::NumberInvalid)?;
        let mut beyond: u64 = 1;
        for _ in start.bytes() {
            beyond *= 10;
        }
        if count < 2 || first.checked_add(count).is_none_or(|sum| sum >= beyond) {
            return Err(LabError::RangeInvalid { count });
        }
        let mut content = der::element(IA5_STRING, start.as_bytes());
        content.extend(der::unsigned_integer(count));
        Ok(Self::tagged(1, &der::element(SEQUENCE, &content)))
    }

    /// One number.
    ///
    /// # Errors
    /// [`LabError::NumberInvalid`] unless `number` is 1 to 15 of `0-9`, `#` and `*`.
    pub fn one(number: &str) -> Result<Self, LabError> {
        let content = der::element(IA5_STRING, telephone_number(number)?.as_bytes());
        Ok(Self::tagged(2, &content))
    }

    fn tagged(choice: u8, inner: &[u8]) -> Self {
        Self { der: der::element(der::context_constructed(choice), inner) }
    }
}

fn telephone_number(text: &str) -> Result<&str, LabError> {
    let allowed = |byte: u8| byte.is_ascii_digit() || byte == b'#' || byte == b'*';
    if !(1..=MAX_NUMBER_LEN).contains(&text.len()) || !text.bytes().all(allowed) {
        return Err(LabError::NumberInvalid);
    }
    Ok(text)
}

const MAX_SPC_LEN: usize = 64 - "SHAKEN ".len();
const MAX_NUMBER_LEN: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    #[test]
    fn each_kind_of_entry_has_its_known_encoding() {
        let list = |entry| hex(&TnAuthListDer::new(&entry).to_der());
        assert_eq!(list(TnEntryDer::spc("1234").unwrap()), "3008A006160431323334");
        assert_eq!(list(TnEntryDer::spc("587L").unwrap()), "3008A00616043538374C");
        assert_eq!(
            list(TnEntryDer::range("12155551000", 1000).unwrap()),
            "3015A1133011160B3132313535353531303030020203E8"
        );
        assert_eq!(list(TnEntryDer::one("12155550121").unwrap()), "300FA20D160B3132313535353530313231");
    }

    #[test]
    fn entries_keep_their_order() {
        let list = TnAuthListDer::new(&TnEntryDer::spc("1234").unwrap())
            .with_entry(&TnEntryDer::range("12155551000", 100).unwrap())
            .with_entry(&TnEntryDer::one("12155550121").unwrap());
        assert_eq!(
            hex(&list.to_der()),
            "302BA006160431323334A1123010160B3132313535353531303030020164A20D160B3132313535353530313231"
        );
    }

    #[test]
    fn a_list_beyond_127_bytes_has_a_long_length() {
        let one = TnEntryDer::one("12155550121").unwrap();
        let list = (1..12).fold(TnAuthListDer::new(&one), |list, _| list.with_entry(&one));
        assert!(hex(&list.to_der()).starts_with("3081B4A20D16"));
    }

    #[test]
    fn a_range_may_not_outgrow_its_digits() {
        assert!(TnEntryDer::range("10", 89).is_ok());
        for (start, count) in [("10", 90), ("10", 91), ("10", 1), ("10", 0), ("999999999999999", u64::MAX)] {
            assert!(
                matches!(TnEntryDer::range(start, count), Err(LabError::RangeInvalid { .. })),
                "{start} {count}"
            );
        }
        for start in ["", "*1", "1#", "+1", "1234567890123456"] {
            assert!(matches!(TnEntryDer::range(start, 2), Err(LabError::NumberInvalid)), "{start}");
        }
        assert!(TnEntryDer::range("000000000000000", 2).is_ok());
    }

    #[test]
    fn numbers_and_codes_keep_to_their_alphabet() {
        for number in ["", "+12155550121", "1215555012A", "1234567890123456", "１"] {
            assert!(matches!(TnEntryDer::one(number), Err(LabError::NumberInvalid)), "{number}");
        }
        assert!(TnEntryDer::one("*67").is_ok());
        for spc in ["", "12 4", "587l", "ÄÖ", &"1".repeat(58)] {
            assert!(matches!(TnEntryDer::spc(spc), Err(LabError::SpcInvalid { .. })), "{spc}");
        }
        assert!(TnEntryDer::spc(&"1".repeat(57)).is_ok());
    }

    #[test]
    fn our_own_reader_reads_what_was_written() {
        let list = TnAuthListDer::new(&TnEntryDer::spc("587L").unwrap())
            .with_entry(&TnEntryDer::range("12155550100", 100).unwrap())
            .with_entry(&TnEntryDer::range("000000000000000", 999_999_999_999_999).unwrap())
            .with_entry(&TnEntryDer::one("*67#").unwrap());
        let read = shaken_core::cert::TnAuthList::from_der(&list.to_der()).unwrap();
        let entries: Vec<_> = read.entries().iter().map(ToString::to_string).collect();
        assert_eq!(
            entries,
            ["spc 587L", "range 12155550100 x100", "range 000000000000000 x999999999999999", "one *67#"]
        );
    }
}
