//! Prints every speed that the project claims as a ratio of two things that were measured in turns
//! in this run: one `NAME<TAB>VALUE` line each on stdout, and on stderr what the two took and what
//! was left out. The README of `benches` explains the names.

#[path = "../../shaken-core/tests/heap/mod.rs"]
mod heap;

mod foreign;
mod openssl;
mod own;
mod round;
mod secsipid;

use std::num::NonZeroUsize;
use std::process::ExitCode;

use clap::Parser;
use shaken_benches::Fixture;
use shaken_core::Verifier;

use crate::round::Rounds;

/// Measures shaken-core beside ring, OpenSSL and libsecsipid.
#[derive(Parser)]
struct Arguments {
    /// How many rounds each ratio is the median of.
    #[arg(long, default_value = "1500")]
    rounds: NonZeroUsize,
}

fn main() -> ExitCode {
    let rounds = Rounds::new(Arguments::parse().rounds);
    let fixture = Fixture::new();
    let verifiers = verifiers();

    own::print_allocations(&fixture, &verifiers);
    own::print_sign(&rounds, &fixture);
    own::print_verify(&rounds, &fixture, &verifiers);
    own::print_lookup(&rounds, &fixture);
    own::print_table(&rounds, &fixture);
    if let Err(absent) = openssl::print(&rounds, &fixture, &verifiers) {
        eprintln!("left out, libcrypto.so.3: {absent}");
    }
    // Last: it brings a runtime with threads of its own into the process.
    if let Err(absent) = secsipid::print(&rounds, &fixture, &verifiers) {
        eprintln!("left out, libsecsipid.so.1: {absent}");
    }
    ExitCode::SUCCESS
}

/// What verifies, by the word for it in the names of the lines.
fn verifiers() -> Vec<(&'static str, Verifier)> {
    vec![("ring", Verifier::default())]
}
