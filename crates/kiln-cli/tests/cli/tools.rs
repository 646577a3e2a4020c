//! Debuggers and profilers beside the command.
#![cfg(target_os = "linux")]

use std::process::Command;

use kiln::Target;

use crate::{Dir, program, which};

const PROGRAM: &str = "#include <stdlib.h>
static int compare(const void *a, const void *b) {
    int left = *(const int *)a, right = *(const int *)b;
    return left - right;
}
int least(int a, int b) {
    int numbers[] = { a, b };
    qsort(numbers, 2, sizeof *numbers, compare);
    return numbers[0];
}
int main(void) { return least(7, 3); }
";

/// What gdb says, which has the command in its hands, to these commands.
fn gdb(dir: &Dir, arguments: &[&str], commands: &[&str]) -> String {
    let mut gdb = Command::new(which("gdb"));
    gdb.args(["-nx", "-batch", "-ex", "set breakpoint pending on", "-ex", "set width 0"]);
    for command in commands {
        gdb.args(["-ex", command]);
    }
    gdb.arg("--args").arg(program().0).args(arguments).current_dir(&dir.0).env("TMPDIR", dir.path(".tmp"));
    let output = gdb.output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// An emulated command is no process of gdb's: `crates/kiln/tests/debugger.rs` has such sessions.
fn is_emulated() -> bool {
    !program().1.is_empty()
}

/// Nothing else is to be said: the command sees the debugger, also where it would run the code in a process of its own.
#[test]
fn the_command_under_gdb() {
    if is_emulated() {
        return;
    }
    let dir = Dir::new();
    dir.write("program.c", PROGRAM);
    let compiler = format!("{}-gcc", Target::host().gnu_prefix().unwrap());
    dir.tool(&compiler, ["-g", "-O0", "-c", "program.c"]);
    let commands = ["break compare", "run", "backtrace", "next", "info locals", "continue"];
    for arguments in
        [&["run", "program.o"][..], &["run", "--timeout", "20", "program.o"], &["call", "program.o", "least", "7", "3"]]
    {
        let said = gdb(&dir, arguments, &commands);
        for line in
            ["Breakpoint 1 (compare) pending.", "Breakpoint 1, compare (a=0x", "program.c:8", "left = 7", "right = 3"]
        {
            assert!(said.contains(line), "{arguments:?}: {line}:\n{said}");
        }
    }
}

/// One that comes later finds what it needs, if the command was asked for it.
#[test]
fn gdb_comes_later() {
    if is_emulated() {
        return;
    }
    let dir = Dir::new();
    let source =
        "#include <stdio.h>\nint turns;\nint main(void) { puts(\"ready\"); fflush(stdout); for (;;) turns++; }\n";
    dir.write("program.c", source);
    let mut kiln = dir.kiln(["run", "--debugger", "program.c"]);
    let mut child = kiln.start();
    let mut ready = [0; 6];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
    let process = child.id().to_string();
    let mut gdb = Command::new(which("gdb"));
    gdb.args([
        "-nx",
        "-batch",
        "-p",
        &process,
        "-ex",
        "info symbol &turns",
        "-ex",
        "frame function main",
        "-ex",
        "kill",
    ]);
    let output = gdb.current_dir(&dir.0).output().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("main () at program.c:3") && said.contains("turns in section .data"), "{said}");
}

#[test]
fn files_for_profilers() {
    let dir = Dir::new();
    dir.write("program.c", PROGRAM);
    dir.write("dumps/here", "");
    dir.kiln(["run", "--perf", "jitdump=dumps", "--perf", "map", "program.c"]).gives(3, "", "");
    let name = std::fs::read_dir(dir.path("dumps"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .find(|name| name != "here");
    let name = name.unwrap().into_string().unwrap();
    let process = name.strip_prefix("jit-").and_then(|rest| rest.strip_suffix(".dump")).unwrap();
    let map = format!("/tmp/perf-{process}.map");
    let text = std::fs::read_to_string(&map).unwrap();
    std::fs::remove_file(&map).unwrap();
    let names: Vec<&str> = text.lines().filter_map(|line| line.splitn(3, ' ').nth(2)).collect();
    assert_eq!(names, ["compare", "least", "main", "qsort@plt"]);
    dir.kiln(["call", "--perf", "jitdump", "program.c", "least", "2", "1"]).gives(0, "1\n", "");
    assert!(dir.names().iter().any(|name| name.starts_with("jit-")), "{:?}", dir.names());

    dir.kiln(["run", "--perf", "dump", "program.c"]).refuses(
        "error: invalid value 'dump' for '--perf <FILE>': a file for profilers is `map`, `jitdump` or `jitdump=DIR`

For more information, try '--help'.
",
    );
    let output = dir.kiln(["run", "--perf", "jitdump=lacking", "program.c"]).output();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("cannot write lacking/jit-"), "{said}");
    assert!(said.contains("next: name another folder, in which files may be made and mapped"), "{said}");
}

/// Compressed debug information says as much as any other: in a report of a crash, and of what can be called.
#[test]
fn compressed_debug_information() {
    let dir = Dir::new();
    dir.write("crash.c", "int read_at(const int *place) {\n    return *place;\n}\n");
    let compiler = format!("{}-gcc", Target::host().gnu_prefix().unwrap());
    dir.tool(&compiler, ["-g", "-gz=zlib", "-c", "crash.c", "-o", "crash.o"]);
    dir.kiln(["call", "crash.o"]).prints("int read_at(const int *place)\n");
    let output = dir.kiln(["call", "crash.o", "read_at", "0"]).output();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("crash.c:2"), "{said}");
}
