//! Code that is loaded into this process and called.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code and calls it.

use kiln::{Assembler, CodeHeap, Function, HeapOptions, Linker, Module, Syntax, Target};

/// Source by the architecture that the tests run on.
fn source(x86_64: &'static str, aarch64: &'static str) -> &'static str {
    if cfg!(target_arch = "x86_64") { x86_64 } else { aarch64 }
}

fn load(linker: Linker<'_>) -> Module {
    // SAFETY: the tests' own code, which keeps to the calling convention.
    unsafe { linker.load() }.unwrap()
}

fn module(text: &str) -> Module {
    load(linker(&[text]))
}

/// A linker with an object for each source. They are ELF on every system, so that the sources need be written once.
fn linker(sources: &[&str]) -> Linker<'static> {
    let mut linker = Linker::new(Target::host());
    for (number, source) in sources.iter().enumerate() {
        linker.add_object(&format!("{number}.o"), object(elf(), source)).unwrap();
    }
    linker
}

fn object(target: Target, text: &str) -> Vec<u8> {
    Assembler::find(target, Syntax::Plain).unwrap().assemble("test.s", text.as_bytes()).unwrap()
}

/// The ELF target of this machine's processor.
fn elf() -> Target {
    if cfg!(target_arch = "x86_64") { Target::X86_64_LINUX } else { Target::AARCH64_LINUX }
}

/// The Mach-O target of this machine's processor.
fn macho() -> Target {
    if cfg!(target_arch = "x86_64") { Target::X86_64_MACOS } else { Target::AARCH64_MACOS }
}

const ADD: (&str, &str) = (".globl add\nadd: lea (%rdi,%rsi), %rax\nret\n", ".globl add\nadd: add x0, x0, x1\nret\n");

#[test]
fn a_function_is_called_with_its_arguments() {
    let module = module(source(ADD.0, ADD.1));
    // SAFETY: the function's type.
    let add = unsafe { module.function::<extern "C" fn(i64, i64) -> i64>("add") }.unwrap();
    assert_eq!(add.call(2, 40), 42);
    assert_eq!(add.call(i64::MAX, i64::MIN), -1);
    let again = add.clone();
    drop((module, add));
    assert_eq!(again.call(1, 2), 3, "a function keeps its code");
}

#[test]
fn an_unsafe_function_is_called_in_unsafe() {
    let module = module(source(".globl load\nload: mov (%rdi), %eax\nret\n", ".globl load\nload: ldr w0, [x0]\nret\n"));
    // SAFETY: the function's type.
    let load = unsafe { module.function::<unsafe extern "C" fn(*const u32) -> u32>("load") }.unwrap();
    // SAFETY: the pointer is good.
    assert_eq!(unsafe { load.call(&7) }, 7);
}

#[test]
fn text_constants_and_data_refer_to_each_other() {
    let module = module(source(
        ".globl next\nnext: mov counter(%rip), %rax\nadd step(%rip), %rax\nmov %rax, counter(%rip)\n\
         mov pointer(%rip), %rcx\nadd (%rcx), %rax\nadd zero(%rip), %rax\nret\n\
         .section .rodata\n.balign 8\nstep: .quad 5\n\
         .data\n.balign 8\ncounter: .quad 100\npointer: .quad step\n.bss\n.balign 8\nzero: .zero 8\n",
        ".globl next\nnext: adrp x1, counter\nldr x0, [x1, :lo12:counter]\nadrp x2, step\nldr x2, [x2, :lo12:step]\n\
         add x0, x0, x2\nstr x0, [x1, :lo12:counter]\nadrp x3, pointer\nldr x3, [x3, :lo12:pointer]\nldr x3, [x3]\n\
         add x0, x0, x3\nadrp x4, zero\nadd x4, x4, :lo12:zero\nldr x4, [x4]\nadd x0, x0, x4\nret\n\
         .section .rodata\n.balign 8\nstep: .quad 5\n\
         .data\n.balign 8\ncounter: .quad 100\npointer: .quad step\n.bss\n.balign 8\nzero: .zero 8\n",
    ));
    // SAFETY: the function's type.
    let next = unsafe { module.function::<extern "C" fn() -> u64>("next") }.unwrap();
    assert_eq!((next.call(), next.call(), next.call()), (110, 115, 120));
}

#[test]
fn objects_call_each_other_and_the_host() {
    extern "C" fn twice(n: u64) -> u64 {
        2 * n
    }
    static BASE: u64 = 1000;
    let caller = source(
        ".globl entry\nentry: push %rbx\nmov %rdi, %rbx\ncall add_base\nmov %rax, %rdi\ncall twice\npop %rbx\nret\n",
        ".globl entry\nentry: stp x29, x30, [sp, #-16]!\nbl add_base\nbl twice\nldp x29, x30, [sp], #16\nret\n",
    );
    let callee = source(
        ".globl add_base\nadd_base: mov base@GOTPCREL(%rip), %rax\nmov (%rax), %rax\nadd %rdi, %rax\nret\n",
        ".globl add_base\nadd_base: adrp x1, :got:base\nldr x1, [x1, :got_lo12:base]\nldr x1, [x1]\nadd x0, x0, x1\nret\n",
    );
    let mut linker = linker(&[caller, callee]);
    linker.define_fn("twice", twice as extern "C" fn(u64) -> u64).define_data("base", &raw const BASE);
    let module = load(linker);
    // SAFETY: the function's type.
    let entry = unsafe { module.function::<extern "C" fn(u64) -> u64>("entry") }.unwrap();
    assert_eq!(entry.call(1), 2002);
}

const CALL_STRLEN: (&str, &str) = (
    ".globl length\nlength: sub $8, %rsp\ncall strlen@PLT\nadd $8, %rsp\nret\n",
    ".globl length\nlength: stp x29, x30, [sp, #-16]!\nbl strlen\nldp x29, x30, [sp], #16\nret\n",
);

#[test]
fn a_symbol_of_the_process_is_found() {
    let module = module(source(CALL_STRLEN.0, CALL_STRLEN.1));
    // SAFETY: the function's type.
    let length = unsafe { module.function::<unsafe extern "C" fn(*const i8) -> usize>("length") }.unwrap();
    // SAFETY: a string that ends in NUL.
    assert_eq!(unsafe { length.call(c"Kiln".as_ptr().cast()) }, 4);
}

#[test]
fn a_mach_o_object_calls_the_hosts_function() {
    let text = source(
        ".globl _length\n_length: pushq %rbp\ncallq _strlen\naddq _base(%rip), %rax\npopq %rbp\nretq\n\
         .data\n.p2align 3\n_base: .quad 100\n",
        ".globl _length\n.p2align 2\n_length: stp x29, x30, [sp, #-16]!\nbl _strlen\nadrp x1, _base@PAGE\n\
         ldr x1, [x1, _base@PAGEOFF]\nadd x0, x0, x1 ; Apple's comment\nldp x29, x30, [sp], #16\nret\n\
         .data\n.p2align 3\n_base: .quad 100\n",
    );
    let mut linker = Linker::new(Target::host());
    linker.add_object("macho.o", object(macho(), text)).unwrap();
    let module = load(linker);
    assert_eq!(module.address("length"), module.address("_length"), "by both names");
    // SAFETY: the function's type.
    let length = unsafe { module.function::<unsafe extern "C" fn(*const i8) -> usize>("length") }.unwrap();
    // SAFETY: a string that ends in NUL.
    assert_eq!(unsafe { length.call(c"Kiln".as_ptr().cast()) }, 104);
}

#[test]
fn compiled_c_runs() {
    // Static functions, constants, a jump table, a global, calls of the C library, several sections.
    let source = r#"
        #include <stdlib.h>
        #include <string.h>
        static int counter;
        int calls = 10;
        static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
        const char *name(int n) {
            switch (n) {
                case 0: return "zero"; case 1: return "one"; case 2: return "two";
                case 3: return "three"; case 4: return "four"; default: return "many";
            }
        }
        int median(int *values, int n) {
            counter++; calls += counter;
            int *copy = malloc(n * sizeof *copy);
            memcpy(copy, values, n * sizeof *copy);
            qsort(copy, n, sizeof *copy, compare);
            int result = copy[n / 2];
            free(copy);
            return result;
        }
    "#;
    for options in [&["-O0"][..], &["-O2"], &["-O2", "-fPIC"], &["-Os", "-ffunction-sections", "-fdata-sections"]] {
        let object = compile(source, options);
        let mut linker = Linker::new(Target::host());
        linker.add_object("median.o", object).unwrap();
        let module = load(linker);
        // SAFETY: the function's type.
        let median = unsafe { module.function::<unsafe extern "C" fn(*const i32, i32) -> i32>("median") }.unwrap();
        // SAFETY: three values are there.
        assert_eq!(unsafe { median.call([9, 1, 5].as_ptr(), 3) }, 5, "{options:?}");
        // SAFETY: the function's type.
        let name = unsafe { module.function::<extern "C" fn(i32) -> *const std::ffi::c_char>("name") }.unwrap();
        // SAFETY: it returns a string.
        assert_eq!(unsafe { std::ffi::CStr::from_ptr(name.call(3)) }, c"three", "{options:?}");
        let calls = module.address("calls").unwrap().cast::<i32>();
        // SAFETY: an `int` of the module, which lives.
        assert_eq!(unsafe { *calls }, 11, "{options:?}");
    }
}

/// Compiles for the machine that the tests run on, also where that is an emulated one.
fn compile(source: &str, options: &[&str]) -> Vec<u8> {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let compiler = Target::host().gnu_prefix().map(|prefix| format!("{prefix}-gcc")).unwrap_or("cc".to_owned());
    let output =
        std::env::temp_dir().join(format!("kiln-load-{}-{:?}.o", std::process::id(), std::thread::current().id()));
    let mut child = Command::new(&compiler)
        .args(["-x", "c", "-c", "-", "-fno-asynchronous-unwind-tables", "-o"])
        .arg(&output)
        .args(options)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{compiler}: {error}"));
    child.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{compiler}");
    let object = std::fs::read(&output).unwrap();
    std::fs::remove_file(&output).unwrap();
    object
}

#[test]
fn flat_code_is_entered_at_its_entries() {
    // Two functions that return 1 and 2.
    let code: &[u8] = if cfg!(target_arch = "x86_64") {
        &[0xb8, 1, 0, 0, 0, 0xc3, 0x90, 0x90, 0xb8, 2, 0, 0, 0, 0xc3]
    } else {
        &[0x20, 0, 0x80, 0x52, 0xc0, 3, 0x5f, 0xd6, 0x40, 0, 0x80, 0x52, 0xc0, 3, 0x5f, 0xd6]
    };
    let mut linker = Linker::new(Target::host());
    linker.add_flat("flat.bin", code, &[("one", 0), ("two", 8)]).unwrap();
    let module = load(linker);
    for (name, value) in [("one", 1), ("two", 2)] {
        // SAFETY: the functions' type.
        let function = unsafe { module.function::<extern "C" fn() -> u32>(name) }.unwrap();
        assert_eq!(function.call(), value);
    }
    // SAFETY: the bytes are a function of this type.
    let code: Function<extern "C" fn() -> u32> =
        unsafe { CodeHeap::new(HeapOptions::new()).unwrap().publish(code).unwrap().function() };
    assert_eq!(code.call(), 1);
}

#[test]
fn a_module_keeps_the_modules_it_uses() {
    let library = module(source(ADD.0, ADD.1));
    let text = source(
        ".globl seven\nseven: push %rax\nmov $3, %edi\nmov $4, %esi\ncall add\npop %rcx\nret\n",
        ".globl seven\nseven: stp x29, x30, [sp, #-16]!\nmov x0, #3\nmov x1, #4\nbl add\nldp x29, x30, [sp], #16\nret\n",
    );
    let mut linker = linker(&[text]);
    linker.define_module(&library);
    let user = load(linker);
    let library = library.unload().expect_err("the other module uses it").into_module();
    drop(library);
    // SAFETY: the function's type.
    let seven = unsafe { user.function::<extern "C" fn() -> u64>("seven") }.unwrap();
    let user = user.unload().expect_err("a function of it is there").into_module();
    drop(user);
    assert_eq!(seven.call(), 7, "a function keeps all that its code may call");
}

/// Whether the byte at `address` is mapped.
#[cfg(target_os = "linux")]
fn is_mapped(address: usize) -> bool {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().any(|line| {
        let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let number = |text| usize::from_str_radix(text, 16).unwrap();
        (number(start)..number(end)).contains(&address)
    })
}

#[cfg(target_os = "linux")]
#[test]
fn unloading_unmaps() {
    // Larger than what other threads map meanwhile, so that nothing takes its place in full.
    let text = format!("{}\n.zero 0x4000000\n", source(ADD.0, ADD.1));
    let module = module(&text);
    let address = module.address("add").unwrap() as usize + 0x2000000;
    assert!(is_mapped(address));
    module.unload().unwrap();
    assert!(!is_mapped(address));
}

#[test]
fn sections_may_want_more_than_a_page() {
    let module =
        module(".globl table, entry\nentry: nop\n.section .rodata\n.byte 1\n.balign 0x20000\ntable: .byte 2\n");
    assert_eq!(module.address("table").unwrap() as usize % 0x20000, 0);
}

#[test]
fn local_symbols_are_known_by_address_alone() {
    let module = module(".globl first\nfirst: nop\nnop\nnop\nnop\nlocal: nop\nnop\nnop\nnop\n");
    assert!(module.address("local").is_none());
    let first = module.address("first").unwrap();
    assert_eq!(module.symbol_at(first), Some(("first", 0)));
    let size = if cfg!(target_arch = "x86_64") { 4 } else { 16 };
    assert_eq!(module.symbol_at(first.wrapping_byte_add(size + 1)), Some(("local", 1)));
    assert_eq!(module.symbol_at(first.wrapping_byte_sub(1)), None);
    assert_eq!(module.exports().collect::<Vec<_>>(), [("first", first)]);
}

#[test]
fn weak_symbols_give_way_and_may_be_absent() {
    let text = source(
        ".weak answer, absent\n.globl get, get_absent\nanswer: mov $1, %eax\nret\nget: jmp answer\n\
         get_absent: mov absent@GOTPCREL(%rip), %rax\nret\n",
        ".weak answer, absent\n.globl get, get_absent\nanswer: mov w0, #1\nret\nget: b answer\n\
         get_absent: adrp x0, :got:absent\nldr x0, [x0, :got_lo12:absent]\nret\n",
    );
    let strong = source(".globl answer\nanswer: mov $2, %eax\nret\n", ".globl answer\nanswer: mov w0, #2\nret\n");
    let module = load(linker(&[text, strong]));
    for (name, value) in [("get", 2), ("get_absent", 0)] {
        // SAFETY: the functions' type.
        let function = unsafe { module.function::<extern "C" fn() -> usize>(name) }.unwrap();
        assert_eq!(function.call(), value, "{name}");
    }
}

#[test]
fn many_threads_load_and_call() {
    std::thread::scope(|scope| {
        for thread in 0..4i64 {
            scope.spawn(move || {
                let heap = CodeHeap::new(HeapOptions::new()).unwrap();
                for round in 0..50i64 {
                    let code: &[u8] = if cfg!(target_arch = "x86_64") {
                        &[0x48, 0x8d, 0x04, 0x37, 0xc3]
                    } else {
                        &[0, 0, 1, 0x8b, 0xc0, 3, 0x5f, 0xd6]
                    };
                    // SAFETY: the bytes are a function of this type.
                    let add: Function<extern "C" fn(i64, i64) -> i64> =
                        unsafe { heap.publish(code).unwrap().function() };
                    assert_eq!(add.call(thread, round), thread + round);
                }
            });
        }
    });
}

#[test]
fn twelve_arguments_arrive() {
    // The last of twelve comes by the stack.
    let module =
        module(source(".globl last\nlast: mov 48(%rsp), %rax\nret\n", ".globl last\nlast: ldr x0, [sp, #24]\nret\n"));
    type Twelve = extern "C" fn(u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64) -> u64;
    // SAFETY: the function's type.
    let last = unsafe { module.function::<Twelve>("last") }.unwrap();
    assert_eq!(last.call(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), 12);
}

#[test]
fn handles_cross_threads() {
    fn send_and_sync<T: Send + Sync + 'static>() {}
    send_and_sync::<Linker<'static>>();
    send_and_sync::<Module>();
    send_and_sync::<Function<extern "C" fn(u8) -> u8>>();
    send_and_sync::<Function<unsafe extern "C" fn(*mut u8)>>();
    send_and_sync::<kiln::Code>();
    send_and_sync::<CodeHeap>();
    send_and_sync::<kiln::Plan>();
    send_and_sync::<kiln::PlannedSection>();
    send_and_sync::<kiln::PlannedSymbol>();
    send_and_sync::<kiln::Unload>();
    send_and_sync::<kiln::Error>();
    send_and_sync::<kiln::Assembler>();
    send_and_sync::<kiln::Contents<'static>>();
    send_and_sync::<kiln::Section<'static>>();
    send_and_sync::<kiln::Symbol>();
    send_and_sync::<kiln::Situation>();
    send_and_sync::<kiln::Choice>();
    send_and_sync::<kiln::Strategy>();
    send_and_sync::<kiln::Verdict>();
    send_and_sync::<kiln::Outcome>();
    send_and_sync::<kiln::LinuxRules>();
    send_and_sync::<kiln::MacOsRules>();
    send_and_sync::<kiln::Answer>();
    send_and_sync::<kiln::JitCallback>();
    send_and_sync::<kiln::Kind>();
    send_and_sync::<kiln::Target>();
    send_and_sync::<kiln::TargetAddr>();
    send_and_sync::<kiln::Arch>();
    send_and_sync::<kiln::Os>();
    send_and_sync::<kiln::Format>();
    send_and_sync::<kiln::Permission>();
    send_and_sync::<kiln::Syntax>();
}
