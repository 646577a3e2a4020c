//! Functions that are chosen when they are loaded.
#![allow(unsafe_code)] // Calls the functions that choose, which the user vouches for.

use super::sys;

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

/// Asks the function at `chooser` for the address of the function to use.
///
/// # Safety
///
/// A function that chooses one (`STT_GNU_IFUNC`) stands there, and may run.
pub(crate) unsafe fn choose(chooser: u64) -> u64 {
    let (hwcap, hwcap2) = sys::hardware_capabilities();
    let capabilities = Capabilities { size: size_of::<Capabilities>() as u64, hwcap, hwcap2 };
    // Where the convention has no arguments, these are in registers that nobody reads.
    type Chooser = extern "C" fn(u64, *const Capabilities) -> u64;
    // SAFETY: such a function stands there, by the caller's word.
    let chooser = unsafe { std::mem::transmute::<*const (), Chooser>(chooser as usize as *const ()) };
    chooser(hwcap | HAS_CAPABILITIES, &raw const capabilities)
}
