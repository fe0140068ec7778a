//! Many clients at once, at a rate or as fast as they can.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use shaken_benches::{Percentiles, Tenths};

use crate::call::{Caller, Op, Planned, Said, unix_s};
use crate::daemon::Daemon;
use crate::door::{Connection, Door, Raw};

/// Who calls, and for how long.
pub(crate) struct Load {
    pub(crate) door: Door,
    pub(crate) op: Op,
    pub(crate) connections: usize,
    /// Requests that a connection sends before it waits.
    pub(crate) depth: usize,
    pub(crate) length: Duration,
    /// How long the same comes before, and is not counted: the file that a new log begins with is slow.
    pub(crate) settle: Duration,
    pub(crate) check: Check,
}

/// When answers are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// As they come, by a client that has work of its own.
    AsTheyCome,
    /// When all are there: who checks signatures takes the daemon's processors.
    AtTheEnd,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { door, op, connections, depth, length, settle: _, check: _ } = self;
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
    /// The same of those that were sent while the host took nothing.
    quiet: Quiet,
    took: Duration,
}

struct Quiet {
    /// In how many tenths of a second that was, and of how many.
    tenths: (usize, usize),
    from_sent: Percentiles,
    shed_from_due: Percentiles,
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
        writeln!(f, "  from due:  {}", self.from_due)?;
        let Quiet { tenths: (count, of), from_sent, shed_from_due } = &self.quiet;
        write!(
            f,
            "  from sent, in {count} of {of} tenths of a second that the host left alone: {from_sent}"
        )?;
        if self.shed > 0 {
            write!(f, "\n  shed:      {}; in those tenths {shed_from_due}", self.shed_from_due)?;
        }
        Ok(())
    }
}

/// Runs it to its end, with all answers in.
pub(crate) fn run(daemon: &Daemon, caller: &Caller, load: &Load, pace: Pace) -> Outcome {
    alone(async {
        let plans = Plans::new(caller, load.op);
        warm_up(daemon, &plans, load).await;
        calls(daemon, &plans, &Load { length: load.settle, ..*load }, pace).await;
        let meter = Meter::start(daemon);
        let answers = calls(daemon, &plans, load, pace).await;
        meter.outcome(answers, caller, load)
    })
}

/// The same beside a flood of calls whose certificates do not come, and what comes of those. The flood has
/// a thread of its own: what it takes of the clients' time is not the daemon's.
pub(crate) fn run_beside_holes(
    daemon: &Daemon,
    caller: &Caller,
    (load, pace): (&Load, Pace),
    (flood, rate): (&Load, f64),
) -> (Outcome, Outcome) {
    let begin = Barrier::new(2);
    std::thread::scope(|scope| {
        let of_holes = scope.spawn(|| {
            alone(async {
                let count = (rate * flood.length.as_secs_f64()) as u64;
                let holes = Plans::of_holes(caller, count);
                begin.wait();
                let meter = Meter::start(daemon);
                let answers = calls(daemon, &holes, flood, Pace::Rate(rate)).await;
                meter.outcome(answers, caller, flood)
            })
        });
        let beside = alone(async {
            let plans = Plans::new(caller, load.op);
            warm_up(daemon, &plans, load).await;
            begin.wait();
            let meter = Meter::start(daemon);
            let answers = calls(daemon, &plans, load, pace).await;
            meter.outcome(answers, caller, load)
        });
        (beside, of_holes.join().expect("the flood"))
    })
}

fn alone<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(work)
}

/// The first calls bring the certificate; they are not counted.
async fn warm_up(daemon: &Daemon, plans: &Plans<'_>, load: &Load) {
    let warm = Load { connections: 1, depth: 1, length: Duration::from_millis(200), ..*load };
    client(daemon, plans, &warm, Pace::Peak, 0, Instant::now()).await;
}

async fn calls(daemon: &Daemon, plans: &Plans<'_>, load: &Load, pace: Pace) -> (Vec<Answer>, Tenths) {
    let (started, mut tenths) = (Instant::now(), Tenths::start());
    let clients = (0..load.connections).map(|n| client(daemon, plans, load, pace, n, started));
    let watch = async {
        loop {
            tokio::time::sleep(LOOK).await;
            tenths.look();
        }
    };
    let answers = tokio::select! {
        answers = futures_util::future::join_all(clients) => answers,
        () = watch => Vec::new(),
    };
    (answers.into_iter().flatten().collect(), tenths)
}

/// How often it is looked at what the host takes.
const LOOK: Duration = Duration::from_millis(20);

/// What the daemon uses from here on.
struct Meter<'d> {
    daemon: &'d Daemon,
    started: Instant,
    cpu: Duration,
}

impl<'d> Meter<'d> {
    fn start(daemon: &'d Daemon) -> Self {
        Self { daemon, started: Instant::now(), cpu: daemon.cpu() }
    }

    fn outcome(&self, (answers, tenths): (Vec<Answer>, Tenths), caller: &Caller, load: &Load) -> Outcome {
        let (took, daemon_cpu) = (self.started.elapsed(), self.daemon.cpu() - self.cpu);
        let mut answers: Vec<Judged> = answers
            .into_iter()
            .map(|answer| match answer {
                Answer::Judged(judged) => judged,
                Answer::Kept(answered) => answered.judge(caller, load),
            })
            .collect();
        if let Some(wrong) = answers.iter_mut().find_map(|answered| answered.wrong.take()) {
            eprintln!("the first wrong answer: {wrong}");
        }
        let of = |which: Which, time: fn(&Judged) -> Duration| {
            let which = answers.iter().filter(|answered| answered.which == which);
            Percentiles::of(&mut which.map(time).collect::<Vec<_>>())
        };
        let in_quiet = |which: Which, time: fn(&Judged) -> Duration| {
            let which = answers.iter().filter(|answered| answered.which == which);
            let quiet = which.filter(|answered| tenths.is_quiet(tenths.of(answered.sent)));
            Percentiles::of(&mut quiet.map(time).collect::<Vec<_>>())
        };
        let quiet = Quiet {
            tenths: tenths.quiet(),
            from_sent: in_quiet(Which::Right, |answered| answered.from_sent),
            shed_from_due: in_quiet(Which::Shed, |answered| answered.from_due),
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
            quiet,
            took,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Right,
    Shed,
    Wrong,
}

struct Judged {
    which: Which,
    sent: Instant,
    from_due: Duration,
    from_sent: Duration,
    wrong: Option<String>,
}

/// An answer, looked at or not.
enum Answer {
    Judged(Judged),
    Kept(Answered),
}

/// An answer that nobody has looked at yet.
struct Answered {
    planned: Rc<Planned>,
    raw: Raw,
    sent: Instant,
    from_due: Duration,
    from_sent: Duration,
}

impl Answered {
    fn judge(self, caller: &Caller, load: &Load) -> Judged {
        let Self { planned, raw, sent, from_due, from_sent } = self;
        let said = load.door.said(load.op, raw);
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
        Judged { which, sent, from_due, from_sent, wrong }
    }
}

/// The calls of a run in their order. Those that are to be verified are signed ahead, and come several times.
struct Plans<'c> {
    caller: &'c Caller,
    make: fn(&Caller, u64) -> Planned,
    next: RefCell<u64>,
    signed: RefCell<Vec<Rc<Planned>>>,
}

impl<'c> Plans<'c> {
    fn new(caller: &'c Caller, op: Op) -> Self {
        match op {
            Op::Sign => Self::of(caller, 0, |caller, n| caller.plan(Op::Sign, n)),
            Op::Verify => Self::of(caller, SIGNED_AHEAD, |caller, n| caller.plan(Op::Verify, n)),
        }
    }

    /// Calls whose certificates do not come, each with a URL of its own.
    fn of_holes(caller: &'c Caller, count: u64) -> Self {
        Self::of(caller, count, Caller::plan_hole)
    }

    fn of(caller: &'c Caller, count: u64, make: fn(&Caller, u64) -> Planned) -> Self {
        let signed = (0..count).map(|n| Rc::new(make(caller, n))).collect();
        Self { caller, make, next: RefCell::new(0), signed: RefCell::new(signed) }
    }

    fn next(&self) -> Rc<Planned> {
        let n = self.next.replace_with(|n| *n + 1);
        let mut signed = self.signed.borrow_mut();
        let place = n.checked_rem(signed.len() as u64).unwrap_or_default();
        let Some(planned) = signed.get_mut(place as usize) else {
            return Rc::new((self.make)(self.caller, n));
        };
        if planned.unix_s + STALE_S < unix_s() {
            *planned = Rc::new((self.make)(self.caller, place));
        }
        Rc::clone(planned)
    }
}

/// One connection, which sends `depth` requests and waits for their answers, again and again.
async fn client(
    daemon: &Daemon,
    plans: &Plans<'_>,
    load: &Load,
    pace: Pace,
    place: usize,
    started: Instant,
) -> Vec<Answer> {
    let mut connection = Connection::open(load.door, &daemon.lab()).await.expect("a connection");
    let mut answers = Vec::new();
    let mut requests = Vec::new();
    let mut waiting: VecDeque<(Rc<Planned>, Instant)> = VecDeque::new();
    let mut round: u64 = 0;
    while started.elapsed() < load.length {
        requests.clear();
        for _ in 0..load.depth {
            let due_at = match pace {
                Pace::Peak => Instant::now(),
                Pace::Rate(rate) => {
                    // What is sent at once is due one behind the other, and then another connection's turn.
                    let (connections, depth) = (load.connections as u64, load.depth as u64);
                    let n = (round / depth * connections + place as u64) * depth + round % depth;
                    started + Duration::from_secs_f64(n as f64 / rate)
                }
            };
            round += 1;
            let planned = plans.next();
            load.door.write(load.op, &planned, &mut requests);
            waiting.push_back((planned, due_at));
        }
        if let (Pace::Rate(_), Some((_, last_due))) = (pace, waiting.back()) {
            tokio::time::sleep_until((*last_due).into()).await;
        }
        let sent = Instant::now();
        let mut broken = connection.send(&requests).await.err();
        while let Some((planned, due_at)) = waiting.pop_front() {
            let raw = match &broken {
                None => connection.receive().await.unwrap_or_else(|error| {
                    broken = Some(error);
                    Raw::Other("the connection ended".to_owned())
                }),
                Some(error) => Raw::Other(error.to_string()),
            };
            let (from_due, from_sent) = (due_at.elapsed(), sent.elapsed());
            let answered = Answered { planned, raw, sent, from_due, from_sent };
            answers.push(match load.check {
                Check::AsTheyCome => Answer::Judged(answered.judge(plans.caller, load)),
                Check::AtTheEnd => Answer::Kept(answered),
            });
        }
        if broken.is_some() {
            connection = Connection::open(load.door, &daemon.lab()).await.expect("another connection");
        }
    }
    answers
}

/// How many calls to verify there are.
const SIGNED_AHEAD: u64 = 8192;

/// They are signed anew after that, in seconds: the daemon takes none older than a minute.
const STALE_S: u64 = 30;
