//! How long it takes to find one number in a log of many records, sealed and not.
//!
//! `cargo run --release -p shaken-benches --bin search -- [--records N] [--dir DIR] [--keep]`

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use clap::Parser;
use shaken_sidecar::audit::{
    AuditLog, AuditOptions, Cert, Durability, Interface, Number, Op, Record, SEALED, SEGMENTS, Wanted, find,
};
use shaken_sidecar::listen::Peer;

/// Finds numbers in an audit log of many records.
#[derive(Parser)]
struct Options {
    /// How many records the log has.
    #[arg(long, default_value_t = 10_000_000)]
    records: u64,
    /// Folder for the log; one that is there already is searched as it is.
    #[arg(long, default_value_os_t = std::env::temp_dir().join("shaken-bench-search"))]
    dir: PathBuf,
    /// Leave the log behind.
    #[arg(long)]
    keep: bool,
}

fn main() {
    let options = Options::parse();
    if !options.dir.join(SEGMENTS).is_dir() {
        make(&options);
    }
    let [sealed, lines] = [SEALED, SEGMENTS].map(|part| sizes(&options.dir.join(part)));
    println!("sealed segments\t{}, {} MB", sealed.len(), megabytes(&sealed));
    println!("segments of lines\t{}, {} MB", lines.len(), megabytes(&lines));
    let records = options.records;
    for (name, wanted) in [
        ("number of 3 to 20 calls", Wanted::new().with_number(number(records / 2))),
        ("number of no call", Wanted::new().with_number("12155559999")),
        ("number of every 10,000th call", Wanted::new().with_number(BUSY)),
        ("that number within one hour", within(&Wanted::new().with_number(BUSY), records / 2)),
        ("Call-ID", Wanted::new().with_call_id(call_id(records / 2))),
    ] {
        measure(&options.dir, name, &wanted);
    }
    if !options.keep {
        std::fs::remove_dir_all(&options.dir).expect("the directory goes again");
    }
}

fn measure(dir: &Path, name: &str, wanted: &Wanted) {
    let mut times = Vec::new();
    let mut hits = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let found = find(dir, wanted, |_, _| ControlFlow::Continue(())).expect("a log");
        hits = found.inspect(|line| assert!(line.is_ok(), "a good log")).count();
        times.push(start.elapsed());
    }
    let first = times[0];
    times.sort_unstable();
    let [median, worst] = [times[ROUNDS / 2], times[ROUNDS - 1]].map(|time| time.as_secs_f64() * 1e3);
    let first = first.as_secs_f64() * 1e3;
    println!("{name}\t{hits} hits\tfirst {first:.1} ms\tmedian {median:.1} ms\tworst {worst:.1} ms");
}

fn make(options: &Options) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let start = Instant::now();
        let log = AuditLog::open(&options.dir, AuditOptions::new().with_durability(Durability::Queued));
        let log = log.expect("a log");
        for n in 0..options.records {
            log.append(record(n)).await.expect("room");
        }
        println!("written\t{:.1} s", start.elapsed().as_secs_f64());
        while log.state().sealing.is_some_and(|sealing| sealing.waiting > 0) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        println!("sealed\t{:.1} s", start.elapsed().as_secs_f64());
        log.close().await.expect("all records written");
    });
}

/// A call of one in two million numbers to another; a busy one now and then. 100 a second.
fn record(n: u64) -> Record {
    let peer = Peer { uid: 1000, gid: 1000, pid: Some(4711) };
    let mut record = Record::new(Op::Sign, Interface::HttpUnix, peer, format!("r-{n}"), "signed", time(n));
    let party = |canonical: String| Number { received: format!("+{canonical}"), canonical: Some(canonical) };
    let caller = if n.is_multiple_of(10_000) { BUSY.to_owned() } else { number(n) };
    record.call_id = Some(call_id(n));
    record.trunk = Some("sbc-1".into());
    record.customer = Some("example".into());
    record.requested_attest = Some("A".into());
    record.attest = Some("A".into());
    record.reason = Some("AS_REQUESTED".into());
    record.rule = Some("trunk \"sbc-1\" max_attest = \"A\"".into());
    record.decided_by = Some("policy".into());
    record.generation = Some("0123456789abcdef".into());
    record.orig = Some(party(caller));
    record.dest = vec![party(number(n ^ 0x15_5555))];
    record.origid = Some(format!("{:08x}-e89b-12d3-a456-{:012x}", mix(n) >> 32, mix(n) & 0xffff_ffff_ffff));
    record.ppt = vec!["shaken".into()];
    record.x5u = Some("https://cr.example.com/shaken.pem".into());
    record.cert = Some(Cert { spc: Some("1234".into()), sha256: "ab".repeat(32) }.into());
    record.latency_us = Some(300 + n % 100);
    // What a token is to a compressor: random.
    let random: String = (0..24).map(|i| format!("{:016x}", mix(n * 24 + i))).collect();
    record.identity = vec![format!("{random};info=<https://cr.example.com/shaken.pem>;alg=ES256;ppt=shaken")];
    record
}

fn time(n: u64) -> std::time::SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_780_272_000_000 + n * 10)
}

fn within(wanted: &Wanted, n: u64) -> Wanted {
    let unix_ms = i64::try_from(1_780_272_000_000 + n * 10).expect("our time");
    wanted.clone().with_from(unix_ms).with_to(unix_ms + 3_600_000)
}

fn number(n: u64) -> String {
    format!("1215{:07}", mix(n) % 2_000_000)
}

fn call_id(n: u64) -> String {
    format!("{:016x}@sbc.example.com", mix(n ^ 0x5bd1_e995))
}

/// SplitMix64: spreads numbers that follow each other.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

fn sizes(dir: &Path) -> Vec<u64> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).collect()
}

fn megabytes(sizes: &[u64]) -> u64 {
    sizes.iter().sum::<u64>() / 1_000_000
}

const BUSY: &str = "12155550100";

const ROUNDS: usize = 9;
