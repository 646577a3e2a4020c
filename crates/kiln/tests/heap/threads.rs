//! Many threads at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock, mpsc};

use kiln::{Code, CodeHeap, Function, HeapOptions};

use super::{Random, call, heaps, is_slow, percent, returns};

#[test]
fn code_is_freed_in_other_threads_than_it_was_published_in() {
    for (name, heap) in heaps() {
        let rounds: u32 = if is_slow(name) { 500 } else { percent::of(10_000) as u32 };
        let (to, from) = mpsc::sync_channel::<(Code, u32)>(100);
        let from = &Mutex::new(from);
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let to = to.clone();
                let heap = &heap;
                scope.spawn(move || {
                    let mut random = Random(thread + 1);
                    for round in 0..rounds {
                        let number = round * 10 + thread as u32;
                        let code = heap.publish(&returns(number, random.size())).unwrap();
                        if random.below(4) == 0 {
                            assert_eq!(call(&code), number);
                        } else {
                            to.send((code, number)).unwrap();
                        }
                    }
                });
                scope.spawn(move || {
                    loop {
                        let received = from.lock().unwrap().recv();
                        let Ok((code, number)) = received else { break };
                        let again = code.clone();
                        drop(code);
                        assert_eq!(call(&again), number, "{name}");
                    }
                });
            }
            drop(to);
        });
        let stats = heap.stats();
        assert_eq!((stats.codes, stats.used), (0, 0), "{name}");
    }
}

/// One thread writes code anew all the time, mostly where there was other code; others call whatever is there now. Whoever
/// executed a mix of old and new bytes would get a wrong number, or be stopped by a trap.
#[test]
fn code_is_rewritten_while_other_threads_call() {
    for (name, heap) in heaps() {
        let rounds: u32 = if is_slow(name) { 1_000 } else { percent::of(100_000) as u32 };
        type Entry = (Function<extern "C" fn() -> u32>, u32);
        let publish = |number: u32, len: usize| -> Entry {
            let code = heap.publish(&returns(number, len)).unwrap();
            // SAFETY: the function's type.
            (unsafe { code.function() }, number)
        };
        let table: Vec<RwLock<Entry>> = (0..8).map(|number| RwLock::new(publish(number, 64))).collect();
        let stop = AtomicBool::new(false);
        let called = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (table, stop, called) = (&table, &stop, &called);
                scope.spawn(move || {
                    let mut random = Random(thread + 1);
                    while !stop.load(Ordering::Relaxed) {
                        let (function, number) = table[random.below(8)].read().unwrap().clone();
                        assert_eq!(function.call(), number);
                        called.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            let mut random = Random(99);
            for round in 0u32.. {
                let new = publish(round.wrapping_mul(0x9e37_79b9), 32 << random.below(3));
                *table[random.below(8)].write().unwrap() = new;
                // On a busy machine the others may not have had their turn yet.
                if round >= rounds && called.load(Ordering::Relaxed) > 1_000 {
                    break;
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert_eq!(heap.stats().codes, 8);
    }
}

#[test]
fn heaps_and_code_may_be_sent_and_shared() {
    fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<CodeHeap>();
    send_and_sync::<Code>();
    send_and_sync::<kiln::Draft>();
    send_and_sync::<kiln::HeapStats>();
    send_and_sync::<HeapOptions>();
}
