//! Code that linking makes: stubs, and what stands around the pieces of a function.

use super::{aarch64, x86_64};
use crate::error::Result;
use crate::target::Arch;

/// The property (`pr_type`) whose bits say what code is ready for, of which a program has those that all its objects have:
/// `GNU_PROPERTY_X86_FEATURE_1_AND`, `GNU_PROPERTY_AARCH64_FEATURE_1_AND`.
pub(crate) fn readiness_property(arch: Arch) -> u32 {
    match arch {
        Arch::X86_64 => 0xc000_0002,
        Arch::Aarch64 => 0xc000_0000,
    }
}

/// The bit of that property by which code says that it marks the places at which indirect branches arrive, where pages can ask
/// for that.
pub(crate) fn branch_target_mark(arch: Arch) -> Option<u32> {
    match arch {
        Arch::X86_64 => None,
        Arch::Aarch64 => Some(aarch64::FEATURE_1_BTI),
    }
}

/// What is made of each bit of that property that code has set, in words; of the mark for branch targets, the beginning of them.
pub(crate) fn readiness(arch: Arch, bits: u32) -> Vec<(u32, &'static str)> {
    let known: &[(u32, &str)] = match arch {
        Arch::X86_64 => &[
            (1, "IBT, which Linux enforces in no process"),
            (
                2,
                "a shadow stack (SHSTK), which a thread has by the C library's doing (GLIBC_TUNABLES); what Kiln adds only jumps",
            ),
        ],
        Arch::Aarch64 => &[
            (aarch64::FEATURE_1_BTI, "marked branch targets (BTI):"),
            (2, "signed return addresses (PAC), which the code signs and checks itself"),
            (
                4,
                "a guarded control stack (GCS), which a thread has by the C library's doing (GLIBC_TUNABLES); what Kiln adds only jumps",
            ),
        ],
    };
    known.iter().copied().filter(|(bit, _)| bits & bit != 0).collect()
}

/// The size of a stub, in bytes: with a mark for indirect branches, if it is `guarded`.
pub(crate) fn stub_size(arch: Arch, guarded: bool) -> u64 {
    match arch {
        Arch::X86_64 => x86_64::STUB_SIZE,
        Arch::Aarch64 => aarch64::mark_size(guarded) + aarch64::STUB_SIZE,
    }
}

/// Writes the stub at address `place`: a jump to the address that stands in the GOT slot at address `slot`.
pub(super) fn write_stub((arch, guarded): (Arch, bool), stub: &mut [u8], place: u64, slot: u64) -> Result<()> {
    match arch {
        Arch::X86_64 => x86_64::write_stub(stub, place, slot),
        Arch::Aarch64 => {
            let (place, stub) = aarch64::write_mark(guarded, place, stub);
            aarch64::write_stub(stub, place, slot)
        }
    }
}

/// The size of a stub that passes the module's handle, in bytes.
pub(crate) fn thunk_size(arch: Arch, guarded: bool) -> u64 {
    match arch {
        Arch::X86_64 => x86_64::THUNK_SIZE,
        // Keeps the slots behind it aligned.
        Arch::Aarch64 => (aarch64::mark_size(guarded) + aarch64::THUNK_SIZE).next_multiple_of(8),
    }
}

/// Writes the stub at address `place` that puts `handle` into the register of a fourth argument and jumps to the address
/// that stands in the slot at address `slot`.
pub(super) fn write_thunk(
    (arch, guarded): (Arch, bool),
    stub: &mut [u8],
    place: u64,
    handle: u64,
    slot: u64,
) -> Result<()> {
    match arch {
        Arch::X86_64 => x86_64::write_thunk(stub, place, handle, slot),
        Arch::Aarch64 => {
            let (place, stub) = aarch64::write_mark(guarded, place, stub);
            aarch64::write_thunk(stub, place, handle, slot)
        }
    }
}

/// What makes a function of pieces: code before and behind them.
pub(crate) fn around_pieces(arch: Arch) -> [&'static [u8]; 2] {
    match arch {
        Arch::X86_64 => x86_64::AROUND_PIECES,
        Arch::Aarch64 => aarch64::AROUND_PIECES,
    }
}

/// What instructions are aligned to, in bytes.
pub(crate) fn instruction_align(arch: Arch) -> u64 {
    match arch {
        Arch::X86_64 => 1,
        Arch::Aarch64 => 4,
    }
}

/// Writes what stands around pieces into their room, and instructions that do nothing where they will stand.
pub(super) fn write_around_pieces(arch: Arch, room: &mut [u8]) {
    let [before, behind] = around_pieces(arch);
    let nop: &[u8] = match arch {
        Arch::X86_64 => &x86_64::NOP,
        Arch::Aarch64 => &aarch64::NOP,
    };
    room.iter_mut().zip(nop.iter().cycle()).for_each(|(to, from)| *to = *from);
    room[..before.len()].copy_from_slice(before);
    let end = room.len() - behind.len();
    room[end..].copy_from_slice(behind);
}
