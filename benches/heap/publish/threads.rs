//! Two threads at once beside one: by the clock, which asks for two idle cores, and by the threads' own time, which others on the
//! machine lengthen less.

use std::sync::Barrier;
use std::time::Instant;

use kiln::{CodeHeap, HeapOptions};

use crate::{CODE, MANY, sizes, thread_time};

const PASSES: usize = 60;

/// Publishes and frees; functions in a second, and in a second of the thread's own time.
fn work(heap: &CodeHeap, sizes: &[usize], start: &Barrier) -> [f64; 2] {
    let mut codes = Vec::with_capacity(sizes.len());
    let mut pass = || {
        codes.extend(sizes.iter().map(|&size| heap.publish(&CODE[..size]).expect("published")));
        codes.clear();
    };
    pass();
    start.wait();
    let (began, own) = (Instant::now(), thread_time());
    (0..PASSES).for_each(|_| pass());
    let times = [began.elapsed().as_secs_f64(), (thread_time() - own) / 1e9];
    times.map(|time| (PASSES * sizes.len()) as f64 / time)
}

fn together(threads: usize, sizes: &[usize]) -> [f64; 2] {
    let heap = CodeHeap::new(HeapOptions::new()).expect("a heap");
    let start = Barrier::new(threads);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(&heap, sizes, &start))).collect();
        let figures = workers.into_iter().map(|worker| worker.join().expect("a figure"));
        figures.fold([0.0; 2], |sum, one| [sum[0] + one[0], sum[1] + one[1]])
    })
}

pub fn report() {
    println!("\npublish and free, one heap:      one thread   two threads   ratio    by the threads' own time");
    for (name, sizes) in [("mix", sizes(MANY)), ("64 B", vec![64; MANY])] {
        let mut ratios: Vec<_> = (0..9).map(|_| (together(1, &sizes), together(2, &sizes))).collect();
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
