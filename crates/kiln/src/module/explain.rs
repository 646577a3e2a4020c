//! What stands at an address of a module: input, section, relocation. Kept only where it was asked for.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::Module;
use crate::fixup::{self, Kind};
use crate::graph::{Entries, LinkGraph, Permission, Resolved, SectionId, SymbolId};
use crate::layout::Addresses;
use crate::memory::unloaded_module_at;

/// What [`Module::explain`] says of an address.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation<'m> {
    /// The symbol that the address belongs to, and how many bytes behind its start it is.
    pub symbol: Option<(&'m str, usize)>,
    /// How the memory is protected.
    pub permission: Option<Permission>,
    /// The section that the address is in.
    pub place: Option<SectionPlace<'m>>,
    /// What stands there, if no input holds it: a stub or a GOT slot.
    pub made: Option<&'m str>,
    /// The first relocation whose field is at the address, or in the bytes behind it that an instruction there may have.
    pub relocation: Option<AppliedRelocation<'m>>,
}

/// A place in an input.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SectionPlace<'m> {
    /// The input's name.
    pub input: &'m str,
    /// The section's name.
    pub section: &'m str,
    /// How many sections of this name stand before it in the input.
    pub ordinal: usize,
    /// The offset in the section, in bytes.
    pub offset: u64,
    /// The address at which the section begins.
    pub start: usize,
}

/// A relocation that was applied.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AppliedRelocation<'m> {
    /// The address of its field.
    pub address: usize,
    /// The size of its field, in bytes.
    pub width: usize,
    /// Its kind's name in the ABI document.
    pub kind: &'static str,
    /// The symbol that it names; a section's name where that is what it names.
    pub symbol: &'m str,
    /// What is added to the symbol's address, in bytes.
    pub addend: i64,
}

/// What [`Module::unloaded`] says of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unloaded {
    /// The names of the module's inputs; of many, the first ones.
    pub inputs: Arc<str>,
    /// How many bytes behind the beginning of its memory the address is.
    pub offset: usize,
}

/// Where everything stands.
#[derive(Debug)]
pub(crate) struct Places {
    inputs: Vec<String>,
    /// In the order of their addresses, none empty.
    sections: Vec<Placed>,
    /// Of each section in the order of their offsets.
    relocations: Vec<Applied>,
    names: Vec<String>,
    made: Vec<(Range<u64>, Permission, String)>,
    /// The longest instruction, in bytes.
    reach: u64,
}

#[derive(Debug)]
struct Placed {
    range: Range<u64>,
    input: u32,
    name: String,
    ordinal: usize,
    permission: Permission,
    relocations: Range<usize>,
}

#[derive(Debug)]
struct Applied {
    offset: u64,
    kind: &'static Kind,
    name: u32,
    addend: i64,
}

impl Places {
    pub(crate) fn of(graph: &LinkGraph<'_>, resolved: &Resolved, entries: &Entries, addresses: &Addresses) -> Places {
        let mut names = Vec::new();
        let mut known: HashMap<SymbolId, u32> = HashMap::new();
        let mut name = |symbol: SymbolId| {
            *known.entry(symbol).or_insert_with(|| {
                names.push(graph.symbol_name(graph.symbol(symbol)).into_owned());
                (names.len() - 1) as u32
            })
        };
        let (mut sections, mut relocations) = (Vec::new(), Vec::new());
        let mut ordinals: HashMap<(u32, String), usize> = HashMap::new();
        for (index, section) in (0u32..).zip(&graph.sections) {
            let section_name = graph.section_name(section).into_owned();
            let ordinal = ordinals.entry((section.input, section_name.clone())).or_default();
            let this = *ordinal;
            *ordinal += 1;
            if !resolved.live.get(index as usize).is_none_or(|live| *live) || section.size == 0 {
                continue;
            }
            let first = relocations.len();
            relocations.extend(graph.relocations(section).map(|relocation| Applied {
                offset: u64::from(relocation.offset),
                kind: relocation.kind,
                name: name(relocation.symbol),
                addend: relocation.addend,
            }));
            relocations[first..].sort_by_key(|relocation| relocation.offset);
            let start = addresses.section(graph, SectionId(index));
            sections.push(Placed {
                range: start..start.saturating_add(section.size),
                input: section.input,
                name: section_name,
                ordinal: this,
                permission: section.permission,
                relocations: first..relocations.len(),
            });
        }
        sections.sort_by_key(|section| section.range.start);
        let mut made = Vec::new();
        let symbol = |slot: u32| graph.symbol_name(graph.symbol(entries.slots[slot as usize].symbol));
        for slot in 0..entries.slots.len() as u32 {
            let start = addresses.slot(slot).1;
            made.push((start..start + 8, Permission::Const, format!("the GOT slot of `{}`", symbol(slot))));
        }
        for (stub, slot) in (0u32..).zip(&entries.stubs) {
            let start = addresses.stub(stub).1;
            let range = start..start + addresses.stub_size() as u64;
            made.push((range, Permission::Text, format!("the stub for `{}`", symbol(*slot))));
        }
        for (index, veneer) in entries.veneers.iter().enumerate() {
            let start = addresses.veneer(graph, index).1;
            let name = graph.symbol_name(graph.symbol(veneer.relocation.symbol));
            made.push((
                start..start + fixup::veneer_size(graph.arch),
                Permission::Text,
                format!("a veneer for `{name}`"),
            ));
        }
        let inputs = graph.inputs.iter().map(|input| input.name.clone()).collect();
        Places { inputs, sections, relocations, names, made, reach: fixup::longest_instruction(graph.arch) }
    }

    fn section_at(&self, address: u64) -> Option<&Placed> {
        let behind = self.sections.partition_point(|section| section.range.start <= address);
        self.sections[..behind].last().filter(|section| section.range.contains(&address))
    }

    fn relocation_at(&self, section: &Placed, address: u64) -> Option<AppliedRelocation<'_>> {
        let offset = address - section.range.start;
        let relocations = &self.relocations[section.relocations.clone()];
        let reach = if section.permission == Permission::Text { self.reach } else { 1 };
        let found = relocations.iter().find(|relocation| {
            let width = relocation.kind.width() as u64;
            width > 0 && relocation.offset + width > offset && relocation.offset < offset + reach
        })?;
        Some(AppliedRelocation {
            address: (section.range.start + found.offset) as usize,
            width: found.kind.width(),
            kind: found.kind.name,
            symbol: &self.names[found.name as usize],
            addend: found.addend,
        })
    }
}

impl Module {
    /// What stands at `address`: for reports of crashes, and for tools. No signal handler is installed; whoever has one
    /// may ask here, if it may allocate.
    ///
    /// Of a module that was loaded without [`Linker::explain_to`](crate::Linker::explain_to) only the symbol is known.
    /// `None`: the address is not in this module.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(all(target_arch = "x86_64", target_os = "linux"))] {
    /// use kiln::{Linker, Target};
    ///
    /// let mut linker = Linker::new(Target::host());
    /// linker.add_assembly("code.s", ".globl f\nf: nop\nlea word(%rip), %rax\nret\n.data\nword: .quad 7\n")?;
    /// linker.explain_to(|_module| {});
    /// // SAFETY: the code keeps to the C calling convention and needs nothing.
    /// let module = unsafe { linker.load() }?;
    /// let address = module.address("f").unwrap() as usize + 1;
    /// let explanation = module.explain(address as *const ()).unwrap();
    /// assert_eq!(explanation.symbol, Some(("f", 1)));
    /// assert_eq!(explanation.place.unwrap().section, ".text");
    /// assert_eq!(explanation.relocation.unwrap().kind, "R_X86_64_PC32");
    /// # }
    /// # Ok::<(), kiln::Error>(())
    /// ```
    #[must_use]
    pub fn explain(&self, address: *const ()) -> Option<Explanation<'_>> {
        let symbol = self.symbol_at(address);
        let inside = symbol.is_some() || self.0.owner.memory.contains(address as usize);
        let nothing = Explanation { symbol, permission: None, place: None, made: None, relocation: None };
        let explanation = inside.then_some(nothing)?;
        let Some(places) = &self.0.places else { return Some(explanation) };
        let address = address as usize as u64;
        if let Some(section) = places.section_at(address) {
            return Some(Explanation {
                permission: Some(section.permission),
                place: Some(SectionPlace {
                    input: &places.inputs[section.input as usize],
                    section: &section.name,
                    ordinal: section.ordinal,
                    offset: address - section.range.start,
                    start: section.range.start as usize,
                }),
                relocation: places.relocation_at(section, address),
                ..explanation
            });
        }
        let Some((_, permission, made)) = places.made.iter().find(|(range, ..)| range.contains(&address)) else {
            return Some(explanation);
        };
        // What Kiln has made is no part of the symbol in front of it.
        Some(Explanation { symbol: None, permission: Some(*permission), made: Some(made), ..explanation })
    }

    /// The module that stood at `address` until it was unloaded: for reports of crashes, whose cause may be a pointer that came
    /// too late. `None`: there was none there, its quarantine is over ([`Linker::quarantine`](crate::Linker::quarantine)), or
    /// a module is just being unloaded. It allocates nothing and takes no lock that it would wait for, so that a signal
    /// handler may ask.
    #[must_use]
    pub fn unloaded(address: *const ()) -> Option<Unloaded> {
        let (inputs, offset) = unloaded_module_at(address as usize)?;
        Some(Unloaded { inputs, offset })
    }

    /// The sections of the module's inputs, in the order of their addresses. None, unless the module was loaded with
    /// [`Linker::explain_to`](crate::Linker::explain_to).
    pub fn sections(&self) -> impl Iterator<Item = SectionPlace<'_>> {
        let places = self.0.places.as_deref();
        let sections = places.into_iter().flat_map(|places| places.sections.iter().map(move |one| (places, one)));
        sections.map(|(places, section)| SectionPlace {
            input: &places.inputs[section.input as usize],
            section: &section.name,
            ordinal: section.ordinal,
            offset: 0,
            start: section.range.start as usize,
        })
    }
}
