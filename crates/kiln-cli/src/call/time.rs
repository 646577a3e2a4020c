//! How long a call takes.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::place::Placed;
use super::trampoline::Frame;

/// How many batches of calls are measured: the least that shows a spread.
const BATCHES: usize = 31;
/// How long a batch is, if the number of calls is free.
const BATCH: Duration = Duration::from_millis(5);

/// Nanoseconds for each call, without what an empty function takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) calls: usize,
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
    /// What an empty function takes, which is taken off.
    pub(super) empty: f64,
}

/// Times `repeat` calls in all, or as many as are good.
pub(super) fn measure(
    repeat: Option<usize>,
    call: &dyn Fn(&mut Frame),
    frame: &dyn Fn() -> Frame,
    empty: usize,
) -> Times {
    let (batches, size) = match repeat {
        // In batches of one size, the last ones with one call less.
        Some(repeat) => (repeat.clamp(1, BATCHES), repeat.max(1)),
        None => (BATCHES, batch_size(call, frame)),
    };
    let placed = Placed::default();
    let mut nothing = Frame::new(empty, &placed);
    let (mut times, mut empties, mut calls) = (Vec::new(), Vec::new(), 0);
    for batch in 0..batches {
        let count = if repeat.is_some() { size * (batch + 1) / batches - size * batch / batches } else { size };
        times.push(per_call(count, call, &mut frame()));
        empties.push(per_call(count.max(1000), call, &mut nothing));
        calls += count;
    }
    times.sort_unstable_by(f64::total_cmp);
    empties.sort_unstable_by(f64::total_cmp);
    let (middle, last) = (times.len() / 2, times.len() - 1);
    // On a busy machine the extremes say more of that than of the function: like is compared with like.
    let median = (times[middle] - empties[middle]).max(0.0);
    let least = (times[0] - empties[0]).clamp(0.0, median);
    let most = (times[last] - empties[0]).max(median);
    Times { calls, median, least, most, empty: empties[middle] }
}

fn per_call(count: usize, call: &dyn Fn(&mut Frame), frame: &mut Frame) -> f64 {
    let start = Instant::now();
    for _ in 0..count {
        call(black_box(frame));
    }
    start.elapsed().as_nanos() as f64 / count as f64
}

/// As many calls as take [`BATCH`].
fn batch_size(call: &dyn Fn(&mut Frame), frame: &dyn Fn() -> Frame) -> usize {
    let mut count = 1;
    loop {
        let start = Instant::now();
        per_call(count, call, &mut frame());
        let time = start.elapsed();
        if time >= BATCH || count >= 1 << 24 {
            return count;
        }
        count = if time < BATCH / 64 { count * 16 } else { count * 2 };
    }
}
