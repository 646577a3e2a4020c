//! The bookkeeping of the blocks that one thread, or a few, take from.
#![allow(unsafe_code)] // Pointers to blocks, which live as long as they are here.

use std::collections::VecDeque;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use super::HeapStats;
use super::block::{Block, Dead};
use super::holes::{Holes, Span};
use super::room::{REUSED, Room};
use super::sync::{Guard, Lock};
use crate::memory::situation::Strategy;
use crate::memory::sys::forks::Epoch;

/// New memory is provided and filled with traps by steps of at least so many bytes, and at most so many.
const STEP: (usize, usize) = (16 << 10, 256 << 10);
/// For each block that a shard has so many more: half a hundredth of what is in use.
const STEP_PER_BLOCK: usize = 4 << 10;

/// A shard, on cache lines of its own: its neighbours are other threads'.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Home {
    shard: Lock<Shard>,
    /// The [epoch](Epoch) since which nothing was inherited by a child, or was marked.
    epoch: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Shard {
    /// The room that is handed out next: granules of the block `current`, taken from its front.
    window: Span,
    /// [`REUSED`], if something of it may have been executed before; else 0.
    window_reused: u64,
    current: Option<NonNull<Block>>,
    slabs: Vec<Option<Slab>>,
    /// What was freed, oldest first, and may not be reused yet, since cores may still hold what they fetched from it.
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// More than this is worth a barrier.
    limit: usize,
    /// Batches that a barrier is on its way for.
    on_the_way: usize,
    /// Nothing more will be taken: what is freed need not be kept.
    closed: bool,
    /// A block of which something was lost goes when nothing of it is in use.
    watched: bool,
}

// SAFETY: blocks may be sent and shared; see `Hold`.
unsafe impl Send for Shard {}

/// Freed granules of a block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Waiting {
    slab: u32,
    span: Span,
}

/// A block, with its bookkeeping.
#[derive(Debug)]
struct Slab {
    block: NonNull<Block>,
    holes: Holes,
    /// No granule from here on was ever in use.
    used: u32,
    /// Something that was in use is in a hole again. Without it, what is free before `used` was left by alignment or by another
    /// window, and no core has fetched from it.
    given_back: bool,
    /// From here on no granule is in a hole: it is not filled with traps yet.
    filled: u32,
    /// Granules that are free and will not be reused.
    lost: u32,
}

/// A block without code, to be used again.
#[derive(Debug)]
pub(super) struct Emptied {
    pub(super) block: Dead,
    /// How many of its granules have been used, and how many are filled; `None`: it may not be used again.
    pub(super) reusable: Option<(u32, u32)>,
}

impl Home {
    pub(super) fn new(limit: usize) -> Home {
        let shard = Shard {
            window: Span { start: 0, len: 0 },
            window_reused: 0,
            current: None,
            slabs: Vec::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            limit,
            on_the_way: 0,
            closed: false,
            watched: false,
        };
        Home { shard: Lock::new(shard), epoch: Epoch::now().to_bits().into() }
    }

    #[inline]
    pub(super) fn lock(&self) -> Guard<'_, Shard> {
        self.shard.lock()
    }

    /// Whether nothing happened since forks were last noticed here. In a child something did.
    #[inline]
    pub(super) fn has_seen_all_forks(&self) -> bool {
        self.epoch.load(Ordering::Acquire) == Epoch::now().to_bits()
    }

    /// Marks what a child has inherited.
    #[cold]
    pub(super) fn notice_forks(&self, shard: &mut Shard) {
        let epoch = Epoch::now();
        if self.epoch.load(Ordering::Relaxed) == epoch.to_bits() {
            return;
        }
        for slab in shard.slabs.iter().flatten() {
            if matches!(slab.block().region.strategy(), Strategy::DualMapping | Strategy::ProtectionKeys) {
                // SAFETY: the lock is held.
                unsafe { slab.block().mark_inherited() };
            }
        }
        // While a thread is forking, whatever is taken may be inherited yet.
        if !epoch.is_forking() {
            self.epoch.store(epoch.to_bits(), Ordering::Release);
        }
    }
}

impl Slab {
    fn block(&self) -> &Block {
        // SAFETY: the block lives as long as its slab is here.
        unsafe { self.block.as_ref() }
    }

    /// How many ranges have a handle.
    fn in_use(&self) -> u32 {
        // SAFETY: the shard's lock is held by whoever has a slab.
        unsafe { self.block().listed() }.in_use
    }

    /// Whether a hole that begins here may have been in use.
    fn is_reused(&self, start: u32) -> bool {
        self.given_back && start < self.used
    }

    /// Granules that can be taken.
    fn free(&self) -> u32 {
        self.holes.free() + (self.block().granules() - self.filled)
    }

    /// What is left when its shard has let it go.
    fn emptied(self, reusable: Option<(u32, u32)>) -> Emptied {
        debug_assert_eq!(self.in_use(), 0);
        // SAFETY: made by `Box::into_raw` in `add`; the shard has it no more, and no range has a handle.
        Emptied { block: unsafe { Dead::new(self.block) }, reusable }
    }

    /// Makes a hole of memory that was never in use, with room for `len` granules behind the last hole.
    fn fill_more(&mut self, len: u32, step: usize) -> bool {
        let block = self.block();
        let rest = block.granules() - self.filled;
        if len > rest {
            return false;
        }
        let new = Span { start: self.filled, len: rest.min(len.max((step >> block.granule) as u32)) };
        // SAFETY: of this block, and free, so that nobody has it but the shard, whose lock is held.
        unsafe { block.region.provide(block.bytes(new)) };
        self.filled = new.end();
        self.holes.put(new);
        true
    }
}

impl Shard {
    fn slab(&mut self, number: usize) -> Option<&mut Slab> {
        self.slabs.get_mut(number).and_then(Option::as_mut)
    }

    /// Takes room for `len` bytes, at the beginning of a granule.
    #[inline(always)]
    pub(super) fn take(&mut self, len: usize) -> Option<Room> {
        // SAFETY: the block lives as long as it is the current one.
        let block = unsafe { self.current?.as_ref() };
        // No length at all is more than any window has.
        let granules = (len.wrapping_sub(1) >> block.granule) + 1;
        if granules > self.window.len as usize {
            return None;
        }
        let span = Span { start: self.window.start, len: granules as u32 };
        if span.len as usize > super::holes::MOST {
            return None;
        }
        // SAFETY: the lock is held, and the range was just free.
        let hold = unsafe { block.hold(span) }?;
        self.window = Span { start: span.end(), len: self.window.len - span.len };
        Some(Room::new(hold, len, self.window_reused))
    }

    /// As [`take`](Shard::take), at a multiple of `align`, where it is not there at once: from the holes of any block, and
    /// then from memory that was never used.
    #[cold]
    pub(super) fn take_slowly(&mut self, len: usize, align: usize) -> Option<Room> {
        let count = self.slabs.len();
        // SAFETY: the block lives as long as it is the current one.
        let current = self.current.map_or(0, |block| unsafe { block.as_ref() }.slab as usize);
        let step = (count * STEP_PER_BLOCK).clamp(STEP.0, STEP.1);
        for new in [false, true] {
            for number in (0..count).map(|at| (current + at) % count) {
                let Some(slab) = self.slab(number) else { continue };
                let granule = slab.block().granule;
                let align = (align >> granule).max(1) as u32;
                let granules = u32::try_from(((len - 1) >> granule) + 1).ok();
                let Some(granules) = granules.filter(|&granules| granules as usize <= super::holes::MOST) else {
                    continue;
                };
                if new {
                    // Behind what is left of the window.
                    self.close_window();
                    let Some(slab) = self.slab(number) else { continue };
                    if !slab.fill_more(granules.saturating_add(align - 1), step) && !slab.fill_more(granules, step) {
                        continue;
                    }
                }
                if let Some(room) = self.take_from(number, len, granules, align) {
                    return Some(room);
                }
            }
        }
        None
    }

    /// Takes from the holes of a block. A hole that is longer than what is left of the window becomes the window.
    fn take_from(&mut self, number: usize, len: usize, granules: u32, align: u32) -> Option<Room> {
        let window = self.window.len;
        let slab = self.slabs.get_mut(number)?.as_mut()?;
        let (found, longest) = match slab.holes.find(granules, align) {
            Some((found, hole)) => (Some(found), hole),
            None => (None, 0),
        };
        // SAFETY: the lock is held.
        unsafe { slab.block().provide_entries() };
        if align == 1 && longest >= window.max(1) {
            let hole = slab.holes.open(found?);
            let (block, reused) = (slab.block, slab.is_reused(hole.start));
            self.close_window();
            self.window = hole;
            self.window_reused = u64::from(reused) * REUSED;
            self.current = Some(block);
            return self.take(len);
        }
        if align == 1 && window >= granules && Some(slab.block) == self.current {
            return self.take(len);
        }
        let start = slab.holes.carve(found?, granules, align);
        let span = Span { start, len: granules };
        let reused = u64::from(slab.is_reused(start)) * REUSED;
        slab.used = slab.used.max(span.end());
        let block = slab.block();
        // SAFETY: the lock is held, and the range was just free.
        let hold = unsafe { block.hold(span) }?;
        Some(Room::new(hold, len, reused))
    }

    /// Makes a hole of what is left of the window.
    fn close_window(&mut self) {
        let window = std::mem::replace(&mut self.window, Span { start: 0, len: 0 });
        // SAFETY: the block lives as long as it is the current one.
        let Some(number) = self.current.map(|block| unsafe { block.as_ref() }.slab as usize) else { return };
        if let Some(slab) = self.slab(number) {
            slab.used = slab.used.max(window.start);
            slab.holes.put(window);
        }
    }

    /// The number that the next slab will have.
    pub(super) fn next_number(&self) -> u32 {
        self.slabs.iter().position(Option::is_none).unwrap_or(self.slabs.len()) as u32
    }

    /// Adds a block of which nothing is taken, with the number that it says: so many of its granules were in use, and are
    /// filled.
    pub(super) fn add(&mut self, block: Box<Block>, (used, filled): (u32, u32)) {
        let number = block.slab as usize;
        // SAFETY: a pointer of `Box::into_raw` is not null.
        let block = unsafe { NonNull::new_unchecked(Box::into_raw(block)) };
        // SAFETY: just made, and freed by nobody as long as it is here.
        let placed = unsafe { block.as_ref() };
        // SAFETY: the shard is the caller's, by its lock.
        unsafe { placed.claim_used() };
        let slab = Slab { block, holes: Holes::new(filled), used, given_back: used > 0, filled, lost: 0 };
        if number == self.slabs.len() {
            self.slabs.push(Some(slab));
        } else {
            self.slabs[number] = Some(slab);
        }
    }

    /// A range that is full of traps waits to be reused. True: enough is waiting to be worth a barrier.
    #[inline]
    pub(super) fn wait(&mut self, slab: u32, span: Span, bytes: usize) -> bool {
        self.waiting_bytes += bytes;
        match self.waiting.back_mut() {
            Some(last) if last.slab == slab && last.span.end() == span.start => last.span.len += span.len,
            _ => self.waiting.push_back(Waiting { slab, span }),
        }
        self.waiting_bytes > self.limit
    }

    /// A range will not be reused. True: nothing of its block will.
    #[cold]
    pub(super) fn lose(&mut self, number: u32, span: Span) -> bool {
        self.watched = true;
        let closed = self.closed;
        let Some(slab) = self.slab(number as usize) else { return false };
        slab.lost += span.len;
        closed || slab.in_use() == 0
    }

    /// Whether a block may be gone when nothing of it is in use.
    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        self.watched
    }

    /// How many bytes are waiting to be reused.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// The oldest of what is waiting, so that `keep` bytes go on waiting. [`reuse`](Shard::reuse) or
    /// [`never_reuse`](Shard::never_reuse) follows.
    pub(super) fn take_waiting(&mut self, keep: usize) -> Vec<Waiting> {
        self.on_the_way += 1;
        let mut batch = Vec::with_capacity(self.waiting.len());
        while self.waiting_bytes > keep
            && let Some(oldest) = self.waiting.front().copied()
        {
            let Some(slab) = self.slab(oldest.slab as usize) else { break };
            let granule = slab.block().granule;
            let most = (self.waiting_bytes - keep).div_ceil(1 << granule).min(oldest.span.len as usize) as u32;
            batch.push(Waiting { slab: oldest.slab, span: Span { start: oldest.span.start, len: most } });
            self.waiting_bytes -= (most as usize) << granule;
            match self.waiting.front_mut() {
                Some(front) if front.span.len > most => {
                    front.span = Span { start: front.span.start + most, len: front.span.len - most };
                }
                _ => drop(self.waiting.pop_front()),
            }
        }
        batch
    }

    /// What was [taken](Shard::take_waiting) may be reused: no core holds anything of it. Gives the blocks that are all
    /// free by that, but one.
    pub(super) fn reuse(&mut self, mut batch: Vec<Waiting>) -> Vec<Emptied> {
        self.on_the_way -= 1;
        self.close_window();
        batch.sort();
        for of_one in batch.chunk_by(|one, next| one.slab == next.slab) {
            if let Some(slab) = self.slab(of_one[0].slab as usize) {
                slab.given_back = true;
                slab.holes.give_back(of_one.iter().map(|waiting| waiting.span));
            }
        }
        let mut emptied = Vec::new();
        if !self.closed {
            for number in 0..self.slabs.len() {
                let Some(slab) = &self.slabs[number] else { continue };
                if slab.in_use() == 0 && slab.free() == slab.block().granules() && Some(slab.block) != self.current {
                    let reusable = Some((slab.used, slab.filled));
                    emptied.extend(self.remove(number).map(|slab| slab.emptied(reusable)));
                }
            }
        }
        emptied.append(&mut self.remove_dead());
        emptied
    }

    /// The cores cannot be serialized: what was taken out will never be reused.
    pub(super) fn never_reuse(&mut self, batch: Vec<Waiting>) -> Vec<Emptied> {
        self.on_the_way -= 1;
        for Waiting { slab, span } in batch {
            self.lose(slab, span);
        }
        self.remove_dead()
    }

    /// Takes out the blocks that have no code and of which something may not be reused, or nothing need be. What is in
    /// quarantine keeps its block.
    pub(super) fn remove_dead(&mut self) -> Vec<Emptied> {
        if !self.watched || self.on_the_way > 0 {
            return Vec::new();
        }
        let mut dead = Vec::new();
        for number in 0..self.slabs.len() {
            let is_dead = self.slabs[number].as_ref().is_some_and(|slab| {
                let waits = || self.waiting.iter().any(|waiting| waiting.slab as usize == number);
                slab.in_use() == 0 && (self.closed || slab.lost > 0 && !waits())
            });
            if is_dead {
                dead.extend(self.remove(number).map(|slab| slab.emptied(None)));
            }
        }
        dead
    }

    fn remove(&mut self, number: usize) -> Option<Slab> {
        let slab = self.slabs.get_mut(number)?.take()?;
        if self.current == Some(slab.block) {
            self.current = None;
            self.window = Span { start: 0, len: 0 };
        }
        let granule = slab.block().granule;
        let mut gone = 0;
        self.waiting.retain(|waiting| {
            let stays = waiting.slab as usize != number;
            gone += if stays { 0 } else { (waiting.span.len as usize) << granule };
            stays
        });
        self.waiting_bytes -= gone;
        Some(slab)
    }

    /// Sets how much may wait for the next barrier, by how much is in use.
    pub(super) fn set_limit(&mut self, limit: impl Fn(usize) -> usize) {
        let used = self.stats().used;
        self.limit = if self.closed { 0 } else { limit(used) };
    }

    /// No more will be taken.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.watched = true;
        self.limit = 0;
    }

    pub(super) fn stats(&self) -> HeapStats {
        let mut stats = HeapStats { waiting: self.waiting_bytes, ..HeapStats::default() };
        let (mut lost, mut all) = (0, 0);
        for slab in self.slabs.iter().flatten() {
            let block = slab.block();
            let window = if Some(slab.block) == self.current { self.window.len } else { 0 };
            let longest = slab.holes.longest().max(window).max(block.granules() - slab.filled);
            stats.free += ((slab.free() + window) as usize) << block.granule;
            stats.longest_free = stats.longest_free.max((longest as usize) << block.granule);
            stats.codes += slab.in_use() as usize;
            lost += (slab.lost as usize) << block.granule;
            all += (block.granules() as usize) << block.granule;
        }
        stats.used = all.saturating_sub(stats.free + stats.waiting + lost);
        stats
    }
}
