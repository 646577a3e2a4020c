//! Instructions that have no room for the address of what they use, and the veneers that do it for them.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::{Definition, LinkGraph, Permission, Relocation, Resolved, SectionId};
use crate::fixup;

/// A relocation that no place of the image helps, and the instruction that it stands in.
#[derive(Clone, Debug)]
pub(crate) struct Veneer {
    pub(crate) section: SectionId,
    pub(crate) relocation: Relocation,
    /// Offsets in the section.
    pub(crate) instruction: Range<usize>,
}

impl Veneer {
    /// The parts of the instruction with its `code`, which is at `place`, for the value `S + A` of the relocation.
    pub(crate) fn narrow<'c>(&self, code: &'c [u8], place: u64, value: u64) -> fixup::Narrow<'c> {
        let field = self.relocation.offset as usize - self.instruction.start;
        fixup::Narrow { code, place, field, is_relative: self.relocation.kind.is_relative(), value }
    }
}

/// The veneers for those of `far` that stand in an instruction that can have one, by section and offset; and the others.
///
/// Where instructions begin is known from the symbols, and every relocation from there on must stand at a field of an
/// instruction: what is no code is not taken for code.
pub(super) fn veneers(
    graph: &LinkGraph<'_>,
    resolved: &Resolved,
    far: Vec<(SectionId, Relocation)>,
) -> (Vec<Veneer>, Vec<Relocation>) {
    // Numbers, which symbols may have too, are no addresses.
    let imported: HashSet<u64> = resolved.imports.iter().map(|(_, address)| address.0).collect();
    let mut sections: HashMap<SectionId, Vec<Relocation>> = HashMap::new();
    let mut others = Vec::new();
    for (id, relocation) in far {
        let is_place = match resolved.places[relocation.symbol.0 as usize] {
            super::Place::Outside(address) => imported.contains(&address),
            _ => false,
        };
        if is_place && graph.section(id).permission == Permission::Text && relocation.kind.width() == 4 {
            sections.entry(id).or_default().push(relocation);
        } else {
            others.push(relocation);
        }
    }
    let mut starts: HashMap<SectionId, Vec<usize>> = sections.keys().map(|id| (*id, vec![0])).collect();
    for symbol in &graph.symbols {
        if let Definition::Section { section, offset } = symbol.definition
            && let Some(starts) = starts.get_mut(&section)
        {
            starts.extend(usize::try_from(offset));
        }
    }
    let mut veneers = Vec::new();
    for (id, mut wanted) in sections {
        wanted.sort_by_key(|relocation| relocation.offset);
        let mut starts = starts.remove(&id).unwrap_or_default();
        starts.sort_unstable();
        let section = Section::of(graph, id);
        let mut wanted = &wanted[..];
        let ends = starts.iter().skip(1).copied().chain([section.contents.len()]);
        for (start, end) in starts.iter().copied().zip(ends) {
            let here = wanted.partition_point(|relocation| (relocation.offset as usize) < end);
            let (inside, rest) = wanted.split_at(here);
            wanted = rest;
            let found = if inside.is_empty() { Vec::new() } else { section.find(start..end, inside) };
            let is_found = |one: &Relocation| found.iter().any(|veneer| veneer.relocation.offset == one.offset);
            others.extend(inside.iter().filter(|one| !is_found(one)));
            veneers.extend(found);
        }
        others.extend(wanted);
    }
    veneers.sort_by_key(|veneer| (veneer.section, veneer.relocation.offset));
    (veneers, others)
}

/// Code, and where relocations stand in it.
struct Section<'g> {
    id: SectionId,
    arch: crate::target::Arch,
    contents: &'g [u8],
    /// Of all relocations that write something, sorted.
    offsets: Vec<usize>,
}

impl<'g> Section<'g> {
    fn of(graph: &'g LinkGraph<'_>, id: SectionId) -> Section<'g> {
        let section = graph.section(id);
        let contents = section.data.map_or(&[][..], |data| graph.bytes(section.input, data));
        let writing = graph.relocations(section).filter(|relocation| relocation.kind.width() > 0);
        let mut offsets: Vec<usize> = writing.map(|relocation| relocation.offset as usize).collect();
        offsets.sort_unstable();
        Section { id, arch: graph.arch, contents, offsets }
    }

    /// The veneers for the relocations `wanted`, which stand in `range`. None, if that is not instruction by instruction.
    fn find(&self, range: Range<usize>, wanted: &[Relocation]) -> Vec<Veneer> {
        let mut found = Vec::new();
        let mut wanted = wanted.iter().peekable();
        let mut offsets = &self.offsets[self.offsets.partition_point(|offset| *offset < range.start)..];
        let mut at = range.start;
        while wanted.peek().is_some() {
            let code = self.contents.get(at..range.end).unwrap_or_default();
            let Some((len, fields)) = fixup::instruction_fields(self.arch, code).filter(|(len, _)| *len > 0) else {
                return found;
            };
            let here = offsets.partition_point(|offset| *offset < at + len);
            let (inside, rest) = offsets.split_at(here);
            offsets = rest;
            if inside.iter().any(|offset| !fields.contains(&Some(offset - at))) {
                return Vec::new();
            }
            let one = wanted.next_if(|relocation| (relocation.offset as usize) < at + len);
            let another = wanted.next_if(|relocation| (relocation.offset as usize) < at + len);
            if let (Some(relocation), None) = (one, another) {
                let veneer = Veneer { section: self.id, relocation: *relocation, instruction: at..at + len };
                let narrow = veneer.narrow(&code[..len], 0, 0);
                if fixup::veneer(self.arch, &narrow, 0).is_some() {
                    found.push(veneer);
                }
            }
            at += len;
        }
        found
    }
}
