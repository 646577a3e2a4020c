//! The addresses of modules that were unloaded: nothing can be done there, nobody else gets them, and it can be said whose they
//! were; for a while.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code, and calls it when it is gone.
#![cfg(target_os = "linux")] // Shows a process its mappings.

use std::sync::{Mutex, MutexGuard, PoisonError};

use kiln::{Linker, Module, Target};

/// The quarantine is the process's.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A module of one input, with a function `f` and so many bytes behind it.
fn module(name: &str, zeros: usize, quarantine: Option<usize>) -> Module {
    let mut linker = Linker::new(Target::host());
    linker.add_assembly(name, &format!(".globl f\nf: ret\n.zero {zeros}\n")).unwrap();
    if let Some(bytes) = quarantine {
        linker.quarantine(bytes);
    }
    // SAFETY: a function that returns.
    unsafe { linker.load() }.unwrap()
}

/// Unloads a module and gives the address of its function.
fn unload(module: Module) -> usize {
    let address = module.address("f").unwrap() as usize;
    module.unload().unwrap();
    address
}

/// What the system says of the memory at an address. `None`: there is none.
fn permissions(address: usize) -> Option<String> {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().find_map(|line| {
        let (range, rest) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let number = |text| usize::from_str_radix(text, 16).unwrap();
        (number(start)..number(end)).contains(&address).then(|| rest[..3].to_owned())
    })
}

fn said(address: usize) -> Option<(String, usize)> {
    let unloaded = Module::unloaded(address as *const ())?;
    Some((unloaded.inputs.to_string(), unloaded.offset))
}

/// The handler says whose the address was; without quarantine, something else might have stood there.
#[test]
fn a_call_that_comes_too_late_faults_and_is_explained() {
    extern "C" fn handler(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: the kernel's own argument.
        let info = unsafe { *info };
        // SAFETY: of a fault, an address is there.
        let address = unsafe { info.si_addr() };
        let told = Module::unloaded(address.cast());
        let status = i32::from(told.is_some_and(|told| &*told.inputs == "gone.s" && told.offset == 4));
        // SAFETY: ends the process, as a handler may.
        unsafe { libc::_exit(40 + status) }
    }
    let _alone = alone();
    let address = unload(module("gone.s", 100, None)) + 4;
    // SAFETY: the child calls nothing but what a handler may.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = handler;
        // SAFETY: all zeros is a valid `sigaction`.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO;
        // SAFETY: the handler does only what one may.
        unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, std::ptr::null_mut()) };
        // SAFETY: it is not safe: this is the mistake that is to be caught.
        let late: extern "C" fn() = unsafe { std::mem::transmute(address) };
        late();
        // SAFETY: ends the process.
        unsafe { libc::_exit(0) }
    }
    let mut status = 0;
    // SAFETY: the child of this process.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert!(libc::WIFEXITED(status), "{status:#x}");
    assert_eq!(libc::WEXITSTATUS(status), 41);
}

#[test]
fn nothing_can_be_done_there_and_nothing_comes_there() {
    let _alone = alone();
    let address = unload(module("first.s", 100, None));
    assert_eq!(permissions(address).as_deref(), Some("---"));
    assert_eq!(said(address + 7), Some(("first.s".to_owned(), 7)));
    for _ in 0..20 {
        assert_ne!(unload(module("next.s", 100, None)), address);
    }
    assert_eq!(said(address + 7), Some(("first.s".to_owned(), 7)));
    let here = module("here.s", 0, None);
    assert_eq!(said(here.address("f").unwrap() as usize), None, "it is loaded");
}

#[test]
fn it_ends_when_enough_has_come_in() {
    let _alone = alone();
    const SIZE: usize = 1 << 20;
    // Each takes a little more than its zeros.
    let first = unload(module("first.s", SIZE, Some(3 * SIZE)));
    let second = unload(module("second.s", SIZE, Some(64 << 20)));
    assert!(said(first).is_some() && said(second).is_some());
    unload(module("third.s", SIZE, Some(64 << 20)));
    assert_eq!((said(first), permissions(first)), (None, None));
    assert_eq!(said(second), Some(("second.s".to_owned(), 0)));
    // None at all, and one that is too large for its own.
    for quarantine in [0, SIZE] {
        let address = unload(module("none.s", SIZE, Some(quarantine)));
        assert_eq!(said(address), None);
    }
}

#[test]
fn many_modules_do_not_use_the_mappings_up() {
    let _alone = alone();
    let first = unload(module("first.s", 0, Some(usize::MAX)));
    let object = kiln::Assembler::find(Target::host(), kiln::Syntax::Plain).unwrap();
    let object = object.assemble("many.s", b".globl f\nf: ret\n").unwrap();
    let mut last = 0;
    for number in 1..=1024 {
        assert!(number > 1024 - 100 || said(first).is_some(), "{number}");
        let mut linker = Linker::new(Target::host());
        linker.add_object("many.o", &*object).unwrap();
        linker.quarantine(usize::MAX);
        // SAFETY: a function that returns.
        last = unload(unsafe { linker.load() }.unwrap());
    }
    assert_eq!(said(first), None);
    assert_eq!(said(last), Some(("many.o".to_owned(), 0)));
}

#[test]
fn many_inputs_have_a_short_name() {
    let _alone = alone();
    let mut linker = Linker::new(Target::host());
    for number in 0..5 {
        let entry: &[(&str, usize)] = if number == 0 { &[("f", 0)] } else { &[] };
        linker.add_flat(&format!("{number}.bin"), [0u8; 4].as_slice(), entry).unwrap();
    }
    // SAFETY: nothing in it is called.
    let address = unload(unsafe { linker.load() }.unwrap());
    assert_eq!(said(address), Some(("0.bin, 1.bin, 2.bin and 2 more".to_owned(), 0)));
}
