//! The bookkeeping of the blocks that one thread, or a few, take from.
#![allow(unsafe_code)] // Pointers to blocks, which live as long as they are here.

use std::collections::{BTreeSet, VecDeque};
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use super::HeapStats;
use super::block::{Block, Dead, Hold};
use super::ranges::{Index, Ranges};
use super::region::Place;
use crate::memory::situation::Strategy;
use crate::memory::sys::forks::Epoch;

/// Freed code up to this size is trapped under the lock.
const QUICK: usize = 4096;

/// Room that was taken and not written yet.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) hold: Hold,
    pub(super) place: Place,
}

impl Room {
    #[inline]
    pub(super) fn address(&self) -> usize {
        self.hold.block().region.address(self.place.range.start)
    }
}

#[derive(Debug, Default)]
pub(super) struct Shard {
    slabs: Vec<Option<Slab>>,
    /// The slab that is asked first.
    current: usize,
    /// What was freed, oldest first, and may not be reused yet, since cores may still hold what they fetched from it.
    waiting: VecDeque<(usize, Index)>,
    waiting_bytes: usize,
    used_bytes: usize,
    codes: usize,
    /// Nothing more will be taken: what is freed need not be kept.
    closed: bool,
    /// The cores cannot be serialized, so nothing is ever reused.
    no_reuse: bool,
}

// SAFETY: blocks may be sent and shared; see `Hold`.
unsafe impl Send for Shard {}

/// A block, with its bookkeeping.
#[derive(Debug)]
struct Slab {
    block: NonNull<Block>,
    ranges: Ranges,
    /// By offset in the region: from here on nothing was filled with traps, or taken.
    filled: usize,
    /// How many ranges have a handle.
    codes: usize,
    /// Ranges that a child has inherited in shared memory: never to be written again.
    inherited: BTreeSet<Index>,
    /// Ranges without a handle that will not be reused.
    lost: usize,
    /// Ranges that are neither waiting nor free: a barrier is on its way.
    on_the_way: usize,
}

/// A block without code, to be used again.
#[derive(Debug)]
pub(super) struct Emptied {
    pub(super) block: Dead,
    /// How many of its granules have been used, and how far it is filled; `None`: it may not be used again.
    pub(super) reusable: Option<(usize, usize)>,
}

/// What freeing a range asks for next.
pub(super) enum Freed {
    Done,
    /// The range is still taken: trap it without the lock, then [`Shard::finish_free`].
    Trap(std::ops::Range<usize>),
    /// Enough is waiting to be worth a barrier.
    Reclaim,
    /// The block has no code any more and is out of the shard.
    Emptied(Emptied),
}

impl Slab {
    fn block(&self) -> &Block {
        // SAFETY: the block lives as long as its slab is here.
        unsafe { self.block.as_ref() }
    }

    /// What is left when its shard has let it go.
    fn emptied(self, reusable: Option<(usize, usize)>) -> Emptied {
        debug_assert_eq!(self.codes, 0);
        // SAFETY: made by `Box::into_raw` in `add`; the shard has it no more, and no range has a handle.
        Emptied { block: unsafe { Dead::new(self.block) }, reusable }
    }

    #[inline]
    fn take(&mut self, len: usize, align: usize) -> Option<Room> {
        let block = self.block();
        let granule = block.granule;
        let granules = ((len - 1) >> granule) + 1;
        let taken = self.ranges.take(granules, (align >> granule).max(1))?;
        let block = self.block();
        let start = block.offset + (taken.start << granule);
        let range = start..start + (granules << granule);
        // Nobody else has it: it was free.
        block.counts.of(taken.index).store(1, Ordering::Relaxed);
        // SAFETY: the range was just taken, and its block stays as long as a range of it has a handle.
        let hold = unsafe { Hold::new(self.block, taken.index) };
        if range.end >= self.filled {
            self.fill_ahead(range.start, range.end);
        }
        self.codes += 1;
        Some(Room { hold, place: Place { range, len, reused: taken.reused } })
    }

    /// Fills what lies around a range of new memory with traps, up to the end of a page.
    #[cold]
    fn fill_ahead(&mut self, start: usize, end: usize) {
        const PAGE: usize = 4096;
        let block = self.block();
        let limit = block.offset + block.len;
        let filled = (end + 1).next_multiple_of(PAGE).min(limit);
        // Pages that cannot be written now cannot be executed either.
        if block.region.strategy() != Strategy::Seal {
            for room in [self.filled.min(start)..start, end..filled] {
                // SAFETY: of this block, and free, so that nobody has it but the shard, whose lock is held.
                if let Err(error) = unsafe { block.region.fill(room) } {
                    tracing::warn!("free room of the heap is not filled with traps: {error}");
                }
            }
        }
        self.filled = filled;
    }

    /// Marks what a child has inherited since the block was last looked at.
    #[cold]
    fn notice_forks(&mut self, epoch: Epoch) {
        if self.block().region.strategy() == Strategy::DualMapping {
            self.inherited = self.ranges.in_use().collect();
        }
        // While a thread is forking, whatever is taken may be inherited yet.
        if !epoch.is_forking() {
            self.block().epoch.store(epoch.to_bits(), Ordering::Relaxed);
        }
    }
}

impl Shard {
    fn slab(&mut self, number: usize) -> Option<&mut Slab> {
        self.slabs.get_mut(number).and_then(Option::as_mut)
    }

    /// Takes room for `len` bytes (more than 0) at a multiple of `align`.
    #[inline]
    pub(super) fn take(&mut self, len: usize, align: usize) -> Option<Room> {
        let epoch = Epoch::now();
        let current = self.current;
        let slab = self.slab(current)?;
        if slab.block().epoch.load(Ordering::Relaxed) == epoch.to_bits()
            && let Some(room) = slab.take(len, align)
        {
            self.used_bytes += room.place.range.len();
            self.codes += 1;
            return Some(room);
        }
        self.take_elsewhere(len, align, epoch)
    }

    #[cold]
    fn take_elsewhere(&mut self, len: usize, align: usize, epoch: Epoch) -> Option<Room> {
        let (current, count) = (self.current, self.slabs.len());
        for number in (0..count).map(|step| (current + step) % count) {
            let Some(slab) = self.slab(number) else { continue };
            if slab.block().epoch.load(Ordering::Relaxed) != epoch.to_bits() {
                slab.notice_forks(epoch);
            }
            if let Some(room) = slab.take(len, align) {
                self.used_bytes += room.place.range.len();
                self.codes += 1;
                self.current = number;
                return Some(room);
            }
        }
        None
    }

    /// The number that the next slab will have.
    pub(super) fn next_number(&self) -> usize {
        self.slabs.iter().position(Option::is_none).unwrap_or(self.slabs.len())
    }

    /// Adds a block of which nothing is taken, with the number that it says.
    pub(super) fn add(&mut self, block: Box<Block>, ranges: Ranges, filled: usize) {
        let number = block.slab;
        // SAFETY: a pointer of `Box::into_raw` is not null.
        let block = unsafe { NonNull::new_unchecked(Box::into_raw(block)) };
        let slab = Slab { block, ranges, filled, codes: 0, inherited: BTreeSet::new(), lost: 0, on_the_way: 0 };
        if number == self.slabs.len() {
            self.slabs.push(Some(slab));
        } else {
            self.slabs[number] = Some(slab);
        }
        self.current = number;
    }

    /// The last handle to a range is gone.
    #[inline]
    pub(super) fn free(&mut self, number: usize, index: Index, threshold: impl Fn(usize) -> usize) -> Freed {
        let Some(slab) = self.slab(number) else { return Freed::Done };
        let epoch = Epoch::now();
        if slab.block().epoch.load(Ordering::Relaxed) != epoch.to_bits() {
            slab.notice_forks(epoch);
        }
        let block = slab.block();
        let len = slab.ranges.len(index) << block.granule;
        let start = block.offset + (slab.ranges.start(index) << block.granule);
        if slab.inherited.contains(&index) {
            return self.lose(number, index);
        }
        if len > QUICK || block.region.strategy() != Strategy::DualMapping {
            return Freed::Trap(start..start + len);
        }
        // SAFETY: no handle is left, so nobody executes it or will; the lock keeps the range from being taken.
        match unsafe { block.region.trap(start..start + len) } {
            Ok(()) => self.finish_free(number, index, threshold),
            Err(_) => self.lose(number, index),
        }
    }

    /// A range of code that will not be reused.
    #[cold]
    pub(super) fn lose(&mut self, number: usize, index: Index) -> Freed {
        if let Some(slab) = self.slab(number) {
            slab.lost += 1;
            slab.codes -= 1;
            let bytes = slab.ranges.len(index) << slab.block().granule;
            self.used_bytes -= bytes;
            self.codes -= 1;
        }
        self.remove_if_dead(number)
    }

    /// The range was trapped.
    #[inline]
    pub(super) fn finish_free(&mut self, number: usize, index: Index, threshold: impl Fn(usize) -> usize) -> Freed {
        let Some(slab) = self.slab(number) else { return Freed::Done };
        let bytes = slab.ranges.len(index) << slab.block().granule;
        slab.codes -= 1;
        let last = slab.codes == 0;
        self.used_bytes -= bytes;
        self.codes -= 1;
        self.waiting.push_back((number, index));
        self.waiting_bytes += bytes;
        if last {
            let freed = self.remove_if_dead(number);
            if let Freed::Emptied(_) = freed {
                return freed;
            }
        }
        if self.waiting_bytes > threshold(self.used_bytes) && !self.no_reuse { Freed::Reclaim } else { Freed::Done }
    }

    /// Takes out a block that has no code and of which something may not be reused, or nothing need be.
    #[cold]
    fn remove_if_dead(&mut self, number: usize) -> Freed {
        let dead = self.closed || self.no_reuse;
        let Some(slab) = self.slab(number) else { return Freed::Done };
        if slab.codes > 0 || slab.on_the_way > 0 || !(dead || slab.lost > 0) {
            return Freed::Done;
        }
        match self.remove(number) {
            Some(slab) => Freed::Emptied(slab.emptied(None)),
            None => Freed::Done,
        }
    }

    fn remove(&mut self, number: usize) -> Option<Slab> {
        let slab = self.slabs.get_mut(number)?.take()?;
        let mut gone = 0;
        self.waiting.retain(|&(of, index)| {
            if of == number {
                gone += slab.ranges.len(index) << slab.block().granule;
            }
            of != number
        });
        self.waiting_bytes -= gone;
        Some(slab)
    }

    /// How many bytes are waiting to be reused.
    pub(super) fn waiting_bytes(&self) -> usize {
        if self.no_reuse { 0 } else { self.waiting_bytes }
    }

    /// The oldest of what is waiting, so that `keep` bytes go on waiting.
    pub(super) fn take_waiting(&mut self, keep: usize) -> Vec<(usize, Index)> {
        let mut batch = Vec::new();
        while self.waiting_bytes > keep
            && let Some((number, index)) = self.waiting.pop_front()
        {
            if let Some(slab) = self.slab(number) {
                let bytes = slab.ranges.len(index) << slab.block().granule;
                slab.on_the_way += 1;
                self.waiting_bytes -= bytes;
                batch.push((number, index));
            }
        }
        batch
    }

    /// What was [taken](Shard::take_waiting) may be reused: no core holds anything of it. Gives the blocks that are all
    /// free by that, but one.
    pub(super) fn reuse(&mut self, batch: &[(usize, Index)]) -> Vec<Emptied> {
        let mut emptied = Vec::new();
        for &(number, index) in batch {
            let current = self.current;
            let closed = self.closed;
            let Some(slab) = self.slab(number) else { continue };
            slab.on_the_way -= 1;
            slab.inherited.remove(&index);
            slab.ranges.give_back(index);
            let empty = slab.codes == 0 && slab.ranges.free_granules() == slab.ranges.granules();
            if empty && number != current && !closed {
                if let Some(slab) = self.remove(number) {
                    let reusable = Some((slab.ranges.fresh(), slab.filled));
                    emptied.push(slab.emptied(reusable));
                }
            } else if let Freed::Emptied(block) = self.remove_if_dead(number) {
                emptied.push(block);
            }
        }
        emptied
    }

    /// The cores cannot be serialized: what was taken out will never be reused.
    pub(super) fn never_reuse(&mut self, batch: Vec<(usize, Index)>) -> Vec<Emptied> {
        self.no_reuse = true;
        let mut emptied = Vec::new();
        for (number, _) in batch {
            if let Some(slab) = self.slab(number) {
                slab.on_the_way -= 1;
                slab.lost += 1;
            }
            if let Freed::Emptied(block) = self.remove_if_dead(number) {
                emptied.push(block);
            }
        }
        emptied
    }

    /// No more will be taken. Gives the blocks that have no code.
    pub(super) fn close(&mut self) -> Vec<Emptied> {
        self.closed = true;
        let dead = (0..self.slabs.len()).map(|number| self.remove_if_dead(number));
        dead.filter_map(|freed| if let Freed::Emptied(block) = freed { Some(block) } else { None }).collect()
    }

    pub(super) fn add_to(&self, stats: &mut HeapStats) {
        stats.used += self.used_bytes;
        stats.waiting += self.waiting_bytes;
        stats.codes += self.codes;
        for slab in self.slabs.iter().flatten() {
            let granule = slab.block().granule;
            stats.free += slab.ranges.free_granules() << granule;
            stats.longest_free = stats.longest_free.max(slab.ranges.longest_free() << granule);
        }
    }
}
