//! One array of a table: bytes of our own, or bytes of a file.

use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::os::Mapped;

/// Bytes that hold little-endian integers one after the other.
pub(crate) enum Part {
    /// Made in this process.
    Own(Box<[u8]>),
    /// A piece of a file.
    File(Arc<Mapped>, Range<usize>),
}

impl From<Vec<u8>> for Part {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Own(bytes.into())
    }
}

impl Deref for Part {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::File(file, range) => file.get(range.clone()).unwrap_or_default(),
        }
    }
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Part({} bytes)", self.len())
    }
}

/// The `N` bytes of item `index`, if there are so many.
pub(super) fn item<const N: usize>(bytes: &[u8], index: usize) -> Option<&[u8; N]> {
    bytes.get(index.checked_mul(N)?..)?.first_chunk()
}

pub(super) fn u16_at(bytes: &[u8], index: usize) -> Option<u16> {
    item(bytes, index).map(|bytes| u16::from_le_bytes(*bytes))
}

pub(super) fn u32_at(bytes: &[u8], index: usize) -> Option<u32> {
    item(bytes, index).map(|bytes| u32::from_le_bytes(*bytes))
}

pub(super) fn u64_at(bytes: &[u8], index: usize) -> Option<u64> {
    item(bytes, index).map(|bytes| u64::from_le_bytes(*bytes))
}
