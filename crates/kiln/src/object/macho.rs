//! Mach-O object files (`<mach-o/loader.h>`, `<mach-o/nlist.h>`, `<mach-o/reloc.h>`).

mod compact;
mod frames;
mod threads;

pub(super) use compact::Made;

use object::LittleEndian;
use object::macho::{self, MachHeader64, Section64};
use object::read::macho::{MachHeader, Nlist, Section, Segment, SymbolTable};

use super::{NewSection, NewSymbol, Reader, malformed};
use crate::error::{Error, Result};
use crate::fixup::{self, MachoPart, Via};
use crate::graph::{Binding, Calls, Definition, Relocation, Role, Scope, SectionId, SymbolId, SymbolKind, When};
use crate::target::Arch;

type File = MachHeader64<LittleEndian>;

const LE: LittleEndian = LittleEndian;

/// The bits of a section's flags that are its type.
const SECTION_TYPE: u32 = 0xff;

const COMPACT_UNWIND: &[u8] = b"__compact_unwind";

/// A section of the file: its address there, and its place in the graph.
struct Loaded<'b> {
    header: &'b Section64<LittleEndian>,
    /// `None`: not in the image.
    id: Option<SectionId>,
    /// The symbol for its start, for relocations that name the section by its number.
    start: Option<SymbolId>,
}

pub(super) fn read(reader: &mut Reader<'_, '_, '_>) -> Result<()> {
    let bytes = reader.bytes;
    let header = File::parse(bytes, 0).map_err(malformed("the Mach-O header"))?;
    let LE = header.endian().map_err(|_| Error::unsupported("the file is not little-endian Mach-O"))?;
    reader.check_arch(Arch::from_macho(header.cputype(LE), header.cpusubtype(LE)))?;

    let mut sections = Vec::new();
    let mut symbols = None;
    let mut commands = header.load_commands(LE, bytes, 0).map_err(malformed("the load commands"))?;
    while let Some(command) = commands.next().map_err(malformed("a load command"))? {
        if let Some((segment, data)) = command.segment_64().map_err(malformed("a segment"))? {
            for header in segment.sections(LE, data).map_err(malformed("a segment's sections"))? {
                let name = header.name();
                let id = add_section(reader, header).map_err(|error| {
                    error.section(format!(
                        "{},{}",
                        String::from_utf8_lossy(header.segment_name()),
                        String::from_utf8_lossy(name)
                    ))
                })?;
                sections.push(Loaded { header, id, start: None });
            }
        } else if let Some(symtab) = command.symtab().map_err(malformed("the symbol table"))? {
            symbols = Some(symtab.symbols::<File, _>(LE, bytes).map_err(malformed("the symbol table"))?);
        } else if command.cmd() == macho::LC_LINKER_OPTION {
            // Behind the command, its size and the count of options, which end in NUL.
            let option = command.raw_data().get(12..).and_then(|rest| rest.split(|byte| *byte == 0).next());
            let why = "an option for the linker (LC_LINKER_OPTION): symbols that are then undefined are said";
            reader.leave_out(option.unwrap_or_default(), why)?;
        }
    }
    if let Some(symbols) = &symbols {
        for symbol in symbols.iter() {
            let name = if symbol.is_stab() {
                &[]
            } else {
                symbol.name(LE, symbols.strings()).map_err(malformed("a symbol's name"))?
            };
            add_symbol(reader, &sections, symbol, name)
                .map_err(|error| if name.is_empty() { error } else { error.symbol(String::from_utf8_lossy(name)) })?;
        }
    }
    let named = symbols.as_ref().map_or(0, |symbols| symbols.len());
    if let Some(symbols) = &symbols {
        add_aliased(reader, symbols)?;
    }
    for section in &mut sections {
        section.start = Some(match section.id {
            Some(id) => {
                let kind = symbol_kind(reader, id);
                let definition = Definition::Section { section: id, offset: 0 };
                reader.symbol(NewSymbol { kind, ..NewSymbol::local(&[], definition) })?
            }
            None => reader.placeholder()?,
        });
    }
    threads::mark(reader, &sections, named)?;
    let mut described = frames::Described::new();
    for section in &sections {
        if let Some(id) = section.id {
            add_relocations(reader, &sections, named, section.header, id, &mut described)?;
        }
    }
    let is_table =
        |table: &&Loaded<'_>| table.header.segment_name() == b"__LD" && table.header.name() == COMPACT_UNWIND;
    let mut tables = sections.iter().filter(is_table);
    if let Some(table) = tables.next() {
        compact::read(reader, &sections, named, table, &described)?;
    }
    if tables.next().is_some() {
        return Err(Error::malformed("there are two compact unwind tables"));
    }
    Ok(())
}

/// Adds a section that is to be in the image: `Some`; or not: `None`.
fn add_section(reader: &mut Reader<'_, '_, '_>, section: &Section64<LittleEndian>) -> Result<Option<SectionId>> {
    let (segment, name) = (section.segment_name(), section.name());
    let flags = section.flags(LE);
    let left_out = if segment == b"__DWARF" || flags.contains(macho::S_ATTR_DEBUG) && segment != b"__LD" {
        Some("debug information")
    } else if segment == b"__LD" && name == COMPACT_UNWIND {
        // Read when what it refers to is known.
        return Ok(None);
    } else if segment == b"__LD" {
        return Err(Error::unsupported("the section is for the linker, and says what is not known here"));
    } else if segment == b"__LLVM" {
        Some("the compiler's own notes")
    } else {
        None
    };
    if let Some(why) = left_out {
        reader.leave_out(name, why)?;
        return Ok(None);
    }
    if name.starts_with(b"__objc_") || name.starts_with(b"__swift") {
        return Err(Error::unsupported(
            "Objective-C and Swift metadata would have to be registered, which is not supported",
        )
        .help("link this code into the program"));
    }
    // Beside the section's type: how it is to be stripped, which nothing here is, and what it holds.
    let known = macho::S_ATTR_PURE_INSTRUCTIONS
        | macho::S_ATTR_NO_TOC
        | macho::S_ATTR_STRIP_STATIC_SYMS
        | macho::S_ATTR_NO_DEAD_STRIP
        | macho::S_ATTR_LIVE_SUPPORT
        | macho::S_ATTR_SELF_MODIFYING_CODE
        | macho::S_ATTR_DEBUG
        | macho::S_ATTR_SOME_INSTRUCTIONS
        | macho::S_ATTR_EXT_RELOC
        | macho::S_ATTR_LOC_RELOC;
    let unknown = flags.0 & !known.0 & !SECTION_TYPE;
    if unknown != 0 {
        return Err(Error::unsupported(format!("the section has the attribute {unknown:#x}, which is not known")));
    }
    if flags.contains(macho::S_ATTR_SELF_MODIFYING_CODE) {
        return Err(Error::unsupported("the section holds code that writes itself, and Kiln makes no such memory"));
    }
    let role = match flags.typ() {
        macho::S_MOD_INIT_FUNC_POINTERS => Role::Calls(Calls::new(When::Init)),
        macho::S_MOD_TERM_FUNC_POINTERS => Role::Calls(Calls::new(When::Fini)),
        macho::S_THREAD_LOCAL_REGULAR | macho::S_THREAD_LOCAL_ZEROFILL => Role::ThreadLocal,
        macho::S_THREAD_LOCAL_VARIABLES => Role::ThreadVariables,
        _ if name == b"__eh_frame" => Role::Unwind,
        _ => Role::Plain,
    };
    let zeros = match flags.typ() {
        macho::S_REGULAR
        | macho::S_CSTRING_LITERALS
        | macho::S_4BYTE_LITERALS
        | macho::S_8BYTE_LITERALS
        | macho::S_16BYTE_LITERALS
        | macho::S_LITERAL_POINTERS
        | macho::S_MOD_INIT_FUNC_POINTERS
        | macho::S_MOD_TERM_FUNC_POINTERS
        | macho::S_THREAD_LOCAL_REGULAR
        | macho::S_THREAD_LOCAL_VARIABLES
        | macho::S_COALESCED => false,
        macho::S_ZEROFILL | macho::S_GB_ZEROFILL | macho::S_THREAD_LOCAL_ZEROFILL => true,
        macho::S_INIT_FUNC_OFFSETS => {
            return Err(Error::unsupported("initializers as offsets are what linkers make, and not what compilers do")
                .help("give the object file that the compiler made"));
        }
        macho::S_THREAD_LOCAL_VARIABLE_POINTERS => {
            return Err(Error::unsupported(
                "pointers to thread-local variables are what linkers make, and not what compilers do",
            )
            .help("give the object file that the compiler made"));
        }
        macho::S_THREAD_LOCAL_INIT_FUNCTION_POINTERS => {
            return Err(Error::unsupported(
                "functions that the loader would call in each thread: it does not any more",
            )
            .help("compile with a clang since 2011, which calls them where the variables are used"));
        }
        macho::S_NON_LAZY_SYMBOL_POINTERS | macho::S_LAZY_SYMBOL_POINTERS | macho::S_SYMBOL_STUBS => {
            return Err(Error::unsupported(
                "pointers and stubs of indirect symbols are what linkers make, and compilers of 32-bit code",
            )
            .help("write references as `_name@GOTPAGE` or `_name@GOTPCREL`, for which there are relocations"));
        }
        other => return Err(Error::unsupported(format!("section type {:#x} is not supported", other.0))),
    };
    let data = if zeros {
        None
    } else {
        Some(
            section
                .data(LE, reader.bytes, u64::from(section.offset(LE)))
                .map_err(malformed("the section's contents"))?,
        )
    };
    let executable = is_executable(segment, flags)?;
    let mut align = 1u64.checked_shl(section.align(LE)).unwrap_or(u64::MAX);
    if role == Role::ThreadVariables {
        // Compilers ask for none, and the words are read as such.
        align = align.max(8);
    }
    // The static linker makes `__TEXT` and `__DATA_CONST` read-only and every other segment writable.
    let constant = segment == b"__TEXT" || segment == b"__DATA_CONST";
    let writable = match role {
        Role::ThreadLocal => false,
        Role::ThreadVariables => true,
        _ => !executable && !constant,
    };
    let (size, large) = (section.size(LE), false);
    let new = NewSection { name, segment, data, size, align, writable, executable, large, role };
    reader.section(new).map(Some)
}

/// Whether a section is to be executable. The static linker goes by the segment: `__TEXT` is executable and not writable,
/// and data segments are the reverse, though assemblers mark every section that an instruction stands in.
fn is_executable(segment: &[u8], flags: macho::SectionFlags) -> Result<bool> {
    let only = flags.contains(macho::S_ATTR_PURE_INSTRUCTIONS);
    if only && segment.starts_with(b"__DATA") {
        return Err(Error::unsupported(
            "the section holds nothing but code, and stands in a segment for data, which is never executable",
        )
        .help("place code in the segment __TEXT, or leave `pure_instructions` out if it is data"));
    }
    Ok(only || segment == b"__TEXT" && flags.contains(macho::S_ATTR_SOME_INSTRUCTIONS))
}

fn add_symbol(
    reader: &mut Reader<'_, '_, '_>,
    sections: &[Loaded<'_>],
    symbol: &macho::Nlist64<LittleEndian>,
    name: &[u8],
) -> Result<()> {
    if symbol.is_stab() {
        reader.placeholder()?;
        return Ok(());
    }
    let flags = symbol.n_type();
    let description = symbol.n_desc(LE).0;
    let value = symbol.n_value(LE);
    let external = flags.contains(macho::N_EXT);
    let mut size = 0;
    let definition = match flags.typ() {
        macho::N_UNDF if value == 0 => Definition::Undefined,
        macho::N_UNDF => {
            size = value;
            // GET_COMM_ALIGN of <mach-o/nlist.h>
            let align = match description >> 8 & 0xf {
                // ld64 then goes by the size, up to 32 KiB.
                0 => size.min(0x8000).next_power_of_two() as u32,
                align => 1 << align,
            };
            Definition::Common { size, align }
        }
        macho::N_ABS => Definition::Absolute(value),
        macho::N_SECT => {
            let Some(section) = usize::from(symbol.n_sect()).checked_sub(1).and_then(|index| sections.get(index))
            else {
                return Err(Error::malformed(format!(
                    "the symbol is in section {}, and there are {}",
                    symbol.n_sect(),
                    sections.len()
                )));
            };
            match section.id {
                Some(id) => {
                    let Some(offset) = value.checked_sub(section.header.addr(LE)) else {
                        return Err(Error::malformed("the symbol lies before its section"));
                    };
                    reader.place(id, offset)?
                }
                None => Definition::LeftOut,
            }
        }
        // Of which one, `add_aliased` says.
        macho::N_INDR => Definition::Fallback(SymbolId(reader.first_symbol)),
        other => {
            return Err(Error::unsupported(format!(
                "the symbol is of an unknown kind (type {:#x}), which is not supported",
                other.0
            )));
        }
    };
    let weak = match definition {
        // As strong as any, whatever it means (ld64, `AliasAtom`).
        Definition::Fallback(_) => false,
        Definition::Undefined => description & macho::N_WEAK_REF.0 != 0,
        _ => description & macho::N_WEAK_DEF.0 != 0,
    };
    let binding = match (external, weak) {
        (false, _) => Binding::Local,
        (true, true) => Binding::Weak,
        (true, false) => Binding::Global,
    };
    let is_defined = !matches!(definition, Definition::Undefined | Definition::LeftOut);
    let is_exported = external && !flags.contains(macho::N_PEXT) && is_defined;
    let scope = if is_exported { Scope::Exported } else { Scope::Plain };
    let (name, raw) = c_name(name);
    const N_SYMBOL_RESOLVER: u16 = 0x100;
    let kind = match definition {
        Definition::Section { .. } if description & N_SYMBOL_RESOLVER != 0 => SymbolKind::Indirect,
        Definition::Section { section, .. } => symbol_kind(reader, section),
        _ => SymbolKind::Plain,
    };
    reader.symbol(NewSymbol { name, raw, definition, kind, binding, scope, size })?;
    Ok(())
}

/// Has each indirect symbol (`N_INDR`) mean the one whose name its value leads to.
fn add_aliased(reader: &mut Reader<'_, '_, '_>, symbols: &SymbolTable<'_, File>) -> Result<()> {
    for (index, symbol) in symbols.iter().enumerate() {
        if symbol.is_stab() || symbol.n_type().typ() != macho::N_INDR {
            continue;
        }
        let name = u32::try_from(symbol.n_value(LE)).ok().and_then(|offset| symbols.strings().get(offset).ok());
        let name = name.ok_or_else(|| Error::malformed("an alias leads to a name outside the string table"))?;
        let (name, raw) = c_name(name);
        let (kind, binding, scope) = (SymbolKind::Plain, Binding::Global, Scope::Plain);
        let definition = Definition::Undefined;
        let aliased = reader.symbol(NewSymbol { name, raw, definition, kind, binding, scope, size: 0 })?;
        let alias = reader.first_symbol as usize + index;
        reader.graph.symbols[alias].definition = Definition::Fallback(aliased);
    }
    Ok(())
}

/// A name as C has it, and whether C cannot write it.
fn c_name(name: &[u8]) -> (&[u8], bool) {
    match name.strip_prefix(b"_") {
        Some(name) => (name, false),
        None => (name, true),
    }
}

fn symbol_kind(reader: &Reader<'_, '_, '_>, section: SectionId) -> SymbolKind {
    match reader.graph.section(section).role {
        Role::ThreadVariables => SymbolKind::ThreadVariable,
        _ => SymbolKind::Plain,
    }
}

fn add_relocations(
    reader: &mut Reader<'_, '_, '_>,
    sections: &[Loaded<'_>],
    named: usize,
    header: &Section64<LittleEndian>,
    id: SectionId,
    described: &mut frames::Described,
) -> Result<()> {
    let contents = reader.graph.section(id).data.map_or(&[][..], |span| span.get_in(reader.bytes));
    let raw = header.relocations(LE, reader.bytes).map_err(malformed("the relocations"))?;
    let mut relocations = Vec::with_capacity(raw.len());
    let mut subtrahend: Option<macho::RelocationInfo> = None;
    let mut addend: Option<macho::RelocationInfo> = None;
    for relocation in raw {
        let info = relocation.info(LE);
        let error = |error: Error| Err(error.offset(u64::from(info.r_address)));
        match fixup::macho_part(reader.graph.arch, info.r_type.0) {
            Some(MachoPart::Addend) if addend.is_none() => {
                addend = Some(info);
                continue;
            }
            Some(MachoPart::Subtrahend) if subtrahend.is_none() => {
                subtrahend = Some(info);
                continue;
            }
            Some(_) => {
                relocations.push(error(Error::malformed("two parts of a relocation, and no relocation behind them")));
            }
            None => {
                let whole = Whole { reader, sections, named, header, contents };
                let relocation = whole.relocation(info, subtrahend.take(), addend.take());
                relocations.push(relocation.or_else(error));
            }
        }
    }
    if subtrahend.is_some() || addend.is_some() {
        relocations.push(Err(Error::malformed("a part of a relocation, and no relocation behind it")));
    }
    let own = match reader.graph.section(id).role {
        Role::ThreadVariables => threads::descriptors(reader, contents, relocations),
        Role::Unwind => frames::complete(reader, sections, header.addr(LE), contents, relocations, described),
        _ => Ok(relocations),
    };
    let relocations = own.map_err(|error| error.section(String::from_utf8_lossy(header.name())))?;
    reader.relocations(id, relocations, |_, relocation| relocation)
}

struct Whole<'r, 'g, 'a, 'b> {
    reader: &'r Reader<'g, 'a, 'b>,
    sections: &'r [Loaded<'b>],
    named: usize,
    header: &'r Section64<LittleEndian>,
    contents: &'b [u8],
}

impl Whole<'_, '_, '_, '_> {
    fn relocation(
        &self,
        info: macho::RelocationInfo,
        subtrahend: Option<macho::RelocationInfo>,
        explicit: Option<macho::RelocationInfo>,
    ) -> Result<Relocation> {
        let raw = fixup::macho_type(info.r_type.0, info.r_length, info.r_pcrel);
        let kind = self.reader.kind(raw, u32::from(info.r_type.0))?;
        let (symbol, address) = self.symbol(&info)?;
        threads::check(self.reader, kind, info.r_type.0, symbol)?;
        let offset = info.r_address;
        if [subtrahend, explicit].iter().flatten().any(|part| part.r_address != offset) {
            return Err(Error::malformed("a part of a relocation is for another place than the relocation behind it"));
        }
        if let Some(part) = subtrahend
            && (!kind.is_absolute() || kind.via != Via::Symbol || part.r_pcrel || part.r_length != info.r_length)
        {
            return Err(Error::malformed(format!("{} with a subtrahend", kind.name)));
        }
        if explicit.is_some() && !kind.is_in_instruction() {
            return Err(Error::malformed(format!("{} with an addend apart from its field", kind.name)));
        }
        if explicit.is_some() && matches!(kind.via, Via::Got | Via::GotLoad) {
            let name = self.reader.graph.symbol(symbol).name.get_in(self.reader.bytes);
            return Err(Error::unsupported(format!("{} with an addend is not supported", kind.name))
                .symbol(String::from_utf8_lossy(name)));
        }
        let field = self.contents.get(offset as usize..).and_then(|rest| rest.get(..kind.width()));
        let Some(field) = field else {
            return Err(Error::malformed(format!("{} lies outside its section", kind.name)));
        };
        let embedded = kind.read_addend(field);
        let in_field = fixup::macho_addend_in_field(self.reader.graph.arch, info.r_type.0);
        if address.is_some() && (!in_field || matches!(kind.via, Via::Got | Via::GotLoad)) {
            return Err(Error::unsupported(format!("{} to a section instead of a symbol", kind.name)));
        }
        if kind.is_in_instruction() && embedded != 0 {
            // Some linkers add it, others write over it.
            return Err(Error::unsupported(format!("{} with an addend in the instruction", kind.name)));
        }
        let addend = if !in_field {
            // A signed number of 24 bits, where the symbol's number would be.
            explicit.map_or(0, |part| i64::from(part.r_symbolnum) << 40 >> 40)
        } else {
            match (info.r_pcrel, address) {
                (false, None) => embedded,
                // The field holds the address in the file.
                (false, Some(address)) => embedded.wrapping_sub(address as i64),
                (true, None) => embedded + fixup::pc_bias(self.reader.graph.arch, self.reader.format, raw),
                // The field holds the distance in the file, so what it lacks is the field's own address.
                (true, Some(address)) => embedded
                    .wrapping_add(self.header.addr(LE).wrapping_add(u64::from(offset)) as i64)
                    .wrapping_sub(address as i64),
            }
        };
        let (subtrahend, addend) = match subtrahend {
            None => (None, addend),
            Some(part) => {
                let (symbol, address) = self.symbol(&part)?;
                threads::check(self.reader, kind, part.r_type.0, symbol)?;
                (Some(symbol), addend.wrapping_add(address.unwrap_or_default() as i64))
            }
        };
        Ok(Relocation { offset, symbol, subtrahend, addend, kind })
    }

    /// The symbol that a relocation names; of a section, also its address in the file.
    fn symbol(&self, info: &macho::RelocationInfo) -> Result<(SymbolId, Option<u64>)> {
        let number = info.r_symbolnum as usize;
        if info.r_extern {
            let symbol = if number < self.named { self.reader.symbol_id(number) } else { None };
            return match symbol {
                Some(symbol) => Ok((symbol, None)),
                None => Err(Error::malformed(format!("a relocation names symbol {number}, which does not exist"))),
            };
        }
        let section = number.checked_sub(1).and_then(|index| self.sections.get(index));
        match section.and_then(|section| Some((section.start?, Some(section.header.addr(LE))))) {
            Some(found) => Ok(found),
            None => Err(Error::malformed(format!("a relocation names section {number}, which does not exist"))),
        }
    }
}
