//! A network of our own: no packet leaves it, every address is ours, and names are resolved by the
//! test. So the daemon meets public addresses, port 443 and a DNS server as it does in production.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::tool;

/// Where the DNS server of the test listens. The resolver of the system finds it there.
pub(crate) const RESOLVER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 53)), 53);

/// Runs `test` in a process of its own that has such a network; `name` is the test's, with which this
/// one is called.
pub(crate) fn inside(name: &str, test: impl FnOnce()) {
    if std::env::var_os(MARK).is_some() {
        set_up();
        return test();
    }
    let Some(flags) = flags() else { return };
    let run = Command::new("unshare")
        .args(flags)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(MARK, "1")
        .output()
        .unwrap();
    println!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{name} failed in its network");
}

/// With which this process may have one; `None` where it may not.
fn flags() -> Option<&'static [&'static str]> {
    tool::find("ip", REQUIRED, "iproute2")?;
    tool::find("unshare", REQUIRED, "util-linux")?;
    let all: [&[&str]; 2] = [&["--net", "--mount"], &["--net", "--mount", "--map-root-user"]];
    let found = all.into_iter().find(|flags| {
        let tried = Command::new("unshare").args(*flags).args(["ip", "link", "set", "lo", "up"]).output();
        tried.is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        let told = "this process may not have a network of its own: run as root, or allow user namespaces";
        assert!(std::env::var_os(REQUIRED).is_none_or(|value| value != "1"), "{told}");
        println!("skipped: {told}");
    }
    found
}

fn set_up() {
    command(&["ip", "link", "set", "lo", "up"]);
    // What is not listened on is refused. They are not addresses of an interface, which the daemon
    // would not dial.
    command(&["ip", "route", "add", "local", "default", "dev", "lo"]);
    let files = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("/etc/resolv.conf", format!("nameserver {}\n", RESOLVER.ip())),
        ("/etc/nsswitch.conf", "hosts: files dns\n".to_owned()),
    ] {
        let file = files.path().join("file");
        fs::write(&file, text).unwrap();
        if Path::new(path).exists() {
            command(&["mount", "--bind", file.to_str().unwrap(), path]);
        }
        fs::remove_file(file).unwrap();
    }
}

fn command(words: &[&str]) {
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// How many TCP connections were tried in this network since it is there, to whatever address.
pub(crate) fn dials() -> u64 {
    let text = fs::read_to_string("/proc/net/snmp").unwrap();
    let mut tcp = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (tcp.next().unwrap(), tcp.next().unwrap());
    let mut pairs = names.split(' ').zip(values.split(' '));
    pairs.find(|(name, _)| *name == "ActiveOpens").unwrap().1.parse().unwrap()
}

const MARK: &str = "SHAKEN_TEST_NETWORK";

/// Set to 1 where everything for this has to be there.
pub(crate) const REQUIRED: &str = "SHAKEN_NETWORK_REQUIRED";
