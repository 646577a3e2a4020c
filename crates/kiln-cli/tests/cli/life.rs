//! `kiln run` of programs: what runs before `main` and after it, as in a process of their own.

use kiln::Target;

use crate::{Dir, gnu};

/// Every way to have something called at the beginning and the end; the program ends as `END` says.
const PROGRAM: &str = r#"
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
extern char **environ;
static void handler(void) { printf("atexit\n"); }
static void earlier(void) { printf("atexit of a constructor\n"); }
static void with_status(int status, void *text) { printf("on_exit %d %s\n", status, (char *)text); }
static void quickly(void) { printf("quick\n"); fflush(stdout); }
__attribute__((constructor(101))) static void first(int argc, char **argv, char **envp) {
    printf("first %d %s %d\n", argc, argv[1], envp == environ);
}
__attribute__((constructor)) static void second(void) { printf("second\n"); atexit(earlier); }
__attribute__((destructor)) static void last(void) { printf("destructor\n"); }
int main(int argc, char **argv) {
    printf("main %d %s\n", argc, argv[1]);
    atexit(handler);
    on_exit(with_status, "text");
    at_quick_exit(quickly);
    END;
}
"#;

fn program(dir: &Dir, end: &str) {
    dir.compile(&PROGRAM.replace("END", end), "main.o");
}

#[test]
#[cfg(target_os = "linux")]
fn a_program_begins_and_ends_as_a_process_of_its_own() {
    let dir = Dir::new();
    const BEGIN: &str = "first 2 x 1\nsecond\nmain 2 x\n";
    for end in ["return 7", "exit(7)"] {
        program(&dir, end);
        let printed = format!("{BEGIN}on_exit 7 text\natexit\natexit of a constructor\ndestructor\n");
        dir.kiln(["run", "main.o", "--", "x"]).gives(7, &printed, "");
    }
    program(&dir, "fflush(stdout); quick_exit(3)");
    dir.kiln(["run", "main.o", "--", "x"]).gives(3, &format!("{BEGIN}quick\n"), "");
    program(&dir, "fflush(stdout); _Exit(4)");
    dir.kiln(["run", "main.o", "--", "x"]).gives(4, BEGIN, "");
}

/// What the C library itself makes of it.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn a_linked_program_prints_the_same() {
    let dir = Dir::new();
    program(&dir, "return 0");
    dir.tool("gcc", ["main.o", "-o", "program"]);
    let program = dir.path("program");
    let linked = dir.tool(program.to_str().unwrap(), ["x"]);
    dir.kiln(["run", "main.o", "--", "x"]).prints(&String::from_utf8(linked).unwrap());
}

#[test]
fn a_finalizer_that_crashes_is_reported() {
    let dir = Dir::new();
    let text = "__attribute__((destructor)) void last(void) { __builtin_trap(); } int main(void) { return 0; }";
    dir.compile(text, "main.o");
    let output = dir.kiln(["run", "main.o"]).output();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("kiln: error: main.o: stopped by SIG") && said.contains("in `last`+"), "{said}");
}

/// `exit` from a constructor, before `main`: what was registered is called, and what was not begun is not.
#[test]
#[cfg(target_os = "linux")]
fn a_constructor_that_exits() {
    let dir = Dir::new();
    let text = r#"
#include <stdio.h>
#include <stdlib.h>
static void handler(void) { printf("atexit\n"); }
__attribute__((constructor(101))) static void first(void) { printf("first\n"); atexit(handler); exit(9); }
__attribute__((constructor)) static void second(void) { printf("second\n"); }
__attribute__((destructor)) static void last(void) { printf("destructor\n"); }
int main(void) { printf("main\n"); return 0; }
"#;
    dir.compile(text, "main.o");
    dir.kiln(["run", "main.o"]).gives(9, "first\natexit\ndestructor\n", "");
    // The C library itself does the same.
    if cfg!(target_arch = "x86_64") {
        dir.tool("gcc", ["main.o", "-o", "program"]);
        let linked = std::process::Command::new(dir.path("program")).output().unwrap();
        assert_eq!((linked.status.code(), &*linked.stdout), (Some(9), &b"first\natexit\ndestructor\n"[..]));
    }
}

#[test]
fn a_constructor_that_crashes_is_reported() {
    let dir = Dir::new();
    let text = "__attribute__((constructor)) void first(void) { __builtin_trap(); } int main(void) { return 0; }";
    dir.compile(text, "main.o");
    let output = dir.kiln(["run", "main.o"]).output();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("kiln: error: main.o: stopped by SIG") && said.contains("in `first`+"), "{said}");
}

/// An exception that leaves a constructor ends the process, as it does in a program, by other words.
#[test]
#[cfg(target_os = "linux")]
fn a_constructor_that_throws() {
    let dir = Dir::new();
    dir.write("main.cc", "struct S { S() { throw 5; } } static s; int main() { return 0; }\n");
    dir.tool(&format!("{}-g++", gnu(Target::host().arch())), ["-c", "main.cc", "-o", "main.o"]);
    let output = dir.kiln(["run", "--lib", "stdc++", "main.o"]).output();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("panic in a function that cannot unwind"), "{said}");
    assert!(said.contains("kiln: error: main.o: stopped by SIGABRT: abort was called"), "{said}");
    assert_eq!(output.status.code(), Some(134));
}

#[test]
fn flat_code_has_nobody_who_calls_initializers() {
    let dir = Dir::new();
    dir.assemble(
        Target::X86_64_LINUX,
        ".globl f\nf: ret\n.section .init_array,\"aw\",@init_array\n.quad f\n",
        "init.o",
    );
    dir.kiln(["flat", "init.o"]).refuses(
        "\
kiln: error: init.o: .init_array: functions to call at the beginning or the end, and nothing does that for flat code
  next: cut one function or section with --symbol or --section, or load the file with `kiln run`
",
    );
    assert_eq!(dir.kiln(["flat", "init.o", "--symbol", "f"]).bytes(), [0xc3]);
}

/// What `gcc -c` makes of thread-local variables when nobody asks for anything else.
#[test]
#[cfg(target_os = "linux")]
fn thread_local_variables() {
    let dir = Dir::new();
    let text = r#"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
__thread int counter = 3;
static __thread char name[16] = "fresh";
static void *work(void *arg) { counter += *(int *)arg; printf("%s %d\n", name, counter); name[0] = 'F'; return 0; }
int main(void) {
    int one = 1, two = 2;
    pthread_t thread;
    work(&one);
    pthread_create(&thread, 0, work, &two);
    pthread_join(thread, 0);
    printf("%s %d\n", name, counter);
    strtol("99999999999999999999", 0, 10);
    return errno == ERANGE ? 5 : 6;
}
"#;
    dir.compile(text, "main.o");
    dir.kiln(["run", "main.o"]).gives(5, "fresh 4\nfresh 5\nFresh 4\n", "");
}

/// Streams, exceptions, static and thread-local objects, threads: the C++ library, as a shared one.
#[test]
#[cfg(target_os = "linux")]
fn a_cxx_program() {
    let dir = Dir::new();
    let text = r#"
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
struct Guard {
    std::string name;
    Guard(const char *name) : name(name) { std::cout << "begin " << name << "\n"; }
    ~Guard() { std::cout << "end " << name << std::endl; }
};
static Guard global("global");
thread_local Guard local("local");
int main(int argc, char **argv) {
    std::vector<std::string> words(argv, argv + argc);
    std::thread([] { std::cout << local.name << " in a thread\n"; }).join();
    try { throw std::runtime_error(words.at(1)); } catch (const std::exception &error) {
        std::cout << "caught " << error.what() << "\n";
    }
    try { words.at(100); } catch (const std::out_of_range &) { std::cout << "caught out of range\n"; }
    return 3;
}
"#;
    dir.write("main.cc", text);
    let compiler = format!("{}-g++", gnu(Target::host().arch()));
    for options in [&["-O0"][..], &["-O2"], &["-O2", "-fPIC"]] {
        dir.tool(&compiler, [&["-c", "main.cc", "-o", "main.o"], options].concat());
        dir.kiln(["run", "--lib", "stdc++", "main.o", "--", "hello"]).gives(
            3,
            "begin global\nbegin local\nlocal in a thread\nend local\ncaught hello\ncaught out of range\nend global\n",
            "",
        );
    }
}
