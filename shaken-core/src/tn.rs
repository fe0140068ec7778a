//! Telephone numbers in the one form that PASSporTs carry (RFC 8224 §8.3).
//!
//! ```text
//! tn-spec = 1*tn-char      tn-char = "#" / "*" / DIGIT
//! ```

use core::fmt;

use crate::Error;

/// A telephone number in canonical form: 1 to [`MAX_LEN`](Self::MAX_LEN) of `0-9`, `#` and `*`,
/// with country code where the caller knows one, without `+`.
///
/// Stored inline; copying it costs no allocation. [`fmt::Debug`] masks all but the last two
/// digits, so that a number cannot slip into a log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TelephoneNumber {
    // Bytes at and beyond `len` are zero, so that the derived comparisons hold.
    bytes: [u8; Self::MAX_LEN],
    len: u8,
}

impl TelephoneNumber {
    /// Longest number that fits. E.164 ends at 15 digits, but French operators put a portability
    /// prefix in front of the number and their calls must still verify.
    pub const MAX_LEN: usize = 24;

    /// Reads a number as a person or a SIP header writes it and brings it into canonical form:
    /// a leading `+` and the separators `-`, `.`, `(`, `)` and space are dropped
    /// (RFC 8224 §8.3 step 1). No country code is added: that needs a dial plan.
    ///
    /// # Errors
    /// [`Error::TnInvalid`] if any other character stands in it, or nothing or more than
    /// [`MAX_LEN`](Self::MAX_LEN) characters are left.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let digits = text.trim_start_matches(' ');
        let digits = digits.strip_prefix('+').unwrap_or(digits);
        Self::collect(digits.bytes().filter(|b| !b"-.() ".contains(b))).ok_or(Error::TnInvalid)
    }

    /// Takes a number that must already be in canonical form, as the `tn` claims of a PASSporT
    /// (RFC 8225 §5.2.1).
    ///
    /// # Errors
    /// [`Error::TnNotCanonical`] if it is not.
    pub fn from_canonical(chars: impl Iterator<Item = char>) -> Result<Self, Error> {
        // A character beyond ASCII becomes 0xFF, which is no tn-char.
        Self::collect(chars.map(|c| u8::try_from(c).unwrap_or(u8::MAX))).ok_or(Error::TnNotCanonical)
    }

    fn collect(tn_chars: impl Iterator<Item = u8>) -> Option<Self> {
        let mut number = Self { bytes: [0; Self::MAX_LEN], len: 0 };
        for byte in tn_chars {
            if !(byte.is_ascii_digit() || byte == b'#' || byte == b'*') {
                return None;
            }
            *number.bytes.get_mut(usize::from(number.len))? = byte;
            number.len += 1;
        }
        (number.len > 0).then_some(number)
    }

    /// The number in clear. Mask it before it reaches a log: [`masked`](Self::masked).
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.bytes.get(..usize::from(self.len)).and_then(|b| core::str::from_utf8(b).ok()).unwrap_or_default()
    }

    /// A form for logs: every character but the last two as `x`.
    #[must_use]
    pub fn masked(&self) -> impl fmt::Display + '_ {
        Masked(self)
    }
}

struct Masked<'a>(&'a TelephoneNumber);

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.as_str();
        let hidden = text.len().saturating_sub(2);
        for (i, c) in text.chars().enumerate() {
            fmt::Write::write_char(f, if i < hidden { 'x' } else { c })?;
        }
        Ok(())
    }
}

impl fmt::Debug for TelephoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TelephoneNumber({})", self.masked())
    }
}

impl core::str::FromStr for TelephoneNumber {
    type Err = Error;

    /// The same as [`parse`](Self::parse).
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_and_plus_are_dropped() {
        for (text, canonical) in [
            ("+1-215-555-0121", "12155550121"),
            ("+1 (215) 555.0121", "12155550121"),
            ("12155550121", "12155550121"),
            ("*67#", "*67#"),
            ("911", "911"),
        ] {
            assert_eq!(TelephoneNumber::parse(text).unwrap().as_str(), canonical);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "+",
            "()",
            "alice",
            "1215555O121",
            "12155550121;ext=1",
            "1+2",
            "++1",
            "１２",
            "1\u{0}2",
            "1\n2",
        ] {
            assert_eq!(TelephoneNumber::parse(text), Err(Error::TnInvalid), "{text:?}");
        }
        assert!(TelephoneNumber::parse(&"1".repeat(24)).is_ok());
        assert!(TelephoneNumber::parse(&"1".repeat(25)).is_err());
    }

    #[test]
    fn claims_must_be_canonical_already() {
        assert!(TelephoneNumber::from_canonical("12155550121".chars()).is_ok());
        for text in ["+12155550121", "1 2", "", "١٢", "12155550121\u{0}"] {
            assert_eq!(TelephoneNumber::from_canonical(text.chars()), Err(Error::TnNotCanonical), "{text:?}");
        }
    }

    #[test]
    fn debug_output_is_masked() {
        let number = TelephoneNumber::parse("12155550121").unwrap();
        assert_eq!(format!("{number:?}"), "TelephoneNumber(xxxxxxxxx21)");
    }
}
