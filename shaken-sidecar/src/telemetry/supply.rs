//! How certificates are had, what is turned away, and what came again.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::{counter, gauge};
use crate::call::Calls;
use crate::certs::CertStats;
use crate::force::InForce;
use crate::limits::LimitStats;
use crate::replay::ReplayStats;
use crate::ruling::Ruling;

/// The figures of one moment.
#[derive(Debug)]
pub(super) struct Collected {
    certs: Option<CertStats>,
    limits: LimitStats,
    replays: ReplayStats,
    policy_numbers: Option<u64>,
}

impl Collected {
    pub(super) fn of(calls: &Calls, force: &InForce) -> Self {
        Self {
            certs: force.verification().map(|verification| verification.certs().stats()),
            limits: force.limits().stats(),
            replays: calls.replays().stats(),
            policy_numbers: force.ruling().and_then(Ruling::policy_numbers),
        }
    }
}

impl Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let encoder = &mut encoder;
        let LimitStats { sign_shed, verify_shed, sign_under_way, verify_under_way, .. } = self.limits;
        counter(encoder, "sign_shed", "Calls not signed because there was too much to do", sign_shed)?;
        counter(encoder, "verify_shed", "Calls not verified because there was too much to do", verify_shed)?;
        gauge(encoder, "sign_under_way", "Calls that are being signed", sign_under_way)?;
        gauge(encoder, "verify_under_way", "Calls that are being verified", verify_under_way)?;
        let ReplayStats { found, forgotten, remembered, .. } = self.replays;
        counter(encoder, "replays", "PASSporTs that came again with another call, since start", found)?;
        let help = "PASSporTs that were not remembered for want of room, since start";
        counter(encoder, "replays_forgotten", help, forgotten)?;
        gauge(encoder, "replays_remembered", "PASSporTs that are remembered", remembered)?;
        if let Some(numbers) = self.policy_numbers {
            let help = "Numbers that somebody has a right to by the policy in force";
            gauge(encoder, "policy_numbers", help, numbers)?;
        }
        self.certs.iter().try_for_each(|certs| encode_certs(encoder, certs))
    }
}

fn encode_certs(encoder: &mut DescriptorEncoder<'_>, certs: &CertStats) -> Result<(), std::fmt::Error> {
    let CertStats { downloads, failures, pending, no_place, no_seat, stale, from_disk, .. } = *certs;
    counter(encoder, "cert_downloads", "Downloads of certificates, since start", downloads)?;
    let help = "Those of them that gave no certificate that is trusted";
    counter(encoder, "cert_download_failures", help, failures)?;
    let help = "Calls that did not wait for the end of a download, since start";
    counter(encoder, "cert_pending", help, pending)?;
    let help = "Downloads that were not started, too many being under way, since start";
    counter(encoder, "cert_downloads_shed", help, no_place)?;
    let help = "Calls that did not wait for a download, too many waiting, since start";
    counter(encoder, "cert_waits_shed", help, no_seat)?;
    let help = "Calls served with a certificate that could not be fetched again in time, since start";
    counter(encoder, "cert_stale", help, stale)?;
    counter(encoder, "cert_from_disk", "Certificates that were on disk at the start", from_disk)?;
    gauge(encoder, "cert_downloads_under_way", "Downloads of certificates under way", certs.under_way)?;
    gauge(encoder, "cert_waiting", "Calls that wait for a download", certs.waiting)?;
    gauge(encoder, "cert_cached", "Certificates in memory", certs.cached)?;
    let help = "Times that the certificate of a call was in memory, since start";
    counter(encoder, "cert_cache_hits", help, certs.hits)?;
    let help = "Times that it was not, and had to be waited for, since start";
    counter(encoder, "cert_cache_misses", help, certs.misses)?;
    let help = "Times that it was known that there is none, since start";
    counter(encoder, "cert_cache_negative_hits", help, certs.negative_hits)
}
