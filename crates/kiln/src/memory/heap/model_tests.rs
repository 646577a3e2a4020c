//! The heap beside a naive model: a list of what is live. Natively code is executed; Miri, which cannot, sees each access to it.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::mpsc;

use super::holes::tests::Random;
use super::*;
use crate::tests::percent;

/// Fewer where a processor is emulated, and far fewer where a program is interpreted.
fn times(count: usize) -> usize {
    if cfg!(miri) { count / 100 } else { percent::of(count) }
}

/// A function that returns `number`, of `len` bytes (at least 16), behind which come bytes of its own.
fn returns(number: u32, len: usize) -> Vec<u8> {
    let mut code = if cfg!(target_arch = "x86_64") {
        // mov eax, number; ret
        [&[0xb8], &number.to_le_bytes()[..], &[0xc3]].concat()
    } else {
        // movz w0, low; movk w0, high, lsl 16; ret
        let (low, high) = (number & 0xffff, number >> 16);
        [0x5280_0000 | low << 5, 0x72a0_0000 | high << 5, 0xd65f_03c0].map(u32::to_le_bytes).concat()
    };
    code.resize(len, number as u8);
    code
}

/// qemu-user keeps translations of code that is rewritten through another mapping (PLATFORM.md).
fn may_execute(strategy: Strategy) -> bool {
    let runner = std::env::var("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER").unwrap_or_default();
    let emulated = cfg!(target_arch = "aarch64") && runner.contains("qemu");
    let rewritten = strategy != Strategy::Seal;
    !(cfg!(miri) || emulated && rewritten)
}

/// Reads code, and executes it where that can be.
fn is_whole(code: &Code, number: u32, executes: bool) -> bool {
    // SAFETY: code can be read.
    let bytes = unsafe { std::slice::from_raw_parts(code.address().cast::<u8>(), code.len()) };
    // SAFETY: all code here is of this type.
    let called = || unsafe { code.function::<extern "C" fn() -> u32>() }.call();
    bytes == returns(number, code.len()) && (!executes || called() == number)
}

/// What is live: by its first byte.
struct Model {
    live: BTreeMap<usize, (Code, u32)>,
    /// Where code has begun.
    seen: BTreeSet<usize>,
    /// How often it began where other code had begun.
    reused: usize,
    executes: bool,
}

impl Model {
    fn range(code: &Code) -> Range<usize> {
        let start = code.address() as usize;
        start..start + code.len()
    }

    fn add(&mut self, code: Code, number: u32, align: usize) {
        let range = Model::range(&code);
        assert_eq!(range.start % align.max(16), 0);
        assert!(is_whole(&code, number, self.executes));
        let before = self.live.range(..range.start).next_back();
        assert!(before.is_none_or(|(_, (code, _))| Model::range(code).end <= range.start), "{code:?} overlaps");
        let after = self.live.range(range.start..).next();
        assert!(after.is_none_or(|(&after, _)| range.end <= after), "{code:?} overlaps");
        self.reused += usize::from(!self.seen.insert(range.start));
        self.live.insert(range.start, (code, number));
    }

    fn take(&mut self, at: usize) -> (Code, u32) {
        let start = *self.live.keys().nth(at).unwrap();
        self.live.remove(&start).unwrap()
    }

    fn check(&self, heap: &CodeHeap) {
        assert!(self.live.values().all(|(code, number)| is_whole(code, *number, self.executes)));
        let stats = heap.stats();
        let bytes: usize = self.live.values().map(|(code, _)| code.len()).sum();
        assert_eq!(stats.codes, self.live.len());
        assert!(stats.used >= bytes && stats.used + stats.waiting + stats.free <= stats.reserved, "{stats:?}");
    }
}

fn strategies() -> impl Iterator<Item = Strategy> {
    Strategy::ALL.into_iter().filter(|strategy| Situation::of_this_process().verdict(*strategy).is_working())
}

/// Every operation in a random order.
#[test]
fn the_heap_agrees_with_the_model() {
    for strategy in strategies() {
        let page = Situation::of_this_process().page_size as usize;
        let heap = CodeHeap::new(HeapOptions::new().strategy(strategy).quarantine(2 * page)).unwrap();
        let executes = may_execute(strategy);
        let mut model = Model { live: BTreeMap::new(), seen: BTreeSet::new(), reused: 0, executes };
        let mut random = Random::new(strategy as u64 + 1);
        // Under seal a function takes a page.
        let rounds = times(if strategy == Strategy::Seal { 2_000 } else { 6_000 }) as u32;
        for round in 0..rounds {
            let len = 15 + random.size(11);
            let filling = model.live.len() < 10 || model.live.len() < 100 && random.below(2) == 0;
            match (filling, random.below(4)) {
                (true, 0) => {
                    let align = 1 << random.below(13);
                    let mut draft = heap.draft(len, align).unwrap();
                    let address = draft.address() as usize;
                    draft.bytes().copy_from_slice(&returns(round, len));
                    let code = draft.publish().unwrap();
                    assert_eq!(code.address() as usize, address);
                    model.add(code, round, align);
                }
                (true, 1) => {
                    let codes: Vec<Vec<u8>> = (0..5).map(|_| returns(round, 15 + random.size(9))).collect();
                    let slices: Vec<&[u8]> = codes.iter().map(Vec::as_slice).collect();
                    for code in heap.publish_many(&slices).unwrap() {
                        model.add(code, round, 1);
                    }
                }
                (true, _) => {
                    let code = heap.publish(&returns(round, len)).unwrap();
                    model.add(code, round, 1);
                }
                (false, 0) => drop(heap.draft(len, 1 << random.below(13)).unwrap()),
                (false, 1) => {
                    let (code, number) = model.take(random.below(model.live.len()));
                    let again = code.clone();
                    drop(code);
                    assert!(is_whole(&again, number, model.executes));
                    model.live.insert(again.address() as usize, (again, number));
                }
                (false, _) => {
                    for _ in 0..=random.below(4) {
                        let (code, number) = model.take(random.below(model.live.len()));
                        assert!(is_whole(&code, number, model.executes), "before it is freed");
                    }
                }
            }
            if round % 200 == 0 {
                model.check(&heap);
            }
        }
        model.check(&heap);
        let few = rounds < 2_000;
        assert!(few || model.reused > rounds as usize / 50, "{strategy}: room was reused {} times", model.reused);
        // What is left goes without the heap.
        drop(heap);
        assert!(model.live.values().all(|(code, number)| is_whole(code, *number, model.executes)));
    }
}

/// Threads publish, read what others have published, and free it: whoever reads code that another thread is writing, or has freed,
/// finds wrong bytes; Miri and ThreadSanitizer find that nothing orders the two.
#[test]
fn threads_hand_code_to_each_other() {
    for strategy in strategies() {
        let heap = CodeHeap::new(HeapOptions::new().strategy(strategy)).unwrap();
        let executes = may_execute(strategy);
        let rounds = times(if strategy == Strategy::Seal { 400 } else { 4_000 }) as u32;
        let threads = if cfg!(miri) { 2 } else { 3 };
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..threads).map(|_| mpsc::channel::<(Code, u32)>()).unzip();
        std::thread::scope(|scope| {
            for (thread, from) in (0..).zip(receivers) {
                let (heap, senders) = (&heap, senders.clone());
                scope.spawn(move || {
                    let mut random = Random::new(thread as u64 + 1);
                    let mut live = Vec::new();
                    for round in 0..rounds {
                        let number = round << 4 | thread;
                        let code = heap.publish(&returns(number, 15 + random.size(10))).unwrap();
                        // Two threads free it, each when it likes.
                        senders[random.below(threads as usize)].send((code.clone(), number)).unwrap();
                        live.push((code, number));
                        live.extend(from.try_iter().take(3));
                        while live.len() > 8 {
                            let (code, number) = live.swap_remove(random.below(live.len()));
                            assert!(is_whole(&code, number, executes), "{strategy}");
                        }
                    }
                    drop(senders);
                    assert!(live.into_iter().chain(from).all(|(code, number)| is_whole(&code, number, executes)));
                });
            }
            drop(senders);
        });
        assert_eq!(heap.stats().codes, 0);
    }
}
