//! A compiler for Brainf***, from nothing to machine code, for x86-64 and arm64.
//!
//!     cargo run --release -p kiln --example brainf            # the primes up to 80, by division, and the Mandelbrot set
//!     cargo run --release -p kiln --example brainf FILE.b     # another one; it reads standard input
//!
//! It compiles the program, runs it, interprets it too, and compares. [`steps`] is the middle of the compiler, [`machine`] its
//! back end.
#![allow(unsafe_code)] // Runs the code that it made.

mod interpret;
mod machine;
mod programs;
mod steps;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use kiln::{CodeHeap, Function, HeapOptions};

use steps::TAPE;

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

type Program = unsafe extern "C" fn(*mut u8, *mut Io);

/// Compiles a program, runs it, has it interpreted, and says how long each took. Gives what it wrote.
fn run(text: &[u8], input: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let began = Instant::now();
    let steps = steps::steps(text)?;
    let code = machine::compile(&steps)?;
    let heap = CodeHeap::new(HeapOptions::new())?;
    // SAFETY: the code is a function of this type.
    let program: Function<Program> = unsafe { heap.publish(&code)?.function() };
    let compiled = began.elapsed();

    let mut io = Io::new(input);
    let ran = timed(|| {
        let mut tape = vec![0; TAPE];
        // SAFETY: it stays on the tape, and passes `io` on to `write` and `read`.
        unsafe { program.call(tape.as_mut_ptr(), &raw mut io) };
        Ok(())
    })?;
    std::io::stdout().write_all(&io.output)?;
    println!("{} bytes of code in {compiled:.1?}, which ran in {ran:.1?}", code.len());

    // Of a long program this may take minutes.
    let commands: Vec<u8> = text.iter().copied().filter(|byte| b"><+-.,[]".contains(byte)).collect();
    let (mut by_steps, mut by_text) = (Io::new(input), Io::new(input));
    let report = |what: &str, interpreted: Duration| {
        println!(
            "interpreted {what}: {interpreted:.1?}, {:.1} times as long",
            interpreted.as_secs_f64() / ran.as_secs_f64()
        );
    };
    report("by the steps that were compiled", timed(|| interpret::steps(&steps, &mut by_steps))?);
    report("command by command, as it stands in the text", timed(|| interpret::text(&commands, &mut by_text))?);
    println!();
    assert_eq!(io.output, by_steps.output, "compiled and interpreted, the program writes the same");
    assert_eq!(io.output, by_text.output, "compiled and interpreted, the program writes the same");
    Ok(io.output)
}

fn timed(run: impl FnOnce() -> Result<(), String>) -> Result<Duration, String> {
    let began = Instant::now();
    run()?;
    Ok(began.elapsed())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(path) = std::env::args_os().nth(1) {
        let mut input = Vec::new();
        std::io::stdin().read_to_end(&mut input)?;
        run(&std::fs::read(path)?, &input)?;
        return Ok(());
    }
    assert_eq!(run(programs::CORNERS.as_bytes(), b"some input")?, programs::CORNERS_WRITE);
    // Interpreters that are not optimised are slow.
    let small = cfg!(debug_assertions);
    let primes = run(programs::primes(if small { 40 } else { 80 }).as_bytes(), &[])?;
    assert!(primes.starts_with(b"2 3 5 7 11 13 17 19 23 29 31 37 "));
    assert!(small || primes.ends_with(b" 41 43 47 53 59 61 67 71 73 79 \n"));

    let picture = if small { programs::Picture::SMALL } else { programs::Picture::LARGE };
    let drawn = run(picture.program().as_bytes(), &[])?;
    assert_eq!(String::from_utf8(drawn)?, picture.drawn(), "as it is without Brainf***");
    Ok(())
}
