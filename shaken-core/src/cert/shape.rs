//! The elements of a certificate, exactly (RFC 5280 §4.1, X.690 §10).
//!
//! ```text
//! Certificate ::= SEQUENCE { tbsCertificate     SEQUENCE,
//!                            signatureAlgorithm SEQUENCE,
//!                            signature          BIT STRING }
//! ```
//!
//! The CA's signature covers only the first of the three. What the library reads laxly around it
//! could be changed by anyone on the way, and one certificate would have many encodings. What it
//! reads laxly inside would mean another thing to another reader.

use std::collections::BTreeSet;

use super::extension::Extension;
use super::window::read_time;
use crate::der::{Elements, Malformed, tag};

/// The two names of a certificate, as DER.
pub(super) struct Names<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
}

/// Checks that `der` is one certificate and nothing else, and answers its names: the library may
/// stop in the midst of one.
pub(super) fn check(der: &[u8]) -> Result<Names<'_>, Malformed> {
    let mut outer = Elements::new(der);
    let mut parts = outer.expect(tag::SEQUENCE)?;
    outer.finish()?;
    let names = check_signed(parts.expect(tag::SEQUENCE)?)?;
    let mut algorithm = parts.expect(tag::SEQUENCE)?;
    algorithm.expect(tag::OBJECT_IDENTIFIER)?;
    let signature = parts.expect(tag::BIT_STRING)?;
    // The first byte of a BIT STRING counts its unused bits.
    if signature.bytes().first() != Some(&0) {
        return Err(signature.malformed());
    }
    parts.finish()?;
    Ok(names)
}

/// `TBSCertificate`, whose key the library reads.
fn check_signed(mut fields: Elements<'_>) -> Result<Names<'_>, Malformed> {
    fields.optional(tag::explicit(0))?;
    fields.integer()?;
    fields.expect(tag::SEQUENCE)?;
    let issuer = fields.expect_whole(tag::SEQUENCE)?;
    let mut validity = fields.expect(tag::SEQUENCE)?;
    read_time(&mut validity)?;
    read_time(&mut validity)?;
    validity.finish()?;
    let subject = fields.expect_whole(tag::SEQUENCE)?;
    fields.expect(tag::SEQUENCE)?;
    fields.optional(tag::implicit(1))?;
    fields.optional(tag::implicit(2))?;
    if let Some(mut wrapped) = fields.optional(tag::explicit(3))? {
        check_extensions(wrapped.expect(tag::SEQUENCE)?)?;
        wrapped.finish()?;
    }
    fields.finish()?;
    Ok(Names { issuer, subject })
}

/// RFC 5280 §4.2: no extension twice.
fn check_extensions(mut list: Elements<'_>) -> Result<(), Malformed> {
    let mut seen = BTreeSet::new();
    while !list.is_empty() {
        let at = list.malformed();
        if !seen.insert(Extension::read(&mut list)?.id) {
            return Err(at);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use crate::{Certificate, Error};

    /// An attribute type that is longer than the name leaves no part that could be read.
    #[test]
    fn a_name_that_is_readable_in_part_is_refused() {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "SHAKEN 1234");
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
        assert!(Certificate::from_der(&der).is_ok());
        let common_name = [0x06, 3, 0x55, 4, 3];
        let places = der.windows(5).enumerate().filter(|(_, window)| *window == common_name);
        let places: Vec<usize> = places.map(|(at, _)| at).collect();
        assert_eq!(places.len(), 2, "issuer and subject");
        for at in places {
            let mut damaged = der.clone();
            damaged[at + 1] = 0x0b;
            assert_eq!(Certificate::from_der(&damaged).err(), Some(Error::CertDer));
        }
    }
}
