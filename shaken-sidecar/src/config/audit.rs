//! What `[audit]` says of the log itself; [`super::proving`] and [`super::export`] read the rest of it.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{ConfigError, export, proving};
use crate::audit::{AuditOptions, Durability, Full, Sealing};
use crate::call::IdentityKept;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditSection {
    pub(super) dir: PathBuf,
    #[serde(default)]
    pub(super) durability: Durability,
    #[serde(default)]
    pub(super) full: Full,
    #[serde(default)]
    pub(super) identity: IdentityKept,
    pub(super) queue_records: Option<u32>,
    pub(super) queue_wait_ms: Option<u64>,
    pub(super) segment_bytes: Option<u64>,
    pub(super) reserve_bytes: Option<u64>,
    pub(super) seal: Option<bool>,
    pub(super) keep_days: Option<u32>,
    pub(super) keep_mib: Option<u32>,
    pub(super) key: Option<PathBuf>,
    pub(super) origin: Option<String>,
    pub(super) checkpoint_ms: Option<u64>,
    pub(super) checkpoint_records: Option<u32>,
    #[serde(default)]
    pub(super) outside: Vec<proving::OutsideSection>,
    pub(super) nats: Option<export::NatsSection>,
}

/// `deadline` is that of a request.
pub(super) fn read_audit(section: &AuditSection, deadline: Duration) -> Result<AuditOptions, ConfigError> {
    let mut options = AuditOptions::new().with_durability(section.durability).with_full(section.full);
    if let Some(records) = section.queue_records {
        let records = NonZeroU32::new(records).filter(|records| records.get() <= MAX_QUEUE_RECORDS);
        let wrong = || ConfigError::new(format_args!("audit.queue_records must be 1 to {MAX_QUEUE_RECORDS}"));
        options = options.with_queue_records(records.ok_or_else(wrong)?);
    }
    match section.queue_wait_ms.map(Duration::from_millis) {
        None => {}
        Some(wait) if wait < deadline => options = options.with_queue_wait(wait),
        Some(_) => {
            return Err(ConfigError::new(
                "audit.queue_wait_ms must be less than http.deadline_ms: afterwards nobody waits",
            ));
        }
    }
    let sizes = [
        ("segment_bytes", section.segment_bytes, MIN_SEGMENT_BYTES..=MAX_SEGMENT_BYTES),
        ("reserve_bytes", section.reserve_bytes, MIN_RESERVE_BYTES..=MAX_SEGMENT_BYTES),
    ];
    for (key, bytes, allowed) in sizes {
        if bytes.is_some_and(|bytes| !allowed.contains(&bytes)) {
            let (least, most) = (allowed.start(), allowed.end());
            return Err(ConfigError::new(format_args!("audit.{key} must be {least} to {most}")));
        }
    }
    if let Some(bytes) = section.segment_bytes {
        options = options.with_segment_bytes(bytes);
    }
    if let Some(bytes) = section.reserve_bytes {
        options = options.with_reserve_bytes(bytes);
    }
    read_keeping(section, options)
}

fn read_keeping(section: &AuditSection, mut options: AuditOptions) -> Result<AuditOptions, ConfigError> {
    for (key, value) in [("keep_days", section.keep_days), ("keep_mib", section.keep_mib)] {
        if value == Some(0) {
            return Err(ConfigError::new(format_args!(
                "audit.{key} must be 1 at least; leave it out to keep all"
            )));
        }
        if value.is_some() && section.seal == Some(false) {
            return Err(ConfigError::new(format_args!(
                "audit.{key} needs audit.seal: only sealed segments are deleted"
            )));
        }
    }
    if section.seal == Some(false) {
        options = options.with_sealing(Sealing::Off);
    }
    if let Some(days) = section.keep_days {
        options = options.with_keep_for(Duration::from_secs(u64::from(days) * 24 * 60 * 60));
    }
    if let Some(mib) = section.keep_mib {
        options = options.with_keep_bytes(u64::from(mib) * 1024 * 1024);
    }
    Ok(options)
}

/// Some hundred megabytes of memory.
const MAX_QUEUE_RECORDS: u32 = 100_000;

/// A commit is at most this long.
const MIN_SEGMENT_BYTES: u64 = 1024 * 1024;

/// A start reads a whole segment.
const MAX_SEGMENT_BYTES: u64 = 1024 * 1024 * 1024;

/// A few hundred gap records.
const MIN_RESERVE_BYTES: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audit_settings_have_limits() {
        let section = |text: &str| {
            let section: AuditSection = toml::from_str(&format!("dir = \"a\"\n{text}")).unwrap();
            read_audit(&section, Duration::from_millis(300))
        };
        for good in [
            "",
            "queue_records = 1",
            "queue_wait_ms = 0",
            "segment_bytes = 1048576",
            "full = \"degrade\"",
            "seal = true\nkeep_days = 400\nkeep_mib = 1",
            "seal = false",
        ] {
            assert!(section(good).is_ok(), "{good}");
        }
        for (bad, key) in [
            ("queue_records = 0", "queue_records"),
            ("queue_records = 100001", "queue_records"),
            ("queue_wait_ms = 300", "queue_wait_ms"),
            ("segment_bytes = 1000", "segment_bytes"),
            ("reserve_bytes = 0", "reserve_bytes"),
            ("segment_bytes = 1073741825", "segment_bytes"),
            ("keep_days = 0", "keep_days"),
            ("keep_mib = 0", "keep_mib"),
            ("seal = false\nkeep_days = 1", "keep_days"),
        ] {
            assert!(section(bad).unwrap_err().to_string().contains(&format!("audit.{key}")), "{bad}");
        }
        for (text, key) in
            [("fsync = true", "fsync"), ("full = \"drop\"", "drop"), ("identity = \"none\"", "none")]
        {
            let refused = toml::from_str::<AuditSection>(&format!("dir = \"a\"\n{text}")).err().unwrap();
            assert!(refused.to_string().contains(key), "{refused}");
        }
    }
}
