//! Thread-local variables: what code needs to get at them.

use std::collections::HashMap;

use super::{Definition, LinkGraph, Own, Place, Resolved, Role, SymbolId, SymbolKind};
use crate::error::{Error, Result};
use crate::target::Format;

/// A way to get at a thread-local variable by slots of the GOT (U. Drepper, *ELF Handling For Thread-Local Storage*,
/// section 4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Access {
    /// The module's number and the place in its block, for `__tls_get_addr`.
    General,
    /// The module's number and 0: where the module's own block begins.
    Local,
    /// The distance from the thread pointer.
    Initial,
    /// A function that gives that distance, and its argument.
    Descriptor,
}

impl Access {
    /// How many words it takes.
    pub(crate) fn words(self) -> u32 {
        if self == Access::Initial { 1 } else { 2 }
    }
}

/// In place of a section's number, the block that all sections are in.
const WHOLE: u32 = u32::MAX;

/// A place in a thread's storage.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Variable {
    /// In the image's own block: of a section (or of [`WHOLE`]), so many bytes behind its beginning.
    Own(u32, u64),
    /// So many bytes behind this one of [`Resolved::thread_imports`].
    Import(u32, i64),
}

impl Variable {
    /// The variable that a symbol names. `None`: it names something else.
    pub(crate) fn of(graph: &LinkGraph<'_>, resolved: &Resolved, symbol: SymbolId, behind: i64) -> Option<Variable> {
        match resolved.places[symbol.0 as usize] {
            Place::Section { section, offset } if graph.section(section).role == Role::ThreadLocal => {
                Some(Variable::Own(section.0, offset.wrapping_add_signed(behind)))
            }
            Place::Own(Own::ThreadBlock) => Some(Variable::Own(WHOLE, behind as u64)),
            Place::Own(Own::ThreadImport(index)) => Some(Variable::Import(index, behind)),
            _ => None,
        }
    }
}

/// Words in the GOT for one access of one variable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadSlot {
    pub(crate) access: Access,
    pub(crate) variable: Variable,
    /// The number of the first word.
    pub(crate) word: u32,
}

/// The slots of an image's accesses, and what else they want to be known.
#[derive(Debug, Default)]
pub(crate) struct ThreadSlots {
    pub(crate) slots: Vec<ThreadSlot>,
    pub(crate) words: u32,
    /// Whether code counts with the distance of the image's own block from the thread pointer.
    pub(crate) fixed: bool,
    known: HashMap<(Access, Variable), u32>,
}

impl ThreadSlots {
    pub(super) fn add(&mut self, access: Access, variable: Variable) {
        let key = Self::key(access, variable);
        if !self.known.contains_key(&key) {
            self.known.insert(key, self.slots.len() as u32);
            self.slots.push(ThreadSlot { access, variable: key.1, word: self.words });
            self.words += access.words();
        }
    }

    /// The number of the first word of a slot.
    pub(crate) fn word_of(&self, access: Access, variable: Variable) -> Option<u32> {
        let index = self.known.get(&Self::key(access, variable))?;
        self.slots.get(*index as usize).map(|slot| slot.word)
    }

    /// All variables of a block have the slot of the block in common.
    fn key(access: Access, variable: Variable) -> (Access, Variable) {
        match (access, variable) {
            (Access::Local, Variable::Own(..)) => (access, Variable::Own(WHOLE, 0)),
            _ => (access, variable),
        }
    }
}

/// Checks that all inputs of Mach-O agree on which names are thread-local variables: code has to get at them another way.
///
/// # Errors
///
/// An input takes the name of a variable for one that is not thread-local, or the other way round.
pub(super) fn check_variables(graph: &LinkGraph<'_>, places: &[Place]) -> Result<()> {
    if !graph.inputs.iter().any(|input| input.format == Some(Format::MachO)) {
        return Ok(());
    }
    for (symbol, place) in graph.symbols.iter().zip(places) {
        let Place::Section { section, .. } = place else { continue };
        let section = graph.section(*section);
        let asked = symbol.kind == SymbolKind::ThreadVariable;
        if asked == (section.role == Role::ThreadVariables) || symbol.definition == Definition::LeftOut {
            continue;
        }
        let (here, there) = if asked { ("is", "is not") } else { ("is not", "is") };
        return Err(Error::unsupported(format!(
            "{here} a thread-local variable here, and {there} one in {}",
            graph.input_name(section.input)
        ))
        .symbol(graph.symbol_name(symbol))
        .input(graph.input_name(symbol.input))
        .help("declare it the same way in all files"));
    }
    Ok(())
}
