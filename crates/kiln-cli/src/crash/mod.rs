//! What is said when the code that was called is stopped by a signal: which, what it means, where, and the exit status of a
//! shell.
//!
//! The handler stands in the process of the code, and costs nothing until it is needed. Then it copies the process: the
//! copy, which has memory of its own to work with, writes the report. Should the copy fail in turn, since what the report
//! is made of is broken, the handler itself says one line, for which it allocates nothing.
#![allow(unsafe_code)] // Signal handlers, and what is allowed in them.

mod alloc;
mod backtrace;
mod context;
mod images;
mod meaning;
pub(crate) mod raw;
mod report;

use std::fmt::{self, Write};
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kiln::Module;

use crate::inputs::Input;
use crate::{progress, supervise};
use context::Facts;

const SIGNALS: [(libc::c_int, &str, &str); 6] = [
    (libc::SIGSEGV, "SIGSEGV", "access to memory that is not there or not allowed"),
    (libc::SIGBUS, "SIGBUS", "access to memory that cannot be had so"),
    (libc::SIGILL, "SIGILL", "an instruction that does not exist"),
    (libc::SIGFPE, "SIGFPE", "an arithmetic error"),
    (libc::SIGTRAP, "SIGTRAP", "a trap instruction"),
    (libc::SIGABRT, "SIGABRT", "abort was called"),
];

/// What a process is asked with where it is, when its time is over.
pub(crate) const TIMEOUT: libc::c_int = libc::SIGALRM;

/// The exit status of code that took too long, as `timeout` has it.
pub(crate) const TIMED_OUT: u8 = 124;

/// How to report.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    /// Report as a JSON object, and where to.
    pub(crate) json: Option<RawFd>,
    /// How long the code may take.
    pub(crate) limit: Option<Duration>,
}

/// The name of a signal.
pub(crate) fn name(signal: libc::c_int) -> String {
    let known = SIGNALS.iter().find(|(number, ..)| *number == signal);
    known.map_or_else(|| format!("signal {signal}"), |(_, name, _)| (*name).to_owned())
}

/// What the handler knows.
struct Called {
    /// Unknown until it is loaded.
    module: OnceLock<Module>,
    inputs: Arc<Vec<Input>>,
    options: Options,
}

impl Called {
    fn file(&self) -> &str {
        self.inputs.first().map_or("", |input| &input.name)
    }
}

/// Read by the handler, which may take no lock. Null while nothing is watched.
static CALLED: AtomicPtr<Called> = AtomicPtr::new(ptr::null_mut());

/// Tells the handler what was loaded; for [`kiln::Linker::explain_to`].
pub(crate) fn loaded(module: &Module) {
    progress::linked();
    // SAFETY: null, or what `watch` put there, which lives as long as it is there.
    if let Some(called) = unsafe { CALLED.load(Ordering::SeqCst).as_ref() } {
        // One module is loaded under one watch.
        let _ = called.module.set(module.clone());
    }
}

/// Puts the signals back as they were when dropped.
pub(crate) struct Watch {
    before: Vec<(libc::c_int, libc::sigaction)>,
}

/// The stack of the handler, in bytes: what writes the report runs on it, too.
const STACK: usize = 4 << 20;

/// Watches over code of `inputs` that is about to be loaded and called. One watch at a time.
pub(crate) fn watch(inputs: &Arc<Vec<Input>>, options: Options) -> Watch {
    let called = Called { module: OnceLock::new(), inputs: Arc::clone(inputs), options };
    let other = CALLED.swap(Box::into_raw(Box::new(called)), Ordering::SeqCst);
    debug_assert!(other.is_null(), "one watch at a time");
    own_stack();
    let handler = handler as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize;
    let mut actions = SIGNALS.map(|(signal, ..)| (signal, handler)).to_vec();
    if options.limit.is_some() {
        actions.push((TIMEOUT, handler));
    }
    // Rust programs ignore it, others rely on it: to end when nobody reads what they write.
    actions.push((libc::SIGPIPE, libc::SIG_DFL));
    let before = actions.into_iter().filter_map(|(signal, action)| Some((signal, act(signal, action)?))).collect();
    Watch { before }
}

/// Has a signal call `action`; what it called before.
fn act(signal: libc::c_int, what: usize) -> Option<libc::sigaction> {
    // SAFETY: all zeros is a valid `sigaction`: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = what;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    let mut old = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: the handler does only what a handler may, and both pointers are good for the call.
    let result = unsafe { libc::sigaction(signal, &raw const action, old.as_mut_ptr()) };
    // SAFETY: zeroed above and filled by the call.
    (result == 0).then(|| unsafe { old.assume_init() })
}

/// Gives this thread a stack for handlers, for code that has used up the other; never freed, since the kernel knows of it.
fn own_stack() {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON);
    // SAFETY: a new mapping, where the system likes.
    let memory = unsafe { libc::mmap(ptr::null_mut(), STACK, protection, flags, -1, 0) };
    if memory != libc::MAP_FAILED {
        let stack = libc::stack_t { ss_sp: memory, ss_flags: 0, ss_size: STACK };
        // SAFETY: the memory lives for ever and nothing else uses it.
        unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for (signal, action) in &self.before {
            // SAFETY: an action that was in place before.
            unsafe { libc::sigaction(*signal, action, ptr::null_mut()) };
        }
        let called = CALLED.swap(ptr::null_mut(), Ordering::SeqCst);
        if !called.is_null() {
            // SAFETY: `watch` made it from a box, and no handler of ours is in place any more that would read it.
            drop(unsafe { Box::from_raw(called) });
        }
    }
}

/// How many faults there were: what the handler itself does may fault too, where the code has broken what it needs.
static FAULTS: AtomicU32 = AtomicU32::new(0);

/// From so many faults on nothing is said.
const SILENT: u32 = 2;

/// Says what happened and ends the process.
extern "C" fn handler(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel's own arguments.
    let facts = unsafe { context::facts(signal, info, context) };
    // SAFETY: null, or what `watch` put there, which lives as long as this handler is in place.
    let called = unsafe { CALLED.load(Ordering::SeqCst).as_ref() };
    let faults = FAULTS.fetch_add(1, Ordering::SeqCst);
    let whole = faults == 0 && called.is_some_and(|called| in_a_copy(|| report::write(&facts, called)));
    if faults < SILENT {
        if !whole {
            one_line(&facts, called);
        }
        supervise::reported();
    }
    raw::exit(if signal == TIMEOUT { libc::c_int::from(TIMED_OUT) } else { 128 + signal })
}

/// How long a report may take, in seconds.
const PATIENCE: libc::c_uint = 10;

/// Has a copy of this process do `work`. Whether it came to its end.
fn in_a_copy(work: impl FnOnce()) -> bool {
    let copy = raw::fork();
    if copy == 0 {
        // A fault now is the report's own, and ends the copy, of which nothing is expected then.
        FAULTS.store(SILENT, Ordering::SeqCst);
        for (signal, ..) in SIGNALS {
            act(signal, libc::SIG_DFL);
        }
        act(libc::SIGALRM, libc::SIG_DFL);
        let mut all = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: a set to fill. The code may have blocked any signal.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        // SAFETY: the set was filled, and the old one is not wanted.
        unsafe { libc::sigprocmask(libc::SIG_UNBLOCK, all.as_ptr(), ptr::null_mut()) };
        // SAFETY: only numbers.
        unsafe { libc::alarm(PATIENCE) };
        let done = alloc::begin();
        if done {
            work();
        }
        raw::exit(libc::c_int::from(!done))
    }
    copy > 0 && raw::wait(copy) == Some(0)
}

/// What is said where nothing more can be. Calls only what POSIX allows in a handler, and allocates nothing.
fn one_line(facts: &Facts, called: Option<&Called>) {
    let mut line = Line { bytes: [0; 1024], len: 0 };
    // A line that is too long is cut off.
    let _ = describe(&mut line, facts, called);
    let _ = line.write_str("\n");
    raw::write(libc::STDERR_FILENO, &line.bytes[..line.len]);
}

fn describe(line: &mut Line, facts: &Facts, called: Option<&Called>) -> fmt::Result {
    let known = SIGNALS.iter().find(|(number, ..)| *number == facts.signal);
    let (name, meaning) = known.map_or(("a signal", ""), |(_, name, meaning)| (*name, *meaning));
    let file = called.map_or("", Called::file);
    match called.and_then(|called| called.options.limit).filter(|_| facts.signal == TIMEOUT) {
        Some(limit) => write!(line, "kiln: error: {file}: not back after {} s", limit.as_secs_f64())?,
        None => write!(line, "kiln: error: {file}: stopped by {name}: {meaning}")?,
    }
    if let Some(address) = facts.address {
        write!(line, ", at address {address:#x}")?;
    }
    let pc = facts.registers.pc;
    match called.and_then(|called| called.module.get()?.symbol_at(pc as usize as *const ())) {
        Some((symbol, offset)) => write!(line, ", in `{symbol}`+{offset:#x} (pc {pc:#x})"),
        None => write!(line, ", outside the loaded code (pc {pc:#x})"),
    }
}

/// Text on the stack.
struct Line {
    bytes: [u8; 1024],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Room for the newline is kept.
        let room = self.bytes.len() - 1 - self.len.min(self.bytes.len() - 1);
        let taken = text.len().min(if text == "\n" { 1 } else { room });
        let Some(to) = self.bytes.get_mut(self.len..self.len + taken) else { return Err(fmt::Error) };
        to.copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken;
        Ok(())
    }
}
