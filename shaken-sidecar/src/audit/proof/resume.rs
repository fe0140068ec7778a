//! Opening: is this the log that the checkpoints were signed for?

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::checkpoint::Checkpoint;
use super::disk::FileSystem;
use super::error::ProofError;
use super::hash::TreeHash;
use super::key::{Key, VerifyKey};
use super::outside::{Outside, OutsideFile};
use super::publish::{CHECKPOINT, Publisher};
use super::tiles::Tiles;
use super::{Proof, ProofOptions};

/// A tree on its way from disk to [`Proof`]: it has its newest checkpoint and waits for the records
/// that came after. Nothing is signed before all of them fit.
#[derive(Debug)]
pub struct Resume {
    publisher: Publisher<FileSystem>,
    newest: Option<Checkpoint>,
    tiles: Option<Tiles>,
    /// Checkpoints that the records still have to fit, and where each is.
    ahead: Vec<(Checkpoint, PathBuf)>,
    outside: Vec<Outside>,
    options: ProofOptions,
}

impl Resume {
    /// Reads the newest checkpoint in `dir`, the tiles at its edge, and the newest copy in each outside
    /// file, and compares them. The caller holds the lock of the log.
    ///
    /// A log without checkpoint, be it new or older than its key, begins at record 0.
    ///
    /// # Errors
    /// [`ProofError::Checkpoint`] when that in `dir` is damaged or of another key;
    /// [`ProofError::Tile`]; [`ProofError::Tampered`] when tiles and a checkpoint contradict each other;
    /// [`ProofError::Io`].
    pub fn open(
        dir: &Path,
        key: Key,
        outside: Vec<Outside>,
        options: ProofOptions,
    ) -> Result<Self, ProofError> {
        let newest = read_checkpoint(dir, key.verifier())?;
        let mut tiles = newest.clone().map(|newest| Tiles::new(dir, newest, &dir.join(CHECKPOINT)));
        let mut ahead = Vec::new();
        for place in &outside {
            let Outside::File { path } = place else { continue };
            let Some(copy) = OutsideFile::newest(path, key.verifier())? else { continue };
            match &mut tiles {
                Some(tiles) if copy.size() <= tiles.checkpoint().size() => {
                    if tiles.root_at(copy.size())? != copy.root() {
                        return Err(tampered(&copy, path));
                    }
                }
                // Newer than ours, which is never left so by a crash; the records will tell.
                _ => ahead.push((copy, path.clone())),
            }
        }
        let publisher = Publisher::resume(FileSystem, dir, key, newest.as_ref())?;
        let mut resume = Self { publisher, newest, tiles, ahead, outside, options };
        resume.compare()?;
        Ok(resume)
    }

    /// Number of records that the tree has: the index of the next one that it needs.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.publisher.size()
    }

    /// Takes a durable line of the log: the next that the tree needs, or any before it, which is then
    /// compared with its leaf. So a caller that reads its last segment as a whole hands over all of it.
    ///
    /// # Errors
    /// [`ProofError::RecordChanged`] when it is not the record of the tree;
    /// [`ProofError::RecordsMissing`] when it is further on; [`ProofError::Tampered`] when the records
    /// have come to a checkpoint outside that they do not fit; [`ProofError::Tile`] and
    /// [`ProofError::Io`].
    pub fn record(&mut self, index: u64, line: &[u8]) -> Result<(), ProofError> {
        let leaf = TreeHash::of_line(line);
        match &mut self.tiles {
            Some(tiles) if index < tiles.checkpoint().size() => {
                return if tiles.leaf(index)? == leaf {
                    Ok(())
                } else {
                    Err(ProofError::RecordChanged { index })
                };
            }
            _ => {}
        }
        if index != self.size() {
            return Err(ProofError::RecordsMissing { expected: self.size(), found: index });
        }
        self.publisher.append(leaf);
        self.compare()?;
        // Not before the records have proven right: older tiles may be what is left of others.
        if self.ahead.is_empty() && self.publisher.unwritten_hashes() >= MAX_UNWRITTEN_HASHES {
            self.publisher.write_full_tiles()?;
        }
        Ok(())
    }

    /// Ends the check of a log that has `records` in all, and starts the threads that publish.
    ///
    /// # Errors
    /// [`ProofError::Rollback`] when a checkpoint covers more than that; [`ProofError::RecordsMissing`]
    /// when not all came; [`ProofError::Io`] when the system gives no thread.
    pub fn finish(self, records: u64) -> Result<Proof, ProofError> {
        self.check(records)?;
        Proof::start(self.publisher, self.newest, self.outside, self.options)
    }

    /// Whether a log that has `records` in all can go on, as far as is known; changes nothing.
    ///
    /// # Errors
    /// [`ProofError::Rollback`] and [`ProofError::RecordsMissing`], as [`finish`](Self::finish).
    pub fn check(&self, records: u64) -> Result<(), ProofError> {
        let rollback = |checkpoint: &Checkpoint, path: PathBuf| ProofError::Rollback {
            records,
            size: checkpoint.size(),
            checkpoint: path,
        };
        // The one that covers most tells most.
        if let Some((copy, path)) = self.ahead.iter().max_by_key(|(copy, _)| copy.size()) {
            return Err(rollback(copy, path.clone()));
        }
        if let Some(newest) = self.newest.as_ref().filter(|newest| newest.size() > records) {
            return Err(rollback(newest, self.publisher.dir().join(CHECKPOINT)));
        }
        if self.size() != records {
            return Err(ProofError::RecordsMissing { expected: self.size(), found: records });
        }
        Ok(())
    }

    /// Strikes off the checkpoints that the tree has come to.
    fn compare(&mut self) -> Result<(), ProofError> {
        let size = self.size();
        if self.ahead.iter().all(|(copy, _)| copy.size() > size) {
            return Ok(());
        }
        let root = self.publisher.root();
        match self.ahead.iter().find(|(copy, _)| copy.size() == size && copy.root() != root) {
            Some((copy, path)) => Err(tampered(copy, path)),
            None => {
                self.ahead.retain(|(copy, _)| copy.size() > size);
                Ok(())
            }
        }
    }
}

/// The newest checkpoint in a log's directory. Nothing when there is none.
///
/// # Errors
/// [`ProofError::Checkpoint`] when it is damaged or not of this key; [`ProofError::Io`].
pub fn read_checkpoint(dir: &Path, key: &VerifyKey) -> Result<Option<Checkpoint>, ProofError> {
    let path = dir.join(CHECKPOINT);
    match fs::read(&path) {
        Ok(note) => match Checkpoint::parse(&note, key) {
            Ok(checkpoint) => Ok(Some(checkpoint)),
            Err(source) => Err(ProofError::Checkpoint { path, source }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ProofError::io("read", &path)(error)),
    }
}

fn tampered(checkpoint: &Checkpoint, path: &Path) -> ProofError {
    ProofError::Tampered { size: checkpoint.size(), checkpoint: path.to_owned() }
}

/// 2 MB, so that a tree can be made from any number of records.
const MAX_UNWRITTEN_HASHES: usize = 64 * 1024;
