//! Rows in ascending order to a table: where rows overlap, all of them hold.

use std::fmt;

use super::build::{Builder, TooLarge};
use super::sets::{Namer, Sets};
use super::{Row, Table};

/// Takes rows by ascending start; see [`Sorter`](super::Sorter) for others.
pub struct Sweep {
    builder: Builder,
    namer: Namer,
    /// Rows that reach `at` or beyond, each once.
    open: Vec<Row>,
    /// Numbers below are done.
    at: u64,
    members: Vec<u32>,
}

/// Why rows make no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SweepError {
    /// A row starts before the one that came before it.
    OutOfOrder,
    /// More than 4,096 ranges and prefixes hold one number.
    Crowded,
    /// See [`TooLarge`].
    TooLarge,
}

impl fmt::Display for SweepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfOrder => f.write_str("rows are not in ascending order"),
            Self::Crowded => write!(f, "more than {MAX_OPEN} ranges and prefixes hold one number"),
            Self::TooLarge => TooLarge.fmt(f),
        }
    }
}

impl std::error::Error for SweepError {}

impl From<TooLarge> for SweepError {
    fn from(_: TooLarge) -> Self {
        Self::TooLarge
    }
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            builder: Builder::new(),
            namer: Namer::default(),
            open: Vec::new(),
            at: 0,
            members: Vec::new(),
        }
    }
}

impl Sweep {
    /// Takes one row.
    ///
    /// # Errors
    /// All of [`SweepError`].
    pub fn push(&mut self, row: Row) -> Result<(), SweepError> {
        let (start, _) = row.span.bounds();
        if start < self.at {
            return Err(SweepError::OutOfOrder);
        }
        self.close_before(start)?;
        if self.open.contains(&row) {
            return Ok(());
        }
        if self.open.len() == MAX_OPEN {
            return Err(SweepError::Crowded);
        }
        self.open.push(row);
        Ok(())
    }

    /// The rows that hold the first number of the one that was taken last, itself among them.
    #[must_use]
    pub fn open(&self) -> &[Row] {
        &self.open
    }

    /// The table of all rows, whose values name the sets.
    ///
    /// # Errors
    /// [`SweepError::TooLarge`].
    pub fn finish(mut self) -> Result<(Table, Sets), SweepError> {
        self.close_before(u64::MAX)?;
        Ok((self.builder.finish()?, self.namer.finish()))
    }

    /// Writes what the open rows hold of the numbers before `limit`.
    fn close_before(&mut self, limit: u64) -> Result<(), SweepError> {
        while self.at < limit {
            let Some(nearest_end) = self.open.iter().map(|row| row.span.bounds().1).min() else { break };
            let end = nearest_end.min(limit - 1);
            self.members.clear();
            self.members.extend(self.open.iter().map(|row| row.value));
            self.members.sort_unstable();
            self.members.dedup();
            let name = self.namer.name(&self.members)?;
            self.builder.put(self.at, end, name.get())?;
            self.open.retain(|row| row.span.bounds().1 > end);
            self.at = end + 1;
        }
        self.at = limit;
        Ok(())
    }
}

impl fmt::Debug for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweep").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

/// Each row that opens or ends is compared with all that are open.
const MAX_OPEN: usize = 4096;
