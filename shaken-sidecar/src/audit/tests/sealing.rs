//! Segments are sealed behind the writer's back, and nothing of the log is lost by it, whatever fails.

use ring::digest::{SHA256, digest};

use super::simulated::{
    Fault, Outcome, Random, SimDisk, append_through, check, open_sim, options as sim_options,
};
use super::*;
use crate::audit::parts::Begin;
use crate::audit::read::folders;
use crate::hex::hex;

fn options() -> AuditOptions {
    AuditOptions::new()
        .with_segment_bytes(20_000)
        .with_reserve_bytes(64 * 1024)
        .with_seal_retry(Duration::from_millis(20))
}

fn sealing(log: &AuditLog) -> SealState {
    log.state().sealing.unwrap()
}

async fn append_many(log: &Arc<AuditLog>, records: usize) {
    let waiting: Vec<_> = (0..records).map(|n| spawn_append(log, &n.to_string())).collect();
    for append in waiting {
        append.await.unwrap().unwrap();
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A log of several sealed segments, closed; with the number of calls in it.
async fn sealed_log(options: AuditOptions) -> (tempfile::TempDir, usize) {
    let dir = tempfile::tempdir().unwrap();
    let log = Arc::new(AuditLog::open(dir.path(), options).unwrap());
    append_many(&log, 300).await;
    wait_for("sealing", || sealing(&log).sealed >= 3 && sealing(&log).waiting == 0).await;
    log.close().await.unwrap();
    (dir, 300)
}

#[tokio::test]
async fn full_segments_are_sealed_and_read_like_raw_ones() {
    let (dir, count) = sealed_log(options()).await;
    let sealed = names(&dir.path().join(SEALED));
    assert!(sealed.len() >= 3 && sealed[0] == sealed::name_of(0), "{sealed:?}");
    for name in &sealed {
        let path = dir.path().join(SEALED).join(name);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    }
    // The segment that is written to, and the reserve.
    let raw = names(&dir.path().join(SEGMENTS));
    assert_eq!(raw.len(), 2, "{raw:?}");
    assert_eq!(calls(dir.path()).len(), count);
    let seals: Vec<Seal> = events(dir.path())
        .into_iter()
        .filter_map(|event| if let Event::Seal(seal) = event { Some(seal) } else { None })
        .collect();
    assert_eq!(seals.len(), sealed.len());
    for (seal, name) in seals.iter().zip(&sealed) {
        let bytes = std::fs::read(dir.path().join(&seal.file)).unwrap();
        assert_eq!(seal.file, format!("sealed/{name}"));
        assert_eq!(
            (seal.len_bytes, &seal.sha256),
            (bytes.len() as u64, &hex(digest(&SHA256, &bytes).as_ref()))
        );
    }
    assert!(seals.windows(2).all(|pair| pair[0].segment + pair[0].records == pair[1].segment));

    let log = AuditLog::open(dir.path(), options()).unwrap();
    let records = log.recovery().records;
    assert_eq!(append(&log, "goes on").await, records);
    log.close().await.unwrap();
    assert_eq!(calls(dir.path()).len(), count + 1);
}

/// What a stop at any step leaves is put right by the next start.
#[tokio::test]
async fn what_was_left_unfinished_is_finished() {
    let (dir, count) = sealed_log(options()).await;
    let sealed_path = dir.path().join(SEALED).join(sealed::name_of(0));
    let good = std::fs::read(&sealed_path).unwrap();
    let lines = Sealed::open(&sealed_path).unwrap().lines().map(|line| line.unwrap().bytes);
    let raw: Vec<u8> = lines.flat_map(|line| [line, b"\n".to_vec()].concat()).collect();
    // Recorded or not, the raw segment is there still; the sealed one is good, damaged or no such file.
    for left in
        [good.clone(), [&good[..good.len() / 2], &good[good.len() / 2 + 1..]].concat(), b"PAR1".to_vec()]
    {
        std::fs::write(&sealed_path, left).unwrap();
        std::fs::write(dir.path().join(SEALED).join("next.tmp"), "half").unwrap();
        std::fs::write(file_of(dir.path()), &raw).unwrap();
        assert_eq!(calls(dir.path()).len(), count, "raw counts");
        let log = AuditLog::open(dir.path(), options()).unwrap();
        wait_for("sealing", || !file_of(dir.path()).exists()).await;
        log.close().await.unwrap();
        assert_eq!(calls(dir.path()).len(), count);
        assert!(!dir.path().join(SEALED).join("next.tmp").exists());
        assert!(Sealed::open(&sealed_path).unwrap().check(|_| Ok(())).is_ok());
    }
    let report = inspect(dir.path(), None, &[], |_| ()).unwrap();
    assert_eq!(report.findings.iter().map(Finding::name).collect::<Vec<_>>(), ["no-key"]);
}

#[tokio::test]
async fn a_segment_that_cannot_be_sealed_stays_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    // A directory stands where the file is to be written.
    std::fs::create_dir_all(dir.path().join(SEALED).join("next.tmp")).unwrap();
    let log = Arc::new(AuditLog::open(dir.path(), options()).unwrap());
    append_many(&log, 100).await;
    wait_for("the failure", || sealing(&log).failures > 1).await;
    assert!(sealing(&log).last_error.is_some());
    assert!(matches!(log.state().health, Health::Ok));
    assert_eq!(calls(dir.path()).len(), 100);
    std::fs::remove_dir(dir.path().join(SEALED).join("next.tmp")).unwrap();
    wait_for("sealing", || sealing(&log).sealed > 0 && sealing(&log).waiting == 0).await;
    wait_for("the end of the failure", || sealing(&log).last_error.is_none()).await;
    log.close().await.unwrap();
    assert_eq!(calls(dir.path()).len(), 100);
}

#[tokio::test]
async fn the_oldest_are_deleted_by_age_and_by_size() {
    // The records of these tests are from the first day of 2026.
    let by_age = options().with_keep_for(Duration::from_secs(60));
    let by_size = options().with_keep_bytes(20_000);
    for (options, reason) in [(by_age, Expiry::Age), (by_size, Expiry::Size)] {
        let dir = tempfile::tempdir().unwrap();
        let log = Arc::new(AuditLog::open(dir.path(), options).unwrap());
        append_many(&log, 400).await;
        wait_for("deletions", || sealing(&log).deleted >= 2 && sealing(&log).waiting == 0).await;
        log.close().await.unwrap();
        drop(log);
        let begin = Begin::read(&folders(dir.path()).unwrap()).unwrap().unwrap();
        let entries = all_entries(dir.path());
        assert_eq!(entries[0].index, begin.index);
        let deletions: Vec<&Deletion> = entries
            .iter()
            .filter_map(
                |entry| if let Event::Deletion(deletion) = &entry.event { Some(deletion) } else { None },
            )
            .collect();
        assert!(deletions.iter().all(|deletion| deletion.reason == reason));
        let last = deletions.last().unwrap();
        assert_eq!(last.segment + last.records, begin.index);
        assert_eq!(last.last.as_deref(), Some("2026-01-01T00:00:00.000Z"));
        let report = inspect(dir.path(), None, &[], |_| ()).unwrap();
        assert_eq!(report.findings.iter().map(Finding::name).collect::<Vec<_>>(), ["no-key"]);
        assert_eq!(report.begin, begin.index);

        // A log that begins there without a word is refused, and so is one that begins further on.
        let begin_path = dir.path().join(SEALED).join("begin");
        let kept = std::fs::read(&begin_path).unwrap();
        let no_begin = |dir: &Path| {
            let refused = open(dir).unwrap_err();
            assert!(matches!(refused, AuditError::NotRecorded { .. }), "{refused}");
            let report = inspect(dir, None, &[], |_| ()).unwrap();
            assert!(report.findings.iter().any(|found| found.name() == "begin-not-recorded"), "{report:?}");
        };
        std::fs::remove_file(&begin_path).unwrap();
        no_begin(dir.path());
        let forged = Begin { index: begin.index + 1, recorded_at: begin.recorded_at };
        std::fs::write(&begin_path, serde_json::to_vec(&forged).unwrap()).unwrap();
        no_begin(dir.path());
        std::fs::write(&begin_path, kept).unwrap();
        let log = AuditLog::open(dir.path(), options.with_sealing(Sealing::Off)).unwrap();
        assert_eq!(append(&log, "goes on").await, log.recovery().records);
        log.close().await.unwrap();
        drop(log);
        let first = names(&dir.path().join(SEALED)).into_iter().find(|name| name.ends_with(".parquet"));
        if let Some(first) = first {
            std::fs::remove_file(dir.path().join(SEALED).join(first)).unwrap();
            no_begin(dir.path());
        }
    }
}

/// The tree outlives what was deleted: its leaves are in the tiles, and all of it is proven by the
/// checkpoints outside. What no deletion was recorded of is missed.
#[tokio::test]
async fn with_a_key_what_is_left_is_proven() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, outside) = (folder.path().join("log"), folder.path().join("outside"));
    let key = proof::Key::generate(proof::Origin::parse("voice.example.com/audit").unwrap()).unwrap();
    let verifier = key.verifier().clone();
    let often = proof::ProofOptions::new().with_interval(Duration::from_millis(20));
    let copies = vec![proof::Outside::File { path: outside.clone() }];
    let proving = Proving::new(key).with_outside(copies).with_options(often);
    let log = AuditLog::open_proven(&dir, options().with_keep_bytes(20_000), proving).unwrap();
    let log = Arc::new(log);
    let patience = Instant::now() + Duration::from_secs(60);
    while sealing(&log).deleted < 3 {
        assert!(Instant::now() < patience, "{:?}", log.state());
        append_many(&log, 100).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    log.close().await.unwrap();
    drop(log);
    let outside = [outside];
    let report = inspect(&dir, Some(&verifier), &outside, |_| ()).unwrap();
    assert!(report.findings.is_empty(), "{report:?}");
    assert!(report.begin > 0 && report.sealed > 0 && report.proven == report.records, "{report:?}");

    // One more is gone, and the file says that this is as it should be.
    let first = names(&dir.join(SEALED)).into_iter().find(|name| name.ends_with(".parquet")).unwrap();
    let end = Sealed::open(&dir.join(SEALED).join(&first)).unwrap().end_index();
    std::fs::remove_file(dir.join(SEALED).join(first)).unwrap();
    let begin = Begin::read(&folders(&dir).unwrap()).unwrap().unwrap();
    let forged = Begin { index: end, recorded_at: begin.recorded_at };
    std::fs::write(dir.join(SEALED).join("begin"), serde_json::to_vec(&forged).unwrap()).unwrap();
    let report = inspect(&dir, Some(&verifier), &outside, |_| ()).unwrap();
    assert!(!report.findings.is_empty(), "{report:?}");
}

/// What the stream does not have stays, however little is to be kept.
#[tokio::test]
async fn nothing_is_deleted_before_it_is_exported() {
    let dir = tempfile::tempdir().unwrap();
    let options = options().with_keep_bytes(1);
    let tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
    let tls = tls.with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    // Nobody is there.
    let nats = export::Nats::parse("nats://127.0.0.1:1", tls).unwrap();
    let export = Export::new(nats, proof::Origin::parse("voice.example.com/audit").unwrap());
    let log = Arc::new(AuditLog::open_exported(dir.path(), options, None, export).unwrap());
    append_many(&log, 300).await;
    wait_for("seals", || sealing(&log).waiting == 0 && sealing(&log).sealed >= 3).await;
    // Each seal is followed by a look at what is to be deleted.
    append_many(&log, 100).await;
    wait_for("another seal", || sealing(&log).waiting == 0 && sealing(&log).sealed >= 5).await;
    assert_eq!(sealing(&log).deleted, 0);
    log.close().await.unwrap();
    drop(log);
    let log = AuditLog::open(dir.path(), options).unwrap();
    wait_for("deletions", || sealing(&log).deleted > 0).await;
    log.close().await.unwrap();
}

/// While it writes, seals and deletes, a log can be inspected and holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_seals_and_deletes_meanwhile_holds() {
    let dir = tempfile::tempdir().unwrap();
    let options = options().with_segment_bytes(8_000).with_keep_bytes(60_000);
    let log = Arc::new(AuditLog::open(dir.path(), options).unwrap());
    append_many(&log, 50).await;
    let path = dir.path().to_owned();
    let inspecting = tokio::task::spawn_blocking(move || {
        for round in 0..30 {
            let report = inspect(&path, None, &[], |_| ()).unwrap();
            let findings: Vec<_> = report.findings.iter().map(Finding::name).collect();
            assert_eq!(findings, ["no-key"], "round {round}: {report:?}");
        }
    });
    let patience = Instant::now() + Duration::from_secs(60);
    while !inspecting.is_finished() || sealing(&log).deleted < 3 {
        assert!(Instant::now() < patience, "{:?}", log.state());
        append_many(&log, 20).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    inspecting.await.unwrap();
    println!("{:?}", sealing(&log));
    log.close().await.unwrap();
}

/// Each step of sealing fails once, in every way, and the log loses nothing, by a restart nor by a power
/// cut then; and it seals all the same in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_of_sealing_may_fail() {
    let options = sim_options().with_sealing(Sealing::On).with_seal_retry(Duration::from_millis(10));
    // So long that the records about seals and deletions do not fill segments for ever.
    let deleting = options.with_keep_bytes(1).with_segment_bytes(2000);
    let (mut runs, mut seen) = (0, BTreeSet::new());
    for (options, is_deleting) in [(options, false), (deleting, true)] {
        let disk = SimDisk::new(None, Random(7));
        seal_through(&disk, options, &mut Outcome::default()).await;
        let counts = disk.sim().counts.clone();
        let errnos = [Errno::IO, Errno::NOSPC, Errno::INTR].map(Fault::Errno);
        let faults: Vec<Fault> = errnos.into_iter().chain([Fault::ShortWrite, Fault::PowerCut]).collect();
        for (what, count) in counts {
            let each = usize::try_from(count / EACH_KIND).unwrap().max(1);
            for (fault, at) in
                faults.iter().flat_map(|fault| (0..count).step_by(each).map(move |at| (*fault, at)))
            {
                runs += 1;
                let context = format!("{fault:?} at {what} {at} of {count}, deleting: {is_deleting}");
                let disk = SimDisk::new(None, Random(at + 1));
                disk.sim().fault_of = Some((what, at, fault));
                let mut outcome = Outcome::default();
                seal_through(&disk, options, &mut outcome).await;
                seen.insert(disk.sim().failed_at.unwrap_or("nothing"));
                let cut = disk.sim().after_cut.take();
                if cut.is_none() {
                    let files = disk.sim().files();
                    assert!(
                        files.keys().any(|name| name.starts_with("sealed/")),
                        "{context}: nothing sealed"
                    );
                    check(&files, &outcome, &context).await;
                }
                let files = cut.unwrap_or_else(|| disk.sim().cut_power());
                check(&files, &outcome, &format!("{context}, then a power cut")).await;
            }
        }
    }
    println!("{runs} faults, at each of: {seen:?}");
    for what in ["create", "list", "read", "remove", "rename", "sync", "sync names", "write"] {
        assert!(seen.contains(what), "no fault hit {what}");
    }
}

/// Appends, and waits until all that can be is sealed, unless the power is gone.
async fn seal_through(disk: &SimDisk, options: AuditOptions, outcome: &mut Outcome) {
    let log = match open_sim(disk, options) {
        Ok(log) => log,
        Err(_) if disk.sim().after_cut.is_some() => return,
        Err(_) => open_sim(disk, options).unwrap(),
    };
    if matches!(disk.sim().fault_of, Some((.., Fault::PowerCut))) {
        for n in 0..8 {
            let request = format!("request {n}");
            if let Ok(kept) = log.append(record(&request)).await {
                outcome.acked.push((kept.index().unwrap(), request));
            }
        }
    } else {
        append_through(&log, outcome).await;
    }
    // One that is deleted before anybody counts it is gone, too.
    let is_done = || {
        disk.sim().after_cut.is_some()
            || (sealing(&log).waiting == 0 && sealing(&log).sealed + sealing(&log).deleted > 0)
    };
    let patience = Instant::now() + Duration::from_secs(3);
    while !is_done() && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let _ = log.close().await;
}

/// So many calls of each kind fail, in each way, spread over all of them.
const EACH_KIND: u64 = 3;
