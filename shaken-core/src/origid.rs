//! Tracing values: a random UUID for each call (RFC 8588 §5 and §10, RFC 9562 §5.4).

use core::fmt;

use arrayvec::ArrayString;

use crate::{Error, es256};

/// Length of a UUID as text.
const LEN: usize = 36;

/// A fresh UUID of version 4, in lower-case hex with hyphens, for the `origid` of a call. It says
/// nothing about the caller (RFC 8588 §10).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OrigId(ArrayString<LEN>);

impl OrigId {
    /// A new one. Allocates nothing.
    ///
    /// # Errors
    /// [`Error::SigningFailed`] if the system has no randomness.
    pub fn random() -> Result<Self, Error> {
        Ok(Self::of_random(es256::random_bytes()?))
    }

    /// One of random bytes that are at hand, for those who make many: of them 122 bits are taken. Who gives
    /// the same bytes twice has one name for two calls.
    #[must_use]
    pub fn of_random(random: [u8; 16]) -> Self {
        const HEX: [char; 16] =
            ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

        let random = u128::from_be_bytes(random);
        // Version 4, variant 10.
        let bits = random & !(0xf << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62;
        let mut text = ArrayString::new();
        for (at, byte) in bits.to_be_bytes().into_iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            for digit in [byte >> 4, byte & 0xf] {
                text.push(HEX.get(usize::from(digit)).copied().unwrap_or('0'));
            }
        }
        Self(text)
    }

    /// The 36 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrigId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for OrigId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrigId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_uuid_of_version_4_and_new_each_time() {
        let ids: Vec<OrigId> = (0..64).map(|_| OrigId::random().unwrap()).collect();
        for (at, id) in ids.iter().enumerate() {
            assert!(!ids[..at].contains(id));
            let text = id.as_str();
            let groups: Vec<usize> = text.split('-').map(str::len).collect();
            assert_eq!(groups, [8, 4, 4, 4, 12], "{text}");
            assert_eq!(text.as_bytes()[14], b'4');
            assert!(b"89ab".contains(&text.as_bytes()[19]), "{text}");
            assert!(text.bytes().all(|b| matches!(b, b'-' | b'0'..=b'9' | b'a'..=b'f')), "{text}");
        }
        // Every other bit takes both values.
        let any = |bit: usize, value: bool| {
            ids.iter().any(|id| {
                let hex = id.as_str().replace('-', "");
                (u128::from_str_radix(&hex, 16).unwrap() >> bit & 1 == 1) == value
            })
        };
        for bit in (0..128).filter(|bit| !(76..80).contains(bit) && !(62..64).contains(bit)) {
            assert!(any(bit, true) && any(bit, false), "bit {bit}");
        }
    }
}
