//! Certification paths against the suites of others: RFC 5280 path validation, revocation lists
//! included, and what must never happen whatever the input is.

mod clock;
mod corpora;
#[path = "../revocation/der.rs"]
mod der;
mod exact;
mod forge;
mod hostile;
mod limbo;
mod memory;
mod pkits;
mod sti;
mod webpki;
