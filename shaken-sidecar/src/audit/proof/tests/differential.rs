//! Roots, proofs, tiles and notes against `tlog_tiles`, `signed_note` and `ct-merkle`, which share no
//! code with us.

use std::collections::BTreeSet;
use std::fs;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::{Hash, HashReader, Tile as TlogTile};

use super::*;

/// The tree as `tlog_tiles` keeps it: every node in one list.
#[derive(Default)]
struct Tlog {
    stored: Vec<Hash>,
    size: u64,
}

impl HashReader for Tlog {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|&index| self.stored[index as usize]).collect())
    }
}

impl Tlog {
    fn of(size: u64) -> Self {
        let mut tlog = Self::default();
        (0..size).for_each(|index| tlog.append(&line(index)));
        tlog
    }

    fn append(&mut self, line: &[u8]) {
        let record = line.strip_suffix(b"\n").unwrap();
        let stored = tlog_tiles::stored_hashes(self.size, record, self).unwrap();
        self.stored.extend(stored);
        self.size += 1;
    }

    fn root(&self, size: u64) -> Hash {
        tlog_tiles::tree_hash(size, self).unwrap()
    }
}

fn bytes<'a>(path: impl IntoIterator<Item = &'a TreeHash>) -> Vec<u8> {
    path.into_iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn theirs(hash: TreeHash) -> Hash {
    Hash(*hash.as_bytes())
}

fn tlog_bytes(path: &[Hash]) -> Vec<u8> {
    path.iter().flat_map(|hash| hash.0).collect()
}

/// A fixed sequence of numbers below `bound`.
fn samples(seed: u64, count: usize, bound: u64) -> impl Iterator<Item = u64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    })
    .take(count)
}

fn same_inclusion(memory: &Memory, tlog: &Tlog, index: u64, size: u64) -> InclusionProof {
    let ours = memory.inclusion(index, size);
    let proof = tlog_tiles::prove_record(size, index, tlog).unwrap();
    assert_eq!(bytes(&ours.path), tlog_bytes(&proof), "record {index} of {size}");
    ours.verify(leaf(index), memory.root(size)).unwrap();
    ours
}

#[test]
fn roots_and_inclusion_proofs_of_every_size_to_1_100() {
    let (memory, tlog) = (Memory::of(1100), Tlog::of(1100));
    let mut ct = MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
    let mut edge = Edge::new();
    let mut proofs = 0;
    for size in 0..=1100_u64 {
        let root = edge.root();
        assert_eq!(*root.as_bytes(), tlog.root(size).0, "{size} leaves");
        assert_eq!(root.as_bytes()[..], ct.root().as_bytes()[..], "{size} leaves");
        assert_eq!(root, memory.root(size));
        let indexes: BTreeSet<u64> = if size <= 70 {
            (0..size).collect()
        } else {
            [0, size / 2, size - 1].into_iter().chain(samples(size, 3, size)).collect()
        };
        for index in indexes {
            let ours = same_inclusion(&memory, &tlog, index, size);
            assert_eq!(bytes(&ours.path), ct.prove_inclusion(index as usize).as_bytes());
            proofs += 1;
        }
        edge.append(leaf(size));
        ct.push(line(size).strip_suffix(b"\n").unwrap().to_vec());
    }
    assert!(proofs > 8000, "{proofs}");
}

#[test]
fn consistency_proofs_of_all_pairs_to_300() {
    let (memory, tlog) = (Memory::of(300), Tlog::of(300));
    let mut ct = MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
    for new in 1..=300_u64 {
        ct.push(line(new - 1).strip_suffix(b"\n").unwrap().to_vec());
        for old in 1..=new {
            let ours = memory.consistency(old, new);
            ours.verify(memory.root(old), memory.root(new)).unwrap();
            assert_eq!(bytes(&ours.path), tlog_bytes(&tlog_tiles::prove_tree(new, old, &tlog).unwrap()));
            if old < new {
                assert_eq!(bytes(&ours.path), ct.prove_consistency((new - old) as usize).as_bytes());
                assert!(ours.verify(memory.root(old), memory.root(new - 1)).is_err());
                assert!(ours.verify(memory.root(old - 1), memory.root(new)).is_err());
            }
        }
    }
    assert_eq!(memory.consistency(0, 7).verify(TreeHash::EMPTY, memory.root(7)), Ok(()));
    assert_eq!(memory.consistency(0, 7).verify(memory.root(1), memory.root(7)), Err(Unproven));
}

#[test]
fn larger_trees() {
    const SIZE: u64 = 140_000;
    let (memory, tlog) = (Memory::of(SIZE), Tlog::of(SIZE));
    for size in [65_535, 65_536, 65_537, 131_072].into_iter().chain(samples(7, 40, SIZE)) {
        assert_eq!(*memory.root(size).as_bytes(), tlog.root(size).0);
        for index in samples(size, 20, size) {
            same_inclusion(&memory, &tlog, index, size);
        }
        for old in samples(size + 1, 20, size).map(|old| old + 1) {
            let ours = memory.consistency(old, size);
            ours.verify(memory.root(old), memory.root(size)).unwrap();
            assert_eq!(bytes(&ours.path), tlog_bytes(&tlog_tiles::prove_tree(size, old, &tlog).unwrap()));
        }
    }
}

/// What is no proof of ours is no proof of theirs, and the other way round.
#[test]
fn changed_proofs_prove_nothing() {
    let memory = Memory::of(200);
    for size in [1_u64, 2, 3, 7, 8, 9, 64, 100, 199, 200] {
        for index in (0..size).step_by(3).chain([size - 1]) {
            let proof = memory.inclusion(index, size);
            let root = memory.root(size);
            let agree = |proof: &InclusionProof, leaf: TreeHash, root: TreeHash| {
                let path = proof.path.iter().map(|&hash| theirs(hash)).collect();
                let tlog =
                    tlog_tiles::check_record(&path, proof.size, theirs(root), proof.index, theirs(leaf));
                let ours = proof.verify(leaf, root);
                assert_eq!(ours.is_ok(), tlog.is_ok(), "{proof:?}");
                ours.is_ok()
            };
            assert!(agree(&proof, leaf(index), root));
            assert!(!agree(&proof, leaf(index + 1), root));
            assert!(!agree(&proof, leaf(index), leaf(0)) || size == 1);
            for at in 0..proof.path.len() {
                let mut changed = proof.clone();
                changed.path[at] = leaf(999);
                assert!(!agree(&changed, leaf(index), root));
                let mut shorter = proof.clone();
                shorter.path.remove(at);
                assert!(!agree(&shorter, leaf(index), root));
            }
            let mut longer = proof.clone();
            longer.path.push(root);
            assert!(!agree(&longer, leaf(index), root));
            for (index_by, size_by) in [(1, 0), (0, 1), (1, 1)] {
                let moved = InclusionProof {
                    index: index + index_by,
                    size: size + size_by,
                    path: proof.path.clone(),
                };
                agree(&moved, leaf(index), root);
            }
        }
        for old in 1..size {
            let proof = memory.consistency(old, size);
            let (from, to) = (memory.root(old), memory.root(size));
            let agree = |proof: &ConsistencyProof| {
                let path = proof.path.iter().map(|&hash| theirs(hash)).collect();
                let tlog =
                    tlog_tiles::check_tree(&path, proof.new_size, theirs(to), proof.old_size, theirs(from));
                let ours = proof.verify(from, to);
                assert_eq!(ours.is_ok(), tlog.is_ok(), "{proof:?}");
                ours.is_ok()
            };
            assert!(agree(&proof));
            for at in 0..proof.path.len() {
                let mut changed = proof.clone();
                changed.path[at] = leaf(999);
                assert!(!agree(&changed));
                let mut shorter = proof.clone();
                shorter.path.remove(at);
                assert!(!agree(&shorter));
            }
            let mut longer = proof.clone();
            longer.path.push(to);
            assert!(!agree(&longer));
            agree(&ConsistencyProof { old_size: old + 1, new_size: size, path: proof.path.clone() });
            agree(&ConsistencyProof { old_size: old, new_size: size + 1, path: proof.path.clone() });
        }
    }
}

/// The files are those that `tlog_tiles` would write, by name and byte, at each of these sizes.
#[test]
fn tiles_on_disk_and_proofs_from_them() {
    const SIZES: [u64; 12] = [1, 2, 255, 256, 257, 511, 512, 700, 65_535, 65_536, 65_793, 70_000];
    let dir = tempfile::tempdir().unwrap();
    let key = key();
    let (memory, tlog) = (Memory::of(70_000), Tlog::of(70_000));
    let mut checkpoints = Vec::new();
    for size in SIZES {
        checkpoints.extend(publish_in(dir.path(), &key, [size]));
        let checkpoint = checkpoints.last().unwrap();
        assert_eq!(*checkpoint.root().as_bytes(), tlog.root(size).0);
        for tile in TlogTile::new_tiles(8, 0, size) {
            let path = tile.path().replace("tile/8/", "tile/");
            let file = fs::read(dir.path().join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert!(file == tile.read_data(&tlog).unwrap(), "{path}");
        }
        let mut tiles = Tiles::new(dir.path(), checkpoint.clone(), Path::new("checkpoint"));
        tiles.check().unwrap();
        for index in samples(size, 20, size).chain([0, size - 1]) {
            assert_eq!(tiles.inclusion(index).unwrap(), memory.inclusion(index, size));
        }
        for old in &checkpoints {
            assert_eq!(tiles.consistency(old).unwrap(), memory.consistency(old.size(), size));
        }
        for old in samples(size, 20, size) {
            assert_eq!(tiles.root_at(old).unwrap(), memory.root(old));
        }
        assert!(matches!(tiles.inclusion(size), Err(ProofError::BeyondTree { .. })));
        assert!(matches!(tiles.root_at(size + 1), Err(ProofError::BeyondTree { .. })));
    }
    // An old checkpoint's tiles, where its partial ones have given way to full ones.
    for old in &checkpoints {
        Tiles::new(dir.path(), old.clone(), Path::new("checkpoint")).check().unwrap();
    }
    let names = |of: &str| {
        let entries = fs::read_dir(dir.path().join(of)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<BTreeSet<_>>()
    };
    assert_eq!(names(""), ["checkpoint", "tile", "unfinished"].map(str::to_owned).into());
    assert_eq!(names("unfinished"), BTreeSet::new());
    assert_eq!(names("tile/1"), ["000", "001.p"].map(str::to_owned).into(), "partial tiles gave way");
}

#[test]
fn notes_and_keys() {
    let dir = tempfile::tempdir().unwrap();
    let key = key();
    key.write_new(&dir.path().join("key")).unwrap();
    let private = fs::read_to_string(dir.path().join("key")).unwrap();
    for size in [0, 1, 70_000, u64::MAX] {
        let checkpoint = Checkpoint::sign(&key, size, leaf(size));
        let verifier = StandardVerifier::new(&key.verifier().to_string()).unwrap();
        let note = Note::from_bytes(checkpoint.note().as_bytes()).unwrap();
        let (good, unknown) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
        assert_eq!((good.len(), unknown.len()), (1, 0));
        let text = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
        assert_eq!((text.origin(), text.size()), (key.origin().as_str(), size));
        assert_eq!((text.hash().0, text.extension()), (*checkpoint.root().as_bytes(), ""));

        // Ed25519 leaves no choice: the same key and text give the same note.
        let signer = StandardSigner::new(private.trim_end()).unwrap();
        let mut note = Note::new(note.text(), &[]).unwrap();
        note.add_sigs(&[&signer]).unwrap();
        assert_eq!(note.to_bytes(), checkpoint.note().as_bytes());
    }
}
