//! Linux, with glibc.
#![allow(unsafe_code)] // The C library's functions.

use std::ffi::{c_char, c_int, c_void};

pub(super) const HAS_ON_EXIT: bool = true;
pub(super) const HAS_AT_QUICK_EXIT: bool = true;

unsafe extern "C" {
    pub(super) fn __cxa_atexit(
        function: extern "C" fn(*mut c_void),
        argument: *mut c_void,
        handle: *mut c_void,
    ) -> c_int;
    fn __cxa_finalize(handle: *mut c_void);
    fn __cxa_at_quick_exit(function: extern "C" fn(), handle: *mut c_void) -> c_int;
    fn __cxa_thread_atexit_impl(
        function: extern "C" fn(*mut c_void),
        object: *mut c_void,
        handle: *mut c_void,
    ) -> c_int;
    static environ: *const *const c_char;
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

/// # Safety
///
/// `function` may be called until `finalize` is called with `handle`.
pub(super) unsafe fn at_quick_exit(function: extern "C" fn(), handle: *mut c_void) -> c_int {
    // SAFETY: by the caller's word.
    unsafe { __cxa_at_quick_exit(function, handle) }
}

/// Has `function` called at the end of this thread.
///
/// # Safety
///
/// It may be called then.
pub(super) unsafe fn thread_atexit(function: extern "C" fn(*mut c_void), object: *mut c_void) -> c_int {
    unsafe extern "C" {
        static __dso_handle: u8;
    }
    // The library that Kiln is in, which is kept loaded too.
    let kiln = (&raw const __dso_handle).cast_mut().cast();
    // SAFETY: by the caller's word.
    unsafe { __cxa_thread_atexit_impl(function, object, kiln) }
}

/// `environ`.
pub(super) fn environment() -> *const *const c_char {
    // SAFETY: the C library's own variable. That another thread may change it is true of every program.
    unsafe { environ }
}

/// `AT_HWCAP` and `AT_HWCAP2` of the auxiliary vector.
pub(super) fn hardware_capabilities() -> (u64, u64) {
    // SAFETY: asks for a number.
    let hwcap = unsafe { libc::getauxval(libc::AT_HWCAP) };
    // SAFETY: as above.
    let hwcap2 = unsafe { libc::getauxval(libc::AT_HWCAP2) };
    (hwcap, hwcap2)
}

unsafe extern "C" {
    /// Takes a whole table (libgcc, `unwind-dw2-fde.c`).
    fn __register_frame(table: *const c_void);
    fn __deregister_frame(table: *const c_void);
}

/// # Safety
///
/// A table of call frame information stands at `table`, with at least one record, and stays until it is deregistered.
pub(super) unsafe fn register_frames(table: usize, _descriptions: &[u64]) {
    // SAFETY: by the caller's word.
    unsafe { __register_frame(table as *const c_void) }
}

/// # Safety
///
/// The table was registered, and is still there.
pub(super) unsafe fn deregister_frames(table: usize, _descriptions: &[u64]) {
    // SAFETY: by the caller's word.
    unsafe { __deregister_frame(table as *const c_void) }
}
