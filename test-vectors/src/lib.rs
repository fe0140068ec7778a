//! Verification vectors for PASSporTs, as data: calls with their `Identity` headers, the
//! certificates behind them, and whether a verifier must accept them. The README of the
//! package describes the format for every implementation; this crate is its loader for Rust.
//!
//! In: JSON text of format version 1. Out: a [`VectorFile`] in which nothing was skipped: a
//! member that the format does not have, a case that stands twice or a count that is wrong is a
//! [`LoadError`], so that no vector goes untested in silence. It verifies nothing itself.
//!
//! ```
//! use shaken_test_vectors::{Expect, VectorFile};
//!
//! for path in shaken_test_vectors::files_under(concat!(env!("CARGO_MANIFEST_DIR"), "/data").as_ref())? {
//!     let file = VectorFile::read(&path)?;
//!     for case in &file.cases {
//!         // Hand case.identity, case.orig and case.dest to the verifier at the time
//!         // case.now, with file.trust_anchor_pem as only trust and file.x5u_bodies as the web.
//!         match &case.expect {
//!             Expect::Accept => {}
//!             Expect::Reject { error: _ } => {}
//!             Expect::Policy => {}
//!         }
//!     }
//! }
//! # Ok::<(), shaken_test_vectors::LoadError>(())
//! ```

#![forbid(unsafe_code)]

mod case;
mod error;
mod files;
mod format;
pub mod suites;

pub use case::{Case, Expect, ExpectHeader, Name};
pub use error::{LoadError, Problem};
pub use files::files_under;
pub use format::{Body, VectorFile};

// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
