//! Object files become parts of the link graph: one file per format, and no arithmetic of any architecture.

mod archive;
mod calls;
mod coff;
mod contents;
mod debug;
mod elf;
mod linked;
mod macho;

use std::borrow::Cow;
use std::ops::Range;

pub use archive::archive_members;
pub(crate) use archive::{Archives, add_whole, holds_archive};
pub use contents::{Contents, FileRelocation, Section, Symbol};
pub(crate) use debug::{DebugInput, DebugRelocation, DebugTarget};
pub(crate) use elf::PROPERTY_NOTE;
pub(crate) use linked::text_of;

use crate::error::{Error, Result};
use crate::fixup::{self, Lookup};
use crate::graph::{
    Binding, Definition, Group, Input, LeftOut, LinkGraph, Permission, Relocation, RelocationTable, Role, Rule, Scope,
    SectionId, Span, Symbol as GraphSymbol, SymbolId, SymbolKind,
};
use crate::source::{self, Kind};
use crate::target::{Arch, Format};

/// Adds the object file `bytes` to the graph.
///
/// # Errors
///
/// The file is no object file, is for another architecture, breaks its format's rules, or asks for what Kiln does not
/// do. The graph is then as it was.
pub(crate) fn add<'a>(graph: &mut LinkGraph<'a>, name: &str, bytes: Cow<'a, [u8]>) -> Result<()> {
    let bytes = match source::Kind::of(&bytes) {
        Kind::Universal => {
            let slice = source::universal_slice(name, &bytes, graph.arch)?;
            match bytes {
                Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(slice).unwrap_or(&[])),
                Cow::Owned(bytes) => Cow::Owned(bytes.get(slice).unwrap_or(&[]).to_vec()),
            }
        }
        _ => bytes,
    };
    let kind = Kind::of(&bytes);
    let Kind::Object(format) = kind else {
        return Err(kind.refusal("a relocatable object file").input(name));
    };
    let before = Mark::of(graph);
    read(graph, name, bytes, format).map_err(|error| {
        before.restore(graph);
        error.input(name)
    })
}

fn read<'a>(graph: &mut LinkGraph<'a>, name: &str, bytes: Cow<'a, [u8]>, format: Format) -> Result<()> {
    let mut reader = Reader::new(graph, name, &bytes, format)?;
    match format {
        Format::Elf => elf::read(&mut reader)?,
        Format::MachO => macho::read(&mut reader)?,
        Format::Coff => coff::read(&mut reader)?,
    }
    let (first_symbol, ready_for, made) = (reader.first_symbol, reader.ready_for, reader.made.take());
    graph.inputs.push(Input { name: name.to_owned(), bytes, format: Some(format), first_symbol, ready_for });
    if let Some(made) = made {
        let bytes = made.bytes.into();
        graph.inputs.push(Input { name: name.to_owned(), bytes, format: None, first_symbol, ready_for });
    }
    graph.note_names();
    Ok(())
}

/// Adds flat code: one text section, entered at the named offsets.
pub(crate) fn add_flat<'a>(
    graph: &mut LinkGraph<'a>,
    name: &str,
    code: Cow<'a, [u8]>,
    entries: &[(&str, usize)],
) -> Result<()> {
    // The names must live as long as the graph: they stand behind the code in the input's bytes.
    let mut bytes = code.clone();
    let too_large = || Error::unsupported("flat code and its names exceed 4 GiB").input(name);
    let length = code.len();
    let mut names = Vec::new();
    for (entry, offset) in entries {
        if *offset >= length {
            return Err(Error::malformed(format!("the entry is at {offset:#x}, and the code has {length:#x} bytes"))
                .symbol(*entry)
                .input(name));
        }
        let start = bytes.len();
        bytes.to_mut().extend_from_slice(entry.as_bytes());
        names.push((start..start + entry.len(), *offset as u64));
    }
    let span = |range: Range<usize>| bytes.get(range).and_then(|part| Span::of(&bytes, part)).ok_or_else(too_large);
    let input = graph.next(graph.inputs.len())?;
    let section = SectionId(graph.next(graph.sections.len())?);
    let code = span(0..length)?;
    let mut symbols = Vec::with_capacity(names.len());
    for (range, offset) in names {
        symbols.push(GraphSymbol {
            input,
            name: span(range)?,
            raw: false,
            definition: Definition::Section { section, offset },
            kind: SymbolKind::Plain,
            binding: Binding::Global,
            scope: Scope::Exported,
            size: 0,
        });
    }
    graph.sections.push(crate::graph::Section {
        input,
        name: Span::default(),
        segment: Span::default(),
        data: Some(code),
        size: length as u64,
        // Nothing says what the code wants; arm64 code may find its own data by page.
        align: linked::PAGE,
        permission: Permission::Text,
        role: Role::Plain,
        relocations: RelocationTable::default(),
        large: false,
        live: true,
    });
    let first_symbol = graph.next(graph.symbols.len())?;
    graph.symbols.append(&mut symbols);
    graph.inputs.push(Input { name: name.to_owned(), bytes, format: None, first_symbol, ready_for: 0 });
    graph.note_names();
    Ok(())
}

/// How much of each of the graph's vectors is there, to go back to.
struct Mark {
    sections: usize,
    symbols: usize,
    relocations: usize,
    inputs: usize,
    groups: usize,
    members: usize,
    follows: usize,
    left_out: usize,
    referred: usize,
    sized: usize,
    names: usize,
    apart: usize,
    unsettled: usize,
}

impl Mark {
    fn of(graph: &LinkGraph<'_>) -> Mark {
        Mark {
            sections: graph.sections.len(),
            symbols: graph.symbols.len(),
            relocations: graph.relocations.len(),
            inputs: graph.inputs.len(),
            groups: graph.groups.len(),
            members: graph.members.len(),
            follows: graph.follows.len(),
            left_out: graph.left_out.len(),
            referred: graph.referred.len(),
            sized: graph.sized.len(),
            names: graph.names.symbols(),
            apart: graph.apart.len(),
            unsettled: graph.unsettled.len(),
        }
    }

    fn restore(self, graph: &mut LinkGraph<'_>) {
        graph.sections.truncate(self.sections);
        graph.symbols.truncate(self.symbols);
        graph.relocations.truncate(self.relocations);
        graph.inputs.truncate(self.inputs);
        graph.groups.truncate(self.groups);
        graph.members.truncate(self.members);
        graph.follows.truncate(self.follows);
        graph.left_out.truncate(self.left_out);
        graph.referred.truncate(self.referred);
        graph.sized.truncate(self.sized);
        graph.names.truncate(self.names);
        graph.apart.truncate(self.apart);
        graph.unsettled.truncate(self.unsettled);
    }
}

/// A huge page.
const MAX_CODE_ALIGN: u64 = 2 << 20;

/// What the formats' readers share: one object file on its way into the graph.
struct Reader<'g, 'a, 'b> {
    graph: &'g mut LinkGraph<'a>,
    bytes: &'b [u8],
    format: Format,
    input: u32,
    first_symbol: u32,
    /// See [`Input::ready_for`].
    ready_for: u32,
    /// What the file's tables became, for an input behind this one.
    made: Option<macho::Made>,
}

/// What a format says of a section that is to be in the image.
struct NewSection<'b> {
    name: &'b [u8],
    /// Mach-O's; else empty.
    segment: &'b [u8],
    /// `None`: zeros.
    data: Option<&'b [u8]>,
    size: u64,
    align: u64,
    writable: bool,
    executable: bool,
    large: bool,
    role: Role,
}

/// What a format says of a symbol.
struct NewSymbol<'b> {
    name: &'b [u8],
    raw: bool,
    definition: Definition,
    kind: SymbolKind,
    binding: Binding,
    scope: Scope,
    size: u64,
}

impl<'b> NewSymbol<'b> {
    fn local(name: &'b [u8], definition: Definition) -> NewSymbol<'b> {
        let (kind, binding) = (SymbolKind::Plain, Binding::Local);
        NewSymbol { name, raw: false, definition, kind, binding, scope: Scope::Plain, size: 0 }
    }
}

impl<'g, 'a, 'b> Reader<'g, 'a, 'b> {
    fn new(graph: &'g mut LinkGraph<'a>, name: &str, bytes: &'b [u8], format: Format) -> Result<Self> {
        if u32::try_from(bytes.len()).is_err() {
            return Err(Error::unsupported("the file is larger than 4 GiB").input(name));
        }
        let input = graph.next(graph.inputs.len())?;
        let first_symbol = graph.next(graph.symbols.len())?;
        Ok(Reader { graph, bytes, format, input, first_symbol, ready_for: 0, made: None })
    }

    fn check_arch(&self, found: Option<Arch>) -> Result<()> {
        let wanted = self.graph.arch;
        match found {
            Some(found) if found == wanted => Ok(()),
            Some(found) => Err(Error::unsupported(format!("the code is for {found}, and {wanted} is wanted"))
                .help(format!("assemble or compile it for {wanted}"))),
            None => {
                Err(Error::unsupported(format!("the code is for a machine that Kiln does not know, not for {wanted}"))
                    .help(format!("assemble or compile it for {wanted}")))
            }
        }
    }

    #[inline]
    fn span(&self, part: &[u8]) -> Result<Span> {
        Span::of(self.bytes, part).ok_or_else(|| Error::malformed("a name or a section lies outside the file"))
    }

    fn section(&mut self, new: NewSection<'_>) -> Result<SectionId> {
        let NewSection { name, segment, data, size, align, writable, executable, large, role } = new;
        let error = |error: Error| error.section(String::from_utf8_lossy(name));
        let (mut data, mut size, mut writable) = (data, size, writable);
        if role == Role::Unwind {
            // Of all files the records stand behind each other, so that an end comes behind the last alone.
            let end = fixup::records_end(data.unwrap_or_default()).map_err(|(at, message)| {
                error(Error::malformed(format!("this call frame information {message}")).offset(at as u64))
            })?;
            (data, size, writable) = (data.and_then(|data| data.get(..end)), end as u64, false);
        }
        if writable && executable {
            return Err(error(
                Error::unsupported("the section wants to be writable and executable, and Kiln makes no such memory")
                    .help("move what is written into a section of its own"),
            ));
        }
        if executable && matches!(role, Role::ThreadLocal | Role::ThreadVariables) {
            return Err(error(Error::malformed("the section is executable and holds thread-local variables")));
        }
        if executable && role == Role::Unwind {
            return Err(error(Error::malformed("the section is executable and holds call frame information")));
        }
        if executable && data.is_none() && size > 0 {
            return Err(error(Error::unsupported("the section is executable and has no contents")));
        }
        let align = align.max(1);
        if !align.is_power_of_two() || align > 1 << 31 {
            return Err(error(Error::malformed(format!("the alignment {align:#x} is not a power of two up to 2 GiB"))));
        }
        // The room in front of code is written, with traps: a number in a header must not cost so much memory.
        if executable && align > MAX_CODE_ALIGN {
            return Err(error(Error::unsupported(format!(
                "code aligned to {align:#x} is not supported, only up to 2 MiB"
            ))));
        }
        if data.is_some_and(|data| data.len() as u64 != size) {
            return Err(error(Error::malformed("the section's size is not that of its contents")));
        }
        let id = SectionId(self.graph.next(self.graph.sections.len())?);
        let permission = match (executable, writable) {
            (true, _) => Permission::Text,
            (_, true) => Permission::Data,
            _ => Permission::Const,
        };
        let data = if executable && size == 0 {
            Some(Span::default())
        } else {
            data.map(|data| self.span(data)).transpose()?
        };
        let section = crate::graph::Section {
            input: self.input,
            name: self.span(name)?,
            segment: self.span(segment)?,
            data,
            size,
            align,
            permission,
            role,
            relocations: RelocationTable::default(),
            large,
            live: true,
        };
        self.graph.sections.push(section);
        if !matches!(role, Role::Plain | Role::Unwind) {
            self.graph.apart.push(id);
        }
        Ok(id)
    }

    /// Sections of which, with those of other inputs' groups of that name, one copy is in the image.
    fn group(&mut self, name: Span, rule: Rule, members: impl Iterator<Item = SectionId>) -> Result<()> {
        let start = self.graph.next(self.graph.members.len())?;
        self.graph.members.extend(members);
        let end = self.graph.next(self.graph.members.len())?;
        self.graph.groups.push(Group { input: self.input, name, rule, members: start..end });
        Ok(())
    }

    fn leave_out(&mut self, section: &[u8], why: &'static str) -> Result<()> {
        let section = self.span(section)?;
        self.graph.left_out.push(LeftOut { input: self.input, section, why });
        Ok(())
    }

    #[inline]
    fn symbol(&mut self, new: NewSymbol<'_>) -> Result<SymbolId> {
        let NewSymbol { name, raw, definition, kind, binding, scope, size } = new;
        let name = self.span(name)?;
        let id = SymbolId(self.graph.next(self.graph.symbols.len())?);
        let input = self.input;
        self.graph.symbols.push(GraphSymbol { input, name, raw, definition, kind, binding, scope, size });
        Ok(id)
    }

    /// A symbol that only keeps the file's numbering.
    fn placeholder(&mut self) -> Result<SymbolId> {
        self.symbol(NewSymbol::local(&[], Definition::LeftOut))
    }

    /// The graph's number of the file's symbol `index`; the file's symbols are in the graph one for one.
    fn symbol_id(&self, index: usize) -> Option<SymbolId> {
        let id = usize::try_from(self.first_symbol).ok()?.checked_add(index)?;
        if id < self.graph.symbols.len() { u32::try_from(id).ok().map(SymbolId) } else { None }
    }

    /// A definition at `offset` in `section`.
    #[inline]
    fn place(&self, section: SectionId, offset: u64) -> Result<Definition> {
        // An end label stands right behind the section.
        if offset > self.graph.section(section).size {
            return Err(Error::malformed(format!("the symbol lies outside its section, at {offset:#x}"))
                .section(self.graph_section_name(section)));
        }
        Ok(Definition::Section { section, offset })
    }

    /// A section's name, of this file, which is not in the graph's inputs yet.
    fn graph_section_name(&self, section: SectionId) -> String {
        String::from_utf8_lossy(self.graph.section(section).name.get_in(self.bytes)).into_owned()
    }

    fn kind(&self, raw: u32, shown: u32) -> Result<&'static fixup::Kind> {
        match fixup::lookup(self.graph.arch, self.format, raw) {
            Lookup::Kind(kind) => Ok(kind),
            Lookup::Refused(refused) => {
                Err(Error::unsupported(format!("{} {}", refused.name, refused.why)).help(refused.help))
            }
            Lookup::Unknown => Err(Error::unsupported(format!(
                "relocation type {shown} of {} {} is not supported",
                self.format, self.graph.arch
            ))
            .help("compile with -fPIC and without -mcmodel; if it is ordinary compiler output, report it")),
        }
    }

    /// A section that has relocations has contents.
    fn check_relocated(&self, section: SectionId, relocations: usize) -> Result<()> {
        if relocations > 0 && self.graph.section(section).data.is_none() {
            return Err(Error::malformed("a section without contents has relocations")
                .section(self.graph_section_name(section)));
        }
        Ok(())
    }

    /// Adds the relocations of `section`, in the file's order, each from what the format has for it.
    fn relocations<T>(
        &mut self,
        section: SectionId,
        raw: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
        mut relocation: impl FnMut(&Self, T) -> Result<Relocation>,
    ) -> Result<()> {
        let raw = raw.into_iter();
        let start = self.graph.next(self.graph.relocations.len())?;
        self.check_relocated(section, raw.len())?;
        self.graph.relocations.reserve(raw.len());
        for raw in raw {
            let relocation = relocation(self, raw).map_err(|error| error.section(self.graph_section_name(section)))?;
            self.graph.relocations.push(relocation);
        }
        let end = self.graph.next(self.graph.relocations.len())?;
        self.graph.sections[section.0 as usize].relocations = RelocationTable::Made(start..end);
        Ok(())
    }
}

/// Wraps an error of the parser, which says what but not where.
fn malformed(what: &'static str) -> impl FnOnce(object::read::Error) -> Error {
    move |error| Error::malformed(what).caused_by(error).help("the file is damaged or cut off: make it again")
}
