//! Which definition each symbol means.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::near::near_names;
use super::{Binding, Definition, LinkGraph, Name, SectionId, Symbol, SymbolId};
use crate::error::{Error, Result};
use crate::target::TargetAddr;

/// What a symbol means, once all inputs are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In the image.
    Section { section: SectionId, offset: u64 },
    /// In the room for common symbols, at this offset.
    Common(u64),
    /// Outside the image, or a number. A weak symbol that is defined nowhere is 0.
    Outside(u64),
}

/// The set of symbols: frozen from here on.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// By [`SymbolId`].
    pub(crate) places: Vec<Place>,
    /// The size and the alignment of the room for common symbols.
    pub(crate) common: (u64, u64),
    /// Names that the image gives to others, each with the symbol that defines it.
    pub(crate) exports: Vec<SymbolId>,
    /// Names that were found outside, each with a symbol that wants it.
    pub(crate) imports: Vec<(SymbolId, TargetAddr)>,
}

/// Resolves every symbol: definitions in the inputs first (strong before common before weak), then `outside`.
///
/// # Errors
///
/// Two strong definitions of a name; undefined symbols, all at once, with the inputs that want them and near names.
pub(crate) fn resolve(graph: &LinkGraph<'_>, outside: &dyn Fn(&str) -> Option<TargetAddr>) -> Result<Resolved> {
    let mut names: HashMap<Name<'_>, SymbolId> = HashMap::new();
    for (index, symbol) in (0u32..).zip(&graph.symbols) {
        let defines = !matches!(symbol.definition, Definition::Undefined | Definition::LeftOut);
        if symbol.binding == Binding::Local || !defines || is_dead(graph, symbol) {
            continue;
        }
        match names.entry(graph.symbol_key(symbol)) {
            Entry::Vacant(entry) => {
                entry.insert(SymbolId(index));
            }
            Entry::Occupied(mut entry) => {
                if prefer(graph, *entry.get(), SymbolId(index))? == SymbolId(index) {
                    entry.insert(SymbolId(index));
                }
            }
        }
    }

    let mut common = Common::default();
    for symbol in &graph.symbols {
        if let Definition::Common { size, align } = symbol.definition
            && is_common(graph, names.get(&graph.symbol_key(symbol)).copied())
        {
            common.wants(graph.symbol_key(symbol), size, align);
        }
    }
    common.lay_out()?;

    let wanted = wanted(graph);
    let mut places = Vec::with_capacity(graph.symbols.len());
    let mut found: HashMap<Name<'_>, Option<TargetAddr>> = HashMap::new();
    let mut imports = Vec::new();
    let mut missing: Vec<SymbolId> = Vec::new();
    for (index, symbol) in (0u32..).zip(&graph.symbols) {
        let id = SymbolId(index);
        let name = graph.symbol_key(symbol);
        let defining = match symbol.binding {
            Binding::Local => symbol,
            Binding::Global | Binding::Weak => names.get(&name).map_or(symbol, |id| graph.symbol(*id)),
        };
        places.push(match defining.definition {
            Definition::Section { section, offset } => Place::Section { section, offset },
            Definition::Absolute(value) => Place::Outside(value),
            Definition::Common { .. } => Place::Common(common.offset(name)),
            Definition::Undefined if wanted[index as usize] => {
                let address = *found.entry(name).or_insert_with(|| {
                    let address = look_outside(name, outside);
                    imports.extend(address.map(|address| (id, address)));
                    address
                });
                if address.is_none() && symbol.binding != Binding::Weak {
                    missing.push(id);
                }
                Place::Outside(address.unwrap_or_default().0)
            }
            Definition::Undefined | Definition::LeftOut => Place::Outside(0),
        });
    }
    if !missing.is_empty() {
        return Err(undefined(graph, &names, &missing, outside));
    }
    let mut exports: Vec<SymbolId> = names.into_values().filter(|id| graph.symbol(*id).exported).collect();
    exports.sort_unstable();
    Ok(Resolved { places, common: (common.size, common.align), exports, imports })
}

/// By symbol: whether a relocation of the image refers to it.
fn wanted(graph: &LinkGraph<'_>) -> Vec<bool> {
    let mut wanted = vec![false; graph.symbols.len()];
    for section in graph.sections.iter().filter(|section| section.live) {
        for relocation in graph.relocations(section) {
            for symbol in [Some(relocation.symbol), relocation.subtrahend].into_iter().flatten() {
                wanted[symbol.0 as usize] = true;
            }
        }
    }
    wanted
}

fn look_outside(name: Name<'_>, outside: &dyn Fn(&str) -> Option<TargetAddr>) -> Option<TargetAddr> {
    let c_name = !name.raw && !name.bytes.is_empty();
    c_name.then(|| std::str::from_utf8(name.bytes).ok()).flatten().and_then(outside)
}

/// Whether a symbol stands in a section that is not in the image.
fn is_dead(graph: &LinkGraph<'_>, symbol: &Symbol) -> bool {
    matches!(symbol.definition, Definition::Section { section, .. } if !graph.section(section).live)
}

fn is_common(graph: &LinkGraph<'_>, symbol: Option<SymbolId>) -> bool {
    symbol.is_some_and(|id| matches!(graph.symbol(id).definition, Definition::Common { .. }))
}

/// Which of two definitions of a name counts.
fn prefer(graph: &LinkGraph<'_>, first: SymbolId, second: SymbolId) -> Result<SymbolId> {
    let rank = |id: SymbolId| {
        let symbol = graph.symbol(id);
        match (symbol.definition, symbol.binding) {
            (Definition::Common { .. }, _) => 1,
            (_, Binding::Weak) => 0,
            _ => 2,
        }
    };
    match (rank(first), rank(second)) {
        (2, 2) => {
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

/// The room for common symbols: each name once, with the greatest size and alignment that any input wants.
#[derive(Default)]
struct Common<'g> {
    wanted: HashMap<Name<'g>, (u64, u64, u64)>,
    order: Vec<Name<'g>>,
    size: u64,
    align: u64,
}

impl<'g> Common<'g> {
    fn wants(&mut self, name: Name<'g>, size: u64, align: u64) {
        let entry = self.wanted.entry(name).or_insert_with(|| {
            self.order.push(name);
            (0, 1, 0)
        });
        entry.0 = entry.0.max(size);
        entry.1 = entry.1.max(align);
    }

    fn lay_out(&mut self) -> Result<()> {
        self.align = 1;
        for name in &self.order {
            if let Some((size, align, offset)) = self.wanted.get_mut(name) {
                let end = self.size.checked_next_multiple_of(*align).and_then(|at| Some((at, at.checked_add(*size)?)));
                let Some((at, end)) = end else {
                    return Err(Error::malformed("the sizes of the common symbols exceed the address space")
                        .symbol(String::from_utf8_lossy(name.bytes)));
                };
                (*offset, self.size) = (at, end);
                self.align = self.align.max(*align);
            }
        }
        Ok(())
    }

    fn offset(&self, name: Name<'g>) -> u64 {
        self.wanted.get(&name).map_or(0, |(_, _, offset)| *offset)
    }
}

/// The error for all undefined symbols at once.
fn undefined(
    graph: &LinkGraph<'_>,
    names: &HashMap<Name<'_>, SymbolId>,
    missing: &[SymbolId],
    outside: &dyn Fn(&str) -> Option<TargetAddr>,
) -> Error {
    let mut wanted: Vec<(Name<'_>, Vec<&str>)> = Vec::new();
    let mut index: HashMap<Name<'_>, usize> = HashMap::new();
    for id in missing {
        let symbol = graph.symbol(*id);
        let name = graph.symbol_key(symbol);
        let at = *index.entry(name).or_insert_with(|| {
            wanted.push((name, Vec::new()));
            wanted.len() - 1
        });
        let input = graph.input_name(symbol.input);
        if !wanted[at].1.contains(&input) {
            wanted[at].1.push(input);
        }
    }
    let exists =
        |name: &str| names.contains_key(&Name { raw: false, bytes: name.as_bytes() }) || outside(name).is_some();
    let lines: Vec<String> = wanted
        .iter()
        .enumerate()
        .map(|(number, (name, inputs))| {
            let Name { raw, bytes } = name;
            let name = String::from_utf8_lossy(bytes);
            // So many are a missing library, not a slip, and each search asks for thousands of names.
            let near = if number < 8 { near_names(&name, &exists) } else { Vec::new() };
            let hint = if *raw && exists(&name) {
                format!(" (in Mach-O, C's `{name}` is `_{name}`)")
            } else if near.is_empty() {
                String::new()
            } else {
                format!(" (near: {})", near.join(", "))
            };
            format!("`{name}`, wanted by {}{hint}", inputs.join(", "))
        })
        .collect();
    let message = match &lines[..] {
        [one] => format!("undefined symbol {one}"),
        many => format!("{} undefined symbols:\n  {}", many.len(), many.join("\n  ")),
    };
    Error::undefined(message)
}
