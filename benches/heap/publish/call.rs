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

/// A loop of calls through a bare pointer, for comparison.
#[inline(never)]
fn through_pointer(function: &extern "C" fn(u64) -> u64, calls: usize) -> u64 {
    let mut n = 0;
    for _ in 0..calls {
        n = function(n);
    }
    n
}

/// The instructions of a function of this program up to its last return, with what names its own addresses left out.
#[cfg(target_arch = "x86_64")]
fn instructions(address: usize) -> Vec<String> {
    use iced_x86::{Code, Decoder, DecoderOptions, Formatter, GasFormatter};

    // SAFETY: code of this program can be read; what is read past its end is other code.
    let bytes = unsafe { std::slice::from_raw_parts(address as *const u8, 160) };
    let mut decoder = Decoder::with_ip(64, bytes, 0, DecoderOptions::NONE);
    let mut lines = Vec::new();
    while decoder.can_decode() {
        let instruction = decoder.decode();
        let mut line = String::new();
        GasFormatter::new().format(&instruction, &mut line);
        lines.push(line);
        // Padding follows.
        if instruction.code() == Code::Retnq && matches!(bytes.get(decoder.position()), Some(0xcc | 0x90 | 0x66 | 0x0f)) {
            break;
        }
    }
    lines
}

/// That a call through `Function` is one instruction, which takes the address from the first word of the `Function`: the same loop as
/// one of calls through a pointer.
#[cfg(target_arch = "x86_64")]
fn show() {
    let ours = instructions(through_function as *const () as usize);
    let bare = instructions(through_pointer as *const () as usize);
    println!("\na loop of Function::call\n    {}", ours.join("\n    "));
    let calls = |lines: &[String]| lines.iter().filter(|line| line.contains("call")).cloned().collect::<Vec<_>>();
    println!("a loop of calls through a bare pointer has {} instructions, this one {}", bare.len(), ours.len());
    assert_eq!((calls(&ours).len(), ours.len()), (calls(&bare).len(), bare.len()), "{bare:#?}");
}

#[cfg(not(target_arch = "x86_64"))]
fn show() {}

pub fn report() {
    show();
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
    let bare: extern "C" fn(u64) -> u64 = known;
    let mut rows = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..9 {
        rows[0].push(nanoseconds(CALLS, || assert_eq!(directly(black_box(CALLS)), CALLS as u64)));
        rows[1].push(nanoseconds(CALLS, || assert_eq!(through_function(&near, black_box(CALLS)), CALLS as u64)));
        rows[3].push(nanoseconds(CALLS, || assert_eq!(through_pointer(black_box(&bare), black_box(CALLS)), CALLS as u64)));
        rows[2].push(nanoseconds(CALLS, || assert_eq!(through_function(&far, black_box(CALLS)), CALLS as u64)));
    }
    println!("\na call, in a loop");
    for (name, mut row) in ["of a known function", "Function::call, near (as usual)", "Function::call, far", "of a known function by a pointer"].into_iter().zip(rows) {
        row.sort_by(f64::total_cmp);
        println!("{name:<32} {:>8.2} ns", row[row.len() / 2]);
    }
}
