//! Which carrier holds which numbers, by its own lists.

use std::path::{Path, PathBuf};

use super::export_file::read;
use crate::policy::data::{Faults, LoadError, quoted};
use crate::policy::numbers::{E164, Numbers, Sets, Sorter, Sweep, Table};

/// The numbers of carriers.
#[derive(Debug)]
pub struct Inventory {
    table: Table,
    sets: Sets,
    carriers: Vec<String>,
}

impl Inventory {
    /// Reads lists, each with the name of the carrier whose it is. Columns: `numbers` (one, a range or a
    /// prefix), and `carrier`, which counts in place of the name where it is not empty.
    ///
    /// # Errors
    /// [`LoadError`]: the file and line of each row that is wrong.
    pub fn read(files: &[(String, PathBuf)]) -> Result<Self, LoadError> {
        let scratch = std::env::temp_dir();
        let (mut sorter, mut faults) = (Sorter::new(&scratch), Faults::default());
        let mut carriers: Vec<String> = Vec::new();
        let mut sorting = Ok(());
        for (name, path) in files {
            read(path, &COLUMNS, &[0], &mut faults, |[numbers, carrier], _| {
                let numbers = Numbers::parse(numbers)
                    .map_err(|error| format!("numbers {}: {error}", quoted(numbers)))?;
                let carrier = if carrier.is_empty() { name } else { *carrier };
                let place = carriers.iter().position(|known| known == carrier).unwrap_or_else(|| {
                    carriers.push(carrier.to_owned());
                    carriers.len() - 1
                });
                if sorting.is_ok() {
                    sorting = sorter.push(numbers, place as u32);
                }
                Ok(())
            })?;
        }
        sorting.map_err(LoadError::io(&scratch))?;
        faults.check()?;
        let refuse = |error| {
            let mut faults = Faults::default();
            faults.add(files.first().map_or_else(|| Path::new(""), |(_, path)| path), 0, error);
            LoadError::Faults(faults)
        };
        let mut sweep = Sweep::default();
        for row in sorter.sorted().map_err(LoadError::io(&scratch))? {
            sweep.push(row.map_err(LoadError::io(&scratch))?).map_err(refuse)?;
        }
        let (table, sets) = sweep.finish().map_err(refuse)?;
        Ok(Self { table, sets, carriers })
    }

    /// The numbers that somebody has.
    #[must_use]
    pub fn numbers(&self) -> &Table {
        &self.table
    }

    /// The carriers that say they hold a number.
    pub fn holders(&self, number: E164) -> impl Iterator<Item = &str> {
        let members = self.table.lookup(number).into_iter().flat_map(|name| self.sets.members(name));
        members.filter_map(|place| self.carriers.get(place as usize)).map(String::as_str)
    }
}

const COLUMNS: [&[&str]; 2] = [&["numbers", "number", "range", "TelephoneNumber"], &["carrier"]];
