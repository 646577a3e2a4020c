//! The image: section contents, stubs, GOT slots and every fixup, written once.

use super::{Field, Kind, Operands, Value, Via, branch_addend, fill_with_traps, signed_hex, write_stub};
use crate::error::{Error, Result};
use crate::graph::{Definition, Entries, LinkGraph, Permission, Relocation, Resolved, Section, SectionId};
use crate::layout::Addresses;

/// Writes the image into `segments` (by [`Permission`]; zeros before), as it must be at `addresses`.
///
/// # Errors
///
/// A relocation whose value does not fit, or which lies outside its section.
pub(crate) fn write_image(
    graph: &LinkGraph<'_>,
    resolved: &Resolved,
    entries: &Entries,
    addresses: &Addresses,
    segments: [&mut [u8]; 3],
) -> Result<()> {
    let mut text_end = 0;
    for (index, section) in (0u32..).zip(&graph.sections) {
        if !section.live {
            continue;
        }
        let start = addresses.offset(SectionId(index)) as usize;
        let segment = &mut *segments[section.permission as usize];
        if section.permission == Permission::Text {
            fill_with_traps(graph.arch, segment, text_end..start);
            text_end = start + section.size as usize;
        }
        if let Some(data) = section.data {
            let data = graph.bytes(section.input, data);
            segment[start..start + data.len()].copy_from_slice(data);
        }
    }
    // Behind the last section: room in front of the stubs, which are written below.
    let text = &mut *segments[Permission::Text as usize];
    fill_with_traps(graph.arch, text, text_end..text.len());

    for (index, symbol) in (0u32..).zip(&entries.slots) {
        let (offset, _) = addresses.slot(index);
        let value = addresses.symbol(graph, resolved, *symbol);
        segments[Permission::Const as usize][offset as usize..][..8].copy_from_slice(&value.to_le_bytes());
    }
    for (index, slot) in (0u32..).zip(&entries.stubs) {
        let (offset, place) = addresses.stub(index);
        let stub = &mut segments[Permission::Text as usize][offset as usize..][..addresses.stub_size()];
        write_stub(graph.arch, stub, place, addresses.slot(*slot).1)?;
    }

    let fixer = Fixer { graph, resolved, entries, addresses, image_base: addresses.image_base() };
    for (index, section) in (0u32..).zip(&graph.sections) {
        if section.live && !section.relocations.is_empty() {
            let start = addresses.offset(SectionId(index)) as usize;
            let segment = &mut *segments[section.permission as usize];
            let contents = &mut segment[start..start + section.size as usize];
            fixer.fix(section, addresses.section(graph, SectionId(index)), contents)?;
        }
    }
    Ok(())
}

struct Fixer<'g> {
    graph: &'g LinkGraph<'g>,
    resolved: &'g Resolved,
    entries: &'g Entries,
    addresses: &'g Addresses,
    image_base: u64,
}

impl Fixer<'_> {
    /// Applies the relocations of a section that stands at `address`.
    fn fix(&self, section: &Section, address: u64, contents: &mut [u8]) -> Result<()> {
        for relocation in self.graph.relocations(section) {
            self.apply(relocation, address, contents).map_err(|error| {
                let symbol = self.graph.symbol_name(self.graph.symbol(relocation.symbol));
                let error = if symbol.is_empty() { error } else { error.symbol(symbol) };
                self.graph.error_at(error, section, u64::from(relocation.offset))
            })?;
        }
        Ok(())
    }

    fn apply(&self, relocation: &Relocation, address: u64, contents: &mut [u8]) -> Result<()> {
        let kind = relocation.kind;
        let offset = relocation.offset as usize;
        let Some(field) = contents.get_mut(offset..).and_then(|rest| rest.get_mut(..kind.width())) else {
            return Err(Error::malformed(format!("{} lies outside its section", kind.name)));
        };
        if kind.value == Value::Nothing {
            return Ok(());
        }
        for symbol in [Some(relocation.symbol), relocation.subtrahend].into_iter().flatten() {
            let left_out = match self.graph.symbol(symbol).definition {
                Definition::LeftOut => true,
                Definition::Section { section, .. } => !self.graph.section(section).live,
                _ => false,
            };
            if left_out {
                return Err(Error::unsupported(format!("{} refers to a section that is not loaded", kind.name)));
            }
        }
        let place = address + offset as u64;
        let symbol = self.addresses.symbol(self.graph, self.resolved, relocation.symbol);
        let operands = |symbol: u64| Operands {
            symbol,
            subtrahend: relocation
                .subtrahend
                .map_or(0, |symbol| self.addresses.symbol(self.graph, self.resolved, symbol)),
            addend: relocation.addend,
            place,
            image_base: self.image_base,
        };
        let mut value = kind.compute(operands(symbol));
        match kind.via {
            Via::Symbol => {}
            Via::Got => {
                // AAELF64 section 5.7.3: the addend belongs to the address in the slot, so each would need its own.
                if relocation.addend != 0 && matches!(kind.field, Field::A64(_)) {
                    return Err(Error::unsupported(format!("{} with an addend is not supported", kind.name)));
                }
                let slot = self.entries.slot_of(self.resolved, relocation.symbol);
                value = kind.compute(operands(slot.map_or(0, |slot| self.addresses.slot(slot).1)));
            }
            Via::Branch => {
                // With another addend the branch goes into the middle of the function, where no stub leads.
                if !kind.fits(value)
                    && relocation.addend == branch_addend(self.graph.arch)
                    && let Some(stub) = self.entries.stub_of(self.resolved, relocation.symbol)
                {
                    value = kind.compute(operands(self.addresses.stub(stub).1));
                }
            }
        }
        kind.write(field, value).map_err(|error| explain(error, kind, place, symbol, value))
    }
}

/// Adds to a range error both addresses and, where there is one, the way around.
fn explain(error: Error, kind: &Kind, place: u64, symbol: u64, value: i64) -> Error {
    if !error.is_out_of_range() {
        return error;
    }
    let error = match kind.value {
        Value::Relative | Value::PageRelative => Error::range(format!(
            "{} at {place:#x} cannot reach {symbol:#x}: the distance is {}, it takes {}",
            kind.name,
            signed_hex(value),
            kind.check.words()
        )),
        _ => error,
    };
    if kind.is_absolute() && kind.width() < 8 {
        error.help("compile with -fPIC: this code wants to stand at a low address")
    } else {
        error.help("compile with -fPIC, so that far symbols are reached through the GOT")
    }
}
