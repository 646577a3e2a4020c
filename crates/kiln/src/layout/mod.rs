//! Layout: sections, stubs and the GOT become offsets in three segments, then addresses.

use crate::error::{Error, Result};
use crate::fixup;
use crate::graph::{Entries, LinkGraph, Permission, Place, Resolved, SectionId, SymbolId};
use crate::target::TargetAddr;

/// The largest image, in bytes: what the small code model's 32-bit distances reach.
pub(crate) const MAX_IMAGE: u64 = 1 << 31;

/// The size of a GOT slot: an address.
const SLOT_SIZE: u64 = 8;

/// Where everything stands in its segment.
#[derive(Debug)]
pub(crate) struct Layout {
    /// By [`Permission`].
    pub(crate) segments: [Segment; 3],
    /// By [`SectionId`]: offset in the segment of the section's permission. 0 for sections that are not in the image.
    offsets: Vec<u64>,
    stubs: u64,
    got: u64,
    common: u64,
    stub_size: u64,
}

/// A run of memory with one protection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Segment {
    /// In bytes.
    pub(crate) size: u64,
    /// In bytes, a power of two.
    pub(crate) align: u64,
}

impl Layout {
    /// Gives every live section, the stubs, the GOT and the common symbols their offsets.
    ///
    /// # Errors
    ///
    /// The image is larger than 2 GiB.
    pub(crate) fn of(graph: &LinkGraph<'_>, resolved: &Resolved, entries: &Entries) -> Result<Layout> {
        let mut segments = [Segment { size: 0, align: 1 }; 3];
        let mut offsets = vec![0; graph.sections.len()];
        let mut reserve = |permission: Permission, size: u64, align: u64| {
            let segment = &mut segments[permission as usize];
            if size == 0 {
                return Ok(segment.size);
            }
            let start = segment.size.checked_next_multiple_of(align);
            let end = start.and_then(|start| start.checked_add(size)).filter(|end| *end <= MAX_IMAGE);
            let (Some(start), Some(end)) = (start, end) else {
                return Err(Error::unsupported(format!(
                    "{size:#x} bytes more make the image larger than {}",
                    fixup::binary_size(MAX_IMAGE)
                )));
            };
            segment.size = end;
            segment.align = segment.align.max(align);
            Ok(start)
        };

        let got = reserve(Permission::Const, SLOT_SIZE * entries.slots.len() as u64, SLOT_SIZE)?;
        // Zeros come last, so that what the inputs hold stands together.
        for zeros in [false, true] {
            for (offset, section) in offsets.iter_mut().zip(&graph.sections) {
                if section.live && section.data.is_none() == zeros {
                    *offset = reserve(section.permission, section.size, section.align).map_err(|error| {
                        error.section(graph.section_name(section)).input(graph.input_name(section.input))
                    })?;
                }
            }
        }
        let stub_size = fixup::stub_size(graph.arch);
        let stubs = reserve(Permission::Text, stub_size * entries.stubs.len() as u64, SLOT_SIZE)?;
        let common = reserve(Permission::Data, resolved.common.0, resolved.common.1.max(1))?;
        Ok(Layout { segments, offsets, stubs, got, common, stub_size })
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
        if end > MAX_IMAGE {
            return Err(Error::unsupported(format!("the image is larger than {}", fixup::binary_size(MAX_IMAGE))));
        }
        Ok((starts, end.next_multiple_of(page)))
    }

    /// Where the last segment that is not empty ends, when they begin at `starts`.
    pub(crate) fn end(&self, starts: [u64; 3]) -> u64 {
        let ends = starts.iter().zip(&self.segments).filter(|(_, segment)| segment.size > 0);
        ends.map(|(start, segment)| start + segment.size).max().unwrap_or_default()
    }

    /// Gives the segments their addresses.
    pub(crate) fn place(self, bases: [TargetAddr; 3]) -> Result<Addresses> {
        for (base, segment) in bases.iter().zip(&self.segments) {
            if base.0.checked_add(segment.size).is_none() || base.0 % segment.align != 0 {
                return Err(Error::unsupported(format!(
                    "an image of {:#x} bytes, aligned to {:#x}, cannot stand at {base}",
                    segment.size, segment.align
                ))
                .help("choose another base"));
            }
        }
        Ok(Addresses { layout: self, bases })
    }
}

/// Every address: frozen from here on.
#[derive(Debug)]
pub(crate) struct Addresses {
    pub(crate) layout: Layout,
    /// By [`Permission`].
    pub(crate) bases: [TargetAddr; 3],
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

    pub(crate) fn symbol(&self, graph: &LinkGraph<'_>, resolved: &Resolved, symbol: SymbolId) -> u64 {
        match resolved.places[symbol.0 as usize] {
            // Offsets may lie outside the section: they wrap as the target's own arithmetic does.
            Place::Section { section, offset } => self.section(graph, section).wrapping_add(offset),
            Place::Common(offset) => self.base(Permission::Data) + self.layout.common + offset,
            Place::Outside(address) => address,
        }
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
        let offset = self.layout.stubs + self.layout.stub_size * u64::from(stub);
        (offset, self.base(Permission::Text) + offset)
    }
}
