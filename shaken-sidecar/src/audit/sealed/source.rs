//! The bytes of a sealed segment, for the Parquet reader.

use std::io;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::audit::disk::{DiskFile, uninterrupted};

/// The bytes of a file. No read reaches beyond them, so what a file says of its own lengths cannot
/// make anybody take more memory than it has bytes.
pub(super) struct Source {
    file: Box<dyn DiskFile>,
    len_bytes: u64,
}

impl Source {
    pub(super) fn new(file: impl DiskFile) -> io::Result<Self> {
        let len_bytes = file.len_bytes()?;
        Ok(Self { file: Box::new(file), len_bytes })
    }

    /// Reads exactly these bytes, which the file has.
    pub(super) fn read(&self, start: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut read = 0;
        while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match uninterrupted(|| self.file.read_at(rest, start + read as u64))? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                some => read += some,
            }
        }
        Ok(())
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.len_bytes
    }
}

impl ChunkReader for Source {
    type T = io::Cursor<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        // Asked for where a page begins, to read its header.
        let rest = self.len_bytes.saturating_sub(start);
        let len = usize::try_from(rest).unwrap_or(usize::MAX).min(MAX_PAGE_HEADER_LEN);
        Ok(io::Cursor::new(self.get_bytes(start, len)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.len_bytes) {
            return Err(ParquetError::EOF("a part of it lies behind its end".into()));
        }
        let mut bytes = vec![0; length];
        self.read(start, &mut bytes)?;
        Ok(bytes.into())
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("len_bytes", &self.len_bytes).finish_non_exhaustive()
    }
}

/// The header of a page: some numbers.
const MAX_PAGE_HEADER_LEN: usize = 4 * 1024;
