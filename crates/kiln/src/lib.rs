//! Kiln puts native code into a running process under W^X, and calls it.
//!
//! A [`Linker`] takes object files (ELF, Mach-O, COFF), assembly and flat machine code; [`Linker::load`] makes a [`Module`] of
//! them in this process, [`Linker::plan`] an image for any target at any address. A module hands out [`Function`]s, typed and
//! owning. [`CodeHeap`] publishes machine code that needs no linking. Memory is written first and made executable last, and is
//! never both; [`Situation`] is what the system allows this process, and the [`Strategy`] that follows.
//!
//! # Safety
//!
//! Loaded code can do anything. `unsafe` stands where somebody must vouch for it: for the bytes ([`Linker::load`]), for the type
//! ([`Module::function`], [`Code::function`]), and for each call where the type says `unsafe extern "C" fn`.
//!
//! # Errors
//!
//! Every fallible function returns [`Error`], which says where (input, section, offset, symbol), what, and what to do next.
//! Nothing that an input asks for is skipped silently, and a failed operation leaves nothing behind.
//!
//! # Platform-specific behaviour
//!
//! Code is loaded on Linux and macOS, x86-64 and arm64. Everything before that, planning included, works for every [`Target`] on
//! every host. `PLATFORM.md` in the repository says what each system does to generated code.
//!
//! # Examples
//!
//! Machine code in, a call out:
//!
//! ```
//! use kiln::{CodeHeap, Function, HeapOptions};
//!
//! # #[cfg(target_arch = "x86_64")]
//! let add = [0x48, 0x8d, 0x04, 0x37, 0xc3]; // lea (%rdi,%rsi),%rax; ret
//! # #[cfg(target_arch = "aarch64")]
//! # let add = [0x00, 0x00, 0x01, 0x8b, 0xc0, 0x03, 0x5f, 0xd6]; // add x0, x0, x1; ret
//! let code = CodeHeap::new(HeapOptions::new())?.publish(&add)?;
//! // SAFETY: the bytes are a function of two integers that returns one.
//! let add: Function<extern "C" fn(i64, i64) -> i64> = unsafe { code.function() };
//! assert_eq!(add.call(2, 40), 42);
//! # Ok::<(), kiln::Error>(())
//! ```
#![deny(unsafe_code)]

// The pipeline, in its order.
mod source;
mod object;
mod graph;
mod layout;
mod fixup;
mod memory;
mod register;
mod module;
mod function;

mod audit;
mod error;
mod linker;
mod plan;
mod target;
#[cfg(test)]
#[allow(unsafe_code)] // Loads code.
mod tests;

pub use audit::{Audit, Audited, PlannedEntry, PlannedRelocation, Way};
pub use error::{Error, Result};
pub use function::{FnPtr, Function};
pub use graph::Permission;
pub use linker::Linker;
pub use memory::{
    Answer, Choice, Code, CodeHeap, Draft, HeapOptions, HeapStats, JitCallback, LinuxRules, MacOsRules, Outcome,
    Situation, Slot, Strategy, Verdict,
};
pub use module::{AppliedRelocation, Explanation, Module, SectionPlace, Unload, Unloaded};
pub use object::{Contents, FileRelocation, Section, Symbol, archive_members};
pub use plan::{Plan, PlannedSection, PlannedSymbol, ThreadBlock};
pub use register::{Told, Tools};
pub use source::{Assembler, Kind, Syntax};
pub use target::{Arch, Format, Os, Target, TargetAddr};

/// The README's library example, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
