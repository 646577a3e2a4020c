//! `malloc` and its like: blocks by size class, each with its size in front of it, in memory of the emulated process.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::memory::{Kind, Memory, PAGE, READ, WRITE};

/// In front of each block: its size, and a word that says that it is in use.
const HEADER: u64 = 16;
const USED: u64 = 0x6b69_6c6e_7573_6564;
/// As `USED`, for a block inside another one, and for one that has a mapping of its own.
const INNER: u64 = USED | 1;
const MAPPED: u64 = USED | 2;
const FREE: u64 = 0x6b69_6c6e_6672_6565;
/// Blocks that are larger have a mapping of their own.
const LARGE: u64 = 256 * 1024;
const CHUNK: u64 = 4 * 1024 * 1024;

pub(crate) struct Heap {
    memory: Rc<Memory>,
    area: u64,
    /// By class: addresses of blocks.
    free: BTreeMap<u64, Vec<u64>>,
    /// What is left of the chunk.
    rest: (u64, u64),
}

/// What is wrong with a pointer that is freed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadPointer {
    FreedBefore,
    NotAllocated,
}

impl Heap {
    pub(crate) fn new(memory: Rc<Memory>, area: u64) -> Heap {
        Heap { memory, area, free: BTreeMap::new(), rest: (0, 0) }
    }

    /// The size that a request is rounded up to: sixteenths of a power of two, multiples of 16.
    fn class(size: u64) -> u64 {
        let size = size.max(16);
        let step = (size.next_power_of_two() / 16).max(16);
        size.next_multiple_of(step)
    }

    /// A block of at least `size` bytes whose address is a multiple of `align` (a power of two).
    pub(crate) fn allocate(&mut self, size: u64, align: u64) -> Option<u64> {
        if size > 1 << 40 {
            return None;
        }
        if size > LARGE || align > PAGE {
            return self.map(size, align.max(16));
        }
        if align > 16 {
            // Large enough to hold an aligned one, with a header of its own that leads back.
            let outer = self.allocate(size + align + HEADER, 16)?;
            let inner = (outer + HEADER).next_multiple_of(align);
            if inner == outer {
                return Some(outer);
            }
            let room = self.size(outer)? - (inner - outer);
            self.head(inner, room << 24 | (inner - outer), INNER)?;
            return Some(inner);
        }
        let class = Heap::class(size);
        if let Some(block) = self.free.get_mut(&class).and_then(Vec::pop) {
            self.head(block, class, USED)?;
            return Some(block);
        }
        let whole = class + HEADER;
        if self.rest.1 < whole {
            let start = self.memory.find(self.area, CHUNK)?;
            self.memory.map(start, CHUNK, READ | WRITE, Kind::Anonymous).ok()?;
            self.rest = (start, CHUNK);
        }
        let block = self.rest.0 + HEADER;
        self.rest = (self.rest.0 + whole, self.rest.1 - whole);
        self.head(block, class, USED)?;
        Some(block)
    }

    fn map(&mut self, size: u64, align: u64) -> Option<u64> {
        let room = size.next_multiple_of(PAGE);
        let lead = align.max(PAGE);
        let start = self.memory.find(self.area, lead + room)?;
        let block = (start + HEADER).next_multiple_of(lead);
        let first = block - PAGE;
        self.memory.map(first, PAGE + room, READ | WRITE, Kind::Anonymous).ok()?;
        self.head(block, room, MAPPED)?;
        Some(block)
    }

    fn head(&self, block: u64, size: u64, word: u64) -> Option<()> {
        let mut header = [0; HEADER as usize];
        header[..8].copy_from_slice(&size.to_le_bytes());
        header[8..].copy_from_slice(&word.to_le_bytes());
        self.memory.poke(block - HEADER, &header).ok()
    }

    /// How large a block is. `None`: it is none, or is free.
    pub(crate) fn size(&self, block: u64) -> Option<u64> {
        let size = self.memory.u64(block.checked_sub(HEADER)?).ok()?;
        match self.memory.u64(block - 8).ok()? {
            USED | MAPPED => Some(size),
            INNER => Some(size >> 24),
            _ => None,
        }
    }

    pub(crate) fn release(&mut self, block: u64) -> Result<(), BadPointer> {
        let header = block.checked_sub(HEADER).ok_or(BadPointer::NotAllocated)?;
        let size = self.memory.u64(header).map_err(|_| BadPointer::NotAllocated)?;
        match self.memory.u64(block - 8).map_err(|_| BadPointer::NotAllocated)? {
            MAPPED => self.memory.unmap(block - PAGE, PAGE + size).map_err(|_| BadPointer::NotAllocated),
            USED => {
                self.head(block, size, FREE).ok_or(BadPointer::NotAllocated)?;
                self.free.entry(size).or_default().push(block);
                Ok(())
            }
            INNER => {
                self.head(block, size, FREE).ok_or(BadPointer::NotAllocated)?;
                self.release(block - (size & 0xff_ffff))
            }
            FREE => Err(BadPointer::FreedBefore),
            _ => Err(BadPointer::NotAllocated),
        }
    }
}
