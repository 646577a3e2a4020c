//! Every refusal with its whole text: where, what, and the next step.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Asks for loads that must be refused.

#[path = "common/commons.rs"]
mod commons;

use kiln::{Assembler, Error, Linker, Syntax, Target, TargetAddr};

const X86: Target = Target::X86_64_LINUX;
const ARM: Target = Target::AARCH64_LINUX;
const APPLE: Target = Target::AARCH64_MACOS;

fn assemble(target: Target, text: &str) -> Vec<u8> {
    Assembler::find(target, Syntax::Plain).unwrap().assemble("test.s", text.as_bytes()).unwrap()
}

/// The error of adding and planning one object.
fn refusal(target: Target, text: &str) -> Error {
    let object = assemble(target, text);
    let mut linker = Linker::new(target);
    match linker.add_object("a.o", object) {
        Err(error) => error,
        Ok(linker) => linker.plan(TargetAddr(0x10000)).expect_err("it must be refused"),
    }
}

fn not_an_object(bytes: &[u8]) -> Error {
    Linker::new(X86).add_object("a.o", bytes).map(|_| ()).unwrap_err()
}

/// The message and the next step, as the command prints them.
#[track_caller]
fn says(error: &Error, message: &str, next: &str) {
    assert_eq!(error.to_string(), message);
    assert_eq!(error.next_step().unwrap_or_default(), next);
}

const NATIVE: &str = "give assembly (.s, .S), an object file, an archive, or flat machine code (.bin)";

#[test]
fn what_is_no_object() {
    let empty = not_an_object(b"");
    says(&empty, "a.o: the file is empty", "make it again");
    assert!(empty.is_malformed());
    says(&not_an_object(b"# Kiln\n"), "a.o: this is not native code: it is text", NATIVE);
    says(&not_an_object(b"#!/bin/sh\n"), "a.o: this is not native code: it is a script", NATIVE);
    says(&not_an_object(b"\x89PNG\r\n\x1a\n"), "a.o: this is not native code: it is of no known format", NATIVE);
    says(
        &not_an_object(b"BC\xc0\xde"),
        "a.o: this is not native code: it is LLVM bitcode: compile without -flto",
        NATIVE,
    );
    let archive = not_an_object(b"!<arch>\n");
    says(
        &archive,
        "a.o: this is an archive, not a relocatable object file",
        "add it as an archive, or take the members out with `ar x`",
    );
    assert!(archive.is_unsupported());
}

#[test]
fn a_file_that_is_cut_off() {
    let whole = assemble(X86, ".globl f\nf: ret\n");
    says(&not_an_object(&whole[..10]), "a.o: this is not native code: it is an ELF file that is cut off", NATIVE);
    let error = not_an_object(&whole[..100]);
    assert!(error.is_malformed());
    says(
        &error,
        "a.o: the section table: Invalid ELF section header offset/size/alignment",
        "the file is damaged or cut off: make it again",
    );
}

#[test]
fn another_architecture() {
    let mut linker = Linker::new(X86);
    let error = linker.add_object("arm.o", assemble(ARM, "ret\n")).map(|_| ()).unwrap_err();
    says(&error, "arm.o: the code is for arm64, and x86-64 is wanted", "assemble or compile it for x86-64");
    let host = Target::host();
    let other = if host.arch() == X86.arch() { ARM } else { X86 };
    let mut linker = Linker::new(other);
    linker.add_object("other.o", assemble(other, "ret\n")).unwrap();
    // SAFETY: it is refused.
    let error = unsafe { linker.load() }.unwrap_err();
    let wanted = format!("code for {} cannot run on this machine, which is {}", other.arch(), host.arch());
    says(&error, &wanted, &format!("build it for {host}"));
}

#[test]
fn undefined_symbols_are_listed_all_at_once() {
    let mut linker = Linker::new(X86);
    linker.add_object("a.o", assemble(X86, "call wirte\ncall one_two\n.globl helper\nhelper: ret\n")).unwrap();
    linker.add_object("b.o", assemble(X86, "call wirte\ncall helpers\n")).unwrap();
    linker.define_address("write", TargetAddr(1));
    let error = linker.plan(TargetAddr(0)).unwrap_err();
    assert!(error.is_undefined());
    says(
        &error,
        "3 undefined symbols:\n  `wirte`, wanted by a.o, b.o (near: write)\n  `one_two`, wanted by a.o\n  \
         `helpers`, wanted by b.o (near: helper)",
        "",
    );
    let one = refusal(X86, "call nowhere\n");
    says(&one, "undefined symbol `nowhere`, wanted by a.o", "");
    let mut linker = Linker::new(APPLE);
    linker.add_object("a.o", assemble(APPLE, "bl write\n")).unwrap();
    linker.define_address("write", TargetAddr(1));
    let error = linker.plan(TargetAddr(0)).unwrap_err();
    says(&error, "undefined symbol `write`, wanted by a.o (in Mach-O, C's `write` is `_write`)", "");
}

#[test]
fn two_definitions() {
    let object = assemble(X86, ".globl f\nf: ret\n");
    let mut linker = Linker::new(X86);
    linker.add_object("a.o", &object).unwrap().add_object("b.o", &object).unwrap();
    let error = linker.plan(TargetAddr(0)).unwrap_err();
    assert!(error.is_duplicate());
    assert_eq!(error.symbol_name(), Some("f"));
    says(&error, "b.o: `f`: is defined in a.o too", "leave one of the two out, or make one of the definitions weak");
}

#[test]
fn what_is_not_supported_yet() {
    let cases = [
        (
            Target::X86_64_WINDOWS,
            ".section .CRT$XLB,\"dr\"\n.quad 0\n",
            "a.o: .CRT$XLB: is a list of functions that only Microsoft's start-up code calls",
            "call the functions themselves; thread-local variables that need code can be set in a function",
        ),
        (
            X86,
            ".section .both,\"awx\"\nret\n",
            "a.o: .both: the section wants to be writable and executable, and Kiln makes no such memory",
            "move what is written into a section of its own",
        ),
        (
            X86,
            ".section .note.GNU-stack,\"x\",@progbits\n",
            "a.o: .note.GNU-stack: the file asks for an executable stack",
            "assemble with `.section .note.GNU-stack,\"\",%progbits`; in C, take no address of a nested function that \
             uses variables around it",
        ),
        (
            X86,
            ".section .note.GNU-split-stack,\"\",@progbits\n",
            "a.o: .note.GNU-split-stack: the functions grow their stacks piece by piece",
            "compile without -fsplit-stack",
        ),
        (
            X86,
            ".comm __gnu_lto_slim,1,1\n",
            "a.o: `__gnu_lto_slim`: the file holds gcc's own intermediate code, and no other (slim LTO)",
            "compile without -flto, or with -flto -ffat-lto-objects",
        ),
        (
            X86,
            ".section .init,\"ax\",@progbits\nnop\n.type f, @function\nf: ret\n",
            "a.o: .init: `f`: is a function among the pieces of a start-up function, which run into each other",
            "leave crti.o and its like out; put a function of your own elsewhere, with `__attribute__((constructor))`",
        ),
    ];
    for (target, text, message, next) in cases {
        let error = refusal(target, text);
        assert!(error.is_unsupported(), "{error:?}");
        says(&error, message, next);
    }
}

/// Of a tentative definition the largest counts, and must do for all.
#[test]
fn thread_local_commons_of_different_alignment() {
    let mut linker = Linker::new(X86);
    for (name, size, align) in [("a.o", 16, 4), ("b.o", 8, 8)] {
        let mut object = assemble(X86, &format!(".comm x, {size}, {align}\n"));
        commons::make_thread_local(&mut object, size);
        linker.add_object(name, object).unwrap();
    }
    let error = linker.plan(TargetAddr(0x10000)).unwrap_err();
    says(
        &error,
        "b.o: `x`: is a tentative definition of a thread-local variable, and has another size and alignment in a.o",
        "compile with -fno-common, and define it in one file",
    );
}

#[test]
fn signed_pointers() {
    let mut object = assemble(APPLE, "ret\n");
    const CPU_SUBTYPE_ARM64E: u8 = 2;
    object[8] = CPU_SUBTYPE_ARM64E;
    let error = Linker::new(APPLE).add_object("e.o", object).map(|_| ()).unwrap_err();
    says(
        &error,
        "e.o: the code is for a machine that Kiln does not know, not for arm64",
        "assemble or compile it for arm64",
    );
}

/// `dlsym` gives the address of the asking thread's copy of a thread-local variable: no address for code to keep.
#[cfg(target_os = "linux")]
#[test]
fn a_thread_local_variable_of_the_process() {
    let host = Target::host();
    let mut linker = Linker::new(host);
    linker.add_object("a.o", assemble(host, ".data\n.quad errno\n")).unwrap();
    // SAFETY: it is refused.
    let error = unsafe { linker.load() }.unwrap_err();
    assert!(error.is_undefined());
    assert_eq!(error.to_string(), "undefined symbol `errno`, wanted by a.o");
}

#[test]
fn what_does_not_reach() {
    let mut linker = Linker::new(X86);
    linker.add_object("far.o", assemble(X86, "nop\nmov variable(%rip), %eax\n")).unwrap();
    linker.define_address("variable", TargetAddr(0x7f00_0000_0000));
    let error = linker.plan(TargetAddr(0x10000)).unwrap_err();
    assert!(error.is_out_of_range());
    assert_eq!((error.section_name(), error.byte_offset()), (Some(".text"), Some(3)));
    says(
        &error,
        "far.o: .text+0x3: `variable`: R_X86_64_PC32 at 0x10003 cannot reach 0x7f0000000000: the distance is \
         0x7efffffefff9, it takes a signed 32-bit value",
        "compile with -fPIC, so that far symbols are reached through the GOT",
    );
}

#[test]
fn a_symbol_that_is_not_there() {
    let mut linker = Linker::new(Target::host());
    linker.add_assembly("two.s", ".globl one, two\none: nop\ntwo: nop\n").unwrap();
    // SAFETY: nothing is called.
    let module = unsafe { linker.load() }.unwrap();
    // SAFETY: nothing is called.
    let error = unsafe { module.function::<extern "C" fn()>("three") }.unwrap_err();
    says(&error, "`three`: the module exports no such symbol", "it exports one, two");
}

#[test]
fn an_entry_outside_flat_code() {
    let error = Linker::new(X86).add_flat("a.bin", &[0xc3][..], &[("f", 1)]).map(|_| ()).unwrap_err();
    says(&error, "a.bin: `f`: the entry is at 0x1, and the code has 0x1 bytes", "");
    says(
        &kiln::CodeHeap::new(kiln::HeapOptions::new()).unwrap().publish(&[]).unwrap_err(),
        "there is no code to publish",
        "",
    );
}

#[test]
fn a_failed_input_leaves_the_linker_as_it_was() {
    let mut linker = Linker::new(X86);
    linker.add_object("good.o", assemble(X86, ".globl f\nf: ret\n")).unwrap();
    let before = linker.plan(TargetAddr(0x1000)).unwrap();
    let bad = assemble(X86, ".globl g\ng: call f\n.section .both,\"awx\",@progbits\n.quad g\n");
    assert!(linker.add_object("bad.o", bad).is_err());
    let after = linker.plan(TargetAddr(0x1000)).unwrap();
    assert_eq!(before.image(), after.image());
    assert_eq!((after.sections().len(), after.address("g")), (before.sections().len(), None));
}

#[test]
fn a_missing_file() {
    let error = Linker::new(X86).add_file("no/such/file.o").map(|_| ()).unwrap_err();
    assert!(error.is_system());
    says(
        &error,
        "no/such/file.o: cannot read the file: No such file or directory (os error 2)",
        "check the path and who may read it",
    );
}

/// On a system that is not Apple's, code for Apple's must not make whatever system call the registers happen to name.
#[cfg(not(target_os = "macos"))]
#[test]
fn another_systems_calls() {
    let host = Target::host();
    let (target, text, name) = if host.arch() == X86.arch() {
        (Target::X86_64_MACOS, "nop\nsyscall\n", "syscall")
    } else {
        (APPLE, "nop\nsvc #0x80\n", "svc")
    };
    let mut linker = Linker::new(host);
    linker.add_object("apple.o", assemble(target, text)).unwrap();
    // SAFETY: it is refused.
    let error = unsafe { linker.load() }.unwrap_err();
    let offset = if name == "svc" { 4 } else { 1 };
    says(
        &error,
        &format!(
            "apple.o: __text+{offset:#x}: `{name}` is a system call of another operating system: on {host} it would be \
             some other call"
        ),
        &format!("build it for {host}, or call the C library's function instead"),
    );
    if host.arch() == ARM.arch() {
        let mut linker = Linker::new(host);
        linker.add_object("apple.o", assemble(APPLE, "bl _printf\n")).unwrap();
        // SAFETY: it is refused.
        let error = unsafe { linker.load() }.unwrap_err();
        says(
            &error,
            "apple.o: `printf`: is variadic, and Apple's calling convention passes such arguments another way than \
             this system's",
            &format!("build it for {host}, or define a function of that name that is not variadic"),
        );
    }
}

/// Nor when it comes in an executable, of which the text alone is taken.
#[cfg(not(target_os = "macos"))]
#[test]
fn another_systems_calls_in_a_linked_file() {
    let host = Target::host();
    let (cpu, code): (u32, &[u8]) = if host.arch() == X86.arch() {
        (0x0100_0007, &[0x90, 0x0f, 0x05, 0xc3])
    } else {
        (0x0100_000c, &[0x90, 0x00, 0x80, 0xd2, 0x01, 0x10, 0x00, 0xd4])
    };
    let name = |name: &str| {
        let mut bytes = [0; 16];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        bytes
    };
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let longs = |longs: &[u64]| longs.iter().flat_map(|long| long.to_le_bytes()).collect::<Vec<u8>>();
    let size = code.len() as u64;
    // MH_EXECUTE; one segment with one section, behind the commands; entered at its beginning.
    let file = [
        words(&[0xfeed_facf, cpu, 3, 2, 2, 152 + 24, 1, 0, 0x19, 152]),
        name("__TEXT").to_vec(),
        longs(&[0x1_0000_0000, 0x4000, 0, 208 + size]),
        words(&[5, 5, 1, 0]),
        [name("__text"), name("__TEXT")].concat(),
        longs(&[0x1_0000_00d0, size]),
        words(&[208, 2, 0, 0, 0x8000_0400, 0, 0, 0]),
        words(&[0x8000_0028, 24]),
        longs(&[208, 0]),
        code.to_vec(),
    ];
    let path = std::env::temp_dir().join(format!("kiln-linked-{}", std::process::id()));
    std::fs::write(&path, file.concat()).unwrap();
    let mut linker = Linker::new(host);
    let added = linker.add_file(&path).map(|_| ());
    std::fs::remove_file(&path).unwrap();
    added.unwrap();
    // SAFETY: it is refused.
    let error = unsafe { linker.load() }.unwrap_err();
    let said = error.to_string();
    assert!(said.contains("is a system call of another operating system"), "{said}");
}

#[test]
fn unknown_targets() {
    let error = "riscv64-unknown-linux-gnu".parse::<Target>().unwrap_err();
    says(
        &error,
        "the target `riscv64-unknown-linux-gnu` is not known",
        "known targets: x86_64-unknown-linux-gnu, aarch64-unknown-linux-gnu, aarch64-apple-darwin, x86_64-apple-darwin, \
         x86_64-pc-windows-msvc, aarch64-pc-windows-msvc",
    );
    assert!("arm64-apple-ios17".parse::<Target>().is_err());
    for target in Target::ALL {
        assert_eq!(target.to_string().parse::<Target>().unwrap(), target);
        assert_eq!(target.llvm_triple().parse::<Target>().unwrap(), target);
    }
}
