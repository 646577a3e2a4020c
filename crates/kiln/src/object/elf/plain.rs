//! What most symbols and relocations of ELF files are, read without a look at what the others need.

use object::LittleEndian;
use object::elf::{self, Sym64};
use object::read::elf::Sym;

use super::{LE, Reader};
use crate::fixup::Form;
use crate::graph::{Binding, Definition, Rela, Scope, Section, SectionId, Span, Symbol, SymbolKind};

const HIDDEN: u8 = elf::STV_HIDDEN.0;

/// What is noted of a symbol while relocations are looked at.
#[derive(Clone, Copy)]
pub(super) struct Reference {
    /// Whether a relocation refers to it.
    pub(super) wanted: bool,
    /// As [`Symbol::is_plain`].
    pub(super) is_plain: bool,
}

/// Adds `symbols` as long as they are plain: names of places in the image. Gives how many these were.
pub(super) fn read_plain(
    reader: &mut Reader<'_, '_, '_>,
    ids: &[Option<SectionId>],
    symbols: &[Sym64<LittleEndian>],
    strings: &[u8],
) -> usize {
    // Spans count from the beginning of the file.
    let strings_start = (strings.as_ptr() as usize).wrapping_sub(reader.bytes.as_ptr() as usize);
    if strings.is_empty() || strings_start.checked_add(strings.len()).is_none_or(|end| end > reader.bytes.len()) {
        return 0;
    }
    let input = reader.input;
    let (sections, list) = (&reader.graph.sections[..], &mut reader.graph.symbols);
    let before = list.len();
    list.extend(symbols.iter().map_while(|symbol| plain(symbol, input, sections, ids, strings, strings_start)));
    list.len() - before
}

#[inline(always)]
fn plain(
    symbol: &Sym64<LittleEndian>,
    input: u32,
    sections: &[Section],
    ids: &[Option<SectionId>],
    strings: &[u8],
    strings_start: usize,
) -> Option<Symbol> {
    let number = symbol.st_shndx(LE).0;
    let section = (*ids.get(usize::from(number)).filter(|_| number < elf::SHN_LORESERVE)?)?;
    let offset = symbol.st_value(LE);
    if offset > sections.get(section.0 as usize)?.size {
        return None;
    }
    let (binding, scope) = match (symbol.st_bind(), symbol.st_other().0) {
        (elf::STB_LOCAL, 0) => (Binding::Local, Scope::Plain),
        (elf::STB_GLOBAL, 0) => (Binding::Global, Scope::Exported),
        (elf::STB_WEAK, 0) => (Binding::Weak, Scope::Exported),
        (elf::STB_GLOBAL, HIDDEN) => (Binding::Global, Scope::Hidden),
        (elf::STB_WEAK, HIDDEN) => (Binding::Weak, Scope::Hidden),
        _ => return None,
    };
    if !matches!(symbol.st_type(), elf::STT_NOTYPE | elf::STT_OBJECT | elf::STT_FUNC) {
        return None;
    }
    let start = symbol.st_name(LE);
    let name = match text_at(strings, start)? {
        [] => Span::default(),
        name => Span::new(strings_start + start as usize, name.len())?,
    };
    let definition = Definition::Section { section, offset };
    let (kind, size) = (SymbolKind::Plain, symbol.st_size(LE));
    Some(Symbol { input, name, raw: false, definition, kind, binding, scope, size })
}

/// The text at an offset in a string table, without the NUL that it ends with; eight bytes at a time, since most names are
/// short. `None`: it does not end, or too near the table's end for that.
#[inline]
fn text_at(strings: &[u8], offset: u32) -> Option<&[u8]> {
    let text = strings.get(offset as usize..)?;
    let mut at = 0;
    loop {
        let word = u64::from_le_bytes(*text.get(at..)?.first_chunk()?);
        // The lowest byte of zeros has its highest bit set here, and none below it has (H. Warren, *Hacker's Delight*, section 6-1).
        let zeros = word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080;
        if zeros != 0 {
            return text.get(..at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
}

/// Notes the symbols of relocations as long as these are of the forms that most have, and of plain symbols: nothing in them is wrong
/// but that they may not fit. Gives how many these were.
#[inline(never)]
pub(super) fn note_plain(relocations: &[Rela], forms: &[Form], references: &mut [Reference]) -> usize {
    let mut is_plain = |raw: &Rela| {
        let info = raw.r_info.get(LE);
        let form = forms.get(info as u32 as usize);
        let Some(reference) = references.get_mut((info >> 32) as usize) else { return false };
        let is_plain =
            reference.is_plain && form.is_some_and(|form| form.is_quick()) && raw.r_offset.get(LE) >> 32 == 0;
        reference.wanted |= is_plain;
        is_plain
    };
    relocations.iter().position(|raw| !is_plain(raw)).unwrap_or(relocations.len())
}

#[cfg(test)]
mod tests {
    use super::text_at;

    /// Against the standard library's search, at every offset, with bytes that a word's arithmetic could take for zeros.
    #[test]
    fn texts_end_at_the_first_zero() {
        let table = b"\0a\0.LC10\0exactly8\0\x01\x80\xff\x01\0\x01\0\0compressBound_of_a_long_name\0\xff\xfe\x81\0end behind this";
        let mut found = 0;
        for offset in 0..table.len() {
            let rest = &table[offset..];
            let len = rest.iter().position(|byte| *byte == 0);
            match text_at(table, offset as u32) {
                Some(text) => {
                    assert_eq!(Some(text), len.map(|len| &rest[..len]), "at {offset}");
                    found += 1;
                }
                // Only so near to the end is the other way needed.
                None => assert!(len.is_none_or(|len| rest.len() < len / 8 * 8 + 8), "at {offset}"),
            }
        }
        assert_eq!(found, 59);
        assert_eq!(text_at(table, table.len() as u32), None);
        assert_eq!(text_at(table, u32::MAX), None);
        assert_eq!(text_at(b"unterminated text, of which nothing is found", 3), None);
    }
}
