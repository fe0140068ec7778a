//! The `shaken` command. All of it is in the library; see [`shaken_sidecar::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    shaken_sidecar::cli::main()
}
