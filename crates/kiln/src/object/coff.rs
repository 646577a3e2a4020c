//! COFF object files (Microsoft's *PE Format*).

use std::collections::HashMap;

use object::LittleEndian;
use object::pe::{self, AnonObjectHeaderBigobj, ImageFileHeader, ImageSectionHeader};
use object::read::SymbolIndex;
use object::read::coff::{CoffHeader, SectionTable, Symbol, SymbolTable};

use super::calls::{calls_by_name, calls_of_crt};
use super::{NewSection, NewSymbol, Reader, malformed};
use crate::error::{Error, Result};
use crate::fixup;
use crate::graph::{Binding, Definition, Relocation, Role, Rule, Scope, SectionId, SymbolId, SymbolKind};
use crate::target::Arch;

type Symbols<'b, H> = SymbolTable<'b, &'b [u8], H>;

const LE: LittleEndian = LittleEndian;

pub(super) fn read(reader: &mut Reader<'_, '_, '_>) -> Result<()> {
    // With more sections than 16 bits can number, the header is another one.
    match reader.bytes {
        [0, 0, 0xff, 0xff, ..] => read_with::<AnonObjectHeaderBigobj>(reader),
        _ => read_with::<ImageFileHeader>(reader),
    }
}

fn read_with<H: CoffHeader>(reader: &mut Reader<'_, '_, '_>) -> Result<()> {
    let bytes = reader.bytes;
    let mut offset = 0;
    let header = H::parse(bytes, &mut offset).map_err(malformed("the COFF header"))?;
    reader.check_arch(Arch::from_coff(header.machine()))?;
    let table = header.sections(bytes, offset).map_err(malformed("the section table"))?;
    let symbols: Symbols<'_, H> = header.symbols(bytes).map_err(malformed("the symbol table"))?;

    let (mut ids, mut names) = (Vec::new(), Vec::new());
    for section in table.iter() {
        let name = section.name(symbols.strings()).map_err(malformed("a section's name"))?;
        names.push(name);
        let id = add_section(reader, section, name).map_err(|error| error.section(String::from_utf8_lossy(name)))?;
        ids.push(id);
    }
    let mut comdats = Comdats::of(&table);
    let mut next = 0;
    for (index, symbol) in symbols.iter() {
        // Auxiliary records take numbers too.
        while next < index.0 {
            reader.placeholder()?;
            next += 1;
        }
        next += 1;
        let name = symbol.name(symbols.strings()).map_err(malformed("a symbol's name"))?;
        add_symbol(reader, &symbols, &ids, index, symbol, name)
            .and_then(|()| comdats.symbol(reader, &symbols, &ids, index, symbol, name))
            .map_err(|error| error.symbol(String::from_utf8_lossy(name)))?;
    }
    comdats.follow_functions(reader, &names, &ids);
    comdats.finish()?;
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
        reader.leave_out(name, "not loaded: debug information or directives to the linker")?;
        return Ok(None);
    }
    // `.CRT$…` is Microsoft's way, `.ctors` and `.dtors` are GNU's.
    let role = match calls_of_crt(name)?.or(calls_by_name(name)?) {
        Some(calls) => Role::Calls(calls),
        None if is(b".tls") => Role::ThreadLocal,
        None if is(b".pdata") => Role::FunctionTable,
        None => Role::Plain,
    };
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
        segment: &[],
        data,
        size: u64::from(section.size_of_raw_data.get(LE)),
        align: section.coff_alignment(),
        // Of thread-local storage the image holds what copies are made of.
        writable: has(pe::IMAGE_SCN_MEM_WRITE) && role != Role::ThreadLocal,
        executable: has(pe::IMAGE_SCN_MEM_EXECUTE) || has(pe::IMAGE_SCN_CNT_CODE),
        large: false,
        role,
    };
    reader.section(new).map(Some)
}

fn add_symbol<H: CoffHeader>(
    reader: &mut Reader<'_, '_, '_>,
    symbols: &Symbols<'_, H>,
    ids: &[Option<SectionId>],
    index: SymbolIndex,
    symbol: &H::Symbol,
    name: &[u8],
) -> Result<()> {
    let class = symbol.storage_class();
    if class == pe::IMAGE_SYM_CLASS_WEAK_EXTERNAL {
        return add_weak(reader, symbols, index, name);
    }
    let known = [
        pe::IMAGE_SYM_CLASS_EXTERNAL,
        pe::IMAGE_SYM_CLASS_STATIC,
        pe::IMAGE_SYM_CLASS_LABEL,
        pe::IMAGE_SYM_CLASS_SECTION,
        pe::IMAGE_SYM_CLASS_FILE,
        pe::IMAGE_SYM_CLASS_FUNCTION,
    ];
    if !known.contains(&class) {
        return Err(Error::unsupported(format!("storage class {} is not supported", class.0)));
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
            Definition::Common { size: value, align: value.next_power_of_two().min(32) as u32 }
        }
        pe::IMAGE_SYM_ABSOLUTE => Definition::Absolute(value),
        pe::IMAGE_SYM_DEBUG => Definition::LeftOut,
        number => match usize::try_from(i64::from(number.0) - 1).ok().and_then(|index| ids.get(index)) {
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
    let is_defined = !matches!(definition, Definition::Undefined | Definition::LeftOut);
    let scope = if external && is_defined { Scope::Exported } else { Scope::Plain };
    let is_thread_local = |section| reader.graph.section(section).role == Role::ThreadLocal;
    let kind = match definition {
        Definition::Section { section, .. } if is_thread_local(section) => SymbolKind::ThreadLocal,
        _ => SymbolKind::Plain,
    };
    reader.symbol(NewSymbol { name, raw: false, definition, kind, binding, scope, size: 0 })?;
    Ok(())
}

/// A weak external: another symbol stands for it unless there is a definition (*PE Format*, "Weak Externals").
fn add_weak<H: CoffHeader>(
    reader: &mut Reader<'_, '_, '_>,
    symbols: &Symbols<'_, H>,
    index: SymbolIndex,
    name: &[u8],
) -> Result<()> {
    if symbols.symbol(index).is_ok_and(|symbol| !symbol.has_aux_weak_external()) {
        return Err(Error::malformed("a weak external without its record"));
    }
    let aux = symbols.aux_weak_external(index).map_err(malformed("a weak external"))?;
    let other = aux.weak_default_sym_index.get(LE);
    if other as usize >= symbols.len() {
        return Err(Error::malformed(format!("the weak external stands for symbol {other}, which does not exist")));
    }
    // As the file numbers them, one for one, so it may still be to come.
    let Some(other) = reader.first_symbol.checked_add(other) else {
        return Err(Error::unsupported("the inputs hold more than 4 billion symbols"));
    };
    let definition = Definition::Fallback(SymbolId(other));
    let binding = Binding::Weak;
    let kind = SymbolKind::Plain;
    reader.symbol(NewSymbol { name, raw: false, definition, kind, binding, scope: Scope::Plain, size: 0 })?;
    Ok(())
}

/// The COMDAT sections while the symbols are read. The first symbol of such a section, which stands for it, says the
/// rule, and the second one is the name (*PE Format*, "COMDAT Sections").
struct Comdats {
    /// By section.
    states: Vec<Comdat>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comdat {
    /// No such section, or read.
    No,
    /// Nothing read.
    New,
    /// The rule is read.
    Rule(Rule),
    /// By a local name, no other input has the same.
    Local,
}

impl Comdats {
    fn of(table: &SectionTable<'_>) -> Comdats {
        let is = |section: &ImageSectionHeader| section.characteristics.get(LE).contains(pe::IMAGE_SCN_LNK_COMDAT);
        Comdats { states: table.iter().map(|section| if is(section) { Comdat::New } else { Comdat::No }).collect() }
    }

    fn symbol<H: CoffHeader>(
        &mut self,
        reader: &mut Reader<'_, '_, '_>,
        symbols: &Symbols<'_, H>,
        ids: &[Option<SectionId>],
        index: SymbolIndex,
        symbol: &H::Symbol,
        name: &[u8],
    ) -> Result<()> {
        let number = usize::try_from(i64::from(symbol.section_number().0) - 1).unwrap_or(usize::MAX);
        let Some(state) = self.states.get_mut(number) else { return Ok(()) };
        let id = ids.get(number).copied().flatten();
        match *state {
            Comdat::No | Comdat::Local => {}
            Comdat::New if symbol.has_aux_section() => {
                let aux = symbols.aux_section(index).map_err(malformed("a section's record"))?;
                *state = match aux.selection {
                    pe::IMAGE_COMDAT_SELECT_NODUPLICATES => Comdat::Rule(Rule::Only),
                    pe::IMAGE_COMDAT_SELECT_ANY => Comdat::Rule(Rule::First),
                    pe::IMAGE_COMDAT_SELECT_SAME_SIZE => Comdat::Rule(Rule::SameSize),
                    pe::IMAGE_COMDAT_SELECT_EXACT_MATCH => Comdat::Rule(Rule::SameContents),
                    pe::IMAGE_COMDAT_SELECT_LARGEST => Comdat::Rule(Rule::Largest),
                    pe::IMAGE_COMDAT_SELECT_ASSOCIATIVE => Comdat::No,
                    other => {
                        return Err(Error::unsupported(format!("COMDAT selection {} is not supported", other.0)));
                    }
                };
                if aux.selection == pe::IMAGE_COMDAT_SELECT_ASSOCIATIVE {
                    let high = if H::is_type_bigobj() { usize::from(aux.high_number.get(LE)) } else { 0 };
                    let leader = high << 16 | usize::from(aux.number.get(LE));
                    let Some(leader) = leader.checked_sub(1).and_then(|leader| ids.get(leader)) else {
                        return Err(Error::malformed(format!(
                            "the section goes with section {leader}, which does not exist"
                        )));
                    };
                    reader.graph.follows.extend(id.zip(*leader));
                }
            }
            Comdat::New => {
                return Err(Error::malformed("a COMDAT section's first symbol does not stand for it"));
            }
            Comdat::Rule(rule) => {
                *state = Comdat::No;
                if symbol.storage_class() == pe::IMAGE_SYM_CLASS_EXTERNAL {
                    let name = reader.span(name)?;
                    reader.group(name, rule, id.into_iter())?;
                } else {
                    *state = Comdat::Local;
                }
            }
        }
        Ok(())
    }

    /// GNU's compilers give the unwind information of a function no name of its own: `.pdata$F` and `.xdata$F` go with `.text$F`
    /// (lld, `maybeAssociateSEHForMingw`).
    fn follow_functions(&mut self, reader: &mut Reader<'_, '_, '_>, names: &[&[u8]], ids: &[Option<SectionId>]) {
        let texts: HashMap<&[u8], SectionId> =
            names.iter().zip(ids).filter_map(|(name, id)| Some((name.strip_prefix(b".text$")?, (*id)?))).collect();
        for ((state, name), id) in self.states.iter_mut().zip(names).zip(ids) {
            let function = name.strip_prefix(b".pdata$").or_else(|| name.strip_prefix(b".xdata$"));
            let text = function.and_then(|function| texts.get(function));
            if let (Comdat::Rule(_) | Comdat::Local, Some(text), Some(id)) = (*state, text, id) {
                reader.graph.follows.push((*id, *text));
                *state = Comdat::No;
            }
        }
    }

    fn finish(&self) -> Result<()> {
        match self.states.iter().position(|state| !matches!(state, Comdat::No | Comdat::Local)) {
            None => Ok(()),
            Some(number) => Err(Error::malformed(format!("section {} is COMDAT, and has no name", number + 1))),
        }
    }
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
    reader.relocations(id, relocations, |_, relocation| relocation)
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
