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

/// The calls that make a region, with its counts. Only Linux tells what is mapped already.
fn region_calls(strategy: Strategy) -> &'static [&'static str] {
    match strategy {
        Strategy::Seal if cfg!(target_os = "linux") => &["(open)", "mmap", "mmap"],
        Strategy::Seal => &["mmap", "mmap"],
        Strategy::DualMapping => {
            &["(memfd_create)", "ftruncate", "(open)", "mmap", "mmap", "madvise", "mmap", "(madvise)"]
        }
        // The same, and the key of the second mapping.
        Strategy::ProtectionKeys => {
            &["(memfd_create)", "ftruncate", "(open)", "mmap", "mmap", "madvise", "pkey_mprotect", "mmap", "(madvise)"]
        }
        // What lies behind the code is written first. Free room without traps is zeros, which on arm64 are an undefined
        // instruction (UDF).
        Strategy::ThreadToggle | Strategy::ToggleCallback => &["mmap", "mmap", "(pthread_jit_write)"],
    }
}

fn options(strategy: Strategy) -> HeapOptions {
    HeapOptions::new().strategy(strategy)
}

/// Lets the first call fail during `run`, then the second, and so on, until all are made, and gives their names. Those in parentheses
/// are gone without; with the others `run` fails. Either way nothing is left, and the heap is as good as before.
fn each_call_fails(options: &HeapOptions, run: impl Fn(&CodeHeap) -> Result<Vec<Code>>) -> Vec<String> {
    let mut calls = Vec::new();
    loop {
        let live = injection::live();
        let heap = CodeHeap::new(options.clone()).unwrap();
        let (result, failed) = injection::failing(calls.len(), || run(&heap));
        let wrong = format!("{options:?}: {failed:?} failed, after {calls:?}");
        let made = result.as_ref().map_or(0, Vec::len);
        let stats = heap.stats();
        assert_eq!((stats.codes, stats.used == 0), (made, made == 0), "{wrong}");
        let again = heap.publish(&[0xc3; 16]).unwrap();
        assert_eq!(heap.stats().codes, made + 1, "{wrong}");
        let error = result.err();
        drop((again, heap));
        assert_eq!(injection::live(), live, "{wrong}");
        match (failed, error) {
            (None, error) => {
                assert!(error.is_none(), "{error:?}");
                return calls;
            }
            (Some(call), Some(error)) => {
                assert!(error.is_system(), "{wrong}: {error}");
                calls.push(call.to_owned());
            }
            (Some(call), None) => calls.push(format!("({call})")),
        }
    }
}

#[test]
fn a_publish_that_fails_leaves_nothing() {
    for strategy in strategies() {
        let calls = each_call_fails(&options(strategy), |heap| Ok(vec![heap.publish(&[0xc3; 16])?]));
        let last: &[&str] = match strategy {
            Strategy::Seal => &["mprotect"],
            Strategy::DualMapping | Strategy::ProtectionKeys => &[],
            Strategy::ThreadToggle | Strategy::ToggleCallback => &["pthread_jit_write"],
        };
        let expected = [region_calls(strategy), last].concat();
        assert_eq!(calls, expected, "{strategy}");
    }
}

#[test]
fn a_batch_that_fails_leaves_nothing() {
    for strategy in strategies() {
        let calls = each_call_fails(&options(strategy), |heap| {
            let small = (0..20).map(|_| heap.draft(100, 16)).collect::<Result<Vec<Draft>>>()?;
            let large = heap.draft(2 << 20, 16)?;
            heap.publish_all(small.into_iter().chain([large]).collect())
        });
        let last: &[&str] = match strategy {
            // One change for the twenty.
            Strategy::Seal => &["mprotect", "mprotect"],
            Strategy::DualMapping | Strategy::ProtectionKeys => &[],
            Strategy::ThreadToggle | Strategy::ToggleCallback => &["pthread_jit_write"; 21],
        };
        // A region for the twenty, and one for the large one.
        let region = region_calls(strategy);
        let expected = [region, region, last].concat();
        assert_eq!(calls, expected, "{strategy}");
    }
}

/// Whether there are huge pages, and in which way, is the system's affair: what the calls are depends on it, what they leave does not.
#[test]
fn huge_pages_that_fail_leave_nothing() {
    for strategy in strategies() {
        let calls = each_call_fails(&options(strategy).huge_pages(true), |heap| Ok(vec![heap.publish(&[0xc3; 16])?]));
        assert!(calls.len() >= 3, "{strategy}: {calls:?}");
    }
}

/// What alignment left, or a window, was never in use, wherever it lies: no barrier is due, and a system without one can use it.
#[test]
fn room_that_was_never_in_use_is_not_reused() {
    for strategy in strategies() {
        let heap = CodeHeap::new(options(strategy)).unwrap();
        let mut drafts = Vec::new();
        for round in 0..40 {
            drafts.push(heap.draft(100, 4096).unwrap());
            drafts.extend((0..round).map(|_| heap.draft(500, 16).unwrap()));
        }
        assert!(drafts.iter().all(|draft| !draft.room.is_reused()), "{strategy}");
        let addresses: Vec<usize> = drafts.iter().map(|draft| draft.address() as usize).collect();
        // What is sealed takes pages.
        assert!(strategy == Strategy::Seal || !addresses.is_sorted(), "{strategy}: gaps are used");
    }
}

/// Freeing cannot fail; what cannot be done then is not silently half done.
#[test]
fn a_free_that_fails_loses_the_room_and_nothing_else() {
    for strategy in strategies() {
        // That of the barrier comes once more than 64 KiB are waiting: all of these.
        let (call, count) = match strategy {
            Strategy::Seal => ("mprotect", 1),
            Strategy::DualMapping | Strategy::ProtectionKeys => ("membarrier", 17),
            // There is no barrier.
            Strategy::ThreadToggle | Strategy::ToggleCallback => ("pthread_jit_write", 1),
        };
        let heap = CodeHeap::new(options(strategy)).unwrap();
        let kept = heap.publish(&[0xc3; 64]).unwrap();
        let live = injection::live();
        let publish = |_| heap.publish(&[0xc3; 4000]).unwrap();
        let codes: Vec<Code> = (0..count).map(publish).collect();
        let lost: Vec<usize> = codes.iter().map(|code| code.address() as usize).collect();
        let ((), failed) = injection::failing_call(call, || drop(codes));
        assert!(failed, "{strategy}");
        let later: Vec<Code> = (0..200).map(publish).collect();
        assert!(later.iter().all(|code| !lost.contains(&(code.address() as usize))), "{strategy}: reused");
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
                let heap = CodeHeap::new(options(strategy)).unwrap();
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
