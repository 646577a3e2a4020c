//! A call through `Function` beside a call of a function that the compiler knows.

use std::hint::black_box;

use kiln::{CodeHeap, Function, HeapOptions};

use crate::nanoseconds;

const CALLS: usize = 20_000_000;

#[inline(never)]
extern "C" fn known(n: u64) -> u64 {
    n.wrapping_add(1)
}

/// Kept apart so that its instructions can be looked at.
#[inline(never)]
fn through_function(function: &Function<extern "C" fn(u64) -> u64>, calls: usize) -> u64 {
    let mut n = 0;
    for _ in 0..calls {
        n = function.call(n);
    }
    n
}

#[inline(never)]
fn directly(calls: usize) -> u64 {
    let mut n = 0;
    for _ in 0..calls {
        n = known(n);
    }
    n
}

pub fn report() {
    let code: &[u8] = if cfg!(target_arch = "x86_64") {
        // lea rax, [rdi + 1]; ret
        &[0x48, 0x8d, 0x47, 0x01, 0xc3]
    } else {
        // add x0, x0, #1; ret
        &[0x00, 0x04, 0x00, 0x91, 0xc0, 0x03, 0x5f, 0xd6]
    };
    let function = |options| -> Function<extern "C" fn(u64) -> u64> {
        let code = CodeHeap::new(options).expect("a heap").publish(code).expect("published");
        // SAFETY: the function's type.
        unsafe { code.function() }
    };
    let near = function(HeapOptions::new());
    let far = function(HeapOptions::new().near(0x20_0000_0000 as *const (), 1 << 30));
    let mut rows = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..9 {
        rows[0].push(nanoseconds(CALLS, || assert_eq!(directly(black_box(CALLS)), CALLS as u64)));
        rows[1].push(nanoseconds(CALLS, || assert_eq!(through_function(&near, black_box(CALLS)), CALLS as u64)));
        rows[2].push(nanoseconds(CALLS, || assert_eq!(through_function(&far, black_box(CALLS)), CALLS as u64)));
    }
    println!("\na call, in a loop");
    for (name, mut row) in ["of a known function", "Function::call, near (as usual)", "Function::call, far"].into_iter().zip(rows) {
        row.sort_by(f64::total_cmp);
        println!("{name:<32} {:>8.2} ns", row[row.len() / 2]);
    }
}
