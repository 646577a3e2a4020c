//! Relocations of x86-64.
//!
//! Sources: *System V ABI, AMD64 Architecture Processor Supplement*, section 4.4.1 (ELF); `<mach-o/x86_64/reloc.h>`
//! (Mach-O); Microsoft's *PE Format*, "x64 Processors" (COFF).

mod instruction;
mod veneer;

use object::{elf, macho, pe};
pub(super) use veneer::{VENEER_SIZE, fields};

use super::{Check, Field, Form, Kind, LoaderTypes, MachoPart, Value, Via, dense, forms, macho_type};
use crate::error::{Error, Result};
use crate::graph::Access;
use crate::target::Format;

/// `int3`
pub(super) const TRAP: [u8; 1] = [0xcc];

pub(super) const NOP: [u8; 1] = [0x90];

/// `endbr64; sub $8, %rsp` and `add $8, %rsp; ret`: the stack is as in a function that calls others.
pub(super) const AROUND_PIECES: [&[u8]; 2] =
    [&[0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x83, 0xec, 8], &[0x48, 0x83, 0xc4, 8, 0xc3]];

/// `jmp *slot(%rip)`, filled up to 8 bytes.
pub(super) const STUB_SIZE: u64 = 8;

pub(super) fn write_stub(stub: &mut [u8], place: u64, slot: u64) -> Result<()> {
    let distance = i128::from(slot) - i128::from(place) - 6;
    let Ok(distance) = i32::try_from(distance) else {
        return Err(Error::range(format!(
            "the stub at {place:#x} cannot reach its GOT slot at {slot:#x}: {distance:#x} bytes, `jmp` reaches ±2 GiB"
        )));
    };
    let mut code = [0xff, 0x25, 0, 0, 0, 0, 0xcc, 0xcc];
    code[2..6].copy_from_slice(&distance.to_le_bytes());
    stub.copy_from_slice(&code);
    Ok(())
}

/// `lea handle(%rip), %rcx`, and a stub. `rcx` holds the fourth argument (psABI, section 3.2.3).
pub(super) const THUNK_SIZE: u64 = 8 + STUB_SIZE;

pub(super) fn write_thunk(stub: &mut [u8], place: u64, handle: u64, slot: u64) -> Result<()> {
    let distance = i128::from(handle) - i128::from(place) - 7;
    let Ok(distance) = i32::try_from(distance) else {
        return Err(Error::range(format!("the stub at {place:#x} cannot reach the module's handle at {handle:#x}")));
    };
    let (lea, jump) = stub.split_at_mut(8);
    lea.copy_from_slice(&[0x48, 0x8d, 0x0d, 0, 0, 0, 0, 0x90]);
    lea[3..7].copy_from_slice(&distance.to_le_bytes());
    write_stub(jump, place + 8, slot)
}

/// `movabs $cell, %r11; jmp *(%r11)`: a register that no convention keeps over such a jump (System V ABI, figure 3.4).
pub(super) fn jump_through(cell: u64) -> Vec<u8> {
    let mut code = vec![0x49, 0xbb];
    code.extend(cell.to_le_bytes());
    code.extend([0x41, 0xff, 0x23]);
    code
}

/// The distance counts from behind the field.
pub(super) const BRANCH_ADDEND: i64 = -4;

/// `jmp` and `call` reach ±2 GiB, as far as an image is long.
pub(super) const BRANCH_REACH: u64 = 1 << 31;

/// `SHF_X86_64_LARGE`: section 4.2.1 of the supplement.
pub(super) const SHF_LARGE: u64 = 0x1000_0000;
/// Of common symbols in the medium model (*System V ABI, AMD64 supplement*, table 4.2).
pub(super) const SHN_LCOMMON: u16 = 0xff02;

/// An instruction that takes an address where the one at hand takes it from a GOT slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Relaxed {
    /// `mov slot(%rip), %reg` becomes `lea symbol(%rip), %reg`.
    Lea,
    /// `call *slot(%rip)` becomes `addr32 call symbol`.
    Call,
    /// `jmp *slot(%rip)` becomes `jmp symbol; nop`, whose field begins a byte earlier.
    Jump,
}

/// What the instruction with its 32-bit field at `offset` can become (section B.2 of the supplement). Those that would
/// need the address as an immediate stay, since it may be larger than 32 bits; and a call behind `rex.W`, which is how
/// `-fno-plt` asks for a thread-local variable (`data16 rex.W call *__tls_get_addr@GOTPCREL(%rip)`): with `addr32` between the
/// two, `rex.W` would count no more, and `data16` makes a call of 16 bits (AMD64 manual vol. 3, `CALL (Near)`).
pub(super) fn relaxed(contents: &[u8], offset: usize) -> Option<Relaxed> {
    let before = offset.checked_sub(3).and_then(|at| contents.get(at));
    match *contents.get(offset.checked_sub(2)?..offset)? {
        [0x8b, modrm] if modrm & 0xc7 == 0x05 => Some(Relaxed::Lea),
        [0xff, 0x15] if before == Some(&0x48) => None,
        [0xff, 0x15] => Some(Relaxed::Call),
        [0xff, 0x25] => Some(Relaxed::Jump),
        _ => None,
    }
}

/// Rewrites the instruction, and says how far in front of `offset` its field now begins.
pub(super) fn relax(contents: &mut [u8], offset: usize) -> usize {
    match relaxed(contents, offset) {
        Some(Relaxed::Lea) => contents[offset - 2] = 0x8d,
        Some(Relaxed::Call) => contents[offset - 2..offset].copy_from_slice(&[0x67, 0xe8]),
        Some(Relaxed::Jump) => {
            contents[offset - 2] = 0xe9;
            contents[offset + 3] = 0x90;
            return 1;
        }
        None => {}
    }
    0
}

pub(super) fn find_system_call(code: &[u8]) -> Option<(usize, &'static str)> {
    code.windows(2).position(|bytes| bytes == [0x0f, 0x05]).map(|offset| (offset, "syscall"))
}

pub(super) fn macho_part(r_type: u8) -> Option<MachoPart> {
    (r_type == macho::X86_64_RELOC_SUBTRACTOR.0).then_some(MachoPart::Subtrahend)
}

pub(super) fn pc_bias(format: Format, raw: u32) -> i64 {
    let rel32 = u32::from(pe::IMAGE_REL_AMD64_REL32.0);
    match format {
        Format::Elf => 0,
        Format::MachO => -4,
        // An immediate of n bytes follows the field of `REL32_n`.
        Format::Coff => -4 - i64::from(raw.saturating_sub(rel32)),
    }
}

pub(super) fn kinds(format: Format) -> &'static [&'static Kind] {
    match format {
        Format::Elf => &ELF_TABLE,
        Format::MachO => &MACHO_TABLE,
        Format::Coff => &COFF_TABLE,
    }
}

/// Whether a Mach-O relocation type is the access of a thread-local variable.
pub(super) fn macho_is_thread_local(r_type: u8) -> bool {
    r_type == macho::X86_64_RELOC_TLV.0
}

/// For storage elsewhere glibc before 2.40 has descriptors that lose the caller's vector registers (glibc bug 31372).
///
/// `EM_X86_64`, `R_X86_64_DTPMOD64`, `DTPOFF64`, `TPOFF64`, `TLSDESC`.
pub(super) const LOADER_TYPES: LoaderTypes = LoaderTypes {
    machine: 62,
    module: 16,
    block_offset: 17,
    thread_offset: 18,
    descriptor: 36,
    descriptors_are_fixed: true,
};

/// The block ends where the thread pointer points to.
pub(super) fn program_block(size: u64, align: u64) -> u64 {
    size.next_multiple_of(align).wrapping_neg()
}

const fn row(name: &'static str, via: Via, value: Value, bytes: u8, check: Check) -> Kind {
    Kind::new(name, via, value, Field::Bytes(bytes), check)
}

use Access::{Descriptor, General, Initial, Local};
use Check::{Either, Signed, Unsigned};
use Value::{Absolute, GotRelative, ImageRelative, Nothing, Relative, SegmentNumber, SegmentOffset};
use Via::{BlockOffset, Branch, Got, GotBase, GotLoad, Size, Symbol, Thread, ThreadModule, ThreadOffset};

static ELF_TABLE: [&Kind; 64] = dense(&ELF);
static MACHO_TABLE: [&Kind; 128] = dense(&MACHO);
static COFF_TABLE: [&Kind; 32] = dense(&COFF);

/// Of ELF's table.
pub(super) static FORMS: [Form; 64] = forms(&ELF_TABLE);

#[rustfmt::skip]
static ELF: [(u32, Kind); 43] = [
    (elf::R_X86_64_NONE.0,            row("R_X86_64_NONE",          Symbol,  Nothing,     0, Check::Truncate)),
    (elf::R_X86_64_64.0,              row("R_X86_64_64",            Symbol,  Absolute,    8, Either(64))),
    (elf::R_X86_64_PC32.0,            row("R_X86_64_PC32",          Symbol,  Relative,    4, Signed(32))),
    (elf::R_X86_64_GOT32.0,           row("R_X86_64_GOT32",         Got,     GotRelative, 4, Signed(32))),
    (elf::R_X86_64_PLT32.0,           row("R_X86_64_PLT32",         Branch,  Relative,    4, Signed(32))),
    (elf::R_X86_64_GOTPCREL.0,        row("R_X86_64_GOTPCREL",      Got,     Relative,    4, Signed(32))),
    (elf::R_X86_64_32.0,              row("R_X86_64_32",            Symbol,  Absolute,    4, Unsigned(32))),
    (elf::R_X86_64_32S.0,             row("R_X86_64_32S",           Symbol,  Absolute,    4, Signed(32))),
    (elf::R_X86_64_16.0,              row("R_X86_64_16",            Symbol,  Absolute,    2, Either(16))),
    (elf::R_X86_64_PC16.0,            row("R_X86_64_PC16",          Symbol,  Relative,    2, Signed(16))),
    (elf::R_X86_64_8.0,               row("R_X86_64_8",             Symbol,  Absolute,    1, Either(8))),
    (elf::R_X86_64_PC8.0,             row("R_X86_64_PC8",           Symbol,  Relative,    1, Signed(8))),
    (elf::R_X86_64_PC64.0,            row("R_X86_64_PC64",          Symbol,  Relative,    8, Signed(64))),
    (elf::R_X86_64_GOTOFF64.0,        row("R_X86_64_GOTOFF64",      Symbol,  GotRelative, 8, Signed(64))),
    (elf::R_X86_64_GOTPC32.0,         row("R_X86_64_GOTPC32",       GotBase, Relative,    4, Signed(32))),
    (elf::R_X86_64_GOT64.0,           row("R_X86_64_GOT64",         Got,     GotRelative, 8, Signed(64))),
    (elf::R_X86_64_GOTPCREL64.0,      row("R_X86_64_GOTPCREL64",    Got,     Relative,    8, Signed(64))),
    (elf::R_X86_64_GOTPC64.0,         row("R_X86_64_GOTPC64",       GotBase, Relative,    8, Signed(64))),
    (elf::R_X86_64_GOTPLT64.0,        row("R_X86_64_GOTPLT64",      Got,     GotRelative, 8, Signed(64))),
    (elf::R_X86_64_PLTOFF64.0,        row("R_X86_64_PLTOFF64",      Branch,  GotRelative, 8, Signed(64))),
    (elf::R_X86_64_SIZE32.0,          row("R_X86_64_SIZE32",        Size,    Absolute,    4, Unsigned(32))),
    (elf::R_X86_64_SIZE64.0,          row("R_X86_64_SIZE64",        Size,    Absolute,    8, Either(64))),
    (elf::R_X86_64_GOTPCRELX.0,       row("R_X86_64_GOTPCRELX",     GotLoad, Relative,    4, Signed(32))),
    (elf::R_X86_64_REX_GOTPCRELX.0,   row("R_X86_64_REX_GOTPCRELX", GotLoad, Relative,    4, Signed(32))),
    (elf::R_X86_64_CODE_4_GOTPCRELX.0,row("R_X86_64_CODE_4_GOTPCRELX",GotLoad, Relative,    4, Signed(32))),
    (elf::R_X86_64_DTPMOD64.0,      row("R_X86_64_DTPMOD64",      ThreadModule, Absolute, 8, Either(64))),
    (elf::R_X86_64_DTPOFF64.0,      row("R_X86_64_DTPOFF64",      BlockOffset, Absolute, 8, Either(64))),
    (elf::R_X86_64_TPOFF64.0,       row("R_X86_64_TPOFF64",       ThreadOffset, Absolute, 8, Either(64))),
    (elf::R_X86_64_TLSGD.0,         row("R_X86_64_TLSGD",         Thread(General), Relative, 4, Signed(32))),
    (elf::R_X86_64_TLSLD.0,         row("R_X86_64_TLSLD",         Thread(Local), Relative, 4, Signed(32))),
    (elf::R_X86_64_DTPOFF32.0,      row("R_X86_64_DTPOFF32",      BlockOffset, Absolute, 4, Signed(32))),
    (elf::R_X86_64_GOTTPOFF.0,      row("R_X86_64_GOTTPOFF",      Thread(Initial), Relative, 4, Signed(32))),
    (elf::R_X86_64_TPOFF32.0,       row("R_X86_64_TPOFF32",       ThreadOffset, Absolute, 4, Signed(32))),
    (elf::R_X86_64_GOTPC32_TLSDESC.0, row("R_X86_64_GOTPC32_TLSDESC", Thread(Descriptor), Relative, 4, Signed(32))),
    (elf::R_X86_64_TLSDESC_CALL.0,  row("R_X86_64_TLSDESC_CALL",  Symbol, Nothing, 0, Check::Truncate)),
    // What instructions with longer prefixes become is another matter: they keep the slot.
    (44, row("R_X86_64_CODE_4_GOTTPOFF",        Thread(Initial),    Relative, 4, Signed(32))),
    (45, row("R_X86_64_CODE_4_GOTPC32_TLSDESC", Thread(Descriptor), Relative, 4, Signed(32))),
    (46, row("R_X86_64_CODE_5_GOTPCRELX",       Got,                Relative, 4, Signed(32))),
    (47, row("R_X86_64_CODE_5_GOTTPOFF",        Thread(Initial),    Relative, 4, Signed(32))),
    (48, row("R_X86_64_CODE_5_GOTPC32_TLSDESC", Thread(Descriptor), Relative, 4, Signed(32))),
    (49, row("R_X86_64_CODE_6_GOTPCRELX",       Got,                Relative, 4, Signed(32))),
    (50, row("R_X86_64_CODE_6_GOTTPOFF",        Thread(Initial),    Relative, 4, Signed(32))),
    (51, row("R_X86_64_CODE_6_GOTPC32_TLSDESC", Thread(Descriptor), Relative, 4, Signed(32))),
];

const fn quad(r_type: macho::RelocationType) -> u32 {
    macho_type(r_type.0, 3, false)
}

const fn long(r_type: macho::RelocationType) -> u32 {
    macho_type(r_type.0, 2, false)
}

const fn pc_long(r_type: macho::RelocationType) -> u32 {
    macho_type(r_type.0, 2, true)
}

// The place of a PC-relative Mach-O relocation is its own address; the reader subtracts the rest of the instruction.
#[rustfmt::skip]
static MACHO: [(u32, Kind); 10] = [
    (quad(macho::X86_64_RELOC_UNSIGNED),    row("X86_64_RELOC_UNSIGNED",    Symbol, Absolute, 8, Either(64))),
    (long(macho::X86_64_RELOC_UNSIGNED),    row("X86_64_RELOC_UNSIGNED",    Symbol, Absolute, 4, Either(32))),
    (pc_long(macho::X86_64_RELOC_SIGNED),   row("X86_64_RELOC_SIGNED",      Symbol, Relative, 4, Signed(32))),
    (pc_long(macho::X86_64_RELOC_BRANCH),   row("X86_64_RELOC_BRANCH",      Branch, Relative, 4, Signed(32))),
    (pc_long(macho::X86_64_RELOC_GOT_LOAD), row("X86_64_RELOC_GOT_LOAD",    GotLoad, Relative, 4, Signed(32))),
    (pc_long(macho::X86_64_RELOC_GOT),      row("X86_64_RELOC_GOT",         Got,    Relative, 4, Signed(32))),
    (pc_long(macho::X86_64_RELOC_SIGNED_1), row("X86_64_RELOC_SIGNED_1",    Symbol, Relative, 4, Signed(32))),
    (pc_long(macho::X86_64_RELOC_SIGNED_2), row("X86_64_RELOC_SIGNED_2",    Symbol, Relative, 4, Signed(32))),
    (pc_long(macho::X86_64_RELOC_SIGNED_4), row("X86_64_RELOC_SIGNED_4",    Symbol, Relative, 4, Signed(32))),
    (pc_long(macho::X86_64_RELOC_TLV),      row("X86_64_RELOC_TLV",         GotLoad, Relative, 4, Signed(32))),
];

// `REL32` stands in calls and in data accesses alike, so it cannot go through a stub. `REL32_n` counts from n bytes behind the field; the reader puts that into the addend.
#[rustfmt::skip]
static COFF: [(u32, Kind); 12] = [
    (pe::IMAGE_REL_AMD64_ABSOLUTE.0 as u32, row("IMAGE_REL_AMD64_ABSOLUTE", Symbol, Nothing,       0, Check::Truncate)),
    (pe::IMAGE_REL_AMD64_ADDR64.0 as u32,   row("IMAGE_REL_AMD64_ADDR64",   Symbol, Absolute,      8, Either(64))),
    (pe::IMAGE_REL_AMD64_ADDR32.0 as u32,   row("IMAGE_REL_AMD64_ADDR32",   Symbol, Absolute,      4, Either(32))),
    (pe::IMAGE_REL_AMD64_ADDR32NB.0 as u32, row("IMAGE_REL_AMD64_ADDR32NB", Symbol, ImageRelative, 4, Unsigned(32))),
    (pe::IMAGE_REL_AMD64_REL32.0 as u32,    row("IMAGE_REL_AMD64_REL32",    Symbol, Relative,      4, Signed(32))),
    (pe::IMAGE_REL_AMD64_REL32_1.0 as u32,  row("IMAGE_REL_AMD64_REL32_1",  Symbol, Relative,      4, Signed(32))),
    (pe::IMAGE_REL_AMD64_REL32_2.0 as u32,  row("IMAGE_REL_AMD64_REL32_2",  Symbol, Relative,      4, Signed(32))),
    (pe::IMAGE_REL_AMD64_REL32_3.0 as u32,  row("IMAGE_REL_AMD64_REL32_3",  Symbol, Relative,      4, Signed(32))),
    (pe::IMAGE_REL_AMD64_REL32_4.0 as u32,  row("IMAGE_REL_AMD64_REL32_4",  Symbol, Relative,      4, Signed(32))),
    (pe::IMAGE_REL_AMD64_REL32_5.0 as u32,  row("IMAGE_REL_AMD64_REL32_5",  Symbol, Relative,      4, Signed(32))),
    (pe::IMAGE_REL_AMD64_SECTION.0 as u32,  row("IMAGE_REL_AMD64_SECTION",  Symbol, SegmentNumber, 2, Unsigned(16))),
    (pe::IMAGE_REL_AMD64_SECREL.0 as u32,   row("IMAGE_REL_AMD64_SECREL",   Symbol, SegmentOffset, 4, Unsigned(32))),
];
