//! The free room of a block: pure bookkeeping, which never touches the block itself.
//!
//! A block is cut into granules. Its free room is a list of holes in the order of their addresses. What was freed comes back
//! in batches, since a barrier lies between (see [`Shard`](super::shard::Shard)): a batch is sorted and merged with the list
//! in one pass, which joins neighbours. So a range in use costs nothing here, and freeing one needs no search.

/// The most granules that one piece of code can have: a length fits into 15 bits.
pub(super) const MOST: usize = 0x7fff;

/// Neighbouring granules.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) len: u32,
}

impl Span {
    #[inline]
    pub(super) fn end(self) -> u32 {
        self.start + self.len
    }
}

/// The holes of one block.
#[derive(Debug, Default)]
pub(super) struct Holes {
    /// By address; none touches another. One without granules was used up.
    holes: Vec<Span>,
    /// Where the next search begins: behind what was taken last, so that neighbours are taken one after the other.
    next: usize,
    /// No hole is longer.
    longest: u32,
    free: u32,
}

impl Holes {
    /// A block of which the first `free` granules are free.
    pub(super) fn new(free: u32) -> Holes {
        let mut holes = Holes::default();
        holes.put(Span { start: 0, len: free });
        holes
    }

    /// Granules in holes.
    pub(super) fn free(&self) -> u32 {
        self.free
    }

    /// The length of the longest hole.
    pub(super) fn longest(&self) -> u32 {
        self.holes.iter().map(|hole| hole.len).max().unwrap_or(0)
    }

    /// The first hole with room for `len` granules (more than 0) at a multiple of `align`: its number and its length.
    pub(super) fn find(&mut self, len: u32, align: u32) -> Option<(usize, u32)> {
        if len > self.longest {
            return None;
        }
        let fits = |hole: &Span| {
            hole.len >= len && u64::from(skipped(hole.start, align)) + u64::from(len) <= u64::from(hole.len)
        };
        let (before, after) = self.holes.split_at(self.next.min(self.holes.len()));
        let found = after.iter().position(fits).map(|at| before.len() + at).or_else(|| before.iter().position(fits));
        if found.is_none() && align == 1 {
            self.longest = len - 1;
        }
        found.map(|at| (at, self.holes[at].len))
    }

    /// Takes the whole hole that was [found](Holes::find).
    pub(super) fn open(&mut self, found: usize) -> Span {
        let hole = std::mem::replace(&mut self.holes[found].len, 0);
        self.next = found;
        self.free -= hole;
        Span { start: self.holes[found].start, len: hole }
    }

    /// Takes `len` granules at a multiple of `align` from the hole that was found for that. Gives the first.
    pub(super) fn carve(&mut self, found: usize, len: u32, align: u32) -> u32 {
        let hole = self.holes[found];
        let start = hole.start + skipped(hole.start, align);
        let rest = Span { start: start + len, len: hole.end() - start - len };
        if start == hole.start {
            self.holes[found] = rest;
        } else {
            self.holes[found].len = start - hole.start;
            if rest.len > 0 {
                self.holes.insert(found + 1, rest);
            }
        }
        self.free -= len;
        start
    }

    /// Makes a hole of room that touches none but, perhaps, the one before it: what is left of an opened one, or room that
    /// was never in use. The next search begins there.
    pub(super) fn put(&mut self, span: Span) {
        if span.len == 0 {
            return;
        }
        self.free += span.len;
        let at = self.holes.partition_point(|hole| hole.start <= span.start);
        self.next = at;
        let mut len = span.len;
        match at.checked_sub(1).and_then(|before| self.holes.get_mut(before)) {
            Some(used_up) if used_up.len == 0 => *used_up = span,
            Some(before) if before.end() == span.start => {
                before.len += span.len;
                len = before.len;
            }
            _ => {
                self.holes.insert(at, span);
                self.next = at + 1;
            }
        }
        self.next -= 1;
        self.longest = self.longest.max(len);
    }

    /// Frees ranges, sorted by address. They join their neighbours.
    pub(super) fn give_back(&mut self, ranges: impl Iterator<Item = Span>) {
        let next = self.holes.get(self.next).map_or(u32::MAX, |hole| hole.start);
        let old = std::mem::take(&mut self.holes);
        let mut merged: Vec<Span> = Vec::with_capacity(old.len() + 8);
        let mut push = |span: Span| match merged.last_mut() {
            Some(last) if last.end() == span.start => last.len += span.len,
            _ => merged.push(span),
        };
        let mut old = old.into_iter().filter(|hole| hole.len > 0).peekable();
        for range in ranges {
            while let Some(hole) = old.next_if(|hole| hole.start < range.start) {
                push(hole);
            }
            push(range);
        }
        old.for_each(push);
        self.next = merged.partition_point(|hole| hole.end() <= next) % merged.len().max(1);
        self.longest = merged.iter().map(|hole| hole.len).max().unwrap_or(0);
        self.free = merged.iter().map(|hole| hole.len).sum();
        self.holes = merged;
    }
}

/// What lies between `start` and the next multiple of `align`, a power of two.
fn skipped(start: u32, align: u32) -> u32 {
    start.wrapping_neg() & (align - 1)
}

#[cfg(test)]
pub(in crate::memory) mod tests;
