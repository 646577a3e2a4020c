//! The life of a module: what is called when it is loaded and when it ends, and in which order.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code and calls it.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))] // What tests need that are about Linux.

#[path = "life/compile.rs"]
mod compile;

use std::ffi::{CStr, c_char, c_int};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use compile::with_every_compiler;
use kiln::{Assembler, Linker, Module, Syntax, Target, TargetAddr};

/// What the loaded code has noted, in order.
static NOTES: Mutex<Vec<i32>> = Mutex::new(Vec::new());

extern "C" fn note(what: i32) {
    NOTES.lock().unwrap().push(what);
}

fn notes() -> Vec<i32> {
    std::mem::take(&mut NOTES.lock().unwrap())
}

/// The notes are one list for all tests of this file.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    notes();
    guard
}

fn linker(objects: &[&[u8]]) -> Linker<'static> {
    let mut linker = Linker::new(Target::host());
    for (number, object) in objects.iter().enumerate() {
        linker.add_object(&format!("{number}.o"), object.to_vec()).unwrap();
    }
    linker.define_fn("note", note as extern "C" fn(i32));
    linker
}

fn load(linker: Linker<'_>) -> Module {
    // SAFETY: the tests' own code.
    unsafe { linker.load() }.unwrap()
}

#[test]
fn initializers_and_finalizers_run_in_order() {
    let _alone = alone();
    let one = r#"
        extern void note(int);
        extern int atexit(void (*)(void));
        static void late(void) { note(20); }
        static void later(void) { note(21); }
        __attribute__((constructor)) static void c(void) { note(3); atexit(late); }
        __attribute__((constructor(65000))) static void b(void) { note(2); }
        __attribute__((constructor(101))) static void a(void) { note(1); }
        __attribute__((destructor(101))) static void z(void) { note(32); }
        __attribute__((destructor(65000))) static void y(void) { note(31); }
        __attribute__((destructor)) static void x(void) { note(30); }
    #ifdef __ELF__
        static void before(void) { note(0); }
        __attribute__((section(".preinit_array"), used)) static void (*const list[])(void) = { before };
    #endif
        void run(void) { note(10); atexit(later); }
    "#;
    let two = r#"
        extern void note(int);
        __attribute__((constructor)) static void c(void) { note(4); }
        __attribute__((destructor)) static void x(void) { note(29); }
    "#;
    // Mach-O has no list that comes before the others, and its compilers have destructors registered by constructors of
    // the same priority, so that they are called in the reverse order among what `atexit` was told.
    let (first, last): (&[i32], _) = if cfg!(target_os = "macos") {
        (&[1, 2, 3, 4], [21, 29, 30, 20, 31, 32])
    } else {
        (&[0, 1, 2, 3, 4], [21, 20, 29, 30, 31, 32])
    };
    for options in compile::OPTIONS {
        let two = compile::compile(compile::Compiler::Gcc, "c", two, options);
        with_every_compiler("c", one, |one, by| {
            let module = load(linker(&[&one, &two]));
            assert_eq!(notes(), first, "{by}");
            // SAFETY: the function's type.
            let run = unsafe { module.function::<extern "C" fn()>("run") }.unwrap();
            run.call();
            assert_eq!(notes(), [10]);
            drop(module);
            assert_eq!(notes(), [0; 0], "a function keeps the module alive");
            drop(run);
            assert_eq!(notes(), last, "{by}");
        });
    }
}

#[test]
fn constructors_are_given_the_programs_arguments() {
    static SEEN: Mutex<Option<(Vec<String>, usize)>> = Mutex::new(None);
    extern "C" fn look(argc: c_int, argv: *const *const c_char, envp: usize) {
        // SAFETY: `argv` has `argc` strings and a null pointer.
        let words = unsafe { std::slice::from_raw_parts(argv, argc as usize + 1) };
        let (last, words) = words.split_last().unwrap();
        assert!(last.is_null());
        // SAFETY: each is a string.
        let word = |word: &*const c_char| unsafe { CStr::from_ptr(*word) }.to_str().unwrap().to_owned();
        *SEEN.lock().unwrap() = Some((words.iter().map(word).collect(), envp));
    }
    unsafe extern "C" {
        static environ: usize;
    }
    let source = r#"
        extern void look(int, char **, char **);
        __attribute__((constructor)) static void start(int argc, char **argv, char **envp) { look(argc, argv, envp); }
    "#;
    // SAFETY: the C library's variable.
    let environment = unsafe { environ };
    with_every_compiler("c", source, |object, by| {
        let mut linker = linker(&[&object]);
        linker.define_fn("look", look as extern "C" fn(c_int, *const *const c_char, usize));
        let module = load(linker.clone());
        let own: Vec<String> = std::env::args().collect();
        assert_eq!(SEEN.lock().unwrap().take().unwrap(), (own, environment), "{by}");
        drop(module);
        linker.arguments(["prog", "a b"]).unwrap();
        let module = load(linker);
        assert_eq!(SEEN.lock().unwrap().take().unwrap().0, ["prog", "a b"], "{by}");
        assert_eq!(module.arguments().0, 2);
    });
    let error = Linker::new(Target::host()).arguments(["a\0b"]).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "an argument holds a NUL byte");
}

/// Two modules with the same code: each has its own handle.
#[test]
fn each_module_ends_with_what_it_registered_itself() {
    let _alone = alone();
    let source = r#"
        extern void note(int);
        extern int __cxa_atexit(void (*)(void *), void *, void *);
        extern int on_exit(void (*)(int, void *), void *);
        extern int at_quick_exit(void (*)(void));
        extern void *__dso_handle;
        static void one(void *arg) { note(*(int *)arg); }
        static void two(int status, void *arg) { note(status * 1000 + *(int *)arg + 1); }
        static void quick(void) { note(-1); }
        static int value;
        void **run(int n) {
            value = n;
            __cxa_atexit(one, &value, &__dso_handle);
        #ifdef __linux__
            on_exit(two, &value);
            at_quick_exit(quick);
        #endif
            return &__dso_handle;
        }
    "#;
    with_every_compiler("c", source, |object, by| {
        let modules = [10, 20].map(|value| {
            let module = load(linker(&[&object]));
            // SAFETY: the function's type.
            let run = unsafe { module.function::<extern "C" fn(i32) -> *const usize>("run") }.unwrap();
            let handle = run.call(value);
            // SAFETY: a word of the module.
            assert_eq!(unsafe { *handle }, handle as usize, "the handle holds its own address");
            (module, handle)
        });
        assert_ne!(modules[0].1, modules[1].1);
        let [(first, _), (second, _)] = modules;
        // macOS has neither `on_exit` nor `at_quick_exit`.
        let called = |number| if cfg!(target_os = "macos") { vec![number] } else { vec![number + 1, number] };
        drop(first);
        assert_eq!(notes(), called(10), "{by}");
        second.unload().unwrap();
        assert_eq!(notes(), called(20), "{by}");
    });
}

#[test]
#[cfg(target_os = "linux")] // The emulated system has no `fork`; on macOS such a module is not unloaded.
fn what_is_called_at_forks_is_forgotten_with_the_module() {
    let _alone = alone();
    let source = r#"
        extern void note(int);
        extern void _exit(int);
        extern int fork(void), waitpid(int, int *, int);
        extern int pthread_atfork(void (*)(void), void (*)(void), void (*)(void));
        static int status = 1;
        static void prepare(void) { note(1); }
        static void parent(void) { note(2); }
        static void child(void) { status = 3; }
        int run(void) {
            int id, ended, failed = pthread_atfork(prepare, parent, child) | pthread_atfork(0, parent, 0);
            if ((id = fork()) == 0) _exit(status);
            return failed || waitpid(id, &ended, 0) != id ? -1 : ended >> 8;
        }
    "#;
    with_every_compiler("c", source, |object, by| {
        let module = load(linker(&[&object]));
        // SAFETY: the function's type.
        let run = unsafe { module.function::<extern "C" fn() -> i32>("run") }.unwrap();
        assert_eq!((run.call(), notes()), (3, vec![1, 2, 2]), "{by}");
        drop((run, module));
        // SAFETY: the child ends at once.
        let id = unsafe { libc::fork() };
        if id == 0 {
            // SAFETY: as above.
            unsafe { libc::_exit(0) };
        }
        // SAFETY: waits for the child.
        assert_eq!(unsafe { libc::waitpid(id, std::ptr::null_mut(), 0) }, id);
        assert_eq!(notes(), [0; 0], "{by}");
    });
}

#[test]
#[cfg(target_os = "linux")] // Mach-O has no such functions.
fn an_indirect_function_is_chosen_once_and_has_one_address() {
    let source = r#"
        extern void asked(unsigned long, const unsigned long *);
        static int plain(int n) { return n + 1; }
        static int better(int n) { return n + 100; }
        static int ready = 1;
        static void *choose(unsigned long hwcap, const unsigned long *capabilities) {
            asked(hwcap, capabilities);
            return ready ? better : plain;
        }
        int add(int n) __attribute__((ifunc("choose")));
        static int hidden(int n) __attribute__((ifunc("choose")));
        int (*pointer)(int) = add;
        int (*const constant)(int) = add;
        void *address(void) { return add; }
        int call(int n) { return add(n) + hidden(n) + pointer(n) + constant(n); }
    "#;
    let other =
        "extern int add(int); void *address_there(void) { return add; } int call_there(int n) { return add(n); }";
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn asked(hwcap: u64, capabilities: *const u64) {
        ASKED.fetch_add(1, Ordering::SeqCst);
        if cfg!(target_arch = "aarch64") && cfg!(target_os = "linux") {
            assert_ne!(hwcap & 1 << 62, 0);
            // SAFETY: arm64's convention gives a size and that many bytes of it.
            let capabilities = unsafe { std::slice::from_raw_parts(capabilities, 3) };
            assert_eq!((capabilities[0], capabilities[1]), (24, hwcap & !(1 << 62)));
        }
    }
    for options in compile::OPTIONS {
        let other = compile::compile(compile::Compiler::Gcc, "c", other, options);
        with_every_compiler("c", source, |object, by| {
            let mut linker = linker(&[&object, &other]);
            linker.define_fn("asked", asked as extern "C" fn(u64, *const u64));
            ASKED.store(0, Ordering::SeqCst);
            let module = load(linker);
            // Names of one place are one function.
            assert_eq!(ASKED.load(Ordering::SeqCst), 1, "{by}");
            type Add = extern "C" fn(i32) -> i32;
            for (name, sum) in [("call", 4 * 107), ("add", 107), ("call_there", 107)] {
                // SAFETY: the functions' type.
                let function = unsafe { module.function::<Add>(name) }.unwrap();
                assert_eq!(function.call(7), sum, "{by}: {name}");
            }
            let there = module.address("add").unwrap();
            for name in ["address", "address_there"] {
                // SAFETY: the functions' type.
                let address = unsafe { module.function::<extern "C" fn() -> *const ()>(name) }.unwrap();
                assert_eq!(address.call(), there, "{by}: {name}");
            }
            for name in ["pointer", "constant"] {
                let pointer = module.address(name).unwrap().cast::<*const ()>();
                // SAFETY: a pointer of the module.
                assert_eq!(unsafe { *pointer }, there, "{by}: {name}");
            }
        });
    }
}

#[test]
#[cfg(target_os = "linux")] // Mach-O has no such functions.
fn an_indirect_function_that_is_not_chosen_fails_the_load() {
    let source = r#"
        static void *choose(void) { return 0; }
        int add(int n) __attribute__((ifunc("choose")));
        int call(int n) { return add(n); }
    "#;
    with_every_compiler("c", source, |object, by| {
        // SAFETY: only `choose` runs.
        let error = unsafe { linker(&[&object]).load() }.unwrap_err();
        assert!(error.is_malformed());
        let error = error.to_string();
        let place = error.strip_suffix(": the function that chooses an indirect function chose none").unwrap();
        assert!(place.starts_with("0.o: .text+0x"), "{by}: {error}");
    });
}

fn assemble(target: Target, text: &str) -> Vec<u8> {
    Assembler::find(target, Syntax::Plain).unwrap().assemble("test.s", text.as_bytes()).unwrap()
}

/// The names of the functions of a plan's lists, in the order of the calls.
fn planned(target: Target, texts: &[&str]) -> (Vec<String>, Vec<String>) {
    let mut linker = Linker::new(target);
    for (number, text) in texts.iter().enumerate() {
        linker.add_object(&format!("{number}.o"), assemble(target, text)).unwrap();
    }
    let plan = linker.plan(TargetAddr(0x10000)).unwrap();
    let name = |address: TargetAddr| {
        plan.symbols().iter().find(|symbol| symbol.address == address && symbol.exported).unwrap().name.clone()
    };
    (plan.initializers().map(name).collect(), plan.finalizers().map(name).collect())
}

#[test]
fn lists_are_sorted_by_priority_and_then_as_linkers_do() {
    let list = |section: &str, names: &[&str]| {
        let kind = section.split('.').nth(1).unwrap();
        let kind = if kind.ends_with("tors") { "progbits" } else { kind };
        let words: String = names.iter().map(|name| format!(".quad {name}\n")).collect();
        format!(".section {section},\"aw\",%{kind}\n{words}")
    };
    let functions = |names: &[&str]| -> String {
        let function = |name: &&str| format!(".globl {name}\n{name}: nop\nret\n");
        ".text\n".to_owned() + &names.iter().map(function).collect::<String>()
    };
    let one = functions(&["a", "b", "c", "d", "e", "f", "g", "h", "i"])
        + &list(".init_array", &["g", "h"])
        + &list(".ctors.65434", &["c", "b"]) // 101
        + &list(".init_array.00200", &["d"])
        + &list(".preinit_array", &["a"])
        + &list(".ctors", &["-1", "f", "e", "0"])
        + &list(".init_array.65535", &["i"]).replace("%init_array", "%progbits"); // what counts is the name
    let two = functions(&["j", "k", "l", "m", "n", "o"])
        + &list(".fini_array.101", &["n"])
        + &list(".dtors.65434", &["k", "j"])
        + &list(".fini_array", &["m", "l"])
        + &list(".dtors", &["0", "o"]);
    for target in [Target::X86_64_LINUX, Target::AARCH64_LINUX] {
        let (init, fini) = planned(target, &[&one, &two]);
        assert_eq!(init.concat(), "abcdighef", "{target}");
        assert_eq!(fini.concat(), "olmkjn", "{target}");
    }
    let macho = ".globl _a, _b, _c, _d\n_a: nop\n_b: nop\n_c: nop\n_d: nop\n\
                 .section __DATA,__mod_init_func,mod_init_funcs\n.quad _b\n.quad _a\n\
                 .section __DATA,__mod_term_func,mod_term_funcs\n.quad _c\n.quad _d\n";
    for target in [Target::X86_64_MACOS, Target::AARCH64_MACOS] {
        let (init, fini) = planned(target, &[macho]);
        assert_eq!((init.concat(), fini.concat()), ("ba".to_owned(), "dc".to_owned()), "{target}");
    }
}

#[test]
fn a_list_that_is_none() {
    for (list, wrong) in [
        (".quad 0\n", "0.o: .init_array+0x0: an address of a function to call is 0"),
        (
            ".quad f\n.long 0\n",
            "0.o: .init_array+0xc: a list of functions to call, and its size is not a multiple of 8",
        ),
    ] {
        let text = format!("f: ret\n.section .init_array,\"aw\",%init_array\n{list}");
        let mut linker = Linker::new(Target::X86_64_LINUX);
        linker.add_object("0.o", assemble(Target::X86_64_LINUX, &text)).unwrap();
        assert_eq!(linker.plan(TargetAddr(0x10000)).unwrap_err().to_string(), wrong);
    }
    for (section, name, wrong) in [
        (
            ".init_array.70000,\"aw\",%init_array",
            ".init_array.70000",
            "0.o: .init_array.70000: a priority that is no number up to 65535",
        ),
        // Assemblers know what `.init` must be.
        (".inix,\"a\",%progbits", ".init", "0.o: .init: a piece of a start-up function, and it is no code"),
    ] {
        let mut linker = Linker::new(Target::X86_64_LINUX);
        let mut object = assemble(Target::X86_64_LINUX, &format!("f: ret\n.section {section}\n.quad f\n"));
        let at = object.windows(6).rposition(|word| word == b".inix\0");
        if let Some(at) = at {
            object[at..][..name.len()].copy_from_slice(name.as_bytes());
        }
        assert_eq!(linker.add_object("0.o", object).map(|_| ()).unwrap_err().to_string(), wrong);
    }
}

/// Mach-O objects on this system: their initializers and finalizers.
#[test]
fn mach_o_initializers_run() {
    let _alone = alone();
    let target = if cfg!(target_arch = "x86_64") { Target::X86_64_MACOS } else { Target::AARCH64_MACOS };
    let code = if cfg!(target_arch = "x86_64") {
        |n| format!("push %rax\nmov ${n}, %edi\ncall _note\npop %rax\nret\n")
    } else {
        |n| format!("stp x29, x30, [sp, #-16]!\nmov w0, #{n}\nbl _note\nldp x29, x30, [sp], #16\nret\n")
    };
    let text = format!(
        ".p2align 2\n_a: {}\n_b: {}\n.section __DATA,__mod_init_func,mod_init_funcs\n.p2align 3\n.quad _a\n\
         .section __DATA,__mod_term_func,mod_term_funcs\n.p2align 3\n.quad _b\n",
        code(1),
        code(2)
    );
    let module = load(linker(&[&assemble(target, &text)]));
    assert_eq!(notes(), [1]);
    module.unload().unwrap();
    assert_eq!(notes(), [2]);
}
