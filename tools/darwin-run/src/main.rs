//! `kiln-darwin-run PROGRAM [ARGUMENTS…]`: runs an Apple Silicon executable on a Linux machine, under a model of what
//! macOS allows generated code. See README.md.

mod cpu;
mod kernel;
mod libsystem;
mod loader;
mod machine;
mod memory;
mod signature;
mod unwind;
mod verdict;

use std::ffi::OsString;
use std::path::PathBuf;

use kernel::host;
use machine::start::Program;
use machine::{Machine, Stop, signals};
use verdict::Verdict;

const HELP: &str = "\
Usage: kiln-darwin-run PROGRAM [ARGUMENTS...]

Runs an arm64 macOS executable (Mach-O) in an emulated Apple Silicon process. What it may do with executable memory follows
from its code signature. The exit status is the program's; a program that ends by a signal ends this one by the same.

Statuses of the emulator itself, each with a line on standard error:
  80  the file is no program that can be run    85  MAP_JIT memory executed while writable
  81  a function that is not modelled           86  stale instructions executed
  82  another thing that is not modelled        87  killed by code signing
  83  every thread waits                        88  the thread toggle, under jit-write-allowlist
  84  MAP_JIT memory written while executable   89  a callback that is in no list
";

fn main() {
    let mut words = std::env::args_os().skip(1).peekable();
    let mut argv0 = None;
    loop {
        match words.peek().and_then(|word| word.to_str()) {
            Some("--help" | "-h") => {
                print!("{HELP}");
                return;
            }
            Some("--argv0") => {
                words.next();
                argv0 = words.next();
            }
            Some("--") => {
                words.next();
                break;
            }
            _ => break,
        }
    }
    let Some(file) = words.next() else {
        eprint!("{HELP}");
        std::process::exit(2);
    };
    let program = Program { file: PathBuf::from(&file), argv0, arguments: words.collect() };
    let stop = match Machine::start(program) {
        Ok(mut machine) => machine.run(),
        Err(why) => Stop::End(Verdict::NotRunnable(describe(&file, &why))),
    };
    end(stop)
}

fn describe(file: &OsString, why: &str) -> String {
    format!("{}: {why}", file.to_string_lossy())
}

/// Ends this process as the emulated one ended.
fn end(stop: Stop) -> ! {
    match stop {
        Stop::Exit(status) => host::exit_now(status),
        Stop::Killed(signal) => host::end_by_signal(signals::to_host(signal).unwrap_or(libc::SIGKILL)),
        Stop::End(verdict) => {
            eprintln!("darwin-run: {verdict}");
            host::exit_now(verdict.status())
        }
        // None of the others reaches the outermost loop.
        Stop::Errno(_) | Stop::Block(_) | Stop::Jumped | Stop::Fault(_) => {
            eprintln!("darwin-run: stopped without a reason: {stop:?}");
            host::exit_now(70)
        }
    }
}
