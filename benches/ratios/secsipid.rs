//! Beside libsecsipid, loaded at run time and called as Kamailio's module `secsipid` calls it.

use std::ffi::CString;
use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::KeyPair;
use shaken_benches::{CALLED, CALLER, Fixture, ORIGID, X5U};
use shaken_core::{Verifier, sign};

use crate::foreign::{NewIdentity, Secsipid};
use crate::own;
use crate::round::Rounds;

/// How the library names the file of [`X5U`] in its cache.
const CACHED: &str = "https_cr.example.com_shaken.pem";

/// `CertVerify`: the times of the certificate, and its path to the certificates of `CertCAFile`.
const VERIFY_TIME_AND_PATH: &str = "CertVerify=5";

/// How old a header may be, in seconds: Kamailio's default.
const MAX_AGE_S: i32 = 300;

/// # Errors
/// Why the library cannot be measured.
pub(crate) fn print(
    rounds: &Rounds,
    fixture: &Fixture,
    verifiers: &[(&str, Verifier)],
) -> Result<(), String> {
    let secsipid = Secsipid::load()?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).map(|()| c_path(&path)).map_err(|error| error.to_string())
    };
    let key_path = file("key.pem", &sec1_pem(fixture))?;
    file(CACHED, &fixture.chain_pem)?;
    file("root.pem", &fixture.root_pem)?;
    file("other-root.pem", &Fixture::new().root_pem)?;

    let identity = NewIdentity {
        orig: c_string(CALLER),
        dest: c_string(CALLED),
        attest: c_string("A"),
        origid: c_string(ORIGID),
        x5u: c_string(X5U),
        key_path,
    };
    let made = secsipid.identity(&identity, |header| header.to_vec())?;
    let made = String::from_utf8(made).map_err(|error| error.to_string())?;
    let same_len = made.len() == fixture.header.len();
    if !same_len {
        return Err(format!("it writes other headers: {made}"));
    }
    let mut buffer = [0; sign::MAX_HEADER_LEN];
    rounds.print_ratio(
        ("sign_full", || fixture.sign(&mut buffer).len()),
        ("secsipid_sign", || secsipid.identity(&identity, <[u8]>::len).unwrap()),
    );

    secsipid.set_cache(&c_path(folder.path()), 3_600)?;
    secsipid.set(&c_string(VERIFY_TIME_AND_PATH))?;
    let header = c_string(&fixture.header);
    let trust =
        |root: &str| secsipid.set(&c_string(&format!("CertCAFile={}", folder.path().join(root).display())));
    trust("other-root.pem")?;
    if secsipid.check_full(&header, MAX_AGE_S).is_ok() {
        return Err("it accepts a certificate of another root".to_owned());
    }
    trust("root.pem")?;
    secsipid.check_full(&header, MAX_AGE_S)?;
    own::print_warm_beside(rounds, fixture, verifiers, "secsipid_verify_chain", || {
        secsipid.check_full(&header, MAX_AGE_S).unwrap();
    });
    Ok(())
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
