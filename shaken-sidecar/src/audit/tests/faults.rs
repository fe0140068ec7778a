//! What goes wrong while the log is open, and what is left when it is over.

use super::*;

#[tokio::test]
async fn short_and_interrupted_writes_go_on() {
    let (dir, log, disk) = faulty(AuditOptions::new());
    disk.set(|state| {
        state.short_write_len = Some(7);
        state.interrupt_next_write = true;
    });
    assert_eq!(append(&log, "a").await, 0);
    assert_eq!(append(&log, "b").await, 1);
    assert_eq!(calls(dir.path()).len(), 2);
    assert_eq!(log.state().faults, 0);
}

/// A fault that stays is fatal for those in the batch, those in the queue and those who come while it
/// lasts, leaves on disk exactly what was acknowledged, and is over when it is over.
async fn fault_and_recovery(step: Step, errno: Errno) {
    let (dir, log, disk) = faulty(AuditOptions::new());
    assert_eq!(append(&log, "good").await, 0);

    disk.set(|state| state.stalled = true);
    let held = spawn_append(&log, "held by the stall");
    tokio::task::yield_now().await;
    disk.wait_until(|state| state.syncs == 2);
    let queued: Vec<_> = (0..10).map(|_| spawn_append(&log, "queued")).collect();
    tokio::task::yield_now().await;
    disk.set(|state| {
        state.fails = Some((step, errno));
        state.stalled = false;
    });

    let (mut acked, mut refused) = (1, 0);
    for append in std::iter::once(held).chain(queued) {
        match append.await.unwrap() {
            // A write fault comes with the next batch; what the stall held was written before.
            Ok(kept) => {
                assert_eq!((kept.index(), step), (Some(1), Step::Write));
                acked += 1;
            }
            Err(AuditError::Failed(failure)) => {
                assert_eq!(failure.source.raw_os_error(), Some(errno.raw_os_error()));
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    let later = log.append(record("later")).await.unwrap_err();
    assert!(matches!(later, AuditError::Failed(_)), "{later}");
    assert!(matches!(log.state().health, Health::Degraded { .. }));
    assert_eq!(calls(dir.path()).len(), acked, "lines that nobody was told of are cut");
    let owned = open(dir.path()).unwrap_err();
    assert!(matches!(owned, AuditError::Locked { .. }), "a degraded log still has its owner: {owned}");

    // Without a restart.
    disk.set(|state| state.fails = None);
    wait_for("health", || matches!(log.state().health, Health::Ok)).await;
    append(&log, "next").await;
    wait_for("a gap record", || log.state().gaps == 1).await;
    assert_eq!(log.state().unrecorded, refused + 1);
    let events = events(dir.path());
    let cut = events.iter().find_map(|event| if let Event::Cut(cut) = event { Some(cut) } else { None });
    let cut = cut.unwrap();
    assert_eq!((cut.segment, cut.errno), (0, Some(errno.raw_os_error())));
    let gap = events.iter().find_map(|event| if let Event::Gap(gap) = event { Some(gap) } else { None });
    let gap = gap.unwrap();
    assert_eq!((gap.served, gap.refused, gap.notes), (0, refused + 1, 0));
    assert_eq!(calls(dir.path()).last().unwrap().1, "next");
    log.close().await.unwrap();
    drop(log);
    let log = open(dir.path()).unwrap();
    assert_eq!(log.recovery().torn_bytes, 0);
    assert_eq!(log.recovery().records, all_entries(dir.path()).len() as u64);
}

#[tokio::test]
async fn a_write_error_ends_with_the_fault() {
    for errno in [Errno::NOSPC, Errno::IO, Errno::ROFS] {
        fault_and_recovery(Step::Write, errno).await;
    }
}

#[tokio::test]
async fn a_sync_error_ends_with_the_fault() {
    for errno in [Errno::IO, Errno::NOSPC, Errno::DQUOT] {
        fault_and_recovery(Step::Sync, errno).await;
    }
}

#[tokio::test]
async fn a_panic_of_the_writer_ends_the_log() {
    let (_dir, log, disk) = faulty(AuditOptions::new());
    disk.set(|state| state.panic_on_sync = true);
    for id in ["now", "later"] {
        let refused = log.append(record(id)).await.unwrap_err();
        assert!(
            matches!(&refused, AuditError::Failed(failure) if failure.step == Step::Panic),
            "{id}: {refused}"
        );
    }
    assert!(matches!(log.state().health, Health::Failed { .. }));
    assert_eq!(log.state().unrecorded, 2);
    assert!(matches!(log.close().await, Err(AuditError::Failed(_))));
}

#[tokio::test]
async fn a_full_queue_waits_and_then_refuses() {
    let wait = Duration::from_millis(50);
    let options = AuditOptions::new().with_queue_records(NonZeroU32::new(4).unwrap()).with_queue_wait(wait);
    let (dir, log, disk) = faulty(options);
    disk.set(|state| state.stalled = true);
    let mut taken = vec![spawn_append(&log, "in the write")];
    tokio::task::yield_now().await;
    disk.wait_until(|state| state.syncs == 1);
    taken.extend((0..4).map(|_| spawn_append(&log, "in the queue")));
    while log.queue.capacity() > 0 {
        tokio::task::yield_now().await;
    }

    let started = Instant::now();
    let refused = log.append(record("too many")).await.unwrap_err();
    assert!(
        matches!(refused, AuditError::Overloaded { queue_records: 4, waited } if waited == wait),
        "{refused}"
    );
    assert!(started.elapsed() >= wait);

    disk.set(|state| state.stalled = false);
    for append in taken {
        append.await.unwrap().unwrap();
    }
    append(&log, "after").await;
    assert!(calls(dir.path()).iter().all(|(_, request_id)| request_id != "too many"));
    log.close().await.unwrap();
    let events = events(dir.path());
    let shed = events.iter().map(|event| if let Event::Summary(summary) = event { summary.shed } else { 0 });
    assert_eq!(shed.sum::<u64>(), 1);
}

/// While the disk is full there are only notes of ours, out of the reserve.
#[tokio::test]
async fn a_full_disk_is_over_when_the_reserve_fits_again() {
    let (dir, log, disk) = faulty(AuditOptions::new());
    let reserve = dir.path().join(SEGMENTS).join(writer::outage::RESERVE);
    append(&log, "good").await;
    assert_eq!(std::fs::metadata(&reserve).unwrap().blocks() * 512, RESERVE_BYTES);
    disk.set(|state| state.fails = Some((Step::Write, Errno::NOSPC)));
    log.append(record("full")).await.unwrap_err();
    assert!(!reserve.exists(), "the reserve is given free");
    disk.set(|state| state.fails = Some((Step::Reserve, Errno::NOSPC)));
    wait_for("the reserve to be asked for", || {
        log.state().health.cause().is_some_and(|cause| cause.step == Step::Reserve)
    })
    .await;
    log.append(record("still full")).await.unwrap_err();
    wait_for("a gap record while it is full", || log.state().gaps >= 1).await;
    assert!(matches!(log.state().health, Health::Degraded { .. }));
    disk.set(|state| state.fails = None);
    wait_for("health", || matches!(log.state().health, Health::Ok)).await;
    append(&log, "room").await;
    assert!(reserve.exists());
    log.close().await.unwrap();
    let requests: Vec<_> = calls(dir.path()).into_iter().map(|(_, request)| request).collect();
    assert_eq!(requests, ["good", "room"]);
    let refused = events(dir.path()).into_iter().map(|event| match event {
        Event::Gap(gap) => gap.refused,
        _ => 0,
    });
    assert_eq!(refused.sum::<u64>(), 2);
}

#[tokio::test]
async fn a_full_segment_goes_on_when_there_can_be_no_other() {
    let (dir, log, disk) = faulty(AuditOptions::new().with_segment_bytes(500));
    disk.set(|state| state.fails = Some((Step::Begin, Errno::MFILE)));
    for n in 0..5 {
        assert_eq!(append(&log, "r").await, n);
    }
    assert!(matches!(log.state().health, Health::Degraded { .. }));
    let segments = |dir: &Path| segment::list(&Folder::open(&dir.join(SEGMENTS)).unwrap()).unwrap();
    assert_eq!(segments(dir.path()), [0]);
    disk.set(|state| state.fails = None);
    wait_for("health", || matches!(log.state().health, Health::Ok)).await;
    assert_eq!(append(&log, "r").await, 5);
    assert_eq!(segments(dir.path()), [0, 5]);
    assert_eq!(calls(dir.path()).len(), 6);
}

#[tokio::test]
async fn a_log_that_is_taken_away_has_failed() {
    type Take = fn(&Path);
    let ways: [Take; 4] = [
        |dir| std::fs::remove_file(file_of(dir)).unwrap(),
        |dir| std::fs::rename(file_of(dir), dir.join("elsewhere")).unwrap(),
        |dir| std::fs::remove_dir_all(dir.join(SEGMENTS)).unwrap(),
        |dir| {
            std::fs::rename(file_of(dir), dir.join("elsewhere")).unwrap();
            std::fs::copy(dir.join("elsewhere"), file_of(dir)).unwrap();
        },
    ];
    for take_away in ways {
        let dir = tempfile::tempdir().unwrap();
        let log = open(dir.path()).unwrap();
        append(&log, "r").await;
        take_away(dir.path());
        wait_for("the failure", || matches!(log.state().health, Health::Failed { .. })).await;
        let refused = log.append(record("r")).await.unwrap_err();
        assert!(matches!(&refused, AuditError::Failed(cause) if cause.step == Step::Removed), "{refused}");
        assert!(matches!(log.close().await, Err(AuditError::Failed(_))));
    }
}

/// A disk that needs half a second for each sync: who comes in time is served late, all else is shed,
/// and nothing piles up.
#[tokio::test]
async fn a_slow_disk_sheds() {
    let wait = Duration::from_millis(200);
    let options = AuditOptions::new().with_queue_records(NonZeroU32::new(8).unwrap()).with_queue_wait(wait);
    let (dir, log, disk) = faulty(options);
    disk.set(|state| state.sync_takes = Some(Duration::from_millis(500)));
    let started = Instant::now();
    let mut waiting = Vec::new();
    for n in 0..100 {
        let appender = Arc::clone(&log);
        waiting.push(tokio::spawn(async move {
            let arrived = Instant::now();
            (appender.append(record(&n.to_string())).await, arrived.elapsed())
        }));
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(log.state().queued <= 8);
    }
    let (mut kept, mut shed) = (0, 0);
    for append in waiting {
        match append.await.unwrap() {
            (Ok(_), took) => {
                kept += 1;
                // The wait for room, the commit under way, and the own one.
                assert!(took < Duration::from_millis(200 + 3 * 500), "{took:?}");
            }
            (Err(AuditError::Overloaded { .. }), took) => {
                shed += 1;
                assert!(took < wait + Duration::from_millis(300), "{took:?}");
            }
            (Err(other), _) => panic!("{other}"),
        }
    }
    println!("in {:?}: {kept} kept, {shed} shed", started.elapsed());
    assert!(kept >= 16 && shed >= 30);
    disk.set(|state| state.sync_takes = None);
    log.close().await.unwrap();
    assert_eq!(calls(dir.path()).len(), kept);
}
