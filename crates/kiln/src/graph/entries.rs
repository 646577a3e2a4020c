//! The GOT slots and the stubs that the relocations need.

use std::collections::HashMap;

use super::{LinkGraph, Place, Resolved, SymbolId};
use crate::fixup::Via;

/// The slots of the GOT and the stubs, by number; each stub jumps to the address in a slot.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// The symbol whose address stands in each slot.
    pub(crate) slots: Vec<SymbolId>,
    /// The slot of each stub.
    pub(crate) stubs: Vec<u32>,
    slot_of: HashMap<Key, u32>,
    stub_of: HashMap<Key, u32>,
}

/// Symbols that mean the same place share an entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Key {
    Section(u32, u64),
    Common(u64),
    Outside(u64),
}

impl Key {
    fn of(resolved: &Resolved, symbol: SymbolId) -> Key {
        match resolved.places[symbol.0 as usize] {
            Place::Section { section, offset } => Key::Section(section.0, offset),
            Place::Common(offset) => Key::Common(offset),
            Place::Outside(address) => Key::Outside(address),
        }
    }
}

impl Entries {
    /// What the live sections of `graph` need. A branch needs a stub if its target is outside the image, where nothing
    /// says how far away it is.
    pub(crate) fn of(graph: &LinkGraph<'_>, resolved: &Resolved) -> Entries {
        let mut entries = Entries::default();
        for section in graph.sections.iter().filter(|section| section.live) {
            for relocation in graph.relocations(section) {
                let key = Key::of(resolved, relocation.symbol);
                match relocation.kind.via {
                    Via::Got => {
                        entries.slot(key, relocation.symbol);
                    }
                    Via::Branch if matches!(key, Key::Outside(_)) => entries.stub(key, relocation.symbol),
                    Via::Branch | Via::Symbol => {}
                }
            }
        }
        entries
    }

    fn slot(&mut self, key: Key, symbol: SymbolId) -> u32 {
        *self.slot_of.entry(key).or_insert_with(|| {
            self.slots.push(symbol);
            self.slots.len() as u32 - 1
        })
    }

    fn stub(&mut self, key: Key, symbol: SymbolId) {
        if !self.stub_of.contains_key(&key) {
            let slot = self.slot(key, symbol);
            self.stub_of.insert(key, self.stubs.len() as u32);
            self.stubs.push(slot);
        }
    }

    /// The slot that holds the address of `symbol`.
    pub(crate) fn slot_of(&self, resolved: &Resolved, symbol: SymbolId) -> Option<u32> {
        self.slot_of.get(&Key::of(resolved, symbol)).copied()
    }

    /// The stub that jumps to `symbol`.
    pub(crate) fn stub_of(&self, resolved: &Resolved, symbol: SymbolId) -> Option<u32> {
        self.stub_of.get(&Key::of(resolved, symbol)).copied()
    }
}
