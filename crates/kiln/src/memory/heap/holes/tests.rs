//! The bookkeeping beside a naive model, which looks at every granule.

use super::*;
use crate::tests::percent;

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

/// Every granule: whose it is.
struct Model(Vec<Option<u32>>);

impl Model {
    fn fits(&self, len: u32, align: u32) -> bool {
        (0..self.0.len())
            .step_by(align as usize)
            .any(|start| self.0.get(start..start + len as usize).is_some_and(|range| range.iter().all(Option::is_none)))
    }

    fn set(&mut self, span: Span, from: Option<u32>, to: Option<u32>) {
        let range = &mut self.0[span.start as usize..span.end() as usize];
        assert!(range.iter().all(|&owner| owner == from), "{span:?} is not all of {from:?}");
        range.fill(to);
    }
}

/// What must hold between calls, whatever was called.
fn check(holes: &Holes, model: &Model) {
    let mut free: Vec<Span> = Vec::new();
    for (at, _) in (0..).zip(&model.0).filter(|(_, owner)| owner.is_none()) {
        match free.last_mut() {
            Some(last) if last.end() == at => last.len += 1,
            _ => free.push(Span { start: at, len: 1 }),
        }
    }
    let listed: Vec<Span> = holes.holes.iter().copied().filter(|hole| hole.len > 0).collect();
    assert_eq!(listed, free, "free neighbours are joined, in the order of their addresses");
    assert_eq!(holes.free(), free.iter().map(|hole| hole.len).sum());
    assert_eq!(holes.longest(), free.iter().map(|hole| hole.len).max().unwrap_or(0));
    assert!(holes.longest >= holes.longest());
    assert!(holes.holes.is_sorted());
}

/// Random takes and returns, in a mix that `pick` decides. A hole is carved, or opened, handed out piece by piece and put back
/// before anything else is freed, as a shard does.
fn run(seed: u64, granules: u32, steps: u32, pick: impl Fn(&mut Random) -> (u32, u32)) -> usize {
    let mut random = Random::new(seed);
    // Some of it is new, and comes later.
    let mut filled = random.below(granules as usize + 1) as u32;
    let mut holes = Holes::new(filled);
    let mut model = Model(vec![None; granules as usize]);
    model.0[filled as usize..].fill(Some(u32::MAX));
    let mut live: Vec<(Span, u32)> = Vec::new();
    let mut freed: Vec<Span> = Vec::new();
    let mut refused = 0;
    for step in 0..steps {
        // Waves, so that it runs full and empty.
        let filling = (step / 500) % 2 == 0;
        if random.below(100) < if filling { 65 } else { 35 } {
            let (len, align) = pick(&mut random);
            // What was freed and has not come back is nobody's, but cannot be taken.
            for span in &freed {
                model.set(*span, None, Some(u32::MAX));
            }
            match holes.find(len, align) {
                Some((found, _)) if align == 1 && random.below(2) == 0 => {
                    let mut window = holes.open(found);
                    assert!(window.len >= len);
                    model.set(window, None, Some(step));
                    for _ in 0..=random.below((window.len / len) as usize) {
                        if window.len >= len {
                            live.push((Span { start: window.start, len }, step));
                            window = Span { start: window.start + len, len: window.len - len };
                        }
                    }
                    model.set(window, Some(step), None);
                    holes.put(window);
                }
                Some((found, _)) => {
                    let start = holes.carve(found, len, align);
                    assert_eq!(start % align, 0, "seed {seed}, step {step}");
                    model.set(Span { start, len }, None, Some(step));
                    live.push((Span { start, len }, step));
                }
                None => {
                    refused += 1;
                    assert!(!model.fits(len, align), "seed {seed}, step {step}: refused {len} at {align}");
                }
            }
            if random.below(10) == 0 {
                check(&holes, &model);
            }
            for span in &freed {
                model.set(*span, Some(u32::MAX), None);
            }
        } else if !live.is_empty() {
            let (span, id) = live.swap_remove(random.below(live.len()));
            model.set(span, Some(id), None);
            freed.push(span);
        }
        if random.below(20) == 0 {
            freed.sort();
            holes.give_back(freed.drain(..));
            check(&holes, &model);
        }
        if random.below(50) == 0 && filled < granules {
            let new = Span { start: filled, len: 1 + random.below((granules - filled) as usize) as u32 };
            model.set(new, Some(u32::MAX), None);
            holes.put(new);
            filled = new.end();
        }
    }
    freed.extend(live.iter().map(|(span, _)| *span));
    freed.sort();
    holes.give_back(freed.into_iter());
    assert_eq!((holes.free(), holes.longest()), (filled, filled), "one hole in the end");
    refused
}

#[test]
fn the_bookkeeping_agrees_with_the_model() {
    let rounds = if cfg!(miri) { 1 } else { percent::of(30) as u64 };
    let mut refused = 0;
    for seed in 1..=rounds {
        // Small blocks run full.
        let granules = 1 + Random::new(seed).below(600) as u32;
        refused += run(seed, granules, if cfg!(miri) { 100 } else { 1_500 }, |random| {
            let len = random.size(7) as u32;
            (len, 1 << (random.below(8) * random.below(2)))
        });
    }
    assert!(refused > percent::of(1_000) || cfg!(miri), "the blocks ran full {refused} times");
    // A list of many holes. What is looked at each time is the whole model: a larger block finds nothing more.
    run(7, if cfg!(miri) { 200 } else { 2_000 }, if cfg!(miri) { 100 } else { percent::of(6_000) as u32 }, |random| {
        (random.size(4) as u32, 1)
    });
}

#[test]
fn a_block_of_single_granules() {
    const ALL: u32 = if cfg!(miri) { 100 } else { 1000 };
    let mut holes = Holes::new(ALL);
    for at in 0..ALL {
        let found = holes.find(1, 1).map(|(found, _)| holes.carve(found, 1, 1));
        assert_eq!(found, Some(at));
    }
    assert_eq!(holes.find(1, 1), None);
    holes.give_back((0..ALL).step_by(2).map(|start| Span { start, len: 1 }));
    assert_eq!((holes.free(), holes.longest()), (ALL / 2, 1));
    assert_eq!(holes.find(2, 1), None);
    holes.give_back((1..ALL).step_by(2).map(|start| Span { start, len: 1 }));
    assert_eq!(holes.find(ALL, 1), Some((0, ALL)));
}

#[test]
fn impossible_wishes_are_refused() {
    let mut holes = Holes::new(10);
    assert_eq!(holes.find(11, 1), None);
    assert_eq!(holes.find(u32::MAX, 1), None);
    assert_eq!(holes.find(4, u32::MAX / 2 + 1), Some((0, 10)));
    assert_eq!(holes.carve(0, 3, 1), 0);
    // Not at a multiple of 8, which is 8; but without an alignment.
    assert_eq!(holes.find(3, 8), None);
    assert_eq!(holes.find(7, 1), Some((0, 7)));
}

/// A thousand pieces of 29 granules on average, the oldest of which goes whenever one comes, and comes back with a hundred
/// others: a third more room than they take is enough.
#[test]
fn first_in_first_out_churn_stays_compact() {
    let mut random = Random::new(3);
    let mut holes = Holes::new(40_000);
    let (mut live, mut freed) = (std::collections::VecDeque::<Span>::new(), Vec::<Span>::new());
    for round in 0..if cfg!(miri) { 1_200 } else { percent::of(200_000) } {
        if live.len() == 1000 {
            freed.extend(live.pop_front());
        }
        if freed.len() > 100 {
            freed.sort();
            holes.give_back(freed.drain(..));
        }
        let len = random.size(8) as u32;
        let found = holes.find(len, 1);
        assert!(found.is_some(), "round {round}: {len} of {}, {} are free", holes.longest(), holes.free());
        live.extend(found.map(|(found, _)| Span { start: holes.carve(found, len, 1), len }));
    }
}
