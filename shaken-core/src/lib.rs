//! STIR/SHAKEN for people who carry calls: sign and verify PASSporTs of every type (RFC 8224,
//! RFC 8225, RFC 8588, RFC 8946, RFC 8443, RFC 9795, RFC 9475; ATIS-1000074) without heap
//! allocation on the call path.
//!
//! One call, front to back:
//!
//! ```text
//! sign    NewClaims ── Signer::sign ──> value of the Identity header, in your buffer
//!
//! verify  header values ── Verifier::screen_call ─> ScreenedCall   worth certificates; has the URLs
//!         URL           ── CertCache, or you ─────> TrustedCert    who may have signed
//!         ScreenedCall  ── Verifier::verify_call ─> Verdict        on each header, and on the call
//!
//!         one shaken    ── Identity::parse, Verifier::screen ─> Screened ── Verifier::verify ─> Verified
//!
//! sip     message bytes ── sip::Request::parse ─> Request ── parties ─> the call for either
//! ```
//!
//! What was screened is made only by screening and [`Verified`], the ticket to a pass, only by
//! verifying it, so no step can be left out and no stale or misdirected token causes a download. Time is a parameter, always
//! the last: the crate reads no clock. It does no I/O either, but for the feature `fetch`.
//!
//! | feature | adds |
//! |---|---|
//! | `fetch` | `fetch::Fetcher`: certificate URL to bytes over https, guarded in address, size and time; needs tokio |
//! | `tables` | [`tables`]: keys that are in use get tables, by which verification takes a fraction of the time; watched by `ring` |
//! | `rsip` | `sip::rsip`: requests that the crate `rsip` has read |
//! | `tables` | `es256::table`: verification with tables of known keys |
//!
//! # Panics
//! Input never panics: bad input is an [`Error`] with a stable name. A panic would be a bug of
//! this crate.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

pub mod base64url;
pub mod cache;
pub mod cert;
pub mod claims;
mod der;
pub mod digest;
pub mod error;
pub mod es256;
pub mod fetch;
pub mod identity;
pub mod json;
pub mod key;
pub mod mky;
mod origid;
pub mod party;
pub mod passport;
pub mod pem;
mod scan;
pub mod sign;
pub mod sip;
#[cfg(feature = "tables")]
pub mod tables;
pub mod tn;
pub mod trust;
pub mod verify;
pub mod write;

pub use cache::{CertCache, Lookup};
pub use cert::{Certificate, TrustedCert};
pub use claims::Attest;
pub use error::{Error, SipResponse, Verstat};
pub use fetch::X5u;
pub use identity::Identity;
pub use origid::OrigId;
pub use party::Party;
pub use passport::Scratch;
pub use sign::Signer;
pub use tn::TelephoneNumber;
pub use trust::Trust;
pub use verify::{Call, Screened, TnAuthListPolicy, Verified, Verifier};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
