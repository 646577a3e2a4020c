//! Questions to the kernel whose answers decide the strategy. Nothing is executed, and nothing is left behind.
#![allow(unsafe_code)] // mmap, mprotect, memfd_create, prctl and pkey_alloc with its like, each for one question; clone, to ask apart.

use std::ffi::{c_int, c_long, c_ulong, c_void};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr;

use crate::memory::situation::Answer;
use crate::memory::sys::Protection;

/// A length that the kernel rounds up to a page.
const PAGE: usize = 1;

/// The arguments of `prctl` that a question does not have.
const UNUSED: c_ulong = 0;

/// `PR_SET_MDWE`, since Linux 6.3.
pub(super) fn deny_write_execute() -> bool {
    const PR_GET_MDWE: c_int = 66;
    const PR_MDWE_REFUSE_EXEC_GAIN: c_int = 1;
    // SAFETY: asks for a number; kernels before 6.3 do not know the question, and answer -1.
    let mdwe = unsafe { libc::prctl(PR_GET_MDWE, UNUSED, UNUSED, UNUSED, UNUSED) };
    mdwe > 0 && mdwe & PR_MDWE_REFUSE_EXEC_GAIN != 0
}

/// Whether a seccomp filter judges the system calls of this thread.
pub(super) fn seccomp_filter() -> bool {
    const FILTER: c_int = 2;
    // SAFETY: asks for a number. (Mode 1 would end the process here, and does not allow mmap either.)
    let mode = unsafe { libc::prctl(libc::PR_GET_SECCOMP, UNUSED, UNUSED, UNUSED, UNUSED) };
    mode == FILTER
}

/// Whether PaX's MPROTECT is on. The flags that are on are capitals: `PeMRs`.
pub(super) fn pax_mprotect() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("PaX:")).is_some_and(|flags| flags.contains('M'))
}

/// A question, and the function at which a filter would end the process that asks it.
#[derive(Clone, Copy)]
pub(super) struct Question {
    ask: fn() -> Answer,
    fatal: &'static str,
}

/// Whether private memory that was writable may become executable: asked of a page that nobody writes to or runs.
pub(super) const SEAL: Question = Question { ask: seal, fatal: "mprotect" };
/// Whether a file of `memfd_create` can be mapped executable.
pub(super) const MEMFD: Question = Question { ask: memfd, fatal: "memfd_create" };
/// Whether a file in `/dev/shm` can be mapped executable.
pub(super) const SHM: Question = Question { ask: shm, fatal: "mmap" };
/// Whether a protection key can be had, and memory put under it.
pub(super) const PROTECTION_KEYS: Question = Question { ask: protection_keys, fatal: "pkey_alloc" };

/// Asks.
pub(super) fn here(question: Question) -> Answer {
    (question.ask)()
}

/// Asks in a process of its own, which a filter may end. It shares this one's memory, and this thread waits for it, as
/// `posix_spawn` does: so it costs little, and its answers are this process's.
pub(super) fn apart(question: Question) -> Answer {
    struct Asked {
        question: Question,
        answer: Answer,
    }
    extern "C" fn run(asked: *mut c_void) -> c_int {
        // SAFETY: what `clone` was given below, which nobody else uses while this runs.
        let asked = unsafe { &mut *asked.cast::<Asked>() };
        asked.answer = (asked.question.ask)();
        0
    }
    const STACK: usize = 1 << 16;
    const ALIGN: usize = 16;
    let mut asked = Asked { question, answer: Answer::Killed { call: question.fatal } };
    let mut stack = vec![0u8; STACK];
    // SAFETY: within the stack, or one behind its end.
    let top = unsafe { stack.as_mut_ptr().add(STACK) };
    let top = top.wrapping_sub(top as usize % ALIGN);
    let mut signals = std::mem::MaybeUninit::uninit();
    // SAFETY: fills the set, for which there is room.
    unsafe { libc::sigfillset(signals.as_mut_ptr()) };
    let mut before = std::mem::MaybeUninit::uninit();
    // SAFETY: no handler of this process may run in the other one; `before` takes the signals that were blocked.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, signals.as_ptr(), before.as_mut_ptr()) };
    // No signal tells of its end.
    let flags = libc::CLONE_VM | libc::CLONE_VFORK;
    // SAFETY: `run` has a stack of its own, and ends before this thread goes on, with `stack` and `asked`, which lives.
    let child = unsafe { libc::clone(run, top.cast(), flags, (&raw mut asked).cast()) };
    if child > 0 {
        // SAFETY: waits for that child alone, and forgets it.
        unsafe { libc::waitpid(child, ptr::null_mut(), libc::__WALL) };
    }
    // SAFETY: puts back what was blocked.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    // Where no process can be made, the one that there is must ask.
    if child > 0 { asked.answer } else { here(question) }
}

fn seal() -> Answer {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let Ok(page) = Page::map(Protection::ReadWrite, flags, -1) else {
        // No memory at all says nothing about execution: the load that follows will meet the same, and report it.
        return Answer::Allowed;
    };
    answer("mprotect", page.make_executable())
}

fn memfd() -> Answer {
    match super::memfd() {
        Ok(file) => maps_executable(&file),
        Err(error) => answer("memfd_create", Err(error)),
    }
}

fn shm() -> Answer {
    match super::shm_file() {
        Ok(file) => maps_executable(&file),
        Err(error) => answer("open", Err(error)),
    }
}

fn maps_executable(file: &File) -> Answer {
    if let Err(error) = file.set_len(PAGE as u64) {
        return answer("ftruncate", Err(error));
    }
    let page = Page::map(Protection::ReadExecute, libc::MAP_SHARED, file.as_raw_fd());
    answer("mmap", page.map(drop))
}

/// Whether `/dev/shm` is mounted `noexec`.
pub(super) fn shm_noexec() -> bool {
    let mut about = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the path ends in NUL, and `about` has room for the answer.
    let result = unsafe { libc::statvfs(c"/dev/shm".as_ptr(), about.as_mut_ptr()) };
    // SAFETY: all zeros is a value of this structure of integers, and the kernel has filled it if it could.
    let flags = unsafe { about.assume_init() }.f_flag;
    result == 0 && flags & libc::ST_NOEXEC != 0
}

fn protection_keys() -> Answer {
    const NO_FLAGS: c_ulong = 0;
    // The thread keeps what rights it gets here when the key is given back.
    const NO_ACCESS: c_ulong = 1;
    // SAFETY: takes a key, which no memory has, or fails.
    let key = unsafe { libc::syscall(libc::SYS_pkey_alloc, NO_FLAGS, NO_ACCESS) };
    if key < 0 {
        return answer("pkey_alloc", Err(io::Error::last_os_error()));
    }
    let page = Page::map(Protection::ReadWrite, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1);
    // No memory at all says nothing about keys.
    let given = page.map_or(Answer::Allowed, |page| answer("pkey_mprotect", page.put_under_key(key)));
    // SAFETY: gives back the key from above, which no memory has any more.
    unsafe { libc::syscall(libc::SYS_pkey_free, key) };
    given
}

fn answer(call: &'static str, result: io::Result<()>) -> Answer {
    match result {
        Ok(()) => Answer::Allowed,
        Err(error) => Answer::Refused { call, errno: error.raw_os_error().unwrap_or_default() },
    }
}

/// A page that is mapped to ask a question.
struct Page(*mut c_void);

impl Page {
    fn map(protection: Protection, flags: c_int, fd: c_int) -> io::Result<Page> {
        // SAFETY: a new mapping wherever the kernel likes, without MAP_FIXED: it replaces nothing.
        let start = unsafe { libc::mmap(ptr::null_mut(), PAGE, protection.bits(), flags, fd, 0) };
        if start == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(Page(start)) }
    }

    fn put_under_key(&self, key: c_long) -> io::Result<()> {
        let protection = Protection::ReadWrite.bits();
        // SAFETY: the page is this one's own, and nobody has its address.
        let result = unsafe { libc::syscall(libc::SYS_pkey_mprotect, self.0, PAGE, protection, key) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    fn make_executable(&self) -> io::Result<()> {
        // SAFETY: the page is this one's own, and nobody has its address.
        let result = unsafe { libc::mprotect(self.0, PAGE, Protection::ReadExecute.bits()) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: the page is this one's own, and nobody has its address.
        unsafe { libc::munmap(self.0, PAGE) };
    }
}
