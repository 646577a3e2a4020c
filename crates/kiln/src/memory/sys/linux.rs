//! Linux.
#![allow(unsafe_code)] // memfd_create, and a copy.

mod probe;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::FromRawFd;
use std::os::unix::fs::OpenOptionsExt;

use super::{Mapping, Protection, page_size};
use crate::memory::Situation;
use crate::memory::icache;
use crate::memory::situation::{Answer, LinuxRules, Strategy};
use crate::target::{Os, Target};

pub(crate) const HOST_OS: Os = Os::Linux;

/// `PROT_BTI` (linux: arch/arm64/include/uapi/asm/mman.h).
pub(crate) const GUARD: libc::c_int = 0x10;

/// Whether there is `PROT_BTI`. Code that is marked for it is arm64's, so that nobody else asks.
pub(crate) fn guards_branches() -> bool {
    // linux: arch/arm64/include/uapi/asm/hwcap.h
    const HWCAP2_BTI: libc::c_ulong = 1 << 17;
    // SAFETY: asks for a number.
    unsafe { libc::getauxval(libc::AT_HWCAP2) & HWCAP2_BTI != 0 }
}

pub(crate) fn situation() -> Situation {
    let target = Target::host();
    let is_one = |path: &str| fs::read_to_string(path).is_ok_and(|text| text.trim() == "1");
    let memfd_noexec = fs::read_to_string("/proc/sys/vm/memfd_noexec");
    let seccomp_filter = probe::seccomp_filter();
    // A filter may end the process that asks.
    let ask = if seccomp_filter { probe::apart } else { probe::here };
    let (seal, memfd) = (ask(probe::SEAL), ask(probe::MEMFD));
    let linux = LinuxRules {
        deny_write_execute: probe::deny_write_execute(),
        pax_mprotect: seal != Answer::Allowed && probe::pax_mprotect(),
        selinux_enforcing: is_one("/sys/fs/selinux/enforce"),
        seccomp_filter,
        memfd_noexec: memfd_noexec.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0),
        shm_noexec: probe::shm_noexec(),
        seal,
        memfd,
        // What nobody will use is not asked for.
        shm: if memfd == Answer::Allowed { Answer::Allowed } else { ask(probe::SHM) },
        protection_keys: match Situation::unrestricted(target).linux.protection_keys {
            Answer::Allowed => ask(probe::PROTECTION_KEYS),
            refused => refused,
        },
    };
    Situation { page_size: page_size(), linux, ..Situation::unrestricted(target) }
}

/// A file that has no name, is empty, and can be mapped twice: in memory, or where that is refused in `/dev/shm`.
pub(crate) fn shared_file() -> io::Result<File> {
    // What ends the process must not be tried.
    if matches!(Situation::of_this_process().linux.memfd, Answer::Killed { .. }) {
        return shm_file();
    }
    memfd().or_else(|error| shm_file().map_err(|_| error))
}

/// As [`shared_file`], in huge pages, of which the system has a pool if an administrator fills it.
pub(super) fn huge_file() -> io::Result<File> {
    memory_file(libc::MFD_HUGETLB)
}

fn memfd() -> io::Result<File> {
    memory_file(0)
}

/// A file in memory from which no program can be started: what needs no right of its own under any `vm.memfd_noexec`.
fn memory_file(flags: libc::c_uint) -> io::Result<File> {
    // Linux 6.3, with `vm.memfd_noexec`.
    const MFD_NOEXEC_SEAL: libc::c_uint = 8;
    let create = |flags| {
        #[cfg(test)]
        super::injection::call("memfd_create")?;
        // SAFETY: the name ends in NUL; the call makes a descriptor or fails.
        let fd = unsafe { libc::memfd_create(c"kiln".as_ptr(), flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor that nobody else has.
        Ok(unsafe { File::from_raw_fd(fd) })
    };
    create(libc::MFD_CLOEXEC | MFD_NOEXEC_SEAL | flags).or_else(|error| match error.raw_os_error() {
        // An older kernel does not know the flag, and has no such setting.
        Some(libc::EINVAL) => {
            #[cfg(test)]
            super::injection::uncounted();
            create(libc::MFD_CLOEXEC | flags)
        }
        _ => Err(error),
    })
}

fn shm_file() -> io::Result<File> {
    #[cfg(test)]
    super::injection::call("open")?;
    OpenOptions::new().read(true).write(true).custom_flags(libc::O_TMPFILE).mode(0o600).open("/dev/shm")
}

/// Not on this system: no choice leads here. The crate's tests get ordinary memory, so that images in two pieces are tried on
/// every system.
pub(crate) fn map_jit(len: usize) -> io::Result<Mapping> {
    if cfg!(test) { Mapping::new(len) } else { Err(io::ErrorKind::Unsupported.into()) }
}

/// Not on this system. In the crate's tests it seals what it has written.
///
/// # Safety
///
/// The mapping is one of `map_jit`; from `offset` on it has room for `code`, and nobody uses it.
pub(crate) unsafe fn write_jit(_strategy: Strategy, to: &Mapping, offset: usize, code: &[u8]) -> io::Result<()> {
    if !cfg!(test) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    assert!(offset.checked_add(code.len()).is_some_and(|end| end <= to.len()), "a range of the mapping");
    // SAFETY: the range lies in the mapping, by the assertion.
    let start = unsafe { to.pointer().add(offset) };
    // SAFETY: writable, long enough and used by nobody, by the caller's word; `code` lies elsewhere.
    unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), start, code.len()) };
    to.protect(0..to.len(), Protection::ReadExecute)
}

#[inline]
pub(crate) fn clean_caches(start: usize, len: usize) {
    icache::clean(start, len);
}
