//! Linux, with glibc.
#![allow(unsafe_code)] // The C library's functions.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::memory::sys::Mapping;

pub(super) const HAS_ON_EXIT: bool = true;
pub(super) const HAS_AT_QUICK_EXIT: bool = true;

unsafe extern "C" {
    pub(super) fn __cxa_atexit(
        function: extern "C" fn(*mut c_void),
        argument: *mut c_void,
        handle: *mut c_void,
    ) -> c_int;
    fn __cxa_finalize(handle: *mut c_void);
    fn __register_atfork(
        prepare: Option<extern "C" fn()>,
        parent: Option<extern "C" fn()>,
        child: Option<extern "C" fn()>,
        handle: *mut c_void,
    ) -> c_int;
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

/// Whether [`finalize`] forgets what [`at_fork`] was given.
pub(super) const FORGETS_AT_FORK: bool = true;

/// Has functions called around each `fork` (Linux Standard Base Core, `__register_atfork`).
///
/// # Safety
///
/// They may be called until `finalize` is called with `handle`.
pub(super) unsafe fn at_fork(
    prepare: Option<extern "C" fn()>,
    parent: Option<extern "C" fn()>,
    child: Option<extern "C" fn()>,
    handle: *mut c_void,
) -> c_int {
    // SAFETY: by the caller's word.
    unsafe { __register_atfork(prepare, parent, child, handle) }
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

/// A shared library of [`open_storage`], closed when it is dropped.
#[derive(Debug)]
pub(super) struct Opened(*mut c_void);

// SAFETY: a handle of the loader's is the process's, not a thread's, and the loader has a lock.
unsafe impl Send for Opened {}
// SAFETY: as above; through a shared reference there is nothing to do.
unsafe impl Sync for Opened {}

impl Drop for Opened {
    fn drop(&mut self) {
        // SAFETY: opened by `open_storage`, closed here alone, when no code counts with it any more.
        unsafe { libc::dlclose(self.0) };
    }
}

/// Gives the loader a shared library that is only in memory, and reads its `count` words.
///
/// # Errors
///
/// Why not, in the loader's words or the system's.
pub(super) fn open_storage(library: &[u8], count: usize) -> Result<(Opened, Vec<u64>), String> {
    let may_fail = |_call: &'static str| {
        #[cfg(test)]
        crate::memory::sys::injection::call(_call).map_err(|error| error.to_string())?;
        Ok::<(), String>(())
    };
    may_fail("memfd_create")?;
    // SAFETY: the name ends in NUL.
    let descriptor = unsafe { libc::memfd_create(c"kiln-thread-local".as_ptr(), libc::MFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(std::io::Error::last_os_error().to_string());
    }
    // SAFETY: opened above, and nobody else's.
    let mut file = unsafe { std::fs::File::from_raw_fd(descriptor) };
    may_fail("write")?;
    file.write_all(library).map_err(|error| error.to_string())?;
    let path = path(file.as_raw_fd());
    may_fail("dlopen")?;
    // SAFETY: the path ends in NUL. The library is made here, and has nothing that runs.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    if handle.is_null() {
        return Err(loader_error());
    }
    let opened = Opened(handle);
    may_fail("dlsym")?;
    // SAFETY: the name ends in NUL, the handle is open.
    let words = unsafe { libc::dlsym(opened.0, super::storage::WORDS.as_ptr()) };
    if words.is_null() {
        return Err(loader_error());
    }
    // SAFETY: the library holds so many words there, aligned to 16 bytes, which the loader has filled.
    let words = unsafe { std::slice::from_raw_parts(words.cast::<u64>(), count) };
    Ok((opened, words.to_vec()))
}

/// A path of an open file that no library was opened by before: the loader takes one of the same path for the same.
fn path(descriptor: c_int) -> CString {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut path = b"/proc/self/fd/".to_vec();
    // `/./` and `//` mean nothing in a path.
    for bit in (0..64 - number.leading_zeros()).rev() {
        path.extend_from_slice(if number >> bit & 1 == 1 { b"./" } else { b"/" });
    }
    path.extend_from_slice(descriptor.to_string().as_bytes());
    CString::new(path).unwrap_or_default()
}

fn loader_error() -> String {
    // SAFETY: it has no preconditions.
    let reason = unsafe { libc::dlerror() };
    if reason.is_null() {
        return "the loader does not say why".to_owned();
    }
    // SAFETY: a string of the loader's, until this thread calls it again.
    unsafe { CStr::from_ptr(reason) }.to_string_lossy().into_owned()
}

/// The path of an open library's file, by which the loader knows it.
///
/// # Safety
///
/// The handle is the loader's, and open.
pub(crate) unsafe fn library_file(handle: *mut c_void) -> Option<String> {
    /// `<link.h>`: the beginning, which is the same for all.
    #[repr(C)]
    struct LinkMap {
        _address: usize,
        name: *const c_char,
    }
    let mut map: *const LinkMap = std::ptr::null();
    // SAFETY: an open handle, by the caller's word, and room for the pointer that is asked for.
    let result = unsafe { libc::dlinfo(handle, libc::RTLD_DI_LINKMAP, (&raw mut map).cast()) };
    if result != 0 || map.is_null() {
        return None;
    }
    // SAFETY: the loader's own record of the library, which lives as long as that is open.
    let name = unsafe { (*map).name };
    // SAFETY: a string of the loader's, which lives as long.
    let name = unsafe { CStr::from_ptr(name) };
    name.to_str().ok().filter(|name| name.contains('/')).map(str::to_owned)
}

/// Whether the process has a thread-local variable, or anything else, of this name.
pub(super) fn has_thread_local(name: &str) -> bool {
    let Ok(name) = CString::new(name) else { return false };
    // SAFETY: the name ends in NUL, and `RTLD_DEFAULT` is a handle that is always valid.
    !unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }.is_null()
}

/// Nanoseconds of the clock that profilers are told to use: `perf record -k mono`.
pub(super) fn profilers_clock() -> u64 {
    clock(libc::CLOCK_MONOTONIC).as_nanos() as u64
}

fn clock(which: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: room for the answer.
    unsafe { libc::clock_gettime(which, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// How long this process is there.
pub(super) fn process_age() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // proc(5): the 22nd word, in ticks since the system started; the second is in parentheses, and may hold spaces.
    let started: u64 = stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()?;
    // SAFETY: asks for a number.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    let started = Duration::from_millis(started * 1000 / u64::try_from(ticks).ok().filter(|ticks| *ticks > 0)?);
    clock(libc::CLOCK_BOOTTIME).checked_sub(started)
}

/// The number of this thread.
pub(super) fn thread_number() -> u32 {
    // SAFETY: asks for a number.
    let number = unsafe { libc::syscall(libc::SYS_gettid) };
    number as u32
}

/// Where perf learns of a file: it notes what is mapped to be executed.
#[derive(Debug)]
pub(super) struct Marker(#[allow(dead_code, reason = "held")] Mapping);

impl Marker {
    pub(super) fn new(file: &std::fs::File) -> std::io::Result<Marker> {
        Mapping::marker(file).map(Marker)
    }
}

// What debuggers know generated code by (*Debugging with GDB*, "JIT Compilation Interface"). Rust has no weak definitions.
// `ret` is the same on every architecture here.
std::arch::global_asm!(
    ".pushsection .data.kiln_debugger, \"aw\", %progbits",
    ".weak __jit_debug_descriptor",
    ".type __jit_debug_descriptor, %object",
    ".size __jit_debug_descriptor, 24",
    ".p2align 3",
    "__jit_debug_descriptor: .long 1, 0",
    ".quad 0, 0",
    ".popsection",
    ".pushsection .text.kiln_debugger, \"ax\", %progbits",
    ".weak __jit_debug_register_code",
    ".type __jit_debug_register_code, %function",
    ".size __jit_debug_register_code, 4",
    ".p2align 4",
    "__jit_debug_register_code: ret",
    ".p2align 4",
    ".popsection",
);
