//! `<stdlib.h>`: sorting, searching, random numbers.

use std::cmp::Ordering;

use crate::kernel::identity;
use crate::machine::{Answer, Function, Machine, Stop};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("_qsort", |m| sort(m, m.x(3), None)),
    ("_qsort_r", |m| sort(m, m.x(4), Some(m.x(3)))),
    ("_bsearch", bsearch),
    ("_rand", |m| Ok(u64::from(random(m) >> 1))),
    ("_random", |m| Ok(u64::from(random(m) >> 1))),
    ("_srand", |m| seed(m)),
    ("_srandom", |m| seed(m)),
    ("_arc4random", |m| {
        let scratch = m.cpu.sp() - 64;
        identity::random(m, scratch, 4)?;
        Ok(u64::from(m.memory.u32(scratch)?))
    }),
    ("_arc4random_buf", |m| identity::random(m, m.x(0), m.x(1))),
    ("_CCRandomGenerateBytes", |m| identity::random(m, m.x(0), m.x(1))),
    ("_getentropy", |m| identity::entropy(m, m.x(0), m.x(1))),
];

/// Calls the program's comparison of two elements.
fn compare(m: &mut Machine, function: u64, context: Option<u64>, a: u64, b: u64) -> Result<Ordering, Stop> {
    let result = match context {
        Some(context) => m.call(function, &[context, a, b]),
        None => m.call(function, &[a, b]),
    };
    Ok((result? as i32).cmp(&0))
}

/// Merges runs of doubling length, of indexes into a copy of the array that the comparison sees.
fn sort(m: &mut Machine, function: u64, context: Option<u64>) -> Answer {
    let (base, count, size) = (m.x(0), m.x(1), m.x(2));
    let bytes = m.memory.bytes(base, count.saturating_mul(size))?.to_vec();
    let mut order: Vec<u64> = (0..count).collect();
    let mut run = 1;
    while run < order.len() {
        let mut merged = Vec::with_capacity(order.len());
        for pair in order.chunks(2 * run) {
            let (mut left, mut right) = pair.split_at(run.min(pair.len()));
            while let ([a, ..], [b, ..]) = (left, right) {
                if compare(m, function, context, base + a * size, base + b * size)? == Ordering::Greater {
                    merged.push(*b);
                    right = &right[1..];
                } else {
                    merged.push(*a);
                    left = &left[1..];
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        order = merged;
        run *= 2;
    }
    let size = size as usize;
    let sorted: Vec<u8> = order.iter().flat_map(|&at| &bytes[at as usize * size..][..size]).copied().collect();
    m.memory.put(base, &sorted)?;
    Ok(0)
}

fn bsearch(m: &mut Machine) -> Answer {
    let (key, base, count, size, function) = (m.x(0), m.x(1), m.x(2), m.x(3), m.x(4));
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        let at = base + middle * size;
        match compare(m, function, None, key, at)? {
            Ordering::Equal => return Ok(at),
            Ordering::Less => high = middle,
            Ordering::Greater => low = middle + 1,
        }
    }
    Ok(0)
}

fn seed(m: &mut Machine) -> Answer {
    m.library.random = m.x(0);
    Ok(0)
}

/// Not Apple's sequence: SplitMix64.
pub(super) fn random(m: &mut Machine) -> u32 {
    m.library.random = m.library.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = m.library.random ^ m.library.random >> 30;
    let mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed >> 32) as u32
}
