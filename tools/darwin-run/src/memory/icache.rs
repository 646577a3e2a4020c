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
        for (page, at, part) in by_page(start, bytes) {
            let page = self.0.entry(page).or_insert_with(Page::new);
            page.words[at..at + part.len()].copy_from_slice(part);
            for word in at / 4..(at + part.len()) / 4 {
                page.known[word / 64] |= 1 << (word % 64);
            }
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
        by_page(start, bytes).find_map(|(number, at, part)| {
            let Some(page) = self.0.get(&number) else { return Some(number * PAGE + at as u64) };
            let fresh = |at: usize, word: &[u8]| {
                page.known[at / 256] & (1 << (at / 4 % 64)) != 0 && page.words[at..at + 4] == *word
            };
            let mut words = (at..).step_by(4).zip(part.chunks_exact(4));
            words.find(|(at, word)| !fresh(*at, word)).map(|(at, _)| number * PAGE + at as u64)
        })
    }
}

/// Whole words by the page that they lie in: its number, the offset in it, the words.
fn by_page(start: u64, bytes: &[u8]) -> impl Iterator<Item = (u64, usize, &[u8])> {
    let mut address = start;
    let mut rest = &bytes[..bytes.len() & !3];
    std::iter::from_fn(move || {
        let at = (address % PAGE) as usize;
        let (part, behind) = rest.split_at(rest.len().min(PAGE as usize - at));
        let page = address / PAGE;
        (address, rest) = (address + part.len() as u64, behind);
        (!part.is_empty()).then_some((page, at, part))
    })
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
