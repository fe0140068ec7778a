//! Durable records per second, how long one takes, and what it costs the caller, without a key and with
//! one, beside what the disk does with nothing but fdatasync in the same run. Then what sealing of full
//! segments takes and saves, and how long one number is looked for in them.
//!
//! `cargo run --release -p shaken-benches --bin audit -- [--seconds N] [--rate N] [--only with-key] [--dir DIR]`

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use clap::{Parser, ValueEnum};
use shaken_benches::{Percentiles, Stolen, Tenths};
use shaken_sidecar::audit::proof::{Key, Origin, Outside};
use shaken_sidecar::audit::{
    self, AuditError, AuditLog, AuditOptions, Cert, Entry, Event, Interface, Kept, Number, Op, Proving,
    Record, Sealed, Sealing, Wanted,
};
use shaken_sidecar::listen::Peer;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

fn main() {
    let options = Options::parse();
    let dir = options.dir.join(format!("shaken-bench-audit-{}", std::process::id()));
    std::fs::create_dir(&dir).expect("a directory of its own");
    run(&options, &dir);
    std::fs::remove_dir_all(&dir).expect("the directory goes again");
}

/// Measures the audit log beside the bare disk.
#[derive(Parser)]
struct Options {
    /// How long records come at the rate.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many come per second.
    #[arg(long, default_value_t = 30_000)]
    rate: u64,
    /// Full segments are left as they are meanwhile.
    #[arg(long)]
    unsealed: bool,
    /// One of both logs only, and no sealing.
    #[arg(long, value_enum)]
    only: Option<Proven>,
    /// Folder on the disk that is measured.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    dir: PathBuf,
}

/// What makes a log tamper-evident.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Proven {
    /// Nothing.
    WithoutKey,
    /// Checkpoints, with copies in an outside file.
    WithKey,
}

fn run(options: &Options, dir: &Path) {
    println!("load average: {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    bare_disk(&dir.join("bare"), "before");

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let key = dir.join("audit.key");
    let origin = Origin::parse("voice.example.com/audit").expect("a name");
    Key::generate(origin).and_then(|made| made.write_new(&key)).expect("a key");
    for proven in [Proven::WithoutKey, Proven::WithKey] {
        if options.only.is_some_and(|only| only != proven) {
            continue;
        }
        let (name, audit, key) = match proven {
            Proven::WithoutKey => ("without key", dir.join("unproven"), None),
            Proven::WithKey => ("with key and outside file", dir.join("proven"), Some(&*key)),
        };
        println!("{name}:");
        paced_disk(&dir.join("bare"), options.rate, Duration::from_secs(options.seconds.min(10)));
        measure(options, &runtime, &audit, key);
        start(&audit, key);
        verify(&audit, key);
    }
    if options.only.is_none() {
        sealing(options, &runtime, &dir.join("sealed"));
    }
    bare_disk(&dir.join("bare"), "after");
    println!("load average: {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
}

fn measure(options: &Options, runtime: &Runtime, audit: &Path, key: Option<&Path>) {
    runtime.block_on(async {
        let sealing = if options.unsealed { Sealing::Off } else { Sealing::On };
        let log = Arc::new(open(audit, key, AuditOptions::new().with_sealing(sealing)));
        // The first segment, which nobody could prepare, is behind us then, and what a flood leaves: it uses up
        // the zeros that are there.
        flat_out(&log, Duration::from_secs(3), "warm-up").await;
        println!("settling, not counted below:");
        paced(&log, options.rate, SETTLE.min(Duration::from_secs(options.seconds))).await;
        paced(&log, options.rate, Duration::from_secs(options.seconds)).await;
        flat_out(&log, Duration::from_secs(options.seconds.min(10)), "flat out").await;
        println!("state: {:?}", log.state());
        log.close().await.expect("all records written");
    });
}

fn open(audit: &Path, key: Option<&Path>, log: AuditOptions) -> AuditLog {
    let Some(key) = key else { return AuditLog::open(audit, log).expect("a log") };
    let outside = vec![Outside::File { path: key.with_extension("outside") }];
    let proving = Proving::new(Key::read(key).expect("a key")).with_outside(outside);
    AuditLog::open_proven(audit, log, proving).expect("a log")
}

/// How long it takes to check all of the log.
fn verify(audit: &Path, key: Option<&Path>) {
    let outside: Vec<PathBuf> = key.iter().map(|key| key.with_extension("outside")).collect();
    let key = key.map(|key| Key::read(key).expect("a key"));
    let len_bytes: u64 = std::fs::read_dir(audit.join(audit::SEGMENTS))
        .expect("segments")
        .filter_map(|entry| entry.ok()?.metadata().ok().map(|facts| facts.len()))
        .sum();
    let started = Instant::now();
    let report = audit::inspect(audit, key.as_ref().map(Key::verifier), &outside, |_| ()).expect("an answer");
    let took = started.elapsed().as_secs_f64();
    assert!(key.is_none() || report.findings.is_empty(), "{report:?}");
    println!(
        "verify: {:.2} s, {} records, {} proven, {:.0} MB/s",
        took,
        report.records,
        report.proven,
        len_bytes as f64 / 1e6 / took
    );
}

/// Seals segments that wait for it, with nothing else to do, then checks and searches them.
fn sealing(options: &Options, runtime: &Runtime, audit: &Path) {
    // As in use, unless the run is only to show that it runs.
    let segment_bytes = if options.seconds < 10 { 8 * MIB } else { 128 * MIB };
    let unsealed = AuditOptions::new().with_segment_bytes(segment_bytes).with_sealing(Sealing::Off);
    runtime.block_on(async {
        let log = Arc::new(AuditLog::open(audit, unsealed).expect("a log"));
        let segments = audit.join(audit::SEGMENTS);
        let is_raw = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(".jsonl");
        let raw =
            || std::fs::read_dir(&segments).expect("segments").flatten().filter(|it| is_raw(&it.file_name()));
        while raw().count() < SEALED_SEGMENTS + 1 {
            flat_out(&log, Duration::from_secs(1), "to be sealed").await;
        }
        log.close().await.expect("all records written");
    });
    let started = Instant::now();
    runtime.block_on(async {
        let log = AuditLog::open(audit, unsealed.with_sealing(Sealing::On)).expect("a log");
        let state = || log.state().sealing.expect("it seals");
        while state().sealed == 0 || state().waiting > 0 {
            assert!(state().last_error.is_none(), "{:?}", state());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        log.close().await.expect("all records written");
    });
    let took = started.elapsed().as_secs_f64();
    let (mut raw_bytes, mut len_bytes, mut records) = (0, 0, 0);
    for line in audit::read(audit).expect("a log") {
        let line = line.expect("a line");
        if let Ok(Entry { event: Event::Seal(seal), .. }) = Entry::parse(&line.bytes) {
            raw_bytes += seal.raw_bytes;
            len_bytes += seal.len_bytes;
            records += seal.records;
        }
    }
    println!(
        "sealing: {records} records, {:.0} MB/s of lines with its pauses, {:.1} to 1",
        raw_bytes as f64 / 1e6 / took,
        raw_bytes as f64 / len_bytes as f64
    );
    let started = Instant::now();
    let report = audit::inspect(audit, None, &[], |_| ()).expect("an answer");
    assert_eq!(report.findings.len(), 1, "no key, and nothing else: {report:?}");
    println!(
        "verify, mostly sealed: {:.0} MB/s of lines",
        raw_bytes as f64 / 1e6 / started.elapsed().as_secs_f64()
    );
    search(&audit.join(audit::SEALED), records);
}

/// One number by itself, again and again, over all sealed segments.
fn search(sealed: &Path, records: u64) {
    let (mut took, mut found) = (Vec::new(), 0);
    for n in 0..50 {
        let wanted = Wanted::new().with_number(caller(n * 1601));
        let started = Instant::now();
        for entry in std::fs::read_dir(sealed).expect("sealed segments") {
            let file = Sealed::open(&entry.expect("a file").path()).expect("a sealed segment");
            found += file
                .find(&wanted)
                .filter(|line| line.as_ref().is_ok_and(|line| wanted.matches(&line.bytes)))
                .count();
        }
        took.push(started.elapsed());
    }
    println!(
        "search of one number in {records} records: {}, {found} lines in all",
        Percentiles::of(&mut took)
    );
    let wanted = Wanted::new().with_number("12125550199x");
    let started = Instant::now();
    for entry in std::fs::read_dir(sealed).expect("sealed segments") {
        let file = Sealed::open(&entry.expect("a file").path()).expect("a sealed segment");
        assert_eq!(file.find(&wanted).count(), 0);
    }
    println!("  one that is nowhere: {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
}

/// 16 KB written over zeros and synced, one after the other: what a commit costs without us.
fn bare_disk(path: &Path, when: &str) {
    const LEN: usize = 16 * 1024;
    const COUNT: usize = 2000;
    let file = File::options().create(true).truncate(true).write(true).open(path).expect("a file");
    for n in 0..COUNT {
        file.write_all_at(&[0; LEN], (n * LEN) as u64).expect("zeros");
    }
    file.sync_all().expect("a sync");
    let mut took: Vec<Duration> = (0..COUNT)
        .map(|n| {
            let started = Instant::now();
            file.write_all_at(&[b'x'; LEN], (n * LEN) as u64).expect("16 KB");
            file.sync_data().expect("a sync");
            started.elapsed()
        })
        .collect();
    let total: Duration = took.iter().sum();
    println!(
        "bare disk {when:<8} write 16 KB and fdatasync: {}, {:.0}/s",
        Percentiles::of(&mut took),
        COUNT as f64 / total.as_secs_f64()
    );
}

/// The bytes of so many records a second, written over zeros and synced in 64 KB: what the disk does with
/// the load by itself. The time of each counts from when it was due.
fn paced_disk(path: &Path, rate: u64, length: Duration) {
    const LEN: usize = 64 * 1024;
    let between = Duration::from_secs_f64(LEN as f64 / (rate * RECORD_LEN) as f64);
    let count = usize::try_from(length.as_nanos() / between.as_nanos()).expect("a run of this age");
    let file = File::options().create(true).truncate(true).write(true).open(path).expect("a file");
    for n in 0..PACED_LEN / LEN {
        file.write_all_at(&[0; LEN], (n * LEN) as u64).expect("zeros");
    }
    file.sync_all().expect("a sync");
    let (started, before) = (Instant::now(), Stolen::now());
    let mut syncs = Vec::with_capacity(count);
    let mut took: Vec<Duration> = (0..count)
        .map(|n| {
            let due_at = started + between * n as u32;
            std::thread::sleep(due_at.saturating_duration_since(Instant::now()));
            file.write_all_at(&[b'x'; LEN], (n * LEN % PACED_LEN) as u64).expect("64 KB");
            let written = Instant::now();
            file.sync_data().expect("a sync");
            syncs.push(written.elapsed());
            due_at.elapsed()
        })
        .collect();
    let stolen = Stolen::now().percent_since(before);
    println!("bare disk, {rate} records/s in 64 KB: fdatasync {}", Percentiles::of(&mut syncs));
    println!("  from due to durable: {}; {stolen:.0} % stolen by the host", Percentiles::of(&mut took));
}

/// Records come at a fixed rate, whatever the log does; the time of each counts from when it was due, and
/// from when it came, which is later where the machine had no processor for the callers.
async fn paced(log: &Arc<AuditLog>, rate: u64, length: Duration) {
    let (done, mut results) = mpsc::unbounded_channel();
    let (started, before) = (Instant::now(), Stolen::now());
    let callers = {
        let (log, runtime) = (Arc::clone(log), tokio::runtime::Handle::current());
        let records: Vec<Record> = (0..RECORDS).map(record).collect();
        // A thread of its own: timers of the runtime are a millisecond apart.
        std::thread::spawn(move || {
            let mut records = records.iter().cycle();
            let (mut sent, mut stolen, mut tenths) = (0, vec![before], Tenths::start());
            while started.elapsed() < length {
                tenths.look();
                if started.elapsed() >= SLICE * stolen.len() as u32 {
                    stolen.push(Stolen::now());
                }
                let due = (started.elapsed().as_secs_f64() * rate as f64) as u64;
                while sent < due {
                    let due_at = started + Duration::from_secs_f64(sent as f64 / rate as f64);
                    let (log, done) = (Arc::clone(&log), done.clone());
                    let record = records.next().cloned().expect("a circle");
                    let came_at = Instant::now();
                    let tenth = tenths.of(came_at);
                    runtime.spawn(async move {
                        let (outcome, cost) = append(&log, record).await;
                        let _ =
                            done.send((outcome.is_ok(), tenth, due_at.elapsed(), came_at.elapsed(), cost));
                    });
                    sent += 1;
                }
                std::thread::sleep(Duration::from_micros(200));
            }
            stolen.push(Stolen::now());
            (stolen, tenths)
        })
    };
    let mut by_tenth: Vec<Vec<Duration>> = Vec::new();
    let (mut from_due, mut from_coming, mut costs, mut refused) = (Vec::new(), Vec::new(), Vec::new(), 0);
    while let Some((is_kept, tenth, since_due, since_coming, cost)) = results.recv().await {
        if is_kept {
            by_tenth.resize(by_tenth.len().max(tenth + 1), Vec::new());
            by_tenth[tenth].push(since_coming);
            from_due.push(since_due);
            from_coming.push(since_coming);
            costs.push(cost);
        } else {
            refused += 1;
        }
    }
    let (stolen, tenths) = callers.join().expect("all have come");
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "paced {rate}/s for {seconds:.1} s: {} durable, {:.0}/s, {refused} refused",
        costs.len(),
        costs.len() as f64 / seconds
    );
    println!("  from due to durable: {}", Percentiles::of(&mut from_due));
    println!("  from coming to durable: {}", Percentiles::of(&mut from_coming));
    println!("  the caller's thread: {}, mean {:.2} µs", Percentiles::of(&mut costs), mean_us(&costs));
    let quiet = by_tenth.iter().enumerate().filter(|(tenth, _)| tenths.is_quiet(*tenth));
    let mut in_quiet: Vec<Duration> = quiet.flat_map(|(_, took)| took).copied().collect();
    let (count, of) = tenths.quiet();
    println!(
        "  from coming to durable, in {count} of {of} tenths of a second that the host left alone: {}",
        Percentiles::of(&mut in_quiet)
    );
    // A host that is busy elsewhere is so for seconds: those show in some of these.
    let slices = by_tenth.chunks(TENTHS_OF_SLICE).map(<[_]>::concat);
    let told = slices.zip(stolen.windows(2)).map(|(mut slice, stolen)| {
        format!("{:.1?} ({:.0} %)", Percentiles::of(&mut slice).p99, stolen[1].percent_since(stolen[0]))
    });
    let told: Vec<_> = told.collect();
    println!("  p99 from coming, of each {SLICE:?} (stolen by the host): {}", told.join(", "));
}

/// How long the rate is kept up before it counts: two segments.
const SETTLE: Duration = Duration::from_secs(5);

/// As many as go, from callers who each wait for their record.
async fn flat_out(log: &Arc<AuditLog>, length: Duration, name: &str) {
    const CALLERS: u64 = 512;
    let started = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let log = Arc::clone(log);
            tokio::spawn(async move {
                let mut took = Vec::new();
                while started.elapsed() < length {
                    let n = caller + CALLERS * took.len() as u64;
                    let (record, sent) = (record(n), Instant::now());
                    log.append(record).await.expect("a record");
                    took.push(sent.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for caller in callers {
        took.extend(caller.await.expect("a caller"));
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{name}, {CALLERS} callers: {:.0} durable/s for {seconds:.1} s; {}",
        took.len() as f64 / seconds,
        Percentiles::of(&mut took)
    );
}

/// How long a start takes with the segments as they are: the last one full, if it can be made so.
fn start(audit: &Path, key: Option<&Path>) {
    let segments = audit.join(audit::SEGMENTS);
    let mut lengths: Vec<u64> = std::fs::read_dir(segments)
        .expect("segments")
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".jsonl"))
        .filter_map(|entry| entry.metadata().ok().map(|facts| facts.len()))
        .collect();
    lengths.sort_unstable();
    let started = Instant::now();
    let log = open(audit, key, AuditOptions::new());
    let (took, recovery) = (started.elapsed(), log.recovery());
    println!(
        "start: {:.0} ms, {} segments, last one {:.1} MB (longest {:.1} MB): {:.0} MB/s",
        took.as_secs_f64() * 1e3,
        recovery.segments,
        recovery.len_bytes as f64 / 1e6,
        lengths.last().copied().unwrap_or_default() as f64 / 1e6,
        recovery.len_bytes as f64 / 1e6 / took.as_secs_f64(),
    );
}

/// Appends, and tells how long the calling thread was held up to hand the record over. What it does
/// until the answer comes is its own business.
async fn append(log: &AuditLog, record: Record) -> (Result<Kept, AuditError>, Duration) {
    let mut future = pin!(log.append(record));
    let started = Instant::now();
    let first = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
    let cost = started.elapsed();
    match first {
        Poll::Ready(outcome) => (outcome, cost),
        Poll::Pending => (future.await, cost),
    }
}

/// A signed call as the daemon records it: some 1.3 KB.
fn record(n: u64) -> Record {
    let peer = Peer { uid: 1001, gid: 1001, pid: Some(4242) };
    let now = SystemTime::now();
    let mut record = Record::new(Op::Sign, Interface::HttpUnix, peer, format!("request-{n}"), "signed", now);
    let number = |text: &str| Number { received: format!("+{text}"), canonical: Some(text.to_owned()) };
    record.trunk = Some("pbx".into());
    record.customer = Some("Example PBX".into());
    record.provider = Some("Example Carrier".into());
    record.requested_attest = Some("A".into());
    record.attest = Some("B".into());
    record.reason = Some("CAPPED_BY_TRUNK".into());
    record.rule = Some("trunk \"pbx\" max_attest = \"B\"".into());
    record.generation = Some("0123456789abcdef".into());
    record.decided_by = Some("Example Carrier".into());
    record.orig = Some(number(&caller(n)));
    record.dest = vec![number(&caller(n ^ 0x5555))];
    record.origid = Some(format!("0b0e6a3c-3f50-4f43-9d8b-{:012x}", scrambled(n) >> 16));
    record.ppt = vec!["shaken".into()];
    record.x5u = Some("https://cr.example.com/provider.pem".into());
    record.cert = Some(Cert { spc: Some("709J".into()), sha256: "ab".repeat(32) }.into());
    record.http_status = Some(200);
    record.latency_us = Some(120);
    // Header and address of the certificate are always the same; claims and signature are not.
    let mut identity = "x".repeat(240);
    for part in 0..20 {
        identity.push_str(&format!("{:016x}", scrambled(n ^ (part << 48))));
    }
    record.identity = vec![identity];
    record
}

/// One of 80,000 numbers.
fn caller(n: u64) -> String {
    let n = scrambled(n) % 80_000;
    format!("1{}55501{:02}", 200 + n / 100, n % 100)
}

/// Another number for each, without order.
fn scrambled(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

/// How long the stretches of a paced run are whose figures stand for themselves.
const SLICE: Duration = Duration::from_secs(5);
const TENTHS_OF_SLICE: usize = 50;

const MIB: u64 = 1024 * 1024;

/// How many different records there are while they come at a fixed rate.
const RECORDS: u64 = 4096;

/// A record as a line, about.
const RECORD_LEN: u64 = 1400;

/// What the bare disk is written over and over.
const PACED_LEN: usize = 256 * 1024 * 1024;

/// How many segments are sealed at least.
const SEALED_SEGMENTS: usize = 3;

fn mean_us(costs: &[Duration]) -> f64 {
    costs.iter().sum::<Duration>().as_secs_f64() * 1e6 / costs.len().max(1) as f64
}
