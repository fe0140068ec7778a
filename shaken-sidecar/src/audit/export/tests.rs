//! What the export reads and keeps, without a server.

use std::path::Path;
use std::time::SystemTime;

use tempfile::tempdir;

use super::cursor::{Cursor, CursorFile};
use super::source::{Next, Source};
use super::{Feed, Tapped};
use crate::audit::{AuditLog, AuditOptions, Commit, Event, Observer, Sealing, Undelivered, read};

/// A log that tells of its records on the feed, and has no others than these tests give it.
fn open(dir: &Path, feed: &Feed) -> AuditLog {
    let options = AuditOptions::new().with_segment_bytes(2_000).with_sealing(Sealing::Off);
    AuditLog::open_observed(dir, options, Tapped::new((), feed.clone())).unwrap()
}

async fn append(log: &AuditLog, count: usize) {
    for _ in 0..count {
        let loss = crate::audit::Loss::ClientGone;
        let note = Undelivered::new(None, "a".into(), loss, SystemTime::now());
        log.append_note(Event::Undelivered(note)).await.unwrap();
    }
}

/// The feed is told after those who appended.
async fn told(feed: &Feed, records: u64) {
    feed.watch().wait_for(|durable| *durable == records).await.unwrap();
}

/// The lines that `source` gives now.
fn drain(source: &mut Source<'_>) -> Vec<(u64, Vec<u8>)> {
    let mut lines = Vec::new();
    loop {
        match source.next().unwrap() {
            Next::Line { index, bytes } => lines.push((index, bytes.to_vec())),
            Next::Nothing => return lines,
            Next::Missing { first } => panic!("missing up to {first}"),
        }
    }
}

fn on_disk(dir: &Path) -> Vec<(u64, Vec<u8>)> {
    read(dir).unwrap().map(|line| line.unwrap()).map(|line| (line.index, line.bytes)).collect()
}

#[tokio::test]
async fn a_source_gives_each_durable_record_once_from_disk_and_memory() {
    let dir = tempdir().unwrap();
    let feed = Feed::new();
    let log = open(dir.path(), &feed);
    append(&log, 30).await;
    log.close().await.unwrap();
    drop(log);

    // Another run: the first thirty are on disk only.
    let feed = Feed::new();
    let log = open(dir.path(), &feed);
    let mut source = Source::new(dir.path(), &feed, 0);
    append(&log, 10).await;
    told(&feed, 41).await;
    let mut given = drain(&mut source);
    for round in 1..=5 {
        append(&log, 3).await;
        told(&feed, 41 + 3 * round).await;
        given.extend(drain(&mut source));
    }
    assert!(drain(&mut source).is_empty());
    assert_eq!(given, on_disk(dir.path()));
    // From any index on, and also after memory has forgotten it.
    for from in [0, 1, 17, 31, 40, given.len()] {
        let rest = drain(&mut Source::new(dir.path(), &feed, from as u64));
        assert_eq!(rest, given[from..], "from {from}");
    }
    log.close().await.unwrap();
}

/// What is on the disk may be given up again as long as it is not durable.
#[tokio::test]
async fn a_source_gives_nothing_that_is_not_durable() {
    let dir = tempdir().unwrap();
    let log = open(dir.path(), &Feed::new());
    append(&log, 10).await;
    log.close().await.unwrap();
    let feed = Feed::new();
    Tapped::new((), feed.clone()).opened(4).unwrap();
    let given = drain(&mut Source::new(dir.path(), &feed, 0));
    assert_eq!(given, on_disk(dir.path())[..4]);
}

#[tokio::test]
async fn a_source_tells_of_what_was_removed() {
    let dir = tempdir().unwrap();
    let log = open(dir.path(), &Feed::new());
    append(&log, 40).await;
    log.close().await.unwrap();
    let before = on_disk(dir.path());
    std::fs::remove_file(dir.path().join("segments/00000000000000000000.jsonl")).unwrap();
    let left = on_disk(dir.path());
    assert!(left.len() < before.len());

    let feed = Feed::new();
    Tapped::new((), feed.clone()).opened(41).unwrap();
    let mut source = Source::new(dir.path(), &feed, 2);
    for _ in 0..2 {
        let Next::Missing { first } = source.next().unwrap() else { panic!("nothing is missing") };
        assert_eq!(first, left[0].0);
    }
    source.skip_to(left[0].0);
    assert_eq!(drain(&mut source), left);
}

/// Memory has a bound, and what it forgot is read from the disk.
#[test]
fn a_feed_forgets_the_oldest() {
    let feed = Feed::new();
    let mut tapped = Tapped::new((), feed.clone());
    let line = [vec![b'x'; 1024 * 1024 - 1], vec![b'\n']].concat();
    for first_index in 0..20 {
        tapped.durable(&Commit { first_index, bytes: &line });
    }
    assert_eq!(feed.durable(), 20);
    assert!(feed.run_with(11).is_none());
    assert_eq!(feed.run_with(12).unwrap().first_index, 12);
    assert_eq!(feed.run_with(19).unwrap().end, 20);
    // Asking for one forgets those before it.
    assert!(feed.run_with(12).is_none() && feed.run_with(20).is_none());
}

#[tokio::test]
async fn a_cursor_knows_its_log() {
    let dir = tempdir().unwrap();
    let log = open(dir.path(), &Feed::new());
    append(&log, 5).await;
    log.close().await.unwrap();
    let lines = on_disk(dir.path());
    let file = CursorFile::of(dir.path());
    assert!(file.load().unwrap().is_none());

    let mut cursor = Cursor::new("a");
    cursor.advance(3, &lines[3].1);
    file.save(&cursor).unwrap();
    assert_eq!(file.load().unwrap().unwrap().unwrap(), cursor);
    let check = |cursor: &Cursor, log: &str, records| {
        cursor.check(dir.path(), log, records).unwrap().map(|unfit| unfit.to_string())
    };
    assert_eq!(check(&cursor, "a", 6), None);
    assert_eq!(check(&cursor, "a", 4), None);
    assert!(check(&cursor, "b", 6).unwrap().contains("named \"a\""));
    assert!(check(&cursor, "a", 3).unwrap().contains("beyond the end"));
    let mut other = cursor.clone();
    other.advance(3, &lines[2].1);
    assert!(check(&other, "a", 6).unwrap().contains("record 3"));
    // Where it went on behind records that were removed, there is nothing to compare.
    other.skip_to(4);
    assert_eq!(check(&other, "a", 6), None);

    std::fs::write(file.path(), "{").unwrap();
    assert!(file.load().unwrap().unwrap().is_err());
}
