//! Makes the Parquet file of a segment.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterPropertiesPtr, WriterVersion,
};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::ColumnPath;

use super::columns::{self, Column, Row};
use super::{GROUP_RECORDS, SCHEMA, SealedError};
use crate::audit::{AuditError, Line, io_error};

/// Writes `lines` to `sink` as one file. `path` is only for errors.
///
/// # Errors
/// Those of `lines`; [`SealedError::NotText`]; [`AuditError::Io`] when `sink` fails.
pub(in crate::audit) fn write(
    sink: impl Write + Send,
    lines: impl Iterator<Item = Result<Line, AuditError>>,
    path: &Path,
) -> Result<(), AuditError> {
    write_with(sink, lines, path, GROUP_RECORDS, columns::of)
}

/// The same, with groups of so many records, and columns that `derive` makes of the lines.
pub(super) fn write_with(
    sink: impl Write + Send,
    lines: impl Iterator<Item = Result<Line, AuditError>>,
    path: &Path,
    group_records: usize,
    derive: impl Fn(&[u8]) -> Option<Row<'_>>,
) -> Result<(), AuditError> {
    let failed = |error: ParquetError| io_error("write", path)(io_error_of(error));
    let mut file =
        SerializedFileWriter::new(sink, Arc::clone(&SCHEMA), Arc::clone(&PROPERTIES)).map_err(failed)?;
    let mut group = Vec::new();
    let mut group_bytes = 0;
    for line in lines {
        let line = line?;
        group_bytes += line.bytes.len();
        group.push(line);
        if group.len() == group_records || group_bytes >= MAX_GROUP_BYTES {
            write_group(&mut file, &group, &derive, &failed)?;
            group.clear();
            group_bytes = 0;
        }
    }
    if !group.is_empty() {
        write_group(&mut file, &group, &derive, &failed)?;
    }
    file.close().map(drop).map_err(failed)
}

fn write_group<W: Write + Send>(
    file: &mut SerializedFileWriter<W>,
    lines: &[Line],
    derive: &impl Fn(&[u8]) -> Option<Row<'_>>,
    failed: &impl Fn(ParquetError) -> AuditError,
) -> Result<(), AuditError> {
    let mut rows = Vec::with_capacity(lines.len());
    for Line { index, bytes, .. } in lines {
        let not_text = || AuditError::Sealed(SealedError::NotText { index: *index });
        str::from_utf8(bytes).map_err(|_| not_text())?;
        // Whoever read the line has found it whole.
        rows.push(derive(bytes).ok_or_else(not_text)?);
    }
    let mut group = file.next_row_group().map_err(failed)?;
    for column in Column::ALL {
        write_column(&mut group, column, &rows, lines).map_err(failed)?;
    }
    group.close().map(drop).map_err(failed)
}

fn write_column<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    column: Column,
    rows: &[Row<'_>],
    lines: &[Line],
) -> Result<(), ParquetError> {
    let Some(mut writer) = group.next_column()? else {
        return Err(ParquetError::General("the schema has fewer columns".into()));
    };
    match column {
        Column::Index => {
            // The same 64 bits: the schema says that they are unsigned.
            let values: Vec<i64> = rows.iter().map(|row| row.index.cast_signed()).collect();
            writer.typed::<Int64Type>().write_batch(&values, None, None)?;
        }
        Column::UnixMs => {
            let values: Vec<i64> = rows.iter().filter_map(|row| row.unix_ms).collect();
            let present: Vec<i16> = rows.iter().map(|row| i16::from(row.unix_ms.is_some())).collect();
            writer.typed::<Int64Type>().write_batch(&values, Some(&present), None)?;
        }
        Column::Dest => write_lists(&mut writer, rows)?,
        Column::Line => {
            let values: Vec<ByteArray> = lines.iter().map(|line| line.bytes.as_slice().into()).collect();
            writer.typed::<ByteArrayType>().write_batch(&values, None, None)?;
        }
        text => {
            let values: Vec<ByteArray> =
                rows.iter().filter_map(|row| row.text(text)).map(ByteArray::from).collect();
            let present: Vec<i16> = rows.iter().map(|row| i16::from(row.text(text).is_some())).collect();
            writer.typed::<ByteArrayType>().write_batch(&values, Some(&present), None)?;
        }
    }
    writer.close()
}

/// A list without elements is null (level 0); each element has level 2, and all but the first of a list
/// repeat at level 1.
fn write_lists(writer: &mut SerializedColumnWriter<'_>, rows: &[Row<'_>]) -> Result<(), ParquetError> {
    let (mut values, mut present, mut repeats) = (Vec::<ByteArray>::new(), Vec::new(), Vec::new());
    for row in rows {
        if row.dest.is_empty() {
            present.push(0);
            repeats.push(0);
        }
        for (at, element) in row.dest.iter().enumerate() {
            values.push(element.as_ref().into());
            present.push(2);
            repeats.push(i16::from(at > 0));
        }
    }
    writer.typed::<ByteArrayType>().write_batch(&values, Some(&present), Some(&repeats))?;
    Ok(())
}

fn io_error_of(error: ParquetError) -> std::io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(error) => *error,
            Err(other) => std::io::Error::other(other),
        },
        other => std::io::Error::other(other),
    }
}

static PROPERTIES: LazyLock<WriterPropertiesPtr> = LazyLock::new(|| Arc::new(properties().build()));

fn properties() -> WriterPropertiesBuilder {
    // unwrap: a constant within the range of levels.
    let level = ZstdLevel::try_new(ZSTD_LEVEL).expect("a level of zstd");
    let version = KeyValue::new(VERSION_KEY.into(), VERSION.to_owned());
    let mut properties = WriterProperties::builder()
        // Pages of this version say how many records begin in them, which checks the offset index.
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(None)
        .set_dictionary_enabled(false)
        // Every reader of the format has this one.
        .set_encoding(Encoding::PLAIN)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_column_encoding(path(Column::Index), Encoding::DELTA_BINARY_PACKED)
        .set_column_encoding(path(Column::UnixMs), Encoding::DELTA_BINARY_PACKED)
        .set_key_value_metadata(Some(vec![version]));
    for column in Column::REPEATING {
        properties = properties.set_column_dictionary_enabled(path(column), true);
    }
    for column in Column::FILTERED {
        let most = if column == Column::Dest { 4 * GROUP_RECORDS } else { GROUP_RECORDS };
        properties = properties
            .set_column_bloom_filter_enabled(path(column), true)
            .set_column_bloom_filter_fpp(path(column), FILTER_FPP)
            .set_column_bloom_filter_max_ndv(path(column), most as u64);
    }
    // Nothing is looked for by the text of the line: the offset index is what it needs.
    properties
        .set_column_statistics_enabled(path(Column::Line), EnabledStatistics::None)
        .set_column_data_page_size_limit(path(Column::Line), LINE_PAGE_LEN)
        .set_write_batch_size(WRITE_BATCH)
}

fn path(column: Column) -> ColumnPath {
    ColumnPath::new(column.path())
}

/// Name of the version of the columns in the file's own metadata, and the version.
const VERSION_KEY: &str = "shaken.columns";
const VERSION: &str = "1";

/// Above this the files get little smaller, and take twice as long.
const ZSTD_LEVEL: i32 = 3;

/// One group in a hundred is read for nothing, at most: filters have a power of two of bytes, so most
/// are better.
const FILTER_FPP: f64 = 0.01;

/// What a found record costs to decompress: some eighty usual lines.
const LINE_PAGE_LEN: usize = 64 * 1024;

/// How many values are written before the length of a page is looked at again.
const WRITE_BATCH: usize = 64;

/// Bounds the memory that sealing takes when lines are long.
const MAX_GROUP_BYTES: usize = 32 * 1024 * 1024;
