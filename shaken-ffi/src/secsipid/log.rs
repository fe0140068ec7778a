//! What an operator must hear: on standard error, and in the log of the system, as a daemon may have
//! closed the former.

use std::io::{Write as _, stderr};

use nix::syslog::{Facility, Priority, Severity, syslog};

/// Tells `text` in one line.
pub(super) fn warn(text: &str) {
    let line = format!("libsecsipid of shaken: {text}");
    // Nobody is left to be told that it cannot be told.
    let _ = writeln!(stderr(), "{line}");
    // As a parameter of `%s` it cannot be taken for a format.
    let _ = syslog(Priority::new(Severity::LOG_WARNING, Facility::LOG_DAEMON), line.as_str());
}
