//! Thread-local variables of loaded code: every thread has its own, initialised, also threads that were there before.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code and calls it.
#![cfg(target_os = "linux")]

#[path = "life/compile.rs"]
mod compile;

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};

use compile::{Compiler, compile};
use kiln::{Function, Linker, Module, Target};

/// The loader takes storage back in the reverse order alone, so that tests must not interleave.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

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

type Next = extern "C" fn() -> i32;

fn function(module: &Module, name: &str) -> Function<Next> {
    // SAFETY: the functions' type.
    unsafe { module.function::<Next>(name) }.unwrap()
}

/// What compilers do when nobody asks, and every model by name.
fn options() -> Vec<(Compiler, Vec<&'static str>)> {
    let mut all: Vec<(Compiler, Vec<&str>)> = Vec::new();
    for compiler in Compiler::ALL {
        for level in ["-O0", "-O1", "-O2"] {
            all.push((compiler, vec![level]));
            all.push((compiler, vec![level, "-fPIC"]));
            for model in ["global-dynamic", "local-dynamic", "initial-exec", "local-exec"] {
                let model = match model {
                    "global-dynamic" => "-ftls-model=global-dynamic",
                    "local-dynamic" => "-ftls-model=local-dynamic",
                    "initial-exec" => "-ftls-model=initial-exec",
                    _ => "-ftls-model=local-exec",
                };
                all.push((compiler, vec![level, "-fPIC", model]));
            }
        }
    }
    // Far and near code.
    let models: &[&str] =
        if cfg!(target_arch = "x86_64") { &["-mcmodel=medium", "-mcmodel=large"] } else { &["-mcmodel=tiny"] };
    for &model in models {
        for level in ["-O0", "-O2"] {
            all.push((Compiler::Gcc, vec![level, model]));
            all.push((Compiler::Gcc, vec![level, "-fPIC", model]));
            all.push((Compiler::Gcc, vec![level, "-fPIC", "-ftls-model=initial-exec", model]));
        }
    }
    // The other dialect than the usual one: calls of `__tls_get_addr`, or descriptors.
    let dialect = if cfg!(target_arch = "x86_64") { "-mtls-dialect=gnu2" } else { "-mtls-dialect=trad" };
    for level in ["-O0", "-O2"] {
        all.push((Compiler::Gcc, vec![level, "-fPIC", dialect]));
        all.push((Compiler::Gcc, vec![level, "-fPIC", dialect, "-ftls-model=local-dynamic"]));
    }
    all
}

const PROGRAM: &str = r#"
    static int array[3] = { 100, 200, 300 };
    __thread int counter = 3;
    static __thread long zero;
    static __thread int *pointer = &array[1];
    __thread char text[5] = "abcd";
    static __thread double local[40];
    extern __thread int elsewhere;
    int next(void) {
        counter += 1;
        zero += 10;
        elsewhere += 1000;
        local[39] += 1;
        return counter + (int)zero + *pointer + text[3] + elsewhere + (int)local[39];
    }
    int *address(void) { return &counter; }
"#;

/// In an object of its own, so that its place is not known to the other.
const ELSEWHERE: &str = "__thread long long before = 7; __thread int elsewhere = 50000;";

/// What `next` gives when it is called for the nth time in a thread, from 1.
fn expected(call: i32) -> i32 {
    3 + call + 10 * call + 200 + i32::from(b'd') + 50_000 + 1000 * call + call
}

#[test]
fn every_thread_has_its_own() {
    let _alone = alone();
    for (compiler, options) in options() {
        let by = format!("{compiler:?} {options:?}");
        let (program, elsewhere) =
            (compile(compiler, "c", PROGRAM, &options), compile(compiler, "c", ELSEWHERE, &options));
        let (send, receive) = mpsc::channel::<Function<Next>>();
        // It runs before the variables are there.
        let before = std::thread::spawn(move || receive.iter().map(|next| next.call()).collect::<Vec<_>>());
        let module = load(linker(&[&program, &elsewhere]));
        let next = function(&module, "next");
        assert_eq!((next.call(), next.call()), (expected(1), expected(2)), "{by}");
        send.send(next.clone()).unwrap();
        send.send(next.clone()).unwrap();
        drop(send);
        assert_eq!(before.join().unwrap(), [expected(1), expected(2)], "{by}: a thread from before");
        let after = next.clone();
        let after = std::thread::spawn(move || after.call());
        assert_eq!(after.join().unwrap(), expected(1), "{by}: a thread from after");
        assert_eq!(next.call(), expected(3), "{by}");
        drop(next);
        module.unload().unwrap();
    }
}

/// The storage of a module that is unloaded can be had again; and no memory is lost.
#[test]
fn modules_with_storage_come_and_go() {
    let _alone = alone();
    let options = ["-O2"];
    let (program, elsewhere) =
        (compile(Compiler::Gcc, "c", PROGRAM, &options), compile(Compiler::Gcc, "c", ELSEWHERE, &options));
    for round in 0..300 {
        let module = load(linker(&[&program, &elsewhere]));
        assert_eq!(function(&module, "next").call(), expected(1), "{round}");
        let next = function(&module, "next");
        assert_eq!(std::thread::spawn(move || next.call()).join().unwrap(), expected(1), "{round}");
        module.unload().unwrap();
    }
}

/// Storage that must be at a fixed distance is scarce; other storage is not.
#[test]
fn what_does_not_fit_is_refused_with_the_way_around() {
    let _alone = alone();
    let source = "__thread char large[1 << 20] = { 1 }; int next(void) { return large[0]++; }";
    for (options, fits) in [(&["-O2"][..], false), (&["-O2", "-fPIC"], true)] {
        let object = compile(Compiler::Gcc, "c", source, options);
        // SAFETY: the test's own code.
        match unsafe { linker(&[&object]).load() } {
            Ok(module) => {
                assert!(fits, "{options:?}");
                assert_eq!(function(&module, "next").call(), 1);
                let next = function(&module, "next");
                assert_eq!(std::thread::spawn(move || next.call()).join().unwrap(), 1);
            }
            Err(error) => {
                assert!(!fits && error.is_system(), "{options:?}: {error}");
                let text = error.to_string();
                assert!(text.starts_with("cannot make thread-local storage of 0x100000 bytes: "), "{text}");
                assert!(text.ends_with("cannot allocate memory in static TLS block"), "{text}");
                assert_eq!(
                    error.next_step(),
                    Some(
                        "compile with -fPIC -ftls-model=global-dynamic, or start the program with \
                         GLIBC_TUNABLES=glibc.rtld.optional_static_tls=SIZE"
                    )
                );
            }
        }
    }
}

fn set_errno(value: i32) {
    // SAFETY: it has no preconditions.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: this thread's own variable.
    unsafe { *errno = value };
}

/// The C library's own variable, by every way to get at it.
#[test]
fn a_variable_of_the_process() {
    let _alone = alone();
    let source = "extern __thread int errno; int get(void) { return errno; } int next(void) { return ++errno; }";
    for (compiler, options) in options() {
        if options.contains(&"-ftls-model=local-dynamic") || options.contains(&"-ftls-model=local-exec") {
            continue;
        }
        let module = load(linker(&[&compile(compiler, "c", source, &options)]));
        let (get, next) = (function(&module, "get"), function(&module, "next"));
        set_errno(41);
        assert_eq!((get.call(), next.call()), (41, 42), "{compiler:?} {options:?}");
        let other = std::thread::spawn(move || {
            set_errno(1);
            next.call()
        });
        assert_eq!(other.join().unwrap(), 2);
        assert_eq!(get.call(), 42);
    }
    let missing = "extern __thread int nowhere; int next(void) { return nowhere; }";
    // SAFETY: it is refused.
    let error = unsafe { linker(&[&compile(Compiler::Gcc, "c", missing, &["-O1"])]).load() }.unwrap_err();
    assert_eq!(error.to_string(), "undefined symbol `nowhere`, wanted by 0.o");
}

/// Destructors run at the end of a thread, and the module stays until they have.
#[test]
fn destructors_run_at_the_end_of_a_thread() {
    let _alone = alone();
    static DESTROYED: Mutex<Vec<i32>> = Mutex::new(Vec::new());
    static READY: AtomicI32 = AtomicI32::new(0);
    extern "C" fn destroyed(value: i32) {
        DESTROYED.lock().unwrap().push(value);
    }
    let source = r#"
        extern "C" void destroyed(int);
        struct Value { int value; Value(int value) : value(value) {} ~Value() { destroyed(value); } };
        static thread_local Value one(1), two(2);
        extern "C" int next() { one.value += 10; return one.value + two.value; }
    "#;
    // SAFETY: a library of the system, which is meant to be loaded.
    assert!(!unsafe { libc::dlopen(c"libstdc++.so.6".as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) }.is_null());
    for (compiler, options) in options() {
        let mut linker = linker(&[&compile(compiler, "c++", source, &options)]);
        linker.define_fn("destroyed", destroyed as extern "C" fn(i32));
        let module = load(linker);
        let next = function(&module, "next");
        let (finish, wait) = mpsc::channel::<()>();
        READY.store(0, Ordering::SeqCst);
        let thread = std::thread::spawn(move || {
            assert_eq!((next.call(), next.call()), (13, 23));
            drop(next);
            READY.store(1, Ordering::SeqCst);
            wait.recv().unwrap_err();
        });
        while READY.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        let module = module.unload().expect_err("a thread has destructors to call").into_module();
        drop(module);
        assert_eq!(*DESTROYED.lock().unwrap(), [0; 0]);
        drop(finish);
        thread.join().unwrap();
        assert_eq!(std::mem::take(&mut *DESTROYED.lock().unwrap()), [2, 21], "{compiler:?} {options:?}");
    }
}
