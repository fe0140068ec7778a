//! All Identity headers of a call together, as somebody would send them who wants a call to pass
//! that must not, or one to fail that must pass.

#[path = "../heap/mod.rs"]
mod heap;
#[path = "../pki/mod.rs"]
mod pki;

mod allocation;
mod diversions;
mod model;
mod nested;
mod rig;
mod siblings;
mod spelling;
mod work;
