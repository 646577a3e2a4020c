//! macOS. Nothing here was measured on Apple hardware.
#![allow(unsafe_code)] // The C library's functions.

use std::ffi::{c_char, c_int, c_void};

/// The C library has neither.
pub(super) const HAS_ON_EXIT: bool = false;
pub(super) const HAS_AT_QUICK_EXIT: bool = false;

unsafe extern "C" {
    pub(super) fn __cxa_atexit(
        function: extern "C" fn(*mut c_void),
        argument: *mut c_void,
        handle: *mut c_void,
    ) -> c_int;
    /// Of what `__cxa_atexit` registered, calls what has this handle (Libc: stdlib/FreeBSD/atexit.c).
    fn __cxa_finalize(handle: *mut c_void);
    fn _tlv_atexit(function: extern "C" fn(*mut c_void), object: *mut c_void);
    fn _NSGetEnviron() -> *const *const *const c_char;
}

/// Calls what was registered under `handle`, in the reverse order, and forgets it.
///
/// # Safety
///
/// What was registered may still be called.
pub(super) unsafe fn finalize(handle: usize) {
    // SAFETY: by the caller's word.
    unsafe { __cxa_finalize(handle as *mut c_void) }
}

/// Not on this system: the name means nothing here.
///
/// # Safety
///
/// None here.
pub(super) unsafe fn at_quick_exit(_function: extern "C" fn(), _handle: *mut c_void) -> c_int {
    -1
}

/// The C library has no way to forget what `pthread_atfork` was given (libpthread: src/pthread_atfork.c).
pub(super) const FORGETS_AT_FORK: bool = false;

/// Has functions called around each `fork`.
///
/// # Safety
///
/// They may be called for as long as the process runs.
pub(super) unsafe fn at_fork(
    prepare: Option<extern "C" fn()>,
    parent: Option<extern "C" fn()>,
    child: Option<extern "C" fn()>,
    _handle: *mut c_void,
) -> c_int {
    unsafe extern "C" {
        fn pthread_atfork(
            prepare: Option<extern "C" fn()>,
            parent: Option<extern "C" fn()>,
            child: Option<extern "C" fn()>,
        ) -> c_int;
    }
    // SAFETY: by the caller's word.
    unsafe { pthread_atfork(prepare, parent, child) }
}

/// Has `function` called at the end of this thread.
///
/// # Safety
///
/// It may be called then.
pub(super) unsafe fn thread_atexit(function: extern "C" fn(*mut c_void), object: *mut c_void) -> c_int {
    // SAFETY: by the caller's word.
    unsafe { _tlv_atexit(function, object) };
    0
}

/// `environ`.
pub(super) fn environment() -> *const *const c_char {
    // SAFETY: asks where the variable is.
    let environ = unsafe { _NSGetEnviron() };
    // SAFETY: the C library's own variable. That another thread may change it is true of every program.
    unsafe { *environ }
}

/// Nothing that code asks for here.
pub(super) fn hardware_capabilities() -> (u64, u64) {
    (0, 0)
}

unsafe extern "C" {
    /// Takes one frame description (libunwind, `UnwindLevel1-gcc-ext.c`).
    fn __register_frame(description: *const c_void);
    fn __deregister_frame(description: *const c_void);
}

/// # Safety
///
/// The frame descriptions stand at these addresses, and stay until they are deregistered.
pub(super) unsafe fn register_frames(_table: usize, descriptions: &[u64]) {
    for description in descriptions {
        // SAFETY: by the caller's word.
        unsafe { __register_frame(*description as usize as *const c_void) }
    }
}

/// # Safety
///
/// They were registered, and are still there.
pub(super) unsafe fn deregister_frames(_table: usize, descriptions: &[u64]) {
    for description in descriptions {
        // SAFETY: by the caller's word.
        unsafe { __deregister_frame(*description as usize as *const c_void) }
    }
}

/// Storage that the system's loader made: none here.
#[derive(Debug)]
pub(super) enum Opened {}

/// # Errors
///
/// Always: the loader of this system reads no ELF.
pub(super) fn open_storage(_library: &[u8], _count: usize) -> Result<(Opened, Vec<u64>), String> {
    Err("thread-local variables of ELF objects need a loader of ELF libraries".to_owned())
}

/// # Safety
///
/// None here.
pub(crate) unsafe fn library_file(_handle: *mut c_void) -> Option<String> {
    None
}

/// What ELF objects can use of the process's: nothing.
pub(super) fn has_thread_local(_name: &str) -> bool {
    false
}

/// Nanoseconds of the clock that profilers use: what `mach_absolute_time` counts, not the clock that is monotonic elsewhere
/// (samply: its issue 539).
pub(super) fn profilers_clock() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: room for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_UPTIME_RAW, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// How long this process is there: nothing here asks.
pub(super) fn process_age() -> Option<std::time::Duration> {
    None
}

/// Profilers use none here, and theirs has 64 bits where the file has 32.
pub(super) fn thread_number() -> u32 {
    0
}

/// Nothing here: profilers see files being opened.
#[derive(Debug)]
pub(super) struct Marker;

impl Marker {
    pub(super) fn new(_file: &std::fs::File) -> std::io::Result<Marker> {
        Ok(Marker)
    }
}

// What debuggers know generated code by (*Debugging with GDB*, "JIT Compilation Interface"). Rust has no weak definitions.
// `ret` is the same on every architecture here.
std::arch::global_asm!(
    ".section __DATA,__data",
    ".globl ___jit_debug_descriptor",
    ".weak_definition ___jit_debug_descriptor",
    ".p2align 3",
    "___jit_debug_descriptor: .long 1, 0",
    ".quad 0, 0",
    ".section __TEXT,__text,regular,pure_instructions",
    ".globl ___jit_debug_register_code",
    ".weak_definition ___jit_debug_register_code",
    ".p2align 4",
    "___jit_debug_register_code: ret",
);
