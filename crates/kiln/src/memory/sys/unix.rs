//! Memory mappings, the same on every Unix.
#![allow(unsafe_code)] // mmap, mprotect, munmap.

use std::fs::File;
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

#[cfg(test)]
use super::injection;
use super::{GUARD, Protection, Window};

impl Protection {
    pub(super) fn bits(self) -> libc::c_int {
        match self {
            Protection::Read => libc::PROT_READ,
            Protection::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
            Protection::ReadExecute => libc::PROT_READ | libc::PROT_EXEC,
            Protection::Guarded => Protection::ReadExecute.bits() | GUARD,
        }
    }
}

/// Linux 4.17: fail rather than map elsewhere. Older kernels, and other systems, take the address for a wish.
#[cfg(target_os = "linux")]
const KEEP_WHAT_IS_THERE: libc::c_int = libc::MAP_FIXED_NOREPLACE;
#[cfg(not(target_os = "linux"))]
const KEEP_WHAT_IS_THERE: libc::c_int = 0;

/// Pages of this process that nothing else uses. Unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping is memory of the process, not of a thread; `Mapping` gives out its address, and `protect` and the
// drop take it whole.
unsafe impl Send for Mapping {}
// SAFETY: as above; through a shared reference there is `protect` alone, which the kernel serialises.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes (more than 0), readable and writable, all zeros.
    pub(crate) fn new(len: usize) -> io::Result<Mapping> {
        Mapping::with(len, Protection::ReadWrite.bits(), 0)
    }

    /// Maps `len` bytes with protection bits and flags beside those of private anonymous memory.
    pub(super) fn with(len: usize, protection: libc::c_int, flags: libc::c_int) -> io::Result<Mapping> {
        Mapping::at(0, len, protection, libc::MAP_PRIVATE | libc::MAP_ANON | flags, -1)
    }

    /// Maps `len` bytes (more than 0), readable and writable, all zeros, within a window, as near to its middle as there is
    /// room.
    ///
    /// # Errors
    ///
    /// The system refuses memory; or there is no room, and the error says where there is.
    pub(crate) fn within(window: Window, len: usize) -> io::Result<Mapping> {
        let page = page_size() as usize;
        Mapping::somewhere(Some(window), len, page, Protection::ReadWrite, libc::MAP_PRIVATE | libc::MAP_ANON, -1)
    }

    /// Maps the first `len` bytes of a file, whose pages are of the size `page`, so that what is written through one mapping is
    /// seen through all of them.
    #[cfg(target_os = "linux")]
    pub(super) fn of_file(
        file: &File,
        len: usize,
        page: usize,
        protection: Protection,
        window: Option<Window>,
    ) -> io::Result<Mapping> {
        Mapping::somewhere(window, len, page, protection, libc::MAP_SHARED, file.as_raw_fd())
    }

    /// Maps the first page of a file to be executed, which nobody does: profilers note such mappings.
    #[cfg(target_os = "linux")]
    pub(crate) fn marker(file: &File) -> io::Result<Mapping> {
        let (len, protection) = (page_size() as usize, Protection::ReadExecute);
        Mapping::at(0, len, protection.bits(), libc::MAP_PRIVATE, file.as_raw_fd())
    }

    /// A child that this process forks does not get this mapping.
    #[cfg(target_os = "linux")]
    pub(super) fn keep_from_children(&self) -> io::Result<()> {
        self.advise(libc::MADV_DONTFORK)
    }

    /// Asks for huge pages, which the system gives where it can.
    #[cfg(target_os = "linux")]
    pub(super) fn wish_for_huge_pages(&self) -> io::Result<()> {
        self.advise(libc::MADV_HUGEPAGE)
    }

    #[cfg(target_os = "linux")]
    fn advise(&self, advice: libc::c_int) -> io::Result<()> {
        #[cfg(test)]
        injection::call("madvise")?;
        // SAFETY: the pages belong to this mapping, and neither advice changes what stands in them here.
        let result = unsafe { libc::madvise(self.start.as_ptr().cast(), self.len, advice) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Maps `len` bytes in a window, if there is one, else where the system likes.
    pub(super) fn somewhere(
        window: Option<Window>,
        len: usize,
        page: usize,
        protection: Protection,
        flags: libc::c_int,
        fd: libc::c_int,
    ) -> io::Result<Mapping> {
        let Some(window) = window else { return Mapping::at(0, len, protection.bits(), flags, fd) };
        let mut elsewhere = None;
        for start in window.candidates(len, page) {
            match Mapping::at(start, len, protection.bits(), flags | KEEP_WHAT_IS_THERE, fd) {
                Ok(mapping) if window.holds(mapping.address(), len) => return Ok(mapping),
                // A system that takes the address for a wish.
                Ok(mapping) => elsewhere = Some(mapping.address()),
                Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {}
                Err(error) => return Err(error),
            }
            // Taken since, by another thread: how often is not for tests to count.
            #[cfg(test)]
            injection::uncounted();
        }
        Err(window.failure(len, elsewhere))
    }

    /// Maps at an address, or elsewhere if that is taken (0: anywhere); never over what is there.
    fn at(
        address: usize,
        len: usize,
        protection: libc::c_int,
        flags: libc::c_int,
        fd: libc::c_int,
    ) -> io::Result<Mapping> {
        #[cfg(test)]
        injection::call("mmap")?;
        debug_assert_eq!(flags & libc::MAP_FIXED, 0, "it would replace what is there");
        // SAFETY: a new mapping, without MAP_FIXED: it replaces nothing.
        let start = unsafe { libc::mmap(address as *mut libc::c_void, len, protection, flags, fd, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        #[cfg(test)]
        injection::mapped();
        Ok(Mapping { start, len })
    }

    /// Changes what may be done with the pages of a range of bytes, which begins and ends on a page.
    pub(crate) fn protect(&self, range: Range<usize>, protection: Protection) -> io::Result<()> {
        assert!(range.start <= range.end && range.end <= self.len, "a range of the mapping");
        #[cfg(test)]
        injection::call("mprotect")?;
        // SAFETY: the range lies in the mapping, by the assertion.
        let start = unsafe { self.start.as_ptr().add(range.start) };
        // SAFETY: the pages belong to this mapping; whoever still writes to pages that become read-only holds a
        // reference into `Staged`, which publishing takes by value.
        let result = unsafe { libc::mprotect(start.cast(), range.len(), protection.bits()) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        #[cfg(test)]
        injection::after_call();
        Ok(())
    }

    /// Lets only threads with a right to a protection key write to the pages, or read them: all of them, which stay readable
    /// and writable beside that.
    #[cfg(target_os = "linux")]
    #[allow(dead_code, reason = "called where processors have keys")]
    pub(super) fn put_under_key(&self, key: libc::c_int) -> io::Result<()> {
        #[cfg(test)]
        injection::call("pkey_mprotect")?;
        let protection = Protection::ReadWrite.bits();
        // SAFETY: the pages belong to this mapping, and are as readable and writable as before for whoever has the right.
        let result = unsafe { libc::syscall(libc::SYS_pkey_mprotect, self.start.as_ptr(), self.len, protection, key) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        #[cfg(test)]
        injection::after_call();
        Ok(())
    }

    /// Puts the start of a file in the place of a range of bytes, which begins and ends on a page. It is all or nothing:
    /// what stood there is gone only if this succeeds.
    pub(crate) fn replace(&self, range: Range<usize>, file: &File, protection: Protection) -> io::Result<()> {
        assert!(range.start <= range.end && range.end <= self.len, "a range of the mapping");
        #[cfg(test)]
        injection::call("mmap")?;
        // SAFETY: the range lies in the mapping, by the assertion.
        let start = unsafe { self.start.as_ptr().add(range.start) };
        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
        // SAFETY: what it replaces are pages of this mapping; whoever still refers to them holds a reference into `Staged`,
        // which publishing takes by value.
        let result = unsafe { libc::mmap(start.cast(), range.len(), protection.bits(), flags, file.as_raw_fd(), 0) };
        if result == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        #[cfg(test)]
        injection::after_call();
        Ok(())
    }

    /// Has the system provide the pages of a range of bytes, which are about to be written, all at once instead of each at its
    /// first write; those of the first `huge` bytes in huge pages, if it can. Where it cannot, nothing is different but the
    /// time.
    pub(crate) fn populate(&self, range: Range<usize>, huge: usize) {
        assert!(range.start <= range.end && range.end.max(huge) <= self.len, "a part of the mapping");
        #[cfg(target_os = "linux")]
        {
            let first = range.start - range.start % page_size() as usize;
            for (range, advice) in [(0..huge, libc::MADV_HUGEPAGE), (first..range.end, libc::MADV_POPULATE_WRITE)] {
                if !range.is_empty() {
                    #[cfg(test)]
                    if injection::call("madvise").is_err() {
                        continue;
                    }
                    // SAFETY: in the mapping, by the assertion.
                    let start = unsafe { self.start.add(range.start) };
                    // SAFETY: the pages are this mapping's, and their contents stay (the latter: Linux 5.14).
                    unsafe { libc::madvise(start.as_ptr().cast(), range.len(), advice) };
                }
            }
        }
    }

    /// Gives back what lies outside a range of bytes, which begins and ends on a page. What the system does not take stays.
    pub(crate) fn trim(&mut self, range: Range<usize>) {
        assert!(range.start < range.end && range.end <= self.len, "a part of the mapping");
        let give_back = |start: NonNull<u8>, len: usize| {
            if len == 0 {
                return false;
            }
            #[cfg(test)]
            if injection::call("munmap").is_err() {
                return false;
            }
            // SAFETY: whole pages of this mapping, by the assertion, which it loses; whoever refers to them borrows it.
            unsafe { libc::munmap(start.as_ptr().cast(), len) == 0 }
        };
        // SAFETY: it lies in the mapping, by the assertion.
        if give_back(unsafe { self.start.add(range.end) }, self.len - range.end) {
            self.len = range.end;
        }
        if give_back(self.start, range.start) {
            // SAFETY: as above.
            self.start = unsafe { self.start.add(range.start) };
            self.len -= range.start;
        }
    }

    /// Puts addresses without access in the place of these pages, whatever they are, in one step, so that nobody else gets the
    /// addresses meanwhile. `None`: the system has no room for that, and the pages are unmapped.
    pub(crate) fn poison(self) -> Option<Poisoned> {
        #[cfg(test)]
        injection::call("mmap").ok()?;
        tracing::info!("unmap {} bytes at {:#x}", self.len, self.address());
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED | libc::MAP_NORESERVE;
        // SAFETY: what it replaces are all pages of this mapping, which is taken by value.
        let result = unsafe { libc::mmap(self.start.as_ptr().cast(), self.len, libc::PROT_NONE, flags, -1, 0) };
        if result == libc::MAP_FAILED {
            tracing::info!("no quarantine: {}", io::Error::last_os_error());
            return None;
        }
        let this = ManuallyDrop::new(self);
        #[cfg(test)]
        injection::unmapped();
        Some(Poisoned { start: this.start, len: this.len })
    }

    #[inline]
    pub(crate) fn pointer(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    #[inline]
    pub(crate) fn address(&self) -> usize {
        self.start.as_ptr() as usize
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        tracing::info!("unmap {} bytes at {:#x}", self.len, self.address());
        // SAFETY: `self` owns the mapping; code in it is kept by `Arc<Published>`, of which this was the last.
        unsafe { unmap(self.start, self.len) };
        #[cfg(test)]
        injection::unmapped();
    }
}

/// # Safety
///
/// The range is a mapping, and nobody uses it.
unsafe fn unmap(start: NonNull<u8>, len: usize) {
    // SAFETY: by the caller's word.
    let result = unsafe { libc::munmap(start.as_ptr().cast(), len) };
    // It fails only for a range that is no mapping.
    debug_assert_eq!(result, 0, "munmap: {}", io::Error::last_os_error());
}

/// Addresses of this process at which nothing may be read, written or executed, and nothing else can be mapped by chance. No
/// memory is behind them. Free again when dropped.
#[derive(Debug)]
pub(crate) struct Poisoned {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: addresses of the process, not of a thread, of which nobody can use anything.
unsafe impl Send for Poisoned {}

impl Poisoned {
    /// How far an address is behind the first of these. `None`: it is none of them.
    pub(crate) fn offset_of(&self, address: usize) -> Option<usize> {
        address.checked_sub(self.start.as_ptr() as usize).filter(|offset| *offset < self.len)
    }
}

impl Drop for Poisoned {
    fn drop(&mut self) {
        tracing::trace!("the quarantine of {} bytes at {:p} ends", self.len, self.start);
        // SAFETY: `poison` mapped it, and nothing can be done with it.
        unsafe { unmap(self.start, self.len) };
    }
}

/// Writes all of `bytes` to a file.
pub(crate) fn fill(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    #[cfg(test)]
    injection::call("write")?;
    file.write_all(bytes)
}

/// The size of a page, in bytes.
pub(in crate::memory::sys) fn page_size() -> u64 {
    // SAFETY: asks for a number.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).ok().filter(|size| size.is_power_of_two()).unwrap_or(0x1_0000)
}

/// The size of a huge page, in bytes: what one page of addresses of pages makes (Linux: `PMD_SIZE`).
pub(crate) fn huge_page() -> usize {
    let page = page_size() as usize;
    page / 8 * page
}

/// How many of the first `len` bytes of memory, which are about to be written, had better be in huge pages; the last of those
/// may exceed them. One costs as much time as 50 to 150 others, by what is in the caches, and is taken where half of it is
/// wanted.
pub(crate) fn in_huge_pages(len: usize) -> usize {
    let huge = huge_page();
    let rest = len % huge;
    if cfg!(target_os = "linux") { len - rest + if rest >= huge / 2 { huge } else { 0 } } else { 0 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn huge_pages_are_for_what_fills_half_of_one() {
        let huge = huge_page();
        assert!(huge.is_power_of_two() && huge > page_size() as usize);
        let wanted = |pages: usize| if cfg!(target_os = "linux") { pages * huge } else { 0 };
        assert_eq!([0, 1, huge / 2 - 1].map(in_huge_pages), [0; 3]);
        assert_eq!([huge / 2, huge, huge + huge / 2 - 1].map(in_huge_pages), [wanted(1); 3]);
        assert_eq!([huge + huge / 2, 2 * huge].map(in_huge_pages), [wanted(2); 2]);
    }

    #[test]
    fn what_is_trimmed_is_gone_and_the_rest_stays() {
        let page = page_size() as usize;
        let mut mapping = Mapping::new(4 * page).unwrap();
        let first = mapping.address();
        let third = mapping.pointer().wrapping_add(2 * page);
        // SAFETY: the third page is this mapping's, and nobody else uses it.
        let third = unsafe { std::slice::from_raw_parts_mut(third, page) };
        third.fill(7);
        mapping.trim(2 * page..3 * page);
        assert_eq!((mapping.address(), mapping.len()), (first + 2 * page, page));
        assert!(third.iter().all(|byte| *byte == 7));
        mapping.trim(0..page);
        assert_eq!(mapping.len(), page);
    }
}
