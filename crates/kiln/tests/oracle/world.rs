//! A linked image, whoever linked it: what stands in memory, and where each part of the inputs is.

use std::collections::HashMap;

use kiln::{Plan, Target};

use crate::elf_rules::BLOCK;
use crate::inputs::{Home, Input, Place};

/// A part of an input's section: it begins so far into the section, and is so long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) address: u64,
}

/// Sections with call frame information, and those that Kiln makes such of.
pub(crate) const FRAMES: [&str; 3] = [".eh_frame", "__eh_frame", "__compact_unwind"];

/// How a linker has thread-local variables found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Threads {
    /// By the number of the module, and offsets in its block: the block's initial image begins here, and stands so far from
    /// the thread pointer.
    Block { image: u64, offset: u64 },
    /// JITLink's: by the address of the variable's initial value.
    Image,
}

/// An image.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) linker: String,
    pub(crate) memory: Vec<(u64, Vec<u8>)>,
    pub(crate) pieces: HashMap<(usize, usize), Vec<Piece>>,
    /// Of what all inputs see, by the name in the file.
    pub(crate) symbols: HashMap<String, u64>,
    pub(crate) threads: Option<Threads>,
    /// What the linker itself made, by what it says: the addresses of words outside of the inputs.
    words: HashMap<u64, Vec<u64>>,
    pub(crate) got: Option<u64>,
    /// Where the tables of call frame information are, and how long.
    pub(crate) frames: Vec<(u64, u64)>,
    /// The table for Apple's unwinder, and what its offsets count from.
    pub(crate) unwind_info: Option<(u64, u64)>,
}

impl World {
    pub(crate) fn new(linker: &str) -> World {
        World {
            linker: linker.to_owned(),
            memory: Vec::new(),
            pieces: HashMap::new(),
            symbols: HashMap::new(),
            threads: None,
            words: HashMap::new(),
            got: None,
            frames: Vec::new(),
            unwind_info: None,
        }
    }

    /// To be called when the memory and the pieces are there.
    pub(crate) fn complete(mut self) -> World {
        let mut inputs: Vec<(u64, u64)> =
            self.pieces.values().flatten().map(|piece| (piece.address, piece.address + piece.size)).collect();
        inputs.sort_unstable();
        for (start, bytes) in &self.memory {
            let skipped = (start.next_multiple_of(8) - start) as usize;
            for (at, word) in
                (start + skipped as u64..).step_by(8).zip(bytes.get(skipped..).unwrap_or_default().chunks_exact(8))
            {
                // Of the inputs' parts, the one that begins last, at or in front of it.
                let before = inputs.partition_point(|(start, _)| *start <= at);
                if before == 0 || inputs[..before].iter().rev().take(3).all(|(_, end)| *end <= at) {
                    let word = u64::from_le_bytes(word.try_into().unwrap());
                    self.words.entry(word).or_default().push(at);
                }
            }
        }
        self
    }

    /// The same, with these bits of a word changed.
    pub(crate) fn changed(&self, at: u64, bits: u64) -> World {
        let mut world = self.clone();
        let holds = |(start, bytes): &&mut (u64, Vec<u8>)| at >= *start && at - *start < bytes.len() as u64;
        let (start, bytes) = world.memory.iter_mut().find(holds).unwrap();
        for (byte, bits) in bytes[(at - *start) as usize..].iter_mut().zip(bits.to_le_bytes()) {
            *byte ^= bits;
        }
        // What the inputs hold is no word of the linker's.
        if world.is_input(at) {
            return world;
        }
        world.words.clear();
        world.complete()
    }

    /// The bytes from an address on, as many as there are.
    pub(crate) fn bytes(&self, at: u64) -> Option<&[u8]> {
        let holds = |(start, bytes): &&(u64, Vec<u8>)| at >= *start && at - start < bytes.len() as u64;
        let (start, bytes) = self.memory.iter().find(holds)?;
        bytes.get((at - start) as usize..)
    }

    pub(crate) fn word(&self, at: u64) -> Option<u64> {
        Some(u64::from_le_bytes(*self.bytes(at)?.first_chunk()?))
    }

    pub(crate) fn instruction(&self, at: u64) -> Option<u32> {
        Some(u32::from_le_bytes(*self.bytes(at)?.first_chunk()?))
    }

    /// Whether an input has something there.
    pub(crate) fn is_input(&self, at: u64) -> bool {
        self.pieces.values().flatten().any(|piece| (piece.address..piece.address + piece.size).contains(&at))
    }

    /// Where the linker has words of its own that say this.
    pub(crate) fn words_of(&self, value: u64) -> &[u64] {
        self.words.get(&value).map_or(&[], Vec::as_slice)
    }

    /// Where a place is in this image. `None`: nowhere.
    pub(crate) fn locate(&self, place: &Place) -> Option<u64> {
        match &place.home {
            Home::Outside => Some(place.offset as u64),
            Home::Symbol(name) if name == BLOCK => match self.threads? {
                Threads::Block { image, .. } => Some(image),
                Threads::Image => None,
            },
            Home::Symbol(name) => Some(self.symbols.get(name)?.wrapping_add_signed(place.offset)),
            Home::Section(input, section) => {
                let pieces = self.pieces.get(&(*input, *section))?;
                // What lies in front of the first part, or behind the last one, is reached from there.
                let before = |piece: &&Piece| piece.offset as i64 <= place.offset;
                let piece = pieces.iter().rev().find(before).or(pieces.first())?;
                Some(piece.address.wrapping_add_signed(place.offset - piece.offset as i64))
            }
        }
    }

    /// What stands at an address: a place in an input, or the address itself.
    pub(crate) fn identify(&self, at: u64) -> Place {
        let holds = |piece: &&Piece| (piece.address..piece.address + piece.size).contains(&at);
        let found = (self.pieces.iter()).find_map(|(key, pieces)| Some((key, pieces.iter().find(holds)?)));
        match found {
            Some((&(input, section), piece)) => {
                Place { home: Home::Section(input, section), offset: (piece.offset + (at - piece.address)) as i64 }
            }
            None => Place { home: Home::Outside, offset: at as i64 },
        }
    }

    /// What Kiln made of the inputs.
    pub(crate) fn of_plan(plan: &Plan, target: Target, inputs: &[Input]) -> World {
        let mut world = World::new("kiln");
        world.memory.push((plan.base().0, plan.image().to_vec()));
        // Of thread-local storage the plan has the filled part; what is zeros stands behind it, in the order of the inputs.
        let mut zeros = plan.thread_block().map_or(0, |block| block.template.end.0 - block.template.start.0);
        for (number, input) in inputs.iter().enumerate() {
            // Of sections with the same name, the order tells which is which.
            let mut taken: HashMap<(&str, u64), usize> = HashMap::new();
            for section in &input.sections {
                let same = |planned: &&kiln::PlannedSection| {
                    planned.input == input.name && planned.name == section.name && planned.size == section.size
                };
                let taken = taken.entry((&*section.name, section.size)).or_default();
                if let Some(planned) = plan.sections().iter().filter(same).nth(*taken) {
                    *taken += 1;
                    let mut piece = Piece { offset: 0, size: section.size, address: planned.address.0 };
                    if let (true, Some(block)) = (section.is_thread_zeros, plan.thread_block()) {
                        zeros = zeros.next_multiple_of(section.align.max(1));
                        // It is in each thread, and of the image it is no part.
                        (piece.address, piece.size) = (block.template.start.0 + zeros, 0);
                        zeros += section.size;
                    }
                    world.pieces.insert((number, section.index), vec![piece]);
                }
            }
            for symbol in input.symbols.iter().filter(|symbol| symbol.is_global) {
                let name = symbol.name.strip_prefix('_').filter(|_| target.format() == kiln::Format::MachO);
                if let Some(address) = plan.address(name.unwrap_or(&symbol.name)) {
                    world.symbols.insert(symbol.name.clone(), address.0);
                }
            }
        }
        let tables = plan.sections().iter().filter(|section| FRAMES.contains(&&*section.name));
        world.frames = tables.map(|section| (section.address.0, section.size)).collect();
        world.threads = plan.thread_block().map(|block| {
            let offset = match target.arch() {
                // U. Drepper, *ELF Handling For Thread-Local Storage*, section 3: below the thread pointer, and behind two words.
                kiln::Arch::X86_64 => block.size.next_multiple_of(block.align.max(1)).wrapping_neg(),
                kiln::Arch::Aarch64 => 16u64.next_multiple_of(block.align.max(1)),
            };
            Threads::Block { image: block.template.start.0, offset }
        });
        world.complete()
    }
}
