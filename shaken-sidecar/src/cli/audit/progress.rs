//! How far a long run is.

use std::fmt::Arguments;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How far it is, on a terminal, once it takes long.
pub(in crate::cli) struct Progress {
    is_shown: bool,
    next: Instant,
}

impl Progress {
    pub(in crate::cli) fn new() -> Self {
        Self { is_shown: false, next: Instant::now() + PAUSE }
    }

    pub(in crate::cli) fn show(&mut self, done: Arguments<'_>) {
        let now = Instant::now();
        if now < self.next || !std::io::stderr().is_terminal() {
            return;
        }
        self.next = now + PAUSE;
        self.is_shown = true;
        let _ = write!(std::io::stderr().lock(), "\rshaken: {done} ");
    }

    pub(in crate::cli) fn clear(&self) {
        if self.is_shown {
            let _ = write!(std::io::stderr().lock(), "\r\u{1b}[K");
        }
    }
}

const PAUSE: Duration = Duration::from_secs(1);
