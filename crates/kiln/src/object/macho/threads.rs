//! Thread-local variables: descriptors, and who may refer to them.

use object::read::macho::Section;

use super::{LE, Loaded};
use crate::error::{Error, Result};
use crate::fixup::{self, BLOCK_OFFSET, DESCRIPTOR_SIZE, Kind};
use crate::graph::{Definition, Relocation, SymbolId, SymbolKind};
use crate::object::{Reader, malformed};

/// Marks the undefined symbols that code takes for thread-local variables: the symbol table does not say it.
pub(super) fn mark(reader: &mut Reader<'_, '_, '_>, sections: &[Loaded<'_>], named: usize) -> Result<()> {
    for section in sections.iter().filter(|section| section.id.is_some()) {
        for relocation in section.header.relocations(LE, reader.bytes).map_err(malformed("the relocations"))? {
            let info = relocation.info(LE);
            let number = info.r_symbolnum as usize;
            if !info.r_extern || number >= named || !fixup::macho_is_thread_local(reader.graph.arch, info.r_type.0) {
                continue;
            }
            if let Some(id) = reader.symbol_id(number) {
                let symbol = &mut reader.graph.symbols[id.0 as usize];
                if symbol.definition == Definition::Undefined {
                    symbol.kind = SymbolKind::ThreadVariable;
                }
            }
        }
    }
    Ok(())
}

/// Checks that a relocation of this type may refer to `symbol`: code must get at thread-local variables by the
/// relocations for them, and by these at nothing else.
pub(super) fn check(reader: &Reader<'_, '_, '_>, kind: &Kind, r_type: u8, symbol: SymbolId) -> Result<()> {
    let is_access = fixup::macho_is_thread_local(reader.graph.arch, r_type);
    let symbol = reader.graph.symbol(symbol);
    if is_access == (symbol.kind == SymbolKind::ThreadVariable) {
        return Ok(());
    }
    let why = match is_access {
        true => "of something that is no thread-local variable",
        false => "of a thread-local variable, which has another address in each thread",
    };
    let error = Error::malformed(format!("{} {why}", kind.name));
    let name = symbol.name.get_in(reader.bytes);
    Err(if name.is_empty() { error } else { error.symbol(String::from_utf8_lossy(name)) })
}

/// What each descriptor begins with: the loader's function, for which there is another in an image that is loaded.
const BOOTSTRAP: &[u8] = b"_tlv_bootstrap";

/// Checks the descriptors of a section, and gives the relocations that are left: those for the variables' places. The
/// rest of each descriptor is written when the storage is made.
pub(super) fn descriptors(
    reader: &Reader<'_, '_, '_>,
    contents: &[u8],
    relocations: Vec<Result<Relocation>>,
) -> Result<Vec<Result<Relocation>>> {
    let wrong = |offset: u64, message: &str| Err(Error::malformed(message).offset(offset));
    if !(contents.len() as u64).is_multiple_of(DESCRIPTOR_SIZE) {
        return wrong(contents.len() as u64, "descriptors of thread-local variables have 24 bytes, and one is cut off");
    }
    let count = contents.len() / DESCRIPTOR_SIZE as usize;
    let (mut functions, mut places) = (vec![false; count], vec![false; count]);
    let mut left = Vec::with_capacity(count);
    for relocation in relocations {
        let relocation = relocation?;
        let offset = u64::from(relocation.offset);
        let symbol = reader.graph.symbol(relocation.symbol);
        let is_bootstrap = symbol.name.get_in(reader.bytes) == BOOTSTRAP
            && !symbol.raw
            && symbol.definition == Definition::Undefined
            && relocation.addend == 0;
        let plain = relocation.kind.is_absolute() && relocation.kind.width() == 8 && relocation.subtrahend.is_none();
        let at = (offset / DESCRIPTOR_SIZE) as usize;
        match (offset % DESCRIPTOR_SIZE, plain) {
            (0, true) if is_bootstrap => functions[at] = true,
            (0, true) => {
                return wrong(offset, "a thread-local variable is found by another function than the loader's");
            }
            (16, true) => {
                places[at] = true;
                left.push(Ok(Relocation { kind: &BLOCK_OFFSET, ..relocation }));
            }
            _ => return wrong(offset, "a relocation at another place of a thread-local variable's descriptor"),
        }
    }
    for (at, descriptor) in contents.chunks_exact(DESCRIPTOR_SIZE as usize).enumerate() {
        let offset = at as u64 * DESCRIPTOR_SIZE;
        if !functions[at] || !places[at] {
            return wrong(offset, "a thread-local variable's descriptor names no function or no place");
        }
        if descriptor[8..16] != [0; 8] {
            return wrong(offset + 8, "a thread-local variable's descriptor holds what the loader is to fill in");
        }
    }
    Ok(left)
}
