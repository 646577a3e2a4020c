//! System calls without the C library: what it does around them needs this thread's storage, which the code may have
//! broken, and locks, which it may hold.
#![allow(unsafe_code)] // System calls.

#[cfg(target_os = "linux")]
use libc::c_long;
use libc::{c_int, pid_t};

/// Makes a system call whose arguments are numbers or good for it.
#[cfg(target_os = "linux")]
fn call(number: c_long, arguments: [usize; 4]) -> isize {
    let [a, b, c, d] = arguments;
    let result: isize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the kernel checks what it is given; the callers say what it may write to.
    unsafe {
        std::arch::asm!(
            "syscall", inlateout("rax") number as isize => result, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
            in("r8") 0, lateout("rcx") _, lateout("r11") _, options(nostack)
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the kernel checks what it is given; the callers say what it may write to.
    unsafe {
        std::arch::asm!(
            "svc #0", in("x8") number, inlateout("x0") a as isize => result, in("x1") b, in("x2") c, in("x3") d,
            in("x4") 0, options(nostack)
        );
    }
    result
}

/// Copies the process: 0 in the copy, its number in this one, or less than 0.
pub(super) fn fork() -> pid_t {
    #[cfg(target_os = "linux")]
    // Without flags beside the signal of its end, and without pointers.
    let copy = call(libc::SYS_clone, [libc::SIGCHLD as usize, 0, 0, 0]) as pid_t;
    #[cfg(not(target_os = "linux"))]
    // SAFETY: the copy does its work and ends.
    let copy = unsafe { libc::fork() };
    copy
}

/// Waits for a child: its status, if it can be had.
pub(super) fn wait(child: pid_t) -> Option<c_int> {
    let mut status: c_int = 0;
    loop {
        #[cfg(target_os = "linux")]
        let result = call(libc::SYS_wait4, [child as usize, &raw mut status as usize, 0, 0]);
        #[cfg(not(target_os = "linux"))]
        // SAFETY: a number that lives.
        let result = match unsafe { libc::waitpid(child, &raw mut status, 0) } {
            -1 => -(std::io::Error::last_os_error().raw_os_error().unwrap_or(0) as isize),
            result => result as isize,
        };
        if result >= 0 {
            return Some(status);
        }
        if result != -(libc::EINTR as isize) {
            return None;
        }
    }
}

/// Writes what can be written at once. That nobody reads it is not the concern of whoever ends.
pub(crate) fn write(descriptor: c_int, bytes: &[u8]) {
    #[cfg(target_os = "linux")]
    call(libc::SYS_write, [descriptor as usize, bytes.as_ptr() as usize, bytes.len(), 0]);
    #[cfg(not(target_os = "linux"))]
    // SAFETY: the bytes are there.
    unsafe {
        libc::write(descriptor, bytes.as_ptr().cast(), bytes.len())
    };
}

/// Ends the process at once, without running anything that a fault may have broken.
pub(super) fn exit(status: c_int) -> ! {
    #[cfg(target_os = "linux")]
    call(libc::SYS_exit_group, [status as usize, 0, 0, 0]);
    // SAFETY: never returns.
    unsafe { libc::_exit(status) }
}
