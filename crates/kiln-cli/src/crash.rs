//! What is said when the code that was called is stopped by a signal: which, where, and the exit status of a shell.
#![allow(unsafe_code)] // Signal handlers, and what is allowed in them.

use std::fmt::{self, Write};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Duration;

use kiln::Module;

use crate::inputs::Input;
use crate::supervise;

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

/// How to report.
#[derive(Default)]
pub(crate) struct Options {
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
    module: Module,
    file: String,
    limit: Option<Duration>,
}

/// Read by the handler, which may take no lock. Null while nothing is watched.
static CALLED: AtomicPtr<Called> = AtomicPtr::new(ptr::null_mut());

/// Puts the signals back as they were when dropped.
pub(crate) struct Watch {
    before: Vec<(libc::c_int, libc::sigaction)>,
}

/// Watches over code of `module` that is about to be called. One watch at a time.
pub(crate) fn watch(module: &Module, inputs: Vec<Input>, options: Options) -> Watch {
    let file = inputs.first().map(|input| input.name.clone()).unwrap_or_default();
    let called = Box::into_raw(Box::new(Called { module: module.clone(), file, limit: options.limit }));
    let other = CALLED.swap(called, Ordering::SeqCst);
    debug_assert!(other.is_null(), "one watch at a time");
    // A stack of its own, for code that has used up the other; never freed, since the kernel knows of it.
    let stack = Box::leak(vec![0u8; 64 * 1024].into_boxed_slice());
    let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
    // SAFETY: the memory lives for ever and nothing else uses it.
    unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
    let handler = handler as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize;
    let mut actions = SIGNALS.map(|(signal, ..)| (signal, handler)).to_vec();
    if options.limit.is_some() {
        actions.push((TIMEOUT, handler));
    }
    // Rust programs ignore it, others rely on it: to end when nobody reads what they write.
    actions.push((libc::SIGPIPE, libc::SIG_DFL));
    let mut before = Vec::new();
    for (signal, what) in actions {
        // SAFETY: all zeros is a valid `sigaction`: no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        action.sa_sigaction = what;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        let mut old = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: the handler does only what a handler may, and both pointers are good for the call.
        let result = unsafe { libc::sigaction(signal, &raw const action, old.as_mut_ptr()) };
        if result == 0 {
            // SAFETY: zeroed above and filled by the call.
            before.push((signal, unsafe { old.assume_init() }));
        }
    }
    Watch { before }
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

/// Says what happened and ends the process. Calls only what POSIX allows in a handler (`write`, `_exit`), and allocates
/// nothing.
extern "C" fn handler(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let mut line = Line { bytes: [0; 1024], len: 0 };
    // A line that is too long is cut off.
    let _ = describe(&mut line, signal, info, context);
    let _ = line.write_str("\n");
    // SAFETY: the bytes are there; that standard error is closed is nobody's concern here.
    unsafe { libc::write(libc::STDERR_FILENO, line.bytes.as_ptr().cast(), line.len) };
    supervise::reported();
    // SAFETY: ends the process at once, without running anything that the fault may have broken.
    unsafe { libc::_exit(128 + signal) }
}

fn describe(
    line: &mut Line,
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) -> fmt::Result {
    let (name, meaning) = SIGNALS
        .iter()
        .find(|(number, ..)| *number == signal)
        .map_or(("a signal", ""), |(_, name, meaning)| (*name, *meaning));
    // SAFETY: null, or what `watch` put there, which lives as long as this handler is in place.
    let called = unsafe { CALLED.load(Ordering::SeqCst).as_ref() };
    let file = called.map_or("", |called| &*called.file);
    match called.and_then(|called| called.limit).filter(|_| signal == TIMEOUT) {
        Some(limit) => write!(line, "kiln: error: {file}: not back after {} s", limit.as_secs_f64())?,
        None => write!(line, "kiln: error: {file}: stopped by {name}: {meaning}")?,
    }
    // SAFETY: the kernel passes a valid siginfo to SA_SIGINFO handlers.
    let info = unsafe { &*info };
    // Who sends a signal (0 and below) gives no address, nor does x86-64 for one that no pointer can have (SI_KERNEL,
    // 0x80): what stands in its place means something else.
    let has_address = [libc::SIGSEGV, libc::SIGBUS].contains(&signal) && (1..0x80).contains(&info.si_code);
    if has_address {
        // SAFETY: these signals carry an address.
        let address = unsafe { info.si_addr() } as usize;
        write!(line, ", at address {address:#x}")?;
    }
    // SAFETY: the kernel passes the context of the thread that was interrupted.
    let pc = unsafe { program_counter(context) };
    match called.and_then(|called| called.module.symbol_at(pc as *const ())) {
        Some((symbol, offset)) => write!(line, ", in `{symbol}`+{offset:#x} (pc {pc:#x})"),
        None => write!(line, ", outside the loaded code (pc {pc:#x})"),
    }
}

/// The address of the instruction that was interrupted.
///
/// # Safety
///
/// `context` is what the kernel passed to an `SA_SIGINFO` handler.
unsafe fn program_counter(context: *mut libc::c_void) -> usize {
    let context = context.cast::<libc::ucontext_t>();
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    {
        // SAFETY: a valid context, by the caller's word.
        let registers = unsafe { &(*context).uc_mcontext.gregs };
        registers[libc::REG_RIP as usize] as usize
    }
    #[cfg(all(target_os = "linux", target_arch = "aarch64"))]
    {
        // SAFETY: a valid context, by the caller's word.
        let context = unsafe { &*context };
        context.uc_mcontext.pc as usize
    }
    #[cfg(all(target_os = "macos", target_arch = "aarch64"))]
    {
        // SAFETY: a valid context, by the caller's word.
        let machine = unsafe { (*context).uc_mcontext };
        // SAFETY: it points to the machine's part of the context.
        let machine = unsafe { &*machine };
        machine.__ss.__pc as usize
    }
    #[cfg(all(target_os = "macos", target_arch = "x86_64"))]
    {
        // SAFETY: a valid context, by the caller's word.
        let machine = unsafe { (*context).uc_mcontext };
        // SAFETY: it points to the machine's part of the context.
        let machine = unsafe { &*machine };
        machine.__ss.__rip as usize
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
