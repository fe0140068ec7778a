//! Many clients at once, at a rate or as fast as they can.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use shaken_benches::Percentiles;

use crate::call::{Caller, Op, Planned, Said};
use crate::daemon::Daemon;
use crate::door::{Connection, Door};

/// Who calls, and for how long.
pub(crate) struct Load {
    pub(crate) door: Door,
    pub(crate) op: Op,
    pub(crate) connections: usize,
    /// Requests that a connection sends before it waits.
    pub(crate) depth: usize,
    pub(crate) length: Duration,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { door, op, connections, depth, length } = self;
        write!(f, "{door:?} {op:?}, {connections} connections, {depth} deep, {} s", length.as_secs())
    }
}

/// When calls come.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// As soon as the answer before is there.
    Peak,
    /// So many a second, spread over the connections. A call whose connection is busy waits, and that
    /// counts.
    Rate(f64),
}

/// What came of it.
pub(crate) struct Outcome {
    /// Calls that were decided, rightly.
    pub(crate) right: u64,
    shed: u64,
    pub(crate) wrong: u64,
    pub(crate) daemon_cpu: Duration,
    /// Of those that were decided.
    pub(crate) from_sent: Percentiles,
    from_due: Percentiles,
    shed_from_due: Percentiles,
    took: Duration,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64();
        let cpu = self.daemon_cpu.as_secs_f64();
        writeln!(
            f,
            "{:.0} right answers/s, {} shed, {} wrong; daemon {:.1} µs of processor a call, {:.2} processors",
            self.right as f64 / seconds,
            self.shed,
            self.wrong,
            cpu * 1e6 / self.right.max(1) as f64,
            cpu / seconds,
        )?;
        writeln!(f, "  from sent: {}", self.from_sent)?;
        write!(f, "  from due:  {}", self.from_due)?;
        if self.shed > 0 {
            write!(f, "\n  shed:      {}", self.shed_from_due)?;
        }
        Ok(())
    }
}

/// Runs it to its end, with all answers in.
pub(crate) fn run(daemon: &Daemon, caller: &Caller, load: &Load, pace: Pace) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        // The first call brings the certificate; it is not counted.
        let next = Arc::new(AtomicU64::new(0));
        let warm = Load { connections: 1, depth: 1, length: Duration::from_millis(200), ..*load };
        client(daemon, caller, &warm, Pace::Peak, &next, 0, Instant::now()).await;

        let cpu = daemon.cpu();
        let started = Instant::now();
        let clients = (0..load.connections).map(|n| client(daemon, caller, load, pace, &next, n, started));
        let all = futures_util::future::join_all(clients).await;
        let (took, daemon_cpu) = (started.elapsed(), daemon.cpu() - cpu);
        let mut answers: Vec<Answered> = all.into_iter().flatten().collect();
        if let Some(wrong) = answers.iter_mut().find_map(|answered| answered.wrong.take()) {
            eprintln!("the first wrong answer: {wrong}");
        }
        let of = |which: Which, time: fn(&Answered) -> Duration| {
            let which = answers.iter().filter(|answered| answered.which == which);
            Percentiles::of(&mut which.map(time).collect::<Vec<_>>())
        };
        let count = |which: Which| answers.iter().filter(|answered| answered.which == which).count() as u64;
        Outcome {
            right: count(Which::Right),
            shed: count(Which::Shed),
            wrong: count(Which::Wrong),
            daemon_cpu,
            from_sent: of(Which::Right, |answered| answered.from_sent),
            from_due: of(Which::Right, |answered| answered.from_due),
            shed_from_due: of(Which::Shed, |answered| answered.from_due),
            took,
        }
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Right,
    Shed,
    Wrong,
}

struct Answered {
    which: Which,
    from_due: Duration,
    from_sent: Duration,
    wrong: Option<String>,
}

/// One connection, which sends `depth` requests and waits for their answers, again and again.
async fn client(
    daemon: &Daemon,
    caller: &Caller,
    load: &Load,
    pace: Pace,
    next: &AtomicU64,
    place: usize,
    started: Instant,
) -> Vec<Answered> {
    let mut connection = Connection::open(load.door, &daemon.lab()).await.expect("a connection");
    let mut answers = Vec::new();
    let mut requests = Vec::new();
    let mut waiting: VecDeque<(Planned, Instant)> = VecDeque::new();
    let mut round: u64 = 0;
    while started.elapsed() < load.length {
        requests.clear();
        for _ in 0..load.depth {
            let due_at = match pace {
                Pace::Peak => Instant::now(),
                Pace::Rate(rate) => {
                    let n = round * load.connections as u64 + place as u64;
                    started + Duration::from_secs_f64(n as f64 / rate)
                }
            };
            round += 1;
            let planned = caller.plan(load.op, next.fetch_add(1, Ordering::Relaxed));
            load.door.write(load.op, &planned, &mut requests);
            waiting.push_back((planned, due_at));
        }
        if let (Pace::Rate(_), Some((_, last_due))) = (pace, waiting.back()) {
            tokio::time::sleep_until((*last_due).into()).await;
        }
        let sent = Instant::now();
        let mut broken = connection.send(&requests).await.err();
        while let Some((planned, due_at)) = waiting.pop_front() {
            let said = match &broken {
                None => connection.receive(load.op).await.unwrap_or_else(|error| {
                    broken = Some(error);
                    Said::Other("the connection ended".to_owned())
                }),
                Some(error) => Said::Other(error.to_string()),
            };
            let (from_due, from_sent) = (due_at.elapsed(), sent.elapsed());
            let is_right = caller.is_right(&planned, &said);
            let which = match said {
                _ if !is_right => Which::Wrong,
                Said::Shed => Which::Shed,
                _ => Which::Right,
            };
            let wrong = match said {
                Said::Other(text) => Some(text),
                Said::Signed(text) if !is_right => Some(text),
                _ => (!is_right).then(|| "another verdict".to_owned()),
            };
            answers.push(Answered { which, from_due, from_sent, wrong });
        }
        if broken.is_some() {
            connection = Connection::open(load.door, &daemon.lab()).await.expect("another connection");
        }
    }
    answers
}
