//! Others' libraries, found at run time. All unsafe code of the benches is here.

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_uchar, c_void};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::{ptr, slice};

use libloading::Library;

/// Declares functions of a library as they stand in its header file, with `void` for its own
/// structures, and `load`, which finds them in a file.
macro_rules! library {
    ($table:ident: $($name:ident($($argument:ty),*) -> $result:ty;)*) => {
        #[expect(non_snake_case, reason = "the library's names")]
        struct $table {
            $($name: unsafe extern "C" fn($($argument),*) -> $result,)*
        }

        impl $table {
            fn load(file: &str) -> Result<Self, String> {
                // The functions stay loaded as long as the process.
                // SAFETY: loading runs the library's own initialization, which any program that is
                // linked with it runs too.
                let library = ManuallyDrop::new(unsafe { Library::new(file) }.map_err(|e| e.to_string())?);
                Ok(Self {
                    // SAFETY: the type is that of the library's header file.
                    $($name: *unsafe { library.get(stringify!($name)) }.map_err(|e| e.to_string())?,)*
                })
            }
        }
    };
}

library! { Libcrypto:
    OpenSSL_version(c_int) -> *const c_char;
    EVP_sha256() -> *const c_void;
    EVP_MD_CTX_new() -> *mut c_void;
    EVP_MD_CTX_free(*mut c_void) -> ();
    EVP_MD_CTX_copy_ex(*mut c_void, *const c_void) -> c_int;
    EVP_PKEY_free(*mut c_void) -> ();
    EVP_DigestVerifyInit(*mut c_void, *mut *mut c_void, *const c_void, *mut c_void, *mut c_void) -> c_int;
    EVP_DigestVerify(*mut c_void, *const c_uchar, usize, *const c_uchar, usize) -> c_int;
    d2i_PUBKEY(*mut *mut c_void, *mut *const c_uchar, c_long) -> *mut c_void;
}

/// OpenSSL with one public key, ready to verify.
pub(crate) struct Openssl {
    library: Libcrypto,
    key: *mut c_void,
    /// Has gone through `EVP_DigestVerifyInit`; each verification uses up a copy.
    prepared: *mut c_void,
    used: *mut c_void,
}

impl Openssl {
    /// `key` is a DER `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// Why the library cannot be used.
    pub(crate) fn load(key: &[u8]) -> Result<Self, String> {
        let library = Libcrypto::load("libcrypto.so.3")?;
        let len_bytes = c_long::try_from(key.len()).map_err(|error| error.to_string())?;
        // SAFETY: the second argument points to `len_bytes` bytes, that the function only reads; the
        // others may be null or take no argument.
        let (key, prepared, used) = unsafe {
            (
                (library.d2i_PUBKEY)(ptr::null_mut(), &mut key.as_ptr(), len_bytes),
                (library.EVP_MD_CTX_new)(),
                (library.EVP_MD_CTX_new)(),
            )
        };
        let this = Self { library, key, prepared, used };
        if [this.key, this.prepared, this.used].contains(&ptr::null_mut()) {
            return Err("it does not read the key".to_owned());
        }
        // SAFETY: context and key are the library's own and not null; null stands for what is not
        // wanted.
        let is_ready = unsafe {
            let sha256 = (this.library.EVP_sha256)();
            (this.library.EVP_DigestVerifyInit)(prepared, ptr::null_mut(), sha256, ptr::null_mut(), key)
        };
        if is_ready == 1 { Ok(this) } else { Err("it does not take the key".to_owned()) }
    }

    /// Its name and version.
    pub(crate) fn version(&self) -> String {
        // SAFETY: it answers a static string for any number; 0 is `OPENSSL_VERSION`.
        let version = unsafe { CStr::from_ptr((self.library.OpenSSL_version)(0)) };
        version.to_string_lossy().into_owned()
    }

    /// Whether `signature`, in DER, is one of `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        // SAFETY: both contexts are the library's own and not null, used by this thread alone since
        // raw pointers keep `Self` on it, and the slices are only read.
        unsafe {
            (self.library.EVP_MD_CTX_copy_ex)(self.used, self.prepared) == 1
                && (self.library.EVP_DigestVerify)(
                    self.used,
                    signature.as_ptr(),
                    signature.len(),
                    message.as_ptr(),
                    message.len(),
                ) == 1
        }
    }
}

impl Drop for Openssl {
    fn drop(&mut self) {
        // SAFETY: each was made by the library and is freed once; null is allowed.
        unsafe {
            (self.library.EVP_MD_CTX_free)(self.used);
            (self.library.EVP_MD_CTX_free)(self.prepared);
            (self.library.EVP_PKEY_free)(self.key);
        }
    }
}

library! { Libsecsipid:
    SecSIPIDGetIdentity(
        *mut c_char, *mut c_char, *mut c_char, *mut c_char, *mut c_char, *mut c_char, *mut *mut c_char
    ) -> c_int;
    SecSIPIDCheckFull(*mut c_char, c_int, c_int, *mut c_char, c_int) -> c_int;
    SecSIPIDSetFileCacheOptions(*mut c_char, c_int) -> c_int;
    SecSIPIDOptSetV(*mut c_char) -> c_int;
}

unsafe extern "C" {
    fn free(pointer: *mut c_void);
}

/// A libsecsipid: the original, or ours. Its functions take `char *` and only read through it.
pub(crate) struct Secsipid(Libsecsipid);

/// What goes into a header.
pub(crate) struct NewIdentity {
    pub(crate) orig: CString,
    pub(crate) dest: CString,
    pub(crate) attest: CString,
    pub(crate) origid: CString,
    pub(crate) x5u: CString,
    pub(crate) key_path: CString,
}

impl Secsipid {
    /// The one in `file`: a path, or a name that the system finds.
    ///
    /// # Errors
    /// Why the library cannot be used.
    pub(crate) fn load(file: &str) -> Result<Self, String> {
        Libsecsipid::load(file).map(Self)
    }

    /// `SecSIPIDGetIdentity`: what `read` makes of the header's value.
    ///
    /// # Errors
    /// The library's code.
    pub(crate) fn identity<T>(&self, new: &NewIdentity, read: impl FnOnce(&[u8]) -> T) -> Result<T, String> {
        let mut header = ptr::null_mut();
        // SAFETY: six strings that end with 0, and a place for a pointer.
        let len_bytes = unsafe {
            (self.0.SecSIPIDGetIdentity)(
                new.orig.as_ptr().cast_mut(),
                new.dest.as_ptr().cast_mut(),
                new.attest.as_ptr().cast_mut(),
                new.origid.as_ptr().cast_mut(),
                new.x5u.as_ptr().cast_mut(),
                new.key_path.as_ptr().cast_mut(),
                &raw mut header,
            )
        };
        let outcome = match usize::try_from(len_bytes) {
            Ok(len_bytes @ 1..) if !header.is_null() => {
                // SAFETY: the library has put so many bytes there.
                Ok(read(unsafe { slice::from_raw_parts(header.cast(), len_bytes) }))
            }
            _ => Err(format!("SecSIPIDGetIdentity says {len_bytes}")),
        };
        // SAFETY: what it answers is the caller's to free, with `free`; null is allowed.
        unsafe { free(header.cast()) };
        outcome
    }

    /// `SecSIPIDCheckFull` without a key, so that the certificate is that of the header.
    ///
    /// # Errors
    /// The library's code.
    pub(crate) fn check_full(&self, header: &CStr, max_age_s: c_int) -> Result<(), String> {
        let len_bytes = c_int::try_from(header.count_bytes()).map_err(|error| error.to_string())?;
        // SAFETY: `len_bytes` bytes and a string that ends with 0.
        let code = unsafe {
            (self.0.SecSIPIDCheckFull)(
                header.as_ptr().cast_mut(),
                len_bytes,
                max_age_s,
                c"".as_ptr().cast_mut(),
                5,
            )
        };
        done("SecSIPIDCheckFull", code)
    }

    /// `SecSIPIDSetFileCacheOptions`: where the library keeps certificates, and for how long.
    ///
    /// # Errors
    /// The library's code.
    pub(crate) fn set_cache(&self, folder: &CStr, expires_s: c_int) -> Result<(), String> {
        // SAFETY: a string that ends with 0.
        let code = unsafe { (self.0.SecSIPIDSetFileCacheOptions)(folder.as_ptr().cast_mut(), expires_s) };
        done("SecSIPIDSetFileCacheOptions", code)
    }

    /// `SecSIPIDOptSetV`: `option` is `name=value`.
    ///
    /// # Errors
    /// The library's code.
    pub(crate) fn set(&self, option: &CStr) -> Result<(), String> {
        // SAFETY: a string that ends with 0.
        done("SecSIPIDOptSetV", unsafe { (self.0.SecSIPIDOptSetV)(option.as_ptr().cast_mut()) })
    }
}

fn done(function: &str, code: c_int) -> Result<(), String> {
    if code == 0 { Ok(()) } else { Err(format!("{function} says {code}")) }
}

/// What `fill` leaves in a place that begins with `empty`.
pub(crate) fn filled<T>(empty: T, fill: impl FnOnce(&mut MaybeUninit<T>)) -> T {
    let mut place = MaybeUninit::new(empty);
    fill(&mut place);
    // SAFETY: it began with a value, and functions with a place for a result put one there on every path.
    unsafe { place.assume_init() }
}
