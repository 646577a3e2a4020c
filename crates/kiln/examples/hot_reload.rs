//! Code that is exchanged while it runs: a thread calls an entry point, and each "build" of the function takes the place of
//! the one before, without the thread noticing more than other results.
//!
//!     cargo run -p kiln --example hot_reload
#![allow(unsafe_code)] // Loads code that it made itself.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use kiln::{CodeHeap, Function, HeapOptions, Linker, Slot, Target};

type Price = extern "C" fn(u64) -> u64;

/// A build of the function: what a compiler would make of `fn price(n: u64) -> u64 { n * factor }`.
fn build(version: u32, factor: u32) -> kiln::Result<Function<Price>> {
    let text = if cfg!(target_arch = "x86_64") {
        format!(".globl price\nprice: imul ${factor}, %rdi, %rax\nret\n")
    } else if cfg!(target_os = "macos") {
        format!(".globl _price\n.p2align 2\n_price: mov x1, #{factor}\nmul x0, x0, x1\nret\n")
    } else {
        format!(".globl price\nprice: mov x1, #{factor}\nmul x0, x0, x1\nret\n")
    };
    let mut linker = Linker::new(Target::host());
    linker.add_assembly(&format!("price-{version}.s"), &text)?;
    // SAFETY: the code keeps to the calling convention and needs nothing.
    let module = unsafe { linker.load() }?;
    // SAFETY: the function's type. It keeps its module.
    unsafe { module.function("price") }
}

fn main() -> kiln::Result<()> {
    let heap = CodeHeap::new(HeapOptions::new())?;
    let slot = Slot::new(&heap, build(0, 1)?)?;
    let entry = slot.entry();
    let (stop, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let mut newest = 0;
            while !stop.load(Ordering::Relaxed) {
                let price = entry.call(10);
                assert!(price >= newest, "an older version came back: {price} after {newest}");
                newest = price;
                calls.fetch_add(1, Ordering::Relaxed);
            }
            newest
        });
        let builds = (|| {
            for version in 1..=20 {
                slot.replace(build(version, version * 100)?);
                let seen = calls.load(Ordering::Relaxed);
                while calls.load(Ordering::Relaxed) < seen + 100 {
                    std::thread::yield_now();
                }
            }
            kiln::Result::Ok(())
        })();
        stop.store(true, Ordering::Relaxed);
        let newest = worker.join().unwrap_or_default();
        builds?;
        assert_eq!(newest, 20_000, "the worker saw the last version");
        kiln::Result::Ok(())
    })?;
    // SAFETY: the worker is gone, so nobody is in an old version.
    let freed = unsafe { slot.forget() };
    println!("20 versions, {freed} of them freed; the newest says {}", entry.call(10));
    Ok(())
}
