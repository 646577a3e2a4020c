//! What a native file holds, linked or not, as its own tables say it: for tools that look at files.

use std::borrow::Cow;
use std::collections::HashMap;

use object::read::{Object, ObjectSection, ObjectSymbol, RelocationTarget};
use object::{ObjectKind, RelocationFlags, SectionIndex, SectionKind};

use crate::error::{Error, Result};
use crate::fixup::{self, Lookup};
use crate::source::{self, Kind};
use crate::target::{Arch, Format, Os, Target};

/// The sections and symbols of an object file, an executable or a shared library, of any target.
///
/// Nothing is linked or applied here: the bytes are those of the file.
#[derive(Debug)]
pub struct Contents<'a> {
    target: Target,
    linked: bool,
    entry: Option<u64>,
    sections: Vec<Section<'a>>,
    symbols: Vec<Symbol>,
    undefined: Vec<String>,
    file: object::File<'a>,
    /// The file's own numbers of the sections, in their order; and back.
    numbers: Vec<SectionIndex>,
    by_number: HashMap<SectionIndex, usize>,
}

/// A section of a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Section<'a> {
    /// The section's name: `.text`, `__text`.
    pub name: String,
    /// The segment that it belongs to; Mach-O only.
    pub segment: Option<String>,
    /// Its address in the file's own address space; 0 in most object files.
    pub address: u64,
    /// Its size in memory, in bytes.
    pub size: u64,
    /// Its bytes; empty where memory is all zeros.
    pub data: &'a [u8],
    /// Whether it holds instructions.
    pub executable: bool,
    /// Whether it is in memory when the program runs, and holds something that the program may read.
    pub loaded: bool,
    /// How many relocations it has.
    pub relocations: usize,
}

impl Section<'_> {
    /// Whether `name` means this section: its name, or `segment,name`.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        match name.split_once(',') {
            Some((segment, name)) if self.segment.is_some() => {
                self.segment.as_deref() == Some(segment) && self.name == name
            }
            _ => self.name == name,
        }
    }
}

/// A symbol of a file that is defined in one of its sections.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Symbol {
    /// The name as the symbol table has it.
    pub name: String,
    /// The index of its section in [`Contents::sections`].
    pub section: usize,
    /// Its offset in the section, in bytes.
    pub offset: u64,
    /// Its size in bytes; 0 where the format does not say.
    pub size: u64,
    /// Whether other files may use it.
    pub global: bool,
}

/// A relocation, as the file's tables have it, with its addend, wherever the format keeps that.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileRelocation {
    /// Where its field begins in the section, in bytes.
    pub offset: u64,
    /// The size of its field in bytes; 0 where Kiln does not know the kind.
    pub width: usize,
    /// Its kind's name in the ABI document, or its number where Kiln does not know it.
    pub kind: String,
    /// The symbol that it names, as the symbol table has it; a section's name where it names a section.
    pub symbol: String,
    /// Where that is defined, if the file defines it: the index of the section, and the offset in it in bytes.
    pub defined: Option<(usize, u64)>,
    /// What is added to the symbol's address, in bytes.
    pub addend: i64,
    /// Whether the result is a distance from the field.
    pub relative: bool,
}

impl<'a> Contents<'a> {
    /// Reads the tables of `bytes`; of a universal file, those of the slice for `arch`.
    ///
    /// # Errors
    ///
    /// The bytes are no object file, executable or shared library of x86-64 or arm64, or are damaged. `name` stands in
    /// the error.
    pub fn read(name: &str, bytes: &'a [u8], arch: Arch) -> Result<Contents<'a>> {
        let mut bytes = bytes;
        if Kind::of(bytes) == Kind::Universal {
            bytes = bytes.get(source::universal_slice(name, bytes, arch)?).unwrap_or(&[]);
        }
        let linked = match Kind::of(bytes) {
            Kind::Object(_) => false,
            Kind::Linked(_) => true,
            other => return Err(other.refusal("an object file or a linked file").input(name)),
        };
        Contents::of_native(bytes, linked).map_err(|error| error.input(name))
    }

    fn of_native(bytes: &'a [u8], linked: bool) -> Result<Contents<'a>> {
        let damaged = |what: &'static str| {
            move |error: object::read::Error| {
                Error::malformed(what).caused_by(error).help("the file is damaged or cut off: make it again")
            }
        };
        let file = object::File::parse(bytes).map_err(damaged("the headers"))?;
        let os = match file.format() {
            object::BinaryFormat::MachO => Os::MacOs,
            object::BinaryFormat::Coff | object::BinaryFormat::Pe => Os::Windows,
            _ => Os::Linux,
        };
        let Some(arch) = Arch::from_object(file.architecture()).filter(|_| file.is_little_endian()) else {
            let found = file.architecture();
            return Err(Error::unsupported(format!("the code is for {found:?}, which Kiln does not know")));
        };
        let mut numbers = Vec::new();
        let mut sections = Vec::new();
        for section in file.sections() {
            let name = section.name().map_err(damaged("a section's name"))?;
            let zeros = matches!(section.kind(), SectionKind::UninitializedData | SectionKind::UninitializedTls);
            let data = if zeros { &[][..] } else { section.data().map_err(damaged("a section's contents"))? };
            numbers.push(section.index());
            sections.push(Section {
                name: name.to_owned(),
                segment: section.segment_name().ok().flatten().filter(|_| os == Os::MacOs).map(str::to_owned),
                address: section.address(),
                size: section.size(),
                data,
                executable: section.kind() == SectionKind::Text,
                loaded: is_loaded(&section, name),
                relocations: if linked { 0 } else { section.relocations().count() },
            });
        }
        let (mut symbols, mut undefined) = (Vec::new(), Vec::new());
        let by_number: HashMap<SectionIndex, usize> = numbers.iter().copied().zip(0..).collect();
        for symbol in file.symbols() {
            let Ok(name) = symbol.name() else { continue };
            if symbol.is_undefined() && !name.is_empty() {
                undefined.push(name.to_owned());
            }
            let Some(section) = symbol.section_index() else { continue };
            let Some(&section) = by_number.get(&section) else { continue };
            if !name.is_empty() && !symbol.kind().eq(&object::SymbolKind::Section) {
                let offset = symbol.address().wrapping_sub(sections[section].address);
                let (size, global) = (symbol.size(), symbol.is_global());
                symbols.push(Symbol { name: name.to_owned(), section, offset, size, global });
            }
        }
        let entry = (linked && file.kind() != ObjectKind::Relocatable && file.entry() != 0).then(|| entry(&file));
        Ok(Contents {
            target: Target::new(arch, os),
            linked,
            entry,
            sections,
            symbols,
            undefined,
            file,
            numbers,
            by_number,
        })
    }

    /// The target that the file is for, as far as the file says: architecture and format.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target
    }

    /// Whether the file was linked: an executable or a shared library.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.linked
    }

    /// The address at which a linked file is entered.
    #[must_use]
    pub fn entry(&self) -> Option<u64> {
        self.entry
    }

    /// All sections, in the file's order.
    #[must_use]
    pub fn sections(&self) -> &[Section<'a>] {
        &self.sections
    }

    /// All symbols that are defined in a section, in the file's order.
    #[must_use]
    pub fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// The names that an object file leaves to others to define, as its symbol table has them.
    #[must_use]
    pub fn undefined(&self) -> &[String] {
        &self.undefined
    }

    /// The relocations of a section of an object file, by their offsets. `section` is an index into
    /// [`sections`](Contents::sections); of any other number, and of a linked file, there are none.
    #[must_use]
    pub fn relocations(&self, section: usize) -> Vec<FileRelocation> {
        let of_file = self.numbers.get(section).filter(|_| !self.linked);
        let Some(of_file) = of_file.and_then(|number| self.file.section_by_index(*number).ok()) else {
            return Vec::new();
        };
        let mut relocations: Vec<FileRelocation> =
            of_file.relocations().map(|(offset, relocation)| self.relocation(section, offset, &relocation)).collect();
        relocations.sort_by_key(|relocation| relocation.offset);
        relocations
    }

    fn relocation(&self, of: usize, offset: u64, relocation: &object::Relocation) -> FileRelocation {
        let (raw, shown) = match relocation.flags() {
            RelocationFlags::Elf { r_type } => (r_type.0, r_type.0),
            RelocationFlags::MachO { r_type, r_pcrel, r_length } => {
                (fixup::macho_type(r_type.0, r_length, r_pcrel), u32::from(r_type.0))
            }
            RelocationFlags::Coff { typ } => (u32::from(typ.0), u32::from(typ.0)),
            _ => (u32::MAX, u32::MAX),
        };
        let known = match fixup::lookup(self.target.arch(), self.target.format(), raw) {
            Lookup::Kind(kind) => Ok(kind),
            Lookup::Refused(refused) => Err(refused.name.to_owned()),
            Lookup::Unknown => Err(format!("relocation type {shown}")),
        };
        let width = known.as_ref().map_or(usize::from(relocation.size() / 8), |kind| kind.width());
        let relative = known.as_ref().is_ok_and(|kind| kind.is_relative());
        let section = |number: SectionIndex| self.by_number.get(&number).copied();
        let mut addend = relocation.addend();
        if let (Ok(kind), true) = (&known, relocation.has_implicit_addend()) {
            let field = usize::try_from(offset).ok();
            let field = field.and_then(|offset| self.sections[of].data.get(offset..offset.checked_add(width)?));
            addend = field.map_or(0, |field| kind.read_addend(field));
            addend = match relocation.target() {
                // The field holds an address of the file, or the distance there.
                RelocationTarget::Section(number) => {
                    let home = section(number).map_or(0, |home| self.sections[home].address);
                    let place = if relative { self.sections[of].address.wrapping_add(offset) } else { 0 };
                    addend.wrapping_add(place as i64).wrapping_sub(home as i64)
                }
                _ if relative => addend.wrapping_add(fixup::pc_bias(self.target.arch(), self.target.format(), raw)),
                _ => addend,
            };
        }
        let (symbol, defined) = match relocation.target() {
            RelocationTarget::Symbol(index) => match self.file.symbol_by_index(index) {
                Ok(symbol) => {
                    let home = symbol.section_index().and_then(section);
                    let place = home.map(|home| (home, symbol.address().wrapping_sub(self.sections[home].address)));
                    let name = symbol.name().unwrap_or_default();
                    // A section's symbol has no name of its own in ELF.
                    let name = if name.is_empty() { home.map_or(name, |home| &self.sections[home].name) } else { name };
                    (name.to_owned(), place)
                }
                Err(_) => (format!("symbol {}, which does not exist", index.0), None),
            },
            RelocationTarget::Section(number) => match section(number) {
                Some(home) => (self.sections[home].name.clone(), Some((home, 0))),
                None => (format!("section {}, which does not exist", number.0), None),
            },
            _ => ("an absolute address".to_owned(), None),
        };
        let kind = known.map_or_else(|name| name, |kind| kind.name.to_owned());
        FileRelocation { offset, width, kind, symbol, defined, addend, relative }
    }

    /// The bytes of a section of [`sections`](Contents::sections), uncompressed if it is a compressed one, as debug information may
    /// be; of any other number, none.
    ///
    /// # Errors
    ///
    /// They are damaged, or compressed and Kiln was built without its feature `debug-info`.
    pub fn uncompressed(&self, section: usize) -> Result<Cow<'a, [u8]>> {
        let of_file = self.numbers.get(section).and_then(|number| self.file.section_by_index(*number).ok());
        of_file.map_or(Ok(Cow::Borrowed(&[])), |of_file| super::debug::contents(&of_file))
    }

    /// The section that holds the code: `.text` (ELF, COFF) or `__TEXT,__text` (Mach-O), or else the only executable
    /// section there is.
    #[must_use]
    pub fn text(&self) -> Option<&Section<'a>> {
        let usual = if self.target.format() == Format::MachO { "__TEXT,__text" } else { ".text" };
        let usual = self.sections.iter().find(|section| section.is(usual) && section.size > 0);
        let mut code = self.sections.iter().filter(|section| section.executable && section.size > 0);
        usual.or_else(|| code.next().filter(|_| code.next().is_none()))
    }
}

/// The address at which a linked file is entered. Mach-O's `LC_MAIN` says it as an offset in the file.
fn entry(file: &object::File<'_>) -> u64 {
    let entry = file.entry();
    if file.format() != object::BinaryFormat::MachO {
        return entry;
    }
    let as_address = |section: object::Section<'_, '_>| {
        let (start, size) = section.file_range()?;
        let offset = entry.checked_sub(start).filter(|offset| *offset < size)?;
        section.address().checked_add(offset)
    };
    file.sections().find_map(as_address).unwrap_or(entry)
}

/// Whether the program may read the section: not notes, unwind tables and what only the dynamic linker reads.
fn is_loaded<'a>(section: &impl ObjectSection<'a>, name: &str) -> bool {
    let metadata = [".eh_frame", ".eh_frame_hdr", ".interp", "__eh_frame", "__unwind_info", "__compact_unwind"];
    let allocated = match section.flags() {
        object::SectionFlags::Elf { sh_flags, .. } => sh_flags.contains(object::elf::SHF_ALLOC),
        _ => !matches!(section.kind(), SectionKind::Debug | SectionKind::DebugString | SectionKind::Linker),
    };
    allocated && section.size() > 0 && section.kind() != SectionKind::Note && !metadata.contains(&name)
}
