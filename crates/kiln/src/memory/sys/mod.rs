//! The operating systems: the only place where one is named. A port is a file here, with the same names. Miri, which interprets
//! programs, is one of them.
//!
//! - `HOST_OS`: which one it is.
//! - `situation()`: what this process is allowed.
//! - `map_jit`, `write_jit`: memory for [`Strategy::ThreadToggle`](super::Strategy::ThreadToggle).
//! - `shared_file`: memory with two addresses, for [`Strategy::DualMapping`](super::Strategy::DualMapping).
//! - `map_dual`: both addresses of it, for the heap.
//! - `map_keyed`, `KeyWriting`: the same, for [`Strategy::ProtectionKeys`](super::Strategy::ProtectionKeys).
//! - `huge_page`, `in_huge_pages`: where memory had better be in pages larger than the others.
//! - `Window`, `Mapping::within`: memory near an address.
//! - `is_in_a_file`: whether an address belongs to a file that was loaded; `changes_of_files`: whether there are new ones;
//!   `is_lasting`: whether a name will mean an address for ever.
//! - `guards_branches`, `GUARD`: whether pages can have branch targets marked, and the bit that asks for it.
//! - `clean_caches`: makes written instructions visible to instruction fetches.
//! - `serialize_cores`: lets every core forget what it has fetched already.
//! - `forks`: tells a process from its children.

#[cfg(all(target_os = "macos", not(miri)))]
mod apple;
#[cfg(not(miri))]
mod barrier;
#[cfg(not(miri))]
mod dual;
#[cfg(not(miri))]
mod files;
pub(crate) mod forks;
#[cfg(test)]
pub(crate) mod injection;
mod keys;
#[cfg(all(target_os = "linux", not(miri)))]
mod linux;
#[cfg(miri)]
mod miri;
mod near;
#[cfg(not(miri))]
mod unix;

use std::fmt;

#[cfg(all(target_os = "macos", not(miri)))]
pub(crate) use apple::{GUARD, HOST_OS, clean_caches, guards_branches, map_jit, shared_file, situation, write_jit};
#[cfg(not(miri))]
pub(crate) use barrier::serialize_cores;
#[cfg(not(miri))]
pub(crate) use dual::map_dual;
#[cfg(not(miri))]
pub(crate) use files::{changes_of_files, is_in_a_file, is_lasting};
pub(crate) use keys::{KeyWriting, map_keyed};
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) use linux::{GUARD, HOST_OS, clean_caches, guards_branches, map_jit, shared_file, situation, write_jit};
#[cfg(miri)]
use miri::page_size;
#[cfg(miri)]
pub(crate) use miri::{
    HOST_OS, Mapping, Poisoned, changes_of_files, clean_caches, fill, guards_branches, huge_page, in_huge_pages,
    is_in_a_file, is_lasting, map_dual, map_jit, serialize_cores, shared_file, situation, write_jit,
};
pub(crate) use near::Window;
#[cfg(not(miri))]
use unix::page_size;
#[cfg(not(miri))]
pub(crate) use unix::{Mapping, Poisoned, fill, huge_page, in_huge_pages};

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
compile_error!("kiln runs on Linux and macOS");

/// What may be done with a page. Never both write and execute: there is no such value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Protection {
    Read,
    ReadWrite,
    ReadExecute,
    /// As `ReadExecute`, where indirect branches may only arrive at instructions that are made for it.
    Guarded,
}

impl Protection {
    /// The last one, where the processor and the system have it.
    pub(crate) fn guarded() -> Protection {
        if guards_branches() { Protection::Guarded } else { Protection::ReadExecute }
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protection::Read => "r--",
            Protection::ReadWrite => "rw-",
            Protection::ReadExecute => "r-x",
            Protection::Guarded => "r-x, with marked branch targets",
        })
    }
}
