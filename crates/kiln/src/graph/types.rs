//! The types that exceptions are compared with, where 32 bits do not hold their addresses.
//!
//! The tables of `-fno-pic` code say which types a function catches by addresses of 32 bits, and a library's types are further
//! away. The encoding of these addresses stands in the table, and has a flag for addresses of words that hold them
//! (`DW_EH_PE_indirect`; Linux Standard Base, section 10.5): GOT slots.

use super::{LinkGraph, Place, Relocations, Resolved, Role, SectionId};

/// Addresses of 32 bits (`DW_EH_PE_udata4`).
const ADDRESS: u8 = 0x03;
/// The same of words that hold the addresses.
pub(crate) const INDIRECT: u8 = 0x80 | ADDRESS;
const OMITTED: u8 = 0xff;

/// Whether a section holds the tables of what functions catch, by its name.
pub(super) fn holds_types(graph: &LinkGraph<'_>, id: SectionId) -> bool {
    let section = graph.section(id);
    let name = graph.bytes(section.input, section.name);
    name.strip_prefix(b".gcc_except_table").is_some_and(|rest| rest.is_empty() || rest[0] == b'.')
}

/// Where in a section of such tables the encodings of the types' addresses stand. `None`: not all tables are as expected.
///
/// A table begins where a frame's description says: an encoding of where landing pads count from, which compilers omit, and that of
/// the types (Itanium C++ ABI, "Exception Handling Tables").
pub(super) fn encodings(graph: &LinkGraph<'_>, resolved: &Resolved, id: SectionId) -> Option<Vec<usize>> {
    let section = graph.section(id);
    let contents = section.data.map_or(&[][..], |data| graph.bytes(section.input, data));
    let mut starts = Vec::new();
    for (index, frames) in graph.sections.iter().enumerate() {
        if frames.role != Role::Unwind || frames.input != section.input || !resolved.live[index] {
            continue;
        }
        let mut note = |symbol: super::SymbolId, addend: i64| {
            if let Place::Section { section, offset } = resolved.places[symbol.0 as usize]
                && section == id
            {
                starts.extend(usize::try_from(offset.wrapping_add_signed(addend)));
            }
        };
        match graph.relocations(frames) {
            Relocations::Made(list) => list.for_each(|one| note(one.symbol, one.addend)),
            Relocations::Rela(list) => list.for_each(|one| note(one.symbol, one.addend)),
        }
    }
    starts.sort_unstable();
    starts.dedup();
    let mut found = Vec::new();
    for start in &starts {
        match contents.get(*start..)?.first_chunk()? {
            [OMITTED, ADDRESS] => found.push(start + 1),
            [OMITTED, OMITTED] => {}
            _ => return None,
        }
    }
    let is_of_a_type = |offset: usize| {
        let start = starts.partition_point(|start| *start <= offset).checked_sub(1).map(|index| starts[index] + 1);
        start.is_some_and(|start| found.binary_search(&start).is_ok())
    };
    let mut relocations = graph.relocations(section);
    relocations.all(|one| one.kind.is_low_address() && is_of_a_type(one.offset as usize)).then_some(found)
}
