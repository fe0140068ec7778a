//! Every change, cut and rollback that an outside copy covers is found.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

/// A log of some records with an outside copy, and its directory as it was at some sizes.
struct Log {
    home: tempfile::TempDir,
    key: Key,
}

impl Log {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), key: key() }
    }

    fn dir(&self) -> PathBuf {
        let dir = self.home.path().join("log");
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn outside(&self) -> Vec<Outside> {
        vec![Outside::File { path: self.home.path().join("outside") }]
    }

    fn open(&self) -> Result<Resume, ProofError> {
        Resume::open(&self.dir(), again(&self.key), self.outside(), ProofOptions::new())
    }

    /// Opens the log with these lines and closes it again, with a checkpoint over all of them inside and
    /// outside.
    fn bring_to(&self, lines: &[Vec<u8>]) -> Result<(), ProofError> {
        let mut resume = self.open()?;
        for (index, line) in (0..).zip(lines) {
            resume.record(index, line)?;
        }
        resume.finish(lines.len() as u64)?.close(Duration::from_secs(10), Instant::now());
        Ok(())
    }

    fn snapshot(&self, name: &str) {
        copy(&self.dir(), &self.home.path().join(name));
    }

    fn restore(&self, name: &str) {
        fs::remove_dir_all(self.dir()).unwrap();
        copy(&self.home.path().join(name), &self.dir());
    }

    fn tiles(&self) -> Tiles {
        let newest = read_checkpoint(&self.dir(), self.key.verifier()).unwrap().unwrap();
        Tiles::new(&self.dir(), newest, Path::new("checkpoint"))
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to)
        } else {
            drop(fs::copy(entry.path(), to))
        }
    }
}

fn lines(records: u64) -> Vec<Vec<u8>> {
    (0..records).map(line).collect()
}

fn refused<T>(result: Result<T, ProofError>) -> ProofError {
    result.err().expect("this has to be refused")
}

#[test]
fn an_older_copy_of_the_directory_is_refused() {
    let log = Log::new();
    log.bring_to(&lines(500)).unwrap();
    log.snapshot("at 500");
    log.bring_to(&lines(900)).unwrap();
    log.bring_to(&lines(900)).unwrap();
    log.restore("at 500");
    let told = refused(log.bring_to(&lines(500)));
    let outside = log.home.path().join("outside");
    assert!(
        matches!(&told, ProofError::Rollback { records: 500, size: 900, checkpoint } if *checkpoint == outside),
        "{told}"
    );
    // Then other records are put where those that are missing were.
    for other_from in [500, 700, 899] {
        let mut others = lines(900);
        others[other_from] = b"{\"other\":1}\n".to_vec();
        let told = refused(log.bring_to(&others));
        assert!(
            matches!(&told, ProofError::Tampered { size: 900, checkpoint } if *checkpoint == outside),
            "{told}"
        );
    }
    // Nothing of this was signed, and the right records still are.
    log.bring_to(&lines(1000)).unwrap();
    log.tiles().check().unwrap();
}

#[test]
fn records_cut_off_the_end_are_refused_by_the_checkpoint_inside_too() {
    let log = Log::new();
    log.bring_to(&lines(300)).unwrap();
    for records in [0, 1, 299] {
        let resume = Resume::open(&log.dir(), again(&log.key), Vec::new(), ProofOptions::new()).unwrap();
        let told = refused(resume.finish(records));
        assert!(matches!(told, ProofError::Rollback { records: r, size: 300, .. } if r == records), "{told}");
    }
    // With the checkpoint gone as well, the copy outside tells.
    fs::remove_file(log.dir().join("checkpoint")).unwrap();
    let told = refused(log.bring_to(&lines(299)));
    assert!(matches!(told, ProofError::Rollback { records: 299, size: 300, .. }), "{told}");
    log.bring_to(&lines(300)).unwrap();
}

#[test]
fn a_history_signed_anew_with_the_same_key_is_refused() {
    let log = Log::new();
    log.bring_to(&lines(300)).unwrap();
    for records in [299, 300, 700] {
        let forged = Log { home: tempfile::tempdir().unwrap(), key: again(&log.key) };
        let mut others = lines(records);
        others[7] = b"{\"other\":1}\n".to_vec();
        forged.bring_to(&others).unwrap();
        fs::remove_dir_all(log.dir()).unwrap();
        copy(&forged.dir(), &log.dir());
        let told = refused(log.bring_to(&others));
        match told {
            ProofError::Rollback { size: 300, .. } if records < 300 => {}
            ProofError::Tampered { size: 300, .. } => {}
            _ => panic!("{told}"),
        }
    }
}

#[test]
fn another_key_is_refused() {
    let log = Log::new();
    log.bring_to(&lines(3)).unwrap();
    let told = refused(Resume::open(&log.dir(), key(), Vec::new(), ProofOptions::new()));
    assert!(matches!(told, ProofError::Checkpoint { source: NoteError::OtherKey, .. }), "{told}");
}

#[test]
fn every_changed_record_is_named() {
    let log = Log::new();
    log.bring_to(&lines(300)).unwrap();
    let mut resume = log.open().unwrap();
    for index in 0..300 {
        resume.record(index, &line(index)).unwrap();
        let told = refused(resume.record(index, &line(index + 1)));
        assert!(matches!(told, ProofError::RecordChanged { index: i } if i == index), "{told}");
    }
    let told = refused(resume.record(301, &line(301)));
    assert!(matches!(told, ProofError::RecordsMissing { expected: 300, found: 301 }), "{told}");
    resume.record(300, &line(300)).unwrap();
    let told = refused(resume.finish(302));
    assert!(matches!(told, ProofError::RecordsMissing { expected: 301, found: 302 }), "{told}");
}

/// Inside, a bit of the checkpoint; at the next start.
#[test]
fn every_flipped_bit_of_the_checkpoint_is_found() {
    let log = Log::new();
    log.bring_to(&lines(300)).unwrap();
    let path = log.dir().join("checkpoint");
    let note = fs::read(&path).unwrap();
    for bit in 0..note.len() * 8 {
        let mut damaged = note.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, damaged).unwrap();
        let told = refused(read_checkpoint(&log.dir(), log.key.verifier()));
        assert!(matches!(told, ProofError::Checkpoint { .. }), "bit {bit}: {told}");
    }
    assert!(log.open().is_err());
    fs::write(&path, note).unwrap();
    log.bring_to(&lines(300)).unwrap();
}

#[test]
fn every_flipped_bit_of_every_tile_is_found() {
    let log = Log::new();
    log.bring_to(&lines(300)).unwrap();
    let tiles = log.tiles();
    for (name, at_start) in [("tile/0/000", false), ("tile/0/001.p/44", true), ("tile/1/000.p/1", true)] {
        let path = log.dir().join(name);
        let tile = fs::read(&path).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        for bit in 0..tile.len() * 8 {
            let (at, byte) = (bit / 8, tile[bit / 8]);
            file.write_all_at(&[byte ^ 1 << (bit % 8)], at as u64).unwrap();
            let told = refused(tiles.check());
            assert!(
                matches!(told, ProofError::Tile { .. } | ProofError::Tampered { .. }),
                "{name} {bit}: {told}"
            );
            if at_start && bit % 32 == 0 {
                assert!(matches!(refused(log.open()), ProofError::Tampered { .. }), "{name} {bit}");
            }
            // No proof is handed out from it, and its record does not fit it.
            if !at_start && bit % 256 == 77 {
                let index = bit as u64 / 256;
                assert!(matches!(refused(log.tiles().inclusion(index)), ProofError::Tampered { .. }));
                let told = refused(log.open().unwrap().record(index, &line(index)));
                assert!(matches!(told, ProofError::RecordChanged { .. }), "{told}");
            }
            file.write_all_at(&[byte], at as u64).unwrap();
        }
        for bad in [&tile[..tile.len() - 1], &[&tile[..], b"x"].concat(), b""] {
            fs::write(&path, bad).unwrap();
            assert!(matches!(refused(tiles.check()), ProofError::Tile { path: p } if p == path));
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(refused(tiles.check()), ProofError::Tile { path: p } if p == path));
        fs::write(&path, &tile).unwrap();
    }
    tiles.check().unwrap();
}

/// Damaged tiles are no loss while the records are there: both are moved away, and the copy outside
/// still says whether the records are the right ones.
#[test]
fn tiles_can_be_made_again_from_the_records() {
    let log = Log::new();
    log.bring_to(&lines(70_000)).unwrap();
    fs::remove_dir_all(log.dir()).unwrap();
    let mut others = lines(70_000);
    others[3] = b"{}".to_vec();
    assert!(matches!(refused(log.bring_to(&others)), ProofError::Tampered { size: 70_000, .. }));
    assert!(!log.dir().join("tile").exists(), "nothing is written before the records have proven right");
    fs::remove_dir_all(log.dir()).unwrap();
    log.bring_to(&lines(140_000)).unwrap();
    log.tiles().check().unwrap();
}

#[derive(Clone, Debug)]
enum Step {
    Append(u64),
    Publish,
    Restart,
    /// The process ends without a last checkpoint.
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_u64..600).prop_map(Step::Append),
        3 => Just(Step::Publish),
        1 => Just(Step::Restart),
        1 => Just(Step::Kill),
    ];
    prop::collection::vec(step, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever comes in whatever order: each checkpoint is that of the plain tree, and the first one is
    /// part of the last.
    #[test]
    fn random_batches_and_restarts(steps in steps()) {
        let log = Log::new();
        let memory = Memory::of(9000);
        let start = |records: u64| {
            let mut resume = log.open().unwrap();
            // As from a last segment: part of what the tree has, and all that it has not.
            for index in resume.size().saturating_sub(100)..records {
                resume.record(index, &line(index)).unwrap();
            }
            resume.finish(records).unwrap()
        };
        let mut records = 0;
        let mut proof = Some(start(0));
        for step in steps {
            let open = proof.as_mut().unwrap();
            match step {
                Step::Append(more) => {
                    (records..records + more).for_each(|index| open.append(&line(index)));
                    records += more;
                }
                Step::Publish => open.publish(Instant::now()),
                Step::Restart => {
                    proof.take().unwrap().close(Duration::ZERO, Instant::now());
                    proof = Some(start(records));
                }
                Step::Kill => {
                    open.leaves.clear();
                    drop(proof.take());
                    proof = Some(start(records));
                }
            }
        }
        proof.take().unwrap().close(Duration::from_secs(10), Instant::now());
        let key = log.key.verifier();
        if let Some(newest) = read_checkpoint(&log.dir(), key).unwrap() {
            prop_assert_eq!((newest.size(), newest.root()), (records, memory.root(records)));
            let mut tiles = log.tiles();
            tiles.check().unwrap();
            let copies = log.home.path().join("outside");
            prop_assert_eq!(OutsideFile::newest(&copies, key).unwrap(), Some(newest));
            for copy in OutsideFile::open(&copies, key).unwrap().unwrap() {
                let copy = copy.unwrap().unwrap();
                prop_assert_eq!(copy.root(), memory.root(copy.size()));
                tiles.consistency(&copy).unwrap();
            }
        } else {
            prop_assert_eq!(records, 0);
        }
    }
}
