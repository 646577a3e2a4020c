//! The system's calls failing one by one, and a look at the process after each.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::memory::sys::injection;

/// Those that work here. Each has been used, so that what is made once for the process (a protection key) is there.
fn strategies() -> impl Iterator<Item = Strategy> {
    Strategy::ALL.into_iter().filter(|strategy| {
        let heap = CodeHeap::new(HeapOptions::new().strategy(*strategy));
        heap.is_ok_and(|heap| heap.publish(&[0xc3; 16]).is_ok())
    })
}

fn heap(strategy: Strategy) -> CodeHeap {
    CodeHeap::new(HeapOptions::new().strategy(strategy)).unwrap()
}

/// Lets the first call fail during `run`, then the second, and so on, until all are made. Each time `run` must say that it
/// failed, and leave nothing.
fn each_call_fails(strategy: Strategy, run: impl Fn(&CodeHeap) -> Result<Vec<Code>>) -> usize {
    let mut calls = 0;
    loop {
        let live = injection::live();
        let heap = heap(strategy);
        let (result, failed) = injection::failing(calls, || run(&heap));
        if !failed {
            assert_eq!(heap.stats().codes, result.unwrap().len());
            drop(heap);
            assert_eq!(injection::live(), live);
            return calls;
        }
        let error = match result {
            Err(error) => error,
            // Under the toggle free room is filled by calls, and where that fails only a warning is due: there are zeros,
            // which on arm64 are an undefined instruction (UDF).
            Ok(codes) => {
                assert!(
                    matches!(strategy, Strategy::ThreadToggle | Strategy::ToggleCallback),
                    "{strategy}, call {calls}"
                );
                drop((codes, heap));
                assert_eq!(injection::live(), live, "{strategy}, call {calls}");
                calls += 1;
                continue;
            }
        };
        assert!(error.is_system(), "{strategy}, call {calls}: {error}");
        let stats = heap.stats();
        assert_eq!((stats.codes, stats.used), (0, 0), "{strategy}, call {calls}");
        let again = heap.publish(&[0xc3; 16]).unwrap();
        assert_eq!(heap.stats().codes, 1, "the heap is as good as before");
        drop((again, heap));
        assert_eq!(injection::live(), live, "{strategy}, call {calls}");
        calls += 1;
    }
}

#[test]
fn a_publish_that_fails_leaves_nothing() {
    for strategy in strategies() {
        let calls = each_call_fails(strategy, |heap| Ok(vec![heap.publish(&[0xc3; 16])?]));
        let expected = match strategy {
            // mmap, mmap for the counts, mprotect.
            Strategy::Seal => 3,
            // A file, its two mappings, what children get of it, the counts.
            Strategy::DualMapping => 5,
            // The same, and the key of the second mapping.
            Strategy::ProtectionKeys => 6,
            // mmap, mmap for the counts, and the writing of what lies behind the code, and of the code.
            _ => 4,
        };
        assert_eq!(calls, expected, "{strategy}");
    }
}

#[test]
fn a_batch_that_fails_leaves_nothing() {
    for strategy in strategies() {
        let calls = each_call_fails(strategy, |heap| {
            let small = (0..20).map(|_| heap.draft(100, 16)).collect::<Result<Vec<Draft>>>()?;
            let large = heap.draft(2 << 20, 16)?;
            heap.publish_all(small.into_iter().chain([large]).collect())
        });
        match strategy {
            // One mprotect for the twenty, one for the large one, and the mappings.
            Strategy::Seal => assert_eq!(calls, 6),
            Strategy::DualMapping => assert_eq!(calls, 10),
            Strategy::ProtectionKeys => assert_eq!(calls, 12),
            _ => assert!(calls > 4),
        }
    }
}

/// Freeing cannot fail; what cannot be done then is not silently half done.
#[test]
fn a_free_that_fails_loses_the_room_and_nothing_else() {
    let wanted = [Strategy::Seal, Strategy::DualMapping, Strategy::ProtectionKeys];
    for strategy in strategies().filter(|strategy| wanted.contains(strategy)) {
        let heap = heap(strategy);
        let kept = heap.publish(&[0xc3; 64]).unwrap();
        let live = injection::live();
        let (lost, failed) = injection::failing(0, || {
            let mut addresses = Vec::new();
            // Under dual mapping the first call is that of the barrier, once more than 64 KiB are waiting: all of these.
            for _ in 0..if strategy == Strategy::Seal { 1 } else { 17 } {
                let code = heap.publish(&[0xc3; 4000]);
                if let Ok(code) = code {
                    addresses.push(code.address() as usize);
                }
            }
            addresses
        });
        assert!(failed, "{strategy}");
        let later: Vec<Code> = (0..200).map(|_| heap.publish(&[0xc3; 4000]).unwrap()).collect();
        if strategy != Strategy::Seal {
            assert!(later.iter().all(|code| !lost.contains(&(code.address() as usize))), "reused without a barrier");
        }
        // SAFETY: it is read.
        assert_eq!(unsafe { kept.address().cast::<u8>().read() }, 0xc3);
        assert_eq!(heap.stats().codes, 201);
        drop((later, kept, heap));
        assert!(injection::live() < live.max(1), "all is unmapped in the end");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_page_of_the_heap_is_ever_writable_and_executable() {
    use std::cell::Cell;
    use std::rc::Rc;

    for strategy in strategies() {
        let looks = Rc::new(Cell::new(0));
        let seen = Rc::clone(&looks);
        injection::watched(
            move || {
                seen.set(seen.get() + 1);
                crate::tests::no_page_is_writable_and_executable();
            },
            || {
                let heap = heap(strategy);
                let mut live = std::collections::VecDeque::new();
                for round in 0..300 {
                    live.push_back(heap.publish(&vec![0xc3; 16 + 37 * (round % 200)]).unwrap());
                    if round % 3 == 0 {
                        live.pop_front();
                    }
                }
                drop(live);
                let drafts = (0..20).map(|_| heap.draft(50_000, 16).unwrap()).collect();
                drop(heap.publish_all(drafts).unwrap());
            },
        );
        assert!(looks.get() >= if strategy == Strategy::Seal { 300 } else { 2 }, "{strategy}: {} looks", looks.get());
    }
}
