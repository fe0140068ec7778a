//! Revocation lists, the list of approved STI-CAs, and what a changed trust does to certificates
//! that are in the cache.

mod ca_list;
mod corpora;
mod der;
mod large;
mod lists;
mod policy;
mod rig;
mod vectors;
