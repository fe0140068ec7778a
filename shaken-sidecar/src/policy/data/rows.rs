//! Rows of a CSV file: a first line that names the columns, and fields by their names after that.

use std::io::Read;
use std::path::Path;

use csv::{ErrorKind, StringRecord, Trim};
use ring::digest::Context;

use super::fault::{Faults, quoted};

/// A column: its name, and whether a file may go without it.
pub(crate) type Column = (&'static str, Presence);

/// Whether a column must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
    /// It may be missing, and says nothing that decides: it is no part of what a file says.
    Note,
}

/// Calls `take` with the fields of each row, in the order of `columns`; what it says is wrong becomes
/// a fault of the line. `hash` gets the fields as they are understood. After a fault all other rows are
/// still looked at.
pub(super) fn read<const N: usize>(
    file: &Path,
    bytes: impl Read,
    columns: &[Column; N],
    hash: &mut Context,
    faults: &mut Faults,
    take: impl FnMut(&[&str; N], u64) -> Result<(), String>,
) {
    let refuse = |name: &str| {
        let known = columns.map(|(name, _)| name);
        Err(format!("there is no column {}; there are {}", quoted(name), known.join(", ")))
    };
    scan(file, bytes, columns, refuse, |field| add(hash, field), faults, take);
}

/// The same; `stranger` says what becomes of a file with a column of this name that is not known, and
/// `see` gets the fields as they are understood.
pub(crate) fn scan<const N: usize>(
    file: &Path,
    bytes: impl Read,
    columns: &[Column; N],
    stranger: impl FnMut(&str) -> Result<(), String>,
    mut see: impl FnMut(&str),
    faults: &mut Faults,
    mut take: impl FnMut(&[&str; N], u64) -> Result<(), String>,
) {
    let mut reader = csv::ReaderBuilder::new().trim(Trim::All).buffer_capacity(1 << 16).from_reader(bytes);
    let places = match reader.headers().map(|header| places(header, columns, stranger)) {
        Ok(Ok(places)) => places,
        Ok(Err(message)) => return faults.add(file, 1, message),
        Err(error) => return faults.add(file, 1, explain(&error)),
    };
    let is_content = columns.map(|(_, presence)| presence != Presence::Note);
    columns.iter().zip(is_content).filter(|(_, is)| *is).for_each(|((name, _), _)| see(name));
    let mut record = StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => return,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                faults.add(file, line, explain(&error));
                if error.is_io_error() {
                    return;
                }
            }
            Ok(true) => {
                let line = record.position().map_or(0, csv::Position::line);
                let fields = places.map(|place| place.and_then(|place| record.get(place)).unwrap_or(""));
                fields.iter().zip(is_content).filter(|(_, is)| *is).for_each(|(field, _)| see(field));
                if let Err(message) = take(&fields, line) {
                    faults.add(file, line, message);
                }
            }
        }
    }
}

fn places<const N: usize>(
    header: &StringRecord,
    columns: &[Column; N],
    mut stranger: impl FnMut(&str) -> Result<(), String>,
) -> Result<[Option<usize>; N], String> {
    let known = columns.map(|(name, _)| name);
    let mut places = [None; N];
    for (place, name) in header.iter().enumerate() {
        let Some(index) = known.iter().position(|known| *known == name) else {
            stranger(name)?;
            continue;
        };
        if places[index].replace(place).is_some() {
            return Err(format!("column {name:?} is there twice"));
        }
    }
    let mut missing = columns.iter().zip(places);
    match missing.find(|((_, presence), place)| *presence == Presence::Required && place.is_none()) {
        Some(((name, _), _)) => Err(format!("column {name:?} is missing")),
        None => Ok(places),
    }
}

/// Fields are told apart by a byte that no UTF-8 text has.
fn add(hash: &mut Context, field: &str) {
    hash.update(field.as_bytes());
    hash.update(&[0xff]);
}

fn explain(error: &csv::Error) -> String {
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("the line has {len} fields and the first line has {expected_len}")
        }
        ErrorKind::Utf8 { .. } => "the line is not UTF-8".into(),
        _ => error.to_string(),
    }
}
