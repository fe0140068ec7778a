//! PEM bundles (RFC 7468) as certificate repositories serve them.
//!
//! Text before, between and after the blocks is allowed (RFC 7468 §2), a byte order mark and
//! CRLF line ends too. Within a block only base64 and white space may stand.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::Error;

/// One block: its label and its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Block<'a> {
    label: &'a str,
    /// Wiped when dropped, and so is the base64 it came from: it may be a private key.
    der: Zeroizing<Vec<u8>>,
}

impl<'a> Block<'a> {
    /// What stands behind `BEGIN`, such as `CERTIFICATE`.
    #[must_use]
    pub fn label(&self) -> &'a str {
        self.label
    }

    /// The decoded contents.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

impl core::fmt::Debug for Block<'_> {
    /// Shows no contents: the block may be a private key.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Block({}, {} bytes)", self.label, self.der.len())
    }
}

/// The blocks of `text` in order. A block that is cut or damaged is an [`Error::CertPem`] in its
/// place, and reading goes on behind it.
pub fn blocks(text: &[u8]) -> impl Iterator<Item = Result<Block<'_>, Error>> {
    let mut rest = text;
    core::iter::from_fn(move || {
        let (_, after_begin) = split_once(rest, b"-----BEGIN ")?;
        // A block ends where the next one begins at the latest, so that a cut block does not
        // swallow its successor.
        let block_len = find(after_begin, b"-----BEGIN ").unwrap_or(after_begin.len());
        let (block, next) = after_begin.split_at_checked(block_len)?;
        rest = next;
        Some(decode(block))
    })
}

/// `block` starts behind `-----BEGIN `.
fn decode(block: &[u8]) -> Result<Block<'_>, Error> {
    let (label, body) = split_once(block, b"-----").ok_or(Error::CertPem)?;
    let label = core::str::from_utf8(label).map_err(|_| Error::CertPem)?;
    let (body, end) = split_once(body, b"-----END ").ok_or(Error::CertPem)?;
    let (end_label, _) = split_once(end, b"-----").ok_or(Error::CertPem)?;
    if end_label != label.as_bytes() {
        return Err(Error::CertPem);
    }
    let mut base64 = Zeroizing::new(Vec::with_capacity(body.len()));
    base64.extend(body.iter().filter(|b| !b.is_ascii_whitespace()));
    let der = STANDARD.decode(&base64).map_err(|_| Error::CertPem)?;
    Ok(Block { label, der: Zeroizing::new(der) })
}

fn split_once<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = find(text, mark)?;
    Some((text.get(..at)?, text.get(at + mark.len()..)?))
}

fn find(text: &[u8], mark: &[u8]) -> Option<usize> {
    text.windows(mark.len()).position(|window| window == mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Vec<Result<String, Error>> {
        blocks(text.as_bytes()).map(|b| b.map(|b| format!("{}={}", b.label(), b.der().len()))).collect()
    }

    #[test]
    fn text_around_blocks_crlf_and_bom_are_fine() {
        let text = "\u{feff}subject=foo\r\n-----BEGIN CERTIFICATE-----\r\nAAAA\r\nAAAA\r\n-----END CERTIFICATE-----\r\nbar\n-----BEGIN X-----\nAA==\n-----END X-----";
        assert_eq!(labels(text), [Ok("CERTIFICATE=6".into()), Ok("X=1".into())]);
    }

    #[test]
    fn a_damaged_block_is_one_error_in_its_place() {
        let good = "-----BEGIN A-----\nAAAA\n-----END A-----\n";
        for bad in [
            "-----BEGIN A-----\nAAAA\n",
            "-----BEGIN A-----\nA*AA\n-----END A-----\n",
            "-----BEGIN A-----\nAAA\n-----END A-----\n",
            "-----BEGIN A-----\nAAAA\n-----END B-----\n",
            "-----BEGIN A",
        ] {
            let text = format!("{good}{bad}{good}");
            assert_eq!(labels(&text), [Ok("A=3".into()), Err(Error::CertPem), Ok("A=3".into())], "{bad}");
        }
        assert!(labels("<!doctype html>").is_empty());
    }
}
