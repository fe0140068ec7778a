//! A strict reader of DER elements (X.690 §10): definite lengths in their shortest form,
//! one-byte tags. For the small structures that no library reads for us.

/// Universal tags that we read.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(crate) const ENUMERATED: u8 = 0x0A;
    pub(crate) const UTF8_STRING: u8 = 0x0C;
    pub(crate) const PRINTABLE_STRING: u8 = 0x13;
    pub(crate) const IA5_STRING: u8 = 0x16;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const BMP_STRING: u8 = 0x1E;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// Context-specific, constructed: an EXPLICIT tag of that number, below 31, or an IMPLICIT
    /// one of a constructed type.
    pub(crate) const fn explicit(number: u8) -> u8 {
        0xA0 | number
    }

    /// Context-specific, primitive: an IMPLICIT tag of that number, below 31, of a primitive
    /// type.
    pub(crate) const fn implicit(number: u8) -> u8 {
        0x80 | number
    }
}

/// The byte offset at which an encoding is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) usize);

/// A run of elements, and where it stands in the whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elements<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Elements<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    /// Reads one element that must have `tag`, and answers its contents.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Self, Malformed> {
        if self.rest.first() != Some(&tag) {
            return Err(self.malformed());
        }
        self.next().map(|(_, contents)| contents)
    }

    /// Reads one element of any one-byte tag.
    pub(crate) fn next(&mut self) -> Result<(u8, Self), Malformed> {
        let malformed = self.malformed();
        let [tag, first, rest @ ..] = self.rest else {
            return Err(malformed);
        };
        if tag & 0x1f == 0x1f {
            return Err(malformed);
        }
        let (len, rest) = match *first {
            short @ 0..=0x7f => (usize::from(short), rest),
            // 0x80 is the indefinite length of BER; four length bytes are plenty.
            long @ 0x81..=0x84 => {
                let (len_bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f)).ok_or(malformed)?;
                let len = len_bytes.iter().fold(0_usize, |len, byte| len << 8 | usize::from(*byte));
                let shortest = len >= 0x80 && len_bytes.first() != Some(&0);
                (Some(len).filter(|_| shortest).ok_or(malformed)?, rest)
            }
            _ => return Err(malformed),
        };
        let start = self.offset + (self.rest.len() - rest.len());
        let (contents, rest) = rest.split_at_checked(len).ok_or(malformed)?;
        *self = Self { rest, offset: start + len };
        Ok((*tag, Self { rest: contents, offset: start }))
    }

    /// Reads one element that must have `tag`, and answers all its bytes, header included.
    pub(crate) fn expect_whole(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        let from_here = self.rest;
        self.expect(tag)?;
        Ok(from_here.get(..from_here.len() - self.rest.len()).unwrap_or_default())
    }

    /// Reads one element if it has `tag`, and answers its contents.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Self>, Malformed> {
        if self.rest.first() == Some(&tag) { self.expect(tag).map(Some) } else { Ok(None) }
    }

    /// Reads an INTEGER of any length, and answers its contents: two's complement, big-endian,
    /// in its one shortest form.
    pub(crate) fn integer(&mut self) -> Result<&'a [u8], Malformed> {
        let contents = self.expect(tag::INTEGER)?;
        match contents.bytes() {
            [] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => Err(contents.malformed()),
            bytes => Ok(bytes),
        }
    }

    /// Reads an INTEGER that is not negative. One beyond `u32::MAX` counts as that: nothing that
    /// is counted here gets there.
    pub(crate) fn count(&mut self) -> Result<u32, Malformed> {
        self.expect(tag::INTEGER)?.as_count()
    }

    /// What the contents of such an INTEGER say.
    pub(crate) fn as_count(self) -> Result<u32, Malformed> {
        match self.rest {
            [] | [0x80..=0xff, ..] | [0, 0..=0x7f, ..] => Err(self.malformed()),
            [0, bytes @ ..] | bytes if bytes.len() <= 4 => {
                Ok(bytes.iter().fold(0, |count, byte| count << 8 | u32::from(*byte)))
            }
            _ => Ok(u32::MAX),
        }
    }

    /// What the contents of a BOOLEAN say (X.690 §11.1).
    pub(crate) fn as_boolean(self) -> Result<bool, Malformed> {
        match self.rest {
            [0xff] => Ok(true),
            [0] => Ok(false),
            _ => Err(self.malformed()),
        }
    }

    /// Checks that nothing is left.
    pub(crate) fn finish(self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.malformed()) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn malformed(&self) -> Malformed {
        Malformed(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shortest_definite_length_is_read() {
        let long = [&[0x04, 0x81, 0x80][..], &[0; 0x80]].concat();
        assert_eq!(Elements::new(&long).next().unwrap().1.bytes().len(), 0x80);
        for bad in [
            &[][..],
            &[0x04],
            &[0x04, 0x01],
            &[0x04, 0x80, 0, 0],
            &[0x04, 0x81, 0x01, 0],
            &[0x04, 0x82, 0x00, 0x81],
            &[0x04, 0x85, 0, 0, 0, 0, 1, 0],
            &[0x04, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x1f, 0x21, 0x00],
        ] {
            assert!(Elements::new(bad).next().is_err(), "{bad:02x?}");
        }
    }

    #[test]
    fn offsets_are_those_of_the_whole() {
        let bytes = [0x30, 0x03, 0x04, 0x02, 0x00];
        let mut inner = Elements::new(&bytes).expect(tag::SEQUENCE).unwrap();
        assert_eq!(inner.next().unwrap_err(), Malformed(2));
    }
}
