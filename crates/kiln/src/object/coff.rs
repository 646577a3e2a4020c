//! COFF object files (Microsoft's *PE Format*).

use object::LittleEndian;
use object::pe::{self, ImageFileHeader, ImageSectionHeader, ImageSymbol};
use object::read::coff::{CoffHeader, Symbol, SymbolTable};

use super::{NewSection, NewSymbol, Reader, malformed};
use crate::error::{Error, Result};
use crate::fixup;
use crate::graph::{Binding, Definition, Relocation, SectionId};
use crate::target::Arch;

type Symbols<'b> = SymbolTable<'b, &'b [u8], ImageFileHeader>;

const LE: LittleEndian = LittleEndian;

pub(super) fn read(reader: &mut Reader<'_, '_, '_>) -> Result<()> {
    let bytes = reader.bytes;
    let mut offset = 0;
    let header = ImageFileHeader::parse(bytes, &mut offset).map_err(malformed("the COFF header"))?;
    reader.check_arch(Arch::from_coff(header.machine()))?;
    let table = header.sections(bytes, offset).map_err(malformed("the section table"))?;
    let symbols: Symbols<'_> = header.symbols(bytes).map_err(malformed("the symbol table"))?;

    let mut ids = Vec::new();
    for section in table.iter() {
        let name = section.name(symbols.strings()).map_err(malformed("a section's name"))?;
        let id = add_section(reader, section, name).map_err(|error| error.section(String::from_utf8_lossy(name)))?;
        ids.push(id);
    }
    let mut next = 0;
    for (index, symbol) in symbols.iter() {
        // Auxiliary records take numbers too.
        while next < index.0 {
            reader.placeholder()?;
            next += 1;
        }
        next += 1;
        let name = symbol.name(symbols.strings()).map_err(malformed("a symbol's name"))?;
        add_symbol(reader, &ids, symbol, name).map_err(|error| error.symbol(String::from_utf8_lossy(name)))?;
    }
    while next < symbols.len() {
        reader.placeholder()?;
        next += 1;
    }
    for (section, id) in table.iter().zip(ids) {
        if let Some(id) = id {
            add_relocations(reader, symbols.len(), section, id)?;
        }
    }
    Ok(())
}

fn add_section(
    reader: &mut Reader<'_, '_, '_>,
    section: &ImageSectionHeader,
    name: &[u8],
) -> Result<Option<SectionId>> {
    let flags = section.characteristics.get(LE);
    let has = |flag: pe::SectionFlags| flags.contains(flag);
    let is = |base: &[u8]| name == base || name.strip_prefix(base).is_some_and(|rest| rest.starts_with(b"$"));
    if has(pe::IMAGE_SCN_LNK_REMOVE) || has(pe::IMAGE_SCN_LNK_INFO) || has(pe::IMAGE_SCN_MEM_DISCARDABLE) {
        reader.leave_out(name, "not loaded: debug information or directives to the linker");
        return Ok(None);
    }
    if is(b".pdata") || is(b".xdata") {
        reader.leave_out(name, "unwind tables are not registered yet: no panic or exception may cross this code");
        return Ok(None);
    }
    if has(pe::IMAGE_SCN_LNK_COMDAT) {
        return Err(Error::unsupported("COMDAT sections are not supported yet"));
    }
    // `.CRT$…` is Microsoft's way, `.ctors` and `.dtors` are GNU's.
    if is(b".CRT") || name.starts_with(b".ctors") || name.starts_with(b".dtors") {
        return Err(Error::unsupported("initializers and finalizers are not supported yet")
            .help("take the constructors and destructors out, and call them as functions"));
    }
    if is(b".tls") {
        return Err(Error::unsupported("thread-local variables are not supported yet")
            .help("keep the variables out of thread-local storage"));
    }
    let data = if has(pe::IMAGE_SCN_CNT_UNINITIALIZED_DATA) {
        None
    } else {
        match section.coff_data(reader.bytes) {
            Ok(data) => Some(data),
            Err(()) => return Err(Error::malformed("the section lies outside the file")),
        }
    };
    let new = NewSection {
        name,
        data,
        size: u64::from(section.size_of_raw_data.get(LE)),
        align: section.coff_alignment(),
        writable: has(pe::IMAGE_SCN_MEM_WRITE),
        executable: has(pe::IMAGE_SCN_MEM_EXECUTE) || has(pe::IMAGE_SCN_CNT_CODE),
    };
    reader.section(new).map(Some)
}

fn add_symbol(
    reader: &mut Reader<'_, '_, '_>,
    ids: &[Option<SectionId>],
    symbol: &ImageSymbol,
    name: &[u8],
) -> Result<()> {
    let class = symbol.storage_class();
    if class == pe::IMAGE_SYM_CLASS_WEAK_EXTERNAL {
        return Err(Error::unsupported("weak externals are not supported yet"));
    }
    if class == pe::IMAGE_SYM_CLASS_FILE || class == pe::IMAGE_SYM_CLASS_FUNCTION {
        reader.placeholder()?;
        return Ok(());
    }
    let value = u64::from(symbol.value());
    let external = class == pe::IMAGE_SYM_CLASS_EXTERNAL;
    let definition = match symbol.section_number() {
        pe::IMAGE_SYM_UNDEFINED if value == 0 || !external => Definition::Undefined,
        pe::IMAGE_SYM_UNDEFINED => {
            // The format does not say: the linker's own rule.
            Definition::Common { size: value, align: value.next_power_of_two().min(32) }
        }
        pe::IMAGE_SYM_ABSOLUTE => Definition::Absolute(value),
        pe::IMAGE_SYM_DEBUG => Definition::LeftOut,
        number => match usize::try_from(number.0 - 1).ok().and_then(|index| ids.get(index)) {
            Some(Some(id)) => reader.place(*id, value)?,
            Some(None) => Definition::LeftOut,
            None => {
                return Err(Error::malformed(format!(
                    "the symbol is in section {}, and there are {}",
                    number.0,
                    ids.len()
                )));
            }
        },
    };
    let binding = if external { Binding::Global } else { Binding::Local };
    let exported = external && !matches!(definition, Definition::Undefined | Definition::LeftOut);
    reader.symbol(NewSymbol { name, raw: false, definition, binding, exported, size: 0 })?;
    Ok(())
}

fn add_relocations(
    reader: &mut Reader<'_, '_, '_>,
    named: usize,
    section: &ImageSectionHeader,
    id: SectionId,
) -> Result<()> {
    let contents = reader.graph.section(id).data.map_or(&[][..], |span| span.get_in(reader.bytes));
    let raw = section.coff_relocations(reader.bytes).map_err(malformed("the relocations"))?;
    let mut relocations = Vec::with_capacity(raw.len());
    for relocation in raw {
        let offset = relocation.virtual_address.get(LE).wrapping_sub(section.virtual_address.get(LE));
        let one = one_relocation(reader, named, contents, relocation, offset);
        relocations.push(one.map_err(|error| error.offset(u64::from(offset))));
    }
    reader.relocations(id, relocations.into_iter())
}

fn one_relocation(
    reader: &Reader<'_, '_, '_>,
    named: usize,
    contents: &[u8],
    relocation: &pe::ImageRelocation,
    offset: u32,
) -> Result<Relocation> {
    let r_type = u32::from(relocation.typ.get(LE).0);
    let kind = reader.kind(r_type, r_type)?;
    let index = relocation.symbol_table_index.get(LE) as usize;
    let symbol = if index < named { reader.symbol_id(index) } else { None };
    let Some(symbol) = symbol else {
        return Err(Error::malformed(format!("{} names symbol {index}, which does not exist", kind.name)));
    };
    let Some(field) = contents.get(offset as usize..).and_then(|rest| rest.get(..kind.width())) else {
        return Err(Error::malformed(format!("{} lies outside its section", kind.name)));
    };
    let bias = if kind.is_relative() { fixup::pc_bias(reader.graph.arch, reader.format, r_type) } else { 0 };
    Ok(Relocation { offset, symbol, subtrahend: None, addend: kind.read_addend(field) + bias, kind })
}
