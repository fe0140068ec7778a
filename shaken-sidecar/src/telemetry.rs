//! Metrics for Prometheus. No phone numbers, Call-IDs or URLs in names or labels.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use shaken_core::tables::{TableStats, Tables};

use crate::call::Calls;

/// The media type of [`metrics`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics as they are now, in the OpenMetrics text format.
#[must_use]
pub fn metrics(calls: &Calls) -> String {
    let mut registry = Registry::with_prefix("sti");
    if let Some(tables) = calls.verification().and_then(|verification| verification.verifier().tables()) {
        registry.register_collector(Box::new(TableCollector(Arc::clone(tables))));
    }
    let mut out = String::new();
    // Writing to a string cannot fail, and no metric of ours refuses to be written.
    if let Err(error) = text::encode(&mut out, &registry) {
        tracing::error!(%error, "metrics cannot be written");
    }
    out
}

#[derive(Debug)]
struct TableCollector(Arc<Tables>);

impl Collector for TableCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let TableStats { trusted, by_table, confirmed, differences, tables, memory_bytes, .. } =
            self.0.stats();
        let mut gauge = |name: &str, help: &str, value: u64| {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        gauge("verify_tables", "Keys that have a verification table", tables)?;
        gauge("verify_tables_bytes", "Memory of the verification tables", memory_bytes)?;
        gauge(
            "verify_tables_trusted",
            "1 while tables are in use, 0 after a difference from ring",
            u64::from(trusted),
        )?;
        let mut counter = |name: &str, help: &str, value: u64| {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
        };
        counter("verify_by_table", "Signatures that a table decided or helped to decide", by_table)?;
        counter("verify_table_confirmed", "Those of them that ring confirmed or refuted", confirmed)?;
        counter("verify_table_differences", "Disagreements of a table and ring: an alarm", differences)
    }
}
