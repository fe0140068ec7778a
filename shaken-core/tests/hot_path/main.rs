//! What happens for every call: no heap, and nothing that others do to the cache gets in the way.

#[path = "../heap/mod.rs"]
mod heap;
#[path = "../pki/mod.rs"]
mod pki;

mod allocation;
mod cache;
mod rig;
#[cfg(feature = "tables")]
mod tables;
