//! Names for requests that come without one.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use shaken_core::OrigId;

/// A name that no other request of this log has: random for the process, counted within it.
pub(crate) fn next() -> String {
    static PROCESS: LazyLock<String> = LazyLock::new(|| {
        let random = OrigId::random().map(|id| id.to_string()).unwrap_or_default();
        random.chars().filter(char::is_ascii_hexdigit).take(PROCESS_DIGITS).collect()
    });
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut name = String::with_capacity(PROCESS_DIGITS + 1 + 16);
    name.push_str(&PROCESS);
    name.push('-');
    crate::hex::push(&mut name, &count.to_be_bytes());
    name
}

/// 48 bits, of which a UUID of version 4 has the first in the first twelve digits.
const PROCESS_DIGITS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ() {
        let (one, other) = (next(), next());
        assert_eq!((one.len(), &one[..13]), (29, &other[..13]));
        assert_ne!(one, other);
    }
}
