//! Whom we trust: the STI-CA roots of the STI-PA's list, and intermediates known beforehand.

use crate::cert::Certificate;
use crate::{Error, pem};

/// Trust anchors, and intermediates that repositories may leave out of their chains.
///
/// Without anchors nothing verifies; there is no default set.
#[derive(Clone, Debug)]
pub struct Trust {
    anchors: Vec<Certificate>,
    intermediates: Vec<Certificate>,
}

impl Trust {
    /// Reads trust anchors from a PEM bundle.
    ///
    /// # Errors
    /// [`Error::CertPem`] if there is none or a block is damaged; [`Error::CertDer`],
    /// [`Error::CertTooLarge`] if one of them is not a certificate; [`Error::CertIssuerNotCa`] if
    /// one is no CA.
    pub fn from_pem(anchors: &[u8]) -> Result<Self, Error> {
        Ok(Self { anchors: read_bundle(anchors)?, intermediates: Vec::new() })
    }

    /// Adds anchors from another PEM bundle.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem).
    pub fn with_more_anchors_pem(mut self, anchors: &[u8]) -> Result<Self, Error> {
        self.anchors.extend(read_bundle(anchors)?);
        Ok(self)
    }

    /// Adds intermediates from a PEM bundle. They are no anchors: a path over one of them must
    /// still end at an anchor.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem).
    pub fn with_intermediates_pem(mut self, intermediates: &[u8]) -> Result<Self, Error> {
        self.intermediates.extend(read_bundle(intermediates)?);
        Ok(self)
    }

    /// The trust anchors.
    #[must_use]
    pub fn anchors(&self) -> &[Certificate] {
        &self.anchors
    }

    /// The known intermediates.
    #[must_use]
    pub fn intermediates(&self) -> &[Certificate] {
        &self.intermediates
    }
}

/// A bundle from the operator's own disk: unlike a chain from a repository it may be long.
fn read_bundle(text: &[u8]) -> Result<Vec<Certificate>, Error> {
    let certificates = pem::blocks(text)
        .map(|block| {
            let block = block?;
            if block.label() != "CERTIFICATE" {
                return Err(Error::CertPem);
            }
            Certificate::from_der(block.der())
        })
        .collect::<Result<Vec<_>, Error>>()?;
    if certificates.is_empty() {
        return Err(Error::CertPem);
    }
    if certificates.iter().any(|certificate| !certificate.is_ca()) {
        return Err(Error::CertIssuerNotCa);
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_or_damaged_bundle_is_an_error() {
        for text in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n"] {
            assert_eq!(Trust::from_pem(text.as_bytes()).err(), Some(Error::CertPem));
        }
        let not_a_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(Trust::from_pem(not_a_certificate.as_bytes()).err(), Some(Error::CertDer));
    }
}
