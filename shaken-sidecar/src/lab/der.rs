//! The little DER (X.690) that a lab certificate needs beyond what the certificate library writes.

pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0C;
pub(super) const PRINTABLE_STRING: u8 = 0x13;
pub(super) const IA5_STRING: u8 = 0x16;

const INTEGER: u8 = 0x02;

/// `[number]` around whole elements: an explicit tag, or an implicit one over a SEQUENCE.
/// `number` is below 31, which is all that one tag byte holds.
pub(super) const fn context_constructed(number: u8) -> u8 {
    0xA0 | number
}

/// `[number]` in place of the tag of a simple type. `number` is below 31.
pub(super) const fn context_primitive(number: u8) -> u8 {
    0x80 | number
}

/// One element: tag, definite length in the fewest bytes, content.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ ..0x80) => out.push(short),
        _ => {
            let length = significant(content.len().to_be_bytes().as_slice());
            // A usize has at most 8 bytes, so the count cannot reach the reserved 0xFF.
            out.push(0x80 | length.len() as u8);
            out.extend(length);
        }
    }
    out.extend(content);
    out
}

/// An INTEGER that is not negative.
pub(super) fn unsigned_integer(value: u64) -> Vec<u8> {
    let mut content = significant(value.to_be_bytes().as_slice());
    // Without a leading zero a set top bit would say "negative"; zero itself still has one byte.
    if content.first().is_none_or(|first| first & 0x80 != 0) {
        content.insert(0, 0);
    }
    element(INTEGER, &content)
}

fn significant(big_endian: &[u8]) -> Vec<u8> {
    big_endian.iter().copied().skip_while(|byte| *byte == 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_the_fewest_bytes() {
        for (len_bytes, head) in [
            (0, vec![0x30, 0x00]),
            (127, vec![0x30, 0x7F]),
            (128, vec![0x30, 0x81, 0x80]),
            (255, vec![0x30, 0x81, 0xFF]),
            (256, vec![0x30, 0x82, 0x01, 0x00]),
            (65_536, vec![0x30, 0x83, 0x01, 0x00, 0x00]),
        ] {
            let out = element(SEQUENCE, &vec![7; len_bytes]);
            assert!(out.starts_with(&head), "{len_bytes} bytes");
            assert_eq!(out.len(), head.len() + len_bytes);
        }
    }

    #[test]
    fn integers_are_minimal_and_never_negative() {
        for (value, der) in [
            (0, vec![2, 1, 0]),
            (100, vec![2, 1, 0x64]),
            (127, vec![2, 1, 0x7F]),
            (128, vec![2, 2, 0, 0x80]),
            (1000, vec![2, 2, 3, 0xE8]),
            (u64::MAX, vec![2, 9, 0, 255, 255, 255, 255, 255, 255, 255, 255]),
        ] {
            assert_eq!(unsigned_integer(value), der, "{value}");
        }
    }
}
