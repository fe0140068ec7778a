//! A reload: everything that the configuration names is read and checked, then one swap.

use std::path::Path;
use std::time::SystemTime;

use super::clock::unix_s;
use super::{Life, supervisor};
use crate::config::Config;
use crate::force::InForce;
use crate::policy::data::Kept;
use crate::ruling::Ruling;

/// What a reload did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// Names the configuration in force, as records of calls do that no policy decided.
    pub generation: String,
    /// Names the policy in force, as records of calls to sign do, if there is one.
    pub policy: Option<String>,
    /// Which one it is, from 1 at the start.
    pub number: u64,
    /// What is allowed in it and still worth telling.
    pub warnings: Vec<String>,
}

impl Life {
    /// Reads the configuration again, and all files that it names, for `by`; `meant` is the file that they
    /// have in mind. All of it is in force afterwards, or none. Not to be given up half-way: it
    /// resolves soon.
    ///
    /// # Errors
    /// A text that says what is wrong and where. What was in force is in force still.
    pub async fn reload(&self, by: &str, meant: Option<&Path>) -> Result<Reloaded, String> {
        let _turn = self.turn.lock().await;
        supervisor::tell_reloading();
        let outcome = self.load(meant).await;
        match &outcome {
            Ok(Reloaded { generation, policy, number, warnings }) => {
                tracing::info!(by, generation, policy, number, "reloaded");
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
                self.swapped.notify_one();
            }
            Err(why) => {
                tracing::error!(by, "reload refused, nothing has changed: {why}");
                let mut facts = self.facts();
                facts.reloads.refused += 1;
                facts.refused = Some(why.clone());
            }
        }
        supervisor::tell_ready(&self.status(SystemTime::now()));
        outcome
    }

    async fn load(&self, meant: Option<&Path>) -> Result<Reloaded, String> {
        if let Some(meant) = meant
            && meant != self.config
            && meant.canonicalize().ok() != self.config.canonicalize().ok()
        {
            return Err(format!("the daemon runs with {}, not {}", self.config.display(), meant.display()));
        }
        let (path, now) = (self.config.clone(), SystemTime::now());
        let config = tokio::task::spawn_blocking(move || Config::load(&path, unix_s(now)));
        let config = config.await.map_err(|_| "reading the configuration failed".to_owned())?;
        let mut config = config.map_err(|error| self.sandbox.explain(error.to_string()))?;
        let changed = self.fixed.changed(&config.fixed);
        if !changed.is_empty() {
            return Err(format!(
                "{}: {} cannot change while the daemon runs; restart it",
                self.config.display(),
                changed.join(", ")
            ));
        }
        let kept = config.policy_kept.take();
        let (generation, warnings) = (config.generation.clone(), config.warnings.clone());
        let force = InForce::of(config, Some(&*self.calls.in_force()), unix_s(now));
        let policy = force.ruling().and_then(Ruling::policy_generation).map(str::to_owned);
        self.calls.put_in_force(force);
        let number = {
            let mut facts = self.facts();
            facts.generation += 1;
            facts.loaded_at = now;
            facts.reloads.good += 1;
            facts.refused = None;
            facts.generation
        };
        keep_policy(kept).await;
        Ok(Reloaded { generation, policy, number, warnings })
    }
}

/// Keeps the policy that has come into force. Calls are decided by it whether that succeeds or not.
pub(crate) async fn keep_policy(kept: Option<Kept>) {
    let Some(kept) = kept else { return };
    let outcome = tokio::task::spawn_blocking(move || kept.keep(unix_s(SystemTime::now()))).await;
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!("the policy in force could not be kept: {error}"),
        Err(_) => tracing::warn!("keeping the policy in force failed"),
    }
}
