//! What claims say beyond who calls whom: rich call data, digests, deterministic JSON, and the
//! claims that a certificate lets its holder sign.

#[path = "../heap/mod.rs"]
mod heap;

mod allocation;
mod canonical;
mod constraints;
mod hostile;
mod rcd;
mod vectors;
