//! The daemon with a policy: who may use which number decides on the level, on every door.

#[path = "../running/mod.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;
#[path = "../sip_peer/mod.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod sip_peer;

mod decisions;
mod delegates;
mod enterprise;
mod marks;
mod providers;
mod teams;
