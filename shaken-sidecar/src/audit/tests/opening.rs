//! What is found when a log is opened: torn ends, damage, other owners, zeros laid out ahead.

use super::*;

#[tokio::test]
async fn a_torn_tail_is_cut_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path()).unwrap();
    append(&log, "a").await;
    log.close().await.unwrap();
    drop(log);
    let whole = std::fs::read(file_of(dir.path())).unwrap();
    let mut torn = whole.clone();
    torn.extend_from_slice(&whole[..whole.len() / 3]);
    std::fs::write(file_of(dir.path()), &torn).unwrap();

    let log = open(dir.path()).unwrap();
    let found = log.recovery();
    assert_eq!(
        (found.records, found.segments, found.len_bytes, found.torn_bytes),
        (2, 1, whole.len() as u64, (whole.len() / 3) as u64)
    );
    assert_eq!(std::fs::read(file_of(dir.path())).unwrap(), whole);
    assert_eq!(append(&log, "b").await, 2);
    assert_eq!(calls(dir.path()).len(), 2);
}

#[tokio::test]
async fn corruption_refuses_to_open_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path()).unwrap();
    for id in ["a", "b", "c"] {
        append(&log, id).await;
    }
    log.close().await.unwrap();
    drop(log);
    let whole = std::fs::read(file_of(dir.path())).unwrap();
    let lines: Vec<_> = whole.split_inclusive(|&byte| byte == b'\n').collect();

    let mut damaged = whole.clone();
    damaged[lines[0].len() + 30] ^= 1;
    std::fs::write(file_of(dir.path()), &damaged).unwrap();
    let refused = open(dir.path()).unwrap_err();
    assert!(
        matches!(refused, AuditError::Corrupt { offset_bytes, .. } if offset_bytes == lines[0].len() as u64),
        "{refused}"
    );
    assert_eq!(std::fs::read(file_of(dir.path())).unwrap(), damaged);

    let missing = [lines[0], lines[2]].concat();
    std::fs::write(file_of(dir.path()), &missing).unwrap();
    let refused = open(dir.path()).unwrap_err();
    assert!(matches!(refused, AuditError::NotContiguous { expected: 1, found: 2, .. }), "{refused}");
    assert_eq!(std::fs::read(file_of(dir.path())).unwrap(), missing);
}

#[tokio::test]
async fn a_log_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path()).unwrap();
    let refused = open(dir.path()).unwrap_err();
    assert!(matches!(refused, AuditError::Locked { .. }), "{refused}");
    log.close().await.unwrap();
    drop(log);
    open(dir.path()).unwrap();
}

#[tokio::test]
async fn what_stands_in_the_way_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let refused = open(&parent.path().join("no/audit")).unwrap_err();
    assert!(matches!(refused, AuditError::ParentMissing { .. }), "{refused}");

    std::fs::write(parent.path().join("file"), "").unwrap();
    let refused = open(&parent.path().join("file")).unwrap_err();
    assert!(matches!(refused, AuditError::Io { action: "open", .. }), "{refused}");

    let dir = parent.path().join("audit");
    std::fs::create_dir_all(file_of(&dir)).unwrap();
    let refused = open(&dir).unwrap_err();
    assert!(matches!(refused, AuditError::Io { action: "open", .. }), "{refused}");

    std::fs::remove_dir(file_of(&dir)).unwrap();
    std::os::unix::fs::symlink(parent.path().join("file"), file_of(&dir)).unwrap();
    let refused = open(&dir).unwrap_err();
    assert!(matches!(refused, AuditError::Io { action: "open", .. }), "{refused}");
}

/// The zeros that are laid out ahead are no records, whenever the process ends.
#[tokio::test]
async fn prepared_segments_are_used_and_read_over() {
    let dir = tempfile::tempdir().unwrap();
    let options = AuditOptions::new()
        .with_segment_bytes(100_000)
        .with_prepare_after_bytes(5_000)
        .with_sealing(Sealing::Off);
    let log = Arc::new(AuditLog::open(dir.path(), options).unwrap());
    let mut count = 0;
    let segments = dir.path().join(SEGMENTS);
    let last = |segments: &Path| {
        let first = *segment::list(&Folder::open(segments).unwrap()).unwrap().last().unwrap();
        (first, std::fs::read(segments.join(segment::name_of(first))).unwrap())
    };
    let patience = Instant::now() + Duration::from_secs(10);
    let killed = loop {
        let waiting: Vec<_> = (0..10).map(|_| spawn_append(&log, "r")).collect();
        for append in waiting {
            append.await.unwrap().unwrap();
            count += 1;
        }
        let (first, bytes) = last(&segments);
        // In the second prepared one, with records and zeros in it.
        if first > 300 && bytes.len() == 100_000 && bytes[0] != 0 {
            assert_eq!(bytes.last(), Some(&0));
            break bytes;
        }
        assert!(Instant::now() < patience);
    };
    assert_eq!(calls(dir.path()).len(), count);
    let killed_name = segments.join(segment::name_of(last(&segments).0));
    log.close().await.unwrap();
    drop(log);
    let (_, closed) = last(&segments);
    assert_ne!(closed.last(), Some(&0), "an orderly end leaves no zeros");
    let names = std::fs::read_dir(&segments).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| !name.ends_with(".jsonl"));
    assert_eq!(names, [writer::outage::RESERVE]);

    // As a kill would have left it.
    std::fs::write(killed_name, killed).unwrap();
    std::fs::write(segments.join(segment::PREPARED), [0; 100]).unwrap();
    std::fs::write(segments.join(segment::NEXT), "half a li").unwrap();
    let log = open(dir.path()).unwrap();
    assert_eq!((log.recovery().records, log.recovery().torn_bytes), (count as u64, 0));
    assert_eq!(append(&log, "goes on").await, count as u64);
    assert_eq!(calls(dir.path()).len(), count + 1);
    assert!(!segments.join(segment::PREPARED).exists() && !segments.join(segment::NEXT).exists());
}

/// Segments that do not fit together are refused, whatever single one it is.
#[tokio::test]
async fn missing_and_damaged_segments_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let options = AuditOptions::new().with_segment_bytes(1000).with_sealing(Sealing::Off);
    let log = AuditLog::open(dir.path(), options).unwrap();
    for _ in 0..10 {
        append(&log, "r").await;
    }
    log.close().await.unwrap();
    drop(log);
    let firsts = segment::list(&Folder::open(&dir.path().join(SEGMENTS)).unwrap()).unwrap();
    assert!(firsts.len() > 3);
    let path = |first: u64| dir.path().join(SEGMENTS).join(segment::name_of(first));
    for pair in firsts.windows(2) {
        let whole = std::fs::read(path(pair[0])).unwrap();
        std::fs::remove_file(path(pair[0])).unwrap();
        let refused = open(dir.path()).unwrap_err();
        let is_named = match pair[0] {
            0 => matches!(refused, AuditError::NotRecorded { first, .. } if first == pair[1]),
            _ => matches!(refused, AuditError::NotContiguous { .. }),
        };
        assert!(is_named, "{refused}");
        // Its last record is gone, or damaged.
        for len in [whole.len() - 200, 0] {
            std::fs::write(path(pair[0]), &whole[..len]).unwrap();
            let refused = open(dir.path()).unwrap_err();
            assert!(matches!(refused, AuditError::Corrupt { .. }), "{refused}");
        }
        // A record of the next one stands in it too, and nothing says why.
        let next = std::fs::read(path(pair[1])).unwrap();
        std::fs::write(path(pair[0]), [&whole[..], &next[..]].concat()).unwrap();
        let refused = open(dir.path()).unwrap_err();
        assert!(matches!(refused, AuditError::NotContiguous { .. }), "{refused}");
        std::fs::write(path(pair[0]), &whole).unwrap();
    }
    AuditLog::open(dir.path(), options).unwrap();
}
