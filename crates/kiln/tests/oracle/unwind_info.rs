//! What linkers of Mach-O make of compact unwind tables: `__unwind_info`, read and spelt out as the rules of call frame
//! information (`<mach-o/compact_unwind_encoding.h>`).

use gimli::{CfaRule, Register, RegisterRule};

use crate::world::World;

/// What holds from one function's beginning to the next one's.
pub(crate) struct Entry {
    pub(crate) function: u64,
    pub(crate) encoding: u32,
    /// The function itself, and not its slot.
    pub(crate) personality: Option<u64>,
    pub(crate) data: Option<u64>,
}

/// The entries of the table at `start`; its offsets count from `base`.
pub(crate) fn read(world: &World, start: u64, base: u64) -> Vec<Entry> {
    let word = |at: u64| world.instruction(start + at).unwrap();
    let half = |at: u64| u64::from(word(at) & 0xffff);
    let [version, common, commons, personalities, _, index, indexes] =
        std::array::from_fn(|field| word(4 * field as u64));
    assert_eq!(version, 1);
    let top = |number: u32| u64::from(index) + 12 * u64::from(number);
    let mut entries = Vec::new();
    for number in 0..indexes - 1 {
        let (first, page) = (word(top(number)), u64::from(word(top(number) + 4)));
        let data = word(top(number) + 8)..word(top(number + 1) + 8);
        let data = |function: u32| {
            let mut places = data.clone().step_by(8).map(u64::from);
            places.find(|at| word(*at) == function).map(|at| base + u64::from(word(at + 4)))
        };
        let mut add = |function: u32, encoding: u32| {
            let personality = (encoding >> 28 & 3).checked_sub(1).map(|which| {
                let slot = base + u64::from(word(u64::from(personalities) + 4 * u64::from(which)));
                world.word(slot).unwrap()
            });
            let function_at = base + u64::from(function);
            entries.push(Entry { function: function_at, encoding, personality, data: data(function) });
        };
        let (from, count) = (page + half(page + 4), half(page + 6));
        for entry in 0..count {
            match word(page) {
                2 => add(word(from + 8 * entry), word(from + 8 * entry + 4)),
                3 => {
                    let compressed = word(from + 4 * entry);
                    let encoding = match compressed >> 24 {
                        which if which < commons => word(u64::from(common) + 4 * u64::from(which)),
                        which => word(page + half(page + 8) + 4 * u64::from(which - commons)),
                    };
                    add(first + (compressed & 0xff_ffff), encoding);
                }
                kind => panic!("a page of kind {kind}"),
            }
        }
    }
    entries
}

/// By which rules a function's frame is undone. `None`: call frame information says it, or nothing does.
pub(crate) fn rules(encoding: u32, x86: bool) -> Option<String> {
    let mut saved: Vec<(u16, i64)> = Vec::new();
    let (register, offset) = match (x86, encoding >> 24 & 0xf) {
        (true, 1) => {
            saved.extend([(6, -16), (16, -8)]);
            let lowest = -16 - 8 * i64::from(encoding >> 16 & 0xff);
            for place in 0..5 {
                saved.extend(
                    x86_register(encoding >> (3 * place) & 7).map(|number| (number, lowest + 8 * i64::from(place))),
                );
            }
            (6, 16)
        }
        (true, 2) => {
            let (size, count) = (8 * i64::from(encoding >> 16 & 0xff), encoding >> 10 & 7);
            saved.push((16, -8));
            let order = permuted(encoding & 0x3ff, count);
            for (place, number) in (0i64..).zip(&order) {
                saved.extend(x86_register(*number).map(|number| (number, -8 - 8 * i64::from(count) + 8 * place)));
            }
            (7, size)
        }
        (false, mode @ (2 | 4)) => {
            let mut below = if mode == 4 { -24 } else { -8 };
            if mode == 4 {
                saved.extend([(29, -16), (30, -8)]);
            }
            let pairs = [(0, 19), (1, 21), (2, 23), (3, 25), (4, 27), (8, 72), (9, 74), (10, 76), (11, 78)];
            for (_, first) in pairs.iter().filter(|(bit, _)| encoding >> bit & 1 == 1) {
                saved.extend([(*first, below), (first + 1, below - 8)]);
                below -= 16;
            }
            if mode == 4 { (29, 16) } else { (31, 16 * i64::from(encoding >> 12 & 0xfff)) }
        }
        _ => return None,
    };
    let cfa = CfaRule::<usize>::RegisterAndOffset { register: Register(register), offset };
    let rule = |(number, offset): &(u16, i64)| format!("{number}={:?}", RegisterRule::<usize>::Offset(*offset));
    let mut rules: Vec<String> = saved.iter().map(rule).collect();
    rules.sort();
    Some(format!("{cfa:?} {}", rules.join(" ")))
}

/// `UNWIND_X86_64_REG_RBX` and so on, as call frame information numbers them.
fn x86_register(number: u32) -> Option<u16> {
    [None, Some(3), Some(12), Some(13), Some(14), Some(15), Some(6)][number as usize]
}

/// The registers in the order of a permutation: each digit counts those that are not taken yet.
fn permuted(mut number: u32, count: u32) -> Vec<u32> {
    let mut digits = Vec::new();
    for place in 0..count {
        // How many orders there are of the registers behind this one.
        let orders: u32 = (place + 1..count).map(|later| 6 - later).product();
        digits.push(number / orders);
        number %= orders;
    }
    let mut free: Vec<u32> = (1..=6).collect();
    digits.into_iter().map(|digit| free.remove(digit as usize)).collect()
}
