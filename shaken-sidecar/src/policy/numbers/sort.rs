//! Rows in any order to rows in ascending order, in bounded memory: sorted runs in files, then merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::{E164, Numbers, Span};

/// Numbers and a value for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The numbers.
    pub span: Span,
    /// What is said of them.
    pub value: u32,
}

impl Row {
    /// A row of one number.
    #[must_use]
    pub fn of(number: E164, value: u32) -> Self {
        Self { span: Span::of_bounds(number.value(), number.value()), value }
    }

    fn to_bytes(self) -> [u8; ROW_LEN] {
        let mut bytes = [0; ROW_LEN];
        let (start, end) = self.span.bounds();
        bytes[..8].copy_from_slice(&start.to_le_bytes());
        bytes[8..16].copy_from_slice(&end.to_le_bytes());
        bytes[16..].copy_from_slice(&self.value.to_le_bytes());
        bytes
    }

    fn of_bytes(bytes: &[u8; ROW_LEN]) -> Self {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let value = u32::from_le_bytes(std::array::from_fn(|i| bytes[16 + i]));
        Self { span: Span::of_bounds(word(0), word(8)), value }
    }
}

/// Takes rows in any order.
#[derive(Debug)]
pub struct Sorter {
    dir: PathBuf,
    rows: Vec<Row>,
    capacity: usize,
    runs: Vec<File>,
}

impl Sorter {
    /// Runs that do not fit into memory go to files in `dir`, which have no name there.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), rows: Vec::new(), capacity: ROWS_IN_MEMORY, runs: Vec::new() }
    }

    /// The same, with room in memory for `rows` rows, at least one.
    #[must_use]
    pub fn with_rows_in_memory(self, rows: usize) -> Self {
        Self { capacity: rows.max(1), ..self }
    }

    /// Takes `value` for `numbers`.
    ///
    /// # Errors
    /// That of the folder.
    pub fn push(&mut self, numbers: Numbers, value: u32) -> io::Result<()> {
        for span in numbers.spans() {
            if self.rows.len() == self.capacity {
                self.spill()?;
            }
            self.rows.push(Row { span, value });
        }
        Ok(())
    }

    /// All rows by ascending start.
    ///
    /// # Errors
    /// That of the folder.
    pub fn sorted(mut self) -> io::Result<Sorted> {
        if !self.runs.is_empty() {
            self.spill()?;
        }
        self.rows.sort_unstable();
        let mut runs = Vec::new();
        for mut file in self.runs {
            file.rewind()?;
            runs.push(BufReader::with_capacity(BUFFER_LEN, file));
        }
        let mut sorted = Sorted { rows: self.rows.into_iter(), runs, heads: BinaryHeap::new() };
        for run in 0..sorted.runs.len() {
            sorted.advance(run)?;
        }
        Ok(sorted)
    }

    fn spill(&mut self) -> io::Result<()> {
        self.rows.sort_unstable();
        let mut file = BufWriter::with_capacity(BUFFER_LEN, unnamed_file(&self.dir)?);
        for row in self.rows.drain(..) {
            file.write_all(&row.to_bytes())?;
        }
        self.runs.push(file.into_inner().map_err(io::IntoInnerError::into_error)?);
        Ok(())
    }
}

/// Rows by ascending start.
#[derive(Debug)]
pub struct Sorted {
    rows: std::vec::IntoIter<Row>,
    runs: Vec<BufReader<File>>,
    heads: BinaryHeap<Reverse<(Row, usize)>>,
}

impl Sorted {
    fn advance(&mut self, run: usize) -> io::Result<()> {
        let mut bytes = [0; ROW_LEN];
        match self.runs[run].read_exact(&mut bytes) {
            Ok(()) => self.heads.push(Reverse((Row::of_bytes(&bytes), run))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Iterator for Sorted {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<io::Result<Row>> {
        // All rows are in memory, or all are in runs.
        if let Some(row) = self.rows.next() {
            return Some(Ok(row));
        }
        let Reverse((row, run)) = self.heads.pop()?;
        Some(self.advance(run).map(|()| row))
    }
}

/// A file that is gone when it is closed, also after a crash.
fn unnamed_file(dir: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::TMPFILE | rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC;
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    Ok(rustix::fs::open(dir, flags, mode)?.into())
}

const ROW_LEN: usize = 20;
/// 96 MB.
const ROWS_IN_MEMORY: usize = 4_000_000;
const BUFFER_LEN: usize = 1 << 18;
