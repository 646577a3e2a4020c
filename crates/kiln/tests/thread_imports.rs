//! Thread-local variables that another module or a shared library defines: every thread has the definer's copy, by every model, or
//! the use is refused by name.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code and calls it.
#![cfg(target_os = "linux")]

#[path = "life/compile.rs"]
mod compile;

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};

use compile::{Compiler, compile};
use kiln::{Function, Linker, Module, Target};

/// The loader takes storage back in the reverse order alone, so that tests must not interleave.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

type Next = extern "C" fn() -> i32;

fn linker(object: &[u8]) -> Linker<'static> {
    let mut linker = Linker::new(Target::host());
    linker.add_object("code.o", object.to_vec()).unwrap();
    linker
}

fn load(linker: Linker<'_>) -> Module {
    // SAFETY: the tests' own code.
    unsafe { linker.load() }.unwrap()
}

fn refused(linker: Linker<'_>) -> kiln::Error {
    // SAFETY: nothing of it runs.
    unsafe { linker.load() }.unwrap_err()
}

fn function(module: &Module, name: &str) -> Function<Next> {
    // SAFETY: the functions' type.
    unsafe { module.function::<Next>(name) }.unwrap()
}

/// The ways to use a variable of somebody else.
fn options() -> Vec<(Compiler, Vec<&'static str>)> {
    let mut all: Vec<(Compiler, Vec<&str>)> = Vec::new();
    for compiler in Compiler::ALL {
        for level in ["-O0", "-O2"] {
            for model in [&[][..], &["-fPIC"], &["-fPIC", "-ftls-model=initial-exec"]] {
                all.push((compiler, [&[level], model].concat()));
            }
        }
    }
    let dialect = if cfg!(target_arch = "x86_64") { "-mtls-dialect=gnu2" } else { "-mtls-dialect=trad" };
    all.push((Compiler::Gcc, vec!["-O2", "-fPIC", dialect]));
    all
}

const DEFINES: &str = r#"
    __thread long long before = 7;
    __thread int counter = 3;
    int own(void) { return counter; }
"#;

const USES: &str = "extern __thread int counter; int next(void) { return ++counter; }";

/// Both sides see one copy in each thread, in threads from before the user and after.
#[track_caller]
fn shares(own: &Function<Next>, next: &Function<Next>, by: &str) {
    assert_eq!((next.call(), next.call(), own.call()), (4, 5, 5), "{by}");
    let (own, next) = (own.clone(), next.clone());
    let other = std::thread::spawn(move || (own.call(), next.call(), own.call()));
    assert_eq!(other.join().unwrap(), (3, 4, 4), "{by}");
}

#[test]
fn a_variable_of_another_module() {
    let _alone = alone();
    for (compiler, options) in options() {
        for definer in [&["-O2"][..], &["-O2", "-fPIC"]] {
            let by = format!("{compiler:?} {options:?}, defined by {definer:?}");
            let module = load(linker(&compile(Compiler::Gcc, "c", DEFINES, definer)));
            let own = function(&module, "own");
            let (send, receive) = mpsc::channel::<Function<Next>>();
            let before = std::thread::spawn(move || receive.recv().unwrap().call());
            let mut user = linker(&compile(compiler, "c", USES, &options));
            user.define_module(&module);
            let user = load(user);
            let next = function(&user, "next");
            send.send(next.clone()).unwrap();
            assert_eq!(before.join().unwrap(), 4, "{by}: a thread from before");
            shares(&own, &next, &by);
            drop(own);
            let module = module.unload().expect_err("the other uses it").into_module();
            drop(next);
            user.unload().unwrap();
            module.unload().unwrap();
        }
    }
}

/// What the process has by the same name is another one; and the first module that defines it counts.
#[test]
fn modules_come_before_the_process_and_in_their_order() {
    let _alone = alone();
    let define = |value: i32| {
        let source = format!("__thread int environ = {value}; int own(void) {{ return environ; }}");
        load(linker(&compile(Compiler::Gcc, "c", &source, &["-O2"])))
    };
    let (one, two) = (define(10), define(20));
    let uses =
        compile(Compiler::Gcc, "c", "extern __thread int environ; int next(void) { return ++environ; }", &["-O2"]);
    let mut user = linker(&uses);
    user.define_module(&two).define_module(&one);
    let user = load(user);
    assert_eq!(function(&user, "next").call(), 21);
    assert_eq!((function(&one, "own").call(), function(&two, "own").call()), (10, 21));
}

/// Storage that threads have already got at any place has no fixed distance any more.
#[test]
fn what_comes_too_late_for_a_fixed_distance_is_refused() {
    let _alone = alone();
    let source = "__thread int counter = 3; int own(void) { return counter; }";
    let module = load(linker(&compile(Compiler::Gcc, "c", source, &["-O2", "-fPIC", "-ftls-model=global-dynamic"])));
    assert_eq!(function(&module, "own").call(), 3);
    let mut user = linker(&compile(Compiler::Gcc, "c", USES, &["-O2", "-fPIC", "-ftls-model=initial-exec"]));
    user.define_module(&module);
    // x86-64's storage is wherever the loader likes; arm64's descriptors may have been given a fixed place.
    if cfg!(target_arch = "x86_64") {
        let error = refused(user);
        let text = error.to_string();
        assert!(text.ends_with("cannot allocate memory in static TLS block"), "{text}");
        assert!(error.next_step().unwrap().starts_with("compile with -fPIC -ftls-model=global-dynamic"));
        // In the other way it goes.
        user = linker(&compile(Compiler::Gcc, "c", USES, &["-O2", "-fPIC", "-ftls-model=global-dynamic"]));
        user.define_module(&module);
    }
    shares(&function(&module, "own"), &function(&load(user), "next"), "a dynamic access");
}

/// A shared library, of objects that this makes.
struct Shared(PathBuf);

impl Shared {
    fn of(source: &str) -> Shared {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("kiln-thread-imports-{}-{number}", std::process::id());
        let base = std::env::temp_dir().join(name);
        let (object, library) = (base.with_extension("o"), base.with_extension("so"));
        std::fs::write(&object, compile(Compiler::Gcc, "c", source, &["-O2", "-fPIC"])).unwrap();
        let cc = Target::host().gnu_prefix().map_or("cc".to_owned(), |prefix| format!("{prefix}-gcc"));
        let linked = Command::new(&cc).arg("-shared").arg(&object).arg("-o").arg(&library).status();
        assert!(linked.unwrap_or_else(|error| panic!("{cc}: {error}")).success());
        std::fs::remove_file(&object).unwrap();
        Shared(library)
    }

    fn user(&self, uses: &[u8]) -> Linker<'static> {
        let mut user = linker(uses);
        // SAFETY: the test's own library.
        unsafe { user.define_library(self.0.to_str().unwrap()) }.unwrap();
        user
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_variable_of_a_shared_library() {
    let _alone = alone();
    let source = DEFINES.to_owned() + "int (*look(void))(void) { return own; }";
    let uses = USES.to_owned() + "\nextern int own(void); int through(void) { return own(); }";
    for (compiler, options) in options() {
        // A library of its own each time: the loader would give the same again.
        let shared = Shared::of(&source);
        let user = load(shared.user(&compile(compiler, "c", &uses, &options)));
        shares(&function(&user, "through"), &function(&user, "next"), &format!("{compiler:?} {options:?}"));
        user.unload().unwrap();
    }
    let user = Shared::of(&source).user(&compile(
        Compiler::Gcc,
        "c",
        "extern __thread int none; int next(void) { return none; }",
        &[],
    ));
    assert_eq!(refused(user).to_string(), "undefined symbol `none`, wanted by code.o");
}

#[test]
fn a_variable_that_the_loader_would_take_for_another_is_refused() {
    let _alone = alone();
    let shared = Shared::of("__thread int environ = 3;");
    let uses = compile(Compiler::Gcc, "c", "extern __thread int environ; int next(void) { return environ; }", &["-O2"]);
    let error = refused(shared.user(&uses));
    let path = shared.0.display();
    assert_eq!(
        error.to_string(),
        format!(
            "`environ`: is a thread-local variable of {path} and a symbol of the process, which the loader takes first"
        )
    );
    assert_eq!(error.next_step(), Some("give the variable another name, or leave the library out"));
}

/// Counting from the beginning of a module's own storage, nothing of another's can be found.
#[test]
fn what_counts_from_the_own_storage_is_refused() {
    let _alone = alone();
    let module = load(linker(&compile(Compiler::Gcc, "c", "__thread int counter = 3;", &["-O2"])));
    let texts = if cfg!(target_arch = "x86_64") {
        [
            ".globl next\nnext: lea counter@dtpoff(%rax), %rax\nret\n",
            ".globl next\nnext: movabs $counter@dtpoff, %rax\nret\n",
        ]
    } else {
        [
            ".globl next\nnext: add x0, x0, #:dtprel_lo12:counter\nret\n",
            ".globl next\nnext: movz x0, #:dtprel_g0:counter\nret\n",
        ]
    };
    for text in texts {
        let mut user = Linker::new(Target::host());
        user.add_assembly("local.s", text).unwrap();
        user.define_module(&module);
        let error = refused(user);
        assert!(error.to_string().ends_with(" of a variable of another module"), "{error}");
        assert_eq!(error.next_step(), Some("compile with -fPIC -ftls-model=global-dynamic"));
    }
}

/// Both formats' variables have storage of their own kind, and a module has one.
#[test]
fn variables_of_two_formats_in_one_module_are_refused() {
    let _alone = alone();
    let mut user =
        linker(&compile(Compiler::Gcc, "c", "extern __thread int errno; int next(void) { return errno; }", &["-O2"]));
    let apple = Target::new(Target::host().arch(), kiln::Os::MacOs);
    let text = ".section __DATA,__thread_vars,thread_local_variables\n.globl _x\n_x: .quad __tlv_bootstrap\n.quad 0\n\
                .quad _x$tlv$init\n.section __DATA,__thread_data,thread_local_regular\n_x$tlv$init: .long 3\n";
    let object = kiln::Assembler::find(apple, kiln::Syntax::Plain).unwrap().assemble("x.s", text.as_bytes()).unwrap();
    user.add_object("x.o", object).unwrap();
    let error = refused(user);
    assert_eq!(error.to_string(), "code.o: `errno`: thread-local variables of ELF and of Mach-O objects in one module");
    assert_eq!(error.next_step(), Some("load the objects of each format as a module of its own"));
}
