//! The tree against other implementations, against crashes and against whoever changes the log.

mod crash;
mod differential;
mod tamper;
mod threads;

use std::path::Path;

use super::disk::FileSystem;
use super::edge::{Edge, Subtree};
use super::publish::Publisher;
use super::*;

pub(super) fn key() -> Key {
    Key::generate(Origin::parse("voice.example.com/audit").unwrap()).unwrap()
}

/// The same key once more.
pub(super) fn again(key: &Key) -> Key {
    let dir = tempfile::tempdir().unwrap();
    key.write_new(&dir.path().join("key")).unwrap();
    Key::read(&dir.path().join("key")).unwrap()
}

pub(super) fn line(index: u64) -> Vec<u8> {
    format!("{{\"index\":{index}}}\n").into_bytes()
}

pub(super) fn leaf(index: u64) -> TreeHash {
    TreeHash::of_line(&line(index))
}

/// Every complete subtree, in memory: `self.0[height][index]`.
#[derive(Default)]
struct Memory {
    edge: Edge,
    subtrees: Vec<Vec<TreeHash>>,
}

impl Memory {
    fn of(size: u64) -> Self {
        let mut memory = Self::default();
        (0..size).for_each(|index| memory.append(leaf(index)));
        memory
    }

    fn append(&mut self, leaf: TreeHash) {
        let subtrees = &mut self.subtrees;
        self.edge.append_and(leaf, |subtree, hash| {
            let height = subtree.height as usize;
            if subtrees.len() <= height {
                subtrees.push(Vec::new());
            }
            assert_eq!(subtrees[height].len() as u64, subtree.index);
            subtrees[height].push(hash);
        });
    }

    fn subtree(&self, subtree: Subtree) -> Result<TreeHash, Unproven> {
        let level = self.subtrees.get(subtree.height as usize).ok_or(Unproven)?;
        level.get(subtree.index as usize).copied().ok_or(Unproven)
    }

    fn root(&self, size: u64) -> TreeHash {
        Edge::read(size, |subtree| self.subtree(subtree)).unwrap().root()
    }

    fn inclusion(&self, index: u64, size: u64) -> InclusionProof {
        InclusionProof::build(index, size, |subtree| self.subtree(subtree)).unwrap()
    }

    fn consistency(&self, old: u64, new: u64) -> ConsistencyProof {
        ConsistencyProof::build(old, new, |subtree| self.subtree(subtree)).unwrap()
    }
}

/// Brings the log in `dir` to each size in turn, with a checkpoint at each.
fn publish_in(dir: &Path, key: &Key, sizes: impl IntoIterator<Item = u64>) -> Vec<Checkpoint> {
    let newest = read_checkpoint(dir, key.verifier()).unwrap();
    let mut publisher = Publisher::resume(FileSystem, dir, again(key), newest.as_ref()).unwrap();
    let publish = |size| {
        (publisher.size()..size).for_each(|index| publisher.append(leaf(index)));
        publisher.publish().unwrap()
    };
    sizes.into_iter().map(publish).collect()
}
