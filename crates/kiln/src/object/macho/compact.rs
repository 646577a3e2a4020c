//! Compact unwind tables (`__LD,__compact_unwind`), which become call frame information: that is what unwinders can be
//! told of by a public function, on every system.

use std::collections::HashMap;

use object::read::macho::Section as _;

use super::frames::{Described, anchor};
use super::{LE, Loaded, Whole};
use crate::error::{Error, Result};
use crate::fixup::{self, FRAME_DISTANCE, FRAME_SLOT_DISTANCE, HAS_DATA, Records, Unwinding, Via};
use crate::graph::{Definition, Permission, Relocation, RelocationTable, Role, Section, SectionId, Span, SymbolId};
use crate::object::{Reader, malformed};

/// Address, length, encoding, personality function, language's data.
const ENTRY: usize = 32;

/// What a file has made out of it, as an input of its own.
pub(in crate::object) struct Made {
    pub(in crate::object) bytes: Vec<u8>,
}

/// An entry whose function nothing else describes.
struct Entry {
    code: Relocation,
    length: u32,
    personality: Option<Relocation>,
    data: Option<Relocation>,
    instructions: Vec<u8>,
}

/// Reads a table and adds a section with what it says to the graph, of the input behind this one.
pub(super) fn read(
    reader: &mut Reader<'_, '_, '_>,
    sections: &[Loaded<'_>],
    named: usize,
    table: &Loaded<'_>,
    described: &Described,
) -> Result<()> {
    let name = table.header.name();
    let (entries, impossible) = entries(reader, sections, named, table, described)
        .map_err(|error| error.section(String::from_utf8_lossy(name)))?;
    if impossible {
        reader.leave_out(name, "some functions cannot be unwound, by the table's own word")?;
    }
    if entries.is_empty() {
        reader.leave_out(name, "it says nothing that is not in __eh_frame")?;
        return Ok(());
    }
    let mut records = Records::default();
    let mut commons: HashMap<(Option<SymbolId>, bool), usize> = HashMap::new();
    let start = reader.graph.next(reader.graph.relocations.len())?;
    let place = |at: usize, relocation: &Relocation, kind| -> Result<Relocation> {
        let offset = u32::try_from(at).map_err(|_| Error::unsupported("the unwind tables exceed 4 GiB"))?;
        Ok(Relocation { offset, subtrahend: None, kind, ..*relocation })
    };
    for entry in &entries {
        let personality = entry.personality.as_ref();
        let key = (personality.map(|relocation| relocation.symbol), entry.data.is_some());
        let common = match commons.get(&key) {
            Some(common) => *common,
            None => {
                let (common, at) = records.common(reader.graph.arch, personality.is_some(), entry.data.is_some());
                if let (Some(at), Some(relocation)) = (at, personality) {
                    reader.graph.relocations.push(place(at, relocation, &FRAME_SLOT_DISTANCE)?);
                }
                commons.insert(key, common);
                common
            }
        };
        let (code, data) = records.description(common, entry.length, entry.data.is_some(), &entry.instructions);
        reader.graph.relocations.push(place(code, &entry.code, &FRAME_DISTANCE)?);
        if let (Some(at), Some(relocation)) = (data, &entry.data) {
            reader.graph.relocations.push(place(at, relocation, &FRAME_DISTANCE)?);
        }
    }
    let end = reader.graph.next(reader.graph.relocations.len())?;
    let mut bytes = records.bytes;
    let size = bytes.len();
    bytes.extend_from_slice(name);
    let span = |part: &[u8]| Span::of(&bytes, part).ok_or_else(|| Error::unsupported("the unwind tables exceed 4 GiB"));
    let section = Section {
        input: reader.input + 1,
        name: span(&bytes[size..])?,
        segment: Span::default(),
        data: Some(span(&bytes[..size])?),
        size: size as u64,
        align: 8,
        permission: Permission::Const,
        role: Role::Unwind,
        relocations: RelocationTable::Made(start..end),
        large: false,
        live: true,
    };
    reader.graph.sections.push(section);
    reader.made = Some(Made { bytes });
    Ok(())
}

/// The entries that are to be described, and whether there are others that cannot be.
fn entries(
    reader: &Reader<'_, '_, '_>,
    sections: &[Loaded<'_>],
    named: usize,
    table: &Loaded<'_>,
    described: &Described,
) -> Result<(Vec<Entry>, bool)> {
    let offset = u64::from(table.header.offset(LE));
    let contents = table.header.data(LE, reader.bytes, offset).map_err(malformed("the section's contents"))?;
    if !contents.len().is_multiple_of(ENTRY) {
        return Err(Error::malformed("an entry of 32 bytes is cut off").offset(contents.len() as u64));
    }
    let whole = Whole { reader, sections, named, header: table.header, contents };
    let mut relocations: HashMap<u32, Relocation> = HashMap::new();
    for raw in table.header.relocations(LE, reader.bytes).map_err(malformed("the relocations"))? {
        let info = raw.info(LE);
        let error = |error: Error| error.offset(u64::from(info.r_address));
        let relocation = whole.relocation(info, None, None).map_err(error)?;
        let is_pointer = matches!(info.r_address as usize % ENTRY, 0 | 16 | 24);
        let plain = relocation.kind.via == Via::Symbol && relocation.kind.is_absolute() && relocation.kind.width() == 8;
        if !is_pointer || !plain {
            return Err(error(Error::malformed(format!("{} in a compact unwind table", relocation.kind.name))));
        }
        relocations.insert(info.r_address, relocation);
    }
    let (mut entries, mut impossible) = (Vec::new(), false);
    for (index, entry) in contents.as_chunks::<ENTRY>().0.iter().enumerate() {
        let at = index * ENTRY;
        let error = |message: &str| Err(Error::malformed(message).offset(at as u64));
        let mut take = |field: usize| relocations.remove(&((at + field) as u32));
        let (Some(mut code), personality, mut data) = (take(0), take(16), take(24)) else {
            return error("an entry of a compact unwind table names no function");
        };
        anchor(reader, sections, &mut code);
        data.iter_mut().for_each(|data| anchor(reader, sections, data));
        let Some((section, start)) = function(reader, &code) else {
            return error("an entry of a compact unwind table is for what is no function of this file");
        };
        let word = |field: usize| entry[field..].first_chunk::<4>().map_or(0, |word| u32::from_le_bytes(*word));
        let (length, encoding) = (word(8), word(12));
        if encoding & HAS_DATA != 0 && data.is_none() {
            return error("an entry of a compact unwind table has data for its language, and does not say where");
        }
        let bytes = reader.graph.section(section).data.map_or(&[][..], |data| data.get_in(reader.bytes));
        let bytes = usize::try_from(start).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
        match fixup::unwinding(reader.graph.arch, encoding, bytes) {
            Err(message) => {
                return Err(Error::malformed(format!("the compact unwind encoding {encoding:#010x} {message}"))
                    .offset(at as u64 + 12));
            }
            Ok(_) if described.contains(&(section, start)) => {}
            Ok(Unwinding::Elsewhere) => return error("a function that __eh_frame is to describe, and it does not"),
            Ok(Unwinding::Impossible) => impossible = true,
            Ok(Unwinding::Instructions(instructions)) => {
                entries.push(Entry { code, length, personality, data, instructions });
            }
        }
    }
    Ok((entries, impossible))
}

/// The code that a relocation means.
fn function(reader: &Reader<'_, '_, '_>, relocation: &Relocation) -> Option<(SectionId, u64)> {
    let Definition::Section { section, offset } = reader.graph.symbol(relocation.symbol).definition else {
        return None;
    };
    let place = (section, offset.wrapping_add_signed(relocation.addend));
    (reader.graph.section(section).permission == Permission::Text).then_some(place)
}
