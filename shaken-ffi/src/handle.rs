//! What comes from C and what goes there: texts, arrays, buffers, places for results. Every cast,
//! pointer and null check, and all unsafe code of the library.
//!
//! Handles need none: C's `T *` is an `Option<&T>`, `Option<&mut T>` or `Option<Box<T>>` here, of
//! which NULL is the `None`. That a pointer that is not NULL came from the function that makes such
//! handles, and was not freed, is the promise of the caller, as everywhere in C.

use core::ffi::{CStr, c_char, c_int};
use core::mem::MaybeUninit;
use core::slice;

use nix::libc;

use crate::guard::Failure;
use crate::secsipid::Refusal;

/// Text or bytes: `len` of them from `data` on. There is no NUL behind them.
///
/// What the library is given is borrowed until the function returns. What it gives belongs to the
/// handle that it was asked of. `data` may be NULL if `len` is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Str {
    /// The first of them.
    pub data: *const c_char,
    /// How many there are.
    pub len: usize,
}

impl Default for Str {
    fn default() -> Self {
        Self::of("")
    }
}

impl Str {
    /// Lends `text` to C.
    pub(crate) fn of(text: &str) -> Self {
        Self { data: text.as_ptr().cast(), len: text.len() }
    }

    /// # Errors
    /// [`Failure::Null`]; [`Failure::ArgumentInvalid`] for a length that no memory has.
    pub(crate) fn bytes(&self) -> Result<&[u8], Failure> {
        if self.len == 0 {
            return Ok(&[]);
        }
        check(self.data, self.len)?;
        // SAFETY: not NULL, of a possible length; the caller promises that `len` bytes are there and
        // that nobody changes them until the function returns, which `self`, its parameter, does not
        // outlive.
        Ok(unsafe { slice::from_raw_parts(self.data.cast(), self.len) })
    }

    /// # Errors
    /// Those of [`bytes`](Self::bytes); [`Failure::ArgumentInvalid`] if they are not UTF-8.
    pub(crate) fn text(&self) -> Result<&str, Failure> {
        core::str::from_utf8(self.bytes()?).map_err(|_| Failure::ArgumentInvalid)
    }

    /// Nothing if it is empty.
    ///
    /// # Errors
    /// Those of [`text`](Self::text).
    pub(crate) fn optional(&self) -> Result<Option<&str>, Failure> {
        Ok(Some(self.text()?).filter(|text| !text.is_empty()))
    }
}

/// An array of the caller, as long as a function that was given it runs.
#[derive(Clone, Copy)]
pub(crate) struct Array {
    pub(crate) data: *const Str,
    pub(crate) count: usize,
}

impl Array {
    /// # Errors
    /// [`Failure::Null`]; [`Failure::ArgumentInvalid`] for a length that no memory has.
    pub(crate) fn texts(&self) -> Result<Vec<&[u8]>, Failure> {
        if self.count == 0 {
            return Ok(Vec::new());
        }
        check(self.data, self.count)?;
        // SAFETY: as in `Str::bytes`, with `count` elements.
        let items = unsafe { slice::from_raw_parts(self.data, self.count) };
        items.iter().map(Str::bytes).collect()
    }
}

/// A buffer of the caller that the library writes into.
pub(crate) struct Buffer {
    pub(crate) data: *mut c_char,
    pub(crate) capacity: usize,
}

impl Buffer {
    /// # Errors
    /// [`Failure::Null`]; [`Failure::ArgumentInvalid`] for a length that no memory has.
    pub(crate) fn room(&mut self) -> Result<&mut [u8], Failure> {
        if self.capacity == 0 {
            return Ok(&mut []);
        }
        check(self.data.cast_const(), self.capacity)?;
        // SAFETY: not NULL, of a possible length; the caller promises that `capacity` bytes are there
        // and that nobody else uses them until the function returns. They may be uninitialized: all
        // that is done with them is to write, and to read what was written.
        Ok(unsafe { slice::from_raw_parts_mut(self.data.cast(), self.capacity) })
    }
}

/// A text of C that ends with a NUL, as the functions of libsecsipid take them. NULL is an empty one, as it
/// is to libsecsipid.
#[repr(transparent)]
#[derive(Debug)]
pub(crate) struct CText(*const c_char);

impl CText {
    /// All before the NUL.
    pub(crate) fn bytes(&self) -> &[u8] {
        if self.0.is_null() {
            return &[];
        }
        // SAFETY: not NULL; the caller promises that a NUL ends it and that nobody changes it until the
        // function returns, which `self`, its parameter, does not outlive.
        unsafe { CStr::from_ptr(self.0) }.to_bytes()
    }

    /// As many bytes as `len` says; if that is 0, all before the NUL.
    ///
    /// # Errors
    /// [`Refusal::Other`] for a length that no memory has.
    pub(crate) fn sized(&self, len: c_int) -> Result<&[u8], Refusal> {
        let len = usize::try_from(len).map_err(|_| Refusal::Other)?;
        if len == 0 || self.0.is_null() {
            return Ok(self.bytes());
        }
        // SAFETY: not NULL, and `len` bytes are at most 2 GiB; the caller promises that they are there
        // and that nobody changes them until the function returns.
        Ok(unsafe { slice::from_raw_parts(self.0.cast(), len) })
    }

    /// # Errors
    /// [`Refusal::Other`] if it is not UTF-8.
    pub(crate) fn text(&self) -> Result<&str, Refusal> {
        core::str::from_utf8(self.bytes()).map_err(|_| Refusal::Other)
    }

    /// # Errors
    /// [`Refusal::FileUnreadable`] if it is not UTF-8.
    pub(crate) fn path(&self) -> Result<&str, Refusal> {
        self.text().map_err(|_| Refusal::FileUnreadable)
    }
}

/// A copy of `text` with a NUL behind it, that C frees with `free`. Nothing if there is no memory.
pub(crate) fn allocated(text: &[u8]) -> Option<*mut c_char> {
    // SAFETY: any number of bytes may be asked for.
    let copy: *mut u8 = unsafe { libc::malloc(text.len() + 1) }.cast();
    if copy.is_null() {
        return None;
    }
    // SAFETY: `copy` has one byte more than `text`, and is none of its bytes.
    unsafe {
        copy.copy_from_nonoverlapping(text.as_ptr(), text.len());
        copy.add(text.len()).write(0);
    }
    Some(copy.cast())
}

/// Where a result goes. It is set on every path: first to `empty`, which says nothing.
///
/// # Errors
/// [`Failure::Null`].
pub(crate) fn out<T>(place: Option<&mut MaybeUninit<T>>, empty: T) -> Result<&mut T, Failure> {
    Ok(place.ok_or(Failure::Null)?.write(empty))
}

/// The handle that a pointer leads to.
///
/// # Errors
/// [`Failure::Null`].
pub(crate) fn given<T>(handle: Option<T>) -> Result<T, Failure> {
    handle.ok_or(Failure::Null)
}

fn check<T>(data: *const T, count: usize) -> Result<(), Failure> {
    if data.is_null() {
        return Err(Failure::Null);
    }
    let is_possible = count.checked_mul(size_of::<T>()).is_some_and(|len| isize::try_from(len).is_ok());
    if is_possible && data.is_aligned() { Ok(()) } else { Err(Failure::ArgumentInvalid) }
}

/// A place as C hands it over.
#[cfg(test)]
pub(crate) fn uninit<T>(place: &mut T) -> &mut MaybeUninit<T> {
    // SAFETY: of the same layout, and nobody puts anything uninitialized there.
    unsafe { &mut *core::ptr::from_mut(place).cast() }
}
