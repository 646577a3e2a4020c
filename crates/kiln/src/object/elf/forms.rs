//! What compilers put into objects beside code and data.

use object::LittleEndian;
use object::elf;
use object::read::elf::{SectionTable, Sym, SymbolTable};

use super::super::calls::calls_by_name;
use super::super::{NewSection, Reader};
use super::File;
use super::symbols::common;
use crate::error::{Error, Result};
use crate::graph::{Calls, Definition, Role, Rule, SectionId, When};

const LE: LittleEndian = LittleEndian;

/// Refuses code that grows its stack piece by piece (`-fsplit-stack`), unless the file says that it has other code too, as
/// libgcc's own for it does: calls between the two would have to be rewritten.
///
/// # Errors
///
/// The section `name` says so.
pub(super) fn check_stacks(table: &SectionTable<'_, File>, name: &[u8]) -> Result<()> {
    let is_named = |wanted: &[u8]| table.iter().any(|section| table.section_name(LE, section) == Ok(wanted));
    if name != b".note.GNU-split-stack" || is_named(b".note.GNU-no-split-stack") {
        return Ok(());
    }
    Err(Error::unsupported("the functions grow their stacks piece by piece")
        .section(String::from_utf8_lossy(name))
        .help("compile without -fsplit-stack"))
}

/// Refuses a section by which a file says that its stack must be executable.
///
/// # Errors
///
/// It is one.
pub(super) fn check_section(name: &[u8], flags: elf::SectionFlags) -> Result<()> {
    match name {
        b".note.GNU-stack" if flags.contains(elf::SHF_EXECINSTR) => {
            Err(Error::unsupported("the file asks for an executable stack").help(
                "assemble with `.section .note.GNU-stack,\"\",%progbits`; in C, take no address of a nested function \
                 that uses variables around it",
            ))
        }
        _ => Ok(()),
    }
}

/// What code is ready for, by the notes in `.note.gnu.property` (Linux Extensions to gABI, "Program Property"): the bits of
/// the architecture's property of which a program has those that all its objects have.
///
/// # Errors
///
/// The section holds no notes.
pub(super) fn ready_for(data: &[u8], property: u32) -> Result<u32> {
    let wrong = || Error::malformed("the notes in it are cut off").help("the file is damaged: make it again");
    let u32_at = |bytes: &[u8], at: usize| {
        let word = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
        word.map(|word| u32::from_le_bytes(*word)).ok_or_else(wrong)
    };
    const PROPERTIES: u32 = 5;
    let mut bits = 0;
    let mut rest = data;
    while !rest.is_empty() {
        let (name, size, kind) = (u32_at(rest, 0)?, u32_at(rest, 4)? as usize, u32_at(rest, 8)?);
        let start = 12 + (name as usize).checked_next_multiple_of(4).ok_or_else(wrong)?;
        let body = start.checked_add(size).and_then(|end| rest.get(start..end)).ok_or_else(wrong)?;
        if kind == PROPERTIES && rest.get(12..16) == Some(b"GNU\0") {
            let mut body = body;
            while !body.is_empty() {
                let (kind, size) = (u32_at(body, 0)?, u32_at(body, 4)? as usize);
                if kind == property && size == 4 {
                    bits |= u32_at(body, 8)?;
                }
                let next = size.checked_add(8).and_then(|end| end.checked_next_multiple_of(8)).ok_or_else(wrong)?;
                // The last one may lack its padding.
                body = body.get(next..).unwrap_or_default();
            }
        }
        let next = (start + size).checked_next_multiple_of(8).ok_or_else(wrong)?;
        rest = rest.get(next..).unwrap_or_default();
    }
    Ok(bits)
}

/// Whether a section lists functions to call, by its type or, as linkers have it, by its name.
pub(super) fn calls(section_type: elf::SectionType, name: &[u8]) -> Result<Option<Calls>> {
    if let Some(calls) = calls_by_name(name)? {
        return Ok(Some(calls));
    }
    Ok(match section_type {
        elf::SHT_PREINIT_ARRAY => Some(Calls::new(When::BeforeInit)),
        elf::SHT_INIT_ARRAY => Some(Calls::new(When::Init)),
        elf::SHT_FINI_ARRAY => Some(Calls::new(When::Fini)),
        _ => None,
    })
}

/// Refuses a file in which there is nothing but what gcc makes for itself, by the name of a common symbol that says so.
///
/// # Errors
///
/// It is `name`.
pub(super) fn check_common(name: &[u8]) -> Result<()> {
    if name == b"__gnu_lto_slim" {
        return Err(Error::unsupported("the file holds gcc's own intermediate code, and no other (slim LTO)")
            .help("compile without -flto, or with -flto -ffat-lto-objects"));
    }
    Ok(())
}

/// Room for a tentative definition of a thread-local variable: zeros, of which the largest copy counts.
pub(super) fn thread_common(reader: &mut Reader<'_, '_, '_>, name: &[u8], size: u64, align: u64) -> Result<Definition> {
    let Definition::Common { size, align } = common(align, size)? else { return Ok(Definition::Undefined) };
    let section = reader.section(NewSection {
        name,
        segment: &[],
        data: None,
        size,
        align: align.into(),
        writable: false,
        executable: false,
        large: false,
        role: Role::ThreadLocal,
    })?;
    let name = reader.span(name)?;
    reader.group(name, Rule::Largest, std::iter::once(section))?;
    Ok(Definition::Section { section, offset: 0 })
}

/// Refuses whole functions among the pieces of one.
///
/// # Errors
///
/// There is one: it would return in the midst of the others.
pub(super) fn check_pieces(
    reader: &Reader<'_, '_, '_>,
    symbols: &SymbolTable<'_, File>,
    ids: &[Option<SectionId>],
) -> Result<()> {
    let is_piece = |id: &SectionId| matches!(reader.graph.section(*id).role, Role::Piece(_));
    if !ids.iter().flatten().any(is_piece) {
        return Ok(());
    }
    for symbol in symbols.iter().filter(|symbol| symbol.st_type() == elf::STT_FUNC) {
        let section = ids.get(usize::from(symbol.st_shndx(LE).0)).copied().flatten();
        if let Some(section) = section.filter(is_piece) {
            let name = symbols.symbol_name(LE, symbol).unwrap_or_default();
            return Err(Error::unsupported("is a function among the pieces of a start-up function, which run into each other")
                .symbol(String::from_utf8_lossy(name))
                .section(reader.graph_section_name(section))
                .help("leave crti.o and its like out; put a function of your own elsewhere, with `__attribute__((constructor))`"));
        }
    }
    Ok(())
}
