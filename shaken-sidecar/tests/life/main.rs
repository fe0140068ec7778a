//! The life of the daemon: reload, restart on sockets that were handed over, what it tells its
//! supervisor and the operator, and what confines it.

#[expect(dead_code, reason = "each test uses a part of it")]
#[path = "../../../shaken-core/tests/revocation/der.rs"]
mod der;
mod health;
mod lists;
mod policy_administrator;
mod process;
mod reload;
mod restart;
#[expect(dead_code, reason = "each test file uses a part of it")]
#[path = "../running/mod.rs"]
mod running;
mod sip;
#[path = "../sip_peer/mod.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod sip_peer;
mod supervisor;
