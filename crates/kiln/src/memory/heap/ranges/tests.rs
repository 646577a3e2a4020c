//! The bookkeeping beside a naive model, which looks at every granule.

use super::*;

/// A small generator of numbers (xorshift64*), so that a failure can be repeated from its seed.
pub(in crate::memory) struct Random(u64);

impl Random {
    pub(in crate::memory) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(in crate::memory) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize) % end
    }

    /// From 1 to `2^bits`, small ones as often as large ones, as functions' sizes are.
    pub(in crate::memory) fn size(&mut self, bits: usize) -> usize {
        let bits = self.below(bits + 1);
        1 + self.below(1 << bits)
    }
}

/// Every granule: whose it is, and whether it ever was anybody's.
struct Model {
    owner: Vec<Option<u32>>,
    touched: Vec<bool>,
}

impl Model {
    fn new(granules: usize) -> Model {
        Model { owner: vec![None; granules], touched: vec![false; granules] }
    }

    fn fits(&self, len: usize, align: usize) -> bool {
        (0..self.owner.len())
            .step_by(align)
            .any(|start| self.owner.get(start..start + len).is_some_and(|range| range.iter().all(Option::is_none)))
    }

    fn longest_free(&self) -> usize {
        self.owner.split(Option::is_some).map(<[_]>::len).max().unwrap_or(0)
    }
}

/// What must hold between calls, whatever was called.
fn check(ranges: &Ranges, model: &Model, live: &[(Taken, usize, u32)]) {
    assert_eq!(ranges.free_granules(), model.owner.iter().filter(|owner| owner.is_none()).count());
    assert_eq!(ranges.longest_free(), model.longest_free(), "free neighbours are joined");
    let mut of_live: Vec<Index> = live.iter().map(|(taken, ..)| taken.index).collect();
    of_live.sort_by_key(|&index| ranges.start(index));
    assert_eq!(ranges.in_use().collect::<Vec<_>>(), of_live);
    for (taken, len, _) in live {
        assert_eq!((ranges.start(taken.index), ranges.len(taken.index)), (taken.start, *len));
    }
    let touched = model.touched.iter().rposition(|&touched| touched).map_or(0, |last| last + 1);
    assert_eq!(ranges.fresh(), touched);
}

/// Random takes and returns, in a mix that `pick` decides; `exact` asks that nothing is refused that would fit.
fn run(seed: u64, granules: usize, steps: usize, pick: impl Fn(&mut Random) -> (usize, usize)) -> usize {
    let mut random = Random::new(seed);
    let mut ranges = Ranges::new(granules, 0);
    let mut model = Model::new(granules);
    let mut live: Vec<(Taken, usize, u32)> = Vec::new();
    let mut refused = 0;
    for step in 0..steps {
        // Waves, so that it runs full and empty.
        let filling = (step / 500) % 2 == 0;
        if random.below(100) < if filling { 65 } else { 35 } {
            let (len, align) = pick(&mut random);
            match ranges.take(len, align) {
                Some(taken) => {
                    assert_eq!(taken.start % align, 0, "seed {seed}, step {step}");
                    let owners = &mut model.owner[taken.start..taken.start + len];
                    assert!(owners.iter().all(Option::is_none), "seed {seed}, step {step}: an overlap");
                    owners.fill(Some(step as u32));
                    // It may say "reused" of what an alignment skipped; never "fresh" of what was used.
                    let touched = &mut model.touched[taken.start..taken.start + len];
                    assert!(taken.reused || touched.iter().all(|touched| !touched), "seed {seed}, step {step}");
                    touched.fill(true);
                    live.push((taken, len, step as u32));
                }
                None => {
                    refused += 1;
                    // Only a range in a bin of ranges that may be too short, behind others, is passed over.
                    assert!(!model.fits(len + len / 4 + align, 1), "seed {seed}, step {step}: refused {len}");
                }
            }
        } else if !live.is_empty() {
            let (taken, len, id) = live.swap_remove(random.below(live.len()));
            let owners = &mut model.owner[taken.start..taken.start + len];
            assert!(owners.iter().all(|&owner| owner == Some(id)));
            owners.fill(None);
            ranges.give_back(taken.index);
        }
        if step % 64 == 0 || granules < 100 {
            check(&ranges, &model, &live);
        }
    }
    for (taken, ..) in live {
        ranges.give_back(taken.index);
    }
    assert_eq!((ranges.free_granules(), ranges.longest_free()), (granules, granules), "one free range in the end");
    refused
}

#[test]
fn the_bookkeeping_agrees_with_the_model() {
    let rounds = if cfg!(debug_assertions) { 40 } else { 400 };
    let mut refused = 0;
    for seed in 1..=rounds {
        // Small blocks run full.
        let granules = 1 + Random::new(seed).below(600);
        refused += run(seed, granules, 2_000, |random| {
            let len = random.size(7);
            (len, 1 << (random.below(8) * random.below(2)))
        });
    }
    assert!(refused > 1000, "the blocks ran full {refused} times");
    run(7, MOST, 20_000, |random| (random.size(11), 1));
}

#[test]
fn a_block_of_single_granules() {
    let mut ranges = Ranges::new(MOST, 0);
    let mut taken: Vec<Index> = Vec::new();
    while let Some(range) = ranges.take(1, 1) {
        taken.push(range.index);
    }
    // One entry is no index.
    assert_eq!(taken.len(), MOST);
    for index in taken.into_iter().step_by(2).collect::<Vec<_>>() {
        ranges.give_back(index);
    }
    assert_eq!((ranges.free_granules(), ranges.longest_free()), (MOST / 2 + 1, 1));
    assert_eq!(ranges.take(2, 1), None);
}

#[test]
fn impossible_wishes_are_refused() {
    let mut ranges = Ranges::new(10, 0);
    assert_eq!(ranges.take(11, 1), None);
    assert_eq!(ranges.take(MOST, 2), None);
    assert_eq!(ranges.take(usize::MAX, 4096), None);
    // A place that is aligned is found, although no range is long enough wherever it may begin.
    assert_eq!(ranges.take(10, 8).map(|taken| taken.start), Some(0));
}

#[test]
fn first_in_first_out_churn_stays_compact() {
    let mut random = Random::new(3);
    let mut ranges = Ranges::new(MOST, 0);
    let mut live = std::collections::VecDeque::new();
    let mut in_use = 0;
    let mut most = 0;
    for _ in 0..200_000 {
        if live.len() == 1000 {
            let index = live.pop_front().unwrap_or_default();
            in_use -= ranges.len(index);
            ranges.give_back(index);
        }
        let len = random.size(8);
        let taken = ranges.take(len, 1).map(|taken| taken.index);
        assert!(taken.is_some(), "there was room");
        live.extend(taken);
        in_use += len;
        most = most.max(in_use);
    }
    assert!(ranges.fresh() < most * 5 / 4, "{} granules touched for {most} in use", ranges.fresh());
}
