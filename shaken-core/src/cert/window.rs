//! The time in which a certificate, or a whole path, is valid (RFC 5280 §4.1.2.5).

use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use super::certificate::Certificate;
use crate::Error;
use crate::der::{Elements, Malformed, tag};

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

/// A Time in the one form that RFC 5280 §4.1.2.5 allows, with seconds and `Z`, as seconds since
/// 1970.
pub(super) fn read_time(fields: &mut Elements<'_>) -> Result<i64, Malformed> {
    let at = fields.malformed();
    let mut copy = *fields;
    let (kind, contents) = fields.next()?;
    let whole = match (kind, contents.bytes()) {
        (tag::UTC_TIME, [digits @ .., b'Z']) if is_digits(digits, 12) => copy.expect_whole(kind)?,
        (tag::GENERALIZED_TIME, [digits @ .., b'Z']) if is_digits(digits, 14) => copy.expect_whole(kind)?,
        _ => return Err(at),
    };
    ASN1Time::from_der(whole).map(|(_, time)| time.timestamp()).map_err(|_| at)
}

fn is_digits(text: &[u8], len: usize) -> bool {
    text.len() == len && text.iter().all(u8::is_ascii_digit)
}
