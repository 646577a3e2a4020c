//! Kiln puts native code into a running process under W^X, and calls it.
#![deny(unsafe_code)]

// The pipeline, in its order.
mod source;
mod object;
mod graph;
mod layout;
mod fixup;
mod memory;
mod module;
mod function;

mod error;
mod linker;
mod plan;
mod target;
#[cfg(test)]
#[allow(unsafe_code)] // Loads code.
mod tests;

pub use error::{Error, Result};
pub use function::{FnPtr, Function};
pub use graph::Permission;
pub use linker::Linker;
pub use memory::{Choice, Code, CodeHeap, Situation, Strategy};
pub use module::{Module, Unload};
pub use object::{Contents, Section, Symbol};
pub use plan::{Plan, PlannedSection, PlannedSymbol};
pub use source::{Assembler, Kind, Syntax};
pub use target::{Arch, Format, Os, Target, TargetAddr};
