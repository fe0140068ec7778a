//! What is wrong with the daemon, by stable names: for `/ready`, `/live`, `/healthz` and metrics.

use std::time::{Duration, SystemTime};

use super::clock::unix_s;
use super::{Life, watch};
use crate::audit::{Full, Health as AuditHealth};
use crate::lists::ListsState;
use crate::ruling::Ruling;

/// All that is wrong at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health(Vec<Cause>);

/// One thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    name: &'static str,
    effect: Effect,
}

/// What something wrong leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Effect {
    /// Calls are served all the same.
    Degraded,
    /// Calls are refused, or not served as the configuration says.
    NotReady,
    /// The same, until a restart.
    Dead,
}

impl Cause {
    /// Its name, kebab-case.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it leads to.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.effect
    }
}

impl Health {
    /// What is wrong, the worst first.
    #[must_use]
    pub fn causes(&self) -> &[Cause] {
        &self.0
    }

    /// Whether calls should come here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.iter().all(|cause| cause.effect == Effect::Degraded)
    }

    /// Whether it may go on: no restart would help.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.0.iter().all(|cause| cause.effect != Effect::Dead)
    }

    fn add(&mut self, name: &'static str, effect: Effect) {
        self.0.push(Cause { name, effect });
    }
}

impl Life {
    /// What is wrong at `now`.
    #[must_use]
    pub fn health(&self, now: SystemTime) -> Health {
        let mut health = Health::default();
        self.add_audit(&mut health);
        self.add_own(&mut health, unix_s(now));
        self.add_trust(&mut health, unix_s(now));
        if !self.sockets.iter().all(|socket| socket.is_there()) {
            health.add("socket-missing", Effect::NotReady);
        }
        if !self.doors.iter().all(|door| door.is_alive(watch::PATIENCE)) {
            health.add("listener-stuck", Effect::Dead);
        }
        let facts = self.facts();
        if facts.is_stopping {
            health.add("stopping", Effect::NotReady);
        }
        if facts.is_writer_stuck {
            health.add("audit-stuck", Effect::Dead);
        }
        if facts.last_step.is_some_and(|step| step.elapsed() < STEP_SHOWN) {
            health.add("clock-stepped", Effect::Degraded);
        }
        if facts.refused.is_some() {
            health.add("reload-refused", Effect::Degraded);
        }
        drop(facts);
        health.0.sort_by_key(|cause| std::cmp::Reverse(cause.effect));
        health
    }

    /// In one line, for the supervisor.
    pub(super) fn status(&self, now: SystemTime) -> String {
        let health = self.health(now);
        let force = self.calls.in_force();
        let generation = force.generation().unwrap_or_default().to_owned();
        let word = if health.is_ready() { "serving" } else { "not ready" };
        let causes: Vec<_> = health.causes().iter().map(Cause::name).collect();
        match causes.as_slice() {
            [] => format!("{word}, generation {generation}"),
            causes => format!("{word}, generation {generation}, degraded: {}", causes.join(", ")),
        }
    }

    fn add_audit(&self, health: &mut Health) {
        let audit = self.calls.audit();
        let state = audit.state();
        let refusing = |effect| match audit.options().full() {
            Full::Refuse => effect,
            Full::Degrade => Effect::Degraded,
        };
        match state.health {
            AuditHealth::Ok => {}
            AuditHealth::Degraded { .. } => health.add("audit", refusing(Effect::NotReady)),
            AuditHealth::Failed { .. } => health.add("audit", Effect::Dead),
        }
        // Calls are served and their records are durable all the same.
        let proof = state.proof.and_then(|proof| proof.trouble()).map(|trouble| trouble.name());
        let export = state.export.and_then(|export| export.trouble()).map(|trouble| trouble.name());
        for name in proof.into_iter().chain(export) {
            health.add(name, Effect::Degraded);
        }
    }

    fn add_own(&self, health: &mut Health, now: i64) {
        let force = self.calls.in_force();
        let all: Vec<_> = force.ruling().into_iter().flat_map(Ruling::signings).collect();
        let certificates = || all.iter().map(|signing| signing.signer().certificate());
        if all.is_empty() && force.ruling().is_some() {
            health.add("certificate-missing", Effect::NotReady);
        }
        let expired = certificates().filter(|certificate| certificate.check_valid(now).is_err()).count();
        if expired > 0 {
            // With another certificate some calls are signed still.
            let effect = if expired == all.len() { Effect::NotReady } else { Effect::Degraded };
            health.add("certificate-expired", effect);
        } else if certificates()
            .any(|certificate| now.saturating_add(EXPIRY_TOLD_S) > certificate.not_after())
        {
            health.add("certificate-expires", Effect::Degraded);
        }
    }

    fn add_trust(&self, health: &mut Health, now: i64) {
        let force = self.calls.in_force();
        let Some(verification) = force.verification() else { return };
        let trust = verification.trust();
        if trust.anchors().is_empty() {
            health.add("trust-anchors-missing", Effect::NotReady);
        }
        if trust.ca_list().is_some_and(|list| list.exp() <= now) {
            health.add("ca-list-ended", Effect::NotReady);
        }
        if trust.crls().iter().any(|list| list.next_update() < now) {
            health.add("crl-ended", Effect::Degraded);
        }
        let Some(lists) = verification.lists() else { return };
        let ListsState { missing, too_old, failing, .. } = lists.state(now);
        if too_old > 0 {
            health.add("trust-too-old", Effect::NotReady);
        }
        if missing > 0 {
            health.add("trust-incomplete", Effect::Degraded);
        }
        if failing > 0 {
            health.add("trust-refresh-failing", Effect::Degraded);
        }
    }
}

/// How long a jump of the clock is told.
const STEP_SHOWN: Duration = Duration::from_secs(300);

/// How long before its end a certificate is told: an STI-CA may take days.
const EXPIRY_TOLD_S: i64 = 14 * 24 * 3600;
