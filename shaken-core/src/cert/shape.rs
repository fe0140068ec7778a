//! The outermost elements of a certificate, exactly (RFC 5280 §4.1, X.690 §10).
//!
//! ```text
//! Certificate ::= SEQUENCE { tbsCertificate     SEQUENCE,
//!                            signatureAlgorithm SEQUENCE,
//!                            signature          BIT STRING }
//! ```
//!
//! The CA's signature covers only the first of the three. What the library reads laxly around it
//! could be changed by anyone on the way, and one certificate would have many encodings.

use crate::der::{Elements, Malformed, tag};

/// Checks that `der` is one certificate and nothing else.
pub(super) fn check(der: &[u8]) -> Result<(), Malformed> {
    let mut outer = Elements::new(der);
    let mut parts = outer.expect(tag::SEQUENCE)?;
    outer.finish()?;
    parts.expect(tag::SEQUENCE)?;
    let mut algorithm = parts.expect(tag::SEQUENCE)?;
    algorithm.expect(tag::OBJECT_IDENTIFIER)?;
    let signature = parts.expect(tag::BIT_STRING)?;
    // The first byte of a BIT STRING counts its unused bits.
    if signature.bytes().first() != Some(&0) {
        return Err(signature.malformed());
    }
    parts.finish()
}
