//! The heap itself: shards, and the memory that they grow by.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::block::{Block, Dead, Entries};
use super::holes;
use super::region::{Region, Totals};
use super::room::Room;
use super::shard::{Emptied, Home};
use super::sync::SetOnce;
use super::{Code, HeapStats};
use crate::error::{Error, Result};
use crate::memory::situation::{Situation, Strategy};
use crate::memory::sys::{self, Window, forks};

/// The size of a block, in bytes: as many granules as its bookkeeping can count.
const BLOCK: usize = 1 << 20;
/// Regions double in size up to this.
const LARGEST_REGION: usize = 32 << 20;
/// The smallest region with huge pages: one of them.
const HUGE: usize = 2 << 20;
/// The size of a granule, as its binary logarithm: 16 bytes, as functions are aligned.
const GRANULE: u32 = 4;
/// This much freed code waits for the barrier that lets it be reused, and an eighth of what is in use.
const WAITING: usize = 64 << 10;
/// This much is kept when it is no longer used, for a heap that is filled again.
const SPARE: usize = 16 << 20;
/// How many pieces one lock is held for.
const TOGETHER: usize = 64;
/// The most code that one piece can have.
const MOST: usize = 1 << 31;

/// Where the heap's memory should lie.
#[derive(Clone, Copy, Debug)]
pub(super) enum Site {
    /// Within a window if there is room: calls to and from what lies near are cheaper.
    Rather(Window),
    /// Within `reach` bytes of an address.
    Within { address: usize, reach: usize },
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) strategy: Strategy,
    pub(super) site: Site,
    pub(super) huge: bool,
    pub(super) quarantine: usize,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) settings: Settings,
    page: usize,
    /// The process that it belongs to.
    process: u32,
    /// How many `CodeHeap`s there are.
    pub(super) handles: AtomicUsize,
    shards: Box<[Home]>,
    supply: Mutex<Supply>,
    totals: Arc<Totals>,
    /// The heap of a child that this process turned into by forking.
    successor: SetOnce<Inner>,
}

/// Memory that is in no shard.
#[derive(Debug, Default)]
struct Supply {
    spare: Vec<Piece>,
}

/// A part of a region, of the size of a block.
#[derive(Debug)]
struct Piece {
    region: Arc<Region>,
    offset: usize,
    /// How many of its granules have been used, and how many are filled with traps.
    used: (u32, u32),
    /// Those of the block that it was, if it was one.
    entries: Option<Entries>,
}

impl Inner {
    pub(super) fn new(settings: Settings) -> Arc<Inner> {
        // A shard for each core: more threads than that do not run at once.
        let shards = std::thread::available_parallelism().map_or(1, usize::from).next_power_of_two().min(64);
        Arc::new(Inner {
            page: Situation::of_this_process().page_size as usize,
            process: forks::process(),
            handles: AtomicUsize::new(1),
            shards: (0..shards).map(|_| Home::new(settings.quarantine.saturating_add(WAITING))).collect(),
            supply: Mutex::default(),
            totals: Arc::default(),
            successor: SetOnce::new(),
            settings,
        })
    }

    /// The heap that stands in for this one in a child of the process that it belongs to: the locks of the child's copy may
    /// be held for ever by threads that the child does not have, and its memory is the parent's too.
    #[cold]
    pub(super) fn successor(&self) -> Arc<Inner> {
        let successor = self.successor.get();
        let successor = successor.unwrap_or_else(|| self.successor.get_or_set(Inner::new(self.settings.clone())));
        if successor.is_of_this_process() { successor } else { successor.successor() }
    }

    #[inline]
    pub(super) fn is_of_this_process(&self) -> bool {
        self.process == forks::process()
    }

    pub(super) fn home(&self, shard: usize) -> &Home {
        &self.shards[shard]
    }

    /// Room for `len` bytes at a multiple of `align`, a power of two.
    #[inline(always)]
    pub(super) fn room(self: &Arc<Inner>, len: usize, align: usize) -> Result<Room> {
        let number = thread_number() & (self.shards.len() - 1);
        let home = &self.shards[number];
        if home.has_seen_all_forks()
            && align <= 1 << GRANULE
            && let Some(room) = home.lock().take(len)
        {
            return Ok(room);
        }
        self.make_room(number, len, align)
    }

    /// Writes pieces of code to room for them, with one lock for [`TOGETHER`] of them where there is room at once. True: some of it
    /// was in use before.
    pub(super) fn write_many(self: &Arc<Inner>, codes: &[&[u8]], written: &mut Vec<Code>) -> Result<bool> {
        let number = thread_number() & (self.shards.len() - 1);
        let home = &self.shards[number];
        let mut codes = codes.iter();
        let mut reused = false;
        loop {
            let mut refused = None;
            if home.has_seen_all_forks() {
                let mut shard = home.lock();
                for code in codes.by_ref().take(TOGETHER) {
                    let Some(mut room) = shard.take(code.len()) else {
                        refused = Some(code);
                        break;
                    };
                    reused |= room.is_reused();
                    // SAFETY: the room was just taken, in this process, for this many bytes.
                    if let Err(error) = unsafe { room.write(code) } {
                        // Dropping the room takes the lock.
                        drop(shard);
                        return Err(super::unwritten(&room, error));
                    }
                    written.push(Code::of(room));
                }
            }
            let Some(code) = refused.or_else(|| codes.next()) else { return Ok(reused) };
            let mut room = self.make_room(number, code.len(), 1)?;
            reused |= room.is_reused();
            // SAFETY: as above.
            unsafe { room.write(code) }.map_err(|error| super::unwritten(&room, error))?;
            written.push(Code::of(room));
        }
    }

    #[cold]
    fn make_room(self: &Arc<Inner>, number: usize, len: usize, align: usize) -> Result<Room> {
        if !self.is_of_this_process() {
            return self.successor().room(len, align);
        }
        if len == 0 {
            return Err(Error::malformed("there is no code to publish"));
        }
        if len > MOST {
            return Err(Error::unsupported(format!("{len} bytes of code in one piece: the heap takes {MOST} at most")));
        }
        if align > self.page {
            return Err(Error::unsupported(format!(
                "code at a multiple of {align} bytes: the heap aligns to a page ({} bytes) at most",
                self.page
            )));
        }
        let home = &self.shards[number];
        let waiting = {
            let mut shard = home.lock();
            home.notice_forks(&mut shard);
            if let Some(room) = shard.take_slowly(len, align) {
                return Ok(room);
            }
            shard.waiting_bytes()
        };
        // What is waiting, if it is worth a barrier: sooner than growing.
        if waiting > self.settings.quarantine.saturating_add(WAITING / 4).max(len) {
            self.reclaim(number);
            if let Some(room) = home.lock().take_slowly(len, align) {
                return Ok(room);
            }
        }
        loop {
            let (piece, size, granule) = self.supply(len, align)?;
            let mut shard = home.lock();
            let Piece { region, offset, used, entries } = piece;
            let block = Block::new(self, number, shard.next_number(), region, offset, size, granule, entries)
                .map_err(|error| Error::system("cannot map bookkeeping of the heap".to_owned(), error))?;
            shard.add(block, used);
            if let Some(room) = shard.take_slowly(len, align) {
                return Ok(room);
            }
        }
    }

    /// A piece of memory for a block, its size, and the size of its granules.
    fn supply(&self, len: usize, align: usize) -> Result<(Piece, usize, u32)> {
        let mut supply = self.supply.lock().unwrap_or_else(PoisonError::into_inner);
        let granule = if self.settings.strategy == Strategy::Seal { self.page.ilog2() } else { GRANULE };
        let room = holes::MOST.min(BLOCK >> granule) << granule;
        if len.saturating_add(align) > room {
            // A region of its own, in one range.
            let unit = if self.settings.huge {
                HUGE
            } else if len > MOST / 32 {
                1 << 17
            } else {
                self.page
            };
            let size = len.next_multiple_of(unit);
            let granule =
                (granule..).find(|granule| size >> granule <= holes::MOST && size >> granule << granule == size);
            let granule = granule.unwrap_or(self.page.ilog2());
            let region = Arc::new(self.map(size)?);
            return Ok((Piece { region, offset: 0, used: (0, 0), entries: None }, size, granule));
        }
        if supply.spare.is_empty() {
            let least = if self.settings.huge { HUGE } else { BLOCK };
            let size = self.totals.bytes.load(Ordering::Relaxed).next_power_of_two().clamp(least, LARGEST_REGION);
            // A smaller one, if that is all there is room for.
            let region = self.map(size).or_else(|error| if size > least { self.map(least) } else { Err(error) })?;
            let region = Arc::new(region);
            let pieces = (0..region.len()).step_by(BLOCK).rev();
            let piece = |offset| Piece { region: Arc::clone(&region), offset, used: (0, 0), entries: None };
            supply.spare.extend(pieces.map(piece));
        }
        let piece = supply.spare.pop().ok_or_else(|| Error::unsupported("no memory"))?;
        Ok((piece, BLOCK, granule))
    }

    fn map(&self, len: usize) -> Result<Region> {
        let map = |window| Region::map(self.settings.strategy, len, window, self.settings.huge, &self.totals);
        let failed = |error| {
            Error::system(format!("cannot map {len} bytes for code ({})", self.settings.strategy), error)
                .help("see what restricts this process: SELinux, seccomp, limits of memory")
        };
        match self.settings.site {
            Site::Rather(window) => match map(Some(window)) {
                Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => map(None),
                result => result,
            }
            .map_err(failed),
            Site::Within { address, reach } => map(Some(Window::around(address, reach))).map_err(|error| {
                if error.kind() != std::io::ErrorKind::AddrNotAvailable {
                    return failed(error);
                }
                Error::range(format!("the heap's code was to lie within {reach:#x} bytes of {address:#x}: {error}")).help(
                    "allow a greater distance (HeapOptions::near) and reach the code by an absolute jump, or make the heap \
                     earlier",
                )
            }),
        }
    }

    /// Lets what was freed be reused.
    #[cold]
    pub(super) fn reclaim(&self, number: usize) {
        let home = &self.shards[number];
        let (batch, closed) = {
            let mut shard = home.lock();
            (shard.take_waiting(self.settings.quarantine), shard.is_closed())
        };
        // Traps stand there. From here on no core has anything of what stood there before.
        let serialized = closed || batch.is_empty() || sys::serialize_cores();
        if !serialized {
            tracing::warn!("the cores cannot be serialized (membarrier): freed code is not reused");
        }
        let emptied = {
            let mut shard = home.lock();
            let emptied = if serialized { shard.reuse(batch) } else { shard.never_reuse(batch) };
            // This much waits for the barrier that lets it be reused.
            shard.set_limit(|used| self.settings.quarantine.saturating_add(WAITING + used / 8));
            emptied
        };
        drop(self.put_away(emptied));
    }

    /// Keeps the memory of emptied blocks for later, or gives it back to the system.
    fn put_away(&self, emptied: Vec<Emptied>) -> Vec<Dead> {
        let mut dead = Vec::new();
        for Emptied { block, reusable } in emptied {
            let Some(used) = reusable.filter(|_| block.block().len == BLOCK) else {
                dead.push(block);
                continue;
            };
            let (region, offset, entries) = block.take_apart();
            let mut supply = self.supply.lock().unwrap_or_else(PoisonError::into_inner);
            supply.spare.push(Piece { region: Arc::clone(&region), offset, used, entries: Some(entries) });
            // A region of which nothing is used goes, if enough is spare without it.
            let whole = supply.spare.iter().filter(|piece| Arc::ptr_eq(&piece.region, &region)).count();
            if whole * BLOCK == region.len() && (supply.spare.len() - whole) * BLOCK >= SPARE {
                supply.spare.retain(|piece| !Arc::ptr_eq(&piece.region, &region));
            }
        }
        dead
    }

    /// The last `CodeHeap` is gone: what has no code goes now, the rest with its last code.
    pub(super) fn close(&self) {
        if let Some(successor) = self.successor.get() {
            successor.close();
        }
        if !self.is_of_this_process() {
            return;
        }
        for number in 0..self.shards.len() {
            self.home(number).lock().close();
            self.reclaim(number);
        }
        self.supply.lock().unwrap_or_else(PoisonError::into_inner).spare.clear();
    }

    pub(super) fn stats(&self) -> HeapStats {
        let mut stats = HeapStats::default();
        for number in 0..self.shards.len() {
            let shard = self.home(number).lock().stats();
            stats.used += shard.used;
            stats.waiting += shard.waiting;
            stats.free += shard.free;
            stats.longest_free = stats.longest_free.max(shard.longest_free);
            stats.codes += shard.codes;
        }
        let supply = self.supply.lock().unwrap_or_else(PoisonError::into_inner);
        stats.free += supply.spare.len() * BLOCK;
        if !supply.spare.is_empty() {
            stats.longest_free = stats.longest_free.max(BLOCK);
        }
        stats.reserved = self.totals.bytes.load(Ordering::Relaxed);
        stats.chunks = self.totals.regions.load(Ordering::Relaxed);
        stats
    }
}

/// A number for each thread, counted from 0.
#[inline]
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    NUMBER.with(|number| {
        if number.get() == usize::MAX {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
}
