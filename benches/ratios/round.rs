//! Two things in turns.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// How long a batch of calls takes about: long beside the clock's own time, short beside a time
/// slice of the system, so that other work on the machine hits few batches.
const BATCH: Duration = Duration::from_micros(300);

/// Most calls in one batch.
const MAX_CALLS: u32 = 1 << 16;

/// How often each number of calls is tried.
const WARM_UPS: usize = 5;

/// How often things are measured.
pub(crate) struct Rounds(usize);

impl Rounds {
    pub(crate) fn new(count: NonZeroUsize) -> Self {
        Self(count.get())
    }

    /// For what takes milliseconds.
    pub(crate) fn tenth(&self) -> Self {
        Self(self.0.div_ceil(10))
    }

    /// Prints how much longer `ours` takes than `theirs`: the median over all rounds, each a batch
    /// of the one and a batch of the other.
    pub(crate) fn print_ratio<A, B>(
        &self,
        (our_name, ours): (&str, impl FnMut() -> A),
        (their_name, theirs): (&str, impl FnMut() -> B),
    ) {
        let (mut ours, mut theirs) = (Batch::new(ours), Batch::new(theirs));
        let (mut our_times, mut their_times, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..self.0 {
            // Each goes first as often as the other: what the one leaves in the caches counts for
            // both alike.
            let (our_time, their_time) = if round % 2 == 0 {
                let our_time = ours.run();
                (our_time, theirs.run())
            } else {
                let their_time = theirs.run();
                (ours.run(), their_time)
            };
            our_times.push(our_time);
            their_times.push(their_time);
            ratios.push(our_time / their_time);
        }
        let [our_us, their_us] = [our_times, their_times].map(|times| median(times) * 1e6);
        eprintln!("{our_name} {our_us:.3} µs, {their_name} {their_us:.3} µs");
        print(&format!("{our_name}/{their_name}"), &format!("{:.4}", median(ratios)));
    }

    /// The median time of one call, in seconds.
    pub(crate) fn time<A>(&self, work: impl FnMut() -> A) -> f64 {
        let mut batch = Batch::new(work);
        median((0..self.0).map(|_| batch.run()).collect())
    }
}

/// One line of the result.
pub(crate) fn print(name: &str, value: &str) {
    println!("{name}\t{value}");
}

struct Batch<F> {
    work: F,
    calls: u32,
}

impl<A, F: FnMut() -> A> Batch<F> {
    /// Warms up: doubles the number of calls until they take long enough, whatever else happens on
    /// the machine meanwhile.
    fn new(work: F) -> Self {
        let mut batch = Self { work, calls: 1 };
        loop {
            let fastest = (0..WARM_UPS).map(|_| batch.run()).fold(f64::INFINITY, f64::min);
            if batch.calls >= MAX_CALLS || fastest * f64::from(batch.calls) >= BATCH.as_secs_f64() {
                return batch;
            }
            batch.calls *= 2;
        }
    }

    /// How long one call takes, in seconds: the mean of a batch.
    fn run(&mut self) -> f64 {
        let start = Instant::now();
        for _ in 0..self.calls {
            black_box((self.work)());
        }
        start.elapsed().as_secs_f64() / f64::from(self.calls)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let upper = values.len() / 2;
    let lower = (values.len() - 1) / 2;
    f64::midpoint(values[lower], values[upper])
}
