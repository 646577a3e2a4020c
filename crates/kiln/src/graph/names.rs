//! Names → symbols: a hash table that holds numbers, while the names stay where they are.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::Name;

/// The numbers of things that have names, by name.
///
/// Whoever asks compares the names. Open addressing with linear probing; a slot holds the upper half of the hash beside
/// the number, so that almost every comparison is one that succeeds, and a larger table needs no name again.
#[derive(Clone, Debug)]
pub(crate) struct NameTable {
    /// 0, or the hash in the upper half and the number plus 1 in the lower. Their count is a power of two.
    slots: Vec<u64>,
    len: usize,
    seed: [u64; 2],
}

/// The hash of a name, in the table that gave it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NameHash(u32);

impl NameTable {
    /// An empty table with room for `names` names.
    pub(crate) fn with_capacity(names: usize) -> NameTable {
        let random = RandomState::new();
        let seed = [0, 1].map(|number| {
            let mut hasher = random.build_hasher();
            hasher.write_u64(number);
            hasher.finish()
        });
        let slots = names.saturating_mul(3).div_ceil(2).max(4).next_power_of_two();
        NameTable { slots: vec![0; slots], len: 0, seed }
    }

    /// The hash to look a name up by.
    pub(crate) fn hash(&self, name: Name<'_>) -> NameHash {
        NameHash((hash(self.seed, name) >> 32) as u32)
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
    #[cfg(test)]
    pub(crate) fn number(&self) -> u32 {
        *self.0 as u32 - 1
    }

    /// Replaces it by the number, not `u32::MAX`, of another thing of the same name.
    pub(crate) fn set(&mut self, number: u32) {
        *self.0 = *self.0 >> 32 << 32 | (u64::from(number) + 1);
    }
}

/// Multiplies 16 bytes of the name at a time into 128 bits, and folds them. The seed, which differs in each table, keeps an
/// input from being made of names that collide.
fn hash(seed: [u64; 2], name: Name<'_>) -> u64 {
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    let mut state = seed[0];
    let (chunks, rest) = name.bytes.as_chunks::<16>();
    let halves = |chunk: &[u8; 16]| {
        let whole = u128::from_le_bytes(*chunk);
        (whole as u64, (whole >> 64) as u64)
    };
    for chunk in chunks {
        let (low, high) = halves(chunk);
        state = fold(state ^ low, seed[1] ^ high);
    }
    if !rest.is_empty() {
        // The last 16 bytes, of which some may have had their turn, or fewer and zeros: the length tells them apart.
        let mut last = [0; 16];
        match name.bytes.last_chunk::<16>() {
            Some(chunk) => last = *chunk,
            None => last[..rest.len()].copy_from_slice(rest),
        }
        let (low, high) = halves(&last);
        state = fold(state ^ low, seed[1] ^ high);
    }
    fold(state ^ 0x9e37_79b9_7f4a_7c15, seed[1] ^ ((name.bytes.len() as u64) << 1 | u64::from(name.raw)))
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

    /// Names that differ in any one thing, and tables, have different hashes: by chance two of 3000 meet once in a thousand.
    #[test]
    fn hashes_differ() {
        let bytes = [b'a'; 64];
        let table = NameTable::with_capacity(0);
        let mut seen: Vec<u64> = Vec::new();
        for len in 0..64 {
            for at in 0..len {
                let mut changed = bytes;
                changed[at] = b'b';
                seen.push(hash(table.seed, plain(&changed[..len])));
            }
            seen.push(hash(table.seed, plain(&bytes[..len])));
            seen.push(hash(table.seed, Name { raw: true, bytes: &bytes[..len] }));
            // Zeros at the end count.
            seen.push(hash(table.seed, plain(&[0; 64][..len])));
        }
        // The empty name is there twice.
        let count = seen.len() - 1;
        let other = NameTable::with_capacity(0);
        assert_ne!(hash(table.seed, plain(b"main")), hash(other.seed, plain(b"main")));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
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
