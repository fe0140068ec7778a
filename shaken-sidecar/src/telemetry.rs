//! Metrics for Prometheus, the log, and traces of calls. No phone numbers, Call-IDs or URLs in any of them.

pub(crate) mod log;
mod stages;
mod supply;
mod tally;
pub(crate) mod traces;

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use shaken_core::tables::{TableStats, Tables};

use crate::audit::export::ExportState;
use crate::audit::proof::ProofState;
use crate::audit::{AuditState, SealState};
use crate::life::clock::unix_s;
use crate::life::{Life, LifeState};
use crate::ruling::Ruling;
pub use log::LogFormat;
pub(crate) use stages::Stage;
pub use tally::Tally;
use traces::TraceStats;
pub use traces::{Parent, TraceOptions, Traces};

/// The media type of [`metrics`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics as they are now, in the OpenMetrics text format.
#[must_use]
pub fn metrics(life: &Life) -> String {
    let calls = life.calls();
    let force = calls.in_force();
    let mut registry = Registry::with_prefix("sti");
    if let Some(tables) = force.verification().and_then(|verification| verification.verifier().tables()) {
        registry.register_collector(Box::new(TableCollector(Arc::clone(tables))));
    }
    calls.tally().register(&mut registry);
    registry.register("build", "What is running", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
    let names = [
        ("configuration", force.generation()),
        ("policy", force.ruling().and_then(Ruling::policy_generation)),
    ];
    let names: Vec<_> = names.into_iter().filter_map(|(key, name)| Some((key, name?.to_owned()))).collect();
    registry.register("in_force", "The names that records have for what decides", Info::new(names));
    if let Some(verification) = force.verification() {
        let help = "Downloads of certificates, by whether one that is trusted came of it";
        let times = verification.certs().download_times().clone();
        registry.register("cert_download_duration_seconds", help, times);
    }
    registry.register_collector(Box::new(supply::Collected::of(calls, &force)));
    registry.register_collector(Box::new(AuditCollector(calls.audit().state())));
    registry.register_collector(Box::new(LifeCollector(life.state(std::time::SystemTime::now()))));
    if let Some(traces) = calls.traces() {
        registry.register_collector(Box::new(TraceCollector(traces.stats())));
    }
    let mut out = String::new();
    // Writing to a string cannot fail, and no metric of ours refuses to be written.
    if let Err(error) = text::encode(&mut out, &registry) {
        tracing::error!(%error, "metrics cannot be written");
    }
    out
}

/// The state of the audit log at one moment.
#[derive(Debug)]
struct AuditCollector(AuditState);

impl Collector for AuditCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let AuditState {
            health,
            records,
            unrecorded,
            gaps,
            faults,
            queued,
            last_commit_at,
            proof,
            export,
            sealing,
            ..
        } = &self.0;
        counter(&mut encoder, "audit_records", "Records in the audit log, from its beginning", *records)?;
        counter(
            &mut encoder,
            "audit_unrecorded",
            "Calls and notes without a record, since start",
            *unrecorded,
        )?;
        counter(&mut encoder, "audit_gaps", "Gap records written, since start", *gaps)?;
        counter(&mut encoder, "audit_faults", "Faults of the log's disk, since start", *faults)?;
        gauge(&mut encoder, "audit_queue_records", "Records that wait for the disk", *queued as u64)?;
        if let Some(at) = last_commit_at {
            let help = "When records were last made durable, seconds since 1970";
            gauge(&mut encoder, "audit_last_fsync_timestamp_seconds", help, unix_s(*at).unsigned_abs())?;
        }
        let takes = u64::from(health.cause().is_none());
        gauge(&mut encoder, "audit_healthy", "1 while the log takes records", takes)?;
        if let Some(SealState { sealed, waiting, deleted, failures, .. }) = sealing {
            gauge(&mut encoder, "audit_sealed_segments", "Sealed segments in the log", *sealed)?;
            let help = "Full segments that are not sealed yet: alarm when it grows";
            gauge(&mut encoder, "audit_seal_waiting_segments", help, *waiting)?;
            counter(
                &mut encoder,
                "audit_deleted_segments",
                "Sealed segments deleted, since start",
                *deleted,
            )?;
            let help = "Attempts to seal or delete that failed, since start";
            counter(&mut encoder, "audit_seal_failures", help, *failures)?;
        }
        gauge(&mut encoder, "audit_proven", "1 if the log makes checkpoints", u64::from(proof.is_some()))?;
        proof.iter().try_for_each(|proof| encode_proof(&mut encoder, proof))?;
        export.iter().try_for_each(|export| encode_export(&mut encoder, export))
    }
}

fn encode_proof(encoder: &mut DescriptorEncoder<'_>, proof: &ProofState) -> Result<(), std::fmt::Error> {
    let ProofState { size, waiting_records, waiting, age, failures, stopped, outside, .. } = proof;
    gauge(encoder, "audit_checkpoint_records", "Records that the newest checkpoint covers", *size)?;
    if let Some(age) = age {
        let help = "Time since the newest checkpoint; a log to which nothing is added needs no other";
        gauge(encoder, "audit_checkpoint_age_seconds", help, age.as_secs())?;
    }
    let help = "Records that no checkpoint covers yet";
    gauge(encoder, "audit_checkpoint_waiting_records", help, *waiting_records)?;
    let help = "How long the first of them has been waiting: alarm at 15";
    let waiting = waiting.unwrap_or_default().as_secs();
    gauge(encoder, "audit_checkpoint_waiting_seconds", help, waiting)?;
    let help = "1 if there will be no checkpoint before a restart: an alarm";
    gauge(encoder, "audit_checkpoint_stopped", help, u64::from(*stopped))?;
    let help = "Attempts to write a checkpoint that failed, since start";
    counter(encoder, "audit_checkpoint_failures", help, *failures)?;
    gauge(encoder, "audit_outside_places", "Places that get copies of checkpoints", outside.len() as u64)?;
    if let Some(least) = outside.iter().map(|copy| copy.size.unwrap_or(0)).min() {
        let help = "Records that the newest copy covers, where that is least";
        gauge(encoder, "audit_outside_records", help, least)?;
    }
    let waiting = outside.iter().filter_map(|copy| copy.waiting).max().unwrap_or_default().as_secs();
    let help = "How long a checkpoint has been waiting to be copied, where that is longest: alarm at 15";
    gauge(encoder, "audit_outside_waiting_seconds", help, waiting)?;
    let help = "Copies of checkpoints that failed, since start";
    let failed = outside.iter().map(|copy| copy.failures).sum();
    counter(encoder, "audit_outside_failures", help, failed)
}

fn encode_export(encoder: &mut DescriptorEncoder<'_>, export: &ExportState) -> Result<(), std::fmt::Error> {
    let ExportState { cursor, lag_records, lag, connected, failures, duplicates, missing, stopped, .. } =
        export;
    let help = "Index below which the stream has all records";
    gauge(encoder, "audit_export_cursor", help, *cursor)?;
    gauge(encoder, "audit_export_lag_records", "Records that the stream does not have yet", *lag_records)?;
    let help = "Age of the oldest of them: alarm at 60";
    gauge(encoder, "audit_export_lag_seconds", help, lag.unwrap_or_default().as_secs())?;
    let help = "1 while there is a connection to a server";
    gauge(encoder, "audit_export_connected", help, u64::from(*connected))?;
    let help = "1 if nothing is exported before a restart: an alarm";
    gauge(encoder, "audit_export_stopped", help, u64::from(*stopped))?;
    let help = "Times that the export failed, since start";
    counter(encoder, "audit_export_failures", help, *failures)?;
    let help = "Records that the stream had already, since start";
    counter(encoder, "audit_export_duplicates", help, *duplicates)?;
    let help = "Records removed from the log before they were exported, since start: an alarm";
    counter(encoder, "audit_export_missing", help, *missing)
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), std::fmt::Error> {
    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), std::fmt::Error> {
    let counter = ConstCounter::new(value);
    counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
}

/// What became of spans until one moment.
#[derive(Debug)]
struct TraceCollector(TraceStats);

impl Collector for TraceCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let TraceStats { sent, dropped, lost, failures } = self.0;
        let encoder = &mut encoder;
        counter(encoder, "trace_spans_sent", "Spans of calls that the collector took, since start", sent)?;
        let help = "Spans that were not made for want of room in the queue, since start";
        counter(encoder, "trace_spans_dropped", help, dropped)?;
        let help = "Spans that the collector refused or that were given up, since start";
        counter(encoder, "trace_spans_lost", help, lost)?;
        let help = "Requests to the collector that failed, since start";
        counter(encoder, "trace_export_failures", help, failures)
    }
}

/// The daemon at one moment.
#[derive(Debug)]
struct LifeCollector(LifeState);

impl Collector for LifeCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let encoder = &mut encoder;
        let LifeState { health, loaded_at, generation, reloads, clock_steps, .. } = &self.0;
        gauge(encoder, "ready", "1 while calls should come here", u64::from(health.is_ready()))?;
        gauge(encoder, "degraded", "1 while anything is wrong", u64::from(!health.causes().is_empty()))?;
        gauge(encoder, "live", "0 if a restart would help", u64::from(health.is_live()))?;
        let help = "Which configuration is in force, counted from 1 at the start";
        gauge(encoder, "policy_generation", help, *generation)?;
        let help = "When it was loaded, seconds since 1970";
        gauge(encoder, "policy_load_timestamp_seconds", help, *loaded_at)?;
        counter(encoder, "policy_reloads", "Reloads that took effect, since start", reloads.good)?;
        let help = "Reloads that were refused, since start: the old state stayed in force";
        counter(encoder, "policy_reload_failures", help, reloads.refused)?;
        counter(
            encoder,
            "clock_steps",
            "Jumps of the clock by more than a second, since start",
            *clock_steps,
        )?;
        let help = "Lines of the log left out because there were too many like them, since start";
        counter(encoder, "log_lines_left_out", help, log::left_out())?;
        let help = "0 if the kernel confines the daemon to its files by nothing, 1 in part, 2 wholly";
        gauge(encoder, "sandbox", help, self.0.sandbox)?;
        if let Some(not_after) = self.0.own_not_after {
            let help = "When our own certificate ends, seconds since 1970";
            gauge(encoder, "own_cert_expiry_timestamp_seconds", help, not_after)?;
        }
        if let Some(anchors) = self.0.trust_anchors {
            gauge(encoder, "trust_anchors", "Trust anchors in force", anchors)?;
        }
        let Some(lists) = &self.0.lists else { return Ok(()) };
        if let Some(age_s) = lists.crl_age_s {
            let help = "Time since the oldest revocation list was last had from its source";
            gauge(encoder, "crl_age_seconds", help, age_s)?;
        }
        if let Some(age_s) = lists.ca_list_age_s {
            let help = "Time since the list of approved STI-CAs was last had from its source";
            gauge(encoder, "trust_list_age_seconds", help, age_s)?;
        }
        gauge(encoder, "trust_lists_missing", "Lists that were never had", lists.missing)?;
        gauge(encoder, "trust_lists_failing", "Lists whose last attempt failed", lists.failing)?;
        let help = "Attempts to get a list that failed, since start";
        counter(encoder, "trust_refresh_failures", help, self.0.refresh_failures)
    }
}

#[derive(Debug)]
struct TableCollector(Arc<Tables>);

impl Collector for TableCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let TableStats { trusted, by_table, confirmed, differences, tables, memory_bytes, .. } =
            self.0.stats();
        let encoder = &mut encoder;
        gauge(encoder, "verify_tables", "Keys that have a verification table", tables)?;
        gauge(encoder, "verify_tables_bytes", "Memory of the verification tables", memory_bytes)?;
        gauge(
            encoder,
            "verify_tables_trusted",
            "1 while tables are in use, 0 after a difference from ring",
            u64::from(trusted),
        )?;
        counter(encoder, "verify_by_table", "Signatures that a table decided or helped to decide", by_table)?;
        counter(
            encoder,
            "verify_table_confirmed",
            "Those of them that ring confirmed or refuted",
            confirmed,
        )?;
        counter(
            encoder,
            "verify_table_differences",
            "Disagreements of a table and ring: an alarm",
            differences,
        )
    }
}
