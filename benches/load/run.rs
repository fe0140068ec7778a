//! Many clients at once, at a rate or as fast as they can.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use shaken_benches::{Percentiles, Tenths};

use crate::answers::{Answers, Judged, Which};
use crate::call::{Caller, Op, Planned, unix_s};
use crate::clients::calls;
use crate::daemon::Daemon;
use crate::door::Door;

/// Who calls, and for how long.
#[derive(Clone, Copy)]
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

impl Pace {
    /// How many may come in `length`.
    fn calls_in(self, length: Duration) -> usize {
        let per_s = match self {
            Self::Peak => MOST_PER_S,
            Self::Rate(rate) => rate,
        };
        (per_s * length.as_secs_f64()).ceil() as usize
    }
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
    shed_from_sent: Percentiles,
    shed_from_due: Percentiles,
    /// The same of those that were sent while the host took nothing.
    quiet: Quiet,
    /// From sent, of each that was decided.
    pub(crate) times: Vec<Duration>,
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
            writeln!(f, "\n  shed, from sent: {}", self.shed_from_sent)?;
            write!(f, "  shed, from due:  {}; in those tenths {shed_from_due}", self.shed_from_due)?;
        }
        Ok(())
    }
}

/// Runs it to its end, with all answers in.
pub(crate) fn run(daemon: &Daemon, caller: &Caller, load: &Load, pace: Pace) -> Outcome {
    let plans = Plans::new(caller, load.op);
    let mut answers = warm_up(daemon, &plans, load, pace);
    let (meter, tenths) = settled(daemon, &plans, (load, pace), &mut answers);
    meter.outcome(answers, &tenths)
}

/// The calls that count, behind those that do not.
fn settled<'d>(
    daemon: &'d Daemon,
    plans: &Plans<'_>,
    (load, pace): (&Load, Pace),
    answers: &mut Answers<'_>,
) -> (Meter<'d>, Tenths) {
    calls(daemon, plans, &Load { length: load.settle, ..*load }, pace, answers);
    answers.forget();
    let meter = Meter::start(daemon);
    let tenths = calls(daemon, plans, load, pace, answers);
    (meter, tenths)
}

/// The same beside a flood of calls whose certificates do not come, and what comes of those. It begins with
/// the calls that are not counted. It has a thread of its own: what it takes of the clients' time is not the
/// daemon's.
pub(crate) fn run_beside_holes(
    daemon: &Daemon,
    caller: &Caller,
    (load, pace): (&Load, Pace),
    (flood, rate): (&Load, f64),
) -> (Outcome, Outcome) {
    let flood = &Load { length: load.settle + flood.length, ..*flood };
    let begin = Barrier::new(2);
    std::thread::scope(|scope| {
        let of_holes = scope.spawn(|| {
            let count = (rate * flood.length.as_secs_f64()) as u64;
            let holes = Plans::of_holes(caller, count);
            let mut answers =
                Answers::with_room(Pace::Rate(rate).calls_in(flood.length), caller, flood, None);
            begin.wait();
            let meter = Meter::start(daemon);
            let tenths = calls(daemon, &holes, flood, Pace::Rate(rate), &mut answers);
            meter.outcome(answers, &tenths)
        });
        let plans = Plans::new(caller, load.op);
        let mut answers = warm_up(daemon, &plans, load, pace);
        begin.wait();
        let (meter, tenths) = settled(daemon, &plans, (load, pace), &mut answers);
        let beside = meter.outcome(answers, &tenths);
        (beside, of_holes.join().expect("the flood"))
    })
}

/// The same beside somebody else's work: so many times a second, so much at a time.
pub(crate) fn run_beside_work(
    daemon: &Daemon,
    caller: &Caller,
    (load, pace): (&Load, Pace),
    (per_s, each): (f64, Duration),
) -> Outcome {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut due = Instant::now();
            while !is_over.load(Ordering::Relaxed) {
                let began = Instant::now();
                while began.elapsed() < each {
                    std::hint::spin_loop();
                }
                due += Duration::from_secs_f64(1.0 / per_s);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        });
        let outcome = run(daemon, caller, load, pace);
        is_over.store(true, Ordering::Relaxed);
        outcome
    })
}

/// The first calls bring the certificate; they are not counted. They show how much room the answers need.
fn warm_up<'c>(daemon: &Daemon, plans: &Plans<'c>, load: &Load, pace: Pace) -> Answers<'c> {
    let warm = Load { connections: 1, depth: 1, length: Duration::from_millis(200), ..*load };
    let mut first = Answers::with_room(0, plans.caller, load, None);
    calls(daemon, plans, &warm, Pace::Peak, &mut first);
    Answers::with_room(pace.calls_in(load.length.max(load.settle)), plans.caller, load, Some(&first))
}

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

    fn outcome(&self, answers: Answers<'_>, tenths: &Tenths) -> Outcome {
        let (took, daemon_cpu) = (self.started.elapsed(), self.daemon.cpu() - self.cpu);
        let (answers, first_wrong) = answers.judged();
        if let Some(wrong) = first_wrong {
            eprintln!("the first wrong answer: {wrong}");
        }
        let of = |which: Which, time: fn(&Judged) -> Duration| {
            let which = answers.iter().filter(|answered| answered.which == which);
            Percentiles::of(&mut which.map(time).collect::<Vec<_>>())
        };
        let in_quiet = |which: Which, time: fn(&Judged) -> Duration| {
            let which = answers.iter().filter(|answered| answered.which == which);
            let quiet = which.filter(|answered| tenths.is_quiet(tenths.of(answered.came.sent)));
            Percentiles::of(&mut quiet.map(time).collect::<Vec<_>>())
        };
        let decided = answers.iter().filter(|answered| answered.which == Which::Right);
        let quiet = Quiet {
            tenths: tenths.quiet(),
            from_sent: in_quiet(Which::Right, |answered| answered.came.from_sent),
            shed_from_due: in_quiet(Which::Shed, |answered| answered.came.from_due),
        };
        let count = |which: Which| answers.iter().filter(|answered| answered.which == which).count() as u64;
        Outcome {
            right: count(Which::Right),
            shed: count(Which::Shed),
            wrong: count(Which::Wrong),
            daemon_cpu,
            from_sent: of(Which::Right, |answered| answered.came.from_sent),
            from_due: of(Which::Right, |answered| answered.came.from_due),
            shed_from_sent: of(Which::Shed, |answered| answered.came.from_sent),
            shed_from_due: of(Which::Shed, |answered| answered.came.from_due),
            quiet,
            times: decided.map(|answered| answered.came.from_sent).collect(),
            took,
        }
    }
}

/// The calls of a run in their order. Those that are to be verified are signed ahead, and come several times.
pub(crate) struct Plans<'c> {
    pub(crate) caller: &'c Caller,
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

    pub(crate) fn next(&self) -> Rc<Planned> {
        let n = self.next.replace_with(|n| *n + 1);
        let mut signed = self.signed.borrow_mut();
        let place = n.checked_rem(signed.len() as u64).unwrap_or_default();
        let Some(planned) = signed.get_mut(place as usize) else {
            return Rc::new((self.make)(self.caller, n));
        };
        if planned.asked.unix_s + STALE_S < unix_s() {
            *planned = Rc::new((self.make)(self.caller, place));
        }
        Rc::clone(planned)
    }
}

/// More than go.
const MOST_PER_S: f64 = 50_000.0;

/// How many calls to verify there are.
const SIGNED_AHEAD: u64 = 8192;

/// They are signed anew after that, in seconds: the daemon takes none older than a minute.
const STALE_S: u64 = 30;
