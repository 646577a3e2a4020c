//! `kiln-darwin-run PROGRAM [ARGUMENTS…]`: runs an Apple Silicon executable on a Linux machine, under a model of what
//! macOS allows generated code. See README.md.

mod cpu;
mod kernel;
mod libsystem;
mod loader;
mod machine;
mod memory;
mod report;
mod signature;
mod unwind;
mod verdict;

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::path::PathBuf;

use kernel::host;
use machine::start::Program;
use machine::{Machine, Stop, signals};
use report::Report;
use verdict::Verdict;

const HELP: &str = "\
Usage: kiln-darwin-run [OPTIONS] PROGRAM [ARGUMENTS...]
       kiln-darwin-run --imports

Runs an arm64 macOS executable (Mach-O) in an emulated Apple Silicon process. What it may do with executable memory follows
from its code signature. The exit status is the program's; a program that ends by a signal ends this one by the same.

Statuses of the emulator itself, each with a line on standard error:
  80  the file is no program that can be run    85  MAP_JIT memory executed while writable
  81  a function that is not modelled           86  stale instructions executed
  82  another thing that is not modelled        87  killed by code signing
  83  every thread waits                        88  the thread toggle, under jit-write-allowlist
  84  MAP_JIT memory written while executable   89  a callback that is in no list

Options:
  --argv0 NAME      what the program is told its name is
  --imports         print the version, and the symbols of libSystem that are modelled
  --program-fd N    read the program from this descriptor; PROGRAM is then its name alone
  --report-fd N     write how it ended there, if not by its own exit: `verdict STATUS WORDS` or `signal NUMBER PLACE`
";

/// What `--imports` begins with. The number changes with what the options and the report mean.
const VERSION: &str = concat!("kiln-darwin-run ", env!("CARGO_PKG_VERSION"), ", interface 1");

/// Whatever is wrong with the command line.
fn usage(what: &str) -> ! {
    eprint!("darwin-run: {what}\n\n{HELP}");
    std::process::exit(2);
}

fn main() {
    let mut words = std::env::args_os().skip(1).peekable();
    let (mut argv0, mut program_fd, mut report_fd) = (None, None, None);
    while let Some(word) = words.next_if(|word| word.as_encoded_bytes().starts_with(b"--") || word == "-h") {
        let mut number = || {
            let number = words.next().and_then(|word| word.to_str()?.parse().ok());
            number.unwrap_or_else(|| usage("a descriptor's number is missing"))
        };
        match word.to_str() {
            Some("--help" | "-h") => {
                print!("{HELP}");
                return;
            }
            Some("--imports") => {
                println!("{VERSION}");
                libsystem::symbols().iter().for_each(|symbol| println!("{symbol}"));
                return;
            }
            Some("--argv0") => argv0 = words.next(),
            Some("--program-fd") => program_fd = Some(number()),
            Some("--report-fd") => report_fd = Some(number()),
            Some("--") => break,
            _ => usage(&format!("what is {}?", word.display())),
        }
    }
    let Some(file) = words.next() else { usage("there is no program to run") };
    let report = report_fd.map(|fd: i32| Report::take(fd).unwrap_or_else(|why| usage(&why)));
    let program = Program { file: PathBuf::from(&file), argv0, arguments: words.collect() };
    let opened = match program_fd {
        Some(fd) => report::take(fd, OpenOptions::new().read(true)),
        None => File::open(&program.file),
    };
    match opened.map_err(|error| error.to_string()).and_then(|opened| Machine::start(program, opened)) {
        Ok(mut machine) => {
            let stop = machine.run();
            end(stop, report, || machine.whereabouts())
        }
        Err(why) => end(Stop::End(Verdict::NotRunnable(describe(&file, &why))), report, String::new),
    }
}

fn describe(file: &OsString, why: &str) -> String {
    format!("{}: {why}", file.to_string_lossy())
}

/// Ends this process as the emulated one ended.
fn end(stop: Stop, report: Option<Report>, place: impl FnOnce() -> String) -> ! {
    match stop {
        Stop::Exit(status) => host::exit_now(status),
        Stop::Killed(signal) => {
            let signal = signals::to_host(signal).unwrap_or(libc::SIGKILL);
            if let Some(report) = report {
                report.signal(signal, &place());
            }
            host::end_by_signal(signal)
        }
        Stop::End(verdict) => {
            match report {
                Some(report) => report.verdict(&verdict),
                None => eprintln!("darwin-run: {verdict}"),
            }
            host::exit_now(verdict.status())
        }
        // None of the others reaches the outermost loop.
        Stop::Errno(_) | Stop::Block(_) | Stop::Jumped | Stop::Fault(_) => {
            eprintln!("darwin-run: stopped without a reason: {stop:?}");
            host::exit_now(70)
        }
    }
}
