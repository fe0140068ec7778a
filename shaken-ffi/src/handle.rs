//! What comes from C and what goes there: texts, arrays, buffers, places for results. Every cast,
//! pointer and null check, and all unsafe code of the library.
//!
//! Handles need none: C's `T *` is an `Option<&T>`, `Option<&mut T>` or `Option<Box<T>>` here, of
//! which NULL is the `None`. That a pointer that is not NULL came from the function that makes such
//! handles, and was not freed, is the promise of the caller, as everywhere in C.

use core::ffi::c_char;
use core::mem::MaybeUninit;
use core::slice;

use crate::guard::Failure;

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
