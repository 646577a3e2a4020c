//! What Rust asks of a loader: threads, thread-local variables with destructors, panics that are caught, allocation.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::c_int;
use std::io::Write;
use std::panic;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;

struct Noisy(&'static str);

impl Drop for Noisy {
    fn drop(&mut self) {
        println!("-{}", self.0);
    }
}

static DROPPED: AtomicU32 = AtomicU32::new(0);

struct Own(Cell<u32>);

impl Drop for Own {
    fn drop(&mut self) {
        DROPPED.fetch_add(self.0.get(), Ordering::Relaxed);
    }
}

thread_local! {
    static OWN: Own = const { Own(Cell::new(1)) };
}

fn deep(level: u32) -> u32 {
    let _guard = (level == 2).then(|| Noisy("guard"));
    if level == 0 {
        panic!("at the bottom");
    }
    deep(level - 1) + 1
}

/// Called from C.
#[unsafe(no_mangle)]
pub extern "C" fn rust_main(number: c_int) -> c_int {
    panic::set_hook(Box::new(|info| println!("panic: {info}")));
    let caught = panic::catch_unwind(|| deep(number as u32)).unwrap_err();
    println!("caught {:?}", caught.downcast_ref::<&str>());

    let (sender, receiver) = mpsc::channel();
    let threads: Vec<_> = (0..4u64)
        .map(|number| {
            let sender = sender.clone();
            thread::spawn(move || {
                OWN.with(|own| own.0.set(own.0.get() + number as u32));
                sender.send((number, (1..=15 + number).product::<u64>())).unwrap();
                if number == 3 {
                    panic!("in thread {number}");
                }
            })
        })
        .collect();
    let failed = threads.into_iter().filter_map(|thread| thread.join().err()).count();
    drop(sender);
    let results: BTreeMap<u64, u64> = receiver.into_iter().collect();
    println!("{failed} failed: {results:?}");
    println!("the threads' variables: {}", DROPPED.load(Ordering::Relaxed));
    println!("{}", i32::from_str_radix("12x", 10).unwrap_err());
    std::io::stdout().flush().unwrap();
    number * 2
}
