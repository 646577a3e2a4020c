//! ELF relocatable files (*System V ABI*, chapter 4).

mod forms;
mod plain;
mod symbols;

use std::ops::Range;

use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, Rela as _, SectionHeader, SectionTable, Sym, SymbolTable};
use object::{LittleEndian, SectionIndex, SymbolIndex};

use self::plain::{Reference, note_plain, read_plain};
use self::symbols::{add_default_versions, common};
use super::{NewSection, NewSymbol, Reader, malformed};
use crate::error::{Error, Result};
use crate::fixup::{self, Via};
use crate::graph::{
    Binding, Definition, Rela, RelocationTable, Role, Rule, Scope, SectionId, Symbol, SymbolId, SymbolKind, When,
};
use crate::target::Arch;

type File = FileHeader64<LittleEndian>;
type Header = elf::SectionHeader64<LittleEndian>;

const LE: LittleEndian = LittleEndian;

/// Where a file says what its code is ready for.
pub(crate) const PROPERTY_NOTE: &[u8] = b".note.gnu.property";

pub(super) fn read(reader: &mut Reader<'_, '_, '_>) -> Result<()> {
    let bytes = reader.bytes;
    if bytes.get(4..6) != Some(&[elf::ELFCLASS64.0, elf::ELFDATA2LSB.0]) {
        return Err(Error::unsupported("the file is not 64-bit little-endian ELF"));
    }
    let header = File::parse(bytes).map_err(malformed("the ELF header"))?;
    reader.check_arch(Arch::from_elf(header.e_machine(LE)))?;
    let table = header.sections(LE, bytes).map_err(malformed("the section table"))?;
    let symbols = table.symbols(LE, bytes, elf::SHT_SYMTAB).map_err(malformed("the symbol table"))?;

    let mut ids = vec![None; table.len()];
    for (index, section) in table.enumerate() {
        let name = table.section_name(LE, section).map_err(malformed("a section's name"))?;
        forms::check_stacks(&table, name)?;
        ids[index.0] =
            add_section(reader, section, name).map_err(|error| error.section(String::from_utf8_lossy(name)))?;
        // What compilers made before there were groups (GNU ld, `_bfd_elf_section_already_linked`).
        if let Some(id) = ids[index.0].filter(|_| name.starts_with(b".gnu.linkonce.")) {
            let name = reader.span(name)?;
            reader.group(name, Rule::First, [id].into_iter())?;
        }
    }
    // The tables are in the file, so their sizes are no more than its own.
    reader.graph.next(reader.graph.symbols.len() + symbols.len())?;
    reader.graph.symbols.reserve(symbols.len());
    let strings = table.section(symbols.string_section()).and_then(|strings| strings.data(LE, bytes));
    let strings = strings.unwrap_or_default();
    let mut references = Vec::with_capacity(symbols.len());
    let mut index = 0;
    loop {
        let rest = symbols.symbols().get(index..).unwrap_or_default();
        let count = read_plain(reader, &ids, rest, strings);
        if cfg!(debug_assertions) {
            check_plain(reader, &table, &symbols, &ids, index..index + count)?;
        }
        references.extend(std::iter::repeat_n(Reference { wanted: false, is_plain: true }, count));
        index += count;
        let Some(symbol) = rest.get(count) else { break };
        let name = symbols.symbol_name(LE, symbol).map_err(malformed("a symbol's name"))?;
        add_symbol(reader, &table, &symbols, &ids, SymbolIndex(index), symbol, name)
            .map_err(|error| if name.is_empty() { error } else { error.symbol(String::from_utf8_lossy(name)) })?;
        let is_plain = reader.graph.symbols.last().is_some_and(Symbol::is_plain);
        references.push(Reference { wanted: false, is_plain });
        index += 1;
    }
    if strings.contains(&b'@') {
        add_default_versions(reader)?;
    }
    forms::check_pieces(reader, &symbols, &ids)?;
    for section in table.iter() {
        add_relocations(reader, &table, &symbols, &ids, section, &mut references)?;
    }
    // Symbols of other formats may stand in front.
    reader.graph.referred.resize(reader.first_symbol as usize, false);
    reader.graph.referred.extend(references.iter().map(|reference| reference.wanted));
    for (section, id) in table.iter().zip(&ids) {
        match id {
            Some(id) => follow(reader, &ids, section, *id)?,
            None if section.sh_type(LE) == elf::SHT_GROUP => add_group(reader, &table, &symbols, &ids, section)?,
            None => {}
        }
    }
    Ok(())
}

/// Reads the symbols of a range, which were the last ones, as the others are read.
fn check_plain<'b>(
    reader: &mut Reader<'_, '_, 'b>,
    table: &SectionTable<'b, File>,
    symbols: &SymbolTable<'b, File>,
    ids: &[Option<SectionId>],
    range: Range<usize>,
) -> Result<()> {
    let plain = reader.graph.symbols.split_off(reader.graph.symbols.len() - range.len());
    for (index, plain) in range.zip(plain) {
        let symbol = symbols.symbol(SymbolIndex(index)).map_err(malformed("a symbol"))?;
        let name = symbols.symbol_name(LE, symbol).map_err(malformed("a symbol's name"))?;
        add_symbol(reader, table, symbols, ids, SymbolIndex(index), symbol, name)?;
        assert!(
            plain.is_plain() && reader.graph.symbols.last() == Some(&plain),
            "both ways lead to the same: {plain:?}"
        );
    }
    Ok(())
}

/// A section with `SHF_LINK_ORDER` belongs to another one (*System V ABI*, "Sections").
fn follow(reader: &mut Reader<'_, '_, '_>, ids: &[Option<SectionId>], section: &Header, id: SectionId) -> Result<()> {
    let link = section.sh_link(LE) as usize;
    if !section.sh_flags(LE).contains(elf::SHF_LINK_ORDER) || link == 0 {
        return Ok(());
    }
    match ids.get(link) {
        Some(Some(leader)) => reader.graph.follows.push((id, *leader)),
        // With a section that is not loaded, it has nothing to say of the image.
        Some(None) => {}
        None => {
            return Err(Error::malformed(format!("the section belongs to section {link}, which does not exist"))
                .section(reader.graph_section_name(id)));
        }
    }
    Ok(())
}

/// Of the groups of one name (`GRP_COMDAT`), whose name is that of a symbol, one is kept.
fn add_group<'b>(
    reader: &mut Reader<'_, '_, 'b>,
    table: &SectionTable<'b, File>,
    symbols: &SymbolTable<'b, File>,
    ids: &[Option<SectionId>],
    section: &Header,
) -> Result<()> {
    let Some((flags, members)) = section.group(LE, reader.bytes).map_err(malformed("a section group"))? else {
        return Ok(());
    };
    if flags.0 & !elf::GRP_COMDAT.0 != 0 {
        return Err(Error::unsupported(format!("section group flags {:#x} are not supported", flags.0)));
    }
    if !flags.contains(elf::GRP_COMDAT) {
        return Ok(());
    }
    let index = SymbolIndex(section.sh_info(LE) as usize);
    let symbol = symbols.symbol(index).map_err(malformed("a section group's symbol"))?;
    let mut name = symbols.symbol_name(LE, symbol).map_err(malformed("a section group's symbol"))?;
    if name.is_empty() && symbol.st_type() == elf::STT_SECTION {
        let home = symbols.symbol_section(LE, symbol, index).map_err(malformed("a symbol's section"))?;
        let home = home.and_then(|home| table.section(home).ok());
        name = home.and_then(|home| table.section_name(LE, home).ok()).unwrap_or_default();
    }
    let mut found = Vec::with_capacity(members.len());
    for member in members {
        let member = member.get(LE) as usize;
        match ids.get(member) {
            Some(id) => found.extend(*id),
            None => {
                return Err(Error::malformed(format!(
                    "a section group holds section {member}, and there are {}",
                    table.len()
                ))
                .symbol(String::from_utf8_lossy(name)));
            }
        }
    }
    let name = reader.span(name)?;
    reader.group(name, Rule::First, found.into_iter())
}

/// Adds a section that is to be in the image: `Some`; or not: `None`.
fn add_section(reader: &mut Reader<'_, '_, '_>, section: &Header, name: &[u8]) -> Result<Option<SectionId>> {
    let flags = section.sh_flags(LE);
    let size = section.sh_size(LE);
    forms::check_section(name, flags)?;
    if !flags.contains(elf::SHF_ALLOC) {
        let about_the_file =
            [elf::SHT_NULL, elf::SHT_SYMTAB, elf::SHT_STRTAB, elf::SHT_RELA, elf::SHT_SYMTAB_SHNDX, elf::SHT_GROUP];
        if !about_the_file.contains(&section.sh_type(LE)) {
            reader.leave_out(name, "not allocated: debug information, comments or notes")?;
        }
        return Ok(None);
    }
    if flags.contains(elf::SHF_EXCLUDE) {
        reader.leave_out(name, "marked as for the linker alone (SHF_EXCLUDE)")?;
        return Ok(None);
    }
    if flags.contains(elf::SHF_COMPRESSED) {
        return Err(Error::unsupported("a compressed section cannot be loaded").help("assemble without compression"));
    }
    let known = [
        elf::SHF_WRITE,
        elf::SHF_ALLOC,
        elf::SHF_EXECINSTR,
        // Merging equal constants is allowed, not demanded.
        elf::SHF_MERGE,
        elf::SHF_STRINGS,
        elf::SHF_INFO_LINK,
        // The order follows from the inputs' own; whether it is there, from `follow`.
        elf::SHF_LINK_ORDER,
        elf::SHF_GROUP,
        elf::SHF_TLS,
        // Nothing is dropped as unused, so everything is retained.
        elf::SHF_GNU_RETAIN,
    ];
    let large = fixup::elf_large_flag(reader.graph.arch);
    let unknown = known.iter().fold(flags.0 & !large, |left, flag| left & !flag.0);
    if unknown != 0 {
        return Err(Error::unsupported(format!("section flags {unknown:#x} are not supported")));
    }
    match section.sh_type(LE) {
        elf::SHT_PROGBITS | elf::SHT_NOBITS | elf::SHT_X86_64_UNWIND => {}
        elf::SHT_NOTE if name == PROPERTY_NOTE => {
            let data = section.data(LE, reader.bytes).map_err(malformed("the section's contents"))?;
            reader.ready_for |= forms::ready_for(data, fixup::readiness_property(reader.graph.arch))?;
            reader.leave_out(name, "what the code is ready for")?;
            return Ok(None);
        }
        // Code may read its own.
        elf::SHT_NOTE => {}
        elf::SHT_GNU_SFRAME => {
            reader.leave_out(name, "how to walk the stack, in a format that nothing reads in memory (SFrame)")?;
            return Ok(None);
        }
        elf::SHT_INIT_ARRAY | elf::SHT_FINI_ARRAY | elf::SHT_PREINIT_ARRAY => {}
        other => return Err(Error::unsupported(format!("section type {:#x} is not supported", other.0))),
    }
    let piece = match name {
        b".init" if size > 0 => Some(Role::Piece(When::Init)),
        b".fini" if size > 0 => Some(Role::Piece(When::Fini)),
        _ => None,
    };
    if piece.is_some() && (!flags.contains(elf::SHF_EXECINSTR) || section.sh_type(LE) != elf::SHT_PROGBITS) {
        return Err(Error::malformed("a piece of a start-up function, and it is no code"));
    }
    let role = match forms::calls(section.sh_type(LE), name)? {
        _ if flags.contains(elf::SHF_TLS) => Role::ThreadLocal,
        _ if piece.is_some() => piece.unwrap_or(Role::Plain),
        Some(calls) => Role::Calls(calls),
        None if name == b".eh_frame" || section.sh_type(LE) == elf::SHT_X86_64_UNWIND => Role::Unwind,
        None => Role::Plain,
    };
    let data = match section.sh_type(LE) {
        elf::SHT_NOBITS => None,
        _ => Some(section.data(LE, reader.bytes).map_err(malformed("the section's contents"))?),
    };
    let new = NewSection {
        name,
        segment: &[],
        data,
        size,
        align: section.sh_addralign(LE),
        // Of thread-local storage the image holds what copies are made of.
        writable: flags.contains(elf::SHF_WRITE) && role != Role::ThreadLocal,
        executable: flags.contains(elf::SHF_EXECINSTR),
        large: flags.0 & large != 0,
        role,
    };
    reader.section(new).map(Some)
}

fn add_symbol<'b>(
    reader: &mut Reader<'_, '_, 'b>,
    table: &SectionTable<'b, File>,
    symbols: &SymbolTable<'b, File>,
    ids: &[Option<SectionId>],
    index: SymbolIndex,
    symbol: &elf::Sym64<LittleEndian>,
    name: &[u8],
) -> Result<()> {
    let value = symbol.st_value(LE);
    let size = symbol.st_size(LE);
    let mut name = name;
    let mut kind = SymbolKind::Plain;
    match symbol.st_type() {
        elf::STT_GNU_IFUNC if symbol.st_shndx(LE) != elf::SHN_UNDEF => kind = SymbolKind::Indirect,
        elf::STT_TLS => kind = SymbolKind::ThreadLocal,
        // Its name is that of its section, which the graph knows; a file's name is no name of a place.
        elf::STT_SECTION | elf::STT_FILE => name = &[],
        elf::STT_NOTYPE | elf::STT_OBJECT | elf::STT_FUNC | elf::STT_COMMON | elf::STT_GNU_IFUNC => {}
        other => return Err(Error::unsupported(format!("symbol type {} is not supported", other.0))),
    }
    let visibility = symbol.st_visibility();
    let others = symbol.st_other().0 & !visibility.0 & !fixup::elf_symbol_bits(reader.graph.arch);
    if others != 0 {
        return Err(Error::unsupported(format!("st_other bits {others:#x} are not supported")));
    }
    let definition = match symbol.st_shndx(LE) {
        // A relocation without a symbol is one against address 0.
        elf::SHN_UNDEF if index.0 == 0 => Definition::Absolute(0),
        elf::SHN_UNDEF => Definition::Undefined,
        elf::SHN_ABS => Definition::Absolute(value),
        elf::SHN_COMMON if kind == SymbolKind::ThreadLocal => forms::thread_common(reader, name, size, value)?,
        elf::SHN_COMMON => forms::check_common(name).and_then(|()| common(value, size))?,
        // The room for them is near, which all forms of access reach.
        number if Some(number.0) == fixup::elf_large_common(reader.graph.arch) => common(value, size)?,
        _ => {
            let section = symbols.symbol_section(LE, symbol, index).map_err(malformed("a symbol's section"))?;
            let Some(section) = section else {
                return Err(Error::unsupported(format!("section number {:#x} is reserved", symbol.st_shndx(LE).0)));
            };
            match ids.get(section.0) {
                Some(Some(id)) => reader.place(*id, value)?,
                Some(None) => Definition::LeftOut,
                None => {
                    return Err(Error::malformed(format!(
                        "the symbol is in section {}, and there are {}",
                        section.0,
                        table.len()
                    )));
                }
            }
        }
    };
    let binding = match symbol.st_bind() {
        elf::STB_LOCAL => Binding::Local,
        elf::STB_GLOBAL => Binding::Global,
        elf::STB_GNU_UNIQUE => Binding::Unique,
        elf::STB_WEAK => Binding::Weak,
        other => return Err(Error::unsupported(format!("symbol binding {} is not supported", other.0))),
    };
    let binding = match binding {
        _ if index.0 == 0 => Binding::Local,
        // Any other definition counts.
        Binding::Global if kind == SymbolKind::ThreadLocal && symbol.st_shndx(LE) == elf::SHN_COMMON => Binding::Weak,
        binding => binding,
    };
    let scope = match (visibility, definition) {
        _ if binding == Binding::Local => Scope::Plain,
        (elf::STV_HIDDEN | elf::STV_INTERNAL, _) => Scope::Hidden,
        (_, Definition::Undefined | Definition::LeftOut) => Scope::Plain,
        _ => Scope::Exported,
    };
    if kind == SymbolKind::Indirect && !matches!(definition, Definition::Section { .. } | Definition::LeftOut) {
        return Err(Error::malformed("the function that chooses an indirect function is in no section"));
    }
    if kind == SymbolKind::ThreadLocal {
        let is_place = match definition {
            Definition::Section { section, .. } => reader.graph.section(section).role == Role::ThreadLocal,
            Definition::Undefined | Definition::LeftOut => true,
            _ => false,
        };
        if !is_place {
            return Err(Error::unsupported("is a thread-local variable that is in no section of thread-local storage")
                .help("declare it `__thread` in all files"));
        }
    }
    reader.symbol(NewSymbol { name, raw: false, definition, kind, binding, scope, size })?;
    Ok(())
}

fn add_relocations<'b>(
    reader: &mut Reader<'_, '_, 'b>,
    table: &SectionTable<'b, File>,
    symbols: &SymbolTable<'b, File>,
    ids: &[Option<SectionId>],
    section: &Header,
    references: &mut [Reference],
) -> Result<()> {
    let target = section.sh_info(LE) as usize;
    match section.sh_type(LE) {
        elf::SHT_RELA => {}
        elf::SHT_REL | elf::SHT_CREL => {
            let name = table.section_name(LE, section).unwrap_or_default();
            return match ids.get(target) {
                Some(None) => Ok(()),
                _ => Err(Error::unsupported("relocations without addends (REL, CREL) are not supported")
                    .section(String::from_utf8_lossy(name))),
            };
        }
        _ => return Ok(()),
    }
    let Some(&id) = ids.get(target) else {
        return Err(Error::malformed(format!("relocations are for section {target}, and there are {}", table.len())));
    };
    // Of a section that is not in the image.
    let Some(id) = id else { return Ok(()) };
    if section.link(LE) != symbols.section() || section.link(LE) == SectionIndex(0) {
        return Err(Error::malformed("relocations name another symbol table").section(reader.graph_section_name(id)));
    }
    if !reader.graph.section(id).relocations.is_empty() {
        return Err(Error::malformed("the section has two relocation tables").section(reader.graph_section_name(id)));
    }
    let Some((relocations, _)) = section.rela(LE, reader.bytes).map_err(malformed("the relocations"))? else {
        return Ok(());
    };
    reader.check_relocated(id, relocations.len())?;
    let forms = fixup::forms_of_elf(reader.graph.arch);
    let mut number = 0;
    loop {
        let rest = relocations.get(number..).unwrap_or_default();
        number += note_plain(rest, forms, references);
        let Some(raw) = relocations.get(number) else { break };
        let (r_type, symbol) = (raw.r_type(LE, false).0, raw.r_sym(LE, false));
        let reference = references.get_mut(symbol as usize).filter(|_| u32::try_from(raw.r_offset(LE)).is_ok());
        let kind = fixup::kinds(reader.graph.arch, reader.format).get(r_type as usize).filter(|kind| kind.is_known());
        let (Some(reference), Some(kind)) = (reference, kind) else {
            return Err(wrong_relocation(reader, symbols, raw).section(reader.graph_section_name(id)));
        };
        reference.wanted = true;
        // There are fewer than the file has bytes.
        reader.graph.unsettled.push((id, number as u32));
        if kind.via == Via::Size {
            reader.graph.sized.push(SymbolId(reader.first_symbol + symbol));
        }
        number += 1;
    }
    let span = reader.span(object::pod::bytes_of_slice(relocations))?;
    reader.graph.sections[id.0 as usize].relocations = RelocationTable::Rela(span);
    Ok(())
}

/// What is wrong with a relocation of an unknown kind, without a symbol, or outside every section.
#[cold]
fn wrong_relocation(reader: &Reader<'_, '_, '_>, symbols: &SymbolTable<'_, File>, raw: &Rela) -> Error {
    let r_type = raw.r_type(LE, false).0;
    let index = raw.r_sym(LE, false) as usize;
    let error = match reader.kind(r_type, r_type) {
        Ok(kind) if index >= symbols.len() => {
            Error::malformed(format!("{} names symbol {index}, which does not exist", kind.name))
        }
        Ok(kind) => Error::malformed(format!("{} lies outside its section", kind.name)),
        Err(error) => error,
    };
    let symbol = symbols.symbol(SymbolIndex(index));
    let name = symbol.and_then(|symbol| symbols.symbol_name(LE, symbol)).unwrap_or_default();
    let error = if name.is_empty() { error } else { error.symbol(String::from_utf8_lossy(name)) };
    error.offset(raw.r_offset(LE))
}
