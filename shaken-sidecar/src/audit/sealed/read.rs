//! Reads the Parquet file of a segment: all lines, or those that are wanted.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::bloom_filter::Sbbf;
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::page_index::index_reader::decode_offset_index;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::{ChunkReader as _, Length as _, SerializedPageReader};
use ring::digest::{Context, SHA256};
use rustix::fs::{Mode, OFlags};

use super::columns::Column;
use super::source::Source;
use super::{Found, GROUP_RECORDS, SCHEMA, SealedError, Wanted, first_of, guarded};
use crate::audit::disk::DiskFile;
use crate::audit::line::place_of;
use crate::audit::{AuditError, Line, io_error};

/// A sealed segment. Its footer is in memory; all else is read as it is needed.
#[derive(Clone, Debug)]
pub struct Sealed {
    path: PathBuf,
    first_index: u64,
    source: Arc<Source>,
    footer: Arc<ParquetMetaData>,
    /// Index of the first record of each row group, and of the one behind the last.
    starts: Arc<[u64]>,
}

impl Sealed {
    /// Opens the file at `path`, whose name says its first index. Reads the footer only.
    ///
    /// # Errors
    /// [`AuditError::Io`] when it cannot be opened or read; [`SealedError::Damaged`] and
    /// [`SealedError::Columns`] when it is no sealed segment.
    pub fn open(path: &Path) -> Result<Self, AuditError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, Mode::empty());
        let file = File::from(file.map_err(|errno| io_error("open", path)(errno.into()))?);
        Self::over(file, path)
    }

    /// The same, of a file that is open. `path` says its first index.
    pub(in crate::audit) fn over(file: impl DiskFile, path: &Path) -> Result<Self, AuditError> {
        let source = Arc::new(Source::new(file).map_err(io_error("read", path))?);
        let columns = || SealedError::Columns { path: path.to_owned() };
        let name = path.file_name().and_then(|name| name.to_str());
        let first_index = name.and_then(first_of).ok_or_else(columns)?;
        let footer = guarded(path, || {
            // Filters and statistics are believed by no more than a search, which checks what it finds.
            ParquetMetaDataReader::new()
                .with_page_index_policy(PageIndexPolicy::Skip)
                .parse_and_finish(&*source)
        })?;
        if footer.file_metadata().schema() != &**SCHEMA {
            return Err(columns().into());
        }
        let mut starts = vec![first_index];
        for group in footer.row_groups() {
            // More than any of ours has: reading them could take any amount of memory.
            let rows = u64::try_from(group.num_rows()).ok().filter(|rows| *rows <= GROUP_RECORDS as u64);
            let end = rows.and_then(|rows| starts.last()?.checked_add(rows)).ok_or_else(columns)?;
            starts.push(end);
        }
        Ok(Self { path: path.to_owned(), first_index, source, footer: footer.into(), starts: starts.into() })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Index of the first record.
    #[must_use]
    pub const fn first_index(&self) -> u64 {
        self.first_index
    }

    /// Index of the record behind the last.
    #[must_use]
    pub fn end_index(&self) -> u64 {
        self.starts.last().copied().unwrap_or(self.first_index)
    }

    /// All lines.
    #[must_use]
    pub fn lines(&self) -> SealedLines {
        self.lines_from(self.first_index)
    }

    /// The lines from record `index` on, or all if that is before the first. Each is found whole and in
    /// its place, or is [`SealedError::Line`], behind which nothing comes.
    #[must_use]
    pub fn lines_from(&self, index: u64) -> SealedLines {
        SealedLines { file: self.clone(), next: index.max(self.first_index), open: None, ready: Vec::new() }
    }

    /// The lines that meet all conditions, in order. Row groups are read as they are asked for. Each
    /// line is found whole and to meet them itself: what filters and columns say can at most hide one.
    #[must_use]
    pub fn find<'a>(&self, wanted: &'a Wanted) -> Found<'a> {
        Found::new(self.clone(), wanted)
    }

    pub(super) fn groups(&self) -> usize {
        self.footer.num_row_groups()
    }

    pub(super) fn footer(&self) -> &ParquetMetaData {
        &self.footer
    }

    pub(super) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Length of the file.
    pub(in crate::audit) fn len_bytes(&self) -> u64 {
        self.source.len()
    }

    /// The latest time of its records, by the column.
    ///
    /// # Errors
    /// [`SealedError::Damaged`].
    pub(in crate::audit) fn last_unix_ms(&self) -> Result<Option<i64>, SealedError> {
        let mut last = None;
        for group in 0..self.groups() {
            let times = guarded(&self.path, || self.integers(group, Column::UnixMs))?;
            last = last.max(times.into_iter().flatten().max());
        }
        Ok(last)
    }

    /// SHA-256 of the file, and its length.
    ///
    /// # Errors
    /// [`AuditError::Io`].
    pub(in crate::audit) fn digest(&self) -> Result<([u8; 32], u64), AuditError> {
        let mut context = Context::new(&SHA256);
        let len_bytes = self.source.len();
        let mut at = 0;
        let mut block = vec![0; DIGEST_BLOCK_LEN];
        while at < len_bytes {
            let len = block.len().min(usize::try_from(len_bytes - at).unwrap_or(usize::MAX));
            self.source.read(at, &mut block[..len]).map_err(io_error("read", &self.path))?;
            context.update(&block[..len]);
            at += len as u64;
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        Ok((digest, len_bytes))
    }

    /// The indexes of the records of a row group.
    pub(super) fn records_of(&self, group: usize) -> Range<u64> {
        let at = |at: usize| self.starts.get(at).copied().unwrap_or_else(|| self.end_index());
        at(group)..at(group + 1)
    }

    pub(super) fn chunk(&self, group: usize, column: Column) -> &ColumnChunkMetaData {
        // The schema is ours, and the parser has as many chunks in each group.
        self.footer.row_group(group).column(column.leaf())
    }

    /// Reads values of a column from the first record of a row group on; by its offset index, if pages
    /// are to be skipped.
    pub(super) fn reader<T: DataType>(
        &self,
        group: usize,
        column: Column,
        pages: Option<Vec<PageLocation>>,
    ) -> Result<ColumnReaderImpl<T>, ParquetError> {
        let chunk = self.chunk(group, column);
        if chunk.column_type() != T::get_physical_type() {
            return Err(ParquetError::General("a column has another type than the schema says".into()));
        }
        let records = self.records_of(group);
        let rows = usize::try_from(records.end - records.start)?;
        let source = Arc::clone(&self.source);
        let reader = SerializedPageReader::new(source, chunk, rows, pages)?;
        Ok(ColumnReaderImpl::new(chunk.column_descr_ptr(), Box::new(reader)))
    }

    /// Where the pages of a column are.
    pub(super) fn pages(&self, group: usize, column: Column) -> Result<Vec<PageLocation>, ParquetError> {
        let chunk = self.chunk(group, column);
        let missing = || ParquetError::General("an offset index is missing".into());
        let range = chunk.offset_index_range().ok_or_else(missing)?;
        let len = usize::try_from(range.end.saturating_sub(range.start))?;
        let index = decode_offset_index(&self.source.get_bytes(range.start, len)?)?;
        Ok(index.page_locations().clone())
    }

    /// The values of a nullable column of numbers.
    pub(super) fn integers(&self, group: usize, column: Column) -> Result<Vec<Option<i64>>, ParquetError> {
        let Leveled { values, present, .. } = self.values::<Int64Type>(group, column)?;
        spread(values, present, self.len_of(group)?, column == Column::Index)
    }

    /// The values of a nullable column of text.
    pub(super) fn texts(&self, group: usize, column: Column) -> Result<Vec<Option<ByteArray>>, ParquetError> {
        let Leveled { values, present, .. } = self.values::<ByteArrayType>(group, column)?;
        spread(values, present, self.len_of(group)?, column == Column::Line)
    }

    /// The values of the column of lists: each with its place in the row group, in order.
    pub(super) fn elements(&self, group: usize) -> Result<Vec<(usize, ByteArray)>, ParquetError> {
        let Leveled { values, present, repeats } = self.values::<ByteArrayType>(group, Column::Dest)?;
        let broken = || ParquetError::General("the levels of a list contradict its values".into());
        if present.len() != repeats.len() {
            return Err(broken());
        }
        let (mut elements, mut values) = (Vec::with_capacity(values.len()), values.into_iter());
        let mut rows = 0_usize;
        for (present, repeats) in present.into_iter().zip(repeats) {
            rows += usize::from(repeats == 0);
            if present == LIST_PRESENT {
                let row = rows.checked_sub(1).ok_or_else(broken)?;
                elements.push((row, values.next().ok_or_else(broken)?));
            }
        }
        if rows == self.len_of(group)? && values.next().is_none() { Ok(elements) } else { Err(broken()) }
    }

    pub(super) fn len_of(&self, group: usize) -> Result<usize, ParquetError> {
        let records = self.records_of(group);
        Ok(usize::try_from(records.end - records.start)?)
    }

    /// All values of a column of a row group, and their levels.
    fn values<T: DataType>(&self, group: usize, column: Column) -> Result<Leveled<T::T>, ParquetError> {
        let mut reader = self.reader::<T>(group, column, None)?;
        let (mut values, mut present, mut repeats) = (Vec::new(), Vec::new(), Vec::new());
        let wanted = self.len_of(group)?;
        let mut records = 0;
        while records < wanted {
            let most = wanted - records;
            match reader.read_records(most, Some(&mut present), Some(&mut repeats), &mut values)? {
                (0, _, _) => return Err(ParquetError::General("a column is too short".into())),
                (read, _, _) => records += read,
            }
        }
        Ok(Leveled { values, present, repeats })
    }

    pub(super) fn filter(&self, group: usize, column: Column) -> Result<Option<Sbbf>, ParquetError> {
        Sbbf::read_from_column_chunk(self.chunk(group, column), &*self.source)
    }

    /// A line that is whole and the one of this index.
    pub(super) fn line(&self, index: u64, bytes: &ByteArray) -> Result<Line, SealedError> {
        match place_of(bytes.data()) {
            Some(place) if place.index == index => Ok(Line { index, bytes: bytes.data().to_vec() }),
            _ => Err(SealedError::Line { path: self.path.clone(), index }),
        }
    }
}

/// The lines of a sealed segment: what [`Sealed::lines`] gives.
pub struct SealedLines {
    file: Sealed,
    next: u64,
    open: Option<(usize, ColumnReaderImpl<ByteArrayType>)>,
    /// Read and not given yet, the next one last.
    ready: Vec<ByteArray>,
}

impl SealedLines {
    fn next_line(&mut self) -> Result<Option<Line>, AuditError> {
        if self.ready.is_empty() && !self.read_some()? {
            return Ok(None);
        }
        let Some(bytes) = self.ready.pop() else { return Ok(None) };
        let line = self.file.line(self.next, &bytes)?;
        self.next += 1;
        Ok(Some(line))
    }

    /// Reads some more of the group that the next record is in.
    fn read_some(&mut self) -> Result<bool, SealedError> {
        let Self { file, next, open, ready } = self;
        let Some(group) = (0..file.groups()).find(|&group| file.records_of(group).contains(next)) else {
            return Ok(false);
        };
        let records = file.records_of(group);
        guarded(&file.path, || {
            let mut reader = match open.take() {
                Some((at, reader)) if at == group => reader,
                _ => {
                    let skip = usize::try_from(*next - records.start)?;
                    let pages = if skip > 0 { Some(file.pages(group, Column::Line)?) } else { None };
                    let mut reader = file.reader::<ByteArrayType>(group, Column::Line, pages)?;
                    if reader.skip_records(skip)? != skip {
                        return Err(ParquetError::General("a column is too short".into()));
                    }
                    reader
                }
            };
            let most = usize::try_from(records.end - *next)?.min(LINES_AT_ONCE);
            let (read, _, _) = reader.read_records(most, None, None, ready)?;
            if read == 0 {
                return Err(ParquetError::General("a column is too short".into()));
            }
            ready.reverse();
            *open = Some((group, reader));
            Ok(true)
        })
    }
}

impl Iterator for SealedLines {
    type Item = Result<Line, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        let outcome = self.next_line();
        if outcome.is_err() {
            self.next = u64::MAX;
            self.ready.clear();
        }
        outcome.transpose()
    }
}

impl std::fmt::Debug for SealedLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedLines").field("path", &self.file.path).field("next", &self.next).finish()
    }
}

/// The values of a column that are not null, and for each record or element how it is there.
struct Leveled<T> {
    values: Vec<T>,
    present: Vec<i16>,
    repeats: Vec<i16>,
}

/// Puts nulls between values.
fn spread<T>(
    values: Vec<T>,
    present: Vec<i16>,
    rows: usize,
    is_required: bool,
) -> Result<Vec<Option<T>>, ParquetError> {
    let broken = || ParquetError::General("the levels of a column contradict its values".into());
    if is_required {
        return if values.len() == rows { Ok(values.into_iter().map(Some).collect()) } else { Err(broken()) };
    }
    let mut values = values.into_iter();
    let mut spread = Vec::with_capacity(rows);
    for present in present {
        spread.push(if present == 0 { None } else { Some(values.next().ok_or_else(broken)?) });
    }
    if spread.len() == rows && values.next().is_none() { Ok(spread) } else { Err(broken()) }
}

/// How a value of the list is there: the list and the element.
const LIST_PRESENT: i16 = 2;

/// Lines in memory at once, some 800 KB of usual ones.
const LINES_AT_ONCE: usize = 1024;

const DIGEST_BLOCK_LEN: usize = 256 * 1024;
