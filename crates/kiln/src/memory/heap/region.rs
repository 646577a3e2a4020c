//! Memory of the heap as the system gives it, and the one place where it is written, published and trapped.
#![allow(unsafe_code)] // Writes to memory that it mapped itself.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};
use crate::fixup;
use crate::memory::icache::{SERIALIZE, Serialize};
use crate::memory::situation::Strategy;
use crate::memory::sys::{self, KeyWriting, Mapping, Protection, Window};
use crate::target::Target;

/// What a heap has of the system's memory.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) bytes: AtomicUsize,
    pub(super) regions: AtomicUsize,
}

/// A mapping, or two of the same memory.
#[derive(Debug)]
pub(super) struct Region {
    totals: Arc<Totals>,
    strategy: Strategy,
    runs: Mapping,
    writes: Option<Mapping>,
}

/// A range of a region that one piece of code has to itself, to be written and published. It ends with traps.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// By offset: whole granules.
    pub(super) range: Range<usize>,
    /// How much of it is code, in bytes.
    pub(super) len: usize,
    /// Whether something may have been executed there before.
    pub(super) reused: bool,
}

impl Region {
    /// Maps `len` bytes, a multiple of the page size: zeros.
    pub(super) fn map(
        strategy: Strategy,
        len: usize,
        window: Option<Window>,
        huge: bool,
        totals: &Arc<Totals>,
    ) -> io::Result<Region> {
        let (runs, writes) = match (strategy, window) {
            (Strategy::DualMapping, _) => {
                let (runs, writes) = sys::map_dual(len, window, huge)?;
                (runs, Some(writes))
            }
            (Strategy::Seal, Some(window)) => (Mapping::within(window, len)?, None),
            (Strategy::Seal, None) => (Mapping::new(len)?, None),
            (Strategy::ThreadToggle | Strategy::ToggleCallback, _) => (sys::map_jit(len)?, None),
            (Strategy::ProtectionKeys, _) => {
                let (runs, writes) = sys::map_keyed(len, window, huge)?;
                (runs, Some(writes))
            }
        };
        tracing::info!("map {len} bytes at {:#x} for the heap: {strategy}", runs.address());
        totals.bytes.fetch_add(len, Ordering::Relaxed);
        totals.regions.fetch_add(1, Ordering::Relaxed);
        Ok(Region { totals: Arc::clone(totals), strategy, runs, writes })
    }

    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    pub(super) fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// The address at which a byte is written, where any thread may write there at any time; else null.
    pub(super) fn always_writable(&self, offset: usize) -> *mut u8 {
        if self.strategy == Strategy::DualMapping { self.pointer(offset) } else { std::ptr::null_mut() }
    }

    /// Makes memory that was never used ready: the system provides it at once, and it is filled with traps.
    ///
    /// # Safety
    ///
    /// The range is the caller's alone, and of this process.
    pub(super) unsafe fn provide(&self, range: Range<usize>) {
        if self.strategy == Strategy::Seal {
            // Pages that cannot be written now cannot be executed either.
            return;
        }
        let _writing = self.writing();
        if let Some(writes) = &self.writes {
            writes.populate(range.clone(), 0);
        }
        // SAFETY: as the caller says.
        if let Err(error) = unsafe { self.fill(range) } {
            tracing::warn!("free room of the heap is not filled with traps: {error}");
        }
    }

    /// Whether threads cannot write through a pointer, but copy by a call of the system's.
    fn is_toggled(&self) -> bool {
        matches!(self.strategy, Strategy::ThreadToggle | Strategy::ToggleCallback)
    }

    /// The right to write, where a thread must have it.
    #[inline]
    fn writing(&self) -> Option<KeyWriting> {
        (self.strategy == Strategy::ProtectionKeys).then(KeyWriting::begin)
    }

    /// The address at which a byte is executed.
    #[inline]
    pub(super) fn address(&self, offset: usize) -> usize {
        self.runs.address() + offset
    }

    /// The address at which a byte is written.
    #[inline]
    fn pointer(&self, offset: usize) -> *mut u8 {
        let mapping = self.writes.as_ref().unwrap_or(&self.runs);
        debug_assert!(offset <= mapping.len());
        mapping.pointer().wrapping_add(offset)
    }

    /// The bytes of a place, to be written where they stand.
    ///
    /// # Safety
    ///
    /// The place is the caller's alone for as long as the slice is, was not published, and belongs to this process; the strategy
    /// is not one under which [`prepare`](Region::prepare) gives other memory.
    #[allow(clippy::mut_from_ref, reason = "of memory that this region does not refer to")]
    pub(super) unsafe fn bytes(&self, place: &Place) -> &mut [u8] {
        debug_assert!(!self.is_toggled() && self.strategy != Strategy::ProtectionKeys);
        // SAFETY: in the mapping, initialised by the system, writable until the place is published, and the caller's alone.
        unsafe { std::slice::from_raw_parts_mut(self.pointer(place.range.start), place.len) }
    }

    /// Makes a place full of traps, to be written by and by: where it stands, or in memory that this gives.
    ///
    /// # Safety
    ///
    /// The place is the caller's alone, was not published, and belongs to this process.
    #[inline]
    pub(super) unsafe fn prepare(&self, place: &Place) -> io::Result<Option<Box<[u8]>>> {
        match self.strategy {
            // Free memory is full of traps.
            Strategy::DualMapping => Ok(None),
            Strategy::Seal => {
                // SAFETY: as the caller says.
                unsafe { self.fill(place.range.clone()) }?;
                Ok(None)
            }
            _ => {
                let mut bytes = vec![0; place.len].into_boxed_slice();
                fixup::fill_with_traps(Target::host().arch(), &mut bytes, 0..place.len);
                Ok(Some(bytes))
            }
        }
    }

    /// Copies `code` to the start of a place.
    ///
    /// # Safety
    ///
    /// The place is the caller's alone, was not published, and belongs to this process.
    #[inline]
    pub(super) unsafe fn write(&self, place: &Place, code: &[u8]) -> io::Result<()> {
        // SAFETY: as the caller says, and no longer than the place.
        unsafe { self.copy(place.range.start, code)? };
        // Free memory is full of traps, but where its pages are not executable.
        if self.strategy == Strategy::Seal {
            let tail = place.range.start + place.len..place.range.end;
            // SAFETY: the rest of the place, as the caller says.
            unsafe { self.fill(tail)? };
        }
        Ok(())
    }

    /// # Safety
    ///
    /// The bytes behind `offset` are in the region, the caller's alone, writable, and of this process.
    #[inline]
    unsafe fn copy(&self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        debug_assert!(offset + bytes.len() <= self.len());
        if self.is_toggled() {
            // SAFETY: a mapping of `map_jit`; the rest as the caller says.
            return unsafe { sys::write_jit(self.strategy, &self.runs, offset, bytes) };
        }
        let _writing = self.writing();
        // SAFETY: in the mapping, writable, and nobody else's, by the caller's word.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.pointer(offset), bytes.len()) };
        Ok(())
    }

    /// Fills a range with instructions that trap.
    ///
    /// # Safety
    ///
    /// As for [`copy`](Region::copy).
    #[inline]
    pub(super) unsafe fn fill(&self, range: Range<usize>) -> io::Result<()> {
        debug_assert!(range.end <= self.len());
        if range.is_empty() {
            return Ok(());
        }
        let arch = Target::host().arch();
        let len = range.len();
        if self.is_toggled() {
            let mut traps = vec![0; len];
            fixup::fill_with_traps(arch, &mut traps, 0..len);
            // SAFETY: as the caller says.
            return unsafe { self.copy(range.start, &traps) };
        }
        let _writing = self.writing();
        if (range.start | len).is_multiple_of(16) {
            // SAFETY: in the mapping, writable, and nobody else's, by the caller's word.
            unsafe { fill_with_traps(self.pointer(range.start), len) };
            return Ok(());
        }
        // SAFETY: as above.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.pointer(range.start), len) };
        fixup::fill_with_traps(arch, bytes, 0..len);
        Ok(())
    }

    /// Makes places executable that have been written: the order of publishing, the same for every way.
    ///
    /// # Errors
    ///
    /// The system refuses. Whatever is executable by then is written whole, and nobody knows its address yet.
    #[inline]
    pub(super) fn publish<'a>(places: impl Iterator<Item = (&'a Region, Place)> + Clone) -> Result<()> {
        let (mut sealed, mut reused) = (false, false);
        for (region, place) in places.clone() {
            // The writes went through the data cache; instructions are fetched through another.
            sys::clean_caches(region.address(place.range.start), place.range.len());
            sealed |= region.strategy == Strategy::Seal;
            reused |= place.reused;
        }
        // From here on nothing of it may be written: where a page is one or the other, it changes now.
        if sealed {
            Region::seal(places.filter(|(region, _)| region.strategy == Strategy::Seal))?;
        }
        // A core may still hold what it fetched from these addresses before. One barrier, however many they are.
        if SERIALIZE == Serialize::AfterWriting && reused && !sys::serialize_cores() {
            return Err(Error::system(
                "cannot serialize the cores (membarrier) before memory is reused for other code",
                io::Error::last_os_error(),
            ));
        }
        Ok(())
    }

    /// Makes the pages of places executable, with one call for each run of neighbours.
    #[cold]
    fn seal<'a>(places: impl Iterator<Item = (&'a Region, Place)>) -> Result<()> {
        let mut places: Vec<_> = places.map(|(region, place)| (region, place.range)).collect();
        places.sort_by_key(|(region, range)| region.address(range.start));
        let mut run: Option<(&Region, Range<usize>)> = None;
        for (region, range) in places {
            match &mut run {
                Some((same, run)) if std::ptr::eq(*same, region) && run.end == range.start => run.end = range.end,
                _ => {
                    if let Some((region, run)) = run.replace((region, range)) {
                        region.protect(run, Protection::ReadExecute)?;
                    }
                }
            }
        }
        run.map_or(Ok(()), |(region, run)| region.protect(run, Protection::ReadExecute))
    }

    fn protect(&self, range: Range<usize>, protection: Protection) -> Result<()> {
        let (address, len) = (self.address(range.start), range.len());
        tracing::debug!("protect {len} bytes at {address:#x}: {protection}");
        self.runs.protect(range, protection).map_err(|error| {
            Error::system(format!("cannot make {len} bytes at {address:#x} {protection}"), error)
                .help("see what restricts this process: SELinux, seccomp, MemoryDenyWriteExecute")
        })
    }

    /// Takes code away: whoever still calls it is stopped by a signal.
    ///
    /// # Errors
    ///
    /// The system refuses; the code stands as it was.
    ///
    /// # Safety
    ///
    /// The range is the caller's alone, of this process, and nobody executes it.
    #[inline]
    pub(super) unsafe fn trap(&self, range: Range<usize>) -> Result<()> {
        if self.strategy == Strategy::Seal {
            return self.protect(range, Protection::ReadWrite);
        }
        let (address, len) = (self.address(range.start), range.len());
        // SAFETY: as the caller says.
        let filled = unsafe { self.fill(range) };
        filled.map_err(|error| Error::system(format!("cannot write {len} bytes to {address:#x}"), error))?;
        sys::clean_caches(address, len);
        Ok(())
    }
}

/// Fills granules with instructions that trap.
///
/// # Safety
///
/// `len` bytes from `start` on, multiples of 16, are writable and nobody else's.
#[inline]
pub(super) unsafe fn fill_with_traps(start: *mut u8, len: usize) {
    const TRAPS: u128 = fixup::sixteen_bytes_of_traps(Target::host().arch());
    // SAFETY: as the caller says; zeros or code are values too.
    unsafe { std::slice::from_raw_parts_mut(start.cast::<u128>(), len / 16) }.fill(TRAPS);
}

impl Drop for Region {
    fn drop(&mut self) {
        self.totals.bytes.fetch_sub(self.len(), Ordering::Relaxed);
        self.totals.regions.fetch_sub(1, Ordering::Relaxed);
    }
}
