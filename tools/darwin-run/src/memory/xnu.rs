//! What `mmap`, `mprotect` and `munmap` of a native arm64 process allow. Per xnu: bsd/kern/kern_mman.c,
//! osfmk/vm/vm_map.c, bsd/kern/kern_cs.c, and the reports that PLATFORM.md names; not measured.

use super::{EXECUTE, Kind, Memory, PAGE, READ, WRITE};
use crate::kernel::errno::{EACCES, EINVAL, ENOMEM, Errno};
use crate::signature::Signing;

const MAP_SHARED: u64 = 0x1;
const MAP_PRIVATE: u64 = 0x2;
const MAP_FIXED: u64 = 0x10;
const MAP_JIT: u64 = 0x800;
const MAP_ANON: u64 = 0x1000;

const ALL: u64 = (READ | WRITE | EXECUTE) as u64;

/// The arguments of `mmap`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) hint: u64,
    pub(crate) len: u64,
    pub(crate) protection: u64,
    pub(crate) flags: u64,
    pub(crate) fd: i32,
    pub(crate) offset: i64,
}

pub(crate) fn mmap(memory: &Memory, signing: &Signing, request: Request) -> Result<u64, Errno> {
    let Request { hint, len, protection, flags, fd, offset } = request;
    let has = |flag| flags & flag != 0;
    let anonymous = has(MAP_ANON);
    if len == 0 || protection & !ALL != 0 || has(MAP_SHARED) == has(MAP_PRIVATE) || offset % PAGE as i64 != 0 {
        return Err(EINVAL);
    }
    let len = len.checked_next_multiple_of(PAGE).ok_or(ENOMEM)?;
    let protection = protection as u8;
    let writable_and_executable = protection & (WRITE | EXECUTE) == WRITE | EXECUTE;
    let kind = if has(MAP_JIT) {
        // The larger entitlement includes the smaller one (Apple, Developer Forums 776290).
        let allowed = !signing.hardened || signing.allow_jit || signing.allow_unsigned_executable_memory;
        if !anonymous || has(MAP_FIXED) || has(MAP_SHARED) || !allowed {
            return Err(EINVAL);
        }
        Kind::Jit
    } else if writable_and_executable {
        return Err(EACCES);
    } else {
        Kind::Anonymous
    };
    let start = if has(MAP_FIXED) {
        if hint % PAGE != 0 {
            return Err(EINVAL);
        }
        if !memory.may_map(hint, len) {
            return Err(ENOMEM);
        }
        hint
    } else {
        // The hint is taken where it can be, else the first free place above it, else the first of all.
        let above = memory.find(hint, len).filter(|_| hint != 0);
        above.or_else(|| memory.find(0, len)).ok_or(ENOMEM)?
    };
    let done = if anonymous {
        memory.map(start, len, protection, kind)
    } else {
        memory.map_file(start, len, protection, (fd, offset, has(MAP_SHARED)))
    };
    done.map(|()| start).map_err(|error| Errno::of_host(&error))
}

pub(crate) fn mprotect(memory: &Memory, start: u64, len: u64, protection: u64) -> Result<(), Errno> {
    if !start.is_multiple_of(PAGE) || protection & !ALL != 0 {
        return Err(EINVAL);
    }
    let len = len.checked_next_multiple_of(PAGE).ok_or(ENOMEM)?;
    let protection = protection as u8;
    for region in memory.regions(start, len) {
        let is_toggled = region.kind == Kind::Jit && region.protection == READ | WRITE | EXECUTE;
        let asks_for_both = protection & (WRITE | EXECUTE) == WRITE | EXECUTE;
        // A `MAP_JIT` mapping that is `rwx` keeps that; a signed text never becomes writable.
        let refused = is_toggled
            || asks_for_both
            || (region.kind == Kind::Signed && protection & WRITE != 0 && region.protection & EXECUTE != 0);
        if refused {
            return Err(EACCES);
        }
    }
    if memory.protect(start, len, protection) { Ok(()) } else { Err(ENOMEM) }
}

pub(crate) fn munmap(memory: &Memory, start: u64, len: u64) -> Result<(), Errno> {
    if !start.is_multiple_of(PAGE) || len == 0 || !memory.may_map(start, len.next_multiple_of(PAGE)) {
        return Err(EINVAL);
    }
    memory.unmap(start, len.next_multiple_of(PAGE)).map_err(|error| Errno::of_host(&error))
}
