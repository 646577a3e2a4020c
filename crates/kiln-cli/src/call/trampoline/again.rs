//! Many calls with the least around them, for measuring.
#![allow(unsafe_code)] // Calls of a function whose type is only known at run time, in assembly.

use std::arch::naked_asm;
use std::mem::offset_of;

use super::Frame;

/// Makes the call that `frame` describes `count` times, without what is only for one call; if `function` is 0, all but the call.
///
/// # Safety
///
/// As [`Frame::repeat`].
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
pub(super) unsafe extern "C" fn again(frame: *const Frame, count: usize, function: usize) {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "mov rbx, rdi",
        "mov r12, rsi",
        "mov r13, rdx",
        "mov r14, [rbx + {stack_bytes}]",
        "mov r15, [rbx + {vectors}]",
        "sub rsp, r14",
        "2:",
        "test r14, r14",
        "je 4f",
        "mov rsi, [rbx + {stack}]",
        "mov rcx, r14",
        "3:",
        "mov rax, [rsi + rcx - 8]",
        "mov [rsp + rcx - 8], rax",
        "sub rcx, 8",
        "jne 3b",
        "4:",
        "test r15, r15",
        "je 5f",
        "movsd xmm0, [rbx + {floats}]",
        "movsd xmm1, [rbx + {floats} + 8]",
        "movsd xmm2, [rbx + {floats} + 16]",
        "movsd xmm3, [rbx + {floats} + 24]",
        "movsd xmm4, [rbx + {floats} + 32]",
        "movsd xmm5, [rbx + {floats} + 40]",
        "movsd xmm6, [rbx + {floats} + 48]",
        "movsd xmm7, [rbx + {floats} + 56]",
        "5:",
        "mov rdi, [rbx + {integers}]",
        "mov rsi, [rbx + {integers} + 8]",
        "mov rdx, [rbx + {integers} + 16]",
        "mov rcx, [rbx + {integers} + 24]",
        "mov r8, [rbx + {integers} + 32]",
        "mov r9, [rbx + {integers} + 40]",
        "mov rax, r15",
        "test r13, r13",
        "je 6f",
        "call r13",
        "6:",
        "dec r12",
        "jne 2b",
        "lea rsp, [rbp - 40]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        stack = const offset_of!(Frame, stack),
        stack_bytes = const offset_of!(Frame, stack_bytes),
        vectors = const offset_of!(Frame, vectors),
        floats = const offset_of!(Frame, floats),
        integers = const offset_of!(Frame, integers),
    )
}

/// Makes the call that `frame` describes `count` times, without what is only for one call; if `function` is 0, all but the call.
///
/// # Safety
///
/// As [`Frame::repeat`].
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
pub(super) unsafe extern "C" fn again(frame: *const Frame, count: usize, function: usize) {
    naked_asm!(
        "stp x29, x30, [sp, #-64]!",
        "mov x29, sp",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "mov x19, x0",
        "mov x20, x1",
        "mov x21, x2",
        "ldr x22, [x19, {stack_bytes}]",
        "ldr x23, [x19, {stack}]",
        "ldr x24, [x19, {vectors}]",
        "sub sp, sp, x22",
        "2:",
        "mov x10, x22",
        "3:",
        "cbz x10, 4f",
        "sub x10, x10, #8",
        "ldr x12, [x23, x10]",
        "str x12, [sp, x10]",
        "b 3b",
        "4:",
        "cbz x24, 5f",
        "ldp d0, d1, [x19, {floats}]",
        "ldp d2, d3, [x19, {floats} + 16]",
        "ldp d4, d5, [x19, {floats} + 32]",
        "ldp d6, d7, [x19, {floats} + 48]",
        "5:",
        "ldp x0, x1, [x19, {integers}]",
        "ldp x2, x3, [x19, {integers} + 16]",
        "ldp x4, x5, [x19, {integers} + 32]",
        "ldp x6, x7, [x19, {integers} + 48]",
        "cbz x21, 6f",
        "blr x21",
        "6:",
        "subs x20, x20, #1",
        "b.ne 2b",
        "mov sp, x29",
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x29, x30, [sp], #64",
        "ret",
        stack = const offset_of!(Frame, stack),
        stack_bytes = const offset_of!(Frame, stack_bytes),
        vectors = const offset_of!(Frame, vectors),
        floats = const offset_of!(Frame, floats),
        integers = const offset_of!(Frame, integers),
    )
}
