//! Unwinding: exceptions, panics and backtraces go through loaded code if the unwinder knows of its call frame
//! information.
#![allow(unsafe_code)] // The unwinder's own functions.

use super::sys;

/// Call frame information that the unwinder knows of, until this is dropped.
#[derive(Debug)]
pub(crate) struct Frames {
    table: usize,
    /// Addresses in it.
    descriptions: Vec<u64>,
}

impl Frames {
    /// Tells the unwinder of the table at `table`, which ends with a word of zeros and has these frame descriptions. No
    /// description: there is nothing to tell.
    ///
    /// # Safety
    ///
    /// The table can be read, and is correct, for as long as the value lives.
    pub(crate) unsafe fn register(table: u64, descriptions: Vec<u64>) -> Option<Frames> {
        if descriptions.is_empty() {
            return None;
        }
        let frames = Frames { table: table as usize, descriptions };
        tracing::debug!("register {} frame descriptions at {table:#x}", frames.descriptions.len());
        // SAFETY: by the caller's word.
        unsafe { sys::register_frames(frames.table, &frames.descriptions) };
        Some(frames)
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        // SAFETY: registered so, and still there.
        unsafe { sys::deregister_frames(self.table, &self.descriptions) };
    }
}
