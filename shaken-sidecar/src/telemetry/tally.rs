//! What came of calls, counted for metrics. The labels are our own words, of which there are few.

use std::borrow::Cow;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::audit::{Op, Record};

/// Counts of calls since the start. Heartbeats of SBCs are none.
#[derive(Clone, Debug)]
pub struct Tally {
    sign: Family<SignLabels, Counter>,
    reasons: Family<ReasonLabels, Counter>,
    verify: Family<VerifyLabels, Counter>,
    failures: Family<ErrorLabels, Counter>,
    durations: Family<DurationLabels, Histogram, fn() -> Histogram>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            sign: Family::default(),
            reasons: Family::default(),
            verify: Family::default(),
            failures: Family::default(),
            durations: Family::new_with_constructor(durations),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignLabels {
    interface: &'static str,
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
                self.sign.get_or_create(&SignLabels { interface, result, attest: attest.clone() }).inc();
                self.reasons.get_or_create(&ReasonLabels { reason, attest }).inc();
            }
            Op::Verify => {
                let verstat = text(&record.verstat);
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
    }
}

/// 50 microseconds to 1.6 seconds.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(50e-6, 2.0, 16))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::audit::Interface;
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
        tally.count(&signed);
        tally.count(&signed);
        signed.synthetic = Some(true);
        tally.count(&signed);
        let mut failed = record(Op::Verify, "failed");
        failed.verstat = Some("TN-Validation-Failed".into());
        failed.error = Some("signature-invalid".into());
        tally.count(&failed);

        let mut registry = Registry::with_prefix("sti");
        tally.register(&mut registry);
        let mut told = String::new();
        encode(&mut told, &registry).unwrap();
        for line in [
            r#"sti_sign_requests_total{interface="resp-unix",result="signed",attest="B"} 2"#,
            r#"sti_decision_reasons_total{reason="CAPPED_BY_TRUNK",attest="B"} 2"#,
            r#"sti_verify_requests_total{interface="resp-unix",result="failed",verstat="TN-Validation-Failed",attest=""} 1"#,
            r#"sti_failures_total{error="signature-invalid"} 1"#,
            r#"sti_request_duration_seconds_count{op="sign",interface="resp-unix"} 2"#,
            r#"sti_request_duration_seconds_bucket{le="0.0002",op="sign",interface="resp-unix"} 2"#,
        ] {
            assert!(told.lines().any(|it| it == line), "{line}\n{told}");
        }
    }
}
