//! `<stdlib.h>`: the allocator.

use crate::kernel::errno::{EINVAL, ENOMEM};
use crate::machine::heap::BadPointer;
use crate::machine::signals::SIGABRT;
use crate::machine::{Answer, Function, Machine, Stop};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("_malloc", |m| allocate(m, m.x(0), 16)),
    ("_calloc", calloc),
    ("_realloc", realloc),
    ("_reallocf", realloc),
    ("_free", free),
    ("_posix_memalign", posix_memalign),
    ("_aligned_alloc", |m| allocate(m, m.x(1), m.x(0))),
    ("_valloc", |m| allocate(m, m.x(0), crate::memory::PAGE)),
    ("_malloc_size", |m| Ok(m.heap.size(m.x(0)).unwrap_or(0))),
    ("_malloc_good_size", |m| Ok(m.x(0).next_multiple_of(16))),
];

/// A block, whose old bytes a program must not rely on; null and `ENOMEM` without.
fn allocate(m: &mut Machine, size: u64, align: u64) -> Answer {
    if !align.is_power_of_two() {
        m.set_errno(EINVAL)?;
        return Ok(0);
    }
    match m.heap.allocate(size, align) {
        Some(block) => Ok(block),
        None => {
            m.set_errno(ENOMEM)?;
            Ok(0)
        }
    }
}

fn calloc(m: &mut Machine) -> Answer {
    let Some(size) = m.x(0).checked_mul(m.x(1)) else {
        m.set_errno(ENOMEM)?;
        return Ok(0);
    };
    let block = allocate(m, size, 16)?;
    if block != 0 {
        m.memory.bytes_mut(block, size)?.fill(0);
    }
    Ok(block)
}

fn realloc(m: &mut Machine) -> Answer {
    let (old, size) = (m.x(0), m.x(1));
    if old == 0 {
        return allocate(m, size, 16);
    }
    let Some(before) = m.heap.size(old) else { return bad_pointer(m, old, BadPointer::NotAllocated) };
    if size <= before && size >= before / 2 {
        return Ok(old);
    }
    let new = allocate(m, size, 16)?;
    if new != 0 {
        let bytes = m.memory.bytes(old, before.min(size))?.to_vec();
        m.memory.put(new, &bytes)?;
        release(m, old)?;
    }
    Ok(new)
}

fn release(m: &mut Machine, block: u64) -> Answer {
    match m.heap.release(block) {
        Ok(()) => Ok(0),
        Err(bad) => bad_pointer(m, block, bad),
    }
}

pub(super) fn free(m: &mut Machine) -> Answer {
    if m.x(0) == 0 { Ok(0) } else { release(m, m.x(0)) }
}

/// libmalloc says so, and aborts.
fn bad_pointer(m: &mut Machine, block: u64, bad: BadPointer) -> Answer {
    let what = match bad {
        BadPointer::FreedBefore => "freed twice",
        BadPointer::NotAllocated => "not allocated",
    };
    let place = m.place(m.x(30));
    eprintln!("darwin-run: pointer {block:#x}, which {place} gives back, was {what}");
    Err(Stop::Killed(SIGABRT))
}

fn posix_memalign(m: &mut Machine) -> Answer {
    let (to, align, size) = (m.x(0), m.x(1), m.x(2));
    if !align.is_power_of_two() || align < 8 {
        return Ok(EINVAL.0 as u64);
    }
    match m.heap.allocate(size, align) {
        Some(block) => {
            m.memory.put_u64(to, block)?;
            Ok(0)
        }
        None => Ok(ENOMEM.0 as u64),
    }
}
