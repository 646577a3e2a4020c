//! Two threads at once beside one.

use std::sync::Barrier;
use std::time::Instant;

use kiln::{CodeHeap, HeapOptions};

use crate::{CODE, MANY, sizes};

const PASSES: usize = 60;

/// Publishes and frees; functions in a second.
fn work(heap: &CodeHeap, sizes: &[usize], start: &Barrier) -> f64 {
    let mut codes = Vec::with_capacity(sizes.len());
    let mut pass = || {
        codes.extend(sizes.iter().map(|&size| heap.publish(&CODE[..size]).expect("published")));
        codes.clear();
    };
    pass();
    start.wait();
    let began = Instant::now();
    (0..PASSES).for_each(|_| pass());
    (PASSES * sizes.len()) as f64 / began.elapsed().as_secs_f64()
}

fn together(threads: usize, sizes: &[usize]) -> f64 {
    let heap = CodeHeap::new(HeapOptions::new()).expect("a heap");
    let start = Barrier::new(threads);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(&heap, sizes, &start))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a figure")).sum()
    })
}

pub fn report() {
    println!("\npublish and free, one heap:      one thread   two threads   ratio");
    for (name, sizes) in [("mix", sizes(MANY)), ("64 B", vec![64; MANY])] {
        let mut ratios: Vec<(f64, f64)> = (0..9).map(|_| (together(1, &sizes), together(2, &sizes))).collect();
        ratios.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
        let (one, two) = ratios[ratios.len() / 2];
        println!("{name:<32} {:>8.2} M/s {:>9.2} M/s {:>7.2}", one / 1e6, two / 1e6, two / one);
    }
}
