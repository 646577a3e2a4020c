//! Functions that exceptions can leave: what it takes until the unwinder knows of them, and has forgotten them again.

use std::fmt::Write as _;
use std::panic::{catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use kiln::{Assembler, Linker, Syntax, Target};

use crate::median;

pub(crate) const NAME: &str = "frames";
const COUNTS: [usize; 3] = [1_000, 10_000, 40_000];
const ROUNDS: usize = 21;

pub(crate) fn compare() {
    println!(
        "{NAME:<16} {:<22} {:>12} {:>15} {:>9} {:>9}",
        "one object", "loaded", "first exception", "unloaded", "ns each"
    );
    for count in COUNTS {
        let object = object(count);
        let runs: Vec<[Duration; 3]> = (0..ROUNDS).map(|_| once(&object)).collect();
        let [load, exception, unload] = [0, 1, 2].map(|part| median(runs.iter().map(|run| run[part]).collect()));
        let all = median(runs.iter().map(|run| run.iter().sum()).collect());
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "{:<16} {:<22} {:>9.3} ms {:>12.3} ms {:>6.3} ms {:>9.1}",
            "",
            format!("{count} functions"),
            ms(load),
            ms(exception),
            ms(unload),
            all.as_secs_f64() * 1e9 / count as f64
        );
    }
}

/// How long it takes to load, to throw for the first time (libgcc then sorts what it knows), and to unload.
fn once(object: &[u8]) -> [Duration; 3] {
    let begin = Instant::now();
    let mut linker = Linker::new(Target::host());
    linker.add_object("frames.o", object).unwrap();
    // SAFETY: functions that do nothing.
    let module = unsafe { linker.load() }.unwrap();
    let loaded = Instant::now();
    assert!(catch_unwind(|| resume_unwind(Box::new(1))).is_err());
    let thrown = Instant::now();
    module.unload().unwrap();
    [loaded - begin, thrown - loaded, thrown.elapsed()]
}

/// An object of so many functions, each with a description of its frame.
fn object(count: usize) -> Vec<u8> {
    let mut text = String::from(".text\n.globl f0\n");
    for number in 0..count {
        write!(text, "f{number}:\n.cfi_startproc\nnop\n.cfi_adjust_cfa_offset 16\nnop\n").unwrap();
        text += ".cfi_adjust_cfa_offset -16\nret\n.cfi_endproc\n";
    }
    let assembler = Assembler::find(Target::host(), Syntax::Plain).unwrap();
    assembler.assemble("frames.s", text.as_bytes()).unwrap()
}
