//! Arithmetic compiled to machine code: on x86-64 by iced-x86's assembler, on arm64 by the few encodings that it takes.
//!
//!     cargo run --release --manifest-path examples/jit/Cargo.toml --bin expr                              # checks itself
//!     cargo run --release --manifest-path examples/jit/Cargo.toml --bin expr -- '(x - 1) * (x + 1) / y' x=3 y=4
//!
//! An expression has numbers, variables of one letter, `+ - * /`, `sqrt(…)` and parentheses. It becomes a function of the
//! variables' values, which the heap publishes and the caller keeps for as long as it likes. Without arguments random
//! expressions are compiled, and compared bit for bit with an interpreter.
#![allow(unsafe_code)] // Runs the code that it made.

use std::fmt;

use kiln::{CodeHeap, Function, HeapOptions};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Operator {
    const ALL: [(char, Operator); 4] =
        [('+', Operator::Add), ('-', Operator::Subtract), ('*', Operator::Multiply), ('/', Operator::Divide)];

    fn binds(self) -> u8 {
        if matches!(self, Operator::Add | Operator::Subtract) { 1 } else { 2 }
    }
}

#[derive(Clone, PartialEq, Debug)]
enum Expression {
    Number(f64),
    /// 0 to 25, for `a` to `z`.
    Variable(u8),
    Negate(Box<Expression>),
    Root(Box<Expression>),
    Two(Operator, Box<Expression>, Box<Expression>),
}

impl Expression {
    fn parse(text: &str) -> Result<Expression> {
        let mut parser = Parser { rest: text.trim(), depth: 0 };
        let expression = parser.sum(1)?;
        if parser.rest.is_empty() { Ok(expression) } else { Err(parser.unexpected()) }
    }

    /// What the compiled code is compared with.
    fn interpret(&self, variables: &Variables) -> f64 {
        match self {
            Expression::Number(number) => *number,
            Expression::Variable(index) => variables[usize::from(*index)],
            Expression::Negate(of) => -of.interpret(variables),
            Expression::Root(of) => of.interpret(variables).sqrt(),
            Expression::Two(operator, left, right) => {
                let (left, right) = (left.interpret(variables), right.interpret(variables));
                match operator {
                    Operator::Add => left + right,
                    Operator::Subtract => left - right,
                    Operator::Multiply => left * right,
                    Operator::Divide => left / right,
                }
            }
        }
    }
}

/// As it can be parsed again.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expression::Number(number) => write!(f, "{number}"),
            Expression::Variable(index) => write!(f, "{}", char::from(b'a' + index)),
            Expression::Negate(of) => write!(f, "-({of})"),
            Expression::Root(of) => write!(f, "sqrt({of})"),
            Expression::Two(operator, left, right) => {
                let sign = Operator::ALL.iter().find(|(_, other)| other == operator).map_or('?', |(sign, _)| *sign);
                write!(f, "({left} {sign} {right})")
            }
        }
    }
}

struct Parser<'t> {
    rest: &'t str,
    depth: u32,
}

impl Parser<'_> {
    /// Operators that bind at least so much.
    fn sum(&mut self, least: u8) -> Result<Expression> {
        // What is parsed by recursion is dropped and compiled so too.
        self.depth += 1;
        if self.depth > 500 {
            return Err("parentheses nest more than 500 deep".into());
        }
        let mut left = self.operand()?;
        while let Some((_, operator)) = Operator::ALL.into_iter().find(|(sign, _)| self.rest.starts_with(*sign)) {
            if operator.binds() < least {
                break;
            }
            self.skip(1);
            let right = self.sum(operator.binds() + 1)?;
            left = Expression::Two(operator, Box::new(left), Box::new(right));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Result<Expression> {
        let digits = self.rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(self.rest.len());
        if digits > 0 {
            let number =
                self.rest[..digits].parse().map_err(|_| format!("{} is not a number", &self.rest[..digits]))?;
            self.skip(digits);
            return Ok(Expression::Number(number));
        }
        if self.takes("-") {
            // It binds more than any operator.
            return Ok(Expression::Negate(Box::new(self.sum(3)?)));
        }
        let root = self.takes("sqrt");
        if self.takes("(") {
            let inner = self.sum(1)?;
            if !self.takes(")") {
                return Err(self.unexpected());
            }
            return Ok(if root { Expression::Root(Box::new(inner)) } else { inner });
        }
        match self.rest.bytes().next() {
            Some(letter @ b'a'..=b'z') if !root => {
                self.skip(1);
                Ok(Expression::Variable(letter - b'a'))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn takes(&mut self, word: &str) -> bool {
        let there = self.rest.starts_with(word);
        if there {
            self.skip(word.len());
        }
        there
    }

    fn skip(&mut self, len: usize) {
        self.rest = self.rest[len..].trim_start();
    }

    fn unexpected(&self) -> Box<dyn std::error::Error> {
        if self.rest.is_empty() {
            "the expression ends too early".into()
        } else {
            format!("what is {:?}?", self.rest).into()
        }
    }
}

type Variables = [f64; 26];
type Compiled = unsafe extern "C" fn(*const f64) -> f64;

/// Instructions on registers that each hold a number; the result is in register 0 in the end.
trait Machine: Default {
    /// How many there are.
    const REGISTERS: usize;

    fn number(&mut self, to: usize, number: f64) -> Result<()>;
    fn variable(&mut self, to: usize, index: u8) -> Result<()>;
    fn negate(&mut self, register: usize) -> Result<()>;
    fn root(&mut self, register: usize) -> Result<()>;
    /// Of `to` and `right`, to `to`.
    fn two(&mut self, operator: Operator, to: usize, right: usize) -> Result<()>;
    fn push(&mut self, register: usize) -> Result<()>;
    /// Of what was pushed last and `register`, to `register`.
    fn two_with_pushed(&mut self, operator: Operator, register: usize) -> Result<()>;
    fn finish(self) -> Result<Vec<u8>>;
}

/// Code that leaves an expression in a register, and those before it alone.
fn compile<M: Machine>(machine: &mut M, expression: &Expression, to: usize) -> Result<()> {
    match expression {
        Expression::Number(number) => machine.number(to, *number),
        Expression::Variable(index) => machine.variable(to, *index),
        Expression::Negate(of) => {
            compile(machine, of, to)?;
            machine.negate(to)
        }
        Expression::Root(of) => {
            compile(machine, of, to)?;
            machine.root(to)
        }
        Expression::Two(operator, left, right) => {
            compile(machine, left, to)?;
            if to + 1 < M::REGISTERS {
                compile(machine, right, to + 1)?;
                machine.two(*operator, to, to + 1)
            } else {
                machine.push(to)?;
                compile(machine, right, to)?;
                machine.two_with_pushed(*operator, to)
            }
        }
    }
}

/// `rdi` points to the variables; `xmm15` is for in between.
#[cfg(target_arch = "x86_64")]
mod host {
    use iced_x86::code_asm::{AsmRegisterXmm, CodeAssembler, CodeLabel, ptr, qword_ptr, rdi, registers::xmm::*, rsp};

    use super::{Machine, Operator, Result};

    const XMM: [AsmRegisterXmm; 15] =
        [xmm0, xmm1, xmm2, xmm3, xmm4, xmm5, xmm6, xmm7, xmm8, xmm9, xmm10, xmm11, xmm12, xmm13, xmm14];

    pub(super) struct Host {
        assembler: CodeAssembler,
        /// They stand behind the code.
        constants: Vec<(CodeLabel, u64)>,
    }

    impl Default for Host {
        fn default() -> Host {
            // It fails for other numbers of bits.
            let assembler = CodeAssembler::new(64).expect("64 bits");
            Host { assembler, constants: Vec::new() }
        }
    }

    impl Host {
        fn constant(&mut self, to: AsmRegisterXmm, bits: u64) -> Result<()> {
            let label = self.assembler.create_label();
            self.constants.push((label, bits));
            Ok(self.assembler.movsd_2(to, qword_ptr(label))?)
        }

        fn operate(&mut self, operator: Operator, to: AsmRegisterXmm, right: AsmRegisterXmm) -> Result<()> {
            let assembler = &mut self.assembler;
            Ok(match operator {
                Operator::Add => assembler.addsd(to, right),
                Operator::Subtract => assembler.subsd(to, right),
                Operator::Multiply => assembler.mulsd(to, right),
                Operator::Divide => assembler.divsd(to, right),
            }?)
        }
    }

    impl Machine for Host {
        const REGISTERS: usize = XMM.len();

        fn number(&mut self, to: usize, number: f64) -> Result<()> {
            self.constant(XMM[to], number.to_bits())
        }

        fn variable(&mut self, to: usize, index: u8) -> Result<()> {
            Ok(self.assembler.movsd_2(XMM[to], qword_ptr(rdi + 8 * i32::from(index)))?)
        }

        fn negate(&mut self, register: usize) -> Result<()> {
            self.constant(xmm15, 1 << 63)?;
            Ok(self.assembler.xorpd(XMM[register], xmm15)?)
        }

        fn root(&mut self, register: usize) -> Result<()> {
            Ok(self.assembler.sqrtsd(XMM[register], XMM[register])?)
        }

        fn two(&mut self, operator: Operator, to: usize, right: usize) -> Result<()> {
            self.operate(operator, XMM[to], XMM[right])
        }

        fn push(&mut self, register: usize) -> Result<()> {
            self.assembler.sub(rsp, 8)?;
            Ok(self.assembler.movsd_2(ptr(rsp), XMM[register])?)
        }

        fn two_with_pushed(&mut self, operator: Operator, register: usize) -> Result<()> {
            self.assembler.movsd_2(xmm15, ptr(rsp))?;
            self.assembler.add(rsp, 8)?;
            self.operate(operator, xmm15, XMM[register])?;
            Ok(self.assembler.movapd(XMM[register], xmm15)?)
        }

        fn finish(mut self) -> Result<Vec<u8>> {
            self.assembler.ret()?;
            for (mut label, bits) in self.constants {
                self.assembler.set_label(&mut label)?;
                self.assembler.dq(&[bits])?;
            }
            // Everything in it is relative: it may stand anywhere.
            Ok(self.assembler.assemble(0)?)
        }
    }
}

/// `x0` points to the variables; `d16` is for in between. `d8` to `d15` would have to be saved.
#[cfg(target_arch = "aarch64")]
mod host {
    use super::{Machine, Operator, Result};

    const BETWEEN: u32 = 16;
    const SP: u32 = 31;

    #[derive(Default)]
    pub(super) struct Host {
        words: Vec<u32>,
        /// They stand behind the code: which word refers to which.
        constants: Vec<(usize, u64)>,
    }

    impl Host {
        fn put(&mut self, word: u32) -> Result<()> {
            self.words.push(word);
            Ok(())
        }

        fn operate(&mut self, operator: Operator, to: u32, left: u32, right: u32) -> Result<()> {
            let operation = match operator {
                Operator::Add => 0x1e60_2800,      // fadd
                Operator::Subtract => 0x1e60_3800, // fsub
                Operator::Multiply => 0x1e60_0800, // fmul
                Operator::Divide => 0x1e60_1800,   // fdiv
            };
            self.put(operation | right << 16 | left << 5 | to)
        }
    }

    impl Machine for Host {
        const REGISTERS: usize = 8;

        fn number(&mut self, to: usize, number: f64) -> Result<()> {
            self.constants.push((self.words.len(), number.to_bits()));
            // ldr d, constant
            self.put(0x5c00_0000 | to as u32)
        }

        fn variable(&mut self, to: usize, index: u8) -> Result<()> {
            // ldr d, [x0, #8 * index]
            self.put(0xfd40_0000 | u32::from(index) << 10 | to as u32)
        }

        fn negate(&mut self, register: usize) -> Result<()> {
            // fneg
            self.put(0x1e61_4000 | (register as u32) << 5 | register as u32)
        }

        fn root(&mut self, register: usize) -> Result<()> {
            // fsqrt
            self.put(0x1e61_c000 | (register as u32) << 5 | register as u32)
        }

        fn two(&mut self, operator: Operator, to: usize, right: usize) -> Result<()> {
            self.operate(operator, to as u32, to as u32, right as u32)
        }

        fn push(&mut self, register: usize) -> Result<()> {
            // str d, [sp, #-16]!
            self.put(0xfc1f_0c00 | SP << 5 | register as u32)
        }

        fn two_with_pushed(&mut self, operator: Operator, register: usize) -> Result<()> {
            // ldr d16, [sp], #16
            self.put(0xfc41_0400 | SP << 5 | BETWEEN)?;
            self.operate(operator, register as u32, BETWEEN, register as u32)
        }

        fn finish(mut self) -> Result<Vec<u8>> {
            // ret
            self.put(0xd65f_03c0)?;
            // A constant at a multiple of 8.
            if self.words.len() % 2 == 1 {
                self.put(0xd420_0000)?;
            }
            for (at, bits) in std::mem::take(&mut self.constants) {
                let distance = self.words.len() - at;
                if distance >= 1 << 18 {
                    return Err("the expression is longer than the 1 MiB that a load of a constant reaches".into());
                }
                self.words[at] |= (distance as u32) << 5;
                self.words.extend([bits as u32, (bits >> 32) as u32]);
            }
            Ok(self.words.iter().flat_map(|word| word.to_le_bytes()).collect())
        }
    }
}

fn publish(heap: &CodeHeap, expression: &Expression) -> Result<Function<Compiled>> {
    let mut machine = host::Host::default();
    compile(&mut machine, expression, 0)?;
    // SAFETY: the code is a function of this type.
    Ok(unsafe { heap.publish(&machine.finish()?)?.function() })
}

fn call(function: &Function<Compiled>, variables: &Variables) -> f64 {
    // SAFETY: it reads at most 26 numbers.
    unsafe { function.call(variables.as_ptr()) }
}

/// Numbers for the check, by xorshift64*: the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }

    fn less(&mut self, depth: u64, by: u64) -> Box<Expression> {
        Box::new(self.expression(depth.saturating_sub(by)))
    }

    /// Mostly deep to the right, where registers run out.
    fn expression(&mut self, depth: u64) -> Expression {
        let choice = if depth == 0 { self.below(2) } else { self.below(12) };
        match choice {
            0 => Expression::Number(self.below(1000) as f64 / 8.0),
            1 => Expression::Variable(self.below(26) as u8),
            2 => Expression::Negate(self.less(depth, 1)),
            3 => Expression::Root(self.less(depth, 1)),
            _ => {
                let (left, right) = (self.less(depth, 20), self.less(depth, 1));
                Expression::Two(Operator::ALL[self.below(4) as usize].1, left, right)
            }
        }
    }
}

fn check(heap: &CodeHeap) -> Result<()> {
    for (text, value) in
        [("1 + 2 * 3 - 4 / 2", 5.0), ("2 - 3 - 4", -5.0), ("-2 * 3 + sqrt(16)", -2.0), ("8 / (2 / 4)", 16.0)]
    {
        assert_eq!(call(&publish(heap, &Expression::parse(text)?)?, &[0.0; 26]), value, "{text}");
    }
    for wrong in ["", "1 +", "(1", "1)", "2 x", "1..2", "X", "sqrt 4"] {
        assert!(Expression::parse(wrong).is_err(), "{wrong}");
    }
    let mut random = Random(1);
    let (mut compiled, mut longest) = (Vec::new(), 0);
    for round in 0..3000 {
        let expression = random.expression(round % 60);
        let text = expression.to_string();
        assert_eq!(Expression::parse(&text)?, expression, "{text}");
        longest = longest.max(text.chars().filter(|c| *c == '(').count());
        compiled.push((publish(heap, &expression)?, expression));
    }
    let mut values = 0;
    for _ in 0..10 {
        let variables = std::array::from_fn(|_| random.below(2000) as f64 / 16.0 - 60.0);
        for (function, expression) in &compiled {
            let (ours, theirs) = (call(function, &variables), expression.interpret(&variables));
            let same = ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan();
            assert!(same, "{expression} is {ours}, not {theirs}, where a to z are {variables:?}");
            values += usize::from(!ours.is_nan());
        }
    }
    let stats = heap.stats();
    println!(
        "{} expressions, of {longest} operations at most: {} bytes of code; {values} values as the interpreter has them",
        compiled.len(),
        stats.used
    );
    Ok(())
}

fn main() -> Result<()> {
    let heap = CodeHeap::new(HeapOptions::new())?;
    let mut arguments = std::env::args().skip(1);
    let Some(text) = arguments.next() else { return check(&heap) };
    let mut variables = [0.0; 26];
    for argument in arguments {
        let (name, value) = argument.split_once('=').ok_or_else(|| format!("{argument}: give variables as x=3"))?;
        match name.as_bytes() {
            [letter @ b'a'..=b'z'] => variables[usize::from(letter - b'a')] = value.trim().parse()?,
            _ => return Err(format!("{name}: a variable is one letter, a to z").into()),
        }
    }
    let function = publish(&heap, &Expression::parse(&text)?)?;
    println!("{}", call(&function, &variables));
    Ok(())
}
