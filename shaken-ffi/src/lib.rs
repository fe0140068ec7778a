//! The C library of shaken: STIR/SHAKEN signing and verification inside a SIP stack. C programs use
//! `include/shaken.h`; the README of this crate has the conventions on one page.
//!
//! ```text
//! C ── lib      one function each: what it takes, what it answers, who may call it
//!   ── guard    no panic passes; failure to result
//!   ── handle   pointers to references: all unsafe code of the library
//!   ── signing  key and certificate; header values and whole messages
//!   ── verifier the order of the steps of a verification
//!        trust     whom to trust
//!        store     certificates at hand, and URLs that failed
//!        verdict   what came of a call
//!        fetching  downloads on a thread of their own, if that was started
//!   ── client   the same by way of a daemon
//!   ── table    name, SIP response and verstat of each result
//!   ── secsipid the functions of libsecsipid, a library of its own
//! ```
//!
//! The functions are safe to call from Rust, but for what a pointer of C can be: they are for C.

mod client;
mod fetching;
mod guard;
mod handle;
#[cfg(test)]
mod header;
/// cbindgen:ignore
mod secsipid;
mod signing;
mod store;
mod table;
mod trust;
mod verdict;
mod verifier;

use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;

use shaken_core::Error;

pub use client::Client;
use client::Wish;
pub use fetching::FetchOptions;
pub use guard::ShakenResult;
pub use handle::Str;
use handle::{Array, Buffer, given};
pub use signing::Signer;
use signing::{NewCall, What, attest};
use table::Row;
use trust::SignedCaList;
pub use trust::Trust;
pub use verdict::{CallVerdict, HeaderVerdict, Verdict};
use verifier::Facts;
pub use verifier::Verifier;

/// What is told of threads holds: a handle that any of them may use can be, and none is bound to one.
const _: () = {
    const fn any_thread<T: Send + Sync>() {}
    const fn one_at_a_time<T: Send>() {}
    any_thread::<Signer>();
    any_thread::<Trust>();
    any_thread::<Verifier>();
    any_thread::<FetchOptions>();
    any_thread::<Client>();
    one_at_a_time::<Verdict>();
};

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
        let signer = given(signer)?;
        let what = What::Shaken { attest: attest(level)?, origid: origid.optional()? };
        let call = NewCall { orig: orig.text()?, dest: dest.text()?, iat, what };
        signer.sign(&call, now, out)
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
        let signer = given(signer)?;
        let what = What::Diversion { by: diverting.text()? };
        let call = NewCall { orig: orig.text()?, dest: dest.text()?, iat, what };
        signer.sign(&call, now, out)
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

/// Makes a trust from the certificates of the STI-CAs in PEM. Without them nothing verifies: there is
/// no set of its own.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_trust_new(
    anchors: Str,
    trust: Option<&mut MaybeUninit<Option<Box<Trust>>>>,
) -> ShakenResult {
    guard::make(trust, || Trust::new(anchors.bytes()?))
}

/// Makes a trust from the STI-PA's list of approved STI-CAs, its only anchors: `list` as it stands at `list_url`, a
/// signed token alone or in the answer of the STI-PA's API. `signer_chain` is what stands behind the `x5u` of the
/// list, which is on the same host, `sti_pa_roots` the STI-PA's roots, which vouch for nothing else; both
/// in PEM. When the list has ended, nothing verifies until a newer one is set.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_trust_from_ca_list(
    list: Str,
    list_url: Str,
    signer_chain: Str,
    sti_pa_roots: Str,
    now: i64,
    trust: Option<&mut MaybeUninit<Option<Box<Trust>>>>,
) -> ShakenResult {
    guard::make(trust, || Trust::from_ca_list(&ca_list(&list, &list_url, &signer_chain, &sti_pa_roots)?, now))
}

/// Puts a list of approved STI-CAs in the place of the one before: those that are not on it are anchors no
/// more, and those of `shaken_trust_new` stay. A list that is older than the one before is refused. The rest as in
/// `shaken_trust_from_ca_list`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_trust_set_ca_list(
    trust: Option<&Trust>,
    list: Str,
    list_url: Str,
    signer_chain: Str,
    sti_pa_roots: Str,
    now: i64,
) -> ShakenResult {
    guard::run(|| given(trust)?.set_ca_list(&ca_list(&list, &list_url, &signer_chain, &sti_pa_roots)?, now))
}

/// Adds intermediate certificates in PEM that repositories may leave out. They are no anchors. Any
/// thread.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_trust_add_intermediates(trust: Option<&Trust>, intermediates: Str) -> ShakenResult {
    guard::run(|| given(trust)?.add_intermediates(intermediates.bytes()?))
}

/// Adds a revocation list of the STI-PA, in PEM or DER, in the place of the one before. `signer_chain`
/// holds the certificates that may be its signer's, `sti_pa_roots` the STI-PA's roots, which vouch for
/// nothing else; both in PEM. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_trust_add_crl(
    trust: Option<&Trust>,
    crl: Str,
    signer_chain: Str,
    sti_pa_roots: Str,
    now: i64,
) -> ShakenResult {
    guard::run(|| given(trust)?.add_crl(crl.bytes()?, signer_chain.bytes()?, sti_pa_roots.bytes()?, now))
}

/// Refuses certificates that no revocation list covers. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_trust_require_crl(trust: Option<&Trust>) -> ShakenResult {
    guard::run(|| {
        given(trust)?.require_crl();
        Ok(())
    })
}

/// Frees a trust, which no thread uses any more. Verifiers that were made with it are not touched.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_trust_free(trust: Option<Box<Trust>>) {
    guard::free(trust);
}

/// Makes a verifier with an empty cache. It takes a copy of `trust`. `max_age_s` is how far a PASSporT
/// or Date may lie from the clock, `cache_bytes` how much memory certificates may take; 0 is the
/// default of each, 60 s and 64 MiB.
///
/// Any number of threads may use one verifier. It may be made before a fork and used in the children,
/// as long as no other thread is within a call on it while the process forks.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verifier_new(
    trust: Option<&Trust>,
    max_age_s: u64,
    cache_bytes: u64,
    verifier: Option<&mut MaybeUninit<Option<Box<Verifier>>>>,
) -> ShakenResult {
    guard::make(verifier, || Ok(Verifier::new(given(trust)?, max_age_s, cache_bytes)))
}

/// Puts a copy of `trust` in the place of the one in force. Certificates at hand are judged again, and
/// not fetched. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verifier_set_trust(
    verifier: Option<&Verifier>,
    trust: Option<&Trust>,
) -> ShakenResult {
    guard::run(|| {
        given(verifier)?.store()?.set_trust(given(trust)?.copy());
        Ok(())
    })
}

/// Judges the certificates in PEM that the host obtained from `url` and keeps them for `max_age_s`
/// seconds, at least a day and at most a week; 0 if nothing is known about that. If they are refused,
/// the URL counts as failed for a minute. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verifier_insert(
    verifier: Option<&Verifier>,
    url: Str,
    chain: Str,
    max_age_s: u64,
    now: i64,
) -> ShakenResult {
    let max_age_s = (max_age_s > 0).then_some(max_age_s);
    guard::run(|| given(verifier)?.store()?.insert(url.text()?, chain.bytes()?, max_age_s, now))
}

/// Notes that nothing could be had from `url`: for a minute calls are told so instead of
/// `SHAKEN_PENDING`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verifier_insert_failure(
    verifier: Option<&Verifier>,
    url: Str,
    now: i64,
) -> ShakenResult {
    guard::run(|| given(verifier)?.store()?.note_failure(url.text()?, Error::CertUnavailable, now))
}

/// Makes the tables by which keys in frequent use verify in a third of the time: some milliseconds each,
/// so call it from a timer, not for a call. A thread that fetches does it too. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verifier_build_tables(verifier: Option<&Verifier>) -> ShakenResult {
    guard::run(|| {
        given(verifier)?.store()?.build_tables();
        Ok(())
    })
}

/// Frees a verifier, which no thread uses any more. If it fetches, that ends first, which takes at most
/// two seconds.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verifier_free(verifier: Option<Box<Verifier>>) {
    guard::free(verifier);
}

/// Makes room for verdicts: 180 KB, for one call at a time. One thread at a time may use it.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verdict_new(
    verdict: Option<&mut MaybeUninit<Option<Box<Verdict>>>>,
) -> ShakenResult {
    guard::make(verdict, || Ok(Verdict::default()))
}

/// What came of the call that was verified last.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verdict_call(
    verdict: Option<&Verdict>,
    call: Option<&mut MaybeUninit<CallVerdict>>,
) -> ShakenResult {
    guard::fill(call, CallVerdict::default(), || Ok(given(verdict)?.call()))
}

/// What came of one of its PASSporTs, from 0, in the order of the headers; those that stand in others
/// come last.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verdict_header(
    verdict: Option<&Verdict>,
    index: usize,
    header: Option<&mut MaybeUninit<HeaderVerdict>>,
) -> ShakenResult {
    guard::fill(header, HeaderVerdict::default(), || given(verdict)?.header(index))
}

/// URL of a certificate that is missing, from 0. Only what is worth a download is told: everything else
/// about its PASSporT holds. The text belongs to the verdict, until that is used again.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verdict_missing_url(
    verdict: Option<&Verdict>,
    index: usize,
    url: Option<&mut MaybeUninit<Str>>,
) -> ShakenResult {
    guard::fill(url, Str::default(), || given(verdict)?.missing_url(index))
}

/// Writes what came of the call, for a person to read; no numbers of the parties are in it. `*len` as in
/// `shaken_sign`.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verdict_text(
    verdict: Option<&Verdict>,
    buffer: *mut c_char,
    capacity: usize,
    len: Option<&mut MaybeUninit<usize>>,
) -> ShakenResult {
    guard::write(Buffer { data: buffer, capacity }, len, |out| given(verdict)?.write_text(out))
}

/// Frees a verdict.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verdict_free(verdict: Option<Box<Verdict>>) {
    guard::free(verdict);
}

/// Verifies the call from `orig` to `dest`: telephone numbers, or URIs. `date` is its Date in seconds
/// since 1970, 0 if it has none, `identities` the values of all its Identity headers.
///
/// `SHAKEN_OK`: the call passes. `SHAKEN_PENDING`: obtain the certificates of
/// `shaken_verdict_missing_url`, hand them to `shaken_verifier_insert`, and verify the call again; if it
/// fetches itself, `shaken_verifier_wait`. Anything else: the call does not pass, and why. Never waits.
/// Any thread, with a verdict of its own.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verify(
    verifier: Option<&Verifier>,
    orig: Str,
    dest: Str,
    date: i64,
    identities: *const Str,
    count: usize,
    now: i64,
    verdict: Option<&mut Verdict>,
) -> ShakenResult {
    guard::run(|| {
        given(verdict)?.tell(|room| {
            let verifier = given(verifier)?;
            let facts = Facts { orig: orig.text()?, dest: dest.text()?, date };
            verifier.verify(&facts, &Array { data: identities, count }.texts()?, room, now)
        })
    })
}

/// As `shaken_verify`, for a whole SIP message: parties, Date, Identity headers and all else that
/// PASSporTs speak of are read from it.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verify_sip(
    verifier: Option<&Verifier>,
    message: Str,
    now: i64,
    verdict: Option<&mut Verdict>,
) -> ShakenResult {
    guard::run(|| given(verdict)?.tell(|room| given(verifier)?.verify_sip(message.bytes()?, room, now)))
}

/// Makes options for fetching. By default a download may take 2 s, goes to public addresses only, and
/// trusts the root certificates of the web.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_fetch_options_new(
    options: Option<&mut MaybeUninit<Option<Box<FetchOptions>>>>,
) -> ShakenResult {
    guard::make(options, || Ok(FetchOptions::default()))
}

/// Sets how long one download may take, whatever the calls' budgets.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_fetch_options_set_deadline(
    options: Option<&FetchOptions>,
    deadline_ms: u32,
) -> ShakenResult {
    guard::run(|| given(options)?.set_deadline_ms(deadline_ms))
}

/// For the lab: trusts these TLS root certificates in PEM, and no others.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_fetch_options_set_tls_roots(
    options: Option<&FetchOptions>,
    roots: Str,
) -> ShakenResult {
    guard::run(|| given(options)?.set_tls_roots(roots.bytes()?))
}

/// For the lab: connects to `address`, such as `127.0.0.1:8443`, for URLs with this host, although it is
/// not public.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_fetch_options_connect_to(
    options: Option<&FetchOptions>,
    host: Str,
    address: Str,
) -> ShakenResult {
    guard::run(|| given(options)?.connect_to(host.text()?, address.text()?))
}

/// Frees options. A verifier that was started with them is not touched.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_fetch_options_free(options: Option<Box<FetchOptions>>) {
    guard::free(options);
}

/// Has the verifier fetch missing certificates itself, on a thread that starts now and ends with the
/// verifier; names are looked up on up to 32 more. From then on `shaken_verify` and `shaken_verify_sip`
/// start downloads and still never wait.
///
/// The thread is in this process alone: in a forked child all but `shaken_verifier_free` answers
/// `SHAKEN_FORKED`. Fork first, then start it in each child.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verifier_start_fetching(
    verifier: Option<&Verifier>,
    options: Option<&FetchOptions>,
) -> ShakenResult {
    guard::run(|| given(verifier)?.start_fetching(given(options)?))
}

/// A file descriptor that is readable while calls are ready, for `poll` and the like. It belongs to the
/// verifier: do not read or close it. -1 if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verifier_event_fd(
    verifier: Option<&Verifier>,
    fd: Option<&mut MaybeUninit<i32>>,
) -> ShakenResult {
    guard::fill(fd, -1, || Ok(given(verifier)?.fetching()?.event_fd()))
}

/// After `SHAKEN_PENDING`, asks to be told when the downloads for the call in `verdict` have ended, or
/// `budget_ms` have passed: then `cookie`, a number of the host's choice, is ready. Never waits; the
/// verdict may be used for other calls at once. At most 4,096 calls wait. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verifier_wait(
    verifier: Option<&Verifier>,
    verdict: Option<&Verdict>,
    budget_ms: u32,
    cookie: u64,
) -> ShakenResult {
    guard::run(|| given(verifier)?.fetching()?.wait(given(verdict)?.missing(), budget_ms, cookie))
}

/// Takes the number of a call that is ready; `SHAKEN_PENDING` if none is. Verify that call again: if its
/// budget has passed, that answers `SHAKEN_PENDING` again, and the host goes on as if the certificate
/// could not be had (436). Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_verifier_next_ready(
    verifier: Option<&Verifier>,
    cookie: Option<&mut MaybeUninit<u64>>,
) -> ShakenResult {
    guard::fill(cookie, 0, || given(verifier)?.fetching()?.next_ready())
}

/// Makes a client of the daemon that listens on the Unix socket at `path`. It connects for each call, so
/// it may be made before a fork and used in the children, by any number of threads.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_client_new(
    path: Str,
    client: Option<&mut MaybeUninit<Option<Box<Client>>>>,
) -> ShakenResult {
    guard::make(client, || Client::new(path.text()?))
}

/// As `shaken_sign`, by the daemon, which decides about the level: `level` is a wish, 0 for none. Blocks
/// for at most `deadline_ms`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_client_sign(
    client: Option<&Client>,
    orig: Str,
    dest: Str,
    level: c_char,
    origid: Str,
    iat: i64,
    deadline_ms: u32,
    buffer: *mut c_char,
    capacity: usize,
    len: Option<&mut MaybeUninit<usize>>,
) -> ShakenResult {
    guard::write(Buffer { data: buffer, capacity }, len, |out| {
        let client = given(client)?;
        let facts = Facts { orig: orig.text()?, dest: dest.text()?, date: iat };
        client.sign(&facts, &Wish::new(level, &origid)?, deadline_ms, out)
    })
}

/// As `shaken_sign_sip`, by the daemon. Blocks for at most `deadline_ms`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_client_sign_sip(
    client: Option<&Client>,
    message: Str,
    level: c_char,
    origid: Str,
    now: i64,
    deadline_ms: u32,
    buffer: *mut c_char,
    capacity: usize,
    len: Option<&mut MaybeUninit<usize>>,
) -> ShakenResult {
    guard::write(Buffer { data: buffer, capacity }, len, |out| {
        given(client)?.sign_sip(message.bytes()?, &Wish::new(level, &origid)?, now, deadline_ms, out)
    })
}

/// As `shaken_verify`, by the daemon. Blocks for at most `deadline_ms`; `SHAKEN_PENDING` is never the
/// answer, as the daemon obtains certificates itself. Any thread, with a verdict of its own.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_client_verify(
    client: Option<&Client>,
    orig: Str,
    dest: Str,
    date: i64,
    identities: *const Str,
    count: usize,
    deadline_ms: u32,
    now: i64,
    verdict: Option<&mut Verdict>,
) -> ShakenResult {
    guard::run(|| {
        given(verdict)?.tell(|room| {
            let client = given(client)?;
            let facts = Facts { orig: orig.text()?, dest: dest.text()?, date };
            let identities = Array { data: identities, count };
            client.verify(&facts, &identities.texts()?, room, deadline_ms, now)
        })
    })
}

/// As `shaken_verify_sip`, by the daemon. The rest as in `shaken_client_verify`.
///
/// The daemon is told numbers, Date, Resource-Priority and Priority, not the body: if a PASSporT has `mky` or
/// `msgi`, the answer is `SHAKEN_CONTENT_NOT_COMPARED`, and nobody is asked.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_client_verify_sip(
    client: Option<&Client>,
    message: Str,
    deadline_ms: u32,
    now: i64,
    verdict: Option<&mut Verdict>,
) -> ShakenResult {
    guard::run(|| {
        given(verdict)?.tell(|room| given(client)?.verify_sip(message.bytes()?, room, deadline_ms, now))
    })
}

/// Frees a client, which no thread uses any more.
#[unsafe(no_mangle)]
pub extern "C" fn shaken_client_free(client: Option<Box<Client>>) {
    guard::free(client);
}

fn ca_list<'a>(
    list: &'a Str,
    list_url: &'a Str,
    signer_chain: &'a Str,
    sti_pa_roots: &'a Str,
) -> Result<SignedCaList<'a>, guard::Failure> {
    Ok(SignedCaList {
        body: list.bytes()?,
        url: list_url.text()?,
        signer_chain: signer_chain.bytes()?,
        sti_pa_roots: sti_pa_roots.bytes()?,
    })
}
