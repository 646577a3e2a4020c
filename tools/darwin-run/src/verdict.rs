//! Why the emulator itself ends a process: what a Mac would have answered with a signal that no program survives, or
//! what the model lacks. Each kind has an exit status of its own, above those that programs commonly use.

use std::fmt;

use crate::memory::Access;

/// One line on standard error, and the exit status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// The file is no program that can be run here.
    NotRunnable(String),
    /// A function of libSystem that is imported, was called, and is not modelled.
    MissingFunction { name: String, caller: String },
    /// A system call, or a case of a modelled function, that is not modelled.
    NotModelled(String),
    /// Every thread waits for another one.
    Deadlock(String),
    /// A store to `MAP_JIT` memory by a thread that sees it as executable (a `SIGBUS` on a Mac).
    JitWrite { address: u64, pc: String },
    /// Execution of `MAP_JIT` memory by a thread that sees it as writable (a `SIGBUS` on a Mac).
    JitExecute { address: u64, pc: String },
    /// Execution of words that `sys_icache_invalidate` has not been told of since they were written.
    StaleInstructions { address: u64, from: String },
    /// Execution of pages that no signature covers, in a hardened process (an uncatchable `SIGKILL` on a Mac).
    CodeSigning { address: u64, from: String },
    /// `pthread_jit_write_protect_np` in a process that has the entitlement `jit-write-allowlist`.
    ToggleUnderAllowlist { caller: String },
    /// `pthread_jit_write_with_callback_np` with a function that is in no list of `__DATA_CONST,__pth_jit_func`.
    CallbackNotListed { callback: u64, caller: String },
}

impl Verdict {
    pub(crate) fn status(&self) -> i32 {
        match self {
            Verdict::NotRunnable(_) => 80,
            Verdict::MissingFunction { .. } => 81,
            Verdict::NotModelled(_) => 82,
            Verdict::Deadlock(_) => 83,
            Verdict::JitWrite { .. } => 84,
            Verdict::JitExecute { .. } => 85,
            Verdict::StaleInstructions { .. } => 86,
            Verdict::CodeSigning { .. } => 87,
            Verdict::ToggleUnderAllowlist { .. } => 88,
            Verdict::CallbackNotListed { .. } => 89,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::NotRunnable(why) => write!(f, "{why}"),
            Verdict::MissingFunction { name, caller } => {
                write!(f, "`{name}` was called by {caller}, and this model of libSystem has no such function")
            }
            Verdict::NotModelled(what) => write!(f, "not modelled: {what}"),
            Verdict::Deadlock(threads) => write!(f, "deadlock: {threads}"),
            Verdict::JitWrite { address, pc } => write!(
                f,
                "{pc} writes to MAP_JIT memory at {address:#x} while its thread sees that memory as executable: \
                 a SIGBUS; pthread_jit_write_protect_np(0) is missing before it"
            ),
            Verdict::JitExecute { address, pc } => write!(
                f,
                "{pc} executes MAP_JIT memory at {address:#x} while its thread sees that memory as writable: \
                 a SIGBUS; pthread_jit_write_protect_np(1) is missing before it"
            ),
            Verdict::StaleInstructions { address, from } => write!(
                f,
                "{from} executes words at {address:#x} that were written and never passed to sys_icache_invalidate \
                 since: the instruction cache may hold others"
            ),
            Verdict::CodeSigning { address, from } => write!(
                f,
                "{from} executes {address:#x}, which no signature covers, in a hardened process: killed \
                 (SIGKILL, Code Signature Invalid)"
            ),
            Verdict::ToggleUnderAllowlist { caller } => write!(
                f,
                "{caller} calls pthread_jit_write_protect_np, which is disabled by the entitlement \
                 com.apple.security.cs.jit-write-allowlist"
            ),
            Verdict::CallbackNotListed { callback, caller } => write!(
                f,
                "{caller} passes the callback {callback:#x}, which is in no list of __DATA_CONST,__pth_jit_func, in a \
                 process with the entitlement com.apple.security.cs.jit-write-allowlist"
            ),
        }
    }
}

/// An access that the memory does not allow: what the processor would have reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fault {
    pub(crate) address: u64,
    pub(crate) access: Access,
    pub(crate) reason: Reason,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reason {
    /// Nothing is mapped there: `SIGSEGV`.
    Unmapped,
    /// What is mapped there does not allow it: `SIGBUS`.
    Protected,
    /// As [`Verdict::JitWrite`].
    JitWrite,
    /// As [`Verdict::JitExecute`].
    JitExecute,
    /// As [`Verdict::CodeSigning`].
    CodeSigning,
    /// As [`Verdict::StaleInstructions`].
    Stale,
}
