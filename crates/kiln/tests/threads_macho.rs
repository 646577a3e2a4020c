//! Thread-local variables of Mach-O code: every thread has its own, initialised, also threads that were there before.
//! What these functions do is the same by every system's convention, so that they run wherever Kiln does.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code and calls it.
#![cfg(unix)]

#[path = "life/compile.rs"]
mod compile;

use std::collections::BTreeSet;
use std::sync::{Mutex, mpsc};

use compile::{Compiler, compile};
use kiln::{Function, Linker, Module, Target};

type Next = extern "C" fn() -> u64;

fn object(language: &str, source: &str, options: &[&str]) -> Vec<u8> {
    compile(Compiler::ClangForMacOs, language, source, options)
}

fn linker(objects: &[Vec<u8>]) -> Linker<'static> {
    let mut linker = Linker::new(Target::host());
    for (number, object) in objects.iter().enumerate() {
        linker.add_object(&format!("{number}.o"), object.clone()).unwrap();
    }
    linker
}

fn load(linker: Linker<'_>) -> Module {
    // SAFETY: the tests' own code.
    unsafe { linker.load() }.unwrap()
}

fn function(module: &Module, name: &str) -> Function<Next> {
    // SAFETY: the functions' type.
    unsafe { module.function::<Next>(name) }.unwrap()
}

fn in_a_thread(next: &Function<Next>) -> u64 {
    let next = next.clone();
    std::thread::spawn(move || next.call()).join().unwrap()
}

const PROGRAM: &str = r#"
    typedef unsigned long u64;
    static u64 array[3] = { 100, 200, 300 };
    __thread u64 counter = 3;
    static __thread u64 zero;
    static __thread u64 *pointer = &array[1];
    __thread char text[5] = "abcd";
    extern __thread u64 elsewhere;
    static __thread double local[40] __attribute__((aligned(64)));
    u64 next(void) {
        counter += 1;
        zero += 10;
        elsewhere += 1000;
        local[39] += 1;
        if ((u64)local % 64) return 0;
        return counter + zero + *pointer + text[3] + elsewhere + (u64)local[39];
    }
    u64 address(void) { return (u64)&counter; }
"#;

const ELSEWHERE: &str = "__thread unsigned char before = 7; __thread unsigned long elsewhere = 50000;";

/// What `next` gives when it is called for the nth time in a thread, from 1.
fn expected(call: u64) -> u64 {
    3 + call + 10 * call + 200 + u64::from(b'd') + 50_000 + 1000 * call + call
}

#[test]
fn every_thread_has_its_own() {
    for level in ["-O0", "-O1", "-O2"] {
        let objects = [object("c", PROGRAM, &[level]), object("c", ELSEWHERE, &[level])];
        let (send, receive) = mpsc::channel::<Function<Next>>();
        // It runs before the variables are there.
        let before = std::thread::spawn(move || receive.iter().map(|next| next.call()).collect::<Vec<_>>());
        let module = load(linker(&objects));
        let next = function(&module, "next");
        assert_eq!((next.call(), next.call()), (expected(1), expected(2)), "{level}");
        send.send(next.clone()).unwrap();
        send.send(next.clone()).unwrap();
        drop(send);
        assert_eq!(before.join().unwrap(), [expected(1), expected(2)], "{level}: a thread from before");
        assert_eq!(in_a_thread(&next), expected(1), "{level}: a thread from after");
        assert_eq!(next.call(), expected(3), "{level}");
        assert_eq!(module.address("counter"), None, "it has no address");
        drop(next);
        module.unload().unwrap();
    }
}

/// Storage is each module's own, also where its number was another one's before, and in threads that had that one's.
#[test]
fn modules_with_storage_come_and_go() {
    let objects = [object("c", PROGRAM, &["-O2"]), object("c", ELSEWHERE, &["-O2"])];
    let kept = load(linker(&objects));
    let first = function(&kept, "next");
    first.call();
    let (send, receive) = mpsc::channel::<Function<Next>>();
    let (answer, answers) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        for next in receive {
            answer.send(next.call()).unwrap();
        }
    });
    for round in 0..50 {
        let module = load(linker(&objects));
        send.send(function(&module, "next")).unwrap();
        assert_eq!(answers.recv().unwrap(), expected(1), "{round}");
        assert_eq!(function(&module, "next").call(), expected(1), "{round}");
        let other = load(linker(&objects));
        assert_eq!(in_a_thread(&function(&other, "next")), expected(1), "{round}");
        // The other thread drops its function when it has answered.
        let mut module = module;
        while let Err(used) = module.unload() {
            module = used.into_module();
            std::thread::yield_now();
        }
        assert_eq!(function(&other, "next").call(), expected(1), "{round}");
    }
    drop(send);
    thread.join().unwrap();
    assert_eq!(first.call(), expected(2));
}

/// At once, each thread its own.
#[test]
fn threads_at_once() {
    let module = load(linker(&[object("c", PROGRAM, &["-O2"]), object("c", ELSEWHERE, &["-O2"])]));
    let (next, address) = (function(&module, "next"), function(&module, "address"));
    let barrier = std::sync::Barrier::new(8);
    let addresses = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    for call in 1..=1000 {
                        assert_eq!(next.call(), expected(call));
                    }
                    let at = address.call();
                    // All are there at the same time.
                    barrier.wait();
                    at
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<BTreeSet<u64>>()
    });
    assert_eq!(addresses.len(), 8);
}

/// One module's variable in another, by its name; what is not thread-local does not count for it, nor the other way round.
#[test]
fn a_variable_of_another_module() {
    let one = load(linker(&[object("c", "__thread unsigned long shared = 5; unsigned long plain = 6;", &["-O1"])]));
    let source = "extern __thread unsigned long shared; extern unsigned long plain;\
                  unsigned long next(void) { return (shared += 1) + plain; }";
    let mut linker_ = linker(&[object("c", source, &["-O1"])]);
    linker_.define_module(&one);
    let module = load(linker_);
    let next = function(&module, "next");
    assert_eq!((next.call(), next.call(), in_a_thread(&next)), (12, 13, 12));
    for (source, name) in [
        (
            "extern unsigned long shared; unsigned long next(void) { return shared; }",
            "undefined symbol `shared`, wanted by 0.o",
        ),
        (
            "extern __thread unsigned long plain; unsigned long next(void) { return plain; }",
            "undefined symbol `plain`, wanted by 0.o (thread-local: an input or another module of Kiln must define it)",
        ),
        (
            "extern __thread int errno; unsigned long next(void) { return errno; }",
            "undefined symbol `errno`, wanted by 0.o (thread-local: an input or another module of Kiln must define it)",
        ),
    ] {
        let mut linker = linker(&[object("c", source, &["-O1"])]);
        linker.define_module(&one);
        // SAFETY: it is refused.
        assert_eq!(unsafe { linker.load() }.unwrap_err().to_string(), name);
    }
    drop(next);
    module.unload().unwrap();
    one.unload().unwrap();
}

/// ELF objects have another kind, and no module both.
#[cfg(target_os = "linux")]
#[test]
fn variables_of_two_formats() {
    let mut linker = linker(&[object("c", ELSEWHERE, &["-O1"])]);
    linker.add_object("elf.o", compile(Compiler::Clang, "c", "__thread int other = 1;", &["-O1"])).unwrap();
    // SAFETY: it is refused.
    let error = unsafe { linker.load() }.unwrap_err();
    assert_eq!(error.to_string(), "elf.o: .tdata: thread-local variables of ELF and of Mach-O objects in one module");
}

/// Destructors run at the end of a thread, when the variables are still there, and the module stays until they have.
#[cfg(target_os = "linux")]
#[test]
fn destructors_run_at_the_end_of_a_thread() {
    static DESTROYED: Mutex<Vec<u64>> = Mutex::new(Vec::new());
    extern "C" fn destroyed(value: u64) {
        DESTROYED.lock().unwrap().push(value);
    }
    let source = r#"
        typedef unsigned long u64;
        extern "C" void destroyed(u64);
        struct Value { u64 value; Value(u64 value) : value(value) {} ~Value() { destroyed(value); } };
        static thread_local Value one(1), two(2);
        extern "C" u64 next() { one.value += 10; return one.value + two.value; }
    "#;
    // SAFETY: a library of the system, which is meant to be loaded.
    assert!(!unsafe { libc::dlopen(c"libstdc++.so.6".as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) }.is_null());
    for level in ["-O0", "-O2"] {
        let mut linker = linker(&[object("c++", source, &[level])]);
        linker.define_fn("destroyed", destroyed as extern "C" fn(u64));
        let module = load(linker);
        let next = function(&module, "next");
        let (finish, wait) = mpsc::channel::<()>();
        let (ready, is_ready) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            assert_eq!((next.call(), next.call()), (13, 23));
            drop(next);
            ready.send(()).unwrap();
            wait.recv().unwrap_err();
        });
        is_ready.recv().unwrap();
        let module = module.unload().expect_err("a thread has destructors to call").into_module();
        drop(module);
        assert_eq!(*DESTROYED.lock().unwrap(), [0; 0]);
        drop(finish);
        thread.join().unwrap();
        assert_eq!(std::mem::take(&mut *DESTROYED.lock().unwrap()), [2, 21], "{level}");
    }
}

/// Rust's standard library gives no handle, and what stands in its place is nothing to count on.
#[test]
fn destructors_without_a_handle() {
    static DESTROYED: Mutex<Vec<u64>> = Mutex::new(Vec::new());
    extern "C" fn destroyed(value: u64) {
        DESTROYED.lock().unwrap().push(value);
    }
    let source = r#"
        extern int _tlv_atexit(void (*)(void *), void *, void *);
        extern void destroyed(unsigned long);
        static _Thread_local unsigned long value = 6;
        static void end(void *object) { destroyed(*(unsigned long *)object); }
        unsigned long next(void) { _tlv_atexit(end, &value, (void *)0x1234); return value++; }
    "#;
    let mut linker = linker(&[object("c", source, &["-O1"])]);
    linker.define_fn("destroyed", destroyed as extern "C" fn(u64));
    let module = load(linker);
    let next = function(&module, "next");
    let module = std::thread::spawn(move || {
        assert_eq!(next.call(), 6);
        drop(next);
        module.unload().expect_err("this thread has a destructor to call").into_module()
    });
    let module = module.join().unwrap();
    assert_eq!(*DESTROYED.lock().unwrap(), [7]);
    module.unload().unwrap();
}

/// Code that gets at a variable keeps what it has in registers: the function that finds it changes next to none.
#[test]
fn registers_are_kept() {
    #[cfg(target_arch = "x86_64")]
    let (source, general, vectors) = (x86_64(), 7, 16);
    #[cfg(target_arch = "aarch64")]
    let (source, general, vectors) = (aarch64(), 15, 32);
    let object = kiln::Assembler::find(macos(), kiln::Syntax::Plain).unwrap().assemble("keep.s", source.as_bytes());
    let module = load(linker(&[object.unwrap()]));
    // SAFETY: the function's type.
    let keep = unsafe { module.function::<extern "C" fn(*mut u64) -> u64>("keep") }.unwrap();
    // In a new thread the block is made first, which calls the most.
    for round in 0..2 {
        let mut all = vec![0u64; general + 2 * vectors];
        assert_eq!(keep.call(all.as_mut_ptr()), 41, "{round}");
        let wanted: Vec<u64> = (0..general as u64).map(|at| 100 + at).collect();
        assert_eq!(all[..general], wanted, "{round}");
        let wanted: Vec<u64> = (0..vectors as u64).flat_map(|at| [1000 + at, 1000 + at]).collect();
        assert_eq!(all[general..], wanted, "{round}");
    }
}

#[cfg(target_arch = "x86_64")]
fn macos() -> Target {
    Target::X86_64_MACOS
}

#[cfg(target_arch = "aarch64")]
fn macos() -> Target {
    Target::AARCH64_MACOS
}

const DESCRIPTOR: &str = "
    .section __DATA,__thread_data,thread_local_regular
_v$tlv$init: .quad 41
    .section __DATA,__thread_vars,thread_local_variables
_v: .quad __tlv_bootstrap, 0, _v$tlv$init
";

/// Fills registers, gets at the variable, and stores them.
#[cfg(target_arch = "x86_64")]
fn x86_64() -> String {
    let general = ["rcx", "rdx", "rsi", "r8", "r9", "r10", "r11"];
    let mut text = ".globl _keep\n_keep: push %rbx\nmov %rdi, %rbx\n".to_owned();
    for number in 0..16 {
        text +=
            &format!("mov ${}, %eax\nmovq %rax, %xmm{number}\npunpcklqdq %xmm{number}, %xmm{number}\n", 1000 + number);
    }
    for (number, register) in general.iter().enumerate() {
        text += &format!("mov ${}, %{register}\n", 100 + number);
    }
    text += "mov _v@TLVP(%rip), %rdi\ncall *(%rdi)\nmov (%rax), %rax\n";
    for (number, register) in general.iter().enumerate() {
        text += &format!("mov %{register}, {}(%rbx)\n", 8 * number);
    }
    for number in 0..16 {
        text += &format!("movups %xmm{number}, {}(%rbx)\n", 56 + 16 * number);
    }
    text + "pop %rbx\nret\n" + DESCRIPTOR
}

#[cfg(target_arch = "aarch64")]
fn aarch64() -> String {
    let mut text = ".globl _keep\n_keep: stp x29, x30, [sp, #-96]!\nstp x19, x20, [sp, #16]\nmov x19, x0\n".to_owned();
    // The callee's to keep, by half.
    text += "stp d8, d9, [sp, #32]\nstp d10, d11, [sp, #48]\nstp d12, d13, [sp, #64]\nstp d14, d15, [sp, #80]\n";
    for number in 0..32 {
        text += &format!("mov x0, #{}\ndup v{number}.2d, x0\n", 1000 + number);
    }
    for number in 1..16 {
        text += &format!("mov x{number}, #{}\n", 99 + number);
    }
    text += "adrp x0, _v@TLVPPAGE\nldr x0, [x0, _v@TLVPPAGEOFF]\nldr x16, [x0]\nblr x16\nldr x0, [x0]\n";
    for number in 1..16 {
        text += &format!("str x{number}, [x19, #{}]\n", 8 * (number - 1));
    }
    text += "add x1, x19, #120\n";
    for number in 0..32 {
        text += &format!("str q{number}, [x1], #16\n");
    }
    text += "ldp d8, d9, [sp, #32]\nldp d10, d11, [sp, #48]\nldp d12, d13, [sp, #64]\nldp d14, d15, [sp, #80]\n";
    text + "ldp x19, x20, [sp, #16]\nldp x29, x30, [sp], #96\nret\n" + DESCRIPTOR
}
