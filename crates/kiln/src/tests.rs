//! What only the inside of the crate can test: the system's calls failing one by one, and a look at the process after
//! each of them.

#![allow(clippy::unwrap_used, clippy::panic)]

use crate::memory::sys::injection;
use crate::{Assembler, CodeHeap, Linker, Module, Os, Result, Syntax, Target};

/// Text, constants, data and zeros, with a relocation in each.
fn image() -> Linker<'static> {
    let text = ".globl entry\nentry: ret\n.section .rodata\n.quad entry\n.data\n.quad entry\n.bss\n.zero 100000\n";
    // ELF on every system, so that the source need be written once.
    let target = Target::new(Target::host().arch(), Os::Linux);
    let object = Assembler::find(target, Syntax::Plain).unwrap().assemble("image.s", text.as_bytes()).unwrap();
    let mut linker = Linker::new(Target::host());
    linker.add_object("image.o", object).unwrap();
    linker
}

fn load(linker: Linker<'static>) -> Result<Module> {
    // SAFETY: nothing in it is called.
    unsafe { linker.load() }
}

/// No page of this process may be written and executed.
#[cfg(target_os = "linux")]
fn no_page_is_writable_and_executable() {
    for line in std::fs::read_to_string("/proc/self/maps").unwrap().lines() {
        let permissions = line.split(' ').nth(1).unwrap();
        assert!(!(permissions.contains('w') && permissions.contains('x')), "{line}");
    }
}

#[test]
fn a_load_that_fails_leaves_nothing_mapped() {
    let mut failures = 0;
    loop {
        let linker = image();
        let live = injection::live();
        let (result, failed) = injection::failing(failures, || load(linker));
        if !failed {
            assert!(result.is_ok());
            assert_eq!(injection::live(), live + 1, "one mapping for the whole module");
            drop(result);
            assert_eq!(injection::live(), live, "unmapped with the last handle");
            break;
        }
        let error = result.unwrap_err();
        assert!(error.is_system(), "{error:?}");
        assert!(error.to_string().contains("Cannot allocate memory"), "{error}");
        assert_eq!(injection::live(), live, "call {failures} failed: {error}");
        failures += 1;
    }
    // mmap, and an mprotect each for the constants and the text.
    assert_eq!(failures, 3);
}

#[test]
fn a_publish_that_fails_leaves_nothing_mapped() {
    let heap = CodeHeap::new().unwrap();
    for call in 0..2 {
        let live = injection::live();
        let (result, failed) = injection::failing(call, || heap.publish(&[0xc3; 16]));
        assert!(failed);
        assert!(result.unwrap_err().is_system());
        assert_eq!(injection::live(), live);
    }
    let (result, failed) = injection::failing(2, || heap.publish(&[0xc3; 16]));
    assert!(!failed && result.is_ok());
}

#[cfg(target_os = "linux")]
#[test]
fn no_page_is_ever_writable_and_executable() {
    use std::cell::Cell;
    use std::rc::Rc;

    let linker = image();
    let looks = Rc::new(Cell::new(0));
    let seen = Rc::clone(&looks);
    let module = injection::watched(
        move || {
            seen.set(seen.get() + 1);
            no_page_is_writable_and_executable();
        },
        || load(linker),
    );
    assert_eq!(looks.get(), 3, "after every call");
    let module = module.unwrap();
    no_page_is_writable_and_executable();
    let entry = module.address("entry").unwrap() as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let permissions = |address: usize| {
        maps.lines()
            .find_map(|line| {
                let (range, rest) = line.split_once(' ')?;
                let (start, end) = range.split_once('-')?;
                let start = usize::from_str_radix(start, 16).ok()?;
                let end = usize::from_str_radix(end, 16).ok()?;
                (start..end).contains(&address).then(|| rest[..3].to_owned())
            })
            .unwrap()
    };
    let page = crate::Situation::of_this_process().page_size as usize;
    assert_eq!(permissions(entry), "r-x");
    // qemu-user maps text without execution on its host, where it is then one region with the constants, and shows the
    // region with the protection of its first page.
    let runner = std::env::var("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER").unwrap_or_default();
    if !(cfg!(target_arch = "aarch64") && runner.contains("qemu")) {
        assert_eq!(permissions(entry + page), "r--", "constants");
    }
    assert_eq!(permissions(entry + 2 * page), "rw-", "data");
}
