//! Canonical base64url without padding (RFC 7515 §2, RFC 4648 §5).
//!
//! Strict both ways: no padding, no white space, no `+` or `/`, and the unused bits of the last
//! character are zero. Otherwise one signature would have several spellings, and whoever
//! compares tokens could be fooled.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Error;

/// Decodes `text` into the front of `out` and answers the decoded bytes.
///
/// # Errors
/// [`Error::Base64Invalid`] if `text` is not canonical base64url; [`Error::TokenTooLarge`] if the
/// result does not fit into `out`.
pub fn decode<'o>(text: &[u8], out: &'o mut [u8]) -> Result<&'o [u8], Error> {
    let decoded_len = text.len() / 4 * 3 + (text.len() % 4).saturating_sub(1);
    let out = out.get_mut(..decoded_len).ok_or(Error::TokenTooLarge { len_bytes: text.len() })?;
    match URL_SAFE_NO_PAD.decode_slice(text, out) {
        Ok(written) if written == decoded_len => Ok(out),
        _ => Err(Error::Base64Invalid),
    }
}

/// Encodes `bytes` into `out`, which must have exactly the encoded length.
pub(crate) fn encode(bytes: &[u8], out: &mut [u8]) {
    let written = URL_SAFE_NO_PAD.encode_slice(bytes, out);
    debug_assert_eq!(written.ok(), Some((bytes.len() * 4).div_ceil(3)));
}

/// Whether `byte` stands in the base64url alphabet.
#[must_use]
pub(crate) const fn is_alphabet(byte: u8) -> bool {
    // Without branches, so that `scan` looks at many bytes at once.
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let digit = byte.wrapping_sub(b'0') < 10;
    letter | digit | (byte == b'-') | (byte == b'_')
}
