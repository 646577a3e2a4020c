//! Symbols from elsewhere: which of several definitions a name means, and how long what it means stays.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code and calls it.

use std::sync::{Arc, Mutex};

use kiln::{Assembler, Linker, Module, Syntax, Target, TargetAddr};

/// An ELF object for this machine, whose `get` returns what `value` returns.
fn get(weak: &str) -> Vec<u8> {
    let body = if cfg!(target_arch = "x86_64") { "jmp value@PLT\n" } else { "b value\n" };
    assemble(&format!("{weak}.globl get\nget: {body}"))
}

/// An object that defines `value`.
fn value(directive: &str, number: u32) -> Vec<u8> {
    let body = if cfg!(target_arch = "x86_64") { "mov ${}, %eax\nret\n" } else { "mov w0, #{}\nret\n" };
    assemble(&format!("{directive} value\nvalue: {}", body.replace("{}", &number.to_string())))
}

fn assemble(text: &str) -> Vec<u8> {
    let target = if cfg!(target_arch = "x86_64") { Target::X86_64_LINUX } else { Target::AARCH64_LINUX };
    Assembler::find(target, Syntax::Plain).unwrap().assemble("test.s", text.as_bytes()).unwrap()
}

fn linker(objects: &[Vec<u8>]) -> Linker<'static> {
    let mut linker = Linker::new(Target::host());
    for (number, object) in objects.iter().enumerate() {
        linker.add_object(&format!("{number}.o"), object.clone()).unwrap();
    }
    linker
}

fn load(linker: Linker<'_>) -> Module {
    // SAFETY: the tests' own code, which keeps to the calling convention.
    unsafe { linker.load() }.unwrap_or_else(|error| panic!("{error}"))
}

fn call(module: &Module, name: &str) -> u32 {
    // SAFETY: the functions' type.
    unsafe { module.function::<extern "C" fn() -> u32>(name) }.unwrap().call()
}

extern "C" fn host() -> u32 {
    2
}

extern "C" fn resolved() -> u32 {
    4
}

/// What `value` means in each of the ways that it can be defined, from the strongest on.
#[test]
fn precedence() {
    let module = load(linker(&[value(".globl", 3)]));
    let resolver = |linker: &mut Linker<'_>| {
        linker.resolver(|name| (name == "value").then_some(TargetAddr(resolved as *const () as usize as u64)));
    };
    let mut all = linker(&[get(""), value(".weak", 10), value(".globl", 1), value(".weak", 11)]);
    resolver(all.define_fn("value", host as extern "C" fn() -> u32).define_module(&module));
    assert_eq!(call(&load(all), "get"), 1, "a strong definition among the inputs");
    let mut weak = linker(&[get(""), value(".weak", 10), value(".weak", 11)]);
    weak.define_fn("value", host as extern "C" fn() -> u32);
    assert_eq!(call(&load(weak), "get"), 10, "the first weak one");
    let mut defined = linker(&[get("")]);
    resolver(defined.define_module(&module).define_fn("value", host as extern "C" fn() -> u32));
    assert_eq!(call(&load(defined), "get"), 2, "the host's definition");
    let mut modules = linker(&[get("")]);
    let other = load(linker(&[value(".globl", 30)]));
    resolver(modules.define_module(&module).define_module(&other));
    assert_eq!(call(&load(modules), "get"), 3, "the first module that exports it");
    let mut last = linker(&[get("")]);
    resolver(&mut last);
    assert_eq!(call(&load(last), "get"), 4, "the resolver");
    let mut nothing = linker(&[get(".weak value\n")]);
    nothing.resolver(|_| None);
    assert_eq!(load(nothing).address("value"), None, "a weak reference to nothing is 0");
}

/// The process is asked last, so a name of the C library can be replaced.
#[test]
fn what_the_process_has_can_be_replaced() {
    let object = || {
        let call = if cfg!(target_arch = "x86_64") { "jmp getpid@PLT\n" } else { "b getpid\n" };
        assemble(&format!(".globl get\nget: {call}"))
    };
    assert_eq!(call(&load(linker(&[object()])), "get"), std::process::id());
    let mut replaced = linker(&[object()]);
    replaced.define_fn("getpid", host as extern "C" fn() -> u32);
    assert_eq!(call(&load(replaced), "get"), 2);
    let mut resolved_too = linker(&[object()]);
    resolved_too.resolver(|name| (name == "getpid").then_some(TargetAddr(resolved as *const () as usize as u64)));
    assert_eq!(call(&load(resolved_too), "get"), 4);
}

/// Each name once, and no guesses: a resolver may make what it is asked for.
#[test]
fn the_resolver_is_asked_once_for_each_name() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let mut linker = linker(&[get(""), assemble(".data\n.quad b, value, valu\n")]);
    let names = Arc::clone(&asked);
    linker.resolver(move |name| {
        names.lock().unwrap().push(name.to_owned());
        (name != "valu").then_some(TargetAddr(0x1000))
    });
    let error = linker.plan(TargetAddr(0x10000)).unwrap_err();
    assert_eq!(error.to_string(), "undefined symbol `valu`, wanted by 1.o");
    let mut names = asked.lock().unwrap().clone();
    names.sort();
    assert_eq!(names, ["b", "valu", "value"]);
}

/// What a module uses stays as long as it.
#[test]
fn a_module_keeps_the_modules_that_it_uses() {
    let used = load(linker(&[value(".globl", 3)]));
    let mut user = linker(&[get("")]);
    user.define_module(&used);
    let user = load(user);
    let used = used.unload().expect_err("it is in use").into_module();
    drop(used);
    assert_eq!(call(&user, "get"), 3);
    user.unload().expect("nothing uses it");
}

/// A compiler for this process's code, which may be emulated.
#[cfg(target_os = "linux")]
fn compiler() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" if std::process::Command::new("aarch64-linux-gnu-gcc").arg("--version").output().is_ok() => {
            "aarch64-linux-gnu-gcc"
        }
        _ => "cc",
    }
}

#[test]
#[cfg(target_os = "linux")]
fn shared_libraries() {
    let object = || {
        let call = if cfg!(target_arch = "x86_64") { "jmp zlibCompileFlags@PLT\n" } else { "b zlibCompileFlags\n" };
        assemble(&format!(".globl get\nget: {call}"))
    };
    let directory = std::env::temp_dir().join(format!("kiln-elsewhere-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let library = directory.join("libkilntest.so");
    let source = "int zlibCompileFlags(void) { return 77; }\n__thread int own = 3;\n";
    std::fs::write(directory.join("a.c"), source).unwrap();
    let made = std::process::Command::new(compiler())
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(directory.join("a.c"))
        .status();
    assert!(made.unwrap().success());
    // SAFETY: the library above.
    let with = |linker: &mut Linker<'_>| {
        // SAFETY: as above.
        unsafe { linker.define_library(library.to_str().unwrap()) }.map(|_| ())
    };
    let mut linker = linker(&[object()]);
    with(&mut linker).unwrap();
    let module = load(linker.clone());
    drop(linker);
    assert_eq!(call(&module, "get"), 77, "the module keeps it open");
    drop(module);

    // A thread-local variable's address is that of one thread's copy.
    let mut own = self::linker(&[assemble(".data\n.quad own\n")]);
    with(&mut own).unwrap();
    // SAFETY: it is refused.
    let error = unsafe { own.load() }.unwrap_err();
    assert_eq!(error.to_string(), "undefined symbol `own`, wanted by 0.o");

    let mut missing = Linker::new(Target::host());
    // SAFETY: there is none.
    let error = unsafe { missing.define_library("kiln_no_such_library") }.map(|_| ()).unwrap_err();
    assert!(error.is_system());
    assert_eq!(
        error.to_string(),
        "kiln_no_such_library: cannot open the shared library: libkiln_no_such_library.so: cannot open shared object \
         file: No such file or directory"
    );
    assert_eq!(error.next_step(), Some("give its file name or its path, such as `libm.so.6`"));
    // SAFETY: the C library's own mathematics.
    unsafe { missing.define_library("m") }.unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
}

/// A version of a function, which the loader knows; and one that nobody has.
#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn a_version_of_what_the_process_has() {
    let version = if cfg!(target_arch = "x86_64") { "GLIBC_2.2.5" } else { "GLIBC_2.17" };
    let object = |version: &str| {
        let jump = if cfg!(target_arch = "x86_64") { "jmp" } else { "b" };
        assemble(&format!(".globl get\n.symver old, labs@{version}\nget: {jump} old\n"))
    };
    let module = load(linker(&[object(version)]));
    // SAFETY: `labs`.
    let get = unsafe { module.function::<extern "C" fn(i64) -> i64>("get") }.unwrap();
    assert_eq!(get.call(-5), 5);
    // SAFETY: it is refused.
    let error = unsafe { linker(&[object("GLIBC_9.9")]).load() }.unwrap_err();
    assert_eq!(error.to_string(), "undefined symbol `labs@GLIBC_9.9`, wanted by 0.o");
}

/// A symbol that is one for the whole process means the definition that is there, and else its own.
#[test]
fn unique_symbols() {
    let object = |number: u32| {
        let text = format!(
            ".data\n.balign 8\n.globl one\n.type one, @gnu_unique_object\none: .quad {number}\n.globl where\nwhere: .quad one\n"
        );
        assemble(&text.replace('@', if cfg!(target_arch = "x86_64") { "@" } else { "%" }))
    };
    let first = load(linker(&[object(1)]));
    let mut second = linker(&[object(2)]);
    second.define_module(&first);
    let second = load(second);
    let pointer = |module: &Module| {
        // SAFETY: a variable of this type, in a module that is loaded.
        unsafe { *module.address("where").unwrap().cast::<usize>() }
    };
    assert_eq!(pointer(&first), first.address("one").unwrap() as usize);
    assert_eq!(pointer(&second), first.address("one").unwrap() as usize);
    assert_eq!(second.address("one"), None, "it exports none of its own");
}

/// What the process means by a name, while libraries that have the same come and go.
#[test]
#[cfg(target_os = "linux")]
fn symbols_of_the_process_while_libraries_come_and_go() {
    let directory = std::env::temp_dir().join(format!("kiln-come-and-go-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let jump = |name: &str| {
        let jump = if cfg!(target_arch = "x86_64") { "jmp *NAME@GOTPCREL(%rip)\n" } else { "b NAME\n" };
        load(linker(&[assemble(&format!(".globl get\nget: {}", jump.replace("NAME", name)))]))
    };
    let open = |name: &str, source: &str| {
        let library = directory.join(name);
        std::fs::write(directory.join("a.c"), source).unwrap();
        let mut command = std::process::Command::new(compiler());
        command.args(["-shared", "-fPIC", "-fno-builtin", "-o"]).arg(&library).arg(directory.join("a.c"));
        assert!(command.status().unwrap().success());
        let name = std::ffi::CString::new(library.to_str().unwrap()).unwrap();
        // SAFETY: the library above, which has no initializers.
        let opened = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
        assert!(!opened.is_null());
        opened
    };
    // SAFETY: no code of it is called any more.
    let close = |library| assert_eq!(unsafe { libc::dlclose(library) }, 0);
    // As the loader says when it is asked anew.
    let as_asked = |name: &str| {
        let text = std::ffi::CString::new(name).unwrap();
        // SAFETY: the name ends in NUL.
        let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, text.as_ptr()) };
        assert!(!address.is_null());
        // SAFETY: the functions' type.
        let expected = unsafe { std::mem::transmute::<*mut libc::c_void, extern "C" fn() -> u32>(address) }();
        assert_eq!(call(&jump(name), "get"), expected, "{name}");
        expected
    };

    let before = as_asked("getppid");
    let first = open("first.so", "int getppid(void) { return -1; }\nint kiln_come_and_go(void) { return 1; }\n");
    assert_eq!(as_asked("getppid"), before, "the C library was there first");
    assert_eq!(as_asked("kiln_come_and_go"), 1);
    // It comes behind the other one.
    let second = open("second.so", "int kiln_come_and_go(void) { return 2; }\nint kiln_second(void) { return 3; }\n");
    assert_eq!([as_asked("kiln_come_and_go"), as_asked("kiln_second")], [1, 3]);
    close(first);
    // Whether the first one stays is the loader's affair.
    as_asked("kiln_come_and_go");
    close(second);
    assert_eq!(as_asked("getppid"), before);
    std::fs::remove_dir_all(&directory).unwrap();
}
