//! Edits of sealed segments.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use shaken_sidecar::audit::proof::{Key, Outside};
use shaken_sidecar::audit::{AuditLog, Proving, SEALED, Sealing};

use crate::log::{EDITS, EDITS_SETTING, Log, flip_some, random, record, small};

/// A log whose full segments are sealed.
fn sealed_log() -> Log {
    let log = Log::new();
    fs::remove_dir_all(log.dir()).unwrap();
    fs::remove_file(log.path("outside")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let key = Key::read(&log.path("audit.key")).unwrap();
        let outside = vec![Outside::File { path: log.path("outside") }];
        let proving = Proving::new(key).with_outside(outside);
        let options = small().with_segment_bytes(40_000).with_sealing(Sealing::On);
        let open = AuditLog::open_proven(&log.dir(), options, proving).unwrap();
        for n in 0..300 {
            open.append(record(n)).await.unwrap();
        }
        let patience = Instant::now() + Duration::from_secs(30);
        while open.state().sealing.is_some_and(|sealing| sealing.waiting > 0 || sealing.sealed < 3) {
            assert!(Instant::now() < patience, "{:?}", open.state());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        open.close().await.unwrap();
    });
    log
}

fn sealed_files(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(dir.join(SEALED)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// One of the sealed files, and another.
fn two(dir: &Path) -> (PathBuf, PathBuf) {
    let files = sealed_files(dir);
    let at = random(files.len());
    let other = (at + 1 + random(files.len() - 1)) % files.len();
    (files[at].clone(), files[other].clone())
}

/// A kind of edit, and how it may be found.
#[derive(Clone, Copy)]
struct SealedEdit(&'static str, &'static [&'static str], fn(&Path));

/// A bit anywhere in a sealed segment, and whatever else is done to these files.
#[test]
fn every_random_edit_of_a_sealed_segment_is_found() {
    let edits = std::env::var(EDITS_SETTING).map_or(EDITS / 2, |edits| edits.parse().unwrap());
    let log = sealed_log();
    assert_eq!(log.findings(&log.dir()), [""; 0]);
    let (code, report) = log.verify(&log.dir(), Some("outside"));
    assert_eq!(code, Some(0), "{report}");
    assert!(report["sealed"].as_u64().unwrap() >= 3, "{report}");
    let kinds: [SealedEdit; 7] = [
        SealedEdit(
            "flipped bit",
            &["sealed-changed", "sealed-damaged", "sealed-columns", "sealed-line"],
            |dir| drop(flip_some(&sealed_files(dir))),
        ),
        SealedEdit("removed", &["sealed-missing", "record", "begin-not-recorded"], |dir| {
            fs::remove_file(two(dir).0).unwrap()
        }),
        SealedEdit("truncated", &["sealed-damaged"], |dir| {
            let path = two(dir).0;
            let bytes = fs::read(&path).unwrap();
            fs::write(path, &bytes[..random(bytes.len())]).unwrap();
        }),
        SealedEdit("another one's contents", &["sealed-line", "sealed-changed", "record"], |dir| {
            let (path, other) = two(dir);
            fs::copy(other, path).unwrap();
        }),
        SealedEdit("exchanged", &["sealed-line", "sealed-changed", "record"], |dir| {
            let (path, other) = two(dir);
            let bytes = fs::read(&path).unwrap();
            fs::copy(&other, path).unwrap();
            fs::write(other, bytes).unwrap();
        }),
        SealedEdit("bytes behind the end", &["sealed-damaged"], |dir| {
            let path = two(dir).0;
            let mut bytes = fs::read(&path).unwrap();
            bytes.extend_from_slice(b"more");
            fs::write(path, bytes).unwrap();
        }),
        SealedEdit("a beginning further on", &["begin-not-recorded"], |dir| {
            let files = sealed_files(dir);
            let next: u64 = files[1].file_stem().unwrap().to_str().unwrap().parse().unwrap();
            fs::remove_file(&files[0]).unwrap();
            let begin = format!("{{\"index\":{next},\"recorded_at\":{}}}", next + 1);
            fs::write(dir.join(SEALED).join("begin"), begin).unwrap();
        }),
    ];
    for edit in 0..edits {
        let SealedEdit(name, expected, tamper) = kinds[edit % kinds.len()];
        let dir = log.copied("tampered");
        tamper(&dir);
        let found = log.findings(&dir);
        assert!(found.iter().any(|name| expected.contains(name)), "edit {edit}, {name}: {found:?}");
    }
    println!("{edits} edits of sealed segments, all found");
}
