//! The call as the SIP request tells it.

use crate::mky::Fingerprints;
use crate::party::Party;

/// What PASSporTs are compared with. The caller is always taken from here, never from a token
/// (RFC 8224 §6.2.4). What is not given is not compared, but for caller and called party.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub(super) orig: Party<'a>,
    pub(super) dest: &'a [Party<'a>],
    pub(super) target: Option<Party<'a>>,
    pub(super) date: Option<u64>,
    pub(super) fingerprints: Option<&'a Fingerprints<'a>>,
    pub(super) body: Option<&'a [u8]>,
    pub(super) resource_priority: Option<&'a str>,
    pub(super) priority: Option<&'a str>,
    pub(super) display_name: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// `orig` is the party of P-Asserted-Identity, else From; `dest` those that the call may have
    /// been signed for: that of To, and behind it that of the Request-URI if it differs.
    #[must_use]
    pub const fn new(orig: Party<'a>, dest: &'a [Party<'a>]) -> Self {
        Self {
            orig,
            dest,
            target: None,
            date: None,
            fingerprints: None,
            body: None,
            resource_priority: None,
            priority: None,
            display_name: None,
        }
    }

    /// Where the call goes now: the party of the Request-URI, which a diversion must lead to
    /// (RFC 8946 §4.2). Without it any of `dest` will do.
    #[must_use]
    pub const fn with_target(self, target: Party<'a>) -> Self {
        Self { target: Some(target), ..self }
    }

    /// The Date header in seconds since 1970; it must be fresh like `iat`. Compact forms need it.
    #[must_use]
    pub const fn with_date(self, date: u64) -> Self {
        Self { date: Some(date), ..self }
    }

    /// The `a=fingerprint` lines of the call's SDP, for `mky` (RFC 8225 §5.2.2).
    #[must_use]
    pub const fn with_fingerprints(self, fingerprints: &'a Fingerprints<'a>) -> Self {
        Self { fingerprints: Some(fingerprints), ..self }
    }

    /// The whole body of a SIP MESSAGE, for `msgi` (RFC 9475).
    #[must_use]
    pub const fn with_body(self, body: &'a [u8]) -> Self {
        Self { body: Some(body), ..self }
    }

    /// The value of Resource-Priority, several joined by commas, for `rph` (RFC 8443); empty if
    /// the request has none.
    #[must_use]
    pub const fn with_resource_priority(self, value: &'a str) -> Self {
        Self { resource_priority: Some(value), ..self }
    }

    /// The value of Priority, for `sph` (RFC 9027).
    #[must_use]
    pub const fn with_priority(self, value: &'a str) -> Self {
        Self { priority: Some(value), ..self }
    }

    /// The display name of From, for a `rcd` in compact form (RFC 9795 §9).
    #[must_use]
    pub const fn with_display_name(self, name: &'a str) -> Self {
        Self { display_name: Some(name), ..self }
    }
}
