//! Writing into a caller's buffer without allocation.

use crate::Error;

/// Where written bytes go: a caller's buffer, a digest, a comparison.
pub trait Sink {
    /// Takes the next bytes.
    fn push(&mut self, bytes: &[u8]);
}

/// Appends to a caller's buffer and counts what does not fit, so that the error can say how much
/// is needed.
#[derive(Debug)]
pub struct Out<'b> {
    buffer: &'b mut [u8],
    len: usize,
}

impl<'b> Out<'b> {
    /// Starts at the front of `buffer`.
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    /// Appends `bytes`.
    pub fn push(&mut self, bytes: &[u8]) {
        if let Some(room) = self.room(bytes.len()) {
            room.copy_from_slice(bytes);
        }
    }

    /// Appends a decimal number.
    pub fn push_decimal(&mut self, mut value: u64) {
        let mut digits = [b'0'; 20];
        let mut used = 0;
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(value % 10).unwrap_or(0);
            value /= 10;
            used += 1;
            if value == 0 {
                break;
            }
        }
        self.push(digits.get(digits.len() - used..).unwrap_or_default());
    }

    /// Appends `bytes` as base64url without padding (RFC 7515 §2).
    pub fn push_base64url(&mut self, bytes: &[u8]) {
        let encoded_len = (bytes.len() * 4).div_ceil(3);
        if let Some(room) = self.room(encoded_len) {
            crate::base64url::encode(bytes, room);
        }
    }

    /// What was written so far, as far as it fits.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }

    /// How many bytes were written, with those that did not fit.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether something did not fit.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.len > self.buffer.len()
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] with the length that was needed.
    pub fn finish(self) -> Result<&'b str, Error> {
        let needed_bytes = self.len;
        let written: &'b [u8] = self.buffer;
        written
            .get(..needed_bytes)
            // Only whole strings and ASCII are ever pushed.
            .and_then(|bytes| core::str::from_utf8(bytes).ok())
            .ok_or(Error::BufferTooSmall { needed_bytes })
    }

    fn room(&mut self, len: usize) -> Option<&mut [u8]> {
        let start = self.len;
        self.len = self.len.saturating_add(len);
        self.buffer.get_mut(start..self.len)
    }
}

impl Sink for Out<'_> {
    fn push(&mut self, bytes: &[u8]) {
        Out::push(self, bytes);
    }
}

impl Sink for Vec<u8> {
    fn push(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overflow_tells_the_length_that_was_needed() {
        let mut buffer = [0; 4];
        let mut out = Out::new(&mut buffer);
        out.push(b"abc");
        out.push(b"defg");
        out.push(b"h");
        assert_eq!(out.finish(), Err(Error::BufferTooSmall { needed_bytes: 8 }));
    }

    #[test]
    fn decimals() {
        for value in [0, 7, 10, 1_780_272_000, u64::MAX] {
            let mut buffer = [0; 20];
            let mut out = Out::new(&mut buffer);
            out.push_decimal(value);
            assert_eq!(out.finish().unwrap(), value.to_string());
        }
    }
}
