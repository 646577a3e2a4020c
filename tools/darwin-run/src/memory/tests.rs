#![allow(clippy::unwrap_used)]

use super::*;
use crate::kernel::errno::{EACCES, EINVAL, ENOMEM};
use crate::signature::Signing;
use crate::verdict::Reason;
use xnu::{Request, mmap, mprotect, munmap};

const RW: u64 = 3;
const RX: u64 = 5;
const RWX: u64 = 7;
const ANON_PRIVATE: u64 = 0x1002;
const JIT: u64 = 0x800;

fn request(protection: u64, flags: u64) -> Request {
    Request { hint: 0, len: 2 * PAGE, protection, flags, fd: -1, offset: 0 }
}

/// One window to a process: the tests of this file are one test.
#[test]
fn mappings_are_those_of_xnu() {
    let memory = Memory::new().unwrap();
    let plain = Signing::default();
    let hardened = Signing { hardened: true, ..Signing::default() };
    let with_jit = Signing { hardened: true, allow_jit: true, ..Signing::default() };
    let reason = |address, access| memory.allowed(address, access).unwrap_err().reason;

    // Writable and executable, without MAP_JIT: never.
    for signing in [&plain, &hardened, &with_jit] {
        assert_eq!(mmap(&memory, signing, request(RWX, ANON_PRIVATE)), Err(EACCES));
    }
    // MAP_JIT: refused with a file, shared, at a fixed address, and hardened without the entitlement.
    assert_eq!(mmap(&memory, &plain, request(RWX, 0x2 | JIT)), Err(EINVAL));
    assert_eq!(mmap(&memory, &plain, request(RWX, 0x1001 | JIT)), Err(EINVAL));
    assert_eq!(mmap(&memory, &plain, Request { hint: START, ..request(RWX, ANON_PRIVATE | JIT | 0x10) }), Err(EINVAL));
    assert_eq!(mmap(&memory, &hardened, request(RWX, ANON_PRIVATE | JIT)), Err(EINVAL));
    assert_eq!(mmap(&memory, &plain, Request { len: 0, ..request(RW, ANON_PRIVATE) }), Err(EINVAL));

    // A MAP_JIT mapping is one thing or the other, as the thread has chosen, and keeps its protection.
    let jit = mmap(&memory, &with_jit, request(RWX, ANON_PRIVATE | JIT)).unwrap();
    assert_eq!(reason(jit, Access::Write), Reason::JitWrite);
    assert_eq!(memory.allowed(jit, Access::Fetch), Ok(READ | EXECUTE));
    memory.set_jit_mode(JitMode::Write);
    assert_eq!(reason(jit + PAGE, Access::Fetch), Reason::JitExecute);
    assert_eq!(memory.allowed(jit, Access::Write), Ok(READ | WRITE));
    memory.set_jit_mode(JitMode::Execute);
    assert_eq!(mprotect(&memory, jit, PAGE, RX), Err(EACCES));

    // Plain memory: from writable to executable, part by part.
    let data = mmap(&memory, &plain, request(RW, ANON_PRIVATE)).unwrap();
    memory.put(data, &[1, 2, 3, 4]).unwrap();
    assert_eq!(mprotect(&memory, data, PAGE, RWX), Err(EACCES));
    assert_eq!(mprotect(&memory, data + 1, PAGE, RX), Err(EINVAL));
    assert_eq!(mprotect(&memory, data, PAGE, RX), Ok(()));
    assert_eq!(reason(data, Access::Write), Reason::Protected);
    assert_eq!(memory.bytes_mut(data + PAGE - 1, 2).unwrap_err().address, data + PAGE - 1);
    assert!(memory.bytes_mut(data + PAGE, PAGE).is_ok());
    assert_eq!(mprotect(&memory, data + PAGE, 2 * PAGE, RX), Err(ENOMEM), "beyond the end");

    // Executable, but not told to the instruction cache; then told.
    assert_eq!(memory.stale(data, 4), Some(data));
    memory.invalidate_icache(data, 4).unwrap();
    assert_eq!(memory.stale(data, 4), None);
    assert_eq!(memory.stale(data, 8), Some(data + 4));

    // The same page, where signatures are enforced; MAP_JIT memory is exempt.
    memory.enforce_signatures();
    assert_eq!(reason(data, Access::Fetch), Reason::CodeSigning);
    assert!(memory.allowed(data, Access::Read).is_ok());
    assert!(memory.allowed(jit, Access::Fetch).is_ok());

    // Unmapped in the middle: the rest stays, the hole is found again, and it reads as zeros.
    assert_eq!(munmap(&memory, data, PAGE), Ok(()));
    assert_eq!(reason(data, Access::Read), Reason::Unmapped);
    assert!(memory.allowed(data + PAGE, Access::Read).is_ok());
    let again = mmap(&memory, &plain, Request { hint: data, len: PAGE, ..request(RW, ANON_PRIVATE) }).unwrap();
    assert_eq!(again, data);
    assert_eq!(memory.get(data), Ok([0; 4]));
    assert_eq!(memory.string(data).unwrap(), b"");
}
