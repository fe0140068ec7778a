//! The bytes of a sealed segment, for the Parquet reader.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// The bytes of a file. No read reaches beyond them, so what a file says of its own lengths cannot
/// make anybody take more memory than it has bytes.
#[derive(Debug)]
pub(super) enum Source {
    File { file: File, len_bytes: u64 },
    Memory(Bytes),
}

impl Length for Source {
    fn len(&self) -> u64 {
        match self {
            Self::File { len_bytes, .. } => *len_bytes,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }
}

impl ChunkReader for Source {
    type T = io::Cursor<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        // Asked for where a page begins, to read its header.
        let rest = self.len().saturating_sub(start);
        let len = usize::try_from(rest).unwrap_or(usize::MAX).min(MAX_PAGE_HEADER_LEN);
        Ok(io::Cursor::new(self.get_bytes(start, len)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.checked_add(length as u64).filter(|end| *end <= self.len());
        let Some(end) = end else {
            return Err(ParquetError::EOF("a part of it lies behind its end".into()));
        };
        match self {
            Self::File { file, .. } => {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, start)?;
                Ok(bytes.into())
            }
            // Lossless: the bytes are in memory.
            Self::Memory(bytes) => Ok(bytes.slice(start as usize..end as usize)),
        }
    }
}

/// The header of a page: some numbers.
const MAX_PAGE_HEADER_LEN: usize = 4 * 1024;
