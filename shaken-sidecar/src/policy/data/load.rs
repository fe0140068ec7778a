//! The files of a policy, read and checked as a whole.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use super::diff::keys_of;
use super::fault::{Faults, LoadError, quoted};
use super::overlap::Overlaps;
use super::right::EvidenceKind;
use super::rows::{self, Column, Presence};
use super::sections::{self, check_id};
use super::snapshot::{self, Contents, Texts};
use super::terms::{RIGHTS, TERMS, Terms, find_all};
use super::time::{Edge, read as read_time};
use super::{
    Customer, CustomerKind, Evidence, Generation, MAX_DEPTH, Policy, Right, Rule, Trunk, Vetting,
    VettingState,
};
use crate::hex::hex;
use crate::policy;
use crate::policy::numbers::{Numbers, Row, Sets, Sorter, Sweep, Table};

/// Reads a policy from `policy.toml` and the files that it names, or from a compiled file.
#[derive(Clone, Debug)]
pub struct Loader {
    path: PathBuf,
    author: Option<String>,
    scratch: PathBuf,
    instead: Vec<(PathBuf, PathBuf)>,
}

/// What was put into a compiled file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compiled {
    /// Which policy it is.
    pub generation: Generation,
    /// How many rows of rights there are.
    pub rows: u64,
}

impl Loader {
    /// Reads what is at `path`. More than four million rows of numbers need a folder to be sorted in:
    /// the one of the system for temporary files.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), author: None, scratch: std::env::temp_dir(), instead: Vec::new() }
    }

    /// The same, put in force by `author`, whatever the file says.
    #[must_use]
    pub fn with_author(self, author: String) -> Self {
        Self { author: Some(author), ..self }
    }

    /// The same, sorting in `scratch`.
    #[must_use]
    pub fn with_scratch(self, scratch: PathBuf) -> Self {
        Self { scratch, ..self }
    }

    /// The same, reading the file at `other` wherever `policy.toml` names `path`: what would be there next.
    #[must_use]
    pub(crate) fn with_instead(mut self, path: PathBuf, other: PathBuf) -> Self {
        self.instead.push((path, other));
        self
    }

    /// The policy, at `now` in seconds since 1970.
    ///
    /// # Errors
    /// [`LoadError`]; nothing is loaded then.
    pub fn load(&self, now: i64) -> Result<Policy, LoadError> {
        match snapshot::open(&self.path) {
            Ok(Some(contents)) => of_contents(contents, &self.path),
            Ok(None) => self.read(now).map(|(policy, ..)| policy),
            Err(error) => Err(LoadError::Snapshot { path: self.path.clone(), error }),
        }
    }

    /// Reads the files and writes all of it to the one file `to`, which [`load`](Self::load) takes in no
    /// more time than checking it takes.
    ///
    /// # Errors
    /// [`LoadError`]; what was at `to` is still there then.
    pub fn compile(&self, to: &Path, now: i64) -> Result<Compiled, LoadError> {
        let (policy, texts, rows) = self.read(now)?;
        snapshot::write(to, &policy, &texts).map_err(LoadError::io(to))?;
        Ok(Compiled { generation: policy.generation, rows })
    }

    /// The policy, what a compiled file has beside its tables, and the count of rows of rights.
    fn read(&self, now: i64) -> Result<(Policy, Texts, u64), LoadError> {
        let toml = read_bytes(&self.path)?;
        let folder = self.path.parent().unwrap_or_else(|| Path::new(""));
        let mut faults = Faults::default();
        let mut hash = Context::new(&SHA256);
        let (mut file, keys) = read_toml(&self.path, &toml, &mut hash)?;
        file.each_path(|path| {
            *path = folder.join(&*path);
            if let Some((_, other)) = self.instead.iter().find(|(named, _)| named == &*path) {
                path.clone_from(other);
            }
        });
        let texts = Texts {
            customers: read_bytes(&file.customers)?,
            evidence: read_bytes(&file.evidence)?,
            toml,
            terms: Vec::new(),
        };
        let head = Head::read(&self.path, (file, keys), &texts, &mut hash, &mut faults);
        let mut terms = Terms::new(&head);
        let rights_path = &head.file.rights;
        let mut sorter = Sorter::new(&self.scratch);
        let (mut sorting, mut count) = (Ok(()), 0);
        let file = File::open(rights_path).map_err(LoadError::io(rights_path))?;
        rows::read(rights_path, file, &RIGHTS, &mut hash, &mut faults, |fields, _| {
            let numbers = Numbers::parse(fields[1])
                .map_err(|error| format!("numbers {}: {error}", quoted(fields[1])))?;
            let right = terms.right_of_row(fields)?;
            count += 1;
            if sorting.is_ok() {
                sorting = sorter.push(numbers, right);
            }
            Ok(())
        });
        sorting.map_err(LoadError::io(&self.scratch))?;
        let do_not_originate = self.list(&head.file.do_not_originate, folder, &mut hash, &mut faults)?;
        let unallocated = self.list(&head.file.unallocated, folder, &mut hash, &mut faults)?;
        faults.check()?;
        let mut overlaps = Overlaps::default();
        let (numbers, sets) = self.table(sorter, rights_path, |row, open| overlaps.see(row, open, &terms))?;
        overlaps.check(rights_path, &mut terms)?;
        let (rights, terms) = terms.finish();
        let generation = Generation {
            sha256: hex(hash.finish().as_ref()),
            author: self.author.clone().or_else(|| head.read.author.clone()),
            loaded_at: now,
        };
        let tables = Tables { numbers, sets, do_not_originate, unallocated };
        let named = [&head.file.customers, &head.file.evidence, &head.file.rights];
        let named = named.into_iter().chain(&head.file.do_not_originate).chain(&head.file.unallocated);
        let sources = [self.path.clone()].into_iter().chain(named.cloned()).collect();
        Ok((head.policy(generation, rights, tables, sources), Texts { terms, ..texts }, count))
    }

    /// The table of the numbers in some files.
    fn list(
        &self,
        files: &[PathBuf],
        folder: &Path,
        hash: &mut Context,
        faults: &mut Faults,
    ) -> Result<Table, LoadError> {
        let mut sorter = Sorter::new(&self.scratch);
        let mut sorting = Ok(());
        for path in files {
            let file = File::open(path).map_err(LoadError::io(path))?;
            rows::read(path, file, &LIST, hash, faults, |[numbers, _], _| {
                let numbers = Numbers::parse(numbers)
                    .map_err(|error| format!("numbers {}: {error}", quoted(numbers)))?;
                if sorting.is_ok() {
                    sorting = sorter.push(numbers, 0);
                }
                Ok(())
            });
        }
        sorting.map_err(LoadError::io(&self.scratch))?;
        let path = files.first().map_or(folder, PathBuf::as_path);
        Ok(self.table(sorter, path, |_, _| ())?.0)
    }

    /// The table of all rows; `see` gets each of them, and those before it that hold its first number.
    fn table(
        &self,
        sorter: Sorter,
        path: &Path,
        mut see: impl FnMut(Row, &[Row]),
    ) -> Result<(Table, Sets), LoadError> {
        let refuse = |error| {
            let mut faults = Faults::default();
            faults.add(path, 0, error);
            LoadError::Faults(faults)
        };
        let mut sweep = Sweep::default();
        for row in sorter.sorted().map_err(LoadError::io(&self.scratch))? {
            let row = row.map_err(LoadError::io(&self.scratch))?;
            sweep.push(row).map_err(refuse)?;
            see(row, sweep.open());
        }
        sweep.finish().map_err(refuse)
    }
}

fn of_contents(contents: Contents, path: &Path) -> Result<Policy, LoadError> {
    let Contents { generation, texts, numbers, sets, do_not_originate, unallocated } = contents;
    let mut faults = Faults::default();
    // What it was is in the file.
    let mut hash = Context::new(&SHA256);
    let (mut file, keys) = read_toml(path, &texts.toml, &mut hash)?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    file.each_path(|path| *path = folder.join(&*path));
    let head = Head::read(path, (file, keys), &texts, &mut hash, &mut faults);
    let mut terms = Terms::new(&head);
    rows::read(path, &*texts.terms, &TERMS, &mut hash, &mut faults, |fields, _| {
        terms.right(fields).map(|_| ())
    });
    faults.check()?;
    let (rights, _) = terms.finish();
    let damaged = |_| LoadError::Snapshot { path: path.to_owned(), error: snapshot::SnapshotError::Damaged };
    let sets = Sets::of_parts(sets, rights.len() as u32).map_err(damaged)?;
    let tables = Tables { numbers, sets, do_not_originate, unallocated };
    Ok(head.policy(generation, rights, tables, vec![path.to_owned()]))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, LoadError> {
    std::fs::read(path).map_err(LoadError::io(path))
}

/// The file, and its keys with their values.
fn read_toml(
    path: &Path,
    bytes: &[u8],
    hash: &mut Context,
) -> Result<(sections::File, BTreeMap<String, String>), LoadError> {
    let refuse = |message: String| {
        let mut faults = Faults::default();
        faults.add(path, 0, message.trim_end());
        LoadError::Faults(faults)
    };
    let text = str::from_utf8(bytes).map_err(|_| refuse("the file is not UTF-8".into()))?;
    let wrong = |error| LoadError::toml(path, text, &error);
    let table: toml::Table = toml::from_str(text).map_err(wrong)?;
    hash.update(toml::to_string(&table).map_err(|error| refuse(error.to_string()))?.as_bytes());
    let file = toml::from_str(text).map_err(wrong)?;
    Ok((file, keys_of(table)))
}

/// What is not numbers.
pub(super) struct Head {
    file: sections::File,
    keys: BTreeMap<String, String>,
    read: sections::Read,
    pub(super) customers: Vec<Customer>,
    pub(super) customer_index: HashMap<String, u32>,
    evidence: Vec<Evidence>,
    pub(super) evidence_index: HashMap<String, u32>,
    pub(super) trunks: Vec<Trunk>,
    recognized: Vec<policy::Trunk>,
    rules: Vec<Rule>,
}

struct Tables {
    numbers: Table,
    sets: Sets,
    do_not_originate: Table,
    unallocated: Table,
}

impl Head {
    fn read(
        path: &Path,
        (file, keys): (sections::File, BTreeMap<String, String>),
        texts: &Texts,
        hash: &mut Context,
        faults: &mut Faults,
    ) -> Self {
        let read = file.read(|message| faults.add(path, 0, message));
        let (evidence, evidence_index) = read_evidence(&file.evidence, &texts.evidence, hash, faults);
        let find_provider = |id: &str| read.providers.iter().position(|provider| provider.id == id);
        let (customers, customer_index) =
            read_customers(&file.customers, &texts.customers, &find_provider, &evidence_index, hash, faults);
        let find_customer = |id: &str| customer_index.get(id).copied();
        let provider_of = |id: &str| {
            let index = find_customer(id)?;
            Some((index, customers.get(index as usize)?.provider))
        };
        let (trunks, recognized) =
            file.trunks(&read.providers, provider_of, |message| faults.add(path, 0, message));
        let rules =
            file.rules(&read.providers, &trunks, find_customer, |message| faults.add(path, 0, message));
        Self {
            file,
            keys,
            read,
            customers,
            customer_index,
            evidence,
            evidence_index,
            trunks,
            recognized,
            rules,
        }
    }

    fn policy(
        self,
        generation: Generation,
        rights: Vec<Right>,
        tables: Tables,
        sources: Vec<PathBuf>,
    ) -> Policy {
        let Self { keys, read, customers, evidence, trunks, recognized, rules, .. } = self;
        let Tables { numbers, sets, do_not_originate, unallocated } = tables;
        Policy {
            generation,
            keys,
            sources,
            mode: read.mode,
            candidate: read.candidate,
            handling: read.handling,
            emergency: read.emergency,
            providers: read.providers,
            trunks,
            recognized,
            customers,
            evidence,
            rules,
            rights,
            numbers,
            sets,
            do_not_originate,
            unallocated,
        }
    }
}

fn read_evidence(
    path: &Path,
    bytes: &[u8],
    hash: &mut Context,
    faults: &mut Faults,
) -> (Vec<Evidence>, HashMap<String, u32>) {
    let (mut all, mut index) = (Vec::new(), HashMap::new());
    rows::read(
        path,
        bytes,
        &EVIDENCE,
        hash,
        faults,
        |[id, kind, sha256, uri, issued, expires, reviewer], _| {
            check_new(id, &index)?;
            let kind = find_word(kind, "type", &EvidenceKind::ALL)?;
            let sha256 = read_sha256(sha256)?;
            let issued_at = read_time(issued, Edge::Start)?;
            let expires_at = read_time(expires, Edge::End)?;
            index.insert((*id).to_owned(), all.len() as u32);
            all.push(Evidence {
                id: (*id).to_owned(),
                kind,
                sha256,
                uri: (*uri).to_owned(),
                issued_at,
                expires_at,
                reviewed_by: (*reviewer).to_owned(),
            });
            Ok(())
        },
    );
    (all, index)
}

fn read_customers(
    path: &Path,
    bytes: &[u8],
    find_provider: &dyn Fn(&str) -> Option<usize>,
    evidence: &HashMap<String, u32>,
    hash: &mut Context,
    faults: &mut Faults,
) -> (Vec<Customer>, HashMap<String, u32>) {
    let (mut all, mut index): (Vec<Customer>, _) = (Vec::new(), HashMap::new());
    let mut parents = Vec::new();
    rows::read(path, bytes, &CUSTOMERS, hash, faults, |fields, line| {
        let [id, provider, kind, parent, kyc, verified, expires, proof] = fields;
        check_new(id, &index)?;
        let provider =
            find_provider(provider).ok_or_else(|| format!("there is no provider {}", quoted(provider)))?;
        let kind = find_word(kind, "kind", &CustomerKind::ALL)?;
        let state = find_word(kyc, "kyc", &VettingState::ALL)?;
        let vetting = Vetting {
            state,
            verified_at: read_time(verified, Edge::Start)?,
            expires_at: read_time(expires, Edge::End)?,
        };
        let evidence = find_all(proof, "evidence", |id| evidence.get(id).copied())?;
        parents.push(((*parent).to_owned(), line));
        index.insert((*id).to_owned(), all.len() as u32);
        all.push(Customer {
            id: (*id).to_owned(),
            provider: provider as u32,
            kind,
            parent: None,
            vetting,
            evidence,
        });
        Ok(())
    });
    for (i, (parent, line)) in parents.iter().enumerate().filter(|(_, (parent, _))| !parent.is_empty()) {
        match index.get(parent) {
            Some(found) if all[*found as usize].provider == all[i].provider => all[i].parent = Some(*found),
            Some(_) => {
                faults.add(path, *line, format!("parent {} is another provider's customer", quoted(parent)))
            }
            None => faults.add(path, *line, format!("there is no customer {}", quoted(parent))),
        }
    }
    for (i, (_, line)) in parents.iter().enumerate() {
        let parents = std::iter::successors(all[i].parent, |index| all[*index as usize].parent);
        if parents.take(MAX_DEPTH).count() == MAX_DEPTH {
            faults.add(
                path,
                *line,
                format!("customers of customers go {MAX_DEPTH} deep at most, and in no circle"),
            );
        }
    }
    (all, index)
}

/// Rows come into the index when all of them is good: a place there is one in the list.
fn check_new(id: &str, index: &HashMap<String, u32>) -> Result<(), String> {
    check_id(id)?;
    if index.contains_key(id) { Err(format!("{} is there already", quoted(id))) } else { Ok(()) }
}

fn find_word<T: Copy>(word: &str, column: &str, all: &[(&'static str, T)]) -> Result<T, String> {
    all.iter().find(|(name, _)| *name == word).map(|(_, found)| *found).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
        format!("{column} {} is none of {}", quoted(word), names.join(", "))
    })
}

fn read_sha256(text: &str) -> Result<Option<[u8; 32]>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    let bytes =
        bytes.filter(|_| rest.is_empty() && !text.contains('+')).and_then(|bytes| bytes.try_into().ok());
    bytes.map(Some).ok_or_else(|| "sha256 is 64 hex digits".into())
}

pub(super) const CUSTOMERS: [Column; 8] = [
    ("customer", Presence::Required),
    ("provider", Presence::Required),
    ("kind", Presence::Required),
    ("parent", Presence::Optional),
    ("kyc", Presence::Required),
    ("verified_at", Presence::Optional),
    ("expires_at", Presence::Optional),
    ("evidence", Presence::Optional),
];

pub(super) const EVIDENCE: [Column; 7] = [
    ("evidence", Presence::Required),
    ("type", Presence::Required),
    ("sha256", Presence::Optional),
    ("uri", Presence::Optional),
    ("issued_at", Presence::Optional),
    ("expires_at", Presence::Optional),
    ("reviewed_by", Presence::Optional),
];

pub(super) const LIST: [Column; 2] = [("numbers", Presence::Required), ("note", Presence::Optional)];
