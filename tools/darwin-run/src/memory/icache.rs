//! A model of the instruction cache: what the processor may have fetched is what `sys_icache_invalidate` was last told of.
//!
//! It keeps a copy of the words as they were then. A word that differs from its copy, or that has none, is stale: no
//! store has to be watched, and rewriting a word with itself is no fault, as it is none on hardware.

use std::collections::HashMap;

use super::PAGE;

const WORDS: usize = PAGE as usize / 4;

#[derive(Debug)]
struct Page {
    words: Box<[u8]>,
    known: Box<[u64]>,
}

impl Page {
    fn new() -> Page {
        Page { words: vec![0; PAGE as usize].into(), known: vec![0; WORDS.div_ceil(64)].into() }
    }
}

/// By page number.
#[derive(Default, Debug)]
pub(super) struct InstructionCache(HashMap<u64, Page>);

impl InstructionCache {
    /// Takes the words that `bytes`, at `start`, lies in. `start` is a multiple of 4.
    pub(super) fn take(&mut self, start: u64, bytes: &[u8]) {
        for (index, word) in bytes.chunks_exact(4).enumerate() {
            let address = start + 4 * index as u64;
            let page = self.0.entry(address / PAGE).or_insert_with(Page::new);
            let at = (address % PAGE) as usize;
            page.words[at..at + 4].copy_from_slice(word);
            page.known[at / 256] |= 1 << (at / 4 % 64);
        }
    }

    /// Forgets what it knew of whole pages.
    pub(super) fn forget(&mut self, start: u64, len: u64) {
        if len / PAGE > self.0.len() as u64 {
            self.0.retain(|page, _| !(start..start + len).contains(&(page * PAGE)));
        } else {
            for page in start / PAGE..(start + len).div_ceil(PAGE) {
                self.0.remove(&page);
            }
        }
    }

    /// The first of these words that is stale.
    pub(super) fn stale(&self, start: u64, bytes: &[u8]) -> Option<u64> {
        let mut words = bytes.chunks_exact(4).enumerate();
        words.find_map(|(index, word)| {
            let address = start + 4 * index as u64;
            let at = (address % PAGE) as usize;
            let fresh = self.0.get(&(address / PAGE)).is_some_and(|page| {
                page.known[at / 256] & (1 << (at / 4 % 64)) != 0 && page.words[at..at + 4] == *word
            });
            (!fresh).then_some(address)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_stale_until_it_is_taken_as_it_is_now() {
        let mut cache = InstructionCache::default();
        let start = 5 * PAGE - 8;
        let words = [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0];
        assert_eq!(cache.stale(start, &words), Some(start));
        cache.take(start, &words[..8]);
        assert_eq!(cache.stale(start, &words), Some(start + 8), "the next page was not taken");
        cache.take(start, &words);
        assert_eq!(cache.stale(start, &words), None);
        assert_eq!(cache.stale(start + 4, &[9, 0, 0, 0]), Some(start + 4), "another word");
        cache.forget(5 * PAGE, PAGE);
        assert_eq!(cache.stale(start, &words), Some(start + 8));
    }
}
