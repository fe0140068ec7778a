//! What makes a certificate of a path unusable, whatever else is right with it (RFC 5280 §4).
//!
//! Each rule here is kept by every live STI certificate. What live certificates break and still
//! work with, such as an intermediate without authorityKeyIdentifier, is a
//! [`Deviation`](super::profile::Deviation) for people to read.
//!
//! What RFC 5280 wants of whoever issues a certificate and not of whoever checks it passes: key
//! identifiers, basicConstraints and policyConstraints that are critical, serial numbers that are
//! not negative. Only anchors, which somebody chose and which vouch for all the rest, are held to
//! more.

use super::certificate::Certificate;
use crate::Error;

/// Checks one certificate of a path, the anchor included.
///
/// # Errors
/// [`Error::CertNonconforming`].
pub(super) fn check(certificate: &Certificate) -> Result<(), Error> {
    let extensions = &certificate.extensions;
    let rules = [
        (is_zero(&certificate.serial), "its serial number is zero"),
        (is_longer(&certificate.serial), "its serial number is longer than 20 bytes"),
        // So nobody finds a CA without a name either (RFC 5280 §4.1.2.6).
        (certificate.issuer_name.is_empty(), "it does not name its issuer"),
        (
            !certificate.is_ca() && extensions.key_usage.is_some_and(|usage| usage.key_cert_sign),
            "its key usage has keyCertSign, and it is no CA",
        ),
        (extensions.wrongly_critical, "it marks an extension critical that must not be"),
        // RFC 5280 §4.2.1.10. A critical one is refused before, as it is not processed.
        (extensions.name_constraints, "its nameConstraints are not critical"),
    ];
    first_broken(&rules)
}

/// Checks what an anchor must keep beyond that.
///
/// # Errors
/// [`Error::CertNonconforming`].
pub(super) fn check_anchor(anchor: &Certificate) -> Result<(), Error> {
    let extensions = &anchor.extensions;
    first_broken(&[
        // RFC 5280 §4.2.1.9.
        (
            !extensions.basic_constraints_critical,
            "it is an anchor, and its basicConstraints are not critical",
        ),
        // RFC 5280 §4.2.1.2. Live STI-CAs share one name over several keys: this tells them apart.
        (extensions.subject_key_id.is_none(), "it is an anchor without subjectKeyIdentifier"),
    ])
}

fn first_broken(rules: &[(bool, &'static str)]) -> Result<(), Error> {
    match rules.iter().find(|(broken, _)| *broken) {
        Some((_, rule)) => Err(Error::CertNonconforming { rule }),
        None => Ok(()),
    }
}

fn is_zero(serial: &[u8]) -> bool {
    serial.iter().all(|byte| *byte == 0)
}

/// The byte that only holds the sign is not counted: CAs disagree whether it belongs to the 20.
fn is_longer(serial: &[u8]) -> bool {
    serial.strip_prefix(&[0]).unwrap_or(serial).len() > MAX_SERIAL_LEN
}

/// Longest serial number (RFC 5280 §4.1.2.2). A longer one cannot be on a revocation list.
const MAX_SERIAL_LEN: usize = 20;
