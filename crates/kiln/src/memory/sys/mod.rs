//! The operating systems: the only place where one is named. A port is a file here, with the same names.
//!
//! - `HOST_OS`: which one it is.
//! - `situation()`: what this process is allowed.
//! - `map_jit`, `write_jit`: memory for [`Strategy::ThreadToggle`](super::Strategy::ThreadToggle).
//! - `shared_file`: memory with two addresses, for [`Strategy::DualMapping`](super::Strategy::DualMapping).
//! - `map_dual`: both addresses of it, for the heap.
//! - `map_keyed`, `KeyWriting`: the same, for [`Strategy::ProtectionKeys`](super::Strategy::ProtectionKeys).
//! - `huge_page`, `in_huge_pages`: where memory had better be in pages larger than the others.
//! - `Window`, `Mapping::within`: memory near an address.
//! - `is_in_a_file`: whether an address belongs to a file that was loaded; `changes_of_files`: whether there are new ones.
//! - `clean_caches`: makes written instructions visible to instruction fetches.
//! - `serialize_cores`: lets every core forget what it has fetched already.
//! - `forks`: tells a process from its children.

#[cfg(target_os = "macos")]
mod apple;
mod barrier;
mod dual;
mod files;
pub(crate) mod forks;
mod keys;
#[cfg(target_os = "linux")]
mod linux;
mod near;
mod unix;

#[cfg(target_os = "macos")]
pub(crate) use apple::{HOST_OS, clean_caches, map_jit, shared_file, situation, write_jit};
pub(crate) use barrier::serialize_cores;
pub(crate) use dual::map_dual;
pub(crate) use files::{changes_of_files, is_in_a_file};
pub(crate) use keys::{KeyWriting, map_keyed};
#[cfg(target_os = "linux")]
pub(crate) use linux::{HOST_OS, clean_caches, map_jit, shared_file, situation, write_jit};
pub(crate) use near::Window;
#[cfg(test)]
pub(crate) use unix::injection;
pub(crate) use unix::{Mapping, Poisoned, Protection, fill, huge_page, in_huge_pages};

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
compile_error!("kiln runs on Linux and macOS");
