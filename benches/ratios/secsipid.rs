//! Beside libsecsipid, loaded at run time and called as Kamailio's module `secsipid` calls it.

use std::ffi::CString;
use std::path::Path;
use std::{env, fs};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::KeyPair;
use shaken_benches::{CALLED, CALLER, Fixture, ORIGID, X5U};
use shaken_core::{Verifier, sign};
use tempfile::TempDir;

use crate::HOT_CALLS;
use crate::foreign::{NewIdentity, Secsipid};
use crate::own;
use crate::round::Rounds;

/// How the library names the file of [`X5U`] in its cache.
const CACHED: &str = "https_cr.example.com_shaken.pem";

/// `CertVerify`: the times of the certificate, and its path to the certificates of `CertCAFile`.
const VERIFY_TIME_AND_PATH: &str = "CertVerify=5";

/// How old a header may be, in seconds: Kamailio's default.
const MAX_AGE_S: i32 = 300;

/// Names the file of our library in the place of libsecsipid.
const DROP_IN: &str = "SHAKEN_SECSIPID_SO";

/// The core beside the library.
///
/// # Errors
/// Why the library cannot be measured.
pub(crate) fn print(
    rounds: &Rounds,
    fixture: &Fixture,
    verifiers: &[(&str, Verifier)],
) -> Result<(), String> {
    let theirs = Ready::new(ORIGINAL, fixture)?;
    let mut buffer = [0; sign::MAX_HEADER_LEN];
    rounds
        .print_ratio(("sign_full", || fixture.sign(&mut buffer).len()), ("secsipid_sign", || theirs.sign()));
    own::print_warm_beside(rounds, fixture, verifiers, "secsipid_verify_chain", || theirs.check());
    Ok(())
}

/// Our library in its place beside the library: the same functions, each called the same way.
///
/// # Errors
/// Why one of the two cannot be measured.
pub(crate) fn print_drop_in(rounds: &Rounds, fixture: &Fixture) -> Result<(), String> {
    let file = env::var(DROP_IN).map_err(|_| format!("{DROP_IN} names none"))?;
    // First the original: asked for by its name alone, it would be the other, if that were there.
    let theirs = Ready::new(ORIGINAL, fixture)?;
    let ours = Ready::new(&file, fixture)?;
    // Until the key is in use.
    for _ in 0..HOT_CALLS {
        ours.check();
    }
    rounds.print_ratio(("ffi_sign", || ours.sign()), ("secsipid_sign", || theirs.sign()));
    rounds.print_ratio(("ffi_verify_warm", || ours.check()), ("secsipid_verify_chain", || theirs.check()));
    Ok(())
}

const ORIGINAL: &str = "libsecsipid.so.1";

/// A library with its options set, and found to do what it is measured at.
struct Ready {
    library: Secsipid,
    identity: NewIdentity,
    header: CString,
    /// Has what the options name.
    _folder: TempDir,
}

impl Ready {
    fn new(file: &str, fixture: &Fixture) -> Result<Self, String> {
        let library = Secsipid::load(file)?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).map(|()| c_path(&path)).map_err(|error| error.to_string())
        };
        let identity = NewIdentity {
            orig: c_string(CALLER),
            dest: c_string(CALLED),
            attest: c_string("A"),
            origid: c_string(ORIGID),
            x5u: c_string(X5U),
            key_path: write("key.pem", &sec1_pem(fixture))?,
        };
        write(CACHED, &fixture.chain_pem)?;
        write("root.pem", &fixture.root_pem)?;
        write("other-root.pem", &Fixture::new().root_pem)?;
        let made = library.identity(&identity, |header| header.to_vec())?;
        if made.len() != fixture.header.len() {
            return Err(format!("it writes other headers: {}", String::from_utf8_lossy(&made)));
        }

        library.set_cache(&c_path(folder.path()), 3_600)?;
        library.set(&c_string(VERIFY_TIME_AND_PATH))?;
        let header = c_string(&fixture.header);
        let trust = |root: &str| {
            library.set(&c_string(&format!("CertCAFile={}", folder.path().join(root).display())))
        };
        trust("other-root.pem")?;
        if library.check_full(&header, MAX_AGE_S).is_ok() {
            return Err("it accepts a certificate of another root".to_owned());
        }
        trust("root.pem")?;
        library.check_full(&header, MAX_AGE_S)?;
        Ok(Self { library, identity, header, _folder: folder })
    }

    fn sign(&self) -> usize {
        self.library.identity(&self.identity, <[u8]>::len).unwrap()
    }

    fn check(&self) {
        self.library.check_full(&self.header, MAX_AGE_S).unwrap();
    }
}

/// The key as `openssl ecparam -genkey` writes it (RFC 5915), as the library's manual tells to:
/// it would read PKCS#8 only at its second attempt.
fn sec1_pem(fixture: &Fixture) -> String {
    const SCALAR: &[u8] = &[0x02, 0x01, 0x01, 0x04, 0x20];
    const CURVE_AND_POINT: &[u8] = &[
        0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0xa1, 0x44, 0x03, 0x42, 0x00,
    ];
    let start = fixture.key_der.windows(SCALAR.len()).position(|bytes| bytes == SCALAR).unwrap();
    let scalar = &fixture.key_der[start..start + SCALAR.len() + 32];
    let der = [&[0x30, 0x77], scalar, CURVE_AND_POINT, fixture.raw_key.public_key().as_ref()].concat();
    let base64 = STANDARD.encode(der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN EC PRIVATE KEY-----\n{}\n-----END EC PRIVATE KEY-----\n", lines.join("\n"))
}

fn c_string(text: &str) -> CString {
    CString::new(text).unwrap()
}

fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_encoded_bytes()).unwrap()
}
