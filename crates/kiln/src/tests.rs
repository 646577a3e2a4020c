//! What only the inside of the crate can test: the system's calls failing one by one, and a look at the process after
//! each of them.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../tests/common/percent.rs"]
pub(crate) mod percent;

use crate::memory::sys::injection;
use crate::{Arch, Assembler, Function, Linker, Module, Os, Result, Situation, Strategy, Syntax, Target};

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

fn load(linker: Linker<'static>, strategy: Strategy) -> Result<Module> {
    // SAFETY: nothing in it is called, or what is called is a function of this file.
    unsafe { linker.load_by(strategy) }
}

/// A way to load an image that works in this process.
struct Way {
    strategy: Strategy,
    /// How many system calls it makes.
    calls: usize,
    /// How many mappings a module has.
    mappings: usize,
}

fn ways() -> Vec<Way> {
    let ways = [
        // mmap, and an mprotect each for the constants and the text.
        Way { strategy: Strategy::Seal, calls: 3, mappings: 1 },
        // mmap, mprotect for the constants; a file for the text, what is written to it, and its mmap.
        Way { strategy: Strategy::DualMapping, calls: 5, mappings: 1 },
        // mmap for the text, another near it for the rest, mprotect for the constants; the text is written. Linux has no
        // such memory, and in tests some that takes a call like it: an mprotect.
        Way { strategy: Strategy::ThreadToggle, calls: 4, mappings: 2 },
        Way { strategy: Strategy::ToggleCallback, calls: 4, mappings: 2 },
    ];
    let as_toggle = |way: &Way| cfg!(target_os = "linux") && way.strategy == Strategy::ThreadToggle;
    let works = |way: &Way| Situation::of_this_process().verdict(way.strategy).is_working();
    let ways: Vec<Way> = ways.into_iter().filter(|way| works(way) || as_toggle(way)).collect();
    assert_eq!(ways.is_empty(), Situation::of_this_process().choose().is_err());
    ways
}

/// No page of this process may be written and executed.
#[cfg(target_os = "linux")]
pub(crate) fn no_page_is_writable_and_executable() {
    for line in std::fs::read_to_string("/proc/self/maps").unwrap().lines() {
        let permissions = line.split(' ').nth(1).unwrap();
        assert!(!(permissions.contains('w') && permissions.contains('x')), "{line}");
    }
}

#[test]
fn a_load_that_fails_leaves_nothing_mapped() {
    for Way { strategy, calls, mappings } in ways() {
        let mut failures = 0;
        loop {
            let linker = image();
            let live = injection::live();
            let (result, failed) = injection::failing(failures, || load(linker, strategy));
            if !failed {
                assert!(result.is_ok());
                assert_eq!(injection::live(), live + mappings, "{strategy}");
                drop(result);
                assert_eq!(injection::live(), live, "unmapped with the last handle");
                break;
            }
            let error = result.unwrap_err();
            assert!(error.is_system(), "{error:?}");
            assert!(error.to_string().contains("Cannot allocate memory"), "{error}");
            assert_eq!(injection::live(), live, "{strategy}: call {failures} failed: {error}");
            failures += 1;
        }
        assert_eq!(failures, calls, "{strategy}");
    }
}

/// Thread-local storage takes four calls more: a file in memory, what is written to it, and the loader twice. Of a failed load
/// neither the file is there nor the library.
#[cfg(target_os = "linux")]
#[test]
fn a_load_with_thread_local_storage_that_fails_leaves_nothing() {
    use std::fs;

    let code = match Target::host().arch() {
        Arch::X86_64 => "mov %fs:x@tpoff, %eax\nret\n",
        Arch::Aarch64 => "mrs x1, tpidr_el0\nadd x1, x1, #:tprel_hi12:x\nldr w0, [x1, :tprel_lo12_nc:x]\nret\n",
    };
    let text = format!(".globl f\nf: {code}.section .tdata,\"awT\",%progbits\n.balign 8\nx: .long 7\n");
    let object = Assembler::find(Target::host(), Syntax::Plain).unwrap().assemble("x.s", text.as_bytes()).unwrap();
    let left = || {
        let files = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        let files = files.filter(|file| file.to_string_lossy().contains("kiln-thread-local")).count();
        (files, fs::read_to_string("/proc/self/maps").unwrap().matches("kiln-thread-local").count())
    };
    let mut failures = 0;
    loop {
        let mut linker = Linker::new(Target::host());
        linker.add_object("x.o", object.clone()).unwrap();
        let live = injection::live();
        let (result, failed) = injection::failing(failures, || load(linker, Strategy::Seal));
        if !failed {
            assert_eq!(left().0, 0, "the file is closed");
            // SAFETY: it takes nothing and returns an integer.
            let f: Function<extern "C" fn() -> i32> = unsafe { result.unwrap().function("f") }.unwrap();
            assert_eq!(f.call(), 7);
            break;
        }
        let error = result.unwrap_err();
        assert!(error.is_system() && error.to_string().contains("Cannot allocate memory"), "{error}");
        assert_eq!((injection::live(), left()), (live, (0, 0)), "call {failures} failed: {error}");
        failures += 1;
    }
    assert_eq!(failures, 7);
    assert_eq!(left(), (0, 0), "unloaded");
}

/// Whatever the memory is made of; and where the system has no room for a quarantine, the memory is unmapped.
#[test]
fn what_is_unloaded_goes_into_quarantine() {
    for Way { strategy, mappings, .. } in ways() {
        for failures in 0..=mappings {
            let live = injection::live();
            let module = load(image(), strategy).unwrap();
            let entry = module.address("entry").unwrap();
            assert_eq!(Module::unloaded(entry), None);
            let (_, failed) = injection::failing(failures, || drop(module));
            assert_eq!(failed, failures < mappings);
            assert_eq!(injection::live(), live, "{strategy}");
            // The text is the first.
            let told = Module::unloaded(entry).map(|told| (told.inputs.to_string(), told.offset));
            assert_eq!(told, (failures != 0).then(|| ("image.o".to_owned(), 0)), "{strategy}, {failures}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_page_is_ever_writable_and_executable() {
    for Way { strategy, calls, .. } in ways() {
        // A file is made and written before it is mapped: calls after which there is nothing to see.
        let looked = calls - if strategy == Strategy::DualMapping { 2 } else { 0 };
        no_page_is_writable_and_executable_while_loading(strategy, looked);
    }
}

#[cfg(target_os = "linux")]
fn no_page_is_writable_and_executable_while_loading(strategy: Strategy, calls: usize) {
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
        || load(linker, strategy),
    );
    assert_eq!(looks.get(), calls, "{strategy}: after every call");
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
    if strategy == Strategy::ThreadToggle {
        // The others lie elsewhere.
        return;
    }
    // qemu-user maps text without execution on its host, where it is then one region with the constants, and shows the
    // region with the protection of its first page.
    let runner = std::env::var("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER").unwrap_or_default();
    if !(cfg!(target_arch = "aarch64") && runner.contains("qemu")) {
        assert_eq!(permissions(entry + page), "r--", "constants");
    }
    assert_eq!(permissions(entry + 2 * page), "rw-", "data");
}

/// Each way to load gives code that runs, reaches its constants and writes its data.
#[test]
fn every_strategy_loads_code_that_runs() {
    let (arch, target) = (Target::host().arch(), Target::new(Target::host().arch(), Os::Linux));
    let text = match arch {
        Arch::X86_64 => ".globl next\nnext: mov step(%rip), %eax\nadd count(%rip), %eax\nmov %eax, count(%rip)\nret\n",
        Arch::Aarch64 => {
            ".globl next\nnext: adrp x1, step\nldr w0, [x1, :lo12:step]\nadrp x1, count\nldr w2, [x1, :lo12:count]\n\
             add w0, w0, w2\nstr w0, [x1, :lo12:count]\nret\n"
        }
    };
    let text = format!("{text}.section .rodata\nstep: .long 7\n.data\ncount: .long 30\n");
    let object = Assembler::find(target, Syntax::Plain).unwrap().assemble("next.s", text.as_bytes()).unwrap();
    for Way { strategy, .. } in ways() {
        let mut linker = Linker::new(Target::host());
        linker.add_object("next.o", object.clone()).unwrap();
        let module = load(linker, strategy).unwrap();
        // SAFETY: `next` takes nothing and returns an integer.
        let next: Function<extern "C" fn() -> u32> = unsafe { module.function("next") }.unwrap();
        assert_eq!((next.call(), next.call()), (37, 44), "{strategy}");
    }
}

/// Whatever this process is: a hardened one that is entitled to nothing is refused before anything is mapped.
#[test]
fn what_is_predicted_is_what_happens() {
    let live = injection::live();
    // SAFETY: nothing in it is called.
    let loaded = unsafe { image().load() };
    let chosen = Situation::of_this_process().choose();
    assert_eq!(loaded.is_ok(), chosen.is_ok(), "{loaded:?}, {chosen:?}");
    if let (Err(loaded), Err(chosen)) = (loaded, chosen) {
        assert!(loaded.is_not_allowed(), "{loaded:?}");
        assert_eq!(loaded.to_string(), chosen.to_string());
        assert_eq!(injection::live(), live);
    }
}
