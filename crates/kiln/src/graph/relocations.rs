//! The relocations of a section: as its input has them, or as its format's reader has made them.

use std::ops::Range;
use std::slice;

use object::LittleEndian;
use object::elf::Rela64;

use super::{LinkGraph, Section, Span, SymbolId};
use crate::fixup::{self, Kind};

/// A field of a section that needs an address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relocation {
    pub(crate) offset: u32,
    pub(crate) symbol: SymbolId,
    /// The symbol whose address is subtracted.
    pub(crate) subtrahend: Option<SymbolId>,
    pub(crate) addend: i64,
    pub(crate) kind: &'static Kind,
}

/// Where the relocations of a section are.
#[derive(Clone, Debug)]
pub(crate) enum RelocationTable {
    /// In [`LinkGraph::relocations`].
    Made(Range<u32>),
    /// In the input, as ELF writes them: each was looked at when the input was read, so nothing in them is wrong.
    Rela(Span),
}

/// What ELF calls `Elf64_Rela`.
pub(crate) type Rela = Rela64<LittleEndian>;

/// The relocations of a section, in the input's order. Loops over millions of them ask once which they are.
#[derive(Clone, Debug)]
pub(crate) enum Relocations<'g> {
    Made(slice::Iter<'g, Relocation>),
    Rela(Decoder<'g>),
}

/// Relocations as ELF writes them.
#[derive(Clone, Debug)]
pub(crate) struct Decoder<'g> {
    raw: slice::Iter<'g, Rela>,
    /// The graph's number of the input's first symbol.
    first_symbol: u32,
    kinds: &'static [&'static Kind],
}

impl Default for RelocationTable {
    fn default() -> RelocationTable {
        RelocationTable::Made(0..0)
    }
}

impl RelocationTable {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            RelocationTable::Made(range) => range.is_empty(),
            RelocationTable::Rela(span) => *span == Span::default(),
        }
    }
}

impl<'g> Decoder<'g> {
    /// As the input has them.
    pub(crate) fn raw(&self) -> &'g [Rela] {
        self.raw.as_slice()
    }

    /// The graph's number of the input's first symbol.
    pub(crate) fn first_symbol(&self) -> usize {
        self.first_symbol as usize
    }

    /// The relocation of a number.
    #[inline]
    pub(crate) fn get(&self, number: usize) -> Option<Relocation> {
        let raw = self.raw.as_slice().get(number)?;
        Some(decode(raw, self.first_symbol, self.kinds))
    }
}

impl Iterator for Decoder<'_> {
    type Item = Relocation;

    #[inline]
    fn next(&mut self) -> Option<Relocation> {
        let raw = self.raw.next()?;
        Some(decode(raw, self.first_symbol, self.kinds))
    }

    /// What `for_each` calls: without the question whether there is a next one, which costs as much as the rest.
    #[inline]
    fn fold<B, F: FnMut(B, Relocation) -> B>(self, start: B, mut take: F) -> B {
        let Decoder { raw, first_symbol, kinds } = self;
        raw.fold(start, |so_far, raw| take(so_far, decode(raw, first_symbol, kinds)))
    }
}

#[inline]
fn decode(raw: &Rela, first_symbol: u32, kinds: &[&'static Kind]) -> Relocation {
    let info = raw.r_info.get(LittleEndian);
    Relocation {
        offset: raw.r_offset.get(LittleEndian) as u32,
        symbol: SymbolId(first_symbol + (info >> 32) as u32),
        subtrahend: None,
        addend: raw.r_addend.get(LittleEndian),
        kind: kinds.get(info as u32 as usize).unwrap_or(&&fixup::UNKNOWN),
    }
}

impl Iterator for Relocations<'_> {
    type Item = Relocation;

    #[inline]
    fn next(&mut self) -> Option<Relocation> {
        match self {
            Relocations::Made(list) => list.next().copied(),
            Relocations::Rela(decoder) => decoder.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Relocations::Made(list) => list.size_hint(),
            Relocations::Rela(decoder) => decoder.raw.size_hint(),
        }
    }
}

impl ExactSizeIterator for Relocations<'_> {}

impl LinkGraph<'_> {
    /// The relocations of a section.
    pub(crate) fn relocations(&self, section: &Section) -> Relocations<'_> {
        match &section.relocations {
            RelocationTable::Made(range) => {
                Relocations::Made(self.relocations[range.start as usize..range.end as usize].iter())
            }
            RelocationTable::Rela(span) => {
                let input = &self.inputs[section.input as usize];
                let raw = object::pod::slice_from_all_bytes(span.get_in(&input.bytes)).unwrap_or_default();
                let kinds = input.format.map_or(&[][..], |format| fixup::kinds(self.arch, format));
                Relocations::Rela(Decoder { raw: raw.iter(), first_symbol: input.first_symbol, kinds })
            }
        }
    }
}
