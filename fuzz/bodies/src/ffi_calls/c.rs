//! What a program in C can see and Rust cannot without unsafe code: places that hold what was there before, texts
//! that end somewhere else, memory that is freed by hand.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem::{MaybeUninit, size_of};

use shaken_ffi::{ShakenResult, Str};

/// What stands in a place that nothing was written to.
const STALE: u8 = 0xa5;

/// A place for a result with something old in it.
pub(super) fn stale<T>() -> MaybeUninit<T> {
    let mut place = MaybeUninit::<T>::uninit();
    // SAFETY: within the place, and any bytes may stand in one that may be uninitialized.
    unsafe { place.as_mut_ptr().write_bytes(STALE, 1) };
    place
}

/// The number in a place.
pub(super) fn number<T: Number>(place: MaybeUninit<T>) -> T {
    assert!(bytes(&place).iter().any(|byte| *byte != STALE), "a number was not set");
    // SAFETY: `stale` has filled it, and every number may have any bytes.
    unsafe { place.assume_init() }
}

/// What may have any bytes.
pub(super) trait Number {}

impl Number for i32 {}
impl Number for u64 {}
impl Number for usize {}

/// The handle in a place: one after success, and NULL otherwise.
pub(super) fn handle<T>(place: MaybeUninit<Option<Box<T>>>, result: ShakenResult) -> Option<Box<T>> {
    let found = bytes(&place);
    assert!(found.iter().any(|byte| *byte != STALE), "a handle was not set");
    assert_eq!(found.iter().any(|byte| *byte != 0), result == ShakenResult::OK, "{result:?}");
    // SAFETY: NULL after failure; after success it is what the library made, as it is not what was there before.
    unsafe { place.assume_init() }
}

/// A structure that the library fills on every path.
pub(super) fn filled<T>(place: MaybeUninit<T>, is_set: impl FnOnce(&T) -> bool) -> T {
    // SAFETY: made of integers and pointers, which may be any; what must be so is checked.
    let structure = unsafe { place.assume_init() };
    assert!(is_set(&structure), "a structure was not set");
    structure
}

/// A text of the library, which belongs to a handle that was not used since.
pub(super) fn text(str: &Str) -> &[u8] {
    if str.len == 0 {
        return &[];
    }
    assert!(!str.data.is_null() && str.len < 1 << 20, "no text: {str:?}");
    // SAFETY: the library says that so many bytes are there, until the handle is used again.
    unsafe { core::slice::from_raw_parts(str.data.cast(), str.len) }
}

/// A text of the library that ends with a NUL and stays.
pub(super) fn constant(text: *const c_char) -> &'static str {
    assert!(!text.is_null());
    // SAFETY: the header says that it is static and ends with a NUL.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or_else(|error| panic!("{error}"))
}

fn bytes<T>(place: &MaybeUninit<T>) -> &[u8] {
    // SAFETY: as long as the place, and each byte is that of `stale` or was written. For numbers and pointers
    // alone, which have no padding.
    unsafe { core::slice::from_raw_parts(place.as_ptr().cast(), size_of::<T>()) }
}

unsafe extern "C" {
    fn free(memory: *mut c_void);
    fn SecSIPIDOptSetS(name: *const c_char, value: *const c_char) -> c_int;
    fn SecSIPIDOptSetN(name: *const c_char, value: c_int) -> c_int;
    fn SecSIPIDOptSetV(pair: *const c_char) -> c_int;
    fn SecSIPIDOptGetN(name: *const c_char) -> c_int;
    fn SecSIPIDSignJSONHPPrvKey(
        header: *const c_char,
        payload: *const c_char,
        key: *const c_char,
        out: *mut *mut c_char,
    ) -> c_int;
    fn SecSIPIDGetIdentityPrvKey(
        orig: *const c_char,
        dest: *const c_char,
        attest: *const c_char,
        origid: *const c_char,
        x5u: *const c_char,
        key: *const c_char,
        out: *mut *mut c_char,
    ) -> c_int;
    fn SecSIPIDCheckFullPubKey(
        identity: *const c_char,
        len: c_int,
        expire: c_int,
        key: *const c_char,
        key_len: c_int,
    ) -> c_int;
}

/// Texts of C, and none of them longer than it says.
pub(super) struct Texts<'a, const N: usize>(pub(super) [Option<&'a CStr>; N]);

impl<const N: usize> Texts<'_, N> {
    fn pointers(&self) -> [*const c_char; N] {
        self.0.map(|text| text.map_or(core::ptr::null(), CStr::as_ptr))
    }
}

pub(super) fn set_text(name: Option<&CStr>, value: Option<&CStr>) -> c_int {
    let [name, value] = Texts([name, value]).pointers();
    // SAFETY: NULL, or ending with a NUL.
    unsafe { SecSIPIDOptSetS(name, value) }
}

pub(super) fn set_number(name: Option<&CStr>, value: c_int) -> c_int {
    let [name] = Texts([name]).pointers();
    // SAFETY: NULL, or ending with a NUL.
    unsafe { SecSIPIDOptSetN(name, value) }
}

pub(super) fn set_pair(pair: Option<&CStr>) -> c_int {
    let [pair] = Texts([pair]).pointers();
    // SAFETY: NULL, or ending with a NUL.
    unsafe { SecSIPIDOptSetV(pair) }
}

pub(super) fn number_of(name: Option<&CStr>) -> c_int {
    let [name] = Texts([name]).pointers();
    // SAFETY: NULL, or ending with a NUL.
    unsafe { SecSIPIDOptGetN(name) }
}

/// Header, payload and key. Answers the code and what came out.
pub(super) fn sign_json(texts: &Texts<'_, 3>) -> (c_int, Vec<u8>) {
    let [header, payload, key] = texts.pointers();
    // SAFETY: NULL, or ending with a NUL; the last is a place for a pointer.
    out(|place| unsafe { SecSIPIDSignJSONHPPrvKey(header, payload, key, place) })
}

/// Caller, called, level, origid, URL and key. Answers the code and what came out.
pub(super) fn identity(texts: &Texts<'_, 6>) -> (c_int, Vec<u8>) {
    let [orig, dest, attest, origid, x5u, key] = texts.pointers();
    // SAFETY: NULL, or ending with a NUL; the last is a place for a pointer.
    out(|place| unsafe { SecSIPIDGetIdentityPrvKey(orig, dest, attest, origid, x5u, key, place) })
}

/// Identity and certificate, both with their lengths or both up to their NULs.
pub(super) fn check(texts: &Texts<'_, 2>, with_lengths: bool, expire_s: c_int) -> c_int {
    let [header, key] = texts.pointers();
    let len = |text: &Option<&CStr>| {
        let len = text.filter(|_| with_lengths).map_or(0, CStr::count_bytes);
        c_int::try_from(len).unwrap_or_default()
    };
    let [header_len, key_len] = texts.0.each_ref().map(len);
    // SAFETY: NULL, or ending with a NUL, and no longer than told.
    unsafe { SecSIPIDCheckFullPubKey(header, header_len, expire_s, key, key_len) }
}

/// A copy of a text that is the caller's to free.
fn out(call: impl FnOnce(*mut *mut c_char) -> c_int) -> (c_int, Vec<u8>) {
    let stale = core::ptr::dangling_mut::<c_char>();
    let mut place = stale;
    let code = call(&raw mut place);
    assert!(place != stale, "a text was not set");
    if place.is_null() {
        return (code, Vec::new());
    }
    // SAFETY: neither NULL nor what was there before, so a text of the library with a NUL, and ours to free.
    unsafe {
        let copy = CStr::from_ptr(place).to_bytes().to_vec();
        free(place.cast());
        (code, copy)
    }
}
