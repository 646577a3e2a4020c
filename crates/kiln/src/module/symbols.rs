//! The symbols of a module, which outlive the inputs.

use std::sync::OnceLock;

use crate::graph::{LinkGraph, Name, NameTable, Resolved, SymbolId};
use crate::layout::Addresses;
use crate::target::Format;

/// The symbols that a module defines.
#[derive(Debug)]
pub(crate) struct Symbols {
    defined: Vec<Defined>,
    /// Their names, one behind the other.
    names: String,
    /// Whether names may also be asked for as Mach-O has them, with an underscore in front.
    underscores: bool,
    /// The exported ones by name, C's before one that C cannot write. Made when somebody asks for a name.
    table: OnceLock<NameTable>,
    /// The exported ones in order of their names. Made when somebody asks for all.
    sorted: OnceLock<Vec<u32>>,
}

#[derive(Debug)]
pub(crate) struct Defined {
    /// Where its name begins.
    name: usize,
    name_len: u32,
    local: bool,
    raw: bool,
    pub(crate) address: usize,
    pub(crate) size: u64,
}

impl Symbols {
    pub(crate) fn of(graph: &LinkGraph<'_>, resolved: &Resolved, addresses: &Addresses) -> Symbols {
        let mut symbols = Symbols {
            defined: Vec::with_capacity(graph.symbols.len()),
            names: String::new(),
            underscores: graph.inputs.iter().any(|input| input.format == Some(Format::MachO)),
            table: OnceLock::new(),
            sorted: OnceLock::new(),
        };
        // Both are in the order of the symbols.
        let mut exports = resolved.exports.iter().copied().peekable();
        for (index, symbol) in (0u32..).zip(&graph.symbols) {
            let id = SymbolId(index);
            let local = exports.next_if_eq(&id).is_none();
            if !graph.defines(&resolved.live, symbol) {
                continue;
            }
            let start = symbols.names.len();
            match std::str::from_utf8(graph.symbol_key(symbol).bytes) {
                Ok(name) => symbols.names.push_str(name),
                Err(_) => symbols.names.push_str(&graph.symbol_name(symbol)),
            }
            symbols.defined.push(Defined {
                name: start,
                // It is shorter than what a table of names can hold, which formats count in 32 bits.
                name_len: (symbols.names.len() - start) as u32,
                local,
                raw: symbol.raw,
                address: addresses.symbol(graph, resolved, id) as usize,
                size: symbol.size,
            });
        }
        symbols.defined.shrink_to_fit();
        symbols.names.shrink_to_fit();
        symbols
    }

    pub(crate) fn name(&self, defined: &Defined) -> &str {
        &self.names[defined.name..][..defined.name_len as usize]
    }

    /// All, local and exported, in the order of the inputs.
    pub(crate) fn all(&self) -> &[Defined] {
        &self.defined
    }

    /// The exported ones, in order of their names.
    pub(crate) fn exports(&self) -> impl Iterator<Item = &Defined> {
        let sorted = self.sorted.get_or_init(|| {
            let mut sorted: Vec<u32> =
                (0u32..).zip(&self.defined).filter(|(_, one)| !one.local).map(|(at, _)| at).collect();
            sorted.sort_by_key(|at| {
                let defined = &self.defined[*at as usize];
                (self.name(defined), defined.raw)
            });
            sorted
        });
        sorted.iter().map(|at| &self.defined[*at as usize])
    }

    /// The exported symbol of a name.
    pub(crate) fn find(&self, name: &str) -> Option<&Defined> {
        let as_macho = || name.strip_prefix('_').filter(|_| self.underscores).and_then(|name| self.exported(name));
        self.exported(name).or_else(as_macho)
    }

    fn exported(&self, name: &str) -> Option<&Defined> {
        let table = self.table.get_or_init(|| self.make_table());
        let key = Name { raw: false, bytes: name.as_bytes() };
        let at = table.find(table.hash(key), |at| self.name(&self.defined[at as usize]) == name)?;
        self.defined.get(at as usize)
    }

    fn make_table(&self) -> NameTable {
        let exports = || (0u32..).zip(&self.defined).filter(|(_, defined)| !defined.local);
        let mut table = NameTable::with_capacity(exports().count());
        for (at, defined) in exports() {
            let name = self.name(defined);
            let hash = table.hash(Name { raw: false, bytes: name.as_bytes() });
            let same = table.insert(hash, at, |other| self.name(&self.defined[other as usize]) == name);
            if let Some(mut other) = same
                && !defined.raw
            {
                other.set(at);
            }
        }
        table
    }
}
