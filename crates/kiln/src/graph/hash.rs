//! A hash for names and for small keys: fast, and seeded, so that no input can be made of keys that collide.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A map for keys of a few numbers.
pub(crate) type FastMap<K, V> = HashMap<K, V, Seed>;

/// What makes each table's hash another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed([u64; 2]);

impl Default for Seed {
    fn default() -> Seed {
        let random = RandomState::new();
        Seed([0, 1].map(|number| {
            let mut hasher = random.build_hasher();
            hasher.write_u64(number);
            hasher.finish()
        }))
    }
}

impl Seed {
    /// The hash of bytes and a flag. Multiplies 16 bytes at a time into 128 bits, and folds them.
    #[inline]
    pub(crate) fn hash(self, bytes: &[u8], flag: bool) -> u64 {
        let Seed([first, second]) = self;
        let mut state = first ^ ((bytes.len() as u64) << 1 | u64::from(flag)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut take = |chunk: &[u8; 16]| {
            let whole = u128::from_le_bytes(*chunk);
            state = fold(state ^ whole as u64, second ^ (whole >> 64) as u64);
        };
        let mut rest = bytes;
        while let Some((chunk, behind)) = rest.split_first_chunk().filter(|(_, behind)| !behind.is_empty()) {
            take(chunk);
            rest = behind;
        }
        // The last 16 bytes, of which some may have had their turn, or fewer and zeros: the length tells them apart.
        match bytes.last_chunk() {
            Some(chunk) => take(chunk),
            None => {
                let mut last = [0; 16];
                last[..bytes.len()].copy_from_slice(bytes);
                take(&last);
            }
        }
        state
    }
}

impl BuildHasher for Seed {
    type Hasher = Folding;

    fn build_hasher(&self) -> Folding {
        Folding { seed: *self, state: self.0[0] }
    }
}

/// The hash of a key so far.
#[derive(Debug)]
pub(crate) struct Folding {
    seed: Seed,
    state: u64,
}

impl Hasher for Folding {
    fn finish(&self) -> u64 {
        self.state
    }

    fn write(&mut self, bytes: &[u8]) {
        self.write_u64(self.seed.hash(bytes, false));
    }

    fn write_u64(&mut self, number: u64) {
        self.state = fold(self.state ^ number, self.seed.0[1] ^ 0x9e37_79b9_7f4a_7c15);
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that differ in any one thing, and seeds, have different hashes: by chance two of 2200 meet once in 10^12.
    #[test]
    fn hashes_differ() {
        let bytes = [b'a'; 64];
        let seed = Seed::default();
        let mut seen: Vec<u64> = Vec::new();
        for len in 0..64 {
            for at in 0..len {
                let mut changed = bytes;
                changed[at] = b'b';
                seen.push(seed.hash(&changed[..len], false));
            }
            seen.push(seed.hash(&bytes[..len], false));
            seen.push(seed.hash(&bytes[..len], true));
            // Zeros at the end count.
            seen.push(seed.hash(&[0; 64][..len], false));
        }
        // No bytes are there twice.
        let count = seen.len() - 1;
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
        assert_ne!(seed.hash(b"main", false), Seed::default().hash(b"main", false));
    }

    /// Every number of a key counts, and its place.
    #[test]
    fn keys_differ() {
        let seed = Seed::default();
        let mut seen: Vec<u64> = Vec::new();
        for first in 0..40u32 {
            for second in 0..40i64 {
                seen.push(seed.hash_one((first, second)));
                seen.push(seed.hash_one((first, second, true)));
            }
        }
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }
}
