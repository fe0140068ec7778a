//! What came of calls, counted for metrics. The labels are our own words, of which there are few.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::stages::{Stage, Stages};
use crate::audit::{Op, Record};

/// Counts of calls since the start. Heartbeats of SBCs are none.
#[derive(Clone, Debug)]
pub struct Tally {
    sign: Family<SignLabels, Counter>,
    reasons: Family<ReasonLabels, Counter>,
    verify: Family<VerifyLabels, Counter>,
    failures: Family<ErrorLabels, Counter>,
    durations: Family<DurationLabels, Histogram, fn() -> Histogram>,
    stages: Stages,
    signers: Family<SignerLabels, Counter>,
    /// The codes that `signers` has.
    spcs: Arc<RwLock<HashSet<String>>>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            sign: Family::default(),
            reasons: Family::default(),
            verify: Family::default(),
            failures: Family::default(),
            durations: Family::new_with_constructor(durations),
            stages: Stages::default(),
            signers: Family::default(),
            spcs: Arc::default(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignLabels {
    interface: &'static str,
    provider: Option<Arc<str>>,
    result: Cow<'static, str>,
    attest: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: Cow<'static, str>,
    attest: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerifyLabels {
    interface: &'static str,
    result: Cow<'static, str>,
    verstat: Cow<'static, str>,
    attest: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignerLabels {
    spc: Cow<'static, str>,
    attest: Cow<'static, str>,
    result: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    error: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DurationLabels {
    op: &'static str,
    interface: &'static str,
}

impl Tally {
    /// Counts the call of a record.
    pub(crate) fn count(&self, record: &Record) {
        if record.synthetic == Some(true) {
            return;
        }
        let interface = record.interface.name();
        let text = |of: &Option<Cow<'static, str>>| of.clone().unwrap_or_default();
        let (result, attest) = (record.verdict.clone(), text(&record.attest));
        match record.op {
            Op::Sign => {
                let reason = text(&record.reason);
                let labels = SignLabels {
                    interface,
                    provider: record.provider.clone(),
                    result,
                    attest: attest.clone(),
                };
                self.sign.get_or_create(&labels).inc();
                self.reasons.get_or_create(&ReasonLabels { reason, attest }).inc();
            }
            Op::Verify => {
                let verstat = text(&record.verstat);
                if let Some(spc) = record.cert.as_ref().and_then(|cert| cert.spc.as_deref()) {
                    let (attest, result) = (attest.clone(), result.clone());
                    let labels = SignerLabels { spc: self.counted_as(spc), attest, result };
                    self.signers.get_or_create(&labels).inc();
                }
                self.verify.get_or_create(&VerifyLabels { interface, result, verstat, attest }).inc();
            }
        }
        if let Some(error) = &record.error {
            self.failures.get_or_create(&ErrorLabels { error: error.clone() }).inc();
        }
        if let Some(latency_us) = record.latency_us {
            let labels = DurationLabels { op: record.op.name(), interface };
            self.durations.get_or_create(&labels).observe(latency_us as f64 / 1e6);
        }
    }

    /// Counts how long a stage of a call took.
    pub(crate) fn took(&self, stage: Stage, time: Duration) {
        self.stages.took(stage, time);
    }

    /// Counts judging PASSporTs, which took `time` in all, with `waited` of it for certificates.
    pub(crate) fn judged(&self, time: Duration, waited: Duration) {
        self.took(Stage::Crypto, time.saturating_sub(waited));
        if !waited.is_zero() {
            self.took(Stage::Fetch, waited);
        }
    }

    /// A signer by itself, as long as there are few. Only certificates that are trusted come here, but there
    /// may be as many as there are providers.
    fn counted_as(&self, spc: &str) -> Cow<'static, str> {
        let known = self.spcs.read().unwrap_or_else(PoisonError::into_inner);
        let is_known = known.contains(spc);
        let is_full = known.len() >= MAX_SIGNERS;
        drop(known);
        if is_known {
            return spc.to_owned().into();
        }
        if is_full {
            return OTHER_SIGNERS.into();
        }
        let mut known = self.spcs.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MAX_SIGNERS {
            known.insert(spc.to_owned());
        }
        if known.contains(spc) { spc.to_owned().into() } else { OTHER_SIGNERS.into() }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("sign_requests", "Calls that were to be signed, since start", self.sign.clone());
        registry.register("decision_reasons", "Why calls got their level, since start", self.reasons.clone());
        registry.register(
            "verify_requests",
            "Calls that were to be verified, since start",
            self.verify.clone(),
        );
        let help = "Calls that were not signed or did not pass, by the name of the error, since start";
        registry.register("failures", help, self.failures.clone());
        let help = "From a request being read to its record being made";
        registry.register("request_duration_seconds", help, self.durations.clone());
        self.stages.register(registry);
        let help = "Calls that were verified, by the service provider code of the certificate, since start";
        registry.register("signer_spc_calls", help, self.signers.clone());
    }
}

/// How many signers are counted each by itself; every one of them is several lines.
const MAX_SIGNERS: usize = 500;

/// No service provider code: those have upper-case letters and digits.
const OTHER_SIGNERS: &str = "other";

/// 50 microseconds to 1.6 seconds.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(50e-6, 2.0, 16))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::audit::{Cert, Interface};
    use crate::listen::Peer;

    #[test]
    fn calls_are_counted_by_what_came_of_them() {
        let tally = Tally::default();
        let peer = Peer { uid: 0, gid: 0, pid: None };
        let record = |op, verdict| {
            Record::new(op, Interface::RespUnix, peer, "r".into(), verdict, SystemTime::UNIX_EPOCH)
        };
        let mut signed = record(Op::Sign, "signed");
        signed.attest = Some("B".into());
        signed.reason = Some("CAPPED_BY_TRUNK".into());
        signed.latency_us = Some(120);
        signed.provider = Some("Example Carrier".into());
        tally.count(&signed);
        tally.count(&signed);
        signed.synthetic = Some(true);
        tally.count(&signed);
        let mut failed = record(Op::Verify, "failed");
        failed.verstat = Some("TN-Validation-Failed".into());
        failed.error = Some("signature-invalid".into());
        tally.count(&failed);
        for n in 0..MAX_SIGNERS + 2 {
            let spc = Some(format!("{n:04X}"));
            failed.cert = Some(Cert { spc, sha256: String::new() }.into());
            tally.count(&failed);
        }
        failed.cert = Some(Cert { spc: Some("0000".into()), sha256: String::new() }.into());
        tally.count(&failed);
        tally.took(Stage::Policy, Duration::from_micros(3));
        tally.judged(Duration::from_micros(20), Duration::ZERO);
        tally.judged(Duration::from_millis(20), Duration::from_millis(19));

        let mut registry = Registry::with_prefix("sti");
        tally.register(&mut registry);
        let mut told = String::new();
        encode(&mut told, &registry).unwrap();
        for line in [
            r#"sti_sign_requests_total{interface="resp-unix",provider="Example Carrier",result="signed",attest="B"} 2"#,
            r#"sti_decision_reasons_total{reason="CAPPED_BY_TRUNK",attest="B"} 2"#,
            r#"sti_verify_requests_total{interface="resp-unix",result="failed",verstat="TN-Validation-Failed",attest=""} 504"#,
            r#"sti_failures_total{error="signature-invalid"} 504"#,
            r#"sti_signer_spc_calls_total{spc="0000",attest="",result="failed"} 2"#,
            r#"sti_signer_spc_calls_total{spc="01F3",attest="",result="failed"} 1"#,
            r#"sti_signer_spc_calls_total{spc="other",attest="",result="failed"} 2"#,
            r#"sti_stage_duration_seconds_bucket{le="0.000004",stage="policy"} 1"#,
            r#"sti_stage_duration_seconds_bucket{le="0.000016",stage="crypto"} 0"#,
            r#"sti_stage_duration_seconds_bucket{le="0.001024",stage="crypto"} 2"#,
            r#"sti_stage_duration_seconds_count{stage="fetch"} 1"#,
            r#"sti_stage_duration_seconds_count{stage="parse"} 0"#,
            r#"sti_request_duration_seconds_count{op="sign",interface="resp-unix"} 2"#,
            r#"sti_request_duration_seconds_bucket{le="0.0002",op="sign",interface="resp-unix"} 2"#,
        ] {
            assert!(told.lines().any(|it| it == line), "{line}\n{told}");
        }
    }
}
