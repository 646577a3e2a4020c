//! libSystem, as far as it is modelled: a table of functions for each of its parts, by symbol.

mod calendar;
mod convert;
mod cxxabi;
mod dl;
mod files;
mod format;
mod jit;
mod locale;
mod mach;
mod malloc;
mod math;
mod process;
mod pthread;
mod seek;
mod shell;
mod sort;
mod stdio;
mod string;
mod time;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::machine::{Answer, Function, Machine, Stop};
use crate::memory::{Kind, Memory, PAGE, READ, START, WRITE};
use crate::unwind;
pub(crate) use process::{exit_goes_on, not_modelled};
pub(crate) use pthread::{thread_ends, thread_returned};

/// The tables by part.
const PARTS: [&[(&str, Function)]; 23] = [
    calendar::FUNCTIONS,
    convert::FUNCTIONS,
    cxxabi::FUNCTIONS,
    dl::FUNCTIONS,
    files::FUNCTIONS,
    jit::FUNCTIONS,
    locale::FUNCTIONS,
    mach::FUNCTIONS,
    malloc::FUNCTIONS,
    math::FUNCTIONS,
    math::DOUBLES,
    math::FLOATS,
    math::PAIRS,
    process::FUNCTIONS,
    pthread::FUNCTIONS,
    pthread::LOCKS,
    seek::FUNCTIONS,
    shell::FUNCTIONS,
    sort::FUNCTIONS,
    stdio::FUNCTIONS,
    string::FUNCTIONS,
    time::FUNCTIONS,
    unwind::FUNCTIONS,
];

static BY_NAME: LazyLock<HashMap<&str, Function>> =
    LazyLock::new(|| PARTS.iter().flat_map(|part| part.iter().copied()).collect());

/// The model of a function, by symbol (with its underscore).
pub(crate) fn function(symbol: &str) -> Option<Function> {
    BY_NAME.get(symbol).copied()
}

/// Every symbol that is modelled, in order.
pub(crate) fn symbols() -> Vec<&'static str> {
    let mut symbols: Vec<&str> =
        BY_NAME.keys().copied().chain(variables().map(|(name, _)| name)).chain(["__tlv_bootstrap"]).collect();
    symbols.sort_unstable();
    symbols
}

/// Variables of libSystem, and what its functions remember.
#[derive(Default)]
pub(crate) struct LibSystem {
    pub(crate) streams: stdio::Streams,
    pub(crate) dl: dl::Loader,
    /// Last in, first out.
    pub(crate) at_exit: Vec<process::AtExit>,
    /// The status that the process ends with when they have been.
    pub(crate) exit_status: i32,
    pub(crate) initializers: Vec<u64>,
    pub(crate) unwind: unwind::Registered,
    pub(crate) next_key: u64,
    pub(crate) key_destructors: HashMap<u64, u64>,
    /// What `pthread_atfork` was given: before, in the parent, in the child; 0 for none.
    pub(crate) fork_handlers: Vec<[u64; 3]>,
    pub(crate) random: u64,
    /// The state of `strtok`.
    pub(crate) token: u64,
    /// What `localeconv`, and `gmtime` and `localtime` give, once they have been asked.
    pub(crate) conventions: u64,
    pub(crate) calendar: u64,
    /// The exceptions that handlers have, by thread.
    pub(crate) caught: HashMap<u64, Vec<u64>>,
    /// The children of `popen`, by their streams.
    pub(crate) children: HashMap<u64, i32>,
}

/// Where variables lie.
const DATA: u64 = START + 8 * PAGE;

/// Offsets of the variables that programs import.
const VARIABLES: [(&str, u64); 9] = [
    ("___stdinp", 0x00),
    ("___stdoutp", 0x08),
    ("___stderrp", 0x10),
    ("_environ", 0x18),
    ("___stack_chk_guard", 0x20),
    ("_mach_task_self_", 0x28),
    ("_vm_page_size", 0x30),
    ("_vm_kernel_page_size", 0x38),
    ("___progname", 0x40),
];
/// The variables that only functions lead to: `argc`, `argv`.
pub(crate) const ARGC: u64 = DATA + 0x80;
pub(crate) const ARGV: u64 = DATA + 0x88;
pub(crate) const ENVIRON: u64 = DATA + 0x18;
/// Three streams, of which a program knows no more than their addresses.
pub(crate) const STREAMS: u64 = DATA + 0x100;

/// Every variable, with its offset.
fn variables() -> impl Iterator<Item = (&'static str, u64)> {
    let types = cxxabi::VARIABLES.iter().map(|(name, offset)| (&**name, *offset));
    VARIABLES.iter().copied().chain(types)
}

/// The address of a variable, by symbol.
pub(crate) fn variable(symbol: &str) -> Option<u64> {
    variables().find(|(name, _)| *name == symbol).map(|(_, offset)| DATA + offset)
}

/// The symbol of the variable that begins at an address.
pub(crate) fn variable_at(address: u64) -> Option<&'static str> {
    variables().find(|(_, offset)| DATA + offset == address).map(|(name, _)| name)
}

/// Maps the variables.
pub(crate) fn prepare(memory: &Memory) -> Result<(), String> {
    memory.map(DATA, PAGE, READ | WRITE, Kind::Signed).map_err(|error| error.to_string())?;
    let put = |at: u64, value: u64| memory.poke(DATA + at, &value.to_le_bytes());
    let done = (|| {
        for stream in 0..3 {
            put(8 * stream, STREAMS + 8 * stream)?;
        }
        put(0x20, 0x00ff_0a0d_7365_6300)?;
        put(0x28, 0x103)?;
        put(0x30, PAGE)?;
        put(0x38, PAGE)?;
        cxxabi::prepare(memory)
    })();
    done.map_err(|fault| format!("the variables of libSystem: {fault:?}"))
}

/// Functions that return a pointer fail with null.
pub(crate) fn or_null(m: &mut Machine, function: impl FnOnce(&mut Machine) -> Answer) -> Answer {
    match function(m) {
        Err(Stop::Errno(errno)) => {
            m.set_errno(errno)?;
            Ok(0)
        }
        answer => answer,
    }
}

impl Machine {
    /// The program's list of environment strings.
    pub(crate) fn environment(&self) -> Result<u64, Stop> {
        Ok(self.memory.u64(ENVIRON)?)
    }
}
