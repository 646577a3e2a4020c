//! Cache maintenance by architecture, for systems that leave it to the program.
#![allow(unsafe_code)] // Cache instructions.
#![allow(dead_code, reason = "macOS has a function of its own")]

/// When the cores are serialized, so that none executes instructions that it fetched from an address before that was
/// written anew. An address that was never executed needs no such step: no core has fetched from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Serialize {
    /// Once for many addresses, after traps have been written to them and before they are written again: the processor
    /// keeps what it fetches from then on coherent with stores.
    #[allow(dead_code, reason = "of one architecture")]
    BeforeReuse,
    /// After each piece of code that was written to such an address: the processor may fetch ahead, on the word of a branch
    /// predictor that remembers the address, and keep what it fetched.
    #[allow(dead_code, reason = "of one architecture")]
    AfterWriting,
}

/// Intel SDM, volume 3, 9.1.3: code that another processor wrote is executed after a serializing instruction; 11.6: stores
/// invalidate the line in instruction caches by physical address, what is prefetched only by linear address, and the heap
/// writes through another one. So between the last execution of the old instructions and the writing of new ones every core
/// serializes; what it fetches later comes from caches that stores invalidate (also AMD64 APM, volume 2, 7.6.1).
#[cfg(target_arch = "x86_64")]
pub(super) const SERIALIZE: Serialize = Serialize::BeforeReuse;

/// *Arm Architecture Reference Manual*, B2.2.5 and B2.7.4.2: after the caches are maintained, each core that is to execute
/// the new instructions needs a context synchronization event.
#[cfg(target_arch = "aarch64")]
pub(super) const SERIALIZE: Serialize = Serialize::AfterWriting;

/// Makes what was written to `start..start + len` visible to instruction fetches.
///
/// Nothing is to be done: the processor keeps its instruction caches coherent with stores (Intel SDM, volume 3, 11.6;
/// AMD64 APM, volume 2, 7.6.1).
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn clean(_start: usize, _len: usize) {}

/// Makes what was written to `start..start + len` visible to instruction fetches, of all cores.
///
/// *Arm Architecture Reference Manual*, B2.7.4: clean the data cache to the point of unification; wait; invalidate the
/// instruction cache to it; wait; discard what this core has fetched already. Other cores have fetched nothing from pages
/// that were not executable.
#[cfg(target_arch = "aarch64")]
pub(super) fn clean(start: usize, len: usize) {
    use std::arch::asm;

    let type_register: u64;
    // SAFETY: reads CTR_EL0, which Linux lets programs read, or reads for them.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) type_register, options(nomem, nostack, preserves_flags)) };
    // DminLine and IminLine: the binary logarithm of the smallest line, in words of 4 bytes. IDC and DIC: the step is not
    // needed on this processor.
    let data_line = 4usize << (type_register >> 16 & 0xf);
    let instruction_line = 4usize << (type_register & 0xf);
    let data_clean_needed = type_register >> 28 & 1 == 0;
    let instruction_invalidate_needed = type_register >> 29 & 1 == 0;
    let end = start + len;
    if data_clean_needed {
        for line in (start & !(data_line - 1)..end).step_by(data_line) {
            // SAFETY: cleans one line of mapped memory; changes nothing that a program can see.
            unsafe { asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags)) };
        }
    }
    // SAFETY: waits until the lines are clean, for all cores.
    unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
    if instruction_invalidate_needed {
        for line in (start & !(instruction_line - 1)..end).step_by(instruction_line) {
            // SAFETY: invalidates one line of mapped memory; changes nothing that a program can see.
            unsafe { asm!("ic ivau, {}", in(reg) line, options(nostack, preserves_flags)) };
        }
        // SAFETY: waits until the lines are gone, for all cores.
        unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
    }
    // SAFETY: makes this core fetch anew.
    unsafe { asm!("isb", options(nostack, preserves_flags)) };
}
