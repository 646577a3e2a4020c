//! The registers of a frame, and how those of its caller are found.

use super::{Frame, How, dwarf};
use crate::machine::{Machine, Stop};

#[derive(Clone, Debug)]
pub(super) struct Cursor {
    pub(super) x: [u64; 31],
    /// `d8` to `d15`
    pub(super) d: [u64; 8],
    pub(super) sp: u64,
    pub(super) pc: u64,
    /// Whether `pc` is the instruction itself, not the one behind a call.
    pub(super) exact: bool,
}

const LR: usize = 30;
const FP: usize = 29;

impl Cursor {
    /// Of the function that has called a model.
    pub(super) fn of_caller(m: &Machine) -> Cursor {
        let mut cursor = Cursor { x: [0; 31], d: [0; 8], sp: m.cpu.sp(), pc: m.cpu.x(LR), exact: false };
        for (number, register) in cursor.x.iter_mut().enumerate() {
            *register = m.cpu.x(number);
        }
        for (number, register) in cursor.d.iter_mut().enumerate() {
            *register = m.cpu.d(8 + number).to_bits();
        }
        cursor
    }

    /// An address in the instruction that is being executed.
    pub(super) fn place(&self) -> u64 {
        if self.exact { self.pc } else { self.pc.wrapping_sub(1) }
    }

    /// By DWARF's number.
    pub(super) fn get(&self, number: u64) -> u64 {
        match number {
            0..=30 => self.x[number as usize],
            31 => self.sp,
            72..=79 => self.d[number as usize - 72],
            _ => 0,
        }
    }

    pub(super) fn set(&mut self, number: u64, value: u64) {
        match number {
            0..=30 => self.x[number as usize] = value,
            31 => self.sp = value,
            72..=79 => self.d[number as usize - 72] = value,
            _ => {}
        }
    }

    pub(super) fn install(&self, m: &mut Machine) {
        for (number, value) in self.x.iter().enumerate() {
            m.cpu.set_x(number, *value);
        }
        for (number, value) in self.d.iter().enumerate() {
            m.cpu.set_d(8 + number, f64::from_bits(*value));
        }
        m.cpu.set_sp(self.sp);
        m.cpu.set_pc(self.pc);
    }

    /// Goes to the caller. False: there is none.
    pub(super) fn step(&mut self, m: &Machine, frame: &Frame) -> Result<bool, Stop> {
        match frame.how {
            How::Compact(encoding) => self.step_compact(m, encoding)?,
            How::Dwarf { entry, section } => match dwarf::step(m, entry, section, self)? {
                Some(next) => *self = next,
                None => return Ok(false),
            },
            How::Unknown => return Ok(false),
        }
        self.exact = false;
        if self.pc == m.signals.back {
            // What a signal has interrupted goes on where its frame says.
            let (x, sp, pc) = m.interrupted(self.sp)?;
            (self.x, self.sp, self.pc, self.exact) = (x, sp, pc, true);
        }
        Ok(self.pc != 0)
    }

    /// Per LLVM: libunwind/include/mach-o/compact_unwind_encoding.h, arm64.
    fn step_compact(&mut self, m: &Machine, encoding: u32) -> Result<(), Stop> {
        const MODE: u32 = 0x0f00_0000;
        const FRAME: u32 = 0x0400_0000;
        const PAIRS: [(u32, u64); 9] = [
            (0x001, 19),
            (0x002, 21),
            (0x004, 23),
            (0x008, 25),
            (0x010, 27),
            (0x100, 72),
            (0x200, 74),
            (0x400, 76),
            (0x800, 78),
        ];
        let has_frame = encoding & MODE == FRAME;
        let stack_size = u64::from(encoding >> 12 & 0xfff) * 16;
        let mut at = if has_frame { self.x[FP].wrapping_sub(8) } else { self.sp.wrapping_add(stack_size) };
        for (bit, first) in PAIRS {
            if encoding & bit != 0 {
                for number in [first, first + 1] {
                    self.set(number, m.memory.u64(at)?);
                    at = at.wrapping_sub(8);
                }
            }
        }
        if has_frame {
            let frame = self.x[FP];
            self.sp = frame.wrapping_add(16);
            self.pc = m.memory.u64(frame.wrapping_add(8))?;
            self.x[LR] = self.pc;
            self.x[FP] = m.memory.u64(frame)?;
        } else {
            self.sp = at;
            self.pc = self.x[LR];
        }
        Ok(())
    }
}
