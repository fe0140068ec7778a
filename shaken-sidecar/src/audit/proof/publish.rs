//! Writes the tree: tiles, then the checkpoint that needs them, each whole and durable before the
//! next.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::checkpoint::Checkpoint;
use super::disk::Disk;
use super::edge::{Edge, Subtree};
use super::error::ProofError;
use super::hash::{HASH_LEN, TreeHash};
use super::key::Key;
use super::tiles::{TILE_HEIGHT, TILE_WIDTH, Tile, Tiles};

/// The tree's edge in memory, and all of it that is not on disk yet.
#[derive(Debug)]
pub(super) struct Publisher<D> {
    disk: D,
    dir: PathBuf,
    key: Key,
    edge: Edge,
    /// Per level, the hashes of the tile that is not full.
    partial: Vec<Vec<TreeHash>>,
    /// Full tiles that are not known to be durable.
    full: Vec<(Tile, Vec<TreeHash>)>,
    /// Partial tiles of the newest checkpoint: known to be durable.
    published: HashSet<Tile>,
    /// Directories whose own names are known to be durable.
    made: HashSet<PathBuf>,
}

impl<D: Disk> Publisher<D> {
    /// Goes on behind the newest checkpoint, whose tiles are read and compared with it.
    ///
    /// # Errors
    /// [`ProofError::Tile`], [`ProofError::Tampered`], [`ProofError::Io`].
    pub(super) fn resume(
        mut disk: D,
        dir: &Path,
        key: Key,
        newest: Option<&Checkpoint>,
    ) -> Result<Self, ProofError> {
        // Left by whoever was stopped in the middle; nothing refers to it.
        let unfinished = dir.join(UNFINISHED);
        disk.remove_dir(&unfinished).map_err(ProofError::io("clear", &unfinished))?;
        let mut publisher = Self {
            disk,
            dir: dir.to_owned(),
            key,
            edge: Edge::new(),
            partial: Vec::new(),
            full: Vec::new(),
            published: HashSet::new(),
            made: HashSet::new(),
        };
        if let Some(newest) = newest {
            let source = dir.join(CHECKPOINT);
            let mut tiles = Tiles::new(dir, newest.clone(), &source);
            publisher.edge = tiles.edge()?;
            for tile in Tile::partial_at(newest.size()) {
                let level = publisher.level(tile.level);
                level.extend_from_slice(tiles.hashes(tile.level, tile.index)?);
                publisher.published.insert(tile);
            }
        }
        Ok(publisher)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn size(&self) -> u64 {
        self.edge.size()
    }

    pub(super) fn root(&self) -> TreeHash {
        self.edge.root()
    }

    /// Number of hashes in memory that wait for [`write_full_tiles`](Self::write_full_tiles).
    pub(super) fn unwritten_hashes(&self) -> usize {
        self.full.len() * TILE_WIDTH
    }

    pub(super) fn append(&mut self, leaf: TreeHash) {
        let (partial, full) = (&mut self.partial, &mut self.full);
        self.edge.append_and(leaf, |Subtree { height, index }, hash| {
            if height % TILE_HEIGHT != 0 {
                return;
            }
            let level = height / TILE_HEIGHT;
            let hashes = level_of(partial, level);
            hashes.push(hash);
            if hashes.len() == TILE_WIDTH {
                let tile = Tile { level, index: index / TILE_WIDTH as u64, width: TILE_WIDTH };
                full.push((tile, std::mem::take(hashes)));
            }
        });
    }

    /// Makes all that was appended durable and signs it. After an error the same call can be made
    /// again: it does every step anew that is not known to be durable, on new files.
    ///
    /// The order is the promise:
    ///
    /// 1. The bytes of tiles, full and partial, and of the checkpoint, in files without their names.
    /// 2. The names of the tiles. A crash here leaves tiles that no checkpoint needs; they are
    ///    written again with the same hashes, as the records they are of were durable before.
    /// 3. The name of the checkpoint. A crash here leaves the one before, whose tiles are all still there.
    /// 4. Partial tiles that a full one replaces are removed. A crash here leaves some of them behind,
    ///    which costs a little room and nothing else.
    ///
    /// All bytes are synced together and each directory once, however many tiles there are: for each sync the
    /// file system may commit its journal, and those of the records wait behind that.
    ///
    /// # Errors
    /// [`ProofError::Io`].
    pub(super) fn publish(&mut self) -> Result<Checkpoint, ProofError> {
        let mut partial = HashMap::new();
        for tile in Tile::partial_at(self.size()) {
            let hashes = self.level(tile.level);
            partial.insert(tile, bytes_of(hashes));
        }
        let new = partial.iter().filter(|(tile, _)| !self.published.contains(tile));
        let new = new.map(|(tile, bytes)| (tile.path(), bytes.clone()));
        let tiles = self.full_tiles().chain(new);
        let checkpoint = Checkpoint::sign(&self.key, self.size(), self.root());
        let note = (PathBuf::from(CHECKPOINT), checkpoint.note().as_bytes().to_vec());
        let files = self.write([note].into_iter().chain(tiles).collect())?;
        let (note, tiles) = files.split_at(1);
        self.name(tiles)?;
        self.name(note)?;
        let replaced: Vec<Tile> = self.full.drain(..).map(|(tile, _)| tile).collect();
        self.published = partial.into_keys().collect();

        for tile in replaced {
            // Clients are told that these may vanish at any time, and nobody else asks for them.
            let mut dir = self.dir.join(tile.path());
            dir.as_mut_os_string().push(".p");
            let _ = self.disk.remove_dir(&dir);
        }
        Ok(checkpoint)
    }

    /// Makes the full tiles durable, so that they need not stay in memory.
    ///
    /// # Errors
    /// [`ProofError::Io`].
    pub(super) fn write_full_tiles(&mut self) -> Result<(), ProofError> {
        let files = self.write(self.full_tiles().collect())?;
        self.name(&files)?;
        self.full.clear();
        Ok(())
    }

    fn full_tiles(&self) -> impl Iterator<Item = (PathBuf, Vec<u8>)> {
        self.full.iter().map(|(tile, hashes)| (tile.path(), bytes_of(hashes)))
    }

    /// Makes the bytes of files durable: all, or an error. Each has yet to get its name.
    fn write(&mut self, files: Vec<(PathBuf, Vec<u8>)>) -> Result<Vec<Unnamed>, ProofError> {
        let unfinished = self.dir.join(UNFINISHED);
        self.disk.make_dir(&unfinished).map_err(ProofError::io("create", &unfinished))?;
        let (names, bytes): (Vec<_>, Vec<_>) = files.into_iter().unzip();
        let files = bytes.into_iter().enumerate().map(|(i, bytes)| (unfinished.join(i.to_string()), bytes));
        let files: Vec<_> = files.collect();
        self.disk.write(&files).map_err(ProofError::io("write files to", &unfinished))?;
        let files = files.into_iter().zip(names);
        Ok(files.map(|((unfinished, _), name)| Unnamed { unfinished, name }).collect())
    }

    /// Gives files their names below the log's directory, and makes those durable: all, or an error.
    fn name(&mut self, files: &[Unnamed]) -> Result<(), ProofError> {
        let mut changes = Changes::default();
        for Unnamed { unfinished, name } in files {
            let path = self.dir.join(name);
            let parent = name.parent().map(Path::to_owned).unwrap_or_default();
            self.make_dirs(&parent, &mut changes)?;
            self.disk.rename(unfinished, &path).map_err(ProofError::io("rename a file to", &path))?;
            changes.in_dirs.insert(parent);
        }
        for dir in changes.in_dirs {
            let path = self.dir.join(dir);
            self.disk.sync_dir(&path).map_err(ProofError::io("sync", &path))?;
        }
        if self.made.len() >= MAX_MADE {
            self.made.clear();
        }
        self.made.extend(changes.made);
        Ok(())
    }

    /// Makes a directory below the log's and all above it. One that is there may be as new as a killed
    /// predecessor, so only what this process has synced counts.
    fn make_dirs(&mut self, dir: &Path, changes: &mut Changes) -> Result<(), ProofError> {
        let Some(parent) = dir.parent() else { return Ok(()) };
        if self.made.contains(dir) || changes.made.contains(dir) {
            return Ok(());
        }
        self.make_dirs(parent, changes)?;
        let path = self.dir.join(dir);
        self.disk.make_dir(&path).map_err(ProofError::io("create", &path))?;
        changes.in_dirs.insert(parent.to_owned());
        changes.made.insert(dir.to_owned());
        Ok(())
    }

    fn level(&mut self, level: u32) -> &mut Vec<TreeHash> {
        level_of(&mut self.partial, level)
    }
}

/// A file whose bytes are durable and whose name is not its own yet.
struct Unnamed {
    unfinished: PathBuf,
    name: PathBuf,
}

/// Names that are not known to be durable, by directories below the log's.
#[derive(Default)]
struct Changes {
    in_dirs: BTreeSet<PathBuf>,
    made: HashSet<PathBuf>,
}

fn level_of(levels: &mut Vec<Vec<TreeHash>>, level: u32) -> &mut Vec<TreeHash> {
    // Lossless: a tree has eight levels of tiles at most.
    let level = level as usize;
    if levels.len() <= level {
        levels.resize_with(level + 1, || Vec::with_capacity(TILE_WIDTH));
    }
    &mut levels[level]
}

fn bytes_of(hashes: &[TreeHash]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(hashes.len() * HASH_LEN);
    hashes.iter().for_each(|hash| bytes.extend_from_slice(hash.as_bytes()));
    bytes
}

/// Name of the newest checkpoint within the log's directory.
pub(super) const CHECKPOINT: &str = "checkpoint";

/// Directory of the files that are being written.
const UNFINISHED: &str = "unfinished";

/// One directory holds the tiles of 256,000 records; those from long ago are not written to again.
const MAX_MADE: usize = 256;
