//! How long the attestation gap report takes, and how much memory, over many records and rights.
//!
//! `cargo run --release -p shaken-benches --bin gap -- [--records N] [--rights N] [--dir DIR] [--keep]`

use std::fmt::Write as _;
use std::fs;
use std::io::{BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, UNIX_EPOCH};

use clap::Parser;
use shaken_sidecar::audit::{
    AuditLog, AuditOptions, Durability, Interface, Number, Op, Record, SEALED, SEGMENTS, visit_calls,
};
use shaken_sidecar::gap::render::{Shown, json};
use shaken_sidecar::gap::{By, Generations, Observed, Report, Sources, State, Teams};
use shaken_sidecar::listen::Peer;
use shaken_sidecar::policy::data::Loader;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Makes a log and a policy, and reports on them in a process of its own.
#[derive(Parser)]
struct Options {
    /// How many records the log has.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// How many rows of rights there are, one number each.
    #[arg(long, default_value_t = 1_000_000)]
    rights: u64,
    /// Folder for log and policy; what is there already is taken as it is.
    #[arg(long, default_value_os_t = std::env::temp_dir().join("shaken-bench-gap"))]
    dir: PathBuf,
    /// Leave both behind.
    #[arg(long)]
    keep: bool,
    /// Report on what is there, and nothing else.
    #[arg(long)]
    measure: bool,
}

fn main() {
    let options = Options::parse();
    if options.measure {
        return measure(&options.dir);
    }
    let log = options.dir.join(LOG);
    if !log.join(SEGMENTS).is_dir() {
        fs::create_dir_all(&options.dir).expect("a folder");
        make_policy(&options);
        make_log(&options, &log);
    }
    let [sealed, lines] = [SEALED, SEGMENTS].map(|part| megabytes(&log.join(part)));
    println!("log\tsealed {sealed} MB, lines {lines} MB");
    let this = std::env::current_exe().expect("this program");
    let status = Command::new(this).arg("--measure").arg("--dir").arg(&options.dir).status();
    assert!(status.expect("the same program").success(), "it reports");
    if !options.keep {
        fs::remove_dir_all(&options.dir).expect("the folder goes again");
    }
}

fn measure(dir: &Path) {
    let start = Instant::now();
    let mut last = start;
    let mut lap = |name: &str| {
        let now = Instant::now();
        println!("{name}\t{:.1} s", now.duration_since(last).as_secs_f64());
        last = now;
    };
    let policy = Loader::new(&dir.join("policy.toml")).load(NOW).expect("a policy");
    lap("policy");
    let mut observed = Observed::new(NOW);
    let progress = |_, _| ControlFlow::Continue(());
    visit_calls(&dir.join(LOG), NOW - 30 * 86_400, &mut observed, progress).expect("a log");
    assert!(observed.failures().is_empty(), "a whole log");
    let pairs = observed.pairs();
    lap("log");
    let teams = Teams::default();
    let generations = Generations::default();
    let sources =
        Sources { policy: &policy, observed, teams: &teams, inventory: None, generations: &generations };
    let report = Report::new(sources, By::Number, NOW - 30 * 86_400, 30, NOW);
    lap("states");
    let mut out = BufWriter::new(fs::File::create("/dev/null").expect("nowhere"));
    json(&report, Shown::Masked, &mut out).and_then(|()| out.flush()).expect("it takes all");
    lap("json");
    println!("whole\t{:.1} s", start.elapsed().as_secs_f64());
    println!("calls\t{}, of {pairs} numbers", report.counts().calls());
    for state in State::ALL {
        println!("{state}\t{}", report.numbers(state));
    }
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("{line}"));
}

fn make_policy(options: &Options) {
    let write = |name: &str, text: &str| fs::write(options.dir.join(name), text).expect("room");
    write("policy.toml", POLICY);
    write("customers.csv", "customer,provider,kind,kyc\nacme,example-telecom,end_user,verified\n");
    write("evidence.csv", "evidence,type,expires_at\nloa-1,loa_pdf,2026-12-31\n");
    let mut text = String::from("customer,numbers,trunks,basis,evidence,valid_until,max_level\n");
    for n in 0..options.rights {
        let number = number(n);
        // Of ten rights one will end soon, one has ended, one is for the other trunk.
        let _ = match n % 10 {
            0 => writeln!(text, "acme,{number},,assigned,,2026-07-10,A"),
            1 => writeln!(text, "acme,{number},,assigned,,2026-06-20,A"),
            2 => writeln!(text, "acme,{number},dialer,loa,loa-1,,A"),
            _ => writeln!(text, "acme,{number},,assigned,,,A"),
        };
    }
    write("rights.csv", &text);
}

fn make_log(options: &Options, dir: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let start = Instant::now();
        let log = AuditLog::open(dir, AuditOptions::new().with_durability(Durability::Queued));
        let log = log.expect("a log");
        for n in 0..options.records {
            log.append(record(n, options)).await.expect("room");
        }
        println!("written\t{:.1} s", start.elapsed().as_secs_f64());
        while log.state().sealing.is_some_and(|sealing| sealing.waiting > 0) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        println!("sealed\t{:.1} s", start.elapsed().as_secs_f64());
        log.close().await.expect("all records written");
    });
}

/// A call of one of the numbers, spread over thirty days.
fn record(n: u64, options: &Options) -> Record {
    let peer = Peer { uid: 1000, gid: 1000, pid: Some(4711) };
    let age_ms = 30 * 86_400_000 - 1 - n * (30 * 86_400_000 - 1) / options.records;
    let at = UNIX_EPOCH + Duration::from_millis(NOW.unsigned_abs() * 1000 - age_ms);
    let caller = mix(n) % options.rights;
    let has_ended = caller % 10 == 1 && age_ms < 10 * 86_400_000;
    let (attest, reason) = match caller % 10 {
        1 if has_ended => ("B", "RIGHT_EXPIRED"),
        2 => ("B", "RIGHT_NOT_ON_TRUNK"),
        _ => ("A", "RIGHT_OK"),
    };
    let mut record = Record::new(Op::Sign, Interface::HttpUnix, peer, format!("r-{n}"), "signed", at);
    let party = |canonical: String| Number { received: format!("+{canonical}"), canonical: Some(canonical) };
    record.call_id = Some(format!("{:016x}@sbc.example.com", mix(n ^ 0x5bd1_e995)));
    record.trunk = Some("teams".into());
    record.customer = Some("acme".into());
    record.provider = Some("example-telecom".into());
    record.attest = Some(attest.into());
    record.reason = Some(reason.into());
    record.rule = Some("right customer=\"acme\" basis=\"assigned\"".into());
    record.decided_by = Some("example-telecom".into());
    record.generation = Some("0123456789abcdef".into());
    record.orig = Some(party(number(caller)));
    record.dest = vec![party(number(mix(n ^ 0x15_5555) % options.rights))];
    record.origid = Some(format!("{:08x}-e89b-12d3-a456-{:012x}", mix(n) >> 32, mix(n) & 0xffff_ffff_ffff));
    record.ppt = vec!["shaken".into()];
    record.latency_us = Some(300 + n % 100);
    record
}

/// The numbers of exchanges all over one area code.
fn number(n: u64) -> String {
    format!("1{}{:07}", 215 + n / 7_000_000, 2_000_000 + n * 7 % 7_000_000 + n % 7_000_000 / 1_000_000)
}

/// SplitMix64: spreads numbers that follow each other.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

fn megabytes(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum::<u64>() / 1_000_000
}

/// 2026-07-01T00:00:00Z.
const NOW: i64 = 1_782_864_000;

const LOG: &str = "log";

const POLICY: &str = r#"
mode = "enforce"
[[provider]]
id = "example-telecom"
spc = "1234"
profile = "us"
[[provider.certificate]]
id = "main"
key = "main.key"
certificate = "main.pem"
x5u = "https://cr.example.com/main.pem"
[[trunk]]
name = "teams"
provider = "example-telecom"
customer = "acme"
match = { peer = "sbc-1" }
role = "originate"
auth = "mtls"
cap = "A"
[[trunk]]
name = "dialer"
provider = "example-telecom"
customer = "acme"
match = { peer = "dialer-1" }
role = "originate"
auth = "ip"
cap = "A"
"#;
