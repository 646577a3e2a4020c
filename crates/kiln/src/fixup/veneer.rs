//! Instructions that have no room for an address.

use super::x86_64;
use crate::target::Arch;

/// An instruction and the field in it that is too small.
pub(crate) struct Narrow<'c> {
    /// The instruction, linked but for the field.
    pub(crate) code: &'c [u8],
    pub(crate) place: u64,
    /// The offset of the field.
    pub(crate) field: usize,
    /// Whether the field counts from itself.
    pub(crate) is_relative: bool,
    /// `S + A`
    pub(crate) value: u64,
}

/// The room for a veneer, in bytes. 0: there are none.
pub(crate) fn veneer_size(arch: Arch) -> u64 {
    match arch {
        Arch::X86_64 => x86_64::VENEER_SIZE,
        Arch::Aarch64 => 0,
    }
}

/// The length of the instruction that `code` begins with, and the offsets of its fields. `None`: it is not known.
pub(crate) fn instruction_fields(arch: Arch, code: &[u8]) -> Option<(usize, [Option<usize>; 2])> {
    match arch {
        Arch::X86_64 => x86_64::fields(code),
        // What takes addresses reaches as far as from the image to a library, or is of the large code model.
        Arch::Aarch64 => None,
    }
}

/// What becomes of an instruction that has no room for an address, and the veneer at `at`. `None`: no veneer does this.
pub(crate) fn veneer(arch: Arch, narrow: &Narrow<'_>, at: u64) -> Option<(Vec<u8>, Vec<u8>)> {
    match arch {
        Arch::X86_64 => narrow.veneer(at),
        Arch::Aarch64 => None,
    }
}
