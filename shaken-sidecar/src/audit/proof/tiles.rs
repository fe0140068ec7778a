//! The tree on disk: static files of up to 256 hashes (c2sp.org/tlog-tiles), and proofs from them.
//!
//! ```text
//! tile/0/000           leaves 0 to 255
//! tile/0/x001/234      leaves 315,904 to 316,159
//! tile/0/x001/235.p/7  the first 7 leaves of the next tile
//! tile/1/000           the roots of tiles 0 to 255 of level 0
//! ```

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::checkpoint::Checkpoint;
use super::edge::{Edge, Subtree};
use super::error::ProofError;
use super::hash::{HASH_LEN, TreeHash};
use super::path::{ConsistencyProof, InclusionProof};

/// One tile file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tile {
    pub(super) level: u32,
    pub(super) index: u64,
    /// Number of hashes in it, from 1 to [`TILE_WIDTH`].
    pub(super) width: usize,
}

impl Tile {
    /// The widest file of this tile that a tree of `size` has. Nothing if the tree does not reach it.
    pub(super) fn at(level: u32, index: u64, size: u64) -> Option<Self> {
        let hashes = size >> (TILE_HEIGHT * level);
        let width = hashes.checked_sub(index * TILE_WIDTH as u64)?.min(TILE_WIDTH as u64);
        // The bound above makes it fit.
        let width = usize::try_from(width).ok().filter(|width| *width > 0)?;
        Some(Self { level, index, width })
    }

    /// The rightmost tile of each level in a tree of `size`, if it is partial.
    pub(super) fn partial_at(size: u64) -> impl Iterator<Item = Self> {
        (0..LEVELS).filter_map(move |level| {
            let hashes = size >> (TILE_HEIGHT * level);
            Self::at(level, hashes / TILE_WIDTH as u64, size)
        })
    }

    /// The file's name below the log's directory.
    pub(super) fn path(self) -> PathBuf {
        let mut name = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            name = format!("x{:03}/{name}", rest % 1000);
            rest /= 1000;
        }
        let mut path = PathBuf::from(format!("{TILES}/{}", self.level));
        path.push(name);
        if self.width < TILE_WIDTH {
            path.as_mut_os_string().push(format!(".p/{}", self.width));
        }
        path
    }
}

/// The tree under one checkpoint, read from its tiles. Every proof is checked against the checkpoint
/// before it is handed out.
#[derive(Debug)]
pub struct Tiles {
    dir: PathBuf,
    checkpoint: Checkpoint,
    source: PathBuf,
    read: HashMap<(u32, u64), Vec<TreeHash>>,
}

impl Tiles {
    /// The tiles in `dir` as `checkpoint` has them, which may be any checkpoint of this log's past.
    /// `source` is where the checkpoint is from, for errors.
    #[must_use]
    pub fn new(dir: &Path, checkpoint: Checkpoint, source: &Path) -> Self {
        Self { dir: dir.to_owned(), checkpoint, source: source.to_owned(), read: HashMap::new() }
    }

    /// The checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The leaf of record `index`.
    ///
    /// # Errors
    /// [`ProofError::BeyondTree`], [`ProofError::Tile`], [`ProofError::Io`].
    pub fn leaf(&mut self, index: u64) -> Result<TreeHash, ProofError> {
        self.must_hold(index, self.checkpoint.size().checked_sub(1))?;
        self.subtree(Subtree { height: 0, index })
    }

    /// The proof that record `index` is in the tree.
    ///
    /// # Errors
    /// [`ProofError::BeyondTree`], [`ProofError::Tile`] and [`ProofError::Io`];
    /// [`ProofError::Tampered`] when the tiles give no proof that fits the checkpoint.
    pub fn inclusion(&mut self, index: u64) -> Result<InclusionProof, ProofError> {
        let leaf = self.leaf(index)?;
        let proof = InclusionProof::build(index, self.checkpoint.size(), |subtree| self.subtree(subtree))?;
        proof.verify(leaf, self.checkpoint.root()).map_err(|_| self.tampered())?;
        Ok(proof)
    }

    /// The proof that this checkpoint's tree begins with that of `old`.
    ///
    /// # Errors
    /// As for [`inclusion`](Self::inclusion).
    pub fn consistency(&mut self, old: &Checkpoint) -> Result<ConsistencyProof, ProofError> {
        let size = self.checkpoint.size();
        self.must_hold(old.size(), Some(size))?;
        let proof = ConsistencyProof::build(old.size(), size, |subtree| self.subtree(subtree))?;
        proof.verify(old.root(), self.checkpoint.root()).map_err(|_| self.tampered())?;
        Ok(proof)
    }

    /// Reads every tile, makes each hash anew from those below it, and compares the root with the
    /// checkpoint. About 32 bytes are read for each record.
    ///
    /// # Errors
    /// [`ProofError::Tile`] for the first tile that does not fit the leaves; [`ProofError::Tampered`]
    /// when they fit each other and not the checkpoint; [`ProofError::Io`].
    pub fn check(&self) -> Result<(), ProofError> {
        let mut edge = Edge::new();
        let mut above: HashMap<u32, (Tile, Vec<TreeHash>)> = HashMap::new();
        for index in 0..self.checkpoint.size().div_ceil(TILE_WIDTH as u64) {
            let (_, leaves) = self.load(0, index)?;
            for leaf in leaves {
                let mut roots = Vec::new();
                edge.append_and(leaf, |subtree, hash| {
                    if subtree.height > 0 && subtree.height % TILE_HEIGHT == 0 {
                        roots.push((subtree, hash));
                    }
                });
                for (Subtree { height, index }, hash) in roots {
                    let (level, at) = (height / TILE_HEIGHT, index % TILE_WIDTH as u64);
                    if at == 0 {
                        above.insert(level, self.load(level, index / TILE_WIDTH as u64)?);
                    }
                    let (tile, hashes) = &above[&level];
                    // Lossless: less than the width.
                    if hashes.get(at as usize) != Some(&hash) {
                        return Err(ProofError::Tile { path: self.dir.join(tile.path()) });
                    }
                }
            }
        }
        if edge.root() == self.checkpoint.root() { Ok(()) } else { Err(self.tampered()) }
    }

    /// The root that the tree had with its first `size` records, by the tiles.
    ///
    /// # Errors
    /// [`ProofError::BeyondTree`], [`ProofError::Tile`], [`ProofError::Io`].
    pub fn root_at(&mut self, size: u64) -> Result<TreeHash, ProofError> {
        self.must_hold(size, Some(self.checkpoint.size()))?;
        Ok(Edge::read(size, |subtree| self.subtree(subtree))?.root())
    }

    /// The edge of the tree, whose root is that of the checkpoint.
    pub(super) fn edge(&mut self) -> Result<Edge, ProofError> {
        let edge = Edge::read(self.checkpoint.size(), |subtree| self.subtree(subtree))?;
        if edge.root() == self.checkpoint.root() { Ok(edge) } else { Err(self.tampered()) }
    }

    /// All hashes of a tile that the tree has.
    pub(super) fn hashes(&mut self, level: u32, index: u64) -> Result<&[TreeHash], ProofError> {
        if !self.read.contains_key(&(level, index)) {
            let (_, hashes) = self.load(level, index)?;
            if self.read.len() >= MAX_READ {
                self.read.clear();
            }
            self.read.insert((level, index), hashes);
        }
        Ok(&self.read[&(level, index)])
    }

    fn subtree(&mut self, subtree: Subtree) -> Result<TreeHash, ProofError> {
        let (level, height) = (subtree.height / TILE_HEIGHT, subtree.height % TILE_HEIGHT);
        // A tile has 256 subtrees of height 0 (its hashes), 128 of height 1, down to 2 of height 7.
        let in_tile = TILE_HEIGHT - height;
        let tile = subtree.index >> in_tile;
        // Lossless: less than the width.
        let start = ((subtree.index - (tile << in_tile)) << height) as usize;
        let mut hashes =
            self.hashes(level, tile)?.get(start..start + (1 << height)).unwrap_or_default().to_vec();
        while hashes.len() > 1 {
            hashes = hashes.chunks_exact(2).map(|pair| TreeHash::of_node(pair[0], pair[1])).collect();
        }
        // Only a caller that asks for a subtree outside the tree finds none.
        hashes.first().copied().ok_or_else(|| self.tampered())
    }

    /// A partial tile gives way to the full one once that is there.
    fn load(&self, level: u32, index: u64) -> Result<(Tile, Vec<TreeHash>), ProofError> {
        let size = self.checkpoint.size();
        let tile = Tile::at(level, index, size).ok_or(ProofError::BeyondTree { asked: index, size })?;
        for found in [tile, Tile { width: TILE_WIDTH, ..tile }] {
            let path = self.dir.join(found.path());
            match fs::read(&path) {
                Ok(bytes) if bytes.len() == found.width * HASH_LEN => {
                    let hashes = bytes.chunks_exact(HASH_LEN).take(tile.width);
                    return Ok((found, hashes.map(TreeHash::from_slice).collect()));
                }
                Ok(_) => return Err(ProofError::Tile { path }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(ProofError::io("read", &path)(error)),
            }
        }
        Err(ProofError::Tile { path: self.dir.join(tile.path()) })
    }

    fn must_hold(&self, asked: u64, most: Option<u64>) -> Result<(), ProofError> {
        if most.is_some_and(|most| asked <= most) {
            return Ok(());
        }
        Err(ProofError::BeyondTree { asked, size: self.checkpoint.size() })
    }

    fn tampered(&self) -> ProofError {
        ProofError::Tampered { size: self.checkpoint.size(), checkpoint: self.source.clone() }
    }
}

/// Directory of the tiles within that of the log.
pub(super) const TILES: &str = "tile";

/// Hashes in a full tile.
pub(super) const TILE_WIDTH: usize = 1 << TILE_HEIGHT;

/// Levels of the tree from one level of tiles to the next.
pub(super) const TILE_HEIGHT: u32 = 8;

/// Levels of tiles that a tree of 2^64 leaves has.
const LEVELS: u32 = 8;

/// A proof needs at most three tiles of each level; 8 KB each.
const MAX_READ: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let path = |level, index, width| Tile { level, index, width }.path().display().to_string();
        assert_eq!(path(0, 0, 256), "tile/0/000");
        assert_eq!(path(0, 999, 256), "tile/0/999");
        assert_eq!(path(1, 1_234_067, 256), "tile/1/x001/x234/067");
        assert_eq!(path(0, 1_234_067, 8), "tile/0/x001/x234/067.p/8");
    }

    /// The example of the specification, and both ends.
    #[test]
    fn a_tree_of_70_000_has_these_partial_tiles() {
        let partial = |size| Tile::partial_at(size).map(|t| (t.level, t.index, t.width)).collect::<Vec<_>>();
        assert_eq!(partial(70_000), [(0, 273, 112), (1, 1, 17), (2, 0, 1)]);
        assert_eq!(partial(256), [(1, 0, 1)]);
        assert_eq!(partial(0), []);
        assert_eq!(partial(u64::MAX).len(), 8);
        assert_eq!(Tile::at(0, 272, 70_000).unwrap().width, 256);
        assert_eq!(Tile::at(0, 274, 70_000), None);
    }
}
