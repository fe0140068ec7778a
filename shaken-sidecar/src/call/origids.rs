//! Tracing values, one for each call.

use std::cell::RefCell;

use ring::rand::{SecureRandom as _, SystemRandom};
use shaken_core::{Error, OrigId};

/// One that no other call has. The kernel is asked for the randomness of many at once: for each by itself
/// that would be a fortieth of a signature. (What is at hand comes again if a virtual machine goes on twice
/// from one image of its memory.)
///
/// # Errors
/// [`Error::SigningFailed`] if the system has no randomness.
pub(super) fn next() -> Result<OrigId, Error> {
    thread_local! {
        static AT_HAND: RefCell<Vec<[u8; 16]>> = const { RefCell::new(Vec::new()) };
    }
    AT_HAND.with_borrow_mut(|at_hand| {
        if at_hand.is_empty() {
            let mut random = [0; 16 * AT_ONCE];
            SystemRandom::new().fill(&mut random).map_err(|_| Error::SigningFailed)?;
            at_hand.extend_from_slice(random.as_chunks().0);
        }
        at_hand.pop().map(OrigId::of_random).ok_or(Error::SigningFailed)
    })
}

const AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn none_comes_twice() {
        let some = || (0..10 * AT_ONCE).map(|_| next().unwrap().as_str().to_owned()).collect::<Vec<_>>();
        let other = std::thread::spawn(some);
        let all: HashSet<String> = some().into_iter().chain(other.join().unwrap()).collect();
        assert_eq!(all.len(), 20 * AT_ONCE);
    }
}
