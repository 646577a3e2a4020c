//! One A64 instruction as text.
//!
//! `yaxpeax-arm` decodes it. It has these flaws, each found by assembling its text again with GNU `as` and comparing the
//! encodings, and met here:
//!
//! - it takes many unallocated encodings for instructions ([`is_unallocated`], [`has_reserved_arrangement`]);
//! - it mixes up shifted and extended registers, and leaves out `uxtw` ([`extended_register`]);
//! - it leaves out a shift by zero that stands for other bits than no shift ([`shift_by_zero`], [`register_offset`]);
//! - it drops a bit of the register of `msr`, and does not name the fields of `msr` with a number ([`system`]);
//! - it takes unknown hints for known ones, and names few ([`hint`]);
//! - it prints offsets where an assembler wants addresses ([`target`]);
//! - it prints `fmlal` and its like by element with wrong arrangements, and has no name for `stgp`: these stay data.

use std::fmt::Display;

use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::armv8::a64::{InstDecoder, Instruction, Opcode, Operand, SIMDSizeCode, ShiftStyle, SizeCode};

/// The text of the instruction `word` at `address`, and the address that it refers to, if its last operand is one; or
/// `None` if it is none or cannot be printed rightly.
pub(super) fn text(word: u32, address: u64) -> Option<(String, Option<u64>)> {
    if is_unallocated(word) || is_unallocated_vector(word) {
        return None;
    }
    if let Some(text) = extended_register(word).or_else(|| hint(word)) {
        return Some((text, None));
    }
    let instruction = InstDecoder::default().decode(&mut U8Reader::new(&word.to_le_bytes())).ok()?;
    if has_reserved_arrangement(&instruction) {
        return None;
    }
    let operands = &instruction.operands;
    let text = match instruction.opcode {
        Opcode::Invalid => None,
        Opcode::FMLAL | Opcode::FMLSL if matches!(operands[2], Operand::SIMDRegisterElementsLane(..)) => None,
        // `mov` is for scalars only.
        Opcode::DUP if matches!(operands[0], Operand::SIMDRegisterElements(..)) => Some(joined("dup", operands)),
        Opcode::MRS | Opcode::MSR => system(word),
        _ => match target(&instruction, address) {
            Some((text, target)) => return Some((text, Some(target))),
            None => register_offset(word, &instruction)
                .or_else(|| shift_by_zero(&instruction))
                .or_else(|| Some(instruction.to_string())),
        },
    };
    Some((text?, None))
}

/// A mnemonic with its operands.
fn joined(mnemonic: impl Display, operands: &[Operand]) -> String {
    let mut text = mnemonic.to_string();
    let mut separator = " ";
    // `Nothing` cannot be printed: its `Display` panics.
    for operand in operands.iter().take_while(|operand| **operand != Operand::Nothing) {
        text.push_str(separator);
        text.push_str(&operand.to_string());
        separator = ", ";
    }
    text
}

/// `width` bits of `word` from bit `low` on.
const fn field(word: u32, low: u32, width: u32) -> u32 {
    word >> low & ((1 << width) - 1)
}

/// Whether bit `at` of `word` is set.
const fn bit(word: u32, at: u32) -> bool {
    field(word, at, 1) == 1
}

/// Whether `word` is integer code of a value that the architecture leaves unallocated and the decoder does not.
fn is_unallocated(word: u32) -> bool {
    /// Masks and values.
    const UNALLOCATED: &[(u32, u32)] = &[
        (0x9f00_8000, 0x0a00_8000), // a logical operation on 32 bits with a shift by 32 or more
        (0x9fc0_0000, 0x1240_0000), // … with a 64-bit constant
        (0x9fc0_0000, 0x12c0_0000), // `movz` and its like into the upper half of a 32-bit register
        (0x1f20_0000, 0x1a20_0000), // what is left of the class of the following
        (0x3fe0_0000, 0x3a80_0000), // conditional select that sets the flags
        (0x1fe0_0800, 0x1a80_0800),
        (0x3fe0_0000, 0x1a40_0000), // conditional compare that does not
        (0x1fe0_0400, 0x1a40_0400),
        (0x1fe0_0010, 0x1a40_0010),
        (0x7fe0_0000, 0x7ac0_0000), // operations on one register that set the flags
        (0xffff_0000, 0x5ac1_0000), // pointer authentication of 32 bits
        (0x3b20_4c00, 0x3820_0800), // an index register extended from less than 32 bits
    ];
    if UNALLOCATED.iter().any(|&(mask, value)| word & mask == value) {
        return true;
    }
    let wide = bit(word, 31);
    let is_31 = |low| field(word, low, 5) == 31;
    // `udf`: the upper half is zero.
    if word & 0x1e00_0000 == 0 {
        return word >> 16 != 0;
    }
    // Add or subtract an extended register: shifts go up to 4.
    if word & 0x1fe0_0000 == 0x0b20_0000 {
        return field(word, 10, 3) > 4;
    }
    // Logical constants: the element cannot be all ones.
    if word & 0x1f80_0000 == 0x1200_0000 {
        let size = (field(word, 22, 1) << 6 | !field(word, 10, 6) & 0x3f).checked_ilog2().unwrap_or(0);
        let levels = (1 << size) - 1;
        return size == 0 || word >> 10 & levels == levels;
    }
    // Add with carry, and `rmif`.
    if word & 0x1fe0_0000 == 0x1a00_0000 {
        return match field(word, 10, 5) {
            0 => bit(word, 15),
            0b00001 | 0b10001 => !wide || bit(word, 30) || !bit(word, 29) || bit(word, 4),
            _ => false,
        };
    }
    // Operations on two registers: which of them set the flags, or have only one width.
    if word & 0x5fe0_0000 == 0x1ac0_0000 {
        return match (bit(word, 29), field(word, 10, 6)) {
            (true, operation) => operation != 0 || !wide,
            (false, 0 | 4 | 5 | 0b1100) => !wide,
            (false, 0b01_0000..=0b01_0111) => (field(word, 10, 2) == 3) != wide,
            _ => false,
        };
    }
    // `autiasppc` and `autibsppc`
    if word & 0xff80_0000 == 0xf380_0000 {
        return !is_31(0);
    }
    // Exclusive and ordered loads and stores: registers that are not used are 31.
    if word & 0x3f00_0000 == 0x0800_0000 {
        let (ordered, load, pair) = (bit(word, 23), bit(word, 22), bit(word, 21) && !bit(word, 23) && wide);
        let swap = bit(word, 21) && !pair;
        return !pair && !is_31(10) || !swap && (ordered || load) && !is_31(16);
    }
    // `ldapr`
    word & 0x3fe0_fc00 == 0x38a0_c000 && !is_31(16)
}

/// [`is_unallocated`] for floating point and vectors, in the classes that random data hits most.
fn is_unallocated_vector(word: u32) -> bool {
    /// Masks and values.
    const UNALLOCATED: &[(u32, u32)] = &[
        (0xbe00_0000, 0x8c00_0000), // loads and stores of several vectors
        (0x3f20_0000, 0x0c20_0000),
        (0x9fe0_8400, 0x0e80_0400), // copies of vector elements
        (0x9f60_c400, 0x0e40_4400),
    ];
    if UNALLOCATED.iter().any(|&(mask, value)| word & mask == value) {
        return true;
    }
    // Constants.
    if word & 0x9ff8_0c00 == 0x0f00_0c00 {
        return field(word, 12, 4) != 15;
    }
    // Conversion from and to fixed point.
    if word & 0x5f20_0000 == 0x1e00_0000 {
        let to_or_from = matches!(field(word, 16, 5), 0b00010 | 0b00011 | 0b11000 | 0b11001);
        return bit(word, 29) || !to_or_from || field(word, 22, 2) == 2 || !bit(word, 31) && !bit(word, 15);
    }
    // Comparison.
    if word & 0x5f20_3c00 == 0x1e20_2000 {
        return word & 0xa000_c007 != 0 || field(word, 22, 2) == 2;
    }
    // SHA-3, SHA-512, SM3 and SM4.
    if word & 0xff00_0000 == 0xce00_0000 {
        return match field(word, 21, 3) {
            0 | 1 => bit(word, 15),
            2 => field(word, 14, 2) == 3,
            3 => word & 0xb000 != 0x8000,
            4 => false,
            _ => word & 0xffff_f800 != 0xcec0_8000,
        };
    }
    false
}

/// Whether an operand of `instruction` is a vector of one 64-bit element where there is none.
fn has_reserved_arrangement(instruction: &Instruction) -> bool {
    use Opcode::{LD2, LD3, LD4, PMULL, SADALP, SADDLP, ST2, ST3, ST4, UADALP, UADDLP};
    instruction.operands.iter().any(|operand| match operand {
        Operand::SIMDRegisterElements(SIMDSizeCode::D, _, SIMDSizeCode::D) => {
            !matches!(instruction.opcode, PMULL | SADALP | SADDLP | UADALP | UADDLP)
        }
        Operand::SIMDRegisterGroup(SIMDSizeCode::D, _, SIMDSizeCode::D, _) => {
            matches!(instruction.opcode, LD2 | LD3 | LD4 | ST2 | ST3 | ST4)
        }
        _ => false,
    })
}

/// Addition or subtraction of an extended register.
fn extended_register(word: u32) -> Option<String> {
    if word & 0x1fe0_0000 != 0x0b20_0000 {
        return None;
    }
    let size = |wide| if wide { SizeCode::X } else { SizeCode::W };
    let register = |low| field(word, low, 5) as u16;
    let (wide, subtract, sets_flags) = (bit(word, 31), bit(word, 30), bit(word, 29));
    let (extension, amount) = (field(word, 13, 3) as usize, field(word, 10, 3));
    let (rd, rn) = (register(0), register(5));

    let result = if sets_flags { Operand::Register(size(wide), rd) } else { Operand::RegisterOrSP(size(wide), rd) };
    let left = Operand::RegisterOrSP(size(wide), rn);
    let right = Operand::Register(size(wide && extension & 3 == 3), register(16));
    let mut text = match (sets_flags && rd == 31, subtract) {
        (true, false) => joined("cmn", &[left, right]),
        (true, true) => joined("cmp", &[left, right]),
        (false, _) => {
            let mnemonic = if subtract { "sub" } else { "add" };
            joined(format_args!("{mnemonic}{}", if sets_flags { "s" } else { "" }), &[result, left, right])
        }
    };
    // With the stack pointer, which no shifted register goes with, the extension that changes nothing is called `lsl`.
    let with_sp = rn == 31 || !sets_flags && rd == 31;
    if with_sp && extension == if wide { 3 } else { 2 } {
        if amount != 0 {
            text.push_str(&format!(", lsl #{amount}"));
        }
        return Some(text);
    }
    text.push_str(", ");
    text.push_str(["uxtb", "uxth", "uxtw", "uxtx", "sxtb", "sxth", "sxtw", "sxtx"][extension]);
    if amount != 0 {
        text.push_str(&format!(" #{amount}"));
    }
    Some(text)
}

/// A hint: an instruction that processors that do not know it skip.
fn hint(word: u32) -> Option<String> {
    if word & 0xffff_f01f != 0xd503_201f {
        return None;
    }
    let number = field(word, 5, 7);
    let name = match number {
        0 => "nop",
        1 => "yield",
        2 => "wfe",
        3 => "wfi",
        4 => "sev",
        5 => "sevl",
        7 => "xpaclri",
        8 => "pacia1716",
        10 => "pacib1716",
        12 => "autia1716",
        14 => "autib1716",
        16 => "esb",
        17 => "psb csync",
        18 => "tsb csync",
        20 => "csdb",
        24 => "paciaz",
        25 => "paciasp",
        26 => "pacibz",
        27 => "pacibsp",
        28 => "autiaz",
        29 => "autiasp",
        30 => "autibz",
        31 => "autibsp",
        32 => "bti",
        34 => "bti c",
        36 => "bti j",
        38 => "bti jc",
        _ => return Some(format!("hint #{number:#x}")),
    };
    Some(name.to_owned())
}

/// `mrs` and `msr`.
fn system(word: u32) -> Option<String> {
    let (op1, crn, crm, op2) = (field(word, 16, 3), field(word, 12, 4), field(word, 8, 4), field(word, 5, 3));
    // With a number instead of a register.
    if word & 0xfff8_f01f == 0xd500_401f {
        let field = match (op1, op2, crm) {
            (0, 3, 0 | 1) => "uao",
            (0, 4, 0 | 1) => "pan",
            (0, 5, 0 | 1) => "spsel",
            (3, 1, 0 | 1) => "ssbs",
            (3, 2, 0 | 1) => "dit",
            (3, 4, 0 | 1) => "tco",
            (3, 6, _) => "daifset",
            (3, 7, _) => "daifclr",
            _ => return None,
        };
        return Some(format!("msr {field}, #{crm:#x}"));
    }
    let op0 = field(word, 19, 2);
    // The ones that programs use.
    let name = match (op0, op1, crn, crm, op2) {
        (3, 0, 0, 0, 0) => "midr_el1".to_owned(),
        (3, 3, 0, 0, 1) => "ctr_el0".to_owned(),
        (3, 3, 0, 0, 7) => "dczid_el0".to_owned(),
        (3, 3, 4, 2, 0) => "nzcv".to_owned(),
        (3, 3, 4, 4, 0) => "fpcr".to_owned(),
        (3, 3, 4, 4, 1) => "fpsr".to_owned(),
        (3, 3, 13, 0, 2) => "tpidr_el0".to_owned(),
        (3, 3, 13, 0, 3) => "tpidrro_el0".to_owned(),
        (3, 3, 14, 0, 0) => "cntfrq_el0".to_owned(),
        (3, 3, 14, 0, 2) => "cntvct_el0".to_owned(),
        _ => format!("s{op0}_{op1}_c{crn}_c{crm}_{op2}"),
    };
    let register = Operand::Register(SizeCode::X, field(word, 0, 5) as u16);
    match word & 0xfff0_0000 {
        0xd530_0000 => Some(format!("mrs {register}, {name}")),
        0xd510_0000 => Some(format!("msr {name}, {register}")),
        _ => None,
    }
}

/// An instruction with an operand relative to its own address, which is always the last.
fn target(instruction: &Instruction, address: u64) -> Option<(String, u64)> {
    let (position, offset) = instruction.operands.iter().enumerate().find_map(|(at, operand)| match operand {
        Operand::PCOffset(offset) => Some((at, *offset)),
        _ => None,
    })?;
    // `adrp` counts from the start of the page.
    let from = if instruction.opcode == Opcode::ADRP { address & !0xfff } else { address };
    let separator = if position == 0 { " " } else { ", " };
    let text = joined(instruction.opcode, &instruction.operands[..position]);
    let target = from.wrapping_add_signed(offset);
    Some((format!("{text}{separator}{target:#x}"), target))
}

/// A load or store at a base register plus an index register.
fn register_offset(word: u32, instruction: &Instruction) -> Option<String> {
    let (position, operand) =
        instruction.operands.iter().enumerate().find(|(_, operand)| matches!(operand, Operand::RegRegOffset(..)))?;
    let Operand::RegRegOffset(base, index, size, extension, amount) = *operand else {
        return None;
    };
    let base = Operand::RegisterOrSP(SizeCode::X, base);
    let index = Operand::Register(size, index);
    // For bytes the shift is zero either way, and a bit says whether it is written.
    let shift = match (extension, bit(word, 12)) {
        (ShiftStyle::LSL, false) => String::new(),
        (_, false) => format!(", {extension}"),
        (_, true) => format!(", {extension} #{amount}"),
    };
    Some(format!("{}, [{base}, {index}{shift}]", joined(instruction.opcode, &instruction.operands[..position])))
}

/// An instruction whose last operand is shifted right or rotated by zero.
fn shift_by_zero(instruction: &Instruction) -> Option<String> {
    instruction
        .operands
        .iter()
        .any(|operand| matches!(operand, Operand::RegShift(ShiftStyle::LSR | ShiftStyle::ASR | ShiftStyle::ROR, 0, ..)))
        .then(|| format!("{instruction} #0"))
}
