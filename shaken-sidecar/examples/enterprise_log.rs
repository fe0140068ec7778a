//! Writes the audit log of the enterprise in `examples/enterprise`: a year of calls, decided by the policy
//! that was in force, through the log that the daemon writes.
//!
//! The same arguments give the same calls and decisions. Salts and times of sealing are those of the run.

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use clap::Parser;
use shaken_core::passport::Ppt;
use shaken_core::{Attest, TelephoneNumber};
use shaken_sidecar::audit::{AuditLog, AuditOptions, Durability, Interface, Number, Op, Record};
use shaken_sidecar::listen::Client;
use shaken_sidecar::policy::data::{Loader, Policy};
use shaken_sidecar::policy::decision::{Caller, Decision, Outcome, Received};
use shaken_sidecar::policy::simulation::Call;
use time::macros::datetime;
use time::{OffsetDateTime, Weekday};

#[derive(Parser)]
struct Args {
    /// The folder of the log; it must not be there
    out: PathBuf,
    /// How many days from 1 January 2026 on
    #[arg(long, default_value_t = 365)]
    days: u32,
    /// Calls of an average day
    #[arg(long, default_value_t = 2000)]
    calls_per_day: u32,
    /// Other calls of the same kind
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    if args.out.exists() {
        return Err(format!("{} is there already", args.out.display()).into());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/enterprise");
    let enterprise = Enterprise::read(&folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let count = runtime.block_on(write(&args, &enterprise))?;
    println!("{count} calls in {}", args.out.display());
    Ok(())
}

async fn write(args: &Args, enterprise: &Enterprise) -> Result<u64, Box<dyn Error>> {
    let options = AuditOptions::new().with_durability(Durability::Queued).with_queue_wait(PATIENCE);
    let log = AuditLog::open(&args.out, options)?;
    let mut random = Random(args.seed);
    let mut count = 0;
    for day in 0..args.days {
        let midnight = START + time::Duration::days(day.into());
        let mut times: Vec<i64> = (0..calls_of(midnight, args.calls_per_day))
            .map(|_| midnight.unix_timestamp() * 1000 + random.time_of_day_ms())
            .collect();
        times.sort_unstable();
        for at_ms in times {
            let planned = enterprise.call(at_ms / 1000, &mut random);
            log.append(enterprise.record(&planned, at_ms, &mut random)?).await?;
            count += 1;
        }
    }
    let begun = Instant::now();
    while log.state().sealing.is_some_and(|sealing| sealing.waiting > 0) && begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    log.close().await?;
    Ok(count)
}

/// Five working days, a Saturday and a Sunday have the calls of seven average days.
fn calls_of(day: OffsetDateTime, average: u32) -> u32 {
    let percent = match day.weekday() {
        Weekday::Saturday => 40,
        Weekday::Sunday => 10,
        _ => 130,
    };
    average * percent / 100
}

/// What the enterprise has and what was decided for it.
struct Enterprise {
    /// Numbers that Teams shows.
    users: Vec<String>,
    until_july: Policy,
    since_july: Policy,
}

/// A call before anything is decided on it.
struct Planned {
    trunk: &'static str,
    orig: String,
    dest: String,
    diverted_by: Option<String>,
    requested: Option<Attest>,
}

impl Enterprise {
    fn read(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let now = START.unix_timestamp();
        let export = std::fs::read_to_string(folder.join("teams/phone-number-assignments.csv"))?;
        let number = |line: &str| Some(line.split(',').next()?.strip_prefix('+')?.to_owned());
        let is_used = |line: &&str| line.contains(",UserAssigned,");
        Ok(Self {
            users: export.lines().filter(is_used).filter_map(number).collect(),
            until_july: Loader::new(&folder.join("january/policy.toml")).load(now)?,
            since_july: Loader::new(&folder.join("policy/policy.toml")).load(now)?,
        })
    }

    fn call(&self, at: i64, random: &mut Random) -> Planned {
        let main = |random: &mut Random| format!("1212555010{}", random.below(10));
        let dest = match random.below(500) {
            0 => "911".to_owned(),
            1 => "19005550100".to_owned(),
            _ => format!("1{}5550{}", AREA_CODES[random.below(AREA_CODES.len())], 100 + random.below(100)),
        };
        let mut planned =
            Planned { trunk: "teams-one", orig: String::new(), dest, diverted_by: None, requested: None };
        match random.below(100) {
            0..20 => {
                planned.trunk = "contact-centre";
                planned.orig = match random.below(10) {
                    0 => main(random),
                    1 | 2 => format!("1415555{:04}", 100 + random.below(100)),
                    _ => format!("1800555{:04}", 100 + random.below(20)),
                };
            }
            20..42 => {
                planned.trunk = "dialer";
                planned.requested = Some(Attest::A);
                planned.orig = if random.below(5) > 0 { "12125550100".into() } else { main(random) };
            }
            kind => {
                let user = &self.users[random.below(self.users.len())];
                planned.trunk = self.teams_trunk(user, at);
                planned.orig.clone_from(user);
                if kind == 42 {
                    // Forwarded: the caller's number stays.
                    let diverted_by = std::mem::replace(&mut planned.orig, "12015550142".into());
                    planned.diverted_by = Some(diverted_by);
                } else if kind == 43 && random.below(4) == 0 {
                    planned.orig = "0142".into();
                }
            }
        }
        planned
    }

    /// Where Teams sends calls from `user`: to the carrier that had the number in January, for nobody has
    /// changed the routes, and all to the second while the first does not answer.
    fn teams_trunk(&self, user: &str, at: i64) -> &'static str {
        let of_second = ["1303", "1404", "1512", "1702", "1305"].iter().any(|code| user.starts_with(code));
        if of_second || (FAILOVER.0.unix_timestamp()..FAILOVER.1.unix_timestamp()).contains(&at) {
            "teams-two"
        } else {
            "teams-one"
        }
    }

    fn record(&self, planned: &Planned, at_ms: i64, random: &mut Random) -> Result<Record, Box<dyn Error>> {
        let at = at_ms / 1000;
        let policy = if at < PORT_OUT.unix_timestamp() { &self.until_july } else { &self.since_july };
        let orig = TelephoneNumber::parse(&planned.orig).map_or(Caller::Invalid, Caller::Number);
        let dest = [TelephoneNumber::parse(&planned.dest)?];
        let call = Call {
            at,
            trunk: Some(planned.trunk),
            orig_text: &planned.orig,
            orig,
            target: None,
            dest: &dest,
            diverting: planned.diverted_by.as_deref().map(TelephoneNumber::parse).transpose()?,
            received: Received::None,
            ppt: Ppt::Shaken,
            requested: planned.requested,
        };
        Ok(record_of(&call, &call.decide(policy, at), at_ms, random))
    }
}

/// As the daemon puts it on record.
fn record_of(call: &Call<'_>, decision: &Decision<'_>, at_ms: i64, random: &mut Random) -> Record {
    let verdict = match decision.outcome() {
        Outcome::Sign(_) | Outcome::Divert | Outcome::Priority => "signed",
        Outcome::Unsigned => "unsigned",
        Outcome::Block => "blocked",
    };
    let peer = match call.trunk {
        Some("teams-one") => SocketAddr::from(([192, 0, 2, 1], 5060)),
        Some("teams-two") => SocketAddr::from(([192, 0, 2, 2], 5060)),
        Some("contact-centre") => SocketAddr::from(([192, 0, 2, 3], 5060)),
        _ => SocketAddr::from(([192, 0, 2, 4], 5060)),
    };
    let now = UNIX_EPOCH + Duration::from_millis(at_ms.unsigned_abs());
    let request_id = format!("{:016x}", random.next());
    let mut record = Record::new(Op::Sign, Interface::SipUdp, Client::from(peer), request_id, verdict, now);
    let canonical = |number: &TelephoneNumber| number.as_str().to_owned();
    let of_orig = match call.orig {
        Caller::Number(number) => Some(canonical(&number)),
        _ => None,
    };
    record.call_id = Some(format!("{:016x}@sbc.example.com", random.next()));
    record.trunk = call.trunk.map(Arc::from);
    record.customer = decision.customer().map(|customer| Arc::from(customer.id.as_str()));
    record.provider = decision.decided_by().map(Arc::from);
    record.decided_by.clone_from(&record.provider);
    record.requested_attest = call.requested.map(|attest| attest.as_str().into());
    record.attest = decision.attest().map(|attest| attest.as_str().into());
    record.reason = Some(decision.reason().name().into());
    record.rule = Some(decision.rule().to_string().into());
    record.generation = Some(decision.generation().into());
    record.orig = Some(Number { received: format!("+{}", call.orig_text), canonical: of_orig });
    let dest = |number| Number { received: canonical(number), canonical: Some(canonical(number)) };
    record.dest = call.dest.iter().map(dest).collect();
    record.latency_us = Some(60 + random.next() % 40);
    if verdict == "signed" {
        record.ppt = vec!["shaken".into()];
        let origid = (u128::from(random.next()) << 64) | u128::from(random.next());
        let hex = format!("{origid:032x}");
        record.origid =
            Some(format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..]));
    }
    record
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`, which is small.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Most of them in business hours.
    fn time_of_day_ms(&mut self) -> i64 {
        let mut at = self.below(HOURS.iter().sum::<usize>());
        let hour = HOURS.iter().position(|weight| {
            let is_it = at < *weight;
            at = at.saturating_sub(*weight);
            is_it
        });
        (hour.unwrap_or_default() * 3_600_000 + self.below(3_600_000)) as i64
    }
}

const START: OffsetDateTime = datetime!(2026-01-01 0:00 UTC);
/// A block of numbers goes to the second carrier, and the policy says no more than that it has gone.
const PORT_OUT: OffsetDateTime = datetime!(2026-07-15 0:00 UTC);
/// The first carrier does not answer.
const FAILOVER: (OffsetDateTime, OffsetDateTime) =
    (datetime!(2026-10-06 0:00 UTC), datetime!(2026-10-20 0:00 UTC));

/// How many calls come in which hour (UTC) of the day.
const HOURS: [usize; 24] =
    [4, 3, 2, 1, 1, 1, 1, 1, 1, 2, 4, 10, 25, 50, 80, 90, 95, 90, 95, 100, 90, 70, 30, 10];

const AREA_CODES: [&str; 10] = ["212", "312", "415", "617", "206", "303", "404", "512", "702", "305"];

/// A disk may be slow.
const PATIENCE: Duration = Duration::from_secs(60);
