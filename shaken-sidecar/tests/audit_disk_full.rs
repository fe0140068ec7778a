//! A disk that is really full: a small tmpfs of our own, where this process may mount one.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use shaken_sidecar::audit::{
    self, AuditLog, AuditOptions, Entry, Event, Full, Health, Interface, Kept, Op, Record,
};
use shaken_sidecar::listen::Peer;

/// Unmounts when the test ends, however it ends.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

fn record(n: usize) -> Record {
    let peer = Peer { uid: 0, gid: 0, pid: None };
    let mut record =
        Record::new(Op::Sign, Interface::HttpUnix, peer, n.to_string(), "signed", SystemTime::now());
    record.identity = vec!["x".repeat(10_000)];
    record
}

async fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < patience, "not within 10 s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Calls go on without a record while the disk is full, and with one when there is room again, in one
/// and the same process; the log tells how many are missing.
#[tokio::test]
async fn a_full_disk_costs_what_it_lasts() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4m", "none"])
        .arg(dir.path())
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        println!("skipped: this process may not mount a tmpfs");
        return;
    }
    let _mounted = Mounted(dir.path());
    let options = AuditOptions::new().with_full(Full::Degrade).with_reserve_bytes(256 * 1024);
    let log = AuditLog::open(dir.path().join("audit").as_path(), options).unwrap();
    let ballast = dir.path().join("ballast");
    std::fs::write(&ballast, vec![0; 2 * 1024 * 1024]).unwrap();

    let (mut kept, mut missing) = (Vec::new(), 0);
    let mut append = async |n: usize| match log.append(record(n)).await.unwrap() {
        Kept::Durable(index) => kept.push(index),
        _ => missing += 1,
    };
    for n in 0..400 {
        append(n).await;
    }
    wait_for("degraded", || matches!(log.state().health, Health::Degraded { .. })).await;
    // Still so after a few tries.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    append(400).await;
    assert!(matches!(log.state().health, Health::Degraded { .. }), "{:?}", log.state());

    std::fs::remove_file(&ballast).unwrap();
    wait_for("room again", || matches!(log.state().health, Health::Ok)).await;
    append(401).await;
    log.close().await.unwrap();

    assert!(kept.len() > 50 && missing > 50, "{} kept, {missing} missing", kept.len());
    let entries: Vec<Entry> = audit::read(&dir.path().join("audit"))
        .unwrap()
        .map(|line| Entry::parse(&line.unwrap().bytes).unwrap())
        .collect();
    assert!(entries.iter().map(|entry| entry.index).eq(0..entries.len() as u64));
    let calls: Vec<u64> =
        entries.iter().filter(|entry| entry.call().is_some()).map(|entry| entry.index).collect();
    assert_eq!(calls, kept);
    let served = entries.iter().map(|entry| if let Event::Gap(gap) = &entry.event { gap.served } else { 0 });
    assert_eq!(served.sum::<u64>(), missing);
    let cuts = entries.iter().filter(|entry| matches!(entry.event, Event::Cut(_))).count();
    println!("{} kept, {missing} missing and counted, {cuts} segments given up", kept.len());
    assert!(cuts < 10, "a full disk is not fought at full speed");
}
