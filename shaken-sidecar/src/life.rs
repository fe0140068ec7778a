//! The daemon as a process: what is in force and how it is replaced, how it does, and what it tells its
//! supervisor.
//!
//! ```text
//! SIGHUP, POST /admin/v1/reload -> reload       everything read and checked, then one swap
//! lists::refresh                -> put_trust    the same swap, with a newer list
//! each second                   -> watch        clock, sockets, listeners, writer; watchdog
//! /ready /live /healthz         -> health       what is wrong, by name
//! ```

pub mod activation;
pub mod clock;
pub mod health;
mod reload;
pub mod sandbox;
mod supervisor;
mod watch;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use shaken_core::Trust;
use tokio::sync::Notify;

use crate::call::Calls;
use crate::config::Fixed;
use crate::listen::{Pulse, SocketWatch};
use crate::lists::{Lists, ListsState};
use crate::ruling::Ruling;
use health::Health;
pub use reload::Reloaded;
pub(crate) use reload::keep_policy;
use sandbox::Sandbox;
pub(crate) use supervisor::{tell_ready, tell_stopping};
pub(crate) use watch::watch;

/// What the daemon is, besides the calls under way.
#[derive(Debug)]
pub struct Life {
    calls: Arc<Calls>,
    /// Where its configuration is.
    config: PathBuf,
    fixed: Fixed,
    sandbox: Sandbox,
    doors: Vec<Pulse>,
    sockets: Vec<SocketWatch>,
    /// One swap at a time: of two, the later would undo what it has not seen.
    turn: tokio::sync::Mutex<()>,
    /// Something else is in force.
    swapped: Notify,
    facts: Mutex<Facts>,
}

/// How often reloads took effect, and did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloads {
    /// That took effect.
    pub good: u64,
    /// That were refused.
    pub refused: u64,
}

/// The daemon at one moment.
#[derive(Debug)]
#[non_exhaustive]
pub struct LifeState {
    /// What is wrong.
    pub health: Health,
    /// Which configuration is in force, from 1 at the start.
    pub generation: u64,
    /// When it was loaded, seconds since 1970.
    pub loaded_at: u64,
    /// How reloads went.
    pub reloads: Reloads,
    /// Jumps of the clock.
    pub clock_steps: u64,
    /// How far the kernel confines the daemon, 0 to 2.
    pub sandbox: u64,
    /// When our own certificate ends, seconds since 1970.
    pub own_not_after: Option<u64>,
    /// Trust anchors in force.
    pub trust_anchors: Option<u64>,
    /// How the lists do, if there are any.
    pub lists: Option<ListsState>,
    /// Attempts to get a list that failed.
    pub refresh_failures: u64,
}

/// What happened so far.
#[derive(Debug)]
struct Facts {
    generation: u64,
    loaded_at: SystemTime,
    reloads: Reloads,
    /// Why the last reload was refused, if it was.
    refused: Option<String>,
    clock_steps: u64,
    last_step: Option<Instant>,
    refresh_failures: u64,
    is_stopping: bool,
    is_writer_stuck: bool,
}

impl Life {
    /// The life of a daemon that answers `calls` as the configuration at `config` says, begun at `now`.
    #[must_use]
    pub fn new(calls: Arc<Calls>, config: PathBuf, fixed: Fixed, now: SystemTime) -> Self {
        let facts = Facts {
            generation: 1,
            loaded_at: now,
            reloads: Reloads::default(),
            refused: None,
            clock_steps: 0,
            last_step: None,
            refresh_failures: 0,
            is_stopping: false,
            is_writer_stuck: false,
        };
        Self {
            calls,
            config,
            fixed,
            sandbox: Sandbox::default(),
            doors: Vec::new(),
            sockets: Vec::new(),
            turn: tokio::sync::Mutex::default(),
            swapped: Notify::new(),
            facts: Mutex::new(facts),
        }
    }

    /// Confined as `sandbox` says.
    #[must_use]
    pub fn with_sandbox(self, sandbox: Sandbox) -> Self {
        Self { sandbox, ..self }
    }

    /// It listens as long as `doors` beat.
    #[must_use]
    pub fn with_doors(self, doors: Vec<Pulse>) -> Self {
        Self { doors, ..self }
    }

    /// It can be reached as long as `sockets` are there.
    #[must_use]
    pub fn with_sockets(self, sockets: Vec<SocketWatch>) -> Self {
        Self { sockets, ..self }
    }

    /// What it answers.
    #[must_use]
    pub fn calls(&self) -> &Arc<Calls> {
        &self.calls
    }

    /// How it does at `now`.
    #[must_use]
    pub fn state(&self, now: SystemTime) -> LifeState {
        let health = self.health(now);
        let force = self.calls.in_force();
        let lists = force.verification().and_then(|verification| verification.lists());
        let own = force.ruling().into_iter().flat_map(Ruling::signings);
        let own = own.map(|signing| signing.signer().certificate().not_after()).min();
        let anchors = force.verification().map(|verification| verification.trust().anchors().len());
        let facts = self.facts();
        LifeState {
            health,
            generation: facts.generation,
            loaded_at: clock::unix_s(facts.loaded_at).max(0).unsigned_abs(),
            reloads: facts.reloads,
            clock_steps: facts.clock_steps,
            sandbox: self.sandbox.level(),
            own_not_after: own.map(|not_after| not_after.max(0).unsigned_abs()),
            trust_anchors: anchors.map(|anchors| anchors as u64),
            lists: lists.map(|lists| lists.state(clock::unix_s(now))),
            refresh_failures: facts.refresh_failures,
        }
    }

    /// The lists in force.
    pub(crate) fn lists(&self) -> Option<Arc<Lists>> {
        let force = self.calls.in_force();
        force.verification().and_then(|verification| verification.lists()).cloned()
    }

    /// Resolves when something else is in force.
    pub(crate) async fn swapped(&self) {
        self.swapped.notified().await;
    }

    /// Lets `change` work on a copy of the trust that goes with `lists`, and puts it in force if that
    /// comes to no error. Nothing happens if others are in force by now.
    pub(crate) async fn put_trust<E>(
        &self,
        lists: &Arc<Lists>,
        change: impl FnOnce(&mut Trust) -> Result<(), E>,
    ) -> Result<(), E> {
        let _turn = self.turn.lock().await;
        let force = self.calls.in_force();
        let Some(verification) = force.verification() else { return Ok(()) };
        if !verification.lists().is_some_and(|current| Arc::ptr_eq(current, lists)) {
            return Ok(());
        }
        let mut trust = verification.trust().clone();
        change(&mut trust)?;
        let verification = Some(Arc::new(verification.with_trust(trust)));
        self.calls.put_in_force(crate::force::InForce { verification, ..(*force).clone() });
        Ok(())
    }

    pub(crate) fn count_refresh_failure(&self) {
        self.facts().refresh_failures += 1;
    }

    /// From here on it is not ready.
    pub(crate) fn stop(&self) {
        self.facts().is_stopping = true;
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
