//! The growing end of the tree: what it takes to append to it, in memory of one hash per level.

use super::hash::TreeHash;

/// A Merkle tree (RFC 6962 §2.1) that can be appended to and asked for its root.
///
/// Holds only the complete subtrees that the tree is made of, largest first: one for each bit that
/// is set in its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    subtrees: Vec<TreeHash>,
}

impl Edge {
    /// A tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, subtrees: Vec::new() }
    }

    /// The edge of a tree of `size` leaves, given the hash of each complete subtree.
    ///
    /// `subtree` is asked for a height and an index at that height, as in [`Subtree`].
    pub(super) fn read<E>(
        size: u64,
        mut subtree: impl FnMut(Subtree) -> Result<TreeHash, E>,
    ) -> Result<Self, E> {
        let subtrees = Subtree::cover(0, size).map(&mut subtree).collect::<Result<_, E>>()?;
        Ok(Self { size, subtrees })
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds the next leaf.
    pub fn append(&mut self, leaf: TreeHash) {
        self.append_and(leaf, |_, _| ());
    }

    /// Adds the next leaf and hands over every subtree that is complete by it: the leaf itself, at
    /// height 0, and then upwards.
    pub(super) fn append_and(&mut self, leaf: TreeHash, mut completed: impl FnMut(Subtree, TreeHash)) {
        let mut hash = leaf;
        let mut at = Subtree { height: 0, index: self.size };
        completed(at, hash);
        while at.index & 1 == 1 {
            // unwrap: bit `height` of the size is set, so a subtree of that height is there.
            let left = self.subtrees.pop().expect("one subtree for each bit of the size");
            hash = TreeHash::of_node(left, hash);
            at = Subtree { height: at.height + 1, index: at.index >> 1 };
            completed(at, hash);
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    /// The root of the tree as it is.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        let mut from_the_right = self.subtrees.iter().rev().copied();
        let Some(last) = from_the_right.next() else { return TreeHash::EMPTY };
        from_the_right.fold(last, |right, left| TreeHash::of_node(left, right))
    }
}

/// A complete subtree: the leaves from `index * 2^height`, `2^height` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subtree {
    pub(super) height: u32,
    pub(super) index: u64,
}

impl Subtree {
    /// The complete subtrees that make up the leaves from `start` to before `end`, left to right, if
    /// these are the leaves below one node of some tree: `start` is a multiple of the smallest power
    /// of two that is not less than `end - start`.
    pub(super) fn cover(start: u64, end: u64) -> impl Iterator<Item = Self> {
        let mut at = start;
        std::iter::from_fn(move || {
            let height = (end - at).checked_ilog2()?;
            let subtree = Self { height, index: at >> height };
            at += 1 << height;
            Some(subtree)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inputs and roots that Certificate Transparency implementations test with (the reference
    /// tree of RFC 6962).
    #[test]
    fn the_roots_of_the_reference_tree() {
        let records: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut edge = Edge::new();
        for (size, root) in roots.iter().enumerate() {
            assert_eq!(format!("{:?}", edge.root()), *root, "{size} leaves");
            if let Some(record) = records.get(size) {
                edge.append(TreeHash::of_line(record));
            }
        }
    }

    #[test]
    fn a_cover_is_the_bits_of_the_length() {
        let cover = |start, end| {
            Subtree::cover(start, end).map(|subtree| (subtree.height, subtree.index)).collect::<Vec<_>>()
        };
        assert_eq!(cover(0, 0), []);
        assert_eq!(cover(0, 7), [(2, 0), (1, 2), (0, 6)]);
        assert_eq!(cover(8, 11), [(1, 4), (0, 10)]);
        assert_eq!(cover(0, 1 << 63), [(63, 0)]);
        assert_eq!(cover(0, u64::MAX).len(), 64);
    }
}
