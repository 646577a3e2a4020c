//! Symbols that are more than a name and a place: versions, tentative definitions.

use super::super::Reader;
use crate::error::{Error, Result};
use crate::graph::{Binding, Definition, Scope, Symbol};

/// What is defined as `name@@version` is what `name` means too (GNU `as`, ".symver").
pub(super) fn add_default_versions(reader: &mut Reader<'_, '_, '_>) -> Result<()> {
    for index in reader.first_symbol as usize..reader.graph.symbols.len() {
        let symbol = &reader.graph.symbols[index];
        let name = symbol.name.get_in(reader.bytes);
        let Some(plain) = name.windows(2).position(|pair| pair == b"@@").and_then(|end| name.get(..end)) else {
            continue;
        };
        if symbol.binding == Binding::Local || matches!(symbol.definition, Definition::Undefined | Definition::LeftOut)
        {
            continue;
        }
        let plain = Symbol { name: reader.span(plain)?, ..symbol.clone() };
        reader.graph.symbols[index].scope = Scope::Plain;
        reader.graph.next(reader.graph.symbols.len())?;
        reader.graph.symbols.push(plain);
    }
    Ok(())
}

/// A common symbol's value is its alignment.
pub(super) fn common(value: u64, size: u64) -> Result<Definition> {
    let align = value.max(1);
    let align = u32::try_from(align)
        .ok()
        .filter(|align| align.is_power_of_two())
        .ok_or_else(|| Error::malformed(format!("the alignment {align:#x} is not a power of two up to 2 GiB")))?;
    Ok(Definition::Common { size, align })
}
