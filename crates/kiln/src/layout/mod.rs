//! Layout: sections, stubs and the GOT become offsets in three segments, then addresses.

mod room;

use std::ops::Range;

use crate::error::{Error, Result};
use crate::fixup;
use crate::graph::{Entries, LinkGraph, Own, Permission, Place, Resolved, Role, SectionId, SymbolId, Window};
use crate::target::TargetAddr;
use room::Room;

/// The largest image, in bytes: what the small code model's 32-bit distances reach.
pub(crate) const MAX_IMAGE: u64 = 1 << 31;

/// The size of a GOT slot: an address.
const SLOT_SIZE: u64 = 8;

/// The largest image with sections of the medium and large code models, which may be far from the others.
const MAX_LARGE_IMAGE: u64 = 1 << 40;

/// The size of the word that ends call frame information.
const UNWIND_END: u64 = 4;

/// Where everything stands in its segment.
#[derive(Debug)]
pub(crate) struct Layout {
    /// By [`Permission`].
    pub(crate) segments: [Segment; 3],
    /// By [`SectionId`]: offset in the segment of the section's permission. 0 for sections that are not in the image.
    offsets: Vec<u64>,
    /// Room in the text that no section and no stub takes.
    pub(crate) gaps: Vec<Range<u64>>,
    /// Where the image should stand: the first of these that there is room in.
    pub(crate) windows: [Window; 2],
    islands: Vec<(Range<u32>, u64)>,
    got: u64,
    common: u64,
    stub_size: u64,
    own: OwnEntries,
    /// In the text: the functions made of the pieces of `.init` and of `.fini`.
    pub(crate) pieces: [Option<Range<u64>>; 2],
    /// Whether the text lets indirect branches arrive at marked places alone.
    pub(crate) guarded: bool,
    /// In the constants: the call frame information of all sections, without room between, and a word of zeros behind it.
    unwind: Range<u64>,
    pub(crate) threads: Threads,
}

/// Thread-local storage: the image's own block, of which each thread has a copy, and the slots for it.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    /// The initial image, in the constants; the rest of the block is zeros.
    pub(crate) template: Range<u64>,
    /// Of the block, in bytes.
    pub(crate) size: u64,
    pub(crate) align: u64,
    /// By [`SectionId`]: the offset in the block. Empty: there is no block.
    offsets: Vec<u64>,
    /// In the constants.
    slots: u64,
}

/// Where Kiln's own entries stand.
#[derive(Debug)]
struct OwnEntries {
    /// In the text.
    indirect_stubs: u64,
    thunk_stubs: u64,
    veneers: u64,
    /// In the constants.
    indirect_slots: u64,
    thunk_slots: u64,
    handle: u64,
    thunk_size: u64,
}

/// A run of memory with one protection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Segment {
    /// In bytes.
    pub(crate) size: u64,
    /// In bytes, a power of two.
    pub(crate) align: u64,
    /// How many bytes from its beginning the inputs fill, without large gaps: memory that will surely be used.
    pub(crate) filled: u64,
}

/// A gap in front of a section that is more than what sections of compilers leave.
pub(crate) const LARGE_GAP: u64 = 1 << 16;

/// Sections between two names must be in one segment.
fn check_bounds(graph: &LinkGraph<'_>, resolved: &Resolved) -> Result<()> {
    for bound in resolved.bounds.list.iter().filter(|bound| bound.contiguous) {
        let mut sections = bound.sections.iter().map(|id| graph.section(*id));
        let Some(first) = sections.next() else { continue };
        if let Some(other) = sections.find(|section| section.permission != first.permission) {
            return Err(Error::unsupported(format!(
                "the section is {} here and {} in {}, and names for its beginning and end want it in one piece",
                other.permission,
                first.permission,
                graph.input_name(first.input)
            ))
            .section(graph.section_name(other))
            .input(graph.input_name(other.input))
            .help("give it the same flags in all files"));
        }
    }
    Ok(())
}

impl Layout {
    /// Gives the sections, in their order, the stubs, the GOT and the common symbols their offsets.
    ///
    /// # Errors
    ///
    /// The image is larger than 2 GiB, without the sections that may be far away; or sections that must stand together
    /// want different protections.
    pub(crate) fn of(graph: &LinkGraph<'_>, resolved: &Resolved, entries: &Entries) -> Result<Layout> {
        check_bounds(graph, resolved)?;
        let mut room = Room { segments: [Segment { size: 0, align: 1, filled: 0 }; 3], gaps: Vec::new() };
        let mut offsets = vec![0; graph.sections.len()];
        let stub_size = fixup::stub_size(graph.arch, entries.guarded);
        let stub_room = |stubs: &Range<u32>| stub_size * u64::from(stubs.end - stubs.start);
        let mut islands: Vec<(Range<u32>, u64)> = Vec::new();
        let mut next_island = entries.islands.iter().peekable();
        let got = room.reserve(Permission::Const, SLOT_SIZE * entries.slots.len() as u64, SLOT_SIZE, MAX_IMAGE)?;
        room.segments[Permission::Const as usize].filled = room.segments[Permission::Const as usize].size;
        let mut own = None;
        let mut unwind = 0..0;
        let mut threads = Threads::default();
        let mut pieces = [None, None];
        let mut common = None;
        for id in &resolved.order {
            let section = graph.section(*id);
            if section.large && common.is_none() {
                pieces = room.pieces(graph, resolved, &mut offsets)?;
                own = Some(room.own(graph, resolved, entries)?);
                unwind = room.unwind(graph, resolved, &mut offsets)?;
                threads = room.threads(graph, resolved, entries, &mut offsets)?;
                common = Some(room.common(resolved)?);
            }
            if matches!(section.role, Role::Unwind | Role::ThreadLocal | Role::Piece(_)) {
                continue;
            }
            let limit = if section.large { MAX_LARGE_IMAGE } else { MAX_IMAGE };
            offsets[id.0 as usize] = room
                .take(section.permission, section.size, section.align, limit)
                .map_err(|error| error.section(graph.section_name(section)).input(graph.input_name(section.input)))?;
            let segment = &mut room.segments[section.permission as usize];
            if section.data.is_some() && segment.size - section.size <= segment.filled + LARGE_GAP {
                segment.filled = segment.size;
            }
            if let Some(island) = next_island.next_if(|island| island.after == *id) {
                let stubs = islands.last().map_or(0, |(stubs, _)| stubs.end)..island.end;
                let offset = room.reserve(Permission::Text, stub_room(&stubs), SLOT_SIZE, MAX_IMAGE)?;
                islands.push((stubs, offset));
            }
        }
        let stubs = islands.last().map_or(0, |(stubs, _)| stubs.end)..entries.stubs.len() as u32;
        let offset = room.reserve(Permission::Text, stub_room(&stubs), SLOT_SIZE, MAX_IMAGE)?;
        islands.push((stubs, offset));
        let own = match own {
            Some(own) => own,
            None => {
                unwind = room.unwind(graph, resolved, &mut offsets)?;
                threads = room.threads(graph, resolved, entries, &mut offsets)?;
                pieces = room.pieces(graph, resolved, &mut offsets)?;
                room.own(graph, resolved, entries)?
            }
        };
        let common = match common {
            Some(common) => common,
            None => room.common(resolved)?,
        };
        let Room { segments, gaps } = room;
        let windows = [entries.must.and(entries.may), entries.must];
        let guarded = entries.guarded;
        Ok(Layout {
            segments,
            offsets,
            gaps,
            windows,
            islands,
            got,
            common,
            stub_size,
            own,
            pieces,
            guarded,
            unwind,
            threads,
        })
    }

    /// The alignment that the image as a whole needs, at least a page.
    pub(crate) fn align(&self, page: u64) -> u64 {
        self.segments.iter().fold(page, |align, segment| align.max(segment.align))
    }

    /// Offsets of the segments behind each other, each on pages of its own, and the size of the whole.
    pub(crate) fn contiguous(&self, page: u64) -> Result<([u64; 3], u64)> {
        self.arrange(page, &Permission::ALL)
    }

    /// As [`contiguous`](Layout::contiguous), for text that has a mapping of its own: the offset of each segment in its mapping,
    /// and the sizes of the text's and of the other one.
    pub(crate) fn split(&self, page: u64) -> Result<([u64; 3], [u64; 2])> {
        let (_, text) = self.arrange(page, &[Permission::Text])?;
        let (starts, rest) = self.arrange(page, &[Permission::Const, Permission::Data])?;
        Ok((starts, [text, rest]))
    }

    fn arrange(&self, page: u64, permissions: &[Permission]) -> Result<([u64; 3], u64)> {
        let mut starts = [0; 3];
        let mut end = 0u64;
        for permission in permissions {
            let segment = self.segments[*permission as usize];
            let start = end.next_multiple_of(segment.align.max(page));
            starts[*permission as usize] = start;
            end = start + segment.size;
        }
        if end > MAX_LARGE_IMAGE {
            return Err(Error::unsupported(format!(
                "the image is larger than {}",
                fixup::binary_size(MAX_LARGE_IMAGE)
            )));
        }
        Ok((starts, end.next_multiple_of(page)))
    }

    /// Where the last segment that is not empty ends, when they begin at `starts`.
    pub(crate) fn end(&self, starts: [u64; 3]) -> u64 {
        let ends = starts.iter().zip(&self.segments).filter(|(_, segment)| segment.size > 0);
        ends.map(|(start, segment)| start + segment.size).max().unwrap_or_default()
    }

    /// Gives the segments their addresses.
    pub(crate) fn place(self, graph: &LinkGraph<'_>, resolved: &Resolved, bases: [TargetAddr; 3]) -> Result<Addresses> {
        for (base, segment) in bases.iter().zip(&self.segments) {
            if base.0.checked_add(segment.size).is_none() || base.0 % segment.align != 0 {
                return Err(Error::unsupported(format!(
                    "an image of {:#x} bytes, aligned to {:#x}, cannot stand at {base}",
                    segment.size, segment.align
                ))
                .help("choose another base"));
            }
        }
        let mut addresses = Addresses { layout: self, bases, bounds: Vec::new(), symbols: Vec::new() };
        for bound in &resolved.bounds.list {
            if let Some((permission, zeros)) = bound.segment {
                let segment = &addresses.layout.segments[permission as usize];
                let start = addresses.base(permission);
                let size = if zeros { segment.size } else { segment.filled };
                addresses.bounds.push(start..start + size);
                continue;
            }
            let starts = bound.sections.iter().map(|id| (addresses.section(graph, *id), graph.section(*id).size));
            let common = addresses.base(Permission::Data) + addresses.layout.common;
            let commons = (bound.commons && resolved.common.0 > 0).then_some((common, resolved.common.0));
            let starts = starts.chain(commons);
            let range = starts.fold(None, |range: Option<Range<u64>>, (start, size)| {
                let range = range.unwrap_or(start..start);
                Some(range.start.min(start)..range.end.max(start + size))
            });
            let data = addresses.base(Permission::Data);
            addresses.bounds.push(range.unwrap_or(data..data));
        }
        addresses.symbols = resolved.places.iter().map(|place| addresses.of(graph, *place)).collect();
        Ok(addresses)
    }
}

/// Every address: frozen from here on.
#[derive(Debug)]
pub(crate) struct Addresses {
    pub(crate) layout: Layout,
    /// By [`Permission`].
    pub(crate) bases: [TargetAddr; 3],
    /// Of `Bounds::list`.
    bounds: Vec<Range<u64>>,
    /// By [`SymbolId`].
    symbols: Vec<u64>,
}

impl Addresses {
    fn base(&self, permission: Permission) -> u64 {
        self.bases[permission as usize].0
    }

    /// The lowest address of the image.
    pub(crate) fn image_base(&self) -> u64 {
        self.bases.iter().map(|base| base.0).min().unwrap_or_default()
    }

    /// Where a section stands in its segment.
    pub(crate) fn offset(&self, section: SectionId) -> u64 {
        self.layout.offsets[section.0 as usize]
    }

    pub(crate) fn section(&self, graph: &LinkGraph<'_>, section: SectionId) -> u64 {
        self.base(graph.section(section).permission) + self.offset(section)
    }

    /// What a symbol means; 0 for what is not in the image.
    pub(crate) fn symbol(&self, symbol: SymbolId) -> u64 {
        self.symbols[symbol.0 as usize]
    }

    /// What each symbol means, by [`SymbolId`].
    pub(crate) fn symbols(&self) -> &[u64] {
        &self.symbols
    }

    fn of(&self, graph: &LinkGraph<'_>, place: Place) -> u64 {
        match place {
            // Offsets may lie outside the section: they wrap as the target's own arithmetic does.
            Place::Section { section, offset } => self.section(graph, section).wrapping_add(offset),
            Place::Common(offset) => self.base(Permission::Data) + self.layout.common + offset,
            Place::Bound { index, end } => {
                let range = &self.bounds[index as usize];
                if end { range.end } else { range.start }
            }
            Place::Got => self.got(),
            Place::Outside(address) => address,
            Place::Discarded => 0,
            Place::Own(Own::Indirect(index)) => self.indirect_stub(index).1,
            Place::Own(Own::Thunk(index)) => self.thunk(index).1,
            Place::Own(Own::Handle) => self.handle().1,
            // Each thread has another, so that none is its address.
            Place::Own(Own::ThreadImport(_) | Own::ThreadBlock) => 0,
        }
    }

    fn entry(&self, permission: Permission, first: u64, size: u64, index: u32) -> (u64, u64) {
        let offset = first + size * u64::from(index);
        (offset, self.base(permission) + offset)
    }

    /// The offset in the text, and the address, of an indirect function's stub: the function's address to all.
    pub(crate) fn indirect_stub(&self, index: u32) -> (u64, u64) {
        self.entry(Permission::Text, self.layout.own.indirect_stubs, self.layout.stub_size, index)
    }

    /// The offset in the constants, and the address, of an indirect function's slot.
    pub(crate) fn indirect_slot(&self, index: u32) -> (u64, u64) {
        self.entry(Permission::Const, self.layout.own.indirect_slots, SLOT_SIZE, index)
    }

    /// The offset in the text, and the address, of a stub that passes the module's handle.
    pub(crate) fn thunk(&self, index: u32) -> (u64, u64) {
        self.entry(Permission::Text, self.layout.own.thunk_stubs, self.layout.own.thunk_size, index)
    }

    /// The offset in the text, and the address, of a veneer.
    pub(crate) fn veneer(&self, graph: &LinkGraph<'_>, index: usize) -> (u64, u64) {
        self.entry(Permission::Text, self.layout.own.veneers, fixup::veneer_size(graph.arch), index as u32)
    }

    /// The offset in the constants, and the address, of such a stub's slot.
    pub(crate) fn thunk_slot(&self, index: u32) -> (u64, u64) {
        self.entry(Permission::Const, self.layout.own.thunk_slots, SLOT_SIZE, index)
    }

    /// The offset in the constants, and the address, of the module's handle.
    pub(crate) fn handle(&self) -> (u64, u64) {
        self.entry(Permission::Const, self.layout.own.handle, SLOT_SIZE, 0)
    }

    /// The offsets in the constants, and the address, of the call frame information. Empty: there is none.
    pub(crate) fn unwind(&self) -> (Range<u64>, u64) {
        let range = self.layout.unwind.clone();
        (range.clone(), self.base(Permission::Const) + range.start)
    }

    /// The offset in the constants, and the address, of a word of the slots for thread-local variables.
    pub(crate) fn thread_slot(&self, word: u32) -> (u64, u64) {
        self.entry(Permission::Const, self.layout.threads.slots, SLOT_SIZE, word)
    }

    /// Where a section stands in the block of thread-local storage; of anything else, where the block begins.
    pub(crate) fn block_offset(&self, section: u32) -> u64 {
        self.layout.threads.offsets.get(section as usize).copied().unwrap_or_default()
    }

    /// The addresses of the functions made of the pieces of `.init` and of `.fini`.
    pub(crate) fn pieces(&self) -> [Option<u64>; 2] {
        self.layout.pieces.each_ref().map(|range| Some(self.base(Permission::Text) + range.as_ref()?.start))
    }

    /// The addresses of the segments, by [`Permission`].
    pub(crate) fn segments(&self) -> [Range<u64>; 3] {
        Permission::ALL.map(|permission| {
            let start = self.base(permission);
            start..start + self.layout.segments[permission as usize].size
        })
    }

    /// The size of a stub that passes the module's handle, in bytes.
    pub(crate) fn thunk_size(&self) -> usize {
        self.layout.own.thunk_size as usize
    }

    /// Where the GOT begins.
    pub(crate) fn got(&self) -> u64 {
        self.base(Permission::Const) + self.layout.got
    }

    /// The number of the segment that a symbol is in, from 1, and the segment's address. `None`: it is in none.
    pub(crate) fn segment(&self, graph: &LinkGraph<'_>, place: Place) -> Option<(u64, u64)> {
        let permission = match place {
            Place::Section { section, .. } => graph.section(section).permission,
            Place::Common(_) => Permission::Data,
            Place::Got | Place::Own(Own::Handle) => Permission::Const,
            Place::Own(Own::ThreadImport(_) | Own::ThreadBlock) => return None,
            Place::Own(_) => Permission::Text,
            Place::Bound { .. } | Place::Outside(_) | Place::Discarded => return None,
        };
        Some((permission as u64 + 1, self.base(permission)))
    }

    /// The offset in the constants, and the address, of a GOT slot.
    pub(crate) fn slot(&self, slot: u32) -> (u64, u64) {
        let offset = self.layout.got + SLOT_SIZE * u64::from(slot);
        (offset, self.base(Permission::Const) + offset)
    }

    /// The size of a stub, in bytes.
    pub(crate) fn stub_size(&self) -> usize {
        self.layout.stub_size as usize
    }

    /// The offset in the text, and the address, of a stub.
    pub(crate) fn stub(&self, stub: u32) -> (u64, u64) {
        let island = self.layout.islands.partition_point(|(stubs, _)| stubs.end <= stub);
        let (first, start) = self.layout.islands.get(island).map_or((0, 0), |(stubs, start)| (stubs.start, *start));
        let offset = start + self.layout.stub_size * u64::from(stub - first);
        (offset, self.base(Permission::Text) + offset)
    }
}
