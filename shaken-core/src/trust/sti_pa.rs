//! The STI policy administrator (ATIS-1000080, ATIS-1000084).

use super::Trust;
use crate::Error;
use crate::cert::Certificate;

/// The STI-PA: whom we believe which CAs are approved ([`CaListToken`](super::CaListToken)) and
/// which certificates are revoked ([`Crl`](crate::cert::crl::Crl)).
///
/// A type of its own, so that its anchors never vouch for the certificate of a call and no STI-CA
/// for a list.
#[derive(Clone, Debug)]
pub struct StiPa(Trust);

impl StiPa {
    /// Reads the STI-PA's root certificates from a PEM bundle.
    ///
    /// # Errors
    /// As [`Trust::from_pem`].
    pub fn from_pem(anchors: &[u8]) -> Result<Self, Error> {
        Trust::from_pem(anchors).map(Self)
    }

    /// Its trust anchors.
    #[must_use]
    pub fn anchors(&self) -> &[Certificate] {
        self.0.anchors()
    }

    /// For building paths to its anchors.
    pub(crate) fn as_trust(&self) -> &Trust {
        &self.0
    }
}
