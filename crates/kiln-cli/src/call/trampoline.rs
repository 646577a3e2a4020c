//! The call itself: registers and stack are filled from a [`Frame`], and what every register holds afterwards is kept.
#![allow(unsafe_code)] // A call of a function whose type is only known at run time, in assembly.

mod again;

use std::arch::naked_asm;
use std::mem::offset_of;

use super::place::Placed;

/// The registers after a call.
#[repr(C)]
#[derive(Clone, Debug)]
pub(crate) struct Registers {
    /// x86-64: in the order of their numbers (rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8…); arm64: x0 to x30, sp.
    pub(crate) general: [u64; 32],
    /// xmm0 to xmm15; v0 to v31.
    pub(crate) vector: [[u64; 2]; 32],
    /// rflags; nzcv.
    pub(crate) flags: u64,
    /// mxcsr; fpcr.
    pub(crate) control: u64,
}

/// Everything about one call. The assembly knows its layout.
#[repr(C)]
pub(crate) struct Frame {
    function: usize,
    stack: *const u64,
    /// A multiple of 16.
    stack_bytes: usize,
    vectors: usize,
    integers: [u64; 8],
    floats: [u64; 8],
    /// What the registers that the function must leave as they are hold; see [`SAVED`].
    pub(crate) kept: [u64; 18],
    /// The stack pointer to come back to.
    back: u64,
    /// The stack pointer at the call.
    pub(crate) stack_pointer: u64,
    /// `control` at the call.
    pub(crate) control: u64,
    pub(crate) after: Registers,
}

/// The frame of the call that is under way: registers cannot be trusted to say where it is when the function is back.
static mut CURRENT: *mut Frame = std::ptr::null_mut();

/// The registers that a function must leave as they are, beside the frame pointer and the stack pointer, with their
/// numbers in [`Registers::general`], in the order of [`Frame::kept`].
#[cfg(target_arch = "x86_64")]
pub(crate) const SAVED: [(&str, usize); 5] = [("rbx", 3), ("r12", 12), ("r13", 13), ("r14", 14), ("r15", 15)];
#[cfg(target_arch = "aarch64")]
pub(crate) const SAVED: [(&str, usize); 10] = [
    ("x19", 19),
    ("x20", 20),
    ("x21", 21),
    ("x22", 22),
    ("x23", 23),
    ("x24", 24),
    ("x25", 25),
    ("x26", 26),
    ("x27", 27),
    ("x28", 28),
];

/// The vector registers whose lower halves a function must leave as they are: behind [`SAVED`] in [`Frame::kept`].
pub(crate) const SAVED_VECTORS: std::ops::Range<usize> = if cfg!(target_arch = "aarch64") { 8..16 } else { 0..0 };

impl Frame {
    pub(crate) fn new(function: usize, placed: &Placed) -> Frame {
        let mut kept = [0; 18];
        for (number, value) in (0u64..).zip(&mut kept) {
            // A pattern that no function makes by chance.
            *value = 0x4b69_6c6e_0000_0000 | number << 8 | 0xa5;
        }
        let after = Registers { general: [0; 32], vector: [[0; 2]; 32], flags: 0, control: 0 };
        Frame {
            function,
            stack: placed.stack.as_ptr(),
            stack_bytes: placed.stack.len() * 8,
            vectors: placed.float_count,
            integers: placed.integers,
            floats: placed.floats,
            kept,
            back: 0,
            stack_pointer: 0,
            control: 0,
            after,
        }
    }

    /// Calls the function.
    ///
    /// # Safety
    ///
    /// A function stands at the frame's address that takes these arguments by the platform's convention; what the frame was
    /// made from still lives; and no other call is under way.
    pub(crate) unsafe fn call(&mut self) {
        // SAFETY: the frame is whole; the rest is the caller's word.
        unsafe { enter(self) }
    }

    /// Calls the function, or does all but that, so many times, and keeps nothing of it: for measuring.
    ///
    /// # Safety
    ///
    /// As [`call`](Frame::call); and the function keeps what it must keep ([`lost`](Frame::lost)).
    pub(crate) unsafe fn repeat(&self, count: std::num::NonZeroUsize, really: bool) {
        // SAFETY: the frame is whole; the rest is the caller's word.
        unsafe { again::again(self, count.get(), if really { self.function } else { 0 }) }
    }

    /// The first of the registers that the call must have kept and has not.
    pub(crate) fn lost(&self) -> Option<&'static str> {
        let pointers = if cfg!(target_arch = "x86_64") { ("rsp", 4, "rbp", 5) } else { ("sp", 31, "x29", 29) };
        let general = |number: usize| self.after.general[number];
        if general(pointers.1) != self.stack_pointer {
            return Some(pointers.0);
        }
        if general(pointers.3) != self.frame_pointer() {
            return Some(pointers.2);
        }
        let mut kept = SAVED.iter().zip(&self.kept);
        kept.find(|((_, number), kept)| general(*number) != **kept).map(|((name, _), _)| *name)
    }

    /// What the frame pointer is during the call, and must be behind it.
    pub(crate) fn frame_pointer(&self) -> u64 {
        self.back + FRAME_POINTER
    }
}

/// How far the frame pointer is above `back`.
const FRAME_POINTER: u64 = if cfg!(target_arch = "x86_64") { 64 } else { 0 };

/// Assembly that knows where everything stands in a frame, with operands of its own behind a semicolon.
macro_rules! with_frame {
    ($($line:expr,)* ; $($own:tt)*) => {
        naked_asm!(
            $($line,)*
            current = sym CURRENT,
            before = const offset_of!(Frame, control),
            back = const offset_of!(Frame, back),
            stack = const offset_of!(Frame, stack),
            stack_bytes = const offset_of!(Frame, stack_bytes),
            stack_pointer = const offset_of!(Frame, stack_pointer),
            floats = const offset_of!(Frame, floats),
            integers = const offset_of!(Frame, integers),
            kept = const offset_of!(Frame, kept),
            function = const offset_of!(Frame, function),
            general = const offset_of!(Frame, after) + offset_of!(Registers, general),
            vector = const offset_of!(Frame, after) + offset_of!(Registers, vector),
            flags = const offset_of!(Frame, after) + offset_of!(Registers, flags),
            control = const offset_of!(Frame, after) + offset_of!(Registers, control),
            $($own)*
        )
    };
}

/// Makes the call that `frame` describes.
///
/// # Safety
///
/// As [`Frame::call`].
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn enter(frame: *mut Frame) {
    with_frame!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 24",
        "stmxcsr [rsp]",
        "mov eax, [rsp]",
        "mov [rdi + {before}], rax",
        "mov [rdi + {back}], rsp",
        "mov [rip + {current}], rdi",
        "mov r11, rdi",
        // The stack, from its end.
        "mov rsi, [r11 + {stack}]",
        "mov rcx, [r11 + {stack_bytes}]",
        "sub rsp, rcx",
        "2:",
        "test rcx, rcx",
        "je 3f",
        "mov rax, [rsi + rcx - 8]",
        "mov [rsp + rcx - 8], rax",
        "sub rcx, 8",
        "jmp 2b",
        "3:",
        "mov [r11 + {stack_pointer}], rsp",
        "movsd xmm0, [r11 + {floats}]",
        "movsd xmm1, [r11 + {floats} + 8]",
        "movsd xmm2, [r11 + {floats} + 16]",
        "movsd xmm3, [r11 + {floats} + 24]",
        "movsd xmm4, [r11 + {floats} + 32]",
        "movsd xmm5, [r11 + {floats} + 40]",
        "movsd xmm6, [r11 + {floats} + 48]",
        "movsd xmm7, [r11 + {floats} + 56]",
        "mov rbx, [r11 + {kept}]",
        "mov r12, [r11 + {kept} + 8]",
        "mov r13, [r11 + {kept} + 16]",
        "mov r14, [r11 + {kept} + 24]",
        "mov r15, [r11 + {kept} + 32]",
        "mov rdi, [r11 + {integers}]",
        "mov rsi, [r11 + {integers} + 8]",
        "mov rdx, [r11 + {integers} + 16]",
        "mov rcx, [r11 + {integers} + 24]",
        "mov r8, [r11 + {integers} + 32]",
        "mov r9, [r11 + {integers} + 40]",
        "mov rax, [r11 + {vectors}]",
        "call [r11 + {function}]",
        // No register and no stack pointer can be trusted: rax waits in a variable until the frame is found.
        "mov [rip + {rax}], rax",
        "mov rax, [rip + {current}]",
        "mov [rax + {general} + 8], rcx",
        "mov [rax + {general} + 16], rdx",
        "mov [rax + {general} + 24], rbx",
        "mov [rax + {general} + 32], rsp",
        "mov [rax + {general} + 40], rbp",
        "mov [rax + {general} + 48], rsi",
        "mov [rax + {general} + 56], rdi",
        "mov [rax + {general} + 64], r8",
        "mov [rax + {general} + 72], r9",
        "mov [rax + {general} + 80], r10",
        "mov [rax + {general} + 88], r11",
        "mov [rax + {general} + 96], r12",
        "mov [rax + {general} + 104], r13",
        "mov [rax + {general} + 112], r14",
        "mov [rax + {general} + 120], r15",
        "mov rcx, [rip + {rax}]",
        "mov [rax + {general}], rcx",
        "mov rsp, [rax + {back}]",
        "pushfq",
        "pop [rax + {flags}]",
        "cld",
        "movups [rax + {vector}], xmm0",
        "movups [rax + {vector} + 16], xmm1",
        "movups [rax + {vector} + 32], xmm2",
        "movups [rax + {vector} + 48], xmm3",
        "movups [rax + {vector} + 64], xmm4",
        "movups [rax + {vector} + 80], xmm5",
        "movups [rax + {vector} + 96], xmm6",
        "movups [rax + {vector} + 112], xmm7",
        "movups [rax + {vector} + 128], xmm8",
        "movups [rax + {vector} + 144], xmm9",
        "movups [rax + {vector} + 160], xmm10",
        "movups [rax + {vector} + 176], xmm11",
        "movups [rax + {vector} + 192], xmm12",
        "movups [rax + {vector} + 208], xmm13",
        "movups [rax + {vector} + 224], xmm14",
        "movups [rax + {vector} + 240], xmm15",
        "stmxcsr [rsp + 8]",
        "mov ecx, [rsp + 8]",
        "mov [rax + {control}], rcx",
        "ldmxcsr [rsp]",
        "add rsp, 24",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        ; rax = sym RAX, vectors = const offset_of!(Frame, vectors),
    )
}

/// Where rax waits.
#[cfg(target_arch = "x86_64")]
static mut RAX: u64 = 0;

/// The address of [`CURRENT`] in a register, as Mach-O's assemblers write it and as ELF's do.
#[cfg(all(target_arch = "aarch64", target_vendor = "apple"))]
macro_rules! current {
    ($register:literal) => {
        concat!("adrp ", $register, ", {current}@PAGE\nadd ", $register, ", ", $register, ", {current}@PAGEOFF")
    };
}
#[cfg(all(target_arch = "aarch64", not(target_vendor = "apple")))]
macro_rules! current {
    ($register:literal) => {
        concat!("adrp ", $register, ", {current}\nadd ", $register, ", ", $register, ", :lo12:{current}")
    };
}

/// Makes the call that `frame` describes.
///
/// # Safety
///
/// As [`Frame::call`].
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn enter(frame: *mut Frame) {
    with_frame!(
        "stp x29, x30, [sp, #-176]!",
        "mov x29, sp",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "stp d8, d9, [sp, #96]",
        "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]",
        "stp d14, d15, [sp, #144]",
        "mrs x9, fpcr",
        "str x9, [sp, #160]",
        "str x9, [x0, {before}]",
        "mov x9, sp",
        "str x9, [x0, {back}]",
        current!("x10"),
        "str x0, [x10]",
        "mov x9, x0",
        // The stack, from its end.
        "ldr x10, [x9, {stack_bytes}]",
        "ldr x11, [x9, {stack}]",
        "sub sp, sp, x10",
        "2:",
        "cbz x10, 3f",
        "sub x10, x10, #8",
        "ldr x12, [x11, x10]",
        "str x12, [sp, x10]",
        "b 2b",
        "3:",
        "mov x10, sp",
        "str x10, [x9, {stack_pointer}]",
        "ldp d0, d1, [x9, {floats}]",
        "ldp d2, d3, [x9, {floats} + 16]",
        "ldp d4, d5, [x9, {floats} + 32]",
        "ldp d6, d7, [x9, {floats} + 48]",
        "ldp x19, x20, [x9, {kept}]",
        "ldp x21, x22, [x9, {kept} + 16]",
        "ldp x23, x24, [x9, {kept} + 32]",
        "ldp x25, x26, [x9, {kept} + 48]",
        "ldp x27, x28, [x9, {kept} + 64]",
        "ldp d8, d9, [x9, {kept} + 80]",
        "ldp d10, d11, [x9, {kept} + 96]",
        "ldp d12, d13, [x9, {kept} + 112]",
        "ldp d14, d15, [x9, {kept} + 128]",
        "ldp x0, x1, [x9, {integers}]",
        "ldp x2, x3, [x9, {integers} + 16]",
        "ldp x4, x5, [x9, {integers} + 32]",
        "ldp x6, x7, [x9, {integers} + 48]",
        "ldr x16, [x9, {function}]",
        "blr x16",
        // No register and no stack pointer can be trusted; x16 is the one whose value is given up.
        current!("x16"),
        "ldr x16, [x16]",
        "str x17, [x16, {general} + 136]",
        "add x17, x16, {general}",
        "stp x0, x1, [x17]",
        "stp x2, x3, [x17, #16]",
        "stp x4, x5, [x17, #32]",
        "stp x6, x7, [x17, #48]",
        "stp x8, x9, [x17, #64]",
        "stp x10, x11, [x17, #80]",
        "stp x12, x13, [x17, #96]",
        "stp x14, x15, [x17, #112]",
        "str xzr, [x17, #128]",
        "stp x18, x19, [x17, #144]",
        "stp x20, x21, [x17, #160]",
        "stp x22, x23, [x17, #176]",
        "stp x24, x25, [x17, #192]",
        "stp x26, x27, [x17, #208]",
        "stp x28, x29, [x17, #224]",
        "str x30, [x17, #240]",
        "mov x0, sp",
        "str x0, [x17, #248]",
        "add x17, x16, {vector}",
        "stp q0, q1, [x17]",
        "stp q2, q3, [x17, #32]",
        "stp q4, q5, [x17, #64]",
        "stp q6, q7, [x17, #96]",
        "stp q8, q9, [x17, #128]",
        "stp q10, q11, [x17, #160]",
        "stp q12, q13, [x17, #192]",
        "stp q14, q15, [x17, #224]",
        "stp q16, q17, [x17, #256]",
        "stp q18, q19, [x17, #288]",
        "stp q20, q21, [x17, #320]",
        "stp q22, q23, [x17, #352]",
        "stp q24, q25, [x17, #384]",
        "stp q26, q27, [x17, #416]",
        "stp q28, q29, [x17, #448]",
        "stp q30, q31, [x17, #480]",
        "mrs x17, nzcv",
        "str x17, [x16, {flags}]",
        "mrs x17, fpcr",
        "str x17, [x16, {control}]",
        "ldr x17, [x16, {back}]",
        "mov sp, x17",
        "ldr x17, [sp, #160]",
        "msr fpcr, x17",
        "ldp d14, d15, [sp, #144]",
        "ldp d12, d13, [sp, #128]",
        "ldp d10, d11, [sp, #112]",
        "ldp d8, d9, [sp, #96]",
        "ldp x27, x28, [sp, #80]",
        "ldp x25, x26, [sp, #64]",
        "ldp x23, x24, [sp, #48]",
        "ldp x21, x22, [sp, #32]",
        "ldp x19, x20, [sp, #16]",
        "ldp x29, x30, [sp], #176",
        "ret",
        ;
    )
}
