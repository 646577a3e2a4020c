//! The symbols of a module, which outlive the inputs.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::graph::{LinkGraph, Name, NameTable, Resolved, SymbolId, SymbolKind};
use crate::layout::Addresses;
use crate::target::Format;

/// The symbols that a module defines.
#[derive(Debug)]
pub(crate) struct Symbols {
    defined: Vec<Defined>,
    /// Their names, one behind the other.
    names: Box<str>,
    /// Whether names may also be asked for as Mach-O has them, with an underscore in front.
    underscores: bool,
    /// The descriptors of exported thread-local variables, by name.
    descriptors: HashMap<Box<[u8]>, u64>,
    /// The exported ones by name, C's before one that C cannot write. Made when names are asked for more than [`SCANS`] times.
    table: OnceLock<NameTable>,
    /// How often they were, before.
    scans: AtomicU32,
    /// The exported ones in order of their names. Made when somebody asks for all.
    sorted: OnceLock<Vec<u32>>,
}

/// To look for so few names takes less time than to make a table.
const SCANS: u32 = 4;

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
        let mut defined = Vec::with_capacity(graph.symbols.len());
        let mut names = Vec::new();
        let mut descriptors = HashMap::new();
        // Both are in the order of the symbols.
        let mut exports = &resolved.exports[..];
        for (index, symbol) in (0u32..).zip(&graph.symbols) {
            let id = SymbolId(index);
            let local = match exports {
                [first, rest @ ..] if *first == id => {
                    exports = rest;
                    false
                }
                _ => true,
            };
            if symbol.kind == SymbolKind::ThreadVariable && !local && !symbol.raw {
                let name = graph.symbol_key(symbol).bytes;
                descriptors.insert(name.into(), addresses.symbol(id));
            }
            if !graph.defines(&resolved.live, symbol) {
                continue;
            }
            let name = graph.symbol_key(symbol).bytes;
            defined.push(Defined {
                name: names.len(),
                // A name lies in one input, of at most 4 GiB.
                name_len: name.len() as u32,
                local,
                raw: symbol.raw,
                address: addresses.symbol(id) as usize,
                size: symbol.size,
            });
            names.extend_from_slice(name);
        }
        defined.shrink_to_fit();
        Symbols {
            names: text(names, &mut defined).into_boxed_str(),
            defined,
            descriptors,
            underscores: graph.inputs.iter().any(|input| input.format == Some(Format::MachO)),
            table: OnceLock::new(),
            scans: AtomicU32::new(0),
            sorted: OnceLock::new(),
        }
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

    /// Where the descriptor of an exported thread-local variable stands.
    pub(crate) fn descriptor(&self, name: &str) -> Option<u64> {
        self.descriptors.get(name.as_bytes()).copied()
    }

    fn exported(&self, name: &str) -> Option<&Defined> {
        if self.table.get().is_none() && self.scans.fetch_add(1, Ordering::Relaxed) < SCANS {
            return self.scan(name.as_bytes());
        }
        let table = self.table.get_or_init(|| self.make_table());
        let key = Name { raw: false, bytes: name.as_bytes() };
        let at = table.find(table.hash(key), |at| self.name(&self.defined[at as usize]) == name)?;
        self.defined.get(at as usize)
    }

    fn scan(&self, name: &[u8]) -> Option<&Defined> {
        let names = self.names.as_bytes();
        let is_it = |one: &&Defined| {
            let len = one.name_len as usize;
            !one.local && len == name.len() && &names[one.name..][..len] == name
        };
        let mut found = self.defined.iter().filter(is_it);
        let first = found.next()?;
        if first.raw { found.find(|one| !one.raw).or(Some(first)) } else { Some(first) }
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

/// The names as text. If any is none, those are made readable.
fn text(names: Vec<u8>, defined: &mut [Defined]) -> String {
    let names = match String::from_utf8(names) {
        Ok(text) if defined.iter().all(|one| text.is_char_boundary(one.name)) => return text,
        Ok(text) => text.into_bytes(),
        Err(error) => error.into_bytes(),
    };
    let mut text = String::with_capacity(names.len());
    for one in defined {
        let name = String::from_utf8_lossy(&names[one.name..][..one.name_len as usize]);
        (one.name, one.name_len) = (text.len(), u32::try_from(name.len()).unwrap_or(0));
        text.push_str(&name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_text() {
        let read = |names: &[&[u8]]| {
            let mut at = 0;
            let mut defined: Vec<Defined> = Vec::new();
            for name in names {
                let name_len = name.len() as u32;
                defined.push(Defined { name: at, name_len, local: false, raw: false, address: 0, size: 0 });
                at += name.len();
            }
            let text = text(names.concat(), &mut defined);
            let names = defined.iter().map(|one| text[one.name..][..one.name_len as usize].to_owned());
            names.collect::<Vec<_>>()
        };
        assert_eq!(read(&[b"plain", "größe".as_bytes(), b""]), ["plain", "größe", ""]);
        assert_eq!(read(&[b"a\xff", b"b"]), ["a\u{fffd}", "b"]);
        // Two halves of a letter, in two names.
        assert_eq!(read(&[b"a\xc3", b"\xa4b", b"c"]), ["a\u{fffd}", "\u{fffd}b", "c"]);
    }

    /// Names are found the same way one by one and by the table: C's before one that C cannot write, and no local ones.
    #[test]
    fn with_and_without_a_table() {
        let list =
            [("a", true, false), ("b", false, true), ("b", false, false), ("c", false, true), ("d", false, false)];
        let defined = (0..).zip(list).map(|(at, (_, local, raw))| Defined {
            name: at,
            name_len: 1,
            local,
            raw,
            address: at,
            size: 0,
        });
        let symbols = Symbols {
            defined: defined.collect(),
            names: list.map(|(name, ..)| name).concat().into(),
            underscores: false,
            descriptors: HashMap::new(),
            table: OnceLock::new(),
            scans: AtomicU32::new(0),
            sorted: OnceLock::new(),
        };
        let found = || ["a", "b", "c", "d", "dd", ""].map(|name| symbols.find(name).map(|one| one.address));
        let expected = [None, Some(2), Some(3), Some(4), None, None];
        for _ in 0..6 {
            symbols.scans.store(0, Ordering::Relaxed);
            let first = ["a", "b", "c", "d"].map(|name| symbols.find(name).map(|one| one.address));
            assert_eq!(first, expected[..4]);
        }
        assert!(symbols.table.get().is_none());
        assert_eq!(found(), expected);
        assert!(symbols.table.get().is_some(), "now there is one");
        assert_eq!(found(), expected);
    }
}
