//! Proofs about the tree (RFC 6962 §2.1): that a record is in it, and that it grew from an earlier
//! one without change. Made from the hashes of complete subtrees, checked without any.

use std::fmt;

use super::edge::Subtree;
use super::hash::TreeHash;

/// That a record is in a tree: its audit path (RFC 6962 §2.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// Index of the record.
    pub index: u64,
    /// Number of records in the tree.
    pub size: u64,
    /// From the sibling of the leaf up to the child of the root.
    pub path: Vec<TreeHash>,
}

impl InclusionProof {
    pub(super) fn build<E>(
        index: u64,
        size: u64,
        mut subtree: impl FnMut(Subtree) -> Result<TreeHash, E>,
    ) -> Result<Self, E> {
        let mut siblings = Vec::new();
        let (mut start, mut end) = (0, size);
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                siblings.push((middle, end));
                end = middle;
            } else {
                siblings.push((start, middle));
                start = middle;
            }
        }
        let path = siblings
            .into_iter()
            .rev()
            .map(|(start, end)| run_hash(start, end, &mut subtree))
            .collect::<Result<_, E>>()?;
        Ok(Self { index, size, path })
    }

    /// Checks that the record with this `leaf` is in the tree with this `root`.
    ///
    /// # Errors
    /// [`Unproven`] if the proof does not show that, or the index is not in the tree at all.
    pub fn verify(&self, leaf: TreeHash, root: TreeHash) -> Result<(), Unproven> {
        if self.index >= self.size {
            return Err(Unproven);
        }
        let mut path = self.path.iter().copied();
        let (mut at, mut last) = (self.index, self.size - 1);
        let mut hash = leaf;
        while last > 0 {
            // The last node of a level that has no sibling goes up as it is.
            if at & 1 == 1 {
                hash = TreeHash::of_node(path.next().ok_or(Unproven)?, hash);
            } else if at < last {
                hash = TreeHash::of_node(hash, path.next().ok_or(Unproven)?);
            }
            at >>= 1;
            last >>= 1;
        }
        if path.next().is_none() && hash == root { Ok(()) } else { Err(Unproven) }
    }
}

/// That a tree holds an earlier one unchanged at its beginning (RFC 6962 §2.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// Number of records in the earlier tree.
    pub old_size: u64,
    /// Number of records in the later tree.
    pub new_size: u64,
    /// The nodes, in the order of RFC 6962. None when the sizes are equal or the earlier is 0.
    pub path: Vec<TreeHash>,
}

impl ConsistencyProof {
    /// `old_size` is not more than `new_size`.
    pub(super) fn build<E>(
        old_size: u64,
        new_size: u64,
        mut subtree: impl FnMut(Subtree) -> Result<TreeHash, E>,
    ) -> Result<Self, E> {
        let mut runs = Vec::new();
        if 0 < old_size && old_size < new_size {
            let (mut start, mut end) = (0, new_size);
            while end != old_size {
                let middle = start + split(end - start);
                if old_size <= middle {
                    runs.push((middle, end));
                    end = middle;
                } else {
                    runs.push((start, middle));
                    start = middle;
                }
            }
            // When the old tree is one complete subtree from 0, its hash is its root, which whoever
            // checks the proof has.
            if start > 0 {
                runs.push((start, end));
            }
        }
        let path = runs
            .into_iter()
            .rev()
            .map(|(start, end)| run_hash(start, end, &mut subtree))
            .collect::<Result<_, E>>()?;
        Ok(Self { old_size, new_size, path })
    }

    /// Checks that the tree with `new_root` begins with all of the tree with `old_root`.
    ///
    /// # Errors
    /// [`Unproven`] if the proof does not show that.
    pub fn verify(&self, old_root: TreeHash, new_root: TreeHash) -> Result<(), Unproven> {
        let shown = |holds| if holds { Ok(()) } else { Err(Unproven) };
        if self.old_size == 0 || self.old_size == self.new_size {
            let same = if self.old_size == self.new_size { new_root } else { TreeHash::EMPTY };
            return shown(self.path.is_empty() && old_root == same);
        }
        if self.old_size > self.new_size {
            return Err(Unproven);
        }
        let mut path = self.path.iter().copied();
        // From the lowest node of the old tree's edge that is complete in both trees.
        let up = self.old_size.trailing_zeros();
        let (mut at, mut last) = ((self.old_size - 1) >> up, (self.new_size - 1) >> up);
        let first = if at == 0 { old_root } else { path.next().ok_or(Unproven)? };
        let (mut old, mut new) = (first, first);
        while last > 0 {
            if at & 1 == 1 {
                let left = path.next().ok_or(Unproven)?;
                old = TreeHash::of_node(left, old);
                new = TreeHash::of_node(left, new);
            } else if at < last {
                new = TreeHash::of_node(new, path.next().ok_or(Unproven)?);
            }
            at >>= 1;
            last >>= 1;
        }
        shown(path.next().is_none() && old == old_root && new == new_root)
    }
}

/// A proof that does not prove what it was checked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unproven;

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the proof does not fit the tree")
    }
}

impl std::error::Error for Unproven {}

/// How many of `len` leaves, 2 at least, are below the left child: the largest power of two that is
/// less than `len`.
fn split(len: u64) -> u64 {
    1 << (len - 1).ilog2()
}

/// The hash of the node above the leaves from `start` to before `end`.
fn run_hash<E>(
    start: u64,
    end: u64,
    subtree: &mut impl FnMut(Subtree) -> Result<TreeHash, E>,
) -> Result<TreeHash, E> {
    let hashes = Subtree::cover(start, end).map(subtree).collect::<Result<Vec<_>, E>>()?;
    Ok(hashes
        .into_iter()
        .rev()
        .reduce(|right, left| TreeHash::of_node(left, right))
        .unwrap_or(TreeHash::EMPTY))
}
