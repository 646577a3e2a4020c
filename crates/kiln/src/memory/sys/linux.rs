//! Linux.
#![allow(unsafe_code)] // prctl.

use std::io;

use super::unix::{Mapping, page_size};
use crate::memory::Situation;
use crate::memory::icache;
use crate::target::{Os, Target};

pub(crate) const HOST_OS: Os = Os::Linux;

pub(crate) fn situation() -> Situation {
    const PR_GET_MDWE: libc::c_int = 66;
    const PR_MDWE_REFUSE_EXEC_GAIN: libc::c_int = 1;
    const UNUSED: libc::c_ulong = 0;
    // SAFETY: asks for a number; kernels before 6.3 do not know the question, and answer -1.
    let mdwe = unsafe { libc::prctl(PR_GET_MDWE, UNUSED, UNUSED, UNUSED, UNUSED) };
    Situation {
        page_size: page_size(),
        deny_write_execute: mdwe > 0 && mdwe & PR_MDWE_REFUSE_EXEC_GAIN != 0,
        ..Situation::unrestricted(Target::host())
    }
}

/// Not on this system: no choice leads here.
pub(crate) fn map_jit(_len: usize) -> io::Result<Mapping> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not on this system: no mapping of `map_jit` exists.
///
/// # Safety
///
/// None here.
pub(crate) unsafe fn write_jit(_to: &Mapping, _code: &[u8]) {}

pub(crate) fn clean_caches(start: usize, len: usize) {
    icache::clean(start, len);
}
