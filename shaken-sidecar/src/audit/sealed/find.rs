//! Looks for records in a sealed segment: groups are passed over by statistics and filters, columns
//! are decoded until one leaves nothing, and of the lines only the pages that hold a match.

use parquet::basic::Type;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::statistics::Statistics;

use super::columns::Column;
use super::{Sealed, SealedError, Wanted, guarded};
use crate::audit::{AuditError, Line};

/// The lines of a sealed segment that meet conditions: what [`Sealed::find`] gives.
#[derive(Debug)]
pub struct Found<'a> {
    file: Sealed,
    wanted: &'a Wanted,
    group: usize,
    ready: std::vec::IntoIter<Line>,
}

impl<'a> Found<'a> {
    pub(super) fn new(file: Sealed, wanted: &'a Wanted) -> Self {
        Self { file, wanted, group: 0, ready: Vec::new().into_iter() }
    }
}

impl Iterator for Found<'_> {
    type Item = Result<Line, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(line) = self.ready.next() {
                return Some(Ok(line));
            }
            if self.group >= self.file.groups() {
                return None;
            }
            let found = self.file.found_in(self.group, self.wanted);
            self.group += 1;
            match found {
                Ok(lines) => self.ready = lines.into_iter(),
                Err(error) => {
                    self.group = usize::MAX;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Sealed {
    /// Whether a filter of a row group says that a value is not in it.
    fn filter_excludes(&self, group: usize, column: Column, value: &str) -> Result<bool, ParquetError> {
        Ok(self.filter(group, column)?.is_some_and(|filter| !filter.check(value)))
    }

    /// The places in a row group of the records that meet all conditions, by the columns.
    fn places(&self, group: usize, wanted: &Wanted) -> Result<Vec<usize>, ParquetError> {
        let none = Ok(Vec::new());
        if wanted.has_time() && !may_hold_time(self.chunk(group, Column::UnixMs).statistics(), wanted) {
            return none;
        }
        for (column, value) in wanted.texts() {
            let filtered = Column::FILTERED.contains(&column);
            if !may_hold_text(self.chunk(group, column).statistics(), value)
                || filtered && self.filter_excludes(group, column, value)?
            {
                return none;
            }
        }
        let mut places: Option<Vec<usize>> = None;
        if let Some(number) = &wanted.number {
            let mut found = Vec::new();
            if !self.filter_excludes(group, Column::Orig, number)? {
                let texts = self.texts(group, Column::Orig)?;
                found.extend(places_of(&texts, |text| text.data() == number.as_bytes()));
            }
            if !self.filter_excludes(group, Column::Dest, number)? {
                let elements = self.elements(group)?.into_iter();
                let elements = elements.filter(|(_, element)| element.data() == number.as_bytes());
                found.extend(elements.map(|(row, _)| row));
            }
            found.sort_unstable();
            found.dedup();
            places = Some(found);
        }
        let is_empty = |places: &Option<Vec<usize>>| places.as_ref().is_some_and(Vec::is_empty);
        for (column, value) in wanted.texts() {
            if is_empty(&places) {
                return none;
            }
            let texts = self.texts(group, column)?;
            let found = places_of(&texts, |text| text.data() == value.as_bytes());
            places = Some(narrowed(places, found));
        }
        if wanted.has_time() && !is_empty(&places) {
            let times = self.integers(group, Column::UnixMs)?;
            let found = places_of(&times, |at| wanted.holds_time(*at));
            places = Some(narrowed(places, found));
        }
        match places {
            Some(places) => Ok(places),
            None => Ok((0..self.len_of(group)?).collect()),
        }
    }

    /// The lines at these places of a row group, which are in order. Reads only the pages that hold them.
    pub(super) fn lines_at(&self, group: usize, places: &[usize]) -> Result<Vec<ByteArray>, ParquetError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let pages = self.pages(group, Column::Line)?;
        let mut reader = self.reader::<ByteArrayType>(group, Column::Line, Some(pages))?;
        let mut lines = Vec::with_capacity(places.len());
        let mut at = 0;
        for &place in places {
            let short = || ParquetError::General("a column is too short".into());
            if reader.skip_records(place - at)? != place - at {
                return Err(short());
            }
            if reader.read_records(1, None, None, &mut lines)?.0 != 1 {
                return Err(short());
            }
            at = place + 1;
        }
        Ok(lines)
    }

    fn found_in(&self, group: usize, wanted: &Wanted) -> Result<Vec<Line>, AuditError> {
        let start = self.records_of(group).start;
        let (places, lines) = guarded(self.path(), || {
            let places = self.places(group, wanted)?;
            let lines = self.lines_at(group, &places)?;
            Ok((places, lines))
        })?;
        let mut found = Vec::with_capacity(lines.len());
        for (place, line) in places.into_iter().zip(lines) {
            let line = self.line(start + place as u64, &line)?;
            if !wanted.matches(&line.bytes) {
                let column = self.contradiction(wanted);
                return Err(
                    SealedError::Column { path: self.path().to_owned(), index: line.index, column }.into()
                );
            }
            found.push(line);
        }
        Ok(found)
    }

    /// A column that said yes where the line says no.
    fn contradiction(&self, wanted: &Wanted) -> Column {
        let number = wanted.number.as_ref().map(|_| Column::Orig);
        number.or_else(|| wanted.texts().next().map(|(column, _)| column)).unwrap_or(Column::UnixMs)
    }
}

fn places_of<T>(values: &[Option<T>], is_wanted: impl Fn(&T) -> bool) -> Vec<usize> {
    let places = values.iter().enumerate().filter(|(_, value)| value.as_ref().is_some_and(&is_wanted));
    places.map(|(place, _)| place).collect()
}

/// What is in both; each is in order.
fn narrowed(places: Option<Vec<usize>>, found: Vec<usize>) -> Vec<usize> {
    match places {
        Some(mut places) => {
            places.retain(|place| found.binary_search(place).is_ok());
            places
        }
        None => found,
    }
}

fn may_hold_time(statistics: Option<&Statistics>, wanted: &Wanted) -> bool {
    let Some(Statistics::Int64(statistics)) = statistics else { return true };
    let (Some(min), Some(max)) = (statistics.min_opt(), statistics.max_opt()) else { return true };
    wanted.from_unix_ms.is_none_or(|from| *max >= from) && wanted.to_unix_ms.is_none_or(|to| *min < to)
}

fn may_hold_text(statistics: Option<&Statistics>, value: &str) -> bool {
    let Some(statistics) = statistics.filter(|it| it.physical_type() == Type::BYTE_ARRAY) else {
        return true;
    };
    let (Some(min), Some(max)) = (statistics.min_bytes_opt(), statistics.max_bytes_opt()) else {
        return true;
    };
    min <= value.as_bytes() && value.as_bytes() <= max
}
