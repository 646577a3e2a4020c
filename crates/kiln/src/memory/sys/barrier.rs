//! Serializing the cores: what makes every thread of this process forget instructions that it has fetched already.
#![allow(unsafe_code)] // membarrier.

/// Lets every core that runs a thread of this process execute a serializing instruction (x86-64) or a context
/// synchronization event (arm64) before it goes on. False: this system has no such call.
///
/// *membarrier(2)*, `MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE`, since Linux 4.16 (x86-64, arm64).
#[cfg(target_os = "linux")]
pub(crate) fn serialize_cores() -> bool {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::forks;

    const PRIVATE_EXPEDITED_SYNC_CORE: libc::c_int = 1 << 5;
    const REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: libc::c_int = 1 << 6;
    /// The process, plus 1, that is registered: once, and again in a child.
    static REGISTERED: AtomicU32 = AtomicU32::new(0);

    fn membarrier(command: libc::c_int) -> bool {
        #[cfg(test)]
        if super::injection::call("membarrier").is_err() {
            return false;
        }
        const NO_FLAGS: libc::c_uint = 0;
        // SAFETY: works on no memory.
        unsafe { libc::syscall(libc::SYS_membarrier, command, NO_FLAGS, 0) == 0 }
    }

    let process = forks::process().wrapping_add(1);
    if REGISTERED.load(Ordering::Relaxed) != process {
        if !membarrier(REGISTER_PRIVATE_EXPEDITED_SYNC_CORE) {
            return false;
        }
        REGISTERED.store(process, Ordering::Relaxed);
    }
    membarrier(PRIVATE_EXPEDITED_SYNC_CORE)
}

/// macOS has no such call, so room is reused only when its block is empty and mapped anew. (PLATFORM.md, "Reuse" on Apple
/// Silicon, says what comes near it and why that is not enough.)
#[cfg(not(target_os = "linux"))]
pub(crate) fn serialize_cores() -> bool {
    false
}
