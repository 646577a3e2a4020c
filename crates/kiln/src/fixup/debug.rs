//! Debug information as a linker puts it together: the sections of one name behind each other, every address filled in.

use std::collections::HashMap;

use super::{Operands, Value, Via};
use crate::error::{Error, Result};
use crate::graph::{LinkGraph, Place, Resolved, Variable};
use crate::layout::Addresses;
use crate::object::{DebugInput, DebugRelocation, DebugTarget};

/// Debug information that stands together in one file.
pub(crate) struct DebugInfo {
    /// The input that it is of. `None`: of all that have none of their own.
    pub(crate) input: Option<u32>,
    /// Names and contents, in the order in which they were met.
    pub(crate) sections: Vec<(String, Vec<u8>)>,
}

/// The debug information of all inputs: first that of all whose information can be joined, be it empty, then that of each of
/// the others.
///
/// # Errors
///
/// A relocation that is not supported here or does not fit, or sections that cannot be read.
pub(crate) fn debug_info(graph: &LinkGraph<'_>, resolved: &Resolved, addresses: &Addresses) -> Result<Vec<DebugInfo>> {
    let (joined, apart): (Vec<_>, Vec<_>) = DebugInput::of_all(graph)?.into_iter().partition(DebugInput::can_be_joined);
    let mut sets = vec![(None, joined)];
    sets.extend(apart.into_iter().map(|one| (Some(one.input), vec![one])));
    // All there is can stand in one.
    if sets.len() == 2 && sets[0].1.is_empty() {
        sets.remove(0);
        sets[0].0 = None;
    }
    sets.into_iter()
        .map(|(input, inputs)| {
            let mut joint = Joint { graph, resolved, addresses, sections: Vec::new(), names: HashMap::new() };
            let placed = joint.place(&inputs)?;
            for (input, placed) in inputs.iter().zip(&placed) {
                joint.fix(input, placed)?;
            }
            Ok(DebugInfo { input, sections: joint.sections })
        })
        .collect()
}

struct Joint<'g> {
    graph: &'g LinkGraph<'g>,
    resolved: &'g Resolved,
    addresses: &'g Addresses,
    sections: Vec<(String, Vec<u8>)>,
    /// The index of each of `sections`.
    names: HashMap<String, usize>,
}

/// Where a section of an input stands: the index of the joint section, the offset there, and whether it is this copy that
/// does, of those in groups of one name.
#[derive(Clone, Copy)]
struct Placed {
    section: usize,
    offset: u64,
    kept: bool,
}

impl Joint<'_> {
    /// Puts the contents behind each other.
    fn place(&mut self, inputs: &[DebugInput<'_>]) -> Result<Vec<Vec<Placed>>> {
        // By the names of group and section; of one that has several such sections, by their order.
        let mut groups: HashMap<(&str, &str, usize), Placed> = HashMap::new();
        let mut owners: HashMap<&str, u32> = HashMap::new();
        let mut all = Vec::with_capacity(inputs.len());
        for input in inputs {
            let mut seen: HashMap<(&str, &str), usize> = HashMap::new();
            let mut placed = Vec::with_capacity(input.sections.len());
            for section in &input.sections {
                let key = section.group.as_deref().map(|group| {
                    let ordinal = seen.entry((group, &section.name)).or_default();
                    *ordinal += 1;
                    (group, &*section.name, *ordinal)
                });
                if let Some(key) = key {
                    let first = *owners.entry(key.0).or_insert(input.input);
                    if first != input.input {
                        let nowhere = Placed { section: usize::MAX, offset: 0, kept: false };
                        let kept = groups.get(&key).map_or(nowhere, |kept| Placed { kept: false, ..*kept });
                        placed.push(kept);
                        continue;
                    }
                }
                let at = self.append(&section.name, &section.bytes)?;
                if let Some(key) = key {
                    groups.insert(key, at);
                }
                placed.push(at);
            }
            all.push(placed);
        }
        Ok(all)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<Placed> {
        let section = match self.names.get(name) {
            Some(section) => *section,
            None => {
                self.names.insert(name.to_owned(), self.sections.len());
                self.sections.push((name.to_owned(), Vec::new()));
                self.sections.len() - 1
            }
        };
        let joint = &mut self.sections[section].1;
        let offset = joint.len() as u64;
        if u32::try_from(offset + bytes.len() as u64).is_err() {
            return Err(Error::unsupported("the debug information of all inputs is larger than 4 GiB").section(name));
        }
        joint.extend_from_slice(bytes);
        Ok(Placed { section, offset, kept: true })
    }

    /// Applies the relocations of an input's sections.
    fn fix(&mut self, input: &DebugInput<'_>, placed: &[Placed]) -> Result<()> {
        for (index, place) in placed.iter().enumerate().filter(|(_, place)| place.kept) {
            let section = &input.sections[index];
            for relocation in input.relocations(self.graph, index) {
                let relocation = relocation?;
                self.apply(&relocation, section.bytes.len() as u64, *place, placed).map_err(|error| {
                    let error = error.offset(relocation.offset).section(&*section.name);
                    error.input(self.graph.input_name(input.input)).help("load it without debug information")
                })?;
            }
        }
        Ok(())
    }

    fn apply(&mut self, relocation: &DebugRelocation, size: u64, place: Placed, placed: &[Placed]) -> Result<()> {
        let DebugRelocation { offset, kind, target, addend } = relocation;
        let end = offset.checked_add(kind.width() as u64).filter(|end| *end <= size);
        let Some(end) = end else {
            return Err(Error::malformed(format!("{} lies outside its section", kind.name)));
        };
        let has_value = matches!(kind.value, Value::Absolute | Value::Relative | Value::Nothing);
        if !has_value || !matches!(kind.via, Via::Symbol | Via::BlockOffset) {
            return Err(Error::unsupported(format!("{} is not supported in debug information", kind.name)));
        }
        let symbol = match *target {
            DebugTarget::Debug(section, offset) => match placed.get(section) {
                Some(at) if at.section != usize::MAX => Some(at.offset.wrapping_add(offset)),
                _ => None,
            },
            DebugTarget::Symbol(symbol) if kind.via == Via::BlockOffset => {
                match Variable::of(self.graph, self.resolved, symbol, 0) {
                    Some(Variable::Own(section, offset)) => {
                        Some(self.addresses.block_offset(section).wrapping_add(offset))
                    }
                    _ => None,
                }
            }
            DebugTarget::Symbol(symbol) => match self.resolved.places[symbol.0 as usize] {
                Place::Discarded => None,
                _ => Some(self.addresses.symbol(symbol)),
            },
        };
        let (name, joint) = &mut self.sections[place.section];
        let value = match symbol {
            Some(symbol) => kind.compute(Operands {
                symbol,
                subtrahend: 0,
                addend: *addend,
                place: place.offset + offset,
                image_base: 0,
                got: 0,
                segment: (0, 0),
            }),
            // What describes code that is not there says so by an address that none has; two zeros would end these lists.
            None => i64::from(name == ".debug_ranges" || name == ".debug_loc"),
        };
        let field = joint.get_mut((place.offset + offset) as usize..(place.offset + end) as usize);
        kind.write(field.unwrap_or_default(), value)
    }
}
