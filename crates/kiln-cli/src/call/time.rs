//! How long a call takes.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// How many batches of calls are measured: the least that shows a spread.
const BATCHES: usize = 31;
/// How long a batch is, if the number of calls is free.
const BATCH: Duration = Duration::from_millis(5);

/// Nanoseconds for each call: the call, the function, the return, and what fills the registers in front of it. A processor does
/// that beside what the function does, so that it cannot be taken off; what it takes where no function is called is said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) calls: usize,
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
    /// What the loop takes that makes no call.
    pub(super) alone: f64,
}

/// Times `repeat` calls in all, or as many as are good. `run` makes so many, or with `false` goes through the loop without.
pub(super) fn measure(repeat: Option<NonZeroUsize>, run: &dyn Fn(NonZeroUsize, bool)) -> Times {
    let (batches, size) = match repeat {
        // In batches of one size, the last ones with one call more.
        Some(repeat) => (repeat.get().min(BATCHES), repeat.get()),
        None => (BATCHES, batch_size(run)),
    };
    let (mut times, mut loops, mut calls) = (Vec::new(), Vec::new(), 0);
    for batch in 0..batches {
        let count = if repeat.is_some() { size * (batch + 1) / batches - size * batch / batches } else { size };
        let Some(count) = NonZeroUsize::new(count) else { continue };
        times.push(per_call(count, &|| run(count, true)));
        let many = count.max(LOOPS);
        loops.push(per_call(many, &|| run(many, false)));
        calls += count.get();
    }
    times.sort_unstable_by(f64::total_cmp);
    loops.sort_unstable_by(f64::total_cmp);
    let (middle, last) = (times.len() / 2, times.len() - 1);
    Times { calls, median: times[middle], least: times[0], most: times[last], alone: loops[middle] }
}

/// How many turns of the loop the clock can tell from nothing.
const LOOPS: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

fn per_call(count: NonZeroUsize, run: &dyn Fn()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_nanos() as f64 / count.get() as f64
}

/// As many calls as take [`BATCH`].
fn batch_size(run: &dyn Fn(NonZeroUsize, bool)) -> usize {
    let mut count = NonZeroUsize::MIN;
    loop {
        let start = Instant::now();
        run(count, true);
        let time = start.elapsed();
        if time >= BATCH || count.get() >= 1 << 26 {
            return count.get();
        }
        let more = NonZeroUsize::new(if time < BATCH / 64 { 16 } else { 2 });
        count = more.map_or(count, |more| count.saturating_mul(more));
    }
}
