//! A plan: what linking gives, at a base, without loading.

use std::ops::Range;

use crate::fixup::{CallLists, Via};
use crate::graph::{Entries, LinkGraph, Permission, Place, Relocation, Resolved, SectionId, SymbolId};
use crate::layout::Addresses;
use crate::target::{Format, TargetAddr};

/// A linked image at a base address: its bytes, and where everything stands.
#[derive(Clone, Debug)]
pub struct Plan {
    base: TargetAddr,
    image: Vec<u8>,
    segments: [Range<u64>; 3],
    threads: Option<ThreadBlock>,
    sections: Vec<PlannedSection>,
    symbols: Vec<PlannedSymbol>,
    imports: Vec<(String, TargetAddr)>,
    left_out: Vec<(String, String, &'static str)>,
    stubs: usize,
    slots: usize,
    absolute: usize,
    calls: CallLists,
    indirect: Vec<(TargetAddr, TargetAddr)>,
    frames: Vec<TargetAddr>,
}

/// A section of an input, placed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlannedSection {
    /// The input that it is of.
    pub input: String,
    /// The format of that input. `None`: it is flat code.
    pub format: Option<Format>,
    /// Its name; empty for flat code.
    pub name: String,
    /// How its memory will be protected.
    pub permission: Permission,
    /// Where it stands.
    pub address: TargetAddr,
    /// Its size in bytes.
    pub size: u64,
}

/// The thread-local variables of a plan: a block, of which each thread has a copy.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ThreadBlock {
    /// Where the image holds what the block's first bytes are in a new thread. The rest of it is zeros.
    pub template: Range<TargetAddr>,
    /// Of the block, in bytes.
    pub size: u64,
    /// Of the block, in bytes.
    pub align: u64,
}

/// A symbol that an input defines, placed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlannedSymbol {
    /// Its name, as C source writes it.
    pub name: String,
    /// Where it stands.
    pub address: TargetAddr,
    /// Its size in bytes; 0 where the format does not say.
    pub size: u64,
    /// Whether others may use it.
    pub exported: bool,
}

impl Plan {
    pub(crate) fn new(
        graph: &LinkGraph<'_>,
        resolved: &Resolved,
        entries: &Entries,
        addresses: &Addresses,
        (base, image): (TargetAddr, Vec<u8>),
        (calls, frames): (CallLists, Vec<u64>),
    ) -> Plan {
        let in_image =
            |symbol: SymbolId| !matches!(resolved.places[symbol.0 as usize], Place::Outside(_) | Place::Discarded);
        let mut absolute = entries.slots.iter().filter(|slot| in_image(slot.symbol)).count();
        let mut sections = Vec::new();
        for (index, section) in (0u32..).zip(&graph.sections).filter(|(index, _)| resolved.live[*index as usize]) {
            let is_absolute = |relocation: &Relocation| {
                let is_address = relocation.kind.is_absolute() && relocation.subtrahend.is_none();
                // What is outside stands still when the image moves: there, distances break and addresses hold. A slot
                // of the GOT moves with the image.
                let kind = relocation.kind;
                let moves = matches!(kind.via, Via::Got | Via::GotBase) || in_image(relocation.symbol);
                is_address == moves && kind.width() > 0 && kind.via != Via::Size && !kind.is_in_segment()
            };
            absolute += graph.relocations(section).filter(is_absolute).count();
            sections.push(PlannedSection {
                input: graph.input_name(section.input).to_owned(),
                format: graph.inputs[section.input as usize].format,
                name: graph.section_name(section).into_owned(),
                permission: section.permission,
                address: TargetAddr(addresses.section(graph, SectionId(index))),
                size: section.size,
            });
        }
        let left_out = &graph.left_out;
        Plan {
            base,
            image,
            segments: addresses.segments(),
            threads: (addresses.layout.threads.size > 0).then(|| ThreadBlock {
                template: {
                    let (start, template) = (addresses.segments()[1].start, &addresses.layout.threads.template);
                    TargetAddr(start + template.start)..TargetAddr(start + template.end)
                },
                size: addresses.layout.threads.size,
                align: addresses.layout.threads.align,
            }),
            sections,
            symbols: symbols(graph, resolved, addresses),
            imports: (resolved.imports.iter())
                .map(|(id, address)| (graph.symbol_name(graph.symbol(*id)).into_owned(), *address))
                .collect(),
            left_out: (left_out.iter())
                .map(|left_out| {
                    let (input, section) = graph.left_out_name(left_out);
                    (input.to_owned(), section.into_owned(), left_out.why)
                })
                .collect(),
            stubs: entries.stubs.len() + resolved.indirect.len() + resolved.thunks.len(),
            slots: entries.slots.len() + resolved.indirect.len() + resolved.thunks.len(),
            absolute: absolute + resolved.indirect.len() + usize::from(resolved.handle),
            calls,
            frames: frames.into_iter().map(TargetAddr).collect(),
            indirect: (0..)
                .zip(&resolved.indirect)
                .map(|(index, (section, offset))| {
                    let chooser = addresses.section(graph, *section).wrapping_add(*offset);
                    (TargetAddr(addresses.indirect_slot(index).1), TargetAddr(chooser))
                })
                .collect(),
        }
    }

    /// The address of the image's first byte.
    #[must_use]
    pub fn base(&self) -> TargetAddr {
        self.base
    }

    /// The whole image, from [`base`](Plan::base) on: text, constants and data, each on pages of its own.
    #[must_use]
    pub fn image(&self) -> &[u8] {
        &self.image
    }

    /// The addresses of the parts of the image that need the same permission, each from a page of its own on. A part that
    /// nothing is in is empty.
    pub fn segments(&self) -> impl Iterator<Item = (Permission, Range<TargetAddr>)> {
        let part = |range: &Range<u64>| TargetAddr(range.start)..TargetAddr(range.end);
        Permission::ALL.into_iter().zip(self.segments.each_ref().map(part))
    }

    /// The block of thread-local variables. `None`: there are none.
    #[must_use]
    pub fn thread_block(&self) -> Option<&ThreadBlock> {
        self.threads.as_ref()
    }

    /// The bytes from `address` to the end of the image. `None`: it is not in the image.
    #[must_use]
    pub fn bytes_at(&self, address: TargetAddr) -> Option<&[u8]> {
        self.image.get(usize::try_from(address.0.checked_sub(self.base.0)?).ok()?..)
    }

    /// Every section, in the order of the inputs.
    #[must_use]
    pub fn sections(&self) -> &[PlannedSection] {
        &self.sections
    }

    /// Every named symbol that an input defines, local ones too.
    #[must_use]
    pub fn symbols(&self) -> &[PlannedSymbol] {
        &self.symbols
    }

    /// Where the symbol `name` stands: an exported one, or else a local one.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<TargetAddr> {
        let named = || self.symbols.iter().filter(|symbol| symbol.name == name);
        named().find(|symbol| symbol.exported).or_else(|| named().next()).map(|symbol| symbol.address)
    }

    /// The symbols that are defined outside the inputs, with their addresses.
    #[must_use]
    pub fn imports(&self) -> &[(String, TargetAddr)] {
        &self.imports
    }

    /// The sections of the inputs that the image leaves out: input, section, reason.
    #[must_use]
    pub fn left_out(&self) -> &[(String, String, &'static str)] {
        &self.left_out
    }

    /// How many stubs (jumps to what may be far) and GOT slots (addresses of symbols) the image holds.
    #[must_use]
    pub fn stubs_and_slots(&self) -> (usize, usize) {
        (self.stubs, self.slots)
    }

    /// The functions that loading calls, in the order of the calls: `.preinit_array`, `.init_array`, `.ctors`,
    /// `__mod_init_func`.
    pub fn initializers(&self) -> impl ExactSizeIterator<Item = TargetAddr> {
        self.calls.init.iter().copied().map(TargetAddr)
    }

    /// The functions that are called at the end, in the order of the calls: `.fini_array`, `.dtors`, `__mod_term_func`.
    pub fn finalizers(&self) -> impl ExactSizeIterator<Item = TargetAddr> {
        self.calls.fini.iter().copied().map(TargetAddr)
    }

    /// The frame descriptions of the call frame information (`.eh_frame`'s FDEs, and what compact unwind tables become), in the
    /// order in which they stand. Loading tells the unwinder of them.
    #[must_use]
    pub fn frames(&self) -> &[TargetAddr] {
        &self.frames
    }

    /// The GOT slots of indirect functions (IFUNC, Mach-O's symbol resolvers), each with the function that chooses what belongs into it. Loading asks
    /// it; in the plan's image its own address stands there.
    #[must_use]
    pub fn indirect(&self) -> &[(TargetAddr, TargetAddr)] {
        &self.indirect
    }

    /// How many places depend on where the image stands: 0 means that it works at every address that is as well aligned
    /// as its base.
    #[must_use]
    pub fn absolute(&self) -> usize {
        self.absolute
    }
}

/// The named symbols that stand in the image.
fn symbols(graph: &LinkGraph<'_>, resolved: &Resolved, addresses: &Addresses) -> Vec<PlannedSymbol> {
    let mut symbols = Vec::new();
    for (index, symbol) in (0u32..).zip(&graph.symbols) {
        let id = SymbolId(index);
        if graph.defines(&resolved.live, symbol) {
            symbols.push(PlannedSymbol {
                name: graph.symbol_name(symbol).into_owned(),
                address: TargetAddr(addresses.symbol(id)),
                size: symbol.size,
                exported: resolved.exports.binary_search(&id).is_ok(),
            });
        }
    }
    symbols
}
