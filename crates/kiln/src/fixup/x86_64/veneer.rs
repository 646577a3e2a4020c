//! Veneers: what an instruction does, with an address that has no room in it.
//!
//! Code that is compiled for a program (`-fno-pic`) has the addresses of a library's functions and data in 32 bits, since the
//! program's linker makes stubs and copies of them within reach. A copy is another variable than the library's own once one of
//! the two changes; so here the instruction becomes a jump to a veneer, which takes the whole address, and jumps back.
//!
//! A veneer changes no register, no flag and nothing of the stack in use: it keeps off the red zone (psABI, section 3.2.2).

use super::instruction::{Instruction, Prefix, decode};
use crate::fixup::Narrow;

/// The longest one has 45 bytes: the red zone 5, `push` 1, `movabs` 10, `lea` 4, the instruction at most 11 without its
/// displacement, `pop` 1, the red zone 8, `jmp` 5; filled up to a multiple of 8.
pub(in crate::fixup) const VENEER_SIZE: u64 = 48;

/// How far the veneer's stack pointer is from the instruction's: the red zone, and a register.
const BELOW: i32 = 128 + 8;

const RSP: u8 = 4;

/// The instruction's length and where it has fields that relocations may stand at.
pub(in crate::fixup) fn fields(code: &[u8]) -> Option<(usize, [Option<usize>; 2])> {
    let Instruction { len, displacement, immediate, .. } = decode(code)?;
    Some((len, [displacement, immediate].map(|field| field.map(|(at, _)| at))))
}

impl Narrow<'_> {
    /// What stands in the place of the instruction, and the veneer at `at`. `None`: no veneer does this.
    pub(in crate::fixup) fn veneer(&self, at: u64) -> Option<(Vec<u8>, Vec<u8>)> {
        let instruction = decode(self.code).filter(|instruction| instruction.len == self.code.len())?;
        let field = Some((self.field, 4));
        let next = self.place.wrapping_add(self.code.len() as u64);
        let mut value = self.value;
        if self.is_relative {
            // The processor counts from the next instruction.
            value = value.wrapping_add((self.code.len() - self.field) as u64);
        }
        if instruction.immediate == field && self.is_relative {
            return self.branch(&instruction, value, at);
        }
        if instruction.has_odd_address {
            return None;
        }
        let mut veneer = if instruction.displacement == field {
            self.of_memory(&instruction, value)?
        } else if instruction.immediate == field && !instruction.is_prefixed {
            self.of_immediate(&instruction, value, at)?
        } else {
            return None;
        };
        jump(&mut veneer, at, next)?;
        let mut jump_there = Vec::new();
        jump(&mut jump_there, self.place, at)?;
        jump_there.resize(self.code.len().max(5), 0xcc);
        (jump_there.len() == self.code.len() && veneer.len() <= VENEER_SIZE as usize).then_some((jump_there, veneer))
    }

    /// `call`, `jmp` and their like: they lead to `jmp *0(%rip)`, with the address behind it.
    fn branch(&self, instruction: &Instruction, value: u64, at: u64) -> Option<(Vec<u8>, Vec<u8>)> {
        let is_branch = matches!((instruction.map, instruction.opcode), (0, 0xe8 | 0xe9) | (1, 0x80..=0x8f));
        let distance = distance(self.place + self.code.len() as u64, at).filter(|_| is_branch)?;
        let mut code = self.code.to_vec();
        code.get_mut(self.field..)?.first_chunk_mut::<4>()?.copy_from_slice(&distance.to_le_bytes());
        let mut veneer = vec![0xff, 0x25, 0, 0, 0, 0];
        veneer.extend(value.to_le_bytes());
        Some((code, veneer))
    }

    /// The address is that of the memory operand: a register takes it.
    fn of_memory(&self, instruction: &Instruction, value: u64) -> Option<Vec<u8>> {
        let modrm = instruction.modrm?;
        let (operand, displacement) = (self.operand(instruction)?, instruction.displacement?.0);
        let register = self.register(instruction)?;
        let is_other = operand.is_relative != self.is_relative || has_vector_of_addresses(instruction);
        if is_other || operand.base == Some(RSP) || uses_stack(instruction, register) {
            return None;
        }
        let also = match instruction.prefix {
            // `vvvv`, which may be a general register.
            Prefix::Vex(at) => Some(!(self.code[at + 2] >> 3) & 15),
            Prefix::Evex(at) => Some(!(self.code[at + 2] >> 3) & 15),
            Prefix::ShortVex => Some(!(self.code[instruction.opcode_at - 1] >> 3) & 15),
            Prefix::None | Prefix::Rex(_) => None,
        };
        // `bh`, without REX, has the number that is `rdi` with it.
        let high = (instruction.prefix == Prefix::None && register >= 4).then_some(register & 3);
        let scratch = scratch(&[Some(register), high, also, operand.base, operand.index])?;
        let mut veneer = enter(scratch, value);
        if let Some(base) = operand.base {
            // `lea (scratch, base), scratch`
            veneer.extend([0x48 | base >> 3 << 1, 0x8d, 4 | scratch << 3, (base & 7) << 3 | scratch]);
        }
        let start = veneer.len();
        veneer.extend(&self.code[..modrm]);
        match instruction.prefix {
            Prefix::Rex(at) => veneer[start + at] &= !1,
            Prefix::Vex(at) | Prefix::Evex(at) => veneer[start + at + 1] |= 1 << 5,
            Prefix::None | Prefix::ShortVex => {}
        }
        let kept = self.code[modrm] & 0x38;
        match operand.index {
            Some(index) => veneer.extend([kept | 4, operand.scale << 6 | (index & 7) << 3 | scratch]),
            None => veneer.extend([kept | scratch]),
        }
        veneer.extend(self.code.get(displacement + 4..)?);
        leave(&mut veneer, scratch);
        Some(veneer)
    }

    /// The address is an immediate operand.
    fn of_immediate(&self, instruction: &Instruction, value: u64, at: u64) -> Option<Vec<u8>> {
        let rex = match instruction.prefix {
            Prefix::None => 0,
            Prefix::Rex(at) => self.code[at],
            _ => return None,
        };
        let wide = rex & 8 != 0;
        let movabs = |register: u8| {
            let mut code = vec![0x48 | register >> 3, 0xb8 | register & 7];
            code.extend(value.to_le_bytes());
            code
        };
        // The code in front of REX: a `lock`.
        let before = &self.code[..instruction.opcode_at - usize::from(rex != 0)];
        let opcode = instruction.opcode;
        match (instruction.map, opcode) {
            (0, 0xb8..=0xbf) if !wide => return Some(movabs(opcode & 7 | (rex & 1) << 3)),
            (0, 0x68) => {
                // `push` of the lower half, and `movl` of the upper one behind it.
                let halves = [value as u32, (value >> 32) as u32].map(u32::to_le_bytes);
                return Some([&[0x68], &halves[0][..], &[0xc7, 0x44, 0x24, 4], &halves[1]].concat());
            }
            _ => {}
        }
        if !wide || instruction.map != 0 {
            return None;
        }
        let Some(modrm) = instruction.modrm else {
            // `add $value, %rax` and its like.
            let is_arithmetic = opcode < 0x40 && opcode & 7 == 5;
            let mut veneer = enter(7, value);
            veneer.extend([0x48, opcode & 0x38 | 1, 0xc0 | 7 << 3]);
            leave(&mut veneer, 7);
            return is_arithmetic.then_some(veneer);
        };
        let (mode, operation) = (self.code[modrm] >> 6, self.code[modrm] & 0x38);
        let register = self.code[modrm] & 7 | (rex & 1) << 3;
        let new_opcode = match opcode {
            0xc7 if mode == 3 && operation == 0 => return Some(movabs(register)),
            0xc7 if operation == 0 => 0x89,
            0x81 => operation | 1,
            _ => return None,
        };
        if mode == 3 {
            let scratch = scratch(&[Some(register)]).filter(|_| register != RSP)?;
            let mut veneer = enter(scratch, value);
            veneer.extend([0x48 | rex & 1, new_opcode, 0xc0 | scratch << 3 | register & 7]);
            leave(&mut veneer, scratch);
            return Some(veneer);
        }
        let operand = self.operand(instruction)?;
        let scratch = scratch(&[operand.base, operand.index])?;
        let mut veneer = enter(scratch, value);
        veneer.extend(before);
        veneer.extend([0x48 | rex & 3, new_opcode]);
        let mut displacement = operand.displacement;
        if operand.is_relative {
            veneer.push(scratch << 3 | 5);
            let here = at + veneer.len() as u64 + 4;
            let there = (self.place + self.code.len() as u64).wrapping_add_signed(displacement.into());
            displacement = distance(here, there)?;
        } else if let (Some(base), index) = (operand.base, operand.index.unwrap_or(RSP)) {
            if base == RSP {
                displacement = displacement.checked_add(BELOW)?;
            }
            veneer.extend([2 << 6 | scratch << 3 | 4, operand.scale << 6 | (index & 7) << 3 | base & 7]);
        } else {
            let index = operand.index.unwrap_or(RSP);
            veneer.extend([scratch << 3 | 4, operand.scale << 6 | (index & 7) << 3 | 5]);
        }
        veneer.extend(displacement.to_le_bytes());
        leave(&mut veneer, scratch);
        Some(veneer)
    }

    /// The operand of the instruction's `reg` field, which may be one that is no general register.
    fn register(&self, instruction: &Instruction) -> Option<u8> {
        let extended = match instruction.prefix {
            Prefix::Rex(at) => self.code[at] >> 2 & 1,
            Prefix::ShortVex => !self.code[instruction.opcode_at - 1] >> 7,
            Prefix::Vex(at) | Prefix::Evex(at) => !self.code[at + 1] >> 7,
            Prefix::None => 0,
        };
        Some(self.code[instruction.modrm?] >> 3 & 7 | extended << 3)
    }

    fn operand(&self, instruction: &Instruction) -> Option<Operand> {
        let modrm = instruction.modrm?;
        let (mode, low) = (self.code[modrm] >> 6, self.code[modrm] & 7);
        // The third and the fourth register of the prefix.
        let (x, b) = match instruction.prefix {
            Prefix::Rex(at) => (self.code[at] >> 1 & 1, self.code[at] & 1),
            Prefix::Vex(at) | Prefix::Evex(at) => (!(self.code[at + 1] >> 6) & 1, !(self.code[at + 1] >> 5) & 1),
            Prefix::None | Prefix::ShortVex => (0, 0),
        };
        let displacement = match instruction.displacement {
            Some((at, 4)) => i32::from_le_bytes(*self.code.get(at..)?.first_chunk()?),
            Some((at, _)) => i32::from(*self.code.get(at)? as i8),
            None => 0,
        };
        let mut operand = Operand { base: None, index: None, scale: 0, displacement, is_relative: false };
        match (mode, low) {
            (3, _) => return None,
            (_, 4) => {
                let sib = *self.code.get(modrm + 1)?;
                let index = sib >> 3 & 7 | x << 3;
                operand.index = (index != RSP).then_some(index);
                operand.scale = sib >> 6;
                operand.base = (mode != 0 || sib & 7 != 5).then_some(sib & 7 | b << 3);
            }
            (0, 5) => operand.is_relative = true,
            _ => operand.base = Some(low | b << 3),
        }
        Some(operand)
    }
}

/// An operand in memory.
struct Operand {
    base: Option<u8>,
    index: Option<u8>,
    scale: u8,
    displacement: i32,
    is_relative: bool,
}

/// A register that the instruction does not use, of those that need no prefix and stand in no instruction without being named.
fn scratch(used: &[Option<u8>]) -> Option<u8> {
    // `rdi`, `rsi`, `rbx`
    [7, 6, 3].into_iter().find(|register| !used.contains(&Some(*register)))
}

/// Whether the index of the address is a vector (VSIB; Intel SDM vol. 2, 2.3.12).
fn has_vector_of_addresses(instruction: &Instruction) -> bool {
    let is_vector = !matches!(instruction.prefix, Prefix::None | Prefix::Rex(_));
    is_vector && instruction.map == 2 && matches!(instruction.opcode, 0x90..=0x93 | 0xa0..=0xa3 | 0xc6 | 0xc7)
}

/// Whether an instruction with a memory operand uses the stack or its pointer, or goes elsewhere.
fn uses_stack(instruction: &Instruction, register: u8) -> bool {
    match (instruction.map, instruction.opcode) {
        _ if !matches!(instruction.prefix, Prefix::None | Prefix::Rex(_)) => false,
        (0, 0x8f) => true,
        // `call`, `jmp`, `push`
        (0, 0xff) => register & 7 > 1,
        // The number in a group, or of a floating-point register.
        (0, 0x80 | 0x81 | 0x83 | 0xc0 | 0xc1 | 0xc6 | 0xc7 | 0xd0..=0xdf | 0xf6 | 0xf7 | 0xfe) | (1, 0xba) => false,
        (0, _) | (1, 0x02 | 0x03 | 0x40..=0x4f | 0xa0..=0xbf | 0xc0 | 0xc1 | 0xc3) | (2, 0xf0..=0xff) => {
            register == RSP
        }
        _ => false,
    }
}

/// Keeps `scratch`, and has it hold `value`.
fn enter(scratch: u8, value: u64) -> Vec<u8> {
    // `lea -128(%rsp), %rsp; push; movabs`
    let mut code = vec![0x48, 0x8d, 0x64, 0x24, 0x80, 0x50 | scratch, 0x48, 0xb8 | scratch];
    code.extend(value.to_le_bytes());
    code
}

fn leave(code: &mut Vec<u8>, scratch: u8) {
    // `pop; lea 128(%rsp), %rsp`
    code.extend([0x58 | scratch, 0x48, 0x8d, 0xa4, 0x24, 0x80, 0, 0, 0]);
}

fn distance(from: u64, to: u64) -> Option<i32> {
    i32::try_from(to.wrapping_sub(from) as i64).ok()
}

/// `jmp to`, behind `code` that begins at `start`.
fn jump(code: &mut Vec<u8>, start: u64, to: u64) -> Option<()> {
    let next = start + code.len() as u64 + 5;
    code.push(0xe9);
    code.extend(distance(next, to)?.to_le_bytes());
    Some(())
}
