//! Foreign code in a child of this process, so that whatever it does this process lives to tell.
#![allow(unsafe_code)] // `fork`, and what goes with it.

use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use crate::{Failure, crash, tools};

/// How the child ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// The work came to its end, with this exit status.
    Finished(i32),
    /// The code ended the process, with this exit status: by the C library's `exit`, or behind its back.
    Exited { status: i32, by_exit: bool },
    /// A signal ended it, of which the child has said nothing.
    Killed(i32),
    /// The child has said which signal stopped the code.
    Reported(i32),
    /// It took longer than allowed; whether it then said where it was.
    TimedOut { reported: bool },
}

/// What the child writes to its parent.
const FINISHED: u8 = b'f';
const EXITING: u8 = b'e';
const REPORTED: u8 = b'r';

/// Where the child writes that; -1 in every other process.
static PARENT: AtomicI32 = AtomicI32::new(-1);

/// How long a child that has run out of time may take to say where it was.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Runs `work` in a child and waits for its end, at most `limit`; under a debugger, in this process and without a limit. What `work` returns is the child's exit status.
///
/// # Errors
///
/// The system refuses a process.
pub(crate) fn run(limit: Option<Duration>, work: impl FnOnce() -> i32) -> Result<End, Failure> {
    // A debugger that has this process in its hands would not follow.
    if tools::is_traced() {
        return Ok(End::Finished(work()));
    }
    let refused = |what: &str| Failure::new(format!("cannot {what}: {}", io::Error::last_os_error()));
    let mut pipe = [-1; 2];
    // SAFETY: the two numbers are written to an array that lives.
    if unsafe { libc::pipe(pipe.as_mut_ptr()) } != 0 {
        return Err(refused("make a pipe"));
    }
    let [reads, writes] = pipe;
    for end in pipe {
        // SAFETY: a descriptor that was just made.
        unsafe { libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    // SAFETY: this process has one thread, so the child may do everything that it may.
    let child = unsafe { libc::fork() };
    if child < 0 {
        return Err(refused("start a process"));
    }
    if child == 0 {
        // SAFETY: the parent's end, which nothing here uses.
        unsafe { libc::close(reads) };
        PARENT.store(writes, Ordering::SeqCst);
        die_with_parent();
        // SAFETY: the function does only what may be done while a process ends.
        unsafe { libc::atexit(exiting) };
        let status = work();
        tell(FINISHED);
        // The C library's buffers are flushed, and handlers run, as at the end of a program.
        std::process::exit(status);
    }
    // SAFETY: the child's end: when it ends, reading does.
    unsafe { libc::close(writes) };
    let end = wait(child, reads, limit);
    // SAFETY: made above, and not used any more.
    unsafe { libc::close(reads) };
    Ok(end)
}

/// A child whose parent is gone would go on unseen.
fn die_with_parent() {
    #[cfg(target_os = "linux")]
    // SAFETY: the option takes a signal's number and touches no memory.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong)
    };
}

extern "C" fn exiting() {
    tell(EXITING);
}

/// Tells the parent, if there is one. A signal handler may.
fn tell(what: u8) {
    let parent = PARENT.load(Ordering::SeqCst);
    if parent >= 0 {
        crash::raw::write(parent, &[what]);
    }
}

/// Tells the parent that the end was reported. A signal handler may.
pub(crate) fn reported() {
    tell(REPORTED);
}

/// How often the child is looked after: code that leaves processes behind leaves them our pipe, too.
const SLICE: Duration = Duration::from_millis(100);

fn wait(child: libc::pid_t, reads: libc::c_int, limit: Option<Duration>) -> End {
    let mut said = Vec::new();
    let started = Instant::now();
    let mut timed_out = false;
    let status = loop {
        let allowed = if timed_out { limit.map(|limit| limit + LAST_WORDS) } else { limit };
        let left = allowed.map(|allowed| allowed.saturating_sub(started.elapsed()));
        if left == Some(Duration::ZERO) {
            // Once it is asked where it is; then it is ended.
            let signal = if timed_out { libc::SIGKILL } else { crash::TIMEOUT };
            // SAFETY: our own child, which was not waited for yet.
            unsafe { libc::kill(child, signal) };
            if timed_out {
                break reap(child, 0).unwrap_or_default();
            }
            timed_out = true;
        }
        let slice = left.filter(|left| !left.is_zero()).unwrap_or(SLICE).min(SLICE);
        let mut poll = libc::pollfd { fd: reads, events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry, which lives.
        let ready = unsafe { libc::poll(&raw mut poll, 1, slice.as_millis().max(1) as libc::c_int) };
        if ready > 0 {
            let mut byte = 0u8;
            // SAFETY: room for one byte.
            if unsafe { libc::read(reads, (&raw mut byte).cast(), 1) } == 1 {
                said.push(byte);
                continue;
            }
            break reap(child, 0).unwrap_or_default();
        }
        if let Some(status) = reap(child, libc::WNOHANG) {
            break status;
        }
    };
    let has = |what: u8| said.contains(&what);
    let signal = libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status));
    let status = libc::WEXITSTATUS(status);
    match signal {
        _ if timed_out => End::TimedOut { reported: has(REPORTED) },
        Some(signal) => End::Killed(signal),
        None if has(REPORTED) => End::Reported(status - 128),
        None if has(FINISHED) => End::Finished(status),
        None => End::Exited { status, by_exit: has(EXITING) },
    }
}

/// The status of a child that has ended. `None`: it has not, and that was not waited for.
fn reap(child: libc::pid_t, options: libc::c_int) -> Option<libc::c_int> {
    let mut status = 0;
    loop {
        // SAFETY: our own child, which was not waited for yet, and a number that lives.
        match unsafe { libc::waitpid(child, &raw mut status, options) } {
            0 => return None,
            // A signal interrupted the wait.
            -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            _ => return Some(status),
        }
    }
}
