//! Code that stands between other code: traps, and jumps.

use std::ops::Range;

use super::{aarch64, x86_64};
use crate::target::Arch;

/// Fills room between functions, a range of the text, with instructions that trap, aligned as instructions are.
pub(crate) fn fill_with_traps(arch: Arch, text: &mut [u8], room: Range<usize>) {
    let trap: &[u8] = match arch {
        Arch::X86_64 => &x86_64::TRAP,
        Arch::Aarch64 => &aarch64::TRAP,
    };
    let start = room.start;
    match (trap, text.get_mut(room).unwrap_or_default()) {
        ([byte], room) => room.fill(*byte),
        (_, room) => {
            room.iter_mut().zip(trap.iter().cycle().skip(start % trap.len())).for_each(|(to, from)| *to = *from);
        }
    }
}

/// 16 bytes full of instructions that trap, as they stand in memory.
pub(crate) const fn sixteen_bytes_of_traps(arch: Arch) -> u128 {
    let trap: &[u8] = match arch {
        Arch::X86_64 => &x86_64::TRAP,
        Arch::Aarch64 => &aarch64::TRAP,
    };
    let mut bytes = [0; 16];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = trap[at % trap.len()];
        at += 1;
    }
    u128::from_ne_bytes(bytes)
}

/// Code that jumps to the address that stands at `cell`, wherever both are.
pub(crate) fn jump_through(arch: Arch, cell: u64) -> Vec<u8> {
    match arch {
        Arch::X86_64 => x86_64::jump_through(cell),
        Arch::Aarch64 => aarch64::jump_through(cell),
    }
}
