//! Entries whose target is exchanged.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use kiln::{CodeHeap, Function, Slot};

use super::{heaps, is_slow, percent, returns};

type Number = extern "C" fn() -> u32;

fn function(heap: &CodeHeap, number: u32) -> Function<Number> {
    // SAFETY: the function's type.
    unsafe { heap.publish(&returns(number, 64)).unwrap().function() }
}

#[test]
fn an_entry_goes_to_the_newest_target() {
    for (_, heap) in heaps() {
        let slot = Slot::new(&heap, function(&heap, 1)).unwrap();
        let entry = slot.entry();
        let address = entry.pointer() as *const () as usize;
        for number in 1..50 {
            assert_eq!(entry.call(), number);
            slot.replace(function(&heap, number + 1));
        }
        assert_eq!(slot.entry().pointer() as *const () as usize, address, "it stays where it is");
        assert_eq!(heap.stats().codes, 51, "the stub, the target, and 49 that may still be in use");
        // SAFETY: nobody is in them.
        assert_eq!(unsafe { slot.forget() }, 49);
        assert_eq!(heap.stats().codes, 2);
        // SAFETY: as above.
        unsafe { slot.replace_and_free(function(&heap, 7)) };
        assert_eq!((heap.stats().codes, entry.call()), (2, 7));
        slot.replace(function(&heap, 8));
        drop(slot);
        assert_eq!((entry.call(), heap.stats().codes), (8, 3), "an entry keeps what the slot kept");
        drop(entry);
        assert_eq!(heap.stats().codes, 0);
    }
}

#[test]
fn targets_are_exchanged_while_threads_call() {
    for (name, heap) in heaps() {
        let rounds: u32 = if is_slow(name) { 1_000 } else { percent::of(30_000) as u32 };
        let slot = &Slot::new(&heap, function(&heap, 0)).unwrap();
        let stop = &AtomicBool::new(false);
        let calls = &AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let entry = slot.entry();
                scope.spawn(move || {
                    let mut newest = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let number = entry.call();
                        assert!(number >= newest, "{number} after {newest}");
                        newest = number;
                        calls.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            for round in 1..=rounds {
                slot.replace(function(&heap, round));
            }
            while calls.load(Ordering::Relaxed) < 1_000 {
                std::thread::yield_now();
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert_eq!(slot.entry().call(), rounds);
        // SAFETY: the threads are gone.
        assert_eq!(unsafe { slot.forget() }, rounds as usize);
    }
}
