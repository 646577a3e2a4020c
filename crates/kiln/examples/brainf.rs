//! A compiler for Brainf***, from nothing to machine code, for x86-64 and arm64.
//!
//!     cargo run --release -p kiln --example brainf            # the primes up to 80, by division
//!     cargo run --release -p kiln --example brainf FILE.b     # another one; it reads standard input
//!
//! It compiles the program, runs it, interprets it too, and compares. The tape has 64 KiB and is a ring, so that no program can
//! leave it.
#![allow(unsafe_code)] // Runs the code that it made.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::time::Instant;

use kiln::{CodeHeap, Function, HeapOptions};

/// Writes programs: cells by number instead of `<` and `>`.
#[derive(Default)]
struct Writer {
    text: String,
    at: usize,
}

impl Writer {
    fn go(&mut self, cell: usize) {
        let (step, count) = if cell < self.at { ("<", self.at - cell) } else { (">", cell - self.at) };
        self.text += &step.repeat(count);
        self.at = cell;
    }

    fn add(&mut self, cell: usize, number: i32) {
        self.go(cell);
        self.text += &(if number < 0 { "-" } else { "+" }).repeat(number.unsigned_abs() as usize);
    }

    fn set(&mut self, cell: usize, number: i32) {
        self.go(cell);
        self.text += "[-]";
        self.add(cell, number);
    }

    fn write(&mut self, cell: usize) {
        self.go(cell);
        self.text += ".";
    }

    /// As long as a cell is not 0.
    fn repeat(&mut self, cell: usize, body: impl FnOnce(&mut Writer)) {
        self.go(cell);
        self.text += "[";
        body(self);
        self.go(cell);
        self.text += "]";
    }

    fn copy(&mut self, from: usize, to: usize) {
        const BETWEEN: usize = 15;
        self.set(to, 0);
        self.repeat(from, |w| [(from, -1), (to, 1), (BETWEEN, 1)].into_iter().for_each(|(cell, by)| w.add(cell, by)));
        self.repeat(BETWEEN, |w| [(BETWEEN, -1), (from, 1)].into_iter().for_each(|(cell, by)| w.add(cell, by)));
    }

    /// If a cell is 0, which it is afterwards.
    fn unless(&mut self, cell: usize, body: impl FnOnce(&mut Writer)) {
        let no = cell + 16;
        self.set(no, 1);
        self.repeat(cell, |w| (w.set(cell, 0), w.add(no, -1)).1);
        self.repeat(no, |w| (w.add(no, -1), body(w)).1);
    }
}

/// The primes up to `limit`, which is at most 255, each by division by all that is less.
fn primes(limit: i32) -> String {
    let [number, left, divisor, divisors, composite, x, y, z, hundreds, tens, ones] = std::array::from_fn(|cell| cell);
    let mut w = Writer::default();
    w.add(number, 1);
    w.add(left, limit - 1);
    w.repeat(left, |w| {
        w.add(left, -1);
        w.add(number, 1);
        w.set(divisor, 2);
        w.copy(number, divisors);
        w.add(divisors, -2);
        w.set(composite, 0);
        w.repeat(divisors, |w| {
            w.add(divisors, -1);
            // Counts the number down, and begins anew at each multiple of the divisor: is the last one the number?
            w.copy(number, x);
            w.copy(divisor, y);
            w.repeat(x, |w| {
                w.add(x, -1);
                w.add(y, -1);
                w.copy(y, z);
                w.unless(z, |w| w.copy(divisor, y));
            });
            w.copy(divisor, z);
            w.repeat(y, |w| (w.add(y, -1), w.add(z, -1)).1);
            w.unless(z, |w| w.set(composite, 1));
            w.add(divisor, 1);
        });
        w.unless(composite, |w| {
            [hundreds, tens, ones].into_iter().for_each(|digit| w.set(digit, 0));
            w.copy(number, x);
            w.repeat(x, |w| {
                w.add(x, -1);
                w.add(ones, 1);
                w.copy(ones, z);
                w.add(z, -10);
                w.unless(z, |w| {
                    w.set(ones, 0);
                    w.add(tens, 1);
                    w.copy(tens, y);
                    w.add(y, -10);
                    w.unless(y, |w| (w.set(tens, 0), w.add(hundreds, 1)).1);
                });
            });
            for digit in [hundreds, tens, ones] {
                w.add(digit, i32::from(b'0'));
            }
            // Zeros in front are left out.
            w.copy(hundreds, x);
            w.add(x, -i32::from(b'0'));
            w.copy(tens, z);
            w.add(z, -i32::from(b'0'));
            w.repeat(x, |w| (w.add(x, -1), w.set(y, 1), w.set(z, 1), w.set(x, 0)).3);
            w.repeat(y, |w| (w.set(y, 0), w.write(hundreds)).1);
            w.repeat(z, |w| (w.set(z, 0), w.write(tens)).1);
            w.write(ones);
            w.set(x, i32::from(b' '));
            w.write(x);
        });
    });
    w.set(x, i32::from(b'\n'));
    w.write(x);
    w.text
}

const TAPE: usize = 1 << 16;

/// A step of the program; runs of the same one are joined.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Step {
    Move(i32),
    Add(u8),
    Clear,
    /// Adds so many times this cell to the one so far away.
    AddTimes {
        away: i32,
        times: u8,
    },
    Write,
    Read,
    /// To the step behind the loop's end.
    Begin,
    /// Back to the step behind the loop's beginning.
    End,
}

fn steps(text: &[u8]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for byte in text {
        let step = match byte {
            b'>' => Step::Move(1),
            b'<' => Step::Move(-1),
            b'+' => Step::Add(1),
            b'-' => Step::Add(255),
            b'.' => Step::Write,
            b',' => Step::Read,
            b'[' => Step::Begin,
            b']' => Step::End,
            _ => continue,
        };
        match (steps.last_mut(), step) {
            (Some(Step::Move(by)), Step::Move(more)) => *by += more,
            (Some(Step::Add(by)), Step::Add(more)) => *by = by.wrapping_add(more),
            _ => steps.push(step),
        }
        if step == Step::End
            && let Some(begin) = steps.iter().rposition(|step| *step == Step::Begin)
            && let Some(sums) = sums(&steps[begin + 1..steps.len() - 1])
        {
            steps.truncate(begin);
            steps.extend(sums);
        }
    }
    steps
}

/// What a loop comes to that counts its cell down to 0 and adds to others meanwhile: `[->+++>+<<]`, and also `[-]`.
fn sums(body: &[Step]) -> Option<Vec<Step>> {
    let (mut at, mut added) = (0, BTreeMap::new());
    for step in body {
        match step {
            Step::Move(by) => at += by,
            Step::Add(by) => {
                let sum = added.entry(at).or_insert(0u8);
                *sum = sum.wrapping_add(*by);
            }
            _ => return None,
        }
    }
    if at != 0 || added.remove(&0) != Some(255) {
        return None;
    }
    let sums = added.into_iter().map(|(away, times)| Step::AddTimes { away, times });
    Some(sums.chain([Step::Clear]).collect())
}

/// What a running program reads and writes.
struct Io {
    input: Vec<u8>,
    read: usize,
    output: Vec<u8>,
}

impl Io {
    fn new(input: &[u8]) -> Io {
        Io { input: input.to_vec(), read: 0, output: Vec::new() }
    }

    fn next(&mut self) -> u8 {
        let byte = self.input.get(self.read).copied().unwrap_or(0);
        self.read += 1;
        byte
    }
}

unsafe extern "C" fn write(io: *mut Io, byte: u8) {
    // SAFETY: the compiled program passes on what it was given.
    unsafe { &mut *io }.output.push(byte);
}

unsafe extern "C" fn read(io: *mut Io) -> u8 {
    // SAFETY: as above.
    unsafe { &mut *io }.next()
}

/// One command at a time, as they stand in the text.
fn interpret_text(text: &[u8], io: &mut Io) -> Result<(), String> {
    let jumps = jumps(text, |byte| (*byte == b'[', *byte == b']'))?;
    let (mut tape, mut at, mut pc) = (vec![0u8; TAPE], 0usize, 0);
    while let Some(byte) = text.get(pc) {
        match byte {
            b'>' => at = (at + 1) % TAPE,
            b'<' => at = (at + TAPE - 1) % TAPE,
            b'+' => tape[at] = tape[at].wrapping_add(1),
            b'-' => tape[at] = tape[at].wrapping_sub(1),
            b'.' => io.output.push(tape[at]),
            b',' => tape[at] = io.next(),
            b'[' if tape[at] == 0 => pc = jumps[pc],
            b']' if tape[at] != 0 => pc = jumps[pc],
            _ => {}
        }
        pc += 1;
    }
    Ok(())
}

/// Where each beginning of a loop finds its end, and each end its beginning.
fn jumps<T>(steps: &[T], kind: impl Fn(&T) -> (bool, bool)) -> Result<Vec<usize>, String> {
    let mut jumps = vec![0; steps.len()];
    let mut open = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        match kind(step) {
            (true, _) => open.push(at),
            (_, true) => {
                let begin = open.pop().ok_or("a `]` without its `[`")?;
                (jumps[begin], jumps[at]) = (at, begin);
            }
            _ => {}
        }
    }
    if open.is_empty() { Ok(jumps) } else { Err("a `[` without its `]`".into()) }
}

/// One step at a time, of the same steps that are compiled: with all that the compiler has found out, so that the compiled program
/// is faster by nothing but being compiled.
fn interpret(steps: &[Step], io: &mut Io) -> Result<(), String> {
    let jumps = jumps(steps, |step| (*step == Step::Begin, *step == Step::End))?;
    let far = |at: usize, by: i32| at.wrapping_add_signed(by as isize) % TAPE;
    let (mut tape, mut at, mut pc) = (vec![0u8; TAPE], 0usize, 0);
    while let Some(step) = steps.get(pc) {
        match *step {
            Step::Move(by) => at = far(at, by),
            Step::Add(by) => tape[at] = tape[at].wrapping_add(by),
            Step::Clear => tape[at] = 0,
            Step::AddTimes { away, times } => {
                let sum = tape[at].wrapping_mul(times);
                let to = far(at, away);
                tape[to] = tape[to].wrapping_add(sum);
            }
            Step::Write => io.output.push(tape[at]),
            Step::Read => tape[at] = io.next(),
            Step::Begin if tape[at] == 0 => pc = jumps[pc],
            Step::End if tape[at] != 0 => pc = jumps[pc],
            Step::Begin | Step::End => {}
        }
        pc += 1;
    }
    Ok(())
}

/// The machine's instructions for each step. `patch` lets the jump that ends at `from` lead to `to`.
trait Machine {
    fn prologue(&mut self);
    fn step(&mut self, step: Step);
    /// A jump that is taken where the cell is 0, or is not 0; gives the offset of its end.
    fn jump(&mut self, if_zero: bool) -> usize;
    fn patch(&mut self, from: usize, to: usize) -> Result<(), String>;
    fn epilogue(self) -> Vec<u8>;
}

/// `rbx`: the tape, `r13`: the place on it, `r12`: the input and output.
#[derive(Default)]
struct X86(Vec<u8>);

impl X86 {
    fn call(&mut self, function: usize) {
        // mov rax, function; call rax
        self.0.extend([0x48, 0xb8]);
        self.0.extend((function as u64).to_le_bytes());
        self.0.extend([0xff, 0xd0]);
    }
}

impl Machine for X86 {
    fn prologue(&mut self) {
        // push rbx; push r12; push r13; mov rbx, rdi; mov r12, rsi; xor r13d, r13d
        self.0.extend([0x53, 0x41, 0x54, 0x41, 0x55, 0x48, 0x89, 0xfb, 0x49, 0x89, 0xf4, 0x45, 0x31, 0xed]);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Move(by) => {
                // add r13d, by; movzx r13d, r13w
                self.0.extend([0x41, 0x81, 0xc5]);
                self.0.extend(by.to_le_bytes());
                self.0.extend([0x45, 0x0f, 0xb7, 0xed]);
            }
            // add byte [rbx + r13], by
            Step::Add(by) => self.0.extend([0x42, 0x80, 0x04, 0x2b, by]),
            // mov byte [rbx + r13], 0
            Step::Clear => self.0.extend([0x42, 0xc6, 0x04, 0x2b, 0]),
            Step::AddTimes { away, times } => {
                // lea eax, [r13 + away]; movzx eax, ax; movzx ecx, byte [rbx + r13]
                self.0.extend([0x41, 0x8d, 0x85]);
                self.0.extend(away.to_le_bytes());
                self.0.extend([0x0f, 0xb7, 0xc0, 0x42, 0x0f, 0xb6, 0x0c, 0x2b]);
                // imul ecx, ecx, times; add byte [rbx + rax], cl
                self.0.extend([0x69, 0xc9, times, 0, 0, 0, 0x00, 0x0c, 0x03]);
            }
            Step::Write => {
                // mov rdi, r12; movzx esi, byte [rbx + r13]
                self.0.extend([0x4c, 0x89, 0xe7, 0x42, 0x0f, 0xb6, 0x34, 0x2b]);
                self.call(write as *const () as usize);
            }
            Step::Read => {
                // mov rdi, r12; call; mov [rbx + r13], al
                self.0.extend([0x4c, 0x89, 0xe7]);
                self.call(read as *const () as usize);
                self.0.extend([0x42, 0x88, 0x04, 0x2b]);
            }
            Step::Begin | Step::End => {}
        }
    }

    fn jump(&mut self, if_zero: bool) -> usize {
        // cmp byte [rbx + r13], 0; je or jne
        self.0.extend([0x42, 0x80, 0x3c, 0x2b, 0, 0x0f, if if_zero { 0x84 } else { 0x85 }, 0, 0, 0, 0]);
        self.0.len()
    }

    fn patch(&mut self, from: usize, to: usize) -> Result<(), String> {
        let distance = i32::try_from(to as i64 - from as i64).map_err(|_| "the program is too long")?;
        self.0[from - 4..from].copy_from_slice(&distance.to_le_bytes());
        Ok(())
    }

    fn epilogue(mut self) -> Vec<u8> {
        // pop r13; pop r12; pop rbx; ret
        self.0.extend([0x41, 0x5d, 0x41, 0x5c, 0x5b, 0xc3]);
        self.0
    }
}

/// `x19`: the tape, `w21`: the place on it, `x20`: the input and output.
#[derive(Default)]
struct Arm(Vec<u8>);

const LDRB_W8: u32 = 0x3875_4a68;
const STRB_W8: u32 = 0x3835_4a68;

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
            Step::Move(by) => {
                // add or sub w21, w21, #part, as often as it takes; and w21, w21, #0xffff
                let (mut left, base) =
                    (by.unsigned_abs() % TAPE as u32, if by < 0 { 0x5100_02b5 } else { 0x1100_02b5 });
                while left > 0 {
                    let part = left.min(4095);
                    self.put(&[base | part << 10]);
                    left -= part;
                }
                self.put(&[0x1200_3eb5]);
            }
            // ldrb w8, [x19, w21, uxtw]; add w8, w8, #by; strb w8, [x19, w21, uxtw]
            Step::Add(by) => self.put(&[LDRB_W8, 0x1100_0108 | u32::from(by) << 10, STRB_W8]),
            // strb wzr, [x19, w21, uxtw]
            Step::Clear => self.put(&[STRB_W8 | 31]),
            Step::AddTimes { away, times } => {
                // movz w9, #away; add w9, w21, w9; and w9, w9, #0xffff
                let away = away.rem_euclid(TAPE as i32) as u32;
                self.put(&[0x5280_0009 | away << 5, 0x0b09_02a9, 0x1200_3d29]);
                // ldrb w8, …; movz w10, #times; mul w8, w8, w10
                self.put(&[LDRB_W8, 0x5280_000a | u32::from(times) << 5, 0x1b0a_7d08]);
                // ldrb w11, [x19, w9, uxtw]; add w11, w11, w8; strb w11, [x19, w9, uxtw]
                self.put(&[0x3869_4a6b, 0x0b08_016b, 0x3829_4a6b]);
            }
            Step::Write => {
                // mov x0, x20; ldrb w1, [x19, w21, uxtw]
                self.put(&[0xaa14_03e0, LDRB_W8 & !31 | 1]);
                self.call(write as *const () as usize);
            }
            Step::Read => {
                self.put(&[0xaa14_03e0]);
                self.call(read as *const () as usize);
                // strb w0, [x19, w21, uxtw]
                self.put(&[STRB_W8 & !31]);
            }
            Step::Begin | Step::End => {}
        }
    }

    fn jump(&mut self, if_zero: bool) -> usize {
        // ldrb w8, …; cbz or cbnz w8
        self.put(&[LDRB_W8, if if_zero { 0x3400_0008 } else { 0x3500_0008 }]);
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

fn compile(steps: &[Step], mut machine: impl Machine) -> Result<Vec<u8>, String> {
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
            step => machine.step(*step),
        }
    }
    if !open.is_empty() {
        return Err("a `[` without its `]`".into());
    }
    Ok(machine.epilogue())
}

type Program = unsafe extern "C" fn(*mut u8, *mut Io);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (text, input) = match std::env::args_os().nth(1) {
        None => (primes(if cfg!(debug_assertions) { 40 } else { 80 }).into_bytes(), Vec::new()),
        Some(path) => {
            let mut input = Vec::new();
            std::io::stdin().read_to_end(&mut input)?;
            (std::fs::read(path)?, input)
        }
    };
    let began = Instant::now();
    let steps = steps(&text);
    let arm = cfg!(target_arch = "aarch64");
    let code = if arm { compile(&steps, Arm::default())? } else { compile(&steps, X86::default())? };
    let heap = CodeHeap::new(HeapOptions::new())?;
    // SAFETY: the code is a function of this type.
    let program: Function<Program> = unsafe { heap.publish(&code)?.function() };
    let compiled = began.elapsed();

    let began = Instant::now();
    let (mut tape, mut io) = (vec![0; TAPE], Io::new(&input));
    // SAFETY: it stays on the tape, and passes `io` on to `write` and `read`.
    unsafe { program.call(tape.as_mut_ptr(), &raw mut io) };
    let ran = began.elapsed();
    std::io::stdout().write_all(&io.output)?;

    if std::env::args_os().len() == 1 {
        assert!(io.output.starts_with(b"2 3 5 7 11 13 17 19 23 29 31 37 "));
        assert!(cfg!(debug_assertions) || io.output.ends_with(b" 41 43 47 53 59 61 67 71 73 79 \n"));
    }
    println!("{} bytes of code in {compiled:.1?}, which ran in {ran:.1?}", code.len());

    // Of a long program this may take minutes.
    let commands: Vec<u8> = text.iter().copied().filter(|byte| b"><+-.,[]".contains(byte)).collect();
    for (what, of_text) in
        [("command by command, as it stands in the text", true), ("by the steps that were compiled", false)]
    {
        let began = Instant::now();
        let mut other = Io::new(&input);
        if of_text {
            interpret_text(&commands, &mut other)?;
        } else {
            interpret(&steps, &mut other)?;
        }
        let interpreted = began.elapsed();
        assert_eq!(io.output, other.output, "compiled and interpreted, the program writes the same");
        let times = interpreted.as_secs_f64() / ran.as_secs_f64();
        println!("interpreted {what}: {interpreted:.1?}, {times:.1} times as long");
    }
    Ok(())
}
