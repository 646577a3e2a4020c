//! Call frame information: `__eh_frame`, of which compilers leave relocations out.

use std::borrow::Cow;
use std::collections::HashSet;

use object::read::macho::Section;

use super::Loaded;
use crate::error::{Error, Result};
use crate::fixup::{self, Via};
use crate::graph::{Definition, Relocation, SectionId, SymbolId};
use crate::object::Reader;

/// Where functions begin that call frame information describes.
pub(super) type Described = HashSet<(SectionId, u64)>;

/// Gives the relocations of a table that stands at `address` in the file, with those that the file leaves out: on x86-64 the
/// distances to code and to the language's data are right in the file, and wrong once sections move. All are made to
/// mean the file's own code and data, also where another file's definition counts by the name: that is what is described.
pub(super) fn complete(
    reader: &Reader<'_, '_, '_>,
    sections: &[Loaded<'_>],
    address: u64,
    table: &[u8],
    mut relocations: Vec<Result<Relocation>>,
    described: &mut Described,
) -> Result<Vec<Result<Relocation>>> {
    let mut known = std::collections::HashMap::new();
    let mut table = Cow::Borrowed(table);
    for relocation in relocations.iter_mut().flatten() {
        // How far back a record's common entry is: two symbols' difference, in what `ld -r` makes.
        if let Some(distance) = distance(reader, relocation)
            && let Some(field) = table.to_mut().get_mut(relocation.offset as usize..).and_then(<[u8]>::first_chunk_mut)
        {
            *field = distance.to_le_bytes();
        }
        if relocation.kind.via == Via::Symbol {
            anchor(reader, sections, relocation);
        }
        known.insert(relocation.offset as usize, *relocation);
    }
    let pointers = fixup::frame_pointers(&table, address).map_err(|(at, message)| {
        Error::malformed(format!("this call frame information {message}")).offset(at as u64)
    })?;
    for pointer in pointers {
        let at = |error: Error| error.offset(pointer.offset as u64);
        let relocation = match (known.get(&pointer.offset), pointer.target, pointer.kind) {
            (Some(relocation), ..) => *relocation,
            (None, Some(target), Some(kind)) => {
                let Some((symbol, start)) = section_at(sections, target) else {
                    let message = format!("this call frame information means {target:#x}, which is in no section");
                    return Err(at(Error::malformed(message)));
                };
                let (offset, addend) = (pointer.offset as u32, target.wrapping_sub(start) as i64);
                let relocation = Relocation { offset, symbol, subtrahend: None, addend, kind };
                relocations.push(Ok(relocation));
                relocation
            }
            // No language's data.
            (None, None, Some(_)) if !pointer.is_code => continue,
            _ => {
                return Err(at(Error::malformed(
                    "this call frame information has a pointer that no relocation is for",
                )));
            }
        };
        if pointer.is_code {
            described.extend(place(reader, &relocation));
        }
    }
    Ok(relocations)
}

/// The symbol of the section of the image that holds an address of the file, and where it begins.
fn section_at(sections: &[Loaded<'_>], address: u64) -> Option<(SymbolId, u64)> {
    let holds = |section: &&Loaded<'_>| {
        let start = section.header.addr(super::LE);
        section.id.is_some() && address >= start && address - start < section.header.size(super::LE)
    };
    let section = sections.iter().find(holds)?;
    Some((section.start?, section.header.addr(super::LE)))
}

/// Has a relocation mean the place that its symbol has in this file.
pub(super) fn anchor(reader: &Reader<'_, '_, '_>, sections: &[Loaded<'_>], relocation: &mut Relocation) {
    if let Definition::Section { section, offset } = reader.graph.symbol(relocation.symbol).definition
        && let Some(start) = sections.iter().find(|loaded| loaded.id == Some(section)).and_then(|loaded| loaded.start)
    {
        relocation.symbol = start;
        relocation.addend = relocation.addend.wrapping_add(offset as i64);
    }
}

/// The difference of 32 bits between two places in one section, if that is what a relocation makes.
fn distance(reader: &Reader<'_, '_, '_>, relocation: &Relocation) -> Option<u32> {
    let place = |symbol: SymbolId| match reader.graph.symbol(symbol).definition {
        Definition::Section { section, offset } => Some((section, offset)),
        _ => None,
    };
    let ((section, to), (other, from)) = (place(relocation.symbol)?, place(relocation.subtrahend?)?);
    let difference = to.wrapping_add_signed(relocation.addend).wrapping_sub(from);
    (section == other && relocation.kind.width() == 4).then_some(difference as u32)
}

/// The place in the file that a relocation means.
fn place(reader: &Reader<'_, '_, '_>, relocation: &Relocation) -> Option<(SectionId, u64)> {
    let Definition::Section { section, offset } = reader.graph.symbol(relocation.symbol).definition else {
        return None;
    };
    let mut place = offset.wrapping_add_signed(relocation.addend);
    // The distance from the subtrahend: what it adds is how far that is from the pointer itself.
    if let Some(subtrahend) = relocation.subtrahend
        && let Definition::Section { offset, .. } = reader.graph.symbol(subtrahend).definition
    {
        place = place.wrapping_add(u64::from(relocation.offset)).wrapping_sub(offset);
    }
    Some((section, place))
}
