//! `kiln run` of programs: what runs before `main` and after it, as in a process of their own.

use crate::Dir;

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

#[test]
fn flat_code_has_nobody_who_calls_initializers() {
    let dir = Dir::new();
    dir.assemble(
        kiln::Target::X86_64_LINUX,
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
