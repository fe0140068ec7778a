//! How long the parts of calls take.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// A part of the work on a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// From its arrival to what is asked being known.
    Parse,
    /// What it is signed as.
    Policy,
    /// Making or judging its PASSporTs.
    Crypto,
    /// Waiting for certificates that are not there.
    Fetch,
    /// Its record being made, and durable if that is waited for.
    Audit,
}

impl Stage {
    const ALL: [Self; 5] = [Self::Parse, Self::Policy, Self::Crypto, Self::Fetch, Self::Audit];

    const fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Policy => "policy",
            Self::Crypto => "crypto",
            Self::Fetch => "fetch",
            Self::Audit => "audit",
        }
    }
}

/// Times of all stages, since the start.
#[derive(Clone, Debug)]
pub(super) struct Stages {
    family: Family<StageLabels, Histogram, fn() -> Histogram>,
    /// Those of the family, in the order of [`Stage::ALL`]: no call looks for its own.
    each: [Histogram; Stage::ALL.len()],
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: &'static str,
}

impl Default for Stages {
    fn default() -> Self {
        let family: Family<_, _, fn() -> Histogram> = Family::new_with_constructor(times);
        let each = Stage::ALL.map(|stage| family.get_or_create(&StageLabels { stage: stage.name() }).clone());
        Self { family, each }
    }
}

impl Stages {
    pub(super) fn took(&self, stage: Stage, time: Duration) {
        let place = Stage::ALL.iter().position(|one| *one == stage);
        if let Some(times) = place.and_then(|place| self.each.get(place)) {
            times.observe(time.as_secs_f64());
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help =
            "Parts of the work on calls; policy of those to sign, fetch of those that wait for a certificate";
        registry.register("stage_duration_seconds", help, self.family.clone());
    }
}

/// One microsecond to one second.
fn times() -> Histogram {
    Histogram::new(exponential_buckets(1e-6, 4.0, 11))
}
