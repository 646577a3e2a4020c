//! A block of the heap's memory, and the counted handle to a piece of code in it.
#![allow(unsafe_code)] // A handle is a pointer to its block, which lives as long as there are handles.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::inner::Inner;
use super::ranges::Index;
use super::region::Region;
use super::shard::Freed;
use crate::memory::sys::Mapping;

/// A part of a region that one shard hands out. Its bookkeeping is the shard's, under the shard's lock; what is here is
/// read without it.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) heap: Arc<Inner>,
    /// Whose it is.
    pub(super) shard: usize,
    /// Its number there.
    pub(super) slab: usize,
    pub(super) region: Arc<Region>,
    /// Where it begins in its region.
    pub(super) offset: usize,
    pub(super) len: usize,
    /// The size of a granule: its binary logarithm.
    pub(super) granule: u32,
    /// How many handles there are to the code in each range. Memory that stays untouched as far as it is not needed.
    pub(super) counts: Counts,
    /// The [epoch](crate::memory::sys::forks::Epoch) since which nothing in it was inherited by a child, or was marked.
    pub(super) epoch: AtomicU64,
}

/// Counts by range, in pages that the system gives when they are used.
#[derive(Debug)]
pub(super) struct Counts {
    memory: Mapping,
    ranges: usize,
}

impl Counts {
    /// Counts for as many ranges, more than 0; all are 0.
    pub(super) fn new(ranges: usize) -> std::io::Result<Counts> {
        Ok(Counts { memory: Mapping::new(ranges * size_of::<AtomicU32>())?, ranges })
    }

    #[inline]
    pub(super) fn of(&self, range: Index) -> &AtomicU32 {
        assert!(usize::from(range) < self.ranges, "a range of the block");
        // SAFETY: in the mapping, by the assertion.
        let count = unsafe { self.memory.pointer().cast::<AtomicU32>().add(usize::from(range)) };
        // SAFETY: aligned, as a page is; zeros, which are a value, at first; and never referred to but as an atomic.
        unsafe { &*count }
    }
}

/// Keeps a piece of code: counted, like an `Arc`, but with its count beside the heap's bookkeeping instead of in an
/// allocation of its own.
#[derive(Debug)]
pub(crate) struct Hold {
    block: NonNull<Block>,
    index: Index,
}

// SAFETY: a block may be shared between threads: its fields are constant or atomic, and it is freed by the last handle,
// whichever thread that is in.
unsafe impl Send for Hold {}
// SAFETY: as above.
unsafe impl Sync for Hold {}

impl Hold {
    /// The first handle to a range.
    ///
    /// # Safety
    ///
    /// The range was just taken, its count is 1, and the block stays until it is freed.
    #[inline]
    pub(super) unsafe fn new(block: NonNull<Block>, index: Index) -> Hold {
        Hold { block, index }
    }

    #[inline]
    pub(super) fn block(&self) -> &Block {
        // SAFETY: the block lives as long as a range of it has a handle.
        unsafe { self.block.as_ref() }
    }

    #[inline]
    fn count(&self) -> &AtomicU32 {
        self.block().counts.of(self.index)
    }
}

impl Clone for Hold {
    #[inline]
    fn clone(&self) -> Hold {
        // Whoever clones has a handle, so nothing is to be waited for. As many handles as this do not fit into memory,
        // unless they are forgotten.
        if self.count().fetch_add(1, Ordering::Relaxed) > u32::MAX / 2 {
            std::process::abort();
        }
        Hold { block: self.block, index: self.index }
    }
}

impl Drop for Hold {
    #[inline]
    fn drop(&mut self) {
        // The only handle can become more only through itself: no atomic operation is needed to see that it is the last.
        if self.count().load(Ordering::Acquire) != 1 {
            if self.count().fetch_sub(1, Ordering::Release) != 1 {
                return;
            }
            // What other handles' threads did with the code comes before its end.
            fence(Ordering::Acquire);
        }
        // Blocks are freed here, where no reference to one is left.
        drop(free(self.block(), self.index));
    }
}

/// The last handle to a range of `block` is gone. Gives the blocks that nothing refers to any more.
#[inline]
fn free(block: &Block, index: Index) -> Vec<Dead> {
    let heap = &block.heap;
    if !heap.is_of_this_process() {
        // The parent's memory, which is not ours to write to, under a lock that may be held for ever.
        return Vec::new();
    }
    let threshold = |used| heap.threshold(used);
    let mut freed = heap.shard(block.shard).lock().free(block.slab, index, threshold);
    if let Freed::Trap(range) = freed {
        // SAFETY: no handle is left, so nobody executes it or will; and the range is still taken.
        let trapped = unsafe { block.region.trap(range) };
        let mut shard = heap.shard(block.shard).lock();
        freed = match trapped {
            Ok(()) => shard.finish_free(block.slab, index, threshold),
            Err(error) => {
                tracing::warn!("freed code stays as it is: {error}");
                shard.lose(block.slab, index)
            }
        };
    }
    match freed {
        Freed::Done | Freed::Trap(_) => Vec::new(),
        Freed::Reclaim => heap.reclaim(block.shard),
        Freed::Emptied(block) => heap.put_away(vec![block]),
    }
}

/// A block that nothing refers to: no shard, and no handle. Dropping it frees it.
#[derive(Debug)]
pub(super) struct Dead(NonNull<Block>);

impl Dead {
    /// # Safety
    ///
    /// The pointer is one of `Box::into_raw`, of a block that no range has a handle of, and that no shard has any more. What
    /// is made of it must not be dropped while there is a reference to the block.
    pub(super) unsafe fn new(block: NonNull<Block>) -> Dead {
        Dead(block)
    }

    pub(super) fn block(&self) -> &Block {
        // SAFETY: the block lives until this is dropped.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Dead {
    fn drop(&mut self) {
        // SAFETY: made by `Box::into_raw`, and nothing else refers to it.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}
