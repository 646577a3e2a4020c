//! Two threads at once beside one: by the clock, which asks for two idle cores, and by the threads' own time, which others on the
//! machine lengthen less. A control does nothing but copy and fill, each thread in memory of its own: what the machine gives two
//! threads that share nothing.

use std::sync::Barrier;
use std::time::Instant;

use kiln::{CodeHeap, HeapOptions};

use crate::{CODE, MANY, sizes, thread_time};

const PASSES: usize = 60;

/// What a thread does with functions of some sizes, over and over.
type Pass<'a> = Box<dyn FnMut(&[usize]) + 'a>;

/// Publishes and frees.
fn publish(heap: &CodeHeap) -> Pass<'_> {
    let mut codes = Vec::with_capacity(MANY);
    Box::new(move |sizes| {
        codes.extend(sizes.iter().map(|&size| heap.publish(&CODE[..size]).expect("published")));
        codes.clear();
    })
}

/// Copies and fills: the bytes that are moved, without a heap.
fn copy() -> Pass<'static> {
    let mut memory = vec![0u8; 16 << 20];
    Box::new(move |sizes| {
        for fill in [false, true] {
            let mut rest = &mut memory[..];
            for &size in sizes {
                let (to, after) = std::mem::take(&mut rest).split_at_mut(size.next_multiple_of(16));
                rest = after;
                if fill { std::hint::black_box(to).fill(0xcc) } else { std::hint::black_box(to)[..size].copy_from_slice(&CODE[..size]) }
            }
        }
    })
}

/// Functions in a second, and in a second of the thread's own time.
fn work(mut run: Pass, sizes: &[usize], start: &Barrier) -> [f64; 2] {
    let mut pass = || run(sizes);
    pass();
    start.wait();
    let (began, own) = (Instant::now(), thread_time());
    (0..PASSES).for_each(|_| pass());
    let times = [began.elapsed().as_secs_f64(), (thread_time() - own) / 1e9];
    times.map(|time| (PASSES * sizes.len()) as f64 / time)
}

fn together(threads: usize, sizes: &[usize], control: bool) -> [f64; 2] {
    let heap = CodeHeap::new(HeapOptions::new()).expect("a heap");
    let start = Barrier::new(threads);
    std::thread::scope(|scope| {
        let one = || work(if control { copy() } else { publish(&heap) }, sizes, &start);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        let figures = workers.into_iter().map(|worker| worker.join().expect("a figure"));
        figures.fold([0.0; 2], |sum, one| [sum[0] + one[0], sum[1] + one[1]])
    })
}

pub fn report() {
    println!("\npublish and free, one heap:      one thread   two threads   ratio    by the threads' own time");
    let (mix, small) = (sizes(MANY), vec![64; MANY]);
    let rows = [("mix", &mix, false), ("64 B", &small, false), ("mix, copied and filled only", &mix, true), ("64 B, copied and filled only", &small, true)];
    for (name, sizes, control) in rows {
        let mut ratios: Vec<_> = (0..9).map(|_| (together(1, sizes, control), together(2, sizes, control))).collect();
        let mut median = |of: usize| {
            ratios.sort_by(|a, b| (a.1[of] / a.0[of]).total_cmp(&(b.1[of] / b.0[of])));
            let (one, two) = ratios[ratios.len() / 2];
            (one[of] / 1e6, two[of] / 1e6, two[of] / one[of])
        };
        let (one, two, ratio) = median(0);
        let (_, _, own) = median(1);
        println!("{name:<32} {one:>8.2} M/s {two:>9.2} M/s {ratio:>7.2} {own:>10.2}");
    }
}
