//! Fixups: the arithmetic of relocations, as data.
//!
//! A relocation is a row of a table ([`Kind`]): which address it speaks of, which expression it computes, which bits of
//! the section take the result, and what must be true of the result. Each architecture has one table per object
//! format; one function computes ([`Kind::compute`]), one checks and writes ([`Kind::write`]).

mod aarch64;
mod calls;
mod check;
mod debug;
mod compact;
mod filler;
mod image;
mod quick;
mod refused;
mod stubs;
#[cfg(test)]
mod tests;
mod threads;
mod unwind;
mod veneer;
mod x86_64;

pub(crate) use calls::{CallLists, read_calls};
use check::signed_hex;
pub(crate) use check::{Check, binary_size};
pub(crate) use compact::{HAS_DATA, Records, Unwinding, unwinding};
pub(crate) use debug::{DebugInfo, debug_info};
pub(crate) use filler::{fill_with_traps, jump_through, sixteen_bytes_of_traps};
pub(crate) use image::{check_unwind, write_image};
pub(crate) use quick::{Form, forms_of_elf};
use quick::{Quick, forms};
pub(crate) use refused::Refused;
pub(crate) use stubs::{
    around_pieces, branch_target_mark, instruction_align, readiness, readiness_property, stub_size, thunk_size,
};
use stubs::{write_around_pieces, write_stub, write_thunk};
pub(crate) use threads::{BLOCK_OFFSET, Block, DESCRIPTOR_SIZE, LoaderTypes, has_descriptors, loader_types};
pub(crate) use unwind::{
    DISTANCE as FRAME_DISTANCE, SLOT_DISTANCE as FRAME_SLOT_DISTANCE, pointers as frame_pointers, records_end,
};
pub(crate) use veneer::{Narrow, instruction_fields, veneer, veneer_size};

use crate::error::{Error, Result};
use crate::graph::{Access, Place, Relocation};
use crate::target::{Arch, Format};

/// One kind of relocation.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Its name in the ABI document.
    pub(crate) name: &'static str,
    pub(crate) via: Via,
    pub(crate) value: Value,
    pub(crate) field: Field,
    pub(crate) check: Check,
    pub(crate) quick: Option<Quick>,
}

/// The address `S` that a relocation's expression starts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Via {
    /// The symbol itself.
    Symbol,
    /// The symbol's slot in the GOT.
    Got,
    /// The symbol's slot in the GOT, or, where the instruction can be made to take an address in place of a slot, the
    /// symbol itself.
    GotLoad,
    /// The beginning of the GOT.
    GotBase,
    /// The symbol's size: `Z` of the ABI documents.
    Size,
    /// The symbol if the branch reaches it, else the symbol's stub.
    Branch,
    /// The slots by which code gets at a thread-local variable, in this way.
    Thread(Access),
    /// The distance of a thread-local variable from the thread pointer.
    ThreadOffset,
    /// The place of a thread-local variable in its module's block.
    BlockOffset,
    /// The number of a thread-local variable's module.
    ThreadModule,
}

/// The expression, with `S` from [`Via`], the addend `A` and the place `P`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Value {
    /// Nothing is computed and nothing written.
    Nothing,
    /// `S + A`, or `S + A - S'` where the relocation has a subtrahend `S'`.
    Absolute,
    /// `S + A - P`
    Relative,
    /// `Page(S + A) - Page(P)` with pages of 4 KiB, as `adrp` counts.
    PageRelative,
    /// `(S + A) & 0xfff`
    PageOffset,
    /// `S + A - B` with the base `B` of the image (COFF's relative virtual address).
    ImageRelative,
    /// `S + A - GOT` with the beginning `GOT` of the GOT.
    GotRelative,
    /// `S + A - Page(GOT)`
    GotPageRelative,
    /// The number of the segment that `S` is in, from 1 (COFF's section).
    SegmentNumber,
    /// `S + A` from the beginning of the segment that `S` is in.
    SegmentOffset,
    /// The lower 12 bits of that.
    SegmentPageOffset,
}

/// The bits that take the value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Field {
    /// A little-endian integer of so many bytes.
    Bytes(u8),
    /// Bits of an arm64 instruction.
    A64(aarch64::Bits),
}

/// The operands of one fixup, as addresses in the target's address space.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operands {
    /// `S`
    pub(crate) symbol: u64,
    /// `S'`, 0 where there is none.
    pub(crate) subtrahend: u64,
    /// `A`
    pub(crate) addend: i64,
    /// `P`
    pub(crate) place: u64,
    /// `B`
    pub(crate) image_base: u64,
    /// `GOT`
    pub(crate) got: u64,
    /// The number and the address of the segment that the symbol is in; 0 where it is in none.
    pub(crate) segment: (u64, u64),
}

impl Kind {
    const fn new(name: &'static str, via: Via, value: Value, field: Field, check: Check) -> Kind {
        let quick = Quick::of(via, value, field, check);
        Kind { name, via, value, field, check, quick }
    }

    /// Whether it is a row, and not [`UNKNOWN`].
    pub(crate) const fn is_known(&self) -> bool {
        !matches!(self.check, Check::Never)
    }

    /// The value of the expression: modulo 2^64, as the machines count, and then read as signed (AAELF64, "Data
    /// relocations"). So the number -1, and code in the upper half of the address space, are as near to 0 as they are to
    /// the machine.
    pub(crate) fn compute(&self, operands: Operands) -> i64 {
        let Operands { symbol, subtrahend, addend, place, image_base, got, segment } = operands;
        let target = symbol.wrapping_add_signed(addend);
        let page = |address: u64| address & !0xfff;
        let value = match self.value {
            Value::Nothing => 0,
            Value::Absolute => target.wrapping_sub(subtrahend),
            Value::Relative => target.wrapping_sub(place),
            Value::PageRelative => page(target).wrapping_sub(page(place)),
            Value::PageOffset => target & 0xfff,
            Value::ImageRelative => target.wrapping_sub(image_base),
            Value::GotRelative => target.wrapping_sub(got),
            Value::GotPageRelative => target.wrapping_sub(page(got)),
            Value::SegmentNumber => segment.0,
            Value::SegmentOffset => target.wrapping_sub(segment.1),
            Value::SegmentPageOffset => target.wrapping_sub(segment.1) & 0xfff,
        };
        value as i64
    }

    /// Whether a value fits: what a branch asks before it takes the stub.
    pub(crate) fn fits(&self, value: i64) -> bool {
        self.check.holds(value)
    }

    /// Whether a distance leads to an instruction, if it must.
    pub(crate) fn is_aligned(&self, value: i64) -> bool {
        !matches!(self.check, Check::Branch(_)) || value % 4 == 0
    }

    /// How far behind its symbol the address in the slot lies: arm64's documents say `GDAT(S + A)` for instructions, and
    /// all others add `A` to the slot's own address.
    pub(crate) fn behind_slot(&self, addend: i64) -> i64 {
        if self.is_in_instruction() { addend } else { 0 }
    }

    /// How far a distance reaches, in bytes to either side, less the room for what counts in pages or from behind the
    /// field. `None`: it is no distance, or only one within a function.
    pub(crate) fn reach(&self) -> Option<u64> {
        match (self.value, self.check) {
            (Value::Relative | Value::PageRelative, Check::Signed(bits) | Check::Branch(bits)) if bits >= 28 => {
                Some((1u64 << (bits - 1).min(62)) - 0x2000)
            }
            _ => None,
        }
    }

    /// Whether the value is an address that must fit into 32 bits.
    pub(crate) fn is_low_address(&self) -> bool {
        let checks = [Check::Signed(32), Check::Unsigned(32), Check::Either(32)];
        self.is_absolute() && self.via == Via::Symbol && checks.contains(&self.check)
    }

    /// Whether every value fits.
    pub(crate) fn always_fits(&self) -> bool {
        matches!(self.check, Check::Truncate | Check::Signed(64) | Check::Either(64))
    }

    /// Whether the value counts in segments, so that it is the same wherever the image stands.
    pub(crate) fn is_in_segment(&self) -> bool {
        matches!(self.value, Value::SegmentNumber | Value::SegmentOffset | Value::SegmentPageOffset)
    }

    /// How many bytes of the section the field occupies, from the relocation's offset.
    pub(crate) fn width(&self) -> usize {
        match (self.value, self.field) {
            (Value::Nothing, _) => 0,
            (_, Field::Bytes(bytes)) => usize::from(bytes),
            (_, Field::A64(_)) => 4,
        }
    }

    /// Whether the result depends on where the image stands, so that moving it breaks it.
    pub(crate) fn is_absolute(&self) -> bool {
        self.value == Value::Absolute && !self.is_thread_offset()
    }

    /// Whether it counts in a thread's storage, where the image's place has no part.
    pub(crate) fn is_thread_offset(&self) -> bool {
        matches!(self.via, Via::ThreadOffset | Via::BlockOffset | Via::ThreadModule)
    }

    /// Whether it is about a thread-local variable.
    pub(crate) fn is_thread_local(&self) -> bool {
        self.is_thread_offset() || matches!(self.via, Via::Thread(_))
    }

    /// Checks `value` and writes it into `field`, the [`width`](Kind::width) bytes at the relocation's place.
    pub(crate) fn write(&self, field: &mut [u8], value: i64) -> Result<()> {
        if !self.check.holds(value) {
            return Err(Error::range(format!(
                "{} wants {}, and this one is {}",
                self.name,
                self.check.words(),
                signed_hex(value)
            )));
        }
        match self.field {
            Field::Bytes(_) => {
                let bytes = value.to_le_bytes();
                for (to, from) in field.iter_mut().zip(bytes) {
                    *to = from;
                }
                Ok(())
            }
            Field::A64(bits) => {
                bits.write(field, value).map_err(|message| Error::malformed(format!("{} {message}", self.name)))
            }
        }
    }

    /// Whether the value counts from the place itself.
    pub(crate) fn is_relative(&self) -> bool {
        self.value == Value::Relative
    }

    /// Whether the field is bits of an instruction.
    pub(crate) fn is_in_instruction(&self) -> bool {
        matches!(self.field, Field::A64(_))
    }

    /// The addend that stands in the field itself, in formats that keep it there.
    pub(crate) fn read_addend(&self, field: &[u8]) -> i64 {
        match self.field {
            Field::Bytes(_) => {
                let mut bytes = [0; 8];
                for (to, from) in bytes.iter_mut().zip(field) {
                    *to = *from;
                }
                let unused = 64 - 8 * field.len().min(8) as u32;
                if unused == 64 { 0 } else { (i64::from_le_bytes(bytes) << unused) >> unused }
            }
            Field::A64(bits) => bits.read(field),
        }
    }
}

/// What became of a raw relocation type.
pub(crate) enum Lookup {
    Kind(&'static Kind),
    Refused(&'static Refused),
    Unknown,
}

/// The kinds of relocations by their raw types, as [`lookup`] has them; [`UNKNOWN`] stands between them.
pub(crate) fn kinds(arch: Arch, format: Format) -> &'static [&'static Kind] {
    match arch {
        Arch::X86_64 => x86_64::kinds(format),
        Arch::Aarch64 => aarch64::kinds(format),
    }
}

/// Stands for what is in no table, which no reader lets through: no value fits.
pub(crate) static UNKNOWN: Kind =
    Kind::new("a relocation of an unknown type", Via::Symbol, Value::Absolute, Field::Bytes(8), Check::Never);

/// Looks a raw relocation type up: `r_type` of ELF and COFF; of Mach-O, `r_type` with `r_length` and `r_pcrel` in the
/// bits that [`macho_type`] gives them.
pub(crate) fn lookup(arch: Arch, format: Format, raw: u32) -> Lookup {
    if let Some(kind) = kinds(arch, format).get(raw as usize).filter(|kind| kind.is_known()) {
        return Lookup::Kind(kind);
    }
    refused::find(arch, format, raw).map_or(Lookup::Unknown, Lookup::Refused)
}

/// One number for the three fields of a Mach-O relocation that decide its meaning.
pub(crate) const fn macho_type(r_type: u8, r_length: u8, r_pcrel: bool) -> u32 {
    (r_type as u32) << 3 | (r_length as u32 & 3) << 1 | r_pcrel as u32
}

/// A Mach-O relocation type that only adds to the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MachoPart {
    /// The next one's addend stands in the symbol number.
    Addend,
    /// The symbol is subtracted from the next one's.
    Subtrahend,
}

/// Whether a Mach-O relocation type is a whole relocation (`None`) or a part of the next.
pub(crate) fn macho_part(arch: Arch, r_type: u8) -> Option<MachoPart> {
    match arch {
        Arch::X86_64 => x86_64::macho_part(r_type),
        Arch::Aarch64 => aarch64::macho_part(r_type),
    }
}

/// Whether the field of a Mach-O relocation type holds the addend, or what stands there says nothing.
pub(crate) fn macho_addend_in_field(arch: Arch, r_type: u8) -> bool {
    match arch {
        Arch::X86_64 => true,
        Arch::Aarch64 => aarch64::macho_addend_in_field(r_type),
    }
}

/// Whether a Mach-O relocation type is the access of a thread-local variable: to a slot with its descriptor's address.
pub(crate) fn macho_is_thread_local(arch: Arch, r_type: u8) -> bool {
    match arch {
        Arch::X86_64 => x86_64::macho_is_thread_local(r_type),
        Arch::Aarch64 => aarch64::macho_is_thread_local(r_type),
    }
}

/// What to add to the addend of a PC-relative field in formats that count from behind the field: Mach-O and COFF.
pub(crate) fn pc_bias(arch: Arch, format: Format, raw: u32) -> i64 {
    match arch {
        Arch::X86_64 => x86_64::pc_bias(format, raw),
        Arch::Aarch64 => aarch64::pc_bias(format, raw),
    }
}

/// How far behind its symbol a stub must go that stands for a branch. `None`: no stub can.
///
/// A branch with an addend of its own goes into the middle of a function. Arm's documents have a stub go there too
/// (AAELF64, "Call and Jump relocations"), which only makes sense where the function is known; elsewhere the addend
/// belongs to the stub's own address, which in data is what tables of distances want (`L + A - P`).
pub(crate) fn stub_for(arch: Arch, relocation: &Relocation, is_text: bool, place: Place) -> Option<i64> {
    let behind = relocation.addend.wrapping_sub(match arch {
        Arch::X86_64 => x86_64::BRANCH_ADDEND,
        Arch::Aarch64 => aarch64::BRANCH_ADDEND,
    });
    if behind == 0 || !is_text {
        return Some(0);
    }
    (relocation.kind.is_in_instruction() && matches!(place, Place::Section { .. })).then_some(behind)
}

/// How far the shortest branch reaches that may go through a stub, in bytes to either side.
pub(crate) fn branch_reach(arch: Arch) -> u64 {
    match arch {
        Arch::X86_64 => x86_64::BRANCH_REACH,
        Arch::Aarch64 => aarch64::BRANCH_REACH,
    }
}

/// Whether the instruction at a [`Via::GotLoad`] can be made to take the symbol's address: see [`relax`].
pub(crate) fn relaxes(arch: Arch, kind: &Kind, contents: &[u8], offset: usize, addend: i64) -> bool {
    match arch {
        Arch::X86_64 => addend == x86_64::BRANCH_ADDEND && x86_64::relaxed(contents, offset).is_some(),
        Arch::Aarch64 => addend == 0 && aarch64::relaxed(kind, contents, offset).is_some(),
    }
}

/// Changes the instruction at a [`Via::GotLoad`] that [`relaxes`] into one that takes the symbol's address in place of
/// its slot's. Gives the relocation that it then has, and how far in front of the old one.
fn relax(arch: Arch, kind: &'static Kind, contents: &mut [u8], offset: usize) -> (&'static Kind, usize) {
    match arch {
        Arch::X86_64 => (kind, x86_64::relax(contents, offset)),
        Arch::Aarch64 => (aarch64::relax(kind, contents, offset), 0),
    }
}

/// The section flags of ELF that are the processor's own, and mean that the section may be far from others.
pub(crate) fn elf_large_flag(arch: Arch) -> u64 {
    match arch {
        Arch::X86_64 => x86_64::SHF_LARGE,
        Arch::Aarch64 => 0,
    }
}

/// The section number of ELF's common symbols that may be far away, if the architecture has one.
pub(crate) fn elf_large_common(arch: Arch) -> Option<u16> {
    match arch {
        Arch::X86_64 => Some(x86_64::SHN_LCOMMON),
        Arch::Aarch64 => None,
    }
}

/// The bits of ELF's `st_other` that are the processor's own and ask for nothing.
pub(crate) fn elf_symbol_bits(arch: Arch) -> u8 {
    match arch {
        Arch::X86_64 => 0,
        Arch::Aarch64 => aarch64::STO_VARIANT_PCS,
    }
}

/// The size of the longest instruction, in bytes.
pub(crate) fn longest_instruction(arch: Arch) -> u64 {
    match arch {
        // Intel SDM vol. 2, 2.3.11
        Arch::X86_64 => 15,
        Arch::Aarch64 => 4,
    }
}

/// How far, in bytes, code reaches with the instructions by which it finds its constants and data: `lea` and `adrp`.
pub(crate) fn data_reach(arch: Arch) -> u64 {
    match arch {
        Arch::X86_64 => 1 << 31,
        Arch::Aarch64 => 1 << 32,
    }
}

/// Whether code of `arch` at `offset` is a system call made without the C library, and what it is called.
///
/// Exact where instructions have one size; on x86-64 the two bytes of `syscall` may also be part of another instruction,
/// so a hit there is only a suspicion.
pub(crate) fn find_system_call(arch: Arch, code: &[u8]) -> Option<(usize, &'static str)> {
    match arch {
        Arch::X86_64 => x86_64::find_system_call(code),
        Arch::Aarch64 => aarch64::find_system_call(code),
    }
}

/// Spreads rows out so that a raw type is an index.
const fn dense<const N: usize>(rows: &'static [(u32, Kind)]) -> [&'static Kind; N] {
    let mut table = [&UNKNOWN; N];
    let mut row = 0;
    while row < rows.len() {
        let index = rows[row].0 as usize;
        assert!(!table[index].is_known(), "two rows for one relocation type");
        table[index] = &rows[row].1;
        row += 1;
    }
    table
}
