//! The memory of the emulated process: what is mapped, what may be done with it, and by which thread.

mod icache;
mod window;
pub(crate) mod xnu;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;

use crate::verdict::{Fault, Reason};
use icache::InstructionCache;
use window::Window;
pub(crate) use window::{END, START, map_into};

/// The size of a page of Apple Silicon.
pub(crate) const PAGE: u64 = 0x4000;

pub(crate) const READ: u8 = 1;
pub(crate) const WRITE: u8 = 2;
pub(crate) const EXECUTE: u8 = 4;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    Read,
    Write,
    Fetch,
}

/// How a thread sees `MAP_JIT` memory.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum JitMode {
    /// As every thread starts. Apple's documentation does not say so; code in the wild relies on it.
    #[default]
    Execute,
    Write,
}

/// Where the bytes of a mapping come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The program's file, which its signature covers, and what the model itself provides.
    Signed,
    Anonymous,
    File,
    /// `MAP_JIT`
    Jit,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Region {
    pub(crate) end: u64,
    pub(crate) protection: u8,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
struct State {
    /// By first address; they do not overlap.
    regions: BTreeMap<u64, Region>,
    icache: InstructionCache,
    jit_mode: JitMode,
    /// The lowest address for what is mapped at run time: what lies below is the program and the model.
    floor: u64,
    /// Whether executing what no signature covers is a kill.
    enforced: bool,
    /// Whether the processor's view of protections is out of date.
    changed: bool,
    /// Whether the processor may have a view of `MAP_JIT` memory.
    jit_seen: bool,
}

#[derive(Debug)]
pub(crate) struct Memory {
    window: Window,
    state: RefCell<State>,
}

impl Memory {
    pub(crate) fn new() -> io::Result<Memory> {
        let state = State {
            regions: BTreeMap::new(),
            icache: InstructionCache::default(),
            jit_mode: JitMode::default(),
            floor: START,
            enforced: false,
            changed: false,
            jit_seen: false,
        };
        Ok(Memory { window: Window::reserve()?, state: RefCell::new(state) })
    }

    /// Kills on the execution of what no signature covers, from now on.
    pub(crate) fn enforce_signatures(&self) {
        self.state.borrow_mut().enforced = true;
    }

    /// Maps nothing below this address from now on.
    pub(crate) fn set_floor(&self, floor: u64) {
        self.state.borrow_mut().floor = floor;
    }

    pub(crate) fn set_jit_mode(&self, mode: JitMode) {
        let mut state = self.state.borrow_mut();
        state.changed |= state.jit_mode != mode && state.jit_seen;
        state.jit_mode = mode;
    }

    /// What the processor knows of protections is out of date.
    pub(crate) fn set_changed(&self) {
        self.state.borrow_mut().changed = true;
    }

    /// Whether protections have changed since the last call.
    pub(crate) fn take_changed(&self) -> bool {
        let mut state = self.state.borrow_mut();
        let changed = std::mem::take(&mut state.changed);
        state.jit_seen &= !changed;
        changed
    }

    /// The first address at or above `from` where `len` bytes are free; `len` in whole pages.
    pub(crate) fn find(&self, from: u64, len: u64) -> Option<u64> {
        let state = self.state.borrow();
        let mut start = from.max(state.floor).next_multiple_of(PAGE);
        if let Some((_, region)) = state.regions.range(..=start).next_back() {
            start = start.max(region.end);
        }
        for (&next, region) in state.regions.range(start..) {
            if next - start >= len {
                break;
            }
            start = region.end;
        }
        (start.checked_add(len)? <= END).then_some(start)
    }

    /// Whether nothing is mapped in a range, which lies in the window.
    pub(crate) fn is_free(&self, start: u64, len: u64) -> bool {
        let state = self.state.borrow();
        let before = state.regions.range(..start + len).next_back();
        Window::contains(start, len) && before.is_none_or(|(_, region)| region.end <= start)
    }

    /// Whether a mapping may be made there at run time.
    pub(crate) fn may_map(&self, start: u64, len: u64) -> bool {
        start >= self.state.borrow().floor && Window::contains(start, len)
    }

    /// Maps zeros, in place of what is there.
    pub(crate) fn map(&self, start: u64, len: u64, protection: u8, kind: Kind) -> io::Result<()> {
        self.unmap(start, len)?;
        self.window.open(start, len)?;
        self.state.borrow_mut().regions.insert(start, Region { end: start + len, protection, kind });
        Ok(())
    }

    /// Maps a part of a file, in place of what is there.
    pub(crate) fn map_file(
        &self,
        start: u64,
        len: u64,
        protection: u8,
        (fd, offset, shared): (i32, i64, bool),
    ) -> io::Result<()> {
        self.unmap(start, len)?;
        self.window.open_file(start, len, fd, offset, shared, protection & WRITE != 0)?;
        self.state.borrow_mut().regions.insert(start, Region { end: start + len, protection, kind: Kind::File });
        Ok(())
    }

    /// Lays a part of a file over a part of a mapping; what is written there later stays out of the file. The range is
    /// in pages of the host.
    pub(crate) fn lay_file(&self, start: u64, len: u64, fd: i32, offset: i64) -> io::Result<()> {
        self.window.open_file(start, len, fd, offset, false, true)
    }

    pub(crate) fn unmap(&self, start: u64, len: u64) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        let parts = state.cut(start, start + len);
        if !parts.is_empty() {
            self.window.close(start, len)?;
        }
        for part in parts {
            state.regions.remove(&part);
        }
        state.icache.forget(start, len);
        state.changed = true;
        Ok(())
    }

    /// Changes the protection of a range. False, and nothing changed: something in it is not mapped.
    pub(crate) fn protect(&self, start: u64, len: u64, protection: u8) -> bool {
        let mut state = self.state.borrow_mut();
        if !state.is_mapped(start, start + len) {
            return false;
        }
        for part in state.cut(start, start + len) {
            if let Some(region) = state.regions.get_mut(&part) {
                region.protection = protection;
            }
        }
        state.changed = true;
        true
    }

    /// The mapping that holds an address, or the next one above it.
    pub(crate) fn region_from(&self, address: u64) -> Option<(u64, Region)> {
        let state = self.state.borrow();
        let holding = state.regions.range(..=address).next_back().filter(|(_, region)| address < region.end);
        holding.or_else(|| state.regions.range(address..).next()).map(|(&start, &region)| (start, region))
    }

    /// The mapping that holds an address.
    pub(crate) fn region(&self, address: u64) -> Option<(u64, Region)> {
        self.region_from(address).filter(|(start, _)| *start <= address)
    }

    /// The mappings of a range.
    pub(crate) fn regions(&self, start: u64, len: u64) -> Vec<Region> {
        let mut found = Vec::new();
        let mut address = start;
        while let Some((first, region)) = self.region_from(address).filter(|(first, _)| *first < start + len) {
            debug_assert!(first < region.end);
            found.push(region);
            address = region.end;
        }
        found
    }

    /// What the running thread may do with the page of an address: protection bits. An error says why not even `access`.
    pub(crate) fn allowed(&self, address: u64, access: Access) -> Result<u8, Fault> {
        let mut state = self.state.borrow_mut();
        let fault = |reason| Fault { address, access, reason };
        let region = state.regions.range(..=address).next_back().map(|(_, region)| region);
        let Some(&region) = region.filter(|region| address < region.end) else {
            return Err(fault(Reason::Unmapped));
        };
        let by_thread = region.kind == Kind::Jit && region.protection == READ | WRITE | EXECUTE;
        let mut allowed = region.protection;
        if by_thread {
            state.jit_seen = true;
            allowed &= if state.jit_mode == JitMode::Write { !EXECUTE } else { !WRITE };
        }
        let unsigned = matches!(region.kind, Kind::Anonymous | Kind::File) && state.enforced;
        if unsigned {
            allowed &= !EXECUTE;
        }
        let wanted = match access {
            Access::Read => READ,
            Access::Write => WRITE,
            Access::Fetch => EXECUTE,
        };
        if allowed & wanted != 0 {
            return Ok(allowed);
        }
        Err(fault(match access {
            Access::Write if by_thread => Reason::JitWrite,
            Access::Fetch if by_thread => Reason::JitExecute,
            Access::Fetch if unsigned && region.protection & EXECUTE != 0 => Reason::CodeSigning,
            _ => Reason::Protected,
        }))
    }

    fn check(&self, start: u64, len: u64, access: Access) -> Result<(), Fault> {
        let fault = |address| Fault { address, access, reason: Reason::Unmapped };
        let end = start.checked_add(len).ok_or(fault(start))?;
        let mut address = start;
        while address < end {
            self.allowed(address, access)?;
            address = self.region(address).ok_or(fault(address))?.1.end;
        }
        Ok(())
    }

    /// Bytes that the running thread may read. The slice is not to be kept across a run of the processor.
    pub(crate) fn bytes(&self, start: u64, len: u64) -> Result<&[u8], Fault> {
        self.check(start, len, Access::Read)?;
        Ok(self.window.slice(start, len))
    }

    /// Bytes that the running thread may write. The slice is not to be kept across a run of the processor.
    #[allow(clippy::mut_from_ref)] // See `Window::slice_mut`.
    pub(crate) fn bytes_mut(&self, start: u64, len: u64) -> Result<&mut [u8], Fault> {
        self.check(start, len, Access::Write)?;
        Ok(self.window.slice_mut(start, len))
    }

    /// Writes whatever the protection: what the kernel and the dynamic linker do.
    pub(crate) fn poke(&self, start: u64, bytes: &[u8]) -> Result<(), Fault> {
        let fault = |address| Fault { address, access: Access::Write, reason: Reason::Unmapped };
        let end = start.checked_add(bytes.len() as u64).ok_or(fault(start))?;
        if !self.state.borrow().is_mapped(start, end) {
            return Err(fault(start));
        }
        self.window.slice_mut(start, bytes.len() as u64).copy_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn get<const N: usize>(&self, at: u64) -> Result<[u8; N], Fault> {
        let mut value = [0; N];
        value.copy_from_slice(self.bytes(at, N as u64)?);
        Ok(value)
    }

    pub(crate) fn u64(&self, at: u64) -> Result<u64, Fault> {
        self.get(at).map(u64::from_le_bytes)
    }

    pub(crate) fn u32(&self, at: u64) -> Result<u32, Fault> {
        self.get(at).map(u32::from_le_bytes)
    }

    pub(crate) fn i32(&self, at: u64) -> Result<i32, Fault> {
        self.get(at).map(i32::from_le_bytes)
    }

    pub(crate) fn u16(&self, at: u64) -> Result<u16, Fault> {
        self.get(at).map(u16::from_le_bytes)
    }

    pub(crate) fn put(&self, at: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.bytes_mut(at, bytes.len() as u64)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn put_u64(&self, at: u64, value: u64) -> Result<(), Fault> {
        self.put(at, &value.to_le_bytes())
    }

    pub(crate) fn put_u32(&self, at: u64, value: u32) -> Result<(), Fault> {
        self.put(at, &value.to_le_bytes())
    }

    /// A C string, without its NUL.
    pub(crate) fn string(&self, at: u64) -> Result<&[u8], Fault> {
        let mut len = 0;
        loop {
            self.allowed(at + len, Access::Read)?;
            let room = self.region(at + len).map_or(0, |(_, region)| region.end - (at + len));
            let bytes = self.window.slice(at + len, room);
            if let Some(nul) = bytes.iter().position(|&byte| byte == 0) {
                return Ok(self.window.slice(at, len + nul as u64));
            }
            len += room;
        }
    }

    /// What `sys_icache_invalidate` does.
    pub(crate) fn invalidate_icache(&self, start: u64, len: u64) -> Result<(), Fault> {
        let first = start & !3;
        let len = (start + len).next_multiple_of(4) - first;
        self.check(first, len, Access::Read)?;
        self.state.borrow_mut().icache.take(first, self.window.slice(first, len));
        Ok(())
    }

    /// Whether a block of instructions, about to be executed, holds one that the instruction cache may not know.
    pub(crate) fn stale(&self, start: u64, len: u64) -> Option<u64> {
        let state = self.state.borrow();
        let signed = state.regions.range(..=start).next_back().is_none_or(|(_, region)| region.kind == Kind::Signed);
        if signed { None } else { state.icache.stale(start, self.window.slice(start, len)) }
    }
}

impl State {
    fn is_mapped(&self, start: u64, end: u64) -> bool {
        let mut address = start;
        while address < end {
            match self.regions.range(..=address).next_back() {
                Some((_, region)) if address < region.end => address = region.end,
                _ => return false,
            }
        }
        true
    }

    /// Splits mappings at the ends of a range, and gives the first addresses of those inside it.
    fn cut(&mut self, start: u64, end: u64) -> Vec<u64> {
        for at in [start, end] {
            let holding = self.regions.range_mut(..at).next_back().filter(|(_, region)| at < region.end);
            if let Some((_, region)) = holding {
                let rest = *region;
                region.end = at;
                self.regions.insert(at, rest);
            }
        }
        self.regions.range(start..end).map(|(&start, _)| start).collect()
    }
}

#[cfg(test)]
mod tests;
