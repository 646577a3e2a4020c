//! Executable memory under W^X: the only stage that the operating system has a part in.
//!
//! [`Staged`] memory is writable and not executable; [`publish`](Staged::publish) makes it [`Published`]: executable (text),
//! read-only (constants) or still writable (data), for good. There is no way back, and no page is ever both.

mod heap;
mod icache;
mod quarantine;
mod situation;
mod slot;
mod staged;
pub(crate) mod sys;

pub(crate) use heap::Hold;
pub use heap::{Code, CodeHeap, Draft, HeapOptions, HeapStats};
pub(crate) use quarantine::{QUARANTINE, module_at as unloaded_module_at};
pub use situation::{Answer, Choice, JitCallback, LinuxRules, MacOsRules, Outcome, Situation, Strategy, Verdict};
pub(crate) use slot::Shared;
pub use slot::Slot;
pub(crate) use staged::{Published, Staged};
