//! macOS. Nothing here was measured on Apple hardware; each fact has its source in PLATFORM.md.
#![allow(unsafe_code)] // csops, sysctl, sys_icache_invalidate.

mod jit;

use std::ffi::{c_int, c_uint, c_void};
use std::fs::File;
use std::io;

pub(crate) use jit::{map_jit, write_jit};

use super::unix::page_size;
use crate::memory::situation::{self, Situation};
use crate::target::{Os, Target};

pub(crate) const HOST_OS: Os = Os::MacOs;

/// What asks for marked branch targets: nothing here.
pub(crate) const GUARD: libc::c_int = 0;

/// Code for this system is not marked by notes.
pub(crate) fn guards_branches() -> bool {
    false
}

unsafe extern "C" {
    /// `<sys/codesign.h>`, in libSystem.
    fn csops(pid: libc::pid_t, operation: c_uint, out: *mut c_void, len: usize) -> c_int;
    /// `<libkern/OSCacheControl.h>`
    fn sys_icache_invalidate(start: *mut c_void, len: usize);
}

pub(crate) fn situation() -> Situation {
    // A process whose flags cannot be read is taken for a hardened one: the other mistake is a kill.
    const CS_RUNTIME: u32 = 0x1_0000;
    let flags = code_signing_flags().unwrap_or(CS_RUNTIME);
    let plist = entitlements();
    let mut situation = Situation::macos(Target::host().arch(), flags, situation::entitlements(&plist));
    situation.page_size = page_size();
    situation.macos.translated = is_translated();
    if situation.macos.jit_write_allowlist {
        situation.macos.jit_callback = jit::callback();
    }
    situation
}

fn code_signing_flags() -> Option<u32> {
    const CS_OPS_STATUS: c_uint = 0;
    let mut flags = 0u32;
    // SAFETY: asks about this process.
    let pid = unsafe { libc::getpid() };
    // SAFETY: the kernel writes four bytes, which `flags` has.
    let result = unsafe { csops(pid, CS_OPS_STATUS, (&raw mut flags).cast(), size_of::<u32>()) };
    (result == 0).then_some(flags)
}

/// The property list of this process's entitlements; empty if it has none.
fn entitlements() -> String {
    const CS_OPS_ENTITLEMENTS_BLOB: c_uint = 7;
    // A magic number and the length of the whole, big-endian, stand in front (xnu: bsd/kern/kern_cs.c).
    const HEADER: usize = 8;
    // More than any program has.
    const MOST: usize = 1 << 20;
    let mut blob = vec![0u8; 1 << 14];
    loop {
        // SAFETY: asks about this process.
        let pid = unsafe { libc::getpid() };
        // SAFETY: the kernel writes at most `blob.len()` bytes; where that is too few it writes the header alone, and fails.
        let result = unsafe { csops(pid, CS_OPS_ENTITLEMENTS_BLOB, blob.as_mut_ptr().cast(), blob.len()) };
        let len = blob.get(4..HEADER).map_or(0, |len| u32::from_be_bytes([len[0], len[1], len[2], len[3]]) as usize);
        if result == 0 {
            return String::from_utf8_lossy(blob.get(HEADER..len).unwrap_or_default()).into_owned();
        }
        if io::Error::last_os_error().raw_os_error() != Some(libc::ERANGE) || len <= blob.len() || len > MOST {
            return String::new();
        }
        blob.resize(len, 0);
    }
}

/// Whether Rosetta translates this process (Apple, *About the Rosetta translation environment*).
fn is_translated() -> bool {
    let mut translated: c_int = 0;
    let mut len = size_of::<c_int>();
    // SAFETY: the name ends in NUL; the kernel writes at most `len` bytes, which `translated` has.
    let result = unsafe {
        libc::sysctlbyname(
            c"sysctl.proc_translated".as_ptr(),
            (&raw mut translated).cast(),
            &raw mut len,
            std::ptr::null_mut(),
            0,
        )
    };
    result == 0 && translated == 1
}

/// Not on this system: no choice leads here.
pub(crate) fn shared_file() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn clean_caches(start: usize, len: usize) {
    // SAFETY: the range is mapped, by the caller's word; the call only works on caches.
    unsafe { sys_icache_invalidate(start as *mut c_void, len) };
}
