//! The life of the daemon: reload, restart on sockets that were handed over, what it tells its
//! supervisor and the operator, and what confines it.

mod health;
mod lists;
mod process;
mod reload;
mod restart;
#[expect(dead_code, reason = "each test file uses a part of it")]
#[path = "../running/mod.rs"]
mod running;
mod supervisor;
