//! Requests that the crate `rsip` has read (feature `rsip`).
//!
//! rsip 0.4 reads fewer messages than [`Request::parse`](super::Request::parse): no `tel:` and
//! `urn:` URIs, no IPv6 in the Request-URI, no folded lines, no compact names. Who has the bytes
//! should give those; this is for who has the types. What rsip lets through is held to our rules.
//!
//! ```
//! use shaken_core::sip::{Parties, Uri, rsip};
//!
//! fn parties(request: &::rsip::Request) -> Result<(), shaken_core::Error> {
//!     let (headers, uri) = (rsip::headers(request)?, request.uri.to_string());
//!     let parties = Parties::new(&headers, &Uri::parse(uri.as_bytes())?)?;
//!     println!("{:?} calls {:?}", parties.orig(), parties.dest());
//!     Ok(())
//! }
//! ```

use ::rsip::headers::{Header, UntypedHeader};
use ::rsip::message::Request;

use super::Headers;
use crate::Error;

/// The header fields of interest, borrowed. rsip keeps Identity, P-Asserted-Identity and all
/// others that it does not know as they are.
///
/// # Errors
/// Those of [`Headers::collect`].
pub fn headers(request: &Request) -> Result<Headers<'_>, Error> {
    let fields = request.headers.iter().filter_map(|header| {
        Some(match header {
            Header::From(from) => ("From", from.value()),
            Header::To(to) => ("To", to.value()),
            Header::CallId(id) => ("Call-ID", id.value()),
            Header::CSeq(cseq) => ("CSeq", cseq.value()),
            Header::Date(date) => ("Date", date.value()),
            Header::ContentType(kind) => ("Content-Type", kind.value()),
            Header::Other(name, value) => (name.as_str(), value.as_str()),
            // None of the others says who calls whom.
            _ => return None,
        })
    });
    Headers::collect(fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())))
}
