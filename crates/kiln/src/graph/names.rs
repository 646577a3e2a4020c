//! Names → symbols: a hash table that holds numbers, while the names stay where they are.

use super::Name;
use super::hash::Seed;

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
        let slots = names.saturating_mul(3).div_ceil(2).max(4).next_power_of_two();
        NameTable { slots: vec![0; slots], len: 0, seed: Seed::default() }
    }

    /// An empty table with the same hashes.
    pub(crate) fn sibling(&self) -> NameTable {
        NameTable { slots: vec![0; 4], len: 0, seed: self.seed }
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
                if self.len > self.slots.len() / 4 * 3 {
                    self.grow();
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

    fn grow(&mut self) {
        let slots = std::mem::take(&mut self.slots);
        self.slots = vec![0; slots.len() * 2];
        for slot in slots.into_iter().filter(|slot| *slot != 0) {
            let (Ok(at) | Err(at)) = self.probe(NameHash((slot >> 32) as u32), |_| false);
            self.slots[at] = slot;
        }
    }
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
