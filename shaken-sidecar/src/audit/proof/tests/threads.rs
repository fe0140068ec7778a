//! The threads behind [`Proof`]: when they publish, and what they tell when they cannot.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::super::disk::Disk;
use super::crash::Faulty;
use super::*;

fn options() -> ProofOptions {
    ProofOptions::new().with_interval(Duration::from_secs(1)).with_records(10)
}

fn start<D: Disk>(disk: D, dir: &Path, key: &Key) -> Proof {
    let publisher = Publisher::resume(disk, dir, again(key), None).unwrap();
    Proof::start(publisher, None, Vec::new(), options()).unwrap()
}

fn wait_for(watch: &ProofWatch, holds: impl Fn(&ProofState) -> bool) -> ProofState {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let state = watch.state();
        if holds(&state) {
            return state;
        }
        assert!(Instant::now() < deadline, "{state:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_checkpoint_is_due_after_the_interval_or_enough_records() {
    let dir = tempfile::tempdir().unwrap();
    let mut proof = start(FileSystem, dir.path(), &key());
    let second = Duration::from_secs(1);
    let now = Instant::now();
    assert_eq!(proof.due_at(now), None);
    assert!(!proof.checkpoint_due(now));
    // The first after a silence waits for nothing.
    proof.append(b"{}");
    assert!(proof.checkpoint_due(now));
    proof.publish(now);
    assert!(!proof.checkpoint_due(now + 5 * second), "nothing waits");

    proof.append(b"{}");
    assert_eq!(proof.due_at(now), Some(now + second));
    assert!(!proof.checkpoint_due(now + second / 2));
    assert!(proof.checkpoint_due(now + second));
    (1..9).for_each(|_| proof.append(b"{}"));
    assert!(!proof.checkpoint_due(now));
    proof.append(b"{}");
    assert!(proof.checkpoint_due(now), "ten wait");
    proof.publish(now);
    let state = wait_for(&proof.watch(), |state| state.waiting_records == 0);
    assert_eq!((state.size, state.failures, state.stopped), (11, 0, false));
}

#[test]
fn a_disk_that_fails_is_told_and_tried_again() {
    let (dir, key) = (tempfile::tempdir().unwrap(), key());
    let mut proof = start(Faulty { next: 0, fails: 8..60, done: false }, dir.path(), &key);
    let watch = proof.watch();
    let mut records = 0;
    let mut failed = None;
    while watch.state().size < 100 || watch.state().waiting_records > 0 {
        let before = watch.state().failures;
        proof.append(&line(records));
        proof.publish(Instant::now());
        records += 1;
        let state = wait_for(&watch, |state| state.waiting_records == 0 || state.failures > before);
        failed = state.last_error.or(failed);
        assert!(records < 10_000, "{:?}", watch.state());
    }
    assert!(failed.unwrap().contains("no storage space"), "an error a person can act on");
    let state = watch.state();
    assert!(state.failures > 0 && state.last_error.is_none() && !state.stopped, "{state:?}");
    proof.close(Duration::ZERO, Instant::now());
    let newest = read_checkpoint(dir.path(), key.verifier()).unwrap().unwrap();
    assert_eq!((newest.size(), newest.root()), (records, Memory::of(records).edge.root()));
}

/// Memory does not grow for ever, and whoever appends is never held up.
#[test]
fn a_disk_that_never_comes_back_stops_the_tree_until_a_restart() {
    let (dir, key) = (tempfile::tempdir().unwrap(), key());
    let mut proof = start(Faulty { next: 0, fails: 1..u64::MAX, done: false }, dir.path(), &key);
    let watch = proof.watch();
    for _ in 0..MAX_WAITING_RECORDS / 65_536 {
        (0..65_536).for_each(|_| proof.append(b"{}"));
        proof.publish(Instant::now());
    }
    assert!(!watch.state().stopped);
    proof.append(b"{}");
    proof.publish(Instant::now());
    assert!(watch.state().stopped);
    proof.append(b"{}");
    proof.publish(Instant::now());
    drop(proof);
    assert_eq!(watch.state().size, 0);
    assert_eq!(read_checkpoint(dir.path(), key.verifier()).unwrap(), None);
}

/// Panics at its third step.
struct Panicking(Mutex<u32>);

impl Panicking {
    fn step(&self) -> std::io::Result<()> {
        let mut steps = self.0.lock().unwrap();
        *steps += 1;
        assert!(*steps < 3, "a defect of ours");
        Ok(())
    }
}

impl Disk for Panicking {
    fn make_dir(&mut self, _: &Path) -> std::io::Result<()> {
        self.step()
    }

    fn write(&mut self, _: &[(PathBuf, Vec<u8>)]) -> std::io::Result<()> {
        self.step()
    }

    fn rename(&mut self, _: &Path, _: &Path) -> std::io::Result<()> {
        self.step()
    }

    fn sync_dir(&mut self, _: &Path) -> std::io::Result<()> {
        self.step()
    }

    fn remove_dir(&mut self, _: &Path) -> std::io::Result<()> {
        self.step()
    }
}

#[test]
fn a_panic_of_the_thread_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut proof = start(Panicking(Mutex::new(0)), dir.path(), &key());
    proof.append(b"{}");
    proof.publish(Instant::now());
    wait_for(&proof.watch(), |state| state.stopped);
    proof.append(b"{}");
    proof.publish(Instant::now());
    assert!(proof.queue.is_none(), "nothing is kept for a thread that is gone");
}
