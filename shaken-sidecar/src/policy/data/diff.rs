//! What is different between the rows of two policies.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256, digest};

use super::fault::{Faults, LoadError};
use super::load::{CUSTOMERS, EVIDENCE, LIST};
use super::rows::{self, Column, Presence};
use super::terms::RIGHTS;

/// One difference. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "all that can become of a row")]
pub enum Change {
    /// A row is new.
    Added {
        /// Its line in the new file.
        line: u64,
    },
    /// A row is gone.
    Removed {
        /// Its line in the old file.
        line: u64,
    },
    /// A row of the same key says something else.
    Changed {
        /// Its line in the old file.
        from: u64,
        /// Its line in the new file.
        to: u64,
    },
}

/// The differences of one kind of file, or of `policy.toml`, whose keys count as rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The old file.
    pub from: PathBuf,
    /// The new file.
    pub to: PathBuf,
    /// In no particular order; of `policy.toml` the lines are 0.
    pub rows: Vec<Change>,
    /// Keys of `policy.toml` that differ, such as `trunk.sbc-1.cap`.
    pub keys: Vec<String>,
}

/// What is different between the policies of two `policy.toml` with their files: of each kind of file that
/// differs at all. Rows are the same right if customer and numbers are the same, and the same customer,
/// evidence or number of a list if its name is. Each row takes 40 bytes of memory while it is compared.
///
/// # Errors
/// [`LoadError`], if a file of either cannot be read as what it is.
pub fn diff(old: &Path, new: &Path) -> Result<Vec<Changes>, LoadError> {
    let (old_files, old_keys) = files(old)?;
    let (new_files, new_keys) = files(new)?;
    let mut all = Vec::new();
    let changed = |(key, value): &(&String, &String)| new_keys.get(*key) != Some(*value);
    let gone_or_changed = old_keys.iter().filter(changed).map(|(key, _)| key);
    let added = new_keys.keys().filter(|key| !old_keys.contains_key(*key));
    let keys: Vec<String> = gone_or_changed.chain(added).cloned().collect();
    if !keys.is_empty() {
        all.push(Changes { from: old.to_owned(), to: new.to_owned(), rows: Vec::new(), keys });
    }
    for (from, to) in old_files.iter().zip(&new_files) {
        let rows = compare(from.kind, Some(&from.path), &to.path)?.changes;
        if !rows.is_empty() {
            all.push(Changes { from: from.path.clone(), to: to.path.clone(), rows, keys: Vec::new() });
        }
    }
    Ok(all)
}

/// What a CSV file of a policy has rows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rights,
    Customers,
    Evidence,
    List,
}

impl Kind {
    /// The columns that such a file may have.
    pub(crate) fn columns(self) -> &'static [Column] {
        match self {
            Self::Rights => &RIGHTS,
            Self::Customers => &CUSTOMERS,
            Self::Evidence => &EVIDENCE,
            Self::List => &LIST,
        }
    }
}

/// A CSV file of a policy.
#[derive(Clone, Debug)]
pub(crate) struct RowsFile {
    pub(crate) kind: Kind,
    pub(crate) path: PathBuf,
}

/// The CSV files that a `policy.toml` names.
///
/// # Errors
/// [`LoadError`], if it cannot be read or is no TOML.
pub(crate) fn rows_files(policy: &Path) -> Result<Vec<RowsFile>, LoadError> {
    files(policy).map(|(files, _)| files)
}

/// How many rows two files have, and what is different between them.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) before: usize,
    pub(crate) after: usize,
    pub(crate) changes: Vec<Change>,
}

/// Compares two files of a kind. Where there is no old one, all rows are new.
///
/// # Errors
/// [`LoadError`], if one of them cannot be read as what it is.
pub(crate) fn compare(kind: Kind, old: Option<&Path>, new: &Path) -> Result<Compared, LoadError> {
    match kind {
        Kind::Rights => of_rows(old, new, &RIGHTS, 2),
        Kind::Customers => of_rows(old, new, &CUSTOMERS, 1),
        Kind::Evidence => of_rows(old, new, &EVIDENCE, 1),
        Kind::List => of_rows(old, new, &LIST, 1),
    }
}

/// The CSV files of a policy, and its keys with their values.
fn files(path: &Path) -> Result<(Vec<RowsFile>, BTreeMap<String, String>), LoadError> {
    let text = std::fs::read_to_string(path).map_err(LoadError::io(path))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| LoadError::toml(path, &text, &error))?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let named = |key: &str, default: &str| {
        folder.join(table.get(key).and_then(toml::Value::as_str).unwrap_or(default))
    };
    let mut files = vec![
        RowsFile { kind: Kind::Rights, path: named("rights", "rights.csv") },
        RowsFile { kind: Kind::Customers, path: named("customers", "customers.csv") },
        RowsFile { kind: Kind::Evidence, path: named("evidence", "evidence.csv") },
    ];
    for key in ["do_not_originate", "unallocated"] {
        let lists = table.get(key).and_then(toml::Value::as_array).into_iter().flatten();
        let lists = lists.filter_map(toml::Value::as_str);
        files.extend(lists.map(|list| RowsFile { kind: Kind::List, path: folder.join(list) }));
    }
    Ok((files, keys_of(table)))
}

/// The keys of a `policy.toml` with their values.
pub(super) fn keys_of(table: toml::Table) -> BTreeMap<String, String> {
    let mut keys = BTreeMap::new();
    flatten("", &toml::Value::Table(table), &mut keys);
    keys
}

/// Members of a list of tables are called by their name, so that one more does not change the others.
fn flatten(name: &str, value: &toml::Value, keys: &mut BTreeMap<String, String>) {
    let below = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    match value {
        toml::Value::Table(table) => {
            table.iter().for_each(|(part, value)| flatten(&below(part), value, keys));
        }
        toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
            let mut order = Vec::new();
            for (i, value) in list.iter().enumerate() {
                let own = ["id", "name"].iter().find_map(|key| value.get(key)?.as_str());
                let own = own.map_or_else(|| i.to_string(), str::to_owned);
                flatten(&below(&own), value, keys);
                order.push(own);
            }
            // The first rule and the first trunk that fit decide.
            keys.insert(name.to_owned(), order.join(", "));
        }
        _ => {
            keys.insert(name.to_owned(), value.to_string());
        }
    }
}

/// Two rows have the same key if their first `key` fields are the same.
fn of_rows<const N: usize>(
    old: Option<&Path>,
    new: &Path,
    columns: &[Column; N],
    key: usize,
) -> Result<Compared, LoadError> {
    let old = old.map_or(Ok(Vec::new()), |old| hashed(old, columns, key))?;
    let new = hashed(new, columns, key)?;
    let (before, after) = (old.len(), new.len());
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut changes = Vec::new();
    while let Some(key) = [old.peek(), new.peek()].into_iter().flatten().map(|row| row.key).min() {
        let mut before = Vec::new();
        let mut after = Vec::new();
        while let Some(row) = old.next_if(|row| row.key == key) {
            before.push(row);
        }
        while let Some(row) = new.next_if(|row| row.key == key) {
            match before.iter().position(|other| other.rest == row.rest) {
                Some(same) => drop(before.remove(same)),
                None => after.push(row),
            }
        }
        let both = before.len().min(after.len());
        let pairs = before.iter().zip(&after);
        changes.extend(pairs.map(|(from, to)| Change::Changed { from: from.line, to: to.line }));
        changes.extend(before.iter().skip(both).map(|row| Change::Removed { line: row.line }));
        changes.extend(after.iter().skip(both).map(|row| Change::Added { line: row.line }));
    }
    Ok(Compared { before, after, changes })
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Hashed {
    key: [u8; 16],
    rest: [u8; 16],
    line: u64,
}

fn hashed<const N: usize>(path: &Path, columns: &[Column; N], key: usize) -> Result<Vec<Hashed>, LoadError> {
    let (mut faults, mut all) = (Faults::default(), Vec::new());
    let file = File::open(path).map_err(LoadError::io(path))?;
    let mut whole = Context::new(&SHA256);
    let hash = |fields: &[&str]| -> [u8; 16] {
        let hash = digest(&SHA256, fields.join("\u{1f}").as_bytes());
        std::array::from_fn(|i| hash.as_ref()[i])
    };
    rows::read(path, file, columns, &mut whole, &mut faults, |fields, line| {
        let content = fields.iter().zip(columns).filter(|(_, (_, presence))| *presence != Presence::Note);
        let content: Vec<&str> = content.map(|(field, _)| *field).collect();
        let (key, rest) = content.split_at(key);
        all.push(Hashed { key: hash(key), rest: hash(rest), line });
        Ok(())
    });
    faults.check()?;
    all.sort_unstable();
    Ok(all)
}
