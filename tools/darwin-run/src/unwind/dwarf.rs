//! DWARF call frame information, by `gimli`: what the compact encoding cannot say, and what is registered at run time.

use gimli::{
    BaseAddresses, CfaRule, EhFrame, FrameDescriptionEntry, LittleEndian, Pointer, Register, RegisterRule,
    UnwindContext, UnwindSection,
};

use super::cursor::Cursor;
use super::{Frame, How};
use crate::libsystem::not_modelled;
use crate::machine::{Machine, Stop};

type Slice<'a> = gimli::EndianSlice<'a, LittleEndian>;

fn bases(m: &Machine, section: u64) -> BaseAddresses {
    BaseAddresses::default().set_eh_frame(section).set_text(m.image.header)
}

/// The FDE at an address, in a section.
fn entry<'a>(
    m: &'a Machine,
    at: u64,
    (start, len): (u64, u64),
) -> Option<(EhFrame<Slice<'a>>, FrameDescriptionEntry<Slice<'a>>)> {
    let section = EhFrame::new(m.memory.bytes(start, len).ok()?, LittleEndian);
    let offset = usize::try_from(at.checked_sub(start)?).ok()?;
    let found = section.fde_from_offset(&bases(m, start), offset.into(), EhFrame::cie_from_offset).ok()?;
    Some((section, found))
}

/// What the FDE at an address says about the function that holds `pc`.
pub(super) fn frame(m: &Machine, at: u64, section: (u64, u64), pc: u64) -> Option<Frame> {
    let (_, found) = entry(m, at, section)?;
    if !found.contains(pc) {
        return None;
    }
    let address = |pointer: Pointer| match pointer {
        Pointer::Direct(address) => Some(address),
        Pointer::Indirect(address) => m.memory.u64(address).ok(),
    };
    Some(Frame {
        start: found.initial_address(),
        data: found.lsda().and_then(address).unwrap_or(0),
        personality: found.personality().and_then(address).unwrap_or(0),
        how: How::Dwarf { entry: at, section },
    })
}

/// The bytes that an FDE which was registered by itself and its CIE lie in: that one is somewhere before or behind it.
fn section(m: &Machine, at: u64) -> Option<(u64, u64)> {
    let end = at + 4 + u64::from(m.memory.u32(at).ok()?);
    let cie = (at + 4).checked_sub(u64::from(m.memory.u32(at + 4).ok()?))?;
    let cie_end = cie + 4 + u64::from(m.memory.u32(cie).ok()?);
    let start = cie.min(at);
    Some((start, end.max(cie_end) - start))
}

/// The range of the function of an FDE that was registered by itself.
pub(super) fn range(m: &Machine, at: u64) -> Option<(u64, u64)> {
    let (_, found) = entry(m, at, section(m, at)?)?;
    Some((found.initial_address(), found.end_address()))
}

/// As [`frame`], of an FDE that was registered by itself.
pub(super) fn registered(m: &Machine, at: u64, pc: u64) -> Option<Frame> {
    frame(m, at, section(m, at)?, pc)
}

/// The caller's registers. `None`: there is no caller.
pub(super) fn step(m: &Machine, at: u64, section: (u64, u64), cursor: &Cursor) -> Result<Option<Cursor>, Stop> {
    let Some((frames, found)) = entry(m, at, section) else { return Ok(None) };
    let mut context = UnwindContext::new();
    let row = found.unwind_info_for_address(&frames, &bases(m, section.0), &mut context, cursor.place());
    let Ok(row) = row else { return Ok(None) };
    let CfaRule::RegisterAndOffset { register, offset } = row.cfa() else {
        return Err(not_modelled("unwinding by a DWARF expression"));
    };
    let cfa = cursor.get(u64::from(register.0)).wrapping_add_signed(*offset);
    let mut next = cursor.clone();
    next.sp = cfa;
    for (register, rule) in row.registers() {
        let number = u64::from(register.0);
        let value = match rule {
            RegisterRule::Undefined => 0,
            RegisterRule::SameValue => cursor.get(number),
            RegisterRule::Offset(offset) => m.memory.u64(cfa.wrapping_add_signed(*offset))?,
            RegisterRule::ValOffset(offset) => cfa.wrapping_add_signed(*offset),
            RegisterRule::Register(Register(other)) => cursor.get(u64::from(*other)),
            _ => return Err(not_modelled("unwinding by a DWARF expression")),
        };
        next.set(number, value);
    }
    next.pc = next.get(u64::from(found.cie().return_address_register().0));
    Ok(Some(next))
}
