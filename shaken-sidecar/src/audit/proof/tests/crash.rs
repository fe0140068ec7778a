//! Stopping behind every step of a publication, with what a power cut may leave of the steps before,
//! and failing at every step.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::super::disk::Disk;
use super::*;

/// One step of the disk, with what it needs to be done again elsewhere.
#[derive(Clone, Debug)]
enum Op {
    MakeDir(PathBuf),
    Write(Vec<(PathBuf, Vec<u8>)>),
    Rename { to: PathBuf, bytes: Vec<u8> },
    SyncDir(PathBuf),
    RemoveDir(PathBuf),
}

/// Notes every step and does nothing.
#[derive(Clone, Default)]
struct Recorder {
    ops: Arc<Mutex<Vec<Op>>>,
    written: Arc<Mutex<BTreeMap<PathBuf, Vec<u8>>>>,
    /// The step with this number is refused, once.
    refused: Arc<Mutex<Option<usize>>>,
}

impl Recorder {
    fn note(&self, op: Op) -> io::Result<()> {
        let mut ops = self.ops.lock().unwrap();
        if self.refused.lock().unwrap().take_if(|at| *at == ops.len()).is_some() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        ops.push(op);
        Ok(())
    }

    fn len(&self) -> usize {
        self.ops.lock().unwrap().len()
    }
}

impl Disk for Recorder {
    fn make_dir(&mut self, dir: &Path) -> io::Result<()> {
        self.note(Op::MakeDir(dir.to_owned()))
    }

    fn write(&mut self, files: &[(PathBuf, Vec<u8>)]) -> io::Result<()> {
        self.written.lock().unwrap().extend(files.iter().cloned());
        self.note(Op::Write(files.to_vec()))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let bytes = self.written.lock().unwrap().get(from).expect("written before").clone();
        self.note(Op::Rename { to: to.to_owned(), bytes })
    }

    fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        self.note(Op::SyncDir(dir.to_owned()))
    }

    fn remove_dir(&mut self, dir: &Path) -> io::Result<()> {
        self.note(Op::RemoveDir(dir.to_owned()))
    }
}

/// What becomes of a name that was not synced when the power went.
#[derive(Clone, Copy, Debug)]
enum Unsynced {
    /// It was only the process that ended.
    Kept,
    Lost,
    /// Each is kept or lost by itself.
    Either(u64),
}

/// Directories, and files with their bytes.
type Left = (BTreeSet<PathBuf>, BTreeMap<PathBuf, Vec<u8>>);

/// What is on the disk after the first `done` steps; the files under way may have any part of their bytes.
fn left_by(ops: &[Op], done: usize, unsynced: Unsynced) -> Left {
    let synced = |at: usize, name: &Path| {
        let parent = name.parent().unwrap();
        ops[at..done].iter().any(|op| matches!(op, Op::SyncDir(dir) if dir == parent))
    };
    let kept = |at: usize, name: &Path| match unsynced {
        Unsynced::Kept => true,
        Unsynced::Lost => synced(at, name),
        Unsynced::Either(seed) => {
            synced(at, name) || (seed ^ at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 63 == 1
        }
    };
    let mut dirs = BTreeSet::from([PathBuf::new()]);
    let mut files: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for (at, op) in ops[..done].iter().enumerate() {
        match op {
            Op::MakeDir(dir) if kept(at, dir) && dirs.contains(dir.parent().unwrap()) => {
                dirs.insert(dir.clone());
            }
            Op::Rename { to, bytes } if kept(at, to) && dirs.contains(to.parent().unwrap()) => {
                files.insert(to.clone(), bytes.clone());
            }
            Op::RemoveDir(dir) if kept(at, dir) => {
                dirs.retain(|name| !name.starts_with(dir));
                files.retain(|name, _| !name.starts_with(dir));
            }
            _ => {}
        }
    }
    if let Some(Op::Write(under_way)) = ops.get(done) {
        let places = under_way.iter().filter(|(path, _)| dirs.contains(path.parent().unwrap()));
        files.extend(places.map(|(path, bytes)| (path.clone(), bytes[..bytes.len() / 2].to_vec())));
    }
    (dirs, files)
}

fn lay_out(dir: &Path, (dirs, files): Left) {
    dirs.iter().for_each(|name| fs::create_dir_all(dir.join(name)).unwrap());
    files.iter().for_each(|(name, bytes)| fs::write(dir.join(name), bytes).unwrap());
}

#[test]
fn a_crash_behind_any_step_leaves_a_valid_log() {
    // Relative names: the recorder has no directory.
    let recorder = Recorder::default();
    let key = key();
    let mut publisher = Publisher::resume(recorder.clone(), Path::new(""), again(&key), None).unwrap();
    // Steps done and records appended when each checkpoint was promised to be durable.
    let mut promised = vec![(0, 0)];
    let mut appended = Vec::new();
    for size in [1_u64, 3, 255, 256, 257, 600, 1100, 1101, 1300, 1301, 1400] {
        (publisher.size()..size).for_each(|index| publisher.append(leaf(index)));
        appended.push((recorder.len(), size));
        assert_eq!(publisher.publish().unwrap().size(), size);
        promised.push((recorder.len(), size));
    }
    let ops = recorder.ops.lock().unwrap().clone();
    assert!(ops.len() > 100, "{}", ops.len());

    let memory = Memory::of(1500);
    let mut found = BTreeSet::new();
    for done in 0..=ops.len() {
        for unsynced in [Unsynced::Kept, Unsynced::Lost, Unsynced::Either(1), Unsynced::Either(done as u64)] {
            let place = format!("after {done} steps, {unsynced:?}");
            let dir = tempfile::tempdir().unwrap();
            lay_out(dir.path(), left_by(&ops, done, unsynced));

            let newest = read_checkpoint(dir.path(), key.verifier()).expect(&place);
            let size = newest.as_ref().map_or(0, Checkpoint::size);
            let durable = promised.iter().rfind(|(steps, _)| *steps <= done).unwrap().1;
            assert!(size >= durable, "{place}: {durable} were promised, {size} found");
            found.insert(size);
            if let Some(newest) = &newest {
                assert_eq!(newest.root(), memory.root(size), "{place}");
                Tiles::new(dir.path(), newest.clone(), Path::new("checkpoint")).check().expect(&place);
            }

            // The lines were durable before they came to the tree.
            let records =
                appended.iter().rfind(|(steps, _)| *steps <= done).map_or(0, |(_, size)| *size) + 50;
            let mut resume =
                Resume::open(dir.path(), again(&key), Vec::new(), ProofOptions::new()).expect(&place);
            (0..records).for_each(|index| resume.record(index, &line(index)).expect(&place));
            resume.finish(records).expect(&place).close(Duration::ZERO, Instant::now());
            let next = read_checkpoint(dir.path(), key.verifier()).unwrap().unwrap();
            assert_eq!((next.size(), next.root()), (records, memory.root(records)), "{place}");
            Tiles::new(dir.path(), next, Path::new("checkpoint")).check().expect(&place);
        }
    }
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        [0, 1, 3, 255, 256, 257, 600, 1100, 1101, 1300, 1301, 1400]
    );
}

/// A power cut takes what was not synced, so a sync that failed is made good by another of the same.
#[test]
fn what_was_refused_once_is_durable_after_the_next_try() {
    let (key, memory) = (key(), Memory::of(600));
    let mut at = 0;
    loop {
        let place = format!("without step {at}");
        let recorder = Recorder { refused: Arc::new(Mutex::new(Some(at))), ..Recorder::default() };
        let mut publisher = Publisher::resume(recorder.clone(), Path::new(""), again(&key), None)
            .or_else(|_| Publisher::resume(recorder.clone(), Path::new(""), again(&key), None))
            .unwrap();
        for size in [1_u64, 256, 300, 600] {
            (publisher.size()..size).for_each(|index| publisher.append(leaf(index)));
            publisher.publish().or_else(|_| publisher.publish()).unwrap();
            let dir = tempfile::tempdir().unwrap();
            let ops = recorder.ops.lock().unwrap().clone();
            lay_out(dir.path(), left_by(&ops, ops.len(), Unsynced::Lost));
            let newest = read_checkpoint(dir.path(), key.verifier()).unwrap().expect("a checkpoint");
            assert_eq!((newest.size(), newest.root()), (size, memory.root(size)), "{place}");
            Tiles::new(dir.path(), newest, Path::new("checkpoint")).check().expect(&place);
        }
        if recorder.refused.lock().unwrap().is_some() {
            break;
        }
        at += 1;
    }
    assert!(at > 40, "{at} steps");
}

/// The file system, but the step with this number fails, once or from then on.
pub(super) struct Faulty {
    pub(super) next: u64,
    pub(super) fails: std::ops::Range<u64>,
    /// Whether the step that fails is done all the same.
    pub(super) done: bool,
}

impl Faulty {
    fn step(&mut self, step: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let fails = self.fails.contains(&self.next);
        self.next += 1;
        if fails && !self.done {
            return Err(io::ErrorKind::StorageFull.into());
        }
        step()?;
        if fails { Err(io::Error::other("input/output error")) } else { Ok(()) }
    }
}

impl Disk for Faulty {
    fn make_dir(&mut self, dir: &Path) -> io::Result<()> {
        self.step(|| FileSystem.make_dir(dir))
    }

    fn write(&mut self, files: &[(PathBuf, Vec<u8>)]) -> io::Result<()> {
        self.step(|| FileSystem.write(files))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|| FileSystem.rename(from, to))
    }

    fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        self.step(|| FileSystem.sync_dir(dir))
    }

    fn remove_dir(&mut self, dir: &Path) -> io::Result<()> {
        self.step(|| FileSystem.remove_dir(dir))
    }
}

#[test]
fn a_failure_at_any_step_is_told_and_made_good() {
    let key = key();
    let memory = Memory::of(600);
    let mut failures = 0;
    for (fails, done) in (1..).flat_map(|at| [(at, false), (at, true)]) {
        let dir = tempfile::tempdir().unwrap();
        let disk = Faulty { next: 0, fails: fails..fails + 1, done };
        let mut publisher = Publisher::resume(disk, dir.path(), again(&key), None).unwrap();
        let before = failures;
        for size in [1_u64, 256, 300, 600] {
            (publisher.size()..size).for_each(|index| publisher.append(leaf(index)));
            let checkpoint = publisher.publish().or_else(|_| {
                failures += 1;
                let found = read_checkpoint(dir.path(), key.verifier()).unwrap();
                if let Some(found) = found {
                    assert_eq!(found.root(), memory.root(found.size()));
                    Tiles::new(dir.path(), found, Path::new("checkpoint")).check().unwrap();
                }
                publisher.publish()
            });
            let checkpoint = checkpoint.unwrap();
            assert_eq!(checkpoint.root(), memory.root(size));
            let found = read_checkpoint(dir.path(), key.verifier()).unwrap().unwrap();
            assert_eq!(found, checkpoint);
            Tiles::new(dir.path(), found, Path::new("checkpoint")).check().unwrap();
        }
        // Beyond the last step; the removal of partial tiles may fail unseen.
        if failures == before && fails > 60 {
            break;
        }
    }
    assert!(failures > 60, "{failures}");
}
