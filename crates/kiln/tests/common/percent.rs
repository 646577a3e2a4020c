//! How many cases those tests try that try many. `KILN_TEST_PERCENT` says how many of a hundred, where a processor is
//! emulated that runs fifty times slower; without it, all.

fn percent() -> usize {
    let Ok(text) = std::env::var("KILN_TEST_PERCENT") else { return 100 };
    let percent = text.parse().unwrap_or(0);
    assert!((1..=100).contains(&percent), "KILN_TEST_PERCENT is no number from 1 to 100");
    percent
}

/// So many of `cases`, at least one.
#[allow(dead_code, reason = "each test takes what it needs")]
pub(crate) fn of(cases: usize) -> usize {
    (cases * percent()).div_ceil(100)
}

/// The step from one to the next where places are tried one after the other: an odd number, so that it meets every
/// alignment.
#[allow(dead_code, reason = "each test takes what it needs")]
pub(crate) fn step() -> usize {
    (100 / percent()) | 1
}
