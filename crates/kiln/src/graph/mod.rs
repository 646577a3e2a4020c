//! The link graph: everything that the inputs say, before addresses.
//!
//! Flat vectors that refer to each other by index, and to the inputs' bytes by range: a symbol or a relocation costs no
//! allocation, and the graph may own its inputs or borrow them.

mod bounds;
mod common;
mod entries;
mod group;
mod hash;
mod names;
mod near;
mod part;
mod relocations;
mod resolve;
mod role;
mod runtime;
mod threads;
mod types;
mod veneers;

use std::borrow::Cow;

pub(crate) use entries::{Entries, Slot, Window};
pub(crate) use group::{Group, Rule};
pub(crate) use hash::FastMap;
pub(crate) use names::{NameTable, Names};
pub(crate) use relocations::{Decoder, Rela, Relocation, RelocationTable, Relocations};
pub(crate) use resolve::{Asked, Found, Own, Place, Resolved, resolve};
pub(crate) use role::{Calls, Role, SymbolKind, When};
pub(crate) use threads::{Access, ThreadSlot, ThreadSlots, Variable};
pub(crate) use types::INDIRECT;
pub(crate) use veneers::Veneer;

use crate::error::{Error, Result};
use crate::target::{Arch, Format};

/// An index into [`LinkGraph::sections`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct SectionId(pub(crate) u32);

/// An index into [`LinkGraph::symbols`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct SymbolId(pub(crate) u32);

/// Everything that the inputs say.
#[derive(Clone, Debug)]
pub(crate) struct LinkGraph<'a> {
    pub(crate) arch: Arch,
    pub(crate) inputs: Vec<Input<'a>>,
    pub(crate) sections: Vec<Section>,
    pub(crate) symbols: Vec<Symbol>,
    /// Those that are not as an input has them; see [`RelocationTable`].
    pub(crate) relocations: Vec<Relocation>,
    pub(crate) groups: Vec<Group>,
    /// The sections of the groups.
    pub(crate) members: Vec<SectionId>,
    /// Sections that are in the image only if another one is: the first with the second.
    pub(crate) follows: Vec<(SectionId, SectionId)>,
    /// What the inputs carry that has no part in the loaded image, with the reason.
    pub(crate) left_out: Vec<LeftOut>,
    /// By [`SymbolId`], as far as there are any of ELF files: whether a relocation refers to it, of any section.
    pub(crate) referred: Vec<bool>,
    /// Of ELF files, the symbols whose sizes relocations of any section want.
    pub(crate) sized: Vec<SymbolId>,
    pub(crate) names: Names,
    /// The sections whose role is neither [`Role::Plain`] nor [`Role::Unwind`]: mostly there are few.
    pub(crate) apart: Vec<SectionId>,
    /// Whether [`LinkGraph::keep_only`] took sections out of the image.
    pub(crate) partial: bool,
    /// Of ELF files, the relocations, by section and number, that may need more than their symbol's address: those of other forms
    /// than most have, and of other symbols than plain ones that their file defines in a section.
    pub(crate) unsettled: Vec<(SectionId, u32)>,
}

/// One file, or one flat piece of code.
#[derive(Clone, Debug)]
pub(crate) struct Input<'a> {
    pub(crate) name: String,
    pub(crate) bytes: Cow<'a, [u8]>,
    /// `None`: flat code, or what was made of a file's tables: no file to be read.
    pub(crate) format: Option<Format>,
    /// The number of its first symbol.
    pub(crate) first_symbol: u32,
    /// What its code is ready for, by its own word: bits of the architecture's property
    /// ([`readiness_property`](crate::fixup::readiness_property)).
    pub(crate) ready_for: u32,
}

/// The protection that a section needs, which decides the segment it goes into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Permission {
    /// Read and execute.
    Text = 0,
    /// Read.
    Const = 1,
    /// Read and write.
    Data = 2,
}

impl Permission {
    /// All, in the order of the image.
    pub const ALL: [Permission; 3] = [Permission::Text, Permission::Const, Permission::Data];
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Permission::Text => "r-x",
            Permission::Const => "r--",
            Permission::Data => "rw-",
        })
    }
}

/// Bytes of an input: what a name or a section's contents are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// Where `part`, a slice of `whole`, lies in it. `None`: it is no slice of it, or lies beyond 4 GiB.
    #[inline]
    pub(crate) fn of(whole: &[u8], part: &[u8]) -> Option<Span> {
        if part.is_empty() {
            return Some(Span::default());
        }
        let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
        if start.checked_add(part.len())? > whole.len() {
            return None;
        }
        Span::new(start, part.len())
    }

    /// `None`: it lies beyond 4 GiB.
    #[inline]
    pub(crate) fn new(start: usize, len: usize) -> Option<Span> {
        Some(Span { start: u32::try_from(start).ok()?, len: u32::try_from(len).ok()? })
    }

    #[inline]
    pub(crate) fn get_in(self, whole: &[u8]) -> &[u8] {
        let start = self.start as usize;
        whole.get(start..start + self.len as usize).unwrap_or(&[])
    }
}

/// A part of the image with one protection, whose insides stay as they are.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) input: u32,
    pub(crate) name: Span,
    /// The name of its segment, in Mach-O.
    pub(crate) segment: Span,
    /// `None`: zeros.
    pub(crate) data: Option<Span>,
    /// In bytes; of zeros, also more than the input holds.
    pub(crate) size: u64,
    /// In bytes, a power of two.
    pub(crate) align: u64,
    pub(crate) permission: Permission,
    pub(crate) role: Role,
    pub(crate) relocations: RelocationTable,
    /// Whether the code allows that the section is far from others: it then stands behind them.
    pub(crate) large: bool,
    /// Whether the section may be in the image; see [`LinkGraph::keep_only`]. [`Resolved::live`] says if it is.
    pub(crate) live: bool,
}

/// A name for a place, or a wish for one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Symbol {
    pub(crate) input: u32,
    /// As C source writes it: without Mach-O's leading underscore.
    pub(crate) name: Span,
    /// A Mach-O name without the underscore: C source cannot write it, and it is another name than the one that it can.
    pub(crate) raw: bool,
    pub(crate) definition: Definition,
    pub(crate) kind: SymbolKind,
    pub(crate) binding: Binding,
    pub(crate) scope: Scope,
    /// In bytes; 0 where the format does not say.
    pub(crate) size: u64,
}

impl Symbol {
    /// What symbols of different inputs are compared by.
    #[inline]
    fn key<'g>(&self, inputs: &'g [Input<'_>]) -> Name<'g> {
        Name { raw: self.raw, bytes: self.name.get_in(&inputs[self.input as usize].bytes) }
    }
}

/// There are as many as all inputs have.
const _: () = assert!(size_of::<Symbol>() == 40);

impl Symbol {
    /// Whether it is the name of a place in a section, and no more: mostly that is where it is in the image.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.kind == SymbolKind::Plain && matches!(self.definition, Definition::Section { .. })
    }
}

/// Whom a symbol is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    /// A definition that other modules and the user see.
    Exported,
    /// A definition that they do not see, or a wish that anybody may fulfil.
    Plain,
    /// The name, also as a wish, is for the inputs alone: ELF's hidden and internal visibility.
    Hidden,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Definition {
    Undefined,
    /// Of a weak symbol: undefined, and what it means if it stays so (a weak external of COFF). Of another: what it is
    /// another name of (an indirect symbol of Mach-O).
    Fallback(SymbolId),
    /// In a section that is not in the image.
    LeftOut,
    Section {
        section: SectionId,
        offset: u64,
    },
    Absolute(u64),
    /// A C tentative definition: room that all files of the same name share.
    Common {
        size: u64,
        align: u32,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Binding {
    /// Known in its input only.
    Local,
    Global,
    Weak,
    /// Global, and one for the whole process: a definition that is there already counts (`STB_GNU_UNIQUE`).
    Unique,
}

/// What a symbol is called; see [`Symbol::raw`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Name<'g> {
    pub(crate) raw: bool,
    pub(crate) bytes: &'g [u8],
}

/// A section of an input that has no part in the image.
#[derive(Clone, Debug)]
pub(crate) struct LeftOut {
    pub(crate) input: u32,
    pub(crate) section: Span,
    pub(crate) why: &'static str,
}

impl<'a> LinkGraph<'a> {
    pub(crate) fn new(arch: Arch) -> LinkGraph<'a> {
        LinkGraph {
            arch,
            inputs: Vec::new(),
            sections: Vec::new(),
            symbols: Vec::new(),
            relocations: Vec::new(),
            groups: Vec::new(),
            members: Vec::new(),
            follows: Vec::new(),
            left_out: Vec::new(),
            referred: Vec::new(),
            sized: Vec::new(),
            names: Names::default(),
            apart: Vec::new(),
            partial: false,
            unsettled: Vec::new(),
        }
    }

    pub(crate) fn section(&self, id: SectionId) -> &Section {
        &self.sections[id.0 as usize]
    }

    pub(crate) fn symbol(&self, id: SymbolId) -> &Symbol {
        &self.symbols[id.0 as usize]
    }

    pub(crate) fn bytes(&self, input: u32, span: Span) -> &[u8] {
        span.get_in(&self.inputs[input as usize].bytes)
    }

    pub(crate) fn input_name(&self, input: u32) -> &str {
        &self.inputs[input as usize].name
    }

    pub(crate) fn section_name(&self, section: &Section) -> Cow<'_, str> {
        String::from_utf8_lossy(self.bytes(section.input, section.name))
    }

    /// The names of the input and of the section.
    pub(crate) fn left_out_name(&self, left_out: &LeftOut) -> (&str, Cow<'_, str>) {
        let section = String::from_utf8_lossy(self.bytes(left_out.input, left_out.section));
        (self.input_name(left_out.input), section)
    }

    /// What symbols of different inputs are compared by.
    pub(crate) fn symbol_key(&self, symbol: &Symbol) -> Name<'_> {
        symbol.key(&self.inputs)
    }

    /// The symbol's name, or its section's where it has none.
    pub(crate) fn symbol_name(&self, symbol: &Symbol) -> Cow<'_, str> {
        match symbol.definition {
            Definition::Section { section, .. } if symbol.name == Span::default() => {
                self.section_name(self.section(section))
            }
            _ => String::from_utf8_lossy(self.bytes(symbol.input, symbol.name)),
        }
    }

    /// Whether a symbol gives a name to a place in the image, which is not one of the assembler's own.
    #[inline]
    pub(crate) fn defines(&self, live: &[bool], symbol: &Symbol) -> bool {
        let in_image = match symbol.definition {
            Definition::Section { section, .. } => live[section.0 as usize],
            Definition::Common { .. } => true,
            Definition::Undefined | Definition::Fallback(_) | Definition::LeftOut | Definition::Absolute(_) => false,
        };
        let thread_local = matches!(symbol.kind, SymbolKind::ThreadLocal | SymbolKind::ThreadVariable);
        if !in_image || thread_local || symbol.name == Span::default() {
            return false;
        }
        // `$x` and `$d` map code and data (AAELF64, section 5.5.3); `ltmp` are LLVM's section starts.
        let internal =
            |name: &[u8]| matches!(name, [b'.', b'L', ..] | [b'$', b'x' | b'd', ..] | [b'l', b't', b'm', b'p', ..]);
        symbol.binding != Binding::Local || !internal(self.bytes(symbol.input, symbol.name))
    }

    /// The index of the next section, symbol or relocation.
    pub(crate) fn next(&self, of: usize) -> Result<u32> {
        u32::try_from(of).map_err(|_| Error::unsupported("the inputs hold more than 4 billion symbols or relocations"))
    }

    /// Puts an error at a place in a section.
    pub(crate) fn error_at(&self, error: Error, section: &Section, offset: u64) -> Error {
        error.offset(offset).section(self.section_name(section)).input(self.input_name(section.input))
    }
}
