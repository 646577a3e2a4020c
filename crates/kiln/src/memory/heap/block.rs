//! A block of the heap's memory, and the counted handle to a piece of code in it.
#![allow(unsafe_code)] // A handle is a pointer to its entry, which lives as long as there are handles.

mod dead;

use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[cfg(kiln_loom)]
use loom::sync::atomic::AtomicU32;
#[cfg(not(kiln_loom))]
use std::sync::atomic::AtomicU32;

pub(super) use dead::Dead;

use super::holes::Span;
use super::inner::Inner;
use super::region::{self, Region};
use super::shard::Home;
use crate::memory::sys::{self, Mapping};

/// A part of a region that one shard hands out. What is here is read without the shard's lock, but for the entries' list.
#[derive(Debug)]
pub(super) struct Block {
    /// Whose it is: a shard of `heap`.
    home: NonNull<Home>,
    /// Where its first byte is written; null where threads cannot write to it at any time.
    writes: *mut u8,
    /// Where its first byte is executed.
    runs: usize,
    /// The size of a granule: its binary logarithm.
    pub(super) granule: u32,
    /// Its number in its shard.
    pub(super) slab: u32,
    /// Under the shard's lock.
    listed: UnsafeCell<Listed>,
    /// Leaves of entries.
    entries: Mapping,
    pub(super) region: Arc<Region>,
    /// Where it begins in its region.
    pub(super) offset: usize,
    pub(super) len: usize,
    pub(super) shard: usize,
    pub(super) heap: Arc<Inner>,
}

/// What has a handle, and what may get one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    /// The first unused entry, by its place in the mapping, which no entry has at 0.
    first: u32,
    /// From here on no entry was ever used.
    fresh: u32,
    /// How many are in use.
    pub(super) in_use: u32,
}

/// The entries of a block that is gone, none of them in use, for the next one of the same memory. New ones would have to be
/// mapped, and their pages provided: as much work as all else that a new block takes.
#[derive(Debug)]
pub(super) struct Entries {
    mapping: Mapping,
    listed: Listed,
}

/// A piece of code: 8 bytes, whatever its size, away from the code. They lie in leaves, which begin with a pointer to the
/// block, so that a handle is a pointer to its entry alone.
#[derive(Debug)]
#[repr(C)]
#[cfg_attr(kiln_loom, repr(align(32)))]
pub(super) struct Entry {
    /// How many handles there are. 0: it is unused.
    count: AtomicU32,
    /// The first granule, and above it how many, and above that whether a child has inherited it. Of an unused entry the
    /// next unused one.
    place: AtomicU32,
    /// Stands for the code, which loom does not see.
    #[cfg(kiln_loom)]
    contents: loom::cell::UnsafeCell<()>,
}

/// The size of a leaf: no page is smaller.
const LEAF: usize = 4096;
/// Entries, and the pointer in the first one's place.
const LEAF_ENTRIES: u32 = (LEAF / size_of::<Entry>()) as u32;
const INHERITED: u32 = 1 << 31;
/// So many entries are put into the list at once.
const MORE: u32 = if cfg!(kiln_loom) { 4 } else { 64 };

#[cfg(not(kiln_loom))]
const _: () = assert!(size_of::<Entry>() == size_of::<*const Block>());

impl Entry {
    #[inline]
    fn span(&self) -> Span {
        let place = self.place.load(Ordering::Relaxed);
        Span { start: place & 0xffff, len: place >> 16 & 0x7fff }
    }

    #[inline]
    fn is_inherited(&self) -> bool {
        self.place.load(Ordering::Relaxed) & INHERITED != 0
    }
}

impl Block {
    /// A block of `granules` granules, which stand from `offset` on in a region.
    #[allow(clippy::too_many_arguments, reason = "each is another thing")]
    pub(super) fn new(
        heap: &Arc<Inner>,
        shard: usize,
        slab: u32,
        region: Arc<Region>,
        offset: usize,
        len: usize,
        granule: u32,
        entries: Option<Entries>,
    ) -> std::io::Result<Box<Block>> {
        let leaves = (len >> granule).div_ceil(LEAF_ENTRIES as usize - 1);
        let Entries { mapping, listed } = match entries {
            Some(entries) => entries,
            None => {
                let listed = Listed { first: 0, fresh: 0, in_use: 0 };
                Entries { mapping: Mapping::new(leaves * LEAF)?, listed }
            }
        };
        debug_assert!(mapping.len() >= leaves * LEAF && listed.in_use == 0);
        Ok(Box::new(Block {
            home: NonNull::from(heap.home(shard)),
            writes: region.always_writable(offset),
            runs: region.address(offset),
            granule,
            slab,
            listed: UnsafeCell::new(listed),
            entries: mapping,
            region,
            offset,
            len,
            shard,
            heap: Arc::clone(heap),
        }))
    }

    /// Has the leaves lead to this block, which have been used and lead to the one before it. Once it is where it will stay: a box that
    /// moves is nobody else's to refer to.
    ///
    /// # Safety
    ///
    /// The shard's lock is held.
    pub(super) unsafe fn claim_used(&self) {
        // SAFETY: as the caller says.
        let fresh = unsafe { self.listed() }.fresh;
        for leaf in 0..fresh.div_ceil(LEAF_ENTRIES) {
            self.claim(leaf);
        }
    }

    /// Has a leaf lead to this block, before any of its entries is in use.
    fn claim(&self, leaf: u32) {
        let first = self.entries.pointer().wrapping_add(leaf as usize * LEAF).cast::<*const Block>();
        debug_assert!((leaf as usize) < self.entries.len() / LEAF);
        // SAFETY: the first word of a leaf in the mapping, which nobody reads before its entries are in use.
        unsafe { first.write(self) };
    }

    #[inline]
    fn home(&self) -> &Home {
        // SAFETY: of the heap, which the block keeps.
        unsafe { self.home.as_ref() }
    }

    /// The heap, and which of its shards.
    #[cold]
    fn whose(&self) -> (Arc<Inner>, usize) {
        (Arc::clone(&self.heap), self.shard)
    }

    pub(super) fn granules(&self) -> u32 {
        (self.len >> self.granule) as u32
    }

    /// By offset in the region.
    #[inline]
    pub(super) fn bytes(&self, span: Span) -> std::ops::Range<usize> {
        let start = self.offset + ((span.start as usize) << self.granule);
        start..start + ((span.len as usize) << self.granule)
    }

    /// # Safety
    ///
    /// The shard's lock is held as long as what this gives is used, and it is asked for once at a time.
    #[allow(clippy::mut_from_ref, reason = "under the shard's lock")]
    #[inline]
    pub(super) unsafe fn listed(&self) -> &mut Listed {
        // SAFETY: nobody else has it, by the caller's word.
        unsafe { &mut *self.listed.get() }
    }

    /// The entry at a place in the mapping.
    #[inline]
    fn entry(&self, place: u32) -> NonNull<Entry> {
        debug_assert!(
            (place as usize) < self.entries.len() / size_of::<Entry>() && !place.is_multiple_of(LEAF_ENTRIES)
        );
        // SAFETY: a pointer into a mapping is not null.
        unsafe { NonNull::new_unchecked(self.entries.pointer().cast::<Entry>().wrapping_add(place as usize)) }
    }

    /// The first handle to a range. `None`: no entry is ready, so [`provide_entries`](Block::provide_entries) are due.
    ///
    /// # Safety
    ///
    /// The shard's lock is held, and nobody else has the range.
    #[inline(always)]
    pub(super) unsafe fn hold(&self, span: Span) -> Option<Hold> {
        // SAFETY: as the caller says.
        let listed = unsafe { self.listed() };
        if listed.first == 0 {
            return None;
        }
        let hold = Hold(self.entry(listed.first));
        let entry = hold.entry();
        listed.first = entry.place.load(Ordering::Relaxed);
        listed.in_use += 1;
        entry.place.store(span.start | span.len << 16, Ordering::Relaxed);
        entry.count.store(1, Ordering::Relaxed);
        Some(hold)
    }

    /// Makes entries ready for use, where none is.
    ///
    /// # Safety
    ///
    /// The shard's lock is held.
    #[cold]
    pub(super) unsafe fn provide_entries(&self) {
        // SAFETY: as the caller says.
        let listed = unsafe { self.listed() };
        if listed.first != 0 {
            return;
        }
        let end = (self.entries.len() / size_of::<Entry>()) as u32;
        let more = listed.fresh..end.min(listed.fresh + MORE);
        listed.fresh = more.end;
        for place in more.rev() {
            if place.is_multiple_of(LEAF_ENTRIES) {
                self.claim(place / LEAF_ENTRIES);
            } else {
                // Loom's atomics are more than zeros.
                #[cfg(kiln_loom)]
                // SAFETY: in the mapping, and never used before.
                unsafe {
                    self.entry(place).write(Entry {
                        count: AtomicU32::new(0),
                        place: AtomicU32::new(0),
                        contents: loom::cell::UnsafeCell::new(()),
                    });
                }
                // SAFETY: in the mapping, zeros, which are a value; never referred to but as atomics.
                let entry = unsafe { self.entry(place).as_ref() };
                entry.place.store(listed.first, Ordering::Relaxed);
                listed.first = place;
            }
        }
    }

    /// The entry's range is not in use any more, and the entry free for another.
    ///
    /// # Safety
    ///
    /// The shard's lock is held; no handle is left.
    #[inline]
    unsafe fn release(&self, entry: NonNull<Entry>) -> u32 {
        // SAFETY: as the caller says.
        let listed = unsafe { self.listed() };
        let place = (entry.as_ptr() as usize - self.entries.address()) / size_of::<Entry>();
        // SAFETY: an entry of this block, by the caller's word.
        let entry = unsafe { entry.as_ref() };
        entry.count.store(0, Ordering::Relaxed);
        entry.place.store(listed.first, Ordering::Relaxed);
        listed.first = place as u32;
        listed.in_use -= 1;
        listed.in_use
    }

    /// Marks everything in use: a child has it too, in shared memory. It is never written again.
    ///
    /// # Safety
    ///
    /// The shard's lock is held.
    pub(super) unsafe fn mark_inherited(&self) {
        // SAFETY: as the caller says.
        let fresh = unsafe { self.listed() }.fresh;
        for place in (0..fresh).filter(|place| !place.is_multiple_of(LEAF_ENTRIES)) {
            // SAFETY: in the mapping, and an entry; see `provide_entries`.
            let entry = unsafe { self.entry(place).as_ref() };
            if entry.count.load(Ordering::Relaxed) > 0 {
                entry.place.fetch_or(INHERITED, Ordering::Relaxed);
            }
        }
    }
}

/// Keeps a piece of code: counted, like an `Arc`, but with its count beside the heap's bookkeeping instead of in an
/// allocation of its own.
#[derive(Debug)]
pub(crate) struct Hold(NonNull<Entry>);

// SAFETY: entries and blocks may be shared between threads: what is read without the lock is constant or atomic, and a block is
// freed by the last handle, whichever thread that is in.
unsafe impl Send for Hold {}
// SAFETY: as above.
unsafe impl Sync for Hold {}

impl Hold {
    #[inline]
    fn entry(&self) -> &Entry {
        // SAFETY: the block lives, and its entries with it, as long as a range of it has a handle.
        unsafe { self.0.as_ref() }
    }

    /// The address of what it keeps.
    #[inline]
    pub(super) fn address(&self) -> usize {
        let block = self.block();
        block.runs + ((self.entry().span().start as usize) << block.granule)
    }

    /// Where what it keeps is written, where any thread may write there at any time; else null.
    #[inline]
    pub(super) fn always_writable(&self) -> *mut u8 {
        let block = self.block();
        if block.writes.is_null() {
            return block.writes;
        }
        block.writes.wrapping_add((self.entry().span().start as usize) << block.granule)
    }

    /// Whether any thread may write what it keeps at any time.
    #[inline]
    pub(super) fn is_always_writable(&self) -> bool {
        !self.block().writes.is_null()
    }

    /// What it keeps, by offset in the region.
    #[inline]
    pub(super) fn bytes(&self) -> std::ops::Range<usize> {
        self.block().bytes(self.entry().span())
    }

    #[inline]
    pub(super) fn block(&self) -> &Block {
        let leaf = self.0.as_ptr().map_addr(|address| address & !(LEAF - 1)).cast::<*const Block>();
        // SAFETY: the leaf begins with this pointer, written before any of its entries was in use.
        let block = unsafe { *leaf };
        // SAFETY: the block lives as long as a range of it has a handle.
        unsafe { &*block }
    }
}

#[cfg(kiln_loom)]
impl Hold {
    /// As if the code were read or executed.
    pub(super) fn use_contents(&self) {
        self.entry().contents.with(|_| ());
    }
}

impl Clone for Hold {
    #[inline]
    fn clone(&self) -> Hold {
        // Whoever clones has a handle, so nothing is to be waited for. As many handles as this do not fit into memory,
        // unless they are forgotten.
        if self.entry().count.fetch_add(1, Ordering::Relaxed) > u32::MAX / 2 {
            std::process::abort();
        }
        Hold(self.0)
    }
}

impl Drop for Hold {
    // By value: a handle whose address is needed for its end has to be in memory all its life.
    #[inline(always)]
    fn drop(&mut self) {
        let_go(self.0);
    }
}

/// There is one handle less.
#[inline(never)]
fn let_go(entry: NonNull<Entry>) {
    let hold = std::mem::ManuallyDrop::new(Hold(entry));
    let count = &hold.entry().count;
    // The only handle can become more only through itself: no atomic operation is needed to see that it is the last.
    if count.load(Ordering::Acquire) != 1 {
        if count.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        // What other handles' threads did with the code comes before its end. (A fence would do too, but ThreadSanitizer knows
        // nothing of fences.)
        count.load(Ordering::Acquire);
    }
    #[cfg(kiln_loom)]
    hold.entry().contents.with_mut(|_| ());
    free(entry, NonNull::from(hold.block()));
}

/// The last handle to a range of `block` is gone.
// Not a reference: the block may be gone before this returns, and an argument must last.
#[inline]
fn free(entry: NonNull<Entry>, block: NonNull<Block>) {
    // SAFETY: the block lives until the lock is released.
    let block = unsafe { block.as_ref() };
    let home = block.home();
    // SAFETY: the entry lives as long as its block.
    let place = unsafe { entry.as_ref() };
    if !home.has_seen_all_forks() || place.is_inherited() || block.writes.is_null() {
        return free_slowly(entry, NonNull::from(block));
    }
    let span = place.span();
    let (start, len) = ((span.start as usize) << block.granule, (span.len as usize) << block.granule);
    // SAFETY: of the block, whose room is writable at any time; no handle is left, so nobody executes it or will.
    unsafe { region::fill_with_traps(block.writes.wrapping_add(start), len) };
    sys::clean_caches(block.region.address(block.offset + start), len);
    let mut shard = home.lock();
    // SAFETY: the lock is held.
    let left = unsafe { block.release(entry) };
    if shard.wait(block.slab, span, len) || left == 0 && shard.is_watched() {
        // The lock is all that keeps the block.
        let whose = block.whose();
        drop(shard);
        reclaim(whose);
    }
}

/// Under a strategy that changes permissions, or after a fork.
#[cold]
fn free_slowly(entry: NonNull<Entry>, block: NonNull<Block>) {
    // SAFETY: as in `free`.
    let block = unsafe { block.as_ref() };
    if !block.heap.is_of_this_process() {
        // The parent's memory, which is not ours to write to, under a lock that may be held for ever.
        return;
    }
    let home = block.home();
    home.notice_forks(&mut home.lock());
    // SAFETY: the entry lives as long as its block.
    let place = unsafe { entry.as_ref() };
    let span = place.span();
    let mut lost = place.is_inherited();
    if !lost {
        // SAFETY: no handle is left, so nobody executes it or will; and the range is still taken.
        if let Err(error) = unsafe { block.region.trap(block.bytes(span)) } {
            tracing::warn!("freed code stays as it is: {error}");
            lost = true;
        }
    }
    let mut shard = home.lock();
    // SAFETY: the lock is held.
    let left = unsafe { block.release(entry) };
    let full = if lost { shard.lose(block.slab, span) } else { shard.wait(block.slab, span, block.bytes(span).len()) };
    if full || left == 0 && shard.is_watched() {
        let whose = block.whose();
        drop(shard);
        reclaim(whose);
    }
}

#[cold]
fn reclaim((heap, shard): (Arc<Inner>, usize)) {
    heap.reclaim(shard);
}
