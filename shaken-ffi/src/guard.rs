//! The door that no panic passes, and what every function answers.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use shaken_core::Error;

use crate::handle::{self, Buffer};

/// What a function answers: `SHAKEN_OK`, or why not. The numbers never change their meaning.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShakenResult(u32);

impl ShakenResult {
    /// It was done; of a verification: the call passes.
    ///
    /// cbindgen:ignore
    pub const OK: Self = Self(0);

    /// The number.
    #[must_use]
    pub const fn code(self) -> u32 {
        self.0
    }
}

/// Makes the failures that are the library's own from one row each: number, name, meaning. All
/// others are those of [`Error`].
macro_rules! failures {
    ($( $code:literal $name:literal $variant:ident => $text:literal; )+) => {
        /// Why a function could not do what it is for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Failure {
            $( #[doc = $text] $variant, )+
            /// The engine's word.
            Core(Error),
        }

        impl Failure {
            /// Number, name and meaning of each of the library's own.
            pub(crate) const OWN: &'static [(u32, &'static str, &'static str)] = &[
                $( ($code, $name, $text), )+
            ];

            /// Its meaning; of the engine's it is told with what the error holds.
            pub(crate) fn meaning(self) -> &'static str {
                match self {
                    $( Self::$variant => $text, )+
                    Self::Core(error) => error.name(),
                }
            }

            pub(crate) fn code(self) -> ShakenResult {
                ShakenResult(match self {
                    $( Self::$variant => $code, )+
                    Self::Core(error) => u32::from(error.code()),
                })
            }
        }
    };
}

failures! {
    1 "null" Null => "A pointer is NULL that must not be.";
    2 "panic" Panic => "A fault of the library itself. Please report it.";
    3 "argument-invalid" ArgumentInvalid => "An argument has a value that it cannot have.";
    4 "pending" Pending => "Certificates are missing, or nothing is ready yet.";
    5 "forked" Forked => "This was started in another process; start it in each child.";
    6 "not-started" NotStarted => "Fetching was not started.";
    7 "already-started" AlreadyStarted => "Fetching was started before.";
    8 "system" System => "The operating system refuses a thread or a file descriptor.";
    9 "file-unreadable" FileUnreadable => "A file cannot be read.";
    10 "too-many-waiting" TooManyWaiting => "As many calls wait as may.";
    11 "index-out-of-range" IndexOutOfRange => "There is no element of this number.";
    20 "daemon-unreachable" DaemonUnreachable => "Nobody answers on the daemon's socket.";
    21 "daemon-deadline" DaemonDeadline => "The daemon did not answer in time.";
    22 "daemon-refused" DaemonRefused => "The daemon refuses the request by its policy.";
    23 "daemon-busy" DaemonBusy => "The daemon cannot answer now.";
    24 "daemon-answer" DaemonAnswer => "The daemon's answer is not what its interface says.";
    25 "content-not-compared" ContentNotCompared => "A PASSporT speaks of media or a message, which the daemon is not told: use shaken_verify_sip.";
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

/// Does `work`.
pub(crate) fn run(work: impl FnOnce() -> Result<(), Failure>) -> ShakenResult {
    // What a panic leaves behind is looked at by nobody: handles keep what is shared behind locks
    // and rebuild what is theirs with each call.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => ShakenResult::OK,
        Ok(Err(failure)) => failure.code(),
        Err(_) => Failure::Panic.code(),
    }
}

/// Does `work` for a function that answers a number of its own; `panicked` if it panics.
pub(crate) fn code(panicked: c_int, work: impl FnOnce() -> c_int) -> c_int {
    // As in `run`.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(panicked)
}

/// Does `work` and puts what comes of it into `place`; `empty` if it fails.
pub(crate) fn fill<T>(
    place: Option<&mut MaybeUninit<T>>,
    empty: T,
    work: impl FnOnce() -> Result<T, Failure>,
) -> ShakenResult {
    run(|| {
        let place = handle::out(place, empty)?;
        *place = work()?;
        Ok(())
    })
}

/// Makes a handle and puts it into `place`; NULL if that fails.
pub(crate) fn make<T>(
    place: Option<&mut MaybeUninit<Option<Box<T>>>>,
    work: impl FnOnce() -> Result<T, Failure>,
) -> ShakenResult {
    fill(place, None, || Ok(Some(Box::new(work()?))))
}

/// Has `work` write into the buffer and tell how much. If it is too small, `len` is what it takes.
pub(crate) fn write(
    mut buffer: Buffer,
    len: Option<&mut MaybeUninit<usize>>,
    work: impl FnOnce(&mut [u8]) -> Result<usize, Failure>,
) -> ShakenResult {
    run(|| {
        let len = handle::out(len, 0)?;
        let written = work(buffer.room()?);
        if let Err(Failure::Core(Error::BufferTooSmall { needed_bytes })) = written {
            *len = needed_bytes;
        }
        *len = written?;
        Ok(())
    })
}

/// Frees a handle. Nothing happens to NULL.
pub(crate) fn free<T>(handle: Option<Box<T>>) {
    // Nobody could be told.
    let _ = run(|| {
        drop(handle);
        Ok(())
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handle::uninit;

    #[test]
    fn a_panic_is_a_result() {
        assert_eq!(run(|| panic!("on purpose")).code(), 2);
        assert_eq!(code(-1, || panic!("on purpose")), -1);
        let mut place = 7;
        assert_eq!(fill(Some(uninit(&mut place)), 0, || panic!("on purpose")).code(), 2);
        assert_eq!(place, 0);
    }

    #[test]
    fn a_result_is_set_on_every_path() {
        let mut place = 7;
        assert_eq!(fill(Some(uninit(&mut place)), 0, || Err(Failure::Pending)).code(), 4);
        assert_eq!(place, 0);
        assert_eq!(fill(None, 0, || Ok(7)).code(), 1);
        let none = || Buffer { data: core::ptr::null_mut(), capacity: 0 };
        let mut len = 7;
        let short = Error::BufferTooSmall { needed_bytes: 9 };
        assert_eq!(write(none(), Some(uninit(&mut len)), |_| Err(short.into())).code(), 703);
        assert_eq!(len, 9);
        assert_eq!(write(none(), Some(uninit(&mut len)), |_| Err(Failure::Null)).code(), 1);
        assert_eq!(len, 0);
    }

    #[test]
    fn own_numbers_are_below_those_of_the_engine() {
        let codes: Vec<u32> = Failure::OWN.iter().map(|(code, ..)| *code).collect();
        assert!(codes.is_sorted_by(|a, b| a < b) && codes.iter().all(|code| (1..100).contains(code)));
    }
}
