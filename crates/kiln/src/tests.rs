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
    /// The system calls that it makes; those in parentheses are gone without where they fail.
    calls: &'static [&'static str],
    /// How many mappings a module has.
    mappings: usize,
}

fn ways() -> Vec<Way> {
    // Linux has no memory for the toggle, and in tests some that takes a call like it: an mprotect.
    let toggle: &[&str] = if cfg!(target_os = "linux") {
        &["mmap", "(open)", "mmap", "mprotect", "mprotect"]
    } else {
        &["mmap", "mmap", "pthread_jit_write", "mprotect"]
    };
    // On Linux pages are provided at once; the last is the constants'.
    let seal: &[&str] = if cfg!(target_os = "linux") {
        &["mmap", "(madvise)", "mprotect", "mprotect"]
    } else {
        &["mmap", "mprotect", "mprotect"]
    };
    let ways = [
        Way { strategy: Strategy::Seal, calls: seal, mappings: 1 },
        // A file for the text, what is written to it, and its mapping.
        Way {
            strategy: Strategy::DualMapping,
            calls: &["mmap", "(madvise)", "(memfd_create)", "write", "mmap", "mprotect"],
            mappings: 1,
        },
        // The text, the rest near it.
        Way { strategy: Strategy::ThreadToggle, calls: toggle, mappings: 2 },
        Way { strategy: Strategy::ToggleCallback, calls: toggle, mappings: 2 },
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

/// Lets the first call fail during a load, then the second, and so on, until all are made, and gives their names: in parentheses those
/// without which the load goes on. Each time `left_nothing` is asked, with what had failed.
fn each_call_fails(load: impl Fn() -> Result<Module>, left_nothing: impl Fn(&str)) -> Vec<String> {
    let mut calls = Vec::new();
    loop {
        let live = injection::live();
        let (result, failed) = injection::failing(calls.len(), &load);
        let wrong = format!("{failed:?} failed, after {calls:?}");
        let error = result.err();
        assert_eq!(injection::live(), live, "{wrong}");
        left_nothing(&wrong);
        match (failed, error) {
            (None, error) => {
                assert!(error.is_none(), "{error:?}");
                return calls;
            }
            (Some(call), Some(error)) => {
                assert!(error.is_system(), "{wrong}: {error:?}");
                assert!(error.to_string().contains("Cannot allocate memory"), "{wrong}: {error}");
                calls.push(call.to_owned());
            }
            (Some(call), None) => calls.push(format!("({call})")),
        }
    }
}

#[test]
fn a_load_that_fails_leaves_nothing_mapped() {
    for Way { strategy, calls, mappings } in ways() {
        let live = injection::live();
        let module = load(image(), strategy).unwrap();
        assert_eq!(injection::live(), live + mappings, "{strategy}");
        drop(module);
        assert_eq!(injection::live(), live, "unmapped with the last handle");
        assert_eq!(each_call_fails(|| load(image(), strategy), |_| ()), calls, "{strategy}");
    }
}

/// Of a failed load neither the file is there nor the library.
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
    let load = || {
        let mut linker = Linker::new(Target::host());
        linker.add_object("x.o", object.clone()).unwrap();
        load(linker, Strategy::Seal)
    };
    let module = load().unwrap();
    assert_eq!(left().0, 0, "the file is closed");
    // SAFETY: it takes nothing and returns an integer.
    let f: Function<extern "C" fn() -> i32> = unsafe { module.function("f") }.unwrap();
    assert_eq!(f.call(), 7);
    drop((f, module));
    let calls = each_call_fails(load, |wrong| assert_eq!(left(), (0, 0), "{wrong}"));
    let storage = ["memfd_create", "write", "dlopen", "dlsym"];
    assert_eq!(calls, [&["mmap", "(madvise)"][..], &storage, &["mprotect", "mprotect"]].concat());
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
            assert_eq!(failed, (failures < mappings).then_some("mmap"));
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
        // What changes a mapping, and not advice, or a file that is made and written before it is mapped.
        let looked = calls.iter().filter(|call| ["mmap", "mprotect"].contains(call)).count();
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
