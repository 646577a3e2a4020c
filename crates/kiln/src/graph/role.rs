//! What sections and symbols are for, beyond bytes and places.

use super::{LinkGraph, Permission, Section, SectionId};
use crate::fixup;

/// What a section is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// Code and data that other code and data use.
    Plain,
    /// The addresses of functions that are called for the module.
    Calls(Calls),
    /// A piece of a function that all inputs add to: `.init`, `.fini` (*System V ABI*, "Special Sections").
    Piece(When),
    /// Call frame information: how to leave functions by an exception (`.eh_frame`; Linux Standard Base, section 10.6).
    Unwind,
    /// Windows' table of functions and of how to leave them: one array (*PE Format*, "The .pdata Section").
    FunctionTable,
    /// The initial image of thread-local storage, of which each thread has a copy.
    ThreadLocal,
    /// Descriptors of thread-local variables, by which Mach-O code gets at them.
    ThreadVariables,
}

/// A list of functions to call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Calls {
    pub(crate) when: When,
    /// Initializers are called from the least to the greatest, and finalizers the other way round.
    pub(crate) priority: u32,
    /// Whether the list is called from its end: `.ctors`, `.dtors`.
    pub(crate) backwards: bool,
    /// Whether it may hold entries that mean nothing: 0 and -1.
    pub(crate) gaps: bool,
}

/// When functions are called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum When {
    /// Before all initializers.
    BeforeInit,
    /// When the module is loaded.
    Init,
    /// When the module is unloaded, or the process ends.
    Fini,
}

/// What a symbol names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SymbolKind {
    /// A place.
    Plain,
    /// A function that is chosen when the module is loaded, by the function that stands at the symbol's place
    /// (`STT_GNU_IFUNC`).
    Indirect,
    /// A thread-local variable: its place is in the initial image.
    ThreadLocal,
    /// A thread-local variable of Mach-O: its place is its descriptor.
    ThreadVariable,
}

impl Calls {
    /// The priority of what has none: after all that have one (GNU ld, `SORT_BY_INIT_PRIORITY`).
    pub(crate) const NO_PRIORITY: u32 = 0x1_0000;

    pub(crate) fn new(when: When) -> Calls {
        Calls { when, priority: Calls::NO_PRIORITY, backwards: false, gaps: false }
    }
}

impl LinkGraph<'_> {
    /// The sections of one role, which is neither [`Role::Plain`] nor [`Role::Unwind`].
    pub(crate) fn apart(&self, role: Role) -> impl Iterator<Item = SectionId> {
        self.apart.iter().copied().filter(move |id| self.section(*id).role == role)
    }

    /// The lists of functions to call, of the sections that are `live`, in the order of initializers: by time and priority,
    /// of equal ones in the order of the inputs.
    pub(crate) fn calls(&self, live: impl Fn(SectionId) -> bool) -> Vec<(SectionId, Calls)> {
        let lists = self.apart.iter().filter(|id| live(**id) && self.section(**id).size > 0);
        let mut lists: Vec<(SectionId, Calls)> = lists
            .filter_map(|id| match self.section(*id).role {
                Role::Calls(calls) => Some((*id, calls)),
                Role::Plain | Role::Piece(_) | Role::Unwind | Role::FunctionTable => None,
                Role::ThreadLocal | Role::ThreadVariables => None,
            })
            .collect();
        lists.sort_by_key(|(_, calls)| (calls.when, calls.priority));
        lists
    }

    /// Whether all code of the image marks the places at which indirect branches arrive.
    ///
    /// What stubs of islands jump to needs no mark, since compilers leave it out of functions whose addresses nobody takes (AAELF64,
    /// "Call and Jump relocations"): a text with islands is not guarded.
    pub(super) fn is_marked(&self, live: &[bool]) -> bool {
        let Some(mark) = fixup::branch_target_mark(self.arch) else { return false };
        let is_code = |section: &Section| section.permission == Permission::Text && section.size > 0;
        let mut code = self.sections.iter().zip(live).filter(|(section, live)| **live && is_code(section));
        let is_marked = |input: u32| self.inputs[input as usize].ready_for & mark != 0;
        let is_there = code.clone().next().is_some();
        is_there && code.all(|(section, _)| is_marked(section.input))
    }
}
