//! Which process this is, and when it forked.
#![allow(unsafe_code)] // pthread_atfork.
//!
//! `fork` copies private memory and shares shared memory. So what stands in a `memfd` at that moment is the child's as much
//! as the parent's from then on, and neither may write to it; and whatever lock another thread held then is held in the
//! child for ever. `pthread_atfork` tells of both; a bare `clone` system call, and `posix_spawn` and `vfork`, whose child
//! runs no code but `exec`, tell of nothing.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// One half counts the forks that are going on, the other every beginning and end of one.
static FORKS: AtomicU64 = AtomicU64::new(0);
/// How many forks lie between the process that was started and this one.
static PROCESS: AtomicU32 = AtomicU32::new(0);

const GOING_ON: u64 = 1;
const EVENT: u64 = 1 << 16;

/// A moment between forks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Epoch(u64);

impl Epoch {
    #[inline]
    pub(crate) fn now() -> Epoch {
        Epoch(FORKS.load(Ordering::Relaxed))
    }

    /// Whether a thread of this process is forking just now.
    pub(crate) fn is_forking(self) -> bool {
        !self.0.is_multiple_of(EVENT)
    }

    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }
}

/// A number that differs between a process and its children.
#[inline]
pub(crate) fn process() -> u32 {
    PROCESS.load(Ordering::Relaxed)
}

/// From now on forks are noticed.
pub(crate) fn notice() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if cfg!(miri) {
            // There are no processes beside this one.
            return;
        }
        // SAFETY: the handlers only count, which may be done at any time.
        let result = unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
        if result != 0 {
            tracing::warn!("pthread_atfork: {}", std::io::Error::from_raw_os_error(result));
        }
    });
}

unsafe extern "C" fn before() {
    FORKS.fetch_add(EVENT + GOING_ON, Ordering::SeqCst);
}

unsafe extern "C" fn in_parent() {
    FORKS.fetch_add(EVENT - GOING_ON, Ordering::SeqCst);
}

unsafe extern "C" fn in_child() {
    // The forks of other threads are not going on here.
    FORKS.store((FORKS.load(Ordering::SeqCst) / EVENT + 1) * EVENT, Ordering::SeqCst);
    PROCESS.fetch_add(1, Ordering::SeqCst);
}
