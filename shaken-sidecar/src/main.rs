//! The `shaken` command. All of it is in the library; see [`shaken_sidecar::cli`].

use std::process::ExitCode;

/// What one thread allocates for a call, another frees when it is on record. The system's allocator pays
/// for that, and lets the heap grow over time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    shaken_sidecar::cli::main()
}
