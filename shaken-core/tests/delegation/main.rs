//! Delegate certificates and the lists that limit them, and what certificates look like beside
//! the profile that they claim to follow.

mod authority_token;
#[path = "../revocation/der.rs"]
mod der;
mod lists;
mod made;
mod path;
mod profile;
mod rig;
mod vectors;
mod zlint;
