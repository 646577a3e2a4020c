//! Relocations of arm64.
//!
//! Sources: *ELF for the Arm 64-bit Architecture (AAELF64)*, section 5.7; `<mach-o/arm64/reloc.h>` (Mach-O);
//! Microsoft's *PE Format*, "ARM64 Processors" (COFF). Instruction encodings: *Arm Architecture Reference Manual*,
//! C4.1.

use object::{elf, macho, pe};

use super::{Check, Field, Form, Kind, LoaderTypes, MachoPart, Value, Via, dense, forms, macho_type};
use crate::error::{Error, Result};
use crate::graph::Access;
use crate::target::Format;

/// `brk #0`
pub(super) const TRAP: [u8; 4] = 0xd420_0000u32.to_le_bytes();

pub(super) const NOP: [u8; 4] = 0xd503_201fu32.to_le_bytes();

/// `GNU_PROPERTY_AARCH64_FEATURE_1_BTI` (AAELF64, "Program Property").
pub(super) const FEATURE_1_BTI: u32 = 1;

/// `bti c`: calls, and jumps by `x16` and `x17`, may arrive here (*Arm Architecture Reference Manual*, D8.4).
const MARK: [u8; 4] = 0xd503_245fu32.to_le_bytes();

pub(super) fn mark_size(guarded: bool) -> u64 {
    if guarded { MARK.len() as u64 } else { 0 }
}

/// Writes the mark, if there is to be one, and gives what stands behind it.
pub(super) fn write_mark(guarded: bool, place: u64, code: &mut [u8]) -> (u64, &mut [u8]) {
    let (mark, code) = code.split_at_mut(mark_size(guarded) as usize);
    mark.iter_mut().zip(MARK).for_each(|(to, from)| *to = from);
    (place + mark.len() as u64, code)
}

/// `bti c; stp x29, x30, [sp, #-16]!; mov x29, sp` and `ldp x29, x30, [sp], #16; ret`
pub(super) const AROUND_PIECES: [&[u8]; 2] = [
    &[0x5f, 0x24, 0x03, 0xd5, 0xfd, 0x7b, 0xbf, 0xa9, 0xfd, 0x03, 0x00, 0x91],
    &[0xfd, 0x7b, 0xc1, 0xa8, 0xc0, 0x03, 0x5f, 0xd6],
];

/// `adrp x16, slot; ldr x16, [x16, slot]; br x16`. `x16` is the register that the procedure call standard leaves to
/// such code (AAPCS64, section 6.1.1).
pub(super) const STUB_SIZE: u64 = 12;

/// `adrp` of the page of `to`, in the code at `place`.
fn adrp(register: u32, place: u64, to: u64) -> Result<u32> {
    let pages = (to >> 12) as i64 - (place >> 12) as i64;
    if !(-(1 << 20)..1 << 20).contains(&pages) {
        return Err(Error::range(format!("the stub at {place:#x} cannot reach {to:#x}: `adrp` reaches ±4 GiB")));
    }
    let pages = pages as u32;
    Ok(0x9000_0000 | register | (pages & 3) << 29 | (pages >> 2 & 0x7_ffff) << 5)
}

/// `adrp x3, handle; add x3, x3, handle`, and a stub. `x3` holds the fourth argument (AAPCS64, section 6.8.2).
pub(super) const THUNK_SIZE: u64 = 24;

pub(super) fn write_thunk(stub: &mut [u8], place: u64, handle: u64, slot: u64) -> Result<()> {
    let add = 0x9100_0063 | ((handle & 0xfff) as u32) << 10;
    let (first, jump) = stub.split_at_mut(8);
    for (to, instruction) in first.chunks_exact_mut(4).zip([adrp(3, place, handle)?, add]) {
        to.copy_from_slice(&instruction.to_le_bytes());
    }
    let (jump, rest) = jump.split_at_mut(STUB_SIZE as usize);
    rest.chunks_exact_mut(4).for_each(|trap| trap.copy_from_slice(&TRAP));
    write_stub(jump, place + 8, slot)
}

pub(super) fn write_stub(stub: &mut [u8], place: u64, slot: u64) -> Result<()> {
    if !slot.is_multiple_of(8) {
        return Err(Error::range(format!("the stub at {place:#x} has its slot at {slot:#x}, which is not aligned")));
    }
    let adrp = adrp(16, place, slot)?;
    let ldr = 0xf940_0210 | ((slot & 0xfff) as u32 >> 3) << 10;
    let br = 0xd61f_0200u32;
    for (to, instruction) in stub.chunks_exact_mut(4).zip([adrp, ldr, br]) {
        to.copy_from_slice(&instruction.to_le_bytes());
    }
    Ok(())
}

/// `ldr x16, cell; ldr x16, [x16]; br x16; nop; cell: .quad …`
pub(super) fn jump_through(cell: u64) -> Vec<u8> {
    let mut code = [0x5800_0090u32, 0xf940_0210, 0xd61f_0200, 0xd503_201f].map(u32::to_le_bytes).concat();
    code.extend(cell.to_le_bytes());
    code
}

pub(super) const BRANCH_ADDEND: i64 = 0;

/// `b` and `bl` reach ±128 MiB.
pub(super) const BRANCH_REACH: u64 = 128 << 20;

/// `STO_AARCH64_VARIANT_PCS`: the function keeps other registers than usual. Nothing here changes any but `x16`.
pub(super) const STO_VARIANT_PCS: u8 = 0x80;

/// What a Mach-O load from the GOT can become when the address itself is near: `adrp` of the page of the symbol in place
/// of that of its slot, and `add` in place of `ldr`.
pub(super) fn relaxed(kind: &Kind, contents: &[u8], offset: usize) -> Option<&'static Kind> {
    static PAGE: Kind = row("ARM64_RELOC_GOT_LOAD_PAGE21", Symbol, PageRelative, A64(Adrp), Signed(33));
    static OFFSET: Kind = row("ARM64_RELOC_GOT_LOAD_PAGEOFF12", Symbol, PageOffset, A64(Add), Truncate);
    let word = contents.get(offset..)?.first_chunk::<4>()?;
    match kind.value {
        // An instruction that the relocation is not for stays as it is, and is an error later.
        PageRelative => Adrp.is_in(u32::from_le_bytes(*word)).then_some(&PAGE),
        PageOffset => Ldst(3).is_in(u32::from_le_bytes(*word)).then_some(&OFFSET),
        _ => None,
    }
}

/// Rewrites the instruction as [`relaxed`] says, and gives the relocation that it then has.
pub(super) fn relax(kind: &'static Kind, contents: &mut [u8], offset: usize) -> &'static Kind {
    let Some(relaxed) = relaxed(kind, contents, offset) else { return kind };
    if let Some(word) = contents[offset..].first_chunk_mut::<4>().filter(|_| relaxed.value == PageOffset) {
        // `add` (immediate) of 64 bits, with the registers of the `ldr`.
        *word = (0x9100_0000 | u32::from_le_bytes(*word) & 0x3ff).to_le_bytes();
    }
    relaxed
}

pub(super) fn pc_bias(format: Format, raw: u32) -> i64 {
    // Of all kinds this one alone counts from behind the field.
    let from_behind = format == Format::Coff && raw == u32::from(pe::IMAGE_REL_ARM64_REL32.0);
    if from_behind { -4 } else { 0 }
}

pub(super) fn find_system_call(code: &[u8]) -> Option<(usize, &'static str)> {
    // `svc #imm16`
    let svc = |word: &[u8]| matches!(word, [a, _, b, 0xd4] if a & 0x1f == 1 && b & 0xe0 == 0);
    code.chunks_exact(4).position(svc).map(|index| (index * 4, "svc"))
}

/// The bits of an instruction that take a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bits {
    /// `b`, `bl`: imm26, in words.
    Imm26,
    /// `b.cond`, `cbz`, `ldr` (literal): imm19, in words.
    Imm19,
    /// `tbz`: imm14, in words.
    Imm14,
    /// `adr`: immhi:immlo, in bytes.
    Adr,
    /// `adrp`: immhi:immlo, in pages of 4 KiB.
    Adrp,
    /// `add`, `sub` (immediate): imm12, in bytes.
    Add,
    /// `ldr`, `str` (unsigned immediate): imm12, in units of `1 << n` bytes, which must be the instruction's own.
    Ldst(u8),
    /// `add`, or `ldr`, `str` in units of the instruction's own size.
    AddOrLdst,
    /// `ldr`, `str` in units of the instruction's own size.
    LdstOwn,
    /// `add`, `sub` (immediate, shifted by 12): imm12, in units of 4 KiB.
    AddHigh,
    /// `movz`, `movk`: imm16, of the value's bits from `n` on.
    Movw(u8),
    /// `movz` for a value that is not negative, `movn` for one that is: imm16, of the value's bits from `n` on.
    MovwSigned(u8),
}

impl Bits {
    /// The instructions that the field stands in: which bits say so, and what they must be.
    fn is_in(self, instruction: u32) -> bool {
        let is = |mask: u32, bits: u32| instruction & mask == bits;
        match self {
            Bits::Imm26 => is(0x7c00_0000, 0x1400_0000),
            Bits::Imm19 => is(0xff00_0000, 0x5400_0000) || is(0x7e00_0000, 0x3400_0000) || is(0x3b00_0000, 0x1800_0000),
            Bits::Imm14 => is(0x7e00_0000, 0x3600_0000),
            Bits::Adr => is(0x9f00_0000, 0x1000_0000),
            Bits::Adrp => is(0x9f00_0000, 0x9000_0000),
            Bits::Add => is_add(instruction),
            Bits::Ldst(scale) => is_ldst(instruction) && ldst_scale(instruction) == scale,
            Bits::LdstOwn => is_ldst(instruction),
            Bits::AddHigh => is(0x1fc0_0000, 0x1140_0000),
            Bits::AddOrLdst => is_add(instruction) || is_ldst(instruction),
            // Not `movn`, which would make the complement.
            Bits::Movw(_) => is(0x5f80_0000, 0x5280_0000),
            Bits::MovwSigned(_) => is(0x3f80_0000, 0x1280_0000),
        }
    }

    pub(super) fn write(self, field: &mut [u8], value: i64) -> Result<(), String> {
        let Some(word) = field.first_chunk_mut::<4>() else {
            return Err("is not at an instruction".to_owned());
        };
        let instruction = u32::from_le_bytes(*word);
        if !self.is_in(instruction) {
            return Err(format!("is for another instruction than {instruction:#010x}"));
        }
        let low = value as u64;
        let put = |mask: u32, shift: u32, bits: u64| instruction & !(mask << shift) | (bits as u32 & mask) << shift;
        // Wider than 12 bits only where the check allows as much: the scaled number has 12.
        let imm12 = |scale: u8| {
            if low & ((1 << scale) - 1) != 0 {
                return Err(format!("needs a multiple of {}, and the offset in the page is {low:#x}", 1u32 << scale));
            }
            Ok(put(0xfff, 10, low >> scale))
        };
        let adr = |value: u64| put(3, 29, value) & !(0x7_ffff << 5) | (value as u32 >> 2 & 0x7_ffff) << 5;
        let new = match self {
            Bits::Imm26 => put(0x3ff_ffff, 0, low >> 2),
            Bits::Imm19 => put(0x7_ffff, 5, low >> 2),
            Bits::Imm14 => put(0x3fff, 5, low >> 2),
            Bits::Adr => adr(low),
            Bits::Adrp => adr(low >> 12),
            Bits::Add => put(0xfff, 10, low),
            Bits::AddHigh => put(0xfff, 10, low >> 12),
            Bits::Ldst(_) | Bits::LdstOwn => imm12(ldst_scale(instruction))?,
            Bits::AddOrLdst if is_add(instruction) => put(0xfff, 10, low),
            Bits::AddOrLdst => imm12(ldst_scale(instruction))?,
            Bits::Movw(shift) => put(0xffff, 5, low >> shift),
            Bits::MovwSigned(shift) => {
                // Bit 30 tells `movz` from `movn`.
                let (opcode, bits) = if value < 0 { (0, !low) } else { (1 << 30, low) };
                put(0xffff, 5, bits >> shift) & !(1 << 30) | opcode
            }
        };
        *word = new.to_le_bytes();
        Ok(())
    }

    /// The value that stands in the field, in bytes.
    pub(super) fn read(self, field: &[u8]) -> i64 {
        let Some(word) = field.first_chunk::<4>() else { return 0 };
        let instruction = u32::from_le_bytes(*word);
        let signed = |bits: u32, width: u32| i64::from(bits) << (64 - width) >> (64 - width);
        let imm12 = i64::from(instruction >> 10 & 0xfff);
        let adr = signed((instruction >> 5 & 0x7_ffff) << 2 | instruction >> 29 & 3, 21);
        match self {
            Bits::Imm26 => signed(instruction & 0x3ff_ffff, 26) * 4,
            Bits::Imm19 => signed(instruction >> 5 & 0x7_ffff, 19) * 4,
            Bits::Imm14 => signed(instruction >> 5 & 0x3fff, 14) * 4,
            // COFF counts the addend of a page in bytes (lld, `applyArm64Addr`).
            Bits::Adr | Bits::Adrp => adr,
            Bits::Add => imm12,
            Bits::AddHigh => imm12 << 12,
            Bits::Ldst(_) | Bits::LdstOwn => imm12 << ldst_scale(instruction),
            Bits::AddOrLdst if is_add(instruction) => imm12,
            Bits::AddOrLdst => imm12 << ldst_scale(instruction),
            Bits::Movw(_) | Bits::MovwSigned(_) => signed(instruction >> 5 & 0xffff, 16),
        }
    }
}

/// `add`, `sub` (immediate), without shift.
fn is_add(instruction: u32) -> bool {
    instruction & 0x1fc0_0000 == 0x1100_0000
}

/// Loads and stores with an unsigned immediate.
fn is_ldst(instruction: u32) -> bool {
    instruction & 0x3b00_0000 == 0x3900_0000
}

/// The binary logarithm of a load's or store's size: bits 30 and 31, or 4 for a vector of 128 bits.
fn ldst_scale(instruction: u32) -> u8 {
    if instruction & 0x0480_0000 == 0x0480_0000 && instruction >> 30 == 0 { 4 } else { (instruction >> 30) as u8 }
}

/// `EM_AARCH64`, `R_AARCH64_TLS_DTPMOD`, `TLS_DTPREL`, `TLS_TPREL`, `TLSDESC`.
pub(super) const LOADER_TYPES: LoaderTypes = LoaderTypes {
    machine: 183,
    module: 1028,
    block_offset: 1029,
    thread_offset: 1030,
    descriptor: 1031,
    descriptors_are_fixed: false,
};

/// The block begins behind two words that the thread pointer points to.
pub(super) fn program_block(align: u64) -> u64 {
    16u64.next_multiple_of(align)
}

pub(super) fn macho_part(r_type: u8) -> Option<MachoPart> {
    match macho::RelocationType(r_type) {
        macho::ARM64_RELOC_ADDEND => Some(MachoPart::Addend),
        macho::ARM64_RELOC_SUBTRACTOR => Some(MachoPart::Subtrahend),
        _ => None,
    }
}

/// All others take it from `ARM64_RELOC_ADDEND`; LLVM leaves numbers of its own in the fields of `POINTER_TO_GOT`.
pub(super) fn macho_addend_in_field(r_type: u8) -> bool {
    r_type == macho::ARM64_RELOC_UNSIGNED.0
}

/// Whether a Mach-O relocation type is the access of a thread-local variable.
pub(super) fn macho_is_thread_local(r_type: u8) -> bool {
    [macho::ARM64_RELOC_TLVP_LOAD_PAGE21.0, macho::ARM64_RELOC_TLVP_LOAD_PAGEOFF12.0].contains(&r_type)
}

pub(super) fn kinds(format: Format) -> &'static [&'static Kind] {
    match format {
        Format::Elf => &ELF_TABLE,
        Format::MachO => &MACHO_TABLE,
        Format::Coff => &COFF_TABLE,
    }
}

const fn row(name: &'static str, via: Via, value: Value, field: Field, check: Check) -> Kind {
    Kind::new(name, via, value, field, check)
}

use Access::{Descriptor, General, Initial, Local};
use Bits::{Add, AddHigh, AddOrLdst, Adr, Adrp, Imm14, Imm19, Imm26, Ldst, LdstOwn, Movw, MovwSigned};
use Check::{Either, Signed, Truncate, Unsigned};
use Field::{A64, Bytes};
use Value::{
    Absolute, GotPageRelative, GotRelative, ImageRelative, Nothing, PageOffset, PageRelative, Relative, SegmentNumber,
    SegmentOffset, SegmentPageOffset,
};
use Via::{BlockOffset, Branch, Got, GotLoad, Symbol, Thread, ThreadModule, ThreadOffset};

static ELF_TABLE: [&Kind; 1031] = dense(&ELF);
static MACHO_TABLE: [&Kind; 128] = dense(&MACHO);
static COFF_TABLE: [&Kind; 32] = dense(&COFF);

/// Of ELF's table.
pub(super) static FORMS: [Form; 1031] = forms(&ELF_TABLE);

#[rustfmt::skip]
static ELF: [(u32, Kind); 120] = [
    (elf::R_AARCH64_NONE.0,                row("R_AARCH64_NONE",                Symbol, Nothing,      Bytes(0),            Truncate)),
    (256,                                  row("R_AARCH64_NONE (256)",          Symbol, Nothing,      Bytes(0),            Truncate)),
    (elf::R_AARCH64_ABS64.0,               row("R_AARCH64_ABS64",               Symbol, Absolute,     Bytes(8),            Either(64))),
    (elf::R_AARCH64_ABS32.0,               row("R_AARCH64_ABS32",               Symbol, Absolute,     Bytes(4),            Either(32))),
    (elf::R_AARCH64_ABS16.0,               row("R_AARCH64_ABS16",               Symbol, Absolute,     Bytes(2),            Either(16))),
    (elf::R_AARCH64_PREL64.0,              row("R_AARCH64_PREL64",              Symbol, Relative,     Bytes(8),            Signed(64))),
    (elf::R_AARCH64_PREL32.0,              row("R_AARCH64_PREL32",              Symbol, Relative,     Bytes(4),            Either(32))),
    (elf::R_AARCH64_PREL16.0,              row("R_AARCH64_PREL16",              Symbol, Relative,     Bytes(2),            Either(16))),
    (elf::R_AARCH64_PLT32.0,               row("R_AARCH64_PLT32",               Branch, Relative,     Bytes(4),            Signed(32))),
    (elf::R_AARCH64_MOVW_UABS_G0.0,        row("R_AARCH64_MOVW_UABS_G0",        Symbol, Absolute,     A64(Movw(0)),        Unsigned(16))),
    (elf::R_AARCH64_MOVW_UABS_G0_NC.0,     row("R_AARCH64_MOVW_UABS_G0_NC",     Symbol, Absolute,     A64(Movw(0)),        Truncate)),
    (elf::R_AARCH64_MOVW_UABS_G1.0,        row("R_AARCH64_MOVW_UABS_G1",        Symbol, Absolute,     A64(Movw(16)),       Unsigned(32))),
    (elf::R_AARCH64_MOVW_UABS_G1_NC.0,     row("R_AARCH64_MOVW_UABS_G1_NC",     Symbol, Absolute,     A64(Movw(16)),       Truncate)),
    (elf::R_AARCH64_MOVW_UABS_G2.0,        row("R_AARCH64_MOVW_UABS_G2",        Symbol, Absolute,     A64(Movw(32)),       Unsigned(48))),
    (elf::R_AARCH64_MOVW_UABS_G2_NC.0,     row("R_AARCH64_MOVW_UABS_G2_NC",     Symbol, Absolute,     A64(Movw(32)),       Truncate)),
    (elf::R_AARCH64_MOVW_UABS_G3.0,        row("R_AARCH64_MOVW_UABS_G3",        Symbol, Absolute,     A64(Movw(48)),       Truncate)),
    (elf::R_AARCH64_MOVW_SABS_G0.0,        row("R_AARCH64_MOVW_SABS_G0",        Symbol, Absolute,     A64(MovwSigned(0)),  Signed(17))),
    (elf::R_AARCH64_MOVW_SABS_G1.0,        row("R_AARCH64_MOVW_SABS_G1",        Symbol, Absolute,     A64(MovwSigned(16)), Signed(33))),
    (elf::R_AARCH64_MOVW_SABS_G2.0,        row("R_AARCH64_MOVW_SABS_G2",        Symbol, Absolute,     A64(MovwSigned(32)), Signed(49))),
    (elf::R_AARCH64_LD_PREL_LO19.0,        row("R_AARCH64_LD_PREL_LO19",        Symbol, Relative,     A64(Imm19),          Check::Branch(21))),
    (elf::R_AARCH64_ADR_PREL_LO21.0,       row("R_AARCH64_ADR_PREL_LO21",       Symbol, Relative,     A64(Adr),            Signed(21))),
    (elf::R_AARCH64_ADR_PREL_PG_HI21.0,    row("R_AARCH64_ADR_PREL_PG_HI21",    Symbol, PageRelative, A64(Adrp),           Signed(33))),
    (elf::R_AARCH64_ADR_PREL_PG_HI21_NC.0, row("R_AARCH64_ADR_PREL_PG_HI21_NC", Symbol, PageRelative, A64(Adrp),           Truncate)),
    (elf::R_AARCH64_ADD_ABS_LO12_NC.0,     row("R_AARCH64_ADD_ABS_LO12_NC",     Symbol, PageOffset,   A64(Add),            Truncate)),
    (elf::R_AARCH64_LDST8_ABS_LO12_NC.0,   row("R_AARCH64_LDST8_ABS_LO12_NC",   Symbol, PageOffset,   A64(Ldst(0)),        Truncate)),
    (elf::R_AARCH64_TSTBR14.0,             row("R_AARCH64_TSTBR14",             Symbol, Relative,     A64(Imm14),          Check::Branch(16))),
    (elf::R_AARCH64_CONDBR19.0,            row("R_AARCH64_CONDBR19",            Symbol, Relative,     A64(Imm19),          Check::Branch(21))),
    (elf::R_AARCH64_JUMP26.0,              row("R_AARCH64_JUMP26",              Branch, Relative,     A64(Imm26),          Check::Branch(28))),
    (elf::R_AARCH64_CALL26.0,              row("R_AARCH64_CALL26",              Branch, Relative,     A64(Imm26),          Check::Branch(28))),
    (elf::R_AARCH64_LDST16_ABS_LO12_NC.0,  row("R_AARCH64_LDST16_ABS_LO12_NC",  Symbol, PageOffset,   A64(Ldst(1)),        Truncate)),
    (elf::R_AARCH64_LDST32_ABS_LO12_NC.0,  row("R_AARCH64_LDST32_ABS_LO12_NC",  Symbol, PageOffset,   A64(Ldst(2)),        Truncate)),
    (elf::R_AARCH64_LDST64_ABS_LO12_NC.0,  row("R_AARCH64_LDST64_ABS_LO12_NC",  Symbol, PageOffset,   A64(Ldst(3)),        Truncate)),
    (elf::R_AARCH64_MOVW_PREL_G0.0,        row("R_AARCH64_MOVW_PREL_G0",        Symbol, Relative,     A64(MovwSigned(0)),  Signed(17))),
    (elf::R_AARCH64_MOVW_PREL_G0_NC.0,     row("R_AARCH64_MOVW_PREL_G0_NC",     Symbol, Relative,     A64(Movw(0)),        Truncate)),
    (elf::R_AARCH64_MOVW_PREL_G1.0,        row("R_AARCH64_MOVW_PREL_G1",        Symbol, Relative,     A64(MovwSigned(16)), Signed(33))),
    (elf::R_AARCH64_MOVW_PREL_G1_NC.0,     row("R_AARCH64_MOVW_PREL_G1_NC",     Symbol, Relative,     A64(Movw(16)),       Truncate)),
    (elf::R_AARCH64_MOVW_PREL_G2.0,        row("R_AARCH64_MOVW_PREL_G2",        Symbol, Relative,     A64(MovwSigned(32)), Signed(49))),
    (elf::R_AARCH64_MOVW_PREL_G2_NC.0,     row("R_AARCH64_MOVW_PREL_G2_NC",     Symbol, Relative,     A64(Movw(32)),       Truncate)),
    (elf::R_AARCH64_MOVW_PREL_G3.0,        row("R_AARCH64_MOVW_PREL_G3",        Symbol, Relative,     A64(MovwSigned(48)), Truncate)),
    (elf::R_AARCH64_LDST128_ABS_LO12_NC.0, row("R_AARCH64_LDST128_ABS_LO12_NC", Symbol, PageOffset,   A64(Ldst(4)),        Truncate)),
    (elf::R_AARCH64_GOT_LD_PREL19.0,       row("R_AARCH64_GOT_LD_PREL19",       Got,    Relative,     A64(Imm19),          Check::Branch(21))),
    (elf::R_AARCH64_ADR_GOT_PAGE.0,        row("R_AARCH64_ADR_GOT_PAGE",        Got,    PageRelative, A64(Adrp),           Signed(33))),
    (elf::R_AARCH64_LD64_GOT_LO12_NC.0,    row("R_AARCH64_LD64_GOT_LO12_NC",    Got,    PageOffset,   A64(Ldst(3)),        Truncate)),
    (elf::R_AARCH64_MOVW_GOTOFF_G0.0,       row("R_AARCH64_MOVW_GOTOFF_G0",      Got,    GotRelative,  A64(Movw(0)),        Unsigned(16))),
    (elf::R_AARCH64_MOVW_GOTOFF_G0_NC.0,    row("R_AARCH64_MOVW_GOTOFF_G0_NC",   Got,    GotRelative,  A64(Movw(0)),        Truncate)),
    (elf::R_AARCH64_MOVW_GOTOFF_G1.0,       row("R_AARCH64_MOVW_GOTOFF_G1",      Got,    GotRelative,  A64(Movw(16)),       Unsigned(32))),
    (elf::R_AARCH64_MOVW_GOTOFF_G1_NC.0,    row("R_AARCH64_MOVW_GOTOFF_G1_NC",   Got,    GotRelative,  A64(Movw(16)),       Truncate)),
    (elf::R_AARCH64_MOVW_GOTOFF_G2.0,       row("R_AARCH64_MOVW_GOTOFF_G2",      Got,    GotRelative,  A64(Movw(32)),       Unsigned(48))),
    (elf::R_AARCH64_MOVW_GOTOFF_G2_NC.0,    row("R_AARCH64_MOVW_GOTOFF_G2_NC",   Got,    GotRelative,  A64(Movw(32)),       Truncate)),
    (elf::R_AARCH64_MOVW_GOTOFF_G3.0,       row("R_AARCH64_MOVW_GOTOFF_G3",      Got,    GotRelative,  A64(Movw(48)),       Truncate)),
    (elf::R_AARCH64_GOTREL64.0,             row("R_AARCH64_GOTREL64",            Symbol, GotRelative,  Bytes(8),            Signed(64))),
    (elf::R_AARCH64_GOTREL32.0,             row("R_AARCH64_GOTREL32",            Symbol, GotRelative,  Bytes(4),            Signed(32))),
    (elf::R_AARCH64_LD64_GOTOFF_LO15.0,     row("R_AARCH64_LD64_GOTOFF_LO15",    Got,    GotRelative,  A64(Ldst(3)),        Unsigned(15))),
    (elf::R_AARCH64_LD64_GOTPAGE_LO15.0,    row("R_AARCH64_LD64_GOTPAGE_LO15",   Got,    GotPageRelative,A64(Ldst(3)),        Unsigned(15))),
    (elf::R_AARCH64_GOTPCREL32.0,          row("R_AARCH64_GOTPCREL32",          Got,    Relative,     Bytes(4),            Signed(32))),
    // AAELF64, section 5.7.11: the numbers of thread-local storage.
    (512, row("R_AARCH64_TLSGD_ADR_PREL21", Thread(General), Relative, A64(Adr), Signed(21))),
    (513, row("R_AARCH64_TLSGD_ADR_PAGE21", Thread(General), PageRelative, A64(Adrp), Signed(33))),
    (514, row("R_AARCH64_TLSGD_ADD_LO12_NC", Thread(General), PageOffset, A64(Add), Truncate)),
    (515, row("R_AARCH64_TLSGD_MOVW_G1", Thread(General), GotRelative, A64(MovwSigned(16)), Signed(33))),
    (516, row("R_AARCH64_TLSGD_MOVW_G0_NC", Thread(General), GotRelative, A64(Movw(0)), Truncate)),
    (517, row("R_AARCH64_TLSLD_ADR_PREL21", Thread(Local), Relative, A64(Adr), Signed(21))),
    (518, row("R_AARCH64_TLSLD_ADR_PAGE21", Thread(Local), PageRelative, A64(Adrp), Signed(33))),
    (519, row("R_AARCH64_TLSLD_ADD_LO12_NC", Thread(Local), PageOffset, A64(Add), Truncate)),
    (520, row("R_AARCH64_TLSLD_MOVW_G1", Thread(Local), GotRelative, A64(MovwSigned(16)), Signed(33))),
    (521, row("R_AARCH64_TLSLD_MOVW_G0_NC", Thread(Local), GotRelative, A64(Movw(0)), Truncate)),
    (522, row("R_AARCH64_TLSLD_LD_PREL19", Thread(Local), Relative, A64(Imm19), Check::Branch(21))),
    (523, row("R_AARCH64_TLSLD_MOVW_DTPREL_G2", BlockOffset, Absolute, A64(MovwSigned(32)), Signed(49))),
    (524, row("R_AARCH64_TLSLD_MOVW_DTPREL_G1", BlockOffset, Absolute, A64(MovwSigned(16)), Signed(33))),
    (525, row("R_AARCH64_TLSLD_MOVW_DTPREL_G1_NC", BlockOffset, Absolute, A64(Movw(16)), Truncate)),
    (526, row("R_AARCH64_TLSLD_MOVW_DTPREL_G0", BlockOffset, Absolute, A64(MovwSigned(0)), Signed(17))),
    (527, row("R_AARCH64_TLSLD_MOVW_DTPREL_G0_NC", BlockOffset, Absolute, A64(Movw(0)), Truncate)),
    (528, row("R_AARCH64_TLSLD_ADD_DTPREL_HI12", BlockOffset, Absolute, A64(AddHigh), Unsigned(24))),
    (529, row("R_AARCH64_TLSLD_ADD_DTPREL_LO12", BlockOffset, Absolute, A64(Add), Unsigned(12))),
    (530, row("R_AARCH64_TLSLD_ADD_DTPREL_LO12_NC", BlockOffset, PageOffset, A64(Add), Truncate)),
    (531, row("R_AARCH64_TLSLD_LDST8_DTPREL_LO12", BlockOffset, Absolute, A64(Ldst(0)), Unsigned(12))),
    (532, row("R_AARCH64_TLSLD_LDST8_DTPREL_LO12_NC", BlockOffset, PageOffset, A64(Ldst(0)), Truncate)),
    (533, row("R_AARCH64_TLSLD_LDST16_DTPREL_LO12", BlockOffset, Absolute, A64(Ldst(1)), Unsigned(12))),
    (534, row("R_AARCH64_TLSLD_LDST16_DTPREL_LO12_NC", BlockOffset, PageOffset, A64(Ldst(1)), Truncate)),
    (535, row("R_AARCH64_TLSLD_LDST32_DTPREL_LO12", BlockOffset, Absolute, A64(Ldst(2)), Unsigned(12))),
    (536, row("R_AARCH64_TLSLD_LDST32_DTPREL_LO12_NC", BlockOffset, PageOffset, A64(Ldst(2)), Truncate)),
    (537, row("R_AARCH64_TLSLD_LDST64_DTPREL_LO12", BlockOffset, Absolute, A64(Ldst(3)), Unsigned(12))),
    (538, row("R_AARCH64_TLSLD_LDST64_DTPREL_LO12_NC", BlockOffset, PageOffset, A64(Ldst(3)), Truncate)),
    (539, row("R_AARCH64_TLSIE_MOVW_GOTTPREL_G1", Thread(Initial), GotRelative, A64(MovwSigned(16)), Signed(33))),
    (540, row("R_AARCH64_TLSIE_MOVW_GOTTPREL_G0_NC", Thread(Initial), GotRelative, A64(Movw(0)), Truncate)),
    (543, row("R_AARCH64_TLSIE_LD_GOTTPREL_PREL19", Thread(Initial), Relative, A64(Imm19), Check::Branch(21))),
    (552, row("R_AARCH64_TLSLE_LDST8_TPREL_LO12", ThreadOffset, Absolute, A64(Ldst(0)), Unsigned(12))),
    (553, row("R_AARCH64_TLSLE_LDST8_TPREL_LO12_NC", ThreadOffset, PageOffset, A64(Ldst(0)), Truncate)),
    (554, row("R_AARCH64_TLSLE_LDST16_TPREL_LO12", ThreadOffset, Absolute, A64(Ldst(1)), Unsigned(12))),
    (555, row("R_AARCH64_TLSLE_LDST16_TPREL_LO12_NC", ThreadOffset, PageOffset, A64(Ldst(1)), Truncate)),
    (556, row("R_AARCH64_TLSLE_LDST32_TPREL_LO12", ThreadOffset, Absolute, A64(Ldst(2)), Unsigned(12))),
    (557, row("R_AARCH64_TLSLE_LDST32_TPREL_LO12_NC", ThreadOffset, PageOffset, A64(Ldst(2)), Truncate)),
    (558, row("R_AARCH64_TLSLE_LDST64_TPREL_LO12", ThreadOffset, Absolute, A64(Ldst(3)), Unsigned(12))),
    (559, row("R_AARCH64_TLSLE_LDST64_TPREL_LO12_NC", ThreadOffset, PageOffset, A64(Ldst(3)), Truncate)),
    (541, row("R_AARCH64_TLSIE_ADR_GOTTPREL_PAGE21", Thread(Initial), PageRelative, A64(Adrp), Signed(33))),
    (542, row("R_AARCH64_TLSIE_LD64_GOTTPREL_LO12_NC", Thread(Initial), PageOffset, A64(Ldst(3)), Truncate)),
    (544, row("R_AARCH64_TLSLE_MOVW_TPREL_G2", ThreadOffset, Absolute, A64(MovwSigned(32)), Signed(49))),
    (545, row("R_AARCH64_TLSLE_MOVW_TPREL_G1", ThreadOffset, Absolute, A64(MovwSigned(16)), Signed(33))),
    (546, row("R_AARCH64_TLSLE_MOVW_TPREL_G1_NC", ThreadOffset, Absolute, A64(Movw(16)), Truncate)),
    (547, row("R_AARCH64_TLSLE_MOVW_TPREL_G0", ThreadOffset, Absolute, A64(MovwSigned(0)), Signed(17))),
    (548, row("R_AARCH64_TLSLE_MOVW_TPREL_G0_NC", ThreadOffset, Absolute, A64(Movw(0)), Truncate)),
    (549, row("R_AARCH64_TLSLE_ADD_TPREL_HI12", ThreadOffset, Absolute, A64(AddHigh), Unsigned(24))),
    (550, row("R_AARCH64_TLSLE_ADD_TPREL_LO12", ThreadOffset, Absolute, A64(Add), Unsigned(12))),
    (551, row("R_AARCH64_TLSLE_ADD_TPREL_LO12_NC", ThreadOffset, PageOffset, A64(Add), Truncate)),
    (560, row("R_AARCH64_TLSDESC_LD_PREL19", Thread(Descriptor), Relative, A64(Imm19), Check::Branch(21))),
    (561, row("R_AARCH64_TLSDESC_ADR_PREL21", Thread(Descriptor), Relative, A64(Adr), Signed(21))),
    (562, row("R_AARCH64_TLSDESC_ADR_PAGE21", Thread(Descriptor), PageRelative, A64(Adrp), Signed(33))),
    (563, row("R_AARCH64_TLSDESC_LD64_LO12", Thread(Descriptor), PageOffset, A64(Ldst(3)), Truncate)),
    (564, row("R_AARCH64_TLSDESC_ADD_LO12", Thread(Descriptor), PageOffset, A64(Add), Truncate)),
    (565, row("R_AARCH64_TLSDESC_OFF_G1", Thread(Descriptor), GotRelative, A64(MovwSigned(16)), Signed(33))),
    (566, row("R_AARCH64_TLSDESC_OFF_G0_NC", Thread(Descriptor), GotRelative, A64(Movw(0)), Truncate)),
    (567, row("R_AARCH64_TLSDESC_LDR", Symbol, Nothing, Bytes(0), Truncate)),
    (568, row("R_AARCH64_TLSDESC_ADD", Symbol, Nothing, Bytes(0), Truncate)),
    (569, row("R_AARCH64_TLSDESC_CALL", Symbol, Nothing, Bytes(0), Truncate)),
    (570, row("R_AARCH64_TLSLE_LDST128_TPREL_LO12", ThreadOffset, Absolute, A64(Ldst(4)), Unsigned(12))),
    (571, row("R_AARCH64_TLSLE_LDST128_TPREL_LO12_NC", ThreadOffset, PageOffset, A64(Ldst(4)), Truncate)),
    (572, row("R_AARCH64_TLSLD_LDST128_DTPREL_LO12", BlockOffset, Absolute, A64(Ldst(4)), Unsigned(12))),
    (573, row("R_AARCH64_TLSLD_LDST128_DTPREL_LO12_NC", BlockOffset, PageOffset, A64(Ldst(4)), Truncate)),
    (1028, row("R_AARCH64_TLS_DTPMOD", ThreadModule, Absolute, Bytes(8), Either(64))),
    (1029, row("R_AARCH64_TLS_DTPREL", BlockOffset, Absolute, Bytes(8), Either(64))),
    (1030, row("R_AARCH64_TLS_TPREL", ThreadOffset, Absolute, Bytes(8), Either(64))),
];

const fn place(r_type: macho::RelocationType, length: u8, pcrel: bool) -> u32 {
    macho_type(r_type.0, length, pcrel)
}

#[rustfmt::skip]
static MACHO: [(u32, Kind); 11] = [
    (place(macho::ARM64_RELOC_UNSIGNED, 3, false),           row("ARM64_RELOC_UNSIGNED",           Symbol, Absolute,     Bytes(8),       Either(64))),
    (place(macho::ARM64_RELOC_UNSIGNED, 2, false),           row("ARM64_RELOC_UNSIGNED",           Symbol, Absolute,     Bytes(4),       Either(32))),
    (place(macho::ARM64_RELOC_BRANCH26, 2, true),            row("ARM64_RELOC_BRANCH26",           Branch, Relative,     A64(Imm26),     Check::Branch(28))),
    (place(macho::ARM64_RELOC_PAGE21, 2, true),              row("ARM64_RELOC_PAGE21",             Symbol, PageRelative, A64(Adrp),      Signed(33))),
    (place(macho::ARM64_RELOC_PAGEOFF12, 2, false),          row("ARM64_RELOC_PAGEOFF12",          Symbol, PageOffset,   A64(AddOrLdst), Truncate)),
    (place(macho::ARM64_RELOC_GOT_LOAD_PAGE21, 2, true),     row("ARM64_RELOC_GOT_LOAD_PAGE21",    GotLoad, PageRelative, A64(Adrp),      Signed(33))),
    (place(macho::ARM64_RELOC_GOT_LOAD_PAGEOFF12, 2, false), row("ARM64_RELOC_GOT_LOAD_PAGEOFF12", GotLoad, PageOffset,   A64(Ldst(3)),   Truncate)),
    (place(macho::ARM64_RELOC_POINTER_TO_GOT, 2, true),      row("ARM64_RELOC_POINTER_TO_GOT",     Got,    Relative,     Bytes(4),       Signed(32))),
    (place(macho::ARM64_RELOC_POINTER_TO_GOT, 3, false),     row("ARM64_RELOC_POINTER_TO_GOT",     Got,    Absolute,     Bytes(8),       Either(64))),
    (place(macho::ARM64_RELOC_TLVP_LOAD_PAGE21, 2, true),    row("ARM64_RELOC_TLVP_LOAD_PAGE21",   GotLoad, PageRelative, A64(Adrp),      Signed(33))),
    (place(macho::ARM64_RELOC_TLVP_LOAD_PAGEOFF12, 2, false), row("ARM64_RELOC_TLVP_LOAD_PAGEOFF12", GotLoad, PageOffset, A64(Ldst(3)),   Truncate)),
];

#[rustfmt::skip]
static COFF: [(u32, Kind); 17] = [
    (pe::IMAGE_REL_ARM64_ABSOLUTE.0 as u32,       row("IMAGE_REL_ARM64_ABSOLUTE",       Symbol, Nothing,       Bytes(0),     Truncate)),
    (pe::IMAGE_REL_ARM64_ADDR32.0 as u32,         row("IMAGE_REL_ARM64_ADDR32",         Symbol, Absolute,      Bytes(4),     Either(32))),
    (pe::IMAGE_REL_ARM64_ADDR32NB.0 as u32,       row("IMAGE_REL_ARM64_ADDR32NB",       Symbol, ImageRelative, Bytes(4),     Unsigned(32))),
    (pe::IMAGE_REL_ARM64_BRANCH26.0 as u32,       row("IMAGE_REL_ARM64_BRANCH26",       Branch, Relative,      A64(Imm26),   Check::Branch(28))),
    (pe::IMAGE_REL_ARM64_PAGEBASE_REL21.0 as u32, row("IMAGE_REL_ARM64_PAGEBASE_REL21", Symbol, PageRelative,  A64(Adrp),    Signed(33))),
    (pe::IMAGE_REL_ARM64_REL21.0 as u32,          row("IMAGE_REL_ARM64_REL21",          Symbol, Relative,      A64(Adr),     Signed(21))),
    (pe::IMAGE_REL_ARM64_PAGEOFFSET_12A.0 as u32, row("IMAGE_REL_ARM64_PAGEOFFSET_12A", Symbol, PageOffset,    A64(Add),     Truncate)),
    (pe::IMAGE_REL_ARM64_PAGEOFFSET_12L.0 as u32, row("IMAGE_REL_ARM64_PAGEOFFSET_12L", Symbol, PageOffset,    A64(LdstOwn), Truncate)),
    (pe::IMAGE_REL_ARM64_SECREL.0 as u32,          row("IMAGE_REL_ARM64_SECREL",         Symbol, SegmentOffset, Bytes(4),     Unsigned(32))),
    (pe::IMAGE_REL_ARM64_SECREL_LOW12A.0 as u32,   row("IMAGE_REL_ARM64_SECREL_LOW12A",  Symbol, SegmentPageOffset, A64(Add),     Truncate)),
    (pe::IMAGE_REL_ARM64_SECREL_HIGH12A.0 as u32,  row("IMAGE_REL_ARM64_SECREL_HIGH12A", Symbol, SegmentOffset, A64(AddHigh), Unsigned(24))),
    (pe::IMAGE_REL_ARM64_SECREL_LOW12L.0 as u32,   row("IMAGE_REL_ARM64_SECREL_LOW12L",  Symbol, SegmentPageOffset, A64(LdstOwn), Truncate)),
    (pe::IMAGE_REL_ARM64_SECTION.0 as u32,         row("IMAGE_REL_ARM64_SECTION",        Symbol, SegmentNumber, Bytes(2),     Unsigned(16))),
    (pe::IMAGE_REL_ARM64_ADDR64.0 as u32,         row("IMAGE_REL_ARM64_ADDR64",         Symbol, Absolute,      Bytes(8),     Either(64))),
    (pe::IMAGE_REL_ARM64_BRANCH19.0 as u32,       row("IMAGE_REL_ARM64_BRANCH19",       Symbol, Relative,      A64(Imm19),   Check::Branch(21))),
    (pe::IMAGE_REL_ARM64_BRANCH14.0 as u32,       row("IMAGE_REL_ARM64_BRANCH14",       Symbol, Relative,      A64(Imm14),   Check::Branch(16))),
    (pe::IMAGE_REL_ARM64_REL32.0 as u32,          row("IMAGE_REL_ARM64_REL32",          Symbol, Relative,      Bytes(4),     Signed(32))),
];
