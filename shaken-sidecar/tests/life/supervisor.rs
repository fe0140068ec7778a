//! What the service manager is told, as far as it can be seen without one.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::process::{Daemon, as_it_is, lab};

struct Manager(UnixDatagram);

impl Manager {
    /// Waits for a message with all of these lines, and answers it.
    fn wait_for(&self, parts: &[&str]) -> String {
        let patience = Instant::now() + Duration::from_secs(20);
        let mut seen = Vec::new();
        while Instant::now() < patience {
            let mut buffer = [0; 4096];
            let Ok(len) = self.0.recv(&mut buffer) else { continue };
            let message = String::from_utf8(buffer[..len].to_vec()).unwrap();
            if parts.iter().all(|part| message.contains(part)) {
                return message;
            }
            seen.push(message);
        }
        panic!("{parts:?} did not come, but {seen:?}");
    }
}

#[test]
fn start_reload_watchdog_and_end_are_told() {
    let running = lab(as_it_is);
    let lab = running.lab();
    let path = lab.join("notify.sock");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let manager = Manager(manager);
    let env = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "3000000")];
    let daemon = Daemon::spawn(&lab, &env, &[]);
    manager.wait_for(&["READY=1", "STATUS=serving"]);
    manager.wait_for(&["STATUS=serving, generation"]);

    // At least twice in the time it is waited for.
    let start = Instant::now();
    for _ in 0..3 {
        manager.wait_for(&["WATCHDOG=1"]);
    }
    assert!(start.elapsed() < Duration::from_millis(4500), "{:?}", start.elapsed());

    let config = lab.join("shaken.toml");
    let good = fs::read_to_string(&config).unwrap();
    for (text, status) in [(good.as_str(), "generation"), ("", "reload-refused"), (&good, "generation")] {
        fs::write(&config, text).unwrap();
        daemon.signal(Signal::HUP);
        let reloading = manager.wait_for(&["RELOADING=1"]);
        let since = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
        assert!(since.parse::<u64>().unwrap() > 0);
        let ready = manager.wait_for(&["READY=1"]);
        assert!(ready.contains(status), "{ready}");
    }
    daemon.signal(Signal::TERM);
    manager.wait_for(&["STOPPING=1"]);
    assert_eq!(daemon.end_of().code(), Some(0));
}

/// X41: a daemon that does not turn around tells nothing.
#[test]
fn a_stopped_daemon_does_not_feed_the_watchdog() {
    let running = lab(as_it_is);
    let path = running.lab().join("notify.sock");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let manager = Manager(manager);
    let env = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "2000000")];
    let daemon = Daemon::spawn(&running.lab(), &env, &[]);
    manager.wait_for(&["WATCHDOG=1"]);
    daemon.signal(Signal::STOP);
    std::thread::sleep(Duration::from_millis(100));
    manager.0.set_nonblocking(true).unwrap();
    while manager.0.recv(&mut [0; 4096]).is_ok() {}
    std::thread::sleep(Duration::from_secs(3));
    assert!(manager.0.recv(&mut [0; 4096]).is_err());
    daemon.signal(Signal::CONT);
}
