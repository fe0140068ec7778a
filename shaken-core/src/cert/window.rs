//! The time in which a certificate, or a whole path, is valid (RFC 5280 §4.1.2.5).

use super::certificate::Certificate;
use crate::Error;

/// From the first to the last valid second, both inclusive, since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) not_before: i64,
    pub(super) not_after: i64,
}

impl Window {
    pub(super) fn of(certificate: &Certificate) -> Self {
        Self { not_before: certificate.not_before, not_after: certificate.not_after }
    }

    pub(super) fn intersection(self, other: Self) -> Self {
        Self {
            not_before: self.not_before.max(other.not_before),
            not_after: self.not_after.min(other.not_after),
        }
    }

    pub(super) fn check(self, now: i64) -> Result<(), Error> {
        if now < self.not_before {
            Err(Error::CertNotYetValid { not_before: self.not_before })
        } else if now > self.not_after {
            Err(Error::CertExpired { not_after: self.not_after })
        } else {
            Ok(())
        }
    }
}
