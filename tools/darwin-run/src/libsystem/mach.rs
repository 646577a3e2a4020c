//! `<mach/mach_vm.h>`: what a process may ask of its own memory.

use crate::machine::{Answer, Function, Machine, Stop};
use crate::memory::{EXECUTE, READ, WRITE};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[("_mach_vm_region", region)];

/// `mach_vm_region(task, address, size, flavor, info, count, object)`: the region at or above an address, as
/// `vm_region_basic_info_64` (xnu: osfmk/mach/vm_region.h).
fn region(m: &mut Machine) -> Answer {
    const KERN_INVALID_ADDRESS: u64 = 1;
    const KERN_INVALID_ARGUMENT: u64 = 4;
    const BASIC_INFO_64: u64 = 9;
    /// In words of 4 bytes.
    const LENGTH: u32 = 9;
    let [address, size, flavor, info, count, object] = [1, 2, 3, 4, 5, 6].map(|number| m.x(number));
    if flavor & 0xffff_ffff != BASIC_INFO_64 || m.memory.u32(count)? < LENGTH {
        return Ok(KERN_INVALID_ARGUMENT);
    }
    let Some((start, region)) = m.memory.region_from(m.memory.u64(address)?) else { return Ok(KERN_INVALID_ADDRESS) };
    let put = |m: &Machine, at: u64, value: u32| -> Result<(), Stop> { Ok(m.memory.put_u32(at, value)?) };
    // Darwin's bits are the model's.
    put(m, info, u32::from(region.protection))?;
    put(m, info + 4, u32::from(READ | WRITE | EXECUTE))?;
    m.memory.put(info + 8, &[0; 4 * LENGTH as usize - 8])?;
    put(m, count, LENGTH)?;
    put(m, object, 0)?;
    m.memory.put_u64(address, start)?;
    m.memory.put_u64(size, region.end - start)?;
    Ok(0)
}
