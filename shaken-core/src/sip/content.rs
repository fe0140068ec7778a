//! What a request says besides who calls whom, for the PASSporT types that speak of it.

use std::borrow::Cow;

use super::{Parties, Request};
use crate::Call;
use crate::mky::Fingerprints;

/// The parts of a request that `mky`, `rph`, `sph` and `msgi` are compared with.
#[derive(Clone, Debug)]
pub struct Content<'a> {
    fingerprints: Option<Fingerprints<'a>>,
    resource_priority: Cow<'a, str>,
    priority: Cow<'a, str>,
    body_of_message: Option<&'a [u8]>,
}

impl<'a> Content<'a> {
    /// Allocates nothing, unless a header stands twice or is not UTF-8.
    #[must_use]
    pub fn of(request: &Request<'a>) -> Self {
        // Without a body there is no key of the media, which a `mky` must find out (RFC 8225 §5.2.2);
        // and fingerprints that cannot be read are none that a `mky` could hold.
        let sdp = if request.body().is_empty() { Some(&[][..]) } else { request.sdp() };
        Self {
            fingerprints: sdp.map(|sdp| Fingerprints::from_sdp(sdp).unwrap_or_default()),
            resource_priority: joined(request, b"Resource-Priority"),
            priority: joined(request, b"Priority"),
            body_of_message: (request.method() == "MESSAGE").then(|| request.body()),
        }
    }

    /// The values of `Resource-Priority`, joined; empty if it has none.
    #[must_use]
    pub fn resource_priority(&self) -> &str {
        &self.resource_priority
    }

    /// The values of `Priority`, joined; empty if it has none.
    #[must_use]
    pub fn priority(&self) -> &str {
        &self.priority
    }

    /// The call of `parties` with this content.
    #[must_use]
    pub fn call<'c>(&'c self, parties: &'c Parties<'_>) -> Call<'c> {
        let call =
            parties.call().with_resource_priority(&self.resource_priority).with_priority(&self.priority);
        let call = match &self.fingerprints {
            Some(fingerprints) => call.with_fingerprints(fingerprints),
            None => call,
        };
        self.body_of_message.map_or(call, |body| call.with_body(body))
    }
}

/// The values of a header field that may stand several times, joined as RFC 3261 §7.3.1 has it.
fn joined<'a>(request: &Request<'a>, name: &[u8]) -> Cow<'a, str> {
    let values = request.fields().filter(|(found, _)| found.eq_ignore_ascii_case(name));
    values.map(|(_, value)| String::from_utf8_lossy(value)).fold(Cow::Borrowed(""), |all, value| {
        if all.is_empty() { value } else { Cow::Owned([&all, ",", &value].concat()) }
    })
}
