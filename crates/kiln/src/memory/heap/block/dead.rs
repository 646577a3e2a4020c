//! The end of a block.
#![allow(unsafe_code)] // A box that was given away as a pointer comes back.

use std::ptr::NonNull;
use std::sync::Arc;

use super::{Block, Entries, Region};

/// A block that nothing refers to: no shard, and no handle. Dropping it frees it.
#[derive(Debug)]
pub(in crate::memory::heap) struct Dead(NonNull<Block>);

impl Dead {
    /// # Safety
    ///
    /// The pointer is one of `Box::into_raw`, of a block that no range has a handle of, and that no shard has any more.
    pub(in crate::memory::heap) unsafe fn new(block: NonNull<Block>) -> Dead {
        Dead(block)
    }

    pub(in crate::memory::heap) fn block(&self) -> &Block {
        // SAFETY: the block lives until this is dropped.
        unsafe { self.0.as_ref() }
    }

    /// What it was made of: its region, where it stood there, and its entries.
    pub(in crate::memory::heap) fn take_apart(self) -> (Arc<Region>, usize, Entries) {
        let block = self.0;
        std::mem::forget(self);
        // SAFETY: made by `Box::into_raw`, and nothing else refers to it; not dropped here any more.
        let Block { region, offset, entries, listed, .. } = *unsafe { Box::from_raw(block.as_ptr()) };
        (region, offset, Entries { mapping: entries, listed: listed.into_inner() })
    }
}

impl Drop for Dead {
    fn drop(&mut self) {
        // SAFETY: made by `Box::into_raw`, and nothing else refers to it.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}
