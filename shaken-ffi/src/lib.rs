//! The C library of shaken: STIR/SHAKEN signing and verification inside a SIP stack. C programs use
//! `include/shaken.h`; the README of this crate has the conventions on one page.
//!
//! ```text
//! C ── lib      one function each: what it takes, what it answers, who may call it
//!   ── guard    no panic passes; failure to result
//!   ── handle   pointers to references: all unsafe code of the library
//!   ── signing  key and certificate; header values and whole messages
//!   ── table    name, SIP response and verstat of each result
//! ```
//!
//! The functions are safe to call from Rust, but for what a pointer of C can be: they are for C.

mod guard;
mod handle;
#[cfg(test)]
mod header;
mod signing;
mod table;

use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;

pub use guard::ShakenResult;
pub use handle::Str;
use handle::{Buffer, given};
pub use signing::Signer;
use signing::{NewCall, What, attest};
use table::Row;

/// Version of the library, such as `"0.1.0"`.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    CStr::from_bytes_until_nul(VERSION.as_bytes()).unwrap_or_default().as_ptr()
}

/// Name of a result, such as `"cert-expired"`: the same in metrics, records and the documentation.
/// `"unknown"` for a number that is none.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_result_name(result: ShakenResult) -> *const c_char {
    Row::of(result).map_or(c"unknown", Row::name).as_ptr()
}

/// Status of the SIP response that tells of a result (RFC 8224 §6.2.2); 500 for a number that is
/// none.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_result_sip_code(result: ShakenResult) -> u16 {
    Row::of(result).map_or(500, |row| row.sip_code)
}

/// Reason phrase of the SIP response that tells of a result.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_result_sip_reason(result: ShakenResult) -> *const c_char {
    Row::of(result).map_or(c"Server Internal Error", Row::sip_reason).as_ptr()
}

/// `verstat` of a call whose verification has this result (3GPP TS 24.229): `"TN-Validation-Passed"`,
/// `"TN-Validation-Failed"` or `"No-TN-Validation"`.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_result_verstat(result: ShakenResult) -> *const c_char {
    Row::of(result).map_or(c"No-TN-Validation", Row::verstat).as_ptr()
}

/// Makes a signer from a private key in PEM (PKCS#8 or SEC 1, on P-256), the certificate that belongs
/// to it with its issuers in PEM, as it stands at `x5u`, and that URL. Fails if they do not fit together
/// or verifiers would refuse the certificate.
///
/// Any number of threads may sign with one signer. It may be made before a fork and used in the
/// children.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_signer_from_pem(
    key: Str,
    chain: Str,
    x5u: Str,
    signer: Option<&mut MaybeUninit<Option<Box<Signer>>>>,
) -> ShakenResult {
    guard::make(signer, || Signer::from_pem(key.bytes()?, chain.bytes()?, x5u.text()?))
}

/// As `shaken_signer_from_pem`, with the paths of two files of at most 256 KiB. Blocks while it reads
/// them.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_signer_from_files(
    key_path: Str,
    chain_path: Str,
    x5u: Str,
    signer: Option<&mut MaybeUninit<Option<Box<Signer>>>>,
) -> ShakenResult {
    guard::make(signer, || Signer::from_files(key_path.text()?, chain_path.text()?, x5u.text()?))
}

/// Frees a signer, which no thread uses any more. NULL is nothing to free.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_signer_free(signer: Option<Box<Signer>>) {
    guard::free(signer);
}

/// Writes the value of the Identity header for a call from `orig` to `dest`: telephone numbers, or
/// URIs. `attest` is `'A'`, `'B'` or `'C'`; `origid` the tracing value, a random one if it is empty.
/// `iat` is the Date of the call and `now` the time, both in seconds since 1970 and at most a minute
/// apart.
///
/// `*len` is what was written, or what it takes with `SHAKEN_BUFFER_TOO_SMALL`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_sign(
    signer: Option<&Signer>,
    orig: Str,
    dest: Str,
    level: c_char,
    origid: Str,
    iat: i64,
    now: i64,
    buffer: *mut c_char,
    capacity: usize,
    len: Option<&mut MaybeUninit<usize>>,
) -> ShakenResult {
    guard::write(Buffer { data: buffer, capacity }, len, |out| {
        let what = What::Shaken { attest: attest(level)?, origid: origid.optional()? };
        let call = NewCall { orig: orig.text()?, dest: dest.text()?, iat, what };
        given(signer)?.sign(&call, now, out)
    })
}

/// As `shaken_sign`, for a call from `orig` that `diverting` was called with and sends on to `dest`
/// (RFC 8946): a PASSporT of type `div`, to stand beside those that are there.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_sign_div(
    signer: Option<&Signer>,
    orig: Str,
    dest: Str,
    diverting: Str,
    iat: i64,
    now: i64,
    buffer: *mut c_char,
    capacity: usize,
    len: Option<&mut MaybeUninit<usize>>,
) -> ShakenResult {
    guard::write(Buffer { data: buffer, capacity }, len, |out| {
        let what = What::Diversion { by: diverting.text()? };
        let call = NewCall { orig: orig.text()?, dest: dest.text()?, iat, what };
        given(signer)?.sign(&call, now, out)
    })
}

/// Writes a whole SIP message with its Identity header, and a Date if it had none. `message` is the
/// INVITE that starts a call; who calls whom is read from it by the rules of SHAKEN. The rest as in
/// `shaken_sign`.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_sign_sip(
    signer: Option<&Signer>,
    message: Str,
    level: c_char,
    origid: Str,
    now: i64,
    buffer: *mut c_char,
    capacity: usize,
    len: Option<&mut MaybeUninit<usize>>,
) -> ShakenResult {
    guard::write(Buffer { data: buffer, capacity }, len, |out| {
        given(signer)?.sign_sip(message.bytes()?, attest(level)?, origid.optional()?, now, out)
    })
}
