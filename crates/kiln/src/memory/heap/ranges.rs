//! Which parts of a block are in use: pure bookkeeping, which never touches the block itself.
//!
//! A block is cut into granules; a range is a run of them, free or in use. All ranges of a block form a list in the order
//! of their addresses, so that a freed one finds its neighbours at once and joins those that are free. Free ranges also
//! stand in bins by size, with a bit for each bin that is not empty: finding one takes a few instructions however many
//! there are (two-level segregated fit: Masmano, Ripoll, Crespo and Real, *TLSF: a New Dynamic Memory Allocator for
//! Real-Time Systems*, ECRTS 2004). A range costs 8 bytes, whatever its size, so that a thousand functions' bookkeeping
//! stays in the first-level cache.

/// The number of a range in its block. It stays the same while the range is in use.
pub(super) type Index = u16;

/// No range.
const NONE: Index = Index::MAX;

/// The most granules that a block can have: a length fits into 16 bits.
pub(super) const MOST: usize = u16::MAX as usize;

/// Bins for each power of two.
const STEPS: usize = 4;
const BINS: usize = 64;

/// How many ranges of a bin are looked at that may or may not be long enough.
const TRIES: usize = 8;

#[derive(Clone, Copy, Debug)]
struct Range {
    start: u16,
    len: u16,
    /// The neighbours by address; of an unused entry, `next` is the next unused one.
    prev: Index,
    next: Index,
}

/// The neighbours in the bin.
#[derive(Clone, Copy, Debug)]
struct Links {
    prev: Index,
    next: Index,
}

/// A range that was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Taken {
    pub(super) index: Index,
    /// The first granule.
    pub(super) start: usize,
    /// Some of its granules were in use before.
    pub(super) reused: bool,
}

/// The ranges of one block.
#[derive(Debug)]
pub(super) struct Ranges {
    ranges: Vec<Range>,
    /// By range; only as long as the highest index of a range that was ever free.
    links: Vec<Links>,
    /// A bit for each range that is free.
    free: Vec<u64>,
    /// The range with the lowest address.
    first: Index,
    /// The first unused entry of `ranges`.
    unused: Index,
    bins: [Index; BINS],
    /// A bit for each bin that is not empty.
    filled: u64,
    granules: usize,
    free_granules: usize,
    /// No granule from here on was ever in use.
    fresh: usize,
}

/// The bin that a range of `len` granules, more than 0, belongs to: as many as [`STEPS`] for each power of two.
fn bin(len: usize) -> usize {
    let log = len.ilog2() as usize;
    if log < 2 { len } else { (log - 1) * STEPS + (len >> (log - 2) & (STEPS - 1)) }
}

/// The first bin whose ranges all have at least `len` granules.
fn bin_above(len: usize) -> usize {
    let log = len.ilog2() as usize;
    if log < 2 { len } else { bin(len + (1 << (log - 2)) - 1) }
}

impl Ranges {
    /// A block of `granules` (from 1 to [`MOST`]), all free; those below `fresh` were in use before.
    pub(super) fn new(granules: usize, fresh: usize) -> Ranges {
        debug_assert!((1..=MOST).contains(&granules));
        let mut all = Ranges {
            ranges: vec![Range { start: 0, len: granules as u16, prev: NONE, next: NONE }],
            links: Vec::new(),
            free: vec![0],
            first: 0,
            unused: NONE,
            bins: [NONE; BINS],
            filled: 0,
            granules,
            free_granules: granules,
            fresh,
        };
        all.put_in_bin(0);
        all
    }

    /// All granules.
    pub(super) fn granules(&self) -> usize {
        self.granules
    }

    /// Granules that are free.
    pub(super) fn free_granules(&self) -> usize {
        self.free_granules
    }

    /// No granule from here on was ever in use.
    pub(super) fn fresh(&self) -> usize {
        self.fresh
    }

    /// The number of granules of a range.
    pub(super) fn len(&self, index: Index) -> usize {
        usize::from(self.ranges[usize::from(index)].len)
    }

    /// The first granule of a range.
    pub(super) fn start(&self, index: Index) -> usize {
        usize::from(self.ranges[usize::from(index)].start)
    }

    /// The length of the longest free range, at least as coarsely as its bin says.
    pub(super) fn longest_free(&self) -> usize {
        let Some(highest) = self.filled.checked_ilog2() else { return 0 };
        let mut longest = 0;
        let mut at = self.bins[highest as usize];
        while at != NONE {
            longest = longest.max(self.len(at));
            at = self.links[usize::from(at)].next;
        }
        longest
    }

    /// The ranges in use, by address.
    pub(super) fn in_use(&self) -> impl Iterator<Item = Index> + '_ {
        std::iter::successors(Some(self.first), |&at| {
            Some(self.ranges[usize::from(at)].next).filter(|&next| next != NONE)
        })
        .filter(|&at| !self.is_free(at))
    }

    /// Takes `len` granules (more than 0), at a multiple of `align`, a power of two. `None`: there is no such room.
    #[inline]
    pub(super) fn take(&mut self, len: usize, align: usize) -> Option<Taken> {
        // Long enough wherever it begins.
        let wanted = len.checked_add(align - 1).filter(|&wanted| wanted <= MOST)?;
        let above = self.filled & (u64::MAX << bin_above(wanted));
        let found = if above != 0 { self.bins[above.trailing_zeros() as usize] } else { self.look_closer(len, align)? };
        let start = self.start(found);
        let skipped = start.next_multiple_of(align) - start;
        if skipped > 0 {
            self.cut_front(found, skipped)?;
        }
        let taken = if self.len(found) == len {
            self.leave_bin(found, bin(len));
            self.set_free(found, false);
            found
        } else {
            let front = self.new_entry()?;
            self.shorten(found, front, len);
            front
        };
        self.free_granules -= len;
        let start = self.start(taken);
        let reused = start < self.fresh;
        self.fresh = self.fresh.max(start + len);
        Some(Taken { index: taken, start, reused })
    }

    /// Frees a range in use; it joins its free neighbours.
    #[inline]
    pub(super) fn give_back(&mut self, index: Index) {
        debug_assert!(!self.is_free(index));
        let Range { len, prev, next, .. } = self.ranges[usize::from(index)];
        self.free_granules += usize::from(len);
        let mut joined = index;
        if prev != NONE && self.is_free(prev) {
            let before = bin(self.len(prev));
            self.join(prev, index);
            self.give_up(index);
            joined = prev;
            if !(next != NONE && self.is_free(next)) {
                // It often stays in its bin.
                if bin(self.len(prev)) != before {
                    self.leave_bin(prev, before);
                    self.put_in_bin(prev);
                }
                return;
            }
            self.leave_bin(prev, before);
        }
        if next != NONE && self.is_free(next) {
            self.leave_bin(next, bin(self.len(next)));
            self.set_free(next, false);
            self.join(joined, next);
            self.give_up(next);
        }
        self.put_in_bin(joined);
    }

    /// Looks through the bin whose ranges may be long enough, for one that is.
    #[cold]
    fn look_closer(&self, len: usize, align: usize) -> Option<Index> {
        let mut candidates = self.filled & (u64::MAX << bin(len));
        while candidates != 0 {
            let mut at = self.bins[candidates.trailing_zeros() as usize];
            for _ in 0..TRIES {
                if at == NONE {
                    break;
                }
                let start = self.start(at);
                if start.next_multiple_of(align) + len <= start + self.len(at) {
                    return Some(at);
                }
                at = self.links[usize::from(at)].next;
            }
            candidates &= candidates - 1;
        }
        None
    }

    /// Makes the first `len` granules of a free range a free range of their own.
    #[cold]
    fn cut_front(&mut self, index: Index, len: usize) -> Option<()> {
        let front = self.new_entry()?;
        self.shorten(index, front, len);
        self.put_in_bin(front);
        Some(())
    }

    /// Makes the first `len` granules of the free range `index` the range `front`; the rest stays free.
    fn shorten(&mut self, index: Index, front: Index, len: usize) {
        let before = bin(self.len(index));
        self.insert_front(index, front, len);
        // It mostly stays in its bin.
        if bin(self.len(index)) != before {
            self.leave_bin(index, before);
            self.put_in_bin(index);
        }
    }

    /// Puts the entry `front` before `index` in the order of addresses, with the first `len` of its granules.
    fn insert_front(&mut self, index: Index, front: Index, len: usize) {
        let range = &mut self.ranges[usize::from(index)];
        let new = Range { start: range.start, len: len as u16, prev: range.prev, next: index };
        range.start += len as u16;
        range.len -= len as u16;
        range.prev = front;
        self.ranges[usize::from(front)] = new;
        if new.prev == NONE {
            self.first = front;
        } else {
            self.ranges[usize::from(new.prev)].next = front;
        }
    }

    /// Lengthens `first` by `second`, the range behind it, whose entry is then of no use.
    fn join(&mut self, first: Index, second: Index) {
        let Range { len, next, .. } = self.ranges[usize::from(second)];
        let range = &mut self.ranges[usize::from(first)];
        range.len += len;
        range.next = next;
        if next != NONE {
            self.ranges[usize::from(next)].prev = first;
        }
    }

    fn new_entry(&mut self) -> Option<Index> {
        if self.unused != NONE {
            let entry = self.unused;
            self.unused = self.ranges[usize::from(entry)].next;
            return Some(entry);
        }
        self.grow()
    }

    #[cold]
    fn grow(&mut self) -> Option<Index> {
        let len = self.ranges.len();
        let entry = Index::try_from(len).ok().filter(|&entry| entry != NONE)?;
        if len == self.ranges.capacity() {
            // By an eighth: twice as much would cost more than the ranges of a block of large functions.
            self.ranges.reserve_exact((len / 8).max(32));
        }
        self.ranges.push(Range { start: 0, len: 0, prev: NONE, next: NONE });
        if len / 64 == self.free.len() {
            self.free.push(0);
        }
        Some(entry)
    }

    fn give_up(&mut self, entry: Index) {
        self.ranges[usize::from(entry)].next = self.unused;
        self.unused = entry;
    }

    fn is_free(&self, index: Index) -> bool {
        self.free[usize::from(index) / 64] >> (index % 64) & 1 != 0
    }

    fn set_free(&mut self, index: Index, free: bool) {
        let word = &mut self.free[usize::from(index) / 64];
        let bit = 1 << (index % 64);
        if free { *word |= bit } else { *word &= !bit }
    }

    fn put_in_bin(&mut self, index: Index) {
        let place = usize::from(index);
        if place >= self.links.len() {
            self.links.resize(place + 1, Links { prev: NONE, next: NONE });
        }
        let bin = bin(self.len(index));
        let next = self.bins[bin];
        self.links[place] = Links { prev: NONE, next };
        if next != NONE {
            self.links[usize::from(next)].prev = index;
        }
        self.bins[bin] = index;
        self.filled |= 1 << bin;
        self.set_free(index, true);
    }

    fn leave_bin(&mut self, index: Index, bin: usize) {
        let Links { prev, next } = self.links[usize::from(index)];
        if next != NONE {
            self.links[usize::from(next)].prev = prev;
        }
        if prev != NONE {
            self.links[usize::from(prev)].next = next;
        } else {
            self.bins[bin] = next;
            if next == NONE {
                self.filled &= !(1 << bin);
            }
        }
    }
}

#[cfg(test)]
pub(in crate::memory) mod tests;
