//! What only loading can do for the inputs.

use super::Linker;
use crate::graph::{Definition, Role, Section, Symbol, SymbolKind};

impl Linker<'_> {
    /// What the inputs ask for that loading does, and that an image alone does not have, each with its place: lists of
    /// functions to call, functions that are chosen when they are loaded, and thread-local storage.
    #[must_use]
    pub fn needs_loading(&self) -> Vec<String> {
        let lists = self.graph.calls(|id| self.graph.section(id).live).into_iter().map(|(id, _)| {
            let section = self.graph.section(id);
            let (input, name) = (self.graph.input_name(section.input), self.graph.section_name(section));
            format!("{input}: {name}: functions to call at the beginning or the end")
        });
        let is_piece = |section: &&Section| matches!(section.role, Role::Piece(_)) && section.live;
        let pieces = self.graph.sections.iter().filter(is_piece).map(|section| {
            let (input, name) = (self.graph.input_name(section.input), self.graph.section_name(section));
            format!("{input}: {name}: a piece of a function to call at the beginning or the end")
        });
        let is_storage = |section: &&Section| section.role == Role::ThreadLocal && section.live;
        let storage = self.graph.sections.iter().filter(is_storage).map(|section| {
            let (input, name) = (self.graph.input_name(section.input), self.graph.section_name(section));
            format!("{input}: {name}: thread-local storage")
        });
        let in_image = |symbol: &Symbol| match symbol.definition {
            Definition::Section { section, .. } => self.graph.section(section).live,
            _ => false,
        };
        let chosen = self.graph.symbols.iter().filter(|symbol| symbol.kind == SymbolKind::Indirect && in_image(symbol));
        lists
            .chain(pieces)
            .chain(storage)
            .chain(chosen.map(|symbol| {
                let (input, name) = (self.graph.input_name(symbol.input), self.graph.symbol_name(symbol));
                format!("{input}: `{name}`: a function that is chosen when it is loaded")
            }))
            .collect()
    }
}
