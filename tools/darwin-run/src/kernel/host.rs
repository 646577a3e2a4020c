//! The host's system calls, on Linux. What they are handed as pointers lies in the emulated process's memory, where the
//! caller has looked, or in a buffer of the caller's.
#![allow(unsafe_code)] // System calls, signal handlers, fork.

use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::errno::Errno;

/// Makes a system call. Pointers among the arguments are valid for what the call does with them.
pub(crate) fn call(number: libc::c_long, args: [u64; 6]) -> Result<u64, Errno> {
    let [a, b, c, d, e, f] = args;
    // SAFETY: pointers are valid, by this function's contract; no call is made here that changes this process's own
    // memory or threads.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result == -1 { Err(Errno::of_host(&std::io::Error::last_os_error())) } else { Ok(result as u64) }
}

/// A copy of one of the emulated program's descriptors, to look at it with the standard library.
pub(crate) fn copy(fd: i32) -> Result<OwnedFd, Errno> {
    let copy = call(libc::SYS_fcntl, [fd as u64, libc::F_DUPFD_CLOEXEC as u64, 3, 0, 0, 0])?;
    // SAFETY: a descriptor that was made just now, for nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(copy as i32) })
}

/// Waits until a descriptor is ready, at most so long; also ends when a signal arrives.
pub(crate) fn poll(fds: &mut [libc::pollfd], most: Duration) -> usize {
    let most = libc::timespec { tv_sec: most.as_secs() as i64, tv_nsec: i64::from(most.subsec_nanos()) };
    // SAFETY: a slice of descriptors that is valid for the call, and no mask.
    let result = unsafe { libc::ppoll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, &raw const most, std::ptr::null()) };
    usize::try_from(result).unwrap_or(0)
}

/// Copies this process. True in the child. Called only by the thread that runs the processor, which is the only one.
pub(crate) fn fork() -> Result<libc::pid_t, Errno> {
    // SAFETY: see above; the child goes on in this function's caller.
    let pid = unsafe { libc::fork() };
    if pid < 0 { Err(Errno::of_host(&std::io::Error::last_os_error())) } else { Ok(pid) }
}

/// Closes a descriptor that this process was started with, and that nothing here owns.
pub(crate) fn close(descriptor: i32) {
    // SAFETY: the number is only used by who was told of it, which is over.
    unsafe { libc::close(descriptor) };
}

/// Ends this process at once, with nothing run.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: it does not come back.
    unsafe { libc::_exit(status) }
}

/// Ends this process by a signal, one of the host's, as its default action has it.
pub(crate) fn end_by_signal(signal: i32) -> ! {
    set_disposition(signal, Disposition::Default);
    // A crash of the emulated program is none of the emulator: no core file.
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid limit.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
    // SAFETY: sends a signal to this thread.
    unsafe { libc::raise(signal) };
    exit_now(128 + signal)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Disposition {
    Default,
    Ignore,
    /// It is noted, for the emulated program's handler.
    Record,
}

static ARRIVED: AtomicU64 = AtomicU64::new(0);

extern "C" fn record(signal: libc::c_int) {
    ARRIVED.fetch_or(1 << signal, Ordering::Relaxed);
}

pub(crate) fn set_disposition(signal: i32, disposition: Disposition) {
    let handler = match disposition {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
        Disposition::Record => record as extern "C" fn(libc::c_int) as libc::sighandler_t,
    };
    // SAFETY: the handler only sets a bit.
    unsafe { libc::signal(signal, handler) };
}

pub(crate) fn signals_arrived() -> bool {
    ARRIVED.load(Ordering::Relaxed) != 0
}

/// The signals that have arrived, by number of the bit.
pub(crate) fn take_signals() -> u64 {
    if signals_arrived() { ARRIVED.swap(0, Ordering::Relaxed) } else { 0 }
}
