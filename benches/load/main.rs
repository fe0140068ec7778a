//! Calls at the doors of the real daemon: how many, how soon they are answered, and what an answer costs.
//! Every answer is checked: signatures are verified, verdicts compared with what was sent.
//!
//! ```text
//! load cost                      processor time of a call by each door, beside signing by itself
//! load rate --door resp ...      calls at a fixed rate, whatever the daemon does
//! load peak --door http ...      as many calls as go
//! load holes                     calls beside a flood of others whose certificates do not come
//! ```

mod answers;
mod call;
mod clients;
mod daemon;
mod door;
mod run;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use shaken_benches::{Percentiles, Stolen};

use call::{Caller, Op};
use daemon::Daemon;
use door::Door;
use run::{Check, Load, Outcome, Pace};

/// That of the daemon, which is this program too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Calls at the doors of the real daemon.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    command: Command,
    /// What the daemon promises before it answers; `queued` for `cost`, otherwise `durable`.
    #[arg(long, global = true, value_enum)]
    audit: Option<Durability>,
    /// Further lines of the daemon's configuration; for `cost` verification tables, as its other side has.
    #[arg(long, global = true)]
    config: Option<String>,
    /// Another build of this program, whose daemon is to be called.
    #[arg(long, global = true)]
    daemon: Option<std::path::PathBuf>,
    /// Folder on the disk of the audit log.
    #[arg(long, global = true, default_value_os_t = std::env::temp_dir())]
    dir: std::path::PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Processor time of the daemon for each call, and the time of one call after the other.
    Cost {
        /// Of each line.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
    /// Calls at a fixed rate; the time of each counts from when it was due.
    Rate {
        #[command(flatten)]
        load: LoadOptions,
        /// Calls per second.
        #[arg(long)]
        rate: f64,
        /// Calls per second right afterwards, twice for two seconds: how soon a flood is over.
        #[arg(long)]
        then: Option<f64>,
    },
    /// As many calls as go, from clients who each wait for their answer.
    Peak {
        #[command(flatten)]
        load: LoadOptions,
    },
    /// Calls to verify at a fixed rate: alone, with a flood of others that have a URL each on a host that says
    /// nothing, and with somebody else's work that takes as much of the processors as the flood.
    Holes {
        /// Calls per second whose certificate is at hand.
        #[arg(long, default_value_t = 1000.0)]
        cached: f64,
        /// Calls per second of the flood.
        #[arg(long, default_value_t = 3000.0)]
        rate: f64,
        /// How often the three come, one after the other.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// Of each of the three, each time.
        #[arg(long, default_value_t = 3)]
        seconds: u64,
    },
}

#[derive(clap::Args)]
struct LoadOptions {
    #[arg(long, value_enum, default_value_t = Door::Http)]
    door: Door,
    #[arg(long, value_enum, default_value_t = Op::Sign)]
    op: Op,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Requests that a connection sends before it waits.
    #[arg(long, default_value_t = 1)]
    depth: usize,
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Seconds of the same before, which are not counted.
    #[arg(long, default_value_t = 0)]
    settle: u64,
}

impl LoadOptions {
    fn load(&self) -> Load {
        let Self { door, op, connections, depth, seconds, settle } = *self;
        let (length, settle) = (Duration::from_secs(seconds), Duration::from_secs(settle));
        Load { door, op, connections, depth, length, settle, check: Check::AtTheEnd }
    }
}

/// As in the configuration.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Durability {
    Durable,
    Queued,
}

impl Durability {
    const fn name(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Queued => "queued",
        }
    }
}

fn main() -> ExitCode {
    if std::env::var_os(daemon::AS_COMMAND).is_some() {
        return shaken_sidecar::cli::main();
    }
    let options = Options::parse();
    println!("load average: {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    let (durability, config) = match &options.command {
        Command::Cost { .. } => (Durability::Queued, "[verification]\nverify_tables = \"on\""),
        _ => (Durability::Durable, ""),
    };
    let durability = options.audit.unwrap_or(durability);
    let program = options.daemon.clone().or_else(|| std::env::current_exe().ok()).expect("a program");
    let config = options.config.as_deref().unwrap_or(config);
    let before = Stolen::now();
    let daemon = Daemon::start(&program, &options.dir, durability.name(), config);
    let caller = Caller::new(daemon.lab());
    let is_right = match &options.command {
        Command::Cost { seconds } => cost(&daemon, &caller, Duration::from_secs(*seconds)),
        Command::Rate { load, rate, then } => {
            let load = load.load();
            let after = Load {
                connections: 16,
                depth: 1,
                length: Duration::from_secs(2),
                settle: Duration::ZERO,
                ..load
            };
            let paces = then.iter().flat_map(|then| [(&after, *then); 2]);
            let all = [(&load, *rate)].into_iter().chain(paces);
            all.fold(true, |is_right, (load, rate)| {
                show(&daemon, &caller, load, Pace::Rate(rate)) && is_right
            })
        }
        Command::Peak { load } => show(&daemon, &caller, &load.load(), Pace::Peak),
        Command::Holes { cached, rate, rounds, seconds } => {
            holes(&daemon, &caller, *cached, *rate, (*rounds, *seconds))
        }
    };
    println!("daemon: {}", daemon.memory());
    println!("stolen by the host: {:.0} %", Stolen::now().percent_since(before));
    daemon.stop();
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One run, in words. Tells whether all answers were right.
fn show(daemon: &Daemon, caller: &Caller, load: &Load, pace: Pace) -> bool {
    let outcome = run::run(daemon, caller, load, pace);
    println!("{load}: {outcome}");
    outcome.wrong == 0
}

/// In turns, so that what the host or the disk does meets all alike. Beside the flood less of the processors
/// is left, whoever uses it: the third of the three shows how much comes of that alone.
fn holes(daemon: &Daemon, caller: &Caller, cached: f64, rate: f64, (rounds, seconds): (u32, u64)) -> bool {
    let length = Duration::from_secs(seconds);
    let (op, settle, check) = (Op::Verify, Duration::from_secs(2), Check::AtTheEnd);
    let load = Load { door: Door::Http, op, connections: 16, depth: 1, length, settle, check };
    let flood = Load { door: Door::Resp, connections: 200, depth: 16, ..load };
    let cached = Pace::Rate(cached);
    let at_once_per_s = rate / flood.depth as f64;
    let mut times: [Vec<Duration>; 3] = Default::default();
    let mut flood_cpu = Vec::new();
    let mut is_right = true;
    for round in 1..=rounds {
        let alone = run::run(daemon, caller, &load, cached);
        let (beside, of_holes) = run::run_beside_holes(daemon, caller, (&load, cached), (&flood, rate));
        flood_cpu.push(beside.daemon_cpu.saturating_sub(alone.daemon_cpu));
        // Not the mean: in some the daemon was seen to have other work as well, half a second of it.
        let each = Percentiles::of(&mut flood_cpu).p50.div_f64(at_once_per_s * length.as_secs_f64());
        let beside_work = run::run_beside_work(daemon, caller, (&load, cached), (at_once_per_s, each));
        println!("{round}. {load}: {alone}");
        println!("{round}. {load}, beside the flood: {beside}");
        println!("{round}. {flood}, the flood: {of_holes}");
        println!("{round}. {load}, beside {at_once_per_s:.0} times a second {each:.0?}: {beside_work}");
        is_right &= [&alone, &beside, &of_holes, &beside_work].iter().all(|outcome| outcome.wrong == 0);
        for (times, outcome) in times.iter_mut().zip([alone, beside, beside_work]) {
            times.extend(outcome.times);
        }
    }
    let [alone, beside, beside_work] = times.map(|mut times| Percentiles::of(&mut times));
    println!("calls whose certificate is at hand, from sent, all rounds:");
    println!("  alone: {alone}");
    println!("  beside the flood: {beside}");
    println!("  beside as much work of somebody else: {beside_work}");
    let over = |other: &Percentiles| beside.p99.as_secs_f64() / other.p99.as_secs_f64();
    println!("p99 beside the flood / alone: {:.2}", over(&alone));
    println!("p99 beside the flood / beside as much work of somebody else: {:.2}", over(&beside_work));
    is_right
}

/// `NAME<TAB>VALUE` for each figure, on standard output.
fn cost(daemon: &Daemon, caller: &Caller, length: Duration) -> bool {
    let mut is_right = true;
    let mut run = |door, op, connections, depth| -> Outcome {
        let (settle, check) = (Duration::ZERO, Check::AsTheyCome);
        let load = Load { door, op, connections, depth, length, settle, check };
        let outcome = run::run(daemon, caller, &load, Pace::Peak);
        eprintln!("{load}: {outcome}");
        is_right &= outcome.wrong == 0;
        outcome
    };
    for op in [Op::Sign, Op::Verify] {
        let before = caller.time_alone(op);
        let http = run(Door::Http, op, 16, 1);
        let resp = run(Door::Resp, op, 16, 16);
        let one = run(Door::Http, op, 1, 1);
        let on_one_processor = daemon.on_one_processor();
        let together = run(Door::Http, op, 1, 1);
        drop(on_one_processor);
        let alone = (before + caller.time_alone(op)) / 2;
        let ratio = |of: &Outcome| of.daemon_cpu.as_secs_f64() / of.right as f64 / alone.as_secs_f64();
        let name = op.name();
        print(&format!("{name}_alone_us"), alone.as_secs_f64() * 1e6);
        print(&format!("{name}_http_16_cpu/{name}_alone"), ratio(&http));
        print(&format!("{name}_resp_16x16_cpu/{name}_alone"), ratio(&resp));
        print(&format!("{name}_http_1_p50_us"), one.from_sent.p50.as_secs_f64() * 1e6);
        print(&format!("{name}_http_1_p50_us_on_one_processor"), together.from_sent.p50.as_secs_f64() * 1e6);
        print(&format!("{name}_http_1_p50_allowed_us"), (3 * alone).as_secs_f64() * 1e6 + 15.0);
    }
    is_right
}

fn print(name: &str, value: f64) {
    let _ = writeln!(std::io::stdout(), "{name}\t{value:.3}");
}

/// How long `once` takes: the middle one of many batches.
fn time(mut once: impl FnMut()) -> Duration {
    const BATCHES: usize = 200;
    const CALLS: u32 = 50;
    let mut batches: Vec<Duration> = (0..BATCHES)
        .map(|_| {
            let started = Instant::now();
            (0..CALLS).for_each(|_| once());
            started.elapsed() / CALLS
        })
        .collect();
    batches.sort_unstable();
    batches.get(BATCHES / 2).copied().unwrap_or_default()
}
