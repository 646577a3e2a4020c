//! Who called whom: by unwind tables where there are any, else by frame pointers.
//!
//! Sources: DWARF 5, section 6.4; *System V ABI, AMD64 Supplement*, 3.2.2 and figure 3.36; AAPCS64, 6.4.6 (the frame record)
//! and *DWARF for the Arm 64-bit Architecture*, 4.1.

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EndianSlice, LittleEndian, Register, RegisterRule, UnwindContext,
    UnwindSection, UnwindTableRow,
};
use kiln::{Module, Permission};

use super::context::{Registers, SP_FP_RA};
use super::images;
use crate::memory;

/// More frames are not shown: a recursion has no end worth reading.
const MAX_FRAMES: usize = 64;

type Slice<'s> = EndianSlice<'s, LittleEndian>;

/// Unwind tables (`.eh_frame`) of an input, with the addresses at which it was loaded.
pub(super) struct Tables {
    pub(super) bytes: Vec<u8>,
    /// The address that the tables count from.
    pub(super) address: u64,
}

/// One frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) pc: u64,
    /// An address in the instruction that the frame is at: for callers that is the call, in front of `pc`.
    pub(super) at: u64,
}

/// The registers of a frame, by their numbers in DWARF, with the return address of x86-64 behind them.
#[derive(Clone)]
struct State {
    registers: [u64; 33],
    pc: u64,
}

impl State {
    fn sp(&self) -> u64 {
        self.registers[usize::from(SP_FP_RA[0])]
    }

    fn fp(&self) -> u64 {
        self.registers[usize::from(SP_FP_RA[1])]
    }

    fn set(&mut self, which: usize, value: u64) {
        self.registers[usize::from(SP_FP_RA[which])] = value;
    }
}

/// The frames, the innermost first. The last is the first one outside of the code that was called.
pub(super) fn frames(registers: &Registers, module: Option<&Module>, tables: &[Tables]) -> Vec<Frame> {
    let mut state = State { registers: [0; 33], pc: registers.pc };
    state.registers[..32].copy_from_slice(&registers.general);
    let mut frames = vec![Frame { pc: state.pc, at: state.pc }];
    while frames.len() < MAX_FRAMES {
        let innermost = frames.len() == 1;
        let at = frames.last().map_or(0, |frame| frame.at);
        if !innermost && images::is_command(at) {
            break;
        }
        let by_tables = by_tables(&state, at, tables);
        let Some(mut next) = by_tables.or_else(|| by_convention(&state, innermost, module)) else { break };
        next.pc = without_signature(next.pc);
        // The stack grows downwards: each frame is above the one that it called. Leaf functions may have none.
        if next.pc == 0 || next.sp() < state.sp() || next.sp() == state.sp() && !innermost {
            break;
        }
        frames.push(Frame { pc: next.pc, at: next.pc - 1 });
        state = next;
    }
    frames
}

/// An address without the signature that arm64 may keep in its upper bits.
fn without_signature(address: u64) -> u64 {
    if cfg!(target_arch = "aarch64") && address >> 63 == 0 { address & ((1 << 48) - 1) } else { address }
}

fn word(address: u64) -> Option<u64> {
    let bytes = memory::read(address, 8);
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

fn by_tables(state: &State, at: u64, tables: &[Tables]) -> Option<State> {
    let mut context = UnwindContext::new();
    for table in tables {
        let frames = EhFrame::from(Slice::new(&table.bytes, LittleEndian));
        let bases = BaseAddresses::default().set_eh_frame(table.address);
        if let Ok(row) = frames.unwind_info_for_address(&bases, &mut context, at, EhFrame::cie_from_offset) {
            return apply(state, row);
        }
    }
    let library = images::unwind_tables(at)?;
    let (header, address) = library.header;
    let (segment, start) = library.segment;
    let bases = BaseAddresses::default().set_eh_frame_hdr(address);
    let header = EhFrameHdr::from(Slice::new(header, LittleEndian)).parse(&bases, 8).ok()?;
    let frames = header.eh_frame_ptr().direct().ok()?;
    let bytes = segment.get(usize::try_from(frames.checked_sub(start)?).ok()?..)?;
    let bases = bases.set_eh_frame(frames);
    let frames = EhFrame::from(Slice::new(bytes, LittleEndian));
    let row =
        header.table()?.unwind_info_for_address(&frames, &bases, &mut context, at, EhFrame::cie_from_offset).ok()?;
    apply(state, row)
}

/// The registers of the caller, as a row of the tables says them. `None`: it says what is not followed here.
fn apply(state: &State, row: &UnwindTableRow<usize>) -> Option<State> {
    let get = |register: Register| state.registers.get(usize::from(register.0)).copied();
    let cfa = match row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } => get(*register)?.wrapping_add_signed(*offset),
        CfaRule::Expression(_) => return None,
    };
    let mut next = state.clone();
    for (register, rule) in row.registers() {
        let value = match rule {
            RegisterRule::Undefined if register.0 == SP_FP_RA[2] => return None,
            RegisterRule::Undefined | RegisterRule::SameValue => continue,
            RegisterRule::Offset(offset) => word(cfa.wrapping_add_signed(*offset))?,
            RegisterRule::ValOffset(offset) => cfa.wrapping_add_signed(*offset),
            RegisterRule::Register(other) => get(*other)?,
            // The signature's state, which arm64 keeps in a register that is none.
            _ if register.0 > 32 => continue,
            _ => return None,
        };
        if let Some(to) = next.registers.get_mut(usize::from(register.0)) {
            *to = value;
        }
    }
    next.set(0, cfa);
    next.pc = next.registers[usize::from(SP_FP_RA[2])];
    Some(next)
}

/// By what functions do: they keep a chain of frames, unless they call nothing.
fn by_convention(state: &State, innermost: bool, module: Option<&Module>) -> Option<State> {
    let mut next = state.clone();
    if innermost && let Some(back) = unframed(state, module) {
        next.pc = back;
        if cfg!(target_arch = "x86_64") {
            next.set(0, state.sp() + 8);
        }
        return Some(next);
    }
    let frame = state.fp();
    if !frame.is_multiple_of(8) || frame < state.sp() {
        return None;
    }
    next.pc = word(frame.checked_add(8)?)?;
    next.set(1, word(frame)?);
    next.set(0, frame.checked_add(16)?);
    Some(next)
}

/// The return address of a function that has not made a frame, where that is sure.
fn unframed(state: &State, module: Option<&Module>) -> Option<u64> {
    let symbol = |address: u64| module.and_then(|module| module.symbol_at(address as usize as *const ()));
    let is_entry = symbol(state.pc).is_none_or(|(_, offset)| offset == 0);
    if cfg!(target_arch = "x86_64") {
        let back = word(state.sp())?;
        return (is_entry && is_text(back, module) || is_behind_call(back, module)).then_some(back);
    }
    let back = without_signature(state.registers[30]);
    // Behind a call of its own, a function has the address there in x30.
    let own = symbol(back).zip(symbol(state.pc)).is_some_and(|((own, _), (other, _))| own == other);
    ((is_entry || !own) && is_behind_call(back, module)).then_some(back)
}

/// Whether an address is in code.
fn is_text(address: u64, module: Option<&Module>) -> bool {
    let explained = module.and_then(|module| module.explain(address as usize as *const ()));
    match explained {
        Some(explained) => explained.permission == Some(Permission::Text),
        None => images::file_at(address).is_some(),
    }
}

/// Whether an address is in the loaded code and directly behind a call.
fn is_behind_call(address: u64, module: Option<&Module>) -> bool {
    let inside = module.is_some_and(|module| module.explain((address.wrapping_sub(1)) as usize as *const ()).is_some());
    if !inside || !is_text(address, module) {
        return false;
    }
    if cfg!(target_arch = "aarch64") {
        let call = memory::read(address.wrapping_sub(4), 4);
        let call = call.try_into().map(u32::from_le_bytes).unwrap_or_default();
        return call >> 26 == 0x25 || call & 0xffff_fc1f == 0xd63f_0000;
    }
    let before = memory::read(address.wrapping_sub(7), 7);
    // `call rel32`, or `call *…` (0xff /2) of 2 to 7 bytes.
    before.len() == 7 && (before[2] == 0xe8 || (0..=5).any(|at| before[at] == 0xff && before[at + 1] >> 3 & 7 == 2))
}
