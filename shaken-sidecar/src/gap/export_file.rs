//! Exports of other programs: CSV with a first line of names, or a JSON array of objects. Columns that
//! nobody asks for are passed over, as the next version of the program adds some.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::{Deserializer, Map, Value};

use crate::policy::data::{Faults, LoadError};

/// Calls `take` with the fields of each row that are asked for, by any of their names, and an empty text
/// for what the row does not have. The members of a list are separated by `;`. What `take` says is wrong
/// becomes a fault of the line.
///
/// # Errors
/// [`LoadError::Io`]. What is wrong with the file is in `faults`.
pub(super) fn read<const N: usize>(
    path: &Path,
    columns: &[&[&str]; N],
    required: &[usize],
    faults: &mut Faults,
    take: impl FnMut(&[&str; N], u64) -> Result<(), String>,
) -> Result<(), LoadError> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(LoadError::io(path))?);
    let mut head = file.fill_buf().map_err(LoadError::io(path))?;
    let has_mark = head.starts_with(MARK);
    head = if has_mark { &head[MARK.len()..] } else { head };
    let is_json = head.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|b| b"[{".contains(b));
    let has_type = head.starts_with(b"#TYPE");
    if has_mark {
        file.consume(MARK.len());
    }
    let mut rows = Rows { path, columns, required, faults, take };
    if is_json {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(LoadError::io(path))?;
        rows.json(&bytes);
        return Ok(());
    }
    let mut skipped = 0;
    if has_type {
        // Windows PowerShell writes the type of its objects before anything else.
        file.skip_until(b'\n').map_err(LoadError::io(path))?;
        skipped = 1;
    }
    rows.csv(file, skipped);
    Ok(())
}

struct Rows<'a, const N: usize, F> {
    path: &'a Path,
    columns: &'a [&'a [&'a str]; N],
    required: &'a [usize],
    faults: &'a mut Faults,
    take: F,
}

impl<const N: usize, F: FnMut(&[&str; N], u64) -> Result<(), String>> Rows<'_, N, F> {
    fn csv(&mut self, bytes: impl Read, skipped: u64) {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
        let header = match reader.headers() {
            Ok(header) => header.clone(),
            Err(error) => return self.faults.add(self.path, 1 + skipped, error),
        };
        let is = |names: &[&str], name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        let places = self.columns.map(|names| header.iter().position(|name| is(names, name)));
        for at in self.required {
            if places.get(*at).copied().flatten().is_none() {
                let name = self.columns.get(*at).map(|names| names.join(" or ")).unwrap_or_default();
                return self.faults.add(self.path, 1 + skipped, format_args!("column {name} is missing"));
            }
        }
        let mut record = csv::StringRecord::new();
        loop {
            match reader.read_record(&mut record) {
                Ok(false) => return,
                Err(error) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    let is_io = error.is_io_error();
                    self.faults.add(self.path, line + skipped, "the line is no row of this table");
                    if is_io {
                        return;
                    }
                }
                Ok(true) => {
                    let line = record.position().map_or(0, csv::Position::line) + skipped;
                    let fields = places.map(|place| place.and_then(|at| record.get(at)).unwrap_or(""));
                    if let Err(message) = (self.take)(&fields, line) {
                        self.faults.add(self.path, line, message);
                    }
                }
            }
        }
    }

    fn json(&mut self, bytes: &[u8]) {
        let mut place = Place { bytes, at: 0, counted: 0, line: 1 };
        let is_list = place.skip(b"[").is_some();
        loop {
            let line = place.line();
            if place.rest().is_empty() || is_list && place.skip(b"]").is_some() {
                return;
            }
            let mut objects = Deserializer::from_slice(place.rest()).into_iter::<Map<String, Value>>();
            match objects.next() {
                Some(Ok(object)) => {
                    place.at += objects.byte_offset();
                    let fields = self.columns.map(|names| field(&object, names));
                    let has = |names: &&&[&str]| names.iter().any(|name| member(&object, name).is_some());
                    let mut required = self.required.iter().filter_map(|at| self.columns.get(*at));
                    let taken = match required.find(|names| !has(names)) {
                        Some(names) => Err(format!("member {} is missing", names.join(" or "))),
                        None => (self.take)(&fields.each_ref().map(String::as_str), line),
                    };
                    if let Err(message) = taken {
                        self.faults.add(self.path, line, message);
                    }
                }
                _ => return self.faults.add(self.path, line, "there is no JSON object here"),
            }
            if !is_list {
                return;
            }
            place.skip(b",");
        }
    }
}

/// The text of a member, whatever its type.
fn field(object: &Map<String, Value>, names: &[&str]) -> String {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    match names.iter().find_map(|name| member(object, name)) {
        Some(Value::Array(list)) => list.iter().map(text).collect::<Vec<_>>().join(";"),
        Some(value) => text(value),
        None => String::new(),
    }
}

fn member<'o>(object: &'o Map<String, Value>, name: &str) -> Option<&'o Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The members of a list in a field: `;` and `,` separate them.
pub(super) fn list(field: &str) -> impl Iterator<Item = &str> {
    field.split([';', ',']).map(str::trim).filter(|member| !member.is_empty())
}

/// How far a text is read, and in which line that is.
struct Place<'a> {
    bytes: &'a [u8],
    at: usize,
    counted: usize,
    line: u64,
}

impl<'a> Place<'a> {
    /// What is left, without spaces before it.
    fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, mark: &[u8]) -> Option<()> {
        self.rest().strip_prefix(mark)?;
        self.at += mark.len();
        Some(())
    }

    fn line(&mut self) -> u64 {
        self.rest();
        let passed = self.bytes.get(self.counted..self.at).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.counted = self.at;
        self.line
    }
}

/// What Windows puts before UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";
