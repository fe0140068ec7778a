//! Whether columns, filters and indexes of a sealed segment say what its lines say. A search believes
//! them when they say no, so one that was edited hides a record although all lines are as they were.

use parquet::column::page::{Page, PageReader as _};
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::index_reader::decode_column_index;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::{ChunkReader as _, SerializedPageReader};
use parquet::file::statistics::Statistics;

use super::columns::{self, Column, Row};
use super::{Sealed, SealedError, guarded};
use crate::audit::{AuditError, Line};

/// What stands in a column of a row group: the place of each value that is not null, in order.
type Values<'a> = Vec<(usize, Value<'a>)>;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Value<'a> {
    Index(u64),
    Time(i64),
    Text(&'a [u8]),
}

impl Sealed {
    /// Reads all of it: each line is whole and in its place, each column says what [`columns::of`] makes
    /// of the line, no filter, statistics or page index hides a value, and pages are where the offset
    /// index says. `each` is shown the lines in order.
    ///
    /// # Errors
    /// The first thing that is wrong, as [`SealedError`]; [`AuditError::Io`]; those of `each`.
    pub(in crate::audit) fn check(
        &self,
        mut each: impl FnMut(&Line) -> Result<(), AuditError>,
    ) -> Result<(), AuditError> {
        let rows = i64::try_from(self.end_index() - self.first_index()).ok();
        if Some(self.footer().file_metadata().num_rows()) != rows {
            return Err(SealedError::Columns { path: self.path().to_owned() }.into());
        }
        for group in 0..self.groups() {
            let lines = self.check_group(group)?;
            lines.iter().try_for_each(&mut each)?;
        }
        Ok(())
    }

    fn check_group(&self, group: usize) -> Result<Vec<Line>, AuditError> {
        let path = self.path();
        let bytes = guarded(path, || self.texts(group, Column::Line))?;
        let mut lines = Vec::with_capacity(bytes.len());
        for (index, bytes) in self.records_of(group).zip(&bytes) {
            let no_line = || SealedError::Line { path: path.to_owned(), index };
            lines.push(self.line(index, bytes.as_ref().ok_or_else(no_line)?)?);
        }
        drop(bytes);
        let rows: Vec<Row<'_>> = lines.iter().filter_map(|line| columns::of(&line.bytes)).collect();
        for column in Column::ALL {
            let expected = expected(column, &rows, &lines);
            // The lines are what the others are compared with.
            if column != Column::Line {
                self.check_values(group, column, &expected)?;
            }
            self.check_filter(group, column, &expected)?;
            self.check_statistics(group, column, &expected)?;
            self.check_pages(group, column, &expected)?;
        }
        drop(rows);
        Ok(lines)
    }

    fn check_values(&self, group: usize, column: Column, expected: &Values<'_>) -> Result<(), SealedError> {
        let differs = |place: usize| SealedError::Column {
            path: self.path().to_owned(),
            index: self.records_of(group).start + place as u64,
            column,
        };
        let compare = |found: Values<'_>| {
            let same = found.iter().zip(expected).take_while(|(found, expected)| found == expected).count();
            match (found.get(same), expected.get(same)) {
                (None, None) => Ok(()),
                (found, expected) => {
                    let places = [found, expected].into_iter().flatten().map(|(place, _)| *place);
                    Err(differs(places.min().unwrap_or(0)))
                }
            }
        };
        match column {
            Column::Index | Column::UnixMs => {
                let found = guarded(self.path(), || self.integers(group, column))?;
                let value = |value: i64| match column {
                    Column::Index => Value::Index(value.cast_unsigned()),
                    _ => Value::Time(value),
                };
                compare(numbered(&found, |found| value(*found)))
            }
            Column::Dest => {
                let found = guarded(self.path(), || self.elements(group))?;
                compare(found.iter().map(|(place, element)| (*place, Value::Text(element.data()))).collect())
            }
            _ => {
                let found = guarded(self.path(), || self.texts(group, column))?;
                compare(numbered(&found, |text: &ByteArray| Value::Text(text.data())))
            }
        }
    }

    fn check_filter(&self, group: usize, column: Column, expected: &Values<'_>) -> Result<(), SealedError> {
        let filter = guarded(self.path(), || self.filter(group, column))?;
        let hidden = guarded(self.path(), || {
            Ok(expected.iter().find(|(_, value)| match (&filter, value) {
                (Some(filter), Value::Text(text)) => !filter.check(*text),
                // None of ours: only columns of text have one.
                (Some(_), _) => true,
                (None, _) => Column::FILTERED.contains(&column),
            }))
        })?;
        match hidden {
            Some((place, _)) => Err(SealedError::Filter {
                path: self.path().to_owned(),
                index: self.records_of(group).start + *place as u64,
                column,
            }),
            None => Ok(()),
        }
    }

    fn check_statistics(
        &self,
        group: usize,
        column: Column,
        expected: &Values<'_>,
    ) -> Result<(), SealedError> {
        let Some(statistics) = self.chunk(group, column).statistics() else { return Ok(()) };
        let (min, max) = bounds(statistics, column);
        // A list has more values than records.
        let records = self.records_of(group);
        let nulls = (records.end - records.start).checked_sub(expected.len() as u64);
        let counts =
            column == Column::Dest || statistics.null_count_opt().is_none_or(|count| Some(count) == nulls);
        if counts && holds(min, max, expected) {
            return Ok(());
        }
        Err(SealedError::Statistics { path: self.path().to_owned(), group: group as u64, column })
    }

    fn check_pages(&self, group: usize, column: Column, expected: &Values<'_>) -> Result<(), SealedError> {
        let fits = guarded(self.path(), || {
            let pages = self.pages(group, column)?;
            Ok(self.are_in_place(group, column, &pages)?
                && self.have_bounds(group, column, &pages, expected)?)
        })?;
        if fits {
            return Ok(());
        }
        Err(SealedError::PageIndex { path: self.path().to_owned(), group: group as u64, column })
    }

    /// Whether these are all pages of the column, one behind the other, and each begins with the record
    /// that is said.
    fn are_in_place(
        &self,
        group: usize,
        column: Column,
        pages: &[PageLocation],
    ) -> Result<bool, ParquetError> {
        let chunk = self.chunk(group, column);
        let (start, len) = chunk.byte_range();
        let mut offset = Some(chunk.data_page_offset());
        for page in pages {
            if Some(page.offset) != offset {
                return Ok(false);
            }
            offset = page.offset.checked_add(i64::from(page.compressed_page_size));
        }
        let end = start.checked_add(len).and_then(|end| i64::try_from(end).ok());
        if pages.is_empty() || offset != end {
            return Ok(false);
        }
        let rows = self.len_of(group)?;
        let source = self.source().clone();
        let mut reader = SerializedPageReader::new(source, chunk, rows, Some(pages.to_vec()))?;
        let (mut first_row, mut seen) = (0_i64, 0);
        while let Some(page) = reader.get_next_page()? {
            match page {
                Page::DictionaryPage { .. } if seen == 0 => {}
                Page::DataPageV2 { num_rows, .. } => {
                    if pages.get(seen).is_none_or(|page| page.first_row_index != first_row) {
                        return Ok(false);
                    }
                    seen += 1;
                    first_row += i64::from(num_rows);
                }
                _ => return Ok(false),
            }
        }
        Ok(seen == pages.len() && i64::try_from(rows).is_ok_and(|rows| rows == first_row))
    }

    /// Whether the column index, if there is one, hides no value of a page.
    fn have_bounds(
        &self,
        group: usize,
        column: Column,
        pages: &[PageLocation],
        expected: &Values<'_>,
    ) -> Result<bool, ParquetError> {
        let chunk = self.chunk(group, column);
        let Some(range) = chunk.column_index_range() else { return Ok(true) };
        let len = usize::try_from(range.end.saturating_sub(range.start))?;
        let index = decode_column_index(&self.source().get_bytes(range.start, len)?, chunk.column_type())?;
        if index.num_pages() != pages.len() as u64 {
            return Ok(false);
        }
        let mut rest = expected.as_slice();
        for (at, _) in pages.iter().enumerate() {
            let next = pages.get(at + 1).map(|page| usize::try_from(page.first_row_index)).transpose()?;
            let end = next.map_or(rest.len(), |next| rest.partition_point(|(place, _)| *place < next));
            let (values, behind) = rest.split_at(end);
            rest = behind;
            let (min, max) = page_bounds(&index, column, at);
            let is_whole = values.is_empty() || (!index.is_null_page(at) && min.is_some() && max.is_some());
            if !is_whole || !holds(min, max, values) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What a column has to hold.
fn expected<'a>(column: Column, rows: &'a [Row<'_>], lines: &'a [Line]) -> Values<'a> {
    let rows = rows.iter().enumerate();
    match column {
        Column::Index => rows.map(|(place, row)| (place, Value::Index(row.index))).collect(),
        Column::UnixMs => rows.filter_map(|(place, row)| Some((place, Value::Time(row.unix_ms?)))).collect(),
        Column::Dest => {
            let each = |(place, row): (usize, &'a Row<'_>)| {
                row.dest.iter().map(move |element| (place, Value::Text(element.as_bytes())))
            };
            rows.flat_map(each).collect()
        }
        Column::Line => {
            lines.iter().enumerate().map(|(place, line)| (place, Value::Text(&line.bytes))).collect()
        }
        text => {
            rows.filter_map(|(place, row)| Some((place, Value::Text(row.text(text)?.as_bytes())))).collect()
        }
    }
}

fn numbered<'a, T>(found: &'a [Option<T>], value: impl Fn(&'a T) -> Value<'a>) -> Values<'a> {
    let found = found.iter().enumerate();
    found.filter_map(|(place, found)| Some((place, value(found.as_ref()?)))).collect()
}

/// Whether no value lies outside bounds. Those of long texts are shortened, downwards and upwards.
fn holds(min: Option<Value<'_>>, max: Option<Value<'_>>, values: &[(usize, Value<'_>)]) -> bool {
    let above = |value: &Value<'_>| min.is_none_or(|min| min <= *value);
    let below = |value: &Value<'_>| max.is_none_or(|max| *value <= max);
    values.iter().all(|(_, value)| above(value) && below(value))
}

fn bounds(statistics: &Statistics, column: Column) -> (Option<Value<'_>>, Option<Value<'_>>) {
    match statistics {
        Statistics::Int64(of) => {
            (of.min_opt().map(|min| integer(column, *min)), of.max_opt().map(|max| integer(column, *max)))
        }
        other => (other.min_bytes_opt().map(Value::Text), other.max_bytes_opt().map(Value::Text)),
    }
}

fn page_bounds(
    index: &ColumnIndexMetaData,
    column: Column,
    page: usize,
) -> (Option<Value<'_>>, Option<Value<'_>>) {
    match index {
        ColumnIndexMetaData::INT64(index) => (
            index.min_value(page).map(|min| integer(column, *min)),
            index.max_value(page).map(|max| integer(column, *max)),
        ),
        ColumnIndexMetaData::BYTE_ARRAY(index) => {
            (index.min_value(page).map(Value::Text), index.max_value(page).map(Value::Text))
        }
        _ => (None, None),
    }
}

fn integer<'a>(column: Column, value: i64) -> Value<'a> {
    match column {
        Column::Index => Value::Index(value.cast_unsigned()),
        _ => Value::Time(value),
    }
}
