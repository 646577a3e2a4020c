//! What the situation of this process promises, in each way that a program can be signed or restricted: generated code
//! runs, or is refused before anything is executed, in the words that `kiln doctor` has for it.
//!
//! `.ci/apple` runs this in every signing of a Mac's program. `KILN_TEST_REFUSED=1` says that it must be refused here.
#![allow(clippy::unwrap_used, unsafe_code)] // It loads code, and calls it.

use kiln::{Arch, CodeHeap, Error, Function, HeapOptions, Linker, Situation, Target};

/// What a hardened program that has no entitlement is told.
const SIGNINGS: &str = "sign the program: kiln sign PROGRAM --hardened --entitlement allow-jit; or kiln sign PROGRAM --hardened \
                        --entitlement allow-unsigned-executable-memory; or leave out --hardened, if the program is not to be \
                        notarized";

/// Returns 42.
fn code() -> &'static [u8] {
    match Target::host().arch() {
        Arch::X86_64 => &[0xb8, 42, 0, 0, 0, 0xc3],
        Arch::Aarch64 => &[0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6],
    }
}

fn by_linker() -> Result<i32, Error> {
    let mut linker = Linker::new(Target::host());
    linker.add_flat("code.bin", code(), &[("answer", 0)])?;
    // SAFETY: a function that returns a number.
    let module = unsafe { linker.load() }?;
    // SAFETY: as above.
    let answer: Function<extern "C" fn() -> i32> = unsafe { module.function("answer") }?;
    Ok(answer.call())
}

fn by_heap() -> Result<i32, Error> {
    let code = CodeHeap::new(HeapOptions::new())?.publish(code())?;
    // SAFETY: a function that returns a number.
    let answer: Function<extern "C" fn() -> i32> = unsafe { code.function() };
    Ok(answer.call())
}

#[test]
fn code_runs_or_is_refused_in_the_doctors_words() {
    let situation = Situation::of_this_process();
    println!("{situation}");
    let must_be_refused = std::env::var_os("KILN_TEST_REFUSED").is_some();
    for (done, choice) in [(by_linker(), situation.choose()), (by_heap(), situation.choose_for_heap())] {
        assert_eq!(choice.is_err(), must_be_refused, "{situation}: {choice:?}");
        match (done, choice) {
            (Ok(answer), Ok(_)) => assert_eq!(answer, 42),
            (Err(refused), Err(said)) => {
                assert!(refused.is_not_allowed(), "{refused:?}");
                assert_eq!(refused.to_string(), said.to_string());
                assert_eq!(refused.next_step(), said.next_step());
                assert_eq!(refused.next_step(), Some(SIGNINGS), "{refused}");
            }
            (done, choice) => unreachable!("{situation}: {done:?}, though {choice:?}"),
        }
    }
}
