//! The one spelling of a JSON value that can be signed, hashed and compared: deterministic JSON
//! (RFC 8225 §9, after RFC 7638 §3).
//!
//! No white space; members in the order of the code points of their names, at every level;
//! elements in their order; the shortest escapes; numbers as plain decimals. No heap and no more
//! work than the value's length times its depth.

use arrayvec::ArrayVec;

use super::{MAX_MEMBERS, Raw, Text};
use crate::Error;
use crate::write::Sink;

/// Most zeros that stand for an exponent.
const MAX_ZEROS: usize = 64;

/// Writes `value` to `sink`.
///
/// RFC 8225 §9 wants whole numbers without fraction and exponent. A number that is not whole, as a
/// jCard may have, is written as the shortest decimal of the same value, without exponent.
///
/// # Errors
/// [`Error::NumberNotCanonical`] for a number that takes more than 64 zeros without its exponent.
/// What was written until then is of no use.
pub fn write(value: Raw<'_>, sink: &mut (impl Sink + ?Sized)) -> Result<(), Error> {
    if let Some(members) = value.members() {
        let mut sorted = ArrayVec::<(Text<'_>, Raw<'_>), MAX_MEMBERS>::new();
        for member in members {
            sorted.try_push(member).map_err(|_| Error::JsonTooManyMembers { offset: 0 })?;
        }
        sorted.sort_unstable_by_key(|(name, _)| *name);
        sink.push(b"{");
        for (i, (name, value)) in sorted.iter().enumerate() {
            separate(sink, i);
            name.write(sink);
            sink.push(b":");
            write(*value, sink)?;
        }
        sink.push(b"}");
    } else if let Some(elements) = value.elements() {
        sink.push(b"[");
        for (i, element) in elements.enumerate() {
            separate(sink, i);
            write(element, sink)?;
        }
        sink.push(b"]");
    } else if let Some(text) = value.string() {
        text.write(sink);
    } else if value.as_str().starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        write_number(value.as_str(), sink)?;
    } else {
        sink.push(value.as_str().as_bytes());
    }
    Ok(())
}

/// Whether `bytes` are a JSON text that is written in the deterministic form already.
///
/// # Errors
/// As [`Raw::parse`].
pub fn is_canonical(bytes: &[u8]) -> Result<bool, Error> {
    let value = Raw::parse(bytes)?;
    let mut same = SameAs::new(bytes);
    Ok(write(value, &mut same).is_ok() && same.matched())
}

/// Compares what is written with bytes that are expected.
#[derive(Debug)]
pub(crate) struct SameAs<'e> {
    rest: Option<&'e [u8]>,
}

impl<'e> SameAs<'e> {
    pub(crate) fn new(expected: &'e [u8]) -> Self {
        Self { rest: Some(expected) }
    }

    /// Whether exactly the expected bytes were written.
    pub(crate) fn matched(&self) -> bool {
        self.rest.is_some_and(<[u8]>::is_empty)
    }
}

impl Sink for SameAs<'_> {
    fn push(&mut self, bytes: &[u8]) {
        self.rest = self.rest.and_then(|rest| rest.strip_prefix(bytes));
    }
}

fn separate(sink: &mut (impl Sink + ?Sized), i: usize) {
    if i > 0 {
        sink.push(b",");
    }
}

/// `[ minus ] int [ frac ] [ exp ]` (RFC 8259 §6) as a decimal of the same value.
fn write_number(text: &str, sink: &mut (impl Sink + ?Sized)) -> Result<(), Error> {
    let (unsigned, is_negative) = text.strip_prefix('-').map_or((text, false), |rest| (rest, true));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (int, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let significant = || int.bytes().chain(fraction.bytes());
    let leading_zeros = significant().take_while(|digit| *digit == b'0').count();
    let len = int.len() + fraction.len();
    if leading_zeros == len {
        sink.push(b"0");
        return Ok(());
    }
    let trailing_zeros =
        fraction.bytes().rev().chain(int.bytes().rev()).take_while(|digit| *digit == b'0').count();
    let digits = || significant().take(len - trailing_zeros).skip(leading_zeros);
    let digit_count = len - trailing_zeros - leading_zeros;
    // The value is 0.digits times ten to the power of `point`.
    let point = exponent
        .parse::<i64>()
        .ok()
        .and_then(|exponent| exponent.checked_add_unsigned(u64::try_from(int.len()).ok()?))
        .and_then(|point| point.checked_sub_unsigned(u64::try_from(leading_zeros).ok()?))
        .ok_or(Error::NumberNotCanonical)?;
    let zeros = |count: usize| -> Result<&[u8], Error> {
        const { &[b'0'; MAX_ZEROS] }.get(..count).ok_or(Error::NumberNotCanonical)
    };

    let distance = usize::try_from(point.unsigned_abs()).map_err(|_| Error::NumberNotCanonical)?;
    if is_negative {
        sink.push(b"-");
    }
    if point <= 0 {
        sink.push(b"0.");
        sink.push(zeros(distance)?);
        digits().for_each(|digit| sink.push(&[digit]));
    } else if let Some(more) = distance.checked_sub(digit_count) {
        // Zeros that stand in the text as digits are no exponent.
        let written = int.len().saturating_sub(leading_zeros + digit_count).min(more);
        digits().for_each(|digit| sink.push(&[digit]));
        (0..written).for_each(|_| sink.push(b"0"));
        sink.push(zeros(more - written)?);
    } else {
        digits().take(distance).for_each(|digit| sink.push(&[digit]));
        sink.push(b".");
        digits().skip(distance).for_each(|digit| sink.push(&[digit]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::Out;

    fn canonical(text: &str) -> Result<String, Error> {
        let mut buffer = [0; 512];
        let mut out = Out::new(&mut buffer);
        write(Raw::parse(text.as_bytes())?, &mut out)?;
        out.finish().map(str::to_owned)
    }

    #[test]
    fn members_are_sorted_at_every_level_and_elements_are_not() {
        let text =
            " { \"b\" : [ 3 , { \"z\" : null , \"y\" : true } , 1 ] , \"a\" : \"\\u00e9\\/\" , \"\" : {} } ";
        let expected = "{\"\":{},\"a\":\"é/\",\"b\":[3,{\"y\":true,\"z\":null},1]}";
        assert_eq!(canonical(text).as_deref(), Ok(expected));
        assert_eq!(is_canonical(expected.as_bytes()), Ok(true));
        for other in [text, "{\"b\":1,\"a\":1}", "[1.0]", "[1] ", "\"\\u0061\""] {
            assert_eq!(is_canonical(other.as_bytes()), Ok(false), "{other}");
        }
        assert_eq!(is_canonical(b"{} {}"), Err(Error::JsonSyntax { offset: 3 }));
    }

    #[test]
    fn numbers_are_plain_decimals() {
        for (text, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.00e7", "0"),
            ("1443208345", "1443208345"),
            ("-12", "-12"),
            ("100", "100"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("1.0", "1"),
            ("100.0", "100"),
            ("1.50", "1.5"),
            ("-0.5", "-0.5"),
            ("0.0050", "0.005"),
            ("1e3", "1000"),
            ("1E+3", "1000"),
            ("120e1", "1200"),
            ("1.5e3", "1500"),
            ("1.5e1", "15"),
            ("12.345e1", "123.45"),
            ("12e-1", "1.2"),
            ("12e-2", "0.12"),
            ("12e-4", "0.0012"),
            ("100e-2", "1"),
            ("0.0001e2", "0.01"),
            ("0e999999999999999999999", "0"),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(expected), "{text}");
            assert_eq!(canonical(expected).as_deref(), Ok(expected), "{text}");
        }
        let long = format!("1{}", "0".repeat(100));
        assert_eq!(canonical(&long).as_deref(), Ok(long.as_str()));
        assert_eq!(canonical("1e64").unwrap().len(), 65);
        for text in ["1e65", "1e999999999", "1e-999999999999999999999", "1e9223372036854775807", "1e-66"] {
            assert_eq!(canonical(text), Err(Error::NumberNotCanonical), "{text}");
        }
    }
}
