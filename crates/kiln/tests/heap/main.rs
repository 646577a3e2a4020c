//! The heap: code that is published, called and freed, alone and by many threads, under each strategy.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Publishes code and calls it.

mod drafts;
#[cfg(target_os = "linux")]
mod keys;
#[path = "../common/percent.rs"]
mod percent;
mod process;
mod slot;
mod threads;

use std::collections::BTreeMap;

use kiln::{Code, CodeHeap, Function, HeapOptions, Situation, Strategy};

/// A function that returns `number`, of `len` bytes (at least 16): what follows it is never run.
fn returns(number: u32, len: usize) -> Vec<u8> {
    let mut code = if cfg!(target_arch = "x86_64") {
        // mov eax, number; ret
        let mut code = vec![0xb8];
        code.extend(number.to_le_bytes());
        code.push(0xc3);
        code
    } else {
        // movz w0, low; movk w0, high, lsl 16; ret
        let (low, high) = (number & 0xffff, number >> 16);
        [0x5280_0000 | low << 5, 0x72a0_0000 | high << 5, 0xd65f_03c0].map(u32::to_le_bytes).concat()
    };
    code.resize(len, 0x1f);
    code
}

fn call(code: &Code) -> u32 {
    // SAFETY: all code here is of this type.
    let function: Function<extern "C" fn() -> u32> = unsafe { code.function() };
    function.call()
}

/// qemu-user keeps translations of code that is rewritten through another mapping (PLATFORM.md): there dual mapping
/// cannot be shown to work where room is reused.
fn emulated() -> bool {
    let runner = std::env::var("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER").unwrap_or_default();
    cfg!(all(target_arch = "aarch64", target_os = "linux")) && runner.contains("qemu")
}

/// `.ci/keys` runs these tests on an emulated processor that has protection keys: of that strategy alone, and less of each, since
/// code that is rewritten is slow there.
fn only_keys() -> bool {
    std::env::var_os("KILN_TEST_KEYS").is_some()
}

/// Whether a strategy is tried less often.
fn is_slow(name: &str) -> bool {
    name == "seal" || only_keys()
}

/// Whether memory may go from writable to executable: not in every process of a Mac.
fn may_seal() -> bool {
    Situation::of_this_process().verdict(Strategy::Seal).is_working()
}

/// The strategies to try beside each other; `None` is the one that is chosen.
fn strategies() -> impl Iterator<Item = Option<Strategy>> {
    may_seal().then_some(Some(Strategy::Seal)).into_iter().chain([None])
}

/// Whether the strategy that is chosen lets a thread see either side of the memory.
fn by_toggle() -> bool {
    let chosen = Situation::of_this_process().choose_for_heap().unwrap().strategy();
    matches!(chosen, Strategy::ThreadToggle | Strategy::ToggleCallback)
}

/// Whether freed room is reused before its block is empty: macOS has no way to make every core forget what it fetched.
fn reuses() -> bool {
    cfg!(target_os = "linux")
}

fn page() -> usize {
    Situation::of_this_process().page_size as usize
}

/// A heap for each strategy that works here, with its name.
fn heaps() -> Vec<(&'static str, CodeHeap)> {
    let heap = |strategy| CodeHeap::new(HeapOptions::new().strategy(strategy));
    if only_keys() {
        return vec![("protection keys", heap(Strategy::ProtectionKeys).unwrap())];
    }
    let mut heaps = Vec::new();
    if may_seal() {
        heaps.push(("seal", heap(Strategy::Seal).unwrap()));
    }
    if !emulated() {
        heaps.push(("chosen", CodeHeap::new(HeapOptions::new()).unwrap()));
        heaps.extend(heap(Strategy::ProtectionKeys).ok().map(|heap| ("protection keys", heap)));
    }
    heaps
}

/// A small generator of numbers (xorshift64*), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize) % end
    }

    /// From 16 to 4096, small ones as often as large ones.
    fn size(&mut self) -> usize {
        let bits = 4 + self.below(8);
        (1 << bits) + self.below((1 << bits) + 1)
    }
}

#[test]
fn whatever_is_live_is_whole_and_apart() {
    for (name, heap) in heaps() {
        let mut random = Random(1);
        let mut live: BTreeMap<usize, (Code, u32)> = BTreeMap::new();
        let mut reused = 0;
        let mut seen = std::collections::BTreeSet::new();
        let rounds = percent::of(if is_slow(name) { 2_000 } else { 20_000 }) as u32;
        for round in 0..rounds {
            if live.len() < 100 || random.below(2) == 0 && live.len() < 400 {
                let len = random.size();
                let code = heap.publish(&returns(round, len)).unwrap();
                let start = code.address() as usize;
                assert_eq!((start % 16, code.len()), (0, len));
                let before = live.range(..start).next_back();
                assert!(before.is_none_or(|(_, (code, _))| code.address() as usize + code.len() <= start), "{name}");
                let after = live.range(start..).next();
                assert!(after.is_none_or(|(&after, _)| start + len <= after), "{name}");
                assert_eq!(call(&code), round);
                reused += u32::from(!seen.insert(start));
                live.insert(start, (code, round));
            } else {
                let at = random.below(live.len());
                let start = *live.keys().nth(at).unwrap();
                let (code, number) = live.remove(&start).unwrap();
                assert_eq!(call(&code), number, "{name}, before it is freed");
            }
            if round % 500 == 0 {
                for (code, number) in live.values() {
                    assert_eq!(call(code), *number, "{name}");
                    // SAFETY: code can be read.
                    let bytes = unsafe { std::slice::from_raw_parts(code.address().cast::<u8>(), code.len()) };
                    assert_eq!(bytes, returns(*number, code.len()));
                }
                let stats = heap.stats();
                assert_eq!(stats.codes, live.len());
                assert!(stats.used + stats.waiting + stats.free <= stats.reserved, "{stats:?}");
                let bytes: usize = live.values().map(|(code, _)| code.len()).sum();
                assert!(stats.used >= bytes);
            }
        }
        assert!(reused > rounds / 20 || !reuses(), "{name}: room was reused {reused} times");
    }
}

#[test]
fn code_outlives_the_heap() {
    for (_, heap) in heaps() {
        let code = heap.publish(&returns(7, 64)).unwrap();
        let other = heap.publish(&returns(8, 64)).unwrap();
        // SAFETY: the function's type.
        let function: Function<extern "C" fn() -> u32> = unsafe { code.function() };
        let again = heap.clone();
        drop(heap);
        assert_eq!(again.stats().codes, 2);
        drop(again);
        drop(code);
        assert_eq!((function.call(), call(&other)), (7, 8));
    }
}

#[test]
fn long_code_has_memory_of_its_own() {
    for (name, heap) in heaps() {
        let small = heap.publish(&returns(1, 64)).unwrap();
        let before = heap.stats().reserved;
        for len in [600_000, (1 << 20) - 16, (1 << 20) + 5, 3 << 20] {
            let code = heap.publish(&returns(len as u32, len)).unwrap();
            assert_eq!(call(&code), len as u32, "{name}");
            // SAFETY: code can be read.
            assert_eq!(unsafe { code.address().cast::<u8>().wrapping_add(len - 1).read() }, 0x1f);
        }
        assert_eq!(call(&small), 1);
        // Some of it may still wait to be reused.
        assert!(heap.stats().reserved <= before + (8 << 20), "{name}: {:?}", heap.stats());
    }
}

#[test]
fn memory_goes_back_to_the_system() {
    for (name, heap) in heaps() {
        let pieces = percent::of(20_000).max(2_000);
        let (count, len) = if name == "seal" { ((48 << 20) / page(), 16) } else { (pieces, 60_000_000 / pieces) };
        let codes: Vec<Code> = (0..count as u32).map(|number| heap.publish(&returns(number, len)).unwrap()).collect();
        let full = heap.stats();
        assert!(full.reserved >= 40 << 20 && full.chunks > 3, "{name}: {full:?}");
        drop(codes);
        // What waits is put away with the next that is freed, once there is enough of it.
        for number in 0..3_000 {
            assert_eq!(call(&heap.publish(&returns(number, 2_000)).unwrap()), number);
        }
        let empty = heap.stats();
        assert_eq!(empty.codes, 0);
        assert!(empty.reserved < full.reserved, "{name}: {empty:?}");
        assert_eq!(empty.used, 0);
    }
}

#[test]
fn freed_code_traps() {
    if emulated() {
        return;
    }
    let heap = CodeHeap::new(HeapOptions::new()).unwrap();
    let code = heap.publish(&returns(1, 100)).unwrap();
    let neighbour = heap.publish(&returns(2, 100)).unwrap();
    let start = code.address().cast::<u8>();
    let room = heap.stats().used / 2;
    // SAFETY: the room of the code and what follows up to its neighbour.
    let bytes = |at: usize, len: usize| unsafe { std::slice::from_raw_parts(start.wrapping_add(at), len) }.to_vec();
    let trap = if cfg!(target_arch = "x86_64") { vec![0xcc; 4] } else { vec![0, 0, 0x20, 0xd4] };
    assert_eq!(bytes(0, 100), returns(1, 100));
    let tail = bytes(100, room - 100);
    assert_eq!(tail, trap.repeat(3)[..tail.len()], "behind code");
    drop(code);
    assert_eq!(bytes(0, room), trap.repeat(room / 4));
    assert_eq!(call(&neighbour), 2);
    let behind = neighbour.address() as usize - start as usize + room;
    assert_eq!(bytes(behind, 16), trap.repeat(4), "what was never used of a page");
}

#[test]
fn freed_room_is_kept_in_quarantine() {
    for strategy in strategies() {
        let options = HeapOptions::new().quarantine(1 << 20);
        let heap = CodeHeap::new(strategy.map_or(options.clone(), |strategy| options.strategy(strategy))).unwrap();
        let mut last_used = BTreeMap::new();
        let mut shortest = usize::MAX;
        let mut freed = 0;
        for number in 0..((16 << 20) / page()) as u32 {
            let code = heap.publish(&returns(number, page() - 96)).unwrap();
            if let Some(before) = last_used.insert(code.address() as usize, freed) {
                shortest = shortest.min(freed - before);
            }
            freed += code.len();
        }
        assert!(shortest >= 1 << 20, "reused after {shortest} bytes");
        assert!(shortest < 2 << 20 || !reuses(), "reused after {shortest} bytes");
        assert!(heap.stats().waiting >= 1 << 20);
        if emulated() {
            break;
        }
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let heap = CodeHeap::new(HeapOptions::new()).unwrap();
    let says = |error: kiln::Error, text: &str| assert_eq!(error.to_string(), text);
    says(heap.publish(&[]).unwrap_err(), "there is no code to publish");
    says(heap.draft(0, 1).unwrap_err(), "there is no code to publish");
    says(heap.draft(1, 3).unwrap_err(), "an alignment of 3 bytes is not a power of two");
    says(heap.draft(1, 0).unwrap_err(), "an alignment of 0 bytes is not a power of two");
    says(
        heap.draft(usize::MAX, 1).unwrap_err(),
        &format!("{} bytes of code in one piece: the heap takes 2147483648 at most", usize::MAX),
    );
    assert!(heap.draft(1, 1 << 40).unwrap_err().to_string().contains("the heap aligns to a page"));
    assert_eq!((heap.stats().codes, heap.stats().reserved), (0, 0), "nothing was mapped for it");
}

#[test]
fn code_lies_near_the_executable() {
    let heap = CodeHeap::new(HeapOptions::new()).unwrap();
    let here = code_lies_near_the_executable as *const () as usize;
    let codes: Vec<Code> = (0..3_000).map(|number| heap.publish(&returns(number, 4_096)).unwrap()).collect();
    for code in &codes {
        assert!((code.address() as usize).abs_diff(here) < 1 << 31, "{code:?} from {here:#x}");
    }
}

#[test]
fn code_lies_near_a_given_address() {
    let by_toggle = by_toggle();
    let strategies: Vec<Option<Strategy>> = strategies().filter(|strategy| strategy.is_some() || !by_toggle).collect();
    if by_toggle {
        let error = CodeHeap::new(HeapOptions::new().near(0x20_0000_0000 as *const (), 1 << 30)).unwrap_err();
        assert!(error.is_unsupported() && error.to_string().contains("the system alone decides"), "{error}");
    }
    let Some(strategy) = strategies.first() else { return };
    let with = |options: HeapOptions| strategy.map_or(options.clone(), |strategy| options.strategy(strategy));
    // Something in the middle of nowhere.
    let anchor = CodeHeap::new(with(HeapOptions::new().near(0x20_0000_0000 as *const (), 1 << 30))).unwrap();
    let anchor = anchor.publish(&returns(1, 16)).unwrap();
    for strategy in &strategies {
        let reach = 128 << 20;
        let options = HeapOptions::new().near(anchor.address(), reach);
        let heap = CodeHeap::new(strategy.map_or(options.clone(), |strategy| options.strategy(strategy))).unwrap();
        let mut codes = Vec::new();
        for number in 0..100 {
            codes.push(heap.publish(&returns(number, 100_000)).unwrap());
        }
        for (number, code) in (0..).zip(&codes) {
            let first = code.address() as usize;
            assert!(first.abs_diff(anchor.address() as usize) <= reach);
            assert!((first + code.len()).abs_diff(anchor.address() as usize) <= reach);
            assert_eq!(call(code), number);
        }
    }
    let heap = CodeHeap::new(with(HeapOptions::new().near(anchor.address(), page()))).unwrap();
    let error = heap.publish(&returns(1, 16)).unwrap_err();
    assert!(error.is_out_of_range());
    let text = error.to_string();
    let address = anchor.address() as usize;
    assert!(
        text.starts_with(&format!("the heap's code was to lie within {:#x} bytes of {address:#x}: no room", page())),
        "{text}"
    );
    // macOS has no list of what is mapped.
    assert!(text.contains("; the nearest is at 0x") || !cfg!(target_os = "linux"), "{text}");
    assert!(error.next_step().unwrap().contains("HeapOptions::near"));
}

#[test]
fn huge_pages_may_be_asked_for_anywhere() {
    let heap = CodeHeap::new(HeapOptions::new().huge_pages(true)).unwrap();
    let codes: Vec<Code> = (0..2_000).map(|number| heap.publish(&returns(number, 2_000)).unwrap()).collect();
    assert!((0..).zip(&codes).all(|(number, code)| call(code) == number));
    assert_eq!(heap.stats().reserved % (2 << 20), 0);
}
