//! Keeps the tree over the lines of a log while it is open.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::proof::{
    Key, Outside, OutsideFile, Proof, ProofOptions, ProofWatch, Resume, VerifyKey, read_checkpoint,
};
use super::{AuditError, Commit, Observer};

/// What a log needs to be proven.
#[derive(Debug)]
pub struct Proving {
    key: Key,
    outside: Vec<Outside>,
    options: ProofOptions,
}

impl Proving {
    /// Checkpoints signed with `key`, each second or every 10,000 records, kept beside the log only.
    #[must_use]
    pub const fn new(key: Key) -> Self {
        Self { key, outside: Vec::new(), options: ProofOptions::new() }
    }

    /// Where copies of each checkpoint go.
    #[must_use]
    pub fn with_outside(mut self, outside: Vec<Outside>) -> Self {
        self.outside = outside;
        self
    }

    /// How often there is one.
    #[must_use]
    pub const fn with_options(mut self, options: ProofOptions) -> Self {
        self.options = options;
        self
    }

    /// What others check the checkpoints with.
    #[must_use]
    pub fn verifier(&self) -> &VerifyKey {
        self.key.verifier()
    }

    /// Reads where the tree of the log in `dir` ends. Leaves in `started` what tells how it goes on.
    pub(super) fn resume(self, dir: &Path, started: Arc<OnceLock<ProofWatch>>) -> Result<Prover, AuditError> {
        let Self { key, outside, options } = self;
        for path in without_copy(dir, key.verifier(), &outside)? {
            tracing::warn!(
                path = %path.display(),
                "no checkpoint of the audit log is in this file: nothing shows that the log is not an older copy"
            );
        }
        let resume = Resume::open(dir, key, outside, options)?;
        Ok(Prover { tree: Tree::Resuming(Box::new(resume)), started })
    }
}

/// The outside files that know nothing of a log that has had checkpoints.
fn without_copy(dir: &Path, key: &VerifyKey, outside: &[Outside]) -> Result<Vec<PathBuf>, AuditError> {
    let mut without = Vec::new();
    if read_checkpoint(dir, key)?.is_none() {
        return Ok(without);
    }
    for place in outside {
        if let Outside::File { path } = place
            && OutsideFile::newest(path, key)?.is_none()
        {
            without.push(path.clone());
        }
    }
    Ok(without)
}

/// Takes every line into the tree, and sees to checkpoints.
#[derive(Debug)]
pub(super) struct Prover {
    tree: Tree,
    started: Arc<OnceLock<ProofWatch>>,
}

#[derive(Debug)]
enum Tree {
    Resuming(Box<Resume>),
    Growing(Proof),
    Closed,
}

impl Observer for Prover {
    fn needs_from(&self) -> u64 {
        match &self.tree {
            Tree::Resuming(resume) => resume.size(),
            Tree::Growing(_) | Tree::Closed => u64::MAX,
        }
    }

    fn found(&mut self, index: u64, line: &[u8]) -> Result<(), AuditError> {
        match &mut self.tree {
            Tree::Resuming(resume) => Ok(resume.record(index, line)?),
            Tree::Growing(_) | Tree::Closed => Ok(()),
        }
    }

    fn complete(&mut self, records: u64) -> Result<(), AuditError> {
        match &self.tree {
            Tree::Resuming(resume) => Ok(resume.check(records)?),
            Tree::Growing(_) | Tree::Closed => Ok(()),
        }
    }

    fn opened(&mut self, records: u64) -> Result<(), AuditError> {
        if let Tree::Resuming(resume) = std::mem::replace(&mut self.tree, Tree::Closed) {
            let proof = resume.finish(records)?;
            // It is opened once.
            let _ = self.started.set(proof.watch());
            self.tree = Tree::Growing(proof);
        }
        Ok(())
    }

    fn durable(&mut self, commit: &Commit<'_>) {
        if let Tree::Growing(proof) = &mut self.tree {
            commit.lines().for_each(|line| proof.append(line));
            let now = Instant::now();
            if proof.checkpoint_due(now) {
                proof.publish(now);
            }
        }
    }

    fn due_at(&self, now: Instant) -> Option<Instant> {
        match &self.tree {
            Tree::Growing(proof) => proof.due_at(now),
            Tree::Resuming(_) | Tree::Closed => None,
        }
    }

    fn wake(&mut self, now: Instant) {
        if let Tree::Growing(proof) = &mut self.tree {
            proof.publish(now);
        }
    }

    fn closed(&mut self, now: Instant) {
        if let Tree::Growing(proof) = std::mem::replace(&mut self.tree, Tree::Closed) {
            proof.close(OUTSIDE_WAIT, now);
        }
    }
}

/// How long the end of the log waits for copies outside. The next start sends the newest anew.
const OUTSIDE_WAIT: Duration = Duration::from_secs(5);
