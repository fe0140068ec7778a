//! What the fuzz targets check, and the inputs they start from.
//!
//! Each module has one function, `run`: any bytes in, a panic if a property does not hold. The
//! targets of `fuzz/fuzz_targets` call it under libFuzzer; the tests of this package call it with
//! the seeds, so that ordinary builds compile and run what the fuzzer runs.
//!
//! Only public functions of `shaken-core` and of the C libraries are called: what is checked is what a host can
//! reach.

#![deny(unsafe_code)]

pub mod call;
pub mod certificate_chain;
pub mod crl;
pub mod ffi_calls;
pub mod identity_header;
pub mod passport;
pub mod sip_message;
pub mod table;
pub mod tn_auth_list;
pub mod x5u_url;

#[path = "../../../shaken-core/tests/revocation/der.rs"]
mod der;
mod provider;
#[expect(dead_code, reason = "shared with the tests of shaken-core, which use all of it")]
#[path = "../../../shaken-core/tests/revocation/rig.rs"]
mod rig;

use std::collections::BTreeSet;
use std::path::Path;

use shaken_core::write::Out;
use shaken_test_vectors::{VectorFile, files_under};

/// Longest input that a target starts from. libFuzzer never goes far beyond its longest seed, and
/// short inputs run fast.
const MAX_SEED_LEN: usize = 16 * 1024;

/// One fuzz target.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Target {
    /// Its name: that of the module, of the file in `fuzz_targets` and of the folder of the corpus.
    pub name: &'static str,
    /// Checks one input. Panics if a property does not hold.
    pub run: fn(&[u8]),
    seeds: fn(&[VectorFile]) -> Vec<Vec<u8>>,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self { name: "call", run: call::run, seeds: call::seeds },
        Self { name: "certificate_chain", run: certificate_chain::run, seeds: certificate_chain::seeds },
        Self { name: "crl", run: crl::run, seeds: crl::seeds },
        Self { name: "ffi_calls", run: ffi_calls::run, seeds: ffi_calls::seeds },
        Self { name: "identity_header", run: identity_header::run, seeds: identity_header::seeds },
        Self { name: "passport", run: passport::run, seeds: passport::seeds },
        Self { name: "sip_message", run: sip_message::run, seeds: sip_message::seeds },
        Self { name: "table", run: table::run, seeds: table::seeds },
        Self { name: "tn_auth_list", run: tn_auth_list::run, seeds: tn_auth_list::seeds },
        Self { name: "x5u_url", run: x5u_url::run, seeds: x5u_url::seeds },
    ];

    /// The inputs to start from, made from the vectors: each once, none longer than 16 KiB.
    #[must_use]
    pub fn seeds(&self, vectors: &[VectorFile]) -> BTreeSet<Vec<u8>> {
        (self.seeds)(vectors).into_iter().filter(|seed| seed.len() <= MAX_SEED_LEN).collect()
    }
}

/// The project's vectors.
///
/// # Panics
/// If they cannot be read.
#[must_use]
pub fn vectors() -> Vec<VectorFile> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../test-vectors/data"));
    let files = files_under(folder).unwrap_or_else(|error| panic!("{error}"));
    files.iter().map(|path| VectorFile::read(path).unwrap_or_else(|error| panic!("{error}"))).collect()
}

/// Every value of an Identity header of the vectors.
fn identity_values(vectors: &[VectorFile]) -> impl Iterator<Item = &str> {
    vectors.iter().flat_map(|file| &file.cases).flat_map(|case| &case.identity).map(String::as_str)
}

/// Every body of the vectors that stands behind a certificate URL, and their bundles.
fn certificate_bodies(vectors: &[VectorFile]) -> impl Iterator<Item = &[u8]> {
    vectors.iter().flat_map(|file| {
        let bundles = [file.trust_anchor_pem.as_bytes(), file.intermediates_pem.as_bytes()];
        file.x5u_bodies.values().map(|body| body.as_bytes()).chain(bundles)
    })
}

/// What `write` writes, which must fit in `capacity` bytes.
fn written(capacity: usize, write: impl FnOnce(&mut Out<'_>)) -> Vec<u8> {
    let mut buffer = vec![0; capacity];
    let mut out = Out::new(&mut buffer);
    write(&mut out);
    assert!(!out.overflowed(), "more than {capacity} bytes were written");
    out.written().to_vec()
}

fn base64url(bytes: &[u8]) -> String {
    let text = written(bytes.len() * 4 / 3 + 4, |out| out.push_base64url(bytes));
    String::from_utf8(text).unwrap_or_else(|error| panic!("base64url is ASCII: {error}"))
}
