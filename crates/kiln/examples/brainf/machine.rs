//! The back end: machine code for the steps, on x86-64 and arm64.

use crate::Io;
use crate::steps::Step;

unsafe extern "C" fn write(io: *mut Io, byte: u8) {
    // SAFETY: the compiled program passes on what it was given.
    unsafe { &mut *io }.output.push(byte);
}

unsafe extern "C" fn read(io: *mut Io) -> u8 {
    // SAFETY: as above.
    unsafe { &mut *io }.next()
}

/// The machine's instructions for each step. `patch` lets the jump that ends at `from` lead to `to`.
trait Machine {
    fn prologue(&mut self);
    fn step(&mut self, step: Step);
    /// A jump that is taken where the cell is 0, or is not 0; gives the offset of its end.
    fn jump(&mut self, if_zero: bool) -> usize;
    fn here(&self) -> usize;
    fn patch(&mut self, from: usize, to: usize) -> Result<(), String>;
    fn epilogue(self) -> Vec<u8>;
}

/// Machine code for this machine: a function of the tape and the input and output.
pub(crate) fn compile(steps: &[Step]) -> Result<Vec<u8>, String> {
    if cfg!(target_arch = "aarch64") { compile_for(steps, Arm::default()) } else { compile_for(steps, X86::default()) }
}

fn compile_for(steps: &[Step], mut machine: impl Machine) -> Result<Vec<u8>, String> {
    let mut open = Vec::new();
    machine.prologue();
    for step in steps {
        match step {
            Step::Begin => open.push(machine.jump(true)),
            Step::End => {
                let begin = open.pop().ok_or("a `]` without its `[`")?;
                let end = machine.jump(false);
                machine.patch(begin, end)?;
                machine.patch(end, begin)?;
            }
            Step::EndOnce => {
                let begin = open.pop().ok_or("a `]` without its `[`")?;
                let end = machine.here();
                machine.patch(begin, end)?;
            }
            step => machine.step(*step),
        }
    }
    Ok(machine.epilogue())
}

/// `rbx`: the tape, `r13`: the place on it, `r12`: the input and output.
#[derive(Default)]
struct X86 {
    code: Vec<u8>,
    /// The code's length behind an instruction whose result is the cell, so that the flags are the cell's.
    flags: usize,
}

impl X86 {
    fn put(&mut self, bytes: &[u8]) {
        self.code.extend(bytes);
    }

    fn call(&mut self, function: usize) {
        // mov rax, function; call rax
        self.put(&[0x48, 0xb8]);
        self.put(&(function as u64).to_le_bytes());
        self.put(&[0xff, 0xd0]);
    }

    /// An instruction on the byte at a cell, which `rax` may be used to find: with `opcode`, and with `register` or what stands
    /// in its place.
    fn on_cell(&mut self, at: i16, opcode: &[u8], register: u8) {
        if at == 0 {
            // … [rbx + r13]
            self.put(&[0x42]);
            self.put(opcode);
            self.put(&[register << 3 | 4, 0x2b]);
            return;
        }
        // lea eax, [r13 + at]; movzx eax, ax
        self.put(&[0x41, 0x8d, 0x85]);
        self.put(&i32::from(at).to_le_bytes());
        self.put(&[0x0f, 0xb7, 0xc0]);
        // … [rbx + rax]
        self.put(opcode);
        self.put(&[register << 3 | 4, 0x03]);
    }

    fn go(&mut self, by: i16) {
        // add r13w, by: around the ring, and the rest of the register stays 0.
        self.put(&[0x66, 0x41, 0x81, 0xc5]);
        self.put(&by.to_le_bytes());
    }

    /// Compares the cell with 0, unless the flags say it already.
    fn test(&mut self) {
        if self.flags != self.code.len() {
            // cmp byte [rbx + r13], 0
            self.put(&[0x42, 0x80, 0x3c, 0x2b, 0]);
        }
    }
}

impl Machine for X86 {
    fn prologue(&mut self) {
        // push rbx; push r12; push r13; mov rbx, rdi; mov r12, rsi; xor r13d, r13d
        self.put(&[0x53, 0x41, 0x54, 0x41, 0x55, 0x48, 0x89, 0xfb, 0x49, 0x89, 0xf4, 0x45, 0x31, 0xed]);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Move(by) => self.go(by),
            Step::Add { at, by } => {
                // add byte, by
                self.on_cell(at, &[0x80], 0);
                self.put(&[by]);
                if at == 0 {
                    self.flags = self.code.len();
                }
            }
            Step::Set { at, to } => {
                // mov byte, to
                self.on_cell(at, &[0xc6], 0);
                self.put(&[to]);
            }
            Step::AddTimes { from, to, times } => {
                // movzx ecx, byte
                self.on_cell(from, &[0x0f, 0xb6], 1);
                if !matches!(times, 1 | 255) {
                    // imul ecx, ecx, times
                    self.put(&[0x69, 0xc9, times, 0, 0, 0]);
                }
                // add or sub byte, cl
                self.on_cell(to, &[if times == 255 { 0x28 } else { 0x00 }], 1);
            }
            Step::Scan(by) => {
                // cmp byte [rbx + r13], 0; je 8; move; jmp back
                self.put(&[0x42, 0x80, 0x3c, 0x2b, 0, 0x74, 8]);
                self.go(by);
                self.put(&[0xeb, 0xf1]);
            }
            Step::Write { at } => {
                // movzx esi, byte; mov rdi, r12
                self.on_cell(at, &[0x0f, 0xb6], 6);
                self.put(&[0x4c, 0x89, 0xe7]);
                self.call(write as *const () as usize);
            }
            Step::Read { at } => {
                // mov rdi, r12; call; mov ecx, eax; mov byte, cl
                self.put(&[0x4c, 0x89, 0xe7]);
                self.call(read as *const () as usize);
                self.put(&[0x89, 0xc1]);
                self.on_cell(at, &[0x88], 1);
            }
            Step::Begin | Step::End | Step::EndOnce => {}
        }
    }

    fn jump(&mut self, if_zero: bool) -> usize {
        self.test();
        // je or jne
        self.put(&[0x0f, if if_zero { 0x84 } else { 0x85 }, 0, 0, 0, 0]);
        self.here()
    }

    fn here(&self) -> usize {
        self.code.len()
    }

    fn patch(&mut self, from: usize, to: usize) -> Result<(), String> {
        let distance = i32::try_from(to as i64 - from as i64).map_err(|_| "the program is too long")?;
        self.code[from - 4..from].copy_from_slice(&distance.to_le_bytes());
        Ok(())
    }

    fn epilogue(mut self) -> Vec<u8> {
        // pop r13; pop r12; pop rbx; ret
        self.put(&[0x41, 0x5d, 0x41, 0x5c, 0x5b, 0xc3]);
        self.code
    }
}

/// `x19`: the tape, `w21`: the place on it, `x20`: the input and output.
#[derive(Default)]
struct Arm(Vec<u8>);

/// `ldrb` and `strb` of `w0`, at `[x19, w0, uxtw]`.
const LDRB: u32 = 0x3860_4a60;
const STRB: u32 = 0x3820_4a60;

impl Arm {
    fn put(&mut self, words: &[u32]) {
        self.0.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }

    fn call(&mut self, function: usize) {
        // movz and three of movk x8; blr x8
        for part in 0..4u32 {
            let bits = (function as u64 >> (16 * part) & 0xffff) as u32;
            self.put(&[if part == 0 { 0xd280_0008 } else { 0xf280_0008 | part << 21 } | bits << 5]);
        }
        self.put(&[0xd63f_0100]);
    }

    /// The register that holds the index of a cell: the place's, or `w9`.
    fn index(&mut self, at: i16) -> u32 {
        if at == 0 {
            return 21;
        }
        // movz w9, #at; add w9, w21, w9; and w9, w9, #0xffff
        self.put(&[0x5280_0009 | u32::from(at as u16) << 5, 0x0b09_02a9, 0x1200_3d29]);
        9
    }

    /// Adds what stands in `w10` to a cell.
    fn add_w10(&mut self, at: i16) {
        let index = self.index(at) << 16;
        // ldrb w8; add w8, w8, w10; strb w8
        self.put(&[LDRB | index | 8, 0x0b0a_0108, STRB | index | 8]);
    }

    fn go(&mut self, by: i16) {
        // movz w9, #by; add w21, w21, w9; and w21, w21, #0xffff
        self.put(&[0x5280_0009 | u32::from(by as u16) << 5, 0x0b09_02b5, 0x1200_3eb5]);
    }
}

impl Machine for Arm {
    fn prologue(&mut self) {
        // stp x29, x30, [sp, #-48]!; mov x29, sp; stp x19, x20, [sp, #16]; str x21, [sp, #32]
        self.put(&[0xa9bd_7bfd, 0x9100_03fd, 0xa901_53f3, 0xf900_13f5]);
        // mov x19, x0; mov x20, x1; mov w21, wzr
        self.put(&[0xaa00_03f3, 0xaa01_03f4, 0x2a1f_03f5]);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Move(by) => self.go(by),
            Step::Add { at, by } => {
                // movz w10, #by
                self.put(&[0x5280_000a | u32::from(by) << 5]);
                self.add_w10(at);
            }
            Step::Set { at, to } => {
                let index = self.index(at) << 16;
                // movz w8, #to; strb w8
                self.put(&[0x5280_0008 | u32::from(to) << 5, STRB | index | 8]);
            }
            Step::AddTimes { from, to, times } => {
                let index = self.index(from) << 16;
                // ldrb w10; movz w8, #times; mul w10, w10, w8
                self.put(&[LDRB | index | 10, 0x5280_0008 | u32::from(times) << 5, 0x1b08_7d4a]);
                self.add_w10(to);
            }
            Step::Scan(by) => {
                // ldrb w8; cbz w8, 20 bytes on; move; b back
                self.put(&[LDRB | 21 << 16 | 8, 0x3400_0008 | 5 << 5]);
                self.go(by);
                self.put(&[0x1400_0000 | (-5i32 as u32 & 0x3ff_ffff)]);
            }
            Step::Write { at } => {
                let index = self.index(at) << 16;
                // ldrb w1; mov x0, x20
                self.put(&[LDRB | index | 1, 0xaa14_03e0]);
                self.call(write as *const () as usize);
            }
            Step::Read { at } => {
                // mov x0, x20; call; strb w0
                self.put(&[0xaa14_03e0]);
                self.call(read as *const () as usize);
                let index = self.index(at) << 16;
                self.put(&[STRB | index]);
            }
            Step::Begin | Step::End | Step::EndOnce => {}
        }
    }

    fn jump(&mut self, if_zero: bool) -> usize {
        // ldrb w8; cbz or cbnz w8
        self.put(&[LDRB | 21 << 16 | 8, if if_zero { 0x3400_0008 } else { 0x3500_0008 }]);
        self.here()
    }

    fn here(&self) -> usize {
        self.0.len()
    }

    fn patch(&mut self, from: usize, to: usize) -> Result<(), String> {
        let words = (to as i64 - (from as i64 - 4)) / 4;
        if !(-(1 << 18)..1 << 18).contains(&words) {
            return Err("a loop is longer than the 1 MiB that `cbz` reaches".into());
        }
        let field = (words as u32 & 0x7_ffff) << 5;
        for (byte, bits) in self.0[from - 4..from].iter_mut().zip(field.to_le_bytes()) {
            *byte |= bits;
        }
        Ok(())
    }

    fn epilogue(mut self) -> Vec<u8> {
        // ldr x21, [sp, #32]; ldp x19, x20, [sp, #16]; ldp x29, x30, [sp], #48; ret
        self.put(&[0xf940_13f5, 0xa941_53f3, 0xa8c3_7bfd, 0xd65f_03c0]);
        self.0
    }
}
