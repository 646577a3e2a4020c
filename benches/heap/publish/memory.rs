//! Memory over the code, and pages that are writable and executable.

use crate::candidates::*;
use crate::{CODE, Heap, MANY, sizes};

/// The proportional set size: a page that is mapped twice counts once.
fn resident() -> i64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux");
    let line = text.lines().find(|line| line.starts_with("Pss:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|number| number.parse::<i64>().ok()).expect("a number") * 1024
}

fn figure<H: Heap>() {
    let sizes = sizes(H::MANY);
    let bytes: usize = sizes.iter().sum();
    let mut codes: Vec<H::Code> = Vec::with_capacity(MANY);
    // The handles are the user's memory: have it touched.
    // SAFETY: within the capacity.
    unsafe { std::ptr::write_bytes(codes.as_mut_ptr().cast::<u8>(), 1, MANY * size_of::<H::Code>()) };
    // What is read from the program's file, and the allocator's first pages, are nobody's code.
    let mut warm = H::new();
    let few: Vec<H::Code> = sizes[..100].iter().map(|&size| warm.publish(&CODE[..size])).collect();
    warm.finish();
    few.into_iter().for_each(|code| warm.free(code));
    drop(warm);
    resident();
    let mut heap = H::new();
    let before = resident();
    for &size in &sizes {
        codes.push(heap.publish(&CODE[..size]));
    }
    heap.finish();
    let over = (resident() - before) as f64 / bytes as f64 - 1.0;
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux");
    let bad = maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with("rwx"))).count();
    println!("{:<32} {:>+8.1} % {:>8}", H::NAME, 100.0 * over, if bad > 0 { "yes" } else { "never" });
    codes.drain(..).for_each(|code| heap.free(code));
}

/// Each in a process of its own: what one leaves behind counts for nobody else.
fn apart(figure: fn()) {
    // SAFETY: one thread runs.
    match unsafe { libc::fork() } {
        0 => {
            figure();
            // SAFETY: ends the child.
            unsafe { libc::_exit(0) };
        }
        child => {
            // SAFETY: our own child.
            unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
        }
    }
}

pub fn report() {
    println!("\n                                  memory over    pages that are\n                                     the code    rwx");
    apart(figure::<MapEach>);
    apart(figure::<DualBare>);
    apart(figure::<Kiln>);
    apart(figure::<KilnSeal>);
    #[cfg(asmjit)]
    apart(figure::<AsmJitDual>);
    #[cfg(asmjit)]
    apart(figure::<AsmJitDefault>);
    apart(figure::<JitAllocatorDual>);
    apart(figure::<Dynasm>);
}
