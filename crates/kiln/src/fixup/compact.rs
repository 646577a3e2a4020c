//! Apple's compact unwind encodings as call frame information, which every unwinder takes by a public function.
//!
//! Source: `<mach-o/compact_unwind_encoding.h>`, and what compilers mean by it (LLVM: `generateCompactUnwindEncoding` of
//! `AArch64AsmBackend.cpp` and `X86AsmBackend.cpp`). An encoding holds for a function as a whole: between the first
//! instructions, and the last, it is as wrong as it is on macOS.

use super::unwind::INDIRECT;
use crate::target::Arch;

/// How a function is left by an exception.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Unwinding {
    /// By these instructions of call frame information.
    Instructions(Vec<u8>),
    /// By a record in `__eh_frame`.
    Elsewhere,
    /// Not at all.
    Impossible,
}

/// `UNWIND_X86_64_MODE_MASK`, `UNWIND_ARM64_MODE_MASK`
const MODE: u32 = 0x0f00_0000;
/// `UNWIND_HAS_LSDA`
pub(crate) const HAS_DATA: u32 = 0x4000_0000;

/// What an encoding says of a function whose code begins with `code`.
///
/// # Errors
///
/// It is of a kind that is not known, or contradicts itself: in words that follow its name.
pub(crate) fn unwinding(arch: Arch, encoding: u32, code: &[u8]) -> Result<Unwinding, &'static str> {
    match (arch, encoding & MODE) {
        (_, 0) => Ok(Unwinding::Impossible),
        // `UNWIND_X86_64_MODE_RBP_FRAME`, `STACK_IMMD`, `STACK_IND`, `DWARF`
        (Arch::X86_64, 0x0100_0000) => x86_64_frame(encoding),
        (Arch::X86_64, 0x0200_0000) => x86_64_frameless(encoding, 8 * (encoding >> 16 & 0xff)),
        (Arch::X86_64, 0x0300_0000) => x86_64_frameless(encoding, size_in_code(encoding, code)?),
        (Arch::X86_64, 0x0400_0000) => Ok(Unwinding::Elsewhere),
        // `UNWIND_ARM64_MODE_FRAMELESS`, `DWARF`, `FRAME`
        (Arch::Aarch64, 0x0200_0000) => aarch64_frameless(encoding),
        (Arch::Aarch64, 0x0300_0000) => Ok(Unwinding::Elsewhere),
        (Arch::Aarch64, 0x0400_0000) => aarch64_frame(encoding),
        _ => Err("is of an unknown kind"),
    }
}

/// Numbers of registers in call frame information (System V ABI, AMD64 supplement, figure 3.36; AADWARF64, section 4.1).
mod register {
    pub(super) const RBX: u8 = 3;
    pub(super) const RBP: u8 = 6;
    pub(super) const RSP: u8 = 7;
    pub(super) const RIP: u8 = 16;
    pub(super) const X19: u8 = 19;
    pub(super) const FP: u8 = 29;
    pub(super) const LR: u8 = 30;
    pub(super) const SP: u8 = 31;
    pub(super) const D8: u8 = 72;
}

/// Instructions of call frame information (DWARF 5, section 6.4.2). The frame begins where the caller's stack pointer
/// was; registers are saved so many words below.
#[derive(Default)]
struct Instructions(Vec<u8>);

impl Instructions {
    fn frame(&mut self, register: u8, offset: u32) {
        const DW_CFA_DEF_CFA: u8 = 0x0c;
        self.0.extend([DW_CFA_DEF_CFA, register]);
        self.number(offset);
    }

    fn saved(&mut self, register: u8, words: u32) {
        const DW_CFA_OFFSET: u8 = 0x80;
        const DW_CFA_OFFSET_EXTENDED: u8 = 0x05;
        match register < 0x40 {
            true => self.0.push(DW_CFA_OFFSET | register),
            false => self.0.extend([DW_CFA_OFFSET_EXTENDED, register]),
        }
        self.number(words);
    }

    /// In LEB128.
    fn number(&mut self, mut number: u32) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

/// Registers that an encoding on x86-64 counts from 1 on.
fn x86_64_register(number: u32) -> Option<u8> {
    Some(match number {
        1 => register::RBX,
        // r12 to r15
        2..=5 => 10 + number as u8,
        6 => register::RBP,
        _ => return None,
    })
}

fn x86_64_frame(encoding: u32) -> Result<Unwinding, &'static str> {
    let mut instructions = Instructions::default();
    instructions.frame(register::RBP, 16);
    instructions.saved(register::RBP, 2);
    let offset = encoding >> 16 & 0xff;
    for place in 0..5 {
        let number = encoding >> (3 * place) & 7;
        if number == 0 {
            continue;
        }
        let register = x86_64_register(number).filter(|register| *register != register::RBP);
        let below = offset.checked_sub(place).filter(|below| *below > 0);
        let (Some(register), Some(below)) = (register, below) else {
            return Err("has a register that cannot be there");
        };
        instructions.saved(register, 2 + below);
    }
    Ok(Unwinding::Instructions(instructions.0))
}

/// The size of the stack frame, which stands in an instruction at the function's beginning, `sub $size, %rsp`.
fn size_in_code(encoding: u32, code: &[u8]) -> Result<u32, &'static str> {
    let offset = (encoding >> 16 & 0xff) as usize;
    let size = code.get(offset..).and_then(|code| code.first_chunk::<4>());
    let size = size.ok_or("looks for the size of the stack frame behind the function")?;
    let more = 8 * (encoding >> 13 & 7);
    u32::from_le_bytes(*size).checked_add(more).ok_or("finds a size of the stack frame that cannot be")
}

fn x86_64_frameless(encoding: u32, size: u32) -> Result<Unwinding, &'static str> {
    let count = encoding >> 10 & 7;
    if count > 6 || size / 8 < count + 1 {
        return Err("has more registers than there is room for");
    }
    let mut instructions = Instructions::default();
    instructions.frame(register::RSP, size);
    // Of the registers that are left, which one each is: a number with a digit for each, of shrinking bases.
    let mut left: Vec<u32> = (1..=6).collect();
    let mut permutation = encoding & 0x3ff;
    for place in 0..count {
        let below = (place + 1..count).map(|place| 6 - place).product::<u32>();
        let digit = (permutation / below) as usize;
        permutation %= below;
        if digit >= left.len() {
            return Err("has an order of registers that cannot be");
        }
        let register = x86_64_register(left.remove(digit)).ok_or("has a register that cannot be there")?;
        instructions.saved(register, 1 + count - place);
    }
    Ok(Unwinding::Instructions(instructions.0))
}

fn aarch64_frame(encoding: u32) -> Result<Unwinding, &'static str> {
    let mut instructions = Instructions::default();
    instructions.frame(register::FP, 16);
    instructions.saved(register::LR, 1);
    instructions.saved(register::FP, 2);
    if encoding & 0x00ff_f000 != 0 {
        return Err("has bits that mean nothing");
    }
    aarch64_pairs(encoding, 3, instructions)
}

fn aarch64_frameless(encoding: u32) -> Result<Unwinding, &'static str> {
    let mut instructions = Instructions::default();
    instructions.frame(register::SP, 16 * (encoding >> 12 & 0xfff));
    // libunwind looks for them a word higher, which is not where compilers put them.
    aarch64_pairs(encoding, 1, instructions)
}

/// Pairs of registers, in their order, from `words` below the frame on.
fn aarch64_pairs(encoding: u32, mut words: u32, mut instructions: Instructions) -> Result<Unwinding, &'static str> {
    if encoding & 0x0000_00e0 != 0 {
        return Err("has bits that mean nothing");
    }
    let general = (0..5).map(|pair| (1 << pair, register::X19 + 2 * pair as u8));
    let vector = (0..4).map(|pair| (0x100 << pair, register::D8 + 2 * pair as u8));
    for (bit, first) in general.chain(vector) {
        if encoding & bit != 0 {
            instructions.saved(first, words);
            instructions.saved(first + 1, words + 1);
            words += 2;
        }
    }
    Ok(Unwinding::Instructions(instructions.0))
}

/// Records of call frame information (Linux Standard Base, section 10.6), with the places where pointers stand.
#[derive(Default)]
pub(crate) struct Records {
    pub(crate) bytes: Vec<u8>,
}

/// How pointers are written: 8 bytes, from their own place (`DW_EH_PE_pcrel`).
const POINTER: u8 = 0x10;

impl Records {
    /// Adds what functions have in common, and gives its place, and that of the pointer to their personality function.
    pub(crate) fn common(&mut self, arch: Arch, has_personality: bool, has_data: bool) -> (usize, Option<usize>) {
        let start = self.bytes.len();
        let mut initial = Instructions::default();
        let returns = match arch {
            Arch::X86_64 => {
                initial.frame(register::RSP, 8);
                initial.saved(register::RIP, 1);
                register::RIP
            }
            Arch::Aarch64 => {
                initial.frame(register::SP, 0);
                register::LR
            }
        };
        self.bytes.extend([0; 8]);
        let mut letters = vec![b'z'];
        letters.extend(has_personality.then_some(b'P'));
        letters.extend(has_data.then_some(b'L'));
        letters.extend([b'R', 0]);
        self.bytes.push(1);
        self.bytes.extend(letters);
        // Code counts in bytes, data in words downwards: 1 and -8.
        self.bytes.extend([1, 0x78, returns]);
        let pointer = if has_personality { 9 } else { 0 };
        self.bytes.push(pointer + u8::from(has_data) + 1);
        let personality = has_personality.then(|| {
            // It may be outside of the image, and then stands in the GOT, as the compiler's own records have it.
            self.bytes.push(POINTER | INDIRECT);
            self.pointer()
        });
        self.bytes.extend(has_data.then_some(POINTER));
        self.bytes.push(POINTER);
        self.finish(start, &initial.0, 0);
        (start, personality)
    }

    /// Adds a function's description, and gives the places of the pointers to its code and to its language's data.
    pub(crate) fn description(
        &mut self,
        common: usize,
        length: u32,
        has_data: bool,
        instructions: &[u8],
    ) -> (usize, Option<usize>) {
        let start = self.bytes.len();
        self.bytes.extend([0; 8]);
        let code = self.pointer();
        self.bytes.extend(u64::from(length).to_le_bytes());
        self.bytes.push(if has_data { 8 } else { 0 });
        let data = has_data.then(|| self.pointer());
        // Counted from the field itself.
        self.finish(start, instructions, (start + 4 - common) as u32);
        (code, data)
    }

    fn pointer(&mut self) -> usize {
        self.bytes.extend([0; 8]);
        self.bytes.len() - 8
    }

    /// Fills the record up with instructions that do nothing, and writes its first two words.
    fn finish(&mut self, start: usize, instructions: &[u8], second: u32) {
        self.bytes.extend(instructions);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let length = (self.bytes.len() - start - 4) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
        self.bytes[start + 4..start + 8].copy_from_slice(&second.to_le_bytes());
    }
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    fn instructions(arch: Arch, encoding: u32) -> Vec<u8> {
        match unwinding(arch, encoding, &[]) {
            Ok(Unwinding::Instructions(instructions)) => instructions,
            other => panic!("{encoding:#x}: {other:?}"),
        }
    }

    #[test]
    fn frames_of_arm64() {
        let of = |encoding| instructions(Arch::Aarch64, encoding);
        assert_eq!(of(0x0400_0000), [0x0c, 29, 16, 0x80 | 30, 1, 0x80 | 29, 2]);
        let all = of(0x4400_0f1f);
        assert_eq!(all[..9], [0x0c, 29, 16, 0x80 | 30, 1, 0x80 | 29, 2, 0x80 | 19, 3]);
        assert_eq!(all[all.len() - 6..], [5, 78, 19, 5, 79, 20]);
        assert_eq!(of(0x0200_0000), [0x0c, 31, 0]);
        // What LLVM makes of x19 and x20 at -8 and -16, d8 and d9 at -24 and -32, in 32 bytes.
        assert_eq!(of(0x0200_2101), [0x0c, 31, 32, 0x80 | 19, 1, 0x80 | 20, 2, 5, 72, 3, 5, 73, 4]);
        assert_eq!(of(0x02ff_f000), [0x0c, 31, 0xf0, 0xff, 3]);
    }

    #[test]
    fn frames_of_x86_64() {
        let of = |encoding| instructions(Arch::X86_64, encoding);
        assert_eq!(of(0x0100_0000), [0x0c, 6, 16, 0x86, 2]);
        // rbx and r14 pushed behind rbp: r14 is the first, at rbp - 8.
        assert_eq!(of(0x0102_0021), [0x0c, 6, 16, 0x86, 2, 0x80 | 3, 4, 0x80 | 14, 3]);
        assert_eq!(of(0x0201_0000), [0x0c, 7, 8]);
        // One register of six: the third, r13.
        assert_eq!(of(0x0202_0402), [0x0c, 7, 16, 0x80 | 13, 2]);
        // All six, in the order of their numbers, and in the other one.
        let registers = |encoding| of(encoding)[3..].chunks(2).map(|saved| saved[0] & 0x3f).collect::<Vec<_>>();
        assert_eq!(registers(0x0207_1800), [3, 12, 13, 14, 15, 6]);
        assert_eq!(registers(0x0207_1800 + 719), [6, 15, 14, 13, 12, 3]);
        // The size stands in the code.
        let code = [0x48, 0x81, 0xec, 0x00, 0x10, 0, 0];
        assert_eq!(unwinding(Arch::X86_64, 0x0303_2000, &code), Ok(Unwinding::Instructions(vec![0x0c, 7, 0x88, 0x20])));
    }

    #[test]
    fn what_is_elsewhere_or_nowhere() {
        for (arch, encoding) in [(Arch::Aarch64, 0x0300_0000), (Arch::X86_64, 0x0400_0000)] {
            assert_eq!(unwinding(arch, encoding, &[]), Ok(Unwinding::Elsewhere));
            assert_eq!(unwinding(arch, 0, &[]), Ok(Unwinding::Impossible));
        }
    }

    #[test]
    fn wrong_encodings() {
        for (arch, encoding, message) in [
            (Arch::Aarch64, 0x0100_0000, "is of an unknown kind"),
            (Arch::X86_64, 0x0500_0000, "is of an unknown kind"),
            (Arch::Aarch64, 0x0400_0020, "has bits that mean nothing"),
            (Arch::Aarch64, 0x0400_1000, "has bits that mean nothing"),
            (Arch::X86_64, 0x0105_0007, "has a register that cannot be there"),
            (Arch::X86_64, 0x0105_0006, "has a register that cannot be there"),
            (Arch::X86_64, 0x0100_0001, "has a register that cannot be there"),
            (Arch::X86_64, 0x0201_0400, "has more registers than there is room for"),
            (Arch::X86_64, 0x02ff_1c00, "has more registers than there is room for"),
            (Arch::X86_64, 0x02ff_07ff, "has an order of registers that cannot be"),
            (Arch::X86_64, 0x0303_0000, "looks for the size of the stack frame behind the function"),
        ] {
            assert_eq!(unwinding(arch, encoding, &[0; 6]), Err(message), "{encoding:#x}");
        }
    }
}
