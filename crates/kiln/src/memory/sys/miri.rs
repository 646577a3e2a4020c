//! The system that Miri interprets programs for: ordinary allocations stand in for mappings. Nothing can be executed there, but Miri
//! sees every access that the heap and images make to their memory: whether it is theirs, and ordered with those of other threads.
//!
//! Memory with two addresses has one here, so an access through either is an access to both. What may be done with a page is not
//! looked after: the tests that run natively do that.
#![allow(unsafe_code)] // The allocator.

use std::alloc::{self, Layout};
use std::cell::RefCell;
use std::ffi::CStr;
use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;

#[cfg(test)]
use super::injection;
use super::{Protection, Window};
use crate::memory::situation::{Answer, Situation, Strategy};
use crate::target::{Os, Target};

pub(crate) const HOST_OS: Os = Os::Linux;

/// Code for this system is not marked by notes.
pub(crate) fn guards_branches() -> bool {
    false
}
const PAGE: usize = 4096;

/// Everything is allowed but what processors have registers for.
pub(crate) fn situation() -> Situation {
    let mut situation = Situation { page_size: page_size(), ..Situation::unrestricted(Target::host()) };
    situation.linux.protection_keys = Answer::Refused { call: "pkey_alloc", errno: libc::ENOSYS };
    situation
}

pub(in crate::memory::sys) fn page_size() -> u64 {
    PAGE as u64
}

pub(crate) fn huge_page() -> usize {
    PAGE / 8 * PAGE
}

pub(crate) fn in_huge_pages(_len: usize) -> usize {
    0
}

/// Memory that mappings have a part in, freed with the last.
#[derive(Debug)]
struct Pages {
    start: NonNull<u8>,
    layout: Layout,
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `Mapping::new`; of this memory there is no mapping any more.
        unsafe { alloc::dealloc(self.start.as_ptr(), self.layout) };
    }
}

/// Pages of this process that nothing else uses, or that two mappings have.
#[derive(Debug)]
pub(crate) struct Mapping {
    pages: Arc<Pages>,
    range: Range<usize>,
}

// SAFETY: memory of the process, not of a thread; `Mapping` gives out its address, and the drop takes it whole.
unsafe impl Send for Mapping {}
// SAFETY: as above; through a shared reference nothing is done to it.
unsafe impl Sync for Mapping {}

impl Mapping {
    pub(crate) fn new(len: usize) -> io::Result<Mapping> {
        #[cfg(test)]
        injection::call("mmap")?;
        assert!(len > 0, "a mapping of nothing");
        let layout = Layout::from_size_align(len.next_multiple_of(PAGE), PAGE).map_err(io::Error::other)?;
        // SAFETY: the layout is not of size 0, by the assertion.
        let start = unsafe { alloc::alloc_zeroed(layout) };
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        #[cfg(test)]
        injection::mapped();
        Ok(Mapping { pages: Arc::new(Pages { start, layout }), range: 0..len })
    }

    /// Miri chooses the address.
    pub(crate) fn within(window: Window, len: usize) -> io::Result<Mapping> {
        let mapping = Mapping::new(len)?;
        if window.holds(mapping.address(), len) { Ok(mapping) } else { Err(window.failure(len, None)) }
    }

    pub(crate) fn marker(_file: &std::fs::File) -> io::Result<Mapping> {
        Mapping::new(PAGE)
    }

    pub(crate) fn protect(&self, range: Range<usize>, _protection: Protection) -> io::Result<()> {
        self.assert_is_of_pages(&range);
        #[cfg(test)]
        injection::call("mprotect")?;
        #[cfg(test)]
        injection::after_call();
        Ok(())
    }

    pub(crate) fn replace(&self, range: Range<usize>, file: &SharedFile, _protection: Protection) -> io::Result<()> {
        self.assert_is_of_pages(&range);
        #[cfg(test)]
        injection::call("mmap")?;
        let mut bytes = file.0.take();
        bytes.resize(range.len(), 0);
        // SAFETY: in the mapping, which `Staged` has to itself, and has given up by publishing.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.pointer().add(range.start), bytes.len()) };
        #[cfg(test)]
        injection::after_call();
        Ok(())
    }

    pub(crate) fn populate(&self, range: Range<usize>, huge: usize) {
        assert!(range.start <= range.end && range.end.max(huge) <= self.len(), "a part of the mapping");
    }

    /// What is given back is freed with the rest.
    pub(crate) fn trim(&mut self, range: Range<usize>) {
        self.assert_is_of_pages(&range);
        self.range = self.range.start + range.start..self.range.start + range.end;
    }

    /// The memory is freed, so that Miri reports what still uses it.
    pub(crate) fn poison(self) -> Option<Poisoned> {
        #[cfg(test)]
        injection::call("mmap").ok()?;
        Some(Poisoned { start: self.address(), len: self.len() })
    }

    pub(crate) fn pointer(&self) -> *mut u8 {
        self.pages.start.as_ptr().wrapping_add(self.range.start)
    }

    pub(crate) fn address(&self) -> usize {
        self.pointer().expose_provenance()
    }

    pub(crate) fn len(&self) -> usize {
        self.range.len()
    }

    fn assert_is_of_pages(&self, range: &Range<usize>) {
        assert!(range.start <= range.end && range.end <= self.len(), "a range of the mapping");
        let (start, end) = (self.range.start + range.start, self.range.start + range.end);
        assert!(start.is_multiple_of(PAGE) && (end.is_multiple_of(PAGE) || range.end == self.len()), "whole pages");
    }
}

#[cfg(test)]
impl Drop for Mapping {
    fn drop(&mut self) {
        injection::unmapped();
    }
}

/// Addresses that were poisoned. Others may get them here.
#[derive(Debug)]
pub(crate) struct Poisoned {
    start: usize,
    len: usize,
}

impl Poisoned {
    pub(crate) fn offset_of(&self, address: usize) -> Option<usize> {
        address.checked_sub(self.start).filter(|offset| *offset < self.len)
    }
}

/// One memory with two handles, and one address.
pub(crate) fn map_dual(len: usize, window: Option<Window>, _huge: bool) -> io::Result<(Mapping, Mapping)> {
    let runs = window.map_or_else(|| Mapping::new(len), |window| Mapping::within(window, len))?;
    #[cfg(test)]
    injection::call("mmap")?;
    let writes = Mapping { pages: Arc::clone(&runs.pages), range: runs.range.clone() };
    #[cfg(test)]
    injection::mapped();
    Ok((runs, writes))
}

/// What a file in memory is: its bytes.
#[derive(Debug, Default)]
pub(crate) struct SharedFile(RefCell<Vec<u8>>);

pub(crate) fn shared_file() -> io::Result<SharedFile> {
    #[cfg(test)]
    injection::call("memfd_create")?;
    Ok(SharedFile::default())
}

pub(crate) fn fill(file: &SharedFile, bytes: &[u8]) -> io::Result<()> {
    #[cfg(test)]
    injection::call("write")?;
    file.0.borrow_mut().extend_from_slice(bytes);
    Ok(())
}

/// As in the tests on Linux, images in two pieces are of ordinary memory.
pub(crate) fn map_jit(len: usize) -> io::Result<Mapping> {
    Mapping::new(len)
}

/// # Safety
///
/// The mapping is one of `map_jit`; from `offset` on it has room for `code`, and nobody uses it.
pub(crate) unsafe fn write_jit(_strategy: Strategy, to: &Mapping, offset: usize, code: &[u8]) -> io::Result<()> {
    assert!(offset.checked_add(code.len()).is_some_and(|end| end <= to.len()), "a range of the mapping");
    // SAFETY: in the mapping, by the assertion, and used by nobody, by the caller's word; `code` lies elsewhere.
    unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), to.pointer().wrapping_add(offset), code.len()) };
    to.protect(0..to.len(), Protection::ReadExecute)
}

pub(crate) fn clean_caches(_start: usize, _len: usize) {}

pub(crate) fn serialize_cores() -> bool {
    #[cfg(test)]
    if injection::call("membarrier").is_err() {
        return false;
    }
    true
}

pub(crate) fn changes_of_files() -> Option<(u64, u64)> {
    None
}

pub(crate) fn is_in_a_file(_address: usize) -> bool {
    false
}

pub(crate) fn is_lasting(_name: &CStr, _address: usize) -> bool {
    false
}
