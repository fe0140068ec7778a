//! Whatever is done to a log that an outside checkpoint covers, `shaken audit verify` finds it, and what
//! a start can see refuses the start.

mod lines;
mod log;
#[expect(dead_code, reason = "each test uses a part of it")]
#[path = "../running/mod.rs"]
mod running;
mod sealed;
