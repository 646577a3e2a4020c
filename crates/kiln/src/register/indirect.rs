//! Functions that are chosen when they are loaded.
#![allow(unsafe_code)] // Calls the functions that choose, which the user vouches for.

use super::sys;
use crate::error::{Error, Result};
use crate::graph::{LinkGraph, Resolved};
use crate::layout::Addresses;

/// What arm64's convention passes: the size of this in bytes, `AT_HWCAP`, `AT_HWCAP2` (glibc,
/// `sysdeps/aarch64/sys/ifunc.h`).
#[repr(C)]
struct Capabilities {
    size: u64,
    hwcap: u64,
    hwcap2: u64,
}

/// Says that a [`Capabilities`] follows.
const HAS_CAPABILITIES: u64 = 1 << 62;

/// Asks the functions that choose indirect functions: the offset in the constants of each slot, and what belongs there.
///
/// # Errors
///
/// One chooses none.
///
/// # Safety
///
/// The image at `addresses` may run.
pub(crate) unsafe fn choose_all(
    graph: &LinkGraph<'_>,
    resolved: &Resolved,
    addresses: &Addresses,
) -> Result<Vec<(usize, u64)>> {
    let mut chosen = Vec::with_capacity(resolved.indirect.len());
    for (index, (section, offset)) in (0u32..).zip(&resolved.indirect) {
        let chooser = addresses.section(graph, *section).wrapping_add(*offset);
        // SAFETY: a symbol of the image says that such a function stands there; the image may run, by the caller's word.
        let function = unsafe { choose(chooser) };
        if function == 0 {
            let error = Error::malformed("the function that chooses an indirect function chose none");
            return Err(graph.error_at(error, graph.section(*section), *offset));
        }
        chosen.push((addresses.indirect_slot(index).0 as usize, function));
    }
    Ok(chosen)
}

/// Asks the function at `chooser` for the address of the function to use.
///
/// # Safety
///
/// A function that chooses one (`STT_GNU_IFUNC`) stands there, and may run.
unsafe fn choose(chooser: u64) -> u64 {
    let (hwcap, hwcap2) = sys::hardware_capabilities();
    let capabilities = Capabilities { size: size_of::<Capabilities>() as u64, hwcap, hwcap2 };
    // Where the convention has no arguments, these are in registers that nobody reads.
    type Chooser = extern "C-unwind" fn(u64, *const Capabilities) -> u64;
    // By its own convention, whatever unwinds to it ends the process.
    extern "C" fn call(chooser: Chooser, hwcap: u64, capabilities: *const Capabilities) -> u64 {
        chooser(hwcap, capabilities)
    }
    // SAFETY: such a function stands there, by the caller's word.
    let chooser = unsafe { std::mem::transmute::<*const (), Chooser>(chooser as usize as *const ()) };
    call(chooser, hwcap | HAS_CAPABILITIES, &raw const capabilities)
}
