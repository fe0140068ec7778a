//! Prints every speed that the project claims as a ratio of two things that were measured in turns
//! in this run: one `NAME<TAB>VALUE` line each on stdout, and on stderr what the two took and what
//! was left out. The README of `benches` explains the names.

#[path = "../../shaken-core/tests/heap/mod.rs"]
mod heap;

mod ffi;
mod foreign;
mod openssl;
mod own;
mod policy;
mod round;
mod secsipid;

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use shaken_benches::{CALLED, CALLER, Fixture, party};
use shaken_core::tables::{TableOptions, Tables};
use shaken_core::{Call, Scratch, Verifier};

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
    let verifiers = verifiers(&fixture);

    own::print_allocations(&fixture, &verifiers);
    own::print_sign(&rounds, &fixture);
    ffi::print_sign(&rounds, &fixture);
    own::print_verify(&rounds, &fixture, &verifiers);
    own::print_lookup(&rounds, &fixture);
    own::print_table(&rounds, &fixture);
    policy::print_policy(&rounds, &fixture);
    if let Err(absent) = openssl::print(&rounds, &fixture, &verifiers) {
        eprintln!("left out, libcrypto.so.3: {absent}");
    }
    // Last: it brings a runtime with threads of its own into the process.
    if let Err(absent) = secsipid::print(&rounds, &fixture, &verifiers) {
        eprintln!("left out, libsecsipid.so.1: {absent}");
    }
    if let Err(absent) = secsipid::print_drop_in(&rounds, &fixture) {
        eprintln!("left out, the drop-in for it: {absent}");
    }
    ExitCode::SUCCESS
}

/// What verifies, by the word for it in the names of the lines.
fn verifiers(fixture: &Fixture) -> Vec<(&'static str, Verifier)> {
    let (tables, mut builder) = Tables::new(TableOptions::default(), |difference| panic!("{difference}"));
    let by_table = Verifier::default().with_tables(Arc::clone(&tables));
    let dest = [party(CALLED)];
    let call = Call::new(party(CALLER), &dest);
    // Until the key is hot, has its table, and its first answers are confirmed.
    for _ in 0..HOT_CALLS {
        fixture.verify_warm(&by_table, &call, &mut Scratch::new());
        builder.run_once();
    }
    assert_eq!(tables.stats().tables, 1, "the key is hot");
    vec![("ring", Verifier::default()), ("table", by_table)]
}

/// Twice the default of [`TableOptions`].
const HOT_CALLS: u32 = 128;
