//! Exceptions, panics and backtraces through loaded code.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code and calls it.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))] // What tests need that are about Linux.

#[path = "life/compile.rs"]
mod compile;

use std::cell::Cell;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use kiln::{Assembler, Linker, Module, Syntax, Target, TargetAddr};

fn linker(objects: &[&[u8]]) -> Linker<'static> {
    let mut linker = Linker::new(Target::host());
    for (number, object) in objects.iter().enumerate() {
        linker.add_object(&format!("{number}.o"), object.to_vec()).unwrap();
    }
    linker
}

fn load(linker: Linker<'_>) -> Module {
    // SAFETY: the tests' own code.
    unsafe { linker.load() }.unwrap()
}

/// The C++ runtime's symbols, for loaded code.
#[cfg(target_os = "linux")]
fn with_cxx_runtime() {
    // SAFETY: a library of the system, which is meant to be loaded.
    let handle = unsafe { libc::dlopen(c"libstdc++.so.6".as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    assert!(!handle.is_null(), "these tests need libstdc++");
}

thread_local! {
    static DROPPED: Cell<u32> = const { Cell::new(0) };
}

struct OnDrop;

impl Drop for OnDrop {
    fn drop(&mut self) {
        DROPPED.set(DROPPED.get() + 1);
    }
}

#[test]
fn a_panic_goes_through_c() {
    extern "C-unwind" fn host(n: i32) -> i32 {
        if n == 7 {
            panic!("seven");
        }
        n * 2
    }
    let source = "extern int host(int); int through(int n) { int some[64]; some[n] = host(n); return some[n] + 1; }";
    for options in compile::OPTIONS {
        for compiler in compile::Compiler::ALL {
            let options = [options, &["-fasynchronous-unwind-tables"]].concat();
            let object = compile::compile(compiler, "c", source, &options);
            let mut linker = linker(&[&object]);
            linker.define_fn("host", host as extern "C-unwind" fn(i32) -> i32);
            let module = load(linker);
            // SAFETY: the function's type.
            let through = unsafe { module.function::<extern "C-unwind" fn(i32) -> i32>("through") }.unwrap();
            assert_eq!(through.call(3), 7);
            DROPPED.set(0);
            let payload = catch_unwind(AssertUnwindSafe(|| {
                let _guard = OnDrop;
                through.call(7)
            }))
            .unwrap_err();
            assert_eq!(payload.downcast_ref::<&str>(), Some(&"seven"), "{compiler:?} {options:?}");
            assert_eq!(DROPPED.get(), 1);
        }
    }
}

/// Thrown and caught inside, thrown by one object and caught by another, and by the host; destructors run on the way.
#[cfg(target_os = "linux")]
#[test]
fn exceptions_cross_loaded_code() {
    with_cxx_runtime();
    extern "C-unwind" fn host(callback: extern "C-unwind" fn(i32), n: i32) {
        let _guard = OnDrop;
        callback(n);
    }
    let thrower = r#"
        struct Error { int code; Error(int code) : code(code) {} virtual ~Error() {} };
        template <class T> inline T twice(T n) { return n + n; }
        extern "C" void thrower(int n) { if (n) throw Error(twice(n)); }
    "#;
    let catcher = r#"
        struct Error { int code; Error(int code) : code(code) {} virtual ~Error() {} };
        template <class T> inline T twice(T n) { return n + n; }
        extern "C" void thrower(int);
        extern "C" void host(void (*)(int), int);
        static int destroyed;
        struct Guard { ~Guard() { destroyed++; } };
        static int inner(int n) { Guard guard; thrower(n); return 1; }
        extern "C" int inside(int n) {
            try { return inner(n); } catch (const Error &error) { return 100 + error.code + twice(destroyed); }
        }
        extern "C" int across(int n) {
            try { Guard guard; host(thrower, n); return 2; } catch (Error &error) { return 200 + error.code; }
        }
        extern "C" int standard(int n) {
            try { if (n) throw n; return 3; } catch (int n) { return 300 + n; } catch (...) { return -1; }
        }
    "#;
    for options in compile::OPTIONS {
        let thrower = compile::compile(compile::Compiler::Gcc, "c++", thrower, options);
        compile::with_every_compiler("c++", catcher, |catcher, by| {
            let mut linker = linker(&[&thrower, &catcher]);
            linker.define_fn("host", host as extern "C-unwind" fn(extern "C-unwind" fn(i32), i32));
            let module = load(linker);
            DROPPED.set(0);
            for (name, argument, result) in [
                ("inside", 0, 1),
                ("inside", 5, 100 + 10 + 4),
                ("across", 0, 2),
                ("across", 6, 212),
                ("standard", 0, 3),
                ("standard", 9, 309),
            ] {
                // SAFETY: the functions' type.
                let function = unsafe { module.function::<extern "C-unwind" fn(i32) -> i32>(name) }.unwrap();
                assert_eq!(function.call(argument), result, "{by}: {name}({argument})");
            }
            assert_eq!(DROPPED.get(), 2, "the host's values are dropped on the way");
        });
    }
}

/// A backtrace from the host, called by loaded code, shows the loaded frame and those behind it.
#[cfg(target_os = "linux")]
#[test]
fn backtraces_show_loaded_frames() {
    thread_local! {
        static FRAMES: Cell<Vec<usize>> = const { Cell::new(Vec::new()) };
    }
    unsafe extern "C" {
        fn backtrace(buffer: *mut usize, size: i32) -> i32;
    }
    extern "C" fn look() {
        let mut frames = vec![0; 128];
        // SAFETY: there is room for as many.
        let count = unsafe { backtrace(frames.as_mut_ptr(), 128) };
        frames.truncate(count as usize);
        FRAMES.set(frames);
    }
    let source = r#"
        extern void look(void);
        __attribute__((noinline)) void second(void) { look(); __asm__ volatile (""); }
        void first(void) { second(); __asm__ volatile (""); }
    "#;
    let object = compile::compile(compile::Compiler::Gcc, "c", source, &["-O1", "-fasynchronous-unwind-tables"]);
    let mut linker = linker(&[&object]);
    linker.define_fn("look", look as extern "C" fn());
    let module = load(linker);
    // SAFETY: the function's type.
    let first = unsafe { module.function::<extern "C" fn()>("first") }.unwrap();
    first.call();
    let frames = FRAMES.take();
    let names: Vec<&str> = frames.iter().filter_map(|frame| Some(module.symbol_at(*frame as *const ())?.0)).collect();
    assert_eq!(names, ["second", "first"]);
    let last = frames.iter().rposition(|frame| module.symbol_at(*frame as *const ()).is_some()).unwrap();
    assert!(frames.len() > last + 3, "and the test's own, behind them: {frames:x?}");
}

/// A source of so many functions with frames.
fn functions(count: usize) -> String {
    let mut text = String::from(".text\n");
    let body = if cfg!(target_arch = "x86_64") {
        "push %rbx\n.cfi_adjust_cfa_offset 8\npop %rbx\n.cfi_adjust_cfa_offset -8\nret"
    } else {
        "sub sp, sp, #16\n.cfi_adjust_cfa_offset 16\nadd sp, sp, #16\n.cfi_adjust_cfa_offset -16\nret"
    };
    for number in 0..count {
        writeln!(text, "f{number}:\n.cfi_startproc\n{body}\n.cfi_endproc").unwrap();
    }
    text += ".globl f0\n";
    text
}

fn elf() -> Target {
    if cfg!(target_arch = "x86_64") { Target::X86_64_LINUX } else { Target::AARCH64_LINUX }
}

fn assemble(target: Target, text: &str) -> Vec<u8> {
    Assembler::find(target, Syntax::Plain).unwrap().assemble("test.s", text.as_bytes()).unwrap()
}

/// The processor time that this thread has used.
fn used() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: there is room for the answer.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(target_os = "linux")]
thread_local! {
    /// How often this thread has told the unwinder of tables, and that they are gone.
    static TOLD: Cell<[usize; 2]> = const { Cell::new([0, 0]) };
}

/// Counts a call of one of the unwinder's functions, and makes it.
#[cfg(target_os = "linux")]
unsafe fn count(which: usize, name: &std::ffi::CStr, table: *const u8) {
    let mut told = TOLD.get();
    told[which] += 1;
    TOLD.set(told);
    // SAFETY: the name ends in NUL.
    let function = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    assert!(!function.is_null(), "{name:?}");
    // SAFETY: libgcc's function of that name has this type.
    let function = unsafe { std::mem::transmute::<*mut libc::c_void, unsafe extern "C" fn(*const u8)>(function) };
    // SAFETY: by the caller's word, which means libgcc's.
    unsafe { function(table) }
}

/// In the place of libgcc's, for all of this program.
#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
unsafe extern "C" fn __register_frame(table: *const u8) {
    // SAFETY: by the caller's word.
    unsafe { count(0, c"__register_frame", table) }
}

/// As above.
#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
unsafe extern "C" fn __deregister_frame(table: *const u8) {
    // SAFETY: by the caller's word.
    unsafe { count(1, c"__deregister_frame", table) }
}

/// However many functions and objects: the unwinder is told once, and once that they are gone.
#[test]
#[cfg(target_os = "linux")] // Elsewhere each function is registered.
fn the_unwinder_is_told_once() {
    let objects = [1, 40_000].map(|count| assemble(elf(), &functions(count)));
    let one = assemble(elf(), &functions(1).replace(".globl f0\n", ""));
    let [few, many] = &objects;
    for inputs in [&[&few[..]][..], &[many], &[many, &one, &one]] {
        TOLD.set([0, 0]);
        let module = load(linker(inputs));
        assert_eq!(TOLD.get(), [1, 0]);
        module.unload().unwrap();
        assert_eq!(TOLD.get(), [1, 1]);
    }
}

/// Registering and deregistering is no more than linear: twenty times the functions take at most a hundred times as long,
/// where something quadratic would take four hundred times.
#[test]
#[cfg(target_os = "linux")] // Elsewhere each function is registered, and Apple's libunwind looks at all to forget one.
fn many_functions_register_and_unload() {
    let objects = [2_000, 40_000].map(|count| assemble(elf(), &functions(count)));
    let once = |object: &Vec<u8>| {
        let linker = linker(&[object]);
        let start = used();
        let module = load(linker);
        // The unwinder sorts what it knows of when it is first asked.
        catch_unwind(|| std::panic::resume_unwind(Box::new(1))).unwrap_err();
        module.unload().unwrap();
        used() - start
    };
    let best = |object| (0..7).map(|_| once(object)).min().unwrap();
    let [few, many]: [Duration; 2] = objects.each_ref().map(best);
    println!("2,000 functions: {few:?}, 40,000 functions: {many:?}");
    assert!(many < few * 100, "2,000 functions: {few:?}, 40,000 functions: {many:?}");
}

/// `crtend.o` ends a program's table with a word of zeros; wherever it stands among the inputs, all of them count.
#[test]
fn a_terminator_among_the_call_frame_information() {
    extern "C-unwind" fn host() {
        panic!("through");
    }
    let source = "extern void host(void); int through(void) { host(); return 1; }";
    let object =
        compile::compile(compile::Compiler::Gcc, "c", source, &["-O1", "-fasynchronous-unwind-tables", "-fPIC"]);
    let end = assemble(elf(), ".section .eh_frame,\"a\"\n.long 0\n");
    for objects in [[&*end, &object], [&*object, &end]] {
        let mut linker = linker(&objects);
        linker.define_fn("host", host as extern "C-unwind" fn());
        let module = load(linker);
        // SAFETY: the function's type.
        let through = unsafe { module.function::<extern "C-unwind" fn() -> i32>("through") }.unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| through.call())).is_err());
    }
}

/// Descriptions of no code at a function's beginning do not hide that function's own, before and behind it.
#[cfg(target_os = "linux")]
#[test]
fn descriptions_of_no_code() {
    with_cxx_runtime();
    // Descriptions that stand in another order than the code are sorted, and equal ones then in no order.
    let source = r#"
        #define EMPTY ".section .text.empty\n.rept 3\n.cfi_startproc\n.cfi_endproc\n.endr\n.text"
        asm(".section .text.empty,\"ax\",%progbits\n.section .text.catches,\"ax\",%progbits\n.text");
        void throws(int);
        asm(EMPTY);
        extern "C" __attribute__((section(".text.catches"), aligned(4))) int catches(int n) {
            try { throws(n); return 0; } catch (int n) { return n + 1; }
        }
        asm(EMPTY);
        __attribute__((noinline)) void throws(int n) { if (n) throw n; }
    "#;
    let options = ["-O1", "-fPIC", "-fno-toplevel-reorder"];
    let module = load(linker(&[&compile::compile(compile::Compiler::Gcc, "c++", source, &options)]));
    // SAFETY: the function's type.
    let catches = unsafe { module.function::<extern "C-unwind" fn(i32) -> i32>("catches") }.unwrap();
    assert_eq!([catches.call(0), catches.call(7)], [0, 8]);
}

/// Many modules come and go, in any order, and the unwinder knows of those that are there.
#[test]
fn modules_come_and_go() {
    extern "C-unwind" fn host() {
        panic!("through");
    }
    let source = "extern void host(void); int through(void) { host(); return 1; }";
    let object =
        compile::compile(compile::Compiler::Gcc, "c", source, &["-O1", "-fasynchronous-unwind-tables", "-fPIC"]);
    let mut modules: Vec<Module> = (0..60)
        .map(|_| {
            let mut linker = linker(&[&object]);
            linker.define_fn("host", host as extern "C-unwind" fn());
            load(linker)
        })
        .collect();
    while !modules.is_empty() {
        let module = modules.remove(modules.len() / 2);
        // SAFETY: the function's type.
        let through = unsafe { module.function::<extern "C-unwind" fn() -> i32>("through") }.unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| through.call())).is_err());
    }
}

/// Records that cannot be believed.
#[test]
fn wrong_call_frame_information() {
    let record = |length: &str, id: &str, rest: &str| format!(".long {length}\n.long {id}\n{rest}\n");
    // Version, augmentation, alignments, return register, and the kind of pointers: 4 bytes from their own place.
    let common = |version: &str, letters: &str, rest: &str| {
        record(
            "9f - . - 4",
            "0",
            &format!(".byte {version}\n.asciz \"{letters}\"\n.byte 1, 0x78, 16\n{rest}\n.balign 4\n9:"),
        )
    };
    let good = common("1", "zR", ".byte 1, 0x1b");
    let cases = [
        (".byte 1, 2".to_owned(), "0x0: this call frame information is cut off"),
        (record("100", "0", ""), "0x0: this call frame information is longer than what is there, or too short"),
        (record("-1", "0", ""), "0x0: this call frame information has a 64-bit length, which unwinders do not read"),
        (record("4", "99", ""), "0x0: this call frame information belongs to a record before the first"),
        (
            format!("{good}.long 0, 1"),
            "0x18: this call frame information stands behind the end that a word of zeros makes",
        ),
        (common("9", "", ""), "0x0: this call frame information has version 9, which is not known"),
        (common("1", "eh", ""), "0x0: this call frame information has the augmentation \"eh\", which is not known"),
        (
            common("1", "zQ", ".byte 0"),
            "0x0: this call frame information has the augmentation letter 'Q', which is not known",
        ),
        (
            common("1", "zR", ".byte 1").replace(".balign 4\n", ""),
            "0x0: this call frame information is of an unknown kind",
        ),
        (
            common("1", "zP", ".byte 9, 0x1b\n.long 0"),
            "0x0: this call frame information has no personality function where it says that there is one",
        ),
        (
            format!("{good}{}", record("12", "0x18", ".long outside - .\n.long 4, 0")),
            "0x14: this call frame information describes 0x4 bytes of code at 0x20000, outside the text",
        ),
        (
            format!("{good}{}", record("12", "0x18", ".long f - .\n.long 400, 0")),
            "0x14: this call frame information describes 0x190 bytes of code at 0x10000, outside the text",
        ),
        (
            format!("{good}{}", record("12", "0x14", ".long f - .\n.long 1, 0")),
            "0x14: this call frame information belongs to a record that is not there",
        ),
        (
            common("1", "zRL", ".byte 2, 0x1b, 0x1b")
                + &record("20", "0x18", ".long f - .\n.long 1\n.byte 4\n.long outside - .\n.byte 0, 0, 0"),
            "0x14: this call frame information refers to the language's data at 0x20000, outside the image",
        ),
    ];
    for (records, message) in cases {
        let text = format!("f: ret\n.section .eh_frame,\"a\",@unwind\n{records}\n");
        let object = assemble(Target::X86_64_LINUX, &text);
        let mut linker = Linker::new(Target::X86_64_LINUX);
        linker.define_address("outside", TargetAddr(0x20000));
        let error = match linker.add_object("a.o", object) {
            Ok(linker) => linker.plan(TargetAddr(0x10000)).unwrap_err(),
            Err(error) => error,
        };
        assert!(error.is_malformed(), "{error}");
        assert_eq!(error.to_string(), format!("a.o: .eh_frame+{message}"), "{records}");
    }
}
