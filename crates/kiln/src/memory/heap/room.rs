//! Room for a piece of code, on its way from the shard to whoever publishes it.
#![allow(unsafe_code)] // Writes to room that it has.

use super::block::Hold;
use super::region::{Place, Region};

/// Room that was taken and not written yet.
///
/// Two words, and so is a `Result` of it: what goes through memory in small pieces that are then loaded together waits until all
/// stores before it are done, those of the code that was copied last (2 to 3 times as much as all else that publishing does).
#[derive(Debug)]
pub(super) struct Room {
    pub(super) hold: Hold,
    /// How much of it is code, in bytes, and above that whether something may have been executed there before.
    extent: u64,
}

/// Something may have been executed there before.
pub(super) const REUSED: u64 = 1 << 32;

const _: () = assert!(size_of::<Result<Room, crate::Error>>() == 16);

impl Room {
    /// `reused` is [`REUSED`] or 0, `len` less than 4 GiB.
    #[inline]
    pub(super) fn new(hold: Hold, len: usize, reused: u64) -> Room {
        debug_assert!((len as u64) < REUSED && matches!(reused, 0 | REUSED));
        Room { hold, extent: len as u64 | reused }
    }

    #[inline]
    pub(super) fn address(&self) -> usize {
        self.hold.address()
    }

    #[inline]
    pub(super) fn region(&self) -> &Region {
        &self.hold.block().region
    }

    #[inline]
    pub(super) fn place(&self) -> Place {
        Place { range: self.hold.bytes(), len: self.len(), reused: self.is_reused() }
    }

    /// Whether something may have been executed there before.
    #[inline]
    pub(super) fn is_reused(&self) -> bool {
        self.extent >= REUSED
    }

    /// How much of it is code, in bytes.
    #[inline]
    pub(super) fn len(&self) -> usize {
        (self.extent % REUSED) as usize
    }

    /// Its bytes, to be written where they stand.
    ///
    /// # Safety
    ///
    /// It was not published, is of this process, and not of a region of which [`Region::prepare`] gives other memory.
    #[inline]
    pub(super) unsafe fn bytes(&mut self) -> &mut [u8] {
        let to = self.hold.always_writable();
        if to.is_null() {
            // SAFETY: as the caller says; the room has the place to itself, borrowed with it.
            return unsafe { self.region().bytes(&self.place()) };
        }
        // SAFETY: in the mapping, initialised by the system, writable, and the room's alone, borrowed with it.
        unsafe { std::slice::from_raw_parts_mut(to, self.len()) }
    }

    #[inline]
    pub(super) fn is_of_this_process(&self) -> bool {
        self.hold.block().heap.is_of_this_process()
    }

    /// Copies `code` to it.
    ///
    /// # Safety
    ///
    /// It was not published, is of this process, and no shorter than `code`.
    #[inline]
    pub(super) unsafe fn write(&mut self, code: &[u8]) -> std::io::Result<()> {
        let to = self.hold.always_writable();
        if to.is_null() {
            // SAFETY: as the caller says; the room has the place to itself.
            return unsafe { self.region().write(&self.place(), code) };
        }
        debug_assert!(code.len() <= self.len());
        // SAFETY: in the mapping, writable, and the room's alone; `code` lies elsewhere.
        unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), to, code.len()) };
        Ok(())
    }
}
