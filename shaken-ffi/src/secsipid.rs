//! The functions of libsecsipid (`libsecsipid.so.1`), for programs that were made for it: the same
//! names, options and codes. `SECSIPID.md` of this crate says what is stricter.
//!
//! ```text
//! secsipid        one function each, and the state that this ABI keeps for the process
//!   ── options    what is set, and the file of defaults
//!   ── sign       numbers or JSON in, Identity header or token out
//!   ── check      Identity header in, code out
//!        credential  public keys and chains: of files, texts and URLs
//!        trust       anchors, intermediates and lists of the options
//!   ── files, fetch, log, codes
//! ```
//!
//! The state is made by the first call. It has no thread and no open file, so a process may fork at any
//! time when no other thread is within a call.

mod check;
mod codes;
mod credential;
mod fetch;
mod files;
mod log;
mod options;
mod sign;
mod trust;

use core::ffi::{c_char, c_int};
use core::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use shaken_core::es256::Signature;
use shaken_core::sign::MAX_HEADER_LEN;
use shaken_core::tables::{self, TableOptions, Tables};

use crate::guard;
use crate::handle::{self, CText};
use check::{Check, Form};
pub(crate) use codes::Refusal;
use credential::{Credential, Credentials};
use options::Options;
use sign::{KeySource, NewIdentity, SigningKeys};
use trust::Trusts;

/// Signs `headerJSON` and `payloadJSON` with the key in the file `prvkeyPath`, in PEM. `*outPtr` is the
/// token, for `free`. Answers its length; 0, and an empty `*outPtr`, if that fails.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn SecSIPIDSignJSONHP(
    header_json: CText,
    payload_json: CText,
    prvkey_path: CText,
    out: Option<&mut MaybeUninit<*mut c_char>>,
) -> c_int {
    let key = || Ok(KeySource::File(prvkey_path.path()?));
    sign_json(&header_json, &payload_json, key, out)
}

/// As `SecSIPIDSignJSONHP`, with the key itself in PEM.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn SecSIPIDSignJSONHPPrvKey(
    header_json: CText,
    payload_json: CText,
    prvkey_data: CText,
    out: Option<&mut MaybeUninit<*mut c_char>>,
) -> c_int {
    sign_json(&header_json, &payload_json, || Ok(KeySource::Given(prvkey_data.bytes())), out)
}

/// Makes the value of the Identity header for a call, with the key in the file `prvkeyPath`, in PEM.
/// `origID` may be empty for a random one, `x5uVal` for that of the options. `*outPtr` is the value, for
/// `free`. Answers its length; a code, and an empty `*outPtr`, if that fails.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn SecSIPIDGetIdentity(
    orig_tn: CText,
    dest_tn: CText,
    attest_val: CText,
    orig_id: CText,
    x5u_val: CText,
    prvkey_path: CText,
    out: Option<&mut MaybeUninit<*mut c_char>>,
) -> c_int {
    let texts = [&orig_tn, &dest_tn, &attest_val, &orig_id, &x5u_val];
    identity(texts, || Ok(KeySource::File(prvkey_path.path()?)), out)
}

/// As `SecSIPIDGetIdentity`, with the key itself in PEM.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn SecSIPIDGetIdentityPrvKey(
    orig_tn: CText,
    dest_tn: CText,
    attest_val: CText,
    orig_id: CText,
    x5u_val: CText,
    prvkey_data: CText,
    out: Option<&mut MaybeUninit<*mut c_char>>,
) -> c_int {
    let texts = [&orig_tn, &dest_tn, &attest_val, &orig_id, &x5u_val];
    identity(texts, || Ok(KeySource::Given(prvkey_data.bytes())), out)
}

/// Checks a token, without parameters, with the key or certificate at `pubkeyPath`: a path or a URL.
/// Answers 0 if it holds, else a code.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn SecSIPIDCheck(
    identity_val: CText,
    identity_len: c_int,
    expire_val: c_int,
    pubkey_path: CText,
    timeout_val: c_int,
) -> c_int {
    guarded(|state| {
        let check = Check {
            value: identity_val.sized(identity_len)?,
            form: Form::Token,
            max_age_s: expire_val,
            key: check::KeySource::Named(pubkey_path.path()?),
            timeout_s: timeout_val,
        };
        check.run(state, now())?;
        Ok(0)
    })
}

/// Checks the value of an Identity header, with the key or certificate at `pubkeyPath`; if that is empty,
/// at the URL of the header. Answers 0 if it holds, else a code.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn SecSIPIDCheckFull(
    identity_val: CText,
    identity_len: c_int,
    expire_val: c_int,
    pubkey_path: CText,
    timeout_val: c_int,
) -> c_int {
    guarded(|state| {
        let path = pubkey_path.path()?;
        let of_header = path.is_empty();
        let check = Check {
            value: identity_val.sized(identity_len)?,
            form: Form::Header,
            max_age_s: expire_val,
            key: if of_header { check::KeySource::OfHeader } else { check::KeySource::Named(path) },
            timeout_s: timeout_val,
        };
        check.run(state, now())?;
        Ok(0)
    })
}

/// Checks the value of an Identity header, or a token alone, with a key or certificate in PEM. Answers 0
/// if it holds, else a code.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn SecSIPIDCheckFullPubKey(
    identity_val: CText,
    identity_len: c_int,
    expire_val: c_int,
    pubkey_val: CText,
    pubkey_len: c_int,
) -> c_int {
    guarded(|state| {
        let check = Check {
            value: identity_val.sized(identity_len)?,
            form: Form::HeaderOrToken,
            max_age_s: expire_val,
            key: check::KeySource::Given(pubkey_val.sized(pubkey_len)?),
            timeout_s: 0,
        };
        check.run(state, now())?;
        Ok(0)
    })
}

/// Keeps fetched certificates in the folder `dirPath`, for `expireVal` seconds. Answers 0, or -1.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn SecSIPIDSetFileCacheOptions(dir_path: CText, expire_val: c_int) -> c_int {
    guarded(|state| {
        state.set(|options| {
            options.set_text("CacheDirPath", dir_path.text()?)?;
            options.set_number("CacheExpires", expire_val)
        })
    })
}

/// Fetches what is behind a URL. `*outPtr` is the body, for `free`, with a NUL behind its `*outLen` bytes.
/// Answers 0; a code, NULL and 0 if that fails.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn SecSIPIDGetURLContent(
    url_val: CText,
    timeout_val: c_int,
    out: Option<&mut MaybeUninit<*mut c_char>>,
    out_len: Option<&mut MaybeUninit<c_int>>,
) -> c_int {
    // Before anything can panic, and each even if the other is NULL.
    let (out, len) = (handle::out(out, core::ptr::null_mut()), handle::out(out_len, 0));
    guarded(|state| {
        let (out, len) = (out.map_err(|_| Refusal::Other)?, len.map_err(|_| Refusal::Other)?);
        let url = url_val.text().map_err(|_| Refusal::UrlRefused)?;
        let body = state.credentials.body_of_url(url, timeout_val, &state.options(), now())?;
        let body_len = c_int::try_from(body.len()).map_err(|_| Refusal::GetBody)?;
        *out = handle::allocated(&body).ok_or(Refusal::Other)?;
        *len = body_len;
        Ok(0)
    })
}

/// Sets an option that is a text. Answers 0, or -1 for one that is none.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn SecSIPIDOptSetS(opt_name: CText, opt_val: CText) -> c_int {
    guarded(|state| state.set(|options| options.set_text(opt_name.text()?, opt_val.text()?)))
}

/// Sets an option that is a number. Answers 0, or -1 for one that is none, or that cannot have this
/// value.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn SecSIPIDOptSetN(opt_name: CText, opt_val: c_int) -> c_int {
    guarded(|state| state.set(|options| options.set_number(opt_name.text()?, opt_val)))
}

/// The value of an option that is a number; -1 for one that is none.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn SecSIPIDOptGetN(opt_name: CText) -> c_int {
    guarded(|state| state.options().number(opt_name.text()?).ok_or(Refusal::Other))
}

/// Sets an option of any kind, as `NAME=VALUE`. Answers 0, or -1 for one that is none, or that cannot have
/// this value.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn SecSIPIDOptSetV(opt_name_val: CText) -> c_int {
    guarded(|state| state.set(|options| options.set_pair(opt_name_val.text()?)))
}

/// What this ABI keeps for the process, as it has no handles.
#[derive(Debug)]
struct State {
    options: RwLock<Arc<Options>>,
    signing_keys: SigningKeys,
    credentials: Credentials,
    trusts: Trusts,
    tables: Arc<Tables>,
    table_builder: Mutex<tables::Builder>,
    has_warned: AtomicBool,
}

impl State {
    fn new() -> Self {
        let options = TableOptions::default().with_max_bytes(MAX_TABLE_BYTES);
        let (tables, table_builder) =
            Tables::new(options, |difference| log::warn(&format!("tables are out of use: {difference}")));
        Self {
            options: RwLock::new(Arc::new(Options::at_start())),
            signing_keys: SigningKeys::new(),
            credentials: Credentials::new(),
            trusts: Trusts::default(),
            tables,
            table_builder: Mutex::new(table_builder),
            has_warned: AtomicBool::new(false),
        }
    }

    fn options(&self) -> Arc<Options> {
        Arc::clone(&self.options.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts changed options in the place of those in force, or none if that fails.
    fn set(&self, change: impl FnOnce(&mut Options) -> Result<(), Refusal>) -> Result<c_int, Refusal> {
        let mut options = self.options.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = Options::clone(&options);
        change(&mut changed)?;
        *options = Arc::new(changed);
        Ok(0)
    }

    /// Verifies a signature, and makes the table of a key that is in use: some milliseconds, once, as
    /// there is no thread to leave it to.
    fn verify(
        &self,
        credential: &Credential,
        message: &[u8],
        signature: &Signature,
        now: i64,
    ) -> Result<(), Refusal> {
        credential.key.verify(&self.tables, message, signature, now)?;
        if let Ok(mut builder) = self.table_builder.try_lock() {
            builder.run_once();
        }
        Ok(())
    }

    fn warn_of_no_trust(&self) {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            log::warn(
                "certificates are not asked whether they may sign for a number, so anyone can sign: set \
                 RequireTrust=1",
            );
        }
    }
}

/// Does `work` with the state of the process, and answers what it does, or its code.
fn guarded(work: impl FnOnce(&State) -> Result<c_int, Refusal>) -> c_int {
    static STATE: LazyLock<State> = LazyLock::new(State::new);
    guard::code(Refusal::Other.code(), || work(&STATE).unwrap_or_else(Refusal::code))
}

fn sign_json<'a>(
    header: &CText,
    payload: &CText,
    key: impl FnOnce() -> Result<KeySource<'a>, Refusal>,
    out: Option<&mut MaybeUninit<*mut c_char>>,
) -> c_int {
    let len = answer(out, |state| {
        let key = state.signing_keys.find(key()?, now())?;
        let mut room = vec![0; MAX_TOKEN_LEN];
        sign::token(header.text()?, payload.text()?, &key, &mut room).map(str::to_owned)
    });
    // Of this function alone, nobody hears why.
    len.max(0)
}

fn identity<'a>(
    [orig, dest, attest, origid, x5u]: [&CText; 5],
    key: impl FnOnce() -> Result<KeySource<'a>, Refusal>,
    out: Option<&mut MaybeUninit<*mut c_char>>,
) -> c_int {
    answer(out, |state| {
        let now = now();
        let key = state.signing_keys.find(key()?, now)?;
        let new = NewIdentity {
            orig: orig.text()?,
            dest: dest.text()?,
            attest: attest.text()?,
            origid: origid.text()?,
            x5u: x5u.text()?,
        };
        let mut room = [0; MAX_HEADER_LEN];
        sign::identity(&new, &key, &state.options(), &mut room, now).map(str::to_owned)
    })
}

/// Puts a text for C into `out` and answers its length; an empty one and a code if there is none.
fn answer(
    out: Option<&mut MaybeUninit<*mut c_char>>,
    work: impl FnOnce(&State) -> Result<String, Refusal>,
) -> c_int {
    // Before anything can panic.
    let out = handle::out(out, core::ptr::null_mut());
    guarded(|state| {
        let out = out.map_err(|_| Refusal::Other)?;
        let worked = work(state);
        let text = worked.as_deref().unwrap_or_default();
        *out = handle::allocated(text.as_bytes()).ok_or(Refusal::Other)?;
        worked.and_then(|text| c_int::try_from(text.len()).map_err(|_| Refusal::Other))
    })
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or_default()
}

/// Tables of some 170 keys: a process of a SIP server has many siblings with tables of their own.
const MAX_TABLE_BYTES: usize = 16 << 20;

/// The longest token that the engine reads.
const MAX_TOKEN_LEN: usize = 21 * 1024;
