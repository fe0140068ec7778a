//! The hashes of the tree: SHA-256 with one byte in front that keeps leaves and nodes apart.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256, digest};

/// A Merkle Tree Hash (RFC 6962 §2.1): of one record, or of a run of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TreeHash([u8; HASH_LEN]);

impl TreeHash {
    /// The root of a tree without leaves: the SHA-256 of nothing.
    pub const EMPTY: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
        0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ]);

    /// The leaf of one record, SHA-256(0x00 || line).
    ///
    /// The newline at the end of `line` is not hashed, whether it is there or not: it separates
    /// records and is no part of any, and a line that comes back from another store (a column, a
    /// message) has none. Every other byte counts.
    #[must_use]
    pub fn of_line(line: &[u8]) -> Self {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let mut context = Context::new(&SHA256);
        context.update(&[LEAF]);
        context.update(line);
        Self::from_slice(context.finish().as_ref())
    }

    /// The hash over two neighbouring subtrees, SHA-256(0x01 || left || right).
    #[must_use]
    pub fn of_node(left: Self, right: Self) -> Self {
        let mut bytes = [NODE; 1 + 2 * HASH_LEN];
        bytes[1..=HASH_LEN].copy_from_slice(&left.0);
        bytes[1 + HASH_LEN..].copy_from_slice(&right.0);
        Self::from_slice(digest(&SHA256, &bytes).as_ref())
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HASH_LEN] {
        &self.0
    }

    /// Reads standard base64 with padding, as checkpoints and proofs have it. Nothing if it is not
    /// that, not canonical, or not 32 bytes.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// Standard base64 with padding, 44 characters.
    #[must_use]
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }

    /// `bytes` must be 32 long.
    pub(super) fn from_slice(bytes: &[u8]) -> Self {
        let mut hash = [0; HASH_LEN];
        hash.copy_from_slice(bytes);
        Self(hash)
    }
}

impl From<[u8; HASH_LEN]> for TreeHash {
    fn from(bytes: [u8; HASH_LEN]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Length of a hash.
pub const HASH_LEN: usize = 32;

/// Without the two prefixes, a record that is 64 bytes of hashes could pass for a node.
const LEAF: u8 = 0;
const NODE: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newline_is_no_part_of_the_record() {
        assert_eq!(TreeHash::of_line(b"{}\n"), TreeHash::of_line(b"{}"));
        assert_ne!(TreeHash::of_line(b"{}\r\n"), TreeHash::of_line(b"{}"));
        assert_ne!(TreeHash::of_line(b"{}\n\n"), TreeHash::of_line(b"{}"));
    }

    #[test]
    fn only_canonical_base64_of_32_bytes_is_a_hash() {
        let text = TreeHash::EMPTY.to_base64();
        assert_eq!(text, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(TreeHash::from_base64(&text), Some(TreeHash::EMPTY));
        for bad in [
            "",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuA==",
        ] {
            assert_eq!(TreeHash::from_base64(bad), None, "{bad}");
        }
    }
}
