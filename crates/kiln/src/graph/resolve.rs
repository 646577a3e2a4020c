//! Which definition each symbol means.

use std::borrow::Cow;
use std::collections::HashMap;

use super::bounds::{Bounds, order};
use super::common::Common;
use super::group::live_sections;
use super::hash::FastMap;
use super::near::undefined;
use super::threads::check_variables;
use super::{
    Binding, Definition, Input, LinkGraph, Name, Relocation, Relocations, Role, Scope, SectionId, Symbol, SymbolId,
    SymbolKind, When,
};
use crate::error::{Error, Result};
use crate::fixup::Via;
use crate::target::{Format, TargetAddr};

/// What a symbol means, once all inputs are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In the image.
    Section { section: SectionId, offset: u64 },
    /// In the room for common symbols, at this offset.
    Common(u64),
    /// Where the sections of [`Bounds::list`] begin or end.
    Bound { index: u32, end: bool },
    /// Where the GOT begins.
    Got,
    /// Outside the image, or a number. A weak symbol that is defined nowhere is 0.
    Outside(u64),
    /// In a section that is not in the image.
    Discarded,
    /// What Kiln itself makes.
    Own(Own),
}

impl Place {
    /// Whether it is a place in the image, for which nothing has to be made.
    pub(crate) fn is_inside(self) -> bool {
        matches!(self, Place::Section { .. } | Place::Common(_) | Place::Bound { .. } | Place::Got)
    }
}

/// Places that Kiln itself makes, for what no relocation alone asks for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Own {
    /// The stub of this one of [`Resolved::indirect`]: the function's address to all.
    Indirect(u32),
    /// The stub that calls this one of [`Resolved::thunks`].
    Thunk(u32),
    /// The module's handle: a word that holds its own address.
    Handle,
    /// This one of [`Resolved::thread_imports`].
    ThreadImport(u32),
    /// Where the module's block of thread-local storage begins.
    ThreadBlock,
}

/// What a name means that the inputs do not define.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    At(TargetAddr),
    /// A function that wants the module's handle as its fourth argument, which a stub gives it.
    Thunk(TargetAddr),
    /// A thread-local variable of the process, which the system's loader knows by its name.
    ThreadLocal,
}

/// What C's runtime calls the module by (Itanium C++ ABI, section 3.3.6): each has its own.
const HANDLE: &[u8] = b"__dso_handle";

impl Asked {
    /// Whether the name is that of a thread-local variable, which is no address.
    pub(crate) fn is_thread_local(self) -> bool {
        matches!(self, Asked::ThreadLocal | Asked::ThreadVariable)
    }
}

/// The set of symbols: frozen from here on.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// By [`SymbolId`].
    pub(crate) places: Vec<Place>,
    /// By [`SectionId`]: whether it is in the image.
    pub(crate) live: Vec<bool>,
    /// Those sections, in the order in which they stand in their segments.
    pub(crate) order: Vec<SectionId>,
    /// Of these, the ones with call frame information.
    pub(crate) frames: Vec<SectionId>,
    /// What the names of beginnings and ends mean.
    pub(crate) bounds: Bounds,
    /// The size and the alignment of the room for common symbols.
    pub(crate) common: (u64, u64),
    /// Names that the image gives to others, each with the symbol that defines it.
    pub(crate) exports: Vec<SymbolId>,
    /// Names that were found outside, each with a symbol that wants it.
    pub(crate) imports: Vec<(SymbolId, TargetAddr)>,
    /// The sizes of the symbols whose sizes are wanted.
    pub(crate) sizes: HashMap<SymbolId, u64>,
    /// Where the functions stand that choose functions.
    pub(crate) indirect: Vec<(SectionId, u64)>,
    /// The functions that are given the module's handle.
    pub(crate) thunks: Vec<TargetAddr>,
    /// Whether the image holds a handle.
    pub(crate) handle: bool,
    /// Thread-local variables of the process.
    pub(crate) thread_imports: Vec<SymbolId>,
}

/// Finds a name outside the inputs.
pub(crate) type Outside<'o> = &'o dyn Fn(&str, Asked) -> Option<Found>;

/// How a name is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    /// By an input, of anybody.
    Open,
    /// By an input, of the component alone that the inputs are a part of.
    Hidden,
    /// By an input, as a thread-local variable.
    ThreadLocal,
    /// By an input, as the descriptor of a thread-local variable.
    ThreadVariable,
    /// As a guess, for an error's text.
    Guess,
}

/// Resolves every symbol: definitions in the inputs first (strong before common before weak), then `outside`; for
/// symbols that are one for the process, the other way around.
///
/// # Errors
///
/// Two strong definitions of a name; undefined symbols, all at once, with the inputs that want them and near names.
///
/// `called` are names that the host calls: the image exports them, hidden or not, as a program is entered at a hidden `main`.
pub(crate) fn resolve(graph: &LinkGraph<'_>, outside: Outside<'_>, called: &[Vec<String>]) -> Result<Resolved> {
    let live = live_sections(graph)?;
    let names = Definitions::of(graph, &live)?;
    let mut common = Common::default();
    for symbol in graph.symbols.iter().filter(|_| names.any_common) {
        if let Definition::Common { size, align } = symbol.definition
            && is_common(graph, names.find(graph.symbol_key(symbol)))
        {
            common.wants(graph.symbol_key(symbol), size, align.into());
        }
    }
    common.lay_out()?;

    let (wanted, sized) = wanted(graph, &live);
    let is_wanted = |id: SymbolId| wanted.get(id.0 as usize).copied().unwrap_or_default();
    let mut places = Vec::with_capacity(graph.symbols.len());
    let mut exports = Vec::new();
    let mut found_places: FastMap<SymbolId, Option<Place>> = FastMap::default();
    let mut thunks = Vec::new();
    let mut thread_imports = Vec::new();
    let mut indirect = Vec::new();
    let mut indirect_at: HashMap<(SectionId, u64), Place> = HashMap::new();
    // Finalizers are registered under it.
    let mut handle = graph.calls(|id| live[id.0 as usize]).iter().any(|(_, calls)| calls.when == When::Fini)
        || graph.apart(Role::Piece(When::Fini)).any(|id| live[id.0 as usize]);
    let mut bounds = Bounds::default();
    let mut imports = Vec::new();
    let mut missing: Vec<SymbolId> = Vec::new();
    let mut fallbacks: Vec<(SymbolId, SymbolId)> = Vec::new();
    let mut hidden: Vec<SymbolId> = Vec::new();
    let mut look_outside = |id: SymbolId, symbol: &Symbol| {
        let first = graph.names.first(id);
        if let Some(known) = found_places.get(&first) {
            return *known;
        }
        let name = graph.symbol_key(symbol);
        let place = match look_outside(name, symbol, outside) {
            Some(Found::ThreadLocal) => {
                thread_imports.push(id);
                Some(Place::Own(Own::ThreadImport(thread_imports.len() as u32 - 1)))
            }
            Some(Found::At(address)) => {
                imports.push((id, address));
                Some(Place::Outside(address.0))
            }
            Some(Found::Thunk(function)) => {
                handle = true;
                thunks.push(function);
                Some(Place::Own(Own::Thunk(thunks.len() as u32 - 1)))
            }
            None if name.bytes == HANDLE && !name.raw => {
                handle = true;
                Some(Place::Own(Own::Handle))
            }
            None => None,
        };
        found_places.insert(first, place);
        place
    };
    for (index, symbol) in (0u32..).zip(&graph.symbols) {
        let id = SymbolId(index);
        let is_local = symbol.binding == Binding::Local;
        // Most: a place in the image, which the name means to all who ask for it.
        if let Definition::Section { section, offset } = symbol.definition
            && symbol.kind == SymbolKind::Plain
            && (is_local || symbol.binding != Binding::Unique && names.counts(id))
            && live[section.0 as usize]
        {
            places.push(Place::Section { section, offset });
            if symbol.scope == Scope::Exported {
                exports.push(id);
            }
            continue;
        }
        let defining = names.meant(id);
        let meant = defining.map_or(symbol, |id| graph.symbol(id));
        let (definition, binding) = (meant.definition, meant.binding);
        if symbol.scope == Scope::Hidden {
            hidden.extend(defining.filter(|defining| *defining != id));
        }
        // A definition that is one for the process, and there already.
        let there = if binding == Binding::Unique { look_outside(id, symbol) } else { None };
        let place = match definition {
            _ if there.is_some() => there.unwrap_or(Place::Discarded),
            Definition::Section { section, offset } if live[section.0 as usize] => match meant.kind {
                SymbolKind::Plain | SymbolKind::ThreadLocal | SymbolKind::ThreadVariable => {
                    Place::Section { section, offset }
                }
                SymbolKind::Indirect => *indirect_at.entry((section, offset)).or_insert_with(|| {
                    indirect.push((section, offset));
                    Place::Own(Own::Indirect(indirect.len() as u32 - 1))
                }),
            },
            Definition::Section { .. } if is_local => Place::Discarded,
            Definition::LeftOut => Place::Discarded,
            Definition::Absolute(value) => Place::Outside(value),
            Definition::Common { .. } => Place::Common(common.offset(graph.symbol_key(symbol))),
            // Also a definition in a group of which another copy is in the image, one without this name.
            Definition::Undefined | Definition::Section { .. } | Definition::Fallback(_) => {
                if let Definition::Fallback(other) = definition {
                    fallbacks.push((id, other));
                    Place::Outside(0)
                } else if !is_wanted(id) {
                    Place::Outside(0)
                } else if Bounds::gives_way(graph, symbol)
                    && let Some(place) = look_outside(id, symbol)
                {
                    place
                } else if let Some(place) = special(graph, &live, &mut bounds, symbol) {
                    place
                } else {
                    let place = look_outside(id, symbol);
                    let is_needed = symbol.binding != Binding::Weak || definition != Definition::Undefined;
                    if place.is_none() && is_needed {
                        missing.push(id);
                    }
                    place.unwrap_or(Place::Outside(0))
                }
            }
        };
        let is_outside = symbol.binding == Binding::Unique && matches!(place, Place::Outside(_));
        if symbol.scope == Scope::Exported && names.counts(id) && !is_outside {
            exports.push(id);
        }
        places.push(place);
    }
    for (id, first) in fallbacks {
        let mut to = first;
        // The last one in a chain counts; one that only leads to itself means nothing.
        for _ in 0..16 {
            match graph.symbol(to).definition {
                Definition::Fallback(next) => to = next,
                _ => break,
            }
        }
        // A definition among the inputs comes before the host's.
        let mut place = places[to.0 as usize];
        if matches!(place, Place::Outside(_))
            && graph.symbol(id).binding == Binding::Weak
            && is_wanted(id)
            && let Some(found) = look_outside(id, graph.symbol(id))
        {
            place = found;
        }
        places[id.0 as usize] = place;
    }
    if !missing.is_empty() {
        let exists = |bytes: &[u8]| names.find(Name { raw: false, bytes }).is_some();
        return Err(undefined(graph, &missing, exists, outside));
    }
    check_variables(graph, &places)?;
    // A name that one input hides is exported by none.
    if !hidden.is_empty() {
        hidden.sort_unstable();
        exports.retain(|id| hidden.binary_search(id).is_err());
    }
    // What the host calls is, hidden or not.
    for name in called.iter().flatten() {
        let defined = names.find(Name { raw: false, bytes: name.as_bytes() });
        let is_inside = |id: &SymbolId| !matches!(places[id.0 as usize], Place::Outside(_));
        if let Some(id) = defined.filter(is_inside)
            && let Err(at) = exports.binary_search(&id)
        {
            exports.insert(at, id);
        }
    }
    let size = |id: SymbolId| (id, graph.symbol(names.meant(id).unwrap_or(id)).size);
    let sizes = sized.iter().copied().map(size).collect();
    let (order, frames) = order(graph, &live, &bounds);
    let common = (common.size, common.align);
    Ok(Resolved {
        places,
        live,
        order,
        frames,
        bounds,
        common,
        exports,
        imports,
        sizes,
        indirect,
        thunks,
        handle,
        thread_imports,
    })
}

/// The definition that counts of every name that is not local.
struct Definitions<'g, 'a> {
    graph: &'g LinkGraph<'a>,
    /// By the first symbol of the name; [`NONE`] if nothing defines it.
    of: Vec<SymbolId>,
    /// Whether any symbol is a common one.
    any_common: bool,
}

impl<'g, 'a> Definitions<'g, 'a> {
    fn of(graph: &'g LinkGraph<'a>, live: &[bool]) -> Result<Definitions<'g, 'a>> {
        let mut of = vec![NONE; graph.symbols.len()];
        let mut any_common = false;
        for (index, symbol) in (0u32..).zip(&graph.symbols) {
            if !is_definition(live, symbol) {
                continue;
            }
            let id = SymbolId(index);
            let counts = &mut of[graph.names.first(id).0 as usize];
            *counts = if *counts == NONE { id } else { prefer(graph, *counts, id)? };
            any_common |= matches!(symbol.definition, Definition::Common { .. });
        }
        Ok(Definitions { graph, of, any_common })
    }

    /// Whether a symbol is the definition of its name that counts.
    fn counts(&self, id: SymbolId) -> bool {
        self.of[self.graph.names.first(id).0 as usize] == id
    }

    /// The definition that a symbol which is not local means.
    fn meant(&self, id: SymbolId) -> Option<SymbolId> {
        // A local one is the first of its name, and defines none.
        let first = self.graph.names.first(id);
        match self.of[first.0 as usize] {
            NONE if self.graph.symbol(id).binding == Binding::Local => None,
            NONE => self.default_version(self.graph.symbol_key(self.graph.symbol(id))),
            meant => Some(meant),
        }
    }

    /// What a name with a version means (`name@version`) where that version is the name's own (`name@@version`).
    fn default_version(&self, name: Name<'_>) -> Option<SymbolId> {
        let at = name.bytes.iter().position(|byte| *byte == b'@').filter(|_| !name.raw)?;
        let (plain, version) = name.bytes.split_at(at);
        self.find(Name { raw: false, bytes: &[plain, b"@", version].concat() })
    }

    fn find(&self, name: Name<'_>) -> Option<SymbolId> {
        self.graph.first_named(name).map(|first| self.of[first.0 as usize]).filter(|id| *id != NONE)
    }
}

/// No symbol: there are fewer.
const NONE: SymbolId = SymbolId(u32::MAX);

/// Whether a symbol defines its name for all inputs.
fn is_definition(live: &[bool], symbol: &Symbol) -> bool {
    symbol.binding != Binding::Local
        && match symbol.definition {
            Definition::Undefined | Definition::LeftOut => false,
            Definition::Section { section, .. } => live[section.0 as usize],
            Definition::Absolute(_) | Definition::Common { .. } | Definition::Fallback(_) => true,
        }
}

/// Names that the linker itself defines.
fn special(graph: &LinkGraph<'_>, live: &[bool], bounds: &mut Bounds, symbol: &Symbol) -> Option<Place> {
    let name = graph.symbol_key(symbol);
    if !name.raw && name.bytes == b"_GLOBAL_OFFSET_TABLE_" {
        return Some(Place::Got);
    }
    // What descriptors of the local-dynamic model are for.
    if !name.raw && name.bytes == b"_TLS_MODULE_BASE_" {
        return Some(Place::Own(Own::ThreadBlock));
    }
    bounds.place(graph, live, symbol)
}

/// By symbol: whether a relocation of the image refers to it; and the symbols whose sizes are wanted.
fn wanted<'g>(graph: &'g LinkGraph<'_>, live: &[bool]) -> (Cow<'g, [bool]>, Cow<'g, [SymbolId]>) {
    // Mostly all sections are in the image, all relocations are as ELF has them, and what was noted when they were read is what
    // there is.
    let is_elf = |input: &Input<'_>| matches!(input.format, Some(Format::Elf) | None);
    if graph.relocations.is_empty() && live.iter().all(|live| *live) && graph.inputs.iter().all(is_elf) {
        return (graph.referred.as_slice().into(), graph.sized.as_slice().into());
    }
    let mut wanted = vec![false; graph.symbols.len()];
    let mut sized = Vec::new();
    for (section, live) in graph.sections.iter().zip(live) {
        match graph.relocations(section) {
            _ if !live => {}
            Relocations::Made(list) => mark(list.copied(), &mut wanted, &mut sized),
            Relocations::Rela(list) => mark(list, &mut wanted, &mut sized),
        }
    }
    for symbol in &graph.symbols {
        if let Definition::Fallback(other) = symbol.definition {
            wanted[other.0 as usize] = true;
        }
    }
    (wanted.into(), sized.into())
}

fn mark(relocations: impl Iterator<Item = Relocation>, wanted: &mut [bool], sized: &mut Vec<SymbolId>) {
    for relocation in relocations {
        if relocation.kind.quick.is_none() && relocation.kind.via == Via::Size {
            sized.push(relocation.symbol);
        }
        wanted[relocation.symbol.0 as usize] = true;
        if let Some(symbol) = relocation.subtrahend {
            wanted[symbol.0 as usize] = true;
        }
    }
}

fn look_outside(name: Name<'_>, symbol: &Symbol, outside: Outside<'_>) -> Option<Found> {
    let c_name = !name.raw && !name.bytes.is_empty();
    let name = c_name.then(|| std::str::from_utf8(name.bytes).ok()).flatten()?;
    let asked = match symbol.kind {
        _ if symbol.scope == Scope::Hidden => Asked::Hidden,
        SymbolKind::ThreadLocal => Asked::ThreadLocal,
        SymbolKind::ThreadVariable => Asked::ThreadVariable,
        _ => Asked::Open,
    };
    outside(name, asked)
}

fn is_common(graph: &LinkGraph<'_>, symbol: Option<SymbolId>) -> bool {
    symbol.is_some_and(|id| matches!(graph.symbol(id).definition, Definition::Common { .. }))
}

/// Which of two definitions of a name counts.
fn prefer(graph: &LinkGraph<'_>, first: SymbolId, second: SymbolId) -> Result<SymbolId> {
    let rank = |id: SymbolId| {
        let symbol = graph.symbol(id);
        // GNU ld lets a common symbol replace a weak definition, and ld64 the other way round.
        let weak = if graph.inputs[symbol.input as usize].format == Some(Format::MachO) { 3 } else { 1 };
        match (symbol.definition, symbol.binding) {
            (Definition::Fallback(_), Binding::Weak) => 0,
            (Definition::Common { .. }, _) => 2,
            (_, Binding::Weak) => weak,
            _ => 4,
        }
    };
    match (rank(first), rank(second)) {
        // Of Mach-O's weak definitions the more visible one (ld64, `pickBetweenRegularAtoms`).
        (3, 3) if graph.symbol(first).scope == Scope::Plain && graph.symbol(second).scope == Scope::Exported => {
            Ok(second)
        }
        // One number is not two definitions (GNU ld, `_bfd_elf_merge_symbol`).
        (4, 4)
            if matches!(graph.symbol(first).definition, Definition::Absolute(_))
                && graph.symbol(first).definition == graph.symbol(second).definition =>
        {
            Ok(first)
        }
        (4, 4) => {
            let (one, two) = (graph.symbol(first), graph.symbol(second));
            Err(Error::duplicate(format!("is defined in {} too", graph.input_name(one.input)))
                .symbol(graph.symbol_name(two))
                .input(graph.input_name(two.input))
                .help("leave one of the two out, or make one of the definitions weak"))
        }
        (old, new) if new > old => Ok(second),
        _ => Ok(first),
    }
}
