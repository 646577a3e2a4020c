//! Memory whose writable side is under a protection key: who may write to it, and when.
//!
//! The kernel is asked to write there for a thread (`read` from a pipe), which it does with that thread's rights, and gives
//! `EFAULT` where it has none.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use kiln::{Code, CodeHeap, HeapOptions, Strategy};

use super::process::{forked, in_a_process_of_its_own};
use super::{call, returns};

/// `None` where the processor has no such keys, which `heaps` looks after.
fn heap() -> Option<CodeHeap> {
    CodeHeap::new(HeapOptions::new().strategy(Strategy::ProtectionKeys)).ok()
}

/// The address at which the first byte of `code` is written, and the lines of `smaps` about both of its mappings: first
/// where it is executed, then where it is written.
fn sides(code: &Code) -> (usize, [String; 2]) {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut mappings: Vec<String> = Vec::new();
    for line in smaps.lines() {
        let first = line.split(' ').next().unwrap_or_default();
        if first.contains('-') && !first.ends_with(':') {
            mappings.push(String::new());
        }
        *mappings.last_mut().unwrap() += &format!("{line}\n");
    }
    let range = |mapping: &str| {
        let (start, end) = mapping.split(' ').next().unwrap().split_once('-').unwrap();
        usize::from_str_radix(start, 16).unwrap()..usize::from_str_radix(end, 16).unwrap()
    };
    let inode = |mapping: &str| mapping.split_ascii_whitespace().nth(4).unwrap().to_owned();
    let address = code.address() as usize;
    let runs = mappings.iter().find(|mapping| range(mapping).contains(&address)).unwrap();
    let other = |mapping: &&String| inode(mapping) == inode(runs) && !range(mapping).contains(&address);
    let writes = mappings.iter().find(other).unwrap();
    (range(writes).start + (address - range(runs).start), [runs.clone(), writes.clone()])
}

/// A byte that the kernel has for whoever asks, and keeps if it cannot deliver it.
struct Byte([libc::c_int; 2]);

impl Byte {
    fn new(byte: u8) -> Byte {
        let mut ends = [0; 2];
        // SAFETY: room for two descriptors.
        assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
        // SAFETY: a byte of our own.
        assert_eq!(unsafe { libc::write(ends[1], (&raw const byte).cast(), 1) }, 1);
        Byte(ends)
    }

    /// The error number when it is to be written to an address; 0 if it is.
    fn deliver(&self, to: usize) -> i32 {
        deliver(self.0[0], to)
    }
}

fn deliver(from: libc::c_int, to: usize) -> i32 {
    // SAFETY: the kernel writes the byte that stands there already, or nothing.
    let read = unsafe { libc::read(from, to as *mut libc::c_void, 1) };
    if read == 1 { 0 } else { io::Error::last_os_error().raw_os_error().unwrap_or_default() }
}

fn first_byte(code: &Code) -> u8 {
    // SAFETY: code can be read.
    unsafe { code.address().cast::<u8>().read() }
}

#[test]
fn only_the_writable_side_has_a_key() {
    let Some(heap) = heap() else { return };
    let code = heap.publish(&returns(1, 64)).unwrap();
    let (_, [runs, writes]) = sides(&code);
    let key = |mapping: &str| mapping.lines().find_map(|line| line.strip_prefix("ProtectionKey:")?.trim().parse().ok());
    assert!(runs.contains(" r-xs ") && writes.contains(" rw-s "), "{runs}{writes}");
    assert_eq!(key(&runs), Some(0), "{runs}");
    assert!(key(&writes).is_some_and(|key: u32| (1..16).contains(&key)), "{writes}");
}

/// The first thread of the process, and the one that publishes, have no more right than others.
#[test]
fn nobody_may_write_when_nothing_is_published() {
    let Some(heap) = heap() else { return };
    let code = heap.publish(&returns(2, 64)).unwrap();
    let (alias, _) = sides(&code);
    let byte = Byte::new(first_byte(&code));
    assert_eq!(byte.deliver(alias), libc::EFAULT, "the thread that published");
    let other = std::thread::scope(|scope| scope.spawn(|| (byte.deliver(alias), call(&code))).join().unwrap());
    assert_eq!(other, (libc::EFAULT, 2), "a thread made later");
    // Not by its page tables: the same byte, to memory without a key.
    let mut own = 0u8;
    assert_eq!(byte.deliver((&raw mut own) as usize), 0);
    assert_eq!(own, first_byte(&code));
}

#[test]
fn threads_made_earlier_run_and_read_but_do_not_write() {
    in_a_process_of_its_own("keys::threads_made_earlier_run_and_read_but_do_not_write", || {
        let (to, from) = mpsc::channel::<(Code, usize)>();
        let earlier = std::thread::spawn(move || {
            let (code, alias) = from.recv().unwrap();
            let byte = Byte::new(first_byte(&code));
            // SAFETY: code can be read.
            let bytes = unsafe { std::slice::from_raw_parts(code.address().cast::<u8>(), code.len()) };
            assert_eq!(bytes, returns(3, 64));
            let before = (byte.deliver(alias), call(&code));
            // It publishes to the same memory, and may write while it does.
            let own = heap().map(|heap| call(&heap.publish(&returns(4, 64)).unwrap()));
            (before, own, byte.deliver(alias))
        });
        let Some(heap) = heap() else { return };
        let code = heap.publish(&returns(3, 64)).unwrap();
        to.send((code.clone(), sides(&code).0)).unwrap();
        assert_eq!(earlier.join().unwrap(), ((libc::EFAULT, 3), Some(4), libc::EFAULT));
    });
}

static HANDLED: AtomicUsize = AtomicUsize::new(0);
static WROTE: AtomicUsize = AtomicUsize::new(0);
static ALIAS: AtomicUsize = AtomicUsize::new(0);
static PIPE: AtomicUsize = AtomicUsize::new(0);

extern "C" fn handler(_: libc::c_int) {
    if deliver(PIPE.load(Ordering::Relaxed) as libc::c_int, ALIAS.load(Ordering::Relaxed)) != libc::EFAULT {
        WROTE.fetch_add(1, Ordering::Relaxed);
    }
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// It comes in the middle of copies, which are long here: the thread has the right then, its handler has not, and the copy goes
/// on with it afterwards.
#[test]
fn a_signal_handler_has_no_right_of_the_thread_that_it_interrupts() {
    let Some(heap) = heap() else { return };
    let code = heap.publish(&returns(5, 64)).unwrap();
    let byte = Byte::new(first_byte(&code));
    ALIAS.store(sides(&code).0, Ordering::Relaxed);
    PIPE.store(byte.0[0] as usize, Ordering::Relaxed);
    // SAFETY: a handler that only reads from a pipe and counts.
    let before = unsafe { libc::signal(libc::SIGUSR2, handler as *const () as libc::sighandler_t) };
    assert_ne!(before, libc::SIG_ERR);
    // SAFETY: this thread.
    let thread = unsafe { libc::pthread_self() };
    let stop = &std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                // SAFETY: the thread waits for this one.
                unsafe { libc::pthread_kill(thread, libc::SIGUSR2) };
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
        });
        for round in 0.. {
            let code = heap.publish(&returns(round, 1 << 20)).unwrap();
            assert_eq!(call(&code), round);
            if HANDLED.load(Ordering::Relaxed) > 200 {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(WROTE.load(Ordering::Relaxed), 0);
}

/// The child has the key and its own memory under it, but not the parent's writable side.
#[test]
fn a_child_writes_to_its_own_memory_alone() {
    let Some(heap) = heap() else { return };
    let code = heap.publish(&returns(6, 64)).unwrap();
    let (alias, _) = sides(&code);
    let child = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let inherited = maps.lines().any(|line| line.contains(" rw-s ") && line.contains("kiln"));
        let refused = Byte::new(first_byte(&code)).deliver(alias) == libc::EFAULT;
        // Its own may lie where the parent's does.
        let own = heap.publish(&returns(7, 64)).unwrap();
        let (alias, [_, writes]) = sides(&own);
        let own_refused = Byte::new(first_byte(&own)).deliver(alias) == libc::EFAULT;
        !inherited && refused && writes.contains(" rw-s ") && own_refused && (call(&code), call(&own)) == (6, 7)
    };
    assert_eq!(forked(child, || ()), 0);
    assert_eq!(call(&code), 6);
}
