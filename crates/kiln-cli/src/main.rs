//! The `kiln` command. It uses the library's public API alone.
#![deny(unsafe_code)]

mod args;
mod asm;
mod call;
mod compile;
mod crash;
mod debug;
mod decode;
mod disasm;
mod doctor;
mod emit;
mod emulate;
mod entitle;
mod flat;
mod help;
mod inputs;
mod inspect;
mod memory;
mod narrate;
mod progress;
mod prototypes;
mod run;
mod scratch;
mod sign;
mod supervise;
mod tools;

use std::io::Write;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::FromArgMatches;
use kiln::{Format, Kind};

/// Whatever kept a command from doing its work, with the next step where there is one.
#[derive(Clone)]
struct Failure {
    message: String,
    next: Option<String>,
}

impl Failure {
    fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), next: None }
    }

    fn next(mut self, next: impl Into<String>) -> Failure {
        self.next = Some(next.into());
        self
    }
}

impl From<kiln::Error> for Failure {
    fn from(error: kiln::Error) -> Failure {
        Failure { message: error.to_string(), next: error.next_step().map(str::to_owned) }
    }
}

/// Nothing was done: the status of every error. Code that ran says its own.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let arguments = args::Arguments::from_arg_matches(&help::command().get_matches());
    let arguments = arguments.unwrap_or_else(|error| error.exit());
    narrate::start(arguments.verbose);
    let result = match arguments.command {
        args::Command::Run(run) => run::run(run),
        args::Command::Flat(flat) => flat::flat(flat),
        args::Command::Asm(asm) => asm::asm(asm),
        args::Command::Call(call) => call::call(call),
        args::Command::Disasm(disasm) => disasm::disasm(disasm),
        args::Command::Inspect(inspect) => inspect::inspect(inspect),
        args::Command::Sign(sign) => sign::sign(sign),
        args::Command::Doctor(doctor) => doctor::doctor(doctor),
        args::Command::Completions(completions) => help::completions(completions),
        args::Command::Man(man) => help::man(man),
    };
    progress::linked();
    match result {
        Ok(status) => status,
        Err(failure) => {
            report(&failure);
            ExitCode::from(FAILED)
        }
    }
}

/// What a file is, as a sentence says it.
fn described(kind: Kind) -> String {
    let article = match kind {
        Kind::Object(Format::Elf) | Kind::Archive => "an ",
        Kind::Object(_) | Kind::Linked(_) | Kind::Universal => "a ",
        _ => "",
    };
    format!("{article}{kind}")
}

fn report(failure: &Failure) {
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    let cyan = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
    let mut stderr = anstream::stderr().lock();
    // Where nothing can be said, the exit status still says it.
    let _ = writeln!(stderr, "kiln: {red}error{red:#}: {}", failure.message);
    if let Some(next) = &failure.next {
        let _ = writeln!(stderr, "  {cyan}next{cyan:#}: {next}");
    }
}
