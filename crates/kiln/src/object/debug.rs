//! The debug information of the inputs, which has no part in the image: its sections, and relocations that say where they
//! lead. Read again from the inputs' bytes when somebody asks, so that nobody else pays for it.

use std::borrow::Cow;
use std::collections::HashMap;

use object::read::{Object, ObjectComdat, ObjectSection, ObjectSymbol, RelocationTarget};
use object::{BinaryFormat, CompressionFormat, RelocationFlags, SectionIndex};

use super::malformed;
use crate::error::{Error, Result};
use crate::fixup::{self, Kind, Lookup};
use crate::graph::{LinkGraph, SymbolId};
use crate::target::{Arch, Format};

/// The debug information of one input.
pub(crate) struct DebugInput<'g> {
    pub(crate) input: u32,
    pub(crate) sections: Vec<DebugSection<'g>>,
    file: object::File<'g>,
    /// The graph's number of the file's first symbol, and how many there are with those for the starts of sections.
    symbols: (u32, u32),
    /// How many symbols the file itself has.
    named: usize,
    by_number: HashMap<SectionIndex, usize>,
}

/// A section of debug information, uncompressed.
pub(crate) struct DebugSection<'g> {
    /// As ELF has it: `.debug_info`.
    pub(crate) name: String,
    pub(crate) bytes: Cow<'g, [u8]>,
    /// The name of its group, of which one copy is kept.
    pub(crate) group: Option<String>,
    number: SectionIndex,
}

/// A field of debug information that needs an address.
pub(crate) struct DebugRelocation {
    pub(crate) offset: u64,
    pub(crate) kind: &'static Kind,
    pub(crate) target: DebugTarget,
    pub(crate) addend: i64,
}

/// What such a field refers to.
#[derive(Clone, Copy)]
pub(crate) enum DebugTarget {
    Symbol(SymbolId),
    /// A place in debug information: the index of the section in [`DebugInput::sections`], and the offset there.
    Debug(usize, u64),
}

impl<'g> DebugInput<'g> {
    /// The debug information of every input that has some, in the order of the inputs.
    ///
    /// # Errors
    ///
    /// An input's tables are damaged, or a section is compressed in a way that Kiln does not know.
    pub(crate) fn of_all(graph: &'g LinkGraph<'_>) -> Result<Vec<DebugInput<'g>>> {
        let mut found = Vec::new();
        for (index, input) in (0u32..).zip(&graph.inputs) {
            if input.format.is_some() {
                found.extend(DebugInput::of(graph, index).map_err(|error| error.input(&input.name))?);
            }
        }
        Ok(found)
    }

    fn of(graph: &'g LinkGraph<'_>, input: u32) -> Result<Option<DebugInput<'g>>> {
        let bytes: &'g [u8] = &graph.inputs[input as usize].bytes;
        let file = object::File::parse(bytes).map_err(malformed("the headers"))?;
        let mut sections = Vec::new();
        for section in file.sections() {
            let name = section.name().map_err(malformed("a section's name"))?;
            let Some(name) = debug_name(file.format(), name) else { continue };
            let bytes = contents(&section).map_err(|error| error.section(&*name))?;
            sections.push(DebugSection { name, bytes, group: None, number: section.index() });
        }
        if sections.is_empty() {
            return Ok(None);
        }
        let by_number: HashMap<SectionIndex, usize> = sections.iter().map(|section| section.number).zip(0..).collect();
        for group in file.comdats() {
            let name = group.name().unwrap_or_default();
            for section in group.sections().filter_map(|number| by_number.get(&number)) {
                sections[*section].group = Some(name.to_owned());
            }
        }
        // The file's symbols are in the graph one for one.
        let first = graph.symbols.partition_point(|symbol| symbol.input < input);
        let behind = graph.symbols.partition_point(|symbol| symbol.input <= input);
        let (symbols, named) = ((first as u32, (behind - first) as u32), file.symbols().count());
        Ok(Some(DebugInput { input, sections, file, symbols, named, by_number }))
    }

    /// Whether references from one section to another have relocations. Mach-O's are plain offsets in the file's own
    /// sections, so that those of several files cannot stand behind each other.
    pub(crate) fn can_be_joined(&self) -> bool {
        self.file.format() != BinaryFormat::MachO
    }

    /// The relocations of the section at an index.
    pub(crate) fn relocations(
        &self,
        graph: &LinkGraph<'_>,
        section: usize,
    ) -> impl Iterator<Item = Result<DebugRelocation>> {
        let section = &self.sections[section];
        let of_file = self.file.section_by_index(section.number).ok();
        let relocations = of_file.into_iter().flat_map(|of_file| of_file.relocations());
        let arch = graph.arch;
        relocations.map(move |(offset, relocation)| {
            self.relocation(arch, section, offset, &relocation).map_err(|error| {
                let input = graph.input_name(self.input);
                error.offset(offset).section(&*section.name).input(input).help("load it without debug information")
            })
        })
    }

    fn relocation(
        &self,
        arch: Arch,
        section: &DebugSection<'_>,
        offset: u64,
        relocation: &object::Relocation,
    ) -> Result<DebugRelocation> {
        let (format, raw, shown) = match relocation.flags() {
            RelocationFlags::Elf { r_type } => (Format::Elf, r_type.0, r_type.0),
            RelocationFlags::MachO { r_type, r_pcrel, r_length } => {
                let raw = fixup::macho_type(r_type.0, r_length, r_pcrel);
                (Format::MachO, raw, u32::from(r_type.0))
            }
            RelocationFlags::Coff { typ } => (Format::Coff, u32::from(typ.0), u32::from(typ.0)),
            _ => return Err(Error::unsupported("a relocation of a format that Kiln does not know")),
        };
        let Lookup::Kind(kind) = fixup::lookup(arch, format, raw) else {
            return Err(Error::unsupported(format!("relocation type {shown} is not supported in debug information")));
        };
        if relocation.subtractor().is_some() {
            return Err(Error::unsupported(format!("{} with a subtrahend in debug information", kind.name)));
        }
        let target = match relocation.target() {
            RelocationTarget::Symbol(index) => {
                let symbol = self.file.symbol_by_index(index).map_err(malformed("a relocation's symbol"))?;
                let home = symbol.section_index();
                match home.and_then(|number| self.by_number.get(&number)) {
                    Some(section) => DebugTarget::Debug(*section, symbol.address()),
                    None => DebugTarget::Symbol(self.symbol(index.0)?),
                }
            }
            RelocationTarget::Section(number) => match self.by_number.get(&number) {
                Some(section) => DebugTarget::Debug(*section, 0),
                // The symbols for the starts of sections stand behind the file's own, in the sections' order.
                None => DebugTarget::Symbol(self.symbol(self.named + number.0.saturating_sub(1))?),
            },
            _ => return Err(Error::malformed(format!("{} names nothing", kind.name))),
        };
        let mut addend = relocation.addend();
        if relocation.has_implicit_addend() {
            let field = usize::try_from(offset).ok();
            let field = field.and_then(|offset| section.bytes.get(offset..offset.checked_add(kind.width())?));
            addend = field.map_or(0, |field| kind.read_addend(field));
            // The field holds an address of the file.
            if let RelocationTarget::Section(number) = relocation.target() {
                let home = self.file.section_by_index(number).map_err(malformed("a relocation's section"))?;
                addend = addend.wrapping_sub(home.address() as i64);
            }
        }
        Ok(DebugRelocation { offset, kind, target, addend })
    }

    fn symbol(&self, index: usize) -> Result<SymbolId> {
        let (first, count) = self.symbols;
        match u32::try_from(index).ok().filter(|index| *index < count) {
            Some(index) => Ok(SymbolId(first + index)),
            None => Err(Error::malformed(format!("a relocation names symbol {index}, which does not exist"))),
        }
    }
}

/// What ELF calls a section of debug information that debuggers read. Indexes are none: debuggers make their own, and those
/// of several files do not make one; neither is what is meant for a file of its own (`.dwo`).
fn debug_name(format: BinaryFormat, name: &str) -> Option<String> {
    let rest = match format {
        BinaryFormat::Elf => name.strip_prefix(".debug_").or_else(|| name.strip_prefix(".zdebug_"))?,
        BinaryFormat::MachO => match name.strip_prefix("__debug_")? {
            // Names end after 16 bytes.
            "str_offs" => "str_offsets",
            rest => rest,
        },
        _ => return None,
    };
    let is_index = rest.starts_with("gnu_pub") || rest.starts_with("pub") || rest == "names";
    (!is_index && !rest.ends_with(".dwo")).then(|| format!(".debug_{rest}"))
}

/// The most that a byte of either compression stands for (zstd: a block of 128 KiB in 4 bytes): a number in a header must
/// not cost more memory than that.
const MAX_RATIO: u64 = 0x8000;

/// The contents of a section, uncompressed.
///
/// # Errors
///
/// They cannot be read, or are compressed in a way that Kiln does not know.
pub(super) fn contents<'g>(section: &object::Section<'g, '_>) -> Result<Cow<'g, [u8]>> {
    let compressed = section.compressed_data().map_err(malformed("the section's contents"))?;
    if compressed.format == CompressionFormat::None {
        return Ok(Cow::Borrowed(compressed.data));
    }
    let size = compressed.uncompressed_size;
    if size > u64::from(u32::MAX) || size / MAX_RATIO > compressed.data.len() as u64 {
        return Err(Error::malformed(format!(
            "{:#x} compressed bytes do not make the {size:#x} that are promised",
            compressed.data.len()
        )));
    }
    compressed.decompress().map_err(|error| {
        let (message, help) = if cfg!(feature = "debug-info") {
            ("the compressed contents", "make it again with -gz=none")
        } else {
            ("it is compressed, and Kiln was built without its feature `debug-info`", "make it with -gz=none")
        };
        Error::unsupported(message).caused_by(error).help(help)
    })
}
