//! Names → symbols: a hash table that holds numbers, while the names stay where they are.

use super::hash::Seed;
use super::{Binding, Input, LinkGraph, Name, Symbol, SymbolId};

/// Which symbols have one name: all that are not local, as soon as their input is there. Nothing later looks at a name again.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// The first symbol of each name.
    table: NameTable,
    /// By [`SymbolId`]: the first symbol of the same name; of a local one, itself.
    first: Vec<SymbolId>,
}

impl Default for Names {
    fn default() -> Names {
        Names { table: NameTable::with_capacity(0), first: Vec::new() }
    }
}

impl Names {
    /// The first symbol that has a symbol's name; of a local one, itself.
    #[inline]
    pub(crate) fn first(&self, id: SymbolId) -> SymbolId {
        self.first[id.0 as usize]
    }

    /// How many symbols are known.
    pub(crate) fn symbols(&self) -> usize {
        self.first.len()
    }

    /// Forgets all symbols but the first ones.
    pub(crate) fn truncate(&mut self, symbols: usize) {
        if symbols < self.first.len() {
            self.first.truncate(symbols);
            self.table.keep_below(symbols as u32);
        }
    }

    /// Adds the symbols that are not known yet.
    fn add(&mut self, symbols: &[Symbol], inputs: &[Input<'_>]) {
        let start = self.first.len();
        let new = symbols.get(start..).unwrap_or_default();
        self.first.extend((start as u32..).take(new.len()).map(SymbolId));
        let mut named = (start..).zip(new).filter(|(_, symbol)| symbol.binding != Binding::Local);
        let empty = (NameHash(0), 0, Name { raw: false, bytes: &[] });
        loop {
            // In a large table each name is a place in memory that is far away: all are asked for before the first is needed.
            let mut batch = [empty; BATCH];
            let mut len = 0;
            for (entry, (index, symbol)) in batch.iter_mut().zip(named.by_ref()) {
                let name = symbol.key(inputs);
                let hash = self.table.hash(name);
                self.table.fetch(hash);
                *entry = (hash, index, name);
                len += 1;
            }
            for &(hash, index, name) in &batch[..len] {
                let same = |other: u32| symbols[other as usize].key(inputs) == name;
                if let Some(entry) = self.table.insert(hash, index as u32, same) {
                    self.first[index] = SymbolId(entry.number());
                }
            }
            if len < BATCH {
                return;
            }
        }
    }
}

/// How many names are looked for together.
const BATCH: usize = 16;

impl LinkGraph<'_> {
    /// Notes the names of symbols that were added, whose inputs are there.
    pub(crate) fn note_names(&mut self) {
        self.names.add(&self.symbols, &self.inputs);
    }

    /// The first symbol, not a local one, of a name.
    pub(crate) fn first_named(&self, name: Name<'_>) -> Option<SymbolId> {
        let Names { table, .. } = &self.names;
        table.find(table.hash(name), |other| self.symbol_key(self.symbol(SymbolId(other))) == name).map(SymbolId)
    }
}

/// The numbers of things that have names, by name.
///
/// Whoever asks compares the names. Open addressing with linear probing; a slot holds the upper half of the hash beside
/// the number, so that almost every comparison is one that succeeds, and a larger table needs no name again.
#[derive(Clone, Debug)]
pub(crate) struct NameTable {
    /// 0, or the hash in the upper half and the number plus 1 in the lower. Their count is a power of two.
    slots: Vec<u64>,
    len: usize,
    seed: Seed,
}

/// The hash of a name, in the table that gave it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NameHash(u32);

impl NameTable {
    /// An empty table with room for `names` names.
    pub(crate) fn with_capacity(names: usize) -> NameTable {
        NameTable { slots: vec![0; slots_for(names)], len: 0, seed: Seed::default() }
    }

    /// Forgets the numbers from `end` on.
    fn keep_below(&mut self, end: u32) {
        self.keep(self.slots.len(), |number| number < end);
    }

    /// Has the processor fetch where a hash wants to be.
    #[inline]
    fn fetch(&self, hash: NameHash) {
        std::hint::black_box(self.slots[self.home(hash.0)]);
    }

    /// The hash to look a name up by.
    pub(crate) fn hash(&self, name: Name<'_>) -> NameHash {
        NameHash((self.seed.hash(name.bytes, name.raw) >> 32) as u32)
    }

    /// The number with this hash for which `is` holds.
    pub(crate) fn find(&self, hash: NameHash, is: impl FnMut(u32) -> bool) -> Option<u32> {
        self.probe(hash, is).ok().map(|slot| self.slots[slot] as u32 - 1)
    }

    /// Adds a number, not `u32::MAX`, unless there is one with this hash for which `is` holds: that one then, to be changed to
    /// another of the same name.
    pub(crate) fn insert(&mut self, hash: NameHash, number: u32, is: impl FnMut(u32) -> bool) -> Option<Entry<'_>> {
        match self.probe(hash, is) {
            Ok(slot) => Some(Entry(&mut self.slots[slot])),
            Err(slot) => {
                self.slots[slot] = u64::from(hash.0) << 32 | (u64::from(number) + 1);
                self.len += 1;
                if self.len > self.slots.len() / 8 * 5 {
                    self.keep(self.slots.len() * 2, |_| true);
                }
                None
            }
        }
    }

    /// The slot of the number for which `is` holds, or else the slot for a new one.
    fn probe(&self, hash: NameHash, mut is: impl FnMut(u32) -> bool) -> Result<usize, usize> {
        let mask = self.slots.len() - 1;
        let mut at = self.home(hash.0);
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return Err(at);
            }
            if (slot >> 32) as u32 == hash.0 && is(slot as u32 - 1) {
                return Ok(at);
            }
            at = (at + 1) & mask;
        }
    }

    /// Where a hash wants to be.
    fn home(&self, hash: u32) -> usize {
        let bits = self.slots.len().trailing_zeros().min(32);
        (u64::from(hash) >> (32 - bits)) as usize
    }

    /// Has so many slots, for the numbers for which `is_kept` holds.
    fn keep(&mut self, slots: usize, is_kept: impl Fn(u32) -> bool) {
        let old = std::mem::replace(&mut self.slots, vec![0; slots]);
        self.len = 0;
        for slot in old.into_iter().filter(|slot| *slot != 0 && is_kept(*slot as u32 - 1)) {
            let (Ok(at) | Err(at)) = self.probe(NameHash((slot >> 32) as u32), |_| false);
            self.slots[at] = slot;
            self.len += 1;
        }
    }
}

/// How many slots are enough for so many names: at least three of eight are free.
fn slots_for(names: usize) -> usize {
    names.saturating_mul(8).div_ceil(5).max(8).next_power_of_two()
}

/// A number in the table.
#[derive(Debug)]
pub(crate) struct Entry<'t>(&'t mut u64);

impl Entry<'_> {
    pub(crate) fn number(&self) -> u32 {
        *self.0 as u32 - 1
    }

    /// Replaces it by the number, not `u32::MAX`, of another thing of the same name.
    pub(crate) fn set(&mut self, number: u32) {
        *self.0 = *self.0 >> 32 << 32 | (u64::from(number) + 1);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn plain(bytes: &[u8]) -> Name<'_> {
        Name { raw: false, bytes }
    }

    /// Against the standard library's, with names of all lengths, many of them twice.
    #[test]
    fn as_a_map() {
        let names: Vec<String> =
            (0..3000u32).map(|number| format!("{:0width$}", number % 1700, width = number as usize % 40)).collect();
        let name = |number: u32| plain(names[number as usize].as_bytes());
        let mut map: HashMap<&str, u32> = HashMap::new();
        let mut table = NameTable::with_capacity(10);
        for number in 0..3000 {
            let hash = table.hash(name(number));
            match table.insert(hash, number, |other| name(other) == name(number)) {
                None => assert_eq!(map.insert(&names[number as usize], number), None),
                Some(mut entry) => {
                    assert_eq!(entry.number(), map[&*names[number as usize]]);
                    if number % 3 == 0 {
                        entry.set(number);
                        map.insert(&names[number as usize], number);
                    }
                }
            }
        }
        for number in 0..3000 {
            let found = table.find(table.hash(name(number)), |other| name(other) == name(number));
            assert_eq!(found, map.get(&*names[number as usize]).copied());
        }
        assert_eq!(table.len, map.len());
        let absent = plain(b"absent");
        assert_eq!(table.find(table.hash(absent), |other| name(other) == absent), None);
    }

    /// What comes behind is forgotten, and what was there is found.
    #[test]
    fn forgotten_numbers() {
        let mut table = NameTable::with_capacity(3);
        let name = |number: u32| format!("name {}", number % 700);
        for number in 0..1000 {
            let hash = table.hash(plain(name(number).as_bytes()));
            let known = table.insert(hash, number, |other| name(other) == name(number));
            assert_eq!(known.map(|entry| entry.number()), number.checked_sub(700));
        }
        table.keep_below(400);
        for number in 0..700 {
            let found = table.find(table.hash(plain(name(number).as_bytes())), |other| name(other) == name(number));
            assert_eq!(found, Some(number).filter(|number| *number < 400));
        }
        assert_eq!(table.len, 400);
    }

    /// A full row of equal hashes.
    #[test]
    fn equal_hashes() {
        let mut table = NameTable::with_capacity(0);
        for number in 0..50 {
            assert!(table.insert(NameHash(u32::MAX), number, |other| other == number).is_none());
        }
        for number in 0..50 {
            assert_eq!(table.find(NameHash(u32::MAX), |other| other == number), Some(number));
        }
        assert_eq!(table.find(NameHash(u32::MAX), |_| false), None);
    }
}
