//! The functions of an image, as profilers want them: each with a size, and none over another.

use super::Named;
use crate::fixup;
use crate::graph::{Binding, Definition, Entries, LinkGraph, Permission, Resolved, SymbolId};
use crate::layout::Addresses;

/// The functions and stubs of an image's text, in the order of their addresses. A function whose size nobody says, as in
/// assembly, goes as far as the next one or the end of its section.
pub(crate) fn functions(
    graph: &LinkGraph<'_>,
    resolved: &Resolved,
    entries: &Entries,
    addresses: &Addresses,
) -> Vec<Named> {
    // Address, size, end of the section, whether it is local, number.
    let mut found: Vec<(u64, u64, u64, bool, SymbolId)> = Vec::new();
    for (index, symbol) in (0u32..).zip(&graph.symbols) {
        let Definition::Section { section: home, offset } = symbol.definition else { continue };
        let section = graph.section(home);
        if section.permission != Permission::Text || !graph.defines(&resolved.live, symbol) {
            continue;
        }
        let start = addresses.section(graph, home);
        let local = symbol.binding == Binding::Local;
        found.push((start.wrapping_add(offset), symbol.size, start + section.size, local, SymbolId(index)));
    }
    // Of several names of one place, one that says its size, and one that others know.
    found.sort_by_key(|(address, size, _, local, id)| (*address, *size == 0, *local, *id));
    found.dedup_by_key(|(address, ..)| *address);
    let mut functions: Vec<Named> = Vec::with_capacity(found.len());
    let mut end = 0;
    for (at, (address, size, limit, _, id)) in found.iter().enumerate() {
        // A label within a function.
        if *address < end {
            continue;
        }
        let next = found.get(at + 1).map_or(*limit, |(next, ..)| *next).min(*limit);
        let known = *address
            + if *size > 0 { (*size).min(limit.saturating_sub(*address)) } else { next.saturating_sub(*address) };
        if known > *address {
            let name = graph.symbol_name(graph.symbol(*id)).into_owned();
            functions.push(Named { name, address: *address as usize, size: (known - *address) as usize });
            end = known;
        }
    }
    for (stub, slot) in (0u32..).zip(&entries.stubs) {
        let target = graph.symbol(entries.slots[*slot as usize].symbol);
        // As tools call what linkers make for this.
        let name = format!("{}@plt", graph.symbol_name(target));
        functions.push(Named { name, address: addresses.stub(stub).1 as usize, size: addresses.stub_size() });
    }
    for (index, veneer) in entries.veneers.iter().enumerate() {
        let name = format!("{}@veneer", graph.symbol_name(graph.symbol(veneer.relocation.symbol)));
        let (_, address) = addresses.veneer(graph, index);
        functions.push(Named { name, address: address as usize, size: fixup::veneer_size(graph.arch) as usize });
    }
    functions.sort_by_key(|function| function.address);
    functions
}
